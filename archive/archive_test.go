package archive

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func openTemp(t testing.TB) (disk, *memStore, *Archive) {
	t.Helper()
	d, s := osDisk{t.TempDir()}, newMemStore()
	return d, s, mustOpen(t, d, testConfig(s))
}

// Bytes in are bytes out: 8-bit, NUL, bare LF, empty, larger than a frame;
// while open, when sealed, from the bucket, and after opening again.
func TestReadsBackWhatWasAppended(t *testing.T) {
	d, store, a := openTemp(t)
	var bodies [][]byte
	for i, size := range []int{0, 1, 511, 512, 513, 4096, 300_000, 1 << 20, 1<<20 + 1, 3 << 20, 700_000, 700_001, 10} {
		body := mailText(uint64(i), size)
		if i%2 == 1 {
			body = append([]byte("\x00\xff\n\r\r\n\x80"), body...)
		}
		bodies = append(bodies, body)
		sent := message(i)
		got := mustAppend(t, a, Mail, sent, body)
		want := sent
		want.Format, want.Stream, want.Position, want.Size, want.SHA256 = 1, Mail, Position(i), int64(len(body)), sha256.Sum256(body)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("append returned (-want +got):\n%s", diff)
		}
		r, err := a.Read(t.Context(), got.Address())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, r.Meta); diff != "" {
			t.Errorf("metadata read back (-appended +read):\n%s", diff)
		}
	}
	check := func(how string) {
		t.Helper()
		for i, body := range bodies {
			checkBody(t, a, Address{Mail, Position(i)}, body)
		}
		for from := range len(bodies) {
			checkScan(t, a, Mail, Position(from), bodies)
		}
		if t.Failed() {
			t.Fatal(how)
		}
	}
	check("open")
	mustClose(t, a)
	a = mustOpen(t, d, testConfig(store))
	check("opened again")
	mustFlush(t, a)
	check("sealed")
	for _, name := range []string{"00000000000000000000.tar.zst"} {
		if err := d.Remove("streams/mail/" + name); err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, a)
	a = mustOpen(t, d, testConfig(store))
	check("from the bucket")
}

func TestSightingKeepsNoBody(t *testing.T) {
	_, _, a := openTemp(t)
	body := []byte("From: a@contoso.example\r\n\r\nhello\r\n")
	first := mustAppend(t, a, Mail, message(0), body)
	at := first.Address()
	m := message(1)
	m.SameAs, m.SHA256, m.Size = &at, first.SHA256, first.Size
	seen, err := a.Append(t.Context(), Mail, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r, err := a.Read(t.Context(), seen.Address())
		if err != nil || r.Body != nil || r.Meta.SHA256 != first.SHA256 || r.Meta.Size != first.Size {
			t.Errorf("the sighting reads as %+v, %v", r, err)
		}
		got, r2, err := a.ReadBody(t.Context(), seen.Address())
		if err != nil || got.Position != 1 {
			t.Fatalf("%+v, %v", got, err)
		}
		var b bytes.Buffer
		if _, err := b.ReadFrom(r2); err != nil || !bytes.Equal(b.Bytes(), body) {
			t.Errorf("its body is %q, %v", b.Bytes(), err)
		}
		mustFlush(t, a)
	}
	for name, m := range map[string]Meta{
		"of nothing": {Kind: KindMessage, SameAs: &Address{Mail, 99}, SHA256: first.SHA256},
		"no digest":  {Kind: KindMessage, SameAs: &at},
	} {
		if _, err := a.Append(t.Context(), Mail, m, nil); err == nil {
			t.Errorf("a sighting %s was taken", name)
		}
	}
}

func TestReadOfNothing(t *testing.T) {
	_, _, a := openTemp(t)
	for _, at := range []Address{{Mail, 0}, {"pages", 3}} {
		if _, err := a.Read(t.Context(), at); !errors.Is(err, ErrNotFound) {
			t.Errorf("read %s: %v, want ErrNotFound", at, err)
		}
	}
	if names := a.Streams(); len(names) != 0 {
		t.Errorf("streams %v, want none", names)
	}
}

// A digest that the caller computed before the bytes changed is refused:
// stored, it would read as damage.
func TestAppendRefusesAWrongDigest(t *testing.T) {
	_, _, a := openTemp(t)
	m := message(0)
	m.SHA256 = sha256.Sum256([]byte("other"))
	if _, err := a.Append(t.Context(), Mail, m, bytes.NewReader([]byte("bytes"))); err == nil {
		t.Error("the record was taken")
	}
	if n := a.Next(Mail); n != 0 {
		t.Errorf("the next position is %d", n)
	}
}
