package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs/atomicfs"

	"polytrace/archive"
)

// A database is built anew beside the one that answers, and takes its place when it
// has all that the other has. Meanwhile both follow the archive, so that the one that
// answers knows what comes and forgets what a decision removes.
//
//	DIR/pebble                     the first database
//	DIR/pebble-2                   the one after it, and so on
//	DIR/marker.current.N.pebble-2  which one answers; the first while there is none
//
// One with a higher number than that which answers is under way: Run goes on with it. One with
// a lower number has been replaced, and is deleted. The marker moves at once, as one file.
const (
	firstDatabase = "pebble"
	marker        = "current"
)

// renewal is what is known of the next database.
type renewal struct {
	why     string    // There is to be one; "" when there is not.
	next    *Index    // That builds it; nil while it is not begun.
	begun   time.Time // When this process went on with it, and the records it had then.
	from    int64
	failure string // Why it was given up.
	done    int    // How many databases were replaced.
	leaving int    // How many of them are still being deleted.
}

// Progress tells how far long work is.
type Progress struct {
	Records   int64   `json:"records"`
	Of        int64   `json:"of"`
	PerSecond float64 `json:"per_second,omitempty"`
	Left      int64   `json:"seconds_left,omitempty"` // 0 while that is not known.
	Reason    string  `json:"reason,omitempty"`
	Failure   string  `json:"failure,omitempty"` // Why it does not go on.
}

// Remaining is Left as a duration.
func (p Progress) Remaining() time.Duration { return time.Duration(p.Left) * time.Second }

// newDatabase is one that is not opened yet.
func (x *Index) newDatabase(name string) *database {
	d := &database{dir: x.fs.PathJoin(x.config.Dir, name)}
	d.memory.steps = x.config.steps
	d.owner.Store(x)
	return d
}

// openHome opens the database that answers. When that one cannot, the next takes its
// place with what it has, and without a next one an empty database.
func (x *Index) openHome() error {
	if err := errors.Join(x.fs.MkdirAll(x.config.Dir, 0o700), x.syncDir(x.fs.PathDir(x.config.Dir))); err != nil {
		return err
	}
	m, name, err := atomicfs.LocateMarker(x.fs, x.config.Dir, marker)
	if err != nil {
		return err
	}
	defer m.Close()
	if err := m.RemoveObsolete(); err != nil {
		return err
	}
	name = cmp.Or(name, firstDatabase)
	next, err := x.others(name)
	if err != nil {
		return err
	}
	x.database = x.newDatabase(name)
	if next == "" {
		if err := x.open(); err != nil {
			return err
		}
	} else if reason, err := x.load(); err != nil {
		return err
	} else if reason != "" {
		x.log.Warn("index is answered from the one that is under way", "reason", reason)
		if err := m.Move(next); err != nil {
			return err
		}
		return x.openHome()
	}
	switch {
	case x.stale != "":
		x.want(x.stale)
	case next != "":
		x.want("it was begun before")
	}
	return nil
}

// syncDir has the names in a directory survive a power cut.
func (x *Index) syncDir(dir string) error {
	d, err := x.fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// others deletes the databases that were replaced, and returns the one that is under way.
func (x *Index) others(current string) (next string, err error) {
	names, err := x.fs.List(x.config.Dir)
	if err != nil {
		return "", err
	}
	for _, name := range names {
		base, _, _ := strings.Cut(name, ".") // With its mark of damage.
		n := databaseNumber(base)
		switch {
		case n == 0 || base == current:
		case n > databaseNumber(current) && name == base:
			next = base
		case n < databaseNumber(current):
			err = errors.Join(err, x.fs.RemoveAll(x.fs.PathJoin(x.config.Dir, name)))
		}
	}
	return next, err
}

// databaseNumber is the number in the name of a database; 0 when it is the name of something else.
func databaseNumber(name string) int {
	if name == firstDatabase {
		return 1
	}
	digits, ok := strings.CutPrefix(name, firstDatabase+"-")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 2 {
		return 0
	}
	return n
}

// nextName is the name of the database after one.
func nextName(name string) string { return fmt.Sprintf("%s-%d", firstDatabase, databaseNumber(name)+1) }

// want has Run build the next database.
func (x *Index) want(why string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.renewal.why = cmp.Or(x.renewal.why, why)
	x.renewal.failure = ""
	select {
	case x.wanted <- struct{}{}:
	default:
	}
}

// isWanted reports whether the next database is to be begun.
func (x *Index) isWanted() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.renewal.why != "" && x.renewal.next == nil
}

// Rebuild has the database built anew from the first record on, by Run, and returns when the
// new one answers and has what the archive has now. What was begun before goes on.
// When ctx ends, or the process, that is no harm: Run goes on with it, also after a start.
func (x *Index) Rebuild(ctx context.Context, progress func(Progress)) error {
	x.mu.Lock()
	done := x.renewal.done
	x.mu.Unlock()
	x.want("it was asked for")
	to := map[archive.Stream]archive.Position{}
	for _, s := range x.streams() {
		to[s] = x.archive.Next(s)
	}
	return x.watch(ctx, progress, func() (Progress, bool, error) {
		p, r := x.rebuilding()
		return p, r.done > done && r.leaving == 0 && reaches(x.state, to), failed(r.failure)
	})
}

func failed(why string) error {
	if why == "" {
		return nil
	}
	return errors.New(why)
}

// watch tells progress now and then until it is done. look is called with mu held.
func (x *Index) watch(ctx context.Context, progress func(Progress), look func() (p Progress, done bool, err error)) error {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		x.mu.Lock()
		p, done, err := look()
		changed := x.changed
		if x.closed {
			err = ErrClosed
		}
		x.mu.Unlock()
		if done || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-tick.C: // Not more often than people can look.
			progress(p)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// rebuilding tells how far the next database is, or without one how far the present one is. It is called with mu held.
func (x *Index) rebuilding() (Progress, renewal) {
	r := x.renewal
	if r.next == nil {
		n, of := x.applied(x.state)
		if r.why != "" { // It has not begun.
			n = 0
		}
		return Progress{Records: n, Of: of, Reason: r.why, Failure: r.failure}, r
	}
	r.next.mu.Lock()
	state, failure := r.next.state, r.next.failure
	r.next.mu.Unlock()
	n, of := x.applied(state)
	p := Progress{Records: n, Of: of, Reason: r.why, Failure: cmp.Or(r.failure, failure)}
	if took := time.Since(r.begun).Seconds(); took > 1 && n > r.from {
		p.PerSecond = float64(n-r.from) / took
		p.Left = int64(float64(of-n)/p.PerSecond) + 1
	}
	return p, r
}

// applied counts the records that a state has of those in the archive.
func (x *Index) applied(s *state) (n, of int64) {
	for _, stream := range x.streams() {
		next := int64(x.archive.Next(stream))
		n, of = n+min(int64(s.marks[stream].next), next), of+next
	}
	return n, of
}

// reaches reports whether a state has the records before some positions, all of them searchable.
func reaches(s *state, to map[archive.Stream]archive.Position) bool {
	for stream, next := range to {
		if s.marks[stream].next < next {
			return false
		}
	}
	return s.counts.Queued == 0
}

// covers reports whether a state has all that another has.
func (s *state) covers(o *state) bool {
	for stream, m := range o.marks {
		if s.marks[stream].next < m.next {
			return false
		}
	}
	return s.counts.Queued == 0 || o.counts.Queued > 0
}

// task is something that runs until it ends or is stopped.
type task struct {
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // Set before ended is closed.
}

func start(ctx context.Context, do func(context.Context) error) *task {
	ctx, cancel := context.WithCancel(ctx)
	t := &task{cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(t.ended)
		t.err = do(ctx)
	}()
	return t
}

// stop ends a task, if there is one.
func (t *task) stop() error {
	if t == nil {
		return nil
	}
	t.cancel()
	<-t.ended
	return t.err
}

// over is closed when a task has ended; never without one.
func (t *task) over() <-chan struct{} {
	if t == nil {
		return nil
	}
	return t.ended
}

// runner is Run: it follows the archive with the database that answers, and with the next one while there is one.
type runner struct {
	x       *Index
	ctx     context.Context
	current *task // Nil while the one that answers is damaged and not followed.
	next    *task
	ready   *task // Ends when the next one is to take over.
}

// Run follows all streams of the archive until ctx ends. When the database is to be
// built anew it does that beside.
func (x *Index) Run(ctx context.Context) error {
	if !x.following.TryLock() {
		return errors.New("index is followed already")
	}
	defer x.following.Unlock()
	r := &runner{x: x, ctx: ctx}
	r.follow()
	err := r.run()
	r.current.stop()
	if err2 := r.abandon(); err2 != nil && err == nil && ctx.Err() == nil {
		err = err2
	}
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("follow the archive: %w", err)
	}
	return nil
}

// follow goes on with the database that answers, unless a file of it is damaged.
func (r *runner) follow() {
	r.current = nil
	if !errors.Is(r.x.stopped(), errDamagedIndex) {
		r.current = start(r.ctx, r.x.followOne)
	}
}

func (r *runner) run() error {
	for {
		select {
		case <-r.ctx.Done():
			return nil
		case <-r.current.over():
			if err := r.current.err; !r.answers(err) {
				return err
			}
			r.current = nil
		case <-r.x.wanted:
			if errors.Is(r.x.stopped(), errDamagedIndex) {
				r.current.stop()
				r.current = nil
			}
			if r.x.isWanted() {
				r.begin()
			}
		case <-r.ready.over():
			if err := r.takeOver(); err != nil {
				return err
			}
		case <-r.next.over():
			r.giveUp(r.next.err)
		}
	}
}

// answers reports whether the database still answers after an error, though nothing more can be applied to it.
func (r *runner) answers(err error) bool {
	if reason, _ := spoiled(err); reason != "" && !errors.Is(r.x.stopped(), errDamagedIndex) {
		r.x.noteDamage(err)
		r.x.stop(errDamagedIndex)
	}
	return errors.Is(r.x.stopped(), errDamagedIndex)
}

// begin opens the next database and follows the archive with it. What cannot be done shows in the status.
func (r *runner) begin() {
	x := r.x
	room := x.roomForNext()
	n, err := x.openNext()
	if err != nil {
		r.giveUp(err)
		return
	}
	from, _ := x.applied(n.state)
	x.mu.Lock()
	x.renewal.next, x.renewal.begun, x.renewal.from = n, time.Now(), from
	why := x.renewal.why
	x.wakeLocked()
	x.mu.Unlock()
	if room != nil {
		x.log.Warn("index is deleted and built anew, searches are incomplete meanwhile", "reason", why, "cause", room)
		r.ready = start(r.ctx, func(context.Context) error { return nil })
		return
	}
	x.log.Info("index is built anew beside the one that answers", "reason", why, "records", from)
	r.next = start(r.ctx, n.followOne)
	r.await(0)
}

// await has the next one take over when it is nearly as far as the archive.
func (r *runner) await(pause time.Duration) {
	x, n := r.x, r.x.renewal.next
	r.ready = start(r.ctx, func(ctx context.Context) error {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
		return n.await(ctx, func(s *state) bool {
			done, of := n.applied(s)
			return of-done+s.counts.Queued <= x.config.steps.behind && x.sawAsMuch(s) || x.endsAt(s)
		})
	})
}

// await returns when holds does of what readers see.
func (x *Index) await(ctx context.Context, holds func(*state) bool) error {
	for {
		x.mu.Lock()
		s, changed, err := x.state, x.changed, x.broken
		if x.closed {
			err = ErrClosed
		}
		x.mu.Unlock()
		if holds(s) || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// sawAsMuch reports whether no more pictures wait in the next database than in the one that answers, unless
// that one is to be replaced for what it is: then it is not worth the days that they may take.
func (x *Index) sawAsMuch(next *state) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.stale != "" || x.broken != nil || next.counts.Waiting <= x.state.counts.Waiting
}

// endsAt reports whether the database that answers must not any more, given what the next one has seen: it
// is damaged, so nothing can be removed from it, and something was.
func (x *Index) endsAt(next *state) bool {
	if !errors.Is(x.stopped(), errDamagedIndex) {
		return false
	}
	now := x.now()
	for stream, runs := range next.removed {
		for _, run := range runs {
			if !now.removed.all(stream, run) {
				return true
			}
		}
	}
	return false
}

// all reports whether all records of a run are removed.
func (r removals) all(s archive.Stream, run removedRun) bool {
	for first := run.first; ; {
		have, ok := r.find(archive.Address{Stream: s, Position: first})
		if !ok || have.last >= run.last {
			return ok
		}
		first = have.last + 1
	}
}

// openNext opens the next database, and makes it when there is none that can go on.
func (x *Index) openNext() (*Index, error) {
	c := x.config
	c.readable, c.reserve = []string{}, 2*minFree // The one that answers goes on longer.
	n := newIndex(x.fs, x.archive, c, x.cache)
	n.cache.Ref()
	n.database = n.newDatabase(nextName(x.fs.PathBase(x.dir)))
	err := n.open()
	if err == nil && n.stale != "" {
		if err = n.db.Close(); err == nil {
			if err = n.delete(n.database); err == nil {
				err = n.open()
			}
		}
	}
	if err != nil {
		n.cache.Unref()
		return nil, fmt.Errorf("open %s: %w", n.dir, err)
	}
	return n, nil
}

// delete deletes the files of a database.
func (x *Index) delete(d *database) error {
	return errors.Join(x.fs.RemoveAll(d.dir), x.fs.RemoveAll(d.damageMark()))
}

// roomForNext says why the disk has no room for two databases; nil when it has.
func (x *Index) roomForNext() error {
	usage, err := x.fs.GetDiskUsage(x.config.Dir)
	if err != nil {
		return nil // Not every file system can tell.
	}
	needs := x.db.Metrics().DiskSpaceUsage()
	has, err := x.size(x.fs.PathJoin(x.config.Dir, nextName(x.fs.PathBase(x.dir))))
	if err != nil {
		return nil
	}
	needs = max(needs, has) - has + 2*minFree
	if usage.AvailBytes < needs {
		return fmt.Errorf("the disk of the index has %d MiB free, building it beside the present one takes %d", usage.AvailBytes>>20, needs>>20)
	}
	return nil
}

// size is how much the files of a directory take; 0 without the directory.
func (x *Index) size(dir string) (n uint64, err error) {
	names, err := x.fs.List(dir)
	if err != nil {
		return 0, nil
	}
	for _, name := range names {
		info, err := x.fs.Stat(x.fs.PathJoin(dir, name))
		if err != nil {
			return 0, err
		}
		n += uint64(info.Size())
	}
	return n, nil
}

// takeOver lets the next database answer. Neither is followed meanwhile but by what the
// one that answers has and the next has not.
func (r *runner) takeOver() error {
	x, n := r.x, r.x.renewal.next
	if err := r.ready.stop(); err != nil {
		if r.ctx.Err() == nil {
			r.giveUp(err)
		}
		return nil
	}
	r.ready = nil
	r.current.stop()
	if r.next != nil && !x.endsAt(n.now()) {
		short, cancel := context.WithTimeout(r.ctx, waitToPass)
		err := n.await(short, func(s *state) bool { return s.covers(x.now()) })
		cancel()
		if err != nil { // The archive may not be able to give something for now.
			r.await(5 * waitToPass)
			r.follow()
			return nil
		}
	}
	r.next.stop()
	r.next = nil
	if err := x.replace(n); err != nil {
		r.giveUp(err)
	}
	r.follow()
	return nil
}

// waitToPass is how long the index may stand for the next database to pass it.
const waitToPass = 2 * time.Second

// replace makes the database of n the one that answers, and has the other one deleted
// when those who read it are done.
func (x *Index) replace(n *Index) error {
	if err := guarded(n.db.Flush); err != nil {
		return err
	}
	m, _, err := atomicfs.LocateMarker(x.fs, x.config.Dir, marker)
	if err != nil {
		return err
	}
	if err := errors.Join(m.Move(x.fs.PathBase(n.dir)), m.Close()); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	old, why := x.database, x.renewal.why
	old.owner.Store(nil)
	n.end()
	n.cache.Unref()
	x.database = n.database
	x.database.owner.Store(x)
	x.broken, x.failure = n.stopped(), ""
	x.renewal = renewal{done: x.renewal.done + 1, leaving: x.renewal.leaving + 1}
	x.wakeLocked()
	x.leaving.Add(1)
	go x.leave(old)
	x.log.Info("index was built anew", "reason", why, "documents", x.state.counts.Documents)
	return nil
}

// leave deletes a database when nobody reads it any more.
func (x *Index) leave(old *database) {
	defer x.leaving.Done()
	old.use.Lock()
	defer old.use.Unlock()
	closing := guarded(old.db.Close)
	if err := x.delete(old); err != nil {
		x.log.Error("an index that was replaced could not be deleted; the next start tries again", "error", errors.Join(err, closing))
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.renewal.leaving--
	x.wakeLocked()
}

// giveUp lets the database that answers go on alone. The next start tries again.
func (r *runner) giveUp(err error) {
	if r.ctx.Err() != nil {
		return
	}
	r.x.log.Error("index could not be built anew; restart to try again", "error", err)
	r.ready.stop()
	r.ready = nil
	err = errors.Join(err, r.abandon())
	r.x.mu.Lock()
	r.x.renewal.failure = "it could not be built anew: " + err.Error()
	r.x.wakeLocked()
	r.x.mu.Unlock()
	if r.current == nil {
		r.follow()
	}
}

// abandon closes the next database. It goes on from there when it is opened again.
func (r *runner) abandon() error {
	r.ready.stop()
	r.next.stop()
	r.ready, r.next = nil, nil
	x := r.x
	x.mu.Lock()
	n := x.renewal.next
	x.renewal.next = nil
	x.mu.Unlock()
	if n == nil {
		return nil
	}
	return n.Close()
}
