package casework

import (
	"slices"
	"strings"
	"time"

	"polytrace/archive"
)

// Commands about what is kept and what goes.
type (
	// SetClass says how long a class keeps.
	SetClass struct {
		Class   archive.Stream
		Keep    Period // Zero: for ever.
		Lock    archive.LockMode
		Streams []archive.Stream // Those that the archive has: classes that exist without a queue.
	}
	// PlaceHold keeps what a query matched.
	PlaceHold struct {
		Name     string
		Query    string
		Standing bool
		Records  []Range // What it matched, with every copy and arrival.
		Reason   string
	}
	// ExtendHold adds what a standing hold matched later.
	ExtendHold struct {
		Name    string
		Records []Range
	}
	// ReleaseHold ends a hold.
	ReleaseHold struct{ Name, Reason string }
	// RequestErasure asks to remove records.
	RequestErasure struct {
		Records []Range // With every copy and arrival.
		Reason  string
	}
	// ApproveErasure orders an erasure.
	ApproveErasure struct {
		ID   int
		Also []Range // What brought the same messages since it was requested.

		actor string // Set by the Desk.
	}
	// RefuseErasure ends a request.
	RefuseErasure struct {
		ID     int
		Reason string
	}
	// SetErasurePolicy says whether an erasure takes two people.
	SetErasurePolicy struct {
		SecondPerson bool
		Reason       string
	}
	// Expire lets packs of a class go. Each of them has to be due.
	Expire struct {
		Class archive.Stream
		Packs []archive.PackInfo
	}
)

// Check refuses classes that nothing belongs to, most likely slips, and locks without an end.
func (c SetClass) Check(s *State, _ time.Time) ([]Event, error) {
	if err := checkPeriod(c.Keep); err != nil {
		return nil, err
	}
	if err := s.checkSetClass(c); err != nil {
		return nil, err
	}
	if now, set := s.classes[c.Class]; set && now.Keep == c.Keep && now.Lock == c.Lock {
		return nil, nil
	}
	return newEvent(ClassSet, 0, "", ClassSetData{c.Class, c.Keep, c.Lock})
}

func (s *State) checkSetClass(c SetClass) error {
	exists := slices.ContainsFunc(s.Classes(c.Streams...), func(k Class) bool { return k.Name == c.Class })
	switch {
	case c.Class == archive.Ledger:
		return refuse(Invalid, "Class", "The ledger keeps every decision for ever: without it nobody could tell what was kept, held or erased, and why.")
	case c.Class == archive.Audit:
		return refuse(Invalid, "Class", "The audit log is kept for ever: without it nobody could tell who read what.")
	case c.Class == archive.Facts:
		return refuse(Invalid, "Class", "What was found out about mail is kept for ever: the keys that proved its signatures are nowhere else.")
	case !exists:
		return refuse(NotFound, "Class", "There is no class %q: no queue has it and no record is in it. There are %s.", c.Class, s.classNames(c.Streams))
	case c.Lock != archive.Unlocked && c.Lock != archive.Governance && c.Lock != archive.Compliance:
		return refuse(Invalid, "Lock", "%q is not a lock: choose governance or compliance, or none.", c.Lock)
	case c.Lock != archive.Unlocked && c.Keep.IsZero():
		return refuse(Invalid, "Lock", "A lock needs a period: a bucket cannot lock for ever. Without a lock the class keeps for ever as well.")
	}
	return nil
}

func (s *State) classNames(streams []archive.Stream) string {
	var names []string
	for _, c := range s.Classes(streams...) {
		if !c.Name.Ours() {
			names = append(names, string(c.Name))
		}
	}
	return enumerate(names)
}

// checkWhy refuses a decision without a reason.
func checkWhy(what, reason string) error {
	if strings.TrimSpace(reason) == "" {
		return refuse(Invalid, "Reason", "%s needs a reason; it stays in the log.", what)
	}
	return checkReason(reason)
}

// maxHoldQuery is how many code points the query of a hold may have.
const maxHoldQuery = 4000

// Check refuses a name that a live hold has.
func (c PlaceHold) Check(s *State, _ time.Time) ([]Event, error) {
	for _, err := range []error{checkName("Name", "hold", c.Name), checkWhy("A hold", c.Reason), checkText("Query", "query", c.Query, maxHoldQuery), checkRanges(c.Records)} {
		if err != nil {
			return nil, err
		}
	}
	if s.hold(c.Name) != nil {
		return nil, refuse(Conflict, "Name", "There is a hold %q already. Choose another name, or release it first.", c.Name)
	}
	records := s.removed.missing(c.Records) // Nobody can keep what is gone.
	if len(records) == 0 && !c.Standing {
		return nil, refuse(Invalid, "Query", "The query matches nothing, so there is nothing to hold. Make the hold a standing one if it is meant for mail to come.")
	}
	return newEvent(HoldPlaced, 0, c.Reason, HoldPlacedData{c.Name, c.Query, c.Standing, list(records)})
}

// list is never null in JSON.
func list(records []Range) []Range {
	if records == nil {
		return []Range{}
	}
	return records
}

func checkRanges(records []Range) error {
	if !validRanges(records) {
		return refuse(Invalid, "Records", "The list of records names some that cannot exist.")
	}
	return nil
}

// Check makes nothing of what is held already.
func (c ExtendHold) Check(s *State, _ time.Time) ([]Event, error) {
	if err := checkRanges(c.Records); err != nil {
		return nil, err
	}
	h, err := s.findHold(c.Name)
	if err != nil {
		return nil, err
	}
	if !h.Standing {
		return nil, refuse(Conflict, "Name", "The hold %q is not a standing one: it keeps what it was placed on.", c.Name)
	}
	records := s.NotHeld(c.Name, c.Records)
	if len(records) == 0 {
		return nil, nil
	}
	return newEvent(HoldExtended, 0, "", HoldExtendedData{c.Name, records})
}

// findHold returns a live hold or the refusal that there is none.
func (s *State) findHold(name string) (*holdFile, error) {
	if h := s.hold(name); h != nil {
		return h, nil
	}
	for _, h := range slices.Backward(s.holds) {
		if h.Name == name {
			return nil, refuse(Gone, "Name", "The hold %q was released on %s by %s.", name, h.Released.UTC().Format("2 January 2006"), s.who(h.ReleasedBy))
		}
	}
	return nil, refuse(NotFound, "Name", "There is no hold %q.", name)
}

// Check refuses to release a hold twice.
func (c ReleaseHold) Check(s *State, _ time.Time) ([]Event, error) {
	if err := checkWhy("Releasing a hold", c.Reason); err != nil {
		return nil, err
	}
	if _, err := s.findHold(c.Name); err != nil {
		return nil, err
	}
	return newEvent(HoldReleased, 0, c.Reason, HoldReleasedData{c.Name})
}

// Check refuses records that are held, and those that make up the memory of
// the appliance.
func (c RequestErasure) Check(s *State, _ time.Time) ([]Event, error) {
	if err := checkWhy("An erasure", c.Reason); err != nil {
		return nil, err
	}
	if len(c.Records) == 0 {
		return nil, refuse(Invalid, "Records", "Name at least one record to erase, as in mail/1042.")
	}
	records := setOf(c.Records).ranges()
	if err := s.checkErasable(records); err != nil {
		return nil, err
	}
	return newEvent(ErasureRequested, 0, c.Reason, ErasureRequestedData{len(s.erasures) + 1, records})
}

func (s *State) checkErasable(records []Range) error {
	if err := checkRanges(records); err != nil {
		return err
	}
	for _, r := range records {
		if r.Stream.Ours() {
			return refuse(Invalid, "Records", "The %s is not erased: what people did is what proves all else.", r.Stream)
		}
	}
	if len(s.removed.missing(records)) == 0 {
		return refuse(Gone, "Records", "What is to be erased is removed already.")
	}
	return s.checkFree(records)
}

// checkFree refuses to remove what is held, and names record and hold.
func (s *State) checkFree(records []Range) error {
	for _, h := range s.live() {
		if at, held := h.set.overlap(records); held {
			return refuse(Conflict, "Records", "%s is under the hold %q (%s) and stays until that is released.", at, h.Name, h.Reason)
		}
	}
	return nil
}

// findUndecided returns an erasure that waits for a decision, or the refusal.
func (s *State) findUndecided(id int) (*Erasure, error) {
	e := s.erasure(id)
	switch {
	case e == nil:
		return nil, refuse(NotFound, "ID", "There is no erasure %d.", id)
	case e.State == Ordered:
		return nil, refuse(Conflict, "ID", "Erasure %d was approved by %s already.", id, s.who(e.DecidedBy))
	case e.State == Refused:
		return nil, refuse(Conflict, "ID", "Erasure %d was refused by %s. Request it again if it is right after all.", id, s.who(e.DecidedBy))
	}
	return e, nil
}

func (c ApproveErasure) by(actor string) Command {
	c.actor = actor
	return c
}

// Check refuses an approval by who asked, where it takes two: also when that
// was so at the time of the request only, or nobody could rely on it.
func (c ApproveErasure) Check(s *State, _ time.Time) ([]Event, error) {
	e, err := s.findUndecided(c.ID)
	if err != nil {
		return nil, err
	}
	if (e.Two || s.two) && e.By == c.actor {
		return nil, refuse(Conflict, "ID", "Erasure %d was requested by %s and needs a second person to approve it.", e.ID, s.who(e.By))
	}
	records := setOf(append(slices.Clone(e.Records), c.Also...)).ranges()
	if err := s.checkErasable(records); err != nil {
		return nil, err
	}
	return newEvent(ErasureOrdered, 0, "", ErasureOrderedData{e.ID, records, s.removed.missing(records)})
}

// Check refuses what is decided already.
func (c RefuseErasure) Check(s *State, _ time.Time) ([]Event, error) {
	if err := checkWhy("Refusing an erasure", c.Reason); err != nil {
		return nil, err
	}
	if _, err := s.findUndecided(c.ID); err != nil {
		return nil, err
	}
	return newEvent(ErasureRefused, 0, c.Reason, ErasureRefusedData{c.ID})
}

// Check makes nothing of a policy that is so already.
func (c SetErasurePolicy) Check(s *State, _ time.Time) ([]Event, error) {
	if err := checkReason(c.Reason); err != nil || s.two == c.SecondPerson {
		return nil, err
	}
	return newEvent(ErasurePolicy, 0, c.Reason, ErasurePolicyData{c.SecondPerson})
}

// Check asks the simulator about each pack: what it does not let go stays,
// whoever asks. Holds are placed and packs expired in one order, that of the
// ledger, so neither can pass the other unseen.
func (c Expire) Check(s *State, now time.Time) ([]Event, error) {
	data := ExpiredData{Class: c.Class, Keep: s.Class(c.Class).Keep}
	verdicts := Due(c.Packs, s, now)
	for _, v := range verdicts {
		if v.Pack.Stream != c.Class || !v.Due {
			return nil, refuse(Conflict, "Packs", "The pack at %s/%d stays: %s.", v.Pack.Stream, v.Pack.First, v.Text())
		}
		if v.Pack.Newest.After(data.Newest) {
			data.Newest = v.Pack.Newest
		}
		data.Removes = append(data.Removes, runOf(v.Pack))
	}
	if len(s.removed.missing(data.Removes)) == 0 {
		return nil, nil
	}
	data.Removes = setOf(data.Removes).ranges()
	return newEvent(RetentionExpired, 0, "", data)
}
