package casework

import (
	"slices"
	"strings"
	"time"

	"polytrace/archive"
)

// Commands about cases and their notes.
type (
	// OpenCase opens a case with the next number.
	OpenCase struct {
		Title, Account, Owner string
		Severity              int     // 1 (worst) to 4; default 3.
		Messages              []Named // Whose conversations are of it from the beginning.
		Kind, Team            string
		Tags                  []string
		Routed                *Routing
		Number                *int // *Number receives the number when not nil. It counts when Do succeeds.

		effects *RuleEffects // With Routed.
	}
	// ChangeCase changes what is not nil. With a Revision it is refused when
	// somebody else decided something about the case since.
	ChangeCase struct {
		Case           int
		Title, Account *string
		Status         *Status
		Severity       *int
		Team           *string
		Tags           *[]string
		Muted          *bool
		Reason         string
		Revision       *archive.Position
	}
	// AssignCase gives a case to an owner, or with "" takes the owner away. People take a case, or give theirs
	// back; to somebody else they offer it: see OfferHandoff. Managers assign. What is taken from somebody
	// needs a reason. With a Team it goes to that in the same moment.
	AssignCase struct {
		Case          int
		Owner, Reason string
		Team          *string
		ByRule        // That decided it, when nobody did.
		Revision      *archive.Position

		actor string // Set by the Desk.
	}
	// AddNote adds an internal remark.
	AddNote struct {
		Case  int
		Text  string
		Cites []int // IDs of citations of the case.
	}
)

// Valid reports whether s is a status.
func (s Status) Valid() bool { return slices.Contains(Statuses(), s) }

// Statuses lists the statuses in the order a case usually goes through them.
func Statuses() []Status {
	return []Status{New, Open, WaitingCustomer, WaitingUs, Resolved, Closed}
}

const usualSeverity = 3

// Check gives the case the next number.
func (c OpenCase) Check(s *State, now time.Time) ([]Event, error) {
	title, account := strings.TrimSpace(c.Title), s.accountText(strings.TrimSpace(c.Account))
	severity := c.Severity
	if severity == 0 {
		severity = usualSeverity
	}
	tags, err := tagsOf(c.Tags)
	for _, err := range []error{checkTitle(title), checkAccount(account), checkSeverity(severity), s.checkOwner(c.Owner), checkMessages(c.Messages), checkCaseKind(c.Kind), s.checkTeam("Team", c.Team), err} {
		if err != nil {
			return nil, err
		}
	}
	number := FirstCase + len(s.cases)
	if c.Number != nil {
		*c.Number = number
	}
	data := CaseOpenedData{Title: title, Account: account, Severity: severity, Owner: c.Owner, Links: c.Messages, Kind: c.Kind, Team: c.Team, Tags: tags, Routed: c.Routed, Effects: c.effects}
	if c.Owner != "" {
		data.Returns = s.returns(facts{severity, account, c.Team, c.Kind}, now)
	}
	return newEvent(CaseOpened, number, "", data)
}

func checkTitle(title string) error {
	if title == "" {
		return refuse(Invalid, "Title", "The title is missing. Say in a few words what the case is about.")
	}
	return checkLine("Title", "title", title, maxTitle)
}

func checkAccount(account string) error {
	return checkLine("Account", "account", account, maxAccount)
}

// Check drops from the event what would stay as it is.
func (c ChangeCase) Check(s *State, _ time.Time) ([]Event, error) {
	file, err := s.findCase(c.Case)
	if err != nil {
		return nil, err
	}
	data := CaseChangedData{
		Title:    changed(trimmed(c.Title), file.Title),
		Account:  changed(s.trimmedAccount(c.Account), file.Account),
		Status:   changed(c.Status, file.Status),
		Severity: changed(c.Severity, file.Severity),
		Team:     changed(c.Team, file.Team),
		Muted:    changed(c.Muted, file.Muted),
	}
	if data.Tags, err = changedTags(c.Tags, file.Tags); err != nil {
		return nil, err
	}
	if err := data.check(s); err != nil {
		return nil, err
	}
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	if err := s.checkRevision(file, c.Revision); err != nil {
		return nil, err
	}
	if data == (CaseChangedData{}) {
		return nil, nil
	}
	data.Released = data.Status != nil && file.Owner != "" && !s.users[file.Owner].may(Role.Works)
	if data.Status != nil && data.Team == nil && file.Team != "" && s.teams[file.Team] == nil {
		data.Team = new(string) // Its team was removed while it was closed.
	}
	return newEvent(CaseChanged, c.Case, c.Reason, data)
}

func (d CaseChangedData) check(s *State) error {
	if d.Title != nil {
		if err := checkTitle(*d.Title); err != nil {
			return err
		}
	}
	if d.Account != nil {
		if err := checkAccount(*d.Account); err != nil {
			return err
		}
	}
	if d.Status != nil && !d.Status.Valid() {
		return refuse(Invalid, "Status", "%q is not a status: choose from new, open, waiting-on-customer, waiting-on-us, resolved and closed.", *d.Status)
	}
	if err := s.checkMove(d.Team); err != nil {
		return err
	}
	if d.Severity != nil {
		return checkSeverity(*d.Severity)
	}
	return nil
}

// changedTags are tags in the form in which they are kept; nil when they are as they were.
func changedTags(tags *[]string, are []string) (*[]string, error) {
	if tags == nil {
		return nil, nil
	}
	list, err := tagsOf(*tags)
	if err != nil || slices.Equal(list, are) {
		return nil, err
	}
	return &list, nil
}

func trimmed(text *string) *string {
	if text == nil {
		return nil
	}
	t := strings.TrimSpace(*text)
	return &t
}

// changed returns value when it is there and differs from what is.
func changed[T comparable](value *T, is T) *T {
	if value == nil || *value == is {
		return nil
	}
	return value
}

func (c AssignCase) by(actor string) Command {
	c.actor = actor
	return c
}

// Check refuses an owner who could not work on the case, or was not asked.
func (c AssignCase) Check(s *State, now time.Time) ([]Event, error) {
	file, err := s.findCase(c.Case)
	if err != nil {
		return nil, err
	}
	team := changed(c.Team, file.Team)
	if c.Owner == file.Owner && team == nil {
		return nil, nil
	}
	for _, err := range []error{s.checkRevision(file, c.Revision), s.checkMove(team), s.checkOwner(c.Owner), c.checkTaken(s, file), checkReason(c.Reason)} {
		if err != nil {
			return nil, err
		}
	}
	return newEvent(CaseOwned, c.Case, c.Reason, s.owned(file, c.Owner, team, c.ByRule, now))
}

// checkTaken refuses to give a case to somebody who was not asked, and to take one from somebody without a word.
func (c AssignCase) checkTaken(s *State, file *caseFile) error {
	switch {
	case c.Owner == file.Owner:
	case c.Owner == c.actor && file.Owner == "":
		return s.checkMember(file, c.actor)
	case c.Owner != "" && c.Owner != c.actor && !s.leads(c.actor):
		return refuse(Forbidden, "Owner", "Offer the case to %s by a handoff: nobody but a manager gives a case to somebody who has not accepted it.", s.who(c.Owner))
	case file.Owner != "" && file.Owner != c.actor && strings.TrimSpace(c.Reason) == "":
		return refuse(Invalid, "Reason", "Say why the case is taken from %s.", s.who(file.Owner))
	}
	return nil
}

// Check refuses a note that cites what the case does not have.
func (c AddNote) Check(s *State, _ time.Time) ([]Event, error) {
	file, err := s.findCase(c.Case)
	if err != nil {
		return nil, err
	}
	text := strings.TrimSpace(strings.ReplaceAll(c.Text, "\r\n", "\n"))
	if text == "" {
		return nil, refuse(Invalid, "Text", "The note is empty.")
	}
	if err := checkText("Text", "note", text, maxText); err != nil {
		return nil, err
	}
	if err := file.checkCitations("Cites", c.Cites); err != nil {
		return nil, err
	}
	return newEvent(NoteAdded, c.Case, "", NoteAddedData{len(file.Notes) + 1, text, c.Cites, s.Mentioned(text)})
}

// checkCitations refuses IDs that are not of citations of the case, or that come twice.
func (c *Case) checkCitations(field string, ids []int) error {
	for i, id := range ids {
		switch {
		case slices.ContainsFunc(c.Withdrawn, func(x Citation) bool { return x.ID == id }):
			return refuse(Gone, field, "Citation %d of case %s was withdrawn.", id, c.label())
		case c.citation(id) == nil:
			return refuse(Invalid, field, "Case %s has no citation %d.", c.label(), id)
		case slices.Contains(ids[:i], id):
			return refuse(Invalid, field, "Citation %d is named twice.", id)
		}
	}
	return nil
}
