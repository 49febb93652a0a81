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
	"polytrace/message"
)

// counts is what Status tells, kept under "!counts".
type counts struct {
	Records      int64          `json:"records"`
	Documents    int64          `json:"documents"`
	Unsearchable int64          `json:"unsearchable"`
	Reasons      map[string]int `json:"reasons"`
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
}

// next is a copy that may be changed; what they share only grows behind the end of the other.
func (s *state) next() *state {
	n := *s
	n.counts.Reasons = maps.Clone(s.counts.Reasons)
	n.days, n.marks = maps.Clone(s.days), maps.Clone(s.marks)
	return &n
}

// memory is what of the one who applies lasts longer than a batch.
type memory struct {
	orphans map[uint64]struct{} // Subjects with a row in 'z'; one too many does no harm.
	terms   termTable
}

// run is a run of records of one stream, read and taken apart.
type run struct {
	stream archive.Stream
	from   archive.Position
	items  []item
}

// item is a record of a run.
type item struct {
	meta    archive.Meta
	event   []byte    // Of the ledger.
	entry   *analysis // Of a document or sighting; nil when the record is neither.
	damaged bool      // The archive could not give its bytes.
}

// apply adds to a batch what a run of records says, and the watermark, so that after a crash the
// index has seen all of a record or none of it. It is a function of the
// records and of what is in the index, and of nothing else.
func apply(db *pebble.DB, old *state, m *memory, r run) (*pebble.Batch, *state, error) {
	a := &applier{tx: newTx(db, m.orphans, &m.terms), state: old.next(), published: old.n}
	for i, it := range r.items {
		if err := a.item(r.stream, it); err != nil {
			return nil, nil, fmt.Errorf("apply %s/%d: %w", r.stream, r.from+archive.Position(i), err)
		}
	}
	a.mark(r)
	if err := a.writeCounts(); err != nil {
		return nil, nil, err
	}
	a.flush(a.batch)
	a.reorder()
	return a.batch, a.state, nil
}

type applier struct {
	*tx
	*state
	published docID // Documents that readers see; below it the view has to be copied before a change.
	owned     bool
	added     []docID // To come into the order.
	moved     bool    // The date or address of one that is in the order changed.
	changed   []int32 // days
}

func (a *applier) item(s archive.Stream, it item) error {
	if s == archive.Ledger {
		if it.damaged {
			return nil
		}
		return a.decision(it)
	}
	a.counts.Records++
	if !it.meta.Received.IsZero() { // Unknown of a damaged record.
		day := int32(floorDay(it.meta.Received.UnixMilli()))
		a.days[day]++
		a.changed = append(a.changed, day)
	}
	if it.damaged {
		a.unsearchable(reasonDamaged, 1)
	}
	if it.entry == nil {
		return nil
	}
	return a.record(it.entry)
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

// record applies a document or a sighting.
func (a *applier) record(e *analysis) error {
	doc, s, err := a.document(e.meta.SHA256)
	if err != nil {
		return err
	}
	s.sightings++
	a.set(addressKey(e.meta.Address()), docValue(doc))
	sighting, err := json.Marshal(sightingRow{e.meta, e.recipients})
	if err != nil {
		return fmt.Errorf("marshal sighting: %w", err)
	}
	a.write(sightingKey(doc, e.meta.Address()), sighting)
	a.termTable.add(doc, &e.arrival)
	if e.document {
		if err := a.bytes(doc, s, e); err != nil {
			return err
		}
	}
	a.set(docKey(famSummary, doc), s.encode())
	return nil
}

// sightingRow is a value of 'v'.
type sightingRow struct {
	Meta       archive.Meta        `json:"meta"`
	Recipients []message.Recipient `json:"recipients,omitempty"`
}

// document finds the document of a digest, or makes one that is hidden until its bytes come.
func (a *applier) document(d archive.Digest) (docID, *stored, error) {
	value, err := a.get(digestKey(famDigest, d))
	if err != nil {
		return 0, nil, err
	}
	if value != nil {
		doc := binary.BigEndian.Uint32(value)
		s, err := a.stored(doc)
		return doc, s, err
	}
	doc := a.view.add()
	a.hide(doc, true)
	a.set(digestKey(famDigest, d), docValue(doc))
	a.numbers(doc)
	return doc, &stored{sha256: d}, nil
}

func (a *applier) hide(doc docID, hide bool) {
	if !hide && !a.hidden.Contains(doc) {
		return
	}
	a.hidden = a.hidden.Clone()
	if hide {
		a.hidden.Add(doc)
	} else {
		a.hidden.Remove(doc)
	}
}

// bytes applies a record that has the bytes of doc. The first one applied brings the text. What
// is shown is of the one that was received first, so that it does not depend on which was applied first.
func (a *applier) bytes(doc docID, s *stored, e *analysis) error {
	first := a.hidden.Contains(doc)
	earlier := e.summary.received < s.received ||
		e.summary.received == s.received && compareAddress(e.summary.at, s.at) < 0
	if !first && !earlier {
		return nil
	}
	kept := *s
	*s = e.summary
	s.sightings, s.thread = kept.sightings, kept.thread
	if doc < a.published && !a.owned {
		a.own()
		a.owned = true
	}
	a.date[doc], a.size[doc] = s.date, s.size
	a.place[doc] = place{s.at.Position, a.stream(s.at.Stream)}
	if !first {
		a.moved = true
		a.numbers(doc)
		s.unsearchable = kept.unsearchable
		return a.lowerThread(s.thread)
	}
	return a.reveal(doc, s, e)
}

// reveal makes a document searchable.
func (a *applier) reveal(doc docID, s *stored, e *analysis) (err error) {
	a.hide(doc, false)
	a.length[doc] = e.words
	a.added = append(a.added, doc)
	a.numbers(doc)
	a.termTable.add(doc, &e.content)
	if len(e.text) > 0 {
		a.write(docKey(famText, doc), e.text)
	}
	if len(e.details) > 0 {
		a.write(docKey(famDetails, doc), e.details)
	}
	a.counts.Documents++
	a.unsearchable(s.unsearchable, 1)
	s.thread, err = a.link(doc, s.at, e.thread)
	return err
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
//	0x00 hidden or 0x01 | date varint | size uvarint | words uvarint | position uvarint | stream
func (a *applier) numbers(doc docID) {
	if a.hidden.Contains(doc) {
		a.write(docKey(famNumbers, doc), []byte{0})
		return
	}
	value := binary.AppendVarint([]byte{1}, a.date[doc])
	value = binary.AppendUvarint(value, uint64(a.size[doc]))
	value = binary.AppendUvarint(value, uint64(a.length[doc]))
	at := a.address(doc)
	value = binary.AppendUvarint(value, uint64(at.Position))
	a.write(docKey(famNumbers, doc), append(value, at.Stream...))
}

// loadNumbers is the reverse of numbers, for the next document.
func (v *view) loadNumbers(value []byte) error {
	doc := v.add()
	if len(value) == 1 && value[0] == 0 {
		v.hidden.Add(doc)
		return nil
	}
	if len(value) == 0 || value[0] != 1 {
		return errCorrupt
	}
	rest := value[1:]
	date, n := binary.Varint(rest)
	var u [3]uint64
	for i := range u {
		rest = rest[max(n, 0):]
		if u[i], n = binary.Uvarint(rest); n <= 0 {
			return errCorrupt
		}
	}
	v.date[doc], v.size[doc], v.length[doc] = date, int64(u[0]), uint32(u[1])
	v.place[doc] = place{archive.Position(u[2]), v.stream(archive.Stream(rest[n:]))}
	return nil
}

// decision applies an event: which case cites what. An event that this version cannot read
// says nothing to the index; casework reports it.
func (a *applier) decision(it item) error {
	e, err := casework.DecodeEvent(it.event)
	if err != nil {
		return nil
	}
	switch e.Type {
	case casework.CitationAdded:
		var c casework.CitationData
		if json.Unmarshal(e.Data, &c) != nil {
			return nil
		}
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
	}
	return nil
}

// newState is that of an index without records.
func newState() *state {
	return &state{
		view:   view{hidden: roaring.New()},
		counts: counts{Reasons: map[string]int{}},
		days:   map[int32]int64{},
		marks:  map[archive.Stream]mark{},
	}
}
