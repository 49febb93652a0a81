//go:build real

package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"polytrace/archive/archivetest"
	"polytrace/archive/s3store"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

// With wrong credentials nothing begins, and a server that has begun takes
// mail all the same; both say what to check.
func TestWrongBucketCredentialsAreNamed(t *testing.T) {
	server := archivetest.StartS3(t)
	at, err := s3store.ParseURL(server.URL("mail"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s3store.Make(t.Context(), s3store.Config{Location: at, Credentials: credentials.NewStaticV4(server.AccessKey, server.SecretKey, "")}); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(buildProgram(t), "serve", "--data", filepath.Join(t.TempDir(), "new"))
	cmd.Env = append(append(cmd.Environ(), anyPorts...), "POLYTRACE_BUCKET_URL="+at.String(), "AWS_ACCESS_KEY_ID="+server.AccessKey, "AWS_SECRET_ACCESS_KEY=wrong")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "bucket refused the credentials") || !strings.Contains(string(out), "AWS_SECRET_ACCESS_KEY") || strings.Contains(string(out), "wrong") {
		t.Errorf("%v: %s", err, out)
	}

	s := newAppliance(t, "POLYTRACE_BUCKET_URL="+at.String(), "POLYTRACE_ARCHIVE_PACK_AGE=100ms", "AWS_ACCESS_KEY_ID="+server.AccessKey, "AWS_SECRET_ACCESS_KEY="+server.SecretKey)
	s.stop()
	s.env = append(s.env, "AWS_SECRET_ACCESS_KEY=not-any-more")
	s.start()
	s.deliver(letters[0])
	waitUntil(t.Fatalf, "the status to tell", func() bool { return strings.Contains(s.run("status"), "refused the credentials") })
	s.stop()
	s.env = append(s.env, "AWS_SECRET_ACCESS_KEY="+server.SecretKey)
	s.start()
	waitUntil(t.Fatalf, "the bucket", func() bool { return inBucket(t, s.run("status", "--json")) == 1 })
}
