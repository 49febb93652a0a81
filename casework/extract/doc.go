// Package extract proposes what a message says that a person would note down:
// dates, promises, requests, what was done, reference numbers, amounts and who
// signed.
//
// All that it finds is a proposal with the words it was found in, the rule
// that found it and a score; a person decides. It reads what the author of a
// message wrote and neither quotes nor signatures, except to learn who signed.
//
// Nothing here takes a clock, the network or randomness: relative dates are
// counted from a Reference, so that reading a message in ten years gives the
// same answer. Rules are written for English and German. They go through the
// tokens of a text and look a bounded number of them ahead, so that the time
// they take grows with the text and no faster.
package extract

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"polytrace/message"
)

// Version is that of the rules. It grows with each change of what they find,
// so that a decision can say what it was about.
const Version = 3

// Span is a run of bytes in a text: message.Text.Body, as a rule.
type Span struct {
	Start int `json:"start"`
	End   int `json:"end"` // Behind the last byte.
}

// Found is something that was found in a text, and where.
type Found[T any] struct {
	Span
	Quote string  // The words of the text in the span.
	Rule  string  // Name of the rule that found it, e.g. "weekday.next"; stable within a Version.
	Score float64 // How sure the rule is, from 0 to 1.
	Value T
}

// Author lists the parts of a text that its author wrote: no quotes, nothing
// forwarded, no signature, disclaimer or automatic text. A signature that no
// mark stands above is known by the closing words before it, as "Best
// regards" or "Mit freundlichen Grüßen"; it ends what the author wrote.
func Author(t message.Text) []Span {
	var spans []Span
	for _, z := range t.Zones {
		if z.Kind != "author" {
			continue
		}
		end := z.End
		if at := closing(t.Body, Span{z.Start, z.End}); at >= 0 {
			end = at
		}
		if strings.TrimSpace(t.Body[z.Start:end]) != "" {
			spans = append(spans, Span{z.Start, end})
		}
	}
	return spans
}

// maxSigned is how many lines that are not empty a signature has, and
// maxSignedLine how long each is, in bytes.
const (
	maxSigned     = 10
	maxSignedLine = 100
)

// closing returns where the line with the closing words of a text begins, if
// what is below them to the end of the span is as short as a signature, and
// begins with a name where the words could be the author's thanks; -1 when
// there are none.
func closing(text string, within Span) int {
	lines, below := 0, ""
	for end := within.End; end > within.Start && lines <= maxSigned; {
		start := within.Start + strings.LastIndexByte(text[within.Start:end], '\n') + 1
		line := strings.TrimSpace(text[start:end])
		if len(line) > maxSignedLine {
			return -1
		}
		if thanks, ok := message.Closing(line); ok && lines > 0 && (!thanks || looksLikeName(below)) {
			return start
		}
		if line != "" {
			lines++
			below = line
		}
		end = start - 1
	}
	return -1
}

// looksLikeName reports whether a line is a few words that begin as names do,
// with no sentence around them.
func looksLikeName(line string) bool {
	words := strings.Fields(line)
	if len(words) == 0 || len(words) > 4 || strings.ContainsAny(line, "?!:;0123456789") || strings.HasSuffix(line, ".") {
		return false
	}
	for _, w := range words {
		if r, _ := utf8.DecodeRuneInString(w); !unicode.IsUpper(r) || w == "I" {
			return len(words) == 1 && len(w) > 1
		}
	}
	return true
}

// border moves an offset back to where a rune begins.
func border(text string, at int) int {
	for at > 0 && at < len(text) && !utf8.RuneStart(text[at]) {
		at--
	}
	return at
}
