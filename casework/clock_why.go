package casework

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// ReasonKind is what a reason says.
type ReasonKind string

// The kinds of reason.
const (
	ReasonStarted   ReasonKind = "started"
	ReasonMerged    ReasonKind = "merged"    // a message that counts came with another case
	ReasonPolicy    ReasonKind = "policy"    // which promise holds from then on
	ReasonNoTarget  ReasonKind = "no-target" // none does
	ReasonCalendar  ReasonKind = "calendar"  // which hours count from then on
	ReasonPaused    ReasonKind = "paused"
	ReasonResolved  ReasonKind = "resolved"
	ReasonElsewhere ReasonKind = "elsewhere" // the case is part of another one
	ReasonMarked    ReasonKind = "marked"    // no answer was needed
	ReasonAnswered  ReasonKind = "answered"
	ReasonDue       ReasonKind = "due"
)

// Reason is a fact that made a clock what it is.
type Reason struct {
	Kind      ReasonKind
	At        time.Time  // When it was so, or since when.
	Until     time.Time  // Of what lasted; zero while it lasts.
	Moment    *Moment    // That it cites; nil where time alone was the cause.
	Version   Version    // Of ReasonPolicy and ReasonCalendar.
	Target    Target     // Of ReasonPolicy.
	Cause     PauseCause // Of ReasonPaused.
	Unfounded bool       // As in Pause.
}

// standstill are the reasons for which a clock does not count.
var standstill = map[how]ReasonKind{paused: ReasonPaused, aimless: ReasonNoTarget, rests: ReasonResolved, elsewhere: ReasonElsewhere}

// reasons lists why a clock is as it is, in order of time but for the merges,
// which go where what they brought does.
func (e *evaluation) reasons(r *running, c *Clock) []Reason {
	why := []Reason{{Kind: ReasonStarted, At: c.Since, Moment: c.Started}}
	for _, m := range []*Moment{c.Started, c.Stopped} {
		if m != nil && m.From != 0 {
			by := e.union[m.From]
			why = append(why, Reason{Kind: ReasonMerged, At: momentOf(by.when(), true), Moment: by})
		}
	}
	var policy mode
	var calendar Version
	for i, x := range r.stretches {
		if x.target.Minutes > 0 && (policy.policy != x.policy || policy.target != x.target) {
			policy = x.mode
			why = append(why, Reason{Kind: ReasonPolicy, At: momentOf(x.from, true), Moment: x.by, Version: x.policy.Version, Target: x.target})
		}
		if x.how == counts && !x.target.Wall {
			why, calendar = e.calendarReasons(why, x, calendar, c.Due)
		}
		if kind, ok := standstill[x.how]; ok {
			ends := momentOf(x.to, i+1 < len(r.stretches))
			why = append(why, Reason{Kind: kind, At: momentOf(x.from, true), Until: ends, Moment: x.by, Cause: x.cause, Unfounded: x.unfounded})
		}
	}
	if c.Stopped != nil && c.Stopped.Kind == MomentAnswer {
		why = append(why, Reason{Kind: ReasonAnswered, At: c.Until, Moment: c.Stopped})
	}
	if !c.Due.IsZero() {
		why = append(why, Reason{Kind: ReasonDue, At: c.Due})
	}
	return slices.Clip(why)
}

// calendarReasons adds which versions of a calendar count in a stretch, and on
// to when the clock is due.
func (e *evaluation) calendarReasons(why []Reason, x stretch, had Version, due time.Time) ([]Reason, Version) {
	to := max(x.to, seconds(due))
	t := e.calendars[x.policy.Calendar]
	for i, era := range t {
		if era.from > to || i+1 < len(t) && t[i+1].from <= x.from || era.calendar.Version == had {
			continue
		}
		had = era.calendar.Version
		why = append(why, Reason{Kind: ReasonCalendar, At: momentOf(max(era.from, x.from), true), Version: had})
	}
	return why, had
}

// Text says the reason as people say it, with times by the clock on the wall of
// a zone and people by the names that they are known by.
func (r Reason) Text(zone *time.Location, name func(actor string) string) string {
	at := r.At.In(zone).Format(reasonTime)
	span := "since " + at
	if !r.Until.IsZero() {
		span = Spell(r.Until.Sub(r.At)) + " from " + at + " to " + r.Until.In(zone).Format(reasonTime)
	}
	because := r.because(name)
	switch r.Kind {
	case ReasonPolicy:
		return fmt.Sprintf("%s by the policy %s since %s, because %s", r.Target, r.Version, at, because)
	case ReasonCalendar:
		return fmt.Sprintf("working hours are those of %s since %s", r.Version, at)
	case ReasonPaused:
		text := fmt.Sprintf("paused (%s) %s, because %s", spaced(r.Cause), span, because)
		if r.Unfounded {
			text += "; nobody had answered the customer"
		}
		return text
	case ReasonStarted, ReasonAnswered, ReasonMarked:
		span = at
	case ReasonDue:
		return "due " + at
	}
	return spaced(r.Kind) + " " + span + ", because " + because
}

const reasonTime = "2 Jan 15:04"

func spaced[T ~string](name T) string { return strings.ReplaceAll(string(name), "-", " ") }

// Spell says a duration as people do, in hours and minutes: "1 h 30 min".
func Spell(d time.Duration) string {
	minutes := int(d.Round(time.Minute) / time.Minute)
	switch h, m := minutes/60, minutes%60; {
	case h == 0:
		return fmt.Sprintf("%d min", m)
	case m == 0:
		return fmt.Sprintf("%d h", h)
	default:
		return fmt.Sprintf("%d h %d min", h, m)
	}
}

// because is what a reason rests on, in a sentence.
func (r Reason) because(name func(string) string) string {
	m := r.Moment
	if m == nil {
		return "its time had come"
	}
	switch m.Kind {
	case MomentCustomer:
		return "the customer wrote"
	case MomentAnswer:
		return "we answered"
	}
	who := "Polytrace"
	if m.Actor != "" {
		who = name(m.Actor)
	}
	return who + " " + m.did()
}

// did says what somebody did to the case.
func (m *Moment) did() string {
	switch m.Kind {
	case MomentOpened:
		return "opened the case"
	case MomentStatus:
		return "set the status to " + spaced(m.Status)
	case MomentSeverity:
		return fmt.Sprintf("set the severity to S%d", m.Severity)
	case MomentAccount:
		return "set the account to " + or(m.Account, "none")
	case MomentTeam:
		return "gave the case to " + or(m.Team, "no team")
	case MomentSnoozed:
		return "had the case sleep"
	case MomentMerged:
		return fmt.Sprintf("merged C-%d with it", m.Other)
	case MomentMergedInto:
		return fmt.Sprintf("merged it with C-%d", m.Other)
	case MomentSplit:
		return fmt.Sprintf("took the merge with C-%d back", m.Other)
	case MomentMarked:
		return "said that no answer is needed"
	}
	return "changed the case"
}
