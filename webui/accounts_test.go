package webui

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"polytrace/casework"
)

// sentBy is a message on a day.
func (f *fixture) sentBy(from, to string, day int) {
	f.t.Helper()
	f.mail("From: " + from + "\nTo: " + to + "\nSubject: Of day " + number(day) + "\nDate: " + time.Date(2026, 10, day, 12, 0, 0, 0, time.UTC).Format(time.RFC1123Z) + "\nMessage-ID: <" + number(day) + "." + url.QueryEscape(from) + "@x.example>\n\nText of day " + number(day) + ".\n")
}

type accountAnswer struct {
	casework.Account
	Messages int
	First    time.Time
	Last     time.Time
	People   []accountPerson
	Cases    []caseHead
}

func (f *fixture) accountAs(who *program, id string) (a accountAnswer) {
	f.t.Helper()
	got := who.ask(http.MethodGet, "/accounts/"+id, nil)
	if got.code != http.StatusOK {
		f.t.Fatalf("%d %s", got.code, got.body)
	}
	if err := json.Unmarshal([]byte(got.body), &a); err != nil {
		f.t.Fatal(err)
	}
	return a
}

func wants(t *testing.T, got answer, code int, words ...string) {
	t.Helper()
	if got.code != code {
		t.Errorf("%d, want %d: %s", got.code, code, got.body)
	}
	for _, w := range words {
		if !strings.Contains(got.body, w) {
			t.Errorf("there is no %q in %s", w, got.body)
		}
	}
}

// A domain moved between accounts at date D: messages before and after it are
// counted, listed and searched where they belong.
func TestAC2_DomainMovedBetweenAccounts(t *testing.T) {
	f := newFixture(t)
	f.users()
	for day := 1; day <= 6; day++ {
		f.sentBy("Jane Doe <Jane@eu.contoso.example>", "help@northwind.example", day)
	}
	p := f.program(casework.Agent)
	ask := func(method, path string, body any, code int, words ...string) {
		t.Helper()
		wants(t, p.ask(method, path, body), code, words...)
	}
	ask(http.MethodPost, "/accounts", map[string]any{"id": "acme", "name": "Acme GmbH"}, http.StatusCreated)
	ask(http.MethodPost, "/accounts", map[string]any{"id": "beta", "name": "Beta"}, http.StatusCreated)
	ask(http.MethodPost, "/accounts/acme/mappings", map[string]any{"identifier": "@contoso.example"}, http.StatusCreated, `"identifier":"contoso.example"`)
	ask(http.MethodPost, "/accounts/beta/mappings", map[string]any{"identifier": "contoso.example", "from": "2026-10-03"}, http.StatusConflict, "Acme GmbH")
	ask(http.MethodPost, "/accounts/acme/mappings/1/end", map[string]any{"at": "2026-10-03", "reason": "sold"}, http.StatusCreated, "sold")
	ask(http.MethodPost, "/accounts/beta/mappings", map[string]any{"identifier": "contoso.example", "from": "2026-10-03"}, http.StatusCreated)
	ask(http.MethodPost, "/accounts/beta/mappings", map[string]any{"identifier": "gmail.com"}, http.StatusUnprocessableEntity, "jane@gmail.com")
	for id, want := range map[string]struct{ n, first, last int }{"acme": {2, 1, 2}, "beta": {4, 3, 6}} {
		a := f.accountAs(p, id)
		if a.Messages != want.n || a.First.Day() != want.first || a.Last.Day() != want.last {
			t.Errorf("%s has %d messages from %s to %s, want %+v", id, a.Messages, a.First, a.Last, want)
		}
		if len(a.People) != 1 || a.People[0].Messages != want.n || a.People[0].Name != "Jane Doe" || a.People[0].First.Day() != want.first {
			t.Errorf("%s: people %+v", id, a.People)
		}
	}
	wants(t, p.ask(http.MethodGet, "/search?q="+url.QueryEscape(`account:"acme gmbh"`), nil), http.StatusOK, `"total":2,`)
	wants(t, p.ask(http.MethodGet, "/search?q=account:none", nil), http.StatusOK, `"total":0,`)
	wants(t, p.ask(http.MethodGet, "/search?q=account:acm", nil), http.StatusUnprocessableEntity, "account:acme")
	ask(http.MethodDelete, "/accounts/beta/mappings/1", nil, http.StatusNoContent)
	wants(t, p.ask(http.MethodGet, "/search?q=account:none", nil), http.StatusOK, `"total":4,`)

	// A hold finds by the same names.
	n := 0
	for _, err := range f.web.records().Matches(t.Context(), "account:acme", nil) {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	if n != 2 {
		t.Errorf("a hold finds %d", n)
	}
}

// What the page of an account counts, and whom it names, is what its reader may
// read.
func TestAccountPageTellsWhatItsReaderMayRead(t *testing.T) {
	f := newFixture(t)
	f.users()
	f.do(casework.AddQueue{Name: "postfix", Local: "postfix-7f3k2", Format: "postfix", QueueTerms: casework.QueueTerms{Readers: []string{"manager"}}})
	f.sentBy("Jane Doe <jane@contoso.example>", "help@northwind.example", 1)
	f.sentBy("Mallory <m@fabrikam.example>", "help@northwind.example", 2)
	f.do(casework.OpenAccount{ID: "acme", Name: "Acme"})
	f.do(casework.MapIdentifier{Account: "acme", Identifier: "contoso.example"})
	for user, tells := range map[string]bool{"manager": true, "agent": false} {
		page, all := f.as(user).get("/accounts/acme").body, f.as(user).get("/accounts").body
		for _, secret := range []string{"Jane Doe", "Of day 1", "1 Oct"} {
			if strings.Contains(page, secret) != tells {
				t.Errorf("%s sees %q: %v", user, secret, !tells)
			}
		}
		if strings.Contains(all, "fabrikam") != tells || strings.Contains(all, `account:acme">1</a>`) != tells {
			t.Errorf("%s sees in the list:\n%s", user, all)
		}
	}
}

func TestAccountPagesMapAndTell(t *testing.T) {
	f := newFixture(t)
	f.users()
	f.sentBy("Jane Doe <jane@contoso.example>", "bob@fabrikam.example, help@northwind.example", 1)
	f.sentBy("Bob <bob@fabrikam.example>", "help@northwind.example", 2)
	f.sentBy("Free <free@gmail.com>", "help@northwind.example", 3)
	agent, observer := f.as("agent"), f.as("observer")

	// One click maps a domain that the list suggests, to a new account.
	list := agent.get("/accounts")
	wants(t, list, http.StatusOK, "There is no account yet", `value="contoso.example"`, `value="fabrikam.example"`)
	if strings.Contains(list.body, "gmail") {
		t.Error("free mail is suggested")
	}
	if got := agent.post("/accounts", url.Values{"identifier": {"contoso.example"}}); got.code != http.StatusSeeOther || got.head.Get("Location") != "/accounts/contoso" {
		t.Fatalf("%d %s", got.code, got.body)
	}
	wants(t, agent.post("/accounts", url.Values{"name": {"Second"}, "identifier": {"contoso.example"}}), http.StatusUnprocessableEntity, "is of the account Contoso (contoso)")
	if strings.Contains(agent.get("/accounts").body, "Second") {
		t.Error("an account was opened for what cannot be mapped")
	}
	f.do(casework.OpenCase{Title: "Gateways offline", Account: "Contoso", Severity: 1})
	wants(t, agent.get("/accounts/contoso"), http.StatusOK, "Jane Doe", "Of day 1", "Gateways offline", "contoso.example, at all times", "The agent")
	wants(t, agent.post("/accounts/contoso/mappings", url.Values{"identifier": {"gmail.com"}, "from_day": {"2026-10-01"}}), http.StatusUnprocessableEntity, "Map the single", `value="2026-10-01"`)
	wants(t, agent.post("/accounts/contoso/mappings", url.Values{"identifier": {"free@gmail.com"}, "person": {"Free Lance"}, "from_day": {"yesterday"}}), http.StatusUnprocessableEntity, "is not a day")
	wants(t, agent.post("/accounts/contoso/mappings", url.Values{"identifier": {"free@gmail.com"}, "person": {"Free Lance"}, "from_day": {"2026-10-01"}}), http.StatusSeeOther)
	wants(t, agent.get("/accounts/contoso"), http.StatusOK, "Free Lance", "from 1 Oct 2026 on")
	wants(t, agent.post("/accounts/contoso/mappings/2", url.Values{"until": {"2026-10-03"}}), http.StatusSeeOther)
	wants(t, agent.get("/accounts/contoso"), http.StatusOK, "from 1 Oct 2026 until 3 Oct 2026")
	wants(t, agent.post("/accounts/contoso/mappings/2", url.Values{"until": {""}}), http.StatusUnprocessableEntity, "first day")
	wants(t, agent.post("/accounts/contoso/mappings/2", url.Values{"do": {"take-back"}}), http.StatusSeeOther)
	wants(t, agent.post("/accounts/contoso", url.Values{"name": {"Contoso Ltd"}, "status": {"closed"}}), http.StatusSeeOther)
	wants(t, agent.get("/accounts/contoso"), http.StatusOK, "taken back", "before: Contoso", "closed the account")

	// The account stands beside its mail and its cases, under its new name.
	wants(t, agent.get("/search?q=day"), http.StatusOK, `<span class="tag account">Contoso Ltd</span>`)
	wants(t, agent.get("/record/mail/0"), http.StatusOK, `<a class="tag account" href="/accounts/contoso">Contoso Ltd</a>`)
	wants(t, agent.get("/cases/101"), http.StatusOK, `<a href="/accounts/contoso">Contoso Ltd</a>`, `account:contoso`)
	wants(t, agent.get("/cases"), http.StatusOK, `<a href="/accounts/contoso">Contoso Ltd</a>`, `id="account-list"`)
	if strings.Contains(agent.get("/cases").body, `<option value="Contoso Ltd">`) {
		t.Error("a closed account is offered")
	}
	wants(t, agent.get("/search?q=account:contoso"), http.StatusOK, "Of day 1")
	wants(t, agent.get("/search?q="+url.QueryEscape("account:Contoso")), http.StatusOK, "Of day 1") // By the name it had.

	// Who does not work on cases reads, and changes nothing.
	got := observer.get("/accounts/contoso")
	wants(t, got, http.StatusOK, "Jane Doe")
	if strings.Contains(got.body, "/mappings") || strings.Contains(observer.get("/accounts").body, "<select") {
		t.Error("an observer is offered changes")
	}
	wants(t, observer.post("/accounts/contoso", url.Values{"name": {"X"}}), http.StatusForbidden)
	wants(t, f.as("admin").get("/accounts"), http.StatusForbidden)
	wants(t, agent.get("/accounts/nobody"), http.StatusNotFound)
}
