package casework

import (
	"context"
	"errors"
	"testing"
	"time"

	"polytrace/archive"
)

// goldenReview holds the first ledger with reviews, and what it folded to. These files never change.
const goldenReview = "testdata/golden-review"

func shownReviews(s *State) map[string]any {
	return map[string]any{"cases": s.Cases(), "open": s.Reviews(), "unknown": s.Unknown()}
}

func TestFirstReviewsStayReadable(t *testing.T) {
	checkGolden(t, goldenReview, shownReviews, ReviewAsked, ReviewOpened, ReviewDecided)
}

func TestReviewsAreWrittenAsAtFirst(t *testing.T) { checkWritten(t, goldenReview, goldenReviewScript) }

// goldenReviewScript makes every type of event with every member set at least once.
func goldenReviewScript(o *office) {
	step := func(actor string, c Command) { o.t.Helper(); o.as(actor, c); o.clock = o.clock.Add(6 * time.Minute) }
	step(System, AddUser{Name: "kim", FullName: "Kim Osei", Roles: []Role{Specialist}})
	step(System, AddUser{Name: "lee", FullName: "Lee Park", Roles: []Role{Agent}})
	step(System, AddUser{Name: "marta", FullName: "Marta Lindqvist", Roles: []Role{Manager}})
	step(System, AddUser{Name: "noor", FullName: "Noor Haddad", Roles: []Role{Manager}})
	step("kim", OpenCase{Title: "Gateways offline in Bremen", Account: "acme", Owner: "kim", Severity: 2})
	step("kim", AskReview{Case: 101, Reason: "is it worse than we think"})
	step("kim", AskReview{Case: 101, To: "marta", Reason: "they threaten to leave"})
	step("marta", OpenReview{Case: 101})
	step("marta", AskQuestion{Case: 101, To: "kim", Text: "Who signed it?"})
	step("marta", DecideReview{Case: 101, ID: 2, Do: ReviewSeverity, Severity: 1, Reason: "their plant stands", Viewed: []archive.Address{named(4).Record, named(7).Record}})
	step("kim", OfferHandoff{Case: 101, To: "lee", Fields: said()})
	step("noor", OpenReview{Case: 101})
	step("noor", DecideReview{Case: 101, ID: 1, Do: ReviewTakeOver, Reason: "I know their director"})
	step("marta", OpenReview{Case: 101})
	step("marta", DecideReview{Case: 101, ID: 3, Do: ReviewContinue, Reason: "it is on its way"})
	step("noor", OpenReview{Case: 101})
	step("noor", DecideReview{Case: 101, ID: 4, Do: ReviewClose, Reason: "it works again"})
	step("lee", AskReview{Case: 101, To: "noor", Reason: "does it really"})
	step("marta", OpenReview{Case: 101})
}

// A review is begun, reads and asks, and decides: how long that took is what the clock says between.
func TestESC15_ReviewTakesWhatTheClockSays(t *testing.T) {
	o := withCase(t)
	o.as("kim", AskReview{Case: 101, To: "marta", Reason: "they threaten to leave"})
	o.clock = o.clock.Add(time.Hour)
	o.as("marta", OpenReview{Case: 101})
	o.clock = o.clock.Add(2 * time.Minute)
	o.as("marta", AskQuestion{Case: 101, To: "kim", Text: "Who signed it?"})
	before := len(o.ledger.records)
	o.as("marta", OpenReview{Case: 101})
	if len(o.ledger.records) != before {
		t.Error("a review that goes on is begun again")
	}
	o.clock = o.clock.Add(4 * time.Minute)
	at := o.as("marta", DecideReview{Case: 101, ID: 1, Do: ReviewContinue, Reason: "it is on its way", Viewed: []archive.Address{named(7).Record}})
	c := o.theCase(101)
	r := c.Reviews[0]
	if len(c.Reviews) != 1 || r.Took() != 6*time.Minute || r.AskedBy != "kim" || r.By != "marta" || r.State != ReviewDone || len(r.Viewed) != 1 {
		t.Errorf("%+v", c.Reviews)
	}
	if ids := r.Asking(c); len(ids) != 1 || ids[0] != 1 {
		t.Errorf("asked %v", ids)
	}
	if want := "Marta Lindqvist reviewed the case, 6 min, 1 message read, and decided: the case goes on as it is (reason: it is on its way)"; o.lastLine(101) != want {
		t.Errorf("log says %q", o.lastLine(101))
	}
	last := Timeline([]Case{c}, nil)
	if it := last[len(last)-1]; it.Kind != TimelineReview || it.Entry.Position != at {
		t.Errorf("timeline ends with %+v", it)
	}
	equalStates(t, o.reopen().state, o.desk.state)
}

// What a review decides is carried out by the one event that says so.
func TestESC15_DecisionIsCarriedOutByOneEvent(t *testing.T) {
	for _, x := range []struct {
		decide DecideReview
		so     func(c Case) bool
	}{
		{DecideReview{Do: ReviewContinue}, func(c Case) bool { return c.Owner == "kim" && c.Severity == 2 && c.Status == New }},
		{DecideReview{Do: ReviewSeverity, Severity: 1}, func(c Case) bool { return c.Owner == "kim" && c.Severity == 1 }},
		{DecideReview{Do: ReviewTakeOver}, func(c Case) bool { return c.Owner == "marta" && c.Handoffs[0].State == Released }},
		{DecideReview{Do: ReviewClose}, func(c Case) bool { return c.Owner == "kim" && c.Status == Closed }},
	} {
		t.Run(string(x.decide.Do), func(t *testing.T) {
			o := withCase(t)
			o.do(AddUser{Name: "lee", FullName: "Lee Park", Roles: []Role{Agent}})
			o.as("kim", OfferHandoff{Case: 101, To: "lee", Fields: said()})
			o.as("marta", OpenReview{Case: 101})
			before := len(o.ledger.records)
			x.decide.Case, x.decide.ID, x.decide.Reason = 101, 1, "so it is"
			o.as("marta", x.decide)
			if c := o.theCase(101); !x.so(c) || len(o.ledger.records) != before+1 {
				t.Errorf("%d events, %+v", len(o.ledger.records)-before, c)
			}
			equalStates(t, o.reopen().state, o.desk.state)
		})
	}
}

// Only who leads begins a review, only who began it decides it, and not on what was changed behind their back.
func TestESC15_WhoReviewsAndWhenNot(t *testing.T) {
	o := withCase(t)
	o.do(AddUser{Name: "noor", FullName: "Noor Haddad", Roles: []Role{Manager}})
	o.refusedTo("kim", OpenReview{Case: 101}, Forbidden, "Case", "Ask one for a review")
	o.refusedTo("kim", AskReview{Case: 101, To: "kim", Reason: "x"}, Invalid, "To")
	o.refusedTo("marta", AskReview{Case: 101, To: "marta", Reason: "x"}, Invalid, "To", "Start the review")
	o.refusedTo("kim", AskReview{Case: 101, To: "marta"}, Invalid, "Reason")
	o.as("kim", AskReview{Case: 101, Reason: "look at it"})
	o.refusedTo("kim", AskReview{Case: 101, Reason: "again"}, Conflict, "To", "Kim Osei asked")
	revision := o.theCase(101).Revision
	o.refusedTo("marta", DecideReview{Case: 101, ID: 1, Do: ReviewContinue, Reason: "x"}, Conflict, "ID", "Start it first")
	o.as("marta", OpenReview{Case: 101})
	o.refusedTo("noor", DecideReview{Case: 101, ID: 1, Do: ReviewContinue, Reason: "x"}, Forbidden, "ID", "Marta")
	o.refusedTo("marta", DecideReview{Case: 101, ID: 1, Do: ReviewContinue}, Invalid, "Reason")
	o.refusedTo("marta", DecideReview{Case: 101, ID: 1, Do: "perhaps", Reason: "x"}, Invalid, "Do", "choose from")
	o.refusedTo("marta", DecideReview{Case: 101, ID: 1, Do: ReviewSeverity, Severity: 2, Reason: "x"}, Invalid, "Severity", "already")
	o.refusedTo("marta", DecideReview{Case: 101, ID: 1, Do: ReviewClose, Severity: 1, Reason: "x"}, Invalid, "Severity")
	o.refusedTo("marta", DecideReview{Case: 101, ID: 2, Do: ReviewContinue, Reason: "x"}, NotFound, "ID")
	// That a review was begun makes nobody's form stale; a note does.
	o.as("marta", ChangeCase{Case: 101, Status: new(Open), Revision: &revision})
	stale := DecideReview{Case: 101, ID: 1, Do: ReviewClose, Reason: "x", Revision: &revision}
	_, err := o.desk.Do(context.Background(), "marta", stale)
	var refusal *Refusal
	if !errors.As(err, &refusal) || refusal.Code != Conflict || refusal.Field != "Revision" {
		t.Errorf("stale: %v", err)
	}
	o.as("marta", DecideReview{Case: 101, ID: 1, Do: ReviewTakeOver, Reason: "x"}, OpenReview{Case: 101})
	o.refusedTo("marta", DecideReview{Case: 101, ID: 1, Do: ReviewContinue, Reason: "x"}, Conflict, "ID", "already")
	o.refusedTo("marta", DecideReview{Case: 101, ID: 2, Do: ReviewTakeOver, Reason: "x"}, Conflict, "Do")
}

// A review waits for whom it was asked of, and for any manager once they lead no more.
func TestESC15_WantedReviewsWaitForSomebodyWhoLeads(t *testing.T) {
	o := withCase(t)
	o.do(AddUser{Name: "noor", FullName: "Noor Haddad", Roles: []Role{Manager}})
	o.as("kim", AskReview{Case: 101, To: "noor", Reason: "look at it"})
	answers := func() (list []string) {
		o.desk.Read(func(s *State) {
			for _, r := range s.Reviews() {
				list = append(list, string(r.State)+" "+r.Answers)
			}
		})
		return list
	}
	expect(t, "asked", answers(), []string{"wanted noor"})
	o.do(DisableUser{"noor", "left"})
	expect(t, "after noor left", answers(), []string{"wanted "})
	o.as("marta", OpenReview{Case: 101})
	expect(t, "begun", answers(), []string{"open marta"})
	o.as("marta", DecideReview{Case: 101, ID: 1, Do: ReviewContinue, Reason: "x"})
	expect(t, "decided", answers(), nil)
}
