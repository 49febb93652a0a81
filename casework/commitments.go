package casework

import (
	"slices"
	"strings"
	"time"

	"polytrace/archive"
)

// Direction says whose promise it is.
type Direction string

// The two directions of a promise.
const (
	Ours   Direction = "ours"
	Theirs Direction = "theirs"
)

// Party is who promised something, or to whom: one of us, or somebody outside.
type Party struct {
	User    string `json:"user,omitempty"`    // Sign-in name.
	Address string `json:"address,omitempty"` // Mail address.
	Name    string `json:"name,omitempty"`    // As people know them.
}

// Ending is how a promise ended.
type Ending string

// How a promise ends.
const (
	Met       Ending = "met"
	Missed    Ending = "missed"
	Waived    Ending = "waived"     // Who it was made to does not want it any more.
	Replaced  Ending = "superseded" // Another one took its place.
	Cancelled Ending = "cancelled"  // Who made it took it back.
)

// CommitmentState is how a promise stands at a time.
type CommitmentState string

// States of a promise; those that end it are said by somebody, the others follow from the time.
const (
	CommitmentOpen    CommitmentState = "open"
	CommitmentOverdue CommitmentState = "overdue"
	CommitmentMet     CommitmentState = "met"
	CommitmentMetLate CommitmentState = "met-late"
)

// Commitment is a promise with its life: made, moved, ended. It rests on citations at each step.
//
// Its states and steps are those of Kalia et al., "Identifying business tasks and commitments from
// email and chat conversations" (HPL-2013-4): created, delegated, discharged, cancelled.
type Commitment struct {
	ID        int       `json:"id"`
	Direction Direction `json:"direction"`
	Debtor    Party     `json:"debtor"`
	Creditor  Party     `json:"creditor"`
	What      string    `json:"what"`          // As it stands now.
	Due       *When     `json:"due,omitempty"` // As it stands now; nil: no time was said.
	Cites     []int     `json:"cites"`
	By        string    `json:"by"` // Who wrote it down.
	At        time.Time `json:"at"`
	Moves     []Move    `json:"moves,omitempty"` // Oldest first.
	End       *End      `json:"end,omitempty"`

	NotBy []archive.Digest `json:"not_by,omitempty"` // Messages that do not keep it, as somebody said.
}

// Move is a promise that was made anew: what and until when it was before.
type Move struct {
	What  string    `json:"what"`
	Due   *When     `json:"due,omitempty"`
	Asked Direction `json:"asked"` // Who wanted it so.
	Cites []int     `json:"cites"`
	By    string    `json:"by"`
	At    time.Time `json:"at"`
}

// End is how a promise ended, and when that was.
type End struct {
	How   Ending    `json:"how"`
	When  time.Time `json:"when"` // When it was kept, or it was said that it will not be.
	Cites []int     `json:"cites"`
	By    string    `json:"by"`
	At    time.Time `json:"at"` // When that was written down.
}

// State is how the promise stands at a time: what was kept after its time is met late, what was not
// kept at its time is overdue until somebody says how it ended.
func (c Commitment) State(now time.Time) CommitmentState {
	switch {
	case c.End == nil && c.Due != nil && !now.Before(c.Due.To):
		return CommitmentOverdue
	case c.End == nil:
		return CommitmentOpen
	case c.End.How == Met && c.Due != nil && !c.End.When.Before(c.Due.To):
		return CommitmentMetLate
	}
	return CommitmentState(c.End.How)
}

// The data of the events about promises.
type (
	// CommitmentMadeData is the data of CommitmentMade.
	CommitmentMadeData struct {
		ID        int       `json:"id"`
		Direction Direction `json:"direction"`
		Debtor    Party     `json:"debtor"`
		Creditor  Party     `json:"creditor"`
		What      string    `json:"what"`
		Due       *When     `json:"due,omitempty"`
		Cites     []int     `json:"cites"`
	}
	// CommitmentMovedData is the data of CommitmentMoved: how it stands from now on.
	CommitmentMovedData struct {
		ID    int       `json:"id"`
		What  string    `json:"what"`
		Due   *When     `json:"due,omitempty"`
		Asked Direction `json:"asked"`
		Cites []int     `json:"cites"`
	}
	// CommitmentEndedData is the data of CommitmentEnded.
	CommitmentEndedData struct {
		ID    int       `json:"id"`
		How   Ending    `json:"how"`
		When  time.Time `json:"when"`
		Cites []int     `json:"cites,omitempty"`
	}
	// CommitmentReopenedData is the data of CommitmentReopened.
	CommitmentReopenedData struct {
		ID int `json:"id"`
	}
)

// Commands about promises. With a Revision they are refused when somebody else decided something about
// the case since.
type (
	// MakeCommitment writes a promise down.
	MakeCommitment struct {
		Case             int
		Direction        Direction // Default ours.
		Debtor, Creditor Party     // Default of ours: who gives the command, to the account; of theirs the other way round.
		What             string
		Due              *When
		Cites            []int
		Revision         *archive.Position

		actor string // Set by the Desk.
	}
	// MoveCommitment writes down that it is to be kept at another time, or otherwise.
	MoveCommitment struct {
		Case, ID int
		What     string // "": as before.
		Due      *When
		Asked    Direction // Who wanted it so; default whose promise it is.
		Cites    []int
		Reason   string
		Revision *archive.Position
	}
	// EndCommitment says how it ended.
	EndCommitment struct {
		Case, ID int
		How      Ending
		When     time.Time // Zero: now.
		Cites    []int     // What shows that; may be empty.
		Reason   string
		Revision *archive.Position
	}
	// ReopenCommitment takes an end back.
	ReopenCommitment struct {
		Case, ID int
		Reason   string
		Revision *archive.Position
	}
)

func (c MakeCommitment) by(actor string) Command {
	c.actor = actor
	return c
}

// Check refuses a promise that nobody wrote.
func (c MakeCommitment) Check(s *State, _ time.Time) ([]Event, error) {
	file, err := s.stating(c.Case, c.Revision)
	if err != nil {
		return nil, err
	}
	data := CommitmentMadeData{len(file.Commitments) + 1, Direction(or(string(c.Direction), string(Ours))), c.Debtor, c.Creditor, written(c.What), c.Due, c.Cites}
	us, them := &data.Debtor, &data.Creditor
	if data.Direction == Theirs {
		us, them = them, us
	}
	if *us == (Party{}) && s.users[c.actor] != nil {
		us.User = c.actor
	}
	if *them == (Party{}) {
		them.Name = file.Account
		if a := s.accountNamed(file.Account); a != nil {
			them.Name = a.Name
		}
	}
	for _, err := range []error{checkDirection("Direction", data.Direction), s.checkParty("Debtor", data.Debtor), s.checkParty("Creditor", data.Creditor),
		checkWords("What", "promise", data.What), c.Due.check("Due"), file.checkSources("promise", c.Cites)} {
		if err != nil {
			return nil, err
		}
	}
	return newEvent(CommitmentMade, c.Case, "", data)
}

func checkDirection(field string, d Direction) error {
	if d != Ours && d != Theirs {
		return refuse(Invalid, field, "%q is nobody's side: choose ours or theirs.", d)
	}
	return nil
}

func (s *State) checkParty(field string, p Party) error {
	if p.User != "" && s.users[p.User] == nil {
		return refuse(Invalid, field, "There is no user %q.", p.User)
	}
	if err := checkLine(field, "address", p.Address, maxTitle); err != nil {
		return err
	}
	return checkLine(field, "name", p.Name, maxTitle)
}

// going is a promise of a case that has not ended.
func (s *State) going(number, id int, seen *archive.Position) (*caseFile, *Commitment, error) {
	file, err := s.stating(number, seen)
	if err != nil {
		return nil, nil, err
	}
	p, err := find(file.Commitments, id, file, "promise")
	if err == nil && p.End != nil {
		err = refuse(Conflict, "ID", "Promise %d of case %s has ended: it was %s. Reopen it first.", id, file.label(), p.End.How.words())
	}
	return file, p, err
}

// Check refuses a move that changes nothing, or that nobody asked for.
func (c MoveCommitment) Check(s *State, _ time.Time) ([]Event, error) {
	file, p, err := s.going(c.Case, c.ID, c.Revision)
	if err != nil {
		return nil, err
	}
	data := CommitmentMovedData{c.ID, or(written(c.What), p.What), c.Due, Direction(or(string(c.Asked), string(p.Direction))), c.Cites}
	for _, err := range []error{checkWords("What", "promise", data.What), c.Due.check("Due"), checkDirection("Asked", data.Asked),
		file.checkSources("change of the promise", c.Cites), checkReason(c.Reason)} {
		if err != nil {
			return nil, err
		}
	}
	if data.What == p.What && sameWhen(data.Due, p.Due) {
		return nil, nil
	}
	return newEvent(CommitmentMoved, c.Case, c.Reason, data)
}

func sameWhen(a, b *When) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.From.Equal(b.From) && a.To.Equal(b.To) && a.Grain == b.Grain && a.Text == b.Text
}

// Check refuses an end that lies in the future, and another one than it had.
func (c EndCommitment) Check(s *State, now time.Time) ([]Event, error) {
	file, p, err := s.going(c.Case, c.ID, c.Revision)
	if p != nil && p.End != nil && p.End.How == c.How && (c.When.IsZero() || c.When.Equal(p.End.When)) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !slices.Contains([]Ending{Met, Missed, Waived, Replaced, Cancelled}, c.How) {
		return nil, refuse(Invalid, "How", "%q is not how a promise ends: choose from met, missed, waived, superseded and cancelled.", c.How)
	}
	when := c.When
	if when.IsZero() {
		when = now
	}
	if when.After(now) {
		return nil, refuse(Invalid, "When", "%s lies in the future: a promise ends when it was kept, or when it is clear that it will not be.", when.Format(time.RFC3339))
	}
	for _, err := range []error{file.checkCitations("Cites", c.Cites), checkReason(c.Reason)} {
		if err != nil {
			return nil, err
		}
	}
	return newEvent(CommitmentEnded, c.Case, c.Reason, CommitmentEndedData{c.ID, c.How, when.UTC(), c.Cites})
}

// Check refuses to reopen what is open.
func (c ReopenCommitment) Check(s *State, _ time.Time) ([]Event, error) {
	file, err := s.stating(c.Case, c.Revision)
	if err != nil {
		return nil, err
	}
	p, err := find(file.Commitments, c.ID, file, "promise")
	if err != nil {
		return nil, err
	}
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	if p.End == nil {
		return nil, nil
	}
	return newEvent(CommitmentReopened, c.Case, c.Reason, CommitmentReopenedData{c.ID})
}

// Promise is a commitment with the case that it is in, and who has to see to it.
type Promise struct {
	Commitment
	Case    int    `json:"case"`
	Title   string `json:"title"`   // Of the case.
	Account string `json:"account"` // Of the case.
	Answers string `json:"answers"` // User who has to see to it; "" when nobody does.
}

// Promises lists all commitments, those that are open first by when they are due, those without a time behind
// them, then those that ended, the last one first.
func (s *State) Promises() (all []Promise) {
	for _, c := range s.cases {
		for _, p := range c.Commitments {
			all = append(all, Promise{p.clone(), c.Number, c.Title, c.Account, s.actor(s.answers(c, p))})
		}
	}
	slices.SortStableFunc(all, func(a, b Promise) int { return a.order(b.Commitment) })
	return all
}

// answers is who has to see to a promise: who made it or it was made to, if they can still work, else the owner of the case.
func (s *State) answers(c *caseFile, p Commitment) string {
	who := p.Debtor.User
	if p.Direction == Theirs {
		who = p.Creditor.User
	}
	if u := s.users[who]; u.may(Role.Works) {
		return who
	}
	return c.Owner
}

func (c Commitment) order(d Commitment) int {
	switch {
	case c.End != nil && d.End != nil:
		return d.End.When.Compare(c.End.When)
	case c.End != nil:
		return 1
	case d.End != nil:
		return -1
	case c.Due == nil && d.Due == nil:
		return 0
	case c.Due == nil:
		return 1
	case d.Due == nil:
		return -1
	}
	return c.Due.To.Compare(d.Due.To)
}

func (c Commitment) clone() Commitment {
	c.Due, c.Cites, c.Moves, c.NotBy = c.Due.clone(), copied(c.Cites), slices.Clone(c.Moves), slices.Clone(c.NotBy)
	for i := range c.Moves {
		c.Moves[i].Due, c.Moves[i].Cites = c.Moves[i].Due.clone(), copied(c.Moves[i].Cites)
	}
	if c.End != nil {
		end := *c.End
		end.Cites = copied(end.Cites)
		c.End = &end
	}
	return c
}

func (w *When) clone() *When {
	if w == nil {
		return nil
	}
	c := *w
	return &c
}

// words is the end as it stands in a sentence.
func (e Ending) words() string { return strings.ReplaceAll(string(e), "-", " ") }
