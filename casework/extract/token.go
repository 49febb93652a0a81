package extract

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// shape is what a token consists of.
type shape uint8

const (
	mark    shape = iota // One rune that is neither a letter nor a digit.
	word                 // Letters, with apostrophes between them.
	number               // Digits.
	newline              // The end of a line.
)

// token is a piece of a text.
type token struct {
	start, end int
	text       string // In lower case, ’ as '.
	shape      shape
	glued      bool // Nothing stands between it and the token before.
	upper      bool // It begins with an upper case letter.
	lex        lexeme
	n          int // Of a number of at most nine digits; else -1.
}

// maxBlock is how much text is in memory as tokens at a time, in bytes: more
// than any paragraph that a person wrote.
const maxBlock = 32 << 10

// eachBlock calls f with the tokens of each paragraph in the spans, in order.
// The tokens are those of the next paragraph once f returns. Spans that are
// not inside the text, or not behind the one before, are cut to what is.
func eachBlock(text string, within []Span, f func([]token)) {
	var tokens []token
	from := 0
	for _, s := range within {
		s.Start, s.End = border(text, max(s.Start, from)), border(text, min(s.End, len(text)))
		for at := s.Start; at < s.End; {
			end := blockEnd(text, at, s.End)
			tokens = tokenise(tokens[:0], text, at, end)
			f(tokens)
			at = end
		}
		from = max(from, s.End)
	}
}

// blockEnd returns where the paragraph ends that begins at an offset.
func blockEnd(text string, at, end int) int {
	limit := min(end, at+maxBlock)
	for i := at; ; {
		n := strings.IndexByte(text[i:limit], '\n')
		if n < 0 {
			break
		}
		i += n + 1
		if i >= limit {
			break
		}
		if text[i] == '\n' {
			return i
		}
	}
	if limit == end {
		return end
	}
	if space := strings.LastIndexByte(text[at:limit], ' '); space > 0 {
		return at + space
	}
	return max(border(text, limit), at+1)
}

// tokenise appends the tokens of text[at:end].
func tokenise(tokens []token, text string, at, end int) []token {
	glued := false
	for at < end {
		b := text[at]
		switch {
		case b == '\n':
			tokens = append(tokens, token{start: at, end: at + 1, text: "\n", shape: newline, n: -1})
			at++
			glued = false
			continue
		case b == ' ' || b == '\t' || b == '\r':
			at++
			glued = false
			continue
		}
		t := token{start: at, glued: glued, n: -1}
		switch {
		case isDigit(b):
			t.end, t.n = scanNumber(text, at, end)
			t.shape, t.text = number, text[at:t.end]
		case isLetter(b):
			t.end, t.upper = scanWord(text, at, end)
			t.shape, t.text = word, fold(text[at:t.end])
			t.lex = meaning(t.text)
		default:
			r, size := utf8.DecodeRuneInString(text[at:end])
			if unicode.IsSpace(r) || r == '\u200b' || r == '\ufeff' {
				at += size
				glued = false
				continue
			}
			if unicode.IsLetter(r) {
				t.end, t.upper = scanWord(text, at, end)
				t.shape, t.text = word, fold(text[at:t.end])
				t.lex = meaning(t.text)
				break
			}
			t.end, t.text = at+size, text[at:at+size]
			if r == '–' || r == '—' {
				t.text = "-"
			}
		}
		tokens = append(tokens, t)
		at = t.end
		glued = true
	}
	return tokens
}

func isDigit(b byte) bool  { return b >= '0' && b <= '9' }
func isLetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }

func scanNumber(text string, at, end int) (behind, n int) {
	start := at
	for at < end && isDigit(text[at]) {
		if at-start < 9 {
			n = n*10 + int(text[at]-'0')
		}
		at++
	}
	if at-start > 9 {
		return at, -1
	}
	return at, n
}

// scanWord finds the end of a word. An apostrophe between letters is part of it.
func scanWord(text string, at, end int) (behind int, upper bool) {
	first, _ := utf8.DecodeRuneInString(text[at:end])
	upper = unicode.IsUpper(first)
	for at < end {
		b := text[at]
		if isLetter(b) {
			at++
			continue
		}
		if b == '\'' && at+1 < end && isLetter(text[at+1]) {
			at++
			continue
		}
		if b < utf8.RuneSelf {
			break
		}
		r, size := utf8.DecodeRuneInString(text[at:end])
		apostrophe := r == '’' && at+size < end && isLetter(text[at+size])
		if !unicode.IsLetter(r) && !unicode.Is(unicode.M, r) && !apostrophe {
			break
		}
		at += size
	}
	return at, upper
}

// fold gives the form in which words are compared.
func fold(s string) string {
	for i := 0; i < len(s); i++ {
		if b := s[i]; b >= utf8.RuneSelf || b >= 'A' && b <= 'Z' {
			return strings.ReplaceAll(strings.ToLower(s), "’", "'")
		}
	}
	return s
}

// meaning is what a word may be in a date; "Friday's" is Friday.
func meaning(folded string) lexeme {
	bare, genitive := strings.CutSuffix(folded, "'s")
	l := lexicon[bare]
	if genitive && l.class != relative && (l.class != weekday || l.weak) {
		return lexeme{}
	}
	return l
}
