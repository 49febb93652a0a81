package webui

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"strings"

	"polytrace/archive"
	"polytrace/casework"
)

// detailView is a value with where it stands.
type detailView struct {
	casework.FoundLine
	cited
	Form string // Name of the form that judges it.
}

// detailGroup is what an extract finds.
type detailGroup struct {
	Extract, Label string
	Lines          []detailView
	More           int // Values that are not shown.
}

// detailsView is what is found in messages.
type detailsView struct {
	Groups   []detailGroup
	Read, Of int  // Messages that were looked through, of how many there are.
	All      bool // Every value is shown.
	To       string
}

// fewDetails is how many values of an extract are shown until somebody asks for all.
const fewDetails = 5

// detailed is what messages say: details, and what they name in other systems.
type detailed struct {
	heard    heard
	extracts []casework.Extract
	rules    casework.ReferenceRules
	Lines    []casework.FoundLine
}

// details finds what some messages say, oldest first. Whoever asks is shown them, which is noted elsewhere.
func (s *Server) details(ctx context.Context, mail []casework.Mail) (*detailed, error) {
	d := &detailed{}
	s.config.Desk.Read(func(state *casework.State) { d.extracts, d.rules = state.Extracts(), state.References() })
	var err error
	if d.heard, err = s.listen(ctx, mail, d.extracts); err != nil {
		return nil, err
	}
	d.Lines = casework.FoundLines(s.foundIn(d.heard.Said, d.extracts), d.extracts)
	return d, nil
}

// detailsOf is details of the mail of a case, looked for once.
func (s *Server) detailsOf(ctx context.Context, d *dossier) (*detailed, error) {
	if d.detail != nil {
		return d.detail, nil
	}
	var err error
	d.detail, err = s.details(ctx, d.Mail)
	return d.detail, err
}

// foundIn is what extracts find in messages, with what people said of it.
func (s *Server) foundIn(said []casework.Said, extracts []casework.Extract) []casework.Found {
	digests := make([]archive.Digest, len(said))
	for i := range said {
		digests[i] = said[i].SHA256
	}
	var decisions []casework.ExtractDecision
	s.config.Desk.Read(func(state *casework.State) { decisions = state.ExtractDecisions(digests...) })
	return casework.FoundIn(said, extracts, decisions)
}

// view brings lines into groups; to is where their forms go.
func (d *detailed) view(to string, all bool) detailsView {
	v := detailsView{Read: d.heard.Read, Of: d.heard.Of, All: all, To: to}
	from := map[archive.Address]string{}
	for _, m := range d.heard.Said {
		from[m.Record] = m.From
	}
	for _, line := range d.Lines {
		if n := len(v.Groups); n == 0 || v.Groups[n-1].Extract != line.Extract {
			v.Groups = append(v.Groups, detailGroup{Extract: line.Extract, Label: line.Label})
		}
		g := &v.Groups[len(v.Groups)-1]
		if len(g.Lines) == fewDetails && !all {
			g.More++
			continue
		}
		x := detailView{FoundLine: line, Form: "detail-" + placeID(line.Extract, line.Place)}
		for i, p := range append([]casework.Place{line.Place}, line.Sources...) {
			if i == 3 {
				x.More = len(line.Sources) + 1 - i
				break
			}
			x.Chips = append(x.Chips, chip{Link: recordPath(p.Record), Quote: p.Quote, Date: p.Said, From: from[p.Record]})
		}
		g.Lines = append(g.Lines, x)
	}
	return v
}

// placeID names words of a message for a form: the same ones whoever reads it.
func placeID(extract string, p casework.Place) string {
	return fmt.Sprintf("%s:%s:%s:%d:%08x:%d", extract, p.Record, p.Where, p.Part, crc32.ChecksumIEEE([]byte(p.File)), p.Start)
}

// judged is what somebody says of what was found.
type judged struct {
	ID     string // See placeID.
	Status casework.ExtractStatus
	Value  string
	Reason string
}

// judging is the command that says it, of words that stand where they are said to stand in a message that the caller may
// read.
func (s *Server) judging(ctx context.Context, j judged) (casework.JudgeExtract, error) {
	c := casework.JudgeExtract{Status: j.Status, Value: j.Value, Reason: j.Reason}
	gone := &casework.Refusal{Code: casework.NotFound, Field: "ID", Text: "What is meant is not found any more: the extract was changed, or its message is not here. Look at the page again."}
	parts := strings.Split(j.ID, ":")
	if len(parts) < 2 {
		return c, gone
	}
	at, err := archive.ParseAddress(parts[1])
	if err != nil || at.Stream.Ours() {
		return c, gone
	}
	doc, err := s.within(ctx).Document(ctx, at)
	if unreadable(err) {
		return c, gone
	}
	if err != nil {
		return c, err
	}
	var extracts []casework.Extract
	s.config.Desk.Read(func(state *casework.State) { extracts = state.Extracts() })
	h, err := s.listen(ctx, s.mailItems(doc.Summary), extracts)
	if err != nil {
		return c, err
	}
	for _, f := range s.foundIn(h.Said, extracts) {
		if placeID(f.Extract, f.Place) == j.ID {
			c.Hit = f.Hit
			if f.Status != casework.ExtractPending {
				c.Hit.Value = s.foundAs(f)
			}
			return c, nil
		}
	}
	return c, gone
}

// foundAs is the value that was found of words of which somebody has said something.
func (s *Server) foundAs(f casework.Found) (value string) {
	s.config.Desk.Read(func(state *casework.State) {
		for _, d := range state.ExtractDecisions(f.SHA256) {
			if d.Extract == f.Extract && d.Place.Start == f.Place.Start && d.Where == f.Where && d.Part == f.Part && d.File == f.File {
				value = d.Found
			}
		}
	})
	return value
}

// judgedForm is what a form says of what was found.
func judgedForm(r *http.Request) judged {
	return judged{r.PostForm.Get("id"), casework.ExtractStatus(r.PostForm.Get("status")), r.PostForm.Get("value"), r.PostForm.Get("reason")}
}

var judgedWords = map[casework.ExtractStatus]string{
	casework.ExtractConfirmed: "The detail is confirmed.", casework.ExtractCorrected: "The detail is corrected.", casework.ExtractRejected: "The detail is rejected.", casework.ExtractPending: "What was said of the detail is taken back.",
}

// judgeDetail says what somebody thinks of a detail of a case.
func (s *Server) judgeDetail(w http.ResponseWriter, r *http.Request) error {
	return s.onCase(w, r, "detail-"+r.FormValue("id"), "details", judgedWords[casework.ExtractStatus(r.FormValue("status"))], func(snap snapshot) (casework.Command, error) {
		c, err := s.judging(r.Context(), judgedForm(r))
		c.Case = snap.c.Number
		return c, err
	})
}

// accountDetails is what the newest mail of an account says. The messages with what is shown are noted as read.
func (s *Server) accountDetails(ctx context.Context, m *mailOf) (*detailed, error) {
	d, err := s.details(ctx, s.mailItems(m.result.Items...))
	if err != nil {
		return nil, err
	}
	told := map[archive.Address]bool{}
	var records []archive.Address
	for _, line := range d.Lines {
		for _, p := range append([]casework.Place{line.Place}, line.Sources...) {
			if !told[p.Record] {
				told[p.Record] = true
				records = append(records, p.Record)
			}
		}
	}
	return d, s.noteRead(ctx, records...)
}

// judgeAccountDetail says what somebody thinks of a detail of an account.
func (s *Server) judgeAccountDetail(w http.ResponseWriter, r *http.Request) error {
	a, err := s.accountNamed(r)
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return &statusError{http.StatusBadRequest, "The form could not be read. Go back and try again.", err}
	}
	j := judgedForm(r)
	c, err := s.judging(r.Context(), j)
	if c.Account = a.ID; err == nil {
		err = s.do(r, c)
	}
	var refusal *casework.Refusal
	switch {
	case errors.As(err, &refusal):
		return s.renderCustomer(w, r, asStatus(err).code, a, accountForm{}, &heldForm{"detail-" + j.ID, refusal.Text, r.PostForm})
	case err != nil:
		return err
	}
	return s.done(w, r, accountPath(a.ID)+"#details", judgedWords[j.Status])
}
