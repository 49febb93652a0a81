package index

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/go-cmp/cmp"

	"polytrace/archive"
	"polytrace/casework"
)

// crashes keeps what disks could look like after a power cut at each write, sync and rename.
type crashes struct {
	mu    sync.Mutex
	fs    *vfs.MemFS
	rng   *rand.Rand
	disks []*vfs.MemFS
}

func (c *crashes) MaybeError(op errorfs.Op) error {
	switch op.Kind {
	case errorfs.OpFileWrite, errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpRename, errorfs.OpCreate, errorfs.OpRemove:
	default:
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := []int{0, 50, 100}[len(c.disks)%3]
	c.disks = append(c.disks, c.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: kept, RNG: c.rng}))
	return nil
}

func (c *crashes) String() string { return "crashes" }

// smallHistory is an archive in which every record changes what others said.
func smallHistory(t *testing.T) (*memArchive, []func()) {
	a := newMemArchive()
	var first archive.Address
	rng := rand.New(rand.NewPCG(3, 3))
	long := func() string { // Longer in the log than what Pebble writes at once.
		var b strings.Builder
		for range 4000 {
			fmt.Fprintf(&b, "w%x ", rng.Uint64())
		}
		return b.String()
	}
	body := mail("disk full\n"+long(), "From: jane@contoso.example", "Subject: Disk array", "Message-ID: <1@contoso.example>")
	return a, []func(){
		func() { first = a.append(archive.Meta{}, body) },
		func() {
			a.again(first, archive.Meta{Source: archive.Source{Queue: "sales", Format: "postfix"},
				Envelope: &archive.Envelope{To: []string{"sales+to=boss=contoso.example@journal.example.net"}}})
		},
		func() {
			a.append(archive.Meta{}, mail("late parent\n"+long(), "From: bob@contoso.example", "Subject: Re: Other", "References: <0@x.example> <1@contoso.example>"))
		},
		func() {
			a.decide(t, casework.CitationAdded, 1, casework.CitationData{ID: 1, Record: first, SHA256: a.streams[first.Stream][0].Meta.SHA256})
		},
		func() { a.watch(t, "disk", "disk -to:boss") },
		func() { a.watch(t, "legal", "queue:legal OR thread:mail-0 OR overflow") },
		func() {
			a.append(archive.Meta{Stream: "backup"}, mail("disk\n"+long(), "From: ops@contoso.example", "Message-ID: <0@x.example>"))
		},
		func() { a.append(archive.Meta{Stream: "backup"}, body) },
		func() { a.again(first, archive.Meta{Stream: "backup", Source: archive.Source{Queue: "legal"}}) },
		func() {
			a.removes(t, casework.RetentionExpired, "", archive.Removal{Stream: "backup", First: 0, Records: 1})
		},
		func() { a.append(archive.Meta{Received: day(2026, 11, 19)}, "Received: late\r\n"+body) }, // A copy that was received first.
		func() { a.append(archive.Meta{}, piecemeal("w", "jane@contoso.example", 1, 2, "full\n")) },
		func() { a.append(archive.Meta{Stream: "backup"}, piecemeal("w", "jane@contoso.example", 2, 2, "disk")) },
		func() {
			a.removes(t, casework.ErasureOrdered, "", archive.Removal{Stream: "backup", First: a.Next("backup") - 1, Records: 1})
		},
		func() { // What stays of the bytes is in another stream.
			a.removes(t, casework.ErasureOrdered, "", archive.Removal{Stream: first.Stream, First: first.Position, Records: 2})
		},
	}
}

// After a power cut at any write the index has seen all of each record below its
// watermark and nothing of those above, and goes on to the same answers.
func TestCrashAtEveryWrite(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]steps{"removals at once": usualSteps, "removals in steps": {rows: 0, keys: 20_000}} {
		t.Run(name, func(t *testing.T) { crashAtEveryWrite(t, by) })
	}
}

// stepped is an archive that is followed with other steps.
type stepped struct {
	*memArchive
	by steps
}

func (s stepped) slowly() steps { return s.by }

func crashAtEveryWrite(t *testing.T, by steps) {
	const seed = 7
	fs := vfs.NewCrashableMem()
	c := &crashes{fs: fs, rng: rand.New(rand.NewPCG(seed, seed))}
	a, steps := smallHistory(t)
	x, stop := followOn(t, errorfs.Wrap(fs, c), stepped{a, by})
	for _, step := range steps {
		step()
		caughtUp(t, x, a)
		if err := x.db.Flush(); err != nil { // As it does by itself when there is more.
			t.Fatal(err)
		}
	}
	settled(t, x, a)
	stop()
	want := rebuilt(t, a)
	progress := map[int64]bool{}
	for i, disk := range c.disks {
		x, err := openOn(disk, a, Config{Dir: "index"})
		if err != nil {
			t.Fatalf("open after crash %d: %v", i, err)
		}
		progress[x.Status().Lag] = true
		wholeRecords(t, x, a)
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		if i%20 != 0 && i < len(c.disks)-4 {
			continue // Going on takes longer.
		}
		x, stop := followOn(t, disk, stepped{a, by})
		settled(t, x, a)
		noTraces(t, x)
		if diff := cmp.Diff(want, saysAll(t, x, a)); diff != "" {
			t.Errorf("going on after crash %d (-want +got):\n%s", i, diff)
		}
		stop()
	}
	// Which writes a power cut finds depends on when Pebble's own goroutines
	// write; most of the records have to be among them.
	if len(progress) <= len(steps)/2 {
		t.Errorf("crashes stopped the index at %d different records of %d", len(progress), len(steps))
	}
}

// wholeRecords checks that of each record below the watermark everything is there, and of others nothing.
func wholeRecords(t *testing.T, x *Index, a *memArchive) {
	t.Helper()
	applied, removed, seen := int64(0), int64(0), 0
	st := x.now()
	for s, records := range a.streams {
		if s == archive.Ledger {
			wholeDecisions(t, x, a)
			continue
		}
		for p, r := range records {
			at := r.Meta.Address()
			below := archive.Position(p) < st.marks[s].next
			switch {
			case !below:
			case st.removed.lost(r.Meta):
				removed++
			default:
				applied++
			}
			if below && !st.untidy() && !st.removed.lost(r.Meta) {
				seen++
			}
			value, err := getCopy(x.db, addressKey(at))
			queued, err2 := getCopy(x.db, recordKey(famQueued, at))
			there := value != nil || queued != nil
			if err = errors.Join(err, err2); err != nil || !st.untidy() && there != (below && !st.removed.lost(r.Meta)) {
				t.Errorf("%s is below the watermark: %v, removed: %v, indexed or queued: %v, %v", at, below, st.removed.lost(r.Meta), there, err)
			}
		}
	}
	// Sightings of removed bytes are counted when they are taken out of their documents.
	if got := x.Status(); got.Records+got.Removed != applied+removed-st.counts.Queued || got.Removed != removed && !st.untidy() {
		t.Errorf("status counts %d records and %d removed, watermarks %d and %d", got.Records, got.Removed, applied, removed)
	}
	if st.untidy() {
		return
	}
	rows := int(st.counts.Queued)
	if err := x.each(famSighting, func(_, _ []byte) error { rows++; return nil }); err != nil || rows != seen {
		t.Errorf("%d sightings, want %d: %v", rows, seen, err)
	}
	total := int(st.counts.Queued)
	for _, item := range search(t, x, Request{}).Items {
		total += item.Sightings
	}
	if hidden := int(st.hidden.GetCardinality() - st.dead.GetCardinality()); total+hidden != seen && hidden == 0 {
		t.Errorf("summaries count %d sightings, want %d", total, seen)
	}
}

// wholeDecisions checks that of each decision below the watermark all that follows from it holds, and of others nothing.
func wholeDecisions(t *testing.T, x *Index, a *memArchive) {
	t.Helper()
	st := x.now()
	next := st.marks[archive.Ledger].next
	cited := len(addresses(t, x, Request{Query: "case:1"})) > 0
	body := st.marks[archive.Mail].next > 0 && !st.removed.has(archive.Address{Stream: archive.Mail})
	if body && cited != (next > 0) {
		t.Errorf("the citation is below the watermark: %v, found: %v", next > 0, cited)
	}
	for p, r := range a.streams[archive.Ledger] {
		o := orderOf(r.Body)
		if o == nil {
			continue
		}
		at := archive.Address{Stream: o.runs[0].Stream, Position: o.runs[0].First}
		if below := archive.Position(p) < next; st.removed.has(at) != below {
			t.Errorf("decision %d is below the watermark: %v, removed %s: %v", p, below, at, !below)
		}
		if _, err := x.Document(context.Background(), at); archive.Position(p) < next && !errors.Is(err, archive.ErrGone) {
			t.Errorf("document of %s, which decision %d removed: %v", at, p, err)
		}
	}
}

// An index directory that is deleted gives the same answers again; so does one
// of another format, of another archive or with damaged files.
func TestDirectoryThatCannotBeUsedIsBuiltAgain(t *testing.T) {
	a, steps := smallHistory(t)
	for _, step := range steps {
		step()
	}
	want := rebuilt(t, a)
	for name, spoil := range map[string]func(*testing.T, *vfs.MemFS){
		"deleted": func(t *testing.T, fs *vfs.MemFS) {
			if err := fs.RemoveAll("index"); err != nil {
				t.Fatal(err)
			}
		},
		"of another format": func(t *testing.T, fs *vfs.MemFS) {
			setRaw(t, fs, a, append([]byte{famProperties}, "version"...), []byte("0"))
		},
		"ahead of the archive": func(t *testing.T, fs *vfs.MemFS) {
			setRaw(t, fs, a, append([]byte{famWatermark}, archive.Mail...), bytes.Repeat([]byte{1}, 16))
		},
		"with a damaged row":            func(t *testing.T, fs *vfs.MemFS) { setRaw(t, fs, a, docKey(famNumbers, 0), []byte{9}) },
		"with a row too many":           func(t *testing.T, fs *vfs.MemFS) { setRaw(t, fs, a, docKey(famNumbers, 99), []byte{0}) },
		"with damaged counts":           func(t *testing.T, fs *vfs.MemFS) { setRaw(t, fs, a, countsKey, []byte("{")) },
		"with damaged tables":           func(t *testing.T, fs *vfs.MemFS) { overwrite(t, fs, "sst") },
		"with a damaged list of tables": func(t *testing.T, fs *vfs.MemFS) { overwrite(t, fs, "MANIFEST") },
		"with a foreign merger":         func(t *testing.T, fs *vfs.MemFS) { foreign(t, fs) },
	} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem()
			x, stop := followOn(t, fs, a)
			settled(t, x, a)
			if err := x.db.Flush(); err != nil {
				t.Fatal(err)
			}
			stop()
			spoil(t, fs)
			x, stop = followOn(t, fs, a)
			defer stop()
			settled(t, x, a)
			if diff := cmp.Diff(want, saysAll(t, x, a)); diff != "" {
				t.Errorf("rebuilt (-want +got):\n%s", diff)
			}
		})
	}
}

func setRaw(t *testing.T, fs vfs.FS, a Archive, key, value []byte) {
	t.Helper()
	x, err := openOn(fs, a, Config{Dir: "index"})
	if err != nil {
		t.Fatal(err)
	}
	if err := x.db.Set(key, value, pebble.NoSync); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
}

// overwrite spoils the files whose names contain part.
func overwrite(t *testing.T, fs *vfs.MemFS, part string) {
	t.Helper()
	names, err := fs.List("index/pebble")
	if err != nil {
		t.Fatal(err)
	}
	spoiled := 0
	for _, name := range names {
		if !bytes.Contains([]byte(name), []byte(part)) {
			continue
		}
		info, err := fs.Stat("index/pebble/" + name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := fs.Create("index/pebble/"+name, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(bytes.Repeat([]byte{0xa5}, int(info.Size()))); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		spoiled++
	}
	if spoiled == 0 {
		t.Fatalf("no file to damage in %v", names)
	}
}

// foreign leaves a database of another program.
func foreign(t *testing.T, fs *vfs.MemFS) {
	t.Helper()
	if err := fs.RemoveAll("index"); err != nil {
		t.Fatal(err)
	}
	if err := fs.MkdirAll("index/pebble", 0o700); err != nil {
		t.Fatal(err)
	}
	db, err := pebble.Open("index/pebble", &pebble.Options{FS: fs, Logger: pebbleLog{discard}})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Merge([]byte("a"), []byte("b"), pebble.Sync); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// An index in a directory that cannot be made does not open, and says why.
func TestOpenSaysWhatIsWrong(t *testing.T) {
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpMkdirAll {
			return context.DeadlineExceeded
		}
		return nil
	}))
	if _, err := openOn(fs, newMemArchive(), Config{Dir: "index"}); err == nil {
		t.Error("open succeeded")
	}
}

// While the disk is nearly full the index waits and says so, because what it
// keeps can be built again and the rest of the disk is for mail; with room again it goes on.
func TestFullDiskMakesTheIndexWait(t *testing.T) {
	a, steps := smallHistory(t)
	fs := vfs.NewMem()
	x, stop := followOn(t, fs, a)
	defer stop()
	steps[0]()
	settled(t, x, a)
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: minFree - 1, TotalBytes: 1 << 40})
	for _, step := range steps[1:] {
		step()
	}
	until(x, func() bool { st := x.Status(); return st.Failure != "" || st.Lag == 0 })
	if got := x.Status(); !strings.Contains(got.Failure, "disk") || got.Lag == 0 {
		t.Errorf("status is %+v", got)
	}
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: minFree, TotalBytes: 1 << 40})
	settled(t, x, a)
	until(x, func() bool { return x.Status().Failure == "" })
	if diff := cmp.Diff(rebuilt(t, a), saysAll(t, x, a)); diff != "" {
		t.Errorf("after the disk was full (-want +got):\n%s", diff)
	}
}
