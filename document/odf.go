package document

import (
	"io"
	"strconv"
	"strings"
)

// isODF reports whether the archive says to be OpenDocument (part 2 section
// 3.3).
func (z *packedDocument) isODF() bool {
	u := z.open(z.files["mimetype"])
	if u == nil {
		return false
	}
	head, _ := io.ReadAll(io.LimitReader(u, 100)) // What it could is good enough.
	return strings.HasPrefix(string(head), "application/vnd.oasis.opendocument") || strings.HasPrefix(string(head), "application/vnd.sun.xml")
}

// readODF reads OpenDocument: the content, then headers and footers, which the
// styles hold.
func (z *packedDocument) readODF() {
	if s := z.xml("META-INF/manifest.xml"); s != nil {
		for s.next() {
			if s.kind == xmlStart && string(s.name) == "encryption-data" {
				z.note(Encrypted)
				return
			}
		}
	}
	found := false
	for _, part := range []string{"content.xml", "styles.xml"} {
		if s := z.xml(part); s != nil {
			found = true
			z.newODF("").read(s)
		}
	}
	if !found {
		z.note(Damaged)
	}
	z.readMedia()
	for _, f := range z.order { // Objects with a content of their own: formulas, charts, sheets.
		dir, ok := strings.CutSuffix(f.name, "/content.xml")
		if !ok || z.full() {
			continue
		}
		z.within(dir, func() {
			if s := z.xml(f.name); s != nil {
				z.newODF("").read(s)
			}
		})
	}
}

// odf reads the elements of OpenDocument.
type odf struct {
	r     *reader
	xml   *xmlScanner
	body  *page
	aside []*page // Pages of notes, comments, headers, footers; each once.
	into  []frame // Where text goes, instead of the body; the last counts.
	text  int     // Paragraphs that are open.
	cells int
	said  bool // Who made a comment stands before it.
	sheet bool // The tables are sheets.
	slide int
	pages int
	due   int
}

// frame is an element whose text goes to another page.
type frame struct {
	depth int
	page  *page
	text  int // Paragraphs that were open around it.
	cells int
}

func (r *reader) newODF(where string) *odf { return &odf{r: r, body: r.page(where)} }

func (o *odf) page() *page {
	if n := len(o.into); n > 0 {
		return o.into[n-1].page
	}
	return o.body
}

func (o *odf) read(s *xmlScanner) {
	o.xml = s
	for o.r.room > 0 && s.next() {
		switch {
		case s.kind == xmlStart:
			o.open(string(s.name))
		case s.kind == xmlEnd:
			o.close(string(s.name))
		case o.text > 0:
			o.page().write(collapse(s.text))
		}
	}
	o.turn("")
	if s.torn {
		o.r.note(Damaged)
	}
}

// collapse makes one blank of white space, in place (part 3 section 6.1.2).
func collapse(text []byte) []byte {
	out, blank := text[:0], false
	for _, c := range text {
		if isSpace(c) {
			if !blank {
				out = append(out, ' ')
			}
			blank = true
			continue
		}
		blank = false
		out = append(out, c)
	}
	return out
}

func (o *odf) open(name string) {
	switch name {
	case "p", "h":
		if o.cells == 0 && !o.said { // The one before it may be open yet, around a text box.
			o.page().newline()
		}
		o.said = false
		if o.text == 0 {
			o.turnPage()
		}
		o.text++
	case "s":
		n, err := strconv.Atoi(o.xml.attr("c"))
		if err != nil {
			n = 1
		}
		o.page().writeString(strings.Repeat(" ", max(1, min(n, 100))))
	case "tab":
		o.page().tab()
	case "line-break":
		o.breakLine()
	case "soft-page-break":
		o.due++
	case "spreadsheet":
		o.sheet = true
	case "table":
		if o.sheet && o.cells == 0 && len(o.into) == 0 {
			o.turn("sheet " + o.xml.attr("name"))
		}
	case "table-cell":
		if p := o.page(); p.begun() {
			p.tab()
		}
		o.cells++
	case "page":
		if len(o.into) == 0 && o.text == 0 {
			o.slide++
			o.turn("slide " + strconv.Itoa(o.slide))
		}
	case "notes":
		o.divert("notes")
	case "annotation":
		o.divert("comments")
	case "note":
		switch class := o.xml.attr("note-class"); class {
		case "footnote", "endnote":
			o.divert(class + "s")
		default:
			o.divert("notes")
		}
	case "header", "header-left", "header-first":
		o.divert("header")
	case "footer", "footer-left", "footer-first":
		o.divert("footer")
	case "creator":
		if len(o.into) > 0 {
			o.text++
		}
	// What was deleted, the number of a note, when a comment was made, files as
	// text, code, how ideographs are read, the number of the slide.
	case "tracked-changes", "note-citation", "date", "binary-data", "scripts", "ruby-text", "page-number", "annotation-end":
		o.xml.skip()
	}
}

func (o *odf) close(name string) {
	if n := len(o.into); n > 0 && o.xml.depth < o.into[n-1].depth {
		o.page().newline()
		o.text, o.cells = o.into[n-1].text, o.into[n-1].cells
		o.into = o.into[:n-1]
		return
	}
	switch name {
	case "p", "h":
		o.text = max(0, o.text-1)
		o.breakLine()
	case "creator":
		if len(o.into) > 0 {
			o.text = max(0, o.text-1)
			o.page().writeString(": ")
			o.said = true
		}
	case "table-cell":
		o.cells = max(0, o.cells-1)
	case "table-row":
		if o.cells == 0 {
			o.page().newline()
		}
	}
}

func (o *odf) breakLine() {
	if o.cells > 0 {
		o.page().add([]byte{' '})
		return
	}
	o.page().newline()
}

// divert sends the text of the element that was opened to another page.
func (o *odf) divert(where string) {
	if len(o.into) >= 100 {
		return
	}
	where = o.place(where)
	var to *page
	for _, p := range o.aside {
		if p.where == where {
			to = p
		}
	}
	if to == nil {
		to = o.r.page(where)
		o.aside = append(o.aside, to)
	}
	o.into = append(o.into, frame{o.xml.depth, to, o.text, o.cells})
	o.text, o.cells = 0, 0
}

// place is where something stands that is not in the body itself.
func (o *odf) place(what string) string {
	if (o.slide > 0 || o.sheet) && o.body.where != "" {
		return o.body.where + ", " + what
	}
	return what
}

// turn ends a sheet, a slide or the document, with what stands beside it.
func (o *odf) turn(next string) {
	o.body.newline()
	o.body.end()
	for _, p := range o.aside {
		p.newline()
		p.end()
	}
	o.body, o.aside = o.r.page(next), nil
}

// turnPage begins a new page of a text where one is due.
func (o *odf) turnPage() {
	if o.due == 0 || o.cells > 0 || o.sheet || o.slide > 0 || len(o.into) > 0 {
		return
	}
	if o.pages == 0 {
		o.body.where = "page 1"
	}
	o.body.newline()
	o.body.end()
	o.pages += o.due
	o.due = 0
	o.body.where = "page " + strconv.Itoa(o.pages+1)
}
