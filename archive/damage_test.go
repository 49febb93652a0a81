package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// filled is an archive of six records in the mail stream, and where it is.
func filled(t testing.TB, sealed bool) (*memDisk, *memStore, [][]byte) {
	t.Helper()
	d, store := newMemDisk(), newMemStore()
	a := mustOpen(t, d, testConfig(store))
	var bodies [][]byte
	for i := range 6 {
		bodies = append(bodies, mailText(uint64(i), 3000))
		mustAppend(t, a, Mail, message(i), bodies[i])
	}
	if sealed {
		mustFlush(t, a)
	}
	mustClose(t, a)
	return d, store, bodies
}

const (
	openTar   = "streams/mail/00000000000000000000.tar"
	sealedTar = openTar + ".zst"
	packName  = "packs/mail/00000000000000000000.tar.zst"
)

// flip changes a byte.
func flip(at int) func([]byte) []byte {
	return func(b []byte) []byte {
		b[at] ^= 0x40
		return b
	}
}

// A byte that changed inside a pack that is open costs the record it is in and
// no other, is reported, and appending goes on behind the last.
func TestDamageInTheMiddleCostsOneRecord(t *testing.T) {
	for _, part := range []struct {
		name string
		find string
		off  int
	}{{"body", "Subject: Order", 40}, {"metadata", `"polytrace":1`, 60}, {"header", "00000000000000000002.json", 3}} {
		t.Run(part.name, func(t *testing.T) {
			d, store, bodies := filled(t, false)
			raw := string(d.content(openTar))
			third := strings.Index(raw, "00000000000000000002.json")
			at := third + strings.Index(raw[third:], part.find) + part.off
			d.edit(openTar, flip(at))
			a := mustOpen(t, d, testConfig(store))
			for i, body := range bodies {
				r, err := a.Read(t.Context(), Address{Mail, Position(i)})
				if i == 2 {
					if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "mail/2") {
						t.Errorf("the damaged record: %v", err)
					}
				} else if err != nil || string(r.Body) != string(body) {
					t.Errorf("record %d: %v", i, err)
				}
			}
			if aside := string(d.content("damaged/mail-00000000000000000000.tar")); aside != string(flip(at)([]byte(raw))) {
				t.Errorf("set aside are %d bytes, not those that were found", len(aside))
			}
			if st := a.Status(); len(st.Damage) != 1 || !strings.Contains(st.Damage[0], "could not read mail/2") {
				t.Errorf("status: %q", st.Damage)
			}
			v, err := a.Verify(t.Context(), nil)
			if err != nil || v.Records != 5 || len(v.Problems) != 1 || v.Problems[0].Where != "mail/2" {
				t.Errorf("verify: %+v %v", v, err)
			}
			if m := mustAppend(t, a, Mail, message(9), []byte("behind")); m.Position != 6 {
				t.Errorf("the next record is %d", m.Position)
			}
			mustFlush(t, a)
			mustClose(t, a)
			a = mustOpen(t, d, testConfig(store))
			if st := a.Status(); len(st.Damage) != 1 {
				t.Errorf("status after a restart: %q", st.Damage)
			}
			checkScan(t, a, Mail, 3, append(bodies, []byte("behind")))
		})
	}
}

// Whatever byte of a header changes, it is noticed: other tools believe it.
func TestEveryByteOfAHeaderCounts(t *testing.T) {
	d, store, bodies := filled(t, false)
	raw := d.content(openTar)
	header := bytes.Index(raw, []byte(metaName(2)))
	body := bytes.Index(raw, []byte(bodyName(2, KindMessage)))
	for i := 0; i < 2*blockSize; i += 3 {
		at := header + i
		if i >= blockSize {
			at = body + i - blockSize
		}
		d.edit(openTar, func([]byte) []byte { return flip(at)(bytes.Clone(raw)) })
		a := mustOpen(t, d, testConfig(store))
		if st := a.Status(); len(st.Damage) != 1 || !strings.Contains(st.Damage[0], "mail/2") {
			t.Fatalf("byte %d of the headers: %q", i, st.Damage)
		}
		checkBody(t, a, Address{Mail, 5}, bodies[5])
		mustClose(t, a)
		for _, name := range []string{"", ".txt"} {
			if err := d.Remove("damaged/mail-00000000000000000000.tar" + name); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A large body that changes on the disk does not end as if it were whole.
func TestDamagedBodyDoesNotEnd(t *testing.T) {
	d, store := newMemDisk(), newMemStore()
	a := mustOpen(t, d, testConfig(store))
	text := mailText(0, smallBody+maxSmallMeta+1)
	m := mustAppend(t, a, Mail, message(0), text)
	for range 2 {
		checkBody(t, a, m.Address(), text)
		d.edit(openTar, flip(100_000))
		_, r, err := a.ReadBody(t.Context(), m.Address())
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, r)
		if err := errors.Join(err, r.Close()); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "mail/0") {
			t.Errorf("after %d bytes: %v, want ErrDamaged", n, err)
		}
		d.edit(openTar, flip(100_000))
	}
}

// What was being written when the power went is left out and is not damage,
// wherever it breaks off, and whether the file ends there or goes on in zeros.
func TestTornTailIsNotDamage(t *testing.T) {
	d, store, bodies := filled(t, false)
	raw := d.content(openTar)
	end := len(bytes.TrimRight(raw, "\x00"))
	from := bytes.Index(raw, []byte(metaName(4)))
	last := bytes.Index(raw, []byte(metaName(5)))
	for at := from; at < end; at += 128 {
		for _, ahead := range []bool{false, true} {
			d.edit(openTar, func([]byte) []byte {
				torn := bytes.Clone(raw)
				if clear(torn[at:]); ahead {
					return torn
				}
				return torn[:at]
			})
			a := mustOpen(t, d, testConfig(store))
			want := bodies[:4]
			if at >= last {
				want = bodies[:5]
			}
			checkScan(t, a, Mail, 0, want)
			if st := a.Status(); len(st.Damage) > 0 {
				t.Errorf("broken off at %d of %d: %q", at, end, st.Damage)
			}
			mustClose(t, a)
		}
	}
}

// A message that contains a whole pack is not taken for records when what is
// before it is damaged.
func TestMessageThatContainsAPackIsNotBelieved(t *testing.T) {
	other, store, _ := filled(t, false)
	d := newMemDisk()
	a := mustOpen(t, d, testConfig(store))
	mustAppend(t, a, Mail, message(0), mailText(0, 100))
	mustAppend(t, a, Mail, message(1), other.content(openTar)[2*blockSize:])
	mustAppend(t, a, Mail, message(2), []byte("behind"))
	mustClose(t, a)
	d.edit(openTar, func(raw []byte) []byte {
		clear(raw[:6*blockSize]) // Up to the body of the second.
		return raw
	})
	a = mustOpen(t, d, testConfig(store))
	if n := a.Next(Mail); n != 3 {
		t.Errorf("%d records were found, want 3", n)
	}
	for i := range 2 {
		if r, err := a.Read(t.Context(), Address{Mail, Position(i)}); !errors.Is(err, ErrDamaged) {
			t.Errorf("record %d is %.100q, %v", i, r.Body, err)
		}
	}
	checkBody(t, a, Address{Mail, 2}, []byte("behind"))
}

// What a full pack lost at its end is lost, and keeps its place: the pack
// behind it tells how many there were.
func TestFullPackThatLostItsEnd(t *testing.T) {
	d, store := newMemDisk(), newMemStore()
	c := testConfig(store)
	c.PackSize = 20_000
	a := mustOpen(t, d, c)
	var bodies [][]byte
	for i := range 6 { // Four fit into the first pack.
		bodies = append(bodies, mailText(uint64(i), 2600))
		mustAppend(t, a, Mail, message(i), bodies[i])
	}
	mustClose(t, a)
	d.edit(openTar, func(raw []byte) []byte { return raw[:4*4096+100] })
	a = mustOpen(t, d, c)
	for range 2 {
		lost := 0
		for i, body := range bodies {
			r, err := a.Read(t.Context(), Address{Mail, Position(i)})
			switch {
			case errors.Is(err, ErrDamaged):
				lost++
			case err != nil || string(r.Body) != string(body):
				t.Errorf("record %d: %v", i, err)
			}
		}
		if lost != 1 {
			t.Errorf("%d records are lost, want one", lost)
		}
		mustFlush(t, a)
	}
	if a.Next(Mail) != 6 {
		t.Errorf("the next record is %d", a.Next(Mail))
	}
	if diff := cmp.Diff([]string{packName, "packs/mail/00000000000000000004.tar.zst"}, store.packKeys()); diff != "" {
		t.Errorf("the bucket (-want +got):\n%s", diff)
	}
}

// A local copy that is damaged is given up for the bucket's.
func TestDamagedCopyIsFetchedAgain(t *testing.T) {
	d, store, bodies := filled(t, true)
	if d.content(sealedTar) == nil {
		t.Fatal("there is no local copy")
	}
	d.edit(sealedTar, flip(2000))
	a := mustOpen(t, d, testConfig(store))
	checkScan(t, a, Mail, 0, bodies)
	for i, body := range bodies {
		checkBody(t, a, Address{Mail, Position(i)}, body)
	}
}

// Verify names what the bucket does not have as it was put there.
func TestVerifyNamesWhatTheBucketLost(t *testing.T) {
	for name, change := range map[string]func(*memStore){
		"not in the bucket": func(s *memStore) { delete(s.objects, packName) },
		"bytes":             func(s *memStore) { s.objects[packName] = s.objects[packName][:100] },
		"SHA-256": func(s *memStore) {
			s.objects[packName] = flip(500)([]byte(string(s.objects[packName])))
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, store, _ := filled(t, true)
			a := mustOpen(t, d, testConfig(store))
			if v, err := a.Verify(t.Context(), nil); err != nil || len(v.Problems) != 0 || v.Records != 6 || v.AllRecords != 6 || v.Packs != 1 {
				t.Fatalf("before: %+v %v", v, err)
			}
			change(store)
			v, err := a.Verify(t.Context(), nil)
			if err != nil || len(v.Problems) != 1 || v.Problems[0].Where != packName || !strings.Contains(v.Problems[0].What, name) {
				t.Errorf("%+v %v", v, err)
			}
		})
	}
}

// Restore brings back the same records from the bucket alone, and notices what
// is missing or changed.
func TestRestoreFromTheBucketAlone(t *testing.T) {
	_, store, bodies := filled(t, true)
	d := newMemDisk()
	var last Restored
	if err := restoreOn(t.Context(), d, testConfig(store), func(r Restored) { last = r }); err != nil {
		t.Fatal(err)
	}
	if last.Records != 6 || last.Packs != 1 || last.Packs != last.AllPacks || last.Bytes != last.AllBytes {
		t.Errorf("progress ended at %+v", last)
	}
	a := mustOpen(t, d, testConfig(store))
	checkScan(t, a, Mail, 0, bodies)
	if m := mustAppend(t, a, Mail, message(9), []byte("goes on")); m.Position != 6 {
		t.Errorf("the next record is %d", m.Position)
	}
	mustFlush(t, a)
	mustClose(t, a)

	delete(store.objects, packName)
	if err := restoreOn(t.Context(), newMemDisk(), testConfig(store), nil); err == nil || !strings.Contains(err.Error(), packName+": record is damaged: it is missing") {
		t.Errorf("a pack is missing: %v", err)
	}
	_, store, _ = filled(t, true)
	store.objects[packName] = flip(500)([]byte(string(store.objects[packName])))
	if err := restoreOn(t.Context(), newMemDisk(), testConfig(store), nil); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), packName) {
		t.Errorf("a pack is changed: %v", err)
	}
}

// What was set aside is there after a power cut: it may be all there is of
// the records in it.
func TestSetAsideIsDurable(t *testing.T) {
	d, c := newMemDisk(), testConfig(newMemStore())
	a := mustOpen(t, d, c)
	mustAppend(t, a, Ledger, Meta{Kind: KindEvent, Received: received(1)}, []byte("{}"))
	mustClose(t, a)
	const name = "streams/ledger/00000000000000000009.tar.zst"
	f, err := d.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("no pack"), 0); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close(), d.SyncDir("streams/ledger")); err != nil {
		t.Fatal(err)
	}
	a = mustOpen(t, d, c)
	if err := d.SyncDir("streams/ledger"); err != nil { // As the next pack does.
		t.Fatal(err)
	}
	if raw := d.powerCut(nil).content("damaged/ledger-00000000000000000009.tar.zst"); string(raw) != "no pack" {
		t.Errorf("set aside is %q; status: %q", raw, a.Status().Damage)
	}
}

// What was set aside before is not overwritten by other bytes of the same
// name, and the same bytes are set aside once, however often a start finds them.
func TestSetAsideIsNotOverwritten(t *testing.T) {
	d, store, _ := filled(t, false)
	var found []string
	for _, at := range []string{metaName(1), metaName(3)} {
		d.edit(openTar, func(raw []byte) []byte { // Its header is gone: the pack is written anew.
			clear(raw[bytes.Index(raw, []byte(at)):][:blockSize])
			return raw
		})
		found = append(found, string(d.content(openTar)))
		for range 2 {
			mustClose(t, mustOpen(t, d, testConfig(store)))
		}
	}
	const first = "damaged/mail-00000000000000000000.tar"
	for i, name := range []string{first, first + ".2"} {
		if string(d.content(name)) != found[i] {
			t.Errorf("%s is not the pack as it was found the %d. time", name, i+1)
		}
		if note := string(d.content(name + ".txt")); !strings.Contains(note, fmt.Sprintf("mail/%d", 2*i+1)) {
			t.Errorf("the note of %s: %q", name, note)
		}
	}
	if names, err := d.List("damaged"); err != nil || len(names) != 4 {
		t.Errorf("damaged/ holds %q", names)
	}
}

// A damaged record that stays where it is is set aside once, though its pack
// grows and is looked through at each start.
func TestDamageIsSetAsideOnce(t *testing.T) {
	d, store, _ := filled(t, false)
	d.edit(openTar, flip(bytes.Index(d.content(openTar), []byte("Subject: Order"))))
	for i := range 3 {
		a := mustOpen(t, d, testConfig(store))
		mustAppend(t, a, Mail, message(i), mailText(9, 500))
		mustClose(t, a)
	}
	if names, err := d.List("damaged"); err != nil || len(names) != 2 {
		t.Errorf("damaged/ holds %q, %v", names, err)
	}
}
