package webui

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"polytrace/casework"
)

// alertsView is the page of alerts.
type alertsView struct {
	window
	Rows   []alertRow
	Total  int // Of the filter.
	Unseen int
	Newest int // ID of the last alert.
	Show   string
	Kind   casework.AlertKind
	Kinds  []casework.AlertKind
}

// alertRow is an alert in the list.
type alertRow struct {
	casework.Alert
	New     bool
	Title   string // Of the case.
	Link    string
	Sources []alertSource
}

// alertSource is where what an alert rests on is found.
type alertSource struct{ Text, Link string }

// maxAlertSources is how many sources of an alert the page shows.
const maxAlertSources = 5

// showAlerts lists the alerts of the caller, the last one first.
func (s *Server) showAlerts(w http.ResponseWriter, r *http.Request) error {
	who, _ := callerFrom(r.Context())
	v := alertsView{Show: "unseen", Kind: casework.AlertKind(r.FormValue("kind")), Kinds: casework.AlertKinds}
	if r.FormValue("show") == "all" {
		v.Show = "all"
	}
	var all []casework.Alert
	var seen int
	titles := map[int]string{}
	s.config.Desk.Read(func(state *casework.State) {
		all, seen = state.Alerts(who.actor)
		v.Unseen = state.UnseenAlerts(who.actor)
		for _, c := range state.Overview() {
			titles[c.Number] = c.Title
		}
	})
	if len(all) > 0 {
		v.Newest = all[0].ID
	}
	all = slices.DeleteFunc(all, func(a casework.Alert) bool {
		return v.Show == "unseen" && a.ID <= seen || v.Kind != "" && a.Kind != v.Kind
	})
	v.Total, v.window = len(all), windowOf(r, len(all))
	for _, a := range all[v.From:v.End] {
		row := alertRow{Alert: a, New: a.ID > seen, Title: titles[a.Case]}
		var err error
		if row.Sources, err = s.alertSources(r.Context(), a); err != nil {
			return err
		}
		switch {
		case a.Case != 0:
			row.Link = casePath(a.Case)
		case a.Search != "":
			owner, name, _ := strings.Cut(a.Search, "/")
			row.Link = searchPath(casework.SearchKey{Owner: owner, Name: name})
		}
		v.Rows = append(v.Rows, row)
	}
	return s.render(w, r, http.StatusOK, "alerts", view{Title: "Alerts", Nav: "alerts", Page: v})
}

// alertSources are the first sources of an alert, without messages that the caller may not read.
func (s *Server) alertSources(ctx context.Context, a casework.Alert) (list []alertSource, err error) {
	for _, x := range a.Sources[:min(len(a.Sources), maxAlertSources)] {
		link, err := s.sourceLink(ctx, x)
		text := "decision"
		switch {
		case err != nil:
			return nil, err
		case link == "":
			continue
		case x.Record != nil:
			text = "message"
		case x.Citation != 0:
			text = "cited words"
		}
		list = append(list, alertSource{text, link})
	}
	return list, nil
}

// seeAlerts marks the alerts up to one as seen.
func (s *Server) seeAlerts(w http.ResponseWriter, r *http.Request) error {
	if err := s.do(r, casework.SeeAlerts{Upto: number0(r.FormValue("upto"))}); err != nil {
		return err
	}
	return s.done(w, r, "/alerts", "The alerts are marked as seen.")
}

// alertSettingsView is the page on which somebody says how to be told.
type alertSettingsView struct {
	Settings  casework.AlertSettings
	Kinds     []casework.AlertKind
	Paces     []casework.AlertPace
	Calendars []string
	Mails     bool // A relay is set up.
	Searches  []casework.Subscription
	Feeds     []casework.Feed
	Accounts  map[string]string // Names by ID.
	Links     accountLinks
	Secret    string // Link that was made now.
	Error     string
	FeedError string
	Account   string // As it was typed for a link.
}

var paceWords = map[casework.AlertPace]string{casework.AlertOff: "no", casework.AlertInstant: "at once", casework.AlertHourly: "each hour", casework.AlertDaily: "each day"}

var alertKindWords = map[casework.AlertKind]string{
	casework.AlertRisk: "The risk of a case has changed", casework.AlertPromise: "A promise is due soon, or past its time", casework.AlertClock: "A response time is nearly used up, or over",
	casework.AlertHandoff: "A case is offered, or an offer is answered", casework.AlertQuestion: "A question or a review is asked, or answered", casework.AlertMention: "You are named in a note",
	casework.AlertOwner: "A case is given to you, or taken", casework.AlertSearch: "A watched search finds something", casework.AlertCover: "A cover ends", casework.AlertRule: "A rule about new mail names you",
}

func (s *Server) showAlertSettings(w http.ResponseWriter, r *http.Request) error {
	return s.renderAlertSettings(w, r, http.StatusOK, alertSettingsView{}, true)
}

// renderAlertSettings shows the settings: those that hold, or those that were typed.
func (s *Server) renderAlertSettings(w http.ResponseWriter, r *http.Request, code int, v alertSettingsView, present bool) error {
	who, _ := callerFrom(r.Context())
	v.Kinds, v.Paces, v.Mails, v.Accounts = casework.AlertKinds, casework.AlertPaces, s.config.Notify.Mail != nil, map[string]string{}
	s.config.Desk.Read(func(state *casework.State) {
		if present {
			v.Settings = state.AlertSettings(who.actor)
		}
		for _, c := range state.Calendars() {
			v.Calendars = append(v.Calendars, c.Name)
		}
		v.Searches = slices.DeleteFunc(state.Subscriptions(), func(x casework.Subscription) bool { return x.User.Name != who.actor })
		v.Feeds, v.Links = state.Feeds(who.actor), accountLinksOf(state)
		for _, a := range state.Accounts() {
			v.Accounts[a.ID] = a.Name
		}
	})
	return s.render(w, r, code, "alert-settings", view{Title: "How you are told", Nav: "alerts", Page: v})
}

// setAlerts keeps how the caller wants to be told.
func (s *Server) setAlerts(w http.ResponseWriter, r *http.Request) error {
	x := casework.AlertSettings{Address: r.FormValue("address"), Calendar: r.FormValue("calendar"), Mail: map[casework.AlertKind]casework.AlertPace{}}
	for _, kind := range casework.AlertKinds {
		if pace := r.FormValue("mail-" + string(kind)); pace != "" {
			x.Mail[kind] = casework.AlertPace(pace)
		}
	}
	err := s.do(r, casework.SetAlerts{Settings: x})
	var refusal *casework.Refusal
	if errors.As(err, &refusal) {
		return s.renderAlertSettings(w, r, asStatus(err).code, alertSettingsView{Settings: x, Error: refusal.Text}, false)
	}
	if err != nil {
		return err
	}
	return s.done(w, r, "/alerts/settings", "It is kept how you are told.")
}

// alertOnSearch keeps how soon the caller is told of what a search finds.
func (s *Server) alertOnSearch(w http.ResponseWriter, r *http.Request) error {
	key := pathKey(r)
	if err := s.subscribe(r.Context(), key, casework.AlertPace(r.FormValue("pace"))); err != nil {
		return err
	}
	return s.done(w, r, searchPath(key), "It is kept how you are told of what "+key.Name+" finds.")
}

// subscribe has the caller told of what a search finds from now on.
func (s *Server) subscribe(ctx context.Context, key casework.SearchKey, pace casework.AlertPace) error {
	upto := casework.Positions{}
	for _, stream := range s.config.Archive.Streams() {
		upto[stream] = s.config.Archive.Next(stream)
	}
	return s.act(ctx, casework.AlertOnSearch{Owner: key.Owner, Name: key.Name, Pace: pace, Upto: upto})
}

// followCase has the caller told of what happens to a case, or ends that.
func (s *Server) followCase(w http.ResponseWriter, r *http.Request) error {
	snap, err := s.snapshot(r)
	if err != nil {
		return err
	}
	done := "You are told of what happens to the case."
	var c casework.Command = casework.FollowCase{Case: snap.c.Number}
	if r.FormValue("do") == "unfollow" {
		done, c = "You are told of the case no more.", casework.UnfollowCase{Case: snap.c.Number}
	}
	if err := s.do(r, c); err != nil {
		return err
	}
	return s.done(w, r, casePath(snap.c.Number), done)
}

// makeFeed makes a link to dates; it is shown once.
func (s *Server) makeFeed(w http.ResponseWriter, r *http.Request) error {
	link, _, err := s.newFeed(r.Context(), r.FormValue("account"))
	var refusal *casework.Refusal
	if errors.As(err, &refusal) {
		return s.renderAlertSettings(w, r, asStatus(err).code, alertSettingsView{FeedError: refusal.Text, Account: r.FormValue("account")}, true)
	}
	if err != nil {
		return err
	}
	return s.renderAlertSettings(w, r, http.StatusOK, alertSettingsView{Secret: link}, true)
}

func (s *Server) newFeed(ctx context.Context, account string) (link string, id int, err error) {
	secret := casework.NewSecret()
	err = s.act(ctx, casework.MakeFeed{Account: account, Hash: casework.SecretHash(secret), ID: &id})
	return s.config.PublicURL + "/calendar/" + secret + ".ics", id, err
}

func (s *Server) revokeFeed(w http.ResponseWriter, r *http.Request) error {
	if err := s.do(r, casework.RevokeFeed{ID: number0(r.PathValue("id"))}); err != nil {
		return err
	}
	return s.done(w, r, "/alerts/settings", "The link opens nothing any more.")
}

var errNoFeed = &statusError{http.StatusNotFound, "There is nothing here: the link is wrong, or was taken back.", nil}

// showFeed serves the dates behind a link as a calendar. Links that do not open all look the same. What is shown is noted
// as read by whom the link is.
func (s *Server) showFeed(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	secret, ok := strings.CutSuffix(r.PathValue("file"), ".ics")
	var feed casework.Feed
	var user casework.User
	var cases []casework.Case
	if ok {
		s.config.Desk.Read(func(state *casework.State) {
			if feed, user, ok = state.FeedByHash(casework.SecretHash(secret)); ok {
				cases = ofAccount(state, state.FeedCases(feed), r.FormValue("account"))
			}
		})
	}
	if !ok {
		return s.renderGuest(w, r, errNoFeed.code, "error", view{Title: "Not found", Page: errNoFeed.text})
	}
	numbers := make([]int, len(cases))
	for i, c := range cases {
		numbers[i] = c.Number
	}
	if err := s.noteCases(asUser(r.Context(), user), numbers); err != nil {
		return err
	}
	_, host, _ := strings.Cut(s.config.PublicURL, "//")
	link := func(number int) string { return s.config.PublicURL + casePath(number) }
	w.Header().Set("Content-Type", "text/calendar; charset=utf-8")
	w.Write(casework.ICalendar("Polytrace: dates of "+fullName(user), host, casework.FeedOf(cases), link, s.config.Now().Truncate(time.Second))) // Who does not read it to the end has left.
	return nil
}

// ofAccount are those of some cases that are of an account; all when none is asked for. A link shows no more than it was made for.
func ofAccount(state *casework.State, cases []casework.Case, asked string) []casework.Case {
	if asked == "" {
		return cases
	}
	want, ok := state.Account(asked)
	return slices.DeleteFunc(cases, func(c casework.Case) bool {
		of, known := state.Account(c.Account)
		return !ok || !known || of.ID != want.ID
	})
}
