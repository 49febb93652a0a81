package webui

import (
	"net/http"
	"slices"
	"strconv"

	"polytrace/casework"
)

// factsView is what is stated about a case by issue, with a source opened beside it.
type factsView struct {
	Case    casework.Case
	Names   names
	Issues  []issueView
	Facts   []statement // Of no issue.
	Open    int         // The citation that is opened; 0: none.
	Source  *messageView
	Removed string // Instead of it: why there is nothing to open.
}

// showFacts shows the facts of a case by issue; every source opens beside them at its words.
func (s *Server) showFacts(w http.ResponseWriter, r *http.Request) error {
	snap, err := s.shownSnapshot(r)
	if err != nil {
		return err
	}
	chips, _ := s.chips(r.Context(), snap)
	for id, k := range chips {
		k.Link = casePath(snap.c.Number) + "/facts?at=" + strconv.Itoa(id) + "#source"
		chips[id] = k
	}
	of := caseView{Case: snap.c, Names: snap.names}
	of.fillStatements(chips, s.config.Now())
	v := factsView{Case: snap.c, Names: snap.names, Issues: of.Issues, Facts: of.Facts}
	at := number0(r.FormValue("at"))
	if i := slices.IndexFunc(snap.c.Citations, func(x casework.Citation) bool { return x.ID == at }); i >= 0 {
		v.Open = at
		if v.Removed = chips[at].Removed; v.Removed == "" {
			m, err := s.openMessage(r.Context(), snap.c.Citations[i].Record)
			if err != nil {
				return err
			}
			v.Source = new(m.show(&snap.c.Citations[i]))
		}
	}
	return s.render(w, r, http.StatusOK, "facts", view{Title: "Facts of C-" + strconv.Itoa(snap.c.Number), Nav: "cases", Page: v})
}
