package webui

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/message/auth"
)

// What was found out about who vouched for a message is shown with it, in words
// that take no side, with the answers of DNS and the entry of the log; and in JSON.
func TestWhoVouchedIsShown(t *testing.T) {
	f := newFixture(t)
	f.users()
	at := f.mail(letter(1))
	agent, p := f.as("agent"), f.program(casework.Manager)
	page := func() string { return agent.get("/record/" + at.String()).body }
	if got := page(); !strings.Contains(got, "Not checked yet") {
		t.Errorf("before it was checked: %s", got)
	}
	if r := p.ask("GET", "/records/"+at.String(), nil); strings.Contains(r.body, "authentication") {
		t.Errorf("before it was checked: %s", r.body)
	}
	key := auth.Answer{Name: "s._domainkey.acme.example", TXT: []string{"p=AAAA"}, At: noon, AD: true}
	result := auth.Result{Position: uint64(at.Position), DKIM: []auth.Signature{
		{Domain: "acme.example", Status: auth.Pass, Ref: auth.Ref{Key: key.Name, SHA256: key.Digest()}},
		{Domain: "<b>list.example", Status: auth.Fail, Reason: "the body is not as it was signed; the signed header fields are intact"},
	}, Claimed: &auth.Claimed{ServID: "mx.acme.example", Results: []auth.ClaimResult{{Method: "spf", Result: "pass"}}}}
	body, err := auth.Encode(auth.Findings{Stream: string(at.Stream), Keys: []auth.Answer{key}, Results: []auth.Result{result}}, noon)
	if err != nil {
		t.Fatal(err)
	}
	m, err := f.archive.Append(t.Context(), archive.Facts, archive.Meta{Kind: archive.KindEvent, Received: noon}, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.index.WaitFor(t.Context(), m.Address()); err != nil {
		t.Fatal(err)
	}
	got := page()
	for _, want := range []string{"1 of 2 signatures intact", "Signature of acme.example", "Signature of &lt;b&gt;list.example", "broken: the body is not as it was signed", "Mailing lists and mail servers that add a footer",
		"s._domainkey.acme.example", "proven by DNSSEC", "Said by mx.acme.example", "spf=pass (copied, not verified here)", "facts/0", "What is evidence is this entry"} {
		if !strings.Contains(got, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	out := tell[recordOut](p, http.StatusOK, "GET", "/records/"+at.String(), nil)
	if a := out.Authentication; a == nil || a.Facts != m.Address() || a.Result.Best() != auth.Pass || len(a.Keys) != 1 || a.Keys[0].Digest() != key.Digest() {
		t.Errorf("%+v", a)
	}
	if found := tell[searchOut](p, http.StatusOK, "GET", "/search?q=dkim:pass", nil); found.Total != 1 {
		t.Errorf("dkim:pass finds %d", found.Total)
	}
}
