package webui

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"polytrace/casework"
)

// A review is asked for, begun by a press, reads and decides: the case tells who reviewed it, how long that took, what
// was read, and what was decided. To look at the case begins none.
func TestESC15_ReviewOnThePages(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	at := escalation(f)
	agent, manager := f.as("agent"), f.as("manager")
	if r := agent.post("/cases/101/reviews", url.Values{"to": {"manager"}, "reason": {" "}}); r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, "Say what the review is to decide") || !strings.Contains(r.body, `value="manager" selected`) {
		t.Errorf("without a reason: %d", r.code)
	}
	if r := agent.post("/cases/101/reviews", url.Values{"to": {"manager"}, "reason": {"they threaten to leave"}}); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	manager.wants("/", "The agent asks you for a review of C-101 Second batch delayed : they threaten to leave")
	if got := f.as("specialist").get("/").body; strings.Contains(got, "Waits for you") {
		t.Error("a review waits for somebody who does not lead")
	}
	manager.get(recordPath(at)) // Before it began.
	if f.theCase().Reviews[0].State != casework.ReviewWanted {
		t.Error("to look at the case begins a review")
	}
	if r := agent.post("/cases/101/reviews/start", nil); r.code != http.StatusForbidden {
		t.Errorf("an agent begins one: %d", r.code)
	}
	f.later(time.Minute)
	if r := manager.post("/cases/101/reviews/start", nil); r.code != http.StatusSeeOther || r.head.Get("Location") != "/cases/101#reviews" {
		t.Fatalf("%d %s", r.code, r.body)
	}
	agent.wants("/cases/101", "The manager reviews the case")
	manager.wants("/", "You review C-101")
	f.later(2 * time.Minute)
	manager.get(recordPath(at))
	manager.get("/record/mail/1") // Of no case.
	manager.post("/cases/101/questions", url.Values{"to": {"agent"}, "text": {"Since when?"}})
	f.later(4 * time.Minute)
	revision := between(manager.get("/cases/101").body, `name="revision" value="`, `"`)
	agent.post("/cases/101/notes", url.Values{"text": {"They called again."}})
	decide := url.Values{"do": {"severity"}, "severity": {"2"}, "reason": {"their plant stands"}, "revision": {revision}}
	if r := manager.post("/cases/101/reviews/1/decide", decide); r.code != http.StatusConflict || !strings.Contains(r.body, "was changed after you opened it") || !strings.Contains(r.body, `value="their plant stands"`) {
		t.Errorf("stale: %d", r.code)
	}
	decide.Del("revision")
	if r := manager.post("/cases/101/reviews/1/decide", decide); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	c := f.theCase()
	if r := c.Reviews[0]; c.Severity != 2 || r.Took() != 6*time.Minute || len(r.Viewed) != 1 || r.Viewed[0] != at {
		t.Errorf("%+v", c.Reviews)
	}
	agent.wants("/cases/101", "Reviewed by The manager , 6 min: the severity is 2. their plant stands", "1 message of the case read meanwhile", "question 2")
	agent.wants("/cases/101/timeline?kind=review", "The manager reviewed the case, 6 min, 1 message read, and decided: the severity is 2 instead of 1")
}

// The API does what the pages do.
func TestESC15_ReviewThroughTheAPI(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	escalation(f)
	p := f.program(casework.Manager)
	if r := f.program(casework.Agent).ask("POST", "/cases/101/reviews/start", nil); r.code != http.StatusForbidden {
		t.Errorf("an agent begins one: %d", r.code)
	}
	f.program(casework.Agent).ok("POST", "/cases/101/reviews", `{"to":"manager","reason":"look at it"}`, nil)
	waits := tell[reviewingOut](p, http.StatusOK, "GET", "/reviews?for=manager", nil)
	if len(waits.Reviews) != 1 || waits.Reviews[0].Why != "look at it" {
		t.Errorf("%+v", waits)
	}
	started := tell[casework.Case](p, http.StatusCreated, "POST", "/cases/101/reviews/start", nil)
	if len(started.Reviews) != 2 { // What was asked of somebody else is theirs.
		t.Fatalf("%+v", started.Reviews)
	}
	f.later(3 * time.Minute)
	p.ask("GET", "/records/mail/0/text", nil)
	if r := p.ask("POST", "/cases/101/reviews/2/decide", map[string]any{"do": "take-over", "reason": "x"}); r.code != http.StatusForbidden {
		t.Errorf("a program takes a case over: %d", r.code)
	}
	p.ok("POST", "/cases/101/reviews/2/decide", `{"do":"close","reason":"it is over"}`, nil)
	got := tell[reviewsOut](p, http.StatusOK, "GET", "/cases/101/reviews", nil)
	if r := got.Reviews[1]; r.Seconds != 180 || r.Do != casework.ReviewClose || len(r.Viewed) != 1 || f.theCase().Status != casework.Closed {
		t.Errorf("%+v", got)
	}
}
