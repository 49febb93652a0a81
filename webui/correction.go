package webui

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/index"
)

// Conversations that people correct: a message that does not belong there is
// split off, two that are one are joined, and either is taken back. Nobody names
// a message that he may not read, and nobody is told of a decision about one.

// correctForm is what may be done about the conversation of a message.
type correctForm struct {
	Alone  bool            // Nothing else is in it: there is nothing to split.
	With   string          // What was entered to join it with.
	Reason string          // As entered.
	Found  []index.Summary // Of conversations to choose from.
	Split  string          // Why splitting was refused.
	Join   string          // Why joining was, or what to do next.
}

// correctForm offers that to those who work on cases.
func (s *Server) correctForm(ctx context.Context, alone bool, refused *correctForm) *correctForm {
	who, _ := callerFrom(ctx)
	if !who.works() {
		return nil
	}
	f := &correctForm{}
	if refused != nil {
		f = refused
	}
	f.Alone = alone
	return f
}

// correctionView is a decision about the conversation of a message, for people.
type correctionView struct {
	casework.Correction
	By    string           // Full name.
	Other *archive.Address // What it was joined with.
	Undo  bool             // The caller may take it back.
}

// correctionsOf lists what was decided about the conversation of a message, as
// far as the caller may read all messages that it names.
func (s *Server) correctionsOf(ctx context.Context, d *index.Document) (views []correctionView, err error) {
	shas := []archive.Digest{d.SHA256}
	for _, seen := range d.Seen {
		shas = append(shas, seen.SHA256)
	}
	who, _ := callerFrom(ctx)
	var all []casework.Correction
	s.config.Desk.Read(func(state *casework.State) {
		all = state.Corrections(shas...)
		for _, c := range all {
			v := correctionView{Correction: c, By: c.Actor, Undo: who.works()}
			if u, ok := state.User(c.Actor); ok {
				v.By = fullName(u)
			}
			for i, n := range c.Messages {
				if !slices.Contains(shas, n.SHA256) {
					v.Other = &c.Messages[i].Record
				}
			}
			views = append(views, v)
		}
	})
	return slices.DeleteFunc(views, func(v correctionView) bool {
		ok, lookErr := s.readable(ctx, v.Correction)
		err = errors.Join(err, lookErr)
		return !ok
	}), err
}

// readable reports whether the caller may read all messages of a decision.
func (s *Server) readable(ctx context.Context, c casework.Correction) (bool, error) {
	for _, n := range c.Messages {
		unseen, err := s.within(ctx).Unseen(ctx, n.Record)
		if err != nil || len(unseen) > 0 {
			return false, err
		}
	}
	return true, nil
}

// named finds the message at an address as the caller may read it.
func (s *Server) named(ctx context.Context, at archive.Address) (casework.Named, error) {
	d, err := s.within(ctx).Document(ctx, at)
	var removed *index.RemovedError
	switch {
	case errors.As(err, &removed):
		return casework.Named{}, &statusError{http.StatusGone, s.removal(removed), nil}
	case errors.Is(err, archive.ErrNotFound):
		return casework.Named{}, notFound("message")
	case err != nil:
		return casework.Named{}, err
	}
	return casework.Named{Record: d.Address, SHA256: d.SHA256}, nil
}

// namedBy understands an address, "mail/17", and the ID of a conversation,
// "mail-17", of which it takes the first message that the caller may read. It
// is not ok when text is neither.
func (s *Server) namedBy(ctx context.Context, text string) (n casework.Named, ok bool, err error) {
	text = strings.TrimPrefix(strings.TrimSpace(text), "thread:")
	if at, err := archive.ParseAddress(text); err == nil && !at.Stream.Ours() {
		n, err := s.named(ctx, at)
		return n, true, err
	}
	i := strings.LastIndexByte(text, '-')
	if i < 0 {
		return n, false, nil
	}
	if at, err := archive.ParseAddress(text[:i] + "/" + text[i+1:]); err != nil || at.Stream.Ours() {
		return n, false, nil
	}
	t, err := s.within(ctx).Thread(ctx, text)
	if errors.Is(err, archive.ErrNotFound) {
		return n, true, notFound("conversation")
	}
	if err != nil {
		return n, true, err
	}
	return casework.Named{Record: t.Messages[0].Address, SHA256: t.Messages[0].SHA256}, true, nil
}

// correct carries out a decision about conversations and returns where it is in the ledger.
func (s *Server) correct(ctx context.Context, c casework.Command) (archive.Position, error) {
	who, _ := callerFrom(ctx)
	at, err := s.config.Desk.Do(ctx, who.actor, c)
	if err == nil {
		s.settle(ctx, at)
	}
	return at, err
}

// together reports whether two messages are in one conversation now.
func (s *Server) together(ctx context.Context, a, b archive.Address) (bool, error) {
	x, err := s.within(ctx).Document(ctx, a)
	if err != nil {
		return false, err
	}
	y, err := s.within(ctx).Document(ctx, b)
	if err != nil {
		return false, err
	}
	return x.Thread == y.Thread, nil
}

func (s *Server) splitOff(ctx context.Context, at archive.Address, reason string) (archive.Position, error) {
	n, err := s.named(ctx, at)
	if err != nil {
		return 0, err
	}
	d, err := s.within(ctx).Document(ctx, at)
	if err != nil {
		return 0, err
	}
	thread, err := s.within(ctx).Search(ctx, index.Request{Query: "thread:" + d.Thread, Limit: 1, Now: s.config.Now()})
	if err != nil {
		return 0, err
	}
	if thread.Total > index.MaxDivided {
		return 0, &casework.Refusal{Code: casework.Conflict, Text: fmt.Sprintf("A conversation of more than %d messages stays whole; this one has %d.", index.MaxDivided, thread.Total)}
	}
	return s.correct(ctx, casework.SplitThread{Message: n, Reason: strings.TrimSpace(reason)})
}

func (s *Server) joinWith(ctx context.Context, at archive.Address, with casework.Named, reason string) (archive.Position, error) {
	n, err := s.named(ctx, at)
	if err != nil {
		return 0, err
	}
	one, err := s.together(ctx, n.Record, with.Record)
	if err != nil {
		return 0, err
	}
	if one && n != with {
		return 0, &casework.Refusal{Code: casework.Conflict, Field: "With", Text: n.Record.String() + " and " + with.Record.String() + " are in one conversation already."}
	}
	return s.correct(ctx, casework.JoinThreads{Messages: [2]casework.Named{n, with}, Reason: strings.TrimSpace(reason)})
}

// undo takes a decision back that the caller may be told of.
func (s *Server) undo(ctx context.Context, decision archive.Position, reason string) (casework.Correction, archive.Position, error) {
	var had casework.Correction
	var known bool
	s.config.Desk.Read(func(state *casework.State) { had, known = state.Correction(decision) })
	if known {
		ok, err := s.readable(ctx, had)
		if err != nil {
			return had, 0, err
		}
		known = ok
	}
	if !known {
		return had, 0, notFound("decision about a conversation, or it was taken back already")
	}
	at, err := s.correct(ctx, casework.UndoThread{Decision: decision, Reason: strings.TrimSpace(reason)})
	return had, at, err
}

// splitThread takes a message out of its conversation.
func (s *Server) splitThread(w http.ResponseWriter, r *http.Request) error {
	at, err := addressOf(r)
	if err != nil {
		return err
	}
	_, err = s.splitOff(r.Context(), at, r.FormValue("reason"))
	var refusal *casework.Refusal
	if errors.As(err, &refusal) {
		return s.showMessage(w, r, http.StatusUnprocessableEntity, nil, &correctForm{Split: refusal.Text, Reason: r.FormValue("reason")})
	}
	if err != nil {
		return err
	}
	return s.done(w, r, recordPath(at), "This message, and what answers it, is a conversation of its own now.")
}

// joinThreads joins the conversation of a message with the one that was named,
// or offers those that a query finds.
func (s *Server) joinThreads(w http.ResponseWriter, r *http.Request) error {
	at, err := addressOf(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	f := &correctForm{With: strings.TrimSpace(r.FormValue("with")), Reason: r.FormValue("reason")}
	with, ok, err := s.namedBy(ctx, f.With)
	var status *statusError
	switch {
	case errors.As(err, &status):
		f.Join = status.text
	case err != nil:
		return err
	case !ok:
		if err := s.offer(ctx, f); err != nil {
			return err
		}
	default:
		_, err = s.joinWith(ctx, at, with, f.Reason)
		var refusal *casework.Refusal
		if !errors.As(err, &refusal) {
			if err != nil {
				return err
			}
			return s.done(w, r, recordPath(at), "The two conversations are one now.")
		}
		f.Join = refusal.Text
	}
	return s.showMessage(w, r, http.StatusUnprocessableEntity, nil, f)
}

// offer finds conversations to choose from.
func (s *Server) offer(ctx context.Context, f *correctForm) error {
	if f.With == "" {
		f.Join = "Enter the address of a message of the other conversation, or words to search for it."
		return nil
	}
	found, err := s.within(ctx).Search(ctx, index.Request{Query: f.With, Limit: 50, Now: s.config.Now()})
	var syntax *index.SyntaxError
	if errors.As(err, &syntax) {
		f.Join = syntax.Text
		return nil
	}
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, m := range found.Items {
		if !known[m.Thread] && len(f.Found) < 10 {
			known[m.Thread] = true
			f.Found = append(f.Found, m)
		}
	}
	if f.Join = "Choose the other conversation."; len(f.Found) == 0 {
		f.Join = "Nothing is found by that."
	}
	return s.noteRead(ctx, addresses(f.Found)...)
}

// undoThread takes a decision about conversations back.
func (s *Server) undoThread(w http.ResponseWriter, r *http.Request) error {
	decision, err := strconv.ParseUint(r.PathValue("decision"), 10, 63)
	if err != nil {
		return notFound("decision")
	}
	had, _, err := s.undo(r.Context(), archive.Position(decision), r.FormValue("reason"))
	if err != nil {
		return err
	}
	return s.done(w, r, recordPath(had.Messages[0].Record), "The decision is taken back. The ledger still tells of it.")
}

type splitIn struct {
	Stream   string `path:"stream" example:"mail"`
	Position uint64 `path:"position" example:"1042"`
	Body     struct {
		Reason string `json:"reason" doc:"Why; others see it beside the conversation."`
	}
}

type joinIn struct {
	Stream   string `path:"stream" example:"mail"`
	Position uint64 `path:"position" example:"1042"`
	Body     struct {
		With   string `json:"with" example:"mail/1042" doc:"Address of a message of the other conversation, or the ID of that."`
		Reason string `json:"reason" doc:"Why; others see it beside the conversation."`
	}
}

// correctedOut says what was decided, and which conversation the message is in now.
type correctedOut struct {
	Decision archive.Position `json:"decision" doc:"Position of the decision in the ledger; what takes it back names that."`
	Thread   string           `json:"thread" doc:"ID of the conversation of the message."`
}

func (s *Server) correctedOut(ctx context.Context, at archive.Address, decision archive.Position) (*body[correctedOut], error) {
	d, err := s.within(ctx).Document(ctx, at)
	if err != nil {
		return nil, err
	}
	return reply(correctedOut{decision, d.Thread}), nil
}

func (s *Server) apiSplit(ctx context.Context, in *splitIn) (*body[correctedOut], error) {
	at, err := (recordIn{in.Stream, in.Position}).address()
	if err != nil {
		return nil, err
	}
	decision, err := s.splitOff(ctx, at, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	return s.correctedOut(ctx, at, decision)
}

func (s *Server) apiJoin(ctx context.Context, in *joinIn) (*body[correctedOut], error) {
	at, err := (recordIn{in.Stream, in.Position}).address()
	if err != nil {
		return nil, err
	}
	with, ok, err := s.namedBy(ctx, in.Body.With)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, &casework.Refusal{Code: casework.Invalid, Field: "with", Text: strconv.Quote(in.Body.With) + " is neither the address of a message, like mail/1042, nor the ID of a conversation, like mail-17."}
	}
	decision, err := s.joinWith(ctx, at, with, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	return s.correctedOut(ctx, at, decision)
}

type undoIn struct {
	Decision uint64 `path:"decision" doc:"Position of the decision in the ledger."`
	Reason   string `query:"reason"`
}

func (s *Server) apiUndo(ctx context.Context, in *undoIn) (*none, error) {
	_, _, err := s.undo(ctx, archive.Position(in.Decision), in.Reason)
	return nil, err
}

// threadOut is a conversation with what people decided about it.
type threadOut struct {
	*index.Thread
	Corrections []casework.Correction `json:"corrections" doc:"Decisions about it that hold: messages that were split off, conversations that were joined."`
}

// threadCorrections lists what was decided about a conversation, as far as the caller may read all that it names.
func (s *Server) threadCorrections(ctx context.Context, t *index.Thread) (all []casework.Correction, err error) {
	var shas []archive.Digest
	for _, m := range t.Messages {
		shas = append(shas, m.SHA256)
	}
	s.config.Desk.Read(func(state *casework.State) { all = state.Corrections(shas...) })
	return slices.DeleteFunc(all, func(c casework.Correction) bool {
		ok, lookErr := s.readable(ctx, c)
		err = errors.Join(err, lookErr)
		return !ok
	}), err
}
