package webui

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"polytrace/casework"
)

// promised is what the page of a case says of the clock to look at now; "" when nothing is waited for.
func (f *fixture) promised(number int) (text string) {
	f.t.Helper()
	snap, err := f.web.bareCase(f.t.Context(), number)
	if err != nil {
		f.t.Fatal(err)
	}
	d, err := f.web.dossier(f.t.Context(), snap, false)
	if err != nil {
		f.t.Fatal(err)
	}
	v := f.web.clocksOf(f.t.Context(), d)
	if k, ok := casework.Applicable(v.clocks); ok {
		return v.view(k).Text
	}
	return ""
}

// rowOf is the part of a list that is about a case.
func rowOf(page string, number int) string {
	_, row, _ := strings.Cut(page, fmt.Sprintf("C-%d</", number))
	for _, end := range []string{"</tr>", "</li>"} {
		if row, rest, ok := strings.Cut(row, end); ok && !strings.Contains(row, `class="row-link"`) && rest != "" {
			return row
		}
	}
	return ""
}

// Every list of cases says of each case what its page says: of one that is due, is late, stands still, was answered, has
// no promise that runs, and is done.
func TestESC8_DueInLists(t *testing.T) {
	t.Parallel()
	f := workplace(t)
	f.do(casework.OpenAccount{ID: "acme", Name: "Acme"})
	b, p := f.as("agent"), f.program(casework.Agent)
	if page := b.get("/cases").body; strings.Contains(page, ">Due</th>") {
		t.Error("a list has a column for promises that nobody made")
	}
	f.do(casework.SetPolicy{Name: "standard", Policy: casework.Policy{PauseOn: []casework.PauseCause{casework.PauseWaiting}, Targets: []casework.Targets{
		{Severity: 1, First: casework.Target{Minutes: 26 * 60, Wall: true}, Resolution: casework.Target{Minutes: 20, Wall: true}},
		{Severity: 2, First: casework.Target{Minutes: 48 * 60, Wall: true}, Resolution: casework.Target{Minutes: 90 * 60, Wall: true}}, {Severity: 3, Resolution: casework.Target{Minutes: 90, Wall: true}}}}})
	var all []int
	for i, severity := range []int{1, 2, 3, 3, 4, 2} {
		at := f.complaint(fmt.Sprint("jane", i), 0, "A question about the ports.")
		number := 0
		f.do(casework.OpenCase{Title: fmt.Sprint("Case ", i), Severity: severity, Account: "acme", Owner: "agent", Messages: []casework.Named{{Record: at, SHA256: f.digest(at)}}, Number: &number})
		f.do(casework.OverrideRisk{Case: number, Level: casework.RiskHigh, Until: noon.AddDate(0, 0, 7), Reason: "they threaten to leave"})
		all = append(all, number)
	}
	f.later(30 * time.Minute)
	f.do(casework.ChangeCase{Case: all[3], Status: new(casework.WaitingCustomer)})
	f.do(casework.ChangeCase{Case: all[5], Status: new(casework.Resolved)})
	f.later(time.Minute)
	says := map[int]string{}
	for i, kind := range []string{"breached ", "due ", "due ", "paused ", "", ""} {
		if says[all[i]] = f.promised(all[i]); !strings.HasPrefix(says[all[i]], kind) || kind == "" && says[all[i]] != "" {
			t.Fatalf("case %d is %q", i, says[all[i]])
		}
		if page := b.get(casePath(all[i])).body; !strings.Contains(page, says[all[i]]) {
			t.Errorf("the page of case %d does not say %q", i, says[all[i]])
		}
	}
	for path, lists := range map[string]int{"/cases?show=all": 6, "/": 5, "/accounts/acme": 6, "/escalations": 5} {
		page, rows := b.get(path).body, 0
		for number, want := range says {
			row := rowOf(page, number)
			if row != "" {
				rows++
			}
			if strings.Count(row, `class="clock`) != boolToInt(want != "" && row != "") || row != "" && !strings.Contains(row, want) {
				t.Errorf("%s says of C-%d: %s; want %q", path, number, row, want)
			}
		}
		if rows < lists {
			t.Errorf("%s has %d of the cases", path, rows)
		}
	}
	heads := tell[casesOut](p, http.StatusOK, "GET", "/cases", nil).Cases
	heads = append(heads, tell[accountOut](p, http.StatusOK, "GET", "/accounts/acme", nil).Cases...)
	for _, e := range tell[escalationsOut](p, http.StatusOK, "GET", "/escalations", nil).Escalations {
		heads = append(heads, e.Case)
	}
	for _, head := range heads {
		if (head.Due != nil) != (says[head.Number] != "") {
			t.Errorf("C-%d is due %+v", head.Number, head.Due)
			continue
		}
		same := head.Due == nil
		for _, k := range tell[clocksOut](p, http.StatusOK, "GET", fmt.Sprintf("/cases/%d/clocks", head.Number), nil).Clocks {
			same = same || k.Kind == head.Due.Clock && k.State == head.Due.State && k.Due.Equal(head.Due.Due) && k.Share == head.Due.Share
		}
		if !same {
			t.Errorf("C-%d: no clock of its page is %+v", head.Number, head.Due)
		}
	}
}

// What a promise is about that somebody may not read is in no list of theirs.
func TestInvariant14_DueInListsIsWithinLimits(t *testing.T) {
	t.Parallel()
	f := workplace(t)
	f.do(casework.AddQueue{Name: "postfix", Local: "postfix-secret", QueueTerms: casework.QueueTerms{Readers: []string{"role:manager"}}})
	f.do(casework.SetPolicy{Name: "standard", Policy: casework.Policy{Targets: []casework.Targets{{First: casework.Target{Minutes: 48 * 60, Wall: true}}}}})
	f.opened("jane", "support")
	for who, want := range map[string]bool{"manager": true, "observer": false} {
		if page := f.as(who).get("/cases").body; strings.Contains(page, `class="clock`) != want || !strings.Contains(page, "About jane") {
			t.Errorf("%s sees a clock: %v", who, !want)
		}
	}
}

// BenchmarkCasesPage is the list of 500 open cases with a message each and what of them is due.
func BenchmarkCasesPage(b *testing.B) {
	f := workplace(b)
	f.do(casework.SetPolicy{Name: "standard", Policy: casework.Policy{Targets: []casework.Targets{{First: casework.Target{Minutes: 6000, Wall: true}}}}})
	at := f.complaint("jane", 0, "A question about the ports.")
	for i := range 500 {
		f.do(casework.OpenCase{Title: fmt.Sprint("Case ", i), Messages: []casework.Named{{Record: at, SHA256: f.digest(at)}}})
	}
	page := f.as("agent")
	for name, change := range map[string]func(){
		"time passes": func() { f.later(time.Minute) },
		"one changes": func() { f.do(casework.AddNote{Case: 101, Text: "x"}) },
		"all again":   func() { f.web.works.lists = nil },
		"at once":     func() {},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				change()
				if got := page.get("/cases"); got.code != http.StatusOK {
					b.Fatal(got.code)
				}
			}
		})
	}
	b.Run("dues alone, time passes", func(b *testing.B) {
		for b.Loop() {
			f.later(time.Minute)
			if _, err := f.web.dues(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
