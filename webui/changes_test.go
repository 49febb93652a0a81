package webui

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"polytrace/casework"
)

// After an account is marked as seen, exactly what comes later is listed, in all of its cases and its mail, with who and
// what is new in it; mail from before that comes later is newly known. So it is since a day and since a handoff.
func TestAC8_WhatChangedOfAnAccountOnItsPage(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	escalation(f)
	f.do(casework.ChangeCase{Case: 101, Account: new("1")})
	f.later(time.Minute)
	b, p := f.as("observer"), f.program(casework.Observer)
	b.wants("/accounts/1/changes", "You have not looked before", "Delivery of the second batch 1", "C-101", "opened the case")
	form := url.Values{}
	for _, m := range regexp.MustCompile(`name="upto" value="([^"]*)"`).FindAllStringSubmatch(b.get("/accounts/1/changes").body, -1) {
		form.Add("upto", m[1])
	}
	if r := b.post("/accounts/1/seen", form); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	b.wants("/accounts/1/changes", "0 changes since", "Nothing has changed.")
	f.later(24 * time.Hour)
	b = f.as("observer")
	f.mail("From: Dana Doe <dana@acme.example>\nTo: support@northwind.example\nSubject: An order\nDate: Wed, 4 Nov 2026 11:00:00 +0000\nMessage-ID: <order@acme.example>\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nHere it is.\n--b\nContent-Type: application/pdf; name=order.pdf\nContent-Disposition: attachment; filename=order.pdf\n\n%PDF-1.4\n--b--\n")
	f.mail("From: Jane Doe <jane@acme.example>\nTo: support@northwind.example\nSubject: From another mailbox\nDate: Thu, 7 Mar 2024 11:00:00 +0000\nMessage-ID: <old@acme.example>\n\nLong ago.\n")
	f.doAs("manager", casework.AddNote{Case: 101, Text: "They called."})
	page := tells(b.get("/accounts/1/changes").body)
	for _, want := range []string{"3 changes since", "New people Dana Doe", "New files order.pdf", "An order", "From another mailbox", "newly known, dated 7 Mar 2024", "C-101 The manager added a note"} {
		if !strings.Contains(page, want) {
			t.Errorf("there is no %q in %s", want, page)
		}
	}
	if strings.Contains(page, "Delivery of the second") {
		t.Error("what was seen is listed again")
	}
	got := tell[accountChangesOut](p, http.StatusOK, "GET", "/accounts/1/changes?since=2026-11-04", nil)
	if len(got.Changes) != 3 || !got.Changes[2].Known || len(got.People) != 1 || len(got.Files) != 1 {
		t.Errorf("since a day: %+v", got)
	}
	if r := p.ask("GET", "/accounts/1/changes?since=perhaps", nil); r.code != http.StatusUnprocessableEntity {
		t.Errorf("%d %s", r.code, r.body)
	}
	f.later(time.Minute)
	f.doAs("agent", casework.AnswerHandoff{Case: 101, ID: 1, Accept: true, Takes: []casework.Take{{Commitment: 1, Do: casework.TakeIt}}})
	got = tell[accountChangesOut](p, http.StatusOK, "GET", "/accounts/1/changes?since=handoff", nil)
	if len(got.Changes) != 1 || got.Changes[0].Entry.Type != casework.HandoffAnswered || got.Changes[0].Case != 101 {
		t.Errorf("since the handoff: %+v", got.Changes)
	}
	f.do(casework.AddQueue{Name: "postfix", Local: "postfix-7f3k2", QueueTerms: casework.QueueTerms{Readers: []string{"agent"}}})
	if r := b.get("/accounts/1/changes?since=2024-01-01"); strings.Contains(r.body, "An order") || strings.Contains(r.body, "Dana") {
		t.Error("withheld mail is among the changes")
	}
}
