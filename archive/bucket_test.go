package archive

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// placed is a bucket whose objects can be read where they are, like that of
// dirstore, in a directory that is away.
type placed struct{ *memStore }

func (placed) Path(key string) string { return "/nonexistent/" + key }

// What the bucket lost or changed and nobody has here is told for each record,
// by Read, Scan and Verify; each goes on behind it, and none fetches the pack
// once for each of its records.
func TestWhatTheBucketLostIsTold(t *testing.T) {
	const key = "packs/mail/00000000000000000002.tar.zst"
	for name, harm := range map[string]struct {
		change func(s *memStore)
		want   error
		what   string
	}{
		"missing":     {func(s *memStore) { delete(s.objects, key) }, ErrNoObject, "not in the bucket any more"},
		"cut short":   {func(s *memStore) { s.objects[key] = s.objects[key][:200] }, ErrDamaged, "it has 200 bytes"},
		"other bytes": {func(s *memStore) { s.objects[key] = flip(300)(slices.Clone(s.objects[key])) }, ErrDamaged, "it has SHA-256"},
	} {
		t.Run(name, func(t *testing.T) {
			store, bodies := manyPacks(t, 3)
			d, c := newMemDisk(), testConfig(store)
			c.CacheSize = 1
			if err := restoreOn(t.Context(), d, c, nil); err != nil {
				t.Fatal(err)
			}
			a := mustOpen(t, d, c)
			harm.change(store)
			for i, body := range bodies {
				at := Address{Mail, Position(i)}
				if i/2 != 1 {
					checkBody(t, a, at, body)
				} else if _, err := a.Read(t.Context(), at); !errors.Is(err, harm.want) || !strings.Contains(err.Error(), at.String()) || !strings.Contains(err.Error(), key) {
					t.Errorf("read %s: %v, want %v", at, err, harm.want)
				}
			}
			checkScan(t, a, Mail, 4, bodies)
			fetched := 0
			store.setFail(func(op, k string) error {
				if op == "open" && k == key {
					fetched++
				}
				return nil
			})
			v, err := a.Verify(t.Context(), nil)
			if err != nil || v.Records != 5 || v.AllRecords != 7 || v.Packs != 3 || len(v.Problems) != 3 {
				t.Fatalf("verify: %+v, %v", v, err)
			}
			for i, where := range []string{key, "mail/2", "mail/3"} {
				if v.Problems[i].Where != where || i == 0 && !strings.Contains(v.Problems[i].What, harm.what) {
					t.Errorf("problem %d is %+v, want %s: %s", i, v.Problems[i], where, harm.what)
				}
			}
			if fetched != 1 {
				t.Errorf("the pack was fetched %d times", fetched)
			}
		})
	}
}

// A scan waits for a pack that is missing and does not step over it: the
// directory may only not be mounted.
func TestScanStopsAtAMissingPack(t *testing.T) {
	store, _ := manyPacks(t, 3)
	for _, s := range []Store{store, placed{store}} {
		d, c := newMemDisk(), testConfig(store)
		c.CacheSize = 1
		if err := restoreOn(t.Context(), d, c, nil); err != nil {
			t.Fatal(err)
		}
		c.Store = s
		a := mustOpen(t, d, c)
		gone := maps.Clone(store.objects)
		clear(store.objects)
		seen := 0
		for _, err := range a.Scan(t.Context(), Mail, 0) {
			if seen++; !errors.Is(err, ErrNoObject) || errors.Is(err, ErrDamaged) {
				t.Errorf("scan: %v, want ErrNoObject", err)
			}
		}
		if seen != 1 {
			t.Errorf("the scan told of %d records", seen)
		}
		if v, err := a.Verify(t.Context(), nil); err != nil || v.Records != 0 || v.AllRecords != 7 || len(v.Problems) != 4+7 {
			t.Errorf("verify: %+v, %v", v, err)
		}
		maps.Copy(store.objects, gone)
		mustClose(t, a)
	}
}

// A bucket that holds another pack under the name is asked no more, however
// long Run goes on; other streams are uploaded and mail is taken.
func TestDivergedStreamIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemStore()
		a := mustOpen(t, newMemDisk(), Config{Store: store, PackAge: time.Minute, LedgerAge: time.Second, Reserve: 1})
		defer running(t, a)()
		tries := 0
		store.setFail(func(op, key string) error {
			if op == "create" && strings.HasPrefix(key, "packs/mail/") {
				tries++
			}
			return nil
		})
		const key = "packs/mail/00000000000000000000.tar.zst"
		store.objects[key] = []byte("somebody else's")
		body := mailText(0, 900)
		for i := range 3 {
			mustAppend(t, a, Mail, message(i), body)
			mustAppend(t, a, Ledger, Meta{Kind: KindEvent, Received: received(i)}, []byte("{}"))
			pass(5 * time.Hour)
		}
		st := a.Status()
		if tries != 1 || !strings.Contains(st.Failure, key) || !strings.Contains(st.Failure, "Another server writes to this bucket") {
			t.Errorf("after %d tries: %s", tries, st.Failure)
		}
		if st.Streams[0].Stream != Ledger || st.Streams[0].InBucket != 3 || st.Streams[1].InBucket != 0 || st.Streams[1].Next != 3 {
			t.Errorf("%+v", st.Streams)
		}
		checkScan(t, a, Mail, 0, [][]byte{body, body, body})
		if err := a.Flush(t.Context()); !errors.Is(err, ErrDiverged) {
			t.Errorf("flush: %v, want ErrDiverged", err)
		}
	})
}

// Credentials that are refused are tried again too: somebody may put the right
// back at the bucket.
func TestRefusedCredentialsAreTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemStore()
		a := mustOpen(t, newMemDisk(), Config{Store: store, PackAge: time.Minute, Reserve: 1})
		defer running(t, a)()
		store.setFail(func(op, key string) error { return ErrDenied })
		mustAppend(t, a, Mail, message(0), mailText(0, 900))
		pass(time.Hour)
		if st := a.Status(); !strings.Contains(st.Failure, "check the access key") {
			t.Errorf("while refused: %q", st.Failure)
		}
		store.setFail(nil)
		pass(2 * time.Minute)
		if st := a.Status(); st.Failure != "" || st.Streams[0].InBucket != 1 {
			t.Errorf("afterwards: %+v", st)
		}
	})
}
