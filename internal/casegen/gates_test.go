package casegen_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"polytrace/casework/extract"
	"polytrace/internal/casegen"
	"polytrace/message"
)

// tally counts what was found of what is there.
type tally struct{ right, wrong, missed int }

func (y tally) precision() float64 { return ratio(y.right, y.right+y.wrong) }
func (y tally) recall() float64    { return ratio(y.right, y.right+y.missed) }
func (y tally) f1() float64        { return ratio(2*y.right, 2*y.right+y.wrong+y.missed) }

func ratio(n, of int) float64 {
	if of == 0 {
		return 0 // Nothing measured is no gate passed.
	}
	return float64(n) / float64(of)
}

// gates are the lines of the table.
type gates struct {
	t      *testing.T
	lines  []string
	failed int
}

// gate says what was got; wanted 0 is a figure that is told and holds nothing up.
func (g *gates) gate(name string, wanted, got float64, of string) {
	verdict := ""
	if got < wanted {
		verdict, g.failed = "MISSED", g.failed+1
	}
	want := fmt.Sprintf("%.3f", wanted)
	if wanted == 0 {
		want = "-"
	}
	g.lines = append(g.lines, fmt.Sprintf("%-40s %8s %8.3f  %-34s %s", name, want, got, of, verdict))
}

func (y tally) String() string {
	return fmt.Sprintf("%d right, %d wrong, %d missed", y.right, y.wrong, y.missed)
}

// world is a World as the product reads it.
type world struct {
	*casegen.World
	read map[string]*message.Message
	text map[string]message.Text
	ids  []string
}

func readWorld(t *testing.T, seed uint64) world { return worldOf(t, seed, casegen.Options{}) }

func worldOf(t *testing.T, seed uint64, o casegen.Options) world {
	w := world{casegen.New(seed, o), map[string]*message.Message{}, map[string]message.Text{}, nil}
	for m := range w.Messages() {
		p := message.Parse(m.Raw)
		if p.MessageID != m.ID || len(p.Defects) > 0 {
			t.Fatalf("%s is read as %s, %v", m.ID, p.MessageID, p.Defects)
		}
		w.read[m.ID], w.text[m.ID] = p, p.Text()
		w.ids = append(w.ids, m.ID)
	}
	return w
}

// What is promised for the reading of mail holds on three worlds together.
// "make gates" prints the table.
func TestGates(t *testing.T) {
	var dates, exact, promises, spans, requests, zones, automatic, kinds, latest, words tally
	var values tally
	for seed := range uint64(3) {
		w := readWorld(t, seed+1)
		w.zones(t, &zones)
		w.automatics(t, &automatic, &kinds)
		w.latest(t, &latest, &words)
		for _, id := range w.ids {
			found := w.proposals(id)
			w.dates(t, id, found, &dates, &exact, &values)
			w.promises(t, id, found, &promises, &spans)
			w.requests(t, id, found, &requests)
		}
	}
	g := gates{t: t}
	g.gate("dates, precision", .97, dates.precision(), dates.String())
	g.gate("dates, recall", .95, dates.recall(), dates.String())
	g.gate("dates, value, grain and readings", .95, values.precision(), values.String())
	g.gate("dates, exact span", 0, exact.precision(), exact.String())
	g.gate("commitments, precision", .90, promises.precision(), promises.String())
	g.gate("commitments, recall", .80, promises.recall(), promises.String())
	g.gate("commitments, exact span", 1, spans.precision(), spans.String())
	g.gate("requests, precision", 0, requests.precision(), requests.String())
	g.gate("requests, recall", 0, requests.recall(), requests.String())
	g.gate("automatic mail, precision", 1, automatic.precision(), automatic.String())
	g.gate("automatic mail, recall", 1, automatic.recall(), automatic.String())
	g.gate("automatic mail, kind", 1, kinds.precision(), kinds.String())
	g.gate("latest customer update", 1, latest.precision(), latest.String())
	g.gate("latest customer update, its words alone", 0, words.precision(), words.String())
	g.gate("author's lines, F1", .97, zones.f1(), zones.String())
	t.Logf("\n%-40s %8s %8s\n%s", "gate", "wanted", "got", strings.Join(g.lines, "\n"))
	if g.failed > 0 {
		t.Errorf("%d gates are missed", g.failed)
	}
}

func (w world) proposals(id string) []extract.Proposal {
	m := w.read[id]
	return extract.All(w.text[id], m.From, extract.Reference{Sent: m.Date})
}

// those are the ones of which something is so.
func those[T any](all []T, is func(T) bool) (some []T) {
	for _, one := range all {
		if is(one) {
			some = append(some, one)
		}
	}
	return some
}

// dates compares by overlap, then by what the date means.
func (w world) dates(t *testing.T, id string, found []extract.Proposal, spans, exact, values *tally) {
	there := those(w.Truth.Dates, func(d casegen.Date) bool { return d.Message == id })
	for _, f := range found {
		if f.Kind != extract.DateKind {
			continue
		}
		i := slices.IndexFunc(there, func(d casegen.Date) bool { return f.Start < d.End && d.Start < f.End })
		if i < 0 {
			spans.wrong++
			t.Logf("no date: %q in %q", f.Quote, around(w.text[id].Body, f.Start))
			continue
		}
		d := there[i]
		there = slices.Delete(there, i, i+1)
		spans.right++
		bare := strings.TrimPrefix(strings.TrimPrefix(d.Quote, "on "), "am ") // Both are said to be the date.
		count(exact, f.End == d.End && (f.Start == d.Start || f.Quote == bare))
		got, want := told(f.Value.(extract.When)), truly(d)
		count(values, got == want)
		if got != want {
			t.Logf("%q on %s is %s, not %s (%s)", d.Quote, w.read[id].Date.Format("Mon 2006-01-02"), got, want, f.Rule)
		}
	}
	spans.missed += len(there)
	for _, d := range there {
		t.Logf("missed date: %q in %q", d.Quote, around(w.text[id].Body, d.Start))
	}
}

func count(y *tally, right bool) {
	if right {
		y.right++
		return
	}
	y.wrong++
}

// reading is a date on the wall clock of its writer: a message tells the offset
// of the day it was sent, which is not that of all days.
func reading(from, to time.Time, grain, direction string) string {
	const wall = "2006-01-02T15:04"
	if grain == "minute" {
		to = from
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s..%s %s", direction, from.Format(wall), to.Format(wall), grain))
}

// told and truly write a date with its second reading; which of them is the
// first does not matter.
func told(w extract.When) string {
	all := []string{reading(w.From, w.To, string(w.Grain), string(w.Direction))}
	if w.Other != nil {
		all = append(all, reading(w.Other.From, w.Other.To, string(w.Other.Grain), string(w.Other.Direction)))
	}
	slices.Sort(all)
	return strings.Join(all, " or ")
}

func truly(d casegen.Date) string {
	all := []string{reading(d.From, d.To, d.Grain, d.Direction)}
	if d.Other != nil {
		all = append(all, reading(d.Other.From, d.Other.To, d.Other.Grain, d.Other.Direction))
	}
	slices.Sort(all)
	return strings.Join(all, " or ")
}

func around(body string, at int) string {
	start, end := strings.LastIndexByte(body[:at], '\n')+1, len(body)
	if n := strings.IndexByte(body[at:], '\n'); n >= 0 {
		end = at + n
	}
	return body[start:end]
}

// promises compares sentences. A span is exact when it is the sentence, with or
// without the mark that ends it, and the quote is its bytes.
func (w world) promises(t *testing.T, id string, found []extract.Proposal, all, exact *tally) {
	there := those(w.Truth.Commitments, func(c *casegen.Commitment) bool { return c.Message == id })
	for _, f := range found {
		if f.Kind != extract.PromiseKind {
			continue
		}
		i := slices.IndexFunc(there, func(c *casegen.Commitment) bool { return f.Start < c.End && c.Start < f.End })
		if i < 0 {
			all.wrong++
			t.Logf("no promise: %q (%s)", f.Quote, f.Rule)
			continue
		}
		c := there[i]
		there = slices.Delete(there, i, i+1)
		all.right++
		right := strings.TrimRight(f.Quote, ".!") == strings.TrimRight(c.Quote, ".!") && f.Start == c.Start && w.text[id].Body[f.Start:f.End] == f.Quote
		count(exact, right)
		if !right {
			t.Logf("%q is found as %q", c.Quote, f.Quote)
		}
	}
	all.missed += len(there)
	for _, c := range there {
		t.Logf("missed promise: %q", c.Quote)
	}
}

func (w world) requests(t *testing.T, id string, found []extract.Proposal, all *tally) {
	there := those(w.Truth.Requests, func(r casegen.Request) bool { return r.Message == id })
	for _, f := range found {
		if f.Kind != extract.RequestKind {
			continue
		}
		i := slices.IndexFunc(there, func(r casegen.Request) bool { return f.Start < r.End && r.Start < f.End })
		if count(all, i >= 0); i >= 0 {
			there = slices.Delete(there, i, i+1)
			continue
		}
		t.Logf("no request: %q", f.Quote)
	}
	all.missed += len(there)
	for _, r := range there {
		t.Logf("missed request: %q", r.Quote)
	}
}

// zones compares lines that have words by whether the author wrote them.
func (w world) zones(t *testing.T, all *tally) {
	for _, id := range w.ids {
		truth, ok := w.Truth.Zones[id]
		if !ok {
			continue // A machine's.
		}
		text := w.text[id]
		if end := truth[len(truth)-1].End; strings.TrimRight(text.Body, "\n") != strings.TrimRight(text.Body[:min(end, len(text.Body))], "\n") || end < len(text.Body)-2 {
			t.Fatalf("%s: the text has %d bytes, the truth %d", id, len(text.Body), end)
		}
		at := 0
		for line := range strings.Lines(text.Body) {
			if strings.TrimSpace(line) != "" {
				there := slices.ContainsFunc(truth, func(z casegen.Zone) bool { return z.Kind == "author" && at >= z.Start && at < z.End })
				found := slices.ContainsFunc(text.Zones, func(z message.Zone) bool { return z.Kind == "author" && at >= z.Start && at < z.End })
				switch {
				case found && there:
					all.right++
				case found:
					all.wrong++
				case there:
					all.missed++
				}
				if found != there {
					t.Logf("author %t, found %t: %q of %s", there, found, line, w.read[id].From)
				}
			}
			at += len(line)
		}
	}
}

func (w world) automatics(t *testing.T, all, kinds *tally) {
	for _, id := range w.ids {
		want, got := w.Truth.Automatics[id], string(w.read[id].AutomaticKind())
		switch {
		case want != "" && got != "":
			all.right++
			count(kinds, got == want)
		case got != "":
			all.wrong++
		case want != "":
			all.missed++
		}
		if got != want {
			t.Logf("%s is %q, not %q: %s", id, got, want, w.read[id].Subject)
		}
	}
}

// latest asks each conversation for the newest mail of the customer's in which
// a person says something, and for the words.
func (w world) latest(t *testing.T, all, exactly *tally) {
	domains := map[string]string{}
	for _, a := range w.Accounts {
		domains[a.ID] = a.Domain
	}
	for _, thread := range w.Truth.Threads {
		var id, words string
		for _, one := range thread.Messages {
			m := w.read[one]
			if m.Automatic() || !strings.HasSuffix(m.From[0].Address, "@"+domains[thread.Account]) || id != "" && m.Date.Before(w.read[id].Date) {
				continue
			}
			id, words = one, ""
			for _, s := range extract.Author(w.text[one]) {
				words += w.text[one].Body[s.Start:s.End]
			}
		}
		count(all, id == thread.Latest)
		count(exactly, id == thread.Latest && strings.TrimSpace(words) == strings.TrimSpace(thread.Words))
		if id != thread.Latest {
			t.Logf("latest is %s %q, not %s %q", id, words, thread.Latest, thread.Words)
		}
	}
}
