package index

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"polytrace/archive"
	"polytrace/casework"
)

// A saved search that is watched is a standing query: what comes in and matches
// is told. A match is a message for which the query holds and that was received
// when the search was watched already. So the matches follow from the records
// alone, also in a rebuild, and in whatever order the streams are read:
//
//   - "7d" and "yesterday" are those of the moment at which the message was received, and days begin in UTC;
//   - received is when the first of its copies was, to the millisecond;
//   - the watch begins when the record with the decision was received.
//
// With each batch the few standing queries are found that may hold for a
// document which the batch changed (percolate.go), and they alone are asked, as a
// search would be, about these documents (match.go). A document that changes later,
// because a copy tells of another recipient for example, comes or goes as a match
// with that change.
//
//	'S' owner 0x00 name -> watchRow                        all saved searches: others name them
//	'M' watch(4) stream 0x00 position(8) doc(4) -> nothing  a match, and the record with which it came to be one
//	'!watch' -> number(4)                                  of the next watch; none is used twice
//	'!match' -> unmatched                                  what the last batch left to be matched
//
// Rows of 'M' are in the batch behind the one that changed their documents, and
// '!match' is in that one, so that after a crash nothing is missing. Readers see
// both at once.
type watching struct {
	searches casework.Searches // All of them; copied before a change.
	list     []*watch
	found    []*roaring.Bitmap // By place in list: documents with a row.
	plan     *plan
}

// watch is a saved search that is watched.
type watch struct {
	casework.Search
	number uint32
	node   Node
	err    error // Why it cannot be matched; then it matches nothing.
	traits

	eligible *roaring.Bitmap // Received since; nil unless the watch is wide.
}

// traits are what a query depends on besides words.
type traits struct {
	relative bool // On when a message was received.
	numeric  bool // On more of the message than certain terms: its date, its size, whether its text could be read, a pattern.
	named    bool // On other saved searches.
	wide     bool // On other messages or on decisions.
	personal bool // On what its reader may see: queues that are not told to everyone, words of other messages.
}

// watchRow is a value of 'S'.
type watchRow struct {
	casework.Search
	Number uint32 `json:"number,omitempty"` // 0 when it is not watched.
}

var (
	nextWatchKey = []byte{famProperties, 'w', 'a', 't', 'c', 'h'}
	unmatchedKey = []byte{famProperties, 'm', 'a', 't', 'c', 'h'}
)

func savedKey(k casework.SearchKey) []byte {
	return append(append(append([]byte{famSaved}, k.Owner...), 0), k.Name...)
}

// matchPrefix begins the rows of a watch.
func matchPrefix(number uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{famMatch}, number)
}

func matchKey(number uint32, by archive.Address, doc docID) []byte {
	return binary.BigEndian.AppendUint32(appendAddress(matchPrefix(number), by), doc)
}

// names are what the query of a search may name; nothing for one that names nothing.
func (w *watching) names(s casework.Search) Names {
	switch {
	case !namesOthers(s.Query):
		return Names{}
	case s.Shared:
		return Names{Saved: w.searches.Queries("")} // It means the same to everyone.
	}
	return Names{Saved: w.searches.Queries(s.Owner)}
}

// at is the place of a search in the list, -1 when it is not watched.
func (w *watching) at(k casework.SearchKey) int {
	return slices.IndexFunc(w.list, func(one *watch) bool { return one.Key() == k })
}

// read reads the query anew; it reports whether that changed what it asks.
func (w *watch) read(names Names) bool {
	before, wrong := w.node, w.err
	w.node, w.relative, w.err = parse(w.Query, w.Since, names)
	w.traits = traitsOf(w.node, w.relative)
	w.named = namesOthers(w.Query)
	if w.err == nil && w.wide && w.relative {
		w.node, w.err = nil, &SyntaxError{w.Query, 0, "A watched search cannot have both a case: or thread: and a time that is told by how long ago it is. Write the date."}
	}
	return (w.err == nil) != (wrong == nil) || !reflect.DeepEqual(before, w.node)
}

// Watchable says why a search cannot be watched, or cannot be read: a *SyntaxError. Names has
// those that the query may name.
func Watchable(query string, now time.Time, names Names) error {
	w := &watch{Search: casework.Search{Query: query, Since: now}}
	w.read(Names{Saved: names.Saved})
	if _, err := Parse(query, now, names); w.err != nil && err == nil && !w.wide {
		return &SyntaxError{query, 0, "A watched search cannot name an account, whose people change. Write their addresses or domain."}
	}
	return w.err
}

// askedAt is the query of a watch as of when a message was received, in Unix milliseconds.
func (w *watching) askedAt(one *watch, received int64) (Node, error) {
	if !one.relative {
		return one.node, nil
	}
	return Parse(one.Query, time.UnixMilli(received).UTC(), w.names(one.Search))
}

// rewatch applies an event about a saved search; what follows from it is settled at the end of the batch.
func (a *applier) rewatch(e casework.Event, received time.Time) {
	e.At = received.UTC()
	w := *a.watching
	if a.rewatched == nil {
		a.rewatched = map[casework.SearchKey]bool{}
		w.searches = maps.Clone(w.searches)
	}
	if key, ok := w.searches.ApplySearch(e); ok {
		a.rewatched[key] = true
	}
	a.watching = &w
}

// settleWatches has what is watched agree with what is saved. It returns the
// numbers of the watches to be asked about everything.
func (a *applier) settleWatches() (whole []uint32, err error) {
	if len(a.rewatched) == 0 {
		return nil, nil
	}
	old := a.watching
	w := &watching{searches: old.searches}
	next, err := a.nextWatch()
	if err != nil {
		return nil, err
	}
	for i, one := range old.list {
		now, kept := w.searches[one.Key()]
		if kept && now.Watch && now.Since.Equal(one.Since) && now.Query == one.Query {
			same := *one
			same.Search = now
			if (one.named || now.Shared != one.Shared) && same.read(w.names(now)) {
				whole = append(whole, same.number)
			}
			w.list, w.found = append(w.list, &same), append(w.found, old.found[i])
			continue
		}
		prefix := matchPrefix(one.number)
		mustBatch(a.batch.DeleteRange(prefix, after(prefix), nil))
	}
	for _, key := range slices.SortedFunc(maps.Keys(a.rewatched), compareSearch) {
		s, there := w.searches[key]
		row := watchRow{Search: s}
		switch i := w.at(key); {
		case i >= 0:
			row.Number = w.list[i].number
		case s.Watch:
			one := &watch{Search: s, number: next, eligible: roaring.New()}
			one.read(w.names(s))
			w.list, w.found = append(w.list, one), append(w.found, roaring.New())
			whole, row.Number = append(whole, next), next
			next++
		}
		if !there {
			mustBatch(a.batch.Delete(savedKey(key), nil))
			continue
		}
		raw, err := json.Marshal(row)
		if err != nil {
			return nil, fmt.Errorf("marshal saved search: %w", err)
		}
		a.write(savedKey(key), raw)
	}
	a.write(nextWatchKey, binary.BigEndian.AppendUint32(nil, next))
	w.plan = planOf(w.list, a.frequency)
	a.watching = w
	return whole, nil
}

func compareSearch(a, b casework.SearchKey) int {
	return bytes.Compare(savedKey(a), savedKey(b))
}

func (a *applier) nextWatch() (uint32, error) {
	value, err := a.get(nextWatchKey)
	if err != nil || len(value) != 4 {
		return 1, err
	}
	return binary.BigEndian.Uint32(value), nil
}

// loadWatches reads what is watched and what was found.
func (x *Index) loadWatches(s *state) error {
	w := &watching{searches: casework.Searches{}}
	at := map[uint32]int{}
	err := x.each(famSaved, func(_, value []byte) error {
		var row watchRow
		if json.Unmarshal(value, &row) != nil {
			return errCorrupt
		}
		w.searches[row.Key()] = row.Search
		if row.Number > 0 {
			w.list = append(w.list, &watch{Search: row.Search, number: row.Number})
		}
		return nil
	})
	slices.SortFunc(w.list, func(a, b *watch) int { return int(a.number) - int(b.number) })
	for i, one := range w.list {
		one.read(w.names(one.Search))
		w.found = append(w.found, roaring.New())
		at[one.number] = i
	}
	if err != nil {
		return err
	}
	err = x.each(famMatch, func(key, _ []byte) error {
		if len(key) < 1+4+4 {
			return errCorrupt
		}
		if i, ok := at[binary.BigEndian.Uint32(key[1:])]; ok {
			w.found[i].Add(keyDoc(key))
		}
		return nil
	})
	w.plan = planOf(w.list, func(key string) int { return frequency(x.db, s.n, key) })
	s.watching = w
	return err
}

// forgetMatches deletes the rows of documents whose words are gone.
func (a *applier) forgetMatches(docs *roaring.Bitmap) error {
	w := *a.watching
	w.found = slices.Clone(w.found)
	for i, found := range w.found {
		if found.Intersects(docs) {
			w.found[i] = roaring.AndNot(found, docs)
		}
	}
	a.watching = &w
	return eachIn(a.db, []byte{famMatch}, func(key, _ []byte) error {
		if docs.Contains(keyDoc(key)) {
			mustBatch(a.batch.Delete(bytes.Clone(key), nil))
		}
		return nil
	})
}

// noWatches is what an index without records watches.
func noWatches() *watching {
	return &watching{searches: casework.Searches{}, plan: planOf(nil, nil)}
}
