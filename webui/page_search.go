package webui

import (
	"context"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"time"
	"unicode/utf8"

	"polytrace/archive"
	"polytrace/index"
)

// live is how complete the record is, for the dot on every page.
type live struct {
	Class string // of the dot
	Text  string
}

func (s *Server) live() live {
	st := s.config.Index.Status()
	a := s.config.Archive.Status()
	switch {
	case a.Broken != "":
		return live{"bad", "not taking mail"}
	case a.Full:
		return live{"bad", "disk is full"}
	case st.Failure != "":
		return live{"bad", "search has stopped"}
	case a.Failure != "":
		return live{"warn", "bucket is away"}
	case a.Blind:
		return live{"warn", "mail is not read here"}
	case st.Lag > 0:
		return live{"busy", "indexing, " + Count(st.Lag, "record", "records") + " to go"}
	}
	return live{"good", completeTo(st.CompleteTo, s.config.Now())}
}

// settle waits until the index shows what was decided, so that people see
// their own change at once. It gives up when the index is far behind.
func (s *Server) settle(ctx context.Context, at archive.Position) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if err := s.config.Index.WaitFor(ctx, archive.Address{Stream: archive.Ledger, Position: at}); err != nil {
		s.config.Log.WarnContext(ctx, "index is behind a decision", "pos", at, "error", err)
	}
}

// InLink is the place in an attached file where the query stands, on the page of that file; "" when it is in the message.
func (r resultRow) InLink() string {
	if r.InPart == nil {
		return ""
	}
	return filePath(r.Address, *r.InPart) + "?where=" + url.QueryEscape(r.Where) + "#hit"
}

// resultRow is a line of a list of messages.
type resultRow struct {
	index.Summary
	Link string
	Open bool

	Accounts []accountTag // Of those who sent and got it.
}

// searchView is a page of results, with one of them open beside it.
type searchView struct {
	Query   string
	Sort    index.Sort
	Error   *syntaxView
	Instead []meant // Other queries, when this one cannot be read or finds little.
	Result  *index.Results
	Filters []filter
	Facets  []facet
	Rows    []resultRow
	Chart   template.HTML
	Next    string // Link to the page after.
	First   string // Link to the first page; "" when this is it.
	Close   string // Link that closes the message.
	Open    *messageView
	Thread  *index.Thread
}

// syntaxView points at the place of a mistake in a query.
type syntaxView struct {
	Before, At, Text string
}

// fewHits is how many are so few that others are offered.
const fewHits = 3

func (s *Server) showSearch(w http.ResponseWriter, r *http.Request) error {
	v := searchView{Query: r.FormValue("q"), Sort: index.Sort(r.FormValue("sort"))}
	frame := view{Title: "Search", Nav: "search", Query: v.Query}
	if v.Query != "" {
		frame.Title = v.Query
	}
	result, err := s.search(r.Context(), index.Request{Query: v.Query, Limit: pageSize, Cursor: r.FormValue("cursor"), Sort: v.Sort, Facets: true, Now: s.config.Now()})
	code := http.StatusOK
	var syntax *index.SyntaxError
	switch {
	case errors.As(err, &syntax):
		v.Error, code = pointAt(syntax), http.StatusUnprocessableEntity
	case err != nil:
		return err
	default:
		if err := s.fillSearch(r, &v, result); err != nil {
			return err
		}
	}
	if v.Error != nil || result.Total < fewHits && v.First == "" {
		if v.Instead, err = s.instead(r.Context(), v.Query); err != nil {
			return err
		}
	}
	frame.Page = v
	return s.render(w, r, code, "search", frame)
}

func (s *Server) fillSearch(r *http.Request, v *searchView, result *index.Results) error {
	v.Result = result
	link := searchLink{v.Query, string(v.Sort), r.FormValue("cursor"), ""}
	at, err := archive.ParseAddress(r.FormValue("open"))
	if err == nil && !at.Stream.Ours() {
		m, err := s.openMessage(r.Context(), at)
		if err != nil {
			return err
		}
		shown := m.show(nil)
		shown.Cite = s.citeForm(r, nil)
		v.Open, v.Close = &shown, link.String()
	}
	for _, item := range result.Items {
		row := link
		row.open = item.Address.String()
		v.Rows = append(v.Rows, resultRow{Summary: item, Link: row.String(), Open: v.Open != nil && v.Open.Address == item.Address})
	}
	s.nameAccounts(v.Rows)
	n := s.narrower(r.Context(), v.Query, v.Sort)
	v.Filters, v.Facets = n.filters(), n.facets(result.Facets)
	v.Chart = chart(result.Volume, "hit", "hits", n.bar)
	if result.Next != "" {
		v.Next = searchLink{v.Query, string(v.Sort), result.Next, ""}.String()
	}
	if link.cursor != "" {
		v.First = searchLink{v.Query, string(v.Sort), "", ""}.String()
	}
	return nil
}

// searchLink is the address of a page of results.
type searchLink struct{ query, sort, cursor, open string }

func (l searchLink) String() string {
	q := url.Values{"q": {l.query}}
	for name, value := range map[string]string{"sort": l.sort, "cursor": l.cursor, "open": l.open} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return "/search?" + q.Encode()
}

// pointAt splits a query where its mistake is.
func pointAt(e *index.SyntaxError) *syntaxView {
	at := min(max(e.Offset, 0), len(e.Query))
	for at > 0 && !utf8.RuneStart(e.Query[min(at, len(e.Query)-1)]) {
		at--
	}
	return &syntaxView{e.Query[:at], e.Query[at:], e.Text}
}

// addresses are those of a list of messages.
func addresses(list []index.Summary) []archive.Address {
	out := make([]archive.Address, len(list))
	for i, m := range list {
		out[i] = m.Address
	}
	return out
}

// showThread shows a conversation, oldest message first.
func (s *Server) showThread(w http.ResponseWriter, r *http.Request) error {
	thread, err := s.within(r.Context()).Thread(r.Context(), r.PathValue("id"))
	if errors.Is(err, archive.ErrNotFound) {
		return notFound("conversation")
	}
	if err != nil {
		return err
	}
	page := windowOf(r, len(thread.Messages))
	var messages []messageView
	shown, cite := map[archive.Address]bool{}, s.citeForm(r, nil)
	if err := s.noteRead(r.Context(), addresses(thread.Messages[page.From:page.End])...); err != nil {
		return err
	}
	for _, m := range thread.Messages[page.From:page.End] {
		o, err := s.readMessage(r.Context(), m.Address)
		if err != nil {
			return err
		}
		v := o.show(nil)
		v.Cite, v.Correct = cite, s.correctForm(r.Context(), len(thread.Messages) < 2, nil)
		if v.Corrections, err = s.correctionsOf(r.Context(), o.doc); err != nil {
			return err
		}
		if i := slices.IndexFunc(o.doc.Variants, func(at archive.Address) bool { return shown[at] }); i >= 0 {
			v.VariantOf = &o.doc.Variants[i]
		}
		shown[m.Address] = true
		messages = append(messages, v)
	}
	return s.render(w, r, http.StatusOK, "thread", view{Title: titleOf(thread.Subject), Nav: "search", Page: struct {
		window
		Thread   *index.Thread
		Messages []messageView
		First    archive.Address
		Link     *citeForm // The cases that it can be brought into; nil for those who work on none.
	}{page, thread, messages, thread.Messages[0].Address, cite}})
}
