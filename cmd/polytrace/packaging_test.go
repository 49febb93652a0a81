package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func packaged(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "packaging", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

var commentedSetting = regexp.MustCompile(`^# ([a-z_]+) = "(.*)"$|^# ([a-z_]+) = (\d+|true|false)$`)

// The sample configuration names every setting with its default and nothing
// else, and each line of it can be used once the comment sign is gone.
func TestSampleConfigurationIsTheDefaults(t *testing.T) {
	sample := packaged(t, "polytrace.toml")
	var want, got []string
	for _, one := range allSettings() {
		want = append(want, one.key+" = "+one.value)
	}
	table, inUse := "", &strings.Builder{}
	for line := range strings.Lines(sample) {
		line = strings.TrimRight(line, "\n")
		m := commentedSetting.FindStringSubmatch(line)
		switch {
		case m != nil:
			got = append(got, table+"."+m[1]+m[3]+" = "+m[2]+m[4])
			line = strings.TrimPrefix(line, "# ")
		case strings.HasPrefix(line, "["):
			table = strings.Trim(line, "[]")
		case line != "" && !strings.HasPrefix(line, "#"):
			t.Errorf("%q is in use in the sample; comment it out", line)
		}
		inUse.WriteString(line + "\n")
	}
	slices.Sort(want)
	slices.Sort(got)
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("the sample lacks %s", line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("the sample has %s, which is no default", line)
		}
	}
	if len(got) != len(want) {
		t.Errorf("the sample has %d settings, there are %d", len(got), len(want))
	}

	dir := t.TempDir()
	defaults, _, err := loadSettings("", nil, dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{sample, inUse.String()} {
		file := filepath.Join(dir, "polytrace.toml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, warnings, err := loadSettings(file, nil, dir)
		if err != nil || len(warnings) > 0 {
			t.Fatalf("the sample cannot be used: %v %v", err, warnings)
		}
		if !reflect.DeepEqual(s, defaults) {
			t.Errorf("the sample sets %+v, defaults are %+v", s, defaults)
		}
	}
}

var (
	metricName = regexp.MustCompile(`\bpolytrace_[a-z0-9_]+`)
	fqName     = regexp.MustCompile(`fqName: "([a-z0-9_]+)"`)
)

// What alerts and dashboard ask for exists in a server.
func TestAlertsAndDashboardAskForMetricsThatExist(t *testing.T) {
	known := metricsOfServer(t)
	for _, file := range []string{"prometheus-alerts.yml", "grafana-dashboard.json"} {
		asked := metricName.FindAllString(packaged(t, file), -1)
		if len(asked) < 10 {
			t.Errorf("%s asks for %d metrics only", file, len(asked))
		}
		for _, name := range asked {
			if !known[name] {
				t.Errorf("%s asks for %s, which there is not", file, name)
			}
		}
	}
}

// metricsOfServer are the names of everything that a server tells, with those
// that a histogram adds.
func metricsOfServer(t *testing.T) map[string]bool {
	t.Helper()
	dir := t.TempDir()
	// Figures of streams are told when there is something in a stream.
	if code := run(t.Context(), []string{"queue", "add", "support", "--data", dir}, terminal{strings.NewReader(""), io.Discard, t.Output()}); code != 0 {
		t.Fatalf("queue add ended with %d", code)
	}
	s, _, err := loadSettings("", nil, dir)
	if err != nil {
		t.Fatal(err)
	}
	s.smtp.listen, s.http.listen, s.ops.listen = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	a, err := openApp(t.Context(), s, dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	server, err := newServer(a, listenAt)
	if err != nil {
		t.Fatal(err)
	}
	defer server.closeListeners()
	if _, err := a.archive.Examine(t.Context()); err != nil { // Drift is told when it was looked for.
		t.Fatal(err)
	}

	names := map[string]bool{}
	described := make(chan *prometheus.Desc)
	go func() {
		server.registry.Describe(described)
		close(described)
	}()
	for d := range described {
		m := fqName.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("no name in %s", d)
		}
		names[m[1]] = true
		if strings.HasSuffix(m[1], "_seconds") {
			names[m[1]+"_bucket"], names[m[1]+"_sum"], names[m[1]+"_count"] = true, true, true
		}
	}
	return names
}

// The dashboard is JSON with something to see in every panel.
func TestDashboardCanBeRead(t *testing.T) {
	var d struct {
		Title  string
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(packaged(t, "grafana-dashboard.json")), &d); err != nil {
		t.Fatal(err)
	}
	if d.Title == "" || len(d.Panels) == 0 {
		t.Fatal("the dashboard is empty")
	}
	seen := map[int]bool{}
	for _, p := range d.Panels {
		if seen[p.ID] || p.Title == "" || len(p.Targets) == 0 {
			t.Errorf("panel %d %q: its number is taken, or it has no title or nothing to ask for", p.ID, p.Title)
		}
		seen[p.ID] = true
		for _, q := range p.Targets {
			if !metricName.MatchString(q.Expr) {
				t.Errorf("panel %q asks for %q", p.Title, q.Expr)
			}
		}
	}
}
