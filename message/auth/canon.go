package auth

import (
	"bufio"
	"bytes"
	"io"
	"slices"
	"strings"
)

// parsed is a message in the form in which it is signed: header fields and body.
type parsed struct {
	fields []field
	body   []byte
	byName map[string][]int // Indices of the fields of a name in lower case, from the top.
}

// field is a header field.
type field struct {
	name string // Lower case.
	raw  []byte // All of it with its line end.
}

// value is what follows the colon.
func (f field) value() []byte { return f.raw[bytes.IndexByte(f.raw, ':')+1:] }

var crlf = []byte("\r\n")

// split takes a message apart; false when it has too many fields.
//
// QUIRK: mail of a mailbox on disk has LF line ends. It was signed with CRLF
// (RFC 6376 section 5.3), and is read so when its first line ends like that.
func split(raw []byte) (*parsed, bool) {
	if n := bytes.IndexByte(raw, '\n'); n >= 0 && (n == 0 || raw[n-1] != '\r') {
		raw = withCRLF(raw)
	}
	p := &parsed{byName: map[string][]int{}}
	for len(raw) > 0 {
		n := bytes.IndexByte(raw, '\n') + 1
		if n == 0 {
			n = len(raw)
		}
		line := raw[:n]
		switch {
		case len(bytes.TrimRight(line, "\r\n")) == 0:
			p.body = raw[n:]
			return p, true
		case (line[0] == ' ' || line[0] == '\t') && len(p.fields) > 0:
			f := &p.fields[len(p.fields)-1]
			f.raw = f.raw[:len(f.raw)+n]
		case len(p.fields) == maxFields:
			return nil, false
		default:
			name, _, _ := bytes.Cut(line, []byte(":"))
			f := field{strings.ToLower(string(bytes.TrimRight(name, " \t\r\n"))), line}
			p.byName[f.name] = append(p.byName[f.name], len(p.fields))
			p.fields = append(p.fields, f)
		}
		raw = raw[n:]
	}
	return p, true
}

func withCRLF(raw []byte) []byte {
	out := make([]byte, 0, len(raw)+bytes.Count(raw, []byte{'\n'}))
	for len(raw) > 0 {
		line, rest, ended := bytes.Cut(raw, []byte{'\n'})
		out = append(out, bytes.TrimSuffix(line, []byte{'\r'})...)
		if ended {
			out = append(out, '\r', '\n')
		}
		raw = rest
	}
	return out
}

// relaxedField is a field in relaxed form, with its line end (RFC 6376 section 3.4.2).
func relaxedField(f field) []byte {
	out := append(make([]byte, 0, len(f.raw)), f.name...)
	out = append(out, ':')
	start, blank := len(out), false
	for _, c := range f.value() {
		switch c {
		case '\r', '\n': // Unfolded: the blank behind it stays.
		case ' ', '\t':
			blank = true
		default:
			if blank && len(out) > start {
				out = append(out, ' ')
			}
			out, blank = append(out, c), false
		}
	}
	return append(out, crlf...)
}

// canonicalField is a field as it is hashed.
func canonicalField(f field, relaxed bool) []byte {
	if relaxed {
		return relaxedField(f)
	}
	return f.raw
}

// writeBody writes a body in canonical form (RFC 6376 sections 3.4.3 and
// 3.4.4). It looks at each byte once: a body of empty lines costs no more than
// any other of its size.
func writeBody(to io.Writer, body []byte, relaxed bool) {
	w := bufio.NewWriterSize(to, 32<<10) // Only hashes are written to; they do not fail.
	defer w.Flush()
	if !relaxed {
		for bytes.HasSuffix(body, []byte("\r\n\r\n")) {
			body = body[:len(body)-2]
		}
		w.Write(body)
		if !bytes.HasSuffix(body, crlf) {
			w.Write(crlf)
		}
		return
	}
	empty := 0 // Lines without text that came; written only when text follows.
	for len(body) > 0 {
		line, rest, _ := bytes.Cut(body, crlf)
		body = rest
		if line = bytes.TrimRight(line, " \t"); len(line) == 0 {
			empty++
			continue
		}
		for ; empty > 0; empty-- {
			w.Write(crlf)
		}
		writeRelaxedLine(w, line)
		w.Write(crlf)
	}
}

// writeRelaxedLine writes a line with its runs of blanks as one.
func writeRelaxedLine(w *bufio.Writer, line []byte) {
	for len(line) > 0 {
		n := bytes.IndexAny(line, " \t")
		if n < 0 {
			w.Write(line)
			return
		}
		w.Write(line[:n])
		w.WriteByte(' ')
		line = bytes.TrimLeft(line[n:], " \t")
	}
}

// limited passes on the first bytes and counts all.
type limited struct {
	to    io.Writer
	most  int64 // Negative: all.
	total int64
}

func (l *limited) Write(p []byte) (int, error) {
	if left := l.most - l.total; l.most >= 0 && int64(len(p)) > left {
		l.to.Write(p[:max(left, 0)])
	} else {
		l.to.Write(p)
	}
	l.total += int64(len(p))
	return len(p), nil
}

// selected are the fields that h= names (RFC 6376 section 5.4.2): of each name
// from the bottom up, one for each time it is named. own is the signature
// itself, which is never among them.
func (p *parsed) selected(names []string, own int) (out []field) {
	used := map[string]int{}
	for _, name := range names {
		all := p.byName[name]
		if i := slices.Index(all, own); i >= 0 {
			all = slices.Delete(slices.Clone(all), i, i+1)
		}
		if n := len(all) - 1 - used[name]; n >= 0 {
			out = append(out, p.fields[all[n]])
			used[name]++
		}
	}
	return out
}
