package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"

	"polytrace/archive"
	"polytrace/archive/dirstore"
)

// taken is a message that a next hop has.
type taken struct {
	from string
	to   []string
	raw  string
	mail smtp.MailOptions
	tls  bool
}

// nextHop is a mail server that does what a test says.
type nextHop struct {
	t       testing.TB
	address string
	stop    func()

	mu    sync.Mutex
	got   []taken
	rcpt  func(to string) error    // What it says to a recipient; nil: takes it.
	data  func(c *smtp.Conn) error // What it says to a message; nil: takes it.
	calls int                      // Sessions.
}

// startHop starts one on a port of the system's choice.
func startHop(t testing.TB, change func(*smtp.Server)) *nextHop {
	t.Helper()
	h := &nextHop{t: t, address: "127.0.0.1:0"}
	h.start(change)
	return h
}

// start starts it, or starts it again where it was.
func (h *nextHop) start(change func(*smtp.Server)) {
	h.t.Helper()
	engine := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		h.set(func() { h.calls++ })
		return &hopSession{hop: h, conn: c}, nil
	}))
	engine.Domain, engine.EnableSMTPUTF8, engine.EnableDSN = "hop.example", true, true
	engine.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	if change != nil {
		change(engine)
	}
	l, err := net.Listen("tcp", h.address)
	if err != nil {
		h.t.Fatal(err)
	}
	h.address = l.Addr().String()
	ended := make(chan struct{})
	go func() {
		engine.Serve(l)
		close(ended)
	}()
	h.stop = func() {
		engine.Close()
		l.Close() // The engine closes it when it has begun to serve.
		<-ended
	}
	h.t.Cleanup(h.stop)
}

func (h *nextHop) set(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}

func (h *nextHop) all() []taken {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.got)
}

func (h *nextHop) sessions() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.calls
}

type hopSession struct {
	hop  *nextHop
	conn *smtp.Conn
	now  taken
}

func (s *hopSession) Mail(from string, o *smtp.MailOptions) error {
	_, secured := s.conn.TLSConnectionState()
	s.now = taken{from: from, mail: *o, tls: secured}
	return nil
}

func (s *hopSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.hop.mu.Lock()
	says := s.hop.rcpt
	s.hop.mu.Unlock()
	if says != nil {
		if err := says(to); err != nil {
			return err
		}
	}
	s.now.to = append(s.now.to, to)
	return nil
}

func (s *hopSession) Data(r io.Reader) error {
	s.hop.mu.Lock()
	says := s.hop.data
	s.hop.mu.Unlock()
	if _, err := r.Read(make([]byte, 1)); err != nil { // Of our own field, which is long.
		return err
	}
	if says != nil {
		if err := says(s.conn); err != nil {
			return err
		}
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.now.raw = "R" + string(raw)
	s.hop.set(func() { s.hop.got = append(s.hop.got, s.now) })
	return nil
}

func (s *hopSession) Reset()        {}
func (s *hopSession) Logout() error { return nil }

func says(code int, text string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 0, 0}, Message: text}
}

// office is an archive with a relay and a clock.
type office struct {
	t       testing.TB
	archive *archive.Archive
	relay   *Relay
	stop    func()

	markless bool // Marks get lost, as in a crash.

	mu    sync.Mutex
	clock time.Time
	hops  map[string]Hop
}

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// newOffice has one queue, support, with this next hop.
func newOffice(t testing.TB, hop string) *office {
	t.Helper()
	dir := t.TempDir()
	store, err := dirstore.Open(filepath.Join(dir, "bucket"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := archive.Open(t.Context(), filepath.Join(dir, "archive"), archive.Config{Store: store, Reserve: 1})
	if err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, archive: a, clock: noon, stop: func() {}, hops: map[string]Hop{}}
	if hop != "" {
		o.hops["support"] = Hop{hop, noon}
	}
	t.Cleanup(func() {
		o.stop()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return o
}

func (o *office) now() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.clock
}

func (o *office) pass(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.clock = o.clock.Add(d)
}

func (o *office) setHop(queue string, h Hop) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.hops[queue] = h; h.Address == "" {
		delete(o.hops, queue)
	}
}

// run starts a relay on the archive, which knows what is there and nothing else.
func (o *office) run() {
	o.t.Helper()
	r, err := NewRelay(RelayConfig{Hostname: "journal.example.net", Every: time.Millisecond, Patience: 300 * time.Millisecond, Hops: func() map[string]Hop {
		o.mu.Lock()
		defer o.mu.Unlock()
		return maps.Clone(o.hops)
	}}, markKeeper{o.archive, o.markless})
	if err != nil {
		o.t.Fatal(err)
	}
	r.now = o.now
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	o.relay = r
	o.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			o.t.Error(err)
		}
		o.stop = func() {}
	}
}

// markKeeper is an archive that may lose marks.
type markKeeper struct {
	*archive.Archive
	markless bool
}

func (f markKeeper) Append(ctx context.Context, s archive.Stream, m archive.Meta, b archive.Body) (archive.Meta, error) {
	if f.markless && s == archive.Facts {
		raw, err := io.ReadAll(io.NewSectionReader(b, 0, b.Size()))
		if err != nil || strings.Contains(string(raw), `"relay.mark"`) {
			return m, err
		}
	}
	return f.Archive.Append(ctx, s, m, b)
}

// mail adds a message as the gateway does.
func (o *office) mail(body string, e archive.Envelope) archive.Address {
	o.t.Helper()
	return o.mailTo("support", body, e)
}

func (o *office) mailTo(queue, body string, e archive.Envelope) archive.Address {
	o.t.Helper()
	m := archive.Meta{Kind: archive.KindMessage, Received: o.now(), Source: archive.Source{Queue: queue}, Envelope: &e, Peer: &archive.Peer{IP: "192.0.2.7", Helo: "mx.fabrikam.example", TLS: "TLS 1.3"}}
	m, err := o.archive.Append(o.t.Context(), archive.Mail, m, strings.NewReader(body))
	if err != nil {
		o.t.Fatal(err)
	}
	return m.Address()
}

// note adds a message with a subject.
func (o *office) note(subject string) archive.Address {
	queue, _, _ := strings.Cut(subject, " ")
	return o.mailTo(queue, "Subject: "+subject+"\r\n\r\nText.\r\n", archive.Envelope{From: "kim@fabrikam.example", To: []string{to}})
}

// subjects are those of the messages that a hop has.
func (h *nextHop) subjects() (all []string) {
	for _, g := range h.all() {
		_, rest, _ := strings.Cut(g.raw, "Subject: ")
		subject, _, _ := strings.Cut(rest, "\r\n")
		all = append(all, subject)
	}
	return all
}

func (o *office) until(what string, so func() bool) {
	o.t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-deadline:
			o.t.Fatalf("waited half a minute for %s: %+v, facts %v", what, o.relay.Status(), o.facts())
		}
	}
}

// waits returns what waits in the queue support and is not under way.
func (o *office) waits() (all []parcel) {
	o.relay.mu.Lock()
	defer o.relay.mu.Unlock()
	for _, p := range o.relay.waiting["support"] {
		if !p.busy {
			all = append(all, *p)
		}
	}
	return all
}

// idle waits until so many facts are there and nothing waits.
func (o *office) idle(facts int) {
	o.t.Helper()
	o.until(fmt.Sprint(facts, " facts"), func() bool { return len(o.facts()) == facts })
	o.until("nothing to wait", func() bool {
		for _, st := range o.relay.Status() {
			if st.Waiting > 0 {
				return false
			}
		}
		return true
	})
}

// facts are the outcomes that are kept, e.g. "mail/0 1 kim@f.example sent".
func (o *office) facts() (all []string) {
	for rec, err := range o.archive.Scan(context.Background(), archive.Facts, 0) {
		if err != nil {
			o.t.Fatal(err)
		}
		var f struct {
			Polytrace int
			Type      string
			At        time.Time
			Data      struct {
				Record   archive.Address
				Hop      string
				Outcomes []Delivery
			}
		}
		if err := json.Unmarshal(rec.Body, &f); err != nil || f.Type != "mail.relayed" {
			continue
		}
		if f.Polytrace != 1 || f.At.IsZero() || len(f.Data.Outcomes) == 0 {
			o.t.Errorf("a fact like no other: %s", rec.Body)
		}
		for _, d := range f.Data.Outcomes {
			all = append(all, fmt.Sprint(f.Data.Record, " ", d.Attempt, " ", d.To, " ", d.Status))
		}
	}
	return all
}

func (o *office) expect(want ...string) {
	o.t.Helper()
	if diff := cmp.Diff(want, o.facts()); diff != "" {
		o.t.Errorf("facts:\n%s", diff)
	}
}
