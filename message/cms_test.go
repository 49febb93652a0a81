package message

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// der is a value of definite length.
func der(tag byte, parts ...[]byte) []byte {
	value := slices.Concat(parts...)
	head := []byte{tag, byte(len(value))}
	if len(value) > 0x7f {
		head = []byte{tag, 0x83, byte(len(value) >> 16), byte(len(value) >> 8), byte(len(value))}
	}
	return append(head, value...)
}

// open is a value of indefinite length.
func open(tag byte, parts ...[]byte) []byte {
	return slices.Concat([]byte{tag, 0x80}, slices.Concat(parts...), []byte{0, 0})
}

// cms makes a structure of a content type around content, which is encoded
// already. value is der or open.
func cms(value func(byte, ...[]byte) []byte, kind []byte, content ...[]byte) []byte {
	algorithms := der(0x31, der(berSequence, der(berOID, []byte{0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1})))
	inner := value(berSequence, slices.Concat([][]byte{der(berOID, oidData)}, content)...)
	return value(berSequence, der(berOID, kind), value(berContext0, value(berSequence, der(2, []byte{1}), algorithms, inner, value(berContext0, der(berSequence)), der(0x31))))
}

const signedEntity = "Content-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nSigned wörds.\r\n--in\r\nContent-Type: application/pdf; name=deal.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--in\r\nContent-Type: message/rfc822\r\n\r\nSubject: old\r\n\r\nx\r\n--in--\r\n"

func smime(body []byte) []byte {
	return fmt.Appendf(nil, "Subject: s\r\nContent-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n", base64.StdEncoding.EncodeToString(body))
}

// pieces cuts an entity as programs that sign while they read do.
func pieces(s string) []byte {
	var all [][]byte
	for b := range slices.Chunk([]byte(s), 100) {
		all = append(all, der(berOctets, b))
	}
	return open(berOctets|berBuilt, all[0], open(berOctets|berBuilt, all[1]), der(berOctets|berBuilt, all[2]), slices.Concat(all[3:]...))
}

func TestWhatASignatureHoldsIsRead(t *testing.T) {
	for name, signed := range map[string][]byte{
		"definite":         cms(der, oidSigned, der(berContext0, der(berOctets, []byte(signedEntity)))),
		"indefinite":       cms(open, oidSigned, open(berContext0, der(berOctets, []byte(signedEntity)))),
		"pieces":           cms(open, oidSigned, open(berContext0, pieces(signedEntity))),
		"definite, pieces": cms(der, oidSigned, der(berContext0, pieces(signedEntity))),
		"signed twice": cms(der, oidSigned, der(berContext0, der(berOctets,
			smime(cms(der, oidSigned, der(berContext0, der(berOctets, []byte(signedEntity)))))))),
	} {
		m := Parse(smime(signed))
		check(t, name, m)
		if got := fmt.Sprint(fileNames(m)); got != "[deal.pdf old.eml]" || len(m.Defects) > 0 {
			t.Errorf("%s: %s, defects %v", name, got, m.Defects)
			continue
		}
		if x := m.Text(); x.Body != "Signed wörds." || !strings.HasPrefix(m.Parts[x.Part].Path, "1.1") {
			t.Errorf("%s: %+v", name, x)
		}
		if !bytes.Equal(m.Content(m.Attachments()[0].N), []byte{0, 1, 2}) || !bytes.Equal(m.Content(0), signed) {
			t.Errorf("%s: content differs", name)
		}
	}
}

// What holds no readable entity is flagged and stays a file.
func TestOtherSMIMEIsFlagged(t *testing.T) {
	placeholder, err := os.ReadFile("testdata/fixtures/53-smime-opaque.eml")
	if err != nil {
		t.Fatal(err)
	}
	whole := cms(der, oidSigned, der(berContext0, der(berOctets, []byte(signedEntity))))
	for name, c := range map[string]struct {
		raw    []byte
		defect string
	}{
		"placeholder":                  {placeholder, "smime-unreadable"},
		"enveloped":                    {smime(cms(der, oidEnveloped, der(0x80))), "encrypted"},
		"garbage said to be enveloped": {[]byte("Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nMIIB\n"), "encrypted"},
		"certificates alone":           {smime(cms(der, oidSigned)), "smime-empty"},
		"no CMS":                       {smime([]byte("hello")), "smime-unreadable"},
		"empty":                        {smime(nil), "smime-unreadable"},
		"deep":                         {smime(bytes.Repeat([]byte{0x30, 0x80}, 1000)), "smime-unreadable"},
	} {
		m := Parse(c.raw)
		check(t, name, m)
		if !hasDefect(m, c.defect) || len(m.Attachments()) != 1 {
			t.Errorf("%s: defects %v, files %v", name, m.Defects, fileNames(m))
		}
	}
	for n := range len(whole) {
		m := Parse(smime(whole[:n]))
		check(t, fmt.Sprint(n), m)
		if len(m.Defects) == 0 || !slices.Contains(fileNames(m), "smime.p7m") {
			t.Errorf("cut at %d: defects %v, files %v", n, m.Defects, fileNames(m))
		}
	}
}
