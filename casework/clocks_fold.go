package casework

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"polytrace/archive"
)

// The types of event about response clocks. Nothing of a clock itself is kept:
// see Clocks.
const (
	CalendarSet     EventType = "calendar.set"     // what a calendar says, from a time on
	PolicySet       EventType = "policy.set"       // what a policy promises, from a time on
	PolicyRemoved   EventType = "policy.removed"   // it promises nothing, from a time on
	PoliciesOrdered EventType = "policies.ordered" // which policy goes first, from a time on
	MailMarked      EventType = "mail.marked"      // a message needs no answer, or does after all
)

// The data of these events. Versions of a name are dense and start at 1. The
// member from is absent when a version always held.
type (
	// CalendarSetData is the data of CalendarSet.
	CalendarSetData struct {
		Name    string    `json:"name"`
		Version int       `json:"version"`
		From    time.Time `json:"from,omitzero"`
		Calendar
	}
	// PolicySetData is the data of PolicySet. A policy that is new goes last.
	PolicySetData struct {
		Name    string    `json:"name"`
		Version int       `json:"version"`
		From    time.Time `json:"from,omitzero"`
		Policy
	}
	// PolicyRemovedData is the data of PolicyRemoved.
	PolicyRemovedData struct {
		Name    string    `json:"name"`
		Version int       `json:"version"`
		From    time.Time `json:"from,omitzero"`
	}
	// PoliciesOrderedData is the data of PoliciesOrdered: each policy there is, in
	// its new place. All have a next version that says what the one before did.
	PoliciesOrderedData struct {
		Names []string  `json:"names"`
		From  time.Time `json:"from,omitzero"`
	}
	// MailMarkedData is the data of MailMarked.
	MailMarkedData struct {
		Record archive.Address `json:"record"`
		SHA256 archive.Digest  `json:"sha256"`
		Mark   Mark            `json:"mark"`
		Off    bool            `json:"off,omitempty"` // Takes the mark back.
	}
)

// Mark is what people say about a message.
type Mark string

// NoAnswerNeeded says that a message of a customer waits for no reply: "thanks!".
const NoAnswerNeeded Mark = "no-answer-needed"

// Marking is one time that somebody marked a message, or took that back.
type Marking struct {
	Position archive.Position `json:"position"` // Of the event in the ledger.
	Record   archive.Address  `json:"record"`
	SHA256   archive.Digest   `json:"sha256"`
	Mark     Mark             `json:"mark"`
	Off      bool             `json:"off,omitempty"`
	By       string           `json:"by"`
	At       time.Time        `json:"at"`
	Reason   string           `json:"reason,omitempty"`
}

// clockFolds are the folds of the events about response clocks.
var clockFolds = map[EventType]fold{
	CalendarSet:     folding((*State).calendarSet),
	PolicySet:       folding((*State).policySet),
	PolicyRemoved:   folding((*State).policyRemoved),
	PoliciesOrdered: folding((*State).policiesOrdered),
	MailMarked:      folding((*State).mailMarked),
}

func (s *State) calendarSet(d decision, data CalendarSetData) error {
	want := 1
	if last := s.calendar(data.Name); last != nil {
		want = last.Number + 1
	}
	if data.Name == "" || data.Version != want {
		return fmt.Errorf("version %d of the calendar %q is out of turn", data.Version, data.Name)
	}
	c, err := NewCalendar(data.Zone, data.Hours, data.Holidays)
	if err != nil {
		return err
	}
	s.calendars = append(s.calendars, CalendarVersion{Version{data.Name, data.Version}, data.From, c, s.actor(d.Actor), d.At})
	return nil
}

func (s *State) policySet(d decision, data PolicySetData) error {
	before := s.policy(data.Name)
	rank := s.ranks()
	if before != nil && !before.Removed {
		rank = before.Rank
	}
	return s.addPolicy(before, PolicyVersion{Version{data.Name, data.Version}, data.From, rank, false, data.Policy, s.actor(d.Actor), d.At})
}

func (s *State) policyRemoved(d decision, data PolicyRemovedData) error {
	before := s.policy(data.Name)
	if before == nil || before.Removed {
		return fmt.Errorf("there is no policy %q", data.Name)
	}
	next := *before
	next.Version.Number, next.From, next.Removed, next.By, next.Set = data.Version, data.From, true, s.actor(d.Actor), d.At
	return s.addPolicy(before, next)
}

// addPolicy appends the version of a policy that comes after another, if any.
func (s *State) addPolicy(before *PolicyVersion, next PolicyVersion) error {
	want := 1
	if before != nil {
		want = before.Number + 1
	}
	if next.Name == "" || next.Number != want {
		return fmt.Errorf("version %d of the policy %q is out of turn", next.Number, next.Name)
	}
	s.policies = append(s.policies, next)
	return nil
}

func (s *State) policiesOrdered(d decision, data PoliciesOrderedData) error {
	now := s.livePolicies()
	if !sameNames(data.Names, now) {
		return fmt.Errorf("it does not name each policy once: %q", data.Names)
	}
	for rank, name := range data.Names {
		next := *s.policy(name)
		next.Number, next.From, next.Rank, next.By, next.Set = next.Number+1, data.From, rank+1, s.actor(d.Actor), d.At
		s.policies = append(s.policies, next)
	}
	return nil
}

func sameNames(a []string, b []PolicyVersion) bool {
	names := map[string]bool{}
	for _, p := range b {
		names[p.Name] = true
	}
	for _, name := range a {
		if !names[name] {
			return false
		}
		delete(names, name)
	}
	return len(names) == 0
}

func (s *State) mailMarked(d decision, data MailMarkedData) error {
	if data.SHA256.IsZero() || data.Mark != NoAnswerNeeded || s.marked(data.SHA256) != data.Off {
		return fmt.Errorf("it marks nothing, or what is so already: %s", data.Record)
	}
	m := Marking{d.pos, data.Record, data.SHA256, data.Mark, data.Off, s.actor(d.Actor), d.At, d.Reason}
	s.marks[data.SHA256] = append(slices.Clip(s.marks[data.SHA256]), m)
	return nil
}

// marked reports whether a message needs no answer now.
func (s *State) marked(mail archive.Digest) bool {
	all := s.marks[mail]
	return len(all) > 0 && !all[len(all)-1].Off
}

// policy returns the highest version of a policy, removed or not, or nil.
func (s *State) policy(name string) *PolicyVersion {
	for i := range slices.Backward(s.policies) {
		if s.policies[i].Name == name {
			return &s.policies[i]
		}
	}
	return nil
}

// ranks is the first rank behind that of every policy.
func (s *State) ranks() (rank int) {
	for _, p := range s.policies {
		rank = max(rank, p.Rank)
	}
	return rank + 1
}

// calendar returns the highest version of a calendar, or nil.
func (s *State) calendar(name string) *CalendarVersion {
	for i := range slices.Backward(s.calendars) {
		if s.calendars[i].Name == name {
			return &s.calendars[i]
		}
	}
	return nil
}

// livePolicies are the highest versions of policies that are not removed, the
// first in rank first.
func (s *State) livePolicies() []PolicyVersion {
	last := map[string]PolicyVersion{}
	for _, p := range s.policies {
		last[p.Name] = p
	}
	list := []PolicyVersion{}
	for _, name := range slices.Sorted(maps.Keys(last)) {
		if p := last[name]; !p.Removed {
			list = append(list, p)
		}
	}
	slices.SortStableFunc(list, func(a, b PolicyVersion) int { return cmp.Compare(a.Rank, b.Rank) })
	return list
}

// Policies lists the last version of each policy that is not removed, in the
// order in which they are looked through. It may hold from a later time on.
func (s *State) Policies() []PolicyVersion { return clonePolicies(s.livePolicies()) }

// PolicyVersions lists all versions of all policies, in order of decision:
// what Clocks asks for.
func (s *State) PolicyVersions() []PolicyVersion { return clonePolicies(s.policies) }

// Calendars lists the last version of each calendar by name. It may hold from
// a later time on.
func (s *State) Calendars() []CalendarVersion {
	last := map[string]CalendarVersion{}
	for _, c := range s.calendars {
		last[c.Name] = c
	}
	list := []CalendarVersion{}
	for _, name := range slices.Sorted(maps.Keys(last)) {
		list = append(list, last[name].clone())
	}
	return list
}

// CalendarVersions lists all versions of all calendars, in order of decision:
// what Clocks asks for.
func (s *State) CalendarVersions() []CalendarVersion {
	list := copied(s.calendars)
	for i := range list {
		list[i] = list[i].clone()
	}
	return list
}

// Markings lists what people said about a message, by the SHA-256 of its
// bytes, oldest first.
func (s *State) Markings(mail archive.Digest) []Marking { return copied(s.marks[mail]) }

// Moment is the marking as Clocks takes it.
func (m Marking) Moment() Moment {
	kind := MomentMarked
	if m.Off {
		kind = MomentUnmarked
	}
	return Moment{At: m.At, Kind: kind, Mail: m.SHA256, Record: m.Record, Actor: m.By}
}

func (v CalendarVersion) clone() CalendarVersion {
	v.Calendar = v.Calendar.clone()
	return v
}

func clonePolicies(policies []PolicyVersion) []PolicyVersion {
	list := copied(policies)
	for i := range list {
		list[i].Policy = list[i].Policy.clone()
	}
	return list
}

func (p Policy) clone() Policy {
	p.Targets, p.PauseOn = copied(p.Targets), slices.Clone(p.PauseOn)
	p.Match = Match{slices.Clone(p.Match.Severities), slices.Clone(p.Match.Accounts), slices.Clone(p.Match.Teams), slices.Clone(p.Match.Kinds)}
	return p
}
