package webui

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"polytrace/casework"
)

// heldForm is a form on the page of a case that was not carried out: what somebody
// wrote, and why. It comes back with the page as it is now, so that nothing is lost and
// a second try is a decision about that.
type heldForm struct {
	Name, Why string
	form      url.Values
}

// In is the form, if it is the one of a name.
func (h *heldForm) In(name string) *heldForm {
	if h == nil || h.Name != name {
		return nil
	}
	return h
}

// Value is what was written into a field; "" where nothing was.
func (h *heldForm) Value(field string) string {
	if h == nil {
		return ""
	}
	return h.form.Get(field)
}

// Picked reports whether a citation was chosen.
func (h *heldForm) Picked(id int) bool {
	return h != nil && slices.Contains(h.form["cite"], strconv.Itoa(id))
}

// Has reports whether a value was chosen in a field of several.
func (h *heldForm) Has(field, value string) bool {
	return h != nil && slices.Contains(h.form[field], value)
}

// onCase carries out what the form of a name on the page of a case asks for, and goes on to a part of it.
func (s *Server) onCase(w http.ResponseWriter, r *http.Request, form, part, done string, command func(snapshot) (casework.Command, error)) error {
	return s.onForm(w, r, form, "#"+part, done, command, s.caseHeld)
}

// onForm carries out what the form of a name asks for on a page about a case, and goes on to a place below the case; what
// is refused is shown again with that page.
func (s *Server) onForm(w http.ResponseWriter, r *http.Request, form, to, done string, command func(snapshot) (casework.Command, error),
	again func(http.ResponseWriter, *http.Request, int, *heldForm) error) error {
	if err := r.ParseForm(); err != nil {
		return &statusError{http.StatusBadRequest, "The form could not be read. Go back and try again.", err}
	}
	snap, err := s.snapshot(r)
	if err != nil {
		return err
	}
	if what := writing(form); what != "" {
		who, _ := callerFrom(r.Context())
		s.presence.meet(snap.c.Number, who.actor, what, s.config.Now())
	}
	c, err := command(snap)
	if err == nil {
		err = s.do(r, c)
	}
	var refusal *casework.Refusal
	switch {
	case errors.As(err, &refusal):
		return again(w, r, asStatus(err).code, &heldForm{form, refusal.Text, r.PostForm})
	case err != nil:
		return err
	}
	return s.done(w, r, casePath(snap.c.Number)+to, done)
}

// statement is a fact, decision, promise or date with its sources.
type statement struct {
	Fact       casework.Fact
	Decision   casework.Decision
	Commitment casework.Commitment
	Date       casework.KeyDate

	Due   *casework.When // Of a date.
	State casework.CommitmentState
	From  string // Whose promise it is.
	To    string // To whom.
	Moves []moveView
	Chips []chip
	Ended []chip // What shows the end.

	Looks *looksView      // What seems to keep an open promise; nil when nothing does.
	NotBy []casework.Mail // That somebody said does not.
}

type moveView struct {
	casework.Move
	Chips []chip
}

type issueView struct {
	casework.Issue
	Facts []statement
}

// fillStatements brings together what is stated about a case.
func (v *caseView) fillStatements(chips map[int]chip, now time.Time) {
	of := func(cites []int) (list []chip) {
		for _, id := range cites {
			if k, ok := chips[id]; ok {
				list = append(list, k)
			}
		}
		return list
	}
	for _, i := range v.Case.Issues {
		v.Issues = append(v.Issues, issueView{Issue: i})
	}
	for _, f := range v.Case.Facts {
		x := statement{Fact: f, Chips: of(f.Cites)}
		if f.Issue > 0 && f.Issue <= len(v.Issues) {
			v.Issues[f.Issue-1].Facts = append(v.Issues[f.Issue-1].Facts, x)
		} else {
			v.Facts = append(v.Facts, x)
		}
	}
	for _, d := range slices.Backward(v.Case.Decisions) {
		v.Decisions = append(v.Decisions, statement{Decision: d, Chips: of(d.Cites)})
	}
	for _, c := range v.Case.Commitments {
		x := statement{Commitment: c, State: c.State(now), From: v.partyOf(c.Debtor), To: v.partyOf(c.Creditor), Chips: of(c.Cites)}
		for _, m := range c.Moves {
			x.Moves = append(x.Moves, moveView{m, of(m.Cites)})
		}
		if c.End != nil {
			x.Ended = of(c.End.Cites)
		}
		v.Promises = append(v.Promises, x)
	}
	for _, d := range v.Case.KeyDates {
		if d.Removed.IsZero() {
			v.Dates = append(v.Dates, statement{Date: d, Due: &d.When, Chips: of(d.Cites)})
		}
	}
	slices.SortStableFunc(v.Dates, func(a, b statement) int { return a.Date.When.From.Compare(b.Date.When.From) })
}

// partyOf is how people know who promised something, or to whom.
func (v *caseView) partyOf(p casework.Party) string { return partyName(p, v.Names) }

func partyName(p casework.Party, of names) string {
	if p.User != "" {
		return of.Of(p.User)
	}
	return cmp.Or(p.Name, p.Address, "somebody")
}

// typedWhen is the day that was chosen in a form, with the words for it; nil where none was.
func (s *Server) typedWhen(form url.Values) (*casework.When, error) {
	day, err := s.typedDay("Due", form.Get("due"))
	if err != nil || day.IsZero() {
		return nil, err
	}
	return &casework.When{From: day, To: day.AddDate(0, 0, 1), Grain: "day", Text: strings.TrimSpace(form.Get("due_text"))}, nil
}

func (s *Server) openIssue(w http.ResponseWriter, r *http.Request) error {
	return s.onCase(w, r, "issue", "facts", "The issue is open.", func(snap snapshot) (casework.Command, error) {
		return casework.OpenIssue{Case: snap.c.Number, Title: r.PostForm.Get("title"), Revision: revision(r)}, nil
	})
}

func (s *Server) changeIssue(w http.ResponseWriter, r *http.Request) error {
	return s.onCase(w, r, "issue-"+r.PathValue("id"), "facts", "The issue is changed.", func(snap snapshot) (casework.Command, error) {
		state := casework.IssueState(r.PostForm.Get("state"))
		return casework.ChangeIssue{Case: snap.c.Number, ID: number0(r.PathValue("id")), State: &state, Reason: r.PostForm.Get("reason"), Revision: revision(r)}, nil
	})
}

func (s *Server) stateFact(w http.ResponseWriter, r *http.Request) error {
	return s.onCase(w, r, "fact", "facts", "The fact is kept.", func(snap snapshot) (casework.Command, error) {
		cites := numbers(r.PostForm["cite"])
		return casework.StateFact{Case: snap.c.Number, Text: r.PostForm.Get("text"), Issue: number0(r.PostForm.Get("issue")), Cites: cites, Accepted: len(cites) > 0, Revision: revision(r)}, nil
	})
}

// changeFact says what is thought of a fact, or gives it other sources.
func (s *Server) changeFact(w http.ResponseWriter, r *http.Request) error {
	return s.onCase(w, r, "fact-"+r.PathValue("id"), "facts", "The fact is changed.", func(snap snapshot) (casework.Command, error) {
		c := casework.ChangeFact{Case: snap.c.Number, ID: number0(r.PathValue("id")), Cites: numbers(r.PostForm["cite"]), Better: number0(r.PostForm.Get("better")), Reason: r.PostForm.Get("reason"), Revision: revision(r)}
		if status := casework.FactStatus(r.PostForm.Get("status")); status != "" {
			c.Status = &status
		}
		return c, nil
	})
}

func (s *Server) makeDecision(w http.ResponseWriter, r *http.Request) error {
	return s.onCase(w, r, "decision", "decisions", "The decision is kept.", func(snap snapshot) (casework.Command, error) {
		f := r.PostForm
		return casework.MakeDecision{Case: snap.c.Number, Text: f.Get("text"), Why: f.Get("why"), Alternatives: strings.Split(f.Get("alternatives"), "\n"), DecidedBy: f.Get("decided_by"),
			Supersedes: number0(f.Get("supersedes")), Cites: numbers(f["cite"]), Revision: revision(r)}, nil
	})
}

func (s *Server) makePromise(w http.ResponseWriter, r *http.Request) error {
	return s.onCase(w, r, "promise", "promises", "The promise is kept.", func(snap snapshot) (casework.Command, error) {
		f := r.PostForm
		due, err := s.typedWhen(f)
		c := casework.MakeCommitment{Case: snap.c.Number, Direction: casework.Direction(f.Get("direction")), What: f.Get("what"), Due: due, Cites: numbers(f["cite"]), Revision: revision(r)}
		switch who := strings.TrimSpace(f.Get("who")); {
		case who == "":
		case c.Direction == casework.Theirs:
			c.Debtor.Name = who
		default:
			c.Creditor.Name = who
		}
		return c, err
	})
}

func (s *Server) movePromise(w http.ResponseWriter, r *http.Request) error {
	return s.onCase(w, r, "move-"+r.PathValue("id"), "promises", "The promise is moved; how it stood before is kept.", func(snap snapshot) (casework.Command, error) {
		due, err := s.typedWhen(r.PostForm)
		return casework.MoveCommitment{Case: snap.c.Number, ID: number0(r.PathValue("id")), What: r.PostForm.Get("what"), Due: due, Asked: casework.Direction(r.PostForm.Get("asked")),
			Cites: numbers(r.PostForm["cite"]), Reason: r.PostForm.Get("reason"), Revision: revision(r)}, err
	})
}

func (s *Server) endPromise(w http.ResponseWriter, r *http.Request) error {
	return s.onCase(w, r, "end-"+r.PathValue("id"), "promises", "How the promise ended is kept.", func(snap snapshot) (casework.Command, error) {
		when, err := s.typedDay("When", r.PostForm.Get("when"))
		return casework.EndCommitment{Case: snap.c.Number, ID: number0(r.PathValue("id")), How: casework.Ending(r.PostForm.Get("how")), When: when, Cites: numbers(r.PostForm["cite"]),
			Reason: r.PostForm.Get("reason"), Revision: revision(r)}, err
	})
}

func (s *Server) reopenPromise(w http.ResponseWriter, r *http.Request) error {
	return s.onCase(w, r, "end-"+r.PathValue("id"), "promises", "The promise is open again.", func(snap snapshot) (casework.Command, error) {
		return casework.ReopenCommitment{Case: snap.c.Number, ID: number0(r.PathValue("id")), Reason: r.PostForm.Get("reason"), Revision: revision(r)}, nil
	})
}

func (s *Server) setKeyDate(w http.ResponseWriter, r *http.Request) error {
	return s.onCase(w, r, "date", "dates", "The date is kept.", func(snap snapshot) (casework.Command, error) {
		when, err := s.typedWhen(r.PostForm)
		if err == nil && when == nil {
			err = &casework.Refusal{Code: casework.Invalid, Field: "When", Text: "Choose the day."}
		}
		if err != nil {
			return nil, err
		}
		return casework.SetKeyDate{Case: snap.c.Number, Label: r.PostForm.Get("label"), Kind: r.PostForm.Get("kind"), When: *when, Cites: numbers(r.PostForm["cite"]), Revision: revision(r)}, nil
	})
}

func (s *Server) removeKeyDate(w http.ResponseWriter, r *http.Request) error {
	return s.onCase(w, r, "date-"+r.PathValue("id"), "dates", "The date is removed. The log still names it.", func(snap snapshot) (casework.Command, error) {
		return casework.RemoveKeyDate{Case: snap.c.Number, ID: number0(r.PathValue("id")), Reason: r.PostForm.Get("reason"), Revision: revision(r)}, nil
	})
}

// promisesView is the list of what was promised in all cases.
type promisesView struct {
	window
	Rows     []promiseRow
	Names    names
	Links    accountLinks
	Filter   string
	Total    int
	Overdue  int // Of ours.
	Promised int // Not ended, of both sides.
}

type promiseRow struct {
	casework.Promise
	State    casework.CommitmentState
	From, To string
	Looks    *looksView // What seems to keep it; nil when nothing does, or it was not looked for.
}

// showPromises lists the promises of all cases: what is open first, by when it is due.
func (s *Server) showPromises(w http.ResponseWriter, r *http.Request) error {
	who, _ := callerFrom(r.Context())
	v := promisesView{Filter: cmp.Or(r.FormValue("show"), "open")}
	var all []casework.Promise
	s.config.Desk.Read(func(state *casework.State) {
		all, v.Names, v.Links = state.Promises(), namesOf(state.Users()), accountLinksOf(state)
	})
	now := s.config.Now()
	for _, p := range all {
		row := promiseRow{Promise: p, State: p.State(now), From: partyName(p.Debtor, v.Names), To: partyName(p.Creditor, v.Names)}
		if p.End == nil {
			v.Promised++
			if row.State == casework.CommitmentOverdue && p.Direction == casework.Ours {
				v.Overdue++
			}
		}
		if row.fits(v.Filter, who.actor) {
			v.Rows = append(v.Rows, row)
		}
	}
	v.Total, v.window = len(v.Rows), windowOf(r, len(v.Rows))
	v.Rows = v.Rows[v.From:v.End]
	if err := s.notePromises(r.Context(), v.Rows); err != nil {
		return err
	}
	if err := s.fillLooks(r.Context(), v.Rows); err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "promises", view{Title: "Promises", Nav: "promises", Page: v})
}

// maxLooked is in how many cases a list of promises looks for what keeps them.
const maxLooked = 20

// fillLooks says of promises that are open what seems to keep them, in the first cases of a list.
func (s *Server) fillLooks(ctx context.Context, rows []promiseRow) error {
	looked := map[int][]looksView{}
	for i := range rows {
		p := &rows[i]
		looks, known := looked[p.Case]
		if p.End != nil || !known && len(looked) == maxLooked {
			continue
		}
		if !known {
			var err error
			if looks, err = s.looksDoneIn(ctx, p.Case); err != nil {
				return err
			}
			looked[p.Case] = looks
		}
		for _, x := range looks {
			if x.LooksDone.Case == p.Case && x.LooksDone.Commitment == p.ID {
				p.Looks = &x
			}
		}
	}
	return nil
}

func (p promiseRow) fits(filter, actor string) bool {
	switch filter {
	case "all":
		return true
	case "mine":
		return p.End == nil && p.Answers == actor
	case "overdue":
		return p.State == casework.CommitmentOverdue
	case "ended":
		return p.End != nil
	}
	return p.End == nil
}

// notePromises notes the cases whose promises are shown, all in one event: they say what mail says.
func (s *Server) notePromises(ctx context.Context, rows []promiseRow) error {
	var cases []int
	for _, p := range rows {
		cases = append(cases, p.Case)
	}
	return s.noteCases(ctx, cases)
}

// dueIn is how a time stands on a page: the day, or the minute; "" for none.
func dueIn(w *casework.When) string {
	switch {
	case w == nil:
		return ""
	case w.Grain == "minute":
		return w.From.Format("2 Jan 2006 15:04")
	}
	return w.To.AddDate(0, 0, -1).Format("2 Jan 2006")
}
