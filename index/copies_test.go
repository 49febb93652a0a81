package index

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/message"
)

// fixture reads one of the messages that are written after what mail servers send.
func fixture(t testing.TB, name string) string {
	t.Helper()
	raw, err := os.ReadFile("../message/testdata/fixtures/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

var journaled = archive.Meta{Source: archive.Source{Queue: "support", Format: message.FormatExchange},
	Envelope: &archive.Envelope{To: []string{"support-7f3k2@journal.example.net"}}}

// told lists recipients in short.
func told(all []message.Recipient) (out []string) {
	for _, r := range all {
		out = append(out, r.Role+" "+r.Address+" "+r.Provenance)
	}
	return out
}

// The reports of one message are one hit, found by the recipients of all of
// them, and every report stays there with what it tells.
func TestBifurcatedReportsAreOneMessage(t *testing.T) {
	a := newMemArchive()
	first := a.append(journaled, fixture(t, "06-m365-bifurcated-1.eml"))
	second := a.append(journaled, fixture(t, "07-m365-bifurcated-2.eml"))
	x := follow(t, a)
	caughtUp(t, x, a)
	finds(t, x, map[string]string{
		"": "0", "same body": "0", "rcpt:bob@contoso.example": "0", "rcpt:buyer@customer.example": "0", "to:bob to:buyer": "0", "rcpt:bob rcpt:buyer": "0",
		"rcpt:bob -rcpt:buyer": "", "id:fork1@contoso.example": "0", "is:journal": "0", "kind:message": "0",
	})
	if res := search(t, x, Request{}); res.Total != 1 || res.Items[0].Copies != 2 || res.Items[0].Sightings != 2 || res.Volume[0].Count != 1 {
		t.Errorf("results are %+v", res)
	}
	if st := x.Status(); st.Documents != 1 || st.Records != 2 {
		t.Errorf("status is %+v", st)
	}
	for _, at := range []archive.Address{first, second} {
		d := documentAt(t, x, at)
		if d.Address != first || len(d.Variants) > 0 || len(d.Seen) != 2 || d.Seen[0].Address != first || d.Seen[1].Address != second {
			t.Errorf("document of %s is %+v", at, d)
		}
		want := []string{"to bob@contoso.example proven:journal", "to buyer@customer.example proven:journal"}
		if diff := cmp.Diff(want, told(d.Recipients)); diff != "" {
			t.Errorf("recipients (-want +got):\n%s", diff)
		}
		for i, s := range d.Seen {
			if !slices.Equal(told(s.Recipients), want[i:i+1]) || s.Source.Queue != "support" || s.SHA256 != a.streams[archive.Mail][i].Meta.SHA256 || s.Size == 0 {
				t.Errorf("copy %d is %+v", i, s)
			}
		}
	}
	thread, err := x.Thread(context.Background(), threadID(second))
	if err != nil || len(thread.Messages) != 1 {
		t.Errorf("conversation is %+v, %v", thread, err)
	}
}

// So are plain copies: one for each recipient as Google sends them, and the two of
// Postfix that has a map for the sender and one for the recipient.
func TestPlainCopiesAreOneMessage(t *testing.T) {
	a := newMemArchive()
	google := archive.Meta{Source: archive.Source{Queue: "google", Format: message.FormatGoogle}}
	bob := fixture(t, "21-google-also-deliver-to-1.eml")
	a.append(google, bob)
	a.append(google, strings.NewReplacer("X-Gm-Original-To: bob@", "X-Gm-Original-To: carol@", "for <bob@", "for <carol@", "Google-Smtp-Source: A", "Google-Smtp-Source: B").Replace(bob))
	postfix := archive.Meta{Source: archive.Source{Queue: "mx", Format: message.FormatPostfix}}
	raw := mail("pump\n", "From: kim@contoso.example", "To: dan@contoso.example", "Message-ID: <p1@contoso.example>")
	postfix.Envelope = &archive.Envelope{To: []string{"mx-1+from=kim=contoso.example@journal.example.net"}}
	a.append(postfix, "Received: by mx; 1\r\n"+raw)
	postfix.Envelope = &archive.Envelope{To: []string{"mx-1+to=dan=contoso.example@journal.example.net"}}
	second := a.append(postfix, "Received: by mx; 2\r\n"+raw)
	x := follow(t, a)
	caughtUp(t, x, a)
	finds(t, x, map[string]string{"": "2 0", "figures": "0", "to:bob": "0", "to:carol": "0", "pump": "2", "rcpt:dan": "2", "queue:mx": "2"})
	d := documentAt(t, x, second)
	if got := told(d.Recipients); !slices.Equal(got, []string{"to dan@contoso.example proven:token"}) {
		t.Errorf("the header's recipient is not proven by the other copy: %v", got)
	}
}

// The same Message-ID with other content stays a message of its own, shown as a variant; so
// does what has no Message-ID, and what is part of another conversation.
func TestOtherContentIsNoCopy(t *testing.T) {
	const body, from, id, subject, date = "pump\n", "From: jane@contoso.example", "Message-ID: <1@contoso.example>", "Subject: Disk", "Date: Mon, 2 Nov 2026 10:00:00 +0000"
	a := newMemArchive()
	a.append(archive.Meta{}, mail(body, id, subject, date, from))
	for _, other := range []string{
		mail("pomp\n", id, subject, date, from), mail(body, id, "Subject: [EXT] Disk", date, from), mail(body, id, subject, date, "From: bob@contoso.example"),
		mail(body, id, subject, "Date: Mon, 2 Nov 2026 10:00:01 +0000", from), mail(body, id, subject, date, from, "References: <0@contoso.example>"),
		mail("--B\n\npump\n--B\nContent-Disposition: attachment; filename=x\n\n1\n--B--\n", id, subject, date, from, "Content-Type: multipart/mixed; boundary=B"),
		mail("--B\n\npump\n--B\nContent-Disposition: attachment; filename=x\n\n2\n--B--\n", id, subject, date, from, "Content-Type: multipart/mixed; boundary=B"),
	} {
		a.append(archive.Meta{}, other)
	}
	ids := int(a.Next(archive.Mail))
	for _, bare := range []string{mail(body, subject, date, from), mail(body, "X-A: 1", subject, date, from), mail(body, id, "Date: never", from), mail(body, "X-A: 1", id, "Date: never", from)} {
		a.append(archive.Meta{}, bare)
	}
	x := follow(t, a)
	caughtUp(t, x, a)
	if all := search(t, x, Request{}); all.Total != int(a.Next(archive.Mail)) {
		t.Errorf("%d messages of %d are found", all.Total, a.Next(archive.Mail))
	}
	if d := documentAt(t, x, archive.Address{Stream: archive.Mail}); len(d.Variants) != ids+1 || d.Copies != 1 {
		t.Errorf("document has variants %v and %d copies", d.Variants, d.Copies)
	}
}

// What mail servers write anew on the way makes no other message of it: fields, their order and
// folding, encodings, how lines end.
func TestRewrittenCopyIsACopy(t *testing.T) {
	a := newMemArchive()
	a.append(archive.Meta{}, mail("Grüße und mehr\nzweite\n", "From: Jane <jane@contoso.example>", "Subject: Ein Betreff", "Message-ID: <1@contoso.example>", "Date: Mon, 2 Nov 2026 10:00:00 +0000"))
	a.append(archive.Meta{}, strings.ReplaceAll(mail("Gr=C3=BC=C3=9Fe und =\nmehr\nzweite", "Received: x", "DATE: Mon, 02 Nov 2026 11:00:00 +0100", "message-id: <1@contoso.example>",
		"Subject: Ein\r\n\t=?utf-8?q?Betreff?=", "From: <Jane@contoso.example>", "Content-Type: text/plain; charset=\"UTF-8\"", "Content-Transfer-Encoding: quoted-printable"), "\r\n", "\n"))
	x := follow(t, a)
	caughtUp(t, x, a)
	finds(t, x, map[string]string{"": "0", "grusse": "0", "subject:betreff": "0"})
}

// A message is shown by the copy that was received first, whichever came into the index first.
func TestFirstCopyIsShown(t *testing.T) {
	copyOf := func(n int, to string) string {
		return mail("pump\n", fmt.Sprintf("Received: %d", n), "From: jane@contoso.example", "To: "+to, "Message-ID: <1@contoso.example>", "Subject: Disk")
	}
	a := newMemArchive()
	late := a.append(archive.Meta{Received: day(2026, 11, 5)}, copyOf(1, "late@contoso.example"))
	a.append(archive.Meta{}, mail("answer\n", "From: bob@contoso.example", "References: <1@contoso.example>"))
	x := follow(t, a)
	caughtUp(t, x, a)
	early := a.append(archive.Meta{Stream: "z-mail", Received: day(2026, 11, 4)}, copyOf(22, "early@contoso.example"))
	caughtUp(t, x, a)
	d := documentAt(t, x, late)
	if d.Address != early || len(d.To) != 1 || d.To[0].Address != "early@contoso.example" || d.Size != int64(len(copyOf(22, "early@contoso.example"))) || d.Meta.Address() != early {
		t.Errorf("shown is %+v", d)
	}
	if diff := cmp.Diff(rebuilt(t, a), saysAll(t, x, a)); diff != "" {
		t.Errorf("rebuilt and followed (-want +got):\n%s", diff)
	}
}

// Removing one copy takes along what it alone told; the message stays with the others, and
// goes with the last.
func TestRemovedCopyTakesItsRecipientsAlong(t *testing.T) {
	a := newMemArchive()
	first := a.append(journaled, fixture(t, "06-m365-bifurcated-1.eml"))
	second := a.append(journaled, fixture(t, "07-m365-bifurcated-2.eml"))
	digest := a.streams[archive.Mail][0].Meta.SHA256
	a.decide(t, casework.CitationAdded, 1, casework.CitationData{ID: 1, Record: second, SHA256: a.streams[archive.Mail][1].Meta.SHA256})
	x := follow(t, a)
	settled(t, x, a)
	finds(t, x, map[string]string{"case:1": "0", "rcpt:bob": "0"})
	if cases := search(t, x, Request{}).Items[0].Cases; !slices.Equal(cases, []int{1}) {
		t.Errorf("cited by %v through its second copy", cases)
	}
	a.removes(t, casework.ErasureOrdered, "", archive.Removal{Stream: first.Stream, First: first.Position, Records: 1})
	settled(t, x, a)
	finds(t, x, map[string]string{"": "1", "same body": "1", "rcpt:bob": "", "rcpt:buyer": "1", "case:1": "1", "sha256:" + digest.String(): ""})
	if d := documentAt(t, x, second); d.Copies != 1 || len(d.Recipients) != 1 || len(d.Seen) != 1 {
		t.Errorf("document is %+v", d)
	}
	if _, err := x.Document(context.Background(), first); !errors.Is(err, archive.ErrGone) {
		t.Errorf("erased copy: %v", err)
	}
	if diff := cmp.Diff(rebuilt(t, a), saysAll(t, x, a)); diff != "" {
		t.Errorf("rebuilt and followed (-want +got):\n%s", diff)
	}
	a.removes(t, casework.ErasureOrdered, "", archive.Removal{Stream: second.Stream, First: second.Position, Records: 1})
	settled(t, x, a)
	finds(t, x, map[string]string{"": "", "rcpt:buyer": ""})
}

// Whether bytes are known is asked to store them once: other copies do not count.
func TestKnownIsOfTheBytesAlone(t *testing.T) {
	a := newMemArchive()
	first := fixture(t, "06-m365-bifurcated-1.eml")
	at := a.append(journaled, first)
	a.append(journaled, fixture(t, "07-m365-bifurcated-2.eml"))
	x := follow(t, a)
	caughtUp(t, x, a)
	known, err := x.Known(sha256.Sum256([]byte(first)))
	if err != nil || len(known) != 1 || known[0].Address != at {
		t.Errorf("known are %+v, %v", known, err)
	}
}

// A sighting whose bytes come later comes into the message that they turn out to be a copy of.
func TestSightingOfACopyToCome(t *testing.T) {
	a := newMemArchive()
	other := a.append(archive.Meta{Stream: "z-mail", Received: day(2026, 11, 4), Source: journaled.Source}, fixture(t, "07-m365-bifurcated-2.eml"))
	a.append(journaled, fixture(t, "06-m365-bifurcated-1.eml"))
	sighting := a.again(other, archive.Meta{Received: day(2026, 11, 5).Add(time.Hour), Source: archive.Source{Queue: "sales"}})
	x := follow(t, a)
	settled(t, x, a)
	d := documentAt(t, x, sighting)
	if search(t, x, Request{Query: "queue:sales queue:support"}).Total != 1 || d.Copies != 2 || d.Sightings != 3 || d.Address != other {
		t.Errorf("document is %+v", d)
	}
}

// Where two documents turn out to be one, rows go that readers of the state before may be looking
// for: that is committed while nobody is.
func TestDocumentsThatAreOneAreJoinedWhileNobodyLooks(t *testing.T) {
	a := newMemArchive()
	other := a.append(archive.Meta{Stream: "z-mail", Received: day(2026, 11, 4), Source: journaled.Source}, fixture(t, "07-m365-bifurcated-2.eml"))
	a.append(journaled, fixture(t, "06-m365-bifurcated-1.eml"))
	a.again(other, archive.Meta{Received: day(2026, 11, 5).Add(time.Hour), Source: archive.Source{Queue: "sales"}})
	x, err := openOn(vfs.NewMem(), a, Config{Dir: "index"})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	r := newReader(x, t.Context())
	for _, c := range []struct {
		stream archive.Stream
		takes  bool
	}{{archive.Mail, false}, {"z-mail", true}} {
		u, err := r.run(c.stream)
		if err != nil {
			t.Fatal(err)
		}
		takes := false
		do := func(db *pebble.DB, s *state, m *memory) (*pebble.Batch, *state, error) {
			batch, next, err := apply(db, s, m, u)
			if err == nil {
				takes = next.takes
			}
			return batch, next, err
		}
		if err := x.change(do, false); err != nil || takes != c.takes {
			t.Errorf("%s: %v, takes %v, want %v", c.stream, err, takes, c.takes)
		}
	}
}

// An index of an earlier version is read anew without loss, and says why.
func TestIndexOfAnEarlierFormatIsReadAnew(t *testing.T) {
	a := newMemArchive()
	a.append(journaled, fixture(t, "06-m365-bifurcated-1.eml"))
	a.append(journaled, fixture(t, "07-m365-bifurcated-2.eml"))
	x := openByHand(t, a)
	x.apply()
	want := saysAll(t, x.Index, a)
	note(t, x.db.Set([]byte("!version"), []byte("2"), pebble.NoSync))
	note(t, x.Close())
	logged := &strings.Builder{}
	var err error
	x.Index, err = openOn(x.fs, a, Config{Dir: "index", Log: slog.New(slog.NewTextHandler(logged, nil))})
	note(t, err)
	if st := x.Status(); st.Documents != 0 || st.Lag != 2 {
		t.Errorf("status after opening is %+v", st)
	}
	if !strings.Contains(logged.String(), "it is of format") || !strings.Contains(logged.String(), formatVersion) {
		t.Errorf("log says %s", logged)
	}
	x.apply()
	if diff := cmp.Diff(want, saysAll(t, x.Index, a)); diff != "" {
		t.Errorf("read anew (-want +got):\n%s", diff)
	}
}
