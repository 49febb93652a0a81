//go:build real

package archive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"polytrace/archive"
	"polytrace/archive/archivetest"
	"polytrace/archive/s3store"
)

// realConfig is an archive in a new bucket of a server, with small packs.
func realConfig(t *testing.T, server *archivetest.S3) archive.Config {
	t.Helper()
	l, err := s3store.ParseURL(server.URL("whole-archive"))
	if err != nil {
		t.Fatal(err)
	}
	c := s3store.Config{Location: l, Credentials: credentials.NewStaticV4(server.AccessKey, server.SecretKey, "")}
	if err := s3store.Make(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	store, err := s3store.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return archive.Config{Store: store, PackSize: 64 << 10, PackAge: time.Hour, CacheSize: 100 << 10, Reserve: 1}
}

func openReal(t *testing.T, dir string, c archive.Config) *archive.Archive {
	t.Helper()
	a, err := archive.Open(t.Context(), dir, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// records appends n records of mail and a few of the ledger, from one number on.
func records(t *testing.T, a *archive.Archive, from, n int) {
	t.Helper()
	for i := from; i < from+n; i++ {
		body := bytes.Repeat(fmt.Appendf(nil, "Subject: %d\r\n\r\n%x\r\n", i, i*7919), 40+i)
		m := archive.Meta{Kind: archive.KindMessage, Received: time.Unix(int64(1793696400+i), 0), Envelope: &archive.Envelope{To: []string{"support@journal.example"}}}
		if _, err := a.Append(t.Context(), archive.Mail, m, bytes.NewReader(body)); err != nil {
			t.Fatal(err)
		}
		if i%10 != 0 {
			continue
		}
		m = archive.Meta{Kind: archive.KindEvent, Received: m.Received}
		if _, err := a.Append(t.Context(), archive.Ledger, m, bytes.NewReader([]byte("{}"))); err != nil {
			t.Fatal(err)
		}
	}
}

// everything reads both streams.
func everything(t *testing.T, a *archive.Archive) (all []archive.Record) {
	t.Helper()
	for _, s := range []archive.Stream{archive.Ledger, archive.Mail} {
		for r, err := range a.Scan(t.Context(), s, 0) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, r)
		}
	}
	return all
}

// An archive over a real S3 server: records are taken while the server is
// away and reach it when it is back, are read from it when they left the
// cache, and come back from it alone into an empty directory.
func TestRealArchiveOverS3(t *testing.T) {
	server := archivetest.StartS3(t)
	c := realConfig(t, server)
	a := openReal(t, t.TempDir(), c)
	records(t, a, 0, 100)
	if err := a.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}

	server.Stop()
	records(t, a, 100, 100)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := a.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("flush while the server is away: %v", err)
	}
	if st := a.Status(); st.Failure == "" || st.Streams[1].Next != 200 || st.Streams[1].InBucket > 100 {
		t.Errorf("status while the server is away: %+v", st)
	}
	server.Start()
	if err := a.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	st := a.Status()
	if st.Failure != "" || st.Streams[1].InBucket != 200 || st.Packs < 6 || st.Local > c.CacheSize {
		t.Errorf("status afterwards: %+v", st)
	}
	want := everything(t, a)
	v, err := a.Verify(t.Context(), nil)
	if err != nil || v.Records != 220 || v.Packs != st.Packs || len(v.Problems) > 0 {
		t.Errorf("verify: %+v, %v", v, err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}

	if _, err := archive.Open(t.Context(), t.TempDir(), c); !errors.Is(err, archive.ErrForeign) {
		t.Errorf("open in a new directory: %v, want ErrForeign", err)
	}
	dir := t.TempDir()
	if err := archive.Restore(t.Context(), dir, c, nil); err != nil {
		t.Fatal(err)
	}
	a = openReal(t, dir, c)
	if diff := cmp.Diff(want, everything(t, a)); len(want) != 220 || diff != "" {
		t.Errorf("%d records after the restore (-want +got):\n%s", len(want), diff)
	}
	records(t, a, 200, 1)
	if err := a.Flush(t.Context()); err != nil {
		t.Error(err)
	}
}
