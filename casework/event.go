package casework

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"polytrace/archive"
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
	QueueChanged    EventType = "queue.changed"
	QueueRotated    EventType = "queue.rotated" // has a new address, takes mail at the one before too
	QueueRetired    EventType = "queue.retired" // the address before takes no mail any more
	QueueRemoved    EventType = "queue.removed"
	LoginSet        EventType = "login.set" // a credential of mail servers, or its new password
	LoginRemoved    EventType = "login.removed"
	SourcesSet      EventType = "sources.set" // networks under a name
	SourcesRemoved  EventType = "sources.removed"
	CaseOpened      EventType = "case.opened"
	CaseChanged     EventType = "case.changed" // title, account, status, severity, team, tags, muted
	CaseOwned       EventType = "case.owned"
	NoteAdded       EventType = "note.added"
	CitationAdded   EventType = "citation.added"
	CitationRemoved EventType = "citation.removed"
	ShareCreated    EventType = "share.created"
	ShareRevoked    EventType = "share.revoked"
	ShareOpened     EventType = "share.opened" // a guest looked

	ClassSet         EventType = "class.set"         // how long a class keeps
	HoldPlaced       EventType = "hold.placed"       // keeps records whatever their class says
	HoldExtended     EventType = "hold.extended"     // a standing query matched more
	HoldReleased     EventType = "hold.released"     // ends a hold
	ErasureRequested EventType = "erasure.requested" // asks to remove records
	ErasureOrdered   EventType = "erasure.ordered"   // approves that; the records go
	ErasureRefused   EventType = "erasure.refused"   // or not
	ErasurePolicy    EventType = "erasure.policy"    // whether it takes two
	RetentionExpired EventType = "retention.expired" // a class let packs go

	SearchSaved   EventType = "search.saved" // a query has a name, or says something else under it
	SearchRemoved EventType = "search.removed"
	SearchSeen    EventType = "search.seen" // somebody looked at what it found
)

// EventFormat is the version of Event's JSON that this code writes.
const EventFormat = 1

// Event is the body of a ledger record: one decision. For example
//
//	{"polytrace":1,"type":"note.added","actor":"kim","at":"2026-11-03T09:14:00Z",
//	 "case":104,"data":{"id":3,"text":"Customer agreed to Friday.","cites":[2]}}
//
// One command makes one event and one event is one record, so that a crash
// leaves a command in the ledger as a whole or not at all. What follows from a
// decision for other things is in the same event: the cases that a disabled
// user gives up are listed in UserDisabledData.
//
// Readers ignore members they do not know. New members are optional, and their
// absence means what it meant before they existed.
type Event struct {
	Format int             `json:"polytrace"` // Version of this JSON: 1.
	Type   EventType       `json:"type"`
	Actor  string          `json:"actor"` // User name, "token:NAME", "guest" or "system".
	At     time.Time       `json:"at"`
	Reason string          `json:"reason,omitempty"`
	Case   int             `json:"case,omitempty"`
	Data   json.RawMessage `json:"data,omitempty"` // By Type; see the data types.
}

// The data of each type of event.
type (
	// UserAddedData is the data of UserAdded.
	UserAddedData struct {
		Name     string `json:"name"`
		FullName string `json:"full_name"`
		Roles    []Role `json:"roles"`
		Password string `json:"password,omitempty"` // PHC string; without one nobody can sign in yet.
	}
	// UserChangedData is the data of UserChanged. Absent is unchanged.
	UserChangedData struct {
		Name     string  `json:"name"`
		FullName *string `json:"full_name,omitempty"`
		Roles    []Role  `json:"roles,omitempty"`
		Released []int   `json:"released,omitempty"` // Cases that lose their owner with the change.

		Handoffs []EndedHandoff `json:"handoffs,omitempty"` // That end with it.
	}
	// PasswordSetData is the data of PasswordSet.
	PasswordSetData struct {
		Name     string `json:"name"`
		Password string `json:"password"` // PHC string.
	}
	// UserDisabledData is the data of UserDisabled.
	UserDisabledData struct {
		Name     string `json:"name"`
		Released []int  `json:"released,omitempty"` // Cases that lose their owner with it.

		Handoffs []EndedHandoff `json:"handoffs,omitempty"` // That end with it.
	}
	// UserEnabledData is the data of UserEnabled.
	UserEnabledData struct {
		Name string `json:"name"`
	}
	// TokenCreatedData is the data of TokenCreated.
	TokenCreatedData struct {
		Name string         `json:"name"`
		Role Role           `json:"role"`
		Hash archive.Digest `json:"hash"` // Of the token; see SecretHash.
	}
	// TokenRevokedData is the data of TokenRevoked.
	TokenRevokedData struct {
		Name string `json:"name"`
	}
	// QueueAddedData is the data of QueueAdded.
	QueueAddedData struct {
		Name    string         `json:"name"`
		Local   string         `json:"local"`
		Format  string         `json:"format"`
		Sources []netip.Prefix `json:"sources,omitempty"`
		Class   archive.Stream `json:"class"`
		QueueTerms
	}
	// QueueChangedData is the data of QueueChanged: all that a queue says, but
	// for its name and addresses.
	QueueChangedData struct {
		Name    string         `json:"name"`
		Format  string         `json:"format"`
		Sources []netip.Prefix `json:"sources,omitempty"`
		Class   archive.Stream `json:"class"`
		QueueTerms
	}
	// QueueRotatedData is the data of QueueRotated.
	QueueRotatedData struct {
		Name  string `json:"name"`
		Local string `json:"local"` // Of the new address.
	}
	// QueueRetiredData is the data of QueueRetired.
	QueueRetiredData struct {
		Name string `json:"name"`
	}
	// LoginSetData is the data of LoginSet.
	LoginSetData struct {
		Name string         `json:"name"`
		Hash archive.Digest `json:"hash"` // Of the password; see SecretHash.
	}
	// LoginRemovedData is the data of LoginRemoved.
	LoginRemovedData struct {
		Name string `json:"name"`
	}
	// SourcesSetData is the data of SourcesSet.
	SourcesSetData struct {
		Name     string         `json:"name"`
		Networks []netip.Prefix `json:"networks"`
	}
	// SourcesRemovedData is the data of SourcesRemoved.
	SourcesRemovedData struct {
		Name string `json:"name"`
	}
	// QueueRemovedData is the data of QueueRemoved.
	QueueRemovedData struct {
		Name string `json:"name"`
	}
	// CaseOpenedData is the data of CaseOpened; the number is Event.Case.
	CaseOpenedData struct {
		Title    string `json:"title"`
		Account  string `json:"account,omitempty"`
		Severity int    `json:"severity"`
		Owner    string `json:"owner,omitempty"`

		Links     []Named `json:"links,omitempty"`      // Messages whose conversations are of it from the beginning.
		SplitFrom int     `json:"split_from,omitempty"` // The case that had them before.

		Kind    string    `json:"kind,omitempty"`
		Team    string    `json:"team,omitempty"`
		Tags    []string  `json:"tags,omitempty"`
		Returns time.Time `json:"returns,omitzero"` // When it goes back to the team unless the owner has answered.
		Routed  *Routing  `json:"routed,omitempty"`

		Effects *RuleEffects `json:"effects,omitempty"` // With Routed.
	}
	// CaseChangedData is the data of CaseChanged. Absent is unchanged.
	CaseChangedData struct {
		Title    *string `json:"title,omitempty"`
		Account  *string `json:"account,omitempty"`
		Status   *Status `json:"status,omitempty"`
		Severity *int    `json:"severity,omitempty"`
		Released bool    `json:"released,omitempty"` // Reopened, and its last owner can work no more.

		Team  *string   `json:"team,omitempty"`
		Tags  *[]string `json:"tags,omitempty"`
		Muted *bool     `json:"muted,omitempty"`
	}
	// CaseOwnedData is the data of CaseOwned.
	CaseOwnedData struct {
		Owner    string `json:"owner"`              // "" takes the owner away.
		Handoffs []int  `json:"handoffs,omitempty"` // Of the case, that end with it.

		Team    *string   `json:"team,omitempty"`   // Absent: as it was.
		Returns time.Time `json:"returns,omitzero"` // When it goes back to the team unless the owner has answered.
		ByRule
	}
	// NoteAddedData is the data of NoteAdded.
	NoteAddedData struct {
		ID    int    `json:"id"`
		Text  string `json:"text"`
		Cites []int  `json:"cites,omitempty"`

		Mentions []string `json:"mentions,omitempty"` // Users whom the text names.
	}
	// CitationData is the data of CitationAdded.
	CitationData struct {
		ID      int             `json:"id"`
		Record  archive.Address `json:"record"`
		SHA256  archive.Digest  `json:"sha256"`
		Author  string          `json:"author,omitempty"`
		Part    int             `json:"part"`
		Quote   string          `json:"quote,omitempty"`
		Prefix  string          `json:"prefix,omitempty"`
		Suffix  string          `json:"suffix,omitempty"`
		Start   int             `json:"start,omitempty"`
		End     int             `json:"end,omitempty"`
		Comment string          `json:"comment,omitempty"`
	}
	// CitationRemovedData is the data of CitationRemoved.
	CitationRemovedData struct {
		ID     int             `json:"id"`
		Record archive.Address `json:"record"` // Of the citation, for those who follow the ledger without a state.
	}
	// ShareData is the data of ShareCreated.
	ShareData struct {
		ID        int            `json:"id"`
		Hash      archive.Digest `json:"hash"` // Of the token in the link; see SecretHash.
		Title     string         `json:"title,omitempty"`
		Citations []int          `json:"citations,omitempty"`
		Notes     []int          `json:"notes,omitempty"`
		Whole     bool           `json:"whole_messages,omitempty"`
		Expires   time.Time      `json:"expires"`
	}
	// ShareRevokedData is the data of ShareRevoked.
	ShareRevokedData struct {
		ID int `json:"id"`
	}
	// ShareOpenedData is the data of ShareOpened.
	ShareOpenedData struct {
		ID int    `json:"id"`
		IP string `json:"ip"`
	}
)

// DecodeEvent reads the body of a ledger record.
func DecodeEvent(body []byte) (Event, error) {
	var e Event
	if err := json.Unmarshal(body, &e); err != nil {
		return Event{}, fmt.Errorf("read event: %w", err)
	}
	if e.Format != EventFormat {
		return e, fmt.Errorf("read event: format %d is not known to this version", e.Format)
	}
	return e, nil
}

// newEvent makes an event; the Desk adds who and when.
func newEvent(t EventType, number int, reason string, data any) ([]Event, error) {
	raw, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("write %s event: %w", t, err)
	}
	return []Event{{Format: EventFormat, Type: t, Reason: reason, Case: number, Data: raw}}, nil
}
