package casework

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The say functions word what an event did, in the names that people had at
// that time. They are called before the event changes the case.

// who names an actor at the beginning of a sentence.
func (s *State) who(actor string) string {
	if u := s.users[actor]; u != nil && u.FullName != "" {
		return u.FullName
	}
	if token, ok := strings.CutPrefix(actor, "token:"); ok {
		return "The program " + token
	}
	switch actor {
	case Guest:
		return "A guest"
	case System:
		return "Polytrace"
	}
	return actor
}

// sentence begins text with a capital and adds the reason.
func sentence(text, reason string) string {
	if text != "" && text[0] >= 'a' && text[0] <= 'z' {
		text = string(text[0]-'a'+'A') + text[1:]
	}
	if reason != "" {
		text += " (reason: " + reason + ")"
	}
	return text
}

func (s *State) sayOpened(d decision, data CaseOpenedData) Entry {
	text := s.who(d.Actor) + " opened the case"
	if from := s.file(data.SplitFrom); from != nil {
		text = s.who(d.Actor) + " split the case off from " + from.label()
	}
	switch data.Owner {
	case "":
	case d.Actor:
		text += " and took it"
	default:
		text += " for " + s.who(data.Owner)
	}
	if data.Routed != nil {
		text += s.byRule(data.Routed)
	}
	text += s.waits(data.Team)
	if e := data.Effects; e != nil {
		for _, did := range e.words() {
			text += "; " + did
		}
	}
	return Entry{Text: sentence(text+until(data.Returns), d.Reason)}
}

func (s *State) sayChanged(c *caseFile, d decision, data CaseChangedData) Entry {
	did := s.changes(c, data)
	if did == nil {
		did = []string{"changed nothing"}
	}
	return Entry{Text: sentence(s.who(d.Actor)+" "+enumerate(did), d.Reason)}
}

// changes words what changes of a case.
func (s *State) changes(c *caseFile, data CaseChangedData) (did []string) {
	say := func(format string, args ...any) { did = append(did, fmt.Sprintf(format, args...)) }
	if data.Title != nil {
		say("renamed the case from “%s” to “%s”", c.Title, *data.Title)
	}
	if data.Account != nil {
		say("set the account to %s", or(*data.Account, "none"))
	}
	if data.Status != nil {
		say("%s", statusVerb(c.Status, *data.Status))
	}
	if data.Severity != nil {
		say("changed the severity from S%d to S%d", c.Severity, *data.Severity)
	}
	if data.Team != nil {
		say("%s", s.moved(*data.Team))
	}
	if data.Tags != nil {
		did = append(did, retagged(c.Tags, *data.Tags)...)
	}
	if data.Muted != nil {
		say("%s", map[bool]string{true: "muted the case", false: "ended the muting of the case"}[*data.Muted])
	}
	if data.Released {
		say("left it without an owner because %s cannot work on cases any more", s.who(c.Owner))
	}
	return did
}

// statusVerb words a change of status: people close and reopen cases rather
// than change a field.
func statusVerb(from, to Status) string {
	switch {
	case to == Closed:
		return "closed the case"
	case to == Resolved:
		return "marked the case as resolved"
	case from == Closed || from == Resolved:
		return "reopened the case as " + to.words()
	}
	return "changed the status from " + from.words() + " to " + to.words()
}

// words is the status as it stands in a sentence.
func (s Status) words() string { return strings.ReplaceAll(string(s), "-", " ") }

// waits says in which team a case is.
func (s *State) waits(team string) string {
	if team == "" {
		return ""
	}
	return ", in the team " + s.teamTitle(team)
}

// moved words that a case goes to a team.
func (s *State) moved(team string) string {
	if team == "" {
		return "took the case out of its team"
	}
	return "moved the case to the team " + s.teamTitle(team)
}

// until says when a case goes back to its team.
func until(returns time.Time) string {
	if returns.IsZero() {
		return ""
	}
	return "; it goes back unless it is answered by " + returns.UTC().Format("2 January 2006 15:04 UTC")
}

// retagged words which tags a case gained and lost.
func retagged(from, to []string) (did []string) {
	for _, x := range []struct {
		verb         string
		these, those []string
	}{{"tagged it ", to, from}, {"took away the tag ", from, to}} {
		for _, tag := range x.these {
			if !slices.Contains(x.those, tag) {
				did = append(did, x.verb+"“"+tag+"”")
			}
		}
	}
	return did
}

func (s *State) sayOwned(c *caseFile, d decision, data CaseOwnedData) Entry {
	text := s.who(d.Actor)
	to := c.Team
	assign(&to, data.Team)
	team := ""
	if to != c.Team || data.Owner == "" {
		team = s.waits(to)
	}
	switch {
	case data.Owner == c.Owner:
		return Entry{Text: sentence(text+" "+s.moved(to)+data.words(), d.Reason)}
	case data.Owner == "" && c.Owner == d.Actor:
		text += " gave the case back; it has no owner now"
	case data.Owner == "":
		text += " took the case from " + or(s.who(c.Owner), "nobody") + "; it has no owner now"
	case data.Owner == d.Actor && c.Owner == "":
		text += " took the case"
	case data.Owner == d.Actor:
		text += " took the case over from " + s.who(c.Owner)
	case c.Owner == "":
		text += " gave the case to " + s.who(data.Owner)
	case c.Owner == d.Actor:
		text += " handed the case over to " + s.who(data.Owner)
	default:
		text += " handed the case over from " + s.who(c.Owner) + " to " + s.who(data.Owner)
	}
	return Entry{Text: sentence(text+team+until(data.Returns)+data.words(), d.Reason)}
}

func (s *State) sayNoted(d decision, data NoteAddedData) Entry {
	text := s.who(d.Actor) + " added a note"
	if len(data.Cites) == 0 {
		text += " without a source"
	}
	return Entry{Note: data.ID, Text: sentence(text, d.Reason)}
}

func (s *State) sayCited(d decision, data CitationData) Entry {
	return Entry{Citation: data.ID, Text: sentence(s.who(d.Actor)+" cited "+source(data.Author, data.Quote, data.Record.String()), d.Reason)}
}

func (s *State) sayWithdrawn(d decision, c Citation) Entry {
	return Entry{Citation: c.ID, Text: sentence(s.who(d.Actor)+" withdrew the citation of "+source(c.Author, c.Quote, c.Record.String()), d.Reason)}
}

// source names what is cited: somebody's words or a whole message.
func source(author, quote, record string) string {
	switch {
	case author == "":
		return record
	case quote == "":
		return "a message of " + author
	}
	return author + "'s words"
}

func (s *State) sayShared(d decision, data ShareData) Entry {
	text := fmt.Sprintf("%s shared %s by a link that ends on %s",
		s.who(d.Actor), count(len(data.Citations)+len(data.Notes), "item"), data.Expires.UTC().Format("2 January 2006"))
	return Entry{Share: data.ID, Text: sentence(text, d.Reason)}
}

func (s *State) sayRevoked(d decision, share Share) Entry {
	return Entry{Share: share.ID, Text: sentence(s.who(d.Actor)+" revoked "+share.label(), d.Reason)}
}

func (s *State) sayVisited(d decision, share Share, data ShareOpenedData) Entry {
	return Entry{Share: share.ID, Text: s.who(d.Actor) + " opened " + share.label() + " from " + or(data.IP, "an unknown address")}
}

// label names a share inside its case.
func (s Share) label() string {
	if s.Title == "" {
		return fmt.Sprintf("share link %d", s.ID)
	}
	return fmt.Sprintf("share link %d, “%s”", s.ID, s.Title)
}

func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// enumerate joins as in "a, b and c".
func enumerate(items []string) string {
	last := len(items) - 1
	if last < 1 {
		return strings.Join(items, "")
	}
	return strings.Join(items[:last], ", ") + " and " + items[last]
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
