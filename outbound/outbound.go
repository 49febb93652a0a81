// Package outbound makes the requests that the appliance sends to addresses
// which somebody typed in. They reach public addresses only, and private ones
// that IT allows, whatever a name resolves to when it is dialled: else whoever
// may set such an address could look around in the network of the server.
package outbound

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"
	"time"

	"code.dny.dev/ssrf"
)

// Client returns a client that reaches public addresses, and those of the
// prefixes in allow. It takes no proxy from the environment, because the proxy
// would reach what the client may not, and follows no redirect.
func Client(allow []netip.Prefix, timeout time.Duration) *http.Client {
	return ClientTrusting(nil, allow, timeout)
}

// ClientTrusting returns a Client that trusts servers whose certificates roots
// have signed; nil: those whom the system trusts.
func ClientTrusting(roots *x509.CertPool, allow []netip.Prefix, timeout time.Duration) *http.Client {
	var v4, v6 []netip.Prefix
	for _, p := range allow {
		if p.Addr().Is4() {
			v4 = append(v4, p)
		} else {
			v6 = append(v6, p)
		}
	}
	guard := ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...))
	dialer := &net.Dialer{Timeout: timeout, Control: guard.Safe}
	return &http.Client{
		Timeout:       timeout,
		Transport:     &http.Transport{DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{RootCAs: roots}, TLSHandshakeTimeout: timeout, ResponseHeaderTimeout: timeout, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
