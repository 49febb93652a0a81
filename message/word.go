package message

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// decodeText decodes the encoded words of a field's text (RFC 2047) and 8-bit
// octets that should not be there.
//
// QUIRK: section 5 asks that a multi-octet character is not split over words,
// and senders do it; so octets of neighbouring words in one charset are joined
// before they are decoded. Words inside quoted strings and without white space
// around are decoded too.
func decodeText(s string) string {
	if !strings.Contains(s, "=?") {
		return printable(decodeUnlabelled(s))
	}
	var out strings.Builder
	var pending struct {
		charset string
		octets  []byte
	}
	flush := func() {
		if len(pending.octets) > 0 {
			out.WriteString(decodeCharset(pending.charset, pending.octets))
			pending.octets = nil
		}
	}
	for s != "" {
		at := strings.Index(s, "=?")
		if at < 0 {
			break
		}
		charset, octets, n := encodedWord(s[at:])
		if n == 0 {
			flush()
			out.WriteString(decodeUnlabelled(s[:at+2]))
			s = s[at+2:]
			continue
		}
		between := s[:at]
		if len(pending.octets) == 0 || strings.Trim(between, " \t") != "" {
			flush()
			out.WriteString(decodeUnlabelled(between))
		}
		if charset != pending.charset {
			flush()
			pending.charset = charset
		}
		pending.octets = append(pending.octets, octets...)
		s = s[at+n:]
	}
	flush()
	out.WriteString(decodeUnlabelled(s))
	return printable(out.String())
}

// encodedWord reads a word at the beginning of s and returns its charset in
// lower case, its octets and its length; a length of 0 when there is none.
func encodedWord(s string) (charset string, octets []byte, n int) {
	charset, rest, ok := strings.Cut(s[2:], "?")
	if !ok || charset == "" || len(charset) > 64 || strings.ContainsAny(charset, " \t=") || len(rest) < 2 || rest[1] != '?' {
		return "", nil, 0
	}
	text, _, ok := strings.Cut(rest[2:], "?=")
	if !ok {
		return "", nil, 0
	}
	n = 2 + len(charset) + 1 + 2 + len(text) + 2
	charset, _, _ = strings.Cut(strings.ToLower(charset), "*") // RFC 2231 section 5: a language may follow.
	switch rest[0] {
	case 'q', 'Q':
		return charset, decodeQWord(text), n
	case 'b', 'B':
		return charset, decodeBase64([]byte(text)), n
	}
	return "", nil, 0
}

// decodeQWord decodes the "Q" encoding (RFC 2047 section 4.2).
func decodeQWord(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '_':
			out = append(out, ' ')
		case s[i] == '=' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			out = append(out, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		default:
			out = append(out, s[i])
		}
	}
	return out
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}

// printable makes one line of valid UTF-8: control characters become blanks.
func printable(s string) string {
	if !strings.ContainsFunc(s, isControl) && utf8.ValidString(s) {
		return strings.Trim(s, " ")
	}
	return strings.Trim(strings.Map(func(r rune) rune {
		if isControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD")), " ")
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// decodeBase64 decodes what there is (RFC 2045 section 6.8): octets outside the
// alphabet are skipped, and after padding it begins anew, as where two encoded
// pieces were put together.
func decodeBase64(s []byte) []byte {
	out := make([]byte, base64.StdEncoding.DecodedLen(len(s)))
	if n, err := base64.StdEncoding.Decode(out, s); err == nil {
		return out[:n] // It skips line ends itself.
	}
	out = out[:0]
	var group uint32
	digits := 0
	flush := func() {
		switch digits {
		case 2:
			out = append(out, byte(group>>4))
		case 3:
			out = append(out, byte(group>>10), byte(group>>2))
		}
		group, digits = 0, 0
	}
	for _, c := range s {
		d := base64Digit(c)
		switch {
		case c == '=':
			flush()
		case d >= 0:
			group = group<<6 | uint32(d)
			if digits++; digits == 4 {
				out = append(out, byte(group>>16), byte(group>>8), byte(group))
				group, digits = 0, 0
			}
		}
	}
	flush()
	return out
}

func base64Digit(c byte) int {
	switch {
	case c >= 'A' && c <= 'Z':
		return int(c - 'A')
	case c >= 'a' && c <= 'z':
		return int(c-'a') + 26
	case c >= '0' && c <= '9':
		return int(c-'0') + 52
	case c == '+':
		return 62
	case c == '/':
		return 63
	}
	return -1
}
