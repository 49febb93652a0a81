package index

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"

	"polytrace/archive"
	"polytrace/casework"
)

// People correct conversations by decisions in the ledger. A decision names messages by
// the SHA-256 of their bytes, and holds whenever these come, so it does not matter whether the
// ledger or the mail is read first. What conversations there are is a function of the messages
// that are here and of the decisions that hold:
//
// To join two messages is as if both named one more message.
//
// A message that is split off takes along what hangs below it. Every Message-ID hangs below at
// most one other: that of a message below the last one that it names, or when it names none,
// below where others have it; one that is not here, or that names none, below the one that stands before it in the
// longest list of names that it is in; and a reply that names nothing below the latest message that
// its subject says it may answer. Who follows that upwards from a message comes to one that was
// split off, its head, or to none. Two Message-IDs, and two messages by their subject, are
// joined only where both have the same head, and Exchange's conversation joins only messages
// that have none. So what answers a message that was split off stays with it, whatever older
// messages it names too. What was joined before one of the two was split off is joined no more.
//
// The threads of threads.go are these without splits, so each conversation is in one of them. A
// thread of which something was split off is divided when a batch changed it, by all
// that its members say. That takes time with their square at worst, so a thread
// with more than MaxDivided members stays whole, whatever was split off.
//
//	'J' sha256(32) position(8) -> 's', or 'j' when it joins   a decision that holds, by its position in the ledger
//	'g' thread(4) doc(4) -> thread(4)   the document with the lowest address of the part

// MaxDivided is how many messages a conversation may have of which something is split off.
const MaxDivided = 2000

// correction is a decision about the conversation of a message.
type correction struct {
	at    archive.Position
	joins bool
}

// corrections are the decisions that hold.
type corrections struct {
	by map[archive.Digest][]correction // The bytes they name, in order of the ledger.
	of map[docID][]correction          // The documents with these bytes.
}

// lastSplit is the position behind the last decision that splits; 0 when there is none.
func lastSplit(all []correction) (after archive.Position) {
	for _, c := range all {
		if !c.joins {
			after = max(after, c.at+1)
		}
	}
	return after
}

func joinNode(at archive.Position) node {
	return nodeOf('j', string(binary.BigEndian.AppendUint64(nil, uint64(at))))
}

// nodes are those of a document with what people joined it by.
func (a *applier) nodes(doc docID, l links) []node {
	nodes := l.nodes()
	for _, c := range a.corrections.of[doc] {
		if c.joins {
			nodes = append(nodes, joinNode(c.at))
		}
	}
	return nodes
}

func correctionKey(d archive.Digest, at archive.Position) []byte {
	return binary.BigEndian.AppendUint64(digestKey(famCorrection, d), uint64(at))
}

func decodeCorrection(key, value []byte) (d archive.Digest, c correction, err error) {
	if len(key) != 1+len(d)+8 || len(value) != 1 {
		return d, c, errCorrupt
	}
	copy(d[:], key[1:])
	return d, correction{archive.Position(binary.BigEndian.Uint64(key[1+len(d):])), value[0] == 'j'}, nil
}

// correct applies an event when it is about conversations.
func (a *applier) correct(at archive.Position, e casework.Event) error {
	switch e.Type {
	case casework.ThreadSplit:
		var data casework.ThreadSplitData
		if json.Unmarshal(e.Data, &data) == nil {
			return a.decided(data.Message.SHA256, correction{at, false})
		}
	case casework.ThreadJoined:
		var data casework.ThreadJoinedData
		if json.Unmarshal(e.Data, &data) == nil {
			return errors.Join(a.decided(data.Messages[0].SHA256, correction{at, true}), a.decided(data.Messages[1].SHA256, correction{at, true}))
		}
	case casework.ThreadUndone:
		var data casework.ThreadUndoneData
		if json.Unmarshal(e.Data, &data) == nil {
			for _, n := range data.Messages {
				if err := a.undone(n.SHA256, data.Decision); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// decided notes a decision about some bytes, for the document that has them and for those to come.
func (a *applier) decided(d archive.Digest, c correction) error {
	if slices.Contains(a.corrections.by[d], c) {
		return nil
	}
	kind := byte('s')
	if c.joins {
		kind = 'j'
	}
	a.write(correctionKey(d, c.at), []byte{kind})
	a.corrections.by[d] = append(a.corrections.by[d], c)
	doc, ok, err := a.having(d)
	if !ok || err != nil {
		return err
	}
	return a.takeUp(doc, c)
}

// having finds the document with some bytes.
func (a *applier) having(d archive.Digest) (docID, bool, error) {
	value, err := a.get(digestKey(famDigest, d))
	if err != nil || value == nil {
		return 0, false, err
	}
	return binary.BigEndian.Uint32(value), true, nil
}

// recallCorrections applies to a document what was decided about bytes that it has from now on.
func (a *applier) recallCorrections(doc docID, d archive.Digest) error {
	for _, c := range a.corrections.by[d] {
		if err := a.takeUp(doc, c); err != nil {
			return err
		}
	}
	return nil
}

// takeUp applies a decision to a document; to one without a thread, when it gets one.
func (a *applier) takeUp(doc docID, c correction) error {
	a.corrections.of[doc] = append(a.corrections.of[doc], c)
	if a.thread.of(doc) == noThread {
		return nil
	}
	root, row, err := a.threadOf(doc)
	if err != nil {
		return err
	}
	if c.joins {
		key := nodeKey(joinNode(c.at))
		value, err := a.get(key)
		if err != nil {
			return err
		}
		threads := []uint32{root}
		if value != nil {
			threads = append(threads, binary.BigEndian.Uint32(value))
		}
		if root, row, err = a.join(doc, threads); err != nil {
			return err
		}
		a.set(key, docValue(root))
	} else {
		row.split = true
		a.set(docKey(famThread, root), row.encode())
	}
	if row.split {
		a.strained[doc] = true
	}
	return nil
}

// undone forgets a decision about some bytes.
func (a *applier) undone(d archive.Digest, at archive.Position) error {
	is := func(c correction) bool { return c.at == at }
	i := slices.IndexFunc(a.corrections.by[d], is)
	if i < 0 {
		return nil
	}
	c := a.corrections.by[d][i]
	mustBatch(a.batch.Delete(correctionKey(d, at), nil))
	if a.corrections.by[d] = slices.Delete(a.corrections.by[d], i, i+1); len(a.corrections.by[d]) == 0 {
		delete(a.corrections.by, d)
	}
	doc, ok, err := a.having(d)
	if !ok || err != nil {
		return err
	}
	drop := func() {
		if i := slices.IndexFunc(a.corrections.of[doc], is); i >= 0 { // Another copy may be named by the same decision.
			a.corrections.of[doc] = slices.Delete(a.corrections.of[doc], i, i+1)
		}
		if len(a.corrections.of[doc]) == 0 {
			delete(a.corrections.of, doc)
		}
	}
	if a.thread.of(doc) == noThread {
		drop()
		return nil
	}
	if !c.joins {
		drop()
		a.strained[doc] = true
		return nil
	}
	root, _, err := a.threadOf(doc)
	if err != nil {
		return err
	}
	members, err := a.dissolve(root)
	drop()
	for _, m := range members {
		if err == nil {
			err = a.linkAgain(m)
		}
	}
	return err
}

// divideAll divides the threads that the batch changed.
func (a *applier) divideAll() error {
	done := map[uint32]bool{}
	for _, doc := range slices.Sorted(maps.Keys(a.strained)) {
		if a.thread.of(doc) == noThread {
			continue
		}
		root, row, err := a.threadOf(doc)
		if err != nil {
			return err
		}
		if row.split && !done[root] {
			done[root] = true
			if err := a.divide(root, row); err != nil {
				return err
			}
		}
	}
	return nil
}

// divide says anew which parts a thread falls into.
func (a *applier) divide(root uint32, row threadRow) error {
	keys, err := a.keys(docKey(famMember, root))
	if err != nil {
		return err
	}
	row.split = slices.ContainsFunc(keys, func(key []byte) bool { return lastSplit(a.corrections.of[keyDoc(key)]) > 0 })
	a.set(docKey(famThread, root), row.encode())
	var all []member
	if row.split && len(keys) <= MaxDivided {
		if all, err = membersOf(a.get, &a.view, keys, a.corrections.of); err != nil {
			return err
		}
	}
	threads := map[docID]uint32{}
	if len(all) > 0 {
		threads = newDivision(all).threads()
	}
	for _, key := range keys {
		doc := keyDoc(key)
		thread, ok := threads[doc]
		if !ok {
			thread = root
		}
		if thread == a.thread.of(doc) {
			continue
		}
		a.setThread(doc, thread)
		var value []byte
		if ok {
			value = docValue(thread % splitOff)
		}
		a.set(key, value)
	}
	return nil
}

// member is a document of a thread, with all that decides which part it is in.
type member struct {
	doc docID
	at  archive.Address
	links
	corrections []correction
}

// membersOf reads the members of a thread that some keys of 'g' name.
func membersOf(get getter, v *view, keys [][]byte, of map[docID][]correction) (all []member, err error) {
	for _, key := range keys {
		doc := keyDoc(key)
		value, err := get(docKey(famLinks, doc))
		if err != nil {
			return nil, err
		}
		l, err := decodeLinks(value)
		if err != nil {
			return nil, err
		}
		all = append(all, member{doc, v.address(doc), l, of[doc]})
	}
	return all, nil
}

// own is the Message-ID of a member; of one that has none, something of its own.
func (m *member) own() node {
	if m.id == "" {
		return nodeOf('d', m.at.String())
	}
	return nodeOf('i', m.id)
}

func (m *member) named() []node {
	l := links{names: m.names}
	return l.nodes()
}

// division is how a thread falls into parts.
type division struct {
	all    []member
	parent []int         // Of a union-find over all.
	above  map[node]hang // What hangs below what.
	heads  map[node]node // Zero for none.
	pairs  [][2]int      // Members by whose subjects the first answers the second.
}

// hang is below what a Message-ID hangs, and how much speaks for that.
type hang struct {
	node   node
	rank   int // Its own names 2, the names of others 1, its subject 0.
	before int // How many names stand before it.
}

func newDivision(all []member) *division {
	slices.SortFunc(all, func(a, b member) int { return compareAddress(a.at, b.at) })
	d := &division{all: all, parent: make([]int, len(all)), above: map[node]hang{}, heads: map[node]node{}}
	for i := range d.parent {
		d.parent[i] = i
	}
	d.pairs = subjectPairs(all)
	d.hang()
	d.unite()
	return d
}

// subjectPairs lists which members answer which by their subjects, the latest that each may answer last.
func subjectPairs(all []member) (pairs [][2]int) {
	order := make([]int, 0, len(all))
	for i, m := range all {
		if m.subject != 0 && len(m.people) > 0 {
			order = append(order, i)
		}
	}
	sort.SliceStable(order, func(i, j int) bool {
		x, y := &all[order[i]], &all[order[j]]
		return x.subject < y.subject || x.subject == y.subject && x.date < y.date
	})
	for i, reply := range order {
		m := &all[reply]
		if !m.orphan {
			continue
		}
		first, last := i, i // Of those that are not later, and not too early.
		for first > 0 && all[order[first-1]].subject == m.subject && all[order[first-1]].date >= m.date-subjectWindow.Milliseconds() {
			first--
		}
		for last+1 < len(order) && all[order[last+1]].subject == m.subject && all[order[last+1]].date == m.date {
			last++
		}
		for j := first; j <= last; j++ {
			if j != i && answers(m.links, all[order[j]].row()) {
				pairs = append(pairs, [2]int{reply, order[j]})
			}
		}
	}
	return pairs
}

// hang finds below what each Message-ID hangs.
func (d *division) hang() {
	for i := range d.all {
		m := &d.all[i]
		names := m.named()
		for k := 1; k < len(names); k++ {
			d.below(names[k], hang{names[k-1], 1, k})
		}
		if n := len(names); n > 0 {
			d.below(m.own(), hang{names[n-1], 2, n})
		}
	}
	for i := len(d.pairs) - 1; i >= 0; i-- { // The latest of each reply first.
		if i+1 == len(d.pairs) || d.pairs[i+1][0] != d.pairs[i][0] {
			d.below(d.all[d.pairs[i][0]].own(), hang{d.all[d.pairs[i][1]].own(), 0, 0})
		}
	}
}

func (d *division) below(n node, h hang) {
	had, ok := d.above[n]
	better := h.rank > had.rank || h.rank == had.rank && (h.before > had.before || h.before == had.before && bytes.Compare(h.node[:], had.node[:]) < 0)
	if n != h.node && (!ok || better) {
		d.above[n] = h
	}
}

// head is the message that was split off and that a Message-ID hangs below, or is.
func (d *division) head(n node) node {
	var path []node
	seen := map[node]bool{}
	head, known := d.heads[n]
	for !known {
		path, seen[n] = append(path, n), true
		h, ok := d.above[n]
		if !ok || seen[h.node] {
			break
		}
		n = h.node
		head, known = d.heads[n]
	}
	for _, n := range path {
		d.heads[n] = head
	}
	return head
}

// unite puts together what stays together.
func (d *division) unite() {
	for i := range d.all {
		if lastSplit(d.all[i].corrections) > 0 {
			d.heads[d.all[i].own()] = d.all[i].own()
		}
	}
	first := map[node]int{}
	tie := func(i int, n node) {
		if j, ok := first[n]; ok {
			d.union(i, j)
		} else {
			first[n] = i
		}
	}
	for i := range d.all {
		m := &d.all[i]
		head := d.head(m.own())
		tie(i, m.own())
		for _, n := range m.named() {
			if d.head(n) == head {
				tie(i, n)
			}
		}
		if m.exchange != (node{}) && head == (node{}) {
			tie(i, m.exchange)
		}
		split := lastSplit(m.corrections)
		for _, c := range m.corrections {
			if c.joins && c.at >= split {
				tie(i, joinNode(c.at))
			}
		}
	}
	for _, p := range d.pairs {
		if d.head(d.all[p[0]].own()) == d.head(d.all[p[1]].own()) {
			d.union(p[0], p[1])
		}
	}
}

func (d *division) find(i int) int {
	for d.parent[i] != i {
		d.parent[i] = d.parent[d.parent[i]]
		i = d.parent[i]
	}
	return i
}

// union keeps the one with the lower address as the root.
func (d *division) union(i, j int) {
	i, j = d.find(i), d.find(j)
	d.parent[max(i, j)] = min(i, j)
}

// threads gives each member the number of its part.
func (d *division) threads() map[docID]uint32 {
	threads := make(map[docID]uint32, len(d.all))
	for i, m := range d.all {
		threads[m.doc] = d.all[d.find(i)].doc | splitOff
	}
	return threads
}

// keeps reports whether a member is in one conversation with a message that it names.
func (d *division) keeps(m *member, id string) bool {
	return d.head(nodeOf('i', id)) == d.head(m.own())
}

// loadThreads reads which thread each document is in, and how people corrected them.
func (x *Index) loadThreads(s *state) error {
	x.memory.corrections = corrections{map[archive.Digest][]correction{}, map[docID][]correction{}}
	err := errors.Join(
		x.each(famMember, func(key, value []byte) error {
			doc := keyDoc(key)
			if len(key) != 1+4+4 || doc >= s.n || len(value) != 0 && len(value) != 4 {
				return errCorrupt
			}
			thread := binary.BigEndian.Uint32(key[1:])
			if len(value) == 4 {
				thread = binary.BigEndian.Uint32(value) | splitOff
			}
			s.thread[doc/columnBlock][doc%columnBlock] = thread
			return nil
		}),
		x.each(famCorrection, func(key, value []byte) error {
			d, c, err := decodeCorrection(key, value)
			x.memory.corrections.by[d] = append(x.memory.corrections.by[d], c)
			return err
		}))
	if err == nil {
		x.memory.corrections.of, err = correctionsOf(func(key []byte) ([]byte, error) { return getCopy(x.db, key) }, x.memory.corrections.by)
	}
	if err != nil {
		return fmt.Errorf("read conversations: %w", err)
	}
	return nil
}

// correctionsOf finds the documents that decisions are about.
func correctionsOf(get getter, by map[archive.Digest][]correction) (map[docID][]correction, error) {
	of := map[docID][]correction{}
	for d, all := range by {
		value, err := get(digestKey(famDigest, d))
		if err != nil {
			return nil, err
		}
		if len(value) == 4 {
			doc := binary.BigEndian.Uint32(value)
			of[doc] = append(of[doc], all...)
		}
	}
	return of, nil
}
