package webui

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

// workplace is a fixture with the teams support, of the agent, whose cases go back after an hour, and billing.
func workplace(t testing.TB) *fixture {
	f := newFixture(t)
	f.users()
	f.do(casework.SetCompany{Own: []string{"northwind.example"}})
	f.do(casework.SetTeam{Team: casework.Team{Name: "support", Title: "First line", Members: []string{"agent"}, ReturnMinutes: 60}})
	f.do(casework.SetTeam{Team: casework.Team{Name: "billing", Title: "Billing"}})
	return f
}

// opened is a case of a team with a message of a customer.
func (f *fixture) opened(who, team string) (number int) {
	at := f.complaint(who, 0, "A question about the ports.")
	f.do(casework.OpenCase{Title: "About " + who, Kind: casework.Request, Team: team, Messages: []casework.Named{{Record: at, SHA256: f.digest(at)}}, Number: &number})
	return number
}

func (f *fixture) caseOf(number int) (c casework.Case) {
	f.desk.Read(func(s *casework.State) { c, _ = s.Case(number) })
	return c
}

func (f *fixture) workRound() {
	f.t.Helper()
	if err := f.web.workRound(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
}

// Each slice has as many cases as it says, over all its pages and in every order, and each case once.
func TestTR7_CountsAreLengthsOfLists(t *testing.T) {
	t.Parallel()
	f := workplace(t)
	f.do(casework.SetPolicy{Name: "standard", Policy: casework.Policy{Targets: []casework.Targets{{First: casework.Target{Minutes: 26 * 60, Wall: true}, Resolution: casework.Target{Minutes: 60, Wall: true}}}}})
	f.opened("jane", "billing")
	for i := range 12 {
		var number int
		f.do(casework.OpenCase{Title: fmt.Sprint("Case ", i), Severity: 1 + i%4, Team: []string{"", "support", "billing"}[i%3], Owner: []string{"", "agent"}[i%2], Number: &number})
		switch i % 5 {
		case 1:
			f.do(casework.ChangeCase{Case: number, Status: new(casework.WaitingCustomer)})
		case 2:
			f.do(casework.SnoozeCase{Case: number, Until: noon.AddDate(0, 0, 3)})
		case 3:
			f.do(casework.ChangeCase{Case: number, Status: new(casework.Resolved)})
		}
	}
	p := f.program(casework.Observer)
	ask := func(slice, sort string, after, limit int) workOut {
		return tell[workOut](p, http.StatusOK, "GET", fmt.Sprintf("/work?slice=%s&sort=%s&after=%d&limit=%d", slice, sort, after, limit), nil)
	}
	filled := 0
	for _, c := range ask("all", "due", 0, 50).Counts {
		for _, sort := range []string{"due", "-risk", "severity", "owner", "-account", "team", "age", "-case"} {
			seen := map[int]bool{}
			for after, pages := 0, 0; pages == 0 || after != 0; pages++ {
				got := ask(string(c.Slice), sort, after, 3)
				for _, x := range got.Cases {
					if seen[x.Case.Number] {
						t.Errorf("%s by %s: C-%d comes twice", c.Slice, sort, x.Case.Number)
					}
					seen[x.Case.Number] = true
				}
				if got.Total != c.Count || pages > 10 || got.Total == 0 && got.Empty == "" {
					t.Fatalf("%s by %s: %d of %d on page %d; %q", c.Slice, sort, got.Total, c.Count, pages, got.Empty)
				}
				after = got.Next
			}
			if len(seen) != c.Count {
				t.Errorf("%s by %s: %d cases, and it says %d", c.Slice, sort, len(seen), c.Count)
			}
		}
		if c.Count > 0 {
			filled++
		}
	}
	if filled < 8 {
		t.Errorf("only %d slices have cases", filled)
	}
	page := f.as("agent").get("/work?slice=team:billing&sort=-severity")
	for _, say := range []string{"Billing <span class=\"muted\">", "About jane", "due ", `aria-sort="descending"`, `name="rev-101"`, "Claim for me", "Backlog <b>"} {
		if !strings.Contains(page.body, say) {
			t.Errorf("the page does not say %q", say)
		}
	}
	if got := f.as("observer").get("/work"); strings.Contains(got.body, "Claim for me") || got.code != http.StatusOK {
		t.Errorf("an observer is offered to change cases: %d", got.code)
	}
	if got := p.ask("GET", "/work?slice=lost", nil); got.code != http.StatusNotFound {
		t.Errorf("a slice that is none: %d", got.code)
	}
}

// The order by what is due, and the empty queue that says since when.
func TestTR7_DueFirstAndEmptySince(t *testing.T) {
	t.Parallel()
	f := workplace(t)
	p := f.program(casework.Manager)
	empty := func(slice string) string {
		return tell[workOut](p, http.StatusOK, "GET", "/work?slice="+slice, nil).Empty
	}
	if got := empty("all"); !strings.Contains(got, "no case yet") {
		t.Error(got)
	}
	f.do(casework.SetPolicy{Name: "standard", Policy: casework.Policy{Targets: []casework.Targets{{Severity: 1, Resolution: casework.Target{Minutes: 30, Wall: true}}, {Severity: 2, Resolution: casework.Target{Minutes: 10, Wall: true}}}}})
	for i, severity := range []int{3, 1, 2} {
		f.do(casework.OpenCase{Title: fmt.Sprint(i), Severity: severity, Team: "support"})
	}
	got := tell[workOut](p, http.StatusOK, "GET", "/work", nil)
	var order []int
	for _, c := range got.Cases {
		order = append(order, c.Case.Number)
	}
	if !slices.Equal(order, []int{103, 102, 101}) || got.Cases[0].Clock != casework.Resolution || got.Cases[0].State != casework.ClockRunning || !got.Cases[0].Due.Equal(noon.Add(10*time.Minute)) {
		t.Errorf("the order is %v: %+v", order, got.Cases[0])
	}
	f.later(11 * time.Minute)
	if got := tell[workOut](p, http.StatusOK, "GET", "/work?slice=overdue", nil); got.Total != 1 || got.Cases[0].Case.Number != 103 {
		t.Errorf("overdue are %+v", got.Cases)
	}
	if got := empty("snoozed"); got != "3 open cases were looked at 12:11 UTC; none is in this slice." {
		t.Error(got)
	}
	for _, n := range order {
		f.do(casework.ChangeCase{Case: n, Status: new(casework.Resolved)})
	}
	for _, slice := range []string{"all", "team:support"} {
		if got := empty(slice); got != "Queue empty since 12:11 UTC – 3 handled today." {
			t.Errorf("%s: %s", slice, got)
		}
	}
}

// A case whose owner is silent goes back when the time is over, though the customer writes again; one that is
// answered stays. A case that sleeps is woken by its customer.
func TestTR5_TheRoundReturnsAndWakes(t *testing.T) {
	t.Parallel()
	f := workplace(t)
	silent, answered, asleep := f.opened("jane", "support"), f.opened("roy", "support"), f.opened("ann", "support")
	agent := f.as("agent")
	for _, n := range []int{silent, answered, asleep} {
		if got := agent.post(fmt.Sprintf("/cases/%d/claim", n), nil); got.code != http.StatusSeeOther {
			t.Fatalf("%d %s", got.code, got.body)
		}
	}
	if got := f.as("manager").post(fmt.Sprintf("/cases/%d/claim", silent), nil); got.code != http.StatusConflict || !strings.Contains(got.body, "The agent has case") {
		t.Errorf("the second claim gets %d", got.code)
	}
	if got := agent.post(fmt.Sprintf("/cases/%d/snooze", asleep), url.Values{"until": {"2026-11-09"}}); got.code != http.StatusSeeOther {
		t.Fatalf("%d %s", got.code, got.body)
	}
	f.later(18 * time.Minute)
	if page := agent.get(fmt.Sprintf("/cases/%d", silent)).body; !strings.Contains(page, "returns to the queue <time") || !strings.Contains(page, ">in 42 min</time>") {
		t.Error("the page does not say when the case returns")
	}
	if page := agent.get(fmt.Sprintf("/cases/%d", asleep)).body; !strings.Contains(page, "sleeps until <b>9 Nov 2026</b>") {
		t.Error("the page does not say that the case sleeps")
	}
	f.workRound()
	f.mail(fmt.Sprintf("From: support@northwind.example\nTo: roy@acme.example\nSubject: Re: About roy\nDate: %s\nMessage-ID: <answer@northwind.example>\nIn-Reply-To: <roy-0@acme.example>\n\nTry port 2.\n", f.clock().Format(time.RFC1123Z)))
	f.complaint("jane", 1, "Any news?")
	f.complaint("ann", 1, "We are back.")
	f.later(time.Minute)
	f.workRound()
	if c := f.caseOf(asleep); !c.SnoozedUntil.IsZero() || !c.Returns.Equal(f.clock().Add(time.Hour)) || !strings.Contains(c.Log[len(c.Log)-1].Text, "the customer wrote") {
		t.Errorf("it sleeps until %s and returns at %s", c.SnoozedUntil, c.Returns)
	}
	f.later(40 * time.Minute)
	f.workRound()
	if c := f.caseOf(silent); c.Owner != "agent" {
		t.Error("it went back before its time")
	}
	f.later(time.Minute)
	f.workRound()
	if c := f.caseOf(silent); c.Owner != "" || c.Team != "support" || !strings.Contains(c.Log[len(c.Log)-1].Text, "rule assignment-return") {
		t.Errorf("it is of %q, in %q", c.Owner, c.Team)
	}
	if f.caseOf(answered).Owner != "agent" || f.caseOf(asleep).Owner != "agent" {
		t.Error("a case went back that was answered, or was asleep")
	}
	before := f.archive.Next(archive.Ledger)
	f.workRound()
	if f.archive.Next(archive.Ledger) != before {
		t.Error("a second round does it again")
	}
}

// Many cases are changed after a look at what changes, and are as before after the undo.
func TestTR12_ChangeManyAndUndo(t *testing.T) {
	t.Parallel()
	f := workplace(t)
	for range 3 {
		f.do(casework.OpenCase{Title: "Pumps <1>", Team: "support", Severity: 3})
	}
	f.do(casework.AddNote{Case: 103, Text: "Somebody looked."})
	b := f.as("manager")
	form := url.Values{"case": {"101", "102", "103"}, "back": {"/work?slice=team%3Asupport"}, "owner": {"agent"}, "team": {"billing"}, "tag": {"renewal, VIP"}, "severity": {"2"}, "status": {"open"}, "snooze": {"2026-11-09"}, "muted": {"yes"}, "reason": {"year end"}, "do": {"preview"}}
	for _, n := range []int{101, 102} {
		form.Set(fmt.Sprint("rev-", n), fmt.Sprint(f.caseOf(n).Revision))
	}
	form.Set("rev-103", fmt.Sprint(f.caseOf(103).Revision-1))
	before := f.archive.Next(archive.Ledger)
	plan := b.post("/work/bulk", form)
	for _, say := range []string{"Change 2 cases", "owner: nobody → The agent", "team: First line → Billing", "tags: none → renewal, vip", "severity: 3 → 2", "status: new → open", "notices: not muted → muted", "sleep: awake → until 9 Nov 2026", "Pumps &lt;1&gt;", "added a note", `name="rev-101"`} {
		if !strings.Contains(plan.body, say) {
			t.Errorf("the plan does not say %q", say)
		}
	}
	if plan.code != http.StatusOK || f.archive.Next(archive.Ledger) != before {
		t.Fatalf("%d, and %d events", plan.code, f.archive.Next(archive.Ledger)-before)
	}
	form.Set("do", "change")
	if got := b.post("/work/bulk", form); got.code != http.StatusSeeOther || got.head.Get("Location") != "/work?slice=team%3Asupport" || f.archive.Next(archive.Ledger) != before+1 {
		t.Fatalf("%d to %q, and %d events", got.code, got.head.Get("Location"), f.archive.Next(archive.Ledger)-before)
	}
	if c := f.caseOf(102); c.Owner != "agent" || c.Team != "billing" || c.Severity != 2 || !c.Muted || !slices.Equal(c.Tags, []string{"renewal", "vip"}) || c.SnoozedUntil.IsZero() {
		t.Errorf("%+v", c)
	}
	page := b.get("/work").body
	for _, say := range []string{"2 cases are changed. C-103 stays as it is: Case C-103 was changed", `action="/work/bulk/1/undo"`, "You changed 2 cases"} {
		if !strings.Contains(page, say) {
			t.Errorf("the queue does not say %q", say)
		}
	}
	if got := f.as("agent").post("/work/bulk/1/undo", nil); got.code != http.StatusForbidden {
		t.Errorf("another one who leads nobody undoes it: %d", got.code)
	}
	if got := b.post("/work/bulk/1/undo", nil); got.code != http.StatusSeeOther {
		t.Fatalf("%d %s", got.code, got.body)
	}
	if c := f.caseOf(102); c.Owner != "" || c.Team != "support" || c.Severity != 3 || c.Muted || len(c.Tags) != 0 || !c.SnoozedUntil.IsZero() || c.Status != casework.New {
		t.Errorf("after the undo %+v", c)
	}
	for _, bad := range []url.Values{{"do": {"change"}, "severity": {"2"}}, {"case": {"101"}}, {"case": {"101"}, "snooze": {"soon"}}} {
		if got := b.post("/work/bulk", bad); got.code != http.StatusUnprocessableEntity || !strings.Contains(got.body, `role="alert"`) {
			t.Errorf("%v: %d", bad, got.code)
		}
	}
	p := f.program(casework.Manager)
	ask := map[string]any{"cases": []any{map[string]any{"number": 101}, map[string]any{"number": 999}}, "severity": 1, "preview": true}
	if got := tell[bulkOut](p, http.StatusCreated, "POST", "/work/bulk", ask); got.ID != 0 || len(got.Changes) != 1 || len(got.Refused) != 1 || f.caseOf(101).Severity != 3 {
		t.Errorf("a preview: %+v", got)
	}
	delete(ask, "preview")
	if got := tell[bulkOut](p, http.StatusCreated, "POST", "/work/bulk", ask); got.ID != 2 || f.caseOf(101).Severity != 1 {
		t.Errorf("%+v", got)
	}
	if got := tell[bulkOut](p, http.StatusCreated, "POST", "/work/bulk/2/undo", map[string]any{"reason": "x"}); len(got.Changes) != 1 || f.caseOf(101).Severity != 3 {
		t.Errorf("%+v", got)
	}
	if got := tell[bulksOut](p, http.StatusOK, "GET", "/work/bulk", nil); len(got.Bulks) != 2 || got.Bulks[0].UndoneBy == "" {
		t.Errorf("%+v", got)
	}
}

// Claiming from the queue takes those that are selected at once.
func TestTR5_ClaimFromTheQueue(t *testing.T) {
	t.Parallel()
	f := workplace(t)
	f.do(casework.OpenCase{Title: "A", Team: "support"})
	f.do(casework.OpenCase{Title: "B", Team: "support", Owner: "manager"})
	if got := f.as("agent").post("/work/bulk", url.Values{"case": {"101"}, "do": {"claim"}}); got.code != http.StatusSeeOther || f.caseOf(101).Owner != "agent" {
		t.Errorf("%d, and it is of %q", got.code, f.caseOf(101).Owner)
	}
	if got := f.as("specialist").post("/work/bulk", url.Values{"case": {"102"}, "do": {"claim"}}); got.code != http.StatusOK || !strings.Contains(got.body, "Say why the case is taken from The manager") || f.caseOf(102).Owner != "manager" {
		t.Errorf("%d %s", got.code, got.body)
	}
}

// Managers and administrators set teams up; what is refused comes back with what was written.
func TestESC20_TeamsPage(t *testing.T) {
	t.Parallel()
	f := workplace(t)
	b := f.as("manager")
	if got := b.post("/teams", url.Values{"name": {"second"}, "title": {"Second line"}, "member": {"specialist"}, "return_minutes": {"90"}}); got.code != http.StatusSeeOther {
		t.Fatalf("%d %s", got.code, got.body)
	}
	if got := b.post("/teams", url.Values{"name": {"second"}, "title": {"Again"}}); got.code != http.StatusConflict || !strings.Contains(got.body, `value="Again"`) || !strings.Contains(got.body, "a team &#34;second&#34; already") {
		t.Errorf("%d %s", got.code, got.body)
	}
	f.do(casework.OpenCase{Title: "A", Team: "second"})
	if got := b.post("/teams/second/remove", url.Values{}); got.code != http.StatusConflict || !strings.Contains(got.body, "has 1 open case: C-101") {
		t.Errorf("%d %s", got.code, got.body)
	}
	page := f.as("admin").get("/teams").body
	for _, say := range []string{"Second line", "1 member", "1 open case", "returns after 90 min", `action="/teams/second/remove"`} {
		if !strings.Contains(page, say) {
			t.Errorf("the page does not say %q", say)
		}
	}
	if page := f.as("observer").get("/teams").body; strings.Contains(page, "<form method=\"post\" action=\"/teams") {
		t.Error("an observer is offered to change teams")
	}
	p := f.program(casework.Admin)
	team := tell[casework.Team](p, http.StatusOK, "PUT", "/teams/second", map[string]any{"title": "2nd", "version": 1})
	if team.Version != 2 || team.Title != "2nd" || len(team.Members) != 0 {
		t.Errorf("%+v", team)
	}
	if got := p.ask("DELETE", "/teams/second?to=billing", nil); got.code != http.StatusNoContent || f.caseOf(101).Team != "billing" {
		t.Errorf("%d, and the case is in %q", got.code, f.caseOf(101).Team)
	}
	if got := tell[teamsOut](p, http.StatusOK, "GET", "/teams", nil); len(got.Teams) != 2 {
		t.Errorf("%+v", got)
	}
}

// The page about where work piles up has the numbers of the API, and a chart.
func TestTR11_HealthPage(t *testing.T) {
	t.Parallel()
	f := workplace(t)
	f.opened("jane", "support")
	f.do(casework.OpenCase{Title: "B"})
	f.later(time.Hour)
	f.do(casework.OpenCase{Title: "C", Team: "support", Owner: "agent"})
	got := tell[healthOut](f.program(casework.Observer), http.StatusOK, "GET", "/work/health", nil).Health
	if len(got) != 4 || !got[0].All || got[0].Backlog != 3 || got[2].Team != "support" || got[2].Backlog != 2 || got[2].Unowned != 1 || got[2].Oldest != 101 || got[3].Backlog != 1 || got[2].Days[29].In != 2 {
		t.Errorf("%+v", got)
	}
	page := f.as("observer").get("/work/health").body
	for _, say := range []string{"All cases", "First line", "No team", "<svg class=\"chart\"", "The agent", "C-101"} {
		if !strings.Contains(page, say) {
			t.Errorf("the page does not say %q", say)
		}
	}
}

// A clock that runs for mail which somebody may not read is neither shown to him nor counted.
func TestInvariant14_ClocksOfTheQueueAreWithinLimits(t *testing.T) {
	t.Parallel()
	f := workplace(t)
	f.do(casework.AddQueue{Name: "postfix", Local: "postfix-secret", QueueTerms: casework.QueueTerms{Readers: []string{"role:manager"}}})
	f.do(casework.SetPolicy{Name: "standard", Policy: casework.Policy{Targets: []casework.Targets{{First: casework.Target{Minutes: 30, Wall: true}}}}})
	number := f.opened("jane", "support")
	may, mayNot := f.program(casework.Manager), f.program(casework.Observer) // Nothing is decided between what they ask.
	due := func(p *program) bool {
		got := tell[workOut](p, http.StatusOK, "GET", "/work", nil)
		if len(got.Cases) != 1 || got.Cases[0].Case.Number != number {
			t.Fatalf("%+v", got)
		}
		return got.Cases[0].Clock != ""
	}
	if !due(may) || due(mayNot) || !due(may) {
		t.Error("a clock is shown to the wrong one")
	}
}

// BenchmarkWork is a page of the queue over 2,000 open cases with a message each, when nothing has changed but the time.
func BenchmarkWork(b *testing.B) {
	f := workplace(b)
	f.do(casework.SetPolicy{Name: "standard", Policy: casework.Policy{Targets: []casework.Targets{{First: casework.Target{Minutes: 600, Wall: true}}}}})
	at := f.complaint("jane", 0, "A question about the ports.")
	for i := range 2000 {
		f.do(casework.OpenCase{Title: fmt.Sprint("Case ", i), Team: "support", Messages: []casework.Named{{Record: at, SHA256: f.digest(at)}}})
	}
	for name, change := range map[string]func(){
		"time passes": func() { f.later(time.Minute) },
		"one changes": func() { f.do(casework.AddNote{Case: 101, Text: "x"}) },
		"all again":   func() { f.web.works.lists = nil },
		"at once":     func() {},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				change()
				if _, err := f.web.workView(b.Context(), url.Values{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
