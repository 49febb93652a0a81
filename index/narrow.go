package index

import (
	"slices"
	"strings"
	"time"
)

// part is one of several that all have to hold.
type part struct {
	start, end int // Where in the query it stands.
	node       Node
}

// part notes one that stands outside of brackets.
func (p *parser) part(op *operator, start int, n Node) {
	if p.depth == 0 && op == nil {
		end := start + len(strings.TrimSpace(p.query[start:p.at]))
		p.parts = append(p.parts, part{start, end, n})
	}
}

// whole makes one part of alternatives: none of them has to hold.
func (p *parser) whole(op *operator, alternatives int) {
	if p.depth == 0 && op == nil && alternatives > 1 {
		p.parts = []part{{0, len(p.query), nil}}
	}
}

// parts cuts a query into what all has to hold; one of alternatives is one part without a node. It has none when it
// cannot be read, and when it asks for everything.
func (r Reader) parts(query string, now time.Time) []part {
	p := newParser(query, now, r.names)
	if _, err := p.parse(); err != nil {
		return nil
	}
	return p.parts
}

// Filter is a part of a query that begins with an operator.
type Filter struct {
	Text    string
	Without string // The query without it.
}

// Filters lists the parts of a query that limit what its words find.
func (r Reader) Filters(query string, now time.Time) (all []Filter) {
	parts := r.parts(query, now)
	for i, p := range parts {
		named := newParser(strings.TrimPrefix(query[p.start:p.end], "-"), now, r.names)
		if _, ok := named.operatorName(); ok && p.node != nil {
			all = append(all, Filter{query[p.start:p.end], without(query, parts, i)})
		}
	}
	return all
}

// without is a query without one of its parts.
func without(query string, parts []part, i int) string {
	var kept []string
	for k, p := range parts {
		if k != i {
			kept = append(kept, query[p.start:p.end])
		}
	}
	return strings.Join(kept, " ")
}

// Narrow adds a condition to a query. One that says the same already stays as it is, and a
// time takes the place of a longer one that it is in.
func (r Reader) Narrow(query, condition string, now time.Time) string {
	parts := r.parts(query, now)
	if len(parts) == 0 {
		return condition
	}
	if parts[0].node == nil {
		return "(" + strings.TrimSpace(query) + ") " + condition
	}
	n, err := Parse(condition, now, r.names)
	if err != nil {
		return query
	}
	span, _ := n.(*Span)
	kept := make([]string, 0, len(parts)+1)
	for _, p := range parts {
		text := query[p.start:p.end]
		if text == condition {
			return query
		}
		if wide, ok := p.node.(*Span); !ok || span == nil || !strings.HasPrefix(text, "date:") || !wide.holds(span) {
			kept = append(kept, text)
		}
	}
	return strings.Join(append(kept, condition), " ")
}

// holds reports whether all of o is in s.
func (s *Span) holds(o *Span) bool {
	begins := s.From.IsZero() || !o.From.IsZero() && !o.From.Before(s.From)
	return begins && (s.To.IsZero() || !o.To.IsZero() && !o.To.After(s.To))
}

// condition writes what an operator takes; "" when it would be read as anything else.
func condition(name, value string) string {
	text := name + ":" + value
	if strings.ContainsAny(value, " \t()*") {
		text = name + `:"` + value + `"`
	}
	op := operatorOf(name)
	if op == nil || slices.ContainsFunc([]rune(value), isQuote) {
		return ""
	}
	n, err := Parse(text, time.Time{}, Names{})
	if err != nil {
		return ""
	}
	if op.values != nil {
		return text
	}
	if t, ok := n.(*Term); !ok || t.Field != op.fields[0] || t.Prefix || t.Text != value {
		return ""
	}
	return text
}

// operatorOf finds an operator by its name; nil when there is none.
func operatorOf(name string) *operator {
	for _, op := range operators() {
		if op.name == name {
			return op
		}
	}
	return nil
}
