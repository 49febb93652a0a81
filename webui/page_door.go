package webui

import (
	"crypto/subtle"
	"net/http"
	"strings"

	"polytrace/casework"
)

// signInView is the form of the ways in, with what was wrong with it.
type signInView struct {
	Error    string
	Name     string
	FullName string
	Next     string
	NoUsers  bool // Nobody can sign in before somebody was set up.
}

func (s *Server) noUsers() (none bool) {
	s.config.Desk.Read(func(state *casework.State) { none = len(state.Users()) == 0 })
	return none
}

func (s *Server) showSignIn(w http.ResponseWriter, r *http.Request) error {
	if _, ok := callerFrom(r.Context()); ok {
		http.Redirect(w, r, local(r.FormValue("next")), http.StatusSeeOther)
		return nil
	}
	return s.render(w, r, http.StatusOK, "sign-in", view{Title: "Sign in", Page: signInView{Next: r.FormValue("next"), NoUsers: s.noUsers()}})
}

func (s *Server) signIn(w http.ResponseWriter, r *http.Request) error {
	name := strings.ToLower(strings.TrimSpace(r.FormValue("name")))
	v := signInView{Name: name, Next: r.FormValue("next")}
	key := peer(r) + " " + name
	if s.doors.tooMany(key, s.config.Now()) {
		v.Error = "Too many attempts to sign in. Wait a quarter of an hour, or ask an administrator for a new password."
		return s.render(w, r, http.StatusTooManyRequests, "sign-in", view{Title: "Sign in", Page: v})
	}
	u, ok := s.user(name)
	if right := s.doors.check(u.Password, r.FormValue("password")); !ok || !right || u.Disabled {
		s.config.Log.WarnContext(r.Context(), "sign-in refused", "peer", peer(r))
		v.Error = "Name and password do not go together. Check both and try again."
		return s.render(w, r, http.StatusUnprocessableEntity, "sign-in", view{Title: "Sign in", Page: v})
	}
	s.doors.succeeded(key)
	s.remember(w, u)
	http.Redirect(w, r, local(v.Next), http.StatusSeeOther)
	return nil
}

func (s *Server) signOut(w http.ResponseWriter, r *http.Request) error {
	s.clearCookie(w, s.doors.cookie)
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
	return nil
}

// showLink asks before it uses up a one-time link: scanners of mail and chat
// follow links too, but press no buttons.
func (s *Server) showLink(w http.ResponseWriter, r *http.Request) error {
	name, ok := s.doors.look(r.PathValue("secret"), s.config.Now(), false)
	if !ok {
		return errSpent
	}
	u, _ := s.user(name)
	return s.render(w, r, http.StatusOK, "link", view{Title: "Sign in", Page: signInView{FullName: fullName(u)}})
}

var errSpent = &statusError{http.StatusNotFound, "This link was used or is too old. Ask for a new one, or sign in with your name and password.", nil}

func (s *Server) useLink(w http.ResponseWriter, r *http.Request) error {
	name, ok := s.doors.look(r.PathValue("secret"), s.config.Now(), true)
	u, exists := s.user(name)
	if !ok || !exists || u.Disabled {
		return errSpent
	}
	s.remember(w, u)
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

// settingUp reports whether a set-up link is right: there is no user yet and
// the token is the one that was printed.
func (s *Server) settingUp(r *http.Request) bool {
	want := s.config.SetupToken
	return want != "" && s.noUsers() && subtle.ConstantTimeCompare([]byte(want), []byte(r.PathValue("token"))) == 1
}

func (s *Server) showSetup(w http.ResponseWriter, r *http.Request) error {
	if !s.settingUp(r) {
		return notFound("page")
	}
	return s.render(w, r, http.StatusOK, "setup", view{Title: "Set up", Page: signInView{}})
}

// setUp makes the first user and signs in.
func (s *Server) setUp(w http.ResponseWriter, r *http.Request) error {
	s.doors.setup.Lock()
	defer s.doors.setup.Unlock()
	if !s.settingUp(r) {
		return notFound("page")
	}
	v := signInView{Name: strings.TrimSpace(r.FormValue("name")), FullName: strings.TrimSpace(r.FormValue("full_name"))}
	phc, err := newPassword(r)
	if err == nil {
		roles := []casework.Role{casework.Admin}
		if r.FormValue("works") != "" {
			roles = append(roles, casework.Manager)
		}
		_, err = s.config.Desk.Do(r.Context(), casework.System, casework.AddUser{Name: v.Name, FullName: v.FullName, Roles: roles, Password: phc})
	}
	if err != nil {
		e := asStatus(err)
		if e.code == http.StatusInternalServerError {
			return err
		}
		v.Error = e.text
		return s.render(w, r, e.code, "setup", view{Title: "Set up", Page: v})
	}
	u, _ := s.user(v.Name)
	s.remember(w, u)
	return s.done(w, r, "/", "You are set up. Next, connect a mail server.")
}

// newPassword reads a password that was typed twice, and hashes it.
func newPassword(r *http.Request) (string, error) {
	if r.FormValue("password") != r.FormValue("again") {
		return "", &statusError{http.StatusUnprocessableEntity, "The two passwords differ. Type the same one twice.", nil}
	}
	return hashed(r.FormValue("password"))
}

func hashed(password string) (string, error) {
	phc, err := casework.NewPassword(password)
	if err != nil {
		return "", &statusError{http.StatusUnprocessableEntity, sentence(err.Error()), nil}
	}
	return phc, nil
}

func (s *Server) showAccount(w http.ResponseWriter, r *http.Request) error {
	who, _ := callerFrom(r.Context())
	u, _ := s.user(who.actor)
	return s.render(w, r, http.StatusOK, "account", view{Title: "Account", Page: accountView{User: u}})
}

type accountView struct {
	User  casework.User
	Error string
}

// changePassword ends all other sessions of the person.
func (s *Server) changePassword(w http.ResponseWriter, r *http.Request) error {
	who, _ := callerFrom(r.Context())
	u, ok := s.user(who.actor)
	if !ok {
		return notFound("account")
	}
	refuse := func(code int, text string) error {
		return s.render(w, r, code, "account", view{Title: "Account", Page: accountView{u, text}})
	}
	key := peer(r) + " " + u.Name
	if s.doors.tooMany(key, s.config.Now()) {
		return refuse(http.StatusTooManyRequests, "Too many attempts. Wait a quarter of an hour.")
	}
	if !s.doors.check(u.Password, r.FormValue("present")) {
		return refuse(http.StatusUnprocessableEntity, "The present password is not right.")
	}
	s.doors.succeeded(key)
	phc, err := newPassword(r)
	if err != nil {
		return refuse(http.StatusUnprocessableEntity, asStatus(err).text)
	}
	if err := s.do(r, casework.SetPassword{Name: u.Name, Password: phc}); err != nil {
		return err
	}
	u, _ = s.user(u.Name)
	s.remember(w, u)
	return s.done(w, r, "/account", "Your password is changed. Other browsers that were signed in are not any more.")
}
