package index

import (
	"encoding/binary"
	"time"

	"polytrace/archive"
	"polytrace/message"
)

// stored is a Summary as it is kept, one for each document:
//
//	version(1B) | uvarint and varint numbers, strings behind their length, lists behind their count
//
// in the order of encode. What follows from other keys (thread, cases, snippet) is not in it.
type stored struct {
	kind         archive.Kind
	at           archive.Address
	date         int64 // Unix milliseconds
	received     int64 // Unix nanoseconds
	from         message.Mailbox
	to           []message.Mailbox
	subject      string
	files        []File
	size         int64
	sha256       archive.Digest
	queue        string
	mailbox      string
	sightings    int
	copies       int
	messageID    string
	unsearchable string
	thread       uint32
}

const (
	storedVersion  = 3
	storedFileless = 2 // Of files it had the names alone.
)

func (s *stored) encode() []byte {
	e := encoder{storedVersion}
	e.text(string(s.kind))
	e.text(string(s.at.Stream))
	e.number(int64(s.at.Position))
	e.number(s.date)
	e.number(s.received)
	e.people([]message.Mailbox{s.from})
	e.people(s.to)
	e.text(s.subject)
	e.number(int64(len(s.files)))
	for _, f := range s.files {
		e.text(f.Name)
		e.number(int64(f.N))
		e.number(f.Size)
		e.text(string(f.SHA256[:]))
		e.text(f.Format)
		e.text(f.Odd)
	}
	e.number(s.size)
	e.text(string(s.sha256[:]))
	e.text(s.queue)
	e.text(s.mailbox)
	e.number(int64(s.sightings))
	e.number(int64(s.copies))
	e.text(s.messageID)
	e.text(s.unsearchable)
	e.number(int64(s.thread))
	return e
}

func decodeStored(value []byte) (*stored, error) {
	if len(value) == 0 || value[0] != storedVersion && value[0] != storedFileless {
		return nil, errCorrupt
	}
	d := decoder{rest: value[1:]}
	s := &stored{kind: archive.Kind(d.text())}
	s.at = archive.Address{Stream: archive.Stream(d.text()), Position: archive.Position(d.number())}
	s.date, s.received = d.number(), d.number()
	if from := d.people(); len(from) == 1 {
		s.from = from[0]
	}
	s.to, s.subject = d.people(), d.text()
	for n := d.count(); n > 0; n-- {
		s.files = append(s.files, d.file(value[0]))
	}
	s.size = d.number()
	copy(s.sha256[:], d.text())
	s.queue, s.mailbox = d.text(), d.text()
	s.sightings, s.copies, s.messageID, s.unsearchable = int(d.number()), int(d.number()), d.text(), d.text()
	s.thread = uint32(d.number())
	if d.bad {
		return nil, errCorrupt
	}
	return s, nil
}

// summary is what is shown of it; the caller adds what stands elsewhere.
func (s *stored) summary() Summary {
	var names []string
	known := s.files
	for _, f := range s.files {
		names = append(names, f.Name)
		if f.SHA256.IsZero() { // Kept by an earlier version.
			known = nil
		}
	}
	return Summary{
		Address: s.at, Kind: s.kind,
		Date: time.UnixMilli(s.date).UTC(), Received: time.Unix(0, s.received).UTC(),
		From: s.from, To: s.to, Subject: s.subject, Files: names, Attached: known, Size: s.size, SHA256: s.sha256,
		Queue: s.queue, Mailbox: s.mailbox, Sightings: s.sightings, Copies: s.copies, Unsearchable: s.unsearchable,
	}
}

// encoder and decoder write and read numbers, texts and lists.
type encoder []byte

func (e *encoder) number(n int64) { *e = binary.AppendVarint(*e, n) }

func (e *encoder) text(s string) {
	*e = append(binary.AppendUvarint(*e, uint64(len(s))), s...)
}

func (e *encoder) people(list []message.Mailbox) {
	e.number(int64(len(list)))
	for _, m := range list {
		e.text(m.Name)
		e.text(m.Address)
	}
}

type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) number() int64 {
	n, size := binary.Varint(d.rest)
	d.skip(size)
	return n
}

// count is the length of a list that can be in what is left.
func (d *decoder) count() int {
	n := d.number()
	if n < 0 || n > int64(len(d.rest)) {
		d.bad = true
		return 0
	}
	return int(n)
}

func (d *decoder) skip(size int) {
	if size <= 0 || size > len(d.rest) {
		d.bad, d.rest = true, nil
		return
	}
	d.rest = d.rest[size:]
}

func (d *decoder) text() string {
	n, size := binary.Uvarint(d.rest)
	d.skip(size)
	if d.bad || n > uint64(len(d.rest)) {
		d.bad, d.rest = true, nil
		return ""
	}
	s := string(d.rest[:n])
	d.rest = d.rest[n:]
	return s
}

// file is an attached file, as a version of stored kept it.
func (d *decoder) file(version byte) (f File) {
	if f.Name = d.text(); version == storedFileless {
		return f
	}
	f.N, f.Size = int(d.number()), d.number()
	copy(f.SHA256[:], d.text())
	f.Format, f.Odd = d.text(), d.text()
	return f
}

func (d *decoder) people() []message.Mailbox {
	n := d.count()
	if n == 0 {
		return nil
	}
	list := make([]message.Mailbox, n)
	for i := range list {
		list[i] = message.Mailbox{Name: d.text(), Address: d.text()}
	}
	return list
}
