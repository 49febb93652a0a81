package webui

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

// offerForm is the form that offers the case, with what every offer says.
func offerForm(more url.Values) url.Values {
	form := url.Values{"to": {"agent"}, "kind": {"permanent"}, "field-situation": {"They wait"}, "field-next-step": {"Send the firmware"}, "field-customer-expects": {"unknown"}}
	maps.Copy(form, more)
	return form
}

// handedCase is escalation with its offer withdrawn, so that another one can be made.
func handedCase(f *fixture) archive.Address {
	at := escalation(f)
	f.doAs("manager", casework.WithdrawHandoff{Case: 101, ID: 1})
	return at
}

func (f *fixture) doAs(actor string, c casework.Command) {
	f.t.Helper()
	if _, err := f.desk.Do(f.t.Context(), actor, c); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) theCase() (c casework.Case) {
	f.desk.Read(func(s *casework.State) { c, _ = s.Case(101) })
	return c
}

// An offer that leaves a field empty is answered with 422, names the field, and keeps what was typed.
func TestHO3_EmptyFieldIs422(t *testing.T) {
	f := newFixture(t)
	handedCase(f)
	b := f.as("manager")
	r := b.post("/cases/101/handoffs", offerForm(url.Values{"field-next-step": {" "}, "pin": {"fact-1"}}))
	if r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, "“Next step” is empty") || !strings.Contains(r.body, ">They wait</textarea>") || !strings.Contains(r.body, `value="fact-1" checked`) {
		t.Errorf("%d: the field or what was typed is not told", r.code)
	}
	p := f.program(casework.Manager)
	if r := p.ask("POST", "/cases/101/handoffs", map[string]any{"to": "agent", "fields": map[string]string{"situation": "x", "next-step": "y"}}); r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, "Customer expects") {
		t.Errorf("API: %d %s", r.code, r.body)
	}
	if n := len(f.theCase().Handoffs); n != 1 {
		t.Errorf("%d handoffs", n)
	}
}

// A case is offered, read, asked about and accepted on the pages, without a script; until it is accepted the owner stays.
func TestHO4_OfferToAcceptance(t *testing.T) {
	f := newFixture(t)
	handedCase(f)
	manager, agent := f.as("manager"), f.as("agent")
	r := manager.post("/cases/101/handoffs", offerForm(url.Values{"pin": {"fact-1", "cite-1"}}))
	if r.code != http.StatusSeeOther || r.head.Get("Location") != "/cases/101/handoffs/2" {
		t.Fatalf("%d %s %s", r.code, r.head.Get("Location"), r.body)
	}
	if home := agent.get("/").body; !strings.Contains(home, "Waits for you") || !strings.Contains(home, `href="/cases/101/handoffs/2"`) || !strings.Contains(home, "Who signed the order?") {
		t.Error("Home does not say what waits")
	}
	if home := f.as("specialist").get("/").body; strings.Contains(home, "Waits for you") {
		t.Error("Home tells others too")
	}
	page := agent.get("/cases/101/handoffs/2").body
	for _, want := range []string{"They wait since Monday.", "firmware by Friday", `name="do-1" value="take" required`, "goes on to answer for it", "Accept the case", "Decline", "Ask The manager", "Open promises <span class=\"muted\">2</span>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	if strings.Contains(page, "Withdraw the offer") || strings.Contains(f.as("specialist").get("/cases/101/handoffs/2").body, "Accept the case") {
		t.Error("somebody is offered what is not theirs to do")
	}
	revision := between(page, `name="revision" value="`, `"`)
	answer := "/cases/101/handoffs/2/answer"
	if r := agent.post(answer, url.Values{"answer": {"accept"}, "revision": {revision}}); r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, "Say what becomes of the promise “firmware”") {
		t.Errorf("nothing answered: %d", r.code)
	}
	if c := f.theCase(); c.Owner != "manager" {
		t.Errorf("owner %q", c.Owner)
	}
	if r := agent.post("/cases/101/questions", url.Values{"handoff": {"2"}, "to": {"manager"}, "text": {"Which firmware?"}}); r.code != http.StatusSeeOther || r.head.Get("Location") != "/cases/101/handoffs/2" {
		t.Errorf("ask: %d %s", r.code, r.body)
	}
	if r := manager.post("/cases/101/questions/2/answer", url.Values{"text": {"4.2.3"}, "cite": {"1"}}); r.code != http.StatusSeeOther {
		t.Errorf("answer: %d %s", r.code, r.body)
	}
	stale := agent.post(answer, url.Values{"answer": {"accept"}, "revision": {revision}, "do-1": {"renegotiate"}, "due-1": {"2026-11-09"}})
	if stale.code != http.StatusConflict || !strings.Contains(stale.body, "was changed after you opened it") || !strings.Contains(stale.body, `value="renegotiate" checked`) || !strings.Contains(stale.body, `value="2026-11-09"`) {
		t.Errorf("stale: %d", stale.code)
	}
	again := agent.get("/cases/101/handoffs/2").body
	if !strings.Contains(again, "4.2.3") || !strings.Contains(between(again, `id="since"`, "</section>"), "which is a fact now") {
		t.Error("what happened since the offer is not told")
	}
	r = agent.post(answer, url.Values{"answer": {"accept"}, "revision": {between(again, `name="revision" value="`, `"`)}, "do-1": {"renegotiate"}, "due-1": {"2026-11-09"}})
	if c := f.theCase(); r.code != http.StatusSeeOther || c.Owner != "agent" || c.Commitments[0].Debtor.User != "agent" || len(c.Commitments[0].Moves) != 1 || len(c.Facts) != 2 || c.Facts[1].Question != 2 {
		t.Errorf("%d %+v", r.code, c)
	}
}

// What a handoff shows is rendered with what the reader may read now: words of mail that was withheld or erased
// are not in it, though its package is what it was.
func TestHO2_PackageShowsNothingWithheldOrErased(t *testing.T) {
	f := newFixture(t)
	at := escalation(f)
	page := func(who string) string { return f.as(who).get("/cases/101/handoffs/1").body }
	if got := page("agent"); !strings.Contains(got, words) || !strings.Contains(got, "as it was offered") {
		t.Fatal("there are no words to hide")
	}
	f.do(casework.AddQueue{Name: "postfix", Local: "postfix-7f3k2", QueueTerms: casework.QueueTerms{Readers: []string{"manager"}}})
	if got := page("agent"); strings.Contains(got, words) || strings.Contains(got, "Jane Doe") || !strings.Contains(got, "is for others to read") || !strings.Contains(got, "as it was offered") {
		t.Error("withheld words are shown, or their gap is not told")
	}
	if r := f.program(casework.Agent).ask("GET", "/cases/101/handoffs/1", nil); strings.Contains(r.body, words) || !strings.Contains(r.body, "is for others to read") {
		t.Errorf("API: %s", r.body)
	}
	if got := page("manager"); !strings.Contains(got, words) {
		t.Error("the manager may read them")
	}
	f.erases(at, "asked")
	if got := page("manager"); strings.Contains(got, "firmware by Friday") || !strings.Contains(got, "which is cited, was removed") || !strings.Contains(got, "as it was offered") {
		t.Error("erased words are shown, or their gap is not told")
	}
}

// The gaps of a case name mail that is not there and mail that could not be read.
func TestHO5_GapsOfMail(t *testing.T) {
	f := newFixture(t)
	escalation(f)
	lost := f.mail("From: Jane Doe <jane@acme.example>\nTo: support@northwind.example\nSubject: Re: An older thing\nMessage-ID: <late@acme.example>\nIn-Reply-To: <never-came@northwind.example>\n\nWe never heard back.\n")
	sealed := f.mail("From: Jane Doe <jane@acme.example>\nTo: support@northwind.example\nSubject: secret\nMessage-ID: <sealed@acme.example>\nMIME-Version: 1.0\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\nContent-Transfer-Encoding: base64\n\nMIAGCSqGSIb3DQEHA6CAMIACAQ==\n")
	for _, at := range []archive.Address{lost, sealed} {
		if r := f.as("manager").post(recordPath(at)+"/cite", url.Values{"case": {"101"}}); r.code != http.StatusSeeOther {
			t.Fatalf("%d %s", r.code, r.body)
		}
	}
	var out struct{ Gaps []casework.Gap }
	f.program(casework.Observer).ok("GET", "/cases/101/handoffs/1", "", &out)
	for _, want := range []string{lost.String() + " A message that others answer is not in the archive: never-came@northwind.example.", lost.String() + " Nobody has answered “Re: An older thing” of Jane Doe.", sealed.String() + " Not all of “secret” could be read"} {
		found := false
		for _, g := range out.Gaps {
			found = found || strings.HasPrefix(g.Record.String()+" "+g.Text, want)
		}
		if !found {
			t.Errorf("%q is not among %+v", want, out.Gaps)
		}
	}
}

// Who joins late has the package and what to read first on one page, and joins without taking anything.
func TestHO7_LateJoinerReadsFirst(t *testing.T) {
	f := newFixture(t)
	escalation(f)
	if r := f.as("agent").post("/cases/101/handoffs", offerForm(url.Values{"to": {"specialist"}, "kind": {"join"}, "pin": {"fact-1", "promise-1"}})); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	b := f.as("specialist")
	page := b.get("/cases/101/handoffs/2").body
	first := between(page, `id="first"`, "</section>")
	for _, want := range []string{"They wait since Monday.", "firmware", "unknown", "Customer expects"} {
		if !strings.Contains(first, want) {
			t.Errorf("%q is not to be read first", want)
		}
	}
	if strings.Contains(page, `name="do-1"`) || !strings.Contains(page, "Join the case") {
		t.Error("who joins is asked about promises")
	}
	if r := b.post("/cases/101/handoffs/2/answer", url.Values{"answer": {"accept"}}); r.code != http.StatusSeeOther {
		t.Errorf("%d %s", r.code, r.body)
	}
	if got := b.get("/cases/101").body; f.theCase().Owner != "manager" || !strings.Contains(got, "With it: The specialist") {
		t.Error("the case does not say who joined")
	}
}

// A cover is shown with its end on the case, and both pages say when it is over.
func TestHO8_CoverIsShown(t *testing.T) {
	f := newFixture(t)
	handedCase(f)
	manager, agent := f.as("manager"), f.as("agent")
	if r := manager.post("/cases/101/handoffs", offerForm(url.Values{"kind": {"cover"}})); r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, "Say until when") {
		t.Errorf("without an end: %d", r.code)
	}
	if r := manager.post("/cases/101/handoffs", offerForm(url.Values{"kind": {"cover"}, "until": {"2026-11-09T08:00"}})); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	if r := agent.post("/cases/101/handoffs/2/answer", url.Values{"answer": {"accept"}, "do-1": {"take"}}); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	if got := agent.get("/cases/101").body; !strings.Contains(got, "The agent covers for The manager until <b>Mon 9 Nov 08:00</b>") {
		t.Error("the case does not say who covers")
	}
	f.later(6 * 24 * time.Hour)
	f.do(casework.ReturnHandoff{Case: 101, ID: 2})
	if got := f.as("agent").get("/cases/101/handoffs/2").body; f.theCase().Owner != "manager" || !strings.Contains(got, "Returned") || strings.Contains(got, "covering until") {
		t.Errorf("owner %q", f.theCase().Owner)
	}
}

// The API does what the pages do; people accept with their session, programs do not.
func TestHandoffsThroughTheAPI(t *testing.T) {
	f := newFixture(t)
	handedCase(f)
	p := f.program(casework.Manager)
	fields := saidOf("They wait")
	offered := tell[casework.Case](p, http.StatusCreated, "POST", "/cases/101/handoffs", map[string]any{"to": "agent", "fields": fields, "pins": []string{"promise-1"}})
	h := offered.Handoffs[1]
	if h.State != casework.Offered || h.Package.Digest() != h.SHA256 || len(h.Package.Mail) == 0 {
		t.Errorf("%+v", h)
	}
	if r := p.ask("POST", "/cases/101/handoffs/2/answer", map[string]any{"accept": true}); r.code != http.StatusForbidden {
		t.Errorf("a program accepts: %d %s", r.code, r.body)
	}
	var waits struct {
		Handoffs  []struct{ Case, ID int }
		Questions []casework.Asked
	}
	f.program(casework.Observer).ok("GET", "/handoffs?for=agent", "", &waits)
	if len(waits.Handoffs) != 1 || waits.Handoffs[0].ID != 2 || len(waits.Questions) != 1 {
		t.Errorf("%+v", waits)
	}
	var out struct {
		Intact bool
		Since  []casework.Entry
	}
	p.ok("POST", "/cases/101/notes", `{"text":"They called."}`, nil)
	p.ok("GET", "/cases/101/handoffs/2", "", &out)
	if !out.Intact || len(out.Since) != 1 || out.Since[0].Type != casework.NoteAdded {
		t.Errorf("%+v", out)
	}
	agent := &program{browser: f.as("agent"), api: f.web.newAPI()}
	accepted := tell[casework.Case](agent, http.StatusCreated, "POST", "/cases/101/handoffs/2/answer", map[string]any{"accept": true, "takes": []map[string]any{{"commitment": 1, "do": "take"}}})
	if accepted.Owner != "agent" {
		t.Errorf("owner %q", accepted.Owner)
	}
	if r := f.program(casework.Agent).ask("PUT", "/handoffs/fields", map[string]any{"fields": []map[string]any{{"label": "Risk"}}}); r.code != http.StatusForbidden {
		t.Errorf("an agent changes the fields: %d", r.code)
	}
	set := tell[HandoffFields](p, http.StatusOK, "PUT", "/handoffs/fields", map[string]any{"fields": []map[string]any{{"label": "At risk", "required": true}}})
	if len(set.Fields) != 1 || set.Fields[0].Name != "at-risk" {
		t.Errorf("%+v", set)
	}
}

// Managers say on a page what an offer says.
func TestFieldsOfHandoffsAreSet(t *testing.T) {
	f := newFixture(t)
	f.users()
	b := f.as("manager")
	form := url.Values{"label": {"Situation", "", "Customer expects", "At risk?", ""}, "name": {"situation", "next-step", "customer-expects", "", ""}, "required": {"0", "3"}}
	if r := b.post("/handoffs/fields", form); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	var got []casework.HandoffField
	f.desk.Read(func(s *casework.State) { got = s.HandoffFields() })
	want := []casework.HandoffField{{Name: "situation", Label: "Situation", Required: true}, {Name: "customer-expects", Label: "Customer expects"}, {Name: "at-risk", Label: "At risk?", Required: true}}
	if len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("%+v", got)
	}
	if r := f.as("agent").post("/handoffs/fields", form); r.code != http.StatusForbidden {
		t.Errorf("an agent: %d", r.code)
	}
	if r := b.post("/handoffs/fields", url.Values{"label": {""}}); r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, "1 to 12 fields") {
		t.Errorf("none: %d", r.code)
	}
}
