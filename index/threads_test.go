package index

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

// talk appends a message at noon of a day of 2026; fields may name all but From, To, Subject and Date.
func talk(a *memArchive, from, to, subject string, sent time.Time, fields ...string) archive.Address {
	return a.append(archive.Meta{}, mail(fmt.Sprint("nr", a.Next(archive.Mail)), append([]string{"From: " + from, "To: " + to, "Subject: " + subject, dated(sent)}, fields...)...))
}

func (a *memArchive) splits(t tester, at archive.Address) archive.Address {
	t.Helper()
	return a.decide(t, casework.ThreadSplit, 0, casework.ThreadSplitData{Message: a.named(at)})
}

func (a *memArchive) joins(t tester, at, with archive.Address) archive.Address {
	t.Helper()
	return a.decide(t, casework.ThreadJoined, 0, casework.ThreadJoinedData{Messages: [2]casework.Named{a.named(at), a.named(with)}})
}

func (a *memArchive) named(at archive.Address) casework.Named {
	return casework.Named{Record: at, SHA256: a.streams[at.Stream][at.Position].Meta.SHA256}
}

// threads says who is in one conversation: "0 1, 2".
func threads(t tester, x *Index, a *memArchive) string {
	t.Helper()
	caughtUp(t, x, a)
	var all []string
	for p := range a.Next(archive.Mail) {
		c, err := x.Thread(context.Background(), threadID(archive.Address{Stream: archive.Mail, Position: p}))
		if err != nil {
			t.Fatal(err)
		}
		var in []string
		for _, m := range c.Messages {
			in = append(in, fmt.Sprint(m.Address.Position))
		}
		slices.Sort(in)
		if text := strings.Join(in, " "); !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return strings.Join(all, ", ")
}

const (
	jane = "jane@contoso.example"
	bob  = "bob@fabrikam.example"
)

// What breaks the conversations of other programs does not break these, before and after something is split off.
func TestConversationsStandWhatBreaksOthers(t *testing.T) {
	id := func(n int) string { return fmt.Sprintf("Message-ID: <%d@contoso.example>", n) }
	answers := func(n ...int) string {
		line := "References:"
		for _, n := range n {
			line += fmt.Sprintf("\r\n <%d@contoso.example>", n)
		}
		return line
	}
	thousand := make([]int, 1000)
	for i := range thousand {
		thousand[i] = i
	}
	nov := func(d int) time.Time { return day(2026, 11, d) }
	constant := "Thread-Index: AdAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="
	for name, c := range map[string]struct {
		make          func(a *memArchive)
		before, after string // Conversations; in between the message 1 is split off.
	}{
		"a constant Thread-Index under different subjects": {func(a *memArchive) {
			talk(a, jane, bob, "Invoice", nov(1), constant)
			talk(a, jane, bob, "Delivery", nov(2), constant)
			talk(a, bob, jane, "Re: Invoice", nov(3), constant)
		}, "0 2, 1", "0 2, 1"},
		"a constant Thread-Index and subject": {func(a *memArchive) {
			talk(a, jane, bob, "Invoice", nov(1), constant)
			talk(a, jane, bob, "Invoice", nov(2), constant, id(1))
			talk(a, bob, jane, "AW: Invoice", nov(3), constant, answers(1))
			talk(a, jane, bob, "Invoice", nov(4), constant)
		}, "0 1 2 3", "0 3, 1 2"},
		"a reply with the same subject years later": {func(a *memArchive) {
			talk(a, jane, bob, "Invoice", day(2020, 3, 1))
			talk(a, jane, bob, "Invoice", nov(1))
			talk(a, bob, jane, "Re: Invoice", nov(2))
		}, "0, 1 2", "0, 1 2"},
		"replies by subject alone, of whom one is split off with what answers it": {func(a *memArchive) {
			talk(a, jane, bob, "Invoice", nov(1))
			talk(a, bob, jane, "Re: Invoice", nov(3))
			talk(a, bob, jane, "Re: Invoice", nov(2))
			talk(a, jane, bob, "Re: Invoice", nov(4))
		}, "0 1 2 3", "0 2, 1 3"},
		"digests of a mailing list, which name all that is in them": {func(a *memArchive) {
			talk(a, jane, bob, "Pumps", nov(1), id(10))
			talk(a, bob, jane, "Re: Pumps", nov(2), id(11), answers(10))
			talk(a, "list@contoso.example", bob, "List Digest, Vol 1", nov(3), id(20))
			talk(a, "list@contoso.example", bob, "List Digest, Vol 2", nov(4), id(21))
			talk(a, jane, "list@contoso.example", "Re: List Digest, Vol 1", nov(5), id(22), answers(20))
		}, "0 1, 2 4, 3", "0, 1, 2 4, 3"},
		"a thousand References": {func(a *memArchive) {
			talk(a, jane, bob, "Pumps", nov(1), id(500))
			talk(a, bob, jane, "Re: Pumps", nov(2), id(998), answers(thousand[:998]...))
			talk(a, jane, bob, "Re: Pumps", nov(3), id(1500), answers(thousand...))
		}, "0 1 2", "0, 1 2"},
		"an ID that references itself": {func(a *memArchive) {
			talk(a, jane, bob, "Pumps", nov(1), id(1), answers(1))
			talk(a, bob, jane, "Re: Pumps", nov(2), id(2), answers(2, 1, 2))
			talk(a, jane, bob, "Re: Pumps", nov(3), id(3), answers(1, 2, 3))
		}, "0 1 2", "0, 1 2"},
		"References in a circle": {func(a *memArchive) {
			talk(a, jane, bob, "Pumps", nov(1), id(1), answers(3))
			talk(a, bob, jane, "Re: Pumps", nov(2), id(2), answers(1))
			talk(a, jane, bob, "Re: Pumps", nov(3), id(3), answers(2))
			talk(a, jane, bob, "Re: Pumps", nov(4), id(4), answers(1, 2, 3))
		}, "0 1 2 3", "0 1 2 3"}, // All of them hang below 1.
		"answers that name older messages, or lost ones": {func(a *memArchive) {
			talk(a, jane, bob, "Pumps", nov(1), id(1))
			talk(a, bob, jane, "Re: Pumps", nov(2), id(2), answers(1))
			talk(a, jane, bob, "Re: Pumps", nov(4), id(4), answers(1, 2, 3)) // 3 is lost.
			talk(a, bob, jane, "Re: Pumps", nov(5), id(5), answers(1, 3))    // Without 2, as RFC 5322 lets programs shorten it.
			talk(a, bob, jane, "Re: Pumps", nov(6), id(6), "In-Reply-To: <2@contoso.example>", answers(1))
			talk(a, bob, jane, "Re: Pumps", nov(7), id(7), answers(1))
		}, "0 1 2 3 4 5", "0 5, 1 2 3 4"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newMemArchive()
			x := follow(t, a)
			c.make(a)
			if got := threads(t, x, a); got != c.before {
				t.Errorf("conversations are %s, want %s", got, c.before)
			}
			split := archive.Address{Stream: archive.Mail, Position: 1}
			decision := a.splits(t, split)
			if got := threads(t, x, a); got != c.after {
				t.Errorf("with 1 split off they are %s, want %s", got, c.after)
			}
			a.decide(t, casework.ThreadUndone, 0, casework.ThreadUndoneData{Decision: decision.Position, Messages: []casework.Named{a.named(split)}})
			if got := threads(t, x, a); got != c.before {
				t.Errorf("after that was undone they are %s, want %s", got, c.before)
			}
		})
	}
}

// A message that is joined again after it was split off stays, and one that is split off after it was joined goes.
func TestTheLastDecisionHolds(t *testing.T) {
	a := newMemArchive()
	x := follow(t, a)
	one, two := talk(a, jane, bob, "Pumps", day(2026, 11, 1)), talk(a, jane, bob, "Valves", day(2026, 11, 2))
	for i, c := range []struct {
		decide func()
		want   string
	}{
		{func() { a.joins(t, one, two) }, "0 1"},
		{func() { a.splits(t, two) }, "0, 1"},
		{func() { a.joins(t, two, one) }, "0 1"},
		{func() { a.splits(t, one) }, "0, 1"},
	} {
		c.decide()
		if got := threads(t, x, a); got != c.want {
			t.Errorf("after decision %d they are %s, want %s", i, got, c.want)
		}
	}
}

// A conversation with more members than can be divided in reasonable time stays whole, and says so by staying.
func TestHugeConversationsStayWhole(t *testing.T) {
	a := newMemArchive()
	x := follow(t, a)
	for i := range MaxDivided {
		talk(a, jane, bob, "Build failed", day(2026, 11, 1), fmt.Sprintf("Message-ID: <b%d@contoso.example>", i), "In-Reply-To: <b0@contoso.example>")
	}
	one := archive.Address{Stream: archive.Mail, Position: 7}
	a.splits(t, one)
	size := func(at archive.Address) int {
		t.Helper()
		caughtUp(t, x, a)
		return search(t, x, Request{Query: "thread:" + threadID(at)}).Total
	}
	if n := size(one); n != 1 {
		t.Errorf("%d are in the conversation of what was split off", n)
	}
	talk(a, jane, bob, "Build failed", day(2026, 11, 1), "In-Reply-To: <b0@contoso.example>")
	if n := size(one); n != MaxDivided+1 {
		t.Errorf("%d are in the conversation, want all", n)
	}
}

// How long it takes to find all messages of the conversations in which a common word is, and how much of that is the word itself.
func BenchmarkThreads(b *testing.B) {
	v := newState()
	const n = 1_000_000
	for doc := range docID(n) {
		v.add()
		v.thread[doc/columnBlock][doc%columnBlock] = doc / 3
	}
	hits := make(docSet, n/64+1)
	for doc := docID(0); doc < n; doc += 10 {
		hits.add(doc)
	}
	out := make(docSet, len(hits))
	for b.Loop() {
		clear(out)
		v.allOf(hits, out)
	}
	b.ReportMetric(float64(out.count()), "found")
}
