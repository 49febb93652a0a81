package casework

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"polytrace/archive"
)

// said fills the fields that every offer has to fill.
func said() map[string]string {
	return map[string]string{"situation": "Links drop", "next-step": "Send the firmware", "customer-expects": "unknown"}
}

// handed is a case of kim with three citations, lee who could take it, and what is stated: two promises of ours,
// one to us, and the rest of what goes with a case.
func handed(t testing.TB) *office {
	t.Helper()
	o := withCase(t)
	o.do(AddUser{Name: "lee", FullName: "Lee Park", Roles: []Role{Agent}}, OpenAccount{ID: "acme", Name: "Acme GmbH"}, ChangeCase{Case: 101, Account: new("acme")})
	o.as("kim", Cite{101, cited("offline", 100)}, Cite{101, cited("by Friday", 200)},
		OpenIssue{Case: 101, Title: "Links drop"}, OpenIssue{Case: 101, Title: "Late"}, ChangeIssue{Case: 101, ID: 2, State: new(IssueSolved)},
		StateFact{Case: 101, Text: "All 14 are offline", Issue: 1, Cites: []int{1}, Accepted: true}, StateFact{Case: 101, Text: "Perhaps the cable"},
		MakeDecision{Case: 101, Text: "Replace", Why: "Nothing else", Cites: []int{1}}, MakeDecision{Case: 101, Text: "Wait", Why: "Firmware", Cites: []int{2}, Supersedes: 1},
		MakeCommitment{Case: 101, What: "root cause", Due: onDay(3), Cites: []int{3}}, MakeCommitment{Case: 101, What: "a call", Debtor: Party{User: "marta"}, Due: onDay(4), Cites: []int{2}},
		MakeCommitment{Case: 101, Direction: Theirs, Debtor: Party{Name: "Jane Doe", Address: "jane@acme.example"}, What: "logs", Due: onDay(5), Cites: []int{2}},
		MakeCommitment{Case: 101, What: "an answer", Cites: []int{1}}, EndCommitment{Case: 101, ID: 4, How: Met},
		SetKeyDate{Case: 101, Label: "Go-live", When: *onDay(9), Cites: []int{1}}, SetKeyDate{Case: 101, Label: "Past", When: *onDay(-3), Cites: []int{1}},
		AddNote{101, "Jane is patient.", []int{1}}, AskQuestion{Case: 101, To: "marta", Text: "Who signed it?"},
		CreateShare{101, Share{Hash: SecretHash("live"), Citations: []int{1}, Expires: start.AddDate(0, 0, 9)}})
	return o
}

func offerTo(who string) OfferHandoff { return OfferHandoff{Case: 101, To: who, Fields: said()} }

// takeAll answers the two open promises of handed.
func takeAll() []Take { return []Take{{Commitment: 1, Do: TakeIt}, {Commitment: 2, Do: TakeIt}} }

// refusedTo is refused for a command of somebody.
func (o *office) refusedTo(actor string, c Command, code, field string, words ...string) {
	o.t.Helper()
	before := len(o.ledger.records)
	_, err := o.desk.Do(context.Background(), actor, c)
	var r *Refusal
	if !errors.As(err, &r) || r.Code != code || r.Field != field || len(o.ledger.records) != before {
		o.t.Errorf("%s, %T: %+v, want %s of %q", actor, c, err, code, field)
		return
	}
	for _, w := range words {
		if !strings.Contains(r.Text, w) {
			o.t.Errorf("%T: %q does not say %q", c, r.Text, w)
		}
	}
}

// A hundred handoffs change no event that was there, and take none away.
func TestHO1_EventsUntouchedByAHundredHandoffs(t *testing.T) {
	o := handed(t)
	before := o.lines()
	log := o.theCase(101).Log
	for i := range 100 {
		from, to := "kim", "lee"
		if i%2 == 1 {
			from, to = to, from
		}
		o.clock = o.clock.Add(time.Hour)
		o.as(from, offerTo(to))
		o.as(to, AnswerHandoff{Case: 101, ID: i + 1, Accept: true, Takes: takeAll()})
	}
	c := o.theCase(101)
	if got := o.lines(); !strings.HasPrefix(got, before) || !slices.Equal(c.Log[:len(log)], log) {
		t.Error("what happened before is told otherwise now")
	}
	if c.Owner != "kim" || len(c.Handoffs) != 100 || len(c.Log) != len(log)+200 {
		t.Errorf("owner %q, %d handoffs, %d lines", c.Owner, len(c.Handoffs), len(c.Log))
	}
	equalStates(t, o.reopen().state, o.desk.state)
}

// The package has all that the case has at that time, as its projections count it, and its digest is that of its
// JSON in the event.
func TestHO2_PackageIsComplete(t *testing.T) {
	o := handed(t)
	offer := offerTo("lee")
	offer.Pins, offer.Mail = []string{"fact-1", "promise-1", "cite-3"}, Positions{archive.Mail: 12}
	at := o.as("kim", offer)
	c := o.theCase(101)
	p := c.Handoffs[0].Package
	want := `{"case":101,"at":"2026-11-03T09:00:00Z","ledger":` + fmt.Sprint(at) + `,"mail":{"mail":12},"owner":"kim","status":"new","severity":2,"pins":["fact-1","promise-1","cite-3"],` +
		`"commitments":[1,2,3],"issues":[1],"facts":[1],"decisions":[2],"key_dates":[1],"questions":[1],"citations":[1,2,3],"notes":[1],"shares":[1],"people":["user:kim","user:root","user:marta","promise-1","promise-3"]}`
	raw, err := json.Marshal(p)
	if err != nil || string(raw) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, raw, want)
	}
	if !strings.Contains(string(o.ledger.records[at].Body), `"package":`+want) || p.Digest() != c.Handoffs[0].SHA256 {
		t.Error("the event has another package, or another digest")
	}
	if p.Digest() != o.reopen().state.file(101).Handoffs[0].Package.Digest() {
		t.Error("after a restart the package is another one")
	}
	o.as("kim", EndCommitment{Case: 101, ID: 1, How: Met}, StateFact{Case: 101, Text: "It is done", Cites: []int{1}, Accepted: true})
	if d := o.theCase(101).Handoffs[0].Package.Digest(); d != p.Digest() {
		t.Error("what happened since has changed the package")
	}
}

// Counts of a package are those of the case, whatever there is in it, and it holds no words.
func TestHO2_PackageCountsAreTheProjections(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := staffed(t)
		o.as("kim", OpenCase{Title: "T", Owner: "kim"})
		for range rapid.IntRange(0, 40).Draw(rt, "steps") {
			_, _ = o.desk.Do(context.Background(), "kim", anyCommand(rt))
		}
		s := o.desk.state
		c, _ := s.Case(101)
		p := PackageOf(s, c, Watermark{o.clock, s.Next(), nil})
		count := func(what string, ids []int, n int) {
			if len(ids) != n {
				rt.Fatalf("%d %s in the package, %d in the case", len(ids), what, n)
			}
		}
		open, ours, accepted, standing := 0, 0, 0, 0
		for _, x := range c.Commitments {
			if x.End == nil {
				open++
				if x.Direction == Ours {
					ours++
				}
			}
		}
		for _, f := range c.Facts {
			if f.Status == FactAccepted {
				accepted++
			}
		}
		for _, d := range c.Decisions {
			if d.Superseded == 0 {
				standing++
			}
		}
		count("promises", p.Commitments, open)
		count("facts", p.Facts, accepted)
		count("decisions", p.Decisions, standing)
		count("citations", p.Citations, len(c.Citations))
		if len(OpenOf(c)) != ours {
			rt.Fatalf("%d to answer, want %d", len(OpenOf(c)), ours)
		}
		raw, _ := json.Marshal(p)
		if strings.Contains(string(raw), "outage") || strings.Contains(string(raw), "größer") {
			rt.Fatalf("words in %s", raw)
		}
	})
}

// An offer that leaves a field empty is refused, and says which.
func TestHO3_EmptyFieldIs422(t *testing.T) {
	o := handed(t)
	for _, name := range []string{"situation", "next-step", "customer-expects"} {
		offer := offerTo("lee")
		offer.Fields[name] = " \n"
		o.refusedTo("kim", offer, Invalid, name, "is empty", "unknown")
		delete(offer.Fields, name)
		o.refusedTo("kim", offer, Invalid, name)
	}
	more := offerTo("lee")
	more.Fields["mood"] = "good"
	o.refusedTo("kim", more, Invalid, "Fields", "mood")
	o.refusedTo("kim", SetHandoffFields{Fields: []HandoffField{{Label: "Risk"}}}, Forbidden, "Fields")
	o.as("marta", SetHandoffFields{Fields: []HandoffField{{Label: "What is at risk?", Required: true}, {Label: "Mood"}}})
	o.refusedTo("kim", offerTo("lee"), Invalid, "what-is-at-risk", "What is at risk?")
	o.as("kim", OfferHandoff{Case: 101, To: "lee", Fields: map[string]string{"what-is-at-risk": "unknown"}})
	if f := o.theCase(101).Handoffs[0].Fields; len(f) != 1 || f[0] != (FilledField{"what-is-at-risk", "What is at risk?", "unknown"}) {
		t.Errorf("%+v", f)
	}
}

// Who accepts answers each open promise of ours; one that is renegotiated keeps how it stood.
func TestHO4_EveryCommitmentIsAnswered(t *testing.T) {
	o := handed(t)
	o.as("kim", offerTo("lee"))
	accept := func(takes ...Take) AnswerHandoff {
		return AnswerHandoff{Case: 101, ID: 1, Accept: true, Takes: takes}
	}
	take, back, later := Take{Commitment: 1, Do: TakeIt}, Take{Commitment: 2, Do: GiveBack}, Take{Commitment: 1, Do: Renegotiate, Due: onDay(6)}
	for name, c := range map[string]AnswerHandoff{
		"none": accept(), "one": accept(take), "twice": accept(take, take, back), "of theirs": accept(take, back, Take{Commitment: 3, Do: TakeIt}), "ended": accept(take, back, Take{Commitment: 4, Do: TakeIt}),
		"no such way": accept(take, Take{Commitment: 2, Do: "ignore"}), "no time": accept(back, Take{Commitment: 1, Do: Renegotiate}), "the same time": accept(back, Take{Commitment: 1, Do: Renegotiate, Due: onDay(3)}),
		"another time for one that is taken": accept(back, Take{Commitment: 1, Do: TakeIt, Due: onDay(6)}),
	} {
		t.Run(name, func(t *testing.T) { o.refusedTo("lee", c, Invalid, "Takes") })
	}
	o.refusedTo("marta", accept(take, back), Forbidden, "ID", "Lee Park")
	n := len(o.ledger.records)
	o.as("lee", accept(later, back))
	c := o.theCase(101)
	if len(o.ledger.records) != n+1 || c.Owner != "lee" || c.Handoffs[0].State != Accepted {
		t.Fatalf("owner %q, %s, %d events", c.Owner, c.Handoffs[0].State, len(o.ledger.records)-n)
	}
	if p := c.Commitments[0]; p.Debtor.User != "lee" || !sameWhen(p.Due, onDay(6)) || len(p.Moves) != 1 || !sameWhen(p.Moves[0].Due, onDay(3)) {
		t.Errorf("renegotiated: %+v", p)
	}
	if p := c.Commitments[1]; p.Debtor.User != "marta" || !sameWhen(p.Due, onDay(4)) {
		t.Errorf("returned: %+v", p)
	}
	if p := c.Commitments[2]; p.Creditor.User != "lee" {
		t.Errorf("what they promised is seen to by %+v", p.Creditor)
	}
	if got, want := o.lastLine(101), "Lee Park accepted the case from Kim Osei, renegotiates 1 promise and returns 1 promise"; got != want {
		t.Errorf("log says %q, want %q", got, want)
	}
	o.refusedTo("lee", accept(take, back), Conflict, "ID", "accepted")
}

// Until it is accepted, whatever else happens to the offer, the old owner is the owner and answers for the promises.
func TestHO4_OldOwnerUntilAccepted(t *testing.T) {
	o := handed(t)
	accountable := func(when string) {
		t.Helper()
		var answers []string
		o.desk.Read(func(s *State) {
			for _, p := range s.Promises() {
				if p.End == nil && p.ID == 1 {
					answers = append(answers, p.Answers)
				}
			}
		})
		if c := o.theCase(101); c.Owner != "kim" || !slices.Equal(answers, []string{"kim"}) {
			t.Errorf("%s: owner %q, %v answer", when, c.Owner, answers)
		}
	}
	o.refusedTo("lee", offerTo("marta"), Forbidden, "Case", "Kim Osei")
	o.as("kim", offerTo("lee"))
	accountable("offered")
	o.refusedTo("kim", offerTo("marta"), Conflict, "Case", "Lee Park")
	o.refusedTo("lee", AnswerHandoff{Case: 101, ID: 1}, Invalid, "Reason")
	o.as("lee", AnswerHandoff{Case: 101, ID: 1, Reason: "on leave"})
	accountable("declined")
	o.as("kim", offerTo("lee"))
	o.refusedTo("lee", WithdrawHandoff{Case: 101, ID: 2}, Forbidden, "ID")
	o.refusedTo("marta", WithdrawHandoff{Case: 101, ID: 2}, Invalid, "Reason")
	o.as("marta", WithdrawHandoff{Case: 101, ID: 2, Reason: "stays with Kim"})
	accountable("withdrawn")
	o.refusedTo("lee", AnswerHandoff{Case: 101, ID: 2, Accept: true, Takes: takeAll()}, Conflict, "ID", "withdrawn")

	o.as("kim", offerTo("lee"))
	seen := o.theCase(101).Revision
	o.as("marta", AddNote{Case: 101, Text: "They called."})
	o.refusedTo("lee", AnswerHandoff{Case: 101, ID: 3, Accept: true, Takes: takeAll(), Revision: &seen}, Conflict, "Revision", "added a note")
	o.as("marta", AssignCase{Case: 101, Owner: "marta", Reason: "it is urgent"})
	if h := o.theCase(101).Handoffs[2]; h.State != Released || h.EndedBy != "marta" {
		t.Errorf("the case has another owner, and its offer is %+v", h)
	}
}

// Agents do not give a case to who was not asked; they take one, give theirs back, or offer it.
func TestHO4_AgentsOfferAndManagersAssign(t *testing.T) {
	o := handed(t)
	o.refusedTo("kim", AssignCase{Case: 101, Owner: "lee"}, Forbidden, "Owner", "handoff")
	o.refusedTo("token:ci", AssignCase{Case: 101, Owner: "lee"}, Forbidden, "Owner")
	o.as("kim", AssignCase{Case: 101})
	o.as("lee", AssignCase{Case: 101, Owner: "lee"})
	o.refusedTo("kim", AssignCase{Case: 101, Owner: "kim"}, Invalid, "Reason", "Lee Park")
	o.as("kim", AssignCase{Case: 101, Owner: "kim", Reason: "they call me"})
	o.as("marta", AssignCase{Case: 101, Owner: "lee", Reason: "on leave"})
	o.as(System, AssignCase{Case: 101, Owner: "kim", Reason: "back"})
}

// Each gap that was planted is listed with what it is about, and nothing else is.
func TestHO5_PlantedGaps(t *testing.T) {
	o := staffed(t)
	o.as("kim", OpenCase{Title: "T", Owner: "kim"}, Cite{101, cited("Friday", 10)}, Cite{101, cited("Monday", 40)},
		OpenIssue{Case: 101, Title: "Nobody looked"},
		StateFact{Case: 101, Text: "A feeling"}, StateFact{Case: 101, Text: "Not judged", Cites: []int{1}}, StateFact{Case: 101, Text: "It is so", Cites: []int{1}, Accepted: true},
		MakeDecision{Case: 101, Text: "Wait", Why: "Firmware"}, MakeDecision{Case: 101, Text: "Go on", Why: "They said so", Cites: []int{1}}, AddNote{101, "They are angry.", nil}, AddNote{101, "They wrote.", []int{2}},
		MakeCommitment{Case: 101, What: "some day", Cites: []int{1}}, MakeCommitment{Case: 101, What: "too late", Due: onDay(1), Cites: []int{1}}, MakeCommitment{Case: 101, What: "all is well", Due: onDay(30), Cites: []int{1}},
		AskQuestion{Case: 101, To: "marta", Text: "Who signed?"}, AssignCase{Case: 101})
	o.clock = onDay(3).From
	gaps := func() (items []string) {
		o.desk.Read(func(s *State) {
			c, _ := s.Case(101)
			for _, g := range GapsOf(s, c, o.clock) {
				if g.Text == "" {
					t.Errorf("a gap of %s without words", g.Item)
				}
				items = append(items, or(g.Item, g.Text))
				if words := map[string]string{"fact-1": "has no source", "fact-2": "accepted or rejected", "promise-1": "has no time", "promise-2": "has passed"}[g.Item]; !strings.Contains(g.Text, words) {
					t.Errorf("%s: %q does not say %q", g.Item, g.Text, words)
				}
			}
		})
		return items
	}
	want := []string{"Nobody owns the case.", "No contact at the customer is known: no person of the account, and nobody in a promise.",
		"issue-1", "fact-1", "fact-2", "decision-1", "note-1", "promise-1", "promise-2", "question-1"}
	if got := gaps(); !slices.Equal(got, want) {
		t.Errorf("gaps\n%q\nwant\n%q", got, want)
	}
	o.do(OpenAccount{ID: "acme", Name: "Acme"}, MapIdentifier{Account: "acme", Identifier: "jane@acme.example", Person: "Jane"}, ChangeCase{Case: 101, Account: new("acme")},
		AssignCase{Case: 101, Owner: "kim"}, RequestErasure{run(archive.Mail, 7, 1), "asked"}, ApproveErasure{ID: 1})
	o.as("marta", AnswerQuestion{Case: 101, ID: 1, Text: "Jane", Cites: []int{1}})
	want = append(want[2:len(want)-1], "cite-1", "cite-2")
	if got := gaps(); !slices.Equal(got, want) {
		t.Errorf("gaps\n%q\nwant\n%q", got, want)
	}
	if got := func() (g []Gap) { o.desk.Read(func(s *State) { g = GapsOf(s, Case{Owner: "kim"}, o.clock) }); return g }(); len(got) != 2 || got[0].Text != "No message is cited." {
		t.Errorf("an empty case: %+v", got)
	}
}

// A promise whose time was changed by a handoff alone is a gap: nobody has agreed to it.
func TestHO5_RenegotiationWithoutWordsIsAGap(t *testing.T) {
	o := handed(t)
	o.as("kim", offerTo("lee"))
	o.as("lee", AnswerHandoff{Case: 101, ID: 1, Accept: true, Takes: []Take{{Commitment: 1, Do: Renegotiate, Due: onDay(6)}, {Commitment: 2, Do: Renegotiate, Due: onDay(7), Cites: []int{2}}}})
	o.desk.Read(func(s *State) {
		c, _ := s.Case(101)
		var of []string
		for _, g := range GapsOf(s, c, o.clock) {
			if strings.Contains(g.Text, "was agreed") {
				of = append(of, g.Item)
			}
		}
		if !slices.Equal(of, []string{"promise-1"}) {
			t.Errorf("gaps of %v", of)
		}
	})
}

// An answer with a source is a fact at once, by its own event; one without is an answer only.
func TestHO6_AnswerBecomesAFact(t *testing.T) {
	o := handed(t)
	o.refusedTo("lee", AskQuestion{Case: 101, To: "root", Text: "x"}, Invalid, "To")
	o.refusedTo("lee", AskQuestion{Case: 101, To: "kim", Text: " "}, Invalid, "Text")
	o.as("lee", AskQuestion{Case: 101, To: "kim", Text: "When was it promised?"})
	o.refusedTo("kim", AnswerQuestion{Case: 101, ID: 2, Text: "Monday", Cites: []int{9}}, Invalid, "Cites")
	n := len(o.ledger.records)
	o.as("kim", AnswerQuestion{Case: 101, ID: 2, Text: "On Monday, for Friday", Cites: []int{3}})
	c := o.theCase(101)
	f := c.Facts[2]
	if len(o.ledger.records) != n+1 || f.Text != "On Monday, for Friday" || f.Status != FactAccepted || !slices.Equal(f.Cites, []int{3}) || f.Question != 2 || f.By != "kim" || c.Questions[1].Answer.Fact != 3 {
		t.Errorf("%+v\n%+v", f, c.Questions[1])
	}
	o.refused(RemoveCitation{101, 3, ""}, Conflict, "ID")
	o.refusedTo("kim", AnswerQuestion{Case: 101, ID: 2, Text: "Tuesday"}, Conflict, "ID", "Kim Osei")
	o.as("marta", AnswerQuestion{Case: 101, ID: 1, Text: "Jane, I think"})
	if c = o.theCase(101); len(c.Facts) != 3 || c.Questions[0].Answer.Fact != 0 {
		t.Errorf("an answer without a source: %+v", c.Questions[0].Answer)
	}
	o.as("lee", AskQuestion{Case: 101, To: "kim", Text: "And the fix?"})
	o.do(AssignCase{Case: 101, Owner: "marta", Reason: "kim leaves"}, DisableUser{"kim", "left"})
	o.desk.Read(func(s *State) {
		if q := s.Asked(); len(q) != 1 || q[0].Answers != "marta" || q[0].To != "kim" {
			t.Errorf("who was asked has left: %+v", q)
		}
	})
}

// Who joins has what to read first, and the owner stays the owner.
func TestHO7_LateJoiner(t *testing.T) {
	o := handed(t)
	o.refusedTo("marta", OfferHandoff{Case: 101, Kind: Join, To: "lee", Fields: said(), Pins: []string{"fact-9"}}, Invalid, "Pins")
	o.refusedTo("marta", OfferHandoff{Case: 101, Kind: Join, To: "lee", Fields: said(), Pins: []string{"fact-1", "fact-2", "cite-1", "cite-2", "cite-3", "note-1"}}, Invalid, "Pins", "at most 5")
	o.as("marta", OfferHandoff{Case: 101, Kind: Join, To: "lee", Fields: said(), Pins: []string{"fact-1", "decision-2"}})
	o.refusedTo("lee", AnswerHandoff{Case: 101, ID: 1, Accept: true, Takes: takeAll()}, Invalid, "Takes")
	o.as("lee", AnswerHandoff{Case: 101, ID: 1, Accept: true})
	c := o.theCase(101)
	if c.Owner != "kim" || c.Handoffs[0].State != Accepted || !slices.Equal(c.Handoffs[0].Package.Pins, []string{"fact-1", "decision-2"}) || len(c.Handoffs[0].Package.Facts) != 1 {
		t.Errorf("%+v", c.Handoffs[0])
	}
	o.refusedTo("kim", OfferHandoff{Case: 101, Kind: Join, To: "lee", Fields: said()}, Conflict, "To")
	joined := func() (names []string) { o.desk.Read(func(s *State) { names = s.Participants(101) }); return names }
	if got := joined(); !slices.Equal(got, []string{"lee"}) {
		t.Errorf("with it are %v", got)
	}
	o.do(DisableUser{"lee", "left"})
	if got := joined(); got != nil {
		t.Errorf("with it are %v, who left", got)
	}
}

// covered is a case of kim that lee covers until a time.
func covered(t testing.TB, until time.Time) *office {
	o := handed(t)
	o.as("kim", OfferHandoff{Case: 101, Kind: Cover, To: "lee", Until: until, Fields: said()})
	o.as("lee", AnswerHandoff{Case: 101, ID: 1, Accept: true, Takes: []Take{{Commitment: 1, Do: TakeIt}, {Commitment: 2, Do: GiveBack}}})
	return o
}

// A cover ends by itself when its time has come and not before: the case and what goes with it are of its owner
// again, by a rule with its version.
func TestHO8_CoverReturns(t *testing.T) {
	until := start.Add(40 * time.Hour)
	o := covered(t, until)
	r := Reliever{Desk: o.desk}
	owner := func() string { return o.theCase(101).Owner }
	round := func() {
		t.Helper()
		if err := r.round(t.Context()); err != nil {
			t.Error(err)
		}
	}
	o.as("lee", MakeCommitment{Case: 101, What: "a part", Due: onDay(4), Cites: []int{1}})
	o.refusedTo("lee", offerTo("marta"), Conflict, "Case", "covered by Lee Park")
	o.refusedTo(System, ReturnHandoff{Case: 101, ID: 1}, Invalid, "Reason")
	for _, at := range []time.Time{start, until.Add(-time.Nanosecond)} {
		o.clock = at
		if round(); owner() != "lee" {
			t.Errorf("at %s the case is of %s", at, owner())
		}
	}
	o.clock = until
	round()
	c := o.theCase(101)
	if h := c.Handoffs[0]; c.Owner != "kim" || h.State != Returned || h.EndedBy != System || h.RuleOfEnd != "cover-until" || h.RulesOfEnd != 1 {
		t.Fatalf("%q %+v", c.Owner, h)
	}
	if p := c.Commitments; p[0].Debtor.User != "kim" || p[1].Debtor.User != "marta" || p[2].Creditor.User != "kim" || p[4].Debtor.User != "kim" {
		t.Errorf("who answers: %+v", p)
	}
	if got, want := o.lastLine(101), "Polytrace ended the cover of Lee Park: Kim Osei owns the case again (rule cover-until, version 1)"; got != want {
		t.Errorf("log says %q, want %q", got, want)
	}
	n := len(o.ledger.records)
	if round(); len(o.ledger.records) != n {
		t.Error("a cover ended twice")
	}
	o.as("kim", OfferHandoff{Case: 101, Kind: Cover, To: "lee", Until: o.clock.Add(time.Hour), Fields: said()})
	o.clock = o.clock.Add(time.Hour)
	o.refusedTo("lee", AnswerHandoff{Case: 101, ID: 2, Accept: true, Takes: takeAll()}, Conflict, "ID")
	round()
	if h := o.theCase(101).Handoffs[1]; h.State != Withdrawn || h.RuleOfEnd != "cover-until" {
		t.Errorf("an offer that ran out: %+v", h)
	}
	equalStates(t, o.reopen().state, o.desk.state)
}

// The Reliever works until it is told to stop, and looks each time that its time has come.
func TestHO8_RelieverRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := handed(t)
		d, err := OpenDesk(t.Context(), o.ledger, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		o.desk = d
		until := time.Now().Add(90 * time.Minute)
		o.as("kim", OfferHandoff{Case: 101, Kind: Cover, To: "lee", Until: until, Fields: said()})
		o.as("lee", AnswerHandoff{Case: 101, ID: 1, Accept: true, Takes: takeAll()})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- Reliever{Desk: d}.Run(ctx) }()
		<-time.After(89 * time.Minute)
		if got := o.theCase(101).Owner; got != "lee" {
			t.Errorf("before its time the case is of %s", got)
		}
		<-time.After(2 * time.Minute)
		if c := o.theCase(101); c.Owner != "kim" || c.Handoffs[0].Ended.Sub(until) > time.Minute {
			t.Errorf("%q %+v", c.Owner, c.Handoffs[0])
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Those whom a cover concerns end it before, too.
func TestHO8_CoverEndsByHand(t *testing.T) {
	o := covered(t, start.AddDate(0, 0, 3))
	o.do(AddUser{Name: "noor", FullName: "Noor Haddad", Roles: []Role{Agent}})
	o.refusedTo("noor", ReturnHandoff{Case: 101, ID: 1}, Forbidden, "ID")
	o.as("kim", ReturnHandoff{Case: 101, ID: 1, Reason: "back early"})
	if h := o.theCase(101).Handoffs[0]; o.theCase(101).Owner != "kim" || h.State != Returned || h.RuleOfEnd != "" {
		t.Errorf("%+v", h)
	}
	o.refusedTo("kim", ReturnHandoff{Case: 101, ID: 1}, Conflict, "ID")
}

// Each event that gives a case to somebody or takes it away says who did it and why: in words that somebody
// wrote, by what they did, or by the rule.
func TestHO9_EveryOwnerEventSaysWhy(t *testing.T) {
	o := covered(t, start.AddDate(0, 0, 1))
	o.clock = start.AddDate(0, 0, 1)
	if err := (Reliever{Desk: o.desk}).round(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.as("marta", AssignCase{Case: 101, Owner: "lee", Reason: "on leave"})
	o.as("lee", AssignCase{Case: 101})
	o.as("kim", AssignCase{Case: 101, Owner: "kim"})
	o.as("kim", offerTo("lee"))
	o.as("lee", AnswerHandoff{Case: 101, ID: 2, Accept: true, Takes: []Take{{Commitment: 1, Do: TakeIt}, {Commitment: 2, Do: TakeIt}}})
	o.do(ChangeUser{Name: "lee", Roles: []Role{Observer}, Reason: "new position"})
	o.as("kim", AssignCase{Case: 101, Owner: "kim"})
	o.do(DisableUser{"kim", "left"})
	why := []string{"opened the case and took it", "covers the case of", "rule cover-until, version 1", "(reason: on leave)", "gave the case back", "took the case", "accepted the case", "(reason: new position)", "took the case", "(reason: left)"}
	var s State
	owner, n := "", 0
	for i, r := range o.ledger.records {
		e, err := DecodeEvent(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		s.Apply(archive.Position(i), e)
		c, ok := s.Case(101)
		if !ok || c.Owner == owner {
			continue
		}
		owner = c.Owner
		last := c.Log[len(c.Log)-1]
		if n >= len(why) || last.Position != archive.Position(i) || last.Actor == "" || !strings.Contains(last.Text, why[n]) {
			t.Errorf("%s, owner %q: %+v", e.Type, owner, last)
		}
		n++
	}
	if n != len(why) {
		t.Errorf("%d changes of the owner, want %d", n, len(why))
	}
}

// Nobody who was deactivated has an open handoff; what they covered goes back, in the same event.
func TestInvariant7_LeaverHasNoOpenHandoff(t *testing.T) {
	for name, leave := range map[string]func(who string) Command{
		"disabled":     func(who string) Command { return DisableUser{who, "left"} },
		"other duties": func(who string) Command { return ChangeUser{Name: who, Roles: []Role{Observer}, Reason: "left"} },
	} {
		t.Run(name, func(t *testing.T) {
			o := handed(t)
			o.as("kim", offerTo("lee"))
			o.do(leave("lee"))
			if c := o.theCase(101); c.Handoffs[0].State != Released || c.Owner != "kim" || !strings.Contains(o.lastLine(101), "Lee Park") {
				t.Errorf("it was offered to: %+v, %s", c.Handoffs[0], o.lastLine(101))
			}
			o = handed(t)
			o.as("kim", offerTo("lee"))
			n := len(o.ledger.records)
			o.do(leave("kim"))
			if c := o.theCase(101); c.Handoffs[0].State != Released || c.Owner != "" || len(o.ledger.records) != n+1 {
				t.Errorf("offered by: %+v", c.Handoffs[0])
			}
			o = covered(t, start.AddDate(0, 0, 3))
			o.do(leave("lee"))
			if c := o.theCase(101); c.Handoffs[0].State != Released || c.Owner != "kim" {
				t.Errorf("covers: %q %+v", c.Owner, c.Handoffs[0])
			}
			o = covered(t, start.AddDate(0, 0, 3))
			o.do(leave("kim"))
			if c := o.theCase(101); c.Handoffs[0].State != Released || c.Owner != "lee" {
				t.Errorf("is covered: %q %+v", c.Owner, c.Handoffs[0])
			}
			equalStates(t, o.reopen().state, o.desk.state)
		})
	}
}

// Whatever promises there are and whatever is answered of them: an acceptance is carried out exactly when each open
// one of ours is answered, once and in a way that there is; else the owner and all promises are as before.
func TestInvariant20_AcceptanceCoversEachCommitment(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := handed(t)
		for range rapid.IntRange(0, 4).Draw(rt, "promises") {
			d := rapid.SampledFrom([]Direction{Ours, Theirs}).Draw(rt, "direction")
			o.as("kim", MakeCommitment{Case: 101, Direction: d, What: "more", Cites: []int{1}})
		}
		for _, p := range o.theCase(101).Commitments {
			if p.End == nil && rapid.Bool().Draw(rt, "ended") {
				o.as("kim", EndCommitment{Case: 101, ID: p.ID, How: Met})
			}
		}
		o.as("kim", offerTo("lee"))
		before := o.theCase(101)
		open := OpenOf(before)
		complete := true
		var takes []Take
		for _, p := range open {
			do := rapid.SampledFrom([]Taking{TakeIt, TakeIt, Renegotiate, GiveBack, "", "ignore"}).Draw(rt, "do")
			t := Take{Commitment: p.ID, Do: do}
			if do == Renegotiate {
				t.Due = onDay(20)
			}
			if complete = complete && do != "" && do != "ignore"; do != "" {
				takes = append(takes, t)
			}
		}
		takes = rapid.Permutation(takes).Draw(rt, "order")
		_, err := o.desk.Do(context.Background(), "lee", AnswerHandoff{Case: 101, ID: 1, Accept: true, Takes: takes})
		c := o.theCase(101)
		if (err == nil) != complete {
			rt.Fatalf("%+v of %+v: %v", takes, open, err)
		}
		if !complete {
			if c.Owner != "kim" || c.Handoffs[0].State != Offered || c.Revision != before.Revision {
				rt.Fatalf("refused, and yet %q %+v", c.Owner, c.Handoffs[0])
			}
			return
		}
		if c.Owner != "lee" || len(c.Handoffs[0].Takes) != len(open) {
			rt.Fatalf("%q, %d of %d answered", c.Owner, len(c.Handoffs[0].Takes), len(open))
		}
		for _, t := range c.Handoffs[0].Takes {
			p, was := c.Commitments[t.Commitment-1], before.Commitments[t.Commitment-1]
			if t.Do == GiveBack && p.Debtor.User != was.Debtor.User || t.Do != GiveBack && p.Debtor.User != "lee" || (t.Do == Renegotiate) != (len(p.Moves) > len(was.Moves)) {
				rt.Fatalf("%s: %+v", t.Do, p)
			}
		}
	})
}
