package webui

import (
	"cmp"
	"errors"
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

// retentionView is the page about what is kept and what goes.
type retentionView struct {
	window
	At      time.Time
	AtText  string // As of <input type=date>; "" is now.
	Link    string // Of a page of the table.
	Classes []classView
	Rows    []casework.Verdict // What goes first, first.
	Total   int
	Chart   template.HTML
	Keeper  *casework.KeeperStatus

	Decides  bool // The caller places holds and erases.
	Holds    []casework.Hold
	Erasures erasuresOut
	Names    names

	Form    string // Which form is shown again: class, hold or erasure.
	Error   string
	Typed   map[string]string // Into that form.
	Preview *holdPreview
}

// classView is a class, and what goes of it.
type classView struct {
	casework.Outlook
	Fixed bool // Nobody changes it.
}

// holdPreview is what a hold would keep now.
type holdPreview struct {
	Total int
	Items []resultRow
}

func (s *Server) showRetention(w http.ResponseWriter, r *http.Request) error {
	return s.renderRetention(w, r, http.StatusOK, retentionView{})
}

func (s *Server) renderRetention(w http.ResponseWriter, r *http.Request, code int, v retentionView) error {
	var err error
	v.AtText = r.FormValue("at")
	if v.At, err = s.timeOf(v.AtText); err != nil {
		v.AtText, v.At = "", s.config.Now()
	}
	for _, o := range s.outlook(v.At) {
		v.Classes = append(v.Classes, classView{o, o.Class.Name.Ours()})
		v.Rows = append(v.Rows, o.Rows...)
	}
	v.Chart = chart(leaving(v.Rows), "record goes", "records go", nil)
	v.table(r)
	v.Keeper = s.keeping()
	if who, _ := callerFrom(r.Context()); who.may(mayHold) {
		v.Decides, v.Erasures = true, s.erasures()
		s.config.Desk.Read(func(state *casework.State) { v.Holds, v.Names = state.Holds(), namesOf(state.Users()) })
	}
	return s.render(w, r, code, "retention", view{Title: "Retention", Nav: "retention", Page: v})
}

// table puts the packs in the order in which they go, without those that never
// do, and cuts the page out that was asked for.
func (v *retentionView) table(r *http.Request) {
	v.Rows = slices.DeleteFunc(v.Rows, func(x casework.Verdict) bool { return x.Ends.IsZero() })
	slices.SortStableFunc(v.Rows, func(a, b casework.Verdict) int {
		return cmp.Or(a.Ends.Compare(b.Ends), cmp.Compare(a.Pack.Stream, b.Pack.Stream), cmp.Compare(a.Pack.First, b.Pack.First))
	})
	v.Total = len(v.Rows)
	v.window = windowOf(r, v.Total)
	v.Rows = v.Rows[v.From:v.End]
	v.Link = "/retention?"
	if v.AtText != "" {
		v.Link += url.Values{"at": {v.AtText}}.Encode() + "&"
	}
}

// bars is how many bars the chart of what goes has at most.
const bars = 60

// leaving counts the records that go by the time they go. What has had its time
// goes in the first bar; what is held or kept for ever in none.
func leaving(rows []casework.Verdict) []index.Bucket {
	var first, end time.Time
	for _, v := range rows {
		if v.Due || v.Why == casework.Young {
			if first.IsZero() || v.Ends.Before(first) {
				first = v.Ends
			}
			if v.Ends.After(end) {
				end = v.Ends
			}
		}
	}
	if first.IsZero() {
		return nil
	}
	first = first.Truncate(24 * time.Hour)
	days := int(end.Sub(first).Hours()/24) + 1
	width := (days + bars - 1) / bars
	buckets := make([]index.Bucket, (days+width-1)/width)
	for i := range buckets {
		buckets[i].Start, buckets[i].End = first.AddDate(0, 0, i*width), first.AddDate(0, 0, (i+1)*width)
	}
	for _, v := range rows {
		if v.Due || v.Why == casework.Young {
			buckets[int(v.Ends.Sub(first).Hours()/24)/width].Count += v.Pack.Records
		}
	}
	return buckets
}

// again shows a form again with what was wrong; any other error is passed on.
func (s *Server) again(w http.ResponseWriter, r *http.Request, form string, err error) error {
	var refusal *casework.Refusal
	var status *statusError
	var syntax *index.SyntaxError
	v := retentionView{Form: form, Typed: typedInto(r)}
	switch {
	case errors.As(err, &syntax):
		v.Error = "The query cannot be read: " + syntax.Text
		return s.renderRetention(w, r, http.StatusUnprocessableEntity, v)
	case errors.As(err, &refusal), errors.As(err, &status):
		e := asStatus(err)
		v.Error = e.text
		return s.renderRetention(w, r, e.code, v)
	}
	return err
}

func typedInto(r *http.Request) map[string]string {
	typed := map[string]string{}
	for name, values := range r.PostForm {
		if len(values) > 0 {
			typed[name] = values[0]
		}
	}
	return typed
}

func (s *Server) setClass(w http.ResponseWriter, r *http.Request) error {
	c := casework.SetClass{Class: archive.Stream(r.PathValue("class")), Lock: archive.LockMode(r.FormValue("lock"))}
	var err error
	if text := strings.TrimSpace(r.FormValue("keep")); text != "" {
		c.Keep, err = casework.ParsePeriod(text)
	}
	if err == nil {
		err = s.applyClass(r.Context(), c)
	}
	if err != nil {
		return s.again(w, r, "class", err)
	}
	return s.done(w, r, "/retention", "The class "+string(c.Class)+" keeps "+keepWords(c.Keep)+".")
}

// keepWords is a period in a sentence.
func keepWords(p casework.Period) string {
	if p.IsZero() {
		return "for ever"
	}
	return "for " + p.String()
}

func (s *Server) placeHold(w http.ResponseWriter, r *http.Request) error {
	c := casework.PlaceHold{Name: strings.TrimSpace(r.FormValue("name")), Query: strings.TrimSpace(r.FormValue("query")), Standing: r.FormValue("standing") != "", Reason: strings.TrimSpace(r.FormValue("reason"))}
	if r.FormValue("do") == "preview" {
		found, err := s.matching(r.Context(), c.Query)
		if err != nil {
			return s.again(w, r, "hold", err)
		}
		v := retentionView{Form: "hold", Typed: typedInto(r), Preview: &holdPreview{Total: found.Total}}
		for _, item := range found.Items {
			v.Preview.Items = append(v.Preview.Items, resultRow{Summary: item, Link: recordPath(item.Address)})
		}
		return s.renderRetention(w, r, http.StatusOK, v)
	}
	if err := s.holdMatches(r.Context(), c); err != nil {
		return s.again(w, r, "hold", err)
	}
	return s.done(w, r, "/retention#holds", "The hold "+c.Name+" is placed. What it keeps stays until it is released.")
}

func (s *Server) releaseHold(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	if err := s.decide(r.Context(), casework.ReleaseHold{Name: name, Reason: r.FormValue("reason")}); err != nil {
		return err
	}
	return s.done(w, r, "/retention#holds", "The hold "+name+" is released. What it kept goes when its class says so.")
}

// requestErasure reads addresses with spaces, commas or lines between.
func (s *Server) requestErasure(w http.ResponseWriter, r *http.Request) error {
	var records []archive.Address
	for _, word := range strings.FieldsFunc(r.FormValue("records"), func(c rune) bool { return c == ',' || c <= ' ' }) {
		at, err := archive.ParseAddress(word)
		if err != nil {
			return s.again(w, r, "erasure", invalid(err))
		}
		records = append(records, at)
	}
	id, err := s.askErasure(r.Context(), records, strings.TrimSpace(r.FormValue("reason")))
	if err != nil {
		return s.again(w, r, "erasure", err)
	}
	return s.done(w, r, "/retention#erasures", "Erasure "+strconv.Itoa(id)+" is requested. Nothing goes before it is approved.")
}

func (s *Server) approveErasure(w http.ResponseWriter, r *http.Request) error {
	if err := s.orderErasure(r.Context(), number0(r.PathValue("id"))); err != nil {
		return err
	}
	return s.done(w, r, "/retention#erasures", "The erasure is approved. Nobody can read these records any more.")
}

func (s *Server) refuseErasure(w http.ResponseWriter, r *http.Request) error {
	if err := s.decide(r.Context(), casework.RefuseErasure{ID: number0(r.PathValue("id")), Reason: r.FormValue("reason")}); err != nil {
		return err
	}
	return s.done(w, r, "/retention#erasures", "The erasure is refused. Nothing was removed.")
}

func (s *Server) setErasurePolicy(w http.ResponseWriter, r *http.Request) error {
	two := r.FormValue("second_person") != ""
	if err := s.decide(r.Context(), casework.SetErasurePolicy{SecondPerson: two, Reason: r.FormValue("reason")}); err != nil {
		return err
	}
	text := "Who requests an erasure may approve it."
	if two {
		text = "An erasure takes a second person from now on."
	}
	return s.done(w, r, "/retention#erasures", text)
}
