package gateway

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"polytrace/archive"
)

// partly is an archive that cannot write one of its streams.
type partly struct {
	*memory
	fails archive.Stream
}

func (p partly) Append(ctx context.Context, s archive.Stream, m archive.Meta, body archive.Body) (archive.Meta, error) {
	if s == p.fails {
		return archive.Meta{}, errors.New("this stream cannot be written")
	}
	return p.memory.Append(ctx, s, m, body)
}

// lhlo is hello of LMTP.
func (c *client) lhlo() {
	c.t.Helper()
	c.want("220 ")
	c.say("LHLO mx.contoso.example", "250")
}

const legal = "legal-ab2cd@journal.example.net"

// transferLMTP sends a body and returns the replies to n recipients.
func (c *client) transferLMTP(way, body string, n int) (replies []string) {
	c.t.Helper()
	c.put(way, body)
	for range n {
		replies = append(replies, c.reply())
	}
	return replies
}

// Over LMTP each recipient has a reply of its own (RFC 2033 section 4.2): a
// queue that cannot take the message is tried again, the others are not.
func TestLMTPAnswersForEachRecipient(t *testing.T) {
	for _, way := range []string{"DATA", "BDAT"} {
		t.Run(way, func(t *testing.T) {
			a := &memory{}
			s := configured(t, partly{a, "mail-legal-10y"}, nil)
			c := dial(t, start(t, s, Listener{LMTP: true})[0])
			c.lhlo()
			token := "support-7f3k2+to=bob=contoso.example@journal.example.net"
			c.envelope(to, legal, token, to)
			got := c.transferLMTP(way, bodies["plain"], 4)
			for i, want := range []string{"250 2.0.0 <" + to + "> archived mail/0 sha256=", "451 4.3.0 <" + legal, "250 2.0.0 <" + token + "> archived mail/0 ", "250 2.0.0 <" + to + "> archived mail/0 "} {
				if !strings.HasPrefix(got[i], want) {
					t.Errorf("reply %d is %q, want %s", i, got[i], want)
				}
			}
			if st := s.Status(); st.Accepted != 1 || st.Deferred != 1 {
				t.Errorf("status %+v", st)
			}
			if all := a.all(); len(all) != 1 || len(all[0].Meta.Envelope.To) != 3 || string(all[0].Body) != bodies["plain"] {
				t.Errorf("%d records, the first %+v", len(all), all[0].Meta.Envelope)
			}
			c.say("NOOP", "250") // The session goes on in step.
		})
	}
}

// A message that is too large is refused for each recipient, after all of it.
func TestLMTPRefusesForEachRecipient(t *testing.T) {
	s := configured(t, &memory{}, func(c *Config) { c.MaxMessage = 1000 })
	c := dial(t, start(t, s, Listener{LMTP: true})[0])
	c.lhlo()
	c.envelope(to, legal)
	for _, got := range c.transferLMTP("DATA", strings.Repeat(strings.Repeat("x", 78)+"\r\n", 10_000), 2) {
		if !strings.HasPrefix(got, "552 5.3.4") {
			t.Errorf("heard %q", got)
		}
	}
	c.say("NOOP", "250")
}

// Clients of LMTP say LHLO and others do not (RFC 2033 section 4.1).
func TestLHLO(t *testing.T) {
	s := configured(t, &memory{}, nil)
	addresses := start(t, s, Listener{LMTP: true}, Listener{})
	c := dial(t, addresses[0])
	if got := c.want("220 "); !strings.Contains(got, "LMTP") {
		t.Errorf("greeted with %q", got)
	}
	c.say("EHLO mx.contoso.example", "500")
	c.say("MAIL FROM:<>", "503")
	if caps := c.say("LHLO mx.contoso.example", "250"); !strings.Contains(caps, "STARTTLS") || !strings.Contains(caps, "ENHANCEDSTATUSCODES") {
		t.Errorf("LHLO offers %q", caps)
	}
	c = dial(t, addresses[1])
	c.want("220 ")
	c.say("LHLO mx.contoso.example", "500")
	c.say("MAIL FROM:<>", "503")
}

// A peer on a socket of this machine is this machine for the queue, and the
// socket for the evidence.
func TestLMTPOnASocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lmtp")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	a := &memory{}
	c := dial(t, start(t, configured(t, a, nil), Listener{Listener: l, LMTP: true})[0])
	c.lhlo()
	c.envelope()
	if got := c.transferLMTP("DATA", bodies["plain"], 1)[0]; !strings.HasPrefix(got, "250") {
		t.Fatal(got)
	}
	if p := a.all()[0].Meta.Peer; p.IP != "unix:"+path || p.Port != 0 || p.Helo != "mx.contoso.example" {
		t.Errorf("evidence %+v", p)
	}
}

// A message over LMTP that is taken back before its first octet does nothing.
func TestLMTPTakenBack(t *testing.T) {
	a := &memory{}
	address := start(t, configured(t, a, nil), Listener{LMTP: true})[0]
	for range 50 {
		c := dial(t, address)
		c.lhlo()
		c.send("BDAT 3\r\nabc")
		c.want("502")
		c.envelope()
		c.say("BDAT 0", "250")
		c.say("RSET", "421 4.5.0")
	}
	if n := len(a.all()); n > 0 {
		t.Errorf("%d records", n)
	}
}
