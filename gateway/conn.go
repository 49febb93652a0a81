package gateway

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// maxCommand is the longest command line with its end: RFC 5321 section
// 4.5.3.1.4 asks for 512 octets and more for extensions.
const maxCommand = 8 << 10

// phase is what the client is sending.
type phase int32

const (
	commands phase = iota
	content        // behind the 354 of DATA
	chunk          // behind a BDAT command
)

// conn stands between the network and the session engine and gives it one
// thing at a time: a command line of a bounded length, the bytes of a chunk,
// nothing of the message that DATA brings (see dataBody).
//
// It is there because the engine cannot tell a chunk that was cut short from a
// whole one, loses octets in some messages, has one limit for the lines of
// commands and messages and one absolute deadline. To see all that in clear
// also under TLS, it answers STARTTLS itself.
type conn struct {
	net.Conn // What the engine sees as the address; reads and writes go through stream.

	server *Server
	way    way

	phase  atomic.Int32
	broken atomic.Bool // The stream is cut or out of step: nothing more is said.

	mu     sync.Mutex
	stream net.Conn  // The network, or TLS on it; guarded by mu for those outside the engine.
	secure *tls.Conn // Nil in clear; guarded by mu.
	idle   bool      // Waiting for a command; guarded by mu.
	once   sync.Once

	// For the engine's goroutine alone.
	opened   bool // What comes before the greeting was done.
	origin   origin
	seat     *network   // Of a stranger.
	ends     time.Time  // The session of a stranger.
	proxy    bool       // XCLIENT and XFORWARD are for this peer, whoever it names.
	session  *session   // Nil before EHLO.
	forward  attributes // What XFORWARD said for the next transaction.
	in       *bufio.Reader
	out      []byte    // Replies that are not sent yet.
	line     []byte    // The last command, as sent, without its end.
	pending  []byte    // What of the line the engine has not read yet.
	over     bool      // The client has had its chances: the reply is said and the connection ends.
	answers  bool      // The next line is an answer to a challenge of AUTH.
	left     int64     // Of the chunk.
	final    bool      // The chunk is the last one of its message.
	asked    bool      // The command of the chunk has had no reply yet.
	partial  bool      // A message in chunks is begun and goes on.
	givenUp  bool      // One was given up: the engine's reader of it may still run.
	until    time.Time // The transfer has to be over.
	greeted  bool      // EHLO or HELO since the last STARTTLS.
	hello    bool      // The reply being written is that to EHLO.
	bodyDone bool      // The message that DATA brings is read to its end.
	bol      bool      // At the beginning of a line of it.
	last     byte      // Last octet of it that was read.
}

// way is how clients of one listener speak.
type way struct {
	tls  bool // From the first byte (RFC 8314 section 3.3).
	lmtp bool // LMTP (RFC 2033) instead of SMTP.
}

func newConn(n net.Conn, from origin, s *Server, w way) *conn {
	return &conn{Conn: n, stream: n, origin: from, server: s, way: w, in: bufio.NewReaderSize(n, 32<<10)}
}

var (
	errCut     = errors.New("the client went away before the end of the message")
	errTooSlow = errors.New("the message took longer than the limit for a transfer")

	errStopping = errors.New("the server stops")
)

// Read gives the engine the next bytes: of one command, or of one chunk.
func (c *conn) Read(p []byte) (int, error) {
	if c.broken.Load() {
		return 0, io.EOF
	}
	if len(c.pending) == 0 {
		switch phase(c.phase.Load()) {
		case chunk:
			if c.left > 0 {
				return c.readChunk(p)
			}
			c.phase.Store(int32(commands))
		case content:
			if err := c.drainBody(); err != nil {
				return 0, io.EOF
			}
			c.phase.Store(int32(commands))
			c.pending = []byte(".\r\n") // The end, for the engine's own reader.
			return c.take(p), nil
		}
		if err := c.command(); err != nil {
			return 0, err
		}
	}
	return c.take(p), nil
}

func (c *conn) take(p []byte) int {
	n := copy(p, c.pending)
	c.pending = c.pending[n:]
	return n
}

// readChunk reads a part of a chunk (RFC 3030 section 2). An end of the stream
// inside it is an error, however politely the client closed.
func (c *conn) readChunk(p []byte) (int, error) {
	if c.asked { // Else the chunk was refused and is read to be thrown away.
		c.waitForReader()
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	if err := c.prepare(); err != nil {
		return 0, err
	}
	n, err := c.in.Read(p)
	c.left -= int64(n)
	if err != nil && c.left > 0 {
		c.broken.Store(true)
		return n, errors.Join(io.ErrUnexpectedEOF, err)
	}
	return n, nil
}

// prepare sends what is to be said and sets the deadline for the next read.
func (c *conn) prepare() error {
	if c.in.Buffered() > 0 {
		return nil
	}
	if err := c.flush(); err != nil {
		c.broken.Store(true)
		return err
	}
	deadline := time.Now().Add(c.server.config.Idle)
	if phase(c.phase.Load()) != commands {
		if time.Now().After(c.until) {
			c.broken.Store(true)
			return errTooSlow
		}
		if c.until.Before(deadline) {
			deadline = c.until
		}
	}
	if c.seat != nil && c.ends.Before(deadline) {
		deadline = c.ends
	}
	return c.stream.SetReadDeadline(deadline)
}

// command reads command lines until there is one for the engine.
func (c *conn) command() error {
	for {
		if c.over {
			c.flush()
			c.broken.Store(true)
			return io.EOF
		}
		line, err := c.readLine()
		if err != nil {
			return err
		}
		c.line = append(c.line[:0], bytes.TrimRight(line, "\r\n")...)
		if c.answers { // Base64, whatever command it looks like.
			c.answers = false
			c.pending = append(bytes.Clone(c.line), "\r\n"...)
			return nil
		}
		verb, rest, _ := strings.Cut(string(c.line), " ")
		verb = strings.ToUpper(verb)
		if c.givenUp || c.partial && resets(verb) {
			return c.hangUp(replyGivenUp)
		}
		if verb == "BDAT" && !c.beginChunk(rest) {
			return c.hangUp(replyBadChunk)
		}
		if answer := c.intercept(verb, rest); answer != "" {
			if _, err := c.Write([]byte(answer)); err != nil {
				return err
			}
			continue
		}
		if verb == "STARTTLS" {
			if err := c.startTLS(); err != nil {
				return err
			}
			continue
		}
		c.pending = c.rewrite(verb, rest)
		return nil
	}
}

// intercept answers what the engine would answer wrongly; "" leaves it to the
// engine.
func (c *conn) intercept(verb, rest string) string {
	switch verb {
	case "EHLO", "HELO", "LHLO":
		c.hello = verb != "HELO"
		c.greeted = c.greeted || rest != "" && c.way.lmtp == (verb == "LHLO")
	case "XCLIENT", "XFORWARD":
		if c.proxy && verb == "XCLIENT" {
			return c.xclient(rest)
		}
		if c.proxy {
			return c.xforward(rest)
		}
	case "MAIL", "RCPT", "DATA", "BDAT":
		if !c.greeted {
			if verb == "BDAT" {
				c.asked = false // Of the engine.
				c.discardChunk()
			}
			return line(replyGreetFirst)
		}
	case "STARTTLS":
		switch {
		case c.secure != nil:
			return line(replyTLSAlready)
		case rest != "":
			return line(replyNoParameters)
		}
	}
	return ""
}

// beginChunk takes note of how many octets follow. When that cannot be read
// there is nothing to do but to hang up: the engine would take them for
// commands.
func (c *conn) beginChunk(rest string) bool {
	words := strings.Fields(rest)
	c.final = len(words) == 2 && strings.EqualFold(words[1], "LAST")
	if len(words) != 1 && !c.final {
		return false
	}
	n, err := strconv.ParseUint(words[0], 10, 32) // As the engine does.
	if err != nil {
		return false
	}
	if !c.partial {
		c.until = time.Now().Add(c.server.config.Transfer)
	}
	c.left, c.asked = int64(n), true
	c.phase.Store(int32(chunk))
	return true
}

// resets reports whether a command ends the transaction that is open. Inside
// of a message in chunks we hang up instead: the engine's reader of it ends
// some time later and would answer for the next one.
func resets(verb string) bool {
	return verb == "RSET" || verb == "EHLO" || verb == "HELO" || verb == "LHLO"
}

// waitForReader returns when the engine's goroutine that reads a message in
// chunks has begun. Over LMTP it takes its status from the connection without
// a lock, so that a reset has to come behind it.
func (c *conn) waitForReader() {
	if c.way.lmtp && c.session != nil {
		if begun := c.session.transaction().begun; begun != nil {
			<-begun
		}
	}
}

func (c *conn) discardChunk() {
	buf := make([]byte, 4096)
	for c.left > 0 && !c.broken.Load() {
		if _, err := c.readChunk(buf); err != nil {
			return
		}
	}
	c.phase.Store(int32(commands))
}

// rewrite makes a line for the engine of what the client sent. The engine asks
// for a domain where RFC 5321 section 4.1.1.3 allows a bare postmaster, and
// some appliances send other bare names; the path as sent is in c.line. It
// cannot read a SIZE that 32 bits do not hold and calls that an error of syntax.
func (c *conn) rewrite(verb, rest string) []byte {
	if verb != "RCPT" && verb != "MAIL" {
		return append(bytes.Clone(c.line), "\r\n"...)
	}
	before, path, after := cutPath(rest)
	if path != "" && !strings.Contains(path, "@") && strings.HasPrefix(after, ">") {
		path += "@localhost"
	}
	for word := range strings.FieldsSeq(after) {
		name, value, _ := strings.Cut(word, "=")
		if _, err := strconv.ParseUint(value, 10, 32); strings.EqualFold(name, "SIZE") && errors.Is(err, strconv.ErrRange) {
			after = strings.Replace(after, word, largestSize, 1)
		}
	}
	return []byte(verb + " " + before + path + after + "\r\n")
}

const largestSize = "SIZE=4294967295" // More than any limit that New takes.

// cutPath finds the path in what MAIL or RCPT say: without brackets, exactly
// as the client wrote it.
func cutPath(text string) (before, path, after string) {
	start := strings.IndexByte(text, ':') + 1
	for start < len(text) && text[start] == ' ' {
		start++
	}
	if !strings.HasPrefix(text[start:], "<") {
		word, _, _ := strings.Cut(text[start:], " ")
		return text[:start], word, text[start+len(word):]
	}
	start++
	quoted := false
	for i := start; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quoted:
			i++
		case text[i] == '"':
			quoted = !quoted
		case text[i] == '>' && !quoted:
			return text[:start], text[start:i], text[i:]
		}
	}
	return text[:start], text[start:], ""
}

// path is that of the last MAIL or RCPT.
func (c *conn) path() string {
	_, path, _ := cutPath(string(c.line))
	return path
}

// readLine reads one command line. It is the one place where a session waits
// for its client, so it is here that it learns that the server stops.
func (c *conn) readLine() ([]byte, error) {
	var text []byte
	for {
		err := c.prepare()
		if !c.setIdle(true) {
			return nil, c.hangUp(replyStopping)
		}
		var part []byte
		if err == nil {
			part, err = c.in.ReadSlice('\n')
		}
		c.setIdle(false)
		text = append(text, part...)
		switch {
		case len(text) > maxCommand:
			return nil, c.hangUp(replyLineTooLong)
		case err == nil:
			return text, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, os.ErrDeadlineExceeded) && c.server.stopped():
			return nil, c.hangUp(replyStopping)
		default:
			return nil, err
		}
	}
}

// setIdle says that the client is waited for, unless the server has stopped.
// The deadline of the wait was set before: wake sets an earlier one.
func (c *conn) setIdle(idle bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if idle && c.server.stopped() {
		return false
	}
	c.idle = idle
	return true
}

// wake ends the wait for the next command, if there is one.
func (c *conn) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.idle {
		c.stream.SetReadDeadline(time.Unix(1, 0))
	}
}

// hangUp says why, and ends the session.
func (c *conn) hangUp(text string) error {
	c.say(text)
	c.broken.Store(true)
	return io.EOF
}

func (c *conn) say(text string) {
	c.out = append(c.out, line(text)...)
	c.flush() // The connection ends here in any case.
}

// startTLS answers and does the handshake (RFC 3207). What the client sent
// ahead in clear is not carried over.
func (c *conn) startTLS() error {
	if c.in.Buffered() > 0 {
		return c.hangUp(replyPlaintextBehindTLS)
	}
	c.out = append(c.out, line(replyStartTLS)...)
	if err := c.flush(); err != nil {
		return err
	}
	c.greeted = false
	return c.handshake()
}

// handshake puts TLS on the connection; after one that failed nothing more is
// said, least of all in clear.
func (c *conn) handshake() (err error) {
	defer func() {
		if err != nil {
			c.broken.Store(true)
		}
	}()
	network := c.Conn
	if c.in.Buffered() > 0 { // Came with the header of a proxy.
		network, c.in = ahead{c.Conn, c.in}, bufio.NewReaderSize(nil, c.in.Size())
	}
	secure := tls.Server(network, c.server.config.TLS)
	if err := c.Conn.SetDeadline(time.Now().Add(min(c.server.config.Idle, time.Minute))); err != nil {
		return err
	}
	if !c.setIdle(true) {
		return errStopping
	}
	err = secure.Handshake()
	c.setIdle(false)
	if err != nil {
		c.server.tell(c.origin, "", "TLS could not be agreed on: "+err.Error()+". If the mail server verifies the certificate, it has to be one that it trusts, for the name that it connects to (smtp.tls_cert).")
		return err
	}
	if err := c.Conn.SetDeadline(time.Time{}); err != nil {
		return err
	}
	c.mu.Lock()
	c.stream, c.secure = secure, secure
	c.mu.Unlock()
	c.in.Reset(secure)
	return nil
}

// open does what comes before the greeting.
func (c *conn) open() error {
	if c.proxied() {
		if err := c.readProxyHeader(); err != nil {
			c.broken.Store(true)
			c.server.tally.refused("proxy")
			c.server.log.Warn("connection of a proxy ended", "peer", c.origin, "cause", err)
			return err
		}
		if err := c.server.admitPeer(c); err != nil {
			if !c.way.tls {
				c.say(turnAway(err))
			}
			c.broken.Store(true)
			return err
		}
	}
	c.proxy = contains(c.server.config.XClient, c.origin.addr)
	if c.way.tls {
		return c.handshake()
	}
	return nil
}

// proxied reports whether the connection begins with the header of a proxy.
func (c *conn) proxied() bool {
	return c.origin.name == "" && contains(c.server.config.Proxies, c.origin.addr)
}

// Write keeps replies until the client is waited for, so that a pipelined
// group gets one packet, and looks at what the engine says. The first it says
// is the greeting, and this is the first that it does with the connection.
func (c *conn) Write(p []byte) (int, error) {
	if !c.opened {
		c.opened = true
		if err := c.open(); err != nil {
			return 0, err
		}
	}
	if c.broken.Load() {
		return len(p), nil // There is nobody to hear it.
	}
	if bytes.HasPrefix(p, []byte(engineGoAhead)) {
		c.phase.Store(int32(content))
		c.until = time.Now().Add(c.server.config.Transfer)
		c.bodyDone, c.bol, c.last = false, true, 0
	}
	if c.asked {
		c.chunkAnswered(bytes.HasPrefix(p, []byte(engineTaken)))
	}
	c.answers = bytes.HasPrefix(p, []byte(engineChallenge))
	if bytes.HasPrefix(p, []byte(engineTooLarge)) {
		c.tooLarge()
	}
	c.out = append(c.out, p...)
	if c.hello && bytes.HasPrefix(p, []byte(engineCapability)) {
		c.hello = false
		for _, offer := range c.offers() {
			c.out = append(c.out, line(offer)...)
		}
	}
	return len(p), nil
}

// tooLarge notes a message that the engine refused for its size.
func (c *conn) tooLarge() {
	var txn transaction
	if c.session != nil {
		txn = c.session.transaction()
	}
	txn.from = c.origin
	c.server.failed(txn, errTooLarge)
}

// chunkAnswered takes note of what became of a chunk.
func (c *conn) chunkAnswered(taken bool) {
	if taken {
		c.waitForReader() // Also of a chunk that is empty.
	}
	c.givenUp = c.partial && !taken && c.left > 0 // It was refused unseen, the message with it.
	c.partial = taken && !c.final
	c.asked = false
}

// offers are the lines that the reply to EHLO gets beside those of the engine.
func (c *conn) offers() (lines []string) {
	if c.secure == nil {
		lines = append(lines, replyOfferTLS)
	} else {
		lines = append(lines, replyOfferRequireTLS)
	}
	if c.proxy {
		lines = append(lines, replyOfferXClient+strings.Join(xclientNames, " "), replyOfferXForward+strings.Join(xforwardNames, " "))
	}
	return lines
}

func (c *conn) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	if err := c.stream.SetWriteDeadline(time.Now().Add(c.server.config.Idle)); err != nil {
		return err
	}
	_, err := c.stream.Write(c.out)
	c.out = c.out[:0]
	return err
}

// Close sends what is left to say and hangs up.
func (c *conn) Close() (err error) {
	c.once.Do(func() {
		defer c.server.closed(c)
		c.Conn.SetWriteDeadline(time.Now().Add(time.Second))
		if !c.broken.Load() && len(c.out) > 0 {
			c.stream.Write(c.out) // The client may be gone: nothing depends on it.
		}
		err = c.Conn.Close()
	})
	return err
}

// The engine's own deadlines are absolute and end transfers that are slow but
// alive; prepare sets rolling ones.
func (c *conn) SetDeadline(time.Time) error      { return nil }
func (c *conn) SetReadDeadline(time.Time) error  { return nil }
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

// tlsState is nil in clear.
func (c *conn) tlsState() *tls.ConnectionState {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.secure == nil {
		return nil
	}
	state := c.secure.ConnectionState()
	return &state
}
