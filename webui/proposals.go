package webui

import (
	"net/url"
	"slices"
	"time"

	"polytrace/casework"
	"polytrace/casework/extract"
)

// proposalView is something that a message says and somebody may want to note: which kind, in which
// words, and what fills the form that keeps it.
type proposalView struct {
	Kind  string
	Quote string
	Due   string // A day, or "" where none is said.
	Or    string // The other day that the words may mean.
	Link  string
}

// Proposals that are less sure, and more of them, would only be in the way.
const (
	sureEnough   = .7
	maxProposals = 12
)

// proposals lists what the author of a message says that somebody may want to note. It reads the
// message anew each time: nothing of it is kept until a person does.
func (s *Server) proposals(m *opened) (list []proposalView) {
	if m.text.Part < 0 || m.original.Date.IsZero() {
		return nil
	}
	ours := s.ours(m.doc.From.Address)
	said := map[string]bool{}
	for _, p := range extract.All(m.text, m.original.From, extract.Reference{Sent: m.original.Date}) {
		v, as := proposalView{Kind: string(p.Kind), Quote: oneLine(p.Quote)}, "fact"
		var due *extract.When
		switch x := p.Value.(type) {
		case extract.Promise:
			if due, as, v.Kind = x.Due, "theirs", "their promise"; ours {
				as, v.Kind = "ours", "our promise"
			}
		case extract.Request:
			due = x.Due
		case extract.When:
			if due, as = &x, "date"; x.Due().Before(m.original.Date) {
				continue // It was over when it was written.
			}
		}
		if due != nil {
			if v.Due = lastDay(*due); due.Other != nil {
				v.Or = lastDay(*due.Other)
			}
		}
		if p.Score < sureEnough || said[as+v.Quote] {
			continue
		}
		said[as+v.Quote] = true
		v.Link = recordPath(m.doc.Address) + "?" + url.Values{"as": {as}, "quote": {p.Quote}, "due": {v.Due}}.Encode() + "#cite"
		list = append(list, v)
	}
	slices.SortStableFunc(list, func(a, b proposalView) int { return proposalRank(a) - proposalRank(b) })
	return list[:min(len(list), maxProposals)]
}

// proposalRank puts promises first, then what is asked and when, then the rest.
func proposalRank(v proposalView) int {
	return slices.Index([]string{"our promise", "their promise", "request", "date", "discharge", "detail", "person"}, v.Kind)
}

// lastDay is the day on which something is due at the latest.
func lastDay(w extract.When) string { return w.Due().Add(-time.Nanosecond).Format(time.DateOnly) }

// ours reports whether an address is of us.
func (s *Server) ours(address string) (is bool) {
	s.config.Desk.Read(func(state *casework.State) { is = s.company(state).Has(address) })
	return is
}
