package index

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"sort"
)

// A positions chunk says where a term stands in each of the documents of a posting chunk, so that
// phrases can be found:
//
//	last low (2B, little-endian) | items uvarint | item ... | entry ...
//	item:  low of the entry before (2B) | offset among the entries (4B), both little-endian
//	entry: (distance to the document before)<<1|many uvarint
//	       | [count uvarint, when many] | first position uvarint | distance uvarint ...
//
// The last document stands in front so that two chunks can be put behind each other without
// reading the first. The items, one for each half a kilobyte or more, let a phrase of a rare word and a
// common one pass over the documents that have the common one alone.
const (
	itemSize   = 6
	itemStride = 512
)

// posEntry is a document in a positions chunk; at is what follows the distance, as encoded.
type posEntry struct {
	low  uint16
	many bool
	at   []byte
}

// encodePlaces encodes ascending positions as they stand behind an entry's distance.
func encodePlaces(dst []byte, places []uint32) (_ []byte, many bool) {
	if many = len(places) > 1; many {
		dst = binary.AppendUvarint(dst, uint64(len(places)))
	}
	last := uint32(0)
	for _, p := range places {
		dst = binary.AppendUvarint(dst, uint64(p-last))
		last = p
	}
	return dst, many
}

// places appends the positions of an entry to dst.
func (e posEntry) places(dst []uint32) []uint32 {
	rest, n := e.at, 1
	if e.many {
		count, size := binary.Uvarint(rest)
		rest, n = rest[max(size, 0):], int(count)
	}
	last := uint32(0)
	for ; n > 0; n-- {
		d, size := binary.Uvarint(rest)
		if size <= 0 { // Damaged: a number too long for any position.
			return dst
		}
		rest = rest[size:]
		last += uint32(d)
		dst = append(dst, last)
	}
	return dst
}

// count is the number of positions of an entry.
func (e posEntry) count() int {
	if !e.many {
		return 1
	}
	n, _ := binary.Uvarint(e.at)
	return int(n)
}

// posWriter puts entries behind each other; the zero value is empty.
type posWriter struct {
	items, entries []byte
	last           int // low of the last entry
	marked         int // Where the last item points to.
}

func (w *posWriter) reset() { *w = posWriter{items: w.items[:0], entries: w.entries[:0]} }

// mark notes what comes next as an item when the last one is far enough behind.
func (w *posWriter) mark() {
	if len(w.entries)-w.marked < itemStride {
		return
	}
	w.marked = len(w.entries)
	w.item(uint16(w.last), uint32(w.marked))
}

func (w *posWriter) item(low uint16, offset uint32) {
	w.items = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint16(w.items, low), offset)
}

// add puts an entry behind those that there are.
func (w *posWriter) add(e posEntry) {
	w.mark()
	head := uint64(int(e.low)-w.last) << 1
	if e.many {
		head |= 1
	}
	w.entries = append(binary.AppendUvarint(w.entries, head), e.at...)
	w.last = int(e.low)
}

// join puts the entries of a chunk behind those that there are, all of which are of documents before its own.
func (w *posWriter) join(r posReader) {
	w.mark()
	head, n := binary.Uvarint(r.entries)
	w.entries = binary.AppendUvarint(w.entries, uint64(int(head>>1)-w.last)<<1|head&1)
	shift := uint32(len(w.entries) - n)
	w.entries = append(w.entries, r.entries[n:]...)
	for rest := r.items; len(rest) > 0; rest = rest[itemSize:] {
		at := binary.LittleEndian.Uint32(rest[2:]) + shift
		w.item(binary.LittleEndian.Uint16(rest), at)
		w.marked = int(at)
	}
	w.last = r.last
}

// chunk appends what was put together to dst.
func (w *posWriter) chunk(dst []byte) []byte {
	return append(w.head(slices.Grow(dst, len(w.items)+len(w.entries)+7)), w.entries...)
}

// head appends what stands before the entries.
func (w *posWriter) head(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint16(dst, uint16(w.last))
	return append(binary.AppendUvarint(dst, uint64(len(w.items)/itemSize)), w.items...)
}

// posReader walks the entries of a positions chunk. It stands at an entry; the places of it that nobody read are
// passed over when it goes on.
type posReader struct {
	items, entries []byte
	last           int // The last document that there is.
	low            int // Of the entry; -1 before the first.
	behind         int // Where what follows the distance begins,
	start          int // and the places that were not read yet.
	count          int // Those places.
	err            error
}

func readPositions(value []byte) posReader {
	if len(value) < 4 {
		return posReader{err: errCorrupt}
	}
	items, n := binary.Uvarint(value[2:])
	if n <= 0 || items > uint64(len(value)-2-n)/itemSize {
		return posReader{err: errCorrupt}
	}
	entries := value[2+n+int(items)*itemSize:]
	return posReader{items: value[2+n : 2+n+int(items)*itemSize], entries: entries, last: int(binary.LittleEndian.Uint16(value)), low: -1}
}

// step goes to the next entry, false at the end or when r.err is set.
func (r *posReader) step() bool {
	b := r.entries
	at, ok := uvarints(b, r.start, r.count)
	if r.start, r.count = at, 0; ok && at >= len(b) || r.err != nil {
		return false
	}
	head, count := uint64(0), uint64(1)
	if ok {
		if head = uint64(b[at]); head < 0x80 {
			at++
		} else {
			head, at = uvarintAt(b, at)
		}
		r.behind = at
		if head&1 == 0 {
		} else if at < len(b) && b[at] < 0x80 {
			count = uint64(b[at])
			at++
		} else {
			count, at = uvarintAt(b, min(at, len(b)))
		}
	}
	low := uint64(max(r.low, 0)) + head>>1
	if !ok || at > len(b) || head > 2*chunkDocs || low >= chunkDocs || count > uint64(len(b)-at) {
		r.err = errCorrupt
		return false
	}
	r.low, r.start, r.count = int(low), at, int(count)
	return true
}

// next goes to the next entry and reads it, false at the end or when r.err is set.
func (r *posReader) next() (e posEntry, ok bool) {
	if !r.step() {
		return e, false
	}
	end, ok := uvarints(r.entries, r.start, r.count)
	if !ok {
		r.err = errCorrupt
		return e, false
	}
	e = posEntry{uint16(r.low), r.start > r.behind, r.entries[r.behind:end]}
	r.start, r.count = end, 0
	return e, true
}

// places appends the places of the entry to dst. They are read once.
func (r *posReader) places(dst []uint32) []uint32 {
	b, at, last := r.entries, r.start, uint32(0)
	for ; r.count > 0; r.count-- {
		if at >= len(b) {
			r.err = errCorrupt
			break
		}
		d := uint64(b[at])
		if d < 0x80 {
			at++
		} else if at+1 < len(b) && b[at+1] < 0x80 {
			d = d&0x7f | uint64(b[at+1])<<7
			at += 2
		} else if d, at = uvarintAt(b, at); at > len(b) {
			r.err = errCorrupt
			break
		}
		last += uint32(d)
		dst = append(dst, last)
	}
	r.start, r.count = min(at, len(b)), 0
	return dst
}

// seek goes to the entry of a document, or to the first behind it; false when there is none of it. Documents are
// asked for in ascending order.
func (r *posReader) seek(low int) bool {
	if r.low < low {
		r.skip(low)
	}
	for r.low < low {
		if !r.step() {
			r.low = chunkDocs // Behind all.
		}
	}
	return r.low == low
}

// skip passes over entries of documents before low, not over all of them.
func (r *posReader) skip(low int) {
	n := len(r.items) / itemSize
	before := func(i int) int { return int(binary.LittleEndian.Uint16(r.items[i*itemSize:])) }
	if n == 0 || r.err != nil || before(0) >= low {
		return
	}
	i := 1
	if n > 1 && before(1) < low {
		i = sort.Search(n, func(i int) bool { return before(i) >= low })
	}
	at, last := int(binary.LittleEndian.Uint32(r.items[(i-1)*itemSize+2:])), before(i-1)
	r.items = r.items[i*itemSize:]
	switch {
	case at > len(r.entries):
		r.err = errCorrupt
	case at > r.start && last >= r.low:
		r.start, r.count, r.low = at, 0, last
	}
}

// uvarints finds the end of n numbers in b from an offset on; false when there are fewer.
func uvarints(b []byte, at, n int) (end int, ok bool) {
	const high, ones = 0x8080808080808080, 0x0101010101010101
	for ; n > 0 && at+8 <= len(b); at += 8 {
		ends := (^binary.LittleEndian.Uint64(b[at:]) & high) >> 7 // Each byte without its high bit ends one.
		upto := ends * ones                                       // In each byte how many end until there.
		if n <= 8 {
			if enough := (upto + uint64(0x80-n)*ones) & high; enough != 0 {
				return at + bits.TrailingZeros64(enough)/8 + 1, true
			}
		}
		n -= int(upto >> 56)
	}
	for ; n > 0; at++ {
		if at >= len(b) {
			return at, false
		}
		if b[at] < 0x80 {
			n--
		}
	}
	return at, true
}

// addCounts adds to the sum of each document that there is how often the term stands in it, each time worth w.
func (r *posReader) addCounts(sums *[chunkDocs]float32, w float32) {
	b, low := r.entries, 0
	for i := 0; i < len(b) && r.err == nil; {
		head, count, ok := uint64(b[i]), uint64(1), true
		if i++; head >= 0x80 {
			head, i = uvarintAt(b, i-1)
		}
		low += int(head >> 1)
		if head&1 != 0 && i < len(b) {
			count = uint64(b[i])
			if i++; count >= 0x80 {
				count, i = uvarintAt(b, i-1)
			}
		}
		if i > len(b) || head > 2*chunkDocs || low >= chunkDocs || count > uint64(len(b)) {
			r.err = errCorrupt
			return
		}
		if i, ok = uvarints(b, i, int(count)); !ok {
			r.err = errCorrupt
			return
		}
		sums[low] += w * float32(count)
	}
}

// uvarintAt reads a number of several bytes, and returns where the next begins: behind b when it is damaged.
func uvarintAt(b []byte, at int) (n uint64, next int) {
	n, size := binary.Uvarint(b[at:])
	if size <= 0 {
		return 0, len(b) + 1
	}
	return n, at + size
}

// joinPositions puts chunks behind each other where they do not overlap, as those of
// following batches, and else merges them entry by entry.
func joinPositions(values [][]byte) ([]byte, error) {
	type part struct {
		posReader
		first int
	}
	parts := make([]part, len(values))
	for i, v := range values {
		r := readPositions(v)
		first := r // Reads the first entry alone.
		e, ok := first.next()
		if !ok {
			return nil, errCorrupt
		}
		parts[i] = part{r, int(e.low)}
	}
	slices.SortStableFunc(parts, func(a, b part) int { return a.first - b.first })
	items, size := 0, 0
	for i, p := range parts {
		if i > 0 && p.first <= parts[i-1].last || p.last < p.first {
			return unionPositions(values)
		}
		items, size = items+len(p.items)+itemSize, size+len(p.entries)
	}
	// Chunks of frequent words are long, and are joined for each question about them until they are written: the
	// entries are copied once, and what stands before them goes to its place when it is known how long it is.
	front := 2 + binary.MaxVarintLen32 + items
	all := make([]byte, front, front+size+binary.MaxVarintLen32*len(parts))
	w := posWriter{items: make([]byte, 0, items), entries: all[front:]}
	for _, p := range parts {
		w.join(p.posReader)
	}
	head := w.head(make([]byte, 0, front))
	copy(all[front-len(head):], head)
	return all[front-len(head) : front+len(w.entries)], nil
}

func unionPositions(values [][]byte) ([]byte, error) {
	var all []posEntry
	for _, v := range values {
		r := readPositions(v)
		for e, ok := r.next(); ok; e, ok = r.next() {
			all = append(all, e)
		}
		if r.err != nil {
			return nil, r.err
		}
	}
	slices.SortStableFunc(all, func(a, b posEntry) int { return int(a.low) - int(b.low) })
	var w posWriter
	for i := 0; i < len(all); {
		e, end := all[i], i+1
		for end < len(all) && all[end].low == e.low {
			end++
		}
		if end > i+1 {
			e = unionEntry(all[i:end])
		}
		w.add(e)
		i = end
	}
	return w.chunk(nil), nil
}

func unionEntry(same []posEntry) posEntry {
	var places []uint32
	for _, e := range same {
		places = e.places(places)
	}
	slices.Sort(places)
	e := posEntry{low: same[0].low}
	e.at, e.many = encodePlaces(nil, slices.Compact(places))
	return e
}

// lessPositions leaves documents out of a positions chunk; left is nil when none stays.
func lessPositions(value []byte, keep func(low uint16) bool) (left []byte, changed bool, err error) {
	r := readPositions(value)
	var w posWriter
	for e, ok := r.next(); ok; e, ok = r.next() {
		if keep(e.low) {
			w.add(e)
		} else {
			changed = true
		}
	}
	if r.err != nil || len(w.entries) == 0 {
		return nil, changed, r.err
	}
	return w.chunk(nil), changed, nil
}
