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
	now := time.Now()
	all := sampleMail(now)
	record, intake := without(all, sampleIntake), without(all, "exchange", "postfix")
	if err := d.sendAll(ctx, record); err != nil {
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
	if err := d.sendAll(ctx, intake); err != nil {
		return fmt.Errorf("send to the support mailbox: %w", err)
	}
	if err := d.triage(ctx, sampleRequests(now)); err != nil {
		return fmt.Errorf("work on the requests: %w", err)
	}
	if err := d.alert(ctx); err != nil {
		return err
	}
	d.tell()
	return nil
}

// without leaves out the mail of some queues.
func without(all []sampleMessage, queues ...string) []sampleMessage {
	return slices.DeleteFunc(slices.Clone(all), func(m sampleMessage) bool { return slices.Contains(queues, m.Queue) })
}

func (d *demo) setUp(ctx context.Context) error {
	steps := samplePeople()
	for _, q := range sampleQueues {
		local, err := casework.NewQueueLocal(q.Name, rand.Reader)
		if err != nil {
			return err
		}
		steps = append(steps, sampleStep{casework.System, casework.AddQueue{Name: q.Name, Local: local, Format: q.Format}})
	}
	day := time.Now().Truncate(24 * time.Hour)
	for _, c := range sampleAccounts(day) {
		steps = append(steps, sampleStep{"kim", c})
	}
	return d.decide(ctx, append(steps, sampleDesk(day)...))
}

// decide carries out what people decide, in order.
func (d *demo) decide(ctx context.Context, steps []sampleStep) error {
	for _, s := range steps {
		if _, err := d.server.desk.Do(ctx, s.Actor, s.Do); err != nil {
			return fmt.Errorf("%T of %s: %w", s.Do, s.Actor, err)
		}
	}
	return nil
}

// alert raises what the watch for alerts would raise in its next round.
func (d *demo) alert(ctx context.Context) error {
	var c casework.RaiseAlerts
	d.server.desk.Read(func(s *casework.State) { c.Drafts, c.Upto = s.DueAlerts(time.Now()) })
	return d.decide(ctx, []sampleStep{{casework.System, c}})
}

// triage waits until the mail of the support mailbox has become requests, and plays what people decide about these.
func (d *demo) triage(ctx context.Context, requests []sampleRequest) error {
	numbers, err := d.routed(ctx, len(requests))
	if err != nil {
		return err
	}
	for _, r := range requests {
		n, ok := numbers[r.Title]
		if !ok {
			return fmt.Errorf("no request is called %q", r.Title)
		}
		if r.Steps != nil {
			if err := d.decide(ctx, r.Steps(n)); err != nil {
				return err
			}
		}
		if err := d.pin(ctx, n, r.Pins); err != nil {
			return err
		}
	}
	return nil
}

// routed waits until there are so many requests, and returns their numbers by their titles.
func (d *demo) routed(ctx context.Context, want int) (map[string]int, error) {
	p := newProgress(d.call, "routing", "messages")
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(time.Minute); ; {
		numbers := map[string]int{}
		d.server.desk.Read(func(s *casework.State) {
			for _, c := range s.Overview() {
				if c.Kind == casework.Request {
					numbers[c.Title] = c.Number
				}
			}
		})
		p.set(int64(len(numbers)), int64(want))
		if len(numbers) >= want {
			p.end()
			return numbers, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-late:
			return nil, fmt.Errorf("only %d of %d messages have become requests in a minute", len(numbers), want)
		case <-tick.C:
		}
	}
}

// pin makes attached files of the mail of a case its evidence.
func (d *demo) pin(ctx context.Context, number int, pins []samplePin) error {
	for _, x := range pins {
		api, err := d.as(ctx, x.Actor)
		if err != nil {
			return err
		}
		defer api.close()
		path := "/cases/" + strconv.Itoa(number)
		var mail struct {
			Mail []struct{ Record archive.Address }
		}
		if err := api.get(ctx, path+"/mail", nil, &mail); err != nil {
			return err
		}
		found := false
		for _, m := range mail.Mail {
			var of struct {
				Message struct {
					Attachments []struct {
						N        int
						Filename string
					}
				}
			}
			if err := api.get(ctx, "/records/"+m.Record.String(), nil, &of); err != nil {
				return err
			}
			for _, a := range of.Message.Attachments {
				if a.Filename == x.File && !found {
					found = true
					if err := api.do(ctx, http.MethodPost, path+"/files", nil, map[string]any{"record": m.Record, "part": a.N, "reason": x.Reason}, nil); err != nil {
						return err
					}
				}
			}
		}
		if !found {
			return fmt.Errorf("no message of C-%d has the file %q", number, x.File)
		}
	}
	return nil
}

// confirm says that a value that the extract sampleFirmware finds in the mail of a case is right.
func (d *demo) confirm(ctx context.Context, api *client, path, value string) error {
	var found struct {
		Details []struct {
			Extract, Value string
			Record         archive.Address
			Where          casework.Where
			Part, Start    int
			File           string
		}
	}
	if err := api.get(ctx, path+"/details", nil, &found); err != nil {
		return err
	}
	for _, x := range found.Details {
		if x.Extract == sampleFirmware && x.Value == value {
			place := map[string]any{"record": x.Record, "where": x.Where, "part": x.Part, "file": x.File, "start": x.Start}
			return api.do(ctx, http.MethodPost, path+"/details", nil, map[string]any{"extract": sampleFirmware, "place": place, "status": casework.ExtractConfirmed}, nil)
		}
	}
	return fmt.Errorf("the extract %s does not find %s in the mail of %s", sampleFirmware, value, path)
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
	in := map[string]any{"title": c.Title, "account": c.Account, "severity": c.Severity, "owner": c.Owner, "team": c.Team}
	if err := api.do(ctx, http.MethodPost, "/cases", nil, in, &opened); err != nil {
		return err
	}
	if err := d.alert(ctx); err != nil { // The watch for alerts begins with the first case.
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
	for _, id := range c.NoAnswer {
		at, err := find(ctx, api, id)
		if err != nil {
			return err
		}
		if err := api.do(ctx, http.MethodPut, "/records/"+at.String()+"/mark", nil, map[string]any{"answer_needed": false, "reason": "It only tells."}, nil); err != nil {
			return err
		}
	}
	if c.Status != "" && c.Status != opened.Status {
		if err := api.do(ctx, http.MethodPatch, path, nil, map[string]any{"status": c.Status}, nil); err != nil {
			return err
		}
	}
	if err := d.pin(ctx, opened.Number, c.Pins); err != nil {
		return err
	}
	if c.Confirmed != "" {
		if err := d.confirm(ctx, api, path, c.Confirmed); err != nil {
			return err
		}
	}
	if c.Steps != nil {
		if err := d.decide(ctx, c.Steps(opened.Number)); err != nil {
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
		at, err := find(ctx, api, x.MessageID)
		if err != nil {
			return nil, err
		}
		var now casework.Case
		in := map[string]any{"record": at, "quote": x.Quote, "comment": x.Comment}
		if err := api.do(ctx, http.MethodPost, path+"/citations", nil, in, &now); err != nil {
			return nil, err
		}
		ids = append(ids, slices.MaxFunc(now.Citations, func(a, b casework.Citation) int { return cmp.Compare(a.ID, b.ID) }).ID)
	}
	return ids, nil
}

// find is where a message is, by its Message-ID.
func find(ctx context.Context, api *client, messageID string) (archive.Address, error) {
	var found searchPage
	if err := api.get(ctx, "/search", url.Values{"q": {"id:" + messageID}, "limit": {"1"}}, &found); err != nil {
		return archive.Address{}, err
	}
	if len(found.Items) == 0 {
		return archive.Address{}, fmt.Errorf("there is no message %s", messageID)
	}
	return found.Items[0].Address, nil
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
	var cases int
	d.server.desk.Read(func(s *casework.State) {
		cases = len(s.Overview())
		for _, q := range s.Queues() {
			if q.Name == "postfix" {
				postfix = q.Local + "@" + demoDomain
			}
		}
	})
	fmt.Fprintf(d.out, `
Polytrace shows a sample company, Northwind Support, with %d messages and %d cases,
%d of them requests that came by mail.

  Open            %s
  as a guest      %s
  send mail       swaks --server %s --to %s --from you@example.net
  search here     polytrace search firmware --data %s

The first link signs you in once. Everything is deleted when you press Ctrl-C%s.
`, d.server.archive.Next(archive.Mail), cases, cases-len(sampleCases()), d.here(d.server.app.web.Load().SignInLink("marta")), d.here(d.share), d.server.smtp.Addr(), postfix, absolute(d.server.dir), d.kept())
}

// here is a link at the address where the demo listens, which is another one when that of the settings was taken.
func (d *demo) here(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return link
	}
	u.Host = d.server.web.Addr().String()
	return u.String()
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
