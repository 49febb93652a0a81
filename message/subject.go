package message

import "strings"

// prefixes that mail programs put before the subject of a reply or forward,
// in lower case, in the languages met.
var prefixes = []string{
	"re", "fwd", "fw", "aw", "wg", "antw", "sv", "vs", "vb", "vl", "tr", "rv", "rif", "r", "i", "res", "enc", "odp", "pd", "ynt", "ilt", "doorst",
	"回复", "答复", "转发", "回覆", "轉寄", "転送", "返信", "réf", "ref",
}

// BaseSubject is the subject without reply and forward prefixes (RFC 5256
// section 2.1, in the languages met). Tags of lists in brackets stay.
func BaseSubject(subject string) string {
	s := strings.TrimSpace(subject)
	for {
		rest, ok := cutPrefix(s)
		if !ok {
			return s
		}
		s = rest
	}
}

// Reply reports whether a subject has a reply or forward prefix.
func Reply(subject string) bool {
	_, ok := cutPrefix(strings.TrimSpace(subject))
	return ok
}

func cutPrefix(s string) (rest string, ok bool) {
	at := strings.IndexAny(s, ":：")
	if at < 0 || at > 16 {
		return s, false
	}
	head := strings.ToLower(strings.TrimSpace(s[:at]))
	if open := strings.IndexAny(head, "[("); open > 0 { // "Re[2]:"
		if strings.Trim(head[open:], "[]()0123456789") != "" {
			return s, false
		}
		head = strings.TrimSpace(head[:open])
	}
	for _, p := range prefixes {
		if head == p {
			_, rest, _ = strings.Cut(s[at:], ":")
			if strings.HasPrefix(s[at:], "：") {
				rest = s[at+len("："):]
			}
			return strings.TrimSpace(rest), true
		}
	}
	return s, false
}
