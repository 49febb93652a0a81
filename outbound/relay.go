package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"net/textproto"
	"time"
)

// ErrRefused is wrapped by errors of Relay.Send and Webhook.Post when another try would fail as well.
var ErrRefused = errors.New("refused for good")

// Relay hands messages to the mail server that IT names (RFC 6409). It is dialled wherever it is: who names it in the
// configuration may reach it.
type Relay struct {
	Address  string        // host:port
	From     string        // Envelope sender.
	Hello    string        // Name in EHLO; default "localhost".
	Username string        // With Password, for AUTH PLAIN: in TLS alone.
	Password string        //
	TLS      *tls.Config   // Default: certificates are verified when a password is used, and are what they are when none is.
	Patience time.Duration // For all of a message; default 1 minute.
}

// Send hands on a message for one recipient. TLS is used when it is offered, and has to be when a password is used. The
// relay has the message when the error is nil; one that wraps ErrRefused says that it never will.
func (r Relay) Send(ctx context.Context, to string, message []byte) error {
	patience := r.Patience
	if patience == 0 {
		patience = time.Minute
	}
	host, _, err := net.SplitHostPort(r.Address)
	if err != nil {
		return fmt.Errorf("address of the relay: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", r.Address)
	if err != nil {
		return fmt.Errorf("call the relay: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return fmt.Errorf("greet the relay: %w", err)
	}
	if err := r.open(c, host); err != nil {
		return err
	}
	return r.send(c, to, message)
}

// open says EHLO, STARTTLS (RFC 3207) and AUTH (RFC 4954).
func (r Relay) open(c *smtp.Client, host string) error {
	hello := r.Hello
	if hello == "" {
		hello = "localhost"
	}
	if err := c.Hello(hello); err != nil {
		return fmt.Errorf("greet the relay: %w", err)
	}
	offered, _ := c.Extension("STARTTLS")
	switch {
	case offered:
		config := r.TLS.Clone()
		if config == nil {
			config = &tls.Config{InsecureSkipVerify: r.Password == ""} // Else the next step would be no TLS at all.
		}
		config.ServerName = host
		if err := c.StartTLS(config); err != nil {
			return fmt.Errorf("begin TLS with the relay: %w", err)
		}
	case r.Password != "":
		return errors.New("the relay offers no STARTTLS, and a password is not sent in clear")
	}
	if r.Password == "" {
		return nil
	}
	if err := c.Auth(smtp.PlainAuth("", r.Username, r.Password, host)); err != nil {
		return fmt.Errorf("sign in at the relay: %w", err)
	}
	return nil
}

// send goes through the transaction (RFC 5321 section 3.3).
func (r Relay) send(c *smtp.Client, to string, message []byte) error {
	if err := c.Mail(r.From); err != nil {
		return fmt.Errorf("the relay does not take the sender: %w", err) // As IT can mend: another try may not fail.
	}
	if err := c.Rcpt(to); err != nil {
		return answered("recipient", err)
	}
	w, err := c.Data()
	if err != nil {
		return answered("message", err)
	}
	if _, err := w.Write(message); err != nil {
		return fmt.Errorf("send the message: %w", err)
	}
	if err := w.Close(); err != nil {
		return answered("message", err)
	}
	c.Quit() // What was said before counts.
	return nil
}

// answered says what the relay said to a part of a transaction.
func answered(part string, err error) error {
	var reply *textproto.Error
	if errors.As(err, &reply) && reply.Code >= 500 {
		return fmt.Errorf("the relay does not take the %s: %w: %w", part, err, ErrRefused)
	}
	return fmt.Errorf("the relay does not take the %s: %w", part, err)
}
