package casework

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// inSupport is staffed with the team support of kim, whose cases go back after an hour, and case 101 in it.
func inSupport(t testing.TB) *office {
	o := staffed(t)
	o.as("marta", AddUser{Name: "lee", FullName: "Lee Park", Roles: []Role{Agent}})
	o.as("marta", SetTeam{Team: Team{Name: "second", Title: "Second line"}}, SetTeam{Team: Team{Name: "support", Title: "Support", Members: []string{"kim"}, ReturnMinutes: 60}})
	o.as("marta", OpenCase{Title: "Pumps", Kind: Request, Team: "support"})
	return o
}

// Of fifty who claim a case at once, one has it, and all others hear who.
func TestESC20_FiftyClaimsOneWinner(t *testing.T) {
	o := staffed(t)
	for i := range 50 {
		o.do(AddUser{Name: fmt.Sprint("u", i), FullName: fmt.Sprintf("Agent No. %d.", i), Roles: []Role{Agent}})
	}
	o.as("marta", SetTeam{Team: Team{Name: "support"}}, OpenCase{Title: "Pumps", Team: "support"})
	before := len(o.ledger.records)
	results := make([]error, 50)
	var all sync.WaitGroup
	for i := range results {
		all.Go(func() { _, results[i] = o.desk.Do(context.Background(), fmt.Sprint("u", i), ClaimCase{Case: 101}) })
	}
	all.Wait()
	winner := o.theCase(101).Owner
	if winner == "" || len(o.ledger.records) != before+1 {
		t.Fatalf("%q has it after %d events", winner, len(o.ledger.records)-before)
	}
	name := o.desk.state.who(winner)
	for i, err := range results {
		var r *Refusal
		switch won := fmt.Sprint("u", i) == winner; {
		case won && err != nil:
			t.Errorf("the winner hears %v", err)
		case !won && (!errors.As(err, &r) || r.Code != Conflict || !strings.Contains(r.Text, name)):
			t.Errorf("u%d hears %v", i, err)
		}
	}
	if at := o.as(winner, ClaimCase{Case: 101}); len(o.ledger.records) != before+1 {
		t.Errorf("a second claim of the same person is event %d", at)
	}
}

// Members of a team take its cases, and give them back with a word to those who take them next.
func TestTR5_ClaimAndReturn(t *testing.T) {
	o := inSupport(t)
	o.refusedTo("lee", ClaimCase{Case: 101}, Forbidden, "Owner", "the team Support")
	o.refusedTo("lee", AssignCase{Case: 101, Owner: "lee"}, Forbidden, "Owner", "the team Support")
	o.refusedTo("root", ClaimCase{Case: 101}, Conflict, "Owner", "role agent")
	o.as("kim", ClaimCase{Case: 101})
	if c := o.theCase(101); c.Owner != "kim" || !c.Returns.Equal(o.clock.Add(time.Hour)) {
		t.Errorf("%q has it until %s", c.Owner, c.Returns)
	}
	o.refusedTo("marta", ClaimCase{Case: 101}, Conflict, "Owner", "Kim Osei has case C-101 since 3 November 2026 09:00 UTC")
	o.refusedTo("lee", ReturnCase{Case: 101, Reason: "mine"}, Forbidden, "Case", "Kim Osei")
	o.refusedTo("kim", ReturnCase{Case: 101}, Invalid, "Reason", "Say why")
	o.as("kim", ReturnCase{Case: 101, Reason: "needs a key that I have not"})
	if c := o.theCase(101); c.Owner != "" || c.Team != "support" || !c.Returns.IsZero() ||
		o.lastLine(101) != "Kim Osei gave the case back; it has no owner now, in the team Support (reason: needs a key that I have not)" {
		t.Errorf("%q has it, in %q, until %s: %s", c.Owner, c.Team, c.Returns, o.lastLine(101))
	}
	o.as("marta", AssignCase{Case: 101, Owner: "lee", Team: new("second")})
	if c := o.theCase(101); c.Owner != "lee" || c.Team != "second" || !c.Returns.IsZero() {
		t.Errorf("%q has it, in %q, until %s", c.Owner, c.Team, c.Returns)
	}
}

// wrote is a message of the customer, or of ours, after some minutes.
func wrote(minutes int, d MailDirection) Mail {
	at := start.Add(time.Duration(minutes) * time.Minute)
	return Mail{Record: mailNo(byte(minutes)).Record, SHA256: mailNo(byte(minutes)).SHA256, Direction: d, Sent: at, Received: at}
}

// An owner who is silent loses the case when the time is over, whatever else happens; who answers or decides keeps it.
func TestTR5_SilentOwnersLoseTheCase(t *testing.T) {
	automatic := wrote(20, Outbound)
	automatic.Automatic = true
	early := wrote(0, Outbound)
	early.Sent = start.Add(-time.Hour)
	for name, x := range map[string]struct {
		mail []Mail
		do   func(o *office)
		keep bool
	}{
		"silence":                   {nil, nil, false},
		"the customer writes again": {[]Mail{wrote(1, Inbound), wrote(50, Inbound)}, nil, false},
		"an answer":                 {[]Mail{wrote(1, Inbound), wrote(50, Outbound)}, nil, true},
		"an answer before":          {[]Mail{early}, nil, false},
		"mail among ourselves":      {[]Mail{wrote(20, Internal)}, nil, false},
		"an absence note of ours":   {[]Mail{automatic}, nil, false},
		"a private note":            {nil, func(o *office) { o.as("kim", AddNote{101, "I look at it.", nil}) }, false},
		"a decision":                {nil, func(o *office) { o.as("kim", ChangeCase{Case: 101, Status: new(WaitingUs)}) }, true},
		"a decision of another":     {nil, func(o *office) { o.as("lee", ChangeCase{Case: 101, Severity: new(2)}) }, false},
		"resolved by another":       {nil, func(o *office) { o.as("marta", ChangeCase{Case: 101, Status: new(Resolved)}) }, true},
		"a sleep":                   {nil, func(o *office) { o.as("kim", SnoozeCase{Case: 101, Until: start.AddDate(0, 0, 1)}) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			o := inSupport(t)
			o.as("kim", ClaimCase{Case: 101})
			o.clock = start.Add(30 * time.Minute)
			if x.do != nil {
				x.do(o)
			}
			c, end := o.theCase(101), start.Add(time.Hour)
			if c.Due(end.Add(-time.Second), x.mail) {
				t.Error("it goes back before its time")
			}
			if c.Due(end, x.mail) == x.keep {
				t.Errorf("it goes back: %v", !x.keep)
			}
		})
	}
}

// What the appliance takes from somebody says by which rule and why, and goes where the team says.
func TestHO9_AReturnSaysItsRule(t *testing.T) {
	o := inSupport(t)
	o.as("marta", SetTeam{Team: Team{Name: "support", Title: "Support", Members: []string{"kim"}, ReturnMinutes: 60, ReturnTo: "second", Version: 1}})
	o.as("kim", ClaimCase{Case: 101})
	before := len(o.ledger.records)
	o.clock = start.Add(59 * time.Minute)
	o.as(System, EndAssignment{Case: 101})
	if len(o.ledger.records) != before {
		t.Error("it goes back before its time")
	}
	seen := o.theCase(101).Revision
	o.as("kim", AddNote{101, "I look at it.", nil})
	o.clock = start.Add(time.Hour)
	o.refusedTo(System, EndAssignment{Case: 101, Revision: &seen}, Conflict, "Revision", "added a note")
	o.as(System, EndAssignment{Case: 101})
	const want = "Polytrace took the case from Kim Osei; it has no owner now, in the team Second line (rule assignment-return, version 1) (reason: no answer and no decision of the owner by 3 November 2026 10:00 UTC)"
	if c := o.theCase(101); c.Owner != "" || c.Team != "second" || o.lastLine(101) != want {
		t.Errorf("%q has it, in %q: %s", c.Owner, c.Team, o.lastLine(101))
	}
}

// The time of a team counts while people are at work.
func TestTR5_TheTimeCountsInWorkingHours(t *testing.T) {
	o := inSupport(t)
	o.do(SetCalendar{Name: "bremen", Zone: "UTC", Hours: Hours{Tue: []Shift{{"08:00", "09:30"}}, Wed: []Shift{{"08:00", "12:00"}}}})
	o.do(SetPolicy{Name: "standard", Policy: Policy{Calendar: "bremen", Match: Match{Kinds: []string{Request}, Teams: []string{"support"}}, Targets: []Targets{{First: Target{Minutes: 60}}}}})
	o.as("kim", ClaimCase{Case: 101})
	if c, want := o.theCase(101), start.AddDate(0, 0, 1).Add(-30*time.Minute); !c.Returns.Equal(want) {
		t.Errorf("it goes back at %s, want %s", c.Returns, want)
	}
}

// A case sleeps until its time, until the customer writes, or until somebody wakes it. Nobody loses it in his sleep.
func TestTR5_Snooze(t *testing.T) {
	o := inSupport(t)
	o.as("kim", ClaimCase{Case: 101})
	o.clock = start.Add(10 * time.Minute)
	until := start.AddDate(0, 0, 1)
	o.refusedTo("kim", SnoozeCase{Case: 101, Until: o.clock}, Invalid, "Until", "half a year")
	o.refusedTo("kim", SnoozeCase{Case: 101, Until: start.AddDate(1, 0, 0)}, Invalid, "Until", "half a year")
	o.as("kim", SnoozeCase{Case: 101, Until: until, Reason: "they are away"})
	c := o.theCase(101)
	automatic := wrote(20, Inbound)
	automatic.Automatic = true
	for _, x := range []struct {
		at     time.Time
		mail   []Mail
		sleeps bool
	}{
		{o.clock, nil, true}, {until.Add(-time.Second), nil, true}, {until, nil, false},
		{o.clock, []Mail{wrote(9, Inbound), wrote(20, Outbound), automatic}, true}, {o.clock, []Mail{wrote(20, Inbound)}, false},
	} {
		if c.Snoozed(x.at, x.mail) != x.sleeps {
			t.Errorf("at %s with %v: sleeps is not %v", x.at, x.mail, x.sleeps)
		}
	}
	if m := DecisionMoments(c); m[len(m)-1].Kind != MomentSnoozed || !m[len(m)-1].Until.Equal(until) {
		t.Errorf("clocks hear of %+v", m)
	}
	o.clock = until
	by, ok := c.Woken(until, nil)
	if !ok {
		t.Fatal("its time has not come")
	}
	o.as(System, WakeCase{Case: 101, ByRule: by})
	if c := o.theCase(101); !c.SnoozedUntil.IsZero() || !c.Returns.Equal(until.Add(time.Hour)) ||
		o.lastLine(101) != "Polytrace woke the case: its time has come; it goes back unless it is answered by 4 November 2026 10:00 UTC (rule snooze-until, version 1)" {
		t.Errorf("until %s, back at %s: %s", c.SnoozedUntil, c.Returns, o.lastLine(101))
	}
	o.as("marta", ChangeCase{Case: 101, Status: new(Resolved)})
	o.refusedTo("kim", SnoozeCase{Case: 101, Until: until.AddDate(0, 0, 1)}, Conflict, "Case", "is resolved")
}

// Whoever can work no more has nothing that is open from that moment on: it waits in its team, and the same event says why.
func TestInvariant07_NobodyWhoLeftHasAnythingOpen(t *testing.T) {
	for name, leave := range map[string]Command{
		"disabled":    DisableUser{"kim", "left"},
		"another job": ChangeUser{Name: "kim", Roles: []Role{Observer}, Reason: "left"},
	} {
		t.Run(name, func(t *testing.T) {
			o := inSupport(t)
			o.as("marta", OpenCase{Title: "Ports", Team: "support"}, OpenCase{Title: "Sleeps", Team: "support"}, OpenCase{Title: "Closed", Team: "support"})
			o.as("kim", ClaimCase{Case: 101}, ClaimCase{Case: 102}, ClaimCase{Case: 103}, ClaimCase{Case: 104},
				SnoozeCase{Case: 103, Until: start.AddDate(0, 0, 1)}, ChangeCase{Case: 104, Status: new(Closed)})
			before := len(o.ledger.records)
			o.do(leave)
			if len(o.ledger.records) != before+1 {
				t.Errorf("%d events", len(o.ledger.records)-before)
			}
			for number := 101; number <= 103; number++ {
				c := o.theCase(number)
				if c.Owner != "" || c.Team != "support" || !c.Returns.IsZero() || !strings.Contains(o.lastLine(number), "in the team Support (reason: left)") {
					t.Errorf("C-%d is of %q, in %q: %s", number, c.Owner, c.Team, o.lastLine(number))
				}
			}
			if c := o.theCase(104); c.Owner != "kim" {
				t.Errorf("a closed case is of %q", c.Owner)
			}
			o.as("marta", ChangeCase{Case: 104, Status: new(Open)})
			if c := o.theCase(104); c.Owner != "" || c.Team != "support" {
				t.Errorf("a case that is opened again is of %q, in %q", c.Owner, c.Team)
			}
			o.refusedTo("kim", ClaimCase{Case: 101}, Conflict, "Owner", "cannot own")
		})
	}
}

// Who takes a case over in a review, or gets one back when a change of many is undone, does not lose it for a time that
// was another owner's, or was over before.
func TestTR5_NoCaseGoesBackForATimeThatWasOver(t *testing.T) {
	t.Parallel()
	due := func(o *office) (is bool) {
		o.clock = o.clock.Add(time.Minute)
		o.desk.Read(func(s *State) { c, _ := s.Case(101); is = c.Due(o.clock, nil) })
		return is
	}
	o := inSupport(t)
	o.as("kim", ClaimCase{Case: 101}, ChangeCase{Case: 101, Status: new(WaitingUs)})
	o.clock = o.clock.Add(3 * time.Hour)
	o.as("marta", OpenReview{Case: 101}, DecideReview{Case: 101, ID: 1, Do: ReviewTakeOver, Reason: "it is grave"})
	if c := o.theCase(101); c.Owner != "marta" || !c.Returns.IsZero() || due(o) {
		t.Errorf("the manager loses it: owner %q, returns %s", c.Owner, c.Returns)
	}
	o = inSupport(t)
	o.as("kim", ClaimCase{Case: 101}, ChangeCase{Case: 101, Status: new(WaitingUs)})
	o.clock = o.clock.Add(3 * time.Hour)
	o.as("marta", ChangeCases{Cases: those(101), Action: BulkAction{Owner: new("lee")}, Reason: "leave"}, UndoBulk{ID: 1, Reason: "a mistake"})
	if c := o.theCase(101); c.Owner != "kim" || due(o) {
		t.Errorf("who got it back loses it: owner %q", c.Owner)
	}
}
