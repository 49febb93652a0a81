package webui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/http"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

// carried is what left the appliance.
type carried struct {
	to, raw string
}

// carrier takes what leaves, or says why not.
type carrier struct {
	mails, hooks []carried
	fails        error
}

// alerting is a fixture with people, a watch that has begun, and a carrier.
func alerting(t testing.TB) (*fixture, *carrier, *alertWatch) {
	f := newFixture(t)
	f.users()
	f.do(casework.SetCompany{Own: []string{"northwind.example"}})
	c := &carrier{}
	f.web.config.Notify = Notify{From: "polytrace@northwind.example", Mail: func(_ context.Context, to string, message []byte) error {
		if c.fails == nil {
			c.mails = append(c.mails, carried{to, string(message)})
		}
		return c.fails
	}}
	f.act("compliance", casework.SetAlerts{Settings: casework.AlertSettings{Address: "c@northwind.example"}}) // Somebody wants to be told: the watch begins.
	w := newAlertWatch(f.web)
	f.look(w)
	return f, c, w
}

// look is a round of the watch and of what goes out.
func (f *fixture) look(w *alertWatch) {
	f.t.Helper()
	if err := w.round(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	if err := f.web.post.round(f.t.Context(), f.web); err != nil {
		f.t.Logf("post: %v", err)
	}
}

func (f *fixture) act(actor string, all ...casework.Command) {
	f.t.Helper()
	for _, c := range all {
		if _, err := f.desk.Do(f.t.Context(), actor, c); err != nil {
			f.t.Fatalf("%T: %v", c, err)
		}
	}
}

// told are the sentences of somebody's alerts, the first one first.
func (f *fixture) told(user string) (all []string) {
	f.desk.Read(func(s *casework.State) {
		list, _ := s.Alerts(user)
		for _, a := range slices.Backward(list) {
			all = append(all, a.Text)
		}
	})
	return all
}

// readMail reads a message as a mail program does.
func readMail(t *testing.T, raw string) (head mail.Header, subject, text string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	return m.Header, subject, string(body)
}

func instantly(kinds ...casework.AlertKind) casework.Command {
	x := casework.AlertSettings{Address: "agent@northwind.example", Mail: map[casework.AlertKind]casework.AlertPace{}}
	for _, kind := range kinds {
		x.Mail[kind] = casework.AlertInstant
	}
	return casework.SetAlerts{Settings: x}
}

// From a decision to the page, the bell and one mail that has links to the case and to what it rests on, and no words of
// mail or notes; another look and a restart of the watch add nothing.
func TestESC12_AlertsReachAPerson(t *testing.T) {
	t.Parallel()
	f, c, w := alerting(t)
	at := f.mail(letter(1))
	number := f.open("Second batch", at)
	f.act("agent", casework.AssignCase{Case: number, Owner: "agent"}, instantly(casework.AlertRisk, casework.AlertMention, casework.AlertOwner))
	for n := range 10 {
		f.do(casework.NoteRisk{Case: number, Change: casework.RiskChange{At: noon, To: casework.RiskLevels()[1+n%2], Points: 3 + n, Because: []casework.Signal{{Rule: casework.RiskWords, Text: "x", Points: 3, Evidence: archive.Digest{byte(n)}, Sources: []casework.Source{{Record: &at}}}}}})
		f.look(w)
		f.later(20 * time.Second)
	}
	f.act("manager", casework.AddNote{Case: number, Text: "@agent, a secret thought."})
	f.look(w)
	if len(c.mails) != 0 {
		t.Fatalf("%d mails before five minutes have passed", len(c.mails))
	}
	f.later(5 * time.Minute)
	f.look(w)
	f.look(newAlertWatch(f.web))
	f.web.post = newPost()
	f.later(time.Hour)
	f.look(newAlertWatch(f.web))
	if got := f.told("agent"); len(got) != 11 || got[0] != "The risk of C-101 rose from low to elevated, 3 points" {
		t.Fatalf("alerts %q", got)
	}
	if len(c.mails) != 1 || c.mails[0].to != "agent@northwind.example" {
		t.Fatalf("%d mails", len(c.mails))
	}
	head, subject, text := readMail(t, c.mails[0].raw)
	if subject != "11 alerts: The risk of C-101 rose from low to elevated, 3 points, and 10 more" || head.Get("Auto-Submitted") != "auto-generated" || !regexp.MustCompile(`^<alerts-[0-9a-f]{32}@northwind\.example>$`).MatchString(head.Get("Message-ID")) || head.Get("Date") == "" || !strings.HasPrefix(head.Get("Content-Type"), "text/plain") {
		t.Errorf("%q %v", subject, head)
	}
	for _, want := range []string{f.url + "/cases/101\r\n", f.url + "/record/mail/0\r\n", f.url + "/cases/101/timeline#ledger-", "The manager mentioned you in a note of C-101.", f.url + "/alerts/settings"} {
		if !strings.Contains(text, want) {
			t.Errorf("the mail does not say %q:\n%s", want, text)
		}
	}
	for _, never := range []string{"secret", "firmware", "Second batch", "Jane"} {
		if strings.Contains(text+subject, never) {
			t.Errorf("the mail says %q", never)
		}
	}
	b := f.as("agent")
	page := b.get("/alerts").body
	for _, want := range []string{`title="11 new alerts"`, "Mark all as seen", "Second batch", "The risk of C-101 rose", `href="/record/mail/0">message</a>`, "New 11"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page, "secret") {
		t.Error("the page has words of the note")
	}
	upto := regexp.MustCompile(`name="upto" value="(\d+)"`).FindStringSubmatch(page)[1]
	if r := b.post("/alerts/seen", url.Values{"upto": {upto}}); r.code != http.StatusSeeOther {
		t.Errorf("%d %s", r.code, r.body)
	}
	if page := b.get("/alerts").body; !strings.Contains(page, "No new alert") || strings.Contains(page, "badge\">11") {
		t.Error("what was seen is new")
	}
	if page := b.get("/alerts?show=all&kind=mention").body; strings.Contains(page, "The risk of") || !strings.Contains(page, "The manager mentioned you") {
		t.Error("the filter does not hold")
	}
}

// A message that comes and matches is told once to each who wants to be told, and to nobody who may not read it; a copy of it,
// another round and a restart tell nothing more.
func TestTR15_AlertsRunWithinGrants(t *testing.T) {
	t.Parallel()
	f, c, w := alerting(t)
	f.do(casework.AddQueue{Name: "postfix", Local: "postfix-7f3k2", QueueTerms: casework.QueueTerms{Readers: []string{"agent"}}})
	f.act("manager", casework.SaveSearch{Name: "firmware", Query: "firmware", Shared: true, Watch: true})
	f.mail(letter(1))
	for _, who := range []string{"agent", "observer"} {
		if r := f.as(who).post("/searches/manager/firmware/alert", url.Values{"pace": {"instant"}}); r.code != http.StatusSeeOther {
			t.Fatalf("%s: %d %s", who, r.code, r.body)
		}
	}
	f.act("agent", instantly(casework.AlertSearch))
	f.act("observer", instantly(casework.AlertSearch))
	at := f.mail(letter(2))
	f.look(w)
	f.mail(letter(2))
	f.look(w)
	f.look(newAlertWatch(f.web))
	f.later(6 * time.Minute)
	f.look(newAlertWatch(f.web))
	if got := f.told("agent"); len(got) != 1 || got[0] != "A new message matches the search firmware" {
		t.Errorf("its reader: %q", got)
	}
	if got := f.told("observer"); len(got) != 0 {
		t.Errorf("who may not read it: %q", got)
	}
	if len(c.mails) != 1 || !strings.Contains(c.mails[0].raw, "/record/"+at.String()) {
		t.Errorf("%v", c.mails)
	}
	if page := f.as("agent").get("/searches/manager/firmware").body; !strings.Contains(page, `value="instant" selected`) {
		t.Error("the page of the search does not say how soon")
	}
	// What an alert rests on is hidden from who may not read it.
	f.do(casework.RaiseAlerts{Drafts: []casework.Draft{{Kind: casework.AlertRisk, To: "manager", Text: "x", Sources: []casework.Source{{Record: &at}}}}})
	if page := f.as("manager").get("/alerts").body; strings.Contains(page, at.String()) || !strings.Contains(page, "<b>x</b>") {
		t.Error("an alert names a message outside of the grants")
	}
}

// A mention shows as the full name, to people here and to guests; who may not read is not told, and who named him hears so.
// What leaves has no note but those that were chosen for a share.
func TestTR16_MentionsOnPages(t *testing.T) {
	t.Parallel()
	f, c, w := alerting(t)
	citedCase(f)
	b := f.as("manager")
	f.act("specialist", instantly(casework.AlertMention))
	r := b.post("/cases/101/notes", url.Values{"text": {"For @specialist and @admin: a thought."}, "cite": {"1"}})
	if r.code != http.StatusSeeOther {
		t.Fatal(r.body)
	}
	page := b.get("/cases/101").body
	for _, want := range []string{`For <b class="mention" title="@specialist">The specialist</b> and <b class="mention" title="@admin">The admin</b>: a thought.`, "The note is kept. The admin may not read cases, and so is not told.", "<code>@agent</code> The agent"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	f.look(w)
	f.later(6 * time.Minute)
	f.look(w)
	if len(f.told("admin")) != 0 || len(f.told("specialist")) != 1 || len(c.mails) != 1 || strings.Contains(c.mails[0].raw, "thought") {
		t.Errorf("admin %q, specialist %q, mails %v", f.told("admin"), f.told("specialist"), c.mails)
	}
	link := regexp.MustCompile(`/s/[A-Z2-7]{26}`)
	without := b.post("/cases/101/share", url.Values{"title": {"x"}, "until": {"2026-11-05"}, "cite": {"1"}, "do": {"create"}})
	with := b.post("/cases/101/share", url.Values{"title": {"x"}, "until": {"2026-11-05"}, "cite": {"1"}, "note": {"1"}, "do": {"create"}})
	guest := f.browser()
	if body := guest.get(link.FindString(without.body)).body; !strings.Contains(body, words) || strings.Contains(body, "thought") {
		t.Error("a share shows a note that was not chosen")
	}
	if body := guest.get(link.FindString(with.body)).body; !strings.Contains(body, "For The specialist and The admin: a thought.") || strings.Contains(body, "@specialist") {
		t.Error("a share does not show the note that was chosen, or names who signs in")
	}
}

// citedCase opens a case of the manager with one citation.
func citedCase(f *fixture) {
	at := f.mail(letter(1))
	f.do(casework.OpenCase{Title: "Second batch delayed", Owner: "manager"})
	if r := f.as("manager").post(recordPath(at)+"/cite", url.Values{"case": {"101"}, "quote": {"firmware by\nFriday"}}); r.code != http.StatusSeeOther {
		f.t.Fatal(r.body)
	}
}

// Without a relay, without a switch that is on, and for who may not read any more, nothing leaves; what a relay refuses for
// now is tried again with growing pauses and told in the status, what it refuses for good is not.
func TestInvariant25_MailLeavesWhenItIsWanted(t *testing.T) {
	t.Parallel()
	f, c, w := alerting(t)
	f.do(casework.OpenCase{Title: "T", Owner: "agent"})
	f.act("agent", casework.FollowCase{Case: 101})
	levels := 0
	change := func() {
		levels++
		f.do(casework.NoteRisk{Case: 101, Change: casework.RiskChange{At: noon, To: casework.RiskLevels()[1+levels%2], Points: 3, Because: []casework.Signal{{Rule: casework.RiskWords, Text: "x", Points: 3, Evidence: archive.Digest{byte(levels)}, Sources: []casework.Source{{Case: 101, Event: 1}}}}}})
		f.look(w)
		f.later(6 * time.Minute)
		f.look(w)
	}
	change()
	if len(c.mails) != 0 || len(f.told("agent")) == 0 {
		t.Fatalf("nothing is switched on: %v", c.mails)
	}
	f.act("agent", instantly(casework.AlertRisk))
	relay := f.web.config.Notify
	f.web.config.Notify = Notify{}
	change()
	if len(c.mails) != 0 || len(f.web.channelStatus()) != 0 {
		t.Fatalf("there is no relay: %v", c.mails)
	}
	f.web.config.Notify = relay
	c.fails = errors.New("the relay is away")
	change()
	groups := func() (n int) {
		f.desk.Read(func(s *casework.State) { n = len(s.OpenGroups()) })
		return n
	}
	page := f.as("admin").get("/status").body
	if st := f.web.channelStatus()[casework.AlertMail]; st.Waiting != 1 || st.Failure != "the relay is away" || groups() != 1 || !strings.Contains(page, "Alerts do not go out by mail.") || !strings.Contains(page, "the relay is away") {
		t.Fatalf("%+v", st)
	}
	c.fails = nil
	f.look(w) // It pauses.
	if len(c.mails) != 0 {
		t.Error("it is tried again at once")
	}
	f.later(2 * time.Minute)
	f.look(w)
	if len(c.mails) != 1 || groups() != 0 || f.web.channelStatus()[casework.AlertMail].Failure != "" {
		t.Errorf("after the pause %d mails, %d groups", len(c.mails), groups())
	}
	c.fails = fmt.Errorf("no such mailbox: %w", ErrUndeliverable)
	change()
	if groups() != 0 {
		t.Error("what was refused for good is tried again")
	}
	c.fails = errors.New("away")
	change()
	f.later(giveUp)
	f.look(w)
	if groups() != 0 {
		t.Error("it is tried for ever")
	}
	change()
	f.act("agent", casework.SetAlerts{})
	c.fails = nil
	f.later(time.Hour)
	f.look(w)
	if len(c.mails) != 1 || groups() != 0 {
		t.Error("mail goes to who wants none any more")
	}
	f.act("agent", instantly(casework.AlertRisk))
	c.fails = errors.New("away")
	change()
	waiting := groups()
	f.do(casework.DisableUser{Name: "agent"})
	c.fails = nil
	f.later(time.Hour)
	change()
	if len(c.mails) != 1 || waiting != 1 || groups() != 0 {
		t.Error("mail goes to who is gone")
	}
}

// A group that was handed on by a process that then ended comes a second time under the same Message-ID at most.
func TestESC12_AGroupKeepsItsName(t *testing.T) {
	f, c, w := alerting(t)
	f.do(casework.OpenCase{Title: "T", Owner: "agent"})
	f.act("agent", instantly(casework.AlertOwner))
	f.do(casework.OpenCase{Title: "T2", Owner: "agent"})
	f.look(w)
	f.later(6 * time.Minute)
	var g casework.AlertGroup
	if err := f.web.post.form(t.Context(), f.web, casework.AlertMail); err != nil {
		t.Fatal(err)
	}
	f.desk.Read(func(s *casework.State) { g = s.OpenGroups()[0] })
	for range 2 { // The end is not written down.
		send, err := f.web.letterOf(t.Context(), g)
		if err != nil || send(t.Context()) != nil {
			t.Fatal(err)
		}
	}
	one, _, _ := readMail(t, c.mails[0].raw)
	two, _, _ := readMail(t, c.mails[1].raw)
	if one.Get("Message-ID") != two.Get("Message-ID") {
		t.Errorf("%s and %s", one.Get("Message-ID"), two.Get("Message-ID"))
	}
}

// Clocks of open cases are told as time passes, without mail that comes and without being counted anew each time.
func TestESC12_ResponseTimesAreTold(t *testing.T) {
	t.Parallel()
	f, _, w := alerting(t)
	f.do(casework.SetPolicy{Name: "all", Policy: casework.Policy{Targets: []casework.Targets{{First: casework.Target{Minutes: 60, Wall: true}}}}})
	f.open("T", f.complaint("jane", 24, "Does it work?")) // Sent now.
	f.act("manager", casework.AssignCase{Case: 101, Owner: "agent"})
	f.look(w)
	first := w.clocks[101].until
	f.look(w)
	if len(f.told("agent")) != 1 || !first.Equal(noon.Add(48*time.Minute)) {
		t.Errorf("at first %q, next at %s", f.told("agent"), first)
	}
	f.later(50 * time.Minute)
	f.look(w)
	f.later(20 * time.Minute)
	f.look(w)
	f.look(newAlertWatch(f.web))
	told := f.told("agent")
	if len(told) != 3 || !strings.Contains(told[1], "first reply of C-101 is nearly used up") || !strings.Contains(told[2], "first reply of C-101 is over") || len(f.told("manager")) != 1 {
		t.Errorf("%q, the manager %q", told, f.told("manager"))
	}
}

// A person follows a case, says how to be told, and makes a link to dates, on pages and in the API; what is refused comes
// back with what was typed.
func TestESC12_SettingsAndFollowingOnPages(t *testing.T) {
	t.Parallel()
	f, _, _ := alerting(t)
	citedCase(f)
	b := f.as("observer")
	if r := b.post("/cases/101/follow", url.Values{"do": {"follow"}}); r.code != http.StatusSeeOther {
		t.Errorf("%d %s", r.code, r.body)
	}
	if page := b.get("/cases/101").body; !strings.Contains(page, "Followed by The observer") || !strings.Contains(page, "Follow no more") || !strings.Contains(page, "You are told of what happens to the case.") {
		t.Error("the case does not say who follows it")
	}
	b.post("/cases/101/follow", url.Values{"do": {"unfollow"}})
	if page := b.get("/cases/101").body; strings.Contains(page, "Followed by") {
		t.Error("it is followed still")
	}
	f.do(casework.SetCalendar{Name: "bremen", Zone: "Europe/Berlin", Hours: casework.Hours{Mon: []casework.Shift{{"09:00", "17:00"}}}})
	r := b.post("/alerts/settings", url.Values{"address": {"not an address"}, "calendar": {"bremen"}, "mail-risk": {"hourly"}})
	if r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, "is not an address that mail can be sent to") || !strings.Contains(r.body, `value="not an address"`) || !strings.Contains(r.body, `<option value="hourly" selected>`) || !strings.Contains(r.body, "<option selected>bremen") {
		t.Errorf("%d %s", r.code, r.body)
	}
	if r := b.post("/alerts/settings", url.Values{"address": {"o@northwind.example"}, "calendar": {"bremen"}, "mail-risk": {"hourly"}, "mail-clock": {"off"}}); r.code != http.StatusSeeOther {
		t.Errorf("%d %s", r.code, r.body)
	}
	if page := b.get("/alerts/settings").body; !strings.Contains(page, `value="o@northwind.example"`) || strings.Contains(page, "No mail leaves") {
		t.Error("the settings are not shown")
	}
	api := func(method, path, body string) answer {
		r := b.request(method, apiRoot+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		return b.send(r)
	}
	for _, c := range []struct{ method, path, body, want string }{
		{"GET", "/alerts/settings", "", `"mail":{"risk":"hourly"}`},
		{"PUT", "/alerts/settings", `{"address":"o@northwind.example","calendar":"","mail":{"cover":"daily"}}`, `"mail":{"cover":"daily"}`},
		{"PUT", "/alerts/settings", `{"address":"o@northwind.example","calendar":"mars","mail":{}}`, "There is no calendar"},
		{"GET", "/alerts", "", `"alerts":[]`},
		{"PUT", "/cases/101/follow", `{"follow":true}`, `"followers":["observer"]`},
		{"PUT", "/cases/101/follow", `{"follow":false}`, `"followers":[]`},
		{"POST", "/feeds", `{}`, `"url":"` + f.url + `/calendar/`},
		{"GET", "/feeds", "", `"id":1`},
		{"DELETE", "/feeds/1", "", ""},
		{"DELETE", "/feeds/1", "", "revoked this link already"},
	} {
		if r := api(c.method, c.path, c.body); !strings.Contains(r.body, c.want) || r.code >= 500 {
			t.Errorf("%s %s: %d %s", c.method, c.path, r.code, r.body)
		}
	}
	if r := f.program(casework.Manager).ask("PUT", "/cases/101/follow", map[string]any{"follow": true}); r.code != http.StatusForbidden {
		t.Errorf("a program follows: %d", r.code)
	}
	f.do(casework.RaiseAlerts{Drafts: []casework.Draft{{Kind: casework.AlertRisk, To: "observer", Case: 101, Text: "x", Sources: []casework.Source{{Case: 101, Event: 3}}}}})
	if r := api("GET", "/alerts?case=101", ""); !strings.Contains(r.body, `"unseen":1,"upto":1`) || !strings.Contains(r.body, `"new":true`) {
		t.Errorf("%s", r.body)
	}
	if r := api("POST", "/alerts/seen", `{"upto":1}`); r.code >= 300 || !strings.Contains(api("GET", "/alerts", "").body, `"unseen":0`) {
		t.Errorf("%d %s", r.code, r.body)
	}
}

// The link to dates shows open promises and dates of one's cases to whoever has it, is noted as read by whose it is, and when
// it does not open looks like any other that does not.
func TestESC21_ICSLink(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	escalation(f)
	b := f.as("manager")
	r := b.post("/feeds", nil)
	path := regexp.MustCompile(`/calendar/[A-Z2-7]{26}\.ics`).FindString(r.body)
	if r.code != http.StatusOK || path == "" {
		t.Fatalf("%d %s", r.code, r.body)
	}
	if page := b.get("/alerts/settings").body; strings.Contains(page, path) {
		t.Error("the link is shown again")
	}
	guest := f.browser()
	before := f.archive.Next(archive.Audit)
	got := guest.get(path)
	for _, want := range []string{"SUMMARY:Plant starts\\, C-101: Second batch delayed\r\n", "SUMMARY:Promise to keep\\, C-101: Second batch delayed\r\n", "URL:" + f.url + "/cases/101\r\n", "UID:C-101-date-1@"} {
		if !strings.Contains(got.body, want) {
			t.Errorf("no %q in %s", want, got.body)
		}
	}
	if got.head.Get("Content-Type") != "text/calendar; charset=utf-8" || strings.Contains(got.body, words) || strings.Contains(got.body, "firmware") {
		t.Errorf("%v %s", got.head, got.body)
	}
	if f.archive.Next(archive.Audit) != before+1 {
		t.Error("it is not noted")
	}
	log := tell[auditOut](f.program(casework.Compliance), http.StatusOK, "GET", "/audit?limit=1", nil)
	if len(log.Items) != 1 || log.Items[0].Actor != "manager" || !slices.Contains(log.Items[0].Data.Cases, 101) {
		t.Errorf("%+v", log.Items)
	}
	if got := guest.get(path + "?account=nobody"); strings.Contains(got.body, "VEVENT") || got.code != http.StatusOK {
		t.Errorf("of another account: %s", got.body)
	}
	if got := guest.get(path + "?account=1"); strings.Contains(got.body, "VEVENT") { // The case says "Acme", which is no account's name.
		t.Errorf("of an account that it is not of: %s", got.body)
	}
	wrong := guest.get("/calendar/" + strings.Repeat("A", 26) + ".ics")
	if r := b.post("/feeds/2/revoke", nil); r.code != http.StatusSeeOther {
		t.Errorf("%d %s", r.code, r.body)
	}
	if gone := guest.get(path); gone.code != http.StatusNotFound || wrong.code != http.StatusNotFound || gone.body != wrong.body {
		t.Errorf("%d and %d", gone.code, wrong.code)
	}
	if r := b.post("/feeds", url.Values{"account": {"nobody"}}); r.code != http.StatusNotFound || !strings.Contains(r.body, "There is no account") || !strings.Contains(r.body, `value="nobody"`) {
		t.Errorf("%d", r.code)
	}
}

// A program behind the webhook is told what the page says, in JSON, for everybody.
func TestESC12_TheWebhookIsTold(t *testing.T) {
	f, c, w := alerting(t)
	f.web.config.Notify = Notify{Hook: func(_ context.Context, payload []byte) error {
		c.hooks = append(c.hooks, carried{raw: string(payload)})
		return c.fails
	}}
	f.do(casework.OpenCase{Title: "T", Owner: "agent"})
	f.look(w)
	f.later(6 * time.Minute)
	f.look(w)
	f.look(w)
	if len(c.hooks) != 1 {
		t.Fatalf("%v", c.hooks)
	}
	for _, want := range []string{`"version":1`, `"to":"agent"`, `"text":"Polytrace gave you C-101"`, `"links":["` + f.url + `/cases/101"`, `"kind":"owner"`} {
		if !strings.Contains(c.hooks[0].raw, want) {
			t.Errorf("no %s in %s", want, c.hooks[0].raw)
		}
	}
}
