package casework

import (
	"encoding/json"
	"time"
)

// EventType names what happened. Names never change meaning.
type EventType string

// The types of event.
const (
	UserAdded       EventType = "user.added"
	UserChanged     EventType = "user.changed" // full name, roles
	PasswordSet     EventType = "user.password"
	UserDisabled    EventType = "user.disabled"
	UserEnabled     EventType = "user.enabled"
	TokenCreated    EventType = "token.created"
	TokenRevoked    EventType = "token.revoked"
	QueueAdded      EventType = "queue.added"
	QueueRemoved    EventType = "queue.removed"
	CaseOpened      EventType = "case.opened"
	CaseChanged     EventType = "case.changed" // title, account, status, severity
	CaseOwned       EventType = "case.owned"
	NoteAdded       EventType = "note.added"
	CitationAdded   EventType = "citation.added"
	CitationRemoved EventType = "citation.removed"
	ShareCreated    EventType = "share.created"
	ShareRevoked    EventType = "share.revoked"
	ShareOpened     EventType = "share.opened" // a guest looked
)

// Event is the body of a ledger record: one decision.
type Event struct {
	Format int             `json:"polytrace"` // Version of this JSON: 1.
	Type   EventType       `json:"type"`
	Actor  string          `json:"actor"` // User name, "token:NAME", "guest" or "system".
	At     time.Time       `json:"at"`
	Reason string          `json:"reason,omitempty"`
	Case   int             `json:"case,omitempty"`
	Data   json.RawMessage `json:"data,omitempty"` // By Type; see the data types.
}
