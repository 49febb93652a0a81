package webui

import (
	"context"
	"strconv"
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

// bareCase is a case without the words that an erasure took away, and what of what it cites was removed.
func (s *Server) bareCase(ctx context.Context, number int) (snap snapshot, err error) {
	var ok bool
	s.config.Desk.Read(func(state *casework.State) { snap.c, ok = state.Case(number) })
	if !ok {
		return snap, notFound("case")
	}
	snap.removed, err = s.removals(ctx, &snap.c)
	return snap, err
}

func (s *Server) caseOf(ctx context.Context, number int) (casework.Case, error) {
	snap, err := s.bareCase(ctx, number)
	return snap.c, err
}

// shownCase is caseOf for somebody who is shown what the case cites, now or in
// the answer to a change: noted before it, so that no change fails behind.
func (s *Server) shownCase(ctx context.Context, number int) (casework.Case, error) {
	c, err := s.caseOf(ctx, number)
	if err == nil {
		err = s.noteCase(ctx, number)
	}
	return c, err
}

// caseHead is what a list shows of a case.
type caseHead struct {
	Number   int              `json:"number" doc:"Shown as C-104."`
	Title    string           `json:"title"`
	Account  string           `json:"account"`
	Status   casework.Status  `json:"status" doc:"new, open, waiting-on-customer, waiting-on-us, resolved or closed."`
	Severity int              `json:"severity" doc:"1 (worst) to 4."`
	Owner    string           `json:"owner" doc:"Name of a user; empty when nobody owns it."`
	Opened   time.Time        `json:"opened"`
	OpenedBy string           `json:"opened_by"`
	Changed  time.Time        `json:"changed"`
	Revision archive.Position `json:"revision" doc:"Position in the ledger of the last event of the case."`
	Kind     string           `json:"kind,omitempty" doc:"request; absent when people opened it."`
	Team     string           `json:"team,omitempty" doc:"Where it waits while nobody owns it."`
	Tags     []string         `json:"tags,omitempty"`
	Muted    bool             `json:"muted,omitempty"`
	Snoozed  time.Time        `json:"snoozed_until,omitzero"`
	Due      *dueOut          `json:"due,omitempty" doc:"The response time to look at now; absent when nothing is waited for, or that is not for the caller to know. In the queue it stands beside the case."`
}

type casesOut struct {
	Cases []caseHead `json:"cases" doc:"The one that was changed last first."`
}

func (s *Server) apiCases(ctx context.Context, _ *none) (*body[casesOut], error) {
	var all []casework.Case
	s.config.Desk.Read(func(state *casework.State) { all = state.Overview() })
	d, err := s.dues(ctx)
	return reply(casesOut{d.heads(all)}), err
}

func headOf(c casework.Case) caseHead {
	return caseHead{c.Number, c.Title, c.Account, c.Status, c.Severity, c.Owner, c.Opened, c.OpenedBy, c.Changed, c.Revision, c.Kind, c.Team, c.Tags, c.Muted, c.SnoozedUntil, nil}
}

type openCaseIn struct {
	Body struct {
		Title    string `json:"title"`
		Account  string `json:"account,omitempty"`
		Severity int    `json:"severity,omitempty" doc:"1 (worst) to 4; default 3."`
		Owner    string `json:"owner,omitempty" doc:"Name of the user who owns it."`

		Team string   `json:"team,omitempty" doc:"Where it waits while nobody owns it."`
		Tags []string `json:"tags,omitempty"`
	}
}

// caseOut is a case; its revision is also the ETag, for If-Match.
type caseOut struct {
	ETag string `header:"ETag" doc:"The revision, to be sent as If-Match with a change."`
	Body casework.Case
}

func (s *Server) caseOut(ctx context.Context, number int) (*caseOut, error) {
	c, err := s.caseOf(ctx, number)
	if err != nil {
		return nil, err
	}
	return &caseOut{strconv.Quote(strconv.FormatUint(uint64(c.Revision), 10)), c}, nil
}

func (s *Server) apiOpenCase(ctx context.Context, in *openCaseIn) (*caseOut, error) {
	var number int
	b := in.Body
	if err := s.act(ctx, casework.OpenCase{Title: b.Title, Account: b.Account, Severity: b.Severity, Owner: b.Owner, Team: b.Team, Tags: b.Tags, Number: &number}); err != nil {
		return nil, err
	}
	return s.caseOut(ctx, number)
}

type caseIn struct {
	Number int `path:"number" example:"104"`
}

func (s *Server) apiCase(ctx context.Context, in *caseIn) (*caseOut, error) {
	if _, err := s.shownCase(ctx, in.Number); err != nil {
		return nil, err
	}
	return s.caseOut(ctx, in.Number)
}

type changeCaseIn struct {
	Number  int    `path:"number"`
	IfMatch string `header:"If-Match" doc:"ETag of the case that the change was made from; the same as revision."`
	Body    struct {
		Title    *string           `json:"title,omitempty"`
		Account  *string           `json:"account,omitempty"`
		Status   *casework.Status  `json:"status,omitempty" doc:"new, open, waiting-on-customer, waiting-on-us, resolved or closed."`
		Severity *int              `json:"severity,omitempty" doc:"1 (worst) to 4."`
		Owner    *string           `json:"owner,omitempty" doc:"Name of the new owner; an empty string takes the owner away. Agents take cases and give theirs back; to give one to somebody else they offer it, see handoffs. What is taken from somebody needs a reason."`
		Team     *string           `json:"team,omitempty" doc:"Where it waits while nobody owns it; an empty string takes it out of its team."`
		Tags     *[]string         `json:"tags,omitempty" doc:"All of them."`
		Muted    *bool             `json:"muted,omitempty" doc:"Nobody is told of it."`
		Reason   string            `json:"reason,omitempty"`
		Revision *archive.Position `json:"revision,omitempty" doc:"Revision of the case that the change was made from: refused with 409 when somebody else changed it since."`
	}
}

// commands are what a change asks for: at most one for the case and one for
// its owner.
func (in *changeCaseIn) commands() ([]casework.Command, error) {
	b := in.Body
	revision := b.Revision
	if seen, err := revisionOf(in.IfMatch); err != nil {
		return nil, err
	} else if seen != nil {
		revision = seen
	}
	var list []casework.Command
	if b.Title != nil || b.Account != nil || b.Status != nil || b.Severity != nil || b.Team != nil || b.Tags != nil || b.Muted != nil {
		list = append(list, casework.ChangeCase{Case: in.Number, Title: b.Title, Account: b.Account, Status: b.Status, Severity: b.Severity, Team: b.Team, Tags: b.Tags, Muted: b.Muted, Reason: b.Reason, Revision: revision})
		revision = nil // The owner is changed behind a change of our own.
	}
	if b.Owner != nil {
		list = append(list, casework.AssignCase{Case: in.Number, Owner: *b.Owner, Reason: b.Reason, Revision: revision})
	}
	return list, nil
}

// apiChangeCase checks all commands before it carries out the first, so that a
// change that is refused has changed nothing.
func (s *Server) apiChangeCase(ctx context.Context, in *changeCaseIn) (*caseOut, error) {
	commands, err := in.commands()
	if err != nil {
		return nil, err
	}
	who, _ := callerFrom(ctx)
	s.config.Desk.Read(func(state *casework.State) {
		for _, c := range commands {
			if err == nil {
				_, err = casework.As(who.actor, c).Check(state, s.config.Now())
			}
		}
	})
	if err != nil {
		return nil, err
	}
	if _, err := s.shownCase(ctx, in.Number); err != nil {
		return nil, err
	}
	for _, c := range commands {
		if err := s.act(ctx, c); err != nil {
			return nil, err
		}
	}
	return s.caseOut(ctx, in.Number)
}

type caseEventsOut struct {
	Events []casework.Entry `json:"events"`
}

func (s *Server) apiCaseEvents(ctx context.Context, in *caseIn) (*body[caseEventsOut], error) {
	c, err := s.shownCase(ctx, in.Number)
	if err != nil {
		return nil, err
	}
	return reply(caseEventsOut{list(c.Log)}), nil
}

type addNoteIn struct {
	Number int `path:"number"`
	Body   struct {
		Text  string `json:"text"`
		Cites []int  `json:"cites,omitempty" doc:"IDs of citations of the case that the note rests on."`
	}
}

func (s *Server) apiAddNote(ctx context.Context, in *addNoteIn) (*caseOut, error) {
	if _, err := s.shownCase(ctx, in.Number); err != nil {
		return nil, err
	}
	if err := s.act(ctx, casework.AddNote{Case: in.Number, Text: in.Body.Text, Cites: in.Body.Cites}); err != nil {
		return nil, err
	}
	return s.caseOut(ctx, in.Number)
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

func (s *Server) apiCite(ctx context.Context, in *citeIn) (*caseOut, error) {
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
	if _, err := s.shownCase(ctx, in.Number); err != nil {
		return nil, err
	}
	c.Comment = in.Body.Comment
	if err := s.act(ctx, casework.Cite{Case: in.Number, Citation: c}); err != nil {
		return nil, err
	}
	return s.caseOut(ctx, in.Number)
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

func (s *Server) apiShares(ctx context.Context, in *caseIn) (*body[sharesOut], error) {
	c, err := s.caseOf(ctx, in.Number)
	if err != nil {
		return nil, err
	}
	return reply(sharesOut{list(c.Shares)}), nil
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
	casework.Share
	URL string `json:"url" doc:"Told only now."`
}

func (s *Server) apiCreateShare(ctx context.Context, in *createShareIn) (*body[shareCreated], error) {
	who, _ := callerFrom(ctx)
	b, secret := in.Body, casework.NewSecret()
	x := casework.Share{Case: in.Number, Hash: casework.SecretHash(secret), Title: b.Title, Citations: b.Citations, Notes: b.Notes, Whole: b.Whole, Expires: b.Expires, By: who.actor}
	if x.Expires.IsZero() {
		x.Expires = s.config.Now().AddDate(0, 0, shareDays)
	}
	if err := s.mayShare(ctx, x); err != nil {
		return nil, err
	}
	if err := s.act(ctx, casework.CreateShare{Case: in.Number, Share: x}); err != nil {
		return nil, err
	}
	out := shareCreated{URL: s.config.PublicURL + "/s/" + secret}
	s.config.Desk.Read(func(state *casework.State) { out.Share, _ = state.ShareByHash(x.Hash) })
	return reply(out), nil
}

func (s *Server) apiRevokeShare(ctx context.Context, in *caseItemIn) (*none, error) {
	return nil, s.act(ctx, casework.RevokeShare{Case: in.Number, ID: in.ID, Reason: in.Reason})
}
