package index

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/message"
)

// All copies of a first fragment are read with the others or none: also one that was read while the others
// were missing, and is applied when they are here.
func TestCopiesOfAFragmentAreReadAlike(t *testing.T) {
	first := fixture(t, "55-message-partial-1of2.eml")
	a := newMemArchive()
	a.append(archive.Meta{Stream: "copies", Received: day(2026, 11, 5)}, first)
	a.append(archive.Meta{Stream: "second", Received: day(2026, 11, 4)}, mail("second halfway\n", "From: a@vendor.example", "Message-ID: <part2@vendor.example>", "Subject: split (2/2)",
		"Content-Type: message/partial; id=\"abc@vendor.example\"; number=2; total=2"))
	a.append(archive.Meta{Stream: "first", Received: day(2026, 11, 4)}, first)
	x, err := openOn(vfs.NewMem(), a, Config{Dir: "index"})
	if err != nil {
		t.Fatal(err)
	}
	r := newReader(x, t.Context())
	read := func(s archive.Stream) run {
		u, err := r.run(s)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	take := func(u run) {
		if err := x.take(u); err != nil {
			t.Fatal(err)
		}
	}
	early := read("copies")
	take(read("second"))
	take(read("first"))
	take(early)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- x.Run(ctx) }()
	settled(t, x, a)
	if diff := cmp.Diff(rebuilt(t, a), saysAll(t, x, a)); diff != "" {
		t.Errorf("rebuilt and followed (-want +got):\n%s", diff)
	}
	finds(t, x, map[string]string{"has:attachment": "second/0"}) // Which is joined to the first.
	cancel()
	<-ended
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
}

// While parts of a message are missing those that are here are unsearchable, and say why. When the
// last comes, the words of the whole are found at the first part; when one is
// erased they are found no more.
func TestFragmentsAreSearchedWhenAllAreHere(t *testing.T) {
	first := fixture(t, "55-message-partial-1of2.eml")
	second := mail("second halfway\n", "From: a@vendor.example", "Message-ID: <part2@vendor.example>", "Subject: split (2/2)",
		"Content-Type: message/partial; id=\"abc@vendor.example\"; number=2; total=2")
	for name, order := range map[string][]string{"in order": {first, second}, "the last first": {second, first}} {
		t.Run(name, func(t *testing.T) {
			a := newMemArchive()
			x := follow(t, a)
			one := a.append(archive.Meta{}, order[0])
			settled(t, x, a)
			finds(t, x, map[string]string{"is:unsearchable": "0", "subject:whole": "", "\"first half second\"": ""})
			if d := documentAt(t, x, one); d.Unsearchable != reasonPartial || d.Fragment == nil || d.Fragment.Whole || len(d.Fragment.Parts) != 1 {
				t.Errorf("document is %+v, %+v", d, d.Fragment)
			}
			if st := x.Status(); st.Reasons[reasonPartial] != 1 {
				t.Errorf("status is %+v", st)
			}
			two := a.append(archive.Meta{}, order[1])
			settled(t, x, a)
			parts := []archive.Address{one, two}
			if name != "in order" {
				parts = []archive.Address{two, one}
			}
			at := fmt.Sprint(parts[0].Position)
			finds(t, x, map[string]string{"is:unsearchable": "", "subject:whole": at, "\"first half second halfway\"": at, "id:whole@vendor.example": at, "id:part1@vendor.example": at, "subject:split -subject:whole": fmt.Sprint(parts[1].Position)})
			for i, part := range parts {
				want := &Fragment{i + 1, 2, parts, true}
				if d := documentAt(t, x, part); !cmp.Equal(d.Fragment, want) || d.Unsearchable != "" {
					t.Errorf("part %d is %+v, %+v", i+1, d, d.Fragment)
				}
			}
			if st := x.Status(); st.Unsearchable != 0 || st.Documents != 2 || st.Lag != 0 {
				t.Errorf("status is %+v", st)
			}
			if s := search(t, x, Request{Query: "halfway"}).Items[0].Snippet; !strings.Contains(s, "halfway") {
				t.Errorf("snippet is %q", s)
			}
			if diff := cmp.Diff(rebuilt(t, a), saysAll(t, x, a)); diff != "" {
				t.Errorf("rebuilt and followed (-want +got):\n%s", diff)
			}
		})
	}
}

// What was joined is gone in the moment in which one of its parts is erased, whichever part that is.
func TestErasedFragmentTakesTheWholeAway(t *testing.T) {
	for n := range 3 {
		a := newMemArchive()
		for i := range 3 {
			a.append(archive.Meta{}, piecemeal("w", "jane@contoso.example", i+1, 3, fmt.Sprintf("pump%d\n", i+1)))
		}
		x := openByHand(t, a)
		x.apply()
		for x.step() {
		}
		finds(t, x.Index, map[string]string{"\"pump1 pump2 pump3\"": "0", "is:unsearchable": ""})
		a.removes(t, casework.ErasureOrdered, "", archive.Removal{Stream: archive.Mail, First: archive.Position(n), Records: 1})
		x.apply()
		for {
			for i := range 3 {
				if total := search(t, x.Index, Request{Query: fmt.Sprintf("pump%d OR subject:whole", i+1)}).Total; total != 0 {
					t.Fatalf("%d messages are found by part %d after part %d was erased", total, i+1, n+1)
				}
			}
			if !x.step() {
				break
			}
		}
		noTraces(t, x.Index)
		if st := x.Status(); st.Reasons[reasonPartial] != 2 || st.Documents != 2 {
			t.Errorf("status is %+v", st)
		}
		if diff := cmp.Diff(rebuilt(t, a), saysAll(t, x.Index, a)); diff != "" {
			t.Errorf("rebuilt and followed (-want +got):\n%s", diff)
		}
	}
}

// Parts by another author, of another message, and far too many are not joined.
func TestOtherFragmentsAreNotJoined(t *testing.T) {
	a := newMemArchive()
	part := func(id, from string, n, total int) {
		a.append(archive.Meta{}, piecemeal(id, from, n, total, "pump\n"))
	}
	part("a", "jane@contoso.example", 1, 2)
	part("a", "bob@contoso.example", 2, 2)
	part("b", "jane@contoso.example", 2, 2)
	part("a", "jane@contoso.example", maxFragments+1, maxFragments+1)
	x := follow(t, a)
	settled(t, x, a)
	finds(t, x, map[string]string{"pump": "", "is:unsearchable": "3 2 1 0"})
	if d := documentAt(t, x, archive.Address{Stream: archive.Mail, Position: 3}); d.Fragment != nil {
		t.Errorf("part %d is %+v", maxFragments+1, d.Fragment)
	}
}

// A part that comes in journal reports is joined with one that came as it is.
func TestFragmentsInReportsAreJoined(t *testing.T) {
	a := newMemArchive()
	a.append(journaled, report(piecemeal("w", "jane@contoso.example", 1, 2, "pump\n"), "To: bob@contoso.example"))
	a.append(archive.Meta{}, piecemeal("w", "jane@contoso.example", 2, 2, "gauge\n"))
	a.append(journaled, report(piecemeal("w", "jane@contoso.example", 1, 2, "pump\n"), "To: carol@contoso.example"))
	x := follow(t, a)
	settled(t, x, a)
	finds(t, x, map[string]string{"pump gauge": "0", "pump rcpt:bob rcpt:carol": "0", "is:unsearchable": ""})
}

// What cannot be read for a while is joined when it can.
func TestJoiningWaitsForTheArchive(t *testing.T) {
	a := &shyArchive{memArchive: newMemArchive()}
	a.append(archive.Meta{}, piecemeal("w", "jane@contoso.example", 2, 2, "gauge\n"))
	x := follow(t, a)
	caughtUp(t, x, a)
	a.shy = true
	a.append(archive.Meta{}, piecemeal("w", "jane@contoso.example", 1, 2, "pump\n"))
	until(x, func() bool { return x.Status().Failure != "" })
	a.mu.Lock()
	a.shy = false
	a.mu.Unlock()
	settled(t, x, a)
	finds(t, x, map[string]string{"pump gauge": "1", "is:unsearchable": ""})
}

// The order in which fragments are found, and where, does not matter to what is joined.
func TestAssembleDoesNotDependOnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []piece
		for i := range rapid.IntRange(0, 6).Draw(t, "pieces") {
			p := piece{doc: docID(i), received: int64(rapid.IntRange(0, 2).Draw(t, "received")), at: archive.Address{Stream: archive.Mail, Position: archive.Position(i)}}
			p.Number, p.Total = uint32(rapid.IntRange(1, 4).Draw(t, "number")), uint32(rapid.IntRange(0, 4).Draw(t, "total"))
			all = append(all, p)
		}
		parts, whole := assemble(append([]piece(nil), all...))
		again, whole2 := assemble(rapid.Permutation(all).Draw(t, "order"))
		if whole != whole2 || !cmp.Equal(parts, again, cmp.AllowUnexported(piece{}, fragment{})) {
			t.Fatalf("%+v, %v and %+v, %v", parts, whole, again, whole2)
		}
		for i, p := range parts {
			if whole && int(p.Number) != i+1 {
				t.Fatalf("the whole has %+v", parts)
			}
		}
	})
}

// Each reason for which a text is not searched is told in plain words, and by the defects that the reader found.
func TestReasonsAreTheReadersDefects(t *testing.T) {
	part := func(fields, body string) string {
		return mail(body, append([]string{"From: jane@contoso.example"}, strings.Split(fields, "\n")...)...)
	}
	tnef := "Content-Type: application/ms-tnef; name=winmail.dat\nContent-Transfer-Encoding: base64"
	smime := "Content-Type: application/pkcs7-mime; smime-type=%s; name=smime.p7m\nContent-Transfer-Encoding: base64"
	for _, c := range []struct{ raw, want string }{
		{part(tnef, "eJ8+IgEAAQ==\n"), reasonTNEF},
		{part(fmt.Sprintf(smime, "signed-data"), "bm90IENNUw==\n"), reasonSMIME},
		{part(fmt.Sprintf(smime, "enveloped-data"), "bm90IENNUw==\n"), reasonEncrypted},
		{part(fmt.Sprintf(smime, "signed-data"), "MAsGCSqGSIb3DQEHAw==\n"), reasonEncrypted}, // Its bytes say so.
		{part(fmt.Sprintf(smime, "compressed-data"), "MA0GCyqGSIb3DQEJEAEJ\n"), reasonCompressed},
		{part("Content-Type: message/partial; number=1", "pump\n"), reasonPartial},
		{fixture(t, "53-smime-opaque.eml"), reasonSMIME},
		{fixture(t, "15-exchange-inner-winmail-dat.eml"), ""},
	} {
		e := newAnalyzer(nil, discard).analyze(archive.Meta{Kind: archive.KindMessage, Source: archive.Source{Format: message.FormatAuto}}, []byte(c.raw), nil)
		if e.summary.unsearchable != c.want {
			t.Errorf("got %q, want %q: %s\n%s", e.summary.unsearchable, c.want, e.details, c.raw)
		}
	}
}

// Whatever two messages are, alone and joined, reading them comes to an end, gives the same again, and
// finds no fault of ours.
func FuzzJoin(f *testing.F) {
	f.Add(piecemeal("w", "jane@contoso.example", 1, 2, "pump\n"), piecemeal("w", "jane@contoso.example", 2, 2, "gauge\n"))
	f.Add(fixture(f, "55-message-partial-1of2.eml"), fixture(f, "06-m365-bifurcated-1.eml"))
	f.Fuzz(func(t *testing.T, one, two string) {
		z, meta := newAnalyzer(nil, discard), archive.Meta{Kind: archive.KindMessage}
		j := &joined{records: []archive.Record{{Meta: meta, Body: []byte(one)}, {Meta: meta, Body: []byte(two)}}}
		for _, with := range []*joined{nil, j} {
			a, b := z.analyze(meta, []byte(one), with), z.analyze(meta, []byte(one), with)
			if a.summary.unsearchable == reasonFault {
				t.Fatal("reading failed")
			}
			if !cmp.Equal(a.same, b.same) || !cmp.Equal(a.text, b.text) || !cmp.Equal(a.fragment, b.fragment) || a.whole != b.whole {
				t.Fatal("reading again gives something else")
			}
		}
	})
}

var errShy = errors.New("the bucket is away")

// shyArchive cannot read single records for a while.
type shyArchive struct {
	*memArchive
	shy bool // guarded by mu
}

func (a *shyArchive) Read(ctx context.Context, at archive.Address) (archive.Record, error) {
	a.mu.Lock()
	shy := a.shy
	a.mu.Unlock()
	if shy {
		return archive.Record{}, errShy
	}
	return a.memArchive.Read(ctx, at)
}
