package auth

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"
)

// receipt is when the mail of these tests was received.
var receipt = time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)

// zone answers as DNS would; names that are not in it do not exist.
type zone map[string]string

func (z zone) lookup(name string) Answer {
	a := Answer{Name: name, At: receipt, TTL: 300, Resolver: "192.0.2.53:53"}
	switch txt, ok := z[name]; {
	case !ok:
		a.Error = NoName
	case strings.HasPrefix(txt, "error:"):
		a.Error = strings.TrimPrefix(txt, "error:")
	default:
		a.TXT = []string{txt}
	}
	return a
}

// signer signs as a mail server does, with code of its own: it shares only the
// canonical forms with what it tests, and those are tested against a second way.
type signer struct {
	rsa     *rsa.PrivateKey
	ed25519 ed25519.PrivateKey
}

func newSigner(t testing.TB) signer {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, e, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{r, e}
}

// zone has the keys of the signer under two selectors, as the domains publish them.
func (s signer) zone(domains ...string) zone {
	z := zone{}
	for _, d := range domains {
		if s.rsa != nil {
			z["rsa._domainkey."+d] = "v=DKIM1; k=rsa; p=" + rsaText(&s.rsa.PublicKey)
		}
		z["ed._domainkey."+d] = "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(s.ed25519.Public().(ed25519.PublicKey))
	}
	return z
}

func rsaText(k *rsa.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(k)
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

func (s signer) over(algorithm string, data []byte) string {
	h := crypto.SHA256
	if strings.HasSuffix(algorithm, "sha1") {
		h = crypto.SHA1
	}
	w := h.New()
	w.Write(data)
	sum := w.Sum(nil)
	var out []byte
	var err error
	switch {
	case strings.HasPrefix(algorithm, "ed25519"):
		out = ed25519.Sign(s.ed25519, sum)
	case s.rsa.N.BitLen() < 1024:
		out = signShort(s.rsa, sum)
	default:
		out, err = rsa.SignPKCS1v15(nil, s.rsa, h, sum)
	}
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(out)
}

// signShort signs a SHA-256 with a key that crypto/rsa refuses.
func signShort(k *rsa.PrivateKey, sum []byte) []byte {
	prefix := []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}
	m := append([]byte{0, 1}, bytes.Repeat([]byte{0xff}, k.Size()-3-len(prefix)-len(sum))...)
	m = append(append(append(m, 0), prefix...), sum...)
	return new(big.Int).Exp(new(big.Int).SetBytes(m), k.D, k.N).FillBytes(make([]byte, k.Size()))
}

// sign puts a DKIM-Signature before a message. form is the tags but h=, bh= and b=.
func (s signer) sign(message, form, names string) string {
	return s.signAs("DKIM-Signature", message, form, names)
}

func (s signer) signAs(field, message, form, names string) string {
	t, err := parseTags(form)
	if err != nil {
		panic(err)
	}
	header, body, _ := strings.Cut(t["c"], "/")
	_, text, _ := strings.Cut(message, "\r\n\r\n")
	var canonical bytes.Buffer
	writeBody(&canonical, []byte(text), body == "relaxed")
	signed := canonical.Bytes()
	if n, err := t.number("l"); err == nil && n >= 0 {
		signed = signed[:min(int(n), len(signed))]
	}
	bh := crypto.SHA256
	if strings.HasSuffix(t["a"], "sha1") {
		bh = crypto.SHA1
	}
	w := bh.New()
	w.Write(signed)
	value := fmt.Sprintf("%s: %s;\r\n h=%s;\r\n bh=%s;\r\n b=", field, form, names, base64.StdEncoding.EncodeToString(w.Sum(nil)))
	var data bytes.Buffer
	lines := unfold(message)
	used := map[string]int{}
	for name := range strings.SplitSeq(names, ":") {
		name = strings.ToLower(strings.TrimSpace(name))
		n := 0
		for i := len(lines) - 1; i >= 0; i-- {
			if got, _, _ := strings.Cut(lines[i], ":"); strings.ToLower(got) != name {
				continue
			}
			if n++; n > used[name] {
				used[name]++
				data.WriteString(canonicalLine(lines[i], header == "relaxed"))
				break
			}
		}
	}
	data.WriteString(strings.TrimSuffix(canonicalLine(value+"\r\n", header == "relaxed"), "\r\n"))
	return value + s.over(t["a"], data.Bytes()) + "\r\n" + message
}

// unfold lists the fields of a message, each with its folds.
func unfold(message string) (out []string) {
	head, _, _ := strings.Cut(message, "\r\n\r\n")
	for line := range strings.SplitSeq(head, "\r\n") {
		if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") {
			out[len(out)-1] += line + "\r\n"
		} else {
			out = append(out, line+"\r\n")
		}
	}
	return out
}

// canonicalLine says RFC 6376 section 3.4.2 in another way than the code does.
func canonicalLine(line string, relaxed bool) string {
	if !relaxed {
		return line
	}
	name, value, _ := strings.Cut(line, ":")
	return strings.ToLower(strings.TrimRight(name, " \t")) + ":" + strings.Join(strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(" \t\r\n", r) }), " ") + "\r\n"
}

// seal adds an ARC set (RFC 8617).
func (s signer) seal(message, domain, selector string, n int, cv string, earlier []string) (string, []string) {
	results := fmt.Sprintf("ARC-Authentication-Results: i=%d; mx.%s; dkim=pass header.d=contoso.example\r\n", n, domain)
	algorithm := map[string]string{"rsa": "rsa-sha256", "ed": "ed25519-sha256"}[selector]
	whole := s.signAs("ARC-Message-Signature", message, fmt.Sprintf("i=%d; a=%s; c=relaxed/relaxed; d=%s; s=%s", n, algorithm, domain, selector), "from:to:subject")
	ams := strings.TrimSuffix(whole, message)
	set := append(earlier, results, ams)
	as := fmt.Sprintf("ARC-Seal: i=%d; a=%s; cv=%s; d=%s; s=%s; b=", n, algorithm, cv, domain, selector)
	var data strings.Builder
	for _, f := range set {
		data.WriteString(canonicalLine(f, true))
	}
	data.WriteString(strings.TrimSuffix(canonicalLine(as+"\r\n", true), "\r\n"))
	as += s.over(algorithm, []byte(data.String())) + "\r\n"
	return as + ams + results + message, append(set, as)
}

func sum256(s string) string {
	d := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(d[:])
}
