package webui

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/archive/dirstore"
	"polytrace/casework"
	"polytrace/index"
	"polytrace/message"
)

var noon = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

// fixture is a whole appliance but the gateway, with a clock that tests move.
type fixture struct {
	t       testing.TB
	dir     string
	archive *archive.Archive
	index   *index.Index
	desk    *casework.Desk
	web     *Server
	url     string

	mu  sync.Mutex
	now time.Time
}

func (f *fixture) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fixture) later(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

// passwords are hashed once: it takes long on purpose.
var testPassword = sync.OnceValue(func() string {
	phc, err := casework.NewPassword("correct horse battery")
	if err != nil {
		panic(err)
	}
	return phc
})

func newFixture(t testing.TB) *fixture {
	t.Helper()
	dir := t.TempDir()
	store, err := dirstore.Open(filepath.Join(dir, "bucket"))
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, dir: dir, now: noon}
	if f.archive, err = archive.Open(t.Context(), filepath.Join(dir, "archive"), archive.Config{Store: store, Reserve: 1}); err != nil {
		t.Fatal(err)
	}
	if f.desk, err = casework.OpenDesk(t.Context(), f.archive, f.clock); err != nil {
		t.Fatal(err)
	}
	if f.index, err = index.Open(f.archive, index.Config{Dir: filepath.Join(dir, "index")}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.index.Run(ctx) }()
	server := httptest.NewUnstartedServer(nil)
	f.url = "http://" + server.Listener.Addr().String()
	f.web, err = New(Config{Archive: f.archive, Desk: f.desk, Audit: casework.NewAudit(f.archive, f.clock), Index: f.index, PublicURL: f.url, MailDomain: "journal.example", SMTPListen: "127.0.0.1:2525",
		SessionKey: bytes.Repeat([]byte{7}, 32), SetupToken: "set-up-token", Version: "test", Company: "Northwind Support", Now: f.clock, Import: f.take, Upload: f.upload})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = f.web.Handler()
	server.Start()
	t.Cleanup(func() {
		server.Close()
		stop()
		if err := <-done; err != nil && ctx.Err() == nil {
			t.Error(err)
		}
		f.index.Close()
		f.archive.Close()
	})
	return f
}

func (f *fixture) take(ctx context.Context, src archive.Source, body archive.Body) (archive.Meta, string, error) {
	m, err := f.archive.Append(ctx, archive.Mail, archive.Meta{Kind: archive.KindMessage, Received: f.clock(), Source: src}, body)
	return m, "added", err
}

func (f *fixture) upload(ctx context.Context, m archive.Meta, body archive.Body) (archive.Meta, error) {
	return f.archive.Append(ctx, archive.Files, m, body)
}

// users adds one user of each role, named after it, and guards the fixture's
// set-up link with that.
func (f *fixture) users() {
	f.t.Helper()
	for _, role := range allRoles {
		f.do(casework.AddUser{Name: string(role), FullName: "The " + string(role), Roles: []casework.Role{role}, Password: testPassword()})
	}
}

func (f *fixture) do(c casework.Command) {
	f.t.Helper()
	if _, err := f.desk.Do(f.t.Context(), casework.System, c); err != nil {
		f.t.Fatal(err)
	}
}

// mail appends a message and waits until it is searchable.
func (f *fixture) mail(raw string) archive.Address {
	f.t.Helper()
	return f.mailThrough("postfix", raw)
}

// mailThrough is mail that comes through a queue.
func (f *fixture) mailThrough(queue, raw string) archive.Address {
	f.t.Helper()
	raw = strings.ReplaceAll(raw, "\n", "\r\n")
	m := archive.Meta{Kind: archive.KindMessage, Received: f.clock(), Source: archive.Source{Queue: queue, Format: message.FormatPostfix},
		Envelope: &archive.Envelope{From: "jane@acme.example", To: []string{"postfix-secret@journal.example"}}, Peer: &archive.Peer{IP: "192.0.2.9", Helo: "mx.northwind.example"}}
	m, err := f.archive.Append(f.t.Context(), archive.Mail, m, bytes.NewReader([]byte(raw)))
	if err != nil {
		f.t.Fatal(err)
	}
	if err := f.index.WaitFor(f.t.Context(), m.Address()); err != nil {
		f.t.Fatal(err)
	}
	return m.Address()
}

// letter is a plain message about the second batch.
func letter(n int) string {
	return fmt.Sprintf(`From: Jane Doe <jane@acme.example>
To: Support <support@northwind.example>
Subject: Delivery of the second batch %d
Date: Mon, 2 Nov 2026 09:%02d:00 +0100
Message-ID: <batch-%d@acme.example>

We need the firmware by Friday, batch %d.
If this slips again we will cancel.
`, n, n%60, n, n)
}

// browser is somebody who may be signed in.
type browser struct {
	f      *fixture
	client *http.Client
}

func (f *fixture) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		f.t.Fatal(err)
	}
	return &browser{f, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// as signs a user in.
func (f *fixture) as(user string) *browser {
	f.t.Helper()
	b := f.browser()
	link, err := url.Parse(f.web.SignInLink(user))
	if err != nil {
		f.t.Fatal(err)
	}
	if r := b.post(link.Path, nil); r.code != http.StatusSeeOther {
		f.t.Fatalf("%s could not sign in: %d %s", user, r.code, r.body)
	}
	return b
}

type answer struct {
	code int
	head http.Header
	body string
}

func (b *browser) send(r *http.Request) answer {
	b.f.t.Helper()
	resp, err := b.client.Do(r)
	if err != nil {
		b.f.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		b.f.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(raw)}
}

func (b *browser) request(method, path string, body io.Reader) *http.Request {
	b.f.t.Helper()
	r, err := http.NewRequestWithContext(b.f.t.Context(), method, b.f.url+path, body)
	if err != nil {
		b.f.t.Fatal(err)
	}
	return r
}

func (b *browser) get(path string) answer {
	b.f.t.Helper()
	return b.send(b.request(http.MethodGet, path, nil))
}

func (b *browser) post(path string, form url.Values) answer {
	b.f.t.Helper()
	r := b.request(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.send(r)
}

var sourceForTest = archive.Source{Mailbox: "jane@acme.example", Import: "test.eml"}
