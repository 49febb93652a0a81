package casework

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"polytrace/archive"
	"polytrace/message"
)

// MailDirection says between whom a message goes.
type MailDirection string

// The directions of mail.
const (
	Inbound  MailDirection = "inbound"  // from outside
	Outbound MailDirection = "outbound" // from us to somebody outside
	Internal MailDirection = "internal" // among ourselves
)

// Mail is a message of a case, as the index knows it.
type Mail struct {
	Record       archive.Address   `json:"record"` // Of the copy that came first.
	SHA256       archive.Digest    `json:"sha256"`
	Thread       string            `json:"thread"`
	Sent         time.Time         `json:"sent"` // As it says; when it was received where that is absent or absurd.
	Received     time.Time         `json:"received"`
	Forged       bool              `json:"forged_date,omitempty"` // It was not sent when it says.
	From         message.Mailbox   `json:"from"`
	To           []message.Mailbox `json:"to"`
	Subject      string            `json:"subject"`
	Text         string            `json:"text"` // The beginning of what its author wrote, without quotes and signature.
	Files        []string          `json:"files,omitempty"`
	Direction    MailDirection     `json:"direction"`
	Automatic    bool              `json:"automatic,omitempty"`    // No person wrote it.
	Sightings    int               `json:"sightings"`              // In how many copies it came.
	Unsearchable string            `json:"unsearchable,omitempty"` // Why not all of it could be read.
}

// DirectionOf says between whom a message goes, by who wrote it and to whom. One to nobody who is named is
// taken as one among ourselves when one of us wrote it.
func (c Company) DirectionOf(from message.Mailbox, to []message.Mailbox) MailDirection {
	switch {
	case !c.Has(from.Address):
		return Inbound
	case slices.ContainsFunc(to, func(m message.Mailbox) bool { return m.Address != "" && !c.Has(m.Address) }):
		return Outbound
	}
	return Internal
}

// When is the time at which it was sent, as far as that is believed: not behind its receipt.
func (m *Mail) When() time.Time {
	if m.Sent.IsZero() || m.Received.Before(m.Sent) {
		return m.Received
	}
	return m.Sent
}

// compare orders mail by time; at the same time by receipt, and then by place, so that the order does not
// depend on how it was read.
func (m *Mail) compare(o *Mail) int {
	return cmp.Or(m.When().Compare(o.When()), m.Received.Compare(o.Received),
		strings.Compare(string(m.Record.Stream), string(o.Record.Stream)), cmp.Compare(m.Record.Position, o.Record.Position))
}

// human reports whether a person wrote it, in a direction.
func (m *Mail) human(d MailDirection) bool { return m.Direction == d && !m.Automatic }

// Latest returns the newest message that a person of the customer wrote, and the newest that a person of ours wrote to
// the customer; nil when there is none. Automatic mail is neither.
func Latest(mail []Mail) (customer, answer *Mail) {
	for i := range mail {
		m := &mail[i]
		if m.human(Inbound) && (customer == nil || m.compare(customer) > 0) {
			customer = m
		}
		if m.human(Outbound) && (answer == nil || m.compare(answer) > 0) {
			answer = m
		}
	}
	return customer, answer
}

// Unanswered lists what people of the customer wrote since a person of ours answered, oldest first.
func Unanswered(mail []Mail) (waiting []*Mail) {
	_, answer := Latest(mail)
	for i := range mail {
		if m := &mail[i]; m.human(Inbound) && (answer == nil || m.compare(answer) > 0) {
			waiting = append(waiting, m)
		}
	}
	slices.SortFunc(waiting, (*Mail).compare)
	return waiting
}

// TimelineKind is a kind of what happens to a case.
type TimelineKind string

// The kinds of what happens to a case: mail by its direction, and decisions by what they are about.
const (
	TimelineInbound   TimelineKind = "inbound"
	TimelineOutbound  TimelineKind = "outbound"
	TimelineInternal  TimelineKind = "internal"
	TimelineAutomatic TimelineKind = "automatic"
	TimelineEvidence  TimelineKind = "evidence"
	TimelineStatement TimelineKind = "statement"
	TimelineNote      TimelineKind = "note"
	TimelineStatus    TimelineKind = "status"
	TimelineOwner     TimelineKind = "owner"
	TimelineShare     TimelineKind = "share"
	TimelineRisk      TimelineKind = "risk"
	TimelineReview    TimelineKind = "review"
)

// TimelineKinds lists all kinds, mail first.
func TimelineKinds() []TimelineKind {
	return []TimelineKind{TimelineInbound, TimelineOutbound, TimelineInternal, TimelineAutomatic, TimelineEvidence, TimelineStatement, TimelineNote, TimelineStatus, TimelineOwner, TimelineRisk, TimelineReview, TimelineShare}
}

// TimelineItem is something that happened to a case: a message, or a decision. One of Mail and Entry is set.
type TimelineItem struct {
	At    time.Time // When it happened; of mail see Mail.When.
	Kind  TimelineKind
	Case  int // Whose decision it is, of cases that are one.
	Mail  *Mail
	Entry *Entry
}

// Timeline brings the mail and the decisions of cases that are one into the order in which they happened. At
// the same time mail comes before decisions, and what came first before the other, so that the order is
// always the same.
func Timeline(cases []Case, mail []Mail) []TimelineItem {
	var items []TimelineItem
	for i := range mail {
		m := &mail[i]
		kind := TimelineKind(m.Direction)
		if m.Automatic {
			kind = TimelineAutomatic
		}
		items = append(items, TimelineItem{At: m.When(), Kind: kind, Mail: m})
	}
	for i := range cases {
		for j := range cases[i].Log {
			e := &cases[i].Log[j]
			items = append(items, TimelineItem{At: e.At, Kind: kindOf(e), Case: cases[i].Number, Entry: e})
		}
	}
	slices.SortStableFunc(items, func(a, b TimelineItem) int {
		switch by := a.At.Compare(b.At); {
		case by != 0:
			return by
		case a.Mail != nil && b.Mail != nil:
			return a.Mail.compare(b.Mail)
		case a.Mail != nil:
			return -1
		case b.Mail != nil:
			return 1
		}
		return cmp.Or(cmp.Compare(a.Entry.Position, b.Entry.Position), cmp.Compare(a.Case, b.Case))
	})
	return items
}

// kindOf is the kind of a decision.
func kindOf(e *Entry) TimelineKind {
	switch {
	case e.Share != 0:
		return TimelineShare
	case e.Citation != 0, e.Type == CaseLinked, e.Type == CaseUnlinked, e.Type == FilePinned, e.Type == FileUnpinned, e.Type == ReferenceGiven, e.Type == ExtractJudged, e.Type == MailRouted, e.Type == TimelinePinned, e.Type == TimelineUnpinned:
		return TimelineEvidence
	case e.Note != 0:
		return TimelineNote
	case e.Type == CaseOwned, e.Type == UserDisabled, e.Type == UserChanged,
		e.Type == HandoffOffered, e.Type == HandoffAnswered, e.Type == HandoffWithdrawn, e.Type == HandoffReturned:
		return TimelineOwner
	case e.Type == ReviewAsked, e.Type == ReviewOpened, e.Type == ReviewDecided:
		return TimelineReview
	case e.Item != "":
		return TimelineStatement
	case e.Type == RiskChanged, e.Type == SignalJudged, e.Type == RiskOverridden, e.Type == RiskCleared:
		return TimelineRisk
	}
	return TimelineStatus
}
