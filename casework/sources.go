package casework

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	"polytrace/archive"
)

// published are sets that everybody has: the networks from which the big hosts
// deliver mail, as they published them in November 2026. They prove that a peer
// is that host, not which of its customers wrote. A SetSources of the same name
// takes their place.
var published = map[string][]netip.Prefix{
	// Exchange Online Protection, TCP port 25, of the Microsoft 365 endpoint list.
	"microsoft365": networks("40.92.0.0/15", "40.107.0.0/16", "52.100.0.0/14", "52.103.0.0/17", "104.47.0.0/17", "2a01:111:f400::/48", "2a01:111:f403::/48"),
	// What _spf.google.com includes.
	"google": networks("35.190.247.0/24", "64.233.160.0/19", "66.102.0.0/20", "66.249.80.0/20", "72.14.192.0/18", "74.125.0.0/16", "108.177.8.0/21", "108.177.96.0/19",
		"142.250.0.0/15", "172.217.0.0/19", "172.217.32.0/20", "172.217.128.0/19", "172.217.160.0/20", "172.217.192.0/19", "173.194.0.0/16", "172.253.56.0/21", "172.253.112.0/20",
		"209.85.128.0/17", "216.58.192.0/19", "216.239.32.0/19", "2001:4860:4000::/36", "2404:6800:4000::/36", "2607:f8b0:4000::/36", "2800:3f0:4000::/36", "2a00:1450:4000::/36", "2c0f:fb50:4000::/36"),
}

// Published reports whether the networks of a set come with the program.
func Published(name string) bool { return published[name] != nil }

func networks(all ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(all))
	for i, p := range all {
		list[i] = netip.MustParsePrefix(p)
	}
	return list
}

// DefaultSources are the peers of a queue that names none: this machine and
// private networks (RFC 1918, RFC 4193).
func DefaultSources() []netip.Prefix {
	return networks("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
}

// Peers are the networks that a queue takes mail from: its sources and those of
// its sets. A queue that names neither takes it from DefaultSources, unless
// it knows its peers by login or certificate.
func (s *State) Peers(q Queue) []netip.Prefix {
	all := slices.Clone(q.Sources)
	for _, name := range q.Sets {
		set, _ := s.SourceSet(name)
		all = append(all, set.Networks...)
	}
	if len(all) == 0 && len(q.Sets) == 0 && len(q.Logins) == 0 && len(q.Certificates) == 0 {
		return DefaultSources()
	}
	return all
}

// TakesFrom reports whether some queue takes mail from a peer because of where it is.
func (s *State) TakesFrom(peer netip.Addr) bool {
	return slices.ContainsFunc(s.queues, func(q Queue) bool {
		return q.Removed.IsZero() && slices.ContainsFunc(s.Peers(q), func(p netip.Prefix) bool { return p.Contains(peer) })
	})
}

// SourceSet finds a set by its name: one that was set, or a published one.
func (s *State) SourceSet(name string) (SourceSet, bool) {
	if set := s.sets[name]; set != nil {
		return set.clone(), true
	}
	known, ok := published[name]
	return SourceSet{Name: name, Networks: slices.Clone(known)}, ok
}

// SourceSets lists all sets by name.
func (s *State) SourceSets() (list []SourceSet) {
	for name := range published {
		if s.sets[name] == nil {
			set, _ := s.SourceSet(name)
			list = append(list, set)
		}
	}
	for _, set := range s.sets {
		list = append(list, set.clone())
	}
	slices.SortFunc(list, func(a, b SourceSet) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

func (x SourceSet) clone() SourceSet {
	x.Networks = slices.Clone(x.Networks)
	return x
}

// Logins lists the credentials of mail servers by name.
func (s *State) Logins() []Login {
	list := make([]Login, 0, len(s.logins))
	for _, name := range slices.Sorted(maps.Keys(s.logins)) {
		list = append(list, *s.logins[name])
	}
	return list
}

// HasLogins reports whether there is a credential at all.
func (s *State) HasLogins() bool { return len(s.logins) > 0 }

// LoginMatches reports whether a password, given as its hash, is that of a
// login.
func (s *State) LoginMatches(name string, hash archive.Digest) bool {
	l := s.logins[name]
	return l != nil && l.Hash == hash
}
