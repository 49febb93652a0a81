package casework

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"polytrace/archive"
	"polytrace/message"
)

// RiskLevel is how near a case is to being lost.
type RiskLevel string

// The levels of risk.
const (
	RiskLow      RiskLevel = "low"
	RiskElevated RiskLevel = "elevated"
	RiskHigh     RiskLevel = "high"
	RiskCritical RiskLevel = "critical"
)

// RiskLevels lists all levels, the lowest first.
func RiskLevels() []RiskLevel { return []RiskLevel{RiskLow, RiskElevated, RiskHigh, RiskCritical} }

func (l RiskLevel) rank() int { return max(0, slices.Index(RiskLevels(), l)) }

// Valid reports whether l is a level.
func (l RiskLevel) Valid() bool { return slices.Contains(RiskLevels(), l) }

// RiskRule names a rule that gives points.
type RiskRule string

// The rules.
const (
	RiskFollowUps   RiskRule = "follow-ups"        // the customer writes again and again, and nobody answers
	RiskClock       RiskRule = "clock"             // a response time is nearly used up
	RiskBreach      RiskRule = "breach"            // a response time is over
	RiskMissed      RiskRule = "missed-promise"    // a promise of ours is past its time
	RiskExecutive   RiskRule = "executive"         // somebody who decides is new in the conversation
	RiskWords       RiskRule = "words"             // escalation, leaving, law
	RiskUrgency     RiskRule = "urgency"           // the customer says that it is urgent, and nobody answers
	RiskTone        RiskRule = "tone"              // the customer sounds worse than before
	RiskSpread      RiskRule = "spread"            // more and more of us are written to about it
	RiskOwners      RiskRule = "owners"            // it goes from one owner to the next
	RiskReopened    RiskRule = "reopened"          // it was resolved, and was not
	RiskContactLost RiskRule = "contact-lost"      // whom we know there is gone
	RiskDeadline    RiskRule = "customer-deadline" // a deadline of the case is near
	RiskRenewal     RiskRule = "renewal"           // a renewal is near, and something else is wrong
	RiskNotice      RiskRule = "notice"            // a formal notice
	RiskVolume      RiskRule = "volume"            // the account writes more than is usual
	RiskOld         RiskRule = "old"               // it is open for longer than others were
)

// RiskRules say how many points each rule gives, and from how many on a level holds. The zero value is
// DefaultRiskRules.
type RiskRules struct {
	Version    int              `json:"version"` // 0: as it came with the program.
	Points     map[RiskRule]int `json:"points"`
	Levels     [3]int           `json:"levels"`     // From how many points on a case is elevated, high and critical.
	Hysteresis int              `json:"hysteresis"` // How far below that it has to fall to leave the level again.
	HalfLife   int              `json:"half_life"`  // Days after which what is not so any more counts half; 0 at once for nothing.
	People     []string         `json:"people"`     // Addresses of executives, besides those whose title says so.
}

// DefaultRiskRules are what counts while nobody has said anything else.
func DefaultRiskRules() RiskRules {
	return RiskRules{
		Points: map[RiskRule]int{RiskFollowUps: 2, RiskClock: 1, RiskBreach: 2, RiskMissed: 3, RiskExecutive: 2, RiskWords: 2, RiskUrgency: 1, RiskTone: 1, RiskSpread: 2, RiskOwners: 1, RiskReopened: 1, RiskContactLost: 2, RiskDeadline: 2, RiskRenewal: 1, RiskNotice: 3, RiskVolume: 1, RiskOld: 1},
		Levels: [3]int{3, 6, 9}, Hysteresis: 1, HalfLife: 7,
	}
}

// What the rules take as many, long and near.
const (
	followUps   = 2 // Messages in a row; one more point from one more on.
	ownerMoves  = 3
	reopenings  = 2
	spreadTo    = 3 // Of us, in a week.
	toneFall    = 0.4
	toneOf      = 3 // Messages.
	renewalNear = 60 * 24 * time.Hour
	week        = 7 * 24 * time.Hour
)

// Traits are what a message says about the mood of its author, from what the author wrote himself.
type Traits struct {
	Alarms    []Wording
	Tone      float64   // From -1 to 1.
	Title     string    // Of who signed.
	Executive bool      // The title is of somebody who decides.
	Part      int       // Whose text Alarms are in.
	Bounced   []string  // Addresses that are none, as a server says (RFC 3463, 5.1).
	Done      []Wording // What says that something was done, by its kind: attached, sent, fixed or done.
}

// Wording is a phrase that tells of trouble, and where it stands.
type Wording struct {
	Kind       string // urgency, escalation, leaving, legal, notice or left.
	Weight     int
	Quote      string
	Start, End int
}

// RiskInput is what the risk of a case follows from.
type RiskInput struct {
	Cases    []Case // The case, and those that were merged into it.
	Mail     []Mail
	Traits   map[archive.Digest]Traits // Of the messages, by SHA-256.
	Clocks   []Clock                   // Of the case.
	Arrivals []time.Time               // When people of its account wrote, oldest first; see VolumeAnomaly.
	OldAfter time.Duration             // See State.OldAfter; 0 when it is not known.
	Us       Company
	Key      []KeyContact // Of the account.
	Rules    RiskRules
	Now      time.Time
}

// Signal is a reason to worry, with what it rests on.
type Signal struct {
	Rule      RiskRule       `json:"rule"`
	Text      string         `json:"text"`            // Without words of mail: it is noted in the ledger, from which nothing can be erased.
	Full      int            `json:"full"`            // Points while it is so.
	From      time.Time      `json:"from"`            // Since when it is so.
	Until     time.Time      `json:"until,omitzero"`  // Until when it was; zero while it is.
	Sources   []Source       `json:"sources"`         // One or more.
	Quote     string         `json:"quote,omitempty"` // Words of a message that say it.
	Evidence  archive.Digest `json:"evidence"`        // Names the rule and what it rests on: who disagrees disagrees with that.
	Points    int            `json:"points"`          // That it gives at the time that was asked for.
	Judgement *Judgement     `json:"judgement,omitempty"`
}

// Judgement is what somebody said about a signal.
type Judgement struct {
	Evidence archive.Digest `json:"evidence"`
	Rule     RiskRule       `json:"rule"`
	Say      string         `json:"say"`            // One of JudgementSays.
	Until    time.Time      `json:"until,omitzero"` // Of snooze.
	Reason   string         `json:"reason,omitempty"`
	By       string         `json:"by"`
	At       time.Time      `json:"at"`
}

// JudgementSays are what can be said about a signal: it is seen to, it is none, or it can wait.
var JudgementSays = []string{"acknowledge", "disagree", "snooze"}

// holds reports whether it counts at a time.
func (j Judgement) holds(now time.Time) bool { return j.Say != "snooze" || now.Before(j.Until) }

// Override is a level that somebody set for a time.
type Override struct {
	Level  RiskLevel `json:"level"`
	Until  time.Time `json:"until"`
	Reason string    `json:"reason"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
}

// Risk is how much a case is at risk at a time, and why: Points is the sum of those of Signals.
type Risk struct {
	Level   RiskLevel `json:"level"`
	Points  int       `json:"points"`
	Signals []Signal  `json:"signals"`            // Those with points first, then those somebody disagrees with.
	Set     *Override `json:"override,omitempty"` // By whom Level was set instead of following from the points.
}

// points are what is left of a signal at a time: half of them after each half-life since it is not so any more, nothing
// since somebody disagrees.
func (s *Signal) points(rules RiskRules, now time.Time) int {
	if j := s.Judgement; j != nil && j.Say == "disagree" && !now.Before(j.At) {
		return 0
	}
	if s.Until.IsZero() || now.Before(s.Until) {
		return s.Full
	}
	if rules.HalfLife <= 0 {
		return 0
	}
	halvings := now.Sub(s.Until) / (time.Duration(rules.HalfLife) * 24 * time.Hour)
	return s.Full >> min(halvings, 30)
}

// levelOf is the level for points, from a level before: one that was reached is left only a bit below where it begins.
func (r RiskRules) levelOf(points int, before RiskLevel) RiskLevel {
	level := RiskLow
	for i, from := range r.Levels {
		if points >= from || before.rank() > i && points >= from-r.Hysteresis {
			level = RiskLevels()[i+1]
		}
	}
	return level
}

// RiskChange is a change of the level.
type RiskChange struct {
	At      time.Time `json:"at"`
	From    RiskLevel `json:"from"`
	To      RiskLevel `json:"to"`
	Points  int       `json:"points"`
	Because []Signal  `json:"because"` // That have points then.
}

// maxNoted is how many signals are noted with a level.
const maxNoted = 20

// Noted is the change that a risk is noted as: the last one of its history, with the heaviest of what is so now.
func (r Risk) Noted(changes []RiskChange, now time.Time) RiskChange {
	c := RiskChange{At: now, From: RiskLow, To: RiskLow}
	if n := len(changes); n > 0 {
		c = changes[n-1]
	}
	c.Points, c.Because = r.Points, slices.DeleteFunc(slices.Clone(r.Signals), func(s Signal) bool { return s.Points == 0 })
	c.Because = c.Because[:min(len(c.Because), maxNoted)]
	return c
}

// RiskOf says how much a case is at risk, and how that came: every change of the level by the points, oldest
// first. It is a pure function of its input, and what it says about a time follows from what had happened then.
func RiskOf(in RiskInput) (Risk, []RiskChange) {
	if in.Rules.Points == nil {
		in.Rules = DefaultRiskRules()
	}
	r := &risking{RiskInput: in}
	r.collect()
	level, changes := r.trace()
	now := Risk{Level: level, Points: r.sum(in.Now)}
	for _, s := range r.at(in.Now) {
		if s.Points > 0 || s.Judgement != nil {
			now.Signals = append(now.Signals, s)
		}
	}
	slices.SortStableFunc(now.Signals, func(a, b Signal) int { return cmp.Compare(b.Points, a.Points) })
	if o := in.Cases[0].Override; o != nil && in.Now.Before(o.Until) {
		now.Level, now.Set = o.Level, o
	}
	return now, changes
}

// risking collects signals.
type risking struct {
	RiskInput
	signals []Signal
	bytes   map[archive.Address]archive.Digest // Of the messages.
}

// add notes a signal of a rule, with the points that the rule gives. Until is when it was not so any more; zero while it is.
func (r *risking) add(rule RiskRule, from, until time.Time, quote, text string, sources ...Source) {
	r.addPoints(rule, r.Rules.Points[rule], from, until, quote, text, sources...)
}

// addPoints is add with points of its own, if the rule gives any.
func (r *risking) addPoints(rule RiskRule, full int, from, until time.Time, quote, text string, sources ...Source) {
	if r.Rules.Points[rule] <= 0 || full <= 0 || len(sources) == 0 {
		return
	}
	if until.After(r.Now) {
		until = time.Time{}
	}
	s := Signal{Rule: rule, Text: text, Full: full, From: from, Until: until, Sources: sources, Quote: quote}
	s.Evidence = r.evidence(rule, sources)
	for i := range r.Cases {
		for j := range r.Cases[i].Judgements {
			if v := &r.Cases[i].Judgements[j]; v.Evidence == s.Evidence {
				s.Judgement = v
			}
		}
	}
	r.signals = append(r.signals, s)
}

// evidence names a rule and what it rests on: messages by their bytes, so that it stays what it is.
func (r *risking) evidence(rule RiskRule, sources []Source) archive.Digest {
	h := sha256.New()
	h.Write([]byte(rule))
	for _, x := range sources {
		if x.Record != nil {
			digest := r.bytes[*x.Record]
			h.Write(digest[:])
			continue
		}
		h.Write(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(x.Case)), uint64(x.Citation)))
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(x.Event)))
	}
	return archive.Digest(h.Sum(nil))
}

// at are the signals at a time, with the points that they give then.
func (r *risking) at(now time.Time) (list []Signal) {
	for i := range r.signals {
		if s := r.signals[i]; !s.From.After(now) {
			s.Points = s.points(r.Rules, now)
			list = append(list, s)
		}
	}
	return list
}

func (r *risking) sum(now time.Time) (points int) {
	for i := range r.signals {
		if s := &r.signals[i]; !s.From.After(now) {
			points += s.points(r.Rules, now)
		}
	}
	return points
}

// trace goes through the times at which points change.
func (r *risking) trace() (level RiskLevel, changes []RiskChange) {
	var times []time.Time
	for _, s := range r.signals {
		times = append(times, s.From)
		if s.Judgement != nil {
			times = append(times, s.Judgement.At)
		}
		if s.Until.IsZero() {
			continue
		}
		times = append(times, s.Until)
		if r.Rules.HalfLife > 0 {
			for i := 1; s.Full>>(i-1) > 0; i++ {
				times = append(times, s.Until.Add(time.Duration(i*r.Rules.HalfLife)*24*time.Hour))
			}
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	level = RiskLow
	for _, t := range slices.CompactFunc(times, time.Time.Equal) {
		if t.After(r.Now) {
			break
		}
		points := r.sum(t)
		if to := r.Rules.levelOf(points, level); to != level {
			because := slices.DeleteFunc(r.at(t), func(s Signal) bool { return s.Points == 0 })
			changes = append(changes, RiskChange{t, level, to, points, because})
			level = to
		}
	}
	return level, changes
}

// collect brings together all signals, in the order of when they began.
func (r *risking) collect() {
	if order := func(a, b Mail) int { return a.compare(&b) }; !slices.IsSortedFunc(r.Mail, order) {
		r.Mail = slices.SortedFunc(slices.Values(r.Mail), order)
	}
	r.bytes = make(map[archive.Address]archive.Digest, len(r.Mail))
	for i := range r.Mail {
		r.bytes[r.Mail[i].Record] = r.Mail[i].SHA256
	}
	r.followUps()
	r.clocks()
	r.promises()
	r.people()
	r.words()
	r.tone()
	r.spread()
	r.volume()
	r.old()
	for i := range r.Cases {
		r.moves(&r.Cases[i])
		r.deadlines(&r.Cases[i])
	}
	r.renewals()
	slices.SortStableFunc(r.signals, func(a, b Signal) int { return a.From.Compare(b.From) })
}

// followUps finds runs of messages of the customer that nobody answers. Automatic mail neither counts nor ends one.
func (r *risking) followUps() {
	var run []*Mail
	end := func(until time.Time) {
		r.urgency(run, until)
		if len(run) < followUps {
			return
		}
		var sources []Source
		for _, m := range run {
			sources = append(sources, letter(m))
		}
		r.add(RiskFollowUps, run[followUps-1].When(), until, "", fmt.Sprintf("%d messages in a row without an answer", followUps), sources[:followUps]...)
		if len(run) > followUps {
			r.addPoints(RiskFollowUps, 1, run[followUps].When(), until, "", fmt.Sprintf("and %d more", len(run)-followUps), sources[followUps:]...)
		}
	}
	for i := range r.Mail {
		switch m := &r.Mail[i]; {
		case m.human(Inbound):
			run = append(run, m)
		case m.human(Outbound):
			end(m.When())
			run = nil
		}
	}
	end(time.Time{})
}

// urgency finds the first message of a run that says that it is urgent.
func (r *risking) urgency(run []*Mail, until time.Time) {
	for _, m := range run {
		for _, w := range r.Traits[m.SHA256].Alarms {
			if w.Kind == "urgency" {
				r.add(RiskUrgency, m.When(), until, w.Quote, "The customer says that it is urgent", letter(m))
				return
			}
		}
	}
}

// clocks finds response times that are nearly used up, and those that are over.
func (r *risking) clocks() {
	for _, k := range r.Clocks {
		if k.State == ClockVoid || k.Due.IsZero() {
			continue
		}
		source := Source{Record: &k.Started.Record, At: k.Started.At}
		if k.Started.Record.Stream == "" {
			source = r.Cases[0].decidedAt(k.Started.At)
		}
		name := map[ClockKind]string{FirstReply: "first reply", NextReply: "next reply", Resolution: "resolution"}[k.Kind]
		if !k.Warn.IsZero() && (k.Until.IsZero() || k.Warn.Before(k.Until)) {
			r.add(RiskClock, k.Warn, k.Until, "", "The time for the "+name+" is nearly used up", source)
		}
		if k.Until.IsZero() || k.Due.Before(k.Until) {
			r.add(RiskBreach, k.Due, k.Until, "", "The "+name+" is overdue", source)
		}
	}
}

// decidedAt is what was decided last up to a time.
func (c *Case) decidedAt(t time.Time) Source {
	source := Source{Case: c.Number, At: t}
	for i := range c.Log {
		if e := &c.Log[i]; !e.At.After(t) {
			source.Event, source.At = e.Position, e.At
		}
	}
	return source
}

// promises finds promises of ours that are past their time: until they are kept, or another time is agreed. One that is
// given up before its time counts from that.
func (r *risking) promises() {
	for i := range r.Cases {
		c := &r.Cases[i]
		for _, p := range c.Commitments {
			if p.Direction != Ours {
				continue
			}
			past := func(due *When, until time.Time, what string, cites []int) {
				if due != nil && (until.IsZero() || !until.Before(due.To)) {
					r.add(RiskMissed, due.To, until, "", "Promised “"+what+"”, and it is past its time", c.cited(cites, "promise-"+itoa(p.ID))...)
				}
			}
			cites := p.Cites
			for _, m := range p.Moves {
				past(m.Due, m.At, m.What, cites)
				cites = m.Cites
			}
			switch end := p.End; {
			case end == nil:
				past(p.Due, time.Time{}, p.What, cites)
			case end.How == Missed && p.Due != nil && end.When.Before(p.Due.To):
				past(p.Due, p.Due.To, p.What, cites)
			default:
				past(p.Due, end.When, p.What, cites)
			}
		}
	}
}

// people finds those who decide and are new: by title within a week after they came, or named in the rules, or a key
// contact of the account. Each
// counts once, and not who was there from the first message on.
func (r *risking) people() {
	came, told := map[string]time.Time{}, map[string]bool{}
	first := true
	for i := range r.Mail {
		m := &r.Mail[i]
		if m.Automatic {
			continue
		}
		t := r.Traits[m.SHA256]
		for j, who := range append([]message.Mailbox{m.From}, m.To...) {
			a := strings.ToLower(who.Address)
			if _, was := came[a]; !was {
				came[a], told[a] = m.When(), first
			}
			writes := j == 0
			at, decides := r.decides(a, m.When())
			if told[a] || at.Sub(came[a]) > week || !decides && !(writes && t.Executive && !r.Us.Has(a)) {
				continue
			}
			name := or(who.Name, who.Address)
			if writes && t.Title != "" {
				name += ", " + t.Title
			}
			r.add(RiskExecutive, at, at, name, "Somebody who decides is new in the conversation", letter(m))
			told[a] = true
		}
		first = false
	}
}

// decides reports whether somebody who is seen at a time decides: because the rules name them, or they are a key
// contact, from when that was said.
func (r *risking) decides(address string, seen time.Time) (at time.Time, yes bool) {
	if slices.Contains(r.Rules.People, address) {
		return seen, true
	}
	for _, k := range r.Key {
		if k.Address == address {
			return latest(seen, k.Since), true
		}
	}
	return seen, false
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// key reports whether somebody is a key contact at a time.
func (r *risking) key(address string, at time.Time) bool {
	return slices.ContainsFunc(r.Key, func(k KeyContact) bool { return strings.EqualFold(k.Address, address) && !at.Before(k.Since) })
}

// contactLost notes that somebody cannot be written to any more; a key contact counts one point more.
func (r *risking) contactLost(m *Mail, quote, text string, who ...string) {
	points := r.Rules.Points[RiskContactLost]
	if slices.ContainsFunc(who, func(a string) bool { return r.key(a, m.When()) }) {
		points, text = points+1, strings.Replace(text, "a contact", "a key contact", 1)
	}
	r.addPoints(RiskContactLost, points, m.When(), m.When(), quote, sentenceCase(text), letter(m))
}

// wordingWords are the kinds of wording in a sentence.
var wordingWords = map[string]string{"escalation": "escalation", "leaving": "leaving", "legal": "legal steps"}

// words finds what the customer says: the heaviest wording of each message.
func (r *risking) words() {
	for i := range r.Mail {
		m := &r.Mail[i]
		t := r.Traits[m.SHA256]
		if lost := slices.DeleteFunc(slices.Clone(t.Bounced), r.Us.Has); len(lost) > 0 {
			r.contactLost(m, strings.Join(lost, ", "), "mail to a contact comes back", lost...)
		}
		if m.Direction != Inbound {
			continue
		}
		var worst, notice, left *Wording
		for j := range t.Alarms {
			switch w := &t.Alarms[j]; {
			case w.Kind == "left":
				left = w
			case w.Kind == "notice" && notice == nil:
				notice = w
			case w.Kind != "notice" && w.Weight > 1 && (worst == nil || w.Weight > worst.Weight):
				worst = w
			}
		}
		if left != nil {
			r.contactLost(m, left.Quote, "a contact is gone", m.From.Address)
		}
		if m.Automatic {
			continue
		}
		if worst != nil {
			r.addPoints(RiskWords, r.Rules.Points[RiskWords]+worst.Weight-2, m.When(), m.When(), worst.Quote, "The customer writes of "+wordingWords[worst.Kind], letter(m))
		}
		if notice != nil {
			r.add(RiskNotice, m.When(), m.When(), notice.Quote, "The customer gives formal notice", letter(m))
		}
	}
}

// tone finds where the last messages of the customer sound worse than those before.
func (r *risking) tone() {
	var all []*Mail
	for i := range r.Mail {
		if m := &r.Mail[i]; m.human(Inbound) {
			all = append(all, m)
		}
	}
	mean := func(list []*Mail) (sum float64) {
		for _, m := range list {
			sum += r.Traits[m.SHA256].Tone
		}
		return sum / float64(len(list))
	}
	for n := toneOf + 1; n <= len(all); n++ {
		last := all[n-toneOf : n]
		if mean(all[max(0, n-2*toneOf-1):n-toneOf])-mean(last) < toneFall {
			continue
		}
		var sources []Source
		for _, m := range last {
			sources = append(sources, letter(m))
		}
		at := last[toneOf-1].When()
		r.add(RiskTone, at, at, "", "The last messages sound worse than those before", sources...)
		n += toneOf - 1 // The next signal has messages of its own.
	}
}

// spread finds the week in which many of us are written to for the first time.
func (r *risking) spread() {
	first := map[string]*Mail{}
	var order []string
	for i := range r.Mail {
		m := &r.Mail[i]
		if m.Automatic {
			continue
		}
		for _, to := range m.To {
			if a := strings.ToLower(to.Address); r.Us.Has(a) && first[a] == nil {
				first[a] = m
				order = append(order, a)
			}
		}
	}
	for i := spreadTo; i < len(order); i++ { // The first one is where it began.
		a, b := first[order[i-spreadTo+1]], first[order[i]]
		if b.When().Sub(a.When()) <= week {
			r.add(RiskSpread, b.When(), b.When(), "", fmt.Sprintf("%d more of us were written to in a week", spreadTo), letter(a), letter(b))
			i += spreadTo - 1 // Likewise of others.
		}
	}
}

// moves finds a case that goes from one owner to the next, and one that is reopened again and again.
func (r *risking) moves(c *Case) {
	var owners, reopened []Source
	ended := func(status Status) bool { return status == Resolved || status == Closed }
	for i := 1; i < len(c.standings); i++ {
		before, t := c.standings[i-1], c.standings[i]
		e := &c.Log[t.entry]
		at := Source{Case: c.Number, Event: e.Position, At: e.At}
		if t.owner != before.owner {
			owners = append(owners, at)
		}
		if ended(before.status) && !ended(t.status) {
			reopened = append(reopened, at)
		}
	}
	for _, found := range []struct {
		rule    RiskRule
		all     []Source
		from    int
		wording string
	}{{RiskOwners, owners, ownerMoves, "The owner changed %d times"}, {RiskReopened, reopened, reopenings, "It was reopened %d times"}} {
		if len(found.all) >= found.from {
			at := found.all[found.from-1].At
			r.add(found.rule, at, at, "", fmt.Sprintf(found.wording, len(found.all)), found.all[:found.from]...)
		}
	}
}

// deadlines finds deadlines that are less than two working days away, Saturday and Sunday left out.
func (r *risking) deadlines(c *Case) {
	for _, k := range c.KeyDates {
		if k.Kind != "deadline" {
			continue
		}
		from := k.When.To
		for days := 0; days < 2; {
			from = from.AddDate(0, 0, -1)
			if w := from.Weekday(); w != time.Saturday && w != time.Sunday {
				days++
			}
		}
		r.near(RiskDeadline, c, k, from, "Deadline: "+k.Label)
	}
}

// near notes a date that matters, from a time on until it is over, while somebody has written it down.
func (r *risking) near(rule RiskRule, c *Case, k KeyDate, from time.Time, text string) {
	until := k.When.To
	if !k.Removed.IsZero() && k.Removed.Before(until) {
		until = k.Removed
	}
	if k.At.After(from) {
		from = k.At
	}
	if from.Before(until) {
		r.add(rule, from, until, "", text, c.cited(k.Cites, "date-"+itoa(k.ID))...)
	}
}

// renewals finds renewals that are near while something else is wrong, or was.
func (r *risking) renewals() {
	if len(r.signals) == 0 {
		return
	}
	first := slices.MinFunc(r.signals, func(a, b Signal) int { return a.From.Compare(b.From) }).From
	for i := range r.Cases {
		c := &r.Cases[i]
		for _, k := range c.KeyDates {
			if k.Kind != "renewal" {
				continue
			}
			from := k.When.From.Add(-renewalNear)
			if first.After(from) {
				from = first
			}
			r.near(RiskRenewal, c, k, from, "Renewal: "+k.Label)
		}
	}
}
