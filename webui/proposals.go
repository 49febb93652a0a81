package webui

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/casework/extract"
	"polytrace/index"
)

// proposalView is something that a message says and somebody may want to note: which kind, in which
// words, and what fills the form that keeps it.
type proposalView struct {
	casework.Proposed
	Name string // Of its kind, for people.
	Text string // The words on one line.
	As   string // What it would be kept as; see citeForm.
	Due  string // A day, or "" where none is said.
	Or   string // The other day that the words may mean.
	Link string
}

// ID names the proposal among those of its message, for as long as rules find it there.
func (v proposalView) ID() string {
	return fmt.Sprintf("%s.%d.%d.%d", v.Proposed.Kind, v.Part, v.Start, v.End)
}

// Proposals that are less sure, and more of them, would only be in the way.
const (
	sureEnough   = .7
	maxProposals = 12
)

// proposals lists what the author of a message says that somebody may want to note, but for what somebody rejected, or
// noted. It reads the message anew each time: nothing of it is kept until a person does.
func (s *Server) proposals(m *opened) (list []proposalView) {
	if m.text.Part < 0 || m.original.Date.IsZero() {
		return nil
	}
	ours := s.ours(m.doc.From.Address)
	said := map[string]bool{}
	for _, p := range extract.All(m.text, m.original.From, extract.Reference{Sent: m.original.Date}) {
		v, ok := proposal(m, p, ours)
		if !ok || p.Score < sureEnough || said[v.As+v.Text] {
			continue
		}
		said[v.As+v.Text] = true
		list = append(list, v)
	}
	s.config.Desk.Read(func(state *casework.State) {
		rejected := state.Rejections(m.doc.SHA256)
		list = slices.DeleteFunc(list, func(v proposalView) bool {
			return slices.ContainsFunc(rejected, func(r casework.Rejection) bool { return r.Covers(v.Proposed, m.text.Body) }) || state.Stated(v.Proposed, m.text.Body)
		})
	})
	slices.SortStableFunc(list, func(a, b proposalView) int { return proposalRank(a) - proposalRank(b) })
	return list[:min(len(list), maxProposals)]
}

// proposal is what rules found, as it is shown; false for a day that was over when it was written.
func proposal(m *opened, p extract.Proposal, ours bool) (v proposalView, ok bool) {
	v = proposalView{Proposed: casework.Proposed{Record: m.doc.Address, SHA256: m.doc.SHA256, Part: p.Part, Kind: string(p.Kind), Quote: p.Quote, Start: p.Start, End: p.End, Rule: p.Rule, Version: p.Version},
		Name: string(p.Kind), Text: oneLine(p.Quote), As: "fact"}
	var due *extract.When
	switch x := p.Value.(type) {
	case extract.Promise:
		if due, v.As, v.Name = x.Due, "theirs", "their promise"; ours {
			v.As, v.Name = "ours", "our promise"
		}
	case extract.Request:
		due = x.Due
	case extract.When:
		if due, v.As = &x, "date"; x.Due().Before(m.original.Date) {
			return v, false
		}
	}
	if due != nil {
		if v.Due = lastDay(*due); due.Other != nil {
			v.Or = lastDay(*due.Other)
		}
	}
	v.Link = recordPath(m.doc.Address) + "?" + url.Values{"as": {v.As}, "quote": {p.Quote}, "due": {v.Due}}.Encode() + "#cite"
	return v, true
}

// proposalRank puts promises first, then what is asked and when, then the rest.
func proposalRank(v proposalView) int {
	return slices.Index([]string{"our promise", "their promise", "request", "date", "discharge", "detail", "person"}, v.Name)
}

// lastDay is the day on which something is due at the latest.
func lastDay(w extract.When) string { return w.Due().Add(-time.Nanosecond).Format(time.DateOnly) }

// ours reports whether an address is of us.
func (s *Server) ours(address string) (is bool) {
	s.config.Desk.Read(func(state *casework.State) { is = s.company(state).Has(address) })
	return is
}

// rejected lists what was rejected of a message.
func (s *Server) rejected(m *opened) (list []casework.Rejection) {
	s.config.Desk.Read(func(state *casework.State) { list = state.Rejections(m.doc.SHA256) })
	return list
}

// proposalNamed is a proposal of a message that waits for an answer.
func (s *Server) proposalNamed(m *opened, id string) (proposalView, error) {
	for _, v := range s.proposals(m) {
		if v.ID() == id {
			return v, nil
		}
	}
	return proposalView{}, &casework.Refusal{Code: casework.Conflict, Field: "Proposal", Text: "This is not proposed any more: somebody has confirmed or rejected it meanwhile."}
}

// confirming is a message with what it says that waits for somebody to confirm or reject it.
type confirming struct {
	index.Summary
	Case      int // That it is mail of; 0 where it is not known.
	Title     string
	Proposals []proposalView
}

// What a list to confirm reads and shows at most.
const (
	confirmCases = 20 // Of the caller, those that changed last.
	confirmReads = 60 // Messages, the newest of them.
	confirmShown = 40 // Proposals.
)

// candidate is a message that may say something.
type candidate struct {
	at   archive.Address
	when time.Time
	of   casework.Case
}

// toConfirm lists what the newest mail of the caller's cases, or of an account, says that waits for an answer: who signed
// and what is called how once, and our own people not at all. It notes what it shows.
func (s *Server) toConfirm(ctx context.Context, account string) (list []confirming, err error) {
	var all []candidate
	if account != "" {
		all, err = s.mailOfAccount(ctx, account)
	} else {
		all, err = s.mailOfMine(ctx)
	}
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return b.when.Compare(a.when) })
	var shown []archive.Address
	var cases []int
	n, said := 0, map[string]bool{} // What does not become another by being said again, and was in newer mail.
	for _, x := range all[:min(len(all), confirmReads)] {
		if n == confirmShown {
			break
		}
		m, err := s.readMessage(ctx, x.at) // Noted below, all at once.
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil: // Removed meanwhile, or its pack is away.
			continue
		}
		found := slices.DeleteFunc(s.proposals(m), func(v proposalView) bool {
			again := said[v.Name+v.Text]
			said[v.Name+v.Text] = v.Name == "person" || v.Name == "detail"
			return again || v.Name == "person" && s.ours(m.doc.From.Address)
		})
		if found = found[:min(len(found), confirmShown-n)]; len(found) == 0 {
			continue
		}
		n += len(found)
		list = append(list, confirming{m.doc.Summary, x.of.Number, x.of.Title, found})
		if shown = append(shown, m.doc.Address); x.of.Number != 0 {
			cases = append(cases, x.of.Number)
		}
	}
	return list, cmp.Or(s.noteRead(ctx, shown...), s.noteCases(ctx, cases))
}

// mailOfMine is the mail of the caller's open cases.
func (s *Server) mailOfMine(ctx context.Context) (all []candidate, err error) {
	who, _ := callerFrom(ctx)
	var mine []casework.Case
	s.config.Desk.Read(func(state *casework.State) { mine = state.Overview() })
	mine = slices.DeleteFunc(mine, func(c casework.Case) bool { return c.Owner != who.actor || done(c) || c.Into != 0 })
	for _, c := range mine[:min(len(mine), confirmCases)] {
		letters, _, err := s.within(ctx).CaseMail(ctx, caseNames(s.config.Desk)(c.Number), false)
		if err != nil {
			return nil, err
		}
		for _, l := range letters {
			if !l.Automatic {
				all = append(all, candidate{l.Address, l.Date, c})
			}
		}
	}
	return all, nil
}

// mailOfAccount is the newest mail of an account, which is noted as a search.
func (s *Server) mailOfAccount(ctx context.Context, account string) (all []candidate, err error) {
	a, err := s.account(account)
	if err != nil {
		return nil, err
	}
	result, err := s.search(ctx, index.Request{Query: accountQuery(a.ID), Limit: confirmReads, Now: s.config.Now()})
	if err != nil {
		return nil, err
	}
	for _, item := range result.Items {
		all = append(all, candidate{at: item.Address, when: item.Date})
	}
	return all, nil
}

// keep makes a statement of a proposal in a case.
func (s *Server) keep(ctx context.Context, m *opened, v proposalView, number int) error {
	said, err := s.saying(&citeForm{Quote: v.Quote, As: v.As, Due: v.Due}, number)
	if err != nil {
		return err
	}
	c := casework.Citation{Record: v.Record, SHA256: v.SHA256, Author: nameOf(m.doc.From), Part: v.Part, Quote: v.Quote, Start: v.Start, End: v.End}
	c.Prefix, c.Suffix = casework.Context(m.text.Body, v.Start, v.End)
	id, err := s.cited(ctx, number, c)
	if err != nil {
		return err
	}
	return s.act(ctx, said(id))
}

// answerProposal confirms, rejects or restores a proposal of a message.
func (s *Server) answerProposal(ctx context.Context, m *opened, do, id string, number int, reason string) (done string, err error) {
	if do == "restore" {
		at, err := archive.ParseAddress(string(archive.Ledger) + "/" + id)
		if err != nil {
			return "", &casework.Refusal{Code: casework.Invalid, Field: "Proposal", Text: "Which rejection is meant is not clear. Go back and try again."}
		}
		return "It is proposed again.", s.act(ctx, casework.RestoreProposal{SHA256: m.doc.SHA256, Position: at.Position, Reason: reason})
	}
	v, err := s.proposalNamed(m, id)
	if err != nil {
		return "", err
	}
	switch do {
	case "reject":
		return "Rejected. It is not proposed again; the page of the message can take that back.", s.act(ctx, casework.RejectProposal{Proposed: v.Proposed, Reason: reason})
	case "keep":
		if number == 0 {
			return "", &casework.Refusal{Code: casework.Invalid, Field: "Case", Text: "Choose the case that this belongs to."}
		}
		return "Kept in C-" + strconv.Itoa(number) + ".", s.keep(ctx, m, v, number)
	}
	return "", &casework.Refusal{Code: casework.Invalid, Field: "Do", Text: "A proposal can be kept, rejected, or restored."}
}
