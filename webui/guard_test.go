package webui

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"polytrace/casework"
)

// What each role gets from each route: decided by the table and nothing else.
// A route that is added without a need would open to everybody and fail here.
func TestRoutesLetInWhoMay(t *testing.T) {
	f := newFixture(t)
	at := escalation(f)
	stranger := f.browser()
	signedInAs := map[casework.Role]*browser{}
	for _, role := range allRoles {
		signedInAs[role] = f.as(string(role))
	}
	public := 0
	for _, r := range f.web.routes() {
		method, pattern, _ := strings.Cut(r.pattern, " ")
		path := fill(pattern, at)
		if r.need == open {
			public++
			continue
		}
		if got := stranger.try(method, path); method == http.MethodGet && got.code != http.StatusSeeOther || method != http.MethodGet && got.code != http.StatusUnauthorized {
			t.Errorf("%s: a stranger gets %d", r.pattern, got.code)
		}
		if method != http.MethodGet {
			continue // Rights are checked before anything is changed: TestWhoMayNotChangesNothing.
		}
		for role, b := range signedInAs {
			c := caller{roles: []casework.Role{role}}
			if got := b.try(method, path); (got.code == http.StatusForbidden) == c.may(r.need) {
				t.Errorf("%s: %s gets %d", r.pattern, role, got.code)
			}
		}
	}
	if public != 10 {
		t.Errorf("%d routes are open to everybody; think again and correct this number", public)
	}
}

func (b *browser) try(method, path string) answer {
	b.f.t.Helper()
	if method == http.MethodGet {
		return b.get(path)
	}
	return b.post(path, url.Values{})
}

// Those who may only read change nothing, whatever they send, and nobody
// changes anything by looking.
func TestWhoMayNotChangesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	at := escalation(f)
	observer, admin := f.as("observer"), f.as("admin")
	for _, r := range f.web.routes() {
		method, pattern, _ := strings.Cut(r.pattern, " ")
		path := fill(pattern, at)
		switch {
		case method == http.MethodGet:
			admin.get(path)
			observer.get(path)
		case r.need == mayWork || r.need == mayManage:
			form := url.Values{"name": {"x"}, "title": {"x"}, "text": {"x"}, "case": {"101"}, "role": {"admin"}, "owner": {"agent"}, "do": {"disable"}, "until": {"2026-11-05"}}
			if got := observer.post(path, form); got.code != http.StatusForbidden {
				t.Errorf("%s: an observer gets %d", r.pattern, got.code)
			}
			if got := admin.post(path, form); r.need == mayWork && got.code != http.StatusForbidden {
				t.Errorf("%s: an administrator gets %d", r.pattern, got.code)
			}
		}
	}
	f.desk.Read(func(s *casework.State) {
		c, _ := s.Case(101)
		if len(c.Notes) != 1 || c.Owner != "manager" || len(c.Shares) != 0 {
			t.Errorf("the case changed: %+v", c)
		}
	})
}

// A form on another site cannot act in the name of somebody who is signed in.
func TestOtherSitesCannotPost(t *testing.T) {
	f := newFixture(t)
	escalation(f)
	b := f.as("manager")
	r := b.request(http.MethodPost, "/cases/101/notes", strings.NewReader("text=from+elsewhere"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "https://attacker.example")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if got := b.send(r); got.code != http.StatusForbidden {
		t.Errorf("%d", got.code)
	}
}

// A session ends with its password, with the account, with time, and cannot be
// made up.
func TestSessionEnds(t *testing.T) {
	f := newFixture(t)
	f.users()
	in := func(b *browser) bool { return b.get("/account").code == http.StatusOK }
	agent, specialist, observer := f.as("agent"), f.as("specialist"), f.as("observer")
	if !in(agent) || !in(specialist) || !in(observer) {
		t.Fatal("nobody is signed in")
	}
	f.do(casework.SetPassword{Name: "agent", Password: testPassword()})
	f.do(casework.DisableUser{Name: "specialist"})
	if in(agent) || in(specialist) {
		t.Error("a session outlived its password or account")
	}
	f.later(sessionLife - time.Hour)
	if !in(observer) {
		t.Error("a session ended early")
	}
	f.later(2 * time.Hour)
	if !in(observer) {
		t.Error("a session that is used ended")
	}
	f.later(sessionLife + time.Minute)
	if in(observer) {
		t.Error("a session that was not used did not end")
	}
	forged := f.browser()
	r := forged.request(http.MethodGet, "/account", nil)
	r.AddCookie(&http.Cookie{Name: "polytrace", Value: "eyJ1IjoibWFuYWdlciIsImUiOjEsIngiOjk5OTk5OTk5OTk5fQ.AAAA"})
	if got := forged.send(r); got.code != http.StatusSeeOther {
		t.Errorf("a forged session gets %d", got.code)
	}
}

// Passwords cannot be tried without end, and a wrong one looks the same for
// somebody who exists and somebody who does not.
func TestSignInIsLimited(t *testing.T) {
	f := newFixture(t)
	f.users()
	b := f.browser()
	try := func(name, password string) answer {
		return b.post("/sign-in", url.Values{"name": {name}, "password": {password}})
	}
	exists, absent := try("agent", "wrong"), try("nobody", "wrong")
	if exists.code != http.StatusUnprocessableEntity || strings.ReplaceAll(exists.body, "agent", "nobody") != absent.body {
		t.Errorf("wrong password %d, unknown name %d", exists.code, absent.code)
	}
	for range failLimit - 1 {
		try("agent", "wrong")
	}
	if got := try("agent", "correct horse battery"); got.code != http.StatusTooManyRequests {
		t.Errorf("after %d failures: %d", failLimit, got.code)
	}
	if got := try("observer", "correct horse battery"); got.code != http.StatusSeeOther {
		t.Errorf("somebody else: %d", got.code)
	}
	f.later(failSpan + time.Minute)
	if got := try("agent", "correct horse battery"); got.code != http.StatusSeeOther || !strings.Contains(got.head.Get("Set-Cookie"), "HttpOnly; SameSite=Lax") {
		t.Errorf("later: %d %v", got.code, got.head)
	}
}

// The set-up link makes the first user and then is gone; a one-time link
// signs in once, and looking at it does not use it up.
func TestLinksWorkOnce(t *testing.T) {
	f := newFixture(t)
	b := f.browser()
	form := url.Values{"name": {"kim"}, "full_name": {"Kim"}, "password": {"a password for kim"}, "again": {"a password for kim"}, "works": {"yes"}}
	if got := b.post("/setup/wrong", form); got.code != http.StatusNotFound {
		t.Errorf("wrong set-up link: %d", got.code)
	}
	if got := b.get("/setup/set-up-token"); got.code != http.StatusOK {
		t.Fatalf("set-up: %d", got.code)
	}
	bad := url.Values{"name": {"kim"}, "full_name": {"Kim"}, "password": {"short"}, "again": {"short"}}
	if got := b.post("/setup/set-up-token", bad); got.code != http.StatusUnprocessableEntity || !strings.Contains(got.body, "12") {
		t.Errorf("short password: %d", got.code)
	}
	if got := b.post("/setup/set-up-token", form); got.code != http.StatusSeeOther {
		t.Fatalf("set-up: %d %s", got.code, got.body)
	}
	if got := b.get("/"); got.code != http.StatusOK || !strings.Contains(got.body, "Connect a mail server") {
		t.Errorf("after set-up: %d", got.code)
	}
	if got := f.browser().post("/setup/set-up-token", form); got.code != http.StatusNotFound {
		t.Errorf("set-up again: %d", got.code)
	}
	link := strings.TrimPrefix(f.web.SignInLink("kim"), f.url)
	other := f.browser()
	for range 2 {
		if got := other.get(link); got.code != http.StatusOK || !strings.Contains(got.body, "Sign in as Kim") {
			t.Errorf("looking at the link: %d", got.code)
		}
	}
	if got := other.post(link, nil); got.code != http.StatusSeeOther {
		t.Errorf("using it: %d", got.code)
	}
	if got := f.browser().post(link, nil); got.code != http.StatusNotFound {
		t.Errorf("using it again: %d", got.code)
	}
	late := strings.TrimPrefix(f.web.SignInLink("kim"), f.url)
	f.later(linkLife)
	if got := f.browser().post(late, nil); got.code != http.StatusNotFound {
		t.Errorf("using it late: %d", got.code)
	}
}

// Signing in leads back to where a person came from, and to no other site.
func TestNextStaysHere(t *testing.T) {
	for next, want := range map[string]string{"/cases/101?source=1": "/cases/101?source=1", "": "/", "//attacker.example": "/", "https://attacker.example": "/", "/\\attacker.example": "/", "/a\r\nb": "/"} {
		if got := local(next); got != want {
			t.Errorf("%q leads to %q", next, got)
		}
	}
}
