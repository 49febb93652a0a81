package webui

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

// works keeps how the open cases stand, as those see it who may read the same mail.
type works struct {
	mu    sync.Mutex
	lists map[string]*workList // By the queues whose mail is withheld; guarded by mu.
}

// maxWorks is for how many different limits lists are kept.
const maxWorks = 16

// workFresh is for how long a list is used again when nothing was decided and no mail came: a response time that
// ends shows so much later.
const workFresh = 5 * time.Second

// workList is how the open cases stood at a time. What it holds is read by many, and never changed in place.
type workList struct {
	turn chan struct{} // Holds one element: who has taken it may use the rest.

	at      time.Time
	ledger  archive.Position
	records int64
	company casework.Company
	all     []openWork
	known   map[int]openCase // By number.
}

// openCase is what a case stands by.
type openCase struct {
	family uint64 // Changes with the case and those that were merged into it.
	mark   uint64 // See index.Reader.CaseMailMark.
	c      casework.Case
	mail   []casework.Mail
}

// openWork is a case that is not done, with its mail.
type openWork struct {
	casework.Work
	mail []casework.Mail
}

// listFor is the list of all who may read the same mail.
func (w *works) listFor(limits string) *workList {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.lists[limits]
	if l == nil {
		if w.lists == nil || len(w.lists) >= maxWorks {
			w.lists = map[string]*workList{}
		}
		l = &workList{turn: make(chan struct{}, 1)}
		l.turn <- struct{}{}
		w.lists[limits] = l
	}
	return l
}

// work is how the open cases stand for the caller; for nobody in particular with all mail.
func (s *Server) work(ctx context.Context) ([]openWork, error) {
	who, known := callerFrom(ctx)
	var withheld []string
	if known {
		s.config.Desk.Read(func(state *casework.State) { _, withheld = state.Reach(who.actor, who.roles) })
	}
	l := s.works.listFor(strings.Join(withheld, "\n"))
	select {
	case <-l.turn:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { l.turn <- struct{}{} }()
	if err := s.refresh(ctx, l); err != nil {
		return nil, fmt.Errorf("look how the open cases stand: %w", err)
	}
	return l.all, nil
}

// refresh brings a list up to date. Only the mail of cases that changed is read again.
func (s *Server) refresh(ctx context.Context, l *workList) error {
	now, records := s.config.Now(), int64(s.config.Index.Status().Records)
	var heads []casework.Case
	var ledger archive.Position
	var company casework.Company
	var policies []casework.PolicyVersion
	var calendars []casework.CalendarVersion
	fresh := false
	s.config.Desk.Read(func(state *casework.State) {
		ledger = state.Next()
		if fresh = l.known != nil && ledger == l.ledger && records == l.records && now.Sub(l.at).Abs() < workFresh; fresh {
			return
		}
		heads, company = state.Overview(), s.company(state)
		policies, calendars = state.PolicyVersions(), state.CalendarVersions()
	})
	if fresh {
		return nil
	}
	had := l.known
	if !reflect.DeepEqual(company, l.company) {
		had = nil
	}
	moved := ledger != l.ledger || records != l.records
	families, zones := familiesOf(heads), zonesOf(policies, calendars)
	next, all := make(map[int]openCase, len(had)), make([]openWork, 0, len(had))
	for _, head := range heads {
		if done(head) || head.Into != 0 {
			continue
		}
		k, ok := had[head.Number]
		if !ok || moved || k.family != families[head.Number] {
			var err error
			if k, err = s.look(ctx, k, head.Number, families[head.Number], company); err != nil {
				return err
			}
		}
		next[head.Number] = k
		if w, ok := s.stand(k, policies, calendars, zones, now); ok {
			all = append(all, openWork{w, k.mail})
		}
	}
	l.at, l.ledger, l.records, l.company, l.all, l.known = now, ledger, records, company, all, next
	return nil
}

// familiesOf says for each case a number that changes when it, or one that was merged into it, does.
func familiesOf(heads []casework.Case) map[int]uint64 {
	into := make(map[int]int, len(heads))
	for _, c := range heads {
		into[c.Number] = c.Into
	}
	families := make(map[int]uint64, len(heads))
	for _, c := range heads {
		root := c.Number
		for range len(heads) {
			if into[root] == 0 {
				break
			}
			root = into[root]
		}
		families[root] += uint64(c.Number)<<40 ^ (uint64(c.Revision)+1)*0x9e3779b97f4a7c15
	}
	return families
}

// look reads again what of a case has changed since it was looked at.
func (s *Server) look(ctx context.Context, k openCase, number int, family uint64, company casework.Company) (openCase, error) {
	reader := s.within(ctx)
	members := caseNames(s.config.Desk)(number)
	mark, err := reader.CaseMailMark(ctx, members)
	if err != nil {
		return k, err
	}
	if k.mail == nil || mark != k.mark {
		letters, _, err := reader.CaseMail(ctx, members, false)
		if err != nil {
			return k, err
		}
		k.mail, k.mark = lettersOf(letters, company), mark
	}
	if k.family != family {
		s.config.Desk.Read(func(state *casework.State) { k.c, _ = state.Case(number) })
		k.c.Citations, k.c.Withdrawn, k.c.Notes, k.c.Shares, k.c.Facts, k.c.Decisions, k.c.Handoffs, k.c.Questions = nil, nil, nil, nil, nil, nil, nil, nil
		k.family = family
	}
	return k, nil
}

// stand is how a case stands now.
func (s *Server) stand(k openCase, policies []casework.PolicyVersion, calendars []casework.CalendarVersion, zones map[casework.Version]*time.Location, now time.Time) (casework.Work, bool) {
	marks := s.marksOn(k.mail)
	unneeded := func(m casework.Mail) bool {
		said := marks[m.SHA256]
		return len(said) > 0 && !said[len(said)-1].Off
	}
	var clocks []casework.Clock
	zone := time.UTC
	if len(policies) > 0 {
		clocks = casework.Clocks(s.momentsOf(&dossier{Cases: []casework.Case{k.c}, Mail: k.mail}), policies, calendars, now)
	}
	if c, ok := casework.Applicable(clocks); ok {
		zone = cmp.Or(zones[c.Policy], time.UTC)
	}
	return casework.WorkOf(k.c, k.mail, unneeded, clocks, zone, now)
}

// WatchWork wakes cases whose time has come, and has those go back to their teams whose owners are silent, until
// ctx ends.
func (s *Server) WatchWork(ctx context.Context) error {
	return s.keepLooking(ctx, workEvery, "cases were not looked at for who has them", s.workRound)
}

// workEvery is how often it is looked whether a case has to wake, or to go back.
const workEvery = 20 * time.Second

// workRound does what the time asks for. Nobody is shown anything of it, so that no limits hold and nothing is noted
// as read. What somebody decides meanwhile goes first.
func (s *Server) workRound(ctx context.Context) error {
	all, err := s.work(ctx)
	if err != nil {
		return err
	}
	now := s.config.Now()
	var errs []error
	for _, w := range all {
		c := &w.Case
		var command casework.Command
		if by, ok := c.Woken(now, w.mail); ok {
			command = casework.WakeCase{Case: c.Number, ByRule: by, Revision: &c.Revision}
		} else if c.Due(now, w.mail) {
			command = casework.EndAssignment{Case: c.Number, Revision: &c.Revision}
		} else {
			continue
		}
		_, err := s.config.Desk.Do(ctx, casework.System, command)
		if _, refused := errors.AsType[*casework.Refusal](err); err != nil && !refused {
			errs = append(errs, fmt.Errorf("case C-%d: %w", c.Number, err))
		}
	}
	return errors.Join(errs...)
}

// inSlice are the cases of a slice, in the order of the list.
func inSlice(all []openWork, slice casework.Slice, actor string, now time.Time) []openWork {
	return slices.DeleteFunc(slices.Clone(all), func(w openWork) bool { return !w.In(slice, actor, now) })
}
