package webui

import (
	"errors"
	"net/http"

	"polytrace/casework"
)

// confirmView is the list of what mail says that waits for somebody to confirm or reject it.
type confirmView struct {
	Messages []confirming
	Count    int
	Account  *accountTag // Whose mail was read; nil: that of the caller's cases.
}

func (s *Server) showConfirm(w http.ResponseWriter, r *http.Request) error {
	v := confirmView{}
	if id := r.FormValue("account"); id != "" {
		a, err := s.account(id)
		if err != nil {
			return err
		}
		v.Account = &accountTag{a.ID, a.Name}
	}
	var err error
	if v.Messages, err = s.toConfirm(r.Context(), r.FormValue("account")); err != nil {
		return err
	}
	for _, m := range v.Messages {
		v.Count += len(m.Proposals)
	}
	return s.render(w, r, http.StatusOK, "confirm", view{Title: "To confirm", Nav: "home", Page: v})
}

// answerProposals is the form of a proposal: on the page of its message, or in a list of several.
func (s *Server) answerProposals(w http.ResponseWriter, r *http.Request) error {
	m, err := s.message(r)
	if err != nil {
		return err
	}
	done, err := s.answerProposal(r.Context(), m, r.FormValue("do"), r.FormValue("proposal"), number0(r.FormValue("case")), r.FormValue("reason"))
	next := local(r.FormValue("next"))
	if next == "/" {
		next = recordPath(m.doc.Address)
	}
	var refusal *casework.Refusal
	if errors.As(err, &refusal) && refusal.Code == casework.Conflict {
		return s.done(w, r, next, refusal.Text) // Somebody was faster: the page says how it stands.
	}
	if err != nil {
		return err
	}
	return s.done(w, r, next, done)
}
