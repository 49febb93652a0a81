package index

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"polytrace/archive"
	"polytrace/internal/synth"
)

// corpus is mail to index: n messages of package synth, or as many of the .eml files or mailboxes in
// the directory that POLYTRACE_CORPUS names.
func corpus(tb testing.TB, n int) (*memArchive, int64) {
	tb.Helper()
	a, size := newMemArchive(), int64(0)
	add := func(raw string) {
		a.append(archive.Meta{Received: day(2026, 11, 1)}, raw)
		size += int64(len(raw))
	}
	dir := os.Getenv("POLYTRACE_CORPUS")
	if dir == "" {
		mail := synth.New(1)
		for i := range n {
			add(string(mail.Message(i)))
		}
		return a, size
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if bytes.HasPrefix(raw, []byte("From ")) {
			for _, m := range bytes.Split(raw, []byte("\nFrom ")) {
				if _, m, ok := bytes.Cut(m, []byte("\n")); ok && int(a.Next(archive.Mail)) < n {
					add(string(m))
				}
			}
		} else if int(a.Next(archive.Mail)) < n {
			add(string(raw))
		}
		if int(a.Next(archive.Mail)) >= n {
			return fs.SkipAll
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return a, size
}

// How fast an index is built from records, and how large it is for each byte of mail.
func BenchmarkBuild(b *testing.B) {
	const n = 20_000
	a, size := corpus(b, n)
	for b.Loop() {
		dir := b.TempDir()
		start, used := time.Now(), processorTime(b)
		x, stop := followIn(b, vfs.Default, dir, a)
		caughtUp(b, x, a)
		took := time.Since(start)
		b.ReportMetric(float64((processorTime(b)-used).Microseconds())/float64(a.Next(archive.Mail)), "cpu-µs/message")
		if err := x.db.Compact(context.Background(), []byte{0}, []byte{0xff}, true); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(a.Next(archive.Mail))/took.Seconds(), "messages/s")
		bytes, err := x.db.EstimateDiskUsage([]byte{0}, []byte{0xff})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(bytes)/float64(size), "index-bytes/mail-byte")
		stop()
	}
}

// processorTime is what this process took so far; unlike the rate it does not depend on what else the machine does.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
