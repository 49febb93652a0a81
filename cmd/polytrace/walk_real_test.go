//go:build real

package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/smtp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// browser starts Chromium; the test fails when there is none.
func browser(t *testing.T, more ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.Flag("no-sandbox", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.WindowSize(1440, 900))
	options = append(options, more...)
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx
}

// walker is somebody in front of a browser.
type walker struct {
	t    *testing.T
	ctx  context.Context
	base string
}

// newWalker opens a tab. The first use of a context starts its browser, which
// lives as long, so that is without a limit of time.
func newWalker(t *testing.T, ctx context.Context, base string) walker {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	return walker{t, ctx, base}
}

// do carries out steps, each of them within half a minute.
func (w walker) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	for i, step := range steps {
		ctx, cancel := context.WithTimeout(w.ctx, 30*time.Second)
		err := chromedp.Do(ctx, step)
		cancel()
		if err != nil {
			page, _ := chromedp.Run(w.ctx, chromedp.Text("body"))
			w.t.Fatalf("%s, step %d: %v\nthe page says:\n%s", what, i, err, page)
		}
	}
}

func (w walker) open(path string) { w.do("open "+path, chromedp.Navigate(w.base+path)) }

func (w walker) text(selector string) string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, 30*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Text(selector))
	if err != nil {
		w.t.Fatalf("text of %s: %v", selector, err)
	}
	return text
}

// says waits until a part of the page says all of the words.
func (w walker) says(selector string, wants ...string) {
	w.t.Helper()
	script := fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector)
	var text, missing string
	waitUntil(func(string, ...any) {
		w.t.Fatalf("%s does not say %q:\n%s", selector, missing, text)
	}, selector, func() bool {
		var err error
		if text, err = chromedp.Run(w.ctx, chromedp.Evaluate[string](script)); err != nil {
			return false // The page is being replaced.
		}
		i := slices.IndexFunc(wants, func(want string) bool { return !strings.Contains(text, want) })
		if i >= 0 {
			missing = wants[i]
		}
		return i < 0
	})
}

// letters is mail of a small escalation.
var letters = []string{
	"From: Jane Doe <jane@acme.example>\r\nTo: support@northwind.example\r\nSubject: Second batch\r\nDate: Mon, 2 Nov 2026 09:00:00 +0000\r\nMessage-ID: <a1@acme.example>\r\n\r\nThe second batch has not come.\r\nWhen do we get the firmware for the controllers?\r\n",
	"From: Kim Berg <kim@northwind.example>\r\nTo: jane@acme.example\r\nSubject: Re: Second batch\r\nDate: Mon, 2 Nov 2026 10:00:00 +0000\r\nMessage-ID: <a2@northwind.example>\r\nIn-Reply-To: <a1@acme.example>\r\n\r\nWe send the root cause by Friday at the latest.\r\n\r\nOn Mon, 2 Nov 2026, Jane Doe wrote:\r\n> The second batch has not come.\r\n> When do we get the firmware for the controllers?\r\n",
	"From: Jane Doe <jane@acme.example>\r\nTo: support@northwind.example\r\nSubject: Re: Second batch\r\nDate: Mon, 9 Nov 2026 09:00:00 +0000\r\nMessage-ID: <a3@acme.example>\r\nIn-Reply-To: <a2@northwind.example>\r\n\r\nFriday has passed and there is no root cause. This is <script>alert(1)</script> not acceptable.\r\n",
	"From: jane@acme.example\r\nSubject: no id at all, first\r\n\r\nfirst\r\n",
	"From: jane@acme.example\r\nSubject: no id at all, second\r\n\r\nsecond\r\n",
	"From: jane@acme.example\r\nSubject: same id\r\nMessage-ID: <same@acme.example>\r\n\r\nthese bytes\r\n",
	"From: jane@acme.example\r\nSubject: same id\r\nMessage-ID: <same@acme.example>\r\n\r\nother bytes\r\n",
}

// deliverAll sends the letters and waits until they are searchable.
func (s *appliance) deliverAll() {
	s.t.Helper()
	for _, raw := range letters {
		s.deliver(raw)
	}
	waitUntil(s.t.Fatalf, "the index", func() bool {
		return strings.Contains(s.run("status", "--json"), fmt.Sprintf(`"indexed":%d`, len(letters)))
	})
}

// deliver sends a message over SMTP with STARTTLS.
func (s *appliance) deliver(raw string) {
	s.t.Helper()
	c, err := smtp.Dial(*s.smtp.Load())
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	err = c.StartTLS(&tls.Config{InsecureSkipVerify: true}) // The certificate is self-signed.
	if err = errors.Join(err, c.Mail("sender@contoso.example"), c.Rcpt(s.queue)); err != nil {
		s.t.Fatal(err)
	}
	w, err := c.Data()
	if err != nil {
		s.t.Fatal(err)
	}
	_, err = io.WriteString(w, raw)
	if err := errors.Join(err, w.Close()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *appliance) addUser(name string, roles ...string) (password string) {
	s.t.Helper()
	password = "a password for the test"
	file := filepath.Join(s.t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(password), 0o600); err != nil {
		s.t.Fatal(err)
	}
	fullName := "Kim Berg"
	if name == "lee" {
		fullName = "Lee Park"
	}
	args := []string{"user", "add", name, "--full-name", fullName, "--password-file", file}
	for _, r := range roles {
		args = append(args, "--role", r)
	}
	s.run(args...)
	return password
}

// A case is handed over with the keyboard and accepted promise by promise in another browser, and a question is answered inside of it.
func TestHandOverAndAccept(t *testing.T) {
	t.Parallel()
	s := newAppliance(t, "POLYTRACE_BUCKET_URL=file://"+filepath.Join(t.TempDir(), "bucket"))
	password := s.addUser("kim", "specialist")
	s.addUser("lee", "agent")
	s.deliverAll()
	base := "http://" + s.http
	signIn := func(name, path string) walker {
		w := newWalker(t, browser(t), base)
		w.open(path)
		w.do(name+" signs in", chromedp.WaitVisible("[name=name]"), chromedp.SendKeys("[name=name]", name), chromedp.SendKeys("[name=password]", password), chromedp.Click(".door button"), chromedp.WaitVisible(".rail"))
		return w
	}
	kim := signIn("kim", "/record/mail/1")
	kim.do("keep a promise in a new case",
		chromedp.Evaluate[chromedp.Void](`(() => { const text = document.querySelector(".zone.author .text").firstChild, at = text.data.indexOf("root cause by Friday"); document.getSelection().setBaseAndExtent(text, at, text, at + 20); })()`),
		chromedp.KeyEvent("m"), chromedp.WaitVisible(".cite [name=case]"), chromedp.SetValue(".cite [name=case]", "new"), chromedp.SetValue(".cite [name=title]", "Second batch is late"), chromedp.Click(".cite .primary"), chromedp.WaitVisible("#promise-1"))
	kim.do("press h and offer it to lee", chromedp.KeyEvent("h"), chromedp.WaitVisible("#handover-to"), chromedp.SetValue("#handover-to", "lee"), chromedp.SendKeys("[name=field-situation]", "They wait since Monday."),
		chromedp.SendKeys("[name=field-next-step]", "Send the root cause."), chromedp.SendKeys("[name=field-customer-expects]", "unknown"), chromedp.Click("[name=pin][value=promise-1]"), chromedp.Click("#handover .primary"), chromedp.WaitVisible("#package"))
	kim.says(".case-head", "Kim Berg offered the case to Lee Park", "Owner Kim Berg")
	kim.says("#first", "They wait since Monday.", "root cause by Friday")

	lee := signIn("lee", "/")
	lee.says(".waiting", "Kim Berg offers you C-101 Second batch is late")
	lee.do("open the offer and ask", chromedp.Click(".waiting a"), chromedp.WaitVisible("#answer"), chromedp.Click("#questions > details summary"), chromedp.SendKeys("#questions > details [name=text]", "Which root cause?"), chromedp.Click("#questions > details .primary"), chromedp.WaitVisible("#question-1"))
	kim.open("/cases/101#question-1")
	kim.do("answer with a source", chromedp.WaitVisible("#question-1 [name=text]"), chromedp.SendKeys("#question-1 [name=text]", "Of the restarts."), chromedp.Click("#question-1 [name=cite]"), chromedp.Click("#question-1 .primary"), chromedp.WaitVisible("#fact-1"))
	kim.says("#facts", "Of the restarts.", "accepted")
	lee.open("/cases/101/handoffs/1")
	lee.says("#since", "which is a fact now")
	lee.do("accept", chromedp.WaitVisible("#answer"), chromedp.Click("[name=do-1][value=take]"), chromedp.Click("#answer .primary"), chromedp.WaitNotPresent("#answer"))
	lee.says(".case-head", "Accepted", "Owner Lee Park")
	kim.open("/cases/101")
	kim.says(".case-head", "Owner Lee Park")
	kim.says("#promises", "ours: Lee Park")
}

// A person searches, reads, adds quoted words to a case and shares it; a guest
// in another browser sees it, until it is revoked.
func TestFromSearchToShareAndBack(t *testing.T) {
	s := newAppliance(t, "POLYTRACE_BUCKET_URL=file://"+filepath.Join(t.TempDir(), "bucket"))
	password := s.addUser("kim", "manager")
	s.deliverAll()
	base := "http://" + s.http
	ctx := browser(t)
	kim := newWalker(t, ctx, base)

	kim.open("/search?q=firmware")
	kim.do("sign in", chromedp.WaitVisible("[name=name]"), chromedp.SendKeys("[name=name]", "kim"), chromedp.SendKeys("[name=password]", password), chromedp.Click(".door button"), chromedp.WaitVisible(".rail"))
	kim.says(".summary", "2 results")
	kim.do("search", chromedp.KeyEvent("/"), chromedp.SendKeys("#q", "\"root cause\" from:kim\r"))
	kim.says(".summary", "1 result ·")
	kim.says(".list", "Re: Second batch", "root cause")
	kim.do("open the result", chromedp.KeyEvent("j"), chromedp.KeyEvent("o"), chromedp.WaitVisible(".split-read .message"))
	kim.says(".split-read", "We send the root cause by Friday", "··· 3 lines")
	kim.do("open the conversation", chromedp.Click(".split-read h2 a"), chromedp.WaitVisible(".reading .message"))
	kim.says(".reading", "3 messages", "The second batch has not come", "Friday has passed", "<script>alert(1)</script>")

	kim.do("open the message", chromedp.Click(`.message[data-record="mail/1"] .message-foot a`), chromedp.WaitVisible(".about"))
	kim.says(".about", "mail/1", "TLS 1.3", "a2@northwind.example")
	kim.do("select words and add them to a case",
		chromedp.Evaluate[chromedp.Void](`(() => { const text = document.querySelector(".zone.author .text").firstChild, at = text.data.indexOf("root cause by Friday"); document.getSelection().setBaseAndExtent(text, at, text, at + 20); })()`),
		chromedp.KeyEvent("c"), chromedp.WaitVisible(".cite [name=case]"), chromedp.SetValue(".cite [name=case]", "new"), chromedp.SetValue(".cite [name=title]", "Second batch is late"),
		chromedp.SendKeys(".cite [name=comment]", "our promise, for us only"), chromedp.Click(".cite .primary"), chromedp.WaitVisible(".case-head"))
	kim.says(".case-head", "C-101", "Second batch is late", "Kim Berg")
	kim.says("#evidence", "root cause by Friday", "our promise", "Re: Second batch")
	kim.do("write a note", chromedp.SendKeys(".note-form textarea", "We promised a date."), chromedp.Click(".note-form [name=cite]"), chromedp.Click(".note-form .primary"), chromedp.WaitVisible(".note"))
	kim.says("#brief", "We promised a date.")
	kim.do("open the source at the words", chromedp.Click("#evidence .chip"), chromedp.WaitVisible("#source mark#quote"))
	if got := kim.text("#source mark#quote"); got != "root cause by Friday" {
		t.Errorf("the source is marked at %q", got)
	}

	kim.open("/record/mail/1")
	kim.do("select words and press m: they are a promise",
		chromedp.Evaluate[chromedp.Void](`(() => { const text = document.querySelector(".zone.author .text").firstChild, at = text.data.indexOf("root cause by Friday"); document.getSelection().setBaseAndExtent(text, at, text, at + 20); })()`),
		chromedp.KeyEvent("m"), chromedp.WaitVisible(".cite [name=case]"), chromedp.SetValue(".cite [name=case]", "101"), chromedp.SetValue(".cite [name=due]", "2026-11-06"), chromedp.Click(".cite .primary"), chromedp.WaitVisible("#promise-1"))
	kim.says("#promises", "Overdue", "root cause by Friday", "ours: Kim Berg", "due 6 Nov 2026")
	kim.do("say how it ended", chromedp.Click("#promise-1 details summary"), chromedp.SetValue("#promise-1 [name=how]", "missed"), chromedp.Click("#promise-1 details[open] .primary"), chromedp.WaitVisible("#promise-1 [action$=reopen]"))
	kim.says("#promise-1", "Missed")
	kim.do("go to the promises", chromedp.KeyEvent("gp"), chromedp.WaitVisible(".tabs"))
	kim.says("main", "Nothing is promised")

	kim.open("/cases/101/share")
	kim.do("preview", chromedp.Click(`button[value=preview]`), chromedp.WaitVisible(".preview .shared"))
	kim.says(".preview", "root cause by Friday")
	kim.do("share", chromedp.Click(`button[value=create]`), chromedp.WaitVisible("[data-secret]"))
	link, err := chromedp.Run(ctx, chromedp.Value("[data-secret]"))
	if err != nil || !strings.HasPrefix(link, base+"/s/") {
		t.Fatalf("link %q: %v", link, err)
	}

	other, cancel := chromedp.NewContext(ctx, chromedp.WithNewBrowserContext())
	defer cancel()
	guest := newWalker(t, other, base)
	guest.open(strings.TrimPrefix(link, base))
	guest.says("body", "Second batch is late", "Shared by Kim Berg until", "root cause by Friday", "SHA-256")
	for _, secret := range []string{"our promise", "by Friday at the latest", "C-101", "We promised a date", "Sign"} {
		if strings.Contains(guest.text("body"), secret) {
			t.Errorf("the guest sees %q", secret)
		}
	}
	guest.open("/cases/101")
	guest.says("body", "Sign in")

	kim.open("/cases/101/timeline?kind=share")
	kim.says(".timeline", "guest")
	kim.open("/cases/101")
	kim.do("revoke", chromedp.Click("#shares button"), chromedp.WaitVisible(".flash"))
	kim.says("#shares", "revoked")
	guest.open(strings.TrimPrefix(link, base))
	guest.says("body", "There is nothing here")
	if strings.Contains(guest.text("body"), "root cause") {
		t.Error("the guest still sees the words")
	}
}

// Without the index, and on a new machine with nothing but the bucket, the
// same questions have the same answers, and cases, users and links are there.
func TestTheSameAnswersFromTheArchiveAlone(t *testing.T) {
	bucket := "file://" + filepath.Join(t.TempDir(), "bucket")
	s := newAppliance(t, "POLYTRACE_BUCKET_URL="+bucket, "POLYTRACE_ARCHIVE_PACK_AGE=200ms")
	password := s.addUser("kim", "manager", "admin")
	s.deliverAll()
	token := strings.TrimSpace(s.run("token", "create", "test", "--role", "manager"))
	api := apiCaller{s, token}
	api.post("/cases", `{"title":"Second batch is late","account":"Acme","severity":1,"owner":"kim"}`)
	api.post("/cases/101/citations", `{"record":"mail/1","quote":"root cause by Friday"}`)
	api.post("/cases/101/notes", `{"text":"We promised a date.","cites":[1]}`)
	shared := api.post("/cases/101/shares", `{"title":"For Acme","citations":[1]}`)
	link := strings.TrimPrefix(shared["url"].(string), "http://"+s.http)
	s.stop() // What is open is looked at for risk from each start on, so that nothing of it comes to be known between the answers.
	s.start()
	s.caughtUp()
	waitUntil(t.Fatalf, "the risk", func() bool { return strings.Contains(api.send("GET", "/api/v1/cases/101", ""), "risk.changed") })
	want := s.answers(api, link)
	for _, part := range []string{"Second batch", "no id at all, first", "no id at all, second", "these bytes", "other bytes", "For Acme", "Second batch is late"} {
		if !strings.Contains(want, part) {
			t.Errorf("the answers lack %q:\n%s", part, want)
		}
	}

	waitUntil(t.Fatalf, "the bucket", func() bool {
		out := s.run("status", "--json")
		return int(inBucket(t, out)) == len(letters) && !strings.Contains(out, `"oldest_waiting"`)
	})
	s.stop()
	if err := os.RemoveAll(filepath.Join(s.dir, "index")); err != nil {
		t.Fatal(err)
	}
	s.start()
	s.caughtUp()
	if got := s.answers(api, link); got != want {
		t.Errorf("without its index:\n%s\nbefore:\n%s", got, want)
	}

	s.stop()
	s.dir = filepath.Join(t.TempDir(), "new machine")
	s.run("restore", "--from", bucket)
	s.start()
	s.caughtUp()
	if got := s.answers(api, link); got != want {
		t.Errorf("restored:\n%s\nbefore:\n%s", got, want)
	}
	ctx := browser(t)
	kim := newWalker(t, ctx, "http://"+s.http)
	kim.open("/cases/101")
	kim.do("sign in", chromedp.WaitVisible("[name=name]"), chromedp.SendKeys("[name=name]", "kim"), chromedp.SendKeys("[name=password]", password), chromedp.Click(".door button"), chromedp.WaitVisible(".case-head"))
	kim.says("#evidence", "root cause by Friday")
	s.deliver(letters[0] + "The restored queue takes mail.\r\n")
}

// apiCaller is a program with a token.
type apiCaller struct {
	*appliance
	token string
}

func (a apiCaller) send(method, path, body string) string {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), method, "http://"+a.http+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+a.token)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		a.t.Fatalf("%s %s: %s %s %v", method, path, resp.Status, raw, err)
	}
	return string(raw)
}

func (a apiCaller) post(path, body string) (answer map[string]any) {
	a.t.Helper()
	if err := json.Unmarshal([]byte(a.send(http.MethodPost, "/api/v1"+path, body)), &answer); err != nil {
		a.t.Fatal(err)
	}
	return answer
}

// answers asks a fixed list of questions. The guest looks first: that is
// noted in the case's log.
func (s *appliance) answers(api apiCaller, link string) string {
	s.t.Helper()
	all := "guest: " + api.send(http.MethodGet, link, "") + "\n"
	for _, query := range []string{"", "firmware", "\"root cause\"", "from:kim", "to:support subject:second", "firm*", "before:2026-11-03", "after:2026-11-05", "case:101", "firmware OR first -kim", "id:same@acme.example", "kind:message has:attachment"} {
		all += query + ": " + s.run("search", query, "--json")
	}
	return all + api.send(http.MethodGet, "/api/v1/cases/101", "") + s.run("user", "list") + s.run("queue", "list") + s.run("token", "list")
}

// caughtUp waits until the index has everything.
func (s *appliance) caughtUp() {
	s.t.Helper()
	waitUntil(s.t.Fatalf, "the index", func() bool {
		return strings.Contains(s.run("status", "--json"), `"lag":0,`)
	})
}
