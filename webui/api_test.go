package webui

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"polytrace/archive"
	"polytrace/casework"

	"github.com/danielgtaylor/huma/v2"
)

// program is a client of the API with a token. What it is answered is
// compared with the OpenAPI document.
type program struct {
	*browser
	name, token string
	api         *api
}

// program makes a token of a role and a client that uses it.
func (f *fixture) program(role casework.Role) *program {
	f.t.Helper()
	p := &program{f.browser(), fmt.Sprintf("%s-%d", role, f.archive.Next(archive.Ledger)), casework.NewSecret(), f.web.newAPI()}
	f.do(casework.CreateToken{Name: p.name, Role: role, Hash: casework.SecretHash(p.token)})
	return p
}

// ask sends a request; in is a value for JSON, bytes, or nil.
func (p *program) ask(method, path string, in any) answer {
	p.f.t.Helper()
	var content io.Reader
	switch in := in.(type) {
	case nil:
	case []byte:
		content = bytes.NewReader(in)
	default:
		raw, err := json.Marshal(in)
		if err != nil {
			p.f.t.Fatal(err)
		}
		content = bytes.NewReader(raw)
	}
	r := p.request(method, apiRoot+path, content)
	r.Header.Set("Content-Type", "application/json")
	return p.sign(r)
}

// sign sends a request with the token.
func (p *program) sign(r *http.Request) answer {
	p.f.t.Helper()
	if p.token != "" {
		r.Header.Set("Authorization", "Bearer "+p.token)
	}
	got := p.send(r)
	p.compare(r, got)
	return got
}

// compare fails when an answer in JSON is not as the document says.
func (p *program) compare(r *http.Request, got answer) {
	p.f.t.Helper()
	kind := got.head.Get("Content-Type")
	_, pattern := p.api.mux.Handler(r)
	method, path, _ := strings.Cut(pattern, " ")
	item := p.api.huma.OpenAPI().Paths[path]
	if item == nil || !strings.HasSuffix(kind, "json") {
		return
	}
	op := map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PATCH": item.Patch, "PUT": item.Put, "DELETE": item.Delete}[method]
	told := op.Responses[strconv.Itoa(got.code)]
	if told == nil && got.code >= 400 {
		told = op.Responses["default"]
	}
	if told == nil || told.Content[kind] == nil {
		p.f.t.Errorf("%s answers %d with %s, which the document does not tell", pattern, got.code, kind)
		return
	}
	var v any
	if err := json.Unmarshal([]byte(got.body), &v); err != nil {
		p.f.t.Errorf("%s: %v in %q", pattern, err, got.body)
	}
	var result huma.ValidateResult
	schemas := p.api.huma.OpenAPI().Components.Schemas
	huma.Validate(schemas, told.Content[kind].Schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, v, &result)
	for _, err := range result.Errors {
		p.f.t.Errorf("%s is not as the document says: %v in %s", pattern, err, got.body)
	}
}

// tell asks and reads the JSON of an answer with that code.
func tell[T any](p *program, code int, method, path string, in any) (v T) {
	p.f.t.Helper()
	got := p.ask(method, path, in)
	if got.code != code {
		p.f.t.Fatalf("%s %s: %d instead of %d: %s", method, path, got.code, code, got.body)
	}
	if err := json.Unmarshal([]byte(got.body), &v); err != nil {
		p.f.t.Fatalf("%s %s: %v in %q", method, path, err, got.body)
	}
	return v
}

// each calls f for each operation of the API.
func (a *api) each(f func(op *huma.Operation)) {
	for _, item := range a.huma.OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Patch, item.Put, item.Delete} {
			if op != nil {
				f(op)
			}
		}
	}
}

// mayCall says once more who may do what, apart from the table that decides.
func mayCall(role casework.Role, op *huma.Operation) bool {
	area, _, _ := strings.Cut(strings.TrimPrefix(op.Path, apiRoot+"/"), "/")
	if op.OperationID == "post-cases-number-reviews-start" {
		return role == casework.Manager
	}
	switch area {
	case "status", "events", "log":
		return true
	case "rules", "intake": // Who may change them, the commands say.
		return role != casework.Admin || op.OperationID != "post-rules-try"
	case "search", "suggest", "export", "alerts", "feeds":
		return role != casework.Admin
	case "searches":
		return role != casework.Admin || op.OperationID == "get-searches" || op.Method == http.MethodDelete
	case "classes", "retention":
		return role == casework.Admin || role == casework.Compliance
	case "holds", "erasures", "audit":
		return role == casework.Compliance
	case "teams":
		return op.Method == http.MethodGet || role == casework.Manager || role == casework.Admin
	case "cases", "work", "commitments", "handoffs", "reviews", "proposals", "escalations", "riskrules", "references", "extracts", "records", "threads", "accounts":
		return role != casework.Admin && (op.Method == http.MethodGet || op.OperationID == "post-cases-number-seen" || op.OperationID == "put-cases-number-follow" || op.OperationID == "post-accounts-id-seen" || op.OperationID == "post-cases-number-verify" || role != casework.Observer && role != casework.Compliance)
	}
	return role == casework.Admin
}

// What each role may do with each operation: decided by the table and nothing
// else. Without a token, or with one that was revoked, nobody does anything.
func TestAPILetsInWhoMay(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	at := f.mail(letter(1))
	f.do(casework.OpenCase{Title: "Second batch delayed"})
	programs := map[string]*program{"nobody": {browser: f.browser()}, "a stranger": {browser: f.browser(), token: casework.NewSecret()}}
	for _, role := range allRoles {
		programs[string(role)] = f.program(role)
	}
	revoked := f.program(casework.Admin)
	f.do(casework.RevokeToken{Name: revoked.name})
	programs["a revoked token"] = revoked
	operations := 0
	programs["admin"].api.each(func(op *huma.Operation) {
		operations++
		for name, p := range programs {
			role := casework.Role(name)
			code, head := p.peek(op.Method, strings.TrimPrefix(fill(op.Path, at), apiRoot))
			switch {
			case !role.Valid():
				if code != http.StatusUnauthorized || head.Get("WWW-Authenticate") != "Bearer" {
					t.Errorf("%s: %s gets %d %v", op.OperationID, name, code, head)
				}
			case mayCall(role, op):
				if code == http.StatusUnauthorized || code == http.StatusForbidden {
					t.Errorf("%s: %s gets %d", op.OperationID, name, code)
				}
			case code != http.StatusForbidden:
				t.Errorf("%s: %s gets %d", op.OperationID, name, code)
			}
		}
	})
	if n := len(programs["admin"].api.asks); operations != n || n < 30 {
		t.Errorf("%d operations are described, %d are guarded", operations, n)
	}
}

// peek asks for the beginning of an answer: some have no end.
func (p *program) peek(method, path string) (int, http.Header) {
	p.f.t.Helper()
	ctx, cancel := context.WithCancel(p.f.t.Context())
	defer cancel()
	r := p.request(method, apiRoot+path, nil).WithContext(ctx)
	if p.token != "" {
		r.Header.Set("Authorization", "Bearer "+p.token)
	}
	resp, err := p.client.Do(r)
	if err != nil {
		p.f.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode, resp.Header
}

// A browser that is signed in needs no token, and who has the data directory
// needs nothing.
func TestAPIKnowsSessionsAndTheMachineItself(t *testing.T) {
	f := newFixture(t)
	f.users()
	if r := f.as("observer").get(apiRoot + "/search"); r.code != http.StatusOK {
		t.Errorf("%d %s", r.code, r.body)
	}
	if r := f.as("admin").get(apiRoot + "/search"); r.code != http.StatusForbidden {
		t.Errorf("%d %s", r.code, r.body)
	}
	for _, path := range []string{"/search", "/users", "/status"} {
		w := httptest.NewRecorder()
		f.web.Local().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, apiRoot+path, nil))
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// The document is complete, names what each operation asks for, and is open
// to everybody.
func TestOpenAPIDescribesEveryOperation(t *testing.T) {
	f := newFixture(t)
	r := f.browser().get(apiRoot + "/openapi.json")
	if r.code != http.StatusOK || r.head.Get("Content-Type") != "application/openapi+json" {
		t.Fatalf("%d %v", r.code, r.head)
	}
	var doc struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Summary     string `json:"summary"`
			Description string `json:"description"`
			Parameters  []struct {
				Name string `json:"name"`
				In   string `json:"in"`
			} `json:"parameters"`
			Responses map[string]json.RawMessage `json:"responses"`
		} `json:"paths"`
	}
	if err := json.Unmarshal([]byte(r.body), &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("OpenAPI %s", doc.OpenAPI)
	}
	told := map[string]bool{}
	for path, item := range doc.Paths {
		for method, op := range item {
			told[op.OperationID] = true
			if op.Summary == "" || !strings.HasPrefix(op.Description, "Needs ") || op.Responses["default"] == nil {
				t.Errorf("%s %s: %+v", method, path, op)
			}
			for _, piece := range strings.Split(path, "/") {
				found := !strings.HasPrefix(piece, "{")
				for _, x := range op.Parameters {
					found = found || x.In == "path" && "{"+x.Name+"}" == piece
				}
				if !found {
					t.Errorf("%s %s: %s is not described", method, path, piece)
				}
			}
		}
	}
	for id := range f.web.newAPI().asks {
		if !told[id] {
			t.Errorf("%s is not described", id)
		}
	}
}

// Whatever goes wrong is a problem document that says what, in words.
func TestProblemsAreProblemDocuments(t *testing.T) {
	f := newFixture(t)
	f.mail(letter(1))
	f.do(casework.OpenCase{Title: "Second batch delayed"})
	f.do(casework.AddUser{Name: "kim", FullName: "Kim", Roles: []casework.Role{casework.Agent}})
	manager, admin := f.program(casework.Manager), f.program(casework.Admin)
	for _, c := range []struct {
		who          *program
		method, path string
		in           any
		code         int
	}{
		{manager, "GET", "/nothing", nil, 404},
		{manager, "DELETE", "/search", nil, 404},
		{manager, "GET", "/search?q=" + url.QueryEscape("a (b"), nil, 422},
		{manager, "GET", "/search?limit=1001", nil, 422},
		{manager, "GET", "/search?limit=many", nil, 422},
		{manager, "GET", "/search?sort=size", nil, 422},
		{manager, "GET", "/search?cursor=made-up", nil, 422},
		{manager, "GET", "/records/mail/99", nil, 404},
		{manager, "GET", "/records/mail/x", nil, 422},
		{manager, "GET", "/records/ledger/0", nil, 404},
		{manager, "GET", "/records/ledger/0/text", nil, 404},
		{manager, "GET", "/records/ledger/0/raw", nil, 404},
		{manager, "GET", "/records/ledger/0/parts/0", nil, 404},
		{manager, "GET", "/records/mail/99/raw", nil, 404},
		{manager, "GET", "/records/mail/x/raw", nil, 404},
		{manager, "GET", "/records/mail/0/parts/9", nil, 404},
		{manager, "GET", "/records/mail/0/parts/-1", nil, 404},
		{manager, "GET", "/threads/mail-99", nil, 404},
		{manager, "GET", "/export?format=tar", nil, 422},
		{manager, "GET", "/export?q=" + url.QueryEscape(`"open`), nil, 422},
		{manager, "GET", "/cases/999", nil, 404},
		{manager, "GET", "/cases/999/events", nil, 404},
		{manager, "GET", "/cases/999/shares", nil, 404},
		{manager, "POST", "/cases", []byte("{"), 400},
		{manager, "POST", "/cases", []byte(`{"title":"` + strings.Repeat("x", maxBody) + `"}`), 413},
		{manager, "POST", "/cases", map[string]any{}, 422},
		{manager, "POST", "/cases", map[string]any{"title": ""}, 422},
		{manager, "POST", "/cases", map[string]any{"title": "x", "severity": 5}, 422},
		{manager, "POST", "/cases", map[string]any{"title": "x", "colour": "red"}, 422},
		{manager, "POST", "/cases/999/notes", map[string]any{"text": "x"}, 404},
		{manager, "POST", "/cases/101/notes", map[string]any{"text": " "}, 422},
		{manager, "POST", "/cases/101/notes", map[string]any{"text": "x", "cites": []int{7}}, 422},
		{manager, "POST", "/cases/101/citations", map[string]any{"record": "mail/0", "quote": "words nobody wrote"}, 422},
		{manager, "POST", "/cases/101/citations", map[string]any{"record": "mail/0", "part": 3}, 422},
		{manager, "POST", "/cases/101/citations", map[string]any{"record": "mail/99"}, 404},
		{manager, "POST", "/cases/101/citations", map[string]any{"record": "ledger/0"}, 404},
		{manager, "POST", "/cases/101/citations", map[string]any{"record": "nonsense"}, 422},
		{manager, "DELETE", "/cases/101/citations/9", nil, 404},
		{manager, "POST", "/cases/101/shares", map[string]any{"title": "x"}, 422},
		{manager, "DELETE", "/cases/101/shares/9", nil, 404},
		{admin, "POST", "/users", map[string]any{"name": "Kim!", "full_name": "Kim", "roles": []string{"agent"}}, 422},
		{admin, "POST", "/users", map[string]any{"name": "kim", "full_name": "Kim", "roles": []string{"agent"}}, 409},
		{admin, "POST", "/users", map[string]any{"name": "lee", "full_name": "Lee", "roles": []string{"agent"}, "password": "short"}, 422},
		{admin, "POST", "/users/nobody/disable", nil, 404},
		{admin, "POST", "/users/nobody/password", map[string]any{"password": "correct horse battery"}, 404},
		{admin, "POST", "/tokens", map[string]any{"name": "x", "role": "king"}, 422},
		{admin, "DELETE", "/tokens/nobody", nil, 404},
		{admin, "POST", "/queues", map[string]any{"name": "q", "format": "fax"}, 422},
		{admin, "POST", "/queues", map[string]any{"name": "q", "sources": []string{"the office"}}, 422},
		{admin, "DELETE", "/queues/nobody", nil, 404},
		{admin, "POST", "/import", []byte("x"), 422},
		{admin, "POST", "/import?mailbox=kim@northwind.example&import=a.eml", []byte{}, 422},
		{admin, "POST", "/import?mailbox=kim@northwind.example&import=a.mbox&offset=-1", []byte("x"), 422},
		{admin, "POST", "/verify", nil, 503},
	} {
		r := c.who.ask(c.method, c.path, c.in)
		var problem struct {
			Type, Title, Detail string
			Status              int
		}
		if err := json.Unmarshal([]byte(r.body), &problem); err != nil {
			t.Errorf("%s %s: %v in %q", c.method, c.path, err, r.body)
		}
		if r.code != c.code || problem.Status != c.code || r.head.Get("Content-Type") != "application/problem+json" || problem.Type == "" || problem.Title == "" || problem.Detail == "" {
			t.Errorf("%s %s: %d instead of %d, %s", c.method, c.path, r.code, c.code, r.body)
		}
		if r.head.Get("Content-Disposition") != "" || r.head.Get("ETag") != "" {
			t.Errorf("%s %s: headers of what is not there: %v", c.method, c.path, r.head)
		}
	}
}

// What broke on our side is in the log and not in the answer.
func TestFailuresOfOursAreNotTold(t *testing.T) {
	f := newFixture(t)
	f.mail(letter(1))
	f.web.config.Archive = brokenArchive{f.web.config.Archive, errors.New("the disk at 192.0.2.1 is gone")}
	var log bytes.Buffer
	f.web.config.Log = slog.New(slog.NewTextHandler(&log, nil))
	for _, path := range []string{"/records/mail/0", "/records/mail/0/raw", "/records/mail/0/parts/0"} {
		r := f.local(http.MethodGet, path)
		if r.Code != http.StatusBadGateway || strings.Contains(r.Body.String(), "192.0.2.1") {
			t.Errorf("%s: %d %s", path, r.Code, r.Body)
		}
	}
	if strings.Count(log.String(), "192.0.2.1") != 3 {
		t.Errorf("the log says %q", log.String())
	}
}

// local asks as somebody on the machine itself.
func (f *fixture) local(method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	f.web.Local().ServeHTTP(w, httptest.NewRequestWithContext(f.t.Context(), method, apiRoot+path, nil))
	return w
}

// brokenArchive is an archive that cannot read any more.
type brokenArchive struct {
	Archive
	why error
}

func (b brokenArchive) Read(context.Context, archive.Address) (archive.Record, error) {
	return archive.Record{}, b.why
}

func (b brokenArchive) ReadBody(context.Context, archive.Address) (archive.Meta, io.ReadCloser, error) {
	return archive.Meta{}, nil, b.why
}
