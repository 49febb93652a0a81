package webui

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"unicode"

	"polytrace/casework"
	"polytrace/message"
)

// adminView is a page of the administrator: a list, a form, and what was
// wrong with the form.
type adminView struct {
	Queues  []queueView
	Removed []casework.Queue
	Users   []casework.User
	Tokens  []casework.Token
	Roles   []casework.Role
	Formats []string
	Error   string
	Form    map[string]string // What was typed into a form that was refused.
	Logins  []casework.Login
	Secret  string // Shown once.
	Of      string // Whom the secret belongs to.

	LoginError string // What was wrong with the form for logins.

	Own      []string // The company's own domains and addresses.
	Guessed  bool     // Nobody has said which they are.
	OwnError string   // What was wrong with the form for them.
}

var allRoles = []casework.Role{casework.Agent, casework.Specialist, casework.Manager, casework.Observer, casework.Compliance, casework.Admin}

// refused shows a form again with what was wrong; any other error is passed on.
func (s *Server) refused(w http.ResponseWriter, r *http.Request, err error, again func(code int, v adminView) error) error {
	var refusal *casework.Refusal
	var status *statusError
	if !errors.As(err, &refusal) && !errors.As(err, &status) {
		return err
	}
	form := map[string]string{}
	for name, values := range r.Form {
		if name != "password" && len(values) > 0 {
			form[name] = values[0]
		}
	}
	e := asStatus(err)
	return again(e.code, adminView{Error: e.text, Form: form})
}

func (s *Server) showQueues(w http.ResponseWriter, r *http.Request) error {
	return s.renderQueues(w, r, http.StatusOK, adminView{})
}

func (s *Server) renderQueues(w http.ResponseWriter, r *http.Request, code int, v adminView) error {
	status, err := s.statusView(r)
	if err != nil {
		return err
	}
	v.Queues = status.Queues
	v.Formats = message.Formats()
	s.config.Desk.Read(func(state *casework.State) {
		v.Removed, v.Logins = state.RemovedQueues(), state.Logins()
		v.Own, v.Guessed = s.company(state).Own, len(state.Company().Own) == 0
	})
	return s.render(w, r, code, "queues", view{Title: "Queues", Nav: "queues", Page: v})
}

// setCompany says which domains and addresses are the company's own.
func (s *Server) setCompany(w http.ResponseWriter, r *http.Request) error {
	err := s.do(r, casework.SetCompany{Own: typedWords(r.FormValue("own"))})
	if err != nil {
		return s.refused(w, r, err, func(code int, v adminView) error {
			v.OwnError, v.Error = v.Error, ""
			return s.renderQueues(w, r, code, v)
		})
	}
	return s.done(w, r, "/queues#own", "Kept. Which direction mail has is told by that now, also of what came before.")
}

func (s *Server) addQueue(w http.ResponseWriter, r *http.Request) error {
	again := func(code int, v adminView) error { return s.renderQueues(w, r, code, v) }
	name := strings.TrimSpace(r.FormValue("name"))
	c := casework.AddQueue{Name: name, Format: r.FormValue("format")}
	var err error
	if c.Sources, c.Sets, err = parseSources(typedWords(r.FormValue("sources"))); err != nil {
		return s.refused(w, r, err, again)
	}
	if c.Local, err = casework.NewQueueLocal(name, rand.Reader); err != nil {
		return s.refused(w, r, err, again)
	}
	if err := s.do(r, c); err != nil {
		return s.refused(w, r, err, again)
	}
	return s.done(w, r, "/queues", "The queue is open. Have your mail server send copies to "+c.Local+"@"+s.config.MailDomain+".")
}

// typedWords splits what was typed at commas and blanks.
func typedWords(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
}

// parsePrefix reads a network, or a single address as a network of one.
func parsePrefix(word string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(word); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(word)
	if err != nil {
		return p, &casework.Refusal{Code: casework.Invalid, Field: "Sources", Text: word + " is not an address, a network or a set of them. Write them as 192.0.2.10, 192.0.2.0/24 or microsoft365, with commas between."}
	}
	return p.Masked(), nil
}

func (s *Server) removeQueue(w http.ResponseWriter, r *http.Request) error {
	if err := s.do(r, casework.RemoveQueue{Name: r.PathValue("name"), Reason: r.FormValue("reason")}); err != nil {
		return err
	}
	return s.done(w, r, "/queues", "The queue is closed. What came in through it stays.")
}

func (s *Server) showUsers(w http.ResponseWriter, r *http.Request) error {
	return s.renderUsers(w, r, http.StatusOK, adminView{})
}

func (s *Server) renderUsers(w http.ResponseWriter, r *http.Request, code int, v adminView) error {
	v.Roles = allRoles
	s.config.Desk.Read(func(state *casework.State) { v.Users = state.Users() })
	return s.render(w, r, code, "users", view{Title: "Users", Nav: "users", Page: v})
}

func rolesOf(r *http.Request) []casework.Role {
	var roles []casework.Role
	for _, name := range r.Form["role"] {
		roles = append(roles, casework.Role(name))
	}
	return roles
}

// addUser makes a user with a password that is shown once, to be handed over.
func (s *Server) addUser(w http.ResponseWriter, r *http.Request) error {
	name := strings.TrimSpace(r.FormValue("name")) // Parses the form.
	password := casework.NewSecret()[:20]
	phc, err := hashed(password)
	if err == nil {
		err = s.do(r, casework.AddUser{Name: name, FullName: strings.TrimSpace(r.FormValue("full_name")), Roles: rolesOf(r), Password: phc})
	}
	if err != nil {
		return s.refused(w, r, err, func(code int, v adminView) error { return s.renderUsers(w, r, code, v) })
	}
	return s.renderUsers(w, r, http.StatusOK, adminView{Secret: password, Of: name})
}

// changeUser disables, enables, or changes roles.
func (s *Server) changeUser(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	var c casework.Command
	switch r.FormValue("do") {
	case "disable":
		c = casework.DisableUser{Name: name, Reason: r.FormValue("reason")}
	case "enable":
		c = casework.EnableUser{Name: name}
	default:
		c = casework.ChangeUser{Name: name, Roles: rolesOf(r)}
	}
	if err := s.do(r, c); err != nil {
		return err
	}
	return s.done(w, r, "/users", "The account of "+name+" is changed.")
}

// resetPassword sets a new password that is shown once.
func (s *Server) resetPassword(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	password := casework.NewSecret()[:20]
	phc, err := hashed(password)
	if err != nil {
		return err
	}
	if err := s.do(r, casework.SetPassword{Name: name, Password: phc}); err != nil {
		return err
	}
	return s.renderUsers(w, r, http.StatusOK, adminView{Secret: password, Of: name})
}

func (s *Server) showTokens(w http.ResponseWriter, r *http.Request) error {
	return s.renderTokens(w, r, http.StatusOK, adminView{})
}

func (s *Server) renderTokens(w http.ResponseWriter, r *http.Request, code int, v adminView) error {
	v.Roles = allRoles
	s.config.Desk.Read(func(state *casework.State) { v.Tokens = state.Tokens() })
	return s.render(w, r, code, "tokens", view{Title: "Tokens", Nav: "tokens", Page: v})
}

func (s *Server) createToken(w http.ResponseWriter, r *http.Request) error {
	secret := casework.NewSecret()
	name := strings.TrimSpace(r.FormValue("name"))
	if err := s.do(r, casework.CreateToken{Name: name, Role: casework.Role(r.FormValue("role")), Hash: casework.SecretHash(secret)}); err != nil {
		return s.refused(w, r, err, func(code int, v adminView) error { return s.renderTokens(w, r, code, v) })
	}
	return s.renderTokens(w, r, http.StatusOK, adminView{Secret: secret, Of: name})
}

func (s *Server) revokeToken(w http.ResponseWriter, r *http.Request) error {
	if err := s.do(r, casework.RevokeToken{Name: r.PathValue("name")}); err != nil {
		return err
	}
	return s.done(w, r, "/tokens", "The token opens nothing any more.")
}
