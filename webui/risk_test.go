package webui

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

// complaint is a message of a customer, hours after noon the day before.
func (f *fixture) complaint(who string, n int, text string) archive.Address {
	sent := noon.AddDate(0, 0, -1).Add(time.Duration(n) * time.Hour)
	answers := ""
	if n > 0 {
		answers = fmt.Sprintf("In-Reply-To: <%s-%d@acme.example>\n", who, n-1)
	}
	return f.mail(fmt.Sprintf("From: %s@acme.example\nTo: support@northwind.example\nSubject: About %s\nDate: %s\nMessage-ID: <%s-%d@acme.example>\n%s\n%s\n", who, who, sent.Format(time.RFC1123Z), who, n, answers, text))
}

func (f *fixture) open(title string, at archive.Address) (number int) {
	f.do(casework.OpenCase{Title: title, Messages: []casework.Named{{Record: at, SHA256: f.digest(at)}}, Number: &number})
	return number
}

func (f *fixture) watchRisk() {
	f.t.Helper()
	w := riskWatch{s: f.web, seen: map[int]looked{}}
	if err := w.round(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
}

// Of twelve conversations those five that escalate are to be reviewed after one round, and no other.
func TestESC1_EscalationsAreListed(t *testing.T) {
	f := newFixture(t)
	f.users()
	f.do(casework.SetCompany{Own: []string{"northwind.example"}})
	want := map[int]bool{}
	for i := range 12 {
		who := fmt.Sprint("customer", i)
		at := f.complaint(who, 0, "The gateway shows a question about its ports.")
		if i < 5 {
			f.complaint(who, 1, "Any news? Our production is down.")
			at = f.complaint(who, 2, []string{"This is unacceptable.", "We will cancel the order.", "Our lawyer will write to you.", "I will escalate this to your management.", "For the third time: still no answer."}[i])
		}
		want[f.open("About "+who, at)] = i < 5
	}
	f.watchRisk()
	got := tell[escalationsOut](f.program(casework.Observer), http.StatusOK, "GET", "/escalations", nil)
	if len(got.Escalations) != 5 {
		t.Errorf("%d cases are to be reviewed: %+v", len(got.Escalations), got)
	}
	for _, e := range got.Escalations {
		if !want[e.Case.Number] || e.State != "review" || e.Level == casework.RiskLow || e.Review < 2 || len(e.Why) < 2 {
			t.Errorf("%+v", e)
		}
	}
	before := f.archive.Next(archive.Ledger)
	f.watchRisk()
	if f.archive.Next(archive.Ledger) != before {
		t.Error("what is so already is noted again")
	}
	page := f.as("observer").get("/escalations").body
	for _, say := range []string{"Needs review", "About customer3", "The customer writes of escalation", "▲ high"} {
		if !strings.Contains(page, say) {
			t.Errorf("the page does not say %q", say)
		}
	}
}

// A case is looked at again when its mail has changed, by a round that passes over the others.
func TestRiskIsWatchedAsMailComes(t *testing.T) {
	f := newFixture(t)
	f.users()
	f.do(casework.SetCompany{Own: []string{"northwind.example"}})
	number := f.open("Pump", f.complaint("jane", 0, "It stands still."))
	other := f.open("Ports", f.complaint("roy", 0, "A question."))
	w := riskWatch{s: f.web, seen: map[int]looked{}}
	level := func() (all []casework.RiskLevel) {
		if err := w.round(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{number, other} {
			f.desk.Read(func(state *casework.State) { c, _ := state.Case(n); all = append(all, c.RiskAt(noon)) })
		}
		return all
	}
	if got := level(); got[0] != casework.RiskLow || got[1] != casework.RiskLow {
		t.Fatalf("at first %v", got)
	}
	before := w.seen[other]
	f.complaint("jane", 1, "This is unacceptable, we will cancel the order.")
	if got := level(); got[0] != casework.RiskHigh || got[1] != casework.RiskLow || w.seen[other] != before {
		t.Errorf("after a message %v", got)
	}
}

// Words count where the customer wrote them himself, not in what he quotes, in his signature or in small print.
func TestESC7_AuthorsWordsAlone(t *testing.T) {
	t.Parallel()
	const words = "This is unacceptable."
	for what, text := range map[string]string{
		"himself":   "Hello,\n\n" + words + "\n",
		"quoted":    "Hello, it works.\n\nOn Mon, 2 Nov 2026, Kim wrote:\n> " + words + "\n",
		"signature": "Hello, it works.\n\n-- \nJane Doe\n" + words + "\n",
		"forwarded": "See below.\n\n-----Original Message-----\nFrom: roy@acme.example\nSent: Monday\nTo: jane@acme.example\nSubject: x\n\n" + words + "\n",
	} {
		f := newFixture(t)
		f.users()
		f.do(casework.SetCompany{Own: []string{"northwind.example"}})
		number := f.open("Words", f.complaint("jane", 0, text))
		got := tell[riskOut](f.program(casework.Observer), http.StatusOK, "GET", fmt.Sprintf("/cases/%d/risk", number), nil)
		if found := len(got.Risk.Signals) > 0; found != (what == "himself") {
			t.Errorf("%s: signals %+v", what, got.Risk.Signals)
		}
	}
}

// A signal is seen, disagreed with and made to wait on its page, a level is set for a time; what was typed into a form that is
// refused comes back. The log has no words of mail.
func TestESC13_SignalsAreJudgedOnTheirPage(t *testing.T) {
	f := newFixture(t)
	f.users()
	f.do(casework.SetCompany{Own: []string{"northwind.example"}})
	f.complaint("jane", 0, "It stands still.")
	f.complaint("jane", 1, "Any news?")
	number := f.open("Pump", f.complaint("jane", 2, "This is unacceptable, we will cancel the order."))
	f.watchRisk()
	p, b := f.program(casework.Manager), f.as("manager")
	path := fmt.Sprintf("/cases/%d", number)
	risk := tell[riskOut](p, http.StatusOK, "GET", path+"/risk", nil)
	if risk.Risk.Level != casework.RiskHigh || risk.Risk.Points != 7 || len(risk.Changes) == 0 {
		t.Fatalf("%+v", risk)
	}
	worst := risk.Risk.Signals[0]
	if worst.Quote != "we will cancel" || worst.Text != "The customer writes of leaving" {
		t.Errorf("%+v", worst)
	}
	for _, e := range tell[caseEventsOut](p, http.StatusOK, "GET", path+"/events", nil).Events {
		if strings.Contains(e.Text, "cancel") {
			t.Errorf("the log says %q", e.Text)
		}
	}
	form := func(list ...string) map[string][]string {
		values := map[string][]string{"evidence": {worst.Evidence.String()}, "rule": {string(worst.Rule)}}
		for i := 0; i < len(list); i += 2 {
			values[list[i]] = []string{list[i+1]}
		}
		return values
	}
	if r := b.post(path+"/signals", form("say", "disagree", "reason", " ")); r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, "Say why this is no reason to worry") {
		t.Errorf("%d", r.code)
	}
	if r := b.post(path+"/risk", form("level", "critical", "until", "soon", "reason", "their board meets")); r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, `value="their board meets"`) {
		t.Errorf("%d", r.code)
	}
	if r := b.post(path+"/signals", form("say", "disagree", "reason", "they say that each week")); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	f.watchRisk()
	if page := b.get(path + "/risk").body; !strings.Contains(page, "they say that each week") || !strings.Contains(page, "elevated") {
		t.Error("the page does not say that somebody disagrees")
	}
	for _, s := range tell[riskOut](p, http.StatusOK, "GET", path+"/risk", nil).Risk.Signals {
		if s.Points > 0 {
			tell[casework.Case](p, http.StatusCreated, "POST", path+"/signals", map[string]any{"evidence": s.Evidence, "rule": s.Rule, "say": "acknowledge"})
		}
	}
	if got := tell[escalationsOut](p, http.StatusOK, "GET", "/escalations", nil).Escalations; len(got) != 1 || got[0].State != "active" || got[0].Review != 0 {
		t.Errorf("%+v", got)
	}
	if r := b.post(path+"/risk", form("level", "critical", "until", "2026-11-10", "reason", "their board meets")); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	if page := b.get(path).body; !strings.Contains(page, "as The manager set it: their board meets") || !strings.Contains(page, "▲ critical") {
		t.Error("the brief does not say that the level is set")
	}
	f.later(8 * 24 * time.Hour)
	if got := tell[riskOut](p, http.StatusOK, "GET", path+"/risk", nil); got.Risk.Set != nil || got.Risk.Level == casework.RiskCritical {
		t.Errorf("after its time it is %+v", got.Risk)
	}
	f.do(casework.ChangeCase{Case: number, Status: new(casework.Resolved)})
	if got := tell[escalationsOut](p, http.StatusOK, "GET", "/escalations", nil).Escalations; len(got) != 1 || got[0].State != "resolved" {
		t.Errorf("%+v", got)
	}
}

// A server that says that there is no such address, and the absence note of somebody who left, lose the contact.
func TestESC11_ContactLostByBounceAndByNote(t *testing.T) {
	f := newFixture(t)
	f.users()
	f.do(casework.SetCompany{Own: []string{"northwind.example"}})
	first := f.complaint("jane", 0, "A question about ports.")
	number := f.open("Ports", first)
	look := func() (all []string) {
		for _, s := range tell[riskOut](f.program(casework.Observer), http.StatusOK, "GET", fmt.Sprintf("/cases/%d/risk", number), nil).Risk.Signals {
			all = append(all, s.Text+" "+s.Quote)
		}
		return all
	}
	if got := look(); len(got) != 0 {
		t.Fatalf("%q", got)
	}
	f.mail("From: MAILER-DAEMON@northwind.example\nTo: support@northwind.example\nSubject: Undelivered Mail Returned to Sender\nDate: Tue, 3 Nov 2026 10:00:00 +0000\nMessage-ID: <b1@northwind.example>\nIn-Reply-To: <jane-0@acme.example>\nAuto-Submitted: auto-replied\n" +
		"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: text/plain\n\nIt could not be delivered.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.northwind.example\n\nFinal-Recipient: rfc822; jane@acme.example\nAction: failed\nStatus: 5.1.1\n\n--b--\n")
	if got := look(); len(got) != 1 || got[0] != "Mail to a contact comes back jane@acme.example" {
		t.Errorf("after a bounce: %q", got)
	}
	f.mail("From: jane@acme.example\nTo: support@northwind.example\nSubject: Automatic reply: About jane\nDate: Tue, 3 Nov 2026 11:00:00 +0000\nMessage-ID: <a1@acme.example>\nIn-Reply-To: <jane-0@acme.example>\nAuto-Submitted: auto-replied\n\nJane Doe is no longer with the company. Write to sales@acme.example.\n")
	if got := look(); len(got) != 2 || !slices.Contains(got, "A contact is gone no longer with the company") {
		t.Errorf("after a note: %q", got)
	}
}

// What other rules would change is told before they are, and they are changed from the version that was looked at.
func TestRiskRulesArePreviewed(t *testing.T) {
	f := newFixture(t)
	f.users()
	f.do(casework.SetCompany{Own: []string{"northwind.example"}})
	number := f.open("Pump", f.complaint("jane", 0, "This is unacceptable, we will cancel."))
	f.watchRisk()
	form := map[string][]string{"version": {"0"}, "words": {"9"}, "level-0": {"3"}, "level-1": {"6"}, "level-2": {"9"}, "hysteresis": {"1"}, "half_life": {"7"}, "people": {"boss@acme.example"}, "do": {"preview"}}
	b := f.as("manager")
	if r := b.post("/riskrules", form); r.code != http.StatusOK || !strings.Contains(r.body, "1 case would have another level") || !strings.Contains(r.body, "elevated → critical") {
		t.Errorf("%d %s", r.code, r.body)
	}
	form["do"] = []string{"set"}
	if r := b.post("/riskrules", form); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	if r := b.post("/riskrules", form); r.code != http.StatusConflict || !strings.Contains(r.body, "version 1 now") || !strings.Contains(r.body, "boss@acme.example") {
		t.Errorf("%d %s", r.code, r.body)
	}
	f.watchRisk()
	if got := tell[riskOut](f.program(casework.Observer), http.StatusOK, "GET", fmt.Sprintf("/cases/%d/risk", number), nil).Risk; got.Level != casework.RiskCritical {
		t.Errorf("%+v", got)
	}
	if r := f.as("observer").post("/riskrules", form); r.code != http.StatusForbidden {
		t.Errorf("an observer changes the rules: %d", r.code)
	}
}
