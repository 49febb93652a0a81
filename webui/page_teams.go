package webui

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"polytrace/casework"
)

// teamView is a team with what its form offers.
type teamView struct {
	casework.Team
	Open int // Cases that are not closed.
}

type teamsView struct {
	Teams  []teamView
	People []casework.User // Who could be members.
	Names  names
	Leads  bool
	Held   *teamForm // One that was refused.
}

// teamForm is a form about a team that was not carried out.
type teamForm struct {
	Name, Why string // Name is "" of a new team.
	form      url.Values
}

// In is the form, if it is about a team.
func (h *teamForm) In(name string) *teamForm {
	if h == nil || h.Name != name {
		return nil
	}
	return h
}

// Value is what was written into a field, or else what there is.
func (h *teamForm) Value(field, is string) string {
	if h == nil {
		return is
	}
	return h.form.Get(field)
}

// Member reports whether somebody was chosen, or else is a member.
func (h *teamForm) Member(name string, are []string) bool {
	if h == nil {
		return slices.Contains(are, name)
	}
	return slices.Contains(h.form["member"], name)
}

// showTeams shows the teams, and to those who lead how they are changed.
func (s *Server) showTeams(w http.ResponseWriter, r *http.Request) error {
	return s.renderTeams(w, r, http.StatusOK, nil)
}

func (s *Server) renderTeams(w http.ResponseWriter, r *http.Request, code int, held *teamForm) error {
	who, _ := callerFrom(r.Context())
	v := teamsView{Leads: who.leads(), Held: held}
	s.config.Desk.Read(func(state *casework.State) {
		open := map[string]int{}
		for _, c := range state.Overview() {
			if c.Status != casework.Closed {
				open[c.Team]++
			}
		}
		for _, t := range state.Teams() {
			v.Teams = append(v.Teams, teamView{t, open[t.Name]})
		}
		users := state.Users()
		v.People, v.Names = workers(users), namesOf(users)
	})
	return s.render(w, r, code, "teams", view{Title: "Teams", Nav: "work", Page: v})
}

// onTeam carries out what a form about a team asks for.
func (s *Server) onTeam(w http.ResponseWriter, r *http.Request, name, done string, c casework.Command) error {
	err := s.do(r, c)
	if refusal, ok := errors.AsType[*casework.Refusal](err); ok {
		return s.renderTeams(w, r, asStatus(err).code, &teamForm{name, refusal.Text, r.PostForm})
	}
	if err != nil {
		return err
	}
	return s.done(w, r, "/teams", done)
}

// setTeam makes or changes a team.
func (s *Server) setTeam(w http.ResponseWriter, r *http.Request) error {
	version := number0(r.FormValue("version"))
	t := casework.Team{Name: strings.TrimSpace(r.FormValue("name")), Title: r.FormValue("title"), Members: r.PostForm["member"], ReturnMinutes: number0(r.FormValue("return_minutes")), ReturnTo: r.FormValue("return_to"), Version: version}
	held := t.Name
	if version == 0 {
		held = ""
	}
	return s.onTeam(w, r, held, "The team is kept.", casework.SetTeam{Team: t, Reason: r.FormValue("reason")})
}

// removeTeam ends a team.
func (s *Server) removeTeam(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	return s.onTeam(w, r, name, "The team is removed.", casework.RemoveTeam{Name: name, To: r.FormValue("to"), Reason: r.FormValue("reason")})
}
