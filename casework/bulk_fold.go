package casework

import (
	"fmt"
	"slices"
)

// bulkFolds are the folds of the events about many cases.
var bulkFolds = map[EventType]fold{
	BulkDone:   folding((*State).bulkDone),
	BulkUndone: folding((*State).bulkUndone),
}

func (s *State) bulkDone(d decision, data BulkDoneData) error {
	if data.ID != s.lastBulk+1 {
		return fmt.Errorf("bulk change %d is out of turn", data.ID)
	}
	if err := s.checkFields(data.Changes); err != nil {
		return err
	}
	others := ""
	if n := len(data.Changes) - 1; n > 0 {
		others = " together with " + count(n, "other case")
	}
	for _, x := range data.Changes {
		s.put(d, x, "", fmt.Sprintf("%s (bulk change %d)", others, data.ID))
	}
	s.lastBulk = data.ID
	s.bulks = slices.DeleteFunc(s.bulks, func(b Bulk) bool { return d.At.Sub(b.At) >= undoFor })
	s.bulks = append(s.bulks, Bulk{ID: data.ID, Position: d.pos, By: s.actor(d.Actor), At: d.At, Reason: d.Reason, Changes: data.Changes})
	return nil
}

func (s *State) bulkUndone(d decision, data BulkUndoneData) error {
	b := s.bulk(data.ID)
	if b == nil || !b.Undone.IsZero() {
		return fmt.Errorf("there is no bulk change %d to undo", data.ID)
	}
	if err := s.checkFields(data.Changes); err != nil {
		return err
	}
	for _, x := range data.Changes {
		s.put(d, x, fmt.Sprintf("undid bulk change %d: ", data.ID), "")
	}
	b.Undone, b.UndoneBy = d.At, s.actor(d.Actor)
	return nil
}

// checkFields finds cases and people who are not there.
func (s *State) checkFields(changes []BulkChange) error {
	for _, x := range changes {
		if s.file(x.Case) == nil {
			return fmt.Errorf("there is no case %d", x.Case)
		}
		if o := x.After.Owner; o != nil && *o != "" && s.users[*o] == nil {
			return noUser(*o)
		}
	}
	return nil
}

// put changes a case, and says so in its log, between two texts.
func (s *State) put(d decision, x BulkChange, before, after string) {
	c, f := s.file(x.Case), x.After
	owner := c.Owner
	did := s.changes(c, CaseChangedData{Status: f.Status, Severity: f.Severity, Team: f.Team, Tags: f.Tags, Muted: f.Muted})
	if f.Owner != nil {
		did = append(did, s.given(d, *f.Owner))
		c.own(s.actor(*f.Owner), c.Returns)
	}
	if f.Snooze != nil {
		did = append(did, slept(*f.Snooze))
		c.snooze(f.Snooze.Until, f.Snooze.At, s.actor(f.Snooze.By))
	}
	assign(&c.Returns, f.Returns)
	assign(&c.Team, f.Team)
	if f.Tags != nil {
		c.Tags = slices.Clone(*f.Tags)
	}
	assign(&c.Severity, f.Severity)
	assign(&c.Status, f.Status)
	assign(&c.Muted, f.Muted)
	s.record(c, d, Entry{Text: sentence(s.who(d.Actor)+" "+before+enumerate(did)+after, d.Reason)})
	s.notice(c, d, owner, CaseOwnedData{Owner: c.Owner})
}

// given words that a case has an owner, or none.
func (s *State) given(d decision, owner string) string {
	switch owner {
	case "":
		return "left it without an owner"
	case d.Actor:
		return "took the case"
	}
	return "gave the case to " + s.who(owner)
}

func slept(to Sleep) string {
	if to.Until.IsZero() {
		return "woke the case"
	}
	return "snoozed the case until " + to.Until.UTC().Format("2 January 2006 15:04 UTC")
}
