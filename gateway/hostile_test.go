package gateway

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// What hostile clients send is taken or refused in bounded memory, and others
// are served meanwhile.
func TestHostileClients(t *testing.T) {
	address, s := serve(t, discard{}, func(c *Config) { c.MaxMessage = 64 << 20 })
	others := dial(t, address)
	others.hello(false)
	for name, body := range map[string]string{
		"4 MB of CRLF":    strings.Repeat("\r\n", 2<<20),
		"100,000 headers": strings.Repeat("X-Header: value\r\n", 100_000) + "\r\nx\r\n",
		"NUL bytes":       strings.Repeat("\x00", 4<<20) + "\r\n",
		"4 MB of dots":    strings.Repeat(".\r\n", 1<<20),
	} {
		for _, way := range []string{"DATA", "BDAT"} {
			c := dial(t, address)
			c.hello(false)
			c.envelope()
			sent := stuffed(body)
			if way == "DATA" {
				c.say("DATA", "354")
			} else {
				sent = fmt.Sprintf("BDAT %d LAST\r\n%s", len(body), body)
			}
			wire := []byte(sent)
			before := allocated()
			if _, err := c.net.Write(wire); err != nil {
				t.Fatal(err)
			}
			c.want("250 ")
			grown := allocated() - before
			t.Logf("%s by %s: %d KiB were allocated", name, way, grown>>10)
			if grown > 12<<20 {
				t.Errorf("%s by %s took %d MiB", name, way, grown>>20)
			}
			others.say("NOOP", "250")
		}
	}
	if n := s.Status().Deferred + s.Status().Refused; n > 0 {
		t.Errorf("%d messages were not taken", n)
	}
}

// allocated is what was ever allocated, in bytes.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// Of 10,000 recipients the first thousand are taken and the rest are for
// another transaction (RFC 5321 section 4.5.3.1.10).
func TestTooManyRecipients(t *testing.T) {
	a := &memory{}
	address, _ := serve(t, a, nil)
	c := dial(t, address)
	c.hello(false)
	c.say("MAIL FROM:<>", "250")
	for i := range 10_000 {
		want := "250"
		if i >= 1000 {
			want = "452 4.5.3"
		}
		c.say("RCPT TO:<"+to+">", want)
	}
	c.transfer("DATA", bodies["plain"])
	if n := len(a.all()[0].Meta.Envelope.To); n != 1000 {
		t.Errorf("%d recipients were kept", n)
	}
}

// A claim of 2 GB is refused before anything is sent (RFC 1870 section 6.1).
func TestClaimedSize(t *testing.T) {
	address, _ := serve(t, &memory{}, nil)
	c := dial(t, address)
	c.hello(false)
	c.say("MAIL FROM:<> SIZE=2147483648", "552 5.3.4")
	c.envelope()
}
