//go:build real

package main

import (
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// A person maps a domain that the list suggests with one click, finds its mail
// and its people, and ends the mapping, on a telephone as on a screen.
func TestACustomerIsMappedAndFound(t *testing.T) {
	s := newAppliance(t, "POLYTRACE_BUCKET_URL=file://"+filepath.Join(t.TempDir(), "bucket"))
	password := s.addUser("kim", "manager")
	s.deliverAll()
	ctx := browser(t)
	kim := newWalker(t, ctx, "http://"+s.http)
	kim.open("/accounts")
	kim.do("sign in", chromedp.WaitVisible("[name=name]"), chromedp.SendKeys("[name=name]", "kim"), chromedp.SendKeys("[name=password]", password), chromedp.Click(".door button"), chromedp.WaitVisible(".rail"))
	kim.says("main", "There is no account yet", "acme.example")
	kim.do("map it", chromedp.Click(`[aria-label="Map acme.example"]`), chromedp.WaitVisible(".case-head"))
	kim.says("main", "Acme", "acme.example is mapped", "Jane Doe", "7 messages", "mapped acme.example, at all times", "Friday has passed")
	kim.do("map an address", chromedp.Click(".actions .pop summary"), chromedp.WaitVisible(".pop [name=identifier]"), chromedp.SendKeys(".pop [name=identifier]", "gmail.com\r"), chromedp.WaitVisible(".error"))
	kim.says(".error", "jane@gmail.com")
	kim.open("/search?q=account:acme")
	kim.says(".list", "Acme")
	for width, what := range map[int64]string{360: "a telephone", 1440: "a screen"} {
		for _, path := range []string{"/accounts", "/accounts/acme", "/search?q=account:acme"} {
			kim.do("look at it on "+what, chromedp.EmulateViewport(width, 900))
			kim.open(path)
			if over, err := chromedp.Run(ctx, chromedp.Evaluate[int]("document.documentElement.scrollWidth - innerWidth")); err != nil || over > 0 {
				t.Errorf("%s is %d pixels too wide on %s: %v", path, over, what, err)
			}
		}
	}
}
