package archive

import (
	"testing"
	"time"
)

// What a crash left of a pack that was being written anew is found when the
// bucket is looked through, and goes, also when it was given a legal hold
// that was lifted since; while the hold lasts it waits.
func TestLeftoverOfARewriteGoes(t *testing.T) {
	for _, held := range []bool{false, true} {
		store := newMemStore()
		c := testConfig(store)
		hold := held
		c.Lock = func(PackInfo) Lock { return Lock{Hold: hold} }
		a := mustOpen(t, newMemDisk(), c)
		mustAppend(t, a, Mail, message(0), mailText(0, 300))
		mustFlush(t, a)
		const left = "packs/mail/00000000000000000000.r1.tar.zst"
		store.objects[left], store.locks[left] = []byte("half"), Lock{Hold: held}
		s := a.lookup(Mail)
		look := func() {
			t.Helper()
			if d, err := a.Examine(t.Context()); err != nil || d.Total() > 0 {
				t.Fatalf("%+v %v", d, err)
			}
			if s.firstPack(s.untidied) == nil {
				t.Fatal("nothing is to be tidied")
			}
			if err := s.tidy(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		look()
		if held {
			if st := a.Status(); len(st.Pending) != 1 || st.Pending[0].Key != left || store.objects[left] == nil {
				t.Errorf("under hold: %+v", st.Pending)
			}
			hold = false
			look()
		}
		if st := a.Status(); len(st.Pending) > 0 || store.objects[left] != nil {
			t.Errorf("held %v: it is still there, %+v", held, st.Pending)
		}
		checkScan(t, a, Mail, 0, [][]byte{mailText(0, 300)})
	}
}

// What keeps an object that is to go is told whole: its retention and its
// legal hold.
func TestPendingTellsEveryReason(t *testing.T) {
	until := time.Now().Add(48 * time.Hour)
	over := time.Now().Add(-time.Hour)
	const key = "packs/mail/00000000000000000000.tar.zst"
	store := newMemStore()
	a := mustOpen(t, newMemDisk(), testConfig(store))
	mustAppend(t, a, Mail, message(0), mailText(0, 300))
	mustFlush(t, a)
	for lock, want := range map[Lock]Pending{
		{}:                               {Key: key},
		{Hold: true}:                     {Key: key, Hold: true},
		{Mode: Governance, Until: until}: {Key: key, Until: until},
		{Mode: Compliance, Until: until, Hold: true}: {Key: key, Until: until, Hold: true},
		{Mode: Compliance, Until: over, Hold: true}:  {Key: key, Hold: true},
	} {
		store.locks[key] = lock
		if got := a.lookup(Mail).keptBy(t.Context(), key); got != want {
			t.Errorf("%+v: %+v", lock, got)
		}
	}
}
