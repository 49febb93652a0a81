package casework

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"polytrace/archive"
)

// openEvery is the time in which a guest who opens a share again and again is
// logged once.
const openEvery = time.Hour

// Apply adds to the state what the event at a position of the ledger says.
// An event that it does not know or that does not fit is kept in Unknown and
// changes nothing else. One that is folded already is passed over.
func (s *State) Apply(at archive.Position, e Event) {
	if at < s.next {
		return
	}
	s.next = at + 1
	s.prepare()
	if err := s.apply(decision{e, at}); err != nil {
		s.unknown = append(s.unknown, Unknown{at, e.Type, err.Error()})
	}
}

// ApplyRecord is Apply for a record as the archive yields it.
func (s *State) ApplyRecord(r archive.Record) {
	at := r.Meta.Position
	e, err := DecodeEvent(r.Body)
	switch {
	case at < s.next:
	case r.Meta.Kind != archive.KindEvent:
		s.skip(at, "", fmt.Sprintf("a record of kind %q is not an event", r.Meta.Kind))
	case err != nil:
		s.skip(at, e.Type, err.Error())
	default:
		s.Apply(at, e)
	}
}

// skip keeps aside a record that is not an event of this version.
func (s *State) skip(at archive.Position, t EventType, why string) {
	s.unknown = append(s.unknown, Unknown{at, t, why})
	s.next = at + 1
}

// prepare makes the zero value ready.
func (s *State) prepare() {
	if s.users != nil {
		return
	}
	s.users = make(map[string]*User)
	s.tokens = make(map[string]*Token)
	s.byToken = make(map[archive.Digest]*Token)
	s.citing = make(map[archive.Address][]int)
	s.byShare = make(map[archive.Digest]shareKey)
	s.looked = make(map[shareKey]map[string]time.Time)
	s.logins = make(map[string]*Login)
	s.sets = make(map[string]*SourceSet)
	s.classes = make(map[archive.Stream]Class)
	s.removed = make(recordSet)
	s.teams = make(map[string]*Team)
	s.routed, s.routedUpto = make(map[archive.Digest]*RoutedMail), make(Positions)
	s.linking = make(map[archive.Address][]int)
	s.accounts, s.accountNames = make(map[string]*accountFile), make(map[string]*accountFile)
	s.claims = make(map[string][]claim)
	s.searches, s.seen = make(Searches), make(map[seenBy]Positions)
	s.visits, s.accountVisits = make(map[visitKey]Visit), make(map[accountVisitKey]Visit)
	s.extracts, s.judged = make(map[string]*extractFile), make(map[archive.Digest][]ExtractDecision)
	s.marks = make(map[archive.Digest][]Marking)
	s.rejected = make(map[archive.Digest][]Rejection)
	s.alerts, s.feeds = newAlertBook(), newFeedBook()
}

// decision is an event and where it is in the ledger.
type decision struct {
	Event
	pos archive.Position
}

// Folds of events, and of those that concern one case. One that returns an error has changed nothing.
type (
	fold     = func(*State, decision) error
	caseFold = func(*State, *caseFile, decision) error
)

var (
	folds     = together(userFolds, queueFolds, retentionFolds, threadFolds, accountFolds, searchFolds, companyFolds, riskRulesFolds, visitFolds, clockFolds, fieldFolds, teamFolds, bulkFolds, referenceRulesFolds, extractFolds, contactFolds, proposalFolds, accountVisitFolds, ruleFolds, alertFolds, feedFolds)
	caseFolds = together(fileFolds, statementFolds, conversationFolds, riskFolds, handoffFolds, pinFolds, ownershipFolds, referenceFolds, reviewFolds, dischargeFolds, routedFolds, followFolds, exceptionFolds, timelinePinFolds)
)

// together brings the folds of several areas into one table.
func together[F any](areas ...map[EventType]F) map[EventType]F {
	all := map[EventType]F{}
	for _, area := range areas {
		for t, f := range area {
			if _, had := all[t]; had {
				panic("casework: two folds of " + string(t))
			}
			all[t] = f
		}
	}
	return all
}

// userFolds are the folds of events about people, and of those that begin something.
var userFolds = map[EventType]fold{
	UserAdded:    folding((*State).userAdded),
	UserChanged:  folding((*State).userChanged),
	PasswordSet:  folding((*State).passwordSet),
	UserDisabled: folding((*State).userDisabled),
	UserEnabled:  folding((*State).userEnabled),
	TokenCreated: folding((*State).tokenCreated),
	TokenRevoked: folding((*State).tokenRevoked),
	CaseOpened:   folding((*State).caseOpened),
}

// fileFolds are the folds of events about cases, and what they cite, say and show.
var fileFolds = map[EventType]caseFold{
	CaseChanged:     onCase((*State).caseChanged),
	CaseOwned:       onCase((*State).caseOwned),
	NoteAdded:       onCase((*State).noteAdded),
	CitationAdded:   onCase((*State).citationAdded),
	CitationRemoved: onCase((*State).citationRemoved),
	ShareCreated:    onCase((*State).shareCreated),
	ShareRevoked:    onCase((*State).shareRevoked),
	ShareOpened:     onCase((*State).shareOpened),
}

// quiet are events that nobody who changes a case has to see first: they decide nothing about it.
var quiet = map[EventType]bool{ShareOpened: true, RiskChanged: true, ReviewAsked: true, ReviewOpened: true, CaseFollowed: true, CaseUnfollowed: true, TimelinePinned: true, TimelineUnpinned: true}

// apply calls the fold of the event's type.
func (s *State) apply(d decision) error {
	if fold, ok := folds[d.Type]; ok {
		return fold(s, d)
	}
	c := s.file(d.Case)
	fold, ok := caseFolds[d.Type]
	switch {
	case !ok:
		return errors.New("this version does not know such an event")
	case c == nil:
		return fmt.Errorf("there is no case %d", d.Case)
	}
	return fold(s, c, d)
}

// with decodes an event's data for its fold.
func with[D any](d decision, fold func(decision, D) error) error {
	var data D
	if err := json.Unmarshal(d.Data, &data); err != nil {
		return fmt.Errorf("read its data: %w", err)
	}
	return fold(d, data)
}

// onCase is with for the fold of an event that concerns one case. It returns
// the line of the case's log that the event makes.
func onCase[D any](fold func(*State, *caseFile, decision, D) (Entry, error)) caseFold {
	return func(s *State, c *caseFile, d decision) error {
		return with(d, func(d decision, data D) error {
			owner := c.Owner
			entry, err := fold(s, c, d, data)
			if err == nil {
				s.record(c, d, entry)
				s.notice(c, d, owner, data)
			}
			return err
		})
	}
}

// record adds a line to the log of a case that was changed.
func (s *State) record(c *caseFile, d decision, e Entry) {
	c.stand()
	e.Position, e.Type, e.Actor, e.At = d.pos, d.Type, s.actor(d.Actor), d.At
	c.Log = append(c.Log, e)
	c.Revision = d.pos
	if !quiet[d.Type] {
		c.decided, c.Changed = d.pos, d.At
	}
}

// actor returns the name with the memory of the user's own, since every event
// names one.
func (s *State) actor(name string) string {
	if u, ok := s.users[name]; ok {
		return u.Name
	}
	return name
}

func (s *State) userAdded(d decision, data UserAddedData) error {
	if s.users[data.Name] != nil {
		return fmt.Errorf("there is a user %q already", data.Name)
	}
	s.users[data.Name] = &User{
		Name: data.Name, FullName: data.FullName, Roles: data.Roles,
		Password: data.Password, Epoch: d.pos, Created: d.At,
	}
	return nil
}

func (s *State) userChanged(d decision, data UserChangedData) error {
	u := s.users[data.Name]
	if u == nil {
		return noUser(data.Name)
	}
	before := u.FullName
	if data.FullName != nil {
		u.FullName = *data.FullName
	}
	if data.Roles != nil {
		u.Roles = data.Roles
	}
	s.endHandoffs(d, data.Handoffs, before+" may not work on cases any more")
	s.release(d, u, data.Released, before+" may not work on cases any more; the case has no owner now")
	return nil
}

func (s *State) passwordSet(d decision, data PasswordSetData) error {
	u := s.users[data.Name]
	if u == nil {
		return noUser(data.Name)
	}
	u.Password, u.Epoch = data.Password, d.pos
	return nil
}

func (s *State) userDisabled(d decision, data UserDisabledData) error {
	u := s.users[data.Name]
	if u == nil {
		return noUser(data.Name)
	}
	u.Disabled, u.Epoch = true, d.pos
	s.endHandoffs(d, data.Handoffs, "the account of "+u.FullName+" was disabled")
	s.release(d, u, data.Released, "the account of "+u.FullName+" was disabled; the case has no owner now")
	return nil
}

func (s *State) userEnabled(d decision, data UserEnabledData) error {
	u := s.users[data.Name]
	if u == nil {
		return noUser(data.Name)
	}
	u.Disabled, u.Epoch = false, d.pos
	return nil
}

// release takes cases away from a user who can own them no more.
func (s *State) release(d decision, u *User, numbers []int, why string) {
	for _, n := range numbers {
		if c := s.file(n); c != nil && c.Owner == u.Name {
			c.own("", time.Time{})
			s.record(c, d, Entry{Text: sentence(why+s.waits(c.Team), d.Reason)})
		}
	}
}

func (s *State) tokenCreated(d decision, data TokenCreatedData) error {
	if s.tokens[data.Name] != nil || s.byToken[data.Hash] != nil {
		return fmt.Errorf("there is a token %q already, or one with the same secret", data.Name)
	}
	t := &Token{Name: data.Name, Role: data.Role, Hash: data.Hash, Created: d.At}
	s.tokens[t.Name], s.byToken[t.Hash] = t, t
	return nil
}

func (s *State) tokenRevoked(d decision, data TokenRevokedData) error {
	t := s.tokens[data.Name]
	if t == nil || !t.Revoked.IsZero() {
		return fmt.Errorf("there is no live token %q", data.Name)
	}
	t.Revoked = d.At
	return nil
}

func (s *State) caseOpened(d decision, data CaseOpenedData) error {
	if d.Case != FirstCase+len(s.cases) {
		return fmt.Errorf("case %d is out of turn: the next is %d", d.Case, FirstCase+len(s.cases))
	}
	if data.Owner != "" && s.users[data.Owner] == nil {
		return noUser(data.Owner)
	}
	c := &caseFile{Case: Case{
		Number: d.Case, Title: data.Title, Account: data.Account, Status: New,
		Severity: data.Severity, Owner: s.actor(data.Owner), Opened: d.At, OpenedBy: s.actor(d.Actor),
		Kind: data.Kind, Team: data.Team, Tags: data.Tags, Returns: data.Returns, Routed: data.Routed,
	}}
	if err := c.fits(data.Effects); err != nil {
		return err
	}
	s.cases = append(s.cases, c)
	s.effect(c, d, data.Effects)
	s.keepRouted(c, d, data.Routed)
	s.record(c, d, s.sayOpened(d, data))
	s.notice(c, d, "", data)
	s.splitOff(c, d, data)
	return nil
}

func (s *State) caseChanged(c *caseFile, d decision, data CaseChangedData) (Entry, error) {
	entry := s.sayChanged(c, d, data)
	assign(&c.Title, data.Title)
	assign(&c.Account, data.Account)
	assign(&c.Status, data.Status)
	assign(&c.Severity, data.Severity)
	assign(&c.Team, data.Team)
	assign(&c.Tags, data.Tags)
	assign(&c.Muted, data.Muted)
	if data.Released {
		c.own("", time.Time{})
	}
	return entry, nil
}

func assign[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

func (s *State) caseOwned(c *caseFile, d decision, data CaseOwnedData) (Entry, error) {
	if data.Owner != "" && s.users[data.Owner] == nil {
		return Entry{}, noUser(data.Owner)
	}
	entry := s.sayOwned(c, d, data)
	assign(&c.Team, data.Team)
	c.own(s.actor(data.Owner), data.Returns)
	s.endHandoffs(d, handoffsOf(c.Number, data.Handoffs), "the case has another owner")
	return entry, nil
}

func (s *State) noteAdded(c *caseFile, d decision, data NoteAddedData) (Entry, error) {
	if data.ID != len(c.Notes)+1 {
		return Entry{}, fmt.Errorf("note %d is out of turn", data.ID)
	}
	if id, ok := missing(data.Cites, func(id int) bool { return c.citation(id) != nil }); ok {
		return Entry{}, fmt.Errorf("there is no citation %d", id)
	}
	c.Notes = append(c.Notes, Note{ID: data.ID, Text: data.Text, Cites: data.Cites, Mentions: data.Mentions, By: s.actor(d.Actor), At: d.At})
	return s.sayNoted(d, data), nil
}

// missing returns the first of ids that does not exist.
func missing(ids []int, exists func(int) bool) (int, bool) {
	for _, id := range ids {
		if !exists(id) {
			return id, true
		}
	}
	return 0, false
}

func (s *State) citationAdded(c *caseFile, d decision, data CitationData) (Entry, error) {
	if data.ID != c.citations+1 {
		return Entry{}, fmt.Errorf("citation %d is out of turn", data.ID)
	}
	c.citations = data.ID
	c.Citations = append(c.Citations, Citation{
		ID: data.ID, Record: data.Record, SHA256: data.SHA256, Author: data.Author, Part: data.Part,
		Quote: data.Quote, Prefix: data.Prefix, Suffix: data.Suffix, Start: data.Start, End: data.End,
		Comment: data.Comment, By: s.actor(d.Actor), At: d.At,
	})
	s.citing[data.Record] = append(s.citing[data.Record], c.Number)
	return s.sayCited(d, data), nil
}

func (s *State) citationRemoved(c *caseFile, d decision, data CitationRemovedData) (Entry, error) {
	cited := c.citation(data.ID)
	if cited == nil {
		return Entry{}, fmt.Errorf("there is no citation %d", data.ID)
	}
	entry := s.sayWithdrawn(d, *cited)
	s.forget(cited.Record, c.Number)
	gone := *cited
	gone.Removed, gone.RemovedBy = d.At, s.actor(d.Actor)
	c.Withdrawn = append(c.Withdrawn, gone)
	c.Citations = slices.DeleteFunc(c.Citations, func(x Citation) bool { return x.ID == data.ID })
	return entry, nil
}

// forget takes away one of the citations of a record by a case.
func (s *State) forget(at archive.Address, number int) {
	list := s.citing[at]
	list = slices.Delete(list, slices.Index(list, number), slices.Index(list, number)+1)
	if len(list) == 0 {
		delete(s.citing, at)
		return
	}
	s.citing[at] = list
}

func (s *State) shareCreated(c *caseFile, d decision, data ShareData) (Entry, error) {
	if _, taken := s.byShare[data.Hash]; taken || data.ID != len(c.Shares)+1 {
		return Entry{}, fmt.Errorf("share %d is out of turn, or its link is taken", data.ID)
	}
	if id, ok := missing(data.Citations, func(id int) bool { return c.citation(id) != nil }); ok {
		return Entry{}, fmt.Errorf("there is no citation %d", id)
	}
	if id, ok := missing(data.Notes, func(id int) bool { return c.note(id) != nil }); ok {
		return Entry{}, fmt.Errorf("there is no note %d", id)
	}
	c.Shares = append(c.Shares, Share{
		ID: data.ID, Case: c.Number, Hash: data.Hash, Title: data.Title, Citations: data.Citations,
		Notes: data.Notes, Whole: data.Whole, Expires: data.Expires, By: s.actor(d.Actor), At: d.At,
	})
	key := shareKey{c.Number, data.ID}
	s.byShare[data.Hash] = key
	s.shares = append(s.shares, key)
	return s.sayShared(d, data), nil
}

func (s *State) shareRevoked(c *caseFile, d decision, data ShareRevokedData) (Entry, error) {
	share := c.share(data.ID)
	if share == nil || !share.Revoked.IsZero() {
		return Entry{}, fmt.Errorf("there is no live share %d", data.ID)
	}
	share.Revoked, share.RevokedBy = d.At, s.actor(d.Actor)
	delete(s.looked, shareKey{c.Number, data.ID})
	return s.sayRevoked(d, *share), nil
}

func (s *State) shareOpened(c *caseFile, d decision, data ShareOpenedData) (Entry, error) {
	share := c.share(data.ID)
	if share == nil {
		return Entry{}, fmt.Errorf("there is no share %d", data.ID)
	}
	key := shareKey{c.Number, data.ID}
	if s.looked[key] == nil {
		s.looked[key] = make(map[string]time.Time)
	}
	maps.DeleteFunc(s.looked[key], func(_ string, at time.Time) bool { return d.At.Sub(at) >= openEvery })
	s.looked[key][data.IP] = d.At
	return s.sayVisited(d, *share, data), nil
}

func noUser(name string) error { return fmt.Errorf("there is no user %q", name) }
