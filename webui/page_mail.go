package webui

import (
	"context"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/index"
)

// briefSection is a part of the brief of a case, with where its lines lead.
type briefSection struct {
	Name  string
	Lines []briefLine
	More  int
	Link  string // Where all of it stands.
}

type briefLine struct {
	casework.BriefLine
	Chips []chip
}

// briefLinks are the places of all that a section of the brief is of; of the others nothing is left out.
var briefLinks = map[string]string{
	casework.BriefPromises: "#promises", casework.BriefDates: "#dates", casework.BriefDecisions: "#decisions", casework.BriefIssues: "#facts",
	casework.BriefFacts: "#facts", casework.BriefNotes: "#notes", casework.BriefEvidence: "#evidence", casework.BriefCustomer: "/mail", casework.BriefAnswer: "/mail",
}

// fillBrief makes the brief of the case that is shown.
func (s *Server) fillBrief(ctx context.Context, v *caseView, snap snapshot) error {
	d, err := s.dossier(ctx, snap.c.Number, false)
	if err != nil {
		return err
	}
	brief, err := s.brief(ctx, d, snap.names)
	if err != nil {
		return err
	}
	v.Mail = len(d.Mail)
	changes, visit := s.changes(ctx, d)
	v.News, v.Visit = len(changes), visit
	v.Brief = s.sections(ctx, d, brief, func(section string) string { return casePath(snap.c.Number) + briefLinks[section] })
	v.Clocks = s.clocksOf(ctx, d)
	return nil
}

// conversationView is a conversation of a case.
type conversationView struct {
	Thread, Subject string
	Messages        int
	First, Last     time.Time
	Record          archive.Address // Of its last message: whoever puts it aside names that.
	Cited           int             // Messages of it that are evidence.
}

// asideView is a conversation that was put aside.
type asideView struct {
	casework.Link
	Subject string
}

type mailView struct {
	window
	Case          casework.Case
	Names         names
	Conversations []conversationView // The one with the newest message first.
	Aside         []asideView
	Mail          []casework.Mail // Newest first, of one page.
	Total         int
	Missing       []string
	Others        []casework.Case // That it can be merged with.
	Held          *heldForm
}

// showMail lists the mail of a case: its conversations, and all messages.
func (s *Server) showMail(w http.ResponseWriter, r *http.Request) error {
	return s.mailHeld(w, r, http.StatusOK, nil)
}

func (s *Server) mailHeld(w http.ResponseWriter, r *http.Request, code int, held *heldForm) error {
	snap, err := s.shownSnapshot(r)
	if err != nil {
		return err
	}
	d, err := s.dossier(r.Context(), snap.c.Number, true)
	if err != nil {
		return err
	}
	v := mailView{Case: snap.c, Names: snap.names, Total: len(d.Mail), Held: held, window: windowOf(r, len(d.Mail)), Conversations: conversationsOf(d)}
	for _, l := range d.Missing {
		v.Missing = append(v.Missing, l.MessageID)
	}
	slices.Reverse(d.Mail)
	v.Mail = d.Mail[v.From:v.End]
	if v.Aside, err = s.asideOf(r.Context(), &snap.c); err != nil {
		return err
	}
	who, _ := callerFrom(r.Context())
	if who.works() {
		v.Others = s.mergeable(snap.c.Number)
	}
	return s.render(w, r, code, "mail", view{Title: "Mail of C-" + strconv.Itoa(snap.c.Number), Nav: "cases", Page: v})
}

func conversationsOf(d *dossier) (list []conversationView) {
	at, cited := map[string]int{}, map[archive.Digest]bool{}
	for _, c := range d.Cases {
		for _, x := range c.Citations {
			cited[x.SHA256] = true
		}
	}
	for _, m := range d.Mail {
		i, known := at[m.Thread]
		if !known {
			i = len(list)
			at[m.Thread] = i
			list = append(list, conversationView{Thread: m.Thread, Subject: m.Subject, First: m.When()})
		}
		c := &list[i]
		c.Messages, c.Last, c.Record = c.Messages+1, m.When(), m.Record
		if cited[m.SHA256] {
			c.Cited++
		}
	}
	slices.SortStableFunc(list, func(a, b conversationView) int { return b.Last.Compare(a.Last) })
	return list
}

// asideOf lists the conversations that were put aside, as far as the caller may read them.
func (s *Server) asideOf(ctx context.Context, c *casework.Case) (list []asideView, err error) {
	for _, l := range c.Links {
		if !l.Aside {
			continue
		}
		doc, err := s.within(ctx).Document(ctx, l.Record)
		if unreadable(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, asideView{l, doc.Subject})
	}
	return list, nil
}

// mergeable lists the cases that one can be made part of.
func (s *Server) mergeable(number int) (list []casework.Case) {
	s.config.Desk.Read(func(state *casework.State) { list = state.Overview() })
	list = slices.DeleteFunc(list, func(c casework.Case) bool { return c.Number == number || c.Into != 0 || c.Status == casework.Closed })
	return list[:min(len(list), 200)]
}

// onMail carries out what a form on the page of the mail of a case asks for.
func (s *Server) onMail(w http.ResponseWriter, r *http.Request, form, done string, command func(snapshot) (casework.Command, error)) error {
	return s.onForm(w, r, form, "/mail", done, command, s.mailHeld)
}

// linkMail brings the conversation of a message into the case, or puts it aside.
func (s *Server) linkMail(w http.ResponseWriter, r *http.Request) error {
	done := "The conversation belongs to the case now."
	if r.FormValue("aside") != "" {
		done = "The conversation is put aside. What the case cites of it stays evidence."
	}
	return s.onMail(w, r, "link", done, func(snap snapshot) (casework.Command, error) {
		at, err := s.typedRecord(r.Context(), r.PostForm.Get("record"))
		if err != nil {
			return nil, err
		}
		link := casework.LinkConversation{Case: snap.c.Number, Message: at, Reason: r.PostForm.Get("reason"), Revision: revision(r)}
		if r.PostForm.Get("aside") != "" {
			return casework.UnlinkConversation(link), nil
		}
		return link, nil
	})
}

// typedRecord is the message that somebody named by its address, or by a link to it or to its conversation.
func (s *Server) typedRecord(ctx context.Context, text string) (casework.Named, error) {
	text = strings.TrimSpace(text)
	if _, behind, found := strings.Cut(text, "/record/"); found {
		text = behind
	}
	if _, behind, found := strings.Cut(text, "/thread/"); found {
		if i := strings.LastIndexByte(behind, '-'); i >= 0 {
			behind = behind[:i] + "/" + behind[i+1:]
		}
		text = behind
	}
	at, err := archive.ParseAddress(text)
	if err != nil {
		return casework.Named{}, &casework.Refusal{Code: casework.Invalid, Field: "Record", Text: "Name a message by its address, for example mail/17, or paste the link to it."}
	}
	return s.namedRecord(ctx, at)
}

// namedRecord names a message that the caller may read.
func (s *Server) namedRecord(ctx context.Context, at archive.Address) (casework.Named, error) {
	doc, err := s.within(ctx).Document(ctx, at)
	if unreadable(err) {
		return casework.Named{}, &casework.Refusal{Code: casework.NotFound, Field: "Record", Text: "There is no message " + at.String() + ", or you may not read it."}
	}
	if err != nil {
		return casework.Named{}, err
	}
	return casework.Named{Record: doc.Address, SHA256: doc.SHA256}, nil
}

// linkRecord brings the conversation that is read into a case.
func (s *Server) linkRecord(w http.ResponseWriter, r *http.Request) error {
	at, err := addressOf(r)
	if err != nil {
		return err
	}
	named, err := s.namedRecord(r.Context(), at)
	if err != nil {
		return err
	}
	number := number0(r.FormValue("case"))
	if r.FormValue("case") == "new" {
		who, _ := callerFrom(r.Context())
		err = s.do(r, casework.OpenCase{Title: r.FormValue("title"), Owner: s.ownerFor(who), Messages: []casework.Named{named}, Number: &number})
	} else {
		err = s.do(r, casework.LinkConversation{Case: number, Message: named})
	}
	if err != nil {
		return err
	}
	return s.done(w, r, casePath(number)+"/mail", "The conversation belongs to C-"+strconv.Itoa(number)+" now.")
}

// mergeCase makes the case part of another one.
func (s *Server) mergeCase(w http.ResponseWriter, r *http.Request) error {
	return s.onMail(w, r, "merge", "The case is merged. It can be taken out again here.", func(snap snapshot) (casework.Command, error) {
		into := number0(strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(r.PostForm.Get("into"))), "C-"))
		return casework.MergeCase{Case: snap.c.Number, Into: into, Reason: r.PostForm.Get("reason"), Revision: revision(r)}, nil
	})
}

// unmergeCase takes the merge back.
func (s *Server) unmergeCase(w http.ResponseWriter, r *http.Request) error {
	return s.onMail(w, r, "unmerge", "The case stands alone again.", func(snap snapshot) (casework.Command, error) {
		return casework.UnmergeCase{Case: snap.c.Number, Reason: r.PostForm.Get("reason"), Revision: revision(r)}, nil
	})
}

// splitCase makes conversations a case of their own.
func (s *Server) splitCase(w http.ResponseWriter, r *http.Request) error {
	number := 0
	return s.onMail(w, r, "split", "The conversations are a case of their own now.", func(snap snapshot) (casework.Command, error) {
		c := casework.SplitCase{Case: snap.c.Number, Title: r.PostForm.Get("title"), Reason: r.PostForm.Get("reason"), Number: &number, Revision: revision(r)}
		for _, text := range r.PostForm["record"] {
			named, err := s.typedRecord(r.Context(), text)
			if err != nil {
				return nil, err
			}
			c.Messages = append(c.Messages, named)
		}
		return c, nil
	})
}

// timelineRow is what happened, as it is shown.
type timelineRow struct {
	casework.TimelineItem
	Old   bool // It is old, and came here after the caller looked.
	Icon  string
	Who   string
	Chips []chip
	Late  bool // Of mail: it came here much later than it was sent.
}

type timelineView struct {
	window
	News    int            // Changes since the caller looked.
	Visit   casework.Visit // When that was.
	Upto    []string       // Of what there is now, for the form that says that it is seen.
	New     bool           // The changes alone are shown.
	Case    casework.Case
	Names   names
	Rows    []timelineRow
	Total   int
	Kinds   []kindCount
	Kind    string
	Density template.HTML
}

type kindCount struct {
	Kind  casework.TimelineKind
	Count int
	On    bool
}

// showTimeline lists what happened to a case, oldest first.
func (s *Server) showTimeline(w http.ResponseWriter, r *http.Request) error {
	snap, err := s.shownSnapshot(r)
	if err != nil {
		return err
	}
	d, err := s.dossier(r.Context(), snap.c.Number, true)
	if err != nil {
		return err
	}
	v := timelineView{Case: snap.c, Names: snap.names, Kind: r.FormValue("kind"), New: r.FormValue("new") != "", Upto: spelled(casework.SeenOf(d.Cases, d.Mail))}
	items, old := casework.Timeline(d.Cases, d.Mail), map[archive.Address]bool{}
	v.Density = density(items)
	v.Kinds = countKinds(items, v.Kind)
	changes, visit := s.changes(r.Context(), d)
	v.News, v.Visit = len(changes), visit
	if v.New {
		items = nil
		for _, c := range changes {
			items = append(items, c.TimelineItem)
			if c.Old {
				old[c.Mail.Record] = true
			}
		}
	}
	if v.Kind != "" {
		items = slices.DeleteFunc(items, func(it casework.TimelineItem) bool { return !inKind(it, v.Kind) })
	}
	v.Total, v.window = len(items), windowOf(r, len(items))
	chips, _ := s.chips(r.Context(), snap)
	for _, it := range items[v.From:v.End] {
		row := timelineRowOf(it, snap, chips)
		row.Old = it.Mail != nil && old[it.Mail.Record]
		v.Rows = append(v.Rows, row)
	}
	return s.render(w, r, http.StatusOK, "timeline", view{Title: "Timeline of C-" + strconv.Itoa(snap.c.Number), Nav: "cases", Page: v})
}

// changes are what happened to a case since the caller said that he has seen it.
func (s *Server) changes(ctx context.Context, d *dossier) (list []casework.Change, visit casework.Visit) {
	who, _ := callerFrom(ctx)
	s.config.Desk.Read(func(state *casework.State) { visit = state.Visit(who.actor, d.Cases[0].Number) })
	return casework.Changes(casework.Timeline(d.Cases, d.Mail), visit, who.actor), visit
}

// spelled are positions as a form sends them.
func spelled(upto casework.Positions) (list []string) {
	for stream, p := range upto {
		list = append(list, string(stream)+" "+strconv.FormatUint(uint64(p), 10))
	}
	slices.Sort(list)
	return list
}

// seeCase says that the caller has seen what there is of a case.
func (s *Server) seeCase(w http.ResponseWriter, r *http.Request) error {
	snap, err := s.snapshot(r)
	if err != nil {
		return err
	}
	r.ParseForm() // What cannot be read is not there.
	if err := s.do(r, casework.SeeCase{Case: snap.c.Number, Upto: positions(r.PostForm["upto"])}); err != nil {
		return err
	}
	return s.done(w, r, casePath(snap.c.Number), "All of it is marked as seen. What changes from now on is shown here.")
}

// lateAfter is how much later than it was sent mail has to come for both times to be told.
const lateAfter = 15 * time.Minute

func timelineRowOf(it casework.TimelineItem, snap snapshot, chips map[int]chip) timelineRow {
	row := timelineRow{TimelineItem: it, Icon: "flag"}
	if m := it.Mail; m != nil {
		row.Icon, row.Who = "mail", nameOf(m.From)
		row.Late = m.Received.Sub(m.Sent).Abs() > lateAfter
		for _, c := range snap.c.Citations {
			if c.SHA256 == m.SHA256 {
				row.Chips = append(row.Chips, chips[c.ID])
			}
		}
		return row
	}
	row.Who = snap.names.Of(it.Entry.Actor)
	switch it.Kind {
	case casework.TimelineNote, casework.TimelineStatement:
		row.Icon = "note"
	case casework.TimelineEvidence:
		row.Icon = "clip"
	case casework.TimelineShare:
		row.Icon = "share"
	case casework.TimelineOwner:
		row.Icon = "user"
	}
	if k, ok := chips[it.Entry.Citation]; ok && it.Case == snap.c.Number {
		row.Chips = []chip{k}
	}
	return row
}

// inKind reports whether an item is of a kind; "mail" and "decisions" are all of either.
func inKind(it casework.TimelineItem, kind string) bool {
	switch kind {
	case "mail":
		return it.Mail != nil
	case "decisions":
		return it.Entry != nil
	}
	return string(it.Kind) == kind
}

func countKinds(items []casework.TimelineItem, chosen string) (list []kindCount) {
	for _, kind := range slices.Concat([]casework.TimelineKind{"mail", "decisions"}, casework.TimelineKinds()) {
		k := kindCount{Kind: kind, On: string(kind) == chosen}
		for _, it := range items {
			if inKind(it, string(kind)) {
				k.Count++
			}
		}
		if k.Count > 0 || k.On {
			list = append(list, k)
		}
	}
	return list
}

// density is the strip above a timeline: how much happened when.
func density(items []casework.TimelineItem) template.HTML {
	if len(items) < 2 {
		return ""
	}
	first, last := items[0].At, items[len(items)-1].At
	const bars = 60
	width := last.Sub(first)/bars + time.Hour
	buckets := make([]index.Bucket, bars)
	for i := range buckets {
		buckets[i].Start = first.Add(time.Duration(i) * width)
		buckets[i].End = buckets[i].Start.Add(width)
	}
	for _, it := range items {
		buckets[min(int(it.At.Sub(first)/width), bars-1)].Count++
	}
	return chart(buckets, "entry", "entries", nil)
}
