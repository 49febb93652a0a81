package casework

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/archive/dirstore"
)

// With a real archive: what is erased or has had its time reads as gone and
// leaves its pack, what is held or young does not, and the bucket proves it.
func TestKeeperOverARealArchive(t *testing.T) {
	dir := t.TempDir()
	store, err := dirstore.Open(filepath.Join(dir, "bucket"))
	if err != nil {
		t.Fatal(err)
	}
	var desk *Desk
	held := func(at archive.Address) (yes bool) {
		desk.Read(func(s *State) { yes = s.Held(at) })
		return yes
	}
	a, err := archive.Open(t.Context(), filepath.Join(dir, "archive"), archive.Config{Store: store, Reserve: 1, Held: held})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	now := start
	if desk, err = OpenDesk(t.Context(), a, func() time.Time { return now }); err != nil {
		t.Fatal(err)
	}
	add := func(n int, received time.Time) {
		for i := range n {
			m := archive.Meta{Kind: archive.KindMessage, Received: received}
			if _, err := a.Append(t.Context(), archive.Mail, m, bytes.NewReader(fmt.Appendf(nil, "Subject: %d %s\r\n\r\nx\r\n", i, received))); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	do := func(c Command) {
		t.Helper()
		if _, err := desk.Do(t.Context(), System, c); err != nil {
			t.Fatal(err)
		}
	}
	add(4, start)
	add(4, start.AddDate(0, 0, 1))
	add(4, start.AddDate(0, 0, 60))
	do(SetClass{Class: archive.Mail, Keep: Period{Days: 30}})
	do(PlaceHold{Name: "acme", Query: "q", Records: run(archive.Mail, 6, 1), Reason: "lawsuit"})
	do(RequestErasure{run(archive.Mail, 9, 1), "Art. 17"})
	do(ApproveErasure{ID: 1})
	now = start.AddDate(0, 0, 61)

	k := NewKeeper(KeeperConfig{Desk: desk, Vault: a, Finder: &finder{}})
	if err := k.round(t.Context()); err != nil {
		t.Fatal(err)
	}
	for p := range archive.Position(12) {
		_, err := a.Read(t.Context(), mail(p))
		if want := p < 4 || p == 9; errors.Is(err, archive.ErrGone) != want || !want && err != nil {
			t.Errorf("mail/%d: %v", p, err)
		}
	}
	proven(t, a, store)

	// Another keeper, as after a start, finds nothing new to do.
	next := a.Next(archive.Ledger)
	if err := NewKeeper(KeeperConfig{Desk: desk, Vault: a, Finder: &finder{}}).round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a.Next(archive.Ledger) != next {
		t.Error("a second round decides something")
	}
	do(ReleaseHold{"acme", "settled"})
	if err := k.round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Read(t.Context(), mail(6)); !errors.Is(err, archive.ErrGone) {
		t.Errorf("mail/6 after the hold: %v", err)
	}
}

// proven waits until the bucket proves that nothing is missing without a decision.
func proven(t *testing.T, a *archive.Archive, store archive.Store) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	done := make(chan error)
	go func() { done <- a.Run(ctx) }()
	for {
		result, err := archive.VerifyBucket(ctx, store, archive.Inspection{}, nil)
		if err != nil {
			t.Fatalf("%v; %+v", err, result.Problems)
		}
		if len(result.Problems) == 0 {
			break
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
