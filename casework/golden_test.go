package casework

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"polytrace/archive"
)

// golden holds a ledger of the first format, one event a line, and what it
// folded to. These files never change: a ledger that was written once is read
// for ever.
const golden = "testdata/golden-v1"

func goldenLines(t testing.TB) [][]byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(golden, "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Split(bytes.TrimSpace(data), []byte("\n"))
}

func goldenRecords(t testing.TB) []archive.Record {
	var records []archive.Record
	for i, line := range goldenLines(t) {
		m := archive.Meta{Kind: archive.KindEvent, Stream: archive.Ledger, Position: archive.Position(i)}
		records = append(records, archive.Record{Meta: m, Body: line})
	}
	return records
}

func goldenState(t testing.TB) *State {
	s := new(State)
	for _, r := range goldenRecords(t) {
		s.ApplyRecord(r)
	}
	return s
}

// shown is everything the state says.
func shown(s *State) map[string]any {
	passwords, epochs := map[string]string{}, map[string]archive.Position{}
	for _, u := range s.Users() {
		passwords[u.Name], epochs[u.Name] = u.Password, u.Epoch
	}
	return map[string]any{
		"users": s.Users(), "passwords": passwords, "epochs": epochs, "tokens": s.Tokens(), "queues": s.Queues(),
		"removed_queues": s.RemovedQueues(), "cases": s.Cases(), "shares": s.Shares(), "unknown": s.Unknown(),
	}
}

func TestFirstFormatStaysReadable(t *testing.T) {
	got, err := json.MarshalIndent(shown(goldenState(t)), "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(golden, "state.json"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)+"\n"); d != "" {
		t.Errorf("the golden ledger folds to something else (-want +got):\n%s", d)
	}
}

func TestGoldenLedgerHasEveryTypeOfEvent(t *testing.T) {
	seen := make(map[EventType]bool)
	for _, line := range goldenLines(t) {
		e, err := DecodeEvent(line)
		if err != nil {
			t.Error(err)
		}
		seen[e.Type] = true
	}
	for _, want := range []EventType{
		UserAdded, UserChanged, PasswordSet, UserDisabled, UserEnabled, TokenCreated, TokenRevoked, QueueAdded, QueueRemoved,
		CaseOpened, CaseChanged, CaseOwned, NoteAdded, CitationAdded, CitationRemoved, ShareCreated, ShareRevoked, ShareOpened,
	} {
		if !seen[want] {
			t.Errorf("no %s event", want)
		}
	}
}

// The same decisions write the same bytes as the first version did: whoever
// reads the ledger with a tool of their own can rely on it.
func TestEventsAreWrittenAsInTheFirstFormat(t *testing.T) {
	o := newOffice(t)
	goldenScript(o)
	lines := goldenLines(t)
	if len(lines) != len(o.ledger.records) {
		t.Fatalf("%d events, want %d", len(o.ledger.records), len(lines))
	}
	for i, r := range o.ledger.records {
		if d := cmp.Diff(string(lines[i]), string(r.Body)); d != "" {
			t.Errorf("event %d (-want +got):\n%s", i, d)
		}
	}
}

// goldenScript makes every type of event with every member set at least once.
func goldenScript(o *office) {
	step := func(actor string, c Command) { o.t.Helper(); o.as(actor, c); o.clock = o.clock.Add(90 * time.Second) }
	quote := cited("Die Ursache bis Freitag", 120)
	quote.Part, quote.Prefix, quote.Suffix, quote.Comment = 2, "Wir nennen ", ".\n", "The promise <first>"
	step(System, AddUser{Name: "root", FullName: "Rowan Admin", Roles: []Role{Admin}, Password: testHash})
	step("root", AddUser{Name: "kim", FullName: "Kim Osei", Roles: []Role{Specialist}})
	step("root", AddUser{Name: "marta", FullName: "Marta Lindqvist", Roles: []Role{Manager, Compliance}, Password: testHash})
	step("kim", SetPassword{"kim", testHash})
	step("root", CreateToken{"ci", Observer, SecretHash("one")})
	step("root", CreateToken{"old", Agent, SecretHash("two")})
	step("root", RevokeToken{"old"})
	step("root", AddQueue{Name: "support", Local: "support-7f3k2", Format: "exchange", Class: "mail-legal-10y", Sources: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}})
	step("root", AddQueue{Name: "postfix", Local: "postfix-aaaaa"})
	step("root", RemoveQueue{"postfix", "moved to Microsoft 365"})
	step("kim", OpenCase{Title: "Gateways offline in Bremen", Account: "acme.example", Owner: "kim", Severity: 2})
	step("token:ci", OpenCase{Title: "Invoice 2026-117"})
	step("kim", Cite{101, quote})
	step("marta", Cite{101, Citation{Record: archive.Address{Stream: "mail-legal-10y", Position: 3}, SHA256: archive.Digest{3}}})
	step("kim", AddNote{101, "They were promised\nFriday.", []int{1}})
	step("kim", AddNote{101, "A feeling.", nil})
	step("marta", ChangeCase{Case: 101, Title: ptr("All gateways offline"), Account: ptr("acme.example (Bremen)"), Status: ptr(WaitingUs), Severity: ptr(1), Reason: "CFO joined"})
	step("marta", AssignCase{Case: 101, Owner: "marta", Reason: "promise was missed"})
	step("marta", CreateShare{101, Share{Hash: SecretHash("three"), Title: "For Acme", Citations: []int{2, 1}, Notes: []int{1}, Whole: true, Expires: start.AddDate(0, 0, 14)}})
	step(Guest, OpenShare{101, 1, "203.0.113.5"})
	step("kim", RevokeShare{101, 1, "sent to the wrong person"})
	step("kim", RemoveCitation{101, 2, "not about this case"})
	step("root", ChangeUser{Name: "marta", FullName: ptr("Marta Lindqvist-Berg"), Roles: []Role{Observer}, Reason: "new position"})
	step("kim", AssignCase{Case: 101, Owner: "kim"})
	step("kim", ChangeCase{Case: 101, Status: ptr(Closed)})
	step("kim", AssignCase{Case: 102, Owner: "kim"})
	step("root", DisableUser{"kim", "on leave"})
	step("root", ChangeCase{Case: 101, Status: ptr(Open)})
	step("root", EnableUser{"kim"})
}
