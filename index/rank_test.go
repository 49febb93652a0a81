package index

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"polytrace/archive"
)

// The order by relevance is that of BM25F, reckoned here from the messages themselves, to the last bit and on every
// page, for words that stand in most messages and for those that stand in few, and for prefixes.
func TestRelevanceIsReckonedExactly(t *testing.T) {
	const messages = 600
	r := rand.New(rand.NewPCG(7, 7))
	words := []string{"pump", "valve", "pumice", "shaft", "gasket", "impeller"}
	a := newMemArchive()
	type text struct{ subject, body []string }
	texts := make([]text, messages)
	draw := func(n int) (out []string) {
		for range n {
			out = append(out, words[min(r.IntN(len(words)), r.IntN(len(words)))])
			if r.IntN(40) == 0 {
				out = append(out, fmt.Sprintf("pumped%d", r.IntN(5)))
			}
		}
		return out
	}
	for i := range texts {
		texts[i] = text{draw(1 + r.IntN(4)), draw(1 + r.IntN(400)*r.IntN(2))}
		if i%9 == 0 {
			texts[i].body = []string{"shaft"}
		}
		a.append(archive.Meta{}, mail(strings.Join(texts[i].body, " "), "Subject: "+strings.Join(texts[i].subject, " "), dated(day(2026, 10, 1+i%20)), fmt.Sprintf("X-Number: %d", i)))
	}
	x := follow(t, a)
	caughtUp(t, x, a)
	count := func(words []string, w string) (n float32) {
		for _, word := range words {
			if word == w || strings.HasSuffix(w, "*") && strings.HasPrefix(word, w[:len(w)-1]) {
				n++
			}
		}
		return n
	}
	for _, query := range []string{"pump", "impeller", "pump valve", "shaft OR gasket", "pum*", "pumped1 OR pumped3", "pumped* valve"} {
		asked := strings.Fields(strings.ReplaceAll(query, " OR ", " "))
		scores, hits := make([]float32, messages), []int{}
		for _, w := range asked {
			found := 0
			for _, m := range texts {
				if count(m.subject, w)+count(m.body, w) > 0 {
					found++
				}
			}
			idf := float32(math.Log(1 + (float64(messages)-float64(found)+0.5)/(float64(found)+0.5)))
			for i, m := range texts {
				if tf := 3*count(m.subject, w) + count(m.body, w); tf > 0 {
					norm := 1 - bm25B + bm25B*float32(len(m.body))/meanLength
					scores[i] += idf * tf * (bm25K1 + 1) / (tf + bm25K1*norm)
				}
			}
		}
		for i, m := range texts {
			has := 0
			for _, w := range asked {
				if count(m.subject, w)+count(m.body, w) > 0 {
					has++
				}
			}
			if has == len(asked) || has > 0 && strings.Contains(query, " OR ") {
				hits = append(hits, i)
			}
		}
		slices.SortFunc(hits, func(a, b int) int {
			return cmp.Or(cmp.Compare(scores[b], scores[a]), cmp.Compare(b%20, a%20), cmp.Compare(b, a))
		})
		ask := Request{Query: query, Sort: Relevance, Limit: 37}
		for len(hits) > 0 {
			page := search(t, x, ask)
			for _, item := range page.Items {
				if at := int(item.Address.Position); len(hits) == 0 || hits[0] != at {
					t.Fatalf("%s: got message %d of score %v; %d left, want first %v of score %v", query, at, scores[at], len(hits), hits[:min(1, len(hits))], scores[hits[0]])
				}
				hits = hits[1:]
			}
			if ask.Cursor = page.Next; ask.Cursor == "" {
				break
			}
		}
		if len(hits) > 0 {
			t.Errorf("%s: %d messages are missing", query, len(hits))
		}
	}
}
