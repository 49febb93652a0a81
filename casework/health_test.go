package casework

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The numbers of a story that can be counted by hand.
func TestTR11_HealthCountsTheLog(t *testing.T) {
	o := inSupport(t) // C-101 in support, on 3 November.
	day := func(n int) { o.clock = start.AddDate(0, 0, n) }
	day(1)
	o.as("marta", OpenCase{Title: "B", Team: "support"}, OpenCase{Title: "C", Team: "second"}, OpenCase{Title: "D"})
	o.as("kim", ClaimCase{Case: 101})
	day(2)
	o.as("marta", ChangeCase{Case: 102, Team: new("second")}, ChangeCase{Case: 103, Status: new(Resolved)}, ClaimCase{Case: 102})
	day(3)
	o.as("marta", ChangeCase{Case: 103, Status: new(Open)}, MergeCase{Case: 104, Into: 103}, SnoozeCase{Case: 102, Until: start.AddDate(0, 0, 9)})
	work := []Work{
		{Case: o.theCase(101), Clocks: []Clock{{State: ClockRunning, Target: 5 * time.Hour, Used: time.Hour}, {State: ClockRunning, Target: 30 * time.Hour, Used: 7 * time.Hour}}},
		{Case: o.theCase(102), Asleep: true, Clocks: []Clock{{State: ClockPaused, Target: time.Hour}, {State: ClockBreached}, {State: ClockRunning, Target: 30 * time.Hour}}},
		{Case: o.theCase(103)},
	}
	got := HealthOf(o.desk.state.Histories(), work, o.desk.state.Teams(), o.clock, time.UTC)
	if len(got) != 3 || len(got[0].Days) != flowDays {
		t.Fatalf("%d, of %d days", len(got), len(got[0].Days))
	}
	today := start.AddDate(0, 0, 3).Truncate(24 * time.Hour)
	for i := range got {
		for j, d := range got[i].Days {
			if !d.Day.Equal(today.AddDate(0, 0, j-flowDays+1)) || j < flowDays-4 && (d.In != 0 || d.Out != 0 || d.Backlog != 0) {
				t.Errorf("day %d is %+v", j, d)
			}
			got[i].Days[j].Day = time.Time{}
		}
		got[i].Days = got[i].Days[flowDays-4:]
	}
	want := []Health{
		{All: true, Backlog: 3, Unowned: 1, Snoozed: 1, Oldest: 101, Since: start, Days: []FlowDay{{In: 1, Backlog: 1}, {In: 3, Backlog: 4}, {Out: 1, Backlog: 3}, {In: 1, Out: 1, Backlog: 3}},
			Owners: []OwnerLoad{{"kim", 1}, {"marta", 1}}, Overdue: 1, Within4: 1, Within24: 2},
		{Team: "second", Backlog: 2, Unowned: 1, Snoozed: 1, Oldest: 102, Since: start.AddDate(0, 0, 1), Days: []FlowDay{{}, {In: 1, Backlog: 1}, {In: 1, Out: 1, Backlog: 1}, {In: 1, Backlog: 2}},
			Owners: []OwnerLoad{{"marta", 1}}, Overdue: 1},
		{Team: "support", Backlog: 1, Oldest: 101, Since: start, Days: []FlowDay{{In: 1, Backlog: 1}, {In: 1, Backlog: 2}, {Out: 1, Backlog: 1}, {Backlog: 1}},
			Owners: []OwnerLoad{{"kim", 1}}, Within4: 1, Within24: 2},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// Days begin when they begin where people are.
func TestTR11_DaysAreThoseOfTheZone(t *testing.T) {
	zone := time.FixedZone("west", -10*3600)
	h := HealthOf([]History{{Case: 101, Opened: start, Steps: []Step{{start, "", true}}}}, nil, nil, start.AddDate(0, 0, 1), zone)
	if d := h[0].Days; d[len(d)-2].In != 1 || d[len(d)-2].Day.Day() != 2 { // 3 November 09:00 UTC is the evening of the 2nd there.
		t.Errorf("%+v", d[len(d)-3:])
	}
}
