package casework

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"polytrace/archive"
)

// What is told to whom. The owner of a case and who follows it hear of its risk, its clocks and its promises; managers
// hear of what is critical. What is asked, offered or given is told to whom that is. Nobody is told of what he did.

func keyOf(keys []archive.Digest) archive.Digest {
	h := sha256.New()
	for _, k := range keys {
		h.Write(k[:])
	}
	return archive.Digest(h.Sum(nil))
}

// managers are the people with that role, by name.
func (s *State) managers() (names []string) {
	for _, u := range s.Users() {
		if s.users[u.Name].may(func(r Role) bool { return r == Manager }) {
			names = append(names, u.Name)
		}
	}
	return names
}

// concerned are the owner of a case and who follows it.
func (c *caseFile) concerned() []string {
	if c.Owner == "" {
		return c.Followers
	}
	return append([]string{c.Owner}, c.Followers...)
}

// addressed are copies of a draft for people who may read, each once and none for who did it.
func (s *State) addressed(draft Draft, actor string, to ...string) (all []Draft) {
	for i, name := range to {
		if name != actor && !slices.Contains(to[:i], name) && s.users[name].may(Role.Reads) {
			draft.To = name
			all = append(all, draft.clone())
		}
	}
	return all
}

// notice notes what a decision about a case has to be told, to those whom it concerns now. Owner is who had the case before.
// Of a muted case nobody is told what only concerns its work.
func (s *State) notice(c *caseFile, d decision, owner string, data any) {
	if s.alerts.began.IsZero() {
		return
	}
	at := []Source{{Case: c.Number, Event: d.pos, At: d.At}}
	tell := func(kind AlertKind, rule string, critical bool, sources []Source, to []string, format string, args ...any) {
		if c.Muted && !critical && (kind == AlertRisk || kind == AlertRule) {
			return
		}
		draft := Draft{Kind: kind, Rule: rule, Subject: c.label(), Case: c.Number, Critical: critical, Sources: sources, Text: sentence(fmt.Sprintf(format, args...), "")}
		for _, one := range s.addressed(draft, d.Actor, to...) {
			s.alerts.noticed = append(s.alerts.noticed, notice{d.pos, one})
		}
	}
	who := s.who(d.Actor)
	owned := func() {
		if owner == c.Owner {
			return
		}
		tell(AlertOwner, "owner", false, at, []string{c.Owner}, "%s gave you %s", who, c.label())
		tell(AlertOwner, "owner-lost", false, at, []string{owner}, "%s took %s from you", who, c.label())
		others := slices.DeleteFunc(slices.Clone(c.Followers), func(name string) bool { return name == owner || name == c.Owner })
		tell(AlertOwner, "owner-changed", false, at, others, "%s belongs to %s now", c.label(), or(s.who(c.Owner), "nobody"))
	}
	switch x := data.(type) {
	case RiskChangedData:
		if x.From == x.To {
			return
		}
		for _, why := range x.Because {
			at = append(at, why.Sources...)
		}
		to, verb := c.concerned(), "fell"
		if x.To.rank() > x.From.rank() {
			verb = "rose"
		}
		if x.To == RiskCritical {
			to = append(slices.Clone(to), s.managers()...)
		}
		tell(AlertRisk, "risk", x.To == RiskCritical, at, to, "The risk of %s %s from %s to %s, %s", c.label(), verb, x.From, x.To, count(x.Points, "point"))
	case RiskOverriddenData:
		to := c.concerned()
		if x.Level == RiskCritical {
			to = append(slices.Clone(to), s.managers()...)
		}
		tell(AlertRisk, "risk-set", x.Level == RiskCritical, at, to, "%s set the risk of %s to %s", who, c.label(), x.Level)
	case HandoffOfferedData:
		text := map[HandoffKind]string{Cover: "%s asks you to cover %s", Join: "%s asks you to join %s"}[x.Kind]
		tell(AlertHandoff, "handoff-offered", false, at, []string{x.To}, or(text, "%s offers you %s"), who, c.label())
	case HandoffAnsweredData:
		h := c.Handoffs[x.ID-1]
		verb := "declined"
		if x.Accepted {
			verb = "accepted"
		}
		tell(AlertHandoff, "handoff-answered", false, at, []string{h.By, h.From}, "%s %s your offer of %s", who, verb, c.label())
	case HandoffReturnedData:
		h := c.Handoffs[x.ID-1]
		tell(AlertCover, "cover-ended", false, at, []string{h.From, h.To}, "The cover of %s has ended: %s owns it again", c.label(), or(s.who(x.Owner), "nobody"))
	case QuestionAskedData:
		tell(AlertQuestion, "question-asked", false, at, []string{x.To}, "%s asks you something in %s", who, c.label())
	case QuestionAnsweredData:
		tell(AlertQuestion, "question-answered", false, at, []string{c.Questions[x.ID-1].By}, "%s answered your question in %s", who, c.label())
	case NoteAddedData:
		tell(AlertMention, "mention", false, at, x.Mentions, "%s mentioned you in a note of %s", who, c.label())
	case ReviewAskedData:
		to := []string{x.To}
		if x.To == "" {
			to = s.managers()
		}
		tell(AlertQuestion, "review-asked", false, at, to, "%s asks you to review %s", who, c.label())
	case ReviewDecidedData:
		tell(AlertQuestion, "review-decided", false, at, []string{c.Reviews[x.ID-1].AskedBy}, "%s has reviewed %s", who, c.label())
		owned()
	case CaseOpenedData:
		tell(AlertOwner, "owner", false, at, []string{x.Owner}, "%s gave you %s", who, c.label())
		tell(AlertRule, "rule", false, at, s.named(x.Effects), "By a rule you are told of %s, which is new", c.label())
	case MailRoutedData:
		owned()
		tell(AlertRule, "rule", false, at, s.named(x.Effects), "By a rule you are told of mail that came to %s", c.label())
	case CaseOwnedData:
		owned()
	}
}

// named are the people whom rules name, and those of teams that they name.
func (s *State) named(e *RuleEffects) (names []string) {
	if e == nil {
		return nil
	}
	for _, who := range e.Notify {
		if team, ok := strings.CutPrefix(who, teamPrefix); !ok {
			names = append(names, who)
		} else if t := s.teams[team]; t != nil {
			names = append(names, t.Members...)
		}
	}
	return names
}

// DueAlerts lists what is to be told at a time: what was noticed since it was looked at last, and which times have come.
// Upto is behind the last decision that was looked at.
func (s *State) DueAlerts(now time.Time) (all []Draft, upto archive.Position) {
	if s.alerts.began.IsZero() {
		return nil, s.next
	}
	for _, n := range s.alerts.noticed {
		all = append(all, n.Draft.clone())
	}
	for _, c := range s.cases {
		if c.Status == Closed {
			continue
		}
		for _, p := range c.Commitments {
			if !c.Muted {
				all = append(all, s.promiseAlerts(c, p, now)...)
			}
		}
		for _, h := range c.Handoffs {
			if h.State == Covering && !now.Before(h.Until.Add(-alertSoon)) && h.Answered.Before(h.Until.Add(-alertSoon)) && h.Until.After(s.alerts.began) {
				all = append(all, s.addressed(Draft{Once: true, Kind: AlertCover, Rule: "cover-ends", Subject: fmt.Sprintf("%s/handoff-%d/%d", c.label(), h.ID, h.Until.Unix()), Case: c.Number, Sources: c.Case.cited(nil, "handoff-"+itoa(h.ID)),
					Text: fmt.Sprintf("The cover of %s ends on %s", c.label(), h.Until.UTC().Format("2 January 2006 15:04 UTC"))}, "", h.To, h.From)...)
			}
		}
	}
	return all, s.next
}

// promiseAlerts tells of a promise that is due soon, or has passed its time, since the watch began.
func (s *State) promiseAlerts(c *caseFile, p Commitment, now time.Time) []Draft {
	if p.End != nil || p.Due == nil || !p.Due.To.After(s.alerts.began) {
		return nil
	}
	said := p.At
	if n := len(p.Moves); n > 0 {
		said = p.Moves[n-1].At
	}
	whose, soon := "Promise", p.Due.To.Add(-alertSoon)
	if p.Direction == Theirs {
		whose = "Their promise"
	}
	draft := Draft{Once: true, Kind: AlertPromise, Case: c.Number, Subject: fmt.Sprintf("%s/promise-%d/%d", c.label(), p.ID, p.Due.To.Unix()), Sources: c.Case.cited(p.Cites, "promise-"+itoa(p.ID))}
	to := []string{s.answers(c, p)}
	switch {
	case len(draft.Sources) == 0 || now.Before(soon):
		return nil
	case !now.Before(p.Due.To):
		draft.Rule, draft.Text = "promise-passed", fmt.Sprintf("%s %d of %s is past its time, %s", whose, p.ID, c.label(), dueWords(*p.Due))
		to = append(to, c.concerned()...)
	case said.After(soon): // Who wrote it down knows.
		return nil
	default:
		draft.Rule, draft.Text = "promise-soon", fmt.Sprintf("%s %d of %s is due soon, %s", whose, p.ID, c.label(), dueWords(*p.Due))
	}
	return s.addressed(draft, "", to...)
}

// dueWords is a time in a sentence: the last day of it, or the minute.
func dueWords(w When) string {
	if w.Grain == "minute" {
		return w.From.Format("2 January 2006 15:04 MST")
	}
	return w.To.Add(-time.Nanosecond).Format("2 January 2006")
}

// ClockAlerts tells of response times of a case that are nearly used up, or over, since the watch began. While nobody
// owns the case the managers are told.
func (s *State) ClockAlerts(number int, clocks []Clock, now time.Time) (all []Draft) {
	c := s.file(number)
	if c == nil || s.alerts.began.IsZero() {
		return nil
	}
	for _, k := range clocks {
		if !k.Open() || k.Started == nil {
			continue
		}
		draft := Draft{Kind: AlertClock, Case: number, Subject: fmt.Sprintf("%s/clock-%s/%d", c.label(), k.Kind, k.Since.Unix()), Sources: []Source{{Case: number, Event: c.Log[0].Position, At: c.Log[0].At}}}
		if k.Started.Record.Stream != "" {
			at := k.Started.Record
			draft.Sources = []Source{{Record: &at, At: k.Since}}
		}
		to := c.concerned()
		if c.Owner == "" || k.State == ClockBreached {
			to = append(slices.Clone(to), s.managers()...)
		}
		switch {
		case k.State == ClockBreached && k.Due.After(s.alerts.began):
			draft.Rule, draft.Critical = "clock-over", true
			draft.Text = fmt.Sprintf("The time for the %s of %s is over since %s", clockWords[k.Kind], c.label(), k.Due.UTC().Format("2 January 15:04 UTC"))
		case k.State == ClockRunning && !c.Muted && !k.Remind.IsZero() && !now.Before(k.Remind) && k.Due.After(s.alerts.began):
			draft.Rule = "clock-near"
			draft.Text = fmt.Sprintf("The time for the %s of %s is nearly used up: it is due %s", clockWords[k.Kind], c.label(), k.Due.UTC().Format("2 January 15:04 UTC"))
		default:
			continue
		}
		all = append(all, s.addressed(draft, "", to...)...)
	}
	return all
}

var clockWords = map[ClockKind]string{FirstReply: "first reply", NextReply: "next reply", Resolution: "resolution"}
