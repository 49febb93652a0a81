package message

import (
	"bytes"
	"strings"
)

// Parse reads a message. It never fails: what it could not understand is in
// Defects and everything else is there. The work is linear in the length of
// raw for any bytes.
func Parse(raw []byte) *Message {
	return newParser().message(raw, 0)
}

// parser counts what a message and those embedded in it may cost together.
type parser struct {
	parts   int // that may still be made
	room    int // bytes that may still be kept decoded
	perPart int // bytes of one part that may be kept decoded
	m       *Message
}

func newParser() *parser {
	return &parser{parts: maxParts, room: maxDecoded, perPart: maxPart}
}

func (p *parser) message(raw []byte, depth int) *Message {
	outer := p.m
	defer func() { p.m = outer }()
	m := &Message{Raw: raw, lines: raw}
	p.m = m
	if bytes.IndexByte(raw, '\n') < 0 && bytes.IndexByte(raw, '\r') >= 0 {
		// QUIRK: RFC 5322 section 2.3 forbids a bare CR; old Macintosh mailboxes
		// end their lines with it.
		m.lines = bytes.ReplaceAll(raw, []byte("\r"), []byte("\n"))
		p.defect("bare-cr", "", "")
	}
	start := skipPreamble(m.lines)
	p.part(start, len(raw), -1, "", depth)
	p.reveal()
	p.longText()
	m.Header = m.Parts[0].Header
	m.readHeader()
	m.Subject = or(m.Subject, m.innerSubject)
	return m
}

// skipPreamble finds the header behind what transports and tools put before it.
// QUIRK: an mbox separator line, one that was quoted, Outlook's "Microsoft Mail
// Internet Headers" and empty lines are met before the first field.
func skipPreamble(raw []byte) int {
	at := 0
	for range 16 {
		line, next := lineAt(raw, at, len(raw))
		blank := len(line) == 0 && next > at && next < len(raw)
		odd := bytes.HasPrefix(line, []byte("From ")) || bytes.HasPrefix(line, []byte(">From ")) ||
			bytes.HasPrefix(line, []byte("Microsoft Mail Internet Headers")) || bytes.HasPrefix(line, []byte("\xef\xbb\xbf"))
		if bytes.HasPrefix(line, []byte("\xef\xbb\xbf")) {
			at += 3
			continue
		}
		if !blank && !odd {
			if n := fieldName(line); n > 0 || at == 0 {
				return at
			}
			return 0
		}
		at = next
	}
	return 0
}

func (p *parser) defect(code, path, detail string) {
	if len(p.m.Defects) < 1000 {
		p.m.Defects = append(p.m.Defects, Defect{code, path, detail})
	}
}

// part reads the part in raw[start:end] and those in it.
func (p *parser) part(start, end, parent int, path string, depth int) {
	m := p.m
	p.parts--
	fields, body, codes := scanHeader(m.lines, start, end)
	n := len(m.Parts)
	m.Parts = append(m.Parts, Part{N: n, Path: path, Parent: parent, Header: fields, Start: start, Body: body, End: end, depth: depth})
	part := &m.Parts[n]
	for _, code := range codes {
		p.defect(code, path, "")
	}
	p.describe(part)
	switch {
	case strings.HasPrefix(part.Type, "multipart/"):
		p.multipart(n, depth)
	case part.Type == "message/rfc822" || part.Type == "message/global" || part.Type == "message/news":
		p.embedded(n, depth)
	case part.Type == "message/partial":
		p.fragment(n)
	}
}

// describe reads the Content- fields of a part.
func (p *parser) describe(part *Part) {
	value, params := parseParams(rawValue(part.Header, "Content-Type"))
	part.Type, part.Params = value, params
	if !strings.Contains(value, "/") {
		if value != "" {
			p.defect("content-type-broken", part.Path, value)
		}
		part.Type = p.defaultType(part.Parent)
		if value == "text" {
			part.Type = "text/plain"
		}
	}
	part.Charset = strings.ToLower(params["charset"])
	part.Encoding = cleanEncoding(rawValue(part.Header, "Content-Transfer-Encoding"))
	disposition, dispositionParams := parseParams(rawValue(part.Header, "Content-Disposition"))
	switch {
	case disposition == "inline" || disposition == "attachment":
		part.Disposition = disposition
	case disposition != "": // RFC 2183 section 2.8: unknown ones are attachments.
		part.Disposition = "attachment"
	}
	part.Filename = baseName(dispositionParams["filename"])
	if part.Filename == "" {
		part.Filename = baseName(params["name"])
	}
	if part.Filename == "" {
		part.Filename = baseName(nameInText(part.Encoding, p.m.lines[part.Body:part.End]))
	}
	if ids := parseIDs(rawValue(part.Header, "Content-ID")); len(ids) > 0 {
		part.ContentID = ids[0]
	}
}

// defaultType is what RFC 2046 sections 5.1 and 5.1.5 say where nothing is said.
func (p *parser) defaultType(parent int) string {
	if parent >= 0 && p.m.Parts[parent].Type == "multipart/digest" {
		return "message/rfc822"
	}
	return "text/plain"
}

// baseName is the last element of a path without what a file's name must not
// hold.
func baseName(name string) string {
	if at := strings.LastIndexAny(name, `/\`); at >= 0 {
		name = name[at+1:]
	}
	name = strings.Map(func(r rune) rune {
		switch {
		case isControl(r) || r == '\u202e' || r == '\u202d' || r == '\u2066' || r == '\u2067':
			return -1 // Direction overrides hide what a file is.
		}
		return r
	}, name)
	name = strings.Trim(name, " .")
	if name == "" && name != "." {
		return ""
	}
	return truncate(name, 255)
}

// truncate cuts a string to at most n bytes between characters.
func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n]
}

// multipart splits the body of part n (RFC 2046 section 5.1).
func (p *parser) multipart(n, depth int) {
	part := p.m.Parts[n] // A copy: Parts grows.
	raw := p.m.lines
	boundary := strings.TrimRight(part.Params["boundary"], " ")
	if boundary == "" {
		boundary = sniffBoundary(raw[part.Body:part.End])
		p.defect("boundary-missing", part.Path, boundary)
	}
	if boundary == "" || depth >= maxDepth {
		if depth >= maxDepth {
			p.defect("depth-limit", part.Path, "")
		}
		return
	}
	delimiter := []byte("--" + boundary)
	begin, child := -1, 0
	for line := range delimiterLines(raw, part.Body, part.End, delimiter) {
		if begin >= 0 {
			p.child(begin, trimLineEnd(raw, begin, line.start), n, &child, depth)
		}
		if begin = line.next; line.last {
			return
		}
	}
	if begin < 0 {
		p.defect("boundary-absent", part.Path, "")
		return
	}
	p.defect("closing-boundary-missing", part.Path, "")
	p.child(begin, part.End, n, &child, depth)
}

func (p *parser) child(start, end, parent int, number *int, depth int) {
	if p.parts <= 0 {
		p.defect("parts-limit", p.m.Parts[parent].Path, "")
		return
	}
	*number++
	p.part(start, end, parent, childPath(p.m.Parts[parent].Path, *number), depth+1)
}

// delimiterLine is a line that begins or ends a part.
type delimiterLine struct {
	start, next int
	last        bool
}

// delimiterLines yields the lines between start and end that begin with the
// delimiter and have nothing but white space behind it, or behind the two
// hyphens that close a multipart.
func delimiterLines(raw []byte, start, end int, delimiter []byte) func(yield func(delimiterLine) bool) {
	return func(yield func(delimiterLine) bool) {
		for at := start; at < end; {
			n := bytes.Index(raw[at:end], delimiter)
			if n < 0 {
				return
			}
			found := at + n
			at = found + len(delimiter)
			if found > start && raw[found-1] != '\n' {
				continue
			}
			line, next := lineAt(raw, at, end)
			rest, closing := bytes.CutPrefix(line, []byte("--"))
			if len(bytes.Trim(rest, " \t")) > 0 {
				continue
			}
			if !yield(delimiterLine{found, next, closing}) {
				return
			}
			at = next
		}
	}
}

// trimLineEnd drops the line end that belongs to the delimiter behind it.
func trimLineEnd(raw []byte, start, end int) int {
	if end > start && raw[end-1] == '\n' {
		end--
	}
	if end > start && raw[end-1] == '\r' {
		end--
	}
	return end
}

// sniffBoundary takes the first line that looks like a delimiter and is there
// again or followed by a field.
func sniffBoundary(body []byte) string {
	for at := 0; at < min(len(body), maxJunk); {
		line, next := lineAt(body, at, len(body))
		if rest, ok := bytes.CutPrefix(line, []byte("--")); ok && len(rest) > 0 && len(rest) <= 200 && !bytes.ContainsAny(rest, " \t") {
			following, _ := lineAt(body, next, len(body))
			if bytes.Contains(body[next:], line) || fieldName(following) > 0 {
				return string(rest)
			}
		}
		at = next
	}
	return ""
}

// embedded reads the message inside part n.
func (p *parser) embedded(n, depth int) {
	part := &p.m.Parts[n]
	switch {
	case depth >= maxDepth:
		p.defect("depth-limit", part.Path, "")
		return
	case p.parts <= 0:
		p.defect("parts-limit", part.Path, "")
		return
	}
	content := p.m.encoded(part)
	if !identity(part.Encoding) {
		// QUIRK: RFC 2046 section 5.2.1 allows identity encodings only.
		p.defect("embedded-message-encoded", part.Path, part.Encoding)
		content = decodeTransfer(part.Encoding, content)
		if !p.take(len(content), part.Path) {
			return
		}
	}
	m := p.message(content, depth+1)
	p.m.Parts[n].Embedded = m
}

// readHeader fills the fields of a message from its header.
func (m *Message) readHeader() {
	decodeFields(m.Header)
	lists := map[string]*[]Mailbox{"from": &m.From, "sender": &m.Sender, "reply-to": &m.ReplyTo, "to": &m.To, "cc": &m.Cc, "bcc": &m.Bcc}
	for i := range m.Header {
		f := &m.Header[i]
		name := strings.ToLower(f.Name)
		if list := lists[name]; list != nil {
			*list = append(*list, parseMailboxes(f.unfolded())...)
			continue
		}
		m.readField(name, f)
	}
}

func (m *Message) readField(name string, f *Field) {
	switch name {
	case "subject":
		if m.Subject == "" {
			m.Subject = f.Value
		}
	case "date":
		if m.Date.IsZero() {
			m.Date = parseDate(f.unfolded())
		}
		if m.Date.IsZero() {
			m.Defects = append(m.Defects, Defect{"date-unreadable", "", f.Value})
		}
	case "message-id":
		if ids := parseIDs(f.unfolded()); len(ids) > 0 && m.MessageID == "" {
			m.MessageID = ids[0]
		} else if m.MessageID == "" {
			m.MessageID = strings.Trim(f.Value, "<> ")
		}
	case "in-reply-to":
		m.InReplyTo = append(m.InReplyTo, parseIDs(f.unfolded())...)
	case "references":
		m.References = append(m.References, parseIDs(f.unfolded())...)
	case "thread-index":
		if m.ThreadIndex == "" {
			m.ThreadIndex = strings.Join(strings.Fields(f.unfolded()), "")
		}
	}
}
