package webui

import (
	"context"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

// Operations of the API about the mail of cases.

type briefOut struct {
	Brief casework.Brief `json:"brief"`
}

func (s *Server) apiBrief(ctx context.Context, in *caseIn) (*body[briefOut], error) {
	d, err := s.shownDossier(ctx, in.Number, false)
	if err != nil {
		return nil, err
	}
	brief, err := s.brief(ctx, d, s.callNames())
	if err != nil {
		return nil, err
	}
	brief.Sections = list(brief.Sections)
	return reply(briefOut{brief}), nil
}

func (s *Server) callNames() (n names) {
	s.config.Desk.Read(func(state *casework.State) { n = namesOf(state.Users()) })
	return n
}

type caseMailOut struct {
	Mail    []casework.Mail `json:"mail" doc:"Oldest first, with the mail of cases that were merged into this one."`
	Missing []casework.Lost `json:"missing" doc:"Messages that they answer and that are not here, or not among what the caller may read."`
}

func (s *Server) apiCaseMail(ctx context.Context, in *caseIn) (*body[caseMailOut], error) {
	d, err := s.shownDossier(ctx, in.Number, true)
	if err != nil {
		return nil, err
	}
	return reply(caseMailOut{list(d.Mail), list(d.Missing)}), nil
}

type timelineOut struct {
	Items []timelineItemOut `json:"items" doc:"Oldest first."`
}

type timelineItemOut struct {
	At    time.Time             `json:"at" doc:"When it happened."`
	Kind  casework.TimelineKind `json:"kind" doc:"inbound, outbound, internal or automatic of mail; evidence, statement, note, status, owner or share of decisions."`
	Case  int                   `json:"case,omitempty" doc:"Whose decision it is."`
	Mail  *casework.Mail        `json:"mail,omitempty"`
	Entry *casework.Entry       `json:"entry,omitempty"`
	Pin   *itemPinOut           `json:"pin,omitempty" doc:"Of what is pinned."`
}

type itemPinOut struct {
	Case int `json:"case" doc:"That has the pin, of cases that are one."`
	casework.TimelinePin
}

type timelineIn struct {
	Number int  `path:"number" example:"104"`
	Pinned bool `query:"pinned" doc:"Only what is pinned."`
}

func (s *Server) apiTimeline(ctx context.Context, in *timelineIn) (*body[timelineOut], error) {
	d, err := s.shownDossier(ctx, in.Number, true)
	if err != nil {
		return nil, err
	}
	out := timelineOut{[]timelineItemOut{}}
	for _, it := range casework.Timeline(d.Cases, d.Mail) {
		x := timelineItemOut{it.At.UTC(), it.Kind, it.Case, it.Mail, it.Entry, nil}
		if p, of, ok := casework.PinOf(d.Cases, it.Address()); ok {
			x.Pin = &itemPinOut{of, p}
		} else if in.Pinned {
			continue
		}
		out.Items = append(out.Items, x)
	}
	return reply(out), nil
}

type pinItemIn struct {
	StatementIn
	Body struct {
		Record archive.Address `json:"record" doc:"A message of the case, mail/17, or the event of a line of its log, ledger/42."`
		Reason string          `json:"reason,omitempty"`
	}
}

func (s *Server) apiPinItem(ctx context.Context, in *pinItemIn) (*caseOut, error) {
	snap, err := s.bareCase(ctx, in.Number)
	if err != nil {
		return nil, err
	}
	c, err := s.pinning(ctx, snap, in.Body.Record, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	return s.commandOn(ctx, in.StatementIn, func(seen *archive.Position) casework.Command {
		c.Revision = seen
		return c
	})
}

func (s *Server) apiUnpinItem(ctx context.Context, in *caseItemIn) (*none, error) {
	return nil, s.act(ctx, casework.UnpinItem{Case: in.Number, ID: in.ID, Reason: in.Reason})
}

type linkMailIn struct {
	StatementIn
	Body struct {
		Record string `json:"record" doc:"A message of the conversation, e.g. mail/17."`
		Aside  bool   `json:"aside,omitempty" doc:"The conversation is not of the case; what is cited of it stays evidence."`
		Reason string `json:"reason,omitempty"`
	}
}

func (s *Server) apiLinkMail(ctx context.Context, in *linkMailIn) (*caseOut, error) {
	named, err := s.typedRecord(ctx, in.Body.Record)
	if err != nil {
		return nil, err
	}
	return s.commandOn(ctx, in.StatementIn, func(seen *archive.Position) casework.Command {
		link := casework.LinkConversation{Case: in.Number, Message: named, Reason: in.Body.Reason, Revision: seen}
		if in.Body.Aside {
			return casework.UnlinkConversation(link)
		}
		return link
	})
}

type mergeCaseIn struct {
	StatementIn
	Body struct {
		Into   int    `json:"into" doc:"Number of the case that this one becomes part of; 0 takes the merge back."`
		Reason string `json:"reason,omitempty"`
	}
}

func (s *Server) apiMergeCase(ctx context.Context, in *mergeCaseIn) (*caseOut, error) {
	return s.commandOn(ctx, in.StatementIn, func(seen *archive.Position) casework.Command {
		if in.Body.Into == 0 {
			return casework.UnmergeCase{Case: in.Number, Reason: in.Body.Reason, Revision: seen}
		}
		return casework.MergeCase{Case: in.Number, Into: in.Body.Into, Reason: in.Body.Reason, Revision: seen}
	})
}

type splitCaseIn struct {
	StatementIn
	Body struct {
		Title   string   `json:"title"`
		Records []string `json:"records" doc:"One message of each conversation that is to be of the new case."`
		Reason  string   `json:"reason,omitempty"`
	}
}

// apiSplitCase answers with the new case.
func (s *Server) apiSplitCase(ctx context.Context, in *splitCaseIn) (*caseOut, error) {
	var all []casework.Named
	for _, text := range in.Body.Records {
		named, err := s.typedRecord(ctx, text)
		if err != nil {
			return nil, err
		}
		all = append(all, named)
	}
	number := 0
	if _, err := s.commandOn(ctx, in.StatementIn, func(seen *archive.Position) casework.Command {
		return casework.SplitCase{Case: in.Number, Title: in.Body.Title, Messages: all, Reason: in.Body.Reason, Number: &number, Revision: seen}
	}); err != nil {
		return nil, err
	}
	return s.caseOut(ctx, number)
}

type changesOut struct {
	Since   time.Time          `json:"since,omitzero" doc:"When the caller said last that all is seen; absent: never."`
	Upto    casework.Positions `json:"upto" doc:"To be sent back when what there is now is seen."`
	Changes []changeOut        `json:"changes" doc:"In the order in which they happened; mail from before, which came later, behind."`
}

type changeOut struct {
	Case  int                   `json:"case,omitempty" doc:"Whose decision it is, of several."`
	At    time.Time             `json:"at"`
	Kind  casework.TimelineKind `json:"kind"`
	Known bool                  `json:"newly_known,omitempty" doc:"Mail that was sent before the caller looked, and came later."`
	Mail  *casework.Mail        `json:"mail,omitempty"`
	Entry *casework.Entry       `json:"entry,omitempty"`
}

func (s *Server) apiChanges(ctx context.Context, in *caseIn) (*body[changesOut], error) {
	d, err := s.shownDossier(ctx, in.Number, true)
	if err != nil {
		return nil, err
	}
	changes, visit := s.changes(ctx, d, casework.Timeline(d.Cases, d.Mail))
	out := changesOut{visit.At, casework.SeenOf(d.Cases, d.Mail), []changeOut{}}
	for _, c := range changes {
		out.Changes = append(out.Changes, changeOut{c.Case, c.At.UTC(), c.Kind, c.Old, c.Mail, c.Entry})
	}
	return reply(out), nil
}

type seeCaseIn struct {
	Number int `path:"number" example:"104"`
	Body   struct {
		Upto casework.Positions `json:"upto" doc:"As the changes came with it."`
	}
}

func (s *Server) apiSeeCase(ctx context.Context, in *seeCaseIn) (*none, error) {
	return nil, s.act(ctx, casework.SeeCase{Case: in.Number, Upto: in.Body.Upto})
}
