package casework

import "slices"

// standing is how a case stood from a line of its log on: what clocks go by, and
// what the words of the log do not give back.
type standing struct {
	entry    int32 // Index in the log.
	severity int32
	status   Status
	account  string
	owner    string
}

// stand keeps how the case stands, unless that is as before. The line of the log
// that made it so is the next one.
func (c *caseFile) stand() {
	now := standing{int32(len(c.Log)), int32(c.Severity), c.Status, c.Account, c.Owner}
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
// order of its log: it was opened, and its status, severity, account or owner
// changed. Those of its messages, and the marks on them, are for others to add.
func DecisionMoments(c Case) (moments []Moment) {
	for i, t := range c.standings {
		e := c.Log[t.entry]
		add := func(k MomentKind, m Moment) {
			m.Kind, m.At, m.Actor = k, e.At, e.Actor
			moments = append(moments, m)
		}
		if i == 0 {
			add(MomentOpened, Moment{Status: t.status, Severity: int(t.severity), Account: t.account})
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
		if t.owner != before.owner {
			add(MomentOwner, Moment{})
		}
	}
	return moments
}
