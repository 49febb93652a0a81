package casework

import (
	"slices"
	"strings"
	"time"
)

// Slice is a part of the open work: what is to be looked at for a reason. A case is in as many as it has
// reasons; one that sleeps only in those that no sleep excuses.
type Slice string

// The slices that are always there. Each team has one more, see TeamSlice.
const (
	SliceUrgent     Slice = "urgent"              // Severity 1, or at high or critical risk.
	SliceNew        Slice = "new"                 // Nobody has looked at it yet.
	SliceUs         Slice = "waiting-on-us"       // The customer waits.
	SliceCustomer   Slice = "waiting-on-customer" // We wait.
	SliceToday      Slice = "due-today"           // A response time ends today, by the day of those who are at work.
	SliceOverdue    Slice = "overdue"             // One is over; also of what sleeps.
	SliceExceptions Slice = "exceptions"          // It came in with something that somebody has to look at, and nobody has.
	SliceSnoozed    Slice = "snoozed"             // It sleeps.
	SliceMine       Slice = "mine"
	SliceUnowned    Slice = "unowned"
	SliceAll        Slice = "all" // All that does not sleep.
)

// Slices lists the slices that are always there, in the order in which they are shown.
func Slices() []Slice {
	return []Slice{SliceUrgent, SliceNew, SliceUs, SliceCustomer, SliceToday, SliceOverdue, SliceExceptions, SliceSnoozed, SliceMine, SliceUnowned, SliceAll}
}

// TeamSlice is the slice of a team.
func TeamSlice(name string) Slice { return teamPrefix + Slice(name) }

// Team is whose slice it is; "" of one that is always there.
func (s Slice) Team() string {
	team, ok := strings.CutPrefix(string(s), teamPrefix)
	if !ok {
		return ""
	}
	return team
}

// Work is a case that is not done, and how it stands at a time.
type Work struct {
	Case    Case
	Level   RiskLevel
	Clocks  []Clock        // That wait for something.
	Asleep  bool           // See Case.Snoozed.
	Ours    bool           // It is for us to do something; else for the customer.
	Returns time.Time      // When it goes back to its team; zero: it does not.
	Zone    *time.Location // Of those who are at work.
}

// WorkOf is how a case stands: with its log, the mail of it and of those that were merged into it, and the
// messages that need no answer. It is false for one that is done, or part of another one.
func WorkOf(c Case, mail []Mail, unneeded func(Mail) bool, clocks []Clock, zone *time.Location, now time.Time) (Work, bool) {
	if c.done() || c.Into != 0 {
		return Work{}, false
	}
	w := Work{Case: c, Level: c.RiskAt(now), Asleep: c.Snoozed(now, mail), Ours: c.ours(mail, unneeded), Zone: zone}
	for _, k := range clocks {
		if k.Open() {
			w.Clocks = append(w.Clocks, k)
		}
	}
	if c.Waits(mail) && c.SnoozedUntil.IsZero() {
		w.Returns = c.Returns
	}
	return w, true
}

// ours reports whether it is for us to do something: the status says so, or the last person who wrote was the
// customer. That a case waits for the customer counts until the customer writes.
func (c *Case) ours(mail []Mail, unneeded func(Mail) bool) bool {
	var last *Mail
	for i := range mail {
		m := &mail[i]
		if (m.human(Outbound) || m.human(Inbound) && !unneeded(*m)) && (last == nil || m.compare(last) > 0) {
			last = m
		}
	}
	switch {
	case c.Status == WaitingUs:
		return true
	case c.Status == WaitingCustomer:
		return last != nil && last.Direction == Inbound && last.When().After(c.statusSince())
	}
	return last == nil || last.Direction == Inbound
}

// statusSince is when the case got its status.
func (c *Case) statusSince() time.Time {
	i := len(c.standings) - 1
	for i > 0 && c.standings[i-1].status == c.Status {
		i--
	}
	return c.Log[c.standings[i].entry].At
}

// Clock is the clock to look at now; false when nothing is waited for.
func (w *Work) Clock() (Clock, bool) { return Applicable(w.Clocks) }

// In reports whether a case is in a slice of somebody at a time.
func (w *Work) In(s Slice, actor string, now time.Time) bool {
	switch s {
	case SliceSnoozed:
		return w.Asleep
	case SliceOverdue:
		return slices.ContainsFunc(w.Clocks, func(k Clock) bool { return k.State == ClockBreached })
	}
	if w.Asleep {
		return false
	}
	switch s {
	case SliceUrgent:
		return w.Case.Severity == 1 || w.Level.rank() >= RiskHigh.rank()
	case SliceNew:
		return w.Case.Status == New
	case SliceUs:
		return w.Ours
	case SliceCustomer:
		return !w.Ours
	case SliceToday:
		return slices.ContainsFunc(w.Clocks, func(k Clock) bool { return k.State == ClockRunning && w.sameDay(k.Due, now) })
	case SliceExceptions:
		return w.Case.Exception() != ""
	case SliceMine:
		return w.Case.Owner == actor && actor != ""
	case SliceUnowned:
		return w.Case.Owner == ""
	case SliceAll:
		return true
	}
	return s.Team() != "" && w.Case.Team == s.Team()
}

func (w *Work) sameDay(a, b time.Time) bool {
	zone := w.Zone
	if zone == nil {
		zone = time.UTC
	}
	return a.In(zone).Format(time.DateOnly) == b.In(zone).Format(time.DateOnly)
}
