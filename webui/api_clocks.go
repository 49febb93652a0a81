package webui

import (
	"context"
	"slices"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

// clockOut is a response clock. Times that are not known are absent.
type clockOut struct {
	Kind     casework.ClockKind  `json:"kind" doc:"first, next or resolution."`
	State    casework.ClockState `json:"state" doc:"running, paused, met, met-late, breached or void."`
	Since    time.Time           `json:"since"`
	Until    time.Time           `json:"until,omitzero" doc:"When it stopped; absent while it goes on."`
	Target   int                 `json:"target_seconds" doc:"0: nothing is promised."`
	Wall     bool                `json:"wall,omitempty" doc:"Counted by the clock on the wall, else in working hours."`
	Used     int                 `json:"used_seconds" doc:"Without pauses."`
	Share    float64             `json:"share" doc:"Of the target that was used: 1 is all."`
	Due      time.Time           `json:"due,omitzero"`
	Warn     time.Time           `json:"warn,omitzero"`
	Remind   time.Time           `json:"remind,omitzero" doc:"When to tell people who are at work then."`
	Policy   *casework.Version   `json:"policy,omitempty"`
	Calendar *casework.Version   `json:"calendar,omitempty"`
	Why      []reasonOut         `json:"why" doc:"Each fact that made it so, in order of time."`
}

type reasonOut struct {
	Kind   casework.ReasonKind `json:"kind"`
	At     time.Time           `json:"at"`
	Until  time.Time           `json:"until,omitzero" doc:"Of what lasted; absent while it lasts."`
	Record string              `json:"record,omitempty" doc:"Address of the message that it rests on."`
	Text   string              `json:"text" doc:"The same in a sentence, with times as in the zone of the calendar."`
}

type clocksOut struct {
	Clocks []clockOut `json:"clocks" doc:"In order of their beginning; none when nothing is promised."`
}

func (s *Server) apiClocks(ctx context.Context, in *caseIn) (*body[clocksOut], error) {
	d, err := s.shownDossier(ctx, in.Number, false)
	if err != nil {
		return nil, err
	}
	out := clocksOut{[]clockOut{}}
	v := s.clocksOf(ctx, d)
	for _, k := range v.clocks {
		out.Clocks = append(out.Clocks, v.view(k).out())
	}
	return reply(out), nil
}

func (c clockView) out() clockOut {
	out := clockOut{Kind: c.Kind, State: c.State, Since: c.Since, Until: c.Until, Target: int(c.Target.Seconds()), Wall: c.Wall, Used: int(c.Used.Seconds()), Share: c.Share(),
		Due: c.Due, Warn: c.Warn, Remind: c.Remind, Policy: versionOut(c.Policy), Calendar: versionOut(c.Calendar), Why: []reasonOut{}}
	for i, said := range c.Reasons() {
		r := c.Why[i]
		x := reasonOut{Kind: r.Kind, At: r.At, Until: r.Until, Text: said.Text}
		if r.Moment != nil && r.Moment.Record.Stream != "" {
			x.Record = r.Moment.Record.String()
		}
		out.Why = append(out.Why, x)
	}
	return out
}

func versionOut(v casework.Version) *casework.Version {
	if v.Number == 0 {
		return nil
	}
	return &v
}

type markIn struct {
	Stream   string `path:"stream" example:"mail"`
	Position uint64 `path:"position" example:"1042"`
	Body     struct {
		Needed bool   `json:"answer_needed" doc:"false: the message needs no answer, and starts no clock."`
		Reason string `json:"reason,omitempty"`
	}
}

func (s *Server) apiMark(ctx context.Context, in *markIn) (*none, error) {
	at, err := recordIn{in.Stream, in.Position}.address()
	if err != nil {
		return nil, err
	}
	return nil, s.setMark(ctx, at, in.Body.Needed, in.Body.Reason)
}

// setMark says that a message the caller may read needs no answer, or takes
// that back. What is known is of the copy that came first.
func (s *Server) setMark(ctx context.Context, at archive.Address, off bool, reason string) error {
	doc, err := s.within(ctx).Document(ctx, at)
	if err != nil {
		return readError(at, err)
	}
	return s.act(ctx, casework.MarkMail{Message: casework.Named{Record: doc.Address, SHA256: doc.SHA256}, Mark: casework.NoAnswerNeeded, Off: off, Reason: reason})
}

type policiesOut struct {
	Policies []casework.PolicyVersion `json:"policies"`
}

func (s *Server) policies() (out policiesOut) {
	s.config.Desk.Read(func(state *casework.State) { out.Policies = list(state.Policies()) })
	return out
}

func (s *Server) apiPolicies(context.Context, *none) (*body[policiesOut], error) {
	return reply(s.policies()), nil
}

// lastFirst are the versions of one name, in the order in which people look at them.
func lastFirst[T any](all []T, named func(T) bool) (versions []T) {
	for _, v := range slices.Backward(all) {
		if named(v) {
			versions = append(versions, v)
		}
	}
	return versions
}

type orderPoliciesIn struct {
	Body struct {
		Names  []string  `json:"names" doc:"Of all policies: the first that matches a case is for it."`
		From   time.Time `json:"from,omitempty" doc:"Since when; default now."`
		Reason string    `json:"reason,omitempty"`
	}
}

func (s *Server) apiOrderPolicies(ctx context.Context, in *orderPoliciesIn) (*body[policiesOut], error) {
	if err := s.act(ctx, casework.OrderPolicies{Names: in.Body.Names, From: in.Body.From, Reason: in.Body.Reason}); err != nil {
		return nil, err
	}
	return reply(s.policies()), nil
}

type policyOut struct {
	Name     string                   `json:"name"`
	Versions []casework.PolicyVersion `json:"versions" doc:"The last one first."`
}

// policy is a policy with all its versions.
func (s *Server) policy(name string) (*body[policyOut], error) {
	out := policyOut{Name: name}
	s.config.Desk.Read(func(state *casework.State) {
		out.Versions = lastFirst(state.PolicyVersions(), func(v casework.PolicyVersion) bool { return v.Name == name })
	})
	if out.Versions == nil {
		return nil, notFound("policy")
	}
	return reply(out), nil
}

func (s *Server) apiPolicy(_ context.Context, in *nameIn) (*body[policyOut], error) {
	return s.policy(in.Name)
}

type setPolicyIn struct {
	Name string `path:"name"`
	Body struct {
		Match    casework.Match        `json:"match,omitempty" doc:"Which cases it is for; a list without items takes all."`
		Calendar string                `json:"calendar,omitempty" doc:"By which working hours are counted."`
		Targets  []casework.Targets    `json:"targets" doc:"By severity; severity 0 or none is all that have none of their own."`
		PauseOn  []casework.PauseCause `json:"pause_on,omitempty" doc:"waiting-on-customer, snoozed."`
		RunOn    bool                  `json:"run_on,omitempty" doc:"Clocks for replies go on when a case is resolved."`
		Warn     int                   `json:"warn,omitempty" doc:"Percent of a target at which people are told; default 80."`
		From     time.Time             `json:"from,omitempty" doc:"Since when; default now. When that has passed, what was promised since is judged anew."`
		Seen     int                   `json:"seen,omitempty" doc:"The version that the change was made from: refused with 409 when there is a newer one."`
		Reason   string                `json:"reason,omitempty"`
	}
}

func (s *Server) apiSetPolicy(ctx context.Context, in *setPolicyIn) (*body[policyOut], error) {
	b := in.Body
	c := casework.SetPolicy{Name: in.Name, From: b.From, Seen: b.Seen, Reason: b.Reason,
		Policy: casework.Policy{Match: b.Match, Calendar: b.Calendar, Targets: b.Targets, PauseOn: b.PauseOn, RunOn: b.RunOn, Warn: b.Warn}}
	if err := s.act(ctx, c); err != nil {
		return nil, err
	}
	return s.policy(in.Name)
}

func (s *Server) apiRemovePolicy(ctx context.Context, in *nameIn) (*none, error) {
	return nil, s.act(ctx, casework.RemovePolicy{Name: in.Name, Reason: in.Reason})
}

type calendarsOut struct {
	Calendars []casework.CalendarVersion `json:"calendars"`
}

func (s *Server) apiCalendars(context.Context, *none) (*body[calendarsOut], error) {
	var out calendarsOut
	s.config.Desk.Read(func(state *casework.State) { out.Calendars = list(state.Calendars()) })
	return reply(out), nil
}

type calendarOut struct {
	Name     string                     `json:"name"`
	Versions []casework.CalendarVersion `json:"versions" doc:"The last one first."`
}

// calendar is a calendar with all its versions.
func (s *Server) calendar(name string) (*body[calendarOut], error) {
	out := calendarOut{Name: name}
	s.config.Desk.Read(func(state *casework.State) {
		out.Versions = lastFirst(state.CalendarVersions(), func(v casework.CalendarVersion) bool { return v.Name == name })
	})
	if out.Versions == nil {
		return nil, notFound("calendar")
	}
	return reply(out), nil
}

func (s *Server) apiCalendar(_ context.Context, in *nameIn) (*body[calendarOut], error) {
	return s.calendar(in.Name)
}

type setCalendarIn struct {
	Name string `path:"name"`
	Body struct {
		Zone     string             `json:"zone" example:"Europe/Berlin" doc:"Of the IANA database."`
		Hours    casework.Hours     `json:"hours" doc:"From when to when, by day: {\"mon\":[[\"09:00\",\"17:30\"]]}. A day without is closed; what ends no later than it begins ends on the next day."`
		Holidays []casework.Holiday `json:"holidays,omitempty" doc:"Days with hours of their own; closed without."`
		From     time.Time          `json:"from,omitempty" doc:"Since when; default now, of the first version always. When that has passed, what was due since is judged anew."`
		Seen     int                `json:"seen,omitempty" doc:"The version that the change was made from: refused with 409 when there is a newer one."`
		Reason   string             `json:"reason,omitempty"`
	}
}

func (s *Server) apiSetCalendar(ctx context.Context, in *setCalendarIn) (*body[calendarOut], error) {
	b := in.Body
	if err := s.act(ctx, casework.SetCalendar{Name: in.Name, Zone: b.Zone, Hours: b.Hours, Holidays: b.Holidays, From: b.From, Seen: b.Seen, Reason: b.Reason}); err != nil {
		return nil, err
	}
	return s.calendar(in.Name)
}
