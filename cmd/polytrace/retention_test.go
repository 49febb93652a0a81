package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/archive/dirstore"
	"polytrace/casework"
)

// lockless answers for the locks of a bucket as a test says.
type lockless struct {
	archive.Store
	answer error
	asked  int
}

func (s *lockless) ProveLock(context.Context, archive.LockMode) error {
	s.asked++
	return s.answer
}

// newCustody is the custody of an archive with one hold on mail/3, over a
// bucket that answers for its locks.
func newCustody(t *testing.T, answer error) (*custody, *casework.Desk, *lockless) {
	t.Helper()
	dir := t.TempDir()
	disk, err := dirstore.Open(filepath.Join(dir, "bucket"))
	if err != nil {
		t.Fatal(err)
	}
	store := &lockless{Store: disk, answer: answer}
	a, err := archive.Open(t.Context(), filepath.Join(dir, "archive"), archive.Config{Store: store, Reserve: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	desk, err := casework.OpenDesk(t.Context(), a, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	decide(t, desk, casework.PlaceHold{Name: "acme", Query: "q", Records: []casework.Range{{Stream: archive.Mail, First: 3, Records: 1}}, Reason: "lawsuit"})
	return &custody{store: store}, desk, store
}

func decide(t *testing.T, desk *casework.Desk, c casework.Command) {
	t.Helper()
	if _, err := desk.Do(t.Context(), casework.System, c); err != nil {
		t.Fatal(err)
	}
}

func TestNothingMayGoBeforeTheDecisionsAreFolded(t *testing.T) {
	c, desk, _ := newCustody(t, nil)
	held, free := archive.Address{Stream: archive.Mail, Position: 3}, archive.Address{Stream: archive.Mail, Position: 4}
	if !c.held(held) || !c.held(free) {
		t.Error("something may go")
	}
	c.desk.Store(desk)
	if !c.held(held) || c.held(free) {
		t.Error("what is held is not what was decided")
	}
}

// A retention that has ended is not asked for: servers refuse it, and the pack
// would never get into the bucket.
func TestRetentionThatHasEndedIsNoLock(t *testing.T) {
	c, desk, _ := newCustody(t, nil)
	c.desk.Store(desk)
	c.locks.Store(true)
	decide(t, desk, casework.SetClass{Class: archive.Mail, Keep: casework.Period{Years: 1}, Lock: archive.Compliance})
	now := time.Now()
	for years, held := range map[int]bool{0: false, -2: false, -3: true} {
		p := archive.PackInfo{Stream: archive.Mail, First: 10, Records: 3, Newest: now.AddDate(years, 0, 0)}
		if held {
			p.First = 1
		}
		got := c.lock(p)
		if ended := years < 0; ended != (got.Mode == archive.Unlocked && got.Until.IsZero()) || got.Hold != held {
			t.Errorf("%d years: %+v", years, got)
		}
	}
}

// A hold asks for a legal hold only of a bucket that was seen to keep it: a
// pack with a lock never gets into any other.
func TestHoldAsksForALockWhereThereAreLocks(t *testing.T) {
	p := archive.PackInfo{Stream: archive.Mail, Records: 10, Newest: time.Now()}
	for _, answer := range []error{nil, archive.ErrNoLock, errors.New("bucket is away")} {
		c, desk, store := newCustody(t, answer)
		c.desk.Store(desk)
		if !c.lock(p).IsZero() {
			t.Errorf("%v: a lock before anybody asked", answer)
		}
		err := c.proveOnce(t.Context())
		if away := answer != nil && !errors.Is(answer, archive.ErrNoLock); (err != nil) != away {
			t.Errorf("%v: %v", answer, err)
		}
		if c.lock(p).Hold != (answer == nil) {
			t.Errorf("%v: %+v", answer, c.lock(p))
		}
		_ = c.proveOnce(t.Context())
		if known := answer == nil || errors.Is(answer, archive.ErrNoLock); (store.asked == 1) != known {
			t.Errorf("%v: asked %d times", answer, store.asked)
		}
	}
}

// A class that relies on locks says so for as long as there are none.
func TestClassWithoutItsLockIsAProblem(t *testing.T) {
	c, desk, store := newCustody(t, archive.ErrNoLock)
	c.desk.Store(desk)
	decide(t, desk, casework.SetClass{Class: archive.Mail, Keep: casework.Period{Years: 1}, Lock: archive.Compliance})
	for range 2 {
		if err := c.proveOnce(t.Context()); !errors.Is(err, archive.ErrNoLock) || !strings.Contains(err.Error(), "mail asks for a compliance lock") {
			t.Errorf("%v", err)
		}
	}
	store.answer = nil
	if err := c.prove(t.Context(), archive.Compliance); err != nil {
		t.Fatal(err)
	}
	if err := c.proveOnce(t.Context()); err != nil {
		t.Errorf("with locks: %v", err)
	}
}
