// Package webui serves the pages, the JSON API and the share links.
//
// It reads from the index and the archive and changes nothing but through a
// command to the casework desk. What it shows of mail to somebody inside is in
// the audit log before: what cannot be noted is not shown. Which route needs
// what right and is noted how stands in routes.go and api.go, and nowhere else.
package webui

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
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
	Streams() []archive.Stream
	Next(archive.Stream) archive.Position
	Packs(archive.Stream) []archive.PackInfo
	Notary
	ProveConsistency(archive.Stream, archive.Position) (archive.Consistency, error)
	Examine(context.Context) (archive.Drift, error)
	Mend(context.Context) (mended []string, left archive.Drift, err error)
}

// Config connects the pages to the rest of the appliance.
type Config struct {
	Archive Archive
	Desk    *casework.Desk
	Audit   *casework.Audit // Notes who reads what, before it is shown.
	Index   *index.Index

	// Intake tells how the gateway is; the value is shown as JSON. Nil when no gateway runs.
	Intake func() Intake
	// Import takes one message of a mailbox in.
	Import func(ctx context.Context, src archive.Source, body archive.Body) (archive.Meta, string, error)
	// Upload keeps a file, or notes that its bytes came again when they are nil. Nil where no files are taken.
	Upload func(context.Context, archive.Meta, archive.Body) (archive.Meta, error)

	// ReadFile gives the text of an attached file. Nil: extracts do not look into files.
	ReadFile func(ctx context.Context, name, mediaType string, content []byte) ([]FileText, error)

	// Verify reads everything back and compares it with its checksums.
	Verify func(ctx context.Context, progress func(archive.Verified)) (archive.Verified, error)

	// Keeper carries decisions about retention out. Nil when none runs: they wait for the server.
	Keeper *casework.Keeper
	// ProveLock finds out whether the bucket keeps what is locked. Nil: it does not.
	ProveLock func(context.Context, archive.LockMode) error

	// Notify is how alerts leave the appliance; by default none does.
	Notify Notify

	PublicURL  string // Without a slash at the end; links in mail and shares begin with it.
	MailDomain string // Domain of the queues' addresses.
	SMTPListen string // Where the gateway listens, for set-up instructions.
	SMTPTLS    string // Where it speaks TLS from the first byte; "" when nowhere.
	MailHost   string // Name under which mail servers reach the gateway; default: the host of SMTPListen.
	SessionKey []byte // 32 bytes that sign the session cookies.
	SetupToken string // Opens /setup/TOKEN while there is no user.
	Version    string
	Company    string // Shown to guests; default "Polytrace".
	Now        func() time.Time
	Log        *slog.Logger // Default: discard.
}

// Server serves people and programs.
type Server struct {
	config  Config
	doors   doors
	pages   pages
	names   naming
	traits  traits
	like    likenesses
	works   works
	sayings sayings
	post    *post
	handler http.Handler
	local   http.Handler

	presence presence
}

// New checks the configuration.
func New(c Config) (*Server, error) {
	switch {
	case c.Archive == nil || c.Desk == nil || c.Audit == nil || c.Index == nil || c.Now == nil:
		return nil, errors.New("set up web interface: archive, desk, audit log, index and clock are required")
	case len(c.SessionKey) != sha256.Size:
		return nil, fmt.Errorf("set up web interface: the session key has %d bytes, not %d", len(c.SessionKey), sha256.Size)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Company = cmp.Or(c.Company, "Polytrace")
	c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	pages, err := loadPages(c.Now)
	if err != nil {
		return nil, fmt.Errorf("set up web interface: %w", err)
	}
	s := &Server{config: c, pages: pages, doors: newDoors(c), post: newPost()}
	api := s.apiHandler()
	s.handler = s.mount(api)
	s.local = withRights(api)
	return s, nil
}

// Handler serves pages, API and shares to the network; every request needs
// credentials of its own.
func (s *Server) Handler() http.Handler { return s.handler }

// Local serves the API to those who may open the socket in the data
// directory or the data directory itself: they have every right.
func (s *Server) Local() http.Handler { return s.local }

// Intake is what the status page shows of the gateway.
type Intake struct {
	Listening   string          `json:"listening"`
	Sessions    int             `json:"sessions"`
	Accepted    int64           `json:"accepted"` // Since start, like the next two.
	Deferred    int64           `json:"deferred"`
	Refused     int64           `json:"refused"`
	LastRefused *RefusedAttempt `json:"last_refused,omitempty"`
	Certificate time.Time       `json:"certificate_ends,omitzero"` // When that for STARTTLS ends.

	CertificateBegins  time.Time `json:"certificate_begins,omitzero"`
	CertificateFailure string    `json:"certificate_failure,omitempty"` // Why a CA did not issue the next one, and what to do.

	InBucket bool                   `json:"acknowledged_in_bucket"` // Mail is acknowledged when the bucket has it.
	Queues   map[string]QueueIntake `json:"queues"`                 // by name
	Evidence *Examination           `json:"evidence,omitempty"`     // Nil where signatures are not checked.

	// Lately are the last attempts that were not let in, oldest first. They are
	// for who sets mail servers up, not for everybody who sees the status.
	Lately []RefusedAttempt `json:"-"`
}

// Examination is how far the signatures of mail are checked.
type Examination struct {
	Behind   int64  `json:"behind"`            // Records that are not checked yet.
	Examined int64  `json:"examined"`          // Messages since start.
	Failure  string `json:"failure,omitempty"` // What holds it up.
}

// BucketFailure is why the bucket takes no packs, and what that means for
// mail. The archive says of each stream that packs wait, and does not know who
// waits with them.
func BucketFailure(why string, in *Intake) string {
	why = packsWait.Replace(why)
	if in != nil && in.InBucket {
		return why + "; mail servers keep their mail until the bucket has it"
	}
	return why + "; mail waits on the local disk"
}

var packsWait = strings.NewReplacer(", packs wait on local disk", "", ". Mail is still taken and waits on local disk", "")

// CertificateNotice is how long before its end a certificate is a problem; with
// one that lives shorter than 12 weeks, a sixth of its life.
const CertificateNotice = 14 * 24 * time.Hour

// EndsSoon reports whether the certificate has to be renewed by now: mail servers
// that verify it deliver nothing once it has ended.
func (i *Intake) EndsSoon(now time.Time) bool {
	notice := CertificateNotice
	if life := i.Certificate.Sub(i.CertificateBegins); !i.CertificateBegins.IsZero() {
		notice = min(notice, life/6)
	}
	return !i.Certificate.IsZero() && i.Certificate.Sub(now) < notice
}

// RefusedAttempt is an attempt that was not let in.
type RefusedAttempt struct {
	At     time.Time `json:"at"`
	Peer   string    `json:"peer"`
	To     string    `json:"to,omitempty" doc:"Recipients, with blanks between; absent where it came to none."`
	Reason string    `json:"reason" doc:"In plain words, with what to do."`
}

// QueueIntake says when a queue last took mail.
type QueueIntake struct {
	Accepted int64         `json:"accepted"` // Since start.
	Last     time.Time     `json:"last,omitzero"`
	Usual    time.Duration `json:"usual_silence,omitzero"` // Longest silence of the last four weeks, in nanoseconds; 0 while too little is known.
	Silent   bool          `json:"silent"`                 // Longer than the queue says, or than is usual.
	Relay    *QueueRelay   `json:"relay,omitempty"`        // Nil when its mail is not handed on.
}

// QueueRelay says how the mail of a queue is handed on.
type QueueRelay struct {
	Hop     string    `json:"hop,omitempty"`
	Waiting int       `json:"waiting"`
	Oldest  time.Time `json:"oldest,omitzero"` // Of those that wait.
	Failed  int64     `json:"failed"`          // Recipients since start.
	Failure string    `json:"failure,omitempty"`
}
