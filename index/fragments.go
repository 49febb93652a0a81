package index

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"polytrace/archive"
	"polytrace/message"
)

// A message may come in fragments (message/partial, RFC 2046 section 5.2.2), each of
// which is a document. When all are here the first one is read together with the others, and
// found by the words of the whole. Whenever a fragment comes or goes, what was joined is
// compared with what there is to join; where that differs the first fragment is read again, as
// after a removal. So it has the words of what is there, and of nothing else.
//
//	'f' message(16) number(4) doc(4) -> total(4) received(8) sha256(32) stream 0x00 position(8)
//	'i' message(16) -> doc(4) ok(1) sha256(32)   the first fragment, and of which others it has the words;
//	                                             ok is 0 when they do not fit together
//
// Whoever knows the identifier could add a fragment, so those of one message have to be of one author.

// Limits of what is joined; what is more stays in parts. They bound the work that hostile mail makes.
const (
	maxFragments = 4096      // of a message, each counted as often as it came in other words
	maxJoined    = 256 << 20 // bytes
)

// fragment says of which message a document is a part.
type fragment struct {
	Of     node   `json:"of"`
	Number uint32 `json:"number"`
	Total  uint32 `json:"total,omitempty"` // 0 when it does not tell.
}

// fragmentOf is what a message says about itself; nil when it is no fragment.
func fragmentOf(m *message.Message) *fragment {
	p := m.Parts[0].Partial
	if p == nil || p.Number > maxFragments || p.Total > maxFragments {
		return nil
	}
	return &fragment{nodeOf('p', p.ID+"\x00"+strings.ToLower(author(m, "").Address)), uint32(p.Number), uint32(p.Total)}
}

func (f fragment) key(doc docID) []byte {
	key := binary.BigEndian.AppendUint32(f.prefix(), f.Number)
	return binary.BigEndian.AppendUint32(key, doc)
}

func (f fragment) prefix() []byte { return append([]byte{famFragment}, f.Of[:]...) }

func joinedKey(of node) []byte { return append([]byte{famJoined}, of[:]...) }

// piece is a row of 'f'.
type piece struct {
	fragment
	doc      docID
	received int64
	sha256   archive.Digest
	at       archive.Address
}

func (p piece) encode() []byte {
	value := binary.BigEndian.AppendUint32(nil, p.Total)
	value = binary.BigEndian.AppendUint64(value, uint64(p.received))
	return appendAddress(append(value, p.sha256[:]...), p.at)
}

func decodePiece(key, value []byte) (p piece, err error) {
	const head = 4 + 8 + 32
	if len(key) != 1+16+4+4 || len(value) < head {
		return p, errCorrupt
	}
	p.Of, p.Number, p.doc = node(key[1:17]), binary.BigEndian.Uint32(key[17:]), keyDoc(key)
	p.Total, p.received = binary.BigEndian.Uint32(value), int64(binary.BigEndian.Uint64(value[4:]))
	copy(p.sha256[:], value[12:])
	p.at, err = keyAddress(value[head-1:])
	return p, err
}

// assemble picks the fragments to join, in order: of those with the same number the one that was received first.
func assemble(all []piece) (parts []piece, whole bool) {
	slices.SortFunc(all, func(a, b piece) int {
		return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.received, b.received), compareAddress(a.at, b.at))
	})
	total := 0
	for _, p := range all {
		total = max(total, int(p.Total))
		if n := len(parts); n == 0 || parts[n-1].Number != p.Number {
			parts = append(parts, p)
		}
	}
	whole = total > 0 && len(all) <= maxFragments && len(parts) >= total && int(parts[total-1].Number) == total
	if whole {
		parts = parts[:total]
	}
	return parts, whole
}

// digestOf names the fragments that a first one is joined with.
func digestOf(parts []piece) archive.Digest {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p.sha256[:])
	}
	return archive.Digest(h.Sum(nil))
}

// joined is what a first fragment is read with.
type joined struct {
	of      archive.Digest
	records []archive.Record // Nil when they cannot be had.
}

// whole joins the fragments; nil when they do not fit together.
func (j *joined) whole() *message.Message {
	var parts [][]byte
	for _, r := range j.records {
		parts = append(parts, message.Read(r.Body, delivery(r.Meta)).Original.Raw)
	}
	raw, ok := message.Join(parts)
	if !ok {
		return nil
	}
	return message.Parse(raw)
}

// join finds what a first fragment is to be read with; nil while others are missing.
func (r *reader) join(e *analysis, body []byte) (*joined, error) {
	parts, leads, err := r.parts(e)
	if err != nil || !leads {
		return nil, err
	}
	j, size := &joined{of: digestOf(parts[1:])}, int64(0)
	records := []archive.Record{{Meta: e.meta, Body: body}}
	for _, p := range parts[1:] {
		rec, err := r.x.archive.Read(r.ctx, p.at)
		if errors.Is(err, archive.ErrDamaged) || errors.Is(err, archive.ErrNotFound) || errors.Is(err, archive.ErrGone) {
			return j, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read %s to join it with %s: %w", p.at, e.summary.at, err)
		}
		if size += rec.Meta.Size; size > maxJoined {
			return j, nil
		}
		records = append(records, rec)
	}
	j.records = records
	return j, nil
}

// parts are the fragments that the index has, with one that it is about to have. That one leads when they
// are whole and it is their first, or a copy of that: all copies are read with the others, or none.
func (r *reader) parts(e *analysis) (parts []piece, leads bool, err error) {
	s, snap, release, err := r.x.sight()
	if err != nil {
		return nil, false, err
	}
	defer release()
	own := piece{*e.fragment, 0, e.summary.received, e.summary.sha256, e.summary.at}
	all := []piece{own}
	err = eachIn(snap, own.prefix(), func(key, value []byte) error {
		p, err := decodePiece(key, value)
		if err == nil && !s.dead.Contains(p.doc) && p.at != own.at {
			all = append(all, p)
		}
		return err
	})
	parts, whole := assemble(all)
	switch {
	case err != nil || !whole:
	case parts[0].at == own.at:
		leads = true
	default:
		leads, err = leadsTo(snap, e, parts[0].doc)
	}
	return parts, leads, errors.Join(err, snap.Close())
}

// leadsTo reports whether a record is of a document.
func leadsTo(snap pebble.Reader, e *analysis, doc docID) (bool, error) {
	keys := [][]byte{digestKey(famDigest, e.meta.SHA256)}
	if e.same != nil {
		keys = append(keys, digestKey(famSame, *e.same))
	}
	for _, key := range keys {
		value, err := getCopy(snap, key)
		if err != nil || len(value) == 4 && binary.BigEndian.Uint32(value) == doc {
			return err == nil, err
		}
	}
	return false, nil
}

// even has a document read again of which one copy was read with other fragments than the copies before: each adds
// its words. They differ where one was read before a fragment came, and is applied behind it.
func (a *applier) even(doc docID, e *analysis) error {
	if e.fragment == nil {
		return nil
	}
	value, err := a.get(joinedKey(e.fragment.Of))
	if err != nil {
		return err
	}
	with := len(value) > 5 && binary.BigEndian.Uint32(value) == doc
	if with != (e.joined != nil) || with && archive.Digest(value[5:]) != *e.joined {
		a.uneven = append(a.uneven, doc)
	}
	return nil
}

// fragment notes of which message a document is a part, as it is shown now.
func (a *applier) fragment(doc docID, e *analysis) error {
	a.forgetFragment(doc)
	f := e.fragment
	if f == nil {
		return nil
	}
	a.fragments[doc] = *f
	a.torn[f.Of] = true
	a.set(f.key(doc), piece{*f, doc, e.summary.received, e.summary.sha256, e.summary.at}.encode())
	if e.joined == nil {
		return nil
	}
	if err := a.unjoin(f.Of, doc); err != nil {
		return err
	}
	value := append(docValue(doc), 0)
	if e.whole {
		value[4] = 1
	}
	a.set(joinedKey(f.Of), append(value, e.joined[:]...))
	return nil
}

func (a *applier) forgetFragment(doc docID) {
	if f, ok := a.fragments[doc]; ok {
		delete(a.fragments, doc)
		a.torn[f.Of] = true
		a.delete(f.key(doc))
	}
}

// unjoin has the document read again that has the words of a whole message, unless it is a certain one.
func (a *applier) unjoin(of node, but docID) error {
	value, err := a.get(joinedKey(of))
	if err != nil || value == nil {
		return err
	}
	a.delete(joinedKey(of))
	if doc := binary.BigEndian.Uint32(value); doc != but && !a.dead.Contains(doc) {
		return a.readAgain(doc)
	}
	return nil
}

// settle has what was joined agree with what there is to join, for all messages of which
// fragments came or went.
func (a *applier) settle() error {
	for _, doc := range a.uneven {
		if !a.dead.Contains(doc) {
			if err := a.readAgain(doc); err != nil {
				return err
			}
		}
	}
	byName := func(a, b node) int { return bytes.Compare(a[:], b[:]) }
	for len(a.torn) > 0 {
		for _, of := range slices.SortedFunc(maps.Keys(a.torn), byName) {
			delete(a.torn, of)
			if err := a.settleOne(of); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *applier) settleOne(of node) error {
	all, err := a.pieces(of)
	if err != nil {
		return err
	}
	parts, whole := assemble(slices.Clone(all))
	value, err := a.get(joinedKey(of))
	if err != nil {
		return err
	}
	if value != nil && len(value) != 4+1+32 {
		return errCorrupt
	}
	agree := whole && value != nil && binary.BigEndian.Uint32(value) == parts[0].doc && archive.Digest(value[5:]) == digestOf(parts[1:])
	if !agree {
		if err := a.unjoin(of, ^docID(0)); err != nil {
			return err
		}
		if whole && !a.dead.Contains(parts[0].doc) {
			if err := a.readAgain(parts[0].doc); err != nil {
				return err
			}
		}
	}
	for _, p := range all {
		reason := reasonPartial
		if agree && value[4] == 1 && slices.ContainsFunc(parts, func(q piece) bool { return q.doc == p.doc }) {
			reason = ""
		}
		if agree && p.doc == parts[0].doc || a.dead.Contains(p.doc) {
			continue // It was read with the others, and tells itself; or it is gone.
		}
		if err := a.partial(p.doc, reason); err != nil {
			return err
		}
	}
	return nil
}

// pieces lists the fragments of a message.
func (a *applier) pieces(of node) (all []piece, err error) {
	prefix := fragment{Of: of}.prefix()
	rows, err := a.rows(prefix, after(prefix))
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		p, err := decodePiece(r.key, r.value)
		if err != nil {
			return nil, err
		}
		if !a.dead.Contains(p.doc) {
			all = append(all, p)
		}
	}
	return all, nil
}

// partial says whether a fragment is searched, with the whole message, or not. One that
// cannot be searched for another reason keeps that.
func (a *applier) partial(doc docID, reason string) error {
	now := reasons[a.why[doc]]
	if now == reason || now != "" && now != reasonPartial {
		return nil
	}
	s, err := a.stored(doc)
	if err != nil {
		return err
	}
	a.because(doc, s, reason)
	return nil
}

// because changes why a document is not searched, or not all of it.
func (a *applier) because(doc docID, s *stored, reason string) {
	a.unsearchable(reasons[a.why[doc]], -1)
	a.unsearchable(reason, 1)
	s.unsearchable = reason
	a.ownView(doc)
	a.why[doc] = reasonNumber(reason)
	a.numbers(doc)
	a.set(docKey(famSummary, doc), s.encode())
}

// fragments tells of a document which parts of its message are here.
func (f *finder) fragments(own *fragment) (*Fragment, error) {
	out := &Fragment{Number: int(own.Number), Total: int(own.Total)}
	var all []piece
	err := eachIn(f.snap, own.prefix(), func(key, value []byte) error {
		p, err := decodePiece(key, value)
		if err == nil && p.doc < f.v.n && !f.v.hidden.Contains(p.doc) {
			all = append(all, p)
			out.Total = max(out.Total, int(p.Total))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	parts, whole := assemble(all)
	for _, p := range parts {
		out.Parts = append(out.Parts, p.at)
	}
	value, err := f.get(joinedKey(own.Of))
	out.Whole = whole && len(value) == 4+1+32 && value[4] == 1
	return out, err
}
