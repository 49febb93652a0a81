package index

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"polytrace/archive"
)

// plan finds the standing queries that may hold for a document by its terms. Of
// each query it has terms of which a document needs one at least: those of its
// rarest word, or of all sides of an OR. A query without such terms, one of
// negations and numbers alone, is asked about every document.
//
// A document that was there before has terms that are not in the batch. There
// a query can change its mind only by a term that is new to the document, so
// all that mention it are asked.
type plan struct {
	list     []*watch
	anchors  termMap
	mentions termMap
	always   []int32 // Places in list.
	numeric  []int32 // Asked about every document that changes.
	wide     []int32
}

// termMap finds queries by field and term, or by how these begin.
type termMap struct {
	whole   map[string][]int32
	starts  map[string][]int32
	lengths [256]uint16 // By field: the lengths of starts.
}

// maxStart is how much of the beginning of a term is looked at: what is behind it is found out by asking.
const maxStart = 12

// leaf is a term that a query names.
type leaf struct {
	key    string // field and term
	prefix bool
}

func leafOf(f field, s Slot) leaf {
	l := leaf{string([]byte{byte(f)}) + s.Text, s.Prefix}
	if l.prefix && len(l.key) > maxStart {
		l.key = l.key[:maxStart]
	}
	return l
}

func (m *termMap) add(l leaf, at int32) {
	if m.whole == nil {
		m.whole, m.starts = map[string][]int32{}, map[string][]int32{}
	}
	to := m.whole
	if l.prefix {
		to = m.starts
		m.lengths[l.key[0]] |= 1 << len(l.key)
	}
	if all := to[l.key]; len(all) == 0 || all[len(all)-1] != at {
		to[l.key] = append(all, at)
	}
}

// of calls do with the queries of a term.
func (m *termMap) of(key string, do func([]int32)) {
	if all := m.whole[key]; all != nil {
		do(all)
	}
	lengths := m.lengths[key[0]]
	for n := 1; lengths>>n != 0 && n <= len(key); n++ {
		if lengths&(1<<n) != 0 {
			if all := m.starts[key[:n]]; all != nil {
				do(all)
			}
		}
	}
}

// planOf makes the plan of queries. frequent tells about how much there is of a term.
func planOf(list []*watch, frequent func(string) int) *plan {
	p := &plan{list: list}
	seen := map[string]int{}
	rarity := func(l leaf) int {
		if l.prefix {
			return 1 << 40 >> len(l.key)
		}
		n, known := seen[l.key]
		if !known {
			n = frequent(l.key)<<8 - len(l.key) // Of what is not known the longer.
			seen[l.key] = n
		}
		return n
	}
	for i, w := range list {
		if w.err != nil {
			continue
		}
		at := int32(i)
		if w.numeric || w.relative {
			p.numeric = append(p.numeric, at)
		}
		if w.wide { // Asked about everything, whenever anything changes.
			p.wide = append(p.wide, at)
			continue
		}
		eachLeaf(w.node, func(l leaf) { p.mentions.add(l, at) })
		anchor, _, ok := anchorOf(w.node, rarity)
		if !ok {
			p.always = append(p.always, at)
		}
		for _, l := range anchor {
			p.anchors.add(l, at)
		}
	}
	return p
}

// anchorOf is terms of which each document has one for which n holds, and how common they are; false when there are none.
func anchorOf(n Node, rarity func(leaf) int) (best []leaf, cost int, ok bool) {
	switch n := n.(type) {
	case *And:
		for _, kid := range n.Kids {
			if a, c, has := anchorOf(kid, rarity); has && (!ok || c < cost) {
				best, cost, ok = a, c, true
			}
		}
		return best, cost, ok
	case *Or:
		for _, kid := range n.Kids {
			a, c, has := anchorOf(kid, rarity)
			if !has {
				return nil, 0, false
			}
			best, cost = append(best, a...), cost+c
		}
		return best, cost, true
	case *Text:
		for _, s := range n.Slots {
			var all []leaf
			c := 0
			for _, f := range n.Fields {
				l := leafOf(f, s)
				all, c = append(all, l), c+rarity(l)
			}
			if !ok || c < cost {
				best, cost, ok = all, c, true
			}
		}
		return best, cost, ok
	case *Near:
		return anchorOf(&And{[]Node{n.A, n.B}}, rarity)
	case *Term:
		l := leafOf(n.Field, n.Slot)
		return []leaf{l}, rarity(l), true
	}
	return nil, 0, false
}

// eachLeaf calls do with all terms that a query names.
func eachLeaf(n Node, do func(leaf)) {
	switch n := n.(type) {
	case *And:
		for _, kid := range n.Kids {
			eachLeaf(kid, do)
		}
	case *Or:
		for _, kid := range n.Kids {
			eachLeaf(kid, do)
		}
	case *Not:
		eachLeaf(n.Kid, do)
	case *Text:
		for _, f := range n.Fields {
			for _, s := range n.Slots {
				do(leafOf(f, s))
			}
		}
	case *Near:
		eachLeaf(n.A, do)
		eachLeaf(n.B, do)
	case *Term:
		do(leafOf(n.Field, n.Slot))
	}
}

// traitsOf finds out what a query depends on besides words.
func traitsOf(n Node, relative bool) traits {
	t := traits{relative: relative}
	var visit func(Node)
	visit = func(n Node) {
		switch n := n.(type) {
		case *And:
			for _, kid := range n.Kids {
				visit(kid)
			}
		case *Or:
			for _, kid := range n.Kids {
				visit(kid)
			}
		case *Not:
			visit(n.Kid)
		case *Term:
			t.personal = t.personal || n.Field == fieldQueue
		case *Span, *Received, *Size, *Unsearchable:
			t.numeric = true
		case *Pattern: // Which terms it is about is not known before.
			t.numeric, t.personal = true, t.personal || n.Field == fieldQueue
		case *All, *Text, *Near, *Digest: // A digest comes with a document's record.
		case *Case, *ThreadID:
			t.wide = true
		default: // What holds for one message because of another, and what is added later and not said here.
			t.wide, t.personal = true, true
		}
	}
	visit(n)
	return t
}

// possible reports whether n may hold for a document with certain terms and no others. It is no
// judgement: order and numbers are not looked at.
func possible(n Node, has func(field, string) bool) bool {
	switch n := n.(type) {
	case *And:
		return !slices.ContainsFunc(n.Kids, func(kid Node) bool { return !possible(kid, has) })
	case *Or:
		return slices.ContainsFunc(n.Kids, func(kid Node) bool { return possible(kid, has) })
	case *Text:
		return slices.ContainsFunc(n.Fields, func(f field) bool {
			return !slices.ContainsFunc(n.Slots, func(s Slot) bool { return !s.Prefix && !has(f, s.Text) })
		})
	case *Near:
		return possible(n.A, has) && possible(n.B, has)
	case *Term:
		return n.Prefix || has(n.Field, n.Text)
	}
	return true
}

// unmatched is which standing queries are to be asked about what, after a batch.
type unmatched struct {
	Docs  map[docID]archive.Address `json:"docs,omitempty"`  // Changed by the batch, with the last record that did it.
	Whole []uint32                  `json:"whole,omitempty"` // Numbers of watches to be asked about everything.
	By    archive.Address           `json:"by,omitzero"`     // The last record of the batch.

	due  map[int32][]docID // By place in the list.
	wide bool              // What depends on others may have changed.
	came map[docID][]came  // Of documents that came in the batch by several records.
}

// came is a record that told of a document, and which terms it brought.
type came struct {
	by    archive.Address
	terms *docTerms
}

// touch notes that a document changed.
func (a *applier) touch(doc docID) {
	if len(a.watching.list) > 0 {
		if a.touched == nil {
			a.touched = map[docID]archive.Address{}
		}
		a.touched[doc] = a.by
	}
}

// begins notes whose record is applied now.
func (a *applier) begins(at archive.Address) {
	a.by = at
	if len(a.watching.list) > 0 {
		a.brought = append(a.brought, bringer{at, len(a.from)})
	}
}

// bringer is a record and where what it brought begins in termTable.from.
type bringer struct {
	by   archive.Address
	from int
}

// percolate finds out which standing queries are to be asked about what the batch changed.
func (a *applier) percolate() (*unmatched, error) {
	whole, err := a.settleWatches()
	if err != nil {
		return nil, err
	}
	p := a.watching.plan
	if len(p.list) == 0 {
		return nil, nil
	}
	u := &unmatched{Docs: a.touched, Whole: whole, By: a.by, due: map[int32][]docID{}, came: a.arrived()}
	if u.Docs == nil {
		u.Docs = map[docID]archive.Address{}
	}
	for key := range a.groups {
		u.wide = u.wide || key[0] == famMember
	}
	u.wide = u.wide || len(u.Docs) > 0 || a.cited
	if len(u.Docs) > 0 {
		if err := a.candidates(p, u); err != nil {
			return nil, err
		}
	}
	if len(u.Docs) == 0 && len(u.Whole) == 0 && !u.wide {
		return nil, nil
	}
	raw, err := json.Marshal(u)
	if err != nil {
		return nil, fmt.Errorf("marshal what is to be matched: %w", err)
	}
	a.write(unmatchedKey, raw)
	return u, nil
}

// arrived goes through what came in, notes the documents, and returns those that came by several records.
func (a *applier) arrived() map[docID][]came {
	if len(a.brought) == 0 {
		return nil
	}
	if a.touched == nil {
		a.touched = map[docID]archive.Address{}
	}
	all, next := map[docID][]came{}, 0
	for i, h := range a.from {
		for next < len(a.brought) && a.brought[next].from <= i {
			next++
		}
		by := a.by
		if next > 0 {
			by = a.brought[next-1].by
		}
		a.touched[h.doc] = by
		if h.doc >= a.published {
			all[h.doc] = append(all[h.doc], came{by, h.terms})
		}
	}
	for doc, list := range all {
		if list[0].by == list[len(list)-1].by {
			delete(all, doc)
		}
	}
	return all
}

// candidates fills in which queries may have changed their mind about which documents.
func (a *applier) candidates(p *plan, u *unmatched) error {
	appeared := map[docID]bool{}
	for _, doc := range a.added {
		appeared[doc] = doc < a.published
	}
	every := func(doc docID) {
		for i := range p.list {
			u.add(int32(i), doc)
		}
	}
	changed := false
	for doc := range u.Docs {
		if doc >= a.published {
			u.addAll(p.always, doc)
			continue
		}
		if appeared[doc] { // What it was found by came before.
			every(doc)
			continue
		}
		changed = true
		u.addAll(p.always, doc)
		u.addAll(p.numeric, doc)
		for i, found := range a.watching.found {
			if found.Contains(doc) {
				u.add(int32(i), doc)
			}
		}
	}
	for _, term := range a.terms {
		p.anchors.of(term.key, func(queries []int32) { a.anchored(p, u, term, queries) })
		if !changed {
			continue
		}
		if err := a.mentioned(p, u, term, appeared); err != nil {
			return err
		}
	}
	return nil
}

func (u *unmatched) add(at int32, doc docID) { u.due[at] = append(u.due[at], doc) }

func (u *unmatched) addAll(queries []int32, doc docID) {
	for _, at := range queries {
		u.add(at, doc)
	}
}

// anchored adds the documents that came in with an anchor of queries, as far as they have the other words too.
func (a *applier) anchored(p *plan, u *unmatched, term termHits, queries []int32) {
	for i := term.first; i >= 0; i = a.hits[i].next {
		doc := a.from[a.hits[i].of].doc
		if doc < a.published {
			continue
		}
		for _, at := range queries {
			if n := len(u.due[at]); n > 0 && u.due[at][n-1] == doc {
				continue
			}
			if possible(p.list[at].node, func(f field, text string) bool { return a.brings(doc, f, text) }) {
				u.add(at, doc)
			}
		}
	}
}

// brings reports whether the batch has a term for a document.
func (a *applier) brings(doc docID, f field, text string) bool {
	a.scratch = append(append(a.scratch[:0], byte(f)), text...)
	id, ok := a.heads[string(a.scratch)]
	if !ok {
		return false
	}
	for i := a.terms[id].first; i >= 0; i = a.hits[i].next {
		if a.from[a.hits[i].of].doc == doc {
			return true
		}
	}
	return false
}

// mentioned adds the documents that were there before and have a term now for the first time.
func (a *applier) mentioned(p *plan, u *unmatched, term termHits, appeared map[docID]bool) error {
	var asked []int32
	p.mentions.of(term.key, func(queries []int32) { asked = append(asked, queries...) })
	if len(asked) == 0 {
		return nil
	}
	var had docSet
	chunk := -1
	for i := term.first; i >= 0; i = a.hits[i].next {
		doc := a.from[a.hits[i].of].doc
		if doc >= a.published || appeared[doc] {
			continue
		}
		if n := int(doc >> chunkBits); n != chunk {
			chunk, had = n, make(docSet, chunkWords)
			f := &finder{snap: a.db}
			err := f.chunk(famPostings, field(term.key[0]), term.key[1:], chunk, func(_ int, value []byte) error { return addPostings(had, value) })
			if err != nil {
				return err
			}
		}
		if !had.has(doc % chunkDocs) {
			u.addAll(asked, doc)
		}
	}
	return nil
}

// frequency is about how much there is of a term.
func (a *applier) frequency(key string) int { return frequency(a.db, a.n, key) }

// frequency is how much there is of a term among the last of n documents.
func frequency(r pebble.Reader, n docID, key string) (size int) {
	f := &finder{snap: r}
	if f.chunk(famPostings, field(key[0]), key[1:], int(n>>chunkBits), func(_ int, value []byte) error { size = len(value); return nil }) != nil {
		return 0 // It is asked more often than need be.
	}
	return size
}

// namesOthers reports whether a query may name a saved search.
func namesOthers(query string) bool { return strings.Contains(strings.ToLower(query), "saved:") }
