package webui

import (
	"context"
	"errors"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"polytrace/casework"
	"polytrace/index"
)

// accountsView is the list of accounts.
type accountsView struct {
	window
	Accounts []accountRow
	Total    int
	All      []casework.Account // Active ones, for the forms.
	Counted  bool               // Mail is shown: not beside a form that was refused, which is not noted.
	Unmapped []unmapped
	Form     accountForm
}

// accountRow is an account with what the caller may be told of it.
type accountRow struct {
	casework.Account
	Domains []string // Of now.
	More    int      // Further domains and addresses.
	Mail    int
	Last    time.Time
	Open    int // Cases.
}

// accountForm is what stands in the fields of a form about an account.
type accountForm struct {
	ID, Name, Identifier, Person, From, To string
	Address, Title, Role, Key              string // Of a contact, with Name.
	Error                                  string // What was wrong with it.
}

func typedAccount(r *http.Request) accountForm {
	get := func(name string) string { return strings.TrimSpace(r.FormValue(name)) }
	return accountForm{ID: get("id"), Name: get("name"), Identifier: get("identifier"), Person: get("person"), From: get("from_day"), To: get("to_day"),
		Address: get("address"), Title: get("title"), Role: get("role"), Key: get("key")}
}

// showAccounts lists the accounts by name.
func (s *Server) showAccounts(w http.ResponseWriter, r *http.Request) error {
	return s.listAccounts(w, r, http.StatusOK, accountForm{})
}

func (s *Server) listAccounts(w http.ResponseWriter, r *http.Request, code int, form accountForm) error {
	who, _ := callerFrom(r.Context())
	v := accountsView{Form: form, Counted: form.Error == ""}
	open := map[string]int{}
	var all []casework.Account
	s.config.Desk.Read(func(state *casework.State) {
		all = state.Accounts()
		links := accountLinksOf(state)
		v.All = links.Active
		for _, c := range state.Overview() {
			if tag := links.Of(c.Account); tag != nil && !done(c) {
				open[tag.ID]++
			}
		}
	})
	v.Total, v.window = len(all), windowOf(r, len(all))
	for _, a := range all[v.From:v.End] {
		row := accountRow{Account: a, Open: open[a.ID]}
		row.Domains, row.More = s.domainsNow(a)
		v.Accounts = append(v.Accounts, row)
	}
	if v.Counted {
		if err := s.countMail(r.Context(), &v, who.works() && v.From == 0); err != nil {
			return err
		}
	}
	return s.render(w, r, code, "accounts", view{Title: "Accounts", Nav: "accounts", Page: v})
}

// countMail tells of the mail of the accounts on a page, and with suggest where
// mail of none comes from.
func (s *Server) countMail(ctx context.Context, v *accountsView, suggest bool) (err error) {
	for i := range v.Accounts {
		row := &v.Accounts[i]
		if _, row.Last, row.Mail, err = s.between(ctx, accountQuery(row.ID)); err != nil {
			return err
		}
	}
	if suggest {
		v.Unmapped, err = s.unmapped(ctx)
	}
	return err
}

// domainsNow lists some of what is mapped now, and counts the rest.
func (s *Server) domainsNow(a casework.Account) (domains []string, more int) {
	const shown = 3
	for _, m := range a.Mappings {
		switch {
		case !m.Holds(s.config.Now()):
		case len(domains) == shown:
			more++
		default:
			domains = append(domains, m.Identifier)
		}
	}
	return domains, more
}

// openAccount opens an account, and maps to it, or to the one that is chosen,
// what the form names.
func (s *Server) openAccount(w http.ResponseWriter, r *http.Request) error {
	form, id := typedAccount(r), r.FormValue("account")
	err := s.checkForm(form)
	if err == nil && id == "" {
		if form.Name == "" {
			form.Name = nameOfDomain(form.Identifier)
		}
		if id = form.ID; id == "" {
			id = s.freeID(form.Name)
		}
		err = s.do(r, casework.OpenAccount{ID: id, Name: form.Name})
	}
	if err == nil && form.Identifier != "" {
		err = s.do(r, casework.MapIdentifier{Account: id, Identifier: form.Identifier, Own: s.ownDomains()})
	}
	var refusal *casework.Refusal
	if errors.As(err, &refusal) {
		form.Error = refusal.Text
		return s.listAccounts(w, r, http.StatusUnprocessableEntity, form)
	}
	if err != nil {
		return err
	}
	text := "The account is open."
	if form.Identifier != "" {
		text = form.Identifier + " is mapped, for all mail of old as well."
	}
	return s.done(w, r, accountPath(id), text)
}

// checkForm finds what cannot be mapped before an account is opened for it.
func (s *Server) checkForm(form accountForm) (err error) {
	if form.Identifier != "" {
		s.config.Desk.Read(func(state *casework.State) { err = state.Mappable(form.Identifier, s.ownDomains()) })
	}
	return err
}

// nameOfDomain is a first name for an account: "Contoso" of contoso.example.
func nameOfDomain(identifier string) string {
	_, domain, isAddress := strings.Cut(identifier, "@")
	if !isAddress {
		domain = identifier
	}
	label, _, _ := strings.Cut(domain, ".")
	return sentence(label)
}

// freeID makes a short name of a name, one that no account has.
func (s *Server) freeID(name string) string {
	id := strings.Trim(strings.Map(func(r rune) rune {
		switch r = unicode.ToLower(r); {
		case r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			return r
		case r == ' ' || r == '-' || r == '.' || r == '_':
			return '-'
		}
		return -1
	}, name), "-")
	id = strings.Trim(id[:min(len(id), 40)], "-")
	if id == "" {
		id = "account"
	}
	free := id
	s.config.Desk.Read(func(state *casework.State) {
		for n := 2; ; n++ {
			if _, taken := state.Account(free); !taken && free != casework.NoAccount {
				return
			}
			free = id + "-" + strconv.Itoa(n)
		}
	})
	return free
}

// customerView is the page of an account.
type customerView struct {
	casework.Account
	Mail     *mailOf // Nil beside a form that was refused, which is not noted.
	Query    string
	Belong   []mappingView // Those that hold now first.
	Cases    []casework.Case
	Chart    template.HTML
	Dues     dues
	Names    names
	Form     accountForm
	Statuses []casework.AccountStatus
	Known    []casework.Contact // That were not removed, key ones first.
	Standing []briefSection     // What is open in all of its cases.
	Level    casework.RiskLevel // The worst of its open cases.
	Now      time.Time
	Details  detailsView       // What its newest mail says.
	Unusual  *casework.Anomaly // Nil as a rule.
	Held     *heldForm         // A form about these that was refused.
}

type mappingView struct {
	casework.Mapping
	Now   bool // It holds now.
	Later bool // It begins to.
}

// accountNamed finds the account that a request names.
func (s *Server) accountNamed(r *http.Request) (a casework.Account, err error) {
	return s.account(r.PathValue("id"))
}

func (s *Server) account(id string) (a casework.Account, err error) {
	var ok bool
	s.config.Desk.Read(func(state *casework.State) { a, ok = state.Account(id) })
	if !ok {
		return a, notFound("account")
	}
	return a, nil
}

func (s *Server) showCustomer(w http.ResponseWriter, r *http.Request) error {
	a, err := s.accountNamed(r)
	if err != nil {
		return err
	}
	return s.renderCustomer(w, r, http.StatusOK, a, accountForm{}, nil)
}

func (s *Server) renderCustomer(w http.ResponseWriter, r *http.Request, code int, a casework.Account, form accountForm, held *heldForm) error {
	v := customerView{Account: a, Held: held, Query: accountQuery(a.ID), Form: form, Statuses: []casework.AccountStatus{casework.AccountActive, casework.AccountClosed}}
	if form.Error == "" {
		var err error
		if v.Mail, err = s.mailOf(r.Context(), a); err != nil {
			return err
		}
		v.Chart = chart(v.Mail.result.Volume, "message", "messages", s.narrower(r.Context(), v.Query, index.Newest).bar)
		if v.Unusual, err = s.unusual(r.Context(), a); err != nil {
			return err
		}
		of, err := s.accountDetails(r.Context(), v.Mail)
		if err != nil {
			return err
		}
		v.Details = of.view(accountPath(a.ID)+"/details", r.FormValue("details") == "all")
	}
	s.config.Desk.Read(func(state *casework.State) {
		v.Cases, v.Names = casesOf(state, a), namesOf(state.Users())
	})
	var err error
	if v.Dues, err = s.dues(r.Context()); err != nil {
		return err
	}
	slices.SortStableFunc(v.Cases, func(a, b casework.Case) int { return boolToInt(done(a)) - boolToInt(done(b)) })
	v.Known = contactsOf(a)
	now := s.config.Now()
	v.Now, v.Level = now, worstOf(v.Cases, now)
	if form.Error == "" {
		d, brief, err := s.standing(r.Context(), v.Cases, v.Names)
		if err != nil {
			return err
		}
		if len(brief.Sections) > 0 {
			s.fillChips(r.Context(), d, nil)
		}
		v.Standing = d.sections(brief, func(string) string { return "#cases" })
	}
	for _, m := range a.Mappings {
		v.Belong = append(v.Belong, mappingView{m, m.Holds(now), m.Counts() && now.Before(m.From)})
	}
	slices.SortStableFunc(v.Belong, func(a, b mappingView) int {
		return boolToInt(b.Now || b.Later) - boolToInt(a.Now || a.Later)
	})
	slices.Reverse(v.Log) // Newest first.
	return s.render(w, r, code, "customer", view{Title: a.Name, Nav: "accounts", Page: v})
}

// worstOf is the worst level of risk of cases that are not done.
func worstOf(cases []casework.Case, now time.Time) casework.RiskLevel {
	worst := casework.RiskLow
	for _, c := range cases {
		if level := c.RiskAt(now); !done(c) && slices.Index(casework.RiskLevels(), level) > slices.Index(casework.RiskLevels(), worst) {
			worst = level
		}
	}
	return worst
}

// changeAccount changes the name or the status of an account.
func (s *Server) changeAccount(w http.ResponseWriter, r *http.Request) error {
	a, err := s.accountNamed(r)
	if err != nil {
		return err
	}
	c := casework.ChangeAccount{ID: a.ID, Reason: r.FormValue("reason")}
	if r.Form.Has("name") {
		c.Name = new(r.FormValue("name"))
	}
	if r.Form.Has("status") {
		c.Status = new(casework.AccountStatus(r.FormValue("status")))
	}
	return s.changed(w, r, a, c, "The account is changed.")
}

// mapIdentifier says that a domain or an address is of an account.
func (s *Server) mapIdentifier(w http.ResponseWriter, r *http.Request) error {
	a, err := s.accountNamed(r)
	if err != nil {
		return err
	}
	form := typedAccount(r)
	c, err := s.mapping(a.ID, form.Identifier, form.Person, form.From, form.To)
	if err != nil {
		return s.refusedAccount(w, r, a, err)
	}
	return s.changed(w, r, a, c, form.Identifier+" is mapped.")
}

// mapping is the command that maps what was typed.
func (s *Server) mapping(account, identifier, person, from, to string) (c casework.MapIdentifier, err error) {
	c = casework.MapIdentifier{Account: account, Identifier: identifier, Person: person, Own: s.ownDomains()}
	if c.From, err = s.typedDay("From", from); err == nil {
		c.To, err = s.typedDay("To", to)
	}
	return c, err
}

// typedDay reads a day, or a time; "" is none.
func (s *Server) typedDay(field, text string) (time.Time, error) {
	if text = strings.TrimSpace(text); text == "" {
		return time.Time{}, nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, text, s.config.Now().Location()); err == nil {
		return t, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, &casework.Refusal{Code: casework.Invalid, Field: field, Text: text + " is not a day. Write it as in 2026-11-03."}
	}
	return t, nil
}

// unmapIdentifier ends a mapping, or takes it back.
func (s *Server) unmapIdentifier(w http.ResponseWriter, r *http.Request) error {
	a, err := s.accountNamed(r)
	if err != nil {
		return err
	}
	c := casework.UnmapIdentifier{Account: a.ID, Mapping: number0(r.PathValue("mapping")), Reason: r.FormValue("reason")}
	text := "The mapping is taken back: it holds at no time."
	if r.FormValue("do") != "take-back" {
		text = "The mapping ends then. Mail from before stays with the account."
		if c.At, err = s.typedDay("At", r.FormValue("until")); err == nil && c.At.IsZero() {
			err = &casework.Refusal{Code: casework.Invalid, Field: "At", Text: "Write the first day on which it is not of this account any more, or take the mapping back."}
		}
		if err != nil {
			return s.refusedAccount(w, r, a, err)
		}
	}
	return s.changed(w, r, a, c, text)
}

// changed carries a command about an account out, and shows its page again
// when it was refused.
func (s *Server) changed(w http.ResponseWriter, r *http.Request, a casework.Account, c casework.Command, text string) error {
	if err := s.do(r, c); err != nil {
		return s.refusedAccount(w, r, a, err)
	}
	return s.done(w, r, accountPath(a.ID), text)
}

func (s *Server) refusedAccount(w http.ResponseWriter, r *http.Request, a casework.Account, err error) error {
	var refusal *casework.Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	form := typedAccount(r)
	form.Error = refusal.Text
	return s.renderCustomer(w, r, http.StatusUnprocessableEntity, a, form, nil)
}
