package webui

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

// auditView is a page of the log of who read what.
type auditView struct {
	Asked  auditIn
	Types  []casework.EventType
	Rows   []auditRow
	Back   time.Time
	Next   string // Link to what is older; "" at the end.
	First  string // Link to the newest; "" when this is it.
	Wanted bool   // Something was asked for.
	Error  string
}

// auditRow is an entry as it is shown.
type auditRow struct {
	casework.AuditEntry
	Who   string
	First []archive.Address // Messages that are named at once.
	More  []archive.Address // All others.
}

const (
	auditRows = 100 // Entries on a page.
	fewNamed  = 4   // Messages that an entry names at once.
)

func (s *Server) showAudit(w http.ResponseWriter, r *http.Request) error {
	asked := auditIn{Limit: auditRows, Cursor: r.FormValue("cursor")}
	fields := map[string]*string{"actor": &asked.Actor, "record": &asked.Record, "type": &asked.Type, "from": &asked.From, "until": &asked.Until}
	q := url.Values{}
	for name, to := range fields {
		if *to = strings.TrimSpace(r.FormValue(name)); *to != "" {
			q.Set(name, *to)
		}
	}
	v := auditView{Asked: asked, Types: casework.AuditTypes(), Wanted: len(q) > 0}
	if asked.Cursor != "" {
		v.First = "/audit?" + q.Encode()
	}
	code := http.StatusOK
	p, err := s.auditPage(r.Context(), asked)
	var wrong *statusError
	if errors.As(err, &wrong) && wrong.code == http.StatusUnprocessableEntity {
		v.Error, code = wrong.text, wrong.code
	} else if err != nil {
		return err
	}
	if v.Back = p.Back; p.Next > 0 {
		q.Set("cursor", cursorOf(p))
		v.Next = "/audit?" + q.Encode()
	}
	v.Rows = s.auditRows(p.Entries)
	return s.render(w, r, code, "audit", view{Title: "Audit", Nav: "audit", Page: v})
}

func (s *Server) auditRows(entries []casework.AuditEntry) (rows []auditRow) {
	var known names
	s.config.Desk.Read(func(state *casework.State) { known = namesOf(state.Users()) })
	for _, e := range entries {
		few := min(len(e.Data.Records), fewNamed)
		rows = append(rows, auditRow{e, known.Of(e.Actor), e.Data.Records[:few], e.Data.Records[few:]})
	}
	return rows
}
