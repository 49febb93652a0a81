package casework

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"polytrace/archive"
)

// The types of event about rules and intake.
const (
	RulesSet   EventType = "rules.set"   // all rules
	IntakeSet  EventType = "intake.set"  // of which queues new mail becomes cases
	MailRouted EventType = "mail.routed" // a message came to a case that was there
)

// The data of these events. Of a message for which a case was opened CaseOpenedData says the same.
type (
	// RulesSetData is the data of RulesSet.
	RulesSetData struct{ RuleSet }
	// IntakeSetData is the data of IntakeSet: all of it.
	IntakeSetData struct {
		Queues []IntakeQueue `json:"queues"`
	}
	// IntakeQueue is a queue of which new mail becomes cases.
	IntakeQueue struct {
		Name string    `json:"name"`
		From Positions `json:"from,omitempty"` // What came before these is left alone.
	}
	// MailRoutedData is the data of MailRouted. Absent is unchanged.
	MailRoutedData struct {
		Routing
		Linked   bool         `json:"linked,omitempty"` // Its conversation is of the case from now on.
		Team     *string      `json:"team,omitempty"`
		Owner    *string      `json:"owner,omitempty"`
		Returns  time.Time    `json:"returns,omitzero"`   // With Owner: when it goes back to the team unless the owner has answered.
		Handoffs []int        `json:"handoffs,omitempty"` // Of the case, that end with that.
		Severity *int         `json:"severity,omitempty"`
		Tags     *[]string    `json:"tags,omitempty"`
		Muted    *bool        `json:"muted,omitempty"`
		Status   *Status      `json:"status,omitempty"` // It was done, and is open again.
		Effects  *RuleEffects `json:"effects,omitempty"`
	}
	// RuleEffects is what rules did beside that. Notes and dates rest on the message, which the case cites for them.
	RuleEffects struct {
		Muted    bool             `json:"muted,omitempty"`  // Of a new case.
		Notify   []string         `json:"notify,omitempty"` // Users, and "team:NAME", who are to be told.
		Citation *CitationData    `json:"citation,omitempty"`
		Notes    []NoteAddedData  `json:"notes,omitempty"`
		Dates    []KeyDateSetData `json:"dates,omitempty"`
	}
)

// RuleVersion is what the rules were from a time on.
type RuleVersion struct {
	RuleSet
	By       string           `json:"by"`
	At       time.Time        `json:"at"`
	Reason   string           `json:"reason,omitempty"`
	Position archive.Position `json:"position"` // Of the event.
}

// Rules are those that hold.
func (s *State) Rules() RuleSet {
	if n := len(s.ruleSets); n > 0 {
		return s.ruleSets[n-1].RuleSet.clone()
	}
	return RuleSet{Rules: []Rule{}}
}

// RuleVersions lists all versions of the rules, the first one in front.
func (s *State) RuleVersions() []RuleVersion {
	list := copied(s.ruleSets)
	for i := range list {
		list[i].RuleSet = list[i].RuleSet.clone()
	}
	return list
}

// RulesOf returns a version of the rules; false when there is none of that number.
func (s *State) RulesOf(version int) (RuleSet, bool) {
	set, ok := s.rulesAt(version)
	return set.clone(), ok
}

// rulesAt is RulesOf for who changes nothing of them.
func (s *State) rulesAt(version int) (RuleSet, bool) {
	if version < 1 || version > len(s.ruleSets) {
		return RuleSet{}, false
	}
	return s.ruleSets[version-1].RuleSet, true
}

// SetRules says all rules anew. Version is that of the rules that were changed.
type SetRules struct {
	Rules  RuleSet
	Reason string

	actor string // Set by the Desk.
}

func (c SetRules) by(actor string) Command { c.actor = actor; return c }

// Check refuses rules that cannot be read, or that name who or what is not there; it names the rule.
func (c SetRules) Check(s *State, _ time.Time) ([]Event, error) {
	if err := s.checkLeading(c.actor, "changes rules"); err != nil {
		return nil, err
	}
	set, version := c.Rules.clone(), len(s.ruleSets)
	if set.Version != version {
		return nil, refuse(Conflict, "Version", "Somebody else has changed the rules meanwhile: they are version %d now. Look at them, then change them again.", version)
	}
	if err := s.CheckRules(set); err != nil {
		return nil, err
	}
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	set.tidy()
	set.Version++
	return newEvent(RulesSet, 0, c.Reason, RulesSetData{set})
}

// CheckRules refuses rules that cannot be read, or that name who or what is not there.
func (s *State) CheckRules(set RuleSet) error {
	if err := checkRules(set); err != nil {
		return err
	}
	for i, r := range set.Rules {
		if err := s.checkNames(r); err != nil {
			return inRule(i, r, err)
		}
	}
	return nil
}

// tidy brings what people wrote into the form in which it is kept.
func (set *RuleSet) tidy() {
	if set.Rules == nil {
		set.Rules = []Rule{}
	}
	for i := range set.Rules {
		r := &set.Rules[i]
		r.Name = strings.TrimSpace(r.Name)
		r.Actions.Tags, _ = tagsOf(r.Actions.Tags)
		if r.Conditions == nil {
			r.Conditions = []Condition{}
		}
	}
}

// checkNames refuses a rule that names who or what is not there.
func (s *State) checkNames(r Rule) error {
	for i, c := range r.Conditions {
		for _, v := range c.Values {
			known, what := true, ""
			switch c.Field {
			case FieldAccount:
				known, what = v == NoAccount || s.accounts[v] != nil, "account"
			case FieldHours:
				known, what = s.calendar(v) != nil, "calendar"
			case FieldQueue:
				known, what = slices.ContainsFunc(s.queues, func(q Queue) bool { return q.Name == v }), "queue"
			}
			if !known {
				return refuse(Invalid, fmt.Sprintf("Conditions[%d]", i), "Condition %d: there is no %s %q.", i+1, what, v)
			}
		}
	}
	a := r.Actions
	for _, err := range []error{s.checkTeam("Team", a.Team), s.checkOwner(a.Owner)} {
		if err != nil {
			return err
		}
	}
	if a.Case != 0 && s.file(a.Case) == nil {
		return refuse(Invalid, "Case", "There is no case C-%d.", a.Case)
	}
	if a.Due != nil && a.Due.Calendar != "" && s.calendar(a.Due.Calendar) == nil {
		return refuse(Invalid, "Due", "There is no calendar %q.", a.Due.Calendar)
	}
	for _, who := range a.Notify {
		team, isTeam := strings.CutPrefix(who, teamPrefix)
		if isTeam && s.teams[team] == nil || !isTeam && !s.users[who].may(Role.Reads) {
			return refuse(Invalid, "Notify", "%q cannot be told: name a user who reads mail, or a team, like team:support.", who)
		}
	}
	return nil
}

// teamPrefix stands before the name of a team where people, or slices of the work, are named too.
const teamPrefix = "team:"

// Intake says of which queues new mail becomes cases.
type Intake struct {
	Queues []IntakeQueue `json:"queues"` // By name.
	By     string        `json:"by,omitempty"`
	Since  time.Time     `json:"since,omitzero"` // When that was said.
}

// Takes reports whether new mail that comes through a queue to a place becomes a case.
func (x Intake) Takes(queue string, at archive.Address) bool {
	return slices.ContainsFunc(x.Queues, func(q IntakeQueue) bool { return q.Name == queue && at.Position >= q.From[at.Stream] })
}

// Intake says of which queues new mail becomes cases; of none while nobody has said anything.
func (s *State) Intake() Intake {
	x := s.intake
	x.Queues = copied(x.Queues)
	for i := range x.Queues {
		x.Queues[i].From = maps.Clone(x.Queues[i].From)
	}
	return x
}

// SetIntake says of which queues new mail becomes cases, all of them; of none to switch it off.
type SetIntake struct {
	Queues []string
	From   Positions // Where a queue that is new here begins: as a rule where the streams end.
	Reason string

	actor string // Set by the Desk.
}

func (c SetIntake) by(actor string) Command { c.actor = actor; return c }

// Check refuses queues that there are not, and does nothing when nothing changes.
func (c SetIntake) Check(s *State, _ time.Time) ([]Event, error) {
	if err := s.checkLeading(c.actor, "says what becomes of new mail"); err != nil {
		return nil, err
	}
	data := IntakeSetData{Queues: []IntakeQueue{}}
	same := true
	for _, name := range slices.Compact(slices.Sorted(slices.Values(c.Queues))) {
		if s.queue(name) == nil {
			return nil, refuse(Invalid, "Queues", "There is no queue %q.", name)
		}
		i := slices.IndexFunc(s.intake.Queues, func(q IntakeQueue) bool { return q.Name == name })
		if i >= 0 {
			data.Queues = append(data.Queues, s.intake.Queues[i])
			continue
		}
		same, data.Queues = false, append(data.Queues, IntakeQueue{name, c.From})
	}
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	if same && len(data.Queues) == len(s.intake.Queues) {
		return nil, nil
	}
	return newEvent(IntakeSet, 0, c.Reason, data)
}

// ruleFolds are the folds of events about rules and intake.
var ruleFolds = map[EventType]fold{RulesSet: folding((*State).rulesSet), IntakeSet: folding((*State).intakeSet)}

func (s *State) rulesSet(d decision, data RulesSetData) error {
	if data.Version != len(s.ruleSets)+1 {
		return fmt.Errorf("version %d of the rules is out of turn", data.Version)
	}
	s.ruleSets = append(s.ruleSets, RuleVersion{data.RuleSet, s.actor(d.Actor), d.At, d.Reason, d.pos})
	return nil
}

func (s *State) intakeSet(d decision, data IntakeSetData) error {
	s.intake = Intake{data.Queues, s.actor(d.Actor), d.At}
	return nil
}
