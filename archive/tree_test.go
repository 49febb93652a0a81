package archive

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// merkle is RFC 6962 section 2.1 as it is written there.
func merkle(leaves []string) [32]byte {
	switch len(leaves) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256([]byte("\x00" + leaves[0]))
	}
	k := 1
	for k*2 < len(leaves) {
		k *= 2
	}
	left, right := merkle(leaves[:k]), merkle(leaves[k:])
	return sha256.Sum256([]byte("\x01" + string(left[:]) + string(right[:])))
}

// The root over any number of records, added in any portions and read back
// after the file was opened again, is that of RFC 6962.
func TestTreeIsThatOfRFC6962(t *testing.T) {
	for _, portion := range []int{1, 2, 3, 7, 64} {
		d := newMemDisk()
		tree, err := openTree(d, ".")
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for len(texts) < 70 {
			var fresh []tlog.Hash
			first := Position(len(texts))
			for range portion {
				texts = append(texts, fmt.Sprint("record ", len(texts)))
				fresh = append(fresh, tlog.RecordHash([]byte(texts[len(texts)-1])))
			}
			if err := tree.add(first, fresh); err != nil {
				t.Fatal(err)
			}
			if tree, err = openTree(d, "."); err != nil || tree.Size() != Position(len(texts)) {
				t.Fatalf("after %d the tree has %d: %v", len(texts), tree.Size(), err)
			}
		}
		for n := 1; n <= len(texts); n++ {
			root, err := tree.root(Position(n))
			if err != nil || root != merkle(texts[:n]) {
				t.Fatalf("portions of %d: the root over %d is %s, %v", portion, n, root, err)
			}
		}
		if err := tree.add(Position(len(texts)+1), []tlog.Hash{{}}); err == nil {
			t.Error("leaves behind a gap were added")
		}
	}
}

// proven makes an archive with some records in the bucket and its checkpoints.
func proven(t *testing.T, n int) (*Archive, *memDisk, *memStore, [][]byte) {
	d, store := newMemDisk(), newMemStore()
	c := testConfig(store)
	c.PackSize = 20_000
	a := mustOpen(t, d, c)
	var bodies [][]byte
	for i := range n {
		bodies = append(bodies, mailText(uint64(i), 2600))
		mustAppend(t, a, Mail, message(i), bodies[i])
		if i%3 == 0 {
			mustAppend(t, a, Ledger, Meta{Kind: KindEvent, Received: received(i)}, []byte(`{"polytrace":1}`))
		}
	}
	mustFlush(t, a)
	return a, d, store, bodies
}

func TestEveryRecordIsProven(t *testing.T) {
	a, _, _, bodies := proven(t, 21)
	for i, body := range bodies {
		at := Address{Mail, Position(i)}
		p, err := a.Prove(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		m, err := p.Check(a.PublicKey())
		if err != nil || m.Address() != at || m.SHA256 != sumOf(body) {
			t.Fatalf("%s: %+v, %v", at, m, err)
		}
		for name, q := range map[string]Proof{
			"other metadata":   {strings.Replace(p.Meta, "robin", "rabin", 1), p.Hashes, p.Checkpoint},
			"another position": {strings.Replace(p.Meta, fmt.Sprintf(`"position":%d,`, i), `"position":90,`, 1), p.Hashes, p.Checkpoint},
			"a hash less":      {p.Meta, p.Hashes[1:], p.Checkpoint},
			"another hash":     {p.Meta, append([]Digest{sumOf(nil)}, p.Hashes[1:]...), p.Checkpoint},
			"another size":     {p.Meta, p.Hashes, strings.Replace(p.Checkpoint, "\n21\n", "\n22\n", 1)},
			"no signature":     {p.Meta, p.Hashes, p.Checkpoint[:strings.Index(p.Checkpoint, "—")]},
		} {
			if _, err := q.Check(a.PublicKey()); err == nil {
				t.Errorf("%s: a proof with %s is taken", at, name)
			}
		}
	}
	last := mustAppend(t, a, Mail, message(21), []byte("one more"))
	if _, err := a.Prove(t.Context(), last.Address()); !errors.Is(err, ErrUnproven) {
		t.Errorf("a record that is not in the bucket: %v", err)
	}
	if _, err := a.Prove(t.Context(), Address{Mail, 99}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a record that is not there: %v", err)
	}
}

// Whoever kept a checkpoint can be shown that the present one goes on from it,
// and cannot be shown so when anything before it is another.
func TestEveryCheckpointGoesOnFromEarlierOnes(t *testing.T) {
	a := mustOpen(t, newMemDisk(), testConfig(newMemStore()))
	var kept []string
	for i := range 7 {
		if _, err := a.ProveConsistency(Mail, 0); i == 0 && !errors.Is(err, ErrNotFound) {
			t.Errorf("there is no stream yet: %v", err)
		}
		mustAppend(t, a, Mail, message(i), mailText(uint64(i), 300))
		mustFlush(t, a)
		now, err := a.ProveConsistency(Mail, 0)
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, now.Checkpoint)
	}
	other := mustOpen(t, newMemDisk(), testConfig(newMemStore()))
	other.signer = a.signer // Who has the key and tells another story.
	for i := range 7 {
		mustAppend(t, other, Mail, message(i), mailText(uint64(i+1), 300))
	}
	mustFlush(t, other)
	for i, note := range kept {
		c, err := a.ProveConsistency(Mail, Position(i+1))
		if err != nil {
			t.Fatal(err)
		}
		if now, err := c.Check(note, a.PublicKey()); err != nil || now.Size != 7 {
			t.Errorf("since %d: %+v, %v", i+1, now, err)
		}
		lie, err := other.ProveConsistency(Mail, Position(i+1))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := lie.Check(note, a.PublicKey()); err == nil {
			t.Errorf("since %d: another history is taken", i+1)
		}
		if _, err := c.Check(kept[(i+1)%len(kept)], a.PublicKey()); err == nil {
			t.Errorf("since %d: the proof is taken for another checkpoint", i+1)
		}
		if c.Hashes = append([]Digest{sumOf(nil)}, c.Hashes...); i < 6 {
			if _, err := c.Check(note, a.PublicKey()); err == nil {
				t.Errorf("since %d: a proof with a hash more is taken", i+1)
			}
		}
	}
	if _, err := a.ProveConsistency(Mail, 8); !errors.Is(err, ErrUnproven) {
		t.Errorf("more records than there are: %v", err)
	}
}

// A bit of a signed note that is not as it was makes it invalid, wherever it is.
func TestEveryBitOfANoteCounts(t *testing.T) {
	a, _, _, _ := proven(t, 3)
	signed, err := a.Sign("polytrace-x/mail\n3\nabc\n")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := CheckNote(signed, a.PublicKey()); err != nil {
		t.Fatal(err)
	}
	for i := range len(signed) * 8 {
		raw := []byte(signed)
		raw[i/8] ^= 1 << (i % 8)
		if _, err := CheckNote(string(raw), a.PublicKey()); err == nil {
			t.Errorf("bit %d of byte %d was turned and the note is taken: %q", i%8, i/8, raw)
		}
	}
	if _, err := CheckNote(signed+"\n", a.PublicKey()); err == nil {
		t.Error("a note with a line more is taken")
	}
}

// A tree that was lost grows again, also when its packs are in the bucket only, and gives the same root.
func TestLostTreeGrowsAgain(t *testing.T) {
	a, d, store, bodies := proven(t, 21)
	before := a.lookup(Mail).lastProven()
	mustClose(t, a)
	for _, name := range []string{"streams/mail/tree", "streams/mail/checkpoint"} {
		if err := d.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	c := testConfig(store)
	c.CacheSize = 1
	a = mustOpen(t, d, c)
	mustAppend(t, a, Mail, message(21), []byte("one more"))
	mustFlush(t, a)
	after := a.lookup(Mail).lastProven()
	if root, err := a.lookup(Mail).tree.root(21); err != nil || Digest(root) != before.Root || after.Size != 22 {
		t.Errorf("the tree has the root %s over 21 (%v) and %d records, want %s and 22", root, err, after.Size, before.Root)
	}
	if p, err := a.Prove(t.Context(), Address{Mail, 20}); err != nil {
		t.Error(err)
	} else if m, err := p.Check(a.PublicKey()); err != nil || m.SHA256 != sumOf(bodies[20]) {
		t.Errorf("after the tree grew again: %v", err)
	}
}

// A tree that was changed is not signed.
func TestDamagedTreeIsNotSigned(t *testing.T) {
	a, d, store, _ := proven(t, 21)
	mustClose(t, a)
	d.edit("streams/mail/tree", func(raw []byte) []byte { // The hash of the first sixteen records.
		raw[tlog.StoredHashIndex(4, 0)*hashSize] ^= 1
		return raw
	})
	a = mustOpen(t, d, testConfig(store))
	mustAppend(t, a, Mail, message(21), []byte("one more"))
	s := a.lookup(Mail)
	s.rotate(received(1 << 30))
	if err := errors.Join(s.sealAll(t.Context()), s.uploadAll(t.Context())); err != nil {
		t.Fatal(err)
	}
	if err := s.prove(t.Context()); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "remove") {
		t.Errorf("a checkpoint over a damaged tree: %v", err)
	}
}

// stored is an archive whose one pack is in the bucket and not in the tree, as
// it is when the program was killed before it made a checkpoint.
func stored(t *testing.T) (*Archive, *memDisk, *memStore) {
	t.Helper()
	d, store := newMemDisk(), newMemStore()
	a := mustOpen(t, d, testConfig(store))
	for i := range 3 {
		mustAppend(t, a, Mail, message(i), mailText(uint64(i), 900))
	}
	s := a.lookup(Mail)
	s.rotate(time.Now())
	if err := errors.Join(s.sealAll(t.Context()), s.uploadAll(t.Context())); err != nil {
		t.Fatal(err)
	}
	mustClose(t, a)
	a = mustOpen(t, d, testConfig(store))
	if a.lookup(Mail).tree.Size() > 0 {
		t.Fatal("the tree is there")
	}
	return a, d, store
}

// A disk that cannot be read now says nothing about the records: the checkpoint
// waits, and neither signs them as unreadable nor tries for ever at once.
func TestCheckpointWaitsForADiskThatDoesNotAnswer(t *testing.T) {
	a, d, _ := stored(t)
	if _, err := a.Read(t.Context(), Address{Mail, 0}); err != nil { // Its pack is open from now on.
		t.Fatal(err)
	}
	d.mu.Lock()
	d.off = true
	d.mu.Unlock()
	s := a.lookup(Mail)
	if err := s.prove(t.Context()); !errors.Is(err, errPower) || s.lastProven() != nil {
		t.Errorf("%v, %+v", err, s.lastProven())
	}
	d.mu.Lock()
	d.off = false
	d.mu.Unlock()
	if err := s.prove(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := a.Prove(t.Context(), Address{Mail, 1}); err != nil {
		t.Error(err)
	}
}

// Records whose pack is damaged for good, here and in the bucket, enter the
// log as unreadable, so that others behind them can be proven.
func TestDamagedPackEntersTheLogAsUnreadable(t *testing.T) {
	a, d, store := stored(t)
	const frame = 40 // A byte within the first one.
	d.edit(sealedTar, flip(frame))
	store.objects[packName] = flip(frame)(slices.Clone(store.objects[packName]))
	s := a.lookup(Mail)
	if err := s.prove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if leaf, err := s.tree.leaf(2); err != nil || leaf != unreadableLeaf {
		t.Errorf("%v %v", leaf, err)
	}
	m := mustAppend(t, a, Mail, message(3), mailText(3, 900))
	mustFlush(t, a)
	if _, err := a.Prove(t.Context(), m.Address()); err != nil {
		t.Error(err)
	}
}

// Leaves of the bucket that are no hash, or a pack that has fewer records than
// its line says, do not keep the machine busy for ever.
func TestTreeDoesNotGrowFromNothing(t *testing.T) {
	a, _, store := stored(t)
	s := a.lookup(Mail)
	store.objects[leavesKey(Mail, 0)] = []byte("short")
	if err := s.growTree(t.Context(), 3, 3); err != nil || s.tree.Size() != 3 {
		t.Errorf("%v, %d records", err, s.tree.Size())
	}
	s.tree.cut(0)
	p := s.byFirst(0)
	p.records = 4
	if err := s.growTree(t.Context(), 4, 0); err != nil || s.tree.Size() != 4 {
		t.Errorf("%v, %d records", err, s.tree.Size())
	}
}
