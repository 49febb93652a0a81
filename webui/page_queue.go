package webui

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"polytrace/casework"
	"polytrace/message"
)

// queuePage is a queue with what its administrator needs: state, set-up cards,
// and a test while one runs.
type queuePage struct {
	queueView
	Reach   reach
	TLSPort string // Where TLS is spoken from the first byte; "" when nowhere.
	Hurdles []string
	Cards   []SetupCard
	Gateway bool             // One runs here.
	Lately  []RefusedAttempt // Newest first.
	Test    *testView        // Nil when none runs.
	Form    termsForm
	Formats []string
}

// testView is a test as it is shown.
type testView struct {
	*QueueTest
	Over bool
	Link string // Where its next state is; "" when there will be none.
}

// mostShown is how many attempts that were not let in the page lists.
const mostShown = 5

func (s *Server) showQueue(w http.ResponseWriter, r *http.Request) error {
	q, err := s.queueNamed(r.PathValue("name"))
	if err != nil {
		return err
	}
	return s.renderQueue(w, r, http.StatusOK, q, nil, nil)
}

// testQueue waits for a message, and goes on with that while the page asks.
func (s *Server) testQueue(w http.ResponseWriter, r *http.Request) error {
	q, err := s.queueNamed(r.PathValue("name"))
	if err != nil {
		return err
	}
	since, seen := r.FormValue("since"), r.FormValue("seen")
	watch, err := s.watch(q, since)
	if err != nil {
		return err
	}
	if since == "" {
		http.Redirect(w, r, testPath(q, watch.since(watch.began))+"#test", http.StatusSeeOther)
		return nil
	}
	seconds, _ := strconv.Atoi(r.FormValue("wait")) // What is no number does not wait.
	if err := watch.wait(r.Context(), seen, seconds); r.Context().Err() != nil {
		return nil // The page was closed.
	} else if err != nil {
		return err
	}
	if seen != "" && watch.seen() == seen && !watch.over() {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	t, err := watch.show(r.Context(), "")
	if err != nil {
		return err
	}
	v := &testView{QueueTest: t, Over: watch.over()}
	if !v.Over {
		v.Link = testPath(q, t.Since) + "&" + url.Values{"seen": {t.Seen}}.Encode()
	}
	return s.renderQueue(w, r, http.StatusOK, q, v, nil)
}

func testPath(q casework.Queue, since string) string {
	return queuePath(q) + "/test?" + url.Values{"since": {since}}.Encode()
}

func queuePath(q casework.Queue) string { return "/queues/" + url.PathEscape(q.Name) }

// renderQueue shows the page of a queue; typed is a form that was refused.
func (s *Server) renderQueue(w http.ResponseWriter, r *http.Request, code int, q casework.Queue, test *testView, typed *termsForm) error {
	all, err := s.cardsFor(q)
	if err != nil {
		return err
	}
	v := queuePage{Reach: s.reachOf(q), Hurdles: s.hurdles(), Cards: all, Test: test, Gateway: s.config.Intake != nil, Form: formOf(q), Formats: message.Formats()}
	if typed != nil {
		v.Form = *typed
	}
	s.config.Desk.Read(func(state *casework.State) { v.setupCard = s.setupCard(state, q) })
	if _, port, err := net.SplitHostPort(s.config.SMTPTLS); err == nil {
		v.TLSPort = port
	}
	if v.Gateway {
		in := s.config.Intake()
		v.Intake = in.Queues[q.Name]
		v.Lately = slices.Clone(in.Lately[max(0, len(in.Lately)-mostShown):])
		slices.Reverse(v.Lately)
	}
	page := view{Title: "Queue " + q.Name, Nav: "queues", Page: v}
	if test != nil && !test.Over && test.Message == nil {
		page.Refresh = 5
	}
	return s.render(w, r, code, "queue", page)
}
