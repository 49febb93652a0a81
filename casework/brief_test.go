package casework

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"polytrace/archive"
)

// briefed is a case with something in every section of its brief, and what its brief is made of.
func briefed(t testing.TB) BriefInput {
	o := withCase(t)
	o.as("kim", Cite{101, cited("by Friday", 50)}, AddNote{101, "They called twice.", nil},
		OpenIssue{Case: 101, Title: "Link drops"}, OpenIssue{Case: 101, Title: "Solved one"}, ChangeIssue{Case: 101, ID: 2, State: new(IssueSolved)},
		StateFact{Case: 101, Text: "Firmware 4.1.", Issue: 1, Cites: []int{1}, Accepted: true}, StateFact{Case: 101, Text: "Perhaps the cable."},
		MakeDecision{Case: 101, Text: "Wait.", Why: "the firmware comes", Cites: []int{2}}, MakeDecision{Case: 101, Text: "Replace", Why: "it did not help", Supersedes: 1},
		MakeCommitment{Case: 101, What: "root cause", Due: onDay(1), Cites: []int{2}}, MakeCommitment{Case: 101, What: "logs", Direction: Theirs, Cites: []int{1}}, EndCommitment{Case: 101, ID: 2, How: Met},
		MakeCommitment{Case: 101, What: "a call", Cites: []int{1}},
		SetKeyDate{Case: 101, Label: "Go-live", When: *onDay(9), Cites: []int{1}}, SetKeyDate{Case: 101, Label: "Long ago", When: *onDay(-9), Cites: []int{1}},
		OpenCase{Title: "Twin"}, MergeCase{Case: 102, Into: 101})
	in := BriefInput{Now: start.AddDate(0, 0, 3), Name: func(actor string) string { return strings.ToUpper(actor) }, Missing: []Lost{{"lost@acme.example", named(2).Record}}}
	o.desk.Read(func(s *State) { in.Cases = s.Family(101) })
	in.Mail = []Mail{letterAt(1, 0, Inbound), letterAt(2, time.Hour, Outbound), letterAt(3, 2*time.Hour, Inbound), letterAt(4, 3*time.Hour, Inbound)}
	in.Mail[0].Unsearchable, in.Mail[1].Text, in.Mail[1].From.Name, in.Mail[3].Text, in.Mail[2].Forged = "encrypted", "We look into it.", "Kim Osei", "All lines are down.", true
	return in
}

// shownBrief is a brief as lines of text.
func shownBrief(b Brief) (lines []string) {
	for _, s := range b.Sections {
		for _, l := range s.Lines {
			var from []string
			for _, x := range l.Sources {
				switch {
				case x.Citation != 0:
					from = append(from, fmt.Sprintf("%d:%d", x.Case, x.Citation))
				case x.Record != nil:
					from = append(from, x.Record.String())
				default:
					from = append(from, fmt.Sprintf("%d:ledger/%d", x.Case, x.Event))
				}
			}
			when := ""
			if l.When != nil {
				when = l.When.From.Format("2006-01-02")
			}
			lines = append(lines, strings.Join([]string{s.Name, l.State, when, l.Who, l.Text, strings.Join(from, " ")}, " | "))
		}
		if s.More > 0 {
			lines = append(lines, fmt.Sprintf("%s and %d more", s.Name, s.More))
		}
	}
	return lines
}

// The brief of a case says what is so, each line with what it rests on, and leaves out what ended.
func TestESC14_BriefIsGolden(t *testing.T) {
	in := briefed(t)
	want := []string{
		"now |  |  |  | New, severity 2 | 101:ledger/3",
		"now |  |  |  | Owner KIM | 101:ledger/3",
		"now |  |  |  | With C-102 | 101:ledger/21",
		"latest customer update |  |  | jane@acme.example | All lines are down. | mail/4",
		"latest customer update | waiting |  |  | 2 messages in a row are not answered; the first of | mail/3",
		"our last answer |  |  | Kim Osei | We look into it. | mail/2",
		"open promises | overdue | " + onDay(1).From.Format("2006-01-02") + " |  | root cause, KIM to acme.example | 101:2",
		"open promises | open |  |  | a call, KIM to acme.example | 101:1",
		"dates ahead |  | " + onDay(9).From.Format("2006-01-02") + " |  | Go-live | 101:1",
		"decisions |  |  |  | Replace, because: it did not help | 101:ledger/13",
		"open issues |  |  |  | Link drops | 101:1",
		"facts |  |  |  | Firmware 4.1. | 101:1",
		"notes | no source yet |  |  | They called twice. | 101:ledger/6",
		"evidence |  |  | Jane Doe | by Friday | 101:2",
		"evidence |  |  | Jane Doe | All 14 gateways are offline | 101:1",
		"gaps |  |  |  | 1 message that is answered here never came here | mail/2",
		"gaps |  |  |  | 1 message could not be read whole | mail/1",
		"gaps |  |  |  | 1 message was not sent when it says | mail/3",
		"gaps |  |  |  | 1 fact is only proposed | 101:ledger/11",
		"gaps |  |  |  | 1 promise has no time | 101:1",
	}
	if diff := cmp.Diff(want, shownBrief(BriefOf(in))); diff != "" {
		t.Errorf("brief (-want +got):\n%s", diff)
	}
}

// A brief fits on a screen whatever the case has, says how much more there is, and no line of it is without a source.
func TestESC14_EveryLineIsCitedAndTheyFitAScreen(t *testing.T) {
	in := briefed(t)
	total := 0
	for _, most := range briefMost {
		total += most
	}
	if total != BriefLines {
		t.Errorf("the sections have %d lines together, want %d", total, BriefLines)
	}
	c := &in.Cases[0]
	for range 200 {
		in.Mail = append(in.Mail, in.Mail[0])
		for _, list := range []struct{ grow func() }{
			{func() { c.Notes = append(c.Notes, c.Notes[0]) }}, {func() { c.Issues = append(c.Issues, c.Issues[0]) }}, {func() { c.Facts = append(c.Facts, c.Facts[0], c.Facts[1]) }},
			{func() { c.Decisions = append(c.Decisions, c.Decisions[1]) }}, {func() { c.Commitments = append(c.Commitments, c.Commitments[0]) }},
			{func() { c.KeyDates = append(c.KeyDates, c.KeyDates[0]) }}, {func() { c.Citations = append(c.Citations, c.Citations[1]) }},
		} {
			list.grow()
		}
	}
	b := BriefOf(in)
	if n := b.Count(); n > BriefLines || n < 40 {
		t.Errorf("it has %d lines", n)
	}
	for _, s := range b.Sections {
		for _, l := range s.Lines {
			if len(l.Sources) == 0 {
				t.Errorf("%s: %q rests on nothing", s.Name, l.Text)
			}
		}
		if s.Name == BriefFacts && s.More != 201-briefMost[BriefFacts] {
			t.Errorf("%d more facts", s.More)
		}
	}
}

// How long the brief of a case with 200 messages takes.
func BenchmarkBrief(b *testing.B) {
	in := briefed(b)
	for i := range 200 {
		in.Mail = append(in.Mail, letterAt(archive.Position(10+i), time.Duration(i)*time.Hour, Inbound))
	}
	for b.Loop() {
		BriefOf(in)
	}
}
