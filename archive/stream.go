package archive

import (
	"context"
	"errors"
	"sort"
	"sync"
	"time"
)

// stream is an ordered sequence of records in packs.
type stream struct {
	a    *Archive
	name Stream

	order sync.Mutex // Held while a group goes to the disk or the open pack is closed: the order of the writes.
	mark  *marker    // Guarded by order.
	buf   []byte     // Guarded by order.
	log   *packLog   // Nil until the stream has a directory; set under order and mu.
	tree  *tree      // As log.

	mu      sync.Mutex // Guards what follows and the packs themselves.
	packs   []*pack    // In order of positions.
	next    Position
	stored  Position      // Records below this are in the bucket.
	arrived chan struct{} // Closed when stored grows.
	waiting int           // Appends that wait for the bucket.
	changed chan struct{} // Closed when next grows.
	queue   []*entry
	queued  *sync.Cond // The queue grew, or closed was set.
	writing bool       // writeLoop was started.
	closed  bool

	proven *latest // The last checkpoint; nil when there is none, or it is not known yet.

	untidy  bool      // The bucket may have objects that are to go.
	pending []Pending // Objects that are to go and are locked.
	looked  time.Time // When they were looked after last.

	sealed chan struct{} // A pack was sealed.

	sealing, uploading, proving work
	tidying                     work
	stamping                    work
	stampDue                    time.Time  // Of the next time stamp; guarded by mu.
	rewriting                   sync.Mutex // Held while stored packs are replaced, or deleted.
	recalled                    bool       // The bucket was asked for the last checkpoint; guarded by proving.
}

func (a *Archive) newStream(name Stream) *stream {
	s := &stream{a: a, name: name, mark: newMarker(a.key), changed: make(chan struct{}), arrived: make(chan struct{}), sealed: make(chan struct{}, 1)}
	s.queued = sync.NewCond(&s.mu)
	return s
}

// Next is the position that the next record will have.
func (s *stream) Next() Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next
}

// wait returns when there is a record at p.
func (s *stream) wait(ctx context.Context, p Position) error {
	for {
		s.mu.Lock()
		next, changed, closed := s.next, s.changed, s.closed
		s.mu.Unlock()
		if next > p {
			return nil
		}
		if closed {
			return ErrClosed
		}
		select {
		case <-changed:
		case <-s.a.ctx.Done():
			return ErrClosed
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// packAtLocked returns the pack that holds a position; nil when none does.
func (s *stream) packAtLocked(p Position) *pack {
	i := sort.Search(len(s.packs), func(i int) bool { return s.packs[i].first > p })
	if i == 0 || p >= s.packs[i-1].end() {
		return nil
	}
	return s.packs[i-1]
}

// openPack returns the pack that records are appended to; nil when there is
// none.
func (s *stream) openPack() *pack {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.packs); n > 0 && s.packs[n-1].tar != nil && !s.packs[n-1].full {
		return s.packs[n-1]
	}
	return nil
}

// markFull ends appending to a pack. The caller holds order.
func (s *stream) markFull(p *pack) {
	s.mu.Lock()
	p.full = true
	s.mu.Unlock()
	s.a.poke()
}

// rotate ends appending to the open pack if it has records, and was begun
// before a time.
func (s *stream) rotate(before time.Time) {
	s.order.Lock()
	defer s.order.Unlock()
	if p := s.openPack(); p != nil && p.records > 0 && !p.born.After(before) {
		s.markFull(p)
	}
}

// firstPack returns the first pack that is asked for; nil when none is. wanted is called with mu held.
func (s *stream) firstPack(wanted func(*pack) bool) *pack {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.firstPackLocked(wanted)
}

// firstPackLocked searches from the end, because what is asked for is the
// work still to do, and that is in the last few of perhaps very many packs.
func (s *stream) firstPackLocked(wanted func(*pack) bool) (found *pack) {
	for i := len(s.packs) - 1; i >= 0; i-- {
		if wanted(s.packs[i]) {
			found = s.packs[i]
		}
		if s.packs[i].end() <= s.stored {
			break
		}
	}
	return found
}

func (p *pack) unsealed() bool { return p.tar != nil && p.full }
func (p *pack) unstored() bool { return p.tar == nil && !p.stored && !p.gone }

// advanceLocked moves stored behind the packs that are in the bucket without a
// gap before them.
func (s *stream) advanceLocked() {
	before := s.stored
	for p := s.packAtLocked(s.stored); p != nil && (p.stored || p.gone); p = s.packAtLocked(s.stored) {
		s.stored = p.end()
	}
	if s.stored > before {
		close(s.arrived)
		s.arrived = make(chan struct{})
	}
}

// waitStored returns when the record at p, and all before it, are in the
// bucket. Run then seals what is open at once.
func (s *stream) waitStored(ctx context.Context, p Position) error {
	s.mu.Lock()
	s.waiting++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.waiting--
		s.mu.Unlock()
	}()
	for {
		s.mu.Lock()
		there, arrived := s.stored > p, s.arrived
		s.mu.Unlock()
		if there {
			return nil
		}
		s.a.poke()
		select {
		case <-arrived:
		case <-s.a.ctx.Done():
			return ErrClosed
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// impatient reports whether the open pack is to be sealed because appends wait
// for the bucket and it has nothing else on its way that would take long.
func (s *stream) impatient() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == 0 {
		return false
	}
	under := 0
	for i := len(s.packs) - 1; i >= 0 && s.packs[i].end() > s.stored; i-- {
		if p := s.packs[i]; p.full || p.unstored() {
			under++
		}
	}
	return under < inFlight
}

// makeDir creates the directory of the stream and its list of packs. The caller holds order.
func (s *stream) makeDir() error {
	if s.log != nil {
		return nil
	}
	if err := s.a.disk.MkdirAll(s.name.dir()); err != nil {
		return err
	}
	tree, err := openTree(s.a.disk, s.name.dir())
	if err != nil {
		return err
	}
	log, _, _, err := openPackLog(s.a.disk, s.name.dir())
	if err != nil {
		return errors.Join(err, tree.f.Close())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log, s.tree = log, tree
	return nil
}

// close ends appending; what is queued is still written.
func (s *stream) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.queued.Broadcast()
}
