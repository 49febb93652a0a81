package index

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"polytrace/archive"
)

// writer writes synthetic mail: words by Zipf's law, from a seed.
type writer struct {
	r     *rand.Rand
	zipf  *rand.Zipf
	words []string
	n     int
}

func newWriter(seed uint64) *writer {
	r := rand.New(rand.NewPCG(seed, 1))
	a := &writer{r: r, zipf: rand.NewZipf(r, 1.15, 4, 60_000)}
	seen := map[string]bool{}
	for len(a.words) <= 60_000 {
		w := make([]byte, 2+r.IntN(3)+len(a.words)/12_000)
		for i := range w {
			w[i] = "eaitnsrolduchgmpfbvkwyz"[min(r.IntN(23), r.IntN(23))]
		}
		if !seen[string(w)] {
			seen[string(w)] = true
			a.words = append(a.words, string(w))
		}
	}
	return a
}

func (a *writer) text(words int) string {
	var b strings.Builder
	for i := range words {
		b.WriteString(a.words[a.zipf.Uint64()])
		b.WriteByte(" \n"[(i%12)/11])
	}
	return b.String()
}

func (a *writer) person() string {
	n := a.r.IntN(2000)
	return fmt.Sprintf("%s %s <%s.%d@mail%d.contoso.example>", a.words[200+n%300], a.words[900+n], a.words[200+n%300], n, n%40)
}

// mail writes the next message: every third begins a conversation, every tenth has a file.
func (a *writer) mail() string {
	a.n++
	sent := day(2024, 1, 1).Add(time.Duration(a.n)*9*time.Minute + time.Duration(a.r.IntN(3600))*time.Second)
	fields := []string{
		"From: " + a.person(), "To: " + a.person(), "Cc: " + a.person() + ", " + a.person(), "Subject: " + strings.TrimSpace(a.text(5)),
		fmt.Sprintf("Message-ID: <%d@mail.contoso.example>", a.n), dated(sent), "Received: from mx1.contoso.example by mx2.contoso.example; " + sent.Format(time.RFC1123Z),
	}
	if a.n%3 != 0 {
		fields = append(fields, fmt.Sprintf("References: <%d@mail.contoso.example>", max(1, a.n-1-a.r.IntN(20))))
	}
	body := a.text(60+a.r.IntN(400)) + "\n> " + strings.ReplaceAll(a.text(120), "\n", "\n> ") + "\n-- \n" + a.text(12)
	if a.n%10 != 0 {
		return mail(body, fields...)
	}
	file := make([]byte, 30_000)
	for i := range file {
		file[i] = byte(a.r.Uint32())
	}
	return mail("--B\nContent-Type: text/plain; charset=utf-8\n\n"+body+"\n--B\nContent-Type: application/pdf; name=\""+a.words[a.r.IntN(3000)]+
		".pdf\"\nContent-Disposition: attachment\nContent-Transfer-Encoding: base64\n\n"+base64.StdEncoding.EncodeToString(file)+"\n--B--\n",
		append(fields, "Content-Type: multipart/mixed; boundary=B")...)
}

// corpus is mail to index: n synthetic messages, or as many of the .eml files or mailboxes in
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
		w := newWriter(1)
		for range n {
			add(w.mail())
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

// How long a page of the newest 50 with its exact count takes at 50,000 messages.
func BenchmarkSearch(b *testing.B) {
	const n = 50_000
	a, _ := corpus(b, n)
	x, stop := followIn(b, vfs.Default, b.TempDir(), a)
	b.Cleanup(stop)
	caughtUp(b, x, a)
	w := newWriter(1).words
	for _, q := range []struct{ name, query string }{
		{"none", "zzzzzzzzz"},
		{"all", ""},
		{"common", w[0]},
		{"middle", w[300]},
		{"rare", w[20_000]},
		{"and", w[5] + " " + w[60]},
		{"and-rare", w[0] + " " + w[9_000]},
		{"or", strings.Join([]string{w[100], w[200], w[400], w[800], w[1600]}, " OR ")},
		{"not", w[100] + " -" + w[1]},
		{"phrase-common", fmt.Sprintf("%q", w[0]+" "+w[1])},
		{"phrase", fmt.Sprintf("%q", w[20]+" "+w[90])},
		{"near", w[20] + " NEAR/5 " + w[90]},
		{"prefix", w[300][:3] + "*"},
		{"prefix-common", "e*"},
		{"from", "from:@mail7.contoso.example"},
		{"subject", "subject:" + w[10]},
		{"date", "date:2024-03..2024-04"},
		{"date-word", "after:2024-06 " + w[3]},
		{"attachment", "has:attachment " + w[2]},
		{"larger", "larger:20k"},
	} {
		b.Run(q.name, func(b *testing.B) {
			total := 0
			for b.Loop() {
				total = search(b, x, Request{Query: q.query}).Total
			}
			b.ReportMetric(float64(total), "hits")
		})
	}
	b.Run("relevance", func(b *testing.B) {
		for b.Loop() {
			search(b, x, Request{Query: w[0] + " " + w[40], Sort: Relevance})
		}
	})
}
