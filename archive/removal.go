package archive

import (
	"context"
	"errors"
	"time"
)

// Removal is a run of records that a decision removes: by expiry or erasure.
// The decision is a record of the ledger whose JSON has it among data.removes.
type Removal struct {
	Stream  Stream   `json:"stream"`
	First   Position `json:"first"`
	Records int      `json:"records"`
}

// Holds reports whether the removal takes away a record.
func (r Removal) Holds(at Address) bool {
	return at.Stream == r.Stream && at.Position >= r.First && at.Position-r.First < Position(r.Records)
}

// PackInfo describes a pack.
type PackInfo struct {
	Stream  Stream    `json:"stream"`
	First   Position  `json:"first"`
	Records int       `json:"records"`
	Bytes   int64     `json:"bytes"`  // Of bodies.
	Size    int64     `json:"size"`   // Of the sealed pack; 0 while it is open.
	Oldest  time.Time `json:"oldest"` // When the first record was received.
	Newest  time.Time `json:"newest"` // When the last record was received.
	Stored  bool      `json:"stored"` // It is in the bucket.
	Gone    bool      `json:"gone"`   // All its records were removed.
}

// Packs lists the packs of a stream in order of positions.
func (a *Archive) Packs(name Stream) []PackInfo { return nil }

// Remove carries out a decision that is in the ledger at order: from packs
// that keep other records too the bodies and metadata of the removed ones are
// taken by writing the pack anew, packs with nothing left are deleted. It is
// idempotent, and returns when readers get ErrGone. An object that is locked
// stays until its lock ends; Status tells.
//
// ErrRetained: Config.Held says that one of the records is under hold; nothing was removed.
func (a *Archive) Remove(ctx context.Context, order Address, what []Removal) error {
	return errors.New("not yet")
}
