package message

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// marked writes the zones of a text as its lines, see letters.
func marked(body string) string { return letters(body, zones(body)) }

// letters writes zones as the first letter of their kind for each line; a
// disclaimer's is "d", and "u" is automatic.
func letters(body string, all []Zone) string {
	letters := map[string]string{zoneAuthor: "a", zoneQuote: "q", zoneForward: "f", zoneSignature: "s", zoneDisclaimer: "d", zoneAutomatic: "u"}
	var out strings.Builder
	for _, z := range all {
		out.WriteString(strings.Repeat(letters[z.Kind], strings.Count(body[z.Start:z.End], "\n")))
	}
	return out.String()
}

// Each case is a text and the kinds of its lines.
func TestWhoWroteWhichLine(t *testing.T) {
	for _, c := range []struct{ name, want, body string }{
		{"one voice", "aaa", "Hello\n\nBye\n"},
		{"below the quote", "qqqaaa", "On Mon, 2 Mar 2026 at 10:00, Jane <jane@b.example> wrote:\n> When?\n> Where?\n\nFriday, here.\nKim\n"},
		{"between quotes", "qqaaaqaaqqaa", "On Mon, 2 Mar 2026 Jane wrote:\n> When?\n\nFriday.\n\n> Where?\n\nHere.\n> One\n> Two\n\nYes.\n"},
		{"gap in a quote", "qqqqaa", "> one\n>\n\n> two\n\nmine\n"},
		{"deep quote", "aqqqqa", "Sure.\n> On Sunday Kim wrote:\n>> first\n>>> older\n> second\nDone.\n"},
		{"reply behind a signature", "aassqqaa", "Top.\n\n-- \nKim\n> quoted\n> more\n\nBottom.\n"},
		{"signature", "aaass", "Text\n--\u00a0x\n\n-- \nKim, Sales\n"},

		{"Gmail, wrapped", "aaqqqq", "Yes.\n\nOn Mon, Mar 2, 2026 at 10:00 AM Jane Doe-Longname <jane.doe.longname@b.example>\nwrote:\n\n> When?\n"},
		{"Gmail, wrapped twice", "aaqqqq", "Yes.\n\nOn Mon, Mar 2, 2026 at 10:00 AM Jane Doe\n<jane.doe.longname@b.example>\nwrote:\n> When?\n"},
		{"no marks below", "aaqqqq", "Yes.\n\nOn Mar 2, 2026, at 10:00, Jane <jane@b.example> wrote:\n\nWhen?\nJane\n"},
		{"Thunderbird", "qqaa", "On 3/2/26 10:00, Jane wrote:\n> When?\n\nFriday\n"},
		{"own sentence", "aaaa", "On Friday I wrote this list:\n\n- one\n- two\n"},
		{"own sentences and attribution", "aqq", "On Friday we can.\nJane wrote:\n> When?\n"},
		{"German", "qqa", "Am 02.03.2026 um 10:00 schrieb Jane Doe <jane@b.example>:\n> Wann?\nHeute.\n"},
		{"German, wrapped", "aaqqq", "Heute.\n\nAm Mo., 2. März 2026 um 10:00 Uhr schrieb Jane Doe <\njane@b.example>:\n> Wann?\n"},
		{"French", "aqqq", "Oui\nLe lun. 2 mars 2026 à 10:00, Jane Doe <jane@b.example> a écrit\u00a0:\n\n> Quand ?\n"},
		{"French, wrapped", "aqqq", "Oui\nLe lun. 2 mars 2026 à 10:00, Jane Doe <jane@b.example> a\nécrit :\n> Quand ?\n"},
		{"Spanish", "aqqq", "Sí\nEl lun, 2 mar 2026 a las 10:00, Jane (<jane@b.example>)\nescribió:\n> ¿Cuándo?\n"},
		{"Dutch", "aqqq", "Ja\nOp ma 2 mrt 2026 om 10:00 schreef Jane Doe\n<jane@b.example>:\n> Wanneer?\n"},
		{"Italian", "aqq", "Sì\nIl giorno lun 2 mar 2026 alle ore 10:00 Jane <jane@b.example> ha scritto:\n> Quando?\n"},
		{"Portuguese", "aqq", "Sim\nEm seg., 2 de mar. de 2026 às 10:00, Jane <jane@b.example> escreveu:\n> Quando?\n"},
		{"Japanese", "aqq", "はい\n2026年3月2日(月) 10:00 Jane Doe <jane@b.example>:\n> いつ\n"},
		{"Japanese, Apple", "aqq", "はい\n2026/03/02 10:00、Jane <jane@b.example>のメール:\n> いつ\n"},
		{"Chinese", "aqq", "好\nJane Doe <jane@b.example> 于2026年3月2日周一 10:00写道：\n> 什么时候\n"},
		{"Chinese, Apple", "aqq", "好\n在 2026年3月2日，10:00，Jane <jane@b.example> 写道：\n> 什么时候\n"},

		{"Outlook block", "aaqqqqqqq", "Yes.\n\nFrom: Jane Doe <jane@b.example>\nSent: Monday, March 2, 2026 10:00\nTo: Kim\nCc: Bob\nSubject: Date\n\nWhen?\n"},
		{"Outlook block, rule and bold", "aaqqqqqq", "Yes.\n\n________________________________\n*From:* Jane\n*Sent:* Monday\n*To:* Kim\n\nWhen?\n"},
		{"Outlook block, wrapped recipients", "aqqqqqq", "Yes.\nFrom: Jane\nSent: Monday\nTo: Kim <kim@c.example>; Bob <bob@c.example>;\n Eve\nSubject: x\nWhen?\n"},
		{"word From", "aaa", "From: here to there\nit is far\nand cold\n"},
		{"Outlook German", "aqqqqq", "Ja\nVon: Jane\nGesendet: Montag\nAn: Kim\nBetreff: Termin\nWann?\n"},
		{"Outlook French", "aqqqqq", "Oui\nDe\u00a0: Jane\nEnvoyé\u00a0: lundi\nÀ\u00a0: Kim\nObjet\u00a0: x\nQuand ?\n"},
		{"Outlook Spanish", "aqqqqq", "Sí\nDe: Jane\nEnviado el: lunes\nPara: Kim\nAsunto: x\n¿Cuándo?\n"},
		{"Outlook Dutch", "aqqqqq", "Ja\nVan: Jane\nVerzonden: maandag\nAan: Kim\nOnderwerp: x\nWanneer?\n"},
		{"Outlook Italian", "aqqqqq", "Sì\nDa: Jane\nInviato: lunedì\nA: Kim\nOggetto: x\nQuando?\n"},
		{"Outlook Portuguese", "aqqqqq", "Sim\nDe: Jane\nEnviada em: segunda-feira\nPara: Kim\nAssunto: x\nQuando?\n"},
		{"Outlook Japanese", "aqqqqq", "はい\n差出人: Jane\n送信日時: 2026年3月2日\n宛先: Kim\n件名: x\nいつ\n"},
		{"Outlook Chinese", "aqqqqq", "好\n发件人：Jane\n发送时间：2026年3月2日\n收件人：Kim\n主题：x\n什么时候\n"},
		{"original message in a quote", "aqqa", "Yes.\n> -----Original Message-----\n> When?\nmine\n"},

		{"Gmail forward", "aaffff", "See below.\n\n---------- Forwarded message ---------\nFrom: Jane\n\n> older\n"},
		{"Apple forward", "aafff", "See below.\n\nBegin forwarded message:\n\n> From: Jane\n"},
		{"forward without words", "ff", "-------- Weitergeleitete Nachricht --------\nBetreff: x\n"},

		{"telephone and quote", "aasqqq", "Yes\n\nSent from my iPhone\n> On 2 Mar 2026, at 10:00, Jane wrote:\n>\n> When?\n"},
		{"telephone and Outlook block", "aasqqqq", "Yes\n\nGet Outlook for iOS\nFrom: Jane\nSent: Monday\nTo: Kim\nWhen?\n"},
		{"disclaimer", "aassddd", "Yes\n\n-- \nKim\nThis e-mail and any attachments are\nconfidential and intended solely for the addressee.\nThanks.\n"},
		{"disclaimer above a quote", "aadqqqq", "Yes\n\nCONFIDENTIALITY NOTICE: for the intended recipient only.\nFrom: Jane\nSent: Monday\nTo: Kim\nWhen?\n"},
		{"no disclaimer", "aa", "This message took two days.\nWhy?\n"},
		{"heading of a disclaimer", "aadddd", "Ja\n\nDisclaimer\n\nDe informatie in dit bericht is\nvertrouwelijk.\n"},
		{"banner", "uuaa", "CAUTION: This email originated from outside of the organization.\n\nHello\nYou\n"},
		{"list", "aauu", "Hello\n\nYou received this message because you are subscribed to the group.\nTo unsubscribe, write.\n"},
		{"sent by people", "aa", "Von meinem Kollegen weiß ich nichts.\nGesendet von Jane an Kim.\n"},
	} {
		if got := marked(c.body); got != c.want {
			t.Errorf("%s: %s, want %s\n%s", c.name, got, c.want, c.body)
		}
	}
}

// Marks in each language set off what is below them.
func TestMarksOfAllLanguages(t *testing.T) {
	for want, lines := range map[string][]string{
		"q": {"-----Original Message-----", "-----Ursprüngliche Nachricht-----", "-----Message d’origine-----", "-----Message d'origine-----", "-----Mensaje original-----", "-----Oorspronkelijk bericht-----",
			"-----Messaggio originale-----", "-----Mensagem original-----", "-----元のメッセージ-----", "------------------ 原始邮件 ------------------"},
		"f": {"-------- Forwarded Message --------", "-------- Weitergeleitete Nachricht --------", "-------- Message transféré --------", "---------- Mensaje reenviado ---------", "---------- Doorgestuurd bericht ---------",
			"-------- Messaggio inoltrato --------", "-------- Mensagem encaminhada --------", "---------- 転送されたメッセージ ---------", "---------- 转发的邮件 ---------",
			"Begin forwarded message:", "Anfang der weitergeleiteten Nachricht:", "Début du message transféré\u00a0:", "Inicio del mensaje reenviado:", "Begin doorgestuurd bericht:", "Inizio messaggio inoltrato:",
			"Início da mensagem encaminhada:", "転送されたメッセージ:", "开始转发的邮件："},
		"s": {"Sent from my iPhone", "Sent from my Galaxy", "Get Outlook for Android", "Von meinem iPhone gesendet", "Gesendet von meinem iPad", "Envoyé de mon iPhone", "Enviado desde mi iPhone", "Verstuurd vanaf mijn iPhone",
			"Inviato da iPhone", "Enviado do meu iPhone", "iPhoneから送信", "发自我的iPhone"},
		"d": {"This message is confidential.", "Diese E-Mail enthält vertrauliche Informationen.", "Ce message est confidentiel.", "Este mensaje es confidencial.", "Dit bericht is vertrouwelijk.", "Questo messaggio è riservato.", "Esta mensagem é confidencial.",
			"このメールには機密情報が含まれます。", "本邮件包含机密信息。"},
	} {
		for _, line := range lines {
			if got := marked("words\n" + line + "\nbelow\n"); got != "a"+want+want {
				t.Errorf("%s: %s", line, got)
			}
		}
	}
}

// Zones cover any text without gaps and in order, and neighbours differ.
func TestZonesCoverAnyText(t *testing.T) {
	lines := []string{"", "  ", "words", "> quoted", ">> deep", "On Mon, 2 Mar 2026 at 10:00 Jane", "wrote:", "Jane wrote:", "From: Jane", "Sent: Monday", "To: Kim", "Subject: x", "-- ", "Sent from my iPhone",
		"-----Original Message-----", "Begin forwarded message:", "This message is", "confidential", "____________", "CAUTION: External", "2026年3月2日 a@b:", "\u00a0", "2026年", "Kind regards,", "Jane", "Jane Doe", "Sales", strings.Repeat("x1", 300) + ":"}
	rapid.Check(t, func(t *rapid.T) {
		body := strings.Join(rapid.SliceOf(rapid.OneOf(rapid.SampledFrom(lines), rapid.String())).Draw(t, "lines"), "\n")
		if fault := covers(body, zones(body, Mailbox{Name: "Jane Doe"})); fault != "" {
			t.Fatal(fault)
		}
	})
}

func covers(body string, all []Zone) string {
	at := 0
	for i, z := range all {
		if z.Start != at || z.End <= at || i > 0 && all[i-1].Kind == z.Kind {
			return fmt.Sprintf("zone %d is %+v, behind %d", i, z, at)
		}
		if at = z.End; at < len(body) && body[at-1] != '\n' {
			return fmt.Sprintf("zone %d ends within a line", i)
		}
	}
	if at != len(body) {
		return fmt.Sprintf("zones end at %d of %d", at, len(body))
	}
	return ""
}
