package webui

import (
	"cmp"
	"html/template"
	"slices"
	"strings"

	"polytrace/casework"
	"polytrace/message"
)

// segment is a run of a message's text by who wrote it, ready to be shown.
type segment struct {
	Kind   string // As in message.Zone.
	Folded bool   // Behind a line that says how many lines there are.
	Lines  int
	HTML   template.HTML // Escaped, with marks.
}

// span marks bytes of a text.
type mark struct {
	start, end int
	id         string // Of the element, so that a link can lead to it.
}

// segments cuts a text into its zones. Quotes are folded unless something in
// them is marked, or nothing else was written.
func segments(t message.Text, marks []mark) []segment {
	var out []segment
	wrote := false
	for _, z := range t.Zones {
		piece := t.Body[z.Start:z.End]
		if strings.TrimSpace(piece) == "" {
			continue
		}
		wrote = wrote || z.Kind == "author" || z.Kind == "automatic"
		s := segment{Kind: z.Kind, Lines: strings.Count(strings.TrimSpace(piece), "\n") + 1}
		shown := trimLines(t.Body, z.Start, z.End)
		within := inside(marks, shown.start, shown.end)
		s.Folded = len(within) == 0 && (z.Kind == "quote" || z.Kind == "disclaimer")
		s.HTML = markUp(t.Body, shown.start, shown.end, within)
		out = append(out, s)
	}
	if !wrote {
		for i := range out {
			out[i].Folded = false
		}
	}
	return out
}

// trimLines leaves out empty lines at both ends of a zone.
func trimLines(body string, start, end int) mark {
	piece := body[start:end]
	for {
		line, rest, more := strings.Cut(piece, "\n")
		if !more || strings.TrimSpace(line) != "" {
			break
		}
		start, piece = start+len(line)+1, rest
	}
	return mark{start: start, end: start + len(strings.TrimRight(piece, " \t\r\n"))}
}

// inside are the parts of marks that lie in a run, in order, without overlap.
func inside(marks []mark, start, end int) []mark {
	var out []mark
	for _, m := range marks {
		if m.start < end && m.end > start && m.start < m.end {
			out = append(out, mark{max(m.start, start), min(m.end, end), m.id})
		}
	}
	slices.SortFunc(out, func(a, b mark) int { return cmp.Compare(a.start, b.start) })
	at := start
	return slices.DeleteFunc(out, func(m mark) bool {
		if m.start < at {
			return true
		}
		at = m.end
		return false
	})
}

func markUp(body string, start, end int, marks []mark) template.HTML {
	var b strings.Builder
	for _, m := range marks {
		template.HTMLEscape(&b, []byte(body[start:m.start]))
		b.WriteString(`<mark`)
		if m.id != "" {
			b.WriteString(` id="` + template.HTMLEscapeString(m.id) + `" tabindex="-1"`)
		}
		b.WriteString(`>`)
		template.HTMLEscape(&b, []byte(body[m.start:m.end]))
		b.WriteString(`</mark>`)
		start = m.end
	}
	template.HTMLEscape(&b, []byte(body[start:end]))
	return template.HTML(b.String())
}

// findQuote looks for the words of a citation in a text that was perhaps
// extracted anew.
func findQuote(t message.Text, c casework.Citation) (mark, bool) {
	if c.Quote == "" {
		return mark{}, false
	}
	start, end, ok := casework.Anchor(t.Body, c.Quote, c.Prefix, c.Suffix, c.Start)
	return mark{start, end, "quote"}, ok
}
