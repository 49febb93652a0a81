package document

import (
	"encoding/binary"
	"slices"
	"unicode/utf16"
	"unicode/utf8"

	"polytrace/message"
)

// readDOC reads a document of Word 97 to 2003 (MS-DOC): the header of the
// stream, FIB, says where in the other stream, the table, the pieces are listed
// that the text is made of. Text of Word 6 and 95 is in one piece.
func (r *reader) readDOC(c *compound, storage int, stream []byte) {
	const (
		magic    = 0xa5ec
		magicOld = 0xa5dc
		nFib97   = 0xc1
	)
	if len(stream) < 0x60 {
		r.note(Damaged)
		return
	}
	at16 := func(at int) int { return int(binary.LittleEndian.Uint16(stream[at:])) }
	at32 := func(at int) int { return int(int32(binary.LittleEndian.Uint32(stream[at:]))) }
	const encrypted, secondTable = 1 << 8, 1 << 9 // Section 2.5.2.
	flags := at16(0x0a)
	switch ident := at16(0); {
	case ident != magic && ident != magicOld:
		r.note(Damaged)
		return
	case flags&encrypted != 0:
		r.note(Encrypted)
		return
	case ident == magicOld || at16(2) < nFib97:
		first, end := at32(0x18), at32(0x1c)
		if first < 0 || first > len(stream) || end < first {
			r.note(Damaged)
			return
		}
		p := r.page("")
		p.wordText([]rune(message.DecodeCodepage(1252, stream[first:min(end, len(stream))])))
		p.end()
		return
	}
	if len(stream) < 0x1aa {
		r.note(Damaged)
		return
	}
	name := "0Table"
	if flags&secondTable != 0 {
		name = "1Table"
	}
	table := r.stream(c, c.find(storage, name))
	clx, ok := part(table, at32(0x1a2), at32(0x1a6))
	if !ok {
		r.note(Damaged)
	}
	d := wordPieces{r: r, stream: stream, deleted: deletedRuns(stream, table)}
	d.read(clx)
	// The stories follow each other (section 2.5.4), in what order they are read
	// is ours.
	stories := []struct {
		where  string
		length int
	}{
		{"", at32(0x4c)}, {"footnotes", at32(0x50)}, {"header and footer", at32(0x54)}, {"", at32(0x58)}, {"comments", at32(0x5c)}, {"endnotes", at32(0x60)},
		{"text boxes", at32(0x64)}, {"header and footer", at32(0x68)},
	}
	for _, s := range stories {
		n := max(0, min(s.length, len(d.text)))
		p := r.page(s.where)
		p.wordText(d.text[:n])
		p.end()
		d.text = d.text[n:]
	}
}

// part is a slice of b, as far as it is there; false when it is not all there.
func part(b []byte, at, length int) ([]byte, bool) {
	if at < 0 || length < 0 || at > len(b) {
		return nil, false
	}
	return b[at:min(at+length, len(b))], at+length <= len(b)
}

// wordPieces joins the pieces of a text.
type wordPieces struct {
	r       *reader
	stream  []byte
	deleted []run
	text    []rune // Deleted characters are 0.
}

// run is a range of offsets in the stream.
type run struct{ from, to int }

// read reads a Clx (section 2.9.38): properties to skip, then the list of
// pieces, n+1 positions of characters and n descriptors of eight bytes.
func (d *wordPieces) read(clx []byte) {
	for len(clx) >= 3 && clx[0] == 1 {
		clx = clx[min(len(clx), 3+int(binary.LittleEndian.Uint16(clx[1:]))):]
	}
	if len(clx) < 5 || clx[0] != 2 {
		d.r.note(Damaged)
		return
	}
	pieces, ok := part(clx, 5, int(int32(binary.LittleEndian.Uint32(clx[1:]))))
	if !ok {
		d.r.note(Damaged)
	}
	n := (len(pieces) - 4) / 12
	if n < 0 {
		return
	}
	for i := range n {
		from, to := int(binary.LittleEndian.Uint32(pieces[4*i:])), int(binary.LittleEndian.Uint32(pieces[4*i+4:]))
		fc := int(binary.LittleEndian.Uint32(pieces[4*(n+1)+8*i+2:]))
		if to < from {
			d.r.note(Damaged)
			return
		}
		if int64(len(d.text)) > d.r.limits.Text {
			d.r.note(Limit)
			return
		}
		d.piece(fc, to-from)
	}
}

// piece adds characters of one octet in windows-1252, or of two (section
// 2.9.73).
func (d *wordPieces) piece(fc, characters int) {
	const compressed = 1 << 30
	offset, width := fc&(compressed-1), 2
	if fc&compressed != 0 {
		offset, width = offset/2, 1
	}
	octets, ok := part(d.stream, offset, min(characters, len(d.stream))*width)
	if !ok {
		d.r.note(Damaged)
	}
	from := len(d.text)
	if width == 1 {
		for _, c := range octets {
			d.text = append(d.text, windows1252(c))
		}
	} else {
		for i := 0; i+1 < len(octets); i += 2 {
			d.text = append(d.text, rune(binary.LittleEndian.Uint16(octets[i:])))
		}
	}
	at, _ := slices.BinarySearchFunc(d.deleted, offset, func(r run, offset int) int { return r.to - offset })
	for _, r := range d.deleted[at:] {
		if r.from >= offset+len(octets) {
			break
		}
		first, last := max(0, (r.from-offset)/width), min(len(d.text)-from, (r.to-offset)/width)
		for i := first; i < last; i++ {
			d.text[from+i] = 0
		}
	}
}

func windows1252(c byte) rune {
	if c < 0x80 || c >= 0xa0 {
		return rune(c)
	}
	return []rune("€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ")[c-0x80]
}

// deletedRuns are the ranges of the stream whose characters are crossed out
// (sprmCFRMarkDel), in order. The table lists pages of 512 bytes with the
// formats of characters (sections 2.8.5 and 2.9.33): n+1 offsets and n bytes,
// each of which doubled is where on the page the properties are; the last byte
// is n.
func deletedRuns(stream, table []byte) (all []run) {
	bins, _ := part(table, int(int32(binary.LittleEndian.Uint32(stream[0xfa:]))), int(int32(binary.LittleEndian.Uint32(stream[0xfe:]))))
	const pageSize = 512
	n := min((len(bins)-4)/8, len(stream)/pageSize) // None is there twice.
	for i := range max(0, n) {
		page, ok := part(stream, int(binary.LittleEndian.Uint32(bins[4*(n+1)+4*i:])&0x3fffff)*pageSize, pageSize)
		if !ok {
			continue
		}
		count := int(page[pageSize-1])
		if 4*(count+1)+count > pageSize-1 {
			continue
		}
		for k := range count {
			from, to := int(binary.LittleEndian.Uint32(page[4*k:])), int(binary.LittleEndian.Uint32(page[4*k+4:]))
			at := 2 * int(page[4*(count+1)+k])
			if from >= to || at == 0 || !isDeleted(page[at:]) || len(all) > 0 && from < all[len(all)-1].to {
				continue
			}
			all = append(all, run{from, to})
		}
	}
	return all
}

// isDeleted looks for sprmCFRMarkDel among the properties of a Chpx (section
// 2.9.32).
func isDeleted(chpx []byte) bool {
	const sprmCFRMarkDel = 0x0800
	properties, _ := part(chpx, 1, int(chpx[0]))
	for len(properties) >= 3 {
		sprm := binary.LittleEndian.Uint16(properties)
		size := 0
		switch sprm >> 13 { // Section 2.2.5.1.
		case 0, 1:
			size = 1
		case 2, 4, 5:
			size = 2
		case 3:
			size = 4
		case 7:
			size = 3
		case 6:
			size = 1 + int(properties[2])
		}
		if sprm == sprmCFRMarkDel {
			return properties[2] != 0
		}
		properties = properties[min(len(properties), 2+size):]
	}
	return false
}

// wordText adds characters, some of which are marks (section 2.4.1).
func (p *page) wordText(text []rune) {
	const fieldBegin, fieldSeparator, fieldEnd = 0x13, 0x14, 0x15
	var out []byte
	var fields []bool // Open fields, and whether their code is over.
	codes := 0        // Of them, those whose code is not.
	flush := func() {
		p.write(out)
		out = out[:0]
	}
	for i := 0; i < len(text) && p.r.room > 0; i++ {
		c := text[i]
		switch {
		case c == fieldBegin:
			fields = append(fields, false)
			codes++
			continue
		case (c == fieldSeparator || c == fieldEnd) && len(fields) > 0:
			if last := &fields[len(fields)-1]; !*last {
				*last = true
				codes--
			}
			if c == fieldEnd {
				fields = fields[:len(fields)-1]
			}
			continue
		case codes > 0:
			continue
		}
		switch c {
		case '\r', '\v', '\f':
			flush()
			p.newline()
		case 7: // The end of a cell, or of a row where one has just ended.
			flush()
			if i > 0 && text[i-1] == 7 {
				p.newline()
			} else {
				p.tab()
			}
		case '\t':
			flush()
			p.tab()
		case 0x1e:
			out = append(out, '-')
		default:
			if c < ' ' {
				continue // A picture, a reference, a soft hyphen.
			}
			if 0xd800 <= c && c < 0xdc00 && i+1 < len(text) {
				c = utf16.DecodeRune(c, text[i+1])
				i++
			}
			out = utf8.AppendRune(out, c)
		}
	}
	flush()
	p.newline()
}
