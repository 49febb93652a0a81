package casework

import (
	"fmt"
	"time"

	"polytrace/archive"
)

// ExceptionSettled is the type of the event that somebody has seen to why mail of a case was an exception.
const ExceptionSettled EventType = "exception.settled"

// ExceptionSettledData is the data of ExceptionSettled.
type ExceptionSettledData struct {
	Message   Named  `json:"message"`   // That came in so.
	Exception string `json:"exception"` // In words; see Routing.
}

// Settled is that somebody has seen to the exception of a case. Another message that is an exception opens it again.
type Settled struct {
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Reason string    `json:"reason,omitempty"`
}

// SettleException says that somebody has seen to why mail of a case was an exception.
type SettleException struct {
	Case     int
	Reason   string
	Revision *archive.Position
}

// Check refuses what is no exception, or none any more.
func (c SettleException) Check(s *State, _ time.Time) ([]Event, error) {
	file, err := s.stating(c.Case, c.Revision)
	if err != nil {
		return nil, err
	}
	switch {
	case file.Settled != nil:
		return nil, refuse(Conflict, "Case", "The exception of case %s was settled already: %s did that.", file.label(), s.who(file.Settled.By))
	case file.Exception() == "":
		return nil, refuse(Conflict, "Case", "Case %s is no exception: there is nothing to settle.", file.label())
	}
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	return newEvent(ExceptionSettled, c.Case, c.Reason, ExceptionSettledData{file.Routed.Message, file.Routed.Exception})
}

// Exception is why somebody has to look at how mail of the case came in; "" when nobody has to, or somebody has.
func (c *Case) Exception() string {
	if c.Routed == nil || c.Settled != nil {
		return ""
	}
	return c.Routed.Exception
}

// exceptionFolds are the folds of the event about exceptions.
var exceptionFolds = map[EventType]caseFold{ExceptionSettled: onCase((*State).exceptionSettled)}

func (s *State) exceptionSettled(c *caseFile, d decision, data ExceptionSettledData) (Entry, error) {
	if c.Exception() == "" || c.Routed.Message != data.Message {
		return Entry{}, fmt.Errorf("the message %s is no open exception", data.Message.Record)
	}
	c.Settled = &Settled{s.actor(d.Actor), d.At, d.Reason}
	return Entry{Text: sentence(s.who(d.Actor)+" settled the exception “"+data.Exception+"” of "+data.Message.Record.String(), d.Reason)}, nil
}
