package extract

import "strings"

// Discharge is what says that something was done which may have been promised.
type Discharge struct {
	Kind  string  `json:"kind"`            // attached, sent, fixed or done.
	What  Span    `json:"what"`            // What was done, in the same text.
	Match float64 `json:"match,omitempty"` // Share of the words of the promise that are in the sentence, from 0 to 1.
}

// Discharges finds what tells within spans that something was done, in order;
// the span of each is its sentence. What are the words of a promise: the more
// of them a sentence has, the higher its score. With "" all count the same.
// It is a suggestion, and closes nothing.
func Discharges(text string, within []Span, what string, ref Reference) (found []Found[Discharge]) {
	wanted := content(what)
	eachClause(text, within, ref, func(c clause) {
		if d, ok := c.discharge(wanted); ok {
			found = append(found, d)
		}
	})
	return found
}

// discharge reads the first thing of a clause that was done; wanted are the
// words of the promise.
func (c clause) discharge(wanted map[string]bool) (f Found[Discharge], ok bool) {
	for i := c.first; i < c.last; i++ {
		if c.tokens[i].shape != word {
			continue
		}
		kind, rule, score := c.done(i)
		if rule == "" {
			continue
		}
		s, d := c.span(), Discharge{Kind: kind, What: c.words(i)}
		if len(wanted) > 0 {
			d.Match = c.share(wanted)
			score = score*.6 + .4*d.Match
		}
		return Found[Discharge]{s, c.text[s.Start:s.End], rule, score, d}, true
	}
	return f, false
}

// share is how many of some words are in a clause, from 0 to 1.
func (c clause) share(wanted map[string]bool) float64 {
	seen := map[string]bool{}
	for i := c.first; i < c.last; i++ {
		if w := stem(c.tokens[i].text); wanted[w] {
			seen[w] = true
		}
	}
	return float64(len(seen)) / float64(len(wanted))
}

// content are the words of a text that tell what it is about.
func content(text string) map[string]bool {
	words := map[string]bool{}
	for _, t := range tokenise(nil, text, 0, len(text)) {
		if t.shape != number && (t.shape != word || len(t.text) < 4 || fillers[t.text]) {
			continue
		}
		words[stem(t.text)] = true
	}
	return words
}

// fillers are words of promises that say nothing of what is promised.
var fillers = set("will", "send", "with", "have", "that", "this", "them", "your", "ours", "back", "know", "from", "going", "soon", "ihnen", "eine", "einen", "werden", "schicken", "senden", "into", "look", "give")

func stem(w string) string { return strings.TrimSuffix(w, "s") }

// finished are participles of what was promised, by their kind.
var finished = map[string]string{
	"sent": "sent", "shipped": "sent", "delivered": "sent", "mailed": "sent", "emailed": "sent", "forwarded": "sent", "posted": "sent", "uploaded": "sent", "submitted": "sent", "dispatched": "sent", "refunded": "sent", "paid": "sent", "credited": "sent",
	"fixed": "fixed", "resolved": "fixed", "corrected": "fixed", "repaired": "fixed", "patched": "fixed", "restored": "fixed", "replaced": "fixed",
	"done": "done", "completed": "done", "finished": "done", "released": "done", "deployed": "done", "installed": "done", "merged": "done", "updated": "done", "applied": "done", "implemented": "done", "pushed": "done", "published": "done", "closed": "done", "confirmed": "done", "checked": "done", "tested": "done", "live": "done", "ready": "done",
	"geschickt": "sent", "gesendet": "sent", "verschickt": "sent", "versandt": "sent", "versendet": "sent", "geliefert": "sent", "überwiesen": "sent", "erstattet": "sent", "zugeschickt": "sent", "zugesandt": "sent",
	"behoben": "fixed", "gelöst": "fixed", "repariert": "fixed", "ersetzt": "fixed", "ausgetauscht": "fixed", "korrigiert": "fixed",
	"erledigt": "done", "abgeschlossen": "done", "eingespielt": "done", "installiert": "done", "aktualisiert": "done", "fertiggestellt": "done", "umgesetzt": "done", "fertig": "done",
}

// denials say that something was not done.
var denials = set("not", "isn't", "hasn't", "haven't", "never", "wasn't", "don't", "didn't", "nicht", "kein", "keine", "noch", "nie", "until", "if", "when", "should", "will", "would", "can", "must", "be", "wenn", "sobald", "wird", "werden", "once", "to", "could", "cannot", "can't", "needs", "unless", "please")

// done reads what tells at token i that something was done.
func (c clause) done(i int) (kind, rule string, score float64) {
	t := c.at(i)
	switch t.text {
	case "attached", "enclosed":
		switch {
		case c.is(i-1, "find", "see", "i", "i've", "have", "is", "are", "herewith") || c.is(i-1, "also", "just") && c.is(i-2, "have", "i", "find"):
			return "attached", "attached", .85
		case i == c.first && (c.is(i+1, "is", "are", "you", "please", "below", "the", "a", "our", "your") || c.is(i+1, ".")):
			return "attached", "attached", .85
		}
	case "here", "here's":
		if i == c.first && (c.is(i, "here's") || c.is(i+1, "is", "are")) && !c.question && !c.is(i+1, "where", "what", "how", "why") && !c.is(i+2, "where", "what", "how", "why") {
			return "attached", "here", .65
		}
	case "anbei", "beigefügt", "beiliegend", "angehängt":
		return "attached", "anbei", .85
	case "anhang":
		if c.is(i-1, "im") {
			return "attached", "anbei", .75
		}
	}
	kind = finished[t.text]
	if kind == "" || c.question {
		return "", "", 0
	}
	for j := max(c.first, i-6); j < i; j++ {
		if denials[c.tokens[j].text] {
			return "", "", 0
		}
	}
	switch before := c.skipBack(i); {
	case i == c.first && (c.last-i <= 3 || c.is(i+1, "in", "by", "with", "and", "now", "as", ",", "to")):
		return kind, "bare", .7
	case c.is(before, "i", "we", "i've", "we've", "ich", "wir") && c.at(i).text != "done" || c.is(before, "have", "has") && c.is(before-1, "i", "we") || c.is(before, "i've", "we've"):
		if t.lex.class != none || c.is(i, "live", "ready") {
			return "", "", 0
		}
		return kind, "have", .75
	case c.is(before, "been") || c.is(before, "is", "are", "was", "were", "it's", "that's", "all", "ist", "sind", "wurde", "wurden"):
		if c.is(before, "was", "were") && kind == "done" && !c.is(i, "completed", "finished", "released", "done") {
			return "", "", 0
		}
		if c.is(before, "is", "are") && kind == "done" && c.at(i+1).shape == word && !c.is(i+1, "now", "today", "and", "as") {
			return "", "", 0 // "is checked when": how a thing works.
		}
		return kind, "is", .65
	case c.germanHave(i):
		return kind, "have", .7
	}
	return "", "", 0
}

// skipBack is the token before i and the adverbs before it.
func (c clause) skipBack(i int) int {
	j := i - 1
	for n := 0; n < 3 && c.is(j, "just", "now", "already", "also", "finally", "today", "yesterday", "jetzt", "nun", "bereits", "gerade", "heute", "gestern", "soeben", "inzwischen"); n++ {
		j--
	}
	return j
}

// germanHave reports whether "haben wir" or "habe ich" stands before a
// participle at the end of a clause.
func (c clause) germanHave(i int) bool {
	for j := max(c.first, i-15); j < i; j++ {
		if c.is(j, "habe", "haben") && (c.is(j-1, "ich", "wir") || c.is(j+1, "ich", "wir")) || c.is(j, "wurde", "wurden", "ist", "sind") && c.last-i <= 2 {
			return true
		}
	}
	return false
}
