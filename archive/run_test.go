package archive

import (
	"sync"
	"testing"
	"time"

	"polytrace/burst"
)

// In a burst full packs wait to be sealed, those of decisions do not, and none
// does where mail is acknowledged when it is in the bucket.
func TestPacksWaitForABurst(t *testing.T) {
	c := testConfig(newMemStore())
	c.PackSize = 4_000
	a := mustOpen(t, newMemDisk(), c)
	for range 5 {
		mustAppend(t, a, Mail, message(0), mailText(1, 1_700))
		mustAppend(t, a, Ledger, Meta{Kind: KindEvent, Received: received(1)}, mailText(1, 1_700))
	}
	waits := func(name Stream) bool {
		s, err := a.streamFor(name)
		if err != nil {
			t.Fatal(err)
		}
		return s.firstPack((*pack).unsealed) != nil
	}
	unsealed := func() (mail, ledger bool) { return waits(Mail), waits(Ledger) }
	if mail, ledger := unsealed(); !mail || !ledger {
		t.Fatal("no pack is full")
	}
	urgent := true
	way := burst.Way{To: func(time.Time) bool { return urgent }, For: time.Minute}
	for _, want := range []bool{true, false} {
		var jobs sync.WaitGroup
		urgent = want
		again := a.dispatch(t.Context(), &jobs, &way)
		jobs.Wait()
		if mail, ledger := unsealed(); mail != want || ledger {
			t.Errorf("burst %v: of mail one is unsealed %v, of decisions %v", want, mail, ledger)
		}
		if want && again > burst.Pause {
			t.Errorf("it looks again after %s", again)
		}
	}
	c.Acknowledge, c.Urgent = InBucket, func(time.Time) bool { return true }
	if c, err := c.withDefaults(); err != nil || c.Urgent != nil {
		t.Errorf("who waits for the bucket waits for the end of the burst: %v", err)
	}
}
