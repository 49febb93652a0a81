package extract

import (
	"time"
)

// digits reads a day that begins with a number.
func (d *dater) digits(i int, said bool) (r reading, next int, ok bool) {
	t := d.at(i)
	if t.n < 0 {
		return r, i, false
	}
	if r, next, ok = d.yearFirst(i); ok {
		return r, next, true
	}
	if r, next, ok = d.numeric(i, said); ok {
		return r, next, true
	}
	if r, next, ok = d.dayMonth(i); ok {
		return r, next, true
	}
	return d.counted(i, said)
}

// yearFirst reads 2026-11-24, 2026/11/24 and 2026.11.24.
func (d *dater) yearFirst(i int) (r reading, next int, ok bool) {
	y, sep, m, day := d.at(i), d.at(i+1), d.at(i+2), d.at(i+4)
	if y.end-y.start != 4 || m.shape != number || day.shape != number || !d.is(i+1, "-", "/", ".") || d.at(i+3).text != sep.text || !d.together(i+1, i+4) || len(sep.text) != 1 || day.end-day.start > 2 {
		return r, i, false
	}
	if !valid(y.n, m.n, day.n) {
		return r, i, false
	}
	return days(date(y.n, time.Month(m.n), day.n), 1, "iso", .97), i + 5, true
}

// together reports whether the tokens from i to last are glued each to the one before.
func (d *dater) together(i, last int) bool {
	for ; i <= last; i++ {
		if !d.at(i).glued {
			return false
		}
	}
	return true
}

// versionBefore reports whether a word before a number says that it is a version.
func (d *dater) versionBefore(i int) bool {
	return d.is(i-1, "version", "v", "ver", "release", "kernel", "ubuntu", "firmware", "build", "rev", "python", "section", "abschnitt", "linux", "ip", "chapter", "revision", "§", "rc", "debian")
}

// numeric reads days of numbers alone: 24.11.2026, 11/24, 24-11-2026.
func (d *dater) numeric(i int, said bool) (r reading, next int, ok bool) {
	a, b := d.at(i), d.at(i+2)
	sep := d.at(i + 1).text
	said = said || d.is(i+3, "at", "@")
	if b.shape != number || sep != "." && sep != "/" && sep != "-" || a.end-a.start > 2 || b.end-b.start > 2 || d.versionBefore(i) {
		return r, i, false
	}
	if !d.at(i+1).glued || !b.glued && !(sep == "." && d.is(i+3, ".")) {
		return r, i, false
	}
	year, weak := 0, true
	next = i + 3
	if d.at(next).text == sep && d.at(next).glued && d.at(next+1).shape == number && (d.at(next+1).glued || sep == "." && d.at(next+1).end-d.at(next+1).start == 4) {
		y := d.at(next + 1)
		switch width := y.end - y.start; {
		case width == 4:
			year, weak = y.n, false
		case width == 2 && sep != "-" && a.end-a.start == 2 && b.end-b.start == 2:
			year = y.n + 2000
			if year > d.today.Year()+20 {
				year -= 100
			}
			weak = sep == "."
		case width == 2 && sep == "/" && (said || y.n+2000 >= d.today.Year()-15 && y.n+2000 <= d.today.Year()+5):
			year, weak = y.n+2000, false
		default:
			return r, i, false
		}
		next += 2
	}
	switch {
	case year == 0 && sep == "-", year == 0 && sep == "/" && (!said || a.n == 24 && b.n == 7 || a.n == 9 && b.n == 11):
		return r, i, false
	case year == 0 && sep == ".":
		// "am 24.11." and "bis 24.11. um", not "by 2.10".
		if !d.is(next, ".") || !d.at(next).glued || !said {
			return r, i, false
		}
		if after := d.at(next + 1); after.glued && !d.is(next+1, ",", ")", ";") {
			return r, i, false
		}
		next++
	case weak && !said && year != 0:
		return r, i, false
	}
	return d.ordered(a.n, b.n, year, sep, next)
}

// ordered gives the readings of two numbers and a year; 0 is none.
func (d *dater) ordered(a, b, year int, sep string, next int) (r reading, after int, ok bool) {
	rule := "numeric"
	make := func(day, m int) (reading, bool) {
		y := year
		if y == 0 {
			if m < 1 || m > 12 {
				return reading{}, false
			}
			y = d.nearest(m, day)
		}
		if !valid(y, m, day) {
			return reading{}, false
		}
		return days(date(y, time.Month(m), day), 1, rule, .92), true
	}
	dayFirst, ok1 := make(a, b)
	monthFirst, ok2 := make(b, a)
	switch {
	case sep == "." && (ok1 || year == 0) || ok1 && !ok2:
		return dayFirst, next, ok1
	case ok2 && !ok1:
		return monthFirst, next, true
	case !ok1:
		return r, next, false
	case a == b:
		return dayFirst, next, true
	}
	first, other := dayFirst, monthFirst
	if d.monthFirst {
		first, other = other, first
	}
	first.score, other.rule = .75, "numeric.swapped"
	first.other = &other
	return first, next, true
}

// nearest is the year in which a day is nearest to when the message was sent;
// what is past counts as twice as far, and eight times where words say that
// it is ahead. After a verb in the past tense, what is ahead counts four times.
func (d *dater) nearest(m, day int) int {
	best, least := d.today.Year(), 1<<30
	over := !d.ahead && d.past(d.start)
	for y := d.today.Year() - 1; y <= d.today.Year()+1; y++ {
		if !valid(y, m, day) {
			continue
		}
		far := int(date(y, time.Month(m), day).Sub(d.today).Hours() / 24)
		switch {
		case far < 0 && d.ahead:
			far *= -8
		case far < 0 && over:
			far = -far
		case far < 0:
			far *= -2
		case over:
			far *= 4
		}
		if far < least {
			best, least = y, far
		}
	}
	return best
}

// dayMonth reads 24 Nov 2026, 24th of November, 24. November, 3-5 December.
func (d *dater) dayMonth(i int) (r reading, next int, ok bool) {
	day, j := d.dayNumber(i)
	if day == 0 {
		return r, i, false
	}
	last := 0
	if k := d.skip(j, "-", "to", "until", "thru", "through", "bis", "and", "und", "&", "/"); k > j {
		if n, after := d.dayNumber(d.skip(k, "zum", "the")); n > day && d.monthAt(after) > 0 {
			last, j = n, after
		}
	}
	k := d.skip(d.skip(j, "-", "."), "of")
	m := d.monthAt(j)
	if m == 0 {
		return d.ofPeriod(day, i, k)
	}
	t := d.at(k)
	next = k + 1
	if d.is(next, ".") && d.at(next).glued && t.end-t.start <= 4 && (d.at(next+1).shape == number || d.at(next+1).text == ",") {
		next++
	}
	year, after := d.yearBehind(next)
	if t.lex.weak && !t.upper && year == 0 && !d.is(j, "of") {
		return r, i, false // "the 24 may"
	}
	return d.named(m, day, last, year, after)
}

// ofPeriod reads what stands behind the number of a day or a quarter: "20th of
// next month", "4th quarter 2026".
func (d *dater) ofPeriod(n, i, k int) (r reading, next int, ok bool) {
	if u := d.at(k); u.lex.class == unit && u.lex.n == unitQuarter && k > i+1 && n <= 4 {
		return d.quarterOf(n, k+1)
	}
	k = d.skip(k, "the")
	if w := d.at(k); w.lex.class == which && w.lex.n <= 1 && d.is(k+1, "month", "monats") {
		first, _, _ := period(unitMonth, shift(unitMonth, w.lex.n, d.today))
		if !valid(first.Year(), int(first.Month()), n) {
			return r, i, false
		}
		r = days(first.AddDate(0, 0, n-1), 1, "dayofmonth", .9)
		r.relative = true
		return r, k + 2, true
	}
	return r, i, false
}

// monthAt is the month that stands at i, or behind "of" or a hyphen; 0 is none.
func (d *dater) monthAt(i int) int {
	i = d.skip(d.skip(i, "-"), "of")
	if t := d.at(i); t.lex.class == month {
		return t.lex.n
	}
	return 0
}

// dayNumber reads the number of a day with its suffix; 0 is none.
func (d *dater) dayNumber(i int) (day, next int) {
	t := d.at(i)
	if t.shape != number || t.n < 1 || t.n > 31 || t.end-t.start > 2 {
		return 0, i
	}
	next = i + 1
	if d.at(next).glued && d.is(next, "st", "nd", "rd", "th", ".") {
		next++
	}
	return t.n, next
}

// yearBehind reads a year behind a day; 0 is none.
func (d *dater) yearBehind(i int) (year, next int) {
	j := d.skip(d.skip(i, ","), "-", "of")
	j = d.skip(j, "'", "’")
	t := d.at(j)
	switch {
	case t.shape != number:
	case t.end-t.start == 4 && t.n >= 1900 && t.n < 2100:
		return t.n, j + 1
	case t.end-t.start == 2 && d.is(j-1, "'", "’", "-") && t.n < 80 && t.glued:
		return 2000 + t.n, j + 1
	}
	return 0, i
}

// named is the reading of a month by its name with a day, or with several when last is not 0.
func (d *dater) named(m, day, last, year, next int) (r reading, after int, ok bool) {
	rule := "daymonth"
	if year != 0 {
		rule = "daymonthyear"
	} else {
		year = d.nearest(m, day)
	}
	if !valid(year, m, day) || last != 0 && !valid(year, m, last) {
		return r, next, false
	}
	r = days(date(year, time.Month(m), day), 1, rule, .95)
	if last != 0 {
		r.to, r.rule = date(year, time.Month(m), last+1), "range"
	}
	return r, next, true
}

// monthFirstDay reads November 24th, 2026 and what a month means alone.
func (d *dater) monthFirstDay(i int, said bool) (r reading, next int, ok bool) {
	t := d.at(i)
	m := t.lex.n
	j := i + 1
	if d.is(j, ".") && d.at(j).glued && t.end-t.start <= 4 {
		j++
	}
	j = d.skip(j, "-")
	k := d.skip(d.skip(j, "the"), "of")
	day, after := d.dayNumber(k)
	if d.is(after-1, ".") && after > k+1 {
		after--
	}
	ordinal := d.is(after-1, "st", "nd", "rd", "th")
	year, behind := 0, after
	if day == 0 && d.is(k, ",") {
		if n, behind := d.dayNumber(k + 1); n != 0 && d.at(behind).shape != word && d.at(behind).shape != number {
			day, after = n, behind // "August, 20"
			if d.is(after-1, ".") {
				after--
			}
		}
	}
	if day != 0 && !(d.is(after, ":") && d.at(after).glued && d.at(after+1).glued) {
		last := 0
		if e := d.skip(after, "-", "to", "until", "bis", "through", "thru"); e > after {
			if n, to := d.dayNumber(e); n > day && d.at(to).lex.class == none && !(d.is(to, ":") && d.at(to).glued) {
				last, after = n, to
				if d.is(after-1, ".") {
					after--
				}
			}
		}
		year, behind = d.yearBehind(after)
		if t.lex.weak && !t.upper && year == 0 && !ordinal {
			return r, i, false // "may 3 of us"
		}
		if w := d.at(after); year == 0 && !ordinal && w.shape == number && !w.glued && !d.is(after+1, ":") && !said {
			return r, i, false
		}
		return d.named(m, day, last, year, behind)
	}
	if year, behind = d.yearBehind(k); year != 0 && (t.upper || !t.lex.weak) && year >= 1900 {
		return reading{from: date(year, time.Month(m), 1), to: date(year, time.Month(m)+1, 1), grain: Month, rule: "month.year", score: .9}, behind, true
	}
	if !said || !t.upper || t.text == "mar" || t.text == "jan" && d.at(i+1).upper {
		return r, i, false
	}
	year = d.nearest(m, 15)
	if y, n := d.today.Year(), d.today.Month(); time.Month(m) == n {
		year = y
	}
	r = reading{from: date(year, time.Month(m), 1), to: date(year, time.Month(m)+1, 1), grain: Month, rule: "month", score: .8, relative: true}
	return r, i + 1, true
}

// counted reads "in two weeks", "within 48 hours", "two business days", "3
// days ago", "vor zwei Wochen", "in the next 5 days".
func (d *dater) counted(i int, said bool) (r reading, next int, ok bool) {
	j := i
	if d.is(j, "half", "in") && (d.is(j, "half") || d.is(j+1, "half")) {
		return d.halfHour(i)
	}
	within := d.is(j, "within", "innerhalb", "binnen")
	ahead := d.is(j, "in")
	ago := d.is(j, "vor")
	if within || ahead || ago {
		j = d.skip(j+1, "von", "about", "around", "ca", "approximately", "etwa")
		k := d.skip(j, "the", "den", "der")
		if t := d.at(k); t.lex.class == which && t.lex.n != 0 {
			if t.lex.n < 0 && !ahead && !within {
				return r, i, false
			}
			if d.numeral(k+1) > 0 && !(d.at(k+1).n < 0 && d.numeral(k+1) == 1) {
				ahead, within, ago = false, t.lex.n > 0, t.lex.n < 0
				j = k + 1
			}
		}
	}
	least := d.numeral(j)
	if least <= 0 || d.is(i-1, "once", "twice", "times", "einmal", "zweimal", "mal") {
		return r, i, false
	}
	n, k := least, j+1
	if d.at(j).text == "couple" {
		k = d.skip(k, "of")
	} else if d.is(k, "couple") {
		n, least, k = 2, 2, d.skip(k+1, "of")
	}
	if e := d.skip(k, "-", "to", "or", "bis", "oder"); e > k {
		if most := d.numeral(e); most > n && !d.at(e).lex.weak {
			n, k = most, e+1
		}
	}
	k = d.skip(k, "full", "more", "short", "-")
	k = d.line(k)
	u, k, ok := d.unit(k)
	if !ok || n > 5000 {
		return r, i, false
	}
	switch {
	case ahead && d.is(k, "ago"):
		return r, i, false // "It came in two weeks ago."
	case within, ahead, ago:
	case d.is(k, "ago"):
		ago, k = true, k+1
	case d.is(k, "from") && d.is(k+1, "now", "today"):
		k += 2
	case d.is(k, "hence"):
		k++
	case d.is(k, "from", "on") && d.at(k+1).lex.class == weekday && (u == unitWeek || u == unitFortnight) && !d.at(k+1).lex.weak:
		r = days(shift(u, n, d.coming(time.Weekday(d.at(k+1).lex.n))), 1, "weekday.in", .85)
		r.relative = true
		return r, k + 2, true
	case u == unitBusinessDay && (said || d.at(j).shape == number || n > 1):
		within = true
	default:
		return r, i, false
	}
	r, ok = d.amount(least, n, u, within, ago)
	return r, k, ok
}

// halfHour reads "in half an hour".
func (d *dater) halfHour(i int) (r reading, next int, ok bool) {
	j := d.skip(d.skip(i, "in"), "about")
	if j == i || !d.is(j, "half") || !d.is(j+1, "an", "a") || !d.is(j+2, "hour") {
		return r, i, false
	}
	r, ok = d.amount(30, 30, unitMinute, false, false)
	return r, j + 3, ok
}

// numeral is the number that a token says; 0 is none.
func (d *dater) numeral(i int) int {
	t := d.at(i)
	switch {
	case t.shape == number && t.n > 0:
		return t.n
	case t.lex.class == numeral:
		return t.lex.n
	}
	return 0
}

// unit reads what is counted.
func (d *dater) unit(i int) (u, next int, ok bool) {
	if d.is(i, "business", "working", "work") && d.is(i+1, "day", "days", "hours") {
		if d.is(i+1, "hours") {
			return 0, i, false
		}
		return unitBusinessDay, i + 2, true
	}
	if d.is(i, "calendar") && d.is(i+1, "days", "day") {
		return unitDay, i + 2, true
	}
	t := d.at(i)
	if t.lex.class == unit && t.lex.n != unitWeekend {
		return t.lex.n, i + 1, true
	}
	return 0, i, false
}

// amount is what is n units ahead, or not farther than that, or ago. Hours
// and minutes are counted as they pass, all else as days on the wall.
func (d *dater) amount(least, n, u int, within, ago bool) (r reading, ok bool) {
	rule := "in"
	switch {
	case within:
		rule = "within"
	case ago:
		rule = "ago"
		n, least = -n, -least
	}
	r = reading{rule: rule, score: .9, relative: true}
	switch u {
	case unitMinute, unitHour:
		step := time.Minute
		r.grain = Minute
		if u == unitHour {
			step = time.Hour
		}
		r.absolute = true
		r.from = d.ref.Sent.Add(time.Duration(n) * step)
		r.to = r.from.Add(time.Minute)
		if within {
			r.from, r.to, r.direction, r.grain = d.ref.Sent, r.from, By, Hour
		}
		return r, true
	}
	far := func(n int) time.Time {
		switch u {
		case unitBusinessDay:
			return d.ref.businessDays(d.today, min(n, 400))
		case unitDay:
			return d.today.AddDate(0, 0, n)
		case unitWeek, unitFortnight:
			return shift(u, n, d.today)
		case unitQuarter:
			return months(d.today, 3*n)
		case unitYear:
			return months(d.today, 12*n)
		}
		return months(d.today, n)
	}
	if u == unitBusinessDay {
		r.rule += ".business"
	}
	r.from, r.to, r.grain = far(n), far(n).AddDate(0, 0, 1), Day
	switch {
	case within && least != n:
		r.from = far(least)
		r.direction = By
	case within:
		r.from, r.direction = d.today, By
	case least != n:
		r.from, r.to = minmax(far(least), far(n))
		r.to = r.to.AddDate(0, 0, 1)
	}
	if y := r.from.Year(); y < 1 || y > 9000 || r.to.Year() > 9000 || r.to.Year() < 1 {
		return r, false
	}
	return r, true
}

func minmax(a, b time.Time) (time.Time, time.Time) {
	if b.Before(a) {
		return b, a
	}
	return a, b
}

// months adds n months to a day; of a month that is too short, the last day.
func months(day time.Time, n int) time.Time {
	first := date(day.Year(), day.Month()+time.Month(n), 1)
	return first.AddDate(0, 0, min(day.Day(), first.AddDate(0, 1, -1).Day())-1)
}
