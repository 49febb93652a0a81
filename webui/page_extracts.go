package webui

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"polytrace/casework"
)

// extractForm is what stands in the editor of an extract.
type extractForm struct {
	casework.Extract
	Reason string
	Most   int    // Messages of a trial.
	Error  string // What was wrong with it,
	Field  string // and where.
}

// Looks reports whether it is looked for in a place.
func (f extractForm) Looks(w string) bool { return slices.Contains(f.Where, casework.Where(w)) }

type extractsView struct {
	Extracts []casework.Extract // That people wrote.
	BuiltIn  []casework.Extract
	Form     extractForm
	Kinds    []casework.ExtractKind
	Accounts accountLinks
	Queues   []casework.Queue
	Leads    bool
	Trial    *trial // Nil before somebody asked.
}

// extractView is the page of one.
type extractView struct {
	extractsView
	Extract  casework.Extract
	Versions []casework.Extract // The last one first.
	Rows     []extractRow
	By       string
	Names    names
	Formats  []string // That rows are handed out in.
}

// extract finds an extract that there is.
func (s *Server) extract(name string) (x casework.Extract, versions []casework.Extract, err error) {
	ok := false
	s.config.Desk.Read(func(state *casework.State) { x, versions, ok = state.Extract(name) })
	if !ok {
		return x, nil, notFound("extract")
	}
	return x, versions, nil
}

func (s *Server) showExtracts(w http.ResponseWriter, r *http.Request) error {
	f := extractForm{Extract: casework.Extract{Kind: casework.TextExtract, Where: []casework.Where{casework.InText}}}
	return s.renderExtracts(w, r, http.StatusOK, f, nil)
}

func (s *Server) renderExtracts(w http.ResponseWriter, r *http.Request, code int, form extractForm, t *trial) error {
	v := s.extractsView(r, form, t)
	s.config.Desk.Read(func(state *casework.State) {
		for _, x := range state.Extracts() {
			if x.BuiltIn() {
				v.BuiltIn = append(v.BuiltIn, x)
			} else {
				v.Extracts = append(v.Extracts, x)
			}
		}
	})
	return s.render(w, r, code, "extracts", view{Title: "Extracts", Nav: "search", Page: v})
}

func (s *Server) extractsView(r *http.Request, form extractForm, t *trial) extractsView {
	who, _ := callerFrom(r.Context())
	v := extractsView{Form: form, Trial: t, Kinds: casework.ExtractKinds(), Leads: who.leads() && who.works()}
	s.config.Desk.Read(func(state *casework.State) { v.Accounts, v.Queues = accountLinksOf(state), state.Queues() })
	return v
}

// showExtract shows what an extract says, the rows of what was confirmed, and with pending=1 what waits to be.
func (s *Server) showExtract(w http.ResponseWriter, r *http.Request) error {
	x, _, err := s.extract(r.PathValue("name"))
	if err != nil {
		return err
	}
	var t *trial
	if r.FormValue("pending") != "" {
		if t, err = s.try(r.Context(), x, maxRead); err != nil {
			return err
		}
		t.pending()
	}
	return s.renderExtract(w, r, http.StatusOK, extractForm{Extract: x}, t)
}

// pending leaves what nobody has said anything of.
func (t *trial) pending() {
	decided := func(h trialHit) bool { return h.Status != casework.ExtractPending }
	t.Hits = slices.DeleteFunc(t.Hits, decided)
	for i := range t.Subjects {
		t.Subjects[i].Hits = slices.DeleteFunc(t.Subjects[i].Hits, decided)
	}
	t.Subjects = slices.DeleteFunc(t.Subjects, func(m trialMail) bool { return len(m.Hits) == 0 })
	t.Messages = len(t.Subjects)
}

func (s *Server) renderExtract(w http.ResponseWriter, r *http.Request, code int, form extractForm, t *trial) error {
	x, versions, err := s.extract(form.Name)
	if err != nil {
		return err
	}
	v := extractView{extractsView: s.extractsView(r, form, t), Extract: x, Versions: versions, By: rowsBy(r.FormValue("by"))}
	if v.Formats = []string{"csv", "xlsx"}; x.Kind == casework.DateExtract {
		v.Formats = append(v.Formats, "ics")
	}
	s.config.Desk.Read(func(state *casework.State) { v.Names = namesOf(state.Users()) })
	if v.Rows, err = s.rowsOf(r.Context(), x.Name, v.By); err != nil {
		return err
	}
	return s.render(w, r, code, "extract", view{Title: x.Label, Nav: "search", Page: v})
}

// typedExtract is what stands in the fields of the editor.
func typedExtract(r *http.Request) extractForm {
	get := func(name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }
	f := extractForm{Reason: get("reason"), Most: number0(get("most")), Extract: casework.Extract{Name: get("name"), Label: get("label"), Kind: casework.ExtractKind(get("kind")), Pattern: r.PostForm.Get("pattern"), Account: get("account"), Queue: get("queue"), Version: number0(get("version"))}}
	for _, w := range r.PostForm["where"] {
		f.Where = append(f.Where, casework.Where(w))
	}
	return f
}

// setExtract says what is looked for, or tries it before that.
func (s *Server) setExtract(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return &statusError{http.StatusBadRequest, "The form could not be read. Go back and try again.", err}
	}
	form := typedExtract(r)
	again := func(code int, t *trial) error {
		if form.Version > 0 {
			return s.renderExtract(w, r, code, form, t)
		}
		return s.renderExtracts(w, r, code, form, t)
	}
	var t *trial
	var err error
	if r.PostForm.Get("do") == "try" {
		var x casework.Extract
		if x, err = s.ready(form.Extract); err == nil {
			t, err = s.try(r.Context(), x, form.Most)
		}
		if err == nil {
			return again(http.StatusOK, t)
		}
	} else {
		err = s.do(r, casework.SetExtract{Extract: form.Extract, Reason: form.Reason})
	}
	var refusal *casework.Refusal
	switch {
	case errors.As(err, &refusal):
		form.Error, form.Field = refusal.Text, refusal.Field
		return again(asStatus(err).code, nil)
	case err != nil:
		return err
	}
	return s.done(w, r, "/extracts", "It is looked for from now on, in mail of old as well. What people have said of what it found stays.")
}

// ready is an extract that can be tried.
func (s *Server) ready(x casework.Extract) (casework.Extract, error) {
	if x.Account != "" {
		a, err := s.account(x.Account)
		if err != nil {
			return x, &casework.Refusal{Code: casework.Invalid, Field: "Account", Text: "There is no account " + x.Account + "."}
		}
		x.Account = a.ID
	}
	return x.Try()
}

// removeExtract ends an extract.
func (s *Server) removeExtract(w http.ResponseWriter, r *http.Request) error {
	if err := s.do(r, casework.RemoveExtract{Name: r.PathValue("name"), Reason: r.FormValue("reason")}); err != nil {
		return err
	}
	return s.done(w, r, "/extracts", "It is not looked for any more. What people said of what it found stays in the ledger.")
}
