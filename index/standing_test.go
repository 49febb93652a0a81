package index

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"polytrace/archive"
	"polytrace/casework"
)

// watch saves a search that is watched.
func (a *memArchive) watch(t tester, name, query string) casework.SearchKey {
	t.Helper()
	a.decide(t, casework.SearchSaved, 0, casework.SearchSavedData{Owner: "kim", Name: name, Query: query, Watch: true})
	return casework.SearchKey{Owner: "kim", Name: name}
}

// standingQueries are what the parts of a history may match, all kinds of query among them.
var standingQueries = []string{
	"", "disk", "array", "disk array", "\"disk array\"", "disk NEAR/2 full", "日本", "交換", "uberf*", "d*", "subject:munchen", "from:jane", "to:@contoso.example", "rcpt:audit",
	"to:boss", "bcc:audit", "queue:copies", "queue:s*", "overflow", "subject:whole", "disk2", "is:import", "is:unsearchable", "kind:page", "case:1", "case:2", "has:link",
	"id:3@contoso.example", "dkim:pass", "dkim:none", "after:2026-10-20", "after:30d", "before:3w", "on:yesterday", "larger:450", "smaller:400", "thread:mail-1", "thread:backup-0", "saved:inner", "-saved:inner", "sha256:0123*",
	"thread:{disk}", "thread:{to:boss}", "array -thread:{queue:copies}", "to:*boss*", "queue:copies OR from:*jane*", "received:2026-11", "references:3@contoso.example", "header:subject", "is:forged-date", "size:..450",
}

func standingQuery(t *rapid.T, depth int) string {
	if depth == 0 {
		return pick(t, standingQueries[1:])
	}
	a, b := standingQuery(t, depth-1), standingQuery(t, depth-1)
	return pick(t, []string{"(" + a + " " + b + ")", "(" + a + " OR " + b + ")", "-" + a, "(" + a + " -" + b + ")"})
}

// search saves, changes or removes a search.
func (h *history) search(t *rapid.T) {
	name := pick(t, []string{"a", "b", "c", "d", "inner"})
	if rapid.IntRange(0, 5).Draw(t, "remove") == 0 {
		h.decide(t, casework.SearchRemoved, 0, casework.SearchRemovedData{Owner: "kim", Name: name})
		return
	}
	data := casework.SearchSavedData{Owner: "kim", Name: name, Query: standingQuery(t, rapid.IntRange(0, 2).Draw(t, "depth")), Watch: rapid.IntRange(0, 4).Draw(t, "watch") > 0}
	if name == "inner" {
		data.Query = strings.ReplaceAll(data.Query, "saved:inner", "disk")
	}
	h.decide(t, casework.SearchSaved, 0, data)
}

// matched lists the messages that each watched search found.
func matched(t tester, x *Index, r Reader) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, w := range x.now().watching.list {
		m, err := r.Matches(context.Background(), w.Key(), nil)
		if (err != nil) != (w.err != nil) {
			t.Fatalf("%s: %v", w.Query, err)
		}
		out[w.Name] = []string{}
		for _, one := range m.Items {
			out[w.Name] = append(out[w.Name], one.Message.String())
		}
		slices.Sort(out[w.Name])
	}
	return out
}

// searched is what searching would find of it now.
func searched(t tester, x *Index, r Reader) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	st := x.now()
	for _, w := range st.watching.list {
		out[w.Name] = []string{}
		if w.err != nil {
			continue
		}
		r := r.Naming(st.watching.names(w.Search))
		for _, item := range search(t, r, Request{Limit: maxLimit}).Items {
			if item.Received.Before(w.Since) {
				continue
			}
			hits := addresses(t, r, Request{Query: w.Query, Now: item.Received.UTC(), Limit: maxLimit})
			if slices.Contains(hits, item.Address.String()) {
				out[w.Name] = append(out[w.Name], item.Address.String())
			}
		}
		slices.Sort(out[w.Name])
	}
	return out
}

// Whatever comes in whatever order, a watched search has found exactly what a search
// for it finds among the messages received since; all readers are told of what is
// within their limits, and a rebuild tells the same.
func TestWatchedSearchFindsWhatSearchingWouldFind(t *testing.T) {
	found := 0
	rapid.Check(t, func(t *rapid.T) {
		h, fs := newHistory(), vfs.NewMem()
		h.steps = pick(t, []steps{usualSteps, {rows: 0, keys: 3}, {rows: 1, keys: 40}})
		for range rapid.IntRange(0, 3).Draw(t, "searches") {
			h.search(t)
		}
		for range rapid.IntRange(1, 3).Draw(t, "starts") {
			h.live(t, fs)
			h.search(t)
		}
		x, stop := followOn(t, fs, h)
		defer stop()
		for range rapid.IntRange(0, 10).Draw(t, "more") {
			h.grow(t)
			settled(t, x, h)
			if diff := cmp.Diff(searched(t, x, x.Within(Within{})), matched(t, x, x.Within(Within{}))); diff != "" {
				t.Fatalf("(-searched +matched):\n%s\n%+v\n%s", diff, x.now().watching.searches, h.text())
			}
		}
		settled(t, x, h)
		noTraces(t, x)
		noMatchesLeft(t, x)
		got := matched(t, x, x.Within(Within{}))
		for _, list := range got {
			found += len(list)
		}
		w := Within{Withheld: []string{pick(t, []string{"support", "copies"})}, Open: []string{"sales", "legal"}}
		if diff := cmp.Diff(searched(t, x, x.Within(w)), matched(t, x, x.Within(w))); diff != "" {
			t.Fatalf("within %+v (-searched +matched):\n%s\n%+v\n%s", w, diff, x.now().watching.searches, h.text())
		}
		again, end := followOn(t, vfs.NewMem(), h)
		defer end()
		settled(t, again, h)
		if diff := cmp.Diff(matched(t, again, again.Within(Within{})), got); diff != "" {
			t.Fatalf("rebuilt, and followed (-want +got):\n%s", diff)
		}
	})
	if found == 0 {
		t.Error("nothing matched at all")
	}
}

// noMatchesLeft checks that no row is of a document or a search that is gone.
func noMatchesLeft(t tester, x *Index) {
	t.Helper()
	st := x.now()
	rows := 0
	note(t, x.each(famMatch, func(key, _ []byte) error {
		rows++
		if st.dead.Contains(keyDoc(key)) {
			t.Errorf("a match of a removed document is left: %q", key)
		}
		return nil
	}))
	for _, found := range st.watching.found {
		rows -= int(found.GetCardinality())
	}
	if rows != 0 {
		t.Errorf("there are %d rows more than matches", rows)
	}
}

// A message that comes to match later, by a copy, a decision or a finding, is told with
// that, and each once.
func TestMatchesAreToldOnce(t *testing.T) {
	a := newMemArchive()
	x := follow(t, a)
	words, people, cited, not := a.watch(t, "words", "pump valve"), a.watch(t, "people", "pump to:boss"), a.watch(t, "cited", "case:7"), a.watch(t, "not", "pump -to:boss")
	var after casework.Positions
	told := func(key casework.SearchKey) string {
		t.Helper()
		settled(t, x, a)
		m, err := x.Within(Within{}).Matches(context.Background(), key, after)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, one := range m.Items {
			out = append(out, one.Message.String()+" by "+one.By.String())
		}
		return strings.Join(out, ", ")
	}
	seen := func() {
		t.Helper()
		m, err := x.Within(Within{}).Matches(context.Background(), words, nil)
		if err != nil {
			t.Fatal(err)
		}
		after = m.Upto
	}
	check := func(want map[casework.SearchKey]string) {
		t.Helper()
		for _, key := range []casework.SearchKey{words, people, cited, not} {
			if got := told(key); got != want[key] {
				t.Errorf("%s: told %q, want %q", key.Name, got, want[key])
			}
		}
		seen()
	}
	at := a.append(archive.Meta{}, mail("pump valve\n", "From: jane@contoso.example", "Message-ID: <1@contoso.example>"))
	check(map[casework.SearchKey]string{words: "mail/0 by mail/0", not: "mail/0 by mail/0"})
	check(nil)
	a.again(at, archive.Meta{Source: archive.Source{Queue: "sales", Format: "postfix"}, Envelope: &archive.Envelope{To: []string{"s+to=boss=contoso.example@journal.example.net"}}})
	check(map[casework.SearchKey]string{people: "mail/0 by mail/1"})
	a.decide(t, casework.CitationAdded, 7, casework.CitationData{ID: 1, Record: at, SHA256: a.streams[archive.Mail][0].Meta.SHA256})
	check(map[casework.SearchKey]string{cited: "mail/0 by ledger/4"})
	a.again(at, archive.Meta{Source: archive.Source{Queue: "legal"}})
	check(nil)
	after = nil
	check(map[casework.SearchKey]string{words: "mail/0 by mail/0", people: "mail/0 by mail/1", cited: "mail/0 by ledger/4"})
}

// A message that another queue's readers alone may read is neither told nor counted to
// others, and queue: tells nobody of a queue that is withheld from him.
func TestMatchesAreWithinTheLimits(t *testing.T) {
	a := newMemArchive()
	pump, secret, other := a.watch(t, "pump", "pump"), a.watch(t, "secret", "queue:secret"), a.watch(t, "other", "-queue:secret")
	a.append(archive.Meta{Source: archive.Source{Queue: "support"}}, mail("pump one\n"))
	a.append(archive.Meta{Source: archive.Source{Queue: "secret"}}, mail("pump two\n"))
	both := a.append(archive.Meta{Source: archive.Source{Queue: "support"}}, mail("pump three\n"))
	a.again(both, archive.Meta{Source: archive.Source{Queue: "secret"}})
	x := follow(t, a)
	settled(t, x, a)
	limited := Within{Withheld: []string{"secret"}, Open: []string{"support"}}
	for _, c := range []struct {
		w    Within
		key  casework.SearchKey
		want string
	}{
		{Within{}, pump, "mail/0 mail/1 mail/2"}, {limited, pump, "mail/0 mail/2"},
		{Within{}, secret, "mail/1 mail/2"}, {limited, secret, ""},
		{Within{}, other, "mail/0"}, {limited, other, "mail/0 mail/2"},
	} {
		m, err := x.Within(c.w).Matches(context.Background(), c.key, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, one := range m.Items {
			got = append(got, one.Message.String())
		}
		counts, err := x.Within(c.w).Count(context.Background(), []Asked{{c.key, nil}})
		if err != nil || strings.Join(got, " ") != c.want || counts[0] != len(got) {
			t.Errorf("%s within %+v: told %v, counted %v, want %s; %v", c.key.Name, c.w, got, counts, c.want, err)
		}
		news, err := x.Within(c.w).News(context.Background(), c.key, nil, 10)
		if err != nil || news.Total != len(got) || len(news.Items) != len(got) {
			t.Errorf("%s within %+v: shown %+v, %v", c.key.Name, c.w, news, err)
		}
	}
	if _, err := x.Within(Within{}).Matches(context.Background(), casework.SearchKey{Owner: "kim", Name: "none"}, nil); err == nil {
		t.Error("what is not watched has matches")
	}
}

// What was received before a search was watched is not told, and what is there already
// when the decision is read is, by when it was received.
func TestWatchBeginsWhenItWasDecided(t *testing.T) {
	a := newMemArchive()
	x := follow(t, a)
	a.append(archive.Meta{}, mail("pump one\n"))
	decided := a.clock.Add(time.Second)
	a.append(archive.Meta{Received: decided.Add(-time.Nanosecond)}, mail("pump two\n"))
	a.append(archive.Meta{Received: decided}, mail("pump three\n"))
	settled(t, x, a)
	a.watch(t, "pump", "pump")
	a.append(archive.Meta{Received: day(2026, 11, 1)}, mail("pump four\n"))
	a.append(archive.Meta{}, mail("pump five\n"))
	settled(t, x, a)
	if got := matched(t, x, x.Within(Within{}))["pump"]; !slices.Equal(got, []string{"mail/2", "mail/4"}) {
		t.Errorf("told %v", got)
	}
}

// After a power cut at any write, whoever goes on with the positions he has is told of every
// match, and of none again.
func TestCrashLosesNoMatchAndTellsNoneTwice(t *testing.T) {
	const seed = 11
	fs := vfs.NewCrashableMem()
	c := &crashes{fs: fs, rng: rand.New(rand.NewPCG(seed, seed))}
	a := newMemArchive()
	key := a.watch(t, "pump", "pump -valve")
	filler := strings.Repeat("filler ", 20)
	type listener struct {
		after casework.Positions
		told  map[string]int
	}
	listen := func(x *Index, l listener) listener {
		t.Helper()
		m, err := x.Within(Within{}).Matches(context.Background(), key, l.after)
		if errors.Is(err, ErrNotWatched) { // The decision is not read yet.
			return l
		}
		if err != nil {
			t.Fatal(err)
		}
		told := maps.Clone(l.told)
		for _, one := range m.Items {
			told[one.Message.String()]++
		}
		return listener{m.Upto, told}
	}
	x, stop := followOn(t, errorfs.Wrap(fs, c), a)
	settled(t, x, a)
	l, states := listener{told: map[string]int{}}, []listener{}
	want := map[string]int{}
	for i := range 12 {
		text := fmt.Sprintf("pump %d %s\n", i, filler)
		if i%3 == 2 {
			text = "valve " + text
		}
		at := a.append(archive.Meta{}, mail(text, fmt.Sprintf("Message-ID: <%d@contoso.example>", i)))
		if i%3 != 2 {
			want[at.String()] = 1
		}
		settled(t, x, a)
		if i%2 == 0 {
			if err := x.db.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		for len(states) < len(c.disks) { // They were told what they were told before this.
			states = append(states, l)
		}
		l = listen(x, l)
	}
	stop()
	if diff := cmp.Diff(want, l.told); diff != "" {
		t.Fatalf("without a crash (-want +got):\n%s", diff)
	}
	lost := 0
	for i, before := range states {
		x, stop := followOn(t, c.disks[i], a)
		if !maps.Equal(listen(x, listener{told: map[string]int{}}).told, before.told) {
			lost++
		}
		settled(t, x, a)
		if diff := cmp.Diff(want, listen(x, before).told); diff != "" {
			t.Errorf("after crash %d (-want +got):\n%s", i, diff)
		}
		stop()
	}
	if lost < 5 {
		t.Errorf("only %d of %d crashes came between a match and its telling", lost, len(states))
	}
}

// What a batch left to be matched is matched at the next start.
func TestMatchesThatACrashLeftAreFoundAtTheStart(t *testing.T) {
	a, fs := newMemArchive(), vfs.NewMem()
	a.watch(t, "pump", "pump")
	x, stop := followOn(t, fs, a)
	a.append(archive.Meta{}, mail("pump\n"))
	settled(t, x, a)
	raw, err := getCopy(x.db, unmatchedKey)
	if err != nil || raw != nil {
		t.Fatalf("what was matched is still noted: %q, %v", raw, err)
	}
	stop()
	// As if the crash had been between the two batches.
	y, err := openOn(fs, a, Config{Dir: "index"})
	if err != nil {
		t.Fatal(err)
	}
	prefix := []byte{famMatch}
	if err := y.db.DeleteRange(prefix, after(prefix), pebble.NoSync); err != nil {
		t.Fatal(err)
	}
	if err := y.Close(); err != nil {
		t.Fatal(err)
	}
	setRaw(t, fs, a, unmatchedKey, []byte(`{"docs":{"0":"mail/0"}}`))
	x, stop = followOn(t, fs, a)
	defer stop()
	if got := matched(t, x, x.Within(Within{}))["pump"]; !slices.Equal(got, []string{"mail/0"}) {
		t.Errorf("told %v", got)
	}
}

// Who may not read a message is not told by a watched search that another one is in a conversation with it.
func TestWatchedConversationTellsNothingWithheld(t *testing.T) {
	a := newMemArchive()
	x := follow(t, a)
	key := a.watch(t, "secret", "thread:{merger}")
	a.append(archive.Meta{Source: archive.Source{Queue: "legal"}}, mail("merger", "Message-ID: <1@contoso.example>", "Subject: plans"))
	seen := a.append(archive.Meta{Source: archive.Source{Queue: "support"}}, mail("yes", "Message-ID: <2@contoso.example>", "References: <1@contoso.example>", "Subject: Re: plans"))
	settled(t, x, a)
	for _, c := range []struct {
		w    Within
		want int
	}{{Within{}, 2}, {Within{Withheld: []string{"legal"}, Open: []string{"support"}}, 0}} {
		r := x.Within(c.w)
		m, err := r.Matches(context.Background(), key, nil)
		if err != nil || len(m.Items) != c.want {
			t.Errorf("within %+v: %+v, %v, want %d; %s can be read", c.w, m, err, c.want, seen)
		}
		counts, err := r.Count(context.Background(), []Asked{{Key: key}})
		if err != nil || counts[0] != c.want {
			t.Errorf("within %+v: counted %v, %v, want %d", c.w, counts, err, c.want)
		}
	}
}
