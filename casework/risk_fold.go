package casework

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"polytrace/archive"
)

// The types of event about risk. That the level has changed is noted by the appliance itself, with what it
// rests on; what people say about a signal, or set, is theirs.
const (
	RiskChanged    EventType = "risk.changed"
	SignalJudged   EventType = "signal.judged"
	RiskOverridden EventType = "risk.overridden"
	RiskCleared    EventType = "risk.cleared" // takes an override back
	RiskRulesSet   EventType = "riskrules.set"
)

// The data of these events; RiskCleared has none.
type (
	// RiskChangedData is the data of RiskChanged.
	RiskChangedData struct {
		From    RiskLevel     `json:"from"`
		To      RiskLevel     `json:"to"`
		Points  int           `json:"points"`
		When    time.Time     `json:"when"` // When it came to be so; the event says when that was noted.
		Because []RiskBecause `json:"because,omitempty"`
		Rule    string        `json:"rule"` // That decided it: "risk", of RulesVersion.
		Version int           `json:"rules_version"`
	}
	// RiskBecause is a signal of a change.
	RiskBecause struct {
		Rule     RiskRule       `json:"rule"`
		Points   int            `json:"points"`
		Text     string         `json:"text"`
		Sources  []Source       `json:"sources"`
		Evidence archive.Digest `json:"evidence"`
	}
	// SignalJudgedData is the data of SignalJudged.
	SignalJudgedData struct {
		Evidence archive.Digest `json:"evidence"`
		Rule     RiskRule       `json:"rule"`
		Say      string         `json:"say"`
		Until    time.Time      `json:"until,omitzero"`
	}
	// RiskOverriddenData is the data of RiskOverridden.
	RiskOverriddenData struct {
		Level RiskLevel `json:"level"`
		Until time.Time `json:"until"`
	}
	// RiskRulesData is the data of RiskRulesSet: all of them.
	RiskRulesData struct{ RiskRules }
)

// RiskNoted is the level that was noted last.
type RiskNoted struct {
	Level  RiskLevel     `json:"level"`
	Points int           `json:"points"`
	At     time.Time     `json:"at"`
	Why    []RiskBecause `json:"why"` // What it rests on.
}

// RiskAt is the level of a case at a time, as it was noted or set.
func (c *Case) RiskAt(now time.Time) RiskLevel {
	switch {
	case c.Override != nil && now.Before(c.Override.Until):
		return c.Override.Level
	case c.Risk != nil:
		return c.Risk.Level
	}
	return RiskLow
}

// ToReview lists the signals of the level that was noted which nobody has said anything about, or that have waited long enough.
func (c *Case) ToReview(now time.Time) (list []RiskBecause) {
	if c.Risk == nil || c.Risk.Level == RiskLow {
		return nil
	}
	for _, x := range c.Risk.Why {
		if !slices.ContainsFunc(c.Judgements, func(j Judgement) bool { return j.Evidence == x.Evidence && j.holds(now) }) {
			list = append(list, x)
		}
	}
	return list
}

func (r *RiskNoted) clone() *RiskNoted {
	if r == nil {
		return nil
	}
	c := *r
	c.Why = slices.Clone(r.Why)
	for i := range c.Why {
		c.Why[i].Sources = slices.Clone(c.Why[i].Sources)
	}
	return &c
}

func clonePointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}

// Commands about risk.
type (
	// NoteRisk notes what RiskOf says now, where the level is another one than was noted, or something new is behind it.
	NoteRisk struct {
		Case   int
		Change RiskChange // The last one: To holds now. Because is what is so now.
		Rules  int        // Version.
	}
	// JudgeSignal says something about a signal.
	JudgeSignal struct {
		Case     int
		Evidence archive.Digest
		Rule     RiskRule
		Say      string    // One of JudgementSays.
		Until    time.Time // Of snooze.
		Reason   string    // Needed to disagree.
		Revision *archive.Position
	}
	// OverrideRisk sets the level for a time.
	OverrideRisk struct {
		Case     int
		Level    RiskLevel
		Until    time.Time
		Reason   string // Needed.
		Revision *archive.Position
	}
	// ClearRisk has the level follow from the signals again.
	ClearRisk struct {
		Case     int
		Reason   string
		Revision *archive.Position
	}
	// SetRiskRules says how many points each rule gives. Version is that of the rules that were changed.
	SetRiskRules struct {
		Rules  RiskRules
		Reason string
	}
)

// RiskRules are those that count.
func (s *State) RiskRules() RiskRules {
	if s.riskRules == nil {
		return DefaultRiskRules()
	}
	r := *s.riskRules
	points := DefaultRiskRules().Points // Also of rules that came with a newer version.
	maps.Copy(points, r.Points)
	r.Points, r.People = points, slices.Clone(r.People)
	return r
}

// Check notes nothing twice.
func (c NoteRisk) Check(s *State, _ time.Time) ([]Event, error) {
	file, err := s.findCase(c.Case)
	if err != nil {
		return nil, err
	}
	had := RiskNoted{Level: RiskLow}
	if file.Risk != nil {
		had = *file.Risk
	}
	news := slices.ContainsFunc(c.Change.Because, func(x Signal) bool {
		return !slices.ContainsFunc(had.Why, func(y RiskBecause) bool { return x.Evidence == y.Evidence })
	})
	if had.Level == c.Change.To && (!news || had.Level == RiskLow) {
		return nil, nil
	}
	data := RiskChangedData{From: had.Level, To: c.Change.To, Points: c.Change.Points, When: c.Change.At.UTC(), Rule: "risk", Version: c.Rules}
	for _, x := range c.Change.Because {
		data.Because = append(data.Because, RiskBecause{x.Rule, x.Points, x.Text, x.Sources, x.Evidence})
	}
	return newEvent(RiskChanged, c.Case, "", data)
}

// maxSnooze is how long a signal can wait, and a level be set.
const maxSnooze = 180 * 24 * time.Hour

// Check refuses a disagreement without a reason.
func (c JudgeSignal) Check(s *State, now time.Time) ([]Event, error) {
	file, err := s.findCase(c.Case)
	if err != nil {
		return nil, err
	}
	switch {
	case c.Evidence.IsZero():
		return nil, refuse(Invalid, "Evidence", "Name the signal by its evidence.")
	case !slices.Contains(JudgementSays, c.Say):
		return nil, refuse(Invalid, "Say", "%q cannot be said about a signal: choose from %s.", c.Say, enumerate(JudgementSays))
	case c.Say == "disagree" && strings.TrimSpace(c.Reason) == "":
		return nil, refuse(Invalid, "Reason", "Say why this is no reason to worry. It is asked again only when something new happens.")
	case c.Say == "snooze" && (!now.Before(c.Until) || c.Until.Sub(now) > maxSnooze):
		return nil, refuse(Invalid, "Until", "Choose until when the signal can wait, half a year at most.")
	case c.Say != "snooze" && !c.Until.IsZero():
		return nil, refuse(Invalid, "Until", "Only what can wait has a time until which it does.")
	}
	for _, err := range []error{checkReason(c.Reason), s.checkRevision(file, c.Revision)} {
		if err != nil {
			return nil, err
		}
	}
	return newEvent(SignalJudged, c.Case, c.Reason, SignalJudgedData{c.Evidence, c.Rule, c.Say, c.Until.UTC()})
}

// Check refuses a level for ever, and one without a reason.
func (c OverrideRisk) Check(s *State, now time.Time) ([]Event, error) {
	file, err := s.findCase(c.Case)
	if err != nil {
		return nil, err
	}
	switch {
	case !c.Level.Valid():
		return nil, refuse(Invalid, "Level", "%q is not a level: choose from low, elevated, high and critical.", c.Level)
	case !now.Before(c.Until) || c.Until.Sub(now) > maxSnooze:
		return nil, refuse(Invalid, "Until", "Choose until when the level is set, half a year at most. After that it follows from the signals again.")
	case strings.TrimSpace(c.Reason) == "":
		return nil, refuse(Invalid, "Reason", "Say why the level is another one than the signals say.")
	}
	for _, err := range []error{checkReason(c.Reason), s.checkRevision(file, c.Revision)} {
		if err != nil {
			return nil, err
		}
	}
	return newEvent(RiskOverridden, c.Case, c.Reason, RiskOverriddenData{c.Level, c.Until.UTC()})
}

// Check refuses to take back what was not set.
func (c ClearRisk) Check(s *State, _ time.Time) ([]Event, error) {
	file, err := s.findCase(c.Case)
	if err != nil {
		return nil, err
	}
	if file.Override == nil {
		return nil, refuse(Conflict, "Case", "Nobody has set the level of case %s.", file.label())
	}
	for _, err := range []error{checkReason(c.Reason), s.checkRevision(file, c.Revision)} {
		if err != nil {
			return nil, err
		}
	}
	return newEvent(RiskCleared, c.Case, c.Reason, struct{}{})
}

// Check refuses rules that make no sense, and those that were made from older ones.
func (c SetRiskRules) Check(s *State, _ time.Time) ([]Event, error) {
	r, had := c.Rules, s.RiskRules()
	if r.Version != had.Version {
		return nil, refuse(Conflict, "Version", "Somebody else has changed the rules meanwhile: they are version %d now. Look at them, then change them again.", had.Version)
	}
	for rule, points := range r.Points {
		if _, known := DefaultRiskRules().Points[rule]; !known {
			return nil, refuse(Invalid, "Points", "There is no rule %q.", rule)
		}
		if points < 0 || points > 20 {
			return nil, refuse(Invalid, "Points", "The rule %s can give 0 to 20 points, not %d.", rule, points)
		}
	}
	switch {
	case r.Levels[0] < 1 || r.Levels[1] <= r.Levels[0] || r.Levels[2] <= r.Levels[1]:
		return nil, refuse(Invalid, "Levels", "Each level begins at more points than the one before, the first at 1 or more.")
	case r.Hysteresis < 0 || r.Hysteresis >= r.Levels[0]:
		return nil, refuse(Invalid, "Hysteresis", "A level is left at 0 to %d points below where it begins.", r.Levels[0]-1)
	case r.HalfLife < 0 || r.HalfLife > 365:
		return nil, refuse(Invalid, "HalfLife", "What is not so any more counts half after 0 to 365 days.")
	case len(r.People) > maxOwn:
		return nil, refuse(Invalid, "People", "At most %d people can be named.", maxOwn)
	}
	people := make([]string, 0, len(r.People))
	for _, text := range r.People {
		address, err := Identifier(text)
		if err != nil || !strings.Contains(address, "@") {
			return nil, refuse(Invalid, "People", "%q is not an address.", text)
		}
		people = append(people, address)
	}
	slices.Sort(people)
	r.People = slices.Compact(people)
	points := map[RiskRule]int{} // Those that somebody has said: of other rules it is as it came with the program.
	if s.riskRules != nil {
		maps.Copy(points, s.riskRules.Points)
	}
	maps.Copy(points, r.Points)
	r.Points = points
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	r.Version++
	return newEvent(RiskRulesSet, 0, c.Reason, RiskRulesData{r})
}

// riskFolds are the folds of events about the risk of a case.
var riskFolds = map[EventType]caseFold{
	RiskChanged:    onCase((*State).riskChanged),
	SignalJudged:   onCase((*State).signalJudged),
	RiskOverridden: onCase((*State).riskOverridden),
	RiskCleared:    onCase((*State).riskCleared),
}

// riskRulesFolds are the folds of the event about the rules.
var riskRulesFolds = map[EventType]fold{RiskRulesSet: folding((*State).riskRulesSet)}

func (s *State) riskChanged(c *caseFile, d decision, data RiskChangedData) (Entry, error) {
	if !data.To.Valid() {
		return Entry{}, fmt.Errorf("%q is not a level of risk", data.To)
	}
	c.Risk = &RiskNoted{data.To, data.Points, data.When, data.Because}
	text := fmt.Sprintf("The risk is still %s, %s", data.To, count(data.Points, "point"))
	switch {
	case data.To.rank() > data.From.rank():
		text = fmt.Sprintf("The risk rose from %s to %s, %s", data.From, data.To, count(data.Points, "point"))
	case data.To.rank() < data.From.rank():
		text = fmt.Sprintf("The risk fell from %s to %s, %s", data.From, data.To, count(data.Points, "point"))
	}
	for i, x := range data.Because {
		if i == 0 {
			text += ": " + x.Text
		} else {
			text += "; " + x.Text
		}
	}
	return Entry{Text: text}, nil
}

func (s *State) signalJudged(c *caseFile, d decision, data SignalJudgedData) (Entry, error) {
	if !slices.Contains(JudgementSays, data.Say) {
		return Entry{}, fmt.Errorf("it says %q of a signal", data.Say)
	}
	v := Judgement{data.Evidence, data.Rule, data.Say, data.Until, d.Reason, s.actor(d.Actor), d.At}
	c.Judgements = append(slices.DeleteFunc(slices.Clone(c.Judgements), func(had Judgement) bool { return had.Evidence == v.Evidence }), v)
	said := map[string]string{"acknowledge": "has seen the signal", "disagree": "disagrees with the signal", "snooze": "has the signal wait until " + data.Until.UTC().Format("2 January 2006")}[data.Say]
	before, after, _ := strings.Cut(said, "the signal")
	return Entry{Text: sentence(s.who(d.Actor)+" "+before+"the signal "+string(data.Rule)+after, d.Reason)}, nil
}

func (s *State) riskOverridden(c *caseFile, d decision, data RiskOverriddenData) (Entry, error) {
	if !data.Level.Valid() {
		return Entry{}, fmt.Errorf("%q is not a level of risk", data.Level)
	}
	c.Override = &Override{data.Level, data.Until, d.Reason, s.actor(d.Actor), d.At}
	return Entry{Text: sentence(fmt.Sprintf("%s set the risk to %s until %s", s.who(d.Actor), data.Level, data.Until.UTC().Format("2 January 2006")), d.Reason)}, nil
}

func (s *State) riskCleared(c *caseFile, d decision, _ struct{}) (Entry, error) {
	if c.Override == nil {
		return Entry{}, fmt.Errorf("nobody has set the risk of case %d", c.Number)
	}
	c.Override = nil
	return Entry{Text: sentence(s.who(d.Actor)+" has the risk follow from the signals again", d.Reason)}, nil
}

func (s *State) riskRulesSet(_ decision, data RiskRulesData) error {
	if data.Points == nil {
		return fmt.Errorf("it sets no points")
	}
	s.riskRules = &data.RiskRules
	return nil
}
