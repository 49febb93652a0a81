package index

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

// tx is a batch in the making that also answers reads, as if it were applied
// already.
type tx struct {
	db      *pebble.DB
	batch   *pebble.Batch
	fresh   map[string][]byte   // Set in this batch; nil is deleted.
	groups  map[string][]string // Keys of fresh that are read in ranges, by the beginning they share.
	orphans map[uint64]struct{} // Subjects with a row in 'z'.

	*termTable
}

// termTable gathers the terms of the documents of a batch, so that each key is
// written once. It is used again for the next batch.
type termTable struct {
	heads map[string]int32 // by field and term: index in terms
	slots map[*vocabulary]*slots
	terms []termHits
	hits  []termHit // No pointers in it: there are a million, and they would all be followed.
	from  []docHits

	people []byte // Terms that were written to the list of people, each behind 0x00.
}

// maxKeptHits bounds the memory that stays with a table between batches.
const maxKeptHits = 1 << 21

func (t *termTable) reset() {
	if cap(t.hits) > maxKeptHits {
		*t = termTable{}
	}
	if t.heads == nil {
		t.heads, t.slots = map[string]int32{}, map[*vocabulary]*slots{}
	}
	for v, s := range t.slots {
		if !s.used { // Its writer has begun a new one.
			delete(t.slots, v)
		}
		clear(s.at)
		s.used = false
	}
	clear(t.heads)
	clear(t.terms)
	clear(t.from)
	t.hits, t.terms, t.from, t.people = t.hits[:0], t.terms[:0], t.from[:0], t.people[:0]
}

// slots are the terms of a vocabulary, by their numbers: index in terms plus one; 0 for those that are not in the batch.
type slots struct {
	at   []int32
	used bool // In this batch.
}

// termHits is a chain of documents that have a term.
type termHits struct {
	key         string
	first, last int32
}

// termHit is the i-th term of what from[of] has.
type termHit struct {
	of, i uint32
	next  int32 // -1 at the end
}

// docHits is terms of a document.
type docHits struct {
	doc   docID
	terms *docTerms
}

// entry is the entry of its i-th term in a positions chunk; without places for a value as a whole.
func (d docHits) entry(i uint32) posEntry {
	start := uint32(0)
	if i > 0 {
		start = d.terms.ends[i-1]
	}
	return posEntry{uint16(d.doc), d.terms.data[start:d.terms.ends[i]]}
}

func newTx(db *pebble.DB, orphans map[uint64]struct{}, terms *termTable) *tx {
	terms.reset()
	return &tx{
		db: db, batch: db.NewBatch(), orphans: orphans,
		fresh: map[string][]byte{}, groups: map[string][]string{}, termTable: terms,
	}
}

// present makes a value that is in the batch differ from one that was deleted.
var present = []byte{}

func (t *tx) get(key []byte) ([]byte, error) {
	if value, ok := t.fresh[string(key)]; ok {
		return value, nil
	}
	return getCopy(t.db, key)
}

// getCopy returns a value that stays valid; nil when there is none.
func getCopy(r pebble.Reader, key []byte) ([]byte, error) {
	value, closer, err := r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	value = append(present, value...)
	if value == nil {
		value = present
	}
	return value, closer.Close()
}

func (t *tx) set(key, value []byte) {
	if value == nil {
		value = present
	}
	t.note(key, value)
	mustBatch(t.batch.Set(key, value, nil))
}

func (t *tx) delete(key []byte) {
	t.note(key, nil)
	mustBatch(t.batch.Delete(key, nil))
}

// write sets a key that no record reads back.
func (t *tx) write(key, value []byte) { mustBatch(t.batch.Set(key, value, nil)) }

// mustBatch takes the error of a batch that is not indexed: there is none.
func mustBatch(err error) {
	if err != nil {
		panic("index: add to batch: " + err.Error())
	}
}

func (t *tx) note(key, value []byte) {
	k := string(key)
	if _, known := t.fresh[k]; !known {
		if n := groupLength(key[0]); n > 0 {
			t.groups[k[:n]] = append(t.groups[k[:n]], k)
		}
	}
	t.fresh[k] = value
}

// groupLength is how much of a key those that are read together share; 0 for
// families that are read one by one.
func groupLength(family byte) int {
	switch family {
	case famMember, famSighting:
		return 1 + 4
	case famSubject, famOrphan:
		return 1 + 8
	case famFragment:
		return 1 + 16
	}
	return 0
}

type row struct{ key, value []byte }

// rows lists from until before to, which share their group, in no order.
func (t *tx) rows(from, to []byte) ([]row, error) {
	var out []row
	it, err := t.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return nil, err
	}
	for ok := it.First(); ok; ok = it.Next() {
		if _, changed := t.fresh[string(it.Key())]; !changed {
			out = append(out, row{bytes.Clone(it.Key()), bytes.Clone(it.Value())})
		}
	}
	for _, k := range t.groups[string(from[:groupLength(from[0])])] {
		value := t.fresh[k]
		if value != nil && k >= string(from) && k < string(to) {
			out = append(out, row{[]byte(k), value})
		}
	}
	return out, it.Close()
}

// keys lists those that begin with prefix, which is the beginning of a group.
func (t *tx) keys(prefix []byte) ([][]byte, error) {
	rows, err := t.rows(prefix, after(prefix))
	keys := make([][]byte, len(rows))
	for i, r := range rows {
		keys[i] = r.key
	}
	return keys, err
}

func (t *tx) stored(doc docID) (*stored, error) {
	value, err := t.get(docKey(famSummary, doc))
	if err != nil {
		return nil, err
	}
	return decodeStored(value)
}

// add notes the terms of a document.
func (t *termTable) add(doc docID, d *docTerms) {
	of := uint32(len(t.from))
	t.from = append(t.from, docHits{doc, d})
	at := t.slotsOf(d)
	for i, id := range d.ids {
		n := int32(len(t.hits))
		t.hits = append(t.hits, termHit{of, uint32(i), -1})
		if at[id] == 0 {
			at[id] = t.slot(d.key(i)) + 1
		}
		term := &t.terms[at[id]-1]
		if term.first < 0 {
			term.first = n
		} else {
			t.hits[term.last].next = n
		}
		term.last = n
	}
}

// slotsOf gives room for all terms of the vocabulary that a document's are of.
func (t *termTable) slotsOf(d *docTerms) []int32 {
	s := t.slots[d.of]
	if s == nil {
		s = &slots{}
		t.slots[d.of] = s
	}
	s.used = true
	if n := len(d.names) - len(s.at); n > 0 {
		s.at = append(s.at, make([]int32, n)...)
	}
	return s.at
}

// slot is the index of a term, which no document has yet when it is new.
func (t *termTable) slot(key string) int32 {
	i, ok := t.heads[key]
	if !ok {
		i = int32(len(t.terms))
		t.heads[key] = i
		t.terms = append(t.terms, termHits{key, -1, -1})
	}
	return i
}

// flush writes all terms to a batch in order of their keys.
func (t *termTable) flush(b *pebble.Batch) {
	slices.SortFunc(t.terms, func(a, b termHits) int { return strings.Compare(a.key, b.key) })
	var chain []termHit
	var w chunkWriter
	doc := func(h termHit) docID { return t.from[h.of].doc }
	byDoc := func(a, b termHit) int { return cmp.Compare(doc(a), doc(b)) }
	for _, term := range t.terms {
		if listed := term.key[0] == byte(fieldParticipant) && inList(term.key[1:]); listed {
			mustBatch(b.Set(append([]byte{famTerm}, term.key[1:]...), nil, nil))
			t.people = append(append(t.people, 0), term.key[1:]...)
		}
		chain = chain[:0]
		for i := term.first; i >= 0; i = t.hits[i].next {
			chain = append(chain, t.hits[i])
		}
		if !slices.IsSortedFunc(chain, byDoc) {
			slices.SortStableFunc(chain, byDoc)
		}
		for rest := chain; len(rest) > 0; {
			n := 1
			for n < len(rest) && doc(rest[n])>>chunkBits == doc(rest[0])>>chunkBits {
				n++
			}
			w.write(b, term.key, t.from, rest[:n])
			rest = rest[n:]
		}
	}
}

// chunkWriter turns hits of one chunk into merge operands.
type chunkWriter struct {
	key, value []byte
	lows       []uint16
	entries    []posEntry
	positions  posWriter
}

func (w *chunkWriter) write(b *pebble.Batch, term string, from []docHits, hits []termHit) {
	w.lows, w.entries = w.lows[:0], w.entries[:0]
	for _, h := range hits {
		e := from[h.of].entry(h.i)
		if n := len(w.lows); n == 0 || w.lows[n-1] != e.low {
			w.lows = append(w.lows, e.low)
		}
		if len(e.at) == 0 {
			continue
		}
		if n := len(w.entries); n > 0 && w.entries[n-1].low == e.low {
			w.entries[n-1] = unionEntry([]posEntry{w.entries[n-1], e})
		} else {
			w.entries = append(w.entries, e)
		}
	}
	w.key = append(append(append(w.key[:0], famPostings), term...), 0)
	w.key = binary.BigEndian.AppendUint16(w.key, uint16(from[hits[0].of].doc>>chunkBits))
	w.value = appendPostings(w.value[:0], w.lows)
	mustBatch(b.Merge(w.key, w.value, nil))
	if len(w.entries) == 0 {
		return
	}
	w.key[0] = famPositions
	w.value = w.positions.write(w.value[:0], w.entries)
	mustBatch(b.Merge(w.key, w.value, nil))
}
