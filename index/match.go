package index

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/cockroachdb/pebble/v2"

	"polytrace/archive"
	"polytrace/casework"
)

// matching asks standing queries about what a batch changed, once that is
// committed. It is the search that asks, about a few documents instead of all.
type matching struct {
	*finder
	*watching
	u       *unmatched
	batch   *pebble.Batch
	changed bool
	owned   map[int]bool // Places in found that are copied.
}

// match completes a state that nobody sees yet.
func (x *Index) match(s *state) error {
	u := s.unmatched
	s.unmatched = nil
	if u == nil {
		return nil
	}
	w := *s.watching
	w.found = slices.Clone(w.found)
	m := &matching{finder: &finder{ctx: context.Background(), snap: x.db, v: &s.view}, watching: &w, u: u, batch: x.db.NewBatch(), owned: map[int]bool{}}
	if err := m.all(); err != nil {
		return errors.Join(err, m.batch.Close())
	}
	s.watching = &w
	if !m.changed { // Who looks again finds nothing again.
		return m.batch.Close()
	}
	mustBatch(m.batch.Delete(unmatchedKey, nil))
	return errors.Join(x.db.Apply(m.batch, pebble.NoSync), m.batch.Close())
}

// matchLeft does what was left to do before a crash.
func (x *Index) matchLeft(s *state) error {
	raw, err := getCopy(x.db, unmatchedKey)
	if err != nil || len(s.watching.list) == 0 {
		return err
	}
	u := &unmatched{wide: true, due: map[int32][]docID{}}
	if raw != nil && json.Unmarshal(raw, u) != nil {
		return errCorrupt
	}
	for at := range s.watching.list {
		for doc := range u.Docs {
			u.add(int32(at), doc)
		}
	}
	s.unmatched = u
	return x.match(s)
}

func (m *matching) all() error {
	m.renew()
	for at, docs := range m.u.due {
		if err := m.ask(int(at), docs); err != nil {
			return err
		}
	}
	for at, w := range m.list {
		whole := slices.Contains(m.u.Whole, w.number)
		switch {
		case w.wide && w.err == nil && (whole || m.u.wide):
			if err := m.askWide(at); err != nil {
				return err
			}
		case whole:
			if err := m.ask(at, append(m.since(w.Since), m.found[at].ToArray()...)); err != nil {
				return err
			}
		}
	}
	return nil
}

// renew brings up to date which documents wide watches are about.
func (m *matching) renew() {
	for _, at := range m.plan.wide {
		w := m.list[at]
		if w.eligible == nil || slices.Contains(m.u.Whole, w.number) {
			w.eligible = roaring.BitmapOf(m.since(w.Since)...)
			continue
		}
		next := w.eligible.Clone()
		for doc := range m.u.Docs {
			next.Remove(doc)
			if m.receivedFrom(doc, w.Since) {
				next.Add(doc)
			}
		}
		w.eligible = next // Of the one who applies alone.
	}
}

// since lists the documents that were received from a time on.
func (m *matching) since(t time.Time) (docs []docID) {
	for doc := range m.v.n {
		if m.receivedFrom(doc, t) {
			docs = append(docs, doc)
		}
	}
	return docs
}

// receivedFrom reports whether a document can be found and was received from a time on, to the millisecond.
func (m *matching) receivedFrom(doc docID, t time.Time) bool {
	return doc < m.v.n && m.v.came[doc] >= t.UnixMilli() && !m.v.hidden.Contains(doc)
}

// ask asks one query about some documents, and notes where the answer is another one than before.
func (m *matching) ask(at int, docs []docID) error {
	hits, err := m.holds(m.list[at], docs)
	if err != nil {
		return err
	}
	slices.Sort(docs)
	for _, doc := range slices.Compact(docs) {
		if err := m.settle(at, doc, hits.Contains(doc)); err != nil {
			return err
		}
	}
	return nil
}

// holds finds those of some documents that were received since and for which the query holds.
func (m *matching) holds(w *watch, docs []docID) (*roaring.Bitmap, error) {
	hits := roaring.New()
	if w.err != nil {
		return hits, nil
	}
	moments := map[int64]docSet{} // By when a message was received; all at once where that does not matter.
	for _, doc := range docs {
		if !m.receivedFrom(doc, w.Since) {
			continue
		}
		received := int64(0)
		if w.relative {
			received = m.v.came[doc]
		}
		if moments[received] == nil {
			moments[received] = m.none()
		}
		moments[received].add(doc)
	}
	for received, within := range moments {
		n, err := m.askedAt(w, received)
		if err != nil {
			return nil, err
		}
		s, err := m.eval(n, within)
		if err != nil {
			return nil, err
		}
		s.and(within)
		if m.within != nil {
			s.and(m.within)
		}
		s.each(func(doc docID) { hits.Add(doc) })
	}
	return hits, nil
}

// askWide asks a query that depends on more than the documents themselves about all.
func (m *matching) askWide(at int) error {
	w := m.list[at]
	s, err := m.eval(w.node, nil)
	if err != nil {
		return err
	}
	for it := roaring.Or(w.eligible, m.found[at]).Iterator(); it.HasNext(); {
		doc := it.Next()
		if doc >= m.v.n || m.v.dead.Contains(doc) {
			continue
		}
		if err := m.settle(at, doc, s.has(doc) && w.eligible.Contains(doc) && !m.v.hidden.Contains(doc)); err != nil {
			return err
		}
	}
	return nil
}

// settle writes or deletes the row of a match.
func (m *matching) settle(at int, doc docID, holds bool) error {
	if m.found[at].Contains(doc) == holds {
		return nil
	}
	w := m.list[at]
	m.changed = true
	if !m.owned[at] {
		m.owned[at], m.found[at] = true, m.found[at].Clone()
	}
	if !holds {
		m.found[at].Remove(doc)
		prefix := matchPrefix(w.number)
		return eachIn(m.snap, prefix, func(key, _ []byte) error {
			if keyDoc(key) == doc {
				mustBatch(m.batch.Delete(bytes.Clone(key), nil))
			}
			return nil
		})
	}
	m.found[at].Add(doc)
	by, changed := m.u.Docs[doc]
	switch {
	case !changed && w.wide:
		by = m.u.By
	case changed:
		by = m.u.first(w.node, doc, by)
	}
	if by.Stream == "" || slices.Contains(m.u.Whole, w.number) {
		by = m.v.address(doc)
	}
	mustBatch(m.batch.Set(matchKey(w.number, by, doc), nil, nil))
	return nil
}

// first is the record with which a document came to match that came in the batch
// by several. It would have been that one, had each been in a batch of its own,
// which is not certain where order counts and not only words.
func (u *unmatched) first(n Node, doc docID, last archive.Address) archive.Address {
	terms := map[string]bool{}
	list := u.came[doc]
	for i, c := range list {
		for i := range c.terms.ids {
			terms[c.terms.key(i)] = true
		}
		if i+1 < len(list) && list[i+1].by == c.by {
			continue
		}
		if possible(n, func(f field, text string) bool { return terms[string([]byte{byte(f)})+text] }) {
			return c.by
		}
	}
	return last
}

// Matches is what a watched search found.
type Matches struct {
	Items []Match            // In the order of streams and of positions in them.
	Upto  casework.Positions // What comes to match later does so with a record from these positions on.
}

// Match is a message that came to match a watched search.
type Match struct {
	Message archive.Address
	By      archive.Address // The record with which it did: its own, a later copy, or a decision.
}

// ErrNotWatched is told of a search that is not watched, or not yet.
var ErrNotWatched = errors.New("the search is not watched")

// Matches lists what a watched search found with records from the positions in
// after on, and is within the limits; nil is from the first. With Upto as the next after
// nothing is missed and nothing comes twice, but for what several copies of a message tell: when
// the index was built anew or lost its end in a crash in between, a message may count by another of them.
func (r Reader) Matches(ctx context.Context, key casework.SearchKey, after casework.Positions) (*Matches, error) {
	out := &Matches{}
	err := r.look(ctx, func(f *finder, s *state) error {
		matches, err := r.matches(f, s, key, after)
		for _, one := range matches {
			out.Items = append(out.Items, Match{f.v.address(one.doc), one.by})
		}
		out.Upto = s.ends()
		return err
	})
	return out, err
}

// News is what a watched search found, for people.
type News struct {
	Total int
	Items []Summary // The newest first, by date.
	Upto  casework.Positions
}

// News is Matches as people see it, with the first of them.
func (r Reader) News(ctx context.Context, key casework.SearchKey, after casework.Positions, limit int) (*News, error) {
	out := &News{}
	err := r.look(ctx, func(f *finder, s *state) error {
		matches, err := r.matches(f, s, key, after)
		if err != nil {
			return err
		}
		docs := make([]docID, len(matches))
		for i, one := range matches {
			docs[i] = one.doc
		}
		slices.SortFunc(docs, func(a, b docID) int { return f.v.compare(b, a) })
		out.Total, out.Upto = len(docs), s.ends()
		w := s.watching.list[s.watching.at(key)]
		cutter := r.x.cutters.Get().(*wordCutter)
		defer r.x.cutters.Put(cutter)
		out.Items, err = f.summaries(docs[:min(limit, len(docs))], newHighlighter(cutter, w.shown()))
		return err
	})
	return out, err
}

// shown is the query for marks in what it found.
func (w *watch) shown() Node {
	if w.node == nil {
		return &All{}
	}
	return w.node
}

// Asked is a watched search and how much of it was seen.
type Asked struct {
	Key   casework.SearchKey
	After casework.Positions
}

// Count counts what watched searches found with records from some positions on;
// nothing for one that is not watched or cannot be asked.
func (r Reader) Count(ctx context.Context, all []Asked) ([]int, error) {
	counts := make([]int, len(all))
	if len(all) == 0 {
		return counts, nil
	}
	err := r.look(ctx, func(f *finder, s *state) error {
		for i, one := range all {
			matches, err := r.matches(f, s, one.Key, one.After)
			if err != nil && !errors.Is(err, ErrNotWatched) && !errors.As(err, new(*SyntaxError)) {
				return err
			}
			counts[i] = len(matches)
		}
		return nil
	})
	return counts, err
}

// ends are the positions before which everything is applied.
func (s *state) ends() casework.Positions {
	ends := casework.Positions{}
	for stream, m := range s.marks {
		ends[stream] = m.next
	}
	return ends
}

// matchRow is a row of 'M'.
type matchRow struct {
	doc docID
	by  archive.Address
}

func (r Reader) matches(f *finder, s *state, key casework.SearchKey, after casework.Positions) ([]matchRow, error) {
	at := s.watching.at(key)
	if at < 0 {
		return nil, ErrNotWatched
	}
	w := s.watching.list[at]
	if w.err != nil {
		return nil, w.err
	}
	if w.personal && f.within != nil {
		return matchesAnew(f, s, w, after)
	}
	var out []matchRow
	for _, stream := range slices.Sorted(maps.Keys(s.marks)) {
		from := appendAddress(matchPrefix(w.number), archive.Address{Stream: stream, Position: after[stream]})
		end := append(append(matchPrefix(w.number), stream...), 1)
		it, err := f.snap.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: end})
		if err != nil {
			return nil, err
		}
		for ok := it.First(); ok; ok = it.Next() {
			doc := keyDoc(it.Key())
			if doc >= f.v.n || f.v.hidden.Contains(doc) || !f.sees(doc) {
				continue
			}
			position := binary.BigEndian.Uint64(it.Key()[len(it.Key())-12:])
			out = append(out, matchRow{doc, archive.Address{Stream: stream, Position: archive.Position(position)}})
		}
		if err := errors.Join(it.Error(), it.Close()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// matchesAnew asks the query itself, for somebody to whom it means something else than to
// those who read all: what was matched would tell him of mail that is withheld. Each match counts by its own
// record, whatever else made it one.
func matchesAnew(f *finder, s *state, w *watch, after casework.Positions) (out []matchRow, err error) {
	m := &matching{finder: f, watching: s.watching}
	hits, err := m.holds(w, m.since(w.Since))
	if err != nil {
		return nil, err
	}
	for it := hits.Iterator(); it.HasNext(); {
		doc := it.Next()
		if at := f.v.address(doc); at.Position >= after[at.Stream] {
			out = append(out, matchRow{doc, at})
		}
	}
	slices.SortFunc(out, func(a, b matchRow) int { return compareAddress(a.by, b.by) })
	return out, nil
}
