package archive

import (
	"bytes"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// following opens an archive that follows a bucket.
func openFollower(t *testing.T, d disk, store Store) *Archive {
	c := testConfig(store)
	c.Follow = true
	return mustOpen(t, d, c)
}

// A follower has every record soon after it is in the bucket, takes nothing
// itself, goes on where it was after a restart, and becomes the one that takes
// mail when it is opened as such.
func TestFollowerHasWhatTheBucketHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemStore()
		a := mustOpen(t, newMemDisk(), testConfig(store))
		var bodies [][]byte
		add := func(n int) {
			for range n {
				i := len(bodies)
				bodies = append(bodies, mailText(uint64(i), 900))
				mustAppend(t, a, Mail, message(i), bodies[i])
			}
			mustFlush(t, a)
		}
		add(3)
		d := newMemDisk()
		f := openFollower(t, d, store)
		stop := running(t, f)
		pass(time.Minute)
		checkScan(t, f, Mail, 0, bodies)
		add(2)
		pass(2 * time.Second)
		checkScan(t, f, Mail, 0, bodies)
		if err := f.Wait(t.Context(), Mail, 4); err != nil {
			t.Error(err)
		}
		if _, err := f.Append(t.Context(), Mail, message(1), bytes.NewReader(nil)); !errors.Is(err, ErrFollowing) {
			t.Errorf("a follower takes mail: %v", err)
		}
		pass(time.Minute)
		if p, err := f.Prove(t.Context(), Address{Mail, 4}); err != nil {
			t.Error(err)
		} else if _, err := p.Check(a.PublicKey()); err != nil {
			t.Error(err)
		}
		stop()
		mustClose(t, f)

		add(2)
		f = openFollower(t, d, store)
		stop = running(t, f)
		pass(time.Minute)
		checkScan(t, f, Mail, 0, bodies)
		stop()
		mustClose(t, f)
		mustClose(t, a)

		a = mustOpen(t, d, testConfig(store))
		add(2)
		checkScan(t, a, Mail, 0, bodies)
		if v := audit(t, store, Inspection{}); len(v.Problems) > 0 {
			t.Errorf("after the follower took over: %+v", v.Problems)
		}
	})
}

// What is removed at the one is removed at the other, whether it was there
// already or not.
func TestFollowerForgetsWhatIsRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, store := audited(t)
		early := openFollower(t, newMemDisk(), store)
		defer running(t, early)()
		pass(time.Minute)
		packs := a.Packs(Mail)
		last := packs[len(packs)-1]
		mustRemove(t, a, "erasure.ordered", Removal{Mail, packs[2].First, 1})
		mustRemove(t, a, "retention.expired", Removal{Mail, last.First, last.Records})
		pass(2 * time.Minute)
		late := openFollower(t, newMemDisk(), store)
		defer running(t, late)()
		pass(time.Minute)
		for name, f := range map[string]*Archive{"early": early, "late": late} {
			if f.Next(Mail) != a.Next(Mail) || f.Status().Failure != "" {
				t.Fatalf("the %s follower has %d records of %d: %s", name, f.Next(Mail), a.Next(Mail), f.Status().Failure)
			}
			for p := range a.Next(Mail) {
				at := Address{Mail, p}
				want, wantErr := a.Read(t.Context(), at)
				got, err := f.Read(t.Context(), at)
				if errors.Is(err, ErrGone) != errors.Is(wantErr, ErrGone) || !bytes.Equal(got.Body, want.Body) {
					t.Errorf("%s at the %s follower: %v, at the other: %v", at, name, err, wantErr)
				}
			}
		}
	})
}

// A bucket that drifted is diagnosed object by object.
func TestDriftIsNamed(t *testing.T) {
	a, store := audited(t)
	if d, err := a.Examine(t.Context()); err != nil || d.Total() != 0 || d.Objects != len(store.objects) {
		t.Fatalf("an untouched bucket: %+v, %v", d, err)
	}
	keys := store.packKeys()
	whole := maps.Clone(store.objects)
	for name, c := range map[string]struct {
		change func(o map[string][]byte)
		got    func(d Drift) []string
		want   []string
	}{
		"missing":    {func(o map[string][]byte) { delete(o, keys[1]) }, func(d Drift) []string { return d.Missing }, keys[1:2]},
		"wrong size": {func(o map[string][]byte) { o[keys[1]] = o[keys[1]][1:] }, func(d Drift) []string { return d.WrongSize }, keys[1:2]},
		"extra":      {func(o map[string][]byte) { o["packs/mail/99999999999999999999.tar.zst"] = nil; o["notes.txt"] = nil }, func(d Drift) []string { return d.Extra }, []string{"notes.txt", "packs/mail/99999999999999999999.tar.zst"}},
	} {
		store.objects = maps.Clone(whole)
		c.change(store.objects)
		d, err := a.Examine(t.Context())
		if err != nil || !slices.Equal(c.got(d), c.want) || d.Total() != len(c.want) || d.Diagnose() == "" {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
	// A listing does not tell how many checkpoints over the same records there
	// were, nor time stamps; who reads the checkpoints knows.
	for key := range whole {
		store.objects = maps.Clone(whole)
		delete(store.objects, key)
		if d, err := a.Examine(t.Context()); err != nil || !strings.HasPrefix(key, "timestamps/") && !strings.Contains(path.Base(key), ".1") && !strings.Contains(path.Base(key), ".2") && !slices.Equal(d.Missing, []string{key}) {
			t.Errorf("%s is missing: %+v, %v", key, d, err)
		}
	}
}

// What the bucket lost and the machine still has is put back as it was, and
// until then it does not leave the cache.
func TestMendPutsBackWhatIsKnownHere(t *testing.T) {
	a, store := audited(t)
	whole := maps.Clone(store.objects)
	for key := range whole {
		store.objects = maps.Clone(whole)
		delete(store.objects, key)
		mended, left, err := a.Mend(t.Context())
		if err != nil {
			t.Fatalf("%s is missing: %v", key, err)
		}
		last := false
		for _, s := range a.all() {
			last = last || key == checkpointKey(s.name, s.lastProven().Size, s.lastProven().Again)
		}
		if strings.HasPrefix(key, "timestamps/") || strings.HasPrefix(key, "checkpoints/") && !last {
			continue // Nobody here knows it.
		}
		if !slices.Equal(mended, []string{key}) || left.Total() > 0 || !bytes.Equal(store.objects[key], whole[key]) {
			t.Errorf("%s is missing: %q was put back, %+v is left", key, mended, left)
		}
	}
	store.objects = maps.Clone(whole)
	lost := a.lookup(Mail).packs[2]
	for _, change := range []func(){
		func() { delete(store.objects, lost.key()) },
		func() { store.objects[lost.key()] = whole[lost.key()][1:] },
	} {
		store.objects = maps.Clone(whole)
		change()
		if _, err := a.Examine(t.Context()); err != nil {
			t.Fatal(err)
		}
		a.config.CacheSize = 1
		a.evict()
		if !lost.local {
			t.Fatal("the only copy left the cache")
		}
	}
	if mended, left, err := a.Mend(t.Context()); err != nil || mended != nil || !slices.Equal(left.WrongSize, []string{lost.key()}) {
		t.Errorf("an object of another size: %q put back, %+v, %v", mended, left, err)
	}
	store.objects = maps.Clone(whole)
	if _, err := a.Examine(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a.evict(); lost.local {
		t.Error("it stays for ever")
	}
}

// An object whose lock was lifted behind our back is named, and Relock gives
// every pack the lock that is wanted now.
func TestLocksAreGivenAndMissed(t *testing.T) {
	store := newMemStore()
	until := received(3600)
	hold := false
	c := testConfig(store)
	c.Lock = func(p PackInfo) Lock { return Lock{Governance, until, hold} }
	a := mustOpen(t, newMemDisk(), c)
	mustAppend(t, a, Mail, message(1), mailText(1, 900))
	mustFlush(t, a)
	key := store.packKeys()[0]
	if store.locks[key] != (Lock{Governance, until, false}) {
		t.Fatalf("%s was put there with %+v", key, store.locks[key])
	}
	hold, until = true, received(60)
	if err := a.Relock(t.Context()); err != nil || store.locks[key] != (Lock{Governance, received(3600), true}) {
		t.Errorf("held, and wanted for a shorter time: %+v, %v", store.locks[key], err)
	}
	if d, err := a.Examine(t.Context()); err != nil || d.Total() != 0 {
		t.Errorf("locked as it should be: %+v, %v", d, err)
	}
	store.locks[key] = Lock{}
	if d, err := a.Examine(t.Context()); err != nil || !slices.Equal(d.Unlocked, []string{key}) {
		t.Errorf("not locked any more: %+v, %v", d, err)
	}
}
