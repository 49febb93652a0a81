package gateway

import (
	"strings"
	"testing"
)

// Only CRLF . CRLF ends a message (RFC 5321 section 4.1.1.4). Whatever else
// some server before us may have taken for the end or for a line of the
// message is content, to the octet, and what it tries to smuggle in behind is
// no transaction (CVE-2023-51764 and others).
func TestNoMessageIsSmuggled(t *testing.T) {
	const first, second = "Subject: first\r\n\r\nfirst", "MAIL FROM:<eve@contoso.example>\r\nRCPT TO:<" + to + ">\r\nDATA\r\nSubject: smuggled\r\n\r\nsmuggled\r\n.\r\n"
	for _, r := range routes {
		for _, end := range []string{
			"\n.\n", "\n.\r\n", "\r.\r", "\r.\r\n", "\r.\n", "\n.\r", "\r\n.\n", "\r\n.\r", "\r\n.\r\r\n", "\r\n.\n\r\n", "\n\r.\r\n", "\r\n\r.\r\n", "\r\r.\r\r", "\n\n.\n\n",
			"\r\n\x00.\r\n", "\r\n.\x00\r\n", "\r\n . \r\n", "\r\n..\r\n", "\r\n.\r\x00\n", "\x00.\x00",
		} {
			a := &memory{}
			c := r.begin(t, serveRoutes(t, a)[r], letter{from: "alice@contoso.example", to: []string{to}})
			c.say("DATA", "354")
			for _, octet := range first + end + second { // In segments of their own.
				c.send(string(octet))
			}
			c.want("250 ")
			c.say("QUIT", "221") // So there was one reply.
			want := strings.ReplaceAll(strings.TrimSuffix(first+end+second, ".\r\n"), "\r\n.", "\r\n")
			if all := a.all(); len(all) != 1 || string(all[0].Body) != want || all[0].Meta.Envelope.From != "alice@contoso.example" {
				t.Errorf("%s, %q: %d records, stored %q, want %q", r, end, len(all), all[0].Body, want)
			}
		}
	}
}

// A CR before the end belongs to the message: it does not hide the end.
func TestEndBehindCR(t *testing.T) {
	for body, want := range map[string]string{"first\r\r\n.\r\n": "first\r\r\n", "\r\r\r\n.\r\n": "\r\r\r\n", "x\n\r\n.\r\n": "x\n\r\n"} {
		a := &memory{}
		address, _ := serve(t, a, nil)
		c := dial(t, address)
		c.hello(false)
		c.envelope()
		c.say("DATA", "354")
		c.send(body + "NOOP\r\n")
		c.want("250 2.0.0 archived")
		c.want("250 2.0.0")
		if all := a.all(); len(all) != 1 || string(all[0].Body) != want {
			t.Errorf("%q: %d records, stored %q", body, len(all), all[0].Body)
		}
	}
}
