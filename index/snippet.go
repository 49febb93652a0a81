package index

import (
	"math/bits"
	"strings"
	"unicode"
	"unicode/utf8"
)

// How long snippets are and how far is looked for the best one, in bytes.
const (
	snippetLength = 200
	snippetLead   = 50      // shown before the first hit
	snippetScan   = 4 << 10 // When all words were hit, how far to look for a place where they are closer.
	maxSnippetHit = 500
)

// highlighter finds where the words and phrases of a query stand in a text. All
// slots are bits of one number, each phrase a run of them: with every word of the text the bits
// that it continues move on by one (the Shift-And algorithm).
type highlighter struct {
	cutter   *wordCutter
	exact    map[string]uint64
	prefixes []prefixBit
	filter   wordFilter
	begins   uint64  // First slots of phrases.
	ends     uint64  // Last slots.
	length   [64]int // Of the phrase that ends at a slot.
	phrases  int

	attached *highlighter // The same for the text of attached files.
}

type prefixBit struct {
	text string
	bit  uint64
}

// newHighlighter prepares for the texts of a query that can stand in bodies and
// in attached files.
func newHighlighter(cutter *wordCutter, n Node) *highlighter {
	h := highlighterOf(cutter, n, fieldBody)
	h.attached = highlighterOf(cutter, n, fieldAttached)
	return h
}

func highlighterOf(cutter *wordCutter, n Node, in field) *highlighter {
	h := &highlighter{cutter: cutter, exact: map[string]uint64{}}
	used := 0
	_ = leaves(n, func(t *Text) error {
		if used+len(t.Slots) > 64 || !hasField(t.Fields, in) {
			return nil
		}
		for i, s := range t.Slots {
			bit := uint64(1) << (used + i)
			if s.Prefix {
				h.prefixes = append(h.prefixes, prefixBit{s.Text, bit})
			} else {
				h.exact[s.Text] |= bit
			}
			h.filter.add(s.Text, s.Prefix)
		}
		h.begins |= 1 << used
		used += len(t.Slots)
		h.ends |= 1 << (used - 1)
		h.length[used-1] = len(t.Slots)
		h.phrases++
		return nil
	})
	return h
}

func hasField(fields []field, f field) bool {
	for _, g := range fields {
		if g == f {
			return true
		}
	}
	return false
}

// highlight is a place where a phrase stands; bit tells which.
type highlight struct {
	start, end int
	bit        uint64
}

func (h *highlighter) mask(term []byte) uint64 {
	if len(term) == 0 {
		return 0
	}
	m := h.exact[string(term)]
	for _, p := range h.prefixes {
		if len(term) >= len(p.text) && string(term[:len(p.text)]) == p.text {
			m |= p.bit
		}
	}
	return m
}

// hits finds phrases in a text, far enough for a good snippet.
func (h *highlighter) hits(text string) (found []highlight) {
	if h.phrases == 0 {
		return nil
	}
	var progress, seen uint64
	var starts [64]int
	n, enough := 0, 0
	h.cutter.only, h.cutter.over = &h.filter, false
	defer func() { h.cutter.only = nil }()
	h.cutter.cut(text, func(w word) bool {
		if h.cutter.over {
			h.cutter.over, progress = false, 0
		}
		starts[n%64] = w.Start
		progress = (progress<<1 | h.begins) & h.mask(w.Term)
		for done := progress & h.ends; done != 0; done &= done - 1 {
			i := bits.TrailingZeros64(done)
			found = append(found, highlight{starts[(n-h.length[i]+1)%64], w.End, 1 << i})
			seen |= 1 << i
		}
		n++
		if enough == 0 && seen == h.ends && (w.End >= snippetScan || h.close(found, w.End)) {
			enough = w.End + snippetLength // What else stands in the snippet is marked as well.
		}
		return len(found) < maxSnippetHit && (enough == 0 || w.End < enough)
	})
	return found
}

// close reports whether the last hits, all behind each other within a snippet, are of all phrases.
func (h *highlighter) close(found []highlight, end int) bool {
	var seen uint64
	for i := len(found) - 1; i >= 0 && found[i].start > end-snippetLength+snippetLead; i-- {
		seen |= found[i].bit
	}
	return seen == h.ends
}

// snippet cuts the part of a text that tells most about why it was found, with white
// space collapsed, and the spans of it that were hit. Without hits it is the
// beginning of what the author wrote.
func (h *highlighter) snippet(text string, author int) (string, [][2]int) {
	if author > len(text) {
		author = 0
	}
	found := h.hits(text)
	start, end := author, min(len(text), author+snippetLength)
	if best := h.best(found); best >= 0 {
		start = max(0, found[best].start-snippetLead)
		end = min(len(text), max(start+snippetLength, found[best].end))
		found = found[best:]
	} else {
		found = nil
	}
	start, end = wordBorder(text, start), charBorder(text, end)
	return collapse(text, start, end, start > author, found)
}

// best is the hit from which on most phrases stand within a snippet, the first of equals; -1 without hits.
func (h *highlighter) best(found []highlight) int {
	best, most := -1, 0
	for i := range found {
		var seen uint64
		for _, f := range found[i:] {
			if f.end > found[i].start+snippetLength-snippetLead {
				break
			}
			seen |= f.bit
		}
		if n := bits.OnesCount64(seen); n > most || best < 0 {
			best, most = i, n
		}
	}
	return best
}

// wordBorder moves i forward to the beginning of a word, not far.
func wordBorder(text string, i int) int {
	if i == 0 {
		return 0
	}
	i = charBorder(text, i)
	for j := i; j < min(len(text), i+20); j++ {
		if text[j] == ' ' || text[j] == '\n' {
			return j + 1
		}
	}
	return i
}

// charBorder moves i back to the beginning of a character.
func charBorder(text string, i int) int {
	for i > 0 && i < len(text) && !utf8.RuneStart(text[i]) {
		i--
	}
	return i
}

// collapse copies text[start:end] with each run of white space as one space. found is in order of start.
func collapse(text string, start, end int, cut bool, found []highlight) (string, [][2]int) {
	var b strings.Builder
	b.Grow(end - start + 2*len("…"))
	if cut {
		b.WriteString("…")
	}
	var marks [][2]int
	space, open, openEnd := true, -1, 0
	for i, r := range text[start:end] {
		at := start + i
		if open >= 0 && at >= openEnd {
			marks = append(marks, [2]int{open, b.Len()})
			open = -1
		}
		for len(found) > 0 && found[0].start <= at {
			if f := found[0]; f.end > at && f.end <= end {
				if open < 0 && !blank(r) {
					open = b.Len()
				}
				openEnd = max(openEnd, f.end)
			}
			found = found[1:]
		}
		switch {
		case blank(r):
			if !space {
				b.WriteByte(' ')
			}
			space = true
		default:
			b.WriteRune(r)
			space = false
		}
	}
	if open >= 0 {
		marks = append(marks, [2]int{open, b.Len()})
	}
	s := b.String()
	if trimmed := strings.TrimRight(s, " "); len(marks) == 0 || marks[len(marks)-1][1] <= len(trimmed) {
		s = trimmed
	}
	if end < len(text) && s != "" {
		s += "…"
	}
	return s, marks
}

// blank reports whether a snippet shows a space for r.
func blank(r rune) bool {
	if r < utf8.RuneSelf {
		return r <= ' ' || r == 0x7f
	}
	return unicode.IsSpace(r) || unicode.IsControl(r) || r == utf8.RuneError
}
