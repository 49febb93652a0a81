package webui

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"polytrace/casework"
)

// letters fills a fixture with mail of three people in two months.
func (f *fixture) letters() {
	f.t.Helper()
	f.users()
	f.mail(letter(1))
	f.mail(letter(2))
	f.mail("From: Kim <kim@northwind.example>\nTo: jane@acme.example\nSubject: Re: Delivery of the second batch 1\nDate: Thu, 1 Oct 2026 10:00:00 +0000\nMessage-ID: <r1@northwind.example>\n\nRoot cause by Friday. https://northwind.example/x\n")
}

var links = regexp.MustCompile(`href="(/search\?[^"]+)"([^>]*)>`)

// leads follows each link of a part of a page and returns the queries with how many hits they have.
func (b *browser) leads(part string) map[string]string {
	b.f.t.Helper()
	found := map[string]string{}
	for _, l := range links.FindAllStringSubmatch(part, -1) {
		to, err := url.Parse(html.UnescapeString(l[1]))
		if err != nil {
			b.f.t.Fatal(err)
		}
		r := b.get(to.String())
		if r.code != http.StatusOK {
			b.f.t.Errorf("%s: %d", to, r.code)
		}
		found[to.Query().Get("q")] = between(r.body, "<b>", "</b> result")
	}
	return found
}

// Each value of a menu and each bar says how many hits its link leads to; conditions
// of the query are chips that take them out. The order stays.
func TestMenusAndBarsLeadToWhatTheyCount(t *testing.T) {
	f := newFixture(t)
	f.letters()
	b := f.as("agent")
	page := b.get("/search?sort=oldest&q=" + url.QueryEscape("friday OR cause")).body
	for _, want := range []string{
		`aria-label="Mon 2 Nov 2026: 2 hits"`, `aria-label="Thu 1 Oct 2026: 1 hit"`,
		`<span class="facet-what">Jane Doe</span> <span class="facet-n">2<`, `<span class="facet-what">Kim</span> <span class="facet-n">1<`,
		`<span class="facet-what">October 2026</span>`, `<span class="facet-what">a link</span> <span class="facet-n">1<`, `<span class="facet-what">postfix</span> <span class="facet-n">3<`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("it does not say %s", want)
		}
	}
	narrowed := between(page, "data-chart", `<ul class="list"`)
	if strings.Count(narrowed, "sort=oldest") != strings.Count(narrowed, "href=") {
		t.Error("the order is lost")
	}
	got := b.leads(narrowed)
	for query, want := range map[string]string{
		"(friday OR cause) from:jane@acme.example": "2", "(friday OR cause) from:kim@northwind.example": "1", "(friday OR cause) date:2026-10": "1", "(friday OR cause) date:2026-11": "2",
		"(friday OR cause) queue:postfix": "3", "(friday OR cause) has:link": "1", "(friday OR cause) date:2026-11-02": "2", "(friday OR cause) date:2026-10-01": "1",
	} {
		if got[query] != want {
			t.Errorf("%s leads to %q, want %s", query, got[query], want)
		}
		delete(got, query)
	}
	if len(got) > 0 {
		t.Errorf("more links: %v", got)
	}
	page = b.get("/search?q=" + url.QueryEscape("friday from:jane@acme.example -has:link")).body
	if got := b.leads(between(page, `<ul class="filters"`, "</ul>")); len(got) != 2 || got["friday -has:link"] != "2" || got["friday from:jane@acme.example"] != "2" {
		t.Errorf("chips lead to %v", got)
	}
	if !strings.Contains(page, `title="from:jane@acme.example" aria-current="true"`) {
		t.Error("the menu does not say what is chosen")
	}
}

// A query that cannot be read, or finds little, tells what else finds something.
func TestPageTellsWhatMayBeMeant(t *testing.T) {
	f := newFixture(t)
	f.letters()
	b := f.as("agent")
	for query, want := range map[string]string{
		"form:jane":                "Did you mean: from:jane 2",
		"firmwear":                 "Did you mean: firmware 2",
		"(firmware":                "Did you mean: (firmware) 2",
		"(firmware) from:<nobody>": "without from:<nobody>: (firmware) 2",
		"friday has:link":          "without has:link: friday 3",
		"firmware":                 "without",
	} {
		page := b.get("/search?q=" + url.QueryEscape(query)).body
		list := between(page, `<ul class="instead"`, "</ul>")
		text := html.UnescapeString(strings.Join(strings.Fields(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(list, " ")), " "))
		if query == "firmware" {
			if strings.Contains(text, "without") {
				t.Errorf("%s: %s", query, text)
			}
			continue
		}
		if !strings.Contains(text, want+" result") || strings.Contains(list, "<nobody>") {
			t.Errorf("%s: %q, want %q", query, text, want)
		}
	}
}

// Suggestions are for those who may read, by session and by token, and the cursor is counted in characters.
func TestSuggestionsOfTheAPI(t *testing.T) {
	f := newFixture(t)
	f.letters()
	ask := func(r answer) (out suggestOut) {
		if r.code != http.StatusOK || json.Unmarshal([]byte(r.body), &out) != nil {
			t.Fatalf("%d %s", r.code, r.body)
		}
		return out
	}
	got := ask(f.as("agent").get("/api/v1/suggest?at=13&q=" + url.QueryEscape("Grüße from:ja firmware")))
	if len(got.Items) != 1 || got.Items[0] != (suggestionOut{"person", "jane@acme.example", "Jane Doe", 2, "Grüße from:jane@acme.example firmware", 28}) {
		t.Errorf("%+v", got)
	}
	if got := ask(f.program(casework.Observer).ask("GET", "/suggest?q=has:", nil)); len(got.Items) != 1 || got.Items[0].Query != "has:link " {
		t.Errorf("%+v", got)
	}
	if r := f.as("admin").get("/api/v1/suggest?q=ja"); r.code != http.StatusForbidden {
		t.Errorf("who may not read gets %d %s", r.code, r.body)
	}
	if r := f.browser().get("/api/v1/suggest?q=ja"); r.code != http.StatusUnauthorized {
		t.Errorf("who is not signed in gets %d", r.code)
	}
	f.do(casework.AddQueue{Name: "postfix", Local: "postfix-7f3k2", QueueTerms: casework.QueueTerms{Readers: []string{"compliance"}}})
	for _, query := range []string{"from:ja", "firmw", "queue:", "has:"} {
		if got := ask(f.as("agent").get("/api/v1/suggest?q=" + query)); len(got.Items) > 0 {
			t.Errorf("%s tells others of %+v", query, got.Items)
		}
	}
	page := f.as("agent").get("/search?q=firmwear").body
	if strings.Contains(page, "firmware") || strings.Contains(page, "jane@") {
		t.Error("the page tells others of it")
	}
	if r := f.program(casework.Manager).ask("GET", "/search?q=firmware&facets=true", nil); strings.Contains(r.body, "jane") {
		t.Errorf("facets tell others of it: %s", r.body)
	}
	if r := f.program(casework.Compliance).ask("GET", "/search?q=firmware&facets=true", nil); !strings.Contains(r.body, `{"name":"person","values":[{"value":"jane@acme.example","name":"Jane Doe","count":2,"query":"from:jane@acme.example"}]}`) {
		t.Errorf("its reader is told %s", r.body)
	}
}
