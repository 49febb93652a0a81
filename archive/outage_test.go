package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// running runs the archive's work in the background until the test ends.
func running(t *testing.T, a *Archive) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

// While the bucket is away mail is taken in and the status says why it waits;
// when it is back everything goes there, each pack once.
func TestBucketThatIsAwayIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemStore()
		a := mustOpen(t, newMemDisk(), Config{Store: store, PackAge: time.Minute, LedgerAge: time.Second, Reserve: 1})
		defer running(t, a)()
		store.setFail(func(op, key string) error { return errors.New("no route to the bucket") })
		for i := range 3 {
			mustAppend(t, a, Mail, message(i), mailText(uint64(i), 900))
			pass(10 * time.Minute)
		}
		st := a.Status()
		if !strings.Contains(st.Failure, "no route to the bucket") || st.Streams[0].InBucket != 0 || st.Streams[0].Next != 3 || st.Streams[0].Oldest.IsZero() || st.Packs != 0 {
			t.Fatalf("while it is away: %+v", st)
		}
		store.setFail(nil)
		pass(10 * time.Minute)
		st = a.Status()
		if st.Failure != "" || st.Streams[0].InBucket != 3 || !st.Streams[0].Oldest.IsZero() {
			t.Fatalf("after it came back: %+v", st)
		}
		want := []string{"packs/mail/00000000000000000000.tar.zst", "packs/mail/00000000000000000001.tar.zst", "packs/mail/00000000000000000002.tar.zst"}
		if got := store.packKeys(); !slices.Equal(got, want) {
			t.Errorf("the bucket has %q", got)
		}
	})
}

// An upload whose answer was lost is not an error: the same object is there.
func TestUploadWhoseAnswerWasLostCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemStore()
		a := mustOpen(t, newMemDisk(), testConfig(store))
		lost := false
		store.setFail(func(op, key string) error {
			if op == "created" && !lost {
				lost = true
				return errors.New("connection reset")
			}
			return nil
		})
		m := mustAppend(t, a, Mail, message(0), mailText(0, 900))
		mustFlush(t, a)
		if st := a.Status(); !lost || st.Streams[0].InBucket != 1 || st.Failure != "" {
			t.Errorf("%+v", st)
		}
		checkBody(t, a, m.Address(), mailText(0, 900))
	})
}

// Another object under the name of a pack is never overwritten, and never
// taken for it.
func TestAnotherPackUnderTheSameNameIsReported(t *testing.T) {
	store := newMemStore()
	a := mustOpen(t, newMemDisk(), testConfig(store))
	const key = "packs/mail/00000000000000000000.tar.zst"
	body := mailText(0, 900)
	m := mustAppend(t, a, Mail, message(0), body)
	store.objects[key] = []byte("somebody else's")
	if err := a.Flush(t.Context()); !errors.Is(err, ErrDiverged) {
		t.Fatalf("flush: %v", err)
	}
	if st := a.Status(); !strings.Contains(st.Failure, key) || st.Streams[0].InBucket != 0 {
		t.Errorf("%+v", st)
	}
	if string(store.objects[key]) != "somebody else's" {
		t.Error("it was overwritten")
	}
	checkBody(t, a, m.Address(), body)
}

// rival is a bucket into which another server puts a pack of the same size
// just before us.
type rival struct{ *memStore }

func (s rival) Create(ctx context.Context, key string, body Body, sum Digest, lock Lock) error {
	raw := make([]byte, body.Size())
	if _, err := body.ReadAt(raw, 0); err != nil && err != io.EOF {
		return err
	}
	s.objects[key] = flip(len(raw) / 2)(raw)
	return s.memStore.Create(ctx, key, body, sum, lock)
}

// Neither is one that differs in a single byte.
func TestPackOfTheSameSizeIsNotOurs(t *testing.T) {
	a := mustOpen(t, newMemDisk(), testConfig(rival{newMemStore()}))
	mustAppend(t, a, Mail, message(0), mailText(0, 900))
	if err := a.Flush(t.Context()); !errors.Is(err, ErrDiverged) {
		t.Errorf("flush: %v, want ErrDiverged", err)
	}
}

// Refused credentials are told at once.
func TestRefusedCredentialsAreTold(t *testing.T) {
	store := newMemStore()
	a := mustOpen(t, newMemDisk(), testConfig(store))
	mustAppend(t, a, Mail, message(0), mailText(0, 900))
	store.setFail(func(op, key string) error { return ErrDenied })
	if err := a.Flush(t.Context()); !errors.Is(err, ErrDenied) {
		t.Errorf("flush: %v", err)
	}
	store.setFail(nil)
	mustFlush(t, a)
	other := newMemStore()
	other.setFail(func(op, key string) error { return ErrDenied })
	if _, err := openOn(t.Context(), newMemDisk(), testConfig(other)); !errors.Is(err, ErrDenied) {
		t.Errorf("open: %v", err)
	}
}

// A new data directory does not write into a bucket that has packs, and a
// data directory does not change its bucket.
func TestBucketsAreNotMixedUp(t *testing.T) {
	store, d := newMemStore(), newMemDisk()
	a := mustOpen(t, d, testConfig(store))
	mustAppend(t, a, Mail, message(0), mailText(0, 900))
	mustFlush(t, a)
	mustClose(t, a)
	if _, err := openOn(t.Context(), newMemDisk(), testConfig(store)); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "polytrace restore --from") {
		t.Errorf("a new directory: %v", err)
	}
	if _, err := openOn(t.Context(), d, testConfig(renamed{store})); err == nil || !strings.Contains(err.Error(), "mem://other") {
		t.Errorf("another bucket: %v", err)
	}
}

type renamed struct{ *memStore }

func (renamed) String() string { return "mem://other" }

// A second process is refused, and told who is there.
func TestSecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	a, err := Open(t.Context(), dir, testConfig(newMemStore()))
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, a)
	if _, err := Open(t.Context(), dir, testConfig(newMemStore())); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprintf("process %d)", os.Getpid())) {
		t.Errorf("%v", err)
	}
}

// When less is free than the reserve nothing is taken, and nothing is broken.
func TestReserveIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		c := testConfig(newMemStore())
		c.Reserve = 1 << 30
		a := mustOpen(t, d, c)
		mustAppend(t, a, Mail, message(0), mailText(0, 900))
		d.mu.Lock()
		d.free = 1 << 20
		d.mu.Unlock()
		pass(time.Second)
		if _, err := a.Append(t.Context(), Mail, message(1), strings.NewReader("x")); !errors.Is(err, ErrFull) {
			t.Errorf("append: %v", err)
		}
		if !a.Status().Full {
			t.Error("the status does not say so")
		}
		d.mu.Lock()
		d.free = 1 << 40
		d.mu.Unlock()
		pass(time.Second)
		if m := mustAppend(t, a, Mail, message(1), []byte("x")); m.Position != 1 {
			t.Errorf("position %d", m.Position)
		}
	})
}

// pass lets time go by in a bubble of synctest.
func pass(d time.Duration) { <-time.After(d) }
