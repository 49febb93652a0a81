package archive

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"polytrace/archive/archivetest/authority"
)

// stamps is a Config.Stamp.
func stamps(t testing.TB) func(context.Context, Digest) ([]byte, error) {
	a := authority.New(t)
	return func(_ context.Context, d Digest) ([]byte, error) { return a.Stamp(d) }
}

// The time that an authority tells of a checkpoint is read from the bucket
// alone, and whether its root is trusted.
func TestTimestampsAreProven(t *testing.T) {
	au := authority.New(t)
	at := time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)
	au.Now = func() time.Time { return at }
	store := newMemStore()
	c := testConfig(store)
	c.Stamp = func(_ context.Context, d Digest) ([]byte, error) { return au.Stamp(d) }
	a := mustOpen(t, newMemDisk(), c)
	mustAppend(t, a, Mail, message(0), mailText(0, 300))
	mustFlush(t, a)
	mail := a.lookup(Mail)
	if err := mail.stamp(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, a, Mail, message(1), mailText(1, 300))
	mustFlush(t, a)
	for _, trusted := range []bool{false, true} {
		how := Inspection{Key: a.PublicKey()}
		if trusted {
			how.Authorities = au.Roots
		}
		v := audit(t, store, how)
		if len(v.Problems) > 0 {
			t.Fatalf("%+v", v.Problems)
		}
		p := v.Proven[0]
		if want := (Timestamp{Time: at, Authority: "CN=Test Time Stamps", Trusted: trusted}); p.Stamped != want || p.StampedTo != 1 || p.Records != 2 {
			t.Errorf("%+v", p)
		}
	}
	if d, err := a.Examine(t.Context()); err != nil || d.Total() > 0 {
		t.Errorf("%+v %v", d, err)
	}
}

// An authority that does not answer keeps nothing else up, and is asked again;
// a time stamp that got into the bucket is told of, although the answer of the
// bucket was lost.
func TestTimestampIsMadeInTheEnd(t *testing.T) {
	store := newMemStore()
	c := testConfig(store)
	good, away, asked := stamps(t), errors.New("authority is away"), 0
	c.Stamp = func(ctx context.Context, d Digest) ([]byte, error) {
		if asked++; asked == 1 {
			return nil, away
		}
		return good(ctx, d)
	}
	a := mustOpen(t, newMemDisk(), c)
	mustAppend(t, a, Mail, message(0), mailText(0, 300))
	mustFlush(t, a)
	mail := a.lookup(Mail)
	if err := mail.stamp(t.Context()); !errors.Is(err, away) {
		t.Fatal(err)
	}
	store.setFail(func(op, key string) error {
		if op == "created" && strings.HasPrefix(key, "timestamps/") {
			return away
		}
		return nil
	})
	if err := mail.stamp(t.Context()); err == nil {
		t.Fatal("the answer of the bucket was not lost")
	}
	store.setFail(nil)
	if err := mail.stamp(t.Context()); err != nil || asked != 2 {
		t.Fatalf("%v after %d questions", err, asked)
	}
	if v := audit(t, store, Inspection{}); len(v.Problems) > 0 || v.Proven[0].StampedTo != 1 {
		t.Errorf("%+v", v)
	}
}

// A stream is time-stamped once in a while when something came in, and never
// for the sake of a time stamp.
func TestTimestampsAreMadeOnceInAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good, asked := stamps(t), atomic.Int32{}
		c := testConfig(newMemStore())
		c.StampEvery = time.Hour
		c.Stamp = func(ctx context.Context, d Digest) ([]byte, error) {
			asked.Add(1)
			return good(ctx, d)
		}
		a := mustOpen(t, newMemDisk(), c)
		ctx, stop := context.WithCancel(t.Context())
		go a.Run(ctx)
		for i := range 4 {
			mustAppend(t, a, Mail, message(i), mailText(uint64(i), 300))
			mustFlush(t, a)
			pass(10 * time.Minute)
		}
		if n := asked.Load(); n != 1 {
			t.Errorf("%d time stamps in 40 minutes", n)
		}
		pass(10 * time.Hour)
		if n := asked.Load(); n != 2 {
			t.Errorf("%d time stamps in the end", n)
		}
		stop()
		synctest.Wait()
	})
}

// A machine that was restored without its key vouches for what another one
// signed, after it found it right, so that who trusts its key can check it.
func TestRestoredWithoutItsKeyItSignsAgain(t *testing.T) {
	store := newMemStore()
	a := mustOpen(t, newMemDisk(), testConfig(store))
	mustAppend(t, a, Mail, message(0), mailText(0, 300))
	mustAppend(t, a, Mail, message(1), mailText(1, 300))
	mustFlush(t, a)
	old := a.PublicKey()
	mustClose(t, a)
	d := newMemDisk()
	if err := restoreOn(t.Context(), d, testConfig(store), nil); err != nil {
		t.Fatal(err)
	}
	b := mustOpen(t, d, testConfig(store))
	if b.PublicKey() == old {
		t.Fatal("the key was in the bucket")
	}
	mustFlush(t, b)
	for i := range 2 {
		p, err := b.Prove(t.Context(), Address{Mail, Position(i)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Check(b.PublicKey()); err != nil {
			t.Errorf("mail/%d: %v", i, err)
		}
	}
	for _, key := range []string{"", b.PublicKey()} {
		v := audit(t, store, Inspection{Key: key})
		if key == "" && len(v.Problems) > 0 || v.Proven[0].Records != 2 {
			t.Errorf("with key %q: %+v", key, v)
		}
	}
}
