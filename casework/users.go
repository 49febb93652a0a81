package casework

import (
	"slices"
	"strings"
	"time"

	"polytrace/archive"
)

// Commands about users and tokens.
type (
	// AddUser adds a person. Names are never used again.
	AddUser struct {
		Name, FullName string
		Roles          []Role
		Password       string // PHC string of HashPassword; "" lets nobody sign in yet.
	}
	// ChangeUser changes what is not nil. Cases of a person who may work on
	// them no more lose their owner.
	ChangeUser struct {
		Name     string
		FullName *string
		Roles    []Role
		Reason   string
	}
	// SetPassword replaces a password; sessions made with the old one end.
	SetPassword struct {
		Name, Password string // Password: PHC string of HashPassword.
	}
	// DisableUser ends all sessions of a person. Cases that are not closed
	// lose their owner.
	DisableUser struct{ Name, Reason string }
	// EnableUser lets a disabled person sign in again.
	EnableUser struct{ Name string }
	// CreateToken makes a credential of the JSON API; see NewSecret.
	CreateToken struct {
		Name string
		Role Role
		Hash archive.Digest // SecretHash of the token.
	}
	// RevokeToken ends a credential for good. Its name is not used again.
	RevokeToken struct{ Name string }
)

// Check refuses a name that was ever used.
func (c AddUser) Check(s *State, _ time.Time) ([]Event, error) {
	c.FullName = strings.TrimSpace(c.FullName)
	if err := checkName("Name", "user", c.Name); err != nil {
		return nil, err
	}
	if u := s.users[c.Name]; u != nil {
		return nil, refuse(Conflict, "Name", "There is a user %q already. Names are not used twice, not even after an account was disabled.", c.Name)
	}
	if err := checkFullName(c.FullName); err != nil {
		return nil, err
	}
	if err := checkRoles("Roles", c.Roles); err != nil {
		return nil, err
	}
	if c.Password != "" && !validHash(c.Password) {
		return nil, refuse(Invalid, "Password", "The password was not hashed with Argon2id.")
	}
	return newEvent(UserAdded, 0, "", UserAddedData(c))
}

func checkFullName(name string) error {
	if name == "" {
		return refuse(Invalid, "FullName", "Write the name that colleagues know the person by.")
	}
	return checkLine("FullName", "full name", name, maxTitle)
}

// Check refuses to take the last administrator's role away.
func (c ChangeUser) Check(s *State, _ time.Time) ([]Event, error) {
	u, err := s.findUser(c.Name)
	if err != nil {
		return nil, err
	}
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	c.FullName = trimmed(c.FullName)
	data := UserChangedData{Name: c.Name}
	if c.FullName != nil && *c.FullName != u.FullName {
		if err := checkFullName(*c.FullName); err != nil {
			return nil, err
		}
		data.FullName = c.FullName
	}
	if c.Roles != nil && !slices.Equal(c.Roles, u.Roles) {
		if err := s.checkNewRoles(u, c.Roles); err != nil {
			return nil, err
		}
		data.Roles = c.Roles
		if !slices.ContainsFunc(c.Roles, Role.Works) {
			data.Released, data.Handoffs = s.leaving(c.Name)
		}
	}
	if data.FullName == nil && data.Roles == nil {
		return nil, nil
	}
	return newEvent(UserChanged, 0, c.Reason, data)
}

func (s *State) checkNewRoles(u *User, roles []Role) error {
	if err := checkRoles("Roles", roles); err != nil {
		return err
	}
	if !slices.Contains(roles, Admin) && s.lastAdmin(u) {
		return refuse(Conflict, "Roles", "%s is the only administrator. Make somebody else one first, or nobody could set anything up.", u.FullName)
	}
	return nil
}

// lastAdmin reports whether u is the only administrator who can sign in.
func (s *State) lastAdmin(u *User) bool {
	isAdmin := func(r Role) bool { return r == Admin }
	if !u.may(isAdmin) {
		return false
	}
	for _, other := range s.users {
		if other != u && other.may(isAdmin) {
			return false
		}
	}
	return true
}

// ownedBy lists the cases that somebody owns and that are not closed.
func (s *State) ownedBy(name string) []int {
	var numbers []int
	for _, c := range s.cases {
		if c.Owner == name && c.Status != Closed {
			numbers = append(numbers, c.Number)
		}
	}
	return numbers
}

// Check refuses what is not an Argon2id hash.
func (c SetPassword) Check(s *State, _ time.Time) ([]Event, error) {
	if _, err := s.findUser(c.Name); err != nil {
		return nil, err
	}
	if !validHash(c.Password) {
		return nil, refuse(Invalid, "Password", "The password was not hashed with Argon2id.")
	}
	return newEvent(PasswordSet, 0, "", PasswordSetData(c))
}

// Check refuses to lock the last administrator out.
func (c DisableUser) Check(s *State, _ time.Time) ([]Event, error) {
	u, err := s.findUser(c.Name)
	if err != nil {
		return nil, err
	}
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	if u.Disabled {
		return nil, nil
	}
	if s.lastAdmin(u) {
		return nil, refuse(Conflict, "Name", "%s is the only administrator. Make somebody else one first, or nobody could set anything up.", u.FullName)
	}
	data := UserDisabledData{Name: c.Name}
	data.Released, data.Handoffs = s.leaving(c.Name)
	return newEvent(UserDisabled, 0, c.Reason, data)
}

// Check does nothing for a user who is enabled.
func (c EnableUser) Check(s *State, _ time.Time) ([]Event, error) {
	u, err := s.findUser(c.Name)
	if err != nil || !u.Disabled {
		return nil, err
	}
	return newEvent(UserEnabled, 0, "", UserEnabledData(c))
}

// Check refuses a name that was ever used, so that the log stays clear.
func (c CreateToken) Check(s *State, _ time.Time) ([]Event, error) {
	if err := checkName("Name", "token", c.Name); err != nil {
		return nil, err
	}
	if s.tokens[c.Name] != nil {
		return nil, refuse(Conflict, "Name", "There is or was a token %q. Choose another name, so that the log stays clear about who did what.", c.Name)
	}
	if !c.Role.Valid() {
		return nil, checkRoles("Role", []Role{c.Role})
	}
	if c.Hash.IsZero() || s.byToken[c.Hash] != nil {
		return nil, refuse(Invalid, "Hash", "The token needs a secret of its own.")
	}
	return newEvent(TokenCreated, 0, "", TokenCreatedData(c))
}

// Check refuses a token that does not exist or was revoked before.
func (c RevokeToken) Check(s *State, _ time.Time) ([]Event, error) {
	t := s.tokens[c.Name]
	switch {
	case t == nil:
		return nil, refuse(NotFound, "Name", "There is no token %q.", c.Name)
	case !t.Revoked.IsZero():
		return nil, refuse(Gone, "Name", "The token %q was revoked on %s.", c.Name, t.Revoked.UTC().Format("2 January 2006"))
	}
	return newEvent(TokenRevoked, 0, "", TokenRevokedData(c))
}
