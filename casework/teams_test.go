package casework

import (
	"strings"
	"testing"
	"time"
)

// goldenTeams holds the first ledger about teams, and what it folded to. These files never change.
const goldenTeams = "testdata/golden-teams"

func shownTeams(s *State) map[string]any {
	return map[string]any{"cases": s.Cases(), "teams": s.Teams(), "bulks": s.Bulks(), "unknown": s.Unknown()}
}

func TestFirstTeamsStayReadable(t *testing.T) {
	checkGolden(t, goldenTeams, shownTeams, TeamSet, TeamRemoved, CaseOpened, CaseChanged, CaseOwned, CaseSnoozed, CaseWoken, BulkDone, BulkUndone)
}

func TestTeamsAreWrittenAsAtFirst(t *testing.T) {
	checkWritten(t, goldenTeams, goldenTeamsScript)
}

func goldenTeamsScript(o *office) {
	step := func(actor string, c Command) { o.t.Helper(); o.as(actor, c); o.clock = o.clock.Add(time.Hour) }
	step(System, AddUser{Name: "marta", FullName: "Marta Lindqvist", Roles: []Role{Manager}})
	step(System, AddUser{Name: "kim", FullName: "Kim Osei", Roles: []Role{Specialist}})
	step("marta", SetTeam{Team: Team{Name: "support", Title: "Support", Members: []string{"marta", "kim"}, ReturnMinutes: 90}, Reason: "first line"})
	step("marta", SetTeam{Team: Team{Name: "billing", Title: "Billing & contracts", ReturnTo: "support"}})
	step("marta", SetTeam{Team: Team{Name: "support", Title: "Support", Members: []string{"kim"}, ReturnMinutes: 60, Version: 1}})
	routed := &Routing{Message: named(4), Rules: 7, Rule: "contract-pdf", Link: "nothing it answers is of a case", Exception: "unknown sender", Trace: Trace{1, TraceMatched}}
	step(System, OpenCase{Title: "Contract", Kind: Request, Team: "billing", Tags: []string{"VIP", "contract "}, Messages: []Named{named(4)}, Routed: routed})
	step("kim", ChangeCase{Case: 101, Team: new("support"), Tags: &[]string{"contract", "renewal"}, Muted: new(true), Reason: "not about money"})
	step("kim", AssignCase{Case: 101, Owner: "kim"})
	step("marta", AssignCase{Case: 101, Team: new("billing"), Reason: "it is, after all"})
	step("marta", AssignCase{Case: 101, Owner: "", Team: new("support"), ByRule: ByRule{"assignment-return", 1}, Reason: "nobody"})
	step("kim", OpenCase{Title: "Invoice", Team: "support", Owner: "kim"})
	step("kim", OpenCase{Title: "Terms", Team: "billing"})
	step("kim", SnoozeCase{Case: 102, Until: o.clock.AddDate(0, 0, 7), Reason: "they are on holiday"})
	step(System, WakeCase{Case: 102, ByRule: snoozeMail})
	step(System, SnoozeCase{Case: 103, Until: o.clock.AddDate(0, 0, 7)})
	step("kim", ClaimCase{Case: 101})
	o.clock = o.clock.Add(time.Hour)
	step(System, EndAssignment{Case: 101})
	step("marta", ChangeCases{Cases: those(101, 102, 103), Action: BulkAction{Owner: new("marta"), Team: new("support"), Tag: []string{"year end"}, Severity: new(2), Status: new(WaitingUs), Muted: new(true), Snooze: new(o.clock.AddDate(0, 0, 2))}, Reason: "one pair of eyes"})
	step("marta", UndoBulk{ID: 1, Reason: "too many"})
	step("marta", ChangeCases{Cases: those(103), Action: BulkAction{Owner: new(""), Untag: []string{"vip"}, Snooze: new(time.Time{})}})
	step("marta", RemoveTeam{Name: "billing", To: "support", Reason: "one team is enough"})
}

// A team says who takes its cases, and nobody overwrites what somebody else has changed.
func TestESC20_TeamsAreSetUpByThoseWhoLead(t *testing.T) {
	o := staffed(t)
	support := Team{Name: "support", Title: "Support", Members: []string{"marta", "kim"}}
	o.as("marta", SetTeam{Team: support})
	for _, x := range []struct {
		command     Command
		code, field string
		words       string
	}{
		{SetTeam{Team: support}, Conflict, "Name", "already"},
		{SetTeam{Team: Team{Name: "billing", Version: 1}}, NotFound, "Name", "no team"},
		{SetTeam{Team: Team{Name: "support", Version: 2}}, Conflict, "Version", "Somebody else"},
		{SetTeam{Team: Team{Name: "a b"}}, Invalid, "Name", "small letters"},
		{SetTeam{Team: Team{Name: "x", Members: []string{"lee"}}}, Invalid, "Members", "no user"},
		{SetTeam{Team: Team{Name: "x", Members: []string{"kim", "kim"}}}, Invalid, "Members", "twice"},
		{SetTeam{Team: Team{Name: "x", Members: []string{"root"}}}, Conflict, "Members", "cannot work"},
		{SetTeam{Team: Team{Name: "x", ReturnMinutes: -1}}, Invalid, "ReturnMinutes", "minutes"},
		{SetTeam{Team: Team{Name: "x", ReturnTo: "y"}}, Invalid, "ReturnTo", "no team"},
		{RemoveTeam{Name: "billing"}, NotFound, "Name", "no team"},
		{OpenCase{Title: "T", Team: "billing"}, Invalid, "Team", "no team"},
		{OpenCase{Title: "T", Kind: "wish"}, Invalid, "Kind", "not a kind"},
		{OpenCase{Title: "T", Tags: []string{"a,b"}}, Invalid, "Tags", "comma"},
		{OpenCase{Title: "T", Tags: []string{strings.Repeat("a", maxTag+1)}}, Invalid, "Tags", "characters"},
		{OpenCase{Title: "T", Tags: strings.Split("abcdefghijklmnopqrstu", "")}, Invalid, "Tags", "at most"},
	} {
		o.refused(x.command, x.code, x.field, x.words)
	}
	if at := o.as("marta", SetTeam{Team: Team{Name: "support", Title: "Support", Members: []string{"kim", "marta"}, Version: 1}}); int(at) != len(o.ledger.records)-1 {
		t.Error("the same is set again")
	}
	o.refusedTo("kim", SetTeam{Team: Team{Name: "own"}}, Forbidden, "", "manager")
	o.refusedTo("kim", RemoveTeam{Name: "support"}, Forbidden, "", "manager")
	o.as("kim", OpenCase{Title: "Pumps", Team: "support"})
	o.refused(RemoveTeam{Name: "support"}, Conflict, "To", "“Support” has 1 open case: C-101")
	o.as("marta", SetTeam{Team: Team{Name: "billing", ReturnTo: "support"}})
	o.refused(RemoveTeam{Name: "support", To: "billing"}, Conflict, "Name", "go back to “Support”", "billing")
}

// A team is removed with its open cases going somewhere else; one that was closed in it is in none when it is opened again.
func TestESC20_NothingIsLeftInATeamThatIsGone(t *testing.T) {
	o := staffed(t)
	o.as("marta", SetTeam{Team: Team{Name: "support", Title: "Support"}}, SetTeam{Team: Team{Name: "billing", Title: "Billing"}})
	o.as("kim", OpenCase{Title: "Open", Team: "support"}, OpenCase{Title: "Closed", Team: "support"}, ChangeCase{Case: 102, Status: new(Closed)})
	o.as("marta", RemoveTeam{Name: "support", To: "billing", Reason: "merged"})
	if c := o.theCase(101); c.Team != "billing" || o.lastLine(101) != "The team Support was removed; the case is in the team Billing now (reason: merged)" {
		t.Errorf("the open case is in %q: %s", c.Team, o.lastLine(101))
	}
	o.as("kim", ChangeCase{Case: 102, Status: new(Open)})
	if c := o.theCase(102); c.Team != "" {
		t.Errorf("the case that was closed is in %q", c.Team)
	}
}

// Where a case is and how long it sleeps moves its clocks as it happens.
func TestESC20_ClocksKnowTheTeam(t *testing.T) {
	o := staffed(t)
	o.as("marta", SetTeam{Team: Team{Name: "support"}}, SetTeam{Team: Team{Name: "billing"}})
	o.as("kim", OpenCase{Title: "Pumps", Kind: Request, Team: "support"}, ChangeCase{Case: 101, Team: new("billing")})
	m := DecisionMoments(o.theCase(101))
	if len(m) != 2 || m[0].Team != "support" || m[0].Sort != Request || m[1].Kind != MomentTeam || m[1].Team != "billing" {
		t.Errorf("%+v", m)
	}
}
