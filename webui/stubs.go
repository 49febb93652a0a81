package webui

import "net/http"

// Server serves people and programs.
type Server struct{}

// New checks the configuration.
func New(c Config) (*Server, error) { panic("not built") }

// Handler serves pages, API and shares to the network; every request needs credentials of its own.
func (s *Server) Handler() http.Handler { panic("not built") }

// Local serves the API to those who may open the socket in the data
// directory or the data directory itself: they have every right.
func (s *Server) Local() http.Handler { panic("not built") }

// SignInLink makes a link that signs a user in once, within ten minutes.
func (s *Server) SignInLink(user string) string { panic("not built") }

// apiHandler serves /api/v1/; who asks is in the context (withCaller).
func (s *Server) apiHandler() http.Handler { panic("not built") }
