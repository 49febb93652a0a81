package casework

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"polytrace/archive"
)

// Vault is what the Keeper needs of the archive.
type Vault interface {
	Streams() []archive.Stream
	Next(archive.Stream) archive.Position
	Packs(archive.Stream) []archive.PackInfo
	Flush(context.Context) error
	Remove(ctx context.Context, order archive.Address, what []archive.Removal) error
	Relock(context.Context) error
}

// Finder is what the Keeper needs of the index.
type Finder interface {
	// CaughtUp fails while the archive has records that cannot be found yet.
	CaughtUp(context.Context) error
	// Matches yields the records that a query finds, with every copy and
	// arrival, from the positions in after on; nil is from the first.
	Matches(ctx context.Context, query string, after map[archive.Stream]archive.Position) iter.Seq2[archive.Address, error]
	// Alike yields the records outside of a pack whose bytes are kept in it only.
	Alike(context.Context, archive.PackInfo) iter.Seq2[archive.Address, error]
}

// KeeperConfig connects the Keeper.
type KeeperConfig struct {
	Desk   *Desk
	Vault  Vault
	Finder Finder
	Every  time.Duration // Between two rounds when nobody pokes; default 1 hour.
	Log    *slog.Logger  // Default: discard.
}

// Keeper carries out what was decided about keeping and removing. Every round
// it
//
//  1. extends standing holds by what came in,
//  2. orders what is due to be removed,
//  3. has the archive lock its packs as classes and holds say now,
//  4. removes what was ordered, each order again after a start, because nobody knows how far it got.
//
// What goes is in the ledger, and the ledger in the bucket, before anything is
// removed, so that a missing record always has its reason. Nothing becomes due
// while the index is behind, or a standing hold was not asked about all mail.
type Keeper struct {
	config KeeperConfig
	wake   chan struct{} // Holds a token when somebody poked.

	// Of Run alone.
	seen     map[string]positions // How far a standing hold was asked about, by name.
	relocked int                  // State.locks when the archive was last told; -1: never.

	mu     sync.Mutex // Guards what follows.
	done   map[archive.Address]bool
	status KeeperStatus
}

type positions = map[archive.Stream]archive.Position

// KeeperStatus tells how the last round went.
type KeeperStatus struct {
	Checked time.Time `json:"checked,omitzero"` // End of the last round.
	Next    time.Time `json:"next,omitzero"`    // The next one, unless somebody decides something before.
	Doing   string    `json:"doing,omitempty"`  // Under way now.
	Failure string    `json:"failure,omitempty"`
	Kept    []string  `json:"kept,omitempty"` // Packs that stay although their time has passed and nobody holds them, and why.
}

// NewKeeper makes a Keeper; Run makes it work.
func NewKeeper(c KeeperConfig) *Keeper {
	if c.Every == 0 {
		c.Every = time.Hour
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Keeper{config: c, wake: make(chan struct{}, 1), seen: make(map[string]positions), relocked: -1, done: make(map[archive.Address]bool)}
}

// Poke begins a round at once: something was decided.
func (k *Keeper) Poke() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// Status tells how the Keeper is.
func (k *Keeper) Status() KeeperStatus {
	k.mu.Lock()
	defer k.mu.Unlock()
	st := k.status
	st.Kept = slices.Clone(st.Kept)
	return st
}

// Done reports whether an order is known to be carried out: nobody can read
// what it removed. The bucket may still have to wait for a lock.
func (k *Keeper) Done(order archive.Address) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.done[order]
}

// The pause after a round that failed doubles from the first to the last.
const (
	firstPause = time.Second
	lastPause  = 10 * time.Minute
)

// Run works until ctx ends: at once, every Every, and when poked.
func (k *Keeper) Run(ctx context.Context) error {
	pause := firstPause
	for {
		err := k.round(ctx)
		if ctx.Err() != nil {
			return nil
		}
		wait := k.config.Every
		if err != nil {
			wait, pause = min(pause, wait), min(2*pause, lastPause)
			k.config.Log.WarnContext(ctx, "retention waits", "error", err, "again_in", wait)
		} else {
			pause = firstPause
		}
		k.finished(err, wait)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-k.wake:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return nil
		}
	}
}

func (k *Keeper) finished(err error, wait time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.config.Desk.now()
	k.status.Checked, k.status.Next, k.status.Doing, k.status.Failure = now, now.Add(wait), "", ""
	if err != nil {
		k.status.Failure = err.Error()
	}
}

func (k *Keeper) doing(what string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.status.Doing = what
}

// round does all there is to do. What was ordered is carried out also when
// nothing can expire.
func (k *Keeper) round(ctx context.Context) error {
	return errors.Join(k.decide(ctx), k.relock(ctx), k.carryOut(ctx))
}

// decide extends holds, then orders to be removed what is due.
func (k *Keeper) decide(ctx context.Context) error {
	ends := k.ends()
	if err := k.config.Finder.CaughtUp(ctx); err != nil {
		return fmt.Errorf("nothing expires before all mail is searchable: %w", err)
	}
	if err := k.extendAll(ctx, ends, false); err != nil {
		return err
	}
	return k.expire(ctx, ends)
}

// ends tells how far each stream goes now.
func (k *Keeper) ends() positions {
	ends := make(positions)
	for _, s := range k.config.Vault.Streams() {
		if s != archive.Audit { // Else each search would have the standing holds asked again.
			ends[s] = k.config.Vault.Next(s)
		}
	}
	return ends
}

// patience is how long a round waits for the bucket to take the ledger.
const patience = 5 * time.Minute

// carryOut removes what was ordered and is not known to be removed.
func (k *Keeper) carryOut(ctx context.Context) error {
	var orders []Order
	k.config.Desk.Read(func(s *State) { orders = s.Orders() })
	orders = slices.DeleteFunc(orders, func(o Order) bool { return k.Done(o.At) || len(o.Removes) == 0 })
	if len(orders) == 0 {
		return nil
	}
	k.doing("putting decisions in the bucket, before anything is removed")
	short, cancel := context.WithTimeout(ctx, patience)
	err := k.config.Vault.Flush(short)
	cancel()
	if err != nil {
		return fmt.Errorf("put the ledger in the bucket before %d removals: %w", len(orders), err)
	}
	k.doing("removing records")
	var errs []error
	for _, o := range orders {
		if err := k.config.Vault.Remove(ctx, o.At, o.Removes); err != nil {
			errs = append(errs, fmt.Errorf("carry out %s: %w", o.At, err))
			continue
		}
		k.config.Log.InfoContext(ctx, "records removed", "order", o.At.String(), "records", CountRecords(o.Removes), "erasure", o.Erasure)
		k.mu.Lock()
		k.done[o.At] = true
		k.mu.Unlock()
	}
	return errors.Join(errs...)
}

// extendAll asks each standing hold about what came in since it was last
// asked, or with again about everything: an old message can match later, when
// it is cited in a case for example.
func (k *Keeper) extendAll(ctx context.Context, ends positions, again bool) error {
	var holds []Hold
	k.config.Desk.Read(func(s *State) {
		holds = slices.DeleteFunc(s.Holds(), func(h Hold) bool { return !h.Standing || !h.Released.IsZero() })
	})
	k.forgetReleased(holds)
	for _, h := range holds {
		after := k.seen[h.Name]
		if again {
			after = nil
		}
		if after != nil && maps.Equal(after, ends) {
			continue
		}
		k.doing("asking the hold " + h.Name + " about mail that came in")
		if err := k.extend(ctx, h, after); err != nil {
			return fmt.Errorf("nothing expires before the hold %s is up to date: %w", h.Name, err)
		}
		k.seen[h.Name] = ends
	}
	return nil
}

// forgetReleased lets a new hold of an old name be asked about everything.
func (k *Keeper) forgetReleased(live []Hold) {
	maps.DeleteFunc(k.seen, func(name string, _ positions) bool {
		return !slices.ContainsFunc(live, func(h Hold) bool { return h.Name == name })
	})
}

func (k *Keeper) extend(ctx context.Context, h Hold, after positions) error {
	var failure error
	found := RangesOf(func(yield func(archive.Address) bool) {
		for at, err := range k.config.Finder.Matches(ctx, h.Query, after) {
			if failure = err; err != nil || !yield(at) {
				return
			}
		}
	})
	if failure != nil {
		return failure
	}
	_, err := k.config.Desk.Do(ctx, System, ExtendHold{h.Name, found})
	var refusal *Refusal
	if errors.As(err, &refusal) && refusal.Code == Gone {
		return nil // Released in between.
	}
	return err
}

// relock has the archive ask again what keeps its packs, when that may have changed.
func (k *Keeper) relock(ctx context.Context) error {
	var locks int
	k.config.Desk.Read(func(s *State) { locks = s.locks })
	if locks == k.relocked {
		return nil
	}
	k.doing("locking packs in the bucket")
	if err := k.config.Vault.Relock(ctx); err != nil {
		return fmt.Errorf("lock packs as classes and holds say: %w", err)
	}
	k.relocked = locks
	return nil
}

// expire orders what is due to be removed, class by class.
func (k *Keeper) expire(ctx context.Context, ends positions) error {
	due := k.due(ends)
	if len(due) == 0 {
		k.keep(nil)
		return nil
	}
	if err := k.extendAll(ctx, ends, true); err != nil {
		return err
	}
	due = k.due(ends)
	due, kept, err := k.unneeded(ctx, due)
	if err != nil {
		return fmt.Errorf("find out whether others need what is due: %w", err)
	}
	k.keep(kept)
	for _, packs := range byStream(due) {
		if _, err := k.config.Desk.Do(ctx, System, Expire{packs[0].Stream, packs}); err != nil {
			return fmt.Errorf("expire %s: %w", packs[0].Stream, err)
		}
	}
	return nil
}

func (k *Keeper) keep(kept []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.status.Kept = kept
}

// due lists the packs that the simulator lets go, of those that the holds were
// asked about.
func (k *Keeper) due(ends positions) (due []archive.PackInfo) {
	now := k.config.Desk.now()
	for _, name := range slices.Sorted(maps.Keys(ends)) {
		packs := k.config.Vault.Packs(name)
		k.config.Desk.Read(func(s *State) {
			for _, v := range Due(packs, s, now) {
				p := v.Pack
				if v.Due && p.First+archive.Position(p.Records) <= ends[name] && len(s.removed.missing([]Range{runOf(p)})) > 0 {
					due = append(due, p)
				}
			}
		})
	}
	return due
}

func byStream(packs []archive.PackInfo) [][]archive.PackInfo {
	byName := make(map[archive.Stream][]archive.PackInfo)
	for _, p := range packs {
		byName[p.Stream] = append(byName[p.Stream], p)
	}
	var list [][]archive.PackInfo
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		list = append(list, byName[name])
	}
	return list
}

// unneeded leaves out packs with bytes that a record elsewhere has not got
// itself and still needs: mail that came to two queues is stored once, and
// goes when the class that keeps it longest lets it go.
func (k *Keeper) unneeded(ctx context.Context, due []archive.PackInfo) (free []archive.PackInfo, kept []string, err error) {
	k.doing("finding out whether other mail needs what is due")
	needs := make([][]archive.Address, len(due))
	for i, p := range due {
		for at, err := range k.config.Finder.Alike(ctx, p) {
			if err != nil {
				return nil, nil, err
			}
			needs[i] = append(needs[i], at)
		}
	}
	stay := make([]bool, len(due))
	for changed := true; changed; {
		changed = false
		going := k.going(due, stay)
		for i, p := range due {
			at, needed := firstOutside(going, needs[i])
			if needed && !stay[i] {
				stay[i], changed = true, true
				kept = append(kept, fmt.Sprintf("%s/%d and %d behind it stay: %s brought the same bytes as one of them and is kept longer", p.Stream, p.First, p.Records-1, at))
			}
		}
	}
	for i, p := range due {
		if !stay[i] {
			free = append(free, p)
		}
	}
	return free, kept, nil
}

// going is what is removed when all packs go that need not stay.
func (k *Keeper) going(due []archive.PackInfo, stay []bool) recordSet {
	going := make(recordSet)
	k.config.Desk.Read(func(s *State) { going.add(s.removed.ranges()) })
	for i, p := range due {
		if !stay[i] {
			going.add([]Range{runOf(p)})
		}
	}
	return going
}

func firstOutside(set recordSet, list []archive.Address) (archive.Address, bool) {
	for _, at := range list {
		if !set.touches(Range{Stream: at.Stream, First: at.Position, Records: 1}) {
			return at, true
		}
	}
	return archive.Address{}, false
}
