package index

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/semaphore"

	"polytrace/archive"
	"polytrace/casework"
)

// gate is an archive that holds the mail from one position to before another back
// while it is shut: an index that has it goes on, and one that is built anew stands there.
type gate struct {
	*memArchive
	from, to archive.Position
	opened   chan struct{}
	scans    chan archive.Position // Where mail was begun to be read; nobody has to listen.
	fails    bool                  // It says that it cannot read, so that other streams go on.
}

func (g gate) Scan(ctx context.Context, s archive.Stream, from archive.Position) iter.Seq2[archive.Record, error] {
	all := g.memArchive.Scan(ctx, s, from)
	if s != archive.Mail {
		return all
	}
	select {
	case g.scans <- from:
	default:
	}
	return func(yield func(archive.Record, error) bool) {
		for r, err := range all {
			if from >= g.from && from < g.to {
				if g.fails && !g.isOpen() {
					yield(archive.Record{}, errors.New("the gate is shut"))
					return
				}
				select {
				case <-g.opened:
				case <-ctx.Done():
					yield(archive.Record{}, ctx.Err())
					return
				}
			}
			if !yield(r, err) {
				return
			}
			if from++; from == g.from {
				return
			}
		}
	}
}

func (g gate) isOpen() bool {
	select {
	case <-g.opened:
		return true
	default:
		return false
	}
}

// gated is a small history in which an index that is built anew stands at the second message.
func gated(t *testing.T) gate {
	a, steps := smallHistory(t)
	for _, step := range steps {
		step()
	}
	return gate{a, 1, a.Next(archive.Mail), make(chan struct{}), make(chan archive.Position, 100), false}
}

// standing waits until the next database stands at the gate.
func standing(x *Index, g gate) {
	var next *Index
	until(x, func() bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		next = x.renewal.next
		return next != nil
	})
	until(next, func() bool { return next.now().marks[archive.Mail].next == g.from })
}

// replaced waits until the database was replaced a number of times, and what was replaced is deleted.
func replaced(x *Index, times int) {
	until(x, func() bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		return x.renewal.done == times && x.renewal.leaving == 0
	})
}

// directories checks which databases are on a disk.
func directories(t *testing.T, fs vfs.FS, want ...string) {
	t.Helper()
	names, err := fs.List("index")
	if err != nil {
		t.Fatal(err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, firstDatabase) })
	slices.Sort(names)
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("databases (-want +got):\n%s", diff)
	}
}

// While an index is built anew, the one before answers in full, mail that comes is found
// at once, and the status says how far it is; then the new one gives the same answers.
func TestRebuildIsNotNoticed(t *testing.T) {
	g, fs := gated(t), vfs.NewMem()
	x, stop := followOn(t, fs, openGate(g))
	settled(t, x, g)
	stop()
	x, stop = followOn(t, fs, g)
	defer stop()
	before := saysAll(t, x, g.memArchive)
	x.want("test")
	standing(x, g)
	st := x.Status()
	if p := st.Rebuild; p == nil || p.Records == 0 || p.Records >= p.Of || p.Reason != "test" || st.Lag != 0 || st.Failure != "" {
		t.Errorf("status is %+v, rebuild %+v", st, p)
	}
	if diff := cmp.Diff(before, withoutProgress(saysAll(t, x, g.memArchive))); diff != "" {
		t.Errorf("while it is built anew (-before +now):\n%s", diff)
	}
	news := g.append(archive.Meta{}, mail("manifold\n", "From: jane@contoso.example"))
	if err := x.WaitFor(context.Background(), news); err != nil {
		t.Fatal(err)
	}
	if got := addresses(t, x, Request{Query: "manifold"}); !slices.Equal(got, []string{news.String()}) {
		t.Errorf("mail that came meanwhile: found %v", got)
	}
	close(g.opened)
	replaced(x, 1)
	settled(t, x, g)
	if diff := cmp.Diff(rebuilt(t, g.memArchive), saysAll(t, x, g.memArchive)); diff != "" {
		t.Errorf("after it was built anew (-want +got):\n%s", diff)
	}
	directories(t, fs, "pebble-2")
	stop()
	x, stop = followOn(t, fs, g)
	defer stop()
	if st := x.Status(); st.Lag != 0 || st.Rebuild != nil {
		t.Errorf("after a restart: %+v", st)
	}
}

// withoutProgress takes out of what saysAll says how far it is with a rebuild and with deleting.
func withoutProgress(said string) string {
	said = strings.ReplaceAll(said, ",\n \"cleaning\": true", "")
	head, tail, ok := strings.Cut(said, ",\n \"rebuild\": {")
	if !ok {
		return said
	}
	_, tail, _ = strings.Cut(tail, "}")
	return head + tail
}

// What a decision removes while an index is built anew is not shown from then on, not
// by the one that answers and not by the next.
func TestRemovalDuringARebuild(t *testing.T) {
	for _, kind := range []casework.EventType{casework.ErasureOrdered, casework.RetentionExpired} {
		t.Run(string(kind), func(t *testing.T) {
			g, fs := gated(t), vfs.NewMem()
			secret := g.append(archive.Meta{}, mail("manifold\n", "From: jane@contoso.example"))
			g.to = g.Next(archive.Mail)
			x, stop := followOn(t, fs, openGate(g))
			settled(t, x, g)
			stop()
			x, stop = followOn(t, fs, g)
			defer stop()
			x.want("test")
			standing(x, g)
			if got := search(t, x, Request{Query: "manifold"}).Total; got != 1 {
				t.Fatalf("found %d before the removal", got)
			}
			order := g.removes(t, kind, "", archive.Removal{Stream: secret.Stream, First: secret.Position, Records: 1})
			check := func(when string) {
				t.Helper()
				if _, err := x.Document(context.Background(), secret); !errors.Is(err, archive.ErrGone) {
					t.Errorf("%s: document: %v", when, err)
				}
				if got := search(t, x, Request{Query: "manifold"}).Total; got != 0 {
					t.Errorf("%s: found %d", when, got)
				}
			}
			if err := x.WaitFor(context.Background(), order); err != nil {
				t.Fatal(err)
			}
			check("while it is built anew")
			close(g.opened)
			replaced(x, 1)
			check("after it was built anew")
			settled(t, x, g)
			noTraces(t, x)
			if diff := cmp.Diff(rebuilt(t, g.memArchive), saysAll(t, x, g.memArchive)); diff != "" {
				t.Errorf("after it was built anew (-want +got):\n%s", diff)
			}
			directories(t, fs, "pebble-2")
		})
	}
}

// openGate is a gate that holds nothing back.
func openGate(g gate) gate {
	g.opened = make(chan struct{})
	close(g.opened)
	return g
}

// A rebuild that was interrupted goes on where it was.
func TestRebuildIsResumed(t *testing.T) {
	g, fs := gated(t), vfs.NewMem()
	x, stop := followOn(t, fs, openGate(g))
	settled(t, x, g)
	stop()
	x, stop = followOn(t, fs, g)
	x.want("test")
	standing(x, g)
	stop()
	directories(t, fs, "pebble", "pebble-2")
	g.scans = make(chan archive.Position, 100)
	x, stop = followOn(t, fs, openGate(g))
	defer stop()
	replaced(x, 1)
	for len(g.scans) > 0 {
		if from := <-g.scans; from < g.from {
			t.Errorf("mail was read again from %d", from)
		}
	}
	settled(t, x, g)
	if diff := cmp.Diff(rebuilt(t, g.memArchive), saysAll(t, x, g.memArchive)); diff != "" {
		t.Errorf("after it was built anew (-want +got):\n%s", diff)
	}
	directories(t, fs, "pebble-2")
}

// Who reads while the next database takes over reads the one before to the end; it is
// deleted afterwards.
func TestReadersFinishOnTheDatabaseBefore(t *testing.T) {
	g, fs := openGate(gated(t)), vfs.NewMem()
	x, stop := followOn(t, fs, g)
	defer stop()
	settled(t, x, g)
	want := addresses(t, x, Request{Query: "disk"})
	x.turns = semaphore.NewWeighted(2) // This one looks while the others do, on one processor too.
	err := x.look(context.Background(), func(f *finder) error {
		x.want("test")
		until(x, func() bool {
			x.mu.Lock()
			defer x.mu.Unlock()
			return x.renewal.done == 1
		})
		directories(t, fs, "pebble", "pebble-2")
		if got := addresses(t, x, Request{Query: "disk"}); !slices.Equal(got, want) {
			t.Errorf("the next one finds %v, want %v", got, want)
		}
		hits, err := f.find(&All{})
		if err != nil {
			return err
		}
		var docs []docID
		hits.each(func(doc docID) { docs = append(docs, doc) })
		summaries, err := f.summaries(docs, newHighlighter(newWordCutter(), &All{}))
		if err == nil && len(summaries) == 0 {
			err = errors.New("nothing found")
		}
		return err
	})
	if err != nil {
		t.Errorf("the one before: %v", err)
	}
	replaced(x, 1)
	directories(t, fs, "pebble-2")
}

// Where the disk has no room for two databases, the one that answers is deleted and
// built anew, and the log says so.
func TestRebuildWithoutRoomForTwo(t *testing.T) {
	g, fs := gated(t), vfs.NewMem()
	x, stop := followOn(t, fs, openGate(g))
	settled(t, x, g)
	stop()
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 2 * minFree, TotalBytes: 1 << 40})
	var log strings.Builder
	x, stop = followWith(t, fs, g, Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	defer stop()
	x.want("test")
	replaced(x, 1)
	directories(t, fs, "pebble-2")
	if st := x.Status(); st.Lag == 0 || st.Rebuild != nil {
		t.Errorf("status is %+v", st)
	}
	close(g.opened)
	settled(t, x, g)
	if diff := cmp.Diff(rebuilt(t, g.memArchive), saysAll(t, x, g.memArchive)); diff != "" {
		t.Errorf("after it was built anew (-want +got):\n%s", diff)
	}
	stop()
	if !strings.Contains(log.String(), "incomplete meanwhile") {
		t.Errorf("the log says nothing of it:\n%s", log.String())
	}
}

// An index of an earlier format that this version can read answers until the one of
// the present format takes over.
func TestIndexOfAReadableFormatAnswersMeanwhile(t *testing.T) {
	g, fs := gated(t), vfs.NewMem()
	x, stop := followOn(t, fs, openGate(g))
	settled(t, x, g)
	before := saysAll(t, x, g.memArchive)
	stop()
	setRaw(t, fs, g, append([]byte{famProperties}, "version"...), []byte("0"))
	x, stop = followWith(t, fs, g, Config{readable: []string{"0"}})
	defer stop()
	standing(x, g)
	if diff := cmp.Diff(before, withoutProgress(saysAll(t, x, g.memArchive))); diff != "" {
		t.Errorf("while it is built anew (-before +now):\n%s", diff)
	}
	close(g.opened)
	replaced(x, 1)
	settled(t, x, g)
	if diff := cmp.Diff(before, saysAll(t, x, g.memArchive)); diff != "" {
		t.Errorf("after it was built anew (-want +got):\n%s", diff)
	}
	if version, err := getCopy(x.db, append([]byte{famProperties}, "version"...)); string(version) != formatVersion || err != nil {
		t.Errorf("it is of format %q, %v", version, err)
	}
}

// Of an index of which a file was found damaged the rest answers, also after a restart, until
// another takes over; nothing more is applied to it.
func TestDamagedIndexAnswersUntilItIsReplaced(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		g, fs := gated(t), vfs.NewMem()
		x, stop := followOn(t, fs, openGate(g))
		settled(t, x, g)
		before := addresses(t, x, Request{Query: "disk"})
		stop()
		x, stop = followOn(t, fs, g)
		damage(x)
		if restarted {
			stop()
			x, stop = followOn(t, fs, g)
		}
		standing(x, g)
		more := g.append(archive.Meta{}, mail("more disk"))
		if err := x.WaitFor(context.Background(), more); !errors.Is(err, errDamagedIndex) {
			t.Errorf("wait: %v", err)
		}
		if got := x.Status().Failure; got != errDamagedIndex.Error() {
			t.Errorf("status says %q", got)
		}
		if got := addresses(t, x, Request{Query: "disk"}); !slices.Equal(got, before) {
			t.Errorf("meanwhile found %v, want %v", got, before)
		}
		close(g.opened)
		replaced(x, 1)
		settled(t, x, g)
		if diff := cmp.Diff(rebuilt(t, g.memArchive), saysAll(t, x, g.memArchive)); diff != "" {
			t.Errorf("after it was built anew (-want +got):\n%s", diff)
		}
		stop()
		directories(t, fs, "pebble-2")
	}
}

// damage has the database report a file that cannot be read.
func damage(x *Index) {
	x.options().EventListener.DataCorruption(pebble.DataCorruptionInfo{Details: errCorrupt})
}

// A damaged index, from which nothing can be removed any more, answers no longer than
// until something is to be removed.
func TestDamagedIndexDoesNotShowWhatWasRemoved(t *testing.T) {
	g, fs := gated(t), vfs.NewMem()
	g.fails = true
	x, stop := followOn(t, fs, openGate(g))
	settled(t, x, g)
	stop()
	x, stop = followOn(t, fs, g)
	defer stop()
	damage(x)
	standing(x, g)
	at := archive.Address{Stream: archive.Mail, Position: g.to - 1}
	if _, err := x.Document(context.Background(), at); err != nil {
		t.Fatal(err)
	}
	g.removes(t, casework.ErasureOrdered, "", archive.Removal{Stream: at.Stream, First: at.Position, Records: 1})
	replaced(x, 1)
	if _, err := x.Document(context.Background(), at); !errors.Is(err, archive.ErrGone) {
		t.Errorf("document: %v", err)
	}
	if st := x.Status(); st.Failure == errDamagedIndex.Error() || st.Lag == 0 { // Mail cannot be read for now.
		t.Errorf("status is %+v", st)
	}
	close(g.opened)
	settled(t, x, g)
	if diff := cmp.Diff(rebuilt(t, g.memArchive), saysAll(t, x, g.memArchive)); diff != "" {
		t.Errorf("after it was built anew (-want +got):\n%s", diff)
	}
}

// Rebuild returns when the new database answers.
func TestRebuildReturnsWhenItIsDone(t *testing.T) {
	g, fs := openGate(gated(t)), vfs.NewMem()
	x, stop := followOn(t, fs, g)
	defer stop()
	settled(t, x, g)
	for _, name := range []string{"pebble-2", "pebble-3"} {
		if err := x.Rebuild(context.Background(), silently); err != nil {
			t.Fatal(err)
		}
		directories(t, fs, name)
	}
	if diff := cmp.Diff(rebuilt(t, g.memArchive), saysAll(t, x, g.memArchive)); diff != "" {
		t.Errorf("after it was built anew (-want +got):\n%s", diff)
	}
}

// After a power cut at any write of a rebuild, the database before or the next one
// answers in full, and the rebuild goes on.
func TestCrashAtEveryWriteOfARebuild(t *testing.T) {
	t.Parallel()
	const seed = 11
	a, steps := smallHistory(t)
	for _, step := range steps {
		step()
	}
	fs := vfs.NewCrashableMem()
	c := &crashes{fs: fs, rng: rand.New(rand.NewPCG(seed, seed))}
	x, stop := followOn(t, errorfs.Wrap(fs, c), a)
	settled(t, x, a)
	if err := x.db.Flush(); err != nil {
		t.Fatal(err)
	}
	want := saysAll(t, x, a)
	c.mu.Lock()
	c.disks = nil
	c.mu.Unlock()
	x.want("test")
	replaced(x, 1)
	stop()
	answered := map[string]int{}
	for i, disk := range c.disks {
		x, err := openOn(disk, a, Config{Dir: "index"})
		if err != nil {
			t.Fatalf("open after crash %d: %v", i, err)
		}
		answered[disk.PathBase(x.dir)]++
		if i%2 == 1 {
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if diff := cmp.Diff(want, withoutProgress(saysAll(t, x, a))); diff != "" {
			t.Errorf("after crash %d (-want +got):\n%s", i, diff)
		}
		wholeRecords(t, x, a)
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		if i%10 != 0 {
			continue // Going on takes longer.
		}
		x, stop := followOn(t, disk, a)
		settled(t, x, a)
		noTraces(t, x)
		if diff := cmp.Diff(want, saysAll(t, x, a)); diff != "" {
			t.Errorf("going on after crash %d (-want +got):\n%s", i, diff)
		}
		stop()
		if names, err := disk.List("index"); err != nil || slices.Contains(names, "pebble") && slices.Contains(names, "pebble-2") {
			t.Errorf("after crash %d there are %v, %v", i, names, err)
		}
	}
	if answered["pebble"] == 0 || answered["pebble-2"] == 0 {
		t.Errorf("after crashes these answered: %v", answered)
	}
}
