package archive

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
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

// unlisted is an archive that sealed a pack and could not list it, as it is
// after the program was killed.
func unlisted(t *testing.T, c Config) (d *memDisk, body []byte) {
	t.Helper()
	d, body = newMemDisk(), mailText(1, 900)
	a := mustOpen(t, d, c)
	mustAppend(t, a, Mail, message(0), body)
	a.lookup(Mail).rotate(time.Now())
	d.setFail(func(_ int, what, name string) error {
		if what == "write" && strings.HasSuffix(name, "packs.jsonl") {
			return errDisk
		}
		return nil
	})
	if err := a.lookup(Mail).sealAll(t.Context()); err == nil {
		t.Fatal("listed")
	}
	d.setFail(nil)
	mustClose(t, a)
	if d.content(openTar) == nil || d.content(sealedTar) == nil && d.content(openTar+".zst.age") == nil {
		t.Fatal("not both are there")
	}
	return d, body
}

// A gateway that cannot read what it sealed starts nevertheless when it was
// killed before the pack was listed: it seals the tar again.
func TestGatewayWithoutIdentityStartsBetweenSealAndList(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	c := testConfig(newMemStore())
	c.Recipients = []age.Recipient{id.Recipient()}
	d, body := unlisted(t, c)
	a := mustOpen(t, d, c)
	mustFlush(t, a)
	mustClose(t, a)
	c.Identities = []age.Identity{id}
	checkBody(t, mustOpen(t, d, c), Address{Mail, 0}, body)
}

// A sealed pack that no list and no bucket knows, whose tar was removed, is
// found: it is all there is.
func TestSealedPackOutlivesItsList(t *testing.T) {
	for _, cut := range []bool{false, true} {
		store := newMemStore()
		c := testConfig(store)
		d, body := unlisted(t, c)
		if err := d.Remove(openTar); err != nil {
			t.Fatal(err)
		}
		a := mustOpen(t, d, c)
		if cut { // It is listed from now on.
			d = d.powerCut(nil)
			mustClose(t, a)
			a = mustOpen(t, d, c)
		}
		checkBody(t, a, Address{Mail, 0}, body)
		if m := mustAppend(t, a, Mail, message(1), body); m.Position != 1 {
			t.Errorf("the next record is %d", m.Position)
		}
		mustFlush(t, a)
		if keys := store.packKeys(); len(keys) != 2 {
			t.Errorf("the bucket holds %q", keys)
		}
	}
}

// The tree behind the last checkpoint may be in memory only, when its sync
// failed before the program was started again: it is made again.
func TestTreeWhoseSyncFailedGrowsAgain(t *testing.T) {
	d, c := newMemDisk(), testConfig(newMemStore())
	a := mustOpen(t, d, c)
	fill := func(a *Archive) { // More than a page of hashes.
		for i := range page / hashSize {
			mustAppend(t, a, Mail, message(i), []byte("x"))
		}
		a.lookup(Mail).rotate(time.Now())
	}
	fill(a)
	d.setFail(func(_ int, what, name string) error {
		if what == "sync" && strings.HasSuffix(name, "/tree") {
			return errDisk
		}
		return nil
	})
	if err := a.lookup(Mail).sealAll(t.Context()); err == nil {
		t.Fatal("the tree grew")
	}
	d.setFail(nil)
	mustClose(t, a)
	for range 2 {
		a = mustOpen(t, d, c)
		fill(a)
		mustFlush(t, a)
		if proof, err := a.Prove(t.Context(), Address{Mail, 1}); err != nil {
			t.Error(err)
		} else if _, err := proof.Check(a.PublicKey()); err != nil {
			t.Error(err)
		}
		mustClose(t, a)
		d = d.powerCut(nil)
	}
}

// An upload whose answer was lost left the lock of its time. The one that
// finds the object there gives it the present lock.
func TestFoundUploadGetsThePresentLock(t *testing.T) {
	store := newMemStore()
	c := testConfig(store)
	var lock Lock
	c.Lock = func(PackInfo) Lock { return lock }
	a := mustOpen(t, newMemDisk(), c)
	mustAppend(t, a, Mail, message(0), mailText(1, 900))
	s := a.lookup(Mail)
	s.rotate(time.Now())
	store.setFail(func(op, _ string) error {
		if op == "created" {
			return errors.New("the answer is lost")
		}
		return nil
	})
	if err := errors.Join(s.sealAll(t.Context()), s.uploadAll(t.Context())); err == nil {
		t.Fatal("nothing failed")
	}
	store.setFail(nil)
	lock = Lock{Hold: true}
	if err := s.uploadAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := store.locks[packName]; got != lock {
		t.Errorf("it is kept by %+v, want %+v", got, lock)
	}
}

// No decision removes decisions.
func TestLedgerIsNotRemoved(t *testing.T) {
	a := mustOpen(t, newMemDisk(), testConfig(newMemStore()))
	order := mustAppend(t, a, Ledger, Meta{Kind: KindEvent, Received: received(1)}, []byte(`{"type":"erasure.ordered","data":{"removes":[{"stream":"ledger","first":0,"records":1}]}}`))
	mustFlush(t, a)
	if err := a.Remove(t.Context(), order.Address(), []Removal{{Ledger, 0, 1}}); err == nil || !strings.Contains(err.Error(), "decisions are not removed") {
		t.Errorf("%v", err)
	}
	if _, err := a.Read(t.Context(), order.Address()); err != nil {
		t.Error(err)
	}
}

// What is removed before it was put into the bucket is put there first: others
// have to see that it was there, and by which decision it went.
func TestRemovedRecordsWereInTheBucket(t *testing.T) {
	for _, what := range []Removal{{Mail, 0, 2}, {Mail, 1, 1}} {
		store := newMemStore()
		a := mustOpen(t, newMemDisk(), testConfig(store))
		body := fmt.Sprintf(`{"polytrace":1,"type":"erasure.ordered","actor":"kim","at":"2026-11-03T09:00:00Z","reason":"test","data":{"removes":[{"stream":"mail","first":%d,"records":%d}]}}`, what.First, what.Records)
		order := mustAppend(t, a, Ledger, Meta{Kind: KindEvent, Received: received(60)}, []byte(body))
		mustFlush(t, a)
		for i := range 2 {
			mustAppend(t, a, Mail, message(i), mailText(uint64(i), 900))
		}
		if err := a.Remove(t.Context(), order.Address(), []Removal{what}); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Read(t.Context(), Address{Mail, 1}); !errors.Is(err, ErrGone) {
			t.Errorf("%s: %v", what, err)
		}
		mustFlush(t, a)
		s := a.lookup(Mail)
		if err := s.tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s.lastProven() == nil || s.lastProven().Size != 2 {
			t.Errorf("%s: proven is %+v", what, s.lastProven())
		}
		if v := audit(t, store, Inspection{Key: a.PublicKey()}); len(v.Problems) > 0 {
			t.Errorf("%s: %+v", what, v.Problems)
		}
	}
}

// A checkpoint of our own name in the bucket that is over other records, or
// that our key did not sign, is not taken for ours: not where the last one is
// asked for, and not where one that was put there is expected.
func TestForeignCheckpointIsNotTaken(t *testing.T) {
	for _, first := range []bool{false, true} {
		for _, forged := range []bool{false, true} {
			store := newMemStore()
			a := mustOpen(t, newMemDisk(), testConfig(store))
			mustAppend(t, a, Mail, message(0), mailText(1, 900))
			s, size := a.lookup(Mail), Position(1)
			if !first {
				mustFlush(t, a)
				mustAppend(t, a, Mail, message(1), mailText(1, 900))
				size = 2
			}
			s.rotate(time.Now())
			if err := errors.Join(s.sealAll(t.Context()), s.uploadAll(t.Context())); err != nil {
				t.Fatal(err)
			}
			_, lines := s.toProve()
			if err := s.growTree(t.Context(), size, 0); err != nil {
				t.Fatal(err)
			}
			root, err := s.tree.root(size)
			if err != nil {
				t.Fatal(err)
			}
			other := Checkpoint{Origin: a.signer.Name() + "/" + string(Mail), Size: size, Root: Digest(root), Time: received(1), Packs: lines}
			if !forged {
				other.Root = Digest{1}
			}
			signed, err := a.Sign(other.text())
			if err != nil {
				t.Fatal(err)
			}
			if forged {
				signed = strings.Replace(signed, "time 2026", "time 2025", 1)
			}
			before := s.lastProven()
			store.objects[checkpointKey(Mail, size, 0)] = []byte(signed)
			err = s.prove(t.Context())
			if first && !forged { // It is ours, and the next one finds that it is not of these records.
				mustAppend(t, a, Mail, message(1), mailText(1, 900))
				s.rotate(time.Now())
				if err := errors.Join(err, s.sealAll(t.Context()), s.uploadAll(t.Context())); err != nil {
					t.Fatal(err)
				}
				if err = s.prove(t.Context()); !errors.Is(err, ErrDamaged) {
					t.Errorf("%v", err)
				}
				continue
			}
			if !errors.Is(err, ErrDiverged) || s.lastProven() != before {
				t.Errorf("first: %v, forged: %v: %v, proven is %+v", first, forged, err, s.lastProven())
			}
		}
	}
}

// A pack is written anew under a name that is free: an attempt whose answer was
// lost left an object that no checkpoint tells of; that one goes.
func TestTakenNameIsPassedOver(t *testing.T) {
	store := newMemStore()
	a := mustOpen(t, newMemDisk(), testConfig(store))
	for i := range 2 {
		mustAppend(t, a, Mail, message(i), mailText(uint64(i), 900))
	}
	mustFlush(t, a)
	const taken = "packs/mail/00000000000000000000.r1.tar.zst"
	store.objects[taken] = []byte("half")
	mustRemove(t, a, "erasure.ordered", Removal{Mail, 0, 1})
	if store.objects[taken] != nil || store.objects["packs/mail/00000000000000000000.r2.tar.zst"] == nil {
		t.Errorf("the bucket holds %q", store.packKeys())
	}
	checkBody(t, a, Address{Mail, 1}, mailText(1, 900))
}

// A pack counts as stored once the bucket has it, not before: after a restart
// between the two its only copy would leave the cache.
func TestPackIsNotStoredBeforeTheBucketHasIt(t *testing.T) {
	d, store := newMemDisk(), newMemStore()
	c := testConfig(store)
	c.CacheSize = 1
	a := mustOpen(t, d, c)
	body := mailText(1, 900)
	mustAppend(t, a, Mail, message(0), body)
	s := a.lookup(Mail)
	s.rotate(time.Now())
	store.setFail(func(string, string) error { return errors.New("the bucket is away") })
	if err := errors.Join(s.sealAll(t.Context()), s.uploadAll(t.Context())); err == nil {
		t.Fatal("nothing failed")
	}
	mustClose(t, a)
	a = mustOpen(t, d, c)
	if st := a.Status(); st.Packs != 0 {
		t.Errorf("%d packs are said to be in the bucket", st.Packs)
	}
	a.evict()
	store.setFail(nil)
	mustFlush(t, a)
	checkBody(t, a, Address{Mail, 0}, body)
	if store.objects[packName] == nil {
		t.Errorf("the bucket holds %q", store.packKeys())
	}
}
