package index

import (
	"encoding/binary"
	"slices"
)

// A positions chunk says where a term stands in each of the documents of a posting chunk, so that
// phrases can be found. Of a term that few of the documents have it is a list, of others it is dense:
// see posList and posDense.
type posReader interface {
	// seek goes to the entry of a document; false when there is none of it. Documents are asked for in ascending order.
	seek(low int) bool
	// entry is where the term stands in the document that seek went to, and count how often. The entry is asked for once.
	entry() []byte
	count() int
	// all yields every entry, in ascending order, of a reader that nobody asked anything else.
	all(yield func(posEntry) bool)
	// addCounts adds to the sum of each of some documents how often the term stands in it, each time worth w.
	addCounts(sums *[chunkDocs]float32, some docSet, w float32)
	ends() (first, last int)
	// failure tells whether what was read was damaged.
	failure() error
}

// posEntry is a document in a positions chunk: its low id, and ascending positions as numbers, the first as it is and
// of each other one the distance to the one before.
type posEntry struct {
	low uint16
	at  []byte
}

// encodePlaces encodes ascending positions as they stand in an entry.
func encodePlaces(dst []byte, places []uint32) []byte {
	last := uint32(0)
	for _, p := range places {
		dst = binary.AppendUvarint(dst, uint64(p-last))
		last = p
	}
	return dst
}

// decodePlaces appends what encodePlaces encoded to dst. Damage ends it.
func decodePlaces(dst []uint32, b []byte) []uint32 {
	last := uint32(0)
	for at := 0; at < len(b); {
		d := uint64(b[at])
		if at++; d >= 0x80 {
			if at < len(b) && b[at] < 0x80 {
				d = d&0x7f | uint64(b[at])<<7
				at++
			} else if d, at = uvarintAt(b, at-1); at > len(b) {
				break
			}
		}
		last += uint32(d)
		dst = append(dst, last)
	}
	return dst
}

// places appends the positions of an entry to dst.
func (e posEntry) places(dst []uint32) []uint32 { return decodePlaces(dst, e.at) }

// count is the number of positions of an entry.
func (e posEntry) count() (n int) {
	for _, b := range e.at {
		if b < 0x80 {
			n++
		}
	}
	return n
}

// uvarintAt reads a number, and returns where the next begins: behind b when it is damaged.
func uvarintAt(b []byte, at int) (n uint64, next int) {
	n, size := binary.Uvarint(b[min(at, len(b)):])
	if size <= 0 {
		return 0, len(b) + 1
	}
	return n, at + size
}

// readPositions reads a chunk of either form.
func readPositions(value []byte) (posReader, error) {
	if len(value) < 4 {
		return nil, errCorrupt
	}
	if value[2] == denseForm[0] && value[3] == denseForm[1] {
		return readDense(value)
	}
	return readList(value)
}

// posWriter encodes one chunk after another; the zero value is ready.
type posWriter struct{ list posListWriter }

// write appends entries, which ascend, to dst in the form that suits them.
func (w *posWriter) write(dst []byte, entries []posEntry) []byte {
	if len(entries) >= denseDocs {
		var w posDenseWriter
		for _, e := range entries {
			w.add(e)
		}
		return w.chunk(dst)
	}
	w.list = posListWriter{items: w.list.items[:0], entries: w.list.entries[:0]}
	for _, e := range entries {
		w.list.add(e)
	}
	return w.list.chunk(dst)
}

// joinPositions puts chunks behind each other where they do not overlap, as those of
// following batches, and else merges them entry by entry.
func joinPositions(values [][]byte) ([]byte, error) {
	parts := make([]posPart, len(values))
	size, dense := 0, false
	for i, v := range values {
		r, err := readPositions(v)
		if err != nil {
			return nil, err
		}
		parts[i].posReader = r
		if parts[i].first, parts[i].last = r.ends(); r.failure() != nil {
			return nil, r.failure()
		}
		_, isDense := r.(*posDense)
		size, dense = size+len(v), dense || isDense
	}
	slices.SortStableFunc(parts, func(a, b posPart) int { return a.first - b.first })
	for i, p := range parts {
		if i > 0 && p.first <= parts[i-1].last || p.last < p.first {
			return unionPositions(parts)
		}
	}
	switch {
	case dense:
		return joinDense(parts, size)
	case size < minEntry*denseDocs:
		return joinPosLists(parts)
	}
	var all []posEntry
	for _, p := range parts {
		for e := range p.all {
			all = append(all, e)
		}
		if err := p.failure(); err != nil {
			return nil, err
		}
	}
	return new(posWriter).write(nil, all), nil
}

// posPart is a chunk that is joined with others.
type posPart struct {
	posReader
	first, last int
}

func unionPositions(parts []posPart) ([]byte, error) {
	var all []posEntry
	for _, p := range parts {
		for e := range p.all {
			all = append(all, e)
		}
		if err := p.failure(); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(all, func(a, b posEntry) int { return int(a.low) - int(b.low) })
	n := 0
	for i := 0; i < len(all); n++ {
		e, end := all[i], i+1
		for end < len(all) && all[end].low == e.low {
			end++
		}
		if end > i+1 {
			e = unionEntry(all[i:end])
		}
		all[n], i = e, end
	}
	return new(posWriter).write(nil, all[:n]), nil
}

func unionEntry(same []posEntry) posEntry {
	var places []uint32
	for _, e := range same {
		places = e.places(places)
	}
	slices.Sort(places)
	return posEntry{same[0].low, encodePlaces(nil, slices.Compact(places))}
}

// lessPositions leaves documents out of a positions chunk; left is nil when none stays.
func lessPositions(value []byte, keep func(low uint16) bool) (left []byte, changed bool, err error) {
	r, err := readPositions(value)
	if err != nil {
		return nil, false, err
	}
	var kept []posEntry
	for e := range r.all {
		if keep(e.low) {
			kept = append(kept, e)
		} else {
			changed = true
		}
	}
	if r.failure() != nil || len(kept) == 0 {
		return nil, changed, r.failure()
	}
	return new(posWriter).write(nil, kept), changed, nil
}
