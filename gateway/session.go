package gateway

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
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

	guesses  int      // Recipients and passwords that were refused for good.
	failures int      // Of AUTH.
	shows    []string // What the client's certificate answers to; nil before it was looked at.

	mu  sync.Mutex
	txn *transaction // Nil outside of one; guarded by mu.
}

// transaction is what MAIL and RCPT have said (RFC 5321 section 3.3).
type transaction struct {
	from     origin
	peer     archive.Peer
	envelope archive.Envelope // Without To.
	begun    chan struct{}    // Closed when LMTP reads the message.
	parts    []part           // One for each queue, in order of the first RCPT.
}

// part is what of a transaction goes to one queue.
type part struct {
	queue Queue
	rcpt  []string // Recipients as the engine names them.
	to    []string // The same as the client wrote them.
	dsn   []archive.Recipient
}

// Mail begins a transaction.
func (s *session) Mail(from string, opts *smtp.MailOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.txn != nil {
		return reply(errNestedMail)
	}
	if opts != nil && opts.RequireTLS && s.conn.tlsState() == nil {
		return reply(errNeedsTLS)
	}
	if err := s.server.hasRoom(opts); err != nil {
		s.server.tell(s.conn.origin, "", s.server.plainly(err))
		return reply(err)
	}
	e := archive.Envelope{From: from}
	if raw := s.conn.path(); raw != "" || from == "" {
		e.From = raw
	}
	if opts != nil {
		e.Body, e.UTF8, e.Declared = string(opts.Body), opts.UTF8, opts.Size
		e.Return, e.EnvID, e.RequireTLS = string(opts.Return), opts.EnvelopeID, opts.RequireTLS
	}
	s.txn = &transaction{from: s.conn.origin, peer: s.evidence(), envelope: e, begun: make(chan struct{})}
	return nil
}

// hasRoom refuses a message before it is sent when the archive could not keep
// it: one of the declared size (RFC 1870 section 6.1), or any.
func (s *Server) hasRoom(opts *smtp.MailOptions) error {
	if s.config.Room == nil {
		return nil
	}
	var declared int64
	if opts != nil {
		declared = opts.Size
	}
	room := s.config.Room()
	if room > 0 && declared <= room {
		return nil
	}
	s.tally.refused("room")
	s.log.Warn("message put off", "size", declared, "room", room)
	return fmt.Errorf("%w: there is room for %d bytes", archive.ErrFull, room)
}

// Rcpt adds a recipient, when there is a queue that takes its mail from here.
func (s *session) Rcpt(to string, opts *smtp.RcptOptions) error {
	path, from := s.conn.path(), s.caller()
	q, err := s.server.admit(path, from)
	if err != nil {
		s.server.refuse(from.origin, path, err)
		if final(err) {
			s.tarpit(from)
		}
		return reply(err)
	}
	s.server.welcome(s.conn)
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.txn.part(q)
	p.rcpt, p.to = append(p.rcpt, to), append(p.to, path)
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
	began := s.server.now()
	txn := s.transaction()
	body, err := s.receive(r)
	if err != nil {
		s.server.failed(txn, err)
		return reply(err)
	}
	defer body.discard() // Of a temporary file: what is left is removed at the next start.
	return s.answer(txn, body, began)
}

// LMTPData takes a message and answers for each recipient when it is durable
// (RFC 2033 section 4.2). Each queue is a transaction of its own: what one of
// them cannot take is tried again for its recipients alone.
func (s *session) LMTPData(r io.Reader, status smtp.StatusCollector) error {
	began := s.server.now()
	txn := s.transaction()
	close(txn.begun)
	body, err := s.receive(r)
	if err != nil {
		s.server.failed(txn, err)
		return reply(err)
	}
	defer body.discard()
	for _, p := range txn.parts {
		one := txn
		one.parts = []part{p}
		heard := s.answer(one, body, began)
		for _, rcpt := range p.rcpt {
			status.SetStatus(rcpt, heard)
		}
	}
	return reply(errUnanswered) // For recipients that are in no part: there are none.
}

// transaction is a copy of what was said so far. It is empty when the client
// took it back before its first chunk was looked at.
func (s *session) transaction() (txn transaction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.txn != nil {
		txn = *s.txn
	}
	return txn
}

// receive reads a message to its end, also when it is not wanted any more: the
// replies of LMTP are written by another goroutine while this one goes on.
func (s *session) receive(r io.Reader) (*spool, error) {
	if _, chunks := r.(*io.PipeReader); !chunks {
		r = dataBody{s.conn} // A reader of chunks may begin late, when the connection is elsewhere already.
	}
	body, err := readSpool(r, s.server.config.Spool, s.server.config.MaxMessage)
	if err != nil {
		_, cut := io.Copy(io.Discard, r)
		return nil, errors.Join(cut, err)
	}
	if s.conn.broken.Load() {
		return nil, errors.Join(errCut, body.discard())
	}
	return body, nil
}

// answer archives a message that was read, and returns what the sender hears.
func (s *session) answer(txn transaction, body *spool, began time.Time) error {
	stored, err := s.server.store(context.Background(), txn, body)
	if err == nil && len(stored) == 0 {
		err = errCut // The client took the transaction back while it sent.
	}
	if err != nil {
		s.server.failed(txn, err)
		return reply(err)
	}
	s.server.accepted(txn, stored, body.size, s.server.now().Sub(began))
	if loops(body.head(maxLoopHeader), s.server.config.Hostname) {
		s.server.looped(txn, stored[0])
	}
	return receipt(stored, body.sum())
}

// evidence is who hands the message over.
func (s *session) evidence() archive.Peer {
	from := s.conn.origin
	p := archive.Peer{IP: from.String(), Port: from.port, Helo: cmp.Or(from.helo, s.engine.Hostname()), Auth: from.login, Forwarded: s.conn.told()}
	if from.proxy.IsValid() {
		p.Proxy = from.proxy.String()
	}
	if state := s.conn.tlsState(); state != nil {
		p.TLS = tlsText(state)
		if len(state.PeerCertificates) > 0 {
			sum := archive.Digest(sha256.Sum256(state.PeerCertificates[0].Raw))
			p.ClientCert = &sum
		}
	}
	return p
}

// open reports whether there is a transaction.
func (s *session) open() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.txn != nil
}

// Reset ends the transaction, and what XFORWARD said for it.
func (s *session) Reset() {
	s.conn.forward = nil
	s.mu.Lock()
	defer s.mu.Unlock()
	s.txn = nil
}

// Logout ends the session.
func (s *session) Logout() error { return nil }

// transactionKey is what makes a retry of a sender the same transaction: a
// hash over peer, envelope and body, because many are remembered.
type transactionKey [sha256.Size]byte

func keyOf(txn transaction, body archive.Digest) transactionKey {
	var to []string
	for _, p := range txn.parts {
		to = append(to, p.to...)
	}
	slices.Sort(to)
	all := txn.peer.IP + "\x00" + txn.envelope.From + "\x00" + strings.Join(to, "\x00") + "\x00"
	return sha256.Sum256(append([]byte(all), body[:]...))
}

// store archives a message for each of its queues: its body once, the other
// times that it was seen. A retry of what was acknowledged is answered as
// before and stores nothing.
func (s *Server) store(ctx context.Context, txn transaction, body *spool) ([]archive.Address, error) {
	now := s.now()
	sum := body.sum()
	key := keyOf(txn, sum)
	if before, ok := s.answered.get(key, now); ok {
		return before, nil
	}
	if err := tenantsMatch(txn.parts, body.body()); err != nil {
		return nil, err
	}
	first, known := s.whereIs(sum, now)
	var stored []archive.Address
	for _, p := range txn.parts {
		m := archive.Meta{Kind: archive.KindMessage, Received: now.UTC(), SHA256: sum, Size: body.size, Source: archive.Source{Queue: p.queue.Name, Format: p.queue.Format}, Peer: &txn.peer}
		e := txn.envelope
		e.To, e.DSN = p.to, p.dsn
		m.Envelope = &e
		m, err := s.keep(ctx, p.queue.Class, m, first, known, body)
		if err != nil {
			return nil, fmt.Errorf("archive message: %w", err)
		}
		first, known = m.BodyAddress(), true
		stored = append(stored, m.Address())
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
