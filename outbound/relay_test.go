package outbound

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// mailServer is a real one that does what a test says.
type mailServer struct {
	address string
	mu      sync.Mutex
	got     []letter
	rcpt    error // What it says to recipients.
}

type letter struct {
	from, to, raw, user string
	tls                 bool
}

// startMail starts one; with a certificate it offers STARTTLS.
func startMail(t *testing.T, certificate *tls.Config) *mailServer {
	t.Helper()
	s := &mailServer{}
	engine := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &mailSession{s: s, c: c}, nil }))
	engine.Domain, engine.TLSConfig, engine.AllowInsecureAuth = "relay.example", certificate, true
	engine.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = l.Addr().String()
	ended := make(chan struct{})
	go func() { engine.Serve(l); close(ended) }()
	t.Cleanup(func() { engine.Close(); l.Close(); <-ended })
	return s
}

func (s *mailServer) all() []letter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got
}

type mailSession struct {
	s   *mailServer
	c   *smtp.Conn
	now letter
}

func (m *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	m.now.from = from
	_, m.now.tls = m.c.TLSConnectionState()
	return nil
}

func (m *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	m.now.to = to
	return m.s.rcpt
}

func (m *mailSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	m.now.raw = string(raw)
	m.s.got = append(m.s.got, m.now)
	return err
}

func (*mailSession) Reset()                   {}
func (*mailSession) Logout() error            { return nil }
func (*mailSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (m *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if password != "open sesame" {
			return &smtp.SMTPError{Code: 535, Message: "no"}
		}
		m.now.user = user
		return nil
	}), nil
}

// A message reaches a real mail server as it is, in TLS where that is offered.
func TestRelayHandsMailOn(t *testing.T) {
	t.Parallel()
	web := httptest.NewTLSServer(nil) // For its certificate, which is of 127.0.0.1.
	defer web.Close()
	trusting := &tls.Config{RootCAs: web.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	const message = "Subject: x\r\n\r\n.a line that begins with a dot\r\n"
	for name, c := range map[string]struct {
		server *tls.Config
		relay  Relay
		want   letter
		fails  string
	}{
		"in clear":             {nil, Relay{}, letter{"p@northwind.example", "kim@contoso.example", message, "", false}, ""},
		"in TLS":               {&tls.Config{Certificates: web.TLS.Certificates}, Relay{}, letter{"p@northwind.example", "kim@contoso.example", message, "", true}, ""},
		"with a password":      {&tls.Config{Certificates: web.TLS.Certificates}, Relay{Username: "pt", Password: "open sesame", TLS: trusting}, letter{"p@northwind.example", "kim@contoso.example", message, "pt", true}, ""},
		"a password in clear":  {nil, Relay{Username: "pt", Password: "open sesame"}, letter{}, "not sent in clear"},
		"a wrong password":     {&tls.Config{Certificates: web.TLS.Certificates}, Relay{Username: "pt", Password: "other", TLS: trusting}, letter{}, "sign in at the relay"},
		"an unknown authority": {&tls.Config{Certificates: web.TLS.Certificates}, Relay{Username: "pt", Password: "open sesame"}, letter{}, "certificate"},
	} {
		s := startMail(t, c.server)
		c.relay.Address, c.relay.From = s.address, "p@northwind.example"
		err := c.relay.Send(t.Context(), "kim@contoso.example", []byte(message))
		switch {
		case c.fails != "":
			if err == nil || !strings.Contains(err.Error(), c.fails) || errors.Is(err, ErrRefused) || len(s.all()) != 0 {
				t.Errorf("%s: %v", name, err)
			}
		case err != nil || len(s.all()) != 1 || s.all()[0] != c.want:
			t.Errorf("%s: %v %+v", name, err, s.all())
		}
	}
}

// What the relay refuses for good is told apart from what it may take later, and from a relay that is away or silent.
func TestRelayTellsRefusalsApart(t *testing.T) {
	t.Parallel()
	s := startMail(t, nil)
	r := Relay{Address: s.address, From: "p@northwind.example", Patience: 10 * time.Second}
	for code, final := range map[int]bool{550: true, 451: false} {
		s.mu.Lock()
		s.rcpt = &smtp.SMTPError{Code: code, Message: "no"}
		s.mu.Unlock()
		if err := r.Send(t.Context(), "kim@contoso.example", []byte("x")); err == nil || errors.Is(err, ErrRefused) != final {
			t.Errorf("%d: %v", code, err)
		}
	}
	if err := r.Send(t.Context(), "kim@contoso.example>\r\nRCPT TO:<x@y.example", nil); err == nil || len(s.all()) != 0 {
		t.Errorf("an address with a line break: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r = Relay{Address: l.Addr().String(), Patience: 50 * time.Millisecond}
	if err := r.Send(t.Context(), "x@y.example", nil); err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("a relay that is silent: %v", err)
	}
	l.Close()
	if err := r.Send(t.Context(), "x@y.example", nil); err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("a relay that is away: %v", err)
	}
}

// The program behind a webhook can tell that it is we who call.
func TestWebhookIsSigned(t *testing.T) {
	t.Parallel()
	var code int
	var body, signature string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		body, signature = string(raw), r.Header.Get("X-Polytrace-Signature")
		w.WriteHeader(code)
	}))
	defer server.Close()
	hook := Webhook{server.URL, "secret", server.Client()}
	for _, c := range []struct {
		code        int
		fine, final bool
	}{{204, true, false}, {500, false, false}, {404, false, false}, {422, false, true}, {302, false, false}} {
		code = c.code
		err := hook.Post(t.Context(), []byte(`{"a":1}`))
		if (err == nil) != c.fine || errors.Is(err, ErrRefused) != c.final {
			t.Errorf("%d: %v", c.code, err)
		}
	}
	mac := hmac.New(sha256.New, []byte("secret"))
	mac.Write([]byte(`{"a":1}`))
	if body != `{"a":1}` || signature != "sha256="+hex.EncodeToString(mac.Sum(nil)) {
		t.Errorf("%s signed %s", body, signature)
	}
	if (Webhook{URL: server.URL, HTTP: Client(nil, time.Second)}).Post(t.Context(), nil) == nil {
		t.Error("a private address is reached")
	}
}
