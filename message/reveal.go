package message

import (
	"path"
	"strconv"
	"strings"
)

// Limits on what is decoded in order to read what is inside it, so that it
// is kept in memory. Each gives a defect.
const (
	maxPart    = 256 << 20 // bytes of one part
	maxDecoded = 512 << 20 // bytes of one message, embedded ones included
)

// Forms of a part that is not in the message as MIME.
const (
	formTNEF = "tnef"
	formUU   = "uuencode"
	formYEnc = "yenc"

	formSMIME = "smime"
)

// reveal opens the parts that hold files in other ways than MIME. What is in
// them becomes parts behind the real ones, in which it looks again.
func (p *parser) reveal() {
	for n := 0; n < len(p.m.Parts); n++ {
		part := &p.m.Parts[n]
		if part.Embedded != nil || strings.HasPrefix(part.Type, "multipart/") && p.m.hasChildren(n) {
			continue
		}
		switch content, ok := p.m.tnefIn(n); {
		case ok:
			p.openTNEF(n, content)
		case part.isSMIME():
			p.openSMIME(n)
		case part.Type == "text/plain" && part.Disposition != "attachment":
			p.openText(n)
		case part.Form != "" && part.Type == "message/rfc822":
			p.embedded(n, part.depth)
		}
	}
}

// longText flags texts of which Text reads the beginning only.
func (p *parser) longText() {
	for _, n := range p.m.bodyParts() {
		part := &p.m.Parts[n]
		if len(p.m.encoded(part)) > maxText && len(p.m.Content(n)) > maxText {
			p.defect("text-limit", part.Path, "")
		}
	}
}

// encoded is the body of a part before its transfer encoding is undone.
func (m *Message) encoded(p *Part) []byte {
	if p.Form != "" {
		return p.held
	}
	return m.lines[p.Body:p.End]
}

// add makes a part of bytes that were decoded out of part n, and returns its
// index; false when a limit keeps it out. It lies where its container does.
func (p *parser) add(n int, form string, held []byte) (int, bool) {
	from := &p.m.Parts[n]
	switch {
	case p.parts <= 0:
		p.defect("parts-limit", from.Path, "")
		return 0, false
	case from.depth >= maxDepth:
		p.defect("depth-limit", from.Path, "")
		return 0, false
	case !p.take(len(held), from.Path):
		return 0, false
	}
	p.parts--
	from.revealed++
	at := len(p.m.Parts)
	p.m.Parts = append(p.m.Parts, Part{
		N: at, Path: childPath(from.Path, from.revealed), Parent: n, Type: "application/octet-stream", Form: form,
		Start: from.Body, Body: from.Body, End: from.End, held: held, depth: from.depth + 1,
	})
	return at, true
}

// addFile makes a part of a file that was decoded out of part n. The type is
// that of its name where none is told.
func (p *parser) addFile(n int, form, name, mediaType string, held []byte) (int, bool) {
	at, ok := p.add(n, form, held)
	if !ok {
		return 0, false
	}
	f := &p.m.Parts[at]
	f.Filename, f.Disposition = baseName(name), "attachment"
	if f.Type, _ = parseParams(mediaType); !strings.Contains(f.Type, "/") || strings.HasPrefix(f.Type, "multipart/") {
		f.Type = typeOf(f.Filename)
	}
	return at, true
}

// take accounts for n bytes that are kept decoded; false when they are more
// than a part or a message may have.
func (p *parser) take(n int, path string) bool {
	switch {
	case n > p.perPart:
		p.defect("part-limit", path, strconv.Itoa(n))
		return false
	case n > p.room:
		p.defect("decoded-limit", path, strconv.Itoa(n))
		return false
	}
	p.room -= n
	return true
}

func childPath(above string, number int) string {
	if above == "" {
		return strconv.Itoa(number)
	}
	return above + "." + strconv.Itoa(number)
}

// typeOf is the usual media type of a file's name.
func typeOf(name string) string {
	ext := strings.ToLower(path.Ext(name))
	switch ext {
	case "":
		return "application/octet-stream"
	case ".log", ".txt":
		return "text/plain"
	case ".htm":
		return "text/html"
	case ".jpeg":
		return "image/jpeg"
	case ".eml":
		return "message/rfc822"
	case ".doc":
		return "application/msword"
	case ".xls":
		return "application/vnd.ms-excel"
	case ".docx":
		return "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	case ".xlsx":
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	}
	for _, t := range []string{"text/html", "text/calendar", "text/csv", "text/vcard", "image/jpeg", "image/png", "image/gif", "application/pdf", "application/zip"} {
		if extension(t) == ext {
			return t
		}
	}
	return "application/octet-stream"
}
