package gateway

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"
)

// Where TLS is on from the first byte it is offered no second time, and the
// evidence says that it was on.
func TestImplicitTLS(t *testing.T) {
	a := &memory{}
	addresses := start(t, configured(t, a, nil), Listener{}, Listener{TLS: true})
	plain, secure := dial(t, addresses[0]), dial(t, addresses[1])
	plain.hello(false)
	secure.handshake()
	secure.want("220 ")
	if caps := secure.say("EHLO mx.contoso.example", "250"); strings.Contains(caps, "STARTTLS") {
		t.Errorf("STARTTLS is offered under TLS: %s", caps)
	}
	secure.say("STARTTLS", "503 5.5.1")
	for _, c := range []*client{plain, secure} {
		c.envelope()
		c.transfer("DATA", "Subject: x\r\n\r\nfrom "+c.conn.LocalAddr().String()+"\r\n")
	}
	all := a.all()
	if len(all) != 2 || all[0].Meta.Peer.TLS != "" || !strings.HasPrefix(all[1].Meta.Peer.TLS, "TLS 1.3 TLS_") {
		t.Errorf("%d records, evidence %+v and %+v", len(all), all[0].Meta.Peer, all[len(all)-1].Meta.Peer)
	}
}

// A client that speaks in clear where TLS is expected hears nothing in clear,
// and does not keep others from being served.
func TestClearTextWhereTLSIsExpected(t *testing.T) {
	addresses := start(t, configured(t, &memory{}, nil), Listener{TLS: true})
	silent, clear := dial(t, addresses[0]), dial(t, addresses[0])
	clear.send("EHLO mx.contoso.example\r\n")
	if got := clear.reply(); strings.Contains(got, "220") || strings.Contains(got, "250") {
		t.Errorf("heard in clear: %q", got)
	}
	other := dial(t, addresses[0])
	other.handshake()
	other.want("220 ")
	silent.net.Close()
}

// TLS before 1.2 is spoken nowhere (RFC 8996).
func TestOldTLSIsNotSpoken(t *testing.T) {
	addresses := start(t, configured(t, &memory{}, nil), Listener{}, Listener{TLS: true})
	for i, address := range addresses {
		c := dial(t, address)
		if i == 0 {
			c.want("220 ")
			c.say("EHLO x", "250")
			c.say("STARTTLS", "220")
		}
		old := tls.Client(c.net, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
		if err := old.Handshake(); err == nil {
			t.Errorf("listener %d speaks %s", i, tls.VersionName(old.ConnectionState().Version))
		}
	}
	weak := selfSigned().Clone()
	weak.MinVersion = tls.VersionTLS11
	if _, err := New(Config{TLS: weak, Spool: t.TempDir()}, &memory{}, queues, nil); err == nil {
		t.Error("a server that speaks TLS 1.1 was made")
	}
}

// When one listener fails the others are closed too: the caller hears of it.
func TestServeEndsWithItsListeners(t *testing.T) {
	var listeners []Listener
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listeners = append(listeners, Listener{Listener: l})
	}
	listeners[1].Close()
	if err := configured(t, &memory{}, nil).Serve(t.Context(), listeners...); err == nil || !strings.Contains(err.Error(), "serve SMTP") {
		t.Errorf("ended with %v", err)
	}
	if _, err := net.Dial("tcp", listeners[0].Addr().String()); err == nil {
		t.Error("the other listener is still open")
	}
}
