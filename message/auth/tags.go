package auth

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// tags are the tags of a signature, a key or a policy (RFC 6376 section 3.2).
type tags map[string]string

// parseTags reads a list of tags. Names are case-sensitive and come once.
func parseTags(s string) (tags, error) {
	t := tags{}
	for part := range strings.SplitSeq(s, ";") {
		name, value, ok := strings.Cut(part, "=")
		name = strings.Trim(name, blanks)
		switch {
		case !ok && name == "":
			continue
		case !ok || !isTagName(name):
			return nil, fmt.Errorf("%q is no tag", clip(name))
		}
		if _, twice := t[name]; twice {
			return nil, fmt.Errorf("the tag %s= comes twice", clip(name))
		}
		t[name] = strings.Trim(value, blanks)
	}
	return t, nil
}

const blanks = " \t\r\n"

func isTagName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '_') {
			return false
		}
	}
	return s != ""
}

// clip shortens foreign text that goes into a reason.
func clip(s string) string {
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}

// bytes decodes base64 in which blanks may stand.
func (t tags) bytes(name string) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(squeeze(t[name]))
	if err != nil {
		return nil, fmt.Errorf("%s= is no base64", name)
	}
	return raw, nil
}

func squeeze(s string) string {
	return strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "").Replace(s)
}

// number reads a number, -1 when there is none.
func (t tags) number(name string) (int64, error) {
	s, ok := t[name]
	if !ok {
		return -1, nil
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%s= is no number", name)
	}
	return int64(n), nil
}

// moment reads seconds since 1970; the zero time when there are none.
func (t tags) moment(name string) (at time.Time, err error) {
	n, err := t.number(name)
	if err == nil && n > 253402300799 { // The year 9999: RFC 6376 section 3.5 wants 12 digits read, JSON ends here.
		err = fmt.Errorf("%s= is beyond the year 9999", name)
	}
	if err != nil || n < 0 {
		return at, err
	}
	return time.Unix(n, 0).UTC(), nil
}

// list reads names between colons, in lower case.
func (t tags) list(name string) (out []string) {
	for s := range strings.SplitSeq(t[name], ":") {
		if s = strings.ToLower(strings.Trim(s, blanks)); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// emptied is a signature's field without the value of b= and without its line
// end, as it is signed itself (RFC 6376 section 3.7).
func emptied(f field) (field, error) {
	raw := bytes.TrimSuffix(bytes.TrimSuffix(f.raw, []byte("\n")), []byte("\r"))
	at := len(f.raw) - len(f.value())
	for part := range bytes.SplitSeq(raw[at:], []byte(";")) {
		name, value, _ := bytes.Cut(part, []byte("="))
		if at += len(part) + 1; string(bytes.Trim(name, blanks)) == "b" {
			end := at - 1
			out := append(bytes.Clone(raw[:end-len(value)]), raw[end:]...)
			return field{f.name, out}, nil
		}
	}
	return f, errors.New("it has no b=")
}
