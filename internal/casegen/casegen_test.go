package casegen_test

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"polytrace/internal/casegen"
)

// The same seed gives the same bytes and the same truth, another gives others.
func TestSameSeedSameWorld(t *testing.T) {
	one, again, other := casegen.New(1, casegen.Options{}), casegen.New(1, casegen.Options{}), casegen.New(2, casegen.Options{})
	raw := func(w *casegen.World) (all [][]byte) {
		for m := range w.Messages() {
			all = append(all, m.Raw)
		}
		return all
	}
	if !reflect.DeepEqual(raw(one), raw(again)) || !reflect.DeepEqual(one.Truth, again.Truth) {
		t.Error("the same seed gives another world")
	}
	if bytes.Equal(bytes.Join(raw(one), nil), bytes.Join(raw(other), nil)) {
		t.Error("another seed gives the same world")
	}
}

// A world has what CASEWORK promises of it, as much of it as is asked for, and
// all that is true of it is said of messages that are there, at words that stand
// there.
func TestWorldHasWhatItSays(t *testing.T) {
	for _, n := range []int{400, 1500} {
		w := worldOf(t, 7, casegen.Options{Messages: n})
		if len(w.ids) < n || len(w.ids) > n+12 {
			t.Errorf("%d messages, want %d", len(w.ids), n)
		}
		truth := w.Truth
		for _, d := range truth.Dates {
			w.stands(t, d.Message, d.Span, d.Quote)
			if d.To.Before(d.From) || d.Grain == "" {
				t.Errorf("%q means %+v", d.Quote, d.Reading)
			}
		}
		outcomes := map[string]int{}
		for _, c := range truth.Commitments {
			w.stands(t, c.Message, c.Span, c.Quote)
			outcomes[c.Outcome]++
			if ended := w.read[c.Ended]; c.Ended != "" && (ended == nil || !ended.Date.After(w.read[c.Message].Date) || !c.Due.IsZero() && (c.Outcome == casegen.Met) && !ended.Date.Before(c.Due)) {
				t.Errorf("%q is %s by %q, due %v", c.Quote, c.Outcome, c.Ended, c.Due)
			}
		}
		for _, o := range []string{casegen.Met, casegen.Late, casegen.Missed, casegen.Moved, casegen.Open} {
			if outcomes[o] < 3 {
				t.Errorf("%d commitments are %s: %v", outcomes[o], o, outcomes)
			}
		}
		for _, r := range truth.Requests {
			w.stands(t, r.Message, r.Span, r.Quote)
		}
		two := 0
		for _, d := range truth.Dates {
			if d.Other != nil {
				two++
			}
		}
		kinds := map[string]bool{}
		for _, k := range truth.Automatics {
			kinds[k] = true
		}
		if len(truth.Commitments) < 100 || len(truth.Dates) < 200 || two < 5 || len(kinds) != 6 || len(truth.Twins) != 6 || len(truth.Needles) != 4 || len(truth.Escalations) != 5 || len(truth.Private) != 40 || len(w.Accounts) != 7 {
			t.Errorf("%d commitments, %d dates (%d with two readings), kinds %v, %d twins, %d needles, %d escalations, %d private, %d accounts",
				len(truth.Commitments), len(truth.Dates), two, kinds, len(truth.Twins), len(truth.Needles), len(truth.Escalations), len(truth.Private), len(w.Accounts))
		}
		for _, e := range truth.Escalations {
			var levels []string
			for _, s := range e.Steps {
				levels = append(levels, s.Level)
			}
			if !slices.Contains(levels, "high") || levels[0] != "low" {
				t.Errorf("an escalation goes %v", levels)
			}
		}
		t.Logf("%d messages, %d threads, %d commitments %v, %d dates, %d of them with two readings, %d requests, %d automatic",
			len(w.ids), len(truth.Threads), len(truth.Commitments), outcomes, len(truth.Dates), two, len(truth.Requests), len(truth.Automatics))
	}
}

func (w world) stands(t *testing.T, id string, s casegen.Span, quote string) {
	t.Helper()
	if body := w.text[id].Body; s.End > len(body) || quote == "" || body[s.Start:s.End] != quote {
		t.Errorf("%q does not stand at %v of %s", quote, s, id)
	}
}

// Mail is within the months asked for, but for stories that were begun in them,
// on working days, and IDs are those of nobody else's.
func TestMailIsWithinItsTime(t *testing.T) {
	end := time.Date(2026, 11, 20, 17, 0, 0, 0, time.UTC)
	seen := map[string]bool{}
	for m := range casegen.New(3, casegen.Options{End: end}).Messages() {
		if m.Sent.Before(end.AddDate(0, -18, 0)) || m.Sent.After(end.AddDate(0, 2, 0)) {
			t.Errorf("%s was sent %v", m.ID, m.Sent)
		}
		if seen[m.ID] || !strings.Contains(m.ID, "@casegen.") {
			t.Errorf("the ID %s", m.ID)
		}
		seen[m.ID] = true
	}
}
