package gateway

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"polytrace/archive"
)

// memory is an archive that keeps bodies in memory and can be made to fail.
type memory struct {
	mu      sync.Mutex
	fail    error
	records []archive.Record
}

func (m *memory) Append(_ context.Context, s archive.Stream, meta archive.Meta, body archive.Body) (archive.Meta, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return archive.Meta{}, m.fail
	}
	meta.Stream, meta.Position = s, archive.Position(len(m.records))
	r := archive.Record{Meta: meta}
	if body != nil {
		r.Body = make([]byte, body.Size())
		if _, err := body.ReadAt(r.Body, 0); err != nil && err != io.EOF {
			return archive.Meta{}, err
		}
	}
	m.records = append(m.records, r)
	return meta, nil
}

func (m *memory) all() []archive.Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]archive.Record(nil), m.records...)
}

func (m *memory) failWith(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

var selfSigned = sync.OnceValue(func() *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"journal.example.net"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
})

func queues(local string) (Queue, bool) {
	here := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	all := map[string]Queue{
		"support-7f3k2": {Name: "support", Format: "auto", Class: archive.Mail, Sources: here},
		"archive":       {Name: "archive", Format: "auto", Class: archive.Mail, Sources: here},
		"j7f3k2":        {Name: "postfix", Format: "postfix", Class: archive.Mail, Sources: here},
		"legal-ab2cd":   {Name: "legal", Format: "plain", Class: "mail-legal-10y", Sources: here},
		"far-99999":     {Name: "far", Format: "plain", Class: archive.Mail, Sources: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}},
	}
	q, ok := all[local]
	return q, ok
}

const to = "support-7f3k2@journal.example.net"

// trusting is how clients speak TLS. They resume sessions, which is cheaper.
var trusting = sync.OnceValue(func() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, ServerName: "journal.example.net", ClientSessionCache: tls.NewLRUClientSessionCache(0)}
})

// configured makes a server that is not serving yet.
func configured(t testing.TB, a Archive, change func(*Config)) *Server {
	t.Helper()
	c := Config{Hostname: "journal.example.net", TLS: selfSigned(), Spool: t.TempDir(), MaxMessage: 4 << 20}
	if change != nil {
		change(&c)
	}
	s, err := New(c, a, queues, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// start serves until the test ends, on a listener for each of those given, and
// returns their addresses.
func start(t testing.TB, s *Server, listeners ...Listener) (addresses []string) {
	t.Helper()
	for i := range listeners {
		if listeners[i].Listener == nil {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			listeners[i].Listener = l
		}
		addresses = append(addresses, listeners[i].Addr().String())
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, listeners...) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return addresses
}

func serve(t testing.TB, a Archive, change func(*Config)) (address string, s *Server) {
	t.Helper()
	s = configured(t, a, change)
	return start(t, s, Listener{})[0], s
}

// client speaks SMTP by hand.
type client struct {
	t    testing.TB
	net  net.Conn
	conn net.Conn // net, or TLS on it.
	r    *bufio.Reader
}

func dial(t testing.TB, address string) *client {
	t.Helper()
	network := "tcp"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	return dialWith(t, &net.Dialer{}, network, address)
}

func dialWith(t testing.TB, d *net.Dialer, network, address string) *client {
	t.Helper()
	n, err := d.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	n.SetDeadline(time.Now().Add(30 * time.Second))
	c := &client{t, n, n, bufio.NewReader(n)}
	return c
}

func (c *client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, text); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

// reply reads a whole reply; "" when the server has hung up.
func (c *client) reply() string {
	var all strings.Builder
	for {
		l, err := c.r.ReadString('\n')
		all.WriteString(l)
		if err != nil || len(l) < 4 || l[3] != '-' {
			return all.String()
		}
	}
}

func (c *client) say(text, want string) string {
	c.t.Helper()
	c.send(text + "\r\n")
	return c.want(want)
}

func (c *client) want(want string) string {
	c.t.Helper()
	got := c.reply()
	if !strings.HasPrefix(got, want) {
		c.t.Fatalf("got %q, want %s", got, want)
	}
	return got
}

func (c *client) hello(secure bool) {
	c.t.Helper()
	c.want("220 ")
	c.say("EHLO mx.contoso.example", "250")
	if !secure {
		return
	}
	c.say("STARTTLS", "220")
	c.handshake()
	if caps := c.say("EHLO mx.contoso.example", "250"); strings.Contains(caps, "STARTTLS") {
		c.t.Errorf("STARTTLS is offered under TLS: %s", caps)
	}
}

func (c *client) handshake() {
	c.t.Helper()
	c.secure(trusting())
}

func (c *client) secure(config *tls.Config) {
	c.t.Helper()
	conn := tls.Client(c.net, config)
	if err := conn.Handshake(); err != nil {
		c.t.Fatal(err)
	}
	c.conn, c.r = conn, bufio.NewReader(conn)
}

func (c *client) envelope(rcpts ...string) {
	c.t.Helper()
	c.say("MAIL FROM:<alice@contoso.example>", "250")
	if len(rcpts) == 0 {
		rcpts = []string{to}
	}
	for _, r := range rcpts {
		c.say("RCPT TO:<"+r+">", "250")
	}
}

// stuffed is a body as DATA sends it, with its end. A body that does not end a
// line cannot be sent so: it gets a CRLF more.
func stuffed(body string) string {
	if body != "" && !strings.HasSuffix(body, "\r\n") {
		body += "\r\n"
	}
	s := strings.ReplaceAll(body, "\r\n.", "\r\n..")
	if strings.HasPrefix(s, ".") {
		s = "." + s
	}
	return s + ".\r\n"
}

var bodies = map[string]string{
	"plain":            "Subject: a\r\n\r\nhello\r\n",
	"dots":             ".\r\n..\r\n.x\r\n\r\n.\r\r\n",
	"dot CR":           "Subject: a\r\n\r\n.\rx\r\n",
	"CR CR LF":         "Subject: a\r\r\n\r\r\nb\r\r\n",
	"bare LF":          "Subject: a\n\nb\n.\nc\r\n",
	"smuggled LF":      "a\n.\r\nMAIL FROM:<x@y>\r\n",
	"smuggled LF LF":   "a\n.\nMAIL FROM:<x@y>\r\n",
	"smuggled CR":      "a\r.\rMAIL FROM:<x@y>\r\n",
	"8 bit and NUL":    "Subject: \xfc\x00\xff\r\n\r\n\x00\r\n",
	"long line":        strings.Repeat("x", 200_000) + "\r\n",
	"line of buffer":   strings.Repeat("y", 32<<10-1) + "\r\n.\r\n",
	"larger than RAM":  strings.Repeat("a line that is repeated\r\n", 100_000),
	"nothing":          "",
	"only a dot":       ".\r\n",
	"ends CR CR LF":    "x\r\r\n",
	"begins with CRLF": "\r\n\r\nx\r\n",
}

func (c *client) transfer(way, body string) string {
	c.t.Helper()
	c.put(way, body)
	return c.want("250 ")
}

// put sends a message by one of the ways there are, without reading what the
// server says at its end.
func (c *client) put(way, body string) {
	c.t.Helper()
	switch way {
	case "DATA":
		c.say("DATA", "354")
		c.send(stuffed(body))
	case "BDAT":
		c.send(fmt.Sprintf("BDAT %d LAST\r\n%s", len(body), body))
	case "BDAT of 7":
		var all strings.Builder
		chunks := 0
		for ; len(body) > 7 && chunks < 2000; chunks++ {
			fmt.Fprintf(&all, "BDAT 7\r\n%s", body[:7])
			body = body[7:]
		}
		fmt.Fprintf(&all, "BDAT %d LAST\r\n%s", len(body), body)
		c.send(all.String())
		for range chunks {
			c.want("250 ")
		}
	}
}

func (c *client) closeWrite() {
	switch conn := c.conn.(type) {
	case *tls.Conn:
		conn.CloseWrite()
	case interface{ CloseWrite() error }: // Of TCP, or of a socket of this machine.
		conn.CloseWrite()
	}
}

// halfClose ends the stream below TLS, without a word.
func (c *client) halfClose() {
	if conn, ok := c.net.(interface{ CloseWrite() error }); ok {
		conn.CloseWrite()
	}
}

func TestEvidenceIsComplete(t *testing.T) {
	a := &memory{}
	address, s := serve(t, a, nil)
	c := dial(t, address)
	c.hello(true)
	c.say("MAIL FROM:<alice@contoso.example> SIZE=10 BODY=8BITMIME RET=HDRS ENVID=e1 SMTPUTF8", "250")
	tokens := []string{"support-7f3k2+to=bob=contoso.example@journal.example.net", `SUPPORT-7f3k2+to="a b"=x@journal.example.net`}
	c.say("RCPT TO:<"+tokens[0]+"> NOTIFY=NEVER ORCPT=rfc822;bob@contoso.example", "250")
	c.say("RCPT TO:<legal-ab2cd@journal.example.net>", "250")
	got := c.transfer("DATA", "x\r\n")
	all := a.all()
	if len(all) != 2 || !strings.Contains(got, "archived mail/0 mail-legal-10y/1 sha256=") {
		t.Fatalf("%d records, receipt %q", len(all), got)
	}
	m := all[0].Meta
	e := m.Envelope
	if m.Source.Queue != "support" || m.Source.Format != "auto" || e.From != "alice@contoso.example" || e.Declared != 10 || e.Body != "8BITMIME" || !e.UTF8 || e.Return != "HDRS" || e.EnvID != "e1" {
		t.Errorf("%+v %+v", m.Source, e)
	}
	if len(e.To) != 1 || e.To[0] != tokens[0] || len(e.DSN) != 1 || e.DSN[0].Notify[0] != "NEVER" || !strings.EqualFold(e.DSN[0].OriginalRecipient, "rfc822;bob@contoso.example") {
		t.Errorf("recipients %+v, DSN %+v", e.To, e.DSN)
	}
	if p := m.Peer; p.IP != "127.0.0.1" || p.Port == 0 || p.Helo != "mx.contoso.example" || !strings.HasPrefix(p.TLS, "TLS 1.3 TLS_") {
		t.Errorf("peer %+v", p)
	}
	second := all[1]
	// The first class may let its messages go before the second does.
	if second.Meta.SameAs != nil || string(second.Body) != string(all[0].Body) {
		t.Errorf("the queue of another class relies on the body of the first: %+v", second.Meta)
	}
	if st := s.Status(); st.Accepted != 1 || len(st.Queues) != 2 || st.Queues[1].Queue != "support" {
		t.Errorf("status %+v", st)
	}
}

// A retry gets the receipt it did not hear and stores nothing; the same bytes
// by another way become a sighting.
func TestRetriesAndSightings(t *testing.T) {
	a := &memory{}
	address, _ := serve(t, a, nil)
	send := func(rcpt string) string {
		c := dial(t, address)
		c.hello(false)
		c.envelope(rcpt)
		return c.transfer("DATA", bodies["plain"])
	}
	first := send(to)
	if again := send(to); again != first {
		t.Errorf("a retry was answered %q, at first %q", again, first)
	}
	if n := len(a.all()); n != 1 {
		t.Errorf("a retry stored %d records", n-1)
	}
	send("support-7f3k2+to=x=y@journal.example.net")
	all := a.all()
	if len(all) != 2 || all[1].Meta.SameAs == nil || *all[1].Meta.SameAs != all[0].Meta.Address() {
		t.Errorf("the same bytes by another way: %+v", all[len(all)-1].Meta)
	}
}

// forgetful has removed every body that it had.
type forgetful struct{ *memory }

func (f forgetful) Append(ctx context.Context, s archive.Stream, m archive.Meta, body archive.Body) (archive.Meta, error) {
	if m.SameAs != nil {
		return archive.Meta{}, fmt.Errorf("sighting of %s: %w", m.SameAs, archive.ErrGone)
	}
	return f.memory.Append(ctx, s, m, body)
}

// A message whose bytes came before and were removed since is stored again.
func TestRemovedBytesAreStoredAgain(t *testing.T) {
	a := &memory{}
	address, _ := serve(t, forgetful{a}, nil)
	for _, rcpt := range []string{to, "support-7f3k2+to=x=y@journal.example.net"} {
		c := dial(t, address)
		c.hello(false)
		c.envelope(rcpt)
		if got := c.transfer("DATA", bodies["plain"]); !strings.HasPrefix(got, "250") {
			t.Fatalf("%s: %s", rcpt, got)
		}
	}
	all := a.all()
	if len(all) != 2 || all[1].Meta.SameAs != nil || string(all[1].Body) != string(all[0].Body) {
		t.Errorf("%d records, the last %+v", len(all), all[len(all)-1].Meta)
	}
}

// When the archive cannot take a message the sender keeps it and comes again.
func TestFailuresAreTemporary(t *testing.T) {
	a := &memory{}
	address, s := serve(t, a, nil)
	for _, f := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("append: %w", archive.ErrFull), "452 4.3.1"},
		{fmt.Errorf("append: %w", archive.ErrBroken), "451 4.3.0"},
		{errors.New("something else"), "451 4.3.0"},
	} {
		for _, way := range []string{"DATA", "BDAT"} {
			a.failWith(f.err)
			c := dial(t, address)
			c.hello(false)
			c.envelope()
			body := bodies["plain"] + f.err.Error() + way
			if way == "DATA" {
				c.say("DATA", "354")
				c.send(stuffed(body + "\r\n"))
			} else {
				c.send(fmt.Sprintf("BDAT %d LAST\r\n%s", len(body), body))
			}
			c.want(f.want)
			a.failWith(nil)
			c.envelope()
			c.transfer(way, body+"\r\n")
		}
	}
	if st := s.Status(); st.Deferred != 6 || st.Accepted != 6 {
		t.Errorf("status %+v", st)
	}
}

func TestUnknownRecipients(t *testing.T) {
	address, s := serve(t, &memory{}, nil)
	c := dial(t, address)
	c.hello(false)
	c.say("MAIL FROM:<>", "250")
	c.say("RCPT TO:<suport-7f3k2@journal.example.net>", "450 4.1.1")
	if last := lastRefused(s); !strings.Contains(last.Reason, "queue list") {
		t.Errorf("last refused: %+v", last)
	}
	c.say("RCPT TO:<far-99999@journal.example.net>", "550 5.7.1")
	if last := lastRefused(s); !strings.Contains(last.Reason, "--source") {
		t.Errorf("last refused: %+v", last)
	}
	c.say("RCPT TO:<postmaster>", "450 4.1.1")
	c.say("RCPT TO:<"+strings.ToUpper(to)+">", "250")
	c.transfer("DATA", "null sender\r\n")
}

func TestProtocolOrder(t *testing.T) {
	address, _ := serve(t, &memory{}, nil)
	c := dial(t, address)
	c.want("220 ")
	c.say("MAIL FROM:<a@b.example>", "503")
	c.send("BDAT 9 LAST\r\nRSET\r\nxyz")
	c.want("503")
	caps := c.say("EHLO x", "250")
	for _, want := range []string{"PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "CHUNKING", "BINARYMIME", "SMTPUTF8", "DSN", "SIZE 4194304", "STARTTLS"} {
		if !strings.Contains(caps, want) {
			t.Errorf("EHLO does not offer %s: %q", want, caps)
		}
	}
	c.envelope()
	c.say("MAIL FROM:<c@d.example>", "503 5.5.1")
	c.say("RSET", "250")
	c.say("DATA", "502")
	c.send("MAIL FROM:<a@b.example>\r\nRCPT TO:<" + to + ">\r\nDATA\r\n")
	c.want("250")
	c.want("250")
	c.want("354")
	c.send(stuffed("pipelined\r\n") + "QUIT\r\n")
	c.want("250 2.0.0 archived")
	c.want("221")
}

func TestNothingSentAheadOfTLSIsCarriedOver(t *testing.T) {
	address, _ := serve(t, &memory{}, nil)
	c := dial(t, address)
	c.want("220 ")
	c.say("EHLO x", "250")
	c.say("STARTTLS\r\nMAIL FROM:<a@b.example>", "501")
	if got := c.reply(); got != "" {
		t.Errorf("the session went on: %q", got)
	}
}

func TestSizes(t *testing.T) {
	a := &memory{}
	address, s := serve(t, a, func(c *Config) { c.MaxMessage = 3 << 20 })
	for _, way := range []string{"DATA", "BDAT"} {
		exact := strings.Repeat("x", 3<<20-2-len(way)) + way + "\r\n"
		c := dial(t, address)
		c.hello(false)
		c.envelope()
		c.transfer(way, exact)
		c.envelope()
		if way == "DATA" {
			c.say("DATA", "354")
			c.send(stuffed("y" + exact))
		} else {
			c.send(fmt.Sprintf("BDAT %d LAST\r\ny%s", len(exact)+1, exact))
		}
		c.want("552 5.3.4")
		c.say("NOOP", "250")
		c.say("MAIL FROM:<a@b.example> SIZE=3145729", "552")
	}
	// Each of these was told, to the client and to people.
	lately := s.Status().Lately
	if len(lately) != 4 || s.Status().Refused != 4 {
		t.Fatalf("%d were refused, of which these are shown: %+v", s.Status().Refused, lately)
	}
	for i, l := range lately {
		if to := []string{"support-7f3k2@journal.example.net", ""}[i%2]; !strings.Contains(l.Reason, "Raise smtp.max_message") || l.To != to || !strings.HasPrefix(l.Peer, "127.0.0.1") {
			t.Errorf("%d: %+v", i, l)
		}
	}
	if n := len(a.all()); n != 2 {
		t.Errorf("%d records, want 2", n)
	}
}

func TestLongCommandsEndTheSession(t *testing.T) {
	address, _ := serve(t, &memory{}, nil)
	c := dial(t, address)
	c.want("220 ")
	c.send(strings.Repeat("x", 40_000))
	c.want("500 5.5.2")
}

func TestTooManySessionsAreToldToWait(t *testing.T) {
	address, _ := serve(t, &memory{}, func(c *Config) { c.MaxSessions = 2 })
	one, two := dial(t, address), dial(t, address)
	one.want("220 ")
	two.want("220 ")
	dial(t, address).want("421 4.3.2")
	one.say("QUIT", "221")
	one.reply()
	for {
		c := dial(t, address)
		if strings.HasPrefix(c.reply(), "220 ") {
			break
		}
	}
}

// Idle clients hear 421, and a transfer that is under way is finished.
func TestGracefulStop(t *testing.T) {
	a := &memory{}
	s, err := New(Config{Hostname: "journal.example.net", TLS: selfSigned(), Spool: t.TempDir()}, a, queues, nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, Listener{Listener: l}) }()
	idle, busy := dial(t, l.Addr().String()), dial(t, l.Addr().String())
	idle.hello(false)
	busy.hello(false)
	busy.envelope()
	busy.say("DATA", "354")
	busy.send("half of")
	cancel()
	idle.want("421 4.3.2")
	busy.send(" a message\r\n.\r\n")
	busy.want("250 2.0.0 archived")
	busy.want("421 4.3.2")
	if err := <-done; err != nil {
		t.Error(err)
	}
	if len(a.all()) != 1 {
		t.Error("the message is not there")
	}
}

func TestSilentClientsAreSentAway(t *testing.T) {
	a := &memory{}
	address, _ := serve(t, a, func(c *Config) { c.Idle = 50 * time.Millisecond })
	c := dial(t, address)
	c.hello(false)
	c.want("421")
	c = dial(t, address)
	c.hello(false)
	c.envelope()
	c.say("DATA", "354")
	c.send("half")
	if got := c.reply(); got != "" && got[0] != '4' {
		t.Errorf("a client that fell silent inside a message heard %q", got)
	}
	if len(a.all()) > 0 {
		t.Error("half a message was stored")
	}
}

func TestSpoolIsEmptiedAndLeftEmpty(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, "body-left")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	address, _ := serve(t, &memory{}, func(c *Config) { c.Spool = dir })
	c := dial(t, address)
	c.hello(false)
	c.envelope()
	c.transfer("DATA", bodies["larger than RAM"])
	c.say("NOOP", "250")
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("%v in the spool, %v", files, err)
	}
}

func TestManySessionsAtOnce(t *testing.T) {
	a := &memory{}
	address, _ := serve(t, a, nil)
	const sessions, each = 64, 20
	var wg sync.WaitGroup
	for i := range sessions {
		wg.Go(func() {
			c := dial(t, address)
			c.hello(i%8 == 0)
			for j := range each {
				c.envelope()
				c.transfer([]string{"DATA", "BDAT"}[j%2], fmt.Sprintf("Subject: %d %d\r\n\r\nx\r\n", i, j))
			}
		})
	}
	wg.Wait()
	if n := len(a.all()); n != sessions*each {
		t.Errorf("%d records, want %d", n, sessions*each)
	}
}

func BenchmarkAccept(b *testing.B) {
	for _, sessions := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("4KiB×%d", sessions), func(b *testing.B) {
			address, _ := serve(b, discard{}, nil)
			body := strings.Repeat(strings.Repeat("x", 78)+"\r\n", 51)
			var wg sync.WaitGroup
			share := b.N/sessions + 1
			b.ResetTimer()
			for i := range sessions {
				wg.Go(func() {
					c := dial(b, address)
					c.net.SetDeadline(time.Time{})
					c.hello(false)
					for j := range share {
						c.envelope()
						c.transfer("DATA", fmt.Sprintf("Message-ID: <%d.%d>\r\n\r\n%s", i, j, body))
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(share*sessions)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

// discard is an archive that keeps nothing.
type discard struct{}

func (discard) Append(_ context.Context, s archive.Stream, m archive.Meta, _ archive.Body) (archive.Meta, error) {
	m.Stream = s
	return m, nil
}
