package index

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"golang.org/x/sync/errgroup"

	"polytrace/archive"
)

// A run ends at either of these. When nothing waits a run is the one
// record that came, so it is searchable at once; when much waits, runs grow and each key is written once for all of them.
const (
	maxRunRecords = 2048
	maxRunBytes   = 12 << 20
)

// How long to wait before the archive is asked again: for streams that are new, and after it failed.
const (
	lookForStreams = 250 * time.Millisecond
	minRetry       = 500 * time.Millisecond
	maxRetry       = 30 * time.Second
)

// Run follows all streams of the archive until ctx ends.
func (x *Index) Run(ctx context.Context) error {
	if !x.following.TryLock() {
		return errors.New("index is followed already")
	}
	defer x.following.Unlock()
	runs := make(chan run)
	g, inner := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(runs)
		return newReader(x, inner).follow(runs)
	})
	g.Go(func() error {
		for r := range runs {
			if err := x.take(r); err != nil {
				return err
			}
		}
		return nil
	})
	if err := g.Wait(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("follow the archive: %w", err)
	}
	return nil
}

// take applies a run and shows it to readers.
func (x *Index) take(r run) (err error) {
	s, release, err := x.begin()
	if err != nil {
		return err
	}
	defer release()
	var next *state
	if err = x.stopped(); err == nil {
		next, err = x.commit(s, r)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if err != nil {
		x.broken = err
	} else {
		x.state = next
	}
	x.wakeLocked()
	return err
}

// stopped is why nothing may be applied any more.
func (x *Index) stopped() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.broken
}

func (x *Index) commit(s *state, r run) (next *state, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			cause, ok := fault.(error)
			if !ok || !errors.Is(cause, errPebble) {
				panic(fault)
			}
			err = cause
		}
	}()
	batch, next, err := apply(x.db, s, &x.memory, r)
	if err != nil {
		return nil, err
	}
	// Not synced: what a power cut takes off the end is applied again.
	if err := x.db.Apply(batch, pebble.NoSync); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	return next, batch.Close()
}

// reader reads the streams in turn and takes their records apart.
type reader struct {
	x         *Index
	ctx       context.Context
	next      map[archive.Stream]archive.Position
	analyzers []*analyzer
}

func newReader(x *Index, ctx context.Context) *reader {
	r := &reader{x: x, ctx: ctx, next: map[archive.Stream]archive.Position{}}
	x.mu.Lock()
	defer x.mu.Unlock()
	for s, m := range x.state.marks {
		r.next[s] = m.next
	}
	for range runtime.GOMAXPROCS(0) {
		r.analyzers = append(r.analyzers, newAnalyzer())
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
	if err == nil && usage.AvailBytes < minFree {
		return fmt.Errorf("the disk of the index has only %d MiB free, searching is behind until there are %d; free some, mail is still taken in",
			usage.AvailBytes>>20, minFree>>20)
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

// pass sends a run of every stream that has more. A stream that cannot be read does not hold up the others.
func (r *reader) pass(runs chan<- run) (read bool, failure error) {
	for _, s := range r.x.archive.Streams() {
		if r.x.archive.Next(s) <= r.next[s] {
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
	return read, failure
}

// run reads the next records of a stream; with an error, those before it.
func (r *reader) run(s archive.Stream) (run, error) {
	u := run{stream: s, from: r.next[s]}
	var records []found
	size := 0
	var failure error
	for rec, err := range r.x.archive.Scan(r.ctx, s, u.from) {
		at := u.from + archive.Position(len(records))
		damaged := errors.Is(err, archive.ErrDamaged)
		if damaged {
			rec.Meta.Stream, rec.Meta.Position = s, at
		} else if err != nil {
			failure = err
			break
		}
		if rec.Meta.Position != at {
			return run{}, fmt.Errorf("record %d came where %d should", rec.Meta.Position, at)
		}
		records = append(records, found{rec, damaged})
		size += len(rec.Body)
		if len(records) >= maxRunRecords || size >= maxRunBytes {
			break
		}
	}
	items, err := r.analyze(records)
	u.items = items
	return u, errors.Join(failure, err)
}

// found is a record, or of a damaged one the metadata as far as it is known.
type found struct {
	archive.Record
	damaged bool
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
	if rec.damaged {
		return it, nil
	}
	if rec.Meta.Stream == archive.Ledger {
		it.event = rec.Body
		return it, nil
	}
	switch rec.Meta.Kind {
	case archive.KindMessage, archive.KindPage, archive.KindFile:
		body, err := r.body(rec.Record)
		if err != nil {
			return it, err
		}
		it.entry = z.analyze(rec.Meta, body)
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
	if errors.Is(err, archive.ErrDamaged) || errors.Is(err, archive.ErrNotFound) {
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
	streams := r.x.archive.Streams()
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
		case <-r.x.asked:
			done = len(r.x.archive.Streams()) != len(streams)
		case <-tick.C:
			done = len(r.x.archive.Streams()) != len(streams)
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

// lookForStream has an idle Run look for new streams at once: the first decision
// that people take is the first record of its stream, and they wait for it.
func (x *Index) lookForStream() {
	select {
	case x.asked <- struct{}{}:
	default:
	}
}
