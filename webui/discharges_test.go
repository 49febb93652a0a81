package webui

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"polytrace/casework"
)

// A later message of ours that says that the promise is done is shown with it, on the case, in the list and by the API; one
// press ends the promise with the words as its source, another has it never suggested again. By itself nothing ends.
func TestAC6_LooksDoneIsConfirmedByAPerson(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	escalation(f)
	at := f.mail("From: Kim <kim@northwind.example>\nTo: jane@acme.example\nSubject: Re: Delivery of the second batch 1\nDate: Mon, 2 Nov 2026 15:00:00 +0100\nMessage-ID: <done@northwind.example>\nIn-Reply-To: <batch-1@acme.example>\n\nHello Jane,\n\nattached is the firmware.\n\nKim\n")
	b, p := f.as("manager"), f.program(casework.Observer)
	got := tell[looksDoneOut](p, http.StatusOK, "GET", "/cases/101/discharges", nil)
	if len(got.LooksDone) != 1 || got.LooksDone[0].Commitment != 1 || got.LooksDone[0].Record != at || got.LooksDone[0].Quote != "attached is the firmware." {
		t.Fatalf("%+v", got)
	}
	b.wants("/cases/101", "Looks done: attached is the firmware.", "Confirm Not this")
	b.wants("/promises", "looks done, confirm")
	if f.theCase().Commitments[0].End != nil {
		t.Fatal("it ended by itself")
	}
	done := url.Values{"do": {"reject"}, "record": {at.String()}}
	if r := b.post("/cases/101/promises/1/done", done); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	if got := tell[looksDoneOut](p, http.StatusOK, "GET", "/cases/101/discharges", nil); len(got.LooksDone) != 0 {
		t.Errorf("rejected, and suggested again: %+v", got)
	}
	if r := b.post("/cases/101/promises/1/done", url.Values{"do": {"confirm"}, "record": {at.String()}}); r.code != http.StatusConflict {
		t.Errorf("what is not suggested is confirmed: %d", r.code)
	}
	b.wants("/cases/101", "not kept by Re: Delivery of the second batch 1 Perhaps after all")
	done.Set("do", "restore")
	b.post("/cases/101/promises/1/done", done)
	revision := between(b.get("/cases/101").body, `name="revision" value="`, `"`)
	f.do(casework.AddNote{Case: 101, Text: "They called."})
	done = url.Values{"do": {"confirm"}, "record": {at.String()}, "revision": {revision}}
	cites := len(f.theCase().Citations)
	if r := b.post("/cases/101/promises/1/done", done); r.code != http.StatusConflict || !strings.Contains(r.body, "was changed after you opened it") || len(f.theCase().Citations) != cites {
		t.Errorf("stale: %d, and %d citations of %d", r.code, len(f.theCase().Citations), cites)
	}
	done.Del("revision")
	if r := b.post("/cases/101/promises/1/done", done); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	c := f.theCase()
	end := c.Commitments[0].End
	if end == nil || end.How != casework.Met || end.When.UTC().Hour() != 14 || len(end.Cites) != 1 || c.Citations[len(c.Citations)-1].Quote != "attached is the firmware." {
		t.Errorf("%+v", end)
	}
}

// Mail that is not for the caller is nothing that a promise looks done by.
func TestInvariant14_NoDischargeByWithheldMail(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	escalation(f)
	f.mail("From: Kim <kim@northwind.example>\nTo: jane@acme.example\nSubject: Re: Delivery of the second batch 1\nDate: Mon, 2 Nov 2026 15:00:00 +0100\nMessage-ID: <done@northwind.example>\nIn-Reply-To: <batch-1@acme.example>\n\nAttached is the firmware.\n")
	f.do(casework.AddQueue{Name: "postfix", Local: "postfix-7f3k2", QueueTerms: casework.QueueTerms{Readers: []string{"agent"}}})
	if r := f.program(casework.Manager).ask("GET", "/cases/101/discharges", nil); r.code != http.StatusOK || !strings.Contains(r.body, `"looks_done":[]`) {
		t.Errorf("%d %s", r.code, r.body)
	}
	if got := f.as("manager").get("/cases/101").body; strings.Contains(got, "Looks done") {
		t.Error("the case tells of withheld mail")
	}
	if got := f.as("agent").get("/cases/101").body; !strings.Contains(got, "Looks done") {
		t.Error("its reader is not told")
	}
}
