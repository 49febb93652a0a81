package webui

import (
	"net/http"
	"slices"

	"polytrace/casework"
)

// contactsOf lists the contacts of an account that were not removed, key ones first.
func contactsOf(a casework.Account) []casework.Contact {
	live := slices.DeleteFunc(slices.Clone(a.Contacts), func(c casework.Contact) bool { return !c.Counts() })
	slices.SortStableFunc(live, func(a, b casework.Contact) int { return boolToInt(b.Key) - boolToInt(a.Key) })
	return live
}

// setContact says who somebody at a customer is.
func (s *Server) setContact(w http.ResponseWriter, r *http.Request) error {
	a, err := s.accountNamed(r)
	if err != nil {
		return err
	}
	c := casework.SetContact{Account: a.ID, Address: r.FormValue("address"), Name: r.FormValue("name"), Title: r.FormValue("title"), Role: r.FormValue("role"), Key: r.FormValue("key") != ""}
	text := c.Address + " is a contact."
	if c.Key {
		text = c.Address + " is a key contact: rules of risk look for them."
	}
	return s.changed(w, r, a, c, text)
}

// removeContact takes a contact away.
func (s *Server) removeContact(w http.ResponseWriter, r *http.Request) error {
	a, err := s.accountNamed(r)
	if err != nil {
		return err
	}
	return s.changed(w, r, a, casework.RemoveContact{Account: a.ID, Contact: number0(r.PathValue("contact")), Reason: r.FormValue("reason")}, "The contact is removed.")
}
