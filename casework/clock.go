package casework

import (
	"cmp"
	"slices"
	"time"

	"polytrace/archive"
)

// MomentKind is what happened at a moment of a case. Messages are told apart by
// who speaks to whom, whatever they came by: mail, a note about a call, a form.
type MomentKind string

// The kinds of moment. Those that move no clock are there so that nobody has to
// leave them out.
const (
	MomentOpened     MomentKind = "opened"      // the case: Status, Severity, Account, Team, Sort
	MomentCustomer   MomentKind = "customer"    // a person of the customer wrote
	MomentAnswer     MomentKind = "answer"      // a person of ours wrote to the customer
	MomentAutomatic  MomentKind = "automatic"   // mail that no person wrote, of either side; moves no clock
	MomentInternal   MomentKind = "internal"    // mail among ourselves; moves no clock
	MomentNote       MomentKind = "note"        // moves no clock
	MomentStatus     MomentKind = "status"      // Status
	MomentSeverity   MomentKind = "severity"    // Severity
	MomentAccount    MomentKind = "account"     // Account
	MomentTeam       MomentKind = "team"        // Team
	MomentOwner      MomentKind = "owner"       // moves no clock
	MomentSnoozed    MomentKind = "snoozed"     // Until; the zero time wakes it
	MomentMerged     MomentKind = "merged"      // the case Other is part of this one
	MomentMergedInto MomentKind = "merged-into" // this case is part of Other, where its clocks run
	MomentSplit      MomentKind = "split"       // takes a merge with Other back
	MomentMarked     MomentKind = "marked"      // the message Mail needs no answer
	MomentUnmarked   MomentKind = "unmarked"    // takes that back
)

// Moment is something that happened to a case. A clock counts from At, but for
// what claims to be later than it was received; who makes moments of mail sets
// At to Received where the date is not to be believed.
type Moment struct {
	At       time.Time
	Received time.Time // By us; zero when that is the same.
	Kind     MomentKind
	From     int             // Number of the merged case it came with; 0: of this one.
	Mail     archive.Digest  // SHA-256 of the message, of messages and marks.
	Record   archive.Address // Where that is; clocks only hand it on.
	Actor    string          // Who did it, of what people do here: a user's name.

	Status   Status
	Severity int
	Account  string
	Team     string
	Sort     string    // Kind of case.
	Until    time.Time // Of MomentSnoozed.
	Other    int       // Number of the other case.
}

// when is the second at which it happened.
func (m *Moment) when() int64 { return seconds(m.time()) }

func (m *Moment) time() time.Time {
	if m.At.IsZero() || !m.Received.IsZero() && m.Received.Before(m.At) {
		return m.Received
	}
	return m.At
}

// ClockState is how a clock stands.
type ClockState string

// The states of a clock. Void is one that nothing depends on any more: no
// policy has a target for it, the case was resolved in time, no answer was
// needed, or the case is part of another one.
const (
	ClockRunning  ClockState = "running"
	ClockPaused   ClockState = "paused"
	ClockMet      ClockState = "met"
	ClockMetLate  ClockState = "met-late"
	ClockBreached ClockState = "breached" // Due has passed, and nothing has stopped it in time.
	ClockVoid     ClockState = "void"
)

// Clock is a promise to the customer and how it stands. Moments are those that
// were given to Clocks.
type Clock struct {
	Kind    ClockKind
	State   ClockState
	Started *Moment
	Stopped *Moment       // nil while it goes on, or when the time has come for a version of a policy.
	Since   time.Time     // When it started.
	Until   time.Time     // When it stopped; zero while it goes on.
	Pauses  []Pause       // In order and apart.
	Target  time.Duration // What the policy promises; 0 when none does.
	Wall    bool          // Target and Used are by the clock on the wall.
	Used    time.Duration // Counted so far, without pauses.
	Due     time.Time     // When Used reaches Target; zero while it stands still before, and when void.
	Warn    time.Time     // When Used reaches the policy's percentage of Target; as Due.
	Remind  time.Time     // Warn, or when people are at work next: when to tell them.

	Policy   Version  // In force when it stopped, or now.
	Calendar Version  // Likewise; zero when Wall.
	Why      []Reason // The panel "why this deadline", in order of time.
}

// Share is how much of the target was used, 1 when all was; 0 without a target.
func (c Clock) Share() float64 {
	if c.Target == 0 {
		return 0
	}
	return float64(c.Used) / float64(c.Target)
}

// Open reports whether the clock waits for something.
func (c Clock) Open() bool {
	return c.State == ClockRunning || c.State == ClockPaused || c.State == ClockBreached && c.Until.IsZero()
}

// Pause is a time in which a clock did not count.
type Pause struct {
	From      time.Time
	To        time.Time // Zero while it lasts.
	Cause     PauseCause
	Moment    *Moment // That began it; nil when a version of a policy did.
	Unfounded bool    // It waits for a customer to whom nobody has answered.
}

// Clocks says how the promises about a case stand at a time: in order of their
// beginning, the resolution before a reply that began with it. Everything
// that shows, warns or reports calls it: there is nothing else to ask.
//
// It counts moments up to now, of the case and of those that are merged with it
// at that time. Policies are looked for anew at each of them, and when the time
// of a version comes; what was counted before stays counted as it was. A mark
// is about the message as a whole: when it holds, the message never started a
// clock, and when it is taken back, it always did.
func Clocks(moments []Moment, policies []PolicyVersion, calendars []CalendarVersion, now time.Time) []Clock {
	e := evaluation{epochs: epochsOf(policies), calendars: timelinesOf(calendars), now: seconds(now)}
	for _, m := range e.read(moments) {
		e.advance(m.when())
		e.take(m)
		e.refresh(m)
	}
	e.advance(e.now)
	e.end(e.round, nil)
	if e.resolution != nil {
		e.done[e.place] = e.judge(e.resolution, nil)
	}
	slices.SortStableFunc(e.done, func(a, b Clock) int { return a.Since.Compare(b.Since) })
	return e.done
}

// Applicable is the clock to look at now: that which is due first among those
// that run or are breached, else the one that stands still with the least left.
// It is false when nothing is waited for.
func Applicable(clocks []Clock) (found Clock, ok bool) {
	for _, c := range clocks {
		if c.Open() && (!ok || c.before(found)) {
			found, ok = c, true
		}
	}
	return found, ok
}

// before reports whether a clock that waits is to be looked at before another one.
func (c Clock) before(d Clock) bool {
	still, other := c.State == ClockPaused, d.State == ClockPaused
	switch {
	case still != other:
		return other
	case still:
		return c.Target-c.Used < d.Target-d.Used
	}
	return c.Due.Before(d.Due)
}

// how says what a clock does for a while.
type how uint8

const (
	counts how = iota
	paused
	aimless // No policy has a target.
	rests   // The case is resolved.
	elsewhere
)

// mode is what a clock does for a while, and by which promise.
type mode struct {
	how       how
	cause     PauseCause
	unfounded bool
	policy    *PolicyVersion
	target    Target
}

// stretch is a time in which a clock did the same.
type stretch struct {
	from, to int64
	mode
	by    *Moment // That began it; nil when time did.
	count int64   // Seconds that moved the clock, once it is judged.
}

// running is a clock that was not stopped yet.
type running struct {
	kind      ClockKind
	started   *Moment
	stretches []stretch
}

func (r *running) last() *stretch { return &r.stretches[len(r.stretches)-1] }

// turn sets what the clock does from a time on. What lasted no time is forgotten.
func (r *running) turn(at int64, to mode, by *Moment) {
	if n := len(r.stretches); n > 0 && r.stretches[n-1].from == at {
		r.stretches = r.stretches[:n-1]
	}
	n := len(r.stretches)
	switch {
	case n > 0 && r.stretches[n-1].mode == to:
		return
	case n > 0:
		r.stretches[n-1].to = at
	}
	r.stretches = append(r.stretches, stretch{from: at, mode: to, by: by})
}

// evaluation is the way through the moments of a case.
type evaluation struct {
	epochs    []epoch // Those still to come.
	calendars map[string]timeline
	now       int64
	union     map[int]*Moment // By number of a merged case: what merged it.
	marks     map[archive.Digest]*Moment

	at       int64
	inForce  epoch
	policy   *PolicyVersion // For the case as it is; nil when there is none.
	facts    facts
	status   Status
	spoken   bool    // The customer wrote after the status was set, and after our last answer.
	resting  bool    // Resolved, and the customer has not written since.
	snooze   *Moment // nil when awake.
	merged   *Moment // This case is part of another one.
	answered bool    // By us, ever.
	started  bool    // The first reply is, or was, waited for.

	round, resolution *running // nil when there is none.
	done              []Clock
	place             int // Of the resolution in done.
}

// read returns the moments that count, in order, and notes what is about the
// case as a whole.
func (e *evaluation) read(moments []Moment) []*Moment {
	order := make([]*Moment, 0, len(moments))
	for i := range moments {
		if m := &moments[i]; m.when() <= e.now {
			order = append(order, m)
		}
	}
	slices.SortStableFunc(order, func(a, b *Moment) int {
		return cmp.Or(a.time().Compare(b.time()), a.Received.Compare(b.Received))
	})
	e.union, e.marks = map[int]*Moment{}, map[archive.Digest]*Moment{}
	opened := false
	for _, m := range order {
		switch {
		case m.Kind == MomentMarked:
			e.marks[m.Mail] = m
		case m.Kind == MomentUnmarked:
			delete(e.marks, m.Mail)
		case m.From != 0:
		case m.Kind == MomentMerged:
			e.union[m.Other] = m
		case m.Kind == MomentSplit:
			delete(e.union, m.Other)
		case m.Kind == MomentOpened && !opened:
			// A message that came before is judged as the case was opened.
			e.status, e.facts, opened = m.Status, facts{m.Severity, m.Account, m.Team, m.Sort}, true
		}
	}
	return slices.DeleteFunc(order, func(m *Moment) bool {
		message := m.Kind == MomentCustomer || m.Kind == MomentAnswer
		return m.From != 0 && (!message || e.union[m.From] == nil)
	})
}

// advance goes to a time, and stops wherever a policy changes or a snooze ends
// on the way.
func (e *evaluation) advance(to int64) {
	for {
		next := to + 1
		if len(e.epochs) > 0 {
			next = min(next, max(e.epochs[0].from, e.at))
		}
		if e.snooze != nil {
			next = min(next, max(seconds(e.snooze.Until), e.at))
		}
		if next > to {
			e.at = to
			return
		}
		e.at = next
		for len(e.epochs) > 0 && e.epochs[0].from <= next {
			e.inForce, e.epochs = e.epochs[0], e.epochs[1:]
			e.policy = e.inForce.find(e.facts)
		}
		if e.snooze != nil && seconds(e.snooze.Until) <= next {
			e.snooze = nil
		}
		e.refresh(nil)
	}
}

// take changes what is so by a moment.
func (e *evaluation) take(m *Moment) {
	switch m.Kind {
	case MomentCustomer:
		e.customer(m)
	case MomentAnswer:
		e.end(e.round, m)
		e.round, e.answered, e.spoken = nil, true, false
	case MomentOpened:
		e.resolve(m)
	case MomentStatus:
		e.status, e.spoken = m.Status, false
		e.resting = e.resolved()
	case MomentSeverity, MomentAccount, MomentTeam:
		e.change(m)
	case MomentSnoozed:
		e.snooze = m
		if seconds(m.Until) <= e.at {
			e.snooze = nil
		}
	case MomentMergedInto:
		e.merged = m
	case MomentSplit:
		if e.merged != nil && e.merged.Other == m.Other {
			e.merged = nil
		}
	}
}

func (e *evaluation) change(m *Moment) {
	switch m.Kind {
	case MomentSeverity:
		e.facts.severity = m.Severity
	case MomentAccount:
		e.facts.account = m.Account
	default:
		e.facts.team = m.Team
	}
	e.policy = e.inForce.find(e.facts)
}

func (e *evaluation) resolved() bool { return e.status == Resolved || e.status == Closed }

// customer begins a round unless one is under way: the answer to its first
// message answers all of it.
func (e *evaluation) customer(m *Moment) {
	ended := e.round != nil && e.round.last().how == rests
	kind := NextReply
	if !e.answered && !e.started {
		kind = FirstReply
	}
	if mark := e.marks[m.Mail]; mark != nil {
		if e.round == nil || ended {
			e.done = append(e.done, e.unneeded(kind, m, mark))
		}
		return
	}
	e.spoken, e.resting, e.snooze = true, false, nil
	e.resolve(m)
	if ended {
		e.end(e.round, nil)
		e.round = nil
	}
	if e.round == nil {
		e.round, e.started = &running{kind: kind, started: m}, true
	}
}

// resolve starts the clock of the whole case, once.
func (e *evaluation) resolve(m *Moment) {
	if e.resolution == nil {
		e.resolution, e.place = &running{kind: Resolution, started: m}, len(e.done)
		e.done = append(e.done, Clock{})
	}
}

// refresh lets the clocks do what is right from now on.
func (e *evaluation) refresh(by *Moment) {
	for _, r := range []*running{e.resolution, e.round} {
		if r == nil {
			continue
		}
		if m, changed := e.mode(r); changed {
			r.turn(e.at, m, by)
		}
	}
}

// mode is what a clock does now. What was resolved stays as it was judged then
// until the case is opened again, whatever the policies become.
func (e *evaluation) mode(r *running) (mode, bool) {
	rest := e.resting
	if r.kind == Resolution {
		rest = e.resolved()
	}
	had := mode{}
	if len(r.stretches) > 0 {
		had = r.last().mode
		if had.how == rests && rest {
			return had, false
		}
	}
	m := mode{how: aimless, policy: e.policy}
	if e.policy != nil {
		m.target = e.policy.target(r.kind, e.facts.severity)
	}
	switch {
	case rest && (r.kind == Resolution || e.policy == nil || !e.policy.RunOn):
		m.how = rests
	case e.merged != nil:
		m.how = elsewhere
	case m.target.Minutes > 0:
		m.how, m.cause = e.pace()
		m.unfounded = m.cause == PauseWaiting && e.round != nil
	}
	return m, len(r.stretches) == 0 || m != had
}

// pace tells whether the policy lets clocks run.
func (e *evaluation) pace() (how, PauseCause) {
	for _, cause := range e.policy.PauseOn {
		if cause == PauseWaiting && e.status == WaitingCustomer && !e.spoken || cause == PauseSnoozed && e.snooze != nil {
			return paused, cause
		}
	}
	return counts, ""
}

// unneeded is a clock that never ran.
func (e *evaluation) unneeded(k ClockKind, m, mark *Moment) Clock {
	c := Clock{Kind: k, State: ClockVoid, Started: m, Stopped: mark, Since: momentOf(e.at, true), Until: momentOf(mark.when(), true)}
	c.Why = []Reason{{Kind: ReasonStarted, At: c.Since, Moment: m}, {Kind: ReasonMarked, At: c.Until, Moment: mark}}
	return c
}

// end judges a clock at the present time. by is the answer that stopped it.
func (e *evaluation) end(r *running, by *Moment) {
	if r == nil {
		return
	}
	e.done = append(e.done, e.judge(r, by))
}

func (e *evaluation) judge(r *running, by *Moment) Clock {
	r.last().to = e.at
	last := *r.last()
	c := Clock{Kind: r.kind, Started: r.started, Since: momentOf(r.stretches[0].from, true), Wall: last.target.Wall, Target: time.Duration(last.target.Minutes) * time.Minute}
	end := e.at
	if last.how == rests { // What comes later is too late for nothing.
		end = last.from
		c.Until, c.Stopped = momentOf(end, true), last.by
	}
	if by != nil {
		c.Until, c.Stopped = momentOf(e.at, true), by
	}
	used := int64(0)
	for i := range r.stretches {
		x := &r.stretches[i]
		x.count = e.counted(*x)
		used += x.count
	}
	c.Used = time.Duration(used) * time.Second
	c.Pauses = pausesOf(r.stretches, c.Until.IsZero())
	if last.policy != nil {
		c.Policy = last.policy.Version
	}
	target := int64(last.target.Minutes) * 60
	due, known := e.reaches(r, target)
	late := known && due < end
	c.State = stateOf(r.kind, last, by != nil, late)
	if known && c.State != ClockVoid {
		c.Due = momentOf(due, true)
		c.Warn = momentOf(e.reaches(r, (target*last.policy.warn()+99)/100))
		c.Remind = e.remind(c.Warn, last)
	}
	if !c.Wall && last.policy != nil {
		c.Calendar = e.calendars[last.policy.Calendar].version(end)
	}
	c.Why = e.reasons(r, &c)
	return c
}

// stateOf is the state of a clock whose last stretch is given: what the target
// of that time makes of all that was counted.
func stateOf(k ClockKind, last stretch, answered, late bool) ClockState {
	done := answered || k == Resolution && last.how == rests
	switch {
	case last.target.Minutes <= 0 || last.how == elsewhere:
		return ClockVoid
	case done && late:
		return ClockMetLate
	case done:
		return ClockMet
	case late:
		return ClockBreached
	case last.how == rests:
		return ClockVoid
	case last.how == paused:
		return ClockPaused
	}
	return ClockRunning
}

// counted is for how many seconds a stretch moved its clock.
func (e *evaluation) counted(x stretch) int64 {
	switch {
	case x.how != counts:
		return 0
	case x.target.Wall:
		return x.to - x.from
	}
	return worked(e.calendars[x.policy.Calendar].open(x.from), x.to)
}

// reaches is when a clock has or will have counted so many seconds: false when
// that is open, since it stands still. What stopped in time would have gone on.
func (e *evaluation) reaches(r *running, target int64) (int64, bool) {
	for i, x := range r.stretches {
		if x.how != counts {
			continue
		}
		if x.count >= target || i+1 == len(r.stretches) {
			return e.later(x.from, target, x.mode)
		}
		target -= x.count
	}
	if last := r.last(); last.how == rests && last.target.Minutes > 0 {
		return e.later(last.from, target, last.mode)
	}
	return 0, false
}

// later is when a clock will have counted so many seconds since a time.
func (e *evaluation) later(from, count int64, m mode) (int64, bool) {
	if m.target.Wall {
		return from + count, true
	}
	return after(e.calendars[m.policy.Calendar].open(from), from, count)
}

// remind is when to tell people what is to be told at a time: a target by the
// clock on the wall may come near at night.
func (e *evaluation) remind(at time.Time, x stretch) time.Time {
	if at.IsZero() || !x.target.Wall || x.policy.Calendar == "" {
		return at
	}
	if open, ok := next(e.calendars[x.policy.Calendar].open(seconds(at))); ok {
		return momentOf(open, true)
	}
	return at
}

// version names the version in force at a time.
func (t timeline) version(at int64) (v Version) {
	for _, era := range t {
		if era.from <= at {
			v = era.calendar.Version
		}
	}
	return v
}

// pausesOf lists the pauses of a clock. One goes on when the policy changes meanwhile.
func pausesOf(stretches []stretch, open bool) (all []Pause) {
	for i, x := range stretches {
		if x.how != paused {
			continue
		}
		p := Pause{momentOf(x.from, true), momentOf(x.to, true), x.cause, x.by, x.unfounded}
		if open && i+1 == len(stretches) {
			p.To = time.Time{}
		}
		if n := len(all); n > 0 && all[n-1].To.Equal(p.From) && all[n-1].Cause == p.Cause && all[n-1].Unfounded == p.Unfounded {
			all[n-1].To = p.To
			continue
		}
		all = append(all, p)
	}
	return all
}
