package webui

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"polytrace/archive"
	"polytrace/archive/evidence"
	"polytrace/casework"
)

// odd are messages that tools like to damage.
var odd = []string{
	"From: a@acme.example\r\nSubject: one\r\nDate: Mon, 2 Nov 2026 09:00:00 +0100\r\n\r\nFrom the beginning\r\n>From the reply\r\n>>From further back\r\nFromage\r\n",
	"From: b@acme.example\nSubject: two, \"quoted\"\nDate: Mon, 2 Nov 2026 10:00:00 +0100\n\nbare LF, NUL \x00, no end",
	"From: c@acme.example\r\nSubject: three\r\nDate: Mon, 2 Nov 2026 11:00:00 +0100\r\n\r\n" + strings.Repeat("a long line without an end ", 20_000) + "\r\nFrom here on\r\n",
	"From: \r\nSubject: four\r\nDate: Mon, 2 Nov 2026 12:00:00 +0100\r\n\r\n\xff\xfe8 bit\r\n",
}

func readZip(t *testing.T, raw string) (files map[string]string, manifest [][]string) {
	t.Helper()
	z, err := zip.NewReader(strings.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	files = map[string]string{}
	for _, entry := range z.File {
		f, err := entry.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name] = string(content)
	}
	manifest, err = csv.NewReader(strings.NewReader(files["manifest.csv"])).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return files, manifest
}

// An export has every hit, its bytes as they came, and a list of them.
func TestExportHasExactBytes(t *testing.T) {
	f := newFixture(t)
	for _, raw := range odd {
		f.store([]byte(raw), archive.Source{Mailbox: "kim@northwind.example", Import: "old"})
	}
	p := f.program(casework.Observer)
	r := p.ask("GET", "/export", nil)
	if r.code != http.StatusOK || r.head.Get("Content-Type") != "application/zip" || r.head.Get("Polytrace-Total") != "4" {
		t.Fatalf("%d %v", r.code, r.head)
	}
	files, manifest := readZip(t, r.body)
	if len(files) != len(odd)+2 || len(manifest) != len(odd)+1 {
		t.Errorf("%d files, %d lines", len(files), len(manifest))
	}
	for i, raw := range odd {
		name := fmt.Sprintf("mail-%d.eml", i)
		if files[name] != raw {
			t.Errorf("%s differs", name)
		}
		if row := manifest[i+1]; row[0] != name || row[1] != fmt.Sprintf("mail/%d", i) || len(row[2]) != 64 || row[3] != fmt.Sprint(len(raw)) || row[9] != "" {
			t.Errorf("%q", row)
		}
	}
	if manifest[2][8] != `two, "quoted"` || manifest[1][6] != "a@acme.example" || manifest[0][2] != "sha256" {
		t.Errorf("%q", manifest)
	}
	some, _ := readZip(t, p.ask("GET", "/export?q="+url.QueryEscape("subject:two OR subject:four"), nil).body)
	if len(some) != 4 || some["mail-1.eml"] != odd[1] || some["mail-3.eml"] != odd[3] {
		t.Errorf("%d files", len(some))
	}
	if head := p.sign(p.request("HEAD", apiRoot+"/export", nil)); head.code != http.StatusOK || head.head.Get("Polytrace-Total") != "4" {
		t.Errorf("HEAD: %d %v", head.code, head.head)
	}
}

// readMboxrd splits an mbox and takes one '>' from quoted lines.
func readMboxrd(raw string) (messages []string) {
	for line := range strings.SplitAfterSeq(raw, "\n") {
		if strings.HasPrefix(line, "From ") {
			messages = append(messages, "")
			continue
		}
		if strings.HasPrefix(strings.TrimLeft(line, ">"), "From ") {
			line = line[1:]
		}
		if len(messages) > 0 {
			messages[len(messages)-1] += line
		}
	}
	for i, m := range messages {
		messages[i] = strings.TrimSuffix(m, "\n")
	}
	return messages
}

// An mbox is read back to the same bytes, but for a line end behind the last
// line, which the format demands.
func TestExportAsMboxIsReadBack(t *testing.T) {
	f := newFixture(t)
	for _, raw := range odd {
		f.store([]byte(raw), archive.Source{Mailbox: "kim@northwind.example", Import: "old"})
	}
	r := f.program(casework.Observer).ask("GET", "/export?format=mbox", nil)
	want := slices.Clone(odd)
	want[1] += "\n"
	if got := readMboxrd(r.body); r.code != http.StatusOK || !slices.Equal(got, want) {
		t.Errorf("%d %.2000q", r.code, got)
	}
	if !strings.HasPrefix(r.body, "From a@acme.example Mon Nov  2 08:00:00 2026\n") || !strings.Contains(r.body, "\nFrom MAILER-DAEMON Mon") {
		t.Errorf("%.200q", r.body)
	}
}

// An export goes beyond the hits that are asked for at a time.
func TestExportHasMoreThanAPage(t *testing.T) {
	f := newFixture(t)
	const n = exportPage + 20
	var last archive.Meta
	for i := range n {
		m, err := f.archive.Append(t.Context(), archive.Mail, archive.Meta{Kind: archive.KindMessage, Received: noon}, bytes.NewReader(fmt.Appendf(nil, "Subject: %d\r\n\r\n", i)))
		if err != nil {
			t.Fatal(err)
		}
		last = m
	}
	f.settled(last.Address())
	files, _ := readZip(t, f.program(casework.Observer).ask("GET", "/export", nil).body)
	for i := range n {
		if name := fmt.Sprintf("mail-%d.eml", i); files[name] != fmt.Sprintf("Subject: %d\r\n\r\n", i) {
			t.Fatalf("%s is %q", name, files[name])
		}
	}
}

// failingArchive hands out one record with an error at its end.
type failingArchive struct {
	Archive
	at  archive.Address
	err error
}

func (a failingArchive) ReadBody(ctx context.Context, at archive.Address) (archive.Meta, io.ReadCloser, error) {
	m, body, err := a.Archive.ReadBody(ctx, at)
	if err != nil || at != a.at {
		return m, body, err
	}
	return m, struct {
		io.Reader
		io.Closer
	}{io.MultiReader(io.LimitReader(body, 10), failingReader{a.err}), body}, nil
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

// A damaged record does not keep the others back, and the list names it.
func TestExportNamesWhatIsDamaged(t *testing.T) {
	f := newFixture(t)
	for _, raw := range odd {
		f.store([]byte(raw), archive.Source{Queue: "q"})
	}
	f.web.config.Archive = failingArchive{f.archive, archive.Address{Stream: archive.Mail, Position: 1}, archive.ErrDamaged}
	files, manifest := readZip(t, f.program(casework.Observer).ask("GET", "/export", nil).body)
	for i, row := range manifest[1:] {
		if damaged := i == 1; damaged != (row[9] != "") || damaged == (files[row[0]] == odd[i]) {
			t.Errorf("%q", row)
		}
	}
}

// An export that cannot go on breaks off: nobody takes a part for the whole.
// The same for the bytes of one message.
func TestTransfersBreakOffWhenTheyFail(t *testing.T) {
	at := archive.Address{Stream: archive.Mail, Position: 2}
	for path, err := range map[string]error{"/export": errors.New("the bucket is away"), "/export?format=mbox": archive.ErrDamaged, "/records/mail/2/raw": archive.ErrDamaged} {
		f := newFixture(t)
		for _, raw := range odd {
			f.store([]byte(raw), archive.Source{Queue: "q"})
		}
		p := f.program(casework.Observer)
		f.web.config.Archive = failingArchive{f.archive, at, err}
		r := p.request("GET", apiRoot+path, nil)
		r.Header.Set("Authorization", "Bearer "+p.token)
		resp, err := p.client.Do(r)
		if err != nil {
			continue // Broken off before the first byte.
		}
		if _, err := io.Copy(io.Discard, resp.Body); err == nil && resp.StatusCode == http.StatusOK {
			t.Errorf("%s: %d and an end as if it were whole", path, resp.StatusCode)
		}
		resp.Body.Close()
	}
}

// exported asks for an export.
func (p *program) exported(query url.Values) answer {
	p.f.t.Helper()
	r := p.ask("GET", "/export?"+query.Encode(), nil)
	if r.code != http.StatusOK {
		p.f.t.Fatalf("%d %s", r.code, r.body)
	}
	return r
}

func checkZip(t *testing.T, raw, key string) (evidence.Report, error) {
	t.Helper()
	return evidence.VerifyZip(t.Context(), strings.NewReader(raw), int64(len(raw)), key, func(int64) {})
}

func checkMbox(t *testing.T, mbox, list, key string) (evidence.Report, error) {
	t.Helper()
	return evidence.VerifyMbox(t.Context(), strings.NewReader(mbox), strings.NewReader(list), key, func(int64) {})
}

// An export of every format verifies with the key of the archive, and tells
// what was asked for.
func TestExportProvesItself(t *testing.T) {
	f := newFixture(t)
	for _, raw := range odd {
		f.store([]byte(raw), archive.Source{Mailbox: "kim@northwind.example", Import: "old"})
	}
	p, key := f.program(casework.Observer), f.archive.PublicKey()
	for _, format := range []string{"zip", "edrm"} {
		for query, n := range map[string]int64{"": 4, "subject:two": 1, "nothingofthekind": 0} {
			r, err := checkZip(t, p.exported(url.Values{"q": {query}, "format": {format}}).body, key)
			if err != nil || r.Messages != n || r.Header.Query != query || string(r.Header.Format) != format || !r.Header.Time.Equal(noon) || r.Header.UpTo[archive.Mail] != 4 {
				t.Errorf("%s of %q: %+v, %v", format, query, r, err)
			}
		}
	}
	mbox := p.exported(url.Values{"format": {"mbox"}}).body
	list := p.exported(url.Values{"format": {"mbox"}, "part": {"evidence"}}).body
	both := p.exported(url.Values{"format": {"mbox"}, "part": {"both"}}).body
	if r, err := checkMbox(t, mbox, list, key); err != nil || r.Messages != 4 || both != mbox+list {
		t.Errorf("%+v %v", r, err)
	}
}
