package archive

import (
	"flag"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
)

// golden2 holds buckets as they were when checkpoints, erasure, encryption and
// merging came: "plain" and "age", the key of the latter in age.key, the
// public keys of their checkpoints in plain.vkey and age.vkey. They are never written again.
const golden2 = "testdata/golden-v2"

var writeGolden2 = flag.Bool("write-golden-v2", false, "make the golden buckets, once")

// golden2Gone and golden2Erased are the positions in mail that were removed.
var golden2Gone, golden2Erased = []Position{0, 1, 2}, []Position{4}

func golden2Body(p Position) []byte { return mailText(uint64(p), 900+100*int(p)) }

// golden2Bucket makes such a bucket: a pack that went, one with an erased
// record, two that were merged, one as it was sealed.
func golden2Bucket(t *testing.T, ids ...*age.X25519Identity) (*memStore, string) {
	store := newMemStore()
	c := testConfig(store)
	for _, id := range ids {
		c.Recipients, c.Identities = append(c.Recipients, id.Recipient()), append(c.Identities, id)
	}
	a := mustOpen(t, newMemDisk(), c)
	for p := range Position(12) {
		m := message(int(p))
		m.Received = m.Received.Add(time.Duration(p) * 5 * 24 * time.Hour)
		mustAppend(t, a, Mail, m, golden2Body(p))
		if p%3 == 2 || p == 10 {
			mustFlush(t, a)
		}
	}
	mustFlush(t, a)
	mustRemove(t, a, "retention.expired", Removal{Mail, 0, 3})
	mustRemove(t, a, "erasure.ordered", Removal{Mail, 4, 1})
	if _, err := a.Merge(t.Context(), received(0).Add(71*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	for _, s := range a.all() {
		if err := s.tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return store, a.PublicKey()
}

func TestWriteGolden2(t *testing.T) {
	if !*writeGolden2 {
		store, key := golden2Bucket(t) // At least it can still be made.
		if v := audit(t, store, Inspection{Key: key}); len(v.Problems) > 0 {
			t.Error(v.Problems)
		}
		return
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, raw []byte) {
		file := filepath.Join(golden2, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("age.key", []byte(id.String()+"\n"))
	for name, ids := range map[string][]*age.X25519Identity{"plain": nil, "age": {id}} {
		store, key := golden2Bucket(t, ids...)
		write(name+".vkey", []byte(key+"\n"))
		for object, raw := range store.objects {
			write(name+"/"+object, raw)
		}
	}
}

// golden2Store reads a golden bucket.
func golden2Store(t *testing.T, name string) (store *memStore, key string, ids []age.Identity) {
	t.Helper()
	store = newMemStore()
	root := os.DirFS(filepath.Join(golden2, name))
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			store.objects[path], err = fs.ReadFile(root, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(golden2, name+".vkey"))
	if err != nil {
		t.Fatal(err)
	}
	if name == "age" {
		f, err := os.Open(filepath.Join(golden2, "age.key"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if ids, err = age.ParseIdentities(f); err != nil {
			t.Fatal(err)
		}
	}
	return store, strings.TrimSpace(string(raw)), ids
}

// Buckets of every released format are proven, restored and read.
func TestGoldenBucketsStayReadable(t *testing.T) {
	for _, name := range []string{"plain", "age"} {
		store, key, ids := golden2Store(t, name)
		v := audit(t, store, Inspection{Key: key, Identities: ids})
		if len(v.Problems) > 0 || len(v.Proven) != 2 || v.AllRecords != 14 {
			t.Errorf("%s: %+v", name, v)
		}
		d, c := newMemDisk(), testConfig(store)
		c.Identities = ids
		if err := restoreOn(t.Context(), d, c, nil); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		a := mustOpen(t, d, c)
		gone := slices.Concat(golden2Gone, golden2Erased)
		for p := range Position(12) {
			at := Address{Mail, p}
			if slices.Contains(gone, p) {
				if _, err := a.Read(t.Context(), at); err == nil || !strings.Contains(err.Error(), ErrGone.Error()) {
					t.Errorf("%s: %s was removed and reads as %v", name, at, err)
				}
				continue
			}
			checkBody(t, a, at, golden2Body(p))
		}
		generations := 0
		for key := range maps.Keys(store.objects) {
			if strings.Contains(key, ".r1.") || strings.Contains(key, ".r2.") {
				generations++
			}
		}
		if generations < 2 {
			t.Errorf("%s has only %d packs that were written anew", name, generations)
		}
	}
}
