package casework

import (
	"slices"
	"strings"
	"time"

	"polytrace/archive"
)

// Stay is why a pack does not go.
type Stay string

// The reasons. Several may hold at a time; the one named is the strongest.
const (
	Goes     Stay = ""           // It is due.
	Young    Stay = "young"      // Its newest record has not had its time.
	OnHold   Stay = "held"       // A hold touches it.
	Always   Stay = "for-ever"   // The class has no period.
	Unstored Stay = "not-stored" // It is not in the bucket yet.
	Undated  Stay = "undated"    // Nobody knows when its records were received.
)

// Verdict is what becomes of a pack.
type Verdict struct {
	Pack  archive.PackInfo `json:"pack"`
	Due   bool             `json:"due"`
	Ends  time.Time        `json:"ends,omitzero"`   // When its newest record has had its time; absent: never.
	Why   Stay             `json:"why,omitempty"`   // Why it stays.
	Holds []string         `json:"holds,omitempty"` // By name.
}

// Text says in words why a pack stays, or that it goes.
func (v Verdict) Text() string {
	switch v.Why {
	case OnHold:
		return "held by " + strings.Join(v.Holds, ", ")
	case Always:
		return "the class keeps for ever"
	case Unstored:
		return "not in the bucket yet"
	case Undated:
		return "nobody knows when its records were received"
	case Young:
		return "kept until " + v.Ends.Format("2 January 2006")
	}
	return "its time has passed"
}

// Due tells of every pack that is not gone what becomes of it at a time: a
// pack goes when its newest record is older than its class says, and no hold
// touches any of its records. It is the simulator and the judge at once: what
// it does not let go is never removed by expiry.
func Due(packs []archive.PackInfo, s *State, now time.Time) []Verdict {
	var list []Verdict
	for _, p := range packs {
		if !p.Gone {
			list = append(list, s.verdict(p, now))
		}
	}
	return list
}

func (s *State) verdict(p archive.PackInfo, now time.Time) Verdict {
	v := Verdict{Pack: p, Holds: s.HeldBy(runOf(p))}
	keep := s.Class(p.Stream).Keep
	if p.Stream.Ours() {
		keep = Period{} // Whatever an event says: who forgets decisions keeps none of them.
	}
	if !p.Newest.IsZero() {
		v.Ends = keep.End(p.Newest)
	}
	switch {
	case len(v.Holds) > 0:
		v.Why = OnHold
	case keep.IsZero():
		v.Why = Always
	case p.Newest.IsZero() || p.Records < 1:
		v.Why = Undated
	case now.Before(v.Ends):
		v.Why = Young
	case !p.Stored:
		v.Why = Unstored
	}
	v.Due = v.Why == Goes
	return v
}

// Outlook sums the verdicts of one class up.
type Outlook struct {
	Class   Class     `json:"class"`
	Packs   int       `json:"packs"`
	Records int       `json:"records"`
	Bytes   int64     `json:"bytes"` // Of bodies.
	Due     Sum       `json:"due"`   // Goes at the time asked for.
	Held    Sum       `json:"held"`  // Would go but for a hold.
	Holds   []string  `json:"holds"` // That touch the class.
	Next    time.Time `json:"next,omitzero"`
	Rows    []Verdict `json:"rows"`
}

// Sum is how much packs have.
type Sum struct {
	Packs   int   `json:"packs"`
	Records int   `json:"records"`
	Bytes   int64 `json:"bytes"`
}

func (s *Sum) add(p archive.PackInfo) {
	s.Packs++
	s.Records += p.Records
	s.Bytes += p.Bytes
}

// OutlookOf tells what goes of a class at a time, and when the next pack goes
// that does not.
func OutlookOf(name archive.Stream, packs []archive.PackInfo, s *State, now time.Time) Outlook {
	o := Outlook{Class: s.Class(name), Rows: Due(packs, s, now), Holds: []string{}}
	for _, v := range o.Rows {
		o.Packs++
		o.Records += v.Pack.Records
		o.Bytes += v.Pack.Bytes
		o.Holds = append(o.Holds, v.Holds...)
		switch {
		case v.Due:
			o.Due.add(v.Pack)
		case v.Why == OnHold && !v.Ends.IsZero() && !now.Before(v.Ends):
			o.Held.add(v.Pack)
		case v.Why == Young && (o.Next.IsZero() || v.Ends.Before(o.Next)):
			o.Next = v.Ends
		}
	}
	slices.Sort(o.Holds)
	o.Holds = slices.Compact(o.Holds)
	if o.Rows == nil {
		o.Rows = []Verdict{}
	}
	return o
}
