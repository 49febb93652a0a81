package webui

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"polytrace/archive"
	"polytrace/archive/evidence"
	"polytrace/casework"
	"polytrace/index"

	"github.com/danielgtaylor/huma/v2"
)

const (
	exportPage   = 500         // Hits that an export asks for at a time.
	exportReady  = time.Minute // How long an export waits until everything is searchable and proven.
	maxToken     = 512 << 10   // Bytes of a token; a longer one fits into no header.
	tokenPrefix  = "polytrace export token 1\n"
	tokenHeader  = "Polytrace-Export"
	haveHeader   = "Polytrace-Have"
	totalHeader  = "Polytrace-Total"
	partMbox     = "mbox"
	partEvidence = "evidence"
	partBoth     = "both"
)

// Notary proves what leaves the archive.
type Notary interface {
	Prove(context.Context, archive.Address) (archive.Proof, error)
	PublicKey() string
	Sign(text string) (note string, err error)
	Flush(context.Context) error // Makes a checkpoint of everything.
}

func exportParams() []*huma.Param {
	header := func(name, what string) *huma.Param {
		return &huma.Param{Name: name, In: "header", Description: what, Schema: &huma.Schema{Type: "string"}}
	}
	return []*huma.Param{
		queryParam("q", "The query; empty for everything."),
		queryParam("format", "zip: EML files with a manifest and proofs; edrm: the same with a load file for review programs; mbox. Default zip."),
		queryParam("part", "Of an mbox: mbox, the default; evidence, the proofs that belong to it; both, the one behind the other."),
		header(tokenHeader, "To go on with an export that broke off: the header of that name in its answer."),
		header(haveHeader, "To go on: how many bytes are there already, a blank, and their SHA-256. 412 when the archive has changed since; begin anew."),
	}
}

// frozenExport is what an export is of, and decides every byte of it: the same
// one gives the same bytes again as long as nothing in it was removed. It
// travels to the caller and back, signed, because a verb that opens the data
// itself is another process when it goes on.
type frozenExport struct {
	Query       string                              `json:"query"`
	Format      evidence.Format                     `json:"format"`
	Part        string                              `json:"part,omitempty"`
	Time        time.Time                           `json:"time"`
	UpTo        map[archive.Stream]archive.Position `json:"upto"`
	Checkpoints map[archive.Stream]string           `json:"checkpoints"` // Those that proofs lead to.
}

// readExport reads what is asked for; the time is now.
func (s *Server) readExport(r *http.Request) (n frozenExport, err error) {
	n = frozenExport{Query: r.FormValue("q"), Format: evidence.Format(cmp.Or(r.FormValue("format"), string(evidence.Zip))), Part: r.FormValue("part"), Time: s.config.Now().UTC().Truncate(time.Second)}
	if n.Format == evidence.Mbox {
		n.Part = cmp.Or(n.Part, partMbox)
	}
	parts := []string{""}
	if n.Format == evidence.Mbox {
		parts = []string{partMbox, partEvidence, partBoth}
	}
	switch {
	case !slices.Contains(evidence.Formats, n.Format):
		err = &statusError{http.StatusUnprocessableEntity, "There is no export format " + strconv.Quote(string(n.Format)) + ": choose zip, edrm or mbox.", nil}
	case !slices.Contains(parts, n.Part):
		err = &statusError{http.StatusUnprocessableEntity, "part is mbox, evidence or both, and only of the format mbox.", nil}
	}
	return n, err
}

var errChanged = errors.New("export cannot go on")

// changed is the answer to who wants to go on with something else.
func changed(cause error) error {
	return &statusError{http.StatusPreconditionFailed, "The export cannot go on where it broke off: what was exported is not what is there now. Begin anew.", cause}
}

// resume takes the state of an export that broke off.
func (n frozenExport) resume(token string, notary Notary) (frozenExport, error) {
	note, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return n, changed(err)
	}
	text, err := archive.CheckNote(string(note), notary.PublicKey())
	if err != nil {
		return n, changed(err)
	}
	raw, ours := strings.CutPrefix(text, tokenPrefix)
	var then frozenExport
	if err := json.Unmarshal([]byte(raw), &then); err != nil || !ours || then.Query != n.Query || then.Format != n.Format || then.Part != n.Part {
		return n, changed(errors.Join(errChanged, err))
	}
	return then, nil
}

// token writes it so that resume reads it; "" when it is too long.
func (n frozenExport) token(notary Notary) (string, error) {
	raw, err := json.Marshal(n)
	if err != nil {
		return "", err
	}
	note, err := notary.Sign(tokenPrefix + string(raw) + "\n")
	if err != nil {
		return "", err
	}
	if base64.RawURLEncoding.EncodedLen(len(note)) > maxToken {
		return "", nil // It can be exported, but not in two pieces.
	}
	return base64.RawURLEncoding.EncodeToString([]byte(note)), nil
}

// freeze says which records the query is asked of, and waits until they are
// searchable and proven: what is signed as complete has to be.
func (s *Server) freeze(ctx context.Context, n *frozenExport) error {
	if s.config.Archive.Status().Blind {
		return &statusError{http.StatusServiceUnavailable, "Mail is encrypted and cannot be read on this machine, so nothing can be exported. Export where archive.identity_file is set.", nil}
	}
	ctx, cancel := context.WithTimeout(ctx, exportReady)
	defer cancel()
	n.UpTo, n.Checkpoints = map[archive.Stream]archive.Position{}, map[archive.Stream]string{}
	for _, stream := range s.config.Archive.Streams() {
		if next := s.config.Archive.Next(stream); !stream.Ours() && next > 0 {
			n.UpTo[stream] = next
		}
	}
	flushed := false
	for stream, next := range n.UpTo {
		last := archive.Address{Stream: stream, Position: next - 1}
		if err := s.config.Index.WaitFor(ctx, last); err != nil {
			return &statusError{http.StatusServiceUnavailable, "Not everything that came in is searchable yet, so an export would leave mail out. Try again in a while; the status page tells how far the index is.", err}
		}
		p, err := s.config.Archive.Prove(ctx, last)
		if errors.Is(err, archive.ErrUnproven) && !flushed {
			flushed = true
			if err := s.config.Archive.Flush(ctx); err != nil {
				return &statusError{http.StatusServiceUnavailable, "The newest mail has no proof yet, because the bucket does not take it. Try again when the status page tells that the bucket is back.", err}
			}
			p, err = s.config.Archive.Prove(ctx, last)
		}
		if err == nil {
			n.Checkpoints[stream] = p.Checkpoint
		}
	}
	if err := s.config.Index.Steady(ctx); err != nil {
		return &statusError{http.StatusServiceUnavailable, "Some messages are read once more, because copies of them were removed or came in. Try again in a while; the status page tells how far the index is.", err}
	}
	return nil
}

// apiExport streams all hits of a query. The query is checked before the
// first byte goes out; an error behind that breaks the transfer off, so that
// nobody takes a part for the whole.
func (s *Server) apiExport(w http.ResponseWriter, r *http.Request) error {
	n, err := s.readExport(r)
	if err != nil {
		return err
	}
	token := r.Header.Get(tokenHeader)
	if token != "" {
		if n, err = n.resume(token, s.config.Archive); err != nil {
			return err
		}
	}
	hits, err := s.within(r.Context()).Search(r.Context(), index.Request{Query: n.Query, Limit: 1, Now: n.Time})
	if err != nil {
		return err
	}
	w.Header().Set(totalHeader, strconv.Itoa(hits.Total))
	asExport(w.Header(), n)
	if r.Method == http.MethodHead {
		return s.note(r.Context(), casework.SearchRun, 0, casework.AuditData{Query: n.Query, Total: hits.Total})
	}
	if token == "" {
		if err := s.freeze(r.Context(), &n); err != nil {
			return err
		}
		if token, err = n.token(s.config.Archive); err != nil {
			return err
		}
	}
	w.Header().Set(tokenHeader, token)
	out, err := newRemainder(w, r.Header.Get(haveHeader))
	if err != nil {
		return err
	}
	if err := s.note(r.Context(), casework.ExportMade, 0, casework.AuditData{Query: n.Query, Total: hits.Total, Format: string(n.Format)}); err != nil {
		return err
	}
	return s.export(r.Context(), out, n)
}

// asExport names the file.
func asExport(h http.Header, n frozenExport) {
	kind, name := "application/zip", "polytrace-export.zip"
	switch {
	case n.Part == partEvidence:
		kind, name = "application/jsonl", "polytrace-export.mbox"+evidence.MboxEvidence
	case n.Format == evidence.Mbox:
		kind, name = "application/mbox", "polytrace-export.mbox"
	}
	asDownload(h, kind, name)
}

func (s *Server) export(ctx context.Context, out *remainder, n frozenExport) error {
	messages, err := s.writeExport(ctx, out, n)
	if err == nil {
		err = out.end()
	}
	if err == nil {
		whole := out.seen.File("")
		err = s.note(ctx, casework.ExportMade, 0, casework.AuditData{Query: n.Query, Total: messages, Format: string(n.Format), Bytes: whole.Size, SHA256: whole.SHA256, Finished: true})
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errChanged):
		err = changed(err)
	case ctx.Err() == nil:
		s.config.Log.ErrorContext(ctx, "export broken off", "format", n.Format, "error", err)
	}
	if out.begun {
		panic(http.ErrAbortHandler)
	}
	return err
}

// remainder passes on what a caller has not got yet, provided that what it has
// is what would come before.
type remainder struct {
	w       io.Writer
	have    int64              // Bytes that the caller has.
	seen    *evidence.Measured // All of the export until now.
	sum     archive.Digest
	checked bool
	begun   bool // Something was passed on.
}

// newRemainder reads "BYTES SHA256"; "" is nothing.
func newRemainder(w io.Writer, have string) (*remainder, error) {
	r := &remainder{w: w, seen: evidence.NewMeasured(io.Discard), checked: have == ""}
	if have == "" {
		return r, nil
	}
	length, sum, _ := strings.Cut(have, " ")
	var err1, err2 error
	r.have, err1 = strconv.ParseInt(length, 10, 64)
	r.sum, err2 = archive.ParseDigest(sum)
	if err := errors.Join(err1, err2); err != nil || r.have < 0 {
		return nil, &statusError{http.StatusBadRequest, haveHeader + " is a number of bytes, a blank, and their SHA-256.", err}
	}
	return r, nil
}

func (r *remainder) Write(p []byte) (int, error) {
	if r.checked {
		r.begun = true
		n, err := r.w.Write(p)
		r.seen.Write(p[:n]) // Nothing can fail.
		return n, err
	}
	known := int(min(int64(len(p)), r.have-r.seen.File("").Size))
	r.seen.Write(p[:known])
	if known == len(p) {
		return known, nil
	}
	if err := r.end(); err != nil {
		return known, err
	}
	n, err := r.Write(p[known:])
	return known + n, err
}

// end says that what comes now, or nothing, is behind what the caller has.
func (r *remainder) end() error {
	if r.checked {
		return nil
	}
	r.checked = true
	if f := r.seen.File(""); f.Size != r.have || f.SHA256 != r.sum {
		return fmt.Errorf("%w: its first %d bytes are other ones", errChanged, f.Size)
	}
	return nil
}

// hits yields all hits of a query among the records that a frozen export is of, oldest
// first, page by page. Of a message that came in several copies it yields each.
func (s *Server) hits(ctx context.Context, n frozenExport) iter.Seq2[index.Summary, error] {
	return func(yield func(index.Summary, error) bool) {
		r := index.Request{Query: n.Query, Limit: exportPage, Sort: index.Oldest, Now: n.Time}
		for {
			page, err := s.within(ctx).Search(ctx, r)
			if err != nil {
				yield(index.Summary{}, err)
				return
			}
			for _, item := range page.Items {
				for one, err := range s.copies(ctx, item) {
					if err == nil && one.Address.Position >= n.UpTo[one.Address.Stream] {
						continue
					}
					if !yield(one, err) || err != nil {
						return
					}
				}
			}
			if page.Next == "" {
				return
			}
			r.Cursor = page.Next
		}
	}
}

// copies yields the copies of a message, each with other bytes, in the order they were received.
func (s *Server) copies(ctx context.Context, item index.Summary) iter.Seq2[index.Summary, error] {
	return func(yield func(index.Summary, error) bool) {
		if item.Copies < 2 {
			yield(item, nil)
			return
		}
		doc, err := s.within(ctx).Document(ctx, item.Address)
		if errors.Is(err, archive.ErrGone) || errors.Is(err, archive.ErrNotFound) {
			err = errGoneMeanwhile // Other copies may stay, and would be left out.
		}
		if err != nil {
			yield(item, err)
			return
		}
		known := map[archive.Digest]bool{}
		for _, c := range doc.Seen {
			if known[c.SHA256] {
				continue
			}
			known[c.SHA256] = true
			one := item
			one.Address, one.Received, one.Size, one.SHA256 = c.Address, c.Received, c.Size, c.SHA256
			one.Queue, one.Mailbox = c.Source.Queue, c.Source.Mailbox
			if !yield(one, nil) {
				return
			}
		}
	}
}
