package casework

import (
	"fmt"
	"strconv"
	"strings"
)

// statementFolds are the folds of the events about statements.
var statementFolds = map[EventType]caseFold{
	IssueOpened:        onCase((*State).issueOpened),
	IssueChanged:       onCase((*State).issueChanged),
	FactStated:         onCase((*State).factStated),
	FactChanged:        onCase((*State).factChanged),
	DecisionMade:       onCase((*State).decisionMade),
	CommitmentMade:     onCase((*State).commitmentMade),
	CommitmentMoved:    onCase((*State).commitmentMoved),
	CommitmentEnded:    onCase((*State).commitmentEnded),
	CommitmentReopened: onCase((*State).commitmentReopened),
	KeyDateSet:         onCase((*State).keyDateSet),
	KeyDateRemoved:     onCase((*State).keyDateRemoved),
}

func itoa(n int) string { return strconv.Itoa(n) }

// turn refuses a statement whose ID is not the next, and sources that the case never had.
func (c *caseFile) turn(what string, id, had int, cites []int) error {
	if id != had+1 {
		return fmt.Errorf("%s %d is out of turn", what, id)
	}
	return c.cited(cites)
}

func (c *caseFile) cited(cites []int) error {
	if id, ok := missing(cites, func(id int) bool { return c.citation(id) != nil }); ok {
		return fmt.Errorf("there is no citation %d", id)
	}
	return nil
}

// nth is a statement by its ID; an error when there is none.
func nth[T any](list []T, id int, what string) (*T, error) {
	if id < 1 || id > len(list) {
		return nil, fmt.Errorf("there is no %s %d", what, id)
	}
	return &list[id-1], nil
}

// say is a line of the log about a statement.
func (s *State) say(d decision, item, format string, args ...any) Entry {
	return Entry{Item: item, Text: sentence(s.who(d.Actor)+" "+fmt.Sprintf(format, args...), d.Reason)}
}

// head is the beginning of a text, for the log.
func head(text string) string {
	const most = 80
	n := 0
	for i, r := range text {
		if r == '\n' || n == most {
			return text[:i] + "…"
		}
		n++
	}
	return text
}

func (s *State) issueOpened(c *caseFile, d decision, data IssueOpenedData) (Entry, error) {
	if err := c.turn("issue", data.ID, len(c.Issues), nil); err != nil {
		return Entry{}, err
	}
	c.Issues = append(c.Issues, Issue{ID: data.ID, Title: data.Title, State: IssueOpen, By: s.actor(d.Actor), At: d.At, Changed: d.At})
	return s.say(d, "issue-"+itoa(data.ID), "opened the issue “%s”", data.Title), nil
}

func (s *State) issueChanged(c *caseFile, d decision, data IssueChangedData) (Entry, error) {
	issue, err := nth(c.Issues, data.ID, "issue")
	if err != nil {
		return Entry{}, err
	}
	var did []string
	if data.Title != nil {
		did = append(did, fmt.Sprintf("renamed the issue “%s” to “%s”", issue.Title, *data.Title))
	}
	assign(&issue.Title, data.Title)
	if data.State != nil {
		verb := map[IssueState]string{IssueOpen: "reopened", IssueSolved: "solved", IssueDropped: "dropped"}[*data.State]
		did = append(did, fmt.Sprintf("%s the issue “%s”", or(verb, "changed"), issue.Title))
	}
	assign(&issue.State, data.State)
	issue.Changed = d.At
	return s.say(d, "issue-"+itoa(data.ID), "%s", or(enumerate(did), "changed nothing")), nil
}

func (s *State) factStated(c *caseFile, d decision, data FactStatedData) (Entry, error) {
	if err := c.turn("fact", data.ID, len(c.Facts), data.Cites); err != nil {
		return Entry{}, err
	}
	if _, err := nth(c.Issues, data.Issue, "issue"); data.Issue != 0 && err != nil {
		return Entry{}, err
	}
	f := Fact{ID: data.ID, Text: data.Text, Issue: data.Issue, Cites: data.Cites, When: data.When, Status: FactProposed, By: s.actor(d.Actor), At: d.At}
	verb := "proposed the fact"
	if data.Accepted {
		f.Status, f.Judged, verb = FactAccepted, s.actor(d.Actor), "stated"
	}
	c.Facts = append(c.Facts, f)
	return s.say(d, "fact-"+itoa(data.ID), "%s “%s”", verb, head(data.Text)), nil
}

func (s *State) factChanged(c *caseFile, d decision, data FactChangedData) (Entry, error) {
	f, err := nth(c.Facts, data.ID, "fact")
	if err == nil {
		err = c.cited(data.Cites)
	}
	if _, wrong := nth(c.Issues, deref(data.Issue), "issue"); err == nil && deref(data.Issue) != 0 {
		err = wrong
	}
	if _, wrong := nth(c.Facts, data.Better, "fact"); err == nil && data.Better != 0 {
		err = wrong
	}
	if err != nil {
		return Entry{}, err
	}
	verb := "changed"
	if data.Status != nil {
		verb = map[FactStatus]string{FactAccepted: "accepted", FactRejected: "rejected", FactProposed: "took back what was thought of", FactSuperseded: "replaced"}[*data.Status]
		f.Status, f.Better, f.Judged = *data.Status, data.Better, s.actor(d.Actor)
	}
	text := fmt.Sprintf("%s the fact “%s”", or(verb, "changed"), head(f.Text))
	if data.Better != 0 {
		text += fmt.Sprintf(" by “%s”", head(c.Facts[data.Better-1].Text))
	}
	if data.Text != nil {
		text += fmt.Sprintf(" to “%s”", head(*data.Text))
	}
	assign(&f.Text, data.Text)
	assign(&f.Issue, data.Issue)
	if data.Cites != nil {
		f.Cites = data.Cites
	}
	if data.When != nil {
		f.When = data.When
	}
	return s.say(d, "fact-"+itoa(data.ID), "%s", text), nil
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func (s *State) decisionMade(c *caseFile, d decision, data DecisionMadeData) (Entry, error) {
	if err := c.turn("decision", data.ID, len(c.Decisions), data.Cites); err != nil {
		return Entry{}, err
	}
	made := Decision{ID: data.ID, Text: data.Text, Why: data.Why, Alternatives: data.Alternatives, DecidedBy: data.DecidedBy, Cites: data.Cites, Supersedes: data.Supersedes, By: s.actor(d.Actor), At: d.At}
	text := fmt.Sprintf("wrote down the decision “%s”", head(data.Text))
	if data.Supersedes != 0 {
		before, err := nth(c.Decisions, data.Supersedes, "decision")
		if err != nil {
			return Entry{}, err
		}
		before.Superseded = data.ID
		text += fmt.Sprintf(" in place of “%s”", head(before.Text))
	}
	c.Decisions = append(c.Decisions, made)
	return s.say(d, "decision-"+itoa(data.ID), "%s", text), nil
}

func (s *State) commitmentMade(c *caseFile, d decision, data CommitmentMadeData) (Entry, error) {
	if err := c.turn("promise", data.ID, len(c.Commitments), data.Cites); err != nil {
		return Entry{}, err
	}
	c.Commitments = append(c.Commitments, Commitment{ID: data.ID, Direction: data.Direction, Debtor: data.Debtor, Creditor: data.Creditor, What: data.What, Due: data.Due, Cites: data.Cites, By: s.actor(d.Actor), At: d.At})
	text := fmt.Sprintf("wrote down that %s promised “%s”", or(s.party(data.Debtor), "somebody"), head(data.What))
	if data.Due != nil {
		text += ", due " + data.Due.words()
	}
	return s.say(d, "promise-"+itoa(data.ID), "%s", text), nil
}

// party is how people know somebody.
func (s *State) party(p Party) string {
	if p.User != "" {
		return s.who(p.User)
	}
	return or(p.Name, p.Address)
}

// words is a time as it stands in a sentence.
func (w *When) words() string {
	switch {
	case w == nil:
		return "no time"
	case w.Grain == "minute":
		return w.From.Format("2 January 2006 15:04 MST")
	}
	return w.To.AddDate(0, 0, -1).Format("2 January 2006")
}

// going is a promise that has not ended, about which something is said that rests on citations.
func (c *caseFile) going(id int, cites []int) (*Commitment, error) {
	p, err := nth(c.Commitments, id, "promise")
	switch {
	case err != nil:
		return nil, err
	case p.End != nil:
		return nil, fmt.Errorf("promise %d has ended", id)
	}
	return p, c.cited(cites)
}

func (s *State) commitmentMoved(c *caseFile, d decision, data CommitmentMovedData) (Entry, error) {
	p, err := c.going(data.ID, data.Cites)
	if err != nil {
		return Entry{}, err
	}
	text := fmt.Sprintf("wrote down that the promise “%s” changed", head(p.What))
	if data.What != p.What {
		text += fmt.Sprintf(" to “%s”", head(data.What))
	}
	if !sameWhen(data.Due, p.Due) {
		text += fmt.Sprintf(", due %s instead of %s", data.Due.words(), p.Due.words())
	}
	p.Moves = append(p.Moves, Move{What: p.What, Due: p.Due, Asked: data.Asked, Cites: data.Cites, By: s.actor(d.Actor), At: d.At})
	p.What, p.Due = data.What, data.Due
	return s.say(d, "promise-"+itoa(data.ID), "%s", text), nil
}

func (s *State) commitmentEnded(c *caseFile, d decision, data CommitmentEndedData) (Entry, error) {
	p, err := c.going(data.ID, data.Cites)
	if err != nil {
		return Entry{}, err
	}
	p.End = &End{How: data.How, When: data.When, Cites: data.Cites, By: s.actor(d.Actor), At: d.At}
	return s.say(d, "promise-"+itoa(data.ID), "wrote down that the promise “%s” was %s", head(p.What), strings.ReplaceAll(string(p.State(d.At)), "-", " ")), nil
}

func (s *State) commitmentReopened(c *caseFile, d decision, data CommitmentReopenedData) (Entry, error) {
	p, err := nth(c.Commitments, data.ID, "promise")
	if err == nil && p.End == nil {
		err = fmt.Errorf("promise %d is open", data.ID)
	}
	if err != nil {
		return Entry{}, err
	}
	p.End = nil
	return s.say(d, "promise-"+itoa(data.ID), "reopened the promise “%s”", head(p.What)), nil
}

func (s *State) keyDateSet(c *caseFile, d decision, data KeyDateSetData) (Entry, error) {
	if err := c.turn("date", data.ID, len(c.KeyDates), data.Cites); err != nil {
		return Entry{}, err
	}
	c.KeyDates = append(c.KeyDates, KeyDate{ID: data.ID, Label: data.Label, Kind: data.Kind, When: data.When, Cites: data.Cites, By: s.actor(d.Actor), At: d.At})
	return s.say(d, "date-"+itoa(data.ID), "kept the date of “%s”", data.Label), nil
}

func (s *State) keyDateRemoved(c *caseFile, d decision, data KeyDateRemovedData) (Entry, error) {
	date, err := nth(c.KeyDates, data.ID, "date")
	if err == nil && !date.Removed.IsZero() {
		err = fmt.Errorf("date %d was removed already", data.ID)
	}
	if err != nil {
		return Entry{}, err
	}
	date.Removed, date.RemovedBy = d.At, s.actor(d.Actor)
	return s.say(d, "date-"+itoa(data.ID), "removed the date of “%s”", date.Label), nil
}
