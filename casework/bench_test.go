package casework

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"testing"

	"polytrace/archive"
)

// million is a ledger of a million events: 20,000 cases with citations,
// notes, changes of owner and status.
func million(b *testing.B) []archive.Record {
	b.Helper()
	const events, perCase = 1_000_000, 50
	var records []archive.Record
	add := func(t EventType, number int, data any) {
		body, err := json.Marshal(mustEvent(b, t, number, data))
		if err != nil {
			b.Fatal(err)
		}
		m := archive.Meta{Kind: archive.KindEvent, Stream: archive.Ledger, Position: archive.Position(len(records))}
		records = append(records, archive.Record{Meta: m, Body: body})
	}
	add(UserAdded, 0, UserAddedData{Name: "kim", FullName: "Kim Osei", Roles: []Role{Specialist}})
	add(UserAdded, 0, UserAddedData{Name: "marta", FullName: "Marta Lindqvist", Roles: []Role{Manager}})
	for number := FirstCase; len(records) < events; number++ {
		add(CaseOpened, number, CaseOpenedData{Title: fmt.Sprint("Gateways offline, incident ", number), Account: "acme.example", Severity: 2, Owner: "kim"})
		status, owner := WaitingUs, "marta"
		for i := 1; i < perCase && len(records) < events; i++ {
			switch i % 5 {
			case 0:
				add(CaseChanged, number, CaseChangedData{Status: &status})
			case 1, 2:
				add(CitationAdded, number, CitationData{
					ID: i/5*2 + i%5, Record: archive.Address{Stream: archive.Mail, Position: archive.Position(len(records))}, SHA256: archive.Digest{1},
					Author: "Jane Doe", Quote: "we will tell you the root cause by Friday", End: 41,
				})
			case 3:
				add(NoteAdded, number, NoteAddedData{ID: i/5 + 1, Text: "They were promised Friday; ask engineering.", Cites: []int{1}})
			case 4:
				add(CaseOwned, number, CaseOwnedData{Owner: owner})
			}
		}
	}
	return records
}

func mustEvent(b *testing.B, t EventType, number int, data any) Event {
	events, err := newEvent(t, number, "", data)
	if err != nil {
		b.Fatal(err)
	}
	events[0].Actor, events[0].At = "kim", start
	return events[0]
}

// BenchmarkFoldMillion is what a start of the appliance waits for.
func BenchmarkFoldMillion(b *testing.B) {
	records := million(b)
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		s := new(State)
		for _, r := range records {
			s.ApplyRecord(r)
		}
		b.StopTimer()
		runtime.GC()
		runtime.ReadMemStats(&after)
		if len(s.Unknown()) > 0 {
			b.Fatal(s.Unknown()[0])
		}
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB-state")
		b.ReportMetric(float64(len(records)), "events/op")
		runtime.KeepAlive(s)
		b.StartTimer()
	}
}

func BenchmarkDo(b *testing.B) {
	o := withCase(b)
	for b.Loop() {
		if _, err := o.desk.Do(context.Background(), "kim", AddNote{101, "They called again.", []int{1}}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOverview is the list of 20,000 cases.
func BenchmarkOverview(b *testing.B) {
	s := new(State)
	for _, r := range million(b) {
		s.ApplyRecord(r)
	}
	b.Run("overview", func(b *testing.B) {
		for b.Loop() {
			s.Overview()
		}
	})
	b.Run("cases", func(b *testing.B) {
		for b.Loop() {
			s.Cases()
		}
	})
}

func BenchmarkCheckPassword(b *testing.B) {
	for b.Loop() {
		CheckPassword(testHash, "correct horse battery")
	}
}
