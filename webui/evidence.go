package webui

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/index"
)

// anchor finds words in the text of a message and makes the citation of them;
// "" cites the whole message. White space may differ. A *casework.Refusal when
// the words are not there. part is -1 where it does not matter.
func (s *Server) anchor(ctx context.Context, at archive.Address, part int, quote string) (casework.Citation, error) {
	m, err := s.openMessage(ctx, at)
	if err != nil {
		return casework.Citation{}, err
	}
	c := casework.Citation{Record: m.doc.Address, SHA256: m.doc.SHA256, Author: nameOf(m.doc.From), Part: max(m.text.Part, 0)}
	if part >= 0 && part != c.Part {
		return c, &casework.Refusal{Code: casework.Invalid, Field: "Part", Text: "Words can be cited from part " + strconv.Itoa(c.Part) + " of " + at.String() + " only: that is its readable text."}
	}
	if strings.TrimSpace(quote) == "" {
		return c, nil
	}
	start, end, ok := casework.Anchor(m.text.Body, quote, "", "", 0)
	if !ok {
		return c, &casework.Refusal{Code: casework.Invalid, Field: "Quote", Text: "These words are not in the text of " + at.String() + " as it is shown. Select them in the message, without words that belong to the page."}
	}
	c.Start, c.End, c.Quote = start, end, m.text.Body[start:end]
	c.Prefix, c.Suffix = casework.Context(m.text.Body, start, end)
	return c, nil
}

// serveRaw hands out the exact bytes of a record, in constant memory.
func (s *Server) serveRaw(w http.ResponseWriter, r *http.Request, at archive.Address) error {
	if err := s.present(r.Context(), at); err != nil { // The archive may have it for a while longer.
		return err
	}
	m, body, err := s.config.Archive.ReadBody(r.Context(), at)
	if err != nil {
		return readError(at, err)
	}
	defer body.Close()
	shown := []archive.Address{at}
	if m.SameAs != nil {
		shown = append(shown, *m.SameAs)
	}
	if err := s.noteRead(r.Context(), shown...); err != nil {
		return err
	}
	tag := `"` + m.SHA256.String() + `"`
	h := w.Header()
	if m.Kind == archive.KindFile {
		asDownload(h, "application/octet-stream", cmp.Or(m.Source.File, fileName(at)))
	} else {
		asDownload(h, "message/rfc822", fileName(at)+".eml")
	}
	h.Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Length", strconv.FormatInt(m.Size, 10))
	if r.Method == http.MethodHead {
		return nil
	}
	if _, err := io.Copy(w, body); errors.Is(err, archive.ErrDamaged) {
		// The length was promised: breaking off tells the client that this is not all.
		s.config.Log.ErrorContext(r.Context(), "download broken off", "record", at, "error", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}

// fileName is an address as the name of a file.
func fileName(at archive.Address) string { return strings.ReplaceAll(at.String(), "/", "-") }

// servePart hands out the decoded bytes of a part of a message.
func servePart(w http.ResponseWriter, r *http.Request, m *opened, n int) error {
	if m.doc.Kind == archive.KindFile && n == casework.WholeRecord {
		asDownload(w.Header(), "application/octet-stream", cmp.Or(m.doc.Subject, fileName(m.doc.Address)))
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(m.raw))
		return nil
	}
	if n < 0 || n >= len(m.original.Parts) {
		return notFound("part")
	}
	p := m.original.Parts[n]
	name := fileName(m.doc.Address) + "-part-" + strconv.Itoa(n)
	for _, a := range m.attachments() {
		if a.N == n && a.Filename != "" {
			name = a.Filename
		}
	}
	asDownload(w.Header(), p.MediaType(), name)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(m.original.Content(n)))
	return nil
}

// asDownload has a browser keep foreign bytes as a file and never show them as
// a page of ours (RFC 6266).
func asDownload(h http.Header, kind, name string) {
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
}

// present returns why a record is not shown: a decision removed it, or it is not
// for the caller.
func (s *Server) present(ctx context.Context, at archive.Address) error {
	removed, err := s.config.Index.Removed(ctx, at)
	if err == nil && removed != nil {
		err = &statusError{http.StatusGone, s.removal(removed), nil}
	}
	if err != nil {
		return err
	}
	unseen, err := s.within(ctx).Unseen(ctx, at)
	if err == nil && len(unseen) > 0 {
		err = notFound("record")
	}
	return err
}

// removal says when a record was removed, by which decision and why.
func (s *Server) removal(r *index.RemovedError) string {
	if r.Decision.Stream == "" {
		return "This message was removed. The decision is in the ledger; the index shows it in a moment."
	}
	return "This message was removed on " + r.At.UTC().Format("2 January 2006") + " by decision " + r.Decision.String() + ": " + s.reasonOf(r) + "."
}

// reasonOf is why a record was removed: of an erasure what was said when somebody asked for it.
func (s *Server) reasonOf(r *index.RemovedError) string {
	reason := r.Reason
	if r.Erased && reason == "" {
		s.config.Desk.Read(func(state *casework.State) {
			for _, e := range state.Erasures() {
				if e.Order == r.Decision {
					reason = e.Reason
				}
			}
		})
	}
	reason = strings.TrimRight(strings.TrimSpace(reason), ".")
	switch {
	case reason != "":
		return reason
	case r.Erased:
		return "it was erased"
	}
	return "the time for which it is kept had passed"
}

// removals finds which of the records that a case cites were removed, and takes the words of those that
// were erased out of the case: what an erasure is to have forgotten is not read in a citation. After
// an expiry they stay, as what the case rests on. Words that are not for the caller are taken out too.
func (s *Server) removals(ctx context.Context, c *casework.Case) (map[archive.Address]*index.RemovedError, error) {
	found := map[archive.Address]*index.RemovedError{}
	unseen, err := s.unseen(ctx, c)
	if err != nil {
		return nil, err
	}
	for _, list := range [][]casework.Citation{c.Citations, c.Withdrawn} {
		for i := range list {
			x := &list[i]
			removed, err := s.config.Index.Removed(ctx, x.Record)
			if err != nil {
				return nil, err
			}
			if removed == nil {
				if slices.Contains(unseen, x.Record) {
					x.Quote, x.Prefix, x.Suffix, x.Author = "", "", "", ""
				}
				continue
			}
			if found[x.Record] = removed; removed.Erased {
				x.Quote, x.Prefix, x.Suffix = "", "", ""
			}
		}
	}
	return found, nil
}

// unseen lists the records that a case cites and that are not for the caller.
func (s *Server) unseen(ctx context.Context, c *casework.Case) ([]archive.Address, error) {
	var all []archive.Address
	for _, x := range slices.Concat(c.Citations, c.Withdrawn) {
		all = append(all, x.Record)
	}
	return s.within(ctx).Unseen(ctx, all...)
}

// mayShare refuses to show outsiders what the caller may not read.
func (s *Server) mayShare(ctx context.Context, share casework.Share) error {
	var c casework.Case
	s.config.Desk.Read(func(state *casework.State) { c, _ = state.Case(share.Case) })
	unseen, err := s.unseen(ctx, &c)
	if err != nil {
		return err
	}
	for _, x := range c.Citations {
		if slices.Contains(share.Citations, x.ID) && slices.Contains(unseen, x.Record) {
			return &casework.Refusal{Code: casework.Invalid, Field: "Citations", Text: "The message of citation " + strconv.Itoa(x.ID) + " is for others to read, so that you cannot share it. Leave it out, or ask one of them."}
		}
	}
	return nil
}
