package index

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"polytrace/archive"
	"polytrace/casework"
)

// killVariable tells a child of TestKillAtRandomDuringFollowMergeAndSwap where its index is.
const killVariable = "INDEX_TO_BE_KILLED"

// longHistory is the same archive in each process: mail, sightings and removals.
func longHistory(t tester) *memArchive {
	a := newMemArchive()
	rng := rand.New(rand.NewPCG(5, 5))
	for i := range 400 {
		at := a.append(archive.Meta{}, mail(fmt.Sprintf("disk %x full array %d\n", rng.Uint64(), i%7), "From: jane@contoso.example", fmt.Sprintf("Message-ID: <%d@contoso.example>", i)))
		if i%5 == 0 {
			a.again(at, archive.Meta{Stream: "backup", Source: archive.Source{Queue: "sales"}})
		}
		if i%90 == 89 {
			a.removes(t, casework.ErasureOrdered, "", archive.Removal{Stream: archive.Mail, First: at.Position - 3, Records: 2})
		}
	}
	return a
}

// untilKilled follows, merges and rebuilds until the process is killed.
func untilKilled(t *testing.T, dir string) {
	a := longHistory(t)
	x, err := openOn(vfs.Default, a, Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	go x.Run(context.Background())
	for {
		caughtUp(t, x, a)
		if err := x.Rebuild(context.Background(), silently); err != nil {
			t.Fatal(err)
		}
		if err := x.rewrite(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}

// A process that is killed at random while it follows, merges files and changes databases
// leaves an index that goes on to the answers of one that is built anew.
func TestKillAtRandomDuringFollowMergeAndSwap(t *testing.T) {
	if dir := os.Getenv(killVariable); dir != "" {
		untilKilled(t, dir)
	}
	dir, seed := t.TempDir()+"/index", rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	a := longHistory(t)
	want := rebuilt(t, a)
	for round := range 8 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(50+rng.IntN(800))*time.Millisecond) // When it is killed is the point.
		c := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestKillAtRandomDuringFollowMergeAndSwap$")
		c.Env = append(os.Environ(), killVariable+"="+dir)
		err := c.Run()
		cancel()
		var killed *exec.ExitError
		if !errors.As(err, &killed) || killed.ExitCode() != -1 {
			t.Fatalf("it was not killed: %v", err)
		}
		if round%2 == 0 {
			continue // Killed again before anything was checked.
		}
		x, stop := followIn(t, vfs.Default, dir, a)
		settled(t, x, a)
		noTraces(t, x)
		if diff := cmp.Diff(want, saysAll(t, x, a)); diff != "" {
			t.Errorf("after round %d (-want +got):\n%s", round, diff)
		}
		stop()
	}
}
