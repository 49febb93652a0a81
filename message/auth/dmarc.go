package auth

import (
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"polytrace/message"
)

// DMARC is whether somebody who may speak for the author's domain vouched for
// the message (RFC 7489). What the domain asks to be done with others is told
// and never done.
type DMARC struct {
	Status  string   `json:"status"`           // pass, fail, none, temperror or permerror (RFC 7489 section 11.2).
	Domain  string   `json:"domain,omitempty"` // Of the author.
	Policy  string   `json:"policy,omitempty"` // none, quarantine or reject: what the domain asks for.
	Aligned []string `json:"aligned,omitempty"`
	Reason  string   `json:"reason,omitempty"`
	Asked   []Ref    `json:"asked,omitempty"` // For the policy: the author's domain, then the organization's.
}

// dmarc evaluates the policy of the author's domain.
func (c *checker) dmarc(p *parsed, spf *SPF, signatures []Signature) *DMARC {
	domain, reason := authorDomain(p)
	d := &DMARC{Status: PermError, Domain: domain, Reason: reason}
	if reason != "" {
		return d
	}
	t, temporary := c.policyOf(d)
	switch {
	case temporary != "":
		d.Status, d.Reason = TempError, "the policy could not be looked up: "+clipTo(temporary, 200)
		return d
	case t == nil:
		d.Status = None
		return d
	}
	if spf.Status == Pass && aligned(spf.Domain, domain, t["aspf"]) {
		d.Aligned = append(d.Aligned, "spf")
	}
	temp := spf.Status == TempError
	for _, s := range signatures {
		temp = temp || s.Status == TempError && aligned(s.Domain, domain, t["adkim"])
		if s.Status == Pass && aligned(s.Domain, domain, t["adkim"]) {
			d.Aligned = append(d.Aligned, "dkim")
			break
		}
	}
	switch {
	case len(d.Aligned) > 0:
		d.Status = Pass
	case temp:
		d.Status, d.Reason = TempError, "what would align could not be looked up"
	default:
		d.Status, d.Reason = Fail, "nothing that passed is of the author's domain"
	}
	return d
}

// authorDomain is the domain of From, or why there is not one (RFC 7489 section 6.6.1).
func authorDomain(p *parsed) (domain, reason string) {
	all := p.byName["from"]
	if len(all) != 1 {
		return "", "it has not one From field"
	}
	for _, m := range message.Parse(p.fields[all[0]].raw).From {
		next := domainOf(m.Address)
		if domain != "" && next != domain {
			return "", "it has authors of several domains"
		}
		domain = next
	}
	if !isDomain(domain) || !strings.Contains(domain, ".") {
		return clipName(domain), "the author has no domain that DNS can be asked for"
	}
	return domain, ""
}

// policyOf finds the policy of a domain, else of the organization that it
// belongs to (RFC 7489 section 6.6.3).
func (c *checker) policyOf(d *DMARC) (t tags, temporary string) {
	organization := organizational(d.Domain)
	for _, name := range slices.Compact([]string{d.Domain, organization}) {
		a, ref := c.lookup("_dmarc." + name)
		d.Asked = append(d.Asked, ref)
		if a.Temporary() {
			return nil, a.Error
		}
		var found []tags
		for _, txt := range a.TXT {
			if t, err := parseTags(txt); err == nil && t["v"] == "DMARC1" && strings.HasPrefix(strings.TrimLeft(txt, blanks), "v") {
				found = append(found, t)
			}
		}
		if len(found) != 1 {
			continue // Several are none.
		}
		d.Policy = strings.ToLower(clip(found[0]["p"]))
		if sub := found[0]["sp"]; sub != "" && name != d.Domain {
			d.Policy = strings.ToLower(clip(sub))
		}
		return found[0], ""
	}
	return nil, ""
}

// aligned compares a domain that passed with the author's; strict when the
// policy says "s" (RFC 7489 section 3.1).
func aligned(domain, author, mode string) bool {
	domain = strings.ToLower(domain)
	if strings.EqualFold(mode, "s") {
		return domain == author
	}
	return domain != "" && organizational(domain) == organizational(author)
}

// organizational is the domain that is registered below a public suffix
// (RFC 7489 section 3.2).
func organizational(domain string) string {
	if o, err := publicsuffix.EffectiveTLDPlusOne(domain); err == nil {
		return o
	}
	return domain
}
