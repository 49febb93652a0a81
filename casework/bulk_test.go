package casework

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// piled is inSupport with some more cases in different states.
func piled(t testing.TB) *office {
	o := inSupport(t)
	for i := range 5 {
		o.as("marta", OpenCase{Title: fmt.Sprint("Case ", i), Team: "support", Severity: 1 + i%4, Tags: []string{fmt.Sprint("tag-", i)}})
	}
	o.as("kim", ClaimCase{Case: 102}, ClaimCase{Case: 103}, SnoozeCase{Case: 103, Until: start.AddDate(0, 0, 2)})
	o.as("marta", ClaimCase{Case: 104}, ChangeCase{Case: 105, Status: new(Closed)}, ChangeCase{Case: 106, Muted: new(true), Status: new(WaitingUs)})
	return o
}

// those names cases, whatever their revisions are.
func those(numbers ...int) (list []BulkCase) {
	for _, n := range numbers {
		list = append(list, BulkCase{Case: n})
	}
	return list
}

// What a bulk has touched is after the undo as it was before, whatever it was; and one event did each of both.
func TestTR12_UndoRestoresTheExactState(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := piled(t)
		o.clock = start.Add(time.Hour)
		maybe := func(name string) bool { return rapid.IntRange(0, 2).Draw(rt, name) == 0 }
		a := BulkAction{}
		if maybe("owner") {
			a.Owner = new(rapid.SampledFrom([]string{"", "kim", "marta", "lee"}).Draw(rt, "who"))
		}
		if maybe("team") {
			a.Team = new(rapid.SampledFrom([]string{"", "support", "second"}).Draw(rt, "where"))
		}
		if maybe("tag") {
			a.Tag, a.Untag = []string{"Later"}, []string{"tag-1"}
		}
		if maybe("severity") {
			a.Severity = new(rapid.IntRange(1, 4).Draw(rt, "how bad"))
		}
		if maybe("status") {
			a.Status = new(rapid.SampledFrom(Statuses()).Draw(rt, "what"))
		}
		if maybe("muted") {
			a.Muted = new(rapid.Bool().Draw(rt, "still"))
		}
		if maybe("snooze") {
			a.Snooze = new(rapid.SampledFrom([]time.Time{{}, start.AddDate(0, 0, 2), start.AddDate(0, 0, 3)}).Draw(rt, "until"))
		}
		numbers := rapid.SliceOfNDistinct(rapid.IntRange(101, 106), 1, 6, rapid.ID[int]).Draw(rt, "cases")
		before, events, id := o.desk.state.Cases(), len(o.ledger.records), 0
		if _, err := o.desk.Do(context.Background(), "marta", ChangeCases{Cases: those(numbers...), Action: a, Reason: "r", ID: &id}); err != nil || id == 0 {
			if len(o.ledger.records) != events {
				rt.Fatalf("refused with %v, and changed", err)
			}
			return
		}
		if len(o.ledger.records) != events+1 {
			rt.Fatalf("%d events", len(o.ledger.records)-events)
		}
		b, _ := o.desk.state.Bulk(id)
		for _, x := range b.Changes {
			if d := cmp.Diff(x.After, o.desk.state.file(x.Case).fields(x.After)); d != "" {
				rt.Fatalf("C-%d is not as the bulk says:\n%s", x.Case, d)
			}
		}
		o.clock = o.clock.Add(undoFor - time.Second)
		o.as("marta", UndoBulk{ID: id})
		if len(o.ledger.records) != events+2 {
			rt.Fatalf("the undo takes %d events", len(o.ledger.records)-events-1)
		}
		after := o.desk.state.Cases()
		if d := cmp.Diff(byNumber(before), byNumber(after), cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(Case{}), cmpopts.IgnoreFields(Case{}, "Log", "Revision", "Changed")); d != "" {
			rt.Fatalf("after %+v and its undo (-before +after):\n%s", a, d)
		}
		if u := o.desk.state.Unknown(); len(u) > 0 {
			rt.Fatalf("%+v", u)
		}
		equalStates(t, o.reopen().state, o.desk.state)
	})
}

func byNumber(cases []Case) map[int]Case {
	all := map[int]Case{}
	for _, c := range cases {
		all[c.Number] = c
	}
	return all
}

// The plan says of each case what happens to it or why not, and what is done is the plan.
func TestTR12_ThePlanIsWhatIsDone(t *testing.T) {
	o := piled(t)
	o.as("kim", OfferHandoff{Case: 102, To: "lee", Fields: said()})
	seen := o.theCase(103).Revision
	o.as("kim", AddNote{103, "They called.", nil})
	c := ChangeCases{Cases: append(those(101, 102, 104, 199), BulkCase{103, &seen}), Action: BulkAction{Owner: new("lee")}, Reason: "Kim is away"}
	plan, err := As("marta", c).(ChangeCases).Plan(o.desk.state, o.clock)
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Changes) != 2 || plan.Changes[0].Case != 101 || plan.Changes[1].Case != 104 || *plan.Changes[1].Before.Owner != "marta" || *plan.Changes[1].After.Owner != "lee" {
		t.Errorf("it would change %+v", plan.Changes)
	}
	for i, want := range []string{"C-102 is being handed over", "no case C-199", "Kim Osei added a note"} {
		if len(plan.Refused) != 3 || !strings.Contains(plan.Refused[i].Text, strings.TrimPrefix(want, "C-102 ")) {
			t.Fatalf("refused are %+v, want %q", plan.Refused, want)
		}
	}
	o.as("marta", c)
	if o.theCase(101).Owner != "lee" || o.theCase(104).Owner != "lee" || o.theCase(102).Owner != "kim" || o.theCase(103).Owner != "kim" {
		t.Error("not what was planned")
	}
	if got, want := o.lastLine(104), "Marta Lindqvist gave the case to Lee Park together with 1 other case (bulk change 1) (reason: Kim is away)"; got != want {
		t.Errorf("the log says %q, want %q", got, want)
	}
	if plan, err := As("marta", c).(ChangeCases).Plan(o.desk.state, o.clock); err != nil || len(plan.Same) != 2 {
		t.Errorf("again: %+v (%v)", plan, err)
	}
	o.as("marta", UndoBulk{ID: 1})
	if got, want := o.lastLine(104), "Marta Lindqvist undid bulk change 1: took the case"; got != want {
		t.Errorf("the log says %q, want %q", got, want)
	}
}

// What was decided since a bulk stays, and who undoes it is told; what cannot be any more does not come back.
func TestTR12_UndoKeepsWhatCameSince(t *testing.T) {
	o := piled(t)
	id := 0
	o.as("marta", ChangeCases{Cases: those(101, 102, 104), Action: BulkAction{Severity: new(4), Owner: new("lee")}, Reason: "r", ID: &id})
	o.as("lee", ChangeCase{Case: 104, Severity: new(2)})
	o.do(DisableUser{"kim", "left"})
	o.refusedTo("kim", UndoBulk{ID: id}, Forbidden, "ID", "Marta Lindqvist or a manager")
	plan, err := As("root", UndoBulk{ID: id}).(UndoBulk).Plan(o.desk.state, o.clock)
	if err != nil || len(plan.Changes) != 1 || plan.Changes[0].Case != 101 || len(plan.Refused) != 2 ||
		!strings.Contains(plan.Refused[0].Text, "Kim Osei cannot own") || !strings.Contains(plan.Refused[1].Text, "Lee Park changed the severity from S4 to S2") {
		t.Fatalf("%+v (%v)", plan, err)
	}
	o.do(UndoBulk{ID: id})
	if c := o.theCase(104); c.Severity != 2 || c.Owner != "lee" || o.theCase(101).Severity == 4 {
		t.Errorf("%+v", c)
	}
	o.refused(UndoBulk{ID: id}, Conflict, "ID", "Rowan Admin has undone")
	o.refused(UndoBulk{ID: 9}, NotFound, "ID", "no bulk change 9")
	o.as("marta", ChangeCases{Cases: those(101), Action: BulkAction{Muted: new(true)}, ID: &id})
	o.clock = o.clock.Add(undoFor)
	o.refused(UndoBulk{ID: id}, Gone, "ID", "more than a day ago")
	o.as("marta", ChangeCases{Cases: those(101), Action: BulkAction{Muted: new(false)}})
	o.refused(UndoBulk{ID: id}, Gone, "ID", "more than a day ago")
	if n := len(o.desk.state.Bulks()); n != 1 {
		t.Errorf("%d bulks are kept", n)
	}
}

func TestTR12_BulksThatCannotBeAreRefused(t *testing.T) {
	o := piled(t)
	many := make([]BulkCase, maxBulk+1)
	for i := range many {
		many[i].Case = 101 + i
	}
	for _, x := range []struct {
		command     ChangeCases
		code, field string
		words       string
	}{
		{ChangeCases{Action: BulkAction{Muted: new(true)}}, Invalid, "Cases", "Select"},
		{ChangeCases{Cases: many, Action: BulkAction{Muted: new(true)}}, Invalid, "Cases", "At most 500"},
		{ChangeCases{Cases: those(101)}, Invalid, "Action", "what is to be changed"},
		{ChangeCases{Cases: those(101, 101), Action: BulkAction{Muted: new(true)}}, Invalid, "Cases", "twice"},
		{ChangeCases{Cases: those(101, 102), Action: BulkAction{Severity: new(9)}}, Conflict, "Cases", "None of the cases can be changed. Severity 9"},
		{ChangeCases{Cases: those(104), Action: BulkAction{Owner: new("kim")}}, Conflict, "Cases", "Say why the case is taken from Marta"},
		{ChangeCases{Cases: those(101), Action: BulkAction{Tag: []string{"a,b"}}}, Conflict, "Cases", "comma"},
	} {
		o.refused(x.command, x.code, x.field, x.words)
	}
	o.refusedTo("kim", ChangeCases{Cases: those(101), Action: BulkAction{Owner: new("lee")}}, Conflict, "Cases", "Offer the case to Lee Park")
}
