package webui

import (
	"errors"
	"net/http"
	"net/url"

	"polytrace/casework"
	"polytrace/index"
)

// searchesView is the list of saved searches.
type searchesView struct {
	window
	Rows  []savedRow
	Total int
	Error string // What was wrong with the form.
	Typed map[string]string
	Names names
}

// savedRow is a saved search in the list.
type savedRow struct {
	savedSearch
	Hits    int    // That it finds now.
	Error   string // Why it cannot be asked any more.
	Link    string // Its page.
	Changes bool   // The caller may change it.
}

// newsView is the page of a saved search.
type newsView struct {
	Search  casework.Search
	News    *index.News
	Rows    []resultRow
	Marks   []string
	Error   string
	Link    string
	Changes bool
	Shares  bool // The caller may share searches.
	Paces   []casework.AlertPace
	Pace    casework.AlertPace // At which the caller is told of what it finds.
}

func searchPath(k casework.SearchKey) string {
	return "/searches/" + url.PathEscape(k.Owner) + "/" + url.PathEscape(k.Name)
}

func (c caller) changes(x casework.Search) bool {
	return x.Owner == c.actor || x.Shared && c.admin()
}

func (s *Server) showSearches(w http.ResponseWriter, r *http.Request) error {
	return s.renderSearches(w, r, http.StatusOK, searchesView{})
}

func (s *Server) renderSearches(w http.ResponseWriter, r *http.Request, code int, v searchesView) error {
	all, err := s.saved(r.Context())
	if err != nil {
		return err
	}
	who, _ := callerFrom(r.Context())
	v.Total = len(all)
	v.window = windowOf(r, v.Total)
	for _, x := range all[v.From:v.End] {
		row := savedRow{savedSearch: x, Link: searchPath(x.Key()), Changes: who.changes(x.Search)}
		found, err := s.within(r.Context()).Search(r.Context(), index.Request{Query: x.Query, Limit: 1, Now: s.config.Now()})
		var syntax *index.SyntaxError
		switch {
		case errors.As(err, &syntax):
			row.Error = syntax.Text
		case err != nil:
			return err
		default:
			row.Hits = found.Total
		}
		v.Rows = append(v.Rows, row)
	}
	s.config.Desk.Read(func(state *casework.State) { v.Names = namesOf(state.Users()) })
	return s.render(w, r, code, "searches", view{Title: "Searches", Nav: "searches", Page: v})
}

// saveSearch saves a new search, or a change of one.
func (s *Server) saveSearch(w http.ResponseWriter, r *http.Request) error {
	c := casework.SaveSearch{Owner: r.FormValue("owner"), Name: r.FormValue("name"), Query: r.FormValue("query"), Description: r.FormValue("description"),
		Shared: r.FormValue("shared") != "", Watch: r.FormValue("watch") != ""}
	x, err := s.save(r.Context(), c)
	var syntax *index.SyntaxError
	var refusal *casework.Refusal
	switch {
	case errors.As(err, &syntax):
		return s.renderSearches(w, r, http.StatusUnprocessableEntity, searchesView{Error: "The query cannot be read: " + syntax.Text, Typed: typedInto(r)})
	case errors.As(err, &refusal):
		return s.renderSearches(w, r, asStatus(err).code, searchesView{Error: refusal.Text, Typed: typedInto(r)})
	case err != nil:
		return err
	}
	return s.done(w, r, searchPath(x.Key()), "The search "+x.Name+" is saved. In a query it is saved:"+x.Name+".")
}

func pathKey(r *http.Request) casework.SearchKey {
	return casework.SearchKey{Owner: r.PathValue("owner"), Name: r.PathValue("name")}
}

// showSavedSearch shows what a watched search found that is new to the caller.
func (s *Server) showSavedSearch(w http.ResponseWriter, r *http.Request) error {
	who, _ := callerFrom(r.Context())
	v := newsView{Link: searchPath(pathKey(r)), Shares: who.works() || who.compliance()}
	var ok bool
	v.Paces = casework.AlertPaces
	s.config.Desk.Read(func(state *casework.State) {
		v.Search, ok = state.Search(who.actor, pathKey(r))
		v.Pace = state.SearchAlert(who.actor, pathKey(r))
	})
	if !ok {
		return notFound("saved search")
	}
	v.Changes = who.changes(v.Search)
	if v.Search.Watch {
		_, news, err := s.news(r.Context(), pathKey(r), false, pageSize)
		var syntax *index.SyntaxError
		switch {
		case errors.As(err, &syntax):
			v.Error = syntax.Text
		case err != nil:
			return err
		default:
			v.News, v.Marks = news, marks(news.Upto)
			for _, item := range news.Items {
				v.Rows = append(v.Rows, resultRow{Summary: item, Link: recordPath(item.Address)})
			}
		}
	}
	return s.render(w, r, http.StatusOK, "saved", view{Title: v.Search.Name, Nav: "searches", Page: v})
}

func (s *Server) seeSearch(w http.ResponseWriter, r *http.Request) error {
	key := pathKey(r)
	r.ParseForm() // What cannot be read is not there.
	if err := s.do(r, casework.SeeSearch{Owner: key.Owner, Name: key.Name, Upto: positions(r.PostForm["upto"])}); err != nil {
		return err
	}
	return s.done(w, r, "/searches", "What "+key.Name+" found is marked as seen.")
}

func (s *Server) removeSearch(w http.ResponseWriter, r *http.Request) error {
	key := pathKey(r)
	if err := s.do(r, casework.RemoveSearch{Owner: key.Owner, Name: key.Name}); err != nil {
		return err
	}
	return s.done(w, r, "/searches", "The search "+key.Name+" is removed.")
}
