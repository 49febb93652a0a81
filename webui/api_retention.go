package webui

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/index"
)

func (s *Server) records() Records {
	return Records{s.config.Archive, s.config.Index, s.config.Desk, s.config.Now}
}

// decide is act for a decision that the Keeper carries out.
func (s *Server) decide(ctx context.Context, c casework.Command) error {
	err := s.act(ctx, c)
	if err == nil && s.config.Keeper != nil {
		s.config.Keeper.Poke()
	}
	return err
}

type classesOut struct {
	Classes []casework.Class `json:"classes"`
}

func (s *Server) apiClasses(context.Context, *none) (*body[classesOut], error) {
	var out classesOut
	s.config.Desk.Read(func(state *casework.State) { out.Classes = state.Classes(s.config.Archive.Streams()...) })
	return reply(out), nil
}

type setClassIn struct {
	Class string `path:"class"`
	Body  struct {
		Keep casework.Period  `json:"keep,omitzero" doc:"E.g. {\"years\":10} or {\"days\":90}; absent: for ever."`
		Lock archive.LockMode `json:"lock,omitempty" doc:"governance or compliance: the bucket locks each pack until its time. Absent: not."`
	}
}

func (s *Server) apiSetClass(ctx context.Context, in *setClassIn) (*body[casework.Class], error) {
	name := archive.Stream(in.Class)
	if err := s.applyClass(ctx, casework.SetClass{Class: name, Keep: in.Body.Keep, Lock: in.Body.Lock}); err != nil {
		return nil, err
	}
	var c casework.Class
	s.config.Desk.Read(func(state *casework.State) { c = state.Class(name) })
	return reply(c), nil
}

// applyClass sets a class. A lock is proven before it is promised.
func (s *Server) applyClass(ctx context.Context, c casework.SetClass) error {
	c.Streams = s.config.Archive.Streams()
	if err := s.dryRun(c); err != nil {
		return err
	}
	if c.Lock != archive.Unlocked {
		if err := s.proveLock(ctx, c.Lock); err != nil {
			return err
		}
	}
	return s.decide(ctx, c)
}

// dryRun finds out whether a command would be refused.
func (s *Server) dryRun(c casework.Command) (err error) {
	s.config.Desk.Read(func(state *casework.State) { _, err = c.Check(state, s.config.Now()) })
	return err
}

func (s *Server) proveLock(ctx context.Context, mode archive.LockMode) error {
	err := archive.ErrNoLock
	if s.config.ProveLock != nil {
		err = s.config.ProveLock(ctx, mode)
	}
	switch {
	case errors.Is(err, archive.ErrNoLock):
		return &statusError{http.StatusUnprocessableEntity, "The bucket does not keep what is locked, so nothing was changed: " + err.Error() + ", or set the class without a lock.", nil}
	case err != nil:
		return &statusError{http.StatusServiceUnavailable, "Nobody can tell at the moment whether the bucket keeps what is locked, so nothing was changed. Try again when the bucket answers.", err}
	}
	return nil
}

type retentionIn struct {
	At string `query:"at" doc:"A day (2027-01-31) or a time (RFC 3339); default now."`
}

type retentionOut struct {
	At      time.Time              `json:"at"`
	Classes []casework.Outlook     `json:"classes"`
	Keeper  *casework.KeeperStatus `json:"keeper,omitempty" doc:"Who carries it out; absent while no server runs."`
}

func (s *Server) apiRetention(_ context.Context, in *retentionIn) (*body[retentionOut], error) {
	at, err := s.timeOf(in.At)
	if err != nil {
		return nil, err
	}
	out := retentionOut{At: at, Classes: s.outlook(at)}
	out.Keeper = s.keeping()
	return reply(out), nil
}

// timeOf reads a day, which means its end, or a time.
func (s *Server) timeOf(text string) (time.Time, error) {
	if text == "" {
		return s.config.Now().UTC(), nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, text, time.UTC); err == nil {
		return day.AddDate(0, 0, 1), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, &statusError{http.StatusUnprocessableEntity, strconv.Quote(text) + " is not a time: write a day as 2027-01-31, or a time as 2027-01-31T12:00:00Z.", nil}
	}
	return at.UTC(), nil
}

// outlook tells class by class what goes at a time.
func (s *Server) outlook(at time.Time) (list []casework.Outlook) {
	streams := s.config.Archive.Streams()
	packs := map[archive.Stream][]archive.PackInfo{}
	for _, name := range streams {
		packs[name] = s.config.Archive.Packs(name)
	}
	s.config.Desk.Read(func(state *casework.State) {
		for _, c := range state.Classes(streams...) {
			list = append(list, casework.OutlookOf(c.Name, packs[c.Name], state, at))
		}
	})
	return list
}

type holdsOut struct {
	Holds []casework.Hold `json:"holds"`
}

func (s *Server) apiHolds(context.Context, *none) (*body[holdsOut], error) {
	var out holdsOut
	s.config.Desk.Read(func(state *casework.State) { out.Holds = state.Holds() })
	return reply(out), nil
}

type placeHoldIn struct {
	Body struct {
		Name     string `json:"name" doc:"Small letters, digits, dots, dashes; shows in the simulation."`
		Query    string `json:"query" doc:"What it keeps is what the query finds now."`
		Standing bool   `json:"standing,omitempty" doc:"Also what it finds later."`
		Reason   string `json:"reason"`
	}
}

func (s *Server) apiPlaceHold(ctx context.Context, in *placeHoldIn) (*body[casework.Hold], error) {
	b := in.Body
	if err := s.holdMatches(ctx, casework.PlaceHold{Name: b.Name, Query: b.Query, Standing: b.Standing, Reason: b.Reason}); err != nil {
		return nil, err
	}
	var h casework.Hold
	s.config.Desk.Read(func(state *casework.State) { h, _ = state.Hold(b.Name) })
	return reply(h), nil
}

// patience is how long a decision waits for the index to find all mail.
const patience = 20 * time.Second

// errBehind is told instead of deciding on a part of the mail.
func errBehind(cause error) error {
	return &statusError{http.StatusServiceUnavailable, "Not all mail is searchable yet, so something could be missed and nothing was done. Try again in a moment.", cause}
}

// holdMatches places a hold on what its query finds. It waits until all mail
// is searchable: a hold with a gap is worse than one that comes later.
func (s *Server) holdMatches(ctx context.Context, c casework.PlaceHold) error {
	probe := c
	probe.Standing = true // Whether it finds anything is not known yet.
	if err := s.dryRun(probe); err != nil {
		return err
	}
	if err := s.spelledOut(ctx, c.Query); err != nil {
		return err
	}
	short, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := s.records().reach(short); err != nil {
		return errBehind(err)
	}
	var failure error
	c.Records = casework.RangesOf(func(yield func(archive.Address) bool) {
		for at, err := range s.records().Matches(ctx, c.Query, nil) {
			if failure = err; err != nil || !yield(at) {
				return
			}
		}
	})
	if failure != nil {
		return failure
	}
	return s.decide(ctx, c)
}

// spelledOut refuses the query of a hold that names a saved search: what is
// kept must not change with that.
func (s *Server) spelledOut(ctx context.Context, query string) error {
	who, _ := callerFrom(ctx)
	names := s.namesFor(who.actor)
	_, alone := index.Parse(query, s.config.Now(), index.Names{Accounts: names.Accounts, Cases: names.Cases})
	_, named := index.Parse(query, s.config.Now(), names)
	if alone != nil && named == nil {
		return &statusError{http.StatusUnprocessableEntity, "A hold does not change with a saved search: write the query out instead of naming it.", nil}
	}
	return named
}

type reasonIn struct {
	Name string `path:"name"`
	Body struct {
		Reason string `json:"reason"`
	}
}

func (s *Server) apiReleaseHold(ctx context.Context, in *reasonIn) (*none, error) {
	return nil, s.decide(ctx, casework.ReleaseHold{Name: in.Name, Reason: in.Body.Reason})
}

// erasureOut is an erasure, and how far it is carried out.
type erasureOut struct {
	casework.Erasure
	Count    int       `json:"count" doc:"Records, with every copy and arrival."`
	Progress string    `json:"progress" doc:"requested, refused, ordered (the server carries it out), locked (nobody can read it; the bucket keeps the bytes until a lock ends) or done."`
	Until    time.Time `json:"locked_until,omitzero" doc:"When the last lock ends; absent when there is none."`
	Hold     bool      `json:"locked_by_hold,omitempty" doc:"The bucket keeps it under a legal hold, however long that lasts."`
}

type erasuresOut struct {
	SecondPerson bool         `json:"second_person" doc:"Who requests an erasure may not approve it."`
	Erasures     []erasureOut `json:"erasures"`
}

func (s *Server) apiErasures(context.Context, *none) (*body[erasuresOut], error) {
	return reply(s.erasures()), nil
}

func (s *Server) erasures() erasuresOut {
	var all []casework.Erasure
	out := erasuresOut{Erasures: []erasureOut{}}
	s.config.Desk.Read(func(state *casework.State) { all, out.SecondPerson = state.Erasures(), state.SecondPerson() })
	st := s.config.Archive.Status()
	for _, e := range all {
		out.Erasures = append(out.Erasures, s.progress(e, st))
	}
	return out
}

// progress says done when the bytes are gone from the bucket too.
func (s *Server) progress(e casework.Erasure, st archive.Status) erasureOut {
	out := erasureOut{Erasure: e, Count: casework.CountRecords(e.Records), Progress: string(e.State)}
	if e.State != casework.Ordered || s.config.Keeper == nil || !s.config.Keeper.Done(e.Order) {
		return out
	}
	for _, one := range st.Streams {
		if one.Untidy && slices.ContainsFunc(e.Records, func(r casework.Range) bool { return r.Stream == one.Stream }) {
			return out
		}
	}
	out.Progress = "done"
	for p := range s.locked(e.Records, st.Pending) {
		out.Progress, out.Hold = "locked", out.Hold || p.Hold
		if p.Until.After(out.Until) {
			out.Until = p.Until
		}
	}
	return out
}

// locked finds the objects in the bucket that still have erased bytes.
// Their names begin as packs/STREAM/FIRST.
func (s *Server) locked(records []casework.Range, pending []archive.Pending) iter.Seq[archive.Pending] {
	return func(yield func(archive.Pending) bool) {
		for _, r := range records {
			if len(pending) == 0 {
				return
			}
			for _, p := range s.config.Archive.Packs(r.Stream) {
				if p.First >= r.First+archive.Position(r.Records) || p.First+archive.Position(p.Records) <= r.First {
					continue
				}
				for _, object := range pending {
					if strings.HasPrefix(object.Key, packKey(p)) && !yield(object) {
						return
					}
				}
			}
		}
	}
}

func packKey(p archive.PackInfo) string {
	digits := strconv.FormatUint(uint64(p.First), 10)
	return "packs/" + string(p.Stream) + "/" + strings.Repeat("0", max(0, 20-len(digits))) + digits + "."
}

type requestErasureIn struct {
	Body struct {
		Records []archive.Address `json:"records" doc:"Addresses, e.g. mail/1042. Other records of the same messages, in any copy, are erased too."`
		Reason  string            `json:"reason"`
	}
}

func (s *Server) apiRequestErasure(ctx context.Context, in *requestErasureIn) (*body[erasureOut], error) {
	id, err := s.askErasure(ctx, in.Body.Records, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	var e casework.Erasure
	s.config.Desk.Read(func(state *casework.State) { e, _ = state.Erasure(id) })
	return reply(s.progress(e, s.config.Archive.Status())), nil
}

// askErasure requests to erase messages with every record of them, in any copy.
func (s *Server) askErasure(ctx context.Context, records []archive.Address, reason string) (id int, err error) {
	gone := map[archive.Address]bool{}
	s.config.Desk.Read(func(state *casework.State) {
		for _, at := range records {
			gone[at] = state.Removed(at)
		}
	})
	for at, is := range gone {
		if is {
			return 0, &statusError{http.StatusGone, at.String() + " is removed already.", nil}
		}
	}
	all, err := s.everyRecord(ctx, slices.Values(records))
	if err != nil {
		return 0, err
	}
	if err := s.decide(ctx, casework.RequestErasure{Records: all, Reason: reason}); err != nil {
		return 0, err
	}
	who, _ := callerFrom(ctx)
	s.config.Desk.Read(func(state *casework.State) {
		for _, e := range state.Erasures() {
			if id == 0 && e.By == who.actor {
				id = e.ID
			}
		}
	})
	return id, nil
}

// everyRecord adds the records that brought the same messages, once all are known.
func (s *Server) everyRecord(ctx context.Context, records func(func(archive.Address) bool)) ([]casework.Range, error) {
	short, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := s.records().reach(short); err != nil {
		return nil, errBehind(err)
	}
	return s.records().alike(ctx, records)
}

type erasureIn struct {
	ID   int `path:"id"`
	Body struct {
		Reason string `json:"reason" doc:"Why it is refused."`
	}
}

type approveIn struct {
	ID int `path:"id"`
}

func (s *Server) apiApproveErasure(ctx context.Context, in *approveIn) (*none, error) {
	return nil, s.orderErasure(ctx, in.ID)
}

// orderErasure approves an erasure, with what brought the same messages since it
// was requested.
func (s *Server) orderErasure(ctx context.Context, id int) error {
	c := casework.ApproveErasure{ID: id}
	var left []casework.Range
	s.config.Desk.Read(func(state *casework.State) {
		if e, ok := state.Erasure(id); ok && e.State == casework.Requested {
			left = state.Left(e.Records)
		}
	})
	if len(left) > 0 {
		var err error
		if c.Also, err = s.everyRecord(ctx, casework.Records(left)); err != nil {
			return err
		}
	}
	return s.decide(ctx, c)
}

func (s *Server) apiRefuseErasure(ctx context.Context, in *erasureIn) (*none, error) {
	return nil, s.decide(ctx, casework.RefuseErasure{ID: in.ID, Reason: in.Body.Reason})
}

type policyIn struct {
	Body struct {
		SecondPerson bool   `json:"second_person"`
		Reason       string `json:"reason,omitempty"`
	}
}

func (s *Server) apiErasurePolicy(ctx context.Context, in *policyIn) (*none, error) {
	return nil, s.decide(ctx, casework.SetErasurePolicy{SecondPerson: in.Body.SecondPerson, Reason: in.Body.Reason})
}

// matching counts what a query finds now, and shows the first of it.
func (s *Server) matching(ctx context.Context, query string) (*index.Results, error) {
	return s.search(ctx, index.Request{Query: query, Limit: 5, Now: s.config.Now()})
}
