package webui

import (
	"errors"
	"net/http"

	"polytrace/casework"
)

// referenceView is something of another system, with the messages that name it.
type referenceView struct {
	casework.Reference
	cited
}

// references are what a case is about in other systems.
func (d *dossier) references(of *detailed) []casework.Reference {
	return casework.ReferencesOf(d.Cases, of.heard.Said, of.rules)
}

func (d *dossier) referenceViews(list []casework.Reference) (views []referenceView) {
	for _, x := range list {
		views = append(views, referenceView{x, d.sources(x.Sources)})
	}
	return views
}

// referencesView is the page that says of which systems references are looked for.
type referencesView struct {
	Rules  casework.ReferenceRules
	Spare  []int // Rows for more.
	Leads  bool
	Error  string
	Reason string
}

func (s *Server) showReferences(w http.ResponseWriter, r *http.Request) error {
	var v referencesView
	s.config.Desk.Read(func(state *casework.State) { v.Rules = state.References() })
	return s.renderReferences(w, r, http.StatusOK, v)
}

func (s *Server) renderReferences(w http.ResponseWriter, r *http.Request, code int, v referencesView) error {
	who, _ := callerFrom(r.Context())
	v.Leads, v.Spare = who.leads(), []int{1, 2}
	return s.render(w, r, code, "references", view{Title: "References", Nav: "cases", Page: v})
}

// setReferences says of which systems references are looked for. A row that was emptied is one less.
func (s *Server) setReferences(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return &statusError{http.StatusBadRequest, "The form could not be read. Go back and try again.", err}
	}
	v := referencesView{Rules: casework.ReferenceRules{Version: number0(r.PostForm.Get("version"))}, Reason: r.PostForm.Get("reason")}
	for i, name := range r.PostForm["name"] {
		x := casework.ReferenceSystem{Name: name, Pattern: of(r.PostForm["pattern"], i+1), URL: of(r.PostForm["url"], i+1)}
		if x.Name != "" || x.Pattern != "" || x.URL != "" {
			v.Rules.Systems = append(v.Rules.Systems, x)
		}
	}
	err := s.do(r, casework.SetReferences{Rules: v.Rules, Reason: v.Reason})
	var refusal *casework.Refusal
	if errors.As(err, &refusal) {
		v.Error = refusal.Text
		return s.renderReferences(w, r, asStatus(err).code, v)
	}
	if err != nil {
		return err
	}
	return s.done(w, r, "/references", "The mail of every case is looked through for these from now on, that of old as well.")
}

// giveReference says that a case is about something in another system, or that it is not.
func (s *Server) giveReference(w http.ResponseWriter, r *http.Request) error {
	done := "The case is linked with it."
	if r.FormValue("aside") != "" {
		done = "The reference is put aside. It comes back when somebody adds it."
	}
	return s.onCase(w, r, "reference", "details", done, func(snap snapshot) (casework.Command, error) {
		return casework.GiveReference{Case: snap.c.Number, System: r.PostForm.Get("system"), ID: r.PostForm.Get("id"), Aside: r.PostForm.Get("aside") != "", Reason: r.PostForm.Get("reason"), Revision: revision(r)}, nil
	})
}
