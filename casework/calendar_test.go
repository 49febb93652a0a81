package casework

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// officeHours are those of a support team in Bremen: lunch is off, Saturdays
// are short.
func officeHours() Hours {
	day := []Shift{{"09:00", "12:30"}, {"13:30", "17:30"}}
	return Hours{Mon: day, Tue: day, Wed: day, Thu: day, Fri: day, Sat: []Shift{{"10:00", "12:00"}}}
}

func bremen(t testing.TB, hours Hours, holidays ...Holiday) Calendar {
	t.Helper()
	return calendarIn(t, "Europe/Berlin", hours, holidays...)
}

func calendarIn(t testing.TB, zone string, hours Hours, holidays ...Holiday) Calendar {
	t.Helper()
	c, err := NewCalendar(zone, hours, holidays)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// around is the same hours on every day.
func around(shifts ...Shift) Hours {
	return Hours{shifts, shifts, shifts, shifts, shifts, shifts, shifts}
}

// wall is a time by the clock on the wall in a zone: "2026-11-03 09:00".
func wall(t testing.TB, zone, text string) time.Time {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", text, loc)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func berlin(t testing.TB, text string) time.Time { t.Helper(); return wall(t, "Europe/Berlin", text) }

func TestESC8_BusinessTimeIsCountedInOpenHoursOnly(t *testing.T) {
	c := bremen(t, officeHours())
	for _, x := range []struct {
		from string
		add  time.Duration
		want string
	}{
		{"2026-11-03 09:00", 0, "2026-11-03 09:00"},
		{"2026-11-03 09:00", 3*time.Hour + 30*time.Minute, "2026-11-03 12:30"}, // Its end, not the end of lunch.
		{"2026-11-03 09:00", 3*time.Hour + 31*time.Minute, "2026-11-03 13:31"},
		{"2026-11-03 12:45", time.Hour, "2026-11-03 14:30"},
		{"2026-11-03 17:00", time.Hour, "2026-11-04 09:30"},
		{"2026-11-06 17:00", time.Hour, "2026-11-07 10:30"}, // Friday to Saturday.
		{"2026-11-07 11:00", 2 * time.Hour, "2026-11-09 10:00"},
		{"2026-11-08 03:00", time.Minute, "2026-11-09 09:01"},
	} {
		from := berlin(t, x.from)
		if got := c.Add(from, x.add); !got.Equal(berlin(t, x.want)) {
			t.Errorf("%s and %s are %s, want %s", x.from, x.add, got.In(from.Location()), x.want)
		}
		if got := c.Between(from, berlin(t, x.want)); got != x.add {
			t.Errorf("between %s and %s are %s, want %s", x.from, x.want, got, x.add)
		}
	}
	for text, want := range map[string]string{
		"2026-11-03 09:00": "2026-11-03 09:00", "2026-11-03 12:30": "2026-11-03 13:30",
		"2026-11-07 12:00": "2026-11-09 09:00", "2026-11-08 00:00": "2026-11-09 09:00",
	} {
		if got := c.Next(berlin(t, text)); !got.Equal(berlin(t, want)) || c.Open(berlin(t, text)) != (text == want) {
			t.Errorf("after %s it is open at %s, want %s", text, got, want)
		}
	}
}

// The clock on the wall decides in the nights in which it is changed.
func TestESC8_DST(t *testing.T) {
	night, day := bremen(t, around(Shift{"22:00", "06:00"})), bremen(t, around(Shift{"09:00", "17:00"}))
	gap := bremen(t, around(Shift{"02:15", "02:45"}))
	half := calendarIn(t, "Australia/Lord_Howe", around(Shift{"01:00", "03:00"})) // Changes by half an hour.
	late := calendarIn(t, "America/Havana", around(Shift{"00:00", "08:00"}))      // Changes at midnight.
	for _, c := range []struct {
		what     string
		c        Calendar
		zone     string
		from, to string
		want     time.Duration
	}{
		{"a usual night", night, "Europe/Berlin", "2026-03-27 20:00", "2026-03-28 20:00", 8 * time.Hour},
		{"the short night", night, "Europe/Berlin", "2026-03-28 20:00", "2026-03-29 20:00", 7 * time.Hour},
		{"the long night", night, "Europe/Berlin", "2026-10-24 20:00", "2026-10-25 20:00", 9 * time.Hour},
		{"a day in summer after the short night", day, "Europe/Berlin", "2026-03-29 00:00", "2026-03-30 00:00", 8 * time.Hour},
		{"hours that are left out", gap, "Europe/Berlin", "2026-03-29 00:00", "2026-03-30 00:00", 0},
		{"hours that come twice", gap, "Europe/Berlin", "2026-10-25 00:00", "2026-10-26 00:00", time.Hour},
		{"half an hour is left out", half, "Australia/Lord_Howe", "2026-10-04 00:00", "2026-10-05 00:00", 90 * time.Minute},
		{"half an hour comes twice", half, "Australia/Lord_Howe", "2026-04-05 00:00", "2026-04-06 00:00", 150 * time.Minute},
		{"midnight is left out", late, "America/Havana", "2026-03-07 12:00", "2026-03-08 12:00", 7 * time.Hour},
	} {
		from, to := wall(t, c.zone, c.from), wall(t, c.zone, c.to)
		if got := c.c.Between(from, to); got != c.want {
			t.Errorf("%s has %s, want %s", c.what, got, c.want)
		}
	}
	if got, want := day.Add(berlin(t, "2026-03-28 16:00"), 2*time.Hour), berlin(t, "2026-03-29 10:00"); !got.Equal(want) {
		t.Errorf("over the short night: %s, want %s", got, want)
	}
	if got, want := day.Next(berlin(t, "2026-10-24 17:00")), berlin(t, "2026-10-25 09:00"); !got.Equal(want) {
		t.Errorf("after the long night it opens at %s, want %s", got, want)
	}
}

func TestESC8_Holidays(t *testing.T) {
	c := bremen(t, officeHours(), Holiday{"2026-12-24", "Christmas Eve", []Shift{{"09:00", "12:00"}}}, Holiday{Day: "2026-12-25", Name: "Christmas"}, Holiday{Day: "2026-12-26"})
	if got, want := c.Between(berlin(t, "2026-12-24 00:00"), berlin(t, "2026-12-27 00:00")), 3*time.Hour; got != want {
		t.Errorf("over Christmas people work for %s, want %s", got, want)
	}
	if got, want := c.Add(berlin(t, "2026-12-24 11:00"), 2*time.Hour), berlin(t, "2026-12-28 10:00"); !got.Equal(want) {
		t.Errorf("two hours from Christmas Eve are over at %s, want %s", got, want)
	}
	night := bremen(t, around(Shift{"22:00", "06:00"}), Holiday{Day: "2026-12-25"})
	for text, open := range map[string]bool{"2026-12-25 05:59": true, "2026-12-25 06:00": false, "2026-12-25 23:00": false, "2026-12-26 05:00": false, "2026-12-26 22:00": true} {
		if night.Open(berlin(t, text)) != open {
			t.Errorf("the night shift at %s: open is %v", text, !open)
		}
	}
	extra := bremen(t, Hours{Mon: []Shift{{"09:00", "10:00"}}}, Holiday{"2026-11-08", "Inventory", []Shift{{"20:00", "02:00"}}})
	if got, want := extra.Between(berlin(t, "2026-11-08 00:00"), berlin(t, "2026-11-10 00:00")), 7*time.Hour; got != want {
		t.Errorf("a Sunday with hours of its own has %s, want %s", got, want)
	}
}

func TestCalendarsThatCannotBeAreRefused(t *testing.T) {
	nine := []Shift{{"09:00", "17:00"}}
	for _, c := range []struct {
		zone     string
		hours    Hours
		holidays []Holiday
		field    string
		word     string
	}{
		{"Europe/Berlin", Hours{}, nil, "Hours", "never open"},
		{"Europe/Berlin", Hours{}, []Holiday{{Day: "2026-12-24", Hours: nine}}, "Hours", "never open"},
		{"", Hours{Mon: nine}, nil, "Zone", "Europe/Berlin"},
		{"Local", Hours{Mon: nine}, nil, "Zone", "Local"},
		{"Mars/Olympus", Hours{Mon: nine}, nil, "Zone", "Mars/Olympus"},
		{"UTC", Hours{Tue: []Shift{{"9:00", "17:00"}}}, nil, "Hours", "Tuesday"},
		{"UTC", Hours{Tue: []Shift{{"24:00", "01:00"}}}, nil, "Hours", "24:00"},
		{"UTC", Hours{Tue: []Shift{{"09:00", "24:01"}}}, nil, "Hours", "24:01"},
		{"UTC", Hours{Tue: []Shift{{"09:60", "12:00"}}}, nil, "Hours", "09:60"},
		{"UTC", Hours{Tue: []Shift{{"+9:00", "12:00"}}}, nil, "Hours", "+9:00"},
		{"UTC", Hours{Tue: []Shift{{"09:00", "09:00"}}}, nil, "Hours", "00:00 to 24:00"},
		{"UTC", Hours{Tue: []Shift{{"09:00", "12:00"}, {"11:59", "13:00"}}}, nil, "Hours", "overlap"},
		{"UTC", Hours{Tue: slices.Repeat(nine, 11)}, nil, "Hours", "11"},
		{"UTC", Hours{Tue: nine}, []Holiday{{Day: "24.12.2026"}}, "Holidays", "24.12.2026"},
		{"UTC", Hours{Tue: nine}, []Holiday{{Day: "2026-12-24"}, {Day: "2026-12-24"}}, "Holidays", "twice"},
		{"UTC", Hours{Tue: nine}, []Holiday{{Day: "2026-12-24", Name: "a\nb"}}, "Holidays", "line"},
		{"UTC", Hours{Tue: nine}, []Holiday{{Day: "2026-12-24", Hours: []Shift{{"09:00", ""}}}}, "Holidays", "2026-12-24"},
		{"UTC", Hours{Tue: nine}, make([]Holiday, 1001), "Holidays", "1001"},
	} {
		_, err := NewCalendar(c.zone, c.hours, c.holidays)
		var r *Refusal
		if !errors.As(err, &r) || r.Code != Invalid || r.Field != c.field || !strings.Contains(r.Text, c.word) {
			t.Errorf("%s %v %.60v: %v, want a refusal of %s", c.zone, c.hours, c.holidays, err, c.field)
		}
	}
	never := Calendar{Zone: "UTC"}
	if never.Open(start) || !never.Next(start).IsZero() || !never.Add(start, time.Minute).IsZero() || never.Between(start, start.AddDate(1, 0, 0)) != 0 {
		t.Error("a calendar without hours is open")
	}
}

// Times that no calendar of people reaches end the counting, and take no time.
func TestCalendarsEndCountingSomewhere(t *testing.T) {
	c := bremen(t, officeHours())
	far := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	if c.Open(far) || !c.Next(far).IsZero() || !c.Add(start, 1<<62).IsZero() || c.Between(far, far.AddDate(1, 0, 0)) != 0 {
		t.Error("people work in the year 9999")
	}
	if got := c.Between(time.Time{}, time.Unix(0, 0)); got != 0 {
		t.Errorf("before 1970 people worked for %s", got)
	}
}

// wallOpen says it once more, as slowly and obviously as can be.
func wallOpen(c Calendar, t time.Time) bool {
	t = t.In(c.week.zone)
	clock := t.Format("15:04")
	y, m, d := t.Date()
	within := func(day time.Time, today bool) bool {
		hours := c.Hours.on(day.Weekday())
		for _, h := range c.Holidays {
			if h.Day == day.Format(time.DateOnly) {
				hours = h.Hours
			}
		}
		for _, s := range hours {
			over := s[1] < s[0]
			switch {
			case today && clock >= s[0] && (over || clock < s[1]), !today && over && clock < s[1]:
				return true
			}
		}
		return false
	}
	today := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	return within(today, true) || within(today.AddDate(0, 0, -1), false)
}

// drawCalendar is any calendar around some days.
func drawCalendar(t *rapid.T, near time.Time) Calendar {
	zone := rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"}).Draw(t, "zone")
	day := rapid.SampledFrom([][]Shift{nil, {{"09:00", "17:30"}}, {{"08:00", "12:00"}, {"13:00", "16:45"}}, {{"22:00", "06:00"}}, {{"00:00", "24:00"}}, {{"01:30", "02:20"}, {"02:40", "01:00"}}})
	h := Hours{Wed: []Shift{{"10:00", "11:00"}}}
	for _, d := range []*[]Shift{&h.Mon, &h.Tue, &h.Thu, &h.Fri, &h.Sat, &h.Sun} {
		*d = day.Draw(t, "hours")
	}
	var off []Holiday
	for n := range rapid.IntRange(0, 3).Draw(t, "holidays") {
		off = append(off, Holiday{near.AddDate(0, 0, 2*n).Format(time.DateOnly), "", day.Draw(t, "holiday")})
	}
	c, err := NewCalendar(zone, h, off)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// drawNear is a time near which clocks are changed, or not.
func drawNear(t *rapid.T) time.Time {
	day := rapid.SampledFrom([]string{"2026-03-07", "2026-03-28", "2026-04-04", "2026-10-03", "2026-10-24", "2026-10-31", "2026-06-10"}).Draw(t, "near")
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// Counting with a calendar is counting minutes in which it is open.
func TestCalendarCountsOpenMinutes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		near := drawNear(t)
		c := drawCalendar(t, near)
		from := near.Add(time.Duration(rapid.IntRange(0, 2500).Draw(t, "from")) * time.Minute)
		to := from.Add(time.Duration(rapid.IntRange(0, 2500).Draw(t, "to")) * time.Minute)
		minutes, next := 0, time.Time{}
		for at := from; at.Before(to); at = at.Add(time.Minute) {
			open := wallOpen(c, at)
			if open != c.Open(at) {
				t.Fatalf("at %s it is open: %v", at, c.Open(at))
			}
			if open {
				minutes++
				if next.IsZero() {
					next = at
				}
			}
		}
		worked := time.Duration(minutes) * time.Minute
		if got := c.Between(from, to); got != worked {
			t.Fatalf("between %s and %s are %s, want %s", from, to, got, worked)
		}
		if got := c.Next(from); !next.IsZero() && !got.Equal(next) {
			t.Fatalf("after %s it is open at %s, want %s", from, got, next)
		}
		if end := c.Add(from, worked); end.After(to) || c.Between(from, end) != worked || worked > 0 && c.Between(from, end.Add(-time.Second)) == worked {
			t.Fatalf("%s after %s is %s", worked, from, end)
		}
	})
}
