package casework

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"time"
	"unicode"

	"polytrace/archive"
)

// Ledger is what the Desk needs of the archive.
type Ledger interface {
	Append(context.Context, archive.Stream, archive.Meta, archive.Body) (archive.Meta, error)
	Scan(context.Context, archive.Stream, archive.Position) iter.Seq2[archive.Record, error]
}

// Desk holds the folded state and is the only writer of the ledger.
//
// Commands go one after another: check, append, fold. Reading waits for the
// fold alone, never for the disk.
type Desk struct {
	ledger Ledger
	now    func() time.Time

	turn   chan struct{} // Holds one element: who has taken it may append.
	behind bool          // The ledger may have more than state; guarded by turn.

	mu    sync.RWMutex
	state *State // Changed only with turn and mu.
}

// OpenDesk folds the ledger.
func OpenDesk(ctx context.Context, l Ledger, now func() time.Time) (*Desk, error) {
	d := &Desk{ledger: l, now: now, turn: make(chan struct{}, 1), state: new(State)}
	d.state.prepare()
	if err := d.catchUp(ctx); err != nil {
		return nil, err
	}
	d.turn <- struct{}{}
	return d, nil
}

// Read calls f with the present state. f must not keep s beyond the call, but may keep copies of
// what its methods return. f must not call Do.
func (d *Desk) Read(f func(s *State)) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	f(d.state)
}

// Do checks a command against the state, appends its event in the name of
// actor and returns its position once it is durable and folded. A command
// that changes nothing appends nothing and returns the position of the last
// record of the ledger. A *Refusal says that the command was not carried out
// and why. After any other error it may have been carried out or not; the next
// command finds out first.
func (d *Desk) Do(ctx context.Context, actor string, c Command) (archive.Position, error) {
	if err := checkActor(actor); err != nil {
		return 0, err
	}
	select {
	case <-d.turn:
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	defer func() { d.turn <- struct{}{} }()

	if d.behind {
		if err := d.catchUp(ctx); err != nil {
			return 0, err
		}
	}
	c = As(actor, c)
	now := d.now().UTC().Round(0)
	e, err := d.check(c, now)
	if err != nil {
		return 0, err
	}
	if e == nil {
		return max(d.state.Next(), 1) - 1, nil
	}
	e.Actor, e.At = actor, now
	return d.append(ctx, *e)
}

// checkActor keeps nonsense out of the log for good; who may do what was
// decided before.
func checkActor(actor string) error {
	if actor == "" || len(actor) > 128 || strings.ContainsFunc(actor, unicode.IsControl) {
		return fmt.Errorf("carry out a command: %q is not an actor", actor)
	}
	return nil
}

// check returns the event that a command makes, nil when it changes nothing.
func (d *Desk) check(c Command, now time.Time) (*Event, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	events, err := c.Check(d.state, now)
	switch {
	case err != nil || len(events) == 0:
		return nil, err
	case len(events) > 1:
		return nil, fmt.Errorf("command %T makes %d events; only one is kept as a whole across a crash", c, len(events))
	}
	return &events[0], nil
}

// append makes an event durable, then folds what was written. The state moves
// only when the archive has said that the record is safe.
func (d *Desk) append(ctx context.Context, e Event) (archive.Position, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return 0, fmt.Errorf("write %s event: %w", e.Type, err)
	}
	m := archive.Meta{Kind: archive.KindEvent, Received: e.At}
	m, err = d.ledger.Append(ctx, archive.Ledger, m, bytes.NewReader(body))
	if errors.Is(err, archive.ErrFollowing) {
		return 0, refuse(Conflict, "", "This machine only follows another one. Decide there; it shows here a moment later.")
	}
	if err != nil {
		// It may be there all the same: an append that was given up while it
		// waited for the disk is often completed.
		d.behind = true
		return 0, fmt.Errorf("append %s event to the ledger: %w", e.Type, err)
	}
	if m.Position != d.state.Next() {
		d.behind = true
		return 0, fmt.Errorf("append %s event to the ledger: it has another writer: wanted position %d, got %d", e.Type, d.state.Next(), m.Position)
	}
	d.fold(archive.Record{Meta: m, Body: body})
	return m.Position, nil
}

// CatchUp folds what another machine has put into the ledger, and returns how
// many records of it are folded.
func (d *Desk) CatchUp(ctx context.Context) (archive.Position, error) {
	select {
	case <-d.turn:
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	defer func() { d.turn <- struct{}{} }()
	err := d.catchUp(ctx)
	return d.state.Next(), err
}

// catchUp folds what the ledger has and the state has not.
func (d *Desk) catchUp(ctx context.Context) error {
	for r, err := range d.ledger.Scan(ctx, archive.Ledger, d.state.Next()) {
		if errors.Is(err, archive.ErrDamaged) && r.Meta.Stream == archive.Ledger {
			d.skip(r.Meta.Position, err)
			continue
		}
		if err != nil {
			return fmt.Errorf("read the ledger from position %d: %w", d.state.Next(), err)
		}
		d.fold(r)
	}
	d.behind = false
	return nil
}

func (d *Desk) fold(r archive.Record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state.ApplyRecord(r)
}

// skip goes on behind a record whose bytes are lost: one decision less is
// better than no work at all, and the state tells.
func (d *Desk) skip(at archive.Position, why error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state.skip(at, "", why.Error())
}

// StateAt is the state as it was once the event at a position was folded. It reads the ledger from its beginning.
func (d *Desk) StateAt(ctx context.Context, at archive.Position) (*State, error) {
	s := new(State)
	s.prepare()
	for r, err := range d.ledger.Scan(ctx, archive.Ledger, 0) {
		if r.Meta.Position > at {
			break
		}
		if errors.Is(err, archive.ErrDamaged) && r.Meta.Stream == archive.Ledger {
			s.skip(r.Meta.Position, "", err.Error())
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the ledger up to position %d: %w", at, err)
		}
		s.ApplyRecord(r)
	}
	return s, nil
}
