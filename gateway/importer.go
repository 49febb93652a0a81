package gateway

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"polytrace/archive"
)

// Outcome of one message of an import.
type Outcome string

// The outcomes.
const (
	Added   Outcome = "added"   // New bytes.
	Sighted Outcome = "sighted" // Known bytes, new in this mailbox.
	Skipped Outcome = "skipped" // Imported into this mailbox before.
)

// Arrival is one way known bytes came by.
type Arrival struct {
	Address archive.Address
	Source  archive.Source
}

// Importer puts messages of mailboxes into the archive, each once for a
// mailbox, however often it is asked to. It is safe for concurrent use.
type Importer struct {
	archive Archive
	seen    func(archive.Digest) ([]Arrival, error)
	now     func() time.Time

	mu    sync.Mutex
	taken map[importKey]archive.Meta       // By this importer; guarded by mu.
	busy  map[archive.Digest]chan struct{} // Being taken; closed when done; guarded by mu.
}

type importKey struct {
	sum     archive.Digest
	mailbox string
}

// NewImporter makes an importer. seen lists how the bytes came before, oldest
// first; the address of the first is where they are.
func NewImporter(a Archive, seen func(archive.Digest) ([]Arrival, error), now func() time.Time) *Importer {
	return &Importer{archive: a, seen: seen, now: now, taken: map[importKey]archive.Meta{}, busy: map[archive.Digest]chan struct{}{}}
}

// Take stores one message and returns where it is. src.Mailbox and src.Import
// have to be set.
func (i *Importer) Take(ctx context.Context, src archive.Source, body archive.Body) (archive.Meta, Outcome, error) {
	if src.Mailbox == "" || src.Import == "" {
		return archive.Meta{}, "", errors.New("import message: it needs a mailbox and the name of an import")
	}
	sum, err := digestOf(body)
	if err != nil {
		return archive.Meta{}, "", err
	}
	if err := i.begin(ctx, sum); err != nil {
		return archive.Meta{}, "", err
	}
	defer i.end(sum)
	m, outcome, err := i.take(ctx, src, sum, body)
	if err != nil {
		return archive.Meta{}, "", fmt.Errorf("import message: %w", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.taken[importKey{sum, src.Mailbox}] = m
	i.taken[importKey{sum, ""}] = m
	return m, outcome, nil
}

// begin waits until nobody else takes the same bytes.
func (i *Importer) begin(ctx context.Context, sum archive.Digest) error {
	for {
		i.mu.Lock()
		other, busy := i.busy[sum]
		if !busy {
			i.busy[sum] = make(chan struct{})
			i.mu.Unlock()
			return nil
		}
		i.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (i *Importer) end(sum archive.Digest) {
	i.mu.Lock()
	defer i.mu.Unlock()
	close(i.busy[sum])
	delete(i.busy, sum)
}

func (i *Importer) take(ctx context.Context, src archive.Source, sum archive.Digest, body archive.Body) (archive.Meta, Outcome, error) {
	first, again, err := i.find(sum, src.Mailbox)
	if err != nil || again {
		return first, Skipped, err
	}
	m := archive.Meta{Kind: archive.KindMessage, Received: i.now().UTC(), SHA256: sum, Size: body.Size(), Source: src}
	if at := first.BodyAddress(); !first.SHA256.IsZero() && at.Stream == archive.Mail {
		again := m
		again.SameAs = &at
		again, err = i.archive.Append(ctx, archive.Mail, again, nil)
		if !errors.Is(err, archive.ErrGone) {
			return again, Sighted, err
		}
	}
	m, err = i.archive.Append(ctx, archive.Mail, m, body)
	return m, Added, err
}

// find looks for the bytes: among those that this importer took, which the
// index may not know yet, then where all are known.
func (i *Importer) find(sum archive.Digest, mailbox string) (first archive.Meta, again bool, err error) {
	i.mu.Lock()
	m, again := i.taken[importKey{sum, mailbox}]
	other, known := i.taken[importKey{sum, ""}]
	i.mu.Unlock()
	if again {
		return m, true, nil
	}
	arrivals, err := i.seen(sum)
	if err != nil {
		return first, false, err
	}
	for n, a := range arrivals {
		found := archive.Meta{Stream: a.Address.Stream, Position: a.Address.Position, SHA256: sum, Source: a.Source}
		if a.Source.Import != "" && a.Source.Mailbox == mailbox {
			return found, true, nil
		}
		if n == 0 {
			first, known = found, false
		}
	}
	if known {
		first = other
	}
	return first, false, nil
}

func digestOf(body archive.Body) (archive.Digest, error) {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(body, 0, body.Size())); err != nil {
		return archive.Digest{}, fmt.Errorf("import message: read it: %w", err)
	}
	return archive.Digest(h.Sum(nil)), nil
}
