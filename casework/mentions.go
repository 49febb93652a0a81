package casework

import (
	"regexp"
	"slices"
	"strings"
)

// A note names a colleague as @name, with the name that he signs in with. The name begins a word: in a mail address the
// sign stands inside of one.

var mentionForm = regexp.MustCompile(`@[a-z0-9][a-z0-9._-]{0,63}`)

// Mention is a place in a text that names somebody.
type Mention struct {
	Name       string // As it is written, without the sign.
	Start, End int    // Of the sign and the name, in bytes.
}

// Mentions finds the places in a text that name one of those known. Dots and dashes at the end of a name that is not
// known with them are the sentence's.
func Mentions(text string, known func(name string) bool) (all []Mention) {
	for _, at := range mentionForm.FindAllStringIndex(text, -1) {
		name := text[at[0]+1 : at[1]]
		if !wordBegins(text, at[0]) || at[1] < len(text) && wordGoesOn(text[at[1]:]) {
			continue
		}
		for !known(name) && strings.ContainsAny(name[len(name)-1:], "._-") {
			name = name[:len(name)-1]
		}
		if known(name) {
			all = append(all, Mention{name, at[0], at[0] + 1 + len(name)})
		}
	}
	return all
}

// wordBegins reports whether no word goes on into the place.
func wordBegins(text string, at int) bool {
	before := text[:at]
	return before == "" || !wordGoesOn(before[len(before)-1:]) && !strings.HasSuffix(before, ".")
}

// wordGoesOn reports whether a text begins with what is part of a word.
func wordGoesOn(text string) bool {
	c := text[0]
	return c >= 0x80 || c == '_' || c == '@' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// Mentioned are the users whom a text names, by name.
func (s *State) Mentioned(text string) (names []string) {
	for _, m := range Mentions(text, func(name string) bool { return s.users[name] != nil }) {
		names = append(names, m.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Unreached are those of a list of users who may not read cases, and so are told nothing of a mention.
func (s *State) Unreached(names []string) (list []string) {
	for _, name := range names {
		if !s.users[name].may(Role.Reads) {
			list = append(list, name)
		}
	}
	return list
}
