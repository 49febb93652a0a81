package main

import (
	"fmt"
	"strings"
	"time"
)

// sampleLanguage is how mail programs speak to people of a language.
type sampleLanguage struct {
	reply, forward string // prefixes of Outlook
	months         string
	weekdays       string // short, from Sunday
	dayFormat      string // D, M and Y stand for day, month and year.
	gmail          string // attribution; W weekday, T time, N name, A address as well
	sent           string // date in the block of Outlook
	apple          string
	block          [5]string // From, Sent, To, Cc, Subject above what Outlook quotes
	phone          string    // last line of mail from a phone
	forwardMark    string
}

var sampleLanguages = map[string]sampleLanguage{
	"en": {
		reply: "RE: ", forward: "FW: ",
		months:   "January February March April May June July August September October November December",
		weekdays: "Sun Mon Tue Wed Thu Fri Sat", dayFormat: "D M",
		sent: "W D M Y T", gmail: "On W, D M Y at T, N <A> wrote:", apple: "On D M Y, at T, N <A> wrote:",
		block: [5]string{"From:", "Sent:", "To:", "Cc:", "Subject:"},
		phone: "Sent from my iPhone", forwardMark: "---------- Forwarded message ---------",
	},
	"de": {
		reply: "AW: ", forward: "WG: ",
		months:   "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
		weekdays: "So. Mo. Di. Mi. Do. Fr. Sa.", dayFormat: "D. M",
		sent: "W D. M Y T", gmail: "Am W, D. M Y um T Uhr schrieb N <A>:", apple: "Am D. M Y um T schrieb N <A>:",
		block: [5]string{"Von:", "Gesendet:", "An:", "Cc:", "Betreff:"},
		phone: "Von meinem iPhone gesendet", forwardMark: "---------- Weitergeleitete Nachricht ---------",
	},
	"fr": {
		reply: "RE: ", forward: "TR: ",
		months:   "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
		weekdays: "dim. lun. mar. mer. jeu. ven. sam.", dayFormat: "D M",
		sent: "W D M Y T", gmail: "Le W D M Y à T, N <A> a écrit :", apple: "Le D M Y à T, N <A> a écrit :",
		block: [5]string{"De :", "Envoyé :", "À :", "Cc :", "Objet :"},
		phone: "Envoyé de mon iPhone", forwardMark: "---------- Message transféré ---------",
	},
	"es": {
		reply: "RE: ", forward: "RV: ",
		months:   "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
		weekdays: "dom lun mar mié jue vie sáb", dayFormat: "D de M",
		sent: "W D de M de Y T", gmail: "El W, D de M de Y a las T, N (<A>) escribió:", apple: "El D M Y, a las T, N <A> escribió:",
		block: [5]string{"De:", "Enviado:", "Para:", "CC:", "Asunto:"},
		phone: "Enviado desde mi iPhone", forwardMark: "---------- Mensaje reenviado ---------",
	},
	"ja": {
		reply: "Re: ", forward: "Fwd: ",
		months:   "1 2 3 4 5 6 7 8 9 10 11 12",
		weekdays: "日 月 火 水 木 金 土", dayFormat: "M月D日",
		sent: "Y年M月D日 T", gmail: "Y年M月D日(W) T N <A> さんのメール:", apple: "Y年M月D日 T、N <A>のメール:",
		block: [5]string{"差出人:", "送信日時:", "宛先:", "CC:", "件名:"},
		phone: "iPhoneから送信", forwardMark: "---------- 転送されたメッセージ ---------",
	},
}

// day writes a day without its year.
func (w sampleLanguage) day(t time.Time) string { return w.fill(w.dayFormat, t, "", "") }

// fill puts a date and a person in place of the capital letters of a pattern.
func (w sampleLanguage) fill(pattern string, t time.Time, name, address string) string {
	month := strings.Fields(w.months)[t.Month()-1]
	weekday := strings.Fields(w.weekdays)[t.Weekday()]
	var out strings.Builder
	for word := range sampleTokens(pattern) {
		switch word {
		case "D":
			fmt.Fprint(&out, t.Day())
		case "M":
			out.WriteString(month)
		case "Y":
			fmt.Fprint(&out, t.Year())
		case "W":
			out.WriteString(weekday)
		case "T":
			out.WriteString(t.Format("15:04"))
		case "N":
			out.WriteString(name)
		case "A":
			out.WriteString(address)
		default:
			out.WriteString(word)
		}
	}
	return out.String()
}

// sampleTokens yields the runs of ASCII letters of a pattern and what is between them.
func sampleTokens(pattern string) func(func(string) bool) {
	letter := func(b byte) bool { return b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z' }
	return func(yield func(string) bool) {
		for start, at := 0, 0; start < len(pattern); start = at {
			for at = start + 1; at < len(pattern) && letter(pattern[at]) == letter(pattern[start]); at++ {
			}
			if !yield(pattern[start:at]) {
				return
			}
		}
	}
}

// prefix is what the writer's program puts before the subject it answers.
func (l *sampleLetter) prefix() string {
	w := sampleLanguages[l.from.lang]
	switch {
	case l.client == "outlook" && l.forwarded:
		return w.forward
	case l.client == "outlook":
		return w.reply
	case l.forwarded:
		return "Fwd: "
	}
	return "Re: "
}

// attribution is the line above what is quoted.
func (l *sampleLetter) attribution() string {
	w, p := sampleLanguages[l.from.lang], l.parent
	pattern := w.apple
	if l.client == "gmail" {
		pattern = w.gmail
	}
	return w.fill(pattern, p.date.In(l.from.zone), p.from.name, p.from.address)
}

// quotedHeader is the block that Outlook puts above what it quotes: label and value.
func (l *sampleLetter) quotedHeader() [][2]string {
	w, p := sampleLanguages[l.from.lang], l.parent
	lines := [][2]string{
		{w.block[0], p.from.name + " <" + p.from.address + ">"},
		{w.block[1], w.fill(w.sent, p.date.In(l.from.zone), "", "")},
		{w.block[2], sampleNames(p.to)},
	}
	if len(p.cc) > 0 {
		lines = append(lines, [2]string{w.block[3], sampleNames(p.cc)})
	}
	return append(lines, [2]string{w.block[4], p.subject})
}

func sampleNames(people []*samplePerson) string {
	var all []string
	for _, p := range people {
		all = append(all, p.name+" <"+p.address+">")
	}
	return strings.Join(all, "; ")
}
