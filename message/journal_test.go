package message

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// expectation is an entry of a manifest of journal fixtures.
type expectation struct {
	File, Format string
	SMTP         struct {
		MailFrom string   `json:"mail_from"`
		RcptTo   []string `json:"rcpt_to"`
	}
	Expect struct {
		Sender     string
		MessageID  string `json:"message_id"`
		Recipients [][]*string
		Levels     *int
		Tenant     *string
	}
}

// formats names the queue's format for what a manifest calls a fixture.
var formats = map[string]string{
	"exchange": FormatExchange, "exchange2003": FormatExchange, "exchange-ndr": FormatExchange, "m365": FormatExchange, "workmail": FormatExchange,
	"plain-copy/token": FormatPostfix, "plain-copy/x-envelope": FormatPostfix, "plain-copy": FormatPlain, "forged": FormatPlain,
}

// The envelopes of journal reports and tokens are read as the manifests say:
// our own always, others where POLYTRACE_SHARED names them in addition.
func TestReadManifest(t *testing.T) {
	dirs := []string{"testdata/journal"}
	if shared := os.Getenv("POLYTRACE_SHARED"); shared != "" {
		dirs = append(dirs, filepath.Join(shared, "fixtures", "journal"))
	}
	for _, dir := range dirs {
		data, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
		if err != nil {
			t.Fatal(err)
		}
		var all []expectation
		if err := json.Unmarshal(data, &all); err != nil {
			t.Fatal(err)
		}
		for _, e := range all {
			format := formats[e.Format]
			if format == "" {
				continue // Formats of a later version.
			}
			t.Run(e.File, func(t *testing.T) { checkReading(t, dir, format, e) })
		}
	}
}

func checkReading(t *testing.T, dir, format string, e expectation) {
	raw, err := os.ReadFile(filepath.Join(dir, e.File))
	if err != nil {
		t.Fatal(err)
	}
	r := Read(raw, Delivery{Format: format, From: e.SMTP.MailFrom, To: e.SMTP.RcptTo})
	x := e.Expect
	if x.Sender != "" && r.Sender != x.Sender {
		t.Errorf("sender %q, want %q", r.Sender, x.Sender)
	}
	if id := strings.Trim(x.MessageID, "<>"); id != "" && r.MessageID != id {
		t.Errorf("message id %q, want %q", r.MessageID, id)
	}
	if x.Levels != nil && r.Levels != *x.Levels {
		t.Errorf("%d levels, want %d", r.Levels, *x.Levels)
	}
	if x.Tenant != nil && r.Tenant != *x.Tenant {
		t.Errorf("tenant %q, want %q", r.Tenant, *x.Tenant)
	}
	var got, want []string
	for _, k := range r.Recipients {
		if r.Levels == 0 && k.Provenance == "header" && !slices.ContainsFunc(x.Recipients, func(w []*string) bool { return *w[1] == k.Address }) {
			continue
		}
		got = append(got, strings.Join([]string{k.Role, k.Address, k.ViaKind, k.Via}, " "))
	}
	for _, k := range x.Recipients {
		want = append(want, strings.Join([]string{text(k[0]), text(k[1]), text(k[2]), text(k[3])}, " "))
	}
	slices.Sort(got)
	slices.Sort(want)
	if len(want) > 0 && !slices.Equal(got, want) {
		t.Errorf("recipients\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if r.Offset >= 0 && string(raw[r.Offset:r.Offset+len(r.Original.Raw)]) != string(r.Original.Raw) {
		t.Errorf("the original is not at offset %d", r.Offset)
	}
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
