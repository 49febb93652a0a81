package webui

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

// escalation fills a fixture with mail, a case with evidence and a note.
func escalation(f *fixture) (at archive.Address) {
	f.users()
	if _, err := f.desk.Do(f.t.Context(), "manager", casework.SaveSearch{Name: "agent", Query: "firmware", Shared: true, Watch: true}); err != nil {
		f.t.Fatal(err)
	}
	f.do(casework.SetCompany{Own: []string{"northwind.example"}})
	at = f.mail(letter(1))
	f.mail(letter(2))
	f.mail("From: Kim <kim@northwind.example>\nTo: jane@acme.example\nSubject: Re: Delivery of the second batch 1\nDate: Mon, 2 Nov 2026 10:00:00 +0100\nMessage-ID: <r1@northwind.example>\nIn-Reply-To: <batch-1@acme.example>\n\nRoot cause by Friday.\n\nOn Mon, 2 Nov 2026, Jane Doe wrote:\n> We need the firmware by Friday, batch 1.\n")
	f.do(casework.OpenCase{Title: "Second batch delayed", Account: "Acme", Owner: "manager", Severity: 1})
	f.do(casework.OpenAccount{ID: "1", Name: "Acme GmbH"})
	f.do(casework.MapIdentifier{Account: "1", Identifier: "acme.example"})
	w := f.as("manager")
	if r := w.post(recordPath(at)+"/cite", url.Values{"case": {"101"}, "quote": {"firmware by\nFriday"}, "comment": {"their deadline"}}); r.code != http.StatusSeeOther {
		f.t.Fatalf("cite: %d %s", r.code, r.body)
	}
	if r := w.post("/cases/101/notes", url.Values{"text": {"They need the firmware."}, "cite": {"1"}}); r.code != http.StatusSeeOther {
		f.t.Fatalf("note: %d %s", r.code, r.body)
	}
	for _, c := range []casework.Command{
		casework.OpenIssue{Case: 101, Title: "No date for the firmware"},
		casework.StateFact{Case: 101, Text: "They wait since Monday.", Issue: 1, Cites: []int{1}, Accepted: true},
		casework.MakeCommitment{Case: 101, What: "firmware", Due: &casework.When{From: noon, To: noon.AddDate(0, 0, 1), Grain: "day"}, Cites: []int{1}},
		casework.MakeCommitment{Case: 101, What: "a call", Direction: casework.Theirs, Cites: []int{1}},
		casework.SetKeyDate{Case: 101, Label: "Plant starts", When: casework.When{From: noon, To: noon.AddDate(0, 0, 1), Grain: "day"}, Cites: []int{1}},
		casework.OfferHandoff{Case: 101, To: "agent", Fields: saidOf("They wait since Monday"), Pins: []string{"fact-1", "cite-1"}},
		casework.AskQuestion{Case: 101, To: "agent", Text: "Who signed the order?"},
		casework.SetReferences{Rules: casework.ReferenceRules{Systems: []casework.ReferenceSystem{{Name: "Zendesk", Pattern: `ZD-\d+`}}}},
		casework.SetExtract{Extract: casework.Extract{Name: "agent", Label: "Batch", Kind: casework.TextExtract, Pattern: `batch \d+`, Where: []casework.Where{casework.InText}}},
		casework.JudgeExtract{Status: casework.ExtractConfirmed, Account: "1", Hit: casework.Hit{Extract: "agent", Version: 1, Value: "batch 1",
			Place: casework.Place{Record: at, SHA256: f.digest(at), Where: casework.InText, Start: 32, End: 39, Quote: "batch 1", Said: noon}}},
		casework.MakeFeed{Hash: casework.SecretHash("dates")},
	} {
		if _, err := f.desk.Do(f.t.Context(), "manager", c); err != nil {
			f.t.Fatal(err)
		}
	}
	return at
}

// saidOf fills what an offer has to say.
func saidOf(situation string) map[string]string {
	return map[string]string{"situation": situation, "next-step": "Send the firmware", "customer-expects": "unknown"}
}

// Every page renders, says what it is about, and sends nobody elsewhere.
func TestPagesShowWhatTheyPromise(t *testing.T) {
	f := newFixture(t)
	at := escalation(f)
	f.do(casework.AddQueue{Name: "postfix", Local: "postfix-7f3k2", Format: "postfix"})
	manager, admin := f.as("manager"), f.as("admin")
	for _, c := range []struct {
		who   *browser
		path  string
		wants []string
	}{
		{manager, "/", []string{"Your cases", "Second batch delayed", "Latest mail", "Delivery of the second batch 2"}},
		{manager, "/search?q=firmware", []string{"<b>3</b> results", "<mark>firmware</mark>", "complete to"}},
		{manager, "/search?q=firmware&open=" + at.String(), []string{"Jane Doe", "If this slips again", "Add to case"}},
		{manager, "/search?q=nothingofthekind", []string{"Nothing matches", "Every message that came in was searched"}},
		{manager, recordPath(at), []string{"SHA-256", "seen once", "named in the header", "C-101", "192.0.2.9", "in clear"}},
		{manager, recordPath(at) + "/source", []string{"Message-ID: &lt;batch-1@acme.example&gt;"}},
		{manager, "/thread/mail-0", []string{"2 messages, oldest first", "Root cause by Friday", "··· "}},
		{manager, "/cases", []string{"C-101", "Second batch delayed", "The manager"}},
		{manager, "/cases/101", []string{"Second batch delayed", "firmware by Friday", "their deadline", "They need the firmware.", "Timeline", "Latest customer update", "Our last answer"}},
		{manager, "/cases/101/mail", []string{"Mail of the case", "Delivery of the second batch 1", "1 cited", "Put aside"}},
		{manager, "/cases/101/risk", []string{"Risk:", "messages that you may read", "Set the level"}},
		{manager, "/escalations", []string{"Needs review", "No signal waits"}},
		{manager, "/riskrules", []string{"A promise of ours is past its time", "What would change?"}},
		{manager, "/rules", []string{"No rule yet", "Contract as PDF", "It is off", "postfix"}},
		{manager, "/rules/new?like=contract-pdf", []string{"A new rule", "contract, renewal, vertrag", "What would be otherwise?"}},
		{manager, "/rules/why?record=mail/0", []string{"It was not routed", "it would come to", "C-101", "There was no rule"}},
		{manager, "/cases/101/timeline", []string{"Root cause by Friday", "opened the case", "ledger/"}},
		{manager, "/cases/101/handoffs/1", []string{"Read me first", "They wait since Monday", "firmware by Friday", "Gaps (", "as it was offered", "Not answered yet", "Withdraw the offer", "The manager"}},
		{manager, "/handoffs/fields", []string{"Customer expects", "required"}},
		{manager, "/cases/101?source=1", []string{`<mark id="quote" tabindex="-1">firmware by Friday</mark>`}},
		{manager, "/cases/101/share", []string{"Opens until the end of", "2026-11-17", "firmware by Friday"}},
		{manager, "/shares", []string{"Nothing is shared"}},
		{manager, "/status", []string{"received", "in the bucket", "searchable", "unreadable"}},
		{manager, "/help", []string{"from:acme.example", "How long mail is kept", "Holds", "Erasure", "polytrace verify acme.zip", "polytrace verify --from"}},
		{manager, "/alerts", []string{"No new alert", "How you are told"}},
		{manager, "/alerts/settings", []string{"No mail leaves this server", "You are named in a note", "Dates of your cases"}},
		{manager, "/calendar/dates.ics", []string{"BEGIN:VCALENDAR", "SUMMARY:Plant starts\\, C-101"}},
		{manager, "/account", []string{"The manager", "New password again"}},
		{admin, "/queues", []string{"postfix-7f3k2@journal.example", "127.0.0.1:2525"}},
		{admin, "/users", []string{"The observer", "active"}},
		{admin, "/tokens", []string{"No program has access"}},
		{manager, "/cases/101/clocks", []string{"Nothing is promised to customers yet"}},
		{admin, "/policies", []string{"Nothing is promised yet", "office-hours", "standard-support", "Add a policy"}},
		{admin, "/calendars", []string{"There is no calendar yet", "Add a calendar", "2026-12-25 Christmas Day"}},
		{admin, "/status", []string{"No gateway runs", "postfix"}},
	} {
		r := c.who.get(c.path)
		if r.code != http.StatusOK {
			t.Errorf("%s: %d %s", c.path, r.code, r.body)
		}
		for _, want := range c.wants {
			if !strings.Contains(r.body, want) {
				t.Errorf("%s does not say %q", c.path, want)
			}
		}
		if strings.Contains(r.body, "<no value>") || strings.Contains(r.body, "ZgotmplZ") {
			t.Errorf("%s has a hole", c.path)
		}
	}
}

// A link that carries a query leads to that query, whatever characters it has.
func TestLinksKeepTheirQuery(t *testing.T) {
	const query = `"a/b c" OR d+e OR f&g OR "100% é"`
	f := newFixture(t)
	f.users()
	f.do(casework.OpenCase{Title: "Odd name", Account: query, Owner: "manager", Severity: 1})
	f.do(casework.PlaceHold{Name: "odd", Query: query, Standing: true, Reason: "test"})
	for _, c := range []struct {
		who, path string
		links     int
	}{
		{"manager", "/search?" + url.Values{"q": {query}}.Encode(), 3},
		{"manager", "/cases/101", 1},
		{"compliance", "/retention", 1},
	} {
		r := f.as(c.who).get(c.path)
		links := regexp.MustCompile(`href="(/search\?q=[^"]+)"`).FindAllStringSubmatch(r.body, -1)
		if len(links) != c.links {
			t.Errorf("%s has %d links, want %d", c.path, len(links), c.links)
		}
		for _, l := range links {
			to, err := url.Parse(html.UnescapeString(l[1]))
			if err != nil || to.Query().Get("q") != query {
				t.Errorf("%s: %s leads to %q (%v)", c.path, l[1], to.Query().Get("q"), err)
			}
		}
	}
}

// Addresses go on in a new line at their parts only, are copied as they are, and
// bring no markup in.
func TestAddressesBreakBetweenWords(t *testing.T) {
	f := newFixture(t)
	at := escalation(f)
	r := f.as("manager").get(recordPath(at))
	if want := "&lt;jane@<wbr>acme.<wbr>example&gt;"; !strings.Contains(r.body, want) {
		t.Errorf("the message does not say %s", want)
	}
	const hostile = `"<b>.&"@x.example`
	got := string(breakable(hostile))
	if strings.Contains(got, "<b>") || html.UnescapeString(strings.ReplaceAll(got, "<wbr>", "")) != hostile {
		t.Errorf("%q became %q", hostile, got)
	}
}

// On a telephone a table is without its head: what a number counts stands
// beside it.
func TestNumbersOfStackedTablesAreNamed(t *testing.T) {
	for _, name := range []string{"page-retention.html", "page-status.html"} {
		raw, err := files.ReadFile("templates/" + name)
		if err != nil {
			t.Fatal(err)
		}
		tables := strings.Split(string(raw), `<table class="table stack">`)[1:]
		for _, table := range tables {
			body, _, _ := strings.Cut(table, "</table>")
			if name == "page-retention.html" && strings.Contains(body, "Packs in the order") {
				continue // Its only number is a size, with its unit.
			}
			if strings.Contains(body, `<td class="num">`) {
				t.Errorf("%s: a number without data-label in %s", name, body[:min(len(body), 120)])
			}
		}
		if len(tables) == 0 {
			t.Errorf("%s has no table that stacks", name)
		}
	}
}

// A query that cannot be read is shown with a mark at the place.
func TestSyntaxErrorPointsAtThePlace(t *testing.T) {
	f := newFixture(t)
	f.users()
	r := f.as("agent").get("/search?q=" + url.QueryEscape("firmware (battery <script>"))
	if r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, `<span>firmware </span><span class="place">(battery &lt;script&gt;</span>`) {
		t.Errorf("%d %s", r.code, r.body)
	}
}

// The case page says what changed when somebody else was faster.
func TestStaleChangeIsRefused(t *testing.T) {
	f := newFixture(t)
	escalation(f)
	var c casework.Case
	f.desk.Read(func(s *casework.State) { c, _ = s.Case(101) })
	first := url.Values{"title": {c.Title}, "account": {"Acme"}, "status": {"open"}, "severity": {"1"}, "revision": {number(c.Revision)}}
	a, b := f.as("agent"), f.as("specialist")
	if r := a.post("/cases/101", first); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	first.Set("status", "closed")
	if r := b.post("/cases/101", first); r.code != http.StatusConflict || !strings.Contains(r.body, "The agent") {
		t.Errorf("%d %s", r.code, r.body)
	}
}

// Words that are not in the message cannot be cited, and what was typed is
// not lost.
func TestQuoteThatIsNotThereIsRefused(t *testing.T) {
	f := newFixture(t)
	at := escalation(f)
	r := f.as("agent").post(recordPath(at)+"/cite", url.Values{"case": {"101"}, "quote": {"words nobody wrote"}, "comment": {"my comment"}})
	if r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, "words nobody wrote</textarea>") || !strings.Contains(r.body, "my comment") {
		t.Errorf("%d", r.code)
	}
}

// A share shows its declared members and nothing else, until it is revoked or
// runs out; then it looks like a link that never was.
func TestShareShowsItsMembersOnly(t *testing.T) {
	f := newFixture(t)
	at := escalation(f)
	w := f.as("manager")
	whole := w.post("/cases/101/share", url.Values{"title": {"For Acme"}, "until": {"2026-11-05"}, "cite": {"1"}, "do": {"create"}})
	link := between(whole.body, `data-copy="`, `"`)
	if whole.code != http.StatusOK || !strings.Contains(link, "/s/") {
		t.Fatalf("%d %s", whole.code, whole.body)
	}
	path := strings.TrimPrefix(link, f.url)
	guest := f.browser()
	r := guest.get(path)
	for _, want := range []string{"For Acme", "Northwind Support", "Shared by The manager", "firmware by Friday", "SHA-256"} {
		if r.code != http.StatusOK || !strings.Contains(r.body, want) {
			t.Errorf("guest sees no %q: %d", want, r.code)
		}
	}
	for _, secret := range []string{"their deadline", "If this slips", "They need the firmware", "C-101", "support@northwind", "Sign", "<script"} {
		if strings.Contains(r.body, secret) {
			t.Errorf("guest sees %q", secret)
		}
	}
	if r.head.Get("Cache-Control") != "no-store" || r.head.Get("Referrer-Policy") != "no-referrer" || !strings.Contains(r.head.Get("X-Robots-Tag"), "noindex") {
		t.Errorf("headers %v", r.head)
	}
	// Who follows a link gets nowhere else with it.
	for _, other := range f.web.routes() {
		method, pattern, _ := strings.Cut(other.pattern, " ")
		if other.need == open || method != http.MethodGet {
			continue
		}
		if got := guest.get(fill(pattern, at)); got.code != http.StatusSeeOther || !strings.HasPrefix(got.head.Get("Location"), "/sign-in") {
			t.Errorf("guest gets %d from %s", got.code, pattern)
		}
	}
	never := guest.get("/s/" + casework.NewSecret())
	f.later(4 * 24 * time.Hour)
	if out := guest.get(path); out.code != http.StatusNotFound || strings.ReplaceAll(out.body, path, "") != strings.ReplaceAll(never.body, "", "") {
		t.Errorf("a link that ran out answers %d, and unlike one that never was", out.code)
	}
	f.later(-4 * 24 * time.Hour)
	if r := w.post("/cases/101/shares/1/revoke", nil); r.code != http.StatusSeeOther {
		t.Fatalf("revoke: %d", r.code)
	}
	if out := guest.get(path); out.code != http.StatusNotFound || out.body != never.body {
		t.Errorf("a revoked link answers %d, and unlike one that never was", out.code)
	}
}

func between(s, before, after string) string {
	_, rest, _ := strings.Cut(s, before)
	found, _, _ := strings.Cut(rest, after)
	return found
}

// fill puts what exists into the pattern of a route.
func fill(pattern string, at archive.Address) string {
	return strings.NewReplacer("{$}", "", "{stream}", string(at.Stream), "{position}", number(at.Position), "{number}", "101", "{id}", "1", "{part}", "0",
		"{owner}", "manager", "{name}", "agent", "{token}", "x", "{secret}", "x", "{citation}", "1", "{decision}", "1", "{mapping}", "1", "{file}", "dates.ics").Replace(pattern)
}

// Two versions of a message with one Message-ID are both there; the second
// does not fill the conversation again.
func TestVariantsAreFolded(t *testing.T) {
	f := newFixture(t)
	f.users()
	first := f.mail(letter(1))
	second := f.mail(strings.Replace(letter(1), "cancel.", "cancel, really.", 1))
	r := f.as("agent").get("/thread/mail-0")
	if !strings.Contains(r.body, second.String()+": the same Message-ID as "+first.String()) || !strings.Contains(r.body, "cancel, really.") || strings.Count(r.body, `<details class="variant">`) != 1 {
		t.Errorf("%s", r.body)
	}
}
