package gateway

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"polytrace/archive"
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
		"MIME in MIME":    nested(10_000),
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

// nested is a message with so many multiparts inside one another.
func nested(depth int) string {
	var b strings.Builder
	for i := range depth {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%[1]d\r\n", i)
	}
	return b.String() + "\r\ninnermost\r\n"
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

// A claim of more than is taken is refused before anything is sent (RFC 1870
// section 6.1), however much it is: its 20 digits are more than 64 bits.
func TestClaimedSize(t *testing.T) {
	address, _ := serve(t, &memory{}, nil)
	c := dial(t, address)
	c.hello(false)
	for _, size := range []string{"4194305", "2147483648", "4294967295", "4294967296", "18446744073709551616", "99999999999999999999"} {
		c.say("MAIL FROM:<> BODY=8BITMIME size="+size+" RET=HDRS", "552 5.3.4")
		c.say("MAIL FROM:<alice@contoso.example> SIZE="+size, "552 5.3.4")
	}
	c.say("MAIL FROM:<> SIZE=-1", "501")
	c.envelope()
	if _, err := New(Config{TLS: selfSigned(), Spool: t.TempDir(), MaxMessage: 1 << 32}, &memory{}, queues, nil); err == nil {
		t.Error("a limit that the protocol's engine cannot count to was taken")
	}
}

// slow opens connections that say a part of a command and nothing more, and
// returns how many of them were greeted.
func slow(t testing.TB, address string, n int, from string) (greeted int) {
	t.Helper()
	var wg sync.WaitGroup
	var count atomic.Int64
	for range n {
		c := dialWith(t, &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}, "tcp", address)
		c.net.SetDeadline(time.Time{})
		wg.Go(func() {
			if strings.HasPrefix(c.reply(), "220 ") {
				io.WriteString(c.net, "EHLO mx.cont")
				count.Add(1)
			}
		})
	}
	wg.Wait()
	return int(count.Load())
}

// networks are where clients of the tests connect from: one that a queue names
// as a source, and one that none does.
var networks = map[string]string{"sources": "127.0.0.1", "strangers": "127.0.0.2"}

func onlyFirst(c *Config) {
	c.Sources = func(a netip.Addr) bool { return a == netip.MustParseAddr("127.0.0.1") }
}

// 500 clients that never end their command take little memory and, when they
// are strangers, few sessions; mail is taken meanwhile.
func TestSlowClients(t *testing.T) {
	for who, from := range networks {
		a := &memory{}
		address, s := serve(t, a, onlyFirst)
		before := inUse()
		greeted := slow(t, address, 500, from)
		grown := (inUse() - before) >> 20
		t.Logf("%s: %d of 500 were greeted, %d MiB", who, greeted, grown)
		if want := map[string]int{"sources": 500, "strangers": s.config.PerNetwork}[who]; greeted != want || grown > 64 {
			t.Errorf("%s: %d of 500 were greeted, want %d; they take %d MiB", who, greeted, want, grown)
		}
		c := dial(t, address)
		c.hello(true)
		c.envelope()
		c.transfer("DATA", "Subject: x\r\n\r\nx\r\n")
		if n := len(a.all()); n != 1 {
			t.Errorf("%d records", n)
		}
	}
}

// inUse is the memory of heap and stacks, in bytes.
func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// BenchmarkSlowClients tells what 500 slow clients cost, theirs and our ends of
// the connections together, and how long others wait for their 250.
func BenchmarkSlowClients(b *testing.B) {
	for who, from := range networks {
		for _, n := range []int{0, 500} {
			b.Run(fmt.Sprintf("%s=%d", who, n), func(b *testing.B) {
				address, _ := serve(b, discard{}, onlyFirst)
				before := inUse()
				slow(b, address, n, from)
				grown := inUse() - before
				c := dial(b, address)
				c.net.SetDeadline(time.Time{})
				c.hello(false)
				var took []time.Duration
				for i := 0; b.Loop(); i++ {
					began := time.Now()
					c.envelope()
					c.transfer("DATA", fmt.Sprintf("Message-ID: <%d>\r\n\r\n%s", i, strings.Repeat("a line of the message\r\n", 180)))
					took = append(took, time.Since(began))
				}
				slices.Sort(took)
				b.ReportMetric(float64(grown)/(1<<20), "MiB")
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			})
		}
	}
}

// What is remembered to answer retries takes little memory, however busy a
// week was.
func TestReceiptsTakeLittle(t *testing.T) {
	s := configured(t, discard{}, nil)
	q, _ := queues("support-7f3k2")
	before := inUse()
	for i := range rememberMost {
		body := &spool{buf: new(bytes.Buffer), hash: sha256.New()}
		fmt.Fprint(body.hash, i)
		path := fmt.Sprintf("support-7f3k2+to=reader%d=contoso.example@journal.example.net", i)
		txn := transaction{peer: archive.Peer{IP: "192.0.2.1", Helo: "mx.contoso.example"}, envelope: archive.Envelope{From: path}, parts: []part{{queue: q, to: []string{path}}}}
		if _, err := s.store(t.Context(), txn, body); err != nil {
			t.Fatal(err)
		}
	}
	grown := (inUse() - before) >> 20
	t.Logf("%d MiB", grown)
	if grown > 80 {
		t.Errorf("%d receipts take %d MiB", rememberMost, grown)
	}
	runtime.KeepAlive(s)
}
