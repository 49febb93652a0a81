package casework

import (
	"cmp"
	"slices"
	"strings"

	"polytrace/archive"
)

// Rehearsed is what would become of a message.
type Rehearsed struct {
	Message   Named    `json:"message"`
	Case      int      `json:"case"`            // That it would be of; below 0 one that would be opened, -1 the first; 0: of none.
	Opens     bool     `json:"opens,omitempty"` // That is opened for it.
	Rule      string   `json:"rule,omitempty"`
	Trace     Trace    `json:"-"`
	Link      string   `json:"link,omitempty"`
	Exception string   `json:"exception,omitempty"`
	Before    Standing `json:"-"` // How the case stood; the zero value when it is opened.
	After     Standing `json:"after"`
}

// rehearsing is what would be of cases while messages are routed that are not really.
type rehearsing struct {
	s      *State
	undone map[int]bool // Cases that were opened for one of the messages: they are not there yet.
	cases  []rehearsedCase
	at     map[int]Standing // Of cases that there are, by number; and of those that would be opened.
	thread map[string]int
}

type rehearsedCase struct {
	Case
	number int
}

// Rehearse says what would become of messages if they came in anew, one after the other, the oldest first: it decides as RouteMail does,
// and changes nothing.
func (s *State) Rehearse(r *Router, mail []Arrival) []Rehearsed {
	x := &rehearsing{s: s, undone: map[int]bool{}, at: map[int]Standing{}, thread: map[string]int{}}
	mail = slices.SortedStableFunc(slices.Values(mail), func(a, b Arrival) int { return a.Facts.compare(b.Facts) })
	for _, a := range mail {
		if had := s.routed[a.Facts.Message.SHA256]; had != nil && s.file(had.Case).Log[0].Position == had.Event {
			x.undone[had.Case] = true
		}
	}
	list := make([]Rehearsed, 0, len(mail))
	for _, a := range mail {
		list = append(list, x.route(r, a))
	}
	return list
}

func (m *MailFacts) compare(o *MailFacts) int {
	a, b := m.Message.Record, o.Message.Record
	return cmp.Or(m.Received.Compare(o.Received), strings.Compare(string(a.Stream), string(b.Stream)), cmp.Compare(a.Position, b.Position))
}

// there is a case as it is a candidate at the time of a message; 0 when it is none.
func (x *rehearsing) there(number int, a Arrival) int {
	if c := x.s.file(number); c == nil || x.undone[number] || c.Opened.After(a.Facts.Received) && number != a.Conversation {
		return 0
	}
	return number
}

func (x *rehearsing) route(r *Router, a Arrival) Rehearsed {
	a.Conversation = x.there(a.Conversation, a)
	a.Token, a.Similar = x.there(a.Token, a), x.there(a.Similar, a)
	a.Named = slices.DeleteFunc(slices.Clone(a.Named), func(n int) bool { return x.there(n, a) == 0 })
	if had := x.s.routed[a.Facts.Message.SHA256]; a.Conversation == 0 || had != nil && had.Link != ownLink {
		a.Own = false // It is of the case because it was routed.
	}
	if a.Conversation == 0 {
		a.Conversation = x.thread[a.Thread]
	}
	if n := x.similar(a.Facts); n != 0 {
		a.Similar = n
	}
	o := r.Route(a.Facts, x.standing(a.Place().Case).Tags)
	p, o := x.s.Settle(a, o)
	done := Rehearsed{Message: a.Facts.Message, Case: p.Case, Opens: p.Open, Rule: o.Rule, Trace: o.Trace, Link: p.Link, Exception: a.exception(r.set, p, o)}
	switch {
	case p.Open:
		x.cases = append(x.cases, rehearsedCase{Case{Title: a.Facts.Subject, Account: a.Facts.Account, Opened: a.Facts.Received}, -1 - len(x.cases)})
		done.Case = x.cases[len(x.cases)-1].number
	case p.Case == 0:
		done.Rule, done.Trace, done.Exception = "", nil, ""
		return done
	default:
		done.Before = x.standing(p.Case)
	}
	done.After = done.Before.after(a, p.Open, o, done.Exception)
	x.at[done.Case] = done.After
	if x.thread[a.Thread] == 0 && a.Thread != "" {
		x.thread[a.Thread] = done.Case
	}
	return done
}

// standing is how a case stands by now; the zero value of none.
func (x *rehearsing) standing(number int) Standing {
	if at, ok := x.at[number]; ok {
		return at
	}
	if c := x.s.file(number); c != nil {
		return c.standing()
	}
	return Standing{}
}

// similar is State.Similar among the cases that would have been opened.
func (x *rehearsing) similar(m *MailFacts) int {
	for _, c := range slices.Backward(x.cases) {
		if m.Account != "" && c.Account == m.Account && m.Received.Sub(c.Opened) <= similarFor && alikeSubjects(c.Title, m.Subject) {
			return c.number
		}
	}
	return 0
}

// Tags are those of a case; none of one that there is not.
func (s *State) Tags(number int) []string {
	if c := s.file(number); c != nil {
		return slices.Clone(c.Tags)
	}
	return nil
}

// Waiting are the places from which new mail is looked at: behind what was routed, and not before what is taken.
func (x Intake) Waiting(stream archive.Stream, routed archive.Position) archive.Position {
	from := routed
	first := true
	for _, q := range x.Queues {
		if at := q.From[stream]; first || at < from {
			from, first = at, false
		}
	}
	return max(from, routed)
}
