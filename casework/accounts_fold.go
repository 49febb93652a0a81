package casework

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The types of event about accounts.
const (
	AccountOpened   EventType = "account.opened"
	AccountChanged  EventType = "account.changed"  // name, status
	AccountMapped   EventType = "account.mapped"   // a domain or an address is of it
	AccountUnmapped EventType = "account.unmapped" // from a time on, or it never was
)

type (
	// AccountOpenedData is the data of AccountOpened.
	AccountOpenedData struct {
		ID   string `json:"account"`
		Name string `json:"name"`
	}
	// AccountChangedData is the data of AccountChanged. Absent is unchanged.
	AccountChangedData struct {
		ID     string         `json:"account"`
		Name   *string        `json:"name,omitempty"`
		Status *AccountStatus `json:"status,omitempty"`
	}
	// AccountMappedData is the data of AccountMapped.
	AccountMappedData struct {
		ID         string    `json:"account"`
		Mapping    int       `json:"mapping"`
		Identifier string    `json:"identifier"`
		Person     string    `json:"person,omitempty"`
		From       time.Time `json:"from,omitzero"`
		To         time.Time `json:"to,omitzero"`
	}
	// AccountUnmappedData is the data of AccountUnmapped.
	AccountUnmappedData struct {
		ID         string    `json:"account"`
		Mapping    int       `json:"mapping"`
		Identifier string    `json:"identifier"`     // For those who follow the ledger without a state.
		At         time.Time `json:"until,omitzero"` // Absent: at no time.
	}
)

// accountFolds are the folds of the events about accounts.
var accountFolds = map[EventType]fold{
	AccountOpened:   folding((*State).accountOpened),
	AccountChanged:  folding((*State).accountChanged),
	AccountMapped:   folding((*State).accountMapped),
	AccountUnmapped: folding((*State).accountUnmapped),
}

func (s *State) accountOpened(d decision, data AccountOpenedData) error {
	if data.ID == "" || data.ID == NoAccount || s.accountNamed(data.ID) != nil || s.accountNamed(data.Name) != nil {
		return fmt.Errorf("there is an account %q already, or one of its name", data.ID)
	}
	a := &accountFile{Account{ID: data.ID, Name: data.Name, Status: AccountActive, Opened: d.At, OpenedBy: s.actor(d.Actor)}}
	s.accounts[a.ID], s.accountNames[strings.ToLower(a.Name)] = a, a
	s.noteAccount(a, d, "opened the account")
	return nil
}

// noteAccount adds a line to an account's log: what somebody did.
func (s *State) noteAccount(a *accountFile, d decision, did string) {
	a.Log = append(a.Log, Entry{Position: d.pos, Type: d.Type, Actor: s.actor(d.Actor), At: d.At, Text: sentence(s.who(d.Actor)+" "+did, d.Reason)})
	a.Changed, a.Revision, s.mapped = d.At, d.pos, d.pos+1
}

func (s *State) accountChanged(d decision, data AccountChangedData) error {
	a := s.accounts[data.ID]
	if a == nil {
		return noAccountOf(data.ID)
	}
	if data.Name != nil {
		if other := s.accountNamed(*data.Name); other != nil && other != a {
			return fmt.Errorf("there is an account of the name %q already", *data.Name)
		}
	}
	var did []string
	if data.Name != nil {
		did = append(did, fmt.Sprintf("renamed the account from “%s” to “%s”", a.Name, *data.Name))
	}
	if data.Status != nil {
		did = append(did, map[AccountStatus]string{AccountActive: "opened the account again", AccountClosed: "closed the account"}[*data.Status])
	}
	if data.Name != nil && !slices.Contains(a.Former, a.Name) {
		a.Former = append(a.Former, a.Name)
	}
	delete(s.accountNames, strings.ToLower(a.Name))
	assign(&a.Name, data.Name)
	s.accountNames[strings.ToLower(a.Name)] = a
	assign(&a.Status, data.Status)
	s.noteAccount(a, d, enumerate(did))
	return nil
}

func (s *State) accountMapped(d decision, data AccountMappedData) error {
	a := s.accounts[data.ID]
	if a == nil {
		return noAccountOf(data.ID)
	}
	if data.Mapping != len(a.Mappings)+1 {
		return fmt.Errorf("mapping %d is out of turn", data.Mapping)
	}
	if other, _ := s.overlap(data.Identifier, data.From, data.To); other != nil {
		return fmt.Errorf("%s is of the account %q at that time", data.Identifier, other.ID)
	}
	m := Mapping{ID: data.Mapping, Identifier: data.Identifier, Person: data.Person, From: data.From, To: data.To, By: s.actor(d.Actor), At: d.At}
	a.Mappings = append(a.Mappings, m)
	s.claims[m.Identifier] = append(s.claims[m.Identifier], claim{a, m.ID})
	did := "mapped " + m.Identifier
	if m.Person != "" {
		did += " (" + m.Person + ")"
	}
	s.noteAccount(a, d, did+", "+m.During())
	return nil
}

func (s *State) accountUnmapped(d decision, data AccountUnmappedData) error {
	a := s.accounts[data.ID]
	if a == nil {
		return noAccountOf(data.ID)
	}
	m := a.mapping(data.Mapping)
	if m == nil || !m.Counts() || !m.To.IsZero() && m.To.Before(data.At) || !data.At.IsZero() && !m.From.Before(data.At) {
		return fmt.Errorf("there is no mapping %d that could end then", data.Mapping)
	}
	if data.At.IsZero() {
		m.TakenBack, m.TakenBackBy = d.At, s.actor(d.Actor)
		s.noteAccount(a, d, "took the mapping of "+m.Identifier+" back")
		return nil
	}
	m.To = data.At
	s.noteAccount(a, d, "ended the mapping of "+m.Identifier+" at "+dayOf(m.To))
	return nil
}

func noAccountOf(id string) error { return fmt.Errorf("there is no account %q", id) }
