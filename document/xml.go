package document

import (
	"bufio"
	"bytes"
	"io"
	"strconv"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"
)

// xmlScanner goes through XML without building anything of it: no tree, no
// namespaces, no entities but the five and the numbered ones. What a document
// type declares is skipped, so nothing can expand. Elements may be as deep as
// they like, since depth is a number here.
//
// encoding/xml stops at the first thing that is wrong, and takes some ten times
// as long; see BenchmarkXML.
type xmlScanner struct {
	in    *bufio.Reader
	buf   []byte // Of the token.
	attrs []byte // Of the start of an element, as written.
	close bool   // The element whose start was read ends at once.
	depth int    // Elements that are open.
	torn  bool   // The source ended inside of a token or an element.

	kind xmlKind
	name []byte // Of the element, without prefix.
	text []byte
}

type xmlKind int

const (
	xmlStart xmlKind = iota
	xmlEnd
	xmlText
)

// maxToken is how much of the attributes of one element is kept, and how much of
// a text comes at once.
const maxToken = 1 << 20

func newXML(source io.Reader) *xmlScanner {
	in := bufio.NewReaderSize(source, 32<<10)
	head, _ := in.Peek(4) // Fewer do for the comparison.
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("<\x00")):
		in = bufio.NewReader(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder().Reader(in))
	case bytes.HasPrefix(head, []byte("\xfe\xff")), bytes.HasPrefix(head, []byte("\x00<")):
		in = bufio.NewReader(unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewDecoder().Reader(in))
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		in.Discard(3)
	}
	return &xmlScanner{in: in}
}

// next goes to the next token.
func (s *xmlScanner) next() bool {
	if s.close {
		s.close, s.kind = false, xmlEnd
		s.depth--
		return true
	}
	for {
		c, err := s.in.ReadByte()
		if err != nil {
			s.torn = s.torn || s.depth > 0
			return false
		}
		if c != '<' {
			s.in.UnreadByte()
			s.characters()
			return true
		}
		if s.markup() {
			return true
		}
		if s.torn {
			return false
		}
	}
}

// skip goes to the end of the element that has begun.
func (s *xmlScanner) skip() {
	for depth := s.depth; s.next() && !(s.kind == xmlEnd && s.depth < depth); {
	}
}

// characters reads text up to the next "<", or a good piece of it.
func (s *xmlScanner) characters() {
	s.buf = s.buf[:0]
	for len(s.buf) < maxToken {
		piece, err := s.in.ReadSlice('<')
		if err == nil {
			s.keep(piece[:len(piece)-1])
			s.in.UnreadByte()
			break
		}
		s.keep(piece)
		if err != bufio.ErrBufferFull {
			break
		}
	}
	s.kind, s.text = xmlText, unescape(s.buf)
}

// markup reads what follows a "<"; false when it is nothing that counts.
func (s *xmlScanner) markup() bool {
	s.buf = s.buf[:0]
	c, err := s.in.ReadByte()
	if err != nil {
		s.torn = true
		return false
	}
	switch c {
	case '?':
		s.through("?>")
		return false
	case '!':
		return s.declaration()
	case '/':
		if !s.until('>') {
			s.torn = true
			return false
		}
		s.kind, s.name = xmlEnd, localName(bytes.TrimSpace(s.buf))
		s.depth = max(0, s.depth-1)
		return true
	}
	s.in.UnreadByte()
	if !s.tag() {
		s.torn = true
		return false
	}
	tag := s.buf
	if n := len(tag); n > 0 && tag[n-1] == '/' {
		s.close, tag = true, tag[:n-1]
	}
	n := 0
	for n < len(tag) && !isSpace(tag[n]) {
		n++
	}
	s.kind, s.name, s.attrs = xmlStart, localName(tag[:n]), tag[n:]
	s.depth++
	return true
}

// declaration reads what follows "<!".
func (s *xmlScanner) declaration() bool {
	head, _ := s.in.Peek(7) // Fewer match nothing.
	switch {
	case bytes.HasPrefix(head, []byte("--")):
		s.through("-->")
	case bytes.Equal(head, []byte("[CDATA[")):
		s.in.Discard(len(head))
		s.through("]]>")
		s.kind, s.text = xmlText, bytes.TrimSuffix(s.buf, []byte("]]>"))
		return true
	default: // A document type, with declarations between brackets.
		for deep := 0; ; {
			c, err := s.in.ReadByte()
			if err != nil {
				s.torn = true
				return false
			}
			switch {
			case c == '[' || c == '<':
				deep++
			case c == ']' || c == '>' && deep > 0:
				deep--
			case c == '>':
				return false
			}
		}
	}
	return false
}

// until keeps what comes before a delimiter and takes the delimiter too; false
// when it does not come.
func (s *xmlScanner) until(delimiter byte) bool {
	for {
		piece, err := s.in.ReadSlice(delimiter)
		if err == nil {
			s.keep(piece[:len(piece)-1])
			return true
		}
		s.keep(piece)
		if err != bufio.ErrBufferFull {
			return false
		}
	}
}

func (s *xmlScanner) keep(piece []byte) {
	s.buf = append(s.buf, piece[:min(len(piece), maxToken-len(s.buf))]...)
}

// tag keeps a start tag up to its ">", which may also be inside of quotes.
func (s *xmlScanner) tag() bool {
	for quote, from := byte(0), 0; ; {
		if !s.until('>') {
			return false
		}
		for _, c := range s.buf[from:] {
			switch {
			case quote == 0 && (c == '"' || c == '\''):
				quote = c
			case c == quote:
				quote = 0
			}
		}
		if quote == 0 || len(s.buf) >= maxToken {
			return true
		}
		s.keep([]byte{'>'})
		from = len(s.buf)
	}
}

// through skips to the end of a mark and keeps what it is in.
func (s *xmlScanner) through(mark string) {
	last := mark[len(mark)-1]
	var tail []byte
	for {
		if !s.until(last) {
			s.torn = true
			return
		}
		s.keep([]byte{last})
		if tail = s.buf; bytes.HasSuffix(tail, []byte(mark)) || len(s.buf) >= maxToken {
			return
		}
	}
}

// attr is the value of an attribute, told by its name without prefix. Where
// there are two, the one with a prefix is meant: r:id, not id.
func (s *xmlScanner) attr(name string) string {
	value := ""
	for a := range s.attributes() {
		if string(a.name) == name && (value == "" || a.prefixed) {
			value = string(unescape(bytes.Clone(a.value)))
		}
	}
	return value
}

type xmlAttr struct {
	name     []byte // Without prefix.
	prefixed bool
	full     []byte
	value    []byte // As written.
}

func (s *xmlScanner) attributes() func(yield func(xmlAttr) bool) {
	return func(yield func(xmlAttr) bool) {
		for rest := s.attrs; ; {
			rest = bytes.TrimLeft(rest, " \t\r\n")
			name, after, ok := bytes.Cut(rest, []byte{'='})
			if !ok {
				return
			}
			after = bytes.TrimLeft(after, " \t\r\n")
			if len(after) == 0 || after[0] != '"' && after[0] != '\'' {
				return
			}
			value, behind, ok := bytes.Cut(after[1:], after[:1])
			if !ok {
				return
			}
			name = bytes.TrimSpace(name)
			local := localName(name)
			if !yield(xmlAttr{local, len(local) < len(name), name, value}) {
				return
			}
			rest = behind
		}
	}
}

func localName(name []byte) []byte {
	if at := bytes.IndexByte(name, ':'); at >= 0 {
		return name[at+1:]
	}
	return name
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// unescape replaces the five entities and the numbered ones, in place: each is
// longer than what it stands for.
func unescape(s []byte) []byte {
	at := bytes.IndexByte(s, '&')
	if at < 0 {
		return s
	}
	out, rest := s[:at], s[at:]
	for len(rest) > 0 {
		if rest[0] == '&' {
			if c, n := entity(rest); n > 0 {
				out, rest = utf8.AppendRune(out, c), rest[n:]
				continue
			}
		}
		out, rest = append(out, rest[0]), rest[1:]
	}
	return out
}

// entity reads the one that s begins with, and its length; 0 when it is none.
func entity(s []byte) (rune, int) {
	end := bytes.IndexByte(s[:min(len(s), 12)], ';')
	if end < 2 {
		return 0, 0
	}
	name, n := string(s[1:end]), end+1
	switch name {
	case "lt":
		return '<', n
	case "gt":
		return '>', n
	case "amp":
		return '&', n
	case "quot":
		return '"', n
	case "apos":
		return '\'', n
	}
	if name[0] != '#' {
		return 0, 0
	}
	base, digits := 10, name[1:]
	if len(digits) > 1 && digits[0]|0x20 == 'x' {
		base, digits = 16, digits[1:]
	}
	v, err := strconv.ParseUint(digits, base, 21)
	if err != nil {
		return 0, 0
	}
	return rune(v), n
}
