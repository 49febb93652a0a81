package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Appending by several writers at once to a real disk; the second number that
// matters is how many records share a sync.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{4 << 10, 32 << 10} {
		for _, writers := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("%dKiB/%d", size>>10, writers), func(b *testing.B) {
				d := &countingDisk{disk: osDisk{b.TempDir()}}
				c := testConfig(newMemStore())
				c.PackSize = 1 << 40
				a := mustOpen(b, d, c)
				body := mailText(1, size)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				b.ResetTimer()
				var wg sync.WaitGroup
				var n atomic.Int64
				for range writers {
					wg.Go(func() {
						for n.Add(1) <= int64(b.N) {
							if _, err := a.Append(b.Context(), Mail, message(1), bytes.NewReader(body)); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
				b.StopTimer()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
				b.ReportMetric(float64(b.N)/float64(d.syncs.Load()), "records/sync")
			})
		}
	}
}

// What the disk can do: the bytes of as many records as there are writers,
// written at once into a file of zeros, and synced.
func BenchmarkBareDisk(b *testing.B) {
	for _, size := range []int{4 << 10, 32 << 10} {
		for _, writers := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("%dKiB/%d", size>>10, writers), func(b *testing.B) {
				f, err := osDisk{b.TempDir()}.Create("pack")
				if err != nil {
					b.Fatal(err)
				}
				defer f.Close()
				group := bytes.Repeat(mailText(1, size+3*blockSize), writers)
				const file = 256 << 20
				if _, err := f.WriteAt(make([]byte, file), 0); err != nil {
					b.Fatal(err)
				}
				if err := f.Sync(); err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(size))
				b.ResetTimer()
				off := int64(0)
				for n := 0; n < b.N; n += writers {
					if off+int64(len(group)) > file {
						off = 0
					}
					if _, err := f.WriteAt(group, off); err != nil {
						b.Fatal(err)
					}
					if err := f.Sync(); err != nil {
						b.Fatal(err)
					}
					off += int64(len(group))
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
			})
		}
	}
}

// countingDisk counts the syncs of files it creates.
type countingDisk struct {
	disk
	syncs atomic.Int64
}

func (d *countingDisk) Create(name string) (file, error) {
	f, err := d.disk.Create(name)
	return countingFile{f, d}, err
}

type countingFile struct {
	file
	d *countingDisk
}

func (f countingFile) Sync() error {
	f.d.syncs.Add(1)
	return f.file.Sync()
}

// benchPack is 32 MiB of mail in a pack that is full.
func benchPack(b *testing.B) (a *Archive, p *pack) {
	b.Helper()
	a = mustOpen(b, osDisk{b.TempDir()}, testConfig(newMemStore()))
	r := rand.New(rand.NewPCG(1, 2))
	for i := 0; ; i++ {
		mustAppend(b, a, Mail, message(i), mailText(uint64(i), 500+int(r.ExpFloat64()*8000)))
		s := a.lookup(Mail)
		if p = s.openPack(); p.tarEnd() > 32<<20 {
			s.markFull(p)
			return a, p
		}
	}
}

// Sealing, on one core: bytes of mail a second, and stored bytes for each. Beside
// it what the compressor alone takes for the same frames: the bound.
func BenchmarkSeal(b *testing.B) {
	a, p := benchPack(b)
	b.Run("seal", func(b *testing.B) {
		b.SetBytes(p.tarEnd())
		b.ReportAllocs()
		var packed countWriter
		for b.Loop() {
			packed = 0
			m := Manifest{Format: ManifestVersion, Stream: p.stream, First: p.first, Records: p.records}
			if err := a.sealer.seal(&packed, p.tar, p.starts, &m); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(packed)/float64(p.bytes), "stored/body")
	})
	b.Run("compress", func(b *testing.B) {
		tar := make([]byte, p.tarEnd())
		if _, err := p.tar.ReadAt(tar, 0); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(p.tarEnd())
		var packed []byte
		for b.Loop() {
			for start, end := range frames(p.starts, frameSize) {
				packed = a.sealer.zip.EncodeAll(tar[start:end], packed[:0])
			}
		}
	})
}

type countWriter int64

func (w *countWriter) Write(b []byte) (int, error) {
	*w += countWriter(len(b))
	return len(b), nil
}

// Reading any record of a sealed pack that is in the cache, whose frames are
// not in memory but by chance.
func BenchmarkReadRandom(b *testing.B) {
	a, p := benchPack(b)
	mustFlush(b, a)
	a.frames.limit = 0 // Each read decompresses.
	r := rand.New(rand.NewPCG(3, 4))
	var took []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		began := time.Now()
		if _, err := a.Read(b.Context(), Address{Mail, Position(r.IntN(p.records))}); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

// Reading a stream in order, each record checked.
func BenchmarkScan(b *testing.B) {
	for _, sealed := range []bool{false, true} {
		b.Run(fmt.Sprintf("sealed=%v", sealed), func(b *testing.B) {
			a, p := benchPack(b)
			if sealed {
				mustFlush(b, a)
			}
			b.SetBytes(p.bytes)
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				for _, err := range a.Scan(b.Context(), Mail, 0) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != p.records {
					b.Fatalf("%d records", n)
				}
			}
			b.ReportMetric(float64(p.records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// Verifying: every record, and every pack of the bucket.
func BenchmarkVerify(b *testing.B) {
	a, p := benchPack(b)
	mustFlush(b, a)
	b.SetBytes(p.bytes)
	for b.Loop() {
		if v, err := a.Verify(b.Context(), nil); err != nil || len(v.Problems) > 0 {
			b.Fatal(v, err)
		}
	}
}

// Restoring from a bucket in memory.
func BenchmarkRestore(b *testing.B) {
	a, p := benchPack(b)
	mustFlush(b, a)
	b.SetBytes(p.bytes)
	for b.Loop() {
		if err := restoreOn(b.Context(), osDisk{b.TempDir()}, testConfig(a.store), nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(p.records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// Reading a body of 64 MiB as a stream.
func BenchmarkReadBody(b *testing.B) {
	const size = hugeBody(64 << 20)
	a := mustOpen(b, osDisk{b.TempDir()}, testConfig(newMemStore()))
	m, err := a.Append(b.Context(), Mail, message(0), size)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		_, r, err := a.ReadBody(b.Context(), m.Address())
		if err != nil {
			b.Fatal(err)
		}
		_, err = io.Copy(io.Discard, r)
		if err := errors.Join(err, r.Close()); err != nil {
			b.Fatal(err)
		}
	}
}
