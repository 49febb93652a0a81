package extract

import "strings"

// Request is what the author of a text asks others to do.
type Request struct {
	What Span  `json:"what"`          // What is to be done, in the same text.
	Due  *When `json:"due,omitempty"` // Nil when no date ahead is named.
}

// Requests finds what the author of a text asks for within spans, in order;
// the span of each is its sentence.
func Requests(text string, within []Span, ref Reference) (found []Found[Request]) {
	eachClause(text, within, ref, func(c clause) {
		if r, ok := c.request(); ok {
			found = append(found, r)
		}
	})
	return found
}

// request reads the first request of a clause.
func (c clause) request() (f Found[Request], ok bool) {
	for i := c.first; i < c.last; i++ {
		if c.tokens[i].shape != word {
			continue
		}
		if verb, rule, score := c.asking(i); rule != "" && verb < c.last {
			s := c.span()
			return Found[Request]{s, c.text[s.Start:s.End], rule, score, Request{c.words(verb), c.due()}}, true
		}
	}
	return f, false
}

// courtesies stand behind "please" and ask for nothing.
var courtesies = set("find", "note", "feel", "accept", "excuse", "see", "hesitate", "be", "to", "everyone", "if", "when", "as", "him", "me", "them", "us", "you", "forgive", "bear", "keep", "pardon", "understand", "remember", "consider", "visit", "click", "refer", "noted")

// asking reads what asks for something at token i: the token of what is asked
// for, and the rule; "" is none.
func (c clause) asking(i int) (verb int, rule string, score float64) {
	switch c.at(i).text {
	case "please", "pls", "plz", "kindly":
		return c.please(i)
	case "could", "can", "would", "will":
		if c.is(i+1, "you", "someone", "somebody", "anyone") {
			return c.couldYou(i)
		}
		if c.is(i, "would") && c.is(i+1, "appreciate", "be") {
			return c.wouldBe(i)
		}
	case "let":
		if c.is(i+1, "me", "us") && c.is(i+2, "know") && !c.is(i-1, "to", "will", "could", "can") {
			return i, "letknow", .8
		}
	case "need", "want", "like":
		if c.is(i+1, "you") && c.is(i+2, "to") && c.is(i-1, "i", "we", "i'd", "we'd", "would", "also", "will", "really") {
			return i + 3, "needyou", .85
		}
		if c.is(i, "need") && c.is(i-1, "we", "i", "also", "still") && !c.is(i+1, "to") && c.deadline() {
			return i + 1, "needby", .7
		}
	case "send", "confirm", "advise", "provide", "call", "forward", "tell", "give", "show":
		if i == c.first && (c.is(i+1, "me", "us") || c.is(i, "confirm", "advise") && c.deadline()) {
			return i, "imperative", .7
		}
	case "bitte":
		if !c.is(i+1, "schön", "sehr", "nicht") && c.last-i > 2 && c.at(i+1).shape == word {
			return i + 1, "bitte", .85
		}
		if c.question && i == c.last-2 {
			return c.first, "bitte", .6
		}
	case "bitten", "erbitten":
		if c.is(i-1, "wir", "ich") || c.is(i+1, "wir", "um", "sie") {
			return i + 1, "bitten", .85
		}
	case "können", "könnten", "könnt", "könntet", "kannst", "könntest", "würden", "würdet", "würdest":
		if c.is(i+1, "sie", "ihr", "du") && (c.question || i == c.first) {
			return c.skip(i+2, "bitte"), "german.could", .85
		}
	case "brauchen", "benötigen", "erwarten", "brauche", "benötige", "erwarte":
		if (c.is(i-1, "wir", "ich") || c.is(i+1, "wir", "ich")) && c.deadline() {
			return i + 1, "german.need", .7
		}
	case "lassen", "geben", "schicken", "senden", "lass", "gib":
		if i == c.first && (c.is(i+1, "sie") && c.is(i+2, "uns", "mich", "mir") || c.is(i+1, "uns", "mich", "mir")) {
			return i, "german.imperative", .8
		}
	}
	return 0, "", 0
}

// deadline reports whether a date ahead says until when.
func (c clause) deadline() bool {
	due := c.due()
	return due != nil && due.Direction != At
}

func (c clause) please(i int) (verb int, rule string, score float64) {
	v := c.adverbs(i + 1)
	t := c.at(v)
	switch {
	case v >= c.last || t.shape != word: // "No more of these please."
		if i-c.first >= 2 && (c.is(c.last-1, "?", ".", "!") || i == c.last-1) && !c.is(i-1, "you", "i", "we") {
			return c.first, "please.behind", .6
		}
		return 0, "", 0
	case c.is(i, "kindly") && strings.HasSuffix(t.text, "ed"):
		return 0, "", 0 // "has kindly provided"
	case courtesies[t.text] || c.is(v, "do", "don't") && c.is(v+1, "not", "hesitate") && (c.is(v+2, "hesitate") || c.is(v+1, "hesitate")):
		if c.is(v, "keep") && !c.is(v+1, "in") || c.is(v, "be") && !c.is(v+1, "advised", "aware", "assured") || c.is(v, "consider") || c.is(v, "see") && c.is(v+1, "to", "if", "that", "whether") {
			return v, "please", .7
		}
		return 0, "", 0
	case c.is(i-1, "you", "we", "i", "they", "to"):
		if c.is(i-1, "you") && c.is(i-2, "could", "can", "would", "will") {
			return v, "couldyou", .9
		}
		return 0, "", 0
	}
	return v, "please", .85
}

func (c clause) couldYou(i int) (verb int, rule string, score float64) {
	v := c.adverbs(c.skip(c.skip(i+2, "please", "kindly"), "at", "perhaps", "possibly"))
	v = c.skip(v, "please", "least")
	asked := c.question || i == c.first || c.is(i-1, ",", "so", "but", "then", "and") || c.is(i+2, "please") || c.is(v-1, "please")
	switch {
	case !asked, v >= c.last, c.is(i, "will") && !c.is(v-1, "please"):
	case c.is(v, "believe", "imagine", "guess", "prefer", "be", "like", "say", "recommend", "define", "consider", "want", "even", "think", "not", "also") && !c.is(v-1, "please"):
	case c.is(v, "get", "do", "see", "use", "have") && !(c.question && i <= c.first+1), c.is(i-1, "how", "what", "why", "where", "who", "which"):
	case c.is(i, "would") && !c.is(v, "mind", "kindly") && !c.is(v-1, "please"):
	default:
		return v, "couldyou", .85
	}
	return 0, "", 0
}

// wouldBe reads "I would appreciate it if you", "would be great if you could".
func (c clause) wouldBe(i int) (verb int, rule string, score float64) {
	for j := i + 2; j < min(i+8, c.last); j++ {
		if c.is(j, "if") && c.is(j+1, "you") {
			return c.skip(j+2, "could", "would", "can"), "appreciate", .85
		}
	}
	return 0, "", 0
}
