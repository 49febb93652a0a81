package webui

import (
	"context"
	"strconv"
	"strings"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

// Operations of the API about statements. Each answers with the case.

// StatementIn names the case that something is stated about.
type StatementIn struct {
	Number  int    `path:"number" example:"104"`
	IfMatch string `header:"If-Match" doc:"ETag of the case that the change was made from: refused with 409 when somebody else changed it since."`
}

// commandOn carries out a command about a case and answers with it.
func (s *Server) commandOn(ctx context.Context, in StatementIn, make func(seen *archive.Position) casework.Command) (*caseOut, error) {
	if _, err := s.shownCase(ctx, in.Number); err != nil {
		return nil, err
	}
	seen, err := revisionOf(in.IfMatch)
	if err != nil {
		return nil, err
	}
	if err := s.act(ctx, make(seen)); err != nil {
		return nil, err
	}
	return s.caseOut(ctx, in.Number)
}

// revisionOf reads the ETag of a case; nil where none, or any, is asked for.
func revisionOf(tag string) (*archive.Position, error) {
	if tag == "" || tag == "*" {
		return nil, nil
	}
	n, err := strconv.ParseUint(strings.Trim(tag, `"`), 10, 64)
	if err != nil {
		return nil, &casework.Refusal{Code: casework.Invalid, Field: "If-Match", Text: "If-Match is not the ETag of a case: " + tag + ". Send the one that came with the case."}
	}
	return new(archive.Position(n)), nil
}

type openIssueIn struct {
	StatementIn
	Body struct {
		Title string `json:"title"`
	}
}

func (s *Server) apiOpenIssue(ctx context.Context, in *openIssueIn) (*caseOut, error) {
	return s.commandOn(ctx, in.StatementIn, func(seen *archive.Position) casework.Command {
		return casework.OpenIssue{Case: in.Number, Title: in.Body.Title, Revision: seen}
	})
}

type changeIssueIn struct {
	StatementIn
	ID   int `path:"id"`
	Body struct {
		Title  *string              `json:"title,omitempty"`
		State  *casework.IssueState `json:"state,omitempty" doc:"open, solved or dropped."`
		Reason string               `json:"reason,omitempty"`
	}
}

func (s *Server) apiChangeIssue(ctx context.Context, in *changeIssueIn) (*caseOut, error) {
	return s.commandOn(ctx, in.StatementIn, func(seen *archive.Position) casework.Command {
		return casework.ChangeIssue{Case: in.Number, ID: in.ID, Title: in.Body.Title, State: in.Body.State, Reason: in.Body.Reason, Revision: seen}
	})
}

type stateFactIn struct {
	StatementIn
	Body struct {
		Text     string         `json:"text"`
		Issue    int            `json:"issue,omitempty" doc:"ID of the issue that it is about."`
		Cites    []int          `json:"cites,omitempty" doc:"IDs of citations of the case that it rests on."`
		When     *casework.When `json:"when,omitempty" doc:"When that was."`
		Accepted bool           `json:"accepted,omitempty" doc:"It is so; else it is proposed. What is accepted rests on a citation: 422 without."`
	}
}

func (s *Server) apiStateFact(ctx context.Context, in *stateFactIn) (*caseOut, error) {
	b := in.Body
	return s.commandOn(ctx, in.StatementIn, func(seen *archive.Position) casework.Command {
		return casework.StateFact{Case: in.Number, Text: b.Text, Issue: b.Issue, Cites: b.Cites, When: b.When, Accepted: b.Accepted, Revision: seen}
	})
}

type changeFactIn struct {
	StatementIn
	ID   int `path:"id"`
	Body struct {
		Text   *string              `json:"text,omitempty"`
		Issue  *int                 `json:"issue,omitempty" doc:"0: of none."`
		Cites  []int                `json:"cites,omitempty"`
		When   *casework.When       `json:"when,omitempty"`
		Status *casework.FactStatus `json:"status,omitempty" doc:"proposed, accepted, rejected or superseded."`
		Better int                  `json:"better,omitempty" doc:"ID of the fact that supersedes it."`
		Reason string               `json:"reason,omitempty"`
	}
}

func (s *Server) apiChangeFact(ctx context.Context, in *changeFactIn) (*caseOut, error) {
	b := in.Body
	return s.commandOn(ctx, in.StatementIn, func(seen *archive.Position) casework.Command {
		return casework.ChangeFact{Case: in.Number, ID: in.ID, Text: b.Text, Issue: b.Issue, Cites: b.Cites, When: b.When, Status: b.Status, Better: b.Better, Reason: b.Reason, Revision: seen}
	})
}

type makeDecisionIn struct {
	StatementIn
	Body struct {
		Text         string   `json:"text"`
		Why          string   `json:"why"`
		Alternatives []string `json:"alternatives,omitempty" doc:"What was not chosen."`
		DecidedBy    string   `json:"decided_by,omitempty"`
		Cites        []int    `json:"cites,omitempty"`
		Supersedes   int      `json:"supersedes,omitempty" doc:"ID of the decision whose place it takes."`
	}
}

func (s *Server) apiMakeDecision(ctx context.Context, in *makeDecisionIn) (*caseOut, error) {
	b := in.Body
	return s.commandOn(ctx, in.StatementIn, func(seen *archive.Position) casework.Command {
		return casework.MakeDecision{Case: in.Number, Text: b.Text, Why: b.Why, Alternatives: b.Alternatives, DecidedBy: b.DecidedBy, Cites: b.Cites, Supersedes: b.Supersedes, Revision: seen}
	})
}

type makeCommitmentIn struct {
	StatementIn
	Body struct {
		Direction casework.Direction `json:"direction,omitempty" doc:"ours or theirs; default ours."`
		Debtor    casework.Party     `json:"debtor,omitempty" doc:"Who promised; default the caller, of theirs the account of the case."`
		Creditor  casework.Party     `json:"creditor,omitempty" doc:"To whom; default the other side."`
		What      string             `json:"what"`
		Due       *casework.When     `json:"due,omitempty"`
		Cites     []int              `json:"cites" doc:"IDs of citations of the case: the words of the promise."`
	}
}

func (s *Server) apiMakeCommitment(ctx context.Context, in *makeCommitmentIn) (*caseOut, error) {
	b := in.Body
	return s.commandOn(ctx, in.StatementIn, func(seen *archive.Position) casework.Command {
		return casework.MakeCommitment{Case: in.Number, Direction: b.Direction, Debtor: b.Debtor, Creditor: b.Creditor, What: b.What, Due: b.Due, Cites: b.Cites, Revision: seen}
	})
}

type moveCommitmentIn struct {
	StatementIn
	ID   int `path:"id"`
	Body struct {
		What   string             `json:"what,omitempty" doc:"Default: as before."`
		Due    *casework.When     `json:"due,omitempty" doc:"Absent: at no time."`
		Asked  casework.Direction `json:"asked,omitempty" doc:"Who wanted it so: ours or theirs."`
		Cites  []int              `json:"cites" doc:"The words that say so."`
		Reason string             `json:"reason,omitempty"`
	}
}

func (s *Server) apiMoveCommitment(ctx context.Context, in *moveCommitmentIn) (*caseOut, error) {
	b := in.Body
	return s.commandOn(ctx, in.StatementIn, func(seen *archive.Position) casework.Command {
		return casework.MoveCommitment{Case: in.Number, ID: in.ID, What: b.What, Due: b.Due, Asked: b.Asked, Cites: b.Cites, Reason: b.Reason, Revision: seen}
	})
}

type endCommitmentIn struct {
	StatementIn
	ID   int `path:"id"`
	Body struct {
		How    casework.Ending `json:"how" doc:"met, missed, waived, superseded or cancelled."`
		When   time.Time       `json:"when,omitempty" doc:"When it was kept; default now. What was kept after its time is met late."`
		Cites  []int           `json:"cites,omitempty" doc:"What shows it."`
		Reason string          `json:"reason,omitempty"`
	}
}

func (s *Server) apiEndCommitment(ctx context.Context, in *endCommitmentIn) (*caseOut, error) {
	b := in.Body
	return s.commandOn(ctx, in.StatementIn, func(seen *archive.Position) casework.Command {
		return casework.EndCommitment{Case: in.Number, ID: in.ID, How: b.How, When: b.When, Cites: b.Cites, Reason: b.Reason, Revision: seen}
	})
}

type statementItemIn struct {
	StatementIn
	ID     int    `path:"id"`
	Reason string `query:"reason"`
}

func (s *Server) apiReopenCommitment(ctx context.Context, in *statementItemIn) (*caseOut, error) {
	return s.commandOn(ctx, in.StatementIn, func(seen *archive.Position) casework.Command {
		return casework.ReopenCommitment{Case: in.Number, ID: in.ID, Reason: in.Reason, Revision: seen}
	})
}

type setKeyDateIn struct {
	StatementIn
	Body struct {
		Label string        `json:"label"`
		Kind  string        `json:"kind,omitempty" doc:"deadline, renewal, go-live, meeting, outage or other."`
		When  casework.When `json:"when"`
		Cites []int         `json:"cites"`
	}
}

func (s *Server) apiSetKeyDate(ctx context.Context, in *setKeyDateIn) (*caseOut, error) {
	b := in.Body
	return s.commandOn(ctx, in.StatementIn, func(seen *archive.Position) casework.Command {
		return casework.SetKeyDate{Case: in.Number, Label: b.Label, Kind: b.Kind, When: b.When, Cites: b.Cites, Revision: seen}
	})
}

func (s *Server) apiRemoveKeyDate(ctx context.Context, in *statementItemIn) (*none, error) {
	seen, err := revisionOf(in.IfMatch)
	if err != nil {
		return nil, err
	}
	return nil, s.act(ctx, casework.RemoveKeyDate{Case: in.Number, ID: in.ID, Reason: in.Reason, Revision: seen})
}

type commitmentsIn struct {
	Account string `query:"account" doc:"ID of an account; all by default."`
	State   string `query:"state" doc:"open, overdue, met, met-late, missed, waived, superseded or cancelled; all by default."`
}

type commitmentOut struct {
	casework.Promise
	State casework.CommitmentState `json:"state" doc:"How it stands now."`
}

type commitmentsOut struct {
	Commitments []commitmentOut `json:"commitments" doc:"What is open first, by when it is due."`
}

func (s *Server) apiCommitments(ctx context.Context, in *commitmentsIn) (*body[commitmentsOut], error) {
	var all []casework.Promise
	s.config.Desk.Read(func(state *casework.State) { all = state.Promises() })
	out, rows := commitmentsOut{[]commitmentOut{}}, []promiseRow{}
	for _, p := range all {
		state := p.State(s.config.Now())
		if in.Account != "" && p.Account != in.Account || in.State != "" && string(state) != in.State {
			continue
		}
		out.Commitments, rows = append(out.Commitments, commitmentOut{p, state}), append(rows, promiseRow{Promise: p})
	}
	if err := s.notePromises(ctx, rows); err != nil {
		return nil, err
	}
	return reply(out), nil
}
