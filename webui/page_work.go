package webui

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"polytrace/casework"
)

// workPage is how many cases are on a page of a slice.
const workPage = 50

// sliceNames are how people say slices.
var sliceNames = map[casework.Slice]string{
	casework.SliceUrgent: "Urgent", casework.SliceNew: "New intake", casework.SliceUs: "Waiting on us", casework.SliceCustomer: "Waiting on customer",
	casework.SliceToday: "Due today", casework.SliceOverdue: "Overdue", casework.SliceExceptions: "Exceptions", casework.SliceSnoozed: "Snoozed",
	casework.SliceMine: "Mine", casework.SliceUnowned: "Unowned", casework.SliceAll: "All open",
}

// sliceLink leads to a slice, and says how many cases are in it.
type sliceLink struct {
	Slice casework.Slice
	Name  string
	Count int
}

// workRow is a case in a slice.
type workRow struct {
	casework.Work
	Due    *dueView // nil when nothing is waited for.
	Routed string   // Why it came here; "" when people opened it.
}

// column is a heading that sorts.
type column struct {
	Key, Name, Link string
	Order           string // ascending or descending; "" when it is sorted by another one.
	Num             bool
}

type workView struct {
	Slices   []sliceLink
	Teams    []sliceLink
	Slice    casework.Slice
	Name     string
	Sort     string
	Rows     []workRow
	Total    int
	Next     string // Link to the next page; "" at the end.
	First    string // Link to the first page; "" there.
	Back     string // This page.
	Columns  []column
	Names    names
	Links    accountLinks
	Titles   teamTitles
	Strip    casework.Health
	Empty    string
	Bulks    []bulkView
	Bulk     bulkForm
	Me       string
	Selected map[int]bool
}

// teamTitles are how people know teams, by name.
type teamTitles map[string]string

// Of is the title of a team; its name when it is gone.
func (t teamTitles) Of(name string) string { return cmp.Or(t[name], name) }

func teamTitlesOf(teams []casework.Team) teamTitles {
	titles := teamTitles{}
	for _, t := range teams {
		titles[t.Name] = t.Title
	}
	return titles
}

// bulkView is a change of many cases that can be undone.
type bulkView struct {
	casework.Bulk
	Mine bool
}

// bulkForm is what the form for many cases offers.
type bulkForm struct {
	Owners     []casework.User
	Teams      []casework.Team
	Statuses   []casework.Status
	Severities []int
	Leads      bool
}

// sorts are the orders of a slice. All fall back on what is due first, and then on the number.
var sorts = map[string]func(v *workView, a, b *workRow) int{
	"due":      func(_ *workView, a, b *workRow) int { return compareDue(a, b) },
	"risk":     func(_ *workView, a, b *workRow) int { return cmp.Compare(levelRank(b), levelRank(a)) },
	"severity": func(_ *workView, a, b *workRow) int { return cmp.Compare(a.Case.Severity, b.Case.Severity) },
	"case":     func(_ *workView, a, b *workRow) int { return cmp.Compare(a.Case.Number, b.Case.Number) },
	"owner": func(v *workView, a, b *workRow) int {
		return strings.Compare(v.Names.Of(a.Case.Owner), v.Names.Of(b.Case.Owner))
	},
	"account": func(_ *workView, a, b *workRow) int { return strings.Compare(a.Case.Account, b.Case.Account) },
	"team": func(v *workView, a, b *workRow) int {
		return strings.Compare(v.Titles.Of(a.Case.Team), v.Titles.Of(b.Case.Team))
	},
	"age": func(_ *workView, a, b *workRow) int { return a.Case.Opened.Compare(b.Case.Opened) },
}

func levelRank(r *workRow) int { return slices.Index(casework.RiskLevels(), r.Level) }

// compareDue puts what is due first first, and what is not due at all last.
func compareDue(a, b *workRow) int {
	x, waits := a.Clock()
	y, other := b.Clock()
	switch {
	case waits && other && x.Due.IsZero() == y.Due.IsZero():
		return x.Due.Compare(y.Due)
	case waits && other && x.Due.IsZero(), !waits && other:
		return 1
	case waits:
		return -1
	}
	return 0
}

// showWork shows a slice of the open work.
func (s *Server) showWork(w http.ResponseWriter, r *http.Request) error {
	v, err := s.workView(r.Context(), r.URL.Query())
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "work", view{Title: "Queue: " + v.Name, Nav: "work", Page: v})
}

// workQuery are the slice, order and place that somebody asks for.
type workQuery struct {
	slice      casework.Slice
	sort       string
	descending bool
	after      int // Number of the last case of the page before; 0: the first page.
	limit      int
}

func workQueryOf(form url.Values) (q workQuery) {
	q.slice = casework.Slice(cmp.Or(form.Get("slice"), string(casework.SliceAll)))
	q.sort, q.descending = strings.CutPrefix(form.Get("sort"), "-")
	if sorts[q.sort] == nil {
		q.sort = "due"
	}
	q.after, q.limit = number0(form.Get("after")), workPage
	return q
}

// link leads to the slice in its order, from behind a case on.
func (q workQuery) link(after int) string {
	form := url.Values{"slice": {string(q.slice)}}
	if q.sort != "due" || q.descending {
		form.Set("sort", map[bool]string{true: "-"}[q.descending]+q.sort)
	}
	if after > 0 {
		form.Set("after", strconv.Itoa(after))
	}
	return "/work?" + form.Encode()
}

// slice fills in the counts, and the cases of the slice in order.
func (v *workView) slice(all []openWork, teams []casework.Team, q workQuery, who string, now time.Time) error {
	v.Slice, v.Name, v.Titles = q.slice, sliceNames[q.slice], teamTitlesOf(teams)
	if team := q.slice.Team(); team != "" {
		v.Name = v.Titles[team]
	}
	if v.Name == "" {
		return notFound("slice")
	}
	count := func(slice casework.Slice) (n int) {
		for i := range all {
			if all[i].In(slice, who, now) {
				n++
			}
		}
		return n
	}
	for _, slice := range casework.Slices() {
		v.Slices = append(v.Slices, sliceLink{slice, sliceNames[slice], count(slice)})
	}
	for _, t := range teams {
		slice := casework.TeamSlice(t.Name)
		v.Teams = append(v.Teams, sliceLink{slice, t.Title, count(slice)})
	}
	for _, w := range inSlice(all, q.slice, who, now) {
		v.Rows = append(v.Rows, workRow{w.Work, dueOf(&w.Work, now), routedBy(&w.Case)})
	}
	v.Total = len(v.Rows)
	order := sorts[q.sort]
	slices.SortFunc(v.Rows, func(a, b workRow) int {
		first := order(v, &a, &b)
		if q.descending {
			first = -first
		}
		return cmp.Or(first, compareDue(&a, &b), cmp.Compare(a.Case.Number, b.Case.Number))
	})
	return nil
}

// page keeps the cases of a page, and returns the number of its last one when there are more. A page goes on behind
// the case that was last on the one before; when that has left the slice, the list is shown from its beginning.
func (v *workView) page(q workQuery) (last int) {
	if i := slices.IndexFunc(v.Rows, func(r workRow) bool { return r.Case.Number == q.after }); i >= 0 {
		v.Rows = v.Rows[i+1:]
	}
	if len(v.Rows) > q.limit {
		v.Rows = v.Rows[:q.limit]
		last = v.Rows[q.limit-1].Case.Number
	}
	return last
}

// routedBy says why a case came here.
func routedBy(c *casework.Case) string {
	r := c.Routed
	switch {
	case r == nil:
		return ""
	case c.Exception() != "":
		return "exception: " + c.Exception()
	case r.Rule != "":
		return "rule " + r.Rule
	}
	return cmp.Or(r.Link, "no rule matched")
}

func (s *Server) workView(ctx context.Context, form url.Values) (*workView, error) {
	all, err := s.work(ctx)
	if err != nil {
		return nil, err
	}
	who, _ := callerFrom(ctx)
	now, q := s.config.Now(), workQueryOf(form)
	v := &workView{Me: who.actor}
	var histories []casework.History
	var teams []casework.Team
	s.config.Desk.Read(func(state *casework.State) {
		users := state.Users()
		v.Names, v.Links, histories, teams = namesOf(users), accountLinksOf(state), state.Histories(), state.Teams()
		v.Bulk = bulkForm{workers(users), teams, casework.Statuses(), []int{1, 2, 3, 4}, who.leads()}
		for _, b := range state.Bulks() {
			if mine := b.By == who.actor; b.Undoable(now) && (mine || who.leads()) && len(v.Bulks) < 3 {
				v.Bulks = append(v.Bulks, bulkView{b, mine})
			}
		}
	})
	if err := v.slice(all, teams, q, who.actor, now); err != nil {
		return nil, err
	}
	last := v.page(q)
	v.Back, v.Sort = q.link(q.after), q.sort
	if q.after > 0 {
		v.First = q.link(0)
	}
	if last > 0 {
		v.Next = q.link(last)
	}
	for _, c := range []column{{Key: "case", Name: "Case"}, {Key: "risk", Name: "Risk"}, {Key: "due", Name: "Due"}, {Key: "owner", Name: "Owner"}, {Key: "account", Name: "Account"}, {Key: "team", Name: "Team"}, {Key: "severity", Name: "Severity"}, {Key: "age", Name: "Age", Num: true}} {
		by := q
		by.sort, by.descending = c.Key, c.Key == q.sort && !q.descending
		c.Link = by.link(0)
		if c.Key == q.sort {
			c.Order = map[bool]string{false: "ascending", true: "descending"}[q.descending]
		}
		v.Columns = append(v.Columns, c)
	}
	v.Strip = casework.HealthOf(histories, worksOf(all), nil, now, s.days())[0]
	if v.Total == 0 {
		v.Empty = v.nothing(histories, len(all), now)
	}
	return v, nil
}

// nothing says of an empty slice what was looked at.
func (v *workView) nothing(histories []casework.History, open int, now time.Time) string {
	if len(histories) == 0 {
		return "There is no case yet. Select words in a message and press c to open one."
	}
	if team := v.Slice.Team(); v.Slice != casework.SliceAll && team == "" || open > 0 && v.Slice == casework.SliceAll {
		return Count(open, "open case was", "open cases were") + " looked at " + now.UTC().Format("15:04 UTC") + "; none is in this slice."
	}
	var last time.Time
	handled := 0
	today := v.Strip.Days[len(v.Strip.Days)-1].Day
	for i := range histories {
		was := false
		for _, step := range histories[i].Steps {
			is := step.Open && (v.Slice == casework.SliceAll || step.Team == v.Slice.Team())
			if was && !is {
				if step.At.After(last) {
					last = step.At
				}
				if !step.At.Before(today) {
					handled++
				}
			}
			was = is
		}
	}
	text := "Queue empty"
	if !last.IsZero() {
		text += " since " + timeIn(last, today.Location(), now)
	}
	return text + " – " + strconv.Itoa(handled) + " handled today."
}

// workers are the users who may work on cases.
func workers(users []casework.User) (list []casework.User) {
	for _, u := range users {
		if !u.Disabled && slices.ContainsFunc(u.Roles, casework.Role.Works) {
			list = append(list, u)
		}
	}
	return list
}

// worksOf are the cases alone.
func worksOf(all []openWork) []casework.Work {
	list := make([]casework.Work, len(all))
	for i := range all {
		list[i] = all[i].Work
	}
	return list
}

// days is the zone by which days are counted: that of the calendar that was set first, UTC when there is none.
func (s *Server) days() *time.Location {
	zone := time.UTC
	s.config.Desk.Read(func(state *casework.State) {
		if all := state.CalendarVersions(); len(all) > 0 {
			zone = all[0].Location()
		}
	})
	return zone
}
