package casework

import (
	"testing"
	"time"

	"polytrace/archive"
)

// goldenHandoff holds the first ledger with handoffs and questions, and what it folded to. These files never change.
const goldenHandoff = "testdata/golden-handoff"

func shownHandoffs(s *State) map[string]any {
	return map[string]any{"cases": s.Cases(), "fields": s.HandoffFields(), "open": s.Handoffs(), "asked": s.Asked(), "participants": s.Participants(FirstCase), "unknown": s.Unknown()}
}

func TestFirstHandoffsStayReadable(t *testing.T) {
	checkGolden(t, goldenHandoff, shownHandoffs, HandoffOffered, HandoffAnswered, HandoffWithdrawn, HandoffReturned, FieldsSet, QuestionAsked, QuestionAnswered, CaseOwned, UserChanged, UserDisabled)
}

func TestHandoffsAreWrittenAsAtFirst(t *testing.T) {
	checkWritten(t, goldenHandoff, goldenHandoffScript)
}

// goldenHandoffScript makes every type of event with every member set at least once.
func goldenHandoffScript(o *office) {
	step := func(actor string, c Command) { o.t.Helper(); o.as(actor, c); o.clock = o.clock.Add(time.Hour) }
	friday := When{time.Date(2026, 11, 6, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 7, 0, 0, 0, 0, time.UTC), "day", "by Friday"}
	later := When{time.Date(2026, 11, 9, 14, 0, 0, 0, time.UTC), time.Date(2026, 11, 9, 14, 1, 0, 0, time.UTC), "minute", "Monday 2pm"}
	step(System, AddUser{Name: "kim", FullName: "Kim Osei", Roles: []Role{Specialist}})
	step(System, AddUser{Name: "lee", FullName: "Lee Park", Roles: []Role{Agent}})
	step(System, AddUser{Name: "noor", FullName: "Noor Haddad", Roles: []Role{Agent}})
	step(System, AddUser{Name: "marta", FullName: "Marta Lindqvist", Roles: []Role{Manager}})
	step("kim", OpenCase{Title: "Gateways offline in Bremen", Account: "acme", Owner: "kim", Severity: 2})
	step("kim", OpenCase{Title: "Invoice 2026-117", Owner: "kim"})
	for i := range 3 {
		step("kim", Cite{101, cited("Die Ursache bis Freitag", 120+40*i)})
	}
	step("kim", OpenIssue{Case: 101, Title: "Link drops"})
	step("kim", StateFact{Case: 101, Text: "All 14 lost the link.", Issue: 1, Cites: []int{1}, Accepted: true})
	step("kim", MakeDecision{Case: 101, Text: "Wait", Why: "The firmware is here"})
	step("kim", MakeCommitment{Case: 101, What: "root cause", Due: &friday, Cites: []int{1}})
	step("kim", MakeCommitment{Case: 101, What: "a call", Cites: []int{2}})
	step("marta", MakeCommitment{Case: 101, What: "a credit note", Due: &friday, Cites: []int{2}})
	step("kim", MakeCommitment{Case: 101, Direction: Theirs, Debtor: Party{Address: "jane@acme.example", Name: "Jane Doe"}, What: "logs", Due: &later, Cites: []int{3}})
	step("kim", SetKeyDate{Case: 101, Label: "Go-live", Kind: "go-live", When: later, Cites: []int{3}})
	step("kim", AddNote{101, "Jane is patient.", []int{1}})
	step("kim", CreateShare{101, Share{Hash: SecretHash("one"), Citations: []int{1}, Expires: start.AddDate(0, 1, 0)}})
	step("noor", AskQuestion{Case: 101, To: "kim", Text: "Who signed it?"})
	step("kim", LinkConversation{Case: 101, Message: named(5)})
	step("kim", OpenCase{Title: "The same again", Owner: "kim"})
	step("kim", MergeCase{Case: 103, Into: 101})

	step("marta", SetHandoffFields{Fields: []HandoffField{{Label: "Situation", Required: true}, {"next", "What is next", true}, {Label: "Mood"}}, Reason: "agreed on Monday"})
	fields := map[string]string{"situation": "The link drops", "next": "unknown", "mood": "tense"}
	step("kim", OfferHandoff{Case: 101, Kind: Join, To: "noor", Fields: fields, Pins: []string{"fact-1", "cite-2"}, Mail: Positions{archive.Mail: 12, "mail-legal-10y": 3}})
	step("noor", AnswerHandoff{Case: 101, ID: 1, Accept: true})
	step("kim", OfferHandoff{Case: 101, To: "lee", Fields: fields})
	step("noor", AskQuestion{Case: 101, To: "kim", Text: "Since when?", Handoff: 2})
	step("kim", AnswerQuestion{Case: 101, ID: 2, Text: "Since Monday.", Cites: []int{2, 1}})
	step("lee", AnswerHandoff{Case: 101, ID: 2, Reason: "on leave"})
	step("kim", OfferHandoff{Case: 101, To: "lee", Fields: fields})
	step("marta", WithdrawHandoff{Case: 101, ID: 3, Reason: "Kim stays"})
	step("kim", OfferHandoff{Case: 101, Kind: Cover, To: "lee", Until: start.Add(48 * time.Hour), Fields: fields, Pins: []string{"promise-1"}})
	step("lee", AnswerHandoff{Case: 101, ID: 4, Accept: true, Takes: []Take{{Commitment: 1, Do: Renegotiate, Due: &later, Cites: []int{3}}, {Commitment: 2, Do: TakeIt}, {Commitment: 3, Do: GiveBack}}})
	o.clock = start.Add(48 * time.Hour)
	step(System, ReturnHandoff{Case: 101, ID: 4})
	step("kim", OfferHandoff{Case: 101, Kind: Cover, To: "lee", Until: o.clock.Add(time.Hour), Fields: fields})
	step(System, WithdrawHandoff{Case: 101, ID: 5})
	step("kim", OfferHandoff{Case: 101, To: "lee", Fields: fields})
	step("marta", AssignCase{Case: 101, Owner: "marta", Reason: "it is urgent"})
	step("kim", OfferHandoff{Case: 102, Kind: Cover, To: "lee", Until: o.clock.Add(100 * time.Hour), Fields: fields})
	step("lee", AnswerHandoff{Case: 102, ID: 1, Accept: true})
	step("marta", OfferHandoff{Case: 101, To: "lee", Fields: fields})
	step("marta", ChangeUser{Name: "lee", Roles: []Role{Observer}, Reason: "new position"})
	step("kim", OfferHandoff{Case: 102, To: "noor", Fields: fields})
	step("marta", DisableUser{"kim", "left"})
	step("marta", OfferHandoff{Case: 101, To: "noor", Fields: fields, Pins: []string{"question-1"}})
}
