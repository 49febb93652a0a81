package casework

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Team is where cases wait for an owner, and who takes them.
type Team struct {
	Name          string   `json:"name"`
	Title         string   `json:"title"`                    // As people know it.
	Members       []string `json:"members"`                  // User names, sorted. Without any, all who work on cases take them.
	ReturnMinutes int      `json:"return_minutes,omitempty"` // After which a case goes back whose owner has not answered; 0: never.
	ReturnTo      string   `json:"return_to,omitempty"`      // The team that it goes back to; "" the same.
	Version       int      `json:"version"`                  // How often it was set.
}

// The types of event about teams.
const (
	TeamSet     EventType = "team.set"     // all that a team says
	TeamRemoved EventType = "team.removed" // and where its cases wait from then on
)

// The data of these events.
type (
	// TeamSetData is the data of TeamSet. Versions of a name are dense and start at 1.
	TeamSetData struct{ Team }
	// TeamRemovedData is the data of TeamRemoved.
	TeamRemovedData struct {
		Name  string `json:"name"`
		To    string `json:"to,omitempty"`    // Team that Cases are in from then on.
		Cases []int  `json:"cases,omitempty"` // That were in it and are not closed.
	}
)

// Commands about teams.
type (
	// SetTeam says all that a team says. Version is that of the team that was changed: 0 makes a new one.
	SetTeam struct {
		Team
		Reason string

		actor string // Set by the Desk.
	}
	// RemoveTeam ends a team. Its cases that are not closed go to another one; without To it is refused while
	// there are some.
	RemoveTeam struct {
		Name, To, Reason string

		actor string // Set by the Desk.
	}
)

func (c SetTeam) by(actor string) Command    { c.actor = actor; return c }
func (c RemoveTeam) by(actor string) Command { c.actor = actor; return c }

// Limits of teams and tags.
const (
	maxMembers = 200
	maxReturn  = 30 * 24 * 60 // minutes
	maxTags    = 20           // of a case
	maxTag     = 40           // code points
)

// Teams lists the teams by name.
func (s *State) Teams() []Team {
	list := make([]Team, 0, len(s.teams))
	for _, name := range slices.Sorted(maps.Keys(s.teams)) {
		list = append(list, s.teams[name].clone())
	}
	return list
}

// Team returns a team by its name.
func (s *State) Team(name string) (Team, bool) {
	t := s.teams[name]
	if t == nil {
		return Team{}, false
	}
	return t.clone(), true
}

func (t Team) clone() Team {
	t.Members = copied(t.Members)
	return t
}

// takes reports whether somebody may take the cases of a team.
func (t *Team) takes(name string) bool {
	return t == nil || len(t.Members) == 0 || slices.Contains(t.Members, name)
}

// teamTitle is a team as it stands in a sentence.
func (s *State) teamTitle(name string) string {
	if t := s.teams[name]; t != nil {
		return t.Title
	}
	return name
}

// Check refuses members who are nobody, and a change of what somebody else has changed since.
func (c SetTeam) Check(s *State, _ time.Time) ([]Event, error) {
	if err := s.checkLeading(c.actor, "sets teams up"); err != nil {
		return nil, err
	}
	if err := checkName("Name", "team", c.Name); err != nil {
		return nil, err
	}
	had := cmp.Or(s.teams[c.Name], &Team{})
	next := c.Team
	next.Title, next.Members = or(strings.TrimSpace(next.Title), next.Name), copied(next.Members)
	slices.Sort(next.Members)
	if next.ReturnTo == next.Name {
		next.ReturnTo = ""
	}
	for _, err := range []error{checkTeamVersion(had, next), checkLine("Title", "title", next.Title, maxTitle), s.checkMembers(had, next.Members), s.checkReturn(next), checkReason(c.Reason)} {
		if err != nil {
			return nil, err
		}
	}
	if had.Version > 0 && reflect.DeepEqual(next, had.clone()) {
		return nil, nil
	}
	next.Version++
	return newEvent(TeamSet, 0, c.Reason, TeamSetData{next})
}

func (s *State) checkLeading(actor, what string) error {
	if !s.leads(actor) {
		return refuse(Forbidden, "", "Only a manager or an administrator %s.", what)
	}
	return nil
}

func checkTeamVersion(had *Team, next Team) error {
	switch {
	case next.Version == had.Version:
		return nil
	case next.Version == 0:
		return refuse(Conflict, "Name", "There is a team %q already.", next.Name)
	case had.Version == 0:
		return refuse(NotFound, "Name", "There is no team %q.", next.Name)
	}
	return refuse(Conflict, "Version", "Somebody else changed the team %q since. Look at it again and repeat your change if it is still right.", next.Name)
}

func (s *State) checkMembers(had *Team, members []string) error {
	if len(members) > maxMembers {
		return refuse(Invalid, "Members", "A team has at most %d members.", maxMembers)
	}
	for i, name := range members {
		switch u := s.users[name]; {
		case u == nil:
			return refuse(Invalid, "Members", "There is no user %q.", name)
		case i > 0 && members[i-1] == name:
			return refuse(Invalid, "Members", "%s is named twice.", s.who(name))
		case !u.may(Role.Works) && !slices.Contains(had.Members, name):
			return refuse(Conflict, "Members", "%s cannot work on cases: a member needs an account that is enabled and the role agent, specialist or manager.", s.who(name))
		}
	}
	return nil
}

func (s *State) checkReturn(t Team) error {
	switch {
	case t.ReturnMinutes < 0 || t.ReturnMinutes > maxReturn:
		return refuse(Invalid, "ReturnMinutes", "Cases go back after 1 to %d minutes of work, or with 0 never.", maxReturn)
	case t.ReturnTo != "" && s.teams[t.ReturnTo] == nil:
		return refuse(Invalid, "ReturnTo", "There is no team %q that cases could go back to.", t.ReturnTo)
	}
	return nil
}

// Check refuses to leave open cases in a team that is none.
func (c RemoveTeam) Check(s *State, _ time.Time) ([]Event, error) {
	if err := s.checkLeading(c.actor, "removes teams"); err != nil {
		return nil, err
	}
	if s.teams[c.Name] == nil {
		return nil, refuse(NotFound, "Name", "There is no team %q.", c.Name)
	}
	for _, err := range []error{s.checkTeam("To", c.To), checkReason(c.Reason)} {
		if err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.teams)) {
		if t := s.teams[name]; t.ReturnTo == c.Name {
			return nil, refuse(Conflict, "Name", "Cases of the team “%s” go back to “%s”. Change that first.", t.Title, s.teamTitle(c.Name))
		}
	}
	data := TeamRemovedData{Name: c.Name, Cases: s.inTeam(c.Name)}
	switch {
	case c.To == c.Name:
		return nil, refuse(Invalid, "To", "The cases have to go to another team.")
	case len(data.Cases) > 0 && c.To == "":
		return nil, refuse(Conflict, "To", "The team “%s” has %s: %s. Say which team they go to.", s.teamTitle(c.Name), count(len(data.Cases), "open case"), labels(data.Cases))
	case len(data.Cases) > 0:
		data.To = c.To
	}
	return newEvent(TeamRemoved, 0, c.Reason, data)
}

// inTeam lists the cases of a team that are not closed.
func (s *State) inTeam(name string) (numbers []int) {
	for _, c := range s.cases {
		if c.Team == name && c.Status != Closed {
			numbers = append(numbers, c.Number)
		}
	}
	return numbers
}

// labels names cases, the first ones.
func labels(numbers []int) string {
	const most = 20
	var list []string
	for _, n := range numbers[:min(len(numbers), most)] {
		list = append(list, "C-"+itoa(n))
	}
	if more := len(numbers) - most; more > 0 {
		list = append(list, itoa(more)+" more")
	}
	return enumerate(list)
}

// checkTeam refuses a team that does not exist. None is fine.
func (s *State) checkTeam(field, name string) error {
	if name != "" && s.teams[name] == nil {
		return refuse(Invalid, field, "There is no team %q.", name)
	}
	return nil
}

// checkMove is checkTeam of a team that may be absent.
func (s *State) checkMove(team *string) error {
	if team == nil {
		return nil
	}
	return s.checkTeam("Team", *team)
}

// owned is a change of owner; team is where the case goes with it, nil where it stays.
func (s *State) owned(c *caseFile, owner string, team *string, by ByRule, now time.Time) CaseOwnedData {
	data := CaseOwnedData{Owner: owner, Team: team, ByRule: by}
	if owner == c.Owner {
		data.Returns = c.Returns
		return data
	}
	data.Handoffs = c.handing()
	if owner != "" {
		f := c.facts()
		assign(&f.team, team)
		data.Returns = s.returns(f, now)
	}
	return data
}

// facts are what policies go by.
func (c *Case) facts() facts { return facts{c.Severity, c.Account, c.Team, c.Kind} }

// returns is when a case that somebody owns from now on goes back to its team: in the working hours of the
// policy that is for it, where there is one. Zero: never.
func (s *State) returns(f facts, now time.Time) time.Time {
	t := s.teams[f.team]
	if t == nil || t.ReturnMinutes == 0 {
		return time.Time{}
	}
	wait := time.Duration(t.ReturnMinutes) * time.Minute
	if p := policyAt(s.policies, f, now); p != nil {
		for _, c := range slices.Backward(s.calendars) {
			if c.Name == p.Calendar && !now.Before(c.From) {
				return c.Add(now, wait)
			}
		}
	}
	return now.Add(wait).UTC()
}

// The kinds of case. One that people opened has none.
const Request = "request" // It came from intake.

func checkCaseKind(kind string) error {
	if kind != "" && kind != Request {
		return refuse(Invalid, "Kind", "%q is not a kind of case.", kind)
	}
	return nil
}

// tagsOf brings tags into the form in which they are kept: lower case, sorted, each once.
func tagsOf(tags []string) ([]string, error) {
	list := []string{}
	for _, tag := range tags {
		tag = strings.ToLower(strings.Join(strings.Fields(tag), " "))
		if tag == "" {
			continue
		}
		if err := checkLine("Tags", "tag", tag, maxTag); err != nil {
			return nil, err
		}
		if strings.ContainsFunc(tag, func(r rune) bool { return r == ',' || unicode.IsControl(r) }) {
			return nil, refuse(Invalid, "Tags", "The tag %q has a comma in it. Make two tags of it.", tag)
		}
		list = append(list, tag)
	}
	slices.Sort(list)
	if list = slices.Compact(list); len(list) > maxTags {
		return nil, refuse(Invalid, "Tags", "A case has at most %d tags.", maxTags)
	}
	return list, nil
}
