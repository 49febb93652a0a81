package webui

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/index"
)

// showing names the pages and operations that show a manager words of the mail
// at an address or its subject.
func (f *fixture) showing(at archive.Address) map[string]bool {
	asks, shows := map[string]need{}, map[string]bool{}
	for _, r := range f.web.routes() {
		asks[r.pattern] = r.need
	}
	for name, a := range f.web.newAPI().asks {
		asks[name] = a.need
	}
	see := func(name string, do func() answer) {
		if callerWith(asks[name]) != casework.Manager {
			return
		}
		if got := do(); strings.Contains(got.body, words) || strings.Contains(got.body, "Delivery of the") {
			shows[name] = true
		}
	}
	f.visits(at, see)
	f.calls(at, see)
	return shows
}

// The mail of a queue that names its readers is shown to these alone, on every
// page and by every operation, and its words are not in the cases that cite it.
func TestInvariant14_MailOfAQueueIsShownToItsReadersAlone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	at := escalation(f)
	if err := f.archive.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	open := f.showing(at)
	if len(open) < 15 {
		t.Fatalf("only %v show mail", slices.Sorted(maps.Keys(open)))
	}
	readers := func(who ...string) {
		q, err := f.web.queueNamed("postfix")
		if err != nil {
			t.Fatal(err)
		}
		q.Readers = who
		f.do(casework.ChangeQueue{Name: q.Name, Format: q.Format, Sources: q.Sources, Class: q.Class, QueueTerms: q.QueueTerms})
	}
	readers("agent")
	if got := f.showing(at); len(got) > 0 {
		t.Errorf("to others it is shown by %v", slices.Sorted(maps.Keys(got)))
	}
	p := f.program(casework.Observer)
	for path, want := range map[string]int{"/records/" + at.String(): 404, "/records/" + at.String() + "/raw": 404, "/records/" + at.String() + "/proof": 404, "/threads/mail-0": 404, "/search?q=firmware": 200} {
		if got := p.ask(http.MethodGet, path, nil); got.code != want || want == 200 && !strings.Contains(got.body, `"total":0`) {
			t.Errorf("%s: %d %s", path, got.code, got.body)
		}
	}
	if got := p.ask(http.MethodGet, "/export?q=firmware&format=mbox", nil); got.code != http.StatusOK || strings.Contains(got.body, words) {
		t.Errorf("it is exported: %d %s", got.code, got.body)
	}
	w := index.Within{Withheld: []string{"postfix"}}
	next := archive.Address{Stream: archive.Mail, Position: f.archive.Next(archive.Mail)}
	if unseen, err := f.index.Within(w).Unseen(t.Context(), next); err != nil || len(unseen) != 1 {
		t.Errorf("what is not indexed yet is seen: %v", err)
	}
	if r := f.as("agent").get("/search?q=firmware"); !strings.Contains(r.body, "<b>3</b> results") {
		t.Error("its reader does not find it")
	}
	readers("role:manager")
	for name := range f.showing(at) {
		delete(open, name)
	}
	for _, once := range []string{"post-cases-number-citations", "post-cases-number-timeline-pins", "post-cases-number-files", "post-cases-number-handoffs", "post-cases-number-handoffs-id-withdraw", "post-cases-number-questions-id-answer", "post-cases-number-reviews", "post-cases-number-reviews-id-decide"} {
		delete(open, once) // Made before, and not made twice.
	}
	if len(open) > 0 {
		t.Errorf("a reader by role is not shown it by %v", slices.Sorted(maps.Keys(open)))
	}
}

// Nobody shares with outsiders what he may not read himself; a link that another
// made shows to everyone what it shows to guests.
func TestOnlyReadersShareTheMailOfAQueue(t *testing.T) {
	f := newFixture(t)
	escalation(f)
	f.do(casework.AddUser{Name: "kim", FullName: "Kim", Roles: []casework.Role{casework.Manager}, Password: testPassword()})
	f.do(casework.AddQueue{Name: "postfix", Local: "postfix-7f3k2", QueueTerms: casework.QueueTerms{Readers: []string{"kim"}}})
	form := url.Values{"title": {"x"}, "until": {"2026-11-05"}, "cite": {"1"}, "whole": {"1"}, "do": {"create"}}
	link := regexp.MustCompile(`/s/[A-Z2-7]{26}`)
	if r := f.as("manager").post("/cases/101/share", form); r.code != http.StatusUnprocessableEntity || link.MatchString(r.body) || !strings.Contains(r.body, "is for others to read") {
		t.Errorf("who may not read it shares it: %d %s", r.code, r.body)
	}
	if r := f.program(casework.Manager).ask("POST", "/cases/101/shares", map[string]any{"title": "x", "citations": []int{1}}); r.code != http.StatusUnprocessableEntity {
		t.Errorf("the API shares it: %d %s", r.code, r.body)
	}
	made := f.as("kim").post("/cases/101/share", form)
	path := link.FindString(made.body)
	if made.code != http.StatusOK || path == "" {
		t.Fatalf("its reader cannot share it: %d %s", made.code, made.body)
	}
	for name, b := range map[string]*browser{"a guest": f.browser(), "a manager": f.as("manager")} {
		if r := b.get(path); r.code != http.StatusOK || !strings.Contains(r.body, words) || !strings.Contains(r.body, "If this slips again") {
			t.Errorf("to %s the link shows %d %s", name, r.code, r.body)
		}
	}
}
