package casework

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"polytrace/archive"
)

// FirstCase is the number of the first case; the next one has the next number.
const FirstCase = 101

// State is everything that was decided. The zero value is the state before
// the first event. What its methods return are copies: callers may change
// them and change nothing here.
type State struct {
	next    archive.Position // Every event before it is folded.
	users   map[string]*User
	tokens  map[string]*Token
	byToken map[archive.Digest]*Token
	queues  []Queue // All that ever were, in order of creation.
	logins  map[string]*Login
	sets    map[string]*SourceSet     // That were set.
	cases   []*caseFile               // Number FirstCase first.
	citing  map[archive.Address][]int // Case numbers, one for each citation.
	byShare map[archive.Digest]shareKey
	shares  []shareKey                        // In order of creation.
	looked  map[shareKey]map[string]time.Time // Last openings of a share by address, within openEvery.
	unknown []Unknown

	teams map[string]*Team // By name.

	bulks      []Bulk        // Of the day before the last one, in order.
	lastBulk   int           // ID given last.
	ruleSets   []RuleVersion // Version 1 first.
	intake     Intake
	routed     map[archive.Digest]*RoutedMail // By the bytes of the message.
	routedUpto Positions                      // Behind the last of each stream.
	linking    map[archive.Address][]int      // Cases that a message was linked with once, or put aside.

	accounts     map[string]*accountFile // By ID.
	accountNames map[string]*accountFile // By name, lower case.
	claims       map[string][]claim      // Who has an identifier, in order of mapping.
	mapped       archive.Position        // Behind the last event about accounts.

	classes  map[archive.Stream]Class // Those that were set.
	holds    []*holdFile              // In order of placing, released ones included.
	erasures []*Erasure               // ID 1 first.
	two      bool                     // An erasure takes two people.
	orders   []Order                  // What is to be removed, oldest first.
	removed  recordSet                // Of all orders.
	locks    int                      // Decisions that may have changed what Lock says.

	corrections []Correction // Of conversations, in order of their positions; never changed in place.

	company   Company
	riskRules *RiskRules // That somebody set.

	fields []HandoffField // That an offer has to say; nil: the usual ones.

	references ReferenceRules
	extracts   map[string]*extractFile              // By name.
	judged     map[archive.Digest][]ExtractDecision // By message.

	searches Searches
	seen     map[seenBy]Positions
	visits   map[visitKey]Visit

	accountVisits map[accountVisitKey]Visit

	policies  []PolicyVersion   // All versions, in order of decision.
	calendars []CalendarVersion // Likewise.
	marks     map[archive.Digest][]Marking
	rejected  map[archive.Digest][]Rejection // Proposals of messages, by SHA-256.

	alerts alertBook
	feeds  feedBook
}

// caseFile is a case as the fold keeps it.
type caseFile struct {
	Case
	decided   archive.Position // Of the last event that was not a guest looking.
	citations int              // IDs given so far.
}

type shareKey struct{ Case, ID int }

// Unknown is a record of the ledger that changed nothing.
type Unknown struct {
	Position archive.Position `json:"position"`
	Type     EventType        `json:"type,omitempty"`
	Why      string           `json:"why"`
}

// Next is the position of the first record of the ledger that is not folded yet.
func (s *State) Next() archive.Position { return s.next }

// Unknown lists what the fold could not use, oldest first: events of a newer
// version, and events that do not fit what was decided before them.
func (s *State) Unknown() []Unknown { return slices.Clone(s.unknown) }

// User returns a user by sign-in name, disabled or not.
func (s *State) User(name string) (User, bool) {
	u, ok := s.users[name]
	if !ok {
		return User{}, false
	}
	return u.clone(), true
}

// Users lists all users by name.
func (s *State) Users() []User {
	list := make([]User, 0, len(s.users))
	for _, name := range slices.Sorted(maps.Keys(s.users)) {
		list = append(list, s.users[name].clone())
	}
	return list
}

// Tokens lists all tokens by name, revoked ones included.
func (s *State) Tokens() []Token {
	list := make([]Token, 0, len(s.tokens))
	for _, name := range slices.Sorted(maps.Keys(s.tokens)) {
		list = append(list, *s.tokens[name])
	}
	return list
}

// TokenByHash finds a token that was not revoked by the hash of its secret.
func (s *State) TokenByHash(hash archive.Digest) (Token, bool) {
	t, ok := s.byToken[hash]
	if !ok || !t.Revoked.IsZero() {
		return Token{}, false
	}
	return *t, true
}

// Queues lists the queues that take mail, by name.
func (s *State) Queues() []Queue {
	list := make([]Queue, 0, len(s.queues))
	for _, q := range s.queues {
		if q.Removed.IsZero() {
			list = append(list, q.clone())
		}
	}
	slices.SortFunc(list, func(a, b Queue) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// RemovedQueues lists the queues that took mail once, in order of creation.
func (s *State) RemovedQueues() []Queue {
	var list []Queue
	for _, q := range s.queues {
		if !q.Removed.IsZero() {
			list = append(list, q.clone())
		}
	}
	return list
}

// QueueByLocal finds a queue that takes mail by the local part of its address,
// or of the one before, in upper or lower case.
func (s *State) QueueByLocal(local string) (Queue, bool) {
	for _, q := range s.queues {
		if q.Removed.IsZero() && (strings.EqualFold(q.Local, local) || q.Previous != "" && strings.EqualFold(q.Previous, local)) {
			return q.clone(), true
		}
	}
	return Queue{}, false
}

// Queue finds a queue that takes mail by its name.
func (s *State) Queue(name string) (Queue, bool) {
	if q := s.queue(name); q != nil {
		return q.clone(), true
	}
	return Queue{}, false
}

// queue returns the queue of that name that takes mail, or nil.
func (s *State) queue(name string) *Queue {
	for i := range s.queues {
		if q := &s.queues[i]; q.Name == name && q.Removed.IsZero() {
			return q
		}
	}
	return nil
}

// Reach tells through which queues the mail came that somebody may read, and
// through which that is withheld. It is decided by the queue that has or had a
// name last. Compliance reads all.
func (s *State) Reach(actor string, roles []Role) (open, withheld []string) {
	last := map[string]Queue{}
	for _, q := range s.queues {
		last[q.Name] = q
	}
	for name, q := range last {
		if q.letsRead(actor, roles) {
			open = append(open, name)
		} else {
			withheld = append(withheld, name)
		}
	}
	slices.Sort(open)
	slices.Sort(withheld)
	return open, withheld
}

func (q Queue) letsRead(actor string, roles []Role) bool {
	if len(q.Readers) == 0 || slices.Contains(roles, Compliance) || slices.Contains(q.Readers, actor) {
		return true
	}
	return slices.ContainsFunc(roles, func(r Role) bool { return slices.Contains(q.Readers, roleReader+string(r)) })
}

// Case returns a case by its number.
func (s *State) Case(number int) (Case, bool) {
	c := s.file(number)
	if c == nil {
		return Case{}, false
	}
	return c.clone(), true
}

// Cases lists all cases, the one that was changed last first. A guest looking
// at a share is not a change.
func (s *State) Cases() []Case {
	return s.list(func(c *caseFile) Case { return c.clone() })
}

// Overview lists all cases as Cases does, without their citations, notes,
// shares, log and trace of routing: what a page that lists cases needs, at a fraction of the cost. Those at low risk have no Risk.
func (s *State) Overview() []Case {
	return s.list(func(c *caseFile) Case {
		head := c.Case
		head.Citations, head.Withdrawn, head.Notes, head.Shares, head.Log = nil, nil, nil, nil, nil
		head.Issues, head.Facts, head.Decisions, head.Commitments, head.KeyDates = nil, nil, nil, nil, nil
		head.Links, head.Parts, head.Pins, head.Judgements, head.Risk, head.Override = nil, nil, nil, nil, nil, clonePointer(c.Override)
		if c.Risk != nil && c.Risk.Level != RiskLow { // Of few.
			head.Judgements, head.Risk = slices.Clone(c.Judgements), c.Risk.clone()
		}
		head.standings = nil
		head.Handoffs, head.Questions, head.References, head.TimelinePins, head.Reviews = nil, nil, nil, nil, nil
		head.Tags, head.Routed, head.Settled, head.Followers = slices.Clone(c.Tags), c.Routed.head(), clonePointer(c.Settled), slices.Clone(c.Followers)
		return head
	})
}

func (s *State) list(view func(*caseFile) Case) []Case {
	files := slices.Clone(s.cases)
	slices.SortFunc(files, func(a, b *caseFile) int {
		return cmp.Or(cmp.Compare(b.decided, a.decided), cmp.Compare(b.Number, a.Number))
	})
	list := make([]Case, len(files))
	for i, c := range files {
		list[i] = view(c)
	}
	return list
}

// CasesCiting lists the numbers of the cases that cite a record, ascending.
func (s *State) CasesCiting(at archive.Address) []int {
	numbers := slices.Clone(s.citing[at])
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

// ShareByHash finds a share, live or not, by the hash of the token in its link.
func (s *State) ShareByHash(hash archive.Digest) (Share, bool) {
	key, ok := s.byShare[hash]
	if !ok {
		return Share{}, false
	}
	return s.share(key).clone(), true
}

// Shares lists all shares, live or not, newest first.
func (s *State) Shares() []Share {
	list := make([]Share, 0, len(s.shares))
	for _, key := range slices.Backward(s.shares) {
		list = append(list, s.share(key).clone())
	}
	return list
}

// share returns a share that is known to exist.
func (s *State) share(key shareKey) *Share {
	return &s.file(key.Case).Shares[key.ID-1]
}

// file returns a case, or nil.
func (s *State) file(number int) *caseFile {
	if number < FirstCase || number >= FirstCase+len(s.cases) {
		return nil
	}
	return s.cases[number-FirstCase]
}

// label is how people name a case.
func (c *Case) label() string { return "C-" + strconv.Itoa(c.Number) }

// citation returns a citation that was not withdrawn, or nil.
func (c *Case) citation(id int) *Citation {
	i, ok := slices.BinarySearchFunc(c.Citations, id, func(x Citation, id int) int { return cmp.Compare(x.ID, id) })
	if !ok {
		return nil
	}
	return &c.Citations[i]
}

// note returns a note, or nil. IDs are dense and start at 1.
func (c *Case) note(id int) *Note {
	if id < 1 || id > len(c.Notes) {
		return nil
	}
	return &c.Notes[id-1]
}

// share returns a share, or nil. IDs are dense and start at 1.
func (c *Case) share(id int) *Share {
	if id < 1 || id > len(c.Shares) {
		return nil
	}
	return &c.Shares[id-1]
}

// sourced reports whether a note rests on a citation other than except that
// was not withdrawn.
func (c *Case) sourced(n *Note, except int) bool {
	return slices.ContainsFunc(n.Cites, func(id int) bool { return id != except && c.citation(id) != nil })
}

func (c *Case) clone() Case {
	d := *c
	d.Citations, d.Withdrawn = copied(c.Citations), slices.Clone(c.Withdrawn)
	d.Notes, d.Shares, d.Log = copied(c.Notes), copied(c.Shares), copied(c.Log)
	for i := range d.Notes {
		d.Notes[i].Cites, d.Notes[i].Mentions = copied(d.Notes[i].Cites), slices.Clone(d.Notes[i].Mentions)
	}
	for i := range d.Shares {
		d.Shares[i] = d.Shares[i].clone()
	}
	d.Issues, d.Links, d.Parts, d.Judgements, d.Pins = slices.Clone(c.Issues), slices.Clone(c.Links), slices.Clone(c.Parts), slices.Clone(c.Judgements), slices.Clone(c.Pins)
	d.References, d.TimelinePins = slices.Clone(c.References), slices.Clone(c.TimelinePins)
	d.Risk, d.Override = c.Risk.clone(), clonePointer(c.Override)
	d.Tags, d.Routed, d.Settled = slices.Clone(c.Tags), c.Routed.clone(), clonePointer(c.Settled)
	d.Facts, d.Decisions = each(c.Facts, Fact.clone), each(c.Decisions, Decision.clone)
	d.Commitments, d.KeyDates = each(c.Commitments, Commitment.clone), each(c.KeyDates, KeyDate.clone)
	d.Followers = slices.Clone(c.Followers)
	d.Handoffs, d.Questions, d.Reviews = each(c.Handoffs, Handoff.clone), each(c.Questions, Question.clone), each(c.Reviews, Review.clone)
	return d
}

// each is a list of copies; nil of an empty one.
func each[T any](list []T, clone func(T) T) (out []T) {
	for _, x := range list {
		out = append(out, clone(x))
	}
	return out
}

func (s Share) clone() Share {
	s.Citations, s.Notes = copied(s.Citations), copied(s.Notes)
	return s
}

// copied is a copy that is never nil, so that an empty list is [] in JSON.
func copied[T any](list []T) []T { return append(make([]T, 0, len(list)), list...) }

func (u User) clone() User {
	u.Roles = slices.Clone(u.Roles)
	return u
}

func (q Queue) clone() Queue {
	q.Sources = slices.Clone(q.Sources)
	for _, list := range []*[]string{&q.Sets, &q.Logins, &q.Certificates, &q.Tenants, &q.Readers} {
		*list = slices.Clone(*list)
	}
	return q
}

// may reports whether a user is enabled and one of the roles allows it.
func (u *User) may(do func(Role) bool) bool {
	return u != nil && !u.Disabled && slices.ContainsFunc(u.Roles, do)
}
