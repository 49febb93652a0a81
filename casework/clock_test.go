package casework

import (
	"slices"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
)

// story is what happened to a case, by the clock on the wall in Bremen.
type story struct {
	t         testing.TB
	moments   []Moment
	policies  []PolicyVersion
	calendars []CalendarVersion
}

// newStory is a case of severity 3 under the policy that usualPolicy sets.
func newStory(t testing.TB) *story {
	s := &story{t: t, calendars: []CalendarVersion{{Version: Version{"bremen", 1}, Calendar: bremen(t, officeHours())}}}
	s.policies = []PolicyVersion{{Version: Version{"standard", 1}, Policy: usualPolicy()}}
	return s
}

// usualPolicy promises more at severity 1, and less for the rest.
func usualPolicy() Policy {
	return Policy{Calendar: "bremen", PauseOn: []PauseCause{PauseWaiting, PauseSnoozed}, Targets: []Targets{
		{Severity: 1, First: Target{Minutes: 60}, Next: Target{Minutes: 120}, Resolution: Target{Minutes: 480}},
		{First: Target{Minutes: 240}, Next: Target{Minutes: 120}, Resolution: Target{Minutes: 2400}},
	}}
}

// on adds a moment at "03 09:00", in November 2026; the 3rd is a Tuesday.
func (s *story) on(at string, m Moment) *story {
	m.At = s.time(at)
	s.moments = append(s.moments, m)
	return s
}

func (s *story) time(at string) time.Time { return berlin(s.t, "2026-11-"+at) }

func (s *story) opened(at string) *story {
	return s.on(at, Moment{Kind: MomentOpened, Status: New, Severity: 3, Account: "acme", Team: "support", Sort: "request", Actor: "kim"})
}

func (s *story) customer(at string) *story {
	return s.on(at, Moment{Kind: MomentCustomer, Mail: archive.Digest{byte(len(s.moments) + 1)}})
}

func (s *story) answer(at string) *story { return s.on(at, Moment{Kind: MomentAnswer, Actor: "kim"}) }

func (s *story) status(at string, to Status) *story {
	return s.on(at, Moment{Kind: MomentStatus, Status: to, Actor: "kim"})
}

func (s *story) clocks(now string) []Clock {
	return Clocks(s.moments, s.policies, s.calendars, s.time(now))
}

// want expects clocks of a kind: "met 09:00-10:00 due 03 14:30 used 60m", with
// what is not given left out.
func (s *story) want(now string, kind ClockKind, want ...string) {
	s.t.Helper()
	var got []string
	for _, c := range s.clocks(now) {
		if c.Kind == kind {
			got = append(got, s.show(c))
		}
	}
	if !slices.Equal(got, want) {
		s.t.Errorf("%s: the %s clocks are %q, want %q", now, kind, got, want)
	}
}

func (s *story) show(c Clock) string {
	at := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return t.In(s.time("03 00:00").Location()).Format("02 15:04")
	}
	return string(c.State) + " from " + at(c.Since) + " to " + at(c.Until) + " due " + at(c.Due) + " used " + c.Used.String()
}

func (s *story) why(now string, kind ClockKind) string {
	var lines []string
	for _, c := range s.clocks(now) {
		if c.Kind == kind {
			for _, r := range c.Why {
				lines = append(lines, r.Text(s.time("03 00:00").Location(), strings.ToUpper))
			}
		}
	}
	return strings.Join(lines, "\n")
}

// zammad#5177: the target for updates took the place of that for the first reply.
func TestESC8_Bug01_NextReplyTargetDoesNotReplaceTheFirst(t *testing.T) {
	s := newStory(t).opened("03 09:00").customer("03 09:00").customer("03 10:00")
	s.want("03 10:30", FirstReply, "running from 03 09:00 to - due 03 14:00 used 1h30m0s")
	s.want("03 10:30", NextReply)
	s.answer("03 11:00").customer("03 11:30")
	s.want("03 11:45", FirstReply, "met from 03 09:00 to 03 11:00 due 03 14:00 used 2h0m0s")
	s.want("03 11:45", NextReply, "running from 03 11:30 to - due 03 14:30 used 15m0s")
	s.want("03 11:45", Resolution, "running from 03 09:00 to - due 10 09:30 used 2h45m0s")
	if c, ok := Applicable(s.clocks("03 11:45")); !ok || c.Kind != NextReply {
		t.Errorf("the clock to look at is %+v", c)
	}
}

// zammad#3140: a case escalated although it was answered.
func TestESC8_Bug02_NextReplyDoesNotRunAfterOurAnswer(t *testing.T) {
	s := newStory(t).opened("03 09:00").customer("03 09:00").answer("03 09:30").customer("03 10:00").answer("03 10:10")
	s.want("09 12:00", NextReply, "met from 03 10:00 to 03 10:10 due 03 12:00 used 10m0s")
	if c, ok := Applicable(s.clocks("03 12:30")); !ok || c.Kind != Resolution {
		t.Errorf("the clock to look at is %+v", c)
	}
}

// zammad#1322, #2091: what the customer said on the telephone started no clock.
func TestESC8_Bug03_NoChannelOfTheCustomerIsPassedOver(t *testing.T) {
	s := newStory(t).opened("03 09:00").answer("03 09:10")
	s.on("03 10:00", Moment{Kind: MomentCustomer, Actor: "kim"}) // Noted after a call: no mail at all.
	s.on("03 10:05", Moment{Kind: MomentNote, Actor: "kim"}).on("03 10:06", Moment{Kind: MomentInternal, Actor: "marta"})
	s.want("03 10:30", NextReply, "running from 03 10:00 to - due 03 12:00 used 30m0s")
}

// zammad#2082: the time was not there before the second reply.
func TestESC8_Bug04_DueDoesNotWaitForASecondReply(t *testing.T) {
	s := newStory(t).opened("03 09:00").customer("03 09:00").answer("03 09:30").customer("03 10:00")
	s.want("03 10:00", NextReply, "running from 03 10:00 to - due 03 12:00 used 0s")
	s.customer("03 11:00")
	s.want("03 11:00", NextReply, "running from 03 10:00 to - due 03 12:00 used 1h0m0s")
}

// zammad#5624: a target stayed after the case had moved to a team without it.
func TestESC8_Bug05_TargetDoesNotOutliveItsTeam(t *testing.T) {
	s := newStory(t).opened("03 09:00").customer("03 09:00").on("03 10:00", Moment{Kind: MomentTeam, Team: "labs"})
	s.policies[0].Match.Teams = []string{"support"}
	s.want("05 12:00", FirstReply, "void from 03 09:00 to - due - used 1h0m0s")
	if c, ok := Applicable(s.clocks("05 12:00")); ok {
		t.Errorf("a clock is left: %+v", c)
	}
	s.on("05 12:00", Moment{Kind: MomentTeam, Team: "support"}).on("05 13:30", Moment{Kind: MomentSeverity, Severity: 1})
	s.want("05 12:15", FirstReply, "running from 03 09:00 to - due 05 16:00 used 1h15m0s")
	s.want("05 14:00", FirstReply, "breached from 03 09:00 to - due 03 10:00 used 2h0m0s")
}

// zammad#904, #4203: a merged case escalated on, and its messages were not counted.
func TestESC8_Bug06_MergedCaseDoesNotEscalateAndItsMessagesCount(t *testing.T) {
	s := newStory(t).opened("03 10:00").customer("03 10:00")
	s.on("03 09:00", Moment{Kind: MomentCustomer, From: 102}).on("03 09:15", Moment{Kind: MomentStatus, Status: Closed, From: 102})
	s.want("03 11:00", FirstReply, "running from 03 10:00 to - due 03 15:00 used 1h0m0s")
	s.on("03 10:30", Moment{Kind: MomentMerged, Other: 102, Actor: "kim"})
	s.want("03 11:00", FirstReply, "running from 03 09:00 to - due 03 14:00 used 2h0m0s")
	if why := s.why("03 11:00", FirstReply); !strings.Contains(why, `merged since 3 Nov 10:30, because KIM merged C-102 with it`) {
		t.Errorf("nothing tells of the merge:\n%s", why)
	}
	s.on("03 10:45", Moment{Kind: MomentAnswer, From: 102})
	s.want("03 11:00", FirstReply, "met from 03 09:00 to 03 10:45 due 03 14:00 used 1h45m0s")
	s.on("03 11:30", Moment{Kind: MomentSplit, Other: 102})
	s.want("03 12:00", FirstReply, "running from 03 10:00 to - due 03 15:00 used 2h0m0s")

	other := newStory(t).opened("03 09:00").customer("03 09:00").on("03 10:30", Moment{Kind: MomentMergedInto, Other: 101})
	other.want("05 10:30", FirstReply, "void from 03 09:00 to - due - used 1h30m0s")
	other.want("05 10:30", Resolution, "void from 03 09:00 to - due - used 1h30m0s")
	other.on("05 10:30", Moment{Kind: MomentSplit, Other: 101})
	other.want("05 11:00", FirstReply, "running from 03 09:00 to - due 05 14:00 used 2h0m0s")
}

// zammad#534: a changed calendar moved nothing that was due.
func TestESC8_Bug07_ChangedCalendarDoesNotLeaveOldTimes(t *testing.T) {
	s := newStory(t).opened("03 16:30").customer("03 16:30")
	s.want("03 17:00", FirstReply, "running from 03 16:30 to - due 04 12:00 used 30m0s")
	next := CalendarVersion{Version: Version{"bremen", 2}, From: s.time("04 00:00"), Calendar: bremen(t, officeHours(), Holiday{Day: "2026-11-04", Name: "Works outing"})}
	s.calendars = append(s.calendars, next)
	s.want("03 17:00", FirstReply, "running from 03 16:30 to - due 05 12:00 used 30m0s")
	s.want("04 12:00", FirstReply, "running from 03 16:30 to - due 05 12:00 used 1h0m0s")
	if why := s.why("04 12:00", FirstReply); !strings.Contains(why, "bremen (version 1) since 3 Nov 16:30") || !strings.Contains(why, "bremen (version 2) since 4 Nov 00:00") {
		t.Errorf("the calendars are not told:\n%s", why)
	}
	// A later decision about an earlier time goes before both.
	s.calendars = append(s.calendars, CalendarVersion{Version: Version{"bremen", 3}, From: s.time("03 00:00"), Calendar: calendarIn(t, "Europe/Berlin", around(Shift{"00:00", "24:00"}))})
	s.want("03 17:00", FirstReply, "running from 03 16:30 to - due 03 20:30 used 30m0s")
}

// zammad#4432, #2157: reminders came at midnight and on Sundays.
func TestESC8_Bug08_RemindersDoNotComeAtNight(t *testing.T) {
	s := newStory(t).opened("06 17:00").customer("06 17:00")
	s.policies[0].Targets = []Targets{{First: Target{Minutes: 600, Wall: true}, Resolution: Target{Minutes: 1500, Wall: true}}}
	for _, c := range s.clocks("06 17:00") {
		want, warn := "07 10:00", "07 01:00" // Saturday, 80 % of ten hours.
		if c.Kind == Resolution {
			want, warn = "09 09:00", "07 13:00"
		}
		if !c.Warn.Equal(s.time(warn)) || !c.Remind.Equal(s.time(want)) {
			t.Errorf("%s warns at %s and reminds at %s, want %s and %s", c.Kind, c.Warn, c.Remind, warn, want)
		}
	}
}

// chatwoot#10178: a case that was closed after "thanks!" counted as not answered.
func TestESC8_Bug09_ClosedCaseIsNotMissedForAThankYou(t *testing.T) {
	s := newStory(t).opened("03 09:00").customer("03 09:00").answer("03 09:30").customer("03 10:00").status("03 10:30", Resolved)
	s.want("09 12:00", NextReply, "void from 03 10:00 to 03 10:30 due - used 30m0s")
	s.want("09 12:00", Resolution, "met from 03 09:00 to 03 10:30 due 10 09:30 used 1h30m0s")
	s.status("05 09:00", Open) // The clock goes on: nobody has answered.
	s.want("05 10:00", NextReply, "running from 03 10:00 to - due 05 10:30 used 1h30m0s")

	s = newStory(t).opened("03 09:00").customer("03 09:00").answer("03 09:30").status("03 09:40", Resolved).customer("03 10:00")
	s.want("03 11:00", NextReply, "running from 03 10:00 to - due 03 12:00 used 1h0m0s") // Nobody has looked at it yet.
	mark := Moment{Kind: MomentMarked, Mail: s.moments[4].Mail, Actor: "kim"}
	s.on("03 11:30", mark)
	s.want("09 12:00", NextReply, "void from 03 10:00 to 03 11:30 due - used 0s")
	s.want("09 12:00", Resolution, "met from 03 09:00 to 03 09:40 due 10 09:30 used 40m0s")
	mark.Kind = MomentUnmarked
	s.on("04 09:00", mark)
	s.want("04 12:00", NextReply, "breached from 03 10:00 to - due 03 12:00 used 9h30m0s")

	s = newStory(t).opened("03 09:00").customer("03 09:00").answer("03 09:30").customer("03 10:00").status("03 10:30", Resolved)
	s.policies[0].RunOn = true
	s.want("03 11:30", NextReply, "running from 03 10:00 to - due 03 12:00 used 1h30m0s")
}

// chatwoot#13392: the page forgot a miss after a late reply, the report did not.
func TestESC8_Bug10_LateReplyDoesNotHideTheMiss(t *testing.T) {
	s := newStory(t).opened("03 09:00").customer("03 09:00")
	s.want("03 14:00", FirstReply, "running from 03 09:00 to - due 03 14:00 used 4h0m0s")
	s.want("03 14:01", FirstReply, "breached from 03 09:00 to - due 03 14:00 used 4h1m0s")
	s.answer("03 15:00").customer("03 15:30").answer("03 15:40").status("03 16:00", Closed)
	for _, now := range []string{"03 15:00", "03 15:35", "03 16:00", "20 12:00"} {
		s.want(now, FirstReply, "met-late from 03 09:00 to 03 15:00 due 03 14:00 used 5h0m0s")
	}
}

// chatwoot#13392, osTicket#419, #4807, GLPI#22678: warnings came at 00:00.
func TestESC8_Bug11_WarningsDoNotCountClosedHours(t *testing.T) {
	s := newStory(t).opened("03 16:30").customer("03 16:30")
	c := s.clocks("03 16:30")[1] // 4 h of work: 1 today, 3 tomorrow.
	if want := s.time("04 11:12"); c.Kind != FirstReply || !c.Warn.Equal(want) || !c.Remind.Equal(want) {
		t.Errorf("%s warns at %s, want %s", c.Kind, c.Warn, want)
	}
	s.policies[0].Warn = 50
	if c, want := s.clocks("03 16:30")[1], s.time("04 10:00"); !c.Warn.Equal(want) {
		t.Errorf("half of it is used at %s, want %s", c.Warn, want)
	}
	if c := s.clocks("04 10:00")[1]; c.Share() != 0.5 {
		t.Errorf("%v of it is used, want half", c.Share())
	}
}

// osTicket#1684, #1279, #657: an answered case was overdue because the customer was silent.
func TestESC8_Bug12_SilentCustomerDoesNotMakeACaseOverdue(t *testing.T) {
	s := newStory(t).opened("03 09:00").customer("03 09:00").answer("03 10:00").status("03 10:00", WaitingCustomer)
	s.want("27 10:00", Resolution, "paused from 03 09:00 to - due - used 1h0m0s")
	s.policies[0].PauseOn = nil
	s.want("27 10:00", Resolution, "breached from 03 09:00 to - due 10 09:30 used 142h0m0s")

	s = newStory(t).opened("03 09:00").customer("03 09:00").on("03 10:00", Moment{Kind: MomentSnoozed, Until: berlin(t, "2026-11-03 12:00")})
	s.want("03 11:00", FirstReply, "paused from 03 09:00 to - due - used 1h0m0s")
	s.want("03 12:15", FirstReply, "running from 03 09:00 to - due 03 16:00 used 1h15m0s")
}

// osTicket#5160, #686: a case stayed overdue after its promise had changed.
func TestESC8_Bug13_NothingStaysOverdueAfterThePolicyChanged(t *testing.T) {
	s := newStory(t).opened("03 09:00").customer("03 09:00").on("03 09:30", Moment{Kind: MomentSeverity, Severity: 1})
	s.want("03 11:00", FirstReply, "breached from 03 09:00 to - due 03 10:00 used 2h0m0s")
	s.on("03 11:00", Moment{Kind: MomentSeverity, Severity: 3})
	s.want("03 11:00", FirstReply, "running from 03 09:00 to - due 03 14:00 used 2h0m0s")
	wider := PolicyVersion{Version: Version{"standard", 2}, From: s.time("03 14:30"), Policy: usualPolicy()}
	wider.Targets[1].First.Minutes = 480
	s.policies = append(s.policies, wider)
	s.want("03 14:15", FirstReply, "breached from 03 09:00 to - due 03 14:00 used 4h15m0s")
	s.want("03 14:30", FirstReply, "running from 03 09:00 to - due 04 09:30 used 4h30m0s")
	s.policies = append(s.policies, PolicyVersion{Version: Version{"standard", 3}, From: s.time("03 15:00"), Removed: true})
	s.want("03 16:00", FirstReply, "void from 03 09:00 to - due - used 5h0m0s")
}

// agenthive, "SLA pause auditor": a case was pending although the customer had replied.
func TestESC8_Bug14_PauseDoesNotOutlastTheCustomersReply(t *testing.T) {
	s := newStory(t).opened("03 09:00").customer("03 09:00").answer("03 10:00").status("03 10:00", WaitingCustomer).customer("03 11:00")
	s.want("03 12:00", Resolution, "running from 03 09:00 to - due 10 10:30 used 2h0m0s")
	s.want("03 12:00", NextReply, "running from 03 11:00 to - due 03 14:00 used 1h0m0s")
	s.on("03 12:00", Moment{Kind: MomentSeverity, Severity: 2}) // The status is what it was.
	s.want("03 12:15", NextReply, "running from 03 11:00 to - due 03 14:00 used 1h15m0s")
	s.answer("03 12:20") // And is right again.
	s.want("05 12:15", Resolution, "paused from 03 09:00 to - due - used 2h20m0s")

	s = newStory(t).opened("03 09:00").customer("03 09:00").status("03 10:00", WaitingCustomer).answer("03 11:00")
	c := s.clocks("03 12:00")
	if len(c) != 2 || len(c[1].Pauses) != 1 || !c[1].Pauses[0].Unfounded || !c[1].Pauses[0].To.Equal(s.time("03 11:00")) {
		t.Errorf("a pause while the customer waited is not told: %+v", c[1].Pauses)
	}
	if len(c[0].Pauses) != 2 || !c[0].Pauses[0].Unfounded || c[0].Pauses[1].Unfounded || !c[0].Pauses[1].To.IsZero() {
		t.Errorf("nor from when on it was right: %+v", c[0].Pauses)
	}
}

// A date that lies in the future of its receipt counts as received, and what
// has not happened yet counts for nothing.
func TestClocksBelieveNoMessageFromTheFuture(t *testing.T) {
	s := newStory(t).opened("03 09:00").on("05 09:00", Moment{Kind: MomentCustomer, Received: berlin(t, "2026-11-03 10:00")}).answer("03 12:00")
	s.want("03 11:00", FirstReply, "running from 03 10:00 to - due 03 15:00 used 1h0m0s")
}

// A message that was there before the case is judged as the case was opened.
func TestClocksBeginWithTheMessageAndNotWithTheCase(t *testing.T) {
	s := newStory(t).customer("03 09:00").on("03 10:00", Moment{Kind: MomentOpened, Status: New, Severity: 1, Team: "support"})
	s.policies[0].Match.Teams = []string{"support"}
	s.want("03 09:45", Resolution, "void from 03 09:00 to - due - used 0s")
	s.want("03 10:15", FirstReply, "breached from 03 09:00 to - due 03 10:00 used 1h15m0s")
	s.want("03 10:15", Resolution, "running from 03 09:00 to - due 04 09:30 used 1h15m0s")
}

// The first policy that matches is for the case, and policies can be put in
// another order from a time on.
func TestFirstPolicyThatMatchesIsForTheCase(t *testing.T) {
	s := newStory(t).opened("03 09:00").customer("03 09:00")
	gold := PolicyVersion{Version: Version{"gold", 1}, Rank: 1, Policy: usualPolicy()}
	gold.Targets, gold.Match = []Targets{{First: Target{Minutes: 30}}}, Match{Accounts: []string{"acme"}, Kinds: []string{"request"}, Severities: []int{2, 3}}
	s.policies = append(s.policies, gold)
	s.want("03 10:00", FirstReply, "running from 03 09:00 to - due 03 14:00 used 1h0m0s")
	gold.Number, gold.Rank, gold.From = 2, -1, s.time("03 10:00")
	s.policies = append(s.policies, gold)
	s.want("03 10:00", FirstReply, "breached from 03 09:00 to - due 03 09:30 used 1h0m0s")
	s.on("03 10:15", Moment{Kind: MomentAccount, Account: "contoso"})
	s.want("03 10:15", FirstReply, "running from 03 09:00 to - due 03 14:00 used 1h15m0s")
}

// The panel names each fact that moved the deadline, with the moment that made it so.
func TestESC8_WhyPanelNamesEachCause(t *testing.T) {
	s := newStory(t).opened("03 09:00").customer("03 09:00")
	s.on("03 09:30", Moment{Kind: MomentSeverity, Severity: 1, Actor: "marta"})
	s.on("03 09:40", Moment{Kind: MomentSnoozed, Until: berlin(t, "2026-11-03 10:10"), Actor: "kim"})
	s.status("03 10:15", WaitingCustomer).customer("03 11:00")
	s.on("03 11:05", Moment{Kind: MomentTeam, Team: "labs", Actor: "kim"}).on("03 11:20", Moment{Kind: MomentTeam, Team: "support", Actor: "kim"})
	s.policies[0].Match.Teams = []string{"support"}
	slow := PolicyVersion{Version: Version{"standard", 2}, From: s.time("03 11:22"), Policy: usualPolicy()}
	slow.Targets[0].First = Target{Minutes: 90, Wall: true}
	s.policies = append(s.policies, slow)
	s.answer("03 11:25")
	want := []struct {
		kind   ReasonKind
		at     string
		moment int // -1: time alone.
	}{
		{ReasonStarted, "03 09:00", 1}, {ReasonPolicy, "03 09:00", 1}, {ReasonCalendar, "03 09:00", -1}, {ReasonPolicy, "03 09:30", 2},
		{ReasonPaused, "03 09:40", 3}, {ReasonPaused, "03 10:15", 4}, {ReasonNoTarget, "03 11:05", 6}, {ReasonPolicy, "03 11:22", -1},
		{ReasonAnswered, "03 11:25", 8}, {ReasonDue, "03 12:00", -1},
	}
	c := s.clocks("03 12:00")[1]
	if c.Kind != FirstReply || len(c.Why) != len(want) {
		t.Fatalf("%s has %d reasons, want %d:\n%s", c.Kind, len(c.Why), len(want), s.why("03 12:00", FirstReply))
	}
	for i, w := range want {
		r := c.Why[i]
		if r.Kind != w.kind || !r.At.Equal(s.time(w.at)) || (w.moment < 0) != (r.Moment == nil) || r.Moment != nil && r.Moment != &s.moments[w.moment] {
			t.Errorf("reason %d is %+v, want %+v", i, r, w)
		}
	}
	text := s.why("03 12:00", FirstReply)
	for _, line := range []string{
		`started 3 Nov 09:00, because the customer wrote`,
		`1 h of working hours by the policy standard (version 1) since 3 Nov 09:30, because MARTA set the severity to S1`,
		`working hours are those of bremen (version 1) since 3 Nov 09:00`,
		`paused (snoozed) 30 min from 3 Nov 09:40 to 3 Nov 10:10, because KIM had the case sleep`,
		`paused (waiting on customer) 45 min from 3 Nov 10:15 to 3 Nov 11:00, because KIM set the status to waiting on customer; nobody had answered the customer`,
		`no target 15 min from 3 Nov 11:05 to 3 Nov 11:20, because KIM gave the case to labs`,
		`1 h 30 min by the clock by the policy standard (version 2) since 3 Nov 11:22, because its time had come`,
		`answered 3 Nov 11:25, because we answered`,
		`due 3 Nov 12:00`,
	} {
		if !strings.Contains(text, line+"\n") && !strings.HasSuffix(text, line) {
			t.Errorf("nothing says %q:\n%s", line, text)
		}
	}
}

// lifeOf is a case of n moments in a year: questions, answers, what is set.
func lifeOf(n int) []Moment {
	moments := []Moment{{Kind: MomentOpened, At: start, Status: New, Severity: 3, Team: "support"}}
	kinds := []MomentKind{MomentCustomer, MomentAnswer, MomentStatus, MomentAutomatic, MomentCustomer, MomentNote, MomentAnswer, MomentSeverity}
	for i := 1; i < n; i++ {
		moments = append(moments, Moment{
			Kind: kinds[i%len(kinds)], At: start.Add(time.Duration(i) * (365 * 24 * time.Hour / time.Duration(n))), Mail: archive.Digest{byte(i), byte(i >> 8)},
			Status: []Status{Open, WaitingCustomer}[i/8%2], Severity: 2 + i/8%2,
		})
	}
	return moments
}

// BenchmarkClocks2000 is a case with two thousand moments.
func BenchmarkClocks2000(b *testing.B) {
	s, moments := newStory(b), lifeOf(2000)
	now := start.AddDate(1, 0, 0)
	b.ReportAllocs()
	for b.Loop() {
		if n := len(Clocks(moments, s.policies, s.calendars, now)); n < 500 {
			b.Fatal(n)
		}
	}
}

// Shown is the clock that is due first; one that stands still only when no
// other goes on, and then the one with the least left.
func TestApplicableClockIsTheOneDueFirst(t *testing.T) {
	s := newStory(t).opened("03 09:00").customer("03 09:00")
	for _, c := range []struct {
		now  string
		want ClockKind
	}{{"03 09:00", FirstReply}, {"05 09:00", FirstReply}} { // Breached, it is still waited for.
		if got, ok := Applicable(s.clocks(c.now)); !ok || got.Kind != c.want {
			t.Errorf("%s: %s, want %s", c.now, got.Kind, c.want)
		}
	}
	s.policies[0].Targets[1] = Targets{First: Target{Minutes: 300}, Resolution: Target{Minutes: 200}}
	s.on("03 10:00", Moment{Kind: MomentSnoozed, Until: s.time("04 10:00")})
	if got, ok := Applicable(s.clocks("03 12:00")); !ok || got.Kind != Resolution || got.State != ClockPaused {
		t.Errorf("of two that stand still %s (%s) is shown", got.Kind, got.State)
	}
	s.answer("03 12:00").status("03 12:05", Resolved)
	if got, ok := Applicable(s.clocks("03 13:00")); ok {
		t.Errorf("after all is done %s (%s) is shown", got.Kind, got.State)
	}
	if _, ok := Applicable(Clocks(nil, s.policies, s.calendars, start)); ok {
		t.Error("a case without moments has a clock")
	}
}
