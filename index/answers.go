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

	"polytrace/archive"
	"polytrace/message"
)

// look opens a snapshot for one question.
func (x *Index) look(ctx context.Context, ask func(*finder) error) error {
	s, release, err := x.begin()
	if err != nil {
		return err
	}
	defer release()
	snap := x.db.NewSnapshot()
	err = ask(&finder{ctx, snap, &s.view})
	return errors.Join(err, snap.Close())
}

// Document returns what is known of the record at an address; of the one with the
// bytes when it is a sighting. archive.ErrNotFound when it is not indexed.
func (x *Index) Document(ctx context.Context, at archive.Address) (*Document, error) {
	var d *Document
	err := x.look(ctx, func(f *finder) (err error) {
		d, err = f.document(at)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", at, err)
	}
	return d, nil
}

func (f *finder) document(at archive.Address) (*Document, error) {
	value, err := f.get(addressKey(at))
	if err != nil {
		return nil, err
	}
	if value == nil {
		return nil, archive.ErrNotFound
	}
	doc := binary.BigEndian.Uint32(value)
	if doc >= f.v.n || f.v.hidden.Contains(doc) {
		return nil, archive.ErrNotFound
	}
	s, err := f.stored(doc)
	if err != nil {
		return nil, err
	}
	d := &Document{MessageID: s.messageID, Unsearchable: s.unsearchable}
	summaries, err := f.summaries([]docID{doc}, newHighlighter(newWordCutter(), &All{}))
	if err != nil {
		return nil, err
	}
	d.Summary = summaries[0]
	if value, err = f.get(docKey(famDetails, doc)); err == nil && value != nil {
		var more details
		err = json.Unmarshal(value, &more)
		d.Attachments, d.Defects = more.Attachments, more.Defects
	}
	if err != nil {
		return nil, err
	}
	if err := f.sightings(doc, d); err != nil {
		return nil, err
	}
	d.Variants, err = f.variants(doc, s.messageID)
	return d, err
}

// sightings adds the arrivals of a document and the recipients that each of them tells.
func (f *finder) sightings(doc docID, d *Document) error {
	rows, err := f.arrivals(doc)
	known := map[message.Recipient]bool{}
	for _, r := range rows {
		if r.Meta.Address() == d.Address {
			d.Meta = r.Meta
		}
		d.Seen = append(d.Seen, r.sighting())
		for _, p := range r.Recipients {
			if !known[p] {
				known[p] = true
				d.Recipients = append(d.Recipients, p)
			}
		}
	}
	return err
}

func (r sightingRow) sighting() Sighting {
	return Sighting{r.Meta.Address(), r.Meta.Received, r.Meta.Source}
}

// arrivals lists the sightings of a document in the order they were received.
func (f *finder) arrivals(doc docID) (rows []sightingRow, err error) {
	err = eachIn(f.snap, docKey(famSighting, doc), func(_, value []byte) error {
		var r sightingRow
		if err := json.Unmarshal(value, &r); err != nil {
			return fmt.Errorf("%w: %w", errCorrupt, err)
		}
		rows = append(rows, r)
		return nil
	})
	slices.SortFunc(rows, func(a, b sightingRow) int {
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

// Thread returns a conversation by its ID, or by an older ID of a part of it.
func (x *Index) Thread(ctx context.Context, id string) (*Thread, error) {
	t := &Thread{}
	err := x.look(ctx, func(f *finder) error {
		at, ok := threadAddress(id)
		if !ok {
			return archive.ErrNotFound
		}
		docs, lowest, err := f.thread(at)
		if err != nil {
			return err
		}
		docs = slices.DeleteFunc(docs, func(doc docID) bool { return doc >= f.v.n })
		if len(docs) == 0 {
			return archive.ErrNotFound
		}
		slices.SortFunc(docs, f.v.compare)
		t.ID = threadID(lowest)
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

// Known lists the arrivals of a body, oldest first; none when it is new.
func (x *Index) Known(sha256 archive.Digest) (out []Sighting, err error) {
	err = x.look(context.Background(), func(f *finder) error {
		value, err := f.get(digestKey(famDigest, sha256))
		if err != nil || value == nil {
			return err
		}
		rows, err := f.arrivals(binary.BigEndian.Uint32(value))
		for _, r := range rows {
			out = append(out, r.sighting())
		}
		return err
	})
	return out, err
}

// Status tells how far the index is.
func (x *Index) Status() Status {
	s, release, err := x.begin()
	if err != nil {
		return Status{Failure: err.Error()}
	}
	defer release()
	out := Status{
		Records: s.counts.Records, Documents: s.counts.Documents, Unsearchable: s.counts.Unsearchable,
		CompleteTo: x.completeTo(s, time.Now()),
		Reasons:    maps.Clone(s.counts.Reasons),
	}
	for _, stream := range x.archive.Streams() {
		if next := x.archive.Next(stream); next > s.marks[stream].next {
			out.Lag += int64(next - s.marks[stream].next)
		}
	}
	x.mu.Lock()
	out.Failure = x.failure
	if x.broken != nil {
		out.Failure = x.broken.Error()
	}
	broken := x.broken
	x.mu.Unlock()
	if !errors.Is(broken, errPebble) {
		out.Bytes = int64(x.db.Metrics().DiskSpaceUsage())
	}
	return out
}
