package casework

import (
	"slices"
	"strings"
	"time"

	"polytrace/archive"
)

// A case waits in its team until somebody claims it. Who has it answers, decides, gives it back, or lets it
// sleep until a time; who does none of that loses it again when the time of the team is over.

// The types of event about a case that sleeps. Until its time has come, a person of the customer writes, or
// somebody wakes it, nobody is to be bothered with it. Its clocks go on unless their policy says otherwise.
const (
	CaseSnoozed EventType = "case.snoozed"
	CaseWoken   EventType = "case.woken"
)

// The data of these events.
type (
	// CaseSnoozedData is the data of CaseSnoozed.
	CaseSnoozedData struct {
		Until time.Time `json:"until"`
	}
	// CaseWokenData is the data of CaseWoken.
	CaseWokenData struct {
		Returns time.Time `json:"returns,omitzero"` // When it goes back to the team now, as nobody loses a case in his sleep.
		ByRule
	}
)

// Rules that the appliance decides by about who has a case.
var (
	assignmentReturn = ByRule{"assignment-return", 1} // The owner has neither answered nor decided in the time of the team.
	snoozeUntil      = ByRule{"snooze-until", 1}      // Its time has come.
	snoozeMail       = ByRule{"snooze-mail", 1}       // A person of the customer wrote.
)

// Commands about who has a case. With a Revision they are refused when somebody else decided something about
// the case since.
type (
	// ClaimCase takes a case that nobody has.
	ClaimCase struct {
		Case     int
		Revision *archive.Position

		actor string // Set by the Desk.
	}
	// ReturnCase gives a case back to its team.
	ReturnCase struct {
		Case     int
		Reason   string
		Revision *archive.Position

		actor string
	}
	// SnoozeCase lets a case sleep.
	SnoozeCase struct {
		Case     int
		Until    time.Time
		Reason   string
		Revision *archive.Position
	}
	// WakeCase ends that before its time. The appliance itself says by which rule.
	WakeCase struct {
		Case   int
		Reason string
		ByRule
		Revision *archive.Position
	}
	// EndAssignment has a case go back whose owner has neither answered nor decided: see Case.Due.
	EndAssignment struct {
		Case     int
		Revision *archive.Position // That Due looked at.
	}
)

func (c ClaimCase) by(actor string) Command  { c.actor = actor; return c }
func (c ReturnCase) by(actor string) Command { c.actor = actor; return c }

// done reports whether nobody works on the case any more.
func (c *Case) done() bool { return c.Status == Resolved || c.Status == Closed }

// Check lets one of many have the case, and tells the others who that is.
func (c ClaimCase) Check(s *State, now time.Time) ([]Event, error) {
	file, err := s.findCase(c.Case)
	if err != nil {
		return nil, err
	}
	switch {
	case c.actor == file.Owner:
		return nil, checkSeen(file, c.Revision)
	case file.Owner != "":
		return nil, refuse(Conflict, "Owner", "%s has case %s since %s.", s.who(file.Owner), file.label(), file.ownedSince().UTC().Format("2 January 2006 15:04 UTC"))
	case file.Status == Closed:
		return nil, refuse(Conflict, "Case", "Case %s is closed. Reopen it first.", file.label())
	}
	for _, err := range []error{s.checkRevision(file, c.Revision), s.checkOwner(c.actor), s.checkMember(file, c.actor)} {
		if err != nil {
			return nil, err
		}
	}
	return newEvent(CaseOwned, c.Case, "", s.owned(file, c.actor, nil, ByRule{}, now))
}

// checkMember refuses somebody who is not of the team in which a case waits.
func (s *State) checkMember(file *caseFile, name string) error {
	if s.teams[file.Team].takes(name) || s.leads(name) {
		return nil
	}
	return refuse(Forbidden, "Owner", "Case %s waits in the team %s, whose members take it. A manager can give it to you, or move it.", file.label(), s.teamTitle(file.Team))
}

// Check lets the owner give a case back, and those who lead take it back; either says why.
func (c ReturnCase) Check(s *State, now time.Time) ([]Event, error) {
	file, err := s.stating(c.Case, c.Revision)
	switch {
	case err != nil:
		return nil, err
	case file.Owner == "":
		return nil, nil
	case c.actor != file.Owner && !s.leads(c.actor):
		return nil, refuse(Forbidden, "Case", "Case %s is of %s: only the owner or a manager returns it.", file.label(), s.who(file.Owner))
	case strings.TrimSpace(c.Reason) == "":
		return nil, refuse(Invalid, "Reason", "Say why the case goes back, for those who take it next.")
	}
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	return newEvent(CaseOwned, c.Case, strings.TrimSpace(c.Reason), s.owned(file, "", nil, ByRule{}, now))
}

// Check ends no assignment before its time.
func (c EndAssignment) Check(s *State, now time.Time) ([]Event, error) {
	file, err := s.stating(c.Case, c.Revision)
	if err != nil || !file.Due(now, nil) {
		return nil, err
	}
	var to *string
	if t := s.teams[file.Team]; t != nil && t.ReturnTo != "" {
		to = &t.ReturnTo
	}
	reason := "no answer and no decision of the owner by " + file.Returns.UTC().Format("2 January 2006 15:04 UTC")
	return newEvent(CaseOwned, c.Case, reason, s.owned(file, "", to, assignmentReturn, now))
}

// Check refuses a sleep without an end.
func (c SnoozeCase) Check(s *State, now time.Time) ([]Event, error) {
	file, err := s.stating(c.Case, c.Revision)
	if err != nil {
		return nil, err
	}
	for _, err := range []error{checkSnooze(c.Until, now), checkReason(c.Reason)} {
		if err != nil {
			return nil, err
		}
	}
	if file.done() {
		return nil, refuse(Conflict, "Case", "Case %s is %s: nothing of it is waited for.", file.label(), file.Status.words())
	}
	if c.Until.Equal(file.SnoozedUntil) {
		return nil, nil
	}
	return newEvent(CaseSnoozed, c.Case, c.Reason, CaseSnoozedData{c.Until.UTC()})
}

func checkSnooze(until, now time.Time) error {
	if !now.Before(until) || until.Sub(now) > maxSnooze {
		return refuse(Invalid, "Until", "Choose until when the case can wait, half a year at most.")
	}
	return nil
}

// Check does nothing with a case that is awake.
func (c WakeCase) Check(s *State, now time.Time) ([]Event, error) {
	file, err := s.stating(c.Case, c.Revision)
	if err != nil || file.SnoozedUntil.IsZero() {
		return nil, err
	}
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	data := CaseWokenData{ByRule: c.ByRule}
	if !file.Returns.IsZero() {
		data.Returns = s.returns(file.facts(), now)
	}
	return newEvent(CaseWoken, c.Case, c.Reason, data)
}

// Woken is the rule by which a case has to be woken now; false while it sleeps, or is awake.
func (c *Case) Woken(now time.Time, mail []Mail) (ByRule, bool) {
	switch {
	case c.SnoozedUntil.IsZero():
		return ByRule{}, false
	case !now.Before(c.SnoozedUntil):
		return snoozeUntil, true
	case slices.ContainsFunc(mail, func(m Mail) bool { return m.human(Inbound) && m.Received.After(c.SnoozedAt) }):
		return snoozeMail, true
	}
	return ByRule{}, false
}

// Snoozed reports whether a case sleeps at a time, with the mail that it has then.
func (c *Case) Snoozed(now time.Time, mail []Mail) bool {
	_, woken := c.Woken(now, mail)
	return !c.SnoozedUntil.IsZero() && !woken
}

// Due reports whether a case has to go back to its team: the time is over, and the owner has neither
// answered nor decided. What the customer writes meanwhile changes nothing, and no answer is a note that the
// customer never sees.
func (c *Case) Due(now time.Time, mail []Mail) bool {
	return c.Waits(mail) && !now.Before(c.Returns) && c.SnoozedUntil.IsZero()
}

// Waits reports whether a case goes back to its team at Returns, as nothing has happened yet that keeps it.
// It goes by the log, which an Overview leaves out. An assignment cannot have ended before it began: what undoing a
// change of many cases gave back with a time that is over had been kept, or is the owner's to see to.
func (c *Case) Waits(mail []Mail) bool {
	return len(c.Log) > 0 && c.Owner != "" && c.Returns.After(c.ownedSince()) && !c.done() && c.Into == 0 && !c.attended(mail)
}

// attends are the events that keep a case with an owner who makes one.
var attends = map[EventType]bool{
	CaseChanged: true, DecisionMade: true, CommitmentMade: true, CommitmentMoved: true, CommitmentEnded: true,
	HandoffOffered: true, QuestionAsked: true, CaseMerged: true, ShareCreated: true, BulkDone: true, ReviewDecided: true,
}

// attended reports whether the customer was answered since the owner has the case, by whoever of ours, or
// the owner has decided something.
func (c *Case) attended(mail []Mail) bool {
	since := c.ownedSince()
	if slices.ContainsFunc(mail, func(m Mail) bool { return m.human(Outbound) && m.When().After(since) }) {
		return true
	}
	return slices.ContainsFunc(c.Log[c.ownedFrom()+1:], func(e Entry) bool { return e.Actor == c.Owner && attends[e.Type] })
}

// ownedFrom is the index of the line of the log that made the owner the owner.
func (c *Case) ownedFrom() int {
	i := len(c.standings) - 1
	for i > 0 && c.standings[i-1].owner == c.Owner {
		i--
	}
	return int(c.standings[i].entry)
}

func (c *Case) ownedSince() time.Time { return c.Log[c.ownedFrom()].At }
