package burst

import (
	"testing"
	"time"
)

// A burst is told while it lasts, from what came in the last tenth of a second.
func TestBurstIsTold(t *testing.T) {
	var m Meter
	now := time.Now()
	m.High(now)
	for i, step := range []struct {
		after time.Duration
		took  int
		want  bool
	}{
		{over, 71, true}, {over / 2, 1, true}, {over / 2, 3, false}, {over, 70, false}, {10 * over, 701, true}, {over, 0, false},
	} {
		for range step.took {
			m.Took(0)
		}
		now = now.Add(step.after)
		if got := m.High(now); got != step.want {
			t.Errorf("step %d: %v", i, got)
		}
	}
	for range 8 {
		m.Took(9 * large)
	}
	if now = now.Add(over); !m.High(now) {
		t.Error("eight messages of nine times the size are as few as eight others")
	}
}

// Work waits for a burst and not for ever: after a time it has its share.
func TestWorkGivesWayForAWhile(t *testing.T) {
	m := new(Meter)
	w := Way{To: m.High, For: time.Minute, Then: time.Second}
	now := time.Now()
	burst := func(after time.Duration) {
		now = now.Add(after)
		for range 100 + int(most*after.Seconds()) {
			m.Took(0)
		}
	}
	m.High(now)
	if now = now.Add(over); w.Give(now) {
		t.Error("it waits for nothing")
	}
	for i, step := range []struct {
		after time.Duration
		want  bool
	}{{over, true}, {time.Minute - 1, true}, {1, false}, {time.Second - 1, false}, {1, true}, {time.Minute - 1, true}, {1, false}} {
		burst(step.after)
		if got := w.Give(now); got != step.want {
			t.Errorf("step %d, %s later: it gives way: %v", i, step.after, got)
		}
	}
	if now = now.Add(time.Hour); w.Give(now) {
		t.Error("it waits for a burst that is over")
	}
	if burst(over); !w.Give(now) {
		t.Error("it does not wait for the next burst")
	}
	if (&Way{For: time.Minute}).Give(now) {
		t.Error("it gives way to nothing at all")
	}
}
