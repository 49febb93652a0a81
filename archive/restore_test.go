package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// manyPacks is a bucket with n packs of two records each, and what is in them.
func manyPacks(t *testing.T, n int) (store *memStore, bodies [][]byte) {
	t.Helper()
	store = newMemStore()
	a := mustOpen(t, newMemDisk(), testConfig(store))
	for i := range 2 * n {
		bodies = append(bodies, mailText(uint64(i), 2000))
		mustAppend(t, a, Mail, message(i), bodies[i])
		if i%2 == 1 {
			mustFlush(t, a)
		}
	}
	mustAppend(t, a, Ledger, Meta{Kind: KindEvent, Received: received(1)}, []byte("{}"))
	mustFlush(t, a)
	mustClose(t, a)
	return store, bodies
}

const ledgerName = "packs/ledger/00000000000000000000.tar.zst"

func numbered(first int) string { return fmt.Sprintf("packs/mail/%020d.tar.zst", first) }

// A restore that was stopped anywhere, by people or by a power cut, goes on
// where it was and fetches no pack twice that it had finished.
func TestRestoreGoesOnWhereItWas(t *testing.T) {
	store, bodies := manyPacks(t, 6)
	for stop := range 7 {
		d := newMemDisk()
		ctx, cancel := context.WithCancelCause(t.Context())
		err := restoreOn(ctx, d, testConfig(store), func(r Restored) {
			if r.Packs == stop {
				cancel(errors.New("stopped"))
			}
		})
		if cancel(nil); err == nil {
			t.Fatalf("stopped after %d packs, it ended without an error", stop)
		}
		d = d.powerCut(nil)
		if _, err := openOn(t.Context(), d, testConfig(store)); err == nil || !strings.Contains(err.Error(), "not restored to the end") {
			t.Errorf("open after half a restore: %v", err)
		}
		first, last := -1, Restored{}
		if err := restoreOn(t.Context(), d, testConfig(store), func(r Restored) {
			if last = r; first < 0 {
				first = r.Packs
			}
		}); err != nil {
			t.Fatal(err)
		}
		if first < stop || last.Packs != 7 || last.AllPacks != 7 || last.Records != 13 || last.Bytes != last.AllBytes {
			t.Errorf("stopped after %d packs, it went on after %d and ended at %+v", stop, first, last)
		}
		a := mustOpen(t, d, testConfig(store))
		checkScan(t, a, Mail, 0, bodies)
		mustClose(t, a)
	}
}

// What is restored into a small cache is what was appended last; the rest is
// read from the bucket.
func TestRestoreKeepsTheNewest(t *testing.T) {
	store, bodies := manyPacks(t, 6)
	d, c := newMemDisk(), testConfig(store)
	c.CacheSize = int64(len(store.objects[numbered(10)]) + len(store.objects[numbered(8)]) + len(store.objects[ledgerName]))
	if err := restoreOn(t.Context(), d, c, nil); err != nil {
		t.Fatal(err)
	}
	names, err := d.List("streams/mail")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"00000000000000000008.tar.zst", "00000000000000000010.tar.zst", "checkpoint", "packs.jsonl", "tree"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("on local disk (-want +got):\n%s", diff)
	}
	checkScan(t, mustOpen(t, d, c), Mail, 0, bodies)
}

// unsigned is a bucket as it was before there were checkpoints.
func (s *memStore) unsigned() *memStore {
	c := s.clone()
	maps.DeleteFunc(c.objects, func(key string, _ []byte) bool { return !strings.HasPrefix(key, "packs/") })
	return c
}

// A missing pack is noticed, also by a restore that goes on; everything else
// is restored and keeps its address.
func TestRestoreNoticesGaps(t *testing.T) {
	store, bodies := manyPacks(t, 4)
	for _, lost := range []int{0, 2, 4, 6} {
		for name, store := range map[string]*memStore{"signed": store.clone(), "unsigned": store.unsigned()} {
			delete(store.objects, numbered(lost))
			d := newMemDisk()
			err := restoreOn(t.Context(), d, testConfig(store), nil)
			if lost == 6 && name == "unsigned" { // Nothing tells that there was one.
				continue
			}
			if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), numbered(lost)+": ") || !strings.Contains(err.Error(), "it is missing, and no") {
				t.Errorf("%s, without the pack at %d: %v", name, lost, err)
				continue
			}
			a := mustOpen(t, d, testConfig(store))
			for i, body := range bodies {
				if i/2*2 != lost {
					checkBody(t, a, Address{Mail, Position(i)}, body)
				} else if _, err := a.Read(t.Context(), Address{Mail, Position(i)}); !errors.Is(err, ErrNoObject) {
					t.Errorf("%s, a record of the pack at %d: %v", name, lost, err)
				}
			}
			if a.Next(Mail) != 8 {
				t.Errorf("%s, without the pack at %d the next record is %d", name, lost, a.Next(Mail))
			}
			mustClose(t, a)
		}
	}
	d := newMemDisk()
	if err := restoreOn(t.Context(), d, testConfig(store), nil); err != nil {
		t.Fatal(err)
	}
	d.edit(identityName, func(raw []byte) []byte {
		return bytes.Replace(raw, []byte("{"), []byte(`{"restoring":true,`), 1)
	})
	d.edit("streams/mail/packs.jsonl", func(raw []byte) []byte {
		lines := slices.Collect(bytes.Lines(raw))
		return slices.Concat(slices.DeleteFunc(lines, func(l []byte) bool { return bytes.Contains(l, []byte(`"first":4,`)) })...)
	})
	delete(store.objects, numbered(4))
	if err := restoreOn(t.Context(), d, testConfig(store), nil); err == nil || !strings.Contains(err.Error(), numbered(4)+": record is damaged: it is missing") {
		t.Errorf("going on without the pack at 4: %v", err)
	}
}

// A damaged pack costs what is in it; everything else is restored, addresses
// stay, and the archive says what was lost.
func TestRestoreGoesOnBehindDamage(t *testing.T) {
	for _, damaged := range []int{0, 4, 6} {
		for _, part := range []string{"a record", "the manifest"} {
			last := damaged == 6 && part == "the manifest"
			store, bodies := manyPacks(t, 4)
			store = store.unsigned()
			key := numbered(damaged)
			at := 300
			if part == "the manifest" {
				at = len(store.objects[key]) - 120
			}
			store.objects[key] = flip(at)(slices.Clone(store.objects[key]))
			d := newMemDisk()
			err := restoreOn(t.Context(), d, testConfig(store), nil)
			if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), key) {
				t.Fatalf("%s of %s is damaged: %v", part, key, err)
			}
			if last {
				if !strings.Contains(err.Error(), "put back a good copy") {
					t.Errorf("the end is unknown: %v", err)
				}
				continue
			}
			a := mustOpen(t, d, testConfig(store))
			if st := a.Status(); len(st.Damage) != 1 || !strings.Contains(st.Damage[0], key) {
				t.Errorf("status: %q", st.Damage)
			}
			for i, body := range bodies {
				r, err := a.Read(t.Context(), Address{Mail, Position(i)})
				switch in := i/2*2 == damaged; {
				case in && err != nil && !errors.Is(err, ErrDamaged):
					t.Errorf("%s of %s is damaged: %v", part, key, err)
				case !in && (err != nil || string(r.Body) != string(body)):
					t.Errorf("%s of %s is damaged: %v", part, key, err)
				}
			}
			if m := mustAppend(t, a, Mail, message(9), []byte("goes on")); m.Position != 8 {
				t.Errorf("%s of %s is damaged: the next record is %d", part, key, m.Position)
			}
			mustClose(t, a)
		}
	}
}

// Restore writes over nothing, and finds nothing to restore in a bucket that
// is empty.
func TestRestoreRefuses(t *testing.T) {
	store, _ := manyPacks(t, 2)
	d := newMemDisk()
	if err := restoreOn(t.Context(), d, testConfig(newMemStore()), nil); err == nil || !strings.Contains(err.Error(), "mem://bucket holds no packs") {
		t.Errorf("an empty bucket: %v", err)
	}
	if err := restoreOn(t.Context(), d, testConfig(store), nil); err != nil {
		t.Errorf("the right bucket after the wrong one: %v", err)
	}
	before := maps.Clone(d.names)
	if err := restoreOn(t.Context(), d, testConfig(store), nil); err == nil || !strings.Contains(err.Error(), "/data already holds the archive of mem://bucket; restore into an empty directory") {
		t.Errorf("again into the same directory: %v", err)
	}
	if !maps.Equal(before, d.names) {
		t.Error("files changed")
	}
	store.objects["packs/mail/readme"] = nil
	if err := restoreOn(t.Context(), newMemDisk(), testConfig(store), nil); err == nil || !strings.Contains(err.Error(), "packs/mail/readme in the bucket: it is not a pack") {
		t.Errorf("a foreign object: %v", err)
	}
	delete(store.objects, "packs/mail/readme")
	store.setFail(func(op, key string) error { return ErrDenied })
	if err := restoreOn(t.Context(), newMemDisk(), testConfig(store), nil); !errors.Is(err, ErrDenied) {
		t.Errorf("refused credentials: %v", err)
	}
}
