package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"polytrace/archive"
)

// How long retries of a transaction are recognised (M365 tries for a day,
// Postfix for five), and of how many.
const (
	remember     = 7 * 24 * time.Hour
	rememberMost = 100_000
	grace        = 10 * time.Second // For transfers that are under way when the server stops.
)

// Server takes mail over SMTP and LMTP.
type Server struct {
	config  Config
	archive Archive
	queues  Queues
	ask     Known
	now     func() time.Time
	log     *slog.Logger
	smtp    *smtp.Server
	lmtp    *smtp.Server // The same, for listeners that speak LMTP.

	answered *recent[transactionKey, []archive.Address]
	bodies   *recent[archive.Digest, archive.Address]
	known    *recent[netip.Addr, struct{}] // Peers that mail was taken from.
	tally    tally

	pause  func(time.Duration) // Delays the reply to a stranger.
	ending chan struct{}       // Closed when the server begins to stop.

	mu        sync.Mutex
	conns     map[*conn]struct{} // guarded by mu
	strangers strangers          // guarded by mu
	stopping  bool               // guarded by mu
	empty     chan struct{}      // Closed when stopping and no connection is left; guarded by mu.
}

// New checks the configuration. known may be nil.
func New(c Config, a Archive, q Queues, known Known) (*Server, error) {
	if c.TLS == nil || len(c.TLS.Certificates) == 0 && c.TLS.GetCertificate == nil {
		return nil, errors.New("start SMTP: no certificate for TLS")
	}
	if v := c.TLS.MinVersion; v != 0 && v < tls.VersionTLS12 {
		return nil, errors.New("start SMTP: TLS before 1.2 is not to be spoken (RFC 8996)")
	}
	if c.Spool == "" {
		return nil, errors.New("start SMTP: no spool directory")
	}
	c.TLS = c.TLS.Clone()
	c.TLS.ClientAuth = tls.RequestClientCert // A record says who showed which; queues say who has to.
	if err := c.fill(); err != nil {
		return nil, err
	}
	if err := emptySpool(c.Spool); err != nil {
		return nil, err
	}
	s := &Server{
		config: c, archive: a, queues: q, ask: known, now: time.Now, log: c.Log,
		answered:  newRecent[transactionKey, []archive.Address](rememberMost, remember),
		bodies:    newRecent[archive.Digest, archive.Address](rememberMost, remember),
		known:     newRecent[netip.Addr, struct{}](rememberMost, 8766*time.Hour),
		strangers: strangers{networks: map[netip.Prefix]*network{}}, ending: make(chan struct{}),
		conns: map[*conn]struct{}{}, empty: make(chan struct{}),
	}
	s.pause = s.wait
	if err := s.tally.register(c.Metrics, s.sessions); err != nil {
		return nil, fmt.Errorf("start SMTP: %w", err)
	}
	var err error
	if s.tally.comes, err = readArrivals(c.Arrivals); err != nil {
		s.log.Warn("what is usual is learned anew", "cause", err)
	}
	s.smtp, s.lmtp = newEngine(s), newEngine(s)
	s.lmtp.LMTP = true
	return s, nil
}

// fill puts the defaults where nothing is said.
func (c *Config) fill() error {
	if c.Hostname == "" {
		name, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("start SMTP: %w", err)
		}
		c.Hostname = name
	}
	if c.MaxMessage <= 0 {
		c.MaxMessage = 256 << 20
	}
	if c.MaxMessage >= math.MaxUint32 {
		return errors.New("start SMTP: messages of 4 GiB and more cannot be taken")
	}
	if c.Idle <= 0 {
		c.Idle = 5 * time.Minute
	}
	if c.Transfer <= 0 {
		c.Transfer = time.Hour
	}
	if c.MaxSessions <= 0 {
		c.MaxSessions = 512
	}
	if c.PerNetwork <= 0 {
		c.PerNetwork = 8
	}
	if c.Visit <= 0 {
		c.Visit = 10 * time.Minute
	}
	if c.PerMinute <= 0 {
		c.PerMinute = 30
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

func newEngine(s *Server) *smtp.Server {
	e := smtp.NewServer(smtp.BackendFunc(s.newSession))
	e.Domain = s.config.Hostname
	e.MaxMessageBytes = s.config.MaxMessage
	e.MaxLineLength = 0 // conn has limits of its own for each phase.
	e.EnableSMTPUTF8 = true
	e.EnableBINARYMIME = true
	e.EnableDSN = true
	e.EnableREQUIRETLS = true  // RFC 8689: relay keeps to it. It is offered by conn, which knows about TLS.
	e.AllowInsecureAuth = true // It does not see TLS; AuthMechanisms does.
	e.MaxRecipients = 1000     // RFC 5321 section 4.5.3.1.8 asks for 100; 1000 is what Postfix takes.
	e.ErrorLog = log.New(engineLog{s.log}, "", 0)
	return e
}

// engineLog takes what the engine prints: connections that ended oddly.
type engineLog struct{ log *slog.Logger }

func (l engineLog) Write(p []byte) (int, error) {
	l.log.Debug("SMTP connection ended", "cause", string(p))
	return len(p), nil
}

func (s *Server) newSession(c *smtp.Conn) (smtp.Session, error) {
	own, ok := c.Conn().(*conn)
	if !ok {
		return nil, reply(fmt.Errorf("a connection of type %T", c.Conn()))
	}
	own.session = &session{server: s, conn: own, engine: c}
	return own.session, nil
}

// Serve takes mail on all listeners until ctx ends or one of them fails; then
// it lets transfers that are under way finish for up to 10 seconds and tells
// idle clients 421. It closes the listeners.
func (s *Server) Serve(ctx context.Context, listeners ...Listener) error {
	ended := make(chan error, len(listeners))
	for _, l := range listeners {
		engine := s.smtp
		if l.LMTP {
			engine = s.lmtp
		}
		go func() { ended <- engine.Serve(&door{l, s}) }()
	}
	keeping, enough := context.WithCancel(context.WithoutCancel(ctx))
	var kept sync.WaitGroup
	kept.Go(func() { s.keepArrivals(keeping) })
	running := len(listeners)
	var errs []error
	select {
	case err := <-ended:
		running--
		errs = append(errs, fmt.Errorf("serve SMTP: %w", err))
	case <-ctx.Done():
	}
	for _, l := range listeners {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	s.stop()
	for range running {
		<-ended // The engine ends with the listener.
	}
	enough()
	kept.Wait()
	return errors.Join(errs...)
}

// stop ends all sessions, those that transfer a message last.
func (s *Server) stop() {
	s.mu.Lock()
	s.stopping = true
	close(s.ending)
	open := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		open = append(open, c)
	}
	if len(s.conns) == 0 {
		close(s.empty)
	}
	s.mu.Unlock()
	for _, c := range open {
		c.wake()
	}
	timeout := time.NewTimer(grace)
	defer timeout.Stop()
	select {
	case <-s.empty:
		return
	case <-timeout.C:
	}
	for _, c := range open {
		c.Conn.Close() // What they were sending was not acknowledged.
	}
	<-s.empty
}

func (s *Server) stopped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

func (s *Server) sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// open admits a connection, or says why it does not.
func (s *Server) open(n net.Conn, from origin, w way) (*conn, error) {
	c := newConn(n, from, s, w)
	if !c.proxied() {
		if err := s.admitPeer(c); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping || len(s.conns) >= s.config.MaxSessions {
		s.strangers.leave(c.seat)
		s.tally.refused(reasonOf(errBusy))
		return nil, errBusy
	}
	s.conns[c] = struct{}{}
	return c, nil
}

func (s *Server) closed(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.strangers.leave(c.seat)
	if s.stopping && len(s.conns) == 0 {
		close(s.empty)
	}
}

func tlsText(state *tls.ConnectionState) string {
	return tls.VersionName(state.Version) + " " + tls.CipherSuiteName(state.CipherSuite)
}
