package archive

import (
	"strings"
	"testing"
	"time"
)

// Old packs become few and small, records stay where they are and are proven,
// a restart and a restore find them, and what is young or locked stays as it is.
func TestOldPacksAreMerged(t *testing.T) {
	d, store := newMemDisk(), newMemStore()
	c := testConfig(store)
	c.PackSize = 40_000
	a := mustOpen(t, d, c)
	var bodies [][]byte
	for i := range 40 {
		bodies = append(bodies, mailText(uint64(i), 3000))
		mustAppend(t, a, Mail, message(i), bodies[i])
		if i%4 == 3 {
			mustFlush(t, a)
		}
	}
	young := message(0)
	young.Received = received(0).Add(20 * 24 * time.Hour)
	bodies = append(bodies, []byte("young"))
	mustAppend(t, a, Mail, young, bodies[40])
	mustFlush(t, a)
	before, now := len(store.packKeys()), received(60).Add(31*24*time.Hour)
	was := a.Status().PackBytes
	saved, err := a.Merge(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.lookup(Mail).tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := store.packKeys()
	if len(after) != 2 || before != 11 || after[0] != "packs/mail/00000000000000000000.r1.tar.zst" {
		t.Errorf("%d packs became %q", before, after)
	}
	if got := was - a.Status().PackBytes; got != saved || saved < was/10 {
		t.Errorf("%d of %d bytes are said to be saved, %d are", saved, was, got)
	}
	checkScan(t, a, Mail, 0, bodies)
	if again, err := a.Merge(t.Context(), now); err != nil || again != 0 {
		t.Errorf("merged again: %d, %v", again, err)
	}
	if v := audit(t, store, Inspection{Key: a.PublicKey()}); len(v.Problems) > 0 {
		t.Errorf("after merging: %+v", v.Problems)
	}
	mustClose(t, a)
	a = mustOpen(t, d, c)
	checkScan(t, a, Mail, 0, bodies)
	fresh := newMemDisk()
	if err := restoreOn(t.Context(), fresh, c, nil); err != nil {
		t.Fatal(err)
	}
	checkScan(t, mustOpen(t, fresh, c), Mail, 0, bodies)
}

func TestLockedPacksAreNotMerged(t *testing.T) {
	store := newMemStore()
	c := testConfig(store)
	c.Lock = func(PackInfo) Lock { return Lock{Hold: true} }
	a := mustOpen(t, newMemDisk(), c)
	for i := range 4 {
		mustAppend(t, a, Mail, message(i), mailText(uint64(i), 3000))
		mustFlush(t, a)
	}
	if saved, err := a.Merge(t.Context(), received(60).Add(31*24*time.Hour)); saved != 0 || err != nil {
		t.Errorf("held packs were merged: %d, %v", saved, err)
	}
	for _, key := range store.packKeys() {
		if strings.Contains(key, ".r") {
			t.Errorf("%s is a new generation", key)
		}
	}
}
