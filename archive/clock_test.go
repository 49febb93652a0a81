package archive

import "testing"

// A clock that was set back makes no pack look older than its newest record:
// its retention would end too early.
func TestPackIsAsNewAsItsNewestRecord(t *testing.T) {
	store := newMemStore()
	c := testConfig(store)
	c.PackSize = 4_000
	a := mustOpen(t, newMemDisk(), c)
	for _, minute := range []int{5, 9, 2, 30, 1} {
		m := message(0)
		m.Received = received(minute)
		mustAppend(t, a, Mail, m, mailText(1, 700))
	}
	mustFlush(t, a)
	check := func(what string) {
		t.Helper()
		p := a.Packs(Mail)
		oldest, newest := p[0].Oldest, p[0].Newest
		for _, one := range p[1:] {
			if one.Oldest.Before(oldest) {
				oldest = one.Oldest
			}
			if one.Newest.After(newest) {
				newest = one.Newest
			}
		}
		if !oldest.Equal(received(1)) || !newest.Equal(received(30)) {
			t.Errorf("%s: from %s to %s", what, oldest, newest)
		}
	}
	check("sealed")
	if len(a.Packs(Mail)) < 2 {
		t.Fatal("one pack cannot be merged")
	}
	if _, err := a.Merge(t.Context(), received(10_000_000)); err != nil || len(a.Packs(Mail)) != 1 {
		t.Fatalf("%d packs, %v", len(a.Packs(Mail)), err)
	}
	check("merged")
}
