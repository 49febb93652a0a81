package index

import (
	"math/bits"
	"slices"
)

// phrase returns the documents in which the slots stand behind each other in
// a field. Which documents have all of them is asked of the postings first; positions are read
// for those alone.
func (f *finder) phrase(fd field, slots []Slot, within docSet) (docSet, error) {
	s, err := f.together(fd, slots, within)
	if err != nil || len(slots) == 1 || s.empty() {
		return s, err
	}
	out := f.none()
	err = f.starts(fd, slots, s, func(doc docID, _ []uint32) { out.add(doc) })
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
		if s = k; i+1 < len(slots) && s.empty() {
			break
		}
	}
	return s, nil
}

// starts calls do with each document of candidates in which the slots stand
// behind each other, and the places of the first one, which do must not keep.
func (f *finder) starts(fd field, slots []Slot, candidates docSet, do func(docID, []uint32)) error {
	for chunk := range f.v.chunks() {
		part := candidates.chunk(chunk)
		if part.empty() {
			continue
		}
		places := make([]slotPlaces, len(slots))
		for i, slot := range slots {
			var err error
			if places[i], err = f.places(fd, slot, chunk, part); err != nil {
				return err
			}
		}
		base := docID(chunk) << chunkBits
		var starts, next []uint32
		for i, w := range part {
			for ; w != 0; w &= w - 1 {
				low := i*64 + bits.TrailingZeros64(w)
				starts = places[0].at(low, starts[:0])
				for k := 1; k < len(places) && len(starts) > 0; k++ {
					next = places[k].at(low, next[:0])
					starts = followed(starts, next, uint32(k))
				}
				if len(starts) > 0 {
					do(base+docID(low), starts)
				}
			}
		}
		for _, p := range places {
			if p.reader.err != nil {
				return p.reader.err
			}
		}
	}
	return nil
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

// slotPlaces tells where a slot stands in the documents of a chunk. Documents
// are asked for in ascending order.
type slotPlaces struct {
	reader posReader // Of a whole word.
	entry  posEntry
	ok     bool
	merged map[int][]uint32 // Of a prefix: by low document id.
}

func (f *finder) places(fd field, s Slot, chunk int, candidates docSet) (p slotPlaces, err error) {
	if !s.Prefix {
		err = f.chunk(famPositions, fd, s.Text, chunk, func(_ int, value []byte) error {
			p.reader = readPositions(slices.Clone(value))
			p.entry, p.ok = p.reader.next()
			return p.reader.err
		})
		return p, err
	}
	p.merged = map[int][]uint32{}
	err = f.prefixed(famPositions, fd, s.Text, func(at int, value []byte) error {
		if at != chunk {
			return nil
		}
		r := readPositions(value)
		for e, ok := r.next(); ok; e, ok = r.next() {
			if low := int(e.low); low/64 < len(candidates) && candidates.has(docID(low)) {
				p.merged[low] = e.places(p.merged[low])
			}
		}
		return r.err
	})
	for low, places := range p.merged {
		slices.Sort(places)
		p.merged[low] = slices.Compact(places)
	}
	return p, err
}

// at appends the places in a document to dst.
func (p *slotPlaces) at(low int, dst []uint32) []uint32 {
	if p.merged != nil {
		return append(dst, p.merged[low]...)
	}
	for p.ok && int(p.entry.low) < low {
		p.entry, p.ok = p.reader.next()
	}
	if !p.ok || int(p.entry.low) != low {
		return dst
	}
	return p.entry.places(dst)
}

// evalNear finds both texts in one field, not further apart than the distance.
func (f *finder) evalNear(n *Near, within docSet) (docSet, error) {
	out := f.none()
	for _, fd := range n.A.Fields {
		both, err := f.together(fd, slices.Concat(n.A.Slots, n.B.Slots), within)
		if err != nil {
			return nil, err
		}
		if both.empty() {
			continue
		}
		first := map[docID][]uint32{}
		err = f.starts(fd, n.A.Slots, both, func(doc docID, at []uint32) { first[doc] = slices.Clone(at) })
		if err != nil {
			return nil, err
		}
		err = f.starts(fd, n.B.Slots, both, func(doc docID, at []uint32) {
			if within := uint32(n.Distance); closeTo(first[doc], at, within+uint32(len(n.A.Slots))-1, within+uint32(len(n.B.Slots))-1) {
				out.add(doc)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// closeTo reports whether a place of b is at most behind after, or at most
// before ahead of, one of a, and not the same.
func closeTo(a, b []uint32, behind, ahead uint32) bool {
	for _, p := range a {
		for _, q := range b {
			if q > p && q-p <= behind || p > q && p-q <= ahead {
				return true
			}
		}
	}
	return false
}
