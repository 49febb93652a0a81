package casework

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"polytrace/archive"
)

// The types of event that correct which messages are one conversation. What is
// made of them is decided where conversations are made: package index.
const (
	ThreadSplit  EventType = "thread.split"  // a message begins a conversation of its own, with what answers it
	ThreadJoined EventType = "thread.joined" // the conversations of two messages are one
	ThreadUndone EventType = "thread.undone" // takes one of these back
)

// Named names a message by its place and by its bytes.
type Named struct {
	Record archive.Address `json:"record"`
	SHA256 archive.Digest  `json:"sha256"`
}

// The data of these events.
type (
	// ThreadSplitData is the data of ThreadSplit.
	ThreadSplitData struct {
		Message Named `json:"message"`
	}
	// ThreadJoinedData is the data of ThreadJoined.
	ThreadJoinedData struct {
		Messages [2]Named `json:"messages"`
	}
	// ThreadUndoneData is the data of ThreadUndone.
	ThreadUndoneData struct {
		Decision archive.Position `json:"decision"` // Of the event that is taken back.
		Messages []Named          `json:"messages"` // Of that event, for those who follow the ledger without a state.
	}
)

// Correction is a decision about a conversation that holds.
type Correction struct {
	Position archive.Position `json:"position"` // Of its event in the ledger; what undoes it names that.
	Type     EventType        `json:"type"`
	Messages []Named          `json:"messages"` // One that was split off, or two that were joined.
	Actor    string           `json:"actor"`
	At       time.Time        `json:"at"`
	Reason   string           `json:"reason"`
}

// Corrections lists the decisions about conversations that name any of some
// bytes and hold, oldest first.
func (s *State) Corrections(of ...archive.Digest) (all []Correction) {
	for _, c := range s.corrections {
		if slices.ContainsFunc(c.Messages, func(n Named) bool { return slices.Contains(of, n.SHA256) }) {
			all = append(all, c)
		}
	}
	return all
}

// Correction returns the decision about conversations at a position of the
// ledger; false when it is not one, or was taken back.
func (s *State) Correction(at archive.Position) (Correction, bool) {
	i, ok := s.findCorrection(at)
	if !ok {
		return Correction{}, false
	}
	return s.corrections[i], true
}

func (s *State) findCorrection(at archive.Position) (int, bool) {
	return slices.BinarySearchFunc(s.corrections, at, func(c Correction, at archive.Position) int { return cmp.Compare(c.Position, at) })
}

// Commands about conversations.
type (
	// SplitThread takes a message, and what answers it, out of its conversation.
	// The caller has verified that the record has that SHA-256.
	SplitThread struct {
		Message Named
		Reason  string
	}
	// JoinThreads makes one conversation of those of two messages. The caller has
	// verified that the records have these SHA-256.
	JoinThreads struct {
		Messages [2]Named
		Reason   string
	}
	// UndoThread takes one of these back.
	UndoThread struct {
		Decision archive.Position // See Correction.Position.
		Reason   string
	}
)

// Check refuses to split the same message off twice, unless it was joined since.
func (c SplitThread) Check(s *State, _ time.Time) ([]Event, error) {
	if err := checkCorrection(c.Reason, c.Message); err != nil {
		return nil, err
	}
	had := s.Corrections(c.Message.SHA256)
	if n := len(had); n > 0 && had[n-1].Type == ThreadSplit {
		return nil, refuse(Conflict, "Message", "%s was split off already, by the decision %s/%d.", c.Message.Record, archive.Ledger, had[n-1].Position)
	}
	return newEvent(ThreadSplit, 0, c.Reason, ThreadSplitData{c.Message})
}

// Check refuses to join a message with itself, and the same two twice, unless one was split off since.
func (c JoinThreads) Check(s *State, _ time.Time) ([]Event, error) {
	a, b := c.Messages[0], c.Messages[1]
	if err := checkCorrection(c.Reason, a, b); err != nil {
		return nil, err
	}
	if a.SHA256 == b.SHA256 {
		return nil, refuse(Invalid, "Messages", "%s and %s are the same message. Name one of the other conversation.", a.Record, b.Record)
	}
	joined := archive.Position(0)
	for _, had := range s.Corrections(a.SHA256, b.SHA256) {
		switch {
		case had.Type == ThreadSplit:
			joined = 0
		case had.about(a.SHA256) && had.about(b.SHA256):
			joined = had.Position + 1
		}
	}
	if joined > 0 {
		return nil, refuse(Conflict, "Messages", "%s and %s were joined already, by the decision %s/%d.", a.Record, b.Record, archive.Ledger, joined-1)
	}
	return newEvent(ThreadJoined, 0, c.Reason, ThreadJoinedData{c.Messages})
}

// Check refuses to take back what does not hold.
func (c UndoThread) Check(s *State, _ time.Time) ([]Event, error) {
	had, ok := s.Correction(c.Decision)
	if !ok {
		return nil, refuse(NotFound, "Decision", "%s/%d is not a decision about a conversation that still holds.", archive.Ledger, c.Decision)
	}
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	return newEvent(ThreadUndone, 0, c.Reason, ThreadUndoneData{c.Decision, had.Messages})
}

func (c Correction) about(d archive.Digest) bool {
	return slices.ContainsFunc(c.Messages, func(n Named) bool { return n.SHA256 == d })
}

func checkCorrection(reason string, all ...Named) error {
	for _, n := range all {
		switch {
		case n.SHA256.IsZero():
			return refuse(Invalid, "SHA256", "The decision does not say the SHA-256 of the message.")
		case !mailStream(n.Record.Stream):
			return refuse(Invalid, "Record", "Only messages have conversations; %q is not a stream of messages.", n.Record.Stream)
		}
	}
	if strings.TrimSpace(reason) == "" {
		return refuse(Invalid, "Reason", "Write why: others see it beside the conversation.")
	}
	return checkReason(reason)
}

// threadFolds are the folds of events about conversations.
var threadFolds = map[EventType]fold{
	ThreadSplit: func(s *State, d decision) error {
		return with(d, func(d decision, data ThreadSplitData) error { return s.corrected(d, data.Message) })
	},
	ThreadJoined: func(s *State, d decision) error {
		return with(d, func(d decision, data ThreadJoinedData) error { return s.corrected(d, data.Messages[:]...) })
	},
	ThreadUndone: func(s *State, d decision) error {
		return with(d, s.uncorrected)
	},
}

func (s *State) corrected(d decision, all ...Named) error {
	for _, n := range all {
		if n.SHA256.IsZero() {
			return errors.New("it does not say the SHA-256 of a message")
		}
	}
	s.corrections = append(slices.Clip(s.corrections), Correction{d.pos, d.Type, all, s.actor(d.Actor), d.At, d.Reason})
	return nil
}

func (s *State) uncorrected(_ decision, data ThreadUndoneData) error {
	i, ok := s.findCorrection(data.Decision)
	if !ok {
		return fmt.Errorf("there is no decision %d about a conversation that still holds", data.Decision)
	}
	s.corrections = slices.Concat(s.corrections[:i], s.corrections[i+1:])
	return nil
}
