package webui

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"polytrace/archive"
	"polytrace/casework"
)

// numbered is a case whose mail names tickets, with systems that say where they lead.
func numbered(f *fixture) (at archive.Address) {
	f.users()
	f.do(casework.SetCompany{Own: []string{"northwind.example"}})
	f.do(casework.SetReferences{Rules: casework.ReferenceRules{Systems: []casework.ReferenceSystem{
		{Name: "Zendesk", Pattern: `ZD-(?P<id>\d+)`, URL: "https://help.northwind.example/tickets/{id}"}, {Name: "CRM", Pattern: `CRM\d{6}`}}}})
	at = f.mail("From: Jane Doe <jane@acme.example>\nTo: support@northwind.example\nSubject: [ZD-4711] Gateways offline\nDate: Mon, 2 Nov 2026 09:00:00 +0100\nMessage-ID: <zd-1@acme.example>\n\nFirmware 4.2 on S/N 1234-AB. It is also CRM000123.\n\nOn Sun, 1 Nov 2026, Kim wrote:\n> as in ZD-9999\n")
	f.do(casework.OpenCase{Title: "Gateways offline", Owner: "manager", Messages: []casework.Named{{Record: at, SHA256: f.digest(at)}}})
	return at
}

// What a subject names of another system is a link on the page, in the brief and in the API, with the message that names it;
// one can be added, and put aside. Nothing of it leaves the appliance.
func TestREC11_AnIdentifierInTheSubjectIsALink(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	at := numbered(f)
	b := f.as("manager")
	page := b.get("/cases/101").body
	for _, want := range []string{`<a class="tag" href="https://help.northwind.example/tickets/4711" rel="noreferrer noopener" target="_blank">Zendesk #4711</a>`, `<span class="tag">CRM #CRM000123</span>`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(page, "9999") {
		t.Error("what was quoted is a reference")
	}
	program := f.program(casework.Observer)
	names := func() (all []string) {
		for _, r := range tell[referencesOut](program, http.StatusOK, "GET", "/cases/101/references", nil).References {
			all = append(all, r.System+" "+r.ID)
			if !r.Given && (len(r.Sources) != 1 || *r.Sources[0].Record != at) {
				t.Errorf("%s rests on %v", r.ID, r.Sources)
			}
		}
		return all
	}
	if got := names(); !slices.Equal(got, []string{"Zendesk 4711", "CRM CRM000123"}) {
		t.Errorf("references are %q", got)
	}
	var elsewhere []casework.BriefLine
	for _, s := range tell[briefOut](program, http.StatusOK, "GET", "/cases/101/brief", nil).Brief.Sections {
		if s.Name == casework.BriefElsewhere {
			elsewhere = s.Lines
		}
	}
	if len(elsewhere) != 2 || elsewhere[0].Text != "Zendesk #4711" || elsewhere[0].Link != "https://help.northwind.example/tickets/4711" {
		t.Errorf("the brief has %+v", elsewhere)
	}
	if r := b.post("/cases/101/references", url.Values{"system": {"Zendesk"}, "id": {"12 & 13"}}); r.code != http.StatusSeeOther {
		t.Errorf("add: %d %s", r.code, r.body)
	}
	if r := b.post("/cases/101/references", url.Values{"system": {"CRM"}, "id": {"CRM000123"}, "aside": {"1"}}); r.code != http.StatusSeeOther {
		t.Errorf("put aside: %d %s", r.code, r.body)
	}
	if got := names(); !slices.Equal(got, []string{"Zendesk 12 & 13", "Zendesk 4711"}) {
		t.Errorf("references are %q", got)
	}
	if page = b.get("/cases/101").body; !strings.Contains(page, "/tickets/12%20%26%2013") {
		t.Error("what was added is no link")
	}
	if r := b.post("/cases/101/references", url.Values{"system": {"Jira"}, "id": {"J-1"}}); r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, `value="J-1"`) || !strings.Contains(tells(r.body), `There is no system "Jira"`) {
		t.Errorf("an unknown system: %d", r.code)
	}
	if n := f.archive.Next(archive.Mail); n != 1 {
		t.Errorf("%d messages are here", n)
	}
}

// Managers say what is looked for; what is wrong comes back with what was typed.
func TestREC11_ManagersNameSystems(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.users()
	form := url.Values{"version": {"0"}, "name": {"Zendesk", ""}, "pattern": {`ZD-(\d+`, ""}, "url": {"https://help.northwind.example/{id}", ""}}
	b := f.as("manager")
	if r := b.post("/references", form); r.code != http.StatusUnprocessableEntity || !strings.Contains(tells(r.body), "missing closing )") || !strings.Contains(r.body, `value="ZD-(\d&#43;"`) {
		t.Errorf("a pattern that cannot be read: %d %s", r.code, r.body)
	}
	form["pattern"][0] = `ZD-(\d+)`
	if r := f.as("agent").post("/references", form); r.code != http.StatusForbidden {
		t.Errorf("an agent: %d", r.code)
	}
	if r := b.post("/references", form); r.code != http.StatusSeeOther {
		t.Errorf("%d %s", r.code, r.body)
	}
	b.wants("/references", "Version 1.")
	got := tell[referenceRulesBody](f.program(casework.Observer), http.StatusOK, "GET", "/references", nil).Rules
	if got.Version != 1 || len(got.Systems) != 1 || got.Systems[0].Pattern != `ZD-(\d+)` {
		t.Errorf("%+v", got)
	}
	got.Systems = nil
	if got = tell[referenceRulesBody](f.program(casework.Manager), http.StatusOK, "PUT", "/references", map[string]any{"rules": got}).Rules; got.Version != 2 || len(got.Systems) != 0 {
		t.Errorf("%+v", got)
	}
}
