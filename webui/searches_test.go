package webui

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"polytrace/casework"
)

// A search is saved on the page of its results, counted and told where it is watched, and
// marked as seen up to what was shown and no further.
func TestWatchedSearchTellsWhatIsNew(t *testing.T) {
	f := newFixture(t)
	f.users()
	b, other := f.as("agent"), f.as("manager")
	if r := b.get("/search?q=firmware"); !strings.Contains(r.body, "Save this search") {
		t.Error("the page of results has no form")
	}
	if r := b.post("/searches", url.Values{"name": {"batches"}, "query": {"firmware after:7d"}, "watch": {"1"}, "shared": {"1"}}); r.code != http.StatusSeeOther || r.head.Get("Location") != "/searches/agent/batches" {
		t.Fatalf("save: %d %s", r.code, r.body)
	}
	f.later(time.Minute)
	f.mail(letter(1))
	page := b.get("/searches/agent/batches")
	if !strings.Contains(page.body, "<b>1</b> message new to you") || !strings.Contains(page.body, "Delivery of the second batch 1") || !strings.Contains(page.body, `title="1 new message in watched searches"`) {
		t.Errorf("the page says %s", page.body)
	}
	f.mail(letter(2)) // While the page is looked at.
	marks := url.Values{}
	for _, m := range regexp.MustCompile(`name="upto" value="([^"]*)"`).FindAllStringSubmatch(page.body, -1) {
		marks.Add("upto", m[1])
	}
	if r := b.post("/searches/agent/batches/seen", marks); r.code != http.StatusSeeOther {
		t.Fatalf("seen: %d %s", r.code, r.body)
	}
	page = b.get("/searches/agent/batches")
	if !strings.Contains(page.body, "<b>1</b> message new to you") || strings.Contains(page.body, "batch 1<") || !strings.Contains(page.body, "second batch 2") {
		t.Errorf("after it was marked as seen: %s", page.body)
	}
	if r := other.get("/searches"); !strings.Contains(r.body, "2 new") || strings.Contains(r.body, "/searches/agent/batches/remove") {
		t.Errorf("another sees %s", r.body)
	}
	if r := other.get("/search?q=saved:batches+subject:1"); !strings.Contains(r.body, "<b>1</b> result") {
		t.Errorf("saved: in a query: %s", r.body)
	}
	if r := other.post("/searches/agent/batches/remove", nil); r.code != http.StatusConflict {
		t.Errorf("another removes it: %d", r.code)
	}
	if r := b.post("/searches/agent/batches/remove", nil); r.code != http.StatusSeeOther || strings.Contains(b.get("/searches").body, "batches<") {
		t.Errorf("its owner removes it: %d", r.code)
	}
}

// What is new in the mail of a queue that others alone read is not told, counted or badged.
func TestNewsOfAWithheldQueueIsNotTold(t *testing.T) {
	f := newFixture(t)
	f.users()
	f.do(casework.AddQueue{Name: "postfix", Local: "postfix-7f3k2", QueueTerms: casework.QueueTerms{Readers: []string{"manager"}}})
	if r := f.as("manager").post("/searches", url.Values{"name": {"batches"}, "query": {"firmware"}, "watch": {"1"}, "shared": {"1"}}); r.code != http.StatusSeeOther {
		t.Fatalf("save: %d %s", r.code, r.body)
	}
	f.later(time.Minute)
	f.mail(letter(1))
	for user, want := range map[string]bool{"manager": true, "agent": false} {
		b := f.as(user)
		for path, text := range map[string]string{"/searches": "1 new", "/searches/manager/batches": "second batch 1", "/status": "1 new message in watched searches"} {
			if r := b.get(path); r.code != http.StatusOK || strings.Contains(r.body, text) != want {
				t.Errorf("%s sees on %s %q: %v, want %v", user, path, text, !want, want)
			}
		}
	}
	if r := f.program(casework.Observer).ask("GET", "/searches/manager/batches/new", nil); r.code != http.StatusOK || !strings.Contains(r.body, `"total":0`) {
		t.Errorf("the API tells %d %s", r.code, r.body)
	}
}

// A search that is another's alone is not there for anybody else, on no page.
func TestOwnSearchesAreNotShown(t *testing.T) {
	f := newFixture(t)
	f.users()
	b, other := f.as("agent"), f.as("manager")
	if r := b.post("/searches", url.Values{"name": {"mine"}, "query": {"firmware"}, "watch": {"1"}}); r.code != http.StatusSeeOther {
		t.Fatalf("save: %d %s", r.code, r.body)
	}
	for path, want := range map[string]int{"/searches/agent/mine": 404, "/search?q=saved:mine": 422, "/searches": 200} {
		if r := other.get(path); r.code != want || strings.Contains(r.body, "firmware") {
			t.Errorf("%s: %d %s", path, r.code, r.body)
		}
	}
	for name, form := range map[string]url.Values{
		"a query that cannot be read":       {"name": {"x"}, "query": {"(a"}},
		"a shared one that names one's own": {"name": {"x"}, "query": {"saved:mine"}, "shared": {"1"}},
		"one that uses itself":              {"name": {"mine"}, "query": {"saved:mine"}},
		"one that cannot be watched":        {"name": {"x"}, "query": {"case:1 after:7d"}, "watch": {"1"}},
	} {
		if r := b.post("/searches", form); r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, `role="alert"`) {
			t.Errorf("%s: %d", name, r.code)
		}
	}
}
