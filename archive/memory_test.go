package archive_test

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/archive/dirstore"
)

// repeated is a body that repeats a text and is never whole in memory.
type repeated struct {
	text []byte
	size int64
}

func (r repeated) Size() int64 { return r.size }

func (r repeated) ReadAt(b []byte, off int64) (n int, err error) {
	for n < len(b) && off < r.size {
		from := off % int64(len(r.text))
		k := copy(b[n:], r.text[from:min(int64(len(r.text)), from+r.size-off)])
		n, off = n+k, off+int64(k)
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// Large messages go through in pieces: many writers at once take little
// memory, from Append until everything is sealed and in the bucket.
func TestWritersOfLargeMessagesTakeLittleMemory(t *testing.T) {
	const writers, size = 64, 6_000_000
	allocated, _ := appendLarge(t, writers, size)
	if each := allocated / writers; each > size/2 {
		t.Errorf("%d bytes were allocated for each message of %d", each, size)
	}
}

// Peak memory of the process with 64 writers of 50 MB, and how fast they are.
func BenchmarkWritersOfLargeMessages(b *testing.B) {
	const writers, size = 64, 50_000_000
	b.SetBytes(writers * size)
	for b.Loop() {
		_, peak := appendLarge(b, writers, size)
		b.ReportMetric(float64(peak)/(1<<20), "peak-MiB")
	}
}

// appendLarge returns how many bytes were allocated, and how many the process
// had from the system in the end.
func appendLarge(t testing.TB, writers int, size int64) (allocated int64, system uint64) {
	dir := t.TempDir()
	store, err := dirstore.Open(filepath.Join(dir, "bucket"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := archive.Open(t.Context(), filepath.Join(dir, "archive"), archive.Config{Store: store, Reserve: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	var text bytes.Buffer
	for i := range 20_000 {
		fmt.Fprintf(&text, "%d: %x\r\n", i, i*i*2654435761)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			if _, err := a.Append(t.Context(), archive.Mail, archive.Meta{Kind: archive.KindMessage, Received: time.Unix(1, 0)}, repeated{text.Bytes(), size}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if err := a.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc), after.Sys - after.HeapReleased
}
