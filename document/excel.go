package document

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"unicode/utf16"

	"polytrace/message"
)

// Records of BIFF, the stream that a workbook of Excel is (MS-XLS section
// 2.3):
//
//	type(2) length(2) length bytes
//
// Integers are little-endian. What is longer than a record goes on in CONTINUE
// records.
const (
	biffFormula    = 0x0006
	biffEOF        = 0x000a
	biffNote       = 0x001c
	biffFilePass   = 0x002f
	biffContinue   = 0x003c
	biffCodepage   = 0x0042
	biffObj        = 0x005d
	biffBoundSheet = 0x0085
	biffMulRK      = 0x00bd
	biffRString    = 0x00d6
	biffSST        = 0x00fc
	biffLabelSST   = 0x00fd
	biffTxO        = 0x01b6
	biffNumber     = 0x0203
	biffLabel      = 0x0204
	biffBoolErr    = 0x0205
	biffString     = 0x0207
	biffRK         = 0x027e
	biffBOF        = 0x0809
)

// readXLS reads a workbook of Excel 5 to 2003: a Part for each sheet, as
// readSheets does.
func (r *reader) readXLS(stream []byte) {
	x := &excel{r: r, names: map[int]string{}, codepage: 1252, row: -1}
	for at := 0; at+4 <= len(stream) && r.room > 0; {
		kind, n := int(binary.LittleEndian.Uint16(stream[at:])), int(binary.LittleEndian.Uint16(stream[at+2:]))
		data, ok := part(stream, at+4, n)
		if !ok {
			r.note(Damaged)
		}
		if kind == biffFilePass {
			r.note(Encrypted)
			return
		}
		next := at + 4 + len(data)
		pieces := [][]byte{data}
		for next+4 <= len(stream) && int(binary.LittleEndian.Uint16(stream[next:])) == biffContinue {
			more, _ := part(stream, next+4, int(binary.LittleEndian.Uint16(stream[next+2:])))
			pieces = append(pieces, more)
			next += 4 + len(more)
		}
		x.record(kind, at, pieces)
		at = next
	}
	x.endSheet()
	if x.depth > 0 {
		r.note(Damaged)
	}
}

// excel is what is known while the records go by.
type excel struct {
	r        *reader
	isBIFF8  bool
	codepage int
	names    map[int]string // Of sheets, by where in the stream they begin.
	shared   sharedStrings
	depth    int // Substreams that are open: a sheet, a chart in it.
	sheet    *page
	row      int            // Of the cell that was last.
	object   int            // Number of the drawn object that was last.
	texts    map[int]string // What drawn objects show, by number.
	comments []excelComment
	formula  bool // The result of a formula is a string that comes next.
}

// excelComment is a comment on a cell. Since Excel 97 a drawn object shows its
// text.
type excelComment struct {
	cell   string
	text   string
	object int
}

// record reads a record with what continues it.
func (x *excel) record(kind, at int, pieces [][]byte) {
	data := pieces[0]
	if kind == biffBOF && len(data) >= 2 {
		x.begin(at, data)
		return
	}
	if kind == biffEOF {
		if x.depth--; x.depth == 0 {
			x.endSheet()
		}
		x.depth = max(0, x.depth)
		return
	}
	if len(data) < 2 || x.depth > 1 {
		return
	}
	switch kind {
	case biffCodepage:
		x.codepage = int(binary.LittleEndian.Uint16(data))
	case biffBoundSheet:
		if len(data) > 7 {
			name := data[6:]
			text := message.DecodeCodepage(x.codepage, name[1:min(len(name), 1+int(name[0]))])
			if x.isBIFF8 {
				text = shortString(name)
			}
			x.names[int(binary.LittleEndian.Uint32(data))] = text
		}
	case biffSST:
		x.readShared(pieces)
	case biffObj:
		if len(data) >= 8 { // Its first part is ftCmo (section 2.5.143).
			x.object = int(binary.LittleEndian.Uint16(data[6:]))
		}
	case biffTxO:
		x.drawn(pieces)
	case biffNote:
		if len(data) >= 8 {
			x.comment(data)
		}
	default:
		if x.sheet != nil {
			x.cell(kind, pieces)
		}
	}
}

// begin begins the workbook, a sheet, or what is inside of one.
func (x *excel) begin(at int, data []byte) {
	x.depth++
	x.isBIFF8 = binary.LittleEndian.Uint16(data) >= 0x0600
	const worksheet = 0x10 // Section 2.4.21.
	name, ok := x.names[at]
	if !ok && x.depth == 1 && len(data) >= 4 && binary.LittleEndian.Uint16(data[2:]) == worksheet {
		name, ok = strconv.Itoa(at), true // The list of sheets is wrong.
	}
	if ok {
		x.endSheet()
		x.depth = 1
		x.sheet = x.r.page("sheet " + name)
		x.texts, x.comments, x.row = map[int]string{}, nil, -1
	}
}

func (x *excel) endSheet() {
	if x.sheet == nil {
		return
	}
	where := x.sheet.where
	x.sheet.newline()
	x.sheet.end()
	x.sheet = nil
	comments, drawings := x.r.page(where+", comments"), x.r.page(where+", drawings")
	for _, c := range x.comments {
		if text := cmp.Or(c.text, x.texts[c.object]); text != "" {
			comments.writeString(c.cell + ": " + text)
			comments.newline()
		}
		delete(x.texts, c.object)
	}
	objects := make([]int, 0, len(x.texts))
	for n := range x.texts {
		objects = append(objects, n)
	}
	slices.Sort(objects)
	for _, n := range objects {
		drawings.writeString(x.texts[n])
		drawings.newline()
	}
	comments.end()
	drawings.end()
}

// cell reads the records that hold cells: row, column, format, then a value.
func (x *excel) cell(kind int, pieces [][]byte) {
	data := pieces[0]
	if kind == biffString {
		if x.formula {
			x.sheet.cellText([]byte(x.text(&biffText{pieces: pieces})))
		}
		x.formula = false
		return
	}
	if len(data) < 6 {
		return
	}
	value := data[6:]
	switch kind {
	case biffLabelSST:
		if len(value) >= 4 {
			x.put(data, x.shared.get(int(binary.LittleEndian.Uint32(value))))
		}
	case biffLabel, biffRString:
		t := &biffText{pieces: pieces}
		t.skip(6)
		x.put(data, []byte(x.text(t)))
	case biffNumber:
		if len(value) >= 8 {
			x.put(data, number(math.Float64frombits(binary.LittleEndian.Uint64(value))))
		}
	case biffRK:
		if len(value) >= 4 {
			x.put(data, number(rk(binary.LittleEndian.Uint32(value))))
		}
	case biffMulRK: // Row and first column, then formats and values by turns.
		for values := data[4:]; len(values) >= 8; values = values[6:] {
			x.put(data, number(rk(binary.LittleEndian.Uint32(values[2:]))))
		}
	case biffBoolErr:
		if len(value) >= 2 && value[1] == 0 {
			x.put(data, truth(value[0]))
		}
	case biffFormula:
		x.result(data, value)
	}
}

// result reads what a formula gave (section 2.5.133).
func (x *excel) result(data, value []byte) {
	const isString, isTruth = 0, 1
	switch {
	case len(value) < 8:
	case value[6] != 0xff || value[7] != 0xff:
		x.put(data, number(math.Float64frombits(binary.LittleEndian.Uint64(value))))
	case value[0] == isString:
		x.put(data, nil)
		x.formula = true
	case value[0] == isTruth:
		x.put(data, truth(value[2]))
	}
}

// put adds a cell, on a line of its own where its row is another.
func (x *excel) put(data, text []byte) {
	if row := int(binary.LittleEndian.Uint16(data)); row != x.row {
		x.sheet.newline()
		x.row = row
	}
	x.formula = false
	x.sheet.cellText(text)
}

func truth(b byte) []byte {
	if b != 0 {
		return []byte("TRUE")
	}
	return []byte("FALSE")
}

// rk is a number in 30 bits: a whole one, or the first half of a fraction, and
// maybe a hundredth of it (section 2.5.217).
func rk(v uint32) float64 {
	f := math.Float64frombits(uint64(v&^3) << 32)
	if v&2 != 0 {
		f = float64(int32(v) >> 2)
	}
	if v&1 != 0 {
		f /= 100
	}
	return f
}

func number(f float64) []byte {
	format := byte('f')
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'g'
	}
	return strconv.AppendFloat(nil, f, format, -1, 64)
}

func (x *excel) comment(data []byte) {
	column, row := int(binary.LittleEndian.Uint16(data[2:])), int(binary.LittleEndian.Uint16(data))
	c := excelComment{cell: cellName(column, row)}
	if x.isBIFF8 {
		c.object = int(binary.LittleEndian.Uint16(data[6:]))
	} else {
		c.text = message.DecodeCodepage(x.codepage, data[6:])
	}
	x.comments = append(x.comments, c)
}

// cellName is "B4" for column 1 of row 3.
func cellName(column, row int) string {
	name := ""
	for column++; column > 0; column = (column - 1) / 26 {
		name = string(rune('A'+(column-1)%26)) + name
	}
	return name + strconv.Itoa(row+1)
}

// drawn keeps the text of a drawn object (section 2.4.329): its length, then,
// in CONTINUE records, the text and its formats.
func (x *excel) drawn(pieces [][]byte) {
	if !x.isBIFF8 || x.texts == nil || len(pieces) < 2 || len(pieces[0]) < 12 {
		return
	}
	t := &biffText{pieces: append([][]byte{nil}, pieces[1:]...)}
	x.texts[x.object] = t.characters(int(binary.LittleEndian.Uint16(pieces[0][10:])), false)
}

// readShared reads the shared strings: two numbers, then one string behind the
// other.
func (x *excel) readShared(pieces [][]byte) {
	t := &biffText{pieces: pieces}
	t.skip(4)
	for n := t.number(4); n > 0 && !t.end(); n-- {
		x.shared.add([]byte(t.rich()))
		x.shared.end()
		if !x.shared.fits(x.r) {
			x.r.note(Limit)
			return
		}
	}
}

// text is a string with a length of two bytes.
func (x *excel) text(t *biffText) string {
	if x.isBIFF8 {
		return t.rich()
	}
	return message.DecodeCodepage(x.codepage, t.bytes(t.number(2)))
}

// shortString is a string with a length of one byte, then its flags (section
// 2.5.240).
func shortString(b []byte) string {
	t := &biffText{pieces: [][]byte{b[1:]}}
	isWide := t.number(1)&1 != 0
	return t.characters(int(b[0]), isWide)
}

// biffText goes through strings that may go on in CONTINUE records.
type biffText struct{ pieces [][]byte }

func (t *biffText) end() bool {
	for len(t.pieces) > 0 && len(t.pieces[0]) == 0 {
		t.pieces = t.pieces[1:]
	}
	return len(t.pieces) == 0
}

func (t *biffText) skip(n int) {
	for n > 0 && !t.end() {
		k := min(n, len(t.pieces[0]))
		t.pieces[0] = t.pieces[0][k:]
		n -= k
	}
}

func (t *biffText) bytes(n int) (out []byte) {
	for n > 0 && !t.end() {
		k := min(n, len(t.pieces[0]))
		out = append(out, t.pieces[0][:k]...)
		t.pieces[0] = t.pieces[0][k:]
		n -= k
	}
	return out
}

// number reads n bytes; what is not there is 0.
func (t *biffText) number(n int) int {
	var v [8]byte
	copy(v[:], t.bytes(n))
	return int(binary.LittleEndian.Uint64(v[:]))
}

// rich reads a string with its formats and phonetics, which are skipped
// (section 2.5.293).
func (t *biffText) rich() string {
	const isWide, isExtended, isRich = 1, 4, 8
	n, flags := t.number(2), t.number(1)
	runs, extra := 0, 0
	if flags&isRich != 0 {
		runs = t.number(2)
	}
	if flags&isExtended != 0 {
		extra = t.number(4)
	}
	s := t.characters(n, flags&isWide != 0)
	t.skip(4*runs + extra)
	return s
}

// characters reads n of them, of one byte or of two. Where they go on in
// another record, its first byte says anew which.
func (t *biffText) characters(n int, isWide bool) string {
	units := make([]uint16, 0, min(n, 1<<12))
	for n > 0 && len(t.pieces) > 0 {
		b := t.pieces[0]
		if len(b) == 0 || isWide && len(b) == 1 {
			if t.pieces = t.pieces[1:]; len(t.pieces) > 0 && len(t.pieces[0]) > 0 {
				isWide = t.pieces[0][0]&1 != 0
				t.pieces[0] = t.pieces[0][1:]
			}
			continue
		}
		if isWide {
			units = append(units, binary.LittleEndian.Uint16(b))
			t.pieces[0] = b[2:]
		} else {
			units = append(units, uint16(b[0]))
			t.pieces[0] = b[1:]
		}
		n--
	}
	return string(utf16.Decode(units))
}
