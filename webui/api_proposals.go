package webui

import (
	"context"

	"polytrace/archive"
	"polytrace/casework"
)

// Operations of the API about what rules find in mail.

// proposalOut is a proposal that waits for an answer.
type proposalOut struct {
	casework.Proposed
	ID  string `json:"id" doc:"Names it among those of its message."`
	As  string `json:"as" doc:"What it would be kept as: fact, ours or theirs (a promise), or date."`
	Due string `json:"due,omitempty" doc:"The day that it names."`
	Or  string `json:"or,omitempty" doc:"The other day that the words may mean."`
}

func proposalsOf(views []proposalView) []proposalOut {
	out := []proposalOut{}
	for _, v := range views {
		out = append(out, proposalOut{v.Proposed, v.ID(), v.As, v.Due, v.Or})
	}
	return out
}

type proposalsOut struct {
	Proposals []proposalOut        `json:"proposals"`
	Rejected  []casework.Rejection `json:"rejected" doc:"What somebody does not want to see proposed again."`
}

func (s *Server) apiProposals(ctx context.Context, in *recordIn) (*body[proposalsOut], error) {
	m, err := s.openedIn(ctx, in)
	if err != nil {
		return nil, err
	}
	return reply(proposalsOut{proposalsOf(s.proposals(m)), list(s.rejected(m))}), nil
}

// openedIn opens the message that a request names.
func (s *Server) openedIn(ctx context.Context, in *recordIn) (*opened, error) {
	at, err := in.address()
	if err != nil {
		return nil, err
	}
	return s.openMessage(ctx, at)
}

type answerProposalIn struct {
	Stream   string `path:"stream" example:"mail" doc:"Stream of the record."`
	Position uint64 `path:"position" example:"1042" doc:"Position in the stream, from 0."`
	Body     struct {
		Do       string `json:"do" doc:"keep, reject or restore."`
		Proposal string `json:"proposal" doc:"ID of the proposal; of restore the position of the rejection in the ledger."`
		Case     int    `json:"case,omitempty" doc:"Number of the case that it is kept in. To keep it in other words, cite them and state it."`
		Reason   string `json:"reason,omitempty"`
	}
}

func (s *Server) apiAnswerProposal(ctx context.Context, in *answerProposalIn) (*body[proposalsOut], error) {
	m, err := s.openedIn(ctx, &recordIn{in.Stream, in.Position})
	if err != nil {
		return nil, err
	}
	b := in.Body
	if _, err := s.answerProposal(ctx, m, b.Do, b.Proposal, b.Case, b.Reason); err != nil {
		return nil, err
	}
	return reply(proposalsOut{proposalsOf(s.proposals(m)), list(s.rejected(m))}), nil
}

type confirmIn struct {
	Account string `query:"account" doc:"ID or name of an account: its newest mail; absent: that of the open cases of the caller."`
}

type confirmOut struct {
	Messages []confirmMessage `json:"messages" doc:"The newest first; at most 60 messages are looked at, and 40 proposals told."`
}

type confirmMessage struct {
	Record    archive.Address `json:"record"`
	Case      int             `json:"case,omitempty" doc:"That it is mail of, where that is known."`
	Proposals []proposalOut   `json:"proposals"`
}

func (s *Server) apiConfirm(ctx context.Context, in *confirmIn) (*body[confirmOut], error) {
	all, err := s.toConfirm(ctx, in.Account)
	if err != nil {
		return nil, err
	}
	out := confirmOut{[]confirmMessage{}}
	for _, m := range all {
		out.Messages = append(out.Messages, confirmMessage{m.Address, m.Case, proposalsOf(m.Proposals)})
	}
	return reply(out), nil
}
