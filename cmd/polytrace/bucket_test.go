package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"polytrace/archive"
	"polytrace/archive/s3store"
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

// signalled is why a context of signal.NotifyContext ended.
type signalled string

func (s signalled) Error() string        { return string(s) }
func (s signalled) Is(target error) bool { return target == context.Canceled }
