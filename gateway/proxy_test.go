package gateway

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"
)

// proxyHeader is what a proxy sends for a client that is no source of a queue.
func proxyHeader(t *testing.T, version byte, client string) string {
	t.Helper()
	from := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(client))
	var b bytes.Buffer
	if _, err := proxyproto.HeaderProxyFromAddrs(version, from, &net.TCPAddr{IP: from.IP, Port: 25}).WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func throughLoopback(c *Config) {
	c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
}

const far = "far-99999@journal.example.net"

// Behind a trusted proxy the client counts, for admission and as evidence: in
// both versions of the protocol, also where TLS follows in the same packet.
func TestProxiedClientIsThePeer(t *testing.T) {
	a := &memory{}
	addresses := start(t, configured(t, a, throughLoopback), Listener{}, Listener{TLS: true})
	for version := byte(1); version <= 2; version++ {
		for i, address := range addresses {
			c := dial(t, address)
			header := proxyHeader(t, version, "192.0.2.7:4321")
			if i == 0 {
				c.send(header)
			} else {
				c.conn = &prefixed{Conn: c.net, first: header}
				c.net = c.conn
				c.handshake()
			}
			c.hello(false)
			c.say("MAIL FROM:<alice@contoso.example>", "250")
			c.say("RCPT TO:<"+to+">", "550 5.7.1")
			c.say("RCPT TO:<"+far+">", "250")
			c.transfer("DATA", "Subject: "+c.conn.LocalAddr().String()+"\r\n\r\nx\r\n")
			all := a.all()
			if p := all[len(all)-1].Meta.Peer; p.IP != "192.0.2.7" || p.Port != 4321 {
				t.Errorf("version %d: evidence %+v", version, p)
			}
		}
	}
}

// prefixed sends something ahead of the first write, in the same packet.
type prefixed struct {
	net.Conn
	first string
}

func (p *prefixed) Write(b []byte) (int, error) {
	if p.first == "" {
		return p.Conn.Write(b)
	}
	_, err := p.Conn.Write(append([]byte(p.first), b...))
	p.first = ""
	return len(b), err
}

// What a proxy asks for itself counts as from the proxy.
func TestProxyIsItsOwnClient(t *testing.T) {
	c := dial(t, start(t, configured(t, &memory{}, throughLoopback), Listener{})[0])
	c.send("PROXY UNKNOWN\r\n")
	c.hello(false)
	c.envelope(to)
}

// Nobody but a trusted proxy can name another client.
func TestProxyHeaderOfOthersIsNotUnderstood(t *testing.T) {
	address, _ := serve(t, &memory{}, func(c *Config) { c.Proxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	c := dial(t, address)
	c.want("220 ")
	c.send(proxyHeader(t, 1, "192.0.2.7:4321"))
	c.want("50")
	c.say("EHLO mx.contoso.example", "250")
	c.say("MAIL FROM:<>", "250")
	c.say("RCPT TO:<"+far+">", "550 5.7.1")
}

// A trusted proxy that sends no header, a wrong one or nothing is sent away
// without a word, and keeps nobody waiting meanwhile.
func TestProxyWithoutHeaderIsSentAway(t *testing.T) {
	address, _ := serve(t, &memory{}, func(c *Config) { throughLoopback(c); c.Idle = 200 * time.Millisecond })
	silent := dial(t, address)
	for _, first := range []string{"EHLO mx.contoso.example\r\n", "PROXY TCP4 192.0.2.7\r\n", "PROXY TCP4 " + strings.Repeat("1", 200), "\r\n\r\n\x00\r\nQUIT\n\x21\x31\xff\xff"} {
		c := dial(t, address)
		c.send(first)
		c.closeWrite()
		if got := c.reply(); got != "" {
			t.Errorf("after %.20q: %q", first, got)
		}
	}
	if _, err := silent.r.ReadByte(); err != io.EOF {
		t.Errorf("a silent proxy was not sent away: %v", err)
	}
}
