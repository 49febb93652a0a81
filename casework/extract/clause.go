package extract

import "time"

// clause is a sentence, or as much of one as has a subject of its own.
type clause struct {
	*dater
	first, last int // Of the tokens; last is behind the last one.
	question    bool
	dates       []Found[When] // That are in it.
}

// maxClause is how many tokens a clause has.
const maxClause = 200

// eachClause calls f with the clauses of a text within spans, in order, and
// returns the dates of all of them.
func eachClause(text string, within []Span, ref Reference, f func(clause)) []Found[When] {
	d := newDater(text, within, ref)
	eachBlock(text, within, func(tokens []token) {
		before := len(d.found)
		d.block(tokens)
		dates := d.found[before:]
		for at := 0; at < len(tokens); {
			last, next := d.clauseEnd(at)
			c := clause{dater: d, first: at, last: last}
			c.trim()
			at = next
			if c.first >= c.last {
				continue
			}
			c.question = d.is(next-1, "?") || d.is(c.last-1, "?")
			span := c.span()
			for len(dates) > 0 && dates[0].Start < span.Start {
				dates = dates[1:]
			}
			n := 0
			for n < len(dates) && dates[n].End <= span.End {
				n++
			}
			c.dates, dates = dates[:n], dates[n:]
			f(c)
		}
	})
	return d.found
}

// trim leaves out line ends and the marks of lists at both ends.
func (c *clause) trim() {
	for c.first < c.last && (c.at(c.first).shape == newline || c.at(c.first).shape == mark && !c.is(c.first, "$", "€", "#")) {
		c.first++
	}
	for c.first < c.last && c.at(c.last-1).shape == newline {
		c.last--
	}
}

func (c clause) span() Span { return Span{c.tokens[c.first].start, c.tokens[c.last-1].end} }

// clauseEnd returns behind which token a clause ends, and where the next begins.
func (d *dater) clauseEnd(at int) (last, next int) {
	line := at // Where the line begins.
	for i := at; i < len(d.tokens); i++ {
		t := &d.tokens[i]
		switch {
		case i-at >= maxClause:
			return i, i
		case t.shape == newline:
			if i > at && d.breaks(line, i) {
				return i, i + 1
			}
			line = i + 1
		case t.shape == word:
			if i > at && d.splits(i) {
				return i, i
			}
		case t.shape != mark:
		case t.text == "?" || t.text == "!" || t.text == ";" || t.text == "…":
			return i + 1, i + 1
		case t.text == "." && d.stops(i):
			return i + 1, i + 1
		}
	}
	return len(d.tokens), len(d.tokens)
}

// breaks reports whether a sentence ends at the end of a line.
func (d *dater) breaks(line, i int) bool {
	after := d.at(i + 1)
	switch {
	case after.shape == newline:
		return true
	case after.shape == mark && d.is(i+1, "-", "*", "•", "·", "+", ">", "|"):
		return true
	case after.shape == number && d.is(i+2, ")", ".") && d.at(i+2).glued && !d.at(i+3).glued:
		return true
	case d.is(i-1, ",", ":") && i-line < 8 && after.upper:
		return true // "Hi Jane,"
	}
	return d.at(i-1).end-d.at(line).start < 35 && after.upper && !d.is(i-1, ",", "the", "a", "of", "to", "and", "by", "bis", "am")
}

// stops reports whether a full stop ends a sentence.
func (d *dater) stops(i int) bool {
	before, after := d.at(i-1), d.at(i+1)
	switch {
	case after.glued:
		return false
	case after.shape == newline:
		return true
	case before.shape == number && (after.lex.class == month || !after.upper):
		return false // "24. November"
	case before.shape == word && before.end-before.start == 1 && before.text != "i":
		return false // "e.g.", "z.B.", initials
	case d.is(i-1, "mr", "mrs", "ms", "dr", "prof", "no", "nr", "ca", "bzw", "vs", "approx", "inc", "st", "hr", "fr", "etc"):
		return after.upper && d.is(i-1, "etc", "inc")
	}
	return after.upper || after.shape != word
}

// splits reports whether a word begins a clause with a subject of its own: "…
// and I will …". "If it works, I will" stays together, for the condition.
func (d *dater) splits(i int) bool {
	if !d.is(i-1, "and", "but", "so", "und", "aber", "or", "otherwise", "sonst", "then", "andernfalls") {
		return false
	}
	switch d.tokens[i].text {
	case "i'll", "we'll", "i", "we", "ich", "wir", "please", "bitte", "could", "can", "you'll":
		return true
	}
	return false
}

// due is the date by which what a clause says is to be done; nil when there is
// none ahead.
func (c clause) due() *When {
	var best *When
	for i := range c.dates {
		w := &c.dates[i].Value
		if w.Direction == After || w.To.Before(c.ref.Sent.Add(-24*time.Hour)) {
			continue
		}
		if best == nil || best.Direction == At && w.Direction != At {
			best = w
		}
	}
	if best == nil {
		return nil
	}
	due := *best
	return &due
}

// words is the span of tokens from i on to where what is done ends: before a
// date, a condition or the end of the clause.
func (c clause) words(i int) Span {
	end := i
	for j := i; j < c.last; j++ {
		t := c.at(j)
		if t.shape == mark && (t.text == "," || t.text == ";" || t.text == "?" || t.text == "!" || t.text == "(" || t.text == "." && !c.at(j+1).glued) && j > i {
			break
		}
		if j > i+1 && conditions[t.text] || c.isDate(t.start) {
			break
		}
		if t.shape != newline {
			end = j + 1
		}
	}
	// Words that led to the date go with it.
	for end > i+1 && c.is(end-1, "on", "at", "am", "um", "the", "by", "in", "im", "bis", "from") && c.isDate(c.at(end).start) {
		end--
	}
	if end <= i {
		end = min(i+1, c.last)
	}
	if i >= c.last {
		i, end = c.last-1, c.last
	}
	return Span{c.at(i).start, c.at(end - 1).end}
}

func (c clause) isDate(at int) bool {
	for i := range c.dates {
		if at >= c.dates[i].Start && at < c.dates[i].End {
			return true
		}
	}
	return false
}

// has reports whether one of some words is in the clause, from a token on.
func (c clause) has(from int, words map[string]bool) bool {
	for i := from; i < c.last; i++ {
		if words[c.tokens[i].text] {
			return true
		}
	}
	return false
}

// set makes a set of words.
func set(words ...string) map[string]bool {
	all := map[string]bool{}
	for _, w := range words {
		all[w] = true
	}
	return all
}

// conditions begin what must be so before something is done.
var conditions = set("if", "once", "when", "unless", "provided", "whenever", "otherwise", "wenn", "sobald", "falls", "sofern", "vorausgesetzt", "sonst", "andernfalls")

// doubts say that somebody is not sure.
var doubts = set("try", "hope", "hopefully", "probably", "might", "maybe", "perhaps", "possibly", "likely", "should", "think", "plan", "planning", "aim", "aiming", "hoping", "expect", "intend", "guess", "could",
	"versuche", "versuchen", "hoffe", "hoffen", "hoffentlich", "vermutlich", "wohl", "voraussichtlich", "eventuell", "vielleicht", "wahrscheinlich", "sollte", "sollten", "könnte", "könnten")
