package webui

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/index"
)

// A trial of rules ends at either of these.
const (
	maxRehearsed = 1000 // Messages.
	rehearseFor  = 15 * time.Second

	rehearsedShown = 200 // Differences.
	maxTrialDays   = 90
)

// rehearsed is what rules that are not kept would have done with the mail of some days.
type rehearsed struct {
	Days    int              `json:"days"`
	Read    int              `json:"read" doc:"Messages that were looked at: those that you may read."`
	Cut     bool             `json:"cut" doc:"There were more; the newest were looked at."`
	Differ  int              `json:"differ" doc:"Messages with which something else would become."`
	Items   []trialItem      `json:"items" doc:"These, the oldest first; the first 200."`
	Matched []trialRuleCount `json:"matched" doc:"How many messages each rule would decide about; those of the trial."`
}

// trialRuleCount is how many messages a rule decides about.
type trialRuleCount struct {
	Rule  string `json:"rule"`
	Name  string `json:"name"`
	Count int    `json:"count"`
}

// trialItem is a message with which something else would become.
type trialItem struct {
	Record  archive.Address   `json:"record"`
	From    string            `json:"from"`
	Subject string            `json:"subject"`
	Opens   bool              `json:"opens" doc:"A case would be opened for it."`
	Case    int               `json:"case,omitempty" doc:"That it would come to; none where one would be opened in the trial."`
	Was     casework.Standing `json:"was" doc:"Behind the message by the rules that are kept."`
	Would   casework.Standing `json:"would" doc:"Behind it by those of the trial."`
	Rule    string            `json:"rule,omitempty" doc:"Name of the rule that would decide."`
	Changes []trialDifference `json:"changes"`
}

// trialDifference is what would be otherwise, in words.
type trialDifference struct {
	What string `json:"what"`
	Was  string `json:"was"`
	Be   string `json:"would"`
}

// rehearse tries rules that are not kept over the mail of the last days that the caller may read.
func (s *Server) rehearse(ctx context.Context, set casework.RuleSet, days int) (*rehearsed, error) {
	days = min(max(days, 1), maxTrialDays)
	var err error
	if s.config.Desk.Read(func(state *casework.State) { err = state.CheckRules(set) }); err != nil {
		return nil, err
	}
	kept, calendars := s.ruling()
	was, err := casework.NewRouter(kept, calendars)
	if err != nil {
		return nil, err
	}
	would, err := casework.NewRouter(set, calendars)
	if err != nil {
		return nil, err
	}
	t := &rehearsed{Days: days, Items: []trialItem{}, Matched: []trialRuleCount{}}
	mail, docs, err := s.lately(ctx, t)
	if err != nil {
		return nil, err
	}
	var before, after []casework.Rehearsed
	var teams map[string]string
	var people names
	s.config.Desk.Read(func(state *casework.State) {
		before, after = state.Rehearse(was, mail), state.Rehearse(would, mail)
		teams, people = map[string]string{}, namesOf(state.Users())
		for _, x := range state.Teams() {
			teams[x.Name] = x.Title
		}
	})
	t.count(set, after)
	for i := range after {
		if before[i].Case == after[i].Case && reflect.DeepEqual(before[i].After, after[i].After) {
			continue
		}
		if t.Differ++; len(t.Items) == rehearsedShown {
			continue
		}
		doc := docs[after[i].Message.Record]
		item := trialItem{Record: doc.Address, From: nameOf(doc.From), Subject: titleOf(doc.Subject), Opens: after[i].Opens, Case: max(after[i].Case, 0), Was: before[i].After, Would: after[i].After}
		for _, r := range set.Rules {
			if r.ID == after[i].Rule {
				item.Rule = r.Name
			}
		}
		item.Changes = differences(before[i], after[i], func(team string) string { return teams[team] }, people)
		t.Items = append(t.Items, item)
	}
	return t, nil
}

// count counts how many messages each rule decides about.
func (t *rehearsed) count(set casework.RuleSet, after []casework.Rehearsed) {
	for _, r := range set.Rules {
		n := trialRuleCount{r.ID, r.Name, 0}
		for _, x := range after {
			if x.Rule == r.ID {
				n.Count++
			}
		}
		t.Matched = append(t.Matched, n)
	}
}

// lately reads the mail of the days of a trial, as far as the caller may. Nothing of it but who wrote, and about what, is shown.
func (s *Server) lately(ctx context.Context, t *rehearsed) (mail []casework.Arrival, docs map[archive.Address]*index.Document, err error) {
	late, cancel := context.WithTimeout(ctx, rehearseFor)
	defer cancel()
	docs = map[archive.Address]*index.Document{}
	var queues []string
	s.config.Desk.Read(func(state *casework.State) {
		for _, q := range state.Intake().Queues {
			queues = append(queues, q.Name)
		}
	})
	ask := index.Request{Query: fmt.Sprintf("kind:message after:%s", s.config.Now().AddDate(0, 0, -t.Days-1).Format(time.DateOnly)), Limit: 250, Now: s.config.Now()}
	for {
		page, err := s.search(ctx, ask)
		if err != nil {
			return nil, nil, err
		}
		for _, item := range page.Items {
			if len(mail) == maxRehearsed || late.Err() != nil {
				t.Cut, t.Read = true, len(mail)
				return mail, docs, ctx.Err()
			}
			a, doc, err := s.triedMail(ctx, item.Address, queues)
			if err != nil {
				return nil, nil, err
			}
			if doc != nil {
				mail, docs[doc.Address] = append(mail, a), doc
			}
		}
		if ask.Cursor = page.Next; ask.Cursor == "" {
			t.Read = len(mail)
			return mail, docs, nil
		}
	}
}

// triedMail reads a message for a trial; nil when it came through no queue, or through one whose mail is left alone.
func (s *Server) triedMail(ctx context.Context, at archive.Address, queues []string) (a casework.Arrival, doc *index.Document, err error) {
	doc, err = s.within(ctx).Document(ctx, at)
	if unreadable(err) {
		return a, nil, nil // It was removed since it was found.
	}
	if err != nil {
		return a, nil, err
	}
	if !slices.ContainsFunc(doc.Seen, func(x index.Sighting) bool {
		return x.Source.Queue != "" && (len(queues) == 0 || slices.Contains(queues, x.Source.Queue))
	}) {
		return a, nil, nil
	}
	a, err = s.arrivalAt(ctx, doc)
	if unreadable(err) || errors.Is(err, archive.ErrDamaged) {
		return a, nil, nil
	}
	return a, doc, err
}

// differences says what would be otherwise.
func differences(was, would casework.Rehearsed, team func(string) string, people names) (list []trialDifference) {
	add := func(what, a, b string) {
		if a != b {
			list = append(list, trialDifference{what, orDash(a), orDash(b)})
		}
	}
	add("case", placeWords(was), placeWords(would))
	a, b := was.After, would.After
	add("team", team(a.Team), team(b.Team))
	add("owner", people.Of(a.Owner), people.Of(b.Owner))
	add("severity", severityWords(a.Severity), severityWords(b.Severity))
	add("tags", commas(a.Tags), commas(b.Tags))
	add("muted", yesNo(a.Muted), yesNo(b.Muted))
	add("exception", a.Exception, b.Exception)
	return list
}

func placeWords(x casework.Rehearsed) string {
	switch {
	case x.Opens || x.Case < 0:
		return "a new one"
	case x.Case > 0:
		return fmt.Sprintf("C-%d", x.Case)
	}
	return ""
}
