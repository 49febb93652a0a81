package webui

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"polytrace/casework"

	"golang.org/x/text/encoding/unicode"
)

const someTrace = "Received,Sender Address,Recipient Address,Subject,Status,Message Id\n" +
	"3/11/2026 9:14:00 AM,jane@acme.example,kim@contoso.example,\"Oil, everywhere\",Delivered,<a@acme.example>\n" +
	"no date,jane@acme.example,lee@contoso.example,Oil,Delivered,<a@acme.example>\n" +
	",,,,Failed,\n" +
	",x@acme.example,,,Delivered,b@acme.example\n"

// A trace is read as it comes out of the portal, whatever it is encoded in,
// once for each message.
func TestTraceIsReadAsItComes(t *testing.T) {
	for name, encode := range map[string]func(string) string{
		"UTF-8":       func(s string) string { return s },
		"with a mark": func(s string) string { return "\ufeff" + s },
		"UTF-16": func(s string) string {
			out, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(s)
			if err != nil {
				t.Fatal(err)
			}
			return out
		},
		"CRLF": func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
	} {
		all, err := readTrace(strings.NewReader(encode(someTrace)))
		if err != nil || len(all) != 2 {
			t.Fatalf("%s: %+v, %v", name, all, err)
		}
		if a := all[0]; a.Line != 2 || a.MessageID != "a@acme.example" || a.Subject != "Oil, everywhere" || a.From != "jane@acme.example" || a.To != "kim@contoso.example" || a.Date.Month() != 3 {
			t.Errorf("%s: %+v", name, a)
		}
		if b := all[1]; b.Line != 5 || b.MessageID != "b@acme.example" || !b.Date.IsZero() {
			t.Errorf("%s: %+v", name, b)
		}
	}
}

func FuzzTrace(f *testing.F) {
	f.Add([]byte(someTrace))
	f.Add([]byte("#Fields: message-id,x\n#\n<a@b>,\"\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		all, err := readTrace(bytes.NewReader(raw))
		if err != nil && len(all) > 0 {
			t.Error("half a trace was returned")
		}
		for _, one := range all {
			if one.MessageID == "" || one.Line < 1 {
				t.Errorf("%+v", one)
			}
		}
	})
}

// What the mail server says it has sent and the archive lacks is listed, for an
// administrator, and noted as a search.
func TestMessageTraceShowsGaps(t *testing.T) {
	f := newFixture(t)
	f.users()
	f.mail("From: jane@acme.example\r\nMessage-ID: <a@acme.example>\r\n\r\nhello\r\n")
	p := f.program(casework.Admin)
	r := p.sign(p.request("POST", apiRoot+"/reconcile", strings.NewReader(someTrace)))
	if r.code != http.StatusOK || !strings.Contains(r.body, `"found":1`) || !strings.Contains(r.body, `"message_id":"b@acme.example"`) || strings.Contains(r.body, "a@acme") {
		t.Errorf("%d %s", r.code, r.body)
	}
	for body, want := range map[string]string{"": "no column", "a,b\n1,2\n": "no column", "message-id\n": "names no message"} {
		if r := p.sign(p.request("POST", apiRoot+"/reconcile", strings.NewReader(body))); r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, want) {
			t.Errorf("%q: %d %s", body, r.code, r.body)
		}
	}
	agent := f.program(casework.Agent)
	if r := agent.sign(agent.request("POST", apiRoot+"/reconcile", strings.NewReader(someTrace))); r.code != http.StatusForbidden {
		t.Errorf("an agent: %d %s", r.code, r.body)
	}
}
