package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/mail"
	"net/url"
	"strconv"
	"sync"

	"polytrace/archive"
	"polytrace/gateway"

	"github.com/dustin/go-humanize"
	"golang.org/x/sync/errgroup"
)

type importVerb struct {
	Paths   []string `arg:"" name:"path" help:"Files and folders; folders are read with all that is in them."`
	Mailbox string   `required:"" help:"Address of the mailbox that the mail belongs to." placeholder:"ADDR"`
	Format  string   `help:"auto, eml, mbox or maildir." default:"auto" enum:"auto,eml,mbox,maildir"`
	Reports bool     `help:"The mailbox holds journal reports of Exchange or Microsoft 365, or bounces of them, and nobody else writes to it: read them as such."`
}

// importing is an import under way.
type importing struct {
	verb importVerb
	call *call
	api  *client

	waits bool // What is added waits for a server.

	mu       sync.Mutex
	outcomes map[string]int64 // guarded by mu
	problems int64
}

const importers = 8 // Messages that are sent at the same time.

// Run takes the mailboxes in. When it is stopped, what was taken in stays, and
// a second run goes on: it adds nothing twice.
func (v importVerb) Run(c *call) error {
	if _, err := mail.ParseAddress(v.Mailbox); err != nil {
		return fmt.Errorf("%w: --mailbox %q is not an address like support@example.net", errUsage, v.Mailbox)
	}
	_, size, err := gateway.MailboxSize(c.ctx, v.Paths)
	if err != nil {
		return err
	}
	i := &importing{verb: v, call: c, outcomes: map[string]int64{}}
	err = c.using(func(api *client) error {
		i.api, i.waits = api, api.alone && c.settings.archive.acknowledge == archive.OnDisk
		return i.run(size)
	})
	i.report()
	if i.outcomes["added"] > 0 && i.waits {
		fmt.Fprintln(c.err, "They are on the local disk. The server puts them into the bucket: start it with polytrace serve.")
	}
	switch {
	case c.ctx.Err() != nil:
		return errors.New("import stopped; what was taken in is safe. Run the same command again to go on: nothing is added twice")
	case err != nil:
		return fmt.Errorf("import stopped: %w; what was taken in before is safe, and a second run goes on", err)
	case i.outcomes["added"]+i.outcomes["sighted"]+i.outcomes["skipped"] == 0:
		return errors.New("import: no message was found")
	}
	return nil
}

func (i *importing) run(size int64) error {
	p := newProgress(i.call, "importing", "B")
	defer p.end()
	g, ctx := errgroup.WithContext(i.call.ctx)
	g.SetLimit(importers)
	for m, err := range gateway.ReadMailbox(ctx, i.verb.Paths, gateway.MailboxFormat(i.verb.Format)) {
		if err != nil {
			return errors.Join(err, g.Wait())
		}
		p.set(m.Read, size)
		if m.Problem != "" {
			i.problem(m, m.Problem)
			continue
		}
		if m.Body.Size() > importInMemory {
			if err := i.send(ctx, m, m.Body.Size(), io.NewSectionReader(m.Body, 0, m.Body.Size())); err != nil {
				return errors.Join(err, g.Wait())
			}
			continue
		}
		// The body is only valid until the next one is asked for.
		raw := make([]byte, m.Body.Size())
		if _, err := m.Body.ReadAt(raw, 0); err != nil && !errors.Is(err, io.EOF) {
			i.problem(m, "cannot be read: "+err.Error())
			continue
		}
		g.Go(func() error { return i.send(ctx, m, int64(len(raw)), newReader(raw)) })
		if ctx.Err() != nil {
			break
		}
	}
	p.set(size, size)
	return g.Wait()
}

const importInMemory = 4 << 20 // Larger messages are sent one at a time, from their file.

// send takes one message in.
func (i *importing) send(ctx context.Context, m gateway.Found, size int64, body io.Reader) error {
	q := url.Values{"mailbox": {i.verb.Mailbox}, "import": {m.Path}, "offset": {strconv.FormatInt(m.Offset, 10)}}
	if i.verb.Reports {
		q.Set("reports", "true")
	}
	resp, err := i.api.send(ctx, http.MethodPost, "/import", q, body, size)
	var refused *apiError
	if errors.As(err, &refused) && refused.status == http.StatusUnprocessableEntity {
		i.problem(m, refused.Error())
		return nil
	}
	if err != nil {
		return err
	}
	outcome, err := outcomeOf(resp)
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.outcomes[outcome]++
	return nil
}

func (i *importing) problem(m gateway.Found, what string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.problems++
	fmt.Fprintf(i.call.err, "%s: %s\n", placeOf(m.Path, m.Offset), what)
}

// placeOf says where a message is, for people.
func placeOf(path string, offset int64) string {
	if offset > 0 {
		return fmt.Sprintf("%s at byte %d", path, offset)
	}
	return path
}

// report says what became of everything.
func (i *importing) report() {
	i.mu.Lock()
	defer i.mu.Unlock()
	n := func(outcome string) string { return humanize.Comma(i.outcomes[outcome]) }
	fmt.Fprintf(i.call.out, "%s added, %s known already and noted for this mailbox, %s imported before, %s left out\n", n("added"), n("sighted"), n("skipped"), humanize.Comma(i.problems))
}
