// Package archivetest checks that a bucket keeps the promises of
// archive.Store, and starts a real S3 server to check them on.
package archivetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"polytrace/archive"
)

// TestStore checks a store that is empty at first.
func TestStore(t *testing.T, open func(t *testing.T) archive.Store) {
	t.Run("ReadsBackWhatWasCreated", func(t *testing.T) { readsBack(t, open(t)) })
	t.Run("CreatesOnce", func(t *testing.T) { createsOnce(t, open(t)) })
	t.Run("OneOfManyCreators", func(t *testing.T) { oneOfMany(t, open(t)) })
	t.Run("RefusesWrongSum", func(t *testing.T) { refusesWrongSum(t, open(t)) })
	t.Run("ListsInOrder", func(t *testing.T) { listsInOrder(t, open(t)) })
	t.Run("NamesWhatIsMissing", func(t *testing.T) { namesMissing(t, open(t)) })
	t.Run("StopsWithItsContext", func(t *testing.T) { stopsWithContext(t, open(t)) })
	t.Run("KeepsLargeObjects", func(t *testing.T) { keepsLarge(t, open(t)) })
	t.Run("DeletesOneObject", func(t *testing.T) { deletes(t, open(t)) })
}

// TestLocks checks a store that has object lock. It waits for a retention to
// end.
func TestLocks(t *testing.T, open func(t *testing.T) archive.Store) {
	for _, mode := range []archive.LockMode{archive.Governance, archive.Compliance} {
		t.Run("KeepsUntilTheEnd/"+string(mode), func(t *testing.T) { keepsUntil(t, open(t), mode) })
		t.Run("ProvesItself/"+string(mode), func(t *testing.T) {
			if err := open(t).ProveLock(t.Context(), mode); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("OnlyStrengthensRetention", func(t *testing.T) { strengthens(t, open(t)) })
	t.Run("KeepsWhatIsHeld", func(t *testing.T) { keepsHeld(t, open(t)) })
	t.Run("ProtectNamesWhatIsMissing", func(t *testing.T) {
		if err := open(t).Protect(t.Context(), "packs/mail/404", archive.Lock{Hold: true}); !errors.Is(err, archive.ErrNoObject) {
			t.Errorf("protect: %v, want ErrNoObject", err)
		}
	})
}

// TestNoLocks checks a store that has no object lock: it says so instead of
// leaving objects unprotected.
func TestNoLocks(t *testing.T, s archive.Store) {
	body := []byte("bytes")
	lock := archive.Lock{Mode: archive.Governance, Until: time.Now().Add(time.Hour)}
	if err := s.Create(t.Context(), "packs/mail/1", bytes.NewReader(body), sha256.Sum256(body), lock); !errors.Is(err, archive.ErrNoLock) {
		t.Errorf("create with a lock: %v, want ErrNoLock", err)
	}
	create(t, s, "packs/mail/2", body)
	for _, lock := range []archive.Lock{lock, {Hold: true}} {
		if err := s.Protect(t.Context(), "packs/mail/2", lock); !errors.Is(err, archive.ErrNoLock) {
			t.Errorf("protect with %+v: %v, want ErrNoLock", lock, err)
		}
	}
	if err := s.ProveLock(t.Context(), archive.Compliance); !errors.Is(err, archive.ErrNoLock) {
		t.Errorf("prove: %v, want ErrNoLock", err)
	}
}

func deletes(t *testing.T, s archive.Store) {
	for _, key := range []string{"packs/mail/1", "packs/mail/10", "packs/mail/1.r1"} {
		create(t, s, key, []byte(key))
	}
	for range 2 { // The second time there is none.
		if err := s.Delete(t.Context(), "packs/mail/1"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Stat(t.Context(), "packs/mail/1"); !errors.Is(err, archive.ErrNoObject) {
			t.Errorf("after it was deleted: %v, want ErrNoObject", err)
		}
	}
	for _, never := range []string{"packs/mail/404", "packs/404/1", "packs/mail"} {
		if err := s.Delete(t.Context(), never); err != nil {
			t.Errorf("delete %s, which never was: %v", never, err)
		}
	}
	create(t, s, "packs/mail/1", []byte("again"))
	if got := read(t, s, "packs/mail/1", 0, -1); string(got) != "again" {
		t.Errorf("created again it reads %q", got)
	}
	for _, key := range []string{"packs/mail/10", "packs/mail/1.r1"} {
		if got := read(t, s, key, 0, -1); string(got) != key {
			t.Errorf("%s became %q", key, got)
		}
	}
}

// soon is a retention that ends before long.
func soon(mode archive.LockMode) archive.Lock {
	return archive.Lock{Mode: mode, Until: time.Now().Add(4 * time.Second).UTC().Truncate(time.Second)}
}

func keepsUntil(t *testing.T, s archive.Store, mode archive.LockMode) {
	const key = "packs/mail/1"
	body, lock := []byte("bytes"), soon(mode)
	if err := s.Create(t.Context(), key, bytes.NewReader(body), sha256.Sum256(body), lock); err != nil {
		t.Fatal(err)
	}
	if o, err := s.Stat(t.Context(), key); err != nil || o.Lock != lock {
		t.Errorf("stat: %+v, %v, want the lock %+v", o, err, lock)
	}
	if err := s.Delete(t.Context(), key); !errors.Is(err, archive.ErrRetained) {
		t.Errorf("delete: %v, want ErrRetained", err)
	}
	lock.Until = lock.Until.Add(2 * time.Second)
	if err := s.Protect(t.Context(), key, lock); err != nil {
		t.Errorf("protect for longer: %v", err)
	}
	refused := time.Time{}
	for tick := time.Tick(100 * time.Millisecond); ; <-tick {
		now := time.Now()
		err := s.Delete(t.Context(), key)
		if err == nil {
			break
		}
		if !errors.Is(err, archive.ErrRetained) || now.After(lock.Until.Add(time.Minute)) {
			t.Fatalf("delete: %v", err)
		}
		refused = now
	}
	if lock.Until.Sub(refused) > 2*time.Second {
		t.Errorf("it could be deleted soon after %s, its lock ends at %s", refused, lock.Until)
	}
	if _, err := s.Stat(t.Context(), key); !errors.Is(err, archive.ErrNoObject) {
		t.Errorf("after it was deleted: %v, want ErrNoObject", err)
	}
}

// strengthens asks for retentions one after the other; each leaves the
// strongest so far.
func strengthens(t *testing.T, s archive.Store) {
	const key = "packs/mail/1"
	create(t, s, key, []byte("bytes"))
	now := time.Now().UTC().Truncate(time.Second)
	lock := func(mode archive.LockMode, hours time.Duration) archive.Lock {
		return archive.Lock{Mode: mode, Until: now.Add(hours * time.Hour)}
	}
	for _, step := range []struct{ ask, want archive.Lock }{
		{lock(archive.Governance, 3), lock(archive.Governance, 3)},
		{lock(archive.Governance, 2), lock(archive.Governance, 3)},
		{archive.Lock{}, lock(archive.Governance, 3)},
		{lock(archive.Compliance, 1), lock(archive.Compliance, 3)},
		{lock(archive.Governance, 4), lock(archive.Compliance, 4)},
		{lock(archive.Compliance, 2), lock(archive.Compliance, 4)},
	} {
		if err := s.Protect(t.Context(), key, step.ask); err != nil {
			t.Errorf("protect with %+v: %v", step.ask, err)
		}
		if o, err := s.Stat(t.Context(), key); err != nil || o.Lock != step.want {
			t.Errorf("after protect with %+v: %+v, %v, want %+v", step.ask, o.Lock, err, step.want)
		}
	}
}

func keepsHeld(t *testing.T, s archive.Store) {
	const key = "packs/mail/1"
	create(t, s, key, []byte("bytes"))
	for _, hold := range []bool{true, true, false, true} {
		if err := s.Protect(t.Context(), key, archive.Lock{Hold: hold}); err != nil {
			t.Fatal(err)
		}
		if o, err := s.Stat(t.Context(), key); err != nil || o.Lock.Hold != hold {
			t.Errorf("stat: %+v, %v, want hold %v", o, err, hold)
		}
	}
	if err := s.Delete(t.Context(), key); !errors.Is(err, archive.ErrRetained) {
		t.Errorf("delete: %v, want ErrRetained", err)
	}
	if err := s.Protect(t.Context(), key, archive.Lock{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), key); err != nil {
		t.Errorf("delete when the hold was lifted: %v", err)
	}
}

func create(t *testing.T, s archive.Store, key string, body []byte) {
	t.Helper()
	if err := s.Create(t.Context(), key, bytes.NewReader(body), sha256.Sum256(body), archive.Lock{}); err != nil {
		t.Fatalf("create %s: %v", key, err)
	}
}

func read(t *testing.T, s archive.Store, key string, off, n int64) []byte {
	t.Helper()
	r, err := s.Open(t.Context(), key, off, n)
	if err != nil {
		t.Fatalf("open %s: %v", key, err)
	}
	got, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatalf("read %s: %v", key, err)
	}
	return got
}

func readsBack(t *testing.T, s archive.Store) {
	body := []byte("0123456789\x00\xff\r\n")
	create(t, s, "packs/mail/00000000000000000000.tar.zst", body)
	create(t, s, "packs/mail/empty", nil)
	size := int64(len(body))
	for _, span := range [][2]int64{{0, -1}, {0, size}, {3, 4}, {size - 1, 1}, {5, -1}, {0, size + 100}} {
		want := body[span[0]:]
		if span[1] >= 0 && span[1] < int64(len(want)) {
			want = want[:span[1]]
		}
		if got := read(t, s, "packs/mail/00000000000000000000.tar.zst", span[0], span[1]); !bytes.Equal(got, want) {
			t.Errorf("bytes %d and %d more: %q, want %q", span[0], span[1], got, want)
		}
	}
	if got := read(t, s, "packs/mail/empty", 0, -1); len(got) != 0 {
		t.Errorf("an empty object read back as %q", got)
	}
	o, err := s.Stat(t.Context(), "packs/mail/00000000000000000000.tar.zst")
	if err != nil || o.Size != size || o.SHA256 != sha256.Sum256(body) || o.Created.IsZero() {
		t.Errorf("stat: %+v, %v", o, err)
	}
}

func createsOnce(t *testing.T, s archive.Store) {
	create(t, s, "packs/mail/1", []byte("first"))
	other := []byte("second")
	err := s.Create(t.Context(), "packs/mail/1", bytes.NewReader(other), sha256.Sum256(other), archive.Lock{})
	if !errors.Is(err, archive.ErrExists) {
		t.Errorf("a second create: %v, want ErrExists", err)
	}
	if got := read(t, s, "packs/mail/1", 0, -1); string(got) != "first" {
		t.Errorf("the object became %q", got)
	}
}

func oneOfMany(t *testing.T, s archive.Store) {
	const writers = 8
	var wg sync.WaitGroup
	results := make([]error, writers)
	for i := range writers {
		wg.Go(func() {
			body := fmt.Appendf(nil, "writer %d", i)
			results[i] = s.Create(t.Context(), "packs/mail/7", bytes.NewReader(body), sha256.Sum256(body), archive.Lock{})
		})
	}
	wg.Wait()
	winner := -1
	for i, err := range results {
		if err == nil && winner >= 0 {
			t.Errorf("writers %d and %d both created the object", winner, i)
		}
		if err == nil {
			winner = i
		}
	}
	if winner < 0 {
		t.Fatalf("nobody created the object: %v", errors.Join(results...))
	}
	if got := read(t, s, "packs/mail/7", 0, -1); string(got) != fmt.Sprintf("writer %d", winner) {
		t.Errorf("writer %d won, but the object is %q", winner, got)
	}
}

func refusesWrongSum(t *testing.T, s archive.Store) {
	err := s.Create(t.Context(), "packs/mail/3", strings.NewReader("bytes"), sha256.Sum256([]byte("others")), archive.Lock{})
	if err == nil || errors.Is(err, archive.ErrExists) {
		t.Errorf("bytes with another's sum: %v, want a refusal", err)
	}
	if _, err := s.Stat(t.Context(), "packs/mail/3"); !errors.Is(err, archive.ErrNoObject) {
		t.Errorf("after the refusal: %v, want ErrNoObject", err)
	}
}

func listsInOrder(t *testing.T, s archive.Store) {
	keys := []string{"packs/mail-legal/0.tar", "packs/mail/0.tar", "packs/mail/1.tar", "packs/mail/10.tar", "state/x"}
	for i := range keys {
		create(t, s, keys[len(keys)-1-i], []byte(keys[len(keys)-1-i]))
	}
	for prefix, want := range map[string][]string{
		"":              keys,
		"packs/":        keys[:4],
		"packs/mail/":   keys[1:4],
		"packs/mail/1":  keys[2:4],
		"packs/mail":    keys[:4],
		"packs/nothing": nil,
	} {
		var got []string
		for o, err := range s.List(t.Context(), prefix) {
			if err != nil {
				t.Fatalf("list %q: %v", prefix, err)
			}
			if o.Size != int64(len(o.Key)) {
				t.Errorf("%s has %d bytes, want %d", o.Key, o.Size, len(o.Key))
			}
			got = append(got, o.Key)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("list %q: %v, want %v", prefix, got, want)
		}
	}
}

func namesMissing(t *testing.T, s archive.Store) {
	if _, err := s.Stat(t.Context(), "packs/mail/404"); !errors.Is(err, archive.ErrNoObject) {
		t.Errorf("stat: %v, want ErrNoObject", err)
	}
	r, err := s.Open(t.Context(), "packs/mail/404", 0, -1)
	if err == nil {
		_, err = io.ReadAll(r)
		r.Close()
	}
	if !errors.Is(err, archive.ErrNoObject) {
		t.Errorf("open: %v, want ErrNoObject", err)
	}
}

func stopsWithContext(t *testing.T, s archive.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	body := []byte("late")
	if err := s.Create(ctx, "packs/mail/9", bytes.NewReader(body), sha256.Sum256(body), archive.Lock{}); err == nil {
		t.Error("created an object after its context had ended")
	}
	for _, err := range s.List(ctx, "") {
		if err == nil {
			t.Error("listed after its context had ended")
		}
	}
}

func keepsLarge(t *testing.T, s archive.Store) {
	body := bytes.Repeat([]byte("a line of mail that repeats itself\r\n"), 20<<20/36)
	create(t, s, "packs/mail/large", body)
	if got := read(t, s, "packs/mail/large", 0, -1); !bytes.Equal(got, body) {
		t.Errorf("%d bytes read back, %d written, or they differ", len(got), len(body))
	}
	if got := read(t, s, "packs/mail/large", 17<<20, 72); !bytes.Equal(got, body[17<<20:17<<20+72]) {
		t.Error("a range in the middle differs")
	}
}
