package index

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"golang.org/x/sync/errgroup"

	"polytrace/archive"
	"polytrace/burst"
)

// A run ends at either of these. When nothing waits a run is the one
// record that came, so it is searchable at once; when much waits, runs grow and each key is written once for all of them.
// When so much waits that nobody counts on finding the last of it soon, as while the index is built, they are four times as long.
const (
	maxRunRecords = 1024
	maxRunBytes   = 4 << 20

	muchWaits = 20_000 // records
)

// How long to wait before the archive is asked again: for streams that are new, and after it failed.
const (
	lookForStreams = 250 * time.Millisecond
	minRetry       = 500 * time.Millisecond
	maxRetry       = 30 * time.Second
)

// followOne follows the archive with one database until ctx ends.
func (x *Index) followOne(ctx context.Context) error {
	runs := make(chan run)
	g, inner := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(runs)
		readers, ctx := errgroup.WithContext(inner)
		readers.Go(func() error { return newReader(x, ctx).follow(runs) })
		readers.Go(func() error { return rereader{newReader(x, ctx), runs}.follow() })
		readers.Go(func() error { return newLooking(x, ctx).follow(runs) })
		return readers.Wait()
	})
	g.Go(func() error {
		w := &applying{x: x, ctx: inner, rewritten: make(chan rewritten, 1)}
		return w.write(runs)
	})
	return g.Wait()
}

// applying is the one goroutine that changes the index. Between the runs that come it
// deletes what was removed, a step at a time.
type applying struct {
	x         *Index
	ctx       context.Context
	rewriting bool
	rewritten chan rewritten
	failed    archive.Position // The erasure after which the files could not be written anew; tried again after a start.
}

// rewritten is how it went to write the files anew after the erasures before a position.
type rewritten struct {
	before archive.Position
	err    error
}

// write applies runs until there are no more.
func (w *applying) write(runs <-chan run) error {
	ctx, cancel := context.WithCancel(w.ctx)
	defer func() {
		cancel()
		if w.rewriting {
			<-w.rewritten
		}
	}()
	for {
		ready, later := w.chores(ctx)
		var err error
		select {
		case r, ok := <-runs:
			if !ok {
				return nil
			}
			err = w.x.take(r)
			if r.looked != nil {
				close(r.looked.applied)
			}
		case r := <-w.rewritten:
			err = w.noteRewritten(r)
		case <-ready:
			err = w.x.change(tidy, false)
		case <-later:
		}
		if err != nil {
			return err
		}
	}
}

// chores tells what else there is to do: ready is closed when there is something, later says when to look again.
func (w *applying) chores(ctx context.Context) (ready <-chan struct{}, later <-chan time.Time) {
	s := w.x.now()
	purge := s.purge > 0 && s.purge != w.failed && !w.rewriting
	switch {
	case !s.untidy() && !purge || s.sweepsLater():
	case w.x.room() != nil: // Deleting begins with writing.
		later = time.After(minRetry)
	case s.untidy():
		done := make(chan struct{})
		close(done)
		ready = done
	default:
		w.rewriting = true
		go func() { w.rewritten <- rewritten{s.purge, w.x.rewrite(ctx)} }()
	}
	return ready, later
}

func (w *applying) noteRewritten(r rewritten) error {
	w.rewriting = false
	switch {
	case r.err == nil:
		return w.x.change(purged(r.before), false)
	case errors.Is(r.err, errPebble):
		return w.x.stop(r.err)
	case w.ctx.Err() == nil && !errors.Is(r.err, ErrClosed):
		w.failed = r.before
		w.x.log.Error("index files could not be written anew after an erasure; restart to try again", "error", r.err)
	}
	return nil
}

// take applies a run and shows it to readers.
func (x *Index) take(r run) error {
	do := func(db *pebble.DB, s *state, m *memory) (*pebble.Batch, *state, error) { return apply(db, s, m, r) }
	if r.reread != nil { // A pass is not begun again because of a crash; a document that is exchanged may be.
		return x.changeAs(do, r.reread.begin == nil, r.reread.begin != nil)
	}
	return x.change(do, r.removes())
}

// change makes a batch and the state that comes of it.
type change func(*pebble.DB, *state, *memory) (*pebble.Batch, *state, error)

// change commits a batch and shows its state to readers. When it removes what
// they see, they see both at once.
func (x *Index) change(do change, removes bool) error { return x.changeAs(do, removes, removes) }

// changeAs is change that tells apart whether rows that readers see go, and whether a crash must not undo it.
func (x *Index) changeAs(do change, removes, keep bool) error {
	s, release, err := x.begin()
	if err != nil {
		return err
	}
	defer release()
	if err = x.stopped(); err == nil {
		err = guarded(func() error {
			err := x.commit(s, do, removes)
			if err == nil && keep { // After a crash it must not show again until the decision is read again.
				err = x.db.Flush()
			}
			return err
		})
	}
	if err != nil {
		return x.stop(err)
	}
	return nil
}

// stop keeps anything more from being applied, and returns why.
func (x *Index) stop(err error) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.broken = err
	x.wakeLocked()
	return err
}

// stopped is why nothing may be applied any more.
func (x *Index) stopped() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.broken
}

// guarded turns the panic of a database that cannot go on into an error.
func guarded(do func() error) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			cause, ok := fault.(error)
			if !ok || !errors.Is(cause, errPebble) {
				panic(fault)
			}
			err = cause
		}
	}()
	return do()
}

func (x *Index) commit(s *state, do change, removes bool) error {
	batch, next, err := do(x.db, s, &x.memory)
	if err != nil {
		return err
	}
	if removes || next.takes {
		x.sighting.Lock()
		defer x.sighting.Unlock()
	}
	// Not synced: what a power cut takes off the end is applied again.
	if err := x.db.Apply(batch, pebble.NoSync); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if err := x.match(next); err != nil {
		return fmt.Errorf("match standing queries: %w", err)
	}
	x.show(next)
	return batch.Close()
}

// show lets readers see a state.
func (x *Index) show(s *state) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.state = s
	x.wakeLocked()
	if s.counts.Queued > 0 {
		select {
		case x.queued <- struct{}{}:
		default:
		}
	}
}

// now is the present state.
func (x *Index) now() *state {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.state
}

// reader reads the streams in turn and takes their records apart.
type reader struct {
	x         *Index
	ctx       context.Context
	next      map[archive.Stream]archive.Position
	analyzers []*analyzer
	queued    []byte // The last key of those to be read once more that was read; nil at the beginning.

	way burst.Way // Of mail, so that a burst of it is taken in before it is indexed, which would take most of the machine.
}

func newReader(x *Index, ctx context.Context) *reader {
	r := &reader{x: x, ctx: ctx, next: map[archive.Stream]archive.Position{}, way: burst.Way{To: x.urgent, For: 10 * time.Second, Then: 10 * time.Second}}
	x.mu.Lock()
	defer x.mu.Unlock()
	for s, m := range x.state.marks {
		r.next[s] = m.next
	}
	for range runtime.GOMAXPROCS(0) {
		r.analyzers = append(r.analyzers, x.analyzer(x.documents))
	}
	return r
}

func (r *reader) follow(runs chan<- run) error {
	retry := minRetry
	for r.ctx.Err() == nil {
		read, err := r.pass(runs)
		r.x.fail(err)
		switch {
		case err != nil:
			r.pause(retry)
			retry = min(2*retry, maxRetry)
		case !read:
			r.idle()
		default:
			retry = minRetry
		}
	}
	return r.ctx.Err()
}

// fail notes what holds the index up, for Status; nil that nothing does.
func (x *Index) fail(err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	text := ""
	if err != nil {
		text = err.Error()
		x.log.Warn("index is held up", "error", err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.failure != text {
		x.failure = text
		x.wakeLocked()
	}
}

// minFree is what the index leaves free on its disk, in bytes. A log that
// cannot be written stops Pebble, and with it the process.
const minFree = 256 << 20

// room reports as an error that the disk is nearly full.
func (x *Index) room() error {
	usage, err := x.fs.GetDiskUsage(x.dir)
	if err == nil && usage.AvailBytes < max(minFree, x.config.reserve) {
		return fmt.Errorf("the disk of the index has only %d MiB free, searching is behind until there are %d; free some, mail is still taken in",
			usage.AvailBytes>>20, max(minFree, x.config.reserve)>>20)
	}
	return nil // Not every file system can tell.
}

func (r *reader) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.ctx.Done():
	}
}

// streams lists what is followed: all but the audit log, in which nothing is
// to be found by a search.
func (x *Index) streams() []archive.Stream {
	return slices.DeleteFunc(slices.Clone(x.archive.Streams()), func(s archive.Stream) bool { return s == archive.Audit })
}

// pass sends a run of every stream that has more. A stream that cannot be read does not hold up the others.
func (r *reader) pass(runs chan<- run) (read bool, failure error) {
	waits := false
	for _, s := range r.x.streams() {
		if r.x.archive.Next(s) <= r.next[s] {
			continue
		}
		if !s.Ours() && r.way.Give(time.Now()) { // People wait for their own decisions.
			waits = true
			continue
		}
		if err := r.x.room(); err != nil {
			return read, err
		}
		u, err := r.run(s)
		if err != nil {
			failure = errors.Join(failure, fmt.Errorf("read stream %s: %w", s, err))
		}
		if len(u.items) == 0 {
			continue
		}
		select {
		case runs <- u:
			read = true
			r.next[s] += archive.Position(len(u.items))
		case <-r.ctx.Done():
			return read, r.ctx.Err()
		}
	}
	if waits {
		r.pause(burst.Pause)
		return true, failure
	}
	again, err := r.again(runs)
	return read || again, errors.Join(failure, err)
}

// run reads the next records of a stream; with an error, those before it.
func (r *reader) run(s archive.Stream) (run, error) {
	u := run{stream: s, from: r.next[s]}
	removed := r.x.now().removed
	most, mostBytes := maxRunRecords, maxRunBytes
	if r.x.archive.Next(s)-u.from > muchWaits {
		most, mostBytes = 4*most, 4*mostBytes
	}
	var records []found
	size := 0
	var failure error
	for rec, err := range r.x.archive.Scan(r.ctx, s, u.from) {
		at := u.from + archive.Position(len(records))
		f := foundAs(rec, err, archive.Address{Stream: s, Position: at})
		if f.err != nil {
			failure = f.err
			break
		}
		if f.Meta.Position != at {
			return run{}, fmt.Errorf("record %d came where %d should", f.Meta.Position, at)
		}
		news := f.gone && s != archive.Ledger && !removed.has(f.Meta.Address())
		if len(records) > 0 && news != u.gone { // What is gone removes something, and is applied by itself.
			break
		}
		u.gone = news
		records = append(records, f)
		size += len(rec.Body)
		if f.order != nil || len(records) >= most || size >= mostBytes {
			break
		}
	}
	items, err := r.analyze(records)
	u.items = items
	return u, errors.Join(failure, err)
}

// found is a record; of a damaged one, or one that is gone, the metadata as far as it is known.
type found struct {
	archive.Record
	damaged, gone bool
	order         *order
	err           error // It could not be read for now.
}

// foundAs takes what the archive says of a record.
func foundAs(rec archive.Record, err error, at archive.Address) found {
	f := found{Record: rec, gone: isGone(rec.Meta, err)}
	f.damaged = !f.gone && (errors.Is(err, archive.ErrDamaged) || rec.Meta.Kind == archive.KindLost)
	switch {
	case f.gone || f.damaged:
		f.Meta.Stream, f.Meta.Position = at.Stream, at.Position
	case err != nil:
		f.err = err
	case at.Stream == archive.Ledger:
		f.order = orderOf(rec.Body)
	}
	return f
}

// again sends the records that are to be read once more, those that are gone by themselves.
// One that cannot be read for now does not hold up the others.
func (r *reader) again(runs chan<- run) (read bool, failure error) {
	if r.x.now().counts.Queued == 0 {
		return false, nil
	}
	addresses, err := r.queue()
	if err != nil {
		return false, err
	}
	kept, lost := run{again: true}, run{again: true, gone: true}
	var records, away []found
	for _, at := range addresses {
		rec, err := r.x.archive.Read(r.ctx, at)
		if errors.Is(err, archive.ErrNotFound) {
			err = archive.ErrDamaged
		}
		switch f := foundAs(rec, err, at); {
		case f.err != nil:
			failure = errors.Join(failure, fmt.Errorf("read %s: %w", at, f.err))
		case f.gone:
			away = append(away, f)
		default:
			records = append(records, f)
		}
	}
	kept.items, err = r.analyze(records)
	failure = errors.Join(failure, err)
	lost.items, err = r.analyze(away)
	for _, u := range []run{kept, lost} {
		if len(u.items) == 0 {
			continue
		}
		select {
		case runs <- u:
			read = true
		case <-r.ctx.Done():
			return read, r.ctx.Err()
		}
	}
	return read, errors.Join(failure, err)
}

// maxAgain is how many records are read once more at a time.
const maxAgain = 64

// queue lists the next records that are to be read once more.
func (r *reader) queue() (out []archive.Address, err error) {
	_, release, err := r.x.begin()
	if err != nil {
		return nil, err
	}
	defer release()
	it, err := r.x.db.NewIter(&pebble.IterOptions{LowerBound: append([]byte{famQueued}, r.queued...), UpperBound: []byte{famQueued + 1}})
	if err != nil {
		return nil, err
	}
	r.queued = nil
	for ok := it.First(); ok && err == nil; ok = it.Next() {
		if len(out) == maxAgain {
			r.queued = bytes.Clone(it.Key()[1:]) // Those before it may be on their way.
			break
		}
		var at archive.Address
		if at, err = keyAddress(it.Key()); err == nil {
			out = append(out, at)
		}
	}
	return out, errors.Join(err, it.Error(), it.Close())
}

// analyze takes records apart, on all processors. With an error it returns those before the one it is about.
func (r *reader) analyze(records []found) ([]item, error) {
	items := make([]item, len(records))
	errs := make([]error, len(records))
	var next atomic.Int64
	work := func(z *analyzer) {
		for i := int(next.Add(1)) - 1; i < len(records); i = int(next.Add(1)) - 1 {
			items[i], errs[i] = r.item(z, records[i])
			records[i].Body = nil
		}
	}
	var g errgroup.Group
	for _, z := range r.analyzers[1:min(len(r.analyzers), max(len(records), 1))] {
		g.Go(func() error { work(z); return nil })
	}
	work(r.analyzers[0])
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i, err := range errs {
		if err != nil {
			return items[:i], err
		}
	}
	return items, nil
}

func (r *reader) item(z *analyzer, rec found) (item, error) {
	it := item{meta: rec.Meta, damaged: rec.damaged}
	if rec.damaged || rec.gone {
		return it, nil
	}
	if rec.Meta.Stream == archive.Ledger {
		it.event, it.order = rec.Body, rec.order
		return it, nil
	}
	if rec.Meta.Stream == archive.Facts {
		it.facts = factsOf(rec.Body)
		return it, nil
	}
	switch rec.Meta.Kind {
	case archive.KindMessage, archive.KindPage, archive.KindFile:
		body, err := r.body(rec.Record)
		if err != nil {
			return it, err
		}
		it.entry = z.analyze(rec.Meta, body, nil)
		if f := it.entry.fragment; f == nil || f.Number != 1 {
			break
		}
		if j, err := r.join(it.entry, body); err != nil {
			return it, err
		} else if j != nil {
			it.entry = z.analyze(rec.Meta, body, j)
		}
	}
	return it, nil
}

// body is the bytes to read a record with. Those of a sighting are asked for only when its envelope
// may tell recipients that the message does not.
func (r *reader) body(rec archive.Record) ([]byte, error) {
	if rec.Meta.SameAs == nil {
		if rec.Body == nil {
			return []byte{}, nil
		}
		return rec.Body, nil
	}
	if rec.Meta.Envelope == nil || rec.Meta.Kind != archive.KindMessage {
		return nil, nil
	}
	original, err := r.x.archive.Read(r.ctx, *rec.Meta.SameAs)
	if errors.Is(err, archive.ErrDamaged) || errors.Is(err, archive.ErrNotFound) || errors.Is(err, archive.ErrGone) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s for its sighting %s: %w", *rec.Meta.SameAs, rec.Meta.Address(), err)
	}
	return original.Body, nil
}

// idle returns when a stream has more, or a stream is new.
func (r *reader) idle() {
	ctx, cancel := context.WithCancel(r.ctx)
	streams := r.x.streams()
	woken := make(chan struct{}, len(streams)) // Room for all: none may stay behind.
	var g errgroup.Group
	for _, s := range streams {
		g.Go(func() error {
			if r.x.archive.Wait(ctx, s, r.next[s]) == nil {
				woken <- struct{}{}
			}
			return nil
		})
	}
	tick := time.NewTicker(lookForStreams)
	defer tick.Stop()
	for done := false; !done; {
		select {
		case <-woken:
			done = true
		case <-r.x.queued:
			done = true
		case <-r.x.asked:
			done = len(r.x.streams()) != len(streams)
		case <-tick.C:
			done = len(r.x.streams()) != len(streams)
		case <-ctx.Done():
			done = true
		}
	}
	cancel()
	if err := g.Wait(); err != nil {
		r.x.fail(err)
	}
}

// WaitFor returns when the record at an address is applied.
func (x *Index) WaitFor(ctx context.Context, at archive.Address) error {
	for {
		x.mu.Lock()
		mark, known := x.state.marks[at.Stream]
		done, changed := mark.next > at.Position, x.changed
		err := x.broken
		if x.closed {
			err = ErrClosed
		}
		x.mu.Unlock()
		if done || err != nil {
			return err
		}
		if !known {
			x.lookForStream()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Steady returns when nothing that is applied waits to be read once more: what stays of a
// message of which a copy was removed, and what turned out to belong together, is found again.
func (x *Index) Steady(ctx context.Context) error {
	return x.await(ctx, func(s *state) bool { return s.counts.Queued == 0 })
}

// lookForStream has an idle Run look for new streams at once: the first decision
// that people take is the first record of its stream, and they wait for it.
func (x *Index) lookForStream() {
	select {
	case x.asked <- struct{}{}:
	default:
	}
}
