package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"polytrace/gateway"
	"polytrace/message"
	"polytrace/webui"

	"github.com/dustin/go-humanize"
	"golang.org/x/sync/errgroup"
)

type reconcileVerb struct {
	Paths  []string  `arg:"" optional:"" name:"path" help:"Files and folders of a mailbox; folders are read with all that is in them."`
	Format string    `help:"auto, eml, mbox or maildir." default:"auto" enum:"auto,eml,mbox,maildir"`
	Since  time.Time `help:"Leave out what was sent before, e.g. before journaling began." format:"2006-01-02" placeholder:"DATE"`
	Trace  string    `help:"Compare what a mail server says it has sent instead: a message trace of Exchange or Microsoft 365, or a log search of Google, saved as CSV." placeholder:"FILE"`
	JSON   bool      `help:"One JSON object a line for each message that is missing."`
}

// reconciling is a comparison under way.
type reconciling struct {
	verb reconcileVerb
	call *call
	api  *client

	mu       sync.Mutex
	found    int64     // guarded by mu
	older    int64     // guarded by mu
	missing  int64     // guarded by mu
	problems int64     // guarded by mu
	complete time.Time // The archive was searched up to here; guarded by mu.
}

// lacking is a message that the archive does not have.
type lacking struct {
	Path      string    `json:"path"`
	Offset    int64     `json:"offset,omitempty"` // In an mbox file.
	Date      time.Time `json:"date,omitzero"`
	From      string    `json:"from,omitempty"`
	Subject   string    `json:"subject,omitempty"`
	MessageID string    `json:"message_id,omitempty"`
	SHA256    string    `json:"sha256"`
}

// Run lists what a mailbox has and the archive has not. It fails when there is
// anything. Nothing is taken in.
func (v reconcileVerb) Run(c *call) error {
	switch {
	case (v.Trace == "") == (len(v.Paths) == 0):
		return fmt.Errorf("%w: name files and folders of a mailbox, or a message trace with --trace", errUsage)
	case v.Trace != "":
		return v.compareTrace(c)
	}
	_, size, err := gateway.MailboxSize(c.ctx, v.Paths)
	if err != nil {
		return err
	}
	r := &reconciling{verb: v, call: c}
	err = c.reading(func(api *client) error {
		r.api = api
		return r.run(size)
	})
	if err != nil {
		return fmt.Errorf("reconcile: %w", err)
	}
	fmt.Fprintf(c.err, "%s in the archive, %s missing, %s sent before --since, %s could not be read; the archive is %s\n",
		humanize.Comma(r.found), humanize.Comma(r.missing), humanize.Comma(r.older), humanize.Comma(r.problems), completeTo(r.complete))
	switch {
	case r.missing > 0:
		return errors.New("reconcile: the archive lacks mail of this mailbox; polytrace import takes it in, and the journal rule or connector of its mail server wants looking after")
	case r.found+r.older == 0:
		return errors.New("reconcile: no message was found")
	}
	return nil
}

func (r *reconciling) run(size int64) error {
	p := newProgress(r.call, "comparing", "B")
	defer p.end()
	g, ctx := errgroup.WithContext(r.call.ctx)
	g.SetLimit(importers)
	for m, err := range gateway.ReadMailbox(ctx, r.verb.Paths, gateway.MailboxFormat(r.verb.Format)) {
		if err != nil {
			return errors.Join(err, g.Wait())
		}
		p.set(m.Read, size)
		one, err := r.read(m)
		if err != nil {
			r.problem(m, err.Error())
			continue
		}
		g.Go(func() error { return r.compare(one) })
		if ctx.Err() != nil {
			break
		}
	}
	p.set(size, size)
	return g.Wait()
}

const headBytes = 1 << 20 // In which the header of a message is looked for.

// read takes from a message what it is known by. Its body is only valid until
// the next one is asked for.
func (r *reconciling) read(m gateway.Found) (lacking, error) {
	if m.Problem != "" {
		return lacking{}, errors.New(m.Problem)
	}
	size := m.Body.Size()
	head := make([]byte, min(size, headBytes))
	if _, err := m.Body.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return lacking{}, fmt.Errorf("cannot be read: %w", err)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(m.Body, 0, size)); err != nil {
		return lacking{}, fmt.Errorf("cannot be read: %w", err)
	}
	parsed := message.Parse(head)
	one := lacking{Path: m.Path, Offset: m.Offset, Date: parsed.Date, Subject: parsed.Subject, MessageID: parsed.MessageID, SHA256: hex.EncodeToString(sum.Sum(nil))}
	if len(parsed.From) > 0 {
		one.From = parsed.From[0].Address
	}
	return one, nil
}

// compare looks for a message by its Message-ID, because mail servers add
// fields on the way into a mailbox; without one by its bytes.
func (r *reconciling) compare(one lacking) error {
	if !one.Date.IsZero() && one.Date.Before(r.verb.Since) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.older++
		return nil
	}
	query := "sha256:" + one.SHA256
	if one.MessageID != "" && !strings.ContainsAny(one.MessageID, "\"*\\") {
		query = `id:"` + one.MessageID + `" OR ` + query
	}
	var page searchPage
	if err := r.api.get(r.call.ctx, "/search", url.Values{"q": {query}, "limit": {"1"}}, &page); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.complete.IsZero() || page.CompleteTo.Before(r.complete) {
		r.complete = page.CompleteTo
	}
	if page.Total > 0 {
		r.found++
		return nil
	}
	r.missing++
	return r.print(one)
}

func (r *reconciling) print(one lacking) error {
	if r.verb.JSON {
		return json.NewEncoder(r.call.out).Encode(one)
	}
	date := "no date"
	if !one.Date.IsZero() {
		date = one.Date.Local().Format(time.DateTime)
	}
	_, err := fmt.Fprintf(r.call.out, "missing: %s, %s, %s, %s\n", printable(placeOf(one.Path, one.Offset)), date, printable(one.From), printable(one.Subject))
	return err
}

func (r *reconciling) problem(m gateway.Found, what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.problems++
	fmt.Fprintf(r.call.err, "%s: %s\n", placeOf(m.Path, m.Offset), what)
}

// compareTrace lists what a mail server says it has sent and the archive lacks.
func (v reconcileVerb) compareTrace(c *call) error {
	f, err := os.Open(v.Trace)
	if err != nil {
		return fmt.Errorf("reconcile: %w", err)
	}
	defer f.Close()
	var answer struct {
		Found      int64          `json:"found"`
		Missing    []webui.Traced `json:"missing"`
		CompleteTo time.Time      `json:"complete_to"`
	}
	err = c.reading(func(api *client) error {
		resp, err := api.send(c.ctx, http.MethodPost, "/reconcile", nil, f, -1)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		return json.NewDecoder(resp.Body).Decode(&answer)
	})
	if err != nil {
		return fmt.Errorf("reconcile: %s: %w", v.Trace, err)
	}
	missing := int64(0)
	for _, one := range answer.Missing {
		if !one.Date.IsZero() && one.Date.Before(v.Since) {
			continue
		}
		missing++
		if err := v.printTraced(c, one); err != nil {
			return err
		}
	}
	fmt.Fprintf(c.err, "%s in the archive, %s missing, %s sent before --since; the archive is %s\n", humanize.Comma(answer.Found), humanize.Comma(missing), humanize.Comma(int64(len(answer.Missing))-missing), completeTo(answer.CompleteTo))
	if missing > 0 {
		return errors.New("reconcile: the archive lacks mail that the mail server has sent; its journal rule or connector wants looking after, and polytrace import takes in what mailboxes still have")
	}
	return nil
}

func (v reconcileVerb) printTraced(c *call, one webui.Traced) error {
	if v.JSON {
		return json.NewEncoder(c.out).Encode(one)
	}
	date := "no date"
	if !one.Date.IsZero() {
		date = one.Date.Local().Format(time.DateTime)
	}
	_, err := fmt.Fprintf(c.out, "missing: line %d, %s, %s to %s, %s, <%s>\n", one.Line, date, printable(one.From), printable(one.To), printable(one.Subject), printable(one.MessageID))
	return err
}
