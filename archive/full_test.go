package archive

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// failing makes the next operation of a kind on an open pack fail.
func failing(d *memDisk, what string, cause error) {
	failed := false
	d.setFail(func(_ int, op, name string) error {
		if failed || op != what || !strings.HasSuffix(name, ".tar") {
			return nil
		}
		failed = true
		return cause
	})
}

// A disk that is full refuses the record, of which it may have taken a part,
// and nothing else: the next one is taken, also after a power cut.
func TestFullDiskBreaksNothing(t *testing.T) {
	for _, short := range []int{0, 4, 8} {
		for _, size := range []int{900, 300_000, smallBody + 1} {
			d, store := newMemDisk(), newMemStore()
			a := mustOpen(t, d, testConfig(store))
			bodies := [][]byte{mailText(0, 2000)}
			mustAppend(t, a, Mail, message(0), bodies[0])
			d.short = short
			failing(d, "write", unix.ENOSPC)
			_, err := a.Append(t.Context(), Mail, message(1), bytes.NewReader(mailText(1, size)))
			if !errors.Is(err, ErrFull) || errors.Is(err, ErrBroken) {
				t.Errorf("%d bytes: %v, want ErrFull", size, err)
			}
			d.setFail(nil)
			bodies = append(bodies, mailText(2, 1500))
			if m := mustAppend(t, a, Mail, message(2), bodies[1]); m.Position != 1 {
				t.Errorf("the next record is %d", m.Position)
			}
			checkScan(t, a, Mail, 0, bodies)
			after := mustOpen(t, d.powerCut(nil), testConfig(store.clone()))
			checkScan(t, after, Mail, 0, bodies)
			if st := a.Status(); st.Broken != "" || len(st.Damage) > 0 {
				t.Errorf("%+v", st)
			}
		}
	}
}

// Of a group that did not fit nothing stays, not even the records of it that
// were written whole and then lie behind a shorter one, and the zeros behind it.
func TestRefusedGroupLeavesNothing(t *testing.T) {
	d, store := newMemDisk(), newMemStore()
	a := mustOpen(t, d, testConfig(store))
	first := mailText(0, 100)
	mustAppend(t, a, Mail, message(0), first)
	var batch []*entry
	for i := range 8 {
		e, err := newEntry(Mail, message(i), bytes.NewReader(mailText(uint64(i), 100_000)), smallBody)
		if err != nil {
			t.Fatal(err)
		}
		batch = append(batch, e)
	}
	d.short = 4
	failing(d, "write", unix.ENOSPC)
	s := a.lookup(Mail)
	s.order.Lock()
	s.commit(batch)
	s.order.Unlock()
	for _, e := range batch {
		if !errors.Is(e.err, ErrFull) {
			t.Errorf("%v, want ErrFull", e.err)
		}
	}
	mustAppend(t, a, Mail, message(1), first)
	a = mustOpen(t, d.powerCut(nil), testConfig(store))
	checkScan(t, a, Mail, 0, [][]byte{first, first})
	if st := a.Status(); len(st.Damage) > 0 {
		t.Error(st.Damage)
	}
}

// A write or sync that failed leaves it unknown what is on disk. Nothing more
// is taken, though the disk works again, until the archive is opened again;
// what was taken before can be read all the time.
func TestFailedWriteIsSticky(t *testing.T) {
	for _, what := range []string{"write", "sync"} {
		d, store := newMemDisk(), newMemStore()
		a := mustOpen(t, d, testConfig(store))
		bodies := [][]byte{mailText(0, 2000)}
		mustAppend(t, a, Mail, message(0), bodies[0])
		failing(d, what, unix.EIO)
		if _, err := a.Append(t.Context(), Mail, message(1), strings.NewReader("x")); !errors.Is(err, ErrBroken) || !errors.Is(err, unix.EIO) {
			t.Errorf("failed %s: %v, want ErrBroken", what, err)
		}
		d.setFail(nil)
		for _, s := range []Stream{Mail, Ledger} {
			if _, err := a.Append(t.Context(), s, message(1), strings.NewReader("x")); !errors.Is(err, ErrBroken) {
				t.Errorf("after a failed %s, to %s: %v, want ErrBroken", what, s, err)
			}
		}
		if st := a.Status(); !strings.Contains(st.Broken, "input/output error") {
			t.Errorf("status: %q", st.Broken)
		}
		checkScan(t, a, Mail, 0, bodies)
		mustClose(t, a)
		a = mustOpen(t, d, testConfig(store))
		// The record that failed may be there: then its sender's second try is another one.
		r, err := a.Read(t.Context(), Address{Mail, 1})
		if got := string(r.Body); err == nil && got != "x" || err != nil && !errors.Is(err, ErrNotFound) {
			t.Errorf("the record that failed reads as %q, %v", got, err)
		}
		next := a.Next(Mail)
		if m := mustAppend(t, a, Mail, message(2), bodies[0]); m.Position != next {
			t.Errorf("the next record is %d, want %d", m.Position, next)
		}
		checkBody(t, a, Address{Mail, 0}, bodies[0])
	}
}

// A directory whose sync failed may forget the new pack, and with it all that
// is appended to it.
func TestFailedDirectorySyncIsSticky(t *testing.T) {
	d := newMemDisk()
	a := mustOpen(t, d, testConfig(newMemStore()))
	mustAppend(t, a, Mail, message(0), []byte("x"))
	mustFlush(t, a) // The next record begins a pack.
	d.setFail(func(_ int, op, name string) error {
		if op == "syncdir" {
			return unix.EIO
		}
		return nil
	})
	for range 2 {
		if _, err := a.Append(t.Context(), Mail, message(1), strings.NewReader("x")); !errors.Is(err, ErrBroken) {
			t.Errorf("%v, want ErrBroken", err)
		}
		d.setFail(nil)
	}
}

// Nor may it forget it after the program was started again: what is there is
// not durable for being seen.
func TestStartMakesDurableWhatItFinds(t *testing.T) {
	d, store := newMemDisk(), newMemStore()
	a := mustOpen(t, d, testConfig(store))
	mustAppend(t, a, Mail, message(0), []byte("x"))
	mustFlush(t, a)
	d.setFail(func(_ int, op, name string) error {
		if op == "syncdir" {
			return unix.EIO
		}
		return nil
	})
	if _, err := a.Append(t.Context(), Mail, message(1), strings.NewReader("never acknowledged")); !errors.Is(err, ErrBroken) {
		t.Fatal(err)
	}
	d.setFail(nil)
	a.Close() // It is broken.
	a = mustOpen(t, d, testConfig(store))
	m := mustAppend(t, a, Mail, message(1), []byte("acknowledged"))
	d = d.powerCut(nil)
	a.Close()
	a = mustOpen(t, d, testConfig(store))
	if r, err := a.Read(t.Context(), m.Address()); err != nil || string(r.Body) != "acknowledged" {
		t.Errorf("%q %v", r.Body, err)
	}
}

// A record that a start finds is seen from then on, although it was never
// acknowledged, and must not be lost by a power cut later.
func TestWhatRecoveryFindsIsDurable(t *testing.T) {
	d, store := newMemDisk(), newMemStore()
	written := strings.Repeat("written", 3000) // Several pages: cutting the tail writes the last one anyway.
	a := mustOpen(t, d, testConfig(store))
	d.setFail(func(_ int, op, name string) error {
		if op == "sync" && strings.HasSuffix(name, ".tar") {
			return unix.EIO
		}
		return nil
	})
	if _, err := a.Append(t.Context(), Mail, message(0), strings.NewReader(written)); !errors.Is(err, ErrBroken) {
		t.Fatal(err)
	}
	d.setFail(nil)
	a.Close() // It is broken.
	a = mustOpen(t, d, testConfig(store))
	at := Address{Mail, 0}
	if r, err := a.Read(t.Context(), at); err != nil || string(r.Body) != written {
		t.Fatalf("%d bytes, %v", len(r.Body), err)
	}
	d = d.powerCut(nil)
	a.Close()
	a = mustOpen(t, d, testConfig(store))
	if r, err := a.Read(t.Context(), at); err != nil || string(r.Body) != written {
		t.Errorf("%d bytes, %v", len(r.Body), err)
	}
}

// A start that puts markers in the place of lost records may lose power at
// every step: the others are never in danger.
func TestPowerCutAtEveryStepOfARepair(t *testing.T) {
	damaged := func() (*memDisk, *memStore) {
		d, store := newMemDisk(), newMemStore()
		a := mustOpen(t, d, testConfig(store))
		for i := range 3 {
			mustAppend(t, a, Mail, message(i), mailText(uint64(i), 9000))
		}
		start := a.lookup(Mail).packs[0].starts[1]
		mustClose(t, a)
		d.edit("streams/mail/00000000000000000000.tar", flip(int(start)))
		return d, store
	}
	for step := 0; ; step++ {
		d, store := damaged()
		left, cut := step, false
		d.setFail(func(int, string, string) error {
			if left--; left < 0 {
				cut = true
				return errPower
			}
			return nil
		})
		if a, err := openOn(t.Context(), d, testConfig(store)); err == nil {
			a.Close() // Without power it cannot.
		}
		a := mustOpen(t, d.powerCut(nil), testConfig(store))
		checkBody(t, a, Address{Mail, 0}, mailText(0, 9000))
		checkBody(t, a, Address{Mail, 2}, mailText(2, 9000))
		if t.Failed() {
			t.Fatalf("power was cut at step %d of the start", step)
		}
		if !cut {
			break
		}
	}
}

// The same holds for what a first start left that failed.
func TestSecondStartMakesTheFirstDurable(t *testing.T) {
	for failing := range 8 {
		d, store := newMemDisk(), newMemStore()
		synced := 0
		d.setFail(func(_ int, op, name string) error {
			if op == "syncdir" || op == "mkdir" {
				if synced++; synced > failing {
					return unix.EIO
				}
			}
			return nil
		})
		if a, err := openOn(t.Context(), d, testConfig(store)); err == nil {
			a.Append(t.Context(), Mail, message(0), strings.NewReader("never acknowledged")) // It may fail, as the start may.
			a.Close()
		}
		d.setFail(nil)
		a := mustOpen(t, d, testConfig(store))
		key := a.PublicKey()
		m := mustAppend(t, a, Mail, message(1), []byte("acknowledged"))
		d = d.powerCut(nil)
		a.Close()
		a, err := openOn(t.Context(), d, testConfig(store))
		if err != nil {
			t.Errorf("after %d syncs: %v", failing, err)
			continue
		}
		if r, err := a.Read(t.Context(), m.Address()); err != nil || string(r.Body) != "acknowledged" {
			t.Errorf("after %d syncs: %q %v", failing, r.Body, err)
		}
		if a.PublicKey() != key {
			t.Errorf("after %d syncs the key is another one", failing)
		}
		mustClose(t, a)
	}
}

// A body that cannot be read, or changes while it is stored, is refused; its
// part of the pack is taken back.
func TestUnreadableBodyBreaksNothing(t *testing.T) {
	d, store := newMemDisk(), newMemStore()
	a := mustOpen(t, d, testConfig(store))
	size := smallBody + 1000
	for _, body := range []*fickleBody{{text: mailText(0, size), change: true}, {text: mailText(0, size), fail: true}, {text: mailText(0, 900), fail: true, reads: 1}} {
		_, err := a.Append(t.Context(), Mail, message(0), body)
		if err == nil || errors.Is(err, ErrBroken) || errors.Is(err, ErrFull) {
			t.Errorf("%v", err)
		}
		if body.fail && !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%v, want the body's error", err)
		}
	}
	want := mailText(1, 5000)
	if m := mustAppend(t, a, Mail, message(0), want); m.Position != 0 {
		t.Errorf("the next record is %d", m.Position)
	}
	mustClose(t, a)
	checkScan(t, mustOpen(t, d, testConfig(store)), Mail, 0, [][]byte{want})
}

// fickleBody is read once, and then fails or is another one.
type fickleBody struct {
	text         []byte
	reads        int
	fail, change bool
}

func (b *fickleBody) Size() int64 { return int64(len(b.text)) }

func (b *fickleBody) ReadAt(p []byte, off int64) (int, error) {
	if off == 0 {
		b.reads++
	}
	if b.reads > 1 && b.fail {
		return 0, fs.ErrClosed
	}
	n := copy(p, b.text[off:])
	if b.reads > 1 && b.change {
		p[0] ^= 1
	}
	return n, nil
}

// What was refused does not come back when the power goes right after: its
// sender was told that it is not stored, and sends it again.
func TestRefusedStaysAwayAfterAPowerCut(t *testing.T) {
	for seed := range uint64(40) {
		d, store := newMemDisk(), newMemStore()
		a := mustOpen(t, d, testConfig(store))
		first := mailText(0, 100)
		mustAppend(t, a, Mail, message(0), first)
		d.short = 8 // All of it was written, and yet.
		failing(d, "write", unix.ENOSPC)
		if _, err := a.Append(t.Context(), Mail, message(1), bytes.NewReader(mailText(1, 2000))); !errors.Is(err, ErrFull) {
			t.Fatal(err)
		}
		after := mustOpen(t, d.powerCut(rand.New(rand.NewPCG(seed, 1))), testConfig(store))
		checkScan(t, after, Mail, 0, [][]byte{first})
		mustClose(t, after)
	}
}
