package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// certificate is what STARTTLS shows; it may be read again while it is in use.
type certificate struct {
	certFile, keyFile string
	present           atomic.Pointer[tls.Certificate]
	issuer            *issuer // Nil when it does not come from a CA over ACME.
}

// loadCertificate reads the certificate that is configured; without one, that of
// the data directory, which is made at first start. A CA's replaces it as soon
// as there is one.
func loadCertificate(s settings, dir string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: s.smtp.tlsCert, keyFile: s.smtp.tlsKey}
	if c.certFile != "" {
		return c, c.reload()
	}
	c.certFile, c.keyFile = filepath.Join(dir, "tls", "cert.pem"), filepath.Join(dir, "tls", "key.pem")
	if existing(c.certFile) == "" {
		if err := makeCertificate(c.certFile, c.keyFile, s.smtp.hostname); err != nil {
			return nil, fmt.Errorf("make a certificate: %w", err)
		}
	}
	err := c.reload()
	if err == nil && s.smtp.acme != "" && !s.follow {
		c.issuer, err = newIssuer(s, dir, c, log)
	}
	if err == nil && selfSigned(c.present.Load().Leaf) {
		remedy := "set smtp.acme, or smtp.tls_cert and smtp.tls_key"
		if c.issuer != nil {
			remedy = "the CA is asked for one"
		}
		log.Warn("STARTTLS uses a self-signed certificate; mail servers that verify will not connect; "+remedy, "certificate", c.certFile)
	}
	return c, err
}

// selfSigned recognises the certificate that makeCertificate makes.
func selfSigned(leaf *x509.Certificate) bool { return bytes.Equal(leaf.RawIssuer, leaf.RawSubject) }

// reload reads the files again. When they cannot be used, what was read before stays.
func (c *certificate) reload() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("certificate for STARTTLS: %w", err)
	}
	c.present.Store(&pair)
	return nil
}

// life is the time that the certificate in use is for.
func (c *certificate) life() (begins, ends time.Time) {
	leaf := c.present.Load().Leaf
	return leaf.NotBefore, leaf.NotAfter
}

func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.present.Load(), nil },
	}
}

// makeCertificate makes a self-signed one. It protects against listening, not
// against an impostor.
func makeCertificate(certFile, keyFile, name string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, DNSNames: []string{name, "localhost"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		os.MkdirAll(filepath.Dir(keyFile), 0o700),
		os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600),
		os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o644),
	)
}
