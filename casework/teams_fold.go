package casework

import "fmt"

// teamFolds are the folds of the events about teams.
var teamFolds = map[EventType]fold{
	TeamSet:     folding((*State).teamSet),
	TeamRemoved: folding((*State).teamRemoved),
}

func (s *State) teamSet(_ decision, data TeamSetData) error {
	want := 1
	if had := s.teams[data.Name]; had != nil {
		want = had.Version + 1
	}
	if data.Name == "" || data.Version != want {
		return fmt.Errorf("version %d of the team %q is out of turn", data.Version, data.Name)
	}
	for _, name := range data.Members {
		if s.users[name] == nil {
			return noUser(name)
		}
	}
	t := data.Team.clone()
	s.teams[t.Name] = &t
	return nil
}

func (s *State) teamRemoved(d decision, data TeamRemovedData) error {
	if s.teams[data.Name] == nil || data.To != "" && s.teams[data.To] == nil {
		return fmt.Errorf("there is no team %q, or none %q", data.Name, data.To)
	}
	why := fmt.Sprintf("the team %s was removed; the case is in the team %s now", s.teamTitle(data.Name), s.teamTitle(data.To))
	for _, n := range data.Cases {
		if c := s.file(n); c != nil && c.Team == data.Name {
			c.Team = data.To
			s.record(c, d, Entry{Text: sentence(why, d.Reason)})
		}
	}
	delete(s.teams, data.Name)
	return nil
}
