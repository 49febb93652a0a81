package gateway

import (
	"fmt"
	"net"
	"time"
)

// Listener is where clients connect, and how they speak there.
type Listener struct {
	net.Listener
	TLS  bool // From the first byte (RFC 8314 section 3.3); else after STARTTLS.
	LMTP bool // For a mail server beside us: LMTP (RFC 2033), with a reply for each recipient; else SMTP.
}

func (l Listener) way() way { return way{tls: l.TLS, lmtp: l.LMTP} }

// door gives the engine the connections that are admitted.
type door struct {
	Listener
	server *Server
}

func (d *door) Accept() (net.Conn, error) {
	for {
		n, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from, err := originOf(n)
		if err != nil { // The client is gone already.
			n.Close()
			continue
		}
		c, err := d.server.open(n, from, d.way())
		if err == nil {
			return c, nil
		}
		if !d.TLS {
			n.SetWriteDeadline(time.Now().Add(time.Second))
			fmt.Fprint(n, line(turnAway(err))) // It fits into the socket's buffer and waits for nobody.
		}
		n.Close()
	}
}
