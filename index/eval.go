package index

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"polytrace/archive"
)

// docSet is a set of documents, a bit for each. At a million documents it
// is 125 kB: for what one query needs, cheaper than anything that is clever about sparse sets.
type docSet []uint64

func (s docSet) has(doc docID) bool { return s[doc/64]&(1<<(doc%64)) != 0 }
func (s docSet) add(doc docID)      { s[doc/64] |= 1 << (doc % 64) }
func (s docSet) remove(doc docID)   { s[doc/64] &^= 1 << (doc % 64) }

func (s docSet) and(o docSet) {
	for i := range s {
		s[i] &= o[i]
	}
}

func (s docSet) or(o docSet) {
	for i := range s {
		s[i] |= o[i]
	}
}

func (s docSet) andNot(o docSet) {
	for i := range s {
		s[i] &^= o[i]
	}
}

func (s docSet) count() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

func (s docSet) empty() bool {
	for _, w := range s {
		if w != 0 {
			return false
		}
	}
	return true
}

// chunk is the part of the set that a posting chunk is about.
func (s docSet) chunk(n int) docSet {
	return s[min(n*chunkWords, len(s)):min((n+1)*chunkWords, len(s))]
}

// each calls do with the documents in order of their numbers.
func (s docSet) each(do func(docID)) {
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			do(docID(i*64 + bits.TrailingZeros64(w)))
		}
	}
}

// finder finds the documents of one query in one snapshot.
type finder struct {
	ctx  context.Context
	snap pebble.Reader
	v    *view

	within docSet           // What may be told of; nil for all.
	limits Within           // Why.
	lender *lender          // Of sets; nil when each is made.
	walk   *pebble.Iterator // Of the question: through postings. Nil until it is needed.
}

// all are the documents that can be found.
func (f *finder) all() docSet {
	s := f.none()
	for i := range s {
		s[i] = math.MaxUint64
	}
	f.trim(s)
	return s
}

// trim leaves out what cannot be found.
func (f *finder) trim(s docSet) {
	if n := f.v.n % 64; n > 0 {
		s[len(s)-1] &= 1<<n - 1 // Records applied since the view was made are in the snapshot too.
	}
	for it := f.v.hidden.Iterator(); it.HasNext(); {
		doc := it.Next()
		if doc >= f.v.n {
			break
		}
		s[doc/64] &^= 1 << (doc % 64)
	}
	if f.within != nil {
		s.and(f.within)
	}
}

// find returns the documents for which a query holds.
func (f *finder) find(n Node) (docSet, error) {
	s, err := f.eval(n, nil)
	if err != nil {
		return nil, err
	}
	f.trim(s)
	return s, nil
}

// eval returns the documents for which n holds. Those outside within, unless it is nil,
// may be missing or not: the caller has no use for them.
func (f *finder) eval(n Node, within docSet) (docSet, error) {
	if err := f.ctx.Err(); err != nil {
		return nil, context.Cause(f.ctx)
	}
	switch n := n.(type) {
	case *All:
		return f.all(), nil
	case *And:
		return f.evalAnd(n, within)
	case *Or:
		return f.evalOr(n, within)
	case *Not:
		s, err := f.eval(n.Kid, within)
		if err != nil {
			return nil, err
		}
		all := f.all()
		all.andNot(s)
		f.drop(s)
		return all, nil
	case *Text:
		return f.evalText(n, within)
	case *Near:
		return f.evalNear(n, within)
	case *Term:
		if n.Field == fieldQueue && f.within != nil {
			return f.throughOpen(n.Slot)
		}
		return f.slot(n.Field, n.Slot, within)
	case *Pattern:
		return f.evalPattern(n)
	case *Span:
		return f.evalSpan(n, within), nil
	case *Received:
		return f.evalReceived(n), nil
	case *Size:
		return f.evalSize(n, within), nil
	case *Unsearchable:
		return f.evalUnsearchable(), nil
	case *Case:
		return f.evalCase(n)
	case *ThreadID:
		return f.evalThread(n)
	case *InThread:
		return f.evalInThread(n)
	case *Digest:
		return f.evalDigest(n)
	case *Parties:
		return f.evalParties(n, within)
	}
	return nil, fmt.Errorf("query has a part of type %T that is not known", n)
}

// cost ranks the parts of an And: what is cheap or leaves little goes first, so that the dear ones have little left to look at.
func cost(n Node) int {
	switch n := n.(type) {
	case *Case, *ThreadID, *Digest:
		return 0
	case *Term:
		return 1
	case *Text:
		if len(n.Slots) > 1 {
			return 6
		}
		if n.Slots[0].Prefix {
			return 5
		}
		return 2
	case *Pattern:
		return 6
	case *Span:
		return 3
	case *Size, *Unsearchable, *Received:
		return 4
	case *Near:
		return 7
	case *Or, *And, *InThread:
		return 8
	}
	return 9
}

func (f *finder) evalAnd(n *And, within docSet) (docSet, error) {
	kids := slices.Clone(n.Kids)
	slices.SortStableFunc(kids, func(a, b Node) int { return cost(a) - cost(b) })
	var s docSet
	for _, kid := range kids {
		if s == nil {
			first, err := f.eval(kid, within)
			if err != nil {
				return nil, err
			}
			if s = first; within != nil {
				s.and(within)
			}
			continue
		}
		if s.empty() {
			return s, nil
		}
		not, negated := kid.(*Not)
		if negated {
			kid = not.Kid
		}
		k, err := f.eval(kid, s)
		if err != nil {
			return nil, err
		}
		if negated {
			s.andNot(k)
		} else {
			s.and(k)
		}
		f.drop(k)
	}
	return s, nil
}

func (f *finder) evalOr(n *Or, within docSet) (docSet, error) {
	s := f.none()
	for _, kid := range n.Kids {
		k, err := f.eval(kid, within)
		if err != nil {
			return nil, err
		}
		s.or(k)
		f.drop(k)
	}
	return s, nil
}

func (f *finder) evalText(n *Text, within docSet) (docSet, error) {
	out := f.none()
	for _, fd := range n.Fields {
		if len(n.Slots) == 1 {
			if err := f.addSlot(out, fd, n.Slots[0], within); err != nil {
				return nil, err
			}
			continue
		}
		s, err := f.phrase(fd, n.Slots, within)
		if err != nil {
			return nil, err
		}
		out.or(s)
		f.drop(s)
	}
	return out, nil
}

// slot returns the documents that have a term, or any that begins with it.
func (f *finder) slot(fd field, s Slot, within docSet) (docSet, error) {
	out := f.none()
	err := f.addSlot(out, fd, s, within)
	return out, err
}

// addSlot adds them to out.
func (f *finder) addSlot(out docSet, fd field, s Slot, within docSet) error {
	return f.chunks(famPostings, fd, s, within, func(chunk int, value []byte) error {
		return addPostings(out.chunk(chunk), value)
	})
}

// chunks calls do with the chunks of a term, or of all terms that begin with it, in which within has documents.
func (f *finder) chunks(family byte, fd field, s Slot, within docSet, do func(chunk int, value []byte) error) error {
	if s.Prefix {
		return f.prefixed(family, fd, s.Text, func(chunk int, value []byte) error {
			if within != nil && within.chunk(chunk).empty() {
				return nil
			}
			return do(chunk, value)
		})
	}
	if family == famPostings && f.lender != nil {
		return f.postings(fd, s.Text, within, do)
	}
	for chunk := f.wanted(within, 0); chunk < f.v.chunks(); chunk = f.wanted(within, chunk+1) {
		if err := f.chunk(family, fd, s.Text, chunk, do); err != nil {
			return err
		}
	}
	return nil
}

// wanted is the first chunk from some on in which within has documents.
func (f *finder) wanted(within docSet, from int) int {
	for within != nil && from < f.v.chunks() && within.chunk(from).empty() {
		from++
	}
	return from
}

// postings is chunks of postings. Those of a term stand next to each other, and so one iterator goes through
// them, and to those of the next, faster than each is looked up.
func (f *finder) postings(fd field, term string, within docSet, do func(chunk int, value []byte) error) (err error) {
	if f.walk == nil {
		if f.walk, err = f.snap.NewIter(&pebble.IterOptions{LowerBound: []byte{famPostings}, UpperBound: []byte{famPostings + 1}}); err != nil {
			return err
		}
	}
	key := chunkKey(famPostings, fd, term, 0)
	prefix := key[:len(key)-2]
	at := -2 // The chunk that the iterator is at.
	for chunk := f.wanted(within, 0); chunk < f.v.chunks(); chunk = f.wanted(within, chunk+1) {
		if at < chunk {
			ok := false
			if at == chunk-1 {
				ok = f.walk.Next()
			} else {
				binary.BigEndian.PutUint16(key[len(prefix):], uint16(chunk))
				ok = f.walk.SeekGE(key)
			}
			if !ok || len(f.walk.Key()) != len(key) || !bytes.HasPrefix(f.walk.Key(), prefix) {
				return f.walk.Error() // There are no more of the term.
			}
			at = keyChunk(f.walk.Key())
		}
		if at > chunk {
			continue
		}
		value, err := f.walk.ValueAndErr()
		if err == nil {
			err = do(chunk, value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// chunks is how many chunks the documents of the view are in.
func (v *view) chunks() int { return int((uint64(v.n) + chunkDocs - 1) >> chunkBits) }

// prefixed calls do with the chunks of every term that begins with text.
func (f *finder) prefixed(family byte, fd field, text string, do func(chunk int, value []byte) error) error {
	prefix := termPrefix(family, fd, text)
	return eachIn(f.snap, prefix[:len(prefix)-1], func(key, value []byte) error {
		return do(keyChunk(key), value)
	})
}

// chunk calls do with one chunk of a term when there is one. The value is valid until do returns.
func (f *finder) chunk(family byte, fd field, term string, chunk int, do func(chunk int, value []byte) error) error {
	value, closer, err := f.snap.Get(chunkKey(family, fd, term, chunk))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(do(chunk, value), closer.Close())
}

func (f *finder) evalSpan(n *Span, within docSet) docSet {
	s := f.none()
	from, to := n.millis()
	if within != nil && within.count() < calendarBlock {
		within.each(func(doc docID) {
			if date := f.v.date[doc]; date >= from && date < to {
				s.add(doc)
			}
		})
		return s
	}
	f.v.between(s, from, to)
	return s
}

// millis are the ends in Unix milliseconds.
func (n *Span) millis() (from, to int64) {
	from, to = math.MinInt64, math.MaxInt64
	if !n.From.IsZero() {
		from = n.From.UnixMilli()
	}
	if !n.To.IsZero() {
		to = n.To.UnixMilli()
	}
	return from, to
}

func (f *finder) evalReceived(n *Received) docSet {
	s := f.none()
	from, to := (*Span)(n).millis()
	for doc, at := range f.v.came[:f.v.n] {
		if at >= from && at < to {
			s.add(docID(doc))
		}
	}
	return s
}

func (f *finder) evalSize(n *Size, within docSet) docSet {
	s := f.none()
	if within != nil {
		within.each(func(doc docID) {
			if size := f.v.size[doc]; size > n.Over && size < n.Under {
				s.add(doc)
			}
		})
		return s
	}
	for doc, size := range f.v.size[:f.v.n] {
		if size > n.Over && size < n.Under {
			s.add(docID(doc))
		}
	}
	return s
}

func (f *finder) evalUnsearchable() docSet {
	s := f.none()
	for doc, why := range f.v.why[:f.v.n] {
		if why != 0 {
			s.add(docID(doc))
		}
	}
	return s
}

func (f *finder) evalCase(n *Case) (docSet, error) {
	if n.Mail != nil {
		return f.mailOf(n.Mail)
	}
	s := f.none()
	prefix := citedKey(n.Number, 0)
	err := eachIn(f.snap, prefix[:5], func(_, value []byte) error {
		if len(value) < len(archive.Digest{}) {
			return errCorrupt
		}
		return f.addDigest(s, value[:len(archive.Digest{})])
	})
	return s, err
}

func (f *finder) addDigest(s docSet, digest []byte) error {
	value, err := getCopy(f.snap, append([]byte{famDigest}, digest...))
	if err != nil || value == nil {
		return err
	}
	f.addDoc(s, binary.BigEndian.Uint32(value))
	return nil
}

// addDoc adds a document unless it came after the view.
func (f *finder) addDoc(s docSet, doc docID) {
	if doc < f.v.n {
		s.add(doc)
	}
}

func (f *finder) evalDigest(n *Digest) (docSet, error) {
	s := f.none()
	digits := n.Hex
	prefix, err := hex.DecodeString(digits[:len(digits)&^1])
	if err != nil {
		return nil, err
	}
	err = eachIn(f.snap, append([]byte{famDigest}, prefix...), func(key, value []byte) error {
		if bytes.HasPrefix([]byte(hex.EncodeToString(key[1:])), []byte(digits)) {
			f.addDoc(s, binary.BigEndian.Uint32(value))
		}
		return nil
	})
	return s, err
}

func (f *finder) evalThread(n *ThreadID) (docSet, error) {
	s := f.none()
	at, ok := threadAddress(n.ID)
	if !ok {
		return s, nil
	}
	c, err := f.conversation(at)
	for _, doc := range c.docs {
		f.addDoc(s, doc)
	}
	return s, err
}

// evalInThread finds the conversations of what is found within the limits.
func (f *finder) evalInThread(n *InThread) (docSet, error) {
	hits, err := f.find(n.Kid)
	if err != nil {
		return nil, err
	}
	s := f.none()
	f.v.allOf(hits, s)
	return s, nil
}

// conversation is the documents of a thread.
type conversation struct {
	docs   []docID // Also those outside of the limits.
	lowest archive.Address
	whole  [][]byte // Keys of 'g': its documents, and those it was split off from.
	split  bool
}

// conversation finds the thread that a record is in; it has no documents when there is no such record.
// One that is dead still leads to those who stay until its rows are deleted.
func (f *finder) conversation(at archive.Address) (c conversation, err error) {
	value, err := f.get(addressKey(at))
	if err != nil || value == nil {
		return c, err
	}
	doc := binary.BigEndian.Uint32(value)
	if doc >= f.v.n || f.v.hidden.Contains(doc) && !f.v.dead.Contains(doc) {
		return c, nil
	}
	if dead, err := f.outside(doc); dead || err != nil {
		return c, err
	}
	s, err := f.stored(doc)
	if err != nil {
		return c, err
	}
	if c.lowest, err = f.lowest(doc, s); err != nil {
		return c, err
	}
	thread := f.v.thread.of(doc)
	c.split = thread >= splitOff
	root, _, err := findThread(f.get, s.thread)
	if err != nil {
		return c, err
	}
	err = eachIn(f.snap, docKey(famMember, root), func(key, _ []byte) error {
		other := keyDoc(key)
		if other >= f.v.n || f.v.hidden.Contains(other) {
			return nil
		}
		c.whole = append(c.whole, bytes.Clone(key))
		if f.v.thread.of(other) == thread {
			c.docs = append(c.docs, other)
		}
		return nil
	})
	return c, err
}

// lowest is the lowest address in the thread of a document.
func (f *finder) lowest(doc docID, s *stored) (archive.Address, error) {
	if thread := f.v.thread.of(doc); thread != noThread && thread >= splitOff {
		return f.v.address(thread % splitOff), nil
	}
	_, row, err := findThread(f.get, s.thread)
	return row.lowest, err
}

// outside reports whether a document is in no thread any more.
func (f *finder) outside(doc docID) (bool, error) {
	value, err := f.get(docKey(famLinks, doc))
	return value == nil, err
}

func (f *finder) get(key []byte) ([]byte, error) { return getCopy(f.snap, key) }

func (f *finder) stored(doc docID) (*stored, error) {
	value, err := f.get(docKey(famSummary, doc))
	if err != nil {
		return nil, err
	}
	return decodeStored(value)
}
