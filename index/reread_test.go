package index

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/document"
)

// extractor reads files as some version does: what its name says it cannot read, only
// a later version can.
type extractor struct {
	version string
	absent  bool // It cannot be started.

	mu   sync.Mutex
	read []string // Names of the files it was asked for.
}

func (e *extractor) Version() string { return e.version }

func (e *extractor) Read(name, _ string, content []byte) (document.Text, error) {
	e.mu.Lock()
	e.read = append(e.read, name)
	e.mu.Unlock()
	switch {
	case e.absent:
		return document.Text{}, errors.New("no child")
	case strings.HasPrefix(name, "hard") && e.version < "2":
		return document.Text{Reason: document.Damaged}, nil
	case strings.HasPrefix(name, "locked"):
		return document.Text{Reason: document.Encrypted}, nil
	}
	return document.Text{Parts: []document.Part{{Text: "version" + e.version + " " + string(content)}}}, nil
}

func (e *extractor) asked() (read []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	read, e.read = e.read, nil
	return read
}

// withFiles is an archive with messages with and without files, one of which came twice.
func withFiles() (*memArchive, archive.Address) {
	a := newMemArchive()
	hard := a.append(archive.Meta{}, withFile("hard.doc", "application/msword", "flux capacitor"))
	a.again(hard, archive.Meta{Source: archive.Source{Queue: "sales"}})
	a.append(archive.Meta{}, "Received: by mx.contoso.example\r\n"+withFile("hard.doc", "application/msword", "flux capacitor"))
	a.append(archive.Meta{}, withFile("easy.doc", "application/msword", "manifold"))
	a.append(archive.Meta{}, withFile("locked.doc", "application/msword", "x"))
	a.append(archive.Meta{}, mail("without files\n", "From: bob@contoso.example"))
	return a, hard
}

// After an upgrade of what reads attached files, those that an earlier version read are read
// again: words and reasons are as if the index were built anew, and nothing is counted twice.
func TestRereadEqualsRebuild(t *testing.T) {
	a, hard := withFiles()
	fs, old := vfs.NewMem(), &extractor{version: "1"}
	x, stop := followOn(t, fs, reading{a, old})
	settled(t, x, a)
	if got := documentAt(t, x, hard).Unsearchable; got != reasonFileDamaged {
		t.Fatalf("version 1: %q", got)
	}
	stop()
	upgraded := &extractor{version: "2"}
	x, stop = followOn(t, fs, reading{a, upgraded})
	defer stop()
	if diff := cmp.Diff(&Extractors{Version: "2", Older: 4}, x.Status().Extractors); diff != "" {
		t.Errorf("before (-want +got):\n%s", diff)
	}
	upgraded.asked()
	if err := x.Reread(context.Background(), silently); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&Extractors{Version: "2"}, x.Status().Extractors); diff != "" {
		t.Errorf("after (-want +got):\n%s", diff)
	}
	if got := len(upgraded.asked()); got != 4 {
		t.Errorf("%d files were read again", got)
	}
	d := documentAt(t, x, hard)
	if found := search(t, x, Request{Query: "attachment:capacitor"}); d.Unsearchable != "" || found.Total != 2 || x.Status().Reasons[reasonFileDamaged] != 0 {
		t.Errorf("it is unsearchable for %q, %d were found", d.Unsearchable, found.Total)
	}
	settled(t, x, a)
	noTraces(t, x)
	if diff := cmp.Diff(builtBy(t, a, &extractor{version: "2"}), saysAll(t, x, a)); diff != "" {
		t.Errorf("built anew, and read again (-want +got):\n%s", diff)
	}
	if err := x.Reread(context.Background(), silently); err != nil {
		t.Fatal(err)
	}
	if got := upgraded.asked(); len(got) != 0 {
		t.Errorf("%v was read once more", got)
	}
}

func silently(Progress) {}

// builtBy is what an index says whose attached files were read by an extractor from the first.
func builtBy(t tester, a *memArchive, e *extractor) string {
	x, stop := followOn(t, vfs.NewMem(), reading{a, e})
	defer stop()
	settled(t, x, a)
	return saysAll(t, x, a)
}

// Files that were not looked at, because their reader could not be started, are read at
// the next start, and no others.
func TestFilesThatWereNotLookedAtAreTriedAgain(t *testing.T) {
	a, hard := withFiles()
	fs := vfs.NewMem()
	x, stop := followOn(t, fs, reading{a, &extractor{version: "1"}})
	settled(t, x, a)
	stop()
	lost := a.append(archive.Meta{}, withFile("easy2.doc", "application/msword", "gasket"))
	x, stop = followOn(t, fs, reading{a, &extractor{version: "2", absent: true}})
	settled(t, x, a)
	if e := x.Status().Extractors; documentAt(t, x, lost).Unsearchable != reasonFileFault || e.Unread != 1 || e.Older != 4 {
		t.Errorf("while there is no reader: %q, %+v", documentAt(t, x, lost).Unsearchable, e)
	}
	stop()
	present := &extractor{version: "2"}
	x, stop = followOn(t, fs, reading{a, present})
	defer stop()
	until(x, func() bool { return x.now().counts.Read[notLookedAt] == 0 })
	if got := present.asked(); len(got) != 1 || got[0] != "easy2.doc" {
		t.Errorf("these were read: %v", got)
	}
	if documentAt(t, x, lost).Unsearchable != "" || documentAt(t, x, hard).Unsearchable != reasonFileDamaged || search(t, x, Request{Query: "gasket"}).Total != 1 {
		t.Errorf("afterwards: %q, %q", documentAt(t, x, lost).Unsearchable, documentAt(t, x, hard).Unsearchable)
	}
}

// A pass that is interrupted goes on, and is answered from all the time: what is
// read again is in one batch exchanged for what it was.
func TestRereadIsResumedAndNotNoticed(t *testing.T) {
	a := newMemArchive()
	const messages = 100
	for i := range messages {
		a.append(archive.Meta{}, withFile(fmt.Sprintf("hard%d.doc", i), "application/msword", "gasket"))
	}
	fs := vfs.NewMem()
	x, stop := followOn(t, fs, reading{a, &extractor{version: "1"}})
	settled(t, x, a)
	stop()
	first := &extractor{version: "2"}
	x, stop = followOn(t, fs, reading{a, first})
	x.rereadAll <- struct{}{}
	until(x, func() bool {
		s := x.now()
		if st := search(t, x, Request{Query: "filename:doc", Limit: 1}); st.Total != messages {
			t.Errorf("%d are found meanwhile", st.Total)
		}
		return s.pass != nil && s.pass.Done > 0
	})
	stop()
	done := x.now().pass
	if done == nil || done.Of != messages {
		t.Fatalf("the pass was at %+v", done)
	}
	second := &extractor{version: "2"}
	x, stop = followOn(t, fs, reading{a, second})
	defer stop()
	until(x, func() bool { return x.now().pass == nil })
	if got := int64(len(second.asked())); got != messages-done.Done {
		t.Errorf("%d were read after the restart, %d before", got, done.Done)
	}
	settled(t, x, a)
	if diff := cmp.Diff(builtBy(t, a, &extractor{version: "2"}), saysAll(t, x, a)); diff != "" {
		t.Errorf("built anew, and read again (-want +got):\n%s", diff)
	}
}

// Over random histories, in which files come and go, an index that read them again says
// the same as one that another version built.
func TestRereadEqualsRebuildOverHistories(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h, fs := newHistory(), vfs.NewMem()
		h.steps = pick(t, []steps{usualSteps, {rows: 1, keys: 40}})
		versions := []string{"1", "1", "2"}
		for range rapid.IntRange(1, 3).Draw(t, "starts") {
			last := pick(t, versions)
			x, stop := followOn(t, fs, slowlyReading{reading{h.memArchive, &extractor{version: last, absent: rapid.IntRange(0, 3).Draw(t, "absent") == 0}}, h.steps})
			for range rapid.IntRange(1, 10).Draw(t, "records") {
				if rapid.Bool().Draw(t, "file") {
					raw := withFile(pick(t, []string{"hard", "easy", "locked"})+".doc", "application/msword", pick(t, []string{"disk", "overflow"}))
					h.raws, h.seen = append(h.raws, raw), append(h.seen, h.append(archive.Meta{Stream: pick(t, historyStreams)}, raw))
				} else {
					h.grow(t)
				}
				if rapid.IntRange(0, 3).Draw(t, "again") == 0 {
					select {
					case x.rereadAll <- struct{}{}:
					default:
					}
				}
			}
			stop()
		}
		x, stop := followOn(t, fs, slowlyReading{reading{h.memArchive, &extractor{version: "2"}}, h.steps})
		defer stop()
		settled(t, x, h)
		if err := x.Reread(context.Background(), silently); err != nil {
			t.Fatal(err)
		}
		settled(t, x, h)
		noTraces(t, x)
		if diff := cmp.Diff(builtBy(t, h.memArchive, &extractor{version: "2"}), saysAll(t, x, h.memArchive)); diff != "" {
			t.Fatalf("built anew, and read again (-want +got):\n%s", diff)
		}
	})
}

// slowlyReading is an archive whose attached files are read, and which is followed with other steps.
type slowlyReading struct {
	reading
	by steps
}

func (s slowlyReading) slowly() steps { return s.by }

// What was removed is not brought back by a pass that read it before.
func TestRemovalDuringAPass(t *testing.T) {
	a, hard := withFiles()
	fs := vfs.NewMem()
	x, stop := followOn(t, fs, reading{a, &extractor{version: "1"}})
	settled(t, x, a)
	stop()
	x, err := openOn(fs, a, Config{Dir: "index", Documents: &extractor{version: "2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	r := rereader{reader: newReader(x, context.Background())}
	value, err := getCopy(x.db, addressKey(hard))
	if err != nil {
		t.Fatal(err)
	}
	d, err := r.document(binary.BigEndian.Uint32(value))
	if err != nil || d == nil {
		t.Fatalf("%v, %v", d, err)
	}
	a.removes(t, casework.ErasureOrdered, "", archive.Removal{Stream: hard.Stream, First: hard.Position, Records: 1})
	u, err := r.run(archive.Ledger)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []run{u, {reread: &reread{docs: []rereadDoc{*d}}}} {
		if err := x.take(u); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := x.Document(context.Background(), hard); !errors.Is(err, archive.ErrGone) {
		t.Errorf("document: %v", err)
	}
	if got := search(t, x, Request{Query: "attachment:capacitor"}).Total; got != 0 {
		t.Errorf("%d are found", got)
	}
}
