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

// itemView is something of a case that a package names, as the caller may see it now.
type itemView struct {
	Ref   string // "fact-2"; "" of a person of ours.
	Kind  string
	Text  string
	Quote bool   // The text is words of a message.
	Note  string // How it stands.
	Link  string
	Chips []chip
}

// packageSection is one kind of thing in a package.
type packageSection struct {
	Title string
	Items []itemView
}

// gapView is a gap, and where it could be closed.
type gapView struct {
	casework.Gap
	Link string
}

// questionView is a question with the sources of its answer.
type questionView struct {
	casework.Question
	Chips []chip
}

// handing is what the pages of a case and of a handoff have in common.
type handing struct {
	Me           string
	Leads        bool // May decide about the cases of others.
	Offers       []casework.Handoff
	Current      *casework.Handoff // That is about the owner of the case, and open.
	Participants []string
	Fields       []casework.HandoffField
	Pinnable     []itemView
	Questions    []questionView
	Asking       *casework.Handoff // The one whose page it is; nil on that of the case.
}

// handoffView is the page of a handoff: the package as it was offered, rendered with what the caller may read now.
type handoffView struct {
	*caseView
	H        casework.Handoff
	Intact   bool
	Pins     []itemView
	Sections []packageSection
	Gaps     []gapView
	Since    []casework.Entry // What was decided after the offer.
	Open     []openPromise    // Of ours, that an acceptance answers.
	Answers  bool             // The caller may accept.
	Ends     bool             // The caller may withdraw the offer, or end the cover.
}

// openPromise is a promise of ours that an acceptance answers.
type openPromise struct {
	statement
	Back string // Who would go on to answer for it; "" when that is nobody else.
}

// fillHandoffs brings together what is offered and asked about a case.
func (s *Server) fillHandoffs(r *http.Request, v *caseView, state *casework.State) {
	who, _ := callerFrom(r.Context())
	v.Me, v.Leads = who.actor, who.leads()
	v.Participants, v.Fields = state.Participants(v.Case.Number), state.HandoffFields()
	for _, h := range slices.Backward(v.Case.Handoffs) {
		if v.Offers = append(v.Offers, h); h.Open() && h.Kind != casework.Join {
			v.Current = &h
		}
	}
	for _, q := range v.Case.Questions {
		x := questionView{Question: q}
		if q.Answer != nil {
			x.Chips = v.sources(q.Answer.Cites)
		}
		v.Questions = append(v.Questions, x)
	}
	p := casework.PackageOf(state, v.Case, casework.Watermark{At: s.config.Now()})
	v.Pinnable = slices.Concat(v.items("promise", p.Commitments), v.items("fact", p.Facts), v.items("decision", p.Decisions), v.items("cite", p.Citations), v.items("note", p.Notes))
}

// sources are the chips of citations.
func (v *caseView) sources(cites []int) (list []chip) {
	for _, id := range cites {
		if k, ok := v.chips[id]; ok {
			list = append(list, k)
		}
	}
	return list
}

func (v *caseView) items(kind string, ids []int) (list []itemView) {
	for _, id := range ids {
		list = append(list, v.item(kind+"-"+strconv.Itoa(id)))
	}
	return list
}

// of is a thing of a list of the case by its ID, which begin at 1.
func of[T any](list []T, id int) (x T) {
	if id >= 1 && id <= len(list) {
		x = list[id-1]
	}
	return x
}

// item renders what a reference names, as it is now.
func (v *caseView) item(ref string) itemView {
	kind, digits, _ := strings.Cut(ref, "-")
	id := number0(digits)
	c := &v.Case
	x := itemView{Ref: ref, Kind: kind, Link: casePath(c.Number) + "#" + ref}
	switch kind {
	case "fact":
		f := of(c.Facts, id)
		x.Text, x.Chips = f.Text, v.sources(f.Cites)
		if f.Status != casework.FactAccepted {
			x.Note = string(f.Status) + " since"
		}
	case "decision":
		d := of(c.Decisions, id)
		x.Text, x.Chips, x.Note = d.Text, v.sources(d.Cites), "because: "+d.Why
	case "issue":
		i := of(c.Issues, id)
		x.Text, x.Note = i.Title, string(i.State)
	case "promise":
		p := of(v.Promises, id)
		x.Text, x.Chips, x.Note = p.Commitment.What, p.Chips, strings.ReplaceAll(string(p.State), "-", " ")+", "+p.From+" to "+p.To
		if due := dueIn(p.Commitment.Due); due != "" {
			x.Note += ", by " + due
		}
	case "date":
		d := of(c.KeyDates, id)
		x.Text, x.Chips, x.Note = d.Label, v.sources(d.Cites), dueIn(&d.When)
		if !d.Removed.IsZero() {
			x.Note = "removed since"
		}
	case "note":
		n := of(c.Notes, id)
		x.Text, x.Chips, x.Note, x.Link = n.Text, v.sources(n.Cites), v.Names.Of(n.By), casePath(c.Number)+"#notes"
	case "question":
		q := of(c.Questions, id)
		x.Text, x.Note = q.Text, "asked of "+v.Names.Of(q.To)
		if q.Answer != nil {
			x.Note += ", answered since"
		}
	case "share":
		y := of(c.Shares, id)
		x.Text, x.Note, x.Link = y.Title, "ends on "+y.Expires.Format("2 Jan 2006"), casePath(c.Number)+"#shares"
	case "cite":
		v.citation(&x, id)
	}
	return x
}

// citation renders a citation; of what is not here, or is not for the caller, no words.
func (v *caseView) citation(x *itemView, id int) {
	k := v.chips[id]
	x.Chips, x.Link = []chip{k}, k.Link
	for _, e := range v.Evidence {
		if e.ID == id {
			x.Text, x.Quote, x.Note = cmp.Or(e.Quote, e.Subject, "a message"), e.Quote != "", cmp.Or(k.Removed, e.Comment)
			return
		}
	}
	x.Text, x.Note = "a citation", "withdrawn since"
}

// person is one of the people that a package names.
func (v *caseView) person(ref string) itemView {
	if name, ok := strings.CutPrefix(ref, "user:"); ok {
		return itemView{Kind: "person", Text: v.Names.Of(name), Note: "of ours"}
	}
	kind, digits, _ := strings.Cut(ref, "-")
	x := itemView{Ref: ref, Kind: "person", Link: casePath(v.Case.Number) + "#" + ref}
	if kind == "promise" {
		p := of(v.Case.Commitments, number0(digits))
		side := p.Creditor
		if p.Direction == casework.Theirs {
			side = p.Debtor
		}
		x.Text, x.Note = partyName(side, v.Names), side.Address
		return x
	}
	x.Text = cmp.Or(v.chips[number0(digits)].From, "somebody whose mail is not for you")
	return x
}

// sectionsOf renders a package, kind by kind.
func (v *caseView) sectionsOf(p casework.Package) []packageSection {
	var people []itemView
	for _, ref := range p.People {
		people = append(people, v.person(ref))
	}
	all := []packageSection{
		{"Open promises", v.items("promise", p.Commitments)}, {"Open issues", v.items("issue", p.Issues)}, {"What is so", v.items("fact", p.Facts)},
		{"Decisions", v.items("decision", p.Decisions)}, {"Dates ahead", v.items("date", p.KeyDates)}, {"Open questions", v.items("question", p.Questions)},
		{"People", people}, {"Evidence", v.items("cite", p.Citations)}, {"Notes", v.items("note", p.Notes)}, {"Links that guests can open", v.items("share", p.Shares)},
	}
	return all
}

// conversationsIn renders the conversations that a package names, by the message that brought each in.
func conversationsIn(p casework.Package, d *dossier) packageSection {
	section := packageSection{Title: "Conversations brought in"}
	for _, at := range p.Conversations {
		x := itemView{Kind: "conversation", Text: "a conversation that is not for you to read, or not here any more"}
		for _, m := range d.Mail {
			if m.Record == at {
				x.Text, x.Note, x.Link = titleOf(m.Subject), "by "+at.String(), recordPath(at)
			}
		}
		section.Items = append(section.Items, x)
	}
	return section
}

// pinsIn renders what of the timeline a package names, as far as the caller may read it.
func pinsIn(p casework.Package, d *dossier) packageSection {
	section := packageSection{Title: "Pinned in the timeline"}
	items := casework.Timeline(d.Cases, d.Mail)
	for _, at := range p.Timeline {
		x := itemView{Kind: "message", Text: "a message that is not for you to read, or not here any more"}
		if i := slices.IndexFunc(items, func(it casework.TimelineItem) bool { return it.Address() == at }); i >= 0 {
			if m := items[i].Mail; m != nil {
				x.Text, x.Note, x.Link = titleOf(m.Subject), "from "+nameOf(m.From), recordPath(at)
			} else {
				x.Kind, x.Text, x.Link = "log", items[i].Entry.Text, casePath(p.Case)+"/timeline#"+itemID(at)
			}
		}
		section.Items = append(section.Items, x)
	}
	return section
}

// partsIn renders the cases that were part of the one that a package is of.
func partsIn(p casework.Package) packageSection {
	section := packageSection{Title: "Cases that are part of it"}
	for _, number := range p.Parts {
		section.Items = append(section.Items, itemView{Kind: "case", Text: "C-" + strconv.Itoa(number), Link: casePath(number)})
	}
	return section
}

// handoffID is the handoff that a request is about.
func handoffID(r *http.Request) int {
	if id := r.FormValue("handoff"); id != "" {
		return number0(id)
	}
	return number0(r.PathValue("id"))
}

func (s *Server) showHandoff(w http.ResponseWriter, r *http.Request) error {
	return s.handoffHeld(w, r, http.StatusOK, nil)
}

// handoffHeld shows a handoff, with a form that was refused.
func (s *Server) handoffHeld(w http.ResponseWriter, r *http.Request, code int, held *heldForm) error {
	snap, err := s.snapshot(r)
	if err != nil {
		return err
	}
	id := handoffID(r)
	if id < 1 || id > len(snap.c.Handoffs) {
		return notFound("handoff")
	}
	if err := s.noteCase(r.Context(), snap.c.Number); err != nil {
		return err
	}
	c, err := s.caseView(r, snap)
	if err != nil {
		return err
	}
	v := &handoffView{caseView: c, H: snap.c.Handoffs[id-1]}
	v.Held, v.Asking, v.Intact = held, &v.H, v.H.Package.Digest() == v.H.SHA256
	if err := s.fillHandoff(r, v); err != nil {
		return err
	}
	return s.render(w, r, code, "handoff", view{Title: "Handoff of C-" + strconv.Itoa(snap.c.Number), Nav: "cases", Page: v})
}

func (s *Server) fillHandoff(r *http.Request, v *handoffView) error {
	for _, pin := range v.H.Package.Pins {
		v.Pins = append(v.Pins, v.item(pin))
	}
	d := v.dossier
	v.Sections, v.Since = append(v.sectionsOf(v.H.Package), conversationsIn(v.H.Package, d), pinsIn(v.H.Package, d), partsIn(v.H.Package)), since(v.Case, v.H)
	gaps, err := s.gapsOf(r.Context(), v.Case, d)
	for _, g := range gaps {
		x := gapView{Gap: g}
		switch {
		case g.Item != "":
			x.Link = v.item(g.Item).Link
		case g.Record.Stream != "":
			x.Link = recordPath(g.Record)
		}
		v.Gaps = append(v.Gaps, x)
	}
	s.config.Desk.Read(func(state *casework.State) {
		for _, p := range casework.OpenOf(v.Case) {
			x := openPromise{statement: of(v.Promises, p.ID)}
			if back := state.Answering(v.Case.Number, p.ID); back != v.H.To {
				x.Back = back
			}
			v.Open = append(v.Open, x)
		}
	})
	v.Answers = v.H.State == casework.Offered && v.H.To == v.Me
	v.Ends = v.H.State == casework.Offered && (v.H.By == v.Me || v.H.From == v.Me || v.Leads) || v.H.State == casework.Covering && (v.H.To == v.Me || v.H.From == v.Me || v.Leads)
	return err
}

// since lists what was decided about a case after it was offered, without what became of the offer.
func since(c casework.Case, h casework.Handoff) (later []casework.Entry) {
	for _, e := range c.Log {
		if e.Position > h.Package.Ledger && e.Item != "handoff-"+strconv.Itoa(h.ID) && e.Type != casework.ShareOpened {
			later = append(later, e)
		}
	}
	return later
}

// gapsOf lists what a case lacks, by what was decided and by the mail that the caller may read.
func (s *Server) gapsOf(ctx context.Context, c casework.Case, d *dossier) (gaps []casework.Gap, err error) {
	s.config.Desk.Read(func(state *casework.State) { gaps = casework.GapsOf(state, c, s.config.Now()) })
	unseen, err := s.unseen(ctx, &c)
	for _, x := range c.Citations {
		if slices.Contains(unseen, x.Record) {
			gaps = append(gaps, casework.Gap{Item: "cite-" + strconv.Itoa(x.ID), Text: "Message " + x.Record.String() + ", which is cited, is for others to read: ask an administrator who reads the mail of its queue."})
		}
	}
	return append(gaps, casework.GapsOfMail(d.Mail, d.Missing)...), err
}

// positions is how far the mail goes now.
func (s *Server) positions() casework.Positions {
	upto := casework.Positions{}
	for _, st := range s.config.Archive.Status().Streams {
		if !st.Stream.Ours() {
			upto[st.Stream] = st.Next
		}
	}
	return upto
}

// onHandoff carries out what a form on the page of a handoff asks for.
func (s *Server) onHandoff(w http.ResponseWriter, r *http.Request, form, done string, command func(snapshot) (casework.Command, error)) error {
	return s.onForm(w, r, form, "/handoffs/"+strconv.Itoa(handoffID(r)), done, command, s.handoffHeld)
}

func (s *Server) offerHandoff(w http.ResponseWriter, r *http.Request) error {
	snap, err := s.snapshot(r)
	if err != nil {
		return err
	}
	to := r.FormValue("to")
	if u, ok := s.user(to); ok {
		to = fullName(u)
	}
	next := "/handoffs/" + strconv.Itoa(len(snap.c.Handoffs)+1)
	return s.onForm(w, r, "handoff", next, "Offered to "+to+". Until it is accepted, nothing changes.", func(snap snapshot) (casework.Command, error) {
		f := r.PostForm
		until, err := s.typedTime("Until", f.Get("until"))
		c := casework.OfferHandoff{Case: snap.c.Number, Kind: casework.HandoffKind(f.Get("kind")), To: f.Get("to"), Until: until, Fields: map[string]string{}, Pins: f["pin"], Mail: s.positions(), Revision: revision(r)}
		for name, values := range f {
			if field, ok := strings.CutPrefix(name, "field-"); ok {
				c.Fields[field] = values[0]
			}
		}
		return c, err
	}, s.caseHeld)
}

// typedTime reads a day and a time of it; "" is none.
func (s *Server) typedTime(field, text string) (time.Time, error) {
	if t, err := time.ParseInLocation("2006-01-02T15:04", strings.TrimSpace(text), s.config.Now().Location()); err == nil {
		return t, nil
	}
	return s.typedDay(field, text)
}

func (s *Server) answerHandoff(w http.ResponseWriter, r *http.Request) error {
	form, done := "decline", "You have declined. The offer is closed."
	if r.FormValue("answer") == "accept" {
		form, done = "accept", "You have accepted."
	}
	return s.onHandoff(w, r, form, done, func(snap snapshot) (casework.Command, error) {
		c := casework.AnswerHandoff{Case: snap.c.Number, ID: handoffID(r), Accept: form == "accept", Reason: r.PostForm.Get("reason"), Revision: revision(r)}
		if !c.Accept {
			return c, nil
		}
		takes, err := s.takes(r.PostForm)
		c.Takes = takes
		return c, err
	})
}

// takes reads what becomes of each promise, in order of the promises.
func (s *Server) takes(form url.Values) (takes []casework.Take, err error) {
	for name, values := range form {
		digits, ok := strings.CutPrefix(name, "do-")
		if !ok {
			continue
		}
		t := casework.Take{Commitment: number0(digits), Do: casework.Taking(values[0])}
		if t.Do == casework.Renegotiate {
			if t.Due, err = s.typedWhen(url.Values{"due": {form.Get("due-" + digits)}}); err != nil {
				return nil, err
			}
		}
		takes = append(takes, t)
	}
	slices.SortFunc(takes, func(a, b casework.Take) int { return a.Commitment - b.Commitment })
	return takes, nil
}

func (s *Server) withdrawHandoff(w http.ResponseWriter, r *http.Request) error {
	return s.onHandoff(w, r, "end", "The offer is withdrawn.", func(snap snapshot) (casework.Command, error) {
		return casework.WithdrawHandoff{Case: snap.c.Number, ID: handoffID(r), Reason: r.PostForm.Get("reason"), Revision: revision(r)}, nil
	})
}

func (s *Server) returnHandoff(w http.ResponseWriter, r *http.Request) error {
	return s.onHandoff(w, r, "end", "The cover has ended.", func(snap snapshot) (casework.Command, error) {
		return casework.ReturnHandoff{Case: snap.c.Number, ID: handoffID(r), Reason: r.PostForm.Get("reason"), Revision: revision(r)}, nil
	})
}

// onQuestion is onHandoff for a form that is on the page of a handoff, else onCase.
func (s *Server) onQuestion(w http.ResponseWriter, r *http.Request, form, done string, command func(snapshot) (casework.Command, error)) error {
	if r.FormValue("handoff") != "" {
		return s.onHandoff(w, r, form, done, command)
	}
	return s.onCase(w, r, form, "questions", done, command)
}

func (s *Server) askQuestion(w http.ResponseWriter, r *http.Request) error {
	return s.onQuestion(w, r, "ask", "The question is asked.", func(snap snapshot) (casework.Command, error) {
		return casework.AskQuestion{Case: snap.c.Number, To: r.PostForm.Get("to"), Text: r.PostForm.Get("text"), Handoff: number0(r.PostForm.Get("handoff")), Revision: revision(r)}, nil
	})
}

func (s *Server) answerQuestion(w http.ResponseWriter, r *http.Request) error {
	id := number0(r.PathValue("id"))
	return s.onQuestion(w, r, "answer-"+strconv.Itoa(id), "The answer is kept.", func(snap snapshot) (casework.Command, error) {
		return casework.AnswerQuestion{Case: snap.c.Number, ID: id, Text: r.PostForm.Get("text"), Cites: numbers(r.PostForm["cite"]), Revision: revision(r)}, nil
	})
}

// waitingFor lists what waits for somebody: handoffs that are offered to them, and questions asked of them.
func (s *Server) waitingFor(actor string) (offers []casework.HandedOver, asked []casework.Asked) {
	s.config.Desk.Read(func(state *casework.State) { offers, asked = state.Handoffs(), state.Asked() })
	offers = slices.DeleteFunc(offers, func(h casework.HandedOver) bool { return h.To != actor || h.State != casework.Offered })
	asked = slices.DeleteFunc(asked, func(q casework.Asked) bool { return q.Answers != actor })
	return offers, asked
}

// fieldsView is the page that says what an offer has to say.
type fieldsView struct {
	Fields []casework.HandoffField
	Spare  []int // Rows for more.
	Leads  bool
	Error  string
}

func (s *Server) showHandoffFields(w http.ResponseWriter, r *http.Request) error {
	return s.handoffFields(w, r, http.StatusOK, "", nil)
}

func (s *Server) handoffFields(w http.ResponseWriter, r *http.Request, code int, refused string, typed []casework.HandoffField) error {
	who, _ := callerFrom(r.Context())
	v := fieldsView{Fields: typed, Leads: who.leads(), Error: refused}
	if v.Fields == nil {
		s.config.Desk.Read(func(state *casework.State) { v.Fields = state.HandoffFields() })
	}
	for i := range 2 {
		v.Spare = append(v.Spare, len(v.Fields)+i)
	}
	return s.render(w, r, code, "handoff-fields", view{Title: "What a handoff says", Nav: "cases", Page: v})
}

func (s *Server) setHandoffFields(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return &statusError{http.StatusBadRequest, "The form could not be read. Go back and try again.", err}
	}
	var fields []casework.HandoffField
	for i, label := range r.PostForm["label"] {
		if label = strings.TrimSpace(label); label == "" {
			continue // A row that was emptied is a field that is not asked for any more.
		}
		fields = append(fields, casework.HandoffField{Name: of(r.PostForm["name"], i+1), Label: label, Required: slices.Contains(r.PostForm["required"], strconv.Itoa(i))})
	}
	err := s.do(r, casework.SetHandoffFields{Fields: fields, Reason: r.PostForm.Get("reason")})
	var refusal *casework.Refusal
	if errors.As(err, &refusal) {
		return s.handoffFields(w, r, asStatus(err).code, refusal.Text, fields)
	}
	if err != nil {
		return err
	}
	return s.done(w, r, "/handoffs/fields", "Every offer says this from now on.")
}
