package casegen

import (
	"fmt"
	"strings"
	"time"
)

// phrase is how people write a date, and what they mean by it. ok is false
// where nobody would write it so on that day.
type phrase struct {
	language string
	use      string // due, ahead or past
	make     func(g *generator, sent time.Time) (text string, r Reading, other *Reading, ok bool)
}

func midnight(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
}

func aDay(t time.Time, direction string) Reading {
	return Reading{midnight(t), midnight(t).AddDate(0, 0, 1), "day", direction}
}

func aMinute(day time.Time, hour, minute int, direction string) Reading {
	at := time.Date(day.Year(), day.Month(), day.Day(), hour, minute, 0, 0, day.Location())
	return Reading{at, at, "minute", direction}
}

// coming is the next day of the week that is not today.
func coming(sent time.Time, day time.Weekday) time.Time {
	return midnight(sent).AddDate(0, 0, (int(day-sent.Weekday())+6)%7+1)
}

func monday(t time.Time) time.Time { return midnight(t).AddDate(0, 0, -(int(t.Weekday())+6)%7) }

func workdays(t time.Time, n int) time.Time {
	for ; n > 0; n-- {
		for t = t.AddDate(0, 0, 1); t.Weekday() == time.Saturday || t.Weekday() == time.Sunday; {
			t = t.AddDate(0, 0, 1)
		}
	}
	return t
}

// ahead is a weekday of this week or the next that is at least two days away,
// so that nobody would say tomorrow; where it is more than six days away, its
// name alone would be the one before.
func (g *generator) ahead(sent time.Time) (time.Time, bool) {
	day := workdays(midnight(sent), 2+g.rand.IntN(2))
	return day, day.Sub(midnight(sent)) < 7*24*time.Hour
}

var germanDays = []string{"Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"}
var germanMonths = []string{"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"}

func german(t time.Time) string { return germanDays[t.Weekday()] }

func ordinal(n int) string {
	end := "th"
	if n/10 != 1 {
		switch n % 10 {
		case 1:
			end = "st"
		case 2:
			end = "nd"
		case 3:
			end = "rd"
		}
	}
	return fmt.Sprint(n, end)
}

// onAhead makes a phrase of a weekday ahead.
func onAhead(text func(day time.Time) string, mean func(day time.Time) Reading) func(*generator, time.Time) (string, Reading, *Reading, bool) {
	return func(g *generator, sent time.Time) (string, Reading, *Reading, bool) {
		day, ok := g.ahead(sent)
		return text(day), mean(day), nil, ok
	}
}

// fixed makes a phrase of a day that is counted from the one of sending.
func fixed(text string, day func(sent time.Time) (Reading, bool)) func(*generator, time.Time) (string, Reading, *Reading, bool) {
	return func(_ *generator, sent time.Time) (string, Reading, *Reading, bool) {
		r, ok := day(sent)
		return text, r, nil, ok
	}
}

// far makes a phrase of a day that is written in full.
func far(days int, text func(day time.Time) string, direction string) func(*generator, time.Time) (string, Reading, *Reading, bool) {
	return func(g *generator, sent time.Time) (string, Reading, *Reading, bool) {
		day := midnight(sent).AddDate(0, 0, days+g.rand.IntN(20))
		if days < 0 {
			day = midnight(sent).AddDate(0, 0, days-g.rand.IntN(20))
		}
		return text(day), aDay(day, direction), nil, day.Year() == sent.Year() || strings.Contains(text(day), fmt.Sprint(day.Year()))
	}
}

// nextDay is where people differ: that of this week that is still ahead, or of the week after.
func nextDay(text func(day time.Time) string, direction string) func(*generator, time.Time) (string, Reading, *Reading, bool) {
	return func(g *generator, sent time.Time) (string, Reading, *Reading, bool) {
		day, ok := g.ahead(sent)
		near, later := aDay(day, direction), aDay(day.AddDate(0, 0, 7), direction)
		if monday(day).After(monday(sent)) { // Not of this week: nobody differs.
			return text(day), near, nil, false
		}
		return text(day), later, &near, ok
	}
}

var phrases = []phrase{
	{"en", "due", onAhead(func(d time.Time) string { return "by " + d.Weekday().String() }, func(d time.Time) Reading { return aDay(d, "by") })},
	{"en", "due", onAhead(func(d time.Time) string { return "by " + d.Weekday().String() }, func(d time.Time) Reading { return aDay(d, "by") })},
	{"en", "due", onAhead(func(d time.Time) string { return "by end of day " + d.Weekday().String() }, func(d time.Time) Reading { return aMinute(d, 17, 0, "by") })},
	{"en", "due", onAhead(func(d time.Time) string { return "by EOD " + d.Weekday().String() }, func(d time.Time) Reading { return aMinute(d, 17, 0, "by") })},
	{"en", "due", onAhead(func(d time.Time) string { return "by " + d.Weekday().String() + " noon" }, func(d time.Time) Reading { return aMinute(d, 12, 0, "by") })},
	{"en", "due", onAhead(func(d time.Time) string { return "before " + d.Weekday().String() }, func(d time.Time) Reading { return aDay(d, "before") })},
	{"en", "due", onAhead(func(d time.Time) string { return "by " + d.Weekday().String() + " the " + ordinal(d.Day()) }, func(d time.Time) Reading { return aDay(d, "by") })},
	{"en", "due", fixed("by tomorrow", func(t time.Time) (Reading, bool) { return aDay(t.AddDate(0, 0, 1), "by"), t.Weekday() < time.Friday })},
	{"en", "due", fixed("tomorrow", func(t time.Time) (Reading, bool) { return aDay(t.AddDate(0, 0, 1), ""), t.Weekday() < time.Friday })},
	{"en", "due", fixed("today", func(t time.Time) (Reading, bool) { return aDay(t, ""), t.Hour() < 12 })},
	{"en", "due", fixed("by the end of the week", func(t time.Time) (Reading, bool) {
		return aDay(coming(t.AddDate(0, 0, -1), time.Friday), "by"), t.Weekday() < time.Thursday
	})},
	{"en", "due", fixed("by the end of the month", func(t time.Time) (Reading, bool) {
		last := time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, t.Location())
		return aDay(last, "by"), last.Day()-t.Day() > 6
	})},
	{"en", "due", fixed("in two business days", func(t time.Time) (Reading, bool) { return aDay(workdays(t, 2), ""), true })},
	{"en", "due", func(g *generator, t time.Time) (string, Reading, *Reading, bool) {
		day := workdays(midnight(t), 5+g.rand.IntN(4))
		return "by the " + ordinal(day.Day()), aDay(day, "by"), nil, day.Month() == t.Month()
	}},
	{"en", "due", far(8, func(d time.Time) string { return "by " + d.Format("2 January") }, "by")},
	{"en", "due", far(8, func(d time.Time) string { return "by " + d.Format("January 2") }, "by")},
	{"en", "due", far(8, func(d time.Time) string { return "no later than " + d.Format("2 January 2006") }, "by")},
	{"en", "due", nextDay(func(d time.Time) string { return "by next " + d.Weekday().String() }, "by")},
	{"en", "due", nextDay(func(d time.Time) string { return "by next " + d.Weekday().String() }, "by")},
	{"en", "due", nextDay(func(d time.Time) string { return "by next " + d.Weekday().String() }, "by")},
	{"en", "due", fixed("next week", func(t time.Time) (Reading, bool) {
		return Reading{monday(t).AddDate(0, 0, 7), monday(t).AddDate(0, 0, 14), "week", ""}, true
	})},

	{"en", "ahead", onAhead(func(d time.Time) string { return "on " + d.Weekday().String() }, func(d time.Time) Reading { return aDay(d, "") })},
	{"en", "ahead", onAhead(func(d time.Time) string { return "on " + d.Weekday().String() + " at 14:00" }, func(d time.Time) Reading { return aMinute(d, 14, 0, "") })},
	{"en", "ahead", onAhead(func(d time.Time) string { return "on " + d.Weekday().String() + " at 9.30" }, func(d time.Time) Reading { return aMinute(d, 9, 30, "") })},
	{"en", "ahead", onAhead(func(d time.Time) string { return "on " + d.Weekday().String() + " at 3 pm" }, func(d time.Time) Reading { return aMinute(d, 15, 0, "") })},
	{"en", "ahead", onAhead(func(d time.Time) string { return "on " + d.Weekday().String() + ", " + d.Format("2 January") }, func(d time.Time) Reading { return aDay(d, "") })},
	{"en", "ahead", nextDay(func(d time.Time) string { return "next " + d.Weekday().String() }, "")},
	{"en", "ahead", nextDay(func(d time.Time) string { return "next " + d.Weekday().String() }, "")},
	{"en", "ahead", nextDay(func(d time.Time) string { return "next " + d.Weekday().String() }, "")},
	{"en", "ahead", far(8, func(d time.Time) string { return "on " + d.Format("2 January") }, "")},
	{"en", "ahead", far(8, func(d time.Time) string { return "on " + d.Format("January 2, 2006") }, "")},
	{"en", "ahead", far(8, func(d time.Time) string { return "on " + d.Format("2006-01-02") }, "")},
	{"en", "ahead", far(13, func(d time.Time) string { return "from " + d.Format("2 January") + " on" }, "after")},
	{"en", "ahead", fixed("next month", func(t time.Time) (Reading, bool) {
		first := time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, t.Location())
		return Reading{first, first.AddDate(0, 1, 0), "month", ""}, true
	})},
	{"en", "ahead", func(_ *generator, t time.Time) (string, Reading, *Reading, bool) {
		first := time.Date(t.Year()+1, 1, 1, 0, 0, 0, 0, t.Location())
		return fmt.Sprint("in Q1 ", t.Year()+1), Reading{first, first.AddDate(0, 3, 0), "quarter", ""}, nil, true
	}},
	// Day and month, or month and day: nobody outside of the company can know.
	{"en", "ahead", func(g *generator, t time.Time) (string, Reading, *Reading, bool) {
		day := midnight(t).AddDate(0, 0, 8+g.rand.IntN(20))
		other := time.Date(day.Year(), time.Month(day.Day()), int(day.Month()), 0, 0, 0, 0, t.Location())
		o := aDay(other, "")
		return "on " + day.Format("01/02/2006"), aDay(day, ""), &o, day.Day() <= 12 && day.Day() != int(day.Month()) && t.Location().String() == "America/Chicago"
	}},

	{"en", "past", fixed("yesterday", func(t time.Time) (Reading, bool) { return aDay(t.AddDate(0, 0, -1), ""), t.Weekday() > time.Monday })},
	{"en", "past", fixed("this morning", func(t time.Time) (Reading, bool) {
		return Reading{aMinute(t, 6, 0, "").From, aMinute(t, 12, 0, "").From, "hour", ""}, t.Hour() >= 10
	})},
	{"en", "past", far(-4, func(d time.Time) string { return "on " + d.Format("2 January") }, "")},
	{"en", "past", far(-4, func(d time.Time) string { return "on " + d.Format("Jan 2, 2006") }, "")},
	{"en", "past", fixed("last week", func(t time.Time) (Reading, bool) {
		return Reading{monday(t).AddDate(0, 0, -7), monday(t), "week", ""}, true
	})},
	{"en", "past", fixed("two weeks ago", func(t time.Time) (Reading, bool) { return aDay(t.AddDate(0, 0, -14), ""), true })},

	{"en", "ago", fixed("a minute ago", func(t time.Time) (Reading, bool) {
		t = t.Add(-time.Minute)
		return aMinute(t, t.Hour(), t.Minute(), ""), true
	})},

	{"de", "due", onAhead(func(d time.Time) string { return "bis " + german(d) }, func(d time.Time) Reading { return aDay(d, "by") })},
	{"de", "due", onAhead(func(d time.Time) string { return "bis " + german(d) + " 12 Uhr" }, func(d time.Time) Reading { return aMinute(d, 12, 0, "by") })},
	{"de", "due", onAhead(func(d time.Time) string { return "bis spätestens " + german(d) }, func(d time.Time) Reading { return aDay(d, "by") })},
	{"de", "due", fixed("bis morgen", func(t time.Time) (Reading, bool) { return aDay(t.AddDate(0, 0, 1), "by"), t.Weekday() < time.Friday })},
	{"de", "due", fixed("bis Ende der Woche", func(t time.Time) (Reading, bool) {
		return aDay(coming(t.AddDate(0, 0, -1), time.Friday), "by"), t.Weekday() < time.Thursday
	})},
	{"de", "due", far(8, func(d time.Time) string { return "bis zum " + d.Format("02.01.2006") }, "by")},
	{"de", "due", far(8, func(d time.Time) string { return fmt.Sprintf("bis zum %d. %s", d.Day(), germanMonths[d.Month()-1]) }, "by")},
	{"de", "ahead", onAhead(func(d time.Time) string { return "am " + german(d) }, func(d time.Time) Reading { return aDay(d, "") })},
	{"de", "ahead", onAhead(func(d time.Time) string { return "am " + german(d) + " um 14 Uhr" }, func(d time.Time) Reading { return aMinute(d, 14, 0, "") })},
	{"de", "ahead", far(8, func(d time.Time) string { return "am " + d.Format("02.01.2006") }, "")},
	{"de", "ahead", far(13, func(d time.Time) string { return fmt.Sprintf("ab dem %d. %s", d.Day(), germanMonths[d.Month()-1]) }, "after")},
	{"de", "ahead", fixed("nächste Woche", func(t time.Time) (Reading, bool) {
		return Reading{monday(t).AddDate(0, 0, 7), monday(t).AddDate(0, 0, 14), "week", ""}, true
	})},
	{"de", "past", fixed("gestern", func(t time.Time) (Reading, bool) { return aDay(t.AddDate(0, 0, -1), ""), t.Weekday() > time.Monday })},
	{"de", "past", far(-4, func(d time.Time) string { return fmt.Sprintf("am %d. %s", d.Day(), germanMonths[d.Month()-1]) }, "")},
	{"de", "past", far(-4, func(d time.Time) string { return "am " + d.Format("02.01.2006") }, "")},
}

// phrase draws a date for a use.
func (g *generator) phrase(language, use string, sent time.Time) (string, Reading, *Reading) {
	for {
		p := pick(g, phrases)
		if p.language != language || p.use != use {
			continue
		}
		if text, r, other, ok := p.make(g, sent); ok {
			return text, r, other
		}
	}
}

// due is the moment after which something is late.
func (r Reading) due() time.Time {
	if r.Direction == "before" || r.Grain == "minute" {
		return r.From
	}
	return r.To
}
