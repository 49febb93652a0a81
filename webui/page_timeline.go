package webui

import (
	"context"
	"html/template"
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

// timelineRow is what happened, as it is shown.
type timelineRow struct {
	casework.TimelineItem
	Old   bool // It is old, and came here after the caller looked.
	Icon  string
	Who   string
	Chips []chip
	Late  bool // Of mail: it came here much later than it was sent.
	Owner bool // The case has another owner from then on.
	Pin   *casework.TimelinePin
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
	Pinned  bool // What is pinned is shown alone.
	Pins    int  // How much that is.
	Held    *heldForm
	Density template.HTML
}

// Shown is what of the timeline is shown, as in its link.
func (v timelineView) Shown() string {
	switch {
	case v.New:
		return "new=1"
	case v.Pinned:
		return "pinned=1"
	}
	return url.Values{"kind": {v.Kind}}.Encode()
}

// Here is what is shown now, of a page of its own.
func (v timelineView) Here() string {
	return "/timeline?" + v.Shown() + "&from=" + strconv.Itoa(v.From)
}

// ID is where an item stands on the page.
func (r timelineRow) ID() string { return itemID(r.Address()) }

func itemID(at archive.Address) string { return strings.ReplaceAll(at.String(), "/", "-") }

type kindCount struct {
	Kind  casework.TimelineKind
	Count int
	On    bool
}

// showTimeline lists what happened to a case, oldest first.
func (s *Server) showTimeline(w http.ResponseWriter, r *http.Request) error {
	return s.timelineHeld(w, r, http.StatusOK, nil)
}

// timelineHeld shows a timeline, with a form that was refused.
func (s *Server) timelineHeld(w http.ResponseWriter, r *http.Request, code int, held *heldForm) error {
	snap, err := s.shownSnapshot(r)
	if err != nil {
		return err
	}
	d, err := s.dossier(r.Context(), snap, true)
	if err != nil {
		return err
	}
	v := timelineView{Case: snap.c, Names: snap.names, Kind: r.FormValue("kind"), New: r.FormValue("new") != "", Pinned: r.FormValue("pinned") != "", Held: held, Upto: spelled(casework.SeenOf(d.Cases, d.Mail))}
	items, old := casework.Timeline(d.Cases, d.Mail), map[archive.Address]bool{}
	v.Density = density(items)
	v.Kinds, v.Pins = countKinds(items, v.Kind), len(d.pinned(items))
	changes, visit := s.changes(r.Context(), d, items)
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
	if v.Pinned {
		items = d.pinned(items)
	}
	if v.Kind != "" {
		items = slices.DeleteFunc(items, func(it casework.TimelineItem) bool { return !inKind(it, v.Kind) })
	}
	v.Total, v.window = len(items), windowOf(r, len(items))
	s.fillChips(r.Context(), d, nil)
	for _, it := range items[v.From:v.End] {
		row := d.row(it, snap.names)
		row.Old = it.Mail != nil && old[it.Mail.Record]
		v.Rows = append(v.Rows, row)
	}
	return s.render(w, r, code, "timeline", view{Title: "Timeline of C-" + strconv.Itoa(snap.c.Number), Nav: "cases", Page: v})
}

// pinned are the items of a timeline that are pinned.
func (d *dossier) pinned(items []casework.TimelineItem) (list []casework.TimelineItem) {
	for _, it := range items {
		if _, _, ok := casework.PinOf(d.Cases, it.Address()); ok {
			list = append(list, it)
		}
	}
	return list
}

// pinItem pins an item of a timeline, or takes its pin away.
func (s *Server) pinItem(w http.ResponseWriter, r *http.Request) error {
	item, malformed := archive.ParseAddress(r.FormValue("record"))
	v, unpin, done := timelineView{window: window{From: number0(r.FormValue("from"))}, Kind: r.FormValue("kind"), New: r.FormValue("new") != "", Pinned: r.FormValue("pinned") != ""}, r.FormValue("do") == "unpin", "It is pinned."
	if unpin {
		done = "It is not pinned any more. The log says who pinned it."
	}
	return s.onForm(w, r, "pin", v.Here()+"#"+itemID(item), done, func(snap snapshot) (casework.Command, error) {
		if malformed != nil {
			return nil, &casework.Refusal{Code: casework.Invalid, Field: "Record", Text: "Choose an item of the timeline."}
		}
		if unpin {
			return s.unpinning(snap.c.Number, item, r.PostForm.Get("reason"))
		}
		return s.pinning(r.Context(), snap, item, r.PostForm.Get("reason"))
	}, s.timelineHeld)
}

// pinning is the command that pins an item of the timeline of a case, as far as the caller may see that.
func (s *Server) pinning(ctx context.Context, snap snapshot, item archive.Address, reason string) (casework.PinItem, error) {
	c := casework.PinItem{Case: snap.c.Number, Record: item, Reason: reason}
	if item.Stream == archive.Ledger {
		return c, nil
	}
	d, err := s.dossier(ctx, snap, false)
	if err != nil {
		return c, err
	}
	i := slices.IndexFunc(d.Mail, func(m casework.Mail) bool { return m.Record == item })
	if i < 0 {
		return c, notFound("message in the case")
	}
	c.SHA256 = d.Mail[i].SHA256
	return c, nil
}

// unpinning is the command that takes the pin of an item away from whichever of the cases that are one has it.
func (s *Server) unpinning(number int, item archive.Address, reason string) (casework.Command, error) {
	var family []casework.Case
	s.config.Desk.Read(func(state *casework.State) { family = state.Family(number) })
	pin, of, ok := casework.PinOf(family, item)
	if !ok {
		return nil, &casework.Refusal{Code: casework.Conflict, Field: "Record", Text: "This is not pinned any more."}
	}
	return casework.UnpinItem{Case: of, ID: pin.ID, Reason: reason}, nil
}

// changes are what of a timeline happened since the caller said that he has seen the case.
func (s *Server) changes(ctx context.Context, d *dossier, items []casework.TimelineItem) (list []casework.Change, visit casework.Visit) {
	who, _ := callerFrom(ctx)
	s.config.Desk.Read(func(state *casework.State) { visit = state.Visit(who.actor, d.Cases[0].Number) })
	return casework.Changes(items, visit, who.actor), visit
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

// row is something of a timeline, as it is shown.
func (d *dossier) row(it casework.TimelineItem, called names) timelineRow {
	row := timelineRow{TimelineItem: it, Icon: "flag"}
	if p, _, ok := casework.PinOf(d.Cases, it.Address()); ok {
		row.Pin = &p
	}
	if m := it.Mail; m != nil {
		row.Icon, row.Who = "mail", nameOf(m.From)
		row.Late = m.Received.Sub(m.Sent).Abs() > lateAfter
		for _, c := range d.Cases {
			for _, x := range c.Citations {
				if x.SHA256 == m.SHA256 {
					row.Chips = append(row.Chips, d.chips[citationKey{c.Number, x.ID}])
				}
			}
		}
		return row
	}
	row.Who = called.Of(it.Entry.Actor)
	if it.Kind == casework.TimelineOwner || it.Kind == casework.TimelineReview || it.Kind == casework.TimelineStatus {
		row.Owner = d.changesOwner(it)
	}
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
	if k, ok := d.chips[citationKey{it.Case, it.Entry.Citation}]; ok {
		row.Chips = []chip{k}
	}
	return row
}

// changesOwner reports whether a decision gave a case another owner.
func (d *dossier) changesOwner(it casework.TimelineItem) bool {
	return slices.ContainsFunc(d.Cases, func(c casework.Case) bool {
		return c.Number == it.Case && slices.ContainsFunc(casework.OwnerChanges(c), func(o casework.OwnerChange) bool { return o.Position == it.Entry.Position })
	})
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
