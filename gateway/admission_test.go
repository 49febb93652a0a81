package gateway

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// dialFrom connects from another address of this machine's loopback network.
func dialFrom(t testing.TB, from, address string) *client {
	t.Helper()
	return dialWith(t, &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}, "tcp", address)
}

// onlyThis makes 127.0.0.0/24 the sources of the queues; the rest of loopback
// are strangers.
func onlyThis(c *Config) {
	c.Sources = netip.MustParsePrefix("127.0.0.0/24").Contains
}

// One network of strangers that holds every connection it gets leaves room for
// sources, and for other strangers.
func TestSlowNetworkLeavesRoom(t *testing.T) {
	address, s := serve(t, &memory{}, func(c *Config) { onlyThis(c); c.PerMinute = 1000 })
	seated := 0
	for i := range 500 {
		c := dialFrom(t, fmt.Sprintf("127.0.1.%d", 1+i%200), address)
		switch got := c.reply(); {
		case strings.HasPrefix(got, "220 "):
			c.send("EHL") // And nothing more.
			seated++
		case !strings.HasPrefix(got, "421 4.7.0"):
			t.Fatalf("connection %d heard %q", i, got)
		}
	}
	if seated != 8 || s.sessions() != 8 {
		t.Errorf("%d of 500 connections of one network were taken, %d are open", seated, s.sessions())
	}
	dialFrom(t, "127.0.2.1", address).want("220 ")
	for i := range 100 {
		c := dial(t, address)
		c.hello(false)
		c.envelope()
		c.transfer("DATA", fmt.Sprintf("Subject: %d\r\n\r\n", i))
	}
}

// However many networks strangers come from, a part of the sessions is kept
// for sources; and a session that ends makes room again.
func TestSessionsAreKeptForSources(t *testing.T) {
	address, s := serve(t, &memory{}, func(c *Config) { onlyThis(c); c.MaxSessions = 8 })
	var seated []*client
	for i := range 8 {
		c := dialFrom(t, fmt.Sprintf("127.0.%d.1", 1+i), address)
		want := "220 "
		if i >= 6 {
			want = "421 4.3.2"
		}
		c.want(want)
		seated = append(seated, c)
	}
	dial(t, address).want("220 ")
	dial(t, address).want("220 ")
	dial(t, address).want("421 4.3.2")
	seated[0].say("QUIT", "221")
	seated[0].reply()
	for s.sessions() > 7 {
		seated[1].say("NOOP", "250")
	}
	dialFrom(t, "127.0.9.1", address).want("220 ")
}

// Strangers begin so many sessions in a minute and no more; sources as many as
// they like.
func TestNewSessionsOfStrangersInAMinute(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	s := configured(t, &memory{}, func(c *Config) { onlyThis(c); c.PerMinute = 3 })
	s.now = func() time.Time { return now } // Read by the goroutine that accepts, which is behind each reply.
	address := start(t, s, Listener{})[0]
	begin := func(from, want string) {
		t.Helper()
		c := dialFrom(t, from, address)
		if c.want(want); want == "220 " {
			c.say("QUIT", "221")
			c.reply()
		}
	}
	for range 3 {
		begin("127.0.1.1", "220 ")
	}
	begin("127.0.1.2", "421 4.7.0")
	begin("127.0.2.1", "220 ")
	for range 20 {
		begin("127.0.0.1", "220 ")
	}
}

// A minute later a network begins anew, and what was quiet is forgotten.
func TestNetworksAreForgotten(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	s := configured(t, &memory{}, func(c *Config) { c.PerMinute = 1 })
	s.now = func() time.Time { return now }
	seat := func(from string) error {
		c := &conn{origin: origin{addr: netip.MustParseAddr(from)}}
		err := s.seat(c)
		s.strangers.leave(c.seat)
		return err
	}
	for i := range 100 {
		if err := seat(fmt.Sprintf("198.51.%d.1", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := seat("198.51.7.200"); err == nil {
		t.Error("a second session of a network in one minute")
	}
	now = now.Add(time.Minute)
	if err := seat("198.51.7.200"); err != nil {
		t.Error(err)
	}
	if n := len(s.strangers.networks); n != 1 {
		t.Errorf("%d networks are remembered, want 1", n)
	}
}

func TestNetworkOf(t *testing.T) {
	for a, want := range map[string]string{"192.0.2.7": "192.0.2.0/24", "2001:db8:1:2::3": "2001:db8:1::/48", "fe80::1%eth0": "fe80::/48"} {
		if got := networkOf(netip.MustParseAddr(a)); got.String() != want {
			t.Errorf("%s is of %s, want %s", a, got, want)
		}
	}
}

// Guessing addresses is slow, whether they exist or not; a source is never
// delayed, whatever it writes.
func TestTarpit(t *testing.T) {
	s := configured(t, &memory{}, onlyThis)
	pauses := make(chan time.Duration, 100)
	s.pause = func(d time.Duration) { pauses <- d }
	address := start(t, s, Listener{})[0]
	guess := func(from, want string) (all []time.Duration) {
		c := dialFrom(t, from, address)
		c.hello(false)
		c.say("MAIL FROM:<>", "250")
		for i := range 6 {
			c.say("RCPT TO:<"+[]string{far, "nobody@journal.example.net"}[i%2]+">", want)
		}
		for len(pauses) > 0 {
			all = append(all, <-pauses)
		}
		return all
	}
	if got := guess("127.0.0.1", ""); len(got) > 0 {
		t.Errorf("a source waited %v", got)
	}
	// Loopback may be a slip of ours: only the queue that exists is refused.
	if got, want := guess("127.0.1.1", ""), []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}; !slices.Equal(got, want) {
		t.Errorf("a stranger waited %v, want %v", got, want)
	}
}

// A server that stops waits for no tarpit.
func TestStopEndsTheTarpit(t *testing.T) {
	s := configured(t, &memory{}, nil)
	close(s.ending)
	s.wait(time.Hour)
}

// Strangers behind a proxy are counted one by one, the proxy is not.
func TestStrangersBehindAProxy(t *testing.T) {
	address, _ := serve(t, &memory{}, func(c *Config) { onlyThis(c); throughLoopback(c); c.PerNetwork = 1 })
	behind := func(client, want string) {
		t.Helper()
		c := dial(t, address)
		c.send(proxyHeader(t, 2, client))
		c.want(want)
	}
	behind("198.51.100.1:1", "220 ")
	behind("198.51.100.2:2", "421 4.7.0")
	behind("203.0.113.1:3", "220 ")
	for range 3 {
		behind("127.0.0.1:4", "220 ")
	}
}

// REQUIRETLS is offered and taken where TLS is on, and there alone (RFC 8689
// section 2).
func TestRequireTLS(t *testing.T) {
	address, _ := serve(t, &memory{}, nil)
	c := dial(t, address)
	c.want("220 ")
	if caps := c.say("EHLO x", "250"); strings.Contains(caps, "REQUIRETLS") {
		t.Errorf("offered in clear: %q", caps)
	}
	c.say("MAIL FROM:<a@b.example> REQUIRETLS", "451 4.7.10")
	c.say("STARTTLS", "220")
	c.handshake()
	if caps := c.say("EHLO x", "250"); !strings.Contains(caps, "250-REQUIRETLS\r\n") {
		t.Errorf("not offered under TLS: %q", caps)
	}
	c.say("MAIL FROM:<a@b.example> REQUIRETLS", "250")
	c.say("RCPT TO:<"+to+">", "250")
	c.transfer("DATA", bodies["plain"])
}

// A stranger that stays busy is sent away after a while, a source is not.
func TestVisitsOfStrangersEnd(t *testing.T) {
	address, _ := serve(t, &memory{}, func(c *Config) { onlyThis(c); c.Visit = 50 * time.Millisecond })
	source, stranger := dial(t, address), dialFrom(t, "127.0.1.1", address)
	source.hello(false)
	stranger.hello(false)
	for {
		stranger.net.Write([]byte("NOOP\r\n")) // Fails when it is over.
		if got := stranger.reply(); !strings.HasPrefix(got, "250") {
			break
		}
	}
	source.say("NOOP", "250")
}

// A message that the disk has no room for is put off before it is sent, one
// that fits is taken.
func TestMessagesAreTakenAsLongAsThereIsRoom(t *testing.T) {
	room := int64(1000)
	address, _ := serve(t, &memory{}, func(c *Config) { c.Room = func() int64 { return atomic.LoadInt64(&room) } })
	c := dial(t, address)
	c.hello(false)
	c.say("MAIL FROM:<alice@contoso.example> SIZE=1001", "452 4.3.1")
	c.say("MAIL FROM:<alice@contoso.example> SIZE=1000", "250")
	c.say("RSET", "250")
	atomic.StoreInt64(&room, 0)
	c.say("MAIL FROM:<alice@contoso.example>", "452 4.3.1")
	atomic.StoreInt64(&room, 1)
	c.envelope()
	c.transfer("DATA", bodies["plain"])
}
