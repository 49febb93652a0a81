package webui

import (
	"net/http"
	"time"

	"polytrace/casework"
)

// dutyView is who has a case, and for how long.
type dutyView struct {
	Team     casework.Team
	Teams    []casework.Team
	Claims   bool      // The caller may take it.
	Returns  time.Time // When it goes back; zero: it does not.
	Asleep   bool
	Tomorrow string // A day, to sleep until.
}

// duty says who has a case, and for how long.
func (s *Server) duty(c casework.Case, mail []casework.Mail, who caller) dutyView {
	now := s.config.Now()
	v := dutyView{Asleep: c.Snoozed(now, mail), Tomorrow: now.AddDate(0, 0, 1).Format(time.DateOnly)}
	if c.Waits(mail) && c.SnoozedUntil.IsZero() {
		v.Returns = c.Returns
	}
	s.config.Desk.Read(func(state *casework.State) {
		v.Teams = state.Teams()
		v.Team, _ = state.Team(c.Team)
		if c.Owner == "" {
			_, err := casework.As(who.actor, casework.ClaimCase{Case: c.Number}).Check(state, now)
			v.Claims = err == nil
		}
	})
	return v
}

// claimCase takes a case that nobody has.
func (s *Server) claimCase(w http.ResponseWriter, r *http.Request) error {
	return s.onCase(w, r, "claim", "brief", "The case is yours.", func(snap snapshot) (casework.Command, error) {
		return casework.ClaimCase{Case: snap.c.Number, Revision: revision(r)}, nil
	})
}

// returnCase gives a case back to its team.
func (s *Server) returnCase(w http.ResponseWriter, r *http.Request) error {
	return s.onCase(w, r, "return", "brief", "The case is back in its team.", func(snap snapshot) (casework.Command, error) {
		return casework.ReturnCase{Case: snap.c.Number, Reason: r.PostForm.Get("reason"), Revision: revision(r)}, nil
	})
}

// settleException says that somebody has seen to why mail of a case was an exception.
func (s *Server) settleException(w http.ResponseWriter, r *http.Request) error {
	return s.onCase(w, r, "exception", "brief", "The exception is settled.", func(snap snapshot) (casework.Command, error) {
		return casework.SettleException{Case: snap.c.Number, Reason: r.PostForm.Get("reason"), Revision: revision(r)}, nil
	})
}

// snoozeCase lets a case sleep until a day, or wakes it.
func (s *Server) snoozeCase(w http.ResponseWriter, r *http.Request) error {
	if r.FormValue("until") == "" {
		return s.onCase(w, r, "snooze", "brief", "The case is awake.", func(snap snapshot) (casework.Command, error) {
			return casework.WakeCase{Case: snap.c.Number, Reason: r.PostForm.Get("reason"), Revision: revision(r)}, nil
		})
	}
	return s.onCase(w, r, "snooze", "brief", "The case sleeps until that day, or until the customer writes.", func(snap snapshot) (casework.Command, error) {
		until, err := time.Parse(time.DateOnly, r.PostForm.Get("until"))
		if err != nil {
			return nil, &casework.Refusal{Code: casework.Invalid, Field: "Until", Text: "Choose the day until which the case can wait."}
		}
		return casework.SnoozeCase{Case: snap.c.Number, Until: until, Reason: r.PostForm.Get("reason"), Revision: revision(r)}, nil
	})
}
