package casework

import (
	"testing"
	"time"

	"polytrace/message"
)

// goldenContacts holds the first ledger with contacts of accounts, and what it folded to. These files never change.
const goldenContacts = "testdata/golden-contacts"

func shownContacts(s *State) map[string]any {
	a, _ := s.Account("acme")
	return map[string]any{"account": a, "key": s.KeyContacts([]Case{{Account: "acme"}, {Account: "Acme GmbH"}}), "unknown": s.Unknown()}
}

func TestFirstContactsStayReadable(t *testing.T) {
	checkGolden(t, goldenContacts, shownContacts, ContactSet, ContactRemoved)
}

func TestContactsAreWrittenAsAtFirst(t *testing.T) {
	checkWritten(t, goldenContacts, goldenContactsScript)
}

// goldenContactsScript makes every type of event with every member set at least once.
func goldenContactsScript(o *office) {
	step := func(actor string, c Command) { o.t.Helper(); o.as(actor, c); o.clock = o.clock.Add(time.Hour) }
	step(System, AddUser{Name: "kim", FullName: "Kim Osei", Roles: []Role{Agent}})
	step("kim", OpenAccount{"acme", "Acme GmbH"})
	step("kim", SetContact{Account: "Acme GmbH", Address: "<Jane@acme.example>", Name: "Jane Doe", Title: "CFO", Role: "signs the contract", Key: true})
	step("kim", SetContact{Account: "acme", Address: "bob@acme.example"})
	step("kim", SetContact{Account: "acme", Address: "jane@acme.example", Name: "Jane Doe", Title: "CEO", Key: true})
	step("kim", SetContact{Account: "acme", Address: "bob@acme.example", Key: true})
	step("kim", SetContact{Account: "acme", Address: "bob@acme.example", Name: "Bob"})
	step("kim", RemoveContact{Account: "acme", Contact: 2, Reason: "left"})
	step("kim", SetContact{Account: "acme", Address: "bob@acme.example", Role: "is back"})
}

// A contact has one entry for each address, is said anew, and removed; since when it is key is kept.
func TestESC4_ContactsOfAnAccount(t *testing.T) {
	o := withAccounts(t)
	o.as("kim", SetContact{Account: "acme", Address: "Jane@acme.example", Name: "Jane Doe", Key: true})
	since := o.clock
	o.clock = o.clock.Add(time.Hour)
	n := len(o.ledger.records)
	o.as("kim", SetContact{Account: "acme", Address: "jane@ACME.example", Name: "Jane Doe", Key: true})
	if len(o.ledger.records) != n {
		t.Error("what is known is noted again")
	}
	o.as("marta", SetContact{Account: "acme", Address: "jane@acme.example", Name: "Jane Doe", Title: "CFO", Key: true})
	a, _ := o.desk.state.Account("acme")
	if len(a.Contacts) != 1 || a.Contacts[0].Title != "CFO" || !a.Contacts[0].Since.Equal(since) {
		t.Errorf("%+v", a.Contacts)
	}
	if got, want := a.Log[len(a.Log)-1].Text, "Marta Lindqvist changed what is known of Jane Doe (CFO, jane@acme.example)"; got != want {
		t.Errorf("the history says %q", got)
	}
	o.refused(SetContact{Account: "acme", Address: "acme.example"}, Invalid, "Address", "A contact is a person")
	o.refused(SetContact{Account: "acme", Address: "nobody at all"}, Invalid, "Address")
	o.refused(SetContact{Account: "none such", Address: "jane@acme.example"}, NotFound, "ID")
	o.refused(SetContact{Account: "acme", Address: "jane@acme.example", Title: "two\nlines"}, Invalid, "Title")
	o.refused(RemoveContact{Account: "acme", Contact: 2}, NotFound, "Contact")
	o.as("kim", RemoveContact{Account: "acme", Contact: 1})
	o.refused(RemoveContact{Account: "acme", Contact: 1}, Gone, "Contact")
	if key := o.desk.state.KeyContacts([]Case{{Account: "acme"}}); len(key) != 0 {
		t.Errorf("who was removed is key: %+v", key)
	}
	equalStates(t, o.reopen().state, o.desk.state)
}

// A key contact who is new in a conversation is a signal, from when it was said that they are key; who was there from
// the beginning is none, nor is somebody who came long before.
func TestESC4_KeyContactIsNewInTheConversation(t *testing.T) {
	with := func(to string) func(*Mail) {
		return func(m *Mail) { m.To = append(m.To, message.Mailbox{Address: to}) }
	}
	w := newWorry().says(0, Inbound, Traits{}).says(1, Outbound, Traits{}, with("Boss@acme.example"))
	w.Now = start.Add(2 * time.Hour)
	expect(t, "before anybody says so", w.rules(), nil)
	w.Key = []KeyContact{{"boss@acme.example", start.Add(-time.Hour)}}
	expect(t, "known before", w.rules(), []string{"executive 2"})
	w.Key[0].Since = start.Add(24 * time.Hour)
	expect(t, "before it was said", w.rules(), nil)
	w.Now = start.Add(25 * time.Hour)
	now, _ := RiskOf(w.RiskInput)
	if len(now.Signals) != 1 || !now.Signals[0].From.Equal(start.Add(24*time.Hour)) {
		t.Errorf("said a day after: %+v", now.Signals)
	}
	w.Key[0].Since = start.AddDate(0, 0, 9)
	w.Now = start.AddDate(0, 0, 10)
	expect(t, "said when they were long there", w.rules(), nil)
	first := newWorry().says(0, Inbound, Traits{}, with("boss@acme.example")).says(1, Outbound, Traits{}, with("boss@acme.example"))
	first.Now = w.Now
	first.Key = []KeyContact{{"boss@acme.example", start.Add(-time.Hour)}}
	expect(t, "there from the beginning", first.rules(), nil)
}

// A key contact who is gone counts more than anybody else.
func TestESC11_KeyContactLostCountsMore(t *testing.T) {
	w := newWorry().says(0, Inbound, Traits{}).says(1, Inbound, Traits{Bounced: []string{"Jane@acme.example"}}, automatic)
	w.Now = start.Add(2 * time.Hour)
	expect(t, "a contact", w.rules(), []string{"contact-lost 2"})
	w.Key = []KeyContact{{"jane@acme.example", start}}
	expect(t, "a key contact", w.rules(), []string{"contact-lost 3"})
	now, _ := RiskOf(w.RiskInput)
	if now.Signals[0].Text != "Mail to a key contact comes back" {
		t.Errorf("says %q", now.Signals[0].Text)
	}
	w.Key[0].Since = start.Add(2 * time.Hour)
	expect(t, "who was not key then", w.rules(), []string{"contact-lost 2"})
}
