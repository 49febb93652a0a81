package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// cutting lets n bytes of each answer through.
type cutting struct {
	next http.RoundTripper
	n    *int64
}

func (c cutting) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.next.RoundTrip(r)
	if err == nil && *c.n >= 0 {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(io.LimitReader(resp.Body, *c.n), broken{}), resp.Body}
	}
	return resp, err
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the network is away") }

// archiveOf is an API over an archive with a few messages, whose answers break
// off after as many bytes as the test says.
func archiveOf(t *testing.T, messages int) (c *call, api *client, cut *int64) {
	t.Helper()
	dir := t.TempDir()
	s, _, err := loadSettings("", nil, filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	s.archive.reserve = 1
	c = &call{ctx: t.Context(), settings: s, dir: filepath.Join(dir, "data"), terminal: terminal{strings.NewReader(""), io.Discard, &bytes.Buffer{}}}
	if api, err = c.connect(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := api.close(); err != nil {
			t.Error(err)
		}
	})
	for i := range messages {
		take(t, api, i)
	}
	cut = new(int64(-1))
	api.http.Transport = cutting{api.http.Transport, cut}
	return c, api, cut
}

// take imports a message.
func take(t *testing.T, api *client, i int) {
	t.Helper()
	raw := fmt.Appendf(nil, "From: jane@acme.example\nSubject: letter %d\n\nFrom here on %s\n", i, strings.Repeat("x", i))
	q := url.Values{"mailbox": {"kim@northwind.example"}, "import": {"old"}, "offset": {fmt.Sprint(i)}}
	resp, err := api.send(t.Context(), http.MethodPost, "/import", q, bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

// tryExport is what exportVerb.Run does, with an API that is there.
func tryExport(c *call, api *client, v exportVerb) error {
	p, err := v.openPartial(c)
	if err != nil {
		return err
	}
	if err = v.fetch(c, api, p); err == nil {
		err = v.publish(p)
	}
	if err != nil {
		return v.interrupted(p, err)
	}
	return errors.Join(p.f.Close(), p.forget())
}

// The same command again and again brings an export to its end however often
// it breaks off, and while mail comes in; then it verifies, and nothing is left
// over.
func TestExportThatBreaksOffGoesOn(t *testing.T) {
	c, api, cut := archiveOf(t, 20)
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	for _, format := range []string{"zip", "edrm", "mbox"} {
		dir := t.TempDir()
		v := exportVerb{To: filepath.Join(dir, "all."+format), Format: format}
		tries := 0
		for ; ; tries++ {
			*cut = random.Int64N(2000)
			if tries > 20 {
				*cut = -1
			}
			err := tryExport(c, api, v)
			if err == nil {
				break
			}
			if text := err.Error(); !strings.Contains(text, "goes on from there") && !strings.Contains(text, "nothing was written") {
				t.Fatalf("seed %d: %v", seed, err)
			}
			*cut = -1
			take(t, api, 1000+tries)
		}
		var out bytes.Buffer
		c.out = &out
		if err := verifyExport(c, v.To, ""); err != nil || !strings.Contains(out.String(), " messages of everything, all as archived") {
			t.Errorf("seed %d: %s after %d tries: %v %s", seed, format, tries, err, out.String())
		}
		left, err := os.ReadDir(dir)
		if want := map[string]int{"mbox": 2}[format]; err != nil || len(left) != max(want, 1) {
			t.Errorf("%v %v", left, err)
		}
	}
	if told := c.err.(*bytes.Buffer).String(); !strings.Contains(told, "Going on after ") {
		t.Errorf("%s", told)
	}
}

// What does not fit what the archive has is thrown away, and said so.
func TestExportBeginsAnewWhenItCannotGoOn(t *testing.T) {
	c, api, cut := archiveOf(t, 3)
	v := exportVerb{To: filepath.Join(t.TempDir(), "all.zip"), Format: "zip"}
	*cut = 500
	if err := tryExport(c, api, v); err == nil {
		t.Fatal("it did not break off")
	}
	raw, err := os.ReadFile(v.To + ".partial")
	if err != nil {
		t.Fatal(err)
	}
	raw[100] ^= 1
	if err := os.WriteFile(v.To+".partial", raw, 0o600); err != nil {
		t.Fatal(err)
	}
	*cut = -1
	if err := tryExport(c, api, v); err != nil {
		t.Fatal(err)
	}
	if told := c.err.(*bytes.Buffer).String(); !strings.Contains(told, "beginning anew") {
		t.Errorf("%s", told)
	}
	if err := verifyExport(c, v.To, ""); err != nil {
		t.Error(err)
	}
}

// Two exports do not write the same file at a time, and one that is stopped
// keeps what it has.
func TestExportIsStoppedAndGuarded(t *testing.T) {
	c, api, _ := archiveOf(t, 3)
	v := exportVerb{To: filepath.Join(t.TempDir(), "all.zip"), Format: "zip"}
	p, err := v.openPartial(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.openPartial(c); err == nil || !strings.Contains(err.Error(), "another export writes") {
		t.Errorf("%v", err)
	}
	if err := p.f.Close(); err != nil {
		t.Fatal(err)
	}
	stopped := *c
	var stop context.CancelFunc
	stopped.ctx, stop = context.WithCancel(c.ctx)
	stop()
	if err := tryExport(&stopped, api, v); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "nothing was written") {
		t.Errorf("%v", err)
	}
	if _, err := os.Lstat(v.To + ".partial"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
