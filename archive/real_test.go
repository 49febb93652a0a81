//go:build real

package archive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/archive/archivetest"
	"polytrace/archive/s3store"
)

// life is an archive over a real S3 server, and what was appended to it.
type life struct {
	t      *testing.T
	server *archivetest.S3
	store  archive.Store
	dir    string
	a      *archive.Archive
	stop   func()
	bodies map[archive.Address][]byte
}

func newLife(t *testing.T) *life {
	l := &life{t: t, server: archivetest.StartS3(t), dir: filepath.Join(t.TempDir(), "data"), bodies: map[archive.Address][]byte{}}
	at, err := s3store.ParseURL(l.server.URL("archive"))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", l.server.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", l.server.SecretKey)
	c := s3store.Config{Location: at, Credentials: s3store.FindCredentials("")}
	if err := s3store.Make(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	store, err := s3store.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	l.store = store
	l.open()
	return l
}

func (l *life) config() archive.Config {
	return archive.Config{Store: l.store, PackSize: 256 << 10, PackAge: time.Second, CacheSize: 64 << 10, Reserve: 1}
}

// open opens the archive and lets it work.
func (l *life) open() {
	l.t.Helper()
	a, err := archive.Open(l.t.Context(), l.dir, l.config())
	if err != nil {
		l.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	l.a, l.stop = a, func() {
		cancel()
		if err := errors.Join(<-done, a.Close()); err != nil {
			l.t.Error(err)
		}
	}
}

// take appends n messages and one of 3 MiB.
func (l *life) take(n int) {
	l.t.Helper()
	for i := range n + 1 {
		body := []byte(strings.Repeat(fmt.Sprintf("From: a%d@contoso.example\r\nSubject: order %d of %d\r\n\r\n\x00\xff bare\nlines\r\n", i, len(l.bodies), n), 1+i*7))
		if i == n {
			body = bytes.Repeat(body[:500], 6300)
		}
		m, err := l.a.Append(l.t.Context(), archive.Mail, archive.Meta{Kind: archive.KindMessage, Received: time.Now()}, bytes.NewReader(body))
		if err != nil {
			l.t.Fatal(err)
		}
		l.bodies[m.Address()] = body
	}
}

func (l *life) flush() {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	if err := l.a.Flush(ctx); err != nil {
		l.t.Fatal(err)
	}
}

// check reads everything in both ways.
func (l *life) check() {
	l.t.Helper()
	n := 0
	for r, err := range l.a.Scan(l.t.Context(), archive.Mail, 0) {
		if err != nil || !bytes.Equal(r.Body, l.bodies[r.Meta.Address()]) {
			l.t.Fatalf("%s: %d bytes, %v", r.Meta.Address(), len(r.Body), err)
		}
		n++
	}
	if n != len(l.bodies) {
		l.t.Errorf("%d records, want %d", n, len(l.bodies))
	}
	for at, want := range l.bodies {
		_, body, err := l.a.ReadBody(l.t.Context(), at)
		if err != nil {
			l.t.Fatal(err)
		}
		got, err := io.ReadAll(body)
		if err := errors.Join(err, body.Close()); err != nil || !bytes.Equal(got, want) {
			l.t.Errorf("%s: %d bytes, %v", at, len(got), err)
		}
	}
	v, err := l.a.Verify(l.t.Context(), nil)
	if err != nil || len(v.Problems) > 0 || int(v.Records) != len(l.bodies) {
		l.t.Errorf("verify: %+v, %v", v, err)
	}
}

// The whole life of an archive over a real S3 server: mail comes in while the
// server is there, while it is away, and after both were started again; then
// the machine is lost and everything comes back from the bucket.
func TestLifeOverRealS3(t *testing.T) {
	l := newLife(t)
	l.take(60)
	l.flush()
	l.check()

	l.server.Stop()
	l.take(40)
	l.stop()
	l.open() // While the server is away.
	l.take(20)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	if err := l.a.Flush(ctx); err == nil {
		t.Error("everything is in a bucket that is away")
	}
	cancel()
	if st := l.a.Status(); st.Failure == "" || st.Streams[0].InBucket >= st.Streams[0].Next {
		t.Errorf("while the bucket is away: %+v", st)
	}
	l.server.Start()
	l.flush()
	if st := l.a.Status(); st.Failure != "" || st.Streams[0].InBucket != st.Streams[0].Next {
		t.Errorf("after it came back: %+v", st)
	}
	l.check()
	l.stop()

	l.dir = filepath.Join(t.TempDir(), "restored")
	if _, err := archive.Open(t.Context(), filepath.Join(t.TempDir(), "new"), l.config()); !errors.Is(err, archive.ErrForeign) {
		t.Errorf("a new directory: %v, want ErrForeign", err)
	}
	var last archive.Restored
	if err := archive.Restore(t.Context(), l.dir, l.config(), func(r archive.Restored) { last = r }); err != nil {
		t.Fatal(err)
	}
	if int(last.Records) != len(l.bodies) || last.Packs < 3 {
		t.Errorf("restored: %+v", last)
	}
	l.open()
	l.check()
	l.take(5)
	l.flush()
	l.check()
	l.stop()
}

// The ordinary tools give the mail back.
func TestOrdinaryToolsReadPacks(t *testing.T) {
	dir := t.TempDir()
	script := `cat "$0"/streams/mail/*.tar.zst | zstd -dc | tar xi -C "$1" && tar x -f "$0"/streams/mail/*7.tar -C "$1" && cd "$1" && ls`
	golden, err := filepath.Abs("testdata/golden-v1")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "sh", "-c", script, golden, dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := strings.Fields(string(out)); len(got) != 16 || got[0] != "00000000000000000000.eml" || got[14] != "00000000000000000008.json" {
		t.Errorf("there are %q", got)
	}
}
