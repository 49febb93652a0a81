package document

import (
	"bytes"
	"io"
	"mime"
	"mime/quotedprintable"
	"strconv"
	"strings"
	"unicode/utf16"

	"polytrace/message"
)

// decoded is a text as UTF-8: by its mark or its zeros, by the charset of its
// media type, else as it can be read. At most as much is decoded as fills the
// room that is left a few times over: markup may go.
func (r *reader) decoded(mediaType string, content []byte) string {
	if most := 4*r.limits.Text + 1<<20; int64(len(content)) > most {
		r.note(Limit)
		content = content[:most]
	}
	return message.DecodeText(charsetOf(mediaType, content), content)
}

func charsetOf(mediaType string, content []byte) string {
	switch utf16Order(content) {
	case 'l':
		return "utf-16le"
	case 'b':
		return "utf-16be"
	}
	_, params, err := mime.ParseMediaType(mediaType)
	if err != nil {
		return ""
	}
	return params["charset"]
}

// say makes a Part of one text.
func (r *reader) say(where, text string) {
	p := r.page(where)
	p.writeString(strings.TrimPrefix(text, "\uFEFF"))
	p.end()
}

func (r *reader) readPlain(mediaType string, content []byte) {
	r.say("", r.decoded(mediaType, content))
}

func (r *reader) readHTML(mediaType string, content []byte) {
	charset := charsetOf(mediaType, content)
	if charset == "" {
		charset = message.HTMLCharset(content)
	}
	if most := 4*r.limits.Text + 1<<20; int64(len(content)) > most {
		r.note(Limit)
		content = content[:most]
	}
	r.say("", message.HTMLText(message.DecodeText(charset, content)))
}

func (r *reader) readRTF(content []byte) {
	r.say("", message.RTFText(content))
}

// readJSON shows JSON as it is written, but for the characters that are there
// as numbers.
func (r *reader) readJSON(mediaType string, content []byte) {
	s := r.decoded(mediaType, content)
	if !strings.Contains(s, `\u`) {
		r.say("", s)
		return
	}
	var out strings.Builder
	for {
		before, rest, ok := strings.Cut(s, `\u`)
		out.WriteString(before)
		if !ok {
			break
		}
		if strings.HasSuffix(before, `\`) { // An escaped backslash.
			out.WriteString(`\u`)
			s = rest
			continue
		}
		first, ok := jsonUnit(rest)
		if !ok {
			out.WriteString(`\u`)
			s = rest
			continue
		}
		s = rest[4:]
		if utf16.IsSurrogate(first) && strings.HasPrefix(s, `\u`) {
			if second, ok := jsonUnit(s[2:]); ok {
				first, s = utf16.DecodeRune(first, second), s[6:]
			}
		}
		out.WriteRune(first)
	}
	r.say("", out.String())
}

func jsonUnit(s string) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	v, err := strconv.ParseUint(s[:4], 16, 16)
	return rune(v), err == nil
}

// readCard shows vCard (RFC 6350) and iCalendar (RFC 5545) line by line, with
// folded lines joined, escapes undone, and without the pictures in it.
func (r *reader) readCard(mediaType string, content []byte) {
	p := r.page("")
	for line := range cardLines(r.decoded(mediaType, content)) {
		property, value, ok := strings.Cut(line, ":")
		parameters := strings.ToUpper(property)
		switch {
		case !ok && len(line) > 60 && !strings.Contains(line, " "), // What is left of a picture.
			strings.Contains(parameters, "ENCODING=B"), strings.HasPrefix(value, "data:"):
			continue
		case strings.Contains(parameters, "QUOTED-PRINTABLE"):
			octets, _ := io.ReadAll(quotedprintable.NewReader(strings.NewReader(value))) // What it could is good enough.
			value = message.DecodeText("", octets)
		}
		if ok {
			property, _, _ = strings.Cut(property, ";")
			line = property + ": " + strings.NewReplacer(`\n`, "\n", `\N`, "\n", `\,`, ",", `\;`, ";", `\\`, `\`).Replace(value)
		}
		p.writeString(line)
		p.newline()
	}
	p.end()
}

// cardLines yields the lines of a text, each with those that continue it.
// QUIRK: vCard 2.1 continues quoted-printable by a "=" at the end.
func cardLines(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		var whole []byte
		isSoft := false
		for line := range strings.Lines(text) {
			line = strings.TrimRight(line, "\r\n")
			isFolded := len(whole) > 0 && (strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t"))
			if isFolded && !isSoft {
				line = line[1:]
			}
			if !isFolded && !isSoft && len(whole) > 0 {
				if !yield(string(whole)) {
					return
				}
				whole = whole[:0]
			}
			whole = append(whole, line...)
			if isSoft = strings.HasSuffix(line, "=") && bytes.Contains(bytes.ToUpper(whole[:min(len(whole), 100)]), []byte("QUOTED-PRINTABLE")); isSoft {
				whole = whole[:len(whole)-1]
			}
		}
		if len(whole) > 0 {
			yield(string(whole))
		}
	}
}

// readXML reads flat ODF, XHTML, or else the words of any XML: the text of its
// elements and the values of its attributes, a line for each element.
func (r *reader) readXML(mediaType string, content []byte) {
	charset := charsetOf(mediaType, content)
	if charset == "" {
		charset = xmlCharset(content)
	}
	source := io.Reader(bytes.NewReader(content))
	if charset != "" && charset != "utf-8" {
		source = strings.NewReader(message.DecodeText(charset, content))
	}
	s := newXML(source)
	p := r.page("")
	isRoot, isDrawing := true, false
	for !r.full() && s.next() {
		switch s.kind {
		case xmlStart:
			if name := string(s.name); name == "binaryData" || name == "binData" || name == "binary-data" {
				s.skip() // It holds a file.
				continue
			}
			if isRoot {
				isRoot = false
				switch string(s.name) {
				case "html":
					r.readHTML(mediaType, content)
					return
				case "document", "document-content":
					if isODF := s.attr("office") != ""; isODF {
						r.newODF("").read(s)
						return
					}
				case "svg":
					isDrawing = true
				}
			}
			p.newline()
			if !isDrawing {
				p.attributes(s)
			}
		case xmlEnd:
			p.newline()
		case xmlText:
			if text := bytes.TrimSpace(s.text); len(text) > 0 {
				if p.begun() {
					p.add([]byte{' '})
				}
				p.write(text)
			}
		}
	}
	p.end()
	if s.torn {
		r.note(Damaged)
	}
}

// attributes adds the values that are for people, as far as that can be told.
func (p *page) attributes(s *xmlScanner) {
	for a := range s.attributes() {
		if full := string(a.full); strings.HasPrefix(full, "xmlns") || strings.HasPrefix(full, "xsi:") || len(a.value) == 0 {
			continue
		}
		if p.begun() {
			p.add([]byte{' '})
		}
		p.write(unescape(bytes.Clone(a.value)))
	}
}

// xmlCharset reads the encoding of an XML declaration, in small letters.
func xmlCharset(content []byte) string {
	head, _, _ := strings.Cut(string(content[:min(len(content), 200)]), "?>")
	_, rest, ok := strings.Cut(head, "encoding=")
	if !ok || len(rest) < 2 {
		return ""
	}
	name, _, _ := strings.Cut(rest[1:], rest[:1])
	return strings.ToLower(name)
}
