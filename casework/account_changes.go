package casework

import (
	"maps"
	"slices"
	"strings"
	"time"

	"polytrace/archive"
	"polytrace/message"
)

// AccountSeen is the event that somebody has seen what there is of an account, in all of its cases. It is about who
// looked: nothing of the account changes.
const AccountSeen EventType = "account.seen"

// AccountSeenData is the data of AccountSeen.
type AccountSeenData struct {
	ID   string    `json:"account"`
	Upto Positions `json:"upto"` // Every record before these was seen: mail, and decisions in the ledger.
}

// accountVisitKey is somebody who looked at an account.
type accountVisitKey struct{ account, actor string }

// AccountVisit returns how much of an account somebody has seen; the zero value when he never said so.
func (s *State) AccountVisit(actor, id string) Visit {
	v := s.accountVisits[accountVisitKey{id, actor}]
	v.Upto = maps.Clone(v.Upto)
	return v
}

// SeeAccount says that the actor has seen what there is of an account.
type SeeAccount struct {
	Account string
	Upto    Positions

	actor string // Set by the Desk.
}

func (c SeeAccount) by(actor string) Command {
	c.actor = actor
	return c
}

// Check does nothing when as much was seen before.
func (c SeeAccount) Check(s *State, _ time.Time) ([]Event, error) {
	a, err := s.findAccount(c.Account)
	if err != nil {
		return nil, err
	}
	upto, err := further(s.accountVisits[accountVisitKey{a.ID, c.actor}].Upto, c.Upto)
	if upto == nil || err != nil {
		return nil, err
	}
	return newEvent(AccountSeen, 0, "", AccountSeenData{a.ID, upto})
}

func (s *State) accountSeen(d decision, data AccountSeenData) error {
	if s.accounts[data.ID] == nil {
		return noAccountOf(data.ID)
	}
	s.accountVisits[accountVisitKey{data.ID, s.actor(d.Actor)}] = Visit{d.At, data.Upto}
	return nil
}

// accountVisitFolds are the folds of the event about visits of accounts.
var accountVisitFolds = map[EventType]fold{AccountSeen: folding((*State).accountSeen)}

// AccountTimeline is what happened to an account: its mail, the decisions about its cases, and those about itself.
func AccountTimeline(a Account, cases []Case, mail []Mail) []TimelineItem {
	items := Timeline(cases, mail)
	for i := range a.Log {
		items = append(items, TimelineItem{At: a.Log[i].At, Kind: TimelineStatus, Entry: &a.Log[i]})
	}
	slices.SortStableFunc(items, func(a, b TimelineItem) int { return a.At.Compare(b.At) })
	return items
}

// SeenOfAccount are the positions behind everything that an account has now.
func SeenOfAccount(a Account, cases []Case, mail []Mail) Positions {
	upto := SeenOf(cases, mail)
	upto[archive.Ledger] = max(upto[archive.Ledger], a.Revision+1)
	return upto
}

// ChangesSince lists what happened since a time, in the order of a timeline. Mail that was sent before and came here
// after that is old news, and stands behind.
func ChangesSince(items []TimelineItem, since time.Time) (list []Change) {
	for _, it := range items {
		switch {
		case it.Mail != nil && !it.Mail.Received.Before(since):
			list = append(list, Change{it, it.Mail.When().Before(since)})
		case it.Entry != nil && !it.Entry.At.Before(since):
			list = append(list, Change{it, false})
		}
	}
	oldBehind(list)
	return list
}

// LastHandoff is when a case of some was accepted last by another owner; zero when none was.
func LastHandoff(cases []Case) (at time.Time) {
	for _, c := range cases {
		for _, h := range c.Handoffs {
			if h.owns() && (h.State == Accepted || h.State == Covering || h.State == Returned) {
				at = latest(at, h.Answered)
			}
		}
	}
	return at
}

// NewPerson is somebody who is in mail among changes, and in none before.
type NewPerson struct {
	message.Mailbox
	Record archive.Address `json:"record"` // The first message that they are in.
	At     time.Time       `json:"at"`     // When it was sent.
}

// NewFile is a file that came with mail among changes.
type NewFile struct {
	Name   string          `json:"name"`
	Record archive.Address `json:"record"`
	At     time.Time       `json:"at"`
}

// NewIn finds the people and the files that are new with changes; mail is all that there is.
func NewIn(changes []Change, mail []Mail) (people []NewPerson, files []NewFile) {
	fresh := map[archive.Address]bool{}
	for _, c := range changes {
		if c.Mail != nil {
			fresh[c.Mail.Record] = true
		}
	}
	known := map[string]bool{"": true}
	each := func(m *Mail, f func(message.Mailbox)) {
		f(m.From)
		for _, to := range m.To {
			f(to)
		}
	}
	for i := range mail {
		if m := &mail[i]; !fresh[m.Record] {
			each(m, func(who message.Mailbox) { known[strings.ToLower(who.Address)] = true })
		}
	}
	for _, c := range changes {
		m := c.Mail
		if m == nil {
			continue
		}
		each(m, func(who message.Mailbox) {
			if a := strings.ToLower(who.Address); !known[a] {
				known[a] = true
				people = append(people, NewPerson{who, m.Record, m.When()})
			}
		})
		for _, name := range m.Files {
			files = append(files, NewFile{name, m.Record, m.When()})
		}
	}
	return people, files
}
