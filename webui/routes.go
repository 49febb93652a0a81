package webui

import (
	"net/http"
)

// route is a page, what it asks of its caller, and how what it shows of mail
// is noted.
type route struct {
	pattern string
	need    need
	how     how
	page    page
}

// routes lists every page. What guards a page, and whether reading it is noted,
// is decided here and nowhere else; /api/v1/ has a table of its own in api.go.
func (s *Server) routes() []route {
	return []route{
		// Ways in.
		{"GET /sign-in", open, silent, s.showSignIn},
		{"POST /sign-in", open, silent, s.signIn},
		{"GET /in/{secret}", open, silent, s.showLink}, // One-time sign-in link; only POST uses it up.
		{"POST /in/{secret}", open, silent, s.useLink},
		{"GET /setup/{token}", open, silent, s.showSetup}, // While there is no user.
		{"POST /setup/{token}", open, silent, s.setUp},
		{"POST /sign-out", signedIn, silent, s.signOut},
		{"GET /account", signedIn, silent, s.showAccount},
		{"POST /account/password", signedIn, silent, s.changePassword},
		{"POST /theme", open, silent, s.changeTheme},

		// What guests see: the declared items of a share and nothing else.
		{"GET /s/{token}", open, silent, s.showShare},
		{"GET /s/{token}/{citation}/{part}", open, silent, s.showSharedPart},

		// The record.
		{"GET /{$}", signedIn, asPage, s.showHome}, // A search for everything, to those who may read.,
		{"GET /search", mayRead, asPage, s.showSearch},
		{"GET /thread/{id}", mayRead, asThread, s.showThread},
		{"POST /record/{stream}/{position}/split", mayWork, asPage, s.splitThread},
		{"POST /record/{stream}/{position}/join", mayWork, asPage, s.joinThreads},
		{"POST /thread/decisions/{decision}/undo", mayWork, silent, s.undoThread},
		{"GET /record/{stream}/{position}", mayRead, asPage, s.showRecord},
		{"GET /record/{stream}/{position}/source", mayRead, asSource, s.showSource},
		{"GET /record/{stream}/{position}/raw", mayRead, asRaw, s.downloadRaw},
		{"GET /record/{stream}/{position}/html", mayRead, asHTML, s.showHTML},
		{"GET /record/{stream}/{position}/parts/{part}", mayRead, asPart, s.downloadPart},
		{"GET /record/{stream}/{position}/parts/{part}/about", mayRead, asPage, s.showFile},
		{"POST /record/{stream}/{position}/parts/{part}/pin", mayWork, asPage, s.pinFile},

		// Saved searches.
		{"GET /searches", mayRead, silent, s.showSearches},
		{"POST /searches", mayRead, silent, s.saveSearch},
		{"GET /searches/{owner}/{name}", mayRead, asPage, s.showSavedSearch},
		{"POST /searches/{owner}/{name}/seen", mayRead, silent, s.seeSearch},
		{"POST /searches/{owner}/{name}/remove", mayRead, silent, s.removeSearch},

		// Cases.
		{"GET /cases", mayRead, silent, s.showCases},
		{"POST /cases", mayWork, silent, s.openCase},
		{"GET /work", mayRead, silent, s.showWork},
		{"POST /work/bulk", mayWork, silent, s.changeWork},
		{"POST /work/bulk/{id}/undo", mayWork, silent, s.undoWork},
		{"GET /work/health", mayRead, silent, s.showHealth},
		{"GET /teams", signedIn, silent, s.showTeams},
		{"POST /teams", mayLead, silent, s.setTeam},
		{"POST /teams/{name}/remove", mayLead, silent, s.removeTeam},
		{"POST /cases/{number}/claim", mayWork, asPage, s.claimCase},
		{"POST /cases/{number}/return", mayWork, asPage, s.returnCase},
		{"POST /cases/{number}/snooze", mayWork, asPage, s.snoozeCase},
		{"POST /cases/{number}/exception", mayWork, asPage, s.settleException},
		{"GET /cases/{number}", mayRead, asPage, s.showCase},
		{"POST /cases/{number}", mayWork, asPage, s.changeCase}, // A form that is refused comes back on the page.
		{"GET /cases/{number}/mail", mayRead, asPage, s.showMail},
		{"POST /cases/{number}/mail", mayWork, asPage, s.linkMail},
		{"POST /cases/{number}/merge", mayWork, asPage, s.mergeCase},
		{"POST /cases/{number}/unmerge", mayWork, asPage, s.unmergeCase},
		{"POST /cases/{number}/split", mayWork, asPage, s.splitCase},
		{"POST /record/{stream}/{position}/link", mayWork, silent, s.linkRecord},
		{"GET /cases/{number}/risk", mayRead, asPage, s.showRisk},
		{"POST /cases/{number}/risk", mayWork, asPage, s.overrideRisk},
		{"POST /cases/{number}/signals", mayWork, asPage, s.judgeSignal},
		{"GET /escalations", mayRead, silent, s.showEscalations},
		{"GET /riskrules", mayRead, silent, s.showRiskRules},
		{"POST /riskrules", mayWork, silent, s.setRiskRules},
		{"GET /cases/{number}/evidence", mayRead, asPage, s.showEvidence},
		{"POST /cases/{number}/verify", mayRead, asPage, s.verifyCase}, // Changes nothing, but takes its time.
		{"POST /cases/{number}/files", mayWork, asPage, s.uploadFile},
		{"POST /cases/{number}/files/{id}/unpin", mayWork, asPage, s.unpinFile},
		{"POST /cases/{number}/seen", mayRead, silent, s.seeCase},
		{"GET /cases/{number}/timeline", mayRead, asPage, s.showTimeline},
		{"POST /cases/{number}/timeline", mayWork, asPage, s.pinItem},
		{"POST /cases/{number}/owner", mayWork, asPage, s.assignCase},
		{"POST /cases/{number}/notes", mayWork, asPage, s.addNote},
		{"POST /cases/{number}/issues", mayWork, asPage, s.openIssue},
		{"POST /cases/{number}/issues/{id}", mayWork, asPage, s.changeIssue},
		{"GET /cases/{number}/facts", mayRead, asPage, s.showFacts},
		{"POST /cases/{number}/facts", mayWork, asPage, s.stateFact},
		{"POST /cases/{number}/facts/{id}", mayWork, asPage, s.changeFact},
		{"POST /cases/{number}/details", mayWork, asPage, s.judgeDetail},
		{"POST /cases/{number}/told", mayWork, asPage, s.checkTold}, // It changes nothing.
		{"POST /cases/{number}/references", mayWork, asPage, s.giveReference},
		{"GET /extracts", mayRead, silent, s.showExtracts},
		{"POST /extracts", mayWork, asPage, s.setExtract}, // A trial shows words of mail.
		{"GET /extracts/{name}", mayRead, asPage, s.showExtract},
		{"POST /extracts/{name}/remove", mayWork, silent, s.removeExtract},
		{"GET /extracts/{name}/export", mayRead, asPage, s.exportExtract},
		{"GET /references", mayRead, silent, s.showReferences},
		{"POST /references", mayWork, silent, s.setReferences},
		{"POST /cases/{number}/decisions", mayWork, asPage, s.makeDecision},
		{"POST /cases/{number}/promises", mayWork, asPage, s.makePromise},
		{"POST /cases/{number}/promises/{id}/move", mayWork, asPage, s.movePromise},
		{"POST /cases/{number}/promises/{id}/end", mayWork, asPage, s.endPromise},
		{"POST /cases/{number}/promises/{id}/done", mayWork, asPage, s.judgeDischarge},
		{"POST /cases/{number}/promises/{id}/reopen", mayWork, asPage, s.reopenPromise},
		{"POST /cases/{number}/dates", mayWork, asPage, s.setKeyDate},
		{"POST /cases/{number}/dates/{id}/remove", mayWork, asPage, s.removeKeyDate},
		{"POST /cases/{number}/handoffs", mayWork, asPage, s.offerHandoff},
		{"GET /cases/{number}/handoffs/{id}", mayRead, asPage, s.showHandoff},
		{"POST /cases/{number}/handoffs/{id}/answer", mayWork, asPage, s.answerHandoff},
		{"POST /cases/{number}/handoffs/{id}/withdraw", mayWork, asPage, s.withdrawHandoff},
		{"POST /cases/{number}/handoffs/{id}/return", mayWork, asPage, s.returnHandoff},
		{"POST /cases/{number}/questions", mayWork, asPage, s.askQuestion},
		{"POST /cases/{number}/questions/{id}/answer", mayWork, asPage, s.answerQuestion},
		{"POST /cases/{number}/reviews", mayWork, asPage, s.askReview},
		{"POST /cases/{number}/reviews/start", mayWork, silent, s.startReview},
		{"POST /cases/{number}/reviews/{id}/decide", mayWork, asPage, s.decideReview},
		{"POST /cases/{number}/presence", mayRead, silent, s.bePresent},
		{"GET /cases/{number}/owners/{position}", mayRead, asPage, s.showInherited},
		{"GET /handoffs/fields", mayWork, silent, s.showHandoffFields},
		{"POST /handoffs/fields", mayWork, silent, s.setHandoffFields},
		{"GET /promises", mayRead, asPage, s.showPromises},
		{"GET /cases/{number}/clocks", mayRead, asPage, s.showClocks},
		{"POST /cases/{number}/marks", mayWork, silent, s.markMail},
		{"POST /cases/{number}/citations/{id}/withdraw", mayWork, silent, s.withdrawCitation},
		{"GET /proposals", mayWork, asPage, s.showConfirm},
		{"POST /record/{stream}/{position}/proposals", mayWork, asPage, s.answerProposals},
		{"POST /record/{stream}/{position}/cite", mayWork, asPage, s.cite},

		// Where new mail goes. Who may change that, the command says.
		{"GET /rules", signedIn, silent, s.showRules},
		{"GET /rules/why", mayRead, asPage, s.showWhy},
		{"GET /rules/{id}", signedIn, silent, s.showRule},
		{"POST /rules", signedIn, silent, s.setRuleTerms},
		{"POST /rules/{id}", signedIn, silent, s.setRule},
		{"POST /rules/{id}/try", mayRead, asPage, s.tryRule},
		{"POST /rules/{id}/move", signedIn, silent, s.moveRule},
		{"POST /intake", signedIn, silent, s.setIntake},

		// Accounts.
		{"GET /accounts", mayRead, asPage, s.showAccounts},
		{"POST /accounts", mayWork, silent, s.openAccount},
		{"GET /accounts/{id}", mayRead, asPage, s.showCustomer},
		{"POST /accounts/{id}", mayWork, silent, s.changeAccount},
		{"POST /accounts/{id}/details", mayWork, asPage, s.judgeAccountDetail},
		{"POST /accounts/{id}/mappings", mayWork, silent, s.mapIdentifier},
		{"GET /accounts/{id}/changes", mayRead, asPage, s.showAccountChanges},
		{"POST /accounts/{id}/seen", mayRead, silent, s.seeAccount},
		{"POST /accounts/{id}/contacts", mayWork, silent, s.setContact},
		{"POST /accounts/{id}/contacts/{contact}/remove", mayWork, silent, s.removeContact},
		{"POST /accounts/{id}/mappings/{mapping}", mayWork, silent, s.unmapIdentifier},

		// Alerts.
		{"GET /alerts", mayRead, silent, s.showAlerts}, // Sentences without words of mail.
		{"POST /alerts/seen", mayRead, silent, s.seeAlerts},
		{"GET /alerts/settings", mayRead, silent, s.showAlertSettings},
		{"POST /alerts/settings", mayRead, silent, s.setAlerts},
		{"POST /searches/{owner}/{name}/alert", mayRead, silent, s.alertOnSearch},
		{"POST /cases/{number}/follow", mayRead, silent, s.followCase},

		// Dates for calendars of other programs.
		{"POST /feeds", mayRead, silent, s.makeFeed},
		{"POST /feeds/{id}/revoke", mayRead, silent, s.revokeFeed},
		{"GET /calendar/{file}", open, asFeed, s.showFeed}, // Noted for whom the link is.

		// Shares.
		{"GET /shares", mayRead, silent, s.showShares},
		{"GET /cases/{number}/share", mayWork, asPage, s.showShareBuilder},
		{"POST /cases/{number}/share", mayWork, asPage, s.createShare},
		{"POST /cases/{number}/shares/{id}/revoke", mayWork, silent, s.revokeShare},

		// What is kept and what goes.
		{"GET /retention", mayKeep, silent, s.showRetention},
		{"POST /retention/classes/{class}", mayKeep, silent, s.setClass},
		{"POST /retention/holds", mayHold, asPage, s.placeHold},
		{"POST /retention/holds/{name}/release", mayHold, silent, s.releaseHold},
		{"POST /retention/erasures", mayHold, silent, s.requestErasure},
		{"POST /retention/erasures/{id}/approve", mayHold, silent, s.approveErasure},
		{"POST /retention/erasures/{id}/refuse", mayHold, silent, s.refuseErasure},
		{"POST /retention/policy", mayHold, silent, s.setErasurePolicy},

		// Who read what.
		{"GET /audit", mayAudit, asPage, s.showAudit},

		// The appliance.
		{"GET /status", signedIn, silent, s.showStatus},
		{"GET /help", signedIn, silent, s.showHelp},
		{"GET /queues", mayManage, silent, s.showQueues},
		{"POST /queues", mayManage, silent, s.addQueue},
		{"GET /queues/{name}", mayManage, silent, s.showQueue},
		{"GET /queues/{name}/test", mayManage, asTest, s.testQueue}, // Of a message all but its words.
		{"POST /queues/{name}", mayManage, silent, s.changeQueue},
		{"POST /queues/{name}/address", mayManage, silent, s.rotateQueue},
		{"POST /company", mayManage, silent, s.setCompany},
		{"GET /policies", mayManage, silent, s.showPolicies},
		{"POST /policies", mayManage, silent, s.setPolicy},
		{"POST /policies/usual", mayManage, silent, s.setUsual},
		{"GET /policies/{name}", mayManage, silent, s.showPolicy},
		{"POST /policies/{name}/move", mayManage, silent, s.movePolicy},
		{"POST /policies/{name}/remove", mayManage, silent, s.removePolicy},
		{"GET /calendars", mayManage, silent, s.showCalendars},
		{"POST /calendars", mayManage, silent, s.setCalendar},
		{"GET /calendars/{name}", mayManage, silent, s.showCalendar},
		{"POST /logins", mayManage, silent, s.setLogin},
		{"POST /logins/{name}/remove", mayManage, silent, s.removeLogin},
		{"POST /queues/{name}/remove", mayManage, silent, s.removeQueue},
		{"GET /users", mayManage, silent, s.showUsers},
		{"POST /users", mayManage, silent, s.addUser},
		{"POST /users/{name}", mayManage, silent, s.changeUser},
		{"POST /users/{name}/password", mayManage, silent, s.resetPassword},
		{"GET /tokens", mayManage, silent, s.showTokens},
		{"POST /tokens", mayManage, silent, s.createToken},
		{"POST /tokens/{name}/revoke", mayManage, silent, s.revokeToken},
	}
}

// mount builds what answers the network.
func (s *Server) mount(api http.Handler) http.Handler {
	mux := http.NewServeMux()
	for _, r := range s.routes() {
		mux.Handle(r.pattern, s.guard(r.need, r.how, r.page))
	}
	mux.Handle("GET /static/{file}", http.HandlerFunc(s.pages.serveAsset))
	mux.Handle("/api/v1/", s.guardAPI(api))
	mux.Handle("/", s.guard(open, silent, func(http.ResponseWriter, *http.Request) error { return notFound("page") }))
	return secure(http.NewCrossOriginProtection().Handler(mux))
}
