package casework

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Period is a length of time on the calendar: {"years":10} or {"days":90}. The
// zero value is for ever.
type Period struct {
	Years  int `json:"years,omitempty"`
	Months int `json:"months,omitempty"`
	Days   int `json:"days,omitempty"`
}

// The longest period: more is a slip, and a time behind it could not be written.
const maxYears = 1000

// IsZero reports whether the period never ends.
func (p Period) IsZero() bool { return p == Period{} }

func (p Period) valid() bool {
	return p.Years >= 0 && p.Months >= 0 && p.Days >= 0 && p.Years <= maxYears && p.Months <= 12*maxYears && p.Days <= 366*maxYears
}

// End is when a period that began at t has passed, in UTC. Where the month has
// no such day it is the first moment of the next one: a year that began on 29
// February ends with 28 February. So what began later never ends earlier. The
// zero time: never.
func (p Period) End(t time.Time) time.Time {
	if p.IsZero() {
		return time.Time{}
	}
	t = t.UTC()
	first := time.Date(t.Year()+p.Years, t.Month()+time.Month(p.Months), 1, 0, 0, 0, 0, time.UTC)
	next := first.AddDate(0, 1, 0)
	end := first.AddDate(0, 0, t.Day()-1)
	if end.Before(next) {
		next = end.Add(t.Sub(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)))
	}
	return next.AddDate(0, 0, p.Days)
}

// String is the period in words: "10 years", "1 year and 6 months", "for ever".
func (p Period) String() string {
	var words []string
	for _, part := range []struct {
		n    int
		unit string
	}{{p.Years, "year"}, {p.Months, "month"}, {p.Days, "day"}} {
		if part.n > 0 {
			words = append(words, count(part.n, part.unit))
		}
	}
	return or(enumerate(words), "for ever")
}

// Short is what ParsePeriod reads: "10y", "1y6m", "forever".
func (p Period) Short() string {
	text := ""
	for _, part := range []struct {
		n    int
		unit string
	}{{p.Years, "y"}, {p.Months, "m"}, {p.Days, "d"}} {
		if part.n > 0 {
			text += strconv.Itoa(part.n) + part.unit
		}
	}
	return or(text, "forever")
}

// ParsePeriod reads 10y, 18m, 90d, 1y6m, or forever. The error is a *Refusal.
func ParsePeriod(text string) (Period, error) {
	bad := refuse(Invalid, "Keep", "%q is not a period: write one like 10y, 18m, 90d, 1y6m, or forever.", text)
	rest := strings.ToLower(strings.TrimSpace(text))
	if rest == "forever" || rest == "for ever" {
		return Period{}, nil
	}
	var p Period
	for _, part := range []struct {
		unit byte
		to   *int
	}{{'y', &p.Years}, {'m', &p.Months}, {'d', &p.Days}} {
		digits := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
		if digits == "" || len(rest) == len(digits) || rest[len(digits)] != part.unit {
			continue
		}
		n, err := strconv.Atoi(digits)
		if err != nil {
			return Period{}, bad
		}
		*part.to, rest = n, rest[len(digits)+1:]
	}
	if rest != "" || p.IsZero() {
		return Period{}, bad
	}
	return p, checkPeriod(p)
}

func checkPeriod(p Period) error {
	if !p.valid() {
		return refuse(Invalid, "Keep", "A period has at most %s years, and no part of it is negative.", fmt.Sprint(maxYears))
	}
	return nil
}
