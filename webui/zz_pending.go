package webui

import (
	"context"
	"html/template"
	"net/http"
	"polytrace/archive"
	"time"
)

type live struct {
	CompleteTo time.Time
	Lag        int64
}

func (s *Server) live() live                                      { return live{} }
func (s *Server) settle(ctx context.Context, at archive.Position) {}
func (p *pages) functions() template.FuncMap                      { return template.FuncMap{} }

func (s *Server) addNote(w http.ResponseWriter, r *http.Request) error    { return notFound("page") }
func (s *Server) addQueue(w http.ResponseWriter, r *http.Request) error   { return notFound("page") }
func (s *Server) addUser(w http.ResponseWriter, r *http.Request) error    { return notFound("page") }
func (s *Server) assignCase(w http.ResponseWriter, r *http.Request) error { return notFound("page") }
func (s *Server) changeCase(w http.ResponseWriter, r *http.Request) error { return notFound("page") }
func (s *Server) changePassword(w http.ResponseWriter, r *http.Request) error {
	return notFound("page")
}
func (s *Server) changeUser(w http.ResponseWriter, r *http.Request) error    { return notFound("page") }
func (s *Server) cite(w http.ResponseWriter, r *http.Request) error          { return notFound("page") }
func (s *Server) createShare(w http.ResponseWriter, r *http.Request) error   { return notFound("page") }
func (s *Server) createToken(w http.ResponseWriter, r *http.Request) error   { return notFound("page") }
func (s *Server) downloadPart(w http.ResponseWriter, r *http.Request) error  { return notFound("page") }
func (s *Server) downloadRaw(w http.ResponseWriter, r *http.Request) error   { return notFound("page") }
func (s *Server) openCase(w http.ResponseWriter, r *http.Request) error      { return notFound("page") }
func (s *Server) removeQueue(w http.ResponseWriter, r *http.Request) error   { return notFound("page") }
func (s *Server) resetPassword(w http.ResponseWriter, r *http.Request) error { return notFound("page") }
func (s *Server) revokeShare(w http.ResponseWriter, r *http.Request) error   { return notFound("page") }
func (s *Server) revokeToken(w http.ResponseWriter, r *http.Request) error   { return notFound("page") }
func (s *Server) setUp(w http.ResponseWriter, r *http.Request) error         { return notFound("page") }
func (s *Server) showAccount(w http.ResponseWriter, r *http.Request) error   { return notFound("page") }
func (s *Server) showCase(w http.ResponseWriter, r *http.Request) error      { return notFound("page") }
func (s *Server) showCases(w http.ResponseWriter, r *http.Request) error     { return notFound("page") }
func (s *Server) showCite(w http.ResponseWriter, r *http.Request) error      { return notFound("page") }
func (s *Server) showHTML(w http.ResponseWriter, r *http.Request) error      { return notFound("page") }
func (s *Server) showHelp(w http.ResponseWriter, r *http.Request) error      { return notFound("page") }
func (s *Server) showHome(w http.ResponseWriter, r *http.Request) error      { return notFound("page") }
func (s *Server) showInline(w http.ResponseWriter, r *http.Request) error    { return notFound("page") }
func (s *Server) showLink(w http.ResponseWriter, r *http.Request) error      { return notFound("page") }
func (s *Server) showQueues(w http.ResponseWriter, r *http.Request) error    { return notFound("page") }
func (s *Server) showRecord(w http.ResponseWriter, r *http.Request) error    { return notFound("page") }
func (s *Server) showSearch(w http.ResponseWriter, r *http.Request) error    { return notFound("page") }
func (s *Server) showSetup(w http.ResponseWriter, r *http.Request) error     { return notFound("page") }
func (s *Server) showShare(w http.ResponseWriter, r *http.Request) error     { return notFound("page") }
func (s *Server) showShareBuilder(w http.ResponseWriter, r *http.Request) error {
	return notFound("page")
}
func (s *Server) showSharedPart(w http.ResponseWriter, r *http.Request) error {
	return notFound("page")
}
func (s *Server) showShares(w http.ResponseWriter, r *http.Request) error { return notFound("page") }
func (s *Server) showSignIn(w http.ResponseWriter, r *http.Request) error { return notFound("page") }
func (s *Server) showSource(w http.ResponseWriter, r *http.Request) error { return notFound("page") }
func (s *Server) showStatus(w http.ResponseWriter, r *http.Request) error { return notFound("page") }
func (s *Server) showThread(w http.ResponseWriter, r *http.Request) error { return notFound("page") }
func (s *Server) showTokens(w http.ResponseWriter, r *http.Request) error { return notFound("page") }
func (s *Server) showUsers(w http.ResponseWriter, r *http.Request) error  { return notFound("page") }
func (s *Server) signIn(w http.ResponseWriter, r *http.Request) error     { return notFound("page") }
func (s *Server) signOut(w http.ResponseWriter, r *http.Request) error    { return notFound("page") }
func (s *Server) useLink(w http.ResponseWriter, r *http.Request) error    { return notFound("page") }
func (s *Server) withdrawCitation(w http.ResponseWriter, r *http.Request) error {
	return notFound("page")
}
