package webui

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

// clocksView is how the response clocks of a case stand.
type clocksView struct {
	Chips []clockView // The last of each kind that is or was promised.
	Hint  bool        // Nothing is promised to anybody, and the caller could have that changed.

	clocks []casework.Clock // All, in order of their beginning.
	who    caller
	people names
	zones  map[casework.Version]*time.Location // By policy: where those are whom it counts the hours of.
	now    time.Time
}

// clockView is a clock as people read it.
type clockView struct {
	casework.Clock
	Name    string          // "First reply"
	Text    string          // "due 14:20 CET — 37 % used"
	Class   string          // good, warn, bad or "".
	Icon    string          // The same without colour.
	Promise casework.Target // What the policy promises.
	Marks   archive.Address // The message that can be said to need no answer, or, when Unmarks, to need one after all; zero: none.
	Unmark  bool

	of clocksView
}

// Counted is how much of its time is used, in words.
func (c clockView) Counted() string {
	if !c.Wall && c.Clock.Target > 0 {
		return casework.Spell(c.Used) + " of working hours"
	}
	return casework.Spell(c.Used)
}

// reasonView is a line of "why is this due then", and where it leads.
type reasonView struct {
	Text string
	Link string // "" where nothing is behind it.
}

// clocksOf counts the clocks of a case for the caller.
func (s *Server) clocksOf(ctx context.Context, d *dossier) clocksView {
	v := clocksView{now: s.config.Now()}
	v.who, _ = callerFrom(ctx)
	var policies []casework.PolicyVersion
	var calendars []casework.CalendarVersion
	s.config.Desk.Read(func(state *casework.State) {
		policies, calendars, v.people = state.PolicyVersions(), state.CalendarVersions(), namesOf(state.Users())
	})
	if len(policies) == 0 {
		v.Hint = v.who.leads()
		return v
	}
	v.zones = zonesOf(policies, calendars)
	v.clocks = casework.Clocks(s.momentsOf(d), policies, calendars, v.now)
	v.Chips = v.lastOfEach()
	return v
}

// zonesOf are where those are at work whom each policy counts the hours of.
func zonesOf(policies []casework.PolicyVersion, calendars []casework.CalendarVersion) map[casework.Version]*time.Location {
	zones := map[casework.Version]*time.Location{}
	for _, p := range policies {
		for _, c := range calendars {
			if c.Name == p.Calendar {
				zones[p.Version] = c.Location()
			}
		}
	}
	return zones
}

// Any reports whether the case has or had a clock.
func (v clocksView) Any() bool { return len(v.clocks) > 0 }

// All are all clocks with their reasons: those that wait for something first,
// and then the last that began.
func (v clocksView) All() (all []clockView) {
	for _, k := range slices.Backward(v.clocks) {
		all = append(all, v.view(k))
	}
	slices.SortStableFunc(all, func(a, b clockView) int {
		switch {
		case a.Open() == b.Open():
			return 0
		case a.Open():
			return -1
		}
		return 1
	})
	return all
}

// zone is that of the people whom a clock is for, UTC where nobody says.
func (v clocksView) zone(k casework.Clock) *time.Location { return cmp.Or(v.zones[k.Policy], time.UTC) }

// view is a clock as people read it, without its reasons.
func (v clocksView) view(k casework.Clock) clockView {
	x := clockView{Clock: k, Name: clockNames[k.Kind], Promise: casework.Target{Minutes: int(k.Target.Minutes()), Wall: k.Wall}, of: v}
	x.Class, x.Icon, x.Text = stands(k, v.zone(k), v.now)
	marked := k.Stopped != nil && k.Stopped.Kind == casework.MomentMarked
	if k.Kind != casework.Resolution && (marked || k.Open()) {
		x.Marks, x.Unmark = k.Started.Record, marked
	}
	return x
}

// Reasons say why a clock is due when it is.
func (c clockView) Reasons() (all []reasonView) {
	zone := c.of.zone(c.Clock)
	for _, r := range c.Why {
		all = append(all, reasonView{sentence(r.Text(zone, c.of.people.Of)), reasonLink(r, c.of.who)})
	}
	return all
}

var clockNames = map[casework.ClockKind]string{casework.FirstReply: "First reply", casework.NextReply: "Next reply", casework.Resolution: "Resolution"}

// lastOfEach is the last clock of each kind, but for those that nothing depends on.
func (v clocksView) lastOfEach() (chips []clockView) {
	for _, kind := range []casework.ClockKind{casework.FirstReply, casework.NextReply, casework.Resolution} {
		for _, k := range slices.Backward(v.clocks) {
			if k.Kind == kind && k.State != casework.ClockVoid {
				chips = append(chips, v.view(k))
				break
			}
		}
	}
	return chips
}

// stands says how a clock stands, with a colour and an icon that say the same.
func stands(k casework.Clock, zone *time.Location, now time.Time) (class, icon, text string) {
	used := fmt.Sprintf("%.0f %% used", 100*k.Share())
	switch k.State {
	case casework.ClockMet:
		return "good", "check", "in " + casework.Spell(k.Used)
	case casework.ClockMetLate:
		return "bad", "warning", "late, after " + casework.Spell(k.Used) + " of " + casework.Spell(k.Target)
	case casework.ClockBreached:
		if k.Open() {
			return "bad", "warning", "breached " + span(now.Sub(k.Due)) + " ago"
		}
		return "bad", "warning", "missed"
	case casework.ClockPaused:
		return "", "moon", "paused — " + used
	case casework.ClockVoid:
		return "", "clock", "not promised, or not needed"
	}
	if !k.Warn.IsZero() && !now.Before(k.Warn) {
		class = "warn"
	}
	return class, "clock", "due " + timeIn(k.Due, zone, now) + " — " + used
}

// timeIn is a time by the clock on the wall of a zone, with the day unless it is today.
func timeIn(t time.Time, zone *time.Location, now time.Time) string {
	t, now = t.In(zone), now.In(zone)
	switch {
	case t.Format(time.DateOnly) == now.Format(time.DateOnly):
		return t.Format("15:04 MST")
	case t.Year() == now.Year():
		return t.Format("Mon 2 Jan 15:04 MST")
	}
	return t.Format("2 Jan 2006 15:04 MST")
}

// reasonLink leads to the message a reason rests on, or to what is promised.
func reasonLink(r casework.Reason, who caller) string {
	switch {
	case r.Kind == casework.ReasonPolicy && who.admin():
		return "/policies/" + r.Version.Name
	case r.Kind == casework.ReasonCalendar && who.admin():
		return "/calendars/" + r.Version.Name
	case r.Moment != nil && r.Moment.Record.Stream != "":
		return recordPath(r.Moment.Record)
	}
	return ""
}

// momentsOf are the moments of a case that the caller may know of: what was
// decided about it, its mail, and the marks on that. The mail of cases that
// were merged into it counts as its own.
func (s *Server) momentsOf(d *dossier) []casework.Moment {
	moments, marks := slices.Concat(casework.DecisionMoments(d.Cases[0]), casework.MailMoments(d.Mail)), s.marksOn(d.Mail)
	for _, m := range d.Mail {
		for _, mark := range marks[m.SHA256] {
			moments = append(moments, mark.Moment())
		}
	}
	return moments
}

// marksOn is what was said about messages, oldest first, of those of which something was said.
func (s *Server) marksOn(mail []casework.Mail) map[archive.Digest][]casework.Marking {
	marks := map[archive.Digest][]casework.Marking{}
	s.config.Desk.Read(func(state *casework.State) {
		for _, m := range mail {
			if said := state.Markings(m.SHA256); len(said) > 0 {
				marks[m.SHA256] = said
			}
		}
	})
	return marks
}
