package webui

import (
	"cmp"
	"context"
	"html/template"
	"net/http"

	"polytrace/casework"
	"polytrace/index"
)

// healthView is where work is piling up.
type healthView struct {
	Teams []teamHealth // Of all first.
	Names names
}

type teamHealth struct {
	casework.Health
	Title           string
	In, Out         int           // In all days.
	Came, Went, Lay template.HTML // Charts over the days.
}

// health counts where work is piling up, for the caller.
func (s *Server) health(ctx context.Context) ([]casework.Health, teamTitles, error) {
	all, err := s.work(ctx)
	if err != nil {
		return nil, nil, err
	}
	var histories []casework.History
	var teams []casework.Team
	s.config.Desk.Read(func(state *casework.State) { histories, teams = state.Histories(), state.Teams() })
	return casework.HealthOf(histories, worksOf(all), teams, s.config.Now(), s.days()), teamTitlesOf(teams), nil
}

// showHealth shows where work is piling up.
func (s *Server) showHealth(w http.ResponseWriter, r *http.Request) error {
	all, titles, err := s.health(r.Context())
	if err != nil {
		return err
	}
	var v healthView
	s.config.Desk.Read(func(state *casework.State) { v.Names = namesOf(state.Users()) })
	for _, h := range all {
		t := teamHealth{Health: h, Title: cmp.Or(titles.Of(h.Team), "No team")}
		if h.All {
			t.Title = "All cases"
		}
		var came, went, lay []index.Bucket
		for _, d := range h.Days {
			end := d.Day.AddDate(0, 0, 1)
			came, went, lay = append(came, index.Bucket{Start: d.Day, End: end, Count: d.In}), append(went, index.Bucket{Start: d.Day, End: end, Count: d.Out}), append(lay, index.Bucket{Start: d.Day, End: end, Count: d.Backlog})
			t.In, t.Out = t.In+d.In, t.Out+d.Out
		}
		t.Came, t.Went = chart(came, "case came", "cases came", nil), chart(went, "case went", "cases went", nil)
		t.Lay = chart(lay, "case lay open at the end of a day", "cases lay open at the end of days", nil)
		v.Teams = append(v.Teams, t)
	}
	return s.render(w, r, http.StatusOK, "health", view{Title: "Where work piles up", Nav: "work", Page: v})
}
