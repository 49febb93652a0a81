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

		EnvelopeRecipients []string `json:"envelope_recipients"`
		EnvelopeSender     string   `json:"envelope_sender"`
		EnvelopeSource     string   `json:"envelope_source"`
		Mailbox, Operation string
		Subject            string
		Original           string
		Trusted            *bool
		Decrypted          bool `json:"decrypted_copy"`
	}
}

// formats names the queue's format for what a manifest calls a fixture.
var formats = map[string]string{
	"exchange": FormatExchange, "exchange2003": FormatExchange, "exchange-ndr": FormatExchange, "m365": FormatExchange, "workmail": FormatExchange,
	"plain-copy/token": FormatPostfix, "plain-copy/postfix": FormatPostfix, "plain-copy/x-envelope": FormatPlain, "plain-copy": FormatPlain, "forged": FormatPlain,
	"plain-copy/google": FormatGoogle, "plain-copy/exim": FormatExim, "zimbra": FormatZimbra, "zimbra-intercept": FormatZimbra, "plain-copy/sieve": FormatSieve,
	"plain-copy/domino": FormatDomino, "plain-copy/kerio": FormatKerio, "plain-copy/mdaemon": FormatMDaemon,
}

// The envelopes of journal reports and tokens are read as the manifests say:
// our own always, others where POLYTRACE_SHARED names them in addition.
func TestReadManifest(t *testing.T) {
	dirs := []string{"testdata/journal", "testdata/fixtures"}
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
				t.Errorf("%s: nobody knows the format %q", e.File, e.Format)
				continue
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
	checkEnvelope(t, r, e)
	if r.Offset >= 0 && string(raw[r.Offset:r.Offset+len(r.Original.Raw)]) != string(r.Original.Raw) {
		t.Errorf("the original is not at offset %d", r.Offset)
	}
}

// checkEnvelope compares what else a manifest knows.
func checkEnvelope(t *testing.T, r *Reading, e expectation) {
	x := e.Expect
	if x.EnvelopeRecipients != nil {
		var got []string
		for _, k := range r.Recipients {
			if k.Provenance != "header" {
				got = append(got, k.Address)
			}
			if x.EnvelopeSource != "" && k.Provenance != "header" && k.Provenance != "inferred:"+x.EnvelopeSource {
				t.Errorf("%s is known by %s", k.Address, k.Provenance)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, x.EnvelopeRecipients) && len(got)+len(x.EnvelopeRecipients) > 0 {
			t.Errorf("envelope recipients %q, want %q", got, x.EnvelopeRecipients)
		}
	}
	if x.EnvelopeSender != "" && r.Sender != x.EnvelopeSender {
		t.Errorf("envelope sender %q, want %q", r.Sender, x.EnvelopeSender)
	}
	if r.Mailbox != x.Mailbox || r.Operation != x.Operation {
		t.Errorf("mailbox %q, operation %q; want %q and %q", r.Mailbox, r.Operation, x.Mailbox, x.Operation)
	}
	if x.Subject != "" && r.Subject != x.Subject {
		t.Errorf("subject %q, want %q", r.Subject, x.Subject)
	}
	for code, expected := range map[string]bool{
		"report-without-original": x.Original == "missing", "report-untrusted": x.Trusted != nil && !*x.Trusted, "report-with-clear-copy": x.Decrypted,
	} {
		if has := slices.ContainsFunc(r.Defects, func(d Defect) bool { return d.Code == code }); has != expected {
			t.Errorf("defect %s: %v, want %v", code, has, expected)
		}
	}
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// What several copies tell of recipients is one list: each address once, in the role and with the
// provenance that are known best, whichever copy comes first; two lists that led to somebody stay apart.
func TestRecipientsOfCopiesAreMerged(t *testing.T) {
	header := []Recipient{{Address: "Bob@x.example", Name: "Bob", Role: "to", Provenance: "header"}, {Address: "eve@x.example", Role: "cc", Provenance: "header"}}
	report := []Recipient{{Address: "bob@x.example", Role: "bcc", Provenance: "proven:journal"}, {Address: "eve@x.example", Role: "recipient", Provenance: "proven:journal", Via: "all@x.example", ViaKind: "expanded"}}
	other := []Recipient{{Address: "eve@x.example", Role: "recipient", Provenance: "proven:journal", Via: "boss@x.example", ViaKind: "forwarded"}}
	want := []Recipient{
		{Address: "bob@x.example", Name: "Bob", Role: "bcc", Provenance: "proven:journal"},
		{Address: "eve@x.example", Role: "cc", Provenance: "proven:journal", Via: "all@x.example", ViaKind: "expanded"},
		{Address: "eve@x.example", Role: "recipient", Provenance: "proven:journal", Via: "boss@x.example", ViaKind: "forwarded"},
	}
	for _, copies := range [][][]Recipient{{header, report, other}, {report, header, other}} {
		got := MergeRecipients(copies...)
		got[0].Address = strings.ToLower(got[0].Address)
		if !slices.Equal(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if header[0].Provenance != "header" {
		t.Errorf("merging changed what a copy tells: %+v", header)
	}
}
