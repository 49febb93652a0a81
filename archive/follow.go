package archive

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// ErrFollowing is returned by an archive that follows another one: it takes
// nothing itself.
var ErrFollowing = errors.New("this machine follows another one and only reads")

// How often a follower looks for the next pack, and for everything else:
// checkpoints, new streams, packs that were written anew or went.
const (
	followEvery  = time.Second
	refreshEvery = 30 * time.Second
)

// follow reads what another machine puts into the bucket until ctx ends.
func (a *Archive) follow(ctx context.Context) error {
	f := &following{a: a}
	for tick := time.NewTimer(0); ; tick.Reset(followEvery) {
		select {
		case <-ctx.Done():
			tick.Stop()
			return nil
		case <-tick.C:
		}
		err := f.look(ctx, time.Now())
		a.mu.Lock()
		if ctx.Err() == nil {
			a.followed = err
		}
		a.mu.Unlock()
	}
}

// following is a follow under way.
type following struct {
	a         *Archive
	refreshed time.Time
	decided   Position // Records of the ledger below this were read for what they remove.
	removed   removed
}

func (f *following) look(ctx context.Context, now time.Time) error {
	if f.removed == nil || now.Sub(f.refreshed) >= refreshEvery {
		if f.removed == nil {
			f.removed = removed{}
		}
		if err := f.refresh(ctx); err != nil {
			return fmt.Errorf("look into the bucket: %w", err)
		}
		f.refreshed = now
	}
	for _, s := range f.a.all() {
		if err := s.followOn(ctx); err != nil {
			return fmt.Errorf("follow %s: %w", s.name, err)
		}
	}
	return f.decide(ctx)
}

// followOn takes the packs that begin where the stream ends.
func (s *stream) followOn(ctx context.Context) error {
	for {
		next, err := s.nextInBucket(ctx)
		if next == nil || err != nil {
			return err
		}
		if err := s.takePack(ctx, next); err != nil {
			return err
		}
	}
}

// nextInBucket asks for the pack behind the last one; nil when there is none yet.
func (s *stream) nextInBucket(ctx context.Context) (*pack, error) {
	for _, encrypted := range []bool{false, true} {
		p := &pack{stream: s.name, first: s.Next(), as: form{age: encrypted}, stored: true}
		o, err := s.a.store.Stat(ctx, p.key())
		if errors.Is(err, ErrNoObject) {
			continue
		}
		p.size = o.Size
		return p, err
	}
	return nil, nil
}

// takePack adds a pack of the bucket behind the last one.
func (s *stream) takePack(ctx context.Context, p *pack) error {
	s.order.Lock()
	defer s.order.Unlock()
	if err := s.makeDir(); err != nil {
		return err
	}
	if !p.gone {
		if err := s.a.inspect(ctx, p); err != nil {
			return err
		}
	}
	if err := s.log.add(p.line()); err != nil {
		return err
	}
	defer s.a.evict()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.packs = append(s.packs, p)
	s.next = p.end()
	s.advanceLocked()
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

// refresh looks for new streams, and reads new checkpoints.
func (f *following) refresh(ctx context.Context) error {
	keys := map[string]string{}
	v := &inventory{store: f.a.store, keys: keys, streams: map[Stream]*shelf{}}
	for o, err := range f.a.store.List(ctx, "keys/") {
		if err == nil {
			err = v.takeKey(ctx, o)
		}
		if err != nil {
			return err
		}
	}
	for o, err := range f.a.store.List(ctx, "checkpoints/") {
		if err != nil {
			return err
		}
		name := Stream(strings.Split(o.Key, "/")[1])
		if !name.Valid() || f.known(name, o.Key) {
			continue
		}
		if err := v.takeNote(ctx, o); err != nil {
			return err
		}
	}
	for _, name := range v.names() {
		if err := f.takeNotes(ctx, v, v.streams[name]); err != nil {
			return err
		}
		if err := f.decide(ctx); err != nil {
			return err
		}
	}
	return nil
}

// known reports whether a checkpoint was read before.
func (f *following) known(name Stream, key string) bool {
	s := f.a.lookup(name)
	if s == nil {
		return false
	}
	last := s.lastProven()
	size, again, ok := parseCheckpointBase(path.Base(key))
	return last != nil && ok && (size < last.Size || size == last.Size && again <= last.Again)
}

// takeNotes takes over checkpoints: their packs that were written anew, then
// the last of them for proofs.
func (f *following) takeNotes(ctx context.Context, v *inventory, shelf *shelf) error {
	s, err := f.a.streamFor(shelf.name)
	if err != nil {
		return err
	}
	for i := range shelf.notes {
		n := &shelf.notes[i]
		if v.hold(shelf, n); n.err != nil {
			return fmt.Errorf("%s: %w: %w", n.key, ErrDamaged, n.err)
		}
	}
	if err := f.takeStated(ctx, s, shelf); err != nil {
		return err
	}
	if err := s.followOn(ctx); err != nil {
		return err
	}
	for i := range shelf.notes {
		n := &shelf.notes[i]
		for _, l := range n.Packs {
			if err := f.takeGeneration(ctx, s, l); err != nil {
				return err
			}
		}
		if n.Size > s.Next() {
			return nil // Its packs come first.
		}
		if err := s.growTree(ctx, n.Size, n.Size); err != nil {
			return err
		}
		if root, err := s.tree.root(n.Size); err != nil || Digest(root) != n.Root {
			return fmt.Errorf("%s: %w: the records here are not those that were signed (%w)", n.key, ErrDamaged, err)
		}
		if err := s.took(n.Checkpoint, n.signed); err != nil {
			return err
		}
	}
	return nil
}

// takeStated takes the packs behind the last one that checkpoints tell of. Of
// some there is a newer generation, and some went before they were seen here.
func (f *following) takeStated(ctx context.Context, s *stream, shelf *shelf) error {
	newest := shelf.newest()
	for {
		st, ok := newest[s.Next()]
		if !ok {
			return nil
		}
		p := &pack{stream: s.name, first: st.First}
		p.takeLine(st.packLine)
		p.stored, p.stated = true, true
		err := s.takePack(ctx, p)
		if errors.Is(err, ErrNoObject) && f.removed.all(s.name, st.First, st.end()) {
			p.gone = true
			err = s.takePack(ctx, p)
		}
		if err != nil {
			return err
		}
	}
}

// takeGeneration reads from a pack that was written anew from now on.
func (f *following) takeGeneration(ctx context.Context, s *stream, l packLine) error {
	s.mu.Lock()
	p := s.packAtLocked(l.First)
	s.mu.Unlock()
	if p == nil || l.Generation == 0 || p.first != l.First || p.as.generation >= l.Generation || p.gone {
		return nil
	}
	next := &pack{stream: s.name, first: l.First, as: form{l.Generation, l.Age}, stored: true, stated: true, size: l.Size, sum: l.SHA256}
	if err := s.a.inspect(ctx, next); err != nil {
		return err
	}
	return s.replace(p, next)
}

// decide reads what the ledger removes.
func (f *following) decide(ctx context.Context) error {
	for r, err := range f.a.Scan(ctx, Ledger, f.decided) {
		if err != nil && !errors.Is(err, ErrDamaged) {
			return err
		}
		for _, one := range removalsOf(r.Body) {
			f.removed.add([]Removal{one})
			if err := f.bury(one); err != nil {
				return err
			}
		}
		f.decided++
	}
	return nil
}

// bury gives up the packs of which a removal leaves nothing.
func (f *following) bury(r Removal) error {
	s := f.a.lookup(r.Stream)
	if s == nil {
		return nil
	}
	s.mu.Lock()
	packs := slices.Clone(s.packs)
	s.mu.Unlock()
	for _, p := range packs {
		if !p.gone && p.first < r.end() && p.end() > r.First && f.removed.all(r.Stream, p.first, p.end()) {
			if err := s.bury(p); err != nil {
				return err
			}
		}
	}
	return nil
}
