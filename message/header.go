package message

import (
	"bytes"
	"strings"
)

// Limits that keep hostile mail from costing more than it is worth. Each gives
// a defect; the bytes are kept all the same.
const (
	maxHeader = 4 << 20  // bytes of one header block
	maxFields = 5000     // fields of one header block
	maxDepth  = 50       // nested parts
	maxParts  = 10_000   // parts of one message, embedded ones included
	maxJunk   = 64 << 10 // bytes in which the end of a header may be looked for behind junk
)

// scanHeader reads the fields that begin at start and returns them with the
// offset of the body. It never looks behind end.
//
// QUIRK: RFC 5322 section 2.2 knows neither lines without a colon nor ends of
// lines other than CRLF; both are met.
func scanHeader(raw []byte, start, end int) (fields []Field, body int, codes []string) {
	limit := min(end, start+maxHeader)
	at := start
	for at < limit {
		line, next := lineAt(raw, at, end)
		if len(line) == 0 {
			return fields, next, codes
		}
		switch {
		case len(fields) >= maxFields:
			codes = addCode(codes, "header-limit")
			return fields, skipHeader(raw, next, end), codes
		case line[0] == ' ' || line[0] == '\t':
			if len(fields) == 0 {
				codes = addCode(codes, "header-begins-folded")
				fields = appendField(fields, raw[at:next], bytes.TrimLeft(line, " \t"))
				break
			}
			f := &fields[len(fields)-1]
			f.Raw = raw[at-len(f.Raw) : next]
		case fieldName(line) > 0:
			fields = append(fields, Field{Name: string(bytes.TrimRight(line[:fieldName(line)], " \t")), Raw: raw[at:next]})
		case bytes.HasPrefix(line, []byte("--")) || !fieldFollows(raw, next, limit):
			codes = addCode(codes, "header-not-ended")
			return fields, at, codes
		default: // Junk: of the field before, so that its bytes stay in order.
			codes = addCode(codes, "header-junk")
			if len(fields) > 0 {
				f := &fields[len(fields)-1]
				f.Raw = raw[at-len(f.Raw) : next]
				f.junk = next - at + f.junk
			}
		}
		at = next
	}
	if at < end {
		codes = addCode(codes, "header-limit")
		return fields, skipHeader(raw, at, end), codes
	}
	return fields, end, codes
}

func appendField(fields []Field, raw, line []byte) []Field {
	n := fieldName(line)
	if n <= 0 {
		return fields
	}
	return append(fields, Field{Name: string(bytes.TrimRight(line[:n], " \t")), Raw: raw})
}

func addCode(codes []string, code string) []string {
	for _, c := range codes {
		if c == code {
			return codes
		}
	}
	return append(codes, code)
}

// skipHeader finds the body behind a header that is longer than the limits.
func skipHeader(raw []byte, at, end int) int {
	for at < end {
		line, next := lineAt(raw, at, end)
		if at = next; len(line) == 0 {
			break
		}
	}
	return at
}

// lineAt returns the line at an offset without its end, and where the next
// one begins. CRLF, LF and CR CR LF end a line.
func lineAt(raw []byte, at, end int) (line []byte, next int) {
	n := bytes.IndexByte(raw[at:end], '\n')
	if n < 0 {
		return bytes.TrimRight(raw[at:end], "\r"), end
	}
	next = at + n + 1
	n += at
	for n > at && raw[n-1] == '\r' {
		n--
	}
	return raw[at:n], next
}

// fieldName returns the length of the name at the beginning of a line, 0 when
// there is none (RFC 5322 section 3.6.8: printable octets but the colon).
// QUIRK: white space before the colon is obsolete syntax (section 4.5) and
// met; 8-bit octets in names are met too.
func fieldName(line []byte) int {
	n := bytes.IndexByte(line, ':')
	if n <= 0 || n > 998 {
		return 0
	}
	name := bytes.TrimRight(line[:n], " \t")
	for _, c := range name {
		if c <= ' ' || c == 0x7f {
			return 0
		}
	}
	if len(name) == 0 {
		return 0
	}
	return n
}

// fieldFollows reports whether a junk line is inside a header: a field comes
// before the next empty line, and that is near.
func fieldFollows(raw []byte, at, limit int) bool {
	limit = min(limit, at+maxJunk)
	for range 10 {
		if at >= limit {
			return false
		}
		line, next := lineAt(raw, at, limit)
		if len(line) == 0 {
			return false
		}
		if n := fieldName(line); n > 0 && n < 80 {
			return true
		}
		at = next
	}
	return false
}

// unfolded is the value of a field on one line, not decoded (RFC 5322 section
// 2.2.3).
func (f *Field) unfolded() string {
	v := f.Raw[:len(f.Raw)-f.junk]
	n := bytes.IndexByte(v, ':')
	v = bytes.Trim(v[n+1:], " \t\r\n")
	if bytes.IndexByte(v, '\n') < 0 {
		return string(v)
	}
	var b strings.Builder
	b.Grow(len(v))
	for len(v) > 0 {
		line, next := lineAt(v, 0, len(v))
		b.Write(line)
		v = v[next:]
	}
	return b.String()
}

// decodeFields fills the values. A folded word is one again where the fold
// was inside it, since folding only adds a line end.
func decodeFields(fields []Field) {
	for i := range fields {
		fields[i].Value = decodeText(fields[i].unfolded())
	}
}

// field returns the first field of a name, in any case of letters; nil when
// there is none.
func field(fields []Field, name string) *Field {
	for i := range fields {
		if strings.EqualFold(fields[i].Name, name) {
			return &fields[i]
		}
	}
	return nil
}

func rawValue(fields []Field, name string) string {
	if f := field(fields, name); f != nil {
		return f.unfolded()
	}
	return ""
}

// Get returns the decoded value of the first field of a name, "" when there
// is none.
func (m *Message) Get(name string) string {
	if f := field(m.Header, name); f != nil {
		return f.Value
	}
	return ""
}

// Has reports whether the message has a field of a name, be it empty.
func (m *Message) Has(name string) bool { return field(m.Header, name) != nil }
