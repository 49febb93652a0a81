package index

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/cockroachdb/pebble/v2"

	"polytrace/archive"
)

// What a decision removes is gone for all who ask from the batch on that has the
// decision. That batch notes the runs, takes their records out of all counts and
// marks the documents that any of them belongs to as dead; it reads a few
// bytes of each record. Deleting their rows is left to following batches when there
// are more than a step takes, and their words to a sweep (sweep.go).
//
// A document with a removed arrival is deleted as a whole, other copies and all, since its words and
// its summary may be of that arrival. The arrivals that stay are queued to be read again
// from the archive and make a new document. So the index ends with what it would
// have if the removed records had never been there, whichever way it learns of it.
//
// A sighting of a removed record counts as removed too: its bytes were what the
// decision is about, and who got them when is of no use without them.
//
// A record that is no part of a document has a row of its own, so that what it
// adds to the counts can be taken away again:
//
//	'x' stream 0x00 position(8) -> why(1) received(8, Unix milliseconds, 0 unknown) [stream/position of the bytes of a lost sighting]
const (
	apartDamaged = 1 // The archive could not give its bytes.
	apartOther   = 2 // Of a kind that is not searched.
	apartLost    = 3 // A sighting whose bytes were removed.
)

// remove carries out a decision, or what the archive says is gone.
func (a *applier) remove(c cause, ledger archive.Position, all []archive.Removal) error {
	streams := map[archive.Stream]bool{}
	for _, r := range all {
		streams[r.Stream] = true
	}
	for _, s := range slices.Sorted(maps.Keys(streams)) {
		for _, run := range a.paint(s, runsOf(all, s, c, ledger)) {
			if err := a.exclude(span{s, run.first, run.last}); err != nil {
				return err
			}
		}
	}
	for budget := a.steps.rows; budget > 0 && len(a.pending) > 0; {
		n, err := a.cleanUp(budget)
		if err != nil {
			return err
		}
		budget -= max(n, 1)
	}
	return nil
}

// carryOut applies a decision that removes records.
func (a *applier) carryOut(at archive.Position, o *order) error {
	raw, err := json.Marshal(o.decision)
	if err != nil {
		return fmt.Errorf("marshal decision: %w", err)
	}
	a.write(decisionKey(at), raw)
	if o.cause == erased {
		a.purge = at + 1
		a.write(purgeKey, binary.BigEndian.AppendUint64(nil, uint64(a.purge)))
	}
	return a.remove(o.cause, at, o.runs)
}

func decisionKey(at archive.Position) []byte {
	return binary.BigEndian.AppendUint64([]byte{famDecision}, uint64(at))
}

// paint notes removed runs and returns those that are new.
func (a *applier) paint(s archive.Stream, runs []removedRun) (fresh []removedRun) {
	old := a.removed[s]
	n := len(old)
	a.removed = maps.Clone(a.removed)
	if n > 0 && len(runs) > 0 && old[n-1].last+1 < runs[0].first { // Mostly the archive says it in order.
		a.removed[s], fresh = append(old, runs...), runs
	} else {
		a.removed[s], fresh = painted(old, runs)
	}
	a.writeRuns(s, old, a.removed[s])
	return fresh
}

// writeRuns writes how the runs of a stream changed.
func (a *applier) writeRuns(s archive.Stream, old, now []removedRun) {
	key := func(r removedRun) []byte { return recordKey(famRemoved, archive.Address{Stream: s, Position: r.first}) }
	for len(old) > 0 || len(now) > 0 {
		switch {
		case len(now) == 0 || len(old) > 0 && old[0].first < now[0].first:
			mustBatch(a.batch.Delete(key(old[0]), nil))
			old = old[1:]
		case len(old) == 0 || old[0] != now[0]:
			a.write(key(now[0]), now[0].encode())
			if len(old) > 0 && old[0].first == now[0].first {
				old = old[1:]
			}
			now = now[1:]
		default:
			old, now = old[1:], now[1:]
		}
	}
}

// exclude takes the records of a span out of the counts and hides their documents.
func (a *applier) exclude(sp span) error {
	a.pending = append(slices.Clip(a.pending), sp)
	a.write(sp.key(famPending, sp.first), binary.BigEndian.AppendUint64(nil, uint64(sp.last)))
	a.forgetFindings(sp)
	return errors.Join(
		eachOf(a.db, famAddress, sp, func(_ archive.Address, value []byte) error {
			if len(value) != 8 {
				return errCorrupt
			}
			a.onDay(int32(binary.BigEndian.Uint32(value[4:])), -1)
			a.kill(binary.BigEndian.Uint32(value))
			return nil
		}),
		eachOf(a.db, famTarget, sp, func(_ archive.Address, value []byte) error {
			if len(value) != 4 {
				return errCorrupt
			}
			a.kill(binary.BigEndian.Uint32(value))
			return nil
		}),
		eachOf(a.db, famApart, sp, a.forgetApart),
		eachOf(a.db, famQueued, sp, func(at archive.Address, value []byte) error { return a.unqueue(at, value) }))
}

func (sp span) key(family byte, p archive.Position) []byte {
	return recordKey(family, archive.Address{Stream: sp.stream, Position: p})
}

// eachOf calls do with the rows of a family that are of records in a span.
func eachOf(r pebble.Reader, family byte, sp span, do func(at archive.Address, value []byte) error) error {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: sp.key(family, sp.first), UpperBound: append(sp.key(family, sp.last), 0)})
	if err != nil {
		return err
	}
	for ok := it.First(); ok && err == nil; ok = it.Next() {
		var at archive.Address
		var value []byte
		if value, err = it.ValueAndErr(); err == nil {
			at, err = keyAddress(it.Key())
		}
		if err == nil {
			err = do(at, value)
		}
	}
	return errors.Join(err, it.Error(), it.Close())
}

// kill hides a document for good.
func (a *applier) kill(doc docID) {
	if a.dead.Contains(doc) {
		return
	}
	a.ownSets()
	a.dead.Add(doc)
	if f, ok := a.fragments[doc]; ok {
		a.torn[f.Of] = true
	}
	if a.hidden.CheckedAdd(doc) {
		a.counts.Documents--
		a.forgetReader(doc)
		a.unsearchable(reasons[a.why[doc]], -1)
	}
}

// ownSets copies the sets of documents that other views see too, once for each batch.
func (a *applier) ownSets() {
	if a.ownedSets {
		return
	}
	a.ownedSets = true
	a.hidden, a.dead, a.retired = a.hidden.Clone(), a.dead.Clone(), a.retired.Clone()
}

// apart notes a record that is no part of a document.
func (a *applier) apart(why byte, m archive.Meta) {
	value := binary.BigEndian.AppendUint64([]byte{why}, uint64(millis(m)))
	if why == apartLost {
		value = append(value, m.SameAs.String()...)
		a.counts.Lost++
	}
	a.write(recordKey(famApart, m.Address()), value)
}

// millis is when a record was received, 0 when that is not known.
func millis(m archive.Meta) int64 {
	if m.Received.IsZero() {
		return 0
	}
	return m.Received.UnixMilli()
}

func (a *applier) forgetApart(at archive.Address, value []byte) error {
	if len(value) < 9 {
		return errCorrupt
	}
	switch value[0] {
	case apartLost:
		a.counts.Lost--
	case apartDamaged:
		a.unsearchable(reasonDamaged, -1)
		a.received(int64(binary.BigEndian.Uint64(value[1:])), -1)
	default:
		a.received(int64(binary.BigEndian.Uint64(value[1:])), -1)
	}
	a.delete(recordKey(famApart, at))
	return nil
}

// queue has a record read again whose document was deleted for another's sake.
func (a *applier) queue(m archive.Meta) {
	ms := millis(m)
	a.set(recordKey(famQueued, m.Address()), binary.BigEndian.AppendUint64(nil, uint64(ms)))
	if a.counts.Queued == 0 || ms < a.counts.QueuedSince {
		a.counts.QueuedSince = ms
	}
	a.counts.Queued++
}

func (a *applier) unqueue(at archive.Address, value []byte) error {
	if len(value) != 8 {
		return errCorrupt
	}
	a.counts.Queued--
	a.received(int64(binary.BigEndian.Uint64(value)), -1)
	a.delete(recordKey(famQueued, at))
	return nil
}

// again applies a record that was queued, unless it is not any more.
func (a *applier) again(it item) error {
	at := it.meta.Address()
	value, err := a.get(recordKey(famQueued, at))
	if err != nil || value == nil {
		return err
	}
	if err := a.unqueue(at, value); err != nil {
		return err
	}
	return a.arrive(it)
}

// cleanUp deletes the documents of some of the records that are pending, and returns how many rows it looked at.
func (a *applier) cleanUp(most int) (n int, err error) {
	sp := a.pending[0]
	docs := roaring.New()
	end := sp.last
	for _, family := range []byte{famAddress, famTarget} {
		last, seen, err := a.documentsOf(family, span{sp.stream, sp.first, end}, most, docs)
		if err != nil {
			return 0, err
		}
		n, end = n+seen, last
	}
	if err := a.retire(docs.ToArray()); err != nil {
		return n, err
	}
	mustBatch(a.batch.Delete(sp.key(famPending, sp.first), nil))
	a.pending = slices.Clone(a.pending[1:])
	if end < sp.last {
		rest := span{sp.stream, end + 1, sp.last}
		a.write(rest.key(famPending, rest.first), binary.BigEndian.AppendUint64(nil, uint64(rest.last)))
		a.pending = append([]span{rest}, a.pending...)
	}
	return n, nil
}

// documentsOf gathers the dead documents that the first rows of a span name, and where it stopped.
func (a *applier) documentsOf(family byte, sp span, most int, docs *roaring.Bitmap) (end archive.Position, n int, err error) {
	end = sp.last
	err = eachOf(a.db, family, sp, func(at archive.Address, value []byte) error {
		if len(value) < 4 {
			return errCorrupt
		}
		if doc := binary.BigEndian.Uint32(value); a.dead.Contains(doc) {
			docs.Add(doc)
		}
		if n++; n == most {
			end = at.Position
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return end, n, err
}

var errEnough = errors.New("enough rows")

// retire deletes all rows of dead documents. Their numbers are never used again.
func (a *applier) retire(docs []docID) error {
	docs = slices.DeleteFunc(docs, a.retired.Contains)
	for _, doc := range docs {
		if err := a.leaveThread(doc); err != nil {
			return err
		}
	}
	for _, doc := range docs {
		if err := a.retireOne(doc); err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) retireOne(doc docID) error {
	prefix := docKey(famSighting, doc)
	arrivals, err := a.rows(prefix, after(prefix))
	if err != nil {
		return err
	}
	for _, arrival := range arrivals {
		var r arrivalRow
		if err := json.Unmarshal(arrival.value, &r); err != nil {
			return fmt.Errorf("%w: %w", errCorrupt, err)
		}
		a.delete(arrival.key)
		if err := a.release(doc, r); err != nil {
			return err
		}
	}
	for _, family := range []byte{famSummary, famText, famDetails, famAttached} {
		a.delete(docKey(family, doc))
	}
	a.forgetFragment(doc)
	delete(a.corrections.of, doc)
	a.ownSets()
	a.retired.Add(doc)
	a.write(docKey(famNumbers, doc), []byte{numbersRetired})
	return nil
}

// release takes an arrival out of its document: what stays is read again.
func (a *applier) release(doc docID, r arrivalRow) error {
	m := r.Meta
	a.delete(addressKey(m.Address()))
	if err := a.wait(m.Address(), false); err != nil {
		return err
	}
	leads := [][]byte{digestKey(famDigest, m.SHA256)}
	if r.Same != nil {
		leads = append(leads, digestKey(famSame, *r.Same))
	}
	if m.SameAs != nil {
		leads = append(leads, recordKey(famTarget, *m.SameAs))
	}
	for _, key := range leads {
		value, err := a.get(key)
		if err != nil {
			return err
		}
		if len(value) == 4 && binary.BigEndian.Uint32(value) == doc {
			a.delete(key)
		}
	}
	switch {
	case a.removed.has(m.Address()):
	case a.removed.lost(m):
		a.received(millis(m), -1)
		a.apart(apartLost, m)
	default:
		a.queue(m)
	}
	return nil
}

// leaveThread takes the dead out of a thread. What they alone joined falls apart: the others are linked anew.
func (a *applier) leaveThread(doc docID) error {
	if value, err := a.get(docKey(famLinks, doc)); err != nil || value == nil {
		return err // A sighting without its bytes, or it went with another.
	}
	root, _, err := a.threadOf(doc)
	if err != nil {
		return err
	}
	return a.regroup(root)
}

// regroup links the members of a thread anew.
func (a *applier) regroup(root uint32) error {
	members, err := a.dissolve(root)
	if err != nil {
		return err
	}
	for _, m := range members {
		if err := a.linkAgain(m); err != nil {
			return err
		}
	}
	return nil
}

// threadMember is a document that a dissolved thread had.
type threadMember struct {
	doc   docID
	links links
}

// dissolve deletes a thread and returns those of its members that stay, in order of their numbers.
func (a *applier) dissolve(root uint32) (stay []threadMember, err error) {
	keys, err := a.keys(docKey(famMember, root))
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		doc := keyDoc(key)
		value, err := a.get(docKey(famLinks, doc))
		if err != nil {
			return nil, err
		}
		l, err := decodeLinks(value)
		if err != nil {
			return nil, err
		}
		a.delete(key)
		a.delete(docKey(famThread, doc))
		a.unlink(doc, l)
		a.setThread(doc, noThread)
		if a.dead.Contains(doc) {
			a.delete(docKey(famLinks, doc))
			continue
		}
		stay = append(stay, threadMember{doc, l})
	}
	slices.SortFunc(stay, func(a, b threadMember) int { return cmp.Compare(a.doc, b.doc) })
	return stay, nil
}

func (a *applier) linkAgain(m threadMember) error {
	s, err := a.stored(m.doc)
	if err != nil {
		return err
	}
	if s.thread, err = a.link(m.doc, a.address(m.doc), m.links); err != nil {
		return err
	}
	a.set(docKey(famSummary, m.doc), s.encode())
	return nil
}
