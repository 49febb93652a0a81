package casework

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// poisson draws a number whose mean is known.
func poisson(r *rand.Rand, mean float64) (n int) {
	for p := r.Float64(); p > math.Exp(-mean); p *= r.Float64() {
		n++
	}
	return n
}

// onDays is mail of an account over some days up to a time: of each working day a number with a mean, between 8 and 18 o'clock.
func onDays(r *rand.Rand, until time.Time, days int, mean float64) (times []time.Time) {
	for d := days; d > 0; d-- {
		morning := until.Add(-time.Duration(d) * oneDay).Truncate(oneDay).Add(8 * time.Hour)
		if w := morning.Weekday(); w == time.Saturday || w == time.Sunday {
			continue
		}
		for range poisson(r, mean) {
			times = append(times, morning.Add(time.Duration(r.Int64N(int64(10*time.Hour)))))
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	return times
}

// A spike in a seeded history fires and says what is usual; the days before it hardly ever do.
func TestESC9_ASpikeFires(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 4, 18, 0, 0, 0, time.UTC) // A Wednesday.
	fired, missed, looks := 0, 0, 0
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 9))
		history := onDays(r, now, 120, 3.5)
		for d := range 20 {
			looks++
			if a, unusual := VolumeAnomaly(history, now.Add(-time.Duration(d)*oneDay)); unusual {
				fired++
				t.Logf("seed %d: %s", seed, a)
			}
		}
		for i := range 18 {
			history = append(history, now.Add(-time.Duration(18-i)*10*time.Minute))
		}
		slices.SortFunc(history, time.Time.Compare)
		if a, unusual := VolumeAnomaly(history, now); !unusual || a.Count < 18 || a.UsualHigh > 12 || !strings.Contains(a.String(), "messages in a day, usual ") {
			missed++
			t.Logf("seed %d misses %s", seed, a)
		}
	}
	if missed > 0 || fired > looks/200 {
		t.Errorf("of 200 spikes %d are missed; of %d usual days %d fire", missed, looks, fired)
	}
}

// Too little history says nothing, few messages are never many, and a busy weekday is usual on that weekday.
func TestESC9_WhatIsNotKnownDoesNotFire(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 4, 18, 0, 0, 0, time.UTC)
	burst := func(at time.Time, n int) (times []time.Time) {
		for i := range n {
			times = append(times, at.Add(-time.Duration(n-i)*time.Minute))
		}
		return times
	}
	var wednesdays []time.Time
	for week := 12; week >= 0; week-- {
		wednesdays = append(wednesdays, burst(now.AddDate(0, 0, -7*week), 30)...)
	}
	for what, history := range map[string][]time.Time{
		"nothing": nil, "three weeks": append([]time.Time{now.AddDate(0, 0, -22)}, burst(now, 40)...), "nine messages": append([]time.Time{now.AddDate(0, 0, -90)}, burst(now, 9)...), "each Wednesday": wednesdays,
	} {
		if a, unusual := VolumeAnomaly(history, now); unusual {
			t.Errorf("%s: %s", what, a)
		}
	}
	if a, unusual := VolumeAnomaly(append([]time.Time{now.AddDate(0, 0, -90)}, burst(now, 10)...), now); !unusual || a.String() != "10 messages in a day, usual 0" {
		t.Errorf("ten after silence: %s, %v", a, unusual)
	}
}

// The signal begins with the message that is one too many, rests on the mail of the case on that day, and ends a day after.
func TestESC9_TheSignalRestsOnTheMailOfTheDay(t *testing.T) {
	t.Parallel()
	w := newWorry()
	w.Now = start.AddDate(0, 0, 3)
	w.Arrivals = []time.Time{start.AddDate(0, 0, -90)}
	for i := range 18 {
		w.Arrivals = append(w.Arrivals, start.Add(time.Duration(i)*time.Minute))
	}
	w.says(0, Inbound, Traits{}).says(0, Outbound, Traits{}).says(30, Inbound, Traits{})
	for i := range w.Mail[:2] {
		w.Mail[i].Sent = start.Add(time.Duration(i) * time.Minute)
	}
	signal := func() (s Signal) {
		risk, _ := RiskOf(w.RiskInput)
		for _, x := range risk.Signals {
			if x.Rule == RiskVolume {
				s = x
			}
		}
		return s
	}
	s := signal()
	if s.Text != "10 messages in a day, usual 0" || !s.From.Equal(start.Add(9*time.Minute)) || !s.Until.Equal(start.Add(17*time.Minute+oneDay)) || len(s.Sources) != 1 || *s.Sources[0].Record != w.Mail[0].Record || s.Full != 1 {
		t.Errorf("%+v", s)
	}
	w.Arrivals = append(w.Arrivals, start.AddDate(0, 0, 1), start.AddDate(0, 0, 2))
	if later := signal(); later.Evidence != s.Evidence || later.Text != s.Text || !later.From.Equal(s.From) {
		t.Errorf("what comes later changes it to %+v", later)
	}
	w.Mail = w.Mail[1:]
	if s := signal(); s.Rule != "" {
		t.Errorf("a case without mail of that day has %+v", s)
	}
}

// A case is old when it is open for longer than nine of ten were that were done before it was opened, whatever comes later.
func TestR10_OldCases(t *testing.T) {
	o := staffed(t)
	for i := range 10 {
		o.as("kim", OpenCase{Title: "T", Owner: "kim"})
		o.clock = o.clock.Add(time.Duration(i+1) * time.Hour)
		o.as("kim", ChangeCase{Case: FirstCase + i, Status: ptr(Resolved)})
	}
	o.clock = o.clock.Add(time.Minute)
	o.as("kim", OpenCase{Title: "T", Owner: "kim"})
	number := FirstCase + 10
	after := func() (d time.Duration, ok bool) {
		o.desk.Read(func(s *State) { d, ok = s.OldAfter(number) })
		return d, ok
	}
	if got, ok := after(); !ok || got != 9*time.Hour {
		t.Fatalf("old after %s, %v", got, ok)
	}
	opened := o.clock
	o.clock = o.clock.Add(100 * time.Hour)
	o.as("kim", ChangeCase{Case: FirstCase, Status: ptr(Open)})
	if got, _ := after(); got != 9*time.Hour {
		t.Errorf("what came later made it %s", got)
	}
	o.desk.Read(func(s *State) {
		if d, ok := s.OldAfter(FirstCase + 9); ok {
			t.Errorf("nine cases tell %s", d)
		}
	})
	signals := func() (told []string) {
		risk, _ := RiskOf(RiskInput{Cases: []Case{o.theCase(number)}, OldAfter: 9 * time.Hour, Now: o.clock})
		for _, x := range risk.Signals {
			told = append(told, fmt.Sprint(x.Rule, " ", x.From.Sub(opened), " ", x.Until.IsZero(), " ", x.Points))
		}
		return told
	}
	if got := signals(); !slices.Equal(got, []string{"old 9h0m0s true 1"}) {
		t.Errorf("open: %q", got)
	}
	o.as("kim", ChangeCase{Case: number, Status: ptr(Closed)})
	if got := signals(); !slices.Equal(got, []string{"old 9h0m0s false 1"}) {
		t.Errorf("closed: %q", got)
	}
	o.clock = o.clock.Add(time.Hour)
	o.as("kim", ChangeCase{Case: number, Status: ptr(Open)})
	if got := signals(); !slices.Equal(got, []string{"old 9h0m0s false 1", "old 101h0m0s true 1"}) {
		t.Errorf("reopened: %q", got)
	}
}
