package archive

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"polytrace/archive/archivetest/authority"
)

var (
	scripts    = flag.Int("scripts", 500, "how many random scripts TestRandomScripts plays")
	scriptSeed = flag.Uint64("script", 0, "play the one script with this seed, and tell what it does")
	scriptTime = flag.Duration("scripts-for", 0, "play random scripts for so long")
)

// Random scripts of everything that can happen to an archive: appends, alone
// and many at once, seals, uploads, outages of the bucket, failures and power
// cuts of the disk, restarts, holds, locks, expiry, erasure, merging of packs,
// bytes that rot, loss of the machine. What was acknowledged is readable and byte-exact, no
// address is given twice, nothing under hold goes, what was removed is gone,
// and the bucket proves all of it at every stage.
func TestRandomScripts(t *testing.T) {
	if *scriptSeed != 0 {
		playScript(t, *scriptSeed, t.Logf)
		return
	}
	first := rand.Uint64() >> 16
	t.Logf("scripts %d and on; play one again with -script=SEED", first)
	began := time.Now()
	var played atomic.Uint64
	var players sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		players.Go(func() {
			for !t.Failed() {
				n := played.Add(1)
				if *scriptTime > 0 && time.Since(began) > *scriptTime || *scriptTime == 0 && n > uint64(*scripts) {
					return
				}
				seed := first + n
				if !t.Run(fmt.Sprint(seed), func(t *testing.T) { playScript(t, seed, func(string, ...any) {}) }) {
					return
				}
			}
		})
	}
	players.Wait()
}

// play is a script under way, and what it knows must be true.
type play struct {
	t   *testing.T
	r   *rand.Rand
	say func(string, ...any)

	disk  *memDisk
	store *memStore
	a     *Archive
	now   time.Time // Of the bucket's clock.

	acked   map[Address][]byte    // Acknowledged.
	asides  map[string][]byte     // What was set aside as damaged, by file.
	rotten  map[Address]bool      // A byte of it was changed on the disk.
	removed map[Address]bool      // A removal of it returned.
	doubted map[Address]bool      // A removal of it began.
	orders  map[Address][]Removal // By the record of the decision, what is still to be done.
	held    map[Address]bool
	locked  Lock

	authority *authority.Authority
	known     []string // Checkpoints that were in the bucket.
	failed    error    // The disk failed since the last start.
	appending bool     // Guarded by the disk's mu, as broken.
	broken    string   // What failed while records were appended, and leaves their pack in doubt.
	torn      bool     // Power was cut and some of what was not synced was written.
}

func playScript(t *testing.T, seed uint64, say func(string, ...any)) {
	synctest.Test(t, func(t *testing.T) {
		p := &play{
			t: t, r: rand.New(rand.NewPCG(seed, 1)), say: say, disk: newMemDisk(), store: newMemStore(), now: received(0),
			acked: map[Address][]byte{}, rotten: map[Address]bool{}, asides: map[string][]byte{}, removed: map[Address]bool{}, doubted: map[Address]bool{}, orders: map[Address][]Removal{}, held: map[Address]bool{},
		}
		p.store.now = func() time.Time { return p.now }
		p.authority = authority.New(t)
		p.begin()
		for range 5 + p.r.IntN(25) {
			p.step()
			if t.Failed() {
				break
			}
		}
		if !t.Failed() {
			p.end()
		}
		if err := p.a.Close(); err != nil && p.failed == nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	})
}

func (p *play) config() Config {
	c := crashConfig(p.store)
	c.CacheSize = 12_000
	c.Removed = func(at Address) bool { return p.removed[at] }
	c.Held = func(at Address) bool { return p.held[at] }
	c.Lock = func(PackInfo) Lock { return p.locked }
	c.Stamp = func(_ context.Context, d Digest) ([]byte, error) {
		if p.store.failing() {
			return nil, errors.New("the authority is away too")
		}
		return p.authority.Stamp(d)
	}
	return c
}

// begin opens the archive for the first time, perhaps not at the first try, and
// the first record may not be stored at the first try either.
func (p *play) begin() {
	if p.r.IntN(4) > 0 {
		p.open()
		return
	}
	p.startBadly()
	p.fault()
	p.append(Mail, p.meta())
	p.restart(0)
}

func (p *play) open() {
	a, err := openOn(p.t.Context(), p.disk, p.config())
	if err != nil {
		p.t.Fatalf("open: %v", err)
	}
	p.opened(a)
}

// opened takes a new start. What was set aside before is there as it was.
func (p *play) opened(a *Archive) {
	p.a, p.failed, p.broken = a, nil, ""
	p.compareAsides()
}

// compareAsides compares what was set aside with what it was before.
func (p *play) compareAsides() {
	for _, note := range p.a.Status().Damage {
		name, _, _ := strings.Cut(strings.TrimPrefix(note, "/data/"), ": ")
		now, before := p.disk.content(name), p.asides[name]
		if before != nil && !bytes.Equal(now, before) {
			p.t.Errorf("%s, which was set aside, had %d bytes and has %d, or others", name, len(before), len(now))
		}
		p.asides[name] = now // Nil when the power went between the note and it.
	}
}

// step does one random thing.
func (p *play) step() {
	switch n := p.r.IntN(100); {
	case n < 29:
		p.append(p.stream(), p.meta())
	case n < 31:
		p.lie()
	case n < 33:
		p.sight()
	case n < 36:
		p.appendMany(3000)
	case n < 46:
		p.flush()
	case n < 52:
		p.part()
	case n < 58:
		p.outage()
	case n < 65:
		p.fault()
	case n < 73:
		p.restart(p.r.IntN(3))
	case n < 74:
		p.crammed()
	case n < 80:
		p.hold()
	case n < 84:
		p.now = p.now.Add(time.Duration(p.r.IntN(48)) * time.Hour)
		p.say("the bucket's clock is %s", p.now)
	case n < 88:
		p.relock()
	case n < 96:
		p.remove()
	case n < 98:
		saved, err := p.a.Merge(p.t.Context(), received(60).Add(31*24*time.Hour))
		p.say("merge: %d bytes saved, %v", saved, err)
		if err != nil {
			p.blame(err)
		}
	default:
		p.finishRemovals()
	}
}

func (p *play) stream() Stream { return []Stream{Mail, Mail, Mail, "mail-10y"}[p.r.IntN(4)] }

func (p *play) meta() Meta { return message(p.r.IntN(60)) }

func (p *play) append(s Stream, m Meta) {
	size := []int{0, 1, 511, 512, 700, 2000, 4096, 9000, 20_000}[p.r.IntN(9)]
	body := scriptText(uint64(p.r.IntN(40)), max(size, 1))[:size]
	p.appends(true)
	got, err := p.a.Append(p.t.Context(), s, m, bytes.NewReader(body))
	p.appends(false)
	p.say("append %d bytes to %s: %s %v", size, s, got.Address(), err)
	p.refused(p.isBroken(), err)
	p.took(got, body, err)
}

// appends tells whether what the disk is asked for is to append records.
func (p *play) appends(now bool) {
	p.disk.mu.Lock()
	defer p.disk.mu.Unlock()
	p.appending = now
}

// doubtful reports whether it is not known any more what is in the open pack.
// The caller holds the disk's mu.
func (p *play) doubtful(what, name string, cause error) bool {
	pack := what == "write" || what == "sync" || what == "truncate"
	return p.appending && errors.Is(cause, errDisk) && (what == "syncdir" || pack && strings.HasSuffix(name, ".tar"))
}

// refused checks that nothing is taken any more once it is not known what is
// in the open pack.
func (p *play) refused(broken string, err error) {
	if broken != "" && !errors.Is(err, ErrBroken) {
		p.t.Errorf("%s failed, and an append answers %v", broken, err)
	}
}

// took notes what an append answered.
func (p *play) took(m Meta, body []byte, err error) {
	if err != nil {
		p.blame(err)
		return
	}
	if _, twice := p.acked[m.Address()]; twice {
		p.t.Errorf("%s was given to two records", m.Address())
	}
	p.acked[m.Address()] = body
}

// blame accepts an error only when something was made to fail.
func (p *play) blame(err error) {
	if p.failed == nil && p.disk.fails() == 0 && !p.store.failing() {
		p.t.Errorf("nothing failed, but %v", err)
	}
	if errors.Is(err, ErrBroken) {
		p.failed = err
	}
}

func (p *play) isBroken() string {
	p.disk.mu.Lock()
	defer p.disk.mu.Unlock()
	return p.broken
}

// lie appends what is not what it says: a body that is another one when it is
// read again, or one with a wrong digest.
func (p *play) lie() {
	m, body := p.meta(), &fickleBody{text: scriptText(7, 20_000), change: true}
	if p.r.IntN(2) == 0 {
		m.SHA256, body.change = sumOf(nil), false
	}
	got, err := p.a.Append(p.t.Context(), Mail, m, body)
	p.say("append a lie: %s %v", got.Address(), err)
	if err == nil {
		p.t.Errorf("a lie was taken as %s", got.Address())
	}
	if errors.Is(err, ErrBroken) {
		p.blame(err)
	}
}

// sight appends a sighting of another record.
func (p *play) sight() {
	at, ok := p.any()
	if !ok || len(p.acked[at]) == 0 {
		return
	}
	m := p.meta()
	m.SameAs, m.SHA256, m.Size = &at, sumOf(p.acked[at]), int64(len(p.acked[at]))
	p.appends(true)
	got, err := p.a.Append(p.t.Context(), Mail, m, nil)
	p.appends(false)
	p.say("append a sighting of %s: %s %v", at, got.Address(), err)
	if p.removed[at] {
		if !errors.Is(err, ErrGone) {
			p.t.Errorf("a sighting of %s, which was removed: %v", at, err)
		}
		return
	}
	p.refused(p.isBroken(), err)
	p.took(got, nil, err)
}

// appendMany appends records of up to 300 bytes and most at once.
func (p *play) appendMany(most int) {
	n, before := 2+p.r.IntN(6), p.isBroken()
	metas, bodies, errs := make([]Meta, n), make([][]byte, n), make([]error, n)
	var senders sync.WaitGroup
	p.appends(true)
	for i := range n {
		bodies[i] = scriptText(uint64(p.r.IntN(40)), 300+p.r.IntN(most))
		senders.Go(func() {
			metas[i], errs[i] = p.a.Append(p.t.Context(), Mail, message(i), bytes.NewReader(bodies[i]))
		})
	}
	senders.Wait()
	p.appends(false)
	p.say("append %d at once: %v", n, errors.Join(errs...))
	for i := range n {
		p.refused(before, errs[i])
		p.took(metas[i], bodies[i], errs[i])
	}
}

// soon is a context for what waits for a bucket that may be away.
func (p *play) soon() (context.Context, context.CancelFunc) {
	return context.WithTimeout(p.t.Context(), time.Minute)
}

func (p *play) flush() {
	ctx, cancel := p.soon()
	defer cancel()
	err := p.a.Flush(ctx)
	p.say("flush: %v", err)
	if err != nil {
		p.blame(err)
		return
	}
	p.learn()
}

// learn keeps the present checkpoints: the bucket must never go back behind them.
func (p *play) learn() {
	for _, s := range p.a.all() {
		if last := s.lastProven(); last != nil && p.r.IntN(3) == 0 {
			p.known = append(p.known, last.signed)
		}
	}
}

// part does one kind of work on all streams.
func (p *play) part() {
	n := p.r.IntN(6)
	for _, s := range p.a.all() {
		if n == 0 {
			s.rotate(time.Now())
		}
		err := []func(context.Context) error{s.sealAll, s.sealAll, s.uploadAll, s.prove, s.tidy, p.stamp(s)}[n](p.t.Context())
		p.say("part %d of %s: %v", n, s.name, err)
		if err != nil {
			p.blame(err)
		}
	}
}

// stamp has a stream time-stamped if that is due.
func (p *play) stamp(s *stream) func(context.Context) error {
	return func(ctx context.Context) error {
		if s.firstPack(s.unstamped(time.Now())) == nil {
			return nil
		}
		return s.stamp(ctx)
	}
}

// outage makes the bucket fail: before it does something, or when it answers.
func (p *play) outage() {
	if p.store.failing() {
		p.say("the bucket is back")
		p.store.setFail(nil)
		return
	}
	left, kind := 1+p.r.IntN(4), p.r.IntN(3)
	p.say("the bucket fails %d times in way %d", left, kind)
	p.store.setFail(func(op, key string) error {
		late := strings.HasSuffix(op, "ed") // created, deleted, protected: the answer is lost.
		if left == 0 || kind == 1 && !late || kind == 2 && late {
			return nil
		}
		left--
		return errors.New("the bucket is away")
	})
}

// fault makes the disk fail some time later.
func (p *play) fault() {
	after, short := p.r.IntN(12), p.r.IntN(3)*4 // Nothing is written, half or all of it.
	cause := []error{errFull, errDisk, errPower, errPower}[p.r.IntN(4)]
	p.say("the disk fails after %d operations: %v, written: %d eighths", after, cause, short)
	p.disk.mu.Lock()
	p.disk.short = short
	p.disk.mu.Unlock()
	p.disk.setFail(func(op int, what, name string) error {
		if after--; after >= 0 {
			return nil
		}
		p.disk.fail = nil
		p.disk.failures++
		if p.doubtful(what, name, cause) {
			p.broken = what + " of " + name
		}
		p.say("%s of %s fails: %v", what, name, cause)
		return cause
	})
}

// crammed is a disk that becomes full in the midst of a group, and has room
// for something smaller before the program is started again.
func (p *play) crammed() {
	worse := p.r.IntN(3) == 0
	p.say("the disk is full, and cannot take back what it wrote: %v", worse)
	p.disk.mu.Lock()
	p.disk.short = 6
	p.disk.mu.Unlock()
	p.disk.setFail(func(_ int, what, name string) error {
		switch {
		case what == "write" && strings.HasSuffix(name, ".tar"):
			p.disk.failures++
			return errFull
		case what == "truncate" && worse && p.doubtful(what, name, errDisk):
			p.broken = what + " of " + name
			return errDisk
		}
		return nil
	})
	p.appendMany(9000)
	p.disk.setFail(nil)
	p.append(Mail, p.meta())
	p.restart(p.r.IntN(2))
}

// restart closes the archive, or cuts its power, and reads everything back.
func (p *play) restart(cut int) {
	p.say("restart %d", cut)
	places := p.places()
	if p.disk.fails() == 0 {
		p.compareAsides()
	}
	if err := p.a.Close(); err != nil && p.disk.fails() == 0 {
		p.t.Errorf("close: %v", err)
	}
	p.disturb(cut)
	if p.r.IntN(8) == 0 {
		p.rot(places)
	}
	failing := p.store.fail
	p.store.setFail(nil) // A start asks the bucket only when something is missing here.
	if p.r.IntN(4) == 0 {
		p.startBadly()
	} else {
		p.open()
	}
	p.store.setFail(failing)
	if p.r.IntN(3) == 0 {
		p.check(p.a)
	}
}

// disturb leaves the disk alone (0), cuts its power (1), or cuts it so that
// some of what was not synced is there (2).
func (p *play) disturb(cut int) {
	p.disk.mu.Lock()
	off := p.disk.off
	p.disk.fail = nil
	p.disk.mu.Unlock()
	switch {
	case cut == 1 || off && cut == 0:
		p.disk = p.disk.powerCut(nil)
	case cut == 2:
		p.disk = p.disk.powerCut(rand.New(rand.NewPCG(p.r.Uint64(), 2)))
		p.torn = true
	}
	p.disk.failures = 0
}

// startBadly opens the archive while the disk fails. If that ends the start,
// there is another one.
func (p *play) startBadly() {
	p.fault()
	a, err := openOn(p.t.Context(), p.disk, p.config())
	p.say("start: %v", err)
	p.disk.setFail(nil)
	switch {
	case err != nil && p.disk.fails() == 0:
		p.t.Errorf("nothing failed, but start: %v", err)
	case err == nil && p.disk.powered():
		p.opened(a)
		return
	case err == nil:
		a.Close() // It cannot any more.
	}
	p.disturb(p.r.IntN(3))
	p.open()
}

// place is where an acknowledged record lies in an open pack.
type place struct {
	at            Address
	file          string
	start, length int64
}

// places are those of the records in open packs, but for the last one of each:
// nobody can tell that from one that was being written when the power went.
func (p *play) places() (all []place) {
	for _, s := range p.a.all() {
		pack := s.openPack()
		if pack == nil || s.name == Ledger {
			continue
		}
		for i := range max(pack.records-1, 0) {
			at := Address{s.name, pack.first + Position(i)}
			if _, acked := p.acked[at]; acked {
				all = append(all, place{at, pack.tarName(), pack.starts[i], pack.starts[i+1] - pack.starts[i]})
			}
		}
	}
	return all
}

// rot changes a byte of a record. That one may be damaged from now on.
func (p *play) rot(places []place) {
	if len(places) == 0 {
		return
	}
	one := places[p.r.IntN(len(places))]
	at := one.start + p.r.Int64N(one.length)
	p.say("byte %d of %s rots", at-one.start, one.at)
	p.disk.edit(one.file, flip(int(at)))
	p.rotten[one.at] = true
}

func (p *play) hold() {
	if p.r.IntN(3) == 0 {
		clear(p.held)
		p.say("all holds are released")
		return
	}
	if at, ok := p.any(); ok && !p.doubted[at] {
		p.held[at] = true
		p.say("hold %s", at)
	}
}

// any picks an acknowledged record.
func (p *play) any() (Address, bool) {
	all := slices.SortedFunc(maps.Keys(p.acked), func(a, b Address) int { return strings.Compare(a.String(), b.String()) })
	all = slices.DeleteFunc(all, func(at Address) bool { return at.Stream == Ledger })
	if len(all) == 0 {
		return Address{}, false
	}
	return all[p.r.IntN(len(all))], true
}

// relock changes what keeps packs in the bucket.
func (p *play) relock() {
	p.locked = []Lock{{}, {Governance, p.now.Add(30 * time.Hour), false}, {Compliance, p.now.Add(20 * time.Hour), false}, {Hold: true}}[p.r.IntN(4)]
	err := p.a.Relock(p.t.Context())
	p.say("relock with %+v: %v", p.locked, err)
	if err != nil {
		p.blame(err)
	}
}

// remove decides that a record, or a pack, is to go, and carries it out.
func (p *play) remove() {
	at, ok := p.any()
	if !ok {
		return
	}
	what := Removal{at.Stream, at.Position, 1}
	if packs := p.a.Packs(at.Stream); p.r.IntN(2) == 0 {
		for _, one := range packs {
			if r := (Removal{one.Stream, one.First, one.Records}); r.Holds(at) {
				what = r
			}
		}
	} else if p.r.IntN(3) == 0 {
		what.Records = min(1+p.r.IntN(5), int(p.a.Next(at.Stream)-at.Position))
	}
	kept := false
	for pos := what.First; pos < what.end(); pos++ {
		kept = kept || p.held[Address{at.Stream, pos}]
	}
	body := fmt.Appendf(nil, `{"type":"erasure.ordered","data":{"removes":[{"stream":%q,"first":%d,"records":%d}]}}`, what.Stream, what.First, what.Records)
	if kept {
		body = []byte(`{"type":"erasure.refused"}`)
	}
	for pos := what.First; pos < what.end() && !kept; pos++ {
		p.doubted[Address{at.Stream, pos}] = true
	}
	m, err := p.a.Append(p.t.Context(), Ledger, Meta{Kind: KindEvent, Received: received(1)}, bytes.NewReader(body))
	p.took(m, body, err)
	if err != nil { // It may be there after the next start all the same.
		return
	}
	if !kept {
		p.orders[m.Address()] = []Removal{what}
	}
	p.flush()
	err = p.a.Remove(p.t.Context(), m.Address(), []Removal{what})
	p.say("remove %s by %s: %v", what, m.Address(), err)
	p.didRemove(m.Address(), what, kept, err)
}

func (p *play) didRemove(order Address, what Removal, kept bool, err error) {
	switch {
	case kept && err == nil:
		p.t.Errorf("%s was removed under hold", what)
	case kept && p.failed == nil && p.disk.fails() == 0 && !p.store.failing() && !errors.Is(err, ErrRetained):
		p.t.Errorf("%s is under hold: %v", what, err)
	case kept:
	case err != nil:
		p.blame(err)
	default:
		delete(p.orders, order)
		for pos := what.First; pos < what.end(); pos++ {
			p.removed[Address{what.Stream, pos}] = true
		}
	}
}

// finishRemovals carries out what was decided and not done.
func (p *play) finishRemovals() {
	p.flush()
	for _, order := range slices.SortedFunc(maps.Keys(p.orders), func(a, b Address) int { return int(a.Position) - int(b.Position) }) {
		if order.Position >= p.a.Next(Ledger) {
			p.t.Fatalf("%s was acknowledged and is not there", order)
		}
		what := p.orders[order][0]
		err := p.a.Remove(p.t.Context(), order, []Removal{what})
		p.say("remove %s again by %s: %v", what, order, err)
		if err == nil || !errors.Is(err, ErrRetained) {
			p.didRemove(order, what, false, err)
		}
	}
}

// check reads back all that was acknowledged.
func (p *play) check(a *Archive) {
	p.t.Helper()
	for at, body := range p.acked {
		r, err := a.Read(p.t.Context(), at)
		switch {
		case p.doubted[at] && errors.Is(err, ErrGone):
		case err != nil && p.store.failing() && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNotFound):
		case p.removed[at]:
			p.t.Errorf("%s was removed and reads as %v", at, err)
		case p.rotten[at] && errors.Is(err, ErrDamaged):
		case err != nil:
			p.t.Errorf("acknowledged: %v", err)
		case !bytes.Equal(r.Body, body):
			p.t.Errorf("acknowledged %s is another record", at)
		}
	}
	for _, s := range a.Streams() {
		next := Position(0)
		for r, err := range a.Scan(p.t.Context(), s, 0) {
			if err != nil && !errors.Is(err, ErrGone) && !p.unpromised(r.Meta.Address().String()) {
				if !p.store.failing() || errors.Is(err, ErrDamaged) {
					p.t.Errorf("scan: %v", err)
				}
				break
			}
			if r.Meta.Position != next {
				p.t.Errorf("scan of %s came upon %d instead of %d", s, r.Meta.Position, next)
			}
			next++
		}
	}
}

var addresses = regexp.MustCompile(`\b[a-z][a-z0-9-]*/[0-9]+\b`)

// unpromised reports whether all records that a text names were changed on the
// disk, or never acknowledged. Of those that are written together a power cut may leave the
// last and not the first: nobody can tell that from damage, and it is reported.
func (p *play) unpromised(text string) bool {
	named := addresses.FindAllString(text, -1)
	for _, one := range named {
		at, err := ParseAddress(one)
		if _, acked := p.acked[at]; err != nil || !p.rotten[at] && (acked || !p.torn) {
			return false
		}
	}
	return len(named) > 0
}

// end lets everything recover and looks at all of it.
func (p *play) end() {
	p.restart(p.r.IntN(3))
	p.store.setFail(nil)
	p.disk.setFail(nil)
	clear(p.held)
	p.locked = Lock{}
	p.append(Mail, message(1))
	p.finishRemovals()
	if len(p.orders) > 0 {
		p.t.Fatalf("with everything well these were not removed: %v", p.orders)
	}
	p.now = p.now.Add(1000 * time.Hour)
	if err := p.a.Relock(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
	for _, s := range p.a.all() {
		if err := s.tidy(p.t.Context()); err != nil {
			p.t.Fatal(err)
		}
	}
	p.learn()
	p.check(p.a)
	st := p.a.Status()
	damage := slices.DeleteFunc(st.Damage, func(note string) bool { // The cache is not synced.
		return strings.Contains(note, "another one was fetched from the bucket") || p.unpromised(note)
	})
	if len(damage) > 0 || st.Pending != nil {
		p.t.Errorf("at the end: damage %q, pending %v", damage, st.Pending)
	}
	if d, err := p.a.Examine(p.t.Context()); err != nil || d.Total() > 0 {
		p.t.Errorf("at the end the bucket drifted: %+v, %v", d, err)
	}
	v := audit(p.t, p.store, Inspection{Key: p.a.PublicKey(), Known: p.known})
	if wrong := slices.DeleteFunc(v.Problems, func(one Problem) bool { return p.unpromised(one.Where) }); len(wrong) > 0 {
		p.t.Errorf("at the end: %+v", wrong)
	}
	p.checkErased()
	p.checkRestored()
	p.checkRestoredWithoutLog()
}

// checkErased looks into every object for what was removed.
func (p *play) checkErased() {
	for key, raw := range p.store.objects {
		s, first, _, ok := parseKey(key)
		if !ok {
			continue
		}
		sealed, err := openSealed(bytes.NewReader(raw), int64(len(raw)), p.a.sealer.unzip)
		if err != nil {
			p.t.Fatalf("%s: %v", key, err)
		}
		v := &view{r: frameReader{sealed, sealed.inOrder()}, first: first, starts: sealed.starts}
		for at := (Address{s, first}); at.Position < v.end(); at.Position++ {
			r, err := v.load(at)
			if p.removed[at] != errors.Is(err, ErrGone) || p.removed[at] && len(r.Body) > 0 {
				p.t.Errorf("%s in %s, removed %v: %v", at, key, p.removed[at], err)
			}
		}
	}
}

// checkRestored loses the machine.
func (p *play) checkRestored() {
	d := newMemDisk()
	if err := restoreOn(p.t.Context(), d, p.config(), nil); err != nil {
		p.t.Errorf("restore: %v", err)
		return
	}
	b := mustOpen(p.t, d.powerCut(nil), p.config())
	for _, s := range p.a.Streams() {
		if b.Next(s) != p.a.Next(s) {
			p.t.Errorf("restored, %s ends at %d instead of %d", s, b.Next(s), p.a.Next(s))
		}
	}
	p.check(b)
	m := mustAppend(p.t, b, Mail, message(1), []byte("goes on"))
	if m.Position != p.a.Next(Mail) {
		p.t.Errorf("restored, the next record went to %d instead of %d", m.Position, p.a.Next(Mail))
	}
	mustFlush(p.t, b) // Without its key it vouches for everything anew.
	v := audit(p.t, p.store, Inspection{Key: b.PublicKey()})
	for _, one := range v.Proven {
		torn := slices.ContainsFunc(v.Problems, func(one Problem) bool { return p.unpromised(one.Where) })
		if one.Records != b.Next(one.Stream) && !torn {
			p.t.Errorf("restored, %s is proven to %d instead of %d: %+v", one.Stream, one.Records, b.Next(one.Stream), v.Problems)
		}
	}
}

// checkRestoredWithoutLog loses the machine before it made a checkpoint, and
// the power behind the restore, of which nothing is in the cache. Only the log
// tells how many records a pack had that is gone.
func (p *play) checkRestoredWithoutLog() {
	if len(p.doubted) > 0 {
		return
	}
	packs, d := p.store.clone(), newMemDisk()
	maps.DeleteFunc(packs.objects, func(key string, _ []byte) bool { return !strings.HasPrefix(key, "packs/") })
	c := p.config()
	c.Store, c.CacheSize = packs, 1
	if err := restoreOn(p.t.Context(), d, c, nil); err != nil {
		p.t.Errorf("restore without checkpoints: %v", err)
		return
	}
	p.check(mustOpen(p.t, d.powerCut(nil), c))
}

func (s *memStore) failing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fail != nil
}

func (d *memDisk) powered() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.off
}

// fails is how often the disk failed.
func (d *memDisk) fails() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return d.failures + 1
	}
	return d.failures
}
