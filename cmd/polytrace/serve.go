package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/gateway"
	"polytrace/webui"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/prometheus/client_golang/prometheus"
)

type serveVerb struct {
	Follow string `help:"Read what another machine puts into this bucket, and serve search; take no mail and decide nothing. Started without it, and with bucket.url set to the URL, the machine takes over." placeholder:"URL"`
}

// Run serves until a signal ends it.
func (v serveVerb) Run(c *call) error {
	if v.Follow != "" {
		c.settings.follow, c.settings.bucket.url = true, v.Follow
	}
	a, err := openApp(c.ctx, c.settings, c.dir, newLog(c))
	if err != nil {
		return err
	}
	s, err := newServer(a, listenAt)
	if err != nil {
		return errors.Join(err, a.Close())
	}
	s.ready = func() { s.greet(c) }
	return errors.Join(s.run(c.ctx), a.Close())
}

func newLog(c *call) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.settings.log.level}
	if c.settings.log.format == "json" {
		return slog.New(slog.NewJSONHandler(c.err, options))
	}
	return slog.New(slog.NewTextHandler(c.err, options))
}

// server is the app with its listeners.
type server struct {
	*app
	gateway        *gateway.Server
	examiner       *gateway.Examiner // Nil where mail is not examined.
	relay          *gateway.Relay
	certificate    *certificate
	registry       *prometheus.Registry
	smtp, web, ops net.Listener
	tls, lmtp      net.Listener // Nil where they are not set up.
	acme           net.Listener // As these.
	socket         net.Listener
	ready          func() // Called when everything is open.
}

// newServer opens the listeners before anything runs, so that a port that is
// taken stops the start and nothing else.
func newServer(a *app, listen func(where string) (net.Listener, error)) (*server, error) {
	s := &server{app: a, registry: newRegistry(a), ready: func() {}}
	var err error
	if s.certificate, err = loadCertificate(a.settings, a.dir, a.log); err != nil {
		return nil, err
	}
	s.gateway, err = gateway.New(gateway.Config{
		Hostname: a.settings.smtp.hostname, TLS: s.certificate.config(), MaxMessage: a.settings.smtp.maxMessage, MaxSessions: a.settings.smtp.maxSessions, Sources: a.isSource, Room: (&room{app: a}).bytes,
		Logins: logins{a.desk}, Authorities: a.settings.smtp.clientCA,
		Proxies: a.settings.smtp.proxyFrom, XClient: a.settings.smtp.xclientFrom,
		Spool: filepath.Join(a.dir, "spool"), Meter: &a.meter, Arrivals: filepath.Join(a.dir, "arrivals.json"), Log: a.log, Metrics: s.registry,
	}, a.archive, a.queue, a.known)
	if err != nil {
		return nil, err
	}
	if s.examiner, err = newExaminer(s); err != nil {
		a.log.Error("signatures of mail are not checked", "error", err)
	}
	s.relay, err = gateway.NewRelay(gateway.RelayConfig{Hostname: a.settings.smtp.hostname, Hops: a.hops, Log: a.log, Metrics: s.registry}, a.archive)
	if err != nil {
		return nil, err
	}
	for _, l := range s.places() {
		if *l.to, err = listen(*l.address); err != nil {
			s.closeListeners()
			return nil, fmt.Errorf("%s: %w; choose another place with the setting %s", l.setting, err, l.setting)
		}
		if at := (*l.to).Addr(); at.Network() == "tcp" && strings.HasSuffix(*l.address, ":0") {
			*l.address = at.String() // Which port it is, the system has decided.
		}
	}
	if s.socket, err = listenSocket(a.dir); err != nil {
		s.closeListeners()
		return nil, fmt.Errorf("socket for the other verbs: %w", err)
	}
	if !a.settings.follow {
		a.intake, a.keeper = s.intakeStatus, newKeeper(a)
	}
	return s, nil
}

// newExaminer makes what checks signatures: nil where mail cannot be read, and
// where another machine does it.
func newExaminer(s *server) (*gateway.Examiner, error) {
	a := s.app
	if !a.settings.evidence.check || a.settings.follow || !a.archive.Readable() {
		return nil, nil
	}
	resolver, err := gateway.NewResolver(a.settings.evidence.resolver)
	if err != nil {
		return nil, err
	}
	return gateway.NewExaminer(gateway.ExaminerConfig{DNS: resolver, Urgent: a.meter.High, Gateway: a.fromOthers, ServIDs: a.settings.evidence.servIDs, Log: a.log, Metrics: s.registry}, a.archive)
}

// room is what the disk has free above the reserve. It is asked for each
// message and looks once a second.
type room struct {
	app *app

	mu   sync.Mutex
	at   time.Time // guarded by mu
	free int64     // guarded by mu
}

func (r *room) bytes() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.at) >= time.Second {
		r.at, r.free = now, math.MaxInt64
		if st := r.app.archive.Status(); st.Free > 0 || st.Full { // Else the file system does not say.
			r.free = st.Free - r.app.settings.archive.reserve
		}
	}
	return r.free
}

// place is where a listener is to be.
type place struct {
	setting string
	address *string
	to      *net.Listener
}

// places are those of all listeners that are set up. Who follows another
// machine takes no mail.
func (s *server) places() []place {
	set := &s.settings
	all := []place{{"http.listen", &set.http.listen, &s.web}, {"ops.listen", &set.ops.listen, &s.ops}}
	if !set.follow {
		all = append(all, place{"smtp.listen", &set.smtp.listen, &s.smtp}, place{"smtp.listen_tls", &set.smtp.listenTLS, &s.tls}, place{"smtp.listen_lmtp", &set.smtp.listenLMTP, &s.lmtp})
	}
	if s.certificate.issuer != nil {
		all = append(all, place{"smtp.acme_listen", &set.smtp.acmeListen, &s.acme})
	}
	return slices.DeleteFunc(all, func(p place) bool { return *p.address == "" })
}

// mail are the listeners that take mail.
func (s *server) mail() (all []gateway.Listener) {
	for _, l := range []gateway.Listener{{Listener: s.smtp}, {Listener: s.tls, TLS: true}, {Listener: s.lmtp, LMTP: true}} {
		if l.Listener != nil {
			all = append(all, l)
		}
	}
	return all
}

func (s *server) closeListeners() {
	for _, l := range []net.Listener{s.smtp, s.tls, s.lmtp, s.acme, s.web, s.ops, s.socket} {
		if l != nil {
			l.Close()
		}
	}
}

// greet tells people where to go.
func (s *server) greet(c *call) {
	if s.settings.follow {
		fmt.Fprintf(c.out, "Polytrace follows %s and serves %s\n", s.settings.bucket.url, s.settings.publicURL())
		return
	}
	fmt.Fprintf(c.out, "Polytrace takes mail on %s and serves %s\n", s.settings.smtp.listen, s.settings.publicURL())
	if !s.archive.Readable() {
		fmt.Fprintln(c.out, "It encrypts mail and cannot read it: archive.identity_file is not set, so nothing can be searched here.")
	}
	if s.noUsers() {
		fmt.Fprintf(c.out, "There is no account yet. Make the first one: %s/setup/%s\n", s.settings.publicURL(), s.setup)
	}
}

// part is something that runs as long as the server.
type part struct {
	name string
	run  func(context.Context) error
}

// run runs all parts until ctx ends or one of them fails. They are stopped in
// order: first what brings work in, last the archive.
func (s *server) run(ctx context.Context) error {
	if err := s.openIndex(); err != nil {
		s.log.Error("index cannot be opened; mail is taken in, searching waits; trying again", "error", err)
	}
	parts := s.taking()
	parts = append(parts, []part{
		{"web", func(ctx context.Context) error { return serveHTTP(ctx, s.web, s.pages()) }},
		{"socket", func(ctx context.Context) error { return serveHTTP(ctx, s.socket, s.local()) }},
		{"ops", func(ctx context.Context) error { return serveHTTP(ctx, s.ops, opsHandler(s.app, s.registry)) }},
		{"reload", s.reload},
		{"watchdog", s.watchdog},
		{"index", s.follow},
		{"archive", s.archive.Run},
	}...)
	s.log.Info("started", "version", version(), "smtp", s.settings.smtp.listen, "smtp_tls", s.settings.smtp.listenTLS, "lmtp", s.settings.smtp.listenLMTP, "http", s.settings.http.listen, "ops", s.settings.ops.listen, "bucket", webui.BucketURL(s.archive.Status().Bucket))
	notify(s.log, daemon.SdNotifyReady)
	s.ready()
	err := runParts(ctx, parts, func() {
		s.log.Info("stopping")
		notify(s.log, daemon.SdNotifyStopping)
	})
	s.log.Info("stopped")
	return err
}

// taking are the parts that bring work in: mail, or what another machine took.
func (s *server) taking() []part {
	if s.settings.follow {
		return []part{{"decisions", s.followDecisions}}
	}
	parts := []part{
		{"gateway", func(ctx context.Context) error { return s.gateway.Serve(ctx, s.mail()...) }},
		{"relay", s.relay.Run},
		{"retention", s.keeper.Run},
		{"risk", func(ctx context.Context) error { return s.watch(ctx, (*webui.Server).WatchRisk) }},
		{"work", func(ctx context.Context) error { return s.watch(ctx, (*webui.Server).WatchWork) }},
		{"intake", func(ctx context.Context) error { return s.watch(ctx, (*webui.Server).WatchIntake) }},
		{"alerts", func(ctx context.Context) error { return s.watch(ctx, (*webui.Server).WatchAlerts) }},
		{"covers", casework.Reliever{Desk: s.desk, Log: s.log}.Run},
		{"doctor", s.lookThrough},
		{"sources", s.refreshSources},
	}
	if s.examiner != nil {
		parts = append(parts, part{"evidence", s.examiner.Run})
	}
	if i := s.certificate.issuer; i != nil {
		parts = append(parts, part{"certificate", i.run}, part{"acme", func(ctx context.Context) error { return serveHTTP(ctx, s.acme, i) }})
	}
	return parts
}

// followDecisions folds what was decided at the other machine.
func (s *server) followDecisions(ctx context.Context) error {
	for {
		next, err := s.desk.CatchUp(ctx)
		if err == nil {
			err = s.archive.Wait(ctx, archive.Ledger, next)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// lookThrough compares the bucket with the archive soon after the start and
// four times a day, which shows in status and metrics, and merges small packs
// that have become old.
func (s *server) lookThrough(ctx context.Context) error {
	for wait := time.Minute; ; wait = 6 * time.Hour {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		d, err := s.archive.Examine(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			s.log.Warn("bucket was not looked through", "error", err)
		case d.Total() > 0:
			s.log.Error("bucket is not as it was left", "drift", d.Diagnose())
		}
		saved, err := s.archive.Merge(ctx, time.Now())
		switch {
		case ctx.Err() != nil:
		case err != nil:
			s.log.Warn("small packs were not merged", "error", err)
		case saved > 0:
			s.log.Info("small packs merged", "saved_bytes", saved)
		}
	}
}

// runParts starts parts in the opposite of their order and stops them in it,
// each after the one before it has ended.
func runParts(ctx context.Context, parts []part, stopping func()) error {
	type running struct {
		part
		stop context.CancelFunc
		done chan error
	}
	failed := make(chan struct{}, len(parts))
	started := make([]running, len(parts))
	for i := len(parts) - 1; i >= 0; i-- {
		own, stop := context.WithCancel(context.WithoutCancel(ctx))
		r := running{parts[i], stop, make(chan error, 1)}
		started[i] = r
		go func() {
			err := r.run(own)
			if own.Err() == nil {
				failed <- struct{}{} // It ended by itself.
			} else if errors.Is(err, context.Canceled) {
				err = nil
			}
			r.done <- err
		}()
	}
	select {
	case <-ctx.Done():
	case <-failed:
	}
	stopping()
	var all []error
	for _, r := range started {
		r.stop()
		if err := <-r.done; err != nil {
			all = append(all, fmt.Errorf("%s: %w", r.name, err))
		}
	}
	return errors.Join(all...)
}

// serveHTTP serves until ctx ends, then lets requests under way finish for a while.
func serveHTTP(ctx context.Context, l net.Listener, h http.Handler) error {
	base, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	server := &http.Server{Handler: h, ReadHeaderTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, BaseContext: func(net.Listener) context.Context { return base }}
	var closing sync.WaitGroup
	closing.Go(func() {
		<-ctx.Done()
		if shutdown(server, 2*time.Second) != nil {
			cut() // What never ends by itself: streams of events.
			if shutdown(server, 3*time.Second) != nil {
				server.Close()
			}
		}
	})
	err := server.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		closing.Wait()
		return nil
	}
	return err
}

func shutdown(server *http.Server, within time.Duration) error {
	late, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return server.Shutdown(late)
}

// pages are the pages, or while the index is not open a word about that.
func (s *server) pages() http.Handler {
	return s.whenOpen(func(w *webui.Server) http.Handler { return w.Handler() })
}

func (s *server) local() http.Handler {
	return s.whenOpen(func(w *webui.Server) http.Handler { return w.Local() })
}

func (s *server) whenOpen(h func(*webui.Server) http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if web := s.app.web.Load(); web != nil {
			h(web).ServeHTTP(w, r)
			return
		}
		w.Header().Set("Retry-After", "10")
		http.Error(w, "The index cannot be opened at the moment, so nothing can be searched or shown. Mail is taken in all the same. The log says why.", http.StatusServiceUnavailable)
	})
}

// follow runs the index, and opens it again and again while it cannot be opened. A failure of
// the index does not stop mail from being taken in.
func (s *server) follow(ctx context.Context) error {
	for tick := time.NewTicker(10 * time.Second); s.index.Load() == nil; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return nil
		case <-tick.C:
			if err := s.openIndex(); err != nil {
				s.log.Error("index cannot be opened", "error", err)
			}
		}
	}
	if err := s.index.Load().Run(ctx); err != nil && ctx.Err() == nil {
		s.log.Error("index has stopped; mail is taken in, searching is behind", "error", err)
		<-ctx.Done()
	}
	return nil
}

// watch looks at cases as mail comes and time passes, once there is an index. A machine that cannot read its mail knows nothing of it.
func (s *server) watch(ctx context.Context, run func(*webui.Server, context.Context) error) error {
	for tick := time.NewTicker(10 * time.Second); s.index.Load() == nil; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return nil
		case <-tick.C:
		}
	}
	if !s.archive.Readable() {
		<-ctx.Done() // A part that ends ends the server.
		return nil
	}
	return run(s.app.web.Load(), ctx)
}

// reload reads the certificate again at SIGHUP.
func (s *server) reload(ctx context.Context) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hup:
			if s.certificate.issuer != nil {
				s.certificate.issuer.retry()
				continue
			}
			if err := s.certificate.reload(); err != nil {
				s.log.Error("certificate was not reloaded; the one before stays in use", "error", err)
				continue
			}
			s.log.Info("certificate reloaded", "certificate", s.certificate.certFile)
		}
	}
}

// watchdog tells systemd that the process lives as long as it can write.
func (s *server) watchdog(ctx context.Context) error {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil || every == 0 {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(every / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if s.archive.Status().Broken == "" {
				notify(s.log, daemon.SdNotifyWatchdog)
			}
		}
	}
}

func notify(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("systemd was not told", "state", state, "error", err)
	}
}

// intakeStatus is how the gateway is, as the pages show it.
func (s *server) intakeStatus() webui.Intake {
	st := s.gateway.Status()
	in := webui.Intake{Listening: s.smtp.Addr().String(), Sessions: st.Sessions, Accepted: st.Accepted, Deferred: st.Deferred, Refused: st.Refused, InBucket: s.settings.archive.acknowledge == archive.InBucket, Queues: map[string]webui.QueueIntake{}}
	in.CertificateBegins, in.Certificate = s.certificate.life()
	if i := s.certificate.issuer; i != nil {
		in.CertificateFailure = i.failure()
	}
	if s.examiner != nil {
		e := s.examiner.Status()
		in.Evidence = &webui.Examination{Behind: e.Behind, Examined: e.Examined, Failure: e.Failure}
	}
	for _, r := range st.Lately {
		in.Lately = append(in.Lately, webui.RefusedAttempt(r))
		in.LastRefused = &in.Lately[len(in.Lately)-1]
	}
	var open []casework.Queue
	s.desk.Read(func(state *casework.State) { open = state.Queues() })
	for _, q := range open {
		in.Queues[q.Name] = intakeOf(q, st.Queues, time.Now())
	}
	for _, r := range s.relay.Status() {
		q := in.Queues[r.Queue]
		q.Relay = &webui.QueueRelay{Hop: r.Hop, Waiting: r.Waiting, Oldest: r.Oldest, Failed: r.Failed, Failure: r.Failure}
		in.Queues[r.Queue] = q
	}
	return in
}

// intakeOf is what came through a queue, and whether its silence is an alarm.
func intakeOf(q casework.Queue, all []gateway.QueueStatus, now time.Time) (in webui.QueueIntake) {
	for _, st := range all {
		if st.Queue == q.Name {
			in = webui.QueueIntake{Accepted: st.Accepted, Last: st.Arrivals.Last, Silent: st.Arrivals.Silent(now, time.Duration(q.SilenceHours)*time.Hour)}
			in.Usual, _ = st.Arrivals.Usual()
		}
	}
	return in
}
