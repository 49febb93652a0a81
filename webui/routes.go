package webui

import (
	"net/http"
)

// route is a page, and what it asks of its caller.
type route struct {
	pattern string
	need    need
	page    page
}

// routes lists every page. What guards a page is decided here and nowhere
// else; /api/v1/ has a table of its own in api.go.
func (s *Server) routes() []route {
	return []route{
		// Ways in.
		{"GET /sign-in", open, s.showSignIn},
		{"POST /sign-in", open, s.signIn},
		{"GET /in/{secret}", open, s.showLink}, // One-time sign-in link; only POST uses it up.
		{"POST /in/{secret}", open, s.useLink},
		{"GET /setup/{token}", open, s.showSetup}, // While there is no user.
		{"POST /setup/{token}", open, s.setUp},
		{"POST /sign-out", signedIn, s.signOut},
		{"GET /account", signedIn, s.showAccount},
		{"POST /account/password", signedIn, s.changePassword},
		{"POST /theme", open, s.changeTheme},

		// What guests see: the declared items of a share and nothing else.
		{"GET /s/{token}", open, s.showShare},
		{"GET /s/{token}/{citation}/{part}", open, s.showSharedPart},

		// The record.
		{"GET /{$}", signedIn, s.showHome},
		{"GET /search", mayRead, s.showSearch},
		{"GET /thread/{id}", mayRead, s.showThread},
		{"GET /record/{stream}/{position}", mayRead, s.showRecord},
		{"GET /record/{stream}/{position}/source", mayRead, s.showSource},
		{"GET /record/{stream}/{position}/raw", mayRead, s.downloadRaw},
		{"GET /record/{stream}/{position}/html", mayRead, s.showHTML},
		{"GET /record/{stream}/{position}/parts/{part}", mayRead, s.downloadPart},

		// Cases.
		{"GET /cases", mayRead, s.showCases},
		{"POST /cases", mayWork, s.openCase},
		{"GET /cases/{number}", mayRead, s.showCase},
		{"POST /cases/{number}", mayWork, s.changeCase},
		{"POST /cases/{number}/owner", mayWork, s.assignCase},
		{"POST /cases/{number}/notes", mayWork, s.addNote},
		{"POST /cases/{number}/citations/{id}/withdraw", mayWork, s.withdrawCitation},
		{"POST /record/{stream}/{position}/cite", mayWork, s.cite},

		// Shares.
		{"GET /shares", mayRead, s.showShares},
		{"GET /cases/{number}/share", mayWork, s.showShareBuilder},
		{"POST /cases/{number}/share", mayWork, s.createShare},
		{"POST /cases/{number}/shares/{id}/revoke", mayWork, s.revokeShare},

		// What is kept and what goes.
		{"GET /retention", mayKeep, s.showRetention},
		{"POST /retention/classes/{class}", mayKeep, s.setClass},
		{"POST /retention/holds", mayHold, s.placeHold},
		{"POST /retention/holds/{name}/release", mayHold, s.releaseHold},
		{"POST /retention/erasures", mayHold, s.requestErasure},
		{"POST /retention/erasures/{id}/approve", mayHold, s.approveErasure},
		{"POST /retention/erasures/{id}/refuse", mayHold, s.refuseErasure},
		{"POST /retention/policy", mayHold, s.setErasurePolicy},

		// The appliance.
		{"GET /status", signedIn, s.showStatus},
		{"GET /help", signedIn, s.showHelp},
		{"GET /queues", mayManage, s.showQueues},
		{"POST /queues", mayManage, s.addQueue},
		{"POST /queues/{name}/remove", mayManage, s.removeQueue},
		{"GET /users", mayManage, s.showUsers},
		{"POST /users", mayManage, s.addUser},
		{"POST /users/{name}", mayManage, s.changeUser},
		{"POST /users/{name}/password", mayManage, s.resetPassword},
		{"GET /tokens", mayManage, s.showTokens},
		{"POST /tokens", mayManage, s.createToken},
		{"POST /tokens/{name}/revoke", mayManage, s.revokeToken},
	}
}

// mount builds what answers the network.
func (s *Server) mount(api http.Handler) http.Handler {
	mux := http.NewServeMux()
	for _, r := range s.routes() {
		mux.Handle(r.pattern, s.guard(r.need, r.page))
	}
	mux.Handle("GET /static/{file}", http.HandlerFunc(s.pages.serveAsset))
	mux.Handle("/api/v1/", s.guardAPI(api))
	mux.Handle("/", s.guard(open, func(http.ResponseWriter, *http.Request) error { return notFound("page") }))
	return secure(http.NewCrossOriginProtection().Handler(mux))
}
