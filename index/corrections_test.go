package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"polytrace/archive"
	"polytrace/casework"
)

// refTalk is a message of the reference, as far as its conversation goes.
type refTalk struct {
	at       archive.Address
	sha256   archive.Digest
	own      string   // Its Message-ID, or a name that nobody else has.
	names    []string // What it answers, nearest last.
	exchange string
	subject  string
	reply    bool // By its subject.
	from, to string
	date     time.Time
	word     string
	queue    string
}

// refDecision is a decision about conversations that holds.
type refDecision struct {
	at   archive.Position
	shas []archive.Digest // One is split off, two are joined.
}

func (d refDecision) about(m *refTalk) bool { return slices.Contains(d.shas, m.sha256) }

// answersBySubject is the relation that replies have that name nothing.
func (m *refTalk) answersBySubject(o *refTalk) bool {
	if m == o || !m.reply || len(m.names) > 0 || m.subject != o.subject || o.date.After(m.date) || m.date.Sub(o.date) > subjectWindow {
		return false
	}
	if m.from == o.from { // To somebody else, both.
		return m.to != m.from && m.to == o.to
	}
	return m.from == o.to && m.to == o.from
}

// refTalks are messages and decisions, and what conversations they make by the definition.
type refTalks struct {
	all       []*refTalk
	decisions []refDecision
}

// above is what a Message-ID hangs below: of all that speak for something, what speaks loudest.
func (r *refTalks) above(id string) string {
	type voice struct {
		rank, before int
		above        string
	}
	var voices []voice
	for _, m := range r.all {
		if n := len(m.names); m.own == id && n > 0 {
			voices = append(voices, voice{2, n, m.names[n-1]})
		}
		if i := slices.Index(m.names, id); i > 0 {
			voices = append(voices, voice{1, i, m.names[i-1]})
		}
		var latest *refTalk
		for _, o := range r.all {
			if m.own == id && m.answersBySubject(o) && (latest == nil || o.date.After(latest.date) || o.date.Equal(latest.date) && compareAddress(o.at, latest.at) > 0) {
				latest = o
			}
		}
		if latest != nil {
			voices = append(voices, voice{0, 0, latest.own})
		}
	}
	voices = slices.DeleteFunc(voices, func(v voice) bool { return v.above == id })
	if len(voices) == 0 {
		return ""
	}
	return slices.MaxFunc(voices, func(a, b voice) int {
		x, y := r.hash(a.above), r.hash(b.above)
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.before, b.before), slices.Compare(y[:], x[:]))
	}).above
}

// hash is what decides between equals.
func (r *refTalks) hash(id string) node {
	if at, ok := strings.CutPrefix(id, "no ID "); ok {
		return nodeOf('d', at)
	}
	return nodeOf('i', id)
}

// head walks up to what was split off.
func (r *refTalks) head(id string) string {
	for range 2 * len(r.all) * 8 {
		for _, m := range r.all {
			if m.own == id && r.split(m) > 0 {
				return id
			}
		}
		if id = r.above(id); id == "" {
			return ""
		}
	}
	return "" // Round in circles.
}

func (r *refTalks) split(m *refTalk) (last int) {
	for _, d := range r.decisions {
		if len(d.shas) == 1 && d.about(m) {
			last = int(d.at) + 1
		}
	}
	return last
}

// together are the numbers of the conversations: two messages with the same are in one.
func (r *refTalks) together() map[*refTalk]int {
	heads, thread := map[string]string{}, map[*refTalk]int{}
	head := func(id string) string {
		if _, ok := heads[id]; !ok {
			heads[id] = r.head(id)
		}
		return heads[id]
	}
	ties := func(m *refTalk) (ties []string) {
		ties = append(ties, m.own)
		for _, id := range m.names {
			if head(id) == head(m.own) {
				ties = append(ties, id)
			}
		}
		if m.exchange != "" && head(m.own) == "" {
			ties = append(ties, "exchange "+m.exchange+m.subject)
		}
		for _, d := range r.decisions {
			if len(d.shas) == 2 && d.about(m) && int(d.at) >= r.split(m) {
				ties = append(ties, fmt.Sprint("joined by ", d.at))
			}
		}
		return ties
	}
	of := map[*refTalk][]string{}
	for i, m := range r.all {
		thread[m], of[m] = i, ties(m)
	}
	for changed := true; changed; {
		changed = false
		for _, a := range r.all {
			for _, b := range r.all {
				tied := slices.ContainsFunc(of[a], func(t string) bool { return slices.Contains(of[b], t) }) ||
					(a.answersBySubject(b) || b.answersBySubject(a)) && head(a.own) == head(b.own)
				if tied && thread[a] > thread[b] {
					thread[a], changed = thread[b], true
				}
			}
		}
	}
	return thread
}

// missing are the Message-IDs that those of a conversation who are seen answer, and that nobody has who is seen.
func (r *refTalks) missing(in []*refTalk, sees func(*refTalk) bool) (ids []string) {
	for _, m := range in {
		for _, id := range m.names {
			here := slices.ContainsFunc(r.all, func(o *refTalk) bool { return o.own == id && sees(o) })
			if !here && r.head(id) == r.head(m.own) && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	return ids
}

// refCorrected makes an archive in which people correct conversations while mail comes and goes.
func refCorrected(t *rapid.T) (*memArchive, *refTalks) {
	a, r := newMemArchive(), &refTalks{}
	var gone []archive.Removal
	for i := range rapid.IntRange(1, 25).Draw(t, "steps") {
		switch what := rapid.IntRange(0, 9).Draw(t, "what"); {
		case what < 6 || len(r.all) == 0:
			r.all = append(r.all, refTalking(t, a, i))
		case what == 6:
			m := pick(t, r.all)
			at := a.decide(t, casework.ThreadSplit, 0, casework.ThreadSplitData{Message: m.named()})
			r.decisions = append(r.decisions, refDecision{at.Position, []archive.Digest{m.sha256}})
		case what == 7:
			m, o := pick(t, r.all), pick(t, r.all)
			if m == o {
				continue
			}
			at := a.decide(t, casework.ThreadJoined, 0, casework.ThreadJoinedData{Messages: [2]casework.Named{m.named(), o.named()}})
			r.decisions = append(r.decisions, refDecision{at.Position, []archive.Digest{m.sha256, o.sha256}})
		case what == 8 && len(r.decisions) > 0:
			n := rapid.IntRange(0, len(r.decisions)-1).Draw(t, "undone")
			data := casework.ThreadUndoneData{Decision: r.decisions[n].at}
			for _, d := range r.decisions[n].shas {
				data.Messages = append(data.Messages, casework.Named{Record: archive.Address{Stream: archive.Mail}, SHA256: d})
			}
			a.decide(t, casework.ThreadUndone, 0, data)
			r.decisions = slices.Delete(r.decisions, n, n+1)
		case what == 9 && rapid.IntRange(0, 2).Draw(t, "removes") == 0:
			m := pick(t, r.all)
			run := archive.Removal{Stream: m.at.Stream, First: m.at.Position, Records: 1}
			a.removes(t, casework.ErasureOrdered, "", run)
			gone = append(gone, run)
		}
	}
	r.all = slices.DeleteFunc(r.all, func(m *refTalk) bool { return allGone(gone)[m.at] })
	return a, r
}

func (m *refTalk) named() casework.Named { return casework.Named{Record: m.at, SHA256: m.sha256} }

func refTalking(t *rapid.T, a *memArchive, i int) *refTalk {
	people := []string{"jane@contoso.example", "bob@contoso.example", "ops@fabrikam.example"}
	m := &refTalk{
		from: pick(t, people), to: pick(t, people), subject: pick(t, []string{"Disk array", "Invoices"}), reply: rapid.Bool().Draw(t, "reply"),
		date: day(2026, 10, 1).Add(time.Duration(rapid.IntRange(0, 50*24).Draw(t, "hour")) * time.Hour),
		word: pick(t, []string{"apple", "pear", "plum"}), queue: pick(t, []string{"support", "sales"}),
	}
	id := func() string { return fmt.Sprintf("%d@contoso.example", rapid.IntRange(0, 9).Draw(t, "id")) }
	fields := []string{"From: " + m.from, "To: " + m.to, "Subject: " + map[bool]string{true: "Re: "}[m.reply] + m.subject, dated(m.date)}
	if rapid.IntRange(0, 4).Draw(t, "has id") > 0 {
		m.own = id()
		fields = append(fields, "Message-ID: <"+m.own+">")
	}
	named := func(id string) {
		m.names = slices.DeleteFunc(m.names, func(n string) bool { return n == id })
		if id != m.own {
			m.names = append(m.names, id)
		}
	}
	if n := rapid.IntRange(-2, 4).Draw(t, "references"); n > 0 {
		line := "References:"
		for range n {
			id := id()
			line += " <" + id + ">"
			named(id)
		}
		fields = append(fields, line)
	}
	if rapid.IntRange(0, 3).Draw(t, "in reply to") == 0 {
		id := id()
		fields = append(fields, "In-Reply-To: <"+id+">")
		named(id)
	}
	if slices.ContainsFunc(fields, func(f string) bool {
		return strings.HasPrefix(f, "References:") || strings.HasPrefix(f, "In-Reply-To:")
	}) && len(m.names) == 0 {
		m.reply = false // It names only itself, which is no reason to look for its subject.
	}
	if rapid.IntRange(0, 5).Draw(t, "exchange") == 0 {
		m.exchange = pick(t, []string{"AdAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", "AdBBBBBBBBBBBBBBBBBBBBBBBBBBBB=="})
		fields = append(fields, "Thread-Index: "+m.exchange)
	}
	m.at = a.append(archive.Meta{Stream: pick(t, historyStreams), Source: archive.Source{Queue: m.queue}}, mail(fmt.Sprint(m.word, " nr", i), fields...))
	m.sha256 = a.streams[m.at.Stream][m.at.Position].Meta.SHA256
	if m.own == "" {
		m.own = "no ID " + m.at.String()
	}
	return m
}

// check compares what an index tells of all conversations, within limits, with the definition.
func (r *refTalks) check(t tester, x *Index, w Within, a *memArchive) {
	t.Helper()
	sees := func(m *refTalk) bool { return !slices.Contains(w.Withheld, m.queue) }
	thread := r.together()
	for _, m := range r.all {
		var in []*refTalk
		for _, o := range r.all {
			if thread[o] == thread[m] && sees(o) {
				in = append(in, o)
			}
		}
		got, err := x.Within(w).Thread(context.Background(), threadID(m.at))
		if len(in) == 0 && errors.Is(err, archive.ErrNotFound) {
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", m.at, err)
		}
		ats := func(all []*refTalk) (ats []string) {
			for _, m := range all {
				ats = append(ats, m.at.String())
			}
			slices.Sort(ats)
			return ats
		}
		var have []string
		for _, s := range got.Messages {
			have = append(have, s.Address.String())
			if s.Thread != got.ID {
				t.Fatalf("%s is in %s, its line says %s", s.Address, got.ID, s.Thread)
			}
		}
		slices.Sort(have)
		if want := ats(in); !slices.Equal(have, want) {
			t.Fatalf("the conversation of %s has %v, want %v\n%+v\n%s", m.at, have, want, r.decisions, a.text())
		}
		slices.Sort(got.Missing)
		if want := r.missing(in, sees); !slices.Equal(got.Missing, want) {
			t.Fatalf("of the conversation of %s are missing %v, want %v\n%+v\n%s", m.at, got.Missing, want, r.decisions, a.text())
		}
	}
	for _, word := range []string{"apple", "pear"} {
		var want []string
		for _, m := range r.all {
			if sees(m) && slices.ContainsFunc(r.all, func(o *refTalk) bool { return thread[o] == thread[m] && o.word == word && sees(o) }) {
				want = append(want, m.at.String())
			}
		}
		got := addresses(t, x.Within(w), Request{Query: "thread:{" + word + "}", Limit: 7})
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("thread:{%s} within %+v: got %v, want %v\n%+v\n%s", word, w, got, want, r.decisions, a.text())
		}
	}
}

// What conversations there are is what the definition says, whatever came, was split off, joined,
// taken back or removed in whatever order, also to those who may read only some of it, to an index
// that is built from the first record on, and to one that is opened again.
func TestConversationsAreAsDefined(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, r := refCorrected(t)
		followed := newMemArchive()
		fs := vfs.NewMem()
		x, stop := followOn(t, fs, followed)
		followed.replay(t, x, a)
		settled(t, x, followed)
		limits := []Within{{}, {Withheld: []string{"sales"}, Open: []string{"support"}}}
		for _, w := range limits {
			r.check(t, x, w, a)
		}
		stop()
		for _, fs := range []vfs.FS{fs, vfs.NewMem()} {
			x, stop := followOn(t, fs, a)
			settled(t, x, a)
			for _, w := range limits {
				r.check(t, x, w, a)
			}
			stop()
		}
	})
}

// replay appends what another archive has, its streams interleaved in any order, and waits for the index now and then.
func (a *memArchive) replay(t *rapid.T, x *Index, of *memArchive) {
	next := map[archive.Stream]int{}
	for {
		left := slices.Sorted(maps.Keys(of.streams))
		left = slices.DeleteFunc(left, func(s archive.Stream) bool { return next[s] == len(of.streams[s]) })
		if len(left) == 0 {
			return
		}
		s := pick(t, left)
		a.append(of.streams[s][next[s]].Meta, string(of.streams[s][next[s]].Body))
		next[s]++
		if rapid.IntRange(0, 3).Draw(t, "wait") == 0 {
			caughtUp(t, x, a)
		}
	}
}
