package gateway

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/emersion/go-smtp"

	"polytrace/archive"
	"polytrace/message"
)

// hand tries to hand a message on to the recipients that are left. down is why
// the hop could not even be asked: it is away, and so for all mail.
func (r *Relay) hand(ctx context.Context, p *parcel, hop string, state *hopState) (outcomes []Delivery, down error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // Closes the connections.
	m, l, err := r.look(ctx, p.at)
	switch {
	case errors.Is(err, archive.ErrGone):
		return never(p.open, "the message was removed"), nil
	case err != nil:
		return later(p.open, "the message cannot be read: "+err.Error()), nil
	case loops(l.head, r.config.Hostname):
		return never(p.open, "the message goes round in a circle"), nil
	}
	c, err := r.greet(ctx, hop, state, m.Envelope.RequireTLS)
	if err != nil {
		err = fmt.Errorf("greet the next hop: %w", err)
		return later(p.open, err.Error()), err
	}
	l.size += int64(len(trace(m, r.config.Hostname)))
	options, err := mailOptions(c, m, l, p.open)
	if err != nil {
		return never(p.open, err.Error()), nil
	}
	t := handing{relay: r, client: c, at: p.at, meta: m}
	t.send(ctx, options, p.open)
	return t.outcomes, nil
}

// greet says EHLO, and STARTTLS where that is offered. The client can say it at
// its beginning only, so who offers it for the first time is called again.
func (r *Relay) greet(ctx context.Context, hop string, state *hopState, onlyTLS bool) (*smtp.Client, error) {
	if !state.startTLS.Load() {
		conn, err := r.dial(ctx, hop)
		if err != nil {
			return nil, err
		}
		c := smtp.NewClient(conn)
		if err := c.Hello(r.config.Hostname); err != nil {
			return nil, err
		}
		if offered, _ := c.Extension("STARTTLS"); !offered {
			return c, nil
		}
		conn.Close()
	}
	conn, err := r.dial(ctx, hop)
	if err != nil {
		return nil, err
	}
	config := r.config.TLS.Clone()
	if config.ServerName, _, err = net.SplitHostPort(hop); err != nil {
		return nil, err
	}
	if onlyTLS { // RFC 8689 section 4.2.1: the certificate has to be good.
		config.InsecureSkipVerify = false
	}
	c, err := smtp.NewClientStartTLS(conn, config)
	if err == nil {
		err = c.Hello(r.config.Hostname)
	}
	state.startTLS.Store(err == nil)
	return c, err
}

// dial opens a connection that ends with ctx.
func (r *Relay) dial(ctx context.Context, hop string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: r.config.Patience}).DialContext(ctx, "tcp", hop)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	return patient{conn, r.config.Patience}, nil
}

// patient is a connection that gives up when the other side is silent. The client
// sets deadlines for commands alone, and none while it sends a message.
type patient struct {
	net.Conn
	patience time.Duration
}

// Read implements net.Conn.
func (p patient) Read(b []byte) (int, error) {
	if err := p.Conn.SetReadDeadline(time.Now().Add(2 * p.patience)); err != nil {
		return 0, err
	}
	return p.Conn.Read(b)
}

// Write implements net.Conn.
func (p patient) Write(b []byte) (int, error) {
	if err := p.Conn.SetWriteDeadline(time.Now().Add(p.patience)); err != nil {
		return 0, err
	}
	return p.Conn.Write(b)
}

// SetDeadline implements net.Conn.
func (patient) SetDeadline(time.Time) error { return nil }

// handing is a transaction with a next hop.
type handing struct {
	relay    *Relay
	client   *smtp.Client
	at       archive.Address
	meta     archive.Meta
	outcomes []Delivery
}

// send goes through the transaction (RFC 5321 section 3.3).
func (t *handing) send(ctx context.Context, options *smtp.MailOptions, to []string) {
	if err := t.client.Mail(t.meta.Envelope.From, options); err != nil {
		t.ended(to, err)
		return
	}
	var taken []string
	for i, one := range to {
		if !sendable(one) {
			t.outcomes = append(t.outcomes, never([]string{one}, "the address cannot be written in SMTP")...)
			continue
		}
		err := t.client.Rcpt(one, t.rcptOptions(one))
		if err == nil {
			taken = append(taken, one)
			continue
		}
		if _, _, answered := hopReply(err); !answered {
			t.ended(append(taken, to[i:]...), err)
			return
		}
		t.ended([]string{one}, err)
	}
	if len(taken) > 0 {
		t.data(ctx, taken)
	}
	t.client.Quit() // What was said before counts.
}

// ended notes the same end for several recipients.
func (t *handing) ended(to []string, err error) {
	text, isFinal, answered := hopReply(err)
	switch {
	case !answered:
		t.outcomes = append(t.outcomes, later(to, "the connection was lost: "+err.Error())...)
	case isFinal:
		t.outcomes = append(t.outcomes, never(to, text)...)
	default:
		t.outcomes = append(t.outcomes, later(to, text)...)
	}
}

// data sends the message: one Received field, then what is stored, with CRLF at
// all ends of lines.
func (t *handing) data(ctx context.Context, to []string) {
	_, body, err := t.relay.archive.ReadBody(ctx, t.at)
	if err != nil {
		t.outcomes = append(t.outcomes, later(to, "the message cannot be read: "+err.Error())...)
		return
	}
	defer body.Close()
	w, err := t.client.Data()
	if err != nil {
		t.ended(to, err)
		return
	}
	if err = copyLines(w, io.MultiReader(strings.NewReader(trace(t.meta, t.relay.config.Hostname)), body)); err != nil {
		t.client.Close() // Without the dot at the end the hop takes nothing.
		t.ended(to, err)
		return
	}
	said, err := w.CloseWithResponse()
	if err != nil {
		t.ended(to, err)
		return
	}
	for _, one := range to {
		t.outcomes = append(t.outcomes, Delivery{To: one, Status: Sent, Reply: hopTaken(said.StatusText)})
	}
}

// rcptOptions hands on whether the sender wants to hear: a copy that asks for no
// bounce gets none (RFC 3461 section 5.2).
func (t *handing) rcptOptions(to string) *smtp.RcptOptions {
	for _, d := range t.meta.Envelope.DSN {
		if _, address := message.Token(d.To); d.To != to && address != to {
			continue
		}
		o := &smtp.RcptOptions{}
		for _, n := range d.Notify {
			o.Notify = append(o.Notify, smtp.DSNNotify(n))
		}
		return o
	}
	return nil
}

// sendable reports whether an address cannot be mistaken for more than one.
func sendable(address string) bool {
	return !strings.ContainsFunc(address, func(c rune) bool { return c <= ' ' || c == '<' || c == '>' || c == 0x7f })
}

// mailOptions are those of MAIL. It is an error when the hop lacks what the
// message needs: it would have to be rewritten.
func mailOptions(c *smtp.Client, m archive.Meta, l *survey, to []string) (*smtp.MailOptions, error) {
	has := func(extension string) bool {
		ok, _ := c.Extension(extension)
		return ok
	}
	o := &smtp.MailOptions{Size: l.size, RequireTLS: m.Envelope.RequireTLS}
	addresses := m.Envelope.From + strings.Join(to, "")
	o.UTF8 = strings.ContainsFunc(addresses, isEightBit) || m.Envelope.UTF8 && l.headEight
	if ret := smtp.DSNReturn(m.Envelope.Return); ret == smtp.DSNReturnFull || ret == smtp.DSNReturnHeaders {
		o.Return = ret
	}
	most, limited := c.MaxMessageSize()
	switch {
	case !sendable(m.Envelope.From):
		return nil, errors.New("the sender's address cannot be written in SMTP")
	case l.null:
		return nil, errors.New("the message holds NUL, which cannot be sent as lines (RFC 3030)")
	case l.eight && !has("8BITMIME"):
		return nil, errors.New("the next hop takes no 8-bit text (RFC 6152)")
	case o.UTF8 && !has("SMTPUTF8"):
		return nil, errors.New("the next hop takes no addresses in UTF-8 (RFC 6531)")
	case o.RequireTLS && !has("REQUIRETLS"):
		return nil, errors.New("the next hop does not promise TLS all the way, as the sender asked (RFC 8689)")
	case limited && most > 0 && o.Size > int64(most):
		return nil, fmt.Errorf("the next hop takes %d bytes, the message has %d (RFC 1870)", most, o.Size)
	}
	return o, nil
}

func isEightBit(c rune) bool { return c >= 0x80 }

// never is the same final failure for all.
func never(to []string, reply string) (all []Delivery) {
	for _, one := range to {
		all = append(all, Delivery{To: one, Status: Failed, Reply: reply})
	}
	return all
}

// trace is the Received field of our own (RFC 5321 section 4.4): how the
// message came here.
func trace(m archive.Meta, hostname string) string {
	from, with := "unknown", "ESMTP"
	if p := m.Peer; p != nil {
		if p.Helo != "" && !strings.ContainsFunc(p.Helo, func(c rune) bool {
			return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_", c)
		}) {
			from = p.Helo
		}
		if ip, err := netip.ParseAddr(p.IP); err == nil && ip.Is4() {
			from += " ([" + p.IP + "])"
		} else if err == nil {
			from += " ([IPv6:" + p.IP + "])"
		}
		if p.TLS != "" {
			with = "ESMTPS"
		}
	}
	return fmt.Sprintf("Received: from %s\r\n\tby %s with %s id %s.%d;\r\n\t%s\r\n", from, hostname, with, m.Stream, m.Position, m.Received.UTC().Format(time.RFC1123Z))
}

// survey is what has to be known of a message before it is sent.
type survey struct {
	head        []byte // Its begin.
	size        int64  // As it is sent.
	eight, null bool
	headEight   bool
}

// look reads a message through, which also finds out whether it is whole.
func (r *Relay) look(ctx context.Context, at archive.Address) (archive.Meta, *survey, error) {
	m, body, err := r.archive.ReadBody(ctx, at)
	if err != nil {
		return m, nil, err
	}
	l := &survey{}
	err = errors.Join(copyLines(l, body), body.Close())
	header, _, _ := bytes.Cut(l.head, []byte("\r\n\r\n"))
	l.headEight = bytes.ContainsFunc(header, isEightBit)
	return m, l, err
}

// Write implements io.Writer.
func (l *survey) Write(b []byte) (int, error) {
	l.size += int64(len(b))
	l.head = append(l.head, b[:min(len(b), maxLoopHeader-len(l.head))]...)
	for _, c := range b {
		l.eight = l.eight || c >= 0x80
		l.null = l.null || c == 0
	}
	return len(b), nil
}

// copyLines copies lines, each with CRLF at its end. A bare CR becomes a blank,
// as with Postfix: a line end in its place could begin a field that the sender
// did not write.
func copyLines(w io.Writer, r io.Reader) error {
	in, out := bufio.NewReaderSize(r, 32<<10), bufio.NewWriterSize(w, 32<<10)
	returns := 0 // CRs that wait for what comes.
	for {
		c, err := in.ReadByte()
		if err == io.EOF {
			return out.Flush()
		}
		if err != nil {
			return err
		}
		switch {
		case c == '\r':
			returns++
			continue
		case c == '\n':
			out.WriteString("\r\n") // Errors stay, for Flush.
		default:
			for range returns {
				out.WriteByte(' ')
			}
			out.WriteByte(c)
		}
		returns = 0
	}
}
