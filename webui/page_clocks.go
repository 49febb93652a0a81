package webui

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

// caseClocksView is the page that says why what is due when.
type caseClocksView struct {
	window
	Case   casework.Case
	Clocks clocksView
	Rows   []clockView // Of the page that was asked for.
}

func (s *Server) showClocks(w http.ResponseWriter, r *http.Request) error {
	snap, err := s.shownSnapshot(r)
	if err != nil {
		return err
	}
	d, err := s.dossier(r.Context(), snap, false)
	if err != nil {
		return err
	}
	v := caseClocksView{Case: snap.c, Clocks: s.clocksOf(r.Context(), d)}
	all := v.Clocks.All()
	v.window = windowOf(r, len(all))
	v.Rows = all[v.From:v.End]
	return s.render(w, r, http.StatusOK, "clocks", view{Title: "Response times of C-" + strconv.Itoa(snap.c.Number), Nav: "cases", Page: v})
}

// markMail says that a message of a case needs no answer, or takes that back.
func (s *Server) markMail(w http.ResponseWriter, r *http.Request) error {
	at, err := archive.ParseAddress(r.FormValue("record"))
	if err != nil {
		return invalid(err)
	}
	snap, err := s.snapshot(r)
	if err != nil {
		return err
	}
	off := r.FormValue("off") != ""
	if err := s.setMark(r.Context(), at, off, r.FormValue("reason")); err != nil {
		return err
	}
	text := "This message needs no answer. No clock counts it any more."
	if off {
		text = "This message needs an answer after all."
	}
	return s.done(w, r, casePath(snap.c.Number)+"/clocks", text)
}

// policiesView is the list of policies, or the form of one.
type policiesView struct {
	Policies  []policyRow
	Calendars []casework.CalendarVersion
	Severity  []int
	Goals     any
	Zones     []string
	Zone      string // That an administrator is likely to be in.

	Of       string // Name of the policy whose page it is; "" on the list.
	Versions []policyRow
	Removed  bool

	Form  fields
	Error string
	Usual bool // Error is about the form that sets up what suits many.
}

// policyRow is a version of a policy as people read it.
type policyRow struct {
	casework.PolicyVersion
	For   string
	Lines []string
	ByWho string
	Later bool // Its time has not come.
}

func (s *Server) showPolicies(w http.ResponseWriter, r *http.Request) error {
	return s.renderPolicies(w, r, http.StatusOK, policiesView{Form: fields{}})
}

func (s *Server) showPolicy(w http.ResponseWriter, r *http.Request) error {
	return s.renderPolicies(w, r, http.StatusOK, policiesView{Of: r.PathValue("name")})
}

func (s *Server) renderPolicies(w http.ResponseWriter, r *http.Request, code int, v policiesView) error {
	var all, versions []casework.PolicyVersion
	var people names
	var links accountLinks
	s.config.Desk.Read(func(state *casework.State) {
		all, versions, v.Calendars, people, links = state.Policies(), state.PolicyVersions(), state.Calendars(), namesOf(state.Users()), accountLinksOf(state)
	})
	row := func(p casework.PolicyVersion) policyRow {
		account := func(name string) string {
			if a := links.Of(name); a != nil {
				return a.Name
			}
			return name
		}
		return policyRow{p, matchWords(p.Match, account), targetLines(p.Policy), people.Of(p.By), p.From.After(s.config.Now())}
	}
	for _, p := range all {
		v.Policies = append(v.Policies, row(p))
	}
	v.Severity, v.Goals, v.Zones, v.Zone = []int{0, 1, 2, 3, 4}, goals, zones, s.zone()
	title := "Policies"
	if v.Of != "" {
		for _, p := range lastFirst(versions, func(p casework.PolicyVersion) bool { return p.Name == v.Of }) {
			v.Versions = append(v.Versions, row(p))
		}
		if len(v.Versions) == 0 {
			return notFound("policy")
		}
		title, v.Removed = "Policy "+v.Of, v.Versions[0].Removed
		if v.Form == nil {
			v.Form = policyFields(v.Versions[0].PolicyVersion)
		}
		v.Form["seen"] = []string{strconv.Itoa(v.Versions[0].Number)} // Also of a form that comes back.
	}
	return s.render(w, r, code, "policies", view{Title: title, Nav: "policies", Page: v})
}

// setPolicy keeps a new policy, or a change of one.
func (s *Server) setPolicy(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return invalid(err)
	}
	form := fields(r.PostForm)
	was := casework.PolicyVersion{}
	var calendars []casework.CalendarVersion
	s.config.Desk.Read(func(state *casework.State) {
		calendars = state.Calendars()
		for _, p := range state.Policies() {
			if p.Name == form.Get("name") {
				was = p
			}
		}
	})
	c, err := typedPolicy(form, was.Policy)
	if err == nil {
		zone := "UTC"
		for _, x := range calendars {
			if x.Name == c.Calendar {
				zone = x.Zone
			}
		}
		c.From, err = typedFrom(form.Get("from"), zone)
	}
	if err == nil && c.Seen == 0 && was.Number > 0 {
		err = &casework.Refusal{Code: casework.Conflict, Field: "Name", Text: "There is a policy " + was.Name + " already. Open it to change it, or choose another name."}
	}
	if err == nil {
		err = s.do(r, c)
	}
	v := policiesView{Form: form}
	if c.Seen != 0 {
		v.Of = c.Name
	}
	if err != nil {
		return s.formAgain(err, func(code int, text string) error {
			v.Error = text
			return s.renderPolicies(w, r, code, v)
		})
	}
	return s.done(w, r, "/policies", "The policy "+c.Name+" is kept. What it said before stays in its history.")
}

// formAgain shows a form again with why it was refused; any other error is passed on.
func (s *Server) formAgain(err error, again func(code int, text string) error) error {
	var refusal *casework.Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	return again(asStatus(err).code, refusal.Text)
}

func (s *Server) removePolicy(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	if err := s.do(r, casework.RemovePolicy{Name: name, Reason: r.FormValue("reason")}); err != nil {
		return err
	}
	return s.done(w, r, "/policies", "The policy "+name+" promises nothing from now on.")
}

// movePolicy puts a policy one place up or down.
func (s *Server) movePolicy(w http.ResponseWriter, r *http.Request) error {
	var order []string
	s.config.Desk.Read(func(state *casework.State) {
		for _, p := range state.Policies() {
			order = append(order, p.Name)
		}
	})
	i := slices.Index(order, r.PathValue("name"))
	to := i - 1
	if r.FormValue("to") == "down" {
		to = i + 1
	}
	if i < 0 {
		return notFound("policy")
	}
	if to >= 0 && to < len(order) {
		order[i], order[to] = order[to], order[i]
	}
	if err := s.do(r, casework.OrderPolicies{Names: order, Reason: r.FormValue("reason")}); err != nil {
		return err
	}
	return s.done(w, r, "/policies", "The policies are looked through in this order from now on.")
}

// The calendar and the policy that one press sets up.
const (
	usualCalendar = "office-hours"
	usualPolicy   = "standard-support"
)

// setUsual sets up a calendar and a policy that suit many.
func (s *Server) setUsual(w http.ResponseWriter, r *http.Request) error {
	office := []casework.Shift{{"09:00", "17:00"}}
	calendar := casework.SetCalendar{Name: usualCalendar, Zone: strings.TrimSpace(r.FormValue("zone")), Hours: casework.Hours{Mon: office, Tue: office, Wed: office, Thu: office, Fri: office}}
	had := false
	s.config.Desk.Read(func(state *casework.State) {
		had = slices.ContainsFunc(state.Calendars(), func(c casework.CalendarVersion) bool { return c.Name == usualCalendar })
	})
	if !had {
		if err := s.do(r, calendar); err != nil {
			return s.formAgain(err, func(code int, text string) error {
				return s.renderPolicies(w, r, code, policiesView{Form: fields(url.Values{"zone": {calendar.Zone}}), Error: text, Usual: true})
			})
		}
	}
	target := func(hours int) casework.Target { return casework.Target{Minutes: hours * 60} }
	policy := casework.Policy{Calendar: usualCalendar, PauseOn: []casework.PauseCause{casework.PauseWaiting, casework.PauseSnoozed}, Targets: []casework.Targets{
		{First: target(8), Next: target(8), Resolution: target(40)},
		{Severity: 1, First: target(1), Next: target(2), Resolution: target(8)},
		{Severity: 2, First: target(2), Next: target(4), Resolution: target(16)},
	}}
	if err := s.do(r, casework.SetPolicy{Name: usualPolicy, Policy: policy}); err != nil {
		return err
	}
	return s.done(w, r, "/policies", "Office hours and standard support hold from now on. Change them to what you promise.")
}

// calendarsView is the list of calendars, or the form of one.
type calendarsView struct {
	Calendars []calendarRow
	Days      any
	Zones     []string

	Of       string // Name of the calendar whose page it is; "" on the list.
	Versions []calendarRow
	Used     []string // Policies that count by it.

	Form  fields
	Error string
}

// calendarRow is a version of a calendar as people read it.
type calendarRow struct {
	casework.CalendarVersion
	Lines []string
	Next  []casework.Holiday // From today on, the first ones.
	ByWho string
	Later bool // Its time has not come.
}

func (s *Server) showCalendars(w http.ResponseWriter, r *http.Request) error {
	return s.renderCalendars(w, r, http.StatusOK, calendarsView{Form: fields(url.Values{"zone": {s.zone()}})})
}

func (s *Server) showCalendar(w http.ResponseWriter, r *http.Request) error {
	return s.renderCalendars(w, r, http.StatusOK, calendarsView{Of: r.PathValue("name")})
}

func (s *Server) renderCalendars(w http.ResponseWriter, r *http.Request, code int, v calendarsView) error {
	var all, versions []casework.CalendarVersion
	var people names
	s.config.Desk.Read(func(state *casework.State) {
		all, versions, people = state.Calendars(), state.CalendarVersions(), namesOf(state.Users())
		for _, p := range state.Policies() {
			if p.Calendar == v.Of && v.Of != "" {
				v.Used = append(v.Used, p.Name)
			}
		}
	})
	now := s.config.Now()
	row := func(c casework.CalendarVersion) calendarRow {
		x := calendarRow{CalendarVersion: c, Lines: hoursLines(c.Calendar), ByWho: people.Of(c.By), Later: c.From.After(now)}
		for _, h := range c.Holidays {
			if h.Day >= now.Format(time.DateOnly) {
				x.Next = append(x.Next, h)
			}
		}
		slices.SortFunc(x.Next, func(a, b casework.Holiday) int { return strings.Compare(a.Day, b.Day) })
		x.Next = x.Next[:min(len(x.Next), 3)]
		return x
	}
	for _, c := range all {
		v.Calendars = append(v.Calendars, row(c))
	}
	v.Days, v.Zones = days, zones
	title := "Calendars"
	if v.Of != "" {
		for _, c := range lastFirst(versions, func(c casework.CalendarVersion) bool { return c.Name == v.Of }) {
			v.Versions = append(v.Versions, row(c))
		}
		if len(v.Versions) == 0 {
			return notFound("calendar")
		}
		title = "Calendar " + v.Of
		if v.Form == nil {
			v.Form = calendarFields(v.Versions[0].CalendarVersion)
		}
		v.Form["seen"] = []string{strconv.Itoa(v.Versions[0].Number)} // Also of a form that comes back.
	}
	return s.render(w, r, code, "calendars", view{Title: title, Nav: "policies", Page: v})
}

// setCalendar keeps a new calendar, or a change of one.
func (s *Server) setCalendar(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return invalid(err)
	}
	form := fields(r.PostForm)
	c, err := typedCalendar(form)
	if err == nil && c.Seen == 0 {
		s.config.Desk.Read(func(state *casework.State) {
			if slices.ContainsFunc(state.Calendars(), func(x casework.CalendarVersion) bool { return x.Name == c.Name }) {
				err = &casework.Refusal{Code: casework.Conflict, Field: "Name", Text: "There is a calendar " + c.Name + " already. Open it to change it, or choose another name."}
			}
		})
	}
	if err == nil {
		err = s.do(r, c)
	}
	if err != nil {
		v := calendarsView{Form: form}
		if c.Seen != 0 {
			v.Of = c.Name
		}
		return s.formAgain(err, func(code int, text string) error {
			v.Error = text
			return s.renderCalendars(w, r, code, v)
		})
	}
	return s.done(w, r, "/calendars", "The calendar "+c.Name+" is kept. What is due is counted by it; what it said before stays in its history.")
}

// zone is that of the server, which is likely to be the administrator's.
func (s *Server) zone() string {
	if name := s.config.Now().Location().String(); name != "Local" {
		return name
	}
	return "UTC"
}

// zones are offered in forms; any other of the IANA database can be written.
var zones = []string{
	"UTC", "Africa/Cairo", "Africa/Johannesburg", "Africa/Lagos", "Africa/Nairobi", "America/Argentina/Buenos_Aires", "America/Bogota", "America/Chicago", "America/Denver",
	"America/Los_Angeles", "America/Mexico_City", "America/New_York", "America/Sao_Paulo", "America/Toronto", "Asia/Bangkok", "Asia/Dubai", "Asia/Hong_Kong", "Asia/Jakarta",
	"Asia/Jerusalem", "Asia/Karachi", "Asia/Kolkata", "Asia/Manila", "Asia/Riyadh", "Asia/Seoul", "Asia/Shanghai", "Asia/Singapore", "Asia/Tokyo", "Australia/Perth",
	"Australia/Sydney", "Europe/Amsterdam", "Europe/Athens", "Europe/Berlin", "Europe/Brussels", "Europe/Copenhagen", "Europe/Dublin", "Europe/Helsinki", "Europe/Istanbul",
	"Europe/Kyiv", "Europe/Lisbon", "Europe/London", "Europe/Madrid", "Europe/Oslo", "Europe/Paris", "Europe/Prague", "Europe/Rome", "Europe/Stockholm", "Europe/Vienna",
	"Europe/Warsaw", "Europe/Zurich", "Pacific/Auckland",
}
