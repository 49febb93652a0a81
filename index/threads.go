package index

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"time"

	"polytrace/archive"
)

// A thread is what is joined by Message-ID, References and In-Reply-To (RFC
// 5256 section 3), whether or not the messages named are here: a node is a
// Message-ID that someone mentioned, and the union of all nodes that a message
// mentions does not depend on the order in which messages come.
//
// Replies of programs that name nothing are joined by subject, with care:
// the same base subject, not more than thirty days behind it, from someone
// who took part in it, to its author. This too is a relation of two messages,
// so it is asked when either of them comes.
//
//	'm' node(16)  -> thread(4)
//	'r' thread(4) -> 0x00 count uvarint stream 0x00 position(8)   a root: how many documents, the lowest address
//	'r' thread(4) -> 0x02 ...                                     a root of which people split something off (corrections.go)
//	'r' thread(4) -> 0x01 parent(4)                               joined to another
//	'g' thread(4) doc(4) -> nothing, or thread(4) that it was split off to
//	's' 'z' subject(8) date(8) doc(4) -> author(4) person(4) ...
//	'l' doc(4) -> version(1) orphan(1) subject(8) date(8) author(4) people uvarint person(4) ... exchange(16) id name ...
//
// In 'l' are Message-IDs in full, each behind its length, so that those that others answer and
// that are not here can be told.
//
// When a document is removed its thread is dissolved, and those who stay are linked anew by
// what they said. All rows of a thread are of its members: its number is that of one of them.
//
// A thread is numbered after the document that began it. Its ID for people is
// its lowest address; the address of any message in it resolves to it.
const subjectWindow = 30 * 24 * time.Hour

// threadRow is a row of 'r'.
type threadRow struct {
	joined bool
	parent uint32
	count  uint64
	lowest archive.Address
	split  bool // Some of its members begin conversations of their own.
}

func (r threadRow) encode() []byte {
	if r.joined {
		return binary.BigEndian.AppendUint32([]byte{1}, r.parent)
	}
	kind := byte(0)
	if r.split {
		kind = 2
	}
	return appendAddress(binary.AppendUvarint([]byte{kind}, r.count), r.lowest)
}

func decodeThread(value []byte) (r threadRow, err error) {
	if len(value) == 5 && value[0] == 1 {
		return threadRow{joined: true, parent: binary.BigEndian.Uint32(value[1:])}, nil
	}
	if len(value) == 0 || value[0] != 0 && value[0] != 2 {
		return r, errCorrupt
	}
	count, n := binary.Uvarint(value[1:])
	name, rest, ok := bytes.Cut(value[1+max(n, 0):], []byte{0})
	if n <= 0 || !ok || len(rest) != 8 {
		return r, errCorrupt
	}
	at := archive.Address{Stream: archive.Stream(name), Position: archive.Position(binary.BigEndian.Uint64(rest))}
	return threadRow{count: count, lowest: at, split: value[0] == 2}, nil
}

// getter reads a key: of the database, or of it with a batch in the making on top.
type getter func(key []byte) ([]byte, error)

// findThread follows joins to the root.
func findThread(get getter, thread uint32) (uint32, threadRow, error) {
	for {
		value, err := get(docKey(famThread, thread))
		if err != nil {
			return 0, threadRow{}, err
		}
		r, err := decodeThread(value)
		if err != nil || !r.joined {
			return thread, r, err
		}
		thread = r.parent
	}
}

// threadOf is the thread that a document is in.
func (t *tx) threadOf(doc docID) (uint32, threadRow, error) {
	s, err := t.stored(doc)
	if err != nil {
		return 0, threadRow{}, err
	}
	return findThread(t.get, s.thread)
}

// link puts a new document into its thread and returns the thread's number.
func (a *applier) link(doc docID, at archive.Address, l links) (uint32, error) {
	nodes := a.nodes(doc, l)
	var found []uint32
	for _, n := range nodes {
		value, err := a.get(nodeKey(n))
		if err != nil {
			return 0, err
		}
		if value != nil {
			found = append(found, binary.BigEndian.Uint32(value))
		}
	}
	related, err := a.bySubject(doc, l)
	if err != nil {
		return 0, err
	}
	root, row, err := a.join(doc, append(found, related...))
	if err != nil {
		return 0, err
	}
	if row.count == 0 || compareAddress(at, row.lowest) < 0 {
		row.lowest = at
	}
	row.count++
	row.split = row.split || lastSplit(a.corrections.of[doc]) > 0
	if row.split {
		a.strained[doc] = true
	}
	a.set(docKey(famThread, root), row.encode())
	a.set(memberKey(root, doc), nil)
	a.setThread(doc, root)
	for _, n := range nodes {
		a.set(nodeKey(n), docValue(root))
	}
	return root, nil
}

// join makes one of several threads, or a new one of none, and returns its root.
func (a *applier) join(doc docID, threads []uint32) (uint32, threadRow, error) {
	root, row := doc, threadRow{}
	for i, thread := range threads {
		other, otherRow, err := findThread(a.get, thread)
		switch {
		case err != nil:
			return 0, row, err
		case i == 0:
			root, row = other, otherRow
			continue
		case other == root:
			continue
		}
		if otherRow.count > row.count || otherRow.count == row.count && other < root {
			root, row, other, otherRow = other, otherRow, root, row
		}
		if err := a.moveMembers(other, root); err != nil {
			return 0, row, err
		}
		row.count += otherRow.count
		row.split = row.split || otherRow.split
		if compareAddress(otherRow.lowest, row.lowest) < 0 {
			row.lowest = otherRow.lowest
		}
		a.set(docKey(famThread, other), threadRow{joined: true, parent: root}.encode())
		a.set(docKey(famThread, root), row.encode())
	}
	return root, row, nil
}

func (a *applier) moveMembers(from, to uint32) error {
	prefix := docKey(famMember, from)
	keys, err := a.keys(prefix)
	if err != nil {
		return err
	}
	for _, key := range keys {
		a.delete(key)
		a.set(memberKey(to, keyDoc(key)), nil)
		a.setThread(keyDoc(key), to)
	}
	return nil
}

func nodeKey(n node) []byte { return append([]byte{famNode}, n[:]...) }

func memberKey(thread uint32, doc docID) []byte {
	return binary.BigEndian.AppendUint32(docKey(famMember, thread), doc)
}

func subjectKey(family byte, subject uint64, date int64) []byte {
	key := binary.BigEndian.AppendUint64([]byte{family}, subject)
	return binary.BigEndian.AppendUint64(key, uint64(date)^1<<63)
}

// bySubject finds the threads of documents that l answers, or that answer l,
// without naming it, and notes l for those to come.
func (t *tx) bySubject(doc docID, l links) ([]uint32, error) {
	if l.subject == 0 || len(l.people) == 0 {
		return nil, nil
	}
	window := subjectWindow.Milliseconds()
	var docs []docID
	var err error
	if l.orphan { // What it may answer; it may be answered by another orphan too.
		docs, err = t.partners(famSubject, l, l.date-window, l.date, docs)
	}
	if _, ok := t.orphans[l.subject]; ok && err == nil {
		docs, err = t.partners(famOrphan, l, l.date, l.date+window, docs)
	}
	if err != nil {
		return nil, err
	}
	people := l.row()
	t.set(append(subjectKey(famSubject, l.subject, l.date), docValue(doc)...), people)
	if l.orphan {
		t.set(append(subjectKey(famOrphan, l.subject, l.date), docValue(doc)...), people)
		t.orphans[l.subject] = struct{}{}
	}
	var threads []uint32
	for _, d := range docs {
		s, err := t.stored(d)
		if err != nil {
			return nil, err
		}
		threads = append(threads, s.thread)
	}
	return threads, nil
}

// partners adds the documents of a subject and a time in which l's author took part, and whose author took part in l.
func (t *tx) partners(family byte, l links, from, to int64, docs []docID) ([]docID, error) {
	rows, err := t.rows(subjectKey(family, l.subject, from), after(subjectKey(family, l.subject, to)))
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		if len(r.value) < 4 || len(r.value)%4 != 0 {
			return nil, errCorrupt
		}
		if answers(l, r.value) {
			docs = append(docs, keyDoc(r.key))
		}
	}
	return docs, nil
}

// row is a value of 's'.
func (l links) row() []byte {
	row := binary.BigEndian.AppendUint32(nil, l.author)
	for _, p := range l.people {
		row = binary.BigEndian.AppendUint32(row, p)
	}
	return row
}

// answers reports whether the author of each took part in the other: of
// messages by the same author, whether someone else did in both.
func answers(l links, row []byte) bool {
	author, mine, other := binary.BigEndian.Uint32(row), false, false
	for people := row[4:]; len(people) > 0; people = people[4:] {
		p := binary.BigEndian.Uint32(people)
		mine = mine || p == l.author
		other = other || p != l.author && slices.Contains(l.people, p)
	}
	return mine && slices.Contains(l.people, author) && (author != l.author || other)
}

// threadAddress understands the ID of a thread, "mail-legal-17".
func threadAddress(id string) (archive.Address, bool) {
	i := strings.LastIndexByte(id, '-')
	if i < 0 {
		return archive.Address{}, false
	}
	a, err := archive.ParseAddress(id[:i] + "/" + id[i+1:])
	return a, err == nil
}

// threadID is what threadAddress understands.
func threadID(a archive.Address) string {
	return string(a.Stream) + "-" + strconv.FormatUint(uint64(a.Position), 10)
}

const linksVersion = 2

// encode writes what a document says about its conversation.
func (l links) encode() []byte {
	value := encoder{linksVersion, 0}
	if l.orphan {
		value[1] = 1
	}
	value = binary.BigEndian.AppendUint64(value, l.subject)
	value = binary.BigEndian.AppendUint64(value, uint64(l.date))
	value = binary.BigEndian.AppendUint32(value, l.author)
	value = binary.AppendUvarint(value, uint64(len(l.people)))
	for _, p := range l.people {
		value = binary.BigEndian.AppendUint32(value, p)
	}
	value = append(value, l.exchange[:]...)
	value.text(l.id)
	for _, name := range l.names {
		value.text(name)
	}
	return value
}

func decodeLinks(value []byte) (l links, err error) {
	const head = 2 + 8 + 8 + 4
	if len(value) < head || value[0] != linksVersion {
		return l, errCorrupt
	}
	l.orphan = value[1] == 1
	l.subject, l.date = binary.BigEndian.Uint64(value[2:]), int64(binary.BigEndian.Uint64(value[10:]))
	l.author = binary.BigEndian.Uint32(value[18:])
	people, n := binary.Uvarint(value[head:])
	rest := value[head+max(n, 0):]
	if n <= 0 || people > uint64(len(rest)/4) || len(rest) < int(people)*4+len(node{}) {
		return l, errCorrupt
	}
	for ; people > 0; people-- {
		l.people = append(l.people, binary.BigEndian.Uint32(rest))
		rest = rest[4:]
	}
	l.exchange = node(rest[:len(node{})])
	d := decoder{rest: rest[len(node{}):]}
	l.id = d.text()
	for len(d.rest) > 0 {
		l.names = append(l.names, d.text())
	}
	if d.bad {
		return l, errCorrupt
	}
	return l, nil
}

// unlink deletes by what a document is found for its conversation.
func (a *applier) unlink(doc docID, l links) {
	for _, n := range a.nodes(doc, l) {
		a.delete(nodeKey(n))
	}
	if l.subject == 0 || len(l.people) == 0 {
		return
	}
	a.delete(append(subjectKey(famSubject, l.subject, l.date), docValue(doc)...))
	if l.orphan {
		a.delete(append(subjectKey(famOrphan, l.subject, l.date), docValue(doc)...))
	}
}
