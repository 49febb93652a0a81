package webui

import (
	"context"
	"net/url"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

// Operations of the API about the queue, who has a case, and many cases at once.

type workIn struct {
	Slice string `query:"slice" default:"all" doc:"urgent, new, waiting-on-us, waiting-on-customer, due-today, overdue, exceptions, snoozed, mine, unowned, all, or team: and the name of a team."`
	Sort  string `query:"sort" default:"due" doc:"due, risk, severity, case, owner, account, team or age; with - before it the other way round."`
	After int    `query:"after" minimum:"0" doc:"Number of the last case of the page before."`
	Limit int    `query:"limit" default:"50" minimum:"1" maximum:"500"`
}

type workOut struct {
	Slice  casework.Slice  `json:"slice"`
	Total  int             `json:"total" doc:"Cases in the slice."`
	Counts []sliceCountOut `json:"counts" doc:"Of each slice: as many as its list has."`
	Cases  []workCaseOut   `json:"cases"`
	Next   int             `json:"next,omitempty" doc:"To be sent as after for the next page; absent at the end."`
	Empty  string          `json:"empty,omitempty" doc:"Of an empty slice: what was looked at."`
}

type sliceCountOut struct {
	Slice casework.Slice `json:"slice"`
	Name  string         `json:"name"`
	Count int            `json:"count"`
}

type workCaseOut struct {
	Case    caseHead            `json:"case"`
	Level   casework.RiskLevel  `json:"level" doc:"low, elevated, high or critical."`
	Ours    bool                `json:"ours" doc:"It is for us to do something; else for the customer."`
	Asleep  bool                `json:"asleep"`
	Clock   casework.ClockKind  `json:"clock,omitempty" doc:"Response time to look at: first, next or resolution."`
	State   casework.ClockState `json:"state,omitempty" doc:"Of that: running, paused or breached."`
	Due     time.Time           `json:"due,omitzero"`
	Returns time.Time           `json:"returns,omitzero" doc:"When it goes back to its team unless somebody answers."`
	Routed  string              `json:"routed,omitempty" doc:"Why it came here."`
}

func (s *Server) apiWork(ctx context.Context, in *workIn) (*body[workOut], error) {
	all, err := s.work(ctx)
	if err != nil {
		return nil, err
	}
	who, _ := callerFrom(ctx)
	now := s.config.Now()
	q := workQueryOf(url.Values{"slice": {in.Slice}, "sort": {in.Sort}})
	q.after, q.limit = in.After, in.Limit
	var v workView
	var histories []casework.History
	var teams []casework.Team
	s.config.Desk.Read(func(state *casework.State) {
		v.Names, histories, teams = namesOf(state.Users()), state.Histories(), state.Teams()
	})
	if err := v.slice(all, teams, q, who.actor, now); err != nil {
		return nil, err
	}
	out := workOut{Slice: v.Slice, Total: v.Total, Next: v.page(q), Cases: []workCaseOut{}}
	for _, x := range append(v.Slices, v.Teams...) {
		out.Counts = append(out.Counts, sliceCountOut(x))
	}
	for _, r := range v.Rows {
		c := workCaseOut{Case: headOf(r.Case), Level: r.Level, Ours: r.Ours, Asleep: r.Asleep, Returns: r.Returns, Routed: r.Routed}
		if k, ok := r.Clock(); ok {
			c.Clock, c.State, c.Due = k.Kind, k.State, k.Due
		}
		out.Cases = append(out.Cases, c)
	}
	if v.Total == 0 {
		v.Strip = casework.HealthOf(histories, nil, nil, now, s.days())[0]
		out.Empty = v.nothing(histories, len(all), now)
	}
	return reply(out), nil
}

type healthOut struct {
	Health []casework.Health `json:"health" doc:"Of all cases first, then of each team, then of the cases of no team where there are any."`
}

func (s *Server) apiHealth(ctx context.Context, _ *none) (*body[healthOut], error) {
	all, _, err := s.health(ctx)
	return reply(healthOut{all}), err
}

type bulkIn struct {
	Body struct {
		Cases    []bulkCaseIn     `json:"cases" doc:"At most 500."`
		Owner    *string          `json:"owner,omitempty" doc:"Name of a user; empty takes the owner away."`
		Team     *string          `json:"team,omitempty"`
		Tag      []string         `json:"tag,omitempty"`
		Untag    []string         `json:"untag,omitempty"`
		Severity *int             `json:"severity,omitempty"`
		Status   *casework.Status `json:"status,omitempty"`
		Muted    *bool            `json:"muted,omitempty"`
		Snooze   *time.Time       `json:"snooze,omitempty" doc:"Until when; 0001-01-01T00:00:00Z wakes."`
		Reason   string           `json:"reason,omitempty"`
		Preview  bool             `json:"preview,omitempty" doc:"Only say what would change."`
	}
}

type bulkCaseIn struct {
	Number   int               `json:"number"`
	Revision *archive.Position `json:"revision,omitempty" doc:"Of the case as it was seen: it stays as it is when somebody changed it since."`
}

type bulkOut struct {
	ID int `json:"id,omitempty" doc:"To undo it by; absent when nothing was changed."`
	casework.BulkPlan
}

func (s *Server) apiBulk(ctx context.Context, in *bulkIn) (*body[bulkOut], error) {
	b := in.Body
	var out bulkOut
	c := casework.ChangeCases{Reason: b.Reason, ID: &out.ID, Action: casework.BulkAction{Owner: b.Owner, Team: b.Team, Tag: b.Tag, Untag: b.Untag, Severity: b.Severity, Status: b.Status, Muted: b.Muted, Snooze: b.Snooze}}
	for _, x := range b.Cases {
		c.Cases = append(c.Cases, casework.BulkCase{Case: x.Number, Revision: x.Revision})
	}
	who, _ := callerFrom(ctx)
	var err error
	if out.BulkPlan, err = s.planBulk(who.actor, c); err != nil || b.Preview {
		return reply(out), err
	}
	err = s.act(ctx, c)
	return reply(out), err
}

type bulksOut struct {
	Bulks []casework.Bulk `json:"bulks" doc:"Of the last day, the newest first."`
}

func (s *Server) apiBulks(context.Context, *none) (*body[bulksOut], error) {
	var out bulksOut
	s.config.Desk.Read(func(state *casework.State) { out.Bulks = state.Bulks() })
	return reply(out), nil
}

type undoBulkIn struct {
	ID   int `path:"id"`
	Body struct {
		Reason string `json:"reason,omitempty"`
	} `required:"false"`
}

func (s *Server) apiUndoBulk(ctx context.Context, in *undoBulkIn) (*body[bulkOut], error) {
	plan, err := s.undoBulk(ctx, casework.UndoBulk{ID: in.ID, Reason: in.Body.Reason})
	return reply(bulkOut{in.ID, plan}), err
}

func (s *Server) apiClaim(ctx context.Context, in *StatementIn) (*caseOut, error) {
	return s.commandOn(ctx, *in, func(seen *archive.Position) casework.Command {
		return casework.ClaimCase{Case: in.Number, Revision: seen}
	})
}

type returnIn struct {
	StatementIn
	Body struct {
		Reason string `json:"reason"`
	}
}

func (s *Server) apiReturn(ctx context.Context, in *returnIn) (*caseOut, error) {
	return s.commandOn(ctx, in.StatementIn, func(seen *archive.Position) casework.Command {
		return casework.ReturnCase{Case: in.Number, Reason: in.Body.Reason, Revision: seen}
	})
}

type settleExceptionIn struct {
	StatementIn
	Body struct {
		Reason string `json:"reason,omitempty"`
	}
}

func (s *Server) apiSettleException(ctx context.Context, in *settleExceptionIn) (*caseOut, error) {
	return s.commandOn(ctx, in.StatementIn, func(seen *archive.Position) casework.Command {
		return casework.SettleException{Case: in.Number, Reason: in.Body.Reason, Revision: seen}
	})
}

type snoozeIn struct {
	StatementIn
	Body struct {
		Until  time.Time `json:"until,omitzero" doc:"Absent wakes the case."`
		Reason string    `json:"reason,omitempty"`
	}
}

func (s *Server) apiSnooze(ctx context.Context, in *snoozeIn) (*caseOut, error) {
	b := in.Body
	return s.commandOn(ctx, in.StatementIn, func(seen *archive.Position) casework.Command {
		if b.Until.IsZero() {
			return casework.WakeCase{Case: in.Number, Reason: b.Reason, Revision: seen}
		}
		return casework.SnoozeCase{Case: in.Number, Until: b.Until, Reason: b.Reason, Revision: seen}
	})
}

type teamsOut struct {
	Teams []casework.Team `json:"teams"`
}

func (s *Server) apiTeams(context.Context, *none) (*body[teamsOut], error) {
	var out teamsOut
	s.config.Desk.Read(func(state *casework.State) { out.Teams = state.Teams() })
	return reply(out), nil
}

type setTeamIn struct {
	Name string `path:"name"`
	Body struct {
		Title         string   `json:"title,omitempty" doc:"As people know it; default the name."`
		Members       []string `json:"members,omitempty" doc:"Names of users; none lets all who work on cases take its cases."`
		ReturnMinutes int      `json:"return_minutes,omitempty" doc:"Of working time after which a case goes back whose owner has not answered; 0 is never."`
		ReturnTo      string   `json:"return_to,omitempty" doc:"The team that it goes back to; absent the same."`
		Version       int      `json:"version,omitempty" doc:"Of the team that is changed, 0 makes a new one: 409 when somebody else has changed it since."`
		Reason        string   `json:"reason,omitempty"`
	}
}

func (s *Server) apiSetTeam(ctx context.Context, in *setTeamIn) (*body[casework.Team], error) {
	b := in.Body
	if err := s.act(ctx, casework.SetTeam{Team: casework.Team{Name: in.Name, Title: b.Title, Members: b.Members, ReturnMinutes: b.ReturnMinutes, ReturnTo: b.ReturnTo, Version: b.Version}, Reason: b.Reason}); err != nil {
		return nil, err
	}
	var t casework.Team
	s.config.Desk.Read(func(state *casework.State) { t, _ = state.Team(in.Name) })
	return reply(t), nil
}

type removeTeamIn struct {
	Name   string `path:"name"`
	To     string `query:"to" doc:"The team that its open cases go to."`
	Reason string `query:"reason"`
}

func (s *Server) apiRemoveTeam(ctx context.Context, in *removeTeamIn) (*none, error) {
	return nil, s.act(ctx, casework.RemoveTeam{Name: in.Name, To: in.To, Reason: in.Reason})
}
