package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"testing"

	"polytrace/casework"
)

const endpoints = `[
 {"id":1,"serviceArea":"Exchange","urls":["outlook.example"],"ips":["13.107.6.152/31"],"tcpPorts":"80,443"},
 {"id":9,"serviceArea":"Exchange","urls":["x.example"],"tcpPorts":"25"},
 {"id":10,"serviceArea":"Exchange","ips":["40.92.0.0/15","52.100.0.0/14","2a01:111:f403::/48","40.92.0.0/15"],"tcpPorts":"25"}]`

// What the hosts publish becomes the set that queues name, and what is no
// such list changes nothing.
func TestPublishedNetworksAreRefreshed(t *testing.T) {
	answer, status := endpoints, http.StatusOK
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		w.Write([]byte(answer))
	}))
	defer host.Close()
	records := map[string]string{
		"spf.example":   "v=spf1 include:a.spf.example include:b.spf.example ~all",
		"a.spf.example": "v=spf1 ip4:209.85.128.0/17 ip4:198.51.100.7 -all", "b.spf.example": "v=spf1 ip6:2a00:1450:4000::/36 ~all",
	}
	p := publishers{microsoft: host.URL, google: "spf.example", http: host.Client(), txt: func(_ context.Context, name string) ([]string, error) {
		if records[name] == "" {
			return nil, errors.New("no such name")
		}
		return []string{"another record", records[name]}, nil
	}}
	set, _, err := loadSettings("", nil, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a, err := openApp(t.Context(), set, t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	s := &server{app: a}
	if got := s.namedSets(); len(got) != 0 {
		t.Errorf("without a queue %v are asked for", got)
	}
	if _, err := a.desk.Do(t.Context(), casework.System, casework.AddQueue{Name: "q", Local: "q", QueueTerms: casework.QueueTerms{Sets: []string{"microsoft365", "google"}}}); err != nil {
		t.Fatal(err)
	}
	networks := func(name string) (all []netip.Prefix) {
		a.desk.Read(func(s *casework.State) {
			set, _ := s.SourceSet(name)
			all = set.Networks
		})
		return all
	}
	for _, name := range s.namedSets() {
		if err := s.refreshSet(t.Context(), p, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	list := func(all ...string) (out []netip.Prefix) {
		for _, one := range all {
			out = append(out, netip.MustParsePrefix(one))
		}
		return out
	}
	microsoft := list("40.92.0.0/15", "52.100.0.0/14", "2a01:111:f403::/48")
	if got := networks("microsoft365"); !slices.Equal(got, microsoft) {
		t.Errorf("Microsoft 365 has %v", got)
	}
	if got, want := networks("google"), list("198.51.100.7/32", "209.85.128.0/17", "2a00:1450:4000::/36"); !slices.Equal(got, want) {
		t.Errorf("Google has %v", got)
	}
	for _, bad := range []string{"", "[]", "<html>", `[{"ips":["0.0.0.0/0"],"tcpPorts":"25"}]`, `[{"ips":["40.92.0.0/15","::/0"],"tcpPorts":"25"}]`, `[{"ips":["203.0.113.0/24"],"tcpPorts":"25"}]`} {
		answer = bad
		if err := s.refreshSet(t.Context(), p, "microsoft365"); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	answer, status = endpoints, http.StatusTooManyRequests
	if err := s.refreshSet(t.Context(), p, "microsoft365"); err == nil {
		t.Error("an error was taken")
	}
	records["spf.example"] = "v=spf1 include:spf.example"
	if err := s.refreshSet(t.Context(), p, "google"); err == nil {
		t.Error("a record that includes itself was read")
	}
	if got := networks("microsoft365"); !slices.Equal(got, microsoft) {
		t.Errorf("after bad answers Microsoft 365 has %v", got)
	}
}
