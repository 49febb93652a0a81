package auth

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
)

// Chain is an ARC chain and what became of it (RFC 8617). It is verified only:
// the archive seals nothing.
type Chain struct {
	Status    string     `json:"status"` // pass or fail.
	Reason    string     `json:"reason,omitempty"`
	Instances []Instance `json:"instances,omitempty"` // From the first on.
	Message   *Signature `json:"message,omitempty"`   // The last ARC-Message-Signature.
}

// Instance is one server that handled the message and sealed what it found.
type Instance struct {
	N        int    `json:"i"`
	Domain   string `json:"domain"` // d= of its seal.
	Selector string `json:"selector"`
	ServID   string `json:"authserv_id,omitempty"` // Of its ARC-Authentication-Results.
	Status   string `json:"status"`                // Of its seal; none when an earlier fault ended the check.
	Reason   string `json:"reason,omitempty"`
	Ref
}

// arcSet are the three fields of an instance, as indices.
type arcSet struct{ results, message, seal int }

// chain verifies the ARC chain of a message; nil when it has none.
func (c *checker) chain(p *parsed) *Chain {
	sets, err := arcSets(p)
	if len(sets) == 0 && err == nil {
		return nil
	}
	ch := &Chain{Status: Fail}
	for i, set := range sets {
		ch.Instances = append(ch.Instances, readInstance(p, i+1, set))
	}
	if err == nil {
		err = c.verifyChain(p, ch, sets)
	}
	if err != nil {
		ch.Reason = err.Error()
	} else {
		ch.Status = Pass
	}
	return ch
}

// arcSets finds the sets: from 1 on, each with one field of each kind. With an
// error, those before it is about.
func arcSets(p *parsed) ([]arcSet, error) {
	found := map[int]*arcSet{}
	highest := 0
	for _, kind := range []struct {
		name  string
		place func(*arcSet) *int
	}{
		{"arc-authentication-results", func(s *arcSet) *int { return &s.results }},
		{"arc-message-signature", func(s *arcSet) *int { return &s.message }},
		{"arc-seal", func(s *arcSet) *int { return &s.seal }},
	} {
		for _, at := range p.byName[kind.name] {
			n := instanceOf(p.fields[at])
			if n < 1 || n > maxInstances {
				return nil, fmt.Errorf("a field of the chain has no number from 1 to %d", maxInstances)
			}
			if found[n] == nil {
				found[n] = &arcSet{-1, -1, -1}
			}
			place := kind.place(found[n])
			if *place >= 0 {
				return nil, fmt.Errorf("instance %d has a field twice", n)
			}
			*place = at
			highest = max(highest, n)
		}
	}
	var sets []arcSet
	for n := 1; n <= highest; n++ {
		s := found[n]
		if s == nil || s.results < 0 || s.message < 0 || s.seal < 0 {
			return sets, fmt.Errorf("instance %d is not whole", n)
		}
		sets = append(sets, *s)
	}
	return sets, nil
}

// instanceOf reads i=, which comes first in ARC-Authentication-Results and
// anywhere in the others; 0 when there is none.
func instanceOf(f field) int {
	for part := range bytes.SplitSeq(f.value(), []byte(";")) {
		name, value, _ := bytes.Cut(part, []byte("="))
		if string(bytes.Trim(name, blanks)) == "i" {
			n, err := strconv.Atoi(string(bytes.Trim(value, blanks)))
			if err != nil {
				return 0
			}
			return n
		}
	}
	return 0
}

func readInstance(p *parsed, n int, s arcSet) Instance {
	in := Instance{N: n, Status: None}
	if t, err := parseTags(string(p.fields[s.seal].value())); err == nil {
		in.Domain, in.Selector = strings.ToLower(clipName(t["d"])), strings.ToLower(clipName(t["s"]))
	}
	_, rest, _ := bytes.Cut(p.fields[s.results].value(), []byte(";"))
	in.ServID = clipName(readResults(rest).ServID)
	return in
}

// verifyChain is RFC 8617 section 5.2: what the last says of the chain, the last
// message signature, and all seals. A key that cannot be looked up fails the
// chain as everything does (section 5.2.2).
func (c *checker) verifyChain(p *parsed, ch *Chain, sets []arcSet) error {
	last := len(sets) - 1
	for i, s := range sets {
		t, err := parseTags(string(p.fields[s.seal].value()))
		if err != nil {
			return fmt.Errorf("seal %d cannot be read: %w", i+1, err)
		}
		cv := strings.ToLower(t["cv"])
		if want := map[bool]string{true: "none", false: "pass"}[i == 0]; cv != want {
			return fmt.Errorf("instance %d found the chain before it as %q", i+1, clip(cv))
		}
		if _, has := t["h"]; has {
			return fmt.Errorf("seal %d has h=", i+1)
		}
	}
	ams := c.messageSignature(p, sets[last].message)
	ch.Message = &ams
	if ams.Status != Pass {
		return fmt.Errorf("the message is not as instance %d passed it on: %s", last+1, ams.Reason)
	}
	h := sha256.New()
	for i, s := range sets {
		h.Write(relaxedField(p.fields[s.results]))
		h.Write(relaxedField(p.fields[s.message]))
		in := &ch.Instances[i]
		if in.Status, in.Reason, in.Ref = c.seal(p, s.seal, h); in.Status != Pass {
			return fmt.Errorf("the seal of instance %d does not hold: %s", i+1, in.Reason)
		}
		h.Write(relaxedField(p.fields[s.seal]))
	}
	return nil
}

// messageSignature verifies an ARC-Message-Signature: a DKIM signature without
// a version, whose i= is a number (RFC 8617 section 4.1.2).
func (c *checker) messageSignature(p *parsed, own int) Signature {
	s, err := readSignature(p, own)
	if err == nil {
		for _, name := range s.names {
			if name == "arc-seal" {
				err = errors.New("it signs a seal")
			}
		}
	}
	if err != nil {
		s.set(Neutral, err.Error())
		return s.Signature
	}
	c.verify(p, s, bodyHashes{})
	return s.Signature
}

// seal verifies one ARC-Seal; before has hashed all that it seals but itself
// (RFC 8617 section 5.1.1).
func (c *checker) seal(p *parsed, own int, before hash.Hash) (status, reason string, ref Ref) {
	t, err := parseTags(string(p.fields[own].value()))
	s := &sealed{own: own, tags: t}
	s.Domain, s.Selector = strings.ToLower(t["d"]), strings.ToLower(t["s"])
	if err == nil {
		s.signature, err = t.bytes("b")
	}
	var known bool
	s.algorithm, known = algorithmOf(t["a"])
	switch {
	case err != nil:
		return Neutral, "it cannot be read: " + err.Error(), ref
	case !known || s.algorithm.hash != crypto.SHA256:
		return Neutral, fmt.Sprintf("the algorithm %q is not known", clip(t["a"])), ref
	case !isDomain(s.Selector + "._domainkey." + s.Domain):
		return Neutral, "d= and s= are no names that DNS can be asked for", ref
	}
	k, status, reason := c.key(s)
	if k == nil {
		return status, reason, s.Ref
	}
	f, err := emptied(p.fields[own])
	if err != nil {
		return Neutral, err.Error(), s.Ref
	}
	h, err := before.(hash.Cloner).Clone()
	if err != nil {
		return Neutral, err.Error(), s.Ref
	}
	h.Write(bytes.TrimSuffix(relaxedField(f), crlf))
	if !k.verifies(s.algorithm, h.Sum(nil), s.signature) {
		return Fail, "it was not made over these fields", s.Ref
	}
	return Pass, "", s.Ref
}
