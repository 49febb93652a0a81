package webui

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"polytrace/index"
)

// narrower makes the links of a page of results that lead to some of them.
type narrower struct {
	index.Reader
	query string
	sort  index.Sort
	now   time.Time
}

func (s *Server) narrower(ctx context.Context, query string, sort index.Sort) narrower {
	return narrower{s.within(ctx), query, sort, s.config.Now()}
}

func (n narrower) link(query string) string {
	return searchLink{query: query, sort: string(n.sort)}.String()
}

// bar leads to what a bar of the chart counts.
func (n narrower) bar(b index.Bucket) string { return n.link(n.Narrow(n.query, b.Query(), n.now)) }

// filter is a condition of a query, with the link that takes it out.
type filter struct{ Text, Without string }

func (n narrower) filters() (all []filter) {
	for _, f := range n.Filters(n.query, n.now) {
		all = append(all, filter{f.Text, n.link(f.Without)})
	}
	return all
}

// facet is a menu of conditions.
type facet struct {
	Label  string
	Values []facetValue
	More   int
}

// facetValue is a condition with how many hits it leaves. One that the query has leads out of it.
type facetValue struct {
	Label, Title string
	Count        int
	Link         string
	On           bool
}

var facetLabels = map[string]string{index.FacetPerson: "Person", index.FacetMonth: "Month", index.FacetQueue: "Queue", index.FacetMailbox: "Mailbox", index.FacetType: "Type"}

func (n narrower) facets(from []index.Facet) (all []facet) {
	filters := n.Filters(n.query, n.now)
	for _, f := range from {
		out := facet{Label: facetLabels[f.Name], More: f.More}
		if out.Label == "" {
			out.Label = sentence(f.Name)
		}
		for _, v := range f.Values {
			value := facetValue{facetLabel(f.Name, v), v.Query, v.Count, n.link(n.Narrow(n.query, v.Query, n.now)), false}
			if i := slices.IndexFunc(filters, func(on index.Filter) bool { return on.Text == v.Query }); i >= 0 {
				value.On, value.Link = true, n.link(filters[i].Without)
			}
			out.Values = append(out.Values, value)
		}
		all = append(all, out)
	}
	return all
}

// facetLabel is how people say a value.
func facetLabel(name string, v index.FacetValue) string {
	switch {
	case v.Name != "":
		return v.Name
	case name == index.FacetMonth:
		if month, err := time.Parse("2006-01", v.Value); err == nil {
			return month.Format("January 2006")
		}
	case strings.HasPrefix(v.Query, "has:"):
		return map[string]string{"attachment": "any attachment", "link": "a link", "calendar": "an invitation"}[v.Value]
	}
	return v.Value
}

// meant is another query than was asked.
type meant struct {
	Query, Link, Help string
	Count             int
}

func (s *Server) instead(ctx context.Context, query string) (all []meant, err error) {
	others, err := s.within(ctx).Instead(ctx, query, s.config.Now(), 4)
	for _, o := range others {
		all = append(all, meant{o.Query, searchLink{query: o.Query}.String(), o.Help, o.Count})
	}
	return all, err
}

type suggestIn struct {
	Query string `query:"q" doc:"The query so far."`
	At    int    `query:"at" default:"-1" doc:"How many characters stand before the cursor; by default all."`
	Limit int    `query:"limit" default:"8" minimum:"1" maximum:"20"`
}

// suggestionOut is index.Suggestion with its offset in characters.
type suggestionOut struct {
	Kind  string `json:"kind" doc:"operator, value, person, domain, queue, mailbox, filetype or word."`
	Text  string `json:"text" doc:"What it puts into the query."`
	Help  string `json:"help,omitempty" doc:"One line for people: a name, or what an operator is for."`
	Count int    `json:"count,omitempty" doc:"How many messages have it."`
	Query string `json:"query" doc:"The query with it."`
	At    int    `json:"at" doc:"How many characters of that stand before the cursor."`
}

type suggestOut struct {
	Items []suggestionOut `json:"items"`
}

func (s *Server) apiSuggest(ctx context.Context, in *suggestIn) (*body[suggestOut], error) {
	all, err := s.within(ctx).Suggest(ctx, in.Query, byteOffset(in.Query, in.At), in.Limit)
	if err != nil {
		return nil, fmt.Errorf("suggest: %w", err)
	}
	out := suggestOut{Items: []suggestionOut{}}
	for _, o := range all {
		out.Items = append(out.Items, suggestionOut{o.Kind, o.Text, o.Help, o.Count, o.Query, utf8.RuneCountInString(o.Query[:o.At])})
	}
	return reply(out), nil
}

// byteOffset is where so many characters of a text end; all of it for a negative number.
func byteOffset(text string, characters int) int {
	for at := range text {
		if characters == 0 {
			return at
		}
		characters--
	}
	return len(text)
}
