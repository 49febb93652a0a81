package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// A posting chunk lists which of 65,536 neighbouring documents have a term,
// by the low 16 bits of their ids, whichever form is shorter:
//
//	0x00 | first uvarint | (distance to the one before) uvarint ...
//	0x01 | 8,192 bytes: a bitmap, little-endian
//
// Merging is a union, and so its order does not matter: documents that
// come again (another sighting adds recipients) are merged into their place.
const (
	postingList   = 0x00
	postingBitmap = 0x01

	chunkBits  = 16
	chunkDocs  = 1 << chunkBits
	chunkWords = chunkDocs / 64
)

var errCorrupt = errors.New("index entry is damaged; stop, delete the index directory and start again")

// merger joins the fragments that batches leave. Its name is stored in every
// table and must stay.
var merger = &pebble.Merger{
	Name: "polytrace.postings.1",
	Merge: func(key, value []byte) (pebble.ValueMerger, error) {
		m := &chunkMerger{}
		switch {
		case len(key) > 0 && key[0] == famPositions:
			m.finish = joinPositions
		case len(key) > 0 && key[0] == famPostings:
			m.finish = joinPostings
		default:
			return nil, fmt.Errorf("merge %q: %w", key, errCorrupt)
		}
		return m, m.MergeNewer(value)
	},
}

// chunkMerger gathers fragments and joins them once all are there.
type chunkMerger struct {
	values [][]byte
	finish func([][]byte) ([]byte, error)
}

func (m *chunkMerger) MergeNewer(value []byte) error {
	m.values = append(m.values, slices.Clone(value))
	return nil
}

func (m *chunkMerger) MergeOlder(value []byte) error { return m.MergeNewer(value) }

func (m *chunkMerger) Finish(bool) ([]byte, io.Closer, error) {
	if len(m.values) == 1 {
		return m.values[0], nil, nil
	}
	v, err := m.finish(m.values)
	return v, nil, err
}

// chunkSet is a set of low document ids in the making.
type chunkSet [chunkWords]uint64

func (s *chunkSet) count() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// appendPostings encodes ascending low ids.
func appendPostings(dst []byte, lows []uint16) []byte {
	start := len(dst)
	dst = append(dst, postingList)
	last := 0
	for _, low := range lows {
		dst = binary.AppendUvarint(dst, uint64(int(low)-last))
		last = int(low)
	}
	if len(dst)-start <= 1+chunkDocs/8 {
		return dst
	}
	var set chunkSet
	for _, low := range lows {
		set[low/64] |= 1 << (low % 64)
	}
	return set.append(dst[:start])
}

func (s *chunkSet) append(dst []byte) []byte {
	dst = append(dst, postingBitmap)
	for _, w := range s {
		dst = binary.LittleEndian.AppendUint64(dst, w)
	}
	return dst
}

// encode picks the shorter form of a set.
func (s *chunkSet) encode() []byte {
	if n := s.count(); n > chunkDocs/8 { // A list has at least a byte for each.
		return s.append(make([]byte, 0, 1+chunkDocs/8))
	}
	return appendPostings(nil, s.lows())
}

// lows lists what is in the set.
func (s *chunkSet) lows() []uint16 {
	lows := make([]uint16, 0, 64)
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			lows = append(lows, uint16(i*64+bits.TrailingZeros64(w)))
		}
	}
	return lows
}

// addPostings sets the bits of a posting chunk in words, which has room for
// the documents of the chunk or fewer; those beyond it are left out.
func addPostings(words []uint64, value []byte) error {
	if len(value) == 0 {
		return errCorrupt
	}
	kind, value := value[0], value[1:]
	if kind == postingBitmap {
		if len(value) != chunkDocs/8 {
			return errCorrupt
		}
		for i := range words[:min(len(words), chunkWords)] {
			words[i] |= binary.LittleEndian.Uint64(value[8*i:])
		}
		return nil
	}
	limit := uint64(len(words)) * 64
	low := uint64(0)
	for i := 0; i < len(value); {
		d := uint64(value[i])
		i++
		if d >= 0x80 {
			v, n := binary.Uvarint(value[i-1:])
			if n <= 0 {
				return errCorrupt
			}
			d, i = v, i-1+n
		}
		if low += d; low >= limit {
			if low >= chunkDocs {
				return errCorrupt
			}
			return nil
		}
		words[low/64] |= 1 << (low % 64)
	}
	return nil
}

// shortPostings is up to how many bytes of fragments are joined as lists: most terms
// are rare, and a bitmap costs the same for two documents as for all.
const shortPostings = 1024

func joinPostings(values [][]byte) ([]byte, error) {
	size, lists := 0, true
	for _, v := range values {
		size += len(v)
		lists = lists && len(v) > 0 && v[0] == postingList
	}
	if lists && size <= shortPostings {
		return joinLists(values, size)
	}
	var set chunkSet
	for _, v := range values {
		if err := addPostings(set[:], v); err != nil {
			return nil, err
		}
	}
	return set.encode(), nil
}

func joinLists(values [][]byte, size int) (_ []byte, err error) {
	lows := make([]uint16, 0, size)
	for _, v := range values {
		if lows, err = listed(lows, v); err != nil {
			return nil, err
		}
	}
	slices.Sort(lows) // Mostly in order already: batches follow each other.
	return appendPostings(make([]byte, 0, size), slices.Compact(lows)), nil
}

// listed appends the ids of a chunk that is a list to lows.
func listed(lows []uint16, value []byte) ([]uint16, error) {
	low := uint64(0)
	for rest := value[1:]; len(rest) > 0; {
		d, n := binary.Uvarint(rest)
		if n <= 0 || d >= chunkDocs || low+d >= chunkDocs {
			return nil, errCorrupt
		}
		low += d
		lows = append(lows, uint16(low))
		rest = rest[n:]
	}
	return lows, nil
}

// lessPostings leaves documents out of a posting chunk; left is nil when none stays.
func lessPostings(value []byte, keep func(low uint16) bool) (left []byte, changed bool, err error) {
	var lows []uint16
	if len(value) > 0 && value[0] == postingList {
		lows, err = listed(nil, value)
	} else {
		var set chunkSet
		err = addPostings(set[:], value)
		lows = set.lows()
	}
	if err != nil {
		return nil, false, err
	}
	n := len(lows)
	if lows = slices.DeleteFunc(lows, func(low uint16) bool { return !keep(low) }); len(lows) == 0 {
		return nil, n > 0, nil
	}
	return appendPostings(nil, lows), len(lows) < n, nil
}
