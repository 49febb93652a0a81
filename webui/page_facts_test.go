package webui

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"polytrace/casework"
)

func TestESC16_EveryFactOpensItsHighlightedWords(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	escalation(f)
	w := f.as("manager")
	other := f.mail(letter(9))
	if r := w.post(recordPath(other)+"/cite", url.Values{"case": {"101"}, "quote": {"slips again we will cancel"}}); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	f.do(casework.OpenIssue{Case: 101, Title: "They may leave"})
	f.do(casework.StateFact{Case: 101, Text: "They would cancel.", Issue: 2, Cites: []int{2, 1}, Accepted: true})
	f.do(casework.StateFact{Case: 101, Text: "Perhaps the cable.", Issue: 2})
	agent := f.as("agent")
	page := agent.get("/cases/101/facts")
	if page.code != http.StatusOK {
		t.Fatalf("%d %s", page.code, page.body)
	}
	if i, j := strings.Index(page.body, "No date for the firmware"), strings.Index(page.body, "They may leave"); i < 0 || j < i || strings.Index(page.body, "They would cancel.") < j {
		t.Error("facts do not stand under their issues")
	}
	links := regexp.MustCompile(`href="(/cases/101/facts\?at=(\d+)#source)"`).FindAllStringSubmatch(page.body, -1)
	if len(links) < 3 {
		t.Fatalf("%d sources are linked: %s", len(links), page.body)
	}
	var c casework.Case
	f.desk.Read(func(s *casework.State) { c, _ = s.Case(101) })
	marked := regexp.MustCompile(`(?s)<mark[^>]*>(.*?)</mark>`)
	for _, l := range links {
		want := c.Citations[number0(l[2])-1].Quote
		opened := agent.get(l[1])
		mark := marked.FindStringSubmatch(opened.body)
		if opened.code != http.StatusOK || mark == nil || mark[1] != want || !strings.Contains(opened.body, `class="split-read" id="source"`) {
			t.Errorf("%s opens %q, want %q", l[1], mark, want)
		}
	}
}
