package webui

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"polytrace/casework"
)

// Who owns a case without having been offered it finds on Home and in the timeline what an offer would have brought, with
// what they may read.
func TestAC9_NewOwnerFindsThePackage(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	escalation(f)
	f.later(time.Minute)
	f.doAs("manager", casework.AssignCase{Case: 101, Owner: "specialist"})
	p := f.program(casework.Observer)
	owners := tell[ownersOut](p, http.StatusOK, "GET", "/cases/101/owners", nil).Changes
	if len(owners) != 1 || owners[0].From != "manager" || owners[0].To != "specialist" {
		t.Fatalf("%+v", owners)
	}
	path := "/cases/101/owners/" + number(owners[0].Position)
	b := f.as("specialist")
	if got := b.get("/").body; !strings.Contains(got, `href="`+path+`"`) || !strings.Contains(tells(got), "what you need to know of Second batch delayed") {
		t.Error("Home does not tell")
	}
	if got := b.get("/cases/101/timeline").body; !strings.Contains(got, `href="`+path+`"`) {
		t.Error("the timeline does not tell")
	}
	b.wants(path, "The specialist owns the case since", "before that The manager did", "Open promises 2 firmware", "They wait since Monday.", words, "The agent has not answered")
	got := tell[casework.Inherited](p, http.StatusOK, "GET", path, nil)
	if got.Package.Digest() != got.SHA256 || len(got.Package.Commitments) != 2 || len(got.Gaps) == 0 {
		t.Errorf("%+v", got)
	}
	if r := p.ask("GET", "/cases/101/owners/1", nil); r.code != http.StatusNotFound {
		t.Errorf("what is no change of owner: %d", r.code)
	}
	f.do(casework.AddQueue{Name: "postfix", Local: "postfix-7f3k2", QueueTerms: casework.QueueTerms{Readers: []string{"agent"}}})
	if got := b.get(path).body; strings.Contains(got, words) {
		t.Error("withheld words are shown")
	}
}
