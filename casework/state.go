// Package casework turns decisions of people into records and records into
// the state of the work: users, queues, cases, citations, share links.
//
// Every change is an event in the ledger with an actor and a time. State is a
// pure fold over the events: nothing is kept that cannot be folded again from
// the archive. A command checks itself against the state and says which
// events it makes; the Desk is the one place that appends them. Who read what
// changes no state and has a stream of its own, written and read by the Audit.
package casework

import (
	"net/netip"
	"time"

	"polytrace/archive"
)

// Role says what a user or a token may do.
type Role string

// The roles. Admin sets up and reads no mail.
const (
	Agent      Role = "agent"
	Specialist Role = "specialist"
	Manager    Role = "manager"
	Observer   Role = "observer"   // reads, changes nothing
	Compliance Role = "compliance" // reads everything
	Admin      Role = "admin"      // users, queues, tokens; reads no mail
)

// Reads reports whether the role may search and read mail and cases.
func (r Role) Reads() bool { return r != Admin && r.Valid() }

// Works reports whether the role may change cases and share them.
func (r Role) Works() bool { return r == Agent || r == Specialist || r == Manager }

// Valid reports whether r is a role.
func (r Role) Valid() bool {
	switch r {
	case Agent, Specialist, Manager, Observer, Compliance, Admin:
		return true
	}
	return false
}

// User is a person who signs in. A user may have several roles, since in a small company the
// administrator is an agent too.
type User struct {
	Name     string           `json:"name"` // Sign-in name, lower case; never reused.
	FullName string           `json:"full_name"`
	Roles    []Role           `json:"roles"`
	Password string           `json:"-"` // Argon2id in PHC string format.
	Epoch    archive.Position `json:"-"` // Of the event that last changed password or state: older sessions end.
	Disabled bool             `json:"disabled,omitempty"`
	Created  time.Time        `json:"created"`
}

// Token is a credential of the JSON API.
type Token struct {
	Name    string         `json:"name"`
	Role    Role           `json:"role"`
	Hash    archive.Digest `json:"-"` // SHA-256 of the token.
	Created time.Time      `json:"created"`
	Revoked time.Time      `json:"revoked,omitzero"`
}

// Queue is an address that mail servers send to.
type Queue struct {
	Name     string         `json:"name"`
	Local    string         `json:"local"`              // Local part of its address, with the secret: "support-7f3k2".
	Previous string         `json:"previous,omitempty"` // That of the address before, which takes mail until it is retired.
	Format   string         `json:"format"`             // A message.Format…
	Sources  []netip.Prefix `json:"sources"`            // Peers it takes mail from; see State.Peers.
	Class    archive.Stream `json:"class"`              // Stream its mail goes to.
	QueueTerms
	RelaySince time.Time `json:"relay_since,omitzero"` // Mail that came before is not handed on.
	Created    time.Time `json:"created"`
	Removed    time.Time `json:"removed,omitzero"`
}

// QueueTerms are who may send to a queue beside the networks in Sources, what
// is asked of them, and what becomes of the mail. A peer may send when it is in
// one of the networks, or in a set, or has a login, or shows a certificate.
type QueueTerms struct {
	Sets         []string `json:"sets,omitempty"`          // Names of networks; see SourceSet.
	Logins       []string `json:"logins,omitempty"`        // Names that may send after AUTH.
	Certificates []string `json:"certificates,omitempty"`  // Clients that may send: "sha256:" and 64 hexadecimal digits over the public key, or a DNS name in a certificate that a known authority signed.
	Tenants      []string `json:"tenants,omitempty"`       // Microsoft 365 organisations: domain or GUID. Empty: not looked at.
	TLS          bool     `json:"tls,omitempty"`           // Mail comes encrypted or not at all.
	Gateway      bool     `json:"gateway,omitempty"`       // The peers are mail servers of others: SPF and DMARC are evaluated.
	Relay        string   `json:"relay,omitempty"`         // HOST:PORT that mail is handed on to; empty: nowhere.
	SilenceHours int      `json:"silence_hours,omitempty"` // Alarm when no mail came for so long; 0: as long as is unusual, -1: never.
	Readers      []string `json:"readers,omitempty"`       // Who may read its mail, also what came before: users, "token:NAME", "role:manager". Empty: everyone whose role reads.
}

// SourceSet is networks under a name, for several queues.
type SourceSet struct {
	Name     string         `json:"name"`
	Networks []netip.Prefix `json:"networks"`
	Changed  time.Time      `json:"changed,omitzero"` // Zero: as it came with the program.
}

// Login is a credential that mail servers authenticate with (RFC 4954).
type Login struct {
	Name string         `json:"name"`
	Hash archive.Digest `json:"-"` // SHA-256 of the password.
	Set  time.Time      `json:"set"`
}

// Status of a case.
type Status string

// The statuses a case goes through.
const (
	New             Status = "new"
	Open            Status = "open"
	WaitingCustomer Status = "waiting-on-customer"
	WaitingUs       Status = "waiting-on-us"
	Resolved        Status = "resolved"
	Closed          Status = "closed"
)

// Case is an escalation or request that people work on.
type Case struct {
	Number    int              `json:"number"` // Shown as C-104.
	Title     string           `json:"title"`
	Account   string           `json:"account"`
	Status    Status           `json:"status"`
	Severity  int              `json:"severity"` // 1 (worst) to 4.
	Owner     string           `json:"owner"`    // User name; "" when unowned: then it waits in Team.
	Opened    time.Time        `json:"opened"`
	OpenedBy  string           `json:"opened_by"`
	Changed   time.Time        `json:"changed"`
	Revision  archive.Position `json:"revision"` // Position of the last event of the case.
	Citations []Citation       `json:"citations"`
	Withdrawn []Citation       `json:"withdrawn,omitempty"` // Removed again; notes may still name them.
	Notes     []Note           `json:"notes"`
	Pins      []Pin            `json:"pins,omitempty"` // Files that it rests on, also those that were taken out again.

	TimelinePins []TimelinePin `json:"timeline_pins,omitempty"` // What matters most in its timeline, also what was taken away again.

	Kind    string    `json:"kind,omitempty"`    // Request; "" when people opened it.
	Team    string    `json:"team,omitempty"`    // Where it waits while nobody owns it; "" in none.
	Tags    []string  `json:"tags,omitempty"`    // Lower case, sorted.
	Muted   bool      `json:"muted,omitempty"`   // Nobody is to be told of it.
	Returns time.Time `json:"returns,omitzero"`  // When it goes back to its team unless the owner has answered; zero: never. See Case.Due.
	Routed  *Routing  `json:"routed,omitempty"`  // How it came in; nil when people opened it.
	Settled *Settled  `json:"settled,omitempty"` // That somebody has seen to the exception in Routed; nil: nobody has, or there is none.

	SnoozedUntil time.Time `json:"snoozed_until,omitzero"` // Zero: it is awake. See Case.Snoozed.
	SnoozedAt    time.Time `json:"snoozed_at,omitzero"`
	SnoozedBy    string    `json:"snoozed_by,omitempty"`

	Issues      []Issue      `json:"issues,omitempty"`
	Facts       []Fact       `json:"facts,omitempty"`
	Decisions   []Decision   `json:"decisions,omitempty"`
	Commitments []Commitment `json:"commitments,omitempty"`
	KeyDates    []KeyDate    `json:"key_dates,omitempty"`
	Handoffs    []Handoff    `json:"handoffs,omitempty"`
	Questions   []Question   `json:"questions,omitempty"`
	Reviews     []Review     `json:"reviews,omitempty"`
	Followers   []string     `json:"followers,omitempty"` // Who wants to be told of what happens to it.

	Links []Link `json:"links,omitempty"` // Which conversations are of it, in the order in which that was said.
	Into  int    `json:"into,omitempty"`  // The case that it is part of; 0 as a rule.
	Parts []int  `json:"parts,omitempty"` // The cases that are part of it.

	Risk       *RiskNoted  `json:"risk,omitempty"`       // As it was noted last; nil: low, from the beginning.
	Override   *Override   `json:"override,omitempty"`   // The level that somebody set; it counts until its time is over.
	Judgements []Judgement `json:"judgements,omitempty"` // What was said last about each signal.

	References []GivenReference `json:"references,omitempty"` // That were given by hand, or put aside.

	Shares []Share `json:"shares"`
	Log    []Entry `json:"log"` // Every event of the case, oldest first.

	standings []standing // How it stood after lines of the log. Only ever appended to: copies share it.
}

// Citation is a message brought into a case as evidence, with the words that
// matter. Its ID is unique within the case.
type Citation struct {
	ID      int             `json:"id"`
	Record  archive.Address `json:"record"`
	SHA256  archive.Digest  `json:"sha256"`           // Of the record: what is cited cannot change.
	Author  string          `json:"author,omitempty"` // Who wrote the words, as people know them; for the log.
	Part    int             `json:"part"`             // Index of the part the words are in.
	Quote   string          `json:"quote"`            // Exact words; "" cites the whole message.
	Prefix  string          `json:"prefix,omitempty"` // Up to 32 bytes before the quote, to find it again.
	Suffix  string          `json:"suffix,omitempty"`
	Start   int             `json:"start"` // Byte offsets into the text of the part.
	End     int             `json:"end"`
	Comment string          `json:"comment,omitempty"`
	By      string          `json:"by"`
	At      time.Time       `json:"at"`

	Removed   time.Time `json:"removed,omitzero"` // Of those in Case.Withdrawn.
	RemovedBy string    `json:"removed_by,omitempty"`
}

// Note is an internal remark. A note without citations is shown as unsourced.
type Note struct {
	ID    int       `json:"id"`
	Text  string    `json:"text"`
	Cites []int     `json:"cites"` // IDs of citations of the case, some perhaps withdrawn since.
	By    string    `json:"by"`
	At    time.Time `json:"at"`

	Mentions []string `json:"mentions,omitempty"` // Users whom it names.
}

// Share is a link that shows outsiders chosen items of a case and nothing else.
type Share struct {
	ID        int            `json:"id"` // Unique within the case.
	Case      int            `json:"case"`
	Hash      archive.Digest `json:"-"` // SHA-256 of the secret token in the link.
	Title     string         `json:"title"`
	Citations []int          `json:"citations"` // Shown in this order.
	Notes     []int          `json:"notes"`
	Whole     bool           `json:"whole_messages"` // Show the cited messages in full, else only the quoted words.
	Expires   time.Time      `json:"expires"`
	By        string         `json:"by"`
	At        time.Time      `json:"at"`
	Revoked   time.Time      `json:"revoked,omitzero"`
	RevokedBy string         `json:"revoked_by,omitempty"`
}

// Live reports whether the link opens at a time.
func (s Share) Live(now time.Time) bool { return s.Revoked.IsZero() && now.Before(s.Expires) }

// Entry is a line of a case's log and of its timeline.
type Entry struct {
	Position archive.Position `json:"position"` // Of the event in the ledger.
	Type     EventType        `json:"type"`
	Actor    string           `json:"actor"`
	At       time.Time        `json:"at"`
	Text     string           `json:"text"`               // A plain sentence: what was done.
	Citation int              `json:"citation,omitempty"` // ID, when it is about one.
	Note     int              `json:"note,omitempty"`
	Share    int              `json:"share,omitempty"`
	Item     string           `json:"item,omitempty"` // "fact-3", when it is about a statement.
}
