package extract

import (
	"cmp"
	"slices"

	"polytrace/message"
)

// Kind is what a Proposal proposes.
type Kind string

const (
	DateKind      Kind = "date"      // Value is a When.
	PromiseKind   Kind = "promise"   // Value is a Promise.
	RequestKind   Kind = "request"   // Value is a Request.
	DischargeKind Kind = "discharge" // Value is a Discharge.
	DetailKind    Kind = "detail"    // Value is a Detail.
	PersonKind    Kind = "person"    // Value is a Person; the span is the whole signature.
)

// Proposal is something that a person may confirm, correct or reject.
type Proposal struct {
	Kind    Kind    `json:"kind"`
	Part    int     `json:"part"` // As message.Text.Part.
	Span            // In message.Text.Body.
	Quote   string  `json:"quote"` // The words in the span.
	Value   any     `json:"value"` // By the kind.
	Rule    string  `json:"rule"`
	Score   float64 `json:"score"`   // From 0 to 1.
	Version int     `json:"version"` // Of the rules.
}

// All proposes what the author of a message says, in the order of its text; from
// are its senders.
func All(t message.Text, from []message.Mailbox, ref Reference) []Proposal {
	within := Author(t)
	p := proposals{part: t.Part}
	dates := eachClause(t.Body, within, ref, func(c clause) {
		if f, ok := c.promise(); ok {
			collect(&p, PromiseKind, f)
		}
		if f, ok := c.request(); ok {
			collect(&p, RequestKind, f)
		}
		if f, ok := c.discharge(nil); ok {
			collect(&p, DischargeKind, f)
		}
	})
	collect(&p, DateKind, dates...)
	collect(&p, DetailKind, Details(t.Body, within)...)
	if len(from) > 0 {
		for _, s := range signatures(t) {
			if person, ok := Signatory(t.Body, s, from[0]); ok {
				collect(&p, PersonKind, Found[Person]{s, t.Body[s.Start:s.End], "signature", .7, person})
				break
			}
		}
	}
	slices.SortStableFunc(p.all, func(a, b Proposal) int { return cmp.Compare(a.Start, b.Start) })
	return p.all
}

// proposals gathers what was found in a part.
type proposals struct {
	part int
	all  []Proposal
}

func collect[T any](p *proposals, kind Kind, found ...Found[T]) {
	for _, f := range found {
		p.all = append(p.all, Proposal{kind, p.part, f.Span, f.Quote, f.Value, f.Rule, f.Score, Version})
	}
}

// signatures lists the parts of a text that say who wrote it.
func signatures(t message.Text) (spans []Span) {
	for _, z := range t.Zones {
		switch z.Kind {
		case "signature":
			spans = append(spans, Span{z.Start, z.End})
		case "author":
			if at := closing(t.Body, Span{z.Start, z.End}); at >= 0 {
				spans = append(spans, Span{at, z.End})
			}
		}
	}
	return spans
}
