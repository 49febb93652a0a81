package archive

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"polytrace/burst"
)

// work is one kind of work on a stream, done by one goroutine at a time.
type work struct {
	sync.Mutex // Held while it is done.

	busy    bool          // Run has started it; guarded by the stream's mu, as the following.
	pause   time.Duration // Before the next attempt, after a failure.
	due     time.Time     // Of the next attempt.
	failure error         // Of the last attempt; with ErrDiverged there is no other.
}

// Run seals, uploads and evicts packs until ctx ends, or the archive is
// closed; with Config.Follow it reads what another machine uploads. Without it everything that is appended is durable on local disk and
// waits there.
func (a *Archive) Run(ctx context.Context) error {
	if err := a.begin(); err != nil {
		return err
	}
	defer a.others.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(a.ctx, cancel)()
	if a.config.Follow {
		return a.follow(ctx)
	}
	var jobs sync.WaitGroup
	defer jobs.Wait()
	way := burst.Way{To: a.config.Urgent, For: 10 * time.Second, Then: time.Second}
	for {
		timer := time.NewTimer(a.dispatch(ctx, &jobs, &way))
		select {
		case <-ctx.Done():
		case <-a.wake:
		case <-timer.C:
		}
		timer.Stop()
		if ctx.Err() != nil {
			return nil
		}
	}
}

// dispatch starts the work that is due, and returns the time until more will
// be.
func (a *Archive) dispatch(ctx context.Context, jobs *sync.WaitGroup, way *burst.Way) time.Duration {
	now := time.Now()
	next := now.Add(time.Hour)
	busy := way.Give(now)
	for _, s := range a.all() {
		s.lookAgain(now)
		if s.impatient() {
			s.rotate(now)
		}
		if p := s.openPack(); p != nil {
			next = earlier(next, s.rotateAged(p, now))
		}
		if busy && !s.name.Ours() && s.firstPack((*pack).unsealed) != nil {
			next = earlier(next, now.Add(burst.Pause)) // Compressing would take a good part of the machine.
		} else {
			next = earlier(next, s.start(ctx, jobs, &s.sealing, now, (*pack).unsealed, s.sealAll))
		}
		next = earlier(next, s.start(ctx, jobs, &s.uploading, now, (*pack).unstored, s.uploadAll))
		next = earlier(next, s.start(ctx, jobs, &s.proving, now, s.unproven, s.prove))
		next = earlier(next, s.start(ctx, jobs, &s.tidying, now, s.untidied, s.tidy))
		next = earlier(next, s.start(ctx, jobs, &s.stamping, now, s.unstamped(now), s.stamp))
	}
	return next.Sub(now)
}

// lookAgain has locked objects that are to go looked after every hour.
func (s *stream) lookAgain(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending) > 0 && now.Sub(s.looked) >= time.Hour {
		s.untidy, s.looked = true, now
	}
}

// earlier ignores the zero time.
func earlier(a, b time.Time) time.Time {
	if b.IsZero() || a.Before(b) {
		return a
	}
	return b
}

// rotateAged ends appending to the open pack when it is old enough, else says
// when it will be.
func (s *stream) rotateAged(p *pack, now time.Time) time.Time {
	age := s.a.config.age(s.name)
	s.mu.Lock()
	records, due := p.records, p.born.Add(age)
	s.mu.Unlock()
	if records == 0 {
		return time.Time{}
	}
	if due.After(now) {
		return due
	}
	s.rotate(now.Add(-age))
	return time.Time{}
}

// start does a kind of work if there is any, and says when it will be due if
// it is not yet.
func (s *stream) start(ctx context.Context, jobs *sync.WaitGroup, w *work, now time.Time, wanted func(*pack) bool, do func(context.Context) error) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.busy || errors.Is(w.failure, ErrDiverged) || s.firstPackLocked(wanted) == nil {
		return time.Time{}
	}
	if w.due.After(now) {
		return w.due
	}
	w.busy = true
	jobs.Go(func() {
		s.finished(ctx, w, do(ctx))
		s.a.poke()
	})
	return time.Time{}
}

// finished plans the next attempt: after 1 second, then twice as long each
// time up to a minute, less a random part, so that many servers do not come
// back at once.
func (s *stream) finished(ctx context.Context, w *work, err error) {
	s.note(ctx, w, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	w.busy = false
	if err == nil {
		w.pause = 0
		return
	}
	if ctx.Err() != nil {
		return // Interrupted; the next start goes on.
	}
	w.pause = min(max(2*w.pause, time.Second), time.Minute)
	w.due = time.Now().Add(w.pause/2 + rand.N(w.pause/2))
	s.a.log.Warn("work on the bucket is not done yet", "stream", s.name, "error", err, "again_in", w.pause)
}

// note keeps how an attempt went for Status, unless it was interrupted.
func (s *stream) note(ctx context.Context, w *work, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() == nil {
		w.failure = err
	}
}

// Flush seals what is open and returns when all of it is in the bucket, checkpoints
// included. A bucket that is away is waited for until ctx ends; ErrDenied and ErrDiverged
// are returned at once.
func (a *Archive) Flush(ctx context.Context) error {
	if a.config.Follow {
		return ErrFollowing
	}
	if err := a.begin(); err != nil {
		return err
	}
	defer a.others.Done()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(a.ctx, func() { cancel(ErrClosed) })()
	for _, s := range a.all() {
		s.rotate(time.Now())
		if err := s.sealAll(ctx); err != nil {
			return err
		}
	}
	for _, s := range a.all() {
		if err := s.patiently(ctx, &s.uploading, s.uploadAll); err != nil {
			return err
		}
		if err := s.patiently(ctx, &s.proving, s.prove); err != nil {
			return err
		}
	}
	return nil
}

// patiently does a kind of work until it is done, or can never be.
func (s *stream) patiently(ctx context.Context, w *work, do func(context.Context) error) error {
	for pause := time.Second; ; pause = min(2*pause, time.Minute) {
		err := do(ctx)
		s.note(ctx, w, err)
		if err == nil || errors.Is(err, ErrDenied) || errors.Is(err, ErrDiverged) {
			return err
		}
		select {
		case <-time.After(pause/2 + rand.N(pause/2)):
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		}
	}
}
