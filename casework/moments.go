package casework

import (
	"slices"
	"time"
)

// standing is how a case stood from a line of its log on: what clocks go by, and
// what the words of the log do not give back.
type standing struct {
	entry    int32 // Index in the log.
	severity int32
	status   Status
	account  string
	owner    string
	into     int
	team     string
	snoozed  time.Time // Until then.
}

// stand keeps how the case stands, unless that is as before. The line of the log
// that made it so is the next one.
func (c *caseFile) stand() {
	now := standing{int32(len(c.Log)), int32(c.Severity), c.Status, c.Account, c.Owner, c.Into, c.Team, c.SnoozedUntil}
	if n := len(c.standings); n > 0 {
		last := c.standings[n-1]
		if last.entry = now.entry; last == now {
			return
		}
	}
	if i := slices.Index(Statuses(), now.status); i >= 0 {
		now.status = Statuses()[i] // All have the memory of one.
	}
	c.standings = append(c.standings, now)
}

// DecisionMoments are the moments that the decisions about a case make, in the
// order of its log: it was opened, its status, severity, account, team or owner
// changed, it was snoozed, or it became part of another case. See MailMoments for the rest.
func DecisionMoments(c Case) (moments []Moment) {
	for i, t := range c.standings {
		e := c.Log[t.entry]
		add := func(k MomentKind, m Moment) {
			m.Kind, m.At, m.Actor = k, e.At, e.Actor
			moments = append(moments, m)
		}
		if i == 0 {
			add(MomentOpened, Moment{Status: t.status, Severity: int(t.severity), Account: t.account, Team: t.team, Sort: c.Kind})
			continue
		}
		before := c.standings[i-1]
		if t.status != before.status {
			add(MomentStatus, Moment{Status: t.status})
		}
		if t.severity != before.severity {
			add(MomentSeverity, Moment{Severity: int(t.severity)})
		}
		if t.account != before.account {
			add(MomentAccount, Moment{Account: t.account})
		}
		if t.team != before.team {
			add(MomentTeam, Moment{Team: t.team})
		}
		if !t.snoozed.Equal(before.snoozed) {
			add(MomentSnoozed, Moment{Until: t.snoozed})
		}
		if t.owner != before.owner {
			add(MomentOwner, Moment{})
		}
		switch {
		case t.into == before.into:
		case t.into != 0:
			add(MomentMergedInto, Moment{Other: t.into})
		default:
			add(MomentSplit, Moment{Other: before.into})
		}
	}
	return moments
}

// MailMoments are the moments of the messages of a case. Marks on them are for
// others to add: see State.Markings.
func MailMoments(mail []Mail) []Moment {
	moments := make([]Moment, len(mail))
	for i, m := range mail {
		moments[i] = Moment{At: m.Sent, Received: m.Received, Kind: m.moment(), Mail: m.SHA256, Record: m.Record}
		if m.Forged {
			moments[i].At = m.Received
		}
	}
	return moments
}

// moment is what a message does to clocks.
func (m *Mail) moment() MomentKind {
	switch {
	case m.Automatic:
		return MomentAutomatic
	case m.Direction == Inbound:
		return MomentCustomer
	case m.Direction == Outbound:
		return MomentAnswer
	}
	return MomentInternal
}
