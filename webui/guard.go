package webui

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"polytrace/casework"
)

// need is what a route asks of its caller.
type need int

const (
	open      need = iota // Nothing: whoever has the address.
	signedIn              // An account.
	mayRead               // A role that searches and reads mail and cases.
	mayWork               // A role that changes cases and shares them.
	mayManage             // The role admin.
	mayLead               // Manager or admin: says who takes which cases; shows no mail.
	mayKeep               // Compliance or admin: says how long classes keep; shows no mail.
	mayHold               // The role compliance: holds and erasures.
	mayAudit              // The role compliance: who read what.
)

// caller is who makes a request.
type caller struct {
	actor string          // As in casework.Event.Actor.
	name  string          // For people.
	roles []casework.Role // What it may do; none for a guest.
}

func (c caller) reads() bool { return slices.ContainsFunc(c.roles, casework.Role.Reads) }
func (c caller) works() bool { return slices.ContainsFunc(c.roles, casework.Role.Works) }
func (c caller) admin() bool { return slices.Contains(c.roles, casework.Admin) }

// leads reports whether a caller may decide about the cases of others.
func (c caller) leads() bool { return slices.Contains(c.roles, casework.Manager) || c.admin() }

func (c caller) compliance() bool { return slices.Contains(c.roles, casework.Compliance) }

// may reports whether a caller has what a route needs.
func (c caller) may(n need) bool {
	switch n {
	case open, signedIn:
		return true
	case mayRead:
		return c.reads()
	case mayWork:
		return c.works()
	case mayManage:
		return c.admin()
	case mayLead:
		return c.leads()
	case mayKeep:
		return c.admin() || c.compliance()
	case mayHold, mayAudit:
		return c.compliance()
	}
	return false
}

type callerKey struct{}

func withCaller(ctx context.Context, c caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// callerFrom returns who makes the request; false for a guest.
func callerFrom(ctx context.Context) (caller, bool) {
	c, ok := ctx.Value(callerKey{}).(caller)
	return c, ok
}

// withRights gives those on the machine itself every right.
func withRights(h http.Handler) http.Handler {
	c := caller{casework.System, "this machine", []casework.Role{casework.Admin, casework.Manager, casework.Compliance}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(withCaller(r.Context(), c)))
	})
}

// byToken finds who has the token of a request to the API.
func (s *Server) byToken(r *http.Request) (caller, bool) {
	secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return caller{}, false
	}
	var t casework.Token
	s.config.Desk.Read(func(state *casework.State) {
		t, ok = state.TokenByHash(casework.SecretHash(strings.TrimSpace(secret)))
	})
	return caller{casework.TokenActor(t.Name), t.Name, []casework.Role{t.Role}}, ok
}

// statusError is an error with the words for the person who asked; the cause
// is for the log.
type statusError struct {
	code int
	text string
	err  error
}

func (e *statusError) Error() string {
	if e.err == nil {
		return e.text
	}
	return e.err.Error()
}

func (e *statusError) Unwrap() error { return e.err }

func notFound(what string) error {
	return &statusError{http.StatusNotFound, "There is no such " + what + ".", nil}
}

// page is a handler whose errors are shown by show.
type page func(w http.ResponseWriter, r *http.Request) error

// guard lets a request pass to a page when its caller has what that needs, and
// tells it how what it shows is noted.
func (s *Server) guard(n need, h how, p page) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, ok := s.bySession(w, r)
		if ok {
			r = r.WithContext(withCaller(r.Context(), c))
		}
		switch {
		case n != open && !ok:
			s.askToSignIn(w, r)
		case !c.may(n):
			s.show(w, r, &statusError{http.StatusForbidden, refusals[n], nil})
		default:
			if err := p(w, r.WithContext(withHow(r.Context(), h))); err != nil {
				s.show(w, r, err)
			}
		}
	})
}

var refusals = map[need]string{
	mayRead:   "Your role does not read mail or cases. Ask an administrator for another role if you need to.",
	mayWork:   "Your role reads cases but does not change them. Ask an administrator for another role if you need to.",
	mayManage: "Only administrators may do this.",
	mayLead:   "Only managers and administrators may do this.",
	mayKeep:   "Only the roles compliance and admin see and say how long mail is kept.",
	mayHold:   "Only the role compliance places holds and erases.",
	mayAudit:  "Only the role compliance sees who read what.",
}

// askToSignIn sends a person who follows a link to the sign-in page and back.
func (s *Server) askToSignIn(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		s.show(w, r, &statusError{http.StatusUnauthorized, "You are not signed in any more. Sign in and do it again; nothing was changed.", nil})
		return
	}
	to := "/sign-in"
	if r.URL.Path != "/" {
		to += "?next=" + url.QueryEscape(r.URL.RequestURI())
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// guardAPI lets a request with a token or a session pass to the API.
func (s *Server) guardAPI(api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, ok := s.byToken(r)
		if !ok && r.Header.Get("Authorization") == "" {
			c, ok = s.bySession(w, r)
		}
		if ok {
			r = r.WithContext(withCaller(r.Context(), c))
		}
		api.ServeHTTP(w, r)
	})
}

// secure sets the headers that keep what is shown from loading, sending or
// running anything that is not ours. Handlers that serve foreign bytes set a
// stricter policy.
func secure(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		head.Set("Referrer-Policy", "no-referrer")
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Cross-Origin-Opener-Policy", "same-origin")
		head.Set("Cross-Origin-Resource-Policy", "same-origin")
		head.Set("X-Robots-Tag", "noindex, nofollow")
		head.Set("Cache-Control", "private, no-cache")
		h.ServeHTTP(w, r)
	})
}

// asStatus finds the words for an error.
func asStatus(err error) *statusError {
	var known *statusError
	if errors.As(err, &known) {
		return known
	}
	var refusal *casework.Refusal
	if errors.As(err, &refusal) {
		return &statusError{refusalCodes[refusal.Code], refusal.Text, nil}
	}
	return &statusError{http.StatusInternalServerError, "Something went wrong on our side. What was in the archive is safe; the cause is in the log. Try again, and tell an administrator if it happens again.", err}
}

var refusalCodes = map[string]int{
	casework.Invalid:  http.StatusUnprocessableEntity,
	casework.NotFound: http.StatusNotFound,
	casework.Conflict: http.StatusConflict,
	casework.Gone:     http.StatusGone,

	casework.Forbidden: http.StatusForbidden,
}

// withoutCaller is for pages that look the same for everybody.
func withoutCaller(ctx context.Context) context.Context {
	return context.WithValue(ctx, callerKey{}, nil)
}
