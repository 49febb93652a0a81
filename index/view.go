package index

import (
	"cmp"
	"slices"
	"sort"

	"github.com/RoaringBitmap/roaring/v2"

	"polytrace/archive"
)

// view is what of the documents is kept in memory, about 51 bytes each: what
// orders, limits and counts results. A view never changes; apply makes the next one,
// which shares with it all that stayed.
type view struct {
	n       docID    // documents
	date    []int64  // Unix milliseconds
	came    []int64  // Unix milliseconds; of the copy that came first
	size    []int64  // bytes
	length  []uint32 // words of the body
	why     []byte   // it is unsearchable: index in reasons
	read    []uint16 // who read its attached files, see reread.go
	place   []place
	thread  column
	streams []archive.Stream
	author  []uint32        // who wrote it: index in authors
	authors []string        // addresses as terms; the first is none
	people  peopleList      // Terms of all people, for patterns.
	hidden  *roaring.Bitmap // Documents that are not to be found: the dead, and those that only sightings were seen of yet.
	dead    *roaring.Bitmap // Documents that a decision took an arrival from.
	removed removals
	order   calendar // All others, and some of the dead.
}

// place is an address in little memory.
type place struct {
	position archive.Position
	stream   uint16 // index in view.streams
}

func (v *view) address(doc docID) archive.Address {
	p := v.place[doc]
	return archive.Address{Stream: v.streams[p.stream], Position: p.position}
}

// sortKey orders documents by date, and among equals by their address, so
// that a rebuilt index gives the same order.
type sortKey struct {
	date int64
	at   archive.Address
}

func (v *view) key(doc docID) sortKey { return sortKey{v.date[doc], v.address(doc)} }

func (k sortKey) compare(o sortKey) int {
	if k.date != o.date {
		return cmp.Compare(k.date, o.date)
	}
	return compareAddress(k.at, o.at)
}

func compareAddress(a, b archive.Address) int {
	if c := cmp.Compare(a.Stream, b.Stream); c != 0 {
		return c
	}
	return cmp.Compare(a.Position, b.Position)
}

func (v *view) compare(a, b docID) int {
	if d := cmp.Compare(v.date[a], v.date[b]); d != 0 {
		return d
	}
	return v.key(a).compare(v.key(b))
}

// stream gives a stream its number, a new one when it has none.
func (v *view) stream(s archive.Stream) uint16 {
	for i, known := range v.streams {
		if known == s {
			return uint16(i)
		}
	}
	v.streams = append(slices.Clip(v.streams), s)
	return uint16(len(v.streams) - 1)
}

// numberOf gives an address its number, a new one when it has none in this view. known are those of
// all views; of a batch that failed there may be too many.
func (v *view) numberOf(term string, known map[string]uint32) uint32 {
	if n, ok := known[term]; ok && int(n) < len(v.authors) && v.authors[n] == term {
		return n
	}
	n := uint32(len(v.authors))
	v.authors = append(v.authors, term)
	known[term] = n
	return n
}

// add appends a document that nothing is known of but its number.
func (v *view) add() docID {
	v.date, v.came, v.size = append(v.date, 0), append(v.came, 0), append(v.size, 0)
	v.length, v.why, v.read, v.place = append(v.length, 0), append(v.why, 0), append(v.read, 0), append(v.place, place{})
	v.author = append(v.author, 0)
	v.thread = v.thread.with(v.n)
	v.n++
	return v.n - 1
}

// own copies what other views see too, before a document is changed that they have.
func (v *view) own() {
	v.date, v.came, v.size = slices.Clone(v.date), slices.Clone(v.came), slices.Clone(v.size)
	v.length, v.why, v.read, v.place = slices.Clone(v.length), slices.Clone(v.why), slices.Clone(v.read), slices.Clone(v.place)
	v.author = slices.Clone(v.author)
}

// calendar is the documents in order, oldest first, in blocks, so that one
// that comes between others moves few of them. It never changes.
type calendar [][]docID

const calendarBlock = 4096

// with adds documents.
func (c calendar) with(v *view, docs []docID) calendar {
	if len(docs) == 0 {
		return c
	}
	docs = slices.Clone(docs)
	slices.SortFunc(docs, v.compare)
	next := make(calendar, 0, len(c)+len(docs)/calendarBlock+1)
	for i, block := range c {
		n := len(docs)
		if i+1 < len(c) { // All that go before the next block.
			n = sort.Search(n, func(j int) bool { return v.compare(docs[j], c[i+1][0]) > 0 })
		}
		next = append(next, mergeBlock(v, block, docs[:n])...)
		docs = docs[n:]
	}
	return append(next, mergeBlock(v, nil, docs)...)
}

// mergeBlock merges two sorted runs and cuts the result into blocks.
func mergeBlock(v *view, a, b []docID) calendar {
	if len(b) == 0 {
		if len(a) == 0 {
			return nil
		}
		return calendar{a}
	}
	all := make([]docID, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if v.compare(a[0], b[0]) <= 0 {
			all, a = append(all, a[0]), a[1:]
		} else {
			all, b = append(all, b[0]), b[1:]
		}
	}
	all = append(append(all, a...), b...)
	var out calendar
	for len(all) > 2*calendarBlock {
		out = append(out, all[:calendarBlock:calendarBlock])
		all = all[calendarBlock:]
	}
	return append(out, all)
}

// without leaves documents out.
func (c calendar) without(gone *roaring.Bitmap) calendar {
	next := make(calendar, 0, len(c))
	for _, block := range c {
		if slices.ContainsFunc(block, gone.Contains) {
			block = slices.DeleteFunc(slices.Clone(block), gone.Contains)
		}
		if len(block) > 0 {
			next = append(next, block)
		}
	}
	return next
}

// rebuilt orders all documents that are not hidden anew.
func (v *view) rebuilt() calendar {
	docs := make([]docID, 0, v.n)
	for doc := range v.n {
		if !v.hidden.Contains(doc) {
			docs = append(docs, doc)
		}
	}
	return calendar(nil).with(v, docs)
}

// seek finds the first document for which past holds; past holds for all behind it.
func (c calendar) seek(past func(docID) bool) (block, i int) {
	block = sort.Search(len(c), func(i int) bool { return past(c[i][len(c[i])-1]) })
	if block == len(c) {
		return block, 0
	}
	return block, sort.Search(len(c[block]), func(i int) bool { return past(c[block][i]) })
}

// between adds the documents from date from until before date to.
func (v *view) between(set []uint64, from, to int64) {
	block, i := v.order.seek(func(doc docID) bool { return v.date[doc] >= from })
	for ; block < len(v.order); block, i = block+1, 0 {
		for _, doc := range v.order[block][i:] {
			if v.date[doc] >= to {
				return
			}
			set[doc/64] |= 1 << (doc % 64)
		}
	}
}
