package casework

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// workOf is case 101 as it stands at a time, with mail, under a policy of one hour for the first reply.
func workOf(t testing.TB, o *office, now time.Time, mail ...Mail) Work {
	t.Helper()
	c := o.theCase(101)
	var clocks []Clock
	o.desk.Read(func(s *State) {
		clocks = Clocks(slices.Concat(DecisionMoments(c), MailMoments(mail)), s.PolicyVersions(), s.CalendarVersions(), now)
	})
	w, ok := WorkOf(c, mail, func(Mail) bool { return false }, clocks, time.UTC, now)
	if !ok {
		t.Fatal("the case is done")
	}
	return w
}

// Each case is in exactly the slices that its story says, seen by kim.
func TestTR7_EachCaseIsInItsSlices(t *testing.T) {
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	for name, x := range map[string]struct {
		do   func(o *office)
		mail []Mail
		now  int // Minutes.
		want []Slice
	}{
		"nobody has looked":          {nil, nil, 1, []Slice{SliceNew, SliceUs, SliceUnowned}},
		"it waits for a first reply": {nil, []Mail{wrote(0, Inbound)}, 1, []Slice{SliceNew, SliceUs, SliceToday, SliceUnowned}},
		"due tomorrow": {func(o *office) {
			o.do(SetPolicy{Name: "standard", Policy: Policy{Targets: []Targets{{First: Target{Minutes: 24 * 60, Wall: true}}}}})
		}, []Mail{wrote(0, Inbound)}, 1, []Slice{SliceNew, SliceUs, SliceUnowned}},
		"it has waited too long": {nil, []Mail{wrote(0, Inbound)}, 61, []Slice{SliceNew, SliceUs, SliceOverdue, SliceUnowned}},
		"it was answered": {func(o *office) {
			o.as("kim", ClaimCase{Case: 101}, ChangeCase{Case: 101, Status: new(WaitingCustomer)})
		},
			[]Mail{wrote(0, Inbound), wrote(30, Outbound)}, 61, []Slice{SliceCustomer, SliceMine}},
		"the customer wrote again": {func(o *office) {
			o.as("kim", ClaimCase{Case: 101}, ChangeCase{Case: 101, Status: new(WaitingCustomer)})
		},
			[]Mail{wrote(0, Inbound), wrote(30, Outbound), wrote(40, Inbound)}, 61, []Slice{SliceUs, SliceToday, SliceMine}},
		"answered on the phone": {func(o *office) { o.clock = at(10); o.as("marta", ChangeCase{Case: 101, Status: new(WaitingCustomer)}) },
			[]Mail{wrote(0, Inbound)}, 20, []Slice{SliceCustomer, SliceToday, SliceUnowned}},
		"another has it": {func(o *office) { o.as("marta", ClaimCase{Case: 101}, ChangeCase{Case: 101, Status: new(WaitingUs)}) },
			[]Mail{wrote(0, Inbound), wrote(30, Outbound)}, 61, []Slice{SliceUs}},
		"the worst": {func(o *office) { o.as("marta", ChangeCase{Case: 101, Severity: new(1)}) }, nil, 1, []Slice{SliceUrgent, SliceNew, SliceUs, SliceUnowned}},
		"at risk": {func(o *office) {
			o.as("marta", OverrideRisk{Case: 101, Level: RiskHigh, Until: at(120), Reason: "r"})
		}, nil, 61, []Slice{SliceUrgent, SliceNew, SliceUs, SliceUnowned}},
		"not any more": {func(o *office) {
			o.as("marta", OverrideRisk{Case: 101, Level: RiskHigh, Until: at(30), Reason: "r"})
		}, nil, 61, []Slice{SliceNew, SliceUs, SliceUnowned}},
		"it sleeps":              {func(o *office) { o.as("kim", SnoozeCase{Case: 101, Until: at(600)}) }, []Mail{wrote(0, Inbound)}, 1, []Slice{SliceSnoozed}},
		"a promise does not":     {func(o *office) { o.as("kim", SnoozeCase{Case: 101, Until: at(600)}) }, []Mail{wrote(0, Inbound)}, 61, []Slice{SliceOverdue, SliceSnoozed}},
		"the customer wakes it":  {func(o *office) { o.as("kim", SnoozeCase{Case: 101, Until: at(600)}) }, []Mail{wrote(2, Inbound)}, 3, []Slice{SliceNew, SliceUs, SliceToday, SliceUnowned}},
		"its time has come":      {func(o *office) { o.as("kim", SnoozeCase{Case: 101, Until: at(600)}) }, nil, 600, []Slice{SliceNew, SliceUs, SliceUnowned}},
		"it came in as a puzzle": {func(o *office) { o.desk.state.cases[0].Routed = &Routing{Exception: "unknown sender"} }, nil, 1, []Slice{SliceNew, SliceUs, SliceExceptions, SliceUnowned}},
	} {
		t.Run(name, func(t *testing.T) {
			o := inSupport(t)
			o.do(SetPolicy{Name: "standard", Policy: Policy{Targets: []Targets{{First: Target{Minutes: 60, Wall: true}, Next: Target{Minutes: 60, Wall: true}}}}})
			if x.do != nil {
				x.do(o)
			}
			now := at(x.now)
			w := workOf(t, o, now, x.mail...)
			var got []Slice
			for _, s := range append(Slices(), TeamSlice("support"), TeamSlice("second")) {
				if w.In(s, "kim", now) {
					got = append(got, s)
				}
			}
			if !w.Asleep {
				x.want = append(x.want, SliceAll, TeamSlice("support"))
			}
			if !slices.Equal(got, x.want) {
				t.Errorf("got %v, want %v", got, x.want)
			}
		})
	}
}

// A case that is awake is for us or for the customer, and in all; one that sleeps is in no slice of either.
func TestTR7_SlicesPartTheWork(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := inSupport(t)
		for range rapid.IntRange(0, 6).Draw(rt, "steps") {
			o.clock = o.clock.Add(10 * time.Minute)
			status := rapid.SampledFrom([]Status{New, Open, WaitingCustomer, WaitingUs}).Draw(rt, "status")
			o.as("marta", rapid.SampledFrom([]Command{ChangeCase{Case: 101, Status: &status}, SnoozeCase{Case: 101, Until: o.clock.Add(time.Hour)}, WakeCase{Case: 101}}).Draw(rt, "command"))
		}
		var mail []Mail
		for i := range rapid.IntRange(0, 4).Draw(rt, "messages") {
			mail = append(mail, wrote(15*i+1, rapid.SampledFrom([]MailDirection{Inbound, Outbound, Internal}).Draw(rt, "direction")))
		}
		w := workOf(t, o, o.clock, mail...)
		in := func(s Slice) int {
			if w.In(s, "kim", o.clock) {
				return 1
			}
			return 0
		}
		if in(SliceUs)+in(SliceCustomer) != in(SliceAll) || in(SliceSnoozed)+in(SliceAll) != 1 || in(TeamSlice("support")) != in(SliceAll) || in("lost")+in(TeamSlice("")) != 0 {
			rt.Fatalf("%+v", w)
		}
	})
}

// A case that is done, or part of another one, is no work.
func TestTR7_WhatIsDoneIsNoWork(t *testing.T) {
	for _, c := range []Case{{Status: Resolved}, {Status: Closed}, {Status: Open, Into: 102}} {
		if _, ok := WorkOf(c, nil, nil, nil, time.UTC, start); ok {
			t.Errorf("%+v is work", c)
		}
	}
}
