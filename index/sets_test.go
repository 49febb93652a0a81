package index

import (
	"fmt"
	"sync"
	"testing"

	"polytrace/archive"
)

// Those who ask at once get what each would get alone, whatever sets the questions before them left.
func TestQuestionsDoNotShareSets(t *testing.T) {
	a := newMemArchive()
	for i := range 300 {
		a.append(archive.Meta{Source: archive.Source{Queue: []string{"support", "sales"}[i%2]}}, mail(fmt.Sprintf("pump by%d of%d number%d\n", i%2, i%3, i)))
	}
	x := follow(t, a)
	caughtUp(t, x, a)
	readers := []Reader{x.Within(Within{}), x.Within(Within{Withheld: []string{"sales"}})}
	totals := map[string][2]int{
		"pump": {300, 150}, "": {300, 150}, "by0": {150, 150}, "by1 -of2": {100, 0}, "of0 OR of1": {200, 100}, "-by0": {150, 0}, "\"by0 of2\"": {50, 50},
		"\"pump by1\" -of1 number1*": {36, 0}, "nothing": {0, 0}, "pump NEAR/2 of2": {100, 50}, "-(by0 OR of1)": {100, 0},
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				for query, want := range totals {
					for i, r := range readers {
						if got := search(t, r, Request{Query: query}).Total; got != want[i] {
							t.Errorf("%s: %d hits, want %d", query, got, want[i])
						}
					}
				}
			}
		})
	}
	all.Wait()
}

// A set is lent empty, to one at a time, and no more of them are kept than a question usually needs.
func TestSetsAreLentEmpty(t *testing.T) {
	l := &lender{pool: new(spare)}
	lent := map[*uint64]bool{}
	for range 2 * maxLent {
		s := l.set(100)
		if len(s) != 2 || !s.empty() || lent[&s[0]] {
			t.Fatalf("lent %v, lent before: %v", s, lent[&s[0]])
		}
		lent[&s[0]] = true
		s.add(99)
	}
	if len(l.all) != maxLent {
		t.Errorf("%d are kept", len(l.all))
	}
	l.free = append(l.free, *l.all[0])
	if s := l.set(70); len(s) != 2 || !s.empty() || &s[0] != &(*l.all[0])[0] {
		t.Errorf("what was dropped is not lent again: %v", s)
	}
	l.end()
	if len(l.all)+len(l.free) > 0 {
		t.Error("it lends after the end")
	}
}
