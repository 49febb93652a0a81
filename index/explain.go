package index

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"polytrace/archive"
)

// Explanation is a part of a query, and whether it holds for one document.
type Explanation struct {
	Text  string        `json:"text"`  // As it stands in the query.
	Start int           `json:"start"` // Byte offset of Text in the query.
	Is    string        `json:"is"`    // "and", "or" or "not" of Parts; "part" for what has none.
	Holds bool          `json:"holds"`
	In    []string      `json:"in,omitempty"` // Where the words stand, as the operators for these places are called.
	Parts []Explanation `json:"parts,omitempty"`
}

// Explain tells of every part of a query whether it holds for the document of a record, whatever
// the page and order. A record outside the limits is as one that does not exist.
func (r Reader) Explain(ctx context.Context, q Request, at archive.Address) (*Explanation, error) {
	n, spans, err := parseSpans(q.Query, q.Now, r.names)
	if err != nil {
		return nil, err
	}
	var out Explanation
	err = r.look(ctx, func(f *finder, _ *state) error {
		doc, err := f.docAt(at)
		if err != nil {
			return err
		}
		x := explainer{f, q.Query, spans, doc, f.none()}
		x.one.add(doc)
		out, err = x.explain(n)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("explain %s: %w", at, err)
	}
	return &out, nil
}

// docAt is the document of a record that may be told of.
func (f *finder) docAt(at archive.Address) (docID, error) {
	if r, err := f.removedAs(at); err != nil || r != nil {
		return 0, cmp.Or[error](err, r)
	}
	value, err := f.get(addressKey(at))
	if err != nil {
		return 0, err
	}
	if value == nil {
		return 0, archive.ErrNotFound
	}
	doc := binary.BigEndian.Uint32(value)
	if doc >= f.v.n || f.v.hidden.Contains(doc) || !f.sees(doc) {
		return 0, archive.ErrNotFound
	}
	return doc, nil
}

// spans are where the parts of a query that people wrote stand in it, start and end. Parts
// that an operator made of one value have none.
type spans map[Node][2]int

// parseSpans is Parse with the places of the parts.
func parseSpans(query string, now time.Time, names Names) (Node, spans, error) {
	p := newParser(query, now, names)
	p.spans = spans{}
	n, err := p.parse()
	return n, p.spans, err
}

// note keeps where a part stands that begins at start and was just read.
func (p *parser) note(n Node, start int) {
	if p.spans != nil && n != nil {
		p.spans[n] = [2]int{start, max(start, len(strings.TrimRight(p.query[:p.at], " \t\r\n")))}
	}
}

// explainer explains for one document.
type explainer struct {
	f     *finder
	query string
	spans spans
	doc   docID
	one   docSet // The document alone.
}

func (x *explainer) explain(n Node) (e Explanation, err error) {
	at, ok := x.spans[n]
	if !ok { // Nothing was written.
		at = [2]int{0, len(x.query)}
	}
	e = Explanation{Text: x.query[at[0]:at[1]], Start: at[0], Is: "part"}
	if e.Holds, err = x.holds(n); err != nil {
		return e, err
	}
	is, kids := x.kids(n)
	if kids == nil {
		e.In, err = x.where(n)
		return e, err
	}
	e.Is = is
	for _, kid := range kids {
		part, err := x.explain(kid)
		if err != nil {
			return e, err
		}
		e.Parts = append(e.Parts, part)
	}
	return e, nil
}

// kids are the parts of n that people wrote.
func (x *explainer) kids(n Node) (is string, kids []Node) {
	switch n := n.(type) {
	case *And:
		is, kids = "and", n.Kids
	case *Or:
		is, kids = "or", n.Kids
	case *Not:
		is, kids = "not", []Node{n.Kid}
	}
	for _, kid := range kids {
		if _, written := x.spans[kid]; !written {
			return "", nil
		}
	}
	return is, kids
}

func (x *explainer) holds(n Node) (bool, error) {
	s, err := x.f.eval(n, x.one)
	return err == nil && s.has(x.doc), err
}

// where lists the fields in which the words of n stand.
func (x *explainer) where(n Node) (in []string, err error) {
	var each []Node
	var fields []field
	switch n := n.(type) {
	case *Text:
		for _, fd := range n.Fields {
			each, fields = append(each, &Text{[]field{fd}, n.Slots}), append(fields, fd)
		}
	case *Near:
		for _, fd := range n.A.Fields {
			a, b := &Text{[]field{fd}, n.A.Slots}, &Text{[]field{fd}, n.B.Slots}
			each, fields = append(each, &Near{a, b, n.Distance}), append(fields, fd)
		}
	case *Term:
		each, fields = []Node{n}, []field{n.Field}
	case *Pattern:
		each, fields = []Node{n}, []field{n.Field}
	case *Or:
		for _, kid := range n.Kids {
			more, err := x.where(kid)
			if err != nil {
				return nil, err
			}
			in = append(in, more...)
		}
	}
	for i, n := range each {
		name := placeName(fields[i])
		if name == "" {
			continue
		}
		holds, err := x.holds(n)
		if err != nil {
			return nil, err
		}
		if holds {
			in = append(in, name)
		}
	}
	slices.Sort(in)
	return slices.Compact(in), nil
}

// placeName is the operator that looks in a field where words stand; "" for other fields.
func placeName(f field) string {
	switch f {
	case fieldSubject:
		return "subject"
	case fieldBody:
		return "body"
	case fieldFilename:
		return "filename"
	case fieldAttached:
		return "attachment"
	case fieldFrom:
		return "from"
	case fieldTo:
		return "to"
	case fieldCc:
		return "cc"
	case fieldBcc:
		return "bcc"
	case fieldRcpt:
		return "rcpt"
	case fieldReplyTo:
		return "reply-to"
	case fieldParticipant:
		return "participant"
	case fieldList:
		return "list"
	case fieldHeader:
		return "header"
	}
	return ""
}
