package message

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"
	"unicode/utf16"
)

// A TNEF stream (MS-OXTNEF section 2.1) is
//
//	signature(4) key(2) attribute…
//
// and each attribute
//
//	+-----------+--------+------------+--------------+--------------+
//	| Level(1B) | ID(4B) | Length(4B) | Length bytes | Checksum(2B) |
//	+-----------+--------+------------+--------------+--------------+
//
// Integers are little-endian. Level is 1 for the message, 2 for a file, which
// begins with attAttachRendData. The checksum is not compared: damage does not
// make what is there worth less.
const tnefSignature = 0x223e9f78

// Attributes (MS-OXTNEF section 2.1.3.2).
const (
	attSubject        = 0x00018004
	attMessageClass   = 0x00078008
	attBody           = 0x0002800c
	attAttachData     = 0x0006800f
	attAttachTitle    = 0x00018010
	attAttachRendData = 0x00069002
	attMsgProps       = 0x00069003
	attAttachment     = 0x00069005
	attOemCodepage    = 0x00069007
)

// Properties (MS-OXPROPS).
const (
	prMessageClass       = 0x001a
	prSubject            = 0x0037
	prBody               = 0x1000
	prRTFCompressed      = 0x1009
	prHTML               = 0x1013
	prDisplayName        = 0x3001
	prAttachData         = 0x3701
	prAttachFilename     = 0x3704
	prAttachLongFilename = 0x3707
	prAttachMimeTag      = 0x370e
	prAttachContentID    = 0x3712
	prInternetCodepage   = 0x3fde
)

// tnef is what was read of a stream.
type tnef struct {
	subject string
	class   string // As MAPI names it, e.g. "IPM.Note".
	html    string // The body, decoded; made of the RTF body where that holds HTML.
	text    string // The body, decoded; made of the RTF body where there is no other.
	files   []tnefFile
	defects []string // Codes.

	codepage int
	richText string // of the RTF body when it holds no HTML
}

// tnefFile is an attachment. Its bytes are those of the stream, not copied.
type tnefFile struct {
	title, long, short, display string // Names, by where they were told.
	mediaType, contentID        string
	data                        []byte
	message                     bool // The data is a TNEF stream: a message inside the message.
}

func (f *tnefFile) name() string {
	for _, s := range []string{f.long, f.title, f.short, f.display} {
		if s != "" {
			return s
		}
	}
	return ""
}

func isTNEF(b []byte) bool {
	return len(b) >= 4 && binary.LittleEndian.Uint32(b) == tnefSignature
}

// readTNEF reads as much of a stream as is there.
func readTNEF(b []byte) *tnef {
	t := &tnef{codepage: 1252}
	if !isTNEF(b) {
		t.defect("tnef-unreadable")
		return t
	}
	if len(b) < 6 {
		t.defect("tnef-truncated")
	}
	for a := range attributes(b) { // It may come behind what it speaks of.
		if a.id == attOemCodepage && len(a.data) >= 4 {
			t.codepage = int(binary.LittleEndian.Uint32(a.data))
		}
	}
	for a := range attributes(b) {
		if a.torn {
			t.defect("tnef-truncated")
		}
		t.attribute(a)
	}
	if t.text == "" {
		t.text = t.richText
	}
	return t
}

func (t *tnef) defect(code string) { t.defects = addCode(t.defects, code) }

type tnefAttribute struct {
	id   uint32
	data []byte
	torn bool // The stream ends before the attribute does.
}

// attributes yields what a stream holds. The last one may be torn, also when
// nothing but a piece of its head is there.
func attributes(b []byte) func(yield func(tnefAttribute) bool) {
	return func(yield func(tnefAttribute) bool) {
		const head, checksum = 9, 2
		for b = b[min(6, len(b)):]; len(b) > 0; {
			begins := b[0] == 1 || b[0] == 2
			if len(b) < head && !begins {
				return // QUIRK: line ends and the like of transports follow.
			}
			if len(b) < head || !begins {
				yield(tnefAttribute{torn: true})
				return
			}
			a := tnefAttribute{id: binary.LittleEndian.Uint32(b[1:])}
			size := uint64(binary.LittleEndian.Uint32(b[5:]))
			b = b[head:]
			a.torn = size > uint64(len(b))
			a.data = b[:min(size, uint64(len(b)))]
			b = b[min(len(b), len(a.data)+checksum):]
			if !yield(a) {
				return
			}
		}
	}
}

func (t *tnef) attribute(a tnefAttribute) {
	switch a.id {
	case attSubject:
		t.subject = or(t.subject, t.narrow(a.data))
	case attMessageClass:
		t.class = or(t.class, mapiClass(t.narrow(a.data)))
	case attBody:
		t.text = or(t.text, t.narrow(a.data))
	case attMsgProps:
		t.properties(a.data, t.messageProperty)
	case attAttachRendData:
		t.files = append(t.files, tnefFile{})
	case attAttachTitle:
		t.file().title = t.narrow(a.data)
	case attAttachData:
		t.file().data = a.data
	case attAttachment:
		f := t.file()
		t.properties(a.data, func(p property) { t.fileProperty(f, p) })
	}
}

// file is the one that attributes speak of. QUIRK: section 2.1.3.3.14 has
// attAttachRendData begin each; some writers leave it out.
func (t *tnef) file() *tnefFile {
	if len(t.files) == 0 {
		t.files = append(t.files, tnefFile{})
	}
	return &t.files[len(t.files)-1]
}

func (t *tnef) messageProperty(p property) {
	switch p.id {
	case prSubject:
		t.subject = or(t.string(p), t.subject)
	case prMessageClass:
		t.class = or(t.string(p), t.class)
	case prBody:
		t.text = or(t.string(p), t.text)
	case prHTML:
		t.html = or(t.string(p), t.html)
	case prInternetCodepage:
		if p.kind == ptLong && len(p.value) == 4 {
			if n := int(binary.LittleEndian.Uint32(p.value)); charsetOf(n) != "" {
				t.codepage = n
			}
		}
	case prRTFCompressed:
		rtf, code := decompressRTF(p.value)
		if code != "" {
			t.defect(code)
		}
		if text, isHTML := readRTF(rtf); isHTML {
			t.html = or(t.html, text)
		} else {
			t.richText = text
		}
	}
}

func (t *tnef) fileProperty(f *tnefFile, p property) {
	switch p.id {
	case prAttachLongFilename:
		f.long = t.string(p)
	case prAttachFilename:
		f.short = t.string(p)
	case prDisplayName:
		f.display = t.string(p)
	case prAttachMimeTag:
		f.mediaType = t.string(p)
	case prAttachContentID:
		f.contentID = strings.Trim(t.string(p), "<> ")
	case prAttachData:
		f.data = p.value
		// Section 2.1.3.4.2: an object begins with the identifier of its interface.
		if p.kind == ptObject && len(p.value) >= 16 {
			f.data = p.value[16:]
			f.message = isTNEF(f.data)
		}
	}
}

// Types of properties (MS-OXCDATA section 2.11.1).
const (
	ptShort   = 0x0002
	ptLong    = 0x0003
	ptFloat   = 0x0004
	ptError   = 0x000a
	ptBoolean = 0x000b
	ptObject  = 0x000d
	ptString8 = 0x001e
	ptUnicode = 0x001f
	ptCLSID   = 0x0048
	ptBinary  = 0x0102
	ptMulti   = 0x1000 // Added to the type of each value.
)

// property is a value of a list (MS-OXTNEF section 2.1.3.4), the first where
// there are several.
type property struct {
	id, kind uint16
	value    []byte // Nil when it is not there in full and of fixed size.
}

// properties reads a list: count(4), then for each type(2) id(2), the name
// where the id is 0x8000 and above, and the value.
func (t *tnef) properties(b []byte, use func(property)) {
	c := cursor{rest: b}
	for left := c.uint32(); left > 0 && !c.torn; left-- {
		p := property{kind: c.uint16(), id: c.uint16()}
		if p.id >= 0x8000 {
			c.skipName()
		}
		if c.values(&p); !c.torn || len(p.value) > 0 {
			use(p)
		}
	}
	if c.torn {
		t.defect("tnef-truncated")
	}
}

// cursor reads little-endian values; once one is not all there it is torn and
// the rest is empty.
type cursor struct {
	rest []byte
	torn bool
}

func (c *cursor) bytes(n uint64) []byte {
	if n > uint64(len(c.rest)) {
		c.torn = true
		n = uint64(len(c.rest))
	}
	b := c.rest[:n]
	c.rest = c.rest[n:]
	return b
}

func (c *cursor) uint16() uint16 {
	if b := c.bytes(2); len(b) == 2 {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) uint32() uint32 {
	if b := c.bytes(4); len(b) == 4 {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// padded reads n bytes and what fills them up to a multiple of four.
func (c *cursor) padded(n uint64) []byte {
	b := c.bytes(n)
	if fill := -n & 3; !c.torn && fill <= uint64(len(c.rest)) { // QUIRK: the last one is met without.
		c.bytes(fill)
	}
	return b
}

func (c *cursor) skipName() {
	c.bytes(16) // The GUID of the set.
	if kind := c.uint32(); kind == 0 {
		c.uint32()
		return
	}
	c.padded(uint64(c.uint32()))
}

func (c *cursor) values(p *property) {
	kind := p.kind &^ ptMulti
	size := uint64(8)
	variable := false
	switch kind {
	case ptShort, ptBoolean, ptLong, ptFloat, ptError:
		size = 4
	case ptCLSID:
		size = 16
	case ptString8, ptUnicode, ptBinary, ptObject:
		variable = true
	}
	count := uint32(1)
	if variable || p.kind != kind {
		count = c.uint32()
	}
	for i := uint32(0); i < count && !c.torn; i++ {
		if variable {
			size = uint64(c.uint32())
		}
		v := c.padded(size)
		if i == 0 && (variable || uint64(len(v)) == size) {
			p.value = v
		}
	}
	p.kind = kind
}

// string decodes a text; "" when the property is none.
func (t *tnef) string(p property) string {
	switch p.kind {
	case ptUnicode:
		units := make([]uint16, len(p.value)/2)
		for i := range units {
			units[i] = binary.LittleEndian.Uint16(p.value[2*i:])
		}
		return strings.TrimRight(string(utf16.Decode(units)), "\x00")
	case ptString8, ptBinary: // QUIRK: PR_HTML is of either type.
		return t.narrow(p.value)
	}
	return ""
}

func (t *tnef) narrow(b []byte) string {
	return decodeCharset(charsetOf(t.codepage), bytes.TrimRight(b, "\x00"))
}

// charsetOf names the charset of a Windows code page; "" when there is none.
func charsetOf(page int) string {
	switch {
	case page >= 1250 && page <= 1258 || page == 874:
		return "windows-" + strconv.Itoa(page)
	case page > 28590 && page <= 28606:
		return "iso-8859-" + strconv.Itoa(page-28590)
	case page == 437 || page >= 850 && page <= 866:
		return "ibm" + strconv.Itoa(page)
	}
	return map[int]string{
		932: "shift_jis", 936: "gbk", 949: "euc-kr", 950: "big5", 10000: "macintosh", 20127: "us-ascii", 20866: "koi8-r", 21866: "koi8-u",
		50220: "iso-2022-jp", 50221: "iso-2022-jp", 50222: "iso-2022-jp", 51932: "euc-jp", 51949: "euc-kr", 54936: "gb18030", 65000: "utf-7", 65001: "utf-8",
	}[page]
}

// mapiClass translates the class that attMessageClass names (MS-OXTNEF section
// 2.1.3.3.13) into that of MAPI.
func mapiClass(class string) string {
	if mapped, ok := map[string]string{
		"IPM.Microsoft Mail.Note":         "IPM.Note",
		"IPM.Microsoft Mail.Read Receipt": "Report.IPM.Note.IPNRN",
		"IPM.Microsoft Mail.Non-Delivery": "Report.IPM.Note.NDR",
		"IPM.Microsoft Schedule.MtgReq":   "IPM.Schedule.Meeting.Request",
		"IPM.Microsoft Schedule.MtgRespP": "IPM.Schedule.Meeting.Resp.Pos",
		"IPM.Microsoft Schedule.MtgRespN": "IPM.Schedule.Meeting.Resp.Neg",
		"IPM.Microsoft Schedule.MtgRespA": "IPM.Schedule.Meeting.Resp.Tent",
		"IPM.Microsoft Schedule.MtgCncl":  "IPM.Schedule.Meeting.Canceled",
	}[class]; ok {
		return mapped
	}
	return class
}

func or(s, other string) string {
	if s != "" {
		return s
	}
	return other
}

// tnefIn returns the stream that part n is; false when it is none and nothing
// says that it should be one.
func (m *Message) tnefIn(n int) ([]byte, bool) {
	p := &m.Parts[n]
	named := p.Type == "application/ms-tnef" || p.Type == "application/vnd.ms-tnef"
	switch strings.ToLower(p.Filename) {
	case "winmail.dat", "win.dat":
		named = true
	}
	if !named {
		if p.Type != "application/octet-stream" {
			return nil, false
		}
		encoded := m.encoded(p)
		if !isTNEF(decodeTransfer(p.Encoding, encoded[:min(len(encoded), 64)])) {
			return nil, false
		}
	}
	return m.Content(n), true
}

// openTNEF adds what is in the stream of part n: its files, and its bodies,
// which are read where the message has none of its own. Those of a message
// inside the stream are files.
func (p *parser) openTNEF(n int, content []byte) {
	from := p.m.Parts[n]
	t := readTNEF(content)
	for _, code := range t.defects {
		p.defect(code, from.Path, "")
	}
	nested := from.Form == formTNEF
	if !nested {
		p.m.Class = or(p.m.Class, t.class)
		p.m.innerSubject = or(p.m.innerSubject, printable(t.subject))
	}
	all := len(t.defects) == 0
	for _, body := range []struct{ mediaType, text string }{{"text/plain", t.text}, {"text/html", t.html}} {
		if strings.TrimSpace(body.text) == "" {
			continue
		}
		at, ok := p.add(n, formTNEF, []byte(body.text))
		if all = all && ok; ok {
			b := &p.m.Parts[at]
			b.Type, b.Charset, b.spare = body.mediaType, "utf-8", !nested
			if nested {
				b.Filename = truncate(or(baseName(t.subject), "message"), 100) + extension(b.Type)
				b.Disposition = "attachment"
			}
		}
	}
	for i := range t.files {
		all = p.addTNEFFile(n, &t.files[i]) && all
	}
	// A stream of formatting alone is nothing to list; a file that merely has the
	// name of one is.
	from = p.m.Parts[n]
	p.m.Parts[n].opened = all && (from.revealed > 0 || from.Type == "application/ms-tnef")
}

func (p *parser) addTNEFFile(n int, f *tnefFile) (ok bool) {
	if f.data == nil && f.name() == "" {
		return true
	}
	mediaType := f.mediaType
	if f.message {
		mediaType = "application/ms-tnef"
	}
	at, ok := p.addFile(n, formTNEF, f.name(), mediaType, f.data)
	if ok && f.contentID != "" {
		file := &p.m.Parts[at]
		file.ContentID, file.Disposition = printable(f.contentID), ""
	}
	return ok
}
