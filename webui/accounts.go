package webui

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/index"
	"polytrace/message"

	"golang.org/x/net/publicsuffix"
)

// naming keeps what queries may call accounts until somebody decides something
// about one.
type naming struct {
	mu    sync.Mutex
	at    archive.Position             // State.AccountsRevision that names are of.
	names map[string][]index.Belonging // Guarded by mu; what it holds never changes.
}

func (n *naming) of(state *casework.State) index.Names {
	n.mu.Lock()
	defer n.mu.Unlock()
	if at := state.AccountsRevision(); n.names == nil || n.at != at {
		n.names, n.at = accountNames(state), at
	}
	return index.Names{Accounts: n.names}
}

// accountNames are the accounts as queries name them: by what an account was
// called before, by its name, and before these by its ID.
func accountNames(state *casework.State) map[string][]index.Belonging {
	all := state.Accounts()
	names := make(map[string][]index.Belonging, 2*len(all))
	parties := make([][]index.Belonging, len(all))
	for i, a := range all {
		for _, m := range a.Mappings {
			if m.Counts() {
				parties[i] = append(parties[i], index.Belonging{Who: m.Who(), From: m.From, To: m.To})
			}
		}
		for _, name := range a.Former {
			names[index.FoldName(name)] = parties[i]
		}
	}
	for i, a := range all {
		names[index.FoldName(a.Name)] = parties[i]
	}
	for i, a := range all {
		names[a.ID] = parties[i]
	}
	return names
}

// accountQuery finds the mail of an account.
func accountQuery(id string) string { return "account:" + id }

func accountPath(id string) string { return "/accounts/" + id }

// accountTag is an account as it is named beside a message or a case.
type accountTag struct{ ID, Name string }

// accountsOf lists the accounts of people at a time, in their order.
func accountsOf(state *casework.State, at time.Time, people ...message.Mailbox) (tags []accountTag) {
	for _, m := range people {
		if id, name, ok := state.AccountOf(m.Address, at); ok && !slices.Contains(tags, accountTag{id, name}) {
			tags = append(tags, accountTag{id, name})
		}
	}
	return tags
}

// nameAccounts says whose mail the lines of a list are.
func (s *Server) nameAccounts(rows []resultRow) {
	s.config.Desk.Read(func(state *casework.State) {
		for i, r := range rows {
			rows[i].Accounts = accountsOf(state, r.Date, append([]message.Mailbox{r.From}, r.To...)...)
		}
	})
}

// accountsOfDocument is accountsOf for all who are known to have sent or got a message.
func (s *Server) accountsOfDocument(d *index.Document) (tags []accountTag) {
	people := append([]message.Mailbox{d.From}, d.To...)
	for _, r := range d.Recipients {
		people = append(people, message.Mailbox{Address: r.Address})
	}
	s.config.Desk.Read(func(state *casework.State) { tags = accountsOf(state, d.Date, people...) })
	return tags
}

// The most that the page of an account reads and shows.
const (
	mailSampled = 300 // Newest messages that people are found in.
	peopleShown = 25
	mailShown   = 8
)

// mailOf is what the caller may be told of the mail of an account.
type mailOf struct {
	result *index.Results
	People []accountPerson // Of the newest messages, who wrote or got most of them first.
	Rows   []resultRow     // The newest messages.
	First  time.Time
	Last   time.Time
}

// Total is how many messages there are.
func (m *mailOf) Total() int { return m.result.Total }

// Sampled is how many of them people were found in.
func (m *mailOf) Sampled() int { return len(m.result.Items) }

// accountPerson is somebody who is of an account.
type accountPerson struct {
	Name     string    `json:"name"`
	Address  string    `json:"address"`
	Messages int       `json:"messages" doc:"Of the account, that this person sent or got."`
	First    time.Time `json:"first" doc:"Date of the oldest of them."`
	Last     time.Time `json:"last" doc:"Date of the newest of them."`
}

// mailOf asks for the mail of an account, within the limits of the caller.
func (s *Server) mailOf(ctx context.Context, a casework.Account) (*mailOf, error) {
	result, err := s.search(ctx, index.Request{Query: accountQuery(a.ID), Limit: mailSampled, Now: s.config.Now()})
	if err != nil {
		return nil, err
	}
	m := &mailOf{result: result}
	for _, item := range result.Items[:min(len(result.Items), mailShown)] {
		m.Rows = append(m.Rows, resultRow{Summary: item, Link: recordPath(item.Address)})
	}
	if n := len(result.Items); n > 0 {
		if m.First, m.Last, _, err = s.between(ctx, accountQuery(a.ID)); err != nil {
			return nil, err
		}
	}
	m.People = s.peopleIn(a, result.Items)
	for i := range m.People {
		p := &m.People[i]
		if p.First, p.Last, p.Messages, err = s.between(ctx, accountQuery(a.ID)+` participant:"`+p.Address+`"`); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(m.People, func(a, b accountPerson) int { return cmp.Compare(b.Messages, a.Messages) })
	return m, nil
}

// peopleIn finds who of an account is in messages, most often first.
func (s *Server) peopleIn(a casework.Account, items []index.Summary) []accountPerson {
	seen := map[string]*accountPerson{}
	var order []*accountPerson
	s.config.Desk.Read(func(state *casework.State) {
		for _, item := range items {
			for _, m := range append([]message.Mailbox{item.From}, item.To...) {
				address := strings.ToLower(m.Address)
				if id, _, ok := state.AccountOf(address, item.Date); !ok || id != a.ID {
					continue
				}
				p := seen[address]
				if p == nil {
					p = &accountPerson{Address: address}
					seen[address], order = p, append(order, p)
				}
				p.Messages++
				p.Name = cmp.Or(p.Name, m.Name)
			}
		}
	})
	slices.SortStableFunc(order, func(a, b *accountPerson) int { return cmp.Compare(b.Messages, a.Messages) })
	people := make([]accountPerson, 0, min(len(order), peopleShown))
	for _, p := range order[:min(len(order), peopleShown)] {
		for _, m := range a.Mappings {
			if m.Counts() && m.Identifier == p.Address && m.Person != "" {
				p.Name = m.Person
			}
		}
		people = append(people, *p)
	}
	return people
}

// between counts the hits of a query, and tells the dates of the oldest and the newest.
func (s *Server) between(ctx context.Context, query string) (first, last time.Time, n int, err error) {
	ask := index.Request{Query: query, Limit: 1, Now: s.config.Now()}
	newest, err := s.within(ctx).Search(ctx, ask)
	if err != nil || len(newest.Items) == 0 {
		return first, last, 0, err
	}
	ask.Sort = index.Oldest
	oldest, err := s.within(ctx).Search(ctx, ask)
	if err != nil || len(oldest.Items) == 0 {
		return first, last, 0, err
	}
	return oldest.Items[0].Date, newest.Items[0].Date, newest.Total, nil
}

// unmapped is a domain that mail comes from and that is of no account.
type unmapped struct {
	Domain   string `json:"domain"`
	Messages int    `json:"messages" doc:"That came from it and are of no account."`
}

const domainsShown = 8

// unmapped finds the domains from which the most of the newest mail of no
// account came. Free mail and our own domains are left out: they can be
// nobody's.
func (s *Server) unmapped(ctx context.Context) ([]unmapped, error) {
	result, err := s.search(ctx, index.Request{Query: accountQuery(casework.NoAccount), Limit: mailSampled, Now: s.config.Now()})
	if err != nil {
		return nil, err
	}
	seen, own := map[string]int{}, s.ownDomains()
	var order []string
	for _, item := range result.Items {
		domain := customerDomain(item.From.Address)
		if domain == "" || slices.Contains(own, domain) {
			continue
		}
		if seen[domain] == 0 {
			order = append(order, domain)
		}
		seen[domain]++
	}
	slices.SortStableFunc(order, func(a, b string) int { return cmp.Compare(seen[b], seen[a]) })
	var list []unmapped
	for _, domain := range order[:min(len(order), domainsShown)] {
		found, err := s.within(ctx).Search(ctx, index.Request{Query: accountQuery(casework.NoAccount) + " from:@" + domain, Limit: 1, Now: s.config.Now()})
		if err != nil {
			return nil, err
		}
		list = append(list, unmapped{domain, found.Total})
	}
	slices.SortStableFunc(list, func(a, b unmapped) int { return cmp.Compare(b.Messages, a.Messages) })
	return list, nil
}

// customerDomain is the domain of an address that somebody registered; "" when
// many share it.
func customerDomain(address string) string {
	identifier, err := casework.Identifier(address)
	if err != nil {
		return ""
	}
	_, domain, _ := strings.Cut(identifier, "@")
	domain, err = publicsuffix.EffectiveTLDPlusOne(domain)
	if err != nil || casework.FreeMail(domain) {
		return ""
	}
	return domain
}

// ownDomains are the domains that are the company's own.
func (s *Server) ownDomains() (domains []string) {
	s.config.Desk.Read(func(state *casework.State) { domains = s.company(state).Own })
	return slices.DeleteFunc(domains, func(own string) bool { return strings.Contains(own, "@") })
}

// queueDomains are those in which the queues are.
func (s *Server) queueDomains() []string {
	own := []string{s.config.MailDomain}
	if domain, err := publicsuffix.EffectiveTLDPlusOne(s.config.MailDomain); err == nil && domain != s.config.MailDomain {
		own = append(own, domain)
	}
	return own
}

// casesOf lists the cases of an account, the one that was changed last first.
func casesOf(state *casework.State, a casework.Account) []casework.Case {
	return slices.DeleteFunc(state.Overview(), func(c casework.Case) bool {
		return !strings.EqualFold(c.Account, a.ID) && !strings.EqualFold(c.Account, a.Name)
	})
}

func done(c casework.Case) bool { return c.Status == casework.Resolved || c.Status == casework.Closed }

// accountLinks are the accounts that cases name.
type accountLinks struct {
	Active []casework.Account // That a case can be given to.
	byName map[string]accountTag
}

func accountLinksOf(state *casework.State) accountLinks {
	l := accountLinks{byName: map[string]accountTag{}}
	for _, a := range state.Accounts() {
		l.byName[strings.ToLower(a.Name)] = accountTag{a.ID, a.Name}
		if a.Status == casework.AccountActive {
			l.Active = append(l.Active, a)
		}
	}
	for id, name := range state.AccountNames() {
		l.byName[id] = accountTag{id, name}
	}
	return l
}

// Of is the account that a case names; nil when there is none of that name.
func (l accountLinks) Of(text string) *accountTag {
	if tag, ok := l.byName[strings.ToLower(strings.TrimSpace(text))]; ok {
		return &tag
	}
	return nil
}
