package main

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"polytrace/outbound"

	"code.dny.dev/ssrf"
	"golang.org/x/crypto/acme"
)

// How long one attempt may take, and how long a failed one is waited after:
// Let's Encrypt takes five that fail in an hour.
const (
	acmeAttempt   = 5 * time.Minute
	acmePause     = 2 * time.Minute
	acmeLongPause = 4 * time.Hour
)

// issuer keeps the certificate of a CA that speaks ACME (RFC 8555) in use: it
// gets one, and another when two thirds of its life are over. What it has is in
//
//	tls/acme/<directory URL>/account.pem      key of the account
//	tls/acme/<directory URL>/certificate.pem  key and chain
//
// It is made of package acme and not of autocert, which gets certificates inside
// of handshakes, for a name that mail servers often do not say, and keeps to
// itself why a renewal fails.
type issuer struct {
	directory, name, email string
	port                   string // Setting of where the CA's question ends up.
	dir                    string
	http                   *http.Client
	use                    *certificate
	log                    *slog.Logger
	patience               func(tries int) time.Duration // Between requests to a CA that fails.

	challenge atomic.Pointer[challenge] // Nil while the CA has nothing to ask.
	again     chan struct{}             // Asks for an attempt at once.

	mu      sync.Mutex
	problem string // Why the last attempt failed; guarded by mu.
}

// challenge is what the CA will ask for over HTTP (RFC 8555 section 8.3).
type challenge struct{ path, answer string }

// newIssuer puts the certificate of before to use, when there is one.
func newIssuer(s settings, dir string, use *certificate, log *slog.Logger) (*issuer, error) {
	at, err := url.Parse(s.smtp.acme)
	if err != nil {
		return nil, fmt.Errorf("smtp.acme: %w", err)
	}
	i := &issuer{
		directory: s.smtp.acme, name: s.smtp.hostname, email: s.smtp.acmeEmail, port: s.smtp.acmeListen,
		dir: filepath.Join(dir, "tls", "acme", url.PathEscape(at.Host+at.Path)),
		use: use, log: log, again: make(chan struct{}, 1),
		patience: func(tries int) time.Duration { return time.Second << tries },
	}
	roots, err := readRoots(s.smtp.acmeCA)
	if err != nil {
		return nil, err
	}
	i.http = outbound.ClientTrusting(roots, s.private, 30*time.Second)
	if err := os.MkdirAll(i.dir, 0o700); err != nil {
		return nil, fmt.Errorf("keep the certificate: %w", err)
	}
	raw, err := os.ReadFile(i.file())
	if errors.Is(err, fs.ErrNotExist) {
		return i, nil
	}
	if err == nil {
		var kept *tls.Certificate
		if kept, err = i.parse(raw); err == nil {
			use.present.Store(kept)
			return i, nil
		}
	}
	log.Warn("kept certificate cannot be used, another one is asked for", "certificate", i.file(), "error", err)
	return i, nil
}

// readRoots reads whom to trust; without a file, those the system trusts.
func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("smtp.acme_ca: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("smtp.acme_ca: no certificate (PEM) in %s", file)
	}
	return roots, nil
}

func (i *issuer) file() string { return filepath.Join(i.dir, "certificate.pem") }

// parse reads key and chain, if they are for our name.
func (i *issuer) parse(raw []byte) (*tls.Certificate, error) {
	pair, err := tls.X509KeyPair(raw, raw)
	if err != nil {
		return nil, err
	}
	return &pair, pair.Leaf.VerifyHostname(i.name)
}

// run gets certificates until ctx ends.
func (i *issuer) run(ctx context.Context) error {
	for failures := 0; ; {
		wait := time.Until(i.due())
		if wait <= 0 {
			err := i.attempt(ctx)
			if ctx.Err() != nil {
				return nil
			}
			if failures++; err == nil {
				failures, wait = 0, 0
			} else {
				wait = pauseAfter(failures, err)
				i.log.Error("no certificate; the one before stays in use", "error", i.describe(err), "again_in", wait)
			}
			i.note(err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-i.again:
		case <-time.After(min(wait, time.Hour)): // Clocks are set, and machines sleep.
		}
	}
}

// due is when the next certificate is to be got: when two thirds of the life
// of the present one are over, as Let's Encrypt asks for.
func (i *issuer) due() time.Time {
	leaf := i.use.present.Load().Leaf
	if selfSigned(leaf) {
		return time.Time{}
	}
	return leaf.NotAfter.Add(-leaf.NotAfter.Sub(leaf.NotBefore) / 3)
}

// pauseAfter is how long to wait after so many failures in a row.
func pauseAfter(failures int, err error) time.Duration {
	var told *acme.Error
	if errors.As(err, &told) {
		if asked, ok := acme.RateLimit(told); ok {
			return max(asked, acmePause)
		}
	}
	return min(acmePause<<min(failures-1, 10), acmeLongPause)
}

// retry asks for an attempt at once, if one is due.
func (i *issuer) retry() {
	select {
	case i.again <- struct{}{}:
	default:
	}
}

func (i *issuer) note(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.problem = ""; err != nil {
		i.problem = i.describe(err)
	}
}

// failure is why the last attempt failed and what to do; empty when it did not.
func (i *issuer) failure() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.problem
}

// attempt gets a certificate, keeps it and puts it to use.
func (i *issuer) attempt(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, acmeAttempt)
	defer cancel()
	raw, err := i.obtain(ctx)
	if err != nil {
		return err
	}
	pair, err := i.parse(raw)
	if err != nil {
		return fmt.Errorf("use the certificate of the CA: %w", err)
	}
	if now := time.Now(); now.After(pair.Leaf.NotAfter) || now.Before(pair.Leaf.NotBefore) {
		return fmt.Errorf("use the certificate of the CA: it is for the time from %s to %s: set the clock of this machine", pair.Leaf.NotBefore, pair.Leaf.NotAfter)
	}
	if err := replaceFile(i.file(), raw); err != nil {
		return fmt.Errorf("keep the certificate: %w", err)
	}
	i.use.present.Store(pair)
	i.log.Info("certificate obtained", "certificate", i.file(), "ends", pair.Leaf.NotAfter)
	return nil
}

// obtain has the CA issue a certificate (RFC 8555 section 7.1): account, order,
// proof that the name is ours, certificate. It returns key and chain, PEM.
func (i *issuer) obtain(ctx context.Context) ([]byte, error) {
	account, err := i.accountKey()
	if err != nil {
		return nil, fmt.Errorf("key of the account: %w", err)
	}
	c := &acme.Client{Key: account, DirectoryURL: i.directory, HTTPClient: i.http, UserAgent: "polytrace", RetryBackoff: func(tries int, _ *http.Request, resp *http.Response) time.Duration {
		most := 3
		switch resp.StatusCode {
		case http.StatusBadRequest: // Is repeated for a nonce it does not know any more alone (RFC 8555 section 6.5).
			most = 10
		case http.StatusTooManyRequests:
			most = 0
		}
		if tries > most {
			return 0 // Say why, and come back later.
		}
		return i.patience(min(tries, 3))
	}}
	if err := i.register(ctx, c); err != nil {
		return nil, fmt.Errorf("register with the CA: %w", err)
	}
	order, err := c.AuthorizeOrder(ctx, acme.DomainIDs(i.name))
	if err != nil {
		return nil, fmt.Errorf("order a certificate: %w", err)
	}
	for _, at := range order.AuthzURLs {
		if err := i.prove(ctx, c, at); err != nil {
			return nil, fmt.Errorf("prove that %s is this machine: %w", i.name, err)
		}
	}
	if order, err = c.WaitOrder(ctx, order.URI); err != nil {
		return nil, fmt.Errorf("order a certificate: %w", err)
	}
	key, raw, err := newKey()
	if err != nil {
		return nil, err
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{i.name}}, key)
	if err != nil {
		return nil, err
	}
	chain, _, err := c.CreateCertFromOrder(ctx, order, csr, true)
	if err != nil {
		return nil, fmt.Errorf("fetch the certificate: %w", err)
	}
	for _, der := range chain {
		raw = append(raw, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return raw, nil
}

// register makes the account, or finds it and brings its address up to date
// (RFC 8555 section 7.3).
func (i *issuer) register(ctx context.Context, c *acme.Client) error {
	a := &acme.Account{}
	if i.email != "" {
		a.Contact = []string{"mailto:" + i.email}
	}
	_, err := c.Register(ctx, a, acme.AcceptTOS)
	if !errors.Is(err, acme.ErrAccountAlreadyExists) {
		return err
	}
	if a.Contact == nil {
		return nil
	}
	_, err = c.UpdateReg(ctx, a)
	return err
}

// prove answers the question of the CA over HTTP.
func (i *issuer) prove(ctx context.Context, c *acme.Client, at string) error {
	authorization, err := c.GetAuthorization(ctx, at)
	if err != nil || authorization.Status == acme.StatusValid {
		return err
	}
	for _, one := range authorization.Challenges {
		if one.Type != "http-01" {
			continue
		}
		answer, err := c.HTTP01ChallengeResponse(one.Token)
		if err != nil {
			return err
		}
		i.challenge.Store(&challenge{c.HTTP01ChallengePath(one.Token), answer})
		defer i.challenge.Store(nil)
		if _, err := c.Accept(ctx, one); err != nil {
			return err
		}
		_, err = c.WaitAuthorization(ctx, at)
		return err
	}
	return errors.New("the CA does not offer to ask over HTTP (http-01)")
}

// ServeHTTP answers the CA, and nobody else.
func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := i.challenge.Load()
	if c == nil || r.URL.Path != c.path {
		http.Error(w, "There is nothing here but answers to a certificate authority.", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Write([]byte(c.answer)) // Who left does not need it.
}

// accountKey reads the key of the account, and makes it the first time. Losing
// it costs nothing but a new account.
func (i *issuer) accountKey() (crypto.Signer, error) {
	file := filepath.Join(i.dir, "account.pem")
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		key, raw, err := newKey()
		if err != nil {
			return nil, err
		}
		return key, replaceFile(file, raw)
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, fmt.Errorf("no key (PEM) in %s; remove it to make another account", file)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; remove it to make another account", file, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s: a key that cannot sign; remove it to make another account", file)
	}
	return signer, nil
}

// newKey returns a key and its PEM.
func newKey() (crypto.Signer, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
}

// replaceFile writes a secret so that a crash leaves the old file or the new one.
func replaceFile(file string, raw []byte) error {
	next := file + ".new"
	if err := os.WriteFile(next, raw, 0o600); err != nil {
		return err
	}
	return os.Rename(next, file)
}

// describe is an error in words, with what to do about it.
func (i *issuer) describe(err error) string {
	return strings.ReplaceAll(err.Error(), "\n\t", " ") + "; " + i.advice(err) + "; it is tried again, and at once by systemctl reload polytrace"
}

func (i *issuer) advice(err error) string {
	var unknown x509.UnknownAuthorityError
	var refused *acme.AuthorizationError
	var order *acme.OrderError
	var told *acme.Error
	switch {
	case errors.As(err, &refused):
		return i.adviceOn(refused)
	case errors.Is(err, ssrf.ErrProhibitedIP):
		return "name the network of the CA in outbound.allow"
	case errors.As(err, &unknown):
		return "name the CA's own certificate in smtp.acme_ca"
	case errors.As(err, &told), errors.As(err, &order):
		return "the CA at " + i.directory + " does not want to; look at smtp.acme, smtp.acme_email and smtp.hostname"
	}
	return "see that this machine reaches the CA at " + i.directory
}

// adviceOn says what to do when the CA did not believe that the name is ours
// (RFC 8555 section 6.7).
func (i *issuer) adviceOn(refused *acme.AuthorizationError) string {
	var told *acme.Error
	kind := ""
	for _, one := range refused.Errors {
		if errors.As(one, &told) {
			kind = told.ProblemType[strings.LastIndexByte(told.ProblemType, ':')+1:]
		}
	}
	switch kind {
	case "dns":
		return "give " + i.name + " (smtp.hostname) an address in the DNS that the CA sees"
	case "connection":
		return "port 80 of " + i.name + " has to be open for the CA and to lead to " + i.port + " (smtp.acme_listen)"
	case "caa":
		return "the DNS (CAA) forbids this CA to issue for " + i.name
	}
	return cmp.Or(kind, "the answer was not believed") + ": port 80 of " + i.name + " has to lead to " + i.port + " (smtp.acme_listen) of this machine, and to nothing else"
}
