package webui

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/index"

	"github.com/danielgtaylor/huma/v2"
)

// words stand in a message of escalation, and in what a case cites of it.
const words = "irmware by"

// silentOnes show nothing of a message to those who may read, hold or audit.
// Think again before you add one.
var silentOnes = []string{
	"GET /cases", "POST /cases", "GET /work", "POST /work/bulk", "POST /work/bulk/{id}/undo", "GET /work/health", "get-work", "get-work-health", "get-work-bulk", "post-work-bulk", "post-work-bulk-id-undo", "POST /teams", "POST /teams/{name}/remove", "put-teams-name", "delete-teams-name",
	"POST /cases/{number}/citations/{id}/withdraw", "POST /record/{stream}/{position}/link", "GET /shares", "POST /cases/{number}/shares/{id}/revoke",
	"GET /retention", "POST /retention/classes/{class}", "POST /retention/holds/{name}/release", "POST /retention/erasures",
	"POST /retention/erasures/{id}/approve", "POST /retention/erasures/{id}/refuse", "POST /retention/policy", "POST /thread/decisions/{decision}/undo",

	"GET /searches", "POST /searches", "POST /searches/{owner}/{name}/seen", "POST /searches/{owner}/{name}/remove", "post-searches", "post-searches-owner-name-seen",

	"POST /cases/{number}/marks", "put-records-stream-position-mark",

	"POST /accounts", "POST /accounts/{id}", "POST /accounts/{id}/mappings", "POST /accounts/{id}/mappings/{mapping}",
	"POST /accounts/{id}/seen", "post-accounts-id-seen",
	"POST /accounts/{id}/contacts", "POST /accounts/{id}/contacts/{contact}/remove", "post-accounts-id-contacts", "delete-accounts-id-contacts-contact",
	"get-accounts", "post-accounts", "patch-accounts-id", "post-accounts-id-mappings", "post-accounts-id-mappings-mapping-end", "delete-accounts-id-mappings-mapping",

	"POST /cases/{number}/seen", "post-cases-number-seen", "GET /escalations", "GET /riskrules", "POST /riskrules", "get-escalations", "get-riskrules", "put-riskrules",
	"POST /cases/{number}/presence", "get-cases-number-presence",
	"POST /cases/{number}/reviews/start", "get-reviews",
	"GET /alerts", "POST /alerts/seen", "GET /alerts/settings", "POST /alerts/settings", "POST /searches/{owner}/{name}/alert", "POST /cases/{number}/follow", "POST /feeds", "POST /feeds/{id}/revoke",
	"get-alerts", "post-alerts-seen", "get-alerts-settings", "put-alerts-settings", "put-searches-owner-name-alert", "put-cases-number-follow", "get-feeds", "post-feeds", "delete-feeds-id",
	"GET /handoffs/fields", "POST /handoffs/fields", "get-handoffs", "get-handoffs-fields", "put-handoffs-fields",

	"post-cases-number-uploads", "delete-cases-number-files-id", "delete-cases-number-timeline-pins-id",
	"GET /extracts", "POST /extracts/{name}/remove", "get-extracts", "get-extracts-name", "put-extracts-name", "delete-extracts-name",
	"GET /references", "POST /references", "get-references", "put-references",

	"get-suggest", "get-cases", "post-cases", "delete-cases-number-citations-id", "delete-cases-number-keydates-id", "get-cases-number-shares", "post-cases-number-shares", "delete-cases-number-shares-id",
	"get-classes", "put-classes-class", "get-retention", "get-holds", "post-holds", "post-holds-name-release",
	"get-erasures", "post-erasures", "put-erasures-policy", "post-erasures-id-approve", "post-erasures-id-refuse",
	"post-records-stream-position-split", "post-records-stream-position-join", "delete-threads-decisions-decision",
}

// mayBeSilent reports whether a route need not note anything.
func mayBeSilent(name string, n need) bool {
	return n == open || n == signedIn || n == mayManage || slices.Contains(silentOnes, name)
}

func callerWith(n need) casework.Role {
	switch n {
	case mayHold, mayAudit, mayKeep:
		return casework.Compliance
	case mayManage:
		return casework.Admin
	}
	return casework.Manager
}

// forms have the pages that take one show a message and change nothing.
var forms = map[string]url.Values{
	"POST /record/{stream}/{position}/cite":             {"case": {"101"}, "quote": {"words nobody wrote"}},
	"POST /record/{stream}/{position}/parts/{part}/pin": {"case": {"101"}},
	"POST /cases/{number}/files/{id}/unpin":             {"revision": {"0"}},
	"POST /cases/{number}/share":                        {"title": {"x"}, "until": {"2026-11-05"}, "cite": {"1"}, "whole": {"1"}, "do": {"preview"}},
	"POST /cases/{number}":                              {"severity": {"9"}},
	"POST /cases/{number}/owner":                        {"owner": {"nobody"}},
	"POST /cases/{number}/mail":                         {"record": {"nothing"}},
	"POST /cases/{number}/merge":                        {"into": {"101"}},
	"POST /cases/{number}/risk":                         {"level": {"lost"}, "until": {"2026-11-05"}},
	"POST /cases/{number}/signals":                      {"say": {"perhaps"}},
	"POST /cases/{number}/unmerge":                      {"revision": {"0"}},
	"POST /cases/{number}/facts/{id}":                   {"status": {"lost"}},
	"POST /cases/{number}/promises/{id}/reopen":         {"revision": {"0"}},
	"POST /cases/{number}/dates/{id}/remove":            {"revision": {"0"}},
	"POST /retention/holds":                             {"name": {"x"}, "query": {"firmware"}, "do": {"preview"}},
	"POST /cases/{number}/handoffs/{id}/answer":         {"answer": {"decline"}},
	"POST /cases/{number}/handoffs/{id}/withdraw":       {"revision": {"0"}},
	"POST /cases/{number}/timeline":                     {"record": {"ledger/0"}},
	"POST /cases/{number}/claim":                        {"revision": {"99999"}},
	"POST /cases/{number}/return":                       {"revision": {"0"}},
	"POST /cases/{number}/snooze":                       {"until": {"never"}},
	"POST /extracts":                                    {"do": {"try"}, "pattern": {"firmware"}, "where": {"text"}, "kind": {"text"}},
	"POST /accounts/{id}/details":                       {"id": {"nothing"}},
	"POST /cases/{number}/promises/{id}/done":           {"do": {"perhaps"}},
	"POST /rules/{id}/try":                              {"version": {"0"}, "name": {"x"}, "mute": {"1"}},
}

// existing names what is there in paths that show it.
var existing = strings.NewReplacer("/thread/1", "/thread/mail-0", "/threads/1", "/threads/mail-0", "/rules/1/try", "/rules/new/try", "/rules/why", "/rules/why?record=mail/0", "/commitments/1/end", "/commitments/2/end", "/proposals", "/proposals?account=1", "/extracts/agent/export", "/extracts/agent/export?format=csv", "/queues/agent/test", "/queues/postfix/test?since=0."+strconv.FormatInt(noon.UnixNano(), 10))

// visits calls f for each page that is noted, with what asks for it.
func (f *fixture) visits(at archive.Address, do func(name string, visit func() answer)) {
	f.gateway()
	who := map[casework.Role]*browser{casework.Manager: f.as("manager"), casework.Compliance: f.as("compliance"), casework.Admin: f.as("admin")}
	for _, r := range f.web.routes() {
		method, pattern, _ := strings.Cut(r.pattern, " ")
		path := existing.Replace(fill(pattern, at))
		if b := who[callerWith(r.need)]; r.how != silent && method == http.MethodGet {
			do(r.pattern, func() answer { return b.get(path) })
		} else if r.how != silent {
			do(r.pattern, func() answer { return b.post(path, forms[r.pattern]) })
		}
	}
}

// bodies are of operations that are noted and take one.
var bodies = map[string]any{
	"patch-cases-number":              map[string]any{"severity": 2},
	"post-cases-number-notes":         map[string]any{"text": "x"},
	"post-cases-number-mail":          map[string]any{"record": "mail/0"},
	"post-cases-number-merge":         map[string]any{"into": 102},
	"post-cases-number-return":        map[string]any{"reason": ""}, // Refused: else the case had no owner for what follows.
	"post-cases-number-snooze":        map[string]any{"until": "2026-11-20T00:00:00Z"},
	"post-cases-number-exception":     map[string]any{"reason": "x"}, // Refused: it is none.
	"post-cases-number-timeline-pins": map[string]any{"record": "mail/0"},
	"put-cases-number-risk":           map[string]any{"level": "high", "until": "2026-11-20T00:00:00Z", "reason": "x"},
	"post-cases-number-signals":       map[string]any{"evidence": strings.Repeat("ab", 32), "say": "acknowledge"},
	"post-cases-number-split":         map[string]any{"title": "x", "records": []string{"mail/1"}}, // Of which the case has nothing: it keeps its mail.

	"post-cases-number-files":      map[string]any{"record": "mail/1", "part": 0},
	"post-cases-number-told":       map[string]any{"question": "Which firmware?"},
	"post-extracts-try":            map[string]any{"label": "x", "kind": "text", "pattern": "firmware", "where": []string{"text"}},
	"post-cases-number-details":    map[string]any{"extract": "agent", "status": "rejected", "place": map[string]any{"record": "mail/1", "where": "text", "part": 0, "start": 32}},
	"post-accounts-id-details":     map[string]any{"extract": "agent", "status": "confirmed", "place": map[string]any{"record": "mail/0", "where": "text", "part": 0, "start": 32}},
	"post-cases-number-references": map[string]any{"system": "Zendesk", "id": "4711"},

	"post-cases-number-citations": map[string]any{"record": "mail/0", "quote": "firmware"},

	"post-cases-number-issues":                map[string]any{"title": "x"},
	"patch-cases-number-issues-id":            map[string]any{"state": "solved"},
	"post-cases-number-facts":                 map[string]any{"text": "x", "cites": []int{1}},
	"patch-cases-number-facts-id":             map[string]any{"status": "accepted"},
	"post-cases-number-decisions":             map[string]any{"text": "x", "why": "y"},
	"post-cases-number-commitments":           map[string]any{"what": "x", "cites": []int{1}},
	"post-cases-number-commitments-id-move":   map[string]any{"what": "y", "cites": []int{1}},
	"post-cases-number-commitments-id-end":    map[string]any{"how": "met"},
	"post-cases-number-commitments-id-done":   map[string]any{"do": "reject", "record": "mail/0"},
	"post-cases-number-commitments-id-reopen": nil,
	"post-cases-number-handoffs":              map[string]any{"to": "specialist", "kind": "join", "fields": saidOf("x")},
	"post-cases-number-handoffs-id-answer":    map[string]any{"accept": true}, // Refused: a program takes no case.
	"post-cases-number-handoffs-id-withdraw":  map[string]any{"reason": "x"},
	"post-cases-number-handoffs-id-return":    map[string]any{"reason": "x"}, // Refused: it is no cover.
	"post-cases-number-questions":             map[string]any{"to": "agent", "text": "x"},
	"post-cases-number-questions-id-answer":   map[string]any{"text": "x", "cites": []int{1}},
	"post-cases-number-reviews":               map[string]any{"reason": "x"},
	"post-cases-number-reviews-start":         nil,
	"post-cases-number-reviews-id-decide":     map[string]any{"do": "continue", "reason": "x"}, // Refused: somebody else has begun it, or nobody.
	"post-records-stream-position-proposals":  map[string]any{"do": "reject", "proposal": "x"}, // Refused: it is not proposed.
	"post-cases-number-keydates":              map[string]any{"label": "x", "cites": []int{1}, "when": map[string]any{"from": "2026-11-06T00:00:00Z", "to": "2026-11-07T00:00:00Z", "grain": "day"}},

	"post-rules-try": map[string]any{"rules": casework.RuleSet{Rules: []casework.Rule{}}},

	"post-reconcile": []byte("message-id\n<1@acme.example>\n"),
}

// calls is visits for the API.
func (f *fixture) calls(at archive.Address, do func(name string, call func() answer)) {
	f.gateway()
	f.do(casework.OpenCase{Title: "Another one"})
	who := map[casework.Role]*program{casework.Manager: f.program(casework.Manager), casework.Compliance: f.program(casework.Compliance), casework.Admin: f.program(casework.Admin)}
	api := f.web.newAPI()
	api.each(func(op *huma.Operation) {
		asks := api.asks[op.OperationID]
		if asks.how == silent {
			return
		}
		path := existing.Replace(fill(strings.TrimPrefix(op.Path, apiRoot), at))
		do(op.OperationID, func() answer { return who[callerWith(asks.need)].ask(op.Method, path, bodies[op.OperationID]) })
	})
}

// Whoever is shown words of a message, a case that cites them, hits or the log
// itself is in the audit log, whichever page and operation it was. A route
// that is added fails here until somebody has decided.
func TestEveryRouteThatShowsMailIsNoted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	at := escalation(f)
	if err := f.archive.Flush(t.Context()); err != nil { // There is a proof.
		t.Fatal(err)
	}
	noted := func(name string, do func() answer) {
		before := f.archive.Next(archive.Audit)
		refused := strings.HasSuffix(name, "number-claim") || strings.HasSuffix(name, "number-exception") || strings.HasSuffix(name, "number-return") || strings.HasSuffix(name, "handoffs-id-answer") || strings.HasSuffix(name, "handoffs-id-return") || strings.HasSuffix(name, "/details") || strings.HasSuffix(name, "reviews-id-decide") || strings.HasSuffix(name, "position-proposals") || strings.HasSuffix(name, "owners-position") || strings.HasSuffix(name, "/owners/{position}") || strings.HasSuffix(name, "/proposals") || strings.HasSuffix(name, "/cite") || strings.HasSuffix(name, "/split") || strings.HasSuffix(name, "/join") || strings.HasPrefix(name, "POST /cases/{number}") && !strings.HasSuffix(name, "/share")
		if got := do(); got.code >= 400 && !refused {
			t.Errorf("%s: %d %s", name, got.code, got.body)
		}
		if f.archive.Next(archive.Audit) == before {
			t.Errorf("%s is not noted", name)
		}
	}
	f.visits(at, noted)
	f.calls(at, noted)
	for _, r := range f.web.routes() {
		if r.how == silent && !mayBeSilent(r.pattern, r.need) {
			t.Errorf("%s is silent; does it show nothing of a message?", r.pattern)
		}
	}
	for name, asks := range f.web.newAPI().asks {
		if asks.how == silent && !mayBeSilent(name, asks.need) {
			t.Errorf("%s is silent; does it show nothing of a message?", name)
		}
	}
}

// What a silent page shows has no words of a message in it, and is not noted.
func TestSilentRoutesShowNoMail(t *testing.T) {
	f := newFixture(t)
	at := escalation(f)
	before := f.archive.Next(archive.Audit)
	silently := func(name string, got answer) {
		if strings.Contains(got.body, words) || f.archive.Next(archive.Audit) != before {
			t.Errorf("%s shows mail", name)
		}
	}
	who := f.as("manager")
	for _, r := range f.web.routes() {
		if method, pattern, _ := strings.Cut(r.pattern, " "); r.how == silent && method == http.MethodGet {
			silently(r.pattern, who.get(fill(pattern, at)))
		}
	}
	asks, program := f.web.newAPI().asks, f.program(casework.Manager)
	f.web.newAPI().each(func(op *huma.Operation) {
		if asks[op.OperationID].how == silent && op.Method == http.MethodGet && op.OperationID != "get-events" { // Has no end.
			silently(op.OperationID, program.ask(op.Method, fill(strings.TrimPrefix(op.Path, apiRoot), at), nil))
		}
	})
}

// deafArchive takes no notes.
type deafArchive struct {
	casework.AuditArchive
	why error
}

func (d deafArchive) Append(context.Context, archive.Stream, archive.Meta, archive.Body) (archive.Meta, error) {
	return archive.Meta{}, d.why
}

func (f *fixture) deafen(why error) {
	f.web.config.Audit = casework.NewAudit(deafArchive{f.archive, why}, f.clock)
}

func TestWhatCannotBeNotedIsNotShown(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	at := escalation(f)
	if err := f.archive.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	refused := func(name string, do func() answer) {
		got := do()
		if got.code != http.StatusServiceUnavailable || !strings.Contains(got.body, "has to be noted") || strings.Contains(got.body, words) || got.head.Get("Content-Disposition") != "" {
			t.Errorf("%s: %d %s", name, got.code, got.body)
		}
	}
	f.deafen(fmt.Errorf("append: %w", archive.ErrFull))
	f.visits(at, refused)
	f.deafen(fmt.Errorf("append: %w: a cause at 192.0.2.1", archive.ErrBroken))
	f.calls(at, refused)
	if got := f.as("agent").get("/search?q=firmware"); !strings.Contains(got.body, "A write has failed") && !strings.Contains(got.body, "a write has failed") || strings.Contains(got.body, "192.0.2.1") {
		t.Errorf("%d %s", got.code, got.body)
	}
	if got := f.as("agent").get("/status"); got.code != http.StatusOK {
		t.Errorf("the status page: %d", got.code)
	}
}

// A route that the tables call silent cannot show a message by mistake.
func TestSilentRoutesCannotOpenMessages(t *testing.T) {
	f := newFixture(t)
	at := escalation(f)
	ctx := withCaller(t.Context(), caller{actor: "kim"})
	if m, err := f.web.openMessage(ctx, at); err == nil || m != nil {
		t.Error("a message was opened")
	}
	if r, err := f.web.search(ctx, index.Request{Now: noon}); err == nil || r != nil {
		t.Error("something was searched")
	}
}

// A machine that only follows shows mail all the same. Its own log says who
// read what, without the words that were searched for.
func TestFollowerLogsWhatItCannotNote(t *testing.T) {
	f := newFixture(t)
	at := escalation(f)
	var log bytes.Buffer
	f.web.config.Log = slog.New(slog.NewTextHandler(&log, nil))
	f.deafen(fmt.Errorf("append: %w", archive.ErrFollowing))
	agent := f.as("agent")
	if got := agent.get(recordPath(at)); got.code != http.StatusOK {
		t.Errorf("%d", got.code)
	}
	if got := agent.get("/search?q=firmware"); got.code != http.StatusOK {
		t.Errorf("%d", got.code)
	}
	for _, want := range []string{`msg="message read" actor=agent`, "data.records=[mail/0]", "data.how=page", `msg="search run" actor=agent`, "data.total=3"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %q: %s", want, log.String())
		}
	}
	if strings.Contains(log.String(), "firmware") || strings.Contains(log.String(), "batch") {
		t.Errorf("the log has words: %s", log.String())
	}
}

// entries is the audit log, newest first.
func (f *fixture) entries() []casework.AuditEntry {
	f.t.Helper()
	p, err := casework.NewAudit(f.archive, f.clock).Page(f.t.Context(), casework.AuditFilter{}, 0, 1000)
	if err != nil {
		f.t.Fatal(err)
	}
	return p.Entries
}

// Each note says who, when, what and how; a conversation is one note.
func TestNotesSayWhatWasShown(t *testing.T) {
	f := newFixture(t)
	at := escalation(f)
	manager, reader := f.as("manager"), f.program(casework.Observer)
	for _, c := range []struct {
		do   func() answer
		want string
	}{
		{func() answer { return manager.get("/thread/mail-0") }, "manager read 2 messages (thread) [mail/0 mail/2]"},
		{func() answer { return manager.get(recordPath(at) + "/parts/0") }, "manager read 1 message (part 0) [mail/0]"},
		{func() answer { return manager.get(recordPath(at) + "/raw") }, "manager read 1 message (raw) [mail/0]"},
		{func() answer { return manager.get("/search?q=firmware&sort=oldest") }, "manager searched, 3 hits [] firmware oldest"},
		{func() answer { return manager.get("/cases/101") }, "manager read the case C-101 []"},
		{func() answer { return manager.get("/cases/101?source=1") }, "manager read 1 message (page) [mail/0]"},
		{func() answer { return reader.ask("GET", "/records/mail/1/text", nil) }, "token:" + reader.name + " read 1 message (text) [mail/1]"},
		{func() answer { return reader.ask("GET", "/records/mail/1", nil) }, "token:" + reader.name + " read 1 message (api) [mail/1]"},
		{func() answer { return answer{code: f.local(http.MethodGet, "/records/mail/1").Code} }, "system read 1 message (api) [mail/1]"},
	} {
		f.later(time.Minute)
		if got := c.do(); got.code != http.StatusOK {
			t.Errorf("%s: %d %s", c.want, got.code, got.body)
		}
		e := f.entries()[0]
		if got := strings.TrimSpace(fmt.Sprint(e.Actor, " ", e.Text(), " ", e.Data.Records, " ", e.Data.Query, " ", e.Data.Sort)); got != c.want || !e.At.Equal(f.clock()) {
			t.Errorf("%q at %v, want %q", got, e.At, c.want)
		}
	}
}

// An export is noted before its first byte, and behind its last with what went out.
func TestExportsAreNotedBeforeAndBehind(t *testing.T) {
	f := newFixture(t)
	escalation(f)
	p := f.program(casework.Observer)
	got := p.ask("GET", "/export?q=firmware&format=zip", nil)
	if got.code != http.StatusOK {
		t.Fatal(got.code, got.body)
	}
	log := f.entries()
	begun, done := log[1].Data, log[0].Data
	if begun.Finished || begun.Query != "firmware" || begun.Total != 3 || begun.Format != "zip" {
		t.Errorf("begun: %+v", begun)
	}
	if !done.Finished || done.Total != 3 || done.Bytes != int64(len(got.body)) || done.SHA256 != archive.Digest(sha256.Sum256([]byte(got.body))) {
		t.Errorf("done: %+v of %d bytes", done, len(got.body))
	}
}

// The audit log is in no search, count, export or page of records.
func TestAuditIsNotSearched(t *testing.T) {
	f := newFixture(t)
	at := escalation(f)
	agent, p := f.as("agent"), f.program(casework.Observer)
	before := f.index.Status()
	for range 3 {
		agent.get(recordPath(at))
		agent.get("/search?q=xylophone")
	}
	for query, want := range map[string]string{"xylophone": `"total":0`, "message.read": `"total":0`, "": `"total":3`} {
		if got := p.ask("GET", "/search?q="+url.QueryEscape(query), nil); !strings.Contains(got.body, want) {
			t.Errorf("%q: %s", query, got.body)
		}
	}
	after := f.index.Status()
	if after.Records != before.Records || after.Lag != 0 || after.Documents != before.Documents {
		t.Errorf("%+v was %+v", after, before)
	}
	if totals, _, _ := f.web.totals(); totals.Received != 3 {
		t.Errorf("received %d", totals.Received)
	}
	for _, path := range []string{"/record/audit/0", "/record/audit/0/raw", "/record/audit/0/source", "/record/audit/0/html", "/record/audit/0/parts/0"} {
		if got := agent.get(path); got.code != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.code)
		}
	}
	for _, path := range []string{"/records/audit/0", "/records/audit/0/text", "/records/audit/0/raw", "/records/audit/0/parts/0", "/records/audit/0/proof"} {
		if got := p.ask("GET", path, nil); got.code != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.code)
		}
	}
	n := frozenExport{Time: noon}
	if err := f.web.freeze(t.Context(), &n); err != nil || len(n.UpTo) != 1 {
		t.Errorf("an export is of %v: %v", n.UpTo, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := f.web.records().reach(ctx); err != nil {
		t.Errorf("a decision waits for the audit log: %v", err)
	}
}

// Compliance finds who read a message, page by page, and is noted; nobody else
// sees it.
func TestComplianceReadsTheAudit(t *testing.T) {
	f := newFixture(t)
	at := escalation(f)
	for n := 3; n < 8; n++ {
		f.mail(strings.Replace(letter(n), "Message-ID:", "In-Reply-To: <batch-1@acme.example>\nMessage-ID:", 1))
	}
	f.later(24 * time.Hour)
	agent := f.as("agent")
	agent.get(recordPath(at))
	agent.get("/thread/mail-0")
	f.as("observer").get("/search?q=" + url.QueryEscape("<b>secret"))
	compliance := f.as("compliance")
	for _, c := range []struct {
		path         string
		wants, nones []string
	}{
		{"/audit", []string{"read 1 message (page)", "The agent", "&lt;b&gt;secret", "/audit?record=mail%2f0"}, []string{"<b>secret"}},
		{"/audit?type=message.read", []string{"read 7 messages (thread)", "and 3 more", ">mail/7</a>"}, nil},
		{"/audit?record=" + at.String(), []string{"(page)", "(thread)", `value="mail/0"`, "Show all"}, []string{"secret"}},
		{"/audit?actor=observer&type=search.run", []string{"secret"}, []string{"(page)"}},
		{"/audit?from=2026-11-04&until=2026-11-04", []string{"secret", "(page)"}, nil},
		{"/audit?until=2026-11-02", []string{"Nothing like that is noted"}, []string{"secret"}},
		{"/audit?from=2026-11-05", []string{"Nothing like that is noted"}, []string{"secret"}},
	} {
		got := compliance.get(c.path)
		if got.code != http.StatusOK {
			t.Errorf("%s: %d", c.path, got.code)
		}
		for _, want := range c.wants {
			if !strings.Contains(got.body, want) {
				t.Errorf("%s does not say %q", c.path, want)
			}
		}
		for _, none := range c.nones {
			if strings.Contains(got.body, none) {
				t.Errorf("%s says %q", c.path, none)
			}
		}
	}
	if e := f.entries()[0]; e.Actor != "compliance" || e.Type != casework.AuditRead || e.Data.Filter.From.IsZero() {
		t.Errorf("noted: %+v", e)
	}
	for _, path := range []string{"/audit?record=x", "/audit?from=soon", "/audit?cursor=mail/3"} {
		if got := compliance.get(path); got.code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", path, got.code)
		}
	}
	link := `href="/audit?record=mail%2f0"`
	if got := compliance.get(recordPath(at)); !strings.Contains(got.body, link) {
		t.Error("no link on the message")
	}
	if got := agent.get(recordPath(at)); strings.Contains(got.body, "/audit") {
		t.Error("an agent sees a link to the audit log")
	}
}

// The API gives the log in pages of any size, each entry once.
func TestAuditIsPaged(t *testing.T) {
	f := newFixture(t)
	at := escalation(f)
	agent := f.as("agent")
	for range 5 {
		agent.get(recordPath(at))
	}
	p := f.program(casework.Compliance)
	var seen []string
	for path := "/audit?actor=agent&limit=2"; path != ""; {
		page := tell[auditOut](p, http.StatusOK, "GET", path, nil)
		for _, e := range page.Items {
			seen = append(seen, e.Address.String())
		}
		path = ""
		if page.Next != "" {
			path = "/audit?actor=agent&limit=2&cursor=" + page.Next
		}
	}
	if unique := slices.Compact(slices.Clone(seen)); len(seen) != 5 || len(unique) != 5 {
		t.Errorf("%v", seen)
	}
	for _, path := range []string{"/audit?type=share.opened", "/audit?record=x", "/audit?cursor=x", "/audit?until=x", "/audit?limit=0"} {
		if got := p.ask("GET", path, nil); got.code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", path, got.code, got.body)
		}
	}
}

// An export that cannot be noted as finished is broken off, so that nobody has
// a whole one that the log does not know.
func TestExportThatCannotBeNotedIsBrokenOff(t *testing.T) {
	f := newFixture(t)
	escalation(f)
	f.web.config.Audit = casework.NewAudit(&deafLater{f.archive, 1}, f.clock)
	p := f.program(casework.Observer)
	r := p.request(http.MethodGet, apiRoot+"/export?q=firmware", nil)
	r.Header.Set("Authorization", "Bearer "+p.token)
	resp, err := p.client.Do(r)
	if err != nil {
		return // Not a byte came.
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Error("the export is whole")
	}
}

// deafLater takes so many notes.
type deafLater struct {
	casework.AuditArchive
	left int
}

func (d *deafLater) Append(ctx context.Context, s archive.Stream, m archive.Meta, b archive.Body) (archive.Meta, error) {
	if d.left--; d.left < 0 {
		return archive.Meta{}, errors.New("no more")
	}
	return d.AuditArchive.Append(ctx, s, m, b)
}
