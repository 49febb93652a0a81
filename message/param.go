package message

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// parseParams reads a value with parameters (RFC 2045 section 5.1, RFC 2231):
// the value in lower case, parameters decoded under names in lower case. The
// first of a name counts.
//
// QUIRK: values with blanks and without quotes, encoded words in quoted
// strings, missing semicolons' neighbours and empty parameters are met.
func parseParams(s string) (value string, params map[string]string) {
	bare, _ := cutComments(s)
	value, rest, _ := strings.Cut(bare, ";")
	value = strings.ToLower(strings.TrimSpace(value))
	params = map[string]string{}
	pieces := map[string][]piece{}
	for rest != "" {
		var p string
		p, rest = cutParam(rest)
		name, v, ok := strings.Cut(p, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if !ok || name == "" {
			continue
		}
		v = strings.TrimSpace(v)
		if base, section, ok := strings.Cut(name, "*"); ok {
			pieces[base] = append(pieces[base], newPiece(section, v))
			continue
		}
		if _, ok := params[name]; !ok {
			params[name] = decodeText(unquoteParam(v))
		}
	}
	for name, list := range pieces {
		if v := joinPieces(list); v != "" {
			params[name] = v // RFC 6266 section 4.3, for mail too: the extended form is meant.
		}
	}
	return value, params
}

// cutParam splits at the next semicolon outside of quotes.
func cutParam(s string) (param, rest string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted && strings.IndexByte(s[i+1:], '"') >= 0
		case c == ';' && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// unquoteParam takes the quotes off. QUIRK: in Windows paths a backslash quotes nothing.
func unquoteParam(v string) string {
	if !strings.HasPrefix(v, `"`) {
		return v
	}
	v = strings.TrimSuffix(v[1:], `"`)
	if !strings.Contains(v, `\`) {
		return v
	}
	return strings.ReplaceAll(v, `\"`, `"`)
}

// piece is a section of a parameter (RFC 2231 section 3 and 4).
type piece struct {
	n       int
	encoded bool
	value   string
}

func newPiece(section, value string) piece {
	p := piece{value: unquoteParam(value)}
	if section == "" {
		p.encoded = true
		return p
	}
	section, star := strings.CutSuffix(section, "*")
	p.encoded = star
	if n, err := strconv.Atoi(section); err == nil {
		p.n = n
	}
	return p
}

// joinPieces puts the sections together. All octets are joined before they
// are decoded, since a character may be split over sections.
func joinPieces(list []piece) string {
	slices.SortStableFunc(list, func(a, b piece) int { return cmp.Compare(a.n, b.n) })
	charset := ""
	var octets []byte
	for i, p := range list {
		if !p.encoded {
			octets = append(octets, p.value...)
			continue
		}
		v := p.value
		if i == 0 {
			if parts := strings.SplitN(v, "'", 3); len(parts) == 3 {
				charset, v = parts[0], parts[2]
			}
		}
		octets = append(octets, unpercent(v)...)
	}
	return printable(decodeCharset(charset, octets))
}

func unpercent(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			out = append(out, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	return out
}
