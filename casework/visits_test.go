package casework

import (
	"fmt"
	"testing"
	"time"

	"polytrace/archive"
)

// What happened since somebody looked is exactly what came after that, in mail and decisions of others; mail from before that
// came later stands apart. Looking again leaves nothing.
func TestAC8_WhatChangedSinceTheLastVisit(t *testing.T) {
	o := withCase(t)
	mail := []Mail{letterAt(1, 0, Inbound), letterAt(2, time.Hour, Outbound)}
	changes := func(actor string) (all []string) {
		c := o.theCase(101)
		var v Visit
		o.desk.Read(func(s *State) { v = s.Visit(actor, 101) })
		for _, x := range Changes(Timeline([]Case{c}, mail), v, actor) {
			what := ""
			if x.Mail != nil {
				what = x.Mail.Record.String()
			} else {
				what = string(x.Entry.Type)
			}
			if x.Old {
				what += " old"
			}
			all = append(all, what)
		}
		return all
	}
	see := func(actor string) {
		o.as(actor, SeeCase{Case: 101, Upto: SeenOf([]Case{o.theCase(101)}, mail)})
	}
	expect(t, "before the first visit of marta", changes("marta"), []string{"mail/1", "case.opened", "citation.added", "mail/2"})
	o.clock = start.Add(5 * time.Hour)
	see("marta")
	see("kim")
	expect(t, "after it", changes("marta"), nil)
	before := len(o.ledger.records)
	log := len(o.theCase(101).Log)
	see("marta")
	if len(o.ledger.records) != before || len(o.theCase(101).Log) != log {
		t.Error("a visit is noted twice, or in the log of the case")
	}
	mail = append(mail, letterAt(4, 6*time.Hour, Inbound), letterAt(3, 2*time.Hour, Inbound)) // The second was sent before, and came after.
	o.as("kim", AddNote{101, "They called.", []int{1}})
	expect(t, "for marta", changes("marta"), []string{"note.added", "mail/4", "mail/3 old"})
	expect(t, "for kim, who wrote the note", changes("kim"), []string{"mail/4", "mail/3 old"})
	o.as("marta", SeeCase{Case: 101, Upto: Positions{archive.Mail: 2}}) // An older window.
	see("marta")
	expect(t, "and then", changes("marta"), nil)
	o.refused(SeeCase{Case: 150}, NotFound, "Case")
	o.refused(SeeCase{Case: 101, Upto: Positions{"No Stream": 1}}, Invalid, "Upto")
	equalStates(t, o.reopen().state, o.desk.state)
	if got := fmt.Sprint(o.reopen().state.Visit("kim", 101).At); got != fmt.Sprint(start.Add(5*time.Hour)) {
		t.Errorf("kim looked at %s", got)
	}
}
