package casework

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"polytrace/archive"
)

// CaseSeen is the event that somebody has seen what there is of a case. It is about who looked: nothing of the
// case changes.
const CaseSeen EventType = "case.seen"

// CaseSeenData is the data of CaseSeen.
type CaseSeenData struct {
	Upto Positions `json:"upto"` // Every record before these was seen: mail, and decisions in the ledger.
}

// Visit is how much of a case somebody has seen, and when he said so.
type Visit struct {
	At   time.Time
	Upto Positions
}

// visitKey is somebody who looked at a case.
type visitKey struct {
	number int
	actor  string
}

// Visit returns how much of a case somebody has seen; the zero value when he never said so.
func (s *State) Visit(actor string, number int) Visit {
	v := s.visits[visitKey{number, actor}]
	v.Upto = maps.Clone(v.Upto)
	return v
}

// SeeCase says that the actor has seen what there is of a case.
type SeeCase struct {
	Case int
	Upto Positions

	actor string // Set by the Desk.
}

func (c SeeCase) by(actor string) Command {
	c.actor = actor
	return c
}

// Check does nothing when as much was seen before.
func (c SeeCase) Check(s *State, _ time.Time) ([]Event, error) {
	if _, err := s.findCase(c.Case); err != nil {
		return nil, err
	}
	upto, err := further(s.visits[visitKey{c.Case, c.actor}].Upto, c.Upto)
	if upto == nil || err != nil {
		return nil, err
	}
	return newEvent(CaseSeen, c.Case, "", CaseSeenData{upto})
}

// visitFolds are the folds of the event about visits.
var visitFolds = map[EventType]fold{CaseSeen: folding((*State).caseSeen)}

func (s *State) caseSeen(d decision, data CaseSeenData) error {
	if s.file(d.Case) == nil {
		return fmt.Errorf("there is no case %d", d.Case)
	}
	s.visits[visitKey{d.Case, s.actor(d.Actor)}] = Visit{d.At, data.Upto}
	return nil
}

// SeenOf are the positions behind everything that a case has now.
func SeenOf(cases []Case, mail []Mail) Positions {
	upto := Positions{}
	for i := range mail {
		at := mail[i].Record
		upto[at.Stream] = max(upto[at.Stream], at.Position+1)
	}
	for i := range cases {
		upto[archive.Ledger] = max(upto[archive.Ledger], cases[i].Revision+1)
	}
	return upto
}

// Change is something that happened to a case which somebody has not seen.
type Change struct {
	TimelineItem
	Old bool // Mail that was sent before he looked, and came here, or into the case, after that.
}

// Changes lists what somebody who saw a case up to some positions has not seen, in the order of a timeline; what he
// did himself is not new to him. What came into the case by a link, and was here before, is no change that
// positions tell: the decision that linked it is.
func Changes(items []TimelineItem, v Visit, actor string) (list []Change) {
	for _, it := range items {
		switch {
		case it.Mail != nil && it.Mail.Record.Position >= v.Upto[it.Mail.Record.Stream]:
			list = append(list, Change{it, it.Mail.When().Before(v.At)})
		case it.Entry != nil && it.Entry.Position >= v.Upto[archive.Ledger] && it.Entry.Actor != actor:
			list = append(list, Change{it, false})
		}
	}
	oldBehind(list)
	return list
}

// oldBehind puts what is old news apart, behind the rest.
func oldBehind(list []Change) {
	slices.SortStableFunc(list, func(a, b Change) int {
		switch {
		case a.Old == b.Old:
			return 0
		case a.Old:
			return 1
		}
		return -1
	})
}
