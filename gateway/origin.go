package gateway

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/pires/go-proxyproto"
)

// origin is where a session comes from.
type origin struct {
	addr  netip.Addr // What the sources of a queue are compared with.
	port  int
	name  string     // Of a peer that is no address: its socket.
	proxy netip.Addr // The peer, when it is a proxy that named the client.

	helo, login string     // As XCLIENT says; "" when it does not. The login of AUTH too.
	told        attributes // What else XCLIENT says.
}

// originOf tells where a connection comes from. Who can reach a socket of this
// machine is this machine.
func originOf(n net.Conn) (origin, error) {
	if socket, ok := n.LocalAddr().(*net.UnixAddr); ok {
		return origin{addr: netip.AddrFrom4([4]byte{127, 0, 0, 1}), name: "unix:" + socket.Name}, nil
	}
	a, err := netip.ParseAddrPort(n.RemoteAddr().String())
	if err != nil {
		return origin{}, fmt.Errorf("address of a peer: %w", err)
	}
	return origin{addr: a.Addr().Unmap(), port: int(a.Port())}, nil
}

// String is how evidence and log name it.
func (o origin) String() string {
	if o.name != "" {
		return o.name
	}
	return o.addr.String()
}

// readProxyHeader reads who the client is from what a proxy sends first, the
// PROXY protocol in version 1 or 2. A trusted proxy sends it always: guessing
// whether it is there would let clients write it.
func (c *conn) readProxyHeader() error {
	if err := c.Conn.SetReadDeadline(time.Now().Add(min(c.server.config.Idle, proxyPatience))); err != nil {
		return err
	}
	if !c.setIdle(true) {
		return errStopping
	}
	header, err := proxyproto.Read(c.in)
	c.setIdle(false)
	if err != nil {
		return fmt.Errorf("read PROXY header: %w", err)
	}
	if header.Command.IsLocal() {
		return nil // The proxy itself, to see whether we are there.
	}
	client, _, ok := header.TCPAddrs()
	if !ok {
		return errors.New("read PROXY header: it names no client of TCP")
	}
	from := client.AddrPort()
	c.origin = origin{addr: from.Addr().Unmap(), port: int(from.Port()), proxy: c.origin.addr}
	c.server.log.Debug("client named by a proxy", "peer", c.origin, "proxy", c.origin.proxy)
	return nil
}

// proxyPatience is how long a proxy may take for its header. It sends it at
// once and in one piece.
const proxyPatience = 10 * time.Second

// ahead is a connection of which something was read already.
type ahead struct {
	net.Conn
	r io.Reader
}

func (a ahead) Read(p []byte) (int, error) { return a.r.Read(p) }
