package webui

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/index"
)

// A case is opened, worked on, shown to a guest and closed, by programs alone;
// every step is in its log and can be searched for at once.
func TestAPICaseFromOpenToShared(t *testing.T) {
	f := newFixture(t)
	f.users()
	at := f.mail(letter(1))
	p := f.program(casework.Manager)
	c := tell[casework.Case](p, http.StatusCreated, "POST", "/cases", map[string]any{"title": "Second batch delayed", "account": "Acme", "severity": 2, "owner": "agent"})
	if c.Number != casework.FirstCase || c.Owner != "agent" || c.Severity != 2 || c.OpenedBy != casework.TokenActor(p.name) {
		t.Errorf("%+v", c)
	}
	path := fmt.Sprintf("/cases/%d", c.Number)

	c = tell[casework.Case](p, http.StatusCreated, "POST", path+"/citations", map[string]any{"record": at, "quote": "firmware  by\nFriday", "comment": "their deadline"})
	cite := c.Citations[0]
	if cite.Quote != "firmware by Friday" || cite.SHA256.IsZero() || cite.Suffix == "" || cite.End-cite.Start != len(cite.Quote) || cite.Comment != "their deadline" || cite.By != casework.TokenActor(p.name) {
		t.Errorf("%+v", cite)
	}
	for query, want := range map[string]int{"case:101": 1, "case:102": 0} {
		if found := tell[searchOut](p, http.StatusOK, "GET", "/search?q="+url.QueryEscape(query), nil); found.Total != want {
			t.Errorf("%s finds %d", query, found.Total)
		}
	}
	c = tell[casework.Case](p, http.StatusCreated, "POST", path+"/citations", map[string]any{"record": at})
	if c.Citations[1].Quote != "" {
		t.Errorf("%+v", c.Citations[1])
	}
	c = tell[casework.Case](p, http.StatusCreated, "POST", path+"/notes", map[string]any{"text": "They need it by Friday.", "cites": []int{1}})
	if len(c.Notes) != 1 || c.Notes[0].Cites[0] != 1 {
		t.Errorf("%+v", c.Notes)
	}
	if r := p.ask("DELETE", path+"/citations/2?reason=twice", nil); r.code != http.StatusNoContent || r.body != "" {
		t.Errorf("%d %s", r.code, r.body)
	}

	share := tell[shareCreated](p, http.StatusCreated, "POST", path+"/shares", map[string]any{"title": "For Acme", "citations": []int{1}})
	if !strings.HasPrefix(share.URL, f.url+"/s/") || !share.Expires.Equal(noon.AddDate(0, 0, shareDays)) {
		t.Errorf("%+v", share)
	}
	guest := f.browser()
	if r := guest.get(strings.TrimPrefix(share.URL, f.url)); r.code != http.StatusOK || !strings.Contains(r.body, "firmware by Friday") {
		t.Errorf("%d %s", r.code, r.body)
	}
	shares := p.ask("GET", path+"/shares", nil)
	if secret := share.URL[len(f.url)+len("/s/"):]; strings.Contains(shares.body, secret) || !strings.Contains(shares.body, "For Acme") {
		t.Errorf("%s", shares.body)
	}
	if r := p.ask("DELETE", path+"/citations/1", nil); r.code != http.StatusConflict {
		t.Errorf("a citation that guests see was withdrawn: %d %s", r.code, r.body)
	}
	if r := p.ask("DELETE", path+"/shares/1", nil); r.code != http.StatusNoContent {
		t.Errorf("%d %s", r.code, r.body)
	}
	if r := p.ask("DELETE", path+"/shares/1", nil); r.code != http.StatusGone {
		t.Errorf("%d %s", r.code, r.body)
	}
	if r := guest.get(strings.TrimPrefix(share.URL, f.url)); r.code != http.StatusNotFound {
		t.Errorf("a revoked link opens: %d", r.code)
	}

	var types []casework.EventType
	for _, e := range tell[caseEventsOut](p, http.StatusOK, "GET", path+"/events", nil).Events {
		types = append(types, e.Type)
	}
	want := []casework.EventType{casework.CaseOpened, casework.CitationAdded, casework.CitationAdded, casework.NoteAdded, casework.CitationRemoved, casework.ShareCreated, casework.ShareOpened, casework.ShareRevoked}
	if fmt.Sprint(types) != fmt.Sprint(want) {
		t.Errorf("%v", types)
	}
	if all := tell[casesOut](p, http.StatusOK, "GET", "/cases", nil).Cases; len(all) != 1 || all[0].Number != c.Number || all[0].Title != "Second batch delayed" {
		t.Errorf("%+v", all)
	}
}

// Lists are [] when they are empty, never null.
func TestAPIListsAreNeverNull(t *testing.T) {
	f := newFixture(t)
	at := f.mail("Subject: nothing\n\n")
	f.do(casework.OpenCase{Title: "Second batch delayed"})
	manager, admin := f.program(casework.Manager), f.program(casework.Admin)
	for path, p := range map[string]*program{
		"/search?q=nothingofthekind": manager, "/records/" + at.String(): manager, "/records/" + at.String() + "/text": manager, "/threads/mail-0": manager,
		"/cases": manager, "/cases/101": manager, "/cases/101/events": manager, "/cases/101/shares": manager, "/users": admin, "/queues": admin, "/tokens": admin,
	} {
		if r := p.ask("GET", path, nil); r.code != http.StatusOK || strings.Contains(r.body, "null") {
			t.Errorf("%s: %d %s", path, r.code, r.body)
		}
	}
}

// A change that was made from an old state is refused, and the answer says
// what is different now.
func TestAPIChangeOfAnOldStateIsRefused(t *testing.T) {
	f := newFixture(t)
	f.users()
	p := f.program(casework.Manager)
	c := tell[casework.Case](p, http.StatusCreated, "POST", "/cases", map[string]any{"title": "Second batch delayed"})
	tag := p.ask("GET", "/cases/101", nil).head.Get("ETag")
	changed := tell[casework.Case](p, http.StatusOK, "PATCH", "/cases/101", map[string]any{"status": "open", "owner": "agent", "revision": c.Revision, "reason": "mine"})
	if changed.Status != casework.Open || changed.Owner != "agent" || changed.Revision <= c.Revision {
		t.Errorf("%+v", changed)
	}
	r := p.ask("PATCH", "/cases/101", map[string]any{"title": "Something else", "revision": c.Revision})
	if r.code != http.StatusConflict || !strings.Contains(r.body, "open") {
		t.Errorf("%d %s", r.code, r.body)
	}
	match := func(tag string) answer {
		r := p.request("PATCH", apiRoot+"/cases/101", strings.NewReader(`{"title":"Third batch delayed"}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("If-Match", tag)
		return p.sign(r)
	}
	for old, code := range map[string]int{tag: http.StatusConflict, `"x"`: http.StatusUnprocessableEntity, `"99999"`: http.StatusUnprocessableEntity} {
		if r := match(old); r.code != code {
			t.Errorf("If-Match %s: %d %s", old, r.code, r.body)
		}
	}
	if r := match(p.ask("GET", "/cases/101", nil).head.Get("ETag")); r.code != http.StatusOK || !strings.Contains(r.body, "Third batch") {
		t.Errorf("%d %s", r.code, r.body)
	}
}

// A change that cannot be made as a whole is not made at all.
func TestAPIChangeIsAllOrNothing(t *testing.T) {
	f := newFixture(t)
	p := f.program(casework.Agent)
	before := tell[casework.Case](p, http.StatusCreated, "POST", "/cases", map[string]any{"title": "Second batch delayed"})
	if r := p.ask("PATCH", "/cases/101", map[string]any{"title": "Third batch delayed", "owner": "nobody"}); r.code != http.StatusUnprocessableEntity {
		t.Errorf("%d %s", r.code, r.body)
	}
	if after := tell[casework.Case](p, http.StatusOK, "GET", "/cases/101", nil); after.Title != before.Title || after.Revision != before.Revision {
		t.Errorf("%+v", after)
	}
}

// Users come, go, come back and get passwords that they sign in with.
func TestAPIManagesUsers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.users()
	p := f.program(casework.Admin)
	u := tell[casework.User](p, http.StatusCreated, "POST", "/users", map[string]any{"name": "kim", "full_name": "Kim", "roles": []string{"agent"}, "password": "correct horse battery"})
	if u.Name != "kim" || u.FullName != "Kim" || len(u.Roles) != 1 {
		t.Errorf("%+v", u)
	}
	signIn := func(password string) int {
		return f.browser().post("/sign-in", url.Values{"name": {"kim"}, "password": {password}}).code
	}
	if code := signIn("correct horse battery"); code != http.StatusSeeOther {
		t.Errorf("sign in: %d", code)
	}
	for _, step := range []struct {
		path     string
		in       any
		password string
		code     int
	}{
		{"/users/kim/password", map[string]any{"password": "another horse battery"}, "another horse battery", http.StatusSeeOther},
		{"/users/kim/disable", nil, "another horse battery", http.StatusUnprocessableEntity},
		{"/users/kim/enable", nil, "another horse battery", http.StatusSeeOther},
	} {
		if r := p.ask("POST", step.path, step.in); r.code != http.StatusNoContent {
			t.Errorf("%s: %d %s", step.path, r.code, r.body)
		}
		if code := signIn(step.password); code != step.code {
			t.Errorf("sign in after %s: %d", step.path, code)
		}
	}
	if r := p.ask("GET", "/users", nil); !strings.Contains(r.body, `"kim"`) || strings.Contains(r.body, "argon2") {
		t.Errorf("%s", r.body)
	}
}

// A token is told once, works at once, and opens nothing once it is revoked.
func TestAPIManagesTokens(t *testing.T) {
	f := newFixture(t)
	p := f.program(casework.Admin)
	made := tell[tokenCreated](p, http.StatusCreated, "POST", "/tokens", map[string]any{"name": "reports", "role": "observer"})
	reports := &program{browser: f.browser(), token: made.Token, api: p.api}
	if r := reports.ask("GET", "/search", nil); r.code != http.StatusOK {
		t.Errorf("%d %s", r.code, r.body)
	}
	if r := p.ask("GET", "/tokens", nil); strings.Contains(r.body, made.Token) || strings.Contains(r.body, casework.SecretHash(made.Token).String()) || !strings.Contains(r.body, `"reports"`) {
		t.Errorf("%s", r.body)
	}
	if r := p.ask("DELETE", "/tokens/reports", nil); r.code != http.StatusNoContent {
		t.Errorf("%d %s", r.code, r.body)
	}
	if r := reports.ask("GET", "/search", nil); r.code != http.StatusUnauthorized {
		t.Errorf("%d %s", r.code, r.body)
	}
	if r := p.ask("POST", "/tokens", map[string]any{"name": "reports", "role": "observer"}); r.code != http.StatusConflict {
		t.Errorf("%d %s", r.code, r.body)
	}
}

// A queue tells the address to send to, and takes nothing once it is closed.
func TestAPIManagesQueues(t *testing.T) {
	f := newFixture(t)
	p := f.program(casework.Admin)
	q := tell[queueOut](p, http.StatusCreated, "POST", "/queues", map[string]any{"name": "support", "format": "postfix", "sources": []string{"192.0.2.10", "198.51.100.0/24"}})
	if !strings.HasPrefix(q.Address, "support-") || !strings.HasSuffix(q.Address, "@journal.example") || q.Format != "postfix" || q.Sources[0] != netip.MustParsePrefix("192.0.2.10/32") {
		t.Errorf("%+v", q)
	}
	if all := tell[queuesOut](p, http.StatusOK, "GET", "/queues", nil).Queues; len(all) != 1 || all[0].Address != q.Address {
		t.Errorf("%+v", all)
	}
	if got := tell[loginSet](p, http.StatusCreated, "POST", "/logins/mx", nil); len(got.Password) != 26 {
		t.Errorf("password %q", got.Password)
	}
	q = tell[queueOut](p, http.StatusOK, "PATCH", "/queues/support", map[string]any{"logins": []string{"mx"}, "tls": true, "sources": []string{"microsoft365"}})
	if q.Format != "postfix" || !q.TLS || len(q.Sources) != 0 || !slices.Equal(q.Sets, []string{"microsoft365"}) || len(q.Peers) < 5 || q.Logins[0] != "mx" {
		t.Errorf("changed to %+v", q)
	}
	old := q.Address
	if q = tell[queueOut](p, http.StatusCreated, "POST", "/queues/support/rotate", nil); q.Former != old || q.Address == old {
		t.Errorf("rotated to %+v", q)
	}
	if q = tell[queueOut](p, http.StatusCreated, "POST", "/queues/support/retire", nil); q.Former != "" {
		t.Errorf("retired to %+v", q)
	}
	if r := p.ask("DELETE", "/queues/support?reason="+url.QueryEscape("moved away"), nil); r.code != http.StatusNoContent {
		t.Errorf("%d %s", r.code, r.body)
	}
	if all := tell[queuesOut](p, http.StatusOK, "GET", "/queues", nil).Queues; len(all) != 0 {
		t.Errorf("%+v", all)
	}
}

// A share that would end in the past is not made.
func TestAPIShareNeedsAFuture(t *testing.T) {
	f := newFixture(t)
	at := f.mail(letter(1))
	p := f.program(casework.Manager)
	tell[casework.Case](p, http.StatusCreated, "POST", "/cases", map[string]any{"title": "Second batch delayed"})
	tell[casework.Case](p, http.StatusCreated, "POST", "/cases/101/citations", map[string]any{"record": at})
	if r := p.ask("POST", "/cases/101/shares", map[string]any{"title": "x", "citations": []int{1}, "expires": noon.Add(-time.Second)}); r.code != http.StatusUnprocessableEntity {
		t.Errorf("%d %s", r.code, r.body)
	}
}

// What a program cites is found by case: in its next request.
func TestAPISeesItsOwnChangeAtOnce(t *testing.T) {
	f := newFixture(t)
	p := f.program(casework.Agent)
	tell[casework.Case](p, http.StatusCreated, "POST", "/cases", map[string]any{"title": "Second batch delayed"})
	for i := range 20 {
		at := f.mail(letter(i))
		tell[casework.Case](p, http.StatusCreated, "POST", "/cases/101/citations", map[string]any{"record": at})
		if found := tell[searchOut](p, http.StatusOK, "GET", "/search?q=case:101", nil); found.Total != i+1 {
			t.Fatalf("%d of %d citations are found", found.Total, i+1)
		}
	}
}

// hurriedLedger ends the request once its decision is stored.
type hurriedLedger struct {
	*archive.Archive
	done func()
}

func (l hurriedLedger) Append(ctx context.Context, s archive.Stream, m archive.Meta, b archive.Body) (archive.Meta, error) {
	defer l.done()
	return l.Archive.Append(ctx, s, m, b)
}

// An answer waits for the index, and does not fail when that is far behind:
// what was decided is decided.
func TestAPIChangeWaitsForTheIndex(t *testing.T) {
	f := newFixture(t)
	ctx, done := context.WithCancel(t.Context())
	defer done()
	c := f.web.config
	var err error
	if c.Desk, err = casework.OpenDesk(t.Context(), hurriedLedger{f.archive, done}, f.clock); err != nil {
		t.Fatal(err)
	}
	if c.Index, err = index.Open(f.archive, index.Config{Dir: filepath.Join(t.TempDir(), "index")}); err != nil { // It never runs.
		t.Fatal(err)
	}
	defer c.Index.Close()
	var log bytes.Buffer
	c.Log = slog.New(slog.NewTextHandler(&log, nil))
	web, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	web.Local().ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, apiRoot+"/cases", strings.NewReader(`{"title":"Second batch delayed"}`)))
	if w.Code != http.StatusCreated || !strings.Contains(log.String(), "index is behind a decision") {
		t.Errorf("%d %s, the log says %q", w.Code, w.Body, log.String())
	}
}
