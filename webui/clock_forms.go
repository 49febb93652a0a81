package webui

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"polytrace/casework"
)

// fields are what stands in a form about calendars or policies: what is so, or
// what was typed into one that was refused.
type fields url.Values

// Get is what stands in a field.
func (f fields) Get(name string) string { return url.Values(f).Get(name) }

// Has reports whether a box of a field is ticked.
func (f fields) Has(name string, value any) bool { return slices.Contains(f[name], fmt.Sprint(value)) }

var days = []struct{ Field, Name string }{{"mon", "Monday"}, {"tue", "Tuesday"}, {"wed", "Wednesday"}, {"thu", "Thursday"}, {"fri", "Friday"}, {"sat", "Saturday"}, {"sun", "Sunday"}}

// shiftsOf are the hours of each day of a week, in the order of days.
func shiftsOf(h *casework.Hours) []*[]casework.Shift {
	return []*[]casework.Shift{&h.Mon, &h.Tue, &h.Wed, &h.Thu, &h.Fri, &h.Sat, &h.Sun}
}

// calendarFields are the fields of a calendar.
func calendarFields(c casework.CalendarVersion) fields {
	f := url.Values{"name": {c.Name}, "zone": {c.Zone}, "holidays": {holidayLines(c.Holidays)}}
	for i, day := range shiftsOf(&c.Hours) {
		f.Set(days[i].Field, shiftWords(*day))
	}
	return fields(f)
}

// typedCalendar reads a form about a calendar.
func typedCalendar(f fields) (casework.SetCalendar, error) {
	c := casework.SetCalendar{Name: strings.TrimSpace(f.Get("name")), Zone: strings.TrimSpace(f.Get("zone")), Seen: number0(f.Get("seen")), Reason: strings.TrimSpace(f.Get("reason"))}
	var err error
	for i, day := range shiftsOf(&c.Hours) {
		if *day, err = typedShifts("Hours", f.Get(days[i].Field)); err != nil {
			return c, err
		}
	}
	if c.Holidays, err = typedHolidays(f.Get("holidays")); err != nil {
		return c, err
	}
	c.From, err = typedFrom(f.Get("from"), c.Zone)
	return c, err
}

// typedFrom reads a day as its beginning in a zone; "" is no time.
func typedFrom(text, zone string) (time.Time, error) {
	if text = strings.TrimSpace(text); text == "" {
		return time.Time{}, nil
	}
	in, err := time.LoadLocation(zone)
	if err != nil {
		in = time.UTC // The calendar is refused for its zone.
	}
	t, err := time.ParseInLocation(time.DateOnly, text, in)
	if err != nil {
		return t, &casework.Refusal{Code: casework.Invalid, Field: "From", Text: strconv.Quote(text) + " is not a day. Write it as in 2026-11-03."}
	}
	return t, nil
}

const shiftForm = `(\d{1,2})(?::(\d{2}))?\s*(?:-|–|—|to)\s*(\d{1,2})(?::(\d{2}))?`

var (
	shiftWhole   = regexp.MustCompile(`^` + shiftForm + `$`)
	shiftLeading = regexp.MustCompile(`^(?:` + shiftForm + `\s*,?\s*)+(?:\s|$)`)
)

// typedShifts reads "9-12, 13:00-17:30".
func typedShifts(field, text string) (all []casework.Shift, err error) {
	for word := range strings.SplitSeq(text, ",") {
		if word = strings.TrimSpace(word); word == "" || strings.EqualFold(word, "closed") {
			continue
		}
		m := shiftWhole.FindStringSubmatch(word)
		if m == nil {
			return nil, &casework.Refusal{Code: casework.Invalid, Field: field, Text: strconv.Quote(word) + " is not from when to when. Write 09:00-17:30, with commas between several, and nothing where it is closed."}
		}
		all = append(all, casework.Shift{clockTime(m[1], m[2]), clockTime(m[3], m[4])})
	}
	return all, nil
}

// clockTime is a time of the day as calendars keep it.
func clockTime(hour, minute string) string {
	return fmt.Sprintf("%02s:%02s", hour, minute)
}

func shiftWords(shifts []casework.Shift) string {
	var words []string
	for _, s := range shifts {
		words = append(words, s[0]+"–"+s[1])
	}
	return strings.Join(words, ", ")
}

// typedHolidays reads a holiday a line: "2026-12-25 Christmas Day", and with
// hours of its own "2026-12-24 09:00-12:00 Christmas Eve".
func typedHolidays(text string) (all []casework.Holiday, err error) {
	for line := range strings.Lines(text) {
		day, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if day == "" {
			continue
		}
		h := casework.Holiday{Day: day, Name: strings.TrimSpace(rest)}
		if hours := shiftLeading.FindString(h.Name); hours != "" {
			h.Name = strings.TrimSpace(h.Name[len(hours):])
			if h.Hours, err = typedShifts("Holidays", hours); err != nil {
				return nil, err
			}
		}
		all = append(all, h)
	}
	return all, nil
}

func holidayLines(holidays []casework.Holiday) string {
	var lines []string
	for _, h := range holidays {
		lines = append(lines, strings.Join(slices.DeleteFunc([]string{h.Day, shiftWords(h.Hours), h.Name}, func(s string) bool { return s == "" }), " "))
	}
	return strings.Join(lines, "\n")
}

// hoursLines say what a calendar says, days alike in one line.
func hoursLines(c casework.Calendar) (lines []string) {
	week := shiftsOf(&c.Hours)
	for i := 0; i < len(week); {
		n := i + 1
		for n < len(week) && slices.Equal(*week[n], *week[i]) {
			n++
		}
		name := days[i].Name
		if n-1 > i {
			name += " to " + days[n-1].Name
		}
		hours := shiftWords(*week[i])
		if hours == "" {
			hours = "closed"
		}
		lines = append(lines, name+": "+hours)
		i = n
	}
	return lines
}

// goals are the targets of a severity, by the names of their fields.
var goals = []struct{ Field, Name string }{{"first", "First reply"}, {"next", "Next reply"}, {"resolution", "Resolution"}}

func targetsOf(t *casework.Targets) []*casework.Target {
	return []*casework.Target{&t.First, &t.Next, &t.Resolution}
}

func goalField(goal string, severity int) string { return goal + "-" + strconv.Itoa(severity) }

// policyFields are the fields of a policy.
func policyFields(p casework.PolicyVersion) fields {
	f := url.Values{"name": {p.Name}, "calendar": {p.Calendar}, "accounts": {strings.Join(p.Match.Accounts, "\n")}}
	for _, severity := range p.Match.Severities {
		f.Add("severity", strconv.Itoa(severity))
	}
	for _, cause := range p.PauseOn {
		f.Add("pause", string(cause))
	}
	if p.RunOn {
		f.Set("run_on", "1")
	}
	if p.Warn > 0 {
		f.Set("warn", strconv.Itoa(p.Warn))
	}
	for _, t := range p.Targets {
		for i, target := range targetsOf(&t) {
			f.Set(goalField(goals[i].Field, t.Severity), targetField(*target))
		}
		if t == (casework.Targets{Severity: t.Severity}) {
			f.Set(goalField(goals[0].Field, t.Severity), noTarget)
		}
	}
	return fields(f)
}

// typedPolicy reads a form about a policy. What it has no fields for stays as
// it was.
func typedPolicy(f fields, was casework.Policy) (casework.SetPolicy, error) {
	c := casework.SetPolicy{Name: strings.TrimSpace(f.Get("name")), Policy: was, Seen: number0(f.Get("seen")), Reason: strings.TrimSpace(f.Get("reason"))}
	c.Calendar, c.RunOn, c.Targets, c.PauseOn = f.Get("calendar"), f.Get("run_on") != "", nil, nil
	c.Match.Severities, c.Match.Accounts = numbers(f["severity"]), nil
	for line := range strings.Lines(f.Get("accounts")) {
		if name := strings.TrimSpace(line); name != "" {
			c.Match.Accounts = append(c.Match.Accounts, name)
		}
	}
	for _, cause := range f["pause"] {
		c.PauseOn = append(c.PauseOn, casework.PauseCause(cause))
	}
	c.Warn = 0
	if text := strings.TrimSpace(f.Get("warn")); text != "" {
		if c.Warn = number0(text); c.Warn == 0 {
			return c, &casework.Refusal{Code: casework.Invalid, Field: "Warn", Text: strconv.Quote(text) + " is not a percentage from 1 to 100."}
		}
	}
	for severity := range 5 {
		t, said := casework.Targets{Severity: severity}, ""
		for i, target := range targetsOf(&t) {
			text := f.Get(goalField(goals[i].Field, severity))
			var err error
			if *target, err = typedTarget(text); err != nil {
				return c, err
			}
			said += strings.TrimSpace(text)
		}
		if said != "" { // Else it is as the others.
			c.Targets = append(c.Targets, t)
		}
	}
	return c, nil
}

var targetForm = regexp.MustCompile(`^(?:(\d{1,4})\s*h(?:ours?)?)?\s*(?:(\d{1,6})\s*m(?:in(?:utes?)?)?)?$`)

// byTheClock ends what is typed for a target that also counts when nobody works.
const byTheClock = "by the clock"

// noTarget is typed where a severity is promised nothing, unlike the others.
const noTarget = "none"

// typedTarget reads "4 h", "1 h 30 min" or "4 h by the clock".
func typedTarget(text string) (t casework.Target, err error) {
	text = strings.ToLower(strings.TrimSpace(text))
	if text == "" || text == noTarget {
		return t, nil
	}
	span, wall := strings.CutSuffix(text, byTheClock)
	if m := targetForm.FindStringSubmatch(strings.TrimSpace(span)); m != nil {
		t = casework.Target{Minutes: number0(m[1])*60 + number0(m[2]), Wall: wall}
	}
	if t.Minutes == 0 {
		return t, &casework.Refusal{Code: casework.Invalid, Field: "Targets", Text: strconv.Quote(text) + " is no length of time. Write 30 min, 4 h or 1 h 30 min, which are working hours, or 4 h by the clock."}
	}
	return t, nil
}

func targetField(t casework.Target) string {
	switch {
	case t.Minutes == 0:
		return ""
	case t.Wall:
		return casework.Spell(time.Duration(t.Minutes)*time.Minute) + " " + byTheClock
	}
	return casework.Spell(time.Duration(t.Minutes) * time.Minute)
}

// targetLines say what a policy promises.
func targetLines(p casework.Policy) (lines []string) {
	for _, t := range p.Targets {
		var words []string
		for i, target := range targetsOf(&t) {
			if target.Minutes > 0 {
				words = append(words, goals[i].Name+" "+targetField(*target))
			}
		}
		who := "Others"
		switch {
		case t.Severity > 0:
			who = "S" + strconv.Itoa(t.Severity)
		case len(p.Targets) == 1:
			who = "All severities"
		}
		if words == nil {
			words = []string{"nothing"}
		}
		lines = append(lines, who+": "+strings.Join(words, ", "))
	}
	return lines
}

// matchWords say which cases a policy is for.
func matchWords(m casework.Match, accountName func(string) string) string {
	var words []string
	for _, severity := range m.Severities {
		words = append(words, "S"+strconv.Itoa(severity))
	}
	parts := []string{}
	if words != nil {
		parts = append(parts, strings.Join(words, ", "))
	}
	words = nil
	for _, a := range m.Accounts {
		words = append(words, accountName(a))
	}
	for _, list := range [][]string{words, m.Teams, m.Kinds} {
		if len(list) > 0 {
			parts = append(parts, strings.Join(list, ", "))
		}
	}
	if len(parts) == 0 {
		return "all cases"
	}
	return strings.Join(parts, " · ")
}
