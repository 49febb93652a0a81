package document

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"
)

// checked reads a document and asserts what holds for all of them.
func checked(t testing.TB, what, name, mediaType string, content []byte) Text {
	t.Helper()
	return checkedBy(t, what, name, mediaType, content, Limits{})
}

func checkedBy(t testing.TB, what, name, mediaType string, content []byte, l Limits) Text {
	t.Helper()
	got := Read(name, mediaType, content, l)
	total := int64(0)
	for _, p := range got.Parts {
		if total += int64(len(p.Text)); !utf8.ValidString(p.Text) || !utf8.ValidString(p.Where) || strings.ContainsAny(p.Text, "\r\x00") || strings.ContainsAny(p.Where, "\r\n\x00") || strings.TrimSpace(p.Text) == "" {
			t.Errorf("%s: a part is %.200q: %.200q", what, p.Where, p.Text)
		}
	}
	if limit := l.orDefault().Text; total > limit {
		t.Errorf("%s: %d bytes of text where %d are allowed", what, total, limit)
	}
	if (got.Reason == "") != (len(got.Defects) == 0) {
		t.Errorf("%s: the reason is %q with the defects %v", what, got.Reason, got.Defects)
	}
	return got
}

// bombs are documents that grow when they are read.
func bombs() []sample {
	zeros := deflatedZeros("zeros.txt", 64)
	nested := deflatedZeros("zeros.txt", 16)
	for range 6 {
		nested = zipOf(file{"a.zip", string(nested)}, file{"b.zip", string(nested)})
	}
	many := make([]file, 10_100)
	for i := range many {
		many[i] = file{fmt.Sprint(i, ".txt"), "x"}
	}
	laughs := `<!DOCTYPE lolz [<!ENTITY lol "lol">`
	for i := range 20 {
		laughs += fmt.Sprintf(`<!ENTITY lol%d "%s">`, i, strings.Repeat("&lol;", 10))
	}
	laughs += "]>"
	repeated := `<worksheet><sheetData>` + strings.Repeat(`<row><c t="s"><v>0</v></c></row>`, 20_000) + `</sheetData></worksheet>`
	return []sample{
		{"zeros.zip", "", zeros, nil, Limit},
		{"zeros.txt.gz", "", gzipOf(make([]byte, 64<<20)), nil, Limit},
		{"nested.zip", "", nested, nil, Limit},
		{"many.zip", "", zipOf(many...), nil, Limit},
		{"slides.ppt", "", repeatedSlide(), nil, Limit},
		{"quine.zip", "", quine(), nil, Limit},
		{"overlapping.zip", "", overlapping(), nil, Limit},
		{"zeros.docx", "", zipOf(file{"_rels/.rels", ""}, file{"word/document.xml", word(para(strings.Repeat(" ", 64<<20)))}), nil, Limit},
		{"deep.docx", "", zipOf(file{"_rels/.rels", ""}, file{"word/document.xml", "<w:document>" + strings.Repeat("<w:p><w:r>", 50_000)}), nil, Damaged},
		{"laughs.docx", "", zipOf(file{"_rels/.rels", ""}, file{"word/document.xml", laughs + word(para("&lol19;"))}), nil, ""},
		{"laughs.xml", "", []byte(laughs + "<a>&lol19;</a>"), nil, ""},
		{"repeated.xlsx", "", zipOf(file{"_rels/.rels", ""}, file{"xl/workbook.xml", `<workbook><sheets><sheet name="s" r:id="rId1"/></sheets></workbook>`},
			file{"xl/_rels/workbook.xml.rels", rels("worksheet", "s.xml", "sharedStrings", "t.xml")}, file{"xl/s.xml", repeated}, file{"xl/t.xml", `<sst><si><t>` + strings.Repeat("x", 32<<10) + `</t></si></sst>`}), nil, Limit},
		{"spaces.fodt", "", []byte(flatODF(`<text:p>`+strings.Repeat(`<text:s text:c="999999999"/>`, 100_000)+`</text:p>`, "")), nil, Limit},
		{"text.txt", "", bytes.Repeat([]byte("too much "), 2<<20), nil, Limit},
		{"brackets.rtf", "", []byte(`{\rtf1 ` + strings.Repeat(`{\b `, 1<<20)), nil, ""},
		{"tags.html", "", []byte("<html>" + strings.Repeat("<blockquote>", 20) + strings.Repeat("<br>a", 2<<20)), nil, Limit},
	}
}

// quine is an archive that holds itself, after Russ Cox, "Zip Files All The Way
// Down": L prints what follows it, R what was printed last, and each takes five
// bytes.
func quine() []byte {
	name := strings.Repeat("r", 26) + ".zip" // So long that R of the head takes five bytes.
	const unit, comment = 5, 155             // And R of the tail.
	program := func(size uint32) []byte {
		head := []byte("PK\x03\x04\x14\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00")
		head = binary.LittleEndian.AppendUint32(head, size)
		head = binary.LittleEndian.AppendUint32(head, size)
		head = binary.LittleEndian.AppendUint16(head, uint16(len(name)))
		head = append(append(head, 0, 0), name...)
		tail := append([]byte("PK\x01\x02\x14\x00"), head[4:30]...)
		tail = append(append(tail, make([]byte, 14)...), name...)
		directory := len(tail)
		tail = append(tail, "PK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00"...)
		tail = binary.LittleEndian.AppendUint32(tail, uint32(directory))
		tail = binary.LittleEndian.AppendUint32(tail, uint32(len(head))+size)
		tail = append(binary.LittleEndian.AppendUint16(tail, comment), make([]byte, comment)...)

		l := func(n int) []byte { return []byte{0, byte(n), byte(n >> 8), ^byte(n), ^byte(n >> 8)} }
		l0, l1, l4, lp, ls := l(0), l(unit), l(4*unit), l(len(head)+unit), l(len(tail)+unit)
		r4 := repeat(false, 10, 10, 20)
		rp, rs := repeat(false, len(head)+unit, 0, len(head)+unit), repeat(true, len(tail)+unit, 0, len(tail)+unit)
		return bytes.Join([][]byte{
			head, lp, head, lp, rp, l1, rp, l1, l1, l4, rp, l1, l1, l4, r4, l4, r4, l4, r4, l4, r4, l4, r4, l0, l0, ls,
			r4, l0, l0, ls, rs, tail, rs, tail,
		}, nil)
	}
	const around = 30 + 30 + 46 + 30 + 22 + comment
	return program(uint32(len(program(0)) - around))
}

// repeat is deflated data of five bytes that repeats one or two lengths of what
// is at a distance: as many as quine needs (RFC 1951 section 3.2.6).
func repeat(last bool, first, second, distance int) []byte {
	var b uint64
	n := 0
	number := func(v, bits int) {
		b |= uint64(v) << n
		n += bits
	}
	code := func(v, bits int) {
		for bits--; bits >= 0; bits-- {
			number(v>>bits&1, 1)
		}
	}
	number(2, 3) // Fixed codes.
	for _, length := range []int{first, second} {
		switch {
		case length == 0:
			continue
		case length <= 10:
			code(length-2, 7)
		case length >= 35 && length <= 66:
			code(17+(length-35)/8, 7)
			number((length-35)%8, 3)
		case length == 258:
			code(0b11000101, 8)
		}
		switch {
		case distance == 20:
			code(8, 5)
			number(3, 3)
		case distance >= 65 && distance <= 96:
			code(12, 5)
			number(distance-65, 5)
		case distance >= 257 && distance <= 384:
			code(16, 5)
			number(distance-257, 7)
		}
	}
	code(0, 7)
	if second == 0 { // An empty block fills up.
		final := 0
		if last {
			final = 1
		}
		number(final|2, 3)
		code(0, 7)
	}
	if n != 40 {
		panic(fmt.Sprint(n, " bits"))
	}
	return []byte{byte(b), byte(b >> 8), byte(b >> 16), byte(b >> 24), byte(b >> 32)}
}

// overlapping is an archive whose directory names the same bytes many times.
func overlapping() []byte {
	one := rawZIP("a", zip.Deflate, 0, deflated(make([]byte, 1<<20)), 1<<20)
	at := bytes.Index(one, []byte("PK\x01\x02"))
	entry := one[at:bytes.Index(one, []byte("PK\x05\x06"))]
	const times = 9000
	b := append(bytes.Clone(one[:at]), bytes.Repeat(entry, times)...)
	b = append(b, "PK\x05\x06\x00\x00\x00\x00"...)
	b = binary.LittleEndian.AppendUint16(b, times)
	b = binary.LittleEndian.AppendUint16(b, times)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(entry)*times))
	return append(binary.LittleEndian.AppendUint32(b, uint32(at)), 0, 0)
}

func deflated(content []byte) []byte {
	var b bytes.Buffer
	f, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		panic(err)
	}
	f.Write(content)
	f.Close()
	return b.Bytes()
}

// The quine is one.
func TestQuineHoldsItself(t *testing.T) {
	b := quine()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := z.File[0].OpenRaw()
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(flate.NewReader(raw))
	if err != nil || !bytes.Equal(got, b) {
		t.Errorf("%v; %d bytes hold %d others:\n%x\n%x", err, len(b), len(got), b, got)
	}
}

// What grows is read up to a limit, which it says, and what is allocated for
// it, all in all, is a small multiple of what the limits allow.
func TestBombsAreBounded(t *testing.T) {
	for _, s := range bombs() {
		t.Run(s.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got := checked(t, s.name, s.name, s.mediaType, s.content)
			runtime.ReadMemStats(&after)
			if got.Reason != s.reason {
				t.Errorf("the reason is %q, not %q", got.Reason, s.reason)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 1<<30 {
				t.Errorf("%d MiB were allocated", used>>20)
			}
			for _, p := range got.Parts {
				if strings.Contains(p.Text, "lollol") {
					t.Errorf("an entity was expanded: %.100q", p.Text)
				}
			}
		})
	}
}

// A gibibyte of zeros is given up when it is clear what it is.
func TestZerosAreGivenUpEarly(t *testing.T) {
	for _, name := range []string{"zeros.txt", "zeros.docx"} {
		r := &reader{limits: Limits{}.orDefault(), room: 1 << 20, inflatable: 4 << 30, entries: 10}
		r.read("a.zip", "", deflatedZeros(name, 1024))
		if used := int64(4<<30) - r.inflatable; used > 4<<20 {
			t.Errorf("%d MiB were unpacked", used>>20)
		}
		if len(r.out.Defects) != 1 || r.out.Defects[0] != (Defect{name, Limit}) {
			t.Errorf("the defects are %v", r.out.Defects)
		}
	}
}

// What archives declare of sizes is not believed.
func TestSizesMayLie(t *testing.T) {
	packed := deflated([]byte("sizeNeedle"))
	for _, size := range []uint64{0, 1, 10, 1 << 40, 1<<63 + 1} {
		for _, s := range []sample{{name: "deflated", content: rawZIP("a.txt", zip.Deflate, 0, packed, size)}, {name: "stored", content: rawZIP("a.txt", zip.Store, 0, []byte("sizeNeedle"), size)}} {
			if got := checked(t, s.name, "a.zip", "", s.content); len(got.Parts) != 1 || got.Parts[0] != (Part{"a.txt", "sizeNeedle"}) {
				t.Errorf("%s of %d: %+v", s.name, size, got)
			}
		}
	}
}

// Limits hold as they are given.
func TestLimitsHold(t *testing.T) {
	deep := zipOf(file{"a.txt", "deepNeedle"})
	for range 3 {
		deep = zipOf(file{"a.zip", string(deep)})
	}
	if got := checkedBy(t, "deep", "a.zip", "", deep, Limits{Depth: 3}); got.Reason != "" || len(got.Parts) != 1 || got.Parts[0].Where != "a.zip: a.zip: a.zip: a.txt" {
		t.Errorf("at depth 3: %+v", got)
	}
	if got := checkedBy(t, "deep", "a.zip", "", deep, Limits{Depth: 2}); got.Reason != Limit || len(got.Parts) != 0 {
		t.Errorf("at depth 2: %+v", got)
	}
	three := zipOf(file{"a.txt", "one"}, file{"b.txt", "two"}, file{"c.txt", "three"})
	if got := checkedBy(t, "entries", "a.zip", "", three, Limits{Entries: 2}); got.Reason != Limit || len(got.Parts) != 2 {
		t.Errorf("two entries: %+v", got)
	}
	if got := checkedBy(t, "text", "a.zip", "", three, Limits{Text: 7}); got.Reason != Limit || len(got.Parts) != 3 || got.Parts[2].Text != "t" {
		t.Errorf("seven bytes: %+v", got)
	}
	if got := checkedBy(t, "inflated", "a.zip", "", three, Limits{Inflated: 6}); got.Reason != Limit || len(got.Parts) < 2 {
		t.Errorf("six unpacked bytes: %+v", got)
	}
	if got := checkedBy(t, "inflated", "a.txt.gz", "", gzipOf([]byte(strings.Repeat("text ", 20_000))), Limits{Inflated: 70_000}); got.Reason != Limit || len(got.Parts) == 1 && len(got.Parts[0].Text) > 70_000 {
		t.Errorf("70,000 unpacked bytes: %q", got.Reason)
	}
	if got := checkedBy(t, "rune", "a.txt", "", []byte("aüü"), Limits{Text: 4}); got.Reason != Limit || got.Parts[0].Text != "aü" {
		t.Errorf("half a character: %+v", got)
	}
}

// Whatever a document is, its reading ends with what checked asserts.
func FuzzRead(f *testing.F) {
	for _, s := range append(samples(), bombs()...) {
		if len(s.content) < 256<<10 {
			f.Add(s.name, s.mediaType, s.content)
		}
	}
	f.Fuzz(func(t *testing.T, name, mediaType string, content []byte) {
		checkedBy(t, "fuzz", name, mediaType, content, Limits{Text: 1 << 20, Inflated: 8 << 20})
	})
}
