package gateway

import (
	"maps"
	"net/netip"
	"strings"
	"testing"
)

func fromPostfix(c *Config) { c.XClient = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }

// XCLIENT puts the client in the place of the peer: for admission, as evidence,
// and the session begins anew.
func TestXClient(t *testing.T) {
	a := &memory{}
	address, _ := serve(t, a, fromPostfix)
	c := dial(t, address)
	c.want("220 ")
	if caps := c.say("EHLO postfix.example", "250"); !strings.Contains(caps, "250-XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT\r\n") {
		t.Errorf("EHLO offers %q", caps)
	}
	c.envelope()
	c.say("XCLIENT ADDR=192.0.2.7", "503 5.5.1")
	c.say("RSET", "250")
	c.say("XCLIENT NAME=mx.far.example ADDR=192.0.2.7 PORT=4321 PROTO=ESMTP", "220 ")
	c.say("MAIL FROM:<>", "503")
	c.say("EHLO postfix.example", "250")
	c.say("XCLIENT HELO=mx+2Bfar.example LOGIN=+C3+A9ve DESTADDR=198.51.100.1 DESTPORT=25", "220 ")
	c.say("EHLO postfix.example", "250")
	c.say("MAIL FROM:<alice@contoso.example>", "250")
	c.say("RCPT TO:<"+to+">", "550 5.7.1")
	c.say("RCPT TO:<"+far+">", "250")
	c.transfer("DATA", bodies["plain"])
	if p := a.all()[0].Meta.Peer; p.IP != "192.0.2.7" || p.Port != 4321 || p.Helo != "mx+far.example" || p.Auth != "\u00e9ve" || p.Proxy != "127.0.0.1" ||
		!maps.Equal(p.Forwarded, map[string]string{"NAME": "mx.far.example", "PROTO": "ESMTP", "DESTADDR": "198.51.100.1", "DESTPORT": "25"}) {
		t.Errorf("evidence %+v", p)
	}
	c.say("XCLIENT ADDR=IPV6:2001:db8::7 HELO=[UNAVAILABLE] LOGIN=[UNAVAILABLE]", "220 ")
	c.say("EHLO postfix.example", "250")
	c.say("MAIL FROM:<>", "250")
	c.say("RCPT TO:<"+far+">", "550 5.7.1")
	c.say("RSET", "250")
	for _, bad := range []string{"", "ADDR", "ADDR=1.2.3", "PORT=65536", "COLOUR=red", "HELO=+", "HELO=+4", "HELO=+XY"} {
		c.say("XCLIENT "+bad, "501 5.5.4")
	}
}

// A client whose address the proxy does not know is nobody's source, and not
// for good: the mail may be ours.
func TestXClientWithoutAddress(t *testing.T) {
	address, _ := serve(t, &memory{}, fromPostfix)
	for _, value := range []string{"[UNAVAILABLE]", "[TEMPUNAVAIL]"} {
		c := dial(t, address)
		c.want("220 ")
		c.say("XCLIENT ADDR="+value, "220 ")
		c.say("EHLO postfix.example", "250")
		c.say("MAIL FROM:<>", "250")
		c.say("RCPT TO:<"+to+">", "451 4.3.0")
	}
}

// What XFORWARD says is noted for the next transaction and lets nobody in.
func TestXForward(t *testing.T) {
	a := &memory{}
	address, _ := serve(t, a, fromPostfix)
	c := dial(t, address)
	c.want("220 ")
	if caps := c.say("EHLO postfix.example", "250"); !strings.Contains(caps, "250-XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n") {
		t.Errorf("EHLO offers %q", caps)
	}
	c.say("XFORWARD NAME=mx.far.example ADDR=192.0.2.7", "250 2.0.0")
	c.say("XFORWARD IDENT=4Zq+3D1 SOURCE=[UNAVAILABLE]", "250 2.0.0")
	c.say("XFORWARD LOGIN=alice", "501 5.5.4")
	c.say("MAIL FROM:<alice@contoso.example>", "250")
	c.say("XFORWARD ADDR=192.0.2.8", "503 5.5.1")
	c.say("RCPT TO:<"+far+">", "550 5.7.1")
	c.say("RCPT TO:<"+to+">", "250")
	c.transfer("DATA", bodies["plain"])
	c.envelope()
	c.transfer("DATA", bodies["dots"])
	want := map[string]string{"NAME": "mx.far.example", "ADDR": "192.0.2.7", "IDENT": "4Zq=1", "SOURCE": ""}
	if p := a.all()[0].Meta.Peer; p.IP != "127.0.0.1" || !maps.Equal(p.Forwarded, want) {
		t.Errorf("evidence %+v", p)
	}
	if p := a.all()[1].Meta.Peer; len(p.Forwarded) > 0 {
		t.Errorf("of the next transaction: %+v", p)
	}
}

// Others are not offered the commands, and do not get them.
func TestXClientOfOthersIsNotUnderstood(t *testing.T) {
	a := &memory{}
	address, _ := serve(t, a, func(c *Config) { c.XClient = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	c := dial(t, address)
	c.want("220 ")
	if caps := c.say("EHLO mx.contoso.example", "250"); strings.Contains(caps, "XCLIENT") || strings.Contains(caps, "XFORWARD") {
		t.Errorf("EHLO offers %q", caps)
	}
	c.say("XCLIENT ADDR=192.0.2.7", "50")
	c.say("XFORWARD ADDR=192.0.2.7", "50")
	c.envelope()
	c.transfer("DATA", bodies["plain"])
	if p := a.all()[0].Meta.Peer; p.IP != "127.0.0.1" {
		t.Errorf("evidence %+v", p)
	}
}
