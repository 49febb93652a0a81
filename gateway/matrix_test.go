package gateway

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// letter is a message with the envelope to replay it with.
type letter struct {
	name, from, body string
	to               []string
}

// letters are the fixtures, those of a directory outside that are others, and
// bodies that are hard to carry.
func letters(t *testing.T) (all []letter) {
	dirs := []string{filepath.Join("..", "message", "testdata", "fixtures")}
	if shared := os.Getenv("POLYTRACE_SHARED"); shared != "" {
		dirs = append(dirs, filepath.Join(shared, "fixtures", "journal"))
	}
	seen := map[string]bool{}
	for _, dir := range dirs {
		raw, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
		if err != nil {
			t.Fatal(err)
		}
		var manifest []struct {
			File string
			SMTP struct {
				From string   `json:"mail_from"`
				To   []string `json:"rcpt_to"`
			}
		}
		if err := json.Unmarshal(raw, &manifest); err != nil || len(manifest) == 0 {
			t.Fatalf("%s: %d fixtures, %v", dir, len(manifest), err)
		}
		for _, m := range manifest {
			body, err := os.ReadFile(filepath.Join(dir, m.File))
			if err != nil {
				t.Fatal(err)
			}
			if !seen[string(body)] {
				all = append(all, letter{m.File, m.SMTP.From, string(body), m.SMTP.To})
			}
			seen[string(body)] = true
		}
	}
	for name, body := range bodies {
		all = append(all, letter{name, "alice@contoso.example", body, []string{to}})
	}
	return all
}

// route is a way to reach the server.
type route string

var routes = []route{"plain", "STARTTLS", "TLS", "LMTP"}

// serveRoutes serves all routes and returns the address of each.
func serveRoutes(t *testing.T, a Archive) map[route]string {
	t.Helper()
	addresses := start(t, configured(t, a, nil), Listener{}, Listener{TLS: true}, Listener{LMTP: true})
	return map[route]string{"plain": addresses[0], "STARTTLS": addresses[0], "TLS": addresses[1], "LMTP": addresses[2]}
}

// begin connects and says everything that comes before a message.
func (r route) begin(t *testing.T, address string, l letter) *client {
	t.Helper()
	c := dial(t, address)
	switch r {
	case "TLS":
		c.handshake()
		c.hello(false)
	case "LMTP":
		c.lhlo()
	default:
		c.hello(r == "STARTTLS")
	}
	c.send("MAIL FROM:<" + l.from + ">\r\nRCPT TO:<" + strings.Join(l.to, ">\r\nRCPT TO:<") + ">\r\n")
	for range 1 + len(l.to) {
		c.want("250 ")
	}
	return c
}

// answers is how many replies the end of a message gets.
func (r route) answers(l letter) int {
	if r == "LMTP" {
		return len(l.to)
	}
	return 1
}

// What is stored is what was sent, to the octet, and what the receipt says: for
// each message, by each route and each way to send it.
func TestBytesAreKept(t *testing.T) {
	all := letters(t)
	for _, way := range []string{"DATA", "BDAT", "BDAT of 7"} {
		for _, r := range routes {
			t.Run(fmt.Sprintf("%s %s", r, way), func(t *testing.T) {
				t.Parallel()
				a := &memory{}
				address := serveRoutes(t, a)[r]
				for _, l := range all {
					want := l.body
					if way == "DATA" {
						want = strings.TrimSuffix(stuffed(l.body), ".\r\n")
						want = strings.TrimPrefix(strings.ReplaceAll("\r\n"+want, "\r\n..", "\r\n."), "\r\n")
					}
					c := r.begin(t, address, l)
					c.put(way, l.body)
					for range r.answers(l) {
						if got := c.want("250 "); !strings.Contains(got, fmt.Sprintf("sha256=%x", sha256.Sum256([]byte(want)))) {
							t.Errorf("%s: receipt %q", l.name, got)
						}
					}
					c.say("QUIT", "221")
					records := a.all()
					last := records[len(records)-1].Meta
					if got := string(records[last.BodyAddress().Position].Body); got != want || len(last.Envelope.To) != len(l.to) || last.Envelope.From != l.from {
						t.Errorf("%s: stored %d bytes, sent %d; envelope %+v", l.name, len(got), len(want), last.Envelope)
					}
				}
			})
		}
	}
}

// A message that was cut never becomes a record, nor gets a 250 or a 5xx: at
// many places of each fixture and at each of a small message, by each route,
// whether the client closes politely or not.
func TestCutMessagesAreNotTaken(t *testing.T) {
	a := &memory{}
	addresses := serveRoutes(t, a)
	small := letter{"small", "alice@contoso.example", "Subject: cut\r\n\r\none\r\n.\r\ntwo\r\n", []string{to, legal}}
	var wg sync.WaitGroup
	for _, r := range routes {
		wg.Go(func() {
			for at := range len(stuffed(small.body)) {
				r.cut(t, addresses[r], small, "DATA", at)
			}
			for at := range len(small.body) {
				r.cut(t, addresses[r], small, "BDAT", at)
			}
			for _, l := range letters(t) {
				if len(l.body) > 10_000 {
					continue
				}
				for at := 0; at < len(l.body); at += 64 {
					r.cut(t, addresses[r], l, "BDAT", at)
				}
			}
		})
	}
	wg.Wait()
	if got := a.all(); len(got) > 0 {
		t.Errorf("%d records of messages that were cut, e.g. %q", len(got), got[0].Body)
	}
}

// cut sends so many bytes of a message, and ends the stream.
func (r route) cut(t *testing.T, address string, l letter, way string, at int) {
	c := r.begin(t, address, l)
	defer c.net.Close()
	if way == "DATA" {
		c.say("DATA", "354")
		c.send(stuffed(l.body)[:at])
	} else {
		c.send(fmt.Sprintf("BDAT %d LAST\r\n%s", len(l.body), l.body[:at]))
	}
	if at%3 > 0 {
		c.closeWrite()
	} else {
		c.halfClose()
	}
	for got := c.reply(); got != ""; got = c.reply() {
		if got[0] != '4' {
			t.Errorf("%s, %s %s cut at %d: %q", r, way, l.name, at, got)
		}
	}
}

// A command that is cut is none, at each place of it.
func TestCutCommandsDoNothing(t *testing.T) {
	a := &memory{}
	addresses := serveRoutes(t, a)
	l := letter{"none", "alice@contoso.example", "", []string{to}}
	for _, r := range routes {
		for at := range len("BDAT 0 LAST\r\n") {
			c := r.begin(t, addresses[r], l)
			c.send("BDAT 0 LAST\r\n"[:at])
			c.closeWrite()
			for got := c.reply(); got != ""; got = c.reply() {
				if got[0] == '2' {
					t.Errorf("%s, cut at %d: %q", r, at, got)
				}
			}
		}
	}
	if n := len(a.all()); n > 0 {
		t.Errorf("%d records", n)
	}
}
