package casework

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"polytrace/archive"
)

// The types of event about which mail is of a case. A merge is a relation: both cases stay what they are, and
// whoever looks at one that others were merged into sees the mail of all.
const (
	CaseLinked   EventType = "case.linked"   // the conversation of a message is of the case
	CaseUnlinked EventType = "case.unlinked" // it is not, though it was linked or some of it is cited
	CaseMerged   EventType = "case.merged"   // the case is part of another one
	CaseUnmerged EventType = "case.unmerged" // takes that back
)

// The data of these events; CaseUnmerged has none.
type (
	// CaseLinkedData is the data of CaseLinked and CaseUnlinked.
	CaseLinkedData struct{ Named }
	// CaseMergedData is the data of CaseMerged.
	CaseMergedData struct {
		Into int `json:"into"`
	}
)

// Link says of the conversation of a message whether it is of a case. The message stands for whatever its
// conversation is when somebody looks, so that a corrected conversation corrects the case.
type Link struct {
	Named
	Aside bool      `json:"aside,omitempty"` // It is not: what would be said by others of its messages does not count.
	By    string    `json:"by"`
	At    time.Time `json:"at"`
}

// Commands about the mail of cases.
type (
	// LinkConversation brings the conversation of a message into a case. The caller has verified that the record
	// has that SHA-256.
	LinkConversation struct {
		Case     int
		Message  Named
		Reason   string
		Revision *archive.Position
	}
	// UnlinkConversation puts the conversation of a message aside. Messages of it that the case cites stay evidence.
	UnlinkConversation LinkConversation
	// MergeCase makes a case part of another one.
	MergeCase struct {
		Case, Into int
		Reason     string
		Revision   *archive.Position
	}
	// UnmergeCase takes a merge back.
	UnmergeCase struct {
		Case     int
		Reason   string
		Revision *archive.Position
	}
	// SplitCase opens a case with the next number for some conversations of another one. To merge it into that
	// takes it back.
	SplitCase struct {
		Case          int
		Title, Reason string
		Messages      []Named // One of each conversation.
		Number        *int    // *Number receives the number when not nil. It counts when Do succeeds.
		Revision      *archive.Position
	}
)

// Check refuses what is there already.
func (c LinkConversation) Check(s *State, _ time.Time) ([]Event, error) {
	file, err := s.checkLinking(c)
	if err != nil {
		return nil, err
	}
	if l := file.link(c.Message.Record); l != nil && !l.Aside {
		return nil, nil
	}
	return newEvent(CaseLinked, c.Case, c.Reason, CaseLinkedData{c.Message})
}

// Check refuses to put aside what was never brought in.
func (c UnlinkConversation) Check(s *State, _ time.Time) ([]Event, error) {
	file, err := s.checkLinking(LinkConversation(c))
	if err != nil {
		return nil, err
	}
	if l := file.link(c.Message.Record); l != nil && l.Aside {
		return nil, nil
	}
	return newEvent(CaseUnlinked, c.Case, c.Reason, CaseLinkedData{c.Message})
}

func (s *State) checkLinking(c LinkConversation) (*caseFile, error) {
	file, err := s.findCase(c.Case)
	if err != nil {
		return nil, err
	}
	for _, err := range []error{checkNamed(c.Message), checkReason(c.Reason), s.checkRevision(file, c.Revision)} {
		if err != nil {
			return nil, err
		}
	}
	return file, nil
}

func checkNamed(n Named) error {
	switch {
	case n.SHA256.IsZero():
		return refuse(Invalid, "SHA256", "The SHA-256 of the message is missing.")
	case !mailStream(n.Record.Stream):
		return refuse(Invalid, "Record", "Only messages are of a case; %q is not a stream of messages.", n.Record.Stream)
	}
	return nil
}

// maxMessages is how many conversations a case begins with at most.
const maxMessages = 100

func checkMessages(all []Named) error {
	if len(all) > maxMessages {
		return refuse(Invalid, "Messages", "At most %d conversations can be named at once.", maxMessages)
	}
	for _, m := range all {
		if err := checkNamed(m); err != nil {
			return err
		}
	}
	return nil
}

// Check refuses a merge in a circle, and one with a case that is part of another one itself.
func (c MergeCase) Check(s *State, _ time.Time) ([]Event, error) {
	file, err := s.findCase(c.Case)
	if err != nil {
		return nil, err
	}
	into := s.file(c.Into)
	switch {
	case into == nil:
		return nil, refuse(Invalid, "Into", "There is no case C-%d to merge it with.", c.Into)
	case c.Into == c.Case:
		return nil, refuse(Invalid, "Into", "A case cannot be merged with itself.")
	case file.Into == c.Into:
		return nil, nil
	case file.Into != 0:
		return nil, refuse(Conflict, "Case", "Case %s is part of C-%d already. Take that back first.", file.label(), file.Into)
	case into.Into != 0:
		return nil, refuse(Conflict, "Into", "Case %s is part of C-%d. Merge with that one.", into.label(), s.root(into).Number)
	}
	for _, err := range []error{checkReason(c.Reason), s.checkRevision(file, c.Revision)} {
		if err != nil {
			return nil, err
		}
	}
	return newEvent(CaseMerged, c.Case, c.Reason, CaseMergedData{c.Into})
}

// Check refuses to take back what is not so.
func (c UnmergeCase) Check(s *State, _ time.Time) ([]Event, error) {
	file, err := s.findCase(c.Case)
	if err != nil {
		return nil, err
	}
	if file.Into == 0 {
		return nil, refuse(Conflict, "Case", "Case %s is not part of another one.", file.label())
	}
	for _, err := range []error{checkReason(c.Reason), s.checkRevision(file, c.Revision)} {
		if err != nil {
			return nil, err
		}
	}
	return newEvent(CaseUnmerged, c.Case, c.Reason, struct{}{})
}

// Check gives the case the next number; it is of the same account, and has the owner and severity of the one it is
// split off from.
func (c SplitCase) Check(s *State, _ time.Time) ([]Event, error) {
	file, err := s.findCase(c.Case)
	if err != nil {
		return nil, err
	}
	title, number := strings.TrimSpace(c.Title), FirstCase+len(s.cases)
	if len(c.Messages) == 0 {
		return nil, refuse(Invalid, "Messages", "Choose the conversations that are to be a case of their own.")
	}
	for _, err := range []error{checkTitle(title), checkMessages(c.Messages), checkReason(c.Reason), s.checkRevision(file, c.Revision)} {
		if err != nil {
			return nil, err
		}
	}
	data := CaseOpenedData{Title: title, Account: file.Account, Severity: file.Severity, SplitFrom: c.Case, Links: c.Messages, Kind: file.Kind}
	if s.teams[file.Team] != nil {
		data.Team = file.Team
	}
	if s.users[file.Owner].may(Role.Works) {
		data.Owner = file.Owner
	}
	if c.Number != nil {
		*c.Number = number
	}
	return newEvent(CaseOpened, number, c.Reason, data)
}

// conversationFolds are the folds of events about which mail is of a case.
var conversationFolds = map[EventType]caseFold{
	CaseLinked:   onCase((*State).caseLinked),
	CaseUnlinked: onCase((*State).caseUnlinked),
	CaseMerged:   onCase((*State).caseMerged),
	CaseUnmerged: onCase((*State).caseUnmerged),
}

func (s *State) caseLinked(c *caseFile, d decision, data CaseLinkedData) (Entry, error) {
	s.setLink(c, Link{data.Named, false, s.actor(d.Actor), d.At})
	return Entry{Text: sentence(s.who(d.Actor)+" brought the conversation of "+data.Record.String()+" into the case", d.Reason)}, nil
}

func (s *State) caseUnlinked(c *caseFile, d decision, data CaseLinkedData) (Entry, error) {
	s.setLink(c, Link{data.Named, true, s.actor(d.Actor), d.At})
	return Entry{Text: sentence(s.who(d.Actor)+" put the conversation of "+data.Record.String()+" aside", d.Reason)}, nil
}

func (s *State) caseMerged(c *caseFile, d decision, data CaseMergedData) (Entry, error) {
	into := s.file(data.Into)
	if into == nil || c.Into != 0 || s.root(into) == c {
		return Entry{}, fmt.Errorf("case %d cannot be made part of case %d", c.Number, data.Into)
	}
	c.Into = data.Into
	into.Parts = append(into.Parts, c.Number)
	s.record(into, d, Entry{Text: sentence(s.who(d.Actor)+" merged "+c.label()+", “"+c.Title+"”, into this case", d.Reason)})
	return Entry{Text: sentence(s.who(d.Actor)+" made the case part of "+into.label()+", “"+into.Title+"”", d.Reason)}, nil
}

func (s *State) caseUnmerged(c *caseFile, d decision, _ struct{}) (Entry, error) {
	into := s.file(c.Into)
	if into == nil {
		return Entry{}, fmt.Errorf("case %d is part of no other", c.Number)
	}
	c.Into = 0
	into.Parts = slices.DeleteFunc(slices.Clone(into.Parts), func(n int) bool { return n == c.Number })
	s.record(into, d, Entry{Text: sentence(s.who(d.Actor)+" took "+c.label()+" out of this case again", d.Reason)})
	return Entry{Text: sentence(s.who(d.Actor)+" took the case out of "+into.label()+" again", d.Reason)}, nil
}

// splitOff has the new case have the conversations, and the one before not.
func (s *State) splitOff(c *caseFile, d decision, data CaseOpenedData) {
	by := s.actor(d.Actor)
	for _, m := range data.Links {
		s.setLink(c, Link{m, false, by, d.At})
	}
	from := s.file(data.SplitFrom)
	if from == nil {
		return
	}
	for _, m := range data.Links {
		s.setLink(from, Link{m, true, by, d.At})
	}
	s.record(from, d, Entry{Text: sentence(s.who(d.Actor)+" made "+count(len(data.Links), "conversation")+" a case of their own, "+c.label()+", “"+c.Title+"”", d.Reason)})
}

// link is what was said last about the conversation of a record, or nil.
func (c *Case) link(at archive.Address) *Link {
	i := slices.IndexFunc(c.Links, func(l Link) bool { return l.Record == at })
	if i < 0 {
		return nil
	}
	return &c.Links[i]
}

// setLink keeps what was said last about a record behind all others.
func (s *State) setLink(c *caseFile, l Link) {
	if !slices.Contains(s.linking[l.Record], c.Number) {
		s.linking[l.Record] = append(s.linking[l.Record], c.Number)
	}
	c.Links = append(slices.DeleteFunc(slices.Clone(c.Links), func(had Link) bool { return had.Record == l.Record }), l)
}

// root is the case that one is part of in the end; itself as a rule.
func (s *State) root(c *caseFile) *caseFile {
	for c.Into != 0 {
		c = s.file(c.Into)
	}
	return c
}

// Family returns a case and those that were merged into it, also into those, by number behind it.
func (s *State) Family(number int) []Case {
	file := s.file(number)
	if file == nil {
		return nil
	}
	all := []int{number}
	for i := 0; i < len(all); i++ {
		all = append(all, s.file(all[i]).Parts...)
	}
	slices.Sort(all[1:])
	list := make([]Case, len(all))
	for i, n := range all {
		list[i] = s.file(n).clone()
	}
	return list
}
