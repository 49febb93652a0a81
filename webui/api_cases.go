package webui

import (
	"context"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

// act carries out a command in the name of the caller and waits until the
// index shows it.
func (s *Server) act(ctx context.Context, c casework.Command) error {
	who, _ := callerFrom(ctx)
	at, err := s.config.Desk.Do(ctx, who.actor, c)
	if err != nil {
		return err
	}
	s.settle(ctx, at)
	return nil
}

func (s *Server) caseOf(number int) (c casework.Case, err error) {
	var ok bool
	s.config.Desk.Read(func(state *casework.State) { c, ok = state.Case(number) })
	if !ok {
		return c, notFound("case")
	}
	return c, nil
}

type casesOut struct {
	Cases []casework.Case `json:"cases" doc:"Without evidence, notes and log."`
}

func (s *Server) apiCases(context.Context, *none) (*body[casesOut], error) {
	var out casesOut
	s.config.Desk.Read(func(state *casework.State) { out.Cases = list(state.Overview()) })
	return reply(out), nil
}

type openCaseIn struct {
	Body struct {
		Title    string `json:"title"`
		Account  string `json:"account,omitempty"`
		Severity int    `json:"severity,omitempty" doc:"1 (worst) to 4; default 3."`
		Owner    string `json:"owner,omitempty" doc:"Name of the user who owns it."`
	}
}

type caseCreated struct {
	Status int
	Body   casework.Case
}

func (s *Server) apiOpenCase(ctx context.Context, in *openCaseIn) (*caseCreated, error) {
	var number int
	b := in.Body
	if err := s.act(ctx, casework.OpenCase{Title: b.Title, Account: b.Account, Severity: b.Severity, Owner: b.Owner, Number: &number}); err != nil {
		return nil, err
	}
	c, err := s.caseOf(number)
	return &caseCreated{201, c}, err
}

type caseIn struct {
	Number int `path:"number" example:"104"`
}

func (s *Server) apiCase(_ context.Context, in *caseIn) (*body[casework.Case], error) {
	c, err := s.caseOf(in.Number)
	return reply(c), err
}

type changeCaseIn struct {
	Number int `path:"number"`
	Body   struct {
		Title    *string           `json:"title,omitempty"`
		Account  *string           `json:"account,omitempty"`
		Status   *casework.Status  `json:"status,omitempty"`
		Severity *int              `json:"severity,omitempty"`
		Owner    *string           `json:"owner,omitempty" doc:"Name of the new owner; an empty string takes the owner away."`
		Reason   string            `json:"reason,omitempty"`
		Revision *archive.Position `json:"revision,omitempty" doc:"Revision of the case that the change was made from: refused with 409 when somebody else changed it since."`
	}
}

func (s *Server) apiChangeCase(ctx context.Context, in *changeCaseIn) (*body[casework.Case], error) {
	b := in.Body
	revision := b.Revision
	if b.Title != nil || b.Account != nil || b.Status != nil || b.Severity != nil {
		if err := s.act(ctx, casework.ChangeCase{Case: in.Number, Title: b.Title, Account: b.Account, Status: b.Status, Severity: b.Severity, Reason: b.Reason, Revision: revision}); err != nil {
			return nil, err
		}
		revision = nil // What was compared is ours now.
	}
	if b.Owner != nil {
		if err := s.act(ctx, casework.AssignCase{Case: in.Number, Owner: *b.Owner, Reason: b.Reason, Revision: revision}); err != nil {
			return nil, err
		}
	}
	c, err := s.caseOf(in.Number)
	return reply(c), err
}

type caseEventsOut struct {
	Events []casework.Entry `json:"events"`
}

func (s *Server) apiCaseEvents(_ context.Context, in *caseIn) (*body[caseEventsOut], error) {
	c, err := s.caseOf(in.Number)
	return reply(caseEventsOut{list(c.Log)}), err
}

type addNoteIn struct {
	Number int `path:"number"`
	Body   struct {
		Text  string `json:"text"`
		Cites []int  `json:"cites,omitempty" doc:"IDs of citations of the case that the note rests on."`
	}
}

func (s *Server) apiAddNote(ctx context.Context, in *addNoteIn) (*caseCreated, error) {
	if err := s.act(ctx, casework.AddNote{Case: in.Number, Text: in.Body.Text, Cites: in.Body.Cites}); err != nil {
		return nil, err
	}
	c, err := s.caseOf(in.Number)
	return &caseCreated{201, c}, err
}

type citeIn struct {
	Number int `path:"number"`
	Body   struct {
		Record  archive.Address `json:"record" example:"mail/1042"`
		Part    *int            `json:"part,omitempty"`
		Quote   string          `json:"quote,omitempty" doc:"Words of the message's text; white space may differ. Empty cites the whole message."`
		Comment string          `json:"comment,omitempty"`
	}
}

func (s *Server) apiCite(ctx context.Context, in *citeIn) (*caseCreated, error) {
	part := -1
	if in.Body.Part != nil {
		part = *in.Body.Part
	}
	if _, err := (recordIn{string(in.Body.Record.Stream), uint64(in.Body.Record.Position)}).address(); err != nil {
		return nil, err
	}
	c, err := s.anchor(ctx, in.Body.Record, part, in.Body.Quote)
	if err != nil {
		return nil, err
	}
	c.Comment = in.Body.Comment
	if err := s.act(ctx, casework.Cite{Case: in.Number, Citation: c}); err != nil {
		return nil, err
	}
	out, err := s.caseOf(in.Number)
	return &caseCreated{201, out}, err
}

type caseItemIn struct {
	Number int    `path:"number"`
	ID     int    `path:"id"`
	Reason string `query:"reason"`
}

func (s *Server) apiWithdraw(ctx context.Context, in *caseItemIn) (*none, error) {
	return nil, s.act(ctx, casework.RemoveCitation{Case: in.Number, ID: in.ID, Reason: in.Reason})
}

type sharesOut struct {
	Shares []casework.Share `json:"shares"`
}

func (s *Server) apiShares(_ context.Context, in *caseIn) (*body[sharesOut], error) {
	c, err := s.caseOf(in.Number)
	return reply(sharesOut{list(c.Shares)}), err
}

type createShareIn struct {
	Number int `path:"number"`
	Body   struct {
		Title     string    `json:"title"`
		Citations []int     `json:"citations,omitempty" doc:"IDs, in the order they are shown."`
		Notes     []int     `json:"notes,omitempty"`
		Whole     bool      `json:"whole_messages,omitempty" doc:"Show the messages in full with their attachments, else the quoted words only."`
		Expires   time.Time `json:"expires,omitempty" doc:"Default in 14 days."`
	}
}

type shareCreated struct {
	Status int
	Body   struct {
		casework.Share
		URL string `json:"url" doc:"Told only now."`
	}
}

func (s *Server) apiCreateShare(ctx context.Context, in *createShareIn) (*shareCreated, error) {
	who, _ := callerFrom(ctx)
	b, secret := in.Body, casework.NewSecret()
	x := casework.Share{Case: in.Number, Hash: casework.SecretHash(secret), Title: b.Title, Citations: b.Citations, Notes: b.Notes, Whole: b.Whole, Expires: b.Expires, By: who.actor}
	if x.Expires.IsZero() {
		x.Expires = s.config.Now().AddDate(0, 0, shareDays)
	}
	if err := s.act(ctx, casework.CreateShare{Case: in.Number, Share: x}); err != nil {
		return nil, err
	}
	out := &shareCreated{Status: 201}
	out.Body.URL = s.config.PublicURL + "/s/" + secret
	s.config.Desk.Read(func(state *casework.State) { out.Body.Share, _ = state.ShareByHash(x.Hash) })
	return out, nil
}

func (s *Server) apiRevokeShare(ctx context.Context, in *caseItemIn) (*none, error) {
	return nil, s.act(ctx, casework.RevokeShare{Case: in.Number, ID: in.ID, Reason: in.Reason})
}
