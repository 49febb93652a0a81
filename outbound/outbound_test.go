package outbound

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"code.dny.dev/ssrf"
)

// Private addresses are reached only where that is allowed, by number or by name.
func TestPrivateAddressesAreRefused(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked++ }))
	defer server.Close()
	named := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for _, url := range []string{server.URL, named, "http://[::ffff:127.0.0.1]" + server.URL[strings.LastIndex(server.URL, ":"):]} {
		resp, err := Client(nil, time.Minute).Get(url)
		if err == nil {
			resp.Body.Close()
		}
		if !errors.Is(err, ssrf.ErrProhibitedIP) || asked > 0 {
			t.Errorf("%s: %v", url, err)
		}
	}
	resp, err := Client(loopback, time.Minute).Get(server.URL)
	if err != nil || asked != 1 {
		t.Fatalf("allowed: %v", err)
	}
	resp.Body.Close()
}

// A server that is asked does not decide who is asked next.
func TestRedirectsAreNotFollowed(t *testing.T) {
	server := httptest.NewServer(http.RedirectHandler("/elsewhere", http.StatusFound))
	defer server.Close()
	resp, err := Client([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, time.Minute).Get(server.URL)
	if err != nil || resp.StatusCode != http.StatusFound {
		t.Fatalf("%v %v", resp, err)
	}
	resp.Body.Close()
}
