package index

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"polytrace/archive"
)

// Patterns find the same people in memory as in the rows: those who were there when the list was read, those who wrote
// since, those who wrote after it grew too long, and all of them after a restart.
func TestPatternsFindWhoCameSince(t *testing.T) {
	a, fs := newMemArchive(), vfs.NewMem()
	x, stop := followIn(t, fs, "index", a)
	add := func(from string) {
		a.append(archive.Meta{}, mail("pump\n", "From: "+from, fmt.Sprintf("X-Number: %d", a.Next(archive.Mail))))
		caughtUp(t, x, a)
	}
	patterns := []string{"*contoso*", "@*contoso*", "*ane@*", "j*e", "*doe*", "*fabrikam.example", "*@*"}
	check := func(when string) {
		t.Helper()
		err := x.look(t.Context(), func(f *finder) error {
			for _, pattern := range patterns {
				for _, prefix := range []string{"", "@"} {
					if g := newGlob(pattern); prefix == "" || pattern[0] == '@' {
						var kept, rows []string
						note := func(to *[]string) func([]byte) error {
							return func(term []byte) error { *to = append(*to, string(term)); return nil }
						}
						if err := f.listed([]byte(prefix), g, note(&kept)); err != nil {
							return err
						}
						if err := f.listedRows([]byte(prefix), g, note(&rows)); err != nil {
							return err
						}
						slices.Sort(kept)
						if kept = slices.Compact(kept); !slices.Equal(kept, rows) {
							t.Errorf("%s: %s: got %q, want %q", when, pattern, kept, rows)
						}
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	add("Jane Doe <jane@contoso.example>")
	check("at first")
	add("bob@fabrikam.example")
	add("Jane Doe <jane@mail.contoso.example>")
	finds(t, x, map[string]string{"from:*contoso*": "2 0", "from:*ob@*": "1", "from:j*e@*": "2 0"})
	check("after more came")

	x.mu.Lock()
	base := x.state.people.base
	x.mu.Unlock()
	if !base.read || !bytes.Contains(base.terms, []byte("jane@contoso.example")) || bytes.Contains(base.terms, []byte("bob@")) {
		t.Errorf("the list was read again, or not at all: %q", base.terms)
	}
	var many []string
	for i := range maxPeopleTail / 100 {
		many = append(many, fmt.Sprintf("%s%d@tailspin.example", strings.Repeat("long", 20), i))
		if len(many) == 1_000 {
			add("bob@fabrikam.example\r\nTo: " + strings.Join(many, ", "))
			many = nil
		}
	}
	x.mu.Lock()
	if x.state.people.base == base {
		t.Error("the list of those who came since grows without end")
	}
	x.mu.Unlock()
	finds(t, x, map[string]string{"from:*contoso*": "2 0"})
	add("Jane Doe <jane@disk.contoso.example>")
	check("after very many came")
	stop()
	x, stop = followIn(t, fs, "index", a)
	defer stop()
	check("after a restart")
}
