package extract

import (
	"time"
)

// Grain is how exact a date is.
type Grain string

// From fine to coarse.
const (
	Minute  Grain = "minute"
	Hour    Grain = "hour"
	Day     Grain = "day"
	Week    Grain = "week"
	Month   Grain = "month"
	Quarter Grain = "quarter"
	Year    Grain = "year"
)

// Direction is on which side of a date something is.
type Direction string

const (
	At     Direction = ""       // In the interval.
	By     Direction = "by"     // Not after the end of the interval: "by Friday", "bis Freitag".
	Before Direction = "before" // Before the interval begins: "before Friday", "vor Freitag".
	After  Direction = "after"  // From the interval on: "after Friday", "ab Freitag".
)

// When is a date as it was written and what it means.
type When struct {
	From      time.Time `json:"from"` // Start of the interval, in the zone that was named or else that of the sender.
	To        time.Time `json:"to"`   // End of the interval, itself outside.
	Grain     Grain     `json:"grain"`
	Direction Direction `json:"direction,omitempty"`
	Basis     time.Time `json:"basis,omitzero"` // The moment it is relative to; zero when the words tell the date alone.
	Zone      string    `json:"zone,omitempty"` // As it was written, e.g. "CET"; "" when none was.
	Text      string    `json:"text"`           // The words, as in Found.Quote.
	Rule      string    `json:"rule"`
	Other     *When     `json:"other,omitempty"` // The second reading of words that have two.
}

// Due is the moment after which what was to be done is late.
func (w When) Due() time.Time {
	if w.Direction == Before || w.Grain == Minute {
		return w.From
	}
	return w.To
}

// Reference is what relative dates are counted from.
type Reference struct {
	// Sent is when the message was sent. Its location is the zone in which the
	// sender's days begin and end.
	Sent time.Time
	// Business tells the days on which work is done, by a moment in them. Nil
	// means Monday to Friday.
	Business func(day time.Time) bool
	// DayEnd is when a business day ends, by the clock on the wall; default 17 h.
	DayEnd time.Duration
}

func (r Reference) dayEnd() time.Duration {
	if r.DayEnd <= 0 || r.DayEnd > 24*time.Hour {
		return 17 * time.Hour
	}
	return r.DayEnd
}

// isBusiness asks about a day of the wall clock.
func (r Reference) isBusiness(day time.Time) bool {
	if r.Business == nil {
		return day.Weekday() != time.Saturday && day.Weekday() != time.Sunday
	}
	return r.Business(time.Date(day.Year(), day.Month(), day.Day(), 12, 0, 0, 0, r.Sent.Location()))
}

// maxFree is how many days in a row no work may be done before they are
// counted all the same.
const maxFree = 60

// businessDays adds n business days to a day of the wall clock; n may be negative.
func (r Reference) businessDays(day time.Time, n int) time.Time {
	step := 1
	if n < 0 {
		step, n = -1, -n
	}
	for ; n > 0; n-- {
		next := day.AddDate(0, 0, step)
		for i := 0; i < maxFree && !r.isBusiness(next); i++ {
			next = next.AddDate(0, 0, step)
		}
		day = next
	}
	return day
}

// summer is a rule for daylight saving time.
type summer uint8

const (
	noSummer summer = iota
	european        // Directive 2000/84/EC: last Sunday of March and of October, 01:00 UTC.
	american        // Energy Policy Act of 2005: second Sunday of March, first of November, 02:00.
)

// zones are the names of time zones that people write. The rules stand here
// since the data of the system change with it.
var zones = []struct {
	words  []string
	weak   bool          // Another word, unless it is written in upper case.
	offset time.Duration // East of UTC, in winter.
	summer summer        // Of a name that means the clock on the wall all year.
	other  summer        // By which a name of winter time is used in summer, too, by mistake.
}{
	{[]string{"utc", "gmt", "z"}, true, 0, noSummer, noSummer},
	{[]string{"cet", "mez"}, true, time.Hour, noSummer, european},
	{[]string{"cest", "mesz"}, true, 2 * time.Hour, noSummer, noSummer},
	{[]string{"bst"}, true, time.Hour, noSummer, noSummer},
	{[]string{"eet"}, true, 2 * time.Hour, noSummer, european},
	{[]string{"eest"}, true, 3 * time.Hour, noSummer, noSummer},
	{[]string{"est"}, true, -5 * time.Hour, noSummer, american},
	{[]string{"edt"}, true, -4 * time.Hour, noSummer, noSummer},
	{[]string{"et", "eastern"}, true, -5 * time.Hour, american, noSummer},
	{[]string{"cst"}, true, -6 * time.Hour, noSummer, american},
	{[]string{"cdt"}, true, -5 * time.Hour, noSummer, noSummer},
	{[]string{"ct"}, true, -6 * time.Hour, american, noSummer},
	{[]string{"mst"}, true, -7 * time.Hour, noSummer, american},
	{[]string{"mdt"}, true, -6 * time.Hour, noSummer, noSummer},
	{[]string{"mt"}, true, -7 * time.Hour, american, noSummer},
	{[]string{"pst"}, true, -8 * time.Hour, noSummer, american},
	{[]string{"pdt"}, true, -7 * time.Hour, noSummer, noSummer},
	{[]string{"pt", "pacific"}, true, -8 * time.Hour, american, noSummer},
	{[]string{"ist"}, true, 5*time.Hour + 30*time.Minute, noSummer, noSummer},
	{[]string{"jst"}, true, 9 * time.Hour, noSummer, noSummer},
	{[]string{"aest"}, true, 10 * time.Hour, noSummer, noSummer},
	{[]string{"aedt"}, true, 11 * time.Hour, noSummer, noSummer},
}

// place is where a clock on the wall hangs.
type place struct {
	name   string // As written; "" is the place of the sender.
	offset time.Duration
	summer summer
	other  summer
}

// moment is when the clock at a place shows a time, which is given as UTC.
func (p place) moment(wall time.Time, sender *time.Location) time.Time {
	if p.name == "" {
		return time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, sender)
	}
	offset := p.offset
	if p.summer.holds(wall, p.offset) {
		offset += time.Hour
	}
	return wall.Add(-offset).In(time.FixedZone(p.name, int(offset/time.Second)))
}

// holds reports whether it is summer by a rule at a time on the wall, where
// the clock is at an offset in winter.
func (s summer) holds(wall time.Time, offset time.Duration) bool {
	var from, to time.Time
	switch year := wall.Year(); s {
	case european:
		from = sunday(year, time.March, 25).Add(time.Hour + offset)
		to = sunday(year, time.October, 25).Add(2*time.Hour + offset)
	case american:
		from = sunday(year, time.March, 8).Add(2 * time.Hour)
		to = sunday(year, time.November, 1).Add(2 * time.Hour)
	default:
		return false
	}
	return !wall.Before(from) && wall.Before(to)
}

// sunday is the first Sunday from a day on.
func sunday(year int, m time.Month, day int) time.Time {
	d := date(year, m, day)
	return d.AddDate(0, 0, (7-int(d.Weekday()))%7)
}

// date is the start of a day on the wall.
func date(year int, m time.Month, day int) time.Time {
	return time.Date(year, m, day, 0, 0, 0, 0, time.UTC)
}

// valid reports whether there is such a day in a year that mail speaks of.
func valid(year, m, day int) bool {
	return year >= 1900 && year <= 2199 && m >= 1 && m <= 12 && day >= 1 && date(year, time.Month(m), day).Day() == day
}

// reading is a date on the wall of the place where it was written.
type reading struct {
	from, to  time.Time // As UTC.
	grain     Grain
	direction Direction
	relative  bool // To when the message was sent.
	absolute  bool // From and to are moments already.
	place     place
	rule      string
	score     float64
	other     *reading
}

// days makes a reading of n days.
func days(from time.Time, n int, rule string, score float64) reading {
	return reading{from: from, to: from.AddDate(0, 0, n), grain: Day, rule: rule, score: score}
}

// when says what a reading means to a reader of the text.
func (r reading) when(text string, ref Reference) When {
	w := When{From: r.from, To: r.to, Grain: r.grain, Direction: r.direction, Zone: r.place.name, Text: text, Rule: r.rule}
	if !r.absolute {
		w.From, w.To = r.place.moment(r.from, ref.Sent.Location()), r.place.moment(r.to, ref.Sent.Location())
	}
	if r.relative {
		w.Basis = ref.Sent
	}
	switch {
	case r.other != nil:
		other := *r.other
		other.direction, other.place, other.other = r.direction, r.place, nil
		o := other.when(text, ref)
		w.Other = &o
	case !r.absolute && r.grain == Minute && r.place.other.holds(r.from, r.place.offset):
		other := r
		other.place.summer, other.place.other = r.place.other, noSummer
		other.rule += ".summer"
		o := other.when(text, ref)
		w.Other = &o
	}
	return w
}
