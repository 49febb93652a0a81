// Package gateway takes mail in: over SMTP from mail servers that send a copy
// of everything, and from mailboxes that are imported. Nothing is lost once
// it was acknowledged.
//
// Raw bytes go to the archive first. What they mean is found out later by
// those who follow the archive; the gateway never imports them.
package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"polytrace/archive"
	"polytrace/burst"
)

// Archive is what the gateway needs of the archive.
type Archive interface {
	Append(context.Context, archive.Stream, archive.Meta, archive.Body) (archive.Meta, error)
}

// Queue is an address that mail servers send to.
type Queue struct {
	Name    string
	Format  string         // How its mail is to be read, kept with each record.
	Class   archive.Stream // Stream its mail goes to.
	Sources []netip.Prefix // Peers it takes mail from.

	Logins       []string // Names that may send after AUTH, from anywhere.
	Certificates []string // Clients that may send, from anywhere: "sha256:" and the hexadecimal SHA-256 of the public key, or a DNS name in a certificate that one of Authorities signed.
	Tenants      []string // Microsoft 365 organisations, domain or GUID, one of which the message has to name; empty: not looked at.
	TLS          bool     // Takes mail in TLS sessions only.
}

// Queues finds the queue of a recipient by the local part of its address, without what follows
// a '+'. Upper and lower case are the same.
type Queues func(local string) (Queue, bool)

// Known finds a record that has the same bytes, where someone can tell. The
// gateway asks for what it has not seen recently itself.
type Known func(archive.Digest) (archive.Address, bool)

// Config says how mail is taken in.
type Config struct {
	Hostname    string                // In banner and EHLO; default: the machine's name.
	TLS         *tls.Config           // For STARTTLS and implicit TLS, 1.2 or newer; required.
	MaxMessage  int64                 // Bytes; default 256 MiB. Announced as SIZE.
	Idle        time.Duration         // Hang up on a silent client; default 5 minutes (RFC 5321 section 4.5.3.2).
	Transfer    time.Duration         // Longest time for one message; default 1 hour.
	MaxSessions int                   // Sessions at once; default 512. More are answered 421.
	Sources     func(netip.Addr) bool // Whether some queue takes mail from there; the limits below are for others. Default: everybody is one.
	PerNetwork  int                   // Sessions at once of one network (IPv4 /24, IPv6 /48); default 8.
	PerMinute   int                   // New sessions of one network in a minute; default 30.
	Visit       time.Duration         // Longest session of one that is no source; default 10 minutes.
	Room        func() int64          // Bytes that the archive has room for; asked at each MAIL. Default: it has room.
	Spool       string                // Directory for bodies over 1 MiB while they come in; required, emptied at start.
	Meter       *burst.Meter          // Told what is taken; may be nil.
	Arrivals    string                // File in which it is kept when mail comes; default: it is learned anew after each start.
	Proxies     []netip.Prefix        // Peers that name the client with the PROXY protocol, and must; default: none.
	XClient     []netip.Prefix        // Peers that may name their client with XCLIENT and XFORWARD; default: none.
	Logins      Logins                // Who may authenticate; default: nobody.
	Authorities *x509.CertPool        // Of client certificates that queues name; default: those of the system.
	Log         *slog.Logger          // Default: discard.
	Metrics     prometheus.Registerer // May be nil.
}

// Refused describes an attempt that was not let in, for the person who sets
// the mail server up.
type Refused struct {
	At     time.Time `json:"at"`
	Peer   string    `json:"peer"`
	To     string    `json:"to,omitempty"` // Recipients, with blanks between; "" where it came to none.
	Reason string    `json:"reason"`       // In plain words, with what to do.
}

// QueueStatus says when a queue last took mail.
type QueueStatus struct {
	Queue    string   `json:"queue"`
	Accepted int64    `json:"accepted"` // Since start.
	Arrivals Arrivals `json:"arrivals"`
}

// Status tells how the gateway is.
type Status struct {
	Sessions int           `json:"sessions"`
	Accepted int64         `json:"accepted"`       // Messages answered with 250 since start.
	Deferred int64         `json:"deferred"`       // Answered with 4xx.
	Refused  int64         `json:"refused"`        // Answered with 5xx.
	Loops    int64         `json:"loops"`          // Accepted ones that go round in a circle.
	Lately   []Refused     `json:"refused_lately"` // Attempts that were not let in, the last 20, oldest first.
	Queues   []QueueStatus `json:"queues"`
}
