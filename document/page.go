package document

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// page collects the text of a Part, line by line.
type page struct {
	r       *reader
	where   string // Inside the file that is read.
	text    []byte
	picture bool // Its text goes to Pictures.
}

func (r *reader) page(where string) *page { return &page{r: r, where: where} }

// write adds text, with line ends as they are. What is no UTF-8 and what is no
// text is replaced.
func (p *page) write(s []byte) {
	for len(s) > 0 {
		n := plainRun(s)
		p.add(s[:n])
		if s = s[n:]; len(s) == 0 {
			return
		}
		switch c, size := utf8.DecodeRune(s); {
		case c == '\n':
			p.add(s[:1])
			s = s[1:]
		case c == '\r':
			if len(s) < 2 || s[1] != '\n' {
				p.add([]byte{'\n'})
			}
			s = s[1:]
		case c == utf8.RuneError && size == 1:
			p.add([]byte("\uFFFD"))
			s = s[1:]
		default:
			p.add([]byte{' '})
			s = s[size:]
		}
	}
}

// plainRun is how much of s can be taken as it is.
func plainRun(s []byte) int {
	for n := 0; n < len(s); {
		if c := s[n]; c < utf8.RuneSelf {
			if c < ' ' && c != '\t' || c == 0x7f {
				return n
			}
			n++
			continue
		}
		c, size := utf8.DecodeRune(s[n:])
		if c == utf8.RuneError && size == 1 {
			return n
		}
		n += size
	}
	return len(s)
}

func (p *page) writeString(s string) { p.write([]byte(s)) }

// add adds what is known to be text, as far as there is room.
func (p *page) add(s []byte) {
	if len(s) == 0 {
		return
	}
	if int64(len(s)) > p.r.room {
		p.r.note(Limit)
		n := max(0, int(p.r.room))
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s, p.r.room = s[:n], 0
	}
	p.r.room -= int64(len(s))
	p.text = append(p.text, s...)
}

// tab goes to the next cell of a line; before the first it says nothing.
func (p *page) tab() {
	if p.trim(" "); p.begun() {
		p.add([]byte{'\t'})
	}
}

// newline ends the line; none is left empty.
func (p *page) newline() {
	p.trim(" \t")
	if p.begun() {
		p.add([]byte{'\n'})
	}
}

// trim takes blanks off the end.
func (p *page) trim(blanks string) {
	n := len(bytes.TrimRight(p.text, blanks))
	p.r.room += int64(len(p.text) - n)
	p.text = p.text[:n]
}

// begun reports whether the line has text.
func (p *page) begun() bool {
	n := len(p.text)
	return n > 0 && p.text[n-1] != '\n'
}

// end makes a Part of the text, if there is any, and begins anew.
func (p *page) end() {
	if s := string(p.text); strings.TrimSpace(s) != "" {
		to := &p.r.out.Parts
		if p.picture {
			to = &p.r.out.Pictures
		}
		*to = append(*to, Part{join(p.r.where, oneLine(p.where)), s})
	}
	p.text = nil
}
