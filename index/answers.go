package index

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"polytrace/archive"
	"polytrace/message"
)

// look opens a snapshot for one question. Questions take turns, those that came first before the others: what
// is answered at a time is what the processors can do, so that a short one does not wait while many
// take each a slice of them.
func (x *Index) look(ctx context.Context, ask func(*finder) error) error {
	return x.Within(Within{}).look(ctx, func(f *finder, _ *state) error { return ask(f) })
}

func (r Reader) look(ctx context.Context, ask func(*finder, *state) error) error {
	if err := r.x.turns.Acquire(ctx, 1); err != nil {
		return context.Cause(ctx)
	}
	defer r.x.turns.Release(1)
	s, snap, release, err := r.x.sight()
	if err != nil {
		return err
	}
	defer release()
	f := &finder{ctx: ctx, snap: snap, v: &s.view, lender: &lender{pool: &r.x.spare}}
	defer f.lender.end()
	if err = f.limit(r.w); err == nil {
		err = ask(f, s)
	}
	if f.walk != nil {
		err = errors.Join(err, f.walk.Close())
	}
	return errors.Join(err, snap.Close())
}

// sight gives the present state and a snapshot with at least that state's records. It has not less
// either of what readers of the state see: removals are committed while nobody is in here.
func (x *Index) sight() (s *state, snap *pebble.Snapshot, release func(), err error) {
	d, _, err := x.hold()
	if err != nil {
		return nil, nil, nil, err
	}
	x.sighting.RLock()
	defer x.sighting.RUnlock()
	x.mu.Lock()
	s = d.state
	x.mu.Unlock()
	return s, d.db.NewSnapshot(), d.use.RUnlock, nil
}

// Document returns what is known of the record at an address; of the one with the
// bytes when it is a sighting. archive.ErrNotFound when it is not indexed, a *RemovedError when it was removed.
func (r Reader) Document(ctx context.Context, at archive.Address) (*Document, error) {
	var d *Document
	err := r.look(ctx, func(f *finder, _ *state) (err error) {
		d, err = f.document(at)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", at, err)
	}
	return d, nil
}

func (f *finder) document(at archive.Address) (*Document, error) {
	doc, err := f.docAt(at)
	if err != nil {
		return nil, err
	}
	s, err := f.stored(doc)
	if err != nil {
		return nil, err
	}
	d := &Document{MessageID: s.messageID}
	summaries, err := f.summaries([]docID{doc}, newHighlighter(newWordCutter(), &All{}))
	if err != nil {
		return nil, err
	}
	d.Summary = summaries[0]
	value, err := f.get(docKey(famDetails, doc))
	if err == nil && value != nil {
		var more details
		err = json.Unmarshal(value, &more)
		d.Attachments, d.Defects = more.Attachments, more.Defects
		if err == nil && more.Fragment != nil {
			d.Fragment, err = f.fragments(more.Fragment)
		}
	}
	if err != nil {
		return nil, err
	}
	if err := f.sightings(doc, d); err != nil {
		return nil, err
	}
	if d.Authentication, err = f.authentication(d); err != nil {
		return nil, err
	}
	d.Variants, err = f.variants(doc, s.messageID)
	return d, err
}

// sightings adds the arrivals of a document and the recipients that each of them tells.
func (f *finder) sightings(doc docID, d *Document) error {
	rows, err := f.arrivals(doc)
	rows = f.told(rows)
	told := make([][]message.Recipient, len(rows))
	for i, r := range rows {
		if i == 0 || r.Meta.Address() == d.Address {
			d.Meta = r.Meta
		}
		d.Seen, told[i] = append(d.Seen, r.sighting()), r.Recipients
	}
	d.Recipients = message.MergeRecipients(told...)
	return err
}

func (r arrivalRow) sighting() Sighting {
	return Sighting{r.Meta.Address(), r.Meta.Received, r.Meta.Source, r.Meta.SHA256, r.Meta.Size, r.Recipients}
}

// arrivals lists the sightings of a document in the order they were received.
func (f *finder) arrivals(doc docID) (rows []arrivalRow, err error) {
	err = eachIn(f.snap, docKey(famSighting, doc), func(_, value []byte) error {
		var r arrivalRow
		if err := json.Unmarshal(value, &r); err != nil {
			return fmt.Errorf("%w: %w", errCorrupt, err)
		}
		if !f.v.removed.lost(r.Meta) {
			rows = append(rows, r)
		}
		return nil
	})
	slices.SortFunc(rows, func(a, b arrivalRow) int {
		return cmp.Or(a.Meta.Received.Compare(b.Meta.Received), compareAddress(a.Meta.Address(), b.Meta.Address()))
	})
	return rows, err
}

// variants lists the other documents with a Message-ID, by address.
func (f *finder) variants(doc docID, id string) ([]archive.Address, error) {
	if id == "" {
		return nil, nil
	}
	same, err := f.find(&Term{fieldMessageID, Slot{messageIDTerm(id), false}})
	if err != nil {
		return nil, err
	}
	var out []archive.Address
	same.each(func(other docID) {
		if other != doc {
			out = append(out, f.v.address(other))
		}
	})
	slices.SortFunc(out, compareAddress)
	return out, nil
}

// Thread returns a conversation by its ID, or by an older ID of a part of it. An ID that is
// the address of a removed record is not found; the error then has a *RemovedError too.
func (r Reader) Thread(ctx context.Context, id string) (*Thread, error) {
	t := &Thread{}
	err := r.look(ctx, func(f *finder, _ *state) error {
		at, ok := threadAddress(id)
		if !ok {
			return archive.ErrNotFound
		}
		c, err := f.conversation(at)
		if err != nil {
			return err
		}
		docs := slices.DeleteFunc(c.docs, func(doc docID) bool { return !f.sees(doc) })
		if len(docs) == 0 {
			r, err := f.removedAs(at)
			if err == nil && r != nil {
				err = fmt.Errorf("%w: %w", archive.ErrNotFound, r)
			}
			return cmp.Or(err, archive.ErrNotFound)
		}
		slices.SortFunc(docs, f.v.compare)
		t.ID = threadID(c.lowest)
		lost, err := f.missing(c, docs)
		if err != nil {
			return err
		}
		for _, l := range lost {
			t.Missing = append(t.Missing, l.MessageID)
		}
		t.Messages, err = f.summaries(docs, newHighlighter(newWordCutter(), &All{}))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look up conversation %s: %w", id, err)
	}
	for _, m := range t.Messages {
		if t.Subject = message.BaseSubject(m.Subject); t.Subject != "" {
			break
		}
	}
	return t, nil
}

// Removed tells by which decision a record was removed; nil when it was not. A sighting of a removed record counts as removed.
func (x *Index) Removed(ctx context.Context, at archive.Address) (r *RemovedError, err error) {
	err = x.look(ctx, func(f *finder) (err error) {
		r, err = f.removedAs(at)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look up the removal of %s: %w", at, err)
	}
	return r, nil
}

func (f *finder) removedAs(at archive.Address) (*RemovedError, error) {
	run, ok := f.v.removed.find(at)
	if !ok {
		of, err := f.lostTarget(at)
		if err != nil || of == nil {
			return nil, err
		}
		if run, ok = f.v.removed.find(*of); !ok {
			return nil, nil
		}
	}
	r := &RemovedError{Address: at, Erased: run.cause == erased}
	if run.cause == gone {
		return r, nil
	}
	r.Decision = archive.Address{Stream: archive.Ledger, Position: run.ledger}
	value, err := f.get(decisionKey(run.ledger))
	if err != nil {
		return nil, err
	}
	var d decision
	if json.Unmarshal(value, &d) != nil {
		return nil, errCorrupt
	}
	r.At, r.Actor, r.Reason = d.At, d.Actor, d.Reason
	return r, nil
}

// lostTarget is the record that had the bytes of a sighting, when the sighting is shown no more.
func (f *finder) lostTarget(at archive.Address) (*archive.Address, error) {
	value, err := f.get(recordKey(famApart, at))
	if err != nil {
		return nil, err
	}
	if len(value) > 9 && value[0] == apartLost {
		of, err := archive.ParseAddress(string(value[9:]))
		if err != nil {
			return nil, errCorrupt
		}
		return &of, nil
	}
	if value, err = f.get(addressKey(at)); err != nil || value == nil || !f.v.dead.Contains(binary.BigEndian.Uint32(value)) {
		return nil, err
	}
	var row arrivalRow // Of a document that still has its rows.
	if value, err = f.get(sightingKey(binary.BigEndian.Uint32(value), at)); err != nil || value == nil {
		return nil, err
	}
	if json.Unmarshal(value, &row) != nil {
		return nil, errCorrupt
	}
	return row.Meta.SameAs, nil
}

// Known lists the arrivals of a body, oldest first; none when it is new or was removed: then
// its bytes have to be stored again.
func (x *Index) Known(sha256 archive.Digest) (out []Sighting, err error) {
	err = x.look(context.Background(), func(f *finder) error {
		value, err := f.get(digestKey(famDigest, sha256))
		if err != nil || value == nil {
			return err
		}
		rows, err := f.arrivals(binary.BigEndian.Uint32(value))
		for _, r := range rows {
			if r.Meta.SHA256 == sha256 { // Other copies do not have these bytes.
				out = append(out, r.sighting())
			}
		}
		return err
	})
	return out, err
}

// Status tells how far the index is.
func (x *Index) Status() Status {
	d, s, err := x.hold()
	if err != nil {
		return Status{Failure: err.Error()}
	}
	defer d.use.RUnlock()
	out := Status{
		Removed: s.counts.Lost, Documents: s.counts.Documents, Unsearchable: s.counts.Unsearchable, Pictures: s.counts.Waiting,
		CompleteTo: x.completeTo(s, time.Now()),
		Reasons:    maps.Clone(s.counts.Reasons),
		Cleaning:   s.untidy() || s.purge > 0,
	}
	for stream, m := range s.marks {
		out.Removed += s.removed.before(stream, m.next)
	}
	out.Records, out.Lag = s.counts.Records-out.Removed-s.counts.Queued, s.counts.Queued
	for _, stream := range x.streams() {
		if next := x.archive.Next(stream); next > s.marks[stream].next {
			out.Lag += int64(next - s.marks[stream].next)
		}
	}
	out.Extractors = x.extractors(s)
	x.mu.Lock()
	out.Failure = x.failure
	if x.broken != nil {
		out.Failure = x.broken.Error()
	}
	broken := x.broken
	if p, r := x.rebuilding(); r.why != "" {
		out.Rebuild = &p
	}
	out.Cleaning = out.Cleaning || x.renewal.leaving > 0
	x.mu.Unlock()
	if !errors.Is(broken, errPebble) {
		out.Bytes = int64(d.db.Metrics().DiskSpaceUsage())
	}
	return out
}
