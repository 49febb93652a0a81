package casework

import (
	"cmp"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // A small machine may have no zone database.
)

// Calendar says when people are at work.
//
// It goes by the clock on their wall: at any moment it is open when that clock
// shows a time within the hours of that day. In the night in which an hour is
// left out, hours within it do not exist; an hour that comes twice is worked
// twice. Times count to the second, and those before 1970 and after 2200 as
// these years.
//
// The zero value is never open. NewCalendar checks one; a literal is checked at
// each use, and is never open when it cannot be used.
type Calendar struct {
	Zone     string    `json:"zone"` // Of the IANA database: "Europe/Berlin".
	Hours    Hours     `json:"hours"`
	Holidays []Holiday `json:"holidays,omitempty"`

	week *workWeek // What it says, once it was checked; never changed.
}

// Hours are the hours of each day of a week; a day without any is closed.
type Hours struct {
	Mon []Shift `json:"mon,omitempty"`
	Tue []Shift `json:"tue,omitempty"`
	Wed []Shift `json:"wed,omitempty"`
	Thu []Shift `json:"thu,omitempty"`
	Fri []Shift `json:"fri,omitempty"`
	Sat []Shift `json:"sat,omitempty"`
	Sun []Shift `json:"sun,omitempty"`
}

// on lists the hours that begin on a day of the week.
func (h Hours) on(day time.Weekday) []Shift {
	return [7][]Shift{h.Sun, h.Mon, h.Tue, h.Wed, h.Thu, h.Fri, h.Sat}[day]
}

// Shift is from when to when people work, by the clock on their wall:
// ["09:00","17:30"]. It belongs to the day on which it begins, and one that ends
// no later than it begins ends on the next day: ["22:00","06:00"]. "24:00" is the
// end of a day.
type Shift [2]string

// Holiday is a day with hours of its own. A shift that began on the day before
// goes on to its end.
type Holiday struct {
	Day   string  `json:"day"` // "2026-12-24"
	Name  string  `json:"name,omitempty"`
	Hours []Shift `json:"hours,omitempty"` // Without any it is closed; half a holiday has some.
}

// Limits of calendars.
const (
	maxHolidays = 1000
	maxShifts   = 10  // of a day
	maxDayName  = 100 // code points
)

// NewCalendar checks a calendar: a *Refusal names the field that cannot be, and
// one that would never be open is refused.
func NewCalendar(zone string, hours Hours, holidays []Holiday) (Calendar, error) {
	c := Calendar{Zone: zone, Hours: hours, Holidays: holidays}.clone()
	w, err := weekOf(c)
	c.week = w
	return c, err
}

// Open reports whether people are at work.
func (c Calendar) Open(t time.Time) bool {
	from, ok := next(c.compiled().open(seconds(t)))
	return ok && from == seconds(t)
}

// Next is when people are at work next: t when they are. It is zero when they
// never will be.
func (c Calendar) Next(t time.Time) time.Time {
	from, ok := next(c.compiled().open(seconds(t)))
	return momentOf(from, ok)
}

// Add is when people will have worked for d since t, and no later: at the end
// of a day rather than the beginning of the next. It is zero when that never
// comes.
func (c Calendar) Add(t time.Time, d time.Duration) time.Time {
	return momentOf(after(c.compiled().open(seconds(t)), seconds(t), int64(d/time.Second)))
}

// Between is how long people work between a and b; nothing when b is no later.
func (c Calendar) Between(a, b time.Time) time.Duration {
	return time.Duration(worked(c.compiled().open(seconds(a)), seconds(b))) * time.Second
}

// next is the first second in which it is open.
func next(open iter.Seq2[int64, int64]) (int64, bool) {
	for from := range open {
		return from, true
	}
	return 0, false
}

// after is when it was open for so many seconds since at.
func after(open iter.Seq2[int64, int64], at, left int64) (int64, bool) {
	if left <= 0 {
		return at, true
	}
	for from, to := range open {
		if to-from >= left {
			return from + left, true
		}
		left -= to - from
	}
	return 0, false
}

// worked is for how many seconds it is open before end.
func worked(open iter.Seq2[int64, int64], end int64) (sum int64) {
	for from, to := range open {
		if from >= end {
			break
		}
		sum += min(to, end) - from
	}
	return sum
}

// Location is the zone of the people who are at work; UTC when the calendar
// cannot be.
func (c Calendar) Location() *time.Location {
	if w := c.compiled(); w != nil {
		return w.zone
	}
	return time.UTC
}

func (c Calendar) clone() Calendar {
	d := c
	h := &d.Hours
	for _, day := range []*[]Shift{&h.Mon, &h.Tue, &h.Wed, &h.Thu, &h.Fri, &h.Sat, &h.Sun} {
		*day = slices.Clone(*day)
	}
	d.Holidays = slices.Clone(c.Holidays)
	for i := range d.Holidays {
		d.Holidays[i].Hours = slices.Clone(d.Holidays[i].Hours)
	}
	return d
}

// compiled is what the calendar says, nil when it cannot be.
func (c Calendar) compiled() *workWeek {
	if c.week != nil {
		return c.week
	}
	w, err := weekOf(c)
	if err != nil {
		return nil
	}
	return w
}

// workWeek is a calendar as it is counted with.
type workWeek struct {
	zone  *time.Location
	days  [7][]stint        // By time.Weekday.
	dated map[int64][]stint // Holidays and the days after them, by days since 1970.
}

// stint is a time of a day in which people work, in seconds since its
// midnight by the clock on the wall; those of a day are in order and apart.
type stint struct{ from, to int64 }

const daySeconds = 24 * 60 * 60

// weekOf compiles a calendar, or refuses it.
func weekOf(c Calendar) (*workWeek, error) {
	zone, err := zoneOf(c.Zone)
	if err != nil {
		return nil, err
	}
	w := &workWeek{zone: zone, dated: map[int64][]stint{}}
	var usual [7][]stint
	for day := range time.Saturday + 1 {
		if usual[day], err = stintsOf("Hours", day.String(), c.Hours.on(day)); err != nil {
			return nil, err
		}
	}
	for day := range usual {
		w.days[day] = joinDays(usual[(day+6)%7], usual[day])
	}
	if !slices.ContainsFunc(usual[:], func(day []stint) bool { return len(day) > 0 }) {
		return nil, refuse(Invalid, "Hours", "The calendar is never open: give at least one day of the week hours.")
	}
	special, err := specialDays(c.Holidays)
	if err != nil {
		return nil, err
	}
	on := func(day int64) []stint {
		if hours, ok := special[day]; ok {
			return hours
		}
		return usual[weekday(day)]
	}
	for day := range special {
		w.dated[day] = joinDays(on(day-1), on(day))
		w.dated[day+1] = joinDays(on(day), on(day+1))
	}
	return w, nil
}

func zoneOf(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, refuse(Invalid, "Zone", "There is no time zone %q. Name one of the IANA database, as in Europe/Berlin.", name)
	}
	return zone, nil
}

// specialDays reads the hours of holidays, by days since 1970.
func specialDays(holidays []Holiday) (map[int64][]stint, error) {
	if len(holidays) > maxHolidays {
		return nil, refuse(Invalid, "Holidays", "There are %d holidays; at most %d fit.", len(holidays), maxHolidays)
	}
	special := make(map[int64][]stint, len(holidays))
	for _, h := range holidays {
		at, err := time.Parse(time.DateOnly, h.Day)
		if err != nil {
			return nil, refuse(Invalid, "Holidays", "%q is not a day: write it as in 2026-12-24.", h.Day)
		}
		if err := checkLine("Holidays", "name of "+h.Day, h.Name, maxDayName); err != nil {
			return nil, err
		}
		day := at.Unix() / daySeconds
		if _, twice := special[day]; twice {
			return nil, refuse(Invalid, "Holidays", "%s is listed twice.", h.Day)
		}
		if special[day], err = stintsOf("Holidays", h.Day, h.Hours); err != nil {
			return nil, err
		}
	}
	return special, nil
}

// stintsOf reads the hours of a day. Those that end on the next day end behind
// 24:00.
func stintsOf(field, day string, shifts []Shift) ([]stint, error) {
	if len(shifts) > maxShifts {
		return nil, refuse(Invalid, field, "%s has %d times of work; at most %d fit.", day, len(shifts), maxShifts)
	}
	var all []stint
	for _, s := range shifts {
		from, ok := timeOfDay(s[0])
		to, also := timeOfDay(s[1])
		switch {
		case !ok || !also || from == daySeconds:
			return nil, refuse(Invalid, field, "%s: %q to %q are not times of a day. Write them as in 09:00 and 17:30.", day, s[0], s[1])
		case from == to:
			return nil, refuse(Invalid, field, "%s: %s to %s is no time at all. A whole day is 00:00 to 24:00.", day, s[0], s[1])
		case to < from:
			to += daySeconds
		}
		all = append(all, stint{from, to})
	}
	slices.SortFunc(all, func(a, b stint) int { return cmp.Compare(a.from, b.from) })
	for i := 1; i < len(all); i++ {
		if all[i].from < all[i-1].to {
			return nil, refuse(Invalid, field, "%s: two times of work overlap.", day)
		}
	}
	return all, nil
}

// timeOfDay reads "09:00" in seconds since midnight.
func timeOfDay(text string) (int64, bool) {
	h, m, ok := strings.Cut(text, ":")
	hour, err := strconv.ParseUint(h, 10, 8)
	minute, also := strconv.ParseUint(m, 10, 8)
	at := int64(hour*60 + minute)
	ok = ok && err == nil && also == nil && len(h) == 2 && len(m) == 2 && minute < 60 && at <= 24*60
	return at * 60, ok
}

// joinDays makes one list of what the day before leaves for a day and what begins
// on it.
func joinDays(before, day []stint) (all []stint) {
	for _, s := range before {
		if s.to > daySeconds {
			all = append(all, stint{0, s.to - daySeconds})
		}
	}
	for _, s := range day {
		s.to = min(s.to, daySeconds)
		if n := len(all); n > 0 && s.from <= all[n-1].to {
			all[n-1].to = max(all[n-1].to, s.to)
			continue
		}
		all = append(all, s)
	}
	return all
}

// lastSecond is where calendars end: the year 2200, in seconds since 1970, where
// they begin.
var lastSecond = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC).Unix()

func seconds(t time.Time) int64 { return min(max(t.Unix(), 0), lastSecond) }

func momentOf(s int64, ok bool) time.Time {
	if !ok {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}

// weekday is the day of the week of a day since 1970, which began on a Thursday.
func weekday(day int64) int { return int(((day+4)%7 + 7) % 7) }

// open yields the times in which people are at work, from at on and in order.
//
// In the zone, the clock on the wall differs from UTC by an offset that is
// constant between two changes: within such a stretch, hours by the wall are
// hours of UTC but for the offset.
func (w *workWeek) open(at int64) iter.Seq2[int64, int64] {
	return func(yield func(from, to int64) bool) {
		for w != nil && at < lastSecond {
			offset, end := w.offset(at)
			for at < end {
				day := floorDiv(at+offset, daySeconds)
				midnight := day*daySeconds - offset
				for _, s := range w.on(day) {
					from, to := max(midnight+s.from, at), min(midnight+s.to, end)
					if from < to && !yield(from, to) {
						return
					}
				}
				at = min(midnight+daySeconds, end)
			}
		}
	}
}

// offset is by how much the clock on the wall is ahead of UTC, and until when.
func (w *workWeek) offset(at int64) (ahead, until int64) {
	t := time.Unix(at, 0).In(w.zone)
	_, seconds := t.Zone()
	_, end := t.ZoneBounds()
	switch {
	case end.IsZero():
		return int64(seconds), lastSecond
	case end.Unix() <= at:
		// QUIRK: on the last day of a leap year of which the database has a rule
		// only, Go 1.26 returns an end that has passed. No zone changes then.
		return int64(seconds), at + 60*60
	}
	return int64(seconds), min(end.Unix(), lastSecond)
}

// on lists when people are at work on a day since 1970.
func (w *workWeek) on(day int64) []stint {
	if len(w.dated) > 0 {
		if hours, ok := w.dated[day]; ok {
			return hours
		}
	}
	return w.days[weekday(day)]
}

func floorDiv(a, b int64) int64 {
	if q := a / b; a%b >= 0 {
		return q
	}
	return a/b - 1
}
