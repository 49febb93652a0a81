package gateway

import (
	"crypto/tls"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
)

// lastRefused is the last attempt that was not let in; empty when there was none.
func lastRefused(s *Server) Refused {
	lately := s.Status().Lately
	if len(lately) == 0 {
		return Refused{}
	}
	return lately[len(lately)-1]
}

// Whatever is not taken is told to the person who sets the mail server up, with
// who tried, for whom, and what to do.
func TestWhatIsNotTakenIsToldInWords(t *testing.T) {
	a := &memory{}
	address, s := serve(t, a, func(c *Config) { c.MaxMessage = 1000 })
	told := func(to string, words ...string) {
		t.Helper()
		var last Refused
		for deadline := time.Now().Add(30 * time.Second); !strings.Contains(last.Reason, words[0]); runtime.Gosched() {
			if last = lastRefused(s); time.Now().After(deadline) {
				t.Fatalf("told %+v without %q", last, words[0])
			}
		}
		if last.Peer != "127.0.0.1" || last.To != to || last.At.IsZero() {
			t.Errorf("told %+v, want recipient %q", last, to)
		}
		for _, w := range words {
			if !strings.Contains(last.Reason, w) {
				t.Errorf("told %q without %q", last.Reason, w)
			}
		}
	}
	c := dial(t, address)
	c.hello(false)
	c.say("MAIL FROM:<a@b.example>", "250")
	c.say("RCPT TO:<suport-7f3k2@journal.example.net>", "450 4.1.1")
	told("suport-7f3k2@journal.example.net", "There is no queue with the address", "queue list")
	c.say("RCPT TO:<far-99999@journal.example.net>", "550 5.7.1")
	told("far-99999@journal.example.net", "queue far takes no mail from 127.0.0.1", "--source")
	c.say("RCPT TO:<"+to+">", "250")
	c.put("DATA", strings.Repeat("x", 2000)+"\r\n")
	c.want("552 5.3.4")
	told(to, "larger than 1000 bytes", "smtp.max_message")

	a.failWith(archive.ErrFull)
	c = dial(t, address)
	c.hello(false)
	c.envelope()
	c.put("DATA", "Subject: x\r\n\r\nx\r\n")
	c.want("452 4.3.1")
	told(to, "disk of the data directory is full", "Make room")
	a.failWith(nil)

	c = dial(t, address)
	c.hello(false)
	c.envelope()
	c.send("BDAT 100 LAST\r\ncut")
	c.net.Close()
	told(to, "in the middle of the message", "tries again")

	c = dial(t, address)
	c.hello(false)
	c.say("STARTTLS", "220")
	if err := tls.Client(c.net, &tls.Config{ServerName: "journal.example.net"}).Handshake(); err == nil {
		t.Fatal("a client that verifies took the self-signed certificate")
	}
	told("", "TLS could not be agreed on", "smtp.tls_cert")
}

// The last twenty attempts are kept, oldest first, and no more.
func TestTheLastTwentyRefusedAreKept(t *testing.T) {
	address, s := serve(t, &memory{}, nil)
	c := dial(t, address)
	c.hello(false)
	c.say("MAIL FROM:<a@b.example>", "250")
	for i := range mostLately + 5 {
		c.say(fmt.Sprintf("RCPT TO:<nobody-%d@journal.example.net>", i), "450")
	}
	lately := s.Status().Lately
	if len(lately) != mostLately || lately[0].To != "nobody-5@journal.example.net" || lately[mostLately-1].To != "nobody-24@journal.example.net" {
		t.Errorf("%d are kept, from %+v", len(lately), lately[0])
	}
}
