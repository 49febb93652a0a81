package casework

import "strings"

// FreeMail reports whether everybody can have an address at a domain: a mail
// provider for private people, or an access provider.
func FreeMail(domain string) bool {
	_, known := freeMail[domain]
	return known
}

var freeMail = func() map[string]struct{} {
	known := map[string]struct{}{}
	for domain := range strings.FieldsSeq(freeMailDomains) {
		known[domain] = struct{}{}
	}
	return known
}()

// The list is from general knowledge, by provider. One that is missing can be
// mapped by mistake, and taken back; one too many keeps nobody from mapping addresses.
const freeMailDomains = `
gmail.com googlemail.com
outlook.com outlook.de outlook.fr outlook.es outlook.it outlook.at outlook.be outlook.jp outlook.co.uk outlook.com.br
hotmail.com hotmail.de hotmail.fr hotmail.es hotmail.it hotmail.nl hotmail.be hotmail.co.uk hotmail.co.jp hotmail.com.br hotmail.ch
live.com live.de live.fr live.it live.nl live.be live.se live.dk live.no live.co.uk live.ca live.com.au live.jp
msn.com passport.com windowslive.com
yahoo.com yahoo.de yahoo.fr yahoo.es yahoo.it yahoo.ca yahoo.in yahoo.co.uk yahoo.co.jp yahoo.co.in yahoo.co.id yahoo.com.br yahoo.com.ar yahoo.com.mx yahoo.com.au yahoo.com.hk yahoo.com.tw yahoo.gr yahoo.ie yahoo.se
ymail.com rocketmail.com myyahoo.com aol.com aol.de aol.co.uk aim.com verizon.net
icloud.com me.com mac.com
gmx.de gmx.net gmx.com gmx.at gmx.ch gmx.fr gmx.es gmx.co.uk gmx.us gmx.info web.de mail.com email.com usa.com europe.com
t-online.de magenta.de freenet.de arcor.de 1und1.de online.de online.home.de vodafone.de vodafonemail.de kabelmail.de unitybox.de posteo.de posteo.net mailbox.org
bluewin.ch hispeed.ch sunrise.ch aon.at chello.at
orange.fr wanadoo.fr free.fr sfr.fr neuf.fr laposte.net bbox.fr numericable.fr
libero.it virgilio.it tiscali.it alice.it tin.it inwind.it iol.it fastwebnet.it
telefonica.net terra.es ono.com
ziggo.nl kpnmail.nl planet.nl xs4all.nl home.nl hetnet.nl upcmail.nl telenet.be skynet.be proximus.be
btinternet.com virginmedia.com sky.com talktalk.net ntlworld.com blueyonder.co.uk tiscali.co.uk
telia.com bredband.net online.no tdcadsl.dk
wp.pl o2.pl onet.pl interia.pl op.pl gazeta.pl seznam.cz centrum.cz email.cz post.cz azet.sk freemail.hu citromail.hu abv.bg
mail.ru bk.ru inbox.ru list.ru internet.ru yandex.ru yandex.com ya.ru rambler.ru ukr.net i.ua
qq.com foxmail.com 163.com 126.com yeah.net sina.com sina.cn sohu.com 139.com 189.cn aliyun.com
naver.com hanmail.net daum.net nate.com docomo.ne.jp ezweb.ne.jp softbank.ne.jp au.com nifty.com excite.co.jp
rediffmail.com indiatimes.com
uol.com.br bol.com.br terra.com.br ig.com.br globo.com
comcast.net att.net sbcglobal.net bellsouth.net cox.net charter.net earthlink.net juno.com optonline.net rogers.com shaw.ca sympatico.ca bigpond.com optusnet.com.au xtra.co.nz
proton.me protonmail.com protonmail.ch pm.me tutanota.com tutanota.de tuta.io tuta.com keemail.me hushmail.com fastmail.com fastmail.fm startmail.com runbox.com disroot.org riseup.net
zoho.com zohomail.com hey.com duck.com mozmail.com privaterelay.appleid.com lycos.com inbox.com mail.de
mailinator.com guerrillamail.com 10minutemail.com yopmail.com trashmail.com temp-mail.org
`
