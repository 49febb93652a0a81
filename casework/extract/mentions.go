package extract

import (
	"path"
	"strings"
	"unicode"
)

// Mentions finds for each of some attached files the sentence within spans that speaks of it: one that names it, else
// one with words of its name, else one that says that something is attached and names no other of the files. The value
// is the name of the file; one that no sentence speaks of is not among them.
func Mentions(text string, within []Span, files []string) (found []Found[string]) {
	all := sentences(text, within)
	for _, name := range files {
		if f, ok := mention(text, all, name, files); ok {
			found = append(found, f)
		}
	}
	return found
}

// mention is the sentence that speaks of a file most clearly, the first of several.
func mention(text string, all []Span, name string, files []string) (best Found[string], ok bool) {
	for _, s := range all {
		said := strings.ToLower(text[s.Start:s.End])
		rule, score := "", 0.0
		switch {
		case names(said, name):
			rule, score = "file-name", 1
		case speaks(said, name):
			rule, score = "file-words", .8
		case attaches(said) && !namesAnother(said, name, files):
			rule, score = "attached", .6
		}
		if score > best.Score {
			best, ok = Found[string]{s, text[s.Start:s.End], rule, score, name}, true
		}
	}
	return best, ok
}

// names reports whether a sentence has the name of a file, with its ending or without.
func names(said, name string) bool {
	name = strings.ToLower(name)
	if name != "" && strings.Contains(said, name) {
		return true
	}
	bare := strings.TrimSuffix(name, path.Ext(name))
	return len(bare) >= 8 && strings.Contains(said, bare)
}

func namesAnother(said, name string, files []string) bool {
	for _, other := range files {
		if other != name && names(said, other) {
			return true
		}
	}
	return false
}

// speaks reports whether a sentence has all the words that the name of a file is made of: two at least, or a long one.
func speaks(said, name string) bool {
	name = strings.ToLower(strings.TrimSuffix(name, path.Ext(name)))
	words := map[string]bool{}
	for _, w := range strings.FieldsFunc(said, apart) {
		words[stem(w)] = true
	}
	n, letters := 0, 0
	for _, w := range strings.FieldsFunc(name, apart) {
		if len(w) < 3 || strings.ContainsFunc(w, unicode.IsDigit) || fillers[w] {
			continue
		}
		if !words[stem(w)] {
			return false
		}
		n, letters = n+1, letters+len(w)
	}
	return n >= 2 || letters >= 7
}

func apart(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }

// attachedWords say that something comes with a message, attachedPlaces where in it something stands.
var (
	attachedWords  = set("attached", "attachment", "attachments", "enclosed", "enclosure", "anbei", "beigefügt", "beigefügte", "beigefügten", "beiliegend", "beiliegende", "angehängt", "angehängte", "anhang", "anlage")
	attachedPlaces = set("sheet", "sheets", "worksheet", "tab", "blatt", "tabellenblatt", "slide", "folie", "spreadsheet")
)

func attaches(said string) bool {
	words := strings.FieldsFunc(said, apart)
	for i, w := range words {
		if attachedWords[w] || attachedPlaces[w] && i > 0 && (words[i-1] == "see" || words[i-1] == "siehe" || words[i-1] == "in" || words[i-1] == "on" || words[i-1] == "auf") {
			return true
		}
	}
	return false
}

// sentences lists those within spans, each on as many lines as it has. A dot inside a word, as that of a file's name,
// ends none.
func sentences(text string, within []Span) (all []Span) {
	add := func(start, end int) {
		for start < end && isBlank(text[start]) {
			start++
		}
		for end > start && isBlank(text[end-1]) {
			end--
		}
		if start < end {
			all = append(all, Span{start, end})
		}
	}
	for _, s := range within {
		s.Start, s.End = border(text, max(s.Start, 0)), border(text, min(s.End, len(text)))
		start := s.Start
		for i := s.Start; i < s.End; i++ {
			ends := i+1 >= s.End || isBlank(text[i+1])
			switch c := text[i]; {
			case (c == '.' || c == '!' || c == '?') && ends:
				add(start, i+1)
				start = i + 1
			case c == '\n' && i+1 < s.End && text[i+1] == '\n':
				add(start, i)
				start = i
			}
		}
		add(start, s.End)
	}
	return all
}

func isBlank(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }
