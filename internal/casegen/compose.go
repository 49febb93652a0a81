package casegen

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"mime"
	"mime/quotedprintable"
	"strings"
	"time"
)

// letter is a message as its writer means it.
type letter struct {
	id       string
	from     *Person
	to, cc   []*Person
	subject  string
	words    words
	sent     time.Time
	parent   *letter // That is answered.
	forwards bool
	hurried  bool     // Signed with the first name and no more.
	fields   []string // More of the header.
	files    []file
	kind     string // Of a machine; "" for a person.
	content  string // The body with its fields, where a machine makes it.
	queue    string
	folder   string
}

type file struct{ name, mediaType, content string }

// words are a text with what is true of its runs.
type words struct {
	text        string
	dates       []Date
	commitments []*Commitment
	requests    []Request
}

// fill puts dates and names into a template and tells where they stand.
func (g *generator) fill(template string, from *Person, sent time.Time) words {
	var w words
	var out strings.Builder
	language := from.Language
	started := 0
	var due time.Time
	for len(template) > 0 {
		switch {
		case strings.HasPrefix(template, "[["), strings.HasPrefix(template, "<<"):
			started, due, template = out.Len(), time.Time{}, template[2:]
		case strings.HasPrefix(template, "]]"):
			w.commitments = append(w.commitments, &Commitment{Span: Span{started, out.Len()}, Ours: from.Account == "", Due: due, Outcome: Open})
			template = template[2:]
		case strings.HasPrefix(template, ">>"):
			w.requests = append(w.requests, Request{Span: Span{started, out.Len()}})
			template = template[2:]
		case template[0] == '{':
			name, rest, _ := strings.Cut(template[1:], "}")
			template = rest
			switch name {
			case "thing":
				out.WriteString(pick(g, things[language]))
			case "number":
				fmt.Fprintf(&out, "G40-%05d", 300+g.rand.IntN(600))
			default:
				text, r, other := g.phrase(language, name, sent.In(from.Zone))
				w.dates = append(w.dates, Date{Span: Span{out.Len(), out.Len() + len(text)}, Quote: text, Reading: r, Other: other})
				out.WriteString(text)
				due = r.due()
			}
		default:
			out.WriteByte(template[0])
			template = template[1:]
		}
	}
	w.text = out.String()
	return w
}

// greeted puts a greeting above words.
func (w words) greeted(greeting string) words {
	by := len(greeting)
	move := func(s *Span) { s.Start, s.End = s.Start+by, s.End+by }
	w.text = greeting + w.text
	for i := range w.dates {
		move(&w.dates[i].Span)
	}
	for _, c := range w.commitments {
		move(&c.Span)
	}
	for i := range w.requests {
		move(&w.requests[i].Span)
	}
	return w
}

// segment is a run of a text by who wrote it.
type segment struct{ kind, text string }

// maxQuotes is how many messages back an answer quotes: people cut the rest.
const maxQuotes = 2

// segments are what a program makes of the words, in the order of the text, and
// which of them is the writer's.
func (l *letter) segments(quotes int) (all []segment, own int) {
	signature := l.signature()
	quote := segment{"quote", l.quote(quotes)}
	if l.forwards {
		quote.kind = "forward"
	}
	if l.from.Program == "thunderbird" && !l.forwards && quote.text != "" { // Answers below what it quotes.
		return []segment{quote, {"author", "\n" + l.words.text + "\n\n"}, {"signature", signature}}, 1
	}
	return []segment{{"author", l.words.text + "\n\n"}, {"signature", signature}, {"disclaimer", l.disclaimer()}, quote}, 0
}

func (l *letter) signature() string {
	p := l.from
	closing := p.Closing
	switch {
	case l.hurried:
		return p.first() + "\n\n"
	case p.Program == "iphone" && closing != "":
		return closing + "\n" + p.first() + "\n\nSent from my iPhone\n\n"
	case p.Program == "iphone":
		return "Sent from my iPhone\n\n"
	case closing != "":
		closing += "\n"
		if p.Program == "outlook" {
			closing += "\n"
		}
	}
	switch {
	case p.Program == "gmail" || p.Program == "thunderbird":
		return closing + p.first() + "\n\n-- \n" + p.Name + "\n" + p.Below + "\n\n"
	case p.Below == "":
		return closing + p.Name + "\n\n"
	}
	return closing + p.Name + "\n" + p.Below + "\n\n"
}

func (l *letter) disclaimer() string {
	if l.from.Disclaimer == "" {
		return ""
	}
	return l.from.Disclaimer + "\n\n"
}

func (l *letter) text(quotes int) string {
	var b strings.Builder
	all, _ := l.segments(quotes)
	for _, s := range all {
		b.WriteString(s.text)
	}
	return b.String()
}

// quote is the message that is answered, as the program quotes it.
func (l *letter) quote(quotes int) string {
	p := l.parent
	if p == nil || quotes == 0 {
		return ""
	}
	sent := p.sent.In(l.from.Zone)
	text := strings.TrimRight(p.text(quotes-1), "\n") + "\n"
	if l.forwards || l.from.Program == "outlook" {
		mark := ""
		if l.forwards && l.from.Program != "outlook" {
			mark = "---------- Forwarded message ---------\n"
		}
		if l.from.Language == "de" {
			return mark + "Von: " + address(p.from) + "\nGesendet: " + german(sent) + sent.Format(", 2. January 2006 15:04") + "\nAn: " + names(p.to) + "\nBetreff: " + p.subject + "\n\n" + text
		}
		return mark + "From: " + address(p.from) + "\nSent: " + sent.Format("Monday, January 2, 2006 3:04 PM") + "\nTo: " + names(p.to) + "\nSubject: " + p.subject + "\n\n" + text
	}
	attribution := sent.Format("On 2 January 2006, at 15:04, ") + address(p.from) + " wrote:\n\n"
	switch {
	case l.from.Program == "gmail":
		attribution = sent.Format("On Mon, 2 Jan 2006 at 15:04, ") + address(p.from) + " wrote:\n"
	case l.from.Program == "thunderbird" && l.from.Language == "de":
		attribution = sent.Format("Am 02.01.2006 um 15:04 schrieb ") + p.from.Name + ":\n"
	case l.from.Program == "thunderbird":
		attribution = sent.Format("On 02/01/2006 15:04, ") + p.from.Name + " wrote:\n"
	}
	var b strings.Builder
	b.WriteString(attribution)
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimRight("> "+line, " \n") + "\n")
	}
	return b.String()
}

func address(p *Person) string { return p.Name + " <" + p.Address + ">" }

func names(people []*Person) string {
	var all []string
	for _, p := range people {
		all = append(all, address(p))
	}
	return strings.Join(all, "; ")
}

// messageID is one that the demo's stories have nowhere: their domains have no "casegen".
func (g *generator) messageID(from *Person) string {
	g.written++
	sum := sha256.Sum256(fmt.Append(nil, g.seed, g.written))
	_, domain, _ := strings.Cut(from.Address, "@")
	return hex.EncodeToString(sum[:8]) + "." + fmt.Sprint(g.written) + "@casegen." + domain
}

// raw makes the message.
func (l *letter) raw() []byte {
	var b bytes.Buffer
	field := func(name, value string) { b.WriteString(name + ": " + value + "\r\n") }
	field("Date", l.sent.In(l.from.Zone).Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	field("From", list([]*Person{l.from}))
	field("To", list(l.to))
	if len(l.cc) > 0 {
		field("Cc", list(l.cc))
	}
	field("Subject", mime.QEncoding.Encode("utf-8", l.subject))
	field("Message-ID", "<"+l.id+">")
	if l.parent != nil && !l.forwards {
		var chain []string
		for p := l.parent; p != nil; p = p.parent {
			chain = append([]string{"<" + p.id + ">"}, chain...)
		}
		field("In-Reply-To", chain[len(chain)-1])
		field("References", strings.Join(chain, "\r\n "))
	}
	for _, f := range l.fields {
		b.WriteString(f + "\r\n")
	}
	b.WriteString("MIME-Version: 1.0\r\n")
	switch body := l.body(); {
	case l.content != "":
		b.WriteString(strings.ReplaceAll(strings.ReplaceAll(l.content, "\r\n", "\n"), "\n", "\r\n"))
	case len(l.files) == 0:
		b.WriteString(body)
	default:
		parts := []string{body}
		for _, f := range l.files {
			parts = append(parts, "Content-Type: "+f.mediaType+"\r\nContent-Disposition: attachment; filename=\""+f.name+"\"\r\nContent-Transfer-Encoding: base64\r\n\r\n"+encoded(f.content))
		}
		b.WriteString(multipart("mixed", l.id, parts))
	}
	return b.Bytes()
}

// body is the text, with what its HTML is where the program sends one.
func (l *letter) body() string {
	text := l.text(maxQuotes)
	plain := part("text/plain", text)
	switch l.from.Program {
	case "outlook", "gmail", "apple":
		page := "<html><body><p>" + strings.ReplaceAll(html.EscapeString(text), "\n", "<br>\n") + "</p></body></html>"
		return multipart("alternative", l.id, []string{plain, part("text/html", page)})
	}
	return plain
}

func part(mediaType, text string) string {
	var b bytes.Buffer
	w := quotedprintable.NewWriter(&b)
	fmt.Fprint(w, strings.ReplaceAll(text, "\n", "\r\n"))
	w.Close()
	return "Content-Type: " + mediaType + "; charset=\"utf-8\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + b.String()
}

func multipart(kind, seed string, parts []string) string {
	sum := sha256.Sum256([]byte(kind + seed))
	boundary := "_" + hex.EncodeToString(sum[:8]) + "_"
	out := "Content-Type: multipart/" + kind + "; boundary=\"" + boundary + "\"\r\n\r\n"
	for _, p := range parts {
		out += "--" + boundary + "\r\n" + p + "\r\n"
	}
	return out + "--" + boundary + "--\r\n"
}

func encoded(content string) string {
	var b strings.Builder
	for s := base64.StdEncoding.EncodeToString([]byte(content)); s != ""; {
		n := min(76, len(s))
		b.WriteString(s[:n] + "\r\n")
		s = s[n:]
	}
	return b.String()
}

func list(people []*Person) string {
	var all []string
	for _, p := range people {
		name := mime.QEncoding.Encode("utf-8", p.Name)
		if name == p.Name && strings.ContainsAny(name, ".,'()&") {
			name = `"` + name + `"`
		}
		all = append(all, name+" <"+p.Address+">")
	}
	return strings.Join(all, ",\r\n\t")
}

// keep adds a letter to the world, and what is true of it to the truth.
func (g *generator) keep(l *letter) *letter {
	m := Message{ID: l.id, Raw: l.raw(), From: l.from.Address, Queue: l.queue, Folder: l.folder, Sent: l.sent}
	for _, p := range append(append([]*Person{}, l.to...), l.cc...) {
		m.To = append(m.To, p.Address)
	}
	t := &g.world.Truth
	if l.kind != "" {
		m.From = ""
		if t.Automatics == nil {
			t.Automatics = map[string]string{}
		}
		t.Automatics[l.id] = l.kind
		g.world.messages = append(g.world.messages, m)
		return l
	}
	g.world.messages = append(g.world.messages, m)
	all, own := l.segments(maxQuotes)
	if t.Zones == nil {
		t.Zones = map[string][]Zone{}
	}
	at, offset := 0, 0
	for i, s := range all {
		if i == own {
			offset = at + len(s.text) - len(strings.TrimLeft(s.text, "\n"))
		}
		if s.text != "" {
			t.Zones[l.id] = append(t.Zones[l.id], Zone{Span{at, at + len(s.text)}, s.kind})
		}
		at += len(s.text)
	}
	moved := l.words.greeted(strings.Repeat(" ", offset)) // Offsets in the text.
	text := l.text(maxQuotes)
	for _, d := range moved.dates {
		d.Message = l.id
		t.Dates = append(t.Dates, d)
	}
	for i, c := range moved.commitments {
		c.Message, c.Quote = l.id, text[c.Start:c.End]
		l.words.commitments[i] = c
		t.Commitments = append(t.Commitments, c)
	}
	for _, r := range moved.requests {
		r.Message, r.Quote = l.id, text[r.Start:r.End]
		t.Requests = append(t.Requests, r)
	}
	return l
}
