package webui

import (
	"context"
	"slices"

	"polytrace/casework"
)

// Operations of the API about alerts, followers and dates for calendars.

type alertsIn struct {
	All   bool               `query:"all" doc:"Also those that were seen."`
	Kind  casework.AlertKind `query:"kind" doc:"One of risk, promise, clock, handoff, question, mention, owner, search and cover; empty: all."`
	Case  int                `query:"case" doc:"Number of a case; 0: all."`
	Limit int                `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

type alertsOut struct {
	Unseen int        `json:"unseen"`
	Upto   int        `json:"upto" doc:"ID of the last alert, to say with seen that all are seen."`
	Alerts []alertOut `json:"alerts" doc:"The last one first."`
}

type alertOut struct {
	casework.Alert
	New bool `json:"new"`
}

func (s *Server) apiAlerts(ctx context.Context, in *alertsIn) (*body[alertsOut], error) {
	who, _ := callerFrom(ctx)
	out := alertsOut{Alerts: []alertOut{}}
	var all []casework.Alert
	var seen int
	s.config.Desk.Read(func(state *casework.State) {
		all, seen = state.Alerts(who.actor)
		out.Unseen = state.UnseenAlerts(who.actor)
	})
	if len(all) > 0 {
		out.Upto = all[0].ID
	}
	for _, a := range all {
		if !in.All && a.ID <= seen || in.Kind != "" && a.Kind != in.Kind || in.Case != 0 && a.Case != in.Case || len(out.Alerts) == in.Limit {
			continue
		}
		var visible []casework.Source
		for _, x := range a.Sources {
			link, err := s.sourceLink(ctx, x)
			if err != nil {
				return nil, err
			}
			if link != "" {
				visible = append(visible, x)
			}
		}
		a.Sources = list(visible)
		out.Alerts = append(out.Alerts, alertOut{a, a.ID > seen})
	}
	return reply(out), nil
}

type seeAlertsIn struct {
	Body struct {
		Upto int `json:"upto" doc:"ID of the last one that was seen."`
	}
}

func (s *Server) apiSeeAlerts(ctx context.Context, in *seeAlertsIn) (*none, error) {
	return nil, s.act(ctx, casework.SeeAlerts{Upto: in.Body.Upto})
}

type alertSettingsBody struct {
	Address  string                                    `json:"address" doc:"Where mail goes."`
	Calendar string                                    `json:"calendar" doc:"Name of a calendar: outside its hours only what is critical comes. Empty: at any time."`
	Mail     map[casework.AlertKind]casework.AlertPace `json:"mail" doc:"By kind: off, instant, hourly or daily; what is absent does not come by mail. A search comes as was said of it, unless this is off."`
}

func (s *Server) apiAlertSettings(ctx context.Context, _ *none) (*body[alertSettingsBody], error) {
	who, _ := callerFrom(ctx)
	var x casework.AlertSettings
	s.config.Desk.Read(func(state *casework.State) { x = state.AlertSettings(who.actor) })
	if x.Mail == nil {
		x.Mail = map[casework.AlertKind]casework.AlertPace{}
	}
	return reply(alertSettingsBody{x.Address, x.Calendar, x.Mail}), nil
}

type setAlertsIn struct{ Body alertSettingsBody }

func (s *Server) apiSetAlerts(ctx context.Context, in *setAlertsIn) (*body[alertSettingsBody], error) {
	b := in.Body
	if err := s.act(ctx, casework.SetAlerts{Settings: casework.AlertSettings{Address: b.Address, Calendar: b.Calendar, Mail: b.Mail}}); err != nil {
		return nil, err
	}
	return s.apiAlertSettings(ctx, nil)
}

type followIn struct {
	Number int `path:"number" example:"104"`
	Body   struct {
		Follow bool `json:"follow"`
	}
}

type followOut struct {
	Followers []string `json:"followers"`
}

func (s *Server) apiFollow(ctx context.Context, in *followIn) (*body[followOut], error) {
	var c casework.Command = casework.FollowCase{Case: in.Number}
	if !in.Body.Follow {
		c = casework.UnfollowCase{Case: in.Number}
	}
	if err := s.act(ctx, c); err != nil {
		return nil, err
	}
	var out followOut
	s.config.Desk.Read(func(state *casework.State) { c, _ := state.Case(in.Number); out.Followers = list(c.Followers) })
	return reply(out), nil
}

type alertOnSearchIn struct {
	Owner string `path:"owner"`
	Name  string `path:"name"`
	Body  struct {
		Pace casework.AlertPace `json:"pace" doc:"off, instant, hourly or daily."`
	}
}

func (s *Server) apiAlertOnSearch(ctx context.Context, in *alertOnSearchIn) (*none, error) {
	return nil, s.subscribe(ctx, casework.SearchKey{Owner: in.Owner, Name: in.Name}, in.Body.Pace)
}

type feedsOut struct {
	Feeds []casework.Feed `json:"feeds" doc:"The last one first."`
}

func (s *Server) apiFeeds(ctx context.Context, _ *none) (*body[feedsOut], error) {
	who, _ := callerFrom(ctx)
	var out feedsOut
	s.config.Desk.Read(func(state *casework.State) { out.Feeds = list(state.Feeds(who.actor)) })
	return reply(out), nil
}

type makeFeedIn struct {
	Body struct {
		Account string `json:"account,omitempty" doc:"ID or name of an account; empty: the cases that the caller owns or follows."`
	}
}

type feedMade struct {
	casework.Feed
	URL string `json:"url" doc:"Told this once."`
}

func (s *Server) apiMakeFeed(ctx context.Context, in *makeFeedIn) (*body[feedMade], error) {
	link, id, err := s.newFeed(ctx, in.Body.Account)
	if err != nil {
		return nil, err
	}
	who, _ := callerFrom(ctx)
	out := feedMade{URL: link}
	s.config.Desk.Read(func(state *casework.State) {
		all := state.Feeds(who.actor)
		if i := slices.IndexFunc(all, func(f casework.Feed) bool { return f.ID == id }); i >= 0 {
			out.Feed = all[i]
		}
	})
	return reply(out), nil
}

type revokeFeedIn struct {
	ID int `path:"id"`
}

func (s *Server) apiRevokeFeed(ctx context.Context, in *revokeFeedIn) (*none, error) {
	return nil, s.act(ctx, casework.RevokeFeed{ID: in.ID})
}
