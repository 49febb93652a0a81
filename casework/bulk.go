package casework

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"polytrace/archive"
)

// Many cases are changed by one event, so that a crash leaves all of them changed or none. It says how each
// was before, so that one more event can take it back.

// The types of event about many cases.
const (
	BulkDone   EventType = "bulk.done"
	BulkUndone EventType = "bulk.undone"
)

// The data of these events.
type (
	// BulkDoneData is the data of BulkDone. IDs are dense and start at 1.
	BulkDoneData struct {
		ID      int          `json:"id"`
		Changes []BulkChange `json:"changes"`
	}
	// BulkUndoneData is the data of BulkUndone: of the cases that go back to what they were before a bulk. In Changes,
	// After is that.
	BulkUndoneData struct {
		ID      int          `json:"id"` // Of the bulk.
		Changes []BulkChange `json:"changes"`
	}
	// BulkChange is what changes of one case.
	BulkChange struct {
		Case   int        `json:"case"`
		Before BulkFields `json:"before"`
		After  BulkFields `json:"after"`
	}
	// BulkFields are what a bulk can change; what is absent stays.
	BulkFields struct {
		Owner    *string    `json:"owner,omitempty"`
		Returns  *time.Time `json:"returns,omitempty"`
		Team     *string    `json:"team,omitempty"`
		Tags     *[]string  `json:"tags,omitempty"`
		Severity *int       `json:"severity,omitempty"`
		Status   *Status    `json:"status,omitempty"`
		Muted    *bool      `json:"muted,omitempty"`
		Snooze   *Sleep     `json:"snooze,omitempty"`
	}
	// Sleep is until when a case sleeps; the zero value is awake.
	Sleep struct {
		Until time.Time `json:"until,omitzero"`
		At    time.Time `json:"at,omitzero"`
		By    string    `json:"by,omitempty"`
	}
)

// Bulk is a change of many cases that can still be undone, or was.
type Bulk struct {
	ID       int              `json:"id"`
	Position archive.Position `json:"position"` // Of its event.
	By       string           `json:"by"`
	At       time.Time        `json:"at"`
	Reason   string           `json:"reason,omitempty"`
	Changes  []BulkChange     `json:"changes"`
	Undone   time.Time        `json:"undone,omitzero"`
	UndoneBy string           `json:"undone_by,omitempty"`
}

// Limits of bulks.
const (
	maxBulk = 500            // cases
	undoFor = 24 * time.Hour // in which a bulk can be undone
)

// Bulks lists the bulks of the last day before the newest one, the newest first.
func (s *State) Bulks() []Bulk {
	list := []Bulk{}
	for _, b := range slices.Backward(s.bulks) {
		list = append(list, b.clone())
	}
	return list
}

// Bulk returns one of them.
func (s *State) Bulk(id int) (Bulk, bool) {
	b := s.bulk(id)
	if b == nil {
		return Bulk{}, false
	}
	return b.clone(), true
}

func (s *State) bulk(id int) *Bulk {
	i := slices.IndexFunc(s.bulks, func(b Bulk) bool { return b.ID == id })
	if i < 0 {
		return nil
	}
	return &s.bulks[i]
}

// Undoable reports whether the bulk can be undone at a time.
func (b Bulk) Undoable(now time.Time) bool { return b.Undone.IsZero() && now.Sub(b.At) < undoFor }

func (b Bulk) clone() Bulk {
	b.Changes = copied(b.Changes)
	for i := range b.Changes {
		b.Changes[i].Before, b.Changes[i].After = b.Changes[i].Before.clone(), b.Changes[i].After.clone()
	}
	return b
}

func (f BulkFields) clone() BulkFields {
	f.Owner, f.Returns, f.Team, f.Tags = clonePointer(f.Owner), clonePointer(f.Returns), clonePointer(f.Team), clonePointer(f.Tags)
	f.Severity, f.Status, f.Muted, f.Snooze = clonePointer(f.Severity), clonePointer(f.Status), clonePointer(f.Muted), clonePointer(f.Snooze)
	if f.Tags != nil {
		*f.Tags = copied(*f.Tags)
	}
	return f
}

// Commands about many cases.
type (
	// ChangeCases changes many cases at once. Those that cannot be changed stay as they are: see Plan.
	ChangeCases struct {
		Cases  []BulkCase
		Action BulkAction
		Reason string
		ID     *int // *ID receives the ID of the bulk when not nil. It counts when Do succeeds.

		actor string // Set by the Desk.
	}
	// UndoBulk takes a bulk back, of the cases of which nothing else was decided since.
	UndoBulk struct {
		ID     int
		Reason string

		actor string
	}
	// BulkCase names a case as somebody saw it.
	BulkCase struct {
		Case     int
		Revision *archive.Position // Nil: whatever it is.
	}
	// BulkAction is what is done with each case; what is nil stays.
	BulkAction struct {
		Owner      *string // "" takes the owner away.
		Team       *string
		Tag, Untag []string
		Severity   *int
		Status     *Status
		Muted      *bool
		Snooze     *time.Time // Until when; the zero time wakes.
	}
)

func (c ChangeCases) by(actor string) Command { c.actor = actor; return c }
func (c UndoBulk) by(actor string) Command    { c.actor = actor; return c }

// BulkPlan is what a bulk would do.
type BulkPlan struct {
	Changes []BulkChange  `json:"changes"`
	Refused []BulkRefusal `json:"refused"`
	Same    []int         `json:"same"` // Cases that are so already.
}

// BulkRefusal is why a case is left out.
type BulkRefusal struct {
	Case int    `json:"case"`
	Text string `json:"text"`
}

// empty reports whether nothing is to be changed.
func (a BulkAction) empty() bool {
	return a.Owner == nil && a.Team == nil && len(a.Tag) == 0 && len(a.Untag) == 0 && a.Severity == nil && a.Status == nil && a.Muted == nil && a.Snooze == nil
}

// Plan says what the command would do now. What it says of a case is what the commands about one case say.
func (c ChangeCases) Plan(s *State, now time.Time) (BulkPlan, error) {
	plan := BulkPlan{[]BulkChange{}, []BulkRefusal{}, []int{}}
	switch {
	case len(c.Cases) == 0:
		return plan, refuse(Invalid, "Cases", "Select the cases first.")
	case len(c.Cases) > maxBulk:
		return plan, refuse(Invalid, "Cases", "At most %d cases can be changed at once; these are %d.", maxBulk, len(c.Cases))
	case c.Action.empty():
		return plan, refuse(Invalid, "Action", "Say what is to be changed.")
	}
	if err := checkReason(c.Reason); err != nil {
		return plan, err
	}
	for i, x := range c.Cases {
		if slices.ContainsFunc(c.Cases[:i], func(y BulkCase) bool { return y.Case == x.Case }) {
			return plan, refuse(Invalid, "Cases", "C-%d is named twice.", x.Case)
		}
		change, err := c.change(s, x, now)
		if r, ok := errors.AsType[*Refusal](err); ok {
			plan.Refused = append(plan.Refused, BulkRefusal{x.Case, r.Text})
			continue
		}
		if err != nil {
			return plan, err
		}
		if change.After == (BulkFields{}) {
			plan.Same = append(plan.Same, x.Case)
			continue
		}
		plan.Changes = append(plan.Changes, change)
	}
	return plan, nil
}

// change is what happens to one case.
func (c ChangeCases) change(s *State, x BulkCase, now time.Time) (BulkChange, error) {
	out, a := BulkChange{Case: x.Case}, c.Action
	file, err := s.findCase(x.Case)
	if err != nil {
		return out, err
	}
	var tags *[]string
	if len(a.Tag)+len(a.Untag) > 0 {
		off, err := tagsOf(a.Untag)
		if err != nil {
			return out, err
		}
		kept := slices.DeleteFunc(slices.Clone(file.Tags), func(t string) bool { return slices.Contains(off, t) })
		all := append(kept, a.Tag...)
		tags = &all
	}
	team := a.Team
	if a.Owner != nil { // The team goes with it.
		team = nil
		d := CaseOwnedData{Owner: file.Owner}
		if err := dataOf(s, AssignCase{Case: x.Case, Owner: *a.Owner, Team: a.Team, Reason: c.Reason, Revision: x.Revision}.by(c.actor), now, &d); err != nil {
			return out, err
		}
		if len(d.Handoffs) > 0 {
			return out, refuse(Conflict, "Owner", "Case %s is being handed over. Withdraw that first.", file.label())
		}
		out.After.Team = d.Team
		if d.Owner != file.Owner {
			out.After.Owner, out.After.Returns = &d.Owner, &d.Returns
		}
	}
	var d CaseChangedData
	if err := dataOf(s, ChangeCase{Case: x.Case, Status: a.Status, Severity: a.Severity, Team: team, Tags: tags, Muted: a.Muted, Reason: c.Reason, Revision: x.Revision}, now, &d); err != nil {
		return out, err
	}
	if d.Released {
		return out, refuse(Conflict, "Status", "%s cannot work on cases any more. Reopen case %s by itself.", s.who(file.Owner), file.label())
	}
	out.After.Status, out.After.Severity, out.After.Tags, out.After.Muted = d.Status, d.Severity, d.Tags, d.Muted
	if d.Team != nil {
		out.After.Team = d.Team
	}
	if err := c.sleep(s, file, x, &out.After, now); err != nil {
		return out, err
	}
	out.Before = file.fields(out.After)
	return out, nil
}

// sleep says what becomes of the sleep of a case.
func (c ChangeCases) sleep(s *State, file *caseFile, x BulkCase, after *BulkFields, now time.Time) error {
	switch {
	case c.Action.Snooze == nil:
	case c.Action.Snooze.IsZero():
		var d CaseWokenData
		events, err := WakeCase{Case: x.Case, Revision: x.Revision}.Check(s, now)
		if err != nil || len(events) == 0 {
			return err
		}
		if err := json.Unmarshal(events[0].Data, &d); err != nil {
			return fmt.Errorf("read what a command says: %w", err)
		}
		after.Snooze = &Sleep{}
		if after.Owner == nil && !d.Returns.Equal(file.Returns) {
			after.Returns = &d.Returns
		}
	default:
		var d CaseSnoozedData
		if err := dataOf(s, SnoozeCase{Case: x.Case, Until: *c.Action.Snooze, Revision: x.Revision}, now, &d); err != nil {
			return err
		}
		if !d.Until.IsZero() {
			after.Snooze = &Sleep{d.Until, now, c.actor}
		}
	}
	return nil
}

// dataOf reads the data of the event that a command makes; it leaves data as it is when there is none.
func dataOf(s *State, c Command, now time.Time, data any) error {
	events, err := c.Check(s, now)
	if err != nil || len(events) == 0 {
		return err
	}
	if err := json.Unmarshal(events[0].Data, data); err != nil {
		return fmt.Errorf("read what a command says: %w", err)
	}
	return nil
}

// fields are those of a case that others name.
func (c *Case) fields(named BulkFields) (f BulkFields) {
	pick(&f.Owner, named.Owner, c.Owner)
	pick(&f.Returns, named.Returns, c.Returns)
	pick(&f.Team, named.Team, c.Team)
	pick(&f.Tags, named.Tags, copied(c.Tags))
	pick(&f.Severity, named.Severity, c.Severity)
	pick(&f.Status, named.Status, c.Status)
	pick(&f.Muted, named.Muted, c.Muted)
	pick(&f.Snooze, named.Snooze, Sleep{c.SnoozedUntil, c.SnoozedAt, c.SnoozedBy})
	return f
}

// pick sets a field that others name.
func pick[T any](field **T, named *T, is T) {
	if named != nil {
		*field = &is
	}
}

// Check refuses a bulk that would change nothing because no case can be changed.
func (c ChangeCases) Check(s *State, now time.Time) ([]Event, error) {
	plan, err := c.Plan(s, now)
	if err != nil {
		return nil, err
	}
	if err := plan.check(); err != nil || len(plan.Changes) == 0 {
		return nil, err
	}
	data := BulkDoneData{ID: s.lastBulk + 1, Changes: plan.Changes}
	if c.ID != nil {
		*c.ID = data.ID
	}
	return newEvent(BulkDone, 0, c.Reason, data)
}

// check refuses a plan that leaves every case as it is for some reason.
func (p BulkPlan) check() error {
	if len(p.Changes) > 0 || len(p.Refused) == 0 {
		return nil
	}
	var why []string
	for _, x := range p.Refused {
		if !slices.Contains(why, x.Text) {
			why = append(why, x.Text)
		}
	}
	more := ""
	if len(why) > 5 {
		why, more = why[:5], fmt.Sprintf(" And %d more.", len(why)-5)
	}
	return refuse(Conflict, "Cases", "None of the cases can be changed. %s%s", joined(why), more)
}

func joined(sentences []string) (text string) {
	for i, x := range sentences {
		if i > 0 {
			text += " "
		}
		text += x
	}
	return text
}

// Plan says what the command would do now.
func (c UndoBulk) Plan(s *State, now time.Time) (BulkPlan, error) {
	plan := BulkPlan{[]BulkChange{}, []BulkRefusal{}, []int{}}
	b := s.bulk(c.ID)
	switch {
	case b == nil && c.ID >= 1 && c.ID <= s.lastBulk:
		return plan, refuse(Gone, "ID", "Bulk change %d was made more than a day ago and cannot be undone any more.", c.ID)
	case b == nil:
		return plan, refuse(NotFound, "ID", "There is no bulk change %d.", c.ID)
	case c.actor != b.By && !s.leads(c.actor):
		return plan, refuse(Forbidden, "ID", "Only %s or a manager undoes this.", s.who(b.By))
	case !b.Undone.IsZero():
		return plan, refuse(Conflict, "ID", "%s has undone bulk change %d already.", s.who(b.UndoneBy), b.ID)
	case !b.Undoable(now):
		return plan, refuse(Gone, "ID", "Bulk change %d was made more than a day ago and cannot be undone any more.", c.ID)
	}
	for _, x := range b.Changes {
		if err := s.checkUndo(b, x); err != nil {
			plan.Refused = append(plan.Refused, BulkRefusal{x.Case, err.Error()})
			continue
		}
		plan.Changes = append(plan.Changes, BulkChange{x.Case, x.After, x.Before})
	}
	return plan, nil
}

// checkUndo refuses to overwrite what was decided since, and to bring back what cannot be any more.
func (s *State) checkUndo(b *Bulk, x BulkChange) error {
	file, err := s.findCase(x.Case)
	if err != nil {
		return err
	}
	if err := s.checkRevision(file, &b.Position); err != nil {
		return err
	}
	if x.Before.Owner != nil {
		if err := s.checkOwner(*x.Before.Owner); err != nil {
			return err
		}
	}
	return s.checkMove(x.Before.Team)
}

// Check takes back what can be.
func (c UndoBulk) Check(s *State, now time.Time) ([]Event, error) {
	plan, err := c.Plan(s, now)
	for _, err := range []error{err, checkReason(c.Reason), plan.check()} {
		if err != nil {
			return nil, err
		}
	}
	return newEvent(BulkUndone, 0, c.Reason, BulkUndoneData{c.ID, plan.Changes})
}
