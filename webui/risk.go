package webui

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/casework/extract"
	"polytrace/index"
	"polytrace/message"
)

// traits keeps what was found out about the mood of messages, by their bytes; it is forgotten when there is much of it.
type traits struct {
	mu    sync.Mutex
	known map[archive.Digest]casework.Traits
}

// maxTraits is for how many messages traits are kept, of about 200 bytes each.
const maxTraits = 50_000

// of reads a message unless it is known.
func (t *traits) of(digest archive.Digest, read func() (*message.Message, error)) (casework.Traits, error) {
	t.mu.Lock()
	known, ok := t.known[digest]
	t.mu.Unlock()
	if ok {
		return known, nil
	}
	m, err := read()
	if err != nil {
		return casework.Traits{}, err
	}
	found := traitsOf(m)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil || len(t.known) >= maxTraits {
		t.known = map[archive.Digest]casework.Traits{}
	}
	t.known[digest] = found
	return found, nil
}

// traitsOf reads what an author wrote himself, and how he signs.
func traitsOf(m *message.Message) casework.Traits {
	text := m.Text()
	within := extract.Author(text)
	t := casework.Traits{Tone: extract.Tone(text.Body, within), Part: text.Part}
	for _, a := range extract.Alarms(text.Body, within) {
		t.Alarms = append(t.Alarms, casework.Wording{Kind: string(a.Value.Kind), Weight: a.Value.Weight, Quote: a.Quote, Start: a.Start, End: a.End})
	}
	for _, x := range extract.Discharges(text.Body, within, "", extract.Reference{Sent: m.Date}) {
		t.Done = append(t.Done, casework.Wording{Kind: x.Value.Kind, Quote: x.Quote, Start: x.Start, End: x.End})
	}
	if start, end := message.Left(text.Body); start >= 0 && m.AutomaticKind() == message.AbsenceKind {
		t.Alarms = append(t.Alarms, casework.Wording{Kind: "left", Weight: 2, Quote: text.Body[start:end], Start: start, End: end})
	}
	for _, d := range m.Bounced() {
		if strings.HasPrefix(d.Status, "5.1.") {
			t.Bounced = append(t.Bounced, d.Address)
		}
	}
	if len(m.From) == 0 {
		return t
	}
	for _, z := range text.Zones {
		if z.Kind != "signature" {
			continue
		}
		if p, ok := extract.Signatory(text.Body, extract.Span{Start: z.Start, End: z.End}, m.From[0]); ok && p.Title != "" {
			t.Title, t.Executive = p.Title, extract.Executive(p.Title)
			break
		}
	}
	return t
}

// riskInput is what the risk of a case follows from.
func (s *Server) riskInput(ctx context.Context, d *dossier, arrivals arrivalsOf) (casework.RiskInput, error) {
	in := casework.RiskInput{Cases: d.Cases, Mail: d.Mail, Traits: map[archive.Digest]casework.Traits{}, Now: s.config.Now()}
	var policies []casework.PolicyVersion
	var calendars []casework.CalendarVersion
	s.config.Desk.Read(func(state *casework.State) {
		in.Us, in.Rules, policies, calendars = s.company(state), state.RiskRules(), state.PolicyVersions(), state.CalendarVersions()
		in.OldAfter, _ = state.OldAfter(d.Cases[0].Number)
		in.Key = state.KeyContacts(d.Cases)
	})
	var err error
	if in.Arrivals, err = arrivals(ctx, d.Cases[0].Account, in.Us); err != nil {
		return in, err
	}
	if len(policies) > 0 {
		in.Clocks = casework.Clocks(s.momentsOf(d), policies, calendars, in.Now)
	}
	return in, s.readTraits(ctx, d.Mail, in.Traits)
}

// readTraits finds out about the mood of messages, and what they say was done. Those that cannot be read say nothing.
func (s *Server) readTraits(ctx context.Context, mail []casework.Mail, traits map[archive.Digest]casework.Traits) error {
	for _, m := range mail {
		found, err := s.traits.of(m.SHA256, func() (*message.Message, error) {
			r, err := s.config.Archive.Read(ctx, m.Record)
			if err != nil {
				return nil, err
			}
			return message.Read(r.Body, delivery(r.Meta)).Original, nil
		})
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case unreadable(err) || errors.Is(err, archive.ErrDamaged):
		case err != nil:
			return err
		default:
			traits[m.SHA256] = found
		}
	}
	return nil
}

// How far back and how many messages of an account are counted.
const (
	arrivalDays  = 125
	arrivalPages = 4 // Of 1000 messages.
)

// arrivalsOf gives arrivals.
type arrivalsOf func(ctx context.Context, account string, us casework.Company) ([]time.Time, error)

// arrivalsOnce is arrivals for several cases at one moment: those of an account are looked up once.
func (s *Server) arrivalsOnce() arrivalsOf {
	known := map[string][]time.Time{}
	return func(ctx context.Context, account string, us casework.Company) ([]time.Time, error) {
		times, ok := known[account]
		if ok {
			return times, nil
		}
		times, err := s.arrivals(ctx, account, us)
		if err == nil {
			known[account] = times
		}
		return times, err
	}
}

// arrivals are the times at which people of an account wrote, oldest first, as far as the caller may read that. Nothing of
// the messages is shown.
func (s *Server) arrivals(ctx context.Context, account string, us casework.Company) (times []time.Time, err error) {
	a, err := s.account(account)
	if account == "" || err != nil {
		return nil, nil // A case may name one that nobody has opened.
	}
	ask := index.Request{Query: fmt.Sprintf("%s -is:automatic after:%dd", accountQuery(a.ID), arrivalDays), Limit: 1000, Now: s.config.Now()}
	for range arrivalPages {
		page, err := s.within(ctx).Search(ctx, ask)
		if err != nil {
			return nil, err
		}
		for _, x := range page.Items {
			if !us.Has(x.From.Address) {
				times = append(times, x.Date)
			}
		}
		if ask.Cursor = page.Next; ask.Cursor == "" {
			break
		}
	}
	slices.Reverse(times)
	return times, nil
}

// unusual tells whether people of an account write more than is usual; nil when not.
func (s *Server) unusual(ctx context.Context, a casework.Account) (*casework.Anomaly, error) {
	var us casework.Company
	s.config.Desk.Read(func(state *casework.State) { us = s.company(state) })
	times, err := s.arrivals(ctx, a.ID, us)
	if err != nil {
		return nil, err
	}
	found, unusual := casework.VolumeAnomaly(times, s.config.Now())
	if !unusual {
		return nil, nil
	}
	return &found, nil
}

// riskInputOf is riskInput of a case of which nobody is shown anything.
func (s *Server) riskInputOf(ctx context.Context, number int, arrivals arrivalsOf) (casework.RiskInput, error) {
	snap, err := s.bareCase(ctx, number)
	if err != nil {
		return casework.RiskInput{}, err
	}
	d, err := s.dossier(ctx, snap, false)
	if err != nil {
		return casework.RiskInput{}, err
	}
	return s.riskInput(ctx, d, arrivals)
}

// WatchRisk notes how much each open case is at risk as mail comes and time passes, until ctx ends.
func (s *Server) WatchRisk(ctx context.Context) error {
	w := riskWatch{s: s, seen: map[int]looked{}}
	return s.keepLooking(ctx, riskEvery, "the risk of cases is not known", w.round)
}

// How often it is looked whether something came that changes a risk, and in how many rounds every open case is looked at
// whether or not: promises pass their time, and what was fades.
const (
	riskEvery  = 20 * time.Second
	riskRounds = 15
)

// riskWatch is what was looked at.
type riskWatch struct {
	s      *Server
	rounds int
	mail   int64          // Records that the index had.
	rules  int            // Version of the rules.
	seen   map[int]looked // By number of the case.

	accounts archive.Position // Of decisions about accounts, whose key contacts count.
}

// looked is a case as it was when its risk was looked at.
type looked struct {
	revision archive.Position
	mail     uint64 // See index.Reader.CaseMailMark.
}

// round looks at the open cases of which something may have changed.
func (w *riskWatch) round(ctx context.Context) error {
	records := w.s.config.Index.Status().Records
	var open []casework.Case
	var rules int
	var accounts archive.Position
	w.s.config.Desk.Read(func(state *casework.State) {
		open, rules, accounts = state.Overview(), state.RiskRules().Version, state.AccountsRevision()
	})
	var errs []error
	var err error
	arrivals := w.s.arrivalsOnce()
	all, news := rules != w.rules || accounts != w.accounts || w.rounds%riskRounds == 0, records != w.mail
	for _, c := range open {
		if c.Status == casework.Closed || c.Into != 0 || !all && !news && w.seen[c.Number].revision == c.Revision {
			continue
		}
		now := looked{revision: c.Revision}
		if now.mail, err = w.s.within(ctx).CaseMailMark(ctx, caseNames(w.s.config.Desk)(c.Number)); err != nil {
			return err
		}
		if !all && w.seen[c.Number] == now {
			continue
		}
		if err := w.look(ctx, c.Number, arrivals); err != nil {
			errs = append(errs, fmt.Errorf("case C-%d: %w", c.Number, err))
			continue
		}
		w.seen[c.Number] = now
	}
	w.mail, w.rules, w.accounts = records, rules, accounts
	w.rounds++
	return errors.Join(errs...)
}

// look notes the risk of a case. Nobody is shown anything of it, so that no limits hold and nothing is noted as read.
func (w *riskWatch) look(ctx context.Context, number int, arrivals arrivalsOf) error {
	in, err := w.s.riskInputOf(ctx, number, arrivals)
	if err != nil {
		return err
	}
	risk, changes := casework.RiskOf(in)
	_, err = w.s.config.Desk.Do(ctx, casework.System, casework.NoteRisk{Case: number, Change: risk.Noted(changes, in.Now), Rules: in.Rules.Version})
	return err
}
