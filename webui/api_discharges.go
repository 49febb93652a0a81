package webui

import (
	"context"

	"polytrace/archive"
	"polytrace/casework"
)

// Operations of the API about promises that look done.

type looksDoneOut struct {
	LooksDone []casework.LooksDone `json:"looks_done" doc:"At most one message for each open promise. A question: nothing is closed."`
}

func (s *Server) apiLooksDone(ctx context.Context, in *caseIn) (*body[looksDoneOut], error) {
	d, err := s.shownDossier(ctx, in.Number, false)
	if err != nil {
		return nil, err
	}
	looks, err := s.looksDone(ctx, d)
	if err != nil {
		return nil, err
	}
	out := looksDoneOut{[]casework.LooksDone{}}
	for _, x := range looks {
		out.LooksDone = append(out.LooksDone, x.LooksDone)
	}
	return reply(out), nil
}

type judgeDischargeIn struct {
	StatementIn
	ID   int `path:"id"`
	Body struct {
		Do     string          `json:"do" doc:"confirm: it was kept by that message, which is cited; reject: it was not, and is not suggested again; restore takes that back."`
		Record archive.Address `json:"record"`
	}
}

func (s *Server) apiJudgeDischarge(ctx context.Context, in *judgeDischargeIn) (*caseOut, error) {
	if _, err := s.shownCase(ctx, in.Number); err != nil {
		return nil, err
	}
	seen, err := revisionOf(in.IfMatch)
	if err != nil {
		return nil, err
	}
	c, err := s.judgingDischarge(ctx, in.Number, in.ID, in.Body.Do, in.Body.Record.String(), seen)
	if err != nil {
		return nil, err
	}
	if err := s.act(ctx, c); err != nil {
		return nil, err
	}
	return s.caseOut(ctx, in.Number)
}
