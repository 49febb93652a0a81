package document

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf16"

	"polytrace/message"
)

// compound is a compound file (MS-CFB): a tree of storages and streams, whose
// sectors are chained by a table, as in FAT.
//
//	header(512) sector…      each of 512 or 4096 bytes
//
// It is read as far as it goes: a chain ends where the file does.
type compound struct {
	b          []byte
	sectorSize int
	fat        []uint32 // The sector behind each; numbers are little-endian.
	miniFAT    []uint32 // The same of the small sectors that are inside of mini.
	mini       []byte
	entries    []entry
	visits     int  // Entries that may still be looked at: storages can share what they hold.
	torn       bool // The directory, which stands at the end as a rule, is not all there.
}

// entry is a storage or a stream. Siblings are a binary tree.
type entry struct {
	name               string
	isStream           bool
	left, right, child uint32
	start              uint32
	size               uint64
}

const (
	oleHead     = 512
	miniSector  = 64
	miniCutoff  = 4096 // Smaller streams are in small sectors.
	maxSector   = 0xfffffffa
	endOfChain  = 0xfffffffe
	entrySize   = 128
	maxEntries  = 100_000 // More than any document has.
	headerFATs  = 109     // Sectors of the table that the header names.
	noSuchEntry = -1
)

// openCompound reads the tables of a compound file.
func openCompound(b []byte) (*compound, bool) {
	if len(b) < oleHead {
		return nil, false
	}
	c := &compound{b: b, sectorSize: 512}
	if binary.LittleEndian.Uint16(b[30:]) == 12 {
		c.sectorSize = 4096
	}
	c.readFAT()
	directory, end := c.chain(binary.LittleEndian.Uint32(b[48:]), uint64(len(b)), c.fat, c.sector, c.sectorSize)
	c.torn = end != endOfChain
	for ; len(directory) >= entrySize && len(c.entries) < maxEntries; directory = directory[entrySize:] {
		c.entries = append(c.entries, c.readEntry(directory[:entrySize]))
	}
	if len(c.entries) == 0 {
		return nil, false
	}
	c.visits = 16 * len(c.entries)
	table, _ := c.chain(binary.LittleEndian.Uint32(b[60:]), uint64(len(b)), c.fat, c.sector, c.sectorSize)
	c.miniFAT = numbers(table)
	c.mini, _ = c.chain(c.entries[0].start, c.entries[0].size, c.fat, c.sector, c.sectorSize)
	return c, true
}

// readFAT joins the sectors of the table. The header names the first of them;
// each further list of them ends with the sector of the next list.
func (c *compound) readFAT() {
	list := numbers(c.b[76:oleHead])[:headerFATs]
	next := binary.LittleEndian.Uint32(c.b[68:])
	for sectors := len(c.b)/c.sectorSize + 1; sectors > 0; sectors-- {
		for _, at := range list {
			if at < maxSector && len(c.fat) <= len(c.b)/c.sectorSize {
				c.fat = append(c.fat, numbers(c.sector(at))...)
			}
		}
		if list = numbers(c.sector(next)); len(list) == 0 {
			return
		}
		next, list = list[len(list)-1], list[:len(list)-1]
	}
}

func numbers(b []byte) []uint32 {
	all := make([]uint32, len(b)/4)
	for i := range all {
		all[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return all
}

// sector is one of the file; the last may be cut, and what is not there is
// empty.
func (c *compound) sector(n uint32) []byte {
	from := (uint64(n) + 1) * uint64(c.sectorSize)
	if n >= maxSector || from >= uint64(len(c.b)) {
		return nil
	}
	return c.b[from:min(from+uint64(c.sectorSize), uint64(len(c.b)))]
}

func (c *compound) miniSector(n uint32) []byte {
	from := uint64(n) * miniSector
	if n >= maxSector || from >= uint64(len(c.mini)) {
		return nil
	}
	return c.mini[from:min(from+miniSector, uint64(len(c.mini)))]
}

// chain joins sectors, up to a size, and tells the number that came next. A
// circle ends there too, since no more than the file has can come.
func (c *compound) chain(start uint32, size uint64, table []uint32, sector func(uint32) []byte, sectorSize int) (out []byte, next uint32) {
	size = min(size, uint64(len(c.b)))
	for next = start; uint64(len(out)) < size; {
		piece := sector(next)
		if len(piece) == 0 {
			break
		}
		out = append(out, piece[:min(uint64(len(piece)), size-uint64(len(out)))]...)
		if len(piece) < sectorSize || uint64(next) >= uint64(len(table)) {
			break
		}
		next = table[next]
	}
	return out, next
}

func (c *compound) readEntry(b []byte) entry {
	const stream = 2
	e := entry{
		isStream: b[66] == stream,
		left:     binary.LittleEndian.Uint32(b[68:]), right: binary.LittleEndian.Uint32(b[72:]), child: binary.LittleEndian.Uint32(b[76:]),
		start: binary.LittleEndian.Uint32(b[116:]), size: binary.LittleEndian.Uint64(b[120:]),
	}
	if c.sectorSize == 512 {
		e.size &= 0xffffffff // QUIRK: section 2.6.3: old writers leave junk in the upper half.
	}
	e.name = utf16Text(b[:min(max(int(binary.LittleEndian.Uint16(b[64:]))-2, 0), 62)])
	return e
}

func utf16Text(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}

// children are the entries of a storage, by their order in its tree.
func (c *compound) children(storage int) []int {
	var all []int
	seen := map[uint32]bool{}
	type step struct {
		n     uint32
		again bool
	}
	for todo := []step{{c.entries[storage].child, false}}; len(todo) > 0 && c.visits > 0; c.visits-- {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if uint64(s.n) >= uint64(len(c.entries)) || s.n == 0 {
			continue
		}
		if s.again {
			all = append(all, int(s.n))
			continue
		}
		if seen[s.n] {
			continue
		}
		seen[s.n] = true
		e := c.entries[s.n]
		todo = append(todo, step{e.right, false}, step{s.n, true}, step{e.left, false})
	}
	return all
}

// find is the child of a storage that has a name; names differ by more than
// case. noSuchEntry when there is none.
func (c *compound) find(storage int, name string) int {
	for _, i := range c.children(storage) {
		if strings.EqualFold(c.entries[i].name, name) {
			return i
		}
	}
	return noSuchEntry
}

// stream is the content of one. It counts as unpacked: many entries can name
// the same sectors.
func (r *reader) stream(c *compound, i int) []byte {
	if i == noSuchEntry || !c.entries[i].isStream {
		return nil
	}
	e := c.entries[i]
	if size := int64(min(e.size, uint64(len(c.b)))); size > r.inflatable {
		r.note(Limit)
		r.inflatable = 0
		return nil
	}
	var out []byte
	if e.size < miniCutoff {
		out, _ = c.chain(e.start, e.size, c.miniFAT, c.miniSector, miniSector)
	} else {
		out, _ = c.chain(e.start, e.size, c.fat, c.sector, c.sectorSize)
	}
	r.inflatable -= int64(len(out))
	if uint64(len(out)) < e.size {
		r.note(Damaged)
	}
	return out
}

// readOLE reads a document that is a compound file.
func (r *reader) readOLE(content []byte) {
	c, ok := openCompound(content)
	switch {
	case !ok:
		r.note(Damaged)
	case r.readStorage(c, 0):
	case c.torn:
		r.note(Damaged)
	default:
		r.note(Unknown)
	}
}

// readStorage reads the document that is in a storage, told by the streams that
// it has; false when there is none.
func (r *reader) readStorage(c *compound, storage int) bool {
	for _, i := range c.children(storage) {
		switch c.entries[i].name {
		case "EncryptedPackage", "EncryptionInfo", "DRMEncryptedDataSpace": // MS-OFFCRYPTO section 2.3.4.
			r.note(Encrypted)
		case "WordDocument":
			r.readDOC(c, storage, r.stream(c, i))
			r.readObjects(c, c.find(storage, "ObjectPool"), "")
		case "Workbook", "Book":
			r.readXLS(r.stream(c, i))
			r.readObjects(c, storage, "MBD")
		case "PowerPoint Document":
			r.readPPT(c, storage, r.stream(c, i))
		case msgPropertyStream:
			r.readMSG(c, storage)
		default:
			continue
		}
		return true
	}
	return false
}

// readObjects reads what is embedded in a document: storages with a document of
// their own, or with a file. Those of other programs show a picture, and are
// not missed.
func (r *reader) readObjects(c *compound, storage int, prefix string) {
	if storage == noSuchEntry {
		return
	}
	for _, i := range c.children(storage) {
		if e := c.entries[i]; e.isStream || !strings.HasPrefix(e.name, prefix) {
			continue
		}
		if r.full() || !r.take() {
			return
		}
		r.within(c.entries[i].name, func() { r.readObject(c, i) })
	}
}

func (r *reader) readObject(c *compound, storage int) {
	if r.tooDeep() || r.readStorage(c, storage) {
		return
	}
	for _, i := range c.children(storage) {
		switch c.entries[i].name {
		case "Package", "CONTENTS":
			r.read("", "", r.stream(c, i))
		case "\x01Ole10Native":
			r.readNative(r.stream(c, i))
		}
	}
}

// readNative reads a file that was packed as it is (MS-OLEDS section 2.3.6, and
// what its data is by convention):
//
//	size(4) type(2) label 0 path 0 kind(4) length(4) path length(4) file
func (r *reader) readNative(b []byte) {
	_, b = cut(b, 6)
	label, b, ok := bytes.Cut(b, []byte{0})
	_, b, isPath := bytes.Cut(b, []byte{0})
	if !ok || !isPath || len(b) < 8 {
		return
	}
	_, b = cut(b, 4)
	_, b = cut(b[4:], int(binary.LittleEndian.Uint32(b)))
	if len(b) < 4 {
		return
	}
	file, _ := cut(b[4:], int(binary.LittleEndian.Uint32(b)))
	if len(file) > 0 {
		r.nested(message.DecodeCodepage(1252, label), "", file)
	}
}

// cut divides b at n, or where it ends.
func cut(b []byte, n int) (before, after []byte) {
	n = max(0, min(n, len(b)))
	return b[:n], b[n:]
}
