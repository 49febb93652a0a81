package casegen

import (
	"archive/zip"
	"bytes"
	"fmt"
	"strings"
	"time"
)

// hour moves a moment to when people work where a person is.
func (g *generator) hour(t time.Time, p *Person) time.Time {
	t = t.In(p.Zone)
	for t.Weekday() == time.Saturday || t.Weekday() == time.Sunday || t.Hour() < 8 || t.Hour() > 17 {
		t = t.Add(time.Hour)
	}
	return t.Truncate(time.Minute)
}

// write tells stories, spread over the time, until enough is written.
func (g *generator) write() {
	o := g.options
	start := o.End.AddDate(0, -o.Months, 0)
	span := o.End.Sub(start)
	at := func(part, of int) time.Time { return start.Add(span * time.Duration(2*part+1) / time.Duration(2*of)) }
	for i := range 5 {
		g.escalation(i, at(i, 5))
	}
	for i := range 6 {
		g.twins(i, at(i, 6))
	}
	for i := range 4 {
		g.needle(i, at(i, 4))
	}
	for i := range 40 {
		g.privately(at(i, 40))
	}
	machines := o.Messages / 24
	for i := range machines {
		g.machine(i, at(i, machines))
	}
	rest := max(1, (o.Messages-len(g.world.messages))/6)
	for i := 0; len(g.world.messages) < o.Messages; i++ {
		g.story(at(i%rest, rest))
	}
}

// customer draws somebody who writes as a customer.
func (g *generator) customer() *Person {
	for {
		if p := pick(g, g.people); p.Account != "" && p.Name != "Imelda Castellan" {
			return p
		}
	}
}

// staff draws who answers a customer.
func (g *generator) staff(customer *Person) *Person {
	if customer.Language == "de" {
		return g.who("kim-de")
	}
	return g.who(pick(g, []string{"kim", "kim", "marta", "joost", "ines", "theo"}))
}

// say writes a letter of a person; parent is nil in a new conversation.
func (g *generator) say(from *Person, to []*Person, parent *letter, subject, template string, at time.Time) *letter {
	sent := g.hour(at, from)
	if parent != nil && !sent.After(parent.sent) {
		sent = parent.sent.Add(20 * time.Minute)
	}
	l := &letter{id: g.messageID(from), from: from, to: to, parent: parent, subject: subject, sent: sent, queue: "support", folder: "Inbox"}
	l.hurried = g.chance(12) && from.Program != "iphone"
	l.words = g.fill(template, from, sent).greeted(g.greeting(from, to[0]))
	if parent != nil {
		prefix := "Re: "
		switch {
		case from.Program == "outlook" && from.Language == "de":
			prefix = "AW: "
		case from.Program == "outlook":
			prefix = "RE: "
		}
		l.subject = prefix + bare(parent.subject)
	}
	if from.Account == "" {
		l.queue, l.folder = "staff", "Sent"
	}
	return g.keep(l)
}

func bare(subject string) string {
	for _, prefix := range []string{"Re: ", "RE: ", "AW: "} {
		subject = strings.TrimPrefix(subject, prefix)
	}
	return subject
}

func (g *generator) greeting(from, to *Person) string {
	switch {
	case from.Program == "iphone":
		return ""
	case from.Language == "de" && to.Language == "de":
		return "Guten Tag,\n\n"
	case to.Name == "Northwind Support":
		return pick(g, []string{"Hello,\n\n", "Dear support team,\n\n", "Hi,\n\n"})
	}
	return pick(g, []string{"Hello ", "Hi ", "Dear "}) + to.first() + ",\n\n"
}

// thread is a conversation that is being written.
type thread struct {
	truth *Thread
	last  *letter
}

func (g *generator) began(l *letter, account string) *thread {
	t := &thread{truth: &Thread{Account: account}}
	g.world.Truth.Threads = append(g.world.Truth.Threads, t.truth)
	t.add(l)
	return t
}

func (t *thread) add(l *letter) *letter {
	t.truth.Messages = append(t.truth.Messages, l.id)
	if l.kind == "" && l.from.Account != "" {
		t.truth.Latest, t.truth.Words = l.id, l.words.text
	}
	if l.kind == "" {
		t.last = l
	}
	return l
}

// story is a customer's question and what becomes of it.
func (g *generator) story(at time.Time) {
	c := g.customer()
	s := g.staff(c)
	g.stories++
	support := g.who("support")
	language := c.Language
	subject := fmt.Sprintf("%s (case %d)", pick(g, map[string][]string{
		"en": {"Problem at the plant", "Question", "Delivery", "Certificate", "Readings", "Portal", "Order"},
		"de": {"Störung", "Rückfrage", "Lieferung", "Zertifikat"},
	}[language]), 1000+g.stories)
	t := g.began(g.say(c, []*Person{support}, nil, subject, pick(g, openings[language])+g.extra(language, 50), at), c.Account)
	if g.chance(40) {
		g.receipt(t)
	}
	answer := t.add(g.say(s, []*Person{c}, t.last, "", pick(g, answers[language])+g.extra(language, 90), t.last.sent.Add(g.hours(2, 8))))
	if g.chance(20) && language == "en" {
		colleague := g.who(pick(g, []string{"ines", "joost", "marta"}))
		if colleague != s {
			t.truth.Messages = append(t.truth.Messages, g.say(s, []*Person{colleague}, answer, "", pick(g, asides), answer.sent.Add(g.hours(1, 3))).id)
		}
	}
	g.becomes(t, c, s, answer)
	if g.chance(25) {
		g.away(t, c, s)
	}
}

// extra is a paragraph that a mail has in so many cases of a hundred.
func (g *generator) extra(language string, n int) string {
	if !g.chance(n) {
		return ""
	}
	return "\n\n" + pick(g, extras[language])
}

// becomes ends what an answer promised.
func (g *generator) becomes(t *thread, c, s *Person, answer *letter) {
	promise := answer.words.commitments[0]
	language := c.Language
	due := promise.Due
	if due.IsZero() {
		due = answer.sent.Add(72 * time.Hour)
	}
	done := func(at time.Time) *letter {
		return t.add(g.say(s, []*Person{c}, t.last, "", pick(g, deeds[language]), at))
	}
	remind := func(at time.Time) { t.add(g.say(c, []*Person{s}, t.last, "", pick(g, reminders[language]), at)) }
	settle := func(p *Commitment, l *letter) {
		p.Ended, p.Outcome = l.id, Met
		if !p.Due.IsZero() && !l.sent.Before(p.Due) {
			p.Outcome = Late
		}
	}
	switch n := g.rand.IntN(100); {
	case n < 45:
		settle(promise, done(answer.sent.Add(due.Sub(answer.sent)/2)))
	case n < 60:
		remind(due.Add(g.hours(4, 20)))
		settle(promise, done(t.last.sent.Add(g.hours(3, 30))))
	case n < 80:
		later := t.add(g.say(s, []*Person{c}, t.last, "", pick(g, delays[language]), answer.sent.Add(due.Sub(answer.sent)/2)))
		promise.Outcome, promise.Ended = Moved, later.id
		second := later.words.commitments[0]
		settle(second, done(later.sent.Add(second.Due.Sub(later.sent)/2)))
	default:
		remind(due.Add(g.hours(4, 20)))
		if !promise.Due.IsZero() && t.last.sent.After(promise.Due) && promise.Due.Before(g.options.End) {
			promise.Outcome = Missed
		}
		return
	}
	if g.chance(75) {
		t.add(g.say(c, []*Person{s}, t.last, "", pick(g, thanks[language]), t.last.sent.Add(g.hours(2, 20))))
	}
}

// hours is a time from a to b hours.
func (g *generator) hours(a, b int) time.Duration {
	return time.Duration(a*60+g.rand.IntN((b-a)*60)) * time.Minute
}

// robot writes what a machine does in a conversation. Content is the body with its fields.
func (g *generator) robot(t *thread, kind string, from, to *Person, subject, content string, after time.Duration, fields ...string) {
	t.add(g.keep(&letter{id: g.messageID(from), from: from, to: []*Person{to}, subject: subject, sent: t.last.sent.Add(after), kind: kind, content: content, queue: "support", folder: "Inbox", fields: fields}))
}

// automatic writes a plain answer of a machine.
func (g *generator) automatic(t *thread, kind string, from, to *Person, subject, text string, after time.Duration, fields ...string) {
	g.robot(t, kind, from, to, subject, part("text/plain", text), after, append(fields, "In-Reply-To: <"+t.last.id+">")...)
}

func (g *generator) receipt(t *thread) {
	g.automatic(t, "receipt", g.who("support"), t.last.from, fmt.Sprintf("[NW-%d] We have received your request", 22000+g.stories),
		"Thank you for writing to Northwind Support. A person will answer within four working hours.\n", time.Minute, "Auto-Submitted: auto-replied", "X-Auto-Response-Suppress: All")
}

// away has the customer's program answer the last mail of the company: newer
// than what he wrote, and not to be taken for it.
func (g *generator) away(t *thread, c, s *Person) {
	prefix, text := "Automatic reply: ", "I am out of the office and will answer when I am back.\n"
	if c.Language == "de" {
		prefix, text = "Automatische Antwort: ", "Ich bin zurzeit nicht im Büro.\n"
	}
	fields := []string{"Auto-Submitted: auto-replied"}
	if c.Program == "outlook" {
		fields = []string{"Auto-Submitted: auto-generated", "X-Auto-Response-Suppress: All"}
	}
	if c.Program == "gmail" {
		prefix, fields = "Re: ", []string{"Precedence: bulk", "X-Autoreply: yes", "Auto-Submitted: auto-replied"}
	}
	g.automatic(t, "absence", c, s, prefix+bare(t.last.subject), text, 2*time.Minute, fields...)
}

// machine writes a mail of a machine in a conversation of a few words, or of its own.
func (g *generator) machine(i int, at time.Time) {
	c := g.customer()
	s := g.staff(c)
	t := g.began(g.say(s, []*Person{c}, nil, fmt.Sprintf("Your contract, part %d", i+1), map[string]string{
		"en": "the papers are in the portal. <<Please have a look at them.>>", "de": "die Unterlagen liegen im Portal. <<Bitte sehen Sie sie durch.>>",
	}[s.Language], at), c.Account)
	_, domain, _ := strings.Cut(c.Address, "@")
	daemon := &Person{Name: "Mail Delivery System", Address: "MAILER-DAEMON@mx." + domain, Zone: c.Zone, Account: c.Account, Language: "en", Program: "plain"}
	switch i % 6 {
	case 0:
		g.away(t, c, s)
	case 1:
		g.robot(t, "bounce", daemon, s, "Undelivered Mail Returned to Sender", report("delivery-status", "This is the mail system.",
			"Reporting-MTA: dns; mx."+domain+"\n\nFinal-Recipient: rfc822; "+c.Address+"\nAction: failed\nStatus: 5.1.1\n"), time.Minute, "Return-Path: <>", "Auto-Submitted: auto-replied")
	case 2:
		g.automatic(t, "notice", c, s, "Your document was opened", "Somebody opened the document.\n", time.Hour, "Auto-Submitted: auto-generated")
	case 3:
		g.robot(t, "calendar", c, s, "Accepted: Review", "Content-Type: text/calendar; charset=utf-8; method=REPLY\n\nBEGIN:VCALENDAR\nMETHOD:REPLY\nBEGIN:VEVENT\nUID:"+t.last.id+"\nSUMMARY:Review\nEND:VEVENT\nEND:VCALENDAR\n", time.Hour)
	case 4:
		g.robot(t, "receipt", c, s, "Read: "+t.last.subject, report("disposition-notification", "Your message was read.",
			"Final-Recipient: rfc822; "+c.Address+"\nDisposition: manual-action/MDN-sent-manually; displayed\n"), time.Hour)
	case 5:
		g.robot(t, "list", c, s, fmt.Sprintf("Customer letter %d", i), part("text/plain", "News of the quarter.\n"), time.Hour, "Precedence: bulk", "List-Unsubscribe: <mailto:leave@"+domain+">")
	}
}

// report is one of a mail system (RFC 6522).
func report(kind, text, fields string) string {
	return "Content-Type: multipart/report; report-type=" + kind + "; boundary=b\n\n--b\nContent-Type: text/plain\n\n" + text + "\n--b\nContent-Type: message/" + kind + "\n\n" + fields + "\n--b--\n"
}

// twins are two mails that ask for the same in other words.
func (g *generator) twins(i int, at time.Time) {
	pairs := [][2]string{
		{"The portal does not take my password. <<Please reset it.>>", "I can not get into the portal, it refuses my password. <<Could you reset it for me?>>"},
		{"Where do we find the data sheet of the {thing}?", "I am looking for the data sheet of the {thing}. <<Can you send me the link?>>"},
		{"<<Please change our delivery address to gate 4.>> Gate 2 is closed for good.", "Gate 2 is closed for good. <<Could you have everything delivered to gate 4 from now?>>"},
	}
	pair := pairs[i%len(pairs)]
	accounts := [][2]string{{"dana.whitlock", "rolf.okonjo-beck"}, {"fionn", "niamh"}, {"solene.vautrinel", "bastien.lormier"}, {"iker", "nerea"}, {"sunniva", "eirik"}, {"rolf.okonjo-beck", "dana.whitlock"}}
	var ids [2]string
	for k, local := range accounts[i] {
		from := g.who(local)
		l := g.say(from, []*Person{g.who("support")}, nil, pick(g, []string{"Request", "Question", "Hello"}), pair[k], at.Add(time.Duration(k)*26*time.Hour))
		g.began(l, from.Account)
		ids[k] = l.id
	}
	g.world.Truth.Twins = append(g.world.Truth.Twins, ids)
}

// needle hides a word in a file.
func (g *generator) needle(i int, at time.Time) {
	c := g.customer()
	word := fmt.Sprintf("needle%dx%d", i, g.seed)
	name := []string{"readings.csv", "log.txt", "logs.zip", "report.docx"}[i]
	from := g.hour(at, c)
	l := &letter{id: g.messageID(c), from: c, to: []*Person{g.who("support")}, subject: "Files", sent: from, queue: "support", folder: "Inbox"}
	l.words = words{text: map[string]string{"en": "the file is attached.", "de": "die Datei hängt an."}[c.Language]}
	content := word
	mediaType := "text/plain; charset=utf-8"
	switch {
	case strings.HasSuffix(name, ".csv"):
		mediaType, content = "text/csv; charset=utf-8", "unit,reading\n"+word+",4\n"
	case strings.HasSuffix(name, ".zip"):
		mediaType, content = "application/zip", zipped("log.txt", word)
	case strings.HasSuffix(name, ".docx"):
		mediaType = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
		content = zipped("word/document.xml", `<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>`+word+`</w:t></w:r></w:p></w:body></w:document>`)
	}
	l.files = []file{{name, mediaType, content}}
	g.began(g.keep(l), c.Account)
	g.world.Truth.Needles = append(g.world.Truth.Needles, Needle{word, l.id, name})
}

func zipped(name, content string) string {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	if w, err := z.Create(name); err == nil {
		fmt.Fprint(w, content)
	}
	z.Close()
	return b.String()
}

// privately writes what is of no use to whoever takes over a mailbox: that of Theo, who leaves.
func (g *generator) privately(at time.Time) {
	from, to := g.who(pick(g, []string{"kim", "marta", "joost"})), g.who("theo")
	l := g.say(from, []*Person{to}, nil, pick(g, []string{"Private", "Lunch", "HR", "Weekend"}), pick(g, private), at)
	g.world.messages[len(g.world.messages)-1].Folder = "Private"
	g.world.Truth.Private = append(g.world.Truth.Private, l.id)
}

// escalation is a case that goes wrong.
func (g *generator) escalation(i int, at time.Time) {
	c := g.who([]string{"rolf.okonjo-beck", "sunniva", "fionn", "nerea", "dana.whitlock"}[i])
	executive := g.who([]string{"imelda.castellan", "eirik", "niamh", "iker", "imelda.castellan"}[i])
	s := g.who("kim")
	e := Escalation{Account: c.Account}
	var t *thread
	var promise *Commitment
	total := 0
	for _, step := range escalating {
		signals := step.signals
		if step.from == "executive" && executive.Name != "Imelda Castellan" && executive.Below != "Gerente\nTaller Vega, S.L. – Zaragoza" {
			signals = nil // Another of the customer's people, and no executive.
		}
		var l *letter
		next := at
		if t != nil {
			next = t.last.sent.Add(g.hours(3, 9))
		}
		switch step.from {
		case "customer", "again":
			if promise != nil && step.from == "again" && next.Before(promise.Due) {
				next = promise.Due.Add(time.Hour)
			}
			to := []*Person{g.who("support")}
			if t != nil {
				to = []*Person{s}
			}
			l = g.say(c, to, lastOf(t), fmt.Sprintf("Line 3 stands still (%d)", i+1), step.text, next)
		case "executive":
			l = g.say(executive, []*Person{s}, lastOf(t), "", step.text, next)
		case "colleague":
			l = g.say(g.who("marta"), []*Person{g.who("ines")}, lastOf(t), "", step.text, next)
		default:
			l = g.say(s, []*Person{c}, lastOf(t), "", step.text, next)
			if len(l.words.commitments) > 0 {
				promise = l.words.commitments[0]
			} else if promise != nil {
				promise.Ended, promise.Outcome = l.id, Late
			}
		}
		if t == nil {
			t = g.began(l, c.Account)
		} else {
			t.add(l)
		}
		for _, signal := range signals {
			total += points[signal]
		}
		e.Steps = append(e.Steps, Step{l.id, signals, total, level(total)})
	}
	g.world.Truth.Escalations = append(g.world.Truth.Escalations, e)
}

func lastOf(t *thread) *letter {
	if t == nil {
		return nil
	}
	return t.last
}

func level(points int) string {
	switch {
	case points >= 9:
		return "critical"
	case points >= 6:
		return "high"
	case points >= 3:
		return "elevated"
	}
	return "low"
}
