package webui

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

// bulkPlanView is what a change of many cases would do.
type bulkPlanView struct {
	Plan   casework.BulkPlan
	Lines  []bulkLine
	Titles map[int]string // Of cases.
	Form   []formField    // What was asked for, to be sent again.
	Back   string
	Error  string
}

// bulkLine is a case and what changes of it, in words.
type bulkLine struct {
	Number int
	Title  string
	Did    []string
}

// formField is a field of a form that is sent again.
type formField struct{ Name, Value string }

// bulkCommand reads the form for many cases.
func bulkCommand(form url.Values, me string) (casework.ChangeCases, error) {
	c := casework.ChangeCases{Reason: form.Get("reason")}
	for _, n := range numbers(form["case"]) {
		x := casework.BulkCase{Case: n}
		if at, err := strconv.ParseUint(form.Get("rev-"+strconv.Itoa(n)), 10, 64); err == nil {
			x.Revision = new(archive.Position(at))
		}
		c.Cases = append(c.Cases, x)
	}
	a := &c.Action
	if a.Owner = chosen(form, "owner"); form.Get("do") == "claim" {
		a.Owner = &me
	}
	a.Team = chosen(form, "team")
	a.Tag, a.Untag = tagList(form.Get("tag")), tagList(form.Get("untag"))
	if n := number0(form.Get("severity")); n != 0 {
		a.Severity = &n
	}
	if status := form.Get("status"); status != "" {
		a.Status = new(casework.Status(status))
	}
	if muted := form.Get("muted"); muted != "" {
		a.Muted = new(muted == "yes")
	}
	switch until := form.Get("snooze"); {
	case form.Get("wake") != "":
		a.Snooze = &time.Time{}
	case until != "":
		day, err := time.Parse(time.DateOnly, until)
		if err != nil {
			return c, &casework.Refusal{Code: casework.Invalid, Field: "Snooze", Text: "Choose the day until which the cases can wait."}
		}
		a.Snooze = &day
	}
	return c, nil
}

// chosen is what was chosen in a menu: nil to keep what is, and "-" is nothing.
func chosen(form url.Values, field string) *string {
	switch value := form.Get(field); value {
	case "":
		return nil
	case "-":
		return new(string)
	default:
		return &value
	}
}

// tagList reads tags with commas between them.
func tagList(text string) (tags []string) {
	for tag := range strings.SplitSeq(text, ",") {
		if tag = strings.TrimSpace(tag); tag != "" {
			tags = append(tags, tag)
		}
	}
	return tags
}

// changeWork shows what a change of many cases would do, or carries it out.
func (s *Server) changeWork(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return &statusError{http.StatusBadRequest, "The form could not be read. Go back and try again.", err}
	}
	who, _ := callerFrom(r.Context())
	back := local(r.PostForm.Get("back"))
	if !strings.HasPrefix(back, "/work") {
		back = "/work"
	}
	v := bulkPlanView{Back: back}
	c, err := bulkCommand(r.PostForm, who.actor)
	if err == nil {
		v.Plan, err = s.planBulk(who.actor, c)
	}
	if err == nil && (r.PostForm.Get("do") == "change" || r.PostForm.Get("do") == "claim" && len(v.Plan.Refused) == 0) {
		if err = s.do(r, c); err == nil {
			return s.done(w, r, back, doneBulk(v.Plan, "changed"))
		}
	}
	refusal, refused := errors.AsType[*casework.Refusal](err)
	if err != nil && !refused {
		return err
	}
	code := http.StatusOK
	if refused {
		v.Error, code = refusal.Text, asStatus(err).code
	}
	s.fillPlan(&v, r.PostForm, who.actor)
	return s.render(w, r, code, "bulk", view{Title: "Change cases", Nav: "work", Page: v})
}

// planBulk says what a change of many cases would do.
func (s *Server) planBulk(actor string, c casework.ChangeCases) (plan casework.BulkPlan, err error) {
	c, ok := casework.As(actor, c).(casework.ChangeCases)
	if !ok {
		return plan, fmt.Errorf("plan a bulk change: it is %T", c)
	}
	s.config.Desk.Read(func(state *casework.State) { plan, err = c.Plan(state, s.config.Now()) })
	return plan, err
}

// fillPlan words a plan, and keeps the form to be sent again.
func (s *Server) fillPlan(v *bulkPlanView, form url.Values, me string) {
	v.Titles = map[int]string{}
	var called names
	var teams teamTitles
	s.config.Desk.Read(func(state *casework.State) {
		called, teams = namesOf(state.Users()), teamTitlesOf(state.Teams())
		for _, c := range state.Overview() {
			v.Titles[c.Number] = c.Title
		}
	})
	for _, x := range v.Plan.Changes {
		v.Lines = append(v.Lines, bulkLine{x.Case, v.Titles[x.Case], bulkWords(x, called, teams)})
	}
	again := maps.Clone(form)
	if again.Get("do") == "claim" {
		again["owner"] = []string{me}
	}
	delete(again, "do")
	for _, name := range slices.Sorted(maps.Keys(again)) {
		for _, value := range again[name] {
			if value != "" {
				v.Form = append(v.Form, formField{name, value})
			}
		}
	}
}

// bulkWords say what changes of a case.
func bulkWords(x casework.BulkChange, called names, teams teamTitles) (did []string) {
	say := func(what, from, to string) { did = append(did, what+": "+from+" → "+to) }
	b, a := x.Before, x.After
	if a.Owner != nil {
		say("owner", cmp.Or(called.Of(*b.Owner), "nobody"), cmp.Or(called.Of(*a.Owner), "nobody"))
	}
	if a.Team != nil {
		say("team", cmp.Or(teams.Of(*b.Team), "none"), cmp.Or(teams.Of(*a.Team), "none"))
	}
	if a.Status != nil {
		say("status", string(*b.Status), string(*a.Status))
	}
	if a.Severity != nil {
		say("severity", fmt.Sprint(*b.Severity), fmt.Sprint(*a.Severity))
	}
	if a.Tags != nil {
		say("tags", cmp.Or(strings.Join(*b.Tags, ", "), "none"), cmp.Or(strings.Join(*a.Tags, ", "), "none"))
	}
	if a.Muted != nil {
		words := map[bool]string{true: "muted", false: "not muted"}
		say("notices", words[*b.Muted], words[*a.Muted])
	}
	if a.Snooze != nil {
		say("sleep", sleepWords(*b.Snooze), sleepWords(*a.Snooze))
	}
	return did
}

func sleepWords(s casework.Sleep) string {
	if s.Until.IsZero() {
		return "awake"
	}
	return "until " + s.Until.Format("2 Jan 2006 15:04")
}

// doneBulk says what was done, and which cases were left out and why.
func doneBulk(plan casework.BulkPlan, verb string) string {
	text := Count(len(plan.Changes), "case is ", "cases are ") + verb + "."
	for i, x := range plan.Refused {
		if i == 5 {
			return text + fmt.Sprintf(" And %d more stay as they are.", len(plan.Refused)-i)
		}
		text += fmt.Sprintf(" C-%d stays as it is: %s", x.Case, x.Text)
	}
	return text
}

// undoWork takes a change of many cases back.
func (s *Server) undoWork(w http.ResponseWriter, r *http.Request) error {
	plan, err := s.undoBulk(r.Context(), casework.UndoBulk{ID: number0(r.PathValue("id"))})
	if err != nil {
		return err
	}
	return s.done(w, r, "/work", doneBulk(plan, "as before"))
}

// undoBulk takes a change back, and says of which cases.
func (s *Server) undoBulk(ctx context.Context, c casework.UndoBulk) (plan casework.BulkPlan, err error) {
	who, _ := callerFrom(ctx)
	of, ok := casework.As(who.actor, c).(casework.UndoBulk)
	if !ok {
		return plan, fmt.Errorf("plan an undo: it is %T", of)
	}
	s.config.Desk.Read(func(state *casework.State) { plan, err = of.Plan(state, s.config.Now()) })
	if err != nil {
		return plan, err
	}
	return plan, s.act(ctx, c)
}
