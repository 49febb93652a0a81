package webui

import (
	"bytes"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/index"
)

// legal appends a message that came through a queue which only kim reads.
func (f *fixture) legal(raw string) archive.Address {
	f.t.Helper()
	f.do(casework.AddUser{Name: "kim", FullName: "Kim", Roles: []casework.Role{casework.Manager}, Password: testPassword()})
	f.do(casework.AddQueue{Name: "legal", Local: "legal-7f3k2", QueueTerms: casework.QueueTerms{Readers: []string{"kim"}}})
	m, err := f.archive.Append(f.t.Context(), archive.Mail, archive.Meta{Kind: archive.KindMessage, Received: f.clock(), Source: archive.Source{Queue: "legal"}}, bytes.NewReader([]byte(strings.ReplaceAll(raw, "\n", "\r\n"))))
	if err != nil {
		f.t.Fatal(err)
	}
	if err := f.index.WaitFor(f.t.Context(), m.Address()); err != nil {
		f.t.Fatal(err)
	}
	return m.Address()
}

// corrections lists the decisions about a message that hold.
func (f *fixture) corrections(at archive.Address) (all []casework.Correction) {
	f.t.Helper()
	d, err := f.index.Document(f.t.Context(), at)
	if err != nil {
		f.t.Fatal(err)
	}
	f.desk.Read(func(s *casework.State) { all = s.Corrections(d.SHA256) })
	return all
}

// A conversation is corrected on the page of a message: one that does not belong there is split
// off, another one is joined, found by its words or named, who did it and why is shown, and it is undone.
func TestConversationIsCorrectedOnItsPage(t *testing.T) {
	f := newFixture(t)
	at := escalation(f)
	other, answer := archive.Address{Stream: archive.Mail, Position: 1}, archive.Address{Stream: archive.Mail, Position: 2}
	b := f.as("agent")
	has := func(path string, wants ...string) {
		t.Helper()
		r := b.get(path)
		for _, want := range wants {
			if without, ok := strings.CutPrefix(want, "-"); ok == strings.Contains(r.body, without) {
				t.Errorf("%s: %q in %d %s", path, want, r.code, r.body)
			}
		}
	}
	does := func(path string, form url.Values) {
		t.Helper()
		if r := b.post(path, form); r.code != http.StatusSeeOther {
			t.Fatalf("%s: %d %s", path, r.code, r.body)
		}
	}
	has("/thread/mail-0", "2 messages", "Does not belong here", "Join with another conversation")
	has("/thread/mail-1", "1 message", "-Does not belong here")
	if r := b.post(recordPath(answer)+"/split", nil); r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, "Write why") {
		t.Errorf("without a reason: %d", r.code)
	}
	does(recordPath(answer)+"/split", url.Values{"reason": {"about <another> order"}})
	has("/thread/mail-0", "1 message", "-Split off from")
	has(recordPath(answer), "Split off from the conversation", "by The agent", "about &lt;another&gt; order", "Undo")
	if r := b.post(recordPath(answer)+"/split", url.Values{"reason": {"once more"}}); r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, "split off already") {
		t.Errorf("twice: %d", r.code)
	}
	does("/thread/decisions/"+strconv.FormatUint(uint64(f.corrections(answer)[0].Position), 10)+"/undo", nil)
	has("/thread/mail-0", "2 messages", "-Split off from")

	found := b.post(recordPath(at)+"/join", url.Values{"with": {`subject:"batch 2"`}, "reason": {"the same delivery"}})
	if !strings.Contains(found.body, `type="radio" name="with" value="`+other.String()+`"`) || !strings.Contains(found.body, "the same delivery") {
		t.Errorf("to choose from: %d %s", found.code, found.body)
	}
	for with, says := range map[string]string{"": "Enter the address", "zzzz": "Nothing is found", "(": "never closed", "mail/99": "no such message", "mail-99": "no such conversation", "ledger/1": "Nothing is found", at.String(): "the same message"} {
		if r := b.post(recordPath(at)+"/join", url.Values{"with": {with}, "reason": {"r"}}); r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, says) {
			t.Errorf("join with %q: %d, without %q", with, r.code, says)
		}
	}
	does(recordPath(at)+"/join", url.Values{"with": {" thread:mail-1 "}, "reason": {"the same delivery"}})
	has("/thread/mail-1", "3 messages", "Joined with the conversation of", "the same delivery")
	if f.as("observer").get("/thread/mail-1"); strings.Contains(f.as("observer").get("/thread/mail-1").body, "Undo") {
		t.Error("an observer may undo")
	}
}

// The API does the same, and tells of a conversation what was decided about it and what is missing.
func TestProgramsCorrectConversations(t *testing.T) {
	f := newFixture(t)
	at := escalation(f)
	f.mail(strings.Replace(letter(7), "Message-ID", "References: <lost@acme.example> <batch-1@acme.example>\nMessage-ID", 1))
	p := f.program(casework.Manager)
	joined := tell[correctedOut](p, http.StatusCreated, "POST", "/records/mail/1/join", map[string]any{"with": at, "reason": "one"})
	if joined.Thread != "mail-0" {
		t.Errorf("%+v", joined)
	}
	type conversation struct {
		index.Thread
		Corrections []casework.Correction
	}
	c := tell[conversation](p, http.StatusOK, "GET", "/threads/mail-1", nil)
	if len(c.Messages) != 4 || len(c.Corrections) != 1 || c.Corrections[0].Position != joined.Decision || c.Corrections[0].Reason != "one" || len(c.Missing) != 1 || c.Missing[0] != "lost@acme.example" {
		t.Errorf("%+v", c)
	}
	if r := f.as("agent").get("/thread/mail-0"); !strings.Contains(r.body, "1 message that others answer is not in the archive") || !strings.Contains(r.body, "lost@") {
		t.Errorf("the page does not tell what is missing: %s", r.body)
	}
	if r := p.ask("DELETE", "/threads/decisions/"+strconv.FormatUint(uint64(joined.Decision), 10), nil); r.code != http.StatusNoContent {
		t.Errorf("undo: %d %s", r.code, r.body)
	}
	split := tell[correctedOut](p, http.StatusCreated, "POST", "/records/mail/3/split", map[string]any{"reason": "another"})
	if split.Thread != "mail-3" {
		t.Errorf("%+v", split)
	}
	for path, in := range map[string]map[string]any{"/records/mail/1/join": {"with": "nowhere", "reason": "r"}, "/records/mail/1/split": {"reason": ""}} {
		if r := p.ask("POST", path, in); r.code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", path, r.code, r.body)
		}
	}
	if r := f.program(casework.Observer).ask("POST", "/records/mail/1/split", map[string]any{"reason": "r"}); r.code != http.StatusForbidden {
		t.Errorf("an observer splits: %d", r.code)
	}
}

// Nobody joins, splits or undoes what he may not read, or is told of it.
func TestOnlyReadersCorrectConversations(t *testing.T) {
	f := newFixture(t)
	at := escalation(f)
	secret := f.legal(letter(9))
	manager, kim := f.as("manager"), f.as("kim")
	for _, with := range []string{secret.String(), "mail-" + strconv.Itoa(int(secret.Position)), "batch 9"} {
		form := url.Values{"with": {with}, "reason": {"r"}}
		if r := manager.post("/record/mail/1/join", form); r.code == http.StatusSeeOther || strings.Contains(r.body, "batch 9 ") || strings.Contains(r.body, `value="`+secret.String()) && strings.Contains(r.body, "radio") {
			t.Errorf("join with %q: %d %s", with, r.code, r.body)
		}
	}
	if all := f.corrections(secret); len(all) > 0 {
		t.Errorf("who may not read it decided %+v", all)
	}
	if r := manager.post(recordPath(secret)+"/split", url.Values{"reason": {"r"}}); r.code != http.StatusNotFound {
		t.Errorf("split: %d", r.code)
	}
	p := f.program(casework.Manager)
	for path, in := range map[string]map[string]any{"/records/mail/1/join": {"with": secret, "reason": "r"}, "/records/" + secret.String() + "/split": {"reason": "r"}} {
		if r := p.ask("POST", path, in); r.code != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, r.code, r.body)
		}
	}
	if r := kim.post("/record/mail/1/join", url.Values{"with": {secret.String()}, "reason": {"known to few"}}); r.code != http.StatusSeeOther {
		t.Fatalf("its reader: %d %s", r.code, r.body)
	}
	decision := strconv.FormatUint(uint64(f.corrections(secret)[0].Position), 10)
	for _, path := range []string{"/thread/mail-1", "/record/mail/1", recordPath(at), "/search?q=thread:%7Bbatch%7D"} {
		if r := manager.get(path); r.code != http.StatusOK || strings.Contains(r.body, "known to few") || strings.Contains(r.body, secret.String()) || strings.Contains(r.body, "second batch 9") {
			t.Errorf("%s tells of it: %d %s", path, r.code, r.body)
		}
	}
	if r := p.ask("GET", "/threads/mail-1", nil); r.code != http.StatusOK || strings.Contains(r.body, "known to few") || strings.Contains(r.body, secret.String()) {
		t.Errorf("the API tells of it: %d %s", r.code, r.body)
	}
	if r := manager.post("/thread/decisions/"+decision+"/undo", nil); r.code != http.StatusNotFound {
		t.Errorf("undo: %d", r.code)
	}
	if r := p.ask("DELETE", "/threads/decisions/"+decision, nil); r.code != http.StatusNotFound {
		t.Errorf("undo by the API: %d", r.code)
	}
	if r := kim.get("/thread/mail-1"); !strings.Contains(r.body, "known to few") {
		t.Errorf("its reader is not told: %s", r.body)
	}
	if r := kim.post("/thread/decisions/"+decision+"/undo", nil); r.code != http.StatusSeeOther || len(f.corrections(secret)) > 0 {
		t.Errorf("its reader cannot undo: %d", r.code)
	}
}

// A conversation that is too long to be divided says so, instead of a decision that does nothing.
func TestLongConversationIsNotSplit(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	at := escalation(f)
	var last archive.Meta
	for i := range index.MaxDivided {
		raw := "Message-ID: <again-" + strconv.Itoa(i) + "@contoso.example>\r\nReferences: <batch-1@acme.example>\r\nSubject: Re: Delivery of the second batch 1\r\n\r\nYes.\r\n"
		var err error
		if last, err = f.archive.Append(t.Context(), archive.Mail, archive.Meta{Kind: archive.KindMessage, Received: f.clock(), Source: archive.Source{Queue: "support"}}, strings.NewReader(raw)); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.index.WaitFor(t.Context(), last.Address()); err != nil {
		t.Fatal(err)
	}
	r := f.as("agent").post(recordPath(at)+"/split", url.Values{"reason": {"another order"}})
	if r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, "A conversation of more than 2000 messages stays whole") {
		t.Errorf("split: %d %s", r.code, r.body)
	}
}
