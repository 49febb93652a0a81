package document

import (
	"encoding/binary"
	"strconv"
	"strings"

	"polytrace/message"
)

// Records of a presentation (MS-PPT section 2.3.1):
//
//	version and instance(2) type(2) length(4) length bytes
//
// Integers are little-endian. Version 15 holds other records.
const (
	pptDocument      = 0x03e8
	pptSlide         = 0x03ee
	pptSlideAtom     = 0x03ef
	pptNotes         = 0x03f0
	pptSlidePersist  = 0x03f3
	pptOutlineText   = 0x0f9e
	pptTextChars     = 0x0fa0
	pptTextBytes     = 0x0fa8
	pptCString       = 0x0fba
	pptSlideList     = 0x0ff0
	pptUserEdit      = 0x0ff5
	pptBinaryTagData = 0x138b
	pptPersist       = 0x1772
	pptComment       = 0x2ee0
)

type pptRecord struct {
	kind, instance int
	isContainer    bool
	data           []byte
}

// pptRecords yields records that follow each other, as far as they go.
func pptRecords(b []byte) func(yield func(pptRecord) bool) {
	return func(yield func(pptRecord) bool) {
		for len(b) >= 8 {
			head := binary.LittleEndian.Uint16(b)
			size := uint64(binary.LittleEndian.Uint32(b[4:]))
			rec := pptRecord{kind: int(binary.LittleEndian.Uint16(b[2:])), instance: int(head >> 4), isContainer: head&15 == 15}
			b = b[8:]
			rec.data = b[:min(size, uint64(len(b)))]
			b = b[len(rec.data):]
			if !yield(rec) {
				return
			}
		}
	}
}

// presentation finds the newest version of each record that has a number: a
// file that was saved quickly holds the old ones too.
type presentation struct {
	r      *reader
	stream []byte
	at     map[uint32]uint32 // Offsets, by number.
	root   uint32            // Number of the document.
}

// readPPT reads a presentation of PowerPoint 97 to 2003 as readSlides does.
func (r *reader) readPPT(c *compound, storage int, stream []byte) {
	p := presentation{r: r, stream: stream, at: map[uint32]uint32{}}
	const sealed = 0xf3d1c4df // Section 2.3.2.
	user := r.stream(c, c.find(storage, "Current User"))
	if len(user) >= 20 {
		if binary.LittleEndian.Uint32(user[12:]) == sealed {
			r.note(Encrypted)
			return
		}
		p.edits(binary.LittleEndian.Uint32(user[16:]))
	}
	document, ok := p.record(p.root)
	if !ok || document.kind != pptDocument {
		r.note(Damaged)
		w := r.page("")
		w.pptText(stream, nil)
		w.end()
		return
	}
	notes := map[uint32]listed{}
	for _, n := range document.list(2) {
		notes[n.id] = n
	}
	for i, s := range document.list(0) {
		if r.full() {
			r.note(Limit)
			return
		}
		p.slide("slide "+strconv.Itoa(i+1), s, notes)
	}
}

// edits follows the versions of the file back to the first (section 2.3.3).
func (p *presentation) edits(at uint32) {
	for seen := map[uint32]bool{}; !seen[at] && len(seen) < 10_000; {
		seen[at] = true
		edit, ok := p.recordAt(at)
		if !ok || edit.kind != pptUserEdit || len(edit.data) < 20 {
			return
		}
		if p.root == 0 {
			p.root = binary.LittleEndian.Uint32(edit.data[16:])
		}
		if list, ok := p.recordAt(binary.LittleEndian.Uint32(edit.data[12:])); ok && list.kind == pptPersist {
			p.persist(list.data)
		}
		if at = binary.LittleEndian.Uint32(edit.data[8:]); at == 0 {
			return
		}
	}
}

// persist reads where records are: a first number and a count, then as many
// offsets (section 2.3.4).
func (p *presentation) persist(list []byte) {
	for len(list) >= 4 {
		v := binary.LittleEndian.Uint32(list)
		list = list[4:]
		first, count := v&0xfffff, v>>20
		for i := range count {
			if len(list) < 4 {
				return
			}
			if _, newer := p.at[first+i]; !newer {
				p.at[first+i] = binary.LittleEndian.Uint32(list)
			}
			list = list[4:]
		}
	}
}

func (p *presentation) record(number uint32) (pptRecord, bool) {
	at, ok := p.at[number]
	if !ok {
		return pptRecord{}, false
	}
	return p.recordAt(at)
}

// recordAt is the record at an offset. It counts as unpacked, since a record can
// be named many times.
func (p *presentation) recordAt(at uint32) (pptRecord, bool) {
	if uint64(at) >= uint64(len(p.stream)) {
		return pptRecord{}, false
	}
	for rec := range pptRecords(p.stream[at:]) {
		p.r.inflatable -= int64(len(rec.data))
		return rec, p.r.inflatable >= 0
	}
	return pptRecord{}, false
}

// listed is an entry of a list of slides: the number of the slide's record,
// its id, and the text of the outline, one for each placeholder.
type listed struct {
	number, id uint32
	outline    []string
}

// list reads one of the lists of a document: slides are 0, notes are 2 (section
// 2.4.14.3).
func (document pptRecord) list(instance int) (all []listed) {
	for l := range pptRecords(document.data) {
		if l.kind != pptSlideList || l.instance != instance {
			continue
		}
		for rec := range pptRecords(l.data) {
			switch rec.kind {
			case pptSlidePersist:
				if len(rec.data) >= 16 {
					all = append(all, listed{number: binary.LittleEndian.Uint32(rec.data), id: binary.LittleEndian.Uint32(rec.data[12:])})
				}
			case pptTextChars, pptTextBytes:
				if n := len(all); n > 0 {
					all[n-1].outline = append(all[n-1].outline, rec.text())
				}
			}
		}
	}
	return all
}

func (rec pptRecord) text() string {
	if rec.kind == pptTextBytes {
		return message.DecodeText("iso-8859-1", rec.data)
	}
	return utf16Text(rec.data)
}

// slide reads one with its notes and comments.
func (p *presentation) slide(where string, s listed, notes map[uint32]listed) {
	r := p.r
	rec, ok := p.record(s.number)
	if !ok {
		r.note(Damaged)
	}
	w := r.page(where)
	w.pptText(rec.data, s.outline)
	w.end()
	for a := range pptRecords(rec.data) {
		if a.kind != pptSlideAtom || len(a.data) < 20 {
			continue
		}
		id := binary.LittleEndian.Uint32(a.data[16:]) // Section 2.5.4.
		n, ok := notes[id]
		if id == 0 || !ok {
			continue
		}
		if rec, ok := p.record(n.number); ok && rec.kind == pptNotes {
			w := r.page(where + ", notes")
			w.pptText(rec.data, n.outline)
			w.end()
		}
	}
	w = r.page(where + ", comments")
	w.pptComments(rec.data, 0)
	w.end()
}

// pptText adds the text of shapes, in their order. Text of placeholders stands
// in the outline, and the shapes name it by number; where none does it comes
// first.
func (p *page) pptText(b []byte, outline []string) {
	used := make([]bool, len(outline))
	p.pptShapes(b, outline, used, 0)
	for i, text := range outline {
		if !used[i] {
			p.pptLines(text)
		}
	}
}

const pptDepth = 100 // Containers in containers; real ones are under 20.

func (p *page) pptShapes(b []byte, outline []string, used []bool, depth int) {
	for rec := range pptRecords(b) {
		switch {
		case p.r.room <= 0:
			return
		case rec.kind == pptTextChars || rec.kind == pptTextBytes:
			p.pptLines(rec.text())
		case rec.kind == pptOutlineText && len(rec.data) >= 4:
			if i := binary.LittleEndian.Uint32(rec.data); uint64(i) < uint64(len(outline)) && !used[i] {
				used[i] = true
				p.pptLines(outline[i])
			}
		case rec.isContainer && rec.kind != pptComment && depth < pptDepth:
			p.pptShapes(rec.data, outline, used, depth+1)
		}
	}
}

func (p *page) pptLines(text string) {
	p.writeString(strings.NewReplacer("\r", "\n", "\v", "\n").Replace(text))
	p.newline()
}

// pptComments adds the comments of a slide: who, then what (section 2.5.18).
func (p *page) pptComments(b []byte, depth int) {
	for rec := range pptRecords(b) {
		switch {
		case rec.kind == pptComment:
			const author, text = 0, 1
			for s := range pptRecords(rec.data) {
				switch {
				case s.kind != pptCString:
				case s.instance == author:
					p.writeString(utf16Text(s.data) + ": ")
				case s.instance == text:
					p.pptLines(utf16Text(s.data))
				}
			}
			p.newline()
		case (rec.isContainer || rec.kind == pptBinaryTagData) && depth < pptDepth && p.r.room > 0:
			p.pptComments(rec.data, depth+1)
		}
	}
}
