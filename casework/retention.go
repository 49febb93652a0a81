package casework

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"polytrace/archive"
)

// Class is how long the records of a stream are kept. One that was never set keeps for ever.
type Class struct {
	Name archive.Stream   `json:"class"`
	Keep Period           `json:"keep,omitzero"`  // Absent: for ever.
	Lock archive.LockMode `json:"lock,omitempty"` // What the bucket is asked for, until the period has passed.
	By   string           `json:"by,omitempty"`
	Set  time.Time        `json:"set,omitzero"`
}

// Hold keeps records whatever their class says, until it is released.
type Hold struct {
	Name     string    `json:"name"`
	Query    string    `json:"query"`
	Standing bool      `json:"standing"` // Also what will match later.
	Reason   string    `json:"reason"`
	Records  int       `json:"records"`
	By       string    `json:"by"`
	At       time.Time `json:"at"`

	Released   time.Time `json:"released,omitzero"`
	ReleasedBy string    `json:"released_by,omitempty"`
	Why        string    `json:"released_reason,omitempty"`
}

// holdFile is a hold as the fold keeps it.
type holdFile struct {
	Hold
	set recordSet // Empty once it is released.
}

// ErasureState is how far an erasure was decided.
type ErasureState string

// The states of an erasure.
const (
	Requested ErasureState = "requested"
	Ordered   ErasureState = "ordered"
	Refused   ErasureState = "refused"
)

// Erasure is a request to remove records before their time, and what became of it.
type Erasure struct {
	ID      int          `json:"id"`
	State   ErasureState `json:"state"`
	Records []Range      `json:"records"`
	Reason  string       `json:"reason"`
	By      string       `json:"by"`
	At      time.Time    `json:"at"`
	Two     bool         `json:"second_person"` // Somebody else has to approve it.

	Decided   time.Time       `json:"decided,omitzero"`
	DecidedBy string          `json:"decided_by,omitempty"`
	Why       string          `json:"decided_reason,omitempty"`
	Order     archive.Address `json:"order,omitzero"` // Of the event that ordered it.
}

// Order is a decision to remove records. It stands in the ledger before
// anything is removed, and is carried out by the Keeper.
type Order struct {
	At      archive.Address // Of the event.
	Removes []Range
	Erasure int // ID; 0 when a class expired.
}

// retentionFolds are the folds of the events that decide what is kept.
var retentionFolds = map[EventType]fold{
	ClassSet:         folding((*State).classSet),
	HoldPlaced:       folding((*State).holdPlaced),
	HoldExtended:     folding((*State).holdExtended),
	HoldReleased:     folding((*State).holdReleased),
	ErasureRequested: folding((*State).erasureRequested),
	ErasureOrdered:   folding((*State).erasureOrdered),
	ErasureRefused:   folding((*State).erasureRefused),
	ErasurePolicy:    folding((*State).erasurePolicy),
	RetentionExpired: folding((*State).retentionExpired),
}

// folding is with for a method of the state.
func folding[D any](fold func(*State, decision, D) error) fold {
	return func(s *State, d decision) error {
		return with(d, func(d decision, data D) error { return fold(s, d, data) })
	}
}

var errRanges = errors.New("its list of records makes no sense")

func (s *State) classSet(d decision, data ClassSetData) error {
	if !data.Class.Valid() || !data.Keep.valid() {
		return fmt.Errorf("it sets no class: %q, %+v", data.Class, data.Keep)
	}
	s.classes[data.Class] = Class{data.Class, data.Keep, data.Lock, s.actor(d.Actor), d.At}
	s.locks++
	return nil
}

func (s *State) holdPlaced(d decision, data HoldPlacedData) error {
	if s.hold(data.Name) != nil {
		return fmt.Errorf("there is a hold %q already", data.Name)
	}
	if !validRanges(data.Records) {
		return errRanges
	}
	h := &holdFile{Hold{Name: data.Name, Query: data.Query, Standing: data.Standing, Reason: d.Reason, By: s.actor(d.Actor), At: d.At}, setOf(data.Records)}
	h.Records = h.set.count()
	s.holds = append(s.holds, h)
	s.locks++
	return nil
}

func (s *State) holdExtended(_ decision, data HoldExtendedData) error {
	h := s.hold(data.Name)
	if h == nil {
		return noHold(data.Name)
	}
	if !validRanges(data.Records) {
		return errRanges
	}
	h.set.add(data.Records)
	h.Records = h.set.count()
	s.locks++
	return nil
}

func (s *State) holdReleased(d decision, data HoldReleasedData) error {
	h := s.hold(data.Name)
	if h == nil {
		return noHold(data.Name)
	}
	h.Released, h.ReleasedBy, h.Why = d.At, s.actor(d.Actor), d.Reason
	h.set = nil
	s.locks++
	return nil
}

func (s *State) erasureRequested(d decision, data ErasureRequestedData) error {
	if data.ID != len(s.erasures)+1 {
		return fmt.Errorf("erasure %d is out of turn", data.ID)
	}
	if !validRanges(data.Records) {
		return errRanges
	}
	s.erasures = append(s.erasures, &Erasure{ID: data.ID, State: Requested, Records: data.Records, Reason: d.Reason, By: s.actor(d.Actor), At: d.At, Two: s.two})
	return nil
}

func (s *State) erasureOrdered(d decision, data ErasureOrderedData) error {
	e, err := s.undecided(data.ID)
	if err != nil {
		return err
	}
	if !validRanges(data.Records) || !validRanges(data.Removes) {
		return errRanges
	}
	s.decide(e, Ordered, d)
	e.Records = data.Records
	e.Order = s.order(d, data.Removes, data.ID)
	return nil
}

func (s *State) erasureRefused(d decision, data ErasureRefusedData) error {
	e, err := s.undecided(data.ID)
	if err != nil {
		return err
	}
	s.decide(e, Refused, d)
	return nil
}

func (s *State) decide(e *Erasure, to ErasureState, d decision) {
	e.State, e.Decided, e.DecidedBy, e.Why = to, d.At, s.actor(d.Actor), d.Reason
}

// undecided returns an erasure that waits for a decision.
func (s *State) undecided(id int) (*Erasure, error) {
	if e := s.erasure(id); e != nil && e.State == Requested {
		return e, nil
	}
	return nil, fmt.Errorf("no erasure %d waits for a decision", id)
}

func (s *State) erasurePolicy(_ decision, data ErasurePolicyData) error {
	s.two = data.SecondPerson
	return nil
}

func (s *State) retentionExpired(d decision, data ExpiredData) error {
	if !validRanges(data.Removes) {
		return errRanges
	}
	s.order(d, data.Removes, 0)
	return nil
}

// order keeps what is to be removed, and returns where that was decided.
func (s *State) order(d decision, removes []Range, erasure int) archive.Address {
	at := archive.Address{Stream: archive.Ledger, Position: d.pos}
	s.orders = append(s.orders, Order{at, removes, erasure})
	s.removed.add(removes)
	return at
}

func noHold(name string) error { return fmt.Errorf("there is no live hold %q", name) }

// hold returns the live hold of that name, or nil.
func (s *State) hold(name string) *holdFile {
	for _, h := range s.live() {
		if h.Name == name {
			return h
		}
	}
	return nil
}

// live yields the holds that were not released.
func (s *State) live() iter.Seq2[int, *holdFile] {
	return func(yield func(int, *holdFile) bool) {
		for i, h := range s.holds {
			if h.Released.IsZero() && !yield(i, h) {
				return
			}
		}
	}
}

func (s *State) erasure(id int) *Erasure {
	if id < 1 || id > len(s.erasures) {
		return nil
	}
	return s.erasures[id-1]
}

// Class returns how long a stream is kept.
func (s *State) Class(name archive.Stream) Class {
	if c, ok := s.classes[name]; ok {
		return c
	}
	return Class{Name: name}
}

// Classes lists the classes that were set, those of queues, and others by name.
func (s *State) Classes(others ...archive.Stream) []Class {
	names := map[archive.Stream]bool{archive.Mail: true}
	for name := range s.classes {
		names[name] = true
	}
	for _, q := range s.queues {
		names[q.Class] = true
	}
	for _, name := range others {
		names[name] = true
	}
	list := make([]Class, 0, len(names))
	for _, name := range slices.Sorted(maps.Keys(names)) {
		list = append(list, s.Class(name))
	}
	return list
}

// Holds lists all holds, live ones first, the last one first.
func (s *State) Holds() []Hold {
	list := make([]Hold, 0, len(s.holds))
	for _, h := range slices.Backward(s.holds) {
		list = append(list, h.Hold)
	}
	slices.SortStableFunc(list, func(a, b Hold) int {
		return cmp.Compare(bit(!a.Released.IsZero()), bit(!b.Released.IsZero()))
	})
	return list
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Hold returns the live hold of that name.
func (s *State) Hold(name string) (Hold, bool) {
	if h := s.hold(name); h != nil {
		return h.Hold, true
	}
	return Hold{}, false
}

// HeldBy lists the names of the live holds on any record of a run, sorted.
func (s *State) HeldBy(r Range) []string {
	var names []string
	for _, h := range s.live() {
		if h.set.touches(r) {
			names = append(names, h.Name)
		}
	}
	slices.Sort(names)
	return names
}

// NotHeld returns those of the records that a live hold of that name has not
// yet, and that are not removed.
func (s *State) NotHeld(name string, records []Range) []Range {
	h := s.hold(name)
	if h == nil {
		return nil
	}
	return s.removed.missing(h.set.missing(records))
}

// Held reports whether a live hold keeps a record.
func (s *State) Held(at archive.Address) bool {
	for _, h := range s.live() {
		if h.set.touches(Range{Stream: at.Stream, First: at.Position, Records: 1}) {
			return true
		}
	}
	return false
}

// Lock is what the bucket shall keep a pack by: what its class says until the
// newest record has had its time, and a legal hold while a hold touches it.
func (s *State) Lock(p archive.PackInfo) archive.Lock {
	c := s.Class(p.Stream)
	l := archive.Lock{Hold: len(s.HeldBy(runOf(p))) > 0}
	if c.Lock != archive.Unlocked {
		l.Mode, l.Until = c.Lock, c.Keep.End(p.Newest)
	}
	return l
}

// runOf is all records of a pack.
func runOf(p archive.PackInfo) Range {
	return Range{Stream: p.Stream, First: p.First, Records: p.Records}
}

// Erasures lists all erasures, the last one first.
func (s *State) Erasures() []Erasure {
	list := make([]Erasure, 0, len(s.erasures))
	for _, e := range slices.Backward(s.erasures) {
		list = append(list, e.clone())
	}
	return list
}

// Erasure returns an erasure by its number.
func (s *State) Erasure(id int) (Erasure, bool) {
	if e := s.erasure(id); e != nil {
		return e.clone(), true
	}
	return Erasure{}, false
}

func (e *Erasure) clone() Erasure {
	c := *e
	c.Records = copied(e.Records)
	return c
}

// SecondPerson reports whether who asks for an erasure may not approve it.
func (s *State) SecondPerson() bool { return s.two }

// Orders lists what is to be removed from the archive, oldest first.
func (s *State) Orders() []Order { return slices.Clone(s.orders) }

// Removed reports whether a record was ordered to be removed.
func (s *State) Removed(at archive.Address) bool {
	return s.removed.touches(Range{Stream: at.Stream, First: at.Position, Records: 1})
}

// Left returns those of the records that were not ordered to be removed.
func (s *State) Left(records []Range) []Range { return s.removed.missing(records) }
