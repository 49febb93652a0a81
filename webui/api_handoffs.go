package webui

import (
	"context"
	"slices"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

// Operations of the API about handoffs and questions.

type offerHandoffIn struct {
	StatementIn
	Body struct {
		Kind   casework.HandoffKind `json:"kind,omitempty" doc:"permanent, cover (until a time) or join; default permanent."`
		To     string               `json:"to" doc:"Name of a user who works on cases."`
		Until  time.Time            `json:"until,omitzero" doc:"When a cover ends by itself."`
		Fields map[string]string    `json:"fields" doc:"By name; see handoffs/fields. One that is required and empty is refused with 422: write unknown when nobody knows."`
		Pins   []string             `json:"pins,omitempty" doc:"What to read first, at most five: fact-1, promise-2, decision-1, cite-3, note-1."`
	}
}

func (s *Server) apiOfferHandoff(ctx context.Context, in *offerHandoffIn) (*caseOut, error) {
	b := in.Body
	return s.commandOn(ctx, in.StatementIn, func(seen *archive.Position) casework.Command {
		return casework.OfferHandoff{Case: in.Number, Kind: b.Kind, To: b.To, Until: b.Until, Fields: b.Fields, Pins: b.Pins, Mail: s.positions(), Revision: seen}
	})
}

type handoffIn struct {
	Number int `path:"number" example:"104"`
	ID     int `path:"id"`
}

// handoffOut is a handoff with what its page tells.
type handoffOut struct {
	casework.Handoff
	Case   int              `json:"case"`
	Intact bool             `json:"intact" doc:"The package has the SHA-256 that it had when it was offered."`
	Gaps   []casework.Gap   `json:"gaps" doc:"What the case lacks now."`
	Since  []casework.Entry `json:"since" doc:"What was decided after the offer."`
}

func (s *Server) apiHandoff(ctx context.Context, in *handoffIn) (*body[handoffOut], error) {
	d, err := s.shownDossier(ctx, in.Number, false)
	if err != nil {
		return nil, err
	}
	c := d.Cases[0]
	if in.ID < 1 || in.ID > len(c.Handoffs) {
		return nil, notFound("handoff")
	}
	h := c.Handoffs[in.ID-1]
	gaps, err := s.gapsOf(ctx, c, d)
	if err != nil {
		return nil, err
	}
	return reply(handoffOut{h, c.Number, h.Package.Digest() == h.SHA256, list(gaps), list(since(c, h))}), nil
}

type answerHandoffIn struct {
	StatementIn
	ID   int `path:"id"`
	Body struct {
		Accept bool            `json:"accept"`
		Takes  []casework.Take `json:"takes,omitempty" doc:"What becomes of each open promise of ours: take, renegotiate (with due) or return. One that is not answered is refused with 422."`
		Reason string          `json:"reason,omitempty" doc:"Why it is declined."`
	}
}

func (s *Server) apiAnswerHandoff(ctx context.Context, in *answerHandoffIn) (*caseOut, error) {
	b := in.Body
	return s.commandOn(ctx, in.StatementIn, func(seen *archive.Position) casework.Command {
		return casework.AnswerHandoff{Case: in.Number, ID: in.ID, Accept: b.Accept, Takes: b.Takes, Reason: b.Reason, Revision: seen}
	})
}

type endHandoffIn struct {
	StatementIn
	ID   int `path:"id"`
	Body struct {
		Reason string `json:"reason,omitempty"`
	}
}

func (s *Server) apiWithdrawHandoff(ctx context.Context, in *endHandoffIn) (*caseOut, error) {
	return s.commandOn(ctx, in.StatementIn, func(seen *archive.Position) casework.Command {
		return casework.WithdrawHandoff{Case: in.Number, ID: in.ID, Reason: in.Body.Reason, Revision: seen}
	})
}

func (s *Server) apiReturnHandoff(ctx context.Context, in *endHandoffIn) (*caseOut, error) {
	return s.commandOn(ctx, in.StatementIn, func(seen *archive.Position) casework.Command {
		return casework.ReturnHandoff{Case: in.Number, ID: in.ID, Reason: in.Body.Reason, Revision: seen}
	})
}

type askQuestionIn struct {
	StatementIn
	Body struct {
		To      string `json:"to" doc:"Name of a user who works on cases."`
		Text    string `json:"text"`
		Handoff int    `json:"handoff,omitempty" doc:"ID of the handoff that it came up with."`
	}
}

func (s *Server) apiAskQuestion(ctx context.Context, in *askQuestionIn) (*caseOut, error) {
	b := in.Body
	return s.commandOn(ctx, in.StatementIn, func(seen *archive.Position) casework.Command {
		return casework.AskQuestion{Case: in.Number, To: b.To, Text: b.Text, Handoff: b.Handoff, Revision: seen}
	})
}

type answerQuestionIn struct {
	StatementIn
	ID   int `path:"id"`
	Body struct {
		Text  string `json:"text"`
		Cites []int  `json:"cites,omitempty" doc:"IDs of citations of the case: with them the answer is an accepted fact."`
	}
}

func (s *Server) apiAnswerQuestion(ctx context.Context, in *answerQuestionIn) (*caseOut, error) {
	b := in.Body
	return s.commandOn(ctx, in.StatementIn, func(seen *archive.Position) casework.Command {
		return casework.AnswerQuestion{Case: in.Number, ID: in.ID, Text: b.Text, Cites: b.Cites, Revision: seen}
	})
}

// handoffHead is what a list shows of a handoff: whom it is between, and how it stands.
type handoffHead struct {
	Case  int                   `json:"case"`
	ID    int                   `json:"id"`
	Title string                `json:"title" doc:"Of the case."`
	Kind  casework.HandoffKind  `json:"kind"`
	State casework.HandoffState `json:"state" doc:"offered, or covering: a cover that was accepted and goes on."`
	From  string                `json:"from"`
	To    string                `json:"to"`
	Until time.Time             `json:"until,omitzero"`
	At    time.Time             `json:"at"`
}

type handoffsIn struct {
	For string `query:"for" doc:"Name of a user: what is offered to them or covered by them, and asked of them; all by default."`
}

type handoffsOut struct {
	Handoffs  []handoffHead    `json:"handoffs" doc:"That wait for an answer, or go on."`
	Questions []casework.Asked `json:"questions" doc:"That were not answered."`
}

func (s *Server) apiHandoffs(_ context.Context, in *handoffsIn) (*body[handoffsOut], error) {
	out := handoffsOut{Handoffs: []handoffHead{}}
	s.config.Desk.Read(func(state *casework.State) {
		for _, h := range state.Handoffs() {
			if in.For == "" || h.To == in.For {
				out.Handoffs = append(out.Handoffs, handoffHead{h.Case, h.ID, h.Title, h.Kind, h.State, h.From, h.To, h.Until, h.At})
			}
		}
		out.Questions = slices.DeleteFunc(state.Asked(), func(q casework.Asked) bool { return in.For != "" && q.Answers != in.For })
	})
	out.Questions = list(out.Questions)
	return reply(out), nil
}

// HandoffFields are what an offer has to say.
type HandoffFields struct {
	Fields []casework.HandoffField `json:"fields"`
}

func (s *Server) apiHandoffFields(context.Context, *none) (*body[HandoffFields], error) {
	var out HandoffFields
	s.config.Desk.Read(func(state *casework.State) { out.Fields = state.HandoffFields() })
	return reply(out), nil
}

type setHandoffFieldsIn struct {
	Body struct {
		Fields []struct {
			Name     string `json:"name,omitempty" doc:"Default: made of the label."`
			Label    string `json:"label"`
			Required bool   `json:"required,omitempty"`
		} `json:"fields" doc:"All, in their order."`
		Reason string `json:"reason,omitempty"`
	}
}

func (s *Server) apiSetHandoffFields(ctx context.Context, in *setHandoffFieldsIn) (*body[HandoffFields], error) {
	c := casework.SetHandoffFields{Reason: in.Body.Reason}
	for _, f := range in.Body.Fields {
		c.Fields = append(c.Fields, casework.HandoffField(f))
	}
	if err := s.act(ctx, c); err != nil {
		return nil, err
	}
	return s.apiHandoffFields(ctx, nil)
}
