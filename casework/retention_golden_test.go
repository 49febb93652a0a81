package casework

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"polytrace/archive"
)

// goldenRetention holds the first ledger with decisions about what is kept,
// and what it folded to. These files never change.
const goldenRetention = "testdata/golden-retention"

func shownRetention(s *State) map[string]any {
	var held []string
	for at := range Records([]Range{{Stream: archive.Mail, Records: 20}}) {
		if s.Held(at) {
			held = append(held, at.String())
		}
	}
	return map[string]any{"classes": s.Classes(), "holds": s.Holds(), "held": held, "erasures": s.Erasures(), "second_person": s.SecondPerson(), "orders": s.Orders(), "unknown": s.Unknown()}
}

// checkGolden compares what a golden ledger folds to, and that it has all the
// types of event.
func checkGolden(t *testing.T, dir string, shown func(*State) map[string]any, types ...EventType) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	s, seen := new(State), map[EventType]bool{}
	for i, line := range bytes.Split(bytes.TrimSpace(data), []byte("\n")) {
		s.ApplyRecord(archive.Record{Meta: archive.Meta{Kind: archive.KindEvent, Stream: archive.Ledger, Position: archive.Position(i)}, Body: line})
		e, err := DecodeEvent(line)
		if err != nil {
			t.Error(err)
		}
		seen[e.Type] = true
	}
	for _, want := range types {
		if !seen[want] {
			t.Errorf("no %s event", want)
		}
	}
	got, err := json.MarshalIndent(shown(s), "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)+"\n"); d != "" {
		t.Errorf("the golden ledger folds to something else (-want +got):\n%s", d)
	}
}

// checkWritten compares what a script writes with a golden ledger.
func checkWritten(t *testing.T, dir string, script func(*office)) {
	t.Helper()
	o := newOffice(t)
	script(o)
	want, err := os.ReadFile(filepath.Join(dir, "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), o.lines()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestFirstRetentionDecisionsStayReadable(t *testing.T) {
	checkGolden(t, goldenRetention, shownRetention, ClassSet, HoldPlaced, HoldExtended, HoldReleased, ErasureRequested, ErasureOrdered, ErasureRefused, ErasurePolicy, RetentionExpired)
}

func TestRetentionDecisionsAreWrittenAsAtFirst(t *testing.T) {
	checkWritten(t, goldenRetention, goldenRetentionScript)
}

// lines is the ledger, one event a line.
func (o *office) lines() string {
	var out bytes.Buffer
	for _, r := range o.ledger.records {
		out.Write(append(r.Body, '\n'))
	}
	return out.String()
}

// goldenRetentionScript makes every type of event with every member set at least once.
func goldenRetentionScript(o *office) {
	step := func(actor string, c Command) { o.t.Helper(); o.as(actor, c); o.clock = o.clock.Add(time.Hour) }
	step(System, AddUser{Name: "marta", FullName: "Marta Lindqvist", Roles: []Role{Compliance}})
	step(System, AddUser{Name: "lee", FullName: "Lee Park", Roles: []Role{Compliance}})
	step("marta", SetClass{Class: archive.Mail, Keep: Period{Days: 90}})
	step("marta", SetClass{Class: "pages", Keep: Period{Years: 1, Months: 6}, Lock: archive.Governance, Streams: []archive.Stream{"pages"}})
	step("marta", SetClass{Class: "pages", Streams: []archive.Stream{"pages"}})
	step("marta", PlaceHold{Name: "acme-2026", Query: "from:acme.example", Standing: true, Records: []Range{{Stream: archive.Mail, First: 3, Records: 2}, {Stream: "pages", First: 0, Records: 1}}, Reason: "Acme v. Northwind"})
	step("marta", PlaceHold{Name: "tax", Query: "invoice", Records: run(archive.Mail, 10, 1), Reason: "audit 2026"})
	step(System, ExtendHold{"acme-2026", run(archive.Mail, 4, 3)})
	step("marta", ReleaseHold{"tax", "audit closed"})
	step("marta", SetErasurePolicy{true, "DPO asked"})
	step("marta", RequestErasure{append(run(archive.Mail, 12, 1), run(archive.Mail, 1, 1)...), "Art. 17 request 8812"})
	step("marta", RequestErasure{run(archive.Mail, 2, 1), "mistaken"})
	step("lee", ApproveErasure{ID: 1, Also: run(archive.Mail, 14, 1)})
	step("lee", RefuseErasure{2, "no such request is known"})
	o.clock = o.clock.AddDate(0, 0, 100)
	step(System, Expire{archive.Mail, []archive.PackInfo{pack(archive.Mail, 8, 4, start), pack(archive.Mail, 12, 4, start.Add(time.Minute))}})
}
