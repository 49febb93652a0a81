package casework

import (
	"context"
	"slices"
	"testing"
	"time"
)

// However a case comes to another owner, what an offer would have brought is there as of that event, and stays what it
// was whatever happens later.
func TestAC9_EveryChangeOfOwnerBringsThePackage(t *testing.T) {
	for _, x := range []struct {
		what   string
		change func(o *office)
		from   string
		to     string
	}{
		{"a manager assigns", func(o *office) { o.as("marta", AssignCase{Case: 101, Owner: "lee", Reason: "it is urgent"}) }, "kim", "lee"},
		{"somebody claims it", func(o *office) {
			o.as("kim", AssignCase{Case: 101})
			o.as("lee", AssignCase{Case: 101, Owner: "lee"})
		}, "", "lee"},
		{"somebody leaves", func(o *office) { o.do(DisableUser{"kim", "left"}) }, "kim", ""},
		{"a review takes it over", func(o *office) {
			o.as("marta", OpenReview{Case: 101}, DecideReview{Case: 101, ID: 1, Do: ReviewTakeOver, Reason: "I know them"})
		}, "kim", "marta"},
	} {
		t.Run(x.what, func(t *testing.T) {
			o := handed(t)
			o.clock = o.clock.Add(time.Hour)
			x.change(o)
			changes := OwnerChanges(o.theCase(101))
			last := changes[len(changes)-1]
			if last.From != x.from || last.To != x.to || last.Handoff {
				t.Fatalf("%+v", changes)
			}
			at := func() Inherited {
				s, err := o.desk.StateAt(context.Background(), last.Position)
				if err != nil {
					t.Fatal(err)
				}
				got, ok := InheritedOf(s, 101)
				if !ok {
					t.Fatal("there is no package")
				}
				return got
			}
			got := at()
			p := got.Package
			if p.Owner != x.to || p.Ledger != last.Position+1 || !p.At.Equal(last.At) || !slices.Equal(p.Commitments, []int{1, 2, 3}) || !slices.Equal(p.Decisions, []int{2}) || !slices.Equal(p.Issues, []int{1}) || !slices.Equal(p.Facts, []int{1}) || !slices.Equal(p.Questions, []int{1}) || len(p.Citations) != 3 || len(got.Gaps) == 0 {
				t.Errorf("%+v", got)
			}
			o.clock = o.clock.Add(time.Hour)
			o.as("marta", EndCommitment{Case: 101, ID: 1, How: Met}, AnswerQuestion{Case: 101, ID: 1, Text: "Jane."}, MakeDecision{Case: 101, Text: "Later", Why: "new"})
			if again := at(); again.SHA256 != got.SHA256 || again.Package.Digest() != got.SHA256 || len(again.Gaps) != len(got.Gaps) {
				t.Error("it changed with what came later")
			}
		})
	}
}

// What came to somebody without an offer is told for a while, what was accepted is not.
func TestAC9_TakenCasesAreTold(t *testing.T) {
	o := handed(t)
	taken := func(who string, since time.Time) (list []int) {
		o.desk.Read(func(s *State) {
			for _, x := range s.Taken(who, since) {
				list = append(list, x.Case)
			}
		})
		return list
	}
	if got := taken("kim", time.Time{}); got != nil {
		t.Errorf("who opened it took it: %v", got)
	}
	o.as("marta", AssignCase{Case: 101, Owner: "lee", Reason: "urgent"})
	if got := taken("lee", o.clock); !slices.Equal(got, []int{101}) {
		t.Errorf("assigned: %v", got)
	}
	if got := taken("lee", o.clock.Add(time.Second)); got != nil {
		t.Errorf("long ago: %v", got)
	}
	o.as("lee", offerTo("kim"))
	o.as("kim", AnswerHandoff{Case: 101, ID: 1, Accept: true, Takes: takeAll()})
	if got := taken("kim", time.Time{}); got != nil {
		t.Errorf("accepted: %v", got)
	}
}
