package webui

import (
	"context"
	"net/http"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

type auditIn struct {
	Actor  string `query:"actor" doc:"Who: a user name, token:NAME, or system."`
	Record string `query:"record" doc:"Address of a message that was shown, e.g. mail/1042. What went out in an export is known by its query only."`
	Type   string `query:"type" enum:",message.read,search.run,export.made,case.read,audit.read" doc:"What was done."`
	From   string `query:"from" doc:"A day (2027-01-31), or a time (RFC 3339)."`
	Until  string `query:"until" doc:"The last day, or the time before which."`
	Limit  int    `query:"limit" default:"50" minimum:"1" maximum:"1000" doc:"Items on the page."`
	Cursor string `query:"cursor" doc:"next of the page before."`
}

type auditOut struct {
	Items []casework.AuditEntry `json:"items" doc:"Newest first. Fewer than asked for, with next, says that so much of the log was looked at for now."`
	Back  time.Time             `json:"back,omitzero" doc:"Everything since then was looked at."`
	Next  string                `json:"next,omitempty" doc:"Cursor of the page after; absent at the end."`
}

func (s *Server) apiAudit(ctx context.Context, in *auditIn) (*body[auditOut], error) {
	p, err := s.auditPage(ctx, *in)
	if err != nil {
		return nil, err
	}
	return reply(auditOut{list(p.Entries), p.Back, cursorOf(p)}), nil
}

// cursorOf is the address that a page ended at; "" at the end of the log.
func cursorOf(p casework.AuditPage) string {
	if p.Next == 0 {
		return ""
	}
	return archive.Address{Stream: archive.Audit, Position: p.Next}.String()
}

// auditPage reads a page of the log, and notes in it who read which.
func (s *Server) auditPage(ctx context.Context, in auditIn) (p casework.AuditPage, err error) {
	f, before, err := s.auditFilter(in)
	if err != nil {
		return p, err
	}
	if p, err = s.config.Audit.Page(ctx, f, before, in.Limit); err != nil {
		return p, &statusError{http.StatusBadGateway, "The audit log could not be read. What is not on the local disk is in the bucket, and the bucket may not answer: the status page tells when it is back.", err}
	}
	return p, s.note(ctx, casework.AuditRead, 0, casework.AuditData{Filter: f, Cursor: in.Cursor})
}

func (s *Server) auditFilter(in auditIn) (f casework.AuditFilter, before archive.Position, err error) {
	f = casework.AuditFilter{Actor: in.Actor, Type: casework.EventType(in.Type)}
	if in.Record != "" {
		if f.Record, err = archive.ParseAddress(in.Record); err != nil {
			return f, 0, invalid(err)
		}
	}
	if in.Cursor != "" {
		at, err := archive.ParseAddress(in.Cursor)
		if err != nil || at.Stream != archive.Audit {
			return f, 0, &statusError{http.StatusUnprocessableEntity, "This cursor belongs to no page of the audit log; ask for the first page again.", nil}
		}
		before = at.Position
	}
	if in.From != "" {
		if f.From, err = time.ParseInLocation(time.DateOnly, in.From, time.UTC); err != nil {
			f.From, err = s.timeOf(in.From)
		}
	}
	if err == nil && in.Until != "" {
		f.Until, err = s.timeOf(in.Until)
	}
	return f, before, err
}

// invalid has the words of an error for who wrote what is wrong.
func invalid(err error) error {
	return &statusError{http.StatusUnprocessableEntity, sentence(err.Error()) + ".", nil}
}
