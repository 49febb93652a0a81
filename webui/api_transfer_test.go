package webui

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"polytrace/archive"
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
	if len(files) != len(odd)+1 || len(manifest) != len(odd)+1 {
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
	if len(some) != 3 || some["mail-1.eml"] != odd[1] || some["mail-3.eml"] != odd[3] {
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
	f := newFixture(t)
	for _, raw := range odd {
		f.store([]byte(raw), archive.Source{Queue: "q"})
	}
	at := archive.Address{Stream: archive.Mail, Position: 2}
	p := f.program(casework.Observer)
	for path, err := range map[string]error{"/export": errors.New("the bucket is away"), "/export?format=mbox": archive.ErrDamaged, "/records/mail/2/raw": archive.ErrDamaged} {
		f.web.config.Archive = failingArchive{f.archive, at, err}
		r := p.request("GET", apiRoot+path, nil)
		r.Header.Set("Authorization", "Bearer "+p.token)
		resp, err := p.client.Do(r)
		if err != nil {
			continue // Broken off before the first byte.
		}
		if _, err := io.Copy(io.Discard, resp.Body); err == nil {
			t.Errorf("%s: %d and an end as if it were whole", path, resp.StatusCode)
		}
		resp.Body.Close()
	}
}

// Messages of any length are taken in as they are, and no file is left over.
func TestImportKeepsExactBytes(t *testing.T) {
	f := newFixture(t)
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	p := f.program(casework.Admin)
	random := rand.NewChaCha8([32]byte{1})
	for _, size := range []int{1, memoryBody - 1, memoryBody, memoryBody + 1, 20 << 20} {
		raw := make([]byte, size)
		random.Read(raw)
		q := url.Values{"mailbox": {"kim@northwind.example"}, "import": {"old.mbox"}, "offset": {fmt.Sprint(size)}}
		r := p.ask("POST", "/import?"+q.Encode(), raw)
		var out importOut
		if err := json.Unmarshal([]byte(r.body), &out); err != nil || r.code != http.StatusOK || out.Outcome != "added" {
			t.Fatalf("%d %s %v", r.code, r.body, err)
		}
		stored, err := f.archive.Read(t.Context(), out.Address)
		if err != nil {
			t.Fatal(err)
		}
		if src := stored.Meta.Source; !bytes.Equal(stored.Body, raw) || stored.Meta.SHA256 != out.SHA256 || src.Mailbox != "kim@northwind.example" || src.Import != "old.mbox" || src.Offset != int64(size) {
			t.Errorf("%d bytes: %+v", size, stored.Meta)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left over: %v %v", left, err)
	}
}

// zeros is a message without an end.
type zeros struct{ read int64 }

func (z *zeros) Read(p []byte) (int, error) {
	z.read += int64(len(p))
	return len(p), nil
}

// What is too large, does not come whole or finds no room is not stored, and
// the answer says why.
func TestImportRefusesWhatItCannotKeep(t *testing.T) {
	f := newFixture(t)
	p := f.program(casework.Admin)
	const path = apiRoot + "/import?mailbox=kim@northwind.example&import=a.eml"
	endless := &zeros{}
	r := p.request("POST", path, endless)
	r.Header.Set("Authorization", "Bearer "+p.token)
	resp, err := p.client.Do(r)
	if err == nil {
		if resp.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%d to a message without an end", resp.StatusCode)
		}
		resp.Body.Close()
	}
	if endless.read < maxImport || endless.read > 2*maxImport {
		t.Errorf("%d bytes were read", endless.read)
	}
	cut := p.request("POST", path, io.MultiReader(strings.NewReader("Subject: cut"), failingReader{errors.New("client fell")}))
	cut.Header.Set("Authorization", "Bearer "+p.token)
	if resp, err := p.client.Do(cut); err == nil {
		resp.Body.Close()
	}
	if n := f.archive.Next(archive.Mail); n != 0 {
		t.Errorf("%d records were stored", n)
	}
	for cause, code := range map[error]int{archive.ErrFull: http.StatusInsufficientStorage, archive.ErrBroken: http.StatusInternalServerError} {
		f.web.config.Import = func(context.Context, archive.Source, archive.Body) (archive.Meta, string, error) {
			return archive.Meta{}, "", fmt.Errorf("append: %w", cause)
		}
		if r := p.ask("POST", strings.TrimPrefix(path, apiRoot), []byte("x")); r.code != code || !strings.Contains(r.head.Get("Content-Type"), "problem") {
			t.Errorf("%v: %d %s", cause, r.code, r.body)
		}
	}
	f.web.config.Import = nil
	if r := p.ask("POST", strings.TrimPrefix(path, apiRoot), []byte("x")); r.code != http.StatusServiceUnavailable {
		t.Errorf("%d %s", r.code, r.body)
	}
}

// The last line of a verification tells all that was found, and whether it
// came to its end.
func TestVerifyTellsTheWholeResult(t *testing.T) {
	f := newFixture(t)
	f.mail(letter(1))
	p := f.program(casework.Admin)
	last := func() (line verifyLine) {
		r := p.ask("POST", "/verify", nil)
		lines := strings.Split(strings.TrimSpace(r.body), "\n")
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &line); err != nil || r.code != http.StatusOK {
			t.Fatalf("%d %q %v", r.code, r.body, err)
		}
		return line
	}
	f.web.config.Verify = f.archive.Verify
	if line := last(); !line.Done || line.Records != int64(f.archive.Next(archive.Mail)+f.archive.Next(archive.Ledger)) || line.Error != "" {
		t.Errorf("%+v", line)
	}
	f.web.config.Verify = func(context.Context, func(archive.Verified)) (archive.Verified, error) {
		return archive.Verified{Records: 1, Problems: []archive.Problem{{Where: "mail/0", What: "damaged"}}}, errors.New("the bucket does not answer")
	}
	if line := last(); line.Done || line.Error == "" || len(line.Problems) != 1 {
		t.Errorf("%+v", line)
	}
}
