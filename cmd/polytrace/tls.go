package main

import (
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
}

// loadCertificate reads the certificate that is configured; without one, that of
// the data directory, which is made at first start.
func loadCertificate(s settings, dir string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: s.smtp.tlsCert, keyFile: s.smtp.tlsKey}
	if c.certFile == "" {
		c.certFile, c.keyFile = filepath.Join(dir, "tls", "cert.pem"), filepath.Join(dir, "tls", "key.pem")
		if existing(c.certFile) == "" {
			if err := makeCertificate(c.certFile, c.keyFile, s.smtp.hostname); err != nil {
				return nil, fmt.Errorf("make a certificate: %w", err)
			}
		}
		log.Warn("STARTTLS uses a self-signed certificate; mail servers that verify will not connect; set smtp.tls_cert and smtp.tls_key", "certificate", c.certFile)
	}
	return c, c.reload()
}

// reload reads the files again. When they cannot be used, what was read before stays.
func (c *certificate) reload() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("certificate for STARTTLS: %w", err)
	}
	c.present.Store(&pair)
	return nil
}

// ends is when the certificate in use does.
func (c *certificate) ends() time.Time { return c.present.Load().Leaf.NotAfter }

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
