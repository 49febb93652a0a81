package index

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/document"
	"polytrace/message/auth"
)

// history appends records of all kinds to an archive: mail whose parents come
// late or never, the same bytes again in the same and in other streams, decisions, removals, damage.
type history struct {
	*memArchive
	raws []string          // Bodies that may come again.
	mail []historyMail     // Of which other copies may come.
	seen []archive.Address // Of records with bodies.
	made int

	removed []archive.Removal
	steps   steps

	corrected []casework.ThreadUndoneData // What takes back what was decided.
}

// historyMail is a message that has a Message-ID.
type historyMail struct {
	body   string
	fields []string
}

// slowly has the index delete what was removed in small steps, so that much comes between them.
func (h *history) slowly() steps { return h.steps }

func newHistory() *history { return &history{memArchive: newMemArchive()} }

var historyStreams = []archive.Stream{"backup", archive.Mail, "mail-legal-10y"}

var historyPeople = []string{
	"Jane Döe <jane@contoso.example>", "bob@contoso.example", "Ops <ops@mail.fabrikam.example>", "help@northwind.example",
}

func pick[E any](t *rapid.T, from []E) E { return from[rapid.IntRange(0, len(from)-1).Draw(t, "pick")] }

func (h *history) grow(t *rapid.T) {
	stream := pick(t, historyStreams)
	switch rapid.IntRange(0, 28).Draw(t, "what") {
	case 28:
		h.search(t)
	case 0, 1:
		h.sighting(t, stream)
	case 2: // As a gateway does that could not ask whether it is known.
		if len(h.raws) > 0 {
			h.append(archive.Meta{Stream: stream, Source: archive.Source{Import: "again.mbox", Mailbox: "bob@contoso.example"}}, pick(t, h.raws))
		}
	case 3:
		h.append(archive.Meta{Stream: stream, Kind: pick(t, []archive.Kind{archive.KindPage, archive.KindFile})}, fmt.Sprintf("no mail %d", h.made))
	case 4:
		h.mu.Lock()
		h.damaged[archive.Address{Stream: stream, Position: archive.Position(len(h.streams[stream]))}] = true
		h.mu.Unlock()
		h.append(archive.Meta{Stream: stream}, mail("damaged"))
	case 5, 6, 24, 25:
		h.decision(t)
	case 7:
		h.removal(t)
	case 8:
		h.carryOut(t)
	case 9:
		h.finding(t, stream)
	case 10, 11, 12:
		h.copy(t, stream)
	case 13, 14, 15:
		h.fragment(t, stream)
	case 16, 17:
		h.picture(t, stream)
	default:
		h.message(t, stream)
	}
	h.made++
}

// finding is a record of facts about some of a stream, as an examiner writes it.
func (h *history) finding(t *rapid.T, stream archive.Stream) {
	n := int(h.Next(stream))
	if n == 0 {
		return
	}
	from := rapid.IntRange(0, n-1).Draw(t, "from")
	var all []auth.Result
	for p := from; p < rapid.IntRange(from, n).Draw(t, "to"); p++ {
		r := auth.Result{Position: uint64(p)}
		if status := pick(t, []string{auth.Pass, auth.Fail, auth.Policy, auth.TempError, ""}); status != "" {
			r.DKIM = []auth.Signature{{Domain: "contoso.example", Status: status, Ref: auth.Ref{Key: "s._domainkey.contoso.example"}}}
		}
		all = append(all, r)
	}
	h.learns(t, stream, nil, all...)
}

func (a *memArchive) learns(t tester, stream archive.Stream, keys []auth.Answer, all ...auth.Result) archive.Address {
	t.Helper()
	body, err := auth.Encode(auth.Findings{Stream: string(stream), Keys: keys, Results: all}, day(2026, 11, 21))
	if err != nil {
		t.Fatal(err)
	}
	return a.append(archive.Meta{Stream: archive.Facts, Kind: archive.KindEvent}, string(body))
}

func (h *history) message(t *rapid.T, stream archive.Stream) {
	id := func() string { return fmt.Sprintf("<%d@contoso.example>", rapid.IntRange(0, 11).Draw(t, "id")) }
	fields := []string{
		"From: " + pick(t, historyPeople), "To: " + pick(t, historyPeople), "Cc: " + pick(t, historyPeople),
		"Subject: " + pick(t, []string{"", "", "Re: ", "AW: "}) + pick(t, []string{"Disk array", "Lieferung München", "交換依頼"}),
		dated(day(2026, 10, 1).Add(time.Duration(rapid.IntRange(0, 60*24).Draw(t, "hour")) * time.Hour)),
	}
	if rapid.IntRange(0, 3).Draw(t, "has id") > 0 {
		fields = append(fields, "Message-ID: "+id())
	}
	switch rapid.IntRange(0, 3).Draw(t, "answers") {
	case 0:
		fields = append(fields, "References: "+id()+" "+id())
	case 1:
		fields = append(fields, "In-Reply-To: "+id())
	}
	body := fmt.Sprintf("record %d %s\n", h.made, strings.Join(rapid.SliceOfN(rapid.SampledFrom(
		[]string{"disk", "array", "full", "überfällig", "交換", "日本語", "https://contoso.example/x"}), 0, 8).Draw(t, "words"), " "))
	raw := mail(body, fields...)
	if strings.Contains(raw, "Message-ID:") {
		h.mail = append(h.mail, historyMail{body, fields})
	}
	h.raws = append(h.raws, raw)
	h.seen = append(h.seen, h.append(archive.Meta{Stream: stream, Source: archive.Source{Queue: "support"}}, raw))
}

// picture appends a message with a picture, and maybe a text and the same picture inside of it.
func (h *history) picture(t *rapid.T, stream archive.Stream) {
	words := pick(t, []string{"disk array", "array disk", "painted", "overflow"})
	fields := []string{"From: " + pick(t, historyPeople), "To: " + pick(t, historyPeople), "Cc: " + pick(t, historyPeople),
		fmt.Sprintf("Subject: painted %d", h.made%3), dated(day(2026, 10, 1)), fmt.Sprintf("Message-ID: <p%d@contoso.example>", h.made%3), "Content-Type: multipart/mixed; boundary=B"}
	body := fmt.Sprintf("--B\nContent-Type: text/plain\n\npicture %d\n--B\nContent-Type: image/png; name=%q\n\n%s\n--B--\n", h.made%3, pick(t, []string{"a.png", "both.png", "locked.png"}), words)
	raw := mail(body, fields...)
	h.mail = append(h.mail, historyMail{body, fields})
	h.raws = append(h.raws, raw)
	h.seen = append(h.seen, h.append(archive.Meta{Stream: stream}, raw))
}

// paints reads pictures whose bytes are what is written in them, or leaves them for later.
func paints(later bool) readBy {
	return func(name, _ string, content []byte) (document.Text, error) {
		part := []document.Part{{Where: "corner", Text: string(content)}}
		var text document.Text
		if name == "both.png" {
			text.Parts = part
		}
		if name == "locked.png" {
			text.Reason = document.Encrypted
			text.Defects = []document.Defect{{Reason: document.Encrypted}}
		}
		if later {
			text.Defects = append(text.Defects, document.Defect{Reason: document.Later})
			text.Reason = text.Defects[0].Reason
			return text, nil
		}
		text.Pictures = part
		return text, nil
	}
}

func (h *history) reads() (by Documents, pictures Pictures) {
	return paints(true), paints(false).pictures
}

// copy appends a message once more, as a mail server sends it to another recipient; some were on
// their way for longer than what came before them.
func (h *history) copy(t *rapid.T, stream archive.Stream) {
	if len(h.mail) == 0 {
		return
	}
	m, to := pick(t, h.mail), pick(t, historyPeople)
	fields := append([]string{fmt.Sprintf("Received: by mx%d.contoso.example", h.made)}, m.fields...)
	fields[2] = "To: " + to
	meta, raw := archive.Meta{Stream: stream, Source: archive.Source{Queue: "copies"}}, mail(m.body, fields...)
	if rapid.Bool().Draw(t, "report") {
		meta.Source.Format, raw = "exchange", report(raw, pick(t, []string{"To", "Bcc", "Recipient"})+": audit@contoso.example")
	}
	if late := rapid.IntRange(-1, 20).Draw(t, "late"); late >= 0 {
		meta.Received = h.clock.Add(-time.Duration(late) * time.Second)
	}
	h.raws = append(h.raws, raw)
	h.seen = append(h.seen, h.append(meta, raw))
}

// fragment appends a part of one of a few messages, also one that was there before.
func (h *history) fragment(t *rapid.T, stream archive.Stream) {
	whole, total := rapid.IntRange(0, 1).Draw(t, "whole"), rapid.IntRange(2, 3).Draw(t, "total")
	n := rapid.IntRange(1, total).Draw(t, "number")
	raw := piecemeal(fmt.Sprintf("%d.%d", whole, total), pick(t, historyPeople[:2]), n, total, fmt.Sprintf("overflow disk%d\n", n))
	if rapid.IntRange(0, 3).Draw(t, "another") == 0 {
		raw = fmt.Sprintf("X-Number: %d\r\n", h.made) + raw
	}
	h.raws = append(h.raws, raw)
	h.seen = append(h.seen, h.append(archive.Meta{Stream: stream, Received: h.clock.Add(time.Duration(rapid.IntRange(-9, 9).Draw(t, "late")) * time.Second)}, raw))
}

// piecemeal is a fragment of a message.
func piecemeal(id, from string, n, total int, text string) string {
	if n == 1 {
		text = "Subject: whole\nMessage-ID: <whole." + id + "@contoso.example>\nContent-Type: text/plain; charset=utf-8\n\n" + text
	}
	return mail(text, "From: "+from, fmt.Sprintf("Subject: split %d", n), fmt.Sprintf("Message-ID: <%d.%s@parts.example>", n, id),
		fmt.Sprintf("Content-Type: message/partial; id=%q; number=%d; total=%d", id, n, total))
}

// report is the journal report of a message.
func report(raw string, recipients ...string) string {
	return "X-MS-Journal-Report:\r\nFrom: x@contoso.example\r\nMessage-ID: <" + fmt.Sprint(len(raw)) + "@journal.report.generator>\r\n" +
		"Date: Mon, 2 Nov 2026 10:00:00 +0000\r\nContent-Type: multipart/mixed; boundary=J\r\n\r\n--J\r\nContent-Type: text/plain\r\n\r\n" +
		"Sender: x@contoso.example\r\nMessage-Id: <1@contoso.example>\r\n" + strings.Join(recipients, "\r\n") +
		"\r\n--J\r\nContent-Type: message/rfc822\r\n\r\n" + raw + "\r\n--J--\r\n"
}

func (h *history) sighting(t *rapid.T, stream archive.Stream) {
	if len(h.seen) == 0 {
		return
	}
	m := archive.Meta{Stream: stream, Source: archive.Source{Queue: pick(t, []string{"sales", "legal"}), Format: "postfix"}}
	if rapid.Bool().Draw(t, "has envelope") {
		hidden := pick(t, []string{"audit", "boss"})
		m.Envelope = &archive.Envelope{From: "mx@contoso.example", To: []string{"sales-x+to=" + hidden + "=contoso.example@journal.example.net"}}
	}
	h.again(pick(t, h.seen), m)
}

func (h *history) decision(t *rapid.T) {
	number, id := rapid.IntRange(1, 3).Draw(t, "case"), rapid.IntRange(1, 6).Draw(t, "citation")
	if len(h.seen) == 0 || rapid.IntRange(0, 4).Draw(t, "unknown") == 0 {
		h.append(archive.Meta{Stream: archive.Ledger, Kind: archive.KindEvent}, "{\"polytrace\":99}")
		return
	}
	at := pick(t, h.seen)
	if rapid.Bool().Draw(t, "about a conversation") {
		h.correction(t)
		return
	}
	if rapid.IntRange(0, 2).Draw(t, "removed") == 0 {
		h.decide(t, casework.CitationRemoved, number, casework.CitationRemovedData{ID: id, Record: at})
		return
	}
	h.decide(t, casework.CitationAdded, number, casework.CitationData{ID: h.made, Record: at, SHA256: h.streams[at.Stream][at.Position].Meta.SHA256})
}

// correction splits, joins, or takes that back, also what was taken back before.
func (h *history) correction(t *rapid.T) {
	named := func() casework.Named {
		at := pick(t, h.seen)
		return casework.Named{Record: at, SHA256: h.streams[at.Stream][at.Position].Meta.SHA256}
	}
	switch what := rapid.IntRange(0, 3).Draw(t, "correction"); {
	case what == 0 && len(h.corrected) > 0:
		h.decide(t, casework.ThreadUndone, 0, pick(t, h.corrected))
	case what == 1:
		data := casework.ThreadJoinedData{Messages: [2]casework.Named{named(), named()}}
		at := h.decide(t, casework.ThreadJoined, 0, data)
		h.corrected = append(h.corrected, casework.ThreadUndoneData{Decision: at.Position, Messages: data.Messages[:]})
	default:
		data := casework.ThreadSplitData{Message: named()}
		at := h.decide(t, casework.ThreadSplit, 0, data)
		h.corrected = append(h.corrected, casework.ThreadUndoneData{Decision: at.Position, Messages: []casework.Named{data.Message}})
	}
}

// removal orders that runs of records are removed, some of which never came or were removed before.
func (h *history) removal(t *rapid.T) {
	var all []archive.Removal
	for range rapid.IntRange(1, 3).Draw(t, "runs") {
		s := pick(t, historyStreams)
		if next := len(h.streams[s]); next > 0 {
			first := rapid.IntRange(0, next-1).Draw(t, "first")
			all = append(all, archive.Removal{Stream: s, First: archive.Position(first), Records: rapid.IntRange(1, min(4, next-first)).Draw(t, "records")})
		}
	}
	h.removes(t, pick(t, []casework.EventType{casework.ErasureOrdered, casework.RetentionExpired}), fmt.Sprintf("reason %d", h.made), all...)
	h.removed = append(h.removed, all...)
}

// carryOut lets the archive have some of the removed records no more.
func (h *history) carryOut(t *rapid.T) {
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.Copy(h.gone, goneOf(t, h.removed))
}

// goneOf are some records of removals.
func goneOf(t *rapid.T, all []archive.Removal) map[archive.Address]bool {
	gone := map[archive.Address]bool{}
	share := rapid.IntRange(0, 3).Draw(t, "share")
	for _, r := range all {
		for i := range r.Records {
			if rapid.IntRange(1, 3).Draw(t, "gone") <= share {
				gone[archive.Address{Stream: r.Stream, Position: r.First + archive.Position(i)}] = true
			}
		}
	}
	return gone
}

func allGone(all []archive.Removal) map[archive.Address]bool {
	gone := map[archive.Address]bool{}
	for _, r := range all {
		for i := range r.Records {
			gone[archive.Address{Stream: r.Stream, Position: r.First + archive.Position(i)}] = true
		}
	}
	return gone
}

// saysAll is all that an index says about an archive.
func saysAll(t tester, x *Index, a *memArchive) string {
	t.Helper()
	var b strings.Builder
	note := func(what string, value any, err error) {
		var removed *RemovedError
		if errors.As(err, &removed) {
			value = removed
		} else if err != nil && !errors.Is(err, archive.ErrNotFound) {
			t.Fatalf("%s: %v", what, err)
		}
		raw, err := json.MarshalIndent(value, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s: %s\n", what, raw)
	}
	ctx := context.Background()
	for _, q := range []string{
		"", "disk", "disk array", "\"disk array\"", "-disk", "日本", "uberf*", "subject:munchen", "from:jane", "to:@contoso.example", "rcpt:audit",
		"to:boss", "bcc:audit", "queue:copies", "overflow", "subject:whole", "queue:sales", "is:import", "is:unsearchable", "kind:page", "painted", "attachment:disk", "attachment:\"array disk\"", "attachment:\"disk corner\"", "case:1", "case:2", "has:link", "id:3@contoso.example", "dkim:pass", "dkim:fail", "dkim:none", "after:2026-10-20",
		"thread:{disk}", "thread:(subject:munchen -from:jane)", "-thread:{array}",
	} {
		for _, order := range []Sort{Newest, Oldest, Relevance} {
			r, err := x.Search(ctx, Request{Query: q, Limit: 7, Sort: order, Now: testNow, Facets: true})
			if err == nil && order == Relevance && r.Next != "" {
				r.Next = "more" // The cursor has a number of documents, which counts the removed ones where they were seen.
			}
			note(fmt.Sprintf("search %q %s", q, order), r, err)
		}
	}
	for _, s := range historyStreams {
		for p := range a.Next(s) {
			at := archive.Address{Stream: s, Position: p}
			d, err := x.Document(ctx, at)
			note("document "+at.String(), d, err)
			thread, err := x.Thread(ctx, threadID(at))
			note("thread "+at.String(), thread, err)
			known, err := x.Known(a.streams[s][p].Meta.SHA256)
			note("known "+at.String(), known, err)
		}
	}
	note("matched", matched(t, x, x.Within(Within{})), nil)
	volume, err := x.Volume(ctx, time.Time{})
	note("volume", volume, err)
	status := x.Status()
	status.Bytes, status.CompleteTo = 0, time.Time{}
	note("status", status, nil)
	return b.String()
}

// rebuilt is what an index says that is built from the first record on.
func rebuilt(t tester, a *memArchive) string {
	t.Helper()
	return rebuiltAs(t, a, a)
}

// rebuiltAs is the same with what is set up for a kind of archive.
func rebuiltAs(t tester, a *memArchive, as Archive) string {
	t.Helper()
	x, stop := followOn(t, vfs.NewMem(), as)
	defer stop()
	settled(t, x, a)
	return saysAll(t, x, a)
}

// live lets an index follow while records come, and be built anew beside.
func (h *history) live(t *rapid.T, fs vfs.FS) {
	x, stop := followOn(t, fs, h)
	defer stop() // Also when there is nothing more to draw.
	for range rapid.IntRange(1, 15).Draw(t, "records") {
		h.grow(t)
		if rapid.IntRange(0, 19).Draw(t, "rebuild") == 0 {
			x.want("test")
		}
		if rapid.IntRange(0, 2).Draw(t, "wait") == 0 {
			caughtUp(t, x, h)
		}
	}
}

// An index that followed the archive record by record, was stopped anywhere
// and went on from its watermark equals one rebuilt from the first record.
func TestRebuildEqualsFollow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h, fs := newHistory(), vfs.NewMem()
		h.steps = pick(t, []steps{usualSteps, {rows: 0, keys: 3}, {rows: 1, keys: 40}, {rows: 2, keys: 1000}})
		for range rapid.IntRange(1, 4).Draw(t, "starts") {
			h.live(t, fs)
		}
		some := goneOf(t, h.removed)
		x, stop := followOn(t, fs, h)
		defer stop()
		settled(t, x, h)
		noTraces(t, x)
		got := saysAll(t, x, h.memArchive)
		for what, gone := range map[string]map[archive.Address]bool{
			"now": h.gone, "before removals were carried out": nil, "when some were": some, "when all were": allGone(h.removed),
		} {
			a := h.with(gone)
			if diff := cmp.Diff(rebuiltAs(t, a, &history{memArchive: a, steps: usualSteps}), got); diff != "" {
				t.Fatalf("rebuilt as the archive is %s, and followed (-want +got):\n%s", what, diff)
			}
		}
	})
}
