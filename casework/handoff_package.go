package casework

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"polytrace/archive"
)

// Watermark is how much was known when something was brought together.
type Watermark struct {
	At     time.Time        `json:"at"`
	Ledger archive.Position `json:"ledger"`         // Every decision before it.
	Mail   Positions        `json:"mail,omitempty"` // Every record before them.
}

// Package is what goes with a case to the next person. It names what there is and holds no words: they are
// looked up when somebody reads, so that what is erased, or is not for the reader, is not in it either.
type Package struct {
	Case int `json:"case"`
	Watermark
	Owner    string `json:"owner,omitempty"`
	Status   Status `json:"status"`
	Severity int    `json:"severity"`

	Pins        []string `json:"pins,omitempty"`        // To be read first.
	Commitments []int    `json:"commitments,omitempty"` // That have not ended, of both sides.
	Issues      []int    `json:"issues,omitempty"`      // Open.
	Facts       []int    `json:"facts,omitempty"`       // Accepted.
	Decisions   []int    `json:"decisions,omitempty"`   // Not superseded.
	KeyDates    []int    `json:"key_dates,omitempty"`   // Ahead.
	Questions   []int    `json:"questions,omitempty"`   // Not answered.
	Citations   []int    `json:"citations,omitempty"`
	Parts       []int    `json:"parts,omitempty"` // Cases that are part of it.
	Notes       []int    `json:"notes,omitempty"`
	Shares      []int    `json:"shares,omitempty"` // Links that guests can open.
	People      []string `json:"people,omitempty"` // "user:kim", or where somebody outside is named: "promise-2", "cite-3".

	Conversations []archive.Address `json:"conversations,omitempty"` // Messages whose conversations were brought in.
	Timeline      []archive.Address `json:"timeline,omitempty"`      // Pinned there: messages, and in the ledger the events of lines of the log.
}

// Digest is the SHA-256 of the package as JSON, with its members in this order and nothing between them.
func (p Package) Digest() archive.Digest {
	raw, err := json.Marshal(p)
	if err != nil {
		return archive.Digest{} // Strings, numbers and times always marshal.
	}
	return sha256.Sum256(raw)
}

// PackageOf is what there is of a case at a time, without pins.
func PackageOf(s *State, c Case, at Watermark) Package {
	p := Package{Case: c.Number, Watermark: at, Owner: c.Owner, Status: c.Status, Severity: c.Severity}
	p.Mail = maps.Clone(at.Mail)
	p.Commitments = chosen(c.Commitments, func(x Commitment) (int, bool) { return x.ID, x.End == nil })
	p.Issues = chosen(c.Issues, func(x Issue) (int, bool) { return x.ID, x.State == IssueOpen })
	p.Facts = chosen(c.Facts, func(x Fact) (int, bool) { return x.ID, x.Status == FactAccepted })
	p.Decisions = chosen(c.Decisions, func(x Decision) (int, bool) { return x.ID, x.Superseded == 0 })
	p.KeyDates = chosen(c.KeyDates, func(x KeyDate) (int, bool) { return x.ID, x.Removed.IsZero() && x.When.To.After(at.At) })
	p.Questions = chosen(c.Questions, func(x Question) (int, bool) { return x.ID, x.Answer == nil })
	p.Citations = chosen(c.Citations, func(x Citation) (int, bool) { return x.ID, true })
	p.Notes = chosen(c.Notes, func(x Note) (int, bool) { return x.ID, true })
	p.Shares = chosen(c.Shares, func(x Share) (int, bool) { return x.ID, x.Live(at.At) })
	p.People, p.Parts = s.peopleOf(c), slices.Clone(c.Parts)
	for _, l := range c.Links {
		if !l.Aside {
			p.Conversations = append(p.Conversations, l.Record)
		}
	}
	for _, x := range c.TimelinePins {
		if x.Removed.IsZero() {
			p.Timeline = append(p.Timeline, x.Record)
		}
	}
	return p
}

func chosen[T any](list []T, id func(T) (int, bool)) (ids []int) {
	for _, x := range list {
		if id, ok := id(x); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// peopleOf names the people of a case, each once, those of ours first.
func (s *State) peopleOf(c Case) (people []string) {
	known := map[string]bool{"": true}
	meet := func(ref string, names ...string) {
		if !slices.ContainsFunc(names, func(n string) bool { return known[strings.ToLower(n)] }) {
			people = append(people, ref)
		}
		for _, n := range names {
			known[strings.ToLower(n)] = true
		}
	}
	for _, name := range c.actors() {
		if u := s.users[name]; u != nil && !known["user:"+name] {
			meet("user:"+name, "user:"+name)
			known[strings.ToLower(u.FullName)] = true
		}
	}
	for _, p := range c.Commitments {
		if who := p.outside(); who.User == "" && (who.Name != "" || who.Address != "") {
			meet("promise-"+itoa(p.ID), or(who.Name, who.Address), or(who.Address, who.Name))
		}
	}
	for _, x := range c.Citations {
		meet("cite-"+itoa(x.ID), x.Author)
	}
	return people
}

// outside is who of a promise is not one of ours.
func (c Commitment) outside() Party {
	if c.Direction == Theirs {
		return c.Debtor
	}
	return c.Creditor
}

// actors names who did something about a case, the owner first.
func (c *Case) actors() []string {
	all := []string{c.Owner, c.OpenedBy}
	for _, e := range c.Log {
		all = append(all, e.Actor)
	}
	for _, p := range c.Commitments {
		all = append(all, p.us())
	}
	for _, h := range c.Handoffs {
		all = append(all, h.From, h.To)
	}
	return all
}

// item takes a reference to something of a case apart: "fact-2".
func item(ref string) (kind string, id int) {
	kind, digits, _ := strings.Cut(ref, "-")
	id, err := strconv.Atoi(digits)
	if err != nil || itoa(id) != digits {
		return kind, 0
	}
	return kind, id
}

// has reports whether a case has what is to be read.
func (c *Case) has(ref string) bool {
	kind, id := item(ref)
	within := func(n int) bool { return id >= 1 && id <= n }
	switch kind {
	case "cite":
		return c.citation(id) != nil
	case "note":
		return within(len(c.Notes))
	case "issue":
		return within(len(c.Issues))
	case "fact":
		return within(len(c.Facts))
	case "decision":
		return within(len(c.Decisions))
	case "promise":
		return within(len(c.Commitments))
	case "date":
		return within(len(c.KeyDates)) && c.KeyDates[id-1].Removed.IsZero()
	case "question":
		return within(len(c.Questions))
	}
	return false
}

func (p Package) clone() Package {
	p.Conversations, p.Timeline = slices.Clone(p.Conversations), slices.Clone(p.Timeline)
	p.Mail, p.Pins, p.People = maps.Clone(p.Mail), slices.Clone(p.Pins), slices.Clone(p.People)
	for _, list := range []*[]int{&p.Commitments, &p.Issues, &p.Facts, &p.Decisions, &p.KeyDates, &p.Questions, &p.Citations, &p.Notes, &p.Shares, &p.Parts} {
		*list = slices.Clone(*list)
	}
	return p
}

// Gap is something that the next person would look for and not find.
type Gap struct {
	Item   string          `json:"item,omitempty"`  // "fact-2", when it is about one thing.
	Record archive.Address `json:"record,omitzero"` // When it is about a message.
	Text   string          `json:"text"`
}

// GapsOf lists what a case lacks at a time, of what decisions tell. What mail tells is for those who can read it.
func GapsOf(s *State, c Case, now time.Time) (gaps []Gap) {
	say := func(item, format string, args ...any) {
		gaps = append(gaps, Gap{Item: item, Text: fmt.Sprintf(format, args...)})
	}
	live := func(cites []int) bool {
		return slices.ContainsFunc(cites, func(id int) bool { return c.citation(id) != nil })
	}
	if c.Owner == "" {
		say("", "Nobody owns the case.")
	}
	if len(c.Citations) == 0 {
		say("", "No message is cited.")
	}
	if !s.hasContact(c, now) {
		say("", "No contact at the customer is known: no person of the account, and nobody in a promise.")
	}
	for _, i := range c.Issues {
		if i.State == IssueOpen && !slices.ContainsFunc(c.Facts, func(f Fact) bool { return f.Issue == i.ID && f.Status == FactAccepted }) {
			say("issue-"+itoa(i.ID), "No accepted fact is about the open issue “%s”.", head(i.Title))
		}
	}
	for _, f := range c.Facts {
		switch {
		case f.Status != FactAccepted && f.Status != FactProposed:
		case !live(f.Cites):
			say("fact-"+itoa(f.ID), "The fact “%s” has no source.", head(f.Text))
		case f.Status == FactProposed:
			say("fact-"+itoa(f.ID), "Nobody has accepted or rejected the fact “%s”.", head(f.Text))
		}
	}
	for _, d := range c.Decisions {
		if d.Superseded == 0 && !live(d.Cites) {
			say("decision-"+itoa(d.ID), "The decision “%s” has no source.", head(d.Text))
		}
	}
	for _, n := range c.Notes {
		if !live(n.Cites) {
			say("note-"+itoa(n.ID), "A note of %s has no source: “%s”.", s.who(n.By), head(n.Text))
		}
	}
	for _, p := range c.Commitments {
		gaps = append(gaps, gapsOfPromise(p, live, now)...)
	}
	for _, q := range c.Questions {
		if q.Answer == nil {
			say("question-"+itoa(q.ID), "%s has not answered: “%s”", s.who(q.To), head(q.Text))
		}
	}
	for _, x := range c.Citations {
		if s.removed.touches(Range{Stream: x.Record.Stream, First: x.Record.Position, Records: 1}) {
			say("cite-"+itoa(x.ID), "Message %s, which is cited, was removed.", x.Record)
		}
	}
	return gaps
}

func gapsOfPromise(p Commitment, live func([]int) bool, now time.Time) (gaps []Gap) {
	if p.End != nil {
		return nil
	}
	say := func(format string) {
		gaps = append(gaps, Gap{Item: "promise-" + itoa(p.ID), Text: fmt.Sprintf(format, head(p.What))})
	}
	if p.Due == nil {
		say("The promise “%s” has no time.")
	}
	if p.State(now) == CommitmentOverdue {
		say("The time of the promise “%s” has passed, and nobody has said how it ended.")
	}
	if n := len(p.Moves); n > 0 && !live(p.Moves[n-1].Cites) {
		say("Nothing shows that the new time of the promise “%s” was agreed.")
	}
	return gaps
}

// GapsOfMail lists what the mail of a case lacks, and what waits in it.
func GapsOfMail(mail []Mail, missing []Lost) (gaps []Gap) {
	say := func(at archive.Address, format string, args ...any) {
		gaps = append(gaps, Gap{Record: at, Text: fmt.Sprintf(format, args...)})
	}
	for _, m := range Unanswered(mail) {
		say(m.Record, "Nobody has answered “%s” of %s.", head(m.Subject), or(m.From.Name, m.From.Address))
	}
	for _, l := range missing {
		say(l.By, "A message that others answer is not in the archive: %s.", l.MessageID)
	}
	for _, m := range mail {
		if m.Unsearchable != "" {
			say(m.Record, "Not all of “%s” could be read: %s.", head(m.Subject), m.Unsearchable)
		}
		if m.Forged {
			say(m.Record, "“%s” was not sent when it says.", head(m.Subject))
		}
	}
	return gaps
}

// hasContact reports whether somebody is known at the customer whom one could ask.
func (s *State) hasContact(c Case, now time.Time) bool {
	if slices.ContainsFunc(c.Commitments, func(p Commitment) bool { return p.outside().Address != "" }) {
		return true
	}
	a := s.accountNamed(c.Account)
	return a != nil && (slices.ContainsFunc(a.Mappings, func(m Mapping) bool { return m.Person != "" && m.Holds(now) }) ||
		slices.ContainsFunc(a.Contacts, Contact.Counts))
}
