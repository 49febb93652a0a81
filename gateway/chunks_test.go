package gateway

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"
)

// A message in chunks that was given up, by the client or by us, has no part in
// the answer to the next one: the session ends.
func TestMessagesGivenUpEndTheSession(t *testing.T) {
	a := &memory{}
	address, _ := serve(t, a, nil)
	rest := strings.Repeat("x", 4<<20) // Exactly what is taken, alone.
	for _, began := range []string{"BDAT 0\r\n", "BDAT 7\r\nSubject"} {
		for _, end := range []string{"RSET\r\n", "EHLO mx.contoso.example\r\n", "BDAT 4194305 LAST\r\nx" + rest + "NOOP\r\n", "BDAT 4194305\r\nx" + rest + "NOOP\r\n"} {
			c := dial(t, address)
			c.hello(false)
			c.envelope()
			c.send(began)
			c.want("250 ")
			c.send(end)
			if strings.HasPrefix(end, "BDAT") {
				c.want("552 5.3.4")
			}
			c.want("421 4.5.0")
			if got := c.reply(); got != "" {
				t.Errorf("%.20q, then %.20q: the session went on with %q", began, end, got)
			}
		}
	}
	c := dial(t, address)
	c.hello(false)
	c.envelope()
	c.send("BDAT 0\r\nNOOP\r\nMAIL FROM:<alice@contoso.example>\r\nBDAT 3 LAST\r\nx\r\n")
	for _, want := range []string{"250 2.0.0 Continue", "250 2.0.0", "502", "250 2.0.0 archived"} {
		c.want(want)
	}
	c.say("RSET", "250")
	if n := len(a.all()); n != 1 {
		t.Errorf("%d records", n)
	}
}

// Octets behind a BDAT that says not how many there are, are no commands.
func TestChunksOfNoSize(t *testing.T) {
	address, _ := serve(t, &memory{}, nil)
	for _, bad := range []string{"BDAT", "BDAT x", "BDAT -1", "BDAT 6 FIRST", "BDAT 6 LAST LAST", "BDAT 4294967296 LAST"} {
		for _, greeted := range []bool{true, false} {
			c := dial(t, address)
			if greeted {
				c.hello(false)
				c.envelope()
			} else {
				c.want("220 ")
			}
			c.send(bad + "\r\nNOOP\r\n")
			c.want("501 5.5.4")
			if got := c.reply(); got != "" {
				t.Errorf("%s: the octets behind were answered %q", bad, got)
			}
		}
	}
}

// A bare name keeps its place beside parameters with brackets in them.
func TestBareNamesBesideParameters(t *testing.T) {
	a := &memory{}
	address, _ := serve(t, a, nil)
	c := dial(t, address)
	c.hello(false)
	for from, path := range map[string]string{"<> AUTH=<>": "", "<postmaster> ENVID=<e> AUTH=<>": "postmaster", `<"a>b"@contoso.example> SIZE=5`: `"a>b"@contoso.example`, " <alice@contoso.example> AUTH=<>": "alice@contoso.example"} {
		c.say("MAIL FROM:"+from, "250")
		c.say("RCPT TO:<"+to+">", "250")
		c.transfer("DATA", from+"\r\n")
		all := a.all()
		if got := all[len(all)-1].Meta.Envelope.From; got != path {
			t.Errorf("%s: the sender is %q, want %q", from, got, path)
		}
	}
	c.say("MAIL", "501")
	c.say("MAIL FROM:", "501")
}

// The engine's reader of a message in chunks that begins late, when the client
// has given that up and sends another with DATA, leaves the other one alone.
func TestLateReaderOfChunks(t *testing.T) {
	ours, theirs := net.Pipe()
	theirs.Close()
	server := configured(t, &memory{}, nil)
	c := newConn(ours, origin{}, server, way{})
	c.phase.Store(int32(content))
	r, w := io.Pipe()
	w.CloseWithError(smtp.ErrDataReset)
	s := &session{server: server, conn: c}
	if _, err := s.receive(r); !errors.Is(err, smtp.ErrDataReset) || errors.Is(err, errCut) {
		t.Errorf("it ended with %v", err)
	}
}
