package index

import (
	"encoding/binary"
	"slices"
	"sort"
)

// posList is a positions chunk of few documents:
//
//	last low (2B, little-endian) | items uvarint | item ... | entry ...
//	item:  low of the entry before (2B) | offset among the entries (4B), both little-endian
//	entry: (distance to the document before)<<1|many uvarint
//	       | [count uvarint, when many] | first position uvarint | distance uvarint ...
//
// The last document stands in front so that two chunks can be put behind each other without
// reading the first. The items, one for each half a kilobyte or more, let a phrase of a rare word and another
// pass over the documents that have the other alone.
type posList struct {
	items, entries []byte
	last           int // The last document that there is.
	low            int // Of the entry; -1 before the first.
	start, end     int // Where its positions are.
	n              int // How many.
	err            error
}

const (
	itemSize   = 6
	itemStride = 512
	minEntry   = 2 // An entry takes so many bytes at least.
)

func readList(value []byte) (*posList, error) {
	items, at := uvarintAt(value, 2)
	if at > len(value) || items > uint64(len(value)-at)/itemSize {
		return nil, errCorrupt
	}
	from := at + int(items)*itemSize
	return &posList{items: value[at:from], entries: value[from:], last: int(binary.LittleEndian.Uint16(value)), low: -1}, nil
}

// step goes to the next entry, false at the end or when r.err is set.
func (r *posList) step() bool {
	b, at := r.entries, r.end
	if at >= len(b) || r.err != nil {
		return false
	}
	head, count := uint64(b[at]), uint64(1)
	if at++; head >= 0x80 {
		head, at = uvarintAt(b, at-1)
	}
	if head&1 != 0 {
		count, at = uvarintAt(b, at)
	}
	low := uint64(max(r.low, 0)) + head>>1
	if at > len(b) || head > 2*chunkDocs || low >= chunkDocs || count == 0 || count > uint64(len(b)-at) {
		r.err = errCorrupt
		return false
	}
	r.low, r.start, r.n = int(low), at, int(count)
	for ; count > 0 && at < len(b); at++ {
		if b[at] < 0x80 {
			count--
		}
	}
	if r.end = at; count > 0 {
		r.err = errCorrupt
	}
	return r.err == nil
}

func (r *posList) seek(low int) bool {
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
func (r *posList) skip(low int) {
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
	case at > r.end && last >= r.low:
		r.end, r.low = at, last
	}
}

func (r *posList) entry() []byte  { return r.entries[r.start:r.end] }
func (r *posList) count() int     { return r.n }
func (r *posList) failure() error { return r.err }

func (r *posList) all(yield func(posEntry) bool) {
	for before := -1; r.step(); before = r.low {
		if r.low <= before {
			r.err = errCorrupt
			return
		}
		if !yield(posEntry{uint16(r.low), r.entry()}) {
			return
		}
	}
}

func (r *posList) addCounts(sums *[chunkDocs]float32, some docSet, w float32) {
	for r.step() {
		if r.low < 64*len(some) && some.has(docID(r.low)) {
			sums[r.low] += w * float32(r.n)
		}
	}
}

func (r *posList) ends() (first, last int) {
	head, at := uvarintAt(r.entries, 0)
	if at > len(r.entries) || head > 2*chunkDocs {
		r.err = errCorrupt
	}
	return int(head >> 1), r.last
}

// posListWriter puts entries behind each other; the zero value is empty.
type posListWriter struct {
	items, entries []byte
	last           int // low of the last entry
	marked         int // Where the last item points to.
}

// mark notes what comes next as an item when the last one is far enough behind.
func (w *posListWriter) mark() {
	if len(w.entries)-w.marked < itemStride {
		return
	}
	w.marked = len(w.entries)
	w.item(uint16(w.last), uint32(w.marked))
}

func (w *posListWriter) item(low uint16, offset uint32) {
	w.items = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint16(w.items, low), offset)
}

// add puts an entry behind those that there are.
func (w *posListWriter) add(e posEntry) {
	w.mark()
	head := uint64(int(e.low)-w.last) << 1
	if n := e.count(); n > 1 {
		w.entries = binary.AppendUvarint(binary.AppendUvarint(w.entries, head|1), uint64(n))
	} else {
		w.entries = binary.AppendUvarint(w.entries, head)
	}
	w.entries = append(w.entries, e.at...)
	w.last = int(e.low)
}

// join puts the entries of a chunk behind those that there are, all of which are of documents before its own.
func (w *posListWriter) join(r *posList) {
	w.mark()
	head, n := uvarintAt(r.entries, 0)
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
func (w *posListWriter) chunk(dst []byte) []byte {
	dst = slices.Grow(dst, len(w.items)+len(w.entries)+7)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(w.last))
	dst = binary.AppendUvarint(dst, uint64(len(w.items)/itemSize))
	return append(append(dst, w.items...), w.entries...)
}

// joinPosLists joins lists that do not overlap and are in order.
func joinPosLists(parts []posPart) ([]byte, error) {
	var w posListWriter
	for _, p := range parts {
		w.join(p.posReader.(*posList))
	}
	return w.chunk(nil), nil
}
