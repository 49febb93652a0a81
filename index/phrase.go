package index

import (
	"errors"
	"io"
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
	places := make([][]slotPlaces, len(phrases))
	defer func() {
		for _, p := range slices.Concat(places...) {
			err = errors.Join(err, p.close())
		}
	}()
	for i, slots := range phrases {
		places[i] = make([]slotPlaces, len(slots))
		for k, at := range readingOrder(slots) {
			places[i][k].ahead = uint32(at)
			places[i][k].open = func(p *slotPlaces) error { return f.places(p, fd, slots[at], chunk, part) }
		}
	}
	base, starts := docID(chunk)<<chunkBits, make([][]uint32, len(phrases))
	var next []uint32
	part.each(func(low docID) {
		for i := range places {
			starts[i] = starts[i][:0]
			for k := range places[i] {
				p := &places[i][k]
				if next = p.at(int(low), next[:0]); k == 0 {
					starts[i] = p.before(starts[i], next)
				} else {
					starts[i] = followed(starts[i], next, p.ahead)
				}
				if len(starts[i]) == 0 {
					return
				}
			}
		}
		do(base+low, starts)
	})
	return nil
}

// readingOrder lists the slots of a phrase so that those come last of which there is most to read: often nothing is left for them.
func readingOrder(slots []Slot) []int {
	dear := func(i int) int {
		switch {
		case slots[i].Prefix:
			return 2
		case frequentWords[slots[i].Text]:
			return 1
		}
		return 0
	}
	order := make([]int, len(slots))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return dear(a) - dear(b) })
	return order
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
	ahead  uint32                  // How far behind the beginning of its phrase it stands.
	open   func(*slotPlaces) error // Reads where it stands; nil when that was done.
	failed error
	reader posReader        // Of a whole word.
	held   io.Closer        // Of what reader reads.
	merged map[int][]uint32 // Of a prefix: by low document id.
}

// close ends it, and tells whether what it read was damaged.
func (p *slotPlaces) close() error {
	if p.held != nil {
		return errors.Join(p.failed, p.reader.err, p.held.Close())
	}
	return p.failed
}

// before appends to starts where the phrase begins when the slot stands at places.
func (p *slotPlaces) before(starts, places []uint32) []uint32 {
	for _, at := range places {
		if at >= p.ahead {
			starts = append(starts, at-p.ahead)
		}
	}
	return starts
}

// places reads where a slot stands in the candidates of a chunk.
func (f *finder) places(p *slotPlaces, fd field, s Slot, chunk int, candidates docSet) error {
	if !s.Prefix {
		value, held, err := f.snap.Get(chunkKey(famPositions, fd, s.Text, chunk))
		if errors.Is(err, pebble.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		p.held, p.reader = held, readPositions(value)
		return nil
	}
	p.merged = map[int][]uint32{}
	err := f.prefixed(famPositions, fd, s.Text, func(at int, value []byte) error {
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
	return err
}

// at appends the places in a document to dst.
func (p *slotPlaces) at(low int, dst []uint32) []uint32 {
	if p.open != nil {
		p.failed, p.open = p.open(p), nil
	}
	if p.merged != nil {
		return append(dst, p.merged[low]...)
	}
	if !p.reader.seek(low) {
		return dst
	}
	return p.reader.places(dst)
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
		within := uint32(n.Distance)
		err = f.starts(fd, [][]Slot{n.A.Slots, n.B.Slots}, both, func(doc docID, at [][]uint32) {
			if closeTo(at[0], at[1], within+uint32(len(n.A.Slots))-1, within+uint32(len(n.B.Slots))-1) {
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
