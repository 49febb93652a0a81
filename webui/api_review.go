package webui

import (
	"context"
	"slices"

	"polytrace/archive"
	"polytrace/casework"
)

// Operations of the API about reviews.

// reviewOut is a review with what follows from it.
type reviewOut struct {
	casework.Review
	Seconds   int64 `json:"seconds" doc:"From its beginning to the decision; 0 while it is not decided."`
	Questions []int `json:"questions" doc:"IDs of the questions that who reviews asked meanwhile."`
}

type reviewsOut struct {
	Reviews []reviewOut `json:"reviews" doc:"Oldest first."`
}

func (s *Server) apiReviews(ctx context.Context, in *caseIn) (*body[reviewsOut], error) {
	c, err := s.shownCase(ctx, in.Number)
	if err != nil {
		return nil, err
	}
	out := reviewsOut{[]reviewOut{}}
	for _, r := range c.Reviews {
		out.Reviews = append(out.Reviews, reviewOut{r, int64(r.Took().Seconds()), list(r.Asking(c))})
	}
	return reply(out), nil
}

type askReviewIn struct {
	StatementIn
	Body struct {
		To     string `json:"to,omitempty" doc:"Name of a manager; absent: any."`
		Reason string `json:"reason" doc:"What it is to decide."`
	}
}

func (s *Server) apiAskReview(ctx context.Context, in *askReviewIn) (*caseOut, error) {
	return s.commandOn(ctx, in.StatementIn, func(*archive.Position) casework.Command {
		return casework.AskReview{Case: in.Number, To: in.Body.To, Reason: in.Body.Reason}
	})
}

type startReviewIn struct{ StatementIn }

func (s *Server) apiStartReview(ctx context.Context, in *startReviewIn) (*caseOut, error) {
	return s.commandOn(ctx, in.StatementIn, func(*archive.Position) casework.Command { return casework.OpenReview{Case: in.Number} })
}

type decideReviewIn struct {
	StatementIn
	ID   int `path:"id"`
	Body struct {
		Do       casework.ReviewDo `json:"do" doc:"continue, severity, take-over or close: carried out by the same event."`
		Severity int               `json:"severity,omitempty" doc:"1 (worst) to 4, of a change of severity."`
		Reason   string            `json:"reason"`
	}
}

func (s *Server) apiDecideReview(ctx context.Context, in *decideReviewIn) (*caseOut, error) {
	viewed, err := s.viewed(ctx, in.Number, in.ID)
	if err != nil {
		return nil, err
	}
	b := in.Body
	return s.commandOn(ctx, in.StatementIn, func(seen *archive.Position) casework.Command {
		return casework.DecideReview{Case: in.Number, ID: in.ID, Do: b.Do, Severity: b.Severity, Reason: b.Reason, Viewed: viewed, Revision: seen}
	})
}

type reviewsIn struct {
	For string `query:"for" doc:"Name of a user: what they have begun, and was asked of them by name; all by default."`
}

type reviewingOut struct {
	Reviews []casework.Reviewing `json:"reviews" doc:"That are not decided. Those that anybody who leads may see to have no answers."`
}

func (s *Server) apiOpenReviews(_ context.Context, in *reviewsIn) (*body[reviewingOut], error) {
	var out reviewingOut
	s.config.Desk.Read(func(state *casework.State) { out.Reviews = state.Reviews() })
	out.Reviews = list(slices.DeleteFunc(out.Reviews, func(r casework.Reviewing) bool { return in.For != "" && r.Answers != in.For }))
	return reply(out), nil
}
