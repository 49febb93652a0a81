package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// inBucket is an archive that acknowledges what is in the bucket, running.
func inBucket(t testing.TB, d disk, store Store) *Archive {
	c := testConfig(store)
	c.Acknowledge = InBucket
	return mustOpen(t, d, c)
}

// What was acknowledged is in the bucket: the machine may be lost at once.
func TestAcknowledgedInBucketOutlivesTheMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemStore()
		a := inBucket(t, newMemDisk(), slowStore{store})
		defer running(t, a)()
		var mu sync.Mutex
		acknowledged := map[Address][]byte{}
		var left *memStore // The bucket at some moment, and what was acknowledged then.
		var then map[Address][]byte
		var senders sync.WaitGroup
		for sender := range 16 {
			senders.Go(func() {
				for i := range 10 {
					body := mailText(uint64(sender*100+i), 600+100*sender)
					m, err := a.Append(t.Context(), Mail, message(i), bytes.NewReader(body))
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					acknowledged[m.Address()] = body
					if len(acknowledged) == 70 {
						left, then = store.clone(), map[Address][]byte{}
						for at, body := range acknowledged {
							then[at] = body
						}
					}
					mu.Unlock()
				}
			})
		}
		senders.Wait()
		for store, want := range map[*memStore]map[Address][]byte{left: then, store.clone(): acknowledged} {
			d := newMemDisk()
			c := testConfig(store)
			if err := restoreOn(t.Context(), d, c, nil); err != nil && !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			b := mustOpen(t, d, c)
			for at, body := range want {
				checkBody(t, b, at, body)
			}
		}
		if n := len(store.packKeys()); n >= 160 {
			t.Errorf("160 messages went in %d packs: nobody shares one", n)
		}
	})
}

// slowStore takes a while for each object, so that several are on their way,
// and those that were begun later may end earlier.
type slowStore struct{ *memStore }

func (s slowStore) Create(ctx context.Context, key string, body Body, sum Digest, lock Lock) error {
	<-time.After(time.Duration(5+sum[0]%40) * time.Millisecond)
	return s.memStore.Create(ctx, key, body, sum, lock)
}

func TestAppendWaitsForTheBucketAsLongAsItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemStore()
		a := inBucket(t, newMemDisk(), store)
		defer running(t, a)()
		store.setFail(func(op, key string) error { return errors.New("no route to the bucket") })
		began := time.Now()
		_, err := a.Append(t.Context(), Mail, message(1), bytes.NewReader([]byte("first")))
		if !errors.Is(err, ErrUnconfirmed) || time.Since(began) != time.Minute {
			t.Errorf("while the bucket is away: %v after %s", err, time.Since(began))
		}
		store.setFail(nil)
		pass(10 * time.Minute)
		m := mustAppend(t, a, Mail, message(1), []byte("first"))
		if m.Position != 1 {
			t.Errorf("sent again it went to %d", m.Position)
		}
		checkBody(t, a, Address{Mail, 0}, []byte("first"))
	})
}

// Messages a second with the bucket in a directory, 64 writers.
func BenchmarkAppendInBucket(b *testing.B) {
	for _, writers := range []int{1, 8, 64} {
		b.Run(fmt.Sprint("4KiB×", writers), func(b *testing.B) {
			a := inBucket(b, osDisk{b.TempDir()}, newMemStore())
			ctx, stop := context.WithCancel(b.Context())
			var run sync.WaitGroup
			run.Go(func() { a.Run(ctx) })
			body := mailText(1, 4096)
			var work sync.WaitGroup
			next := make(chan int)
			for range writers {
				work.Go(func() {
					for i := range next {
						if _, err := a.Append(ctx, Mail, message(i), bytes.NewReader(body)); err != nil {
							b.Error(err)
						}
					}
				})
			}
			for i := range b.N {
				next <- i
			}
			close(next)
			work.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
			stop()
			run.Wait()
		})
	}
}

// Whoever reads does not wait for the bucket, though mail does: it is enough
// that the disk knows who it was.
func TestReadingWaitsForNoBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemStore()
		a := inBucket(t, newMemDisk(), store)
		defer running(t, a)()
		before := time.Now()
		store.setFail(func(op, key string) error { return errors.New("no route to the bucket") })
		if _, err := a.Append(t.Context(), Audit, Meta{Kind: KindEvent, Received: before}, bytes.NewReader([]byte("{}"))); err != nil || time.Since(before) > time.Second {
			t.Errorf("noted after %v: %v", time.Since(before), err)
		}
		if _, err := a.Append(t.Context(), Mail, message(1), bytes.NewReader(mailText(1, 600))); !errors.Is(err, ErrUnconfirmed) {
			t.Errorf("mail: %v", err)
		}
		store.setFail(nil)
		if err := a.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if st := a.Status().Streams[0]; st.Stream != Audit || st.InBucket != 1 || st.Proven != 1 {
			t.Errorf("later: %+v", st)
		}
	})
}

// With less free than the reserve no mail is taken, and what was taken before
// can still be read: who did is noted from the reserve.
func TestReadingIsNotedFromTheReserve(t *testing.T) {
	c := testConfig(newMemStore())
	c.Reserve = 1 << 60
	a := mustOpen(t, newMemDisk(), c)
	if _, err := a.Append(t.Context(), Audit, Meta{Kind: KindEvent}, bytes.NewReader([]byte("{}"))); err != nil {
		t.Error(err)
	}
	if _, err := a.Append(t.Context(), Mail, message(1), bytes.NewReader(mailText(1, 600))); !errors.Is(err, ErrFull) {
		t.Errorf("mail: %v", err)
	}
}
