package webui

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/index"
)

// how is the way in which a route shows mail, as the audit log keeps it. The
// tables in routes.go and api.go say it of each. A route that is silent cannot
// open a message, search or show a case: note refuses, and what is not noted
// is not shown. Figures that only count, live ones on every page among them, are
// not noted, nor are suggestions: words, names and how many messages have them.
type how string

const (
	silent   how = "" // Shows nothing of a message.
	asPage   how = "page"
	asSource how = "source"
	asRaw    how = "raw"
	asHTML   how = "html"
	asText   how = "text"
	asPart   how = "part" // With its number.
	asAPI    how = "api"
	asThread how = "thread"
	asFeed   how = "feed" // Titles of cases and of their dates, to the calendar of somebody.
	asProof  how = "proof"
	asTest   how = "test" // Envelope, recipients and header names; the subject to those who read.
)

type howKey struct{}

func withHow(ctx context.Context, h how) context.Context {
	return context.WithValue(ctx, howKey{}, h)
}

// note returns once it is durable what the caller is about to be shown. A
// machine that follows another one cannot write into the archive: there the
// log of the process keeps the same facts.
func (s *Server) note(ctx context.Context, t casework.EventType, number int, data casework.AuditData) error {
	who, known := callerFrom(ctx)
	if h, _ := ctx.Value(howKey{}).(how); !known || h == silent {
		return fmt.Errorf("note %s: by the table of routes nothing is shown here", t)
	}
	err := s.config.Audit.Note(ctx, who.actor, t, number, data)
	if errors.Is(err, archive.ErrFollowing) {
		s.config.Log.InfoContext(ctx, strings.ReplaceAll(string(t), ".", " "), "actor", who.actor, "case", number, "data", data)
		return nil
	}
	if err != nil {
		return unnoted(err)
	}
	return nil
}

// unnoted is told instead of what could not be noted.
func unnoted(err error) error {
	why := "its log says why."
	switch {
	case errors.Is(err, archive.ErrFull):
		why = "the disk of the data directory is full. Make room, then try again."
	case errors.Is(err, archive.ErrBroken):
		why = "a write has failed. An administrator has to look at the disk and start the server again."
	}
	return &statusError{http.StatusServiceUnavailable, "Who reads what has to be noted, and the archive cannot write at the moment: " + why, err}
}

// noteRead notes that messages are shown, all in one event.
func (s *Server) noteRead(ctx context.Context, records ...archive.Address) error {
	if len(records) == 0 {
		return nil
	}
	h, _ := ctx.Value(howKey{}).(how)
	return s.note(ctx, casework.MessageRead, 0, casework.AuditData{Records: records, How: string(h)})
}

// noteCase notes that a case is shown, with the words of mail that it cites and the first words of its mail.
func (s *Server) noteCase(ctx context.Context, number int) error {
	return s.note(ctx, casework.CaseRead, number, casework.AuditData{})
}

// noteCases is noteCase for some cases, all in one event.
func (s *Server) noteCases(ctx context.Context, cases []int) error {
	slices.Sort(cases)
	if cases = slices.Compact(cases); len(cases) == 0 {
		return nil
	}
	return s.note(ctx, casework.CaseRead, 0, casework.AuditData{Cases: cases})
}

// within is the index as the caller may read it: without the mail of queues that
// others alone read, and with the names that there are. A guest sees what
// somebody chose, which limits that.
func (s *Server) within(ctx context.Context) index.Reader {
	who, known := callerFrom(ctx)
	names := s.namesFor(who.actor)
	var w index.Within
	if known {
		s.config.Desk.Read(func(state *casework.State) { w.Open, w.Withheld = state.Reach(who.actor, who.roles) })
	} else {
		names.Saved = nil
	}
	return s.config.Index.Within(w).Naming(names)
}

// namesFor are what queries of somebody may name; of "" what those of everybody may.
func (s *Server) namesFor(actor string) (n index.Names) {
	s.config.Desk.Read(func(state *casework.State) {
		n = s.names.of(state)
		n.Saved = state.Queries(actor)
	})
	n.Cases = caseNames(s.config.Desk)
	return n
}

// search asks the index for people.
func (s *Server) search(ctx context.Context, r index.Request) (*index.Results, error) {
	result, err := s.within(ctx).Search(ctx, r)
	if err == nil {
		err = s.note(ctx, casework.SearchRun, 0, casework.AuditData{Query: r.Query, Total: result.Total, Sort: string(r.Sort), Cursor: r.Cursor})
	}
	if err != nil {
		return nil, err
	}
	return result, nil
}
