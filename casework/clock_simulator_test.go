package casework

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"polytrace/archive"
)

// simulator goes through the life of a case minute by minute and counts each
// of them, as slowly and obviously as can be. All its times are whole minutes.
type simulator struct {
	moments   []Moment
	policies  []PolicyVersion
	calendars []CalendarVersion
	now       time.Time

	at       time.Time
	status   Status
	facts    facts
	spoken   bool
	resting  bool
	snoozed  time.Time
	away     int
	answered bool
	begun    bool
	clocks   []*simulated
	done     []*simulated
}

// simulated is a clock of the simulator.
type simulated struct {
	kind   ClockKind
	since  time.Time
	ticks  []time.Time // The end of each minute that counted.
	still  int         // Minutes in which it was paused.
	rest   bool
	until  time.Time // Of rest.
	policy *PolicyVersion
	target Target
}

// shownClock is what both say about a clock.
type shownClock struct {
	Kind         ClockKind
	State        ClockState
	Since, Until time.Time
	Used, Still  time.Duration
	Due          time.Time
}

// policyNow is the policy that is in force and matches.
func (s *simulator) policyNow() (found *PolicyVersion) {
	for i := range s.policies {
		p := &s.policies[i]
		newer := slices.ContainsFunc(s.policies, func(q PolicyVersion) bool {
			return q.Name == p.Name && q.Number > p.Number && !q.From.After(s.at)
		})
		if p.From.After(s.at) || newer || p.Removed || !p.Match.matches(s.facts) {
			continue
		}
		if found == nil || p.Rank < found.Rank {
			found = p
		}
	}
	return found
}

func (s *simulator) open(name string) bool {
	var found *CalendarVersion
	for i := range s.calendars {
		c := &s.calendars[i]
		if c.Name == name && !c.From.After(s.at) && (found == nil || c.Number > found.Number) {
			found = c
		}
	}
	return found != nil && wallOpen(found.Calendar, s.at)
}

func (s *simulator) resolved() bool { return s.status == Resolved || s.status == Closed }

// settle looks which promise a clock is under.
func (s *simulator) settle(c *simulated) {
	p := s.policyNow()
	rest := s.resolved()
	if c.kind != Resolution {
		rest = s.resting && (c.rest || p == nil || !p.RunOn)
	}
	if c.rest && rest {
		return
	}
	c.rest, c.until, c.policy, c.target = rest, s.at, p, Target{}
	if p != nil {
		c.target = p.target(c.kind, s.facts.severity)
	}
}

func (s *simulator) pausing(c *simulated) bool {
	return slices.ContainsFunc(c.policy.PauseOn, func(cause PauseCause) bool {
		return cause == PauseWaiting && s.status == WaitingCustomer && !s.spoken || cause == PauseSnoozed && s.at.Before(s.snoozed)
	})
}

// minute lets a minute pass for a clock.
func (s *simulator) minute(c *simulated) {
	switch {
	case c.rest || c.target.Minutes == 0 || s.away != 0:
	case s.pausing(c):
		c.still++
	case c.target.Wall || s.open(c.policy.Calendar):
		c.ticks = append(c.ticks, s.at.Add(time.Minute))
	}
}

func (s *simulator) find(replies bool) *simulated {
	for _, c := range s.clocks {
		if (c.kind != Resolution) == replies {
			return c
		}
	}
	return nil
}

func (s *simulator) start(k ClockKind) {
	s.clocks = append(s.clocks, &simulated{kind: k, since: s.at})
}

// finish takes a clock away.
func (s *simulator) finish(c *simulated) {
	s.clocks = slices.DeleteFunc(s.clocks, func(x *simulated) bool { return x == c })
	s.done = append(s.done, c)
}

func (s *simulator) take(m Moment, shown *[]shownClock) {
	switch m.Kind {
	case MomentCustomer:
		marked := false
		for _, x := range s.moments {
			if x.Mail == m.Mail && x.when() <= s.now.Unix() && (x.Kind == MomentMarked || x.Kind == MomentUnmarked) {
				marked = x.Kind == MomentMarked
			}
		}
		reply := s.find(true)
		if marked {
			break
		}
		s.spoken, s.resting, s.snoozed = true, false, time.Time{}
		if s.find(false) == nil {
			s.start(Resolution)
		}
		if reply != nil && reply.rest {
			*shown = append(*shown, s.judge(reply, false))
			s.finish(reply)
			reply = nil
		}
		if reply == nil {
			kind := NextReply
			if !s.begun && !s.answered {
				kind = FirstReply
			}
			s.begun = true
			s.start(kind)
		}
	case MomentAnswer:
		if c := s.find(true); c != nil {
			*shown = append(*shown, s.judge(c, true))
			s.finish(c)
		}
		s.answered, s.spoken = true, false
	case MomentOpened:
		if s.find(false) == nil {
			s.start(Resolution)
		}
	case MomentStatus:
		s.status, s.spoken = m.Status, false
		s.resting = s.resolved()
	case MomentSeverity:
		s.facts.severity = m.Severity
	case MomentTeam:
		s.facts.team = m.Team
	case MomentSnoozed:
		s.snoozed = m.Until
	case MomentMergedInto:
		s.away = m.Other
	case MomentSplit:
		if s.away == m.Other {
			s.away = 0
		}
	}
}

// judge says how a clock stands at this minute.
func (s *simulator) judge(c *simulated, answered bool) shownClock {
	out := shownClock{Kind: c.kind, Since: c.since, Used: time.Duration(len(c.ticks)) * time.Minute, Still: time.Duration(c.still) * time.Minute}
	end := s.at
	if c.rest {
		end, out.Until = c.until, c.until
	}
	if answered {
		out.Until = s.at
	}
	due, known := s.due(c)
	late := known && due.Before(end)
	done := answered || c.kind == Resolution && c.rest
	switch {
	case c.target.Minutes == 0, !c.rest && s.away != 0:
		out.State = ClockVoid
	case done && late:
		out.State = ClockMetLate
	case done:
		out.State = ClockMet
	case late:
		out.State = ClockBreached
	case c.rest:
		out.State = ClockVoid
	case s.pausing(c):
		out.State = ClockPaused
	default:
		out.State = ClockRunning
	}
	if known && out.State != ClockVoid {
		out.Due = due
	}
	return out
}

// due is the minute at which the target is or will be counted.
func (s *simulator) due(c *simulated) (time.Time, bool) {
	left := c.target.Minutes
	if left <= len(c.ticks) && left > 0 {
		return c.ticks[left-1], true
	}
	if left == 0 || !c.rest && (s.away != 0 || s.pausing(c)) {
		return time.Time{}, false
	}
	later := *s
	if c.rest {
		later.at = c.until
	}
	for left -= len(c.ticks); ; later.at = later.at.Add(time.Minute) {
		if left == 0 {
			return later.at, true
		}
		if c.target.Wall || later.open(c.policy.Calendar) {
			left--
		}
	}
}

func (s *simulator) run(first time.Time) (shown []shownClock) {
	for _, m := range s.moments {
		if m.Kind == MomentOpened {
			s.status, s.facts = m.Status, facts{m.Severity, m.Account, m.Team, m.Sort}
		}
	}
	for s.at = first; !s.at.After(s.now); s.at = s.at.Add(time.Minute) {
		for _, c := range s.clocks {
			s.settle(c)
		}
		for _, m := range s.moments {
			if m.when() == s.at.Unix() {
				s.take(m, &shown)
				for _, c := range s.clocks {
					s.settle(c)
				}
			}
		}
		for _, c := range s.clocks {
			if s.at.Before(s.now) {
				s.minute(c)
			}
		}
	}
	s.at = s.now
	for _, c := range s.clocks {
		shown = append(shown, s.judge(c, false))
	}
	return shown
}

// drawMoments is a life of a case from a time on, a moment a minute at most.
func drawMoments(t *rapid.T, near time.Time) []Moment {
	minutes := rapid.SliceOfNDistinct(rapid.IntRange(0, 1500), 6, 18, rapid.ID[int]).Draw(t, "minutes")
	kinds := rapid.SampledFrom([]MomentKind{MomentCustomer, MomentCustomer, MomentCustomer, MomentAnswer, MomentAnswer, MomentStatus, MomentStatus, MomentStatus, MomentSeverity, MomentTeam, MomentSnoozed, MomentMergedInto, MomentSplit, MomentMarked, MomentUnmarked})
	moments := []Moment{{Kind: MomentOpened, At: near.Add(time.Duration(minutes[0]) * time.Minute), Status: New, Severity: 3, Team: "support"}}
	for i, n := range minutes[1:] {
		moments = append(moments, Moment{
			Kind: kinds.Draw(t, "kind"), At: near.Add(time.Duration(n) * time.Minute), Mail: archive.Digest{byte(rapid.IntRange(0, 3).Draw(t, "mail"))},
			Status: rapid.SampledFrom(Statuses()).Draw(t, "status"), Severity: rapid.IntRange(1, 3).Draw(t, "severity"),
			Team: rapid.SampledFrom([]string{"support", "labs"}).Draw(t, "team"), Other: 101,
			Until: near.Add(time.Duration(n+rapid.IntRange(-5, 600).Draw(t, "snooze")) * time.Minute), Actor: fmt.Sprint("kim", i),
		})
	}
	return moments
}

// drawPolicies is two policies in up to five versions.
func drawPolicies(t *rapid.T, near time.Time) (all []PolicyVersion) {
	target := func() Target {
		return Target{rapid.SampledFrom([]int{0, 1, 30, 90, 200}).Draw(t, "minutes"), rapid.Bool().Draw(t, "wall")}
	}
	for n := range rapid.IntRange(1, 5).Draw(t, "policies") {
		p := PolicyVersion{Version: Version{[]string{"standard", "labs"}[n%2], n/2 + 1}, Rank: n % 2, Removed: n > 1 && rapid.IntRange(0, 4).Draw(t, "removed") == 0}
		p.From = drawFrom(t, near)
		p.Policy = Policy{Calendar: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "calendar"), RunOn: rapid.Bool().Draw(t, "run on")}
		p.PauseOn = rapid.SampledFrom([][]PauseCause{nil, {PauseWaiting}, {PauseSnoozed, PauseWaiting}}).Draw(t, "pause on")
		p.Match = rapid.SampledFrom([]Match{{}, {Severities: []int{1}}, {Teams: []string{"support"}}}).Draw(t, "match")
		p.Targets = []Targets{{0, target(), target(), target()}, {1, target(), target(), target()}}
		all = append(all, p)
	}
	return all
}

// drawNow is a time in the life of a case, more often than not behind its end.
func drawNow(t *rapid.T, near time.Time) time.Time {
	n := rapid.OneOf(rapid.IntRange(0, 1500), rapid.IntRange(1500, 2200), rapid.Just(2000)).Draw(t, "now")
	return near.Add(time.Duration(n) * time.Minute)
}

// drawFrom is a time from which a version holds.
func drawFrom(t *rapid.T, near time.Time) time.Time {
	if n := rapid.IntRange(-1000, 2000).Draw(t, "from"); n > 0 {
		return near.Add(time.Duration(n) * time.Minute)
	}
	return time.Time{}
}

func drawCalendars(t *rapid.T, near time.Time) []CalendarVersion {
	return []CalendarVersion{
		{Version: Version{"a", 1}, Calendar: drawCalendar(t, near)}, {Version: Version{"b", 1}, Calendar: drawCalendar(t, near)},
		{Version: Version{"a", 2}, From: drawFrom(t, near), Calendar: drawCalendar(t, near)},
	}
}

// What a clock says is what counting minutes says, whatever happens to a case,
// its policies and its calendars.
func TestInvariant9_ClockEqualsMinuteSimulator(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		near := drawNear(t)
		moments, policies, calendars := drawMoments(t, near), drawPolicies(t, near), drawCalendars(t, near)
		now := drawNow(t, near)
		order := slices.Clone(moments)
		slices.SortFunc(order, func(a, b Moment) int { return a.At.Compare(b.At) })
		order = slices.DeleteFunc(order, func(m Moment) bool { return m.At.After(now) })
		sim := simulator{moments: order, policies: policies, calendars: calendars, now: now}
		want := sim.run(near)
		got := shownOf(Clocks(moments, policies, calendars, now), now)
		byTime := func(a, b shownClock) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(b.Kind, a.Kind)) }
		slices.SortStableFunc(want, byTime)
		slices.SortStableFunc(got, byTime)
		if d := diff.Diff(want, got); d != "" {
			t.Fatalf("at %s (-minute by minute +computed):\n%s", now, d)
		}
	})
}

// shownOf leaves out clocks that never ran.
func shownOf(clocks []Clock, now time.Time) (shown []shownClock) {
	for _, c := range clocks {
		x := shownClock{c.Kind, c.State, c.Since, c.Until, c.Used, 0, c.Due}
		if c.Stopped != nil && c.Stopped.Kind == MomentMarked {
			continue
		}
		for _, p := range c.Pauses {
			if p.To.IsZero() {
				p.To = now
			}
			x.Still += p.To.Sub(p.From)
		}
		shown = append(shown, x)
	}
	return shown
}

// The messages of cases that are merged count as those of one, in whatever
// order they are given, until the merge is taken back.
func TestClocksOfMergedCasesAreThoseOfTheirUnion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		near := drawNear(t)
		moments, policies, calendars := drawMoments(t, near), drawPolicies(t, near), drawCalendars(t, near)
		now := near.Add(2200 * time.Minute)
		var own []Moment // What is left of the case without the other.
		parts := slices.Clone(moments)
		for i := range parts {
			if m := &parts[i]; (m.Kind == MomentCustomer || m.Kind == MomentAnswer) && rapid.Bool().Draw(t, "other") {
				m.From = 102
				continue
			}
			own = append(own, parts[i])
		}
		at := near.Add(time.Duration(rapid.IntRange(0, 2000).Draw(t, "merged at")) * time.Minute)
		parts = append(parts, Moment{Kind: MomentMerged, At: at, Other: 102}, Moment{Kind: MomentStatus, Status: Closed, At: at, From: 102})
		parts = rapid.Permutation(parts).Draw(t, "order")
		if d := diff.Diff(shownOf(Clocks(moments, policies, calendars, now), now), shownOf(Clocks(parts, policies, calendars, now), now)); d != "" {
			t.Fatalf("(-one case +merged):\n%s", d)
		}
		parts = append(parts, Moment{Kind: MomentSplit, At: at.Add(time.Minute), Other: 102})
		if d := diff.Diff(shownOf(Clocks(own, policies, calendars, now), now), shownOf(Clocks(parts, policies, calendars, now), now)); d != "" {
			t.Fatalf("(-alone +merged and split):\n%s", d)
		}
	})
}

// Mail that no person wrote moves no clock, whoever sent it and whenever, and
// neither does what we do among ourselves.
func TestInvariant10_AutomaticMailMovesNoClock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		near := drawNear(t)
		moments, policies, calendars := drawMoments(t, near), drawPolicies(t, near), drawCalendars(t, near)
		now := drawNow(t, near)
		more := slices.Clone(moments)
		for range rapid.IntRange(1, 8).Draw(t, "automatic") {
			more = slices.Insert(more, rapid.IntRange(0, len(more)).Draw(t, "place"), Moment{
				Kind: rapid.SampledFrom([]MomentKind{MomentAutomatic, MomentAutomatic, MomentInternal, MomentNote, MomentOwner}).Draw(t, "automatic kind"),
				At:   near.Add(time.Duration(rapid.IntRange(-100, 2000).Draw(t, "automatic at")) * time.Minute),
				Mail: archive.Digest{byte(rapid.IntRange(0, 3).Draw(t, "automatic mail"))},
			})
		}
		if d := diff.Diff(Clocks(moments, policies, calendars, now), Clocks(more, policies, calendars, now)); d != "" {
			t.Fatalf("(-without +with automatic mail):\n%s", d)
		}
	})
}
