package casework

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"polytrace/archive"
)

// A case goes from one person to another by a handoff: it is offered with what the next one has to know, and
// answered. Until it is accepted the owner stays the owner. Who accepts says of each promise of ours what
// becomes of it. Nothing is moved, copied or written anew: the history of the case stays as it is.

// The types of event about handoffs.
const (
	HandoffOffered   EventType = "handoff.offered"
	HandoffAnswered  EventType = "handoff.answered" // accepted or declined
	HandoffWithdrawn EventType = "handoff.withdrawn"
	HandoffReturned  EventType = "handoff.returned" // a cover ended
	FieldsSet        EventType = "fields.set"       // what an offer has to say
)

// HandoffKind is for how long somebody takes a case over, and whether.
type HandoffKind string

// The kinds of handoff.
const (
	Permanent HandoffKind = "permanent"
	Cover     HandoffKind = "cover" // Until a time; then the case goes back by itself.
	Join      HandoffKind = "join"  // The owner stays; somebody helps.
)

// HandoffKinds are the kinds of handoff.
var HandoffKinds = []HandoffKind{Permanent, Cover, Join}

// HandoffState is how a handoff stands.
type HandoffState string

// The states of a handoff.
const (
	Offered   HandoffState = "offered"
	Covering  HandoffState = "covering" // A cover that was accepted and goes on.
	Accepted  HandoffState = "accepted"
	Declined  HandoffState = "declined"
	Withdrawn HandoffState = "withdrawn"
	Returned  HandoffState = "returned" // A cover that ended.
	Released  HandoffState = "released" // Ended with something else: somebody left, or the case has another owner.
)

// HandoffField is something that an offer has to say.
type HandoffField struct {
	Name     string `json:"name"`
	Label    string `json:"label"`
	Required bool   `json:"required"`
}

// usualFields are asked for until somebody sets others.
var usualFields = []HandoffField{{"situation", "Situation", true}, {"next-step", "Next step", true}, {"customer-expects", "Customer expects", true}}

// HandoffFields are what an offer has to say, in this order.
func (s *State) HandoffFields() []HandoffField {
	if s.fields == nil {
		return slices.Clone(usualFields)
	}
	return slices.Clone(s.fields)
}

// FilledField is what an offer says, with the label of that time.
type FilledField struct {
	Name  string `json:"name"`
	Label string `json:"label"`
	Value string `json:"value"`
}

// Handoff is an offer and what became of it.
type Handoff struct {
	ID      int            `json:"id"`
	Kind    HandoffKind    `json:"kind"`
	From    string         `json:"from"` // Owner at the offer, who stays accountable until it is accepted; "" when nobody was.
	To      string         `json:"to"`
	Until   time.Time      `json:"until,omitzero"` // Of a cover.
	Fields  []FilledField  `json:"fields"`
	Package Package        `json:"package"`
	SHA256  archive.Digest `json:"sha256"` // Of the package; see Package.Digest.
	By      string         `json:"by"`
	At      time.Time      `json:"at"`

	State      HandoffState `json:"state"`
	Takes      []Take       `json:"takes,omitempty"`
	Answered   time.Time    `json:"answered,omitzero"`
	Reason     string       `json:"reason,omitempty"` // Why it was declined, withdrawn or returned.
	Ended      time.Time    `json:"ended,omitzero"`
	EndedBy    string       `json:"ended_by,omitempty"`
	RuleOfEnd  string       `json:"rule,omitempty"` // That ended it, when nobody did.
	RulesOfEnd int          `json:"rules_version,omitempty"`
}

// Open reports whether the handoff waits for an answer, or goes on.
func (h Handoff) Open() bool { return h.State == Offered || h.State == Covering }

// owns reports whether the handoff is about who owns the case.
func (h Handoff) owns() bool { return h.Kind != Join }

// Taking is what becomes of a promise.
type Taking string

// What becomes of a promise.
const (
	TakeIt      Taking = "take"
	Renegotiate Taking = "renegotiate" // The new owner takes it and asks for another time.
	GiveBack    Taking = "return"      // Who answered for it goes on to.
)

// Take says what becomes of one promise.
type Take struct {
	Commitment int    `json:"commitment"`
	Do         Taking `json:"do"`
	Due        *When  `json:"due,omitempty"`    // Of a renegotiation.
	Cites      []int  `json:"cites,omitempty"`  // The words that agree to it, when there are some already.
	Debtor     string `json:"debtor,omitempty"` // Who answers for it from then on; set by the command.
}

// EndedHandoff is a handoff that ends with something else.
type EndedHandoff struct {
	Case  int    `json:"case"`
	ID    int    `json:"id"`
	Owner string `json:"owner,omitempty"` // Who owns the case again; "" leaves that as it is.
}

// The data of the events about handoffs.
type (
	// HandoffOfferedData is the data of HandoffOffered.
	HandoffOfferedData struct {
		ID      int            `json:"id"`
		Kind    HandoffKind    `json:"kind"`
		From    string         `json:"from,omitempty"`
		To      string         `json:"to"`
		Until   time.Time      `json:"until,omitzero"`
		Fields  []FilledField  `json:"fields"`
		Package Package        `json:"package"`
		SHA256  archive.Digest `json:"sha256"`
	}
	// HandoffAnsweredData is the data of HandoffAnswered.
	HandoffAnsweredData struct {
		ID       int    `json:"id"`
		Accepted bool   `json:"accepted"`
		Takes    []Take `json:"takes,omitempty"`   // Of each open promise of ours.
		Follows  []int  `json:"follows,omitempty"` // Promises to us that the new owner sees to now.
	}
	// HandoffWithdrawnData is the data of HandoffWithdrawn.
	HandoffWithdrawnData struct {
		ID int `json:"id"`
		ByRule
	}
	// HandoffReturnedData is the data of HandoffReturned.
	HandoffReturnedData struct {
		ID          int    `json:"id"`
		Owner       string `json:"owner"`                 // Who owns the case again.
		Commitments []int  `json:"commitments,omitempty"` // Promises that go back with it.
		ByRule
	}
	// FieldsSetData is the data of FieldsSet.
	FieldsSetData struct {
		Fields []HandoffField `json:"fields"`
	}
	// ByRule names what the appliance decided by; empty when a person decided.
	ByRule struct {
		Rule    string `json:"rule,omitempty"`
		Version int    `json:"rules_version,omitempty"`
	}
)

// coverEnds is the rule that ends covers, and offers of covers, when their time has come.
var coverEnds = ByRule{"cover-until", 1}

// Commands about handoffs. With a Revision they are refused when somebody else decided something about
// the case since.
type (
	// OfferHandoff offers a case to somebody.
	OfferHandoff struct {
		Case     int
		Kind     HandoffKind // Default permanent.
		To       string
		Until    time.Time         // Of a cover.
		Fields   map[string]string // By name; see State.HandoffFields.
		Pins     []string          // What to read first, at most five: "fact-2", "cite-1".
		Mail     Positions         // How far the mail went that the offer knows.
		Revision *archive.Position

		actor string // Set by the Desk.
	}
	// AnswerHandoff accepts an offer, or declines it with a reason.
	AnswerHandoff struct {
		Case, ID int
		Accept   bool
		Takes    []Take // Of each open promise of ours, when the case gets another owner.
		Reason   string
		Revision *archive.Position

		actor string
	}
	// WithdrawHandoff takes an offer back that was not answered.
	WithdrawHandoff struct {
		Case, ID int
		Reason   string
		Revision *archive.Position

		actor string
	}
	// ReturnHandoff ends a cover: when its time has come, or before.
	ReturnHandoff struct {
		Case, ID int
		Reason   string
		Revision *archive.Position

		actor string
	}
	// SetHandoffFields says what an offer has to say. A field without a name gets one.
	SetHandoffFields struct {
		Fields []HandoffField
		Reason string

		actor string
	}
)

func (c OfferHandoff) by(actor string) Command     { c.actor = actor; return c }
func (c AnswerHandoff) by(actor string) Command    { c.actor = actor; return c }
func (c WithdrawHandoff) by(actor string) Command  { c.actor = actor; return c }
func (c ReturnHandoff) by(actor string) Command    { c.actor = actor; return c }
func (c SetHandoffFields) by(actor string) Command { c.actor = actor; return c }

// leads reports whether somebody may decide about the cases of others.
func (s *State) leads(actor string) bool {
	lead := func(r Role) bool { return r == Manager || r == Admin }
	if name, ok := strings.CutPrefix(actor, tokenActor); ok {
		t := s.tokens[name]
		return t != nil && lead(t.Role)
	}
	return actor == System || s.users[actor].may(lead)
}

// Check refuses an offer that leaves something unsaid.
func (c OfferHandoff) Check(s *State, now time.Time) ([]Event, error) {
	file, err := s.stating(c.Case, c.Revision)
	if err != nil {
		return nil, err
	}
	kind := HandoffKind(or(string(c.Kind), string(Permanent)))
	fields, err := s.fill(c.Fields)
	for _, err := range []error{checkKind(kind), c.checkParties(s, file, kind), checkUntil(kind, c.Until, now), err, file.checkPins(c.Pins)} {
		if err != nil {
			return nil, err
		}
	}
	p := PackageOf(s, file.Case, Watermark{now, s.next, c.Mail})
	p.Pins = c.Pins
	data := HandoffOfferedData{ID: len(file.Handoffs) + 1, Kind: kind, From: file.Owner, To: c.To, Fields: fields, Package: p, SHA256: p.Digest()}
	if kind == Cover {
		data.Until = c.Until.UTC()
	}
	return newEvent(HandoffOffered, c.Case, "", data)
}

func checkKind(kind HandoffKind) error {
	if !slices.Contains(HandoffKinds, kind) {
		return refuse(Invalid, "Kind", "%q is not a kind of handoff: choose permanent, cover or join.", kind)
	}
	return nil
}

// checkParties refuses what is not the offerer's to offer, or is offered to nobody who could take it.
func (c OfferHandoff) checkParties(s *State, file *caseFile, kind HandoffKind) error {
	if c.To == "" {
		return refuse(Invalid, "To", "Say who the case is offered to.")
	}
	if err := s.checkOwner(c.To); err != nil {
		err := *err.(*Refusal)
		err.Field = "To"
		return &err
	}
	switch {
	case file.Status == Closed:
		return refuse(Conflict, "Case", "Case %s is closed. Reopen it first.", file.label())
	case c.To == file.Owner:
		return refuse(Invalid, "To", "%s owns the case already.", s.who(c.To))
	case kind == Join:
		return c.checkJoin(s, file)
	case kind == Cover && file.Owner == "":
		return refuse(Conflict, "Kind", "Nobody owns case %s, so that nobody can be covered. Hand it over for good.", file.label())
	case file.Owner != "" && c.actor != file.Owner && !s.leads(c.actor):
		return refuse(Forbidden, "Case", "Case %s is of %s: only the owner or a manager hands it over.", file.label(), s.who(file.Owner))
	}
	for _, h := range file.Handoffs {
		if h.Open() && h.owns() {
			return refuse(Conflict, "Case", "Case %s %s already. %s first.", file.label(), s.standing(h), map[HandoffState]string{Offered: "Withdraw that", Covering: "End that"}[h.State])
		}
	}
	return nil
}

// standing says of an open handoff how it stands.
func (s *State) standing(h Handoff) string {
	if h.State == Covering {
		return "is covered by " + s.who(h.To)
	}
	return "is offered to " + s.who(h.To)
}

func (c OfferHandoff) checkJoin(s *State, file *caseFile) error {
	for _, h := range file.Handoffs {
		if h.Kind == Join && h.To == c.To && (h.State == Offered || h.State == Accepted) {
			return refuse(Conflict, "To", "%s was asked to join already.", s.who(c.To))
		}
	}
	return nil
}

func checkUntil(kind HandoffKind, until, now time.Time) error {
	switch {
	case kind == Cover && until.IsZero():
		return refuse(Invalid, "Until", "Say until when the case is covered. Then it goes back by itself.")
	case kind == Cover && !until.After(now):
		return refuse(Invalid, "Until", "%s has passed. A cover ends in the future.", until.UTC().Format("2 January 2006 15:04 UTC"))
	case kind != Cover && !until.IsZero():
		return refuse(Invalid, "Until", "Only a cover ends at a time.")
	}
	return nil
}

// fill puts what was written into the fields of an offer, and refuses when one that is required says nothing.
func (s *State) fill(values map[string]string) (filled []FilledField, err error) {
	known := map[string]bool{}
	for _, f := range s.HandoffFields() {
		known[f.Name] = true
		value := written(values[f.Name])
		if value == "" && f.Required {
			return nil, refuse(Invalid, f.Name, "“%s” is empty. Say it, or write “unknown”, so that the next one knows that nobody knows.", f.Label)
		}
		if err := checkText(f.Name, f.Label, value, maxText); err != nil {
			return nil, err
		}
		if value != "" {
			filled = append(filled, FilledField{f.Name, f.Label, value})
		}
	}
	for name := range values {
		if !known[name] {
			return nil, refuse(Invalid, "Fields", "An offer has no field %q.", name)
		}
	}
	return filled, nil
}

// maxPins is how much is to be read first, at most.
const maxPins = 5

func (c *Case) checkPins(pins []string) error {
	if len(pins) > maxPins {
		return refuse(Invalid, "Pins", "%d things to read first are too many: choose at most %d.", len(pins), maxPins)
	}
	for i, pin := range pins {
		if !c.has(pin) {
			return refuse(Invalid, "Pins", "Case %s has no %q to read first.", c.label(), pin)
		}
		if slices.Contains(pins[:i], pin) {
			return refuse(Invalid, "Pins", "%q is to be read first twice.", pin)
		}
	}
	return nil
}

// offered is a handoff of a case that waits for an answer.
func (s *State) offered(number, id int, seen *archive.Position) (*caseFile, *Handoff, error) {
	file, err := s.stating(number, seen)
	if err != nil {
		return nil, nil, err
	}
	h, err := find(file.Handoffs, id, file, "handoff")
	if err == nil && h.State != Offered {
		err = refuse(Conflict, "ID", "Handoff %d of case %s is not open any more: it was %s.", id, file.label(), became[h.State])
	}
	return file, h, err
}

// became words the states that an offer has come to.
var became = map[HandoffState]string{Covering: "accepted", Accepted: "accepted", Declined: "declined", Withdrawn: "withdrawn", Returned: "accepted and has ended", Released: "ended by another change"}

// Check refuses an acceptance that leaves a promise of ours unanswered.
func (c AnswerHandoff) Check(s *State, now time.Time) ([]Event, error) {
	file, h, err := s.offered(c.Case, c.ID, c.Revision)
	if err != nil {
		return nil, err
	}
	data := HandoffAnsweredData{ID: c.ID, Accepted: c.Accept}
	switch {
	case c.actor != h.To:
		return nil, refuse(Forbidden, "ID", "The case is offered to %s, who alone can answer.", s.who(h.To))
	case !c.Accept && strings.TrimSpace(c.Reason) == "":
		return nil, refuse(Invalid, "Reason", "Say why you decline, so that %s can find somebody else.", s.who(or(h.From, h.By)))
	case c.Accept && h.owns() && file.Owner != h.From:
		return nil, refuse(Conflict, "ID", "%s does not own the case any more.", s.who(h.From))
	case c.Accept && h.Kind == Cover && !now.Before(h.Until):
		return nil, refuse(Conflict, "ID", "The cover was to end on %s.", h.Until.UTC().Format("2 January 2006 15:04 UTC"))
	case c.Accept && h.owns():
		data.Takes, err = c.takes(s, file, h)
		data.Follows = file.seenTo(Theirs, h.From)
	case len(c.Takes) > 0:
		err = refuse(Invalid, "Takes", "Promises are answered only when a case gets another owner.")
	}
	if err == nil {
		err = checkReason(c.Reason)
	}
	if err != nil {
		return nil, err
	}
	return newEvent(HandoffAnswered, c.Case, strings.TrimSpace(c.Reason), data)
}

// seenTo lists the open promises of one side that somebody of ours is named in.
func (c *Case) seenTo(d Direction, who string) (ids []int) {
	for _, p := range c.Commitments {
		if p.End == nil && p.Direction == d && who != "" && p.us() == who {
			ids = append(ids, p.ID)
		}
	}
	return ids
}

// us is who of ours is named in a promise.
func (c Commitment) us() string {
	if c.Direction == Theirs {
		return c.Creditor.User
	}
	return c.Debtor.User
}

// OpenOf lists the promises of ours that have not ended: what an acceptance has to answer.
func OpenOf(c Case) (open []Commitment) {
	for _, p := range c.Commitments {
		if p.End == nil && p.Direction == Ours {
			open = append(open, p)
		}
	}
	return open
}

// Answering is who has to see to a promise of a case now: who made it if they can still work, else the owner.
func (s *State) Answering(number, id int) string {
	c := s.file(number)
	if c == nil || id < 1 || id > len(c.Commitments) {
		return ""
	}
	return s.actor(s.answers(c, c.Commitments[id-1]))
}

// takes checks what becomes of each open promise of ours.
func (c AnswerHandoff) takes(s *State, file *caseFile, h *Handoff) (takes []Take, err error) {
	for _, p := range OpenOf(file.Case) {
		i := slices.IndexFunc(c.Takes, func(t Take) bool { return t.Commitment == p.ID })
		if i < 0 {
			return nil, refuse(Invalid, "Takes", "Say what becomes of the promise “%s”: you take it, renegotiate it, or return it.", head(p.What))
		}
		t := c.Takes[i]
		if t.Debtor, err = t.check(s, file, p, h); err != nil {
			return nil, err
		}
		takes = append(takes, t)
	}
	for i, t := range c.Takes {
		switch {
		case slices.ContainsFunc(c.Takes[:i], func(x Take) bool { return x.Commitment == t.Commitment }):
			return nil, refuse(Invalid, "Takes", "Promise %d is answered twice.", t.Commitment)
		case !slices.ContainsFunc(takes, func(x Take) bool { return x.Commitment == t.Commitment }):
			return nil, refuse(Invalid, "Takes", "Case %s has no open promise %d of ours.", file.label(), t.Commitment)
		}
	}
	return takes, nil
}

// check returns who answers for a promise from then on.
func (t Take) check(s *State, file *caseFile, p Commitment, h *Handoff) (debtor string, err error) {
	switch before := s.answers(file, p); {
	case t.Do != Renegotiate && (t.Due != nil || len(t.Cites) > 0):
		return "", refuse(Invalid, "Takes", "Only a promise that is renegotiated gets another time: “%s”.", head(p.What))
	case t.Do == TakeIt:
		return h.To, nil
	case t.Do == Renegotiate && (t.Due == nil || sameWhen(t.Due, p.Due)):
		return "", refuse(Invalid, "Takes", "Say until when you want to renegotiate the promise “%s”.", head(p.What))
	case t.Do == Renegotiate:
		if err = t.Due.check("Takes"); err == nil {
			err = file.checkCitations("Takes", t.Cites)
		}
		return h.To, err
	case t.Do == GiveBack && (before == "" || before == h.To):
		return "", refuse(Conflict, "Takes", "There is nobody to return the promise “%s” to.", head(p.What))
	case t.Do == GiveBack:
		return before, nil
	}
	return "", refuse(Invalid, "Takes", "%q is not what becomes of a promise: choose take, renegotiate or return.", t.Do)
}

// Check lets who offered it, the owner or a manager take an offer back.
func (c WithdrawHandoff) Check(s *State, now time.Time) ([]Event, error) {
	file, h, err := s.offered(c.Case, c.ID, c.Revision)
	if err != nil {
		return nil, err
	}
	data := HandoffWithdrawnData{ID: c.ID}
	if c.actor == System && h.Kind == Cover && !now.Before(h.Until) {
		data.ByRule = coverEnds
	} else if err := s.checkEnding(c.actor, c.Reason, file, h.By, h.From); err != nil {
		return nil, err
	}
	return newEvent(HandoffWithdrawn, c.Case, strings.TrimSpace(c.Reason), data)
}

// checkEnding lets those whom a handoff concerns end it, and others who lead when they say why.
func (s *State) checkEnding(actor, reason string, file *caseFile, whom ...string) error {
	switch {
	case slices.Contains(whom, actor):
	case !s.leads(actor):
		return refuse(Forbidden, "ID", "Only %s or a manager ends this handoff of case %s.", s.who(whom[0]), file.label())
	case strings.TrimSpace(reason) == "":
		return refuse(Invalid, "Reason", "Say why.")
	}
	return checkReason(reason)
}

// Check gives the case back to who was covered.
func (c ReturnHandoff) Check(s *State, now time.Time) ([]Event, error) {
	file, err := s.stating(c.Case, c.Revision)
	if err != nil {
		return nil, err
	}
	h, err := find(file.Handoffs, c.ID, file, "handoff")
	if err != nil {
		return nil, err
	}
	if h.State != Covering {
		return nil, refuse(Conflict, "ID", "Handoff %d of case %s is no cover that goes on.", c.ID, file.label())
	}
	data := HandoffReturnedData{ID: c.ID, Owner: h.From, Commitments: slices.Concat(file.seenTo(Ours, h.To), file.seenTo(Theirs, h.To))}
	slices.Sort(data.Commitments)
	if c.actor == System && !now.Before(h.Until) {
		data.ByRule = coverEnds
	} else if err := s.checkEnding(c.actor, c.Reason, file, h.To, h.From); err != nil {
		return nil, err
	}
	return newEvent(HandoffReturned, c.Case, strings.TrimSpace(c.Reason), data)
}

// maxFields is how many fields an offer has, at most.
const maxFields = 12

// Check lets those who lead say what an offer has to say.
func (c SetHandoffFields) Check(s *State, _ time.Time) ([]Event, error) {
	if !s.leads(c.actor) {
		return nil, refuse(Forbidden, "Fields", "Only a manager or an administrator says what a handoff has to say.")
	}
	if len(c.Fields) == 0 || len(c.Fields) > maxFields {
		return nil, refuse(Invalid, "Fields", "A handoff has 1 to %d fields.", maxFields)
	}
	var fields []HandoffField
	for _, f := range c.Fields {
		f.Label = strings.TrimSpace(f.Label)
		f.Name = or(f.Name, nameOf(f.Label, len(fields)+1))
		if f.Label == "" {
			return nil, refuse(Invalid, "Fields", "A field needs a label.")
		}
		for _, err := range []error{checkLine("Fields", "label", f.Label, maxTitle), checkName("Fields", "field", f.Name)} {
			if err != nil {
				return nil, err
			}
		}
		if slices.ContainsFunc(fields, func(x HandoffField) bool { return x.Name == f.Name }) {
			return nil, refuse(Invalid, "Fields", "Two fields have the name %q.", f.Name)
		}
		fields = append(fields, f)
	}
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	if slices.Equal(fields, s.HandoffFields()) {
		return nil, nil
	}
	return newEvent(FieldsSet, 0, c.Reason, FieldsSetData{fields})
}

// nameOf makes a name of a label; of one without letters that a name can have, its number.
func nameOf(label string, n int) string {
	words := strings.FieldsFunc(strings.ToLower(label), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	name := strings.Join(words, "-")
	if name == "" {
		return fmt.Sprint("field-", n)
	}
	return strings.TrimRight(name[:min(len(name), 64)], "-")
}

// handing lists the open handoffs about who owns a case.
func (c *caseFile) handing() (ids []int) {
	for _, h := range c.Handoffs {
		if h.Open() && h.owns() {
			ids = append(ids, h.ID)
		}
	}
	return ids
}

// leaving lists the open handoffs of somebody who can work no more, and the cases of theirs that lose their
// owner. One that they cover goes back to its owner.
func (s *State) leaving(name string) (released []int, ended []EndedHandoff) {
	released = s.ownedBy(name)
	for _, c := range s.cases {
		for _, h := range c.Handoffs {
			if !h.Open() || h.To != name && (h.From != name || !h.owns()) {
				continue
			}
			x := EndedHandoff{Case: c.Number, ID: h.ID}
			if h.State == Covering && h.To == name {
				x.Owner = h.From
				released = slices.DeleteFunc(released, func(n int) bool { return n == c.Number })
			}
			ended = append(ended, x)
		}
	}
	return released, ended
}

// HandedOver is a handoff with the case that it is of.
type HandedOver struct {
	Handoff
	Case    int    `json:"case"`
	Title   string `json:"title"`   // Of the case.
	Account string `json:"account"` // Of the case.
}

// Handoffs lists the handoffs that wait for an answer or go on, in order of their cases.
func (s *State) Handoffs() (open []HandedOver) {
	for _, c := range s.cases {
		for _, h := range c.Handoffs {
			if h.Open() {
				open = append(open, HandedOver{h.clone(), c.Number, c.Title, c.Account})
			}
		}
	}
	return open
}

// Participants lists who joined a case and can still work, in order of joining.
func (s *State) Participants(number int) (names []string) {
	c := s.file(number)
	if c == nil {
		return nil
	}
	for _, h := range c.Handoffs {
		if h.Kind == Join && h.State == Accepted && s.users[h.To].may(Role.Works) {
			names = append(names, h.To)
		}
	}
	return names
}

func (h Handoff) clone() Handoff {
	h.Fields, h.Takes, h.Package = copied(h.Fields), slices.Clone(h.Takes), h.Package.clone()
	for i := range h.Takes {
		h.Takes[i].Due, h.Takes[i].Cites = h.Takes[i].Due.clone(), slices.Clone(h.Takes[i].Cites)
	}
	return h
}
