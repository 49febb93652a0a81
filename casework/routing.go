package casework

import "slices"

// Routing is how a message came to a case: by which rule, and why not by the others.
type Routing struct {
	Message   Named  `json:"message"`
	Rules     int    `json:"rules_version"`       // Of the list of rules.
	Rule      string `json:"rule,omitempty"`      // That decided; "" when none matched.
	Trace     Trace  `json:"trace,omitempty"`     // Of each rule, in their order.
	Link      string `json:"link,omitempty"`      // Why it was linked to the case, in words.
	Exception string `json:"exception,omitempty"` // Why somebody has to look at it, in words: one of Exceptions, or what a rule says.
	Claims    int    `json:"claims,omitempty"`    // The case that it names and that does not know its sender.
}

func (r *Routing) clone() *Routing {
	if r == nil {
		return nil
	}
	c := *r
	c.Trace = slices.Clone(r.Trace)
	return &c
}

// head is all but the trace.
func (r *Routing) head() *Routing {
	if r == nil {
		return nil
	}
	c := *r
	c.Trace = nil
	return &c
}
