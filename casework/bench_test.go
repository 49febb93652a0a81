package casework

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"testing"

	"polytrace/archive"
)

// million is a ledger of a million events: 20,000 cases with what people and the appliance
// decide about each, two citations for ten others.
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
		var cites, notes, facts, decisions, promises int
		due := When{start, start.AddDate(0, 0, 1), "day", "by Friday"}
		source := []Source{{Case: number, Citation: 1, At: start}}
		for i := 1; i < perCase && len(records) < events; i++ {
			switch i % 12 {
			case 0:
				add(CaseChanged, number, CaseChangedData{Status: new(Statuses()[1+i/12%3])})
			case 1, 2:
				cites++
				add(CitationAdded, number, CitationData{
					ID: cites, Record: archive.Address{Stream: archive.Mail, Position: archive.Position(len(records))}, SHA256: archive.Digest{1},
					Author: "Jane Doe", Quote: "we will tell you the root cause by Friday", End: 41,
				})
			case 3:
				notes++
				add(NoteAdded, number, NoteAddedData{ID: notes, Text: "They were promised Friday; ask engineering.", Cites: []int{1}})
			case 4:
				add(CaseOwned, number, CaseOwnedData{Owner: []string{"marta", "kim"}[i/12%2]})
			case 5:
				facts++
				add(FactStated, number, FactStatedData{ID: facts, Text: "All gateways of the plant restart at night.", Cites: []int{1}, Accepted: true})
			case 6:
				promises++
				add(CommitmentMade, number, CommitmentMadeData{ID: promises, Direction: Ours, Debtor: Party{User: "kim"}, Creditor: Party{Name: "Acme"}, What: "the root cause of the restarts", Due: &due, Cites: []int{1}})
			case 7:
				add(CommitmentMoved, number, CommitmentMovedData{ID: promises, What: "the root cause of the restarts", Due: &due, Asked: Ours, Cites: []int{2}})
			case 8:
				add(CommitmentEnded, number, CommitmentEndedData{ID: promises, How: Met, When: start, Cites: []int{2}})
			case 9:
				decisions++
				add(DecisionMade, number, DecisionMadeData{ID: decisions, Text: "Replace the power supplies", Why: "Nothing else stops the restarts.", Cites: []int{1}})
			case 10:
				add(CaseLinked, number, CaseLinkedData{Named{archive.Address{Stream: archive.Mail, Position: archive.Position(len(records))}, archive.Digest{2}}})
			case 11:
				add(RiskChanged, number, RiskChangedData{From: RiskLow, To: RiskLevels()[1+i/12%3], Points: 4, When: start, Rule: "risk", Because: []RiskBecause{{RiskWords, 2, "The customer writes of escalation", source, archive.Digest{3}}, {RiskMissed, 3, "A promise is past its time", source, archive.Digest{4}}}})
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
