// Package webui serves the pages, the JSON API and the share links.
//
// It reads from the index and the archive and changes nothing but through a
// command to the casework desk. Which route needs what right stands in
// routes.go, and nowhere else.
package webui

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/index"
)

// Archive is what the pages need of the archive.
type Archive interface {
	Read(context.Context, archive.Address) (archive.Record, error)
	ReadBody(context.Context, archive.Address) (archive.Meta, io.ReadCloser, error)
	Status() archive.Status
}

// Config connects the pages to the rest of the appliance.
type Config struct {
	Archive Archive
	Desk    *casework.Desk
	Index   *index.Index

	// Intake tells how the gateway is; the value is shown as JSON. Nil when no gateway runs.
	Intake func() Intake
	// Import takes one message of a mailbox in.
	Import func(ctx context.Context, src archive.Source, body archive.Body) (archive.Meta, string, error)

	PublicURL  string // Without a slash at the end; links in mail and shares begin with it.
	MailDomain string // Domain of the queues' addresses.
	SMTPListen string // Where the gateway listens, for set-up instructions.
	SessionKey []byte // 32 bytes that sign the session cookies.
	SetupToken string // Opens /setup/TOKEN while there is no user.
	Version    string
	Company    string // Shown to guests; default "Polytrace".
	Now        func() time.Time
	Log        *slog.Logger
}

// Intake is what the status page shows of the gateway.
type Intake struct {
	Listening                   string
	Sessions                    int
	Accepted, Deferred, Refused int64
	LastRefused                 *RefusedAttempt
	Queues                      map[string]QueueIntake // by name
}

// RefusedAttempt is the last attempt that was not let in.
type RefusedAttempt struct {
	At               time.Time
	Peer, To, Reason string
}

// QueueIntake says when a queue last took mail.
type QueueIntake struct {
	Accepted int64
	Last     time.Time
}

// caller is who makes a request.
type caller struct {
	actor string          // As in casework.Event.Actor.
	name  string          // For people.
	roles []casework.Role // What it may do; none for a guest.
}

func (c caller) reads() bool { return c.has(casework.Role.Reads) }
func (c caller) works() bool { return c.has(casework.Role.Works) }
func (c caller) admin() bool { return c.has(func(r casework.Role) bool { return r == casework.Admin }) }

func (c caller) has(may func(casework.Role) bool) bool {
	for _, r := range c.roles {
		if may(r) {
			return true
		}
	}
	return false
}

var _ = http.MethodGet
