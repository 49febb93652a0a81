package message

import (
	"bytes"
	"encoding/base64"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/unicode"
)

// DecodeText makes UTF-8 of octets that are said to be in a charset; "" when
// nothing is said. What is not true is not believed.
func DecodeText(charset string, b []byte) string { return decodeCharset(charset, b) }

// decodeCharset makes UTF-8 of octets. The label is believed when it is known
// and fits; else the octets speak for themselves.
func decodeCharset(label string, b []byte) string {
	label = strings.ToLower(strings.Trim(label, ` "'`))
	switch {
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")):
		return valid(b[3:])
	case isASCII(b) && !stateful(label, b):
		return string(b)
	case label == "utf-7" || label == "unicode-1-1-utf-7":
		return decodeUTF7(b)
	case label == "iso-2022-kr":
		return decodeISO2022KR(b)
	}
	switch label {
	case "", "utf-8", "utf8", "us-ascii", "ascii", "unknown-8bit", "x-unknown", "default", "unknown":
		return guess(b)
	}
	enc := lookup(label)
	if enc == nil {
		return guess(b)
	}
	return decodeWith(enc, b)
}

// stateful reports whether ASCII octets may mean other characters.
func stateful(label string, b []byte) bool {
	return strings.HasPrefix(label, "iso-2022") || strings.HasPrefix(label, "utf-7") || label == "unicode-1-1-utf-7" ||
		strings.HasPrefix(label, "utf-16") || strings.HasPrefix(label, "utf-32") || label == "hz-gb-2312" || bytes.IndexByte(b, 0x1b) >= 0
}

// lookup finds the encoding of a label; nil when it is not known. The WHATWG
// names come first: they say what senders mean, e.g. windows-1252 by
// iso-8859-1.
func lookup(label string) encoding.Encoding {
	if enc, err := htmlindex.Get(label); err == nil {
		if name, err := htmlindex.Name(enc); err == nil && name != "replacement" {
			return enc
		}
	}
	for _, name := range []string{label, strings.Replace(label, "cp-", "ibm", 1), strings.Replace(label, "cp", "windows-", 1), strings.ReplaceAll(label, "_", "-")} {
		if enc, err := ianaindex.MIME.Encoding(name); err == nil && enc != nil {
			return enc
		}
		if enc, err := ianaindex.IANA.Encoding(name); err == nil && enc != nil {
			return enc
		}
	}
	return nil
}

// guess decodes octets that nothing true is said of.
func guess(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xfe")), bytes.HasPrefix(b, []byte("\xfe\xff")):
		return decodeWith(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), b)
	case bytes.Contains(b, []byte("\x1b$")) || bytes.Contains(b, []byte("\x1b(J")):
		return decodeWith(japanese.ISO2022JP, b)
	case utf8.Valid(b):
		return string(b)
	case mostlyUTF8(b):
		return valid(b)
	}
	return decodeWith(charmap.Windows1252, b)
}

// mostlyUTF8 reports whether the octets are UTF-8 but for a few, as where a
// text was cut.
func mostlyUTF8(b []byte) bool {
	good, bad := 0, 0
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			bad++
		} else if n > 1 {
			good++
		}
		b = b[n:]
	}
	return good > 4*bad
}

// decodeUnlabelled is guess for a text that is ASCII as a rule.
func decodeUnlabelled(s string) string {
	for i := range len(s) {
		if s[i] >= 0x80 || s[i] == 0x1b {
			return guess([]byte(s))
		}
	}
	return s
}

func decodeWith(enc encoding.Encoding, b []byte) string {
	out, err := enc.NewDecoder().Bytes(b)
	if err != nil {
		return guessed(b, out)
	}
	return valid(out)
}

// guessed is what remains when a decoder gives up: what it had, then the rest
// as it can be read.
func guessed(b, out []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	if len(out) > 0 {
		return valid(out)
	}
	return valid(b)
}

func valid(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// decodeUTF7 decodes RFC 2152.
func decodeUTF7(b []byte) string {
	var out strings.Builder
	for len(b) > 0 {
		at := bytes.IndexByte(b, '+')
		if at < 0 {
			break
		}
		out.Write(b[:at])
		b = b[at+1:]
		n := 0
		for n < len(b) && base64Digit(b[n]) >= 0 {
			n++
		}
		if n == 0 {
			out.WriteByte('+')
		} else {
			out.WriteString(decodeUTF16BE(b[:n]))
		}
		if b = b[n:]; len(b) > 0 && b[0] == '-' {
			b = b[1:]
		}
	}
	out.Write(b)
	return strings.ToValidUTF8(out.String(), "\uFFFD")
}

func decodeUTF16BE(digits []byte) string {
	octets := make([]byte, base64.RawStdEncoding.DecodedLen(len(digits)))
	n, _ := base64.RawStdEncoding.Decode(octets, digits) // What it could is good enough.
	units := make([]uint16, 0, n/2)
	for i := 0; i+1 < n; i += 2 {
		units = append(units, uint16(octets[i])<<8|uint16(octets[i+1]))
	}
	return string(utf16.Decode(units))
}

// decodeISO2022KR decodes RFC 1557: between SO and SI, octets are those of
// EUC-KR without their high bit.
func decodeISO2022KR(b []byte) string {
	b = bytes.TrimPrefix(b, []byte("\x1b$)C"))
	euc := make([]byte, 0, len(b))
	shifted := false
	for _, c := range b {
		switch {
		case c == 0x0e:
			shifted = true
		case c == 0x0f:
			shifted = false
		case c == '\n':
			shifted = false
			euc = append(euc, c)
		case shifted && c > ' ':
			euc = append(euc, c|0x80)
		default:
			euc = append(euc, c)
		}
	}
	return decodeWith(korean.EUCKR, bytes.ReplaceAll(euc, []byte("\x1b$)C"), nil))
}
