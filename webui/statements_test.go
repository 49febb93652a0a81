package webui

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"polytrace/archive"
	"polytrace/casework"
)

// Words that are selected in a message become a fact, a promise or a date of a case in one step, with
// the words as their source; the same words are cited once.
func TestREC2_SelectedWordsBecomeAStatement(t *testing.T) {
	f := newFixture(t)
	at := escalation(f)
	b := f.as("agent")
	say := func(as string, more url.Values) answer {
		form := url.Values{"case": {"101"}, "quote": {"firmware by Friday"}, "as": {as}}
		for k, v := range more {
			form[k] = v
		}
		return b.post(recordPath(at)+"/cite", form)
	}
	for as, part := range map[string]string{"fact": "facts", "ours": "promises", "theirs": "promises", "date": "dates"} {
		r := say(as, url.Values{"due": {"2026-11-06"}, "text": {"They need it as " + as}})
		if r.code != http.StatusSeeOther || !strings.HasSuffix(r.head.Get("Location"), "/cases/101#"+part) {
			t.Errorf("%s: %d %s %s", as, r.code, r.head.Get("Location"), r.body)
		}
	}
	var c casework.Case
	f.desk.Read(func(s *casework.State) { c, _ = s.Case(101) })
	if len(c.Citations) != 1 || len(c.Facts) != 2 || len(c.Commitments) != 4 || len(c.KeyDates) != 2 {
		t.Fatalf("%d citations, %d facts, %d promises, %d dates", len(c.Citations), len(c.Facts), len(c.Commitments), len(c.KeyDates))
	}
	page := b.get("/cases/101").body
	for _, want := range []string{"They need it as fact", "They need it as ours", "They need it as theirs", "They need it as date", "6 Nov 2026", "No date for the firmware"} {
		if !strings.Contains(page, want) {
			t.Errorf("the case does not show %q", want)
		}
	}
	for name, form := range map[string]url.Values{"Choose the day": {"as": {"date"}}, "is not a day": {"as": {"ours"}, "due": {"Friday"}}, "Words can be a fact": {"as": {"joke"}}} {
		if r := say(form.Get("as"), form); r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, name) {
			t.Errorf("%v: %d, not %q", form, r.code, name)
		}
	}
	if r := b.get("/promises?show=all"); !strings.Contains(r.body, "They need it as theirs") || !strings.Contains(r.body, "C-101") {
		t.Errorf("promises: %d %s", r.code, r.body)
	}
}

// A form that was made from an older state of the case comes back with what was written and what
// happened since, and its next try is about the case as it is now.
func TestTR9_StaleDecisionIsHeldWithItsText(t *testing.T) {
	f := newFixture(t)
	escalation(f)
	b := f.as("agent")
	revision := between(b.get("/cases/101").body, `name="revision" value="`, `"`)
	f.do(casework.AddNote{Case: 101, Text: "They called."})
	stale := map[string]url.Values{
		"":           {"status": {"resolved"}, "reason": {"all <done>"}},
		"/owner":     {"owner": {"agent"}, "reason": {"all <done>"}},
		"/facts":     {"text": {"all <done>"}, "cite": {"1"}},
		"/decisions": {"text": {"stop"}, "why": {"all <done>"}},
		"/promises":  {"what": {"all <done>"}, "cite": {"1"}},
		"/dates":     {"label": {"all <done>"}, "due": {"2026-11-09"}, "cite": {"1"}},
		"/issues":    {"title": {"all <done>"}},
	}
	for path, form := range stale {
		form.Set("revision", revision)
		r := b.post("/cases/101"+path, form)
		if r.code != http.StatusConflict || !strings.Contains(r.body, "all &lt;done&gt;") || !strings.Contains(r.body, "was changed after you opened it") || !strings.Contains(r.body, "added a note") {
			t.Errorf("%s: %d; what was written or what happened is lost", path, r.code)
		}
	}
	for path, form := range stale {
		form.Set("revision", between(b.get("/cases/101").body, `name="revision" value="`, `"`))
		if r := b.post("/cases/101"+path, form); r.code != http.StatusSeeOther {
			t.Errorf("again %s: %d %s", path, r.code, r.body)
		}
	}
	if r := b.post("/cases/101/notes", url.Values{"text": {strings.Repeat("x", 30_000)}}); r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, "xxxxxxxx") {
		t.Errorf("a note that is too long: %d", r.code)
	}
}

// The API states what people do, refuses what has no source with 422, and lists what was promised.
func TestStatementsThroughTheAPI(t *testing.T) {
	f := newFixture(t)
	escalation(f)
	p := f.program(casework.Agent)
	when := map[string]any{"from": "2026-11-06T00:00:00Z", "to": "2026-11-07T00:00:00Z", "grain": "day", "text": "by Friday"}
	for path, body := range map[string]map[string]any{
		"/cases/101/facts": {"text": "x", "accepted": true}, "/cases/101/commitments": {"what": "x", "cites": []int{}}, "/cases/101/keydates": {"label": "x", "when": when, "cites": []int{}},
	} {
		if r := p.ask("POST", path, body); r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, "has no source") {
			t.Errorf("%s without a source: %d %s", path, r.code, r.body)
		}
	}
	ok := func(method, path string, body any) {
		t.Helper()
		if r := p.ask(method, path, body); r.code >= 300 {
			t.Errorf("%s %s: %d %s", method, path, r.code, r.body)
		}
	}
	ok("POST", "/cases/101/facts", map[string]any{"text": "It is late.", "issue": 1, "cites": []int{1}, "when": when, "accepted": true})
	ok("PATCH", "/cases/101/facts/2", map[string]any{"status": "superseded", "better": 1, "reason": "the same"})
	ok("PATCH", "/cases/101/issues/1", map[string]any{"state": "solved"})
	ok("POST", "/cases/101/decisions", map[string]any{"text": "wait", "why": "it comes on Friday"})
	ok("POST", "/cases/101/commitments", map[string]any{"direction": "theirs", "debtor": map[string]any{"name": "Jane"}, "what": "logs", "due": when, "cites": []int{1}})
	ok("POST", "/cases/101/commitments/3/move", map[string]any{"what": "all logs", "asked": "ours", "cites": []int{1}})
	ok("POST", "/cases/101/commitments/3/end", map[string]any{"how": "waived"})
	ok("DELETE", "/cases/101/keydates/1", nil)
	var out struct {
		Commitments []struct {
			What, State, Answers string
			Moves                []casework.Move
		}
	}
	p.ok("GET", "/commitments?state=waived", "", &out)
	if len(out.Commitments) != 1 || out.Commitments[0].What != "all logs" || len(out.Commitments[0].Moves) != 1 {
		t.Errorf("%+v", out)
	}
}

// What a message says is proposed on its page, with the day that it names, and kept by nobody but
// a person; what is quoted is not proposed.
func TestAC4_ProposalsWaitForAPerson(t *testing.T) {
	f := newFixture(t)
	escalation(f)
	at := f.mail("From: Kim <kim@support.northwind.example>\nTo: jane@acme.example\nSubject: Firmware\nDate: Mon, 2 Nov 2026 11:00:00 +0100\nMessage-ID: <p1@northwind.example>\n\nHello Jane,\n\nI will send you the firmware by Friday.\n\nKim\n\nOn Mon, 2 Nov 2026, Jane Doe wrote:\n> We will pay the invoice by Tuesday.\n")
	page := f.as("agent").get(recordPath(at)).body
	for _, want := range []string{"our promise", "I will send you the firmware by Friday.", "2026-11-06", "as=ours"} {
		if !strings.Contains(page, want) {
			t.Errorf("not proposed: %q", want)
		}
	}
	if strings.Contains(between(page, `class="missing proposals"`, "</details>"), "invoice") {
		t.Error("what is quoted is proposed")
	}
	link := strings.ReplaceAll(between(page, `<a href="`+recordPath(at)+`?as=ours`, `#cite"`), "&amp;", "&")
	form := f.as("agent").get(recordPath(at) + "?as=ours" + link).body
	if !strings.Contains(form, `<details class="cite" id="cite" open>`) || !strings.Contains(form, `value="2026-11-06"`) {
		t.Error("the form is not filled")
	}
	var n int
	f.desk.Read(func(s *casework.State) { n = len(s.Promises()) })
	if n != 2 {
		t.Errorf("%d promises are kept, 2 before anybody kept one", n)
	}
	if r := f.as("compliance").get(recordPath(at)); strings.Contains(r.body, "our promise") {
		t.Error("proposed to who does not work on cases")
	}
}

// Who looks at a list of promises is noted once, with all cases that it was made of.
func TestListOfPromisesIsNotedOnce(t *testing.T) {
	f := newFixture(t)
	at := escalation(f)
	f.do(casework.OpenCase{Title: "Another one", Owner: "manager"})
	b := f.as("agent")
	if r := b.post(recordPath(at)+"/cite", url.Values{"case": {"102"}, "quote": {"firmware by Friday"}, "as": {"theirs"}}); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	p := f.program(casework.Agent)
	for name, look := range map[string]func() answer{"the page": func() answer { return b.get("/promises") }, "the API": func() answer { return p.ask("GET", "/commitments", nil) }} {
		before := f.archive.Next(archive.Audit)
		if r := look(); r.code != http.StatusOK {
			t.Errorf("%s: %d", name, r.code)
		}
		if n := f.archive.Next(archive.Audit) - before; n != 1 {
			t.Errorf("%s is noted %d times", name, n)
		}
	}
	if log := f.as("compliance").get("/audit").body; !strings.Contains(log, "read what is stated in 2 cases") || !strings.Contains(log, `href="/cases/102"`) {
		t.Error("the log does not tell which cases")
	}
}
