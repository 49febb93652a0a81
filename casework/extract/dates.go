package extract

import (
	"strings"
	"time"
)

// Dates finds the dates that a text has within spans, in their order. Words
// that tell a direction, as "by" and "bis", are part of the span.
//
// A day without a year is the nearest one. Of two numbers that could both be a
// month, the first is the day, unless another date of the text shows that the
// month comes first or the sender's clock is that of America; the second
// reading is in When.Other.
func Dates(text string, within []Span, ref Reference) []Found[When] {
	d := newDater(text, within, ref)
	eachBlock(text, within, d.block)
	return d.found
}

// dater reads the dates of a text block by block.
type dater struct {
	text       string
	ref        Reference
	sent       time.Time // What the sender's clock showed, as UTC.
	today      time.Time // The start of that day.
	monthFirst bool
	ahead      bool // The words before a date say that it is not over.
	depth      int  // Of dates that are read inside of dates.
	start      int  // The token at which the date begins that is being read.
	tokens     []token
	found      []Found[When]
}

func newDater(text string, within []Span, ref Reference) *dater {
	s := ref.Sent
	_, offset := s.Zone()
	return &dater{
		text: text, ref: ref,
		sent:       time.Date(s.Year(), s.Month(), s.Day(), s.Hour(), s.Minute(), s.Second(), 0, time.UTC),
		today:      date(s.Year(), s.Month(), s.Day()),
		monthFirst: monthFirst(text, within, offset <= -4*3600 && offset >= -10*3600),
	}
}

// monthFirst reports whether a text writes 11/24/2026; usual is what is
// taken when no date in it tells.
func monthFirst(text string, within []Span, usual bool) bool {
	for _, s := range within {
		part := text[max(0, min(s.Start, len(text))):max(0, min(s.End, len(text)))]
		for at := 0; ; {
			n := strings.IndexByte(part[at:], '/')
			if n < 0 {
				break
			}
			at += n + 1
			left, right := at-1, at
			for left > 0 && at-1-left < 2 && isDigit(part[left-1]) {
				left--
			}
			for right < len(part) && right-at < 2 && isDigit(part[right]) {
				right++
			}
			if left == at-1 || right == at || right+4 >= len(part) || part[right] != '/' || !isDigit(part[right+1]) {
				continue
			}
			_, a := scanNumber(part, left, at-1)
			_, b := scanNumber(part, at, right)
			switch {
			case a > 12 && a <= 31 && b >= 1 && b <= 12:
				return false
			case b > 12 && b <= 31 && a >= 1 && a <= 12:
				return true
			}
		}
	}
	return usual
}

// block reads the dates of a paragraph.
func (d *dater) block(tokens []token) {
	d.tokens = tokens
	for i := 0; i < len(tokens); {
		t := &tokens[i]
		if t.shape != number && t.lex.class == none && !d.begins(i) {
			i++
			continue
		}
		r, next, ok := d.phrase(i)
		if !ok || !d.free(i, next) || r.from.Year() < 1900 { // Nobody knows when it was sent.
			i++
			continue
		}
		first := i
		for first+1 < next && (r.rule != "range" && r.direction != After && d.is(first, "vom", "from") || r.rule == "ago" && d.is(first, "in") || d.is(first, "on", "at", "am", "um", "the", "\n") && !d.is(first+1, "or")) {
			first++
		}
		span := Span{tokens[first].start, tokens[next-1].end}
		quote := d.text[span.Start:span.End]
		w := r.when(quote, d.ref)
		d.found = append(d.found, Found[When]{Span: span, Quote: quote, Rule: r.rule, Score: r.score, Value: w})
		i = next
	}
}

// begins reports whether a word without a meaning of its own can begin a date.
func (d *dater) begins(i int) bool {
	switch d.tokens[i].text {
	case "in", "within", "no", "not", "nicht", "as", "starting", "effective", "half", "day", "week", "w", "end", "close", "ende", "anfang", "mitte", "innerhalb", "binnen", "early", "late", "later", "mid", "beginning", "start", "the", "at", "prior", "latest", "kw", "on", "from", "vom", "zum", "am", "im", "um", "zwischen", "between", "q", "middle", "during":
		return true
	}
	return false
}

// free reports whether the tokens from i to next stand by themselves and are
// no piece of a longer name, number or address.
func (d *dater) free(i, next int) bool {
	if t := d.tokens[i]; t.glued && i > 0 {
		p := d.tokens[i-1]
		if p.shape == word || p.shape == number || p.shape == mark && strings.Contains("-/._:@#$€£+~=\\%&", p.text) {
			return false
		}
	}
	if next >= len(d.tokens) || !d.tokens[next].glued {
		return true
	}
	t := d.tokens[next]
	switch {
	case t.shape == word || t.shape == number:
		return false
	case !strings.Contains("-/._:@=~%$\\+", t.text):
		return true
	}
	if next+1 >= len(d.tokens) || !d.tokens[next+1].glued {
		return t.text != "%" && t.text != "$"
	}
	after := d.tokens[next+1]
	return after.shape == mark && t.text != "@" && t.text != "=" || t.text == "-" && (after.lex.class == month || after.lex.class == weekday)
}

// at is the token at i, or one that is like none.
func (d *dater) at(i int) token {
	if i < 0 || i >= len(d.tokens) {
		return token{shape: newline, n: -1}
	}
	return d.tokens[i]
}

// is reports whether the token at i is one of some words or marks.
func (d *dater) is(i int, words ...string) bool {
	if i < 0 || i >= len(d.tokens) {
		return false
	}
	for _, w := range words {
		if d.tokens[i].text == w {
			return true
		}
	}
	return false
}

// skip returns the place behind the token at i when it is one of some words or
// marks, and i when it is not.
func (d *dater) skip(i int, words ...string) int {
	if d.is(i, words...) {
		return i + 1
	}
	return i
}

// line skips the end of a line inside a phrase.
func (d *dater) line(i int) int {
	if d.at(i).shape == newline && i < len(d.tokens) {
		return i + 1
	}
	return i
}

// phrase reads a date with what is before and behind it: [by] day [at time],
// or [by] time [on] day.
func (d *dater) phrase(i int) (r reading, next int, ok bool) {
	dir, j, said := d.direction(i)
	d.start, d.ahead = i, dir == By || dir == Before
	if r, next, ok = d.moment(j, said); ok {
		if said {
			r.direction = dir
			r.score = min(1, r.score+.03)
		} else if d.onward(i, next) {
			r.direction = After
			next++
		}
		d.turn(&r, i)
		return r, next, true
	}
	if said { // "after 5 minutes" is no direction that leads to a date; "vor zwei Wochen" is a date.
		return d.moment(i, false)
	}
	return r, i, false
}

// onward reports whether a date from i to next begins something without an
// end: "from 8 July on", "vom 8. Juli an".
func (d *dater) onward(i, next int) bool {
	return d.is(i, "from") && d.is(next, "on", "onward", "onwards") && !d.is(next+1, "the", "a", "an", "our", "your", "my") || d.is(i, "von", "vom") && d.is(next, "an")
}

// turn moves what has no date of its own to the side of now on which the word
// at i, before it, says that it is.
func (d *dater) turn(r *reading, i int) {
	if r.rule == "weekday" && d.is(i, "since", "seit") {
		r.from, r.to, r.rule, r.other = r.from.AddDate(0, 0, -7), r.to.AddDate(0, 0, -7), "weekday.past", nil
	}
	if r.rule == "time" && r.direction == By && r.to.Before(d.sent) {
		r.from, r.to = r.from.AddDate(0, 0, 1), r.to.AddDate(0, 0, 1)
	}
}

// direction reads the words before a date that say on which side of it something is.
func (d *dater) direction(i int) (dir Direction, next int, ok bool) {
	switch {
	case d.is(i, "no", "not") && d.is(i+1, "later") && d.is(i+2, "than"):
		return By, i + 3, true
	case d.is(i, "prior") && d.is(i+1, "to"):
		return Before, i + 2, true
	case d.is(i, "latest") && d.is(i+1, "by"):
		return By, i + 2, true
	case d.is(i, "on") && d.is(i+1, "or") && d.is(i+2, "before"):
		return By, i + 3, true
	case d.is(i, "not", "nicht") && d.is(i+1, "before", "vor"):
		return After, d.skip(i+2, "dem", "der"), true
	case d.is(i, "as") && d.is(i+1, "of", "from"), d.is(i, "starting", "effective") && d.is(i+1, "on", "from"):
		return After, i + 2, true
	case d.is(i, "starting", "effective"):
		return After, i + 1, true
	}
	t := d.at(i)
	if t.lex.class != direction {
		return At, i, false
	}
	dir, next = directions[t.lex.n].direction, d.line(i+1)
	switch t.text {
	case "bis":
		next = d.skip(next, "spätestens")
		next = d.skip(next, "zum", "zur", "einschließlich", "inklusive")
	case "spätestens":
		next = d.skip(next, "bis")
		next = d.skip(next, "am", "zum", "im")
	case "vor", "nach", "ab", "seit":
		next = d.skip(next, "dem", "der", "den")
	case "due":
		next = d.skip(next, "by", "on", "in", "at", "date")
		next = d.skip(next, ":")
	default:
		next = d.skip(next, "on", "at", "about", "around")
	}
	return dir, next, true
}

// moment reads a day with or without a time, or a time with or without a day.
func (d *dater) moment(i int, said bool) (r reading, next int, ok bool) {
	if r, next, ok = d.closeOfDay(i); ok {
		return r, next, true
	}
	if r, next, ok = d.day(i, said); ok {
		if r.grain == Day || r.grain == Hour && r.rule == "part" {
			r, next = d.ranged(i, r, next)
			r, next = d.withTime(r, next)
		}
		return r, next, true
	}
	return d.timeFirst(i, said)
}

// withTime reads the time behind a day.
func (d *dater) withTime(r reading, i int) (reading, int) {
	j := d.skip(i, ",", "(")
	j = d.line(j)
	if t := d.at(j); t.lex.class == dayPart && d.at(j-1).shape != mark {
		r.from = r.from.Add(time.Duration(t.lex.n) * time.Hour)
		r.to = r.from.Add(6 * time.Hour)
		r.grain, r.rule = Hour, r.rule+".part"
		if k := d.skip(j+1, "at", "@", "um"); k > j+1 {
			if c, next, ok := d.clock(k, true); ok {
				return d.atClock(r, c), next
			}
		}
		return r, j + 1
	}
	if d.is(j, "t") && d.at(j).glued && r.rule == "iso" {
		j++
	}
	j = d.skip(j, "at", "@", "um", "by", "gegen", "ab", "until", "bis", "-", "around", "from", "between", "von", "zwischen")
	j = d.skip(j, "spätestens")
	if d.at(j).lex.class == endOfDay {
		return d.atDayEnd(r), j + 1
	}
	if n, ok := d.isCloseOfDay(j); ok {
		return d.atDayEnd(r), n
	}
	said := j > i && d.is(j-1, "at", "@", "um", "by", "gegen", "from", "between", "von", "zwischen")
	c, next, ok := d.clock(j, said || d.at(j).shape == number && d.is(j+1, ":"))
	if !ok {
		return r, i
	}
	if r.grain == Hour && r.from.Hour() >= 12 && c.from < 12*time.Hour && !c.half {
		c.from, c.to = c.from+12*time.Hour, c.to+12*time.Hour // "tonight at 8"
	}
	r = d.atClock(r, c)
	if year := d.at(next); year.shape == number && year.n >= 1970 && year.n < 2100 && year.end-year.start == 4 && !year.glued && valid(year.n, int(r.from.Month()), r.from.Day()) && r.rule != "relative" {
		// The year stands behind the time, as ctime(3) writes it.
		shift := func(t time.Time) time.Time { return t.AddDate(year.n-t.Year(), 0, 0) }
		r.from, r.to = shift(r.from), shift(r.to)
		next++
		if z := d.at(next); z.lex.class == zone && z.upper {
			r.place, next = d.place(next)
		}
	}
	return r, next
}

// atClock puts a reading of a day at a time.
func (d *dater) atClock(r reading, c clock) reading {
	day := r.from.Truncate(24 * time.Hour)
	r.from, r.to, r.grain, r.place = day.Add(c.from), day.Add(c.to), Minute, c.place
	if c.to > c.from+time.Minute {
		r.grain = Hour
	}
	r.rule += ".time"
	if r.other != nil {
		if r.rule == "weekday.time" && r.from.Before(d.sent) { // Today it is over.
			swapped := *r.other
			swapped.rule, swapped.score, swapped.direction = "weekday", r.score, r.direction
			return d.atClock(swapped, c)
		}
		other := *r.other
		day := other.from.Truncate(24 * time.Hour)
		other.from, other.to, other.grain = day.Add(c.from), day.Add(c.to), r.grain
		r.other = &other
	}
	return r
}

func (d *dater) atDayEnd(r reading) reading {
	end := d.ref.dayEnd()
	r = d.atClock(r, clock{from: end, to: end + time.Minute})
	r.rule = strings.TrimSuffix(r.rule, ".time") + ".dayend"
	r.relative = true // To what ends a business day.
	if r.direction == At {
		r.direction = By
	}
	return r
}

// closeOfDay reads "EOD Friday", "close of business on Friday", "end of day".
func (d *dater) closeOfDay(i int) (r reading, next int, ok bool) {
	j, ok := d.isCloseOfDay(i)
	if !ok {
		return r, i, false
	}
	today := days(d.today, 1, "dayend", .9)
	today.relative = true
	k := d.skip(d.line(d.skip(j, "on", "of", ",", "am")), "on")
	if day, after, ok := d.day(k, true); ok && day.grain == Day {
		return d.atDayEnd(day), after, true
	}
	c := d.atDayEnd(today)
	if t := d.at(j); t.lex.class == zone && t.upper {
		c.place, j = d.place(j)
	}
	c.rule = "dayend"
	return c, j, true
}

// isCloseOfDay reads the words for the end of a business day.
func (d *dater) isCloseOfDay(i int) (next int, ok bool) {
	i = d.skip(i, "the", "zum")
	switch {
	case d.at(i).lex.class == endOfDay:
		return i + 1, true
	case d.is(i, "end", "close") && d.is(i+1, "of"):
		j := d.skip(i+2, "the", "your", "our")
		j = d.skip(j, "business")
		if d.is(j, "day", "play", "today") || d.is(j-1, "business") {
			if d.is(j, "today") {
				return j, true
			}
			// "At the end of the day" is no time.
			if figurative := d.is(i-1, "the") && d.is(i-2, "at"); figurative {
				return i, false
			}
			return d.skip(j, "day", "play"), true
		}
	case d.is(i, "ende") && d.is(i+1, "des") && d.is(i+2, "tages", "arbeitstages"):
		return i + 3, true
	}
	return i, false
}

// timeFirst reads a time with or without a day behind it.
func (d *dater) timeFirst(i int, said bool) (r reading, next int, ok bool) {
	j := d.skip(i, "at", "um", "from")
	said = said || j > i
	c, next, ok := d.clock(j, said)
	if !ok {
		return r, i, false
	}
	k := d.line(d.skip(next, ",", "on", "am"))
	k = d.skip(k, "on", "am")
	if day, after, ok := d.day(k, true); ok && (day.grain == Day || day.rule == "part") {
		return d.atClock(day, c), after, true
	}
	if !said && !c.sure || c.seconds && !c.half {
		return r, i, false
	}
	r = d.atClock(days(d.today, 1, "time", .7), c)
	r.rule, r.relative = "time", true
	if r.from.Before(d.sent) {
		other := r
		other.from, other.to = r.from.AddDate(0, 0, 1), r.to.AddDate(0, 0, 1)
		r.other = &other
	}
	return r, next, true
}

// ranged reads the end of a range that begins with a day.
func (d *dater) ranged(i int, r reading, next int) (reading, int) {
	if !d.is(next, "-", "to", "through", "thru", "until", "bis", "and", "und") {
		return r, next
	}
	if d.is(next, "and", "und") && !d.is(i, "between", "zwischen") && !d.is(i-1, "between", "zwischen") {
		return r, next
	}
	bare := r.rule == "weekday"
	if bare && !d.is(i-1, "from", "between", "von", "vom", "zwischen") && !d.is(i, "from", "between", "von", "vom", "zwischen") {
		return r, next
	}
	last, after, ok := d.day(d.skip(next+1, "the", "zum"), true)
	if !ok || last.grain != Day {
		return r, next
	}
	for bare && last.rule == "weekday" && !last.from.After(r.from) {
		last.to, last.from = last.to.AddDate(0, 0, 7), last.from.AddDate(0, 0, 7)
	}
	if !last.from.After(r.from) || last.from.Sub(r.from) > 400*24*time.Hour {
		return r, next
	}
	r.to, r.rule, r.other = last.to, "range", nil
	return r, after
}
