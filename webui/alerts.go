package webui

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/index"
)

const (
	// alertEvery is how often it is looked for what is to be told, and what goes out.
	alertEvery = 20 * time.Second
	// alertRounds is in how many rounds the clocks of every open case are counted anew, whether or not something of it changed.
	alertRounds = 15
	// maxFound is of how many messages that a search found in one round somebody is told, the newest ones.
	maxFound = 200
)

// WatchAlerts raises alerts as things happen and times come, and hands them on, until ctx ends. What was raised and what
// went out is in the ledger: a watch that begins again goes on from there.
func (s *Server) WatchAlerts(ctx context.Context) error {
	var sending sync.WaitGroup
	defer sending.Wait()
	sending.Go(func() {
		_ = s.keepOn(ctx, alertEvery, "not all alerts went out", func(ctx context.Context) error { return s.post.round(ctx, s) }) // It ends with ctx.
	})
	return s.keepLooking(ctx, alertEvery, "not all alerts were raised", newAlertWatch(s).round)
}

// alertWatch is what was looked at, so that it is not looked at again for nothing.
type alertWatch struct {
	s        *Server
	rounds   int
	mail     int64 // Records that the index had.
	policies int   // Versions of policies and calendars.
	clocks   map[int]counted
	looked   map[subscribed]casework.Positions
}

type subscribed struct {
	key  casework.SearchKey
	user string
}

// counted are the clocks of a case, when they were counted, and when they stand otherwise by themselves.
type counted struct {
	looked
	clocks []casework.Clock
	until  time.Time // Zero: never.
}

func newAlertWatch(s *Server) *alertWatch {
	return &alertWatch{s: s, clocks: map[int]counted{}, looked: map[subscribed]casework.Positions{}}
}

// round raises what is to be told now.
func (w *alertWatch) round(ctx context.Context) error {
	var c casework.RaiseAlerts
	var began bool
	now := w.s.config.Now()
	w.s.config.Desk.Read(func(state *casework.State) {
		began = !state.AlertsBegan().IsZero()
		c.Drafts, c.Upto = state.DueAlerts(now)
	})
	if !began {
		return w.raise(ctx, casework.RaiseAlerts{})
	}
	records := w.s.config.Index.Status().Records
	news := records != w.mail || w.rounds == 0
	clocks, failed := w.clockDrafts(ctx, news, now)
	c.Drafts = append(c.Drafts, clocks...)
	upto := map[subscribed]casework.Positions{}
	if news {
		found, err := w.searchDrafts(ctx, &c, upto)
		c.Drafts, failed = append(c.Drafts, found...), errors.Join(failed, err)
	}
	w.rounds++
	if err := w.raise(ctx, c); err != nil {
		return errors.Join(failed, err)
	}
	if failed == nil {
		w.mail = records
	}
	for key, at := range upto {
		w.looked[key] = at
	}
	return failed
}

// raise raises all of what may be more than one event holds.
func (w *alertWatch) raise(ctx context.Context, c casework.RaiseAlerts) error {
	for last := archive.Position(0); ; {
		before := w.raised()
		at, err := w.s.config.Desk.Do(ctx, casework.System, c)
		if err != nil || at == last || w.raised() == before {
			return err
		}
		last = at
	}
}

// raised is how many alerts there are of all people.
func (w *alertWatch) raised() (n int) {
	w.s.config.Desk.Read(func(state *casework.State) { n = state.AlertsRaised() })
	return n
}

// clockDrafts are the alerts about the response times of the open cases. Nobody is shown anything of them.
func (w *alertWatch) clockDrafts(ctx context.Context, news bool, now time.Time) (drafts []casework.Draft, failed error) {
	var open []casework.Case
	var policies []casework.PolicyVersion
	var calendars []casework.CalendarVersion
	w.s.config.Desk.Read(func(state *casework.State) {
		if policies, calendars = state.PolicyVersions(), state.CalendarVersions(); len(policies) > 0 {
			open = state.Overview()
		}
	})
	all := len(policies)+len(calendars) != w.policies || w.rounds%alertRounds == 0
	w.policies = len(policies) + len(calendars)
	live := map[int]bool{}
	for _, c := range open {
		if c.Status == casework.Closed || c.Into != 0 {
			continue
		}
		live[c.Number] = true
		had, known := w.clocks[c.Number]
		at := looked{revision: c.Revision, mail: had.mail}
		if news || !known {
			var err error
			if at.mail, err = w.s.within(ctx).CaseMailMark(ctx, caseNames(w.s.config.Desk)(c.Number)); err != nil {
				return drafts, err
			}
		}
		if all || !known || had.looked != at || !had.until.IsZero() && !now.Before(had.until) {
			clocks, err := w.count(ctx, c.Number, policies, calendars, now)
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("case C-%d: %w", c.Number, err))
				delete(w.clocks, c.Number) // The next round counts them again.
				continue
			}
			had = counted{at, clocks, nextOf(clocks, now)}
			w.clocks[c.Number] = had
		}
		w.s.config.Desk.Read(func(state *casework.State) {
			drafts = append(drafts, state.ClockAlerts(c.Number, had.clocks, now)...)
		})
	}
	for number := range w.clocks {
		if !live[number] {
			delete(w.clocks, number)
		}
	}
	return drafts, failed
}

// count counts the clocks of a case of which nobody is shown anything.
func (w *alertWatch) count(ctx context.Context, number int, policies []casework.PolicyVersion, calendars []casework.CalendarVersion, now time.Time) ([]casework.Clock, error) {
	snap, err := w.s.bareCase(ctx, number)
	if err != nil {
		return nil, err
	}
	d, err := w.s.dossier(ctx, snap, false)
	if err != nil {
		return nil, err
	}
	return casework.Clocks(w.s.momentsOf(d), policies, calendars, now), nil
}

// nextOf is when the first of some clocks is to be told of, or is over.
func nextOf(clocks []casework.Clock, now time.Time) (next time.Time) {
	for _, k := range clocks {
		for _, at := range []time.Time{k.Remind, k.Due} {
			if k.Open() && at.After(now) && (next.IsZero() || at.Before(next)) {
				next = at
			}
		}
	}
	return next
}

// searchDrafts are the alerts about what watched searches found, each within the limits of who wants to be told. Upto is
// where the next round begins.
func (w *alertWatch) searchDrafts(ctx context.Context, c *casework.RaiseAlerts, upto map[subscribed]casework.Positions) (drafts []casework.Draft, failed error) {
	var subs []casework.Subscription
	w.s.config.Desk.Read(func(state *casework.State) { subs = state.Subscriptions() })
	for _, sub := range subs {
		key := subscribed{sub.Search.Key(), sub.User.Name}
		after := casework.Positions{}
		for _, known := range []casework.Positions{sub.Upto, w.looked[key]} {
			for stream, at := range known {
				after[stream] = max(after[stream], at)
			}
		}
		found, err := w.s.within(asUser(ctx, sub.User)).News(ctx, sub.Search.Key(), after, maxFound)
		switch {
		case errors.Is(err, index.ErrNotWatched) || errors.As(err, new(*index.SyntaxError)): // Not yet, or not any more.
			continue
		case err != nil:
			failed = errors.Join(failed, fmt.Errorf("search %s of %s: %w", sub.Search.Name, sub.Search.Owner, err))
			continue
		}
		upto[key] = found.Upto
		if len(found.Items) == 0 {
			continue
		}
		at := make([]archive.Address, len(found.Items))
		for i, item := range found.Items {
			at[len(at)-1-i] = item.Address // The oldest first.
		}
		drafts = append(drafts, sub.Drafts(at)...)
		c.Searches = append(c.Searches, casework.SearchLooked{Owner: key.key.Owner, Name: key.key.Name, User: key.user, Upto: found.Upto})
	}
	return drafts, failed
}

// asUser is a context in which the limits of somebody hold. Nothing is shown in it.
func asUser(ctx context.Context, u casework.User) context.Context {
	return withCaller(ctx, caller{u.Name, fullName(u), u.Roles})
}

// unseenAlerts counts the alerts that a caller has not seen.
func (s *Server) unseenAlerts(who caller) (n int) {
	s.config.Desk.Read(func(state *casework.State) { n = state.UnseenAlerts(who.actor) })
	return n
}
