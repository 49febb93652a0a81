package webui

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"polytrace/archive"
	"polytrace/casework"
)

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

const importPath = "/import?mailbox=kim@northwind.example&import=a.eml"

// What is too large or does not come whole is not stored.
func TestImportRefusesWhatItCannotKeep(t *testing.T) {
	f := newFixture(t)
	p := f.program(casework.Admin)
	endless := &zeros{}
	r := p.request("POST", apiRoot+importPath, endless)
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
	cut := p.request("POST", apiRoot+importPath, io.MultiReader(strings.NewReader("Subject: cut"), failingReader{errors.New("client fell")}))
	cut.Header.Set("Authorization", "Bearer "+p.token)
	if resp, err := p.client.Do(cut); err == nil {
		resp.Body.Close()
	}
	if n := f.archive.Next(archive.Mail); n != 0 {
		t.Errorf("%d records were stored", n)
	}
}

// An import that finds no room, or nobody who takes it, says so.
func TestImportSaysWhyNothingIsTaken(t *testing.T) {
	f := newFixture(t)
	p := f.program(casework.Admin)
	for cause, code := range map[error]int{archive.ErrFull: http.StatusInsufficientStorage, archive.ErrBroken: http.StatusInternalServerError} {
		f.web.config.Import = func(context.Context, archive.Source, archive.Body) (archive.Meta, string, error) {
			return archive.Meta{}, "", fmt.Errorf("append: %w", cause)
		}
		if r := p.ask("POST", importPath, []byte("x")); r.code != code || !strings.Contains(r.head.Get("Content-Type"), "problem") {
			t.Errorf("%v: %d %s", cause, r.code, r.body)
		}
	}
	f.web.config.Import = nil
	if r := p.ask("POST", importPath, []byte("x")); r.code != http.StatusServiceUnavailable {
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
