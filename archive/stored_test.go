package archive

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// realMail reads a tar.zst of messages, one file each, from the directory that
// POLYTRACE_SHARED names.
func realMail(b *testing.B, name string, each func(body []byte)) {
	b.Helper()
	f, err := os.Open(filepath.Join(os.Getenv("POLYTRACE_SHARED"), "corpus", name))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	z, err := zstd.NewReader(f, zstd.WithDecoderMaxWindow(1<<27))
	if err != nil {
		b.Fatal(err)
	}
	defer z.Close()
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			b.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		body, err := io.ReadAll(t)
		if err != nil {
			b.Fatal(err)
		}
		each(body)
	}
}

// Bytes stored for each byte of real mail, everything that is not mail
// included: after sealing, by frame size and level, and how long it takes to
// read any of it.
func BenchmarkStored(b *testing.B) {
	if os.Getenv("POLYTRACE_SHARED") == "" {
		b.Log("POLYTRACE_SHARED is not set: there is no mail to measure with")
		return
	}
	for _, set := range []string{"mail.tar.zst", "large.tar.zst"} {
		a := mustOpen(b, osDisk{b.TempDir()}, testConfig(newMemStore()))
		a.config.PackSize = 64 << 20
		n, bodies := 0, int64(0)
		realMail(b, set, func(body []byte) {
			mustAppend(b, a, Mail, message(n), body)
			n++
			bodies += int64(len(body))
		})
		for _, frame := range []int64{1 << 20, 2 << 20, 4 << 20} {
			for _, level := range []zstd.EncoderLevel{zstd.SpeedDefault, zstd.SpeedBetterCompression, zstd.SpeedBestCompression} {
				b.Run(fmt.Sprintf("%s/%dKiB/%s", set, frame>>10, level), func(b *testing.B) { benchStored(b, a, frame, level, bodies) })
			}
		}
	}
}

func benchStored(b *testing.B, a *Archive, frame int64, level zstd.EncoderLevel, bodies int64) {
	s, err := newSealer(frame, level, a.sealer.unzip)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(bodies)
	var packed countWriter
	var took []time.Duration
	for b.Loop() {
		packed, took = 0, nil
		for _, p := range a.lookup(Mail).packs {
			var out bytes.Buffer
			m := Manifest{Format: ManifestVersion, Stream: p.stream, First: p.first, Records: p.records}
			if err := s.seal(&out, p.tar, p.starts, &m); err != nil {
				b.Fatal(err)
			}
			packed += countWriter(out.Len())
			b.StopTimer()
			sealed, err := openSealed(bytes.NewReader(out.Bytes()), int64(out.Len()), a.sealer.unzip)
			if err != nil {
				b.Fatal(err)
			}
			for range 200 {
				v := &view{r: frameReader{sealed, sealed.inOrder()}, first: p.first, starts: sealed.starts}
				began := time.Now()
				if _, err := v.load(Address{Mail, p.first + Position(rand.IntN(p.records))}); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			b.StartTimer()
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(packed)/float64(bodies), "stored/body")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}
