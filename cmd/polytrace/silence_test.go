package main

import (
	"strings"
	"testing"
	"time"

	"polytrace/casework"
	"polytrace/gateway"
	"polytrace/webui"
)

// A silent queue is a problem by its name, by what it says itself or by what is
// usual.
func TestSilentQueueIsAProblem(t *testing.T) {
	now := time.Now()
	all := []gateway.QueueStatus{{Queue: "support", Accepted: 3, Arrivals: gateway.Arrivals{First: now.AddDate(-1, 0, 0), Last: now.Add(-5 * time.Hour)}}}
	for hours, silent := range map[int]bool{0: false, 4: true, 6: false, -1: false} {
		q := casework.Queue{Name: "support", QueueTerms: casework.QueueTerms{SilenceHours: hours}}
		in := intakeOf(q, all, now)
		if in.Silent != silent || in.Accepted != 3 || !in.Last.Equal(all[0].Arrivals.Last) {
			t.Errorf("alarm after %d hours: %+v", hours, in)
		}
		s := statusAnswer{Intake: &webui.Intake{Certificate: now.AddDate(1, 0, 0), Queues: map[string]webui.QueueIntake{"support": in}}}
		if told := strings.Contains(strings.Join(s.problems(), "\n"), "through the queue support since"); told != silent {
			t.Errorf("alarm after %d hours: told %q", hours, s.problems())
		}
	}
	if in := intakeOf(casework.Queue{Name: "new"}, all, now); in.Silent || !in.Last.IsZero() {
		t.Errorf("a queue that never had mail: %+v", in)
	}
}
