package webui

import (
	"context"
	"net/http"
	"slices"

	"polytrace/archive"
	"polytrace/casework"
)

// reviewing is what the page of a case shows of its reviews.
type reviewing struct {
	Reviews   []reviewView      // The last one first.
	Open      []casework.Review // That somebody has begun and not decided.
	Deciding  *casework.Review  // That the caller has begun.
	Reviewers []casework.User   // Who could be asked.
}

// reviewView is a review as it is shown.
type reviewView struct {
	casework.Review
	Took      string // "6 min"; "" while it is not decided.
	Questions []int
	Read      cited // Messages of the case that were read meanwhile, as far as the caller may see them.
}

// fillReviews brings together what was reviewed and who could do it.
func (v *caseView) fillReviews(users []casework.User) {
	for _, r := range slices.Backward(v.Case.Reviews) {
		x := reviewView{Review: r, Questions: r.Asking(v.Case)}
		if r.State == casework.ReviewDone {
			x.Took = casework.Spell(r.Took())
		}
		var read []casework.Source
		for _, at := range r.Viewed {
			read = append(read, casework.Source{Record: &at})
		}
		x.Read = v.dossier.sources(read)
		v.Reviews = append(v.Reviews, x)
		if r.State == casework.ReviewOpen {
			v.reviewing.Open = append(v.reviewing.Open, r)
			if r.By == v.Me {
				v.Deciding = &r
			}
		}
	}
	for _, u := range users {
		if !u.Disabled && u.Name != v.Me && slices.Contains(u.Roles, casework.Manager) {
			v.Reviewers = append(v.Reviewers, u)
		}
	}
}

// askReview asks a manager to look at the case.
func (s *Server) askReview(w http.ResponseWriter, r *http.Request) error {
	return s.onCase(w, r, "review-ask", "reviews", "The review is asked for.", func(snap snapshot) (casework.Command, error) {
		return casework.AskReview{Case: snap.c.Number, To: r.PostForm.Get("to"), Reason: r.PostForm.Get("reason")}, nil
	})
}

// startReview begins a review of the caller. To read a case begins none: that changes nothing.
func (s *Server) startReview(w http.ResponseWriter, r *http.Request) error {
	snap, err := s.snapshot(r)
	if err == nil {
		err = s.do(r, casework.OpenReview{Case: snap.c.Number})
	}
	if err != nil {
		return err
	}
	return s.done(w, r, casePath(snap.c.Number)+"#reviews", "Your review has begun. What you read of the case is kept with it, until you decide.")
}

// decideReview says what comes of a review, with what the caller read meanwhile.
func (s *Server) decideReview(w http.ResponseWriter, r *http.Request) error {
	id := number0(r.PathValue("id"))
	done := map[string]string{"continue": "Decided: the case goes on as it is.", "severity": "Decided: the severity is another one.", "take-over": "Decided: the case is yours now.", "close": "Decided: the case is closed."}[r.FormValue("do")]
	return s.onCase(w, r, "review-decide", "reviews", done, func(snap snapshot) (casework.Command, error) {
		viewed, err := s.viewed(r.Context(), snap.c.Number, id)
		c := casework.DecideReview{Case: snap.c.Number, ID: id, Do: casework.ReviewDo(r.PostForm.Get("do")), Reason: r.PostForm.Get("reason"), Viewed: viewed, Revision: revision(r)}
		if c.Do == casework.ReviewSeverity {
			c.Severity = number0(r.PostForm.Get("severity"))
		}
		return c, err
	})
}

// maxViewed is how many times that somebody was shown messages are looked through for those of a review.
const maxViewed = 500

// viewed lists the messages of a case that the caller was shown since the review of theirs began, by the audit log: the
// one that was read first before the others.
func (s *Server) viewed(ctx context.Context, number, id int) (list []archive.Address, err error) {
	who, _ := callerFrom(ctx)
	snap, err := s.bareCase(ctx, number)
	if err != nil {
		return nil, err
	}
	review := of(snap.c.Reviews, id)
	if review.State != casework.ReviewOpen || review.By != who.actor {
		return nil, nil
	}
	d, err := s.dossier(ctx, snap, false)
	if err != nil {
		return nil, err
	}
	p, err := s.config.Audit.Page(ctx, casework.AuditFilter{Actor: who.actor, Type: casework.MessageRead, From: review.Opened}, 0, maxViewed)
	if err != nil {
		return nil, err
	}
	for _, e := range slices.Backward(p.Entries) {
		for _, at := range e.Data.Records {
			if len(list) < maxViewed && d.has(at) && !slices.Contains(list, at) {
				list = append(list, at)
			}
		}
	}
	return list, nil
}

// has reports whether a message is of the case, or cited by it.
func (d *dossier) has(at archive.Address) bool {
	return slices.ContainsFunc(d.Mail, func(m casework.Mail) bool { return m.Record == at }) ||
		slices.ContainsFunc(d.Cases, func(c casework.Case) bool {
			return slices.ContainsFunc(c.Citations, func(x casework.Citation) bool { return x.Record == at })
		})
}

// reviewsFor lists the reviews that wait for somebody: that they have begun, or were asked for.
func (s *Server) reviewsFor(who caller) (list []casework.Reviewing) {
	s.config.Desk.Read(func(state *casework.State) { list = state.Reviews() })
	manager := slices.Contains(who.roles, casework.Manager)
	return slices.DeleteFunc(list, func(r casework.Reviewing) bool {
		return r.Answers != who.actor && !(r.Answers == "" && manager)
	})
}
