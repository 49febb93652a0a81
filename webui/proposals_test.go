package webui

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/casework/extract"
)

// promising is escalation with a message of ours in the conversation of the case, which says two things.
func promising(f *fixture) archive.Address {
	escalation(f)
	return f.mail("From: Kim <kim@northwind.example>\nTo: jane@acme.example\nSubject: Re: Delivery of the second batch 1\nDate: Mon, 2 Nov 2026 11:00:00 +0100\nMessage-ID: <p1@northwind.example>\nIn-Reply-To: <batch-1@acme.example>\n\nHello Jane,\n\nI will send you the firmware by Friday.\n\nI will send the test report next week.\n\nKim\n")
}

func (p *program) proposed(at archive.Address) (list []string, ids map[string]string) {
	ids = map[string]string{}
	for _, x := range tell[proposalsOut](p, http.StatusOK, "GET", "/records/"+at.String()+"/proposals", nil).Proposals {
		list = append(list, x.Kind+" "+oneLine(x.Quote))
		ids[oneLine(x.Quote)] = x.ID
	}
	return list, ids
}

// What somebody rejects is not proposed again, also by rules of another version, and comes back when that is undone.
func TestAC4_RejectedIsNotProposedAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	at := promising(f)
	b, p := f.as("agent"), f.program(casework.Agent)
	before, ids := p.proposed(at)
	if !slices.Contains(before, "promise I will send the test report next week.") || len(before) < 2 {
		t.Fatalf("proposed: %v", before)
	}
	path := recordPath(at) + "/proposals"
	if r := b.post(path, url.Values{"do": {"reject"}, "proposal": {ids["I will send the test report next week."]}, "reason": {"a way of speaking"}}); r.code != http.StatusSeeOther || r.head.Get("Location") != recordPath(at) {
		t.Fatalf("%d %s", r.code, r.body)
	}
	after, _ := p.proposed(at)
	if slices.Contains(after, "promise I will send the test report next week.") {
		t.Errorf("it is proposed after it was rejected: %v", after)
	}
	b.wants(recordPath(at), "1 thing was rejected", "a way of speaking")
	if r := b.post(path, url.Values{"do": {"reject"}, "proposal": {ids["I will send the test report next week."]}}); r.code != http.StatusSeeOther {
		t.Errorf("who is slower gets %d", r.code)
	}
	out := tell[proposalsOut](p, http.StatusOK, "GET", "/records/"+at.String()+"/proposals", nil)
	if len(out.Rejected) != 1 || out.Rejected[0].Version != extract.Version || out.Rejected[0].Rule == "" {
		t.Fatalf("%+v", out.Rejected)
	}
	if r := b.post(path, url.Values{"do": {"restore"}, "proposal": {number(out.Rejected[0].Position)}}); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	if again, _ := p.proposed(at); !slices.Equal(again, before) {
		t.Errorf("restored: %v", again)
	}
	// Rules of another version found other words for the same thing.
	older := out.Rejected[0].Proposed
	older.Version, older.Rule, older.Quote, older.End = extract.Version-1, "an older rule", older.Quote[:len("I will send the test")], older.Start+len("I will send the test")
	f.do(casework.RejectProposal{Proposed: older})
	if got, _ := p.proposed(at); slices.Contains(got, "promise I will send the test report next week.") {
		t.Errorf("another version proposes it again: %v", got)
	}
	if r := b.post(path, url.Values{"do": {"keep"}, "proposal": {ids["I will send you the firmware by Friday."]}}); r.code != http.StatusUnprocessableEntity {
		t.Errorf("kept in no case: %d", r.code)
	}
}

// The list to confirm has what the mail of one's own cases says, each answered by one press; others' cases, withheld
// mail, and what was answered are not in it.
func TestAC4_ToConfirm(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	at := promising(f)
	manager := f.as("manager")
	page := manager.get("/proposals").body
	text := tells(page)
	for _, want := range []string{"our promise I will send you the firmware by Friday. 2026-11-06", "C-101 Second batch delayed", "Confirm Change… Reject"} {
		if !strings.Contains(text, want) {
			t.Fatalf("there is no %q in %s", want, text)
		}
	}
	if got := f.as("agent").get("/proposals").body; strings.Contains(got, "firmware") || !strings.Contains(got, "Nothing waits") {
		t.Error("mail of others' cases is in the list")
	}
	if got := f.as("agent").get("/proposals?account=1").body; !strings.Contains(got, "I will send you the firmware by Friday.") || strings.Contains(got, `value="keep"`) {
		t.Error("mail of the account is not in its list, or is kept in no case")
	}
	_, ids := f.program(casework.Agent).proposed(at)
	form := url.Values{"do": {"keep"}, "case": {"101"}, "proposal": {ids["I will send you the firmware by Friday."]}, "next": {"/proposals"}}
	if r := manager.post(recordPath(at)+"/proposals", form); r.code != http.StatusSeeOther || r.head.Get("Location") != "/proposals" {
		t.Fatalf("%d %s", r.code, r.body)
	}
	c := f.theCase()
	last := c.Commitments[len(c.Commitments)-1]
	if last.What != "I will send you the firmware by Friday." || last.Direction != casework.Ours || last.Due == nil || len(last.Cites) != 1 {
		t.Errorf("%+v", last)
	}
	if got := tells(manager.get("/proposals").body); strings.Contains(got, "I will send you the firmware by Friday.") || !strings.Contains(got, "I will send the test report next week.") {
		t.Error("what was confirmed is proposed again, or the rest is not")
	}
	f.do(casework.AddQueue{Name: "postfix", Local: "postfix-7f3k2", QueueTerms: casework.QueueTerms{Readers: []string{"agent"}}})
	if got := manager.get("/proposals").body; strings.Contains(got, "I will send the test") {
		t.Error("withheld mail is in the list")
	}
}

// A hundred decisions about what a message says change nothing of its record.
func TestAC4_CorrectionsAreALayerOfTheirOwn(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	at := promising(f)
	raw, err := f.archive.Read(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	p := casework.Proposed{Record: at, SHA256: raw.Meta.SHA256, Kind: "promise", Quote: "I will send ", Start: 54, End: 66, Rule: "will", Version: extract.Version}
	for i := range 50 {
		f.do(casework.ChangeFact{Case: 101, ID: 1, Text: new("Corrected " + number(i))})
		if i%2 == 0 {
			f.do(casework.RejectProposal{Proposed: p})
		} else {
			var rejected []casework.Rejection
			f.desk.Read(func(s *casework.State) { rejected = s.Rejections(p.SHA256) })
			f.do(casework.RestoreProposal{SHA256: p.SHA256, Position: rejected[0].Position})
		}
	}
	again, err := f.archive.Read(t.Context(), at)
	if err != nil || again.Meta.SHA256 != raw.Meta.SHA256 || string(again.Body) != string(raw.Body) || f.theCase().Facts[0].Text != "Corrected 49" {
		t.Errorf("the record changed: %v", err)
	}
}
