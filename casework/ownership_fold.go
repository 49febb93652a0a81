package casework

import "time"

// ownershipFolds are the folds of the events about a case that sleeps.
var ownershipFolds = map[EventType]caseFold{
	CaseSnoozed: onCase((*State).caseSnoozed),
	CaseWoken:   onCase((*State).caseWoken),
}

// own gives a case to an owner, or with "" to nobody. Returns is when it goes back to its team unless the
// owner answers; zero: never.
func (c *caseFile) own(owner string, returns time.Time) { c.Owner, c.Returns = owner, returns }

// snooze lets a case sleep, or with a zero time wakes it.
func (c *caseFile) snooze(until, at time.Time, by string) {
	c.SnoozedUntil, c.SnoozedAt, c.SnoozedBy = until, at, by
}

func (s *State) caseSnoozed(c *caseFile, d decision, data CaseSnoozedData) (Entry, error) {
	c.snooze(data.Until, d.At, s.actor(d.Actor))
	return s.say(d, "", "snoozed the case until %s", data.Until.UTC().Format("2 January 2006 15:04 UTC")), nil
}

func (s *State) caseWoken(c *caseFile, d decision, data CaseWokenData) (Entry, error) {
	c.snooze(time.Time{}, time.Time{}, "")
	if c.Owner != "" {
		c.Returns = data.Returns
	}
	why := map[string]string{snoozeUntil.Rule: ": its time has come", snoozeMail.Rule: ": the customer wrote"}[data.Rule]
	return s.say(d, "", "woke the case%s%s%s", why, until(c.Returns), data.words()), nil
}
