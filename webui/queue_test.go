package webui

import (
	"bytes"
	"context"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/message"
)

// gateway opens the queue that fixture.mail comes through, and says that a gateway
// runs that has refused what is in lately.
func (f *fixture) gateway(lately ...RefusedAttempt) {
	f.t.Helper()
	if _, err := f.web.queueNamed("postfix"); err != nil {
		f.do(casework.AddQueue{Name: "postfix", Local: "postfix-7f3k2", Format: message.FormatPostfix})
	}
	f.web.config.Intake = func() Intake {
		return Intake{Listening: "127.0.0.1:2525", Lately: lately, Queues: map[string]QueueIntake{"postfix": {Accepted: 3, Last: noon}}}
	}
}

// arrive appends a message that came through the queue postfix.
func (f *fixture) arrive(raw string, change func(*archive.Meta)) archive.Address {
	f.t.Helper()
	m := archive.Meta{Kind: archive.KindMessage, Received: f.clock(), Source: archive.Source{Queue: "postfix", Format: message.FormatPostfix},
		Envelope: &archive.Envelope{From: "jane@acme.example", To: []string{"postfix-7f3k2+to=liz=contoso.example@journal.example"}},
		Peer:     &archive.Peer{IP: "192.0.2.9", Helo: "mx.contoso.example", TLS: "TLS 1.3 TLS_AES_128_GCM_SHA256"}}
	if change != nil {
		change(&m)
	}
	var body archive.Body
	if m.SameAs == nil {
		body = bytes.NewReader([]byte(strings.ReplaceAll(raw, "\n", "\r\n")))
	}
	m, err := f.archive.Append(f.t.Context(), archive.Mail, m, body)
	if err != nil {
		f.t.Fatal(err)
	}
	return m.Address()
}

// begin begins a test of the queue postfix and returns where it is.
func (b *browser) begin() string {
	b.f.t.Helper()
	got := b.get("/queues/postfix/test")
	to := got.head.Get("Location")
	if got.code != http.StatusSeeOther || !strings.HasPrefix(to, "/queues/postfix/test?since=") {
		b.f.t.Fatalf("begin a test: %d to %q", got.code, to)
	}
	return strings.TrimSuffix(to, "#test")
}

func (b *browser) says(path string, wants ...string) answer {
	b.f.t.Helper()
	got := b.get(path)
	text := strings.ReplaceAll(html.UnescapeString(got.body), "<wbr>", "")
	for _, want := range wants {
		if got.code != http.StatusOK || !strings.Contains(text, want) {
			b.f.t.Errorf("%s does not say %q: %d", path, want, got.code)
		}
	}
	return got
}

// The page of a queue has its address, where to send to, and a card for each
// mail server, that of its format first and open.
func TestQueuePageIsFilledIn(t *testing.T) {
	f := newFixture(t)
	f.users()
	f.web.config.MailHost, f.web.config.SMTPTLS = "archive.example.net", ":465"
	f.gateway(RefusedAttempt{At: noon, Peer: "192.0.2.77", To: "suport@journal.example", Reason: "There is no such address."})
	got := f.as("admin").says("/queues/postfix", "postfix-7f3k2@journal.example", "archive.example.net", "<code>465</code> with TLS", "3 messages since", "192.0.2.77", "There is no such address.", "Wait for a test message",
		"which only this machine reaches", "recipient_bcc_maps", "postfix-7f3k2+to=$1=$2@journal.example", "New-JournalRule -Name 'Polytrace postfix-7f3k2' -JournalEmailAddress 'postfix-7f3k2@journal.example'",
		"What it cannot capture", "When a copy is not taken", "Add another queue, with the format Exchange")
	if n := strings.Count(got.body, `<details class="card"`); n != len(cards) {
		t.Errorf("%d cards of %d", n, len(cards))
	}
	if first := between(got.body, `<details class="card"`, ">"); first != ` id="card-postfix" open` || strings.Count(got.body, `class="tag">format of this queue`) != 1 {
		t.Errorf("the first card is %s", first)
	}
	if got := f.as("admin").get("/queues/nobody"); got.code != http.StatusNotFound {
		t.Errorf("a queue that is not there: %d", got.code)
	}
	f.as("admin").says("/queues", `href="/queues/postfix"`)
}

// Each format that a queue may have is set up by a card, and each card by a
// format that a queue may have.
func TestEveryFormatHasACard(t *testing.T) {
	have := map[string]bool{message.FormatAuto: true}
	for _, c := range cards {
		have[c.format] = true
		if len(c.steps) == 0 || len(c.misses) == 0 || len(c.failures) == 0 {
			t.Errorf("card %s says too little", c.id)
		}
	}
	for _, format := range message.Formats() {
		if !have[format] {
			t.Errorf("%s has no card", format)
		}
		delete(have, format)
	}
	if len(have) > 0 {
		t.Errorf("cards for formats that are none: %v", have)
	}
	for _, c := range []struct{ queue, recognised, tenant, want string }{
		{"exchange", "exchange", "", "exchange"}, {"exchange", "exchange", "guid", "m365"}, {"auto", "exchange", "guid", "m365"}, {"auto", "postfix", "", "postfix"},
		{"exim", "postfix", "", "exim"}, {"auto", "plain", "", "plain"}, {"exchange", "plain", "", "exchange"}, {"", "", "", "plain"},
	} {
		if got := cardOf(c.queue, c.recognised, c.tenant).id; got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// Whatever a value is, it means itself in the place where a card puts it.
func TestSetupCardsQuoteForTheirPlace(t *testing.T) {
	for _, s := range []string{"plain", "it's", "a’b", "‘‚‛", "$(calc)", "a\"b", `c:\x`, "x.y+z*", "a/b", "${run{/bin/sh}}", "#{x}", "a b; rm -rf /"} {
		quoted := powerShell(s)
		inner := strings.TrimSuffix(strings.TrimPrefix(quoted, "'"), "'")
		if got := regexp.MustCompile(`['‘’‚‛]['‘’‚‛]`).ReplaceAllStringFunc(inner, func(two string) string { r := []rune(two); return string(r[1]) }); got != s || len(quoted) < 2 {
			t.Errorf("PowerShell reads %s as %q", quoted, got)
		}
		if alone := regexp.MustCompile(`^(['‘’‚‛])['‘’‚‛]|[^'‘’‚‛]`).ReplaceAllString(inner, ""); len([]rune(alone))%2 != 0 {
			t.Errorf("PowerShell ends %s early", quoted)
		}
		re, err := regexp.Compile("^" + strings.ReplaceAll(pcrePattern(s), `\/`, "/") + "$")
		if err != nil || !re.MatchString(s) || strings.Contains(strings.ReplaceAll(pcrePattern(s), `\/`, ""), "/") {
			t.Errorf("pattern of %q: %s %v", s, pcrePattern(s), err)
		}
	}
	if re := regexp.MustCompile("^" + pcrePattern("journal.example") + "$"); re.MatchString("journalxexample") {
		t.Error("a dot of the domain stands for any letter")
	}
	hostile := reach{Address: `a'b$c{d}"e\f@x`, Local: `a'b$c{d}"e\f`, Domain: `x.y$z`, Host: "h'o st", Port: "25"}
	for id, wants := range map[string][]string{
		"exchange": {`-JournalEmailAddress 'a''b$c{d}"e\f@x'`, `-DomainName 'x.y$z'`, `-SmartHosts 'h''o st'`},
		"m365":     {`-TlsDomain 'h''o st'`},
		"postfix":  {`if !/@x\.y\$z$/`, `a'b$$c{d}"e\f+to=$1=$2@x.y$$z`},
		"exim":     {`{quote_local_part:a'b\$c\{d\}"e\\f+to=$local_part=$domain}@x.y\$z`},
		"sieve":    {`redirect :copy "a'b$c{d}\"e\\f@x";`},
		"zimbra":   {`= 'a\'b$c{d}"e\\f@x';`, `amavisArchiveQuarantineTo 'a'\''b$c{d}"e\f@x'`},
		"plain":    {`--server 'h'\''o st'`, `--to 'a'\''b$c{d}"e\f@x'`},
	} {
		var code strings.Builder
		for _, c := range cards {
			filled, err := c.fill(hostile, "")
			if err != nil {
				t.Fatal(err)
			}
			for _, step := range filled.Steps {
				if c.id == id {
					code.WriteString(step.Code + "\n")
				}
			}
		}
		for _, want := range wants {
			if !strings.Contains(code.String(), want) {
				t.Errorf("%s has no %s:\n%s", id, want, code.String())
			}
		}
	}
	f := newFixture(t)
	f.users()
	f.gateway()
	f.web.config.MailHost = `"><script>alert(1)</script>`
	if got := f.as("admin").get("/queues/postfix"); got.code != http.StatusOK || strings.Contains(got.body, "<script>alert") {
		t.Errorf("%d: a name becomes markup", got.code)
	}
}

// A test shows the next message of its queue, how it was understood, how it is
// known who got it, and what came with it; who looked is noted.
func TestQueueTestShowsWhatCame(t *testing.T) {
	f := newFixture(t)
	f.users()
	f.do(casework.AddUser{Name: "both", FullName: "Both", Roles: []casework.Role{casework.Admin, casework.Specialist}, Password: testPassword()})
	f.gateway()
	f.arrive("Subject: before the test\n\nx\n", nil)
	admin, both := f.as("admin"), f.as("both")
	f.later(time.Second)
	path := admin.begin()
	waiting := admin.says(path, "Waiting for a message to postfix-7f3k2@journal.example", `<noscript><meta http-equiv="refresh" content="5">`)
	if strings.Contains(waiting.body, "before the test") || strings.Contains(waiting.body, "liz@") {
		t.Error("the test shows what came before it")
	}
	if f.archive.Next(archive.Audit) != 0 {
		t.Error("waiting is noted, and nothing was shown")
	}
	f.arrive("Subject: of another queue\n\nx\n", func(m *archive.Meta) { m.Source.Queue = "other" })
	const raw = "From: Jane <jane@acme.example>\nTo: Support <support@contoso.example>\nSubject: a secret plan\nDate: the day of the secret plan\nMessage-ID: <one@acme.example>\n\nthe words of the plan\n"
	first := f.arrive(raw, nil)
	f.arrive(raw, func(m *archive.Meta) { m.SameAs = &first; m.SHA256 = f.digest(first); m.Size = int64(len(raw)) })
	f.arrive(strings.Replace(raw, "plan\n", "plan, again\n", 1), nil)
	f.arrive("Subject: something else\n\nx\n", nil)

	got := admin.says(path, "A message came and is kept, with 2 further copies; 1 other message came behind it", "A copy whose address says whom it was for", "liz@contoso.example", "proven by the address the copy was sent to",
		"support@contoso.example", "named in the header", "TLS 1.3 TLS_AES_128_GCM_SHA256", "192.0.2.9 (mx.contoso.example)", "postfix-7f3k2+to=liz=contoso.example@journal.example", "one@acme.example",
		"mail/3: the same bytes, kept as one more sighting", "mail/4: other bytes with the same Message-ID", "date-unreadable", "<code>Message-ID</code>", "5 header fields", "Mail that Postfix makes itself")
	for _, secret := range []string{"secret plan", "words of the plan", "something else", "of another queue", `href="/record`, "http-equiv"} {
		if strings.Contains(got.body, secret) {
			t.Errorf("an administrator who reads no mail sees %q", secret)
		}
	}
	if e := f.entries(); len(e) != 1 || e[0].Actor != "admin" || e[0].Text() != "read 3 messages (test)" || len(e[0].Data.Records) != 3 || e[0].Data.Records[0] != first {
		t.Errorf("noted: %+v", e)
	}
	both.says(path, "a secret plan", `href="/record/mail/2"`, "the day of the secret plan")

	if got := f.as("manager").get(path); got.code != http.StatusForbidden {
		t.Errorf("a manager gets %d", got.code)
	}
	f.later(testLife)
	if got := admin.says(path, "This test ended"); strings.Contains(got.body, "liz@contoso.example") || strings.Contains(got.body, "data-test=") {
		t.Error("a test that is over shows mail")
	}
}

func (f *fixture) digest(at archive.Address) archive.Digest {
	f.t.Helper()
	r, err := f.archive.Read(f.t.Context(), at)
	if err != nil {
		f.t.Fatal(err)
	}
	return r.Meta.SHA256
}

// What is not let in during a test is shown with what to do, and nothing of
// before.
func TestQueueTestShowsWhatWasRefused(t *testing.T) {
	f := newFixture(t)
	f.users()
	f.gateway(RefusedAttempt{At: noon.Add(-time.Second), Peer: "198.51.100.1", Reason: "Before."}, RefusedAttempt{At: noon, Peer: "198.51.100.7", To: "suport@journal.example", Reason: "There is no queue with that address."})
	admin := f.as("admin")
	path := admin.begin()
	got := admin.says(path, "1 attempt was not let in", "198.51.100.7", "suport@journal.example", "There is no queue with that address.")
	_, test, _ := strings.Cut(got.body, `id="test"`)
	if test, _, _ = strings.Cut(test, "</section>"); strings.Contains(test, "198.51.100.1<") {
		t.Error("the test shows what was refused before it")
	}
}

// The page waits until there is something that it does not show yet, and the
// API as well.
func TestQueueTestWaits(t *testing.T) {
	f := newFixture(t)
	f.users()
	f.gateway()
	admin, api := f.as("admin"), f.program(casework.Admin)
	page := admin.get(admin.begin())
	link := html.UnescapeString(between(page.body, `data-test="`, `"`))
	if got := admin.get(link); got.code != http.StatusNoContent {
		t.Errorf("nothing new: %d", got.code)
	}
	var began QueueTest
	ask := func(query url.Values) (t QueueTest) {
		f.t.Helper()
		got := api.ask(http.MethodGet, "/queues/postfix/test?"+query.Encode(), nil)
		if err := json.Unmarshal([]byte(got.body), &t); err != nil || got.code != http.StatusOK {
			f.t.Fatalf("%d %s", got.code, got.body)
		}
		return t
	}
	if began = ask(url.Values{}); began.Address != "postfix-7f3k2@journal.example" || began.Message != nil || began.Since == "" {
		t.Fatalf("begun: %+v", began)
	}
	heard := make(chan QueueTest)
	go func() {
		heard <- ask(url.Values{"since": {began.Since}, "seen": {began.Seen}, "wait": {"25"}})
	}()
	shown := make(chan answer)
	go func() { shown <- admin.get(link + "&wait=25") }()
	at := f.arrive(letter(1), nil)
	got := <-heard
	if got.Message == nil || got.Message.Address != at || got.Message.Subject != "" || got.Message.Recipients[0].How != "proven by the address the copy was sent to" || got.Seen == began.Seen {
		t.Errorf("heard %+v", got.Message)
	}
	if p := <-shown; p.code != http.StatusOK || !strings.Contains(p.body, "A message came") {
		t.Errorf("shown: %d", p.code)
	}
	// It does not wait for the end of its time: the request ends before that.
	q, err := f.web.queueNamed("postfix")
	if err != nil {
		t.Fatal(err)
	}
	w, err := f.web.watch(q, began.Since)
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), testWait*time.Second/2)
	defer cancel()
	if err := w.wait(short, began.Seen, testWait); err != nil || w.came == nil {
		t.Errorf("it waits although there is something: %v", err)
	}
	noted := f.archive.Next(archive.Audit)
	if again := ask(url.Values{"since": {began.Since}, "seen": {got.Seen}}); again.Message != nil || again.Seen != got.Seen || f.archive.Next(archive.Audit) != noted {
		t.Errorf("what is known is shown again: %+v", again)
	}
	for _, bad := range []string{"x", "1", "1.2.3", "-1.5", "1.5 "} {
		if got := api.ask(http.MethodGet, "/queues/postfix/test?since="+url.QueryEscape(bad), nil); got.code != http.StatusUnprocessableEntity {
			t.Errorf("since=%q: %d", bad, got.code)
		}
	}
	if got := api.ask(http.MethodGet, "/queues/nobody/test", nil); got.code != http.StatusNotFound {
		t.Errorf("no such queue: %d", got.code)
	}
	f.web.config.Intake = nil
	if got := api.ask(http.MethodGet, "/queues/postfix/test", nil); got.code != http.StatusServiceUnavailable || !strings.Contains(got.body, "No gateway runs here") {
		t.Errorf("without a gateway: %d %s", got.code, got.body)
	}
}

// What the mail server could do better is said.
func TestQueueTestAdvises(t *testing.T) {
	for _, c := range []struct {
		format, to, raw, want string
	}{
		{message.FormatExchange, "q@j.example", "To: a@b.example\n\nx\n", "expects journal reports, and this is none"},
		{message.FormatPostfix, "q@j.example", "To: a@b.example\n\nx\n", "without anything behind a +"},
		{message.FormatPostfix, "q+to=a=b.example@j.example", "\nx\n", ""},
		{message.FormatPlain, "q@j.example", "\nx\n", "Nobody is known to have got this message"},
		{message.FormatSieve, "q@j.example", "To: a@b.example\n\nx\n", "No recipient is proven"},
	} {
		m := archive.Meta{Source: archive.Source{Format: c.format}, Envelope: &archive.Envelope{To: []string{c.to}}, Peer: &archive.Peer{TLS: "TLS 1.3"}}
		got := (&came{m, message.Read([]byte(c.raw), delivery(m))}).advice(casework.Queue{Format: c.format})
		if text := strings.Join(got, " "); c.want == "" && text != "" || !strings.Contains(text, c.want) {
			t.Errorf("%s: %q", c.format, text)
		}
		m.Peer.TLS = ""
		got = (&came{m, message.Read([]byte(c.raw), delivery(m))}).advice(casework.Queue{Format: c.format})
		if !strings.Contains(strings.Join(got, " "), "in clear") {
			t.Errorf("%s in clear: %q", c.format, got)
		}
	}
}

// What a queue asks for is changed on its page, and what cannot be asked for
// is refused with the form as it was typed.
func TestQueueIsChangedOnItsPage(t *testing.T) {
	f := newFixture(t)
	f.users()
	f.gateway()
	b := f.as("admin")
	r := b.post("/logins", url.Values{"name": {"relay1"}})
	password := regexp.MustCompile(`[A-Z2-7]{26}`).FindString(r.body[strings.Index(r.body, "relay1 is set"):])
	var matches bool
	f.web.config.Desk.Read(func(s *casework.State) { matches = s.LoginMatches("relay1", casework.SecretHash(password)) })
	if r.code != http.StatusOK || !matches {
		t.Fatalf("%d, password %q: %s", r.code, password, r.body)
	}
	if r := b.post("/logins", url.Values{"name": {"Bad Name"}}); r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, "small letters") {
		t.Errorf("%d %s", r.code, r.body)
	}
	form := url.Values{"format": {"exchange"}, "class": {"mail"}, "sources": {"microsoft365, 192.0.2.10"}, "logins": {"relay1"}, "tenants": {"Contoso.onmicrosoft.com"}, "tls": {"on"}, "relay": {"mx.contoso.example:25"}, "silence": {"36"}}
	if r := b.post("/queues/postfix", form); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	queue := func() (q casework.Queue) {
		f.web.config.Desk.Read(func(s *casework.State) { q, _ = s.Queue("postfix") })
		return q
	}
	q := queue()
	if q.Format != "exchange" || q.Sets[0] != "microsoft365" || q.Sources[0].String() != "192.0.2.10/32" || q.Logins[0] != "relay1" || q.Tenants[0] != "contoso.onmicrosoft.com" || !q.TLS || q.Gateway || q.Relay != "mx.contoso.example:25" || q.SilenceHours != 36 {
		t.Errorf("changed to %+v", q)
	}
	b.says("/queues/postfix", `value="microsoft365, 192.0.2.10/32"`, `value="relay1"`, `name="tls" checked`, `value="36"`, "tenant contoso.onmicrosoft.com", "relay to mx.contoso.example:25", "<code>login relay1</code>")
	for field, value := range map[string]string{"silence": "soon", "sources": "no where", "logins": "nobody", "relay": "nowhere", "tenants": "x", "certificates": "sha256:abc"} {
		bad := url.Values{"format": {"exchange"}, "class": {"mail"}, field: {value}}
		if r := b.post("/queues/postfix", bad); r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, `value="`+value+`"`) || !strings.Contains(r.body, `role="alert"`) {
			t.Errorf("%s %q: %d", field, value, r.code)
		}
	}
	if got := queue(); got.SilenceHours != 36 {
		t.Errorf("what was refused is %+v", got)
	}
	old := q.Local
	b.post("/queues/postfix/address", url.Values{"do": {"rotate"}})
	if q := queue(); q.Previous != old || q.Local == old {
		t.Errorf("rotated to %+v", q)
	}
	b.says("/queues/postfix", old, "until it is retired", "Retire the address before")
	b.post("/queues/postfix/address", url.Values{"do": {"retire"}})
	if q := queue(); q.Previous != "" {
		t.Errorf("retired to %+v", q)
	}
	if r := f.as("agent").post("/queues/postfix", form); r.code != http.StatusForbidden {
		t.Errorf("an agent: %d", r.code)
	}
}
