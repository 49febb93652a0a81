package document

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// halves is a picture of which the left half is dark, with some noise, so that no format makes
// little of it.
func halves(width, height int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := range width * height {
		shade := byte(20 + i*i*7919>>7%23)
		if i%width >= width/2 {
			shade += 200
		}
		m.SetRGBA(i%width, i/width, color.RGBA{shade, shade, shade, 255})
	}
	return m
}

func encoded(encode func(io.Writer, image.Image) error, m image.Image) []byte {
	var b bytes.Buffer
	if err := encode(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func asPNG(m image.Image) []byte { return encoded(png.Encode, m) }

// asTIFF is a file with pages.
func asTIFF(pages ...image.Image) []byte {
	var out []byte
	next := 4 // Where the place of the next page is to be written.
	for _, m := range pages {
		one := encoded(func(w io.Writer, m image.Image) error { return tiff.Encode(w, m, nil) }, m)
		at := binary.LittleEndian.Uint32(one[4:])
		entries := int(binary.LittleEndian.Uint16(one[at:]))
		base := uint32(len(out))
		if base > 0 { // What fields say of places counts from the beginning of the file.
			for i := range entries {
				field := one[int(at)+2+12*i:]
				tag, kind, count := binary.LittleEndian.Uint16(field), binary.LittleEndian.Uint16(field[2:]), binary.LittleEndian.Uint32(field[4:])
				size := count * []uint32{0, 1, 1, 2, 4, 8}[kind]
				switch {
				case size > 4:
					place := binary.LittleEndian.Uint32(field[8:])
					if tag == 273 {
						for j := range count {
							offset := one[place+4*j:]
							binary.LittleEndian.PutUint32(offset, binary.LittleEndian.Uint32(offset)+base)
						}
					}
					binary.LittleEndian.PutUint32(field[8:], place+base)
				case tag == 273:
					binary.LittleEndian.PutUint32(field[8:], binary.LittleEndian.Uint32(field[8:])+base)
				}
			}
		}
		out = append(out, one...)
		binary.LittleEndian.PutUint32(out[next:], at+base)
		next = int(at+base) + 2 + 12*entries
	}
	return out
}

// asWebP is a dark square, which takes no data at all, and padding.
func asWebP(side int) []byte {
	var bits uint64
	n := 0
	number := func(v, size int) {
		bits |= uint64(v) << n
		n += size
	}
	number(side-1, 14)
	number(side-1, 14)
	number(0, 4) // No alpha, version 0.
	number(0, 3) // No transforms, no cache of colours, no groups of codes.
	head := binary.LittleEndian.AppendUint64([]byte{0x2f}, bits)[:1+4]
	bits, n = bits>>32, n-32
	for _, symbol := range []int{20, 20, 20, 255, 0} { // Codes of one symbol each: green, red, blue, alpha, distance.
		number(1|1<<2, 3)
		number(symbol, 8)
	}
	data := binary.LittleEndian.AppendUint64(head, bits)
	data = append(data, 0)
	out := []byte("WEBPVP8L")
	out = append(binary.LittleEndian.AppendUint32(out, uint32(len(data))), data...)
	out = append(out, "PADD"...)
	out = append(binary.LittleEndian.AppendUint32(out, 2000), make([]byte, 2000)...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(out))), out...)
}

// tells is a Look that tells the size of a picture, and how light its corners are.
func tells(draw Draw) (text, reason string) {
	g, reason := draw()
	if reason != "" {
		return "", reason
	}
	shade := func(x, y int) string {
		if g.GrayAt(g.Rect.Min.X+x, g.Rect.Min.Y+y).Y < 100 {
			return "dark"
		}
		return "light"
	}
	w, h := g.Rect.Dx(), g.Rect.Dy()
	return fmt.Sprintf("%dx%d %s %s", w, h, shade(1, 1), shade(w-2, h-2)), ""
}

func lookedAt(name string, content []byte) Text { return Reader{Look: tells}.Read(name, "", content) }

// Pictures of every format are drawn, whatever their name, and tell dark from light.
func TestEveryKindOfPicture(t *testing.T) {
	m := halves(200, 100)
	clear := image.NewNRGBA(m.Rect)
	for i := range 100 * 100 {
		clear.SetNRGBA(i%100, i/100, color.NRGBA{byte(i * i * 7919 >> 7 % 23), 0, 0, 255}) // The right half is clear.
	}
	for name, raw := range map[string][]byte{
		"png": asPNG(m), "clear png": asPNG(clear), "bmp": encoded(bmp.Encode, m), "tiff": asTIFF(m),
		"jpeg": encoded(func(w io.Writer, m image.Image) error { return jpeg.Encode(w, m, nil) }, m),
		"gif":  encoded(func(w io.Writer, m image.Image) error { return gif.Encode(w, m, nil) }, m),
	} {
		got := lookedAt("a.bin", raw)
		if diff := cmp.Diff(Text{Pictures: []Part{{"", "200x100 dark light"}}}, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
		if got := Read("a.png", "image/png", raw, Limits{}); got.Reason != Unknown || got.Pictures != nil {
			t.Errorf("%s, when nobody looks: %+v", name, got)
		}
	}
	if got := lookedAt("a", asWebP(99)); len(got.Pictures) != 1 || got.Pictures[0].Text != "99x99 dark dark" {
		t.Errorf("webp: %+v", got)
	}
	got := lookedAt("fax.tif", asTIFF(halves(200, 100), halves(100, 200), halves(300, 90)))
	if diff := cmp.Diff([]Part{{"page 1", "200x100 dark light"}, {"page 2", "100x200 dark light"}, {"page 3", "300x90 dark light"}}, got.Pictures); diff != "" || got.Reason != "" {
		t.Errorf("a fax: %q\n%s", got.Reason, diff)
	}
	if got := lookedAt("a.heic", append([]byte("\x00\x00\x00\x18ftypheic"), make([]byte, 2000)...)); got.Reason != Picture {
		t.Errorf("of a kind that is not read: %+v", got)
	}
}

// Pictures inside of documents have the place where they stand, each once.
func TestPicturesInsideOfDocuments(t *testing.T) {
	a, b := string(asPNG(halves(200, 100))), string(asPNG(halves(100, 200)))
	slide := `<p:sld><a:t>shown</a:t></p:sld>`
	for name, c := range map[string]struct {
		raw  []byte
		want []Part
	}{
		"docx": {zipOf(file{"_rels/.rels", rels("officeDocument", "word/document.xml")}, file{"word/document.xml", word(para("text"))}, file{"word/media/image1.png", a}, file{"word/media/image2.emf", "\x01\x00\x00\x00"}),
			[]Part{{"image1.png", "200x100 dark light"}}},
		"pptx": {zipOf(file{"_rels/.rels", rels("officeDocument", "ppt/presentation.xml")}, file{"ppt/presentation.xml", `<p:presentation><p:sldId r:id="rId1"/><p:sldId r:id="rId2"/></p:presentation>`},
			file{"ppt/_rels/presentation.xml.rels", rels("slide", "s1.xml", "slide", "s2.xml")}, file{"ppt/s1.xml", slide}, file{"ppt/s2.xml", slide},
			file{"ppt/_rels/s1.xml.rels", rels("image", "media/a.png")}, file{"ppt/_rels/s2.xml.rels", rels("image", "media/a.png", "image", "media/b.png")},
			file{"ppt/media/a.png", a}, file{"ppt/media/b.png", b}),
			[]Part{{"slide 1, picture", "200x100 dark light"}, {"slide 2, picture", "100x200 dark light"}}},
		"xlsx": {zipOf(file{"_rels/.rels", rels("officeDocument", "xl/workbook.xml")}, file{"xl/workbook.xml", `<workbook><sheet name="Plan" r:id="rId1"/></workbook>`}, file{"xl/_rels/workbook.xml.rels", rels("worksheet", "s.xml")},
			file{"xl/s.xml", `<worksheet/>`}, file{"xl/_rels/s.xml.rels", rels("drawing", "d.xml")}, file{"xl/d.xml", `<xdr:wsDr/>`}, file{"xl/_rels/d.xml.rels", rels("image", "media/a.png")}, file{"xl/media/a.png", a}),
			[]Part{{"sheet Plan, picture", "200x100 dark light"}}},
		"odt": {zipOf(file{"mimetype", "application/vnd.oasis.opendocument.text"}, file{"content.xml", flatODF(`<text:p>text</text:p>`, "")}, file{"Pictures/1.png", a}, file{"Thumbnails/thumbnail.png", b}),
			[]Part{{"1.png", "200x100 dark light"}}},
		"zip": {zipOf(file{"scans/1.png", a}, file{"scans/2.png", b}), []Part{{"scans/1.png", "200x100 dark light"}, {"scans/2.png", "100x200 dark light"}}},
	} {
		got := lookedAt("a."+name, c.raw)
		if diff := cmp.Diff(c.want, got.Pictures); diff != "" || got.Reason != "" {
			t.Errorf("%s: %+v\n%s", name, got.Defects, diff)
		}
		later := Reader{Look: LookLater}.Read("a."+name, "", c.raw)
		if later.Reason != Later || len(later.Pictures) > 0 || !cmp.Equal(later.Parts, got.Parts) {
			t.Errorf("%s, left for later: %+v", name, later)
		}
		if got := Read("a."+name, "", c.raw, Limits{}); got.Reason != "" && name != "zip" {
			t.Errorf("%s, when nobody looks: %+v", name, got)
		}
	}
}

// claims is a picture whose head says another size.
func claims(raw []byte, width, height uint32) []byte {
	raw = bytes.Clone(raw)
	binary.BigEndian.PutUint32(raw[16:], width)
	binary.BigEndian.PutUint32(raw[20:], height)
	binary.BigEndian.PutUint32(raw[29:], crc32.ChecksumIEEE(raw[12:29]))
	return raw
}

// Pictures that are too small or too large are not drawn, by what their heads say; of what
// is drawn no more is looked at than is allowed.
func TestSizesOfPictures(t *testing.T) {
	large := image.NewGray(image.Rect(0, 0, 7000, 5000))
	for y := range 5000 {
		for x := 3500; x < 7000; x++ {
			large.Pix[y*large.Stride+x] = byte(200 + x%50)
		}
	}
	for name, c := range map[string]struct {
		raw          []byte
		text, reason string
	}{
		"a pixel":   {asPNG(halves(1, 1)), "", Unknown},
		"a mark":    {asPNG(halves(49, 51)), "", Unknown},
		"a line":    {asPNG(halves(3000, 15)), "", Unknown},
		"no bomb":   {asPNG(large), "3500x2500 dark light", ""},
		"a bomb":    {claims(asPNG(halves(200, 100)), 1<<20, 1<<20), "", Limit},
		"too large": {claims(asPNG(halves(200, 100)), 10_000, 4001), "", Limit},
		"a liar":    {claims(asPNG(halves(200, 100)), 6000, 6000), "", Damaged},
		"cut":       {asPNG(halves(200, 100))[:3000], "", Damaged},
	} {
		drawn := false
		got := Reader{Look: func(draw Draw) (string, string) { drawn = true; return tells(draw) }}.Read("a.png", "", c.raw)
		text := ""
		if len(got.Pictures) > 0 {
			text = got.Pictures[0].Text
		}
		if text != c.text || got.Reason != c.reason || drawn != (c.text != "" || c.reason == Damaged) {
			t.Errorf("%s: %+v, drawn %t", name, got, drawn)
		}
	}
}

// A fax whose pages follow each other in a circle, or have none, ends.
func TestPagesInACircle(t *testing.T) {
	raw := asTIFF(halves(200, 100), halves(100, 200))
	first := binary.LittleEndian.Uint32(raw[4:])
	last := bytes.LastIndex(raw, []byte{0, 0, 0, 0}) // Where the next page would be.
	binary.LittleEndian.PutUint32(raw[last:], first)
	if got := lookedAt("a.tif", raw); len(got.Pictures) != 2 || got.Reason != "" {
		t.Errorf("%+v", got)
	}
	many := append([]byte("II*\x00\x08\x00\x00\x00"), make([]byte, 60_000)...)
	for at := 8; at+12 < len(many); at += 6 {
		binary.LittleEndian.PutUint32(many[at+2:], uint32(at+6))
	}
	if got := (Reader{Look: tells, Limits: Limits{Entries: 100}}).Read("a.tif", "", many); got.Reason != Limit || len(got.Defects) > 200 {
		t.Errorf("%q, %d defects", got.Reason, len(got.Defects))
	}
}

// However a picture is cut or changed, its reading ends.
func TestBrokenPictures(t *testing.T) {
	m := halves(60, 50)
	for _, raw := range [][]byte{asPNG(m), asTIFF(m, m), encoded(bmp.Encode, m), asWebP(60), encoded(func(w io.Writer, m image.Image) error { return jpeg.Encode(w, m, nil) }, m), encoded(func(w io.Writer, m image.Image) error { return gif.Encode(w, m, nil) }, m)} {
		for i := 0; i < len(raw); i += 1 + i/40 {
			lookedAt("a", raw[:i])
			other := bytes.Clone(raw)
			other[i] ^= 0x15
			got := lookedAt("a", other)
			for _, p := range got.Pictures {
				if !strings.Contains(p.Text, "x") {
					t.Errorf("%+v", got)
				}
			}
		}
	}
}
