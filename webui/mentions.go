package webui

import (
	"slices"
	"strings"

	"polytrace/casework"
)

// notePart is a piece of a note: plain text, or the name of somebody whom it names.
type notePart struct {
	Text string // As people know them, when User is set.
	User string
}

// notePartsOf cuts a note at the people whom it names.
func notePartsOf(n casework.Note, called names) (parts []notePart) {
	at := 0
	for _, m := range casework.Mentions(n.Text, func(name string) bool { return slices.Contains(n.Mentions, name) }) {
		if m.Start > at {
			parts = append(parts, notePart{Text: n.Text[at:m.Start]})
		}
		parts = append(parts, notePart{called.Of(m.Name), m.Name})
		at = m.End
	}
	if at < len(n.Text) {
		parts = append(parts, notePart{Text: n.Text[at:]})
	}
	return parts
}

// inFull is the text of a note with the full names of people in the place of those they sign in with.
func inFull(n casework.Note, called names) string {
	var b strings.Builder
	for _, p := range notePartsOf(n, called) {
		b.WriteString(p.Text)
	}
	return b.String()
}

// unreached says who is named in a note and is not told, since he may not read cases; "" when that is nobody.
func (s *Server) unreached(text string) (hint string) {
	s.config.Desk.Read(func(state *casework.State) {
		var who []string
		all := namesOf(state.Users())
		for _, name := range state.Unreached(state.Mentioned(text)) {
			who = append(who, all.Of(name))
		}
		if len(who) > 0 {
			hint = " " + strings.Join(who, ", ") + " may not read cases, and so is not told. An administrator gives roles."
		}
	})
	return hint
}
