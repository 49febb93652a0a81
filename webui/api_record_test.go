package webui

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/message"

	"github.com/google/go-cmp/cmp"
)

// parcel is a message with two attachments, one of them badly named.
const parcel = `From: Jane Doe <jane@acme.example>
To: Support <support@northwind.example>
Cc: Lee <lee@acme.example>
Subject: =?utf-8?q?Messwerte_f=C3=BCr_Kiste_7?=
Date: Mon, 2 Nov 2026 09:00:00 +0100
Message-ID: <crate-7@acme.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain; charset=utf-8

The readings are attached.

> Please send the readings.
--b
Content-Type: text/html; name*=utf-8''Me%C3%9Fwerte%22.html
Content-Disposition: attachment; filename*=utf-8''Me%C3%9Fwerte%22.html
Content-Transfer-Encoding: base64

PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0PgA=
--b--
`

// store appends exact bytes and waits until they are searchable.
func (f *fixture) store(raw []byte, src archive.Source) archive.Meta {
	f.t.Helper()
	m, err := f.archive.Append(f.t.Context(), archive.Mail, archive.Meta{Kind: archive.KindMessage, Received: f.clock(), Source: src}, bytes.NewReader(raw))
	if err != nil {
		f.t.Fatal(err)
	}
	f.settled(m.Address())
	return m
}

func (f *fixture) settled(at archive.Address) {
	f.t.Helper()
	if err := f.index.WaitFor(f.t.Context(), at); err != nil {
		f.t.Fatal(err)
	}
}

// A search is read to its end page by page, each hit once, with an exact count.
func TestAPISearchIsReadPageByPage(t *testing.T) {
	f := newFixture(t)
	const n = 7
	for i := range n {
		f.mail(letter(i + 1))
	}
	p := f.program(casework.Observer)
	for _, sort := range []string{"", "newest", "oldest", "relevance"} {
		var subjects []string
		for cursor, pages := "", 0; ; pages++ {
			q := url.Values{"q": {"firmware"}, "limit": {"3"}, "sort": {sort}, "cursor": {cursor}}
			page := tell[searchOut](p, http.StatusOK, "GET", "/search?"+q.Encode(), nil)
			for _, item := range page.Items {
				subjects = append(subjects, item.Subject)
			}
			if page.Total != n || page.CompleteTo.IsZero() || pages > n {
				t.Fatalf("%+v", page)
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		want := make([]string, n)
		for i := range want {
			want[i] = fmt.Sprintf("Delivery of the second batch %d", i+1)
		}
		switch sort {
		case "", "newest":
			slices.Reverse(want)
		case "relevance":
			slices.Sort(subjects)
		}
		if diff := cmp.Diff(want, subjects); diff != "" {
			t.Errorf("sort %q: %s", sort, diff)
		}
	}
	if none := p.ask("GET", "/search?q=nothingofthekind", nil); !strings.Contains(none.body, `"items":[]`) || !strings.Contains(none.body, `"total":0`) {
		t.Errorf("%s", none.body)
	}
}

// A query that cannot be read is answered with the place of the mistake.
func TestAPISyntaxErrorPointsAtThePlace(t *testing.T) {
	f := newFixture(t)
	p := f.program(casework.Agent)
	for _, path := range []string{"/search", "/export"} {
		r := p.ask("GET", path+"?q="+url.QueryEscape("firmware (battery"), nil)
		var problem struct {
			Errors []struct{ Location, Message, Value string }
		}
		if err := json.Unmarshal([]byte(r.body), &problem); err != nil {
			t.Fatal(err)
		}
		if len(problem.Errors) != 1 || problem.Errors[0].Location != "query.q[9]" || problem.Errors[0].Message == "" || problem.Errors[0].Value != "firmware (battery" {
			t.Errorf("%s: %s", path, r.body)
		}
	}
}

// A record tells everything that is known of it, under the names that
// programs rely on.
func TestAPIRecordTellsAll(t *testing.T) {
	f := newFixture(t)
	at := f.mail(parcel)
	first := tell[recordOut](f.program(casework.Agent), http.StatusOK, "GET", "/records/"+at.String(), nil)
	raw := strings.ReplaceAll(parcel, "\n", "\r\n")
	sum := sha256.Sum256([]byte(raw))
	if first.Address != at || first.SHA256 != archive.Digest(sum) || first.Size != int64(len(raw)) || !first.Received.Equal(noon) || first.State != "searchable" || first.Thread == "" {
		t.Errorf("%+v", first)
	}
	if first.Source.Queue != "postfix" || first.Envelope.From != "jane@acme.example" || first.Peer.IP != "192.0.2.9" {
		t.Errorf("%+v", first)
	}
	if m := first.Message; m.MessageID != "crate-7@acme.example" || m.Subject != "Messwerte für Kiste 7" || m.From[0].Address != "jane@acme.example" || m.To[0].Name != "Support" || m.Cc[0].Name != "Lee" ||
		len(m.Attachments) != 1 || m.Attachments[0].Filename != `Meßwerte".html` || !m.Date.Equal(time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", m)
	}
	// The same bytes once more are a sighting, and its address leads to the record.
	again := f.store([]byte(raw), archive.Source{Mailbox: "kim@northwind.example", Import: "old.mbox"})
	p := f.program(casework.Compliance)
	second := p.ask("GET", "/records/"+again.Address().String(), nil)
	var fields, inner map[string]json.RawMessage
	if err := json.Unmarshal([]byte(second.body), &fields); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(fields["message"], &inner); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"address", "kind", "sha256", "size", "received", "source", "message", "recipients", "sightings", "variants", "cases", "thread", "state"} {
		if len(fields[name]) == 0 || string(fields[name]) == "null" {
			t.Errorf("record has no %s: %s", name, second.body)
		}
	}
	for _, name := range []string{"message_id", "date", "from", "to", "cc", "subject", "attachments", "defects"} {
		if len(inner[name]) == 0 || string(inner[name]) == "null" {
			t.Errorf("message has no %s: %s", name, second.body)
		}
	}
}

// The text comes with its zones, and each byte of it is in one.
func TestAPITextHasZones(t *testing.T) {
	f := newFixture(t)
	at := f.mail(parcel)
	text := tell[textOut](f.program(casework.Agent), http.StatusOK, "GET", "/records/"+at.String()+"/text", nil)
	end := 0
	kinds := map[string]string{}
	for _, z := range text.Zones {
		if z.Start != end || z.End < z.Start {
			t.Fatalf("%+v", text.Zones)
		}
		end = z.End
		kinds[z.Kind] += text.Text[z.Start:z.End]
	}
	if end != len(text.Text) || !strings.Contains(kinds["author"], "readings are attached") || !strings.Contains(kinds["quote"], "Please send") {
		t.Errorf("%+v", text)
	}
}

// The bytes of a message leave as they came, whatever they are.
func TestAPIRawIsExact(t *testing.T) {
	f := newFixture(t)
	p := f.program(casework.Agent)
	for _, raw := range []string{
		"Subject: NUL\r\n\r\na\x00b\r\n",
		"Subject: bare LF\n\nFrom the top\n>From it\n",
		"Subject: bare CR\r\rx\ry",
		"no header at all \xff\xfe\x80",
		"Subject: long\r\n\r\n" + strings.Repeat("0123456789abcdef", 300_000),
	} {
		m := f.store([]byte(raw), archive.Source{Queue: "q"})
		path := "/records/" + m.Address().String() + "/raw"
		r := p.ask("GET", path, nil)
		tag := `"` + m.SHA256.String() + `"`
		if r.code != http.StatusOK || r.body != raw || r.head.Get("ETag") != tag || r.head.Get("Content-Type") != "message/rfc822" {
			t.Errorf("%.20q: %d %v", raw, r.code, r.head)
		}
		again := p.request("GET", apiRoot+path, nil)
		again.Header.Set("If-None-Match", tag)
		if r := p.sign(again); r.code != http.StatusNotModified || r.body != "" {
			t.Errorf("%.20q: %d to who has it", raw, r.code)
		}
		if r := p.sign(p.request("HEAD", apiRoot+path, nil)); r.code != http.StatusOK || r.head.Get("Content-Length") != fmt.Sprint(len(raw)) {
			t.Errorf("%.20q: HEAD %d %v", raw, r.code, r.head)
		}
	}
}

// A part leaves decoded, as a file that no browser shows or runs.
func TestAPIPartIsAFile(t *testing.T) {
	f := newFixture(t)
	at := f.mail(parcel)
	p := f.program(casework.Agent)
	record := tell[recordOut](p, http.StatusOK, "GET", "/records/"+at.String(), nil)
	file := record.Message.Attachments[0]
	r := p.ask("GET", fmt.Sprintf("/records/%s/parts/%d", at, file.N), nil)
	if sum := sha256.Sum256([]byte(r.body)); r.body != "<script>alert(1)</script>\x00" || hex.EncodeToString(sum[:]) != file.SHA256 || len(r.body) != file.Size {
		t.Errorf("%q", r.body)
	}
	kind, params, err := mime.ParseMediaType(r.head.Get("Content-Disposition"))
	if err != nil || kind != "attachment" || params["filename"] != file.Filename {
		t.Errorf("%v %v", r.head, err)
	}
	if r.head.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(r.head.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("%v", r.head)
	}
}

// What is wrapped in a journal report is read as the message that people sent.
func TestAPIReadsTheOriginalOfAReport(t *testing.T) {
	f := newFixture(t)
	report := "From: journal@northwind.example\r\nTo: archive@journal.example\r\nSubject: Delivery\r\nMessage-ID: <report@northwind.example>\r\n" +
		"X-MS-Journal-Report:\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=r\r\n\r\n--r\r\nContent-Type: text/plain\r\n\r\n" +
		"Sender: jane@acme.example\r\nSubject: Delivery\r\nMessage-Id: <1@acme.example>\r\nTo: support@northwind.example\r\nBcc: boss@northwind.example\r\n\r\n" +
		"--r\r\nContent-Type: message/rfc822\r\n\r\nFrom: jane@acme.example\r\nTo: support@northwind.example\r\nSubject: Delivery\r\nMessage-ID: <1@acme.example>\r\n\r\nWhere is it?\r\n--r--\r\n"
	m := f.store([]byte(report), archive.Source{Queue: "q", Format: message.FormatExchange})
	p := f.program(casework.Agent)
	record := tell[recordOut](p, http.StatusOK, "GET", "/records/"+m.Address().String(), nil)
	proven := slices.ContainsFunc(record.Recipients, func(r message.Recipient) bool {
		return r.Address == "boss@northwind.example" && r.Provenance == "proven:journal"
	})
	if record.Message.MessageID != "1@acme.example" || !proven {
		t.Errorf("%+v", record)
	}
	if text := tell[textOut](p, http.StatusOK, "GET", "/records/"+m.Address().String()+"/text", nil); strings.TrimSpace(text.Text) != "Where is it?" {
		t.Errorf("%+v", text)
	}
}

// A conversation lists its messages, the oldest first.
func TestAPIThreadIsInOrder(t *testing.T) {
	f := newFixture(t)
	at := f.mail(letter(1))
	f.mail("From: Kim <kim@northwind.example>\nTo: jane@acme.example\nSubject: Re: Delivery of the second batch 1\nDate: Mon, 2 Nov 2026 10:00:00 +0100\nMessage-ID: <r1@northwind.example>\nIn-Reply-To: <batch-1@acme.example>\n\nBy Friday.\n")
	p := f.program(casework.Agent)
	record := tell[recordOut](p, http.StatusOK, "GET", "/records/"+at.String(), nil)
	thread := tell[struct {
		ID       string
		Messages []struct{ Address archive.Address }
	}](p, http.StatusOK, "GET", "/threads/"+record.Thread, nil)
	if thread.ID != record.Thread || len(thread.Messages) != 2 || thread.Messages[0].Address != at {
		t.Errorf("%+v", thread)
	}
}

// The status has the four numbers people can trust, and the parts behind them.
func TestAPIStatusCountsWhatIsThere(t *testing.T) {
	f := newFixture(t)
	f.mail(letter(1))
	f.mail("From: jane@acme.example\nSubject: secret\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nMIIB\n")
	f.web.config.Intake = func() Intake { return Intake{Listening: "127.0.0.1:2525", Accepted: 2} }
	p := f.program(casework.Admin)
	f.settled(archive.Address{Stream: archive.Ledger, Position: f.archive.Next(archive.Ledger) - 1})
	st := tell[map[string]json.RawMessage](p, http.StatusOK, "GET", "/status", nil)
	for name, want := range map[string]string{"received": "2", "in_bucket": "0", "indexed": "2", "unsearchable": "1", "lag": "0"} {
		if string(st[name]) != want {
			t.Errorf("%s is %s instead of %s", name, st[name], want)
		}
	}
	for _, name := range []string{"archive", "index", "intake", "complete_to", "version"} {
		if len(st[name]) == 0 {
			t.Errorf("the status has no %s", name)
		}
	}
	if !strings.Contains(string(st["archive"]), `"streams":[`) || !strings.Contains(string(st["intake"]), `"accepted":2`) {
		t.Errorf("%s", st)
	}
}

// Who listens to the events is told the figures as they change, until he leaves.
func TestAPIEventsTellChanges(t *testing.T) {
	f := newFixture(t)
	p := f.program(casework.Admin)
	r := p.request("GET", apiRoot+"/events", nil)
	r.Header.Set("Authorization", "Bearer "+p.token)
	resp, err := p.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("%v", resp.Header)
	}
	lines := bufio.NewScanner(resp.Body)
	received := int64(-1)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var now figures
		if err := json.Unmarshal([]byte(data), &now); err != nil {
			t.Fatal(err)
		}
		if received < 0 {
			f.mail(letter(1))
		}
		if received = now.Received; received == 1 && now.Indexed == 1 {
			break
		}
	}
	if received != 1 {
		t.Errorf("received %d: %v", received, lines.Err())
	}
	if head := p.sign(p.request("HEAD", apiRoot+"/events", nil)); head.code != http.StatusOK {
		t.Errorf("HEAD: %d", head.code)
	}
}

// A queue that is silent for too long is told first of all.
func TestStatusTellsOfASilentQueue(t *testing.T) {
	for _, silent := range []bool{false, true} {
		f := newFixture(t)
		f.users()
		f.do(casework.AddQueue{Name: "support", Local: "support-aaaaa"})
		last := f.clock().AddDate(0, 0, -3)
		f.web.config.Intake = func() Intake {
			return Intake{Queues: map[string]QueueIntake{"support": {Last: last, Silent: silent}}}
		}
		if r := f.as("admin").get("/status"); strings.Contains(r.body, "No mail has come through support") != silent {
			t.Errorf("silent %v: %s", silent, r.body)
		}
	}
}

// Who looks at the status learns two weeks before that the certificate ends.
func TestStatusTellsThatTheCertificateEnds(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, c := range []struct {
		left, life time.Duration
		told       bool
	}{
		{15 * day, 0, false}, {13 * day, 0, true}, {-time.Hour, 0, true},
		{15 * day, 365 * day, false}, {13 * day, 365 * day, true}, {13 * day, 90 * day, true},
		{13 * day, 45 * day, false}, {7 * day, 45 * day, true}, // A short life: renewed when a third of it is left.
		{5 * time.Hour, day, false}, {3 * time.Hour, day, true}, {-time.Hour, day, true},
	} {
		f := newFixture(t)
		f.users()
		in := Intake{Certificate: f.clock().Add(c.left)}
		if c.life > 0 {
			in.CertificateBegins = in.Certificate.Add(-c.life)
		}
		f.web.config.Intake = func() Intake { return in }
		if r := f.as("admin").get("/status"); strings.Contains(r.body, "The certificate for STARTTLS ends") != c.told {
			t.Errorf("%s before its end, of a life of %s: %s", c.left, c.life, r.body)
		}
	}
}

// Who looks at the status learns why a CA issues no certificate.
func TestStatusTellsThatTheCAIssuesNoCertificate(t *testing.T) {
	f := newFixture(t)
	f.users()
	in := Intake{}
	f.web.config.Intake = func() Intake { return in }
	if r := f.as("admin").get("/status"); strings.Contains(r.body, "no certificate") {
		t.Errorf("nothing failed: %s", r.body)
	}
	in.CertificateFailure = "port 80 of mx.example has to be open"
	if r := f.as("admin").get("/status"); !strings.Contains(r.body, "The CA issued no certificate.</b> port 80 of mx.example has to be open.") {
		t.Errorf("the failure is not told: %s", r.body)
	}
}
