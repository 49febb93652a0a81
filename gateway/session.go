package gateway

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"polytrace/archive"
)

// session is one SMTP session. On the BDAT path Reset and Logout come beside
// Data, which therefore works on a copy of the transaction.
type session struct {
	server *Server
	conn   *conn
	engine *smtp.Conn
	peer   netip.Addr
	port   int

	mu  sync.Mutex
	txn *transaction // Nil outside of one; guarded by mu.
}

// transaction is what MAIL and RCPT have said (RFC 5321 section 3.3).
type transaction struct {
	envelope archive.Envelope // Without To.
	parts    []part           // One for each queue, in order of the first RCPT.
}

// part is what of a transaction goes to one queue.
type part struct {
	queue Queue
	to    []string
	dsn   []archive.Recipient
}

// Mail begins a transaction.
func (s *session) Mail(from string, opts *smtp.MailOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.txn != nil {
		return reply(errNestedMail)
	}
	e := archive.Envelope{From: from}
	if raw := s.conn.path(); raw != "" || from == "" {
		e.From = raw
	}
	if opts != nil {
		e.Body, e.UTF8, e.Declared = string(opts.Body), opts.UTF8, opts.Size
		e.Return, e.EnvID = string(opts.Return), opts.EnvelopeID
	}
	s.txn = &transaction{envelope: e}
	return nil
}

// Rcpt adds a recipient, when there is a queue that takes its mail from here.
func (s *session) Rcpt(to string, opts *smtp.RcptOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := s.conn.path()
	q, err := s.server.admit(path, s.peer)
	if err != nil {
		s.server.refuse(s.peer, path, err)
		return reply(err)
	}
	p := s.txn.part(q)
	p.to = append(p.to, path)
	if opts != nil && (len(opts.Notify) > 0 || opts.OriginalRecipient != "") {
		p.dsn = append(p.dsn, dsnOf(path, opts))
	}
	return nil
}

func dsnOf(path string, opts *smtp.RcptOptions) archive.Recipient {
	r := archive.Recipient{To: path}
	for _, n := range opts.Notify {
		r.Notify = append(r.Notify, string(n))
	}
	if opts.OriginalRecipient != "" {
		r.OriginalRecipient = string(opts.OriginalRecipientType) + ";" + opts.OriginalRecipient
	}
	return r
}

func (t *transaction) part(q Queue) *part {
	for i := range t.parts {
		if t.parts[i].queue.Name == q.Name {
			return &t.parts[i]
		}
	}
	t.parts = append(t.parts, part{queue: q})
	return &t.parts[len(t.parts)-1]
}

// Data takes a message and answers when it is durable.
func (s *session) Data(r io.Reader) error {
	s.mu.Lock()
	txn := *s.txn
	s.mu.Unlock()
	began := s.server.now()
	if phase(s.conn.phase.Load()) == message {
		r = dataBody{s.conn}
	}
	stored, err := s.take(txn, r)
	if err != nil {
		s.server.failed(s.peer, txn, err)
		return reply(err)
	}
	s.server.accepted(txn, stored, s.server.now().Sub(began))
	return receipt(stored)
}

// take reads the message and puts it into the archive, once for each queue.
func (s *session) take(txn transaction, r io.Reader) ([]archive.Meta, error) {
	body, err := readSpool(r, s.server.config.Spool, s.server.config.MaxMessage)
	if err != nil {
		return nil, err
	}
	defer body.discard() // Of a temporary file: what is left is removed at the next start.
	if s.conn.broken.Load() {
		return nil, errCut
	}
	return s.server.store(context.Background(), s.evidence(), txn, body)
}

// evidence is who hands the message over.
func (s *session) evidence() archive.Peer {
	p := archive.Peer{IP: s.peer.String(), Port: s.port, Helo: s.engine.Hostname()}
	if state := s.conn.tlsState(); state != nil {
		p.TLS = tlsText(state)
		if len(state.PeerCertificates) > 0 {
			sum := archive.Digest(sha256.Sum256(state.PeerCertificates[0].Raw))
			p.ClientCert = &sum
		}
	}
	return p
}

// Reset ends the transaction.
func (s *session) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.txn = nil
}

// Logout ends the session.
func (s *session) Logout() error { return nil }

// admit finds the queue of a recipient. An address that is wrong but comes from
// where our mail servers are is a slip in their configuration, which must not
// lose mail: it is told to wait.
func (s *Server) admit(path string, peer netip.Addr) (Queue, error) {
	local, _, _ := strings.Cut(path, "@")
	local, _, _ = strings.Cut(local, "+")
	q, ok := s.queues(strings.ToLower(strings.Trim(local, `"`)))
	switch {
	case ok && contains(q.Sources, peer):
		s.known.put(peer, struct{}{}, s.now())
		return q, nil
	case ok:
		return Queue{}, fmt.Errorf("%w: queue %s takes no mail from %s; add it with --source", errForeign, q.Name, peer)
	}
	if _, trusted := s.known.get(peer, s.now()); trusted || peer.IsLoopback() || peer.IsPrivate() {
		return Queue{}, errNoQueue
	}
	return Queue{}, errForeign
}

func contains(sources []netip.Prefix, peer netip.Addr) bool {
	return slices.ContainsFunc(sources, func(p netip.Prefix) bool { return p.Contains(peer) })
}

// transactionKey is what makes a retry of a sender the same transaction.
type transactionKey struct {
	peer     netip.Addr
	envelope [sha256.Size]byte
	body     archive.Digest
}

func keyOf(peer archive.Peer, txn transaction, body archive.Digest) transactionKey {
	var to []string
	for _, p := range txn.parts {
		to = append(to, p.to...)
	}
	slices.Sort(to)
	ip, _ := netip.ParseAddr(peer.IP) // It was written by us; zero would be a key too.
	return transactionKey{ip, sha256.Sum256([]byte(txn.envelope.From + "\x00" + strings.Join(to, "\x00"))), body}
}

// store archives a message for each of its queues: its body once, the other
// times that it was seen. A retry of what was acknowledged is answered as
// before and stores nothing.
func (s *Server) store(ctx context.Context, peer archive.Peer, txn transaction, body *spool) ([]archive.Meta, error) {
	now := s.now()
	sum := body.sum()
	key := keyOf(peer, txn, sum)
	if before, ok := s.answered.get(key, now); ok {
		return before, nil
	}
	first, known := s.whereIs(sum, now)
	var stored []archive.Meta
	for _, p := range txn.parts {
		m := archive.Meta{Kind: archive.KindMessage, Received: now.UTC(), SHA256: sum, Size: body.size, Source: archive.Source{Queue: p.queue.Name, Format: p.queue.Format}, Peer: &peer}
		e := txn.envelope
		e.To, e.DSN = p.to, p.dsn
		m.Envelope = &e
		m, err := s.keep(ctx, p.queue.Class, m, first, known, body)
		if err != nil {
			return nil, fmt.Errorf("archive message: %w", err)
		}
		first, known = m.BodyAddress(), true
		stored = append(stored, m)
	}
	s.bodies.put(sum, first, now)
	s.answered.put(key, stored, now)
	return stored, nil
}

// keep stores a message as a sighting of an earlier record, or with its body:
// when there is none, when that is of another class and may go before, or when
// it was removed.
func (s *Server) keep(ctx context.Context, class archive.Stream, m archive.Meta, first archive.Address, known bool, body *spool) (archive.Meta, error) {
	if known && first.Stream == class {
		again := m
		again.SameAs = &first
		again, err := s.archive.Append(ctx, class, again, nil)
		if !errors.Is(err, archive.ErrGone) {
			return again, err
		}
	}
	return s.archive.Append(ctx, class, m, body.body())
}

// whereIs finds a record with the same bytes: among those of the last days,
// then by asking who may know.
func (s *Server) whereIs(sum archive.Digest, now time.Time) (archive.Address, bool) {
	if at, ok := s.bodies.get(sum, now); ok {
		return at, true
	}
	if s.ask == nil {
		return archive.Address{}, false
	}
	return s.ask(sum)
}

func addressOf(c net.Conn) (netip.Addr, int, error) {
	a, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}, 0, errors.Join(errForeign, err)
	}
	return a.Addr().Unmap(), int(a.Port()), nil
}
