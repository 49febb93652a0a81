package webui

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/index"
)

// What is looked at of an account to tell what changed.
const (
	changesCases = 50  // Those that changed last.
	changesMail  = 200 // Of the newest mail of the account, in a case or not.
)

// accountChanges is what changed of an account since a visit, a handoff or a day.
type accountChanges struct {
	Since   time.Time // Zero: from the beginning.
	By      string    // visit, handoff or day.
	Upto    casework.Positions
	Changes []casework.Change
	People  []casework.NewPerson
	Files   []casework.NewFile
	Cases   []casework.Case // That there are more of is told.
	More    int             // Cases that were not looked at.
	Handoff time.Time       // When a case was taken over last; zero when none was.

	dossier *dossier
}

// changesOf finds what changed of an account: since the caller's last visit for "", since the last handoff, or since a
// day. It notes what it shows.
func (s *Server) changesOf(ctx context.Context, a casework.Account, since string) (*accountChanges, error) {
	v := &accountChanges{By: cmp.Or(since, "visit")}
	s.config.Desk.Read(func(state *casework.State) { v.Cases = casesOf(state, a) })
	v.More = max(0, len(v.Cases)-changesCases)
	v.Cases = v.Cases[:len(v.Cases)-v.More]
	var err error
	if v.dossier, err = s.accountDossier(ctx, a, v.Cases); err != nil {
		return nil, err
	}
	d := v.dossier
	who, _ := callerFrom(ctx)
	items := casework.AccountTimeline(a, d.Cases, d.Mail)
	v.Upto, v.Handoff = casework.SeenOfAccount(a, d.Cases, d.Mail), casework.LastHandoff(d.Cases)
	switch v.By {
	case "visit":
		var visit casework.Visit
		s.config.Desk.Read(func(state *casework.State) { visit = state.AccountVisit(who.actor, a.ID) })
		v.Since, v.Changes = visit.At, casework.Changes(items, visit, who.actor)
	case "handoff":
		v.Since = v.Handoff
		v.Changes = casework.ChangesSince(items, v.Since)
	default:
		if v.Since, err = s.typedDay("Since", v.By); err != nil {
			return nil, err
		}
		v.By, v.Changes = "day", casework.ChangesSince(items, v.Since)
	}
	v.People, v.Files = casework.NewIn(v.Changes, d.Mail)
	return v, nil
}

// accountDossier is the cases of an account with their mail and the newest other mail of the account.
func (s *Server) accountDossier(ctx context.Context, a casework.Account, heads []casework.Case) (*dossier, error) {
	d := &dossier{}
	var numbers []int
	for _, head := range heads {
		snap, err := s.bareCase(ctx, head.Number)
		if err != nil {
			return nil, err
		}
		d.Cases, d.removed, numbers = append(d.Cases, snap.c), append(d.removed, snap.removed), append(numbers, head.Number)
	}
	if err := s.noteCases(ctx, numbers); err != nil {
		return nil, err
	}
	result, err := s.search(ctx, index.Request{Query: accountQuery(a.ID), Limit: changesMail, Now: s.config.Now()})
	if err != nil {
		return nil, err
	}
	if len(d.Cases) > 0 {
		if err := s.fillMail(ctx, d, true); err != nil {
			return nil, err
		}
	}
	known := map[archive.Digest]bool{}
	for _, m := range d.Mail {
		known[m.SHA256] = true
	}
	var company casework.Company
	s.config.Desk.Read(func(state *casework.State) { company = s.company(state) })
	for _, x := range result.Items {
		if !known[x.SHA256] {
			d.Mail = append(d.Mail, casework.Mail{Record: x.Address, SHA256: x.SHA256, Thread: x.Thread, Sent: x.Date, Received: x.Received, From: x.From, To: x.To,
				Subject: x.Subject, Text: x.Snippet, Files: x.Files, Sightings: x.Sightings, Unsearchable: x.Unsearchable, Direction: company.DirectionOf(x.From, x.To)})
		}
	}
	return d, nil
}

type changesView struct {
	window
	*accountChanges
	Account casework.Account
	Rows    []timelineRow
	Total   int
	Names   names
	Seen    []string // Of what there is now, for the form that says that it is seen.
	Asked   string
}

// showAccountChanges lists what changed of an account.
func (s *Server) showAccountChanges(w http.ResponseWriter, r *http.Request) error {
	a, err := s.accountNamed(r)
	if err != nil {
		return err
	}
	v := changesView{Account: a, Asked: strings.TrimSpace(r.FormValue("since"))}
	if v.accountChanges, err = s.changesOf(r.Context(), a, v.Asked); err != nil {
		return err
	}
	s.config.Desk.Read(func(state *casework.State) { v.Names = namesOf(state.Users()) })
	s.fillChips(r.Context(), v.dossier, nil)
	v.Seen, v.Total, v.window = spelled(v.Upto), len(v.Changes), windowOf(r, len(v.Changes))
	for _, x := range slices.Clone(v.Changes)[v.From:v.End] {
		row := v.dossier.row(x.TimelineItem, v.Names)
		row.Old = x.Old
		v.Rows = append(v.Rows, row)
	}
	return s.render(w, r, http.StatusOK, "changes", view{Title: "What changed of " + a.Name, Nav: "accounts", Page: v})
}

// seeAccount says that the caller has seen what there is of an account.
func (s *Server) seeAccount(w http.ResponseWriter, r *http.Request) error {
	a, err := s.accountNamed(r)
	if err != nil {
		return err
	}
	r.ParseForm() // What cannot be read is not there.
	if err := s.do(r, casework.SeeAccount{Account: a.ID, Upto: positions(r.PostForm["upto"])}); err != nil {
		return err
	}
	return s.done(w, r, accountPath(a.ID)+"/changes", "All of it is marked as seen. What changes from now on is shown here.")
}
