// Package archive keeps every record the appliance has accepted, in the order
// it was accepted, for as long as the retention policy says.
//
// Append returns only after the record would survive a power cut. Everything
// else in the appliance can be deleted and rebuilt from the packs.
package archive

import (
	"context"
	"io"
	"iter"
	"log/slog"
	"time"
)

// Config says how an archive is kept. The zero value of a field means its
// default.
type Config struct {
	Store     Store         // The bucket; required.
	PackSize  int64         // Seal an open pack at this many bytes; default 64 MiB.
	PackAge   time.Duration // Seal an open pack this long after its first record; default 5 minutes.
	LedgerAge time.Duration // The same for the ledger; default 2 seconds.
	CacheSize int64         // Bytes of uploaded packs kept on local disk; default 4 GiB.
	Reserve   int64         // Refuse to append (ErrFull) when the disk has less free; default 512 MiB.
	Log       *slog.Logger  // Default: discard.
}

// Archive is a data directory opened for reading and appending.
type Archive struct{}

// Open opens the archive in dir, creating it when it is empty or absent. It
// fails with ErrLocked when another process has it, ErrForeign when dir is
// new and the bucket is not.
func Open(ctx context.Context, dir string, c Config) (*Archive, error) { panic("not built") }

// Append stores a record and returns its metadata once it is durable. It
// fills Format, Stream, Position, Size and, when zero, SHA256. Meta.SameAs
// makes it a sighting: then body is nil, and SHA256 and Size say what was seen.
func (a *Archive) Append(ctx context.Context, s Stream, m Meta, body Body) (Meta, error) {
	panic("not built")
}

// Read returns the record at an address, its bytes checked.
func (a *Archive) Read(ctx context.Context, at Address) (Record, error) { panic("not built") }

// ReadBody returns a stream of the exact bytes of the record at an address, of the
// record that has them when it is a sighting.
func (a *Archive) ReadBody(ctx context.Context, at Address) (Meta, io.ReadCloser, error) {
	panic("not built")
}

// Scan yields the records from position from to the present end of s.
func (a *Archive) Scan(ctx context.Context, s Stream, from Position) iter.Seq2[Record, error] {
	panic("not built")
}

// Wait returns when s has a record at position p, or with the cause of ctx's
// end.
func (a *Archive) Wait(ctx context.Context, s Stream, p Position) error { panic("not built") }

// Next is the position that the next record of s will have.
func (a *Archive) Next(s Stream) Position { panic("not built") }

// Streams lists the streams that have records, in order of names.
func (a *Archive) Streams() []Stream { panic("not built") }

// Run seals, uploads and evicts packs until ctx ends. Without it everything
// that is appended is durable on local disk and waits there.
func (a *Archive) Run(ctx context.Context) error { panic("not built") }

// Flush seals what is open and returns when all of it is in the bucket.
func (a *Archive) Flush(ctx context.Context) error { panic("not built") }

// Close seals nothing and loses nothing; the next Open goes on.
func (a *Archive) Close() error { panic("not built") }

// StreamStatus says how far a stream has come.
type StreamStatus struct {
	Stream   Stream    `json:"stream"`
	Next     Position  `json:"next"`      // Records accepted.
	InBucket Position  `json:"in_bucket"` // Records below this are in the bucket.
	Last     time.Time `json:"last,omitzero"`
	Oldest   time.Time `json:"oldest_waiting,omitzero"` // When the oldest record not yet in the bucket was received.
}

// Status is a snapshot of the archive's health.
type Status struct {
	Streams   []StreamStatus `json:"streams"`
	Bucket    string         `json:"bucket"`
	Failure   string         `json:"bucket_failure,omitempty"` // Why the last upload failed; empty when it worked.
	Broken    string         `json:"broken,omitempty"`         // Why the archive stopped writing.
	Damage    []string       `json:"damage,omitempty"`         // What recovery set aside, and where.
	Local     int64          `json:"local_bytes"`              // Packs on local disk.
	Free      int64          `json:"free_bytes"`               // Free on the disk of the data directory.
	Packs     int            `json:"packs"`                    // In the bucket.
	PackBytes int64          `json:"pack_bytes"`               // In the bucket, compressed.
	BodyBytes int64          `json:"body_bytes"`               // Appended bodies, uncompressed.
}

// Status tells how the archive is.
func (a *Archive) Status() Status { panic("not built") }

// Restored is told of the progress of Restore.
type Restored struct {
	Packs, AllPacks int
	Records         int64
	Bytes, AllBytes int64 // Compressed.
}

// Restore fills the empty or half restored directory dir from a bucket, so that Open goes on
// where the bucket ends. progress may be nil.
func Restore(ctx context.Context, dir string, c Config, progress func(Restored)) error {
	panic("not built")
}
