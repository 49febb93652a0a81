package message

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Fragment says which piece of a message a message/partial part is (RFC 2046
// section 5.2.2).
type Fragment struct {
	ID     string // The same in all pieces.
	Number int    // From 1.
	Total  int    // 0 when this piece does not tell; the last has to.
}

// fragment reads the parameters of part n.
func (p *parser) fragment(n int) {
	part := &p.m.Parts[n]
	number, err := strconv.Atoi(part.Params["number"])
	if err != nil || number < 1 || part.Params["id"] == "" {
		p.defect("partial-unreadable", part.Path, "")
		return
	}
	total, err := strconv.Atoi(part.Params["total"])
	if err != nil || total < number {
		total = 0
	}
	part.Partial = &Fragment{part.Params["id"], number, total}
	detail := strconv.Itoa(number)
	if total > 0 {
		detail = fmt.Sprintf("%d of %d", number, total)
	}
	p.defect("partial", part.Path, detail)
}

// Join makes the whole message of its fragments, given in any order as the
// bytes of the messages that each came in (RFC 2046 section 5.2.2.1). Of a
// fragment that is there twice the first counts. false when one is missing or
// not of the same message as the first.
func Join(fragments [][]byte) (raw []byte, ok bool) {
	pieces := map[int]*Message{}
	id, total := "", 0
	for i, f := range fragments {
		m := Parse(f)
		piece := m.Parts[0].Partial
		if piece == nil || i > 0 && piece.ID != id {
			return nil, false
		}
		id, total = piece.ID, max(total, piece.Total)
		if pieces[piece.Number] == nil {
			pieces[piece.Number] = m
		}
	}
	if total == 0 {
		return nil, false
	}
	for n := 1; n <= total; n++ {
		m := pieces[n]
		switch {
		case m == nil:
			return nil, false
		case n == 1:
			raw = joinedHeader(m)
		default:
			raw = append(raw, m.Content(0)...)
		}
	}
	return raw, true
}

// joinedHeader is the header of the whole message, and the body of its first
// fragment: the fields of the message around it but for those that speak of
// the fragment, then those of the message inside that speak of the whole.
func joinedHeader(first *Message) []byte {
	inner := first.Content(0)
	fields, body, _ := scanHeader(inner, 0, len(inner))
	lineEnd := "\n"
	if len(first.Header) > 0 && bytes.HasSuffix(first.Header[0].Raw, []byte("\r\n")) {
		lineEnd = "\r\n"
	}
	var raw []byte
	copyField := func(f Field) {
		if raw = append(raw, f.Raw...); !bytes.HasSuffix(raw, []byte("\n")) {
			raw = append(raw, lineEnd...)
		}
	}
	for _, f := range first.Header {
		if !ofWhole(f.Name) {
			copyField(f)
		}
	}
	for _, f := range fields {
		if ofWhole(f.Name) {
			copyField(f)
		}
	}
	return append(append(raw, lineEnd...), inner[body:]...)
}

// ofWhole reports whether a field is taken from the message inside.
func ofWhole(name string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "content-") || oneOf(name, "subject", "message-id", "encrypted", "mime-version")
}
