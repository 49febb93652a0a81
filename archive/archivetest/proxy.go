package archivetest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Fault is what a Proxy does to a request.
type Fault int

// The faults.
const (
	Reset  Fault = iota // The connection is cut before the server hears of it.
	Deaf                // The server does what it is asked to, and the answer is lost.
	Half                // The answer ends in the middle of its body.
	Wrong               // A byte of the answer's body is another one.
	Busy                // 503 SlowDown.
	Late                // The answer takes a while.
	Skewed              // The server says that the clocks differ too much.
)

// Faults are all of them.
var Faults = []Fault{Reset, Deaf, Half, Wrong, Busy, Late, Skewed}

func (f Fault) String() string {
	return [...]string{"reset", "deaf", "half", "wrong", "busy", "late", "skewed"}[f]
}

// Proxy is the network between a store and an S3 server, as bad as it is told
// to be.
type Proxy struct {
	URL string // Where the store connects.

	mu    sync.Mutex
	fault func(*http.Request) (Fault, bool) // Nil: none.
}

// StartProxy starts a proxy in front of a server.
func StartProxy(t testing.TB, server string) *Proxy {
	t.Helper()
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{}
	forward := &httputil.ReverseProxy{
		// The host stays as it was signed.
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
			r.Out.Host = r.In.Host
		},
		Transport:    &http.Transport{DisableCompression: true},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { panic(http.ErrAbortHandler) },
	}
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, forward) }))
	listener.Config.ErrorLog = nil
	t.Cleanup(listener.Close)
	p.URL = listener.URL
	return p
}

// Set says what happens to requests from now on; nil makes the network good.
func (p *Proxy) Set(fault func(*http.Request) (Fault, bool)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = fault
}

func (p *Proxy) ask(r *http.Request) (Fault, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault == nil {
		return 0, false
	}
	return p.fault(r)
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request, forward http.Handler) {
	f, ok := p.ask(r)
	if !ok {
		forward.ServeHTTP(w, r)
		return
	}
	switch f {
	case Reset:
		panic(http.ErrAbortHandler)
	case Busy:
		refuse(w, http.StatusServiceUnavailable, "SlowDown")
		return
	case Skewed:
		refuse(w, http.StatusForbidden, "RequestTimeTooSkewed")
		return
	case Late:
		<-time.After(300 * time.Millisecond)
		forward.ServeHTTP(w, r)
		return
	}
	answer := httptest.NewRecorder()
	forward.ServeHTTP(answer, r)
	body := answer.Body.Bytes()
	if f == Deaf || len(body) == 0 {
		panic(http.ErrAbortHandler)
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(answer.Code)
	if f == Half {
		w.Write(body[:len(body)/2])
		panic(http.ErrAbortHandler) // Less than was promised.
	}
	body = bytes.Clone(body)
	body[len(body)/2] ^= 1
	w.Write(body)
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>`+code+`</Code><Message>injected</Message></Error>`)
}

// certificate makes a certificate for 127.0.0.1 and returns its files and a
// pool that trusts it.
func certificate(t testing.TB, dir string) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, raw []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	pool = x509.NewCertPool()
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(parsed)
	return write("public.crt", "CERTIFICATE", der), write("private.key", "PRIVATE KEY", secret), pool
}
