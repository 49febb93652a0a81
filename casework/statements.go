package casework

import (
	"slices"
	"strings"
	"time"

	"polytrace/archive"
)

// What people state about a case. An issue is what is open between them; a fact, a promise and a key
// date rest on citations of the case, a decision may. Their IDs are dense in each case and
// kind, and stay.

// The types of event about statements.
const (
	IssueOpened  EventType = "issue.opened"
	IssueChanged EventType = "issue.changed"
	FactStated   EventType = "fact.stated"
	FactChanged  EventType = "fact.changed" // also accepted, rejected, superseded
	DecisionMade EventType = "decision.made"

	CommitmentMade     EventType = "commitment.made"
	CommitmentMoved    EventType = "commitment.moved" // to another time, or something else was promised
	CommitmentEnded    EventType = "commitment.ended"
	CommitmentReopened EventType = "commitment.reopened" // the end was a mistake

	KeyDateSet     EventType = "keydate.set"
	KeyDateRemoved EventType = "keydate.removed"
)

// When is a time as people say it: "by Friday" is the whole of that day.
type When struct {
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`             // Behind the last moment of it.
	Grain string    `json:"grain"`          // minute, day, week, month, quarter or year.
	Text  string    `json:"text,omitempty"` // As it was said.
}

// Grains are what a When may be as exact as.
var Grains = []string{"minute", "day", "week", "month", "quarter", "year"}

// IssueState is what became of an issue.
type IssueState string

// The states of an issue.
const (
	IssueOpen    IssueState = "open"
	IssueSolved  IssueState = "solved"
	IssueDropped IssueState = "dropped"
)

// Issue is a question or a fault that facts of a case are about.
type Issue struct {
	ID      int        `json:"id"`
	Title   string     `json:"title"`
	State   IssueState `json:"state"`
	By      string     `json:"by"`
	At      time.Time  `json:"at"`
	Changed time.Time  `json:"changed"`
}

// FactStatus is what people think of a fact.
type FactStatus string

// The statuses of a fact.
const (
	FactProposed   FactStatus = "proposed"
	FactAccepted   FactStatus = "accepted" // It rests on a citation.
	FactRejected   FactStatus = "rejected"
	FactSuperseded FactStatus = "superseded" // Another one says it better.
)

// Fact is something that is so, or was at a time.
type Fact struct {
	ID     int        `json:"id"`
	Text   string     `json:"text"`
	Issue  int        `json:"issue,omitempty"`
	Cites  []int      `json:"cites"` // IDs of citations of the case, some perhaps withdrawn since.
	When   *When      `json:"when,omitempty"`
	Status FactStatus `json:"status"`
	Better int        `json:"better,omitempty"` // The fact that superseded it.
	By     string     `json:"by"`
	At     time.Time  `json:"at"`
	Judged string     `json:"judged,omitempty"` // Who gave it the status that it has.

	Question int `json:"question,omitempty"` // That it answers.
}

// Decision is what was decided, and why.
type Decision struct {
	ID           int       `json:"id"`
	Text         string    `json:"text"`
	Why          string    `json:"why"`
	Alternatives []string  `json:"alternatives,omitempty"` // What was not chosen.
	DecidedBy    string    `json:"decided_by,omitempty"`   // In words; default who wrote it down.
	Cites        []int     `json:"cites"`
	Supersedes   int       `json:"supersedes,omitempty"`
	Superseded   int       `json:"superseded,omitempty"` // The decision that took its place.
	By           string    `json:"by"`
	At           time.Time `json:"at"`
}

// KeyDate is a time that matters: a deadline, a renewal, a go-live.
type KeyDate struct {
	ID    int       `json:"id"`
	Label string    `json:"label"`
	Kind  string    `json:"kind"` // One of KeyDateKinds.
	When  When      `json:"when"`
	Cites []int     `json:"cites"`
	By    string    `json:"by"`
	At    time.Time `json:"at"`

	Removed   time.Time `json:"removed,omitzero"`
	RemovedBy string    `json:"removed_by,omitempty"`
}

// KeyDateKinds are the kinds of key dates.
var KeyDateKinds = []string{"deadline", "renewal", "go-live", "meeting", "outage", "other"}

// The data of the events about issues, facts, decisions and key dates.
type (
	// IssueOpenedData is the data of IssueOpened.
	IssueOpenedData struct {
		ID    int    `json:"id"`
		Title string `json:"title"`
	}
	// IssueChangedData is the data of IssueChanged. Absent is unchanged.
	IssueChangedData struct {
		ID    int         `json:"id"`
		Title *string     `json:"title,omitempty"`
		State *IssueState `json:"state,omitempty"`
	}
	// FactStatedData is the data of FactStated.
	FactStatedData struct {
		ID       int    `json:"id"`
		Text     string `json:"text"`
		Issue    int    `json:"issue,omitempty"`
		Cites    []int  `json:"cites,omitempty"`
		When     *When  `json:"when,omitempty"`
		Accepted bool   `json:"accepted,omitempty"`
	}
	// FactChangedData is the data of FactChanged. Absent is unchanged.
	FactChangedData struct {
		ID     int         `json:"id"`
		Text   *string     `json:"text,omitempty"`
		Issue  *int        `json:"issue,omitempty"`
		Cites  []int       `json:"cites,omitempty"`
		When   *When       `json:"when,omitempty"`
		Status *FactStatus `json:"status,omitempty"`
		Better int         `json:"better,omitempty"`
	}
	// DecisionMadeData is the data of DecisionMade.
	DecisionMadeData struct {
		ID           int      `json:"id"`
		Text         string   `json:"text"`
		Why          string   `json:"why"`
		Alternatives []string `json:"alternatives,omitempty"`
		DecidedBy    string   `json:"decided_by,omitempty"`
		Cites        []int    `json:"cites,omitempty"`
		Supersedes   int      `json:"supersedes,omitempty"`
	}
	// KeyDateSetData is the data of KeyDateSet.
	KeyDateSetData struct {
		ID    int    `json:"id"`
		Label string `json:"label"`
		Kind  string `json:"kind"`
		When  When   `json:"when"`
		Cites []int  `json:"cites"`
	}
	// KeyDateRemovedData is the data of KeyDateRemoved.
	KeyDateRemovedData struct {
		ID int `json:"id"`
	}
)

// Commands about issues, facts, decisions and key dates. With a Revision they are refused when somebody
// else decided something about the case since.
type (
	// OpenIssue says what is open between people.
	OpenIssue struct {
		Case     int
		Title    string
		Revision *archive.Position
	}
	// ChangeIssue changes what is not nil.
	ChangeIssue struct {
		Case, ID int
		Title    *string
		State    *IssueState
		Reason   string
		Revision *archive.Position
	}
	// StateFact says what is so. It is accepted at once when it says so and rests on a citation.
	StateFact struct {
		Case     int
		Text     string
		Issue    int // 0: of none.
		Cites    []int
		When     *When
		Accepted bool
		Revision *archive.Position
	}
	// ChangeFact changes what is not nil. Better names the fact that supersedes it.
	ChangeFact struct {
		Case, ID int
		Text     *string
		Issue    *int
		Cites    []int // Nil: unchanged.
		When     *When
		Status   *FactStatus
		Better   int
		Reason   string
		Revision *archive.Position
	}
	// MakeDecision writes a decision down.
	MakeDecision struct {
		Case         int
		Text, Why    string
		Alternatives []string
		DecidedBy    string
		Cites        []int
		Supersedes   int // 0: none.
		Revision     *archive.Position
	}
	// SetKeyDate keeps a time that matters.
	SetKeyDate struct {
		Case     int
		Label    string
		Kind     string // Default other.
		When     When
		Cites    []int
		Revision *archive.Position
	}
	// RemoveKeyDate takes it back.
	RemoveKeyDate struct {
		Case, ID int
		Reason   string
		Revision *archive.Position
	}
)

// stating is the case that a statement is about, if nobody decided something about it since.
func (s *State) stating(number int, seen *archive.Position) (*caseFile, error) {
	file, err := s.findCase(number)
	if err == nil {
		err = s.checkRevision(file, seen)
	}
	return file, err
}

// checkSources refuses a statement that rests on nothing.
func (c *Case) checkSources(what string, cites []int) error {
	if len(cites) == 0 {
		return refuse(Invalid, "Cites", "The %s has no source. Select the words that say so in a message, or name a citation of the case.", what)
	}
	return c.checkCitations("Cites", cites)
}

// checkWords refuses what has no words, or too many.
func checkWords(field, what, text string) error {
	if text == "" {
		return refuse(Invalid, field, "The %s is empty.", what)
	}
	return checkText(field, what, text, maxText)
}

func (w *When) check(field string) error {
	switch {
	case w == nil:
		return nil
	case !w.From.Before(w.To):
		return refuse(Invalid, field, "The time from %s to %s ends before it begins.", w.From.Format(time.RFC3339), w.To.Format(time.RFC3339))
	case !slices.Contains(Grains, w.Grain):
		return refuse(Invalid, field, "%q is not how exact a time is: choose from %s.", w.Grain, enumerate(Grains))
	}
	return checkLine(field, "time", w.Text, maxTitle)
}

// written is a text as it is kept.
func written(text string) string {
	return strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
}

func writtenOf(text *string) *string {
	if text == nil {
		return nil
	}
	t := written(*text)
	return &t
}

// Check gives the issue the next ID.
func (c OpenIssue) Check(s *State, _ time.Time) ([]Event, error) {
	file, err := s.stating(c.Case, c.Revision)
	if err != nil {
		return nil, err
	}
	title := strings.TrimSpace(c.Title)
	if err := checkTitle(title); err != nil {
		return nil, err
	}
	return newEvent(IssueOpened, c.Case, "", IssueOpenedData{len(file.Issues) + 1, title})
}

// Check drops from the event what would stay as it is.
func (c ChangeIssue) Check(s *State, _ time.Time) ([]Event, error) {
	file, err := s.stating(c.Case, c.Revision)
	if err != nil {
		return nil, err
	}
	issue, err := find(file.Issues, c.ID, file, "issue")
	if err != nil {
		return nil, err
	}
	data := IssueChangedData{c.ID, changed(trimmed(c.Title), issue.Title), changed(c.State, issue.State)}
	if data.Title != nil {
		if err := checkTitle(*data.Title); err != nil {
			return nil, err
		}
	}
	if data.State != nil && !slices.Contains([]IssueState{IssueOpen, IssueSolved, IssueDropped}, *data.State) {
		return nil, refuse(Invalid, "State", "%q is not a state of an issue: choose from open, solved and dropped.", *data.State)
	}
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	if data.Title == nil && data.State == nil {
		return nil, nil
	}
	return newEvent(IssueChanged, c.Case, c.Reason, data)
}

// find is a statement of a case by its ID, or the refusal that there is none.
func find[T any](list []T, id int, c *caseFile, what string) (*T, error) {
	if id < 1 || id > len(list) {
		return nil, refuse(NotFound, "ID", "Case %s has no %s %d.", c.label(), what, id)
	}
	return &list[id-1], nil
}

// Check refuses to accept a fact without a source.
func (c StateFact) Check(s *State, _ time.Time) ([]Event, error) {
	file, err := s.stating(c.Case, c.Revision)
	if err != nil {
		return nil, err
	}
	data := FactStatedData{len(file.Facts) + 1, written(c.Text), c.Issue, c.Cites, c.When, c.Accepted}
	sources := file.checkCitations("Cites", c.Cites)
	if c.Accepted {
		sources = file.checkSources("fact", c.Cites)
	}
	for _, err := range []error{checkWords("Text", "fact", data.Text), file.checkIssue(c.Issue), sources, c.When.check("When")} {
		if err != nil {
			return nil, err
		}
	}
	return newEvent(FactStated, c.Case, "", data)
}

func (c *caseFile) checkIssue(id int) error {
	if id == 0 {
		return nil
	}
	_, err := find(c.Issues, id, c, "issue")
	return err
}

// Check refuses to leave an accepted fact without a source.
func (c ChangeFact) Check(s *State, _ time.Time) ([]Event, error) {
	file, err := s.stating(c.Case, c.Revision)
	if err != nil {
		return nil, err
	}
	fact, err := find(file.Facts, c.ID, file, "fact")
	if err != nil {
		return nil, err
	}
	data := FactChangedData{ID: c.ID, Text: changed(writtenOf(c.Text), fact.Text), Issue: changed(c.Issue, fact.Issue), When: c.When, Status: changed(c.Status, fact.Status)}
	if c.Cites != nil && !slices.Equal(c.Cites, fact.Cites) {
		data.Cites = c.Cites
		if err := file.checkSources("fact", c.Cites); err != nil {
			return nil, err
		}
	}
	if data.Text != nil {
		if err := checkWords("Text", "fact", *data.Text); err != nil {
			return nil, err
		}
	}
	if data.Issue != nil {
		if err := file.checkIssue(*data.Issue); err != nil {
			return nil, err
		}
	}
	if data.Status != nil {
		if data.Better, err = c.judge(file, fact); err != nil {
			return nil, err
		}
	}
	for _, err := range []error{c.When.check("When"), checkReason(c.Reason)} {
		if err != nil {
			return nil, err
		}
	}
	if data.Text == nil && data.Issue == nil && data.Cites == nil && data.When == nil && data.Status == nil {
		return nil, nil
	}
	return newEvent(FactChanged, c.Case, c.Reason, data)
}

// judge checks what is thought of a fact now, and returns the one that is better.
func (c ChangeFact) judge(file *caseFile, fact *Fact) (better int, err error) {
	switch *c.Status {
	case FactProposed, FactRejected:
		return 0, nil
	case FactAccepted:
		cites := fact.Cites
		if c.Cites != nil {
			cites = c.Cites
		}
		return 0, file.checkSources("fact", slices.DeleteFunc(slices.Clone(cites), func(id int) bool { return file.citation(id) == nil }))
	case FactSuperseded:
		if c.Better == c.ID {
			return 0, refuse(Invalid, "Better", "Fact %d cannot supersede itself.", c.ID)
		}
		_, err := find(file.Facts, c.Better, file, "fact")
		return c.Better, err
	}
	return 0, refuse(Invalid, "Status", "%q is not a status of a fact: choose from proposed, accepted, rejected and superseded.", *c.Status)
}

const maxAlternatives = 20

// Check refuses a decision without a reason.
func (c MakeDecision) Check(s *State, _ time.Time) ([]Event, error) {
	file, err := s.stating(c.Case, c.Revision)
	if err != nil {
		return nil, err
	}
	data := DecisionMadeData{ID: len(file.Decisions) + 1, Text: written(c.Text), Why: written(c.Why), DecidedBy: strings.TrimSpace(c.DecidedBy), Cites: c.Cites, Supersedes: c.Supersedes}
	checks := []error{checkWords("Text", "decision", data.Text), checkWords("Why", "reason of the decision", data.Why),
		checkLine("DecidedBy", "name of who decided", data.DecidedBy, maxTitle), file.checkCitations("Cites", c.Cites)}
	for _, a := range c.Alternatives {
		if a = written(a); a != "" {
			data.Alternatives = append(data.Alternatives, a)
			checks = append(checks, checkText("Alternatives", "alternative", a, maxText))
		}
	}
	if len(data.Alternatives) > maxAlternatives {
		checks = append(checks, refuse(Invalid, "Alternatives", "A decision has at most %d alternatives.", maxAlternatives))
	}
	if c.Supersedes != 0 {
		before, err := find(file.Decisions, c.Supersedes, file, "decision")
		if err == nil && before.Superseded != 0 {
			err = refuse(Conflict, "Supersedes", "Decision %d was superseded already, by decision %d.", before.ID, before.Superseded)
		}
		checks = append(checks, err)
	}
	for _, err := range checks {
		if err != nil {
			return nil, err
		}
	}
	return newEvent(DecisionMade, c.Case, "", data)
}

// Check refuses a date that nothing says.
func (c SetKeyDate) Check(s *State, _ time.Time) ([]Event, error) {
	file, err := s.stating(c.Case, c.Revision)
	if err != nil {
		return nil, err
	}
	kind, label := or(c.Kind, "other"), strings.TrimSpace(c.Label)
	if !slices.Contains(KeyDateKinds, kind) {
		return nil, refuse(Invalid, "Kind", "%q is not a kind of date: choose from %s.", kind, enumerate(KeyDateKinds))
	}
	if label == "" {
		return nil, refuse(Invalid, "Label", "Say in a few words what happens then.")
	}
	for _, err := range []error{checkLine("Label", "label", label, maxTitle), c.When.check("When"), file.checkSources("date", c.Cites)} {
		if err != nil {
			return nil, err
		}
	}
	return newEvent(KeyDateSet, c.Case, "", KeyDateSetData{len(file.KeyDates) + 1, label, kind, c.When, c.Cites})
}

// Check refuses to take back what was taken back.
func (c RemoveKeyDate) Check(s *State, _ time.Time) ([]Event, error) {
	file, err := s.stating(c.Case, c.Revision)
	if err != nil {
		return nil, err
	}
	date, err := find(file.KeyDates, c.ID, file, "date")
	if err != nil {
		return nil, err
	}
	if !date.Removed.IsZero() {
		return nil, refuse(Gone, "ID", "Date %d of case %s was removed already.", c.ID, file.label())
	}
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	return newEvent(KeyDateRemoved, c.Case, c.Reason, KeyDateRemovedData{c.ID})
}

// restingOn names a statement that has to have a source and would have none without a citation; "" when there is none.
func (c *Case) restingOn(citation int) string {
	alone := func(cites []int) bool {
		return slices.Contains(cites, citation) && !slices.ContainsFunc(cites, func(id int) bool { return id != citation && c.citation(id) != nil })
	}
	for _, f := range c.Facts {
		if f.Status == FactAccepted && alone(f.Cites) {
			return "fact " + itoa(f.ID)
		}
	}
	for _, p := range c.Commitments {
		if alone(p.Cites) {
			return "promise " + itoa(p.ID)
		}
	}
	for _, d := range c.KeyDates {
		if d.Removed.IsZero() && alone(d.Cites) {
			return "date " + itoa(d.ID)
		}
	}
	return ""
}

func (f Fact) clone() Fact {
	f.Cites, f.When = copied(f.Cites), f.When.clone()
	return f
}

func (d Decision) clone() Decision {
	d.Cites, d.Alternatives = copied(d.Cites), slices.Clone(d.Alternatives)
	return d
}

func (d KeyDate) clone() KeyDate {
	d.Cites = copied(d.Cites)
	return d
}
