package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polytrace/webui"

	"golang.org/x/crypto/acme"
)

// acmeSettings are those of a server that has its certificate from a CA.
func acmeSettings(t *testing.T, dir, directory string, more ...string) settings {
	t.Helper()
	s, warnings, err := loadSettings("", append([]string{"POLYTRACE_SMTP_ACME=" + directory, "POLYTRACE_SMTP_HOSTNAME=mx.example", "POLYTRACE_SMTP_ACME_LISTEN=127.0.0.1:0", "POLYTRACE_OUTBOUND_ALLOW=127.0.0.0/8"}, more...), dir)
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	return s
}

func acmeCertificate(t *testing.T, s settings, dir string) *certificate {
	t.Helper()
	c, err := loadCertificate(s, dir, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	c.issuer.patience = func(int) time.Duration { return time.Millisecond }
	return c
}

// pemFile writes the certificate of a test server.
func pemFile(t *testing.T, der []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// While the CA issues nothing the self-signed certificate serves, and the
// status says why and what to do.
func TestWithoutTheCAMailIsTakenAndTheReasonTold(t *testing.T) {
	problem := func(code int, kind, detail string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/dir" {
				fmt.Fprintf(w, `{"newNonce":"https://%[1]s/n","newAccount":"https://%[1]s/a","newOrder":"https://%[1]s/o"}`, r.Host)
				return
			}
			w.Header().Set("Replay-Nonce", "once")
			if r.URL.Path == "/a" {
				w.Header().Set("Content-Type", "application/problem+json")
				w.Header().Set("Retry-After", "7200")
				w.WriteHeader(code)
				fmt.Fprintf(w, `{"type":"urn:ietf:params:acme:error:%s","detail":%q}`, kind, detail)
			}
		}
	}
	forgetful := func(times int) http.HandlerFunc { // Does not know its nonces any more.
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/a" && times > 0 {
				times--
				problem(400, "badNonce", "forgotten")(w, r)
				return
			}
			problem(403, "unsupportedContact", "no such mailbox")(w, r)
		}
	}
	for name, c := range map[string]struct {
		answer  http.HandlerFunc
		gone    bool // The server has stopped.
		trusted bool
		more    string
		want    []string
	}{
		"gone":      {gone: true, trusted: true, want: []string{"refused", "see that this machine reaches the CA at https://"}},
		"silent":    {answer: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, trusted: true, want: []string{"Timeout", "see that this machine reaches the CA"}},
		"broken":    {answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, trusted: true, want: []string{"502"}},
		"nonsense":  {answer: func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) }, trusted: true, want: []string{"invalid character"}},
		"untrusted": {answer: problem(400, "x", ""), want: []string{"name the CA's own certificate in smtp.acme_ca"}},
		"private":   {answer: problem(400, "x", ""), trusted: true, more: "POLYTRACE_OUTBOUND_ALLOW=", want: []string{"name the network of the CA in outbound.allow"}},
		"unwilling": {answer: problem(403, "unsupportedContact", "no such mailbox"), trusted: true, want: []string{"register with the CA", "no such mailbox", "look at smtp.acme, smtp.acme_email"}},
		"forgetful": {answer: forgetful(10), trusted: true, want: []string{"no such mailbox"}},
		"demented":  {answer: forgetful(1000), trusted: true, want: []string{"badNonce"}},
		"busy":      {answer: problem(429, "rateLimited", "too many"), trusted: true, want: []string{"too many"}},
	} {
		t.Run(name, func(t *testing.T) {
			ca := httptest.NewUnstartedServer(c.answer)
			ca.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
			ca.StartTLS()
			defer ca.Close()
			dir := t.TempDir()
			more := []string{c.more}
			if c.more == "" {
				more = nil
			}
			if c.trusted {
				more = append(more, "POLYTRACE_SMTP_ACME_CA="+pemFile(t, ca.Certificate().Raw))
			}
			if c.gone {
				ca.Close()
			}
			cert := acmeCertificate(t, acmeSettings(t, dir, ca.URL+"/dir", more...), dir)
			if name == "silent" {
				cert.issuer.http.Timeout = 50 * time.Millisecond
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- cert.issuer.run(ctx) }()
			waitUntil(t.Fatalf, "the failure", func() bool { return cert.issuer.failure() != "" })
			if !selfSigned(cert.present.Load().Leaf) {
				t.Error("the self-signed certificate does not serve")
			}
			told := strings.Join(statusAnswer{Intake: &webui.Intake{CertificateFailure: cert.issuer.failure()}}.problems(), "\n")
			for _, want := range append(c.want, "the CA issued no certificate") {
				if !strings.Contains(told, want) {
					t.Errorf("not told: %q: %s", want, told)
				}
			}
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

// Who set a name or a port up wrong is told which.
func TestWhyTheCADoesNotBelieveIsTold(t *testing.T) {
	dir := t.TempDir()
	i := acmeCertificate(t, acmeSettings(t, dir, "https://ca.example/dir"), dir).issuer
	for kind, want := range map[string]string{
		"dns":               "give mx.example (smtp.hostname) an address in the DNS",
		"connection":        "port 80 of mx.example has to be open",
		"caa":               "the DNS (CAA) forbids this CA",
		"incorrectResponse": "lead to 127.0.0.1:0 (smtp.acme_listen) of this machine, and to nothing else",
	} {
		err := fmt.Errorf("prove: %w", &acme.AuthorizationError{Errors: []error{&acme.Error{StatusCode: 400, ProblemType: "urn:ietf:params:acme:error:" + kind, Detail: "details"}}})
		if got := i.describe(err); !strings.Contains(got, want) || !strings.Contains(got, "details") {
			t.Errorf("%s: %s", kind, got)
		}
	}
}

// A CA that fails is asked less and less often, and not before it wants to be.
func TestFailedAttemptsArePutOff(t *testing.T) {
	for failures, want := range map[int]time.Duration{1: 2 * time.Minute, 2: 4 * time.Minute, 5: 32 * time.Minute, 8: 4 * time.Hour, 1000: 4 * time.Hour} {
		if got := pauseAfter(failures, errors.New("no answer")); got != want {
			t.Errorf("after %d failures %s, want %s", failures, got, want)
		}
	}
	limited := &acme.Error{ProblemType: "urn:ietf:params:acme:error:rateLimited", Header: http.Header{"Retry-After": {"7200"}}}
	if got := pauseAfter(1, fmt.Errorf("order: %w", limited)); got != 2*time.Hour {
		t.Errorf("the CA wants two hours, got %s", got)
	}
}

// signedFor makes key and chain of a CA, for a name and a time.
func signedFor(t *testing.T, name string, begins, ends time.Time) []byte {
	t.Helper()
	_, raw, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(raw)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent := &x509.Certificate{Subject: pkix.Name{CommonName: "CA"}}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: begins, NotAfter: ends}
	der, err := x509.CreateCertificate(rand.Reader, leaf, parent, key.(*ecdsa.PrivateKey).Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	return append(raw, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
}

// The kept certificate serves from the start, without the CA, and is renewed
// when two thirds of its life are over. One that is torn or for another name
// does not stop the start: another one is got.
func TestKeptCertificateServesFromTheStart(t *testing.T) {
	dir := t.TempDir()
	s := acmeSettings(t, dir, "https://ca.example/dir")
	begins := time.Now().Truncate(time.Second)
	kept := signedFor(t, "mx.example", begins, begins.Add(90*24*time.Hour))
	file := acmeCertificate(t, s, dir).issuer.file()
	for name, c := range map[string]struct {
		raw    []byte
		serves bool
	}{"whole": {kept, true}, "torn": {kept[:len(kept)/2], false}, "empty": {nil, false}, "other name": {signedFor(t, "other.example", begins, begins.Add(time.Hour)), false}} {
		if err := os.WriteFile(file, c.raw, 0o600); err != nil {
			t.Fatal(err)
		}
		cert := acmeCertificate(t, s, dir)
		if serves := !selfSigned(cert.present.Load().Leaf); serves != c.serves {
			t.Errorf("%s: serves is %v", name, serves)
		}
		want := time.Time{}
		if c.serves {
			want = begins.Add(60 * 24 * time.Hour)
		}
		if due := cert.issuer.due(); !due.Equal(want) {
			t.Errorf("%s: renewed at %s, want %s", name, due, want)
		}
	}
	other := acmeSettings(t, dir, "https://ca.example/staging/dir")
	if cert := acmeCertificate(t, other, dir); !selfSigned(cert.present.Load().Leaf) {
		t.Error("the certificate of another CA serves")
	}
}

// At the port for the CA there is an answer for the CA, while it asks.
func TestOnlyTheCAIsAnswered(t *testing.T) {
	dir := t.TempDir()
	i := acmeCertificate(t, acmeSettings(t, dir, "https://ca.example/dir"), dir).issuer
	ask := func(path string) int {
		w := httptest.NewRecorder()
		i.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w.Code
	}
	if code := ask("/.well-known/acme-challenge/abc"); code != http.StatusNotFound {
		t.Errorf("nothing is asked: %d", code)
	}
	i.challenge.Store(&challenge{"/.well-known/acme-challenge/abc", "abc.thumb"})
	if code := ask("/.well-known/acme-challenge/abc"); code != http.StatusOK {
		t.Errorf("the question: %d", code)
	}
	for _, path := range []string{"/", "/.well-known/acme-challenge/", "/.well-known/acme-challenge/abd"} {
		if code := ask(path); code != http.StatusNotFound {
			t.Errorf("%s: %d", path, code)
		}
	}
}

// Settings that cannot be meant are refused with what to write.
func TestSettingsForACME(t *testing.T) {
	if s := acmeSettings(t, t.TempDir(), "letsencrypt"); s.smtp.acme != acme.LetsEncryptURL {
		t.Errorf("letsencrypt is %q", s.smtp.acme)
	}
	for want, env := range map[string][]string{
		"is not letsencrypt":  {"POLYTRACE_SMTP_ACME=http://ca.example/dir"},
		"exclude each other":  {"POLYTRACE_SMTP_ACME=letsencrypt", "POLYTRACE_SMTP_TLS_CERT=a", "POLYTRACE_SMTP_TLS_KEY=b"},
		"is not host:port":    {"POLYTRACE_SMTP_ACME_LISTEN=80"},
		"is not letsencrypt,": {"POLYTRACE_SMTP_ACME=yes"},
	} {
		if _, _, err := loadSettings("", env, t.TempDir()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", env, err)
		}
	}
	dir := t.TempDir()
	none := filepath.Join(dir, "none.pem")
	if err := os.WriteFile(none, []byte("no PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{none, filepath.Join(dir, "absent.pem")} {
		if _, err := loadCertificate(acmeSettings(t, dir, "letsencrypt", "POLYTRACE_SMTP_ACME_CA="+file), dir, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "smtp.acme_ca") {
			t.Errorf("%s: %v", file, err)
		}
	}
}
