package webui

import (
	"bytes"
	"encoding/base64"
	"io/fs"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"polytrace/archive"
	"polytrace/casework"
)

// attached is a letter with a file.
func attached(n int, text, name, content string) string {
	head, _, _ := strings.Cut(letter(n), "\n\n")
	return head + "\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=B\n\n--B\nContent-Type: text/plain; charset=utf-8\n\n" + text + "\n--B\nContent-Type: application/octet-stream; name=\"" + name +
		"\"\nContent-Disposition: attachment; filename=\"" + name + "\"\nContent-Transfer-Encoding: base64\n\n" + base64.StdEncoding.EncodeToString([]byte(content)) + "\n--B--\n"
}

// put uploads a file to a case.
func (b *browser) put(number, name, content, reason string) answer {
	b.f.t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	w.WriteField("reason", reason)
	part, err := w.CreateFormFile("file", name)
	if err != nil {
		b.f.t.Fatal(err)
	}
	part.Write([]byte(content))
	w.Close()
	r := b.request(http.MethodPost, "/cases/"+number+"/files", &form)
	r.Header.Set("Content-Type", w.FormDataContentType())
	return b.send(r)
}

// rested is a case with one of each kind of evidence: a message with a file, one of an archived mailbox, and a file
// that was uploaded.
func rested(f *fixture) (at archive.Address) {
	at = escalation(f)
	with := f.mail(attached(5, "Please see the plan attached.\n", "plan.pdf", "<html>the plan</html>"))
	m, _, err := f.take(f.t.Context(), sourceForTest, bytes.NewReader([]byte(strings.ReplaceAll(strings.ReplaceAll(letter(7), "batch-7", "old-7"), "\n", "\r\n"))))
	if err != nil {
		f.t.Fatal(err)
	}
	if err := f.index.WaitFor(f.t.Context(), m.Address()); err != nil {
		f.t.Fatal(err)
	}
	w := f.as("manager")
	for _, x := range []archive.Address{with, m.Address()} {
		if r := w.post(recordPath(x)+"/cite", url.Values{"case": {"101"}}); r.code != http.StatusSeeOther {
			f.t.Fatalf("cite: %d %s", r.code, r.body)
		}
	}
	if r := w.put("101", `C:\tmp\measured.csv`, "a;b\n1;2\n", "measured in Bremen"); r.code != http.StatusSeeOther {
		f.t.Fatalf("upload: %d %s", r.code, r.body)
	}
	return at
}

func TestREC1_ACaseHoldsEachKindListedOpenAndVerified(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	rested(f)
	agent := f.as("agent")
	got := tell[evidenceOut](f.program(casework.Agent), http.StatusOK, "GET", "/cases/101/evidence", nil)
	want := map[string]int{"message": 3, "imported": 1, "attached": 1, "uploaded": 1, "page": 0}
	for kind, n := range want {
		if got.Counts[kind] != n {
			t.Errorf("%d of kind %s, want %d: %+v", got.Counts[kind], kind, n, got.Counts)
		}
	}
	page := agent.get("/cases/101/evidence")
	for _, e := range got.Evidence {
		link := filePath(e.Origins[0].Record, e.Origins[0].Part)
		if !strings.Contains(page.body, `href="`+link+`"`) {
			t.Errorf("%s %q is not listed", e.Kind, e.Name)
		}
		if r := agent.get(link); r.code != http.StatusOK || !strings.Contains(r.body, e.SHA256.String()) {
			t.Errorf("%s opens with %d", link, r.code)
		}
	}
	for _, words := range []string{"named .pdf, is HTML", "measured.csv", "uploaded by The manager", "measured in Bremen", "mailbox jane@"} {
		if !strings.Contains(strings.ReplaceAll(page.body, "<wbr>", ""), words) {
			t.Errorf("the page does not say %q", words)
		}
	}
	if r := agent.get("/cases/101/evidence?kind=uploaded"); strings.Contains(r.body, "plan.pdf") || !strings.Contains(r.body, "measured.csv") {
		t.Error("the kind does not narrow the list")
	}
	verified := agent.post("/cases/101/verify", nil)
	if verified.code != http.StatusOK || !strings.Contains(verified.body, "<b>Verified</b>, 6 sources and ") {
		t.Errorf("verify: %d %s", verified.code, verified.body)
	}
	if r := agent.get("/record/files/0/raw"); r.body != "a;b\n1;2\n" || !strings.Contains(r.head.Get("Content-Disposition"), "measured.csv") {
		t.Errorf("the file comes back as %q, %v", r.body, r.head)
	}
}

func TestESC19_AFileThatComesTwiceIsOneWithTwoOrigins(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	rested(f)
	w := f.as("manager")
	if r := w.put("101", "the plan.html", "<html>the plan</html>", "our copy"); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	if r := w.put("101", "measured again.csv", "a;b\n1;2\n", ""); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	got := tell[evidenceOut](f.program(casework.Agent), http.StatusOK, "GET", "/cases/101/evidence", nil)
	for _, e := range got.Evidence {
		var hows []string
		for _, o := range e.Origins {
			hows = append(hows, o.How)
		}
		if how := strings.Join(hows, " "); e.Name == "plan.pdf" && how != "attached uploaded" || e.Name == "measured.csv" && how != "uploaded uploaded" {
			t.Errorf("%s came %s", e.Name, how)
		}
	}
	if got.Counts["attached"] != 1 || got.Counts["uploaded"] != 1 {
		t.Errorf("%+v", got.Counts)
	}
	if r, err := f.archive.Read(t.Context(), archive.Address{Stream: archive.Files, Position: 2}); err != nil || r.Meta.SameAs == nil || r.Body != nil {
		t.Errorf("the bytes are stored twice: %+v, %v", r.Meta, err)
	}
	if r := w.post("/cases/101/verify", nil); !strings.Contains(r.body, "<b>Verified</b>, 6 sources") {
		t.Error("it does not verify")
	}
}

func TestESC19_UploadsAndPinsAreRefusedInWords(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	rested(f)
	w := f.as("manager")
	for _, c := range []struct{ content, reason, words string }{
		{"", "x", "empty"}, {strings.Repeat("x", maxUpload+1), "kept words", "25 MiB"},
	} {
		r := w.put("101", "big.bin", c.content, c.reason)
		if r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, c.words) || !strings.Contains(r.body, `value="`+c.reason+`"`) {
			t.Errorf("%d bytes: %d", len(c.content), r.code)
		}
	}
	if next := f.archive.Next(archive.Files); next != 1 {
		t.Errorf("%d files were kept, want 1", next)
	}
	p := f.program(casework.Manager)
	if pinned := tell[casework.Case](p, http.StatusCreated, "POST", "/cases/101/files", map[string]any{"record": "mail/3", "part": 2, "reason": "the plan"}); len(pinned.Pins) != 2 {
		t.Fatalf("%+v", pinned.Pins)
	}
	if r := p.ask("POST", "/cases/101/files", map[string]any{"record": "mail/3", "part": 9}); r.code != http.StatusNotFound {
		t.Errorf("a part that is no file: %d", r.code)
	}
	r := w.post("/record/mail/3/parts/2/pin", url.Values{"case": {"101"}, "reason": {"once more"}})
	if r.code != http.StatusConflict || !strings.Contains(r.body, "is evidence of case C-101 already") || !strings.Contains(r.body, "once more") {
		t.Errorf("pin again: %d %s", r.code, r.body)
	}
	if r := w.post("/cases/101/files/2/unpin", url.Values{"reason": {"not needed"}}); r.code != http.StatusSeeOther {
		t.Errorf("unpin: %d %s", r.code, r.body)
	}
	if up := tell[uploadOut](p, http.StatusOK, "POST", "/cases/101/uploads?name=x.txt&reason=y", []byte("some words")); up.Size != 10 {
		t.Errorf("%+v", up)
	}
	if r := p.ask("POST", "/cases/999/uploads?name=x.txt", []byte("some words")); r.code != http.StatusNotFound {
		t.Errorf("upload to no case: %d %s", r.code, r.body)
	}
	if r := f.as("observer").put("101", "x", "y", ""); r.code != http.StatusForbidden {
		t.Errorf("an observer uploads: %d", r.code)
	}
}

// flip changes a byte behind a text in the files of the archive.
func (f *fixture) flip(text string) {
	f.t.Helper()
	done := 0
	err := filepath.WalkDir(filepath.Join(f.dir, "archive"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		i := bytes.Index(raw, []byte(text))
		if i < 0 {
			return nil
		}
		raw[i] ^= 1
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer file.Close()
		done++
		_, err = file.WriteAt(raw[i:i+1], int64(i))
		return err
	})
	if err != nil || done == 0 {
		f.t.Fatalf("%d files have %q: %v", done, text, err)
	}
}

func TestREC3_VerifyNamesExactlyTheFirstBrokenItem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"a message", "Please see the plan attached", "mail/3"},
		{"an uploaded file", "a;b\n1;2", "files/0"},
		{"a decision", "measured in Bremen", "ledger/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			rested(f)
			agent, p := f.as("agent"), f.program(casework.Agent)
			whole := tell[Verification](p, http.StatusCreated, "POST", "/cases/101/verify", nil)
			if whole.Broken != nil || whole.Sources != 6 || whole.Events < 10 || !whole.At.Equal(f.clock()) {
				t.Fatalf("before: %+v", whole)
			}
			f.flip(c.text)
			broken := tell[Verification](p, http.StatusCreated, "POST", "/cases/101/verify", nil)
			if broken.Broken == nil || !strings.HasPrefix(broken.Broken.What, c.want) {
				t.Fatalf("%s is broken, and told is %+v", c.want, broken.Broken)
			}
			if page := agent.post("/cases/101/verify", nil); !strings.Contains(page.body, "Not verified.</b> "+broken.Broken.What) {
				t.Errorf("the page does not name %s", broken.Broken.What)
			}
		})
	}
}

func TestREC3_VerifyChecksTheSignedLog(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	rested(f)
	if err := f.archive.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := tell[Verification](f.program(casework.Agent), http.StatusCreated, "POST", "/cases/101/verify", nil); got.Broken != nil || got.Unproven != 0 || got.Sources != 6 {
		t.Errorf("%+v", got)
	}
}
