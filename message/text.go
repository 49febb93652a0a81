package message

import (
	"strings"
)

// maxText is how much text of one message is read: more than any person wrote.
const maxText = 32 << 20

// Text returns the readable body of the message: its own words, or else those
// that a TNEF part holds, an invitation tells (RFC 5545) or an AMP alternative
// shows. The lines of files that are encoded between those of
// the text are left out; zones and offsets are those of what is returned.
func (m *Message) Text() Text {
	t := m.textOf(m.bodyParts())
	for _, other := range []func() Text{m.spareText, m.calendarOf, m.ampOf} {
		if strings.TrimSpace(t.Body) != "" {
			break
		}
		if o := other(); strings.TrimSpace(o.Body) != "" {
			t = o
		}
	}
	t.Zones = zones(t.Body, m.From...)
	if m.Automatic() {
		for i := range t.Zones {
			if t.Zones[i].Kind == zoneAuthor {
				t.Zones[i].Kind = zoneAutomatic
			}
		}
	}
	return t
}

// spareText reads the bodies that count where there is no other.
func (m *Message) spareText() Text {
	var parts []int
	for i := range m.Parts {
		if m.Parts[i].spare {
			parts = append(parts, i)
		}
	}
	return m.textOf(parts)
}

// textOf reads parts one below the other, without zones.
func (m *Message) textOf(parts []int) Text {
	t := Text{Part: -1}
	var bodies []string
	var plain map[int]bool
	for _, i := range parts {
		p := &m.Parts[i]
		decoded := m.decodeText(i)
		switch p.Type {
		case "text/html":
			if t.HTML == "" {
				t.HTML = decoded
			}
			if plain == nil {
				plain = m.plainAlternatives(parts)
			}
			if plain[m.alternativeAbove(i)] {
				continue
			}
			decoded = htmlText(decoded)
		case "text/enriched", "text/richtext":
			decoded = htmlText(decoded)
		}
		decoded = normalise(decoded)
		if t.Part < 0 || strings.TrimSpace(bodies[0]) == "" {
			t.Part = i
		}
		bodies = append(bodies, decoded)
	}
	t.Body = joinBodies(bodies)
	if strings.TrimSpace(t.Body) == "" && t.HTML != "" {
		t.Body = normalise(htmlText(t.HTML))
		t.Part = m.htmlPart(parts)
	}
	return t
}

func (m *Message) htmlPart(parts []int) int {
	for _, i := range parts {
		if m.Parts[i].Type == "text/html" {
			return i
		}
	}
	return -1
}

// plainAlternatives are the alternatives in which a plain part says the same
// as an HTML one.
func (m *Message) plainAlternatives(parts []int) map[int]bool {
	plain := map[int]bool{}
	for _, j := range parts {
		above := m.alternativeAbove(j)
		if above >= 0 && m.Parts[j].Type == "text/plain" && !plain[above] {
			plain[above] = strings.TrimSpace(m.decodeText(j)) != ""
		}
	}
	return plain
}

// alternativeAbove finds the multipart/alternative, or the TNEF stream with
// several forms of its body, that a part is in.
func (m *Message) alternativeAbove(i int) int {
	if m.Parts[i].spare {
		return m.Parts[i].Parent
	}
	for i = m.Parts[i].Parent; i >= 0; i = m.Parts[i].Parent {
		if m.Parts[i].Type == "multipart/alternative" {
			return i
		}
	}
	return -1
}

// bodyParts lists the parts that are read as the message's own words.
func (m *Message) bodyParts() []int {
	var parts []int
	for i := range m.Parts {
		p := &m.Parts[i]
		leafMultipart := strings.HasPrefix(p.Type, "multipart/") && !m.hasChildren(i)
		switch p.Type {
		case "text/plain", "text/html", "text/enriched", "text/richtext":
		default:
			if !leafMultipart {
				continue
			}
		}
		if p.spare || p.Disposition == "attachment" || p.Filename != "" && i > 0 {
			continue
		}
		parts = append(parts, i)
	}
	return parts
}

// decodeText is the content of a text part as UTF-8, without the files that
// stand between its lines.
func (m *Message) decodeText(i int) string {
	p := &m.Parts[i]
	content := m.Content(i)
	if len(p.files) > 0 {
		content = without(content, p.files)
	}
	if len(content) > maxText {
		content = content[:maxText]
	}
	charset := p.Charset
	if charset == "" && p.Type == "text/html" {
		charset = metaCharset(content)
	}
	return decodeCharset(charset, content)
}

// metaCharset reads the charset that an HTML text says of itself.
func metaCharset(html []byte) string {
	head := strings.ToLower(string(html[:min(len(html), 2048)]))
	_, rest, ok := strings.Cut(head, "charset=")
	if !ok {
		return ""
	}
	rest = strings.TrimLeft(rest, `"' `)
	if at := strings.IndexAny(rest, `"'> ;/`); at >= 0 {
		rest = rest[:at]
	}
	return rest
}

// normalise makes LF of all line ends, and blanks of control characters.
func normalise(s string) string {
	if strings.IndexByte(s, '\r') >= 0 {
		s = strings.ReplaceAll(s, "\r\r\n", "\n")
		s = strings.ReplaceAll(s, "\r\n", "\n")
		s = strings.ReplaceAll(s, "\r", "\n")
	}
	odd := func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' }
	if !strings.ContainsFunc(s, odd) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if odd(r) {
			return ' '
		}
		return r
	}, s)
}

// joinBodies puts several text parts below each other.
func joinBodies(bodies []string) string {
	if len(bodies) == 1 {
		return bodies[0]
	}
	var out strings.Builder
	for _, b := range bodies {
		if strings.TrimSpace(b) == "" {
			continue
		}
		if out.Len() > 0 {
			out.WriteString("\n")
		}
		out.WriteString(b)
		if !strings.HasSuffix(b, "\n") {
			out.WriteString("\n")
		}
	}
	return out.String()
}
