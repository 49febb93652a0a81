package gateway

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"polytrace/archive"
	"polytrace/message"
)

// caller is what decides whether a queue takes mail from a client.
type caller struct {
	origin
	secure bool     // In a TLS session.
	shows  []string // What its certificate answers to; see Queue.Certificates.
}

func (s *session) caller() caller {
	state := s.conn.tlsState()
	if state != nil && s.shows == nil {
		s.shows = s.server.certified(*state)
	}
	return caller{s.conn.origin, state != nil, s.shows}
}

// certified lists what a client's certificate answers to: the SHA-256 of its
// public key, whose possession the handshake has proven, whoever signed it; and
// when an authority that we know did, its DNS names. What it is meant for is
// not looked at: public authorities do not certify clients any more.
func (s *Server) certified(state tls.ConnectionState) []string {
	names := []string{}
	if len(state.PeerCertificates) == 0 {
		return names
	}
	leaf, others := state.PeerCertificates[0], x509.NewCertPool()
	sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	names = append(names, "sha256:"+hex.EncodeToString(sum[:]))
	for _, c := range state.PeerCertificates[1:] {
		others.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: s.config.Authorities, Intermediates: others, CurrentTime: s.now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		s.log.Debug("certificate of a client is not signed by a known authority", "subject", leaf.Subject, "cause", err)
		return names
	}
	for _, name := range append(slices.Clone(leaf.DNSNames), leaf.Subject.CommonName) {
		if name != "" {
			names = append(names, strings.ToLower(name))
		}
	}
	return names
}

// from reports whether a queue takes mail from a client: because of where it
// is, of its login, or of its certificate.
func (q Queue) from(c caller) bool {
	return contains(q.Sources, c.addr) || c.login != "" && slices.Contains(q.Logins, c.login) ||
		slices.ContainsFunc(c.shows, func(name string) bool { return slices.Contains(q.Certificates, name) })
}

// admit finds the queue of a recipient. An address that is wrong but comes from
// where our mail servers are is a slip in their configuration, which must not
// lose mail: it is told to wait. So is a client that may send, but not like
// this.
func (s *Server) admit(path string, c caller) (Queue, error) {
	local, _, _ := strings.Cut(path, "@")
	local, _, _ = strings.Cut(local, "+")
	q, ok := s.queues(strings.ToLower(strings.Trim(local, `"`)))
	switch {
	case !c.addr.IsValid() && c.login == "":
		return Queue{}, errNobody
	case ok && q.from(c) && q.TLS && !c.secure:
		return Queue{}, fmt.Errorf("%w: queue %s takes no mail in clear; have the mail server use STARTTLS", errQueueTLS, q.Name)
	case ok && q.from(c):
		s.known.put(c.addr, struct{}{}, s.now())
		return q, nil
	case ok && len(q.Sources) == 0 && s.trusts(c):
		return Queue{}, fmt.Errorf("%w: queue %s takes mail by %s alone; the mail server keeps the message and tries again", errNotProven, q.Name, q.proofs())
	case ok:
		return Queue{}, fmt.Errorf("%w: queue %s takes no mail from %s; add it with --source", errForeign, q.Name, c.origin)
	case s.trusts(c):
		return Queue{}, errNoQueue
	}
	return Queue{}, errForeign
}

// proofs are what a client of a queue without networks has to show.
func (q Queue) proofs() string {
	var all []string
	if len(q.Logins) > 0 {
		all = append(all, "login")
	}
	if len(q.Certificates) > 0 {
		all = append(all, "client certificate")
	}
	return strings.Join(all, " or ")
}

// trusts reports whether an unknown address that is written to by that client
// may be a slip of somebody who sets up a mail server of ours.
func (s *Server) trusts(c caller) bool {
	if c.login != "" || s.config.Sources != nil && s.config.Sources(c.addr) || c.addr.IsLoopback() || c.addr.IsPrivate() {
		return true
	}
	_, sent := s.known.get(c.addr, s.now())
	return sent
}

// welcome takes a client out of the strangers: it has shown that a queue takes
// its mail.
func (s *Server) welcome(c *conn) {
	if c.seat == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.strangers.leave(c.seat)
	c.seat = nil
}

func contains(sources []netip.Prefix, peer netip.Addr) bool {
	return slices.ContainsFunc(sources, func(p netip.Prefix) bool { return p.Contains(peer) })
}

// tenantsMatch refuses a message to a queue that takes mail of certain
// Microsoft 365 organisations, when it does not say that it comes from one of
// them. Microsoft writes these fields when mail leaves it, so that they say
// something about mail from its networks, and about no other.
func tenantsMatch(parts []part, body archive.Body) error {
	var found []string
	for _, p := range parts {
		if len(p.queue.Tenants) == 0 {
			continue
		}
		if found == nil {
			head := make([]byte, min(maxTenantHeader, body.Size()))
			n, _ := body.ReadAt(head, 0) // What cannot be read does not match.
			found = append([]string{}, message.Parse(head[:n]).Tenants()...)
		}
		if !slices.ContainsFunc(found, func(t string) bool { return slices.Contains(p.queue.Tenants, t) }) {
			said := "none"
			if len(found) > 0 {
				said = strings.Join(found, ", ")
			}
			return fmt.Errorf("%w: queue %s takes mail of %s, the message names %s", errTenant, p.queue.Name, strings.Join(p.queue.Tenants, ", "), said)
		}
	}
	return nil
}

const maxTenantHeader = 256 << 10 // So much of a header is looked at.
