package index

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// posDense is a positions chunk of many documents. What is alike stands together: how often a term stands in documents
// is read without where, and where it stands in one without going through those before it.
//
//	last low (2B) | 0x80 0x00 | documents uvarint | which (8,192B: a bitmap) | count of each (1B) | size of each (1B) | mark ... | places ...
//	mark:   where the places of the 64th document begin, of the 128th, and so on (4B)
//	places: [count uvarint | size uvarint, when either is 255 or more] | first position uvarint | distance uvarint ...
//
// Numbers of several bytes are little-endian. Sizes are of the positions in bytes; where a count or size does not fit
// into its byte, both bytes are 255, and they stand in front of the positions.
type posDense struct {
	last, n        int // The last document, and how many there are.
	bitmap         []byte
	counts, sizes  []byte // Behind sizes goes on what follows them.
	marks, placed  []byte
	rank           int // How many documents are before the one that was asked for.
	word, before   int // A word of bitmap, and how many documents are before it.
	known, knownAt int // A document by rank whose places begin at an offset.
	err            error
}

const (
	denseDocs = 2048 // A chunk of so many documents or more is dense.
	markEvery = 64
	large     = 255
)

// denseForm tells a dense chunk from a list, in which no number is written like this.
var denseForm = []byte{0x80, 0x00}

func readDense(value []byte) (*posDense, error) {
	n, at := uvarintAt(value, 4)
	if at > len(value) || n == 0 || n > chunkDocs {
		return nil, errCorrupt
	}
	r := &posDense{last: int(binary.LittleEndian.Uint16(value)), n: int(n)}
	rest, marks := value[at:], (r.n-1)/markEvery*4
	if len(rest) < chunkDocs/8+2*r.n+marks {
		return nil, errCorrupt
	}
	r.bitmap, rest = rest[:chunkDocs/8], rest[chunkDocs/8:]
	r.counts, r.sizes = rest[:r.n], rest[r.n:]
	r.marks, r.placed = rest[2*r.n:2*r.n+marks], rest[2*r.n+marks:]
	return r, nil
}

func (r *posDense) seek(low int) bool {
	if r.err != nil || low > r.last {
		return false
	}
	for ; r.word < low/64; r.word++ {
		r.before += bits.OnesCount64(r.having(r.word))
	}
	w, bit := r.having(r.word), uint64(1)<<(low%64)
	r.rank = r.before + bits.OnesCount64(w&(bit-1))
	return w&bit != 0 && r.rank < r.n
}

// having is a word of the bitmap.
func (r *posDense) having(word int) uint64 { return binary.LittleEndian.Uint64(r.bitmap[8*word:]) }

// offset is where the places of a document begin, by rank, in ascending order.
func (r *posDense) offset(rank int) (int, bool) {
	if mark := rank / markEvery; mark*markEvery > r.known {
		r.known, r.knownAt = mark*markEvery, int(binary.LittleEndian.Uint32(r.marks[4*mark-4:]))
	}
	for r.known < rank {
		n := min(rank-r.known, 8)
		if r.known+8 <= len(r.sizes) {
			const sevens, ones, pairs = 0x7f7f7f7f7f7f7f7f, 0x0101010101010101, 0x00ff00ff00ff00ff
			v := binary.LittleEndian.Uint64(r.sizes[r.known:]) & (^uint64(0) >> (64 - 8*n))
			if (v&sevens+ones)&v&^sevens == 0 { // None is large.
				r.known, r.knownAt = r.known+n, r.knownAt+int(((v&pairs)+(v>>8&pairs))*0x0001000100010001>>48)
				continue
			}
		}
		_, start, size, ok := r.extent(r.known, r.knownAt)
		if !ok {
			return 0, false
		}
		r.known, r.knownAt = r.known+1, start+size
	}
	if r.knownAt > len(r.placed) {
		r.err = errCorrupt
	}
	return r.knownAt, r.err == nil
}

// extent tells how many positions a document has, and where they are, when its places begin at an offset.
func (r *posDense) extent(rank, at int) (count, start, size int, ok bool) {
	count, start, size = int(r.counts[rank]), at, int(r.sizes[rank])
	if count == large && size == large {
		c, at := uvarintAt(r.placed, at)
		s, at := uvarintAt(r.placed, at)
		if at > len(r.placed) || c > s || s > uint64(len(r.placed)) {
			r.err = errCorrupt
			return 0, 0, 0, false
		}
		count, start, size = int(c), at, int(s)
	}
	if size > len(r.placed)-start {
		r.err = errCorrupt
	}
	return count, start, size, r.err == nil
}

// entry is what stands behind seek of the document that it went to: its positions.
func (r *posDense) entry() []byte {
	at, ok := r.offset(r.rank)
	if !ok {
		return nil
	}
	_, start, size, ok := r.extent(r.rank, at)
	if !ok {
		return nil
	}
	return r.placed[start : start+size]
}

// count is how many positions the document has that seek went to.
func (r *posDense) count() int {
	if n := int(r.counts[r.rank]); n < large {
		return n
	}
	at, ok := r.offset(r.rank)
	if !ok {
		return 0
	}
	n, _, _, _ := r.extent(r.rank, at)
	return n
}

func (r *posDense) all(yield func(posEntry) bool) {
	rank := 0
	for i := range chunkWords {
		for w := r.having(i); w != 0; w &= w - 1 {
			if r.rank = rank; rank >= r.n {
				r.err = errCorrupt
				return
			}
			if at := r.entry(); r.err != nil || !yield(posEntry{uint16(i*64 + bits.TrailingZeros64(w)), at}) {
				return
			}
			rank++
		}
	}
	if rank < r.n {
		r.err = errCorrupt
	}
}

func (r *posDense) addCounts(sums *[chunkDocs]float32, some docSet, w float32) {
	before := 0
	for i, word := range some {
		having := r.having(i)
		for both := word & having; both != 0; both &= both - 1 {
			if r.rank = before + bits.OnesCount64(having&(both&-both-1)); r.rank >= r.n {
				r.err = errCorrupt
				return
			}
			n := int(r.counts[r.rank])
			if n == large {
				n = r.count()
			}
			sums[i*64+bits.TrailingZeros64(both)] += w * float32(n)
		}
		before += bits.OnesCount64(having)
	}
}

func (r *posDense) failure() error { return r.err }

func (r *posDense) ends() (first, last int) {
	for i := range chunkWords {
		if w := r.having(i); w != 0 {
			return i*64 + bits.TrailingZeros64(w), r.last
		}
	}
	r.err = errCorrupt
	return 0, r.last
}

// posDenseWriter puts entries behind each other; the zero value is empty.
type posDenseWriter struct {
	set           chunkSet
	last          int
	counts, sizes []byte
	places        []byte
	marks         []byte
}

// add puts an entry behind those that there are.
func (w *posDenseWriter) add(e posEntry) {
	if n := len(w.counts); n > 0 && n%markEvery == 0 {
		w.marks = binary.LittleEndian.AppendUint32(w.marks, uint32(len(w.places)))
	}
	count, size := e.count(), len(e.at)
	if count >= large || size >= large {
		w.places = binary.AppendUvarint(binary.AppendUvarint(w.places, uint64(count)), uint64(size))
		count, size = large, large
	}
	w.counts, w.sizes, w.places = append(w.counts, byte(count)), append(w.sizes, byte(size)), append(w.places, e.at...)
	w.set[e.low/64] |= 1 << (e.low % 64)
	w.last = int(e.low)
}

// join puts the entries of a chunk behind those that there are, all of which are of documents before its own.
func (w *posDenseWriter) join(r *posDense) error {
	before, start := len(w.counts), len(w.places)
	w.counts, w.sizes, w.places = append(w.counts, r.counts...), append(w.sizes, r.sizes[:r.n]...), append(w.places, r.placed...)
	for i := range w.set {
		w.set[i] |= r.having(i)
	}
	w.last = r.last
	for n := (before + markEvery - 1) / markEvery * markEvery; n < before+r.n; n += markEvery {
		if n == 0 {
			continue
		}
		at, ok := r.offset(n - before)
		if !ok {
			return r.err
		}
		w.marks = binary.LittleEndian.AppendUint32(w.marks, uint32(start+at))
	}
	return nil
}

// chunk appends what was put together to dst.
func (w *posDenseWriter) chunk(dst []byte) []byte {
	dst = slices.Grow(dst, 8+chunkDocs/8+len(w.counts)+len(w.sizes)+len(w.marks)+len(w.places))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(w.last))
	dst = binary.AppendUvarint(append(dst, denseForm...), uint64(len(w.counts)))
	for _, word := range w.set {
		dst = binary.LittleEndian.AppendUint64(dst, word)
	}
	return append(append(append(append(dst, w.counts...), w.sizes...), w.marks...), w.places...)
}

// joinDense joins chunks that do not overlap and are in order, and of which one is dense. Those of frequent words are
// long, and are joined for each question about them until they are written: what they have is copied as it is.
func joinDense(parts []posPart, size int) ([]byte, error) {
	w := posDenseWriter{places: make([]byte, 0, size)}
	for _, p := range parts {
		if r, ok := p.posReader.(*posDense); ok {
			if err := w.join(r); err != nil {
				return nil, err
			}
			continue
		}
		for e := range p.all {
			w.add(e)
		}
		if err := p.failure(); err != nil {
			return nil, err
		}
	}
	return w.chunk(nil), nil
}
