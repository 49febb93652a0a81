package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/archive/dirstore"
	"polytrace/archive/s3store"
	"polytrace/webui"
)

// Whoever stops a verb is told how to go on, and nothing of contexts.
func TestStoppedVerbSaysHowToGoOn(t *testing.T) {
	for _, c := range []struct{ err, want string }{
		{"%w", "stopped"},
		{"export: interrupted after 3 MiB; the same command goes on from there: %w", "export: interrupted after 3 MiB; the same command goes on from there: stopped"},
		{"rebuild: %w; what was indexed is kept", "rebuild: stopped; what was indexed is kept"},
	} {
		for _, why := range []error{context.Canceled, signalled("interrupt signal received"), signalled("terminated signal received")} {
			if got := explain(fmt.Errorf(c.err, why)); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		}
	}
	if got := explain(errors.New("no route")); got != "no route" {
		t.Error(got)
	}
}

// The URL of a bucket is shown as people write it, and means the same then.
func TestBucketIsShownAsPeopleWriteIt(t *testing.T) {
	for _, url := range []string{"s3://mail?endpoint=http://127.0.0.1:9000&region=eu-1", "s3://mail/a%20b?endpoint=https://[::1]:9000"} {
		at, err := s3store.ParseURL(url)
		if err != nil {
			t.Fatal(err)
		}
		got := explain(fmt.Errorf("d belongs to the bucket %s, but %s is configured", at, "file:///a%2Fb"))
		if want := "d belongs to the bucket " + url + ", but file:///a%2Fb is configured"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		var status strings.Builder
		if err := (statusAnswer{Archive: archive.Status{Bucket: at.String()}}).print(&status); err != nil || !strings.Contains(status.String(), url+", ") {
			t.Errorf("%v: %s", err, status.String())
		}
	}
}

// Who cannot trust the server of the bucket is told what to do, by a verb that
// asks it and by the status of a server that does.
func TestUntrustedBucketSaysWhatToDo(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // It says that we hung up.
	server.StartTLS()
	defer server.Close()
	store, err := openBucket("s3://mail?region=eu-1&endpoint="+server.URL, settings{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.Stat(t.Context(), "x")
	if err == nil || !strings.Contains(explain(err), "SSL_CERT_FILE") {
		t.Fatalf("%v", err)
	}
	s := statusAnswer{Archive: archive.Status{Failure: err.Error()}}
	if got := s.problems(); len(got) != 1 || !strings.Contains(got[0], "SSL_CERT_FILE") {
		t.Errorf("%q", got)
	}
}

// While the bucket is away the status says once who keeps the mail.
func TestStatusSaysOnceWhereMailWaits(t *testing.T) {
	dir := t.TempDir()
	disk, err := dirstore.Open(filepath.Join(dir, "bucket"))
	if err != nil {
		t.Fatal(err)
	}
	for why, want := range map[error]string{errors.New("no route"): "no route; it is tried again; ", archive.ErrDenied: "check the access key and its rights; "} {
		a, err := archive.Open(t.Context(), t.TempDir(), archive.Config{Store: away{disk, why}, Reserve: 1, PackAge: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Append(t.Context(), archive.Mail, archive.Meta{Kind: archive.KindMessage}, strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- a.Run(ctx) }()
		waitUntil(t.Fatalf, "a failure", func() bool { return a.Status().Failure != "" })
		stop()
		<-done
		s := statusAnswer{Archive: a.Status()}
		if got := s.problems(); len(got) != 1 || !strings.HasSuffix(got[0], want+"mail waits on the local disk") {
			t.Errorf("%q", got)
		}
		s.Intake = &webui.Intake{InBucket: true}
		if got := s.problems(); len(got) != 1 || !strings.HasSuffix(got[0], want+"mail servers keep their mail until the bucket has it") || strings.Contains(got[0], "local disk") {
			t.Errorf("%q", got)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
}

// away is a bucket that takes nothing.
type away struct {
	archive.Store
	why error
}

func (s away) Create(context.Context, string, archive.Body, archive.Digest, archive.Lock) error {
	return s.why
}

// signalled is why a context of signal.NotifyContext ended.
type signalled string

func (s signalled) Error() string        { return string(s) }
func (s signalled) Is(target error) bool { return target == context.Canceled }
