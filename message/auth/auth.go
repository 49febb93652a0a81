// Package auth finds out who vouched for a message: DKIM signatures (RFC 6376,
// RFC 8301, RFC 8463), ARC chains (RFC 8617), what a mail server of ours wrote
// about it (RFC 8601), and DMARC (RFC 7489).
//
// What it finds is evidence and never a verdict: nothing here refuses mail. It
// is a function of the bytes, of the time of receipt and of the answers that
// DNS gave, so that the same comes out in ten years from the answers that were
// kept (see Again), when the keys are long gone from DNS.
//
// Findings are kept for good while mail expires and is erased. So no address of
// a person is in them: of each the domain alone is kept.
package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// Limits that keep hostile mail from costing more than it is worth.
const (
	maxSignatures = 10   // Verified of one message.
	maxFields     = 1000 // Header fields of a message whose signatures are verified.
	maxSigned     = 100  // Names in h= of one signature.
	maxInstances  = 50   // Of an ARC chain (RFC 8617 section 5.1.1.1).
	maxKeyBits    = 8192 // Of an RSA key.
	maxResults    = 100  // Results copied from one Authentication-Results field.
)

// What became of a check (RFC 8601 section 2.7).
const (
	Pass      = "pass"
	Fail      = "fail"
	Policy    = "policy" // Intact, but made in a way that proves little: the reason says which.
	Neutral   = "neutral"
	None      = "none"
	SoftFail  = "softfail" // Of SPF alone.
	TempError = "temperror"
	PermError = "permerror"
)

// Errors of an Answer that are answers themselves; every other error is
// temporary.
const (
	NoName = "nxdomain" // There is no such name.
	NoData = "nodata"   // The name has no TXT record.
)

// Answer is what DNS said about the TXT records of a name.
type Answer struct {
	Name     string    `json:"name"`               // Lower case, without the last dot.
	TXT      []string  `json:"txt,omitempty"`      // The strings of each record joined; in order of bytes.
	At       time.Time `json:"at"`                 // When it was received.
	Resolver string    `json:"resolver,omitempty"` // host:port that gave it.
	TTL      uint32    `json:"ttl,omitempty"`      // Seconds.
	AD       bool      `json:"ad,omitempty"`       // The resolver says that DNSSEC proves it (RFC 4035 section 3.2.3).
	Error    string    `json:"error,omitempty"`    // Why there is no TXT.
}

// Temporary reports whether the name may have records and nobody could tell.
func (a Answer) Temporary() bool { return a.Error != "" && a.Error != NoName && a.Error != NoData }

// Digest is the SHA-256, in hexadecimal digits, of the name, each record and
// the error, in this order, each followed by a NUL. Answers that say the same
// have the same, whenever and by whom they were given.
func (a Answer) Digest() string {
	h := sha256.New()
	for _, s := range append(append([]string{a.Name}, a.TXT...), a.Error) {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Lookup asks DNS for the TXT records of a name. It does not fail: an answer
// that could not be had is an Answer too.
type Lookup func(name string) Answer

// Ref names the answer that a result rests on.
type Ref struct {
	Key    string `json:"key,omitempty"`        // Name that was asked for.
	SHA256 string `json:"key_sha256,omitempty"` // Answer.Digest.
	At     string `json:"key_at,omitempty"`     // Address of the earlier record of facts that has the answer; "" is this one.
}

// Mail is a message and how it came, as far as the checks depend on it.
type Mail struct {
	Raw     []byte    // As it was sent: without what journaling wrapped around it.
	At      time.Time // When it was received: signatures are valid or expired at that time.
	ServIDs []string  // Whose Authentication-Results are ours; "-" for fields that name no server.
	SPF     *SPF      // Of mail that came from the sender's server itself; then DMARC is evaluated.
}

// Result is what was found out about one message.
type Result struct {
	Position uint64      `json:"position"`
	Skipped  string      `json:"skipped,omitempty"` // Why it was not looked at.
	DKIM     []Signature `json:"dkim,omitempty"`    // In order of the header, none when it is not signed.
	More     int         `json:"more,omitempty"`    // Signatures behind the first ten, which were not verified.
	ARC      *Chain      `json:"arc,omitempty"`     // Nil when there is no chain.
	Claimed  *Claimed    `json:"claimed,omitempty"`
	SPF      *SPF        `json:"spf,omitempty"`
	DMARC    *DMARC      `json:"dmarc,omitempty"`
}

// SPF is what the sender's domain says of the peer that handed the message over
// (RFC 7208), in the gateway role alone.
type SPF struct {
	Status string `json:"status"`
	Domain string `json:"domain,omitempty"` // Whose policy it was.
	Reason string `json:"reason,omitempty"`
}

// Check finds out about a message. It returns with that the answers it rests
// on, each once.
func Check(m Mail, lookup Lookup) (Result, []Answer) {
	c := &checker{at: m.At, ask: lookup, asked: map[string]Answer{}}
	p, ok := split(m.Raw)
	r := Result{SPF: m.SPF}
	if !ok {
		r.Skipped = "it has more than 1000 header fields"
		return r, nil
	}
	r.DKIM, r.More = c.signatures(p)
	r.ARC = c.chain(p)
	r.Claimed = claimed(p, m.ServIDs)
	if m.SPF != nil {
		r.DMARC = c.dmarc(p, m.SPF, r.DKIM)
	}
	return r, c.answers
}

// checker checks one message.
type checker struct {
	at      time.Time
	ask     Lookup
	asked   map[string]Answer
	answers []Answer // In the order in which they were asked for.
}

// lookup asks for a name once.
func (c *checker) lookup(name string) (Answer, Ref) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	a, known := c.asked[name]
	if !known {
		a = c.ask(name)
		a.Name = name
		c.asked[name] = a
		c.answers = append(c.answers, a)
	}
	return a, Ref{Key: name, SHA256: a.Digest()}
}

// isDomain reports whether DNS can be asked for a name.
func isDomain(name string) bool {
	if len(name) == 0 || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if len(label) == 0 || len(label) > 63 {
			return false
		}
		for i := range len(label) {
			c := label[i]
			if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

// within reports whether a domain is another one or below it.
func within(sub, domain string) bool {
	sub, domain = strings.ToLower(sub), strings.ToLower(domain)
	return sub == domain || strings.HasSuffix(sub, "."+domain)
}

// domainOf is what follows the last @ of an address, in lower case.
func domainOf(address string) string {
	return strings.ToLower(strings.TrimRight(address[strings.LastIndexByte(address, '@')+1:], "."))
}
