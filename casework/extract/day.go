package extract

import (
	"time"
)

// maxDepth is how often a date may be a part of a date: "by the end of the week
// of Monday, 7 December" needs three.
const maxDepth = 5

// day reads a day or a longer period. Said means that words before it tell
// that a date comes, so that less is asked of how it is written.
func (d *dater) day(i int, said bool) (r reading, next int, ok bool) {
	if d.depth == maxDepth {
		return r, i, false
	}
	d.depth++
	defer func() { d.depth-- }()
	if r, next, ok = d.edgeOf(i); ok {
		return r, next, true
	}
	t := d.at(i)
	switch {
	case t.lex.class == weekday:
		return d.weekday(i, said)
	case t.lex.class == dayOfPart:
		r = days(d.coming(time.Weekday(t.lex.n%32)), 1, "part", .85)
		r.from = r.from.Add(time.Duration(t.lex.n/32) * time.Hour)
		r.to, r.grain, r.relative = r.from.Add(6*time.Hour), Hour, true
		return r, i + 1, true
	case d.is(i, "day", "week", "w"):
		return d.afterNext(i)
	case t.lex.class == month:
		return d.monthFirstDay(i, said)
	case t.lex.class == relative:
		return d.relative(i)
	case t.lex.class == which:
		return d.which(i)
	case t.lex.class == endOf:
		return d.edge(t.lex.n, d.today, i+1)
	case t.lex.class == ordinal:
		return d.quarter(i)
	case t.shape == number:
		if r, next, ok = d.digits(i, said); ok {
			return r, next, true
		}
		if r, next, ok = d.dayOfMonth(i, d.is(i-1, "zum", "am", "den", "dem", "the")); ok {
			return r, next, true
		}
		if said {
			return d.year(i)
		}
	case d.is(i, "q") && d.at(i+1).glued:
		return d.quarter(i)
	case d.is(i, "kw", "calendar", "kalenderwoche"):
		return d.numberedWeek(i)
	case d.is(i, "the") && d.is(i+1, "day", "week"):
		return d.afterNext(i + 1)
	case d.is(i, "the", "dem", "den", "der", "on", "am", "zum", "im", "vom", "from", "between", "zwischen"):
		return d.withArticle(i, said)
	case d.is(i, "mid", "early", "late", "mitte", "anfang", "later", "earlier"):
		return d.partOf(i)
	}
	if r, next, ok = d.counted(i, said); ok {
		return r, next, true
	}
	if d.is(i, "in") && d.at(i+1).lex.class != none || d.is(i, "in", "during") && (d.is(i+1, "the", "der", "q", "early", "late", "mid", "kw") || d.at(i+1).shape == number) {
		if y := d.at(i + 1); y.shape == number {
			return d.year(i + 1)
		}
		r, next, ok = d.day(d.skip(i+1, "the", "der"), true)
		return r, next, ok && r.grain != Day || ok && r.rule != "weekday" && r.rule != "relative"
	}
	return r, i, false
}

// relative reads "today" and its like, with the time of day.
func (d *dater) relative(i int) (r reading, next int, ok bool) {
	t := d.at(i)
	n, rule := t.lex.n, "relative"
	next = i + 1
	if t.text == "morgen" && (d.is(i-1, "guten", "am", "heute", "jeden", "der", "den", "schönen") || t.upper && d.at(i-1).shape == word && i > 0) {
		return r, i, false // The noun.
	}
	if d.is(next, "morgen") { // heute Morgen
		r = days(d.today.AddDate(0, 0, n), 1, "part", .9)
		r.from, r.grain, r.relative = r.from.Add(6*time.Hour), Hour, true
		r.to = r.from.Add(6 * time.Hour)
		return r, next + 1, true
	}
	r = days(d.today.AddDate(0, 0, n), 1, rule, .9)
	r.relative = true
	if t.text == "tonight" {
		r.from, r.grain, r.rule = r.from.Add(18*time.Hour), Hour, "part"
	}
	return r, next, true
}

// afterNext reads "the day after tomorrow", "the week after next", "week of 7
// December".
func (d *dater) afterNext(i int) (r reading, next int, ok bool) {
	r.relative = true
	switch {
	case d.is(i, "day") && d.is(i+1, "after") && d.at(i+2).lex == lexicon["tomorrow"]:
		r = days(d.today.AddDate(0, 0, 2), 1, "relative", .9)
	case d.is(i, "day") && d.is(i+1, "before") && d.is(i+2, "yesterday"):
		r = days(d.today.AddDate(0, 0, -2), 1, "relative", .9)
	case d.is(i, "week") && d.is(i+1, "after") && d.is(i+2, "next"):
		r = reading{from: d.monday().AddDate(0, 0, 14), to: d.monday().AddDate(0, 0, 21), grain: Week, rule: "period", score: .9}
	case d.is(i, "week") && d.is(i+1, "of", "commencing", "beginning", "starting") || d.is(i, "w") && d.is(i+1, "/") && d.is(i+2, "c"):
		k := i + 2
		if d.is(i, "w") {
			k++
		}
		day, after, ok := d.day(d.skip(k, "on"), true)
		if !ok || day.grain != Day {
			return r, i, false
		}
		r = day
		r.from, r.to, r.grain = period(unitWeek, day.from)
		r.rule = "week.of"
		return r, after, true
	default:
		return r, i, false
	}
	r.relative = true
	return r, i + 3, true
}

// weekday reads a weekday, and the date that stands behind it.
func (d *dater) weekday(i int, said bool) (r reading, next int, ok bool) {
	t := d.at(i)
	day := time.Weekday(t.lex.n)
	j := d.skip(i+1, ".")
	if j > i+1 && !t.lex.weak {
		j = i + 1
	}
	k := d.line(d.skip(j, ","))
	k = d.skip(k, "the", "den", "dem")
	if !d.is(k, "in", "within", "next", "last", "this") && d.at(k).lex.class != weekday && d.at(k).lex.class != relative && d.at(k).lex.class != endOf {
		if date, after, ok := d.day(k, true); ok && date.grain == Day && !date.relative {
			return d.withWeekday(date, day), after, true
		}
	}
	if day, after := d.dayNumber(k); day > 0 && d.is(after-1, "st", "nd", "rd", "th") {
		if r, ok := d.onWeekday(day, time.Weekday(t.lex.n)); ok {
			return r, after, true
		}
	}
	if t.lex.weak {
		short := len(t.text) <= 2
		clear := said || d.is(i-1, "on", "this", "next", "last")
		if short || !t.upper || !clear || d.at(i+1).upper && d.at(i+1).shape == word {
			if n, ok := d.isCloseOfDay(i + 1); !ok || n == i+1 || short || !t.upper {
				return r, i, false
			}
		}
	}
	if d.is(i+1, "of") && d.is(i+2, "next", "this", "last") && d.is(i+3, "week") {
		n := d.at(i + 2).lex.n
		r = days(d.monday().AddDate(0, 0, 7*n+int(day+6)%7), 1, "weekday.of", .9)
		r.relative = true
		return r, i + 4, true
	}
	if d.is(i+1, "week") && said && !d.at(i+1).glued { // "Friday week"
		r = days(d.coming(day).AddDate(0, 0, 7), 1, "weekday.week", .7)
		r.relative = true
		return r, i + 2, true
	}
	if d.is(i+1, "after") && d.is(i+2, "next") {
		r = days(d.coming(day).AddDate(0, 0, 7), 1, "weekday.afternext", .8)
		r.relative = true
		if other := days(d.monday().AddDate(0, 0, 14+int(day+6)%7), 1, "weekday.of", .5); !other.from.Equal(r.from) {
			other.relative = true
			r.other = &other
		}
		return r, i + 3, true
	}
	if w := d.at(i + 1); w.lex.class == which && w.lex.n != 0 && d.is(i+2, "week", "woche") {
		r = days(d.monday().AddDate(0, 0, 7*w.lex.n+int(day+6)%7), 1, "weekday.of", .9)
		r.relative = true
		return r, i + 3, true
	}
	if d.past(i) && !said {
		r = days(d.coming(day).AddDate(0, 0, -7), 1, "weekday.past", .7)
		r.relative = true
		return r, i + 1, true
	}
	r = days(d.coming(day), 1, "weekday", .85)
	if r.from.Equal(d.today) {
		other := days(r.from.AddDate(0, 0, 7), 1, "weekday.week", .5)
		other.relative = true
		r.other = &other
	}
	r.relative = true
	return r, i + 1, true
}

// withWeekday keeps of the readings of a date the one that falls on a weekday.
func (d *dater) withWeekday(r reading, day time.Weekday) reading {
	if r.from.Weekday() == day {
		r.other = nil
		return r
	}
	if r.other != nil && r.other.from.Weekday() == day {
		other := *r.other
		other.rule, other.score, other.direction = r.rule, r.score, r.direction
		return other
	}
	if r.rule != "daymonth" {
		return r
	}
	for _, shift := range []int{-1, 1, -2, 2} {
		if year := r.from.Year() + shift; valid(year, int(r.from.Month()), r.from.Day()) && date(year, r.from.Month(), r.from.Day()).Weekday() == day {
			return days(date(year, r.from.Month(), r.from.Day()), 1, r.rule, r.score)
		}
	}
	return r
}

// past reports whether verbs before a token tell of the past.
func (d *dater) past(i int) bool {
	for j := i - 1; j >= 0 && j > i-9; j-- {
		t := d.tokens[j]
		switch {
		case t.shape == mark && (t.text == "." || t.text == "?" || t.text == "!"):
			return false
		case t.shape != word:
			continue
		}
		switch t.text {
		case "was", "were", "did", "sent", "had", "released", "happened", "met", "came", "got", "went", "told", "saw", "spoke", "wrote", "reported", "shipped", "received", "ordered", "said", "failed", "crashed", "started", "arrived", "called", "war", "hatte", "wurde", "kam", "hatten", "waren":
			return true
		}
	}
	return false
}

// coming is the next such weekday, today included.
func (d *dater) coming(day time.Weekday) time.Time {
	return d.today.AddDate(0, 0, (int(day-d.today.Weekday())+7)%7)
}

// monday is the first day of this week (ISO 8601).
func (d *dater) monday() time.Time {
	return d.today.AddDate(0, 0, -((int(d.today.Weekday()) + 6) % 7))
}

// period is the unit of time that a day is in.
func period(u int, day time.Time) (from, to time.Time, g Grain) {
	y, m, _ := day.Date()
	switch u {
	case unitDay, unitBusinessDay:
		return day, day.AddDate(0, 0, 1), Day
	case unitWeek:
		from = day.AddDate(0, 0, -((int(day.Weekday()) + 6) % 7))
		return from, from.AddDate(0, 0, 7), Week
	case unitWeekend:
		from = day.AddDate(0, 0, 5-(int(day.Weekday())+6)%7)
		return from, from.AddDate(0, 0, 2), Day
	case unitMonth:
		return date(y, m, 1), date(y, m+1, 1), Month
	case unitQuarter:
		m = (m-1)/3*3 + 1
		return date(y, m, 1), date(y, m+3, 1), Quarter
	}
	return date(y, 1, 1), date(y+1, 1, 1), Year
}

// shift moves a day by n units; months are counted from their first day.
func shift(u, n int, day time.Time) time.Time {
	switch u {
	case unitDay:
		return day.AddDate(0, 0, n)
	case unitWeek, unitWeekend:
		return day.AddDate(0, 0, 7*n)
	case unitFortnight:
		return day.AddDate(0, 0, 14*n)
	case unitMonth:
		return date(day.Year(), day.Month()+time.Month(n), 1)
	case unitQuarter:
		return date(day.Year(), day.Month()+time.Month(3*n), 1)
	}
	return date(day.Year()+n, day.Month(), 1)
}

// which reads "next week", "last Friday", "this month", "nächsten März".
func (d *dater) which(i int) (r reading, next int, ok bool) {
	n := d.at(i).lex.n
	j := i + 1
	if d.is(j, "business", "working") && d.is(j+1, "day") && n != 0 {
		r = days(d.ref.businessDays(d.today, n), 1, "businessday", .9)
		r.relative = true
		return r, j + 2, true
	}
	if (n == 1 || n == -1) && (d.at(j).shape == number || d.at(j).lex.class == numeral && d.at(j).lex.n > 1) {
		return d.several(n, j)
	}
	t := d.at(j)
	if t.shape == newline && j < len(d.tokens) {
		j++
		t = d.at(j)
	}
	switch t.lex.class {
	case weekday:
		if t.lex.weak && (len(t.text) == 2 || !t.upper && n != 1) {
			return r, i, false
		}
		if n == -1 && d.is(j+1, "of", "in") && d.at(j+2).lex.class == month {
			return d.lastWeekday(time.Weekday(t.lex.n), j+2)
		}
		return d.whichDay(n, time.Weekday(t.lex.n)), j + 1, true
	case unit:
		if t.lex.n < unitDay || t.text != "week" && t.text != "woche" && t.text != "month" && t.text != "monat" && t.text != "monats" && t.text != "quarter" && t.text != "quartal" && t.text != "quartals" && t.text != "year" && t.text != "jahr" && t.text != "jahres" && t.text != "weekend" && t.text != "wochenende" && t.text != "werktag" && t.text != "arbeitstag" && t.text != "tag" {
			return r, i, false
		}
		if t.lex.n == unitBusinessDay {
			r = days(d.ref.businessDays(d.today, n), 1, "businessday", .9)
			r.relative = true
			return r, j + 1, n != 0
		}
		r.from, r.to, r.grain = period(t.lex.n, shift(t.lex.n, n, d.today))
		r.rule, r.score, r.relative = "period", .9, true
		if t.lex.n == unitWeekend && n == 1 && d.today.Weekday() >= time.Monday && d.today.Weekday() <= time.Friday {
			other := r
			other.from, other.to = r.from.AddDate(0, 0, -7), r.to.AddDate(0, 0, -7)
			r.other = &other
		}
		return r, j + 1, true
	case dayPart, noon:
		if n != 0 || t.lex.class == noon {
			if t.text != "night" || n != -1 {
				return r, i, false
			}
		}
		r = days(d.today.AddDate(0, 0, n), 1, "part", .85)
		r.from = r.from.Add(time.Duration(t.lex.n) * time.Hour)
		r.to, r.grain, r.relative = r.from.Add(6*time.Hour), Hour, true
		return r, j + 1, true
	case month:
		if t.lex.weak && (!t.upper || isUpper(d.text[t.start:t.end])) {
			return r, i, false // "this MAY break"
		}
		return d.whichMonth(n, time.Month(t.lex.n)), j + 1, true
	}
	return r, i, false
}

// several reads "next 3 weeks" and "last two days" from the number on.
func (d *dater) several(n, i int) (r reading, next int, ok bool) {
	many := d.numeral(i)
	u, next, ok := d.unit(i + 1)
	if !ok || many > 500 {
		return r, i, false
	}
	r, ok = d.amount(many, many, u, n > 0, n < 0)
	if ok && n < 0 && !r.absolute {
		r.to, r.rule = d.today, "last"
	}
	r.direction = At
	return r, next, ok && r.from.Before(r.to)
}

// onWeekday is the coming day with a number that falls on a weekday, or the
// one that was last.
func (d *dater) onWeekday(n int, day time.Weekday) (r reading, ok bool) {
	for _, k := range []int{0, 1, -1, 2, -2, 3} {
		first := date(d.today.Year(), d.today.Month()+time.Month(k), 1)
		if !valid(first.Year(), int(first.Month()), n) || first.AddDate(0, 0, n-1).Weekday() != day {
			continue
		}
		r = days(first.AddDate(0, 0, n-1), 1, "dayofmonth", .9)
		r.relative = true
		return r, true
	}
	return r, false
}

// nthWeekday reads the month of "first Tuesday of October".
func (d *dater) nthWeekday(n int, day time.Weekday, i int) (r reading, next int, ok bool) {
	m, next, ok := d.day(d.skip(i, "the"), true)
	if !ok || m.grain != Month {
		return r, i, false
	}
	first := int(day-m.from.Weekday()+7) % 7
	r = days(m.from.AddDate(0, 0, first+7*(n-1)), 1, "weekday.of", .9)
	r.relative = m.relative
	return r, next, true
}

// lastWeekday reads the month of "last Monday of March".
func (d *dater) lastWeekday(day time.Weekday, i int) (r reading, next int, ok bool) {
	m, next, ok := d.day(i, true)
	if !ok || m.grain != Month {
		return r, i, false
	}
	last := m.to.AddDate(0, 0, -1)
	r = days(last.AddDate(0, 0, -(int(last.Weekday()-day)+7)%7), 1, "weekday.of", .9)
	r.relative = m.relative
	return r, next, true
}

// whichDay is this, the next or the last of a weekday. "Next Friday" before
// Friday is that of next week, or the one that comes first.
func (d *dater) whichDay(n int, day time.Weekday) reading {
	this := d.monday().AddDate(0, 0, int(day+6)%7)
	r := days(this.AddDate(0, 0, 7*n), 1, "weekday.this", .9)
	var other reading
	switch {
	case n == 0 && this.Before(d.today):
		other = days(this.AddDate(0, 0, 7), 1, "weekday.coming", .5)
	case n == 1:
		r.rule = "weekday.next"
		if this.After(d.today) {
			other = days(this, 1, "weekday.coming", .5)
		}
	case n == -1:
		r.rule = "weekday.last"
		if this.Before(d.today) {
			other = days(this, 1, "weekday.coming", .5)
			other.rule = "weekday.past"
			// The last Monday that was is meant more often than that of last week.
			r.from, r.to, other.from, other.to = other.from, other.to, r.from, r.to
		}
	}
	r.relative = true
	if other.score > 0 {
		other.relative = true
		r.other = &other
	}
	return r
}

func (d *dater) whichMonth(n int, m time.Month) reading {
	year := d.today.Year()
	make := func(year int, rule string) reading {
		return reading{from: date(year, m, 1), to: date(year, m+1, 1), grain: Month, rule: rule, score: .85, relative: true}
	}
	switch this := d.today.Month(); {
	case n == 0:
		return make(year, "month.this")
	case n == -1 && m >= this:
		return make(year-1, "month.last")
	case n == -1:
		return make(year, "month.last")
	case m <= this:
		return make(year+1, "month.next")
	}
	r, other := make(year, "month.next"), make(year+1, "month.afternext")
	r.other = &other
	return r
}

// edgeOf reads "end of the month", "Ende nächster Woche", "beginning of 2027".
func (d *dater) edgeOf(i int) (r reading, next int, ok bool) {
	i = d.skip(i, "the")
	j := i + 1
	start := d.is(i, "beginning", "start", "anfang")
	if !start && !d.is(i, "end", "ende", "middle", "mitte") {
		return r, i, false
	}
	english := d.is(j, "of")
	if !english && d.is(i, "end", "start", "beginning", "middle") {
		return r, i, false
	}
	j = d.line(d.skip(j, "of", "des", "der", "von", "vom"))
	j = d.skip(j, "the", "der", "des", "this")
	t := d.at(j)
	var p reading
	switch {
	case t.lex.class == unit && t.lex.n >= unitWeek && t.lex.n <= unitYear:
		p.from, p.to, p.grain = period(t.lex.n, d.today)
		p.relative = true
		next = j + 1
	case t.shape == number:
		p, next, ok = d.year(j)
		if !ok {
			return r, i, false
		}
	default:
		if t.lex.class != which && t.lex.class != month && t.lex.class != ordinal && !d.is(j, "q", "kw") {
			return r, i, false
		}
		p, next, ok = d.day(j, true)
		if !ok || p.grain == Day || p.grain == Minute || p.grain == Hour {
			return r, i, false
		}
	}
	switch {
	case d.is(i, "end", "ende"):
		r = d.lastOf(p)
	default:
		r = third(p, d.is(i, "middle", "mitte"))
	}
	return r, next, true
}

// edge is the end of the unit that a day is in.
func (d *dater) edge(u int, day time.Time, next int) (reading, int, bool) {
	p := reading{relative: true}
	p.from, p.to, p.grain = period(u, day)
	return d.lastOf(p), next, true
}

// lastOf is the last day of a period; of a week, the last business day.
func (d *dater) lastOf(p reading) reading {
	last := p.to.AddDate(0, 0, -1)
	for i := 0; p.grain == Week && i < 6 && !d.ref.isBusiness(last); i++ {
		last = last.AddDate(0, 0, -1)
	}
	r := days(last, 1, "endof."+string(p.grain), .9)
	r.relative = p.relative
	return r
}

// third is the first third of a period, or the middle one.
func third(p reading, middle bool) reading {
	length := int(p.to.Sub(p.from).Hours()) / 24
	r := reading{from: p.from, to: p.from.AddDate(0, 0, (length+2)/3), grain: Week, rule: "early", score: .8, relative: p.relative}
	if middle {
		r.from, r.to, r.rule = p.from.AddDate(0, 0, length/3), p.from.AddDate(0, 0, length-length/3), "mid"
	}
	return r
}

// partOf reads "mid-November", "early next week", "later this month".
func (d *dater) partOf(i int) (r reading, next int, ok bool) {
	j := d.skip(i+1, "-", "in")
	t := d.at(j)
	if d.is(i, "later", "earlier") {
		if t.lex.class != which && t.lex.class != relative || t.lex.n != 0 {
			return r, i, false
		}
		return d.day(j, true)
	}
	if t.lex.class != month && t.lex.class != which && t.lex.class != ordinal && !d.is(j, "q") {
		return r, i, false
	}
	p, next, ok := d.day(j, true)
	if !ok || p.grain == Minute || p.grain == Hour || p.grain == Day {
		return r, i, false
	}
	r = third(p, d.is(i, "mid", "mitte"))
	if d.is(i, "late") {
		length := int(p.to.Sub(p.from).Hours()) / 24
		r.from, r.to, r.rule = p.to.AddDate(0, 0, -(length+2)/3), p.to, "late"
	}
	return r, next, true
}

// year reads a year that stands alone; what it counts would stand behind it.
func (d *dater) year(i int) (r reading, next int, ok bool) {
	t := d.at(i)
	if t.shape != number || t.end-t.start != 4 || t.n < 1950 || t.n > 2099 {
		return r, i, false
	}
	if after := d.at(i + 1); after.shape == word && !d.is(i+1, "and", "or", "by", "when", "but", "as", "at", "it", "we", "i", "to", "for", "und", "oder", "is", "was", "with", "after", "before", "the", "on", "because", "while", "already", "mit") {
		return r, i, false
	}
	return reading{from: date(t.n, 1, 1), to: date(t.n+1, 1, 1), grain: Year, rule: "year", score: .6}, i + 1, true
}

// quarter reads "Q3", "Q4 2026", "first quarter of 2027".
func (d *dater) quarter(i int) (r reading, next int, ok bool) {
	n, next := d.at(i).lex.n, i+1
	if d.is(i, "q") {
		n, next = d.at(i+1).n, i+2
	} else if w := d.at(next); w.lex.class == weekday && !w.lex.weak && d.is(next+1, "of", "in", "im") {
		return d.nthWeekday(n, time.Weekday(w.lex.n), next+2)
	} else if d.at(next).lex.class != unit || d.at(next).lex.n != unitQuarter {
		return r, i, false
	} else {
		next++
	}
	if n < 1 || n > 4 {
		return r, i, false
	}
	return d.quarterOf(n, next)
}

// quarterOf reads the year behind a quarter, which may be left out.
func (d *dater) quarterOf(n, next int) (r reading, after int, ok bool) {
	year, relative := d.today.Year(), true
	k := d.skip(next, "of", "/", "in", "des", "jahres")
	k = d.skip(k, "the", "fiscal", "fy")
	if y := d.at(k); y.shape == number && y.end-y.start == 4 && y.n >= 1950 && y.n < 2100 {
		year, next, relative = y.n, k+1, false
	}
	m := time.Month(3*n - 2)
	return reading{from: date(year, m, 1), to: date(year, m+3, 1), grain: Quarter, rule: "quarter", score: .85, relative: relative}, next, true
}

// numberedWeek reads "KW 48", "calendar week 48" (ISO 8601).
func (d *dater) numberedWeek(i int) (r reading, next int, ok bool) {
	j := i + 1
	if d.is(i, "calendar") {
		if !d.is(j, "week") {
			return r, i, false
		}
		j++
	}
	t := d.at(j)
	if t.shape != number || t.n < 1 || t.n > 53 {
		return r, i, false
	}
	year := d.today.Year()
	next = j + 1
	k := d.skip(next, "/")
	relative := true
	if y := d.at(k); y.shape == number && y.end-y.start == 4 && y.n >= 1950 && y.n < 2100 {
		year, next, relative = y.n, k+1, false
	}
	week := func(year int) time.Time {
		fourth := date(year, 1, 4)
		return fourth.AddDate(0, 0, -((int(fourth.Weekday())+6)%7)+7*(t.n-1))
	}
	from := week(year)
	if relative && d.today.Sub(from) > 180*24*time.Hour {
		from = week(year + 1)
	}
	return reading{from: from, to: from.AddDate(0, 0, 7), grain: Week, rule: "week.number", score: .9, relative: relative}, next, true
}

// withArticle reads "the 24th", "am 24.", "on 3/4", "im November".
func (d *dater) withArticle(i int, said bool) (r reading, next int, ok bool) {
	j := i + 1
	if d.is(i, "on", "am", "from", "vom", "between", "zwischen") {
		j = d.line(d.skip(j, "the", "dem"))
	}
	t := d.at(j)
	strong := said || !d.is(i, "the", "der", "den", "dem")
	switch {
	case t.shape == number:
		if r, next, ok = d.digits(j, strong); ok && r.grain == Day {
			return r, next, true
		}
		if !strong && !d.is(i-1, "for", "is", "was", "around", "about", "till") {
			return r, i, false // "The 6th and the 7th patch".
		}
		return d.dayOfMonth(j, d.is(j-1, "the", "am", "zum", "vom", "den", "dem"))
	case d.is(i, "im") && (t.lex.class == month || t.lex.class == which || t.lex.class == ordinal):
		return d.day(j, true)
	case d.is(i, "am", "zum", "the", "der", "den") && (t.lex.class == which || t.lex.class == ordinal):
		return d.day(j, true)
	case (d.is(i, "on", "am", "from", "vom", "zum") || said) && (t.lex.class == weekday || t.lex.class == month || t.lex.class == relative):
		r, next, ok = d.day(j, true)
		if r.rule == "month" {
			return r, i, false // "on the November invoice"
		}
		if ok && r.rule == "weekday" && d.past(i) && !said {
			r.from, r.to, r.rule, r.other = r.from.AddDate(0, 0, -7), r.to.AddDate(0, 0, -7), "weekday.past", nil
		}
		return r, next, ok
	}
	return r, i, false
}

// dayOfMonth reads the number of a day without its month.
func (d *dater) dayOfMonth(i int, article bool) (r reading, next int, ok bool) {
	t := d.at(i)
	if t.n < 1 || t.n > 31 || !article || t.end-t.start > 2 {
		return r, i, false
	}
	next = i + 1
	switch {
	case d.is(next, "st", "nd", "rd", "th") && d.at(next).glued:
		next++
	case d.is(i-1, "am", "zum", "vom", "den", "dem") && d.is(next, ".") && d.at(next).glued && !d.at(next+1).glued:
		next++
	default:
		return r, i, false
	}
	if after := d.at(next); after.shape == word && !after.glued && !d.is(next, "at", "and", "or", "to", "for", "so", "we", "i", "if", "but", "is", "would", "will", "works", "latest", "as", "please", "with", "when", "in", "um", "und", "oder", "ist", "geht", "with", "can", "because", "since", "by", "until", "on", "the", "you", "they", "he", "she", "it", "from", "eod", "wieder", "liefern", "fertig", "haben", "schicken", "senden", "bei", "mit", "melden", "werden") {
		return r, i, false
	}
	y, m := d.today.Year(), d.today.Month()
	find := func(from time.Month, step int) (time.Time, bool) {
		for k := 0; k < 3; k++ {
			first := date(y, from+time.Month(k*step), 1)
			if valid(first.Year(), int(first.Month()), t.n) {
				return date(first.Year(), first.Month(), t.n), true
			}
		}
		return time.Time{}, false
	}
	from := m
	if t.n < d.today.Day() {
		from++
	}
	day, ok := find(from, 1)
	if !ok {
		return r, i, false
	}
	r = days(day, 1, "dayofmonth", .8)
	r.relative = true
	if t.n < d.today.Day() && d.today.Day()-t.n <= 10 {
		before := days(date(y, m, t.n), 1, "dayofmonth.past", .5)
		before.relative = true
		r.other = &before
	}
	return r, next, true
}
