package message

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf16"
)

// stream writes TNEF.
type stream struct{ bytes.Buffer }

func newStream() *stream {
	s := &stream{}
	s.Write([]byte{0x78, 0x9f, 0x3e, 0x22, 1, 0})
	return s
}

func (s *stream) attribute(level byte, id uint32, data []byte) *stream {
	s.WriteByte(level)
	s.Write(binary.LittleEndian.AppendUint32(nil, id))
	s.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(data))))
	s.Write(data)
	sum := uint16(0)
	for _, c := range data {
		sum += uint16(c)
	}
	s.Write(binary.LittleEndian.AppendUint16(nil, sum))
	return s
}

// list is a property list of values of variable size, and numbers.
func list(values ...any) []byte {
	out := binary.LittleEndian.AppendUint32(nil, uint32(len(values)/2))
	for i := 0; i < len(values); i += 2 {
		tag := uint32(values[i].(int))
		out = binary.LittleEndian.AppendUint16(out, uint16(tag))
		out = binary.LittleEndian.AppendUint16(out, uint16(tag>>16))
		switch v := values[i+1].(type) {
		case int:
			out = binary.LittleEndian.AppendUint32(out, uint32(v))
		case []byte:
			out = binary.LittleEndian.AppendUint32(out, 1)
			out = binary.LittleEndian.AppendUint32(out, uint32(len(v)))
			out = append(out, v...)
			out = append(out, make([]byte, -len(v)&3)...)
		}
	}
	return out
}

func wide(s string) []byte {
	var out []byte
	for _, u := range utf16.Encode([]rune(s + "\x00")) {
		out = binary.LittleEndian.AppendUint16(out, u)
	}
	return out
}

// inMail puts a file into a message.
func inMail(mediaType, text string, file []byte) []byte {
	return fmt.Appendf(nil, "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n%s\r\n--b\r\nContent-Type: %s\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n--b--\r\n",
		text, mediaType, base64.StdEncoding.EncodeToString(file))
}

func fileNames(m *Message) []string {
	var names []string
	for _, a := range m.Attachments() {
		names = append(names, a.Filename)
	}
	return names
}

func hasDefect(m *Message, code string) bool {
	for _, d := range m.Defects {
		if d.Code == code {
			return true
		}
	}
	return false
}

// What Exchange wraps in a winmail.dat, or sends as one, is found with its
// bytes.
func TestFilesInWinmailAreAttachments(t *testing.T) {
	for name, words := range map[string]string{"15-exchange-inner-winmail-dat.eml": "legacy TNEF", "16-exchange-inner-summary-tnef.eml": "TNEF body text"} {
		raw, err := os.ReadFile("testdata/fixtures/" + name)
		if err != nil {
			t.Fatal(err)
		}
		m := Read(raw, Delivery{Format: FormatExchange}).Original
		check(t, name, m)
		files := m.Attachments()
		if len(files) != 1 || files[0].Filename != "inside.txt" || string(m.Content(files[0].N)) != "hello from inside winmail.dat\r\n" {
			t.Errorf("%s: %+v", name, files)
		}
		if x := m.Text(); strings.TrimSpace(x.Body) != words || m.Class != "IPM.Note" {
			t.Errorf("%s: text %q, class %q", name, x.Body, m.Class)
		}
	}
}

func sampleStream() *stream {
	inner := newStream().attribute(1, attSubject, []byte("The inner one\x00")).attribute(1, attBody, []byte("inner words\x00")).
		attribute(2, attAttachRendData, make([]byte, 14)).attribute(2, attAttachTitle, []byte("deep.txt\x00")).attribute(2, attAttachData, []byte("deep"))
	object := append(make([]byte, 16), inner.Bytes()...)
	return newStream().attribute(1, attOemCodepage, []byte{0xe3, 4, 0, 0, 0, 0, 0, 0}). // 1251
												attribute(1, attSubject, []byte("\xcf\xf0\xe8\xe2\xe5\xf2\x00")).
												attribute(1, attMsgProps, list(0x10130102, []byte("<p>rich \xcf</p>"), 0x3fde0003, 1251, 0x1000001f, wide("plain П"))).
												attribute(2, attAttachRendData, make([]byte, 14)).
												attribute(2, attAttachTitle, []byte("LONGNA~1.PDF\x00")).
												attribute(2, attAttachment, list(0x3707001f, wide("long näme.pdf"), 0x37010102, []byte{0, 1, 2, 3, 4})).
												attribute(2, attAttachRendData, make([]byte, 14)).
												attribute(2, attAttachment, list(0x3001001f, wide("picture.png"), 0x3712001f, wide("<cid1>"), 0x370e001f, wide("image/png"), 0x37010102, []byte("png"))).
												attribute(2, attAttachRendData, make([]byte, 14)).
												attribute(2, attAttachment, list(0x3001001f, wide("The inner one"), 0x3701000d, object))
}

func TestTNEFIsReadInFull(t *testing.T) {
	for _, mediaType := range []string{"application/ms-tnef", `application/octet-stream; name="WINMAIL.DAT"`, `application/octet-stream; name="x.bin"`} {
		m := Parse(inMail(mediaType, "", sampleStream().Bytes()))
		check(t, mediaType, m)
		want := "[long näme.pdf picture.png The inner one.txt deep.txt]"
		if got := fmt.Sprint(fileNames(m)); got != want || len(m.Defects) > 0 {
			t.Fatalf("%s: %s, defects %v", mediaType, got, m.Defects)
		}
		files := m.Attachments()
		for i, want := range []string{"\x00\x01\x02\x03\x04", "png", "inner words", "deep"} {
			if got := string(m.Content(files[i].N)); got != want {
				t.Errorf("content of %s: %q", files[i].Filename, got)
			}
		}
		if !files[1].Inline || files[0].Type != "application/pdf" || m.Subject != "Привет" {
			t.Errorf("%+v, subject %q", files, m.Subject)
		}
		if x := m.Text(); x.Body != "plain П" || x.HTML != "<p>rich П</p>" || m.Parts[x.Part].Form != "tnef" {
			t.Errorf("%+v", x)
		}
	}
}

// A stream that was cut gives what is before the cut, and says so.
func TestTornTNEFGivesWhatIsThere(t *testing.T) {
	whole := sampleStream().Bytes()
	for n := range len(whole) - 2 { // Without its checksum the last attribute is still whole.
		m := Parse(inMail("application/ms-tnef; name=winmail.dat", "words", whole[:n]))
		check(t, fmt.Sprint(n), m)
		starts := n == 6 // Cuts between attributes do not show.
		for _, a := range boundaries(whole) {
			starts = starts || n == a || n == a-1 || n == a-2
		}
		if !starts && len(m.Defects) == 0 {
			t.Errorf("cut at %d of %d: no defect", n, len(whole))
		}
		if files := fileNames(m); len(m.Defects) > 0 && (len(files) == 0 || files[0] != "winmail.dat") {
			t.Errorf("cut at %d: the stream itself is not among %v", n, files)
		}
	}
}

// boundaries are the ends of the attributes of a stream.
func boundaries(b []byte) []int {
	var ends []int
	for at := 6; at+9 <= len(b); {
		at += 9 + int(binary.LittleEndian.Uint32(b[at+5:])) + 2
		ends = append(ends, at)
	}
	return ends
}

// The example of MS-OXRTFCP section 4.1.1, and one whose reference crosses what
// is just being written (4.1.2).
func TestCompressedRTF(t *testing.T) {
	for _, c := range []struct{ compressed, want string }{
		{"\x2d\x00\x00\x00\x2b\x00\x00\x00\x4c\x5a\x46\x75\xf1\xc5\xc7\xa7\x03\x00\x0a\x00\x72\x63\x70\x67\x31\x32\x35\x42\x32\x0a\xf3\x20\x68\x65\x6c\x09\x00\x20\x62\x77\x05\xb0\x6c\x64\x7d\x0a\x80\x0f\xa0",
			"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"},
		{"\x1a\x00\x00\x00\x1c\x00\x00\x00\x4c\x5a\x46\x75\xe2\xd4\x4b\x51\x41\x00\x04\x20\x57\x58\x59\x5a\x0d\x6e\x7d\x01\x0e\xb0", "{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}"},
	} {
		got, code := decompressRTF([]byte(c.compressed))
		if string(got) != c.want || code != "" {
			t.Errorf("%q, defect %q", got, code)
		}
		for n := range len(c.compressed) {
			if _, code := decompressRTF([]byte(c.compressed[:n])); code == "" {
				t.Errorf("cut at %d: no defect", n)
			}
		}
	}
}

func TestRTFGivesWhatItWasMadeOf(t *testing.T) {
	for _, c := range []struct {
		name, rtf, want string
		isHTML          bool
	}{
		{"HTML", `{\rtf1\ansi\ansicpg1252\fromhtml1 \deff0{\fonttbl{\f0\fswiss Arial;}{\f1\fcharset204 Arial Cyr;}}{\colortbl\red0\green0\blue0;}` + "\r\n" +
			`{\*\htmltag64 <p>}\htmlrtf {\htmlrtf0 {\*\htmltag84 &amp;}\htmlrtf &\htmlrtf0  Gr\'fc\'dfe \f1\'cf\f0 \u8364?{\*\htmltag72 </p>}\htmlrtf\par}\htmlrtf0}`, "<p>&amp; Grüße П€</p>", true},
		{"text", `{\rtf1\ansi\fromtext{\fonttbl{\f0 Arial;}}\f0 one\par two\tab\{x\}\line \u-10179?\u-8704?}`, "one\ntwo\t{x}\n😀", false},
		{"pairs", `{\rtf1 {\uc0 \u55357\uc1 \u56832?} \u55357?x \u56832?}`, "😀 \uFFFDx \uFFFD", false},
		{"RTF", `{\rtf1\ansi{\info{\title secret}}{\*\generator Riched20;}\pard Hello {\b bold} world\par{\pict 00ff}\bin3 abc}`, "Hello bold world\n", false},
		{"deep", `{\rtf1 ` + strings.Repeat("{", 5000) + "in" + strings.Repeat("}", 5000) + " out}", "in out", false},
		{"nothing", "", "", false},
	} {
		got, isHTML := readRTF([]byte(c.rtf))
		if got != c.want || isHTML != c.isHTML {
			t.Errorf("%s: %q, %v", c.name, got, isHTML)
		}
	}
}

// A body that is there as RTF alone is text all the same.
func TestRTFBodyIsText(t *testing.T) {
	rtf := `{\rtf1\ansi\fromhtml1 {\*\htmltag64 <p>}only here{\*\htmltag72 </p>}}`
	stored := binary.LittleEndian.AppendUint32(nil, uint32(len(rtf)+12))
	stored = binary.LittleEndian.AppendUint32(stored, uint32(len(rtf)))
	stored = append(stored, "MELA\x00\x00\x00\x00"+rtf...)
	m := Parse(inMail("application/ms-tnef", "", newStream().attribute(1, attMsgProps, list(0x10090102, stored)).Bytes()))
	if x := m.Text(); strings.TrimSpace(x.Body) != "only here" || x.HTML != "<p>only here</p>" || len(m.Defects) > 0 {
		t.Errorf("%+v, defects %v", x, m.Defects)
	}
}
