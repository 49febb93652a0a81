package casework

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The types of event about contacts of accounts.
const (
	ContactSet     EventType = "contact.set" // somebody is a contact, or is known otherwise
	ContactRemoved EventType = "contact.removed"
)

// Contact is somebody at a customer whom one should know.
type Contact struct {
	ID      int       `json:"id"`      // Unique within the account.
	Address string    `json:"address"` // Lower case. No two contacts that were not removed have the same.
	Name    string    `json:"name,omitempty"`
	Title   string    `json:"title,omitempty"` // As they sign: "CFO".
	Role    string    `json:"role,omitempty"`  // What they are to us: "signs the contract".
	Key     bool      `json:"key,omitempty"`   // Without them the account is in danger: rules of risk look for them.
	Since   time.Time `json:"since,omitzero"`  // When it was said that they are key; zero when they are not.
	By      string    `json:"by"`
	At      time.Time `json:"at"`

	Removed   time.Time `json:"removed,omitzero"`
	RemovedBy string    `json:"removed_by,omitempty"`
}

// Counts reports whether the contact was not removed.
func (c Contact) Counts() bool { return c.Removed.IsZero() }

// KeyContact is since when somebody is key.
type KeyContact struct {
	Address string
	Since   time.Time
}

// KeyContacts lists the key contacts of the accounts of cases.
func (s *State) KeyContacts(cases []Case) (list []KeyContact) {
	var known []*accountFile
	for i := range cases {
		a := s.accountNamed(cases[i].Account)
		if a == nil || slices.Contains(known, a) {
			continue
		}
		known = append(known, a)
		for _, c := range a.Contacts {
			if c.Key && c.Counts() {
				list = append(list, KeyContact{c.Address, c.Since})
			}
		}
	}
	return list
}

// The data of the events about contacts.
type (
	// ContactSetData is the data of ContactSet: all that is known of a contact. The ID is that of one there is, or the next.
	ContactSetData struct {
		ID      string `json:"account"`
		Contact int    `json:"contact"`
		Address string `json:"address"`
		Name    string `json:"name,omitempty"`
		Title   string `json:"title,omitempty"`
		Role    string `json:"role,omitempty"`
		Key     bool   `json:"key,omitempty"`
	}
	// ContactRemovedData is the data of ContactRemoved.
	ContactRemovedData struct {
		ID      string `json:"account"`
		Contact int    `json:"contact"`
	}
)

// Commands about contacts.
type (
	// SetContact says who somebody at a customer is. Of an address that is a contact already it says it anew.
	SetContact struct {
		Account           string
		Address           string
		Name, Title, Role string
		Key               bool
	}
	// RemoveContact takes a contact away.
	RemoveContact struct {
		Account string
		Contact int
		Reason  string
	}
)

// maxContacts is how many contacts an account has, at most.
const maxContacts = 1000

// Check does nothing when that is known already.
func (c SetContact) Check(s *State, _ time.Time) ([]Event, error) {
	a, err := s.findAccount(c.Account)
	if err != nil {
		return nil, err
	}
	address, err := Identifier(c.Address)
	if err == nil && !strings.Contains(address, "@") {
		err = refuse(Invalid, "Address", "A contact is a person: write an address, for example jane@%s.", address)
	}
	if r, ok := err.(*Refusal); ok {
		return nil, &Refusal{r.Code, "Address", r.Text}
	}
	data := ContactSetData{a.ID, len(a.Contacts) + 1, address, strings.TrimSpace(c.Name), strings.TrimSpace(c.Title), strings.TrimSpace(c.Role), c.Key}
	for _, err := range []error{checkLine("Name", "name", data.Name, maxAccount), checkLine("Title", "title", data.Title, maxAccount), checkLine("Role", "role", data.Role, maxAccount)} {
		if err != nil {
			return nil, err
		}
	}
	if had := a.contactAt(address); had != nil {
		data.Contact = had.ID
		if (ContactSetData{a.ID, had.ID, had.Address, had.Name, had.Title, had.Role, had.Key}) == data {
			return nil, nil
		}
	} else if data.Contact > maxContacts {
		return nil, refuse(Conflict, "Account", "An account has at most %d contacts.", maxContacts)
	}
	return newEvent(ContactSet, 0, "", data)
}

// contactAt is the contact of an address, or nil.
func (a *accountFile) contactAt(address string) *Contact {
	for i := range a.Contacts {
		if c := &a.Contacts[i]; c.Counts() && c.Address == address {
			return c
		}
	}
	return nil
}

// Check refuses to remove what is none.
func (c RemoveContact) Check(s *State, _ time.Time) ([]Event, error) {
	a, err := s.findAccount(c.Account)
	if err != nil {
		return nil, err
	}
	switch {
	case c.Contact < 1 || c.Contact > len(a.Contacts):
		return nil, refuse(NotFound, "Contact", "The account %s has no contact %d.", a.Name, c.Contact)
	case !a.Contacts[c.Contact-1].Counts():
		return nil, refuse(Gone, "Contact", "The contact %s was removed already.", a.Contacts[c.Contact-1].Address)
	}
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	return newEvent(ContactRemoved, 0, c.Reason, ContactRemovedData{a.ID, c.Contact})
}

// contactFolds are the folds of the events about contacts.
var contactFolds = map[EventType]fold{
	ContactSet:     folding((*State).contactSet),
	ContactRemoved: folding((*State).contactRemoved),
}

func (s *State) contactSet(d decision, data ContactSetData) error {
	a := s.accounts[data.ID]
	if a == nil {
		return noAccountOf(data.ID)
	}
	had := a.contactAt(data.Address)
	switch {
	case had == nil && data.Contact != len(a.Contacts)+1, had != nil && data.Contact != had.ID:
		return fmt.Errorf("contact %d is out of turn", data.Contact)
	case !strings.Contains(data.Address, "@"):
		return fmt.Errorf("%q is not an address", data.Address)
	}
	c := Contact{ID: data.Contact, Address: data.Address, Name: data.Name, Title: data.Title, Role: data.Role, Key: data.Key, By: s.actor(d.Actor), At: d.At}
	did := "made " + c.label() + " a contact"
	if c.Key {
		c.Since = d.At
		did = "made " + c.label() + " a key contact"
	}
	if had != nil {
		switch {
		case had.Key && c.Key:
			c.Since = had.Since
			did = "changed what is known of " + c.label()
		case had.Key:
			did = "made " + c.label() + " a contact like others"
		case !c.Key:
			did = "changed what is known of " + c.label()
		}
		*had = c
	} else {
		a.Contacts = append(a.Contacts, c)
	}
	s.noteAccount(a, d, did)
	return nil
}

// label names a contact in a sentence.
func (c Contact) label() string {
	switch {
	case c.Name == "" && c.Title == "":
		return c.Address
	case c.Name == "":
		return c.Address + " (" + c.Title + ")"
	case c.Title == "":
		return c.Name + " (" + c.Address + ")"
	}
	return c.Name + " (" + c.Title + ", " + c.Address + ")"
}

func (s *State) contactRemoved(d decision, data ContactRemovedData) error {
	a := s.accounts[data.ID]
	if a == nil {
		return noAccountOf(data.ID)
	}
	if data.Contact < 1 || data.Contact > len(a.Contacts) || !a.Contacts[data.Contact-1].Counts() {
		return fmt.Errorf("there is no contact %d", data.Contact)
	}
	c := &a.Contacts[data.Contact-1]
	c.Removed, c.RemovedBy = d.At, s.actor(d.Actor)
	s.noteAccount(a, d, "removed the contact "+c.label())
	return nil
}
