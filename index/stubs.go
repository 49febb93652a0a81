package index

import (
	"context"
	"time"

	"polytrace/archive"
)

// Index is an opened index.
type Index struct{}

// Open opens the index in c.Dir, building it anew when its format is not
// the present one. It answers from what it has; Run makes it follow.
func Open(a Archive, c Config) (*Index, error) { panic("not built") }

// Run follows all streams of the archive until ctx ends.
func (x *Index) Run(ctx context.Context) error { panic("not built") }

// WaitFor returns when the record at an address is applied.
func (x *Index) WaitFor(ctx context.Context, at archive.Address) error { panic("not built") }

// Search answers a question; a *SyntaxError when it cannot be read.
func (x *Index) Search(ctx context.Context, r Request) (*Results, error) { panic("not built") }

// Document returns what is known of the record at an address; of the one with the
// bytes when it is a sighting. archive.ErrNotFound when it is not indexed.
func (x *Index) Document(ctx context.Context, at archive.Address) (*Document, error) {
	panic("not built")
}

// Thread returns a conversation by its ID, or by an older ID of a part of it.
func (x *Index) Thread(ctx context.Context, id string) (*Thread, error) { panic("not built") }

// Known lists the arrivals of a body, oldest first; none when it is new.
func (x *Index) Known(sha256 archive.Digest) ([]Sighting, error) { panic("not built") }

// Volume counts records received by UTC day, oldest first, without gaps.
func (x *Index) Volume(ctx context.Context, since time.Time) ([]Bucket, error) { panic("not built") }

// Status tells how far the index is.
func (x *Index) Status() Status { panic("not built") }

// Close ends it. The next Open goes on from the watermark.
func (x *Index) Close() error { panic("not built") }
