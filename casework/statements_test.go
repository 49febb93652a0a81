package casework

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// evidenced is a case with three citations: 1, 2 and 3.
func evidenced(t *testing.T) *office {
	t.Helper()
	o := withCase(t)
	o.do(OpenAccount{ID: "acme", Name: "Acme GmbH"}, ChangeCase{Case: 101, Account: new("acme")})
	for i := range 2 {
		o.as("kim", Cite{101, cited("offline", 100+20*i)})
	}
	return o
}

func onDay(n int) *When {
	from := start.Truncate(24*time.Hour).AddDate(0, 0, n)
	return &When{from, from.AddDate(0, 0, 1), "day", ""}
}

// A statement that has to have a source is refused without, and keeps one.
func TestREC2_NothingIsAcceptedWithoutASource(t *testing.T) {
	o := evidenced(t)
	for _, c := range []Command{
		StateFact{Case: 101, Text: "It was hot.", Accepted: true}, MakeCommitment{Case: 101, What: "call back"}, SetKeyDate{Case: 101, Label: "Renewal", When: *onDay(3)},
	} {
		o.refused(c, Invalid, "Cites")
	}
	o.do(StateFact{Case: 101, Text: "It was hot."})
	o.refused(ChangeFact{Case: 101, ID: 1, Status: new(FactAccepted)}, Invalid, "Cites")
	o.refused(StateFact{Case: 101, Text: "It was hot.", Cites: []int{9}}, Invalid, "Cites")
	o.do(ChangeFact{Case: 101, ID: 1, Cites: []int{1}, Status: new(FactAccepted)}, MakeCommitment{Case: 101, What: "call back", Cites: []int{2}}, SetKeyDate{Case: 101, Label: "Renewal", Kind: "renewal", When: *onDay(3), Cites: []int{3}})
	for id := 1; id <= 3; id++ {
		o.refused(RemoveCitation{101, id, ""}, Conflict, "ID")
	}
	o.do(RemoveKeyDate{Case: 101, ID: 1}, RemoveCitation{101, 3, ""}, ChangeFact{Case: 101, ID: 1, Status: new(FactRejected)}, RemoveCitation{101, 1, ""})
	o.refused(ChangeFact{Case: 101, ID: 1, Status: new(FactAccepted)}, Invalid, "Cites")
}

// How a promise stands follows from what was said about it, and from the time.
func TestAC3_CommitmentStates(t *testing.T) {
	met := func(n int) *End { return &End{How: Met, When: onDay(n).From.Add(12 * time.Hour)} }
	for _, c := range []struct {
		name string
		p    Commitment
		now  int
		want CommitmentState
	}{
		{"no time", Commitment{}, 99, CommitmentOpen},
		{"before", Commitment{Due: onDay(3)}, 2, CommitmentOpen},
		{"on its day", Commitment{Due: onDay(3)}, 3, CommitmentOpen},
		{"the day after", Commitment{Due: onDay(3)}, 4, CommitmentOverdue},
		{"kept on its day", Commitment{Due: onDay(3), End: met(3)}, 9, CommitmentMet},
		{"kept late", Commitment{Due: onDay(3), End: met(4)}, 9, CommitmentMetLate},
		{"kept without a time", Commitment{End: met(4)}, 9, CommitmentMet},
		{"missed", Commitment{Due: onDay(3), End: &End{How: Missed}}, 9, "missed"},
		{"waived", Commitment{Due: onDay(3), End: &End{How: Waived}}, 9, "waived"},
		{"superseded", Commitment{Due: onDay(3), End: &End{How: Replaced}}, 9, "superseded"},
	} {
		if got := c.p.State(onDay(c.now).From); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// What was promised, moved and kept is told with each step and its source; an own promise that is kept
// after its time is met late.
func TestESC5_LateDischargeIsMetLate(t *testing.T) {
	o := evidenced(t)
	o.as("kim", MakeCommitment{Case: 101, What: "root cause", Due: onDay(1), Cites: []int{1}})
	p := o.theCase(101).Commitments[0]
	if p.Direction != Ours || p.Debtor.User != "kim" || p.Creditor.Name != "Acme GmbH" {
		t.Errorf("%+v", p)
	}
	o.clock = onDay(3).From
	if got := o.theCase(101).Commitments[0].State(o.clock); got != CommitmentOverdue {
		t.Errorf("past its time it is %s", got)
	}
	o.refused(EndCommitment{Case: 101, ID: 1, How: Met, When: o.clock.Add(time.Hour)}, Invalid, "When")
	o.as("kim", EndCommitment{Case: 101, ID: 1, How: Met, Cites: []int{2}})
	if got := o.theCase(101).Commitments[0].State(o.clock.AddDate(1, 0, 0)); got != CommitmentMetLate {
		t.Errorf("kept late it is %s", got)
	}
	if got, want := o.lastLine(101), "Kim Osei wrote down that the promise “root cause” was met late"; got != want {
		t.Errorf("log says %q, want %q", got, want)
	}
	o.refused(EndCommitment{Case: 101, ID: 1, How: Waived}, Conflict, "ID")
	o.as("kim", ReopenCommitment{Case: 101, ID: 1, Reason: "wrong mail"}, EndCommitment{Case: 101, ID: 1, How: Met, When: onDay(1).From})
	if got := o.theCase(101).Commitments[0].State(o.clock); got != CommitmentMet {
		t.Errorf("kept in time it is %s", got)
	}
}

// A promise that is made anew keeps how it stood before, with the words that say so.
func TestAC5_RenegotiationsChain(t *testing.T) {
	o := evidenced(t)
	o.as("kim", MakeCommitment{Case: 101, What: "firmware", Due: onDay(1), Cites: []int{1}})
	o.refused(MoveCommitment{Case: 101, ID: 1, Due: onDay(5)}, Invalid, "Cites")
	o.as("kim", MoveCommitment{Case: 101, ID: 1, Due: onDay(5), Cites: []int{2}, Asked: Theirs}, MoveCommitment{Case: 101, ID: 1, What: "firmware 4.2", Due: onDay(8), Cites: []int{3}})
	p := o.theCase(101).Commitments[0]
	if p.What != "firmware 4.2" || !sameWhen(p.Due, onDay(8)) || len(p.Moves) != 2 {
		t.Fatalf("%+v", p)
	}
	if a, b := p.Moves[0], p.Moves[1]; !sameWhen(a.Due, onDay(1)) || a.Asked != Theirs || a.Cites[0] != 2 || b.What != "firmware" || !sameWhen(b.Due, onDay(5)) || b.Asked != Ours {
		t.Errorf("%+v", p.Moves)
	}
}

// The life of a promise, whatever is done about it: it has ended exactly when the last that was said about its end was not taken back.
func TestAC3_CommitmentLifeCycleProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := evidenced(t)
		o.as("kim", MakeCommitment{Case: 101, What: "call", Due: onDay(2), Cites: []int{1}})
		var end Ending
		due, moves := onDay(2), 0
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			o.clock = o.clock.Add(7 * time.Hour)
			switch rapid.IntRange(0, 2).Draw(rt, "what") {
			case 0:
				how := rapid.SampledFrom([]Ending{Met, Missed, Waived, Replaced, Cancelled}).Draw(rt, "how")
				if _, err := o.desk.Do(t.Context(), "kim", EndCommitment{Case: 101, ID: 1, How: how}); (err == nil) != (end == "" || end == how) {
					rt.Fatalf("ended as %q, then %s: %v", end, how, err)
				}
				if end == "" {
					end = how
				}
			case 1:
				o.as("kim", ReopenCommitment{Case: 101, ID: 1})
				end = ""
			case 2:
				to := onDay(rapid.IntRange(0, 5).Draw(rt, "to"))
				_, err := o.desk.Do(t.Context(), "kim", MoveCommitment{Case: 101, ID: 1, Due: to, Cites: []int{2}})
				if (err == nil) != (end == "") {
					rt.Fatalf("ended as %q, moved: %v", end, err)
				}
				if err == nil && !sameWhen(to, due) {
					due, moves = to, moves+1
				}
			}
			p := o.theCase(101).Commitments[0]
			if (p.End == nil) != (end == "") || p.End != nil && p.End.How != end || !sameWhen(p.Due, due) || len(p.Moves) != moves {
				rt.Fatalf("%+v, want the end %q, due %v, %d moves", p, end, due, moves)
			}
			if late := !o.clock.Before(due.To); end == "" && (p.State(o.clock) == CommitmentOverdue) != late {
				rt.Fatalf("%s at %s, due %v", p.State(o.clock), o.clock, due)
			}
		}
	})
}

// Facts of a case are grouped by the issues that they are about, which are opened and solved.
func TestAC7_IssuesOfACase(t *testing.T) {
	o := evidenced(t)
	o.refused(StateFact{Case: 101, Text: "x", Issue: 1}, NotFound, "ID")
	o.as("kim", OpenIssue{Case: 101, Title: "Gateways drop the link"}, StateFact{Case: 101, Text: "Firmware 4.1", Issue: 1, Cites: []int{1}, Accepted: true}, ChangeIssue{Case: 101, ID: 1, State: new(IssueSolved)})
	c := o.theCase(101)
	if c.Issues[0].State != IssueSolved || c.Facts[0].Issue != 1 || c.Facts[0].Status != FactAccepted {
		t.Errorf("%+v %+v", c.Issues, c.Facts)
	}
	if got, want := o.lastLine(101), "Kim Osei solved the issue “Gateways drop the link”"; got != want {
		t.Errorf("log says %q, want %q", got, want)
	}
	o.as("kim", StateFact{Case: 101, Text: "Firmware 4.1.2", Cites: []int{2}, Accepted: true}, ChangeFact{Case: 101, ID: 1, Status: new(FactSuperseded), Better: 2})
	if f := o.theCase(101).Facts[0]; f.Status != FactSuperseded || f.Better != 2 || f.Judged != "kim" {
		t.Errorf("%+v", f)
	}
	o.refused(ChangeFact{Case: 101, ID: 2, Status: new(FactSuperseded), Better: 2}, Invalid, "Better")
}

// A decision says why; one that takes the place of another is told with it.
func TestAC10_DecisionSupersedes(t *testing.T) {
	o := evidenced(t)
	o.refused(MakeDecision{Case: 101, Text: "Replace all gateways"}, Invalid, "Why")
	o.as("kim", MakeDecision{Case: 101, Text: "Replace all gateways", Why: "Nothing else stops it", Alternatives: []string{"wait for 4.2", " "}, DecidedBy: "the board", Cites: []int{1}})
	o.as("kim", MakeDecision{Case: 101, Text: "Wait for 4.2", Why: "It is here on Friday", Supersedes: 1})
	o.refused(MakeDecision{Case: 101, Text: "x", Why: "y", Supersedes: 1}, Conflict, "Supersedes")
	d := o.theCase(101).Decisions
	if d[0].Superseded != 2 || d[1].Supersedes != 1 || !slices.Equal(d[0].Alternatives, []string{"wait for 4.2"}) || d[0].DecidedBy != "the board" {
		t.Errorf("%+v", d)
	}
}

// Nobody who was deactivated answers for a promise: the owner of the case does.
func TestInvariant7_LeaverAnswersForNoPromise(t *testing.T) {
	o := evidenced(t)
	o.do(AssignCase{Case: 101, Owner: "marta", Reason: "on leave"})
	o.as("kim", MakeCommitment{Case: 101, What: "call", Due: onDay(1), Cites: []int{1}})
	answers := func() (who string) {
		o.desk.Read(func(s *State) { who = s.Promises()[0].Answers })
		return who
	}
	if got := answers(); got != "kim" {
		t.Errorf("%s answers", got)
	}
	o.do(DisableUser{"kim", "left"})
	if got := answers(); got != "marta" {
		t.Errorf("after kim left %q answers", got)
	}
}

// Promises are listed as they have to be seen to.
func TestPromisesAreListedByTheirTime(t *testing.T) {
	o := evidenced(t)
	for _, due := range []*When{onDay(5), nil, onDay(1), onDay(2)} {
		o.as("kim", MakeCommitment{Case: 101, What: "call", Due: due, Cites: []int{1}})
	}
	o.as("kim", EndCommitment{Case: 101, ID: 3, How: Met, When: start})
	var ids []int
	o.desk.Read(func(s *State) {
		for _, p := range s.Promises() {
			ids = append(ids, p.ID)
		}
	})
	if want := []int{4, 1, 2, 3}; !slices.Equal(ids, want) {
		t.Errorf("%v, want %v", ids, want)
	}
}
