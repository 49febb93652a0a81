package document

import "strconv"

// readSheets reads a workbook (ECMA-376 part 1 section 18): a Part for each
// sheet, with a line for each row and tabs between the cells that are there.
// Values are as stored: of a number not how it is shown, of a formula what it
// gave.
func (z *packedDocument) readSheets(main string, s *xmlScanner) {
	type sheet struct{ name, id string }
	var sheets []sheet
	for s.next() {
		if s.kind == xmlStart && string(s.name) == "sheet" && len(sheets) < z.limits.Entries {
			sheets = append(sheets, sheet{s.attr("name"), s.attr("id")})
		}
	}
	if s.torn {
		z.note(Damaged)
	}
	all := z.relations(main)
	targets := map[string]string{}
	for _, r := range all {
		targets[r.id] = r.target
	}
	if len(sheets) == 0 {
		for i, r := range related(all, "worksheet") {
			sheets = append(sheets, sheet{strconv.Itoa(i + 1), r.id})
		}
	}
	shared := &sharedStrings{}
	for _, r := range related(all, "sharedStrings") {
		if s := z.xml(r.target); s != nil {
			shared.read(z.reader, s)
		}
	}
	for _, sh := range sheets {
		if z.full() {
			return
		}
		part, where := targets[sh.id], "sheet "+sh.name
		if s := z.xml(part); s != nil {
			p := z.page(where)
			p.rows(s, shared)
			p.end()
		}
		for _, r := range z.relations(part) {
			switch r.kind {
			case "comments":
				z.cellComments(r.target, where+", comments")
			case "drawing":
				z.story(r.target, where+", drawings")
				for _, d := range z.relations(r.target) {
					switch d.kind {
					case "chart", "diagramData":
						z.story(d.target, where+", drawings")
					case "image":
						z.picture(d.target, where+", picture")
					}
				}
			}
		}
	}
}

// sharedStrings are the texts that cells name by number, one behind the other.
type sharedStrings struct {
	text []byte
	ends []uint32
}

func (t *sharedStrings) get(i int) []byte {
	if i < 0 || i >= len(t.ends) {
		return nil
	}
	from := uint32(0)
	if i > 0 {
		from = t.ends[i-1]
	}
	return t.text[from:t.ends[i]]
}

// add adds to the last string, and end ends it.
func (t *sharedStrings) add(s []byte) { t.text = append(t.text, s...) }
func (t *sharedStrings) end()         { t.ends = append(t.ends, uint32(len(t.text))) }

// fits reports whether another string may come. More than the text that is read
// at all is not kept.
func (t *sharedStrings) fits(r *reader) bool {
	return int64(len(t.text)) < min(r.limits.Text, 1<<30) && len(t.ends) < 8<<20
}

func (t *sharedStrings) read(r *reader, s *xmlScanner) {
	shown := 0
	for s.next() {
		switch name := string(s.name); {
		case s.kind == xmlStart && name == "rPh": // How ideographs are read aloud.
			s.skip()
		case s.kind == xmlStart && name == "t":
			shown++
		case s.kind == xmlEnd && name == "t":
			shown = max(0, shown-1)
		case s.kind == xmlEnd && name == "si":
			t.end()
			if !t.fits(r) {
				r.note(Limit)
				return
			}
		case s.kind == xmlText && shown > 0:
			t.add(s.text[:min(len(s.text), maxToken)])
		}
	}
	if s.torn {
		r.note(Damaged)
	}
}

// rows reads the cells of a sheet.
func (p *page) rows(s *xmlScanner, shared *sharedStrings) {
	kind := "" // Of the cell.
	shown := false
	var value []byte
	for p.r.room > 0 && s.next() {
		switch s.kind {
		case xmlStart:
			switch string(s.name) {
			case "c":
				kind, value = s.attr("t"), value[:0]
			case "v", "t":
				shown = true
			case "rPh":
				s.skip()
			}
		case xmlEnd:
			switch string(s.name) {
			case "v", "t":
				shown = false
			case "c":
				p.cell(kind, value, shared)
				value = value[:0]
			case "row":
				p.newline()
			}
		case xmlText:
			if shown && len(value) < maxToken {
				value = append(value, s.text...)
			}
		}
	}
	p.newline()
	if s.torn {
		p.r.note(Damaged)
	}
}

// cell adds a value of a type (section 18.18.11).
func (p *page) cell(kind string, value []byte, shared *sharedStrings) {
	switch kind {
	case "s":
		n, err := strconv.Atoi(string(value))
		if err != nil {
			return
		}
		value = shared.get(n)
	case "b":
		switch string(value) {
		case "1":
			value = []byte("TRUE")
		case "0":
			value = []byte("FALSE")
		}
	}
	p.cellText(value)
}

// cellText adds a cell with its lines as one.
func (p *page) cellText(value []byte) {
	if len(value) == 0 {
		return
	}
	if p.begun() {
		p.tab()
	}
	from := len(p.text)
	p.write(value)
	for i := from; i < len(p.text); i++ {
		if p.text[i] == '\n' || p.text[i] == '\t' {
			p.text[i] = ' '
		}
	}
}

// cellComments reads the comments of a sheet, each behind the cell it is of.
func (z *packedDocument) cellComments(part, where string) {
	s := z.xml(part)
	if s == nil {
		return
	}
	p := z.page(where)
	shown := 0
	for p.r.room > 0 && s.next() {
		switch name := string(s.name); {
		case s.kind == xmlStart && name == "comment":
			p.newline()
			p.writeString(s.attr("ref") + ": ")
		case s.kind == xmlStart && name == "t":
			shown++
		case s.kind == xmlEnd && name == "t":
			shown = max(0, shown-1)
		case s.kind == xmlText && shown > 0:
			p.write(s.text)
		}
	}
	p.newline()
	p.end()
	if s.torn {
		z.note(Damaged)
	}
}
