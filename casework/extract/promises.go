package extract

import "strings"

// Who has promised, by the grammar of the sentence.
type Who string

const (
	I     Who = "i"     // The author.
	We    Who = "we"    // The author's side; also "you will get".
	Third Who = "third" // Somebody else is said to do it.
)

// Promise is what the author of a text says will be done. Whether it is ours
// or theirs depends on who wrote the text.
type Promise struct {
	Who         Who   `json:"who"`
	What        Span  `json:"what"`                  // What will be done, in the same text.
	Due         *When `json:"due,omitempty"`         // Nil when no date ahead is named.
	Conditional bool  `json:"conditional,omitempty"` // Only if or once something else happens.
	Unsure      bool  `json:"unsure,omitempty"`      // Hedged: "I'll try", "hopefully"; or said of a third party.
}

// Promises finds what the author of a text promises within spans, in order;
// the span of each is its sentence. Dates are counted as in Dates.
func Promises(text string, within []Span, ref Reference) (found []Found[Promise]) {
	eachClause(text, within, ref, func(c clause) {
		if p, ok := c.promise(); ok {
			found = append(found, p)
		}
	})
	return found
}

// promising is how a clause promises.
type promising struct {
	who    Who
	verb   int // The token of the verb.
	rule   string
	score  float64
	unsure bool
	dated  bool // It counts only with a date.
}

// promise reads the first promise of a clause.
func (c clause) promise() (f Found[Promise], ok bool) {
	for i := c.first; i < c.last; i++ {
		if c.tokens[i].shape != word {
			continue
		}
		p, ok := c.promising(i)
		if !ok || p.verb >= c.last {
			continue
		}
		due := c.due()
		if p.dated && due == nil || c.question && c.asks(i) {
			continue
		}
		if due != nil {
			p.score = min(.95, p.score+.1)
		}
		s := c.span()
		v := Promise{Who: p.who, What: c.words(p.verb), Due: due, Conditional: c.conditional(i, p.verb), Unsure: p.unsure || c.question || c.hedged(i, p.verb)}
		return Found[Promise]{s, c.text[s.Start:s.End], p.rule, p.score, v}, true
	}
	return f, false
}

// asks reports whether the clause is a question that begins before token i.
func (c clause) asks(i int) bool {
	switch c.at(c.first).text {
	case "shall", "should", "can", "could", "do", "does", "will", "would", "what", "when", "how", "why", "who", "where", "which", "is", "are", "if", "so", "soll", "sollen", "kann", "können", "wann", "wie", "was", "warum", "wenn", "werden":
		return true
	}
	return false
}

// conditional reports whether a condition stands in the clause whose subject is at i.
func (c clause) conditional(i, verb int) bool {
	for j := i - 1; j >= c.first && !c.turns(j); j-- {
		if c.condition(j) {
			return true
		}
	}
	if c.is(c.first-1, "otherwise", "sonst", "andernfalls", "then") {
		return true
	}
	// "I'll check if it works" is no condition.
	if c.is(verb, "check", "see", "test", "ask", "find", "look", "verify", "investigate", "confirm", "decide", "try", "prüfe", "prüfen", "schaue", "schauen") {
		for j := verb; j < c.last; j++ {
			if !c.is(j, "if", "when", "wenn") && c.condition(j) {
				return true
			}
		}
		return false
	}
	for j := verb; j < c.last && !c.turns(j); j++ {
		if c.condition(j) {
			return true
		}
	}
	return false
}

// condition reports whether one begins at token j.
func (c clause) condition(j int) bool {
	if c.is(j, "as") {
		return c.is(j+1, "soon") && c.is(j+2, "as") && !c.is(j+3, "possible")
	}
	return conditions[c.tokens[j].text] && !c.is(j-1, "every", "even", "at")
}

// turns reports whether another thought begins at token j: ", so", ", but".
func (c clause) turns(j int) bool {
	return c.is(j-1, ",", "-") && c.is(j, "so", "but", "though", "although", "and", "since", "or", "because", "aber", "und", "denn", "also")
}

// hedged reports whether a doubt stands around the subject at i.
func (c clause) hedged(i, verb int) bool {
	for j := max(c.first, i-4); j <= verb && j < c.last; j++ {
		if doubts[c.tokens[j].text] {
			return true
		}
	}
	return false
}

// promising reads a subject and its verb at token i.
func (c clause) promising(i int) (p promising, ok bool) {
	t := c.at(i)
	switch t.text {
	case "i'll", "we'll":
		p.who = I
		if t.text == "we'll" {
			p.who = We
		}
		return c.action(p, i+1, "will")
	case "i", "we", "i'm", "we're":
		return c.firstPerson(i)
	case "you'll", "you":
		return c.youGet(i)
	case "let":
		if c.is(i+1, "me") && (i == c.first || c.is(i-1, "ok", "okay", "yes", ",", "so", "sure", "well")) {
			if v := c.adverbs(i + 2); actions[c.at(v).text] == promised || c.is(v, "run", "try", "see", "take", "find") && !c.is(v+1, "this") {
				return promising{who: I, verb: v, rule: "let", score: .7}, true
			}
		}
	case "will", "shall":
		return c.will(i)
	case "leave":
		if c.is(i+1, "it", "that", "this") && c.is(i+2, "with", "to") && c.is(i+3, "me", "us") {
			return promising{who: I, verb: i, rule: "leave", score: .85}, true
		}
	case "wird", "werden", "erfolgt":
		return c.germanPassive(i)
	case "consider":
		if i == c.first && c.is(i+1, "it", "this") && c.is(i+2, "done") {
			return promising{who: I, verb: i, rule: "leave", score: .85}, true
		}
	case "techniker", "technikerin", "monteur", "kollege", "kollegin", "kollegen", "team":
		if i < c.first+3 && !c.question && c.is(i+1, "kommt", "kommen", "meldet", "melden", "ruft", "rufen", "schickt", "liefert", "tauscht") {
			return promising{who: Third, verb: i + 1, rule: "german.third", score: .5, unsure: true, dated: true}, true
		}
	case "ich", "wir", "sie", "du", "ihr":
		return c.german(i)
	case "melde":
		if i == c.first && c.is(i+1, "mich") {
			return promising{who: I, verb: i, rule: "german", score: .8}, true
		}
	case "hopefully":
		if i == c.first && c.is(i+1, "will") && c.is(i+2, "have") {
			return promising{who: I, verb: i + 2, rule: "will.bare", score: .5, unsure: true, dated: true}, true
		}
	}
	return p, false
}

// firstPerson reads "I will", "we are going to", "I plan to" and their like.
func (c clause) firstPerson(i int) (p promising, ok bool) {
	p.who = I
	if c.is(i, "we", "we're") {
		p.who = We
	}
	j := i + 1
	if c.is(i, "i", "we") {
		j = c.adverbs(j)
	}
	switch {
	case c.is(i-1, "otherwise", "else") && c.is(j, "will", "shall") && c.at(j+1).shape == word && !c.is(j+1, "not", "never"):
		return promising{who: p.who, verb: j + 1, rule: "ultimatum", score: .6}, true
	case c.is(i-1, "will", "shall", "can", "should", "could", "do", "did", "would") && c.question:
		return p, false
	case c.is(i-1, "if", "whether", "unless"), c.is(i-1, "think", "believe", "sure", "that") && c.is(i-2, "don't", "not", "think"):
		return p, false // "I don't think I will"
	case c.is(j, "will", "shall", "wil"):
		if c.is(i-1, "what") && c.is(j+1, "do") && c.is(j+2, "is") {
			return promising{who: p.who, verb: j + 3, rule: "will", score: .7}, true
		}
		return c.action(p, j+1, "will")
	case (c.is(i, "i'm", "we're") || c.is(j, "am", "are")) && c.is(c.be(i, j), "going") && c.is(c.be(i, j)+1, "to"):
		return c.action(p, c.be(i, j)+2, "going")
	case c.is(c.be(i, j), "plan", "planning", "aim", "aiming", "intend", "intending", "hope", "hoping", "expect", "expecting", "want") && c.is(c.be(i, j)+1, "to"):
		p.unsure = true
		k := c.be(i, j)
		p, ok = c.action(p, k+2, "plan")
		p.dated = !c.is(k, "plan", "planning", "intend", "aim")
		return p, ok
	case c.is(j, "promise", "commit", "guarantee", "undertake"):
		k := c.skip(j+1, "you")
		k = c.skip(k, "to", "that")
		return promising{who: p.who, verb: min(k, c.last-1), rule: "promise", score: .9}, k < c.last
	case c.is(j, "can", "could", "should", "might", "may"):
		p.unsure = !c.is(j, "can")
		k := j + 1
		if c.is(k, "be") && c.is(k+1, "able") && c.is(k+2, "to") {
			k += 3
		}
		light := c.is(j, "might", "may")
		p, ok = c.action(p, k, "can")
		kind := actions[c.at(p.verb).text]
		p.score -= .2
		p.dated = !light || kind != promised || p.who == We
		return p, ok && kind != unknown
	}
	return p, false
}

// be returns where the verb is behind "I'm" at i, or behind "am" at j.
func (c clause) be(i, j int) int {
	switch {
	case c.is(i, "i'm", "we're"):
		return c.adverbs(i + 1)
	case c.is(j, "am", "are", "do"):
		return c.adverbs(j + 1)
	}
	return j
}

// adverbs skips words that change nothing.
func (c clause) adverbs(i int) int {
	for n := 0; n < 4; n++ {
		switch c.at(i).text {
		case "also", "then", "just", "now", "still", "certainly", "definitely", "gladly", "happily", "hopefully", "probably", "soon", "shortly", "personally", "immediately", "later", "again", "actually", "likely",
			"most", "maybe", "perhaps", "therefore", "first", "quickly", "of", "course", "surely", "simply", "instead", "thus", "\n", "auch", "dann", "noch", "gerne", "jetzt", "hiermit", "sicher", "natürlich", "umgehend":
			i++
		default:
			if t := c.at(i); t.shape != word || len(t.text) < 6 || !strings.HasSuffix(t.text, "ly") || actions[t.text] != unknown || strings.HasSuffix(t.text, "pply") || strings.HasSuffix(t.text, "tiply") {
				return i
			}
			i++
		}
	}
	return i
}

// What a verb in the first person says about the future.
const (
	unknown  = iota
	promised // Something is done for others.
	doing    // It may as well tell how a thing works.
	idle     // No promise.
)

// actions are verbs by what they say.
var actions = verbs()

func verbs() map[string]int {
	all := map[string]int{}
	add := func(kind int, words ...string) {
		for _, w := range words {
			all[w] = kind
		}
	}
	add(promised, "send", "provide", "deliver", "ship", "fix", "check", "review", "update", "contact", "forward", "prepare", "test", "retest", "investigate", "submit", "post", "resend", "repost", "resubmit", "report", "respin", "rebase", "respond", "reply",
		"confirm", "finish", "rework", "arrange", "schedule", "organise", "organize", "resolve", "refund", "escalate", "share", "upload", "incorporate", "address", "look", "verify", "inform", "notify", "draft", "publish", "document", "correct",
		"ask", "ensure", "follow", "discuss", "dig", "cook", "redo", "double", "complete", "reproduce", "debug", "tackle", "fold", "email", "mail", "phone", "ring", "commit", "attend", "visit", "pay", "reimburse", "credit", "apply", "queue", "try", "help", "bring", "checkin", "quote", "expedite", "clarify", "rewrite", "refactor", "retry", "bisect", "integrate", "retrieve")
	add(doing, "get", "call", "add", "change", "remove", "write", "work", "take", "make", "do", "find", "implement", "merge", "push", "pick", "drop", "split", "replace", "rename", "set", "give", "put", "create", "open", "file", "handle", "return", "attach", "include",
		"clean", "move", "run", "start", "begin", "think", "talk", "speak", "join", "sign", "order", "process", "revert", "release", "install", "deploy", "migrate", "close", "go", "see", "hand", "show", "tell", "use", "modify", "throw", "adjust", "extend", "convert", "switch",
		"have", "be", "let", "keep", "come", "sort", "collect", "focus", "continue", "explain", "meet", "buy", "read", "mention", "revisit", "reach", "pass", "propose", "suggest", "optimize", "improve", "need")
	add(idle, "admit", "say", "bet", "assume", "agree", "feel", "wait", "leave", "notice", "miss", "lose", "end", "hit", "fail", "become", "require", "like", "love", "know", "never", "not", "want", "believe", "accept", "spare", "grant", "assure", "remember", "forget", "enter", "all", "both", "always", "each",
		"probably", "suppose", "gain", "win", "die", "hate", "appreciate", "consider", "only", "first", "eventually", "no", "still", "ever", "learn", "spend", "enjoy", "stick", "refer", "stay", "cause", "trigger", "presume", "risk", "defer", "understand", "refrain", "stop", "vote", "guess", "argue", "paraphrase", "ignore", "skip", "concede", "live", "happily")
	return all
}

// action reads the verb behind a subject.
func (c clause) action(p promising, i int, rule string) (promising, bool) {
	i = c.adverbs(i)
	if c.is(i, "try", "attempt") && c.is(i+1, "to", "and") {
		p.unsure = true
		i = c.adverbs(i + 2)
	}
	for c.is(i, "be") && c.is(i+1, "able") && c.is(i+2, "to") || c.is(i, "make") && c.is(i+1, "sure") && c.is(i+2, "to") {
		i = c.adverbs(i + 3)
	}
	if c.is(i, "re") && c.is(i+1, "-") {
		i += 2
	}
	t := c.at(i)
	if t.shape != word || i >= c.last {
		return p, false
	}
	p.verb, p.rule = i, rule
	switch actions[t.text] {
	case promised:
		p.score = .85
	case doing:
		p.score = .75
		if p.who == We {
			p.score = .55
		}
		return c.light(p, i)
	case unknown:
		p.score, p.dated = .5, p.who == We
		if t.end-t.start < 3 {
			return p, false
		}
	case idle:
		return p, false
	}
	return p, true
}

// light reads a verb that promises by what stands behind it.
func (c clause) light(p promising, i int) (promising, bool) {
	switch c.at(i).text {
	case "be":
		switch {
		case c.is(i+1, "in") && c.is(i+2, "touch", "contact"), c.is(i+1, "back") && c.is(i+2, "to", "with", "in"):
			p.score = .85
			return p, true
		case c.is(i+1, "happy", "glad", "pleased") && c.is(i+2, "to"):
			p.unsure, p.dated, p.score = true, true, .5
			return p, true
		}
		stem := c.at(i + 1).text
		if n := len(stem); n > 5 && stem[n-3:] == "ing" {
			stem = stem[:n-3]
			known := actions[stem] == promised || actions[stem+"e"] == promised || len(stem) > 2 && actions[stem[:len(stem)-1]] == promised
			p.verb, p.dated = i+1, !known && p.who == We
			return p, known || actions[stem] == doing || actions[stem+"e"] == doing
		}
		return p, false
	case "have":
		if c.is(i+1, "a", "another") && c.is(i+2, "look", "go", "closer", "word", "chat") {
			return p, true
		}
		p.dated = true
		return p, true
	case "get":
		if c.is(i+1, "back", "you", "it", "this", "that", "them", "onto", "on", "around", "in", "to", "someone", "started", "our") && !c.is(i+2, "from", "when", "as") {
			p.score = max(p.score, .75)
			return p, true
		}
		p.dated = true
		return p, true
	case "let":
		return p, c.is(i+2, "know")
	case "keep":
		return p, c.is(i+1, "you", "an", "this", "it") || strings.HasSuffix(c.at(i+1).text, "ing")
	case "see":
		return p, c.is(i+1, "what", "if", "whether", "to")
	case "go":
		return p, c.is(i+1, "ahead", "through", "thru", "into", "over", "with", "for", "back") || c.is(i+1, "and") && actions[c.at(i+2).text] == promised
	case "use", "think", "need", "mention", "suggest", "explain", "propose", "read", "buy", "meet":
		p.dated = p.who == We || c.is(i, "need", "mention", "suggest", "explain", "buy")
		return p, p.who == I && !c.is(i, "need") || p.dated && !c.is(i, "need")
	case "pass":
		return p, c.is(i+1, "it", "this", "that", "them", "on", "your", "along")
	case "come":
		return p, c.is(i+1, "back", "to", "up", "by", "over")
	}
	return p, true
}

// will reads a "will" whose subject is left out, or is a third party.
func (c clause) will(i int) (p promising, ok bool) {
	v := c.adverbs(i + 1)
	if c.bare(i, v) {
		if actions[c.at(v).text] == promised || c.is(v, "do", "have", "let", "add", "get", "take") && !c.is(v+1, "you") {
			return promising{who: I, verb: v, rule: "will.bare", score: .75, dated: c.is(v, "have", "get", "take")}, true
		}
		return p, false
	}
	before := c.at(i - 1)
	if c.is(v, "be") {
		w := c.adverbs(v + 1)
		if passives[c.at(w).text] || c.is(w, "with") && c.is(w+1, "you") {
			return promising{who: Third, verb: v, rule: "passive", score: .55, dated: true}, true
		}
		return p, false
	}
	if c.is(v, "arrive", "ship", "go") && (!c.is(v, "go") || c.is(v+1, "out", "live")) {
		return promising{who: Third, verb: v, rule: "passive", score: .55, dated: true}, true
	}
	person := c.is(i-1, "he", "she", "they", "someone", "somebody", "colleague", "colleagues", "team", "engineer", "engineers", "technician", "support", "office", "department", "representative") ||
		before.upper && before.shape == word && !isUpper(c.text[before.start:before.end]) && c.at(i-2).text != "-" && !before.glued
	if person && c.is(v, "send", "call", "contact", "follow", "provide", "deliver", "ship", "prepare", "arrange", "reply", "respond", "confirm", "forward", "investigate", "reach", "visit", "get", "come", "fix", "repair", "replace", "install") {
		if c.is(v, "get") && !c.is(v+1, "back", "in") {
			return p, false
		}
		return promising{who: Third, verb: v, rule: "third", score: .5, unsure: true}, true
	}
	return p, false
}

// bare reports whether "will" at i, with its verb at v, has no subject of its
// own: "Sure, will fix it", "I have not yet, but will do so tomorrow".
func (c clause) bare(i, v int) bool {
	kind := actions[c.at(v).text]
	switch {
	case i == c.first, i == c.first+2 && c.is(i-1, ",", ":"), c.is(i-1, ":", "]") && i < c.first+4:
		return true
	case kind != promised && !(kind == doing && c.is(v+1, "it", "this", "that", "them", "so", "these", "those", "a", "an")):
		return false
	case c.is(i-1, ",") && i < c.first+6, c.is(i-1, "and", "but") && i < c.first+30:
		return c.is(c.first, "i", "i'm", "i've", "sure", "ok", "okay", "yes", "yep", "thanks", "right", "agreed", "true", "let", "good", "sorry", "makes", "got", "understood", "we", "noted", "fair")
	}
	return false
}

// passives say that something is done to what is promised.
var passives = set("sent", "shipped", "delivered", "fixed", "released", "done", "ready", "available", "resolved", "completed", "finished", "refunded", "replaced", "updated", "installed", "provided", "paid", "credited", "dispatched", "back", "live")

// youGet reads "you will get … by Friday", "you'll hear from us".
func (c clause) youGet(i int) (p promising, ok bool) {
	j := i + 1
	should := c.is(j, "should", "can") && c.is(i, "you")
	if c.is(i, "you") {
		if !should && !c.is(j, "will", "shall") {
			return p, false
		}
		j++
	}
	v := c.adverbs(j)
	p = promising{who: We, verb: v, rule: "youget", score: .7, dated: true, unsure: should}
	if should {
		return p, c.is(v, "receive", "expect", "hear")
	}
	switch c.at(v).text {
	case "get", "receive", "have", "find":
		for k := v; k < min(v+12, c.last); k++ {
			if c.is(k, "from") && c.is(k+1, "us", "me") {
				p.dated = false
			}
		}
		return p, !c.is(v+1, "to")
	case "hear":
		p.dated = !c.is(v+1, "from", "back")
		return p, true
	}
	return p, false
}

// germanVerbs are verbs of the first person that promise, and infinitives.
var germanVerbs = set("schicke", "schicken", "sende", "senden", "melde", "melden", "liefere", "liefern", "prüfe", "prüfen", "kümmere", "kümmern", "gebe", "geben", "teile", "teilen", "bringe", "bringen", "erledige", "erledigen", "kläre", "klären", "reiche", "reichen",
	"rufe", "rufen", "bestätige", "bestätigen", "veranlasse", "veranlassen", "leite", "leiten", "übernehme", "übernehmen", "stelle", "stellen", "komme", "kommen", "mache", "machen", "erstelle", "erstellen", "schaue", "schauen", "versuche", "versuchen", "beheben", "behebe",
	"antworte", "antworten", "informiere", "informieren", "zurückrufen", "nachreichen", "weiterleiten", "zusenden", "zuschicken", "übersenden", "zukommen", "anrufen", "mitteilen", "bearbeiten", "austauschen", "ersetzen", "verschicken", "versenden", "zurückmelden", "einspielen", "untersuchen", "lösen", "reparieren", "erstatten", "überweisen", "lassen", "besorgen", "bereitstellen", "nachliefern")

// negations say that it is not so.
var negations = set("nicht", "nie")

// germanWeak are those that need an object or a date to promise.
var germanWeak = set("gebe", "geben", "teile", "teilen", "stelle", "stellen", "komme", "kommen", "mache", "machen", "lassen", "leite", "leiten", "bringe", "bringen", "reiche", "reichen")

// german reads "wir melden uns", "ich werde … schicken", "Sie erhalten … bis".
func (c clause) german(i int) (p promising, ok bool) {
	switch c.at(i).text {
	case "sie", "du", "ihr":
		j := i + 1
		if !c.is(j, "erhalten", "bekommen", "bekommst", "bekommt", "erhältst", "hören", "hörst") && !c.is(i-1, "erhalten", "bekommen", "bekommst", "hören") || c.question {
			return p, false
		}
		p = promising{who: We, verb: min(j, c.last-1), rule: "german.youget", score: .75, dated: true}
		for k := i; k < min(i+12, c.last); k++ {
			if c.is(k, "von") && c.is(k+1, "uns", "mir") {
				p.dated = false
			}
		}
		return p, true
	}
	p = promising{who: I, rule: "german", score: .8}
	if c.is(i, "wir") {
		p.who = We
	}
	if c.question {
		return p, false
	}
	j := c.adverbs(i + 1)
	switch {
	case c.is(j, "werde", "werden") || c.is(i-1, "werde", "werden"):
		if c.is(i-1, "werde", "werden") {
			j = i
		}
		for k := j + 1; k < min(j+30, c.last); k++ {
			if c.is(k, "nicht", "nie", "kein", "keine") {
				return p, false
			}
			if germanVerbs[c.at(k).text] {
				p.verb = c.adverbs(j + 1)
				return p, true
			}
		}
		return p, false
	case germanVerbs[c.at(j).text]:
		p.verb, p.dated = j, germanWeak[c.at(j).text] && !c.offers(j)
	case i > c.first && germanVerbs[c.at(i-1).text] && (!conditions[c.at(c.first).text] || c.is(i-2, ",")):
		p.verb, p.dated = min(i+1, c.last-1), germanWeak[c.at(i-1).text] && !c.offers(i)
		p.unsure = c.is(i-1, "versuche", "versuchen")
	default:
		return p, false
	}
	if c.has(i, negations) {
		return p, false
	}
	p.unsure = p.unsure || c.is(j, "versuche", "versuchen")
	return p, true
}

// germanPassive reads "die Lieferung erfolgt am …", "wird bis … behoben".
func (c clause) germanPassive(i int) (p promising, ok bool) {
	p = promising{who: Third, verb: c.first, rule: "german.passive", score: .55, dated: true}
	if c.question || c.is(i-1, "ich", "wir") || c.is(i+1, "ich", "wir") || i == c.first {
		return p, false
	}
	if c.is(i-1, "und") && c.is(i, "werden") && c.is(c.first, "wir") { // "Wir haben … und werden ihn beheben."
		for k := i + 1; k < min(i+30, c.last); k++ {
			if germanVerbs[c.at(k).text] && !c.is(k-1, "nicht") {
				return promising{who: We, verb: i + 1, rule: "german", score: .8}, true
			}
		}
	}
	if c.is(i, "erfolgt") {
		return p, true
	}
	for k := i + 1; k < min(i+30, c.last); k++ {
		if c.is(k, "nicht", "nie", "kein", "keine") {
			return p, false
		}
		if finished[c.at(k).text] != "" {
			return p, true
		}
	}
	return p, false
}

// offers reports whether those who read are named soon behind token i.
func (c clause) offers(i int) bool {
	for k := i; k < min(i+6, c.last); k++ {
		if c.is(k, "ihnen", "dir", "euch", "bescheid", "mit", "weiter", "nach") {
			return true
		}
	}
	return false
}
