package index

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"polytrace/archive"
)

// A phrase of frequent words, which the places need not be asked for, is found where it stands and nowhere else.
func TestPhraseOfFrequentWords(t *testing.T) {
	words := []string{"the", "of", "Für", "use", "after", "disk"}
	r := rand.New(rand.NewPCG(1, 2))
	text := func(n int) string {
		all := make([]string, n)
		for i := range all {
			all[i] = words[r.IntN(len(words))]
		}
		return strings.Join(all, " ")
	}
	a := newMemArchive()
	var bodies []string
	for range 200 {
		body := text(1 + r.IntN(12))
		bodies = append(bodies, " "+strings.ToLower(body)+" ")
		a.append(archive.Meta{}, mail(strings.Replace(body, " ", ",\n", 1), fmt.Sprintf("Subject: %d", len(bodies))))
	}
	x := follow(t, a)
	caughtUp(t, x, a)
	for range 200 {
		phrase, want := text(2+r.IntN(3)), 0
		for _, b := range bodies {
			if strings.Contains(b, " "+strings.ToLower(phrase)+" ") {
				want++
			}
		}
		if got := search(t, x, Request{Query: fmt.Sprintf("body:%q", phrase)}).Total; got != want {
			t.Errorf("%q is found %d times, want %d", phrase, got, want)
		}
	}
}
