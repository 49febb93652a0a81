package gateway

import (
	"net/netip"
	"time"
)

// Strangers are peers that no queue names as a source. They cannot deliver
// anything, but they can take sessions away from those who can, so that they
// get a part of the sessions and each of their networks a few. Sources are
// never limited nor delayed by any of this.
const (
	keptShare  = 4 // One in so many sessions is kept for sources.
	sweepEvery = time.Minute
)

// strangers counts their sessions. It is guarded by the server's mu.
type strangers struct {
	sessions int
	networks map[netip.Prefix]*network
	swept    time.Time
}

// network is what one network of strangers has taken.
type network struct {
	sessions int
	begun    int // In the minute from since on.
	since    time.Time
}

// networkOf is the block that limits are for: the smallest that is routed by
// itself on the Internet, /24 and /48. What somebody gets in one piece counts
// once, above all an IPv6 site with its 65,536 networks of /64.
func networkOf(a netip.Addr) netip.Prefix {
	bits := 24
	if a.Is6() {
		bits = 48
	}
	p, err := a.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{} // Of no address; they share one.
	}
	return p
}

// isSource reports whether a queue takes mail from there. Where nobody can
// tell, everybody is.
func (s *Server) isSource(a netip.Addr) bool {
	return s.config.Sources == nil || s.config.Sources(a)
}

// seat counts a session of a stranger, or says why there is none for it.
func (s *Server) seat(c *conn) error {
	now, at := s.now(), networkOf(c.origin.addr)
	s.mu.Lock()
	defer s.mu.Unlock()
	all := &s.strangers
	all.sweep(now)
	n := all.networks[at]
	if n == nil {
		n = &network{}
		all.networks[at] = n
	}
	if now.Sub(n.since) >= time.Minute {
		n.begun, n.since = 0, now
	}
	n.begun++
	switch {
	case n.begun > s.config.PerMinute, n.sessions >= s.config.PerNetwork:
		return errCrowd
	case all.sessions >= s.config.MaxSessions-s.config.MaxSessions/keptShare:
		return errBusy
	}
	n.sessions++
	all.sessions++
	c.seat, c.ends = n, time.Now().Add(s.config.Visit)
	return nil
}

// leave gives back what seat took.
func (all *strangers) leave(n *network) {
	if n != nil {
		n.sessions--
		all.sessions--
	}
}

// sweep forgets networks that have been quiet for a minute.
func (all *strangers) sweep(now time.Time) {
	if now.Sub(all.swept) < sweepEvery {
		return
	}
	all.swept = now
	for at, n := range all.networks {
		if n.sessions == 0 && now.Sub(n.since) >= time.Minute {
			delete(all.networks, at)
		}
	}
}

// admitPeer decides about a peer that is known by now.
func (s *Server) admitPeer(c *conn) error {
	if s.isSource(c.origin.addr) {
		return nil
	}
	err := s.seat(c)
	if err != nil {
		s.tally.refused(reasonOf(err))
		s.log.Info("session refused", "peer", c.origin, "cause", err)
		s.tell(c.origin, "", "Too many sessions at once or in a minute of a network that no queue takes mail from. If it is a mail server of yours, add it with --source.")
	}
	return err
}

// tarpit delays the refusal of a recipient or a password, longer each time:
// guessing is to be slow. Whether the address exists makes no difference.
func (s *session) tarpit(c caller) {
	if c.login != "" || s.server.isSource(c.addr) {
		return
	}
	s.server.pause(min(time.Second<<s.guesses, 10*time.Second))
	s.guesses = min(s.guesses+1, 4)
}

// wait returns after a while, or when the server stops.
func (s *Server) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.ending:
	}
}
