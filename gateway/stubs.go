package gateway

import (
	"context"
	"net"

	"polytrace/archive"
)

// Server is the SMTP listener.
type Server struct{}

// New checks the configuration. known may be nil.
func New(c Config, a Archive, q Queues, known Known) (*Server, error) { panic("not built") }

// Serve takes mail on l until ctx ends; then it lets transfers that are under
// way finish for up to 10 seconds and tells idle clients 421.
func (s *Server) Serve(ctx context.Context, l net.Listener) error { panic("not built") }

// Status tells how the gateway is.
func (s *Server) Status() Status { panic("not built") }

// Found is a message that an import came upon.
type Found struct {
	Path   string       // File as it was named or found below a folder that was named.
	Offset int64        // Of the message in the file: of an mbox, behind its From_ line.
	Body   archive.Body // Valid until the next one is asked for.
}

// Outcome of one message of an import.
type Outcome string

// The outcomes.
const (
	Added   Outcome = "added"   // New bytes.
	Sighted Outcome = "sighted" // Known bytes, new in this mailbox.
	Skipped Outcome = "skipped" // Imported into this mailbox before.
)

// Importer puts messages of mailboxes into the archive, each once for a mailbox.
type Importer struct{}

// NewImporter: seen lists how often and by which way the bytes came before.
func NewImporter(a Archive, seen func(archive.Digest) ([]Arrival, error)) *Importer {
	panic("not built")
}

// Arrival is one way known bytes came by.
type Arrival struct {
	Address archive.Address
	Source  archive.Source
}

// Take stores one message. src.Mailbox and src.Import are set.
func (i *Importer) Take(ctx context.Context, src archive.Source, body archive.Body) (archive.Meta, Outcome, error) {
	panic("not built")
}
