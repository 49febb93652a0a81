//go:build real

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/smtp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
)

// pebble is the ACME server of Let's Encrypt for tests: it checks names over
// HTTP as theirs does, and refuses some requests to see them repeated.
type pebble struct {
	t          *testing.T
	dir        string
	acme, tell string // host:port of the directory, and of what it says about itself.
}

// newPebble makes its certificate, and chooses its ports: it cannot tell which
// ones the system would choose for it.
func newPebble(t *testing.T) *pebble {
	t.Helper()
	p := &pebble{t: t, dir: t.TempDir()}
	if err := makeCertificate(p.certificate(), filepath.Join(p.dir, "key.pem"), "localhost"); err != nil {
		t.Fatal(err)
	}
	for _, at := range []*string{&p.acme, &p.tell} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		*at = l.Addr().String()
	}
	return p
}

func (p *pebble) certificate() string { return filepath.Join(p.dir, "cert.pem") }
func (p *pebble) directory() string   { return "https://localhost" + portOf(p.acme) + "/dir" }

func portOf(address string) string { return address[strings.LastIndexByte(address, ':'):] }

// start runs it until the test ends. It comes to port for its question.
func (p *pebble) start(port int, life time.Duration) {
	p.t.Helper()
	program, err := filepath.Abs(filepath.Join("..", "..", ".tools", "pebble"))
	if err == nil {
		_, err = os.Stat(program)
	}
	if err != nil {
		p.t.Fatalf("%v; make tools installs it", err)
	}
	raw, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": p.acme, "managementListenAddress": p.tell, "certificate": p.certificate(), "privateKey": filepath.Join(p.dir, "key.pem"),
		"httpPort": port, "keyAlgorithm": "ecdsa", "retryAfter": map[string]int{"authz": 1, "order": 1},
		"profiles": map[string]any{"default": map[string]any{"validityPeriod": int(life.Seconds())}},
	}})
	if err != nil {
		p.t.Fatal(err)
	}
	config := filepath.Join(p.dir, "pebble.json")
	if err := os.WriteFile(config, raw, 0o600); err != nil {
		p.t.Fatal(err)
	}
	child := exec.Command(program, "-config", config)
	child.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=20")
	var said bytes.Buffer
	child.Stdout, child.Stderr = &said, &said
	if err := child.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		child.Process.Kill()
		child.Wait()
		if p.t.Failed() {
			p.t.Logf("Pebble said:\n%s", said.String())
		}
	})
}

// roots is whom its certificates are to be traced to.
func (p *pebble) roots() *x509.CertPool {
	p.t.Helper()
	own, err := readRoots(p.certificate())
	if err != nil {
		p.t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: own}}}
	defer client.CloseIdleConnections()
	var raw []byte
	waitUntil(p.t.Fatalf, "Pebble", func() bool {
		resp, err := client.Get("https://localhost" + portOf(p.tell) + "/roots/0")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		raw, err = io.ReadAll(resp.Body)
		return err == nil && resp.StatusCode == http.StatusOK
	})
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(raw) {
		p.t.Fatalf("no root in %q", raw)
	}
	return roots
}

// sender is a mail server with a session that stays open.
type sender struct {
	t      *testing.T
	client *smtp.Client
	queue  string
	shown  *x509.Certificate
}

// dialSender opens a session with STARTTLS; roots may be nil: it believes anybody then.
func dialSender(t *testing.T, address, queue string, roots *x509.CertPool) *sender {
	t.Helper()
	c, err := smtp.Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.StartTLS(believing(roots)); err != nil {
		t.Fatalf("STARTTLS: %v", err)
	}
	state, _ := c.TLSConnectionState()
	return &sender{t, c, queue, state.PeerCertificates[0]}
}

// believing verifies at the time when the certificate was made: it lives for
// seconds only, and the machine may be slow.
func believing(roots *x509.CertPool) *tls.Config {
	return &tls.Config{ServerName: "localhost", InsecureSkipVerify: true, VerifyConnection: func(s tls.ConnectionState) error {
		if roots == nil {
			return nil
		}
		between := x509.NewCertPool()
		for _, c := range s.PeerCertificates[1:] {
			between.AddCert(c)
		}
		leaf := s.PeerCertificates[0]
		_, err := leaf.Verify(x509.VerifyOptions{DNSName: "localhost", Roots: roots, Intermediates: between, CurrentTime: leaf.NotBefore})
		return err
	}}
}

func (s *sender) send(subject string) {
	s.t.Helper()
	if err := s.client.Mail("kim@fabrikam.example"); err != nil {
		s.t.Fatal(err)
	}
	if err := s.client.Rcpt(s.queue); err != nil {
		s.t.Fatal(err)
	}
	w, err := s.client.Data()
	if err != nil {
		s.t.Fatal(err)
	}
	fmt.Fprintf(w, "Subject: %s\r\n\r\nText.\r\n", subject)
	if err := w.Close(); err != nil {
		s.t.Fatalf("message %s was not taken: %v", subject, err)
	}
}

// A CA that speaks ACME issues the certificate, over HTTP-01, and another one
// in time. Sessions go on, new ones get the new certificate, on both ports, and
// mail is taken before, between and after. A restart shows what was kept.
func TestCertificateComesFromACMEAndIsRenewed(t *testing.T) {
	ca := newPebble(t)
	dir := t.TempDir()
	var queue bytes.Buffer
	if code := run(t.Context(), []string{"queue", "add", "support", "--data", dir}, terminal{strings.NewReader(""), &queue, t.Output()}); code != 0 {
		t.Fatalf("queue add ended with %d", code)
	}
	to := strings.TrimSpace(queue.String())
	set, _, err := loadSettings("", append([]string{"POLYTRACE_SMTP_LISTEN_TLS=127.0.0.1:0", "POLYTRACE_SMTP_ACME=" + ca.directory(), "POLYTRACE_SMTP_ACME_CA=" + ca.certificate(),
		"POLYTRACE_SMTP_ACME_EMAIL=it@fabrikam.example", "POLYTRACE_SMTP_ACME_LISTEN=127.0.0.1:0", "POLYTRACE_SMTP_HOSTNAME=localhost", "POLYTRACE_OUTBOUND_ALLOW=127.0.0.0/8"}, anyPorts...), dir)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	a, err := openApp(t.Context(), set, dir, log)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	s, err := newServer(a, listenAt)
	if err != nil {
		t.Fatal(err)
	}
	s.certificate.issuer.patience = func(int) time.Duration { return time.Millisecond }
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx) }()
	stop := func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		ended <- nil
	}
	defer stop()

	first := dialSender(t, s.smtp.Addr().String(), to, nil)
	first.send("the CA is away")
	if !selfSigned(first.shown) {
		t.Fatalf("shown without a CA: %v", first.shown.Issuer)
	}
	waitUntil(t.Fatalf, "the failure", func() bool { return s.intakeStatus().CertificateFailure != "" })

	ca.start(s.acme.Addr().(*net.TCPAddr).Port, 8*time.Second)
	roots := ca.roots()
	s.certificate.issuer.retry()
	waitUntil(t.Fatalf, "a certificate", func() bool { return !selfSigned(s.certificate.present.Load().Leaf) })
	second := dialSender(t, s.smtp.Addr().String(), to, roots)
	second.send("the CA has issued one")
	first.send("a session goes on")

	waitUntil(t.Fatalf, "another certificate", func() bool { return !s.certificate.present.Load().Leaf.Equal(second.shown) })
	third := dialSender(t, s.smtp.Addr().String(), to, roots)
	if third.shown.SerialNumber.Cmp(second.shown.SerialNumber) == 0 || !third.shown.NotAfter.After(second.shown.NotAfter) {
		t.Errorf("shown after the renewal: %v until %v, before: %v until %v", third.shown.SerialNumber, third.shown.NotAfter, second.shown.SerialNumber, second.shown.NotAfter)
	}
	implicit, err := tls.Dial("tcp", s.tls.Addr().String(), believing(roots))
	if err != nil {
		t.Fatalf("TLS from the first byte: %v", err)
	}
	implicit.Close()
	for i, one := range []*sender{first, second, third} {
		one.send(fmt.Sprint("after the renewal, in session ", i))
	}
	if f := s.intakeStatus().CertificateFailure; f != "" {
		t.Errorf("a failure is told still: %s", f)
	}
	if n := a.archive.Next(archive.Mail); n != 6 {
		t.Errorf("%d messages are archived, 6 were sent", n)
	}

	stop()
	again, err := loadCertificate(set, dir, log)
	if err != nil {
		t.Fatal(err)
	}
	if !again.present.Load().Leaf.Equal(s.certificate.present.Load().Leaf) {
		t.Error("after a restart another certificate serves")
	}
}

// A CA that does not find this machine at port 80 says so, and the status says what to do.
func TestTheCAFindsAnotherMachine(t *testing.T) {
	ca := newPebble(t)
	elsewhere, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := elsewhere.Addr().(*net.TCPAddr).Port
	elsewhere.Close()
	ca.start(port, time.Hour)
	ca.roots()
	dir := t.TempDir()
	cert := acmeCertificate(t, acmeSettings(t, dir, ca.directory(), "POLYTRACE_SMTP_ACME_CA="+ca.certificate(), "POLYTRACE_SMTP_HOSTNAME=localhost"), dir)
	err = cert.issuer.attempt(t.Context())
	if err == nil {
		t.Fatal("a certificate was issued")
	}
	if told := cert.issuer.describe(err); !strings.Contains(told, "port 80 of localhost has to be open for the CA and to lead to") {
		t.Errorf("told: %s", told)
	}
	if !selfSigned(cert.present.Load().Leaf) {
		t.Error("the self-signed certificate does not serve")
	}
}
