package document

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// relation is what a part of an OOXML document says of another (ECMA-376 part 2
// section 9.3).
type relation struct {
	id     string
	kind   string // The last word of its type: "slide", "comments".
	target string // A name in the archive.
}

// relations are those of a part, in the order they are written.
func (z *packedDocument) relations(part string) (all []relation) {
	dir, file := path.Split(part)
	f := z.files[dir+"_rels/"+file+".rels"]
	if f == nil {
		return nil
	}
	u := z.open(f)
	if u == nil {
		return nil
	}
	s := newXML(u)
	for s.next() {
		if s.kind != xmlStart || string(s.name) != "Relationship" || s.attr("TargetMode") == "External" {
			continue
		}
		target := s.attr("Target")
		if !strings.HasPrefix(target, "/") {
			target = "/" + dir + target
		}
		if all = append(all, relation{s.attr("Id"), path.Base(s.attr("Type")), path.Clean(target)[1:]}); len(all) > z.limits.Entries {
			z.note(Limit)
			break
		}
	}
	return all
}

func related(all []relation, kind string) (some []relation) {
	for _, r := range all {
		if r.kind == kind {
			some = append(some, r)
		}
	}
	return some
}

// readOOXML reads a document of Word, Excel or PowerPoint, told apart by the
// root element of its main part.
func (z *packedDocument) readOOXML() {
	main := ""
	if all := related(z.relations(""), "officeDocument"); len(all) > 0 {
		main = all[0].target
	}
	for _, usual := range []string{"word/document.xml", "xl/workbook.xml", "ppt/presentation.xml"} {
		if z.files[main] == nil {
			main = usual
		}
	}
	s := z.xml(main)
	if s == nil {
		z.readFiles() // A package of something else.
		return
	}
	for s.next() && s.kind != xmlStart {
	}
	switch string(s.name) {
	case "document":
		z.readWord(main, s)
	case "workbook":
		z.readSheets(main, s)
	case "presentation":
		z.readSlides(main, s)
	default:
		z.note(Unknown) // As the binary workbooks of Excel.
	}
	z.readEmbedded()
	z.readMedia()
}

// xml opens a part; nil when it is not there.
func (z *packedDocument) xml(part string) *xmlScanner {
	f := z.files[part]
	if f == nil {
		return nil
	}
	u := z.open(f)
	if u == nil {
		return nil
	}
	return newXML(u)
}

// readEmbedded reads the documents inside the document.
func (z *packedDocument) readEmbedded() {
	for _, f := range z.order {
		if !strings.Contains(f.name, "/embeddings/") && !strings.Contains(f.name, "/afchunk") || strings.HasSuffix(f.name, "/") {
			continue
		}
		if z.full() {
			return
		}
		z.within(path.Base(f.name), func() {
			u := z.open(f)
			if u == nil {
				return
			}
			content := u.all()
			c, ok := openCompound(content)
			if ok && extension(f.name) == ".bin" && kindOf("", "", content) == kindOLE {
				z.readObject(c, 0)
				return
			}
			z.read(f.name, "", content)
		})
	}
}

// story reads a part that is text as a whole, to a page of its own.
func (z *packedDocument) story(part, where string) {
	if s := z.xml(part); s != nil && !z.full() {
		p := z.page(where)
		p.story(s)
		p.end()
	}
}

// readWord reads a document of Word (ECMA-376 part 1 section 17): the body page
// by page where Word has noted where pages begin, then what stands around it.
func (z *packedDocument) readWord(main string, s *xmlScanner) {
	p := z.page("")
	p.story(s)
	p.end()
	all := z.relations(main)
	for _, kind := range []string{"header", "footer", "footnotes", "endnotes", "comments", "chart", "diagramData"} {
		where := strings.ToLower(strings.TrimSuffix(kind, "Data"))
		for _, r := range related(all, kind) {
			z.story(r.target, where)
		}
	}
}

// notText are elements of which nothing is shown: properties, which also hold
// tab stops; deleted and moved text; codes of fields; how to read ideographs
// aloud; and what repeats a text box for readers that do not know the first form.
var notText = []string{
	"pPr", "rPr", "sdtPr", "tblPr", "trPr", "tcPr", "sectPr", "del", "delText", "moveFrom", "instrText", "delInstrText", "rt", "rPh", "Fallback",
}

// story reads the text of WordprocessingML, DrawingML and the comments of
// either: their elements for text have the same names.
func (p *page) story(s *xmlScanner) {
	w := story{page: p, xml: s}
	for p.r.room > 0 && s.next() {
		switch {
		case s.kind == xmlStart:
			w.open()
		case s.kind == xmlEnd:
			w.close()
		case w.shown > 0:
			p.write(s.text)
		}
	}
	p.newline()
	if s.torn {
		p.r.note(Damaged)
	}
}

type story struct {
	*page
	xml   *xmlScanner
	shown int  // Elements for text that are open.
	cells int  // Cells of tables that are open.
	said  bool // Who made a comment stands before it.
	pages int  // Page breaks of the last layout.
	due   int  // Of them, those before the text that comes next.
}

func (w *story) open() {
	name := string(w.xml.name)
	switch name {
	case "t", "text":
		w.shown++
	case "br", "cr":
		w.break_()
	case "tab", "ptab":
		w.tab()
	case "noBreakHyphen":
		w.writeString("-")
	case "p":
		if w.begun() && w.cells == 0 && !w.said { // A text box inside of a paragraph.
			w.newline()
		}
		w.said = false
		w.turn()
	case "tc":
		w.cells++
	case "lastRenderedPageBreak":
		w.due++
		if !w.begun() {
			w.turn()
		}
	case "comment":
		if author := w.xml.attr("author"); author != "" {
			w.writeString(author + ": ")
			w.said = true
		}
	case "fld":
		if w.xml.attr("type") == "slidenum" {
			w.xml.skip()
		}
	default:
		if slices.Contains(notText, name) {
			w.xml.skip()
		}
	}
}

func (w *story) close() {
	switch string(w.xml.name) {
	case "t", "text":
		w.shown = max(0, w.shown-1)
	case "p":
		w.break_()
	case "tc":
		w.cells = max(0, w.cells-1)
		w.tab()
	case "tr", "cm", "pt":
		w.newline()
	}
}

// break_ ends a line, which inside of a table is a row.
func (w *story) break_() {
	if w.cells > 0 {
		w.add([]byte{' '})
		return
	}
	w.newline()
}

// turn begins a new page where one is due. A paragraph is not torn apart: the
// page begins with the first one that begins on it.
func (w *story) turn() {
	if w.due == 0 || w.cells > 0 {
		return
	}
	if w.pages == 0 {
		w.where = join(w.where, "page 1")
	}
	w.page.end()
	w.pages += w.due
	w.due = 0
	w.where = "page " + strconv.Itoa(w.pages+1)
}

// readSlides reads a presentation (ECMA-376 part 1 section 19) slide by slide
// in the order they are shown, each followed by its notes and comments.
func (z *packedDocument) readSlides(main string, s *xmlScanner) {
	targets := map[string]string{}
	all := z.relations(main)
	for _, r := range all {
		targets[r.id] = r.target
	}
	var slides []string
	for s.next() {
		if s.kind == xmlStart && string(s.name) == "sldId" && len(slides) < z.limits.Entries {
			slides = append(slides, targets[s.attr("id")])
		}
	}
	if s.torn {
		z.note(Damaged)
	}
	if len(slides) == 0 {
		for _, r := range related(all, "slide") {
			slides = append(slides, r.target)
		}
	}
	for i, slide := range slides {
		if z.full() {
			return
		}
		where := "slide " + strconv.Itoa(i+1)
		z.story(slide, where)
		for _, r := range z.relations(slide) {
			switch r.kind {
			case "chart", "diagramData":
				z.story(r.target, where)
			case "image":
				z.picture(r.target, where+", picture")
			case "notesSlide":
				z.story(r.target, where+", notes")
			case "comments":
				z.story(r.target, where+", comments")
			}
		}
	}
}
