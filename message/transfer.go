package message

import (
	"bytes"
	"strings"
)

// Content decodes the transfer encoding of a part: the exact bytes of a file.
// What is broken is decoded as far as it goes. Nil when there is no such part.
func (m *Message) Content(part int) []byte {
	if part < 0 || part >= len(m.Parts) {
		return nil
	}
	p := &m.Parts[part]
	return decodeTransfer(p.Encoding, m.encoded(p))
}

// decodeTransfer undoes a Content-Transfer-Encoding (RFC 2045 section 6).
func decodeTransfer(encoding string, b []byte) []byte {
	switch encoding {
	case "base64":
		return decodeBase64(b)
	case "quoted-printable":
		return decodeQuotedPrintable(b)
	case "x-uuencode", "uuencode", "x-uue", "uue":
		return decodeUU(b)
	case "x-yencode", "yencode", "x-yenc", "yenc":
		return decodeYEnc(b)
	}
	return b // 7bit, 8bit, binary, and what nobody knows.
}

// cleanEncoding reads the name of an encoding.
// QUIRK: RFC 2045 section 6.1 allows a token only; "8-bit", quotes, comments
// and parameters are met.
func cleanEncoding(s string) string {
	s, _ = cutComments(s)
	s, _, _ = strings.Cut(s, ";")
	return strings.ToLower(strings.Trim(s, " \t\"'."))
}

// identity reports whether the encoded bytes are the content.
func identity(encoding string) bool {
	switch encoding {
	case "base64", "quoted-printable", "x-uuencode", "uuencode", "x-uue", "uue", "x-yencode", "yencode", "x-yenc", "yenc":
		return false
	}
	return true
}

// decodeQuotedPrintable decodes RFC 2045 section 6.7; an equals sign that
// introduces nothing stands for itself.
func decodeQuotedPrintable(b []byte) []byte {
	if bytes.IndexByte(b, '=') < 0 {
		return b
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != '=' {
			out = append(out, b[i])
			continue
		}
		if i+2 < len(b) && isHex(b[i+1]) && isHex(b[i+2]) {
			out = append(out, unhex(b[i+1])<<4|unhex(b[i+2]))
			i += 2
			continue
		}
		if n := softBreak(b[i+1:]); n > 0 || i+1 == len(b) {
			i += n
			continue
		}
		out = append(out, '=')
	}
	return out
}

// softBreak returns the length of the line end behind a soft line break, with
// the white space that may have been added before it.
func softBreak(b []byte) int {
	n := 0
	for n < len(b) && (b[n] == ' ' || b[n] == '\t' || b[n] == '\r') {
		n++
	}
	if n < len(b) && b[n] == '\n' {
		return n + 1
	}
	if n == len(b) {
		return n
	}
	return 0
}

// decodeUU decodes the first file of a uuencoded text (POSIX uuencode).
func decodeUU(b []byte) []byte {
	if at := bytes.Index(b, []byte("begin ")); at >= 0 {
		_, next := lineAt(b, at, len(b))
		b = b[next:]
	}
	var out []byte
	for len(b) > 0 {
		line, next := lineAt(b, 0, len(b))
		b = b[next:]
		if len(line) == 0 || bytes.Equal(line, []byte("end")) {
			break
		}
		out = appendUULine(out, line)
	}
	return out
}

func appendUULine(out, line []byte) []byte {
	want := int(line[0]-' ') & 63
	if line = line[1:]; len(line) == 0 { // QUIRK: blanks for zeros, which got lost.
		return append(out, make([]byte, want)...)
	}
	digit := func(i int) byte {
		if i >= len(line) {
			return 0
		}
		return (line[i] - ' ') & 63
	}
	for i := 0; want > 0; i += 4 {
		three := [3]byte{digit(i)<<2 | digit(i+1)>>4, digit(i+1)<<4 | digit(i+2)>>2, digit(i+2)<<6 | digit(i+3)}
		out = append(out, three[:min(want, 3)]...)
		want -= 3
	}
	return out
}
