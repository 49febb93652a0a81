package index

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/cockroachdb/pebble/v2"

	"polytrace/archive"
)

// A sweep goes through all postings once and takes documents out of them that
// have no rows any more. Which words a document had stands nowhere else, and so none
// is missed. It is done in steps between the records that come in, by the same
// goroutine, so that nothing is merged into a chunk between its reading and its writing.
// What is removed meanwhile waits for the next sweep. The terms of people come last: those go
// that have no postings any more.
//
//	'!sweep' -> the documents, a roaring bitmap
//	'!swept' -> the first key that was not looked at
//	'!purge' -> position(8) behind the last erasure, until the files were written anew
type sweep struct {
	docs *roaring.Bitmap
	next []byte
}

var (
	sweepKey = []byte{famProperties, 's', 'w', 'e', 'e', 'p'}
	sweptKey = []byte{famProperties, 's', 'w', 'e', 'p', 't'}
	purgeKey = []byte{famProperties, 'p', 'u', 'r', 'g', 'e'}

	sweepEnd = []byte{famTerm + 1}
)

// sweepBytes is about how much of postings a step of a sweep reads at most.
const sweepBytes = 4 << 20

// untidy reports whether something of removed records is left to delete.
func (s *state) untidy() bool {
	return len(s.pending) > 0 || !s.retired.IsEmpty() || s.sweep != nil
}

// sweepsLater reports whether all that there is to sweep are documents that were read
// again: they are swept together when that is done.
func (s *state) sweepsLater() bool {
	return s.pass != nil && s.purge == 0 && len(s.pending) == 0 && s.sweep == nil && s.retired.GetCardinality() < 1<<14
}

// tidy makes the batch of the next step of deleting what was removed.
func tidy(db *pebble.DB, old *state, m *memory) (*pebble.Batch, *state, error) {
	a := newApplier(db, old, m)
	var err error
	switch {
	case a.sweep != nil:
		err = a.sweepStep()
	case len(a.pending) > 0:
		_, err = a.cleanUp(max(a.steps.rows, 1))
	case !a.retired.IsEmpty():
		err = a.beginSweep()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("delete what was removed: %w", err)
	}
	return a.finish()
}

func (a *applier) beginSweep() error {
	a.sweep = &sweep{a.retired, []byte{famPostings}}
	a.retired, a.order = roaring.New(), a.order.without(a.sweep.docs)
	a.ownedSets = false
	return a.writeSweep()
}

func (a *applier) writeSweep() error {
	raw, err := a.sweep.docs.ToBytes()
	if err != nil {
		return err
	}
	a.write(sweepKey, raw)
	a.write(sweptKey, a.sweep.next)
	return nil
}

// sweepStep takes the documents out of the next chunks.
func (a *applier) sweepStep() (err error) {
	if bytes.Compare(a.sweep.next, sweepEnd) >= 0 {
		return a.endSweep()
	}
	if a.sweep.next[0] == famTerm {
		return a.sweepTerms()
	}
	it, err := a.db.NewIter(&pebble.IterOptions{LowerBound: a.sweep.next, UpperBound: []byte{famTerm}})
	if err != nil {
		return err
	}
	next, keys, size := []byte{famTerm}, 0, 0
	for ok := it.First(); ok && err == nil; ok = it.Next() {
		if keys++; keys > a.steps.keys || size > sweepBytes {
			next = bytes.Clone(it.Key())
			break
		}
		if !a.sweep.touches(keyChunk(it.Key())) {
			continue
		}
		var value []byte
		if value, err = it.ValueAndErr(); err == nil {
			size += len(value)
			err = a.sweepChunk(it.Key(), value)
		}
	}
	a.swept(next)
	return errors.Join(err, it.Error(), it.Close())
}

func (a *applier) swept(next []byte) {
	a.sweep = &sweep{a.sweep.docs, next}
	a.write(sweptKey, next)
}

// sweepTerms deletes those of the next terms of people that no document has any more. What the
// sweep took out of the postings before is applied.
func (a *applier) sweepTerms() error {
	it, err := a.db.NewIter(&pebble.IterOptions{LowerBound: a.sweep.next, UpperBound: sweepEnd})
	if err != nil {
		return err
	}
	walk, err := walkPostings(a.db, fieldParticipant)
	if err != nil {
		return errors.Join(err, it.Close())
	}
	next, keys := sweepEnd, 0
	for ok := it.First(); ok; ok = it.Next() {
		if keys++; keys > a.steps.keys {
			next = bytes.Clone(it.Key())
			break
		}
		if !walk.find(it.Key()[1:]) {
			mustBatch(a.batch.Delete(it.Key(), nil))
		}
	}
	a.swept(next)
	return errors.Join(it.Error(), it.Close(), walk.it.Error(), walk.it.Close())
}

// touches reports whether a document of a chunk is swept.
func (s *sweep) touches(chunk int) bool {
	it := s.docs.Iterator()
	it.AdvanceIfNeeded(docID(chunk) << chunkBits)
	return it.HasNext() && int(it.PeekNext()>>chunkBits) == chunk
}

func (a *applier) sweepChunk(key, value []byte) error {
	base := docID(keyChunk(key)) << chunkBits
	keep := func(low uint16) bool { return !a.sweep.docs.Contains(base | docID(low)) }
	less := lessPostings
	if key[0] == famPositions {
		less = lessPositions
	}
	left, changed, err := less(value, keep)
	switch {
	case err != nil || !changed:
		return err
	case left == nil:
		return a.batch.Delete(key, nil)
	}
	return a.batch.Set(key, left, nil)
}

// endSweep notes that the words of its documents are gone. A crash before it repeats the sweep's end.
func (a *applier) endSweep() error {
	done := roaring.New()
	for it := a.sweep.docs.Iterator(); it.HasNext() && done.GetCardinality() < uint64(a.steps.keys); {
		doc := it.Next()
		done.Add(doc)
		a.write(docKey(famNumbers, doc), []byte{numbersSwept})
	}
	if err := a.forgetMatches(done); err != nil {
		return err
	}
	rest := roaring.AndNot(a.sweep.docs, done)
	if !rest.IsEmpty() {
		a.sweep = &sweep{rest, a.sweep.next}
		return a.writeSweep()
	}
	a.sweep = nil
	mustBatch(a.batch.Delete(sweepKey, nil))
	mustBatch(a.batch.Delete(sweptKey, nil))
	return nil
}

// loadSweep reads how far a sweep was.
func (x *Index) loadSweep(s *state) error {
	raw, err := getCopy(x.db, sweepKey)
	if err != nil {
		return err
	}
	purge, err := getCopy(x.db, purgeKey)
	if err != nil {
		return err
	}
	if len(purge) == 8 {
		s.purge = archive.Position(binary.BigEndian.Uint64(purge))
	}
	if raw == nil {
		return nil
	}
	next, err := getCopy(x.db, sweptKey)
	if err != nil {
		return err
	}
	s.sweep = &sweep{roaring.New(), next}
	if s.sweep.docs.UnmarshalBinary(raw) != nil || len(next) == 0 {
		return errCorrupt
	}
	s.retired.AndNot(s.sweep.docs)
	return nil
}

// purged makes the batch that says that nothing before an erasure is left in the files.
func purged(before archive.Position) change {
	return func(db *pebble.DB, old *state, m *memory) (*pebble.Batch, *state, error) {
		a := newApplier(db, old, m)
		if a.purge == before { // No other came meanwhile.
			a.purge = 0
			mustBatch(a.batch.Delete(purgeKey, nil))
		}
		return a.finish()
	}
}

// rewrite has the database write all files anew that have something older than
// its newest versions, so that those are on the disk no more.
func (x *Index) rewrite(ctx context.Context) error {
	d, _, err := x.hold()
	if err != nil {
		return err
	}
	defer d.use.RUnlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(x.life, cancel)()
	return guarded(func() error { return d.db.Compact(ctx, []byte{0}, []byte{0xff}, true) })
}

// cleaner deletes files at once. Pebble would keep old logs to write over them, and with
// them what was erased; that it asks whether a cleaner needs what is in a file is
// the only way to say no. The index never waits for its log, so it loses nothing.
type cleaner struct {
	pebble.DeleteCleaner
	needsContents
}

// needsContents has, one level below DeleteCleaner's methods, the one that is asked for.
type needsContents struct{ pebble.ArchiveCleaner }
