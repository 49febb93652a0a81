package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/smtp"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/index"
	"polytrace/message"
)

type demoVerb struct {
	Keep string `help:"Keep the data in a new directory instead of deleting it at the end." placeholder:"DIR"`
}

// demo is the sample company while it is set up and shown.
type demo struct {
	*call
	keep   bool
	server *server
	share  string // Link for a guest.
}

const demoDomain = "journal.northwind.example"

// Run shows the product with the mail of a sample company, which it sends to
// itself through its real SMTP port.
func (v demoVerb) Run(c *call) error {
	dir, clean, err := v.scratch()
	if err != nil {
		return err
	}
	d := &demo{call: c, keep: v.Keep != ""}
	return errors.Join(d.run(dir), clean())
}

func (v demoVerb) scratch() (dir string, clean func() error, err error) {
	if v.Keep == "" {
		dir, err = os.MkdirTemp("", "polytrace-demo-")
		return dir, func() error { return os.RemoveAll(dir) }, err
	}
	if err := os.Mkdir(v.Keep, 0o700); err != nil {
		return "", nil, fmt.Errorf("demo: %w; name a directory that does not exist yet", err)
	}
	return v.Keep, func() error { return nil }, nil
}

func (d *demo) run(dir string) error {
	s, _, err := loadSettings("", nil, dir)
	if err != nil {
		return err
	}
	s.http.company, s.smtp.domain = "Northwind Support", demoDomain
	s.evidence.check = false             // Its mail is made up: there is nobody to ask about it.
	s.archive.packAge = 10 * time.Second // So that packs can be watched on their way to the bucket.
	a, err := openApp(d.ctx, s, dir, slog.New(slog.NewTextHandler(d.err, &slog.HandlerOptions{Level: slog.LevelError})))
	if err != nil {
		return err
	}
	if d.server, err = newServer(a, listenNear); err != nil {
		return errors.Join(err, a.Close())
	}
	ctx, stop := context.WithCancelCause(d.ctx)
	defer stop(nil)
	played := make(chan error, 1)
	d.server.ready = func() {
		go func() {
			err := d.play(ctx)
			if err != nil {
				stop(err)
			}
			played <- err
		}()
	}
	err = d.server.run(ctx)
	if failed := <-played; failed != nil && d.ctx.Err() == nil {
		err = errors.Join(failed, err)
	}
	return errors.Join(err, a.Close())
}

// listenNear listens at an address, or where that is taken at one with another
// port.
func listenNear(address string) (net.Listener, error) {
	if l, err := listenAt(address); err == nil {
		return l, nil
	}
	return listenAt("127.0.0.1:0")
}

// play sets the company up, sends its mail, works on its cases and tells where
// to look.
func (d *demo) play(ctx context.Context) error {
	if err := d.setUp(ctx); err != nil {
		return fmt.Errorf("set up the sample company: %w", err)
	}
	if err := d.sendAll(ctx, sampleMail(time.Now())); err != nil {
		return fmt.Errorf("send the sample company's mail: %w", err)
	}
	p := newProgress(d.call, "indexing", "messages")
	at := archive.Address{Stream: archive.Mail, Position: d.server.archive.Next(archive.Mail) - 1}
	if err := d.server.reach(ctx, d.server.index.Load(), at, func(st index.Status) { p.set(st.Records, st.Records+st.Lag) }); err != nil {
		return err
	}
	p.end()
	for _, c := range sampleCases() {
		if err := d.work(ctx, c); err != nil {
			return fmt.Errorf("work on the case %q: %w", c.Title, err)
		}
	}
	d.tell()
	return nil
}

func (d *demo) setUp(ctx context.Context) error {
	do := func(c casework.Command) error {
		_, err := d.server.desk.Do(ctx, casework.System, c)
		return err
	}
	err := errors.Join(
		do(casework.AddUser{Name: "kim", FullName: "Kim Berg", Roles: []casework.Role{casework.Specialist}}),
		do(casework.AddUser{Name: "marta", FullName: "Marta Olsen", Roles: []casework.Role{casework.Manager, casework.Admin}}))
	for name, format := range map[string]string{"exchange": message.FormatExchange, "postfix": message.FormatPostfix} {
		local, random := casework.NewQueueLocal(name, rand.Reader)
		err = errors.Join(err, random, do(casework.AddQueue{Name: name, Local: local, Format: format}))
	}
	day := time.Now().Truncate(24 * time.Hour)
	for _, c := range sampleAccounts(day) {
		if err == nil {
			_, err = d.server.desk.Do(ctx, "kim", c)
		}
	}
	return err
}

// sendAll sends the mail over SMTP with STARTTLS, one session for each mail server.
func (d *demo) sendAll(ctx context.Context, all []sampleMessage) error {
	locals := map[string]string{}
	d.server.desk.Read(func(s *casework.State) {
		for _, q := range s.Queues() {
			locals[q.Name] = q.Local
		}
	})
	sessions := map[string]*smtp.Client{}
	p := newProgress(d.call, "sending mail", "messages")
	for i, m := range all {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		session := sessions[m.Queue]
		if session == nil {
			var err error
			if session, err = d.dial(m.Queue); err != nil {
				return err
			}
			defer session.Close()
			sessions[m.Queue] = session
		}
		if err := send(session, m, locals[m.Queue]); err != nil {
			return fmt.Errorf("message %d: %w", i, err)
		}
		p.set(int64(i+1), int64(len(all)))
	}
	p.end()
	for _, session := range sessions {
		if err := session.Quit(); err != nil {
			return err
		}
	}
	return nil
}

// dial begins a session as a mail server of the sample company would.
func (d *demo) dial(queue string) (*smtp.Client, error) {
	c, err := smtp.Dial(d.server.smtp.Addr().String())
	if err != nil {
		return nil, err
	}
	// The certificate was made a moment ago, by this process.
	err = errors.Join(c.Hello(queue+".northwind.example"), c.StartTLS(&tls.Config{InsecureSkipVerify: true}))
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// send sends one message. Its recipients name the queue where the address has
// the queue's secret local part.
func send(c *smtp.Client, m sampleMessage, local string) error {
	if err := c.Mail(m.From); err != nil {
		return err
	}
	for _, to := range m.To {
		if err := c.Rcpt(local + strings.TrimPrefix(to, m.Queue) + "@" + demoDomain); err != nil {
			return err
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	_, err = w.Write(m.Raw)
	return errors.Join(err, w.Close())
}

// as is the API as a person of the sample company uses it.
func (d *demo) as(ctx context.Context, user string) (*client, error) {
	address := d.server.web.Addr().String()
	c := newClient(func(ctx context.Context) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "tcp", address)
	}, nil)
	var err error
	if c.http.Jar, err = cookiejar.New(nil); err != nil {
		return nil, err
	}
	link, err := url.Parse(d.server.app.web.Load().SignInLink(user))
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://polytrace"+link.Path, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	return c, resp.Body.Close()
}

// work plays what people decided about a case.
func (d *demo) work(ctx context.Context, c sampleCase) error {
	api, err := d.as(ctx, cmp.Or(c.Owner, "marta"))
	if err != nil {
		return err
	}
	defer api.close()
	var opened casework.Case
	in := map[string]any{"title": c.Title, "account": c.Account, "severity": c.Severity, "owner": c.Owner}
	if err := api.do(ctx, http.MethodPost, "/cases", nil, in, &opened); err != nil {
		return err
	}
	path := "/cases/" + strconv.Itoa(opened.Number)
	citations, err := d.cite(ctx, api, path, c)
	if err != nil {
		return err
	}
	var notes []int
	for _, n := range c.Notes {
		in := map[string]any{"text": n.Text, "cites": pick(citations, n.Cites)}
		if err := api.do(ctx, http.MethodPost, path+"/notes", nil, in, &opened); err != nil {
			return err
		}
		notes = append(notes, opened.Notes[len(opened.Notes)-1].ID)
	}
	for _, x := range c.Statements {
		if err := state(ctx, api, path, x, citations); err != nil {
			return err
		}
	}
	if c.Status != "" && c.Status != opened.Status {
		if err := api.do(ctx, http.MethodPatch, path, nil, map[string]any{"status": c.Status}, nil); err != nil {
			return err
		}
	}
	if c.Share == nil {
		return nil
	}
	var shared struct{ URL string }
	in = map[string]any{"title": c.Share.Title, "citations": pick(citations, c.Share.Citations), "notes": pick(notes, c.Share.Notes),
		"whole_messages": c.Share.Whole, "expires": time.Now().AddDate(0, 0, c.Share.Days)}
	err = api.do(ctx, http.MethodPost, path+"/shares", nil, in, &shared)
	d.share = shared.URL
	return err
}

// state makes a statement about a case.
func state(ctx context.Context, api *client, path string, x sampleStatement, citations []int) error {
	in, method := maps.Clone(x.In), http.MethodPost
	in["cites"] = pick(citations, x.Cites)
	day := func(n int) time.Time { return sampleFriday(time.Now()).AddDate(0, 0, n) }
	if x.Due != nil {
		name := "due"
		if x.Kind == "keydates" {
			name = "when"
		}
		in[name] = casework.When{From: day(*x.Due), To: day(*x.Due + 1), Grain: "day"}
	}
	if x.Ended != nil {
		in["when"] = day(*x.Ended).Add(14 * time.Hour)
	}
	kind, _, changes := strings.Cut(x.Kind, "/")
	if kind == "issues" || kind == "handoffs" || kind == "questions" { // They rest on nothing themselves.
		delete(in, "cites")
	}
	if kind == "issues" && changes {
		method = http.MethodPatch
	}
	return api.do(ctx, method, path+"/"+x.Kind, nil, in, nil)
}

// cite cites what a case rests on and returns the IDs in that order.
func (d *demo) cite(ctx context.Context, api *client, path string, c sampleCase) (ids []int, err error) {
	for _, x := range c.Citations {
		var found searchPage
		if err := api.get(ctx, "/search", url.Values{"q": {"id:" + x.MessageID}, "limit": {"1"}}, &found); err != nil {
			return nil, err
		}
		if len(found.Items) == 0 {
			return nil, fmt.Errorf("there is no message %s", x.MessageID)
		}
		var now casework.Case
		in := map[string]any{"record": found.Items[0].Address, "quote": x.Quote, "comment": x.Comment}
		if err := api.do(ctx, http.MethodPost, path+"/citations", nil, in, &now); err != nil {
			return nil, err
		}
		ids = append(ids, slices.MaxFunc(now.Citations, func(a, b casework.Citation) int { return cmp.Compare(a.ID, b.ID) }).ID)
	}
	return ids, nil
}

func pick(ids, indexes []int) []int {
	out := []int{}
	for _, i := range indexes {
		out = append(out, ids[i])
	}
	return out
}

// tell says where to look.
func (d *demo) tell() {
	var postfix string
	d.server.desk.Read(func(s *casework.State) {
		for _, q := range s.Queues() {
			if q.Name == "postfix" {
				postfix = q.Local + "@" + demoDomain
			}
		}
	})
	fmt.Fprintf(d.out, `
Polytrace shows a sample company, Northwind Support, with %d messages and %d cases.

  Open            %s
  as a guest      %s
  send mail       swaks --server %s --to %s --from you@example.net
  search here     polytrace search firmware --data %s

The first link signs you in once. Everything is deleted when you press Ctrl-C%s.
`, d.server.archive.Next(archive.Mail), len(sampleCases()), d.server.app.web.Load().SignInLink("marta"), d.share, d.server.smtp.Addr(), postfix, absolute(d.server.dir), d.kept())
}

func (d *demo) kept() string {
	if d.keep {
		return ", but the data directory"
	}
	return ""
}

func absolute(dir string) string {
	if path, err := filepath.Abs(dir); err == nil {
		return path
	}
	return dir
}
