package document

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// node is a storage, or a stream where it has content.
type node struct {
	name     string
	content  []byte
	children []node
}

// compoundOf is a compound file. Streams of less than 4096 bytes go to small
// sectors, as they have to; siblings hang off each other on the right.
func compoundOf(children ...node) []byte {
	type flat struct {
		node
		child, right, start uint32
		size                int
	}
	const none = 0xffffffff
	entries := []flat{{node: node{name: "Root Entry"}, child: none, right: none}}
	var add func(parent int, nodes []node)
	add = func(parent int, nodes []node) {
		last := -1
		for _, n := range nodes {
			i := len(entries)
			entries = append(entries, flat{node: n, child: none, right: none, size: len(n.content)})
			if last < 0 {
				entries[parent].child = uint32(i)
			} else {
				entries[last].right = uint32(i)
			}
			last = i
			add(i, n.children)
		}
	}
	add(0, children)

	var sectors, mini []byte
	var fat, miniFAT []uint32
	pad := func(b []byte, n int) []byte { return append(b, make([]byte, (n-len(b)%n)%n)...) }
	chain := func(table *[]uint32, n int) (start uint32) {
		start = uint32(len(*table))
		for i := range n {
			next := start + uint32(i) + 1
			if i == n-1 {
				next = endOfChain
			}
			*table = append(*table, next)
		}
		return start
	}
	store := func(b []byte) uint32 {
		b = pad(bytes.Clone(b), 512)
		sectors = append(sectors, b...)
		return chain(&fat, len(b)/512)
	}
	for i := range entries {
		e := &entries[i]
		switch {
		case e.size >= miniCutoff:
			e.start = store(e.content)
		case e.size > 0:
			b := pad(bytes.Clone(e.content), miniSector)
			mini = append(mini, b...)
			e.start = chain(&miniFAT, len(b)/miniSector)
		default:
			e.start = endOfChain
		}
	}
	words := func(table []uint32) (b []byte) {
		for _, n := range table {
			b = binary.LittleEndian.AppendUint32(b, n)
		}
		return b
	}
	miniFATStart := uint32(endOfChain)
	if len(mini) > 0 {
		entries[0].start, entries[0].size = store(mini), len(mini)
		miniFATStart = store(words(miniFAT))
	}
	var directory []byte
	for i, e := range entries {
		b := make([]byte, entrySize)
		units := utf16.Encode([]rune(e.name))
		for k, u := range units {
			binary.LittleEndian.PutUint16(b[2*k:], u)
		}
		binary.LittleEndian.PutUint16(b[64:], uint16(2*len(units)+2))
		switch {
		case i == 0:
			b[66] = 5
		case e.content != nil:
			b[66] = 2
		default:
			b[66] = 1
		}
		binary.LittleEndian.PutUint32(b[68:], none)
		binary.LittleEndian.PutUint32(b[72:], e.right)
		binary.LittleEndian.PutUint32(b[76:], e.child)
		binary.LittleEndian.PutUint32(b[116:], e.start)
		binary.LittleEndian.PutUint64(b[120:], uint64(e.size))
		directory = append(directory, b...)
	}
	directoryStart := store(directory)
	count := (len(fat)*4)/512 + 2
	head := make([]byte, 512)
	copy(head, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
	copy(head[24:], "\x3e\x00\x03\x00\xfe\xff\x09\x00\x06\x00")
	binary.LittleEndian.PutUint32(head[44:], uint32(count))
	binary.LittleEndian.PutUint32(head[48:], directoryStart)
	binary.LittleEndian.PutUint32(head[56:], miniCutoff)
	binary.LittleEndian.PutUint32(head[60:], miniFATStart)
	binary.LittleEndian.PutUint32(head[68:], endOfChain)
	for i := range headerFATs {
		at := uint32(none)
		if i < count {
			at = uint32(len(fat) + i)
		}
		binary.LittleEndian.PutUint32(head[76+4*i:], at)
	}
	table := words(fat)
	for len(table) < 512*count {
		table = binary.LittleEndian.AppendUint32(table, none)
	}
	return slices.Concat(head, sectors, table)
}

func wide(s string) (b []byte) {
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

// biff is a record; numbers are little-endian of two bytes, the rest as it is.
func biff(kind int, fields ...any) []byte {
	var data []byte
	for _, f := range fields {
		switch f := f.(type) {
		case int:
			data = binary.LittleEndian.AppendUint16(data, uint16(f))
		case string:
			data = append(data, f...)
		case float64:
			data = binary.LittleEndian.AppendUint64(data, math.Float64bits(f))
		}
	}
	b := binary.LittleEndian.AppendUint16(nil, uint16(kind))
	return append(binary.LittleEndian.AppendUint16(b, uint16(len(data))), data...)
}

// workbook is a workbook of one sheet: what comes before it, then its records.
func workbook(version int, name string, globals, sheet []byte) []byte {
	book := func(offset int) []byte {
		return slices.Concat(biff(biffBOF, version, 5), biff(biffBoundSheet, offset&0xffff, offset>>16, 0, name), globals, biff(biffEOF))
	}
	return slices.Concat(book(len(book(0))), biff(biffBOF, version, 0x10), sheet, biff(biffEOF))
}

func xls() []byte {
	// The second string goes on in another record, with characters of two bytes.
	shared := slices.Concat(
		biff(biffSST, 3, 0, 3, 0, 5, "\x00first", 12, "\x08", 1, "shared"),
		biff(biffContinue, "\x01"+string(wide("Needle")), 9, 9, 1, "\x05", 4, 0, string(wide("€")), "\xaa\xaa\xaa\xaa"))
	sheet := slices.Concat(
		biff(biffLabelSST, 0, 0, 0, 1, 0), biff(biffLabelSST, 0, 1, 0, 2, 0), biff(biffLabelSST, 0, 2, 0, 99, 0), biff(biffNumber, 0, 3, 0, 1234.5),
		biff(biffRK, 1, 0, 0, 7<<2|3, 0), biff(biffMulRK, 1, 1, 0, 5<<2|2, 0, 0, 0, 0x3ff0, 2), biff(biffBoolErr, 1, 3, 0, "\x01\x00"), biff(biffBoolErr, 1, 4, 0, "\x2a\x01"),
		biff(biffFormula, 2, 0, 0, 0, 0, 0, 0xffff), biff(biffString, 13, "\x00formulaNeedle"), biff(biffFormula, 2, 1, 0, 0.25), biff(biffFormula, 2, 2, 0, 1, 1, 0, 0xffff), biff(biffLabel, 3, 0, 0, 11, "\x00labelNeedle"),
		biff(biffObj, 0x15, 0x12, 0x19, 7), biff(biffTxO, 0, 0, 0, 0, 0, 13, 0, 0, 0), biff(biffContinue, "\x00commentNeedle"), biff(biffContinue, 0, 0),
		biff(biffObj, 0x15, 0x12, 0x06, 8), biff(biffTxO, 0, 0, 0, 0, 0, 9, 0, 0, 0), biff(biffContinue, "\x00boxNeedle"), biff(biffContinue, 0, 0),
		biff(biffNote, 3, 27, 0, 7, 3, "\x00Ada"),
		biff(biffBOF, 0x600, 0x20), biff(biffLabel, 0, 0, 0, 5, "\x00chart"), biff(biffEOF))
	return compoundOf(node{"Workbook", workbook(0x600, "\x06\x00Budget", shared, sheet), nil})
}

func xls5() []byte {
	return compoundOf(node{"Book", workbook(0x500, "\x06Budget", biff(biffCodepage, 1251), slices.Concat(biff(biffLabel, 0, 0, 0, 6, "\xcf\xf0\xe8\xe2\xe5\xf2"), biff(biffNote, 1, 2, 13, "commentNeedle"))), nil})
}

// doc is a document of two pieces, one of them of characters of two bytes.
func doc(flags uint16) []byte {
	const at = 0x200
	first, second := "bodyNeedle \x80\x13 HYPERLINK \"code\" \x14linkNeedle\x15\x07cell\x07\x07", "Привет\rfootnoteNeedle\r"
	stream := make([]byte, at)
	binary.LittleEndian.PutUint16(stream, 0xa5ec)
	binary.LittleEndian.PutUint16(stream[2:], 0xc1)
	binary.LittleEndian.PutUint16(stream[0x0a:], flags|1<<9)
	n := len(first)
	m := len(utf16.Encode([]rune(second)))
	binary.LittleEndian.PutUint32(stream[0x4c:], uint32(n+7))
	binary.LittleEndian.PutUint32(stream[0x50:], uint32(m-7))
	var pieces []byte
	for _, v := range []int{0, n, n + m} {
		pieces = binary.LittleEndian.AppendUint32(pieces, uint32(v))
	}
	for _, fc := range []uint32{at<<1 | 1<<30, uint32(at + n)} {
		pieces = append(binary.LittleEndian.AppendUint32(append(pieces, 0, 0), fc), 0, 0)
	}
	clx := append([]byte{1, 2, 0, 9, 9, 2}, binary.LittleEndian.AppendUint32(nil, uint32(len(pieces)))...)
	clx = append(clx, pieces...)
	binary.LittleEndian.PutUint32(stream[0x1a2:], 3)
	binary.LittleEndian.PutUint32(stream[0x1a6:], uint32(len(clx)))
	stream = append(append(stream, first...), wide(second)...)
	return compoundOf(node{"1Table", append([]byte("xxx"), clx...), nil}, node{"WordDocument", stream, nil})
}

func doc95() []byte {
	stream := make([]byte, 0x60)
	binary.LittleEndian.PutUint16(stream, 0xa5dc)
	binary.LittleEndian.PutUint32(stream[0x18:], 0x60)
	binary.LittleEndian.PutUint32(stream[0x1c:], 0x60+10)
	return compoundOf(node{"WordDocument", append(stream, "oldNeedle\rjunk"...), nil})
}

func ppt(version, kind, instance int, data ...[]byte) []byte {
	all := slices.Concat(data...)
	b := binary.LittleEndian.AppendUint16(nil, uint16(version|instance<<4))
	b = binary.LittleEndian.AppendUint16(b, uint16(kind))
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(all))), all...)
}

// slideShow is a presentation of one slide that was saved twice, first with
// another text.
func slideShow(token uint32) []byte {
	words := func(all ...uint32) (b []byte) {
		for _, n := range all {
			b = binary.LittleEndian.AppendUint32(b, n)
		}
		return b
	}
	slide := func(text string) []byte {
		comment := ppt(15, pptComment, 0, ppt(0, pptCString, 0, wide("Ada")), ppt(0, pptCString, 1, wide("commentNeedle")), ppt(0, pptCString, 2, wide("A")))
		return ppt(15, pptSlide, 0, ppt(2, pptSlideAtom, 0, words(0, 0, 0, 0, 77, 0)), ppt(15, 0xf00d, 0, ppt(0, pptOutlineText, 0, words(0))), ppt(15, 0xf00d, 0, ppt(0, pptTextChars, 0, wide(text))),
			ppt(15, 0x1388, 0, ppt(15, 0x138a, 0, ppt(0, pptBinaryTagData, 0, comment))))
	}
	list := func(instance int, number, id uint32, outline string) []byte {
		return ppt(15, pptSlideList, instance, ppt(0, pptSlidePersist, 0, words(number, 0, 0, id, 0)), ppt(0, pptTextBytes, 0, []byte(outline)))
	}
	var b []byte
	at := map[uint32]uint32{}
	put := func(number uint32, rec []byte) {
		at[number] = uint32(len(b))
		b = append(b, rec...)
	}
	edit := func(last uint32, numbers ...uint32) (offset uint32) {
		entries := []byte{}
		for _, n := range numbers {
			entries = append(entries, words(n|1<<20, at[n])...)
		}
		persist := uint32(len(b))
		b = append(b, ppt(0, pptPersist, 0, entries)...)
		offset = uint32(len(b))
		b = append(b, ppt(0, pptUserEdit, 0, words(0, 0, last, persist, 1, 0, 0))...)
		return offset
	}
	put(1, ppt(15, pptDocument, 0, list(0, 2, 256, "titleNeedle\rbelow"), list(2, 3, 77, "")))
	put(2, slide("oldText"))
	put(3, ppt(15, pptNotes, 0, ppt(0, pptTextBytes, 0, []byte("notesNeedle"))))
	first := edit(0, 1, 2, 3)
	put(2, slide("slideNeedle €"))
	last := edit(first, 2)
	return compoundOf(node{"Current User", ppt(0, 0x0ff6, 0, words(20, token, last)), nil}, node{"PowerPoint Document", b, nil})
}

func substg(tag uint32, content []byte) node {
	return node{fmt.Sprintf("__substg1.0_%08X", tag), content, nil}
}

func properties(head int, idsAndValues ...uint32) node {
	b := make([]byte, head)
	for i := 0; i+1 < len(idsAndValues); i += 2 {
		b = binary.LittleEndian.AppendUint32(b, idsAndValues[i]<<16|msgTypeNumber)
		b = append(b, 0, 0, 0, 0)
		b = append(binary.LittleEndian.AppendUint32(b, idsAndValues[i+1]), 0, 0, 0, 0)
	}
	return node{msgPropertyStream, b, nil}
}

func msg() []byte {
	inner := node{"__substg1.0_3701000D", nil, []node{
		properties(24, msgCodepage, 1251), substg(0x0037001e, []byte("\xcf\xeb\xe0\xed")), substg(0x10130102, []byte("<p>innerNeedle</p>")),
	}}
	return compoundOf(
		properties(32, msgCodepage, 1251),
		substg(0x0037001e, []byte("\xcf\xeb\xe0\xed")), substg(0x0c1a001f, wide("Ada")), substg(0x5d01001f, wide("ada@example.org")), substg(0x1000001f, wide("bodyNeedle\r\n")),
		node{"__recip_version1.0_#00000000", nil, []node{properties(8, msgRecipientKind, 1), substg(0x3001001f, wide("Bob")), substg(0x39fe001f, wide("bob@example.net"))}},
		node{"__recip_version1.0_#00000001", nil, []node{properties(8, msgRecipientKind, 2), substg(0x3001001f, wide("eve@example.net")), substg(0x3003001f, wide("eve@example.net"))}},
		node{"__attach_version1.0_#00000000", nil, []node{substg(0x3707001f, wide("plan.docx")), substg(0x37010102, zipOf(file{"word/document.xml", word(para("attachedNeedle"))}, file{"_rels/.rels", ""}))}},
		node{"__attach_version1.0_#00000001", nil, []node{substg(0x3001001f, wide("inner message")), inner}},
	)
}

// golden is a file of testdata. They were written with LibreOffice 7.4.
func golden(name string) []byte {
	f, err := os.Open("testdata/" + name + ".gz")
	if err != nil {
		panic(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		panic(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		panic(err)
	}
	return b
}

// repeatedSlide is a presentation whose list names a slide again and again, in
// which there is much, but no text.
func repeatedSlide() []byte {
	slide := ppt(15, pptSlide, 0, bytes.Repeat(ppt(15, 0xf00d, 0), 100_000))
	entry := ppt(0, pptSlidePersist, 0, []byte{2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	document := ppt(15, pptDocument, 0, ppt(15, pptSlideList, 0, bytes.Repeat(entry, 50_000)))
	b := slices.Concat(document, slide)
	persist := len(b)
	words := func(all ...int) (b []byte) {
		for _, n := range all {
			b = binary.LittleEndian.AppendUint32(b, uint32(n))
		}
		return b
	}
	b = append(b, ppt(0, pptPersist, 0, words(1|2<<20, 0, len(document)))...)
	edit := len(b)
	b = append(b, ppt(0, pptUserEdit, 0, words(0, 0, 0, persist, 1, 0, 0))...)
	return compoundOf(node{"Current User", ppt(0, 0x0ff6, 0, words(20, 0xe391c05f, edit)), nil}, node{"PowerPoint Document", b, nil})
}

// native is a file as programs without a format of their own embed it.
func native(name, content string) node {
	b := []byte("xxxx\x02\x00" + name + "\x00C:\\" + name + "\x00\x00\x00\x03\x00\x05\x00\x00\x00C:\\t\x00")
	return node{"\x01Ole10Native", append(binary.LittleEndian.AppendUint32(b, uint32(len(content))), content...), nil}
}

// embedding is a document of Word with a workbook and a file inside.
func embedding() []byte {
	stream := make([]byte, 0x60)
	binary.LittleEndian.PutUint16(stream, 0xa5dc)
	book := workbook(0x600, "\x01\x00S", nil, biff(biffLabel, 0, 0, 0, 11, "\x00sheetNeedle"))
	return compoundOf(node{"WordDocument", stream, nil}, node{"ObjectPool", nil, []node{
		{"_1", nil, []node{{"Workbook", book, nil}}},
		{"_2", nil, []node{native("a.txt", "fileNeedle")}},
		{"_3", nil, []node{{"Package", docxOf("packageNeedle"), nil}}},
		{"_4", nil, []node{{"Equation Native", []byte("x"), nil}}},
	}})
}

func docxOf(text string) []byte {
	return zipOf(file{"word/document.xml", word(para(text))}, file{"_rels/.rels", ""}, file{"word/embeddings/oleObject1.bin", string(compoundOf(native("b.txt", "binNeedle")))})
}

func oldSamples() []sample {
	pass := workbook(0x600, "\x01\x00S", biff(biffFilePass, 1, 1, 1), biff(biffLabel, 0, 0, 0, 6, "\x00hidden"))
	return []sample{
		{"built.doc", "", doc(0), []Part{{"", "bodyNeedle €linkNeedle\tcell\nПривет\n"}, {"footnotes", "footnoteNeedle\n"}}, ""},
		{"built95.doc", "", doc95(), []Part{{"", "oldNeedle\n"}}, ""},
		{"embedding.doc", "", embedding(), []Part{
			{"_1: sheet S", "sheetNeedle\n"},
			{"_2: a.txt", "fileNeedle"},
			{"_3", "packageNeedle\n"},
			{"_3: oleObject1.bin: b.txt", "binNeedle"},
		}, ""},
		{"locked.doc", "", doc(1 << 8), nil, Encrypted},
		{"built.xls", "", xls(), []Part{
			{"sheet Budget", "sharedNeedle\t€\t1234.5\n0.07\t5\t1\tTRUE\nformulaNeedle\t0.25\tTRUE\nlabelNeedle\n"},
			{"sheet Budget, comments", "AB4: commentNeedle\n"},
			{"sheet Budget, drawings", "boxNeedle\n"},
		}, ""},
		{"built95.xls", "", xls5(), []Part{{"sheet Budget", "Привет\n"}, {"sheet Budget, comments", "C2: commentNeedle\n"}}, ""},
		{"locked.xls", "", compoundOf(node{"Workbook", pass, nil}), nil, Encrypted},
		{"built.ppt", "", slideShow(0xe391c05f), []Part{{"slide 1", "titleNeedle\nbelow\nslideNeedle €\n"}, {"slide 1, notes", "notesNeedle\n"}, {"slide 1, comments", "Ada: commentNeedle\n"}}, ""},
		{"locked.ppt", "", slideShow(0xf3d1c4df), nil, Encrypted},
		{"built.msg", "", msg(), []Part{
			{"", "Subject: План\nFrom: Ada <ada@example.org>\nTo: Bob <bob@example.net>\nCc: eve@example.net\nbodyNeedle\n"},
			{"plan.docx", "attachedNeedle\n"},
			{"inner message", "Subject: План\ninnerNeedle\n"},
		}, ""},
		{"locked.docx", "", compoundOf(node{"EncryptedPackage", make([]byte, 5000), nil}, node{"EncryptionInfo", []byte("x"), nil}), nil, Encrypted},
		{"other.ole", "", compoundOf(node{"Something", []byte("x"), nil}), nil, Unknown},
		{"word97.doc", "", golden("word97.doc"), []Part{
			{"", "bodyNeedle Grüße “quoted” 100 € kept and end\nSee linkNeedle here 日本語 😀.\ncellOne\tcellTwo\ncellThree\tcellFour\nsecondPageNeedle\n"},
			{"footnotes", "footnoteNeedle\n"},
			{"header and footer", "headerNeedle\nfooterNeedle\n"},
			{"comments", "commentNeedle\n"},
			{"endnotes", "endnoteNeedle\n"},
			{"text boxes", "boxNeedle\n"},
		}, ""},
		{"excel97.xls", "", golden("excel97.xls"), []Part{
			{"sheet Budget", "sharedNeedle\t1234.5\t0.07\n日本語 Ünïcode\t2469\t0\t1\n"},
			{"sheet Budget, comments", "B1: commentNeedle\n"},
			{"sheet Zweites Blatt €", "secondSheetNeedle\n"},
		}, ""},
		{"powerpoint97.ppt", "", golden("powerpoint97.ppt"), []Part{
			{"slide 1", "titleNeedle\nslideOneNeedle ü €\n"},
			{"slide 1, notes", "notesNeedle\n"},
			{"slide 1, comments", "Ada: commentNeedle\n"},
			{"slide 2", "slideTwoNeedle\n日本語\n"},
		}, ""},
	}
}

// A tree of entries that goes round in circles, and chains that do, end.
func TestCompoundFilesMayBeRound(t *testing.T) {
	b := xls()
	for at := 0; at+4 <= len(b); at += 4 {
		for _, v := range []uint32{0, 1, 2, endOfChain} {
			c := bytes.Clone(b)
			binary.LittleEndian.PutUint32(c[at:], v)
			checked(t, fmt.Sprint(v, " at ", at), "a.xls", "", c)
		}
	}
}

// Entries that are their own siblings are there once, and those that many
// storages share are not looked at forever.
func TestEntriesMayBeShared(t *testing.T) {
	b := compoundOf(node{"a", []byte("x"), nil}, node{"b", []byte("y"), nil})
	at := bytes.Index(b, wide("b\x00"))
	binary.LittleEndian.PutUint32(b[at+72:], 1)
	c, ok := openCompound(b)
	if !ok {
		t.Fatal("it was not opened")
	}
	if got := c.children(0); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("the children are %v", got)
	}
	seen := 0
	for range 1000 {
		seen += len(c.children(0))
	}
	if limit := 16 * len(c.entries); seen > limit {
		t.Errorf("%d entries were looked at where %d are allowed", seen, limit)
	}
}

// Storages in storages are walked in proportion to their number.
func TestDeepStorages(t *testing.T) {
	entries := 60_000
	b := make([]byte, 512, 512+entries*entrySize)
	copy(b, compoundOf())
	binary.LittleEndian.PutUint32(b[48:], 0)
	for i := range entries {
		e := make([]byte, entrySize)
		binary.LittleEndian.PutUint32(e[68:], 0xffffffff)
		binary.LittleEndian.PutUint32(e[72:], 0xffffffff)
		if i+1 < entries {
			binary.LittleEndian.PutUint32(e[76:], uint32(i+1))
		} else {
			binary.LittleEndian.PutUint32(e[76:], 0xffffffff)
		}
		e[66] = 1
		b = append(b, e...)
	}
	start := len(b)/512 - 1
	sectors := start
	for i := range sectors - 1 {
		b = binary.LittleEndian.AppendUint32(b, uint32(i+1))
	}
	b = binary.LittleEndian.AppendUint32(b, endOfChain)
	b = append(b, make([]byte, 512-len(b)%512)...)
	for i := range headerFATs {
		binary.LittleEndian.PutUint32(b[76+4*i:], uint32(start+i))
	}
	if got := checked(t, "deep", "a.msg", "", b); got.Reason == "" {
		t.Errorf("%+v", got)
	}
}

// Text is not taken twice, however often pieces name it.
func TestPiecesMayOverlap(t *testing.T) {
	b := doc(0)
	if got := checkedBy(t, "doc", "a.doc", "", b, Limits{Text: 20}); got.Reason != Limit || !strings.HasPrefix(got.Parts[0].Text, "bodyNeedle") {
		t.Errorf("%+v", got)
	}
}
