package auth

import (
	"bytes"
	"crypto"
	_ "crypto/sha1"   // For crypto.SHA1: what it signed is told, though it proves nothing (RFC 8301).
	_ "crypto/sha256" // For crypto.SHA256.
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Signature is a DKIM signature and what became of it.
type Signature struct {
	Domain    string `json:"domain,omitempty"`           // d=, who vouches.
	Selector  string `json:"selector,omitempty"`         // s=
	Identity  string `json:"identity,omitempty"`         // i= without its local part.
	Algorithm string `json:"algorithm,omitempty"`        // a=
	Canonical string `json:"canonicalization,omitempty"` // c=, header and body.
	Status    string `json:"status"`                     // RFC 8601 section 2.7.1.
	Reason    string `json:"reason,omitempty"`           // In plain words; also of one that passes, when there is something to know.

	Bits    int       `json:"bits,omitempty"`      // Of an RSA key.
	Length  *int64    `json:"length,omitempty"`    // l=, bytes of the body that are signed.
	Body    int64     `json:"body,omitempty"`      // With l=: bytes of the body in canonical form.
	Signed  time.Time `json:"signed_at,omitzero"`  // t=
	Expires time.Time `json:"expires_at,omitzero"` // x=
	Testing bool      `json:"testing,omitempty"`   // The domain says that it only tries DKIM.
	Ref
}

// algorithm is a way to sign.
type algorithm struct {
	key, hashName string
	hash          crypto.Hash
}

func algorithmOf(name string) (algorithm, bool) {
	switch name {
	case "rsa-sha256":
		return algorithm{"rsa", "sha256", crypto.SHA256}, true
	case "rsa-sha1":
		return algorithm{"rsa", "sha1", crypto.SHA1}, true
	case "ed25519-sha256":
		return algorithm{"ed25519", "sha256", crypto.SHA256}, true
	}
	return algorithm{}, false
}

// clockSkew is how far a signer's clock may be ahead.
const clockSkew = 24 * time.Hour

// signatures verifies the DKIM signatures of a message, and counts those beyond
// the limit.
func (c *checker) signatures(p *parsed) (out []Signature, more int) {
	all := p.byName["dkim-signature"]
	bodies := bodyHashes{}
	for _, i := range all[:min(len(all), maxSignatures)] {
		out = append(out, c.signature(p, i, bodies))
	}
	return out, max(len(all)-maxSignatures, 0)
}

// signature verifies one.
func (c *checker) signature(p *parsed, own int, bodies bodyHashes) Signature {
	s, err := readSignature(p, own)
	if err == nil {
		err = s.dkimOnly()
	}
	if err != nil {
		s.set(Neutral, err.Error())
		return s.Signature
	}
	c.verify(p, s, bodies)
	return s.Signature
}

// sealed is a signature that is being verified.
type sealed struct {
	Signature
	own                int // Index of its field.
	tags               tags
	algorithm          algorithm
	signature, bodySum []byte
	names              []string // h=
	header, body       bool     // Relaxed.
}

func (s *sealed) set(status, reason string) { s.Status, s.Reason = status, reason }

// readSignature reads what DKIM-Signature and ARC-Message-Signature have in common.
func readSignature(p *parsed, own int) (*sealed, error) {
	s := &sealed{own: own}
	var err error
	if s.tags, err = parseTags(string(p.fields[own].value())); err != nil {
		return s, fmt.Errorf("the signature cannot be read: %w", err)
	}
	t := s.tags
	s.Domain, s.Selector, s.Algorithm = strings.ToLower(clipName(t["d"])), strings.ToLower(clipName(t["s"])), clip(t["a"])
	for _, name := range []string{"a", "b", "bh", "d", "h", "s"} {
		if t[name] == "" {
			return s, fmt.Errorf("the signature cannot be read: it has no %s=", name)
		}
	}
	var known bool
	if s.algorithm, known = algorithmOf(t["a"]); !known {
		return s, fmt.Errorf("the algorithm %q is not known", s.Algorithm)
	}
	if !isDomain(s.Selector + "._domainkey." + s.Domain) {
		return s, errors.New("d= and s= are no names that DNS can be asked for")
	}
	if s.names = t.list("h"); len(s.names) > maxSigned {
		return s, fmt.Errorf("h= names %d fields, more than %d", len(s.names), maxSigned)
	}
	return s, errors.Join(s.readForm(), s.readValues())
}

// clipName keeps a foreign name short enough for a record.
func clipName(s string) string { return clipTo(s, 253) }

func clipTo(s string, most int) string {
	return strings.ToValidUTF8(s[:min(len(s), most)], "?")
}

// readForm reads c= (RFC 6376 section 3.5).
func (s *sealed) readForm() error {
	header, body, _ := strings.Cut(strings.ToLower(s.tags["c"]), "/")
	if header == "" {
		header = "simple"
	}
	if body == "" {
		body = "simple"
	}
	for _, form := range []string{header, body} {
		if form != "simple" && form != "relaxed" {
			return fmt.Errorf("the canonicalization %q is not known", clip(form))
		}
	}
	s.header, s.body, s.Canonical = header == "relaxed", body == "relaxed", header+"/"+body
	return nil
}

func (s *sealed) readValues() error {
	var errs [5]error
	s.signature, errs[0] = s.tags.bytes("b")
	s.bodySum, errs[1] = s.tags.bytes("bh")
	s.Signed, errs[2] = s.tags.moment("t")
	s.Expires, errs[3] = s.tags.moment("x")
	var l int64
	if l, errs[4] = s.tags.number("l"); errs[4] == nil && l >= 0 {
		s.Length = &l
	}
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("the signature cannot be read: %w", err)
		}
	}
	return nil
}

// dkimOnly reads what only a DKIM-Signature has.
func (s *sealed) dkimOnly() error {
	t := s.tags
	identity := domainOf(clipTo(t["i"], 1000))
	if identity == "" {
		identity = s.Domain
	}
	s.Identity = "@" + clipName(identity)
	queries := t.list("q")
	switch {
	case t["v"] != "1":
		return errors.New("the version of the signature is not known")
	case !within(identity, s.Domain):
		return errors.New("i= is not within d=")
	case !slices.Contains(s.names, "from"):
		return errors.New("the author (From) is not signed")
	case len(queries) > 0 && !slices.ContainsFunc(queries, func(q string) bool { return q == "dns/txt" || q == "dns" }):
		return errors.New("q= names no way to the key that is known")
	}
	return nil
}

// verify gives a signature its status.
func (c *checker) verify(p *parsed, s *sealed, bodies bodyHashes) {
	k, status, reason := c.key(s)
	if k == nil {
		s.set(status, reason)
		return
	}
	sum, total := bodies.of(p.body, s)
	if s.Length != nil {
		s.Body = total
	}
	s.Bits, s.Testing = k.bits(), k.testing
	header := k.verifies(s.algorithm, headerSum(p, s), s.signature)
	body := bytes.Equal(sum, s.bodySum)
	switch {
	case s.Length != nil && *s.Length > total && header:
		s.set(Fail, "the body is shorter than what was signed; the signed header fields are intact")
	case header && !body:
		s.set(Fail, "the body is not as it was signed; the signed header fields are intact")
	case body && !header:
		s.set(Fail, "the signed header fields are not as they were signed; the body is intact")
	case !header:
		s.set(Fail, "neither the body nor the signed header fields are as they were signed")
	default:
		s.intact(c.at)
	}
}

// intact gives the status of a signature that fits.
func (s *sealed) intact(at time.Time) {
	switch {
	case s.algorithm.hash == crypto.SHA1:
		s.set(Policy, "intact, but made with SHA-1, which can be forged (RFC 8301)")
	case s.Bits > 0 && s.Bits < 1024:
		s.set(Policy, fmt.Sprintf("intact, but the key has only %d bits and could be broken (RFC 8301)", s.Bits))
	case !s.Expires.IsZero() && s.Expires.Before(at):
		s.set(Policy, "intact, but it had expired when the message was received")
	case s.Signed.After(at.Add(clockSkew)):
		s.set(Policy, "intact, but dated after the message was received")
	case s.Length != nil && *s.Length < s.Body:
		s.set(Pass, fmt.Sprintf("only the first %d of %d bytes of the body are signed; the rest may be by anybody", *s.Length, s.Body))
	default:
		s.set(Pass, "")
	}
}

// key gets the key of a signature; nil with a status and the reason when it
// cannot be had. Of several records the first that can be used counts.
func (c *checker) key(s *sealed) (k *key, status, reason string) {
	var a Answer
	a, s.Ref = c.lookup(s.Selector + "._domainkey." + s.Domain)
	switch {
	case a.Temporary():
		return nil, TempError, "the key could not be looked up: " + clipTo(a.Error, 200)
	case a.Error != "" || len(a.TXT) == 0:
		return nil, PermError, "the key is gone: DNS has none of this name"
	}
	err := errNoKey
	for _, txt := range a.TXT {
		var found *key
		if found, err = parseKey(txt, s.algorithm); err == nil {
			k = found
			break
		}
	}
	switch {
	case k == nil:
		return nil, PermError, err.Error()
	case k.strict && s.Identity != "" && s.Identity != "@"+s.Domain:
		return nil, PermError, "the key is not for addresses below its domain"
	}
	return k, "", ""
}

// headerSum is the digest that is signed (RFC 6376 section 3.7).
func headerSum(p *parsed, s *sealed) []byte {
	h := s.algorithm.hash.New()
	for _, f := range p.selected(s.names, s.own) {
		f := canonicalField(f, s.header)
		h.Write(bytes.TrimSuffix(f, crlf))
		h.Write(crlf)
	}
	own, err := emptied(p.fields[s.own])
	if err != nil {
		return nil // It was read before, so it has a b=.
	}
	h.Write(bytes.TrimSuffix(canonicalField(own, s.header), crlf))
	return h.Sum(nil)
}

// bodyHashes keeps the digests of a body by the form that was hashed, so that
// ten signatures do not cost ten times as much.
type bodyHashes map[bodyForm]bodyHash

type bodyForm struct {
	hash    crypto.Hash
	relaxed bool
	length  int64
}

type bodyHash struct {
	sum   []byte
	total int64
}

// of returns the digest of the body, and how long it is in canonical form.
func (b bodyHashes) of(body []byte, s *sealed) ([]byte, int64) {
	form := bodyForm{s.algorithm.hash, s.body, -1}
	if s.Length != nil {
		form.length = *s.Length
	}
	done, ok := b[form]
	if !ok {
		h := form.hash.New()
		w := &limited{to: h, most: form.length}
		writeBody(w, body, form.relaxed)
		done = bodyHash{h.Sum(nil), w.total}
		b[form] = done
	}
	return done.sum, done.total
}
