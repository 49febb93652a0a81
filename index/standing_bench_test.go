package index

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/internal/synth"
)

// What standing queries of two words cost for each message, while an index is built in one
// go and while messages come one by one. Half of the words are from the 500 most common, but for the first 100.
func BenchmarkStanding(b *testing.B) {
	const n, one = 10_000, 1000
	mails, _ := corpus(b, n)
	mail := synth.New(1)
	for _, queries := range []int{0, 5000} {
		b.Run(fmt.Sprintf("queries-%d", queries), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(7, 7))
			for b.Loop() {
				a := newMemArchive()
				a.streams[archive.Mail] = slices.Clone(mails.streams[archive.Mail])
				for i := range queries {
					query := mail.Word(100+rng.IntN(400)) + " " + mail.Word(500+rng.IntN(20_000))
					data, err := json.Marshal(casework.SearchSavedData{Owner: "kim", Name: fmt.Sprint("q", i), Query: query, Watch: true})
					if err != nil {
						b.Fatal(err)
					}
					body, err := json.Marshal(casework.Event{Format: casework.EventFormat, Type: casework.SearchSaved, Actor: "kim", Data: data})
					if err != nil {
						b.Fatal(err)
					}
					a.append(archive.Meta{Stream: archive.Ledger, Kind: archive.KindEvent, Received: day(2026, 10, 1)}, string(body))
				}
				// The decisions first, so that making the plan is not counted.
				early := a.with(nil)
				early.streams = map[archive.Stream][]archive.Record{archive.Ledger: a.streams[archive.Ledger]}
				fs, dir := vfs.Default, b.TempDir()
				x, stop := followIn(b, fs, dir, early)
				caughtUp(b, x, early)
				stop()
				used := processorTime(b)
				x, stop = followIn(b, fs, dir, a)
				opened := processorTime(b)
				caughtUp(b, x, a)
				b.ReportMetric(float64((processorTime(b)-opened).Microseconds())/n, "cpu-µs/message")
				b.ReportMetric(float64((opened - used).Milliseconds()), "ms/open")
				used = processorTime(b)
				for i := range one {
					at := a.append(archive.Meta{}, string(mail.Message(n+i)))
					if err := x.WaitFor(context.Background(), at); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64((processorTime(b)-used).Microseconds())/one, "cpu-µs/message-alone")
				found := uint64(0)
				for _, docs := range x.now().watching.found {
					found += docs.GetCardinality()
				}
				b.ReportMetric(float64(found)/(n+one), "matches/message")
				stop()
			}
		})
	}
}
