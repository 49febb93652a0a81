package casework

import (
	"fmt"
	"slices"
	"time"

	"polytrace/archive"
)

// The types of event about what matters most in the timeline of a case. They decide nothing about it.
const (
	TimelinePinned   EventType = "timeline.pinned"
	TimelineUnpinned EventType = "timeline.unpinned"
)

// The data of these events.
type (
	// TimelinePinnedData is the data of TimelinePinned.
	TimelinePinnedData struct {
		ID     int             `json:"id"`
		Record archive.Address `json:"record"`          // A message, or in the ledger the event of a line of the log.
		SHA256 archive.Digest  `json:"sha256,omitzero"` // Of the message; lines of the log have none.
	}
	// TimelineUnpinnedData is the data of TimelineUnpinned.
	TimelineUnpinnedData struct {
		ID int `json:"id"`
	}
)

// TimelinePin is a message, or a line of the log, that somebody marked in the timeline of a case. IDs are dense in each
// case, and stay.
type TimelinePin struct {
	ID     int             `json:"id"`
	Record archive.Address `json:"record"` // "mail/7", or "ledger/12" for a line of the log.
	SHA256 archive.Digest  `json:"sha256,omitzero"`
	Reason string          `json:"reason,omitempty"`
	By     string          `json:"by"`
	At     time.Time       `json:"at"`

	Removed   time.Time `json:"removed,omitzero"`
	RemovedBy string    `json:"removed_by,omitempty"`
}

// Commands about pins of a timeline.
type (
	// PinItem pins an item of the timeline of a case, also one of a case that was merged into it. Of a message the caller
	// has verified that it is of the case and has that SHA-256.
	PinItem struct {
		Case     int
		Record   archive.Address
		SHA256   archive.Digest // Of a message alone.
		Reason   string
		Revision *archive.Position
	}
	// UnpinItem takes a pin away; the log keeps it.
	UnpinItem struct {
		Case, ID int
		Reason   string
		Revision *archive.Position
	}
)

// Check refuses what is pinned already, and lines that are not of the log.
func (c PinItem) Check(s *State, _ time.Time) ([]Event, error) {
	file, err := s.stating(c.Case, c.Revision)
	if err != nil {
		return nil, err
	}
	family := s.Family(c.Case)
	if c.Record.Stream == archive.Ledger {
		if !slices.ContainsFunc(family, func(x Case) bool { return x.logs(c.Record.Position) }) {
			return nil, refuse(Invalid, "Record", "The log of case %s has no line %s.", file.label(), c.Record)
		}
		c.SHA256 = archive.Digest{}
	} else if err := checkNamed(Named{Record: c.Record, SHA256: c.SHA256}); err != nil {
		return nil, err
	}
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	if p, _, ok := PinOf(family, c.Record); ok {
		return nil, refuse(Conflict, "Record", "This is pinned already: %s did that.", s.who(p.By))
	}
	return newEvent(TimelinePinned, c.Case, c.Reason, TimelinePinnedData{len(file.TimelinePins) + 1, c.Record, c.SHA256})
}

// Check refuses what is not pinned.
func (c UnpinItem) Check(s *State, _ time.Time) ([]Event, error) {
	file, err := s.stating(c.Case, c.Revision)
	if err != nil {
		return nil, err
	}
	p, err := find(file.TimelinePins, c.ID, file, "pin in its timeline")
	if err != nil {
		return nil, err
	}
	if !p.Removed.IsZero() {
		return nil, refuse(Gone, "ID", "Pin %d in the timeline of case %s was taken away already.", c.ID, file.label())
	}
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	return newEvent(TimelineUnpinned, c.Case, c.Reason, TimelineUnpinnedData{c.ID})
}

// logs reports whether the event at a position made a line of the log.
func (c *Case) logs(at archive.Position) bool {
	return slices.ContainsFunc(c.Log, func(e Entry) bool { return e.Position == at })
}

// PinOf finds the pin of an item in the timeline of cases that are one, and the case that has it.
func PinOf(cases []Case, item archive.Address) (TimelinePin, int, bool) {
	for i := range cases {
		for _, p := range cases[i].TimelinePins {
			if p.Removed.IsZero() && p.Record == item {
				return p, cases[i].Number, true
			}
		}
	}
	return TimelinePin{}, 0, false
}

// Address is the record of an item: the message, or the event that made the line of the log.
func (it TimelineItem) Address() archive.Address {
	if it.Mail != nil {
		return it.Mail.Record
	}
	return archive.Address{Stream: archive.Ledger, Position: it.Entry.Position}
}

// timelinePinFolds are the folds of the events about pins of a timeline.
var timelinePinFolds = map[EventType]caseFold{
	TimelinePinned:   onCase((*State).timelinePinned),
	TimelineUnpinned: onCase((*State).timelineUnpinned),
}

func (s *State) timelinePinned(c *caseFile, d decision, data TimelinePinnedData) (Entry, error) {
	if err := c.turn("pin", data.ID, len(c.TimelinePins), nil); err != nil {
		return Entry{}, err
	}
	c.TimelinePins = append(c.TimelinePins, TimelinePin{ID: data.ID, Record: data.Record, SHA256: data.SHA256, Reason: d.Reason, By: s.actor(d.Actor), At: d.At})
	return Entry{Text: sentence(s.who(d.Actor)+" pinned "+data.Record.String()+" in the timeline", d.Reason)}, nil
}

func (s *State) timelineUnpinned(c *caseFile, d decision, data TimelineUnpinnedData) (Entry, error) {
	p, err := nth(c.TimelinePins, data.ID, "pin")
	if err == nil && !p.Removed.IsZero() {
		err = fmt.Errorf("pin %d was taken away already", data.ID)
	}
	if err != nil {
		return Entry{}, err
	}
	p.Removed, p.RemovedBy = d.At, s.actor(d.Actor)
	return Entry{Text: sentence(s.who(d.Actor)+" took the pin of "+p.Record.String()+" in the timeline away", d.Reason)}, nil
}
