package message

import (
	"slices"
	"strings"
)

// AutomaticKind is what kind of machine wrote a message.
type AutomaticKind string

const (
	AbsenceKind  AutomaticKind = "absence"  // Somebody is away, or has left.
	BounceKind   AutomaticKind = "bounce"   // What was sent did not arrive, or not yet (RFC 3464).
	ListKind     AutomaticKind = "list"     // The same to many: a newsletter, an announcement.
	ReceiptKind  AutomaticKind = "receipt"  // What was sent has arrived (RFC 8098, RFC 3464), or was given a number.
	NoticeKind   AutomaticKind = "notice"   // What else programs write of themselves.
	CalendarKind AutomaticKind = "calendar" // The answer to an invitation (RFC 5546): REPLY, COUNTER and the like.
)

// AutomaticKind tells what kind of machine wrote the message; "" when a person
// did. A fault in one direction counts a machine's words as a customer's, one
// in the other hides a customer's: where signs are weak, a person it is.
//
// What alone makes a message automatic, whatever else it has:
//   - a report (RFC 6522), a sender called MAILER-DAEMON, X-Failed-Recipients;
//   - an answer to an invitation, as a part for calendars or as Exchange's class;
//   - Auto-Submitted but "no" (RFC 3834), Precedence: auto_reply, X-Autoreply and its kin;
//   - an empty Return-Path (RFC 5321 section 4.5.5);
//   - X-MS-Exchange-Inbox-Rules-Loop that names the sender. A rule that only
//     redirects leaves its owner there and the words of somebody else below.
//
// What makes it automatic together with something else:
//   - the subject as programs begin it ("Automatic reply: …") where a field of
//     programs, or the message that it answers, is named;
//   - the subject of a receipt with a number, where X-Auto-Response-Suppress stands;
//   - Precedence: bulk or junk, or List-Unsubscribe, on what answers nothing and
//     came through no list where people write (RFC 2369, List-Post); through such
//     a list List-Unsubscribe-Post (RFC 8058) or Feedback-ID on what answers nothing;
//   - a sender called no-reply who names nobody else to reply to: forms on web
//     sites send a visitor's words so, and name him.
//
// What says nothing: List-Id and Precedence: list, since a support address that
// is a group stamps them on its customers' mail; X-Auto-Response-Suppress, which
// Exchange adds to people's; an invitation or its cancellation, which a person sent.
func (m *Message) AutomaticKind() AutomaticKind {
	s := m.signs()
	if kind := m.reported(s); kind != "" {
		return kind
	}
	numbered := hasNumber(s.subject)
	switch {
	case m.answersInvitation():
		return CalendarKind
	case receiptSubject(s.subject) && (s.machine || s.bulk || s.noReply || s.suppress && numbered):
		return ReceiptKind
	case beginsAsProgram(s.subject) && (s.machine || s.bulk || s.suppress || s.answers):
		return AbsenceKind
	case (saysAbsent.begin(s.subject) || strings.Contains(s.subject, " is out of the office")) && (s.machine || s.bulk && s.answers):
		return AbsenceKind
	case (s.replied || s.null) && m.tellsAbsence():
		return AbsenceKind
	case s.replied && numbered:
		return ReceiptKind
	case s.replied:
		return AbsenceKind
	case s.toMany():
		return ListKind
	case s.machine, s.noReply, m.forwardedByRule():
		return NoticeKind
	}
	return ""
}

// Automatic reports whether a machine wrote the message.
func (m *Message) Automatic() bool { return m.AutomaticKind() != "" }

// signs are what the header tells of who wrote a message.
type signs struct {
	subject  string // In lower case, without prefixes of replies.
	replied  bool   // A program answered.
	null     bool   // The reverse-path is empty.
	machine  bool   // A program wrote it, be it as an answer.
	bulk     bool   // Precedence: bulk or junk.
	suppress bool   // X-Auto-Response-Suppress.
	noReply  bool   // The sender takes no answers.
	answers  bool   // It answers another message.

	unsubscribe bool // List-Unsubscribe.
	discussion  bool // It came through a list where people write.
	campaign    bool // It has fields that senders of bulk mail alone write.
}

func (m *Message) signs() signs {
	bare, _ := cutComments(m.Get("Auto-Submitted"))
	submitted, _, _ := strings.Cut(strings.ToLower(bare), ";")
	submitted = strings.TrimSpace(submitted)
	precedence := strings.ToLower(m.Get("Precedence"))
	post := strings.ToLower(m.Get("List-Post"))
	suppress := strings.ToLower(m.Get("X-Auto-Response-Suppress"))
	s := signs{
		subject:     strings.ToLower(m.Subject),
		bulk:        oneOf(precedence, "bulk", "junk"),
		suppress:    suppress != "" && suppress != "none",
		answers:     len(m.InReplyTo) > 0 || len(m.References) > 0,
		unsubscribe: m.Has("List-Unsubscribe"),
		discussion:  post != "" && !strings.HasPrefix(post, "no"),
		campaign:    m.Has("List-Unsubscribe-Post") || m.Has("Feedback-ID"),
	}
	s.replied = submitted == "auto-replied" || precedence == "auto_reply" || m.answeredByRule() ||
		slices.ContainsFunc([]string{"X-Autoreply", "X-Autorespond", "X-Autoresponder"}, func(name string) bool { return m.Has(name) && !strings.EqualFold(m.Get(name), "no") })
	if f := field(m.Header, "Return-Path"); f != nil && f.Value == "<>" {
		s.null = true
	}
	s.machine = s.replied || s.null || submitted != "" && submitted != "no"
	s.noReply = m.takesNoAnswers()
	return s
}

// toMany reports whether the same was sent to many, and not by a person who
// wrote to a list.
func (s signs) toMany() bool {
	switch {
	case s.answers:
		return false
	case s.discussion:
		return s.campaign
	case s.machine:
		return s.unsubscribe
	}
	return s.bulk || s.unsubscribe
}

// reported tells the kind of what mail systems report: bounces and receipts.
func (m *Message) reported(s signs) AutomaticKind {
	switch class := strings.ToUpper(m.Class); {
	case strings.HasPrefix(class, "REPORT.") && strings.HasSuffix(class, ".NDR"):
		return BounceKind
	case strings.HasPrefix(class, "REPORT."): // Delivered, read, or deleted without being read.
		return ReceiptKind
	case strings.HasPrefix(class, "IPM.NOTE.RULES.OOFTEMPLATE"):
		return AbsenceKind
	}
	for i := range m.Parts {
		if p := &m.Parts[i]; p.Type == "multipart/report" && p.Parent <= 0 {
			return m.reportKind(p)
		}
	}
	from := m.senderName()
	failed := bounceStarts.begin(s.subject)
	switch {
	case from == "mailer-daemon", m.Has("X-Failed-Recipients"),
		failed && (s.machine || from == "postmaster" && !s.answers || from == exchangeItself):
		return BounceKind
	case from == exchangeItself:
		return NoticeKind
	}
	return ""
}

// exchangeItself is the name that Exchange writes mail under, of each
// organisation the same.
const exchangeItself = "microsoftexchange329e71ec88ae4615bbc36ab6ce41109e"

func (m *Message) reportKind(p *Part) AutomaticKind {
	switch strings.ToLower(p.Params["report-type"]) {
	case "disposition-notification":
		return ReceiptKind
	case "delivery-status", "":
	default:
		return NoticeKind
	}
	all := m.deliveries()
	arrived := func(d Delivered) bool { return oneOf(d.Action, "delivered", "relayed", "expanded") }
	switch {
	case len(all) > 0 && !slices.ContainsFunc(all, func(d Delivered) bool { return !arrived(d) }):
		return ReceiptKind
	case slices.ContainsFunc(m.Parts, func(p Part) bool { return p.Type == "message/disposition-notification" }):
		return ReceiptKind
	}
	return BounceKind
}

// answersInvitation reports whether the message is what a calendar sends back.
func (m *Message) answersInvitation() bool {
	if strings.HasPrefix(strings.ToUpper(m.Class), "IPM.SCHEDULE.MEETING.RESP") {
		return true
	}
	for i := range m.Parts {
		if p := &m.Parts[i]; p.Type == "text/calendar" && p.Disposition != "attachment" && oneOf(m.calendarMethod(p), "REPLY", "COUNTER", "DECLINECOUNTER", "REFRESH") {
			return true
		}
	}
	return false
}

// calendarMethod is what a part for calendars asks for (RFC 5546), in upper
// case: as its type says (RFC 6047 section 2.4), else the object itself.
func (m *Message) calendarMethod(p *Part) string {
	if method := p.Params["method"]; method != "" {
		return strings.ToUpper(method)
	}
	for line := range strings.Lines(string(m.Content(p.N))) {
		switch name, _, value := calendarProperty(strings.TrimSpace(line)); {
		case name == "METHOD":
			return strings.ToUpper(strings.TrimSpace(value))
		case name == "BEGIN" && !strings.EqualFold(value, "VCALENDAR"):
			return "" // Properties of the object stand above its components.
		}
	}
	return ""
}

// answeredByRule reports whether a rule of the sender's own mailbox wrote it.
func (m *Message) answeredByRule() bool { return m.ownLoop() && !Reply(m.Subject) }

// forwardedByRule reports whether such a rule passed it on.
func (m *Message) forwardedByRule() bool { return m.ownLoop() && !m.Has("In-Reply-To") }

func (m *Message) ownLoop() bool {
	loop := m.Get("X-MS-Exchange-Inbox-Rules-Loop")
	return loop != "" && len(m.From) > 0 && strings.EqualFold(loop, m.From[0].Address)
}

// senderName is the local part of the sender's address, in lower case.
func (m *Message) senderName() string {
	if len(m.From) == 0 {
		return ""
	}
	local, _, _ := strings.Cut(strings.ToLower(m.From[0].Address), "@")
	return local
}

// takesNoAnswers reports whether the sender's address says so, and no other is
// named for answers.
func (m *Message) takesNoAnswers() bool {
	local := strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '.' {
			return -1
		}
		return r
	}, m.senderName())
	if !noReplyStarts.begin(local) {
		return false
	}
	return !slices.ContainsFunc(m.ReplyTo, func(to Mailbox) bool { return !strings.EqualFold(to.Address, m.From[0].Address) })
}

// maxAbsence is how much of a text says that somebody is away, in bytes.
const maxAbsence = 1000

// tellsAbsence reports whether the text does.
func (m *Message) tellsAbsence() bool {
	text := strings.ToLower(truncate(m.textOf(m.bodyParts()).Body, maxAbsence))
	text = strings.Join(strings.Fields(strings.ReplaceAll(text, "’", "'")), " ")
	if start, _ := Left(text); start >= 0 {
		return true
	}
	return slices.ContainsFunc(absences, func(words string) bool { return strings.Contains(text, words) })
}

// beginsAsProgram reports whether a subject begins as programs begin that of an
// automatic answer: with words of their own, a colon, and the subject answered.
func beginsAsProgram(subject string) bool {
	head, _, ok := strings.Cut(strings.ReplaceAll(strings.ReplaceAll(subject, "：", ":"), "】", ":"), ":")
	return ok && oneOf(strings.Trim(head, " \u00a0[]【"), "automatic reply", "auto-reply", "autoreply", "auto reply", "auto", "out of office autoreply", "automatische antwort", "abwesenheitsnotiz", "automatische abwesenheitsnotiz",
		"réponse automatique", "message d'absence", "respuesta automática", "automatisch antwoord", "automatische reactie", "risposta automatica", "resposta automática", "自動応答", "自動返信", "自动回复",
		"automatisk svar", "autosvar", "automaattinen vastaus", "odpowiedź automatyczna")
}

// saysAbsent are beginnings of subjects that people write too.
var saysAbsent = startsOf(
	"out of office", "out of the office", "ooo", "away from", "on vacation", "on leave", "vacation", "i am away", "i'm away", "absence", "absent", "abwesen", "nicht im büro", "urlaub", "im urlaub", "en congé", "en vacances",
	"fuera de la oficina", "fuera de oficina", "ausencia", "ausente", "de vacaciones", "afwezig", "niet aanwezig", "met vakantie", "fuori sede", "fuori ufficio", "assente", "assenza", "in ferie", "ausência", "fora do escritório", "de férias",
	"不在", "休暇",
)

// absences are words of which the text of such an answer has some.
var absences = []string{
	"out of the office", "out of office", "away from the office", "away from my desk", "on vacation", "on annual leave", "on leave", "on holiday", "parental leave", "maternity leave", "limited access to e", "back in the office", "will be back on",
	"nicht im büro", "nicht im hause", "abwesend", "im urlaub", "außer haus", "in elternzeit", "nicht erreichbar",
	"absent du bureau", "absente du bureau", "suis absent", "en congé", "en vacances", "de retour le",
	"fuera de la oficina", "de vacaciones", "estaré ausente", "estoy ausente", "afwezig", "niet aanwezig", "met vakantie", "niet op kantoor",
	"fuori sede", "fuori ufficio", "in ferie", "sono assente", "sarò assente", "fora do escritório", "de férias", "estarei ausente", "estou ausente", "不在", "休暇", "休業",
}

var bounceStarts = startsOf(
	"undeliver", "mail delivery failed", "mail delivery failure", "mail delivery subsystem", "delivery status notification", "delivery failure", "delivery has failed", "delivery delayed", "failure notice", "returned mail", "mail system error",
	"message delivery delayed", "warning: message", "warning: could not send", "non remis", "unzustellbar", "zustellung fehlgeschlagen", "échec de la remise", "no se puede entregar", "onbestelbaar", "non recapitabile", "não entregue", "配信不能", "未配信",
)

var noReplyStarts = startsOf("noreply", "donotreply", "nichtantworten", "keineantwort", "nepasrepondre", "noresponder", "noresponda", "nonrispondere", "naoresponda", "nietantwoorden")

// receiptSubject reports whether a subject says that something has arrived.
func receiptSubject(subject string) bool {
	return slices.ContainsFunc([]string{
		"we have received your", "we've received your", "we received your", "has been received", "your ticket has been", "ticket received", "request received", "case created", "ticket created", "thank you for contacting", "thanks for contacting",
		"eingangsbestätigung", "ist bei uns eingegangen", "ist eingegangen", "haben ihre anfrage erhalten", "avons bien reçu votre", "avons reçu votre", "accusé de réception", "hemos recibido su", "hemos recibido tu", "acuse de recibo",
		"abbiamo ricevuto", "recebemos a sua", "recebemos sua", "recebemos o seu", "hebben uw", "ontvangstbevestiging", "受け付けました", "受付完了", "お問い合わせありがとう",
	}, func(words string) bool { return strings.Contains(subject, words) })
}

// hasNumber reports whether a subject has the number of a ticket: "#123",
// "[ABC-123]".
func hasNumber(subject string) bool {
	for i := range len(subject) - 2 {
		if subject[i] == '#' && isDigit(subject[i+1]) && isDigit(subject[i+2]) {
			return true
		}
	}
	_, rest, open := strings.Cut(subject, "[")
	inside, _, closed := strings.Cut(rest, "]")
	return open && closed && len(inside) < 40 && strings.ContainsAny(inside, "-#:") && hasDigit(inside)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// leavings say that somebody works there no more, in lower case.
var leavings = []string{
	"no longer with the company", "no longer with our", "no longer with us", "am no longer with", "no longer works for", "no longer works at", "no longer work for", "no longer work at", "no longer working for", "no longer working at", "no longer employed",
	"has left the company", "have left the company", "has left the organisation", "has left the organization",
	"hat das unternehmen verlassen", "habe das unternehmen verlassen", "hat die firma verlassen", "nicht mehr im unternehmen", "nicht mehr bei uns tätig", "nicht mehr bei uns beschäftigt", "aus dem unternehmen ausgeschieden",
	"a quitté l'entreprise", "a quitté la société", "quitté notre société", "ne fait plus partie", "ne travaille plus", "ya no trabaja", "ha dejado la empresa", "werkt niet meer", "niet meer werkzaam", "heeft het bedrijf verlaten",
	"non lavora più", "ha lasciato l'azienda", "não trabalha mais", "já não trabalha", "deixou a empresa", "退職",
}

// Left finds the words that say that somebody works there no more, as the
// automatic answers of those who left do; -1 when there are none. What a person
// writes of another says the same: ask it of an AbsenceKind.
func Left(text string) (start, end int) {
	lower := strings.Map(func(r rune) rune { // ASCII alone, so that offsets stay.
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
	for _, words := range leavings {
		if at := strings.Index(lower, words); at >= 0 && len(lower) == len(text) {
			return at, at + len(words)
		}
	}
	return -1, -1
}
