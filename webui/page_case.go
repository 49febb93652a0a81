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

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/index"
)

// chip is the source of a statement: where it leads, and what is on hover.
type chip struct {
	ID     int // Of the citation.
	Link   string
	Quote  string
	From   string
	Date   time.Time
	Gone   bool // Withdrawn.
	Absent bool // Not in the index, for now.
	Log    bool // It is a decision, and no message.

	Removed string // By a decision: which, when and why. "" when it is there.
}

// evidenceView is a citation with what it cites.
type evidenceView struct {
	casework.Citation
	Chip    chip
	Subject string
	Open    bool // Its source is shown beside it.
	Shared  bool // A live share shows it.
}

type noteView struct {
	casework.Note
	Parts []notePart
	Chips []chip
}

type shareView struct {
	casework.Share
	ByName string
	Live   bool
}

type caseView struct {
	Case       casework.Case
	Owner      string
	Evidence   []evidenceView
	Notes      []noteView
	Brief      []briefSection
	Level      casework.RiskLevel
	Mail       int // Messages of the case.
	News       int // Changes since the caller looked.
	Visit      casework.Visit
	Shares     []shareView
	Owners     []casework.User // Who could own it.
	Statuses   []casework.Status
	Severities []int
	Source     *messageView // Opened beside the case.
	Removed    string       // Instead of it: why there is nothing to open.
	Quote      string       // Of the opened citation.
	Names      names
	Issues     []issueView
	Facts      []statement // Of no issue.
	Decisions  []statement // The last one first.
	Promises   []statement
	Dates      []statement
	Kinds      []string  // Of dates.
	Held       *heldForm // A form that was refused; nil as a rule.
	Links      accountLinks
	Clocks     clocksView
	Similar    similarView
	Duty       dutyView
	Details    detailsView     // What the mail says.
	References []referenceView // What the case is about in other systems.
	Systems    []string        // That references can be of.
	Told       *toldView       // Of a question that somebody is about to ask; nil before.

	Present   []Present // Who else is at the case now.
	Routed    *routedLine
	ReplyLine string
	Follows   bool            // The caller follows the case.
	Nameable  []casework.User // Whom a note can name so that they are told.

	handing
	AllDetails bool // Every detail is shown.

	reviewing
	chips   map[int]chip // By ID of the citation.
	dossier *dossier
}

// snapshot is what a page needs of the desk.
type snapshot struct {
	c     casework.Case
	users []casework.User
	names names
	links accountLinks

	removed map[archive.Address]*index.RemovedError // Of what the case cites.
}

// names are the full names of people by actor.
type names map[string]string

// Of is how people know an actor.
func (n names) Of(actor string) string {
	if name := n[actor]; name != "" {
		return name
	}
	if token, ok := strings.CutPrefix(actor, "token:"); ok {
		return "Token " + token
	}
	return actor
}

func (s *Server) snapshot(r *http.Request) (snapshot, error) {
	snap, err := s.bareCase(r.Context(), number0(strings.TrimPrefix(strings.ToUpper(r.PathValue("number")), "C-")))
	s.config.Desk.Read(func(state *casework.State) { snap.users, snap.links = state.Users(), accountLinksOf(state) })
	snap.names = namesOf(snap.users)
	return snap, err
}

// shownSnapshot is snapshot for somebody who is shown the case, which is noted.
func (s *Server) shownSnapshot(r *http.Request) (snapshot, error) {
	snap, err := s.snapshot(r)
	if err == nil {
		err = s.noteCase(r.Context(), snap.c.Number)
	}
	return snap, err
}

func namesOf(users []casework.User) names {
	list := names{casework.Guest: "A guest", casework.System: "Polytrace"}
	for _, u := range users {
		list[u.Name] = fullName(u)
	}
	return list
}

func (s *Server) showCase(w http.ResponseWriter, r *http.Request) error {
	return s.caseHeld(w, r, http.StatusOK, nil)
}

// caseHeld shows a case, with a form that was refused.
func (s *Server) caseHeld(w http.ResponseWriter, r *http.Request, code int, held *heldForm) error {
	snap, err := s.shownSnapshot(r)
	if err != nil {
		return err
	}
	v, err := s.caseView(r, snap)
	if err == nil {
		err = s.fillBrief(r.Context(), v)
	}
	if err == nil {
		v.Similar, err = s.similarOf(r.Context(), snap.c.Number, snap.names, r.FormValue("similar") == "all")
	}
	if err != nil {
		return err
	}
	v.Held, v.Present = held, s.presentAt(r.Context(), snap.c.Number, snap.names)
	return s.render(w, r, code, "case", view{Title: caseTitle(snap.c), Nav: "cases", Page: v})
}

func caseTitle(c casework.Case) string { return "C-" + strconv.Itoa(c.Number) + " " + c.Title }

func (s *Server) caseView(r *http.Request, snap snapshot) (*caseView, error) {
	v := &caseView{Case: snap.c, Level: snap.c.RiskAt(s.config.Now()), Owner: snap.names.Of(snap.c.Owner), Statuses: casework.Statuses(), Severities: []int{1, 2, 3, 4}, Names: snap.names, Links: snap.links, Kinds: casework.KeyDateKinds, AllDetails: r.FormValue("details") == "all"}
	v.Owners = workers(snap.users)
	chips, subjects := s.chips(r.Context(), snap)
	if err := s.fillEvidence(r, v, chips, subjects); err != nil {
		return nil, err
	}
	for _, n := range snap.c.Notes {
		view := noteView{Note: n, Parts: notePartsOf(n, snap.names)}
		for _, id := range n.Cites {
			if c, ok := chips[id]; ok {
				view.Chips = append(view.Chips, c)
			}
		}
		v.Notes = append(v.Notes, view)
	}
	who, _ := callerFrom(r.Context())
	v.Follows = slices.Contains(snap.c.Followers, who.actor)
	v.Nameable = slices.DeleteFunc(slices.Clone(snap.users), func(u casework.User) bool {
		return u.Disabled || u.Name == who.actor || !slices.ContainsFunc(u.Roles, casework.Role.Reads)
	})
	v.fillStatements(chips, s.config.Now())
	for _, x := range snap.c.Shares {
		v.Shares = append(v.Shares, shareView{x, snap.names.Of(x.By), x.Live(s.config.Now())})
	}
	slices.Reverse(v.Shares)
	v.chips, v.Routed, v.ReplyLine = chips, s.routedLine(snap.c), casework.ReplyLine(s.replyKey(), snap.c.Number)
	s.config.Desk.Read(func(state *casework.State) { s.fillHandoffs(r, v, state) })
	var err error
	if v.dossier, err = s.dossier(r.Context(), snap, false); err != nil {
		return nil, err
	}
	v.Duty = s.duty(snap.c, v.dossier.Mail, who)
	v.fillReviews(snap.users)
	return v, nil
}

// fillBrief makes the brief of the case that is shown, and says what else its mail says.
func (s *Server) fillBrief(ctx context.Context, v *caseView) error {
	d := v.dossier
	brief, err := s.brief(ctx, d, v.Names)
	if err != nil {
		return err
	}
	of, err := s.detailsOf(ctx, d)
	if err != nil {
		return err
	}
	s.fillChips(ctx, d, v.chips)
	changes, visit := s.changes(ctx, d, casework.Timeline(d.Cases, d.Mail))
	v.Mail, v.News, v.Visit = len(d.Mail), len(changes), visit
	v.Brief = d.sections(brief, func(section string) string { return casePath(v.Case.Number) + briefLinks[section] })
	v.Clocks = s.clocksOf(ctx, d)
	v.Details, v.References = of.view(casePath(v.Case.Number)+"/details", v.AllDetails), d.referenceViews(d.references(of))
	for _, x := range of.rules.Systems {
		v.Systems = append(v.Systems, x.Name)
	}
	return s.fillDischarges(ctx, v)
}

// chips makes the chip of every citation of a case, by ID, and finds the
// subjects of what they cite.
func (s *Server) chips(ctx context.Context, snap snapshot) (map[int]chip, map[archive.Address]string) {
	chips, subjects := map[int]chip{}, map[archive.Address]string{}
	known := map[archive.Address]*index.Document{}
	for _, x := range slices.Concat(snap.c.Citations, snap.c.Withdrawn) {
		doc, seen := known[x.Record]
		if !seen {
			doc, _ = s.within(ctx).Document(ctx, x.Record) // The chip says so when there is none.
			known[x.Record] = doc
		}
		k := chip{ID: x.ID, Quote: x.Quote, From: x.Author, Date: x.At, Gone: !x.Removed.IsZero(), Absent: doc == nil,
			Link: "/cases/" + strconv.Itoa(snap.c.Number) + "?source=" + strconv.Itoa(x.ID) + "#source"}
		if removed := snap.removed[x.Record]; removed != nil {
			k.Removed, k.From = s.removal(removed), cmp.Or(x.Author, "removed")
			subjects[x.Record] = "a message that was removed"
		} else if doc != nil {
			k.Date, k.From = doc.Date, nameOf(doc.From)
			subjects[x.Record] = doc.Subject
		}
		chips[x.ID] = k
	}
	return chips, subjects
}

// fillEvidence lists the citations by the date of what they cite, and opens
// the one that the request asks for.
func (s *Server) fillEvidence(r *http.Request, v *caseView, chips map[int]chip, subjects map[archive.Address]string) error {
	open := number0(r.FormValue("source"))
	shared := map[int]bool{}
	for _, x := range v.Case.Shares {
		if x.Live(s.config.Now()) {
			for _, id := range x.Citations {
				shared[id] = true
			}
		}
	}
	for _, c := range v.Case.Citations {
		v.Evidence = append(v.Evidence, evidenceView{c, chips[c.ID], titleOf(subjects[c.Record]), c.ID == open, shared[c.ID]})
	}
	slices.SortStableFunc(v.Evidence, func(a, b evidenceView) int { return a.Chip.Date.Compare(b.Chip.Date) })
	i := slices.IndexFunc(v.Evidence, func(e evidenceView) bool { return e.Open })
	if i < 0 {
		return nil
	}
	if v.Removed = v.Evidence[i].Chip.Removed; v.Removed != "" {
		return nil
	}
	m, err := s.openMessage(r.Context(), v.Evidence[i].Record)
	if err != nil {
		return err
	}
	shown := m.show(&v.Evidence[i].Citation)
	v.Source, v.Quote = &shown, v.Evidence[i].Quote
	return nil
}

// showCases lists the cases, the one that was changed last first.
func (s *Server) showCases(w http.ResponseWriter, r *http.Request) error {
	return s.listCases(w, r, http.StatusOK, "")
}

type casesView struct {
	window
	Cases  []casework.Case
	Names  names
	Filter string
	Total  int
	Error  string
	Title  string // Of a case that was not opened.
	Links  accountLinks
	Dues   dues
}

func (s *Server) listCases(w http.ResponseWriter, r *http.Request, code int, refused string) error {
	who, _ := callerFrom(r.Context())
	v := casesView{Filter: cmp.Or(r.FormValue("show"), "open"), Error: refused, Title: r.FormValue("title")}
	var all []casework.Case
	s.config.Desk.Read(func(state *casework.State) {
		all, v.Names, v.Links = state.Overview(), namesOf(state.Users()), accountLinksOf(state)
	})
	all = slices.DeleteFunc(all, func(c casework.Case) bool {
		switch v.Filter {
		case "all":
			return false
		case "mine":
			return done(c) || c.Owner != who.actor
		case "done":
			return !done(c)
		}
		return done(c)
	})
	v.Total, v.window = len(all), windowOf(r, len(all))
	v.Cases = all[v.From:v.End]
	var err error
	if v.Dues, err = s.dues(r.Context()); err != nil {
		return err
	}
	return s.render(w, r, code, "cases", view{Title: "Cases", Nav: "cases", Page: v})
}

// openCase opens a case.
func (s *Server) openCase(w http.ResponseWriter, r *http.Request) error {
	who, _ := callerFrom(r.Context())
	var number int
	err := s.do(r, casework.OpenCase{Title: r.FormValue("title"), Account: r.FormValue("account"), Severity: number0(r.FormValue("severity")), Owner: s.ownerFor(who), Number: &number})
	var refusal *casework.Refusal
	if errors.As(err, &refusal) {
		return s.listCases(w, r, http.StatusUnprocessableEntity, refusal.Text)
	}
	if err != nil {
		return err
	}
	return s.done(w, r, casePath(number), "Case C-"+strconv.Itoa(number)+" is open.")
}

// ownerFor is the caller as the owner of a new case, nobody when a caller is
// not a user.
func (s *Server) ownerFor(c caller) string {
	if _, ok := s.user(c.actor); ok && c.works() {
		return c.actor
	}
	return ""
}

func casePath(number int) string { return "/cases/" + strconv.Itoa(number) }

// changeCase changes title, account, status and severity.
func (s *Server) changeCase(w http.ResponseWriter, r *http.Request) error {
	return s.onCase(w, r, "change", "brief", "The case is changed.", func(snap snapshot) (casework.Command, error) {
		c := casework.ChangeCase{Case: snap.c.Number, Reason: r.PostForm.Get("reason"), Revision: revision(r)}
		if r.PostForm.Has("title") {
			c.Title = new(r.PostForm.Get("title"))
		}
		if r.PostForm.Has("account") {
			c.Account = new(r.PostForm.Get("account"))
		}
		if r.PostForm.Has("status") {
			c.Status = new(casework.Status(r.PostForm.Get("status")))
		}
		if r.PostForm.Has("severity") {
			c.Severity = new(number0(r.PostForm.Get("severity")))
		}
		if r.PostForm.Has("team") {
			c.Team = new(r.PostForm.Get("team"))
		}
		if r.PostForm.Has("tags") {
			c.Tags = new(tagList(r.PostForm.Get("tags")))
			c.Muted = new(r.PostForm.Get("muted") != "")
		}
		return c, nil
	})
}

// revision is the state of the case that the form was made from.
func revision(r *http.Request) *archive.Position {
	n, err := strconv.ParseUint(r.FormValue("revision"), 10, 64)
	if err != nil {
		return nil
	}
	at := archive.Position(n)
	return &at
}

// assignCase gives the case to an owner.
func (s *Server) assignCase(w http.ResponseWriter, r *http.Request) error {
	owner := r.FormValue("owner")
	done := "Nobody owns the case now."
	if u, ok := s.user(owner); ok {
		done = fullName(u) + " owns the case now."
	}
	return s.onCase(w, r, "owner", "brief", done, func(snap snapshot) (casework.Command, error) {
		return casework.AssignCase{Case: snap.c.Number, Owner: owner, Reason: r.PostForm.Get("reason"), Revision: revision(r)}, nil
	})
}

// addNote adds an internal remark, with the citations it rests on.
func (s *Server) addNote(w http.ResponseWriter, r *http.Request) error {
	return s.onCase(w, r, "note", "notes", "The note is kept."+s.unreached(r.FormValue("text")), func(snap snapshot) (casework.Command, error) {
		return casework.AddNote{Case: snap.c.Number, Text: r.PostForm.Get("text"), Cites: numbers(r.PostForm["cite"])}, nil
	})
}

func numbers(list []string) []int {
	var out []int
	for _, s := range list {
		if n, err := strconv.Atoi(s); err == nil {
			out = append(out, n)
		}
	}
	return out
}

// withdrawCitation takes a citation out of the case; the log keeps it.
func (s *Server) withdrawCitation(w http.ResponseWriter, r *http.Request) error {
	snap, err := s.snapshot(r)
	if err != nil {
		return err
	}
	if err := s.do(r, casework.RemoveCitation{Case: snap.c.Number, ID: number0(r.PathValue("id")), Reason: r.FormValue("reason")}); err != nil {
		return err
	}
	return s.done(w, r, casePath(snap.c.Number)+"#evidence", "The citation is withdrawn. The log still names it.")
}

// citeForm is the form that adds a message, or words of it, to a case.
type citeForm struct {
	Cases   []casework.Case
	Chosen  int
	New     bool
	Title   string
	Quote   string
	Comment string
	As      string // What the words are besides evidence: fact, ours, theirs or date; "" nothing.
	Text    string // That, in the caller's words.
	Due     string // A day.
	Error   string
}

// citeForm offers the cases that are not done, the caller's own first.
func (s *Server) citeForm(r *http.Request, refused *citeForm) *citeForm {
	who, _ := callerFrom(r.Context())
	if !who.works() {
		return nil
	}
	f := &citeForm{}
	if r.Method == http.MethodGet && r.FormValue("as") != "" { // A proposal that somebody wants to keep.
		f = &citeForm{Chosen: number0(r.FormValue("case")), Quote: r.FormValue("quote"), As: r.FormValue("as"), Due: r.FormValue("due")}
	}
	if refused != nil {
		f = refused
	}
	s.config.Desk.Read(func(state *casework.State) { f.Cases = state.Overview() })
	f.Cases = slices.DeleteFunc(f.Cases, func(c casework.Case) bool {
		return c.Status == casework.Closed && c.Number != f.Chosen
	})
	slices.SortStableFunc(f.Cases, func(a, b casework.Case) int {
		return cmp.Compare(boolToInt(b.Owner == who.actor), boolToInt(a.Owner == who.actor))
	})
	f.Cases = f.Cases[:min(len(f.Cases), 200)]
	return f
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// cite adds a message, with the words that matter, to a case or to a new one.
func (s *Server) cite(w http.ResponseWriter, r *http.Request) error {
	at, err := addressOf(r)
	if err != nil {
		return err
	}
	f := &citeForm{Chosen: number0(r.FormValue("case")), New: r.FormValue("case") == "new", Title: r.FormValue("title"), Quote: r.FormValue("quote"), Comment: r.FormValue("comment"),
		As: r.FormValue("as"), Text: r.FormValue("text"), Due: r.FormValue("due")}
	number, err := s.citeInto(r, at, f)
	var refusal *casework.Refusal
	if errors.As(err, &refusal) {
		f.Error = refusal.Text
		return s.showMessage(w, r, http.StatusUnprocessableEntity, f, nil)
	}
	if err != nil {
		return err
	}
	part, as := "evidence", "evidence"
	switch f.As {
	case "fact":
		part, as = "facts", "a fact"
	case "ours", "theirs":
		part, as = "promises", "a promise"
	case "date":
		part, as = "dates", "a date"
	}
	return s.done(w, r, casePath(number)+"#"+part, "Added to C-"+strconv.Itoa(number)+" as "+as+".")
}

func (s *Server) citeInto(r *http.Request, at archive.Address, f *citeForm) (number int, err error) {
	c, err := s.anchor(r.Context(), at, -1, strings.TrimSpace(f.Quote))
	if err != nil {
		return 0, err
	}
	c.Comment, number = strings.TrimSpace(f.Comment), f.Chosen
	if f.New {
		who, _ := callerFrom(r.Context())
		if err := s.do(r, casework.OpenCase{Title: f.Title, Account: r.FormValue("account"), Owner: s.ownerFor(who), Number: &number}); err != nil {
			return 0, err
		}
	}
	if number == 0 {
		return 0, &casework.Refusal{Code: casework.Invalid, Field: "Case", Text: "Choose the case that this belongs to, or open a new one."}
	}
	if f.As == "" {
		return number, s.do(r, casework.Cite{Case: number, Citation: c})
	}
	said, err := s.saying(f, number)
	if err != nil {
		return 0, err
	}
	id, err := s.cited(r.Context(), number, c)
	if err != nil {
		return 0, err
	}
	return number, s.do(r, said(id))
}

// cited cites words, if they are not cited yet, and returns the ID of the citation.
func (s *Server) cited(ctx context.Context, number int, c casework.Citation) (int, error) {
	had := 0
	find := func() {
		s.config.Desk.Read(func(state *casework.State) {
			if of, ok := state.Case(number); ok {
				for _, x := range of.Citations {
					if x.SHA256 == c.SHA256 && x.Part == c.Part && x.Start == c.Start && x.End == c.End {
						had = x.ID
					}
				}
			}
		})
	}
	if find(); had != 0 {
		return had, nil
	}
	err := s.act(ctx, casework.Cite{Case: number, Citation: c})
	find()
	return had, err
}

// saying is the command that makes a statement of words that are cited. What it cannot be made of is
// refused before they are.
func (s *Server) saying(f *citeForm, number int) (func(id int) casework.Command, error) {
	text := cmp.Or(strings.TrimSpace(f.Text), strings.TrimSpace(f.Quote))
	if text == "" {
		return nil, &casework.Refusal{Code: casework.Invalid, Field: "Text", Text: "Select the words, or write what the message says."}
	}
	due, err := s.typedWhen(url.Values{"due": {f.Due}})
	if err != nil {
		return nil, err
	}
	switch f.As {
	case "fact":
		return func(id int) casework.Command {
			return casework.StateFact{Case: number, Text: text, Cites: []int{id}, Accepted: true}
		}, nil
	case "ours", "theirs":
		return func(id int) casework.Command {
			return casework.MakeCommitment{Case: number, Direction: casework.Direction(f.As), What: text, Due: due, Cites: []int{id}}
		}, nil
	case "date":
		if due == nil {
			return nil, &casework.Refusal{Code: casework.Invalid, Field: "When", Text: "Choose the day that the words say."}
		}
		return func(id int) casework.Command {
			return casework.SetKeyDate{Case: number, Label: oneLine(text), When: *due, Cites: []int{id}}
		}, nil
	}
	return nil, &casework.Refusal{Code: casework.Invalid, Field: "As", Text: "Words can be a fact, a promise or a date."}
}

// oneLine is a text as a title.
func oneLine(text string) string {
	const most = 200
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most-1]) + "…"
	}
	return text
}
