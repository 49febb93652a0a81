package webui

import "net/http"

// apiHandler serves /api/v1/; who asks is in the context.
func (s *Server) apiHandler() http.Handler { return http.NotFoundHandler() }
