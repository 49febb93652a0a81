package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Stream names an ordered sequence of records with one writer and one
// retention class. Names are 1 to 64 of a-z, 0-9 and '-', and begin with a
// letter.
type Stream string

// The streams every archive has. Others are named after a retention class,
// e.g. "mail-legal-10y".
const (
	Mail   Stream = "mail"   // messages
	Ledger Stream = "ledger" // decisions: users, queues, cases, shares
	Audit  Stream = "audit"  // who read, searched and exported what
	Facts  Stream = "facts"  // what was found out about records after they were taken: signatures, hand-overs
	Files  Stream = "files"  // files that people uploaded to cases
)

// Ours reports whether s is the appliance's own record of what people and it
// did. It is kept for ever and is in no answer to a search; all other streams have what
// came in.
func (s Stream) Ours() bool { return s == Ledger || s == Audit || s == Facts }

// Valid reports whether s is a well-formed stream name.
func (s Stream) Valid() bool {
	if len(s) == 0 || len(s) > 64 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// Position is a record's place in its stream: dense, starting at 0.
type Position uint64

// Address names a record for good: "mail/1042".
type Address struct {
	Stream   Stream
	Position Position
}

func (a Address) String() string {
	return string(a.Stream) + "/" + strconv.FormatUint(uint64(a.Position), 10)
}

// ParseAddress reads what String writes.
func ParseAddress(s string) (Address, error) {
	name, number, ok := strings.Cut(s, "/")
	position, err := strconv.ParseUint(number, 10, 64)
	a := Address{Stream(name), Position(position)}
	if !ok || err != nil || !a.Stream.Valid() || a.String() != s {
		return Address{}, fmt.Errorf("%q is not a record's address; one looks like mail/1042", s)
	}
	return a, nil
}

// MarshalText writes the address as in "mail/1042".
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (a *Address) UnmarshalText(text []byte) (err error) {
	*a, err = ParseAddress(string(text))
	return err
}

// Digest is the SHA-256 of a body, written as 64 hexadecimal digits.
type Digest [sha256.Size]byte

func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// IsZero reports whether no digest was computed yet.
func (d Digest) IsZero() bool { return d == Digest{} }

// ParseDigest reads 64 hexadecimal digits.
func ParseDigest(s string) (d Digest, err error) {
	raw, err := hex.DecodeString(s)
	if err != nil || len(raw) != len(d) {
		return Digest{}, fmt.Errorf("%q is not a SHA-256 of 64 hexadecimal digits", s)
	}
	return Digest(raw), nil
}

// MarshalText writes 64 hexadecimal digits.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (d *Digest) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDigest(string(text))
	return err
}

// Kind says what the body of a record is.
type Kind string

// The kinds of record. Numbers and names on disk never change meaning.
const (
	KindMessage Kind = "message" // an RFC 5322 message as it came; .eml
	KindPage    Kind = "page"    // a capture of a web page; .warc
	KindFile    Kind = "file"    // an uploaded file; .bin
	KindEvent   Kind = "event"   // a decision, JSON; .bin
	KindErased  Kind = "erased"  // put by an erasure in the place of a record; no body, reads as ErrGone
	KindLost    Kind = "lost"    // put by recovery where nothing could be read; no body, reads as ErrDamaged
)

// Meta is what is kept beside the bytes of a record. The whole of it is
// evidence and written once; what a reader understands of the body is not in
// it, because that can be derived again.
type Meta struct {
	Format   int       `json:"polytrace"` // Version of this JSON: FormatVersion.
	Kind     Kind      `json:"kind"`
	Stream   Stream    `json:"stream"`
	Position Position  `json:"position"`
	Received time.Time `json:"received"` // When the appliance took it, UTC.
	SHA256   Digest    `json:"sha256"`   // Of the body, also of a sighting's.
	Size     int64     `json:"size"`     // Of the body in bytes, also of a sighting's.
	SameAs   *Address  `json:"same_as,omitempty"`
	Source   Source    `json:"source,omitzero"`
	Envelope *Envelope `json:"envelope,omitempty"`
	Peer     *Peer     `json:"peer,omitempty"`

	Leaf  *Digest  `json:"leaf,omitempty"`  // Of an erased record: its leaf in the Merkle tree.
	Order *Address `json:"order,omitempty"` // Of an erased record: the decision, a record of the ledger.
}

// FormatVersion is the version of Meta's JSON that this code writes.
const FormatVersion = 1

// Address is where the record is.
func (m Meta) Address() Address { return Address{m.Stream, m.Position} }

// BodyAddress is where the bytes are: the record itself, or for a sighting
// the record that first brought the same bytes.
func (m Meta) BodyAddress() Address {
	if m.SameAs != nil {
		return *m.SameAs
	}
	return m.Address()
}

// Source says by which way a record came.
type Source struct {
	Queue   string `json:"queue,omitempty"`   // Name of the queue that took it over SMTP.
	Format  string `json:"format,omitempty"`  // How the queue said its mail is to be read, at that time.
	Import  string `json:"import,omitempty"`  // File or folder an import read, as it was named.
	Mailbox string `json:"mailbox,omitempty"` // Address of the mailbox that an import belongs to.
	File    string `json:"file,omitempty"`    // Name of an uploaded file, as it was named.
	Offset  int64  `json:"offset,omitempty"`  // Byte offset of the message inside an mbox file.
}

// Envelope is the SMTP envelope as the peer gave it (RFC 5321 section 2.3.1).
type Envelope struct {
	From     string      `json:"from"` // Reverse-path without brackets; "" is the null sender.
	To       []string    `json:"to"`   // Forward-paths without brackets, in order.
	Body     string      `json:"body,omitempty"`
	UTF8     bool        `json:"smtputf8,omitempty"`
	Declared int64       `json:"size,omitempty"` // SIZE= of MAIL (RFC 1870), bytes.
	Return   string      `json:"ret,omitempty"`  // RET= (RFC 3461 section 4.3).
	EnvID    string      `json:"envid,omitempty"`
	DSN      []Recipient `json:"dsn,omitempty"` // Of those in To that had DSN parameters.

	RequireTLS bool `json:"requiretls,omitempty"` // RFC 8689.
}

// Recipient holds the DSN parameters of one RCPT (RFC 3461 section 4.1, 4.2).
type Recipient struct {
	To                string   `json:"to"`
	Notify            []string `json:"notify,omitempty"`
	OriginalRecipient string   `json:"orcpt,omitempty"`
}

// Peer is the evidence about who handed the message over.
type Peer struct {
	IP         string  `json:"ip"`
	Port       int     `json:"port,omitempty"`
	Helo       string  `json:"helo,omitempty"`
	Auth       string  `json:"auth,omitempty"`        // Authenticated identity.
	TLS        string  `json:"tls,omitempty"`         // E.g. "TLS 1.3 TLS_AES_128_GCM_SHA256"; empty in clear.
	ClientCert *Digest `json:"client_cert,omitempty"` // SHA-256 of the DER certificate.
	Proxy      string  `json:"proxy,omitempty"`       // The peer itself, when it is a trusted proxy that named the client in IP.

	// What a trusted peer told of its client by XFORWARD, or by XCLIENT and has
	// no field above; by name of the attribute.
	Forwarded map[string]string `json:"forwarded,omitempty"`
}

// Body is the bytes to append: *bytes.Reader and *io.SectionReader are
// bodies.
type Body interface {
	io.ReaderAt
	Size() int64
}

// Record is a record as it is read back.
type Record struct {
	Meta Meta
	Body []byte // Exact bytes. Nil for a sighting: read Meta.BodyAddress.
}

// Errors that callers branch on.
var (
	ErrNotFound    = errors.New("no such record")
	ErrFull        = errors.New("disk is full")                                 // Nothing was written; ask again later.
	ErrBroken      = errors.New("archive stopped writing after a failed write") // Until reopened.
	ErrLocked      = errors.New("data directory is in use by another process")  // Another writer.
	ErrDamaged     = errors.New("record is damaged")                            // Stored bytes and checksum differ.
	ErrGone        = errors.New("record was removed")                           // By expiry or erasure; the ledger says by whom.
	ErrNoIdentity  = errors.New("pack is encrypted and no identity here opens it")
	ErrUnconfirmed = errors.New("stored on the local disk, but the bucket has not confirmed it yet")
	ErrUnproven    = errors.New("record is not in a checkpoint yet")             // Flush makes one.
	ErrForeign     = errors.New("bucket already holds an archive; restore it")   // Empty data directory, bucket with packs.
	ErrDiverged    = errors.New("bucket holds another pack under the same name") // Two writers, or a data directory that went back in time.
)
