package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"
	"time"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/webui"
)

// custody tells the archive what was decided about its records, and proves
// that the bucket can keep them. The archive is opened before the decisions
// are folded; until then nothing may go.
type custody struct {
	store archive.Store
	desk  atomic.Pointer[casework.Desk] // Nil until the decisions are folded.
	locks atomic.Bool                   // The bucket was seen to keep what is locked.
	asked atomic.Bool                   // It answered whether it does.
}

// held reports whether a hold keeps a record.
func (c *custody) held(at archive.Address) bool {
	desk := c.desk.Load()
	if desk == nil {
		return true
	}
	held := true
	desk.Read(func(s *casework.State) { held = s.Held(at) })
	return held
}

// removed reports whether it was decided to remove a record.
func (c *custody) removed(at archive.Address) (gone bool) {
	if desk := c.desk.Load(); desk != nil {
		desk.Read(func(s *casework.State) { gone = s.Removed(at) })
	}
	return gone
}

// lock is what the bucket keeps a pack by. A hold asks for a lock only where
// there are locks: elsewhere it keeps the records by itself, and a pack would
// never get into the bucket.
func (c *custody) lock(p archive.PackInfo) (l archive.Lock) {
	desk := c.desk.Load()
	if desk == nil {
		return archive.Lock{} // The Keeper has it asked again at start.
	}
	desk.Read(func(s *casework.State) { l = s.Lock(p) })
	l.Hold = l.Hold && c.locks.Load()
	if !l.Until.After(time.Now()) {
		l.Mode, l.Until = archive.Unlocked, time.Time{} // Servers refuse a retention that has ended.
	}
	return l
}

// prove finds out whether the bucket keeps what is locked.
func (c *custody) prove(ctx context.Context, mode archive.LockMode) error {
	err := c.store.ProveLock(ctx, mode)
	if err == nil || errors.Is(err, archive.ErrNoLock) {
		c.locks.Store(err == nil)
		c.asked.Store(true)
	}
	return err
}

// proveOnce asks the bucket at the first need since the start. It fails when a
// class relies on locks that there are not.
func (c *custody) proveOnce(ctx context.Context) error {
	mode, class, needed := c.wanted()
	if !needed {
		return nil
	}
	if !c.asked.Load() {
		if err := c.prove(ctx, mode); err != nil && !errors.Is(err, archive.ErrNoLock) {
			return fmt.Errorf("find out whether the bucket keeps what is locked: %w", err)
		}
	}
	if class != "" && !c.locks.Load() {
		return fmt.Errorf("the class %s asks for a %s lock: %w", class, mode, archive.ErrNoLock)
	}
	return nil
}

// wanted is the lock that a class asks for, or a hold without one.
func (c *custody) wanted() (mode archive.LockMode, class archive.Stream, needed bool) {
	c.desk.Load().Read(func(s *casework.State) {
		for _, k := range s.Classes() {
			if k.Lock != archive.Unlocked {
				mode, class, needed = k.Lock, k.Name, true
			}
		}
		for _, h := range s.Holds() {
			needed = needed || h.Released.IsZero()
		}
	})
	if mode == archive.Unlocked {
		mode = archive.Governance
	}
	return mode, class, needed
}

// vault is the archive as the Keeper sees it.
type vault struct {
	*archive.Archive
	custody *custody
}

// Relock proves the locks before it relies on them.
func (v vault) Relock(ctx context.Context) error {
	return errors.Join(v.custody.proveOnce(ctx), v.Archive.Relock(ctx))
}

// finder is the index as the Keeper sees it: it may not be open.
type finder struct{ *app }

var errNoIndex = errors.New("the index is not open")

func (f finder) records() (webui.Records, error) {
	x := f.index.Load()
	if x == nil {
		return webui.Records{}, errNoIndex
	}
	if !f.archive.Readable() { // What a hold is to keep could not be found.
		return webui.Records{}, fmt.Errorf("mail cannot be read here: %w", archive.ErrNoIdentity)
	}
	return webui.Records{Archive: f.archive, Index: x, Desk: f.desk, Now: time.Now}, nil
}

func (f finder) CaughtUp(ctx context.Context) error {
	r, err := f.records()
	if err != nil {
		return err
	}
	return r.CaughtUp(ctx)
}

func (f finder) Matches(ctx context.Context, query string, after map[archive.Stream]archive.Position) iter.Seq2[archive.Address, error] {
	r, err := f.records()
	if err != nil {
		return failing(err)
	}
	return r.Matches(ctx, query, after)
}

func (f finder) Alike(ctx context.Context, p archive.PackInfo) iter.Seq2[archive.Address, error] {
	r, err := f.records()
	if err != nil {
		return failing(err)
	}
	return r.Alike(ctx, p)
}

func failing(err error) iter.Seq2[archive.Address, error] {
	return func(yield func(archive.Address, error) bool) { yield(archive.Address{}, err) }
}

func newKeeper(a *app) *casework.Keeper {
	return casework.NewKeeper(casework.KeeperConfig{Desk: a.desk, Vault: vault{a.archive, &a.custody}, Finder: finder{a}, Log: a.log})
}
