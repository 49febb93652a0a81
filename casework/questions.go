package casework

import (
	"slices"
	"time"

	"polytrace/archive"
)

// Questions are asked and answered inside of the case, so that nobody has to ask them again. An answer that
// rests on a citation is a fact.

// The types of event about questions.
const (
	QuestionAsked    EventType = "question.asked"
	QuestionAnswered EventType = "question.answered"
)

// Question is what somebody asked a colleague.
type Question struct {
	ID      int       `json:"id"`
	To      string    `json:"to"`
	Text    string    `json:"text"`
	Handoff int       `json:"handoff,omitempty"` // The one that it came up with.
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Answer  *Answer   `json:"answer,omitempty"`
}

// Answer is what was answered.
type Answer struct {
	Text  string    `json:"text"`
	Cites []int     `json:"cites"`
	Fact  int       `json:"fact,omitempty"` // That it became; 0 when it has no source.
	By    string    `json:"by"`
	At    time.Time `json:"at"`
}

// The data of the events about questions.
type (
	// QuestionAskedData is the data of QuestionAsked.
	QuestionAskedData struct {
		ID      int    `json:"id"`
		To      string `json:"to"`
		Text    string `json:"text"`
		Handoff int    `json:"handoff,omitempty"`
	}
	// QuestionAnsweredData is the data of QuestionAnswered.
	QuestionAnsweredData struct {
		ID    int    `json:"id"`
		Text  string `json:"text"`
		Cites []int  `json:"cites,omitempty"`
		Fact  int    `json:"fact,omitempty"` // That the answer is from now on, accepted.
	}
)

// Commands about questions. With a Revision they are refused when somebody else decided something about the
// case since.
type (
	// AskQuestion asks a colleague.
	AskQuestion struct {
		Case     int
		To, Text string
		Handoff  int // 0: of none.
		Revision *archive.Position
	}
	// AnswerQuestion answers. With citations the answer becomes a fact.
	AnswerQuestion struct {
		Case, ID int
		Text     string
		Cites    []int
		Revision *archive.Position
	}
)

// Check refuses a question to somebody who could not answer it.
func (c AskQuestion) Check(s *State, _ time.Time) ([]Event, error) {
	file, err := s.stating(c.Case, c.Revision)
	if err != nil {
		return nil, err
	}
	text := written(c.Text)
	if c.Handoff != 0 {
		if _, err := find(file.Handoffs, c.Handoff, file, "handoff"); err != nil {
			return nil, err
		}
	}
	if !s.users[c.To].may(Role.Works) {
		return nil, refuse(Invalid, "To", "Choose somebody who works on cases, and so can answer.")
	}
	if err := checkWords("Text", "question", text); err != nil {
		return nil, err
	}
	return newEvent(QuestionAsked, c.Case, "", QuestionAskedData{len(file.Questions) + 1, c.To, text, c.Handoff})
}

// Check refuses a second answer.
func (c AnswerQuestion) Check(s *State, _ time.Time) ([]Event, error) {
	file, err := s.stating(c.Case, c.Revision)
	if err != nil {
		return nil, err
	}
	q, err := find(file.Questions, c.ID, file, "question")
	if err != nil {
		return nil, err
	}
	data := QuestionAnsweredData{ID: c.ID, Text: written(c.Text), Cites: c.Cites}
	if q.Answer != nil {
		return nil, refuse(Conflict, "ID", "Question %d of case %s was answered by %s.", c.ID, file.label(), s.who(q.Answer.By))
	}
	for _, err := range []error{checkWords("Text", "answer", data.Text), file.checkCitations("Cites", c.Cites)} {
		if err != nil {
			return nil, err
		}
	}
	if len(c.Cites) > 0 {
		data.Fact = len(file.Facts) + 1
	}
	return newEvent(QuestionAnswered, c.Case, "", data)
}

// Asked is a question that was not answered, with its case and who has to answer it.
type Asked struct {
	Question
	Case    int    `json:"case"`
	Title   string `json:"title"`   // Of the case.
	Answers string `json:"answers"` // Whom it was asked of if they can still work, else the owner of the case.
}

// Asked lists the questions that were not answered, in order of their cases.
func (s *State) Asked() (open []Asked) {
	for _, c := range s.cases {
		for _, q := range c.Questions {
			if q.Answer != nil {
				continue
			}
			who := q.To
			if !s.users[who].may(Role.Works) {
				who = c.Owner
			}
			open = append(open, Asked{q.clone(), c.Number, c.Title, who})
		}
	}
	return open
}

func (q Question) clone() Question {
	if q.Answer != nil {
		a := *q.Answer
		a.Cites = slices.Clone(a.Cites)
		q.Answer = &a
	}
	return q
}
