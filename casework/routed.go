package casework

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"polytrace/archive"
)

// RoutedMail is a message that was routed, and the case that it came to.
type RoutedMail struct {
	Routing
	Case  int              `json:"case"`
	Event archive.Position `json:"event"` // In the ledger.
	At    time.Time        `json:"at"`
}

// Routed tells how a message was routed, by its bytes; false when it was not.
func (s *State) Routed(mail archive.Digest) (RoutedMail, bool) {
	r, ok := s.routed[mail]
	if !ok {
		return RoutedMail{}, false
	}
	m := *r
	m.Routing = *r.Routing.clone()
	return m, true
}

// RoutedUpto is behind the last message of a stream that was routed.
func (s *State) RoutedUpto(stream archive.Stream) archive.Position { return s.routedUpto[stream] }

// CaseOf is the case that a conversation is of, by its messages; of several the newest that is not done, or else the newest.
// 0 when it is of none.
func (s *State) CaseOf(messages []archive.Address) (number int) {
	var done int
	seen := map[int]bool{}
	for _, at := range messages {
		for _, n := range slices.Concat(s.linking[at], s.citing[at]) {
			c := s.file(n)
			if c == nil || seen[n] || !c.hasMail(messages) {
				continue
			}
			seen[n] = true
			if root := s.root(c); root.Status == Resolved || root.Status == Closed {
				done = max(done, root.Number)
			} else {
				number = max(number, root.Number)
			}
		}
	}
	if number == 0 {
		return done
	}
	return number
}

// hasMail reports whether a conversation is of a case: what was said last of any of its messages counts, and before that
// whether it cites one.
func (c *Case) hasMail(messages []archive.Address) bool {
	for _, l := range slices.Backward(c.Links) {
		if slices.Contains(messages, l.Record) {
			return !l.Aside
		}
	}
	return slices.ContainsFunc(c.Citations, func(x Citation) bool { return slices.Contains(messages, x.Record) })
}

// RouteMail opens a case for a message, or says what its coming means for the case that it is of. It does nothing with a
// message that was routed already, and nothing for mail that is of no case and opens none.
type RouteMail struct {
	Arrival Arrival
	Outcome Outcome // Of Router.Route.
	Rules   int     // Version that it is of.
	Title   string
	Number  *int // *Number receives the number of the case when not nil; 0 when it is of none. It counts when Do succeeds.
}

// Check refuses what was decided by rules that hold no more: the caller asks the present ones.
func (c RouteMail) Check(s *State, now time.Time) ([]Event, error) {
	m := c.Arrival.Facts
	if err := checkNamed(m.Message); err != nil {
		return nil, err
	}
	if had, ok := s.routed[m.Message.SHA256]; ok {
		c.tell(had.Case)
		return nil, nil
	}
	if c.Rules != len(s.ruleSets) {
		return nil, refuse(Conflict, "Rules", "The rules are version %d now.", len(s.ruleSets))
	}
	set, _ := s.rulesAt(c.Rules)
	p, o := s.Settle(c.Arrival, c.Outcome)
	routing := Routing{Message: m.Message, Rules: c.Rules, Rule: o.Rule, Trace: o.Trace, Link: p.Link, Exception: c.Arrival.exception(set, p, o), Claims: p.Claims}
	switch {
	case p.Case != 0:
		c.tell(p.Case)
		return s.routeTo(c, p, o, routing, now)
	case p.Open:
		return s.routeNew(c, o, routing, now)
	}
	c.tell(0)
	return nil, nil
}

func (c RouteMail) tell(number int) {
	if c.Number != nil {
		*c.Number = number
	}
}

// Settle says which case a message is of when rules have said what they say, and leaves out of that who is not there any more.
func (s *State) Settle(a Arrival, o Outcome) (Placement, Outcome) {
	p := a.Place()
	if p.Open && s.Root(o.Case) != 0 {
		p = Placement{Case: s.Root(o.Case), Link: fmt.Sprintf("the rule “%s” says so", o.Name)}
	}
	if s.teams[o.Team] == nil {
		o.Team = ""
	}
	if s.checkOwner(o.Owner) != nil {
		o.Owner = ""
	}
	return p, o
}

// routeNew opens a request.
func (s *State) routeNew(c RouteMail, o Outcome, routing Routing, now time.Time) ([]Event, error) {
	m := c.Arrival.Facts
	x := Standing{}.after(c.Arrival, true, o, routing.Exception)
	open := OpenCase{Title: c.Title, Account: m.Account, Owner: x.Owner, Severity: x.Severity, Messages: []Named{m.Message}, Kind: Request, Team: x.Team, Tags: x.Tags, Routed: &routing, Number: c.Number}
	open.effects = s.effects(&caseFile{}, c, o, now)
	if x.Muted {
		if open.effects == nil {
			open.effects = &RuleEffects{}
		}
		open.effects.Muted = true
	}
	return open.Check(s, now)
}

// routeTo says what a message means for a case.
func (s *State) routeTo(c RouteMail, p Placement, o Outcome, routing Routing, now time.Time) ([]Event, error) {
	file, err := s.findCase(p.Case)
	if err != nil {
		return nil, err
	}
	was := file.standing()
	x := was.after(c.Arrival, false, o, routing.Exception)
	data := MailRoutedData{Routing: routing, Linked: c.Arrival.Conversation != p.Case, Effects: s.effects(file, c, o, now)}
	data.Team, data.Owner, data.Severity = changed(&x.Team, was.Team), changed(&x.Owner, was.Owner), changed(&x.Severity, was.Severity)
	data.Muted, data.Status = changed(&x.Muted, was.Muted), changed(&x.Status, was.Status)
	if !slices.Equal(x.Tags, was.Tags) {
		data.Tags = &x.Tags
	}
	if data.Status != nil && was.Owner != "" && !s.users[was.Owner].may(Role.Works) {
		data.Owner = new(string) // It is open again, and its owner cannot work any more.
	}
	if data.Status != nil && data.Team == nil && was.Team != "" && s.teams[was.Team] == nil {
		data.Team = new(string)
	}
	if data.Owner != nil && *data.Owner != "" {
		data.Returns = s.returns(facts{x.Severity, file.Account, x.Team, file.Kind}, now)
	}
	if data.Owner != nil {
		data.Handoffs = file.handing()
	}
	return newEvent(MailRouted, p.Case, "", data)
}

// effects are what rules do to a case beside its fields; nil when that is nothing.
func (s *State) effects(file *caseFile, c RouteMail, o Outcome, now time.Time) *RuleEffects {
	e := &RuleEffects{}
	if !c.Arrival.Facts.Automatic { // What a machine wrote tells nobody anything: else two could go on for ever.
		e.Notify = o.Notify
	}
	m := c.Arrival.Facts
	var cites []int
	if len(o.Notes)+len(o.Dues) > 0 {
		id := file.citations + 1
		if i := slices.IndexFunc(file.Citations, func(x Citation) bool { return x.SHA256 == m.Message.SHA256 }); i >= 0 {
			id = file.Citations[i].ID
		} else {
			e.Citation = &CitationData{ID: id, Record: m.Message.Record, SHA256: m.Message.SHA256}
		}
		cites = []int{id}
	}
	for i, text := range o.Notes {
		e.Notes = append(e.Notes, NoteAddedData{ID: len(file.Notes) + 1 + i, Text: text, Cites: cites})
	}
	for i, due := range o.Dues {
		at := m.Received.Add(time.Duration(due.Hours) * time.Hour)
		if k := s.calendar(due.Calendar); k != nil {
			if by := k.Add(m.Received, time.Duration(due.Hours)*time.Hour); !by.IsZero() {
				at = by
			}
		}
		at = at.UTC().Truncate(time.Minute)
		when := When{From: at, To: at.Add(time.Minute), Grain: "minute"}
		e.Dates = append(e.Dates, KeyDateSetData{len(file.KeyDates) + 1 + i, due.Label, "deadline", when, cites})
	}
	if len(e.Notify) == 0 && cites == nil {
		return nil
	}
	return e
}

// CitationOf is what an event has a case cite, for those who follow the ledger without a state; false when it is nothing.
func CitationOf(e Event) (c CitationData, ok bool) {
	switch e.Type {
	case CitationAdded:
		return c, json.Unmarshal(e.Data, &c) == nil
	case CaseOpened, MailRouted:
		var data struct {
			Effects *RuleEffects `json:"effects"`
		}
		if json.Unmarshal(e.Data, &data) == nil && data.Effects != nil && data.Effects.Citation != nil {
			return *data.Effects.Citation, true
		}
	}
	return c, false
}

// routedFolds are the folds of the event that a message came to a case.
var routedFolds = map[EventType]caseFold{MailRouted: onCase((*State).mailRouted)}

func (s *State) mailRouted(c *caseFile, d decision, data MailRoutedData) (Entry, error) {
	if data.Owner != nil && *data.Owner != "" && s.users[*data.Owner] == nil {
		return Entry{}, noUser(*data.Owner)
	}
	if err := c.fits(data.Effects); err != nil {
		return Entry{}, err
	}
	entry := s.sayRouted(c, d, data)
	if data.Linked {
		s.setLink(c, Link{data.Message, false, s.actor(d.Actor), d.At})
	}
	assign(&c.Team, data.Team)
	assign(&c.Severity, data.Severity)
	assign(&c.Tags, data.Tags)
	assign(&c.Muted, data.Muted)
	assign(&c.Status, data.Status)
	if data.Owner != nil {
		c.own(s.actor(*data.Owner), data.Returns)
		s.endHandoffs(d, handoffsOf(c.Number, data.Handoffs), "the case has another owner")
	}
	if c.Routed == nil || data.Exception != "" {
		c.Routed, c.Settled = &data.Routing, nil
	}
	s.keepRouted(c, d, &data.Routing)
	s.effect(c, d, data.Effects)
	return entry, nil
}

// fits refuses effects whose numbers are not the next.
func (c *caseFile) fits(e *RuleEffects) error {
	if e == nil {
		return nil
	}
	citations := c.citations
	if e.Citation != nil {
		if citations++; e.Citation.ID != citations {
			return fmt.Errorf("citation %d is out of turn", e.Citation.ID)
		}
	}
	for i, n := range e.Notes {
		if id, ok := missing(n.Cites, func(id int) bool { return id >= 1 && id <= citations }); ok || n.ID != len(c.Notes)+1+i {
			return fmt.Errorf("note %d is out of turn, or there is no citation %d", n.ID, id)
		}
	}
	for i, k := range e.Dates {
		if id, ok := missing(k.Cites, func(id int) bool { return id >= 1 && id <= citations }); ok || k.ID != len(c.KeyDates)+1+i {
			return fmt.Errorf("date %d is out of turn, or there is no citation %d", k.ID, id)
		}
	}
	return nil
}

// effect does to a case what rules do beside its fields; see fits.
func (s *State) effect(c *caseFile, d decision, e *RuleEffects) {
	if e == nil {
		return
	}
	c.Muted = c.Muted || e.Muted
	if x := e.Citation; x != nil {
		c.citations = x.ID
		c.Citations = append(c.Citations, Citation{ID: x.ID, Record: x.Record, SHA256: x.SHA256, By: s.actor(d.Actor), At: d.At})
		s.citing[x.Record] = append(s.citing[x.Record], c.Number)
	}
	for _, n := range e.Notes {
		c.Notes = append(c.Notes, Note{ID: n.ID, Text: n.Text, Cites: n.Cites, By: s.actor(d.Actor), At: d.At})
	}
	for _, k := range e.Dates {
		c.KeyDates = append(c.KeyDates, KeyDate{ID: k.ID, Label: k.Label, Kind: k.Kind, When: k.When, Cites: k.Cites, By: s.actor(d.Actor), At: d.At})
	}
}

// keepRouted remembers a message that was routed.
func (s *State) keepRouted(c *caseFile, d decision, r *Routing) {
	if r == nil || r.Message.SHA256.IsZero() {
		return
	}
	s.routed[r.Message.SHA256] = &RoutedMail{*r, c.Number, d.pos, d.At}
	at := r.Message.Record
	s.routedUpto[at.Stream] = max(s.routedUpto[at.Stream], at.Position+1)
}

// sayRouted words that a message came to a case.
func (s *State) sayRouted(c *caseFile, d decision, data MailRoutedData) Entry {
	text := "the message " + data.Message.Record.String() + " came in"
	if data.Linked {
		text += " and is of the case because " + data.Link
	}
	text += s.byRule(&data.Routing)
	var did []string
	say := func(format string, args ...any) { did = append(did, fmt.Sprintf(format, args...)) }
	if data.Status != nil {
		say("the case is open again")
	}
	if data.Team != nil {
		say("it is in the team %s", or(s.teamTitle(*data.Team), "of nobody"))
	}
	if data.Owner != nil {
		say("its owner is %s", or(s.who(*data.Owner), "nobody"))
	}
	if data.Severity != nil {
		say("its severity is S%d", *data.Severity)
	}
	if data.Tags != nil {
		for _, tag := range *data.Tags {
			if !slices.Contains(c.Tags, tag) {
				say("it has the tag “%s”", tag)
			}
		}
	}
	if data.Muted != nil {
		say("it is muted")
	}
	if e := data.Effects; e != nil {
		did = append(did, e.words()...)
	}
	if did != nil {
		text += "; " + enumerate(did)
	}
	return Entry{Text: sentence(text+until(data.Returns), d.Reason)}
}

// words say what was done beside the fields of a case.
func (e *RuleEffects) words() (did []string) {
	for _, n := range e.Notes {
		did = append(did, fmt.Sprintf("note %d was added", n.ID))
	}
	for _, k := range e.Dates {
		did = append(did, fmt.Sprintf("“%s” is due on %s", k.Label, k.When.From.UTC().Format("2 January 2006 15:04 UTC")))
	}
	return did
}

// byRule words by which rule a message was routed.
func (s *State) byRule(r *Routing) string {
	text := ", by no rule"
	switch set, ok := s.rulesAt(r.Rules); {
	case r.Rule != "":
		text = fmt.Sprintf(" by rule %s, version %d", r.Rule, r.Rules)
		for i, rule := range set.Rules {
			if ok && rule.ID == r.Rule {
				text = fmt.Sprintf(" by rule %d “%s”, version %d", i+1, rule.Name, r.Rules)
			}
		}
	case r.Rules != 0:
		text = fmt.Sprintf(" by no rule of version %d", r.Rules)
	}
	if r.Exception != "" {
		text += ", as an exception: " + r.Exception
	}
	return text
}
