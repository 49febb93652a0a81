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
		{"export: interrupted after 3 MiB; the same command goes on from there: %w", "export: interrupted after 3 MiB; the same command goes on from there: stopped"},
		{"rebuild: %w; what was indexed is kept", "rebuild: stopped; what was indexed is kept"},
	} {
		for _, why := range []error{context.Canceled, signalled("interrupt signal received"), signalled("terminated signal received")} {
			if got := explain(fmt.Errorf(c.err, why)); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		}
	}
	if got := explain(errors.New("no route")); got != "no route" {
		t.Error(got)
	}
}

// signalled is why a context of signal.NotifyContext ended.
type signalled string

func (s signalled) Error() string        { return string(s) }
func (s signalled) Is(target error) bool { return target == context.Canceled }
