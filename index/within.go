package index

import (
	"context"
	"encoding/binary"
	"slices"
	"strings"

	"polytrace/archive"
)

// Within limits what somebody is told of: of mail that came through one of the
// queues Withheld nothing, unless the same message came through one of Open
// too. The zero value limits nothing.
type Within struct {
	Withheld, Open []string // Names of queues; each that there was is in one of them.
}

// Reader answers from what is within limits alone: hits, counts and volume, and
// what stands beside a message.
type Reader struct {
	x     *Index
	w     Within
	names Names
}

// Within is the index as somebody may read it.
func (x *Index) Within(w Within) Reader { return Reader{x: x, w: w} }

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

// Unseen lists those of some records that may not be told of. Where something is
// withheld, one that is not applied yet may not.
func (r Reader) Unseen(ctx context.Context, all ...archive.Address) (unseen []archive.Address, err error) {
	if len(r.w.Withheld) == 0 {
		return nil, nil
	}
	err = r.look(ctx, func(f *finder, _ *state) error {
		for _, at := range all {
			value, err := f.get(addressKey(at))
			if err != nil {
				return err
			}
			if value == nil || binary.BigEndian.Uint32(value) >= f.v.n || !f.sees(binary.BigEndian.Uint32(value)) {
				unseen = append(unseen, at)
			}
		}
		return nil
	})
	return unseen, err
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
	f.within, f.limits = within, w
	return nil
}

// throughOpen finds what came through an open queue of a name. Through which of
// the others a message came as well is not told.
func (f *finder) throughOpen(name Slot) (docSet, error) {
	return f.throughAny(slices.DeleteFunc(slices.Clone(f.limits.Open), func(q string) bool {
		term := exactTerm(q)
		return term != name.Text && !(name.Prefix && strings.HasPrefix(term, name.Text))
	}))
}

// throughAny finds what came through one of the queues.
func (f *finder) throughAny(queues []string) (docSet, error) {
	all := f.none()
	for _, q := range queues {
		if err := f.addSlot(all, fieldQueue, Slot{exactTerm(q), false}, nil); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// sees reports whether a document is within the limits.
func (f *finder) sees(doc docID) bool { return f.within == nil || f.within.has(doc) }

// told takes the arrivals out that came through a queue that is withheld.
func (f *finder) told(rows []arrivalRow) []arrivalRow {
	return slices.DeleteFunc(rows, func(r arrivalRow) bool { return slices.Contains(f.limits.Withheld, r.Meta.Source.Queue) })
}
