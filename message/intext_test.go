package message

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"os"
	"strings"
	"testing"
)

// encodeUU writes what POSIX uuencode does.
func encodeUU(name string, b []byte) string {
	var out strings.Builder
	fmt.Fprintf(&out, "begin 644 %s\n", name)
	digit := func(v byte) byte {
		if v &= 63; v == 0 {
			return '`'
		}
		return v + ' '
	}
	for len(b) > 0 {
		line := b[:min(45, len(b))]
		b = b[len(line):]
		out.WriteByte(digit(byte(len(line))))
		for ; len(line) > 0; line = line[min(3, len(line)):] {
			var g [3]byte
			copy(g[:], line)
			out.Write([]byte{digit(g[0] >> 2), digit(g[0]<<4 | g[1]>>4), digit(g[1]<<2 | g[2]>>6), digit(g[2])})
		}
		out.WriteByte('\n')
	}
	return out.String() + "`\nend\n"
}

// encodeYEnc writes yEnc 1.3.
func encodeYEnc(name string, b []byte) string {
	var out strings.Builder
	fmt.Fprintf(&out, "=ybegin line=128 size=%d name=%s\r\n", len(b), name)
	for i, c := range b {
		if c += 42; c == 0 || c == '\n' || c == '\r' || c == '=' {
			out.WriteByte('=')
			c += 64
		}
		out.WriteByte(c)
		if i%128 == 127 {
			out.WriteString("\r\n")
		}
	}
	fmt.Fprintf(&out, "\r\n=yend size=%d crc32=%08x\r\n", len(b), crc32.ChecksumIEEE(b))
	return out.String()
}

func allOctets(n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(i * 7)
	}
	return out
}

// A file between the lines of a text is an attachment with its bytes and its
// place, and the text goes on behind it as it was.
func TestFilesInTextAreAttachments(t *testing.T) {
	raw, err := os.ReadFile("testdata/fixtures/54-uuencode-inline.eml")
	if err != nil {
		t.Fatal(err)
	}
	m := Parse(raw)
	check(t, "fixture", m)
	if files := m.Attachments(); len(files) != 1 || files[0].Filename != "a.txt" || string(m.Content(files[0].N)) != "Cat" {
		t.Errorf("%+v", files)
	}
	if got := m.Text().Body; got != "see file\n\n\nbye\n" {
		t.Errorf("%q", got)
	}
	a, b := allOctets(1000), allOctets(77)
	text := "above\r\n" + encodeUU("a.bin", a) + "between\r\n> quoted\r\n" + encodeYEnc("two words.png", b) + "begin-base64 644 c.pdf\r\n" + base64.StdEncoding.EncodeToString(b) + "\r\n====\r\nbelow\r\n"
	for _, c := range []struct{ encoding, body string }{{"8bit", text}, {"base64", base64.StdEncoding.EncodeToString([]byte(text))}} {
		m := Parse([]byte("Content-Transfer-Encoding: " + c.encoding + "\r\n\r\n" + c.body))
		check(t, c.encoding, m)
		if got := fmt.Sprint(fileNames(m)); got != "[a.bin two words.png c.pdf]" || len(m.Defects) > 0 {
			t.Fatalf("%s, defects %v", got, m.Defects)
		}
		if x := m.Text(); x.Body != "above\nbetween\n> quoted\nbelow\n" || len(x.Zones) != 3 {
			t.Errorf("%+v", x)
		}
		for i, want := range [][]byte{a, b, b} {
			p := m.Parts[m.Attachments()[i].N]
			if !bytes.Equal(m.Content(p.N), want) {
				t.Errorf("content of %s differs", p.Filename)
			}
			if at := m.Raw[p.Start:p.End]; c.encoding == "8bit" && (!bytes.Contains(at[:10], []byte("begin")) || bytes.Contains(at, []byte("between"))) {
				t.Errorf("%s is not at %d", p.Filename, p.Start)
			}
		}
	}
}

func TestTornFilesInTextGiveWhatIsThere(t *testing.T) {
	whole := encodeUU("a.bin", allOctets(1000))
	y := encodeYEnc("b.bin", allOctets(300))
	for _, c := range []struct{ name, body, files, text, defect string }{
		{"end missing", "x\n" + strings.TrimSuffix(whole, "`\nend\n"), "[a.bin]", "x\n", "uuencode-truncated"},
		{"cut in a line", "x\n" + whole[:200], "[a.bin]", "x\n" + whole[strings.LastIndexByte(whole[:200], '\n')+1:200], "uuencode-truncated"},
		{"text in between", whole[:200] + "\nwords in lower case\n", "[a.bin]", whole[strings.LastIndexByte(whole[:200], '\n')+1:200] + "\nwords in lower case\n", "uuencode-truncated"},
		{"prose", "We\nbegin 644 tests today\nat noon.\n", "[]", "We\nbegin 644 tests today\nat noon.\n", ""},
		{"prose without mode", "begin the day\n", "[]", "begin the day\n", ""},
		{"lost blanks", "begin 644 z\n#86)C\nM\nM86(\n#86)C\n`\nend\n", "[z]", "", ""},
		{"nothing in it", "begin 644 e\n`\nend\nx", "[e]", "x", ""},
		{"damaged yEnc", strings.Replace(y, "\r\n=yend", "x\r\n=yend", 1), "[b.bin]", "", "yenc-damaged"},
		{"yEnc without end", "=ybegin line=128 size=3 name=x\nabc\n", "[]", "=ybegin line=128 size=3 name=x\nabc\n", "yenc-truncated"},
		{"yEnc in yEnc", "=ybegin line=128 size=3 name=x\nabc\n" + y, "[b.bin]", "=ybegin line=128 size=3 name=x\nabc\n", "yenc-truncated"},
	} {
		m := Parse([]byte("Subject: x\n\n" + c.body))
		check(t, c.name, m)
		if got := fmt.Sprint(fileNames(m)); got != c.files {
			t.Errorf("%s: files %s", c.name, got)
		}
		if got := m.Text().Body; got != c.text {
			t.Errorf("%s: text %q", c.name, got)
		}
		if c.defect != "" && !hasDefect(m, c.defect) || c.defect == "" && len(m.Defects) > 0 {
			t.Errorf("%s: defects %v", c.name, m.Defects)
		}
	}
}

func TestEncodedBodiesOfFiles(t *testing.T) {
	b := allOctets(500)
	for encoding, body := range map[string]string{"x-uuencode": encodeUU("in.pdf", b), "X-UUE": encodeUU("in.pdf", b), "x-yencode": encodeYEnc("in.pdf", b)} {
		m := Parse([]byte("Content-Type: application/pdf\nContent-Transfer-Encoding: " + encoding + "\n\n" + body))
		if got := fmt.Sprint(fileNames(m)); got != "[in.pdf]" || !bytes.Equal(m.Content(0), b) {
			t.Errorf("%s: %s, %x", encoding, got, m.Content(0))
		}
	}
}
