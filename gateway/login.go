package gateway

import (
	"strings"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Logins are the credentials that mail servers may authenticate with.
type Logins interface {
	Any() bool // Whether there is one at all; without any, AUTH is not offered.
	Matches(name, password string) bool
}

// maxFailures is how many wrong passwords end a session.
const maxFailures = 3

// AuthMechanisms implements smtp.AuthSession. A password is never asked for in
// clear. LOGIN is no standard, but what Exchange speaks as "basic
// authentication".
func (s *session) AuthMechanisms() []string {
	l := s.server.config.Logins
	if l == nil || !l.Any() || s.conn.tlsState() == nil {
		return nil
	}
	return []string{sasl.Plain, sasl.Login}
}

// Auth implements smtp.AuthSession (RFC 4954).
func (s *session) Auth(mechanism string) (sasl.Server, error) {
	switch {
	case s.open():
		return nil, reply(errAuthInside)
	case len(s.AuthMechanisms()) == 0:
		return nil, reply(errNoAuth)
	case mechanism == sasl.Plain:
		return sasl.NewPlainServer(func(identity, name, password string) error {
			if identity != "" && identity != name { // RFC 4616: nobody may act for others here.
				password = ""
			}
			return s.authenticate(name, password)
		}), nil
	case mechanism == sasl.Login:
		return &loginServer{check: s.authenticate}, nil
	}
	return nil, reply(errNoMechanism)
}

// authenticate looks at a password. From then on the client is as good as one
// that comes from a network of the queues that name the login.
func (s *session) authenticate(name, password string) error {
	if password != "" && s.server.config.Logins.Matches(name, password) {
		s.conn.origin.login = name
		s.server.welcome(s.conn)
		s.server.log.Debug("client authenticated", "peer", s.conn.origin, "login", name)
		return nil
	}
	s.failures++
	s.server.tally.refused("login")
	s.server.tell(s.conn.origin, "", "The password for the login "+strings.ToValidUTF8(name, "?")+" is wrong, or there is no such login. Compare it with `polytrace queue login list`; `polytrace queue login set` gives it a new password.")
	s.tarpit(s.caller())
	if s.failures >= maxFailures {
		s.conn.over = true
		return reply(errManyFailures)
	}
	return reply(errWrongPassword)
}

// loginServer is the server of LOGIN, which asks for name and password one
// after the other (draft-murchison-sasl-login). The name may come with AUTH.
type loginServer struct {
	check func(name, password string) error
	name  *string
	asked bool
}

func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case l.name == nil && response == nil && !l.asked:
		l.asked = true
		return []byte("Username:"), false, nil
	case l.name == nil:
		name := string(response)
		l.name = &name
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check(*l.name, string(response))
}

var _ smtp.AuthSession = (*session)(nil)
