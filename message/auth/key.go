package auth

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// key is a public key as DNS has it (RFC 6376 section 3.6.1, RFC 8463).
type key struct {
	rsa     *rsa.PublicKey
	ed25519 ed25519.PublicKey
	testing bool // t=y
	strict  bool // t=s: the identity is of the domain itself.
}

// bits is the length of an RSA key.
func (k *key) bits() int {
	if k.rsa == nil {
		return 0
	}
	return k.rsa.N.BitLen()
}

// errNoKey is of a record that is about something else.
var errNoKey = errors.New("the record has no key")

// parseKey reads a key record, for a signature by an algorithm.
func parseKey(txt string, a algorithm) (*key, error) {
	t, err := parseTags(txt)
	if err != nil {
		return nil, fmt.Errorf("the key cannot be read: %w", err)
	}
	if v, ok := t["v"]; ok && v != "DKIM1" {
		return nil, errNoKey
	}
	p, ok := t["p"]
	if !ok {
		return nil, errNoKey
	}
	kind := t["k"]
	if kind == "" {
		kind = "rsa"
	}
	switch {
	case squeeze(p) == "":
		return nil, errors.New("the key was withdrawn by its owner")
	case kind != a.key:
		return nil, fmt.Errorf("the key is for %s, the signature was made with %s", clip(kind), a.key)
	case t["h"] != "" && !slices.Contains(t.list("h"), a.hashName):
		return nil, fmt.Errorf("the key is not to be used with %s", a.hashName)
	case t["s"] != "" && !slices.Contains(t.list("s"), "email") && !slices.Contains(t.list("s"), "*"):
		return nil, errors.New("the key is not for mail")
	}
	k := &key{testing: slices.Contains(t.list("t"), "y"), strict: slices.Contains(t.list("t"), "s")}
	return k, k.parse(squeeze(p))
}

func (k *key) parse(p string) error {
	raw, err := base64.StdEncoding.DecodeString(p)
	if err != nil {
		return errors.New("the key is no base64")
	}
	if len(raw) == ed25519.PublicKeySize {
		k.ed25519 = raw
		return nil
	}
	if parsed, err := x509.ParsePKIXPublicKey(raw); err == nil {
		k.rsa, _ = parsed.(*rsa.PublicKey)
	} else if pub, err := x509.ParsePKCS1PublicKey(raw); err == nil { // As RFC 6376 section 3.6.1 says, and its example does not.
		k.rsa = pub
	}
	switch {
	case k.rsa == nil:
		return errors.New("the key cannot be read")
	case k.bits() > maxKeyBits:
		return fmt.Errorf("the key has %d bits, more than %d", k.bits(), maxKeyBits)
	}
	return nil
}

// verifies reports whether a signature over a digest is by the key.
func (k *key) verifies(a algorithm, digest, signature []byte) bool {
	switch {
	case a.key == "ed25519":
		return k.ed25519 != nil && ed25519.Verify(k.ed25519, digest, signature)
	case k.rsa == nil:
		return false
	case k.bits() < 1024:
		return verifiesShort(k.rsa, a.hash, digest, signature)
	}
	return rsa.VerifyPKCS1v15(k.rsa, a.hash, digest, signature) == nil
}

// verifiesShort is RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2.2) with keys that are
// too short for crypto/rsa. Such a signature proves little, and that it is intact
// is worth knowing all the same.
func verifiesShort(k *rsa.PublicKey, h crypto.Hash, digest, signature []byte) bool {
	prefix := map[crypto.Hash][]byte{
		crypto.SHA1:   {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14},
		crypto.SHA256: {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20},
	}[h]
	padding := k.Size() - len(prefix) - len(digest) - 3
	s := new(big.Int).SetBytes(signature)
	if padding < 8 || len(signature) != k.Size() || s.Cmp(k.N) >= 0 {
		return false
	}
	want := append([]byte{0, 1}, slices.Repeat([]byte{0xff}, padding)...)
	want = slices.Concat(want, []byte{0}, prefix, digest)
	got := s.Exp(s, big.NewInt(int64(k.E)), k.N).FillBytes(make([]byte, k.Size()))
	return subtle.ConstantTimeCompare(got, want) == 1
}
