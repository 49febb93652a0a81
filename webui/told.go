package webui

import (
	"context"
	"net/http"
	"slices"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/index"
)

// toldView is what the customer has told us of a question, with where.
type toldView struct {
	Question string
	Lines    []toldLine
	Read     int // Messages that were looked through.
}

type toldLine struct {
	casework.Told
	cited
}

// told finds what the customer has told us already: in the mail of a case, and in the newest of its account. What is told
// is noted as read.
func (s *Server) told(ctx context.Context, d *dossier, question string) (toldView, error) {
	v := toldView{Question: question}
	mail := slices.Clone(d.Mail)
	var account string
	s.config.Desk.Read(func(state *casework.State) {
		if a, ok := state.Account(d.Cases[0].Account); ok && d.Cases[0].Account != "" {
			account = a.ID
		}
	})
	if account != "" {
		result, err := s.search(ctx, index.Request{Query: accountQuery(account) + " -is:automatic", Limit: maxRead, Now: s.config.Now()})
		if err != nil {
			return v, err
		}
		known := map[archive.Address]bool{}
		for _, m := range mail {
			known[m.Record] = true
		}
		for _, m := range s.mailItems(result.Items...) {
			if !known[m.Record] {
				mail = append(mail, m)
			}
		}
		slices.SortStableFunc(mail, func(a, b casework.Mail) int { return a.When().Compare(b.When()) })
	}
	var extracts []casework.Extract
	s.config.Desk.Read(func(state *casework.State) { extracts = state.Extracts() })
	h, err := s.listen(ctx, mail, extracts)
	if err != nil {
		return v, err
	}
	v.Read = h.Read
	all := &dossier{Mail: mail, chips: d.chips}
	var records []archive.Address
	for _, t := range casework.AlreadyTold(casework.ToldInput{Question: question, Cases: d.Cases, Said: h.Said, Found: s.foundIn(h.Said, extracts)}) {
		v.Lines = append(v.Lines, toldLine{t, all.sources(t.Sources)})
		for _, x := range t.Sources {
			if x.Record != nil && !slices.Contains(records, *x.Record) {
				records = append(records, *x.Record)
			}
		}
	}
	return v, s.noteRead(ctx, records...)
}

// checkTold shows the case with what the customer has told us of a question. It changes nothing.
func (s *Server) checkTold(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return &statusError{http.StatusBadRequest, "The form could not be read. Go back and try again.", err}
	}
	snap, err := s.shownSnapshot(r)
	if err != nil {
		return err
	}
	v, err := s.caseView(r, snap)
	if err == nil {
		err = s.fillBrief(r.Context(), v)
	}
	if err != nil {
		return err
	}
	told, err := s.told(r.Context(), v.dossier, r.PostForm.Get("text"))
	if err != nil {
		return err
	}
	v.Told = &told
	if r.PostForm.Has("to") { // It came from the form that asks a colleague, which keeps what was typed.
		v.Held = &heldForm{Name: "ask", form: r.PostForm}
	}
	return s.render(w, r, http.StatusOK, "case", view{Title: caseTitle(snap.c), Nav: "cases", Page: v})
}

type toldIn struct {
	Number int `path:"number" example:"104"`
	Body   struct {
		Question string `json:"question" doc:"What somebody is about to ask the customer, as a draft of any length."`
	}
}

type toldOut struct {
	Told []casework.Told `json:"told" doc:"The nearest first, at most 6."`
	Read int             `json:"read" doc:"Messages that were looked through."`
}

func (s *Server) apiTold(ctx context.Context, in *toldIn) (*body[toldOut], error) {
	d, err := s.shownDossier(ctx, in.Number, false)
	if err != nil {
		return nil, err
	}
	v, err := s.told(ctx, d, in.Body.Question)
	if err != nil {
		return nil, err
	}
	out := toldOut{[]casework.Told{}, v.Read}
	for _, line := range v.Lines {
		out.Told = append(out.Told, line.Told)
	}
	return reply(out), nil
}
