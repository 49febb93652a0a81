package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// slowDisk takes a millisecond for each sync of an open pack, as disks do.
type slowDisk struct{ *memDisk }

func (d slowDisk) Create(name string) (file, error) {
	f, err := d.memDisk.Create(name)
	return slowFile{f}, err
}

type slowFile struct{ file }

func (f slowFile) Sync() error {
	pass(time.Millisecond)
	return f.file.Sync()
}

// Many writers share a sync: 64 of them take little longer than one.
func TestManyWritersShareASync(t *testing.T) {
	const writers, each = 64, 20
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		a := mustOpen(t, slowDisk{d}, testConfig(newMemStore()))
		_, before := d.counts()
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					body := fmt.Appendf(nil, "message %d of writer %d", i, w)
					if _, err := a.Append(t.Context(), Mail, message(i), bytes.NewReader(body)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		_, after := d.counts()
		if syncs := after - before; syncs > writers*each/16 {
			t.Errorf("%d syncs for %d records", syncs, writers*each)
		}
		seen := map[string]bool{}
		for r, err := range a.Scan(t.Context(), Mail, 0) {
			if err != nil {
				t.Fatal(err)
			}
			seen[string(r.Body)] = true
		}
		if a.Next(Mail) != writers*each || len(seen) != writers*each {
			t.Errorf("%d records, of which %d differ, want %d", a.Next(Mail), len(seen), writers*each)
		}
	})
}

// While some append, seal and upload, others read everything from the first
// record on, each one whole and in order.
func TestReadersFollowWriters(t *testing.T) {
	const writers, each = 4, 60
	synctest.Test(t, func(t *testing.T) {
		c := Config{Store: newMemStore(), PackSize: 16 << 10, PackAge: time.Minute, LedgerAge: time.Second, CacheSize: 8 << 10, Reserve: 1}
		a := mustOpen(t, newMemDisk(), c)
		defer running(t, a)()
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { follow(t, a, writers*each) })
		}
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					mustAppend(t, a, Mail, message(i), mailText(uint64(w*each+i), 200+i*37))
					pass(time.Second)
				}
			})
		}
		wg.Wait()
	})
}

// follow reads a stream as it grows, until it has seen n records.
func follow(t *testing.T, a *Archive, n Position) {
	for at := Position(0); at < n; {
		if err := a.Wait(t.Context(), Mail, at); err != nil {
			t.Error(err)
			return
		}
		for r, err := range a.Scan(t.Context(), Mail, at) {
			if err != nil || r.Meta.Position != at || r.Meta.SHA256 != sha256.Sum256(r.Body) {
				t.Errorf("at %d: record %d with %d bytes, %v", at, r.Meta.Position, len(r.Body), err)
				return
			}
			at++
		}
	}
}

// A caller that gives up hears so at once and does no harm to the others.
func TestAppendStopsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := mustOpen(t, slowDisk{newMemDisk()}, testConfig(newMemStore()))
		gone := errors.New("the client hung up")
		var wg sync.WaitGroup
		for i := range 30 {
			wg.Go(func() {
				ctx, cancel := context.WithCancelCause(t.Context())
				if i%3 == 0 {
					wg.Go(func() {
						pass(time.Duration(i) * 20 * time.Microsecond)
						cancel(gone)
					})
				}
				size := 500
				if i%5 == 0 {
					size = smallBody + 1
				}
				_, err := a.Append(ctx, Mail, message(i), bytes.NewReader(mailText(uint64(i), size)))
				if err != nil && (i%3 != 0 || !errors.Is(err, gone)) {
					t.Error(err)
				}
				cancel(nil)
			})
		}
		wg.Wait()
		for _, err := range a.Scan(t.Context(), Mail, 0) {
			if err != nil {
				t.Error(err)
			}
		}
		if n := a.Next(Mail); n < 20 {
			t.Errorf("%d records, want all of those whose callers waited", n)
		}
	})
}

// lentBody is a large body whose owner gives up while it is stored, and does
// not want it read after Append returned.
type lentBody struct {
	hugeBody
	t        *testing.T
	reads    int
	giveUp   func()
	returned atomic.Bool
}

func (b *lentBody) ReadAt(p []byte, off int64) (int, error) {
	if off == 0 {
		b.reads++
	}
	if b.reads == 2 && off > 0 {
		b.giveUp()
		pass(time.Millisecond)
		if b.returned.Load() {
			b.t.Error("the body is read after Append returned")
		}
	}
	return b.hugeBody.ReadAt(p, off)
}

// Append does not return while it reads the body, even if ctx ends.
func TestBodyIsNotReadAfterAppend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := mustOpen(t, newMemDisk(), testConfig(newMemStore()))
		ctx, cancel := context.WithCancel(t.Context())
		body := &lentBody{hugeBody: smallBody + 1, t: t, giveUp: cancel}
		if _, err := a.Append(ctx, Mail, message(0), body); err != nil {
			t.Errorf("the record is stored, but: %v", err)
		}
		body.returned.Store(true)
		mustClose(t, a)
		if body.reads != 2 {
			t.Errorf("the body was read %d times", body.reads)
		}
	})
}

// Close writes what is queued, ends Run and whoever waits, and what comes
// later is told so.
func TestCloseFinishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, store := newMemDisk(), newMemStore()
		a := mustOpen(t, slowDisk{d}, testConfig(store))
		stop := running(t, a)
		var wg sync.WaitGroup
		var stored [][]byte
		var mu sync.Mutex
		wg.Go(func() {
			if err := a.Wait(t.Context(), Mail, 1000); !errors.Is(err, ErrClosed) {
				t.Errorf("wait: %v", err)
			}
		})
		for i := range 10 {
			wg.Go(func() {
				body := fmt.Appendf(nil, "message %d", i)
				_, err := a.Append(t.Context(), Mail, message(i), bytes.NewReader(body))
				if err == nil {
					mu.Lock()
					stored = append(stored, body)
					mu.Unlock()
				} else if !errors.Is(err, ErrClosed) {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		mustClose(t, a)
		wg.Wait()
		stop()
		if _, err := a.Append(t.Context(), Mail, message(0), bytes.NewReader(nil)); !errors.Is(err, ErrClosed) {
			t.Errorf("append: %v", err)
		}
		if err := a.Flush(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("flush: %v", err)
		}
		a = mustOpen(t, d, testConfig(store))
		if n := a.Next(Mail); int(n) != len(stored) {
			t.Errorf("%d records, %d were acknowledged", n, len(stored))
		}
	})
}

// The cache keeps what was read last and fits; what is not in the bucket yet
// stays whatever its size.
func TestCacheKeepsWhatWasReadLast(t *testing.T) {
	d, store := newMemDisk(), newMemStore()
	c := testConfig(store)
	a := mustOpen(t, d, c)
	var bodies [][]byte
	for i := range 4 {
		bodies = append(bodies, mailText(uint64(i), 3000))
		mustAppend(t, a, Mail, message(i), bodies[i])
		mustFlush(t, a)
	}
	mustClose(t, a)
	smallest := int64(1 << 20)
	for _, key := range store.packKeys() {
		raw := store.objects[key]
		c.CacheSize += int64(len(raw))
		smallest = min(smallest, int64(len(raw)))
	}
	c.CacheSize -= smallest // Room for three of four.
	a = mustOpen(t, d, c)
	local := func() (names string) {
		for i := range 5 {
			if d.content(fmt.Sprintf("streams/mail/%020d.tar.zst", i)) != nil {
				names += fmt.Sprint(i)
			}
		}
		return names
	}
	read := func(i int) { checkBody(t, a, Address{Mail, Position(i)}, bodies[i]) }
	for _, step := range []struct {
		read    int
		local   string
		fetched int
	}{{0, "023", 0}, {3, "023", 0}, {1, "013", 1}, {0, "013", 1}, {2, "012", 2}, {1, "012", 2}} {
		read(step.read)
		if got := local(); got != step.local || store.opens != step.fetched {
			t.Errorf("after reading %d the cache has %s, %d were fetched; want %s, %d", step.read, got, store.opens, step.local, step.fetched)
		}
	}
	store.setFail(func(op, key string) error { return ErrDenied })
	bodies = append(bodies, mailText(4, 60_000))
	mustAppend(t, a, Mail, message(4), bodies[4])
	if err := a.Flush(t.Context()); !errors.Is(err, ErrDenied) {
		t.Fatal(err)
	}
	read(2)
	read(4)
	if got := local(); got != "0124" {
		t.Errorf("with one that waits for the bucket there are %s", got)
	}
}

// Many readers of a pack that is not here fetch it once.
func TestReadersFetchOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, store, bodies := filled(t, true)
		if err := d.Remove(sealedTar); err != nil {
			t.Fatal(err)
		}
		a := mustOpen(t, d, testConfig(store))
		var wg sync.WaitGroup
		for i := range 30 {
			wg.Go(func() { checkBody(t, a, Address{Mail, Position(i % 6)}, bodies[i%6]) })
		}
		wg.Wait()
		s := a.lookup(Mail)
		if err := a.fetch(t.Context(), s, s.packs[0]); err != nil { // As one who looked before it came.
			t.Error(err)
		}
		if store.opens != 1 {
			t.Errorf("it was fetched %d times", store.opens)
		}
	})
}

// hugeBody is text that nobody holds in memory.
type hugeBody int64

func (b hugeBody) Size() int64 { return int64(b) }

func (b hugeBody) ReadAt(p []byte, off int64) (int, error) {
	const line = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n"
	p = p[:min(int64(len(p)), int64(b)-off)]
	for n := 0; n < len(p); {
		n += copy(p[n:], line[(off+int64(n))%int64(len(line)):])
	}
	return len(p), nil
}

// A body of any size is appended, sealed and read without being held in memory.
func TestLargeBodyIsStreamed(t *testing.T) {
	const size = hugeBody(96 << 20)
	d := osDisk{t.TempDir()}
	a := mustOpen(t, d, testConfig(newMemStore()))
	var before, after runtime.MemStats
	check := func(what string, do func()) {
		runtime.ReadMemStats(&before)
		do()
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 24<<20 {
			t.Errorf("%s allocated %d MiB", what, used>>20)
		}
	}
	var m Meta
	check("append", func() {
		var err error
		if m, err = a.Append(t.Context(), Mail, message(0), size); err != nil {
			t.Fatal(err)
		}
	})
	read := func() {
		_, r, err := a.ReadBody(t.Context(), m.Address())
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.New()
		n, err := io.CopyBuffer(sum, struct{ io.Reader }{r}, make([]byte, 64<<10))
		if err := errors.Join(err, r.Close()); err != nil || n != int64(size) || Digest(sum.Sum(nil)) != m.SHA256 {
			t.Errorf("%d bytes were read, %v", n, err)
		}
	}
	check("read", read)
	check("seal", func() { mustFlush(t, a) })
	check("read from the sealed pack", read)
}
