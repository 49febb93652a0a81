package webui

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/index"
	"polytrace/message"
)

const shareDays = 14 // How long a link opens when nothing else is chosen.

// sharedItem is what a guest sees of a citation: the quoted words or, in a
// share of whole messages, the message. It is filled from the share's
// declared members only.
type sharedItem struct {
	ID          int
	Subject     string
	From        message.Mailbox
	To, Cc      []message.Mailbox // Of the header, never Bcc; only of whole messages.
	Date        time.Time
	Quote       string
	Segments    []segment // Only of whole messages.
	Attachments []index.Attachment
	Whole       bool
	Address     archive.Address
	SHA256      archive.Digest
	Missing     bool // It cannot be read for now.
	Removed     bool // By a decision; then nothing else is filled.
}

// sharedView is the guest's page.
type sharedView struct {
	Title   string
	By      string
	Expires time.Time
	Items   []sharedItem
	Notes   []casework.Note
	Names   names
	Token   string // "" in a preview.
}

// sharedCase finds the live share of a token, with its case. Unknown, expired
// and revoked links all look the same.
func (s *Server) sharedCase(r *http.Request) (share casework.Share, snap snapshot, ok bool) {
	s.config.Desk.Read(func(state *casework.State) {
		share, ok = state.ShareByHash(casework.SecretHash(r.PathValue("token")))
		if !ok || !share.Live(s.config.Now()) {
			ok = false
			return
		}
		snap.c, ok = state.Case(share.Case)
		snap.users = state.Users()
	})
	snap.names = namesOf(snap.users)
	return share, snap, ok
}

var errNoShare = &statusError{http.StatusNotFound, "There is nothing here: the link is wrong, has run out, or was taken back. Ask the person who sent it to you for a new one.", nil}

// showShare is the guest's page. The first look of an hour is noted in the log.
func (s *Server) showShare(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	share, snap, ok := s.sharedCase(r)
	if !ok {
		return s.guestError(w, r)
	}
	if r.Method == http.MethodGet {
		if _, err := s.config.Desk.Do(r.Context(), casework.Guest, casework.OpenShare{Case: share.Case, ID: share.ID, IP: peer(r)}); err != nil {
			// What nobody can account for is not shown.
			return &statusError{http.StatusServiceUnavailable, "This page cannot be shown at the moment. Try again in a few minutes.", err}
		}
	}
	v, err := s.sharedView(asGuest(r), share, snap)
	if err != nil {
		return err
	}
	v.Token = r.PathValue("token")
	return s.renderGuest(w, r, http.StatusOK, "guest", view{Title: v.Title, Page: v})
}

// guestError is the same for every link that does not open, byte for byte.
func (s *Server) guestError(w http.ResponseWriter, r *http.Request) error {
	return s.renderGuest(w, r, errNoShare.code, "error", view{Title: "Not found", Page: errNoShare.text})
}

// asGuest is a request of nobody in particular, also of those who are signed in:
// they see what the guest sees.
func asGuest(r *http.Request) *http.Request {
	return r.WithContext(withoutCaller(r.Context()))
}

// renderGuest renders a page as for a guest.
func (s *Server) renderGuest(w http.ResponseWriter, r *http.Request, code int, name string, v view) error {
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	return s.render(w, asGuest(r), code, name, v)
}

// sharedView gathers the declared members of a share and nothing else.
func (s *Server) sharedView(r *http.Request, share casework.Share, snap snapshot) (*sharedView, error) {
	v := &sharedView{Title: share.Title, By: snap.names.Of(share.By), Expires: share.Expires, Names: snap.names}
	for _, id := range share.Citations {
		i := slices.IndexFunc(snap.c.Citations, func(c casework.Citation) bool { return c.ID == id })
		if i < 0 {
			continue
		}
		item, err := s.sharedItem(r, snap.c.Citations[i], share.Whole)
		if err != nil {
			return nil, err
		}
		v.Items = append(v.Items, item)
	}
	for _, id := range share.Notes {
		if id >= 1 && id <= len(snap.c.Notes) {
			n := snap.c.Notes[id-1]
			n.Text = inFull(n, snap.names)
			v.Notes = append(v.Notes, n)
		}
	}
	return v, nil
}

func (s *Server) sharedItem(r *http.Request, c casework.Citation, whole bool) (sharedItem, error) {
	item := sharedItem{ID: c.ID, Quote: c.Quote, Address: c.Record, SHA256: c.SHA256, Whole: whole}
	if removed, err := s.config.Index.Removed(r.Context(), c.Record); err != nil || removed != nil {
		return sharedItem{ID: c.ID, Removed: true}, err // Why is not for guests.
	}
	m, err := s.readMessage(r.Context(), c.Record) // OpenShare has noted it.
	var known *statusError
	if errors.As(err, &known) {
		item.Missing = true
		return item, nil
	}
	if err != nil {
		return item, err
	}
	item.Subject, item.From, item.Date = titleOf(m.doc.Subject), m.doc.From, m.doc.Date
	if !whole {
		return item, nil
	}
	shown := m.show(&c)
	item.To, item.Cc, item.Attachments = m.original.To, m.original.Cc, shown.Attachments
	item.Segments = shown.Segments
	for i := range item.Segments { // The mark's name is for links inside a page with one message.
		item.Segments[i].Folded = item.Segments[i].Folded && len(item.Segments) > 1
	}
	return item, nil
}

// showSharedPart hands an attachment to a guest: only one of a message that
// the share shows in full.
func (s *Server) showSharedPart(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	share, snap, ok := s.sharedCase(r)
	id, part := number0(r.PathValue("citation")), number0(r.PathValue("part"))
	if !ok || !share.Whole || !slices.Contains(share.Citations, id) {
		return s.guestError(w, r)
	}
	i := slices.IndexFunc(snap.c.Citations, func(c casework.Citation) bool { return c.ID == id })
	if i < 0 {
		return s.guestError(w, r)
	}
	r = asGuest(r)
	item, err := s.sharedItem(r, snap.c.Citations[i], true)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(item.Attachments, func(a index.Attachment) bool { return a.N == part }) {
		return s.guestError(w, r)
	}
	m, err := s.readMessage(r.Context(), item.Address)
	if err != nil {
		return err
	}
	return servePart(w, r, m, part)
}

// builderView is the form that makes a share, with what the guest would see.
type builderView struct {
	Case    casework.Case
	Chips   map[int]chip
	Names   names
	Chosen  map[int]bool // citations
	Noted   map[int]bool // notes
	Whole   bool
	Title   string
	Until   string // as of <input type=date>
	Error   string
	Preview *sharedView
	Link    string // Of the share that was made; shown once.
}

func (s *Server) showShareBuilder(w http.ResponseWriter, r *http.Request) error {
	snap, err := s.snapshot(r)
	if err == nil {
		err = s.noteCase(r.Context(), snap.c.Number)
	}
	if err != nil {
		return err
	}
	v := builderView{Title: snap.c.Title, Until: s.config.Now().AddDate(0, 0, shareDays).Format(time.DateOnly), Chosen: map[int]bool{}, Noted: map[int]bool{}}
	for _, c := range snap.c.Citations {
		v.Chosen[c.ID] = true
	}
	return s.renderBuilder(w, r, http.StatusOK, snap, v)
}

func (s *Server) renderBuilder(w http.ResponseWriter, r *http.Request, code int, snap snapshot, v builderView) error {
	v.Case, v.Names = snap.c, snap.names
	v.Chips, _ = s.chips(r.Context(), snap)
	return s.render(w, r, code, "share", view{Title: "Share from C-" + strconv.Itoa(snap.c.Number), Nav: "cases", Page: v})
}

// createShare shows what the guest would see, or makes the link.
func (s *Server) createShare(w http.ResponseWriter, r *http.Request) error {
	snap, err := s.snapshot(r)
	if err == nil {
		err = s.noteCase(r.Context(), snap.c.Number)
	}
	if err != nil {
		return err
	}
	who, _ := callerFrom(r.Context())
	share := casework.Share{Case: snap.c.Number, Title: strings.TrimSpace(r.FormValue("title")), Whole: r.FormValue("whole") != "", By: who.actor}
	share.Citations, share.Notes = numbers(r.Form["cite"]), numbers(r.Form["note"])
	v := builderView{Title: share.Title, Until: r.FormValue("until"), Whole: share.Whole, Chosen: setOf(share.Citations), Noted: setOf(share.Notes)}
	day, err := time.ParseInLocation(time.DateOnly, v.Until, time.Local)
	if err != nil {
		v.Error = "Choose the last day on which the link opens."
		return s.renderBuilder(w, r, http.StatusUnprocessableEntity, snap, v)
	}
	share.Expires = day.AddDate(0, 0, 1) // To the end of that day.
	if r.FormValue("do") == "preview" {
		if v.Preview, err = s.sharedView(r, share, snap); err == nil {
			err = s.notePreview(r.Context(), v.Preview)
		}
		if err != nil {
			return err
		}
		return s.renderBuilder(w, r, http.StatusOK, snap, v)
	}
	secret := casework.NewSecret()
	share.Hash = casework.SecretHash(secret)
	if err = s.mayShare(r.Context(), share); err == nil {
		err = s.do(r, casework.CreateShare{Case: snap.c.Number, Share: share})
	}
	var refusal *casework.Refusal
	if errors.As(err, &refusal) {
		v.Error = refusal.Text
		return s.renderBuilder(w, r, http.StatusUnprocessableEntity, snap, v)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	v.Link = s.config.PublicURL + "/s/" + secret
	return s.renderBuilder(w, r, http.StatusOK, snap, v)
}

// notePreview notes what a preview shows of messages.
func (s *Server) notePreview(ctx context.Context, v *sharedView) error {
	var shown []archive.Address
	for _, item := range v.Items {
		if !item.Missing && !item.Removed {
			shown = append(shown, item.Address)
		}
	}
	return s.noteRead(ctx, shown...)
}

func setOf(ids []int) map[int]bool {
	set := map[int]bool{}
	for _, id := range ids {
		set[id] = true
	}
	return set
}

func (s *Server) revokeShare(w http.ResponseWriter, r *http.Request) error {
	snap, err := s.snapshot(r)
	if err != nil {
		return err
	}
	if err := s.do(r, casework.RevokeShare{Case: snap.c.Number, ID: number0(r.PathValue("id")), Reason: r.FormValue("reason")}); err != nil {
		return err
	}
	to := casePath(snap.c.Number) + "#shares"
	if r.FormValue("from") == "shares" {
		to = "/shares"
	}
	return s.done(w, r, to, "The link opens nothing any more.")
}

// showShares lists all shares, live ones first.
func (s *Server) showShares(w http.ResponseWriter, r *http.Request) error {
	var v struct {
		window
		Shares []shareView
		Total  int
	}
	s.config.Desk.Read(func(state *casework.State) {
		snap := snapshot{names: namesOf(state.Users())}
		for _, x := range state.Shares() {
			v.Shares = append(v.Shares, shareView{x, snap.names.Of(x.By), x.Live(s.config.Now())})
		}
	})
	slices.SortStableFunc(v.Shares, func(a, b shareView) int { return boolToInt(b.Live) - boolToInt(a.Live) })
	v.Total, v.window = len(v.Shares), windowOf(r, len(v.Shares))
	v.Shares = v.Shares[v.From:v.End]
	return s.render(w, r, http.StatusOK, "shares", view{Title: "Shares", Nav: "shares", Page: v})
}
