package casework

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"polytrace/archive"
)

// vault is an archive whose packs a test makes up. It checks what the Keeper
// promises: the ledger is in the bucket before anything goes, and nothing held goes.
type vault struct {
	desk  *Desk
	mu    sync.Mutex
	packs []archive.PackInfo

	flushed  bool
	did      []string // In order: flush, remove, relock.
	removed  []Range
	fail     map[string]error // By what is tried.
	removing func()           // Called by Remove before anything goes.
}

func (v *vault) Streams() []archive.Stream {
	v.mu.Lock()
	defer v.mu.Unlock()
	names := map[archive.Stream]bool{}
	for _, p := range v.packs {
		names[p.Stream] = true
	}
	return slices.Sorted(maps.Keys(names))
}

func (v *vault) Next(s archive.Stream) (next archive.Position) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, p := range v.packs {
		if p.Stream == s {
			next = max(next, p.First+archive.Position(p.Records))
		}
	}
	return next
}

func (v *vault) Packs(s archive.Stream) (list []archive.PackInfo) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, p := range v.packs {
		if p.Stream == s {
			list = append(list, p)
		}
	}
	return list
}

func (v *vault) try(what string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.did = append(v.did, what)
	return v.fail[what]
}

func (v *vault) Flush(context.Context) error {
	err := v.try("flush")
	v.mu.Lock()
	defer v.mu.Unlock()
	v.flushed = err == nil
	return err
}

func (v *vault) Relock(context.Context) error { return v.try("relock") }

func (v *vault) Remove(_ context.Context, order archive.Address, what []Range) error {
	if v.removing != nil {
		v.removing()
	}
	if err := v.try("remove " + order.String()); err != nil {
		return err
	}
	v.mu.Lock()
	flushed := v.flushed
	v.mu.Unlock()
	if !flushed {
		return errors.New("removed before the decision was in the bucket")
	}
	for at := range Records(what) {
		held := false
		v.desk.Read(func(s *State) { held = s.Held(at) })
		if held {
			return archive.ErrRetained
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.removed = append(v.removed, what...)
	set := setOf(v.removed)
	for i, p := range v.packs {
		v.packs[i].Gone = len(set.missing([]Range{runOf(p)})) == 0
	}
	return nil
}

// finder finds by hold query what a test says.
type finder struct {
	mu     sync.Mutex
	behind error
	found  map[string][]archive.Address
	alike  map[archive.Position][]archive.Address // By the first position of a pack.
	asked  []string
	broken error
}

func (f *finder) CaughtUp(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.behind
}

func (f *finder) Matches(_ context.Context, query string, after positions) iter.Seq2[archive.Address, error] {
	f.mu.Lock()
	f.asked = append(f.asked, query)
	broken, found := f.broken, slices.Clone(f.found[query])
	f.mu.Unlock()
	return func(yield func(archive.Address, error) bool) {
		if broken != nil {
			yield(archive.Address{}, broken)
			return
		}
		for _, at := range found {
			if at.Position >= after[at.Stream] && !yield(at, nil) {
				return
			}
		}
	}
}

func (f *finder) Alike(_ context.Context, p archive.PackInfo) iter.Seq2[archive.Address, error] {
	return func(yield func(archive.Address, error) bool) {
		for _, at := range f.alike[p.First] {
			if p.Stream != archive.Mail || !yield(at, nil) {
				return
			}
		}
	}
}

// house is an office with a keeper in it. Its clock is that of the synctest bubble.
type house struct {
	*office
	vault  *vault
	finder *finder
	keeper *Keeper
}

// newHouse has three packs of mail, 10 records each, that are due in 90, 91
// and 92 days, and 90 days are over.
func newHouse(t testing.TB) *house {
	o := &office{t: t, ledger: &memLedger{}}
	desk, err := OpenDesk(t.Context(), o.ledger, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	o.desk = desk
	h := &house{office: o, vault: &vault{desk: desk, fail: map[string]error{}}, finder: &finder{found: map[string][]archive.Address{}, alike: map[archive.Position][]archive.Address{}}}
	o.do(AddUser{Name: "marta", FullName: "Marta Lindqvist", Roles: []Role{Compliance}})
	o.do(SetClass{Class: archive.Mail, Keep: Period{Days: 90}})
	for i := range 3 {
		h.vault.packs = append(h.vault.packs, pack(archive.Mail, archive.Position(10*i), 10, time.Now().AddDate(0, 0, i-90)))
	}
	h.keeper = h.another()
	return h
}

// change changes what the archive and the index say, while the Keeper runs.
func (h *house) change(f func()) {
	h.vault.mu.Lock()
	defer h.vault.mu.Unlock()
	h.finder.mu.Lock()
	defer h.finder.mu.Unlock()
	f()
}

// did is what the archive was asked for, in order.
func (h *house) did() (list []string) {
	h.change(func() { list = slices.Clone(h.vault.did) })
	return list
}

func (h *house) another() *Keeper {
	return NewKeeper(KeeperConfig{Desk: h.desk, Vault: h.vault, Finder: h.finder})
}

// live runs the keeper until the test ends.
func (h *house) live(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- h.keeper.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
}

// pass lets time go by, and what it woke settle.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func mail(p archive.Position) archive.Address {
	return archive.Address{Stream: archive.Mail, Position: p}
}

func (h *house) gone(t testing.TB, want ...Range) {
	t.Helper()
	var removed []Range
	h.change(func() { removed = slices.Clone(h.vault.removed) })
	if got, wanted := setOf(removed).ranges(), setOf(want).ranges(); !slices.Equal(got, wanted) {
		t.Errorf("removed %v, want %v; status %+v", got, wanted, h.keeper.Status())
	}
}

// What is due goes, hour by hour, after its decision is in the bucket.
func TestKeeperRemovesWhatIsDueAfterSayingSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.live(t)
		h.gone(t, Range{Stream: archive.Mail, First: 0, Records: 10})
		last, err := DecodeEvent(h.ledger.records[len(h.ledger.records)-1].Body)
		if err != nil || last.Type != RetentionExpired || last.Actor != System {
			t.Errorf("the ledger says %+v", last)
		}
		if got := strings.Join(h.did(), ", "); got != "relock, flush, remove ledger/2" {
			t.Errorf("did %s", got)
		}
		pass(24*time.Hour + time.Second)
		h.gone(t, Range{Stream: archive.Mail, First: 0, Records: 20})
		if st := h.keeper.Status(); st.Failure != "" || st.Next.Sub(st.Checked) != time.Hour {
			t.Errorf("%+v", st)
		}
	})
}

func TestNothingExpiresWhileTheIndexIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.finder.behind = errors.New("12 records are not searchable yet")
		h.live(t)
		h.gone(t)
		if f := h.keeper.Status().Failure; !strings.Contains(f, "12 records") {
			t.Errorf("status says %q", f)
		}
		h.change(func() { h.finder.behind = nil })
		pass(time.Minute)
		h.gone(t, Range{Stream: archive.Mail, First: 0, Records: 10})
		if f := h.keeper.Status().Failure; f != "" {
			t.Errorf("status still says %q", f)
		}
	})
}

// A standing hold is asked before anything goes, also about old mail that
// matches only now, and nothing goes while it cannot be asked.
func TestStandingHoldsAreAskedBeforeAnythingExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.do(PlaceHold{Name: "acme", Query: "from:acme", Standing: true, Reason: "lawsuit"})
		h.finder.broken = errors.New("the disk is slow")
		h.live(t)
		h.gone(t)
		h.change(func() { h.finder.broken, h.finder.found["from:acme"] = nil, []archive.Address{mail(3), mail(29)} })
		pass(time.Minute)
		h.gone(t)
		h.desk.Read(func(s *State) {
			if hold, _ := s.Hold("acme"); hold.Records != 2 {
				t.Errorf("%+v", hold)
			}
		})
		h.change(func() { h.finder.found["from:acme"] = append(h.finder.found["from:acme"], mail(15)) }) // As when it is cited in a case.
		pass(24 * time.Hour)
		h.gone(t)
		h.do(ReleaseHold{"acme", "settled"})
		h.keeper.Poke()
		synctest.Wait()
		h.gone(t, Range{Stream: archive.Mail, First: 0, Records: 20})
	})
}

// While nothing comes in, a hold is not asked again and again.
func TestStandingHoldsAreAskedWhenSomethingCameIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.do(SetClass{Class: archive.Mail})
		h.do(PlaceHold{Name: "acme", Query: "from:acme", Standing: true, Reason: "lawsuit"})
		h.live(t)
		pass(5 * time.Hour)
		h.change(func() {
			if n := len(h.finder.asked); n != 1 {
				t.Errorf("asked %d times", n)
			}
			h.finder.found["from:acme"] = []archive.Address{mail(3), mail(33)}
			h.vault.packs = append(h.vault.packs, pack(archive.Mail, 30, 5, time.Now()))
		})
		pass(time.Hour)
		h.desk.Read(func(s *State) {
			if !s.Held(mail(33)) {
				t.Error("what came in is not held")
			}
		})
	})
}

func TestErasureIsCarriedOutWhenApproved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.do(SetClass{Class: archive.Mail})
		h.do(RequestErasure{run(archive.Mail, 5, 2), "Art. 17"})
		h.live(t)
		h.gone(t)
		h.change(func() { h.finder.behind = errors.New("the index is away") }) // An erasure does not wait for it.
		at := archive.Address{Stream: archive.Ledger, Position: h.do(ApproveErasure{ID: 1})}
		h.keeper.Poke()
		synctest.Wait()
		h.gone(t, run(archive.Mail, 5, 2)...)
		if !h.keeper.Done(at) {
			t.Error("it is not known to be done")
		}
	})
}

// After a crash nobody knows how far an order got: it is carried out again,
// once.
func TestOrdersAreCarriedOutAgainAfterAStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.do(RequestErasure{run(archive.Mail, 25, 1), "Art. 17"})
		h.do(ApproveErasure{ID: 1})
		h.vault.fail["remove ledger/3"] = context.Canceled // The process dies here.
		if err := h.keeper.round(t.Context()); err == nil {
			t.Fatal("it did not fail")
		}
		delete(h.vault.fail, "remove ledger/3")
		h.keeper = h.another()
		h.live(t)
		pass(3 * time.Hour)
		h.gone(t, Range{Stream: archive.Mail, First: 0, Records: 10}, Range{Stream: archive.Mail, First: 25, Records: 1})
		n := 0
		for _, what := range h.did() {
			if what == "remove ledger/3" {
				n++
			}
		}
		if n != 2 {
			t.Errorf("tried %d times: %v", n, h.did())
		}
	})
}

// A bucket that is away is asked less and less often, and says why in the
// status; a poke asks at once.
func TestKeeperTriesAgainWithGrowingPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.vault.fail["flush"] = errors.New("bucket is away")
		h.live(t)
		pass(time.Hour)
		n := len(h.did())
		if n < 10 || n > 20 || !strings.Contains(h.keeper.Status().Failure, "bucket is away") {
			t.Errorf("%d attempts in an hour; %+v", n, h.keeper.Status())
		}
		h.gone(t)
		h.change(func() { delete(h.vault.fail, "flush") })
		h.keeper.Poke()
		synctest.Wait()
		h.gone(t, Range{Stream: archive.Mail, First: 0, Records: 10})
	})
}

// One order that fails holds no other up.
func TestOrdersDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.do(SetClass{Class: archive.Mail})
		for i := range 2 {
			h.do(RequestErasure{run(archive.Mail, archive.Position(i), 1), "Art. 17"})
			h.do(ApproveErasure{ID: i + 1})
		}
		h.vault.fail["remove ledger/4"] = errors.New("pack is damaged")
		h.live(t)
		h.gone(t, run(archive.Mail, 1, 1)...)
	})
}

func TestPacksAreLockedAnewWhenClassesOrHoldsChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.do(SetClass{Class: archive.Mail})
		h.live(t)
		relocks := func() (n int) {
			for _, what := range h.did() {
				if what == "relock" {
					n++
				}
			}
			return n
		}
		pass(5 * time.Hour)
		if relocks() != 1 {
			t.Errorf("%d times at rest", relocks())
		}
		for i, c := range []Command{
			SetClass{Class: archive.Mail, Keep: Period{Years: 1}, Lock: archive.Compliance},
			PlaceHold{Name: "acme", Query: "q", Standing: true, Records: run(archive.Mail, 3, 1), Reason: "r"},
			ExtendHold{"acme", run(archive.Mail, 9, 1)},
			ReleaseHold{"acme", "r"},
		} {
			h.do(c)
			h.keeper.Poke()
			synctest.Wait()
			if relocks() != i+2 {
				t.Errorf("after %T: %d times", c, relocks())
			}
		}
	})
}

// Mail that came to two queues is stored once: its pack stays as long as the
// class that keeps it longer.
func TestPackStaysWhileOthersNeedItsBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.finder.alike[0] = []archive.Address{{Stream: year10, Position: 7}}
		h.finder.alike[10] = []archive.Address{mail(20)} // Which is due itself a day later.
		h.live(t)
		h.gone(t)
		if kept := h.keeper.Status().Kept; len(kept) != 1 || !strings.Contains(kept[0], "mail-legal-10y/7") {
			t.Errorf("kept %q", kept)
		}
		pass(24*time.Hour + time.Second)
		h.gone(t)
		pass(24 * time.Hour)
		h.gone(t, Range{Stream: archive.Mail, First: 10, Records: 20})
	})
}

// Expiry removes exactly what the simulator said before, whatever is held.
func TestExpiryRemovesWhatTheSimulatorSaid(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := newHouse(t)
		h.vault.packs = nil
		now := time.Now()
		for i := range rapid.IntRange(0, 12).Draw(rt, "packs") {
			p := pack(rapid.SampledFrom([]archive.Stream{archive.Mail, year10}).Draw(rt, "stream"), archive.Position(10*i), 10, now.AddDate(0, 0, -rapid.IntRange(0, 180).Draw(rt, "age")))
			p.Stored = rapid.IntRange(0, 4).Draw(rt, "stored") > 0
			h.vault.packs = append(h.vault.packs, p)
		}
		for i := range rapid.IntRange(0, 3).Draw(rt, "holds") {
			h.do(PlaceHold{Name: fmt.Sprint("h", i), Query: "q", Standing: true, Records: anyRanges(rt, "held"), Reason: "r"})
		}
		var said []Range
		h.desk.Read(func(s *State) {
			for _, v := range Due(h.vault.packs, s, now) {
				if v.Due {
					said = append(said, runOf(v.Pack))
				}
			}
		})
		if err := h.keeper.round(t.Context()); err != nil {
			rt.Fatal(err)
		}
		if got, want := setOf(h.vault.removed).ranges(), setOf(said).ranges(); !slices.Equal(got, want) {
			rt.Fatalf("removed %v, said %v", got, want)
		}
	})
}

// A hold that is placed while the Keeper works is not passed: either it comes
// first and nothing goes, or what went was decided before it.
func TestHoldAndExpiryDoNotCross(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.vault.removing = func() {
			h.do(PlaceHold{Name: "late", Query: "q", Records: run(archive.Mail, 0, 30), Reason: "lawsuit"})
			h.vault.removing = nil
		}
		h.live(t)
		h.gone(t, Range{Stream: archive.Mail, First: 0, Records: 10})
		pass(5 * 24 * time.Hour)
		h.gone(t, Range{Stream: archive.Mail, First: 0, Records: 10})
		h.desk.Read(func(s *State) {
			if hold, _ := s.Hold("late"); hold.Records != 20 {
				t.Errorf("%+v", hold)
			}
		})
	})
}
