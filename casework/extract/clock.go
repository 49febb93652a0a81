package extract

import "time"

// clock is a time on the wall, counted from the start of a day.
type clock struct {
	from, to time.Duration
	place    place
	sure     bool // Nothing else is written so.
	seconds  bool // With seconds, as programs write it.
	half     bool // It says which half of the day.
}

// clock reads a time of day, and its zone. Said means that words before it
// tell that a time comes.
func (d *dater) clock(i int, said bool) (c clock, next int, ok bool) {
	t := d.at(i)
	if t.lex.class == noon {
		from := time.Duration(t.lex.n) * time.Hour
		if t.lex.weak && (i == 0 || d.at(i-1).lex.class != relative && d.at(i-1).lex.class != weekday) {
			return c, i, false // "Mittag" may be a meal.
		}
		c = clock{from: from, to: from + time.Minute, sure: said, half: true}
		c.place, next = d.place(i + 1)
		return c, next, true
	}
	minutes, next, half, ok := d.hour(i)
	if !ok {
		return c, i, false
	}
	colon := d.is(i+1, ":", ".") && next > i+2
	seconds := d.is(next, ":")
	if seconds && d.at(next).glued && d.at(next+1).shape == number && d.at(next+1).glued {
		c.seconds = true
		next += 2
	}
	// "3-4pm", "10:00 to 11:30".
	last, after := 0, next
	if e := d.skip(next, "-", "to", "through", "until", "bis", "and", "und"); e > next {
		m, behind, half2, ok := d.hour(e)
		if ok && (half2 != 0 || d.is(behind, "uhr") || colon && d.is(e+1, ":")) {
			if half == 0 && half2 != 0 {
				minutes = halved(minutes, half2)
				half = half2
			}
			last, after = halved(m, half2), behind
		}
	}
	minutes = halved(minutes, half)
	next = after
	uhr := d.is(next, "uhr")
	if uhr {
		next++
		if t := d.at(next); t.shape == number && t.n < 60 && t.end-t.start == 2 && !colon {
			minutes, next = minutes+t.n, next+1
		}
	}
	clock := d.is(next, "o'clock")
	next = d.skip(next, "o'clock")
	c.sure, c.half = half != 0 || uhr || clock, half != 0
	if !c.sure && !(said && colon) {
		return c, i, false
	}
	if minutes >= 24*60+1 {
		return c, i, false
	}
	c.from = time.Duration(minutes) * time.Minute
	c.to = c.from + time.Minute
	if last > minutes {
		c.to = time.Duration(last) * time.Minute
	}
	c.place, next = d.place(next)
	return c, next, true
}

// Halves of the day.
const (
	am = 1
	pm = 2
)

// halved turns minutes of a twelve hour clock into those of the day.
func halved(minutes, half int) int {
	switch {
	case half == am && minutes >= 12*60 && minutes < 13*60:
		return minutes - 12*60
	case half == pm && minutes < 12*60:
		return minutes + 12*60
	}
	return minutes
}

// hour reads "15:30", "3pm", "3 p.m." and the hour alone, in minutes.
func (d *dater) hour(i int) (minutes, next, half int, ok bool) {
	t := d.at(i)
	if t.shape != number || t.n < 0 || t.n > 24 || t.end-t.start > 2 {
		return 0, i, 0, false
	}
	minutes, next = t.n*60, i+1
	m := d.at(i + 2)
	if d.is(next, ":", ".") && d.at(next).glued && m.glued && m.shape == number && m.end-m.start == 2 && m.n < 60 {
		if d.is(next, ":") || d.is(i+3, "uhr", "am", "pm") || d.pointed(i) {
			minutes, next = minutes+m.n, i+3
		}
	}
	switch {
	case d.is(next, "am"):
		// "um 3 am Montag" is German.
		if !d.at(next).glued && d.at(next+1).lex.class == weekday && d.is(i-1, "um", "bis") {
			break
		}
		half, next = am, next+1
	case d.is(next, "pm"):
		half, next = pm, next+1
	case d.is(next, "a", "p") && d.is(next+1, ".") && d.is(next+2, "m") && d.at(next+1).glued && d.at(next+2).glued:
		half = am
		if d.is(next, "p") {
			half = pm
		}
		next += 3
		if d.is(next, ".") && d.at(next).glued && d.at(next+1).shape != newline {
			next++
		}
	}
	if half != 0 && (t.n > 12 || t.n == 0) {
		half = 0
	}
	return minutes, next, half, true
}

// pointed reports whether "9.30" is a time and no price: it stands behind "at"
// and a day, and before nothing that is measured.
func (d *dater) pointed(i int) bool {
	day := d.at(i - 2).lex.class
	return d.is(i-1, "at", "um") && (day == weekday || day == relative) && !d.is(i+3, "euro", "euros", "eur", "usd", "$", "€", "%", "percent", "prozent", "per", "pro", "each", "a", "je", "v", "bar", "mm", "m", "kg")
}

// place reads a time zone; without one it is that of the sender.
func (d *dater) place(i int) (place, int) {
	j := d.skip(i, "(")
	t := d.at(j)
	if t.lex.class == zone {
		z := zones[t.lex.n]
		if t.shape == word && (t.upper && isUpper(d.text[t.start:t.end]) || !z.weak || t.text == "pacific" || t.text == "eastern") {
			p := place{name: d.text[t.start:t.end], offset: z.offset, summer: z.summer, other: z.other}
			next := j + 1
			if t.text == "utc" || t.text == "gmt" {
				if o, after, ok := d.offset(next); ok {
					p.name, p.offset, next = d.text[t.start:d.tokens[after-1].end], o, after
				}
			}
			if t.text == "pacific" || t.text == "eastern" {
				next = d.skip(next, "time")
			}
			return p, d.closed(i, j, next)
		}
	}
	if o, after, ok := d.offset(i); ok && d.at(i+1).end-d.at(i+1).start == 4 {
		return place{name: d.text[t.start:d.tokens[after-1].end], offset: o}, after
	}
	return place{}, i
}

// closed skips the bracket behind a zone that stands in brackets.
func (d *dater) closed(i, j, next int) int {
	if j > i {
		return d.skip(next, ")")
	}
	return next
}

// offset reads "+2", "+02:00" or "+0200".
func (d *dater) offset(i int) (o time.Duration, next int, ok bool) {
	h := d.at(i + 1)
	if !d.is(i, "+", "-") || h.shape != number || !h.glued {
		return 0, i, false
	}
	next = i + 2
	switch {
	case h.end-h.start == 4 && h.n%100 < 60 && h.n < 1500:
		o = time.Duration(h.n/100)*time.Hour + time.Duration(h.n%100)*time.Minute
	case h.end-h.start <= 2 && h.n <= 14:
		o = time.Duration(h.n) * time.Hour
		if m := d.at(i + 3); d.is(i+2, ":") && m.shape == number && m.n < 60 && m.glued {
			o, next = o+time.Duration(m.n)*time.Minute, i+4
		}
	default:
		return 0, i, false
	}
	if d.is(i, "-") {
		o = -o
	}
	return o, next, true
}

func isUpper(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 'a' && s[i] <= 'z' {
			return false
		}
	}
	return true
}
