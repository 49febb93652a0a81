package casework

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"time"
)

// ClockKind is what a clock measures.
type ClockKind string

// The kinds of clock.
const (
	FirstReply ClockKind = "first"      // from the customer's first message to our first answer
	NextReply  ClockKind = "next"       // from a message after one of ours to our next answer
	Resolution ClockKind = "resolution" // from the beginning of the case until it is resolved
)

// PauseCause is why a clock stands still for a while.
type PauseCause string

// The causes a policy may name.
const (
	PauseWaiting PauseCause = "waiting-on-customer" // The status says so, and the customer has not written since.
	PauseSnoozed PauseCause = "snoozed"             // Until its time has come, or the customer writes.
)

// Policy promises customers how fast they are answered.
type Policy struct {
	Match    Match        `json:"match"`
	Calendar string       `json:"calendar,omitempty"` // Name. Without one all targets are by the clock on the wall.
	Targets  []Targets    `json:"targets"`
	PauseOn  []PauseCause `json:"pause_on,omitempty"` // Of all its clocks.
	RunOn    bool         `json:"run_on,omitempty"`   // Reply clocks go on when a case is resolved, instead of ending.
	Warn     int          `json:"warn,omitempty"`     // Percent of a target at which people are told; 0 is 80.
}

// Match says which cases a policy is for. A list without items takes all.
type Match struct {
	Severities []int    `json:"severities,omitempty"`
	Accounts   []string `json:"accounts,omitempty"` // As the case says it: an ID, where accounts are mapped.
	Teams      []string `json:"teams,omitempty"`
	Kinds      []string `json:"kinds,omitempty"` // Of case: "request".
}

// Targets are what is promised at a severity.
type Targets struct {
	Severity   int    `json:"severity,omitempty"` // 0: each that has no targets of its own.
	First      Target `json:"first,omitzero"`
	Next       Target `json:"next,omitzero"`
	Resolution Target `json:"resolution,omitzero"`
}

// Target is how long something may take. The zero value promises nothing.
type Target struct {
	Minutes int  `json:"minutes"`        // 0: as long as it takes.
	Wall    bool `json:"wall,omitempty"` // By the clock on the wall, else in the hours of the calendar.
}

// String is how people say a target: "4 h of working hours".
func (t Target) String() string {
	switch spelt := Spell(time.Duration(t.Minutes) * time.Minute); {
	case t.Minutes == 0:
		return "as long as it takes"
	case t.Wall:
		return spelt + " by the clock"
	default:
		return spelt + " of working hours"
	}
}

// Version names one version of a policy or calendar.
type Version struct {
	Name   string `json:"name"`
	Number int    `json:"version"`
}

// String is how people name a version: "standard (version 3)".
func (v Version) String() string { return fmt.Sprintf("%s (version %d)", v.Name, v.Number) }

// PolicyVersion is what a policy says from a time on. In force is the highest
// version of a name whose time has come, so that a later decision may also be
// about an earlier time; the first in rank that matches a case is for it.
type PolicyVersion struct {
	Version
	From    time.Time `json:"from,omitzero"`
	Rank    int       `json:"rank"`              // Lower goes first.
	Removed bool      `json:"removed,omitempty"` // There is no such policy from then on.
	Policy
	By  string    `json:"by"`
	Set time.Time `json:"set"` // When it was decided.
}

// CalendarVersion is what a calendar says from a time on; see PolicyVersion.
type CalendarVersion struct {
	Version
	From time.Time `json:"from,omitzero"` // Zero: always.
	Calendar
	By  string    `json:"by"`
	Set time.Time `json:"set"`
}

// matches reports whether the policy is for a case.
func (m Match) matches(f facts) bool {
	return among(m.Severities, f.severity) && among(m.Accounts, f.account) && among(m.Teams, f.team) && among(m.Kinds, f.kind)
}

func among[T comparable](list []T, x T) bool { return len(list) == 0 || slices.Contains(list, x) }

// target is what a policy promises at a severity.
func (p *PolicyVersion) target(k ClockKind, severity int) Target {
	var t Targets
	for _, x := range p.Targets {
		if x.Severity == severity {
			t = x
			break
		}
		if x.Severity == 0 {
			t = x
		}
	}
	switch k {
	case FirstReply:
		return t.First
	case NextReply:
		return t.Next
	}
	return t.Resolution
}

// warn is the percent of a target at which people are told.
func (p *PolicyVersion) warn() int64 { return int64(cmp.Or(p.Warn, defaultWarn)) }

const defaultWarn = 80

// facts are what policies match.
type facts struct {
	severity            int
	account, team, kind string
}

// epoch is a time from which on the same policies are in force.
type epoch struct {
	from     int64
	policies []*PolicyVersion // In order of rank.
}

// find returns the policy for a case, or nil.
func (e epoch) find(f facts) *PolicyVersion {
	for _, p := range e.policies {
		if p.Match.matches(f) {
			return p
		}
	}
	return nil
}

// epochsOf orders versions of policies by time.
func epochsOf(versions []PolicyVersion) (all []epoch) {
	order := make([]*PolicyVersion, len(versions))
	for i := range versions {
		order[i] = &versions[i]
	}
	slices.SortStableFunc(order, func(a, b *PolicyVersion) int { return cmp.Compare(seconds(a.From), seconds(b.From)) })
	var inForce []*PolicyVersion
	for i, v := range order {
		at := slices.IndexFunc(inForce, func(p *PolicyVersion) bool { return p.Name == v.Name })
		switch {
		case at < 0:
			inForce = append(inForce, v)
		case inForce[at].Number < v.Number:
			inForce[at] = v
		}
		if i+1 == len(order) || seconds(order[i+1].From) > seconds(v.From) {
			all = append(all, epoch{seconds(v.From), ranked(inForce)})
		}
	}
	return all
}

// policyAt is the policy for a case at a time; nil when there is none.
func policyAt(versions []PolicyVersion, f facts, now time.Time) *PolicyVersion {
	var in epoch
	for _, e := range epochsOf(versions) {
		if e.from <= seconds(now) {
			in = e
		}
	}
	return in.find(f)
}

func ranked(inForce []*PolicyVersion) []*PolicyVersion {
	list := slices.DeleteFunc(slices.Clone(inForce), func(p *PolicyVersion) bool { return p.Removed })
	slices.SortFunc(list, func(a, b *PolicyVersion) int {
		return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// era is a time from which on a calendar says the same.
type era struct {
	from     int64
	calendar *CalendarVersion
	week     *workWeek
}

// timeline is a calendar with all that it said.
type timeline []era

// timelinesOf orders versions of calendars by time, for each name.
func timelinesOf(versions []CalendarVersion) map[string]timeline {
	order := make([]*CalendarVersion, len(versions))
	for i := range versions {
		order[i] = &versions[i]
	}
	slices.SortStableFunc(order, func(a, b *CalendarVersion) int {
		return cmp.Or(cmp.Compare(seconds(a.From), seconds(b.From)), cmp.Compare(a.Number, b.Number))
	})
	all := map[string]timeline{}
	for _, v := range order {
		t := all[v.Name]
		if n := len(t); n == 0 || t[n-1].calendar.Number < v.Number {
			all[v.Name] = append(t, era{seconds(v.From), v, v.compiled()})
		}
	}
	return all
}

// open yields the times in which people are at work, from at on and in order.
func (t timeline) open(at int64) iter.Seq2[int64, int64] {
	return func(yield func(from, to int64) bool) {
		for i, e := range t {
			until := lastSecond
			if i+1 < len(t) {
				until = t[i+1].from
			}
			if until <= at {
				continue
			}
			for from, to := range e.week.open(max(at, e.from)) {
				if from >= until {
					break
				}
				if !yield(from, min(to, until)) {
					return
				}
			}
		}
	}
}
