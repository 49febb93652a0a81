package casework

import (
	"fmt"
	"slices"
)

// Routing is how a message came to a case: by which rule, and why not by the others.
type Routing struct {
	Message   Named       `json:"message"`
	Rules     int         `json:"rules_version"`       // Of the list of rules.
	Rule      string      `json:"rule,omitempty"`      // That decided; "" when none matched.
	Trace     []RuleTrace `json:"trace,omitempty"`     // Of each rule, in their order.
	Link      string      `json:"link,omitempty"`      // Why it was linked to the case, in words.
	Exception string      `json:"exception,omitempty"` // Why somebody has to look at it, in words.
}

// RuleTrace is whether a rule matched a message.
type RuleTrace struct {
	Rule    string `json:"rule"`
	Matched bool   `json:"matched,omitempty"`
	Failed  string `json:"failed,omitempty"` // The first condition that did not hold.
}

func (r *Routing) clone() *Routing {
	if r == nil {
		return nil
	}
	c := *r
	c.Trace = slices.Clone(r.Trace)
	return &c
}

// words say why, for the log.
func (r *Routing) words() string {
	text := fmt.Sprintf(" by no rule of version %d", r.Rules)
	if r.Rule != "" {
		text = fmt.Sprintf(" by rule %s, version %d", r.Rule, r.Rules)
	}
	if r.Exception != "" {
		text += ", as an exception: " + r.Exception
	}
	return text
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
