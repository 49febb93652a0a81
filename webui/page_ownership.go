package webui

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

// takenFor is how long Home tells that a case has come to somebody without an offer.
const takenFor = 7 * 24 * time.Hour

// inheritedView is the page of a change of owner: what goes with the case, rendered with what the caller may read now.
type inheritedView struct {
	*caseView
	X        casework.Inherited
	Sections []packageSection
	Gaps     []gapView
	Since    []casework.Entry // What was decided after it.
}

// inherited is what a change of owner brought, by the position of its event.
func (s *Server) inherited(ctx context.Context, c casework.Case, at archive.Position) (x casework.Inherited, err error) {
	if !slices.ContainsFunc(casework.OwnerChanges(c), func(o casework.OwnerChange) bool { return o.Position == at }) {
		return x, notFound("change of owner")
	}
	state, err := s.config.Desk.StateAt(ctx, at)
	if err != nil {
		return x, err
	}
	x, ok := casework.InheritedOf(state, c.Number)
	if !ok {
		return x, notFound("change of owner")
	}
	return x, nil
}

func (s *Server) showInherited(w http.ResponseWriter, r *http.Request) error {
	snap, err := s.shownSnapshot(r)
	if err != nil {
		return err
	}
	at, _ := strconv.ParseUint(r.PathValue("position"), 10, 62)
	v := &inheritedView{}
	if v.X, err = s.inherited(r.Context(), snap.c, archive.Position(at)); err != nil {
		return err
	}
	if v.caseView, err = s.caseView(r, snap); err != nil {
		return err
	}
	v.Sections = append(v.sectionsOf(v.X.Package), conversationsIn(v.X.Package, v.dossier), pinsIn(v.X.Package, v.dossier), partsIn(v.X.Package))
	for _, g := range v.X.Gaps {
		x := gapView{Gap: g}
		if g.Item != "" {
			x.Link = v.item(g.Item).Link
		}
		v.Gaps = append(v.Gaps, x)
	}
	for _, e := range snap.c.Log {
		if e.Position > v.X.Position && e.Type != casework.ShareOpened {
			v.Since = append(v.Since, e)
		}
	}
	return s.render(w, r, http.StatusOK, "ownership", view{Title: "What to know of C-" + strconv.Itoa(snap.c.Number), Nav: "cases", Page: v})
}

type ownersOut struct {
	Changes []casework.OwnerChange `json:"changes" doc:"Oldest first."`
}

func (s *Server) apiOwners(ctx context.Context, in *caseIn) (*body[ownersOut], error) {
	c, err := s.shownCase(ctx, in.Number)
	if err != nil {
		return nil, err
	}
	return reply(ownersOut{list(casework.OwnerChanges(c))}), nil
}

type inheritedIn struct {
	Number   int    `path:"number" example:"104"`
	Position uint64 `path:"position" doc:"Of the change of owner in the ledger."`
}

func (s *Server) apiInherited(ctx context.Context, in *inheritedIn) (*body[casework.Inherited], error) {
	c, err := s.shownCase(ctx, in.Number)
	if err != nil {
		return nil, err
	}
	x, err := s.inherited(ctx, c, archive.Position(in.Position))
	if err != nil {
		return nil, err
	}
	x.Gaps = list(x.Gaps)
	return reply(x), nil
}
