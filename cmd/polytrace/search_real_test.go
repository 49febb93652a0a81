//go:build real

package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// searched is an appliance with mail of three months, and somebody who may read it.
func searched(t *testing.T) (s *appliance, password string) {
	s = newAppliance(t, "POLYTRACE_BUCKET_URL=file://"+filepath.Join(t.TempDir(), "bucket"))
	password = s.addUser("kim", "agent")
	raws := letters
	for i := range 30 {
		who := []string{"Jane Doe <jane@acme.example>", "Frida Holm <frida@fabrikam.example>", "Bob <bob@contoso.example>"}[i%3]
		day := time.Date(2026, 8, 3+3*i, 9, 0, 0, 0, time.UTC)
		raws = append(raws, fmt.Sprintf("From: %s\r\nTo: support@northwind.example\r\nSubject: Controllers, report %d\r\nDate: %s\r\nMessage-ID: <c%d@acme.example>\r\n\r\nThe controllers of line %d run the old firmware.\r\n",
			who, i, day.Format(time.RFC1123Z), i, i))
	}
	for _, raw := range raws {
		s.deliver(raw)
	}
	waitUntil(t.Fatalf, "the index", func() bool {
		return strings.Contains(s.run("status", "--json"), fmt.Sprintf(`"indexed":%d`, len(raws)))
	})
	return s, password
}

func (w walker) signIn(name, password string) {
	w.t.Helper()
	w.do("sign in", chromedp.WaitVisible("[name=name]"), chromedp.SendKeys("[name=name]", name), chromedp.SendKeys("[name=password]", password+"\r"), chromedp.WaitVisible(".rail"))
}

// holds waits until an expression is true on the page.
func (w walker) holds(what, expression string) {
	w.t.Helper()
	waitUntil(func(string, ...any) { w.t.Fatalf("it never holds that %s:\n%s", what, w.text("body")) }, what, func() bool {
		yes, err := chromedp.Run(w.ctx, chromedp.Evaluate[bool](expression))
		return err == nil && yes
	})
}

// press is a key that the page takes. A key event of the driver would also type it, which
// a keyboard does not then.
func (w walker) press(key string) {
	w.t.Helper()
	w.holds("the page takes "+key, fmt.Sprintf(`!document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: %q, bubbles: true, cancelable: true }))`, key))
}

// scripted waits until the scripts of the page have run.
func (w walker) scripted() {
	w.t.Helper()
	w.holds("the scripts have run", `document.readyState === "complete" && document.querySelector("#q[role=combobox]") !== null`)
}

// A person searches with the keyboard alone: takes suggestions, narrows the results by a menu and by
// a bar, goes through the list, opens a message and takes a condition out.
func TestSearchWithTheKeyboardAlone(t *testing.T) {
	s, password := searched(t)
	kim := newWalker(t, browser(t), "http://"+s.http)
	kim.open("/search")
	kim.signIn("kim", password)
	kim.scripted()

	kim.press("/")
	kim.holds("the box has the focus", `document.activeElement.id === "q"`)
	kim.do("begin an operator", chromedp.KeyEvent("fro"))
	kim.holds("the list is open", `document.querySelector("#q[role=combobox][aria-expanded=true]") && document.querySelectorAll("#suggestions [role=option]").length > 0`)
	kim.do("go to the first suggestion", chromedp.KeyEvent(kb.ArrowDown))
	kim.holds("it is active", `document.getElementById(document.getElementById("q").getAttribute("aria-activedescendant"))?.getAttribute("aria-selected") === "true"`)
	kim.press("Enter")
	kim.holds("the operator stands in the box", `document.getElementById("q").value === "from:" && location.search === ""`)
	kim.says("#suggestions", "jane@acme.example", "frida@fabrikam.example")
	kim.do("close the list", chromedp.KeyEvent(kb.Escape))
	kim.holds("it is closed and the text stays", `document.querySelector("#q[aria-expanded=false]").value === "from:" && document.activeElement.id === "q"`)
	kim.do("begin a name", chromedp.KeyEvent("hol"))
	kim.holds("the list is open again", `document.querySelector("#q[aria-expanded=true]") && document.querySelectorAll("#suggestions [role=option]").length === 1`)
	kim.says("#suggestions", "frida@fabrikam.example", "Frida Holm", "10")
	kim.do("go to her", chromedp.KeyEvent(kb.ArrowDown))
	kim.holds("she is active", `document.getElementById("q").getAttribute("aria-activedescendant") === "suggestion-0"`)
	kim.press("Tab")
	kim.holds("she stands in the box", `document.getElementById("q").value === "from:frida@fabrikam.example " && document.activeElement.id === "q"`)
	kim.do("search", chromedp.KeyEvent(kb.Enter))
	kim.says(".summary", "10 results")
	kim.says(".filters", "from:frida@fabrikam.example")

	kim.do("open the menu of months", chromedp.Evaluate[chromedp.Void](`[...document.querySelectorAll(".facet summary")].find((s) => s.textContent === "Month").focus()`), chromedp.KeyEvent(kb.Enter))
	kim.says(".facet[open]", "October 2026", "September 2026", "August 2026")
	kim.do("choose the second", chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
	kim.says(".filters", "from:frida@fabrikam.example", "date:2026-09")
	kim.says(".summary", "4 results")
	kim.scripted()
	kim.do("go to a bar", chromedp.Evaluate[chromedp.Void](`document.querySelector("[data-chart] a:not([tabindex='-1'])").focus()`), chromedp.KeyEvent(kb.Home))
	kim.holds("the bar says what it counts", `document.activeElement.getAttribute("aria-label") === "Wed 2 Sep 2026: 1 hit"`)
	kim.do("open it", chromedp.KeyEvent(kb.Enter))
	kim.says(".summary", "1 result ·")
	kim.holds("the shorter time is asked for", `document.getElementById("q").value === "from:frida@fabrikam.example date:2026-09-02"`)

	kim.do("take the time out", chromedp.Evaluate[chromedp.Void](`document.querySelectorAll(".filter")[1].focus()`), chromedp.KeyEvent(kb.Enter))
	kim.says(".summary", "10 results")
	kim.scripted()
	kim.do("go through the list", chromedp.KeyEvent("jj"), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowUp), chromedp.KeyEvent("k"))
	kim.holds("the first is reached", `document.activeElement === document.querySelector(".row-link")`)
	kim.do("open it", chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible(".split-read .message"))
	kim.says(".split-read", "run the old firmware", "Frida Holm")
	kim.holds("the list stays beside it", `document.querySelector(".row.is-open") && document.querySelector(".split-list").getBoundingClientRect().right <= document.querySelector(".split-read").getBoundingClientRect().left`)
}

// Without scripts the same page does the same through links.
func TestSearchWithoutScripts(t *testing.T) {
	s, password := searched(t)
	kim := newWalker(t, browser(t, chromedp.Flag("blink-settings", "scriptEnabled=false")), "http://"+s.http)
	kim.open("/search?q=firmwear")
	kim.signIn("kim", password)
	kim.says(".instead", "Did you mean", "firmware", "32 results")
	kim.holds("there are no scripts", `!document.getElementById("q").hasAttribute("role")`)
	kim.do("take what was meant", chromedp.Click(".instead a"))
	kim.says(".summary", "32 results")
	kim.do("open a menu and choose", chromedp.Click(".facet summary"), chromedp.Click(`.facet[open] a[title="from:jane@acme.example"]`))
	kim.says(".filters", "from:jane@acme.example")
	kim.says(".summary", "11 results")
	kim.do("choose a bar", chromedp.Click("[data-chart] a"))
	kim.says(".filters", "date:2026-08-03..2026-08-09")
	kim.says(".summary", "1 result ·")
	kim.do("open the hit", chromedp.Click(".row-link"), chromedp.WaitVisible(".split-read .message"))
	kim.do("close it and take a condition out", chromedp.Click(".split-close a"), chromedp.Click(".filter"))
	kim.says(".summary", "3 results")
	kim.open("/search?q=form:jane")
	kim.says(".syntax", "There is no operator form:", "Did you mean", "from:jane")
	kim.do("take what was meant", chromedp.Click(".instead a"))
	kim.says(".summary", "results")
}
