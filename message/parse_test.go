package message

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"
)

// check asserts what holds for the reading of any bytes.
func check(t *testing.T, name string, m *Message) {
	t.Helper()
	for i := range m.Parts {
		p := &m.Parts[i]
		if p.N != i || p.Start < 0 || p.Start > p.Body || p.Body > p.End || p.End > len(m.Raw) {
			t.Errorf("%s: part %d is at %d, %d, %d of %d", name, i, p.Start, p.Body, p.End, len(m.Raw))
		}
		if p.Parent >= i || p.Parent >= 0 && (p.Start < m.Parts[p.Parent].Body || p.End > m.Parts[p.Parent].End) {
			t.Errorf("%s: part %d is not inside part %d", name, i, p.Parent)
		}
		if strings.ContainsAny(p.Filename, "/\\\x00\n") || !utf8.ValidString(p.Filename) {
			t.Errorf("%s: file name %q", name, p.Filename)
		}
		if p.Embedded != nil {
			check(t, name+" part "+p.Path, p.Embedded)
		}
		if content := m.Content(i); identity(p.Encoding) && p.Form == "" && !bytes.Equal(content, m.lines[p.Body:p.End]) {
			t.Errorf("%s: content of part %d is not its bytes", name, i)
		}
	}
	x := m.Text()
	checkLeaves(t, name, m)
	at := 0
	for _, z := range x.Zones {
		if z.Start != at || z.End <= z.Start || z.Kind == "" {
			t.Errorf("%s: zone %+v begins at %d", name, z, at)
		}
		at = z.End
	}
	if at != len(x.Body) || !utf8.ValidString(x.Body) || !utf8.ValidString(x.HTML) || !utf8.ValidString(m.Subject) {
		t.Errorf("%s: zones end at %d of %d, or the text is no UTF-8", name, at, len(x.Body))
	}
	for _, list := range [][]Mailbox{m.From, m.To, m.Cc} {
		for _, a := range list {
			if !utf8.ValidString(a.Name+a.Address) || strings.ContainsAny(a.Name+a.Address, "\r\n") {
				t.Errorf("%s: mailbox %+v", name, a)
			}
		}
	}
	for _, a := range m.Attachments() {
		if a.Filename == "" || len(a.SHA256) != 64 {
			t.Errorf("%s: attachment %+v", name, a)
		}
	}
}

// checkLeaves asserts that each leaf is to be found: as text or as a file,
// unless it is there for machines or what it holds is listed in its place.
func checkLeaves(t *testing.T, name string, m *Message) {
	t.Helper()
	found := map[int]bool{}
	for _, i := range m.bodyParts() {
		found[i] = true
	}
	for _, a := range m.Attachments() {
		found[a.N] = true
	}
	for i := range m.Parts {
		p := &m.Parts[i]
		leaf := !strings.HasPrefix(p.Type, "multipart/") || !m.hasChildren(i)
		if leaf && !found[i] && !p.isPlumbing() && !p.spare && (!p.opened || p.revealed == 0 && p.Type != "application/ms-tnef") {
			t.Errorf("%s: part %d of type %s is nowhere", name, i, p.Type)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range files(f, "testdata") {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte(""))
	f.Add([]byte("Content-Type: multipart/mixed; boundary=x\n\n--x\n--x\n\n--x--"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, format := range []string{FormatAuto, FormatPlain} {
			r := Read(raw, Delivery{Format: format, To: []string{"q+to=a=b@c"}})
			check(t, "fuzz", r.Original)
		}
	})
}

func files(t testing.TB, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// silent names the files of the shared fixtures in which nobody wrote anything.
var silent = []string{
	"enmime--mail_header-only.raw", "enmime--parts_header-only.raw", "enmime--parts_malformed-content-type-params.raw", "enmime--parts_missing-closing-param-quote.raw",
	"mime4j--testmsgs_multipartemptypart.msg", "mime4j--testmsgs_multipartnestedemptypartsnorfc822.msg",
	"rubymail--error_emails_bad_date_header.eml", "rubymail--error_emails_bad_date_header2.eml", "rubymail--error_emails_missing_body.eml", "stalwart--malformed_000.eml",
}

// Nothing is lost on any file: our own, and those of the folders that
// POLYTRACE_SHARED and POLYTRACE_CORPUS name in addition. Each gives text or a
// file, but for those of the corpus, which nobody has looked at one by one.
func TestEveryFileIsRead(t *testing.T) {
	dirs := []string{"testdata"}
	if shared := os.Getenv("POLYTRACE_SHARED"); shared != "" {
		dirs = append(dirs, filepath.Join(shared, "fixtures"))
		for _, name := range []string{"mail.tar.zst", "odd.tar.zst"} {
			readArchive(t, filepath.Join(shared, "corpus", name))
		}
	}
	if corpus := os.Getenv("POLYTRACE_CORPUS"); corpus != "" {
		dirs = append(dirs, corpus)
	}
	read := 0
	for _, dir := range dirs {
		for _, name := range files(t, dir) {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			m := Parse(raw)
			check(t, name, m)
			read++
			known := dir == os.Getenv("POLYTRACE_CORPUS") || strings.Contains(name, "/fuzz/") || slices.Contains(silent, filepath.Base(name))
			if says := strings.TrimSpace(m.Text().Body) != "" || len(m.Attachments()) > 0; !says && !known {
				t.Errorf("no text and no file in %s", name)
			}
		}
	}
	t.Logf("%d files read", read)
}

// readArchive checks each file of a tar.zst.
func readArchive(t *testing.T, name string) {
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := zstd.NewReader(f, zstd.WithDecoderMaxWindow(1<<27))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	read, quiet := 0, 0
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			t.Logf("%d files of %s read, %d without text or file", read, filepath.Base(name), quiet)
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg || len(raw) == 0 {
			continue
		}
		m := Parse(raw)
		check(t, h.Name, m)
		if read++; strings.TrimSpace(m.Text().Body) == "" && len(m.Attachments()) == 0 {
			quiet++
		}
	}
}

// Hostile mail costs time in proportion to its length: each is some
// megabytes, and all together take a moment.
func TestHostileMailIsReadInLinearTime(t *testing.T) {
	const n = 8 << 20
	multi := "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	nested := strings.Builder{}
	for i := range 2000 {
		fmt.Fprintf(&nested, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	for name, raw := range map[string]string{
		"empty lines":      "Subject: x\r\n\r\n" + strings.Repeat("\r\n", n/2),
		"boundaries":       multi + strings.Repeat("--b\r\n", n/5),
		"almost boundary":  multi + strings.Repeat("--bb\r\n", n/6),
		"encoded words":    "Subject: " + strings.Repeat("=?utf-8?q?x?= ", n/14) + "\r\n\r\nx",
		"half words":       "Subject: " + strings.Repeat("=?", n/2) + "\r\n\r\nx",
		"half words long":  "Subject: " + strings.Repeat("=?a?q?", n/6) + "\r\n\r\nx",
		"fields":           strings.Repeat("A: b\r\n", n/6) + "\r\nx",
		"junk lines":       strings.Repeat("junk\r\n", n/6) + "\r\nx",
		"addresses":        "To: " + strings.Repeat("a@b,", n/4) + "\r\n\r\nx",
		"brackets":         "To: " + strings.Repeat("<", n) + "\r\n\r\nx",
		"quotes":           "To: " + strings.Repeat(`"`, n) + "\r\n\r\nx",
		"comments":         "To: " + strings.Repeat("(", n) + "\r\n\r\nx",
		"folds":            "Subject: x" + strings.Repeat("\r\n y", n/4) + "\r\n\r\nx",
		"nested":           nested.String() + strings.Repeat("text\r\n", n/8),
		"quoted-printable": "Content-Transfer-Encoding: quoted-printable\r\n\r\n" + strings.Repeat("= \t ", n/4),
		"html":             "Content-Type: text/html\r\n\r\n" + strings.Repeat("<blockquote>x", n/16),
		"attributions":     "Subject: x\r\n\r\n" + strings.Repeat("On a wrote:\n", n/12),
		"outlook blocks":   "Subject: x\r\n\r\n" + strings.Repeat("From: a\n", n/8),
		"signatures":       "From: Kim Berg <kim@b.example>\r\n\r\n" + strings.Repeat("Regards\nKim\n\nKim Berg\n", n/22),
		"parameters":       "Content-Type: text/plain" + strings.Repeat(`; a*1="x`, n/8) + "\r\n\r\nx",
		"references":       "References: " + strings.Repeat("<a", n/2) + "\r\n\r\nx",
		"uuencode":         "Subject: x\r\n\r\n" + strings.Repeat("begin 644 a\n", n/12),
		"uuencoded files":  "Subject: x\r\n\r\n" + strings.Repeat("begin 644 a\n`\nend\n", n/18),
		"uuencoded zeros":  "Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 a\n" + strings.Repeat("M\n", n/2),
		"yEnc":             "Subject: x\r\n\r\n" + strings.Repeat("=ybegin line=1 size=1 name=a\nx\n", n/31) + "=yend size=1\n",
		"yEnc without end": "Subject: x\r\n\r\n" + strings.Repeat("=ybegin line=1 size=1 name=a\n", n/29),
		"TNEF files":       "Content-Type: application/ms-tnef\r\n\r\n" + newStream().String() + strings.Repeat("\x02\x02\x90\x06\x00\x00\x00\x00\x00\x00\x00\x02\x0f\x80\x06\x00\x01\x00\x00\x00x\x00\x00", n/23),
		"TNEF properties":  "Content-Type: application/ms-tnef\r\n\r\n" + newStream().attribute(1, attMsgProps, list(0x1000101f, bytes.Repeat([]byte{0}, n/2))).String(),
		"TNEF texts":       "Content-Type: application/ms-tnef\r\n\r\n" + newStream().String() + strings.Repeat(string(newStream().attribute(1, attBody, bytes.Repeat([]byte("x"), 100)).Bytes()[6:]), n/111),
		"CMS in pieces":    "Content-Type: application/pkcs7-mime\r\n\r\n" + string(cms(open, oidSigned, open(berContext0, open(berOctets|berBuilt, bytes.Repeat([]byte{4, 1, 'x'}, n/3))))),
		"CMS empty pieces": "Content-Type: application/pkcs7-mime\r\n\r\n" + string(cms(open, oidSigned, open(berContext0, open(berOctets|berBuilt, bytes.Repeat([]byte{0x24, 0}, n/2))))),
		"CMS openings":     "Content-Type: application/pkcs7-mime\r\n\r\n" + strings.Repeat("\x24\x80", n/2),
		"calendar":         "Content-Type: text/calendar\r\n\r\n" + strings.Repeat("BEGIN:VEVENT\nSUMMARY:a\n", n/23),
		"calendar folds":   "Content-Type: text/calendar\r\n\r\nBEGIN:VEVENT\nSUMMARY:a" + strings.Repeat("\n b", n/3),
		"calendar quotes":  "Content-Type: text/calendar\r\n\r\nBEGIN:VEVENT\nSUMMARY" + strings.Repeat(`;a="`, n/4),
		"alternatives":     "Content-Type: multipart/alternative; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>x\r\n", 5000),
		"files in texts":   multi + strings.Repeat("--b\r\n\r\nbegin 644 a\n`\nend\n\r\n", n/40),
	} {
		t.Run(name, func(t *testing.T) { check(t, name, Parse([]byte(raw))) })
	}
}

func TestOddHeaders(t *testing.T) {
	for _, c := range []struct{ name, raw, subject, from, defect string }{
		{"bare LF", "Subject: a\nFrom: x@y.example\n\nb", "a", "x@y.example", ""},
		{"CR CR LF", "Subject: a\r\r\nFrom: x@y.example\r\r\n\r\r\nb", "a", "x@y.example", ""},
		{"bare CR", "Subject: a\rFrom: x@y.example\r\rb", "a", "x@y.example", "bare-cr"},
		{"mbox line", "From x@y.example Mon Mar  2 10:00:00 2026\nSubject: a\nFrom: x@y.example\n\nb", "a", "x@y.example", ""},
		{"junk line", "Subject: a\njunk without colon\nFrom: x@y.example\n\nb", "a", "x@y.example", "header-junk"},
		{"no empty line", "Subject: a\nFrom: x@y.example\nthis is the body\n\nb", "a", "x@y.example", "header-not-ended"},
		{"space before colon", "Subject : a\nFrom : x@y.example\n\nb", "a", "x@y.example", ""},
		{"raw UTF-8", "Subject: Gr\xc3\xbc\xc3\x9fe\nFrom: x@y.example\n\nb", "Grüße", "x@y.example", ""},
		{"raw Latin 1", "Subject: Gr\xfc\xdfe\nFrom: x@y.example\n\nb", "Grüße", "x@y.example", ""},
		{"encoded words", "Subject: =?utf-8?Q?Gr=C3=BC?=\n =?utf-8?Q?=C3=9Fe?= all\nFrom: x@y.example\n\nb", "Grüße all", "x@y.example", ""},
		{"character split over words", "Subject: =?utf-8?B?w7w=?= =?utf-8?Q?=C3?= =?utf-8?Q?=BC?=\nFrom: x@y.example\n\nb", "üü", "x@y.example", ""},
		{"ISO-2022-JP", "Subject: =?ISO-2022-JP?B?GyRCJDMkcyRLJEEkTxsoQg==?=\nFrom: x@y.example\n\nb", "こんにちは", "x@y.example", ""},
		{"empty", "", "", "", ""},
		{"only a body", "just words\n", "", "", "header-not-ended"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := Parse([]byte(c.raw))
			if m.Subject != c.subject {
				t.Errorf("subject %q, want %q", m.Subject, c.subject)
			}
			if c.from != "" && (len(m.From) != 1 || m.From[0].Address != c.from) {
				t.Errorf("from %v, want %s", m.From, c.from)
			}
			if c.defect != "" && !strings.Contains(fmt.Sprint(m.Defects), c.defect) {
				t.Errorf("defects %v, want %s", m.Defects, c.defect)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	for raw, want := range map[string]string{
		`a@b.example`: "[{ a@b.example}]",
		`Jane Doe <jane@b.example>, bob@c.example`:     "[{Jane Doe jane@b.example} { bob@c.example}]",
		`"Doe, Jane" <jane@b.example>`:                 "[{Doe, Jane jane@b.example}]",
		`jane@b.example (Jane Doe)`:                    "[{Jane Doe jane@b.example}]",
		`=?utf-8?q?J=C3=BCrgen?= <j@b.example>`:        "[{Jürgen j@b.example}]",
		`team: a@b.example, c@d.example;, e@f.example`: "[{ a@b.example} { c@d.example} { e@f.example}]",
		`undisclosed-recipients:;`:                     "[]",
		`a@b.example; c@d.example`:                     "[{ a@b.example} { c@d.example}]",
		`"odd, local"@b.example`:                       `[{ "odd, local"@b.example}]`,
		`Jane <jane@b.example`:                         "[{Jane jane@b.example}]",
		`Jane Doe jane@b.example`:                      "[{Jane Doe jane@b.example}]",
		`<@relay.example:jane@b.example>`:              "[{ jane@b.example}]",
	} {
		if got := fmt.Sprint(parseMailboxes(raw)); got != want {
			t.Errorf("%s: %s, want %s", raw, got, want)
		}
	}
}

func TestDates(t *testing.T) {
	for raw, want := range map[string]string{
		"Mon, 2 Mar 2026 10:00:00 +0100":       "2026-03-02T10:00:00+01:00",
		"2 Mar 26 10:00 EST":                   "2026-03-02T10:00:00-05:00",
		"Mon, 02 Mar 2026 10:00:00 GMT (note)": "2026-03-02T10:00:00Z",
		"Mon Mar  2 10:00:00 2026":             "2026-03-02T10:00:00Z",
		"2026-03-02T10:00:00Z":                 "2026-03-02T10:00:00Z",
		"02-Mar-2026 10:00:00 -0330":           "2026-03-02T10:00:00-03:30",
		"Mon, 2 March 2026 10:00:00 +05:30":    "2026-03-02T10:00:00+05:30",
		"yesterday":                            "0001-01-01T00:00:00Z",
	} {
		if got := parseDate(raw).Format("2006-01-02T15:04:05Z07:00"); got != want {
			t.Errorf("%s: %s, want %s", raw, got, want)
		}
	}
}

func TestFileNames(t *testing.T) {
	for raw, want := range map[string]string{
		`attachment; filename="report.pdf"`:                           "report.pdf",
		`attachment; filename=two words.pdf`:                          "two words.pdf",
		`attachment; filename="..\..\evil.exe"`:                       "evil.exe",
		`attachment; filename="/etc/passwd"`:                          "passwd",
		`attachment; filename="=?utf-8?B?w7wucGRm?="`:                 "ü.pdf",
		`attachment; filename*=utf-8''%C3%BC.pdf`:                     "ü.pdf",
		`attachment; filename*=iso-8859-1'de'%FC.pdf`:                 "ü.pdf",
		`attachment; filename*0="a long "; filename*1="name.pdf"`:     "a long name.pdf",
		`attachment; filename*0*=utf-8''%C3; filename*1*=%BC.pdf`:     "ü.pdf",
		`attachment; filename*=shift_jis''%93%FA%96%7B.txt`:           "日本.txt",
		"attachment; filename=\"evil\u202egpj.exe\"":                  "evilgpj.exe",
		`attachment; filename="semi;colon.pdf"`:                       "semi;colon.pdf",
		`attachment; filename="a.pdf"; filename="b.pdf"; size="12,3"`: "a.pdf",
	} {
		m := Parse([]byte("Content-Disposition: " + raw + "\n\nx"))
		if got := m.Parts[0].Filename; got != want {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
}

func TestTransferEncodings(t *testing.T) {
	for _, c := range []struct{ encoding, body, want string }{
		{"base64", "SGVsbG8=", "Hello"},
		{"base64", "SGVs\r\nbG8", "Hello"},
		{"base64", "SGVs!!bG8=\r\n-- footer", "Hello" + string(decodeBase64([]byte("footer")))},
		{"base64", "SGVsbG8=SGVsbG8=", "HelloHello"},
		{"quoted-printable", "a=3Db=\r\nc=\nd=3d =ZZ", "a=bcd= =ZZ"},
		{"quoted-printable", "soft= \t\r\nbreak", "softbreak"},
		{"8-bit", "a\x00b", "a\x00b"},
		{"x-uuencode", "begin 644 a\n%2&5L;&\\\n`\nend\n", "Hello"},
	} {
		if got := string(decodeTransfer(cleanEncoding(c.encoding), []byte(c.body))); got != c.want {
			t.Errorf("%s of %q: %q, want %q", c.encoding, c.body, got, c.want)
		}
	}
}

func TestCharsets(t *testing.T) {
	for _, c := range []struct{ label, octets, want string }{
		{"utf-8", "\xc3\xbc", "ü"},
		{"utf-8", "\xfc", "ü"},
		{"iso-8859-1", "\x93x\x94", "“x”"},
		{"us-ascii", "\xc3\xbc", "ü"},
		{"cp-850", "\x81", "ü"},
		{"x-nobody-knows", "\xc3\xbc", "ü"},
		{"utf-7", "Gr+APwA3w-e", "Grüße"},
		{"iso-2022-kr", "\x1b$)C\x0eGQ1[\x0f", "한글"},
		{"koi8-r", "\xf0\xd2\xc9\xd7\xc5\xd4", "Привет"},
		{"gb2312", "\xc4\xe3\xba\xc3", "你好"},
		{"big5", "\xa7\x41\xa6\x6e", "你好"},
		{"", "\xef\xbb\xbfx", "x"},
	} {
		if got := decodeCharset(c.label, []byte(c.octets)); got != c.want {
			t.Errorf("%s %q: %q, want %q", c.label, c.octets, got, c.want)
		}
	}
}

func TestTextPrefersWhatWasWritten(t *testing.T) {
	alternative := "Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\nplain words\n--b\nContent-Type: text/html\n\n<p>rich <b>words</b>\n--b--\n"
	m := Parse([]byte(alternative))
	x := m.Text()
	if x.Body != "plain words" || !strings.Contains(x.HTML, "<b>words</b>") || x.Part != 1 {
		t.Errorf("%+v", x)
	}
	for source, want := range map[string]string{"<head><title>only <b>this</title><body><p>": "only <b>this\n", "<title>open <p>words": "open <p>words\n", "<title>t</title><p>body": "body\n", "<script>x</script>": "\n"} {
		if got := htmlText(source); got != want {
			t.Errorf("%s: %q, want %q", source, got, want)
		}
	}
	html := "Content-Type: text/html; charset=utf-8\n\n<head><title>t</title></head><style>p{}</style><p>One&nbsp;<b>t</b>wo</p><script>alert(1)</script><blockquote>old<br>words</blockquote><ul><li>a<li>b</ul>"
	if got := Parse([]byte(html)).Text().Body; got != "One two\n\n> old\n> words\n\n- a\n- b\n" {
		t.Errorf("%q", got)
	}
}

func TestZones(t *testing.T) {
	body := "I can do Friday.\n\nOn Mon, 2 Mar 2026 Jane wrote:\n> When?\n> Really?\n\nBest\n-- \nKim\n"
	var got []string
	for _, z := range zones(body) {
		got = append(got, fmt.Sprintf("%s %q", z.Kind, body[z.Start:z.End]))
	}
	want := `[author "I can do Friday.\n\n" quote "On Mon, 2 Mar 2026 Jane wrote:\n> When?\n> Really?\n" author "\nBest\n" signature "-- \nKim\n"]`
	if fmt.Sprint(got) != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	outlook := "Ja, gerne.\n\nVon: Jane Doe\nGesendet: Montag\nAn: Kim\nBetreff: Termin\n\nPasst Freitag?\n"
	if z := zones(outlook); len(z) != 2 || z[1].Kind != zoneQuote || !strings.HasPrefix(outlook[z[1].Start:], "Von:") {
		t.Errorf("%+v", z)
	}
}

func TestSubjects(t *testing.T) {
	for subject, want := range map[string]string{
		"Re: AW: Fwd: Delivery": "Delivery", "RE[2]: x": "x", "[list] Re: x": "[list] Re: x", "回复：你好": "你好", "Regarding: x": "Regarding: x", "Re:": "", "12:30 meeting": "12:30 meeting",
	} {
		if got := BaseSubject(subject); got != want {
			t.Errorf("%q: %q, want %q", subject, got, want)
		}
	}
}

// What Content returns is the file, to the byte.
func TestAttachmentsAreExact(t *testing.T) {
	raw := "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC/w==\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nx\r\n--b--\r\n"
	m := Parse([]byte(raw))
	files := m.Attachments()
	if len(files) != 2 || files[0].Filename != "a.pdf" || files[1].Filename != "inner.eml" {
		t.Fatalf("%+v", files)
	}
	if got := m.Content(files[0].N); !bytes.Equal(got, []byte{0, 1, 2, 0xff}) {
		t.Errorf("%x", got)
	}
	if got := string(m.Content(files[1].N)); got != "Subject: inner\r\n\r\nx" {
		t.Errorf("%q", got)
	}
}
