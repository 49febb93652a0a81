package webui

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path"
	"reflect"
	"strings"

	"polytrace/archive"
	"polytrace/index"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

const apiRoot = "/api/v1"

// api is the JSON API while it is put together. Its OpenAPI 3.1 document is
// generated from the same table that serves it.
type api struct {
	s    *Server
	mux  *http.ServeMux
	huma huma.API
	asks map[string]ask // By operation.
}

// ask is what an operation asks of its caller, and how what it shows of mail is
// noted.
type ask struct {
	need need
	how  how
}

// apiHandler serves /api/v1/; who asks is in the context.
func (s *Server) apiHandler() http.Handler { return s.newAPI().mux }

func (s *Server) newAPI() *api {
	a := &api{s: s, mux: http.NewServeMux(), asks: map[string]ask{}}
	c := huma.DefaultConfig("Polytrace", s.config.Version)
	c.Info.Description = "Search the record of support mail, work on cases, take mail in and out. Sign in with `Authorization: Bearer TOKEN`; an administrator makes tokens. Errors are problem documents (RFC 9457)."
	c.OpenAPIPath, c.DocsPath, c.SchemasPath, c.CreateHooks = "", "", "", nil
	c.Transformers = []huma.Transformer{func(_ huma.Context, _ string, v any) (any, error) { return typed(v), nil }}
	c.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer"}}
	c.Security = []map[string][]string{{"token": {}}}
	a.huma = humago.New(a.mux, c)
	a.huma.UseMiddleware(a.guard)
	a.operations()
	a.mux.Handle("GET "+apiRoot+"/openapi.json", a.document())
	a.mux.Handle("/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.fail(w, r, notFound("operation; "+apiRoot+"/openapi.json lists all"))
	}))
	return a
}

// document serves the OpenAPI document to everybody: it tells nothing that is
// not public. It is made once and before the first request, where huma would
// make it with the first ones, without a lock.
func (a *api) document() http.Handler {
	raw, err := json.Marshal(a.huma.OpenAPI())
	if err != nil {
		panic(fmt.Sprintf("webui: marshal the OpenAPI document: %v", err)) // Strings and numbers always marshal.
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		w.Write(raw) // Who does not read it to the end has left.
	})
}

// schemaName names a type in the OpenAPI document. Types of other packages
// begin with that package, since several have one of the same name.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if from := path.Base(t.PkgPath()); t.Name() != "" && from != "webui" && from != "." {
		return sentence(from) + name
	}
	return name
}

// operations lists what the API does, what guards each, and how it is noted.
func (a *api) operations() {
	s := a.s
	get, post, put, patch, del := http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete

	add(a, mayRead, asAPI, get, "/search", "Search the record, newest first", s.apiSearch)
	add(a, mayRead, asAPI, get, "/records/{stream}/{position}/explain", "Why a query finds a record, or does not", s.apiExplain)
	add(a, mayRead, silent, get, "/suggest", "How a query may go on; tells of no message, and is not noted", s.apiSuggest)
	add(a, mayRead, asAPI, get, "/records/{stream}/{position}", "What is known of a message", s.apiRecord)
	add(a, mayRead, asText, get, "/records/{stream}/{position}/text", "The readable text of a message", s.apiText)
	a.stream(mayRead, asRaw, get, "/records/{stream}/{position}/raw", "The exact bytes of a message", transfer{out: "message/rfc822", params: recordParams()}, s.downloadRaw)
	a.stream(mayRead, asPart, get, "/records/{stream}/{position}/parts/{part}", "The decoded bytes of a part", transfer{out: "application/octet-stream", params: append(recordParams(), pathParam("part", "Number of the part, from attachments[].n."))}, s.downloadPart)
	add(a, mayRead, asAPI, get, "/records/{stream}/{position}/parts/{part}/about", "A file: every message with the same bytes, its versions, and how it differs from the one before", s.apiFile)
	add(a, mayRead, asProof, get, "/records/{stream}/{position}/proof", "Proof that a message is in the signed log (RFC 6962)", s.apiProof)
	add(a, mayRead, asThread, get, "/threads/{id}", "A conversation, oldest message first", s.apiThread)
	add(a, mayRead, asAPI, get, "/records/{stream}/{position}/proposals", "What rules find in a message and nobody has confirmed or rejected, and what was rejected", s.apiProposals)
	add(a, mayWork, asAPI, post, "/records/{stream}/{position}/proposals", "Confirm or reject a proposal, or take a rejection back", s.apiAnswerProposal)
	add(a, mayRead, asAPI, get, "/proposals", "What the mail of the caller's cases, or of an account, says that waits for somebody to confirm or reject it", s.apiConfirm)
	add(a, mayWork, silent, post, "/records/{stream}/{position}/split", "Take a message, and what answers it, out of its conversation", s.apiSplit)
	add(a, mayWork, silent, post, "/records/{stream}/{position}/join", "Join the conversation of a message with another one", s.apiJoin)
	add(a, mayWork, silent, del, "/threads/decisions/{decision}", "Take back that a message was split off or conversations were joined", s.apiUndo)
	a.stream(mayRead, asAPI, get, "/export", "All hits of a query as ZIP of EML files or as mbox, with all copies of each; Polytrace-Total says how many messages", transfer{out: "application/zip", params: exportParams()}, s.apiExport)

	add(a, signedIn, silent, get, "/searches", "Saved searches, by name: the caller's and those for everyone", s.apiSearches)
	add(a, mayRead, silent, post, "/searches", "Give a query a name, or say anew what a saved search says", s.apiSaveSearch)
	add(a, signedIn, silent, del, "/searches/{owner}/{name}", "Remove a saved search", s.apiRemoveSearch)
	add(a, mayRead, asAPI, get, "/searches/{owner}/{name}/new", "What a watched search found since the caller said that all is seen", s.apiNews)
	add(a, mayRead, silent, post, "/searches/{owner}/{name}/seen", "Say that what a search found is seen", s.apiSeeSearch)

	add(a, mayRead, silent, get, "/work", "The open cases of a slice in order, and how many each slice has", s.apiWork)
	add(a, mayRead, silent, get, "/work/health", "Where work is piling up: of all and of each team", s.apiHealth)
	add(a, mayRead, silent, get, "/work/bulk", "Changes of many cases that can be undone, or were", s.apiBulks)
	add(a, mayWork, silent, post, "/work/bulk", "Change many cases at once, or see what would change", s.apiBulk)
	add(a, mayWork, silent, post, "/work/bulk/{id}/undo", "Take a change of many cases back, of those of which nothing was decided since", s.apiUndoBulk)
	add(a, signedIn, silent, get, "/teams", "The teams in which cases wait", s.apiTeams)
	add(a, mayLead, silent, put, "/teams/{name}", "Say all that a team says", s.apiSetTeam)
	add(a, mayLead, silent, del, "/teams/{name}", "Remove a team", s.apiRemoveTeam)
	add(a, mayRead, silent, put, "/searches/{owner}/{name}/alert", "Say whether, and how soon, the caller is told of what a watched search finds", s.apiAlertOnSearch)

	add(a, mayRead, silent, get, "/alerts", "The alerts of the caller: sentences without words of mail", s.apiAlerts)
	add(a, mayRead, silent, post, "/alerts/seen", "Say that alerts are seen, up to one", s.apiSeeAlerts)
	add(a, mayRead, silent, get, "/alerts/settings", "How the caller is told", s.apiAlertSettings)
	add(a, mayRead, silent, put, "/alerts/settings", "Say how the caller is told; for people", s.apiSetAlerts)
	add(a, mayRead, silent, put, "/cases/{number}/follow", "Be told of what happens to a case, or no more; for people", s.apiFollow)
	add(a, mayRead, silent, get, "/feeds", "The caller's links to dates for calendars (RFC 5545)", s.apiFeeds)
	add(a, mayRead, silent, post, "/feeds", "Make a link to the dates of one's cases, or of an account; it is told once", s.apiMakeFeed)
	add(a, mayRead, silent, del, "/feeds/{id}", "Revoke a link to dates", s.apiRevokeFeed)

	add(a, mayRead, silent, get, "/cases", "All cases, the one that was changed last first", s.apiCases)
	add(a, mayWork, silent, post, "/cases", "Open a case", s.apiOpenCase)
	add(a, mayRead, asAPI, get, "/cases/{number}", "A case with its evidence, notes and statements", s.apiCase)
	add(a, mayWork, asAPI, patch, "/cases/{number}", "Change a case or its owner", s.apiChangeCase)
	add(a, mayRead, asAPI, get, "/cases/{number}/events", "Every decision about a case, oldest first", s.apiCaseEvents)
	add(a, mayRead, asAPI, get, "/cases/{number}/brief", "What there is to know about a case, each line with what it rests on", s.apiBrief)
	add(a, mayRead, asAPI, get, "/cases/{number}/mail", "The mail of a case", s.apiCaseMail)
	add(a, mayRead, asAPI, get, "/cases/{number}/timeline", "Mail and decisions of a case in the order in which they happened", s.apiTimeline)
	add(a, mayWork, asAPI, post, "/cases/{number}/timeline/pins", "Pin a message, or a line of the log, in the timeline of a case", s.apiPinItem)
	add(a, mayWork, silent, del, "/cases/{number}/timeline/pins/{id}", "Take a pin in the timeline of a case away", s.apiUnpinItem)
	add(a, mayRead, asAPI, get, "/cases/{number}/changes", "What happened to a case since the caller said that all is seen", s.apiChanges)
	add(a, mayRead, asAPI, get, "/cases/{number}/evidence", "What a case rests on: messages and files, the same bytes once with all places they came from", s.apiEvidence)
	add(a, mayRead, asAPI, get, "/cases/{number}/similar", "Cases like a case, as far as the caller may read their mail, and why", s.apiSimilar)
	add(a, mayRead, asAPI, post, "/cases/{number}/verify", "Read again all that a case rests on, and compare it with what came in", s.apiVerifyCase)
	add(a, mayWork, asAPI, post, "/cases/{number}/files", "Make a file of a message evidence of a case", s.apiPinFile)
	add(a, mayWork, silent, del, "/cases/{number}/files/{id}", "Take a file out of the evidence of a case", s.apiUnpinFile)
	a.stream(mayWork, silent, post, "/cases/{number}/uploads", "Keep a file, at most 25 MiB, as evidence of a case", transfer{in: "application/octet-stream", out: "application/json", value: reflect.TypeFor[uploadOut](), params: uploadParams()}, s.apiUpload)
	add(a, mayRead, silent, post, "/cases/{number}/seen", "Say that what there is of a case is seen", s.apiSeeCase)
	add(a, mayRead, asAPI, get, "/cases/{number}/risk", "How much a case is at risk, with every signal and what it rests on", s.apiRisk)
	add(a, mayWork, asAPI, put, "/cases/{number}/risk", "Set the level of a case for a time, or take that back", s.apiOverrideRisk)
	add(a, mayWork, asAPI, post, "/cases/{number}/signals", "Say that a signal is seen, is none, or can wait", s.apiJudgeSignal)
	add(a, mayRead, silent, get, "/escalations", "The cases at risk, by what is to be done about them", s.apiEscalations)
	add(a, mayRead, silent, get, "/riskrules", "How many points each rule of risk gives", s.apiRiskRules)
	add(a, mayWork, silent, put, "/riskrules", "Change the rules of risk", s.apiSetRiskRules)
	add(a, mayWork, asAPI, post, "/cases/{number}/claim", "Take a case that nobody has; 409 says who has it", s.apiClaim)
	add(a, mayWork, asAPI, post, "/cases/{number}/return", "Give a case back to its team", s.apiReturn)
	add(a, mayWork, asAPI, post, "/cases/{number}/snooze", "Let a case sleep until a time or until the customer writes, or wake it", s.apiSnooze)
	add(a, mayWork, asAPI, post, "/cases/{number}/exception", "Say that somebody has seen to why mail of a case was an exception: it leaves that slice", s.apiSettleException)
	add(a, mayWork, asAPI, post, "/cases/{number}/mail", "Bring the conversation of a message into a case, or put it aside", s.apiLinkMail)
	add(a, mayWork, asAPI, post, "/cases/{number}/merge", "Make a case part of another one, or take that back", s.apiMergeCase)
	add(a, mayWork, asAPI, post, "/cases/{number}/split", "Make conversations of a case a case of their own", s.apiSplitCase)
	add(a, mayWork, asAPI, post, "/cases/{number}/notes", "Add a note", s.apiAddNote)
	add(a, mayWork, asAPI, post, "/cases/{number}/issues", "Open an issue of a case", s.apiOpenIssue)
	add(a, mayWork, asAPI, patch, "/cases/{number}/issues/{id}", "Change an issue", s.apiChangeIssue)
	add(a, mayWork, asAPI, post, "/cases/{number}/facts", "State a fact", s.apiStateFact)
	add(a, mayWork, asAPI, patch, "/cases/{number}/facts/{id}", "Change a fact, or accept, reject or supersede it", s.apiChangeFact)
	add(a, mayRead, asAPI, get, "/cases/{number}/details", "What the mail of a case says: what extracts find in it, and what people said of that", s.apiCaseDetails)
	add(a, mayWork, asAPI, post, "/cases/{number}/details", "Confirm, correct or reject what was found in the mail of a case", s.apiJudgeDetail)
	add(a, mayRead, silent, get, "/extracts", "What is looked for in messages", s.apiExtracts)
	add(a, mayWork, asAPI, post, "/extracts/try", "What an extract would find in the newest messages; nothing is kept", s.apiTryExtract)
	add(a, mayRead, silent, get, "/extracts/{name}", "An extract with all that it ever said", s.apiExtract)
	add(a, mayWork, silent, put, "/extracts/{name}", "Say what is looked for; for managers", s.apiSetExtract)
	add(a, mayWork, silent, del, "/extracts/{name}", "Look for something no more; for managers", s.apiRemoveExtract)
	add(a, mayRead, asAPI, get, "/extracts/{name}/rows", "The latest value of each account, or case, with those before it", s.apiExtractRows)
	a.stream(mayRead, asAPI, get, "/extracts/{name}/export", "The same as a file, with values of mail that no spreadsheet carries out", transfer{out: "application/octet-stream", params: exportRowsParams()}, s.exportExtract)
	add(a, mayWork, asAPI, post, "/cases/{number}/told", "What the customer has told us already of a question that somebody is about to ask; nothing is kept", s.apiTold)
	add(a, mayRead, asAPI, get, "/cases/{number}/references", "What a case is about in other systems", s.apiCaseReferences)
	add(a, mayWork, asAPI, post, "/cases/{number}/references", "Say that a case is about something in another system, or that it is not", s.apiGiveReference)
	add(a, mayRead, silent, get, "/references", "Of which systems references are looked for in mail", s.apiReferences)
	add(a, mayWork, silent, put, "/references", "Say of which systems references are looked for; for managers", s.apiSetReferences)
	add(a, mayWork, asAPI, post, "/cases/{number}/decisions", "Write a decision down, with its reason", s.apiMakeDecision)
	add(a, mayWork, asAPI, post, "/cases/{number}/commitments", "Write a promise down", s.apiMakeCommitment)
	add(a, mayWork, asAPI, post, "/cases/{number}/commitments/{id}/move", "Write down that a promise is to be kept at another time, or otherwise", s.apiMoveCommitment)
	add(a, mayWork, asAPI, post, "/cases/{number}/commitments/{id}/end", "Say how a promise ended", s.apiEndCommitment)
	add(a, mayRead, asAPI, get, "/cases/{number}/discharges", "Open promises that a later message seems to keep", s.apiLooksDone)
	add(a, mayWork, asAPI, post, "/cases/{number}/commitments/{id}/done", "Say that a message keeps a promise, or does not", s.apiJudgeDischarge)
	add(a, mayWork, asAPI, post, "/cases/{number}/commitments/{id}/reopen", "Take the end of a promise back", s.apiReopenCommitment)
	add(a, mayWork, asAPI, post, "/cases/{number}/keydates", "Keep a date that matters", s.apiSetKeyDate)
	add(a, mayWork, silent, del, "/cases/{number}/keydates/{id}", "Remove a date", s.apiRemoveKeyDate)
	add(a, mayWork, asAPI, post, "/cases/{number}/handoffs", "Offer a case to somebody: for good, as a cover until a time, or to join", s.apiOfferHandoff)
	add(a, mayRead, asAPI, get, "/cases/{number}/handoffs/{id}", "A handoff: what goes with the case, what it lacks, and what changed since", s.apiHandoff)
	add(a, mayWork, asAPI, post, "/cases/{number}/handoffs/{id}/answer", "Accept an offer, saying what becomes of each open promise of ours, or decline it", s.apiAnswerHandoff)
	add(a, mayWork, asAPI, post, "/cases/{number}/handoffs/{id}/withdraw", "Take an offer back", s.apiWithdrawHandoff)
	add(a, mayWork, asAPI, post, "/cases/{number}/handoffs/{id}/return", "End a cover before its time", s.apiReturnHandoff)
	add(a, mayWork, asAPI, post, "/cases/{number}/questions", "Ask a colleague inside of the case", s.apiAskQuestion)
	add(a, mayWork, asAPI, post, "/cases/{number}/questions/{id}/answer", "Answer a question; with citations the answer is a fact", s.apiAnswerQuestion)
	add(a, mayRead, silent, get, "/cases/{number}/presence", "Who looks at a case now, or writes on it", s.apiPresence)
	add(a, mayRead, asAPI, get, "/cases/{number}/owners", "How a case went from one owner to the next", s.apiOwners)
	add(a, mayRead, asAPI, get, "/cases/{number}/owners/{position}", "What goes with a case that has another owner, as of the event that said so, and what is missing", s.apiInherited)
	add(a, mayRead, asAPI, get, "/cases/{number}/reviews", "The reviews of a case: who, how long, what was read and asked, what was decided", s.apiReviews)
	add(a, mayWork, asAPI, post, "/cases/{number}/reviews", "Ask a manager for a review", s.apiAskReview)
	add(a, mayWork, asAPI, post, "/cases/{number}/reviews/start", "Begin a review; for managers", s.apiStartReview)
	add(a, mayWork, asAPI, post, "/cases/{number}/reviews/{id}/decide", "Say what comes of a review, and carry that out", s.apiDecideReview)
	add(a, mayRead, silent, get, "/reviews", "Reviews that are asked for or go on", s.apiOpenReviews)
	add(a, mayRead, silent, get, "/handoffs", "Handoffs that wait for an answer or go on, and questions that were not answered", s.apiHandoffs)
	add(a, mayRead, silent, get, "/handoffs/fields", "What an offer has to say", s.apiHandoffFields)
	add(a, mayWork, silent, put, "/handoffs/fields", "Say what an offer has to say; for managers", s.apiSetHandoffFields)
	add(a, mayRead, asAPI, get, "/commitments", "What was promised in all cases, ours and theirs", s.apiCommitments)
	add(a, mayRead, asAPI, get, "/cases/{number}/clocks", "How the response clocks of a case stand, and why", s.apiClocks)
	add(a, mayWork, silent, put, "/records/{stream}/{position}/mark", "Say that a message needs no answer, or that it does after all", s.apiMark)
	add(a, mayWork, asAPI, post, "/cases/{number}/citations", "Cite a message or words of it", s.apiCite)
	add(a, mayWork, silent, del, "/cases/{number}/citations/{id}", "Withdraw a citation", s.apiWithdraw)
	add(a, mayRead, silent, get, "/cases/{number}/shares", "The share links of a case", s.apiShares)
	add(a, mayWork, silent, post, "/cases/{number}/shares", "Make a share link; its URL is told once", s.apiCreateShare)
	add(a, mayWork, silent, del, "/cases/{number}/shares/{id}", "Revoke a share link", s.apiRevokeShare)

	add(a, signedIn, silent, get, "/rules", "Where new mail goes: the rules in the order in which they are looked through, and their versions", s.apiRules)
	add(a, signedIn, silent, put, "/rules", "Say all rules anew; for managers", s.apiSetRules)
	add(a, signedIn, silent, get, "/rules/versions/{version}", "What the rules were", s.apiRuleVersion)
	add(a, mayRead, asAPI, post, "/rules/try", "What rules that are not kept would have done with the mail of the last days", s.apiTryRules)
	add(a, mayRead, asAPI, get, "/records/{stream}/{position}/route", "Why a message went where it did: the trace of each rule", s.apiRoute)
	add(a, signedIn, silent, get, "/intake", "Of which queues new mail becomes cases", s.apiIntake)
	add(a, signedIn, silent, put, "/intake", "Say of which queues new mail becomes cases; for managers", s.apiSetIntake)

	add(a, mayRead, silent, get, "/accounts", "All accounts by name, with who belongs to them", s.apiAccounts)
	add(a, mayWork, silent, post, "/accounts", "Open an account", s.apiOpenAccount)
	add(a, mayRead, asAPI, get, "/accounts/{id}", "An account with its people, cases and history", s.apiAccount)
	add(a, mayWork, silent, patch, "/accounts/{id}", "Change the name or the status of an account", s.apiChangeAccount)
	add(a, mayRead, asAPI, get, "/accounts/{id}/details", "What the newest mail of an account says: what extracts find in it, and what people said of that", s.apiAccountDetails)
	add(a, mayWork, asAPI, post, "/accounts/{id}/details", "Confirm, correct or reject what was found in the mail of an account", s.apiJudgeAccountDetail)
	add(a, mayRead, asAPI, get, "/accounts/{id}/changes", "What changed of an account, in all of its cases and its mail, with new people and files", s.apiAccountChanges)
	add(a, mayRead, silent, post, "/accounts/{id}/seen", "Say that what there is of an account is seen", s.apiSeeAccount)
	add(a, mayWork, silent, post, "/accounts/{id}/contacts", "Say who somebody at a customer is, and whether they are key", s.apiSetContact)
	add(a, mayWork, silent, del, "/accounts/{id}/contacts/{contact}", "Remove a contact", s.apiRemoveContact)
	add(a, mayWork, silent, post, "/accounts/{id}/mappings", "Say that a domain or an address is of an account", s.apiMap)
	add(a, mayWork, silent, post, "/accounts/{id}/mappings/{mapping}/end", "End a mapping; mail from before stays with the account", s.apiEndMapping)
	add(a, mayWork, silent, del, "/accounts/{id}/mappings/{mapping}", "Take a mapping back that was a mistake: it holds at no time", s.apiTakeBack)

	add(a, signedIn, silent, get, "/log/{stream}", "The last checkpoint of a stream, and proof that it goes on from an earlier one (RFC 6962)", s.apiConsistency)
	add(a, signedIn, silent, get, "/status", "How the appliance is", s.apiStatus)
	a.stream(signedIn, silent, get, "/events", "The figures of the status as they change (server-sent events)", transfer{out: "text/event-stream"}, s.apiEvents)
	a.stream(mayManage, silent, post, "/verify", "Read everything back and compare it with its checksums; answers with a line of JSON as it goes, the last one has done", transfer{out: "application/jsonl"}, s.apiVerify)
	a.stream(mayManage, silent, post, "/rebuild", "Build the index anew beside the one that answers; answers with a line of JSON as it goes, the last one has done", transfer{out: "application/jsonl", params: rebuildParams()}, s.apiRebuild)
	add(a, mayManage, silent, post, "/doctor", "Compare the bucket with what was put there, and put back what it lost", s.apiDoctor)
	add(a, mayManage, silent, get, "/users", "All users", s.apiUsers)
	add(a, mayManage, silent, post, "/users", "Add a user", s.apiAddUser)
	add(a, mayManage, silent, post, "/users/{name}/disable", "Disable a user", s.apiDisableUser)
	add(a, mayManage, silent, post, "/users/{name}/enable", "Enable a user", s.apiEnableUser)
	add(a, mayManage, silent, post, "/users/{name}/password", "Set a password", s.apiSetPassword)
	add(a, mayManage, silent, get, "/tokens", "All tokens, without their secrets", s.apiTokens)
	add(a, mayManage, silent, post, "/tokens", "Make a token; it is told once", s.apiCreateToken)
	add(a, mayManage, silent, del, "/tokens/{name}", "Revoke a token", s.apiRevokeToken)
	add(a, mayManage, silent, get, "/queues", "All queues with their addresses", s.apiQueues)
	add(a, mayManage, silent, post, "/queues", "Add a queue; its address is where mail servers send to", s.apiAddQueue)
	add(a, mayManage, silent, patch, "/queues/{name}", "Change what a queue asks for; what is not said stays", s.apiChangeQueue)
	add(a, mayManage, silent, post, "/queues/{name}/rotate", "Give a queue a new address; the one before takes mail too", s.apiRotateQueue)
	add(a, mayManage, silent, post, "/queues/{name}/retire", "End the address that a queue had before", s.apiRetireQueue)
	add(a, mayManage, silent, del, "/queues/{name}", "Close a queue", s.apiRemoveQueue)
	add(a, mayManage, silent, get, "/company", "Which domains and addresses are the company's own", s.apiCompany)
	add(a, mayManage, silent, put, "/company", "Say which domains and addresses are the company's own", s.apiSetCompany)
	add(a, mayManage, silent, get, "/policies", "What is promised to customers, in the order in which it is looked through", s.apiPolicies)
	add(a, mayManage, silent, put, "/policies", "Put the policies in another order", s.apiOrderPolicies)
	add(a, mayManage, silent, get, "/policies/{name}", "A policy with all that it ever said", s.apiPolicy)
	add(a, mayManage, silent, put, "/policies/{name}", "Say what a policy promises", s.apiSetPolicy)
	add(a, mayManage, silent, del, "/policies/{name}", "End a policy", s.apiRemovePolicy)
	add(a, mayManage, silent, get, "/calendars", "When people are at work", s.apiCalendars)
	add(a, mayManage, silent, get, "/calendars/{name}", "A calendar with all that it ever said", s.apiCalendar)
	add(a, mayManage, silent, put, "/calendars/{name}", "Say when people are at work", s.apiSetCalendar)
	add(a, mayManage, silent, get, "/logins", "Logins of mail servers, without their passwords", s.apiLogins)
	add(a, mayManage, silent, post, "/logins/{name}", "Make a login of mail servers, or give it another password; it is told once", s.apiSetLogin)
	add(a, mayManage, silent, del, "/logins/{name}", "Remove a login", s.apiRemoveLogin)
	add(a, mayManage, silent, get, "/sources", "Sets of networks that queues can name", s.apiSources)
	add(a, mayManage, silent, put, "/sources/{name}", "Give networks a name", s.apiSetSources)
	add(a, mayManage, silent, del, "/sources/{name}", "Take a name away", s.apiRemoveSources)
	add(a, mayManage, silent, get, "/queues/{name}/setup", "How mail servers are set up to send to a queue", s.apiSetup)
	add(a, mayManage, asTest, get, "/queues/{name}/test", "The next message that comes through a queue, and what is not let in meanwhile", s.apiTestQueue)

	add(a, mayKeep, silent, get, "/classes", "How long each class keeps", s.apiClasses)
	add(a, mayKeep, silent, put, "/classes/{class}", "Say how long a class keeps, and whether the bucket locks it", s.apiSetClass)
	add(a, mayKeep, silent, get, "/retention", "What goes at a time, and why the rest stays", s.apiRetention)
	add(a, mayHold, silent, get, "/holds", "All holds, live ones first", s.apiHolds)
	add(a, mayHold, silent, post, "/holds", "Hold what a query finds, whatever its class says", s.apiPlaceHold)
	add(a, mayHold, silent, post, "/holds/{name}/release", "End a hold", s.apiReleaseHold)
	add(a, mayHold, silent, get, "/erasures", "All erasures, the last one first", s.apiErasures)
	add(a, mayHold, silent, post, "/erasures", "Ask to erase messages, with every copy that came of them", s.apiRequestErasure)
	add(a, mayHold, silent, put, "/erasures/policy", "Say whether an erasure takes a second person", s.apiErasurePolicy)
	add(a, mayHold, silent, post, "/erasures/{id}/approve", "Order an erasure", s.apiApproveErasure)
	add(a, mayHold, silent, post, "/erasures/{id}/refuse", "Refuse an erasure", s.apiRefuseErasure)

	add(a, mayAudit, asAPI, get, "/audit", "Who read, searched and exported what, newest first", s.apiAudit)

	a.stream(mayManage, asAPI, post, "/reconcile", "Compare a message trace with the archive: what the mail server says it has sent and the archive lacks; the body is the CSV file", transfer{in: "text/csv", out: "application/json", value: reflect.TypeFor[traceOut]()}, s.apiTrace)
	a.stream(mayManage, silent, post, "/import", "Take in one message of a mailbox; the body is its exact bytes", transfer{in: "message/rfc822", out: "application/json", value: reflect.TypeFor[importOut](), params: importParams()}, s.apiImport)
}

// add serves an operation with JSON in and out.
func add[In, Out any](a *api, n need, h how, method, route, summary string, do func(context.Context, *In) (*Out, error)) {
	op := a.describe(ask{n, h}, method, route, summary)
	_, tells := reflect.TypeFor[Out]().FieldByName("Body")
	_, own := reflect.TypeFor[Out]().FieldByName("Status")
	if tells && !own && method == http.MethodPost {
		op.DefaultStatus = http.StatusCreated // The answer is what was made.
	}
	huma.Register(a.huma, op, func(ctx context.Context, in *In) (*Out, error) {
		out, err := do(ctx, in)
		if err != nil {
			return nil, a.problem(ctx, op.OperationID, err)
		}
		return out, nil
	})
}

// transfer describes bytes of any length that come and go.
type transfer struct {
	in, out string       // Media types of request and response; "" is none.
	value   reflect.Type // Of a response in JSON, for the document.
	params  []*huma.Param
}

// stream serves an operation whose body is bytes of any length.
func (a *api) stream(n need, h how, method, route, summary string, t transfer, p page) {
	op := a.describe(ask{n, h}, method, route, summary)
	schemas := a.huma.OpenAPI().Components.Schemas
	answer := bytesSchema()
	if t.value != nil {
		answer = schemas.Schema(t.value, true, "")
	}
	op.Parameters = t.params
	if t.in != "" {
		op.RequestBody = &huma.RequestBody{Required: true, Content: media(t.in, bytesSchema())}
	}
	op.Responses = map[string]*huma.Response{
		"200":     {Description: "OK", Content: media(t.out, answer)},
		"default": {Description: "Error", Content: media("application/problem+json", schemas.Schema(reflect.TypeFor[huma.ErrorModel](), true, ""))},
	}
	a.huma.OpenAPI().AddOperation(&op)
	a.mux.HandleFunc(method+" "+apiRoot+route, func(w http.ResponseWriter, r *http.Request) {
		err := a.check(r.Context(), op.OperationID)
		if err == nil {
			err = p(w, r.WithContext(withHow(r.Context(), h)))
		}
		if err != nil {
			a.fail(w, r, err)
		}
	})
}

func media(kind string, schema *huma.Schema) map[string]*huma.MediaType {
	return map[string]*huma.MediaType{kind: {Schema: schema}}
}

func bytesSchema() *huma.Schema { return &huma.Schema{Type: "string", Format: "binary"} }

// maxBody is how many bytes a request in JSON may have.
const maxBody = 1 << 20

func (a *api) describe(asks ask, method, route, summary string) huma.Operation {
	id := strings.ToLower(method) + strings.NewReplacer("/", "-", "{", "", "}", "").Replace(route)
	a.asks[id] = asks
	op := huma.Operation{OperationID: id, Method: method, Path: apiRoot + route, Summary: summary, Description: needText[asks.need], MaxBodyBytes: maxBody}
	if method == http.MethodDelete {
		op.DefaultStatus = http.StatusNoContent
	}
	return op
}

var needText = map[need]string{
	signedIn:  "Needs an account or a token of any role.",
	mayRead:   "Needs a role that reads: agent, specialist, manager, observer or compliance.",
	mayWork:   "Needs a role that works on cases: agent, specialist or manager.",
	mayManage: "Needs the role admin.",
	mayLead:   "Needs the role manager or admin.",
	mayKeep:   "Needs the role compliance or admin.",
	mayHold:   "Needs the role compliance.",
	mayAudit:  "Needs the role compliance.",
}

func pathParam(name, what string) *huma.Param {
	return &huma.Param{Name: name, In: "path", Required: true, Description: what, Schema: &huma.Schema{Type: "string"}}
}

func queryParam(name, what string) *huma.Param {
	return &huma.Param{Name: name, In: "query", Description: what, Schema: &huma.Schema{Type: "string"}}
}

func recordParams() []*huma.Param {
	return []*huma.Param{pathParam("stream", "Stream of the record, e.g. mail."), pathParam("position", "Position in the stream, from 0.")}
}

// check decides whether the caller may do an operation.
func (a *api) check(ctx context.Context, operation string) error {
	c, ok := callerFrom(ctx)
	asks, known := a.asks[operation]
	switch {
	case !ok:
		return &statusError{http.StatusUnauthorized, "Send a token as Authorization: Bearer TOKEN. An administrator makes one with polytrace token create, or on the page Tokens.", nil}
	case !known || !c.may(asks.need):
		return &statusError{http.StatusForbidden, refusals[asks.need], nil}
	}
	return nil
}

func (a *api) guard(ctx huma.Context, next func(huma.Context)) {
	if err := a.check(ctx.Context(), ctx.Operation().OperationID); err != nil {
		e := asStatus(err)
		if e.code == http.StatusUnauthorized {
			ctx.SetHeader("WWW-Authenticate", "Bearer")
		}
		huma.WriteErr(a.huma, ctx, e.code, e.text)
		return
	}
	next(huma.WithValue(ctx, howKey{}, a.asks[ctx.Operation().OperationID].how))
}

// problem is an error as a problem document (RFC 9457).
func (a *api) problem(ctx context.Context, operation string, err error) huma.StatusError {
	var syntax *index.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return huma.NewError(http.StatusUnprocessableEntity, "The query cannot be read: "+syntax.Text, &huma.ErrorDetail{
			Location: fmt.Sprintf("query.q[%d]", syntax.Offset), Message: syntax.Text, Value: syntax.Query})
	case errors.Is(err, index.ErrCursor):
		return huma.NewError(http.StatusUnprocessableEntity, sentence(index.ErrCursor.Error())+".", &huma.ErrorDetail{Location: "query.cursor", Message: index.ErrCursor.Error()})
	case errors.Is(err, archive.ErrFull) && !errors.As(err, new(*statusError)):
		err = &statusError{http.StatusInsufficientStorage, "The disk of the data directory is full; nothing was stored. Make room, then do it again.", err}
	}
	e := asStatus(err)
	switch {
	case ctx.Err() != nil:
		a.s.config.Log.DebugContext(ctx, "client left", "operation", operation, "error", err)
	case e.code >= http.StatusInternalServerError:
		a.s.config.Log.ErrorContext(ctx, "request failed", "operation", operation, "error", err)
	}
	return huma.NewError(e.code, e.text)
}

// typed names the type of a problem document where it is left out: none of
// ours would say more than the status does (RFC 9457 section 4.2.1).
func typed(v any) any {
	if p, ok := v.(*huma.ErrorModel); ok && p.Type == "" {
		p.Type = "about:blank"
	}
	return v
}

// fail writes a problem document.
func (a *api) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := a.problem(r.Context(), r.Pattern, err)
	if p.GetStatus() == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	for _, name := range []string{"ETag", "Content-Disposition", "Content-Length"} {
		w.Header().Del(name)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.GetStatus())
	if err := json.NewEncoder(w).Encode(typed(p)); err != nil {
		a.s.config.Log.DebugContext(r.Context(), "client left", "error", err)
	}
}

// body is a response with one JSON value.
type body[T any] struct{ Body T }

func reply[T any](v T) *body[T] { return &body[T]{v} }

// none is a request without parameters, or a response without a body.
type none struct{}

// list is never null in JSON.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}
