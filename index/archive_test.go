package index

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/document/child"
)

var discard = slog.New(slog.DiscardHandler)

// TestMain is a reader of documents too, when it is called as one.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "documents" {
		if err := child.Serve(os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// tester is a *testing.T, *testing.B or *rapid.T.
type tester interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
	Errorf(string, ...any)
}

// memArchive is an archive in memory. Records are only ever appended.
type memArchive struct {
	mu      sync.Mutex
	streams map[archive.Stream][]archive.Record
	damaged map[archive.Address]bool
	gone    map[archive.Address]bool // Removed, and the decision was carried out.
	failure error                    // What Scan says instead of records.
	changed chan struct{}
	clock   time.Time // When the next record is received.
}

func newMemArchive() *memArchive {
	return &memArchive{
		streams: map[archive.Stream][]archive.Record{}, damaged: map[archive.Address]bool{}, gone: map[archive.Address]bool{},
		changed: make(chan struct{}), clock: day(2026, 11, 20),
	}
}

func day(y, m, d int) time.Time { return time.Date(y, time.Month(m), d, 12, 0, 0, 0, time.UTC) }

func (a *memArchive) append(m archive.Meta, body string) archive.Address {
	a.mu.Lock()
	defer a.mu.Unlock()
	if m.Stream == "" {
		m.Stream = archive.Mail
	}
	if m.Kind == "" {
		m.Kind = archive.KindMessage
	}
	if m.Received.IsZero() {
		a.clock = a.clock.Add(time.Second)
		m.Received = a.clock
	}
	m.Position = archive.Position(len(a.streams[m.Stream]))
	r := archive.Record{Meta: m, Body: []byte(body)}
	if m.SameAs == nil {
		r.Meta.SHA256, r.Meta.Size = sha256.Sum256(r.Body), int64(len(body))
	} else {
		r.Body = nil
	}
	a.streams[m.Stream] = append(a.streams[m.Stream], r)
	a.wakeLocked()
	return m.Address()
}

func (a *memArchive) wakeLocked() {
	close(a.changed)
	a.changed = make(chan struct{})
}

// again appends a sighting of a record.
func (a *memArchive) again(at archive.Address, m archive.Meta) archive.Address {
	a.mu.Lock()
	first := a.streams[at.Stream][at.Position].Meta
	a.mu.Unlock()
	m.SameAs, m.SHA256, m.Size = &at, first.SHA256, first.Size
	return a.append(m, "")
}

// decide appends an event.
func (a *memArchive) decide(t tester, kind casework.EventType, number int, data any) archive.Address {
	t.Helper()
	raw, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(casework.Event{Format: casework.EventFormat, Type: kind, Actor: "kim", Case: number, Data: raw})
	if err != nil {
		t.Fatal(err)
	}
	return a.append(archive.Meta{Stream: archive.Ledger, Kind: archive.KindEvent}, string(body))
}

func (a *memArchive) Next(s archive.Stream) archive.Position {
	a.mu.Lock()
	defer a.mu.Unlock()
	return archive.Position(len(a.streams[s]))
}

func (a *memArchive) Streams() (out []archive.Stream) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for s := range a.streams {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

func (a *memArchive) Scan(_ context.Context, s archive.Stream, from archive.Position) iter.Seq2[archive.Record, error] {
	return func(yield func(archive.Record, error) bool) {
		a.mu.Lock()
		records, failure := a.streams[s], a.failure
		a.mu.Unlock()
		if failure != nil {
			yield(archive.Record{}, failure)
			return
		}
		for _, r := range records[min(int(from), len(records)):] {
			err := a.unreadable(r.Meta.Address())
			switch {
			case errors.Is(err, archive.ErrGone):
				r = archive.Record{Meta: archive.Meta{Stream: r.Meta.Stream, Position: r.Meta.Position}}
			case err != nil:
				r = archive.Record{}
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// unreadable is why a record cannot be read; nil when it can.
func (a *memArchive) unreadable(at archive.Address) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.gone[at]:
		return fmt.Errorf("read %s: %w", at, archive.ErrGone)
	case a.damaged[at]:
		return fmt.Errorf("read %s: %w", at, archive.ErrDamaged)
	}
	return nil
}

// with is an archive with the same records, of which others are gone.
func (a *memArchive) with(gone map[archive.Address]bool) *memArchive {
	b := newMemArchive()
	b.streams, b.damaged, b.gone = a.streams, a.damaged, gone
	return b
}

// removes orders that records are removed.
func (a *memArchive) removes(t tester, kind casework.EventType, reason string, all ...archive.Removal) archive.Address {
	t.Helper()
	data, err := json.Marshal(map[string]any{"removes": all})
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(casework.Event{Format: casework.EventFormat, Type: kind, Actor: "kim", At: day(2026, 11, 21), Reason: reason, Data: data})
	if err != nil {
		t.Fatal(err)
	}
	return a.append(archive.Meta{Stream: archive.Ledger, Kind: archive.KindEvent}, string(body))
}

func (a *memArchive) Wait(ctx context.Context, s archive.Stream, p archive.Position) error {
	for {
		a.mu.Lock()
		there, changed := len(a.streams[s]) > int(p), a.changed
		a.mu.Unlock()
		if there {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (a *memArchive) Read(_ context.Context, at archive.Address) (archive.Record, error) {
	if err := a.unreadable(at); err != nil {
		return archive.Record{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if int(at.Position) >= len(a.streams[at.Stream]) {
		return archive.Record{}, archive.ErrNotFound
	}
	return a.streams[at.Stream][at.Position], nil
}

// follow opens an index on a file system in memory and follows the archive until the test ends.
func follow(t testing.TB, a Archive) *Index {
	t.Helper()
	x, stop := followOn(t, vfs.NewMem(), a)
	t.Cleanup(stop)
	return x
}

func followOn(t tester, fs vfs.FS, a Archive) (x *Index, stop func()) {
	t.Helper()
	return followIn(t, fs, "index", a)
}

func followIn(t tester, fs vfs.FS, dir string, a Archive) (x *Index, stop func()) {
	t.Helper()
	return followAs(t, fs, a, Config{Dir: dir})
}

func followWith(t tester, fs vfs.FS, a Archive, c Config) (x *Index, stop func()) {
	t.Helper()
	c.Dir = "index"
	return followAs(t, fs, a, c)
}

func followAs(t tester, fs vfs.FS, a Archive, c Config) (x *Index, stop func()) {
	t.Helper()
	c.steps = steps{rows: usualSteps.rows, keys: usualSteps.keys}
	if slow, ok := a.(interface{ slowly() steps }); ok {
		c.steps = slow.slowly()
	}
	if r, ok := a.(interface {
		reads() (by Documents, pictures Pictures)
	}); ok {
		c.Documents, c.Pictures = r.reads()
	}
	x, err := openOn(fs, a, c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- x.Run(ctx) }()
	return x, sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if err := x.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

// caughtUp waits until all records are applied.
func caughtUp(t tester, x *Index, a Archive) {
	t.Helper()
	for _, s := range a.Streams() {
		if n := a.Next(s); n > 0 {
			if err := x.WaitFor(context.Background(), archive.Address{Stream: s, Position: n - 1}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// settled waits until all records are applied, with their pictures, and nothing of those that were removed is left.
func settled(t tester, x *Index, a Archive) {
	t.Helper()
	caughtUp(t, x, a)
	until(x, func() bool {
		s := x.now()
		x.mu.Lock()
		defer x.mu.Unlock()
		return x.state == s && x.renewal.why == "" && x.state.pass == nil && x.renewal.leaving == 0 && !s.untidy() && s.purge == 0 && s.counts.Queued == 0 && s.counts.Waiting == 0
	})
}

// until returns when holds does; it is asked each time that the index changes.
func until(x *Index, holds func() bool) {
	for {
		x.mu.Lock()
		changed := x.changed
		x.mu.Unlock()
		if holds() {
			return
		}
		<-changed
	}
}

var testNow = day(2026, 11, 20)

// searcher is an index, as all or only some may read it.
type searcher interface {
	Search(context.Context, Request) (*Results, error)
}

func search(t tester, x searcher, r Request) *Results {
	t.Helper()
	if r.Now.IsZero() {
		r.Now = testNow
	}
	out, err := x.Search(context.Background(), r)
	if err != nil {
		t.Fatalf("search %q: %v", r.Query, err)
	}
	return out
}

// addresses lists those of all hits in order, read page by page.
func addresses(t tester, x searcher, r Request) (out []string) {
	t.Helper()
	for {
		res := search(t, x, r)
		for _, item := range res.Items {
			out = append(out, item.Address.String())
		}
		if r.Cursor = res.Next; r.Cursor == "" || len(out) > res.Total {
			if len(out) != res.Total {
				t.Fatalf("search %q: pages have %d items, total is %d", r.Query, len(out), res.Total)
			}
			return out
		}
	}
}

// text is what the archive has, for the one who reads why a test failed.
func (a *memArchive) text() string {
	var b strings.Builder
	for s, records := range a.streams {
		for _, r := range records {
			fmt.Fprintf(&b, "%s/%d %+v\n%s\n", s, r.Meta.Position, r.Meta.SameAs, r.Body)
		}
	}
	return b.String()
}

// watched is an archive that notes how much was read of it and is not applied yet.
type watched struct {
	*memArchive
	applied atomic.Pointer[Index]
	most    atomic.Int64
}

func (w *watched) Scan(ctx context.Context, s archive.Stream, from archive.Position) iter.Seq2[archive.Record, error] {
	return func(yield func(archive.Record, error) bool) {
		ahead := int64(0)
		x := w.applied.Load()
		x.mu.Lock()
		next := x.state.marks[s].next
		x.mu.Unlock()
		for _, r := range w.streams[s][next:from] {
			ahead += int64(len(r.Body))
		}
		for r, err := range w.memArchive.Scan(ctx, s, from) {
			ahead += int64(len(r.Body))
			w.most.Store(max(w.most.Load(), ahead))
			if !yield(r, err) {
				return
			}
		}
	}
}
