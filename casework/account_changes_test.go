package casework

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/message"
)

// goldenVisits holds the first ledger in which somebody has seen an account. These files never change.
const goldenVisits = "testdata/golden-visits"

func shownVisits(s *State) map[string]any {
	return map[string]any{"kim": s.AccountVisit("kim", "acme"), "unknown": s.Unknown()}
}

func TestFirstVisitsOfAccountsStayReadable(t *testing.T) {
	checkGolden(t, goldenVisits, shownVisits, AccountSeen)
}

func TestVisitsOfAccountsAreWrittenAsAtFirst(t *testing.T) {
	checkWritten(t, goldenVisits, goldenVisitsScript)
}

func goldenVisitsScript(o *office) {
	step := func(actor string, c Command) { o.t.Helper(); o.as(actor, c); o.clock = o.clock.Add(time.Hour) }
	step(System, AddUser{Name: "kim", FullName: "Kim Osei", Roles: []Role{Specialist}})
	step("kim", OpenAccount{"acme", "Acme GmbH"})
	step("kim", SeeAccount{Account: "Acme GmbH", Upto: Positions{archive.Mail: 12, archive.Ledger: 2}})
	step("kim", SeeAccount{Account: "acme", Upto: Positions{archive.Mail: 9, "mail-legal-10y": 3}})
}

// What changed of an account since somebody looked is exactly what came after that, in all of its cases and of itself;
// old mail that came later stands apart. So it is since a time, with what everybody did.
func TestAC8_WhatChangedOfAnAccount(t *testing.T) {
	o := withCase(t)
	o.as("kim", OpenAccount{"acme", "Acme GmbH"}, ChangeCase{Case: 101, Account: new("acme")}, OpenCase{Title: "Another", Account: "acme"})
	mail := []Mail{letterAt(1, 0, Inbound), letterAt(2, time.Hour, Outbound)}
	cases := func() []Case { return []Case{o.theCase(101), o.theCase(102)} }
	told := func(list []Change) (all []string) {
		for _, x := range list {
			what := ""
			if x.Mail != nil {
				what = x.Mail.Record.String()
			} else {
				what = fmt.Sprint(x.Entry.Type, " ", x.Case)
			}
			if x.Old {
				what += " old"
			}
			all = append(all, what)
		}
		return all
	}
	account := func() Account { a, _ := o.desk.state.Account("acme"); return a }
	changes := func(actor string) []string {
		return told(Changes(AccountTimeline(account(), cases(), mail), o.desk.state.AccountVisit(actor, "acme"), actor))
	}
	o.clock = start.Add(5 * time.Hour)
	o.as("marta", SeeAccount{Account: "acme", Upto: SeenOfAccount(account(), cases(), mail)})
	expect(t, "after a visit", changes("marta"), nil)
	n := len(o.ledger.records)
	o.as("marta", SeeAccount{Account: "acme", Upto: SeenOfAccount(account(), cases(), mail)})
	if len(o.ledger.records) != n {
		t.Error("a visit is noted twice")
	}
	o.clock = start.Add(6 * time.Hour)
	late, old := letterAt(3, 6*time.Hour, Inbound), letterAt(4, 2*time.Hour, Inbound)
	late.To = append(late.To, message.Mailbox{Name: "Dana", Address: "Dana@acme.example"})
	late.Files, old.Received = []string{"order.pdf"}, start.Add(7*time.Hour)
	mail = append(mail, late, old)
	o.as("kim", AddNote{102, "They called.", nil}, SetContact{Account: "acme", Address: "jane@acme.example"})
	want := []string{"mail/3", "note.added 102", "contact.set 0", "mail/4 old"}
	expect(t, "for marta", changes("marta"), want)
	expect(t, "since a time", told(ChangesSince(AccountTimeline(account(), cases(), mail), start.Add(5*time.Hour+time.Minute))), want)
	people, files := NewIn(Changes(AccountTimeline(account(), cases(), mail), o.desk.state.AccountVisit("marta", "acme"), "marta"), mail)
	if len(people) != 1 || people[0].Name != "Dana" || people[0].Record != late.Record || len(files) != 1 || files[0].Name != "order.pdf" {
		t.Errorf("new are %+v and %+v", people, files)
	}
	o.as("marta", SeeAccount{Account: "acme", Upto: SeenOfAccount(account(), cases(), mail)})
	expect(t, "and then", changes("marta"), nil)
	o.refused(SeeAccount{Account: "none such"}, NotFound, "ID")
	equalStates(t, o.reopen().state, o.desk.state)
}

func TestAC8_SinceTheLastHandoff(t *testing.T) {
	o := handed(t)
	if at := LastHandoff([]Case{o.theCase(101)}); !at.IsZero() {
		t.Errorf("handed over at %s, before it was", at)
	}
	o.as("kim", offerTo("lee"))
	o.clock = o.clock.Add(time.Hour)
	o.as("lee", AnswerHandoff{Case: 101, ID: 1, Accept: true, Takes: takeAll()})
	if at := LastHandoff([]Case{o.theCase(101)}); !at.Equal(o.clock) {
		t.Errorf("handed over at %s, not %s", at, o.clock)
	}
	o.clock = o.clock.Add(time.Hour)
	o.as("lee", AddNote{101, "I have it.", nil})
	c := o.theCase(101)
	var types []EventType
	for _, x := range ChangesSince(Timeline([]Case{c}, nil), LastHandoff([]Case{c})) {
		types = append(types, x.Entry.Type)
	}
	if !slices.Equal(types, []EventType{HandoffAnswered, NoteAdded}) {
		t.Errorf("since then %v", types)
	}
}
