package webui

import (
	"context"
	"errors"
	"testing"
	"time"

	"polytrace/index"
)

// While mail cannot be found yet, as after a start without an index, nothing is looked at: the risk of a case would fall
// because its messages seem to be gone, and that would be noted for good.
func TestNothingIsNotedBeforeAllIsFound(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.complaint("jane", 0, "Nobody answers. This is unacceptable.")
	x, err := index.Open(f.archive, index.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	f.web.config.Index = x
	if err := f.web.allFound(t.Context(), 10*time.Millisecond); !errors.Is(err, errUnfound) {
		t.Fatalf("what is not indexed is found: %v", err)
	}
	before := f.archive.Next("ledger")
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	rounds := 0
	if err := f.web.keepLooking(ctx, time.Millisecond, "it is looked", func(context.Context) error { rounds++; return nil }); err != nil || rounds > 0 || f.archive.Next("ledger") != before {
		t.Errorf("%d rounds, %v", rounds, err)
	}
	running, end := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- x.Run(running) }()
	if err := f.web.allFound(t.Context(), time.Minute); err != nil {
		t.Error(err)
	}
	end()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
