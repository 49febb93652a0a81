package archive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Removal is a run of records that a decision removes: by expiry or erasure.
// The decision is a record of the ledger whose JSON has it among data.removes.
type Removal struct {
	Stream  Stream   `json:"stream"`
	First   Position `json:"first"`
	Records int      `json:"records"`
}

// Holds reports whether the removal takes away a record.
func (r Removal) Holds(at Address) bool {
	return at.Stream == r.Stream && at.Position >= r.First && at.Position-r.First < Position(r.Records)
}

func (r Removal) end() Position { return r.First + Position(r.Records) }

func (r Removal) String() string {
	if r.Records == 1 {
		return Address{r.Stream, r.First}.String()
	}
	return fmt.Sprintf("%s-%d", Address{r.Stream, r.First}, r.end()-1)
}

// PackInfo describes a pack.
type PackInfo struct {
	Stream  Stream    `json:"stream"`
	First   Position  `json:"first"`
	Records int       `json:"records"`
	Bytes   int64     `json:"bytes"`  // Of bodies.
	Size    int64     `json:"size"`   // Of the sealed pack; 0 while it is open.
	Oldest  time.Time `json:"oldest"` // The earliest time at which one was received.
	Newest  time.Time `json:"newest"` // The latest time at which one was received.
	Stored  bool      `json:"stored"` // It is in the bucket.
	Gone    bool      `json:"gone"`   // All its records were removed.
}

// Packs lists the packs of a stream in order of positions.
func (a *Archive) Packs(name Stream) (packs []PackInfo) {
	s := a.lookup(name)
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.packs {
		if p.records > 0 {
			packs = append(packs, infoOf(name, p.line()))
		}
	}
	return packs
}

// Remove carries out a decision that is in the bucket's ledger at order: from
// packs that keep other records too the removed ones are taken by writing the
// pack anew, packs with nothing left are deleted. It is idempotent, and
// returns when readers get ErrGone. An object that is locked stays until its
// lock ends; Status tells.
//
// ErrRetained: Config.Held says that one of the records is under hold; nothing
// was removed.
func (a *Archive) Remove(ctx context.Context, order Address, what []Removal) error {
	if err := a.remove(ctx, order, what); err != nil {
		return fmt.Errorf("remove by decision %s: %w", order, err)
	}
	return nil
}

func (a *Archive) remove(ctx context.Context, order Address, what []Removal) error {
	if a.config.Follow {
		return ErrFollowing
	}
	if err := a.begin(); err != nil {
		return err
	}
	defer a.others.Done()
	if err := a.mayRemove(order, what); err != nil {
		return err
	}
	for _, r := range what {
		if err := a.removeRun(ctx, order, r); err != nil {
			return fmt.Errorf("%s: %w", r, err)
		}
	}
	a.poke()
	return nil
}

// mayRemove refuses what nobody can show to have been decided, and what is
// under hold.
func (a *Archive) mayRemove(order Address, what []Removal) error {
	if s := a.lookup(order.Stream); s == nil || order.Stream != Ledger || s.lastProven() == nil || order.Position >= s.lastProven().Size {
		return errors.New("the decision is not in the bucket yet; flush the ledger first")
	}
	for _, r := range what {
		switch {
		case r.Stream == Ledger:
			return fmt.Errorf("%s: decisions are not removed", r)
		case r.Records < 1 || r.end() > a.Next(r.Stream):
			return fmt.Errorf("%s: %w", r, ErrNotFound)
		case a.config.Held == nil:
			continue
		}
		for at := (Address{r.Stream, r.First}); at.Position < r.end(); at.Position++ {
			if a.config.Held(at) {
				return fmt.Errorf("%s is under hold: %w", at, ErrRetained)
			}
		}
	}
	return nil
}

// removeRun works through the packs that hold a run of records.
func (a *Archive) removeRun(ctx context.Context, order Address, r Removal) error {
	s := a.lookup(r.Stream)
	if err := s.settle(ctx, r.end()); err != nil {
		return err
	}
	s.rewriting.Lock()
	defer s.rewriting.Unlock()
	for at := r.First; at < r.end(); {
		s.mu.Lock()
		p := s.packAtLocked(at)
		gone := p != nil && p.gone
		s.mu.Unlock()
		if p == nil {
			return fmt.Errorf("%s: %w: its pack is missing", Address{r.Stream, at}, ErrDamaged)
		}
		if !gone {
			if err := s.removeFrom(ctx, p, order, r); err != nil {
				return fmt.Errorf("pack %s: %w", p.key(), err)
			}
		}
		at = p.end()
	}
	return nil
}

// settle brings everything before a position into the bucket, with its
// checkpoint: only that can be removed in a way that others can follow.
func (s *stream) settle(ctx context.Context, end Position) error {
	if last := s.lastProven(); last != nil && last.Size >= end {
		return nil
	}
	s.rotate(time.Now())
	for _, step := range []func(context.Context) error{s.sealAll, s.uploadAll, s.prove} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// removeFrom removes records from a stored pack.
func (s *stream) removeFrom(ctx context.Context, p *pack, order Address, r Removal) error {
	if r.First <= p.first && r.end() >= p.end() {
		return s.bury(p)
	}
	o, err := s.a.openSealedPack(ctx, s, p)
	if err != nil {
		return err
	}
	defer o.close()
	v := &view{r: frameReader{o.sealedPack, o.inOrder()}, first: p.first, starts: o.starts}
	left, fresh, err := s.census(v, r)
	switch {
	case err != nil:
		return err
	case left == 0:
		return s.bury(p)
	case fresh == 0:
		return nil
	}
	return s.rewriteSealed(ctx, p, func(w io.Writer, next *pack) error { return s.without(v, w, next, order, r) }, s.a.sealer)
}

// census counts the records that stay, and those that the removal takes and
// no earlier one took.
func (s *stream) census(v *view, r Removal) (left, fresh int, err error) {
	for p := v.first; p < v.end(); p++ {
		start, _ := v.span(p)
		m, _, err := v.loadHead(Address{s.name, p}, start)
		if asDamage(err) != nil && !errors.Is(asDamage(err), ErrDamaged) {
			return 0, 0, err
		}
		switch taken := r.Holds(Address{s.name, p}); {
		case err == nil && m.Kind == KindErased:
		case taken:
			fresh++
		default:
			left++
		}
	}
	return left, fresh, nil
}

// without copies a pack and puts a marker in the place of each removed record.
func (s *stream) without(v *view, w io.Writer, next *pack, order Address, r Removal) error {
	mark := newMarker(s.a.key)
	for p := v.first; p < v.end(); p++ {
		at := Address{s.name, p}
		start, length := v.span(p)
		m, meta, err := v.loadHead(at, start)
		if asDamage(err) != nil && !errors.Is(asDamage(err), ErrDamaged) {
			return err
		}
		if !r.Holds(at) || err == nil && m.Kind == KindErased {
			if _, err := io.Copy(w, io.NewSectionReader(v.r, start, length)); err != nil {
				return err
			}
			next.count(&m, length)
			continue
		}
		leaf := Digest(unreadableLeaf)
		if err == nil {
			leaf = Digest(recordLeaf(meta))
		}
		stub := Meta{Format: FormatVersion, Kind: KindErased, Stream: s.name, Position: p, Received: m.Received, Leaf: &leaf, Order: &order}
		raw, err := json.Marshal(&stub)
		if err != nil {
			return err
		}
		entry := appendMeta(nil, mark, &stub, raw)
		if _, err := w.Write(entry); err != nil {
			return err
		}
		next.count(&stub, int64(len(entry)))
	}
	return nil
}

// bury gives up a pack of which nothing is left. Its object is deleted by tidy.
func (s *stream) bury(p *pack) error {
	line := p.line()
	line.Gone = true
	if err := s.log.add(line); err != nil {
		return err
	}
	s.mu.Lock()
	p.gone, s.untidy = true, true
	s.mu.Unlock()
	s.a.forget(p)
	if p.local {
		s.a.drop(localCopy{s: s, p: p})
	}
	s.a.log.Info("pack removed", "pack", p.key(), "records", p.records)
	return nil
}

// rewriteSealed makes the next generation of a stored pack, puts it into the
// bucket and reads from it from then on. write writes the tar of its records
// and counts them. Packs whose records are in it too are left out of the list.
//
// A crash may come between any two steps: before the line in packs.jsonl the
// pack is still the one it was, behind it the new one; tidy deletes the other.
func (s *stream) rewriteSealed(ctx context.Context, p *pack, write func(io.Writer, *pack) error, with *sealer) error {
	temp := s.name.dir() + "/" + fmt.Sprintf("%020d.again.tmp", uint64(p.first))
	if err := removeIfThere(s.a.disk, temp); err != nil {
		return err
	}
	f, err := s.a.disk.Create(temp)
	if err != nil {
		return err
	}
	defer func() {
		if err := errors.Join(f.Close(), removeIfThere(s.a.disk, temp)); err != nil {
			s.a.log.Warn("temporary file was not removed", "error", err)
		}
	}()
	next := &pack{stream: s.name, first: p.first, starts: []int64{0}, lock: p.lock}
	if err := write(&fileWriter{f: f, sum: noHash{}}, next); err != nil {
		return err
	}
	as := form{p.as.generation, len(s.a.config.Recipients) > 0}
	for {
		as.generation++
		size, sum, err := s.writeSealed(next, as, f, with)
		if err != nil {
			return err
		}
		next.as, next.size, next.sum = as, size, sum
		err = s.putSealed(ctx, next)
		if err == nil {
			break
		}
		if err := errors.Join(ignore(err, ErrExists), removeIfThere(s.a.disk, next.sealedName())); err != nil {
			return err
		}
		// An attempt before a crash left an object that nothing tells of.
	}
	return s.replace(p, next)
}

func ignore(err, what error) error {
	if errors.Is(err, what) {
		return nil
	}
	return err
}

// putSealed puts the local file of a pack into the bucket.
func (s *stream) putSealed(ctx context.Context, p *pack) error {
	f, err := s.a.disk.Open(p.sealedName())
	if err != nil {
		return err
	}
	p.lock = s.a.lockOf(s, p.line())
	err = s.a.store.Create(ctx, p.key(), io.NewSectionReader(f, 0, p.size), p.sum, p.lock)
	return errors.Join(err, f.Close())
}

// replace puts a new generation in the place of a pack, and of those that it
// holds too.
func (s *stream) replace(p, next *pack) error {
	next.stored, next.local, next.starts = true, true, nil
	if err := s.log.add(next.line()); err != nil {
		return err
	}
	s.mu.Lock()
	i := slices.Index(s.packs, p)
	j := i
	for j < len(s.packs) && s.packs[j].first < next.end() {
		j++
	}
	old := slices.Clone(s.packs[i:j])
	s.packs = slices.Replace(s.packs, i, j, next)
	next.used, s.untidy = s.a.tick(), true
	s.mu.Unlock()
	for _, q := range old {
		s.a.forget(q)
		if q.local {
			s.a.drop(localCopy{s: s, p: q})
		}
	}
	s.a.evict()
	s.a.log.Info("pack written anew", "pack", next.key(), "records", next.records, "instead_of", len(old), "bytes", next.size)
	return nil
}

// cover leaves out packs whose records are in an earlier pack: they were merged
// into it. Packs are in order of positions.
func cover(packs []*pack) []*pack {
	kept := packs[:0]
	for _, p := range packs {
		if n := len(kept); n > 0 && p.first < kept[n-1].end() && kept[n-1].as.generation > 0 {
			continue
		}
		kept = append(kept, p)
	}
	return kept
}

// Pending is an object that is to go and is locked.
type Pending struct {
	Key   string    `json:"key"`
	Until time.Time `json:"until,omitzero"` // End of its retention; zero: it has none that lasts, or none is known.
	Hold  bool      `json:"hold,omitempty"` // It is under a legal hold.
}

// untidied is for firstPack: whether there may be objects to delete. The
// caller holds mu.
func (s *stream) untidied(*pack) bool { return s.untidy }

// tidy deletes objects whose records are gone or in a newer generation, once a
// checkpoint tells of that generation.
func (s *stream) tidy(ctx context.Context) error {
	s.tidying.Lock()
	defer s.tidying.Unlock()
	if err := s.restate(ctx); err != nil {
		return err
	}
	s.rewriting.Lock()
	defer s.rewriting.Unlock()
	var pending []Pending
	for o, err := range s.a.store.List(ctx, "packs/"+string(s.name)+"/") {
		if err != nil {
			return err
		}
		p := s.superseding(o.Key)
		if p == nil {
			continue
		}
		err := s.a.store.Delete(ctx, o.Key)
		if errors.Is(err, ErrRetained) {
			err = s.release(ctx, o.Key, p)
		}
		if errors.Is(err, ErrRetained) {
			pending = append(pending, s.keptBy(ctx, o.Key))
			continue
		}
		if err != nil {
			return err
		}
		s.a.log.Info("object deleted", "object", o.Key)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending, s.untidy = pending, false
	return nil
}

// release deletes an object that a hold keeps, if nobody wants that hold any
// more for the pack that has its records now.
func (s *stream) release(ctx context.Context, key string, p *pack) error {
	there, err := s.a.store.Stat(ctx, key)
	if err != nil {
		return ignore(err, ErrNoObject)
	}
	s.mu.Lock()
	line := p.line()
	s.mu.Unlock()
	want := strongest(there.Lock, s.a.lockOf(s, line))
	if want.Hold || !there.Lock.Hold {
		return ErrRetained
	}
	if err := s.a.store.Protect(ctx, key, want); err != nil {
		return err
	}
	return s.a.store.Delete(ctx, key)
}

// keptBy asks what keeps an object. Retention that is over does not.
func (s *stream) keptBy(ctx context.Context, key string) Pending {
	o, err := s.a.store.Stat(ctx, key)
	if err != nil {
		return Pending{Key: key}
	}
	kept := Pending{Key: key, Hold: o.Lock.Hold}
	if o.Lock.Mode != Unlocked && (!kept.Hold || o.Lock.Until.After(time.Now())) {
		kept.Until = o.Lock.Until
	}
	return kept
}

// superseding returns the pack that an object's records are in now, or that
// says that they are all gone; nil for an object that is to stay.
func (s *stream) superseding(key string) *pack {
	_, first, as, ok := parseKey(key)
	if !ok {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.packAtLocked(first)
	if p != nil && p.stored && (p.gone || p.first != first || p.as != as) {
		return p
	}
	return nil
}

// restate puts checkpoints that tell of the packs that were written anew.
func (s *stream) restate(ctx context.Context) error {
	s.proving.Lock()
	defer s.proving.Unlock()
	for {
		if err := s.recall(ctx); err != nil {
			return err
		}
		last := s.lastProven()
		p := s.unstated(last)
		if p == nil {
			return nil
		}
		line := p.line()
		if err := s.putCheckpoint(ctx, last.Size, []packLine{line}, nil); err != nil {
			return err
		}
		line.Stated = true
		if err := s.log.add(line); err != nil {
			return err
		}
		s.mu.Lock()
		p.stated = true
		s.mu.Unlock()
	}
}

// unstated finds a pack that was written anew and no checkpoint tells of.
func (s *stream) unstated(last *latest) *pack {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.packs {
		if p.as.generation > 0 && !p.stated && !p.gone && last != nil && p.end() <= last.Size {
			return p
		}
	}
	return nil
}

// Relock asks Config.Lock for every pack in the bucket and applies what
// changed. A retention is never shortened.
func (a *Archive) Relock(ctx context.Context) error {
	if a.config.Follow {
		return ErrFollowing
	}
	if err := a.begin(); err != nil {
		return err
	}
	defer a.others.Done()
	var failed error
	for _, s := range a.all() {
		if err := s.relock(ctx); err != nil {
			failed = errors.Join(failed, fmt.Errorf("relock %s: %w", s.name, err))
		}
	}
	return failed
}

func (s *stream) relock(ctx context.Context) error {
	s.rewriting.Lock()
	defer s.rewriting.Unlock()
	s.mu.Lock()
	packs := slices.Clone(s.packs)
	s.mu.Unlock()
	for _, p := range packs {
		s.mu.Lock()
		line := p.line()
		s.mu.Unlock()
		if !line.Stored || line.Gone {
			continue
		}
		want := strongest(line.Lock, s.a.lockOf(s, line))
		if want == line.Lock {
			continue
		}
		// An earlier attempt may have got through and its answer been lost.
		there, err := s.a.store.Stat(ctx, p.key())
		if err != nil {
			return err
		}
		want = strongest(there.Lock, want)
		if err := s.a.store.Protect(ctx, p.key(), want); err != nil {
			return err
		}
		line.Lock = want
		if err := s.log.add(line); err != nil {
			return err
		}
		s.mu.Lock()
		p.lock = want
		s.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.untidy = s.untidy || len(s.pending) > 0 // What a hold kept may go when it was lifted.
	return nil
}

// strongest is what a lock becomes: the retention is the longer one, the hold
// that which is wanted now.
func strongest(is, want Lock) Lock {
	if is.Mode == Unlocked {
		return want
	}
	if is.Mode == Compliance || want.Mode == Unlocked {
		want.Mode = is.Mode
	}
	if want.Until.Before(is.Until) {
		want.Until = is.Until
	}
	return want
}
