package webui

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"polytrace/casework"
)

// Who is named as a key contact on the page of an account is a signal when they join a conversation of one of its cases.
func TestESC4_KeyContactOnThePageOfTheAccount(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.users()
	f.do(casework.SetCompany{Own: []string{"northwind.example"}})
	f.do(casework.OpenAccount{ID: "acme", Name: "Acme GmbH"})
	first := f.complaint("jane", 0, "The gateway shows a question about its ports.")
	number := f.open("About jane", first)
	f.do(casework.ChangeCase{Case: number, Account: new("acme")})
	b := f.as("agent")
	if r := b.post("/accounts/acme/contacts", url.Values{"address": {"acme.example"}, "title": {"CFO"}, "key": {"1"}}); r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, "A contact is a person") || !strings.Contains(r.body, `value="CFO"`) {
		t.Errorf("a domain: %d", r.code)
	}
	if r := b.post("/accounts/acme/contacts", url.Values{"address": {"Boss@acme.example"}, "name": {"Dana Doe"}, "title": {"CFO"}, "role": {"signs the contract"}, "key": {"1"}}); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	b.wants("/accounts/acme", "Dana Doe boss@ acme. example · CFO", "key signs the contract", "made Dana Doe (CFO, boss@acme.example) a key contact")
	f.mail("From: jane@acme.example\nTo: support@northwind.example, boss@acme.example\nSubject: Re: About jane\nDate: Tue, 3 Nov 2026 12:30:00 +0000\nMessage-ID: <jane-x@acme.example>\nIn-Reply-To: <jane-0@acme.example>\n\nI copy Dana.\n")
	f.later(time.Hour)
	p := f.program(casework.Observer)
	signals := func() (rules []casework.RiskRule) {
		for _, x := range tell[riskOut](p, http.StatusOK, "GET", casePath(number)+"/risk", nil).Risk.Signals {
			rules = append(rules, x.Rule)
		}
		return rules
	}
	if got := signals(); !slices.Contains(got, casework.RiskExecutive) {
		t.Errorf("signals are %v", got)
	}
	a := tell[casework.Account](f.program(casework.Agent), http.StatusCreated, "POST", "/accounts/acme/contacts", map[string]any{"address": "boss@acme.example", "name": "Dana Doe"})
	if len(a.Contacts) != 1 || a.Contacts[0].Key {
		t.Errorf("%+v", a.Contacts)
	}
	if got := signals(); slices.Contains(got, casework.RiskExecutive) {
		t.Errorf("nobody is key any more, and signals are %v", got)
	}
	if r := f.program(casework.Agent).ask("DELETE", "/accounts/acme/contacts/1", nil); r.code != http.StatusNoContent {
		t.Errorf("%d %s", r.code, r.body)
	}
}
