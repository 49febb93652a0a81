package index

import (
	"context"
	"encoding/binary"
	"slices"

	"polytrace/archive"
)

// Within limits what somebody is told of: of mail that came through one of the
// queues Withheld nothing, unless the same message came through one of Open
// too. The zero value limits nothing.
type Within struct {
	Withheld, Open []string // Names of queues.
}

// Reader answers from what is within limits alone: hits, counts and volume, and
// what stands beside a message.
type Reader struct {
	x *Index
	w Within
}

// Within is the index as somebody may read it.
func (x *Index) Within(w Within) Reader { return Reader{x, w} }

// Search is Search of the whole index.
func (x *Index) Search(ctx context.Context, r Request) (*Results, error) {
	return x.Within(Within{}).Search(ctx, r)
}

// Document is Document of the whole index.
func (x *Index) Document(ctx context.Context, at archive.Address) (*Document, error) {
	return x.Within(Within{}).Document(ctx, at)
}

// Thread is Thread of the whole index.
func (x *Index) Thread(ctx context.Context, id string) (*Thread, error) {
	return x.Within(Within{}).Thread(ctx, id)
}

// Sees reports whether a record may be told of. Where something is withheld, one
// that is not applied yet may not.
func (r Reader) Sees(ctx context.Context, at archive.Address) (sees bool, err error) {
	if len(r.w.Withheld) == 0 {
		return true, nil
	}
	err = r.look(ctx, func(f *finder, _ *state) error {
		value, err := f.get(addressKey(at))
		if err != nil || value == nil {
			return err
		}
		doc := binary.BigEndian.Uint32(value)
		sees = doc < f.v.n && f.sees(doc)
		return nil
	})
	return sees, err
}

// limit has a finder find what is within w.
func (f *finder) limit(w Within) error {
	if len(w.Withheld) == 0 {
		return nil
	}
	hidden, err := f.throughAny(w.Withheld)
	if err != nil {
		return err
	}
	open, err := f.throughAny(w.Open)
	if err != nil {
		return err
	}
	within := f.all()
	within.andNot(hidden)
	within.or(open)
	f.within, f.withheld = within, w.Withheld
	return nil
}

// throughAny finds what came through one of the queues.
func (f *finder) throughAny(queues []string) (docSet, error) {
	all := f.none()
	for _, q := range queues {
		s, err := f.find(&Term{fieldQueue, Slot{exactTerm(q), false}})
		if err != nil {
			return nil, err
		}
		all.or(s)
	}
	return all, nil
}

// sees reports whether a document is within the limits.
func (f *finder) sees(doc docID) bool { return f.within == nil || f.within.has(doc) }

// told takes the arrivals out that came through a queue that is withheld.
func (f *finder) told(rows []arrivalRow) []arrivalRow {
	return slices.DeleteFunc(rows, func(r arrivalRow) bool { return slices.Contains(f.withheld, r.Meta.Source.Queue) })
}
