package index

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"polytrace/archive"
	"polytrace/message"
)

// A document is a message as people know it, however often it came: the same
// bytes again, or another copy. Mail servers send several: a journal report for each part of
// the recipients, a copy for each recipient. Their bytes differ, since every copy has
// its own trace and its own envelope, and what they say does not.
//
// Documents are found by the SHA-256 of bytes and by a digest of what they say. Where
// a record leads to two documents, they were one message all along, and the younger
// one is read again into the older. Every arrival adds how it came and to whom; what
// is shown of a document is of the copy that was received first. So the index does
// not depend on the order in which copies are applied.
//
//	'h' sha256(32) -> doc(4)   of each of its copies
//	'k' sha256(32) -> doc(4)   of what they say
//	'v' doc(4) stream 0x00 position(8) -> arrivalRow

// arrivalRow is a value of 'v'.
type arrivalRow struct {
	Meta       archive.Meta        `json:"meta"`
	Recipients []message.Recipient `json:"recipients,omitempty"`
	Same       *archive.Digest     `json:"same,omitempty"` // See sameAs; nil for sightings, and what has no copies.
}

// sameAs is a digest of what the copies of a message have in common: Message-ID,
// date, author, subject, what it answers, and the content of all parts. Mail servers write
// header fields anew, encode and break lines as they like, so it is of what was understood.
// It is nil for what does not have both an ID and a date: that two of those say the same is no
// sign that they are one.
func sameAs(m *message.Message, files []message.Attachment) *archive.Digest {
	if m.MessageID == "" || m.Date.IsZero() {
		return nil
	}
	h := sha256.New()
	add := func(text string) {
		var size [8]byte
		binary.LittleEndian.PutUint64(size[:], uint64(len(text)))
		h.Write(size[:])
		io.WriteString(h, text)
	}
	list := func(texts []string) {
		add(fmt.Sprint(len(texts)))
		for _, t := range texts {
			add(t)
		}
	}
	var authors []string
	for _, p := range m.From {
		authors = append(authors, strings.ToLower(p.Address))
	}
	add(m.MessageID)
	add(fmt.Sprint(m.Date.Unix()))
	list(authors)
	add(strings.Join(strings.Fields(m.Subject), " "))
	list(m.InReplyTo)
	list(m.References)
	for i := range m.Parts {
		p := &m.Parts[i]
		if p.Form != "" || i+1 < len(m.Parts) && m.Parts[i+1].Parent == i && m.Parts[i+1].Form == "" {
			continue // It is in the content of another, or holds others.
		}
		add(p.Type)
		if f := slices.IndexFunc(files, func(f message.Attachment) bool { return f.N == i }); f >= 0 {
			add(files[f].Filename + files[f].SHA256)
			continue
		}
		content := sha256.Sum256(lines(m.Content(i)))
		add(hex.EncodeToString(content[:]))
	}
	d := archive.Digest(h.Sum(nil))
	return &d
}

// lines is a text without what transports change of it: how lines end, and whether the last one does.
func lines(text []byte) []byte {
	return bytes.TrimRight(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), "\r\n")
}

// record applies a document or a sighting.
func (a *applier) record(e *analysis) error {
	doc, s, err := a.document(e)
	if err != nil {
		return err
	}
	s.sightings++
	a.set(addressKey(e.meta.Address()), binary.BigEndian.AppendUint32(docValue(doc), uint32(dayOfMillis(e.meta.Received.UnixMilli()))))
	if e.meta.SameAs != nil {
		a.set(recordKey(famTarget, *e.meta.SameAs), docValue(doc))
	}
	arrival, err := json.Marshal(arrivalRow{e.meta, e.recipients, e.same})
	if err != nil {
		return fmt.Errorf("marshal arrival: %w", err)
	}
	a.set(sightingKey(doc, e.meta.Address()), arrival)
	a.termTable.add(doc, &e.arrival)
	if err := a.recall(doc, e.meta.Address()); err != nil {
		return err
	}
	if e.document {
		if err := a.bytes(doc, s, e); err != nil {
			return err
		}
	}
	a.set(docKey(famSummary, doc), s.encode())
	return nil
}

// document finds the document of a record, or makes one that is hidden until its bytes come.
func (a *applier) document(e *analysis) (docID, *stored, error) {
	keys := [][]byte{digestKey(famDigest, e.meta.SHA256)}
	if e.same != nil {
		keys = append(keys, digestKey(famSame, *e.same))
	}
	doc, known, err := a.one(keys)
	if err != nil {
		return 0, nil, err
	}
	s := &stored{sha256: e.meta.SHA256}
	if known {
		if s, err = a.stored(doc); err != nil {
			return 0, nil, err
		}
	} else {
		doc = a.view.add()
		a.hide(doc, true)
		a.numbers(doc)
	}
	for _, key := range keys {
		value, err := a.get(key)
		if err != nil {
			return 0, nil, err
		}
		if value == nil {
			a.set(key, docValue(doc))
			if key[0] == famDigest {
				s.copies++
				if err := a.recallCorrections(doc, e.meta.SHA256); err != nil {
					return 0, nil, err
				}
			}
		}
	}
	return doc, s, nil
}

// one returns the document that keys lead to. Of several all but the oldest
// are read again, and so come into it.
func (a *applier) one(keys [][]byte) (doc docID, known bool, err error) {
	for _, key := range keys {
		value, err := a.get(key)
		if err != nil {
			return 0, false, err
		}
		if value == nil {
			continue
		}
		other := binary.BigEndian.Uint32(value)
		switch {
		case a.dead.Contains(other): // The same came again meanwhile.
			err = a.retire([]docID{other})
		case !known || other == doc:
			doc, known = other, true
		default:
			err = a.readAgain(max(doc, other))
			doc = min(doc, other)
		}
		if err != nil {
			return 0, false, err
		}
	}
	return doc, known, nil
}

// readAgain deletes a document and has its arrivals read once more.
func (a *applier) readAgain(doc docID) error {
	a.takes = true
	a.kill(doc)
	return a.retire([]docID{doc})
}

// bytes applies a record that has bytes. Each copy adds its words. What is shown is of the one
// that was received first, so that it does not depend on which was applied first.
func (a *applier) bytes(doc docID, s *stored, e *analysis) error {
	a.termTable.add(doc, &e.content)
	if err := a.wait(e.summary.at, e.waits); err != nil {
		return err
	}
	first := a.hidden.Contains(doc)
	earlier := e.summary.received < s.received ||
		e.summary.received == s.received && compareAddress(e.summary.at, s.at) < 0
	if !first {
		if err := a.even(doc, e); err != nil {
			return err
		}
	}
	if !first && !earlier {
		return nil
	}
	before := *s
	*s = e.summary
	s.sightings, s.copies, s.thread = before.sightings, before.copies, before.thread
	if first {
		a.hide(doc, false)
		a.added = append(a.added, doc)
		a.counts.Documents++
	} else {
		a.moved = true
		a.unsearchable(before.unsearchable, -1)
	}
	a.unsearchable(s.unsearchable, 1)
	a.ownView(doc)
	a.date[doc], a.came[doc], a.size[doc] = s.date, time.Unix(0, s.received).UnixMilli(), s.size
	a.place[doc] = place{s.at.Position, a.stream(s.at.Stream)}
	a.length[doc], a.why[doc] = e.words, reasonNumber(s.unsearchable)
	a.readBy(doc, e, first)
	a.author[doc] = a.numberOf(addressTermOf(s.from.Address), a.numbered)
	a.numbers(doc)
	a.replace(docKey(famText, doc), e.text, first)
	a.replace(docKey(famDetails, doc), e.details, first)
	a.replace(docKey(famAttached, doc), e.attached, first)
	if err := a.fragment(doc, e); err != nil {
		return err
	}
	return a.converse(doc, s, e.thread, first)
}

// ownView lets a document be changed that readers may see.
func (a *applier) ownView(doc docID) {
	if doc < a.published && !a.owned {
		a.own()
		a.owned = true
	}
}

// replace writes a row, or sees to it that there is none.
func (a *applier) replace(key, value []byte, first bool) {
	switch {
	case len(value) > 0:
		a.write(key, value)
	case !first:
		mustBatch(a.batch.Delete(key, nil))
	}
}

// converse puts a document into its conversation, or into another one when the copy that it
// is shown by says so.
func (a *applier) converse(doc docID, s *stored, l links, first bool) (err error) {
	key, said := docKey(famLinks, doc), l.encode()
	if first {
		a.set(key, said)
		s.thread, err = a.link(doc, s.at, l)
		return err
	}
	before, err := a.get(key)
	if err != nil {
		return err
	}
	if bytes.Equal(before, said) {
		return a.lowerThread(s.thread)
	}
	root, _, err := findThread(a.get, s.thread)
	if err != nil {
		return err
	}
	members, err := a.dissolve(root)
	if err != nil {
		return err
	}
	a.set(key, said)
	for _, m := range members {
		if m.doc == doc {
			m.links = l
		}
		if err := a.linkAgain(m); err != nil {
			return err
		}
	}
	now, err := a.stored(doc)
	if err != nil {
		return err
	}
	s.thread = now.thread
	return nil
}
