package casework

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"polytrace/archive"
)

// goldenAudit holds the first audit log, one event a line, and its words. These
// files never change.
const goldenAudit = "testdata/golden-audit"

func (l *memLedger) Next(archive.Stream) archive.Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	return archive.Position(len(l.records))
}

func at(p archive.Position) archive.Address {
	return archive.Address{Stream: archive.Mail, Position: p}
}

// notes writes every type of event with every member set at least once.
func notes(t *testing.T, l AuditArchive) {
	clock := start
	a := NewAudit(l, func() time.Time { return clock })
	for _, n := range []struct {
		actor  string
		typ    EventType
		number int
		data   AuditData
	}{
		{"kim", SearchRun, 0, AuditData{Query: `from:acme.example "root cause"`, Total: 42, Sort: "oldest", Cursor: "b2xkZXN0"}},
		{"kim", SearchRun, 0, AuditData{}},
		{"kim", MessageRead, 0, AuditData{Records: []archive.Address{at(17)}, How: "part 3"}},
		{"marta", MessageRead, 0, AuditData{Records: []archive.Address{at(17), at(18), {Stream: "mail-legal-10y", Position: 3}}, How: "thread"}},
		{"marta", CaseRead, 104, AuditData{}},
		{"token:ci", ExportMade, 0, AuditData{Query: "invoice", Total: 3, Format: "zip"}},
		{"token:ci", ExportMade, 0, AuditData{Query: "invoice", Total: 2, Format: "zip", Bytes: 9120, SHA256: archive.Digest{7}, Finished: true}},
		{"lee", AuditRead, 0, AuditData{Filter: AuditFilter{Actor: "kim", Record: at(17), Type: MessageRead, From: start, Until: start.AddDate(0, 0, 1)}, Cursor: "audit/500"}},
		{System, AuditRead, 0, AuditData{}},
	} {
		if err := a.Note(t.Context(), n.actor, n.typ, n.number, n.data); err != nil {
			t.Fatal(err)
		}
		clock = clock.Add(time.Minute)
	}
}

func TestReadsAreWrittenAsAtFirst(t *testing.T) {
	l := &memLedger{}
	notes(t, l)
	var got bytes.Buffer
	seen := map[EventType]bool{}
	for _, r := range l.records {
		if r.Meta.Stream != archive.Audit || r.Meta.Kind != archive.KindEvent {
			t.Errorf("noted as %+v", r.Meta)
		}
		e, err := DecodeEvent(r.Body)
		if err != nil {
			t.Error(err)
		}
		seen[e.Type] = true
		got.Write(append(r.Body, '\n'))
	}
	for _, want := range AuditTypes() {
		if !seen[want] {
			t.Errorf("no %s event", want)
		}
	}
	matches(t, "events.jsonl", got.String())
}

func TestFirstReadsStayReadable(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(goldenAudit, "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	l := &memLedger{}
	for line := range bytes.Lines(data) {
		if _, err := l.Append(t.Context(), archive.Audit, archive.Meta{Kind: archive.KindEvent}, bytes.NewReader(bytes.TrimSpace(line))); err != nil {
			t.Fatal(err)
		}
	}
	p, err := NewAudit(l, time.Now).Page(t.Context(), AuditFilter{}, 0, 100)
	if err != nil || p.Next != 0 {
		t.Fatal(p, err)
	}
	var got bytes.Buffer
	for _, e := range p.Entries {
		fmt.Fprintln(&got, e.Address, e.At.Format(time.RFC3339), e.Actor, e.Text(), e.Data.Records, e.Data.Query)
	}
	matches(t, "words.txt", got.String())
}

func matches(t *testing.T, name, got string) {
	t.Helper()
	want, err := os.ReadFile(filepath.Join(goldenAudit, name))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", name, d)
	}
}

// Page by page, each filter finds what a look at every entry finds, newest
// first and once, also when entries come in between and clocks differ a little.
func TestPagesOfTheAuditLogLeaveNothingOut(t *testing.T) {
	l := &memLedger{}
	clock := start
	a := NewAudit(l, func() time.Time { return clock })
	actors := []string{"kim", "marta", "lee"}
	note := func(i int) {
		clock = start.Add(time.Duration(i)*time.Minute - time.Duration(i%7)*5*time.Minute)
		if err := a.Note(t.Context(), actors[i%3], AuditTypes()[i%5], 0, AuditData{Records: []archive.Address{at(archive.Position(i % 11)), at(archive.Position(i % 13))}}); err != nil {
			t.Fatal(err)
		}
	}
	const entries = 2*auditWindow + 17
	for i := range entries {
		note(i)
	}
	all := slices.Collect(a.all(t, AuditFilter{}, 64))
	if len(all) != entries {
		t.Fatalf("%d entries of %d", len(all), entries)
	}
	for _, f := range []AuditFilter{
		{Actor: "kim"}, {Record: at(12)}, {Type: CaseRead}, {Actor: "nobody"}, {Actor: "lee", Record: at(3), Type: MessageRead},
		{From: start.Add(900 * time.Minute)}, {From: start.Add(300 * time.Minute)}, {Until: start.Add(300 * time.Minute)}, {From: start.Add(700 * time.Minute), Until: start.Add(701 * time.Minute)},
	} {
		var want []AuditEntry
		for _, e := range all {
			if f.passes(e) {
				want = append(want, e)
			}
		}
		for _, limit := range []int{23, 50, 5000} {
			var got []AuditEntry
			for e := range a.all(t, f, limit) {
				if got = append(got, e); len(got)%100 == 0 {
					note(len(l.records))
				}
			}
			got = slices.DeleteFunc(got, func(e AuditEntry) bool { return e.Address.Position >= entries })
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%v by %d (-want +got):\n%s", f, limit, d)
			}
		}
	}
}

// all yields the entries page by page.
func (a *Audit) all(t *testing.T, f AuditFilter, limit int) iter.Seq[AuditEntry] {
	return func(yield func(AuditEntry) bool) {
		for before := archive.Position(0); ; {
			p, err := a.Page(t.Context(), f, before, limit)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range p.Entries {
				if !yield(e) {
					return
				}
			}
			if before = p.Next; before == 0 {
				return
			}
		}
	}
}

// longLog is a log with an entry of kim's every minute.
type longLog struct {
	*memLedger
	length archive.Position
	read   int
}

func (l *longLog) Next(archive.Stream) archive.Position { return l.length }

func (l *longLog) Scan(_ context.Context, s archive.Stream, from archive.Position) iter.Seq2[archive.Record, error] {
	return func(yield func(archive.Record, error) bool) {
		for p := from; p < l.length; p++ {
			l.read++
			body := fmt.Appendf(nil, `{"polytrace":1,"type":"search.run","actor":"kim","at":%q}`, start.Add(time.Duration(p)*time.Minute).Format(time.RFC3339))
			if !yield(archive.Record{Meta: archive.Meta{Stream: s, Position: p}, Body: body}, nil) {
				return
			}
		}
	}
}

// A page looks at a part of a long log and says how far it came; with a first
// day it looks no further back than that.
func TestPagesOfTheAuditLogAreBounded(t *testing.T) {
	l := &longLog{length: auditReach + auditWindow}
	a := NewAudit(l, time.Now)
	page := func(f AuditFilter, before archive.Position) AuditPage {
		p, err := a.Page(t.Context(), f, before, 10)
		if err != nil || len(p.Entries) > 0 {
			t.Fatal(p, err)
		}
		return p
	}
	lee := AuditFilter{Actor: "lee"}
	if p := page(lee, 0); p.Next != auditWindow || !p.Back.Equal(start.Add(auditWindow*time.Minute)) {
		t.Errorf("at first %+v", p)
	}
	if p := page(lee, auditWindow); p.Next != 0 || !p.Back.Equal(start) {
		t.Errorf("then %+v", p)
	}
	l.read, lee.From = 0, start.Add(time.Duration(l.length-60)*time.Minute)
	if p := page(lee, 0); p.Next != 0 || l.read > 3*auditWindow {
		t.Errorf("of the last hour %+v, with %d records read", p, l.read)
	}
}

// What cannot be read is in every answer, with the reason.
func TestUnreadableEntriesAreShown(t *testing.T) {
	l := &memLedger{}
	notes(t, l)
	l.records[3].Body = []byte("{")
	l.records[4].Body = []byte(`{"polytrace":99,"type":"message.read"}`)
	p, err := NewAudit(l, time.Now).Page(t.Context(), AuditFilter{Actor: "nobody"}, 0, 10)
	if err != nil || len(p.Entries) != 2 || p.Entries[0].Address.Position != 4 || p.Entries[0].Problem == "" || p.Entries[1].Problem == "" {
		t.Errorf("%+v %v", p, err)
	}
}
