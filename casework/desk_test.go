package casework

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"

	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"polytrace/archive"
)

// start is when the tests begin.
var start = time.Date(2026, 11, 3, 9, 0, 0, 0, time.UTC)

// memLedger is a ledger in memory. fail, when set, is asked before each
// append: an error is returned to the caller, and stored says whether the
// record was kept nevertheless.
type memLedger struct {
	mu      sync.Mutex
	records []archive.Record
	fail    func() (stored bool, err error)
	scan    error // Returned by Scan when set.
}

func (l *memLedger) Append(ctx context.Context, s archive.Stream, m archive.Meta, b archive.Body) (archive.Meta, error) {
	var stored bool
	var failure error
	if l.fail != nil {
		if stored, failure = l.fail(); failure != nil && !stored {
			return archive.Meta{}, failure
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	body, err := io.ReadAll(io.NewSectionReader(b, 0, b.Size()))
	if err != nil {
		return archive.Meta{}, err
	}
	m.Format, m.Stream, m.Position = archive.FormatVersion, s, archive.Position(len(l.records))
	m.Size, m.SHA256 = int64(len(body)), sha256.Sum256(body)
	l.records = append(l.records, archive.Record{Meta: m, Body: body})
	return m, failure
}

func (l *memLedger) Scan(_ context.Context, s archive.Stream, from archive.Position) iter.Seq2[archive.Record, error] {
	return func(yield func(archive.Record, error) bool) {
		if l.scan != nil {
			yield(archive.Record{}, l.scan)
			return
		}
		l.mu.Lock()
		records := slices.Clone(l.records)
		l.mu.Unlock()
		for _, r := range records[min(int(from), len(records)):] {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// office is a desk with a clock that the test turns.
type office struct {
	t      testing.TB
	ledger *memLedger
	desk   *Desk
	clock  time.Time
}

func newOffice(t testing.TB) *office {
	o := &office{t: t, ledger: &memLedger{}, clock: start}
	o.desk = o.reopen()
	return o
}

// staffed is an office with an administrator and two people who work.
func staffed(t testing.TB) *office {
	o := newOffice(t)
	o.do(AddUser{Name: "root", FullName: "Rowan Admin", Roles: []Role{Admin}})
	o.do(AddUser{Name: "kim", FullName: "Kim Osei", Roles: []Role{Specialist}})
	o.do(AddUser{Name: "marta", FullName: "Marta Lindqvist", Roles: []Role{Manager}})
	return o
}

// withCase is staffed with case 101 of kim, and citation 1 in it.
func withCase(t testing.TB) *office {
	o := staffed(t)
	o.as("kim", OpenCase{Title: "Gateways offline", Account: "acme.example", Owner: "kim", Severity: 2})
	o.as("kim", Cite{101, cited("All 14 gateways are offline", 10)})
	return o
}

func (o *office) now() time.Time { return o.clock }

func (o *office) reopen() *Desk {
	o.t.Helper()
	d, err := OpenDesk(context.Background(), o.ledger, o.now)
	if err != nil {
		o.t.Fatal(err)
	}
	return d
}

func (o *office) do(list ...Command) archive.Position { o.t.Helper(); return o.as("root", list...) }

func (o *office) as(actor string, list ...Command) (at archive.Position) {
	o.t.Helper()
	for _, c := range list {
		var err error
		if at, err = o.desk.Do(context.Background(), actor, c); err != nil {
			o.t.Fatalf("%T: %v", c, err)
		}
	}
	return at
}

// refused expects a refusal with that code and field and these words.
func (o *office) refused(c Command, code, field string, words ...string) {
	o.t.Helper()
	before := len(o.ledger.records)
	_, err := o.desk.Do(context.Background(), "root", c)
	var r *Refusal
	if !errors.As(err, &r) {
		o.t.Errorf("%T%+v: got %v, want a refusal", c, c, err)
		return
	}
	if r.Code != code || r.Field != field {
		o.t.Errorf("%T: refused with %s of %q (%s), want %s of %q", c, r.Code, r.Field, r.Text, code, field)
	}
	for _, w := range words {
		if !strings.Contains(r.Text, w) {
			o.t.Errorf("%T: %q does not say %q", c, r.Text, w)
		}
	}
	if len(o.ledger.records) != before {
		o.t.Errorf("%T: refused, and yet in the ledger", c)
	}
}

func (o *office) theCase(number int) Case {
	o.t.Helper()
	var c Case
	var ok bool
	o.desk.Read(func(s *State) { c, ok = s.Case(number) })
	if !ok {
		o.t.Fatalf("no case %d", number)
	}
	return c
}

func (o *office) lastLine(number int) string {
	log := o.theCase(number).Log
	return log[len(log)-1].Text
}

// cited makes a citation of mail/7 with a quote at an offset.
func cited(quote string, at int) Citation {
	return Citation{
		Record: archive.Address{Stream: archive.Mail, Position: 7}, SHA256: archive.Digest{7}, Author: "Jane Doe",
		Quote: quote, Start: at, End: at + len(quote),
	}
}

// weeks are compiled from what stands beside them.
var weeks = cmp.Comparer(func(a, b *workWeek) bool { return (a == nil) == (b == nil) })

// equalStates compares everything, also what no method shows.
func equalStates(t testing.TB, got, want *State) {
	t.Helper()
	if d := cmp.Diff(want, got, cmp.AllowUnexported(State{}, caseFile{}, holdFile{}, span{}, claim{}, Calendar{}, Case{}, standing{}, alertBook{}, alertFile{}, notice{}, subscription{}, feedBook{}, feedKey{}, seenBy{}), prefixes, weeks); d != "" {
		t.Errorf("states differ (-want +got):\n%s", d)
	}
}

func TestRestartGivesTheSameState(t *testing.T) {
	o := withCase(t)
	o.as("kim", AddNote{101, "They called twice.", []int{1}})
	o.do(AddQueue{Name: "support", Local: "support-7f3k2"})
	equalStates(t, o.reopen().state, o.desk.state)
}

func TestDoReturnsThePositionOfItsEvent(t *testing.T) {
	o := newOffice(t)
	for want := range archive.Position(5) {
		if got := o.do(AddUser{Name: fmt.Sprint("u", want), FullName: "U", Roles: []Role{Admin}}); got != want {
			t.Errorf("position %d, want %d", got, want)
		}
	}
	if got := o.do(EnableUser{"u0"}); got != 4 || len(o.ledger.records) != 5 {
		t.Errorf("a command that changes nothing: position %d and %d records, want 4 and 5", got, len(o.ledger.records))
	}
}

func TestEventCarriesWhoAndWhen(t *testing.T) {
	o := staffed(t)
	o.clock = start.Add(time.Hour)
	o.as("token:ci", OpenCase{Title: "T"})
	r := o.ledger.records[3]
	e, err := DecodeEvent(r.Body)
	if err != nil || e.Actor != "token:ci" || !e.At.Equal(o.clock) || !r.Meta.Received.Equal(o.clock) || r.Meta.Kind != archive.KindEvent {
		t.Errorf("event %+v of record %+v, %v", e, r.Meta, err)
	}
	if c := o.theCase(101); c.OpenedBy != "token:ci" || c.Log[0].Text != "The program ci opened the case" {
		t.Errorf("case opened by %q: %q", c.OpenedBy, c.Log[0].Text)
	}
	if _, err := o.desk.Do(context.Background(), "", OpenCase{Title: "T"}); err == nil {
		t.Error("a command without an actor was carried out")
	}
}

func TestFailedAppendChangesNothing(t *testing.T) {
	o := staffed(t)
	full := errors.New("disk is full")
	o.ledger.fail = func() (bool, error) { return false, full }
	_, err := o.desk.Do(context.Background(), "kim", OpenCase{Title: "T"})
	if !errors.Is(err, full) {
		t.Fatalf("got %v, want the archive's error", err)
	}
	o.desk.Read(func(s *State) {
		if n := len(s.Cases()); n != 0 {
			t.Errorf("%d cases after a failed append", n)
		}
	})
	o.ledger.fail = nil
	o.as("kim", OpenCase{Title: "T"})
	equalStates(t, o.reopen().state, o.desk.state)
}

// An append that was given up while it waited may have been completed: the
// next command must see it.
func TestUnknownOutcomeIsFoundOutBeforeTheNextCommand(t *testing.T) {
	o := staffed(t)
	o.ledger.fail = func() (bool, error) { return true, context.Canceled }
	if _, err := o.desk.Do(context.Background(), "kim", OpenCase{Title: "First"}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	o.ledger.fail = nil
	var number int
	o.as("kim", OpenCase{Title: "Second", Number: &number})
	if number != 102 || o.theCase(101).Title != "First" {
		t.Errorf("the second case is %d, want 102", number)
	}
	equalStates(t, o.reopen().state, o.desk.state)
}

func TestDeskStaysBehindUntilTheLedgerCanBeRead(t *testing.T) {
	o := staffed(t)
	o.ledger.fail = func() (bool, error) { return true, context.Canceled }
	_, _ = o.desk.Do(context.Background(), "kim", OpenCase{Title: "First"})
	o.ledger.fail, o.ledger.scan = nil, errors.New("disk is gone")
	if _, err := o.desk.Do(context.Background(), "kim", OpenCase{Title: "Second"}); !errors.Is(err, o.ledger.scan) {
		t.Fatalf("got %v, want the archive's error", err)
	}
	o.ledger.scan = nil
	o.as("kim", OpenCase{Title: "Second"})
	equalStates(t, o.reopen().state, o.desk.state)
}

func TestDeskNoticesAnotherWriter(t *testing.T) {
	o := staffed(t)
	other := o.reopen()
	if _, err := other.Do(context.Background(), "kim", OpenCase{Title: "Theirs"}); err != nil {
		t.Fatal(err)
	}
	if _, err := o.desk.Do(context.Background(), "kim", OpenCase{Title: "Ours"}); err == nil {
		t.Error("an event was folded at a position it does not have")
	}
	o.as("kim", AddNote{Case: 101, Text: "n"})
	equalStates(t, o.reopen().state, o.desk.state)
}

func TestReadDoesNotWaitForTheDisk(t *testing.T) {
	o := staffed(t)
	appending, goOn := make(chan struct{}), make(chan struct{})
	o.ledger.fail = func() (bool, error) { close(appending); <-goOn; return true, nil }
	done := make(chan error)
	go func() {
		_, err := o.desk.Do(context.Background(), "kim", OpenCase{Title: "T"})
		done <- err
	}()
	<-appending
	o.desk.Read(func(s *State) { // Would wait for ever if it waited for the append.
		if len(s.Users()) != 3 || len(s.Cases()) != 0 {
			t.Error("an event was visible before it was durable")
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := o.desk.Do(ctx, "kim", OpenCase{Title: "U"}); !errors.Is(err, context.Canceled) {
		t.Errorf("a command that waits for its turn does not heed its context: %v", err)
	}
	close(goOn)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Fifty people claim a case at once: one gets it, the others are told who.
func TestESC20_OneOwnerUnderConcurrentClaims(t *testing.T) {
	o := staffed(t)
	const n = 50
	for i := range n {
		o.do(AddUser{Name: fmt.Sprint("agent", i), FullName: fmt.Sprint("Agent ", i), Roles: []Role{Agent}})
	}
	seen := o.do(OpenCase{Title: "T"})
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			name := fmt.Sprint("agent", i)
			_, errs[i] = o.desk.Do(context.Background(), name, AssignCase{Case: 101, Owner: name, Revision: &seen})
			o.desk.Read(func(s *State) { _, _, _ = s.Cases(), s.Users(), s.Shares() })
		})
	}
	wg.Wait()
	owner := o.theCase(101).Owner
	var winners int
	for i, err := range errs {
		var r *Refusal
		switch {
		case err == nil && owner == fmt.Sprint("agent", i):
			winners++
		case !errors.As(err, &r) || r.Code != Conflict || !strings.Contains(r.Text, "Agent "+strings.TrimPrefix(owner, "agent")+" took the case"):
			t.Errorf("claim %d: %v", i, err)
		}
	}
	if winners != 1 {
		t.Errorf("%d winners, want 1", winners)
	}
	equalStates(t, o.reopen().state, o.desk.state)
}

func TestCommandMakesAtMostOneEvent(t *testing.T) {
	o := staffed(t)
	if _, err := o.desk.Do(context.Background(), "kim", twins{}); err == nil || len(o.ledger.records) != 3 {
		t.Errorf("a command with two events: %v, %d records", err, len(o.ledger.records))
	}
}

type twins struct{}

func (twins) Check(*State, time.Time) ([]Event, error) { return make([]Event, 2), nil }

// A ledger with what no version of ours wrote opens all the same, and tells.
func TestUnreadableRecordsAreKeptAside(t *testing.T) {
	o := staffed(t)
	add := func(kind archive.Kind, body string) {
		m := archive.Meta{Kind: kind, Stream: archive.Ledger, Position: archive.Position(len(o.ledger.records))}
		o.ledger.records = append(o.ledger.records, archive.Record{Meta: m, Body: []byte(body)})
	}
	add(archive.KindEvent, "not JSON")
	add(archive.KindEvent, `{"polytrace":2,"type":"case.opened","case":101}`)
	add(archive.KindEvent, `{"polytrace":1,"type":"case.praised","actor":"kim","case":101}`)
	add(archive.KindEvent, `{"polytrace":1,"type":"case.opened","actor":"kim","case":999,"data":{"title":"x"}}`)
	add(archive.KindEvent, `{"polytrace":1,"type":"note.added","actor":"kim","case":101,"data":{"id":"one"}}`)
	add(archive.KindFile, "what is this")
	o.desk = o.reopen()
	o.desk.Read(func(s *State) {
		var at []archive.Position
		for _, u := range s.Unknown() {
			at = append(at, u.Position)
			if u.Why == "" {
				t.Errorf("record %d is kept aside without a reason", u.Position)
			}
		}
		if d := cmp.Diff([]archive.Position{3, 4, 5, 6, 7, 8}, at); d != "" {
			t.Errorf("kept aside (-want +got):\n%s", d)
		}
	})
	if at := o.as("kim", OpenCase{Title: "T"}); at != 9 || o.theCase(101).Title != "T" {
		t.Errorf("the next event is at %d, want 9", at)
	}
}

func TestDamagedRecordDoesNotKeepTheDeskShut(t *testing.T) {
	o := staffed(t)
	l := damaged{o.ledger, 1}
	d, err := OpenDesk(context.Background(), l, o.now)
	if err != nil {
		t.Fatal(err)
	}
	d.Read(func(s *State) {
		_, lost := s.User("kim")
		_, kept := s.User("marta")
		if lost || !kept || len(s.Unknown()) != 1 || s.Next() != 3 {
			t.Errorf("kim %v, marta %v, unknown %v, next %d", lost, kept, s.Unknown(), s.Next())
		}
	})
}

// damaged yields one record without its body, as an archive does whose disk
// lost it.
type damaged struct {
	*memLedger
	at archive.Position
}

func (l damaged) Scan(ctx context.Context, s archive.Stream, from archive.Position) iter.Seq2[archive.Record, error] {
	return func(yield func(archive.Record, error) bool) {
		for r, err := range l.memLedger.Scan(ctx, s, from) {
			if r.Meta.Position == l.at {
				r.Body, err = nil, fmt.Errorf("record %d: %w", l.at, archive.ErrDamaged)
			}
			if !yield(r, err) {
				return
			}
		}
	}
}
