package webui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/index"
	"polytrace/message"
)

// takesIn sets up an appliance that routes the mail of its queue.
func takesIn(t *testing.T, rules ...casework.Rule) *fixture {
	f := newFixture(t)
	f.users()
	f.do(casework.SetCompany{Own: []string{"northwind.example"}})
	f.do(casework.AddQueue{Name: "postfix", Local: "postfix-secret"})
	f.do(casework.SetTeam{Team: casework.Team{Name: "legal", Title: "Legal"}})
	f.do(casework.OpenAccount{ID: "acme", Name: "Acme"})
	f.do(casework.MapIdentifier{Account: "acme", Identifier: "acme.example"})
	f.do(casework.SetRules{Rules: casework.RuleSet{Rules: rules}})
	f.do(casework.SetIntake{Queues: []string{"postfix"}, From: casework.Positions{archive.Mail: f.archive.Next(archive.Mail)}})
	return f
}

func (f *fixture) routes() {
	f.t.Helper()
	w := intakeWatch{s: f.web, next: casework.Positions{}}
	if err := w.round(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) numbered(number int) (c casework.Case) {
	f.t.Helper()
	ok := false
	f.desk.Read(func(state *casework.State) { c, ok = state.Case(number) })
	if !ok {
		f.t.Fatalf("there is no case %d", number)
	}
	return c
}

func (f *fixture) cases() (n int) {
	f.desk.Read(func(state *casework.State) { n = len(state.Cases()) })
	return n
}

// note is a message with some fields and a text.
func note(from, subject, id, more, text string) string {
	return fmt.Sprintf("From: %s\nTo: support@northwind.example\nSubject: %s\nDate: Tue, 3 Nov 2026 12:00:00 +0100\nMessage-ID: <%s>\n%s\n%s\n", from, subject, id, more, text)
}

// rule1 sends contracts to a team.
func rule1() casework.Rule {
	return casework.Rule{ID: "contract", Name: "Contract", Conditions: []casework.Condition{{Field: casework.FieldSubject, Values: []string{"contract"}}, {Field: casework.FieldAccount, Values: []string{"acme"}}}, Actions: casework.RuleActions{Team: "legal", Tags: []string{"contract"}}}
}

// New mail becomes a request or comes to the case that it is of, each message once, also after a start; machines and our own
// people open nothing.
func TestTR6_NewMailBecomesRequests(t *testing.T) {
	t.Parallel()
	f := takesIn(t, rule1())
	f.mail(note("jane@acme.example", "The contract", "c1@acme.example", "", "It ends soon."))
	f.routes()
	c := f.numbered(101)
	if c.Kind != casework.Request || c.Team != "legal" || c.Account != "acme" || c.Title != "The contract" || c.Routed == nil || c.Routed.Rule != "contract" || len(c.Links) != 1 {
		t.Fatalf("%+v", c)
	}
	f.mail(note("jane@acme.example", "Re: The contract", "c2@acme.example", "In-Reply-To: <c1@acme.example>\n", "Any news?"))
	f.mail(note("kim@northwind.example", "Re: The contract", "c3@northwind.example", "In-Reply-To: <c2@acme.example>\n", "Soon."))
	f.mail(note("MAILER-DAEMON@acme.example", "Undelivered", "c4@acme.example", "Auto-Submitted: auto-replied\n", "Nobody there."))
	stranger := f.mail(note("mallory@evil.example", "[C-101] the contract", "m1@evil.example", "", "Send me all of it."))
	known := f.mail(note("roy@acme.example", "[C-101] and another thing", "c5@acme.example", "", "Please see below."))
	token := f.mail(note("assistant@elsewhere.example", "Fwd: your mail", "t1@elsewhere.example", "", "Done.\n\n> "+casework.ReplyLine(f.web.replyKey(), 101)))
	f.routes()
	f.routes()
	if n := f.cases(); n != 2 {
		t.Fatalf("%d cases", n)
	}
	if c := f.numbered(102); c.Routed.Message.Record != stranger || c.Routed.Exception != casework.ExceptionClaims || c.Routed.Claims != 101 {
		t.Errorf("who claims a case: %+v", c.Routed)
	}
	f.desk.Read(func(state *casework.State) {
		for at, why := range map[archive.Address]string{known: "names C-101", token: "reply line"} {
			if r, ok := state.Routed(f.digest(at)); !ok || r.Case != 101 || !strings.Contains(r.Link, why) {
				t.Errorf("%s: %+v", at, r)
			}
		}
	})
	events := 0
	for _, e := range f.numbered(101).Log {
		if e.Type == casework.MailRouted {
			events++
		}
	}
	if events != 3 {
		t.Errorf("%d messages came to the case: %+v", events, f.numbered(101).Log)
	}
}

// Each kind of message that somebody has to look at is one, and one that is fine is none.
func TestTR13_PlantedExceptions(t *testing.T) {
	t.Parallel()
	f := takesIn(t, rule1())
	f.mail(note("jane@acme.example", "First", "x0@acme.example", "", "Hello."))
	want := map[archive.Address]string{
		f.mail(note("jane@acme.example", "A contract", "x1@acme.example", "", "Hello.")):                                                                                           "",
		f.mail(note("jane@acme.example", "Something", "x2@acme.example", "", "Hello.")):                                                                                            casework.ExceptionNoRule,
		f.mail(note("new@contoso.example", "Hello there", "x3@contoso.example", "", "Hello.")):                                                                                     casework.ExceptionUnknown,
		f.mail(note("jane@acme.example", "Secret words", "x4@acme.example", "", "-----BEGIN PGP MESSAGE-----\n\nhQEMA\n-----END PGP MESSAGE-----")):                                casework.ExceptionEncrypted,
		f.mail(note("jane@acme.example", "Cut off", "x5@acme.example", "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"b\"\n", "no boundary comes in this message")): casework.ExceptionDefective,
		f.mail(note("jane@acme.example", "Much of it", "x6@acme.example", "", strings.Repeat(strings.Repeat("word ", 200)+"\n", 1100))):                                            casework.ExceptionOversized,
		f.mail(note("mallory@evil.example", "C-101 once more", "x7@evil.example", "", "Hello.")):                                                                                   casework.ExceptionClaims,
	}
	f.do(casework.SetRules{Rules: casework.RuleSet{Version: 1, Largest: 1, Rules: []casework.Rule{rule1()}}})
	f.routes()
	f.desk.Read(func(state *casework.State) {
		for at, exception := range want {
			if r, ok := state.Routed(f.digest(at)); !ok || r.Exception != exception {
				t.Errorf("%s: %+v, want %q", at, r, exception)
			}
		}
	})
}

// Mail of before it was switched on, and of other queues, is left alone.
func TestTR6_WhatIsNotTakenIsLeftAlone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.users()
	f.do(casework.SetCompany{Own: []string{"northwind.example"}})
	f.do(casework.AddQueue{Name: "postfix", Local: "postfix-secret"})
	f.do(casework.AddQueue{Name: "other", Local: "other-secret"})
	f.mail(letter(1))
	f.do(casework.SetIntake{Queues: []string{"other"}, From: casework.Positions{archive.Mail: f.archive.Next(archive.Mail)}})
	f.mail(letter(2))
	f.routes()
	f.do(casework.SetIntake{Queues: []string{"postfix"}, From: casework.Positions{archive.Mail: f.archive.Next(archive.Mail)}})
	f.routes()
	if n := f.cases(); n != 0 {
		t.Fatalf("%d cases", n)
	}
	f.mail(letter(3))
	f.later(time.Minute)
	f.routes()
	if c := f.numbered(101); c.Title != "Delivery of the second batch 3" || c.Routed.Exception != "" {
		t.Errorf("%+v", c)
	}
}

// Text of a file is of that file alone, also where others have its name, or its part is not known.
func TestTR2_FilesOfOneNameKeepTheirText(t *testing.T) {
	t.Parallel()
	var attachments []index.Attachment
	for _, n := range []int{2, 3, 4} {
		attachments = append(attachments, index.Attachment{Attachment: message.Attachment{N: n, Filename: "scan.pdf", Type: "application/pdf"}})
	}
	files := mailFiles(attachments, []index.AttachedText{{File: "scan.pdf", N: new(3), Text: "order"}, {File: "scan.pdf", N: new(4), Text: "bill"}, {File: "scan.pdf", N: new(3), Text: "of May"}, {File: "scan.pdf", Text: "earlier"}, {File: "gone.pdf", Text: "x"}})
	want := []string{"earlier\n", "order\nof May\n", "bill\n"}
	for i, x := range files {
		if len(files) != len(want) || x.Name != "scan.pdf" || x.Text != want[i] {
			t.Errorf("file %d: %+v, want %q", i, x, want)
		}
	}
}

// A message for which somebody has opened a case is no stranger's there, and does not open it again when it is done. The next one does.
func TestTR6_WhatACaseWasOpenedForIsItsOwn(t *testing.T) {
	t.Parallel()
	f := takesIn(t, rule1())
	at := f.mail(note("new@contoso.example", "A pump", "o1@contoso.example", "", "It leaks."))
	f.do(casework.OpenCase{Title: "Pump", Severity: 3, Messages: []casework.Named{{Record: at, SHA256: f.digest(at)}}})
	f.do(casework.ChangeCase{Case: 101, Status: new(casework.Resolved)})
	f.routes()
	f.desk.Read(func(state *casework.State) {
		if r, ok := state.Routed(f.digest(at)); !ok || r.Case != 101 || r.Exception != "" || !strings.Contains(r.Link, "opened for it") {
			t.Errorf("%+v", r)
		}
	})
	if c := f.numbered(101); c.Status != casework.Resolved {
		t.Errorf("the case is %s", c.Status)
	}
	f.mail(note("new@contoso.example", "Re: A pump", "o2@contoso.example", "In-Reply-To: <o1@contoso.example>\n", "It leaks again."))
	f.routes()
	if c := f.numbered(101); c.Status != casework.Open || f.cases() != 1 {
		t.Errorf("the case is %s, of %d", c.Status, f.cases())
	}
}
