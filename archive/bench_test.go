package archive

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
)

// BenchmarkAppend is how fast records become durable on a real disk, by size
// and by how many write at the same time.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{4 << 10, 32 << 10} {
		for _, writers := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("%dKiB×%d", size>>10, writers), func(b *testing.B) { benchmarkAppend(b, size, writers) })
		}
	}
}

func benchmarkAppend(b *testing.B, size, writers int) {
	c := testConfig(newMemStore())
	c.PackSize = 1 << 40
	a := mustOpen(b, osDisk{b.TempDir()}, c)
	body := mailText(1, size)
	b.SetBytes(int64(size))
	var left atomic.Int64
	left.Store(int64(b.N))
	var all sync.WaitGroup
	b.ResetTimer()
	for range writers {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if _, err := a.Append(b.Context(), Mail, message(1), bytes.NewReader(body)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// stocked is an archive of n records of mail-like text, on a real disk.
func stocked(b *testing.B, n int) (a *Archive, store *memStore, bodies int64) {
	store = newMemStore()
	a = mustOpen(b, osDisk{b.TempDir()}, testConfig(store))
	random := rand.New(rand.NewPCG(1, 1))
	for i := range n {
		body := mailText(uint64(i), 1000+random.IntN(12_000))
		bodies += int64(len(body))
		mustAppend(b, a, Mail, message(i), body)
	}
	return a, store, bodies
}

// BenchmarkSeal is how fast an open pack becomes a sealed one: read,
// compressed, compared and synced.
func BenchmarkSeal(b *testing.B) {
	a, _, bodies := stocked(b, 3000)
	s := a.all()[0]
	p := s.packs[len(s.packs)-1]
	b.SetBytes(bodies)
	b.ResetTimer()
	var size int64
	for range b.N {
		var err error
		if size, _, err = s.writeSealed(p); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(bodies)/float64(size), "times-smaller")
}

// BenchmarkRead is one record of a sealed pack, at random.
func BenchmarkRead(b *testing.B) {
	const n = 3000
	a, _, _ := stocked(b, n)
	mustFlush(b, a)
	random := rand.New(rand.NewPCG(1, 2))
	b.ResetTimer()
	for range b.N {
		if _, err := a.Read(b.Context(), Address{Mail, Position(random.IntN(n))}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkScan is a whole sealed stream in order.
func BenchmarkScan(b *testing.B) {
	a, _, bodies := stocked(b, 3000)
	mustFlush(b, a)
	b.SetBytes(bodies)
	b.ResetTimer()
	for range b.N {
		var n int64
		for r, err := range a.Scan(b.Context(), Mail, 0) {
			if err != nil {
				b.Fatal(err)
			}
			n += int64(len(r.Body))
		}
		if n != bodies {
			b.Fatalf("%d bytes of %d", n, bodies)
		}
	}
}

// BenchmarkVerify reads everything back and compares it.
func BenchmarkVerify(b *testing.B) {
	a, _, bodies := stocked(b, 3000)
	mustFlush(b, a)
	b.SetBytes(bodies)
	b.ResetTimer()
	for range b.N {
		if v, err := a.Verify(b.Context(), nil); err != nil || len(v.Problems) > 0 {
			b.Fatal(v, err)
		}
	}
}

// BenchmarkReadBody streams one large record.
func BenchmarkReadBody(b *testing.B) {
	a := mustOpen(b, osDisk{b.TempDir()}, testConfig(newMemStore()))
	body := mailText(1, 16<<20)
	m := mustAppend(b, a, Mail, message(0), body)
	mustFlush(b, a)
	b.SetBytes(int64(len(body)))
	b.ResetTimer()
	for range b.N {
		_, r, err := a.ReadBody(b.Context(), m.Address())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}
