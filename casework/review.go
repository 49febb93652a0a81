package casework

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"polytrace/archive"
)

// A review is a manager's look at a case: begun, read and asked, and decided. It is a record of its own, so that
// what it took is known: how long, which messages were read, which questions were asked. What is decided is carried
// out by the same event.

// The types of event about reviews.
const (
	ReviewAsked   EventType = "review.asked" // somebody wants one
	ReviewOpened  EventType = "review.opened"
	ReviewDecided EventType = "review.decided"
)

// ReviewState is how a review stands.
type ReviewState string

// The states of a review.
const (
	ReviewWanted ReviewState = "wanted" // Nobody has begun it.
	ReviewOpen   ReviewState = "open"
	ReviewDone   ReviewState = "decided"
)

// ReviewDo is what a review decides.
type ReviewDo string

// What a review decides.
const (
	ReviewContinue ReviewDo = "continue" // As it is.
	ReviewSeverity ReviewDo = "severity" // It is worse, or less bad, than it was taken for.
	ReviewTakeOver ReviewDo = "take-over"
	ReviewClose    ReviewDo = "close"
)

// ReviewDos lists what a review can decide.
func ReviewDos() []ReviewDo {
	return []ReviewDo{ReviewContinue, ReviewSeverity, ReviewTakeOver, ReviewClose}
}

// Review is a look at a case by somebody who leads.
type Review struct {
	ID    int         `json:"id"`
	State ReviewState `json:"state"`

	AskedBy string    `json:"asked_by,omitempty"` // Who wanted it; "" when nobody did but who began it.
	AskedOf string    `json:"asked_of,omitempty"` // Whom they asked; "" is any manager.
	Asked   time.Time `json:"asked,omitzero"`
	Why     string    `json:"why,omitempty"` // It was wanted.

	By     string    `json:"by,omitempty"` // Who began it.
	Opened time.Time `json:"opened,omitzero"`

	Decided  time.Time         `json:"decided,omitzero"`
	Do       ReviewDo          `json:"do,omitempty"`
	Severity int               `json:"severity,omitempty"` // The new one, when it changed.
	Reason   string            `json:"reason,omitempty"`
	Viewed   []archive.Address `json:"viewed,omitempty"` // Messages of the case that were read meanwhile.
}

// Took is how long it took from beginning to decision; 0 while it is not decided.
func (r Review) Took() time.Duration {
	if r.State != ReviewDone {
		return 0
	}
	return r.Decided.Sub(r.Opened)
}

// Asking lists the questions of a case that who reviews it asked meanwhile.
func (r Review) Asking(c Case) (ids []int) {
	for _, q := range c.Questions {
		if r.By != "" && q.By == r.By && !q.At.Before(r.Opened) && (r.State == ReviewOpen || !q.At.After(r.Decided)) {
			ids = append(ids, q.ID)
		}
	}
	return ids
}

func (r Review) clone() Review {
	r.Viewed = slices.Clone(r.Viewed)
	return r
}

// The data of the events about reviews.
type (
	// ReviewAskedData is the data of ReviewAsked.
	ReviewAskedData struct {
		ID int    `json:"id"`
		To string `json:"to,omitempty"` // Absent: any manager.
	}
	// ReviewOpenedData is the data of ReviewOpened. The ID is that of a review that was asked for, or the next.
	ReviewOpenedData struct {
		ID int `json:"id"`
	}
	// ReviewDecidedData is the data of ReviewDecided.
	ReviewDecidedData struct {
		ID       int               `json:"id"`
		Do       ReviewDo          `json:"do"`
		Severity int               `json:"severity,omitempty"` // Of a change of severity.
		Handoffs []int             `json:"handoffs,omitempty"` // Of the case, that end because it has another owner.
		Viewed   []archive.Address `json:"viewed,omitempty"`
	}
)

// maxViewed is how many messages are kept with a review.
const maxViewed = 500

// Commands about reviews.
type (
	// AskReview asks a manager to look at a case.
	AskReview struct {
		Case   int
		To     string // "": any manager.
		Reason string // Needed.

		actor string // Set by the Desk.
	}
	// OpenReview begins one: that which was asked of who begins it, if there is one.
	OpenReview struct {
		Case int

		actor string
	}
	// DecideReview says what comes of it, and carries that out. With a Revision it is refused when somebody else
	// decided something about the case since.
	DecideReview struct {
		Case, ID int
		Do       ReviewDo
		Severity int    // Of a change of severity.
		Reason   string // Needed.
		Viewed   []archive.Address
		Revision *archive.Position

		actor string
	}
)

func (c AskReview) by(actor string) Command    { c.actor = actor; return c }
func (c OpenReview) by(actor string) Command   { c.actor = actor; return c }
func (c DecideReview) by(actor string) Command { c.actor = actor; return c }

// Check refuses to ask somebody who could not decide, and to ask twice.
func (c AskReview) Check(s *State, _ time.Time) ([]Event, error) {
	file, err := s.findCase(c.Case)
	if err != nil {
		return nil, err
	}
	switch {
	case c.To != "" && (s.users[c.To] == nil || !s.leads(c.To)):
		return nil, refuse(Invalid, "To", "Choose a manager: only those who lead review a case.")
	case c.To != "" && c.To == c.actor:
		return nil, refuse(Invalid, "To", "You need not ask yourself. Start the review.")
	case strings.TrimSpace(c.Reason) == "":
		return nil, refuse(Invalid, "Reason", "Say what the review is to decide.")
	}
	for _, r := range file.Reviews {
		if r.State == ReviewWanted && r.AskedOf == c.To {
			return nil, refuse(Conflict, "To", "%s asked for that review already, and nobody has begun it.", s.who(r.AskedBy))
		}
	}
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	return newEvent(ReviewAsked, c.Case, strings.TrimSpace(c.Reason), ReviewAskedData{len(file.Reviews) + 1, c.To})
}

// Check lets those who lead begin one, and each of them one at a time.
func (c OpenReview) Check(s *State, _ time.Time) ([]Event, error) {
	file, err := s.findCase(c.Case)
	if err != nil {
		return nil, err
	}
	if !s.leads(c.actor) {
		return nil, refuse(Forbidden, "Case", "Only a manager reviews a case. Ask one for a review.")
	}
	id := len(file.Reviews) + 1
	for _, r := range file.Reviews {
		switch {
		case r.State == ReviewOpen && r.By == c.actor:
			return nil, nil // It goes on.
		case r.State == ReviewWanted && s.reviewer(r) == c.actor:
			id = min(id, r.ID)
		}
	}
	if id > len(file.Reviews) { // Nobody asked this one by name.
		for _, r := range file.Reviews {
			if r.State == ReviewWanted && s.reviewer(r) == "" {
				id = min(id, r.ID)
			}
		}
	}
	return newEvent(ReviewOpened, c.Case, "", ReviewOpenedData{id})
}

// reviewer is who has to see to a review that is not decided: who began it, or whom it was asked of while they
// lead; "" is any manager.
func (s *State) reviewer(r Review) string {
	switch {
	case r.State == ReviewOpen:
		return r.By
	case r.AskedOf != "" && s.leads(r.AskedOf):
		return r.AskedOf
	}
	return ""
}

// Check refuses a decision that could not be carried out.
func (c DecideReview) Check(s *State, _ time.Time) ([]Event, error) {
	file, err := s.stating(c.Case, c.Revision)
	if err != nil {
		return nil, err
	}
	r, err := find(file.Reviews, c.ID, file, "review")
	if err != nil {
		return nil, err
	}
	switch {
	case r.State == ReviewDone:
		return nil, refuse(Conflict, "ID", "%s has decided review %d of case %s already.", s.who(r.By), c.ID, file.label())
	case r.State != ReviewOpen:
		return nil, refuse(Conflict, "ID", "Nobody has begun review %d of case %s. Start it first.", c.ID, file.label())
	case r.By != c.actor:
		return nil, refuse(Forbidden, "ID", "%s reviews the case, and alone decides that review.", s.who(r.By))
	case !s.leads(c.actor):
		return nil, refuse(Forbidden, "ID", "Only a manager decides a review.")
	case strings.TrimSpace(c.Reason) == "":
		return nil, refuse(Invalid, "Reason", "Say why, so that who works on the case can go by it.")
	case len(c.Viewed) > maxViewed:
		return nil, refuse(Invalid, "Viewed", "At most %d messages are kept with a review.", maxViewed)
	}
	data := ReviewDecidedData{ID: c.ID, Do: c.Do, Viewed: c.Viewed}
	if data.Severity, data.Handoffs, err = c.carries(s, file); err == nil {
		err = checkReason(c.Reason)
	}
	if err != nil {
		return nil, err
	}
	return newEvent(ReviewDecided, c.Case, strings.TrimSpace(c.Reason), data)
}

// carries checks what is decided: the severity from then on, and the handoffs that end.
func (c DecideReview) carries(s *State, file *caseFile) (severity int, handoffs []int, err error) {
	if c.Do != ReviewSeverity && c.Severity != 0 {
		return 0, nil, refuse(Invalid, "Severity", "Only a change of severity has one.")
	}
	switch c.Do {
	case ReviewContinue:
		return 0, nil, nil
	case ReviewSeverity:
		if c.Severity == file.Severity {
			return 0, nil, refuse(Invalid, "Severity", "The severity is %d already. Choose another one, or have the case go on as it is.", c.Severity)
		}
		return c.Severity, nil, checkSeverity(c.Severity)
	case ReviewTakeOver:
		switch {
		case file.Owner == c.actor:
			return 0, nil, refuse(Conflict, "Do", "You own the case already.")
		case s.users[c.actor] == nil:
			return 0, nil, refuse(Forbidden, "Do", "Only a person takes a case over.")
		}
		return 0, file.handing(), s.checkOwner(c.actor)
	case ReviewClose:
		if file.Status == Closed {
			return 0, nil, refuse(Conflict, "Do", "Case %s is closed already.", file.label())
		}
		return 0, nil, nil
	}
	return 0, nil, refuse(Invalid, "Do", "%q is not what a review decides: choose from continue, severity, take-over and close.", c.Do)
}

// Reviewing is a review that is not decided, with its case and who has to see to it.
type Reviewing struct {
	Review
	Case    int    `json:"case"`
	Title   string `json:"title"`   // Of the case.
	Answers string `json:"answers"` // "": any manager.
}

// Reviews lists the reviews that are not decided, in order of their cases.
func (s *State) Reviews() (open []Reviewing) {
	for _, c := range s.cases {
		for _, r := range c.Reviews {
			if r.State != ReviewDone {
				open = append(open, Reviewing{r.clone(), c.Number, c.Title, s.reviewer(r)})
			}
		}
	}
	return open
}

// reviewFolds are the folds of the events about reviews.
var reviewFolds = map[EventType]caseFold{
	ReviewAsked:   onCase((*State).reviewAsked),
	ReviewOpened:  onCase((*State).reviewOpened),
	ReviewDecided: onCase((*State).reviewDecided),
}

func (s *State) reviewAsked(c *caseFile, d decision, data ReviewAskedData) (Entry, error) {
	if err := c.turn("review", data.ID, len(c.Reviews), nil); err != nil {
		return Entry{}, err
	}
	whom := "a manager"
	if data.To != "" {
		if s.users[data.To] == nil {
			return Entry{}, noUser(data.To)
		}
		whom = s.who(data.To)
	}
	c.Reviews = append(c.Reviews, Review{ID: data.ID, State: ReviewWanted, AskedBy: s.actor(d.Actor), AskedOf: s.actor(data.To), Asked: d.At, Why: d.Reason})
	return s.say(d, reviewItem(data.ID), "asked %s for a review", whom), nil
}

func reviewItem(id int) string { return "review-" + itoa(id) }

func (s *State) reviewOpened(c *caseFile, d decision, data ReviewOpenedData) (Entry, error) {
	if data.ID == len(c.Reviews)+1 {
		c.Reviews = append(c.Reviews, Review{ID: data.ID, State: ReviewWanted})
	}
	r, err := c.reviewIn(data.ID, ReviewWanted)
	if err != nil {
		return Entry{}, err
	}
	r.State, r.By, r.Opened = ReviewOpen, s.actor(d.Actor), d.At
	return s.say(d, reviewItem(data.ID), "began a review"), nil
}

// reviewIn is a review of a case in a state; an error when it is in another.
func (c *caseFile) reviewIn(id int, state ReviewState) (*Review, error) {
	r, err := nth(c.Reviews, id, "review")
	if err == nil && r.State != state {
		err = fmt.Errorf("review %d is %s", id, r.State)
	}
	return r, err
}

func (s *State) reviewDecided(c *caseFile, d decision, data ReviewDecidedData) (Entry, error) {
	r, err := c.reviewIn(data.ID, ReviewOpen)
	if err == nil && data.Do == ReviewSeverity {
		err = checkSeverity(data.Severity)
	}
	if err == nil && data.Do == ReviewTakeOver && s.users[d.Actor] == nil {
		err = noUser(d.Actor)
	}
	if err == nil && !slices.Contains(ReviewDos(), data.Do) {
		err = fmt.Errorf("it decides %q", data.Do)
	}
	if err != nil {
		return Entry{}, err
	}
	r.State, r.Decided, r.Do, r.Severity, r.Reason, r.Viewed = ReviewDone, d.At, data.Do, data.Severity, d.Reason, data.Viewed
	entry := s.sayReviewed(c, d, *r)
	switch data.Do {
	case ReviewSeverity:
		c.Severity = data.Severity
	case ReviewTakeOver:
		c.own(s.actor(d.Actor), time.Time{})
		s.endHandoffs(d, handoffsOf(c.Number, data.Handoffs), "the case has another owner")
	case ReviewClose:
		c.Status = Closed
	}
	return entry, nil
}

// sayReviewed is called before what was decided is carried out.
func (s *State) sayReviewed(c *caseFile, d decision, r Review) Entry {
	did := map[ReviewDo]string{
		ReviewContinue: "the case goes on as it is",
		ReviewSeverity: "the severity is " + itoa(r.Severity) + " instead of " + itoa(c.Severity),
		ReviewTakeOver: s.who(d.Actor) + " takes the case over from " + or(s.who(c.Owner), "nobody"),
		ReviewClose:    "the case is closed",
	}[r.Do]
	return s.say(d, reviewItem(r.ID), "reviewed the case, %s, %s read, and decided: %s", Spell(r.Took()), count(len(r.Viewed), "message"), did)
}
