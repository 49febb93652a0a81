package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"polytrace/casework"
	"polytrace/outbound"
)

// publishers find out from which networks the big hosts deliver mail now. Only
// those are asked whose set a queue names.
type publishers struct {
	microsoft string // URL of the endpoint service.
	google    string // Domain whose SPF record lists the networks.
	http      *http.Client
	txt       func(ctx context.Context, name string) ([]string, error)
}

func newPublishers(s settings) publishers {
	return publishers{
		// https://learn.microsoft.com/microsoft-365/enterprise/microsoft-365-ip-web-service
		microsoft: "https://endpoints.office.com/endpoints/worldwide?ServiceAreas=Exchange&clientrequestid=" + newGUID(),
		// https://support.google.com/a/answer/60764
		google: "_spf.google.com",
		http:   outbound.Client(s.private, 30*time.Second),
		txt:    net.DefaultResolver.LookupTXT,
	}
}

// newGUID is what Microsoft asks of a client: any GUID of its own.
func newGUID() string {
	var b [16]byte
	rand.Read(b[:]) // Never fails.
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// networks asks for a set by its name.
func (p publishers) networks(ctx context.Context, set string) ([]netip.Prefix, error) {
	switch set {
	case "microsoft365":
		return p.ofMicrosoft(ctx)
	case "google":
		return p.ofSPF(ctx, p.google, 0)
	}
	return nil, fmt.Errorf("nobody publishes a set %s", set)
}

// ofMicrosoft reads the list of endpoints: those that speak SMTP.
func (p publishers) ofMicrosoft(ctx context.Context) (all []netip.Prefix, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.microsoft, nil)
	if err != nil {
		return nil, err
	}
	resp, err := p.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("list of endpoints: the server answered %s", resp.Status)
	}
	var endpoints []struct {
		IPs      []netip.Prefix `json:"ips"`
		TCPPorts string         `json:"tcpPorts"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 4<<20)).Decode(&endpoints); err != nil {
		return nil, fmt.Errorf("list of endpoints: %w", err)
	}
	for _, e := range endpoints {
		if slices.Contains(strings.Split(e.TCPPorts, ","), "25") {
			all = append(all, e.IPs...)
		}
	}
	return all, nil
}

// ofSPF reads the networks that a domain's SPF record names, and those that it
// includes (RFC 7208 section 5).
func (p publishers) ofSPF(ctx context.Context, domain string, depth int) (all []netip.Prefix, err error) {
	if depth > 3 {
		return nil, errors.New("SPF records include one another too deeply")
	}
	records, err := p.txt(ctx, domain)
	if err != nil {
		return nil, err
	}
	for _, record := range records {
		terms := strings.Fields(record)
		if len(terms) == 0 || terms[0] != "v=spf1" {
			continue
		}
		for _, term := range terms[1:] {
			kind, value, _ := strings.Cut(term, ":")
			switch kind {
			case "include":
				more, err := p.ofSPF(ctx, value, depth+1)
				if err != nil {
					return nil, err
				}
				all = append(all, more...)
			case "ip4", "ip6":
				n, err := netip.ParsePrefix(value)
				if err != nil {
					a, err := netip.ParseAddr(value)
					if err != nil {
						return nil, fmt.Errorf("SPF record of %s: %w", domain, err)
					}
					n = netip.PrefixFrom(a, a.BitLen())
				}
				all = append(all, n)
			}
		}
	}
	return all, nil
}

// plausible puts a list in order, and refuses one that can be no list of mail
// servers: what it says lets mail in.
func plausible(all, before []netip.Prefix) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, p := range all {
		least := 8
		if p.Addr().Is6() {
			least = 28
		}
		if p.Bits() < least {
			return nil, fmt.Errorf("the list names %s, which is too much", p)
		}
		out = append(out, p.Masked())
	}
	slices.SortFunc(out, netip.Prefix.Compare)
	out = slices.Compact(out)
	if !slices.ContainsFunc(out, func(p netip.Prefix) bool { return slices.ContainsFunc(before, p.Overlaps) }) {
		return nil, errors.New("the list has nothing in common with the one before")
	}
	return out, nil
}

// refreshSources asks once a day whether published sets that queues name have
// changed. Without an answer they stay as they are.
func (s *server) refreshSources(ctx context.Context) error {
	p := newPublishers(s.settings)
	for wait := 2 * time.Minute; ; wait = 24 * time.Hour {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		for _, name := range s.namedSets() {
			if err := s.refreshSet(ctx, p, name); err != nil && ctx.Err() == nil {
				s.log.Warn("networks of a set are as before; polytrace queue sources set changes them by hand", "set", name, "cause", err)
			}
		}
	}
}

// namedSets are the published sets that a queue names.
func (s *server) namedSets() (names []string) {
	s.desk.Read(func(state *casework.State) {
		for _, q := range state.Queues() {
			for _, name := range q.Sets {
				if casework.Published(name) && !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
	})
	return names
}

// refreshSet makes what is published the set's networks.
func (s *server) refreshSet(ctx context.Context, p publishers, name string) error {
	all, err := p.networks(ctx, name)
	if err != nil {
		return err
	}
	var before casework.SourceSet
	s.desk.Read(func(state *casework.State) { before, _ = state.SourceSet(name) })
	all, err = plausible(all, before.Networks)
	if err != nil {
		return err
	}
	_, err = s.desk.Do(ctx, casework.System, casework.SetSources{Name: name, Networks: all})
	return err
}
