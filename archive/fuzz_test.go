package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"testing"
)

// Whatever a crash or a bad disk leaves of an open pack: it is opened, each
// position reads as a record or as damage, appending and sealing go on, and
// what could be read can still be read afterwards.
func FuzzRecovery(f *testing.F) {
	golden := goldenDisk(f)
	open, whole := golden.content(goldenOpen), decompress(f, golden.content(goldenSealed))
	for _, raw := range [][]byte{open, whole[:7*blockSize], open[:700], open[512:], append(bytes.Clone(open), make([]byte, 4096)...), flip(520)(bytes.Clone(open)), flip(3)(bytes.Clone(open)), whole[len(whole)-13*blockSize:], append(bytes.Clone(open[:1024]), open...), nil} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, name := range []string{openTar, goldenOpen} {
			checkRecovery(t, golden.content(identityName), name, raw)
		}
	})
}

func checkRecovery(t *testing.T, id []byte, name string, raw []byte) {
	t.Helper()
	d, store := newMemDisk(), newMemStore()
	d.names[identityName] = &inode{data: id}
	d.names[name] = &inode{data: bytes.Clone(raw), durable: bytes.Clone(raw), dirty: map[int]bool{}}
	if name != openTar { // What is before it is sealed.
		golden := goldenDisk(t)
		for _, before := range []string{goldenSealed, "streams/mail/packs.jsonl"} {
			d.names[before] = golden.names[before]
			d.names[before].durable = bytes.Clone(golden.content(before))
		}
	}
	a := mustOpen(t, d, testConfig(store))
	before := scanAll(t, a)
	mustAppend(t, a, Mail, message(1), []byte("behind"))
	if name == openTar {
		mustFlush(t, a)
	}
	mustClose(t, a)
	a = mustOpen(t, d, testConfig(store))
	after := scanAll(t, a)
	if n := len(after) - 1; n != len(before) || string(after[n]) != "behind" || !slices.EqualFunc(before, after[:n], bytes.Equal) {
		t.Errorf("%d records before one more and a restart, then %d, or others", len(before), len(after))
	}
	mustClose(t, a)
}

// scanAll returns the bodies of the mail stream, nil for what is damaged.
func scanAll(t *testing.T, a *Archive) (bodies [][]byte) {
	t.Helper()
	for r, err := range a.Scan(t.Context(), Mail, 0) {
		if err != nil && !errors.Is(err, ErrDamaged) {
			t.Fatal(err)
		}
		if r.Meta.Position != Position(len(bodies)) {
			t.Fatalf("scan came upon %d, not %d", r.Meta.Position, len(bodies))
		}
		bodies = append(bodies, r.Body)
	}
	if n := a.Next(Mail); int(n) != len(bodies) {
		t.Fatalf("scan ended at %d of %d", len(bodies), n)
	}
	return bodies
}

// No metadata that somebody could write stops the reader, and what it
// understands of one it can write and understand again.
func FuzzMeta(f *testing.F) {
	for _, raw := range untar(f, decompress(f, goldenDisk(f).content(goldenSealed))) {
		if bytes.HasPrefix(raw, []byte("{")) {
			f.Add(raw)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if m, err := parseManifest(raw); err == nil {
			m.starts()
		}
		m, err := parseMeta(raw)
		if err != nil {
			return
		}
		written, err := json.Marshal(&m)
		if err != nil {
			return // A year above 9999 can be read only.
		}
		again, err := parseMeta(written)
		if err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		if rewritten, err := json.Marshal(&again); err != nil || !bytes.Equal(written, rewritten) {
			t.Errorf("written %s, then %s, %v", written, rewritten, err)
		}
	})
}

// No sealed pack that somebody could put into the bucket stops the reader, and
// none that differs from its manifest passes.
func FuzzSealedPack(f *testing.F) {
	d, _, _ := filled(f, true)
	sealed := d.content(sealedTar)
	f.Add(goldenDisk(f).content(goldenSealed))
	f.Add(sealed)
	for _, at := range []int{3, 40, 700, len(sealed) - 5, len(sealed) - 9, len(sealed) - 20, len(sealed) - 70} {
		f.Add(flip(at)(bytes.Clone(sealed)))
	}
	f.Add(sealed[:len(sealed)-1])
	f.Add(sealed[100:])
	a := mustOpen(f, newMemDisk(), testConfig(newMemStore()))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := openSealed(bytes.NewReader(raw), int64(len(raw)), a.sealer.unzip)
		if err != nil {
			return
		}
		if _, err := p.verify(); err != nil {
			return
		}
		v := &view{r: frameReader{p, p.inOrder()}, first: p.manifest.First, starts: p.starts}
		for at := (Address{p.manifest.Stream, v.first}); at.Position < v.end(); at.Position++ {
			if r, err := v.load(at); err == nil && r.Meta.Address() != at {
				t.Errorf("%s reads as %s", at, r.Meta.Address())
			}
		}
	})
}
