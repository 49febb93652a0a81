package webui

import (
	"context"
	"time"

	"polytrace/casework"
)

type accountsOut struct {
	Accounts []casework.Account `json:"accounts" doc:"By name, without their histories."`
}

func (s *Server) apiAccounts(context.Context, *none) (*body[accountsOut], error) {
	var out accountsOut
	s.config.Desk.Read(func(state *casework.State) { out.Accounts = state.Accounts() })
	return reply(out), nil
}

type accountIn struct {
	ID string `path:"id" example:"contoso" doc:"ID or name of the account."`
}

// accountOut is an account with what the caller may be told of its mail.
type accountOut struct {
	casework.Account
	Messages int             `json:"messages" doc:"Of the account, that you may read."`
	First    time.Time       `json:"first,omitzero" doc:"Date of the oldest of them."`
	Last     time.Time       `json:"last,omitzero" doc:"Date of the newest of them."`
	People   []accountPerson `json:"people" doc:"Who is in the newest messages, at most 25."`
	Sampled  int             `json:"people_from" doc:"In how many of the newest messages people were looked for."`
	Cases    []caseHead      `json:"cases" doc:"The one that was changed last first."`

	Unusual *casework.Anomaly `json:"unusual,omitempty" doc:"More of its people's mail in the last day than on the same day of the weeks before; absent as a rule."`

	Risk     casework.RiskLevel `json:"risk" doc:"The worst of its open cases: low, elevated, high or critical."`
	Standing casework.Brief     `json:"standing" doc:"What is open in its cases: promises, dates, issues, decisions; each line with what it rests on."`
}

func (s *Server) apiAccount(ctx context.Context, in *accountIn) (*body[accountOut], error) {
	a, err := s.account(in.ID)
	if err != nil {
		return nil, err
	}
	m, err := s.mailOf(ctx, a)
	if err != nil {
		return nil, err
	}
	out := accountOut{Account: a, Messages: m.Total(), First: m.First, Last: m.Last, People: list(m.People), Sampled: m.Sampled()}
	var heads []casework.Case
	s.config.Desk.Read(func(state *casework.State) { heads = casesOf(state, a) })
	d, err := s.dues(ctx)
	if err != nil {
		return nil, err
	}
	out.Cases = d.heads(heads)
	if out.Unusual, err = s.unusual(ctx, a); err != nil {
		return nil, err
	}
	out.Risk = worstOf(heads, s.config.Now())
	if _, out.Standing, err = s.standing(ctx, heads, s.callNames()); err != nil {
		return nil, err
	}
	out.Standing.Sections = list(out.Standing.Sections)
	return reply(out), nil
}

type openAccountIn struct {
	Body struct {
		ID   string `json:"id" doc:"Short name for queries; small letters, digits, dots, dashes and underscores. It never changes."`
		Name string `json:"name" doc:"As people know it."`
	}
}

func (s *Server) apiOpenAccount(ctx context.Context, in *openAccountIn) (*body[casework.Account], error) {
	return s.actOn(ctx, in.Body.ID, casework.OpenAccount{ID: in.Body.ID, Name: in.Body.Name})
}

// actOn carries out a command about an account and answers with that.
func (s *Server) actOn(ctx context.Context, id string, c casework.Command) (*body[casework.Account], error) {
	if err := s.act(ctx, c); err != nil {
		return nil, err
	}
	a, err := s.account(id)
	if err != nil {
		return nil, err
	}
	return reply(a), nil
}

type changeAccountIn struct {
	ID   string `path:"id"`
	Body struct {
		Name   *string                 `json:"name,omitempty"`
		Status *casework.AccountStatus `json:"status,omitempty" doc:"active or closed. A closed one keeps its mail and cases, and takes no new mappings."`
		Reason string                  `json:"reason,omitempty"`
	}
}

func (s *Server) apiChangeAccount(ctx context.Context, in *changeAccountIn) (*body[casework.Account], error) {
	a, err := s.account(in.ID)
	if err != nil {
		return nil, err
	}
	return s.actOn(ctx, a.ID, casework.ChangeAccount{ID: a.ID, Name: in.Body.Name, Status: in.Body.Status, Reason: in.Body.Reason})
}

type mapIn struct {
	ID   string `path:"id"`
	Body struct {
		Identifier string `json:"identifier" doc:"A domain, with all below it, or an address. Of a domain that many share, such as gmail.com, single addresses."`
		Person     string `json:"person,omitempty" doc:"Whose address it is."`
		From       string `json:"from,omitempty" doc:"Day from which it is of the account, as in 2026-11-03, or a time; absent: since ever."`
		To         string `json:"to,omitempty" doc:"First day on which it is not any more; absent: it goes on."`
	}
}

func (s *Server) apiMap(ctx context.Context, in *mapIn) (*body[casework.Account], error) {
	a, err := s.account(in.ID)
	if err != nil {
		return nil, err
	}
	c, err := s.mapping(a.ID, in.Body.Identifier, in.Body.Person, in.Body.From, in.Body.To)
	if err != nil {
		return nil, err
	}
	return s.actOn(ctx, a.ID, c)
}

type endMappingIn struct {
	ID      string `path:"id"`
	Mapping int    `path:"mapping" doc:"ID of the mapping within the account."`
	Body    struct {
		At     string `json:"at,omitempty" doc:"First day on which it is not of the account any more, as in 2026-11-03, or a time; absent: now."`
		Reason string `json:"reason,omitempty"`
	}
}

func (s *Server) apiEndMapping(ctx context.Context, in *endMappingIn) (*body[casework.Account], error) {
	a, err := s.account(in.ID)
	if err != nil {
		return nil, err
	}
	at, err := s.typedDay("At", in.Body.At)
	if err != nil {
		return nil, err
	}
	if at.IsZero() {
		at = s.config.Now()
	}
	return s.actOn(ctx, a.ID, casework.UnmapIdentifier{Account: a.ID, Mapping: in.Mapping, At: at, Reason: in.Body.Reason})
}

type takeBackIn struct {
	ID      string `path:"id"`
	Mapping int    `path:"mapping" doc:"ID of the mapping within the account."`
	Reason  string `query:"reason"`
}

func (s *Server) apiTakeBack(ctx context.Context, in *takeBackIn) (*none, error) {
	a, err := s.account(in.ID)
	if err != nil {
		return nil, err
	}
	return nil, s.act(ctx, casework.UnmapIdentifier{Account: a.ID, Mapping: in.Mapping, Reason: in.Reason})
}

type setContactIn struct {
	ID   string `path:"id"`
	Body struct {
		Address string `json:"address" doc:"Of the person. Of one that is a contact already it is said anew who that is."`
		Name    string `json:"name,omitempty"`
		Title   string `json:"title,omitempty" doc:"As they sign: CFO."`
		Role    string `json:"role,omitempty" doc:"What they are to us, in your words."`
		Key     bool   `json:"key,omitempty" doc:"Rules of risk look for them."`
	}
}

func (s *Server) apiSetContact(ctx context.Context, in *setContactIn) (*body[casework.Account], error) {
	a, err := s.account(in.ID)
	if err != nil {
		return nil, err
	}
	b := in.Body
	return s.actOn(ctx, a.ID, casework.SetContact{Account: a.ID, Address: b.Address, Name: b.Name, Title: b.Title, Role: b.Role, Key: b.Key})
}

type removeContactIn struct {
	ID      string `path:"id"`
	Contact int    `path:"contact" doc:"ID of the contact within the account."`
	Reason  string `query:"reason"`
}

func (s *Server) apiRemoveContact(ctx context.Context, in *removeContactIn) (*none, error) {
	a, err := s.account(in.ID)
	if err != nil {
		return nil, err
	}
	return nil, s.act(ctx, casework.RemoveContact{Account: a.ID, Contact: in.Contact, Reason: in.Reason})
}

type accountChangesIn struct {
	ID    string `path:"id" example:"contoso" doc:"ID or name of the account."`
	Since string `query:"since" doc:"visit (the caller's last one, the default), handoff (the last one of its cases), or a day, as in 2026-11-03, or a time."`
}

type accountChangesOut struct {
	Since   time.Time            `json:"since,omitzero" doc:"Since when; absent: from the beginning."`
	Upto    casework.Positions   `json:"upto" doc:"To be sent back when what there is now is seen."`
	Changes []changeOut          `json:"changes" doc:"In the order in which they happened; mail from before, which came later, behind."`
	People  []casework.NewPerson `json:"new_people" doc:"Who is in mail of these changes and in none before."`
	Files   []casework.NewFile   `json:"new_files"`
	More    int                  `json:"more_cases,omitempty" doc:"Cases of the account that were not looked at: those that changed longest ago."`
}

func (s *Server) apiAccountChanges(ctx context.Context, in *accountChangesIn) (*body[accountChangesOut], error) {
	a, err := s.account(in.ID)
	if err != nil {
		return nil, err
	}
	v, err := s.changesOf(ctx, a, in.Since)
	if err != nil {
		return nil, err
	}
	out := accountChangesOut{v.Since.UTC(), v.Upto, []changeOut{}, list(v.People), list(v.Files), v.More}
	for _, c := range v.Changes {
		out.Changes = append(out.Changes, changeOut{c.Case, c.At.UTC(), c.Kind, c.Old, c.Mail, c.Entry})
	}
	return reply(out), nil
}

type seeAccountIn struct {
	ID   string `path:"id"`
	Body struct {
		Upto casework.Positions `json:"upto" doc:"As the changes came with it."`
	}
}

func (s *Server) apiSeeAccount(ctx context.Context, in *seeAccountIn) (*none, error) {
	return nil, s.act(ctx, casework.SeeAccount{Account: in.ID, Upto: in.Body.Upto})
}
