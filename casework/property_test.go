package casework

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"polytrace/archive"
)

// anyCommand draws a command that may or may not fit the state.
func anyCommand(t *rapid.T) Command {
	name := rapid.SampledFrom([]string{"root", "kim", "marta", "lee", "Bad Name"}).Draw(t, "name")
	number := rapid.IntRange(100, 105).Draw(t, "case")
	id := rapid.IntRange(0, 4).Draw(t, "id")
	ids := rapid.SliceOfN(rapid.IntRange(1, 4), 0, 3).Draw(t, "ids")
	secret := archive.Digest{byte(rapid.IntRange(0, 20).Draw(t, "secret"))}
	role := rapid.SampledFrom([]Role{Agent, Specialist, Manager, Observer, Admin, "boss"}).Draw(t, "role")
	text := rapid.SampledFrom([]string{"", "outage", "größer & <b>", "two\nlines", "\xff"}).Draw(t, "text")
	status := rapid.SampledFrom(append(Statuses(), "lost")).Draw(t, "status")
	severity := rapid.IntRange(0, 5).Draw(t, "severity")
	revision := drawRevision(t)
	commands := []Command{
		AddUser{Name: name, FullName: "The " + name, Roles: []Role{role}},
		ChangeUser{Name: name, Roles: []Role{role}, FullName: &text},
		DisableUser{name, text},
		EnableUser{name},
		SetPassword{name, testHash},
		CreateToken{name, role, secret},
		RevokeToken{name},
		AddQueue{Name: name, Local: fmt.Sprint("q-", id)},
		RemoveQueue{name, text},
		OpenCase{Title: text, Owner: name, Severity: severity},
		OpenCase{Title: "T"},
		OpenCase{Title: "T", Messages: []Named{named(archive.Position(id))}},
		LinkConversation{Case: number, Message: named(archive.Position(id)), Reason: text, Revision: revision},
		UnlinkConversation{Case: number, Message: named(archive.Position(id)), Revision: revision},
		MergeCase{Case: number, Into: 101 + id, Reason: text, Revision: revision},
		UnmergeCase{Case: number, Revision: revision},
		SplitCase{Case: number, Title: "S", Messages: []Named{named(archive.Position(id))}, Reason: text, Revision: revision},
		SetCompany{Own: []string{name + ".example", text}},
		SeeCase{Case: number, Upto: Positions{archive.Mail: archive.Position(id)}},
		PinItem{Case: number, Record: named(archive.Position(id)).Record, SHA256: named(archive.Position(id)).SHA256, Reason: text, Revision: revision},
		PinItem{Case: number, Record: line(archive.Position(id * 5))},
		UnpinItem{Case: number, ID: id, Reason: text},
		SettleException{Case: number, Reason: text, Revision: revision},
		NoteRisk{Case: number, Change: RiskChange{At: start, To: RiskLevels()[id%4], Points: id, Because: []Signal{{Rule: RiskWords, Text: text, Points: id, Evidence: secret, Sources: []Source{{Case: number, Event: 3}}}}}},
		JudgeSignal{Case: number, Evidence: secret, Say: rapid.SampledFrom(append(JudgementSays[:2:2], "perhaps")).Draw(t, "say"), Reason: text, Revision: revision},
		JudgeSignal{Case: number, Evidence: secret, Say: "snooze", Until: start.AddDate(0, 0, id)},
		OverrideRisk{Case: number, Level: RiskLevels()[id%4], Until: start.AddDate(0, 0, id), Reason: text, Revision: revision},
		ClearRisk{Case: number, Reason: text, Revision: revision},
		SetRiskRules{Rules: RiskRules{Version: id, Points: map[RiskRule]int{RiskTone: id}, Levels: [3]int{1 + id, 5, 9}}, Reason: text},
		ChangeCase{Case: number, Status: &status, Reason: text, Revision: revision},
		ChangeCase{Case: number, Title: &text, Severity: &severity},
		AssignCase{Case: number, Owner: name, Revision: revision},
		AssignCase{Case: number},
		SetTeam{Team: Team{Name: name, Title: text, Members: drawMembers(t), ReturnMinutes: 30 * id, Version: id / 2}},
		SetTeam{Team: Team{Name: "support", Members: drawMembers(t), ReturnMinutes: 60, ReturnTo: name}},
		SetTeam{Team: Team{Name: "billing", ReturnTo: "support"}},
		RemoveTeam{Name: rapid.SampledFrom([]string{"support", "billing"}).Draw(t, "team"), To: "billing", Reason: text},
		OpenCase{Title: "R", Kind: Request, Team: "support", Tags: []string{text, "Urgent"}, Owner: name, Routed: &Routing{Message: named(archive.Position(id)), Rules: id, Rule: text, Trace: Trace{int8(id)}}},
		ChangeCase{Case: number, Team: new("support"), Tags: &[]string{text, name}, Muted: new(id > 2), Revision: revision},
		AssignCase{Case: number, Owner: name, Team: new("billing"), Reason: text},
		ChangeCases{Cases: []BulkCase{{Case: number}, {Case: 101 + id, Revision: revision}}, Action: drawAction(t, name), Reason: text},
		UndoBulk{ID: id, Reason: text},
		ClaimCase{Case: number, Revision: revision},
		ReturnCase{Case: number, Reason: text, Revision: revision},
		SnoozeCase{Case: number, Until: start.AddDate(0, 0, id), Reason: text, Revision: revision},
		WakeCase{Case: number, Reason: text, Revision: revision},
		EndAssignment{Case: number, Revision: revision},
		SetRules{Rules: RuleSet{Version: id, Rules: []Rule{{ID: name, Name: text, Conditions: []Condition{{FieldSubject, id > 2, []string{text}}}, Actions: RuleActions{Team: "support", Owner: name, Tags: []string{text}}}}}},
		SetIntake{Queues: []string{name}, From: Positions{archive.Mail: archive.Position(id)}},
		RouteMail{Arrival: drawArrival(t, id, number), Rules: id, Title: "M", Outcome: Outcome{RuleActions: RuleActions{Team: "billing", Owner: name, Severity: severity % 5, Notify: []string{name}}, Notes: []string{"n"}, Dues: []RuleDue{{Label: "d", Hours: 1 + id}}}},
		AddNote{number, text + "n", ids},
		AddNote{number, "n", ids},
		Cite{number, cited("Friday", 10*id)},
		RemoveCitation{number, id, text},
		CreateShare{number, Share{Hash: secret, Citations: ids, Notes: ids[:len(ids)/2], Expires: start.AddDate(0, 0, id*5)}},
		CreateShare{number, Share{Hash: secret, Citations: ids, Expires: start.AddDate(0, 1, 0)}},
		RevokeShare{number, id, text},
		OpenShare{number, id, name},
		OpenAccount{ID: name, Name: text},
		OpenAccount{ID: "acme", Name: "Acme"},
		OpenAccount{ID: "beta", Name: "Beta"},
		ChangeAccount{ID: "acme", Name: &text, Reason: text},
		ChangeAccount{ID: "beta", Status: new(AccountStatus(rapid.SampledFrom([]AccountStatus{AccountActive, AccountClosed, "lost"}).Draw(t, "account status")))},
		MapIdentifier{Account: "Acme", Identifier: name + "@contoso.example", Person: text, From: drawDay(t), To: drawDay(t)},
		MapIdentifier{Account: "beta", Identifier: "contoso.example", From: drawDay(t), To: drawDay(t)},
		MapIdentifier{Account: "acme", Identifier: "Contoso.example", From: drawDay(t)},
		UnmapIdentifier{Account: rapid.SampledFrom([]string{"acme", "beta"}).Draw(t, "account"), Mapping: id, At: drawDay(t), Reason: text},
		SetContact{Account: "acme", Address: name + "@contoso.example", Title: text, Key: id > 2},
		RemoveContact{Account: "acme", Contact: id, Reason: text},
		RejectProposal{proposedAt(10*id, rapid.SampledFrom([]string{"promise", "date", "mood"}).Draw(t, "proposal")), text},
		RestoreProposal{archive.Digest{7}, archive.Position(number - 80), text},
		RejectDischarge{Case: 101, ID: id, Message: named(archive.Position(severity)), Restore: id%2 == 0, Reason: text},
		SeeAccount{Account: "acme", Upto: Positions{archive.Mail: archive.Position(id)}},
		SetClass{Class: archive.Mail, Keep: Period{Days: id}},
		PlaceHold{Name: name, Query: text, Standing: id > 2, Records: run(archive.Mail, archive.Position(id), 2), Reason: "r"},
		ExtendHold{name, run(archive.Mail, archive.Position(5*id), 1)},
		ReleaseHold{name, "r"},
		SetErasurePolicy{id%2 == 0, text},
		RequestErasure{run(archive.Mail, archive.Position(10*id), 1), "r"},
		ApproveErasure{ID: id},
		RefuseErasure{id, "r"},
		SplitThread{Named{archive.Address{Stream: archive.Mail, Position: archive.Position(id)}, archive.Digest{byte(id)}}, text},
		JoinThreads{[2]Named{{archive.Address{Stream: archive.Mail}, archive.Digest{byte(id)}}, {archive.Address{Stream: archive.Mail}, archive.Digest{byte(id + 1)}}}, "r"},
		UndoThread{archive.Position(number - 80), text},
		SaveSearch{Owner: name, Name: name, Query: text, Shared: id%2 == 0, Watch: id > 2},
		SaveSearch{Name: name, Query: text, Watch: true},
		RemoveSearch{Owner: name, Name: name},
		SeeSearch{Owner: name, Name: name, Upto: Positions{archive.Mail: archive.Position(id)}},
		OpenIssue{number, text, revision},
		OpenIssue{Case: 101, Title: "Pumps"},
		ChangeIssue{Case: number, ID: id, Title: &text, State: new(rapid.SampledFrom([]IssueState{IssueOpen, IssueSolved, "lost"}).Draw(t, "issue"))},
		StateFact{Case: 101, Text: text + "f", Issue: id % 2, Cites: ids, When: drawWhen(t), Accepted: id > 2, Revision: revision},
		ChangeFact{Case: 101, ID: id, Text: &text, Cites: ids, When: drawWhen(t)},
		ChangeFact{Case: 101, ID: id, Status: new(rapid.SampledFrom([]FactStatus{FactProposed, FactAccepted, FactRejected, FactSuperseded, "lost"}).Draw(t, "fact")), Better: id + 1, Issue: &severity},
		MakeDecision{Case: 101, Text: text + "d", Why: text + "w", Alternatives: []string{text}, Cites: ids, Supersedes: id / 2},
		MakeCommitment{Case: 101, Direction: rapid.SampledFrom([]Direction{Ours, Theirs, "", "lost"}).Draw(t, "direction"), What: text + "p", Due: drawWhen(t), Cites: ids},
		MakeCommitment{Case: 101, What: "call", Cites: ids[:len(ids)/2], Debtor: Party{User: name}},
		MoveCommitment{Case: 101, ID: id, What: text, Due: drawWhen(t), Cites: ids},
		EndCommitment{Case: 101, ID: id, How: rapid.SampledFrom([]Ending{Met, Missed, Waived, "lost"}).Draw(t, "end"), When: drawDay(t), Cites: ids},
		ReopenCommitment{Case: 101, ID: id, Reason: text},
		SetKeyDate{Case: 101, Label: text, When: When{start, start.AddDate(0, 0, id), "day", ""}, Cites: ids},
		RemoveKeyDate{Case: 101, ID: id},
		SetCalendar{Name: "bremen", Zone: "Europe/Berlin", Hours: officeHours(), From: drawDay(t), Reason: text},
		SetCalendar{Name: name, Zone: rapid.SampledFrom([]string{"UTC", "Mars"}).Draw(t, "zone"), Hours: around(Shift{"22:00", "06:00"}), Holidays: []Holiday{{Day: fmt.Sprint("2026-12-2", id), Name: text}}},
		SetPolicy{Name: "standard", Policy: usualPolicy(), From: drawDay(t)},
		SetPolicy{Name: name, Policy: Policy{Match: Match{Severities: []int{severity}, Teams: []string{text}}, Targets: []Targets{{severity, Target{60 * id, true}, Target{}, Target{id, true}}}}, Reason: text},
		RemovePolicy{Name: rapid.SampledFrom([]string{"standard", name}).Draw(t, "policy"), From: drawDay(t)},
		OrderPolicies{Names: rapid.Permutation([]string{"standard", "kim", "lee"}).Draw(t, "order")[:1+id%3], From: drawDay(t)},
		MarkMail{mailNo(byte(id)), NoAnswerNeeded, severity%2 == 0, text},
		drawOffer(t, name), drawOffer(t, name), drawAnswer(t, id), drawAnswer(t, id),
		WithdrawHandoff{Case: number, ID: id, Reason: text, Revision: revision},
		ReturnHandoff{Case: 101, ID: id, Reason: text},
		SetHandoffFields{Fields: []HandoffField{{Label: text, Required: true}}},
		AskQuestion{Case: 101, To: name, Text: text, Handoff: id / 3},
		AnswerQuestion{Case: 101, ID: id, Text: text + "a", Cites: ids, Revision: revision},
		AskReview{Case: number, To: name, Reason: text}, OpenReview{Case: 101}, OpenReview{Case: 101},
		DecideReview{Case: 101, ID: id, Do: rapid.SampledFrom(append(ReviewDos(), "perhaps")).Draw(t, "do review"), Reason: "r", Revision: revision},
		DecideReview{Case: 101, ID: id, Do: ReviewSeverity, Severity: severity, Reason: "r"},
		FollowCase{Case: number}, UnfollowCase{Case: number},
		AddNote{number, "Ask @" + name + ".", nil},
		drawAlerts(t, name, number, id), drawAlerts(t, name, number, id), drawAlerts(t, name, number, id),
		SeeAlerts{Upto: id},
		SetAlerts{Settings: AlertSettings{Address: name + "@contoso.example", Calendar: rapid.SampledFrom([]string{"", "bremen"}).Draw(t, "hours"), Mail: map[AlertKind]AlertPace{AlertRisk: AlertPaces[id%4]}}},
		GroupAlerts{name, AlertMail, ids}, EndGroup{id, AlertOutcomes[id%4], text},
		AlertOnSearch{Owner: name, Name: name, Pace: AlertPaces[id%4], Upto: Positions{archive.Mail: archive.Position(id)}},
		MakeFeed{Account: rapid.SampledFrom([]string{"", "acme", "none"}).Draw(t, "feed"), Hash: secret}, RevokeFeed{ID: id},
		Expire{archive.Mail, []archive.PackInfo{pack(archive.Mail, archive.Position(100*id), 5, start.AddDate(0, 0, -id))}},
	}
	return rapid.SampledFrom(commands).Draw(t, "command")
}

// drawAlerts raises alerts that may be known.
func drawAlerts(t *rapid.T, to string, number, id int) Command {
	var drafts []Draft
	for n := range id {
		drafts = append(drafts, Draft{Kind: AlertKinds[n], Rule: "drawn", Subject: itoa(number), To: to, Case: number, Text: "x", Sources: []Source{{Case: number, Event: archive.Position(n % 2)}}})
	}
	return RaiseAlerts{Drafts: drafts, Upto: archive.Position(10 * id)}
}

// drawOffer is an offer of the first case that says what is to be said as a rule.
func drawOffer(t *rapid.T, to string) Command {
	kind := rapid.SampledFrom([]HandoffKind{Permanent, Cover, Join, "", "lost"}).Draw(t, "kind")
	pins := rapid.SliceOfN(rapid.SampledFrom([]string{"fact-1", "cite-2", "note-1", "mood-1"}), 0, 2).Draw(t, "pins")
	return OfferHandoff{Case: 101, Kind: kind, To: to, Until: drawDay(t), Fields: said(), Pins: pins}
}

func drawAnswer(t *rapid.T, id int) Command {
	var takes []Take
	for n := range rapid.IntRange(0, 5).Draw(t, "answered") {
		takes = append(takes, Take{Commitment: n + 1, Do: rapid.SampledFrom([]Taking{TakeIt, TakeIt, Renegotiate, GiveBack}).Draw(t, "do"), Due: drawWhen(t)})
		if takes[n].Do != Renegotiate {
			takes[n].Due = nil
		}
	}
	return AnswerHandoff{Case: 101, ID: id, Accept: rapid.Bool().Draw(t, "accept"), Takes: takes, Reason: "r"}
}

func drawAction(t *rapid.T, name string) BulkAction {
	status := rapid.SampledFrom(Statuses()).Draw(t, "new status")
	return rapid.SampledFrom([]BulkAction{
		{Owner: &name}, {Team: new("support"), Tag: []string{name}}, {Owner: new(""), Team: new("billing")}, {Status: &status, Severity: new(2)},
		{Muted: new(true), Untag: []string{name}}, {Snooze: new(drawDay(t))}, {},
	}).Draw(t, "action")
}

// drawArrival is a message that is of a case, or of none.
func drawArrival(t *rapid.T, id, number int) Arrival {
	a := Arrival{Facts: &MailFacts{Message: named(archive.Position(rapid.IntRange(0, 40).Draw(t, "message"))), Received: start, Account: "acme", Subject: "M"}, Direction: Inbound}
	if rapid.Bool().Draw(t, "answers") {
		a.Conversation = number
	}
	a.Facts.Automatic = id == 4
	return a
}

func drawMembers(t *rapid.T) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"root", "kim", "marta", "lee"}), 0, 3, rapid.ID[string]).Draw(t, "members")
}

// drawDay is one of few days, or none.
func drawDay(t *rapid.T) time.Time {
	if n := rapid.IntRange(0, 4).Draw(t, "day"); n > 0 {
		return start.AddDate(0, 0, n)
	}
	return time.Time{}
}

func drawWhen(t *rapid.T) *When {
	if n := rapid.IntRange(-1, 5).Draw(t, "when"); n >= 0 {
		return &When{start, start.AddDate(0, 0, n), "day", "in some days"}
	}
	return nil
}

func drawRevision(t *rapid.T) *archive.Position {
	if rapid.Bool().Draw(t, "blind") {
		return nil
	}
	at := archive.Position(rapid.IntRange(0, 40).Draw(t, "revision"))
	return &at
}

// Whatever people do in whatever order: the state of the desk is the fold of
// its events, a restart gives the same, every event that was appended fits,
// a command that was refused changed nothing, and the invariants hold.
func TestStateIsTheFoldOfItsEvents(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := staffed(t)
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			o.clock = o.clock.Add(time.Duration(rapid.IntRange(0, 36).Draw(rt, "hours")) * time.Hour)
			n := len(o.ledger.records)
			actor := rapid.SampledFrom([]string{"kim", "marta", "token:ci", Guest}).Draw(rt, "actor")
			at, err := o.desk.Do(context.Background(), actor, anyCommand(rt))
			var refusal *Refusal
			if err != nil && (!errors.As(err, &refusal) || refusal.Text == "" || len(o.ledger.records) != n) {
				rt.Fatalf("after %d records, %d now: %v", n, len(o.ledger.records), err)
			}
			if err == nil && at != archive.Position(len(o.ledger.records)-1) {
				rt.Fatalf("position %d of %d records", at, len(o.ledger.records))
			}
		}
		if u := o.desk.state.Unknown(); len(u) > 0 {
			rt.Fatalf("a command made an event that does not fit: %+v", u)
		}
		checkInvariants(rt, o.desk.state)
		equalStates(t, o.reopen().state, o.desk.state)
		if t.Failed() {
			rt.FailNow()
		}
	})
}

// Any events at all, in any order: nothing panics, nothing refers to what is
// not there.
func TestAnyLedgerFoldsToASoundState(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var events []Event
		o := staffed(t)
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			_, _ = o.desk.Do(context.Background(), "kim", anyCommand(rt))
		}
		for _, r := range o.ledger.records {
			e, err := DecodeEvent(r.Body)
			if err != nil {
				rt.Fatal(err)
			}
			events = append(events, e)
		}
		events = rapid.Permutation(append(events, events...)).Draw(rt, "order")
		var a, b State
		for i, e := range events {
			a.Apply(archive.Position(i), e)
			b.Apply(archive.Position(i), e)
			b.Apply(archive.Position(i), e) // Twice is once.
		}
		checkReferences(rt, &a)
		equalStates(t, &b, &a)
		if t.Failed() {
			rt.FailNow()
		}
	})
}

// checkInvariants checks what commands promise together.
func checkInvariants(t *rapid.T, s *State) {
	checkReferences(t, s)
	for _, c := range s.Cases() {
		owner := s.users[c.Owner]
		if c.Owner != "" && c.Status != Closed && !owner.may(Role.Works) {
			t.Fatalf("case %d is owned by %q, who cannot work", c.Number, c.Owner)
		}
		for _, x := range c.Withdrawn {
			if item := c.restingOn(x.ID); item != "" {
				t.Fatalf("case %d: %s rests on citation %d, which was withdrawn", c.Number, item, x.ID)
			}
		}
		checkHanding(t, s, c)
		checkTeams(t, s, c)
		checkOwners(t, c)
		if c.Title == "" || c.Severity < 1 || c.Severity > 4 || !c.Status.Valid() {
			t.Fatalf("case %+v", c)
		}
	}
	if !slices.ContainsFunc(s.Users(), func(u User) bool { return !u.Disabled && slices.Contains(u.Roles, Admin) }) {
		t.Fatal("there is no administrator")
	}
}

// checkOwners checks invariant 6: an owner changes with a claim, an assignment, a handoff, a bulk, or somebody
// who leaves, and somebody did that.
func checkOwners(t *rapid.T, c Case) {
	may := []EventType{CaseOpened, CaseOwned, CaseChanged, HandoffAnswered, HandoffReturned, UserDisabled, UserChanged, BulkDone, BulkUndone}
	for i, x := range c.standings {
		if e := c.Log[x.entry]; i > 0 && x.owner != c.standings[i-1].owner && (!slices.Contains(may, e.Type) || e.Actor == "" || e.Text == "") {
			t.Fatalf("case %d went from %q to %q by %+v", c.Number, c.standings[i-1].owner, x.owner, e)
		}
	}
}

// checkTeams checks that a case is in a team that there is, and goes back to one only from an owner.
func checkTeams(t *rapid.T, s *State, c Case) {
	if c.Team != "" && s.teams[c.Team] == nil && c.Status != Closed {
		t.Fatalf("case %d is in the team %q, which is none", c.Number, c.Team)
	}
	if !c.Returns.IsZero() && c.Owner == "" {
		t.Fatalf("case %d is nobody's, and returns at %s", c.Number, c.Returns)
	}
	if !slices.IsSorted(c.Tags) || len(c.Tags) > maxTags {
		t.Fatalf("case %d has the tags %q", c.Number, c.Tags)
	}
}

// checkHanding checks that at most one handoff is about who owns a case, that the owner is who it says, and that
// nobody who cannot work has one open.
func checkHanding(t *rapid.T, s *State, c Case) {
	handing := 0
	for _, h := range c.Handoffs {
		if !h.Open() {
			continue
		}
		if !s.users[h.To].may(Role.Works) || h.owns() && h.From != "" && !s.users[h.From].may(Role.Works) {
			t.Fatalf("case %d: handoff %d from %q to %q is open, and one of them cannot work", c.Number, h.ID, h.From, h.To)
		}
		if h.owns() {
			handing++
		}
		if h.State == Offered && h.owns() && c.Owner != h.From || h.State == Covering && c.Owner != h.To {
			t.Fatalf("case %d is of %q, its handoff %d is %s from %q to %q", c.Number, c.Owner, h.ID, h.State, h.From, h.To)
		}
	}
	if handing > 1 {
		t.Fatalf("case %d has %d open handoffs", c.Number, handing)
	}
}

// checkReferences checks what holds after any events.
func checkReferences(t *rapid.T, s *State) {
	checkAccounts(t, s)
	checkClocks(t, s)
	citing := make(map[archive.Address][]int)
	shares := 0
	for i := range s.cases {
		c, ok := s.Case(FirstCase + i)
		if !ok || c.Number != FirstCase+i {
			t.Fatalf("case numbers are not dense at %d", i)
		}
		if _, ok := s.User(c.Owner); c.Owner != "" && !ok {
			t.Fatalf("case %d is owned by %q, who does not exist", c.Number, c.Owner)
		}
		checkCase(t, c)
		checkFamily(t, s, c)
		checkMoments(t, c)
		for _, x := range c.Citations {
			citing[x.Record] = append(citing[x.Record], c.Number)
		}
		for _, x := range c.Shares {
			shares++
			if found, ok := s.ShareByHash(x.Hash); !ok || found.Case != c.Number || found.ID != x.ID {
				t.Fatalf("share %d of case %d is not found by its link", x.ID, c.Number)
			}
		}
	}
	if len(s.citing) != len(citing) || len(s.Shares()) != shares {
		t.Fatalf("records cited %v, want %v; %d shares, want %d", s.citing, citing, len(s.Shares()), shares)
	}
	for at, numbers := range citing {
		if got := s.CasesCiting(at); !slices.Equal(got, slices.Compact(numbers)) {
			t.Fatalf("cases citing %s: %v, want %v", at, got, numbers)
		}
	}
}

func checkCase(t *rapid.T, c Case) {
	known := make(map[int]bool)
	for _, x := range append(slices.Clone(c.Citations), c.Withdrawn...) {
		if known[x.ID] || x.Start < 0 || x.End-x.Start != len(x.Quote) || x.SHA256.IsZero() {
			t.Fatalf("citation %+v", x)
		}
		known[x.ID] = true
	}
	all := func(ids []int) bool { return !slices.ContainsFunc(ids, func(id int) bool { return !known[id] }) }
	for i, n := range c.Notes {
		if n.ID != i+1 || !all(n.Cites) {
			t.Fatalf("note %+v", n)
		}
	}
	for i, f := range c.Facts {
		if f.ID != i+1 || !all(f.Cites) || f.Issue > len(c.Issues) || f.Better > len(c.Facts) || f.Status == FactAccepted && len(f.Cites) == 0 {
			t.Fatalf("fact %+v", f)
		}
	}
	for i, d := range c.Decisions {
		if d.ID != i+1 || !all(d.Cites) || d.Supersedes > len(c.Decisions) || d.Superseded > len(c.Decisions) || d.Why == "" {
			t.Fatalf("decision %+v", d)
		}
	}
	for i, p := range c.Commitments {
		if p.ID != i+1 || !all(p.Cites) || len(p.Cites) == 0 || p.What == "" {
			t.Fatalf("promise %+v", p)
		}
	}
	for i, h := range c.Handoffs {
		if h.ID != i+1 || h.To == "" || h.Package.Digest() != h.SHA256 || len(h.Package.Pins) > maxPins || (h.State == Offered) != h.Answered.IsZero() && h.Ended.IsZero() {
			t.Fatalf("handoff %+v", h)
		}
	}
	for i, q := range c.Questions {
		if q.ID != i+1 || q.Handoff > len(c.Handoffs) || q.Answer != nil && (!all(q.Answer.Cites) || q.Answer.Fact > len(c.Facts) || q.Answer.Fact != 0 && c.Facts[q.Answer.Fact-1].Question != q.ID) {
			t.Fatalf("question %+v", q)
		}
	}
	for i, r := range c.Reviews {
		if r.ID != i+1 || (r.State != ReviewWanted) != (r.By != "") || (r.State == ReviewDone) != (r.Do != "") || r.Took() < 0 {
			t.Fatalf("review %+v", r)
		}
	}
	for i, x := range c.Shares {
		missing := slices.ContainsFunc(x.Notes, func(id int) bool { return c.note(id) == nil })
		if x.ID != i+1 || x.Case != c.Number || !all(x.Citations) || missing {
			t.Fatalf("share %+v", x)
		}
	}
	last := archive.Position(0)
	for _, e := range c.Log {
		if e.Position < last || e.Text == "" || e.Actor == "" {
			t.Fatalf("log entry %+v after position %d", e, last)
		}
		last = e.Position
	}
	if c.Revision != last {
		t.Fatalf("revision %d, last entry at %d", c.Revision, last)
	}
}

// A ledger is read from a bucket that others could have written to.
func FuzzApplyRecord(f *testing.F) {
	for _, line := range goldenLines(f) {
		f.Add(line)
	}
	base := goldenState(f)
	encoded, err := json.Marshal(goldenRecords(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var records []archive.Record
		if err := json.Unmarshal(encoded, &records); err != nil {
			t.Fatal(err)
		}
		s := new(State)
		for _, r := range records {
			s.ApplyRecord(r)
		}
		at := s.Next()
		s.ApplyRecord(archive.Record{Meta: archive.Meta{Kind: archive.KindEvent, Position: at}, Body: body})
		if s.Next() != at+1 {
			t.Fatalf("next is %d after %d", s.Next(), at)
		}
		for _, c := range s.Cases() {
			for _, x := range c.Shares {
				if _, ok := s.ShareByHash(x.Hash); !ok {
					t.Fatalf("share %+v is lost", x)
				}
			}
		}
		if len(s.Unknown()) == 1 && len(s.Users()) != len(base.Users()) {
			t.Fatal("an event that does not fit changed something")
		}
	})
}

// checkFamily checks that what is part of a case knows it, and that no case is part of itself.
func checkFamily(t *rapid.T, s *State, c Case) {
	for _, n := range c.Parts {
		if part := s.file(n); part == nil || part.Into != c.Number {
			t.Fatalf("case %d has part %d, which is none", c.Number, n)
		}
	}
	if into := s.file(c.Into); c.Into != 0 && (into == nil || !slices.Contains(into.Parts, c.Number)) {
		t.Fatalf("case %d is part of %d, which does not have it", c.Number, c.Into)
	}
	if all := s.Family(c.Number); slices.ContainsFunc(all[1:], func(part Case) bool { return part.Number == c.Number }) {
		t.Fatalf("case %d is part of itself", c.Number)
	}
}
