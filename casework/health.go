package casework

import (
	"cmp"
	"slices"
	"time"
)

// History is how a case went through teams, from the decisions about it.
type History struct {
	Case   int
	Owner  string // Now.
	Opened time.Time
	Steps  []Step // In order of time; the last one holds.
}

// Step is where a case was from a time on.
type Step struct {
	At   time.Time
	Team string
	Open bool // It was neither done nor part of another case.
}

// Histories lists what Health goes by, in order of cases.
func (s *State) Histories() []History {
	list := make([]History, len(s.cases))
	for i, c := range s.cases {
		h := History{Case: c.Number, Owner: c.Owner, Opened: c.Opened}
		for _, t := range c.standings {
			step := Step{c.Log[t.entry].At, t.team, t.status != Resolved && t.status != Closed && t.into == 0}
			if n := len(h.Steps); n == 0 || h.Steps[n-1].Team != step.Team || h.Steps[n-1].Open != step.Open {
				h.Steps = append(h.Steps, step)
			}
		}
		list[i] = h
	}
	return list
}

// Health is where work is piling up: of one team, or of all. It measures teams; of people it says what they have now.
type Health struct {
	Team     string      `json:"team"`    // Its name; "" of all, or of the cases of no team.
	All      bool        `json:"all"`     // Of all cases.
	Backlog  int         `json:"backlog"` // Cases that are not done.
	Unowned  int         `json:"unowned"` // Of these.
	Snoozed  int         `json:"snoozed"` // Of these.
	Oldest   int         `json:"oldest"`  // Number of the one that was opened first; 0 when there is none.
	Since    time.Time   `json:"since,omitzero"`
	Days     []FlowDay   `json:"days"`   // The last one is today.
	Owners   []OwnerLoad `json:"owners"` // By name.
	Overdue  int         `json:"overdue"`
	Within4  int         `json:"within_4h"`  // Response times that end within 4 hours in which they count, unless somebody answers.
	Within24 int         `json:"within_24h"` // Within 24 hours; those of Within4 as well.
}

// FlowDay is what came and went on a day.
type FlowDay struct {
	Day     time.Time `json:"day"` // When it began.
	In      int       `json:"in"`  // Opened, opened again, or moved here.
	Out     int       `json:"out"` // Done, made part of another case, or moved away.
	Backlog int       `json:"backlog"`
}

// OwnerLoad is how much somebody has that is open.
type OwnerLoad struct {
	Owner string `json:"owner"`
	Open  int    `json:"open"`
}

// flowDays is over how many days it is counted what came and went.
const flowDays = 30

// HealthOf says where work is piling up: first of all cases, then of each team, then of the cases of no team
// where there are any. Days are those of a zone.
func HealthOf(histories []History, work []Work, teams []Team, now time.Time, zone *time.Location) []Health {
	list := []Health{healthOf(histories, work, Health{All: true}, now, zone)}
	for _, t := range teams {
		list = append(list, healthOf(histories, work, Health{Team: t.Name}, now, zone))
	}
	if none := healthOf(histories, work, Health{}, now, zone); none.Backlog > 0 && len(teams) > 0 {
		list = append(list, none)
	}
	return list
}

func healthOf(histories []History, work []Work, h Health, now time.Time, zone *time.Location) Health {
	h.Owners, h.Days = []OwnerLoad{}, daysUntil(now, zone)
	counts := func(s Step) bool { return s.Open && (h.All || s.Team == h.Team) }
	for i := range histories {
		x := &histories[i]
		was := false
		for _, s := range x.Steps {
			if is := counts(s); is != was {
				h.flow(s.At, is)
				was = is
			}
		}
		if was {
			h.holds(x)
		}
	}
	slices.SortFunc(h.Owners, func(a, b OwnerLoad) int { return cmp.Compare(a.Owner, b.Owner) })
	left := h.Backlog
	for i := len(h.Days) - 1; i >= 0; i-- {
		h.Days[i].Backlog = left
		left += h.Days[i].Out - h.Days[i].In
	}
	for i := range work {
		if w := &work[i]; h.All || w.Case.Team == h.Team {
			h.forecast(w)
		}
	}
	return h
}

// flow counts that a case came or went.
func (h *Health) flow(at time.Time, in bool) {
	i := len(h.Days) - 1
	for i >= 0 && h.Days[i].Day.After(at) {
		i--
	}
	switch {
	case i < 0:
	case in:
		h.Days[i].In++
	default:
		h.Days[i].Out++
	}
}

// holds counts a case that is not done.
func (h *Health) holds(x *History) {
	h.Backlog++
	if h.Oldest == 0 || x.Opened.Before(h.Since) {
		h.Oldest, h.Since = x.Case, x.Opened
	}
	if x.Owner == "" {
		h.Unowned++
		return
	}
	i := slices.IndexFunc(h.Owners, func(o OwnerLoad) bool { return o.Owner == x.Owner })
	if i < 0 {
		h.Owners = append(h.Owners, OwnerLoad{x.Owner, 0})
		i = len(h.Owners) - 1
	}
	h.Owners[i].Open++
}

// forecast counts the response times of a case that end soon, in the hours in which they count.
func (h *Health) forecast(w *Work) {
	if w.Asleep {
		h.Snoozed++
	}
	for _, k := range w.Clocks {
		left := k.Target - k.Used
		switch {
		case k.State == ClockBreached:
			h.Overdue++
		case k.State != ClockRunning:
		case left <= 4*time.Hour:
			h.Within4++
			h.Within24++
		case left <= 24*time.Hour:
			h.Within24++
		}
	}
}

// daysUntil are the days of a zone that end with the one of now.
func daysUntil(now time.Time, zone *time.Location) []FlowDay {
	days := make([]FlowDay, flowDays)
	y, m, d := now.In(zone).Date()
	for i := range days {
		days[i].Day = time.Date(y, m, d-flowDays+1+i, 0, 0, 0, 0, zone)
	}
	return days
}
