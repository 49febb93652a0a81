package casework

import (
	"context"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"polytrace/archive"
)

// Whatever people cite, state and withdraw in whatever order: every accepted fact, every promise and every date that was
// not removed rests on a citation that was not withdrawn, each quote is the bytes of the text at its span, and each signal
// of risk leads to a message, a citation or a decision that there is.
func TestInvariant2_StatementsRestOnTheirWords(t *testing.T) {
	text := strings.Repeat("Die Ursache kommt bis Freitag, größer als zuvor. ", 4)
	rapid.Check(t, func(rt *rapid.T) {
		o := staffed(t)
		o.as("kim", OpenCase{Title: "T", Owner: "kim"})
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			ids := rapid.SliceOfNDistinct(rapid.IntRange(1, 6), 0, 2, rapid.ID[int]).Draw(rt, "cites")
			from := rapid.IntRange(0, len(text)-1).Draw(rt, "from")
			for from > 0 && text[from]&0xc0 == 0x80 {
				from--
			}
			to := min(len(text), from+strings.IndexByte(text[from:]+" ", ' ')+1)
			c := Citation{Record: named(7).Record, SHA256: archive.Digest{7}, Quote: text[from:to], Start: from, End: to}
			c.Prefix, c.Suffix = Context(text, from, to)
			command := rapid.SampledFrom([]Command{
				Cite{101, c}, Cite{101, c}, RemoveCitation{101, rapid.IntRange(1, 6).Draw(rt, "withdrawn"), "r"},
				StateFact{Case: 101, Text: "f", Cites: ids, Accepted: true}, StateFact{Case: 101, Text: "f", Cites: ids},
				ChangeFact{Case: 101, ID: 1, Status: new(FactAccepted)}, ChangeFact{Case: 101, ID: 1, Cites: ids},
				MakeCommitment{Case: 101, What: "p", Due: onDay(1), Cites: ids}, SetKeyDate{Case: 101, Label: "d", Kind: "deadline", When: *onDay(2), Cites: ids},
			}).Draw(rt, "command")
			o.desk.Do(context.Background(), "kim", command) // What is refused changes nothing.
		}
		c := o.theCase(101)
		rests := func(what string, cites []int) {
			if !slices.ContainsFunc(cites, func(id int) bool { return c.citation(id) != nil }) {
				rt.Fatalf("%s rests on nothing: %v", what, cites)
			}
		}
		for _, x := range c.Citations {
			if text[x.Start:x.End] != x.Quote {
				rt.Fatalf("citation %d says %q where there is %q", x.ID, x.Quote, text[x.Start:x.End])
			}
		}
		for _, f := range c.Facts {
			if f.Status == FactAccepted {
				rests("a fact", f.Cites)
			}
		}
		for _, p := range c.Commitments {
			rests("a promise", p.Cites)
		}
		for _, d := range c.KeyDates {
			rests("a date", d.Cites)
		}
		risk, _ := RiskOf(RiskInput{Cases: []Case{c}, Now: start.AddDate(0, 0, 1)})
		for _, s := range risk.Signals {
			if len(s.Sources) == 0 || slices.ContainsFunc(s.Sources, func(x Source) bool { return x.Citation == 0 || c.citation(x.Citation) == nil }) {
				rt.Fatalf("signal %+v", s)
			}
		}
	})
}
