package index

import (
	"context"
	"errors"
	"io"
	"math"
	"math/bits"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// phrase returns the documents in which the slots stand behind each other in
// a field. Which documents have all of them is asked of the postings first; positions are read
// for those alone.
func (f *finder) phrase(fd field, slots []Slot, within docSet) (docSet, error) {
	s, err := f.together(fd, slots, within)
	if err != nil || len(slots) == 1 || s.empty() {
		return s, err
	}
	if fd == fieldBody {
		var all bool
		if s, all, err = f.pairs(slots, s); all || err != nil {
			return s, err
		}
	}
	out := f.none()
	err = f.starts(fd, [][]Slot{slots}, s, func(doc docID, _ [][]uint32) { out.add(doc) })
	return out, err
}

// together returns the documents that have all slots in a field, in any order.
func (f *finder) together(fd field, slots []Slot, within docSet) (docSet, error) {
	s := within
	for i, slot := range slots {
		k, err := f.slot(fd, slot, s)
		if err != nil {
			return nil, err
		}
		if s != nil {
			k.and(s)
		}
		if i > 0 {
			f.drop(s)
		}
		if s = k; i+1 < len(slots) && s.empty() {
			break
		}
	}
	return s, nil
}

// starts calls do with each document of candidates and the places at which each of the phrases begins in it,
// which do must not keep.
func (f *finder) starts(fd field, phrases [][]Slot, candidates docSet, do func(doc docID, starts [][]uint32)) error {
	for chunk := range f.v.chunks() {
		if part := candidates.chunk(chunk); !part.empty() {
			if err := f.startsIn(fd, phrases, chunk, part, do); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *finder) startsIn(fd field, phrases [][]Slot, chunk int, part docSet, do func(docID, [][]uint32)) (err error) {
	places := make([][]*slotPlaces, len(phrases))
	defer func() {
		for _, p := range slices.Concat(places...) {
			err = errors.Join(err, p.close())
		}
	}()
	for i, slots := range phrases {
		for k, slot := range slots {
			p := &slotPlaces{ahead: uint32(k)}
			places[i] = append(places[i], p)
			if err := f.places(p, fd, slot, chunk, part); err != nil {
				return err
			}
		}
		// Of the shortest there is the least to read, and often nothing is left for the others.
		slices.SortStableFunc(places[i], func(a, b *slotPlaces) int { return a.size() - b.size() })
	}
	base, starts := docID(chunk)<<chunkBits, make([][]uint32, len(phrases))
	part.each(func(low docID) {
		for i, slots := range places {
			if starts[i] = slots[0].starts(int(low), starts[i][:0]); len(starts[i]) == 0 {
				return
			}
			for _, p := range slots[1:] {
				if starts[i] = p.follow(int(low), starts[i]); len(starts[i]) == 0 {
					return
				}
			}
		}
		do(base+low, starts)
	})
	return nil
}

// slotPlaces tells where a slot stands in the documents of a chunk. Documents
// are asked for in ascending order.
type slotPlaces struct {
	ahead  uint32           // How far behind the beginning of its phrase it stands.
	reader posReader        // Of a whole word; nil when it is in no document.
	length int              // Of what reader reads.
	held   io.Closer        // Of that.
	open   func() error     // Of a prefix that nobody asked for yet.
	merged map[int][]uint32 // Of a prefix, by low document id.
	failed error
}

// close ends it, and tells whether what it read was damaged.
func (p *slotPlaces) close() error {
	if p.reader != nil {
		p.failed = p.reader.failure()
	}
	if p.held != nil {
		return errors.Join(p.failed, p.held.Close())
	}
	return p.failed
}

// size is how much there is to read; of prefixes that is not known.
func (p *slotPlaces) size() int {
	if p.open != nil {
		return math.MaxInt
	}
	return p.length
}

// starts appends to dst where in a document the phrase can begin.
func (p *slotPlaces) starts(low int, dst []uint32) []uint32 {
	if p.prefix() {
		dst = append(dst, p.merged[low]...)
	} else if p.has(low) {
		dst = decodePlaces(dst, p.reader.entry())
	}
	if p.ahead == 0 {
		return dst
	}
	kept := dst[:0]
	for _, at := range dst {
		if at >= p.ahead {
			kept = append(kept, at-p.ahead)
		}
	}
	return kept
}

// has goes to a document, and reports whether a whole word is in it.
func (p *slotPlaces) has(low int) bool {
	return p.reader != nil && p.reader.seek(low)
}

// follow keeps those of starts at which the slot stands where it has to.
func (p *slotPlaces) follow(low int, starts []uint32) []uint32 {
	switch {
	case p.prefix():
		return followed(starts, p.merged[low], p.ahead)
	case p.has(low):
		return followedBy(starts, p.reader.entry(), p.ahead)
	}
	return starts[:0]
}

// followed keeps those of starts that have a place at a distance behind them. Both ascend.
func followed(starts, places []uint32, distance uint32) []uint32 {
	kept, j := starts[:0], 0
	for _, s := range starts {
		for j < len(places) && places[j] < s+distance {
			j++
		}
		if j < len(places) && places[j] == s+distance {
			kept = append(kept, s)
		}
	}
	return kept
}

// followedBy is followed, of places as they are encoded.
func followedBy(starts []uint32, places []byte, distance uint32) []uint32 {
	kept, at, place := starts[:0], 0, uint32(0)
	for _, s := range starts {
		wanted := s + distance
		for at < len(places) && (place < wanted || at == 0) {
			d := uint64(places[at])
			if at++; d >= 0x80 {
				if d, at = uvarintAt(places, at-1); at > len(places) {
					return kept
				}
			}
			place += uint32(d)
		}
		if place < wanted {
			break // There are no more.
		}
		if place == wanted && at > 0 {
			kept = append(kept, s)
		}
	}
	return kept
}

// prefix reports whether it is of one, whose places are read when they are asked for first.
func (p *slotPlaces) prefix() bool {
	if p.open != nil {
		p.failed, p.open = p.open(), nil
	}
	return p.merged != nil
}

// places reads where a slot stands in the candidates of a chunk.
func (f *finder) places(p *slotPlaces, fd field, s Slot, chunk int, candidates docSet) error {
	if !s.Prefix {
		value, held, err := f.snap.Get(chunkKey(famPositions, fd, s.Text, chunk))
		if errors.Is(err, pebble.ErrNotFound) {
			return nil
		}
		if err == nil {
			p.held, p.length = held, len(value)
			p.reader, err = readPositions(value)
		}
		return err
	}
	p.open = func() error {
		p.merged = map[int][]uint32{}
		err := f.prefixed(famPositions, fd, s.Text, func(at int, value []byte) error {
			if at != chunk {
				return nil
			}
			r, err := readPositions(value)
			if err != nil {
				return err
			}
			for e := range r.all {
				if low := int(e.low); low/64 < len(candidates) && candidates.has(docID(low)) {
					p.merged[low] = e.places(p.merged[low])
				}
			}
			return r.failure()
		})
		for low, places := range p.merged {
			slices.Sort(places)
			p.merged[low] = slices.Compact(places)
		}
		return err
	}
	return nil
}

// evalNear finds both texts in one field, not further apart than the distance.
func (f *finder) evalNear(n *Near, among docSet) (docSet, error) {
	out := f.none()
	for _, fd := range n.A.Fields {
		both, err := f.together(fd, slices.Concat(n.A.Slots, n.B.Slots), among)
		if err != nil {
			return nil, err
		}
		if both.empty() {
			continue
		}
		if len(n.A.Slots)+len(n.B.Slots) == 2 && !n.A.Slots[0].Prefix && !n.B.Slots[0].Prefix {
			err = f.twoWords(fd, n.A.Slots[0], n.B.Slots[0], both, uint32(n.Distance), out)
		} else {
			most := uint32(n.Distance)
			err = f.starts(fd, [][]Slot{n.A.Slots, n.B.Slots}, both, func(doc docID, at [][]uint32) {
				if closeTo(at[0], at[1], most+uint32(len(n.A.Slots))-1, most+uint32(len(n.B.Slots))-1) {
					out.add(doc)
				}
			})
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// twoWords adds to out the candidates in which two words are not further apart than a distance: what starts and
// closeTo find, without a list of where each of them stands.
func (f *finder) twoWords(fd field, a, b Slot, candidates docSet, distance uint32, out docSet) error {
	for chunk := range f.v.chunks() {
		part, found := candidates.chunk(chunk), out.chunk(chunk)
		if part.empty() {
			continue
		}
		if err := f.ctx.Err(); err != nil {
			return context.Cause(f.ctx)
		}
		err := f.chunk(famPositions, fd, a.Text, chunk, func(_ int, ofA []byte) error {
			return f.chunk(famPositions, fd, b.Text, chunk, func(_ int, ofB []byte) error {
				a, err := readPositions(ofA)
				if err != nil {
					return err
				}
				b, err := readPositions(ofB)
				if err != nil {
					return err
				}
				for i, word := range part {
					near := uint64(0)
					for ; word != 0; word &= word - 1 {
						if low := i*64 + bits.TrailingZeros64(word); a.seek(low) && b.seek(low) && within(a.entry(), b.entry(), distance) {
							near |= word & -word
						}
					}
					found[i] |= near
				}
				return errors.Join(a.failure(), b.failure())
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// within reports whether a place of a and one of b, as they are encoded, are not further apart than a distance, and not the same.
func within(a, b []byte, distance uint32) bool {
	atA, atB := 1, 1
	var p, q uint32
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	if p = uint32(a[0]); p >= 0x80 {
		d, next := uvarintAt(a, 0)
		p, atA = uint32(d), next
	}
	if q = uint32(b[0]); q >= 0x80 {
		d, next := uvarintAt(b, 0)
		q, atB = uint32(d), next
	}
	for {
		if p < q {
			if q-p <= distance {
				return true
			}
			if atA >= len(a) {
				return false
			}
			d := uint64(a[atA])
			if atA++; d >= 0x80 {
				d, atA = uvarintAt(a, atA-1)
			}
			p += uint32(d)
		} else {
			if p-q <= distance && p != q {
				return true
			}
			if atB >= len(b) {
				return false
			}
			d := uint64(b[atB])
			if atB++; d >= 0x80 {
				d, atB = uvarintAt(b, atB-1)
			}
			q += uint32(d)
		}
	}
}

// closeTo reports whether a place of b is at most behind after, or at most
// before ahead of, one of a, and not the same. Both ascend.
func closeTo(a, b []uint32, behind, ahead uint32) bool {
	i := 0 // The first of b that is not before p.
	for _, p := range a {
		for i < len(b) && b[i] < p {
			i++
		}
		if i > 0 && p-b[i-1] <= ahead {
			return true
		}
		next := i
		if next < len(b) && b[next] == p {
			next++
		}
		if next < len(b) && b[next]-p <= behind {
			return true
		}
	}
	return false
}
