package message

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// What is beyond a limit is flagged with the code of the limit, and what comes
// before it is read.
func TestLimitsAreFlagged(t *testing.T) {
	nested := strings.Builder{}
	for i := range 60 {
		fmt.Fprintf(&nested, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
	}
	signed := []byte("Content-Type: text/plain\r\n\r\nwords")
	for range maxDepth + 2 {
		signed = fmt.Appendf(nil, "Content-Type: application/pkcs7-mime\r\n\r\n%s", cms(der, oidSigned, der(berContext0, der(berOctets, signed))))
	}
	stream := newStream().attribute(1, attSubject, []byte("innermost\x00"))
	for range maxDepth + 2 {
		stream = newStream().attribute(2, attAttachment, list(0x3701000d, append(make([]byte, 16), stream.Bytes()...)))
	}
	file := inMail("application/ms-tnef", "words", newStream().attribute(2, attAttachTitle, []byte("f\x00")).attribute(2, attAttachData, allOctets(100)).Bytes())
	within := fmt.Sprintf("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n%s", base64.StdEncoding.EncodeToString([]byte("Subject: inner\n\n"+strings.Repeat("x", 200))))
	for _, c := range []struct {
		name, raw, code, subject string
		limit                    func(*parser)
	}{
		{"depth", "Subject: kept\n" + nested.String(), "depth-limit", "kept", nil},
		{"depth of signatures", "Subject: kept\n" + string(signed), "depth-limit", "kept", nil},
		{"depth of TNEF", "Subject: kept\nContent-Type: application/ms-tnef\n\n" + stream.String(), "depth-limit", "kept", nil},
		{"depth of messages", "Subject: kept\n" + strings.Repeat("Content-Type: message/rfc822\n\n", 60) + "x", "depth-limit", "kept", nil},
		{"parts", "Subject: kept\nContent-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n\nx\n", maxParts+1), "parts-limit", "kept", nil},
		{"files in a text", "Subject: kept\n\n" + strings.Repeat("begin 644 a\n`\nend\n", maxParts+1), "parts-limit", "kept", nil},
		{"header", "Subject: kept\nX: " + strings.Repeat("x", maxHeader) + "\nY: z\n\nbody", "header-limit", "kept", nil},
		{"fields", "Subject: kept\n" + strings.Repeat("X: y\n", maxFields+1) + "\nbody", "header-limit", "kept", nil},
		{"text", "Subject: kept\n\n" + strings.Repeat("x", maxText+1), "text-limit", "kept", nil},
		{"bytes of a part", "Subject: kept\n" + string(file), "part-limit", "kept", func(p *parser) { p.perPart = 99 }},
		{"bytes of a message", "Subject: kept\n" + string(file), "decoded-limit", "kept", func(p *parser) { p.room = 99 }},
		{"bytes of all files", "Subject: kept\n\n" + encodeUU("a", allOctets(60)) + encodeUU("b", allOctets(60)), "decoded-limit", "kept", func(p *parser) { p.room = 99 }},
		{"bytes of an inner message", "Subject: kept\n" + within, "decoded-limit", "kept", func(p *parser) { p.room = 99 }},
	} {
		p := newParser()
		if c.limit != nil {
			c.limit(p)
		}
		m := p.message([]byte(c.raw), 0)
		check(t, c.name, m)
		if !defectWithin(m, c.code) || m.Subject != c.subject {
			t.Errorf("%s: subject %q, defects %.300v", c.name, m.Subject, m.Defects)
		}
		if strings.HasPrefix(c.name, "bytes of a ") && fmt.Sprint(fileNames(m)) != "[part-2.dat]" {
			t.Errorf("%s: what could not be opened is not among %v", c.name, fileNames(m))
		}
	}
}

func defectWithin(m *Message, code string) bool {
	if hasDefect(m, code) {
		return true
	}
	for _, p := range m.Parts {
		if p.Embedded != nil && defectWithin(p.Embedded, code) {
			return true
		}
	}
	return false
}

// No limit is met by a large message of the usual kind.
func TestLargeMailHasNoDefect(t *testing.T) {
	m := Parse(inMail("application/pdf; name=a.pdf", "words", bytes.Repeat([]byte("x"), 40<<20)))
	if len(m.Defects) > 0 || m.Attachments()[0].Size != 40<<20 {
		t.Errorf("%v", m.Defects)
	}
}
