package casework

import (
	"testing"
	"time"
)

// goldenStatements holds the first ledger with statements about a case, and what it folded to.
// These files never change.
const goldenStatements = "testdata/golden-statements"

func shownStatements(s *State) map[string]any {
	c, _ := s.Case(FirstCase)
	return map[string]any{"case": c, "promises": s.Promises(), "unknown": s.Unknown()}
}

func TestFirstStatementsStayReadable(t *testing.T) {
	checkGolden(t, goldenStatements, shownStatements, IssueOpened, IssueChanged, FactStated, FactChanged, DecisionMade,
		CommitmentMade, CommitmentMoved, CommitmentEnded, CommitmentReopened, KeyDateSet, KeyDateRemoved)
}

func TestStatementsAreWrittenAsAtFirst(t *testing.T) {
	checkWritten(t, goldenStatements, goldenStatementsScript)
}

// goldenStatementsScript makes every type of event with every member set at least once.
func goldenStatementsScript(o *office) {
	step := func(actor string, c Command) { o.t.Helper(); o.as(actor, c); o.clock = o.clock.Add(time.Hour) }
	friday := When{time.Date(2026, 11, 6, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 7, 0, 0, 0, 0, time.UTC), "day", "by Friday"}
	later := When{time.Date(2026, 11, 9, 14, 0, 0, 0, time.UTC), time.Date(2026, 11, 9, 14, 1, 0, 0, time.UTC), "minute", "Monday 2pm"}
	step(System, AddUser{Name: "kim", FullName: "Kim Osei", Roles: []Role{Specialist}})
	step(System, AddUser{Name: "marta", FullName: "Marta Lindqvist", Roles: []Role{Manager}})
	step("marta", OpenAccount{ID: "acme", Name: "Acme GmbH"})
	step("kim", OpenCase{Title: "Gateways offline in Bremen", Account: "acme", Owner: "kim", Severity: 2})
	for i := range 4 {
		step("kim", Cite{101, cited("Die Ursache bis Freitag", 120+40*i)})
	}
	step("kim", OpenIssue{Case: 101, Title: "Link drops after an hour"})
	step("kim", StateFact{Case: 101, Text: "All 14 gateways lost the link.", Issue: 1, Cites: []int{1, 2}, When: &friday, Accepted: true})
	step("marta", StateFact{Case: 101, Text: "Perhaps the cable."})
	step("kim", ChangeFact{Case: 101, ID: 2, Text: new("It is the cable."), Issue: new(1), Cites: []int{3}, When: &later})
	step("kim", ChangeFact{Case: 101, ID: 2, Status: new(FactSuperseded), Better: 1, Reason: "measured"})
	step("kim", ChangeIssue{Case: 101, ID: 1, Title: new("Link drops"), State: new(IssueSolved), Reason: "firmware 4.2"})
	step("marta", MakeDecision{Case: 101, Text: "Replace them", Why: "Nothing else stops it", Alternatives: []string{"wait"}, DecidedBy: "the board", Cites: []int{1}})
	step("marta", MakeDecision{Case: 101, Text: "Wait", Why: "The firmware is here", Supersedes: 1})
	step("kim", MakeCommitment{Case: 101, What: "root cause", Due: &friday, Cites: []int{1}})
	step("marta", MakeCommitment{Case: 101, Direction: Theirs, Debtor: Party{Address: "jane@acme.example", Name: "Jane Doe"}, Creditor: Party{User: "kim"}, What: "logs", Cites: []int{4}})
	step("kim", MoveCommitment{Case: 101, ID: 1, What: "root cause and fix", Due: &later, Asked: Theirs, Cites: []int{2}, Reason: "they asked"})
	step("kim", EndCommitment{Case: 101, ID: 1, How: Missed, Cites: []int{3}, Reason: "no answer"})
	step("marta", ReopenCommitment{Case: 101, ID: 1, Reason: "there was one"})
	step("kim", EndCommitment{Case: 101, ID: 1, How: Met, When: time.Date(2026, 11, 3, 9, 30, 0, 0, time.UTC), Cites: []int{3}})
	step("kim", SetKeyDate{Case: 101, Label: "Contract ends", Kind: "renewal", When: friday, Cites: []int{1}})
	step("kim", SetKeyDate{Case: 101, Label: "Go-live", Kind: "go-live", When: later, Cites: []int{2}})
	step("kim", RemoveKeyDate{Case: 101, ID: 2, Reason: "moved"})
}
