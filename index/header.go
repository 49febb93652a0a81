package index

import (
	"slices"
	"strings"
	"unicode"

	"polytrace/message"
)

// What header: finds. Each field of a header is a term, "x-mailer:", and each of its first words
// another, "x-mailer:outlook", with the place where it stands in the field; so that the word of one
// field is never found in another.
const (
	maxHeaderText  = 256 // Bytes of the value of a header field that are searched.
	maxHeaderWords = 32  // Words of it.
	maxHeaderName  = 40  // Bytes of the name; what is longer is known by its beginning.
)

// headerName is the name of a header field as a term begins with it.
func headerName(name string) string {
	name = foldLine(strings.TrimSpace(name))
	if len(name) > maxHeaderName {
		name = strings.ToValidUTF8(name[:maxHeaderName], "")
	}
	return name + ":"
}

// ofOperator is the operator that finds the words of a header field; "" when header: does. name is as headerName gives it.
func ofOperator(name string) string {
	switch name {
	case "from:", "to:", "cc:", "bcc:", "subject:", "date:", "references:", "reply-to:":
		return strings.TrimSuffix(name, ":")
	case "in-reply-to:":
		return "references"
	case "message-id:":
		return "id"
	case "list-id:":
		return "list"
	}
	return ""
}

// traceNoise reports whether of a header field only is searched that it is there: what servers
// write for each other, different in each message.
func traceNoise(name string) bool {
	switch name {
	case "received:", "x-received:", "dkim-signature:", "x-google-dkim-signature:", "domainkey-signature:", "dkim-filter:",
		"x-gm-message-state:", "x-google-smtp-source:", "x-forefront-antispam-report:", "x-ms-office365-filtering-correlation-id:",
		"ironport-sdr:", "x-ironport-av:", "x-ui-out-filterresults:", "x-provags-id:", "x-me-proxy:", "x-me-sender:", "x-brightmail-tracker:", "x-cmae-envelope:",
		"thread-index:", "thread-topic:", "autocrypt:", "face:", "x-face:":
		return true
	}
	return strings.HasPrefix(name, "arc-") || strings.HasPrefix(name, "x-ms-exchange-") || strings.HasPrefix(name, "x-microsoft-antispam")
}

// headerKind is what is searched of header fields of a name.
type headerKind struct {
	id       uint32 // Of the term that there is one.
	name     string // As terms begin; ":" when it has none.
	presence bool   // Of its value nothing is searched.
	boundary bool   // Its value ends with a boundary, which is another one in each message.
}

func (w *termWriter) headerKind(name string) headerKind {
	k, ok := w.headers[name]
	if !ok {
		name = strings.Clone(name) // Else the message stays in memory.
		if k.name = headerName(name); k.name != ":" {
			k.id = w.id(fieldHeader, []byte(k.name))
		}
		k.presence = traceNoise(k.name) || ofOperator(k.name) != ""
		k.boundary = k.name == "content-type:"
		w.headers[name] = k
	}
	return k
}

// fieldTerms adds the terms of a header.
func (w *termWriter) fieldTerms(header []message.Field) {
	places := w.places
	clear(places)
	for i := range header {
		f := &header[i]
		k := w.headerKind(f.Name)
		if k.name == ":" {
			continue
		}
		w.hit(k.id, noPlace)
		if k.presence {
			continue
		}
		text := f.Value
		if k.boundary {
			text, _, _ = strings.Cut(text, "boundary=")
		}
		if len(text) > maxHeaderText {
			text = strings.ToValidUTF8(text[:maxHeaderText], "")
		}
		place, n := places[k.id], 0
		w.cutter.cut(text, func(word word) bool {
			w.term = clip(append(append(w.term[:0], k.name...), word.Term...))
			w.add(fieldHeader, w.term, place)
			place++
			n++
			return n < maxHeaderWords
		})
		places[k.id] = place + placeGap
	}
}

// header takes Name:value behind "header:", or the name alone, which asks whether there is such a field.
func (p *parser) header(op *operator, start int) (Node, error) {
	at := p.at
	word, _, valued := strings.Cut(p.query[at:at+p.wordEnd(p.query[at:])], ":")
	p.at += len(word)
	name := headerName(word)
	if name == ":" || strings.Contains(name, "*") {
		return nil, p.errorf(at, "Write the name of a header field and what it says, for example %s.", op.example)
	}
	there := &Term{fieldHeader, Slot{name, false}}
	if !valued {
		return there, nil
	}
	p.at++
	if p.done() || unicode.IsSpace(p.peek()) || p.peek() == ')' {
		return there, nil
	}
	inner := &operator{name: "header:" + word, example: op.example, fields: []field{fieldHeader}, parse: headerWords(name, there)}
	if own := ofOperator(name); own != "" && p.peek() != '*' {
		var err error
		if inner, err = p.operator(start, own); err != nil {
			return nil, err
		}
	}
	if p.peek() == '(' {
		return p.brackets(inner)
	}
	return p.value(inner, start)
}

// headerWords understands the words of the header field of a name.
func headerWords(name string, there Node) func(*parser, *operator, value) (Node, error) {
	return func(p *parser, op *operator, v value) (Node, error) {
		text, prefix, err := p.star(v)
		if err != nil {
			return nil, err
		}
		if text == "" && prefix {
			return there, nil
		}
		if traceNoise(name) {
			return nil, p.errorf(v.start, "Of %s only whether it is there is searched: servers write it for each other. Write header:%s alone.",
				strings.TrimSuffix(name, ":"), strings.TrimSuffix(name, ":"))
		}
		n, ok := p.text(op.fields, text, prefix).(*Text)
		if !ok {
			return nil, p.errorf(v.start, "There is no letter or digit to search for in %s; write for example %s.", shown(v.text), op.example)
		}
		for i, s := range n.Slots {
			if n.Slots[i].Text = string(clip([]byte(name + s.Text))); s.Prefix {
				n.Slots[i].Text = prefixTerm(name + s.Text)
			}
		}
		return n, nil
	}
}

// listTerms adds the mailing list that a message came over (RFC 2919): its words, and its identifier as a whole.
func (w *termWriter) listTerms(m *message.Message) {
	place := uint32(0)
	for i := range m.Header {
		if f := &m.Header[i]; strings.EqualFold(f.Name, "List-Id") {
			place = w.words(fieldList, f.Value, place) + placeGap
			w.whole(fieldList, listID(f.Value))
		}
	}
}

// listID is what stands between the brackets of a List-Id, or all of it where there are none.
func listID(value string) string {
	if i := strings.LastIndexByte(value, '<'); i >= 0 {
		value, _, _ = strings.Cut(value[i+1:], ">")
	}
	return strings.TrimSpace(value)
}

// referenceTerms adds the messages that a message answers or names.
func (w *termWriter) referenceTerms(m *message.Message) {
	for _, id := range slices.Concat(m.References, m.InReplyTo) {
		if id != "" {
			w.add(fieldReferences, []byte(messageIDTerm(id)), noPlace)
		}
	}
}

func parseList(p *parser, op *operator, v value) (Node, error) {
	if n := patternOf(fieldList, v); n != nil {
		return n, nil
	}
	if v.text == "*" && !v.quoted {
		return &Term{fieldList, Slot{"", true}}, nil
	}
	return parseText(p, op, v)
}
