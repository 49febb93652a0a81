package casework

import (
	"time"

	"polytrace/archive"
)

// OwnerChange is a change of the owner of a case, by an offer or without one.
type OwnerChange struct {
	Case     int              `json:"case"`
	Position archive.Position `json:"position"` // Of the event in the ledger.
	At       time.Time        `json:"at"`
	From     string           `json:"from"` // "" when nobody owned it.
	To       string           `json:"to"`   // "" when nobody does from then on.
	Handoff  bool             `json:"handoff,omitempty"`
}

// OwnerChanges lists how a case went from one owner to the next, oldest first.
func OwnerChanges(c Case) (list []OwnerChange) {
	for i := 1; i < len(c.standings); i++ {
		before, now := c.standings[i-1], c.standings[i]
		if before.owner == now.owner {
			continue
		}
		e := &c.Log[now.entry]
		list = append(list, OwnerChange{c.Number, e.Position, e.At, before.owner, now.owner, e.Type == HandoffAnswered})
	}
	return list
}

// Taken is a case that somebody owns since a time, without having been offered it.
type Taken struct {
	OwnerChange
	Title string `json:"title"` // Of the case.
}

// Taken lists the cases that came to somebody without an offer since a time, and are still theirs and not done.
func (s *State) Taken(actor string, since time.Time) (list []Taken) {
	for _, c := range s.cases {
		if c.Owner != actor || c.Status == Resolved || c.Status == Closed || len(c.standings) == 0 {
			continue
		}
		changes := OwnerChanges(c.Case)
		if n := len(changes); n > 0 && !changes[n-1].Handoff && !changes[n-1].At.Before(since) {
			list = append(list, Taken{changes[n-1], c.Title})
		}
	}
	return list
}

// Inherited is what goes with a case that has another owner, as of the event that said so: what an offer would have
// brought, by the same rules, and what is missing.
type Inherited struct {
	OwnerChange
	Package Package        `json:"package"`
	SHA256  archive.Digest `json:"sha256"` // Of the package; see Package.Digest.
	Gaps    []Gap          `json:"gaps"`   // As of then, by what was decided.
}

// InheritedOf is what a change of owner brought: a pure function of the events up to it. s has folded these and no
// more; see Desk.StateAt.
func InheritedOf(s *State, number int) (x Inherited, ok bool) {
	c, ok := s.Case(number)
	changes := OwnerChanges(c)
	if n := len(changes); ok && n > 0 && changes[n-1].Position+1 == s.Next() {
		x.OwnerChange = changes[n-1]
		x.Package = PackageOf(s, c, Watermark{At: x.At, Ledger: s.Next()})
		x.SHA256, x.Gaps = x.Package.Digest(), GapsOf(s, c, x.At)
		return x, true
	}
	return x, false
}
