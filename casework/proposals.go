package casework

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"polytrace/archive"
)

// What rules find in mail is proposed and kept nowhere: it is found anew each time. What people say of a proposal is
// kept here. Who confirms one, as it is or in other words, makes a statement of it; who rejects one is not asked again,
// whatever the rules of another day find in the same words.

// The types of event about proposals.
const (
	ProposalRejected EventType = "proposal.rejected"
	ProposalRestored EventType = "proposal.restored" // the rejection is taken back
)

// ProposalKinds are the kinds of what rules find in a message.
var ProposalKinds = []string{"date", "promise", "request", "discharge", "detail", "person"}

// Proposed names something that rules found in a message.
type Proposed struct {
	Record  archive.Address `json:"record"`
	SHA256  archive.Digest  `json:"sha256"`
	Part    int             `json:"part"`
	Kind    string          `json:"kind"` // One of ProposalKinds.
	Quote   string          `json:"quote"`
	Start   int             `json:"start"` // Byte offsets into the text of the part.
	End     int             `json:"end"`
	Rule    string          `json:"rule"`
	Version int             `json:"version"` // Of the rules.
}

// Rejection is a proposal that somebody does not want to see again.
type Rejection struct {
	Position archive.Position `json:"position"` // Of the event in the ledger.
	Proposed
	Reason string    `json:"reason,omitempty"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
}

// Covers reports whether a proposal is what was rejected: the same kind of thing in overlapping words of the same
// bytes, by whichever rule. text is that of the part now, in which the words may stand elsewhere than they did.
func (r Rejection) Covers(p Proposed, text string) bool {
	return r.SHA256 == p.SHA256 && r.Part == p.Part && r.Kind == p.Kind && r.overlaps(p.Start, p.End, text)
}

// overlaps reports whether the words stand in a span of a text.
func (r Rejection) overlaps(from, to int, text string) bool {
	return overlap(text, r.Quote, "", "", r.Start, from, to)
}

// overlap reports whether a quote, found again in a text, has a byte in a span of it.
func overlap(text, quote, prefix, suffix string, start, from, to int) bool {
	a, b, ok := Anchor(text, quote, prefix, suffix, start)
	return ok && a < to && from < b
}

// Rejections lists what was rejected of a message and not restored, oldest first.
func (s *State) Rejections(mail archive.Digest) []Rejection { return slices.Clone(s.rejected[mail]) }

// Stated reports whether a fact, a promise or a key date of some case rests on words in a span of the text of a part.
func (s *State) Stated(p Proposed, text string) bool {
	for _, number := range s.CasesCiting(p.Record) {
		c := s.file(number)
		for i := range c.Citations {
			x := &c.Citations[i]
			if x.SHA256 == p.SHA256 && x.Part == p.Part && x.Quote != "" && c.states(x.ID) && overlap(text, x.Quote, x.Prefix, x.Suffix, x.Start, p.Start, p.End) {
				return true
			}
		}
	}
	return false
}

// states reports whether a fact, a promise or a key date rests on a citation, whatever became of it since.
func (c *Case) states(citation int) bool {
	return slices.ContainsFunc(c.Facts, func(f Fact) bool { return slices.Contains(f.Cites, citation) }) ||
		slices.ContainsFunc(c.Commitments, func(p Commitment) bool { return slices.Contains(p.Cites, citation) }) ||
		slices.ContainsFunc(c.KeyDates, func(d KeyDate) bool { return slices.Contains(d.Cites, citation) })
}

// ProposalRejectedData is the data of ProposalRejected.
type ProposalRejectedData struct{ Proposed }

// ProposalRestoredData is the data of ProposalRestored.
type ProposalRestoredData struct {
	SHA256   archive.Digest   `json:"sha256"`   // Of the message.
	Position archive.Position `json:"position"` // Of the rejection in the ledger.
}

// Commands about proposals.
type (
	// RejectProposal says that a proposal is none. The caller has found it in the message.
	RejectProposal struct {
		Proposed
		Reason string
	}
	// RestoreProposal takes a rejection back.
	RestoreProposal struct {
		SHA256   archive.Digest
		Position archive.Position
		Reason   string
	}
)

// Check does nothing when the same words were rejected before.
func (c RejectProposal) Check(s *State, _ time.Time) ([]Event, error) {
	switch {
	case !slices.Contains(ProposalKinds, c.Kind):
		return nil, refuse(Invalid, "Kind", "%q is not a kind of proposal: choose from %s.", c.Kind, enumerate(ProposalKinds))
	case strings.TrimSpace(c.Quote) == "":
		return nil, refuse(Invalid, "Quote", "The words of the proposal are missing.")
	}
	x := Citation{Record: c.Record, SHA256: c.SHA256, Part: c.Part, Quote: c.Quote, Start: c.Start, End: c.End}
	for _, err := range []error{checkSource(x), checkQuote(x), checkLine("Rule", "rule", c.Rule, maxTitle), checkReason(c.Reason)} {
		if err != nil {
			return nil, err
		}
	}
	for _, r := range s.rejected[c.SHA256] {
		if r.Kind == c.Kind && r.Part == c.Part && r.Start == c.Start && r.End == c.End {
			return nil, nil
		}
	}
	return newEvent(ProposalRejected, 0, c.Reason, ProposalRejectedData{c.Proposed})
}

// Check refuses to restore what was not rejected.
func (c RestoreProposal) Check(s *State, _ time.Time) ([]Event, error) {
	if !slices.ContainsFunc(s.rejected[c.SHA256], func(r Rejection) bool { return r.Position == c.Position }) {
		return nil, refuse(NotFound, "Position", "Nothing of this message was rejected by that decision, or it was taken back.")
	}
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	return newEvent(ProposalRestored, 0, c.Reason, ProposalRestoredData{c.SHA256, c.Position})
}

// proposalFolds are the folds of the events about proposals.
var proposalFolds = map[EventType]fold{
	ProposalRejected: folding((*State).proposalRejected),
	ProposalRestored: folding((*State).proposalRestored),
}

func (s *State) proposalRejected(d decision, data ProposalRejectedData) error {
	if data.SHA256.IsZero() || data.Quote == "" || data.End-data.Start != len(data.Quote) {
		return fmt.Errorf("it rejects no words of a message")
	}
	r := Rejection{d.pos, data.Proposed, d.Reason, s.actor(d.Actor), d.At}
	s.rejected[data.SHA256] = append(slices.Clip(s.rejected[data.SHA256]), r)
	return nil
}

func (s *State) proposalRestored(_ decision, data ProposalRestoredData) error {
	had := s.rejected[data.SHA256]
	left := slices.DeleteFunc(slices.Clone(had), func(r Rejection) bool { return r.Position == data.Position })
	if len(left) == len(had) {
		return fmt.Errorf("nothing was rejected at %d", data.Position)
	}
	if s.rejected[data.SHA256] = left; len(left) == 0 {
		delete(s.rejected, data.SHA256)
	}
	return nil
}
