package webui

import (
	"context"

	"polytrace/casework"
)

type usersOut struct {
	Users []casework.User `json:"users"`
}

func (s *Server) apiUsers(context.Context, *none) (*body[usersOut], error) {
	var out usersOut
	s.config.Desk.Read(func(state *casework.State) { out.Users = list(state.Users()) })
	return reply(out), nil
}

type addUserIn struct {
	Body struct {
		Name     string          `json:"name"`
		FullName string          `json:"full_name,omitempty"`
		Roles    []casework.Role `json:"roles" doc:"agent, specialist, manager, observer, compliance, admin."`
		Password string          `json:"password,omitempty" doc:"At least 12 characters. Without one the user cannot sign in yet."`
	}
}

func (s *Server) apiAddUser(ctx context.Context, in *addUserIn) (*body[casework.User], error) {
	b := in.Body
	c := casework.AddUser{Name: b.Name, FullName: b.FullName, Roles: b.Roles}
	if b.Password != "" {
		var err error
		if c.Password, err = hashed(b.Password); err != nil {
			return nil, err
		}
	}
	if err := s.act(ctx, c); err != nil {
		return nil, err
	}
	u, _ := s.user(b.Name)
	return reply(u), nil
}

type nameIn struct {
	Name   string `path:"name"`
	Reason string `query:"reason"`
}

func (s *Server) apiDisableUser(ctx context.Context, in *nameIn) (*none, error) {
	return nil, s.act(ctx, casework.DisableUser{Name: in.Name, Reason: in.Reason})
}

func (s *Server) apiEnableUser(ctx context.Context, in *nameIn) (*none, error) {
	return nil, s.act(ctx, casework.EnableUser{Name: in.Name})
}

type passwordIn struct {
	Name string `path:"name"`
	Body struct {
		Password string `json:"password"`
	}
}

func (s *Server) apiSetPassword(ctx context.Context, in *passwordIn) (*none, error) {
	phc, err := hashed(in.Body.Password)
	if err != nil {
		return nil, err
	}
	return nil, s.act(ctx, casework.SetPassword{Name: in.Name, Password: phc})
}

type tokensOut struct {
	Tokens []casework.Token `json:"tokens"`
}

func (s *Server) apiTokens(context.Context, *none) (*body[tokensOut], error) {
	var out tokensOut
	s.config.Desk.Read(func(state *casework.State) { out.Tokens = list(state.Tokens()) })
	return reply(out), nil
}

type createTokenIn struct {
	Body struct {
		Name string        `json:"name"`
		Role casework.Role `json:"role"`
	}
}

type tokenCreated struct {
	Name  string        `json:"name"`
	Role  casework.Role `json:"role"`
	Token string        `json:"token" doc:"Told only now."`
}

func (s *Server) apiCreateToken(ctx context.Context, in *createTokenIn) (*body[tokenCreated], error) {
	secret := casework.NewSecret()
	if err := s.act(ctx, casework.CreateToken{Name: in.Body.Name, Role: in.Body.Role, Hash: casework.SecretHash(secret)}); err != nil {
		return nil, err
	}
	return reply(tokenCreated{in.Body.Name, in.Body.Role, secret}), nil
}

func (s *Server) apiRevokeToken(ctx context.Context, in *nameIn) (*none, error) {
	return nil, s.act(ctx, casework.RevokeToken{Name: in.Name})
}

type companyBody struct {
	Own []string `json:"own" doc:"Domains, with all below them, and single addresses that are the company's own."`
}

func (s *Server) apiCompany(context.Context, *none) (*body[companyBody], error) {
	var c casework.Company
	s.config.Desk.Read(func(state *casework.State) { c = s.company(state) })
	return reply(companyBody{list(c.Own)}), nil
}

type setCompanyIn struct {
	Body struct {
		Own    []string `json:"own" doc:"All of them: domains, with all below them, and single addresses."`
		Reason string   `json:"reason,omitempty"`
	}
}

func (s *Server) apiSetCompany(ctx context.Context, in *setCompanyIn) (*body[companyBody], error) {
	if err := s.act(ctx, casework.SetCompany{Own: in.Body.Own, Reason: in.Body.Reason}); err != nil {
		return nil, err
	}
	return s.apiCompany(ctx, nil)
}
