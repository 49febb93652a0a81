package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// script is a history of appends, seals and uploads that is the same each
// time, as far as it gets.
type script struct {
	acknowledged map[Address][]byte
	errors       []error
}

// play runs the script on an open archive.
func (s *script) play(ctx context.Context, a *Archive) {
	for i := range 14 {
		name, size := Mail, 700+i*333
		switch {
		case i%4 == 3:
			name, size = Ledger, 150
		case i == 6:
			size = 20_000 // Streamed.
		}
		body := scriptText(uint64(i), size)
		m, err := a.Append(ctx, name, message(i), bytes.NewReader(body))
		if err != nil {
			s.errors = append(s.errors, err)
		} else {
			s.acknowledged[m.Address()] = body
		}
		if i == 5 || i == 9 {
			if err := a.Flush(ctx); err != nil {
				s.errors = append(s.errors, err)
			}
		}
	}
}

// scriptText makes each text once.
var scriptText = func() func(seed uint64, size int) []byte {
	type key struct {
		seed uint64
		size int
	}
	var made sync.Map
	return func(seed uint64, size int) []byte {
		text, ok := made.Load(key{seed, size})
		if !ok {
			text, _ = made.LoadOrStore(key{seed, size}, mailText(seed, size))
		}
		return text.([]byte)
	}
}()

// crashConfig makes small packs. A bucket that is away is not waited for.
func crashConfig(s Store) Config {
	c := testConfig(s)
	c.PackSize, c.CacheSize, c.small = 8<<10, 1, 10_000
	return c
}

// playOn opens an archive and runs the script on it.
func playOn(t *testing.T, d *memDisk, store Store) *script {
	s := &script{acknowledged: map[Address][]byte{}}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	d.dark = cancel // Else Flush would wait for a disk that does not come back.
	a, err := openOn(ctx, d, crashConfig(store))
	if err != nil {
		s.errors = append(s.errors, err)
		return s
	}
	s.play(ctx, a)
	if err := a.Close(); err != nil {
		s.errors = append(s.errors, err)
	}
	return s
}

// check opens what is left and reads all of it.
func (s *script) check(t *testing.T, d *memDisk, store Store) {
	t.Helper()
	a, err := openOn(t.Context(), d, crashConfig(store))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	s.read(t, a)
	before := map[Address][]byte{}
	for _, name := range []Stream{Mail, Ledger} {
		next := a.Next(name)
		body := mailText(99, 2000)
		m := mustAppend(t, a, name, message(99), body)
		if m.Position != next {
			t.Errorf("the record behind %d went to %d", next, m.Position)
		}
		before[m.Address()] = body
	}
	mustFlush(t, a)
	for at, body := range before {
		s.acknowledged[at] = body
	}
	s.read(t, a)
}

// read checks that all that was acknowledged is there, and that a scan comes
// upon each position once.
func (s *script) read(t *testing.T, a *Archive) {
	t.Helper()
	for at, body := range s.acknowledged {
		r, err := a.Read(t.Context(), at)
		if err != nil {
			t.Errorf("acknowledged: %v", err)
		} else if !bytes.Equal(r.Body, body) {
			t.Errorf("acknowledged %s is another record", at)
		}
	}
	for _, name := range a.Streams() {
		at := Position(0)
		for r, err := range a.Scan(t.Context(), name, 0) {
			if err != nil && !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			if r.Meta.Position != at {
				t.Errorf("scan of %s came upon %d instead of %d", name, r.Meta.Position, at)
			}
			at++
		}
		if at != a.Next(name) {
			t.Errorf("scan of %s ended at %d of %d", name, at, a.Next(name))
		}
	}
}

// The power goes at every write, sync, rename, creation and removal in turn.
// What was not synced is gone (seed 0), or there in any part. All that was
// acknowledged is there, byte for byte, and the archive goes on.
func TestPowerCutAtEveryStep(t *testing.T) {
	whole := newMemDisk()
	if s := playOn(t, whole, newMemStore()); len(s.errors) > 0 || len(s.acknowledged) != 14 {
		t.Fatalf("without a power cut: %v", s.errors)
	}
	steps, _ := whole.counts()
	if steps < 100 {
		t.Fatalf("the script has only %d steps", steps)
	}
	for step := 1; step <= steps; step++ {
		for _, seed := range []uint64{0, uint64(step)} {
			inNoTime(t, func(t *testing.T) {
				d, store := newMemDisk(), newMemStore()
				d.fail = func(op int, what, name string) error {
					if op == step {
						return errPower
					}
					return nil
				}
				s := playOn(t, d, store)
				var r *rand.Rand
				if seed > 0 {
					r = rand.New(rand.NewPCG(seed, uint64(step)))
				}
				after := d.powerCut(r)
				s.check(t, after, store)
				if t.Failed() {
					t.Fatalf("power was cut at step %d with seed %d", step, seed)
				}
			})
		}
	}
}

// One operation fails in turn and the disk goes on: the disk is full, or
// cannot be written, and half was written or nothing. What was acknowledged
// stays readable, also after the program is started again or the power goes.
func TestFailureAtEveryStep(t *testing.T) {
	whole := newMemDisk()
	playOn(t, whole, newMemStore())
	steps, _ := whole.counts()
	for step := 1; step <= steps; step++ {
		for _, variant := range []int{step % 2, 2 + step/2%2} {
			inNoTime(t, func(t *testing.T) {
				cause, short := errFull, variant%2*4
				if variant >= 2 {
					cause = errDisk
				}
				d, store := newMemDisk(), newMemStore()
				var failed string
				d.short = short
				d.fail = func(op int, what, name string) error {
					if op != step {
						return nil
					}
					failed = fmt.Sprint(what, " of ", name, ": ", cause)
					return cause
				}
				s := playOn(t, d, store)
				s.checkErrors(t, failed)
				copied := &script{acknowledged: map[Address][]byte{}}
				for at, body := range s.acknowledged {
					copied.acknowledged[at] = body
				}
				copied.check(t, d.powerCut(nil), store.clone())
				d.setFail(nil)
				s.check(t, d, store)
				if t.Failed() {
					t.Fatalf("step %d, %s, written: %d eighths", step, failed, short)
				}
			})
		}
	}
}

// inNoTime runs a part of a test with a clock that jumps over every wait, such
// as that between two tries of an upload.
func inNoTime(t *testing.T, part func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, part)
	if t.Failed() {
		t.FailNow()
	}
}

// checkErrors checks that a full disk does not break the archive, and that
// after a failed sync nothing is acknowledged.
func (s *script) checkErrors(t *testing.T, failed string) {
	t.Helper()
	for _, err := range s.errors {
		if errors.Is(err, ErrFull) && errors.Is(err, ErrBroken) {
			t.Errorf("both full and broken: %v", err)
		}
	}
	tar := strings.HasSuffix(strings.Split(failed, ": ")[0], ".tar")
	if tar && strings.HasPrefix(failed, "sync") && !strings.Contains(fmt.Sprint(s.errors), ErrBroken.Error()) {
		t.Errorf("%s broke nothing: %v", failed, s.errors)
	}
	if tar && strings.HasPrefix(failed, "write") && strings.Contains(failed, errFull.Error()) {
		if len(s.acknowledged) != 13 || len(s.errors) != 1 || !errors.Is(s.errors[0], ErrFull) {
			t.Errorf("%s: %d acknowledged, errors %v; want one append refused with ErrFull", failed, len(s.acknowledged), s.errors)
		}
	}
}

func (s *memStore) clone() *memStore {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := newMemStore()
	for key, raw := range s.objects {
		c.objects[key], c.locks[key] = raw, s.locks[key]
	}
	return c
}
