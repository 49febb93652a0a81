package webui

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

// A rule is written, tried over the mail of the last days and kept on its page; what was tried is what happens when the same mail
// comes in, and its trace says why.
func TestTR3_TheTrialOnThePageIsWhatHappens(t *testing.T) {
	t.Parallel()
	f := takesIn(t)
	b, p := f.as("manager"), f.program(casework.Manager)
	first := f.mail(note("jane@acme.example", "The contract", "c1@acme.example", "", "It ends soon, we need it by Friday."))
	f.mail(note("jane@acme.example", "Re: The contract", "c2@acme.example", "In-Reply-To: <c1@acme.example>\n", "Any news?"))
	other := f.mail(note("roy@contoso.example", "Hello there", "o1@contoso.example", "", "A question."))
	form := url.Values{"version": {"1"}, "name": {"Contract, short"}, "field": {"subject", "account", ""}, "not": {"", "", ""}, "values": {"contract, vertrag", "acme", ""}, "team": {"legal"}, "severity": {"2"}, "tags": {"contract"}, "due_hours": {"8"}, "note": {"Look at the dates."}, "days": {"7"}}
	r := b.post("/rules/new/try", form)
	for _, say := range []string{"3 messages", "With 2 messages something else would become", "team: – → Legal", "severity: S3 → S2", "Contract, short: 2", `value="contract, vertrag"`} {
		if r.code != http.StatusOK || !strings.Contains(r.body, say) {
			t.Fatalf("%d: the trial does not say %q: %s", r.code, say, r.body)
		}
	}
	bad := url.Values{"version": {"1"}, "name": {"Bad"}, "field": {"from"}, "not": {""}, "values": {"not an address"}, "mute": {"1"}}
	if r := b.post("/rules/new", bad); r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, "Rule 1, “Bad”: Condition 1: ") || !strings.Contains(r.body, "not an address") {
		t.Errorf("%d %s", r.code, r.body)
	}
	set := tell[rulesOut](p, http.StatusOK, "GET", "/rules", nil).Rules
	if len(set.Rules) != 0 {
		t.Fatal("a trial was kept")
	}
	if r := b.post("/rules/new", form); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	set = tell[rulesOut](p, http.StatusOK, "GET", "/rules", nil).Rules
	if len(set.Rules) != 1 || set.Version != 2 || set.Rules[0].ID != "contract-short" || len(set.Rules[0].Conditions) != 2 || set.Rules[0].Actions.Due.Hours != 8 {
		t.Fatalf("%+v", set)
	}
	if r := b.post("/rules/new", form); r.code != http.StatusConflict || !strings.Contains(r.body, "version 2 now") {
		t.Errorf("an older form: %d", r.code)
	}
	empty := set
	empty.Rules = nil
	tried := tell[rehearsed](p, http.StatusOK, "POST", "/rules/try", map[string]any{"rules": empty})
	if tried.Differ != 2 || tried.Read != 3 {
		t.Fatalf("%+v", tried)
	}
	f.routes()
	c := f.numbered(101)
	if now := tried.Items[1].Was; now.Team != c.Team || now.Severity != c.Severity || !slices.Equal(now.Tags, c.Tags) || c.Team != "legal" || c.Severity != 2 {
		t.Errorf("tried %+v, and it is %+v", now, c)
	}
	if len(c.KeyDates) != 2 || len(c.Notes) != 2 || len(c.Citations) != 2 || c.Notes[1].Cites[0] != 2 {
		t.Errorf("%+v", c)
	}
	if again := tell[rehearsed](p, http.StatusOK, "POST", "/rules/try", map[string]any{"rules": empty}); again.Differ != 2 || again.Items[0].Was.Team != "legal" {
		t.Errorf("after it was routed: %+v", again)
	}
	if page := b.get("/cases/101").body; !strings.Contains(page, "Routed by rule 1 “Contract, short”, version 2") || !strings.Contains(page, casework.ReplyLine(f.web.replyKey(), 101)) {
		t.Error("the page of the case does not say how it came in")
	}
	page := b.get("/rules/why?record=" + first.String()).body
	for _, say := range []string{"Rule “Contract, short” decided", "version 2", "C-101", "it is of no case"} {
		if !strings.Contains(page, say) {
			t.Errorf("why does not say %q", say)
		}
	}
	why := tell[routeOut](p, http.StatusOK, "GET", "/records/"+other.String()+"/route", nil)
	if !why.Routed || why.Rule != "" || why.Exception != casework.ExceptionUnknown || len(why.Trace) != 1 || why.Trace[0].Failed != "not so: the subject has “contract” or “vertrag”" {
		t.Errorf("%+v", why)
	}
	found := tell[struct {
		Items []struct{ Cases []int }
	}](p, http.StatusOK, "GET", "/search?q=case:101", nil)
	if len(found.Items) != 2 || !slices.Equal(found.Items[0].Cases, []int{101}) || !slices.Equal(found.Items[1].Cases, []int{101}) {
		t.Errorf("the search does not know that the case cites both messages: %+v", found)
	}
}

// Rules are put in another order, off and away by those who lead, and what they were before is kept.
func TestTR1_RulesAreMovedOnTheirPage(t *testing.T) {
	t.Parallel()
	second := rule1()
	second.ID, second.Name = "second", "Second one"
	f := takesIn(t, rule1(), second)
	b := f.as("manager")
	if page := f.as("agent").get("/rules").body; !strings.Contains(page, "the subject has “contract”") || !strings.Contains(page, "goes to the team Legal") || strings.Contains(page, "Add a rule") {
		t.Error(page)
	}
	for _, who := range []string{"agent", "observer", "compliance"} {
		for _, path := range []string{"/rules/second/move", "/rules/second", "/rules", "/intake"} {
			if r := f.as(who).post(path, url.Values{"do": {"up"}, "version": {"1"}, "name": {"X"}, "mute": {"1"}}); r.code != http.StatusForbidden {
				t.Errorf("%s at %s: %d", who, path, r.code)
			}
		}
	}
	for _, do := range []string{"up", "off", "down", "remove"} {
		if r := b.post("/rules/second/move", url.Values{"do": {do}, "reason": {"r"}}); r.code != http.StatusSeeOther {
			t.Errorf("%s: %d %s", do, r.code, r.body)
		}
	}
	if r := b.post("/rules", url.Values{"version": {"5"}, "zone": {"Europe/Berlin"}, "largest": {"10"}}); r.code != http.StatusSeeOther {
		t.Errorf("%d %s", r.code, r.body)
	}
	if r := b.post("/rules", url.Values{"version": {"6"}, "zone": {"Nowhere"}}); r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, "no time zone") {
		t.Errorf("%d", r.code)
	}
	page := b.get("/rules").body
	for _, say := range []string{"Second one (off), Contract", "Contract, Second one (off)", "Europe/Berlin"} {
		if !strings.Contains(page, say) {
			t.Errorf("the page does not say %q", say)
		}
	}
	var versions []casework.RuleVersion
	f.desk.Read(func(state *casework.State) { versions = state.RuleVersions() })
	if len(versions) != 6 || versions[1].Rules[0].ID != "second" || len(versions[5].Rules) != 1 {
		t.Errorf("%+v", versions)
	}
	if r := b.post("/intake", url.Values{}); r.code != http.StatusSeeOther {
		t.Errorf("%d", r.code)
	}
	if page := b.get("/rules").body; !strings.Contains(page, "It is off") {
		t.Error("intake is not off")
	}
}

// What a caller may not read is in no trial and has no trace.
func TestTR3_ATrialStaysWithinGrants(t *testing.T) {
	t.Parallel()
	f := takesIn(t, rule1())
	at := f.mail(note("jane@acme.example", "The contract", "c1@acme.example", "", "Hello."))
	f.later(time.Minute)
	f.routes()
	f.do(casework.ChangeQueue{Name: "postfix", Format: "postfix", Class: archive.Mail, QueueTerms: casework.QueueTerms{Readers: []string{"observer"}}})
	p := f.program(casework.Manager)
	if got := tell[rehearsed](p, http.StatusOK, "POST", "/rules/try", map[string]any{"rules": casework.RuleSet{Version: 1, Rules: []casework.Rule{}}}); got.Read != 0 || got.Differ != 0 {
		t.Errorf("%+v", got)
	}
	if r := p.ask("GET", "/records/"+at.String()+"/route", nil); r.code != http.StatusNotFound {
		t.Errorf("%d %s", r.code, r.body)
	}
	if r := f.as("manager").get("/rules/why?record=" + at.String()); r.code != http.StatusNotFound || strings.Contains(r.body, "contract") {
		t.Errorf("%d", r.code)
	}
}
