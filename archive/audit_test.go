package archive

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
)

// audited makes a small archive whose bucket holds everything there is: packs,
// leaves, checkpoints, a key, a pack that was written anew and one that is gone.
func audited(t *testing.T, recipients ...age.Recipient) (*Archive, *memStore) {
	t.Helper()
	store := newMemStore()
	c := testConfig(store)
	c.PackSize, c.Recipients, c.Stamp = 9_000, recipients, stamps(t)
	a := mustOpen(t, newMemDisk(), c)
	for i := range 9 {
		mustAppend(t, a, Mail, message(i), mailText(uint64(i), 1200))
	}
	mustFlush(t, a)
	packs := a.Packs(Mail)
	expire := mustRemove(t, a, "retention.expired", Removal{Mail, packs[0].First, packs[0].Records})
	erase := mustRemove(t, a, "erasure.ordered", Removal{Mail, packs[1].First + 1, 1})
	_, _ = expire, erase
	for _, s := range a.all() {
		if err := s.stamp(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	mustAppend(t, a, Mail, message(9), mailText(9, 300))
	mustFlush(t, a)
	mustAppend(t, a, Ledger, Meta{Kind: KindEvent, Received: received(10)}, []byte(`{"polytrace":1,"type":"note.added"}`))
	mustFlush(t, a)
	return a, store
}

// mustRemove puts a decision into the ledger and carries it out.
func mustRemove(t testing.TB, a *Archive, kind string, what ...Removal) Address {
	t.Helper()
	var list []string
	for _, r := range what {
		list = append(list, fmt.Sprintf(`{"stream":%q,"first":%d,"records":%d}`, r.Stream, r.First, r.Records))
	}
	body := fmt.Sprintf(`{"polytrace":1,"type":%q,"actor":"kim","at":"2026-11-03T09:00:00Z","reason":"test","data":{"removes":[%s]}}`, kind, strings.Join(list, ","))
	m := mustAppend(t, a, Ledger, Meta{Kind: KindEvent, Received: received(60)}, []byte(body))
	mustFlush(t, a)
	if err := a.Remove(t.Context(), m.Address(), what); err != nil {
		t.Fatal(err)
	}
	for _, s := range a.all() {
		if err := s.tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return m.Address()
}

func audit(t testing.TB, store Store, how Inspection) Verified {
	t.Helper()
	how.Scratch = t.TempDir()
	v, err := VerifyBucket(t.Context(), store, how, nil)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestUntouchedBucketIsProven(t *testing.T) {
	a, store := audited(t)
	v := audit(t, store, Inspection{Key: a.PublicKey()})
	if len(v.Problems) > 0 {
		t.Errorf("problems: %+v", v.Problems)
	}
	got := map[Stream]Position{}
	for _, p := range v.Proven {
		got[p.Stream] = p.Records
		if p.Until.IsZero() || p.Checkpoint == "" {
			t.Errorf("%s is proven until nowhere", p.Stream)
		}
	}
	if want := (map[Stream]Position{Mail: a.Next(Mail), Ledger: a.Next(Ledger)}); !maps.Equal(got, want) {
		t.Errorf("proven: %v, want %v", got, want)
	}
	if gone := int64(a.Packs(Mail)[0].Records); v.Records != v.AllRecords-gone {
		t.Errorf("%d of %d records read, %d are gone", v.Records, v.AllRecords, gone)
	}
}

var everyBit = flag.Bool("every-bit", false, "turn every single bit of a small bucket; takes minutes")

// One bit that turns in any object of the bucket is named, wherever it is.
func TestEveryTurnedBitIsNamed(t *testing.T) {
	a, store := audited(t)
	bits, most := 0, 150
	if *everyBit {
		most = 1 << 30
	}
	for _, key := range slices.Sorted(maps.Keys(store.objects)) {
		raw := store.objects[key]
		step := len(raw)*8/most | 1 // Odd, so that every bit of a byte has its turn.
		for bit := 0; bit < len(raw)*8; bit += step {
			bits++
			store.objects[key] = bytes.Clone(raw)
			store.objects[key][bit/8] ^= 1 << (bit % 8)
			v := audit(t, store, Inspection{Key: a.PublicKey()})
			if len(v.Problems) == 0 {
				t.Fatalf("bit %d of byte %d of %s was turned and nothing was found", bit%8, bit/8, key)
			}
			if !slices.ContainsFunc(v.Problems, func(p Problem) bool { return names(p, key) }) {
				t.Fatalf("bit %d of byte %d of %s was turned and these were named: %+v", bit%8, bit/8, key, v.Problems)
			}
		}
		store.objects[key] = raw
	}
	t.Log(bits, "bits in", len(store.objects), "objects")
}

// names reports whether a problem is about an object.
func names(p Problem, key string) bool { return p.Where == key || strings.Contains(p.What, key) }

func TestEveryDroppedObjectIsNamed(t *testing.T) {
	a, store := audited(t)
	for key, raw := range maps.Clone(store.objects) {
		delete(store.objects, key)
		v := audit(t, store, Inspection{Key: a.PublicKey()})
		if len(v.Problems) == 0 {
			t.Errorf("%s was dropped and nothing was found", key)
		}
		store.objects[key] = raw
	}
}

// However much is wrong, what is said to be proven ends before the first
// record that is, and checkpoints that are there are not said to be missing.
func TestProvenEndsBeforeTheFirstWrongRecord(t *testing.T) {
	for _, c := range []struct {
		what    string
		damage  func(store *memStore, packs []string)
		unwords string
	}{
		{"all packs turned", func(store *memStore, packs []string) {
			for _, key := range packs {
				store.objects[key] = bytes.Clone(store.objects[key])
				store.objects[key][len(store.objects[key])/2] ^= 1
			}
		}, ""},
		{"two packs exchanged", func(store *memStore, packs []string) {
			store.objects[packs[0]], store.objects[packs[1]] = store.objects[packs[1]], store.objects[packs[0]]
		}, ""},
		{"no leaves", func(store *memStore, packs []string) {
			maps.DeleteFunc(store.objects, func(key string, _ []byte) bool { return strings.HasPrefix(key, "leaves/mail/") })
		}, "taken back"},
	} {
		store := newMemStore()
		config := testConfig(store)
		config.PackSize = 9_000
		a := mustOpen(t, newMemDisk(), config)
		mustAppend(t, a, Mail, message(0), mailText(0, 12_000)) // A pack of its own.
		for i := range 30 {
			mustAppend(t, a, Mail, message(i+1), mailText(uint64(i+1), 1200))
		}
		mustAppend(t, a, Ledger, Meta{Kind: KindEvent, Received: received(10)}, []byte(`{"polytrace":1,"type":"note.added"}`))
		mustFlush(t, a)
		var packs []string
		for _, key := range slices.Sorted(maps.Keys(store.objects)) {
			if strings.HasPrefix(key, "packs/mail/") {
				packs = append(packs, key)
			}
		}
		if len(packs) < 4 {
			t.Fatalf("only %d packs", len(packs))
		}
		first := a.Packs(Mail)[1].First
		if c.what == "no leaves" {
			first = 0
		}
		c.damage(store, packs[1:])
		v := audit(t, store, Inspection{Key: a.PublicKey()})
		for _, p := range v.Proven {
			if p.Stream == Mail && p.Records > first {
				t.Errorf("%s: %d records are said to be proven, the first wrong one is %d: %+v", c.what, p.Records, first, v.Problems)
			}
		}
		for _, p := range v.Problems {
			if c.unwords != "" && strings.Contains(p.What, c.unwords) {
				t.Errorf("%s: %s: %s", c.what, p.Where, p.What)
			}
		}
	}
}

func TestEverySwapOfTwoObjectsIsNoticed(t *testing.T) {
	a, store := audited(t)
	keys := slices.Sorted(maps.Keys(store.objects))
	for i, x := range keys {
		for _, y := range keys[:i] {
			o := store.objects
			o[x], o[y] = o[y], o[x]
			if v := audit(t, store, Inspection{Key: a.PublicKey()}); len(v.Problems) == 0 {
				t.Errorf("%s and %s were swapped and nothing was found", x, y)
			}
			o[x], o[y] = o[y], o[x]
		}
	}
}

// A bucket, or one stream of it, that is put back to what it was earlier is noticed.
func TestRollbackIsNamed(t *testing.T) {
	store := newMemStore()
	a := mustOpen(t, newMemDisk(), testConfig(store))
	var states []map[string][]byte
	var notes []string
	for i := range 4 {
		mustAppend(t, a, Mail, message(i), mailText(uint64(i), 500))
		mustFlush(t, a)
		mustAppend(t, a, Ledger, Meta{Kind: KindEvent, Received: received(i)}, []byte(`{"polytrace":1}`))
		mustFlush(t, a)
		states = append(states, maps.Clone(store.objects))
		notes = append(notes, a.lookup(Mail).lastProven().signed)
	}
	now := states[3]
	for i, before := range states[:3] {
		mixed := maps.Clone(now)
		maps.DeleteFunc(mixed, func(key string, _ []byte) bool { return strings.Contains(key, "/mail/") && before[key] == nil })
		store.objects = mixed
		if v := audit(t, store, Inspection{Key: a.PublicKey()}); !slices.ContainsFunc(v.Problems, func(p Problem) bool {
			return p.Where == fmt.Sprintf("mail/%d", i+1) && strings.Contains(p.What, "older state")
		}) {
			t.Errorf("mail went back to %d records: %+v", i+1, v.Problems)
		}
		store.objects = maps.Clone(before)
		if v := audit(t, store, Inspection{Key: a.PublicKey(), Known: notes[i : i+1]}); len(v.Problems) > 0 {
			t.Errorf("a state that is as it was known: %+v", v.Problems)
		}
		if v := audit(t, store, Inspection{Key: a.PublicKey(), Known: notes[3:]}); len(v.Problems) == 0 {
			t.Errorf("all went back to %d records and nothing was found", i+1)
		}
		newest := checkpointKey(Mail, 4, 0)
		store.objects = maps.Clone(now)
		store.objects[newest] = before[checkpointKey(Mail, Position(i+1), 0)]
		if v := audit(t, store, Inspection{Key: a.PublicKey()}); !slices.ContainsFunc(v.Problems, func(p Problem) bool { return names(p, newest) }) {
			t.Errorf("the newest checkpoint became that over %d records: %+v", i+1, v.Problems)
		}
	}
}

// Who has the bucket's credentials and not the key cannot remove, erase or
// exchange a record without being named, even with packs that are sound in themselves.
func TestForgeryIsNamed(t *testing.T) {
	a, store := audited(t)
	forger := newMemStore()
	c := testConfig(forger)
	c.PackSize = 9_000
	b := mustOpen(t, newMemDisk(), c)
	for i := range 9 {
		body := mailText(uint64(i), 1200)
		if i == 8 {
			body = bytes.Replace(body, []byte("Subject:"), []byte("Subjekt:"), 1)
		}
		mustAppend(t, b, Mail, message(i), body)
	}
	mustFlush(t, b)
	packs := a.Packs(Mail)
	last := (&pack{stream: Mail, first: packs[len(packs)-2].First}).key()
	if forger.objects[last] == nil {
		t.Fatalf("the forger has no %s but %q", last, forger.packKeys())
	}
	store.objects[last] = forger.objects[last]
	v := audit(t, store, Inspection{Key: a.PublicKey()})
	if len(v.Problems) != 1 || v.Problems[0].Where != "mail/8" {
		t.Errorf("an exchanged record: %+v", v.Problems)
	}
	maps.Copy(store.objects, forger.objects)
	if v := audit(t, store, Inspection{Key: a.PublicKey()}); len(v.Problems) == 0 {
		t.Error("a bucket signed by another key is taken")
	}
}

func TestEncryptedBucketIsProvenWithAndWithoutIdentity(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	store := newMemStore()
	c := testConfig(store)
	c.Recipients, c.Identities = []age.Recipient{id.Recipient()}, []age.Identity{id}
	a := mustOpen(t, newMemDisk(), c)
	var bodies [][]byte
	for i := range 5 {
		bodies = append(bodies, mailText(uint64(i), 700))
		mustAppend(t, a, Mail, message(i), bodies[i])
	}
	mustFlush(t, a)
	for _, key := range store.packKeys() {
		if !strings.HasSuffix(key, ".tar.zst.age") || bytes.Contains(store.objects[key], []byte{0x28, 0xb5, 0x2f, 0xfd}) {
			t.Errorf("%s is not encrypted", key)
		}
	}
	checkScan(t, a, Mail, 0, bodies)
	for _, how := range []Inspection{{Key: a.PublicKey()}, {Key: a.PublicKey(), Identities: c.Identities}} {
		v := audit(t, store, how)
		if len(v.Problems) > 0 || v.Proven[0].Records != 5 {
			t.Errorf("with %d identities: %+v", len(how.Identities), v)
		}
		for _, key := range store.packKeys() {
			raw := store.objects[key]
			store.objects[key] = flip(len(raw) / 2)(bytes.Clone(raw))
			if v := audit(t, store, how); len(v.Problems) == 0 {
				t.Errorf("with %d identities nothing was found", len(how.Identities))
			}
			store.objects[key] = raw
		}
	}
}

// A gateway has public keys only: it takes mail and cannot read it, but knows
// its users and queues; who has the identity reads everything.
func TestMailIsTakenWithoutIdentity(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	d, store := newMemDisk(), newMemStore()
	c := testConfig(store)
	c.Recipients = []age.Recipient{id.Recipient()}
	a := mustOpen(t, d, c)
	body := mailText(1, 900)
	at := mustAppend(t, a, Mail, message(1), body).Address()
	event := mustAppend(t, a, Ledger, Meta{Kind: KindEvent, Received: received(1)}, []byte(`{"polytrace":1}`)).Address()
	mustFlush(t, a)
	if _, err := a.Read(t.Context(), at); err == nil || !strings.Contains(err.Error(), ErrNoIdentity.Error()) {
		t.Errorf("mail is read without identity: %v", err)
	}
	checkBody(t, a, event, []byte(`{"polytrace":1}`))
	mustClose(t, a)
	for name := range d.names {
		if !strings.Contains(name, "ledger") && bytes.Contains(d.content(name), body[:200]) {
			t.Errorf("%s has the mail in clear", name)
		}
	}
	a = mustOpen(t, d, c)
	checkBody(t, a, event, []byte(`{"polytrace":1}`))
	mustAppend(t, a, Mail, message(2), body)
	mustFlush(t, a)
	mustClose(t, a)
	c.Identities = []age.Identity{id}
	a = mustOpen(t, d, c)
	checkScan(t, a, Mail, 0, [][]byte{body, body})
	fresh := newMemDisk()
	if err := restoreOn(context.Background(), fresh, c, nil); err != nil {
		t.Fatal(err)
	}
	checkScan(t, mustOpen(t, fresh, c), Mail, 0, [][]byte{body, body})
}
