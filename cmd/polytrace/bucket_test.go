package main

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

// Whoever stops a verb is told how to go on, and nothing of contexts.
func TestStoppedVerbSaysHowToGoOn(t *testing.T) {
	for _, c := range []struct{ err, want string }{
		{"%w", "stopped"},
		{"export: interrupted after 3 MiB; the same command goes on from there: %w", "export: interrupted after 3 MiB; the same command goes on from there"},
		{"rebuild: %w; what was indexed is kept", "rebuild: stopped; what was indexed is kept"},
	} {
		if got := explain(fmt.Errorf(c.err, context.Canceled)); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	if got := explain(errors.New("no route")); got != "no route" {
		t.Error(got)
	}
}
