package casework

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"polytrace/archive"
)

// goldenClocks holds the first ledger with calendars, policies and marks, and
// what it folded to. These files never change.
const goldenClocks = "testdata/golden-clocks"

func shownClocks(s *State) map[string]any {
	return map[string]any{
		"policies": s.Policies(), "policy_versions": s.PolicyVersions(), "calendars": s.Calendars(), "calendar_versions": s.CalendarVersions(),
		"markings": s.Markings(mailNo(3).SHA256), "unknown": s.Unknown(),
	}
}

// goldenClocksScript makes every type of event with every member set at least once.
func goldenClocksScript(o *office) {
	step := func(actor string, c Command) { o.t.Helper(); o.as(actor, c); o.clock = o.clock.Add(90 * time.Second) }
	step(System, AddUser{Name: "root", FullName: "Rowan Admin", Roles: []Role{Admin}})
	step(System, AddUser{Name: "marta", FullName: "Marta Lindqvist", Roles: []Role{Manager}})
	step("marta", SetCalendar{Name: "bremen", Zone: "Europe/Berlin", Hours: officeHours(), Reason: "as in the contract"})
	step("marta", SetCalendar{Name: "nights", Zone: "America/New_York", Hours: Hours{Sat: []Shift{{"22:00", "06:00"}}, Sun: []Shift{{"22:00", "06:00"}}}, From: start.AddDate(0, 0, -7)})
	christmas := []Holiday{{"2026-12-24", "Christmas <Eve>", []Shift{{"09:00", "12:00"}}}, {Day: "2026-12-25"}}
	step("marta", SetCalendar{Name: "bremen", Zone: "Europe/Berlin", Hours: officeHours(), Holidays: christmas})
	step("marta", SetPolicy{Name: "standard", Policy: usualPolicy(), Reason: "agreed with the board"})
	gold := Policy{Match: Match{[]int{1, 2}, []string{"acme"}, []string{"support"}, []string{"request"}}, Calendar: "bremen", RunOn: true, Warn: 75, PauseOn: []PauseCause{PauseSnoozed}}
	gold.Targets = []Targets{{0, Target{30, true}, Target{60, false}, Target{}}}
	step("marta", SetPolicy{Name: "gold", Policy: gold, From: start.AddDate(0, 0, -1)})
	step("marta", OrderPolicies{Names: []string{"gold", "standard"}, From: start.AddDate(0, 0, 1), Reason: "gold goes first"})
	step("marta", SetPolicy{Name: "old", Policy: Policy{Targets: []Targets{{First: Target{1, true}}}}})
	step("marta", RemovePolicy{Name: "old", From: start.AddDate(0, 0, 2), Reason: "a mistake"})
	step("kim", MarkMail{mailNo(3), NoAnswerNeeded, false, "thanks"})
	step("token:ci", MarkMail{mailNo(3), NoAnswerNeeded, true, ""})
}

func TestFirstClockDecisionsStayReadable(t *testing.T) {
	checkGolden(t, goldenClocks, shownClocks, CalendarSet, PolicySet, PolicyRemoved, PoliciesOrdered, MailMarked)
}

func TestClockDecisionsAreWrittenAsAtFirst(t *testing.T) {
	checkWritten(t, goldenClocks, goldenClocksScript)
}

func TestClockDecisionsThatCannotBeAreRefused(t *testing.T) {
	o := staffed(t)
	day := Hours{Mon: []Shift{{"09:00", "17:00"}}}
	o.do(SetCalendar{Name: "bremen", Zone: "Europe/Berlin", Hours: day})
	o.do(SetPolicy{Name: "standard", Policy: usualPolicy()})
	long := time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC)
	with := func(change func(*Policy)) SetPolicy {
		p := usualPolicy()
		change(&p)
		return SetPolicy{Name: "gold", Policy: p}
	}
	for _, c := range []struct {
		do          Command
		code, field string
		word        string
	}{
		{SetCalendar{Name: "", Zone: "UTC", Hours: day}, Invalid, "Name", "calendar"},
		{SetCalendar{Name: "x", Zone: "UTC"}, Invalid, "Hours", "never open"},
		{SetCalendar{Name: "x", Zone: "Mars", Hours: day}, Invalid, "Zone", "Mars"},
		{SetCalendar{Name: "x", Zone: "UTC", Hours: day, Holidays: []Holiday{{Day: "soon"}}}, Invalid, "Holidays", "soon"},
		{SetCalendar{Name: "x", Zone: "UTC", Hours: day, From: long}, Invalid, "From", "2300"},
		{SetCalendar{Name: "x", Zone: "UTC", Hours: day, Reason: "\xff"}, Invalid, "Reason", "UTF-8"},
		{SetPolicy{Name: "Bad Name", Policy: usualPolicy()}, Invalid, "Name", "Bad Name"},
		{SetPolicy{Name: "gold", Policy: usualPolicy(), From: long}, Invalid, "From", "2300"},
		{with(func(p *Policy) { p.Calendar = "mars" }), NotFound, "Calendar", "mars"},
		{with(func(p *Policy) { p.Calendar = "" }), Invalid, "Calendar", "60 minutes"},
		{with(func(p *Policy) { p.Targets = nil }), Invalid, "Targets", "nothing"},
		{with(func(p *Policy) { p.Targets = []Targets{{Severity: 2}} }), Invalid, "Targets", "nothing"},
		{with(func(p *Policy) { p.Targets[0].Severity = 5 }), Invalid, "Targets", "5"},
		{with(func(p *Policy) { p.Targets[1].Severity = 1 }), Invalid, "Targets", "twice"},
		{with(func(p *Policy) { p.Targets[0].Next.Minutes = -1 }), Invalid, "Targets", "-1"},
		{with(func(p *Policy) { p.Targets[0].Next.Minutes = 600_000 }), Invalid, "Targets", "600000"},
		{with(func(p *Policy) { p.Targets[0].Next = Target{Wall: true} }), Invalid, "Targets", "minutes"},
		{with(func(p *Policy) { p.PauseOn[0] = "lunch" }), Invalid, "PauseOn", "lunch"},
		{with(func(p *Policy) { p.PauseOn[0] = PauseSnoozed }), Invalid, "PauseOn", "twice"},
		{with(func(p *Policy) { p.Warn = 101 }), Invalid, "Warn", "101"},
		{with(func(p *Policy) { p.Match.Severities = []int{0} }), Invalid, "Severities", "Severity 0"},
		{with(func(p *Policy) { p.Match.Severities = []int{1, 1} }), Invalid, "Severities", "twice"},
		{with(func(p *Policy) { p.Match.Teams = []string{" "} }), Invalid, "Teams", "empty"},
		{with(func(p *Policy) { p.Match.Accounts = []string{"a\nb"} }), Invalid, "Accounts", "line"},
		{with(func(p *Policy) { p.Match.Kinds = make([]string, 201) }), Invalid, "Kinds", "201"},
		{RemovePolicy{Name: "gold"}, NotFound, "Name", "gold"},
		{RemovePolicy{Name: "standard", From: long}, Invalid, "From", "2300"},
		{OrderPolicies{Names: []string{"gold"}}, NotFound, "Names", "gold"},
		{OrderPolicies{}, Invalid, "Names", "each"},
		{OrderPolicies{Names: []string{"standard", "standard"}}, Invalid, "Names", "once"},
		{OrderPolicies{Names: []string{"standard"}, From: start.AddDate(0, 0, -1)}, Conflict, "From", "3 November 2026 09:00 UTC"},
		{MarkMail{mailNo(1), "spam", false, ""}, Invalid, "Mark", "spam"},
		{MarkMail{Named{Record: mailNo(1).Record}, NoAnswerNeeded, false, ""}, Invalid, "SHA256", "SHA-256"},
		{MarkMail{Named{archive.Address{Stream: archive.Ledger}, archive.Digest{1}}, NoAnswerNeeded, false, ""}, Invalid, "Record", "ledger"},
		{MarkMail{mailNo(1), NoAnswerNeeded, false, "\xff"}, Invalid, "Reason", "UTF-8"},
	} {
		o.refused(c.do, c.code, c.field, c.word)
	}
	o.do(RemovePolicy{Name: "standard"})
	o.refused(RemovePolicy{Name: "standard"}, Gone, "Name", "Rowan Admin")
}

// Who changes an older version than there is hears who was faster, and
// accounts are kept as cases name them.
func TestClockDecisionsAreAboutTheLastVersion(t *testing.T) {
	o := staffed(t)
	o.do(OpenAccount{ID: "acme", Name: "Acme Holding"})
	set, policy := SetCalendar{Name: "bremen", Zone: "Europe/Berlin", Hours: officeHours(), Seen: 1}, SetPolicy{Name: "standard", Policy: usualPolicy(), Seen: 1}
	policy.Match.Accounts = []string{" acme holding", "Beta"}
	o.do(set)
	o.do(policy)
	set.Zone, policy.Warn = "UTC", 50
	o.do(set)
	o.do(policy)
	set.Zone, policy.Warn = "Europe/Paris", 60
	o.refused(set, Conflict, "Seen", "Rowan Admin", "version 2")
	o.refused(policy, Conflict, "Seen", "Rowan Admin", "version 2")
	if p := o.desk.state.Policies()[0]; p.Warn != 50 || !slices.Equal(p.Match.Accounts, []string{"acme", "Beta"}) || policy.Match.Accounts[0] != " acme holding" {
		t.Errorf("the policy is %+v", p)
	}
}

// What is so already is not decided again; what shall hold from another time is.
func TestClockDecisionsThatChangeNothingAreNotKept(t *testing.T) {
	o := staffed(t)
	set, policy := SetCalendar{Name: "bremen", Zone: "Europe/Berlin", Hours: officeHours()}, SetPolicy{Name: "standard", Policy: usualPolicy()}
	mark := MarkMail{mailNo(1), NoAnswerNeeded, false, ""}
	o.as("kim", MarkMail{mailNo(1), NoAnswerNeeded, true, ""})
	for _, c := range []Command{set, policy, mark, OrderPolicies{Names: []string{"standard"}}, MarkMail{mailNo(1), NoAnswerNeeded, false, "again"}} {
		o.do(c)
		o.do(c)
	}
	if got, want := len(o.ledger.records), 3+3; got != want {
		t.Errorf("%d events, want %d", got, want)
	}
	set.From = start.AddDate(0, 0, -3)
	o.do(set)
	o.desk.Read(func(s *State) {
		versions := s.CalendarVersions()
		if len(versions) != 2 || !versions[0].From.IsZero() || versions[1].Number != 2 || !versions[1].From.Equal(set.From) || versions[1].By != "root" {
			t.Errorf("versions %+v", versions)
		}
		if p := s.Policies(); len(p) != 1 || !p[0].From.Equal(start) || p[0].Rank != 1 {
			t.Errorf("policies %+v", p)
		}
	})
}

// What people decide is what clocks are counted by.
func TestClocksGoByWhatWasDecided(t *testing.T) {
	o := staffed(t)
	o.do(SetCalendar{Name: "bremen", Zone: "Europe/Berlin", Hours: officeHours()})
	o.do(SetPolicy{Name: "standard", Policy: usualPolicy()})
	o.do(SetPolicy{Name: "gold", Policy: Policy{Match: Match{Accounts: []string{"acme"}}, Targets: []Targets{{First: Target{15, true}}}}})
	s := newStory(t).opened("03 10:00").customer("03 10:00") // 9:00 UTC.
	s.moments[1].Mail = mailNo(1).SHA256
	decided := func() {
		o.desk.Read(func(st *State) { s.policies, s.calendars = st.PolicyVersions(), st.CalendarVersions() })
	}
	decided()
	s.want("03 11:00", FirstReply, "running from 03 10:00 to - due 03 15:00 used 1h0m0s")
	o.clock = o.clock.Add(time.Hour)
	o.do(OrderPolicies{Names: []string{"gold", "standard"}})
	decided()
	s.want("03 11:00", FirstReply, "breached from 03 10:00 to - due 03 10:15 used 1h0m0s")
	o.do(RemovePolicy{Name: "gold"})
	decided()
	s.want("03 11:00", FirstReply, "running from 03 10:00 to - due 03 15:00 used 1h0m0s")
	o.as("kim", MarkMail{mailNo(1), NoAnswerNeeded, false, ""})
	o.desk.Read(func(st *State) { s.moments = append(s.moments, st.Markings(mailNo(1).SHA256)[0].Moment()) })
	s.want("03 11:00", FirstReply, "void from 03 10:00 to 03 11:00 due - used 0s")
}

// checkClocks checks what holds after any events: versions are dense, no two
// policies have one rank, and every calendar can be counted with.
func checkClocks(t *rapid.T, s *State) {
	numbers := map[Version]bool{}
	for _, c := range s.CalendarVersions() {
		if c.Number > 1 && !numbers[Version{c.Name, c.Number - 1}] || numbers[c.Version] || c.Next(start).IsZero() {
			t.Fatalf("calendar %+v", c)
		}
		numbers[c.Version] = true
	}
	clear(numbers)
	for _, p := range s.PolicyVersions() {
		if p.Number > 1 && !numbers[Version{p.Name, p.Number - 1}] || numbers[p.Version] {
			t.Fatalf("policy %+v", p)
		}
		numbers[p.Version] = true
	}
	live := s.Policies()
	for i, p := range live {
		if p.Removed || i > 0 && p.Rank <= live[i-1].Rank {
			t.Fatalf("policies %+v", live)
		}
	}
	for n := range byte(5) {
		for i, m := range s.Markings(mailNo(n).SHA256) {
			if m.Off != (i%2 == 1) || m.SHA256 != mailNo(n).SHA256 {
				t.Fatalf("marking %+v", m)
			}
		}
	}
	Clocks(slices.Clone(lifeOf(20)), s.PolicyVersions(), s.CalendarVersions(), start.AddDate(0, 1, 0))
}
