package index

import (
	"bytes"
	"cmp"
	"container/heap"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"polytrace/archive"
)

// The most and the usual number of items of a page.
const (
	defaultLimit = 50
	maxLimit     = 1000
)

// ErrCursor is a cursor that no page gave.
var ErrCursor = errors.New("this cursor does not belong to this search; ask for the first page again")

// Search answers a question; a *SyntaxError when it cannot be read.
func (in Reader) Search(ctx context.Context, r Request) (*Results, error) {
	q, err := Parse(r.Query, r.Now, in.names)
	if err != nil {
		return nil, err
	}
	c, err := parseCursor(r.Cursor, r.Sort)
	if err != nil {
		return nil, err
	}
	if r.Limit <= 0 {
		r.Limit = defaultLimit
	}
	out := &Results{}
	err = in.look(ctx, func(f *finder, s *state) error {
		out.CompleteTo, out.Unsearchable = in.x.completeTo(s, r.Now), int(s.counts.Unsearchable)
		if f.within != nil {
			cannot := f.evalUnsearchable()
			cannot.and(f.within)
			out.Unsearchable = cannot.count()
		}
		return in.x.answer(f, q, r, c, out)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (x *Index) answer(f *finder, q Node, r Request, c *cursor, out *Results) error {
	hits, err := f.find(q)
	if err != nil {
		return err
	}
	out.Total = hits.count()
	p := pager{v: f.v, limit: min(r.Limit, maxLimit), after: c}
	switch r.Sort {
	case Oldest:
		p.oldest = true
	case Relevance:
		p.ranks = true
	}
	page, more, err := p.page(f, q, hits)
	if err != nil {
		return err
	}
	docs := make([]docID, len(page))
	for i, r := range page {
		docs[i] = r.doc
	}
	cutter := x.cutters.Get().(*wordCutter)
	defer x.cutters.Put(cutter)
	if out.Items, err = f.summaries(docs, newHighlighter(cutter, q)); err != nil {
		return err
	}
	if more {
		out.Next = p.cursorOf(page[len(page)-1]).text(r.Sort)
	}
	if c == nil {
		days := f.v.daily(hits, r.Now.Location())
		out.Volume = days.buckets()
		if r.Facets {
			out.Facets, err = f.facets(hits, days)
		}
	}
	return err
}

// completeTo is the time before which every record received was applied. What
// another machine received and has not passed on is not known: it says no more
// than the last record does.
func (x *Index) completeTo(s *state, now time.Time) time.Time {
	if x.blind {
		return time.Time{}
	}
	complete := now
	if x.follow {
		complete = time.Time{}
		for stream, m := range s.marks {
			if !stream.Ours() && m.received.After(complete) {
				complete = m.received
			}
		}
	}
	for _, stream := range x.streams() {
		m := s.marks[stream]
		if !stream.Ours() && m.next < x.archive.Next(stream) && m.received.Before(complete) {
			complete = m.received
		}
	}
	if since := time.UnixMilli(s.counts.QueuedSince); s.counts.Queued > 0 && since.Before(complete) {
		complete = since
	}
	return complete.UTC()
}

// cursor is the place behind the last item of a page. It names dates and addresses, so it
// holds while mail comes in, and after a rebuild. Of relevance it also names the
// score, and the number of documents it was reckoned with.
type cursor struct {
	key   sortKey
	score float32
	n     docID
}

func (c cursor) text(s Sort) string {
	parts := []string{string(s), strconv.FormatInt(c.key.date, 10), c.key.at.String()}
	if s == Relevance {
		parts = append(parts, strconv.FormatUint(uint64(math.Float32bits(c.score)), 16), strconv.FormatUint(uint64(c.n), 10))
	}
	return base64.RawURLEncoding.EncodeToString([]byte(strings.Join(parts, " ")))
}

func parseCursor(text string, s Sort) (*cursor, error) {
	if s != Newest && s != Oldest && s != Relevance {
		return nil, errors.New("unknown order " + strconv.Quote(string(s)) + "; known are oldest and relevance, and newest when none is named")
	}
	if text == "" {
		return nil, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	parts := strings.Split(string(raw), " ")
	if err != nil || parts[0] != string(s) || len(parts) != 3 && (s != Relevance || len(parts) != 5) {
		return nil, ErrCursor
	}
	c := &cursor{}
	c.key.date, err = strconv.ParseInt(parts[1], 10, 64)
	at, err2 := archive.ParseAddress(parts[2])
	c.key.at = at
	if s == Relevance {
		if len(parts) != 5 {
			return nil, ErrCursor
		}
		score, err3 := strconv.ParseUint(parts[3], 16, 32)
		n, err4 := strconv.ParseUint(parts[4], 10, 32)
		c.score, c.n = math.Float32frombits(uint32(score)), docID(n)
		err = errors.Join(err, err3, err4)
	}
	if errors.Join(err, err2) != nil {
		return nil, ErrCursor
	}
	return c, nil
}

// pager picks a page out of the hits.
type pager struct {
	v      *view
	limit  int
	after  *cursor
	oldest bool
	ranks  bool  // By score, and those of the same by date.
	n      docID // Documents that scores are reckoned with.
}

// ranked is a document and its score; 0 where scores do not count.
type ranked struct {
	doc   docID
	score float32
}

func (p *pager) cursorOf(r ranked) cursor { return cursor{key: p.v.key(r.doc), score: r.score, n: p.n} }

// compare orders documents as they are shown.
func (p *pager) compare(a, b ranked) int {
	if a.score != b.score {
		return cmp.Compare(b.score, a.score)
	}
	if p.oldest {
		return p.v.compare(a.doc, b.doc)
	}
	return p.v.compare(b.doc, a.doc)
}

// passed reports whether the page before showed a document or one behind it.
func (p *pager) passed(r ranked) bool {
	if p.after == nil {
		return false
	}
	if p.ranks && r.score != p.after.score {
		return r.score > p.after.score
	}
	c := p.v.date[r.doc] - p.after.key.date
	if c == 0 {
		c = int64(compareAddress(p.v.address(r.doc), p.after.key.at))
	}
	if p.oldest {
		return c <= 0
	}
	return c >= 0
}

// page returns the next documents, and whether there are more. When hits are dense it walks
// the documents in order until the page is full; when they are few it looks at each.
func (p *pager) page(f *finder, q Node, hits docSet) (page []ranked, more bool, err error) {
	n, found := float64(p.v.n), float64(hits.count())
	switch {
	case p.ranks:
		page, err = p.best(f, q, hits)
	case found*found < n*float64(p.limit):
		page = p.pick(hits)
	default:
		page = p.walk(hits)
	}
	if err == nil && len(page) > p.limit {
		return page[:p.limit], true, nil
	}
	return page, false, err
}

// walk goes through the documents in order of date.
func (p *pager) walk(hits docSet) (page []ranked) {
	order := p.v.order
	take := func(doc docID) bool {
		if hits.has(doc) && !p.passed(ranked{doc: doc}) {
			page = append(page, ranked{doc: doc})
		}
		return len(page) <= p.limit
	}
	if p.oldest {
		b, i := 0, 0
		if p.after != nil {
			b, i = order.seek(func(doc docID) bool { return p.v.key(doc).compare(p.after.key) > 0 })
		}
		for ; b < len(order); b, i = b+1, 0 {
			for _, doc := range order[b][i:] {
				if !take(doc) {
					return page
				}
			}
		}
		return page
	}
	b, i := len(order), 0
	if p.after != nil {
		b, i = order.seek(func(doc docID) bool { return p.v.key(doc).compare(p.after.key) >= 0 })
	}
	for {
		for i--; i >= 0; i-- {
			if !take(order[b][i]) {
				return page
			}
		}
		if b--; b < 0 {
			return page
		}
		i = len(order[b])
	}
}

// best reckons scores with the documents that there were at the first page.
func (p *pager) best(f *finder, q Node, hits docSet) ([]ranked, error) {
	if p.n = f.v.n; p.after != nil && p.after.n < p.n {
		p.n = p.after.n
		older, g := *f.v, *f
		older.n, g.v = p.n, &older
		for doc := p.n; doc < f.v.n; doc++ {
			hits[doc/64] &^= 1 << (doc % 64)
		}
		f = &g
	}
	h := &docHeap{p: p}
	err := f.rank(q, hits, h.offer)
	return h.sorted(), err
}

// pick looks at each hit.
func (p *pager) pick(hits docSet) []ranked {
	h := &docHeap{p: p}
	hits.each(func(doc docID) { h.offer(ranked{doc: doc}) })
	return h.sorted()
}

// docHeap keeps the first documents of the page and one more; its top is the last of them.
type docHeap struct {
	p    *pager
	docs []ranked
}

// offer keeps a document when it is among the first. It returns the score below which none is any more.
func (h *docHeap) offer(r ranked) float32 {
	full := len(h.docs) > h.p.limit
	switch {
	case full && (r.score < h.docs[0].score || h.p.compare(r, h.docs[0]) >= 0), h.p.passed(r):
	case full:
		h.docs[0] = r
		heap.Fix(h, 0)
	default:
		heap.Push(h, r)
	}
	if len(h.docs) > h.p.limit {
		return h.docs[0].score
	}
	return 0
}

// sorted ends it.
func (h *docHeap) sorted() []ranked {
	slices.SortFunc(h.docs, h.p.compare)
	return h.docs
}

func (h *docHeap) Len() int           { return len(h.docs) }
func (h *docHeap) Less(i, j int) bool { return h.p.compare(h.docs[i], h.docs[j]) > 0 }
func (h *docHeap) Swap(i, j int)      { h.docs[i], h.docs[j] = h.docs[j], h.docs[i] }
func (h *docHeap) Push(x any)         { h.docs = append(h.docs, x.(ranked)) }
func (h *docHeap) Pop() any {
	last := h.docs[len(h.docs)-1]
	h.docs = h.docs[:len(h.docs)-1]
	return last
}

// cases lists the cases that cite any copy of a document, in order.
func (f *finder) cases(doc docID, s *stored, citing *pebble.Iterator) ([]int, error) {
	if s.copies < 2 {
		return casesOf(citing, s.sha256)
	}
	rows, err := f.arrivals(doc)
	if err != nil {
		return nil, err
	}
	var all []int
	known := map[archive.Digest]bool{}
	for _, r := range rows {
		if known[r.Meta.SHA256] {
			continue
		}
		known[r.Meta.SHA256] = true
		cases, err := casesOf(citing, r.Meta.SHA256)
		if err != nil {
			return nil, err
		}
		all = append(all, cases...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// casesOf lists the cases that cite a body, in order.
func casesOf(it *pebble.Iterator, d archive.Digest) (cases []int, err error) {
	prefix := digestKey(famCiting, d)
	for ok := it.SeekGE(prefix); ok && bytes.HasPrefix(it.Key(), prefix); ok = it.Next() {
		number := int(binary.BigEndian.Uint32(it.Key()[len(prefix):]))
		if n := len(cases); n == 0 || cases[n-1] != number {
			cases = append(cases, number)
		}
	}
	return cases, it.Error()
}
