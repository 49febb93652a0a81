package webui

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

func commas(list []string) string { return strings.Join(list, ", ") }

func orDash(text string) string { return cmp.Or(text, "–") }

func severityWords(n int) string {
	if n == 0 {
		return ""
	}
	return "S" + strconv.Itoa(n)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// rulesView is the page of the rules: the list, or the form of one.
type rulesView struct {
	Rules    casework.RuleSet
	Rows     []ruleRow
	Versions []casework.RuleVersion // The last one first.
	Intake   casework.Intake
	Queues   []casework.Queue
	Names    names
	Leads    bool // The caller changes rules.
	Examples []casework.Rule
	Error    string
	Form     fields

	Of         string // ID of the rule whose form it is; "new", or "" on the list.
	Conditions []conditionRow
	Fields     []casework.RuleFieldInfo
	Teams      []casework.Team
	Owners     []casework.User
	Calendars  []casework.CalendarVersion
	Severities []int
	Trial      *rehearsed
}

// ruleRow is a rule as people read it.
type ruleRow struct {
	casework.Rule
	When []string
	Does []string
	Last bool // No rule is behind it.
}

// conditionRow is a line of the form of a rule.
type conditionRow struct{ Field, Not, Values string }

// spareRows is how many empty lines the form of a rule has.
const spareRows = 3

// rulesView is what the pages of the rules show.
func (s *Server) rulesView(r *http.Request) rulesView {
	who, _ := callerFrom(r.Context())
	v := rulesView{Leads: who.leads(), Form: fields{}, Fields: casework.RuleFields(), Severities: []int{1, 2, 3, 4}}
	s.config.Desk.Read(func(state *casework.State) {
		v.Rules, v.Versions, v.Intake, v.Queues = state.Rules(), state.RuleVersions(), state.Intake(), state.Queues()
		v.Names, v.Teams, v.Calendars = namesOf(state.Users()), state.Teams(), state.Calendars()
		for _, u := range state.Users() {
			if !u.Disabled && slices.ContainsFunc(u.Roles, casework.Role.Works) {
				v.Owners = append(v.Owners, u)
			}
		}
	})
	slices.Reverse(v.Versions)
	for i, rule := range v.Rules.Rules {
		row := v.row(rule)
		row.Last = i == len(v.Rules.Rules)-1
		v.Rows = append(v.Rows, row)
	}
	if len(v.Rules.Rules) == 0 {
		v.Examples = exampleRules(v.Teams)
	}
	return v
}

// row words a rule.
func (v *rulesView) row(rule casework.Rule) ruleRow {
	row := ruleRow{Rule: rule}
	for _, c := range rule.Conditions {
		row.When = append(row.When, c.String())
	}
	a := rule.Actions
	say := func(has bool, format string, args ...any) {
		if has {
			row.Does = append(row.Does, fmt.Sprintf(format, args...))
		}
	}
	title := a.Team
	for _, t := range v.Teams {
		if t.Name == a.Team {
			title = t.Title
		}
	}
	say(a.Case != 0, "it comes to C-%d", a.Case)
	say(a.Team != "", "goes to the team %s", title)
	say(a.Owner != "", "is given to %s", v.Names.Of(a.Owner))
	say(a.Severity != 0, "becomes S%d", a.Severity)
	say(len(a.Tags) > 0, "is tagged %s", commas(a.Tags))
	if a.Due != nil {
		say(true, "is due in %s, “%s”", Count(int64(a.Due.Hours), "hour", "hours"), cmp.Or(a.Due.Label, rule.Name))
	}
	say(a.Note != "", "gets a note")
	say(len(a.Notify) > 0, "is told to %s", commas(a.Notify))
	say(a.Mute, "is muted")
	say(a.Exception != "", "is an exception: %s", a.Exception)
	return row
}

// exampleRules are rules to take over, of what suits many.
func exampleRules(teams []casework.Team) []casework.Rule {
	team := ""
	if len(teams) > 0 {
		team = teams[0].Name
	}
	return []casework.Rule{
		{ID: "urgent", Name: "Production is down", Conditions: []casework.Condition{{Field: casework.FieldSubject, Values: []string{"urgent", "outage", "production down", "dringend", "ausfall"}}}, Actions: casework.RuleActions{Severity: 1, Tags: []string{"urgent"}}, GoOn: true},
		{ID: "contract-pdf", Name: "Contract as PDF", Conditions: []casework.Condition{{Field: casework.FieldFiletype, Values: []string{"pdf"}}, {Field: casework.FieldSubject, Values: []string{"contract", "renewal", "vertrag"}}}, Actions: casework.RuleActions{Team: team, Tags: []string{"contract"}, Due: &casework.RuleDue{Label: "Answer the contract", Hours: 24}}},
		{ID: "cancel", Name: "The customer wants to leave", Conditions: []casework.Condition{{Field: casework.FieldBody, Values: []string{"cancel*", "terminat*", "kündig*"}}, {Field: casework.FieldAccount, Not: true, Values: []string{casework.NoAccount}}}, Actions: casework.RuleActions{Severity: 2, Tags: []string{"leaving"}}},
	}
}

func (s *Server) showRules(w http.ResponseWriter, r *http.Request) error {
	return s.render(w, r, http.StatusOK, "rules", view{Title: "Rules", Nav: "rules", Page: s.rulesView(r)})
}

// showRule shows the form of a rule: of one that there is, an example, or a new one.
func (s *Server) showRule(w http.ResponseWriter, r *http.Request) error {
	v := s.rulesView(r)
	v.Of = r.PathValue("id")
	i := slices.IndexFunc(v.Rules.Rules, func(x casework.Rule) bool { return x.ID == v.Of })
	switch {
	case i >= 0:
		v.fill(v.Rules.Rules[i])
	case v.Of == newRule:
		for _, x := range v.Examples {
			if x.ID == r.FormValue("like") {
				v.fill(x)
			}
		}
		v.addRows()
	default:
		return notFound("rule")
	}
	return s.renderRule(w, r, http.StatusOK, v)
}

// newRule stands in an address where the ID of a rule stands.
const newRule = "new"

func (s *Server) renderRule(w http.ResponseWriter, r *http.Request, code int, v rulesView) error {
	title := "A new rule"
	if v.Of != newRule {
		title = "Rule " + v.Form.Get("name")
	}
	return s.render(w, r, code, "rule", view{Title: title, Nav: "rules", Page: v})
}

// fill fills the form with a rule.
func (v *rulesView) fill(x casework.Rule) {
	a := x.Actions
	f := url.Values{"name": {x.Name}, "team": {a.Team}, "owner": {a.Owner}, "tags": {written(a.Tags)}, "note": {a.Note}, "notify": {written(a.Notify)}, "exception": {a.Exception}}
	set := func(field string, has bool, value any) {
		if has {
			f.Set(field, fmt.Sprint(value))
		}
	}
	set("severity", a.Severity != 0, a.Severity)
	set("case", a.Case != 0, a.Case)
	set("mute", a.Mute, 1)
	set("go_on", x.GoOn, 1)
	set("off", x.Off, 1)
	if a.Due != nil {
		f.Set("due_hours", strconv.Itoa(a.Due.Hours))
		f.Set("due_label", a.Due.Label)
		f.Set("due_calendar", a.Due.Calendar)
	}
	v.Form, v.Conditions = fields(f), nil
	for _, c := range x.Conditions {
		row := conditionRow{Field: string(c.Field), Values: written(c.Values)}
		if c.Not {
			row.Not = "1"
		}
		v.Conditions = append(v.Conditions, row)
	}
	v.addRows()
}

func (v *rulesView) addRows() {
	for range spareRows {
		v.Conditions = append(v.Conditions, conditionRow{})
	}
}

// written are values as a form has them: with commas between, in quotes where they have one themselves.
func written(values []string) string {
	list := make([]string, len(values))
	for i, v := range values {
		if list[i] = v; strings.ContainsAny(v, `,"`) {
			list[i] = `"` + strings.ReplaceAll(v, `"`, `""`) + `"`
		}
	}
	return commas(list)
}

// typedValues reads what written wrote.
func typedValues(text string) (values []string) {
	r := csv.NewReader(strings.NewReader(text))
	r.LazyQuotes, r.TrimLeadingSpace, r.FieldsPerRecord = true, true, -1
	lines, err := r.ReadAll()
	if err != nil {
		lines = [][]string{strings.Split(text, ",")}
	}
	for _, v := range slices.Concat(lines...) {
		if v = strings.TrimSpace(v); v != "" {
			values = append(values, v)
		}
	}
	return values
}

// typedRule reads the form of a rule.
func typedRule(id string, f url.Values) (casework.Rule, []conditionRow) {
	hours := number0(f.Get("due_hours"))
	x := casework.Rule{ID: id, Name: strings.TrimSpace(f.Get("name")), Off: f.Get("off") != "", GoOn: f.Get("go_on") != "", Actions: casework.RuleActions{
		Team: f.Get("team"), Owner: f.Get("owner"), Severity: number0(f.Get("severity")), Tags: typedValues(f.Get("tags")), Case: number0(strings.TrimPrefix(strings.ToUpper(f.Get("case")), "C-")),
		Note: strings.TrimSpace(strings.ReplaceAll(f.Get("note"), "\r\n", "\n")), Notify: typedValues(f.Get("notify")), Mute: f.Get("mute") != "", Exception: strings.TrimSpace(f.Get("exception")),
	}}
	if f.Get("due_hours") != "" {
		x.Actions.Due = &casework.RuleDue{Label: strings.TrimSpace(f.Get("due_label")), Hours: hours, Calendar: f.Get("due_calendar")}
	}
	var rows []conditionRow
	values := f["values"]
	for i, field := range f["field"] {
		row := conditionRow{Field: field}
		if i < len(values) {
			row.Values = values[i]
		}
		if i < len(f["not"]) {
			row.Not = f["not"][i]
		}
		rows = append(rows, row)
		if field != "" {
			x.Conditions = append(x.Conditions, casework.Condition{Field: casework.RuleField(field), Not: row.Not != "", Values: typedValues(row.Values)})
		}
	}
	return x, rows
}

// ruleID makes an ID of a name that no rule has.
func ruleID(name string, set casework.RuleSet) string {
	var b strings.Builder
	for _, c := range strings.ToLower(name) {
		switch {
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
			b.WriteRune(c)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	base := cmp.Or(strings.Trim(b.String()[:min(b.Len(), 40)], "-"), "rule")
	id := base
	for n := 2; id == newRule || slices.ContainsFunc(set.Rules, func(x casework.Rule) bool { return x.ID == id }); n++ {
		id = base + "-" + strconv.Itoa(n)
	}
	return id
}

// typedRules are the rules with the one of a form in them, and the form to show it again.
func (s *Server) typedRules(r *http.Request) (v rulesView, err error) {
	if err := r.ParseForm(); err != nil {
		return v, invalid(err)
	}
	v = s.rulesView(r)
	v.Of, v.Form = r.PathValue("id"), fields(r.PostForm)
	id := v.Of
	if id == newRule {
		id = ruleID(v.Form.Get("name"), v.Rules)
	}
	x, rows := typedRule(id, r.PostForm)
	v.Conditions = rows
	v.addRows()
	v.Rules.Version = number0(v.Form.Get("version"))
	i := slices.IndexFunc(v.Rules.Rules, func(x casework.Rule) bool { return x.ID == v.Of })
	switch {
	case i >= 0:
		v.Rules.Rules[i] = x
	case v.Of == newRule:
		v.Rules.Rules = append(v.Rules.Rules, x)
	default:
		return v, notFound("rule")
	}
	return v, nil
}

// setRule keeps a rule.
func (s *Server) setRule(w http.ResponseWriter, r *http.Request) error {
	v, err := s.typedRules(r)
	if err != nil {
		return err
	}
	if err := s.do(r, casework.SetRules{Rules: v.Rules, Reason: v.Form.Get("reason")}); err != nil {
		return s.formAgain(err, func(code int, text string) error {
			v.Error = text
			return s.renderRule(w, r, code, v)
		})
	}
	return s.done(w, r, "/rules", "The rule is kept. It holds for mail that comes from now on.")
}

// tryRule shows what a rule that is not kept would have done with the mail of the last days.
func (s *Server) tryRule(w http.ResponseWriter, r *http.Request) error {
	v, err := s.typedRules(r)
	if err != nil {
		return err
	}
	if v.Trial, err = s.rehearse(r.Context(), v.Rules, number0(v.Form.Get("days"))); err != nil {
		return s.formAgain(err, func(code int, text string) error {
			v.Error = text
			return s.renderRule(w, r, code, v)
		})
	}
	return s.renderRule(w, r, http.StatusOK, v)
}

// moveRule puts a rule one place up or down, on or off, or takes it away.
func (s *Server) moveRule(w http.ResponseWriter, r *http.Request) error {
	v := s.rulesView(r)
	set := v.Rules
	i := slices.IndexFunc(set.Rules, func(x casework.Rule) bool { return x.ID == r.PathValue("id") })
	if i < 0 {
		return notFound("rule")
	}
	name, done := set.Rules[i].Name, "The rules are looked through in this order from now on."
	switch r.FormValue("do") {
	case "up":
		j := max(i-1, 0)
		set.Rules[i], set.Rules[j] = set.Rules[j], set.Rules[i]
	case "down":
		j := min(i+1, len(set.Rules)-1)
		set.Rules[i], set.Rules[j] = set.Rules[j], set.Rules[i]
	case "on", "off":
		set.Rules[i].Off = r.FormValue("do") == "off"
		done = "The rule “" + name + "” is " + r.FormValue("do") + "."
	case "remove":
		set.Rules = slices.Delete(set.Rules, i, i+1)
		done = "The rule “" + name + "” is gone. What it did stays, and the versions before keep it."
	default:
		return &statusError{http.StatusUnprocessableEntity, "Say what is to become of the rule: up, down, on, off or remove.", nil}
	}
	if err := s.do(r, casework.SetRules{Rules: set, Reason: r.FormValue("reason")}); err != nil {
		return err
	}
	return s.done(w, r, "/rules", done)
}

// setRuleTerms sets what holds for all rules.
func (s *Server) setRuleTerms(w http.ResponseWriter, r *http.Request) error {
	v := s.rulesView(r)
	set := v.Rules
	set.Version, set.Zone, set.Largest = number0(r.FormValue("version")), strings.TrimSpace(r.FormValue("zone")), number0(r.FormValue("largest"))
	if err := s.do(r, casework.SetRules{Rules: set, Reason: r.FormValue("reason")}); err != nil {
		return s.rulesAgain(w, r, err)
	}
	return s.done(w, r, "/rules", "That holds for mail that comes from now on.")
}

// rulesAgain shows the list with why something was refused.
func (s *Server) rulesAgain(w http.ResponseWriter, r *http.Request, err error) error {
	return s.formAgain(err, func(code int, text string) error {
		v := s.rulesView(r)
		v.Error, v.Form = text, fields(r.Form)
		return s.render(w, r, code, "rules", view{Title: "Rules", Nav: "rules", Page: v})
	})
}

// setIntake says of which queues new mail becomes cases.
func (s *Server) setIntake(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return invalid(err)
	}
	if err := s.do(r, casework.SetIntake{Queues: r.PostForm["queue"], From: s.streamEnds(), Reason: r.PostForm.Get("reason")}); err != nil {
		return s.rulesAgain(w, r, err)
	}
	done := "No new mail becomes a case by itself."
	if n := len(r.PostForm["queue"]); n > 0 {
		done = "New mail of " + Count(int64(n), "queue", "queues") + " becomes cases from now on."
	}
	return s.done(w, r, "/rules", done)
}

// streamEnds are the places of the records that come next.
func (s *Server) streamEnds() casework.Positions {
	ends := casework.Positions{}
	for _, stream := range s.config.Archive.Streams() {
		if !stream.Ours() {
			ends[stream] = s.config.Archive.Next(stream)
		}
	}
	return ends
}

// whyView says why a message came to a case, or what would become of it now.
type whyView struct {
	Asked   string
	Error   string
	Why     *routeOut
	Subject string
	From    string
	Date    time.Time
}

// showWhy says why a message went where it did.
func (s *Server) showWhy(w http.ResponseWriter, r *http.Request) error {
	v, code := whyView{Asked: strings.TrimSpace(r.FormValue("record"))}, http.StatusOK
	if v.Asked != "" {
		at, err := s.typedRecord(r.Context(), v.Asked)
		if err == nil {
			v.Why, err = s.whyOf(r.Context(), at.Record, &v)
		}
		if err != nil {
			if err := s.formAgain(err, func(c int, text string) error { code, v.Error = c, text; return nil }); err != nil {
				return err
			}
		}
	}
	return s.render(w, r, code, "why", view{Title: "Why did this go there?", Nav: "rules", Page: v})
}

// routedLine says on the page of a case how it came in.
type routedLine struct {
	Text      string
	Exception string
	Settled   *casework.Settled
	Claims    int
	Record    archive.Address
}

// routedLine is nil for a case that people opened and to which no message came since.
func (s *Server) routedLine(c casework.Case) *routedLine {
	if c.Routed == nil {
		return nil
	}
	l := &routedLine{Exception: c.Routed.Exception, Settled: c.Settled, Claims: c.Routed.Claims, Record: c.Routed.Message.Record, Text: "Came in by no rule"}
	s.config.Desk.Read(func(state *casework.State) {
		set, _ := state.RulesOf(c.Routed.Rules)
		for i, x := range set.Rules {
			if x.ID == c.Routed.Rule {
				l.Text = fmt.Sprintf("Routed by rule %d “%s”, version %d", i+1, x.Name, c.Routed.Rules)
			}
		}
	})
	return l
}
