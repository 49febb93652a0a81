package casework

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// What the decisions about a case changed, and when, is known after its fold.
func TestDecisionsAboutACaseAreMoments(t *testing.T) {
	o := staffed(t)
	step := func(c Command) { o.as("marta", c); o.clock = o.clock.Add(time.Minute) }
	step(OpenCase{Title: "Pumps", Account: "Acme", Severity: 3, Owner: "kim"})
	step(AddNote{Case: 101, Text: "They called."})
	step(ChangeCase{Case: 101, Title: ptr("Pumps stand still")})
	step(ChangeCase{Case: 101, Status: ptr(WaitingCustomer), Severity: ptr(1)})
	step(ChangeCase{Case: 101, Account: ptr("Contoso")})
	step(ChangeCase{Case: 101, Status: ptr(Closed)})
	step(DisableUser{Name: "kim"})
	step(ChangeCase{Case: 101, Status: ptr(Open)})
	step(AssignCase{Case: 101, Owner: "marta"})
	step(OpenCase{Title: "Pumps again"})
	step(MergeCase{Case: 101, Into: 102})
	step(UnmergeCase{Case: 101})
	at := func(n int, m Moment) Moment {
		m.At, m.Actor = start.Add(time.Duration(n)*time.Minute), "marta"
		return m
	}
	want := []Moment{
		at(0, Moment{Kind: MomentOpened, Status: New, Severity: 3, Account: "Acme"}),
		at(3, Moment{Kind: MomentStatus, Status: WaitingCustomer}), at(3, Moment{Kind: MomentSeverity, Severity: 1}),
		at(4, Moment{Kind: MomentAccount, Account: "Contoso"}), at(5, Moment{Kind: MomentStatus, Status: Closed}),
		at(7, Moment{Kind: MomentStatus, Status: Open}), at(7, Moment{Kind: MomentOwner}), at(8, Moment{Kind: MomentOwner}),
		at(10, Moment{Kind: MomentMergedInto, Other: 102}), at(11, Moment{Kind: MomentSplit, Other: 102}),
	}
	if d := cmp.Diff(want, DecisionMoments(o.theCase(101))); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff(want, DecisionMoments(o.reopen().state.cases[0].clone())); d != "" {
		t.Errorf("after a restart (-want +got):\n%s", d)
	}
	if m := DecisionMoments(o.desk.state.Overview()[0]); m != nil {
		t.Errorf("an overview has moments: %v", m)
	}
}

// Whose a message is decides what it does to clocks, and a date that lies is
// not believed.
func TestMailOfACaseIsMoments(t *testing.T) {
	early, late := start, start.Add(time.Hour)
	for _, c := range []struct {
		mail Mail
		kind MomentKind
		at   time.Time
	}{
		{Mail{Direction: Inbound, Sent: early, Received: late}, MomentCustomer, early},
		{Mail{Direction: Outbound, Sent: early, Received: late}, MomentAnswer, early},
		{Mail{Direction: Internal, Sent: early, Received: late}, MomentInternal, early},
		{Mail{Direction: Inbound, Automatic: true, Sent: early, Received: late}, MomentAutomatic, early},
		{Mail{Direction: Outbound, Automatic: true, Sent: early, Received: late}, MomentAutomatic, early},
		{Mail{Direction: Inbound, Forged: true, Sent: early, Received: late}, MomentCustomer, late},
		{Mail{Direction: Inbound, Sent: late, Received: early}, MomentCustomer, early},
	} {
		c.mail.Record, c.mail.SHA256 = mailNo(1).Record, mailNo(1).SHA256
		all := MailMoments([]Mail{c.mail})
		if m := all[0]; len(all) != 1 || m.Kind != c.kind || !m.time().Equal(c.at) || m.Record != c.mail.Record || m.Mail != c.mail.SHA256 {
			t.Errorf("%+v is %+v, want %s at %s", c.mail, all, c.kind, c.at)
		}
	}
}

// checkMoments checks what holds after any events: the moments of a case lead to
// how it stands.
func checkMoments(t *rapid.T, c Case) {
	var status Status
	var severity int
	var account, team string
	var snoozed time.Time
	for i, m := range DecisionMoments(c) {
		if (m.Kind == MomentOpened) != (i == 0) {
			t.Fatalf("C-%d: moment %d is %+v", c.Number, i, m)
		}
		switch m.Kind {
		case MomentOpened:
			status, severity, account, team = m.Status, m.Severity, m.Account, m.Team
		case MomentStatus:
			status = m.Status
		case MomentSeverity:
			severity = m.Severity
		case MomentAccount:
			account = m.Account
		case MomentTeam:
			team = m.Team
		case MomentSnoozed:
			snoozed = m.Until
		}
	}
	if team != c.Team || !snoozed.Equal(c.SnoozedUntil) {
		t.Fatalf("C-%d is in the team %q and snoozed until %s; its moments end with %q and %s", c.Number, c.Team, c.SnoozedUntil, team, snoozed)
	}
	if last := c.standings[len(c.standings)-1]; status != c.Status || severity != c.Severity || account != c.Account || last.owner != c.Owner || last.into != c.Into {
		t.Fatalf("C-%d is %s, S%d, of %q and %q's; its moments end with %s, S%d, %q and %q", c.Number, c.Status, c.Severity, c.Account, c.Owner, status, severity, account, last.owner)
	}
}
