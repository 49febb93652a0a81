//go:build real

package s3store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"polytrace/archive"
	"polytrace/archive/archivetest"
)

var buckets atomic.Int32

func config(t testing.TB, server *archivetest.S3, prefix string) Config {
	t.Helper()
	l, err := ParseURL(server.URL(fmt.Sprintf("archive-%d", buckets.Add(1)) + prefix))
	if err != nil {
		t.Fatal(err)
	}
	return Config{Location: l, Credentials: credentials.NewStaticV4(server.AccessKey, server.SecretKey, ""), Transport: server.Transport}
}

func newStore(t testing.TB, server *archivetest.S3, prefix string) *Store {
	t.Helper()
	c := config(t, server, prefix)
	if err := Make(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	plain, secure := archivetest.StartS3(t), archivetest.StartS3TLS(t)
	for _, prefix := range []string{"", "/some/prefix"} {
		t.Run("http prefix="+prefix, func(t *testing.T) {
			archivetest.TestStore(t, func(t *testing.T) archive.Store { return newStore(t, plain, prefix) })
		})
	}
	t.Run("https", func(t *testing.T) {
		archivetest.TestStore(t, func(t *testing.T) archive.Store { return newStore(t, secure, "") })
	})
}

func TestLocks(t *testing.T) {
	server := archivetest.StartS3(t)
	archivetest.TestLocks(t, func(t *testing.T) archive.Store {
		t.Parallel()
		return newStore(t, server, "/prefix")
	})
}

// A bucket without object lock says so, and what to do.
func TestBucketWithoutLockIsNamed(t *testing.T) {
	c := config(t, archivetest.StartS3(t), "")
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.client.MakeBucket(t.Context(), c.Location.Bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	archivetest.TestNoLocks(t, s)
	if err := s.ProveLock(t.Context(), archive.Governance); err == nil || !strings.Contains(err.Error(), "make a new one with object lock") {
		t.Errorf("prove: %v, want what to do", err)
	}
	if err := s.Delete(t.Context(), "packs/mail/2"); err != nil {
		t.Errorf("delete without versions: %v", err)
	}
}

// The server keeps what is under compliance from those who own the bucket, with
// every right they can ask for.
func TestOwnCredentialsCannotDeleteUnderCompliance(t *testing.T) {
	s := newStore(t, archivetest.StartS3(t), "")
	body := strings.NewReader("bytes")
	lock := archive.Lock{Mode: archive.Compliance, Until: time.Now().Add(time.Hour)}
	if err := s.Create(t.Context(), "kept", body, digest(t, body), lock); err != nil {
		t.Fatal(err)
	}
	info, err := s.client.StatObject(t.Context(), s.at.Bucket, "kept", minio.StatObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, bypass := range []bool{false, true} {
		if err := s.client.RemoveObject(t.Context(), s.at.Bucket, "kept", minio.RemoveObjectOptions{VersionID: info.VersionID, GovernanceBypass: bypass}); err == nil {
			t.Errorf("the server deleted it, bypass %v", bypass)
		}
	}
	mode, until := minio.Compliance, time.Now().Add(time.Minute)
	if err := s.client.PutObjectRetention(t.Context(), s.at.Bucket, "kept", minio.PutObjectRetentionOptions{Mode: &mode, RetainUntilDate: &until, GovernanceBypass: true}); err == nil {
		t.Error("the server shortened the retention")
	}
}

func TestWrongCredentialsAreNamed(t *testing.T) {
	c := config(t, archivetest.StartS3(t), "")
	if err := Make(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	c.Credentials = credentials.NewStaticV4("polytrace-test", "wrong", "")
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range s.List(t.Context(), "packs/") {
		if !errors.Is(err, archive.ErrDenied) || !strings.Contains(err.Error(), "check access key") {
			t.Errorf("list: %v, want ErrDenied and what to do", err)
		}
	}
	if err := s.Create(t.Context(), "x", strings.NewReader(""), archive.Digest{}, archive.Lock{}); !errors.Is(err, archive.ErrDenied) {
		t.Errorf("create: %v, want ErrDenied", err)
	}
}

func TestMissingBucketIsNamed(t *testing.T) {
	s, err := Open(config(t, archivetest.StartS3(t), ""))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Open(t.Context(), "x", 0, -1)
	if err == nil || !strings.Contains(err.Error(), "create it first") {
		t.Errorf("open: %v, want that there is no such bucket", err)
	}
}

// A server that is away gives a temporary error, and serves again when it is
// back.
func TestServerComesBack(t *testing.T) {
	server := archivetest.StartS3(t)
	s := newStore(t, server, "")
	server.Stop()
	_, err := s.Stat(t.Context(), "x")
	if err == nil || errors.Is(err, archive.ErrNoObject) || errors.Is(err, archive.ErrDenied) {
		t.Errorf("stat while the server is away: %v, want a temporary error", err)
	}
	server.Start()
	if _, err := s.Stat(t.Context(), "x"); !errors.Is(err, archive.ErrNoObject) {
		t.Errorf("stat afterwards: %v, want ErrNoObject", err)
	}
}

// damage flips a bit of the first body that passes.
type damage struct{ done atomic.Bool }

func (d *damage) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPut && r.Body != nil && d.done.CompareAndSwap(false, true) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body[len(body)/2] ^= 1
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(strings.NewReader(string(body)))
	}
	return http.DefaultTransport.RoundTrip(r)
}

func TestServerRefusesBytesDamagedOnTheWay(t *testing.T) {
	c := config(t, archivetest.StartS3(t), "")
	if err := Make(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	c.Transport = &damage{}
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	body := strings.NewReader(strings.Repeat("evidence ", 1000))
	sum := digest(t, body)
	if err := s.Create(t.Context(), "packs/mail/0", body, sum, archive.Lock{}); err == nil {
		o, err := s.Stat(t.Context(), "packs/mail/0")
		t.Errorf("damaged bytes were taken as %+v, %v", o, err)
	}
	if err := s.Create(t.Context(), "packs/mail/0", body, sum, archive.Lock{}); err != nil {
		t.Errorf("the next try: %v", err)
	}
}

func digest(t *testing.T, body archive.Body) archive.Digest {
	t.Helper()
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(body, 0, body.Size())); err != nil {
		t.Fatal(err)
	}
	return archive.Digest(h.Sum(nil))
}
