package casework

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Commands about response clocks. From is since when a decision holds, also
// when that has passed: then what was promised since is judged anew. Without it
// the decision holds from the time of the command. Seen is the version that
// somebody changes: the command is refused when there is a newer one; 0 asks for none.
type (
	// SetCalendar says what a calendar says. The first version of a calendar
	// without From always held.
	SetCalendar struct {
		Name     string
		Zone     string
		Hours    Hours
		Holidays []Holiday
		From     time.Time
		Seen     int
		Reason   string
	}
	// SetPolicy says what a policy promises, to whom. A new one goes last.
	SetPolicy struct {
		Name string
		Policy
		From   time.Time
		Seen   int
		Reason string
	}
	// RemovePolicy ends a policy.
	RemovePolicy struct {
		Name   string
		From   time.Time
		Reason string
	}
	// OrderPolicies says in which order policies are looked through.
	OrderPolicies struct {
		Names  []string // Of all there are.
		From   time.Time
		Reason string
	}
	// MarkMail says that a message needs no answer, or takes that back. The caller
	// has verified that the record has that SHA-256.
	MarkMail struct {
		Message Named
		Mark    Mark // NoAnswerNeeded.
		Off     bool
		Reason  string
	}
)

// Limits of policies.
const (
	maxPolicies = 100
	maxMatches  = 200        // Of one list of a Match.
	maxMinutes  = 366 * 1440 // Of a target.
	maxVersions = 10_000     // Of all policies, and of all calendars.
)

// Check refuses calendars that cannot be, or would never be open.
func (c SetCalendar) Check(s *State, now time.Time) ([]Event, error) {
	for _, err := range []error{checkName("Name", "calendar", c.Name), checkFrom(c.From), checkReason(c.Reason)} {
		if err != nil {
			return nil, err
		}
	}
	calendar, err := NewCalendar(c.Zone, c.Hours, c.Holidays)
	if err != nil {
		return nil, err
	}
	if len(s.calendars) >= maxVersions {
		return nil, refuse(Conflict, "Name", "Calendars were changed %d times; more are not kept.", maxVersions)
	}
	n := 0
	if last := s.calendar(c.Name); last != nil {
		if err := s.checkSeen("calendar", c.Seen, last.Version, last.By); err != nil {
			return nil, err
		}
		if same(last.Calendar, calendar) && c.From.IsZero() && !last.From.After(now) {
			return nil, nil
		}
		n = last.Number
	}
	return newEvent(CalendarSet, 0, c.Reason, CalendarSetData{c.Name, n + 1, since(c.From, now, n == 0), calendar})
}

// checkSeen refuses a change that was made from an older version.
func (s *State) checkSeen(what string, seen int, last Version, by string) error {
	if seen == 0 || seen == last.Number {
		return nil
	}
	return refuse(Conflict, "Seen", "%s changed the %s %s after you opened it: there is version %d now. Look at it, then decide again.", s.who(by), what, last.Name, last.Number)
}

// since is from when on a decision holds.
func since(from, now time.Time, always bool) time.Time {
	if from.IsZero() && !always {
		return now.UTC()
	}
	return from.UTC()
}

// checkFrom refuses times that cannot be written, and slips.
func checkFrom(from time.Time) error {
	if !from.IsZero() && (from.Year() < 1970 || from.Year() >= 2200) {
		return refuse(Invalid, "From", "Nothing holds from the year %d on.", from.Year())
	}
	return nil
}

// same reports whether two things are written alike.
func same(a, b any) bool {
	x, err := json.Marshal(a)
	y, also := json.Marshal(b)
	return err == nil && also == nil && bytes.Equal(x, y)
}

// Check refuses promises that cannot be kept or counted.
func (c SetPolicy) Check(s *State, now time.Time) ([]Event, error) {
	c.Policy = c.Policy.clone()
	for i, name := range c.Match.Accounts {
		c.Match.Accounts[i] = s.accountText(strings.TrimSpace(name)) // As cases say it.
	}
	for _, err := range []error{checkName("Name", "policy", c.Name), checkFrom(c.From), checkReason(c.Reason), c.Match.check(), s.checkTargets(c.Policy), checkPauses(c.PauseOn)} {
		if err != nil {
			return nil, err
		}
	}
	if c.Warn < 0 || c.Warn > 100 {
		return nil, refuse(Invalid, "Warn", "People are told at 1 to 100 percent of a target, not at %d. 0 is %d.", c.Warn, defaultWarn)
	}
	before, version := s.policy(c.Name), 1
	if before != nil {
		if err := s.checkSeen("policy", c.Seen, before.Version, before.By); err != nil {
			return nil, err
		}
		version = before.Number + 1
	}
	if before == nil || before.Removed {
		if len(s.livePolicies()) >= maxPolicies {
			return nil, refuse(Conflict, "Name", "There are %d policies already. Remove one first.", maxPolicies)
		}
	} else if same(before.Policy, c.Policy) && c.From.IsZero() && !before.From.After(now) {
		return nil, nil
	}
	if err := s.checkPolicyVersions(1); err != nil {
		return nil, err
	}
	return newEvent(PolicySet, 0, c.Reason, PolicySetData{c.Name, version, since(c.From, now, false), c.Policy})
}

func (s *State) checkPolicyVersions(more int) error {
	if len(s.policies)+more > maxVersions {
		return refuse(Conflict, "Name", "Policies were changed %d times; more are not kept.", len(s.policies))
	}
	return nil
}

// check refuses lists that match nothing that can be.
func (m Match) check() error {
	for i, severity := range m.Severities {
		if err := checkSeverity(severity); err != nil {
			return refuse(Invalid, "Severities", "%s", err.Error())
		}
		if slices.Contains(m.Severities[:i], severity) {
			return refuse(Invalid, "Severities", "Severity %d is named twice.", severity)
		}
	}
	for _, list := range []struct {
		field, what string
		items       []string
	}{{"Accounts", "account", m.Accounts}, {"Teams", "team", m.Teams}, {"Kinds", "kind", m.Kinds}} {
		if len(list.items) > maxMatches {
			return refuse(Invalid, list.field, "There are %d; at most %d fit.", len(list.items), maxMatches)
		}
		for _, item := range list.items {
			if strings.TrimSpace(item) == "" {
				return refuse(Invalid, list.field, "One name of a %s is empty.", list.what)
			}
			if err := checkLine(list.field, "name of a "+list.what, item, maxAccount); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkTargets refuses targets that promise nothing or that nothing can count.
func (s *State) checkTargets(p Policy) error {
	if p.Calendar != "" && s.calendar(p.Calendar) == nil {
		return refuse(NotFound, "Calendar", "There is no calendar %q. Set it first.", p.Calendar)
	}
	promises := false
	for i, t := range p.Targets {
		if t.Severity < 0 || t.Severity > 4 {
			return refuse(Invalid, "Targets", "Severity %d does not exist: choose 1 (worst) to 4, or 0 for all others.", t.Severity)
		}
		if slices.ContainsFunc(p.Targets[:i], func(x Targets) bool { return x.Severity == t.Severity }) {
			return refuse(Invalid, "Targets", "Severity %d has targets twice.", t.Severity)
		}
		for _, x := range []Target{t.First, t.Next, t.Resolution} {
			switch {
			case x.Minutes < 0 || x.Minutes > maxMinutes:
				return refuse(Invalid, "Targets", "A target has 1 to %d minutes, not %d.", maxMinutes, x.Minutes)
			case x.Minutes == 0 && x.Wall:
				return refuse(Invalid, "Targets", "A target by the clock on the wall needs minutes.")
			case x.Minutes > 0 && !x.Wall && p.Calendar == "":
				return refuse(Invalid, "Calendar", "Name a calendar: %d minutes of working hours cannot be counted without one.", x.Minutes)
			}
			promises = promises || x.Minutes > 0
		}
	}
	if !promises {
		return refuse(Invalid, "Targets", "The policy promises nothing: give at least one target minutes.")
	}
	return nil
}

func checkPauses(causes []PauseCause) error {
	for i, cause := range causes {
		if cause != PauseWaiting && cause != PauseSnoozed {
			return refuse(Invalid, "PauseOn", "%q pauses nothing: choose from %s and %s.", cause, PauseWaiting, PauseSnoozed)
		}
		if slices.Contains(causes[:i], cause) {
			return refuse(Invalid, "PauseOn", "%q is named twice.", cause)
		}
	}
	return nil
}

// findPolicy returns a policy or the refusal that there is none.
func (s *State) findPolicy(name string) (*PolicyVersion, error) {
	switch p := s.policy(name); {
	case p == nil:
		return nil, refuse(NotFound, "Name", "There is no policy %q.", name)
	case p.Removed:
		return nil, refuse(Gone, "Name", "The policy %q was removed by %s.", name, s.who(p.By))
	default:
		return p, nil
	}
}

// Check refuses to remove a policy twice.
func (c RemovePolicy) Check(s *State, now time.Time) ([]Event, error) {
	for _, err := range []error{checkFrom(c.From), checkReason(c.Reason), s.checkPolicyVersions(1)} {
		if err != nil {
			return nil, err
		}
	}
	p, err := s.findPolicy(c.Name)
	if err != nil {
		return nil, err
	}
	return newEvent(PolicyRemoved, 0, c.Reason, PolicyRemovedData{c.Name, p.Number + 1, since(c.From, now, false)})
}

// Check refuses an order that leaves a policy out, since nobody could tell where
// it goes, and one from before a policy says what it says: that would say it
// from then on.
func (c OrderPolicies) Check(s *State, now time.Time) ([]Event, error) {
	live := s.livePolicies()
	for _, err := range []error{checkFrom(c.From), checkReason(c.Reason), s.checkPolicyVersions(len(live))} {
		if err != nil {
			return nil, err
		}
	}
	for _, name := range c.Names {
		if _, err := s.findPolicy(name); err != nil {
			return nil, refuse(NotFound, "Names", "There is no policy %q.", name)
		}
	}
	if !sameNames(c.Names, live) {
		return nil, refuse(Invalid, "Names", "Name each of the %d policies once.", len(live))
	}
	for _, p := range live {
		if p.From.After(since(c.From, now, false)) {
			return nil, refuse(Conflict, "From", "The policy %q changes on %s. Order the policies from then on, or later.", p.Name, p.From.UTC().Format("2 January 2006 15:04 UTC"))
		}
	}
	if c.From.IsZero() && slices.EqualFunc(c.Names, live, func(name string, p PolicyVersion) bool { return name == p.Name }) {
		return nil, nil
	}
	return newEvent(PoliciesOrdered, 0, c.Reason, PoliciesOrderedData{c.Names, since(c.From, now, false)})
}

// Check does nothing when that is so already.
func (c MarkMail) Check(s *State, _ time.Time) ([]Event, error) {
	switch {
	case c.Mark != NoAnswerNeeded:
		return nil, refuse(Invalid, "Mark", "%q is not a mark: there is %s.", c.Mark, NoAnswerNeeded)
	case c.Message.SHA256.IsZero():
		return nil, refuse(Invalid, "SHA256", "The mark does not say the SHA-256 of the message.")
	case !mailStream(c.Message.Record.Stream):
		return nil, refuse(Invalid, "Record", "Only messages are marked; %q is not a stream of messages.", c.Message.Record.Stream)
	}
	if err := checkReason(c.Reason); err != nil || s.marked(c.Message.SHA256) != c.Off {
		return nil, err
	}
	return newEvent(MailMarked, 0, c.Reason, MailMarkedData{c.Message.Record, c.Message.SHA256, c.Mark, c.Off})
}
