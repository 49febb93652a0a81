// Package document reads the text of documents that come attached to mail.
//
// Read never fails and never refuses: what it understood is in Parts and
// Pictures, in the order people read it, and what it could not is in Defects. Documents lie
// about their sizes, hold themselves, and grow a thousandfold when unpacked, so
// all that comes out of packing is counted while it comes, against Limits.
// Nothing here takes a clock, the network, randomness or a file, so that
// reading the same bytes in ten years gives the same text.
//
// Who reads PDF, and what is written in pictures, is up to the caller.
package document

import (
	"path"
	"slices"
	"strings"
)

// Version is raised when documents are read better than before: those that were
// read by an earlier one can be read again.
const Version = "1"

// Reasons why a document, or what it holds, was not read or not to its end.
const (
	Encrypted = "encrypted" // It asks for a password.
	Limit     = "limit"     // There is more than Limits allow.
	Crash     = "crash"     // What reads it broke.
	Damaged   = "damaged"   // It ends too early or contradicts its format.
	Later     = "later"     // Its pictures are read another time.
	Picture   = "picture"   // It is a picture of a kind that is not read.
	Image     = "image"     // Its pages are pictures, and nobody reads those.
	Unknown   = "unknown"   // No reader for its format.
)

// Limits bound the work on one document, with all that it holds.
type Limits struct {
	Text     int64 // Bytes of text; default 8 MiB.
	Inflated int64 // Bytes that all unpacking together may give; default 256 MiB.
	Ratio    int64 // Unpacked bytes for each packed one, where more than 1 MiB came out; default 200.
	Depth    int   // Archives, mails and embedded documents inside each other; default 4.
	Entries  int   // Files taken out of archives, all together; default 10,000.
}

func (l Limits) orDefault() Limits {
	if l.Text <= 0 {
		l.Text = 8 << 20
	}
	if l.Inflated <= 0 {
		l.Inflated = 256 << 20
	}
	if l.Ratio <= 0 {
		l.Ratio = 200
	}
	if l.Depth <= 0 {
		l.Depth = 4
	}
	if l.Entries <= 0 {
		l.Entries = 10_000
	}
	return l
}

// Text is what was read of a document.
type Text struct {
	Parts    []Part   `json:"parts,omitempty"`
	Pictures []Part   `json:"pictures,omitempty"` // What is written in pictures; it may have errors.
	Reason   string   `json:"reason,omitempty"`   // "" when all was read, else the gravest of Defects.
	Defects  []Defect `json:"defects,omitempty"`
}

// Part is a piece of a document that has a place of its own.
type Part struct {
	// Where is the place in words for people: "page 3", "sheet Budget",
	// "slide 2, notes"; "" is the whole. Inside other files the path to it comes
	// first: "inner.zip: plan/a.docx: page 1".
	Where string `json:"where,omitempty"`
	Text  string `json:"text"` // UTF-8; lines end in LF, and of the control characters there are only LF and tab.
}

// Defect is a thing that was not read.
type Defect struct {
	Where  string `json:"where,omitempty"` // As in Part.
	Reason string `json:"reason"`
}

// Reader reads documents.
type Reader struct {
	Limits Limits
	// PDF reads a PDF file, at most room bytes of text, and of pages that are
	// pictures what Look gives, unless that is nil. Of Text it fills Parts, Pictures
	// and Reason. Nil: PDF is Unknown.
	PDF func(content []byte, room int64, look Look) Text
	// Look reads what is written in pictures. Nil: they are Unknown.
	Look Look
}

// Read gives the text of a document, without PDF; see Reader.
func Read(name, mediaType string, content []byte, l Limits) Text {
	return Reader{Limits: l}.Read(name, mediaType, content)
}

// Read gives the text of a document. The content says what it is; its name and
// media type count where that leaves it open.
func (d Reader) Read(name, mediaType string, content []byte) Text {
	l := d.Limits.orDefault()
	r := &reader{limits: l, pdf: d.PDF, look: d.Look, room: l.Text, inflatable: l.Inflated, entries: l.Entries}
	r.read(name, mediaType, content)
	for _, reason := range []string{Encrypted, Limit, Crash, Damaged, Later, Picture, Image, Unknown} {
		if slices.ContainsFunc(r.out.Defects, func(d Defect) bool { return d.Reason == reason }) {
			r.out.Reason = reason
			break
		}
	}
	return r.out
}

// reader is the reading of one document with all that it holds.
type reader struct {
	limits     Limits
	pdf        func([]byte, int64, Look) Text
	look       Look
	room       int64  // Bytes of text that may still come.
	inflatable int64  // Bytes that may still be unpacked.
	entries    int    // Files that may still be taken out of others.
	depth      int    // How many files the one that is read is inside of.
	where      string // The path to it.
	out        Text
}

// read reads one file, which may hold others.
func (r *reader) read(name, mediaType string, content []byte) {
	switch kindOf(name, mediaType, content) {
	case kindZIP:
		r.readZIP(content)
	case kindTAR:
		r.readTAR(content)
	case kindGZ:
		r.readGZ(name, content)
	case kindBZ2:
		r.readBZ2(name, content)
	case kindOLE:
		r.readOLE(content)
	case kindPDF:
		r.readPDF(content)
	case kindMail:
		r.readMail(content)
	case kindRTF:
		r.readRTF(content)
	case kindHTML:
		r.readHTML(mediaType, content)
	case kindXML:
		r.readXML(mediaType, content)
	case kindJSON:
		r.readJSON(mediaType, content)
	case kindCard:
		r.readCard(mediaType, content)
	case kindPlain:
		r.readPlain(mediaType, content)
	case kindPicture:
		r.readPicture(content)
	default:
		r.note(Unknown)
	}
}

func (r *reader) readPDF(content []byte) {
	if r.pdf == nil {
		r.note(Unknown)
		return
	}
	text := r.pdf(content, r.room, r.look)
	for _, part := range text.Parts {
		r.say(part.Where, part.Text)
	}
	for _, part := range text.Pictures {
		r.written(part.Where, part.Text)
	}
	if text.Reason != "" {
		r.note(text.Reason)
	}
}

// within does something for a file that is inside of the one that is read.
func (r *reader) within(name string, do func()) {
	outer := r.where
	r.where = join(outer, oneLine(name))
	r.depth++
	do()
	r.depth--
	r.where = outer
}

// nested reads a file that is inside of the one that is read.
func (r *reader) nested(name, mediaType string, content []byte) {
	if len(content) > 0 {
		r.within(name, func() { r.read(name, mediaType, content) })
	}
}

// tooDeep notes that a file that holds others is not opened.
func (r *reader) tooDeep() bool {
	if r.depth > r.limits.Depth {
		r.note(Limit)
		return true
	}
	return false
}

// take counts a file that is taken out of another.
func (r *reader) take() bool {
	if r.entries--; r.entries < 0 {
		r.note(Limit)
		return false
	}
	return true
}

// full reports that nothing more can come.
func (r *reader) full() bool {
	return r.room <= 0 || r.inflatable <= 0 || r.entries < 0
}

// note says that what is read now was not read, or not to its end.
func (r *reader) note(reason string) { r.noteAt(r.where, reason) }

func (r *reader) noteAt(where, reason string) {
	d := Defect{where, reason}
	last := r.out.Defects[max(0, len(r.out.Defects)-8):]
	switch {
	case slices.Contains(last, d): // Several parts of a file say the same of it.
	case reason == Unknown && len(last) > 0 && last[len(last)-1].Where == where: // No wonder.
	case len(r.out.Defects) < 1000:
		r.out.Defects = append(r.out.Defects, d)
	}
}

func join(outer, inner string) string {
	if outer == "" || inner == "" {
		return outer + inner
	}
	return outer + ": " + inner
}

// oneLine makes a name fit for Where.
func oneLine(name string) string {
	if name = unbroken(name); len(name) > 300 {
		name = strings.ToValidUTF8(name[:300], "") + "…"
	}
	return name
}

// unbroken makes blanks of what would end a line.
func unbroken(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }), " ")
}

func extension(name string) string { return strings.ToLower(path.Ext(name)) }
