package casework

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"polytrace/archive"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// Account is a customer: whom mail and cases are about. Who belongs to it is
// said by mappings of domains and addresses, each for a time, so that a domain
// that goes to another account takes none of its history along.
type Account struct {
	ID       string           `json:"id"`                     // Short name, never changed or reused.
	Name     string           `json:"name"`                   // As people know it.
	Former   []string         `json:"former_names,omitempty"` // Names it had; queries still know them.
	Status   AccountStatus    `json:"status"`
	Mappings []Mapping        `json:"mappings"`           // In order of their making, ID 1 first.
	Contacts []Contact        `json:"contacts,omitempty"` // In order of their making, ID 1 first; removed ones too.
	Opened   time.Time        `json:"opened"`
	OpenedBy string           `json:"opened_by"`
	Changed  time.Time        `json:"changed"`
	Revision archive.Position `json:"revision"`      // Position of the last event of the account.
	Log      []Entry          `json:"log,omitempty"` // Every event of the account, oldest first.
}

// AccountStatus of an account. A closed one keeps its mail and its cases, and
// takes no new mappings.
type AccountStatus string

// The statuses of an account.
const (
	AccountActive AccountStatus = "active"
	AccountClosed AccountStatus = "closed"
)

// NoAccount stands in queries for what is of no account.
const NoAccount = "none"

// Mapping says that an address, or all of a domain and below it, is of an account.
type Mapping struct {
	ID         int       `json:"id"`               // Unique within the account.
	Identifier string    `json:"identifier"`       // "contoso.example" or "jane@contoso.example", lower case.
	Person     string    `json:"person,omitempty"` // Whose address it is.
	From       time.Time `json:"from,omitzero"`    // Zero: since ever.
	To         time.Time `json:"to,omitzero"`      // Until before it. Zero: it goes on.
	By         string    `json:"by"`
	At         time.Time `json:"at"`

	TakenBack   time.Time `json:"taken_back,omitzero"` // It was a mistake, and holds at no time.
	TakenBackBy string    `json:"taken_back_by,omitempty"`
}

// Counts reports whether the mapping was not taken back.
func (m Mapping) Counts() bool { return m.TakenBack.IsZero() }

// Holds reports whether the mapping counts at a time.
func (m Mapping) Holds(at time.Time) bool {
	return m.Counts() && !at.Before(m.From) && (m.To.IsZero() || at.Before(m.To))
}

// Who is the address, or the domain with an @ before it.
func (m Mapping) Who() string {
	if strings.Contains(m.Identifier, "@") {
		return m.Identifier
	}
	return "@" + m.Identifier
}

// Commands about accounts.
type (
	// OpenAccount begins an account.
	OpenAccount struct{ ID, Name string }
	// ChangeAccount changes what is not nil.
	ChangeAccount struct {
		ID     string
		Name   *string
		Status *AccountStatus
		Reason string
	}
	// MapIdentifier says that a domain or an address is of an account.
	MapIdentifier struct {
		Account    string
		Identifier string // A domain, with or without an @ before it, or an address.
		Person     string // Whose address it is.
		From, To   time.Time
		Own        []string // Domains of the company itself, which are no customer's.
	}
	// UnmapIdentifier ends a mapping at a time. With a zero time it takes it
	// back: then it holds at no time.
	UnmapIdentifier struct {
		Account string
		Mapping int
		At      time.Time
		Reason  string
	}
)

// Check refuses a name that cannot be told from another account's.
func (c OpenAccount) Check(s *State, _ time.Time) ([]Event, error) {
	name := strings.TrimSpace(c.Name)
	if err := checkName("ID", "account", c.ID); err != nil {
		return nil, err
	}
	if c.ID == NoAccount {
		return nil, refuse(Invalid, "ID", "%q cannot be an account: account:%s finds what is of none. Choose another name.", c.ID, c.ID)
	}
	if a := s.accountNamed(c.ID); a != nil {
		return nil, refuse(Conflict, "ID", "There is an account %q already: %s.", c.ID, a.Name)
	}
	if err := s.checkAccountName(name, c.ID); err != nil {
		return nil, err
	}
	return newEvent(AccountOpened, 0, "", AccountOpenedData{c.ID, name})
}

// checkAccountName refuses a name that is not one, or that an account other than id has.
func (s *State) checkAccountName(name, id string) error {
	if name == "" {
		return refuse(Invalid, "Name", "The account needs a name, as people know it.")
	}
	if strings.ContainsAny(name, `"“”„`) {
		return refuse(Invalid, "Name", "The name has a quotation mark in it, so that no query could name it. Leave it out.")
	}
	if strings.EqualFold(name, NoAccount) {
		return refuse(Invalid, "Name", "%q cannot be an account: account:%s finds what is of none. Choose another name.", name, NoAccount)
	}
	if a := s.accountNamed(name); a != nil && a.ID != id {
		return refuse(Conflict, "Name", "There is an account of the name %q already: %s.", name, a.ID)
	}
	return checkLine("Name", "name", name, maxAccount)
}

// Check drops from the event what would stay as it is.
func (c ChangeAccount) Check(s *State, _ time.Time) ([]Event, error) {
	a, err := s.findAccount(c.ID)
	if err != nil {
		return nil, err
	}
	data := AccountChangedData{ID: a.ID, Name: changed(trimmed(c.Name), a.Name), Status: changed(c.Status, a.Status)}
	if data.Name != nil {
		if err := s.checkAccountName(*data.Name, a.ID); err != nil {
			return nil, err
		}
	}
	if st := data.Status; st != nil && *st != AccountActive && *st != AccountClosed {
		return nil, refuse(Invalid, "Status", "%q is not a status of an account: choose %s or %s.", *st, AccountActive, AccountClosed)
	}
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	if data.Name == nil && data.Status == nil {
		return nil, nil
	}
	return newEvent(AccountChanged, 0, c.Reason, data)
}

// Check refuses what many customers share, and what is of an account at that time already.
func (c MapIdentifier) Check(s *State, _ time.Time) ([]Event, error) {
	a, err := s.findAccount(c.Account)
	if err != nil {
		return nil, err
	}
	if a.Status == AccountClosed {
		return nil, refuse(Conflict, "Account", "The account %s is closed. Open it again first.", a.Name)
	}
	identifier, err := customers(c.Identifier, c.Own)
	if err != nil {
		return nil, err
	}
	person := strings.TrimSpace(c.Person)
	for _, err := range []error{checkLine("Person", "name", person, maxAccount), checkPerson(identifier, person)} {
		if err != nil {
			return nil, err
		}
	}
	if !c.To.IsZero() && !c.From.Before(c.To) {
		return nil, refuse(Invalid, "To", "The time ends before it begins. Write a day behind %s.", dayOf(c.From))
	}
	if other, m := s.overlap(identifier, c.From, c.To); other != nil {
		return nil, overlapping(identifier, other, m, a)
	}
	return newEvent(AccountMapped, 0, "", AccountMappedData{a.ID, len(a.Mappings) + 1, identifier, person, c.From, c.To})
}

// Mappable refuses what could not be mapped to a new account at all times.
func (s *State) Mappable(text string, own []string) error {
	identifier, err := customers(text, own)
	if err != nil {
		return err
	}
	if other, m := s.overlap(identifier, time.Time{}, time.Time{}); other != nil {
		return overlapping(identifier, other, m, nil)
	}
	return nil
}

// customers is Identifier for what can be a customer's.
func customers(text string, own []string) (string, error) {
	identifier, err := Identifier(text)
	if err == nil {
		err = checkShared(identifier)
	}
	if err == nil {
		err = checkOwn(identifier, own)
	}
	return identifier, err
}

func overlapping(identifier string, other *accountFile, m Mapping, a *accountFile) error {
	if other == a {
		return refuse(Conflict, "Identifier", "%s is of this account already, %s.", identifier, m.During())
	}
	return refuse(Conflict, "Identifier", "%s is of the account %s (%s) then, %s. End that at the day from which it is of this account, or take it back if it was a mistake; or map single addresses, which count before their domain.", identifier, other.Name, other.ID, m.During())
}

// Check refuses to move the end behind where it is.
func (c UnmapIdentifier) Check(s *State, _ time.Time) ([]Event, error) {
	a, err := s.findAccount(c.Account)
	if err != nil {
		return nil, err
	}
	m := a.mapping(c.Mapping)
	if m == nil {
		return nil, refuse(NotFound, "Mapping", "The account %s has no mapping %d.", a.Name, c.Mapping)
	}
	if !m.Counts() {
		return nil, refuse(Gone, "Mapping", "The mapping of %s was taken back already.", m.Identifier)
	}
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	switch {
	case c.At.IsZero():
	case c.At.Equal(m.To):
		return nil, nil
	case !m.From.Before(c.At):
		return nil, refuse(Invalid, "At", "%s is of this account only from %s. Take the mapping back if it was a mistake.", m.Identifier, dayOf(m.From))
	case !m.To.IsZero() && m.To.Before(c.At):
		return nil, refuse(Invalid, "At", "The mapping of %s ended before that, %s. Map it anew for what comes behind.", m.Identifier, m.During())
	}
	return newEvent(AccountUnmapped, 0, c.Reason, AccountUnmappedData{a.ID, m.ID, m.Identifier, c.At})
}

// maxDomain bounds the domain of an identifier: the index tells those below it
// apart by terms of limited length.
const maxDomain = 90

// Identifier is a domain or an address as mappings have it: in lower case, the
// domain as it is in DNS and in mail.
func Identifier(text string) (string, error) {
	text = strings.ToLower(strings.Trim(strings.TrimSpace(text), "<>"))
	at := strings.LastIndexByte(text, '@')
	local, domain := text[:max(at, 0)], strings.Trim(text[at+1:], ".")
	if ascii, err := idna.Lookup.ToASCII(domain); err == nil {
		domain = ascii
	}
	switch {
	case text == "":
		return "", refuse(Invalid, "Identifier", "Name the domain or the address, for example contoso.example or jane@contoso.example.")
	case !domainForm.MatchString(domain) || strings.ContainsAny(local, " \t\r\n\"<>,;:()@") || len(local) > 64:
		return "", refuse(Invalid, "Identifier", "%q is neither a domain nor an address. Write for example contoso.example or jane@contoso.example.", text)
	case len(domain) > maxDomain:
		return "", refuse(Invalid, "Identifier", "The domain has %d characters; at most %d can be told apart. Map a shorter one above it.", len(domain), maxDomain)
	case local == "":
		return domain, nil
	}
	return local + "@" + domain, nil
}

// checkShared refuses domains at which many have addresses that have nothing to
// do with each other.
func checkShared(identifier string) error {
	if strings.Contains(identifier, "@") {
		return nil
	}
	if suffix, _ := publicsuffix.PublicSuffix(identifier); suffix == identifier {
		return refuse(Invalid, "Identifier", "Anybody can have a domain below %s. Map the customer's own domain.", identifier)
	}
	if FreeMail(identifier) {
		return refuse(Invalid, "Identifier", "Anybody can have an address at %s. Map the single addresses of the customer, for example jane@%s.", identifier, identifier)
	}
	return nil
}

// checkOwn refuses a domain that the company's own mail would be of.
func checkOwn(identifier string, own []string) error {
	for _, o := range own {
		if o == identifier || strings.HasSuffix(o, "."+identifier) {
			return refuse(Invalid, "Identifier", "%s is a domain of your own, so that nearly all mail would be of this account. Map single addresses there if you have to.", identifier)
		}
	}
	return nil
}

func checkPerson(identifier, person string) error {
	if person != "" && !strings.Contains(identifier, "@") {
		return refuse(Invalid, "Person", "Only an address is one person's. Leave the name out, or map the address.")
	}
	return nil
}

// accountFile is an account as the fold keeps it.
type accountFile struct{ Account }

func (a *accountFile) mapping(id int) *Mapping {
	if id < 1 || id > len(a.Mappings) {
		return nil
	}
	return &a.Mappings[id-1]
}

// claim is a mapping and whose it is.
type claim struct {
	account *accountFile
	id      int
}

func (c claim) mapping() *Mapping { return c.account.mapping(c.id) }

// overlap finds the account, with its mapping, that has an identifier at a part of a time.
func (s *State) overlap(identifier string, from, to time.Time) (*accountFile, Mapping) {
	for _, c := range s.claims[identifier] {
		m := c.mapping()
		if m.Counts() && (to.IsZero() || m.From.Before(to)) && (m.To.IsZero() || from.Before(m.To)) {
			return c.account, *m
		}
	}
	return nil, Mapping{}
}

// accountNamed finds an account by its ID or name, in upper or lower case.
func (s *State) accountNamed(name string) *accountFile {
	name = strings.TrimSpace(name)
	if a := s.accounts[strings.ToLower(name)]; a != nil {
		return a
	}
	return s.accountNames[strings.ToLower(name)]
}

func (s *State) findAccount(id string) (*accountFile, error) {
	if a := s.accountNamed(id); a != nil {
		return a, nil
	}
	return nil, refuse(NotFound, "ID", "There is no account %q.", id)
}

// accountText is what a case says about its account: the ID of one that there
// is, so that it stays the same one under another name.
func (s *State) accountText(text string) string {
	if a := s.accountNamed(text); a != nil {
		return a.ID
	}
	return text
}

// trimmedAccount is trimmed for the account of a case.
func (s *State) trimmedAccount(text *string) *string {
	if text == nil {
		return nil
	}
	return new(s.accountText(strings.TrimSpace(*text)))
}

// Account finds an account by its ID or name.
func (s *State) Account(name string) (Account, bool) {
	a := s.accountNamed(name)
	if a == nil {
		return Account{}, false
	}
	return a.clone(), true
}

// Accounts lists all accounts by name, without their logs.
func (s *State) Accounts() []Account {
	list := make([]Account, 0, len(s.accounts))
	for _, a := range s.accounts {
		head := a.Account
		head.Log = nil
		list = append(list, head.clone())
	}
	slices.SortFunc(list, func(a, b Account) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// AccountNames are the names of all accounts by ID.
func (s *State) AccountNames() map[string]string {
	names := make(map[string]string, len(s.accounts))
	for id, a := range s.accounts {
		names[id] = a.Name
	}
	return names
}

// AccountOf finds the account that an address is of at a time: the narrowest
// mapping counts, the address itself before its domain, that before the one above.
func (s *State) AccountOf(address string, at time.Time) (id, name string, ok bool) {
	who, err := Identifier(address)
	if err != nil {
		return "", "", false
	}
	for who != "" {
		for _, c := range s.claims[who] {
			if c.mapping().Holds(at) {
				return c.account.ID, c.account.Name, true
			}
		}
		if _, domain, isAddress := strings.Cut(who, "@"); isAddress {
			who = domain
		} else {
			_, who, _ = strings.Cut(who, ".")
		}
	}
	return "", "", false
}

// AccountsRevision is the position of the last event about accounts, one more
// than that: 0 before the first.
func (s *State) AccountsRevision() archive.Position { return s.mapped }

func (a Account) clone() Account {
	a.Former = slices.Clone(a.Former)
	a.Mappings, a.Contacts, a.Log = copied(a.Mappings), slices.Clone(a.Contacts), slices.Clone(a.Log)
	return a
}

// dayOf is a day as people write it, in the zone that it was meant in.
func dayOf(t time.Time) string {
	if t.IsZero() {
		return "ever"
	}
	if h, m, s := t.Clock(); h+m+s > 0 {
		return t.Format("2 Jan 2006 15:04 -07:00")
	}
	return t.Format("2 Jan 2006")
}

// During says when a mapping holds.
func (m Mapping) During() string {
	switch {
	case m.From.IsZero() && m.To.IsZero():
		return "at all times"
	case m.To.IsZero():
		return "from " + dayOf(m.From) + " on"
	case m.From.IsZero():
		return "until " + dayOf(m.To)
	}
	return fmt.Sprintf("from %s until %s", dayOf(m.From), dayOf(m.To))
}
