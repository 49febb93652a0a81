package casework

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"polytrace/archive"
)

// The types of event about extracts.
const (
	ExtractSet     EventType = "extract.set"
	ExtractRemoved EventType = "extract.removed"
	ExtractJudged  EventType = "extract.judged"
)

// The data of these events.
type (
	// ExtractSetData is the data of ExtractSet: all that an extract says.
	ExtractSetData struct {
		Name    string      `json:"name"`
		Version int         `json:"version"` // From 1 on, also behind a removal.
		Label   string      `json:"label"`
		Kind    ExtractKind `json:"kind"`
		Pattern string      `json:"pattern"`
		Where   []Where     `json:"where"`
		Account string      `json:"account,omitempty"`
		Queue   string      `json:"queue,omitempty"`
	}
	// ExtractRemovedData is the data of ExtractRemoved.
	ExtractRemovedData struct {
		Name string `json:"name"`
	}
	// ExtractJudgedData is the data of ExtractJudged. With the status pending what was said before is taken back.
	ExtractJudgedData struct {
		Extract string        `json:"extract"`
		Version int           `json:"version"`
		Name    string        `json:"name,omitempty"`
		Status  ExtractStatus `json:"status"`
		Value   string        `json:"value,omitempty"`
		Found   string        `json:"found,omitempty"`
		Account string        `json:"account,omitempty"`
		Place
	}
)

// Commands about extracts.
type (
	// SetExtract says what is looked for under a name, or says it anew.
	SetExtract struct {
		Extract Extract // With the version that was changed; 0 of a new one.
		Reason  string

		actor string
	}
	// RemoveExtract ends an extract. What people said of what it found stays.
	RemoveExtract struct {
		Name   string
		Reason string

		actor string
	}
	// JudgeExtract says what somebody thinks of what was found. The caller has verified that the words stand there.
	JudgeExtract struct {
		Hit     Hit
		Status  ExtractStatus
		Value   string // Of corrected.
		Case    int    // Where it is said: in a case, whose account it is of then,
		Account string // or of an account; ID or name.
		Reason  string
	}
)

func (c SetExtract) by(actor string) Command    { c.actor = actor; return c }
func (c RemoveExtract) by(actor string) Command { c.actor = actor; return c }

// maxExtracts is how many extracts there are, at most.
const maxExtracts = 100

// extractFile is all that an extract ever said.
type extractFile struct {
	versions []Extract // Version 1 first.
	removed  bool
}

func (f *extractFile) last() *Extract { return &f.versions[len(f.versions)-1] }

// Extracts lists what is looked for: first what people wrote, by label, then what came with the program.
func (s *State) Extracts() []Extract {
	var all []Extract
	for _, name := range slices.Sorted(maps.Keys(s.extracts)) {
		if f := s.extracts[name]; !f.removed {
			all = append(all, f.last().clone())
		}
	}
	slices.SortStableFunc(all, func(a, b Extract) int { return strings.Compare(strings.ToLower(a.Label), strings.ToLower(b.Label)) })
	return append(all, BuiltInExtracts()...)
}

func (x Extract) clone() Extract {
	x.Where = slices.Clone(x.Where)
	return x
}

// Extract finds what is looked for under a name, with all that it said before, the last version first; of a built-in one nothing.
func (s *State) Extract(name string) (x Extract, before []Extract, ok bool) {
	if f := s.extracts[name]; f != nil && !f.removed {
		for _, v := range slices.Backward(f.versions) {
			before = append(before, v.clone())
		}
		return before[0], before, true
	}
	all := BuiltInExtracts()
	i := slices.IndexFunc(all, func(x Extract) bool { return x.Name == name })
	if i < 0 {
		return Extract{}, nil, false
	}
	return all[i], nil, true
}

// ExtractDecisions lists what people said of what was found in messages.
func (s *State) ExtractDecisions(of ...archive.Digest) (all []ExtractDecision) {
	for _, sha := range of {
		all = append(all, s.judged[sha]...)
	}
	return all
}

// ExtractDecisionsOf lists what people said of what an extract found, in the order in which they said it.
func (s *State) ExtractDecisionsOf(name string) (all []ExtractDecision) {
	for _, list := range s.judged {
		for _, d := range list {
			if d.Extract == name {
				all = append(all, d)
			}
		}
	}
	slices.SortFunc(all, func(a, b ExtractDecision) int { return cmp.Compare(a.Event, b.Event) })
	return all
}

// Check refuses a pattern that cannot be read.
func (c SetExtract) Check(s *State, _ time.Time) ([]Event, error) {
	x := c.Extract
	if !s.leads(c.actor) {
		return nil, refuse(Forbidden, "Name", "Only a manager or an administrator says what is looked for in mail.")
	}
	x.Name, x.Label, x.Account = strings.TrimSpace(x.Name), strings.TrimSpace(x.Label), strings.TrimSpace(x.Account)
	if x.Name == "" && x.Label != "" {
		x.Name = nameOf(x.Label, len(s.extracts)+1)
	}
	if err := checkName("Name", "extract", x.Name); err != nil {
		return nil, err
	}
	f := s.extracts[x.Name]
	version := 0
	if f != nil && !f.removed {
		version = f.last().Version
	}
	_, fault := compile("Pattern", x.Pattern)
	switch {
	case x.BuiltIn():
		return nil, refuse(Invalid, "Name", "Names that begin with %s are of what came with the program. Choose another one.", builtIn)
	case x.Version == 0 && version != 0:
		return nil, refuse(Conflict, "Name", "There is an extract %q already: %s.", x.Name, f.last().Label)
	case x.Version != version:
		return nil, refuse(Conflict, "Version", "Somebody else has changed the extract meanwhile: it is version %d now. Look at it, then change it again.", version)
	case f == nil && len(s.extracts) >= maxExtracts:
		return nil, refuse(Conflict, "Name", "There are %d extracts; more than that do not fit.", maxExtracts)
	case x.Label == "":
		return nil, refuse(Invalid, "Label", "The extract needs a label, as people call what it finds.")
	case !slices.Contains(ExtractKinds(), x.Kind):
		return nil, refuse(Invalid, "Kind", "%q is no kind of value: choose from text, number, amount, date and version.", x.Kind)
	case len(x.Where) == 0:
		return nil, refuse(Invalid, "Where", "Choose where it is looked for: in what authors write, in subjects, in attached files.")
	case x.Account != "" && s.accountNamed(x.Account) == nil:
		return nil, refuse(Invalid, "Account", "There is no account %q.", x.Account)
	case x.Queue != "" && s.queue(x.Queue) == nil:
		return nil, refuse(Invalid, "Queue", "There is no queue %q.", x.Queue)
	}
	for _, err := range []error{checkLine("Label", "label", x.Label, maxName), checkLine("Pattern", "pattern", x.Pattern, maxPattern), fault, checkReason(c.Reason)} {
		if err != nil {
			return nil, err
		}
	}
	for _, w := range x.Where {
		if !slices.Contains(Wheres(), w) {
			return nil, refuse(Invalid, "Where", "%q is no place in a message: choose from text, subject and files.", w)
		}
	}
	where := slices.DeleteFunc(Wheres(), func(w Where) bool { return !slices.Contains(x.Where, w) })
	data := ExtractSetData{Name: x.Name, Version: 1, Label: x.Label, Kind: x.Kind, Pattern: x.Pattern, Where: where, Queue: x.Queue}
	if x.Account != "" {
		data.Account = s.accountNamed(x.Account).ID
	}
	if f != nil {
		data.Version = f.last().Version + 1
		if had := f.last(); !f.removed && had.Label == data.Label && had.Kind == data.Kind && had.Pattern == data.Pattern && slices.Equal(had.Where, data.Where) && had.Account == data.Account && had.Queue == data.Queue {
			return nil, nil
		}
	}
	return newEvent(ExtractSet, 0, c.Reason, data)
}

// Check refuses to remove what is not there.
func (c RemoveExtract) Check(s *State, _ time.Time) ([]Event, error) {
	f := s.extracts[c.Name]
	switch {
	case f == nil:
		return nil, refuse(NotFound, "Name", "There is no extract %q.", c.Name)
	case !s.leads(c.actor):
		return nil, refuse(Forbidden, "Name", "Only a manager or an administrator says what is looked for in mail.")
	case f.removed:
		return nil, refuse(Gone, "Name", "The extract %q was removed already.", c.Name)
	}
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	return newEvent(ExtractRemoved, 0, c.Reason, ExtractRemovedData{c.Name})
}

// Check refuses to confirm what has no value, and to correct to what is no value of the kind.
func (c JudgeExtract) Check(s *State, _ time.Time) ([]Event, error) {
	h := c.Hit
	x, _, ok := s.Extract(h.Extract)
	if !ok {
		return nil, refuse(NotFound, "Extract", "There is no extract %q.", h.Extract)
	}
	if c.Case != 0 {
		if _, err := s.findCase(c.Case); err != nil {
			return nil, err
		}
	}
	data := ExtractJudgedData{Extract: h.Extract, Version: h.Version, Name: h.Name, Status: c.Status, Found: h.Value, Place: h.Place}
	data.Said = data.Said.UTC()
	had := s.judgedAs(h.Extract, &h.Place)
	switch {
	case c.Status == ExtractPending && had == nil:
		return nil, nil
	case c.Status == ExtractConfirmed:
		if data.Value = h.Value; data.Value == "" {
			return nil, refuse(Invalid, "Status", "As it stands %q is no %s that could be confirmed. Correct it instead.", clipped(h.Quote), x.Kind)
		}
	case c.Status == ExtractCorrected:
		if data.Value = x.Kind.value(c.Value); data.Value == "" {
			return nil, refuse(Invalid, "Value", "%q is no %s. Write %s.", strings.TrimSpace(c.Value), x.Kind, kindExamples[x.Kind])
		}
	case !slices.Contains([]ExtractStatus{ExtractPending, ExtractRejected}, c.Status):
		return nil, refuse(Invalid, "Status", "%q cannot be said of what was found: choose from confirmed, corrected, rejected, and pending to take that back.", c.Status)
	}
	account := c.Account
	if file := s.file(c.Case); file != nil && account == "" {
		account = file.Account
	}
	if a := s.accountNamed(account); account != "" && a != nil {
		data.Account = a.ID
	} else if c.Account != "" {
		return nil, refuse(NotFound, "Account", "There is no account %q.", c.Account)
	}
	for _, err := range []error{data.check(), checkLine("Value", "value", data.Value, maxFound), checkReason(c.Reason)} {
		if err != nil {
			return nil, err
		}
	}
	if had != nil && had.Status == data.Status && had.Value == data.Value && had.Case == c.Case && had.Account == data.Account {
		return nil, nil
	}
	return newEvent(ExtractJudged, c.Case, c.Reason, data)
}

var kindExamples = map[ExtractKind]string{TextExtract: "a few words", NumberExtract: "for example 1234.5", AmountExtract: "for example 1234.50 EUR", DateExtract: "for example 2026-11-03", VersionExtract: "for example 4.2"}

// judgedAs is what was said last of some words for an extract; nil when nothing was.
func (s *State) judgedAs(extract string, at *Place) *ExtractDecision {
	list := s.judged[at.SHA256]
	i := slices.IndexFunc(list, func(d ExtractDecision) bool { return d.Extract == extract && d.same(at) })
	if i < 0 {
		return nil
	}
	return &list[i]
}

// extractFolds are the folds of events about extracts.
var extractFolds = map[EventType]fold{
	ExtractSet:     folding((*State).extractSet),
	ExtractRemoved: folding((*State).extractRemoved),
	ExtractJudged:  folding((*State).extractJudged),
}

func (s *State) extractSet(d decision, data ExtractSetData) error {
	re, err := regexp.Compile(data.Pattern)
	if err != nil {
		return fmt.Errorf("its pattern cannot be read: %w", err)
	}
	f := s.extracts[data.Name]
	if f == nil {
		f = &extractFile{}
	}
	if data.Name == "" || data.Version != len(f.versions)+1 {
		return fmt.Errorf("version %d of the extract %q is out of turn", data.Version, data.Name)
	}
	f.versions = append(f.versions, Extract{data.Name, data.Label, data.Kind, data.Pattern, data.Where, data.Account, data.Queue, data.Version, s.actor(d.Actor), d.At, re})
	f.removed, s.extracts[data.Name] = false, f
	return nil
}

func (s *State) extractRemoved(_ decision, data ExtractRemovedData) error {
	f := s.extracts[data.Name]
	if f == nil || f.removed {
		return fmt.Errorf("there is no extract %q", data.Name)
	}
	f.removed = true
	return nil
}

func (s *State) extractJudged(d decision, data ExtractJudgedData) error {
	c := s.file(d.Case)
	if d.Case != 0 && c == nil {
		return fmt.Errorf("there is no case %d", d.Case)
	}
	if data.SHA256.IsZero() || data.Start >= data.End {
		return fmt.Errorf("it is about no words of a message")
	}
	list := slices.DeleteFunc(slices.Clone(s.judged[data.SHA256]), func(had ExtractDecision) bool {
		return had.Extract == data.Extract && had.same(&data.Place)
	})
	if data.Status != ExtractPending {
		list = append(list, ExtractDecision{data.Extract, data.Version, data.Name, data.Status, data.Value, data.Found, d.Case, data.Account, data.Place, s.actor(d.Actor), d.At, d.Reason, d.pos})
	}
	s.judged[data.SHA256] = list
	if c == nil {
		return nil
	}
	did := map[ExtractStatus]string{ExtractConfirmed: "confirmed", ExtractCorrected: "corrected", ExtractRejected: "rejected", ExtractPending: "took back what was said of"}[data.Status]
	s.record(c, d, Entry{Text: sentence(fmt.Sprintf("%s %s a detail of a message: %s", s.who(d.Actor), or(did, string(data.Status)), s.labelOf(data.Extract)), d.Reason)})
	return nil
}

// labelOf is what people call what an extract finds.
func (s *State) labelOf(name string) string {
	if f := s.extracts[name]; f != nil {
		return f.last().Label
	}
	x, _, _ := s.Extract(name)
	return or(x.Label, name)
}
