package message

import "strings"

// Automatic reports whether a machine wrote the message: a reply by absence
// (RFC 3834), a bounce (RFC 3464), a list, a notice.
func (m *Message) Automatic() bool {
	if v, _, _ := strings.Cut(strings.ToLower(m.Get("Auto-Submitted")), ";"); v != "" && strings.TrimSpace(v) != "no" {
		return true
	}
	switch strings.ToLower(m.Get("Precedence")) {
	case "bulk", "list", "junk", "auto_reply":
		return true
	}
	for _, name := range []string{"List-Id", "List-Unsubscribe", "X-Auto-Response-Suppress", "X-Autoreply", "X-Autorespond", "X-MS-Exchange-Inbox-Rules-Loop"} {
		if m.Has(name) {
			return true
		}
	}
	if f := field(m.Header, "Return-Path"); f != nil && f.Value == "<>" {
		return true
	}
	return m.Parts[0].Type == "multipart/report"
}
