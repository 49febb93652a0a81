package message

import (
	"bytes"
	"strings"
)

// Content types of CMS (RFC 5652 sections 4 to 9, RFC 8551 section 2.4, RFC
// 5083), as encoded.
var (
	oidData           = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1}
	oidSigned         = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2}
	oidEnveloped      = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 3}
	oidAuthEnveloped  = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 1, 23}
	oidCompressed     = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 1, 9}
	oidEncryptedAlone = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 6}
)

// Tags of BER that are met (ITU-T X.690 section 8.1.2).
const (
	berOctets   = 0x04
	berOID      = 0x06
	berSequence = 0x30
	berContext0 = 0xa0
	berBuilt    = 0x20 // The value is made of values.
)

// maxBER is how deep values are looked into.
const maxBER = 32

// ber is a value of BER: definite lengths, and indefinite ones up to the end
// of what holds them.
type ber struct {
	tag        byte
	value      []byte
	indefinite bool // Ends with two zero octets, of which value is not rid.
}

// cutBER takes the head of the first value off. With a definite length rest is
// what is behind the value; with an indefinite one it is empty.
func cutBER(b []byte) (v ber, rest []byte, ok bool) {
	if len(b) < 2 || b[0]&0x1f == 0x1f { // Long tags are not met in CMS.
		return ber{}, nil, false
	}
	v.tag = b[0]
	size, head := uint64(b[1]), 2
	switch {
	case b[1] == 0x80:
		v.value, v.indefinite = b[2:], true
		return v, nil, v.tag&berBuilt != 0
	case b[1] > 0x80:
		octets := int(b[1] & 0x7f)
		if octets > 8 || len(b) < 2+octets {
			return ber{}, nil, false
		}
		size = 0
		for _, c := range b[2 : 2+octets] {
			size = size<<8 | uint64(c)
		}
		head += octets
	}
	if size > uint64(len(b)-head) {
		v.value = b[head:]
		return v, nil, false
	}
	v.value = b[head:][:size]
	return v, b[head:][size:], true
}

// skipBER returns what is behind the first value of b, however its length is
// told.
func skipBER(b []byte) (rest []byte, ok bool) {
	for open := 0; ; {
		if open > 0 && len(b) >= 2 && b[0] == 0 && b[1] == 0 {
			b = b[2:]
			if open--; open == 0 {
				return b, true
			}
			continue
		}
		v, after, ok := cutBER(b)
		switch {
		case !ok || open >= maxBER:
			return nil, false
		case v.indefinite:
			b = v.value
			open++
		default:
			if b = after; open == 0 {
				return b, true
			}
		}
	}
}

// octetString puts the pieces of a string together (X.690 section 8.7.3).
// false when it was cut; then it is what was there.
func octetString(b []byte) ([]byte, bool) {
	v, _, ok := cutBER(b)
	if v.tag == berOctets {
		return v.value, ok
	}
	if v.tag != berOctets|berBuilt {
		return nil, false
	}
	var out []byte
	depth := 1
	for b = v.value; len(b) > 0; {
		if len(b) >= 2 && b[0] == 0 && b[1] == 0 {
			b = b[2:]
			if depth--; depth == 0 {
				return out, true
			}
			continue
		}
		v, rest, pieceOK := cutBER(b)
		switch v.tag {
		case berOctets:
			out = append(out, v.value...)
			b = rest
			ok = ok && pieceOK
		case berOctets | berBuilt:
			b = b[len(b)-len(v.value)-len(rest):] // Its pieces follow as ours.
			if v.indefinite {
				depth++
			}
			ok = ok && pieceOK && depth < maxBER
		default:
			return out, false
		}
		if !pieceOK || !ok {
			return out, false
		}
	}
	return out, ok && depth == 1 && !v.indefinite
}

// signedContent is what a CMS structure signs (RFC 5652 section 5), the
// content of
//
//	SEQUENCE { OID signedData, [0] { SEQUENCE {
//		INTEGER version, SET digestAlgorithms,
//		SEQUENCE { OID contentType, [0] { OCTET STRING content } }, … } } }
//
// with the code of the defect where it is not that. Nothing is verified.
func signedContent(b []byte) (content []byte, code string) {
	const unreadable = "smime-unreadable"
	outer, _, _ := cutBER(b)
	kind, rest, ok := cutBER(outer.value)
	if outer.tag != berSequence || !ok || kind.tag != berOID {
		return nil, unreadable
	}
	switch {
	case bytes.Equal(kind.value, oidEnveloped), bytes.Equal(kind.value, oidAuthEnveloped), bytes.Equal(kind.value, oidEncryptedAlone):
		return nil, "encrypted"
	case bytes.Equal(kind.value, oidCompressed):
		return nil, "smime-compressed"
	case !bytes.Equal(kind.value, oidSigned):
		return nil, unreadable
	}
	explicit, _, _ := cutBER(rest)
	signed, _, _ := cutBER(explicit.value)
	if explicit.tag != berContext0 || signed.tag != berSequence {
		return nil, unreadable
	}
	rest = signed.value
	for range 2 { // Version and digest algorithms.
		if rest, ok = skipBER(rest); !ok {
			return nil, unreadable
		}
	}
	inner, _, _ := cutBER(rest)
	kind, rest, ok = cutBER(inner.value)
	if inner.tag != berSequence || !ok || kind.tag != berOID || !bytes.Equal(kind.value, oidData) {
		return nil, unreadable
	}
	explicit, _, _ = cutBER(rest)
	if explicit.tag != berContext0 {
		return nil, "smime-empty" // Certificates alone, or a signature that is apart from what it signs.
	}
	content, ok = octetString(explicit.value)
	if _, whole := skipBER(b); !ok || !whole {
		code = "smime-truncated"
	}
	return content, code
}

// isSMIME reports whether a part is a CMS structure that holds what it
// protects (RFC 8551 section 3.2).
func (p *Part) isSMIME() bool {
	switch p.Type {
	case "application/pkcs7-mime", "application/x-pkcs7-mime":
		return true
	case "application/octet-stream": // RFC 8551 section 3.2.1: gateways make this of it.
		return strings.HasSuffix(strings.ToLower(p.Filename), ".p7m")
	}
	return false
}

// openSMIME reads the entity that part n signs. Its parts become parts of the
// message.
func (p *parser) openSMIME(n int) {
	from := p.m.Parts[n]
	content, code := signedContent(p.m.Content(n))
	kind := strings.ToLower(from.Params["smime-type"])
	if code == "smime-unreadable" && strings.HasSuffix(kind, "enveloped-data") {
		code = "encrypted"
	}
	if code != "" {
		p.defect(code, from.Path, kind)
	}
	if len(content) == 0 {
		return
	}
	if from.depth >= maxDepth {
		p.defect("depth-limit", from.Path, "")
		return
	}
	if !p.take(len(content), from.Path) {
		return
	}
	p.graft(n, formSMIME, p.entity(content, childPath(from.Path, from.revealed+1), from.depth+1))
	p.m.Parts[n].opened = code == ""
}

// entity reads a MIME entity that is not in the bytes of the message.
func (p *parser) entity(content []byte, path string, depth int) *Message {
	outer := p.m
	defer func() { p.m = outer }()
	inner := &Message{Raw: content, lines: content}
	p.m = inner
	p.part(0, len(content), -1, path, depth)
	return inner
}

// graft makes the parts of an entity parts that were found in part n.
func (p *parser) graft(n int, form string, inner *Message) {
	from := p.m.Parts[n]
	base := len(p.m.Parts)
	p.m.Parts[n].revealed++
	for _, part := range inner.Parts {
		part.Form, part.held = form, inner.encoded(&part)
		part.Start, part.Body, part.End = from.Body, from.Body, from.End
		part.N += base
		if part.Parent += base; part.N == base {
			part.Parent = n
		}
		p.m.Parts = append(p.m.Parts, part)
	}
	for _, d := range inner.Defects {
		p.defect(d.Code, d.Part, d.Detail)
	}
}
