package index

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/cockroachdb/pebble/v2"

	"polytrace/archive"
	"polytrace/casework"
)

// counts is what Status tells, kept under "!counts".
type counts struct {
	Records      int64          `json:"records"` // Applied, also those removed.
	Documents    int64          `json:"documents"`
	Unsearchable int64          `json:"unsearchable"`
	Reasons      map[string]int `json:"reasons"`
	Lost         int64          `json:"lost,omitempty"`         // Sightings whose bytes were removed.
	Queued       int64          `json:"queued,omitempty"`       // Records to be read once more.
	Waiting      int64          `json:"waiting,omitempty"`      // Records whose pictures are to be read.
	QueuedSince  int64          `json:"queued_since,omitempty"` // When the first of them was received at the latest, Unix milliseconds.

	Read map[uint16]int64 `json:"read"` // Documents by who read their attached files, see view.read.
}

// mark is how far a stream is applied.
type mark struct {
	next     archive.Position
	received time.Time // Of the last record applied.
}

// state is everything of the index that is kept in memory. Each batch makes the next one;
// those who read keep the one they began with.
type state struct {
	view
	counts counts
	days   map[int32]int64 // records received by UTC day since 1970
	marks  map[archive.Stream]mark

	pending  []span          // Removed records whose documents still have rows.
	retired  *roaring.Bitmap // Documents without rows whose words still stand in the postings.
	versions []string        // Of the readers of attached files, see reread.go.
	pass     *pass           // That reads some of them again; nil when none does.

	sweep *sweep           // What takes words out of the postings; nil when nothing does.
	purge archive.Position // Behind the last erasure whose bytes may be left in the files; 0 when there is none.

	takes     bool // The batch deletes rows that readers of the state before look for.
	watching  *watching
	unmatched *unmatched // What the batch leaves to be matched; nil once it is.
}

// next is a copy that may be changed; what they share only grows behind the end of the other.
func (s *state) next() *state {
	n := *s
	n.takes = false
	n.counts.Reasons, n.counts.Read = maps.Clone(s.counts.Reasons), maps.Clone(s.counts.Read)
	n.days, n.marks = maps.Clone(s.days), maps.Clone(s.marks)
	return &n
}

// memory is what of the one who applies lasts longer than a batch.
type memory struct {
	orphans map[uint64]struct{} // Subjects with a row in 'z'; one too many does no harm.

	fragments map[docID]fragment // Those with a row in 'f'.
	numbered  map[string]uint32  // Numbers of the addresses in view.authors.

	corrections corrections

	terms termTable
	steps steps
}

// steps are how much of what was removed is deleted at a time.
type steps struct {
	rows int // Records that are taken out of their documents in a batch.
	keys int // Chunks that a sweep looks at in a batch.

	behind int64 // Records that the next database may lack when the one that answers waits for it.
}

// run is a run of records of one stream, read and taken apart.
type run struct {
	stream archive.Stream
	from   archive.Position
	items  []item
	gone   bool // The archive has none of them any more.
	again  bool // They were applied before and queued since; from any stream.
	reread *reread
	looked *looked // They were applied before, and their pictures are read now.
}

// removes reports whether something that readers see is taken from them.
func (r run) removes() bool {
	return r.gone || slices.ContainsFunc(r.items, func(it item) bool { return it.order != nil })
}

// item is a record of a run.
type item struct {
	meta    archive.Meta
	event   []byte    // Of the ledger.
	order   *order    // Of the ledger: it removes records. Such an item is the last of its run.
	facts   *facts    // Of the facts, when they are about mail.
	entry   *analysis // Of a document or sighting; nil when the record is neither.
	damaged bool      // The archive could not give its bytes.
}

// apply adds to a batch what a run of records says, and the watermark, so that after a crash the
// index has seen all of a record or none of it. It is a function of the
// records and of what is in the index, and of nothing else.
func apply(db *pebble.DB, old *state, m *memory, r run) (*pebble.Batch, *state, error) {
	a := newApplier(db, old, m)
	var err error
	switch {
	case r.gone:
		err = a.gone(r)
	case r.again:
		err = a.all(r, a.again)
	case r.reread != nil:
		err = a.readAnew(r.reread)
	case r.looked != nil:
		err = a.all(r, a.looked)
	default:
		err = a.all(r, a.item)
	}
	if err != nil {
		return nil, nil, err
	}
	if !r.again && r.reread == nil && r.looked == nil {
		a.mark(r)
	}
	return a.finish()
}

func newApplier(db *pebble.DB, old *state, m *memory) *applier {
	return &applier{tx: newTx(db, m.orphans, &m.terms), steps: m.steps, state: old.next(), published: old.n, fragments: m.fragments, numbered: m.numbered, torn: map[node]bool{}, corrections: m.corrections, strained: map[docID]bool{}}
}

// all applies the records of a run one by one.
func (a *applier) all(r run, do func(item) error) error {
	for _, it := range r.items {
		a.begins(it.meta.Address())
		if err := do(it); err != nil {
			return fmt.Errorf("apply %s: %w", it.meta.Address(), err)
		}
	}
	return nil
}

// gone applies a run of which the archive has nothing any more.
func (a *applier) gone(r run) error {
	var all []archive.Removal
	for _, it := range r.items {
		if !r.again {
			a.counts.Records++
		}
		all = append(all, archive.Removal{Stream: it.meta.Stream, First: it.meta.Position, Records: 1})
	}
	return a.remove(gone, 0, all)
}

// finish completes the batch and gives the next state.
func (a *applier) finish() (*pebble.Batch, *state, error) {
	if err := a.settle(); err != nil {
		return nil, nil, fmt.Errorf("join fragments: %w", err)
	}
	if err := a.divideAll(); err != nil {
		return nil, nil, fmt.Errorf("divide conversations: %w", err)
	}
	if err := a.writeCounts(); err != nil {
		return nil, nil, err
	}
	var err error
	if a.unmatched, err = a.percolate(); err != nil {
		return nil, nil, fmt.Errorf("find standing queries: %w", err)
	}
	a.flush(a.batch)
	a.state.people = a.state.people.with(a.termTable.people)
	a.reorder()
	return a.batch, a.state, nil
}

type applier struct {
	*tx
	*state
	steps     steps
	published docID // Documents that readers see; below it the view has to be copied before a change.
	owned     bool
	ownedSets bool
	added     []docID // To come into the order.
	moved     bool    // The date or address of one that is in the order changed.
	changed   []int32 // days

	fragments map[docID]fragment
	numbered  map[string]uint32
	torn      map[node]bool // Messages of which fragments came or went.
	uneven    []docID       // Documents whose copies were not read alike, see even.

	corrections corrections
	strained    map[docID]bool // Documents whose thread is to be divided anew.
	ownBlocks   map[int]bool   // Blocks of view.thread that no reader has.

	by        archive.Address           // The record that is applied.
	brought   []bringer                 // What of the batch's terms each record brought.
	touched   map[docID]archive.Address // Documents that changed, and by which record last.
	cited     bool                      // What cases cite changed.
	rewatched map[casework.SearchKey]bool
	scratch   []byte
}

func (a *applier) item(it item) error {
	if it.meta.Stream == archive.Facts {
		return a.learn(it.meta.Address(), it.facts)
	}
	if it.meta.Stream == archive.Ledger {
		switch {
		case it.event == nil:
			return nil
		case it.order != nil:
			return a.carryOut(it.meta.Position, it.order)
		}
		return a.decision(it)
	}
	a.counts.Records++
	if a.removed.has(it.meta.Address()) {
		return nil
	}
	return a.arrive(it)
}

// arrive applies a record that is not removed itself.
func (a *applier) arrive(it item) error {
	if it.entry != nil && a.removed.lost(it.meta) {
		a.apart(apartLost, it.meta)
		return nil
	}
	a.received(millis(it.meta), 1)
	switch {
	case it.damaged:
		a.unsearchable(reasonDamaged, 1)
		a.apart(apartDamaged, it.meta)
	case it.entry == nil:
		a.apart(apartOther, it.meta)
	default:
		return a.record(it.entry)
	}
	return nil
}

// received counts a record on the day of a time in milliseconds, 0 when that is not known.
func (a *applier) received(ms, n int64) {
	if ms != 0 {
		a.onDay(dayOfMillis(ms), n)
	}
}

func dayOfMillis(ms int64) int32 { return int32(floorDay(ms)) }

func (a *applier) onDay(day int32, n int64) {
	if a.days[day] += n; a.days[day] == 0 {
		delete(a.days, day)
	}
	a.changed = append(a.changed, day)
}

// mark notes that the run is applied.
func (a *applier) mark(r run) {
	m := a.marks[r.stream]
	m.next = r.from + archive.Position(len(r.items))
	for _, it := range r.items {
		if !it.meta.Received.IsZero() {
			m.received = it.meta.Received
		}
	}
	a.marks[r.stream] = m
	value := binary.BigEndian.AppendUint64(nil, uint64(m.next))
	a.write(append([]byte{famWatermark}, r.stream...), binary.BigEndian.AppendUint64(value, uint64(m.received.UnixMicro())))
}

var countsKey = []byte{famProperties, 'c', 'o', 'u', 'n', 't', 's'}

func (a *applier) writeCounts() error {
	raw, err := json.Marshal(a.counts)
	if err != nil {
		return fmt.Errorf("marshal counts: %w", err)
	}
	a.write(countsKey, raw)
	slices.Sort(a.changed)
	for _, day := range slices.Compact(a.changed) {
		key := binary.BigEndian.AppendUint32([]byte{famDay}, uint32(day)^1<<31)
		if a.days[day] == 0 {
			mustBatch(a.batch.Delete(key, nil))
			continue
		}
		a.write(key, binary.AppendUvarint(nil, uint64(a.days[day])))
	}
	return nil
}

func (a *applier) unsearchable(reason string, n int) {
	if reason == "" {
		return
	}
	a.counts.Unsearchable += int64(n)
	if a.counts.Reasons[reason] += n; a.counts.Reasons[reason] == 0 {
		delete(a.counts.Reasons, reason)
	}
}

func (a *applier) hide(doc docID, hide bool) {
	if !hide && !a.hidden.Contains(doc) {
		return
	}
	a.ownSets()
	if hide {
		a.hidden.Add(doc)
	} else {
		a.hidden.Remove(doc)
	}
}

// lowerThread finds the lowest address of a thread again after one of its members moved.
func (a *applier) lowerThread(thread uint32) error {
	root, row, err := findThread(a.get, thread)
	if err != nil {
		return err
	}
	keys, err := a.keys(docKey(famMember, root))
	if err != nil {
		return err
	}
	for i, key := range keys {
		if at := a.address(keyDoc(key)); i == 0 || compareAddress(at, row.lowest) < 0 {
			row.lowest = at
		}
		if row.split {
			a.strained[keyDoc(key)] = true
		}
	}
	a.set(docKey(famThread, root), row.encode())
	return nil
}

// reorder puts new documents into the order.
func (a *applier) reorder() {
	if a.moved {
		a.order = a.rebuilt()
		return
	}
	a.order = a.order.with(&a.view, a.added)
}

// numbers writes what the view keeps of a document:
//
//	0x00 hidden
//	0x01 | date varint | received varint | size uvarint | words uvarint | position uvarint | who read its files uvarint | reason it is unsearchable(1B) | length uvarint, address it is from | stream
//	0x02 removed, its words still to be taken out of the postings; 0x03 removed
func (a *applier) numbers(doc docID) {
	a.touch(doc)
	if a.hidden.Contains(doc) {
		a.write(docKey(famNumbers, doc), []byte{numbersHidden})
		return
	}
	value := binary.AppendVarint([]byte{numbersShown}, a.date[doc])
	value = binary.AppendVarint(value, a.came[doc])
	value = binary.AppendUvarint(value, uint64(a.size[doc]))
	value = binary.AppendUvarint(value, uint64(a.length[doc]))
	at := a.address(doc)
	value = binary.AppendUvarint(value, uint64(at.Position))
	value = append(binary.AppendUvarint(value, uint64(a.read[doc])), a.why[doc])
	author := a.authors[a.author[doc]]
	value = append(binary.AppendUvarint(value, uint64(len(author))), author...)
	a.write(docKey(famNumbers, doc), append(value, at.Stream...))
}

const (
	numbersHidden  = 0x00
	numbersShown   = 0x01
	numbersRetired = 0x02
	numbersSwept   = 0x03
)

// loadNumbers is the reverse of numbers, for the next document.
func (s *state) loadNumbers(value []byte, numbered map[string]uint32) error {
	v := &s.view
	doc := v.add()
	if len(value) == 1 && value[0] != numbersShown && value[0] <= numbersSwept {
		v.hidden.Add(doc)
		if value[0] != numbersHidden {
			v.dead.Add(doc)
		}
		if value[0] == numbersRetired {
			s.retired.Add(doc)
		}
		return nil
	}
	if len(value) == 0 || value[0] != numbersShown {
		return errCorrupt
	}
	rest := value[1:]
	date, n := binary.Varint(rest)
	rest = rest[max(n, 0):]
	came, n := binary.Varint(rest)
	var u [4]uint64
	for i := range u {
		rest = rest[max(n, 0):]
		if u[i], n = binary.Uvarint(rest); n <= 0 {
			return errCorrupt
		}
	}
	if rest = rest[n:]; len(rest) == 0 || int(rest[0]) >= len(reasons) || u[3] >= uint64(firstVersion+len(s.versions)) {
		return errCorrupt
	}
	v.date[doc], v.came[doc], v.size[doc], v.length[doc], v.why[doc], v.read[doc] = date, came, int64(u[0]), uint32(u[1]), rest[0], uint16(u[3])
	length, n := binary.Uvarint(rest[1:])
	if n <= 0 || length > uint64(len(rest)-1-n) {
		return errCorrupt
	}
	v.author[doc] = v.numberOf(string(rest[1+n:][:length]), numbered)
	v.place[doc] = place{archive.Position(u[2]), v.stream(archive.Stream(rest[1+n+int(length):]))}
	return nil
}

// decision applies an event: which case cites what, and which conversations people corrected. An event that this version cannot read
// says nothing to the index; casework reports it.
func (a *applier) decision(it item) error {
	e, err := casework.DecodeEvent(it.event)
	if err != nil {
		return nil
	}
	switch e.Type {
	case casework.CitationAdded, casework.CaseOpened, casework.MailRouted:
		c, ok := casework.CitationOf(e)
		if !ok {
			return nil
		}
		a.cited = true
		a.set(citedKey(e.Case, c.ID), append(c.SHA256[:], c.Record.String()...))
		a.write(citingKey(c.SHA256, e.Case, c.ID), present)
	case casework.CitationRemoved:
		var c casework.CitationRemovedData
		if json.Unmarshal(e.Data, &c) != nil {
			return nil
		}
		value, err := a.get(citedKey(e.Case, c.ID))
		if err != nil || len(value) < len(archive.Digest{}) {
			return err
		}
		a.delete(citedKey(e.Case, c.ID))
		a.delete(citingKey(archive.Digest(value[:len(archive.Digest{})]), e.Case, c.ID))
		a.cited = true
	case casework.SearchSaved, casework.SearchRemoved:
		a.rewatch(e, it.meta.Received)
	default:
		return a.correct(it.meta.Position, e)
	}
	return nil
}

// newState is that of an index without records.
func newState() *state {
	return &state{
		view:    view{hidden: roaring.New(), dead: roaring.New(), removed: removals{}, authors: []string{""}, people: peopleList{base: new(peopleBase)}},
		counts:  counts{Reasons: map[string]int{}, Read: map[uint16]int64{}},
		days:    map[int32]int64{},
		marks:   map[archive.Stream]mark{},
		retired: roaring.New(),

		watching: noWatches(),
	}
}
