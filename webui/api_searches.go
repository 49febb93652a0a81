package webui

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/index"
)

// savedSearch is a saved search as somebody may use it.
type savedSearch struct {
	casework.Search
	New int `json:"new" doc:"Messages that came to match since the caller said that all are seen; 0 for one that is not watched."`
}

type searchesOut struct {
	Searches []savedSearch `json:"searches"`
}

func (s *Server) apiSearches(ctx context.Context, _ *none) (*body[searchesOut], error) {
	all, err := s.saved(ctx)
	return reply(searchesOut{list(all)}), err
}

// saved lists the saved searches of a caller, with what is new to him.
func (s *Server) saved(ctx context.Context) (all []savedSearch, err error) {
	who, _ := callerFrom(ctx)
	var asks []index.Asked
	var at []int
	s.config.Desk.Read(func(state *casework.State) {
		for i, x := range state.Searches(who.actor) {
			all = append(all, savedSearch{Search: x})
			if x.Watch && who.reads() {
				asks, at = append(asks, index.Asked{Key: x.Key(), After: state.Seen(who.actor, x.Key())}), append(at, i)
			}
		}
	})
	counts, err := s.within(ctx).Count(ctx, asks)
	for i, n := range counts {
		all[at[i]].New = n
	}
	return all, err
}

// newCount counts what is new in all searches that a caller watches.
func (s *Server) newCount(ctx context.Context) (n int) {
	all, err := s.saved(ctx)
	if err != nil {
		s.config.Log.WarnContext(ctx, "what is new could not be counted", "error", err)
	}
	for _, x := range all {
		n += x.New
	}
	return n
}

type saveSearchIn struct {
	Body struct {
		Name        string `json:"name" doc:"Small letters, digits, dots, dashes: saved:NAME stands for it in queries."`
		Query       string `json:"query" doc:"In the query language; what it says by how long ago stays so."`
		Description string `json:"description,omitempty"`
		Shared      bool   `json:"shared,omitempty" doc:"For everyone who reads; else for the caller alone."`
		Watch       bool   `json:"watch,omitempty" doc:"Tell what comes in and matches."`
		Owner       string `json:"owner,omitempty" doc:"Whose search it is, when an administrator changes a shared one; default: the caller."`
	}
}

func (s *Server) apiSaveSearch(ctx context.Context, in *saveSearchIn) (*body[casework.Search], error) {
	b := in.Body
	x, err := s.save(ctx, casework.SaveSearch{Owner: b.Owner, Name: b.Name, Query: b.Query, Description: b.Description, Shared: b.Shared, Watch: b.Watch})
	return reply(x), err
}

// save saves a search that can be asked. A shared one names shared ones alone, so
// that it means the same to everyone.
func (s *Server) save(ctx context.Context, c casework.SaveSearch) (x casework.Search, err error) {
	who, _ := callerFrom(ctx)
	if c.Owner == "" {
		c.Owner = who.actor
	}
	of := c.Owner
	if c.Shared {
		of = ""
	}
	names := s.namesFor(of)
	names.Saved[c.Name] = c.Query
	_, err = index.Parse(c.Query, s.config.Now(), names)
	if err == nil && c.Watch {
		err = index.Watchable(c.Query, s.config.Now(), names)
	}
	if err != nil {
		return x, err
	}
	if err = s.act(ctx, c); err == nil {
		s.config.Desk.Read(func(state *casework.State) {
			x, _ = state.Search(c.Owner, casework.SearchKey{Owner: c.Owner, Name: c.Name})
		})
	}
	return x, err
}

type searchKeyIn struct {
	Owner string `path:"owner"`
	Name  string `path:"name"`
}

func (s *Server) apiRemoveSearch(ctx context.Context, in *searchKeyIn) (*none, error) {
	return nil, s.act(ctx, casework.RemoveSearch{Owner: in.Owner, Name: in.Name})
}

type seeSearchIn struct {
	Owner string `path:"owner"`
	Name  string `path:"name"`
	Body  struct {
		Upto casework.Positions `json:"upto" doc:"As upto of what was shown."`
	}
}

func (s *Server) apiSeeSearch(ctx context.Context, in *seeSearchIn) (*none, error) {
	return nil, s.act(ctx, casework.SeeSearch{Owner: in.Owner, Name: in.Name, Upto: in.Body.Upto})
}

type newsIn struct {
	Owner string `path:"owner"`
	Name  string `path:"name"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"50"`
	All   bool   `query:"all" doc:"Also what was seen."`
}

type newsOut struct {
	Total int                `json:"total" doc:"Messages that came to match, copies not counted."`
	Items []index.Summary    `json:"items" doc:"The newest of them."`
	Upto  casework.Positions `json:"upto" doc:"To say with seen that these are seen."`
}

func (s *Server) apiNews(ctx context.Context, in *newsIn) (*body[newsOut], error) {
	_, n, err := s.news(ctx, casework.SearchKey{Owner: in.Owner, Name: in.Name}, in.All, in.Limit)
	if err != nil {
		return nil, err
	}
	return reply(newsOut{n.Total, lines(n.Items), n.Upto}), nil
}

// news is what a watched search found since the caller last said that all is seen.
func (s *Server) news(ctx context.Context, key casework.SearchKey, all bool, limit int) (x casework.Search, n *index.News, err error) {
	who, _ := callerFrom(ctx)
	var ok bool
	var after casework.Positions
	s.config.Desk.Read(func(state *casework.State) {
		if x, ok = state.Search(who.actor, key); !all {
			after = state.Seen(who.actor, key)
		}
	})
	if !ok {
		return x, nil, notFound("saved search")
	}
	if !x.Watch {
		return x, nil, &statusError{http.StatusConflict, "The search " + x.Name + " is not watched.", nil}
	}
	n, err = s.within(ctx).News(ctx, key, after, limit)
	if errors.Is(err, index.ErrNotWatched) {
		return x, nil, &statusError{http.StatusServiceUnavailable, "The search is not watched yet: the index is behind. Try again in a moment.", err}
	}
	if err == nil {
		err = s.note(ctx, casework.SearchRun, 0, casework.AuditData{Query: "saved:" + x.Name, Total: n.Total})
	}
	return x, n, err
}

// marks writes positions for a form: "mail 17".
func marks(upto casework.Positions) (all []string) {
	for _, stream := range slices.Sorted(maps.Keys(upto)) {
		all = append(all, string(stream)+" "+strconv.FormatUint(uint64(upto[stream]), 10))
	}
	return all
}

// positions is the reverse of marks; what makes no sense is left out.
func positions(all []string) casework.Positions {
	upto := casework.Positions{}
	for _, one := range all {
		for i := range one {
			if p, err := strconv.ParseUint(one[i+1:], 10, 62); one[i] == ' ' && err == nil {
				upto[archive.Stream(one[:i])] = archive.Position(p)
			}
		}
	}
	return upto
}
