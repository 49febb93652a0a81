package webui

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

// Who looks at a case or writes on it is shown to others who may see it, until a minute of the server's clock after they
// last said so; to look at presence itself makes nobody present.
func TestTR9_PresenceIsShownAndEnds(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	escalation(f)
	agent, manager, p := f.as("agent"), f.as("manager"), f.program(casework.Observer)
	here := func() (all []string) {
		for _, x := range tell[presenceOut](p, http.StatusOK, "GET", "/cases/101/presence", nil).Present {
			all = append(all, x.Words())
		}
		return all
	}
	f.later(time.Hour) // Since somebody made the case.
	if got := here(); len(got) != 0 {
		t.Errorf("before anybody came: %v", got)
	}
	before := f.archive.Next(archive.Ledger)
	if r := agent.post("/cases/101/presence", nil); r.code != http.StatusOK || strings.Contains(r.body, "The agent") {
		t.Errorf("%d %s", r.code, r.body)
	}
	manager.wants("/cases/101", "The agent looks at this")
	if r := manager.post("/cases/101/presence", url.Values{"writing": {"note"}}); r.code != http.StatusOK || !strings.Contains(r.body, "The agent looks at this") {
		t.Errorf("%d %s", r.code, r.body)
	}
	agent.wants("/cases/101", "The manager writes a note")
	if got := here(); len(got) != 2 || got[0] != "The manager writes a note" || got[1] != "The agent looks at this" {
		t.Errorf("%v", got)
	}
	if n := f.archive.Next(archive.Ledger); n != before {
		t.Errorf("presence is %d events", n-before)
	}
	manager.post("/cases/101/presence", url.Values{"writing": {"<b>"}})
	f.later(59 * time.Second)
	if got := here(); len(got) != 2 || got[0] != "The agent looks at this" {
		t.Errorf("after 59 seconds: %v", got)
	}
	f.later(time.Second)
	if got := here(); len(got) != 0 {
		t.Errorf("after a minute: %v", got)
	}
	agent.post("/cases/101/notes", url.Values{"text": {"They called."}}) // A form that was posted says so, too.
	if got := here(); len(got) != 1 || got[0] != "The agent writes a note" {
		t.Errorf("who has posted a note: %v", got)
	}
	if r := f.as("admin").post("/cases/101/presence", nil); r.code != http.StatusForbidden {
		t.Errorf("who may not see the case is present: %d", r.code)
	}
	if r := agent.post("/cases/999/presence", nil); r.code != http.StatusNotFound {
		t.Errorf("at no case: %d", r.code)
	}
}
