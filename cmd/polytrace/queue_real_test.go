//go:build real

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"polytrace/webui"

	"github.com/chromedp/chromedp"
)

// complaints collects what a browser says is wrong with the pages it shows.
func complaints(t *testing.T, ctx context.Context) (sofar func() []string) {
	t.Helper()
	var mu sync.Mutex
	var list []string
	go func() {
		for m, err := range chromedp.Console(ctx) {
			if err != nil {
				return
			}
			if m.Type == chromedp.ConsoleError || m.Type == chromedp.ConsoleWarning || m.IsException() {
				mu.Lock()
				list = append(list, m.String())
				mu.Unlock()
			}
		}
	}()
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), list...)
	}
}

// An administrator opens a queue, begins a test, and sees the message that comes
// without doing anything more, and what was not let in; not what it says.
func TestAdministratorSetsAQueueUpAndTestsIt(t *testing.T) {
	s := newAppliance(t)
	password := s.addUser("ada", "admin")
	ctx := browser(t)
	ada := newWalker(t, ctx, "http://"+s.http)
	wrong := complaints(t, ctx)

	ada.open("/queues/load")
	ada.do("sign in", chromedp.WaitVisible("[name=name]"), chromedp.SendKeys("[name=name]", "ada"), chromedp.SendKeys("[name=password]", password), chromedp.Click(".door button"), chromedp.WaitVisible("#test"))
	ada.says("main", "Where to send to", s.queue, "Nothing was refused")
	ada.says("#card-plain", "swaks --server", s.queue, "What it cannot capture", "When a copy is not taken")
	for width, what := range map[int64]string{360: "a telephone", 1440: "a screen"} {
		ada.do("look at it on "+what, chromedp.EmulateViewport(width, 900))
		if over, err := chromedp.Run(ctx, chromedp.Evaluate[int]("document.documentElement.scrollWidth - innerWidth")); err != nil || over > 0 {
			t.Errorf("on %s the page is %d pixels too wide: %v", what, over, err)
		}
	}
	ada.do("open the card of Postfix", chromedp.Click("#card-postfix summary"))
	ada.says("#card-postfix", "recipient_bcc_maps", "Add another queue, with the format Postfix")

	ada.do("begin a test", chromedp.Click("#test button"), chromedp.WaitVisible("[data-says]"))
	ada.says("#test", "Waiting for a message to "+s.queue)
	s.refuseOne()
	ada.says("#test", "1 attempt was not let in", "There is no queue with the address")
	s.deliver(letters[0])
	ada.says("#test", "A message came and is kept", "A plain copy", "TLS 1.3", "support@northwind.example", "named in the header", "a1@acme.example", "Not let in since the test began")
	s.deliver(letters[0] + "It has another footer.\r\n")
	ada.says("#test", "with 1 further copy", "other bytes with the same Message-ID, kept beside it")
	if text := ada.text("#test"); strings.Contains(text, "Second batch") || strings.Contains(text, "firmware") {
		t.Errorf("an administrator reads mail:\n%s", text)
	}
	if role, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.querySelector("[data-says]").getAttribute("role")`)); err != nil || role != "status" {
		t.Errorf("what came is not announced: role %q, %v", role, err)
	}
	if got := wrong(); len(got) > 0 {
		t.Errorf("the browser complains: %q", got)
	}
	if out := s.run("audit", "--type", "message.read"); !strings.Contains(out, "ada") || !strings.Contains(out, "(test)") {
		t.Errorf("who looked is not noted:\n%s", out)
	}
}

// refuseOne sends to an address that is not there.
func (s *appliance) refuseOne() {
	s.t.Helper()
	c, err := textproto.Dial("tcp", *s.smtp.Load())
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	for _, step := range []struct {
		say  string
		code int
	}{{"", 220}, {"EHLO client.example", 250}, {"MAIL FROM:<>", 250}, {"RCPT TO:<nobody@journal.example>", 450}} {
		if step.say != "" {
			if err := c.PrintfLine("%s", step.say); err != nil {
				s.t.Fatal(err)
			}
		}
		if _, _, err := c.ReadResponse(step.code); err != nil {
			s.t.Fatal(err)
		}
	}
}

// The maps that the Postfix card prints do in Postfix what the card says.
func TestPostfixTakesItsCard(t *testing.T) {
	s := newAppliance(t)
	address := strings.TrimSpace(s.run("queue", "add", "support", "--format", "postfix"))
	token := strings.TrimSpace(s.run("token", "create", "test", "--role", "admin"))
	var setup struct{ Cards []webui.SetupCard }
	if err := json.Unmarshal([]byte((apiCaller{s, token}).send("GET", "/api/v1/queues/support/setup?for=postfix", "")), &setup); err != nil || len(setup.Cards) != 1 {
		t.Fatalf("%+v %v", setup, err)
	}
	local, domain, _ := strings.Cut(address, "@")
	dir := t.TempDir()
	steps := setup.Cards[0].Steps
	for i, name := range []string{"to", "from", "main.cf"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(steps[i].Code+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	query := func(table, key string) string {
		out, _ := exec.Command("/usr/sbin/postmap", "-c", dir, "-q", key, table).Output() // It fails where nothing is found.
		return strings.TrimSpace(string(out))
	}
	for key, want := range map[string]string{
		"bob@contoso.example":       local + "+to=bob=contoso.example@" + domain,
		"o'brien+x@acme.example":    local + "+to=o'brien+x=acme.example@" + domain,
		address:                     "",
		local + "+to=a=b@" + domain: "",
	} {
		if got := query("regexp:"+filepath.Join(dir, "to"), key); got != want {
			t.Errorf("the copy for %s goes to %q, want %q", key, got, want)
		}
	}
	if got := query("regexp:"+filepath.Join(dir, "from"), "kim@contoso.example"); got != local+"+from=kim=contoso.example@"+domain {
		t.Errorf("the sender's copy goes to %q", got)
	}
	if got := query("regexp:"+filepath.Join(dir, "from"), "kim@contoso-example"); got != "" {
		t.Errorf("a foreign sender's copy goes to %q", got)
	}
	transport, err := exec.Command("/usr/sbin/postconf", "-c", dir, "-h", "transport_maps").Output()
	if err != nil {
		t.Fatal(err)
	}
	host, _, _ := strings.Cut(domain, "\n")
	if got := query(strings.TrimSpace(string(transport)), domain); !strings.HasPrefix(got, fmt.Sprintf("smtp:[%s]:", host)) {
		t.Errorf("copies travel by %q", got)
	}
}
