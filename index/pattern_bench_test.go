package index

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"polytrace/internal/synth"
)

// How long patterns take among 200,000 addresses that wrote a million messages.
func BenchmarkPattern(b *testing.B) {
	const messages, people = 1_000_000, 200_000
	r := rand.New(rand.NewPCG(1, 1))
	zipf := rand.NewZipf(r, 1.1, 20, people-1)
	w := newTermWriter()
	words := synth.New(1)
	who := make([]docTerms, people)
	for i := range who {
		w.person(words.Word(r.IntN(8000))+" "+words.Word(r.IntN(40_000)),
			fmt.Sprintf("%s.%s%d@%s%s.example", words.Word(r.IntN(8000)), words.Word(r.IntN(40_000)), i%97, []string{"", "", "mail.", "mx."}[i%4], words.Word(r.IntN(20_000))), fieldParticipant)
		if i%500 == 0 {
			w.person("", fmt.Sprintf("%s.%d@mail%d.contoso.example", words.Word(i%3000), i, i%7), fieldParticipant)
		}
		who[i] = w.finish()
	}
	x := &Index{fs: vfs.Default, database: &database{dir: b.TempDir()}}
	x.log = slog.New(slog.DiscardHandler)
	x.cache = pebble.NewCache(cacheSize)
	defer x.cache.Unref()
	if _, err := x.openDB(); err != nil {
		b.Fatal(err)
	}
	defer x.db.Close()
	var terms termTable
	for at := 0; at < messages; at += 20_000 {
		t := newTx(x.db, nil, &terms)
		for doc := at; doc < at+20_000; doc++ {
			for range 3 {
				t.termTable.add(docID(doc), &who[zipf.Uint64()])
			}
		}
		t.flush(t.batch)
		if err := t.batch.Commit(pebble.NoSync); err != nil {
			b.Fatal(err)
		}
	}
	if err := x.db.Compact(context.Background(), []byte{0}, []byte{0xff}, true); err != nil {
		b.Fatal(err)
	}
	f := &finder{ctx: context.Background(), snap: x.db, v: &view{n: messages, hidden: roaring.New()}}
	for _, g := range []string{"*contoso*", "*holt*", "@*contoso*", "*.12@*", "jan*o.example", "*e*", "*zzzzz*"} {
		b.Run(g, func(b *testing.B) {
			n := 0
			for b.Loop() {
				s, err := f.eval(&Pattern{fieldParticipant, g}, nil)
				if err != nil {
					b.Fatal(err)
				}
				n = s.count()
			}
			b.ReportMetric(float64(n), "hits")
		})
	}
}
