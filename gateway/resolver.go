package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"blitiri.com.ar/go/spf"
	"github.com/miekg/dns"

	"polytrace/message/auth"
)

// How a Resolver asks and what it remembers.
const (
	dnsPatience  = 5 * time.Second // For one answer of one server.
	dnsMemory    = 10_000          // Answers.
	dnsLongest   = time.Hour       // However long a TTL is.
	dnsNegative  = 5 * time.Minute // For names without records.
	dnsUDPAnswer = 1232            // Bytes that reach everybody unfragmented; longer ones come over TCP.
)

// Resolver asks DNS servers for what net.Resolver does not tell: how long an
// answer holds and whether DNSSEC proves it. It is safe for concurrent use.
type Resolver struct {
	servers  []string // host:port
	udp, tcp dns.Client
	now      func() time.Time
	answers  *recent[string, rememberedAnswer]
}

type rememberedAnswer struct {
	auth.Answer
	until time.Time
}

// resolvConf is where a machine says whom to ask.
const resolvConf = "/etc/resolv.conf"

// NewResolver makes a resolver that asks servers, each an address with or
// without port, in this order; without any those of the machine.
func NewResolver(servers []string) (*Resolver, error) {
	r := &Resolver{udp: dns.Client{Timeout: dnsPatience, UDPSize: dnsUDPAnswer}, tcp: dns.Client{Net: "tcp", Timeout: dnsPatience}, now: time.Now, answers: newRecent[string, rememberedAnswer](dnsMemory, dnsLongest)}
	port := "53"
	if len(servers) == 0 {
		c, err := dns.ClientConfigFromFile(resolvConf)
		if err != nil {
			return nil, fmt.Errorf("find a DNS server: %w; name one with evidence.resolver", err)
		}
		servers, port = c.Servers, c.Port
	}
	for _, s := range servers {
		if _, err := netip.ParseAddr(s); err == nil {
			s = net.JoinHostPort(s, port)
		}
		if _, err := netip.ParseAddrPort(s); err != nil {
			return nil, fmt.Errorf("use the DNS server %q: it has to be an IP address, with a port or without", s)
		}
		r.servers = append(r.servers, s)
	}
	if len(r.servers) == 0 {
		return nil, fmt.Errorf("find a DNS server: %s names none; name one with evidence.resolver", resolvConf)
	}
	return r, nil
}

// TXT asks for the TXT records of a name.
func (r *Resolver) TXT(ctx context.Context, name string) auth.Answer {
	now := r.now()
	if known, ok := r.answers.get(name, now); ok && now.Before(known.until) {
		return known.Answer
	}
	m, server, err := r.ask(ctx, name, dns.TypeTXT)
	a := auth.Answer{Name: name, At: r.now().UTC(), Resolver: server}
	if err != nil {
		a.Error = err.Error()
		return a
	}
	hold := dnsNegative
	a.AD = m.AuthenticatedData
	for _, rr := range m.Answer {
		if txt, ok := rr.(*dns.TXT); ok {
			a.TXT = append(a.TXT, strings.ToValidUTF8(unescape(strings.Join(txt.Txt, "")), "\ufffd"))
			hold = time.Duration(rr.Header().Ttl) * time.Second
			a.TTL = rr.Header().Ttl
		}
	}
	slices.Sort(a.TXT) // Servers give them in any order.
	switch {
	case m.Rcode == dns.RcodeNameError:
		a.Error = auth.NoName
	case len(a.TXT) == 0:
		a.Error = auth.NoData
	}
	r.answers.put(name, rememberedAnswer{a, now.Add(min(hold, dnsLongest))}, now)
	return a
}

// Alive reports whether any server answers at all. It asks for what all of them know.
func (r *Resolver) Alive(ctx context.Context) bool {
	_, _, err := r.ask(ctx, ".", dns.TypeNS)
	return err == nil
}

// ask gets an answer, that there is nothing included, and says who gave it.
func (r *Resolver) ask(ctx context.Context, name string, kind uint16) (m *dns.Msg, server string, err error) {
	q := new(dns.Msg)
	q.SetQuestion(dns.Fqdn(name), kind)
	q.SetEdns0(dnsUDPAnswer, false)
	q.AuthenticatedData = true // Says that we understand it in answers (RFC 6840 section 5.7).
	for range 2 {
		for _, server = range r.servers {
			m, err = exchange(ctx, &r.udp, q, server)
			if err == nil && m.Truncated {
				m, err = exchange(ctx, &r.tcp, q, server)
			}
			if err == nil && (m.Rcode == dns.RcodeSuccess || m.Rcode == dns.RcodeNameError) {
				return m, server, nil
			}
			if ctx.Err() != nil {
				return nil, server, context.Cause(ctx)
			}
			if err == nil {
				err = errors.New(cmp.Or(strings.ToLower(dns.RcodeToString[m.Rcode]), "rcode "+strconv.Itoa(m.Rcode)))
			}
		}
	}
	return nil, server, err
}

// exchange sends one question. Package dns minds the deadline of ctx alone: a
// server that stops does not wait for it.
func exchange(ctx context.Context, c *dns.Client, q *dns.Msg, server string) (*dns.Msg, error) {
	conn, err := c.DialContext(ctx, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	m, _, err := c.ExchangeWithConnContext(ctx, q, conn)
	return m, err
}

// unescape undoes how package dns writes octets that are not printable (RFC
// 1035 section 5.1).
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i:i+3], 10, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// SPF asks whether a client may send for a domain: that of the reverse-path,
// else the one the client named itself with (RFC 7208).
func (r *Resolver) SPF(ctx context.Context, client netip.Addr, helo, from string) *auth.SPF {
	domain := helo
	if at := strings.LastIndexByte(from, '@'); at >= 0 {
		domain = from[at+1:]
	}
	result, err := spf.CheckHostWithSender(client.AsSlice(), helo, from, spf.WithContext(ctx), spf.WithResolver(spfResolver{r}))
	s := &auth.SPF{Status: string(result), Domain: strings.ToLower(domain)}
	if err != nil && (result == spf.TempError || result == spf.PermError) {
		s.Reason = strings.ToValidUTF8(err.Error(), "?")
	}
	return s
}

// spfResolver answers package spf as net.Resolver would.
type spfResolver struct{ r *Resolver }

// dnsError is why there is no answer, in the words of package net.
func dnsError(name, text string) error {
	none := text == auth.NoName || text == auth.NoData
	return &net.DNSError{Err: text, Name: name, IsNotFound: none, IsTemporary: !none}
}

// LookupTXT implements spf.DNSResolver.
func (s spfResolver) LookupTXT(ctx context.Context, name string) ([]string, error) {
	a := s.r.TXT(ctx, strings.ToLower(strings.TrimSuffix(name, ".")))
	if a.Error != "" {
		return nil, dnsError(name, a.Error)
	}
	return a.TXT, nil
}

// records asks for records of one kind; an error when there are none.
func (s spfResolver) records(ctx context.Context, name string, kind uint16) ([]dns.RR, error) {
	m, _, err := s.r.ask(ctx, name, kind)
	if err != nil {
		return nil, dnsError(name, err.Error())
	}
	all := slices.DeleteFunc(m.Answer, func(rr dns.RR) bool { return rr.Header().Rrtype != kind })
	if len(all) == 0 {
		return nil, dnsError(name, auth.NoData)
	}
	return all, nil
}

// LookupMX implements spf.DNSResolver.
func (s spfResolver) LookupMX(ctx context.Context, name string) (out []*net.MX, err error) {
	all, err := s.records(ctx, name, dns.TypeMX)
	for _, rr := range all {
		mx := rr.(*dns.MX)
		out = append(out, &net.MX{Host: mx.Mx, Pref: mx.Preference})
	}
	return out, err
}

// LookupIPAddr implements spf.DNSResolver.
func (s spfResolver) LookupIPAddr(ctx context.Context, host string) (out []net.IPAddr, err error) {
	var failed error
	for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA} {
		all, err := s.records(ctx, host, kind)
		var d *net.DNSError
		if errors.As(err, &d) && !d.IsNotFound || failed == nil {
			failed = err
		}
		for _, rr := range all {
			switch rr := rr.(type) {
			case *dns.A:
				out = append(out, net.IPAddr{IP: rr.A})
			case *dns.AAAA:
				out = append(out, net.IPAddr{IP: rr.AAAA})
			}
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	return nil, failed
}

// LookupAddr implements spf.DNSResolver.
func (s spfResolver) LookupAddr(ctx context.Context, addr string) (names []string, err error) {
	reverse, err := dns.ReverseAddr(addr)
	if err != nil {
		return nil, dnsError(addr, auth.NoName)
	}
	all, err := s.records(ctx, reverse, dns.TypePTR)
	for _, rr := range all {
		names = append(names, rr.(*dns.PTR).Ptr)
	}
	return names, err
}
