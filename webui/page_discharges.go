package webui

import (
	"context"
	"net/http"
	"slices"

	"polytrace/archive"
	"polytrace/casework"
)

// looksView is what seems to keep a promise, with where it leads.
type looksView struct {
	casework.LooksDone
	Chip chip
}

// looksDone finds what of the mail of a case seems to keep promises that are open. Only messages that could are read.
func (s *Server) looksDone(ctx context.Context, d *dossier) ([]looksView, error) {
	open := map[casework.MailDirection]bool{}
	for _, c := range d.Cases {
		for _, p := range c.Commitments {
			if p.End == nil {
				open[map[casework.Direction]casework.MailDirection{casework.Ours: casework.Outbound, casework.Theirs: casework.Inbound}[p.Direction]] = true
			}
		}
	}
	if len(open) == 0 {
		return nil, nil
	}
	could := slices.DeleteFunc(slices.Clone(d.Mail), func(m casework.Mail) bool { return m.Automatic || !open[m.Direction] })
	in := casework.DischargeInput{Cases: d.Cases, Mail: d.Mail, Traits: map[archive.Digest]casework.Traits{}}
	if err := s.readTraits(ctx, could, in.Traits); err != nil {
		return nil, err
	}
	var list []looksView
	for _, x := range casework.LooksDoneOf(in) {
		if chips := d.sources([]casework.Source{{Record: &x.Record}}).Chips; len(chips) == 1 {
			list = append(list, looksView{x, chips[0]})
		}
	}
	return list, nil
}

// fillDischarges says of the open promises of the case that is shown what seems to keep them.
func (s *Server) fillDischarges(ctx context.Context, v *caseView) error {
	looks, err := s.looksDone(ctx, v.dossier)
	for i := range v.Promises {
		p := &v.Promises[i]
		for _, x := range looks {
			if x.LooksDone.Case == v.Case.Number && x.LooksDone.Commitment == p.Commitment.ID {
				p.Looks = &x
			}
		}
		for _, m := range v.dossier.Mail {
			if p.Commitment.End == nil && slices.Contains(p.Commitment.NotBy, m.SHA256) {
				p.NotBy = append(p.NotBy, m)
			}
		}
	}
	return err
}

// looksDoneIn is looksDone of a case that is shown in a list.
func (s *Server) looksDoneIn(ctx context.Context, number int) ([]looksView, error) {
	snap, err := s.bareCase(ctx, number)
	if err != nil {
		return nil, err
	}
	d, err := s.dossier(ctx, snap, false)
	if err != nil {
		return nil, err
	}
	return s.looksDone(ctx, d)
}

// judgingDischarge is the command that confirms, or rejects, that a message keeps a promise. To confirm cites the words first,
// which makes what was seen of the case old: whether somebody else has changed it is asked before.
func (s *Server) judgingDischarge(ctx context.Context, number, id int, do, record string, seen *archive.Position) (casework.Command, error) {
	at, err := archive.ParseAddress(record)
	if err != nil {
		return nil, &casework.Refusal{Code: casework.Invalid, Field: "Record", Text: "Which message is meant is not clear. Go back and try again."}
	}
	snap, err := s.bareCase(ctx, number)
	if err != nil {
		return nil, err
	}
	d, err := s.dossier(ctx, snap, false)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(d.Mail, func(m casework.Mail) bool { return m.Record == at })
	if i < 0 {
		return nil, &casework.Refusal{Code: casework.NotFound, Field: "Record", Text: "That message is not of the case any more."}
	}
	switch do {
	case "reject", "restore":
		return casework.RejectDischarge{Case: number, ID: id, Message: casework.Named{Record: at, SHA256: d.Mail[i].SHA256}, Restore: do == "restore"}, nil
	case "confirm":
	default:
		return nil, &casework.Refusal{Code: casework.Invalid, Field: "Do", Text: "Say whether the message keeps the promise: confirm, reject, or restore what was rejected."}
	}
	looks, err := s.looksDone(ctx, d)
	if err != nil {
		return nil, err
	}
	i = slices.IndexFunc(looks, func(x looksView) bool {
		return x.LooksDone.Case == number && x.LooksDone.Commitment == id && x.Record == at
	})
	if i < 0 {
		return nil, &casework.Refusal{Code: casework.Conflict, Field: "Record", Text: "This does not look done by that message any more. Look at the promise again."}
	}
	return s.kept(ctx, looks[i].LooksDone, seen)
}

// kept cites what keeps a promise, and is the command that says so.
func (s *Server) kept(ctx context.Context, x casework.LooksDone, seen *archive.Position) (casework.Command, error) {
	end := casework.EndCommitment{Case: x.Case, ID: x.Commitment, How: casework.Met, When: x.When, Revision: seen}
	var err error
	s.config.Desk.Read(func(state *casework.State) { _, err = end.Check(state, s.config.Now()) })
	if err != nil {
		return nil, err
	}
	m, err := s.readMessage(ctx, x.Record)
	if err != nil {
		return nil, err
	}
	c := casework.Citation{Record: x.Record, SHA256: x.SHA256, Author: nameOf(m.doc.From), Part: max(x.Part, 0)}
	if x.Quote != "" {
		c.Quote, c.Start, c.End = x.Quote, x.Start, x.End
		c.Prefix, c.Suffix = casework.Context(m.text.Body, x.Start, x.End)
	}
	id, err := s.cited(ctx, x.Case, c)
	if err != nil {
		return nil, err
	}
	end.Cites, end.Revision = []int{id}, nil
	return end, nil
}

// judgeDischarge says whether a message keeps a promise.
func (s *Server) judgeDischarge(w http.ResponseWriter, r *http.Request) error {
	done := map[string]string{"confirm": "The promise was kept.", "reject": "That message does not keep it, and is not suggested again.", "restore": "That message perhaps keeps it."}[r.FormValue("do")]
	return s.onCase(w, r, "done-"+r.PathValue("id"), "promises", done, func(snap snapshot) (casework.Command, error) {
		return s.judgingDischarge(r.Context(), snap.c.Number, number0(r.PathValue("id")), r.PostForm.Get("do"), r.PostForm.Get("record"), revision(r))
	})
}
