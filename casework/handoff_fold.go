package casework

import (
	"fmt"
	"slices"
	"time"
)

// handoffFolds are the folds of the events about handoffs and questions.
var handoffFolds = map[EventType]caseFold{
	HandoffOffered:   onCase((*State).handoffOffered),
	HandoffAnswered:  onCase((*State).handoffAnswered),
	HandoffWithdrawn: onCase((*State).handoffWithdrawn),
	HandoffReturned:  onCase((*State).handoffReturned),
	QuestionAsked:    onCase((*State).questionAsked),
	QuestionAnswered: onCase((*State).questionAnswered),
}

// fieldFolds are the folds of what offers have to say.
var fieldFolds = map[EventType]fold{FieldsSet: folding((*State).fieldsSet)}

func (s *State) fieldsSet(_ decision, data FieldsSetData) error {
	s.fields = data.Fields
	return nil
}

func (s *State) handoffOffered(c *caseFile, d decision, data HandoffOfferedData) (Entry, error) {
	if err := c.turn("handoff", data.ID, len(c.Handoffs), nil); err != nil {
		return Entry{}, err
	}
	for _, name := range []string{data.From, data.To} {
		if s.users[name] == nil && (name != "" || name == data.To) {
			return Entry{}, noUser(name)
		}
	}
	c.Handoffs = append(c.Handoffs, Handoff{ID: data.ID, Kind: data.Kind, From: s.actor(data.From), To: s.actor(data.To), Until: data.Until, Fields: data.Fields,
		Package: data.Package, SHA256: data.SHA256, By: s.actor(d.Actor), At: d.At, State: Offered})
	text := map[HandoffKind]string{Cover: "asked %s to cover the case until " + data.Until.UTC().Format("2 January 2006 15:04 UTC"), Join: "asked %s to join the case"}[data.Kind]
	return s.say(d, "handoff-"+itoa(data.ID), or(text, "offered the case to %s"), s.who(data.To)), nil
}

// inState is a handoff of a case in a state; an error when it is in another.
func (c *caseFile) inState(id int, state HandoffState) (*Handoff, error) {
	h, err := nth(c.Handoffs, id, "handoff")
	if err == nil && h.State != state {
		err = fmt.Errorf("handoff %d is %s", id, h.State)
	}
	return h, err
}

func (s *State) handoffAnswered(c *caseFile, d decision, data HandoffAnsweredData) (Entry, error) {
	h, err := c.inState(data.ID, Offered)
	if err != nil {
		return Entry{}, err
	}
	for _, t := range data.Takes {
		if _, err := c.going(t.Commitment, t.Cites); err != nil {
			return Entry{}, err
		}
	}
	if id, ok := missing(data.Follows, func(id int) bool { return id >= 1 && id <= len(c.Commitments) }); ok {
		return Entry{}, fmt.Errorf("there is no promise %d", id)
	}
	h.Answered, h.Reason, h.Takes, h.State = d.At, d.Reason, data.Takes, Declined
	line := "handoff-" + itoa(data.ID)
	switch {
	case !data.Accepted:
		h.Ended, h.EndedBy = d.At, s.actor(d.Actor)
		return s.say(d, line, "declined %s", map[HandoffKind]string{Permanent: "to take the case over", Cover: "to cover the case", Join: "to join the case"}[h.Kind]), nil
	case !h.owns():
		h.State = Accepted
		return s.say(d, line, "joined the case"), nil
	}
	text := "accepted the case"
	if h.From != "" {
		text += " from " + s.who(h.From)
	}
	h.State = Accepted
	if h.Kind == Cover {
		h.State = Covering
		text = "covers the case of " + s.who(h.From) + " until " + h.Until.UTC().Format("2 January 2006 15:04 UTC")
	}
	did := map[Taking]int{}
	for _, t := range data.Takes {
		s.take(c, d, t)
		did[t.Do]++
	}
	for _, id := range data.Follows {
		c.Commitments[id-1].Creditor.User = h.To
	}
	c.own(h.To, time.Time{})
	return s.say(d, line, "%s%s", text, taken(did)), nil
}

// taken words what became of promises.
func taken(did map[Taking]int) string {
	var parts []string
	for _, x := range []struct {
		do   Taking
		verb string
	}{{TakeIt, "takes"}, {Renegotiate, "renegotiates"}, {GiveBack, "returns"}} {
		if n := did[x.do]; n > 0 {
			parts = append(parts, x.verb+" "+count(n, "promise"))
		}
	}
	if parts == nil {
		return ""
	}
	return ", " + enumerate(parts)
}

// take does with a promise what was said of it.
func (s *State) take(c *caseFile, d decision, t Take) {
	p := &c.Commitments[t.Commitment-1]
	p.Debtor.User = s.actor(t.Debtor)
	if t.Do == Renegotiate {
		p.Moves = append(p.Moves, Move{What: p.What, Due: p.Due, Asked: Ours, Cites: t.Cites, By: s.actor(d.Actor), At: d.At})
		p.Due = t.Due.clone()
	}
}

// end ends a handoff that nobody accepted, or that went on.
func (s *State) end(h *Handoff, d decision, state HandoffState, by ByRule) {
	h.State, h.Ended, h.EndedBy, h.RuleOfEnd, h.RulesOfEnd = state, d.At, s.actor(d.Actor), by.Rule, by.Version
	if d.Reason != "" {
		h.Reason = d.Reason
	}
}

// words is the rule as it stands in the log; "" when a person decided.
func (r ByRule) words() string {
	if r.Rule == "" {
		return ""
	}
	return fmt.Sprintf(" (rule %s, version %d)", r.Rule, r.Version)
}

func (s *State) handoffWithdrawn(c *caseFile, d decision, data HandoffWithdrawnData) (Entry, error) {
	h, err := c.inState(data.ID, Offered)
	if err != nil {
		return Entry{}, err
	}
	s.end(h, d, Withdrawn, data.ByRule)
	return s.say(d, "handoff-"+itoa(data.ID), "withdrew the offer to %s%s", s.who(h.To), data.words()), nil
}

func (s *State) handoffReturned(c *caseFile, d decision, data HandoffReturnedData) (Entry, error) {
	h, err := c.inState(data.ID, Covering)
	if err == nil && data.Owner != "" && s.users[data.Owner] == nil {
		err = noUser(data.Owner)
	}
	if id, ok := missing(data.Commitments, func(id int) bool { return id >= 1 && id <= len(c.Commitments) }); err == nil && ok {
		err = fmt.Errorf("there is no promise %d", id)
	}
	if err != nil {
		return Entry{}, err
	}
	for _, id := range data.Commitments {
		p := &c.Commitments[id-1]
		who := &p.Debtor
		if p.Direction == Theirs {
			who = &p.Creditor
		}
		who.User = s.actor(data.Owner)
	}
	s.end(h, d, Returned, data.ByRule)
	c.own(s.actor(data.Owner), time.Time{})
	return s.say(d, "handoff-"+itoa(data.ID), "ended the cover of %s: %s owns the case again%s", s.who(h.To), s.who(data.Owner), data.words()), nil
}

// endHandoffs ends handoffs with something else that was decided, and logs why.
func (s *State) endHandoffs(d decision, list []EndedHandoff, why string) {
	for _, x := range list {
		c := s.file(x.Case)
		if c == nil {
			continue
		}
		h, err := nth(c.Handoffs, x.ID, "handoff")
		if err != nil || !h.Open() {
			continue
		}
		text := fmt.Sprintf("%s: the offer to %s has ended", why, s.who(h.To))
		if h.State == Covering {
			text = fmt.Sprintf("%s: the cover of %s has ended", why, s.who(h.To))
		}
		if x.Owner != "" && s.users[x.Owner] != nil {
			c.own(s.actor(x.Owner), time.Time{})
			text += ", " + s.who(x.Owner) + " owns the case again"
		}
		s.end(h, d, Released, ByRule{})
		s.record(c, d, Entry{Item: "handoff-" + itoa(x.ID), Text: sentence(text, d.Reason)})
	}
}

// handoffsOf are handoffs of one case, as they are ended.
func handoffsOf(number int, ids []int) (list []EndedHandoff) {
	for _, id := range ids {
		list = append(list, EndedHandoff{Case: number, ID: id})
	}
	return list
}

func (s *State) questionAsked(c *caseFile, d decision, data QuestionAskedData) (Entry, error) {
	if err := c.turn("question", data.ID, len(c.Questions), nil); err != nil {
		return Entry{}, err
	}
	if s.users[data.To] == nil {
		return Entry{}, noUser(data.To)
	}
	if _, err := nth(c.Handoffs, data.Handoff, "handoff"); data.Handoff != 0 && err != nil {
		return Entry{}, err
	}
	c.Questions = append(c.Questions, Question{ID: data.ID, To: s.actor(data.To), Text: data.Text, Handoff: data.Handoff, By: s.actor(d.Actor), At: d.At})
	return s.say(d, "question-"+itoa(data.ID), "asked %s “%s”", s.who(data.To), head(data.Text)), nil
}

func (s *State) questionAnswered(c *caseFile, d decision, data QuestionAnsweredData) (Entry, error) {
	q, err := nth(c.Questions, data.ID, "question")
	if err == nil && q.Answer != nil {
		err = fmt.Errorf("question %d was answered already", data.ID)
	}
	if err == nil && data.Fact != 0 {
		err = c.turn("fact", data.Fact, len(c.Facts), data.Cites)
	}
	if err == nil {
		err = c.cited(data.Cites)
	}
	if err != nil {
		return Entry{}, err
	}
	q.Answer = &Answer{Text: data.Text, Cites: data.Cites, Fact: data.Fact, By: s.actor(d.Actor), At: d.At}
	text := fmt.Sprintf("answered “%s” with “%s”", head(q.Text), head(data.Text))
	if data.Fact != 0 {
		c.Facts = append(c.Facts, Fact{ID: data.Fact, Text: data.Text, Cites: slices.Clone(data.Cites), Status: FactAccepted, Judged: s.actor(d.Actor), Question: data.ID, By: s.actor(d.Actor), At: d.At})
		text += ", which is a fact now"
	}
	return s.say(d, "question-"+itoa(data.ID), "%s", text), nil
}
