package index

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/message/auth"
)

// byHand is an index that a test moves on step by step, without Run.
type byHand struct {
	*Index
	t  *testing.T
	fs vfs.FS
	a  *memArchive
}

func openByHand(t *testing.T, a *memArchive) *byHand {
	x := &byHand{t: t, fs: vfs.NewMem(), a: a}
	x.open()
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

func (x *byHand) open() {
	x.t.Helper()
	var err error
	if x.Index, err = openOn(x.fs, x.a, Config{Dir: "index", steps: steps{rows: 0, keys: 50}}); err != nil {
		x.t.Fatal(err)
	}
}

func (x *byHand) reopen() {
	x.t.Helper()
	if err := x.Close(); err != nil {
		x.t.Fatal(err)
	}
	x.open()
}

// apply applies all records, and deletes nothing of what they remove.
func (x *byHand) apply() {
	x.t.Helper()
	r := newReader(x.Index, context.Background())
	for _, s := range x.a.Streams() {
		for r.next[s] < x.a.Next(s) {
			u, err := r.run(s)
			if err == nil {
				err = x.take(u)
			}
			if err != nil {
				x.t.Fatal(err)
			}
			r.next[s] += archive.Position(len(u.items))
		}
	}
}

// step does one thing that is left to do, false when there is none.
func (x *byHand) step() bool {
	x.t.Helper()
	s := x.now()
	switch {
	case s.untidy():
		if err := x.change(tidy, false); err != nil {
			x.t.Fatal(err)
		}
	case s.counts.Queued > 0:
		runs := make(chan run, 2)
		_, err := newReader(x.Index, context.Background()).again(runs)
		close(runs)
		for u := range runs {
			err = errors.Join(err, x.take(u))
		}
		if err != nil {
			x.t.Fatal(err)
		}
	case s.purge > 0:
		err := x.rewrite(context.Background())
		if err = errors.Join(err, x.change(purged(s.purge), false)); err != nil {
			x.t.Fatal(err)
		}
	default:
		return false
	}
	return true
}

// A removed record is in no answer from the moment its decision is applied, and every answer says why.
func TestRemovedRecordIsInNoAnswer(t *testing.T) {
	a := newMemArchive()
	kept := a.append(archive.Meta{}, mail("pump one\n", "From: jane@contoso.example", "Message-ID: <1@contoso.example>"))
	secret := mail("pump two secret\n", "From: bob@contoso.example", "Message-ID: <2@contoso.example>", "References: <1@contoso.example>")
	gone := a.append(archive.Meta{Source: archive.Source{Queue: "sales"}}, secret)
	again := a.again(gone, archive.Meta{Stream: "backup"})
	answer := a.append(archive.Meta{}, mail("pump three\n", "From: jane@contoso.example", "Message-ID: <3@contoso.example>", "References: <2@contoso.example>"))
	page := a.append(archive.Meta{Kind: archive.KindPage}, "page")
	digest := a.streams[gone.Stream][gone.Position].Meta.SHA256
	a.decide(t, casework.CitationAdded, 1, casework.CitationData{ID: 1, Record: gone, SHA256: digest})
	x := openByHand(t, a)
	x.apply()
	finds(t, x.Index, map[string]string{"pump": "2 1 0", "secret": "1", "case:1": "1", "is:unsearchable": "3", "thread:mail-0": "2 1 0"})

	order := a.removes(t, casework.ErasureOrdered, "asked for by Bob",
		archive.Removal{Stream: gone.Stream, First: gone.Position, Records: 1}, archive.Removal{Stream: page.Stream, First: page.Position, Records: 1})
	x.apply()
	for steps := 0; ; steps++ {
		finds(t, x.Index, map[string]string{
			"pump": "2 0", "secret": "", "case:1": "", "queue:sales": "", "from:bob": "", "is:unsearchable": "", "": "2 0",
			"id:2@contoso.example": "", "sha256:" + digest.String(): "", "kind:page": "",
		})
		res := search(t, x.Index, Request{Query: "pump"})
		if res.Total != 2 || res.Unsearchable != 0 {
			t.Errorf("%d found, %d unsearchable", res.Total, res.Unsearchable)
		}
		for _, at := range []archive.Address{gone, again} {
			_, err := x.Document(context.Background(), at)
			var removed *RemovedError
			if !errors.As(err, &removed) || !errors.Is(err, archive.ErrGone) {
				t.Fatalf("document %s: %v", at, err)
			}
			want := &RemovedError{Address: at, Decision: order, At: day(2026, 11, 21), Actor: "kim", Reason: "asked for by Bob", Erased: true}
			if diff := cmp.Diff(want, removed); diff != "" {
				t.Errorf("%s was removed (-want +got):\n%s", at, diff)
			}
			if told, err := x.Removed(context.Background(), at); err != nil || !cmp.Equal(told, want) {
				t.Errorf("removed: %+v, %v", told, err)
			}
		}
		if r, err := x.Removed(context.Background(), kept); r != nil || err != nil {
			t.Errorf("the kept record was removed: %+v, %v", r, err)
		}
		if known, err := x.Known(digest); err != nil || len(known) > 0 {
			t.Errorf("the bytes are known from %+v: %v", known, err)
		}
		if !x.step() {
			if steps == 0 {
				t.Error("nothing was left to do")
			}
			break
		}
	}
	st := x.Status()
	if st.Records != 2 || st.Removed != 3 || st.Documents != 2 || st.Lag != 0 || st.Unsearchable != 0 || st.Cleaning {
		t.Errorf("status is %+v", st)
	}
	volume, err := x.Volume(context.Background(), time.Time{})
	if err != nil || len(volume) != 1 || volume[0].Count != 2 {
		t.Errorf("volume is %+v, %v", volume, err)
	}
	thread, err := x.Thread(context.Background(), threadID(answer))
	if err != nil || len(thread.Messages) != 1 || thread.ID != threadID(answer) {
		t.Errorf("what only the removed message joined stays together: %+v, %v", thread, err)
	}
	if _, err := x.Thread(context.Background(), threadID(gone)); !errors.Is(err, archive.ErrGone) {
		t.Errorf("conversation of the removed message: %v", err)
	}
}

// While an expiry of many records is worked off, across restarts and with mail coming in,
// every answer is already what it will be in the end.
func TestLargeExpiryIsAnsweredAtOnce(t *testing.T) {
	a := newMemArchive()
	for i := range 200 {
		text := fmt.Sprintf("pump %d\n", i)
		if i == 195 {
			text = "pump pump pump\n"
		}
		a.append(archive.Meta{}, mail(text, "From: jane@contoso.example", fmt.Sprintf("Message-ID: <%d@contoso.example>", i),
			fmt.Sprintf("References: <%d@contoso.example>", i/40*40)))
	}
	x := openByHand(t, a)
	x.apply()
	a.removes(t, casework.RetentionExpired, "", archive.Removal{Stream: archive.Mail, First: 0, Records: 190})
	x.apply()
	if p := x.now().pending; len(p) != 1 || p[0].last != 189 {
		t.Fatalf("pending is %+v", p)
	}
	for steps := 0; ; steps++ {
		if steps%20 == 3 {
			x.reopen()
		}
		if steps == 10 { // The same bytes as a removed record's come once more.
			a.append(archive.Meta{}, string(a.streams[archive.Mail][100].Body))
			x.apply()
		}
		want := []string{"mail/199", "mail/190"}
		if steps >= 10 {
			want[0] = "mail/200"
		}
		got := addresses(t, x.Index, Request{Query: "pump", Limit: 7})
		if got[0] != want[0] || got[len(got)-1] != want[1] || len(got) != 10+min(steps/10, 1) {
			t.Fatalf("after %d steps found %v", steps, got)
		}
		if best := search(t, x.Index, Request{Query: "pump", Sort: Relevance}).Items[0].Address.Position; best != 195 {
			t.Fatalf("after %d steps the most relevant is %d: removed records count for how rare a word is", steps, best)
		}
		volume, err := x.Volume(context.Background(), time.Time{})
		if err != nil || len(volume) != 1 || volume[0].Count != len(got) {
			t.Fatalf("after %d steps the volume is %+v, %v", steps, volume, err)
		}
		if st := x.Status(); st.Documents != int64(len(got)) || st.Records != int64(len(got)) || st.Removed != 190 || st.Lag != 0 {
			t.Fatalf("after %d steps the status is %+v", steps, st)
		}
		if !x.step() {
			break
		}
	}
	if diff := cmp.Diff(rebuilt(t, a.with(allGone([]archive.Removal{{Stream: archive.Mail, First: 0, Records: 190}}))), saysAll(t, x.Index, a)); diff != "" {
		t.Errorf("rebuilt and worked off (-want +got):\n%s", diff)
	}
	rows := 0
	for _, family := range []byte{famText, famSummary, famLinks, famSighting, famAddress, famDigest} {
		if err := x.each(family, func(_, _ []byte) error { rows++; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	noTraces(t, x.Index)
	if rows != 6*11 {
		t.Errorf("%d rows are left, want those of 11 documents", rows)
	}
}

// Records that the archive says are gone, without any decision known, are passed: nothing fails, nothing lags.
func TestGoneRecordsArePassed(t *testing.T) {
	a := newMemArchive()
	for i := range 5 {
		a.append(archive.Meta{}, mail(fmt.Sprintf("pump %d\n", i)))
	}
	a.again(archive.Address{Stream: archive.Mail, Position: 1}, archive.Meta{})
	a.append(archive.Meta{Stream: archive.Ledger, Kind: archive.KindEvent}, "{}")
	for _, at := range []archive.Address{{Stream: archive.Mail, Position: 1}, {Stream: archive.Mail, Position: 2}, {Stream: archive.Mail, Position: 4}, {Stream: archive.Ledger}} {
		a.gone[at] = true
	}
	x := follow(t, a)
	settled(t, x, a)
	finds(t, x, map[string]string{"pump": "3 0"})
	if st := x.Status(); st.Records != 2 || st.Removed != 4 || st.Lag != 0 || st.Failure != "" || st.Unsearchable != 0 {
		t.Errorf("status is %+v", st)
	}
	if r, err := x.Removed(context.Background(), archive.Address{Stream: archive.Mail, Position: 5}); err != nil || r == nil || r.Decision.Stream != "" {
		t.Errorf("the sighting of a record that is gone: %+v, %v", r, err)
	}
}

// Of the arrivals of the same bytes those that were not removed stay, found by what they tell and nothing else.
func TestOtherArrivalsOfRemovedBytesStay(t *testing.T) {
	a := newMemArchive()
	raw := mail("pump\n", "From: jane@contoso.example", "Message-ID: <1@contoso.example>")
	first := a.append(archive.Meta{Source: archive.Source{Queue: "support"}}, raw)
	lost := a.again(first, archive.Meta{Source: archive.Source{Queue: "sales"}})
	second := a.append(archive.Meta{Source: archive.Source{Queue: "legal"}}, raw)
	kept := a.again(second, archive.Meta{Source: archive.Source{Queue: "audit"}})
	x := follow(t, a)
	settled(t, x, a)
	finds(t, x, map[string]string{"queue:support": "0", "queue:sales": "0", "queue:legal": "0", "queue:audit": "0"})
	a.removes(t, casework.RetentionExpired, "", archive.Removal{Stream: archive.Mail, First: first.Position, Records: 1})
	settled(t, x, a)
	finds(t, x, map[string]string{"queue:support": "", "queue:sales": "", "queue:legal": "2", "queue:audit": "2", "pump": "2"})
	d := documentAt(t, x, kept)
	if d.Address != second || d.Sightings != 2 || len(d.Seen) != 2 {
		t.Errorf("document is %+v", d)
	}
	known, err := x.Known(d.SHA256)
	if err != nil || len(known) != 2 || known[0].Address != second {
		t.Errorf("known are %+v, %v", known, err)
	}
	if _, err := x.Document(context.Background(), lost); !errors.Is(err, archive.ErrGone) {
		t.Errorf("sighting of the removed record: %v", err)
	}
}

// After an erasure was worked off, nothing of what was erased is in any file of the index.
func TestErasedWordsLeaveTheDisk(t *testing.T) {
	a := newMemArchive()
	for i := range 40 {
		a.append(archive.Meta{}, mail(fmt.Sprintf("aardvark pump zymurgy %d\n", i), "From: jane@contoso.example", "Subject: zythum aalii"))
	}
	erased := a.append(archive.Meta{Source: archive.Source{Queue: "obsidian"}, Envelope: &archive.Envelope{To: []string{"quokka@contoso.example"}}},
		mail("pump marmalade\n", "From: Nimrod <nimrod@contoso.example>", "Subject: pelican", "Message-ID: <mongoose@contoso.example>",
			"Content-Type: multipart/mixed; boundary=B")+"--B\n\nlavender\n--B\nContent-Disposition: attachment; filename=nectarine.pdf\n\nx\n--B--\n")
	a.learns(t, erased.Stream, nil, auth.Result{Position: uint64(erased.Position), DKIM: []auth.Signature{{Domain: "ocelot.example", Status: auth.Pass}}})
	words := []string{"ocelot", "obsidian", "quokka", "marmalade", "nimrod", "pelican", "mongoose", "lavender", "nectarine"}
	x := openByHand(t, a)
	x.apply()
	if err := x.db.Flush(); err != nil {
		t.Fatal(err)
	}
	if found := wordsOnDisk(t, x.fs, words); len(found) < len(words)-1 {
		t.Fatalf("only %v are on the disk before", found)
	}
	a.removes(t, casework.ErasureOrdered, "", archive.Removal{Stream: erased.Stream, First: erased.Position, Records: 1})
	x.apply()
	for x.step() {
	}
	if err := x.Close(); err != nil { // Pebble deletes files in the background, and waits for it here.
		t.Fatal(err)
	}
	if found := wordsOnDisk(t, x.fs, words); len(found) > 0 {
		t.Errorf("still on the disk are %v", found)
	}
	x.open()
	if pelican, zythum := search(t, x.Index, Request{Query: "pelican"}).Total, search(t, x.Index, Request{Query: "zythum"}).Total; pelican != 0 || zythum != 40 {
		t.Errorf("%d messages found by what was erased, %d by what stays", pelican, zythum)
	}
}

// noTraces checks that of documents that are dead nothing is left but their numbers.
func noTraces(t tester, x *Index) {
	t.Helper()
	dead := x.now().dead
	for _, family := range []byte{famText, famSummary, famDetails, famLinks, famMember, famSubject, famOrphan, famThread, famFragment} {
		note(t, x.each(family, func(key, _ []byte) error {
			if dead.Contains(keyDoc(key)) {
				t.Errorf("row %q is of a dead document", key)
			}
			return nil
		}))
	}
	for _, family := range []byte{famAddress, famTarget, famDigest, famSame, famNode, famJoined} {
		note(t, x.each(family, func(key, value []byte) error {
			if dead.Contains(binary.BigEndian.Uint32(value)) {
				t.Errorf("row %q leads to a dead document", key)
			}
			return nil
		}))
	}
	removed := x.now().removed
	note(t, x.each(famFinding, func(key, _ []byte) error {
		at, err := keyAddress(key)
		if removed.has(at) {
			t.Errorf("a finding about %s is left", at)
		}
		return err
	}))
	trace := func(key []byte) func(uint16) bool {
		return func(low uint16) bool { return !dead.Contains(docID(keyChunk(key))<<chunkBits | docID(low)) }
	}
	note(t, x.each(famPostings, func(key, value []byte) error {
		_, changed, err := lessPostings(value, trace(key))
		if changed {
			t.Errorf("postings %q have a dead document", key)
		}
		return err
	}))
	note(t, x.each(famPositions, func(key, value []byte) error {
		_, changed, err := lessPositions(value, trace(key))
		if changed {
			t.Errorf("positions %q have a dead document", key)
		}
		return err
	}))
	allTermsAreListed(t, x)
}

// allTermsAreListed checks that the terms of people that are listed are those that have postings.
func allTermsAreListed(t tester, x *Index) {
	t.Helper()
	listed, have := map[string]bool{}, map[string]bool{}
	note(t, x.each(famTerm, func(key, _ []byte) error {
		listed[string(key[1:])] = true
		return nil
	}))
	note(t, eachIn(x.db, []byte{famPostings, byte(fieldParticipant)}, func(key, _ []byte) error {
		if term := string(key[2 : len(key)-3]); inList(term) {
			have[term] = true
		}
		return nil
	}))
	if diff := cmp.Diff(have, listed); diff != "" {
		t.Errorf("terms of people that have postings, and that are listed (-want +got):\n%s", diff)
	}
}

func note(t tester, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wordsOnDisk tells which words stand in the files of an index: in each version of a row of the tables, and in other files as they are.
func wordsOnDisk(t *testing.T, fs vfs.FS, words []string) map[string]string {
	t.Helper()
	names, err := fs.List("index/pebble")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, name := range names {
		text := bytes.ToLower(fileText(t, fs, "index/pebble/"+name))
		for _, w := range words {
			if bytes.Contains(text, []byte(w)) {
				found[w] += name + " "
			}
		}
	}
	return found
}

func fileText(t *testing.T, fs vfs.FS, path string) (text []byte) {
	t.Helper()
	f, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(path, ".sst") {
		text, err := io.ReadAll(f)
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		return text
	}
	readable, err := sstable.NewSimpleReadable(f)
	if err != nil {
		t.Fatal(err)
	}
	r, err := sstable.NewReader(context.Background(), readable, sstable.ReaderOptions{Mergers: sstable.Mergers{merger.Name: merger}})
	if err != nil {
		t.Fatal(err)
	}
	it, err := r.NewIter(sstable.NoTransforms, nil, nil, sstable.AssertNoBlobHandles)
	if err != nil {
		t.Fatal(err)
	}
	for kv := it.First(); kv != nil; kv = it.Next() {
		value, _, err := kv.Value(nil)
		if err != nil {
			t.Fatal(err)
		}
		text = append(append(text, kv.K.UserKey...), value...)
	}
	if err := errors.Join(it.Close(), r.Close()); err != nil {
		t.Fatal(err)
	}
	return text
}

// Those who ask while records are removed get whole answers: of before or of after.
func TestQuestionsWhileRecordsAreRemoved(t *testing.T) {
	a := newMemArchive()
	const n = 300
	for i := range n {
		a.append(archive.Meta{}, mail(fmt.Sprintf("pump %d\n", i), "From: jane@contoso.example", fmt.Sprintf("Message-ID: <%d@contoso.example>", i), "References: <0@contoso.example>"))
	}
	x, stop := followOn(t, vfs.NewMem(), stepped{a, steps{rows: 5, keys: 100}})
	defer stop()
	caughtUp(t, x, a)
	ctx, cancel := context.WithCancel(context.Background())
	var g errgroup.Group
	for range 4 {
		g.Go(func() error {
			for ctx.Err() == nil {
				res, err := x.Search(context.Background(), Request{Query: "pump", Sort: Relevance, Limit: maxLimit, Now: testNow})
				if err != nil || res.Total != len(res.Items) || res.Total > 0 && res.Items[0].Snippet == "" {
					return fmt.Errorf("%+v, %w", res, err)
				}
				for _, item := range res.Items[:min(3, len(res.Items))] {
					if _, err := x.Document(context.Background(), item.Address); err != nil && !errors.Is(err, archive.ErrGone) {
						return err
					}
					if _, err := x.Thread(context.Background(), item.Thread); err != nil && !errors.Is(err, archive.ErrGone) {
						return err
					}
				}
			}
			return nil
		})
	}
	for first := 0; first < n; first += 30 {
		at := a.removes(t, casework.ErasureOrdered, "", archive.Removal{Stream: archive.Mail, First: archive.Position(first), Records: 20})
		if err := x.WaitFor(context.Background(), at); err != nil {
			t.Fatal(err)
		}
		if got, want := search(t, x, Request{Query: "pump"}).Total, n-20*(first/30+1); got != want {
			t.Errorf("%d found after the removal at %d, want %d", got, first, want)
		}
	}
	settled(t, x, a)
	cancel()
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

// What was removed does not show again after a crash, although what else was
// applied since the last table may be applied anew.
func TestRemovalIsKeptThroughACrash(t *testing.T) {
	fs := vfs.NewCrashableMem()
	a := newMemArchive()
	x, stop := followOn(t, fs, a)
	defer stop()
	at := a.append(archive.Meta{}, mail("secret pump\n"))
	caughtUp(t, x, a)
	if err := x.db.Flush(); err != nil {
		t.Fatal(err)
	}
	a.removes(t, casework.RetentionExpired, "", archive.Removal{Stream: at.Stream, First: at.Position, Records: 1})
	a.append(archive.Meta{}, mail("another\n")) // It is applied when the decision is all through.
	caughtUp(t, x, a)
	after, err := openOn(fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))}), a, Config{Dir: "index"})
	if err != nil {
		t.Fatal(err)
	}
	defer after.Close()
	if after.now().marks[archive.Mail].next == 0 {
		t.Fatal("the index of before the crash is not there")
	}
	if got := search(t, after, Request{Query: "pump"}); got.Total != 0 {
		t.Errorf("an expired message is found after a crash: %+v", got.Items)
	}
	if _, err := after.Document(t.Context(), at); err == nil {
		t.Error("an expired message is shown after a crash")
	}
}
