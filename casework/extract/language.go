package extract

import "strings"

// Words that stand in nearly every text of a language and seldom in another.
var (
	englishWords = wordSet("the and of to is are we you for with this that have not please your from our would can it be has was will if but as at by or an")
	germanWords  = wordSet("der die das und ist sind wir sie für mit dies dass haben nicht bitte ihr ihre von unser würde kann es wird hat war wenn aber als bei oder ein eine zu auf den dem im ich")
)

func wordSet(list string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(list) {
		set[w] = true
	}
	return set
}

// languageWords is how many words are looked at.
const languageWords = 400

// Language tells the language of a text within spans by its small words: "en", "de" or "other", which stands also for a
// text of too few words.
func Language(text string, within []Span) string {
	var all, en, de int
	for _, s := range within {
		for word := range strings.FieldsSeq(text[s.Start:s.End]) {
			if all++; all > languageWords {
				break
			}
			word = strings.ToLower(strings.Trim(word, ".,;:!?()\"'„“”«»"))
			if englishWords[word] {
				en++
			}
			if germanWords[word] {
				de++
			}
		}
	}
	switch all = min(all, languageWords); {
	case en > de && en*8 >= all:
		return "en"
	case de > en && de*8 >= all:
		return "de"
	}
	return "other"
}
