package archive

import "testing"

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
