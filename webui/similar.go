package webui

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/casework/extract"
	"polytrace/index"
)

// likenesses keeps what cases are compared by, apart for each set of queues that somebody may read: what one may not read
// is not in what he is told.
type likenesses struct {
	mu      sync.Mutex
	byReach map[string]*likeness
}

// maxReaches is for how many sets of queues it is kept, of about 1 KiB for each case.
const maxReaches = 16

// likeness is what all cases are compared by within one reach.
type likeness struct {
	mu      sync.Mutex
	records int64            // Those that the index had.
	ledger  archive.Position // How far decisions were known.
	known   map[int]likeCase
	list    []casework.Likeness // By number.
}

// likeCase is a case as it was when it was looked at.
type likeCase struct {
	stand archive.Position
	mark  uint64
	casework.Likeness
}

func (l *likenesses) of(reach string) *likeness {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byReach == nil || len(l.byReach) >= maxReaches && l.byReach[reach] == nil {
		l.byReach = map[string]*likeness{}
	}
	if l.byReach[reach] == nil {
		l.byReach[reach] = &likeness{known: map[int]likeCase{}}
	}
	return l.byReach[reach]
}

// similar lists the cases that are like one, as far as the caller may read their mail.
func (s *Server) similar(ctx context.Context, number int) ([]casework.Similar, error) {
	all, err := s.likenesses(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(l casework.Likeness) bool { return l.Number == number })
	if i < 0 {
		return nil, nil
	}
	return casework.SimilarTo(all[i], all), nil
}

// likenesses are what all cases are compared by, looked at again where something of them has changed.
func (s *Server) likenesses(ctx context.Context) ([]casework.Likeness, error) {
	who, _ := callerFrom(ctx)
	var within index.Within
	s.config.Desk.Read(func(state *casework.State) { within.Open, within.Withheld = state.Reach(who.actor, who.roles) })
	l := s.like.of(strings.Join(within.Withheld, "\n"))
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.look(ctx, s, s.config.Index.Within(within))
	return l.list, err
}

// look brings it up to date, with what its reach may read. Others wait meanwhile, and then have it too.
func (l *likeness) look(ctx context.Context, s *Server, reader index.Reader) error {
	status := s.config.Index.Status()
	var ledger archive.Position
	var all []casework.Footing
	var company casework.Company
	var links accountLinks
	s.config.Desk.Read(func(state *casework.State) {
		if ledger = state.Next(); l.records != status.Records || l.ledger != ledger || l.list == nil {
			all, company, links = state.Footings(), s.company(state), accountLinksOf(state)
		}
	})
	if all == nil {
		return nil
	}
	members := make([][]index.CaseMail, len(all))
	for i, f := range all {
		members[i] = membersOfFooting(f)
	}
	marks, err := reader.CaseMailMarks(ctx, members)
	if err != nil {
		return err
	}
	var news []int
	var changed [][]index.CaseMail
	for i, f := range all {
		if had, ok := l.known[f.Number]; !ok || had.stand != f.Stand || had.mark != marks[i] {
			news, changed = append(news, i), append(changed, members[i])
		}
	}
	err = reader.EachCaseMail(ctx, changed, func(k int, mail []index.Letter, opening func(index.Letter) (string, error)) error {
		f := all[news[k]]
		read, err := likenessOf(mail, company, opening)
		if err == nil {
			l.known[f.Number] = likeCase{f.Stand, marks[news[k]], read}
		}
		return err
	})
	if err != nil {
		return err
	}
	l.list = make([]casework.Likeness, len(all))
	for i, f := range all {
		read := l.known[f.Number].Likeness
		f.Files, f.References, f.Text = read.Files, read.References, read.Text
		if tag := links.Of(f.Account); tag != nil {
			f.Account = tag.ID
		}
		l.list[i] = f.Likeness
	}
	if status.Lag == 0 {
		l.records, l.ledger = status.Records, ledger
	}
	return nil
}

func membersOfFooting(f casework.Footing) []index.CaseMail {
	all := make([]index.CaseMail, len(f.Cited))
	for i := range all {
		all[i].Cited = f.Cited[i]
		for _, l := range f.Links[i] {
			all[i].Links = append(all[i].Links, index.CaseLink{At: l.Record, Aside: l.Aside})
		}
	}
	return all
}

// likenessOf reads what the mail of a case says: the files that came with it, the numbers that subjects and the first
// message of the customer name, and what that message says.
func likenessOf(mail []index.Letter, company casework.Company, opening func(index.Letter) (string, error)) (casework.Likeness, error) {
	var l casework.Likeness
	first := -1
	name := func(text string) {
		for _, d := range extract.Details(text, []extract.Span{{Start: 0, End: len(text)}}) {
			switch d.Value.Kind {
			case extract.Number, extract.Serial, extract.Failure:
				if v := strings.ToUpper(d.Value.Value); len(v) >= 4 && !slices.Contains(l.References, v) {
					l.References = append(l.References, v)
				}
			}
		}
	}
	subjects := map[string]bool{}
	for i, m := range mail {
		for _, f := range m.Attached {
			if !slices.Contains(l.Files, f.SHA256) {
				l.Files = append(l.Files, f.SHA256)
			}
		}
		if !subjects[m.Subject] {
			subjects[m.Subject] = true
			name(m.Subject)
		}
		if first < 0 && !m.Automatic && company.DirectionOf(m.From, m.To) == casework.Inbound {
			first = i
		}
	}
	if first < 0 {
		return l, nil
	}
	text, err := opening(mail[first])
	name(text)
	l.Text = casework.SketchOf(text)
	return l, err
}

// maxSimilar is how many similar cases a case shows before somebody asks for more.
const maxSimilar = 3

// similarView are the similar cases that a page shows.
type similarView struct {
	Cases  []casework.Similar
	More   int    // That are not shown.
	Say    string // In a few words.
	Number int    // Of the case that they are like.
}

// similarOf fills what a page shows of them. That there are none is shown as well, with what was compared.
func (s *Server) similarOf(ctx context.Context, number int, called names, all bool) (similarView, error) {
	list, err := s.similar(ctx, number)
	v := similarView{Cases: list, Say: casework.SaySimilar(list, called.Of), Number: number}
	if !all && len(list) > maxSimilar {
		v.Cases, v.More = list[:maxSimilar], len(list)-maxSimilar
	}
	return v, err
}

// Link is the page of a case with all that are like it.
func (v similarView) Link() string {
	return "/cases/" + strconv.Itoa(v.Number) + "?similar=all#similar"
}

type similarOut struct {
	Similar []casework.Similar `json:"similar" doc:"The most alike first."`
	Say     string             `json:"say" doc:"In a few words; empty when there are none."`
}

func (s *Server) apiSimilar(ctx context.Context, in *caseIn) (*body[similarOut], error) {
	if _, err := s.shownCase(ctx, in.Number); err != nil {
		return nil, err
	}
	all, err := s.similar(ctx, in.Number)
	if err != nil {
		return nil, err
	}
	var called names
	s.config.Desk.Read(func(state *casework.State) { called = namesOf(state.Users()) })
	return reply(similarOut{list(all), casework.SaySimilar(all, called.Of)}), nil
}
