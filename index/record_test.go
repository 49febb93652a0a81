package index

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"polytrace/archive"
	"polytrace/casework"
)

func documentAt(t *testing.T, x *Index, at archive.Address) *Document {
	t.Helper()
	d, err := x.Document(context.Background(), at)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// finds checks which records queries find, as positions of mail in order.
func finds(t *testing.T, x *Index, want map[string]string) {
	t.Helper()
	for query, hits := range want {
		got := strings.ReplaceAll(strings.Join(addresses(t, x, Request{Query: query}), " "), "mail/", "")
		if got != hits {
			t.Errorf("%s: got %q, want %q", query, got, hits)
		}
	}
}

// A journal report is found as the message inside it, and by every recipient that it proves.
func TestJournalReportIsFoundAsItsMessage(t *testing.T) {
	raw, err := os.ReadFile("testdata/journal-report.eml")
	if err != nil {
		t.Fatal(err)
	}
	a := newMemArchive()
	at := a.append(archive.Meta{Source: archive.Source{Queue: "support", Format: "exchange"},
		Envelope: &archive.Envelope{To: []string{"support-7f3k2@journal.example.net"}}}, string(raw))
	x := follow(t, a)
	caughtUp(t, x, a)
	finds(t, x, map[string]string{
		"pressure": "0", "is:journal": "0", "from:jane.doe": "0", "to:service@northwind.example": "0",
		"rcpt:night.shift@northwind.example": "0", "to:night.shift": "0", "bcc:plant.manager": "0", "rcpt:@contoso.example": "0",
		"participant:plant.manager@contoso.example": "0", "id:pump-7@contoso.example": "0", "on:2026-11-03": "0",
		"rcpt:jane.doe": "", "id:5d1@journal.report.generator": "", "from:MicrosoftExchange*": "", "expanded": "", "has:attachment": "",
	})
	d := documentAt(t, x, at)
	if d.MessageID != "pump-7@contoso.example" || d.From.Address != "jane.doe@contoso.example" || !strings.HasPrefix(d.Snippet, "The pump stopped") {
		t.Errorf("document is %+v", d)
	}
	proven := 0
	for _, r := range d.Recipients {
		if r.Provenance == "proven:journal" {
			proven++
		}
	}
	if proven != 3 {
		t.Errorf("%d proven recipients in %+v, want 3", proven, d.Recipients)
	}
}

// A copy that names the mailbox it was taken of is found by it, and by the
// recipients that its fields claim, which are no proven ones.
func TestCopyIsFoundByTheMailboxItNames(t *testing.T) {
	a := newMemArchive()
	raw := mail("pump\n", "X-Sieve-Redirected-From: kim@contoso.example", "From: jane@contoso.example", "To: team@contoso.example", "Message-ID: <1@contoso.example>")
	a.append(archive.Meta{Source: archive.Source{Queue: "support", Format: "sieve"}, Envelope: &archive.Envelope{To: []string{"s-1@journal.example.net"}}}, raw)
	a.append(archive.Meta{Source: archive.Source{Queue: "support", Format: "plain"}, Envelope: &archive.Envelope{To: []string{"s-1@journal.example.net"}}}, raw+"again\n")
	x := follow(t, a)
	caughtUp(t, x, a)
	finds(t, x, map[string]string{"mailbox:kim@contoso.example": "0", "to:kim": "0", "rcpt:kim": "", "to:team": "1 0"})
}

// A report knows the subject that the original's field has lost.
func TestSubjectOfTheReportIsFound(t *testing.T) {
	raw, err := os.ReadFile("testdata/journal-report.eml")
	if err != nil {
		t.Fatal(err)
	}
	a := newMemArchive()
	report := strings.Index(string(raw), "Sender: jane.doe")
	at := report + strings.Index(string(raw[report:]), "Subject: ")
	a.append(archive.Meta{Source: archive.Source{Queue: "support", Format: "exchange"}}, string(raw[:at])+"Subject: gauge\r\nX-Old-"+string(raw[at:]))
	x := follow(t, a)
	caughtUp(t, x, a)
	finds(t, x, map[string]string{"subject:gauge": "0", "subject:pump": "0"})
}

// The same bytes again are one document with two arrivals, found by what either tells.
func TestSameBytesAreOneDocument(t *testing.T) {
	a := newMemArchive()
	raw := mail("pump\n", "From: jane@contoso.example", "To: help@northwind.example", "Message-ID: <1@contoso.example>")
	first := a.append(archive.Meta{Source: archive.Source{Queue: "support"}}, raw)
	second := a.again(first, archive.Meta{Source: archive.Source{Queue: "sales", Format: "postfix"},
		Envelope: &archive.Envelope{To: []string{"s+to=boss=northwind.example@journal.example.net"}}})
	a.append(archive.Meta{Source: archive.Source{Import: "old.mbox", Mailbox: "jane@contoso.example"}}, raw)
	x := follow(t, a)
	caughtUp(t, x, a)
	finds(t, x, map[string]string{
		"": "0", "queue:support": "0", "queue:sales": "0", "queue:support queue:sales": "0", "is:import": "0", "mailbox:jane@contoso.example": "0",
		"rcpt:boss": "0", "to:boss@northwind.example": "0", "to:help": "0", "\"boss northwind\"": "0", "pump": "0", "from:boss": "",
	})
	d := documentAt(t, x, second)
	if d.Address != first || d.Sightings != 3 || len(d.Seen) != 3 || len(d.Variants) != 0 {
		t.Errorf("document of the second arrival is %+v", d)
	}
	if !slices.IsSortedFunc(d.Seen, func(a, b Sighting) int { return a.Received.Compare(b.Received) }) {
		t.Errorf("arrivals are %+v", d.Seen)
	}
	known, err := x.Known(sha256.Sum256([]byte(raw)))
	if err != nil || !cmp.Equal(known, d.Seen) {
		t.Errorf("known are %+v, want %+v: %v", known, d.Seen, err)
	}
	if known, err := x.Known(archive.Digest{1}); err != nil || known != nil {
		t.Errorf("known of other bytes are %+v, %v", known, err)
	}
}

// A sighting in one stream may be applied before the bytes in another: until they come
// there is nothing to find, and then all of it.
func TestSightingBeforeItsBytes(t *testing.T) {
	a := newMemArchive()
	raw := mail("pump\n", "From: jane@contoso.example")
	original := a.append(archive.Meta{Stream: "z-mail"}, raw)
	sighting := a.again(original, archive.Meta{Source: archive.Source{Queue: "sales"}})
	late := &oneStream{memArchive: a}
	fs := vfs.NewMem()
	x, stop := followOn(t, fs, late)
	if err := x.WaitFor(context.Background(), sighting); err != nil {
		t.Fatal(err)
	}
	finds(t, x, map[string]string{"": "", "pump": "", "queue:sales": ""})
	if _, err := x.Document(context.Background(), sighting); !errors.Is(err, archive.ErrNotFound) {
		t.Errorf("document of a sighting without bytes: %v", err)
	}
	stop()
	x, stop = followOn(t, fs, a)
	defer stop()
	caughtUp(t, x, a)
	if got := addresses(t, x, Request{Query: "pump queue:sales"}); !slices.Equal(got, []string{"z-mail/0"}) {
		t.Errorf("found %v", got)
	}
	if d := documentAt(t, x, sighting); d.Sightings != 2 || len(d.Seen) != 2 {
		t.Errorf("document is %+v", d)
	}
}

// oneStream is an archive of which only the mail is to be seen.
type oneStream struct{ *memArchive }

func (oneStream) Streams() []archive.Stream { return []archive.Stream{archive.Mail} }

// Different bytes with the same Message-ID are both kept and name each other; mail without one is kept too.
func TestVariantsAndMailWithoutMessageID(t *testing.T) {
	a := newMemArchive()
	one := a.append(archive.Meta{}, mail("pump one\n", "From: jane@contoso.example", "Message-ID: <1@contoso.example>"))
	two := a.append(archive.Meta{}, mail("pump two\n", "From: jane@contoso.example", "Message-ID: <1@contoso.example>"))
	other := a.append(archive.Meta{}, mail("pump three\n", "From: jane@contoso.example", "Message-ID: <1@CONTOSO.example>"))
	none := a.append(archive.Meta{}, mail("pump four\n", "From: jane@contoso.example"))
	also := a.append(archive.Meta{}, mail("pump five\n", "From: jane@contoso.example"))
	x := follow(t, a)
	caughtUp(t, x, a)
	finds(t, x, map[string]string{"pump": "4 3 2 1 0", "id:1@contoso.example": "1 0", "two": "1"})
	for at, want := range map[archive.Address][]archive.Address{one: {two}, two: {one}, other: nil, none: nil, also: nil} {
		if got := documentAt(t, x, at).Variants; !slices.Equal(got, want) {
			t.Errorf("variants of %s are %v, want %v", at, got, want)
		}
	}
}

// What a case cites is found by the case, and shows it, until the citation is removed.
func TestCasesFollowTheLedger(t *testing.T) {
	a := newMemArchive()
	at := a.append(archive.Meta{}, mail("pump\n", "From: jane@contoso.example"))
	digest := a.streams[archive.Mail][0].Meta.SHA256
	x := follow(t, a)
	cite := func(number, id int) {
		a.decide(t, casework.CitationAdded, number, casework.CitationData{ID: id, Record: at, SHA256: digest})
	}
	remove := func(number, id int) {
		a.decide(t, casework.CitationRemoved, number, casework.CitationRemovedData{ID: id, Record: at})
	}
	for _, step := range []struct {
		do    func()
		cases []int
	}{
		{func() {}, nil},
		{func() { cite(104, 1) }, []int{104}},
		{func() { cite(7, 1) }, []int{7, 104}},
		{func() { cite(104, 2) }, []int{7, 104}},
		{func() { remove(104, 1) }, []int{7, 104}},
		{func() { remove(104, 2) }, []int{7}},
		{func() { remove(9, 1); remove(7, 1); a.append(archive.Meta{Stream: archive.Ledger}, "what") }, nil},
	} {
		step.do()
		caughtUp(t, x, a)
		if got := documentAt(t, x, at).Cases; !slices.Equal(got, step.cases) {
			t.Errorf("cases are %v, want %v", got, step.cases)
		}
		for _, number := range []int{7, 104} {
			want := map[bool]string{true: "0"}[slices.Contains(step.cases, number)]
			finds(t, x, map[string]string{fmt.Sprintf("case:%d", number): want, fmt.Sprintf("pump case:C-%d", number): want})
		}
	}
}

// Status counts every record: searchable, unsearchable with its reason, or waiting.
func TestStatusIsExact(t *testing.T) {
	a := newMemArchive()
	first := a.append(archive.Meta{}, mail("pump\n", "From: jane@contoso.example"))
	a.again(first, archive.Meta{})
	a.append(archive.Meta{}, mail("-----BEGIN PGP MESSAGE-----\n\nx\n-----END PGP MESSAGE-----\n", "From: jane@contoso.example"))
	a.append(archive.Meta{}, mail("", "From: jane@contoso.example", "Content-Type: image/png; name=scan.png"))
	a.append(archive.Meta{Kind: archive.KindPage}, "WARC/1.1")
	a.append(archive.Meta{Kind: archive.KindFile}, "a file")
	damaged := a.append(archive.Meta{}, mail("gone\n"))
	a.damaged[damaged] = true
	a.decide(t, casework.CitationRemoved, 1, casework.CitationRemovedData{ID: 1, Record: first})
	x, stop := followOn(t, vfs.NewMem(), a)
	caughtUp(t, x, a)
	reasons := map[string]int{reasonEncrypted: 1, reasonImage: 1, reasonPage: 1, reasonFile: 1, reasonDamaged: 1}
	st := x.Status()
	want := Status{Records: 7, Documents: 5, Unsearchable: 5, Reasons: reasons, Bytes: st.Bytes, CompleteTo: st.CompleteTo}
	if diff := cmp.Diff(want, st); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if res := search(t, x, Request{Query: "is:unsearchable"}); res.Total != 4 || res.Unsearchable != 5 || !res.CompleteTo.Equal(testNow) {
		t.Errorf("search says %d hits, %d unsearchable, complete to %s", res.Total, res.Unsearchable, res.CompleteTo)
	}
	stop()
}

// Records that wait are counted, and results say up to when they are complete.
func TestLagAndCompleteTo(t *testing.T) {
	a, fs := newMemArchive(), vfs.NewMem()
	a.append(archive.Meta{Received: day(2026, 11, 1)}, mail("pump\n"))
	x, stop := followOn(t, fs, a)
	caughtUp(t, x, a)
	stop()
	a.append(archive.Meta{Received: day(2026, 11, 2)}, mail("pump again\n"))
	a.append(archive.Meta{Stream: archive.Ledger}, "{}")
	x, err := openOn(fs, a, Config{Dir: "index"})
	if err != nil {
		t.Fatal(err)
	}
	st := x.Status()
	if st.Lag != 2 || st.Records != 1 || !st.CompleteTo.Equal(day(2026, 11, 1)) {
		t.Errorf("status is %+v", st)
	}
	if res := search(t, x, Request{Query: "pump"}); res.Total != 1 || !res.CompleteTo.Equal(day(2026, 11, 1)) {
		t.Errorf("search says %d hits, complete to %s", res.Total, res.CompleteTo)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
}

// A follower does not know what the other machine has received since.
func TestFollowerIsCompleteToItsLastRecord(t *testing.T) {
	a, fs := newMemArchive(), vfs.NewMem()
	x, err := openOn(fs, a, Config{Dir: "index", Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if st := x.Status(); !st.CompleteTo.IsZero() {
		t.Errorf("without a record it is complete to %s", st.CompleteTo)
	}
	a.append(archive.Meta{Received: day(2026, 11, 1)}, mail("pump\n"))
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { x.Run(ctx) })
	caughtUp(t, x, a)
	if st := x.Status(); !st.CompleteTo.Equal(day(2026, 11, 1)) {
		t.Errorf("complete to %s", st.CompleteTo)
	}
	stop()
	running.Wait()
}

// Once WaitFor returns, a record is found; what is appended later is found later.
func TestSearchableAfterWaitFor(t *testing.T) {
	a := newMemArchive()
	x := follow(t, a)
	for i := range 50 {
		at := a.append(archive.Meta{}, mail(fmt.Sprintf("pump number%d\n", i)))
		if err := x.WaitFor(context.Background(), at); err != nil {
			t.Fatal(err)
		}
		finds(t, x, map[string]string{fmt.Sprintf("pump number%d", i): fmt.Sprint(i)})
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("enough"))
	if err := x.WaitFor(ctx, archive.Address{Stream: archive.Mail, Position: 50}); err == nil || err.Error() != "enough" {
		t.Errorf("wait for what never comes: %v", err)
	}
}

// Cursors hold while mail arrives: who reads page by page sees each message that
// was there at the first page once, in order.
func TestCursorsHoldWhileMailArrives(t *testing.T) {
	for _, order := range []Sort{Newest, Oldest, Relevance} {
		t.Run("sorted "+string(order), func(t *testing.T) {
			a := newMemArchive()
			x := follow(t, a)
			add := func(i int, at time.Time) {
				a.append(archive.Meta{}, mail(strings.Repeat("pump ", 1+i%4)+strings.Repeat("valve ", i%7)+fmt.Sprintf("%d %s\n", i, at), dated(at)))
			}
			for i := range 40 {
				add(i, day(2026, 10, 1+i%13))
			}
			caughtUp(t, x, a)
			before := addresses(t, x, Request{Query: "pump", Sort: order})
			var got []string
			r := Request{Query: "pump", Sort: order, Limit: 3}
			for i := 40; ; i += 3 {
				res := search(t, x, r)
				for _, item := range res.Items {
					got = append(got, item.Address.String())
				}
				if r.Cursor = res.Next; r.Cursor == "" {
					break
				}
				if i < 70 { // Before, behind and between all others.
					add(i, day(2026, 11, 1))
					add(i+1, day(2026, 9, 1))
					add(i+2, day(2026, 10, 1+i%13))
					a.again(archive.Address{Stream: archive.Mail, Position: 3}, archive.Meta{})
					caughtUp(t, x, a)
				}
			}
			seen := map[string]int{}
			var known []string
			for _, at := range got {
				if seen[at]++; seen[at] > 1 {
					t.Errorf("%s was shown %d times", at, seen[at])
				}
				if slices.Contains(before, at) {
					known = append(known, at)
				}
			}
			if diff := cmp.Diff(before, known); diff != "" {
				t.Errorf("what was there at the first page (-want +got):\n%s", diff)
			}
		})
	}
}

// A cursor of another order, or one that was made up, is refused.
func TestForeignCursorsAreRefused(t *testing.T) {
	a := newMemArchive()
	for i := range 3 {
		a.append(archive.Meta{}, mail(fmt.Sprintf("pump %d\n", i)))
	}
	x := follow(t, a)
	caughtUp(t, x, a)
	next := search(t, x, Request{Limit: 1}).Next
	for _, r := range []Request{{Cursor: "x"}, {Cursor: next, Sort: Oldest}, {Cursor: next, Sort: Relevance}, {Cursor: "!!"}, {Cursor: next + "AA"}} {
		if _, err := x.Search(context.Background(), r); !errors.Is(err, ErrCursor) {
			t.Errorf("%+v: %v", r, err)
		}
	}
	if _, err := x.Search(context.Background(), Request{Sort: "loudest"}); err == nil {
		t.Error("an unknown order was taken")
	}
}

// By relevance a subject counts more than a body, a rare word more than a common one.
func TestRelevance(t *testing.T) {
	a := newMemArchive()
	filler := strings.Repeat("more text that says nothing of it ", 20)
	a.append(archive.Meta{}, mail("pump "+filler, "Subject: other"))
	a.append(archive.Meta{}, mail(filler, "Subject: pump"))
	a.append(archive.Meta{}, mail("pump pump pump "+filler, "Subject: other"))
	a.append(archive.Meta{}, mail("impeller "+filler, "Subject: other"))
	x := follow(t, a)
	caughtUp(t, x, a)
	for query, want := range map[string]string{"pump": "mail/1 mail/2 mail/0", "pump OR impeller": "mail/3 mail/1 mail/2 mail/0"} {
		if got := strings.Join(addresses(t, x, Request{Query: query, Sort: Relevance}), " "); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
}

// Close ends a Run that is at work; what it had committed stays.
func TestCloseWhileFollowing(t *testing.T) {
	a, fs := newMemArchive(), vfs.NewMem()
	for i := range 300 {
		a.append(archive.Meta{}, mail(fmt.Sprintf("pump %d\n", i)))
	}
	for range 5 {
		x, err := openOn(fs, a, Config{Dir: "index"})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- x.Run(context.Background()) }()
		for i := range 20 {
			a.append(archive.Meta{}, mail(fmt.Sprintf("more %d\n", i)))
		}
		if err := x.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		a.append(archive.Meta{}, mail("wake up\n"))
		if err := <-done; !errors.Is(err, ErrClosed) {
			t.Errorf("run: %v", err)
		}
		afterClose(t, x)
	}
	x, stop := followOn(t, fs, a)
	defer stop()
	caughtUp(t, x, a)
	if got, want := x.Status().Documents, int64(len(addresses(t, x, Request{Limit: 1000}))); got != want || search(t, x, Request{Query: "pump"}).Total != 300 {
		t.Errorf("%d documents, %d found", got, want)
	}
}

func afterClose(t *testing.T, x *Index) {
	t.Helper()
	ctx, at := context.Background(), archive.Address{Stream: archive.Mail}
	_, search := x.Search(ctx, Request{})
	_, document := x.Document(ctx, at)
	_, thread := x.Thread(ctx, "mail-0")
	_, known := x.Known(archive.Digest{})
	_, volume := x.Volume(ctx, time.Time{})
	for what, err := range map[string]error{"search": search, "document": document, "thread": thread, "known": known, "volume": volume, "wait": x.WaitFor(ctx, at)} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s after close: %v", what, err)
		}
	}
	if x.Status().Failure == "" || x.Close() != nil {
		t.Error("status or close after close")
	}
}

// A rebuild reads no further ahead than a few runs, however large the archive is.
func TestRebuildReadsOnlyALittleAhead(t *testing.T) {
	a := newMemArchive()
	file := bytes.Repeat([]byte("00000000000000000000000000000000000000000000000000000000000000\r\n"), 4<<10)
	for i := range 300 {
		a.append(archive.Meta{}, mail(string(file), fmt.Sprintf("Subject: %d", i), "Content-Type: application/octet-stream"))
	}
	w := &watched{memArchive: a}
	x, err := openOn(vfs.NewMem(), w, Config{Dir: "index"})
	if err != nil {
		t.Fatal(err)
	}
	w.applied.Store(x)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- x.Run(ctx) }()
	caughtUp(t, x, a)
	cancel()
	if err := errors.Join(<-done, x.Close()); err != nil {
		t.Error(err)
	}
	if most, total := w.most.Load(), int64(300*len(file)); most == 0 || most > 3*maxRunBytes || total < 4*maxRunBytes {
		t.Errorf("%d bytes of %d were read but not applied, want at most %d", most, total, 3*maxRunBytes)
	}
}

// Who read what is in no answer, no count and nothing that is waited for.
func TestTheAuditLogIsNotFollowed(t *testing.T) {
	a := newMemArchive()
	a.append(archive.Meta{}, mail("pump\n"))
	note := `{"polytrace":1,"type":"search.run","actor":"kim","data":{"query":"pump"}}`
	a.append(archive.Meta{Stream: archive.Audit, Kind: archive.KindEvent}, note)
	x := follow(t, a)
	if err := x.WaitFor(t.Context(), archive.Address{Stream: archive.Mail}); err != nil {
		t.Fatal(err)
	}
	a.append(archive.Meta{Stream: archive.Audit, Kind: archive.KindEvent}, note)
	finds(t, x, map[string]string{"pump": "0", "search.run": "", "kim": ""})
	if st := x.Status(); st.Records != 1 || st.Lag != 0 || time.Since(st.CompleteTo) > time.Minute {
		t.Errorf("status is %+v", st)
	}
	if _, err := x.Document(t.Context(), archive.Address{Stream: archive.Audit}); !errors.Is(err, archive.ErrNotFound) {
		t.Errorf("a note is shown: %v", err)
	}
}

// In a burst mail waits, and decisions do not.
func TestMailWaitsForABurst(t *testing.T) {
	var urgent atomic.Bool
	urgent.Store(true)
	a, fs := newMemArchive(), vfs.NewMem()
	x, err := openOn(fs, a, Config{Dir: "index", Urgent: func(time.Time) bool { return urgent.Load() }})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { x.Run(ctx) })
	defer func() {
		stop()
		running.Wait()
	}()
	at := a.append(archive.Meta{Received: day(2026, 11, 1)}, mail("pump\n"))
	decision := a.append(archive.Meta{Stream: archive.Ledger, Kind: archive.KindEvent}, "{\"polytrace\":99}")
	if err := x.WaitFor(ctx, decision); err != nil {
		t.Fatal(err)
	}
	if got := search(t, x, Request{Query: "pump"}); got.Total != 0 {
		t.Error("mail was indexed in a burst")
	}
	urgent.Store(false)
	if err := x.WaitFor(ctx, at); err != nil {
		t.Fatal(err)
	}
}

// Only as many questions are answered at a time as there are processors. Who waits for a turn and leaves is told
// why.
func TestQuestionsTakeTurns(t *testing.T) {
	x := follow(t, newMemArchive())
	turns := int64(runtime.GOMAXPROCS(0))
	if !x.turns.TryAcquire(turns) || x.turns.TryAcquire(1) {
		t.Fatal("there are other turns than processors")
	}
	ctx, leave := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	leave(gone)
	if _, err := x.Search(ctx, Request{Query: "pump"}); !errors.Is(err, gone) {
		t.Errorf("who left is told %v", err)
	}
	x.turns.Release(turns)
	err := x.look(t.Context(), func(*finder) error {
		if x.turns.TryAcquire(turns) {
			return errors.New("it is answered without a turn")
		}
		return nil
	})
	if err != nil || !x.turns.TryAcquire(turns) {
		t.Errorf("%v; or its turn is not given back", err)
	}
}
