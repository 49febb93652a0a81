//go:build real

package main

import (
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"polytrace/internal/casegen"
)

// world sends the mail of a made-up company over SMTP, and waits until it is searchable.
func (s *appliance) world(messages int) *casegen.World {
	s.t.Helper()
	w, sent := casegen.New(7, casegen.Options{Messages: messages, Months: 6}), 0
	for m := range w.Messages() {
		s.deliver(string(m.Raw))
		sent++
	}
	waitUntil(s.t.Fatalf, "the index", func() bool {
		return strings.Contains(s.run("status", "--json"), fmt.Sprintf(`"indexed":%d`, sent))
	})
	return w
}

// count counts what a selector finds.
func (w walker) count(selector string) int {
	w.t.Helper()
	n, err := chromedp.Run(w.ctx, chromedp.Evaluate[int](fmt.Sprintf("document.querySelectorAll(%q).length", selector)))
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// words are the first words of a text, as a page shows them.
func firstWords(text string, n int) string {
	all := strings.Fields(text)
	return strings.Join(all[:min(n, len(all))], " ")
}

// Story A: of 180 messages that came by SMTP an escalation becomes a case by one of its messages. Its brief fits a screen, each
// line of it has a source that opens, what the customer wrote last is what he wrote last, and the appliance says by itself that
// the case is at risk. Nobody forwards anything.
func TestStoryA_EscalationFromTheRecord(t *testing.T) {
	t.Parallel()
	s := newAppliance(t, "POLYTRACE_BUCKET_URL=file://"+filepath.Join(t.TempDir(), "bucket"))
	password := s.addUser("kim", "manager", "admin")
	world := s.world(180)
	e := world.Truth.Escalations[0]
	last := e.Steps[len(e.Steps)-1].Message
	i := slices.IndexFunc(world.Truth.Threads, func(x *casegen.Thread) bool { return slices.Contains(x.Messages, last) })
	thread := world.Truth.Threads[i]

	kim := newWalker(t, browser(t), "http://"+s.http)
	kim.open("/queues")
	kim.signIn("kim", password)
	kim.do("say which domain is ours", chromedp.SetValue("[name=own]", "northwind.example"), chromedp.Click("form[action='/company'] button"), chromedp.WaitVisible(".flash"))
	kim.open("/search?q=" + url.QueryEscape("id:"+last))
	kim.says(".summary", "1 result")
	kim.do("open its conversation", chromedp.Click(".list .row-link"), chromedp.WaitVisible(".message-foot"), chromedp.Click(".message-foot a[href^='/thread/']"), chromedp.WaitVisible("form[action$='/link']"))
	kim.do("make it a case", chromedp.Evaluate[chromedp.Void](`document.querySelector("form[action$='/link']").closest("details").open = true`), chromedp.SetValue("form[action$='/link'] [name=case]", "new"),
		chromedp.SetValue("form[action$='/link'] [name=title]", "It goes wrong"), chromedp.Click("form[action$='/link'] .primary"), chromedp.WaitVisible("#conversations"))
	kim.says(".case-head", fmt.Sprintf("%d messages in 1 conversation", len(thread.Messages)))

	kim.open("/cases/101")
	kim.says("#brief", "Latest customer update", firstWords(thread.Words, 6))
	lines, cited := kim.count("#brief .statements > li"), kim.count("#brief .statements > li:has(.chip)")
	if lines == 0 || lines > 60 || cited != lines {
		t.Errorf("the brief has %d lines, %d of them with a source", lines, cited)
	}
	hrefs, err := chromedp.Run(kim.ctx, chromedp.Evaluate[[]string](`[...document.querySelectorAll("#brief .chip")].map(a => a.getAttribute("href"))`))
	if err != nil || len(hrefs) == 0 {
		t.Fatalf("sources: %v (%v)", hrefs, err)
	}
	for _, href := range slices.Compact(hrefs) {
		kim.open(href)
		kim.says("h1", "")
		if text := kim.text("main"); strings.Contains(text, "Not found") || !strings.Contains(text, "It goes wrong") && !strings.Contains(text, "SHA-256") {
			t.Errorf("the source %s opens nothing:\n%.300s", href, text)
		}
	}
	kim.open("/cases/101/timeline?kind=inbound")
	if n := kim.count(".timeline li"); n == 0 || n >= len(thread.Messages) {
		t.Errorf("%d messages of the customer, of %d in all", n, len(thread.Messages))
	}
	kim.open("/cases/101/risk")
	kim.says("#changes", "→")
	waitUntil(t.Fatalf, "the appliance to note how the risk was", func() bool {
		kim.open("/cases/101/timeline?kind=risk")
		return kim.count(".timeline li") > 0 || strings.Contains(kim.text("main"), "Nothing of that kind")
	})
}

// Story D: who leaves hands the case over; the successor accepts its promises, and finds from the record alone what the leaver
// knew, by ten questions: words in attached files, and what was promised. The leaver can do nothing any more, and the case has kept its history.
func TestStoryD_SuccessorAnswersFromTheRecord(t *testing.T) {
	t.Parallel()
	s := newAppliance(t, "POLYTRACE_BUCKET_URL=file://"+filepath.Join(t.TempDir(), "bucket"))
	password := s.addUser("kim", "specialist")
	s.addUser("lee", "manager", "admin")
	world := s.world(120)
	promised := world.Truth.Commitments[slices.IndexFunc(world.Truth.Commitments, func(c *casegen.Commitment) bool { return c.Ours && !strings.Contains(c.Quote, "\n") })]

	base := "http://" + s.http
	kim, lee := newWalker(t, browser(t), base), newWalker(t, browser(t), base)
	kim.open("/search?q=" + url.QueryEscape("id:"+promised.Message))
	kim.signIn("kim", password)
	kim.do("open the promise", chromedp.Click(".list .row-link"), chromedp.WaitVisible(".cite summary"))
	quote, err := chromedp.Run(kim.ctx, chromedp.Evaluate[string](fmt.Sprintf(`(() => { const text = [...document.querySelectorAll(".zone.author .text")].flatMap(e => [...e.childNodes]).find(n => n.data && n.data.includes(%[1]q)); if (!text) return ""; const at = text.data.indexOf(%[1]q); document.getSelection().setBaseAndExtent(text, at, text, at + %[1]q.length); return String(document.getSelection()) })()`, promised.Quote)))
	if err != nil || quote == "" {
		t.Fatalf("the words %q are not on the page: %v", promised.Quote, err)
	}
	kim.do("keep the promise in a new case", chromedp.KeyEvent("m"), chromedp.WaitVisible(".cite [name=case]"), chromedp.SetValue(".cite [name=case]", "new"), chromedp.SetValue(".cite [name=title]", "What kim promised"), chromedp.Click(".cite .primary"), chromedp.WaitVisible("#promise-1"))
	kim.do("offer it to lee", chromedp.KeyEvent("h"), chromedp.WaitVisible("#handover-to"), chromedp.SetValue("#handover-to", "lee"), chromedp.SendKeys("[name=field-situation]", "I leave."),
		chromedp.SendKeys("[name=field-next-step]", "Keep the promise."), chromedp.SendKeys("[name=field-customer-expects]", "unknown"), chromedp.Click("#handover .primary"), chromedp.WaitVisible("#package"))

	lee.open("/")
	lee.signIn("lee", password)
	lee.do("accept", chromedp.Click(".waiting a"), chromedp.WaitVisible("#answer"), chromedp.Click("[name=do-1][value=take]"), chromedp.Click("#answer .primary"), chromedp.WaitNotPresent("#answer"))
	s.run("user", "disable", "kim")
	kim.open("/cases/101")
	kim.says("body", "Sign in")

	lee.open("/cases/101")
	lee.says(".case-head", "Owner Lee Park")
	lee.says("#brief", "Open promises", firstWords(promised.Quote, 5))
	lee.says("#promises", "ours: Lee Park")
	lee.open("/cases/101/timeline?kind=decisions")
	lee.says(".timeline", "Kim Berg offered the case to Lee Park", "Lee Park accepted")
	var questions []string // Which message has these words: in a file of any kind, or in a promise.
	for _, n := range world.Truth.Needles {
		questions = append(questions, n.Word)
	}
	for _, c := range world.Truth.Commitments {
		if len(questions) < 10 && c.Ours {
			questions = append(questions, fmt.Sprintf("%q id:%s", firstWords(c.Quote, 6), c.Message))
		}
	}
	if len(questions) < 10 {
		t.Fatalf("only %d questions", len(questions))
	}
	for _, q := range questions {
		lee.open("/search?q=" + url.QueryEscape(q))
		lee.says(".summary", "1 result")
	}
}
