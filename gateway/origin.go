package gateway

import (
	"errors"
	"net"
	"net/netip"
)

// origin is where a session comes from.
type origin struct {
	addr netip.Addr // What the sources of a queue are compared with.
	port int
	name string // Of a peer that is no address: its socket.
}

// originOf tells where a connection comes from. Who can reach a socket of this
// machine is this machine.
func originOf(n net.Conn) (origin, error) {
	if socket, ok := n.LocalAddr().(*net.UnixAddr); ok {
		return origin{addr: netip.AddrFrom4([4]byte{127, 0, 0, 1}), name: "unix:" + socket.Name}, nil
	}
	a, err := netip.ParseAddrPort(n.RemoteAddr().String())
	if err != nil {
		return origin{}, errors.Join(errForeign, err)
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
