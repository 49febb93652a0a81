// Package authority is an authority for time stamps (RFC 3161) in a test.
package authority

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
)

// Authority has a certificate of a root of its own.
type Authority struct {
	Root  *x509.Certificate
	Roots *x509.CertPool // With Root.
	Now   func() time.Time

	cert *x509.Certificate
	key  crypto.Signer
}

// New makes an authority.
func New(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{Now: time.Now, Roots: x509.NewCertPool()}
	rootKey, root := certificate(t, "Test Root", nil, nil)
	a.key, a.cert = certificate(t, "Test Time Stamps", root, rootKey)
	a.Root = root
	a.Roots.AddCert(root)
	return a
}

// Serve returns a URL where it answers until the end of the test.
func (a *Authority) Serve(t testing.TB) string {
	server := httptest.NewServer(http.HandlerFunc(a.serve))
	t.Cleanup(server.Close)
	return server.URL
}

func certificate(t testing.TB, name string, by *x509.Certificate, byKey crypto.Signer) (crypto.Signer, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Unix(0, 0), NotAfter: time.Now().Add(24 * 365 * time.Hour), BasicConstraintsValid: true,
	}
	if by == nil {
		by, byKey = c, key
		c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign
	} else {
		usage, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}}) // RFC 3161 section 2.3: timeStamping, critical.
		if err != nil {
			t.Fatal(err)
		}
		c.KeyUsage = x509.KeyUsageDigitalSignature
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage}}
	}
	raw, err := x509.CreateCertificate(rand.Reader, c, by, key.Public(), byKey)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return key, made
}

// Stamp answers without a network.
func (a *Authority) Stamp(digest [32]byte) ([]byte, error) {
	return a.answer(&timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: digest[:]})
}

func (a *Authority) answer(q *timestamp.Request) ([]byte, error) {
	t := timestamp.Timestamp{
		HashAlgorithm: q.HashAlgorithm, HashedMessage: q.HashedMessage, Nonce: q.Nonce, Time: a.Now(),
		SerialNumber: big.NewInt(a.Now().UnixNano()), Policy: asn1.ObjectIdentifier{1, 2, 3, 4}, AddTSACertificate: true,
	}
	return t.CreateResponseWithOpts(a.cert, a.key, crypto.SHA256)
}

func (a *Authority) serve(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	q, err := timestamp.ParseRequest(raw)
	if err != nil || r.Header.Get("Content-Type") != "application/timestamp-query" {
		http.Error(w, "not a question", http.StatusBadRequest)
		return
	}
	answer, err := a.answer(q)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/timestamp-reply")
	w.Write(answer)
}
