package archive

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// A frame that does not decompress to what it was made of is not sealed: the
// tar would be removed behind it.
func TestSealedFramesAreReadBack(t *testing.T) {
	a := mustOpen(t, newMemDisk(), testConfig(newMemStore()))
	mustAppend(t, a, Mail, message(0), mailText(1, 9000))
	blind, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(1))
	if err != nil {
		t.Fatal(err)
	}
	defer blind.Close()
	s, err := newSealer(frameSize, zstd.SpeedDefault, blind)
	if err != nil {
		t.Fatal(err)
	}
	p := a.lookup(Mail).openPack()
	m := Manifest{Format: ManifestVersion, Stream: p.stream, First: p.first, Records: p.records}
	if err := s.seal(new(bytes.Buffer), p.tar, p.starts, &m); !errors.Is(err, ErrDamaged) {
		t.Errorf("%v, want ErrDamaged", err)
	}
}

// Leaves in the bucket that are not those of the records here are not signed.
func TestForeignLeavesAreNotSigned(t *testing.T) {
	store := newMemStore()
	a := mustOpen(t, newMemDisk(), testConfig(store))
	mustAppend(t, a, Mail, message(0), mailText(1, 900))
	store.objects[leavesKey(Mail, 0)] = make([]byte, hashSize)
	if err := a.Flush(t.Context()); !errors.Is(err, ErrDiverged) {
		t.Errorf("%v, want ErrDiverged", err)
	}
	if a.lookup(Mail).lastProven() != nil {
		t.Error("it was signed")
	}
}

// Nothing is removed before the decision is where it cannot be lost: in the
// bucket, under a checkpoint.
func TestNothingGoesBeforeItsDecisionIsInTheBucket(t *testing.T) {
	a := mustOpen(t, newMemDisk(), testConfig(newMemStore()))
	m := mustAppend(t, a, Mail, message(0), mailText(1, 900))
	mustFlush(t, a)
	order := mustAppend(t, a, Ledger, Meta{Kind: KindEvent, Received: received(1)}, []byte(`{"type":"erasure.ordered","data":{"removes":[{"stream":"mail","first":0,"records":1}]}}`))
	gone := []Removal{{Mail, 0, 1}}
	for _, from := range []Address{order.Address(), m.Address(), {Ledger, 99}} {
		if err := a.Remove(t.Context(), from, gone); err == nil {
			t.Errorf("removed by %s", from)
		}
		if r, err := a.Read(t.Context(), m.Address()); err != nil || len(r.Body) != 900 {
			t.Errorf("it is not there: %v", err)
		}
	}
	mustFlush(t, a)
	if err := a.Remove(t.Context(), order.Address(), gone); err != nil {
		t.Error(err)
	}
}

// A record that was erased, or a pack that went, without a decision in the
// ledger is named: whoever can write to the bucket and has the key may not
// remove anything silently.
func TestRemovalWithoutADecisionIsNamed(t *testing.T) {
	for _, whole := range []bool{false, true} {
		store := newMemStore()
		a := mustOpen(t, newMemDisk(), testConfig(store))
		for i := range 3 {
			mustAppend(t, a, Mail, message(i), mailText(uint64(i), 900))
		}
		mustFlush(t, a)
		what, where := Removal{Mail, 1, 1}, "mail/1"
		if whole {
			what, where = Removal{Mail, 0, 3}, "mail/0"
		}
		mustRemove(t, a, "note.added", what)
		v := audit(t, store, Inspection{Key: a.PublicKey()})
		if len(v.Problems) != 1 || v.Problems[0].Where != where {
			t.Errorf("%s: %+v", what, v.Problems)
		}
	}
}

// What a restore brought is there after a power cut: else the next record would
// be given an address that is taken.
func TestRestoreIsDurable(t *testing.T) {
	store := newMemStore()
	a := mustOpen(t, newMemDisk(), testConfig(store))
	mustAppend(t, a, Mail, message(0), mailText(1, 900))
	mustFlush(t, a)
	mustClose(t, a)
	for key := range store.objects { // A server that was lost before it made a checkpoint.
		if !strings.HasPrefix(key, "packs/") {
			delete(store.objects, key)
		}
	}
	for _, opened := range []bool{false, true} {
		d := newMemDisk()
		c := testConfig(store)
		c.CacheSize = 1 // Nothing stays on the disk but the list.
		if err := restoreOn(t.Context(), d, c, nil); err != nil {
			t.Fatal(err)
		}
		if opened { // It was opened once, and nothing came in.
			mustClose(t, mustOpen(t, d, c))
		}
		b := mustOpen(t, d.powerCut(nil), c)
		if b.Next(Mail) != 1 {
			t.Errorf("the next record would be mail/%d", b.Next(Mail))
		}
		mustClose(t, b)
	}
}
