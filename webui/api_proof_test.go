package webui

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"polytrace/archive"
	"polytrace/casework"
)

// A record is proven as soon as a checkpoint covers it, by a proof that holds
// without the server.
func TestAPIProvesARecord(t *testing.T) {
	f := newFixture(t)
	p := f.program(casework.Agent)
	at := f.mail(letter(1))
	path := "/records/" + at.String() + "/proof"
	if r := p.ask("GET", path, nil); r.code != http.StatusConflict || !strings.Contains(r.body, "No checkpoint covers") {
		t.Errorf("before a checkpoint: %d %s", r.code, r.body)
	}
	if err := f.archive.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := tell[proofOut](p, http.StatusOK, "GET", path, nil)
	m, err := got.Check(got.Key)
	if err != nil || m.Address() != at || got.Key != f.archive.PublicKey() {
		t.Errorf("the proof of %s by %s: %v", m.Address(), got.Key, err)
	}
	if r := p.ask("GET", "/records/mail/99/proof", nil); r.code != http.StatusNotFound {
		t.Errorf("what is not there: %d %s", r.code, r.body)
	}
	f.erases(at, "asked for")
	if r := p.ask("GET", path, nil); r.code != http.StatusGone || strings.Contains(r.body, "jane@") {
		t.Errorf("what was erased: %d %s", r.code, r.body)
	}
}

// Who keeps a checkpoint is shown that the log goes on from it.
func TestAPIProvesThatTheLogGoesOn(t *testing.T) {
	f := newFixture(t)
	p := f.program(casework.Admin)
	if r := p.ask("GET", "/log/mail", nil); r.code != http.StatusNotFound {
		t.Errorf("without mail: %d %s", r.code, r.body)
	}
	f.mail(letter(1))
	if r := p.ask("GET", "/log/mail", nil); r.code != http.StatusConflict || !strings.Contains(r.body, "No checkpoint covers") {
		t.Errorf("before a checkpoint: %d %s", r.code, r.body)
	}
	if err := f.archive.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	kept := tell[consistencyOut](p, http.StatusOK, "GET", "/log/mail", nil)
	f.mail(letter(2))
	if err := f.archive.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	now := tell[consistencyOut](p, http.StatusOK, "GET", "/log/mail?since=1", nil)
	if c, err := now.Check(kept.Checkpoint, kept.Key); err != nil || c.Size != 2 || now.Since != 1 {
		t.Errorf("%+v: %v", c, err)
	}
}

// What is missing in the bucket is told to who asks, and from then on to
// everybody who looks at the status.
func TestDriftShowsInTheStatus(t *testing.T) {
	f := newFixture(t)
	f.users()
	f.mail(letter(1))
	if err := f.archive.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	p, b := f.program(casework.Admin), f.as("admin")
	const alarm = "The bucket is not as it was left"
	if err := f.archive.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := tell[archive.Drift](p, http.StatusOK, "POST", "/doctor", nil); d.Total() != 0 || d.Objects == 0 {
		t.Errorf("%+v", d)
	}
	if r := b.get("/status"); strings.Contains(r.body, alarm) || !strings.Contains(r.body, "0 not as they should be") || !strings.Contains(r.body, strings.ReplaceAll(f.archive.PublicKey(), "+", "&#43;")) {
		t.Errorf("all is well: %s", r.body)
	}
	bucket := strings.TrimPrefix(f.archive.Status().Bucket, "file://")
	const key = "packs/mail/00000000000000000000.tar.zst"
	if err := os.Remove(filepath.Join(bucket, key)); err != nil {
		t.Fatal(err)
	}
	if r := f.program(casework.Agent).ask("POST", "/doctor", nil); r.code != http.StatusForbidden {
		t.Errorf("an agent looks through the bucket: %d", r.code)
	}
	if d := tell[archive.Drift](p, http.StatusOK, "POST", "/doctor", nil); len(d.Missing) != 1 || d.Missing[0] != key {
		t.Errorf("%+v", d)
	}
	if r := b.get("/status"); !strings.Contains(r.body, alarm) || !strings.Contains(r.body, key) {
		t.Errorf("a pack is missing: %s", r.body)
	}
}
