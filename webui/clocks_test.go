package webui

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/casework"

	"pgregory.net/rapid"
)

// berlinHours is Monday to Friday, 9 to 5 on the clocks of Berlin, an hour ahead
// of the fixture's in November.
func berlinHours(f *fixture) {
	office := []casework.Shift{{"09:00", "17:00"}}
	f.do(casework.SetCalendar{Name: "berlin", Zone: "Europe/Berlin", Hours: casework.Hours{Mon: office, Tue: office, Wed: office, Thu: office, Fri: office}})
}

func promised(f *fixture) {
	berlinHours(f)
	f.do(casework.SetPolicy{Name: "gold", Policy: casework.Policy{Calendar: "berlin", PauseOn: []casework.PauseCause{casework.PauseWaiting}, Targets: []casework.Targets{
		{First: casework.Target{Minutes: 120}, Next: casework.Target{Minutes: 60}, Resolution: casework.Target{Minutes: 960}}}}, From: noon.AddDate(0, 0, -7)})
}

// cited is a message that a case cites, sent and received at a time.
func (f *fixture) cited(number int, from, to, head string, sent time.Time) archive.Address {
	f.t.Helper()
	f.later(sent.Sub(f.clock()))
	at := f.mail(fmt.Sprintf("From: %s\nTo: %s\nSubject: S %d\nDate: %s\nMessage-ID: <%d@x.example>\n%s\nWords %d.\n", from, to, sent.Unix(), sent.Format(time.RFC1123Z), sent.Unix(), head, sent.Unix()))
	form := url.Values{"case": {fmt.Sprint(number)}, "quote": {""}}
	if r := f.as("manager").post(recordPath(at)+"/cite", form); r.code != http.StatusSeeOther {
		f.t.Fatalf("cite: %d %s", r.code, r.body)
	}
	return at
}

const (
	jane = "Jane Doe <jane@acme.example>"
	kim  = "Kim <kim@journal.example>"
)

// tells is the text of a page, with what it says in words.
func tells(body string) string {
	return html.UnescapeString(strings.Join(strings.Fields(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(body, " ")), " "))
}

func (b *browser) wants(path string, wants ...string) string {
	b.f.t.Helper()
	r := b.get(path)
	text := tells(r.body)
	for _, want := range wants {
		if r.code != http.StatusOK || !strings.Contains(text, want) {
			b.f.t.Errorf("%s does not say %q: %d %s", path, want, r.code, text)
		}
	}
	return r.body
}

// The panel names what began a clock, each pause, the policy and the calendar
// with their versions, each with its moment, and leads to the messages.
func TestESC8_WhyPanelNamesStartPausesAndVersions(t *testing.T) {
	f := newFixture(t)
	f.users()
	promised(f)
	at := func(hour, minute int) time.Time { return time.Date(2026, 11, 3, hour, minute, 0, 0, time.UTC) }
	f.later(at(12, 0).Sub(f.clock()))
	f.do(casework.OpenCase{Title: "Second batch delayed", Account: "Acme", Owner: "manager", Severity: 2})
	first := f.cited(101, jane, kim, "", at(12, 5))
	answer := f.cited(101, kim, jane, "", at(12, 45))
	f.later(5 * time.Minute)
	b := f.as("manager")
	if r := b.post("/cases/101", url.Values{"title": {"Second batch delayed"}, "account": {"Acme"}, "status": {"waiting-on-customer"}, "severity": {"2"}}); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	second := f.cited(101, jane, kim, "", at(13, 15))
	f.later(at(13, 45).Sub(f.clock()))
	b.wants("/cases/101", "First reply in 40 min", "Next reply due 15:15 CET — 50 % used", "Resolution due Thu 5 Nov 13:25 CET — 8 % used", "why")
	body := b.wants("/cases/101/clocks", "Why it is due then",
		"Started 3 Nov 13:00, because Polytrace opened the case",
		"16 h of working hours by the policy gold (version 1) since 3 Nov 13:00",
		"Working hours are those of berlin (version 1) since 3 Nov 13:00",
		"Paused (waiting on customer) 25 min from 3 Nov 13:50 to 3 Nov 14:15, because The manager set the status to waiting on customer",
		"Started 3 Nov 13:05, because the customer wrote", "Answered 3 Nov 13:45, because we answered",
		"Started 3 Nov 14:15, because the customer wrote", "Due 3 Nov 15:15")
	for _, record := range []archive.Address{first, answer, second} {
		if !strings.Contains(body, `href="`+recordPath(record)+`"`) {
			t.Errorf("the panel does not lead to %s", record)
		}
	}
	f.later(2 * time.Hour)
	b.wants("/cases/101", "Next reply breached 2 h ago", "First reply in 40 min")

	var out clocksOut
	f.program(casework.Agent).ok("GET", "/cases/101/clocks", "", &out)
	if len(out.Clocks) != 3 {
		t.Fatalf("%+v", out)
	}
	next := out.Clocks[2]
	if next.Kind != casework.NextReply || next.State != casework.ClockBreached || !next.Due.Equal(at(14, 15)) || next.Policy.String() != "gold (version 1)" || next.Calendar.String() != "berlin (version 1)" ||
		next.Target != 3600 || next.Why[0].Record != second.String() || !strings.Contains(next.Why[0].Text, "the customer wrote") {
		t.Errorf("%+v", next)
	}
}

// Colour is never alone: each state has words and an icon of its own.
func TestClocksSayInWordsWhatTheirColourSays(t *testing.T) {
	due := noon.Add(time.Hour)
	until := noon
	for _, c := range []struct {
		clock       casework.Clock
		class, icon string
		text        string
	}{
		{casework.Clock{State: casework.ClockMet, Until: until, Used: 42 * time.Minute}, "good", "check", "in 42 min"},
		{casework.Clock{State: casework.ClockMetLate, Until: until, Used: 90 * time.Minute, Target: time.Hour}, "bad", "warning", "late, after 1 h 30 min of 1 h"},
		{casework.Clock{State: casework.ClockBreached, Due: noon.Add(-2 * time.Hour)}, "bad", "warning", "breached 2 h ago"},
		{casework.Clock{State: casework.ClockBreached, Due: noon.Add(-2 * time.Hour), Until: until}, "bad", "warning", "missed"},
		{casework.Clock{State: casework.ClockPaused, Used: time.Minute, Target: 2 * time.Minute}, "", "moon", "paused — 50 % used"},
		{casework.Clock{State: casework.ClockRunning, Due: due, Used: 37 * time.Minute, Target: 100 * time.Minute, Warn: due}, "", "clock", "due 13:00 UTC — 37 % used"},
		{casework.Clock{State: casework.ClockRunning, Due: due.AddDate(0, 0, 1), Used: 9 * time.Minute, Target: 10 * time.Minute, Warn: noon}, "warn", "clock", "due Wed 4 Nov 13:00 UTC — 90 % used"},
		{casework.Clock{State: casework.ClockRunning, Due: due.AddDate(1, 0, 0), Target: time.Minute}, "", "clock", "due 3 Nov 2027 13:00 UTC — 0 % used"},
	} {
		if class, icon, text := stands(c.clock, time.UTC, noon); class != c.class || icon != c.icon || text != c.text {
			t.Errorf("%+v: %q %q %q, want %q %q %q", c.clock, class, icon, text, c.class, c.icon, c.text)
		}
	}
}

// The mail of a case moves its clocks, cited or not: conversations, also those of
// cases that were merged into it, with whose they are as the company says. The
// case that was merged has no clock meanwhile.
func TestESC8_ConversationsOfACaseMoveItsClocks(t *testing.T) {
	f := newFixture(t)
	f.users()
	promised(f)
	f.do(casework.SetCompany{Own: []string{"northwind.example"}})
	f.do(casework.OpenCase{Title: "Pumps", Severity: 3, Owner: "manager"})
	f.do(casework.OpenCase{Title: "Pumps again", Severity: 3, Owner: "manager"})
	send := func(n, answers int, from, to, head string, sent time.Time) archive.Address {
		f.later(sent.Sub(f.clock()))
		if answers > 0 {
			head += fmt.Sprintf("In-Reply-To: <p%d@x.example>\n", answers)
		}
		return f.mail(fmt.Sprintf("From: %s\nTo: %s\nSubject: Pump %d\nDate: %s\nMessage-ID: <p%d@x.example>\n%s\nWords.\n", from, to, n, sent.Format(time.RFC1123Z), n, head))
	}
	const kim, lee = "kim@northwind.example", "lee@eu.northwind.example"
	first := send(1, 0, jane, kim, "", noon.Add(10*time.Minute))
	second := send(2, 0, jane, kim, "", noon.Add(5*time.Minute))
	for number, at := range map[int]archive.Address{101: first, 102: second} {
		if r := f.as("manager").post(fmt.Sprintf("/cases/%d/mail", number), url.Values{"record": {at.String()}, "do": {"link"}}); r.code != http.StatusSeeOther {
			t.Fatalf("%d %s", r.code, tells(r.body))
		}
	}
	send(3, 1, kim, lee, "", noon.Add(20*time.Minute))                                // Among ourselves.
	send(4, 1, kim, jane, "Auto-Submitted: auto-replied\n", noon.Add(30*time.Minute)) // Of nobody.
	b := f.as("agent")
	b.wants("/cases/101", "First reply due 15:10 CET — 17 % used")
	b.wants("/cases/102", "First reply due 15:05 CET")
	f.do(casework.MergeCase{Case: 102, Into: 101})
	b.wants("/cases/101", "First reply due 15:05 CET — 21 % used")
	b.wants("/cases/102/clocks", "Elsewhere since 3 Nov 13:30, because Polytrace merged it with C-101")
	if body := b.wants("/cases/102", "No response time runs now"); strings.Contains(body, "First reply due") {
		t.Error("a case that is part of another one has a clock of its own")
	}
	send(5, 1, lee, jane, "", noon.Add(50*time.Minute))
	b.wants("/cases/101", "First reply in 45 min")
	f.do(casework.UnmergeCase{Case: 102})
	b.wants("/cases/101", "First reply in 40 min")
	b.wants("/cases/102", "First reply due 15:25 CET") // 20 minutes were not its own.
}

// Without a policy nothing is counted and nothing is said, but to those who
// could have that changed.
func TestWithoutAPolicyNothingIsShown(t *testing.T) {
	f := newFixture(t)
	escalation(f)
	f.as("manager").wants("/cases/101", "No response times are promised yet")
	for _, who := range []string{"agent", "observer"} {
		if body := tells(f.as(who).get("/cases/101").body); strings.Contains(body, "response times") || strings.Contains(body, "reply") {
			t.Errorf("%s is told of response times: %s", who, body)
		}
	}
	var out clocksOut
	f.program(casework.Agent).ok("GET", "/cases/101/clocks", "", &out)
	if out.Clocks == nil || len(out.Clocks) > 0 {
		t.Errorf("%+v", out)
	}
}

// Mail that is for others to read moves no clock that somebody else is shown,
// and cannot be marked.
func TestClocksShowNothingOfWithheldMail(t *testing.T) {
	f := newFixture(t)
	at := escalation(f)
	promised(f)
	f.do(casework.AddQueue{Name: "postfix", Local: "postfix-7f3k2", Format: "postfix"})
	q, err := f.web.queueNamed("postfix")
	if err != nil {
		t.Fatal(err)
	}
	f.as("manager").wants("/cases/101/clocks", "the customer wrote")
	q.Readers = []string{"agent"}
	f.do(casework.ChangeQueue{Name: q.Name, Format: q.Format, Sources: q.Sources, Class: q.Class, QueueTerms: q.QueueTerms})
	f.as("agent").wants("/cases/101/clocks", "the customer wrote")
	if body := f.as("manager").get("/cases/101/clocks").body; strings.Contains(body, "the customer wrote") || strings.Contains(body, recordPath(at)) {
		t.Errorf("a message for others is told: %s", tells(body))
	}
	if r := f.as("manager").post("/cases/101/marks", url.Values{"record": {at.String()}}); r.code != http.StatusNotFound {
		t.Errorf("it was marked: %d", r.code)
	}
}

// That a message needs no answer is said with one press, stops its clock and
// can be taken back.
func TestMessageThatNeedsNoAnswerStopsItsClock(t *testing.T) {
	f := newFixture(t)
	escalation(f)
	promised(f)
	at := f.mail("From: " + jane + "\nTo: kim@northwind.example\nSubject: Re: Delivery of the second batch 1\nDate: Mon, 2 Nov 2026 11:00:00 +0100\nMessage-ID: <thanks@acme.example>\nIn-Reply-To: <r1@northwind.example>\n\nThanks!\n")
	b := f.as("agent")
	body := b.wants("/cases/101/clocks", "Next reply breached", "No answer needed")
	record := between(body, `name="record" value="`, `"`)
	if record != at.String() {
		t.Fatalf("the form marks %q", record)
	}
	if r := b.post("/cases/101/marks", url.Values{"record": {record}}); r.code != http.StatusSeeOther || r.head.Get("Location") != "/cases/101/clocks" {
		t.Fatalf("%d %s", r.code, r.body)
	}
	b.wants("/cases/101/clocks", "because The agent said that no answer is needed", "It needs an answer after all")
	if body := b.get("/cases/101").body; strings.Contains(body, "Next reply") {
		t.Error("the clock goes on")
	}
	if r := b.post("/cases/101/marks", url.Values{"record": {record}, "off": {"1"}}); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	b.wants("/cases/101/clocks", "Next reply breached")
	f.program(casework.Agent).ok("PUT", "/records/mail/3/mark", `{"answer_needed":false}`, nil)
	b.wants("/cases/101/clocks", "said that no answer is needed")
	if r := b.post("/cases/101/marks", url.Values{"record": {"ledger/0"}}); r.code != http.StatusNotFound {
		t.Errorf("an event was marked: %d", r.code)
	}
}

// One press sets up a calendar and a policy that hold at once.
func TestUsualPolicyIsSetUpWithOnePress(t *testing.T) {
	f := newFixture(t)
	escalation(f)
	b := f.as("admin")
	b.wants("/policies", "Nothing is promised yet", "Set up office hours and standard support")
	if r := b.post("/policies/usual", url.Values{"zone": {"Mars"}}); r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, `value="Mars"`) || !strings.Contains(r.body, "There is no time zone") {
		t.Errorf("%d %s", r.code, tells(r.body))
	}
	if r := b.post("/policies/usual", url.Values{"zone": {"Europe/Berlin"}}); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	b.wants("/policies", "standard-support", "S1: First reply 1 h, Next reply 2 h, Resolution 8 h", "Others: First reply 8 h", "all cases", "office-hours")
	b.wants("/calendars", "Monday to Friday: 09:00–17:00", "Saturday to Sunday: closed", "Europe/Berlin", "always")
	f.as("manager").wants("/cases/101", "Resolution due Wed 4 Nov 13:00 CET")
	if r := b.post("/policies/usual", url.Values{"zone": {"UTC"}}); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	b.wants("/calendars", "Europe/Berlin") // Not set anew.
}

// A calendar is kept as it was written, its page shows that again, each change
// is a version, and who was slower decides again.
func TestCalendarsAreKeptWithTheirHistory(t *testing.T) {
	f := newFixture(t)
	f.users()
	b := f.as("admin")
	form := url.Values{"name": {"bremen"}, "zone": {"Europe/Berlin"}, "mon": {"9-12, 13:00 to 17:30"}, "fri": {"08:00–14:00"}, "sat": {"closed"},
		"holidays": {"2026-12-24 09:00-12:00 Christmas Eve\r\n\r\n2026-12-25 Christmas Day\r\n2026-12-26"}, "reason": {"as agreed"}}
	if r := b.post("/calendars", form); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, tells(r.body))
	}
	page := b.wants("/calendars/bremen", "Calendar bremen", "Monday: 09:00–12:00, 13:00–17:30", "Tuesday to Thursday: closed", "No policy counts by it")
	for _, want := range []string{`name="mon" value="09:00–12:00, 13:00–17:30"`, `name="fri" value="08:00–14:00"`, `name="sat" value=""`, `name="seen" value="1"`,
		"2026-12-24 09:00–12:00 Christmas Eve\n2026-12-25 Christmas Day\n2026-12-26</textarea>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the form does not have %q", want)
		}
	}
	b.wants("/calendars", "2026-12-24 Christmas Eve")
	for word, change := range map[string][2]string{"from when to when": {"mon", "mornings"}, "never open": {"", ""}, "There is no time zone": {"zone", "Mars"}, "is not a day: write": {"holidays", "soon Easter"},
		"is not a day. Write": {"from", "soon"}, "There is a calendar bremen already": {"name", "bremen"}} {
		bad := url.Values{"name": {"other"}, "zone": {"UTC"}, "tue": {"09:00-10:00"}, "reason": {"<again>"}}
		if word == "never open" {
			bad.Del("tue")
		} else {
			bad.Set(change[0], change[1])
		}
		if r := b.post("/calendars", bad); r.code < 400 || !strings.Contains(tells(r.body), word) || !strings.Contains(r.body, `value="&lt;again&gt;"`) {
			t.Errorf("%v: %d, not %q, or what was typed is lost", bad, r.code, word)
		}
	}
	form.Set("seen", "1")
	form.Set("tue", "9-10")
	form.Set("from", "2026-11-02")
	if r := b.post("/calendars", form); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, tells(r.body))
	}
	var versions []casework.CalendarVersion
	f.desk.Read(func(s *casework.State) { versions = s.CalendarVersions() })
	if len(versions) != 2 || !versions[1].From.Equal(time.Date(2026, 11, 1, 23, 0, 0, 0, time.UTC)) || versions[1].By != "admin" {
		t.Errorf("%+v", versions)
	}
	form.Set("tue", "9-11")
	r := b.post("/calendars", form)
	if r.code != http.StatusConflict || !strings.Contains(tells(r.body), "The admin changed the calendar bremen after you opened it") || !strings.Contains(r.body, `name="tue" value="9-11"`) {
		t.Errorf("%d %s", r.code, tells(r.body))
	}
	form.Set("seen", between(r.body, `name="seen" value="`, `"`))
	if r := b.post("/calendars", form); r.code != http.StatusSeeOther {
		t.Errorf("again: %d %s", r.code, tells(r.body))
	}
	b.wants("/calendars/bremen", "Tuesday: 09:00–11:00", "Tuesday: 09:00–10:00", "Tuesday to Thursday: closed")
	if r := b.get("/calendars/mars"); r.code != http.StatusNotFound {
		t.Errorf("%d", r.code)
	}
}

// A policy is kept as it was written, put in order, changed and removed, and
// its page shows all that it ever promised.
func TestPoliciesAreKeptWithTheirHistory(t *testing.T) {
	f := newFixture(t)
	escalation(f)
	berlinHours(f)
	b := f.as("admin")
	form := url.Values{"name": {"gold"}, "calendar": {"berlin"}, "severity": {"1", "2"}, "accounts": {"acme gmbh\r\n"}, "first-0": {"4h"}, "next-0": {"1 h 30 min"}, "resolution-0": {"24 h by the clock"},
		"first-1": {"30 min"}, "next-2": {"none"}, "pause": {"waiting-on-customer"}, "run_on": {"1"}, "warn": {"75"}, "reason": {"<as agreed>"}}
	if r := b.post("/policies", form); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, tells(r.body))
	}
	b.wants("/policies", "gold", "S1, S2 · Acme GmbH", "Others: First reply 4 h, Next reply 1 h 30 min, Resolution 24 h by the clock", "S1: First reply 30 min", "S2: nothing")
	page := b.wants("/policies/gold", "Policy gold", "place 1, by berlin")
	for _, want := range []string{`name="first-0" value="4 h"`, `name="next-0" value="1 h 30 min"`, `name="resolution-0" value="24 h by the clock"`, `name="first-1" value="30 min"`, `name="first-2" value="none"`, `name="first-3" value=""`,
		`name="severity" value="2" checked`, `name="severity" value="3">`, `name="pause" value="waiting-on-customer" checked`, `name="pause" value="snoozed">`, `name="run_on" value="1" checked`, `name="warn" inputmode="numeric" value="75"`, `selected>berlin`} {
		if !strings.Contains(page, want) {
			t.Errorf("the form does not have %q", want)
		}
	}
	for word, change := range map[string][2]string{"no length of time": {"first-0", "soon"}, "promises nothing": {"first-0", ""}, "is not a percentage": {"warn", "much"}, "Name a calendar": {"calendar", ""},
		"There is no calendar": {"calendar", "mars"}, "is not a day": {"from", "soon"}, "There is a policy gold already": {"name", "gold"}} {
		bad := url.Values{"name": {"other"}, "calendar": {"berlin"}, "first-0": {"4 h"}, "reason": {"<again>"}}
		bad.Set(change[0], change[1])
		if r := b.post("/policies", bad); r.code < 400 || !strings.Contains(tells(r.body), word) || !strings.Contains(r.body, `value="&lt;again&gt;"`) {
			t.Errorf("%v: %d, not %q, or what was typed is lost: %s", bad, r.code, word, tells(r.body))
		}
	}
	if r := b.post("/policies", url.Values{"name": {"all"}, "calendar": {"berlin"}, "first-0": {"8 h"}}); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, tells(r.body))
	}
	order := func() (list []string) {
		f.desk.Read(func(s *casework.State) {
			for _, p := range s.Policies() {
				list = append(list, p.Name)
			}
		})
		return list
	}
	if r := b.post("/policies/all/move", url.Values{"to": {"up"}}); r.code != http.StatusSeeOther || !slices.Equal(order(), []string{"all", "gold"}) {
		t.Errorf("%d %v", r.code, order())
	}
	// Two versions later the form is an old one.
	form.Set("seen", "1")
	form.Set("warn", "60")
	if r := b.post("/policies", form); r.code != http.StatusConflict || !strings.Contains(r.body, `name="warn" inputmode="numeric" value="60"`) || !strings.Contains(r.body, `name="seen" value="2"`) {
		t.Errorf("%d %s", r.code, tells(r.body))
	}
	if r := b.post("/policies/gold/remove", url.Values{"reason": {"ended"}}); r.code != http.StatusSeeOther || !slices.Equal(order(), []string{"all"}) {
		t.Errorf("%d %v", r.code, order())
	}
	b.wants("/policies/gold", "This policy was removed", "removed", "place 2", "place 1")
	// What a program wrote and the form has no field for stays.
	p := f.program(casework.Admin)
	p.ok("PUT", "/policies/all", `{"calendar":"berlin","targets":[{"first":{"minutes":60}}],"match":{"severities":[],"accounts":[],"teams":["support"],"kinds":["request"]}}`, nil)
	if r := b.post("/policies", url.Values{"name": {"all"}, "calendar": {"berlin"}, "first-0": {"2 h"}, "seen": {"3"}}); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, tells(r.body))
	}
	var out policyOut
	p.ok("GET", "/policies/all", "", &out)
	if len(out.Versions) != 4 || out.Versions[0].Targets[0].First.Minutes != 120 || !slices.Equal(out.Versions[0].Match.Teams, []string{"support"}) {
		t.Errorf("%+v", out)
	}
}

// Programs set calendars and policies, put them in order, and read them back.
func TestAPISetsCalendarsAndPolicies(t *testing.T) {
	f := newFixture(t)
	f.users()
	p := f.program(casework.Admin)
	var calendar calendarOut
	p.ok("PUT", "/calendars/bremen", `{"zone":"Europe/Berlin","hours":{"mon":[["09:00","17:30"]]},"holidays":[{"day":"2026-12-25","name":"Christmas Day"}]}`, &calendar)
	if len(calendar.Versions) != 1 || calendar.Versions[0].Hours.Mon[0] != (casework.Shift{"09:00", "17:30"}) || calendar.Versions[0].By != casework.TokenActor(p.name) {
		t.Errorf("%+v", calendar)
	}
	var policy policyOut
	for _, name := range []string{"gold", "rest"} {
		p.ok("PUT", "/policies/"+name, `{"calendar":"bremen","targets":[{"severity":0,"first":{"minutes":60},"resolution":{"minutes":600,"wall":true}}],"pause_on":["snoozed"],"warn":50}`, &policy)
	}
	if policy.Name != "rest" || policy.Versions[0].Warn != 50 || !policy.Versions[0].Targets[0].Resolution.Wall {
		t.Errorf("%+v", policy)
	}
	var all policiesOut
	p.ok("PUT", "/policies", `{"names":["rest","gold"]}`, &all)
	if len(all.Policies) != 2 || all.Policies[0].Name != "rest" {
		t.Errorf("%+v", all)
	}
	if r := p.call("PUT", "/policies/gold", `{"calendar":"bremen","targets":[{"first":{"minutes":90}}],"seen":1}`); r.code != http.StatusConflict {
		t.Errorf("an old version was changed: %d %s", r.code, r.body)
	}
	if r := p.call("PUT", "/calendars/bremen", `{"zone":"Europe/Berlin","hours":{}}`); r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, "never open") {
		t.Errorf("%d %s", r.code, r.body)
	}
	if r := p.call("DELETE", "/policies/gold", ""); r.code != http.StatusNoContent {
		t.Errorf("%d %s", r.code, r.body)
	}
	p.ok("GET", "/policies", "", &all)
	var calendars calendarsOut
	p.ok("GET", "/calendars", "", &calendars)
	if len(all.Policies) != 1 || len(calendars.Calendars) != 1 || calendars.Calendars[0].Zone != "Europe/Berlin" {
		t.Errorf("%+v %+v", all, calendars)
	}
	for _, path := range []string{"/policies/mars", "/calendars/mars"} {
		if r := p.call("GET", path, ""); r.code != http.StatusNotFound {
			t.Errorf("%s: %d", path, r.code)
		}
	}
}

// What a form shows of a calendar or policy, it reads back as the same.
func TestClockFormsReadBackWhatTheyShow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		minute := func() string {
			return fmt.Sprintf("%02d:%02d", rapid.IntRange(0, 23).Draw(t, "hour"), rapid.IntRange(0, 59).Draw(t, "minute"))
		}
		shifts := func() (list []casework.Shift) {
			for range rapid.IntRange(0, 3).Draw(t, "shifts") {
				list = append(list, casework.Shift{minute(), minute()})
			}
			return list
		}
		var c casework.CalendarVersion
		c.Name, c.Zone, c.Number = "bremen", "Europe/Berlin", 3
		for _, day := range shiftsOf(&c.Hours) {
			*day = shifts()
		}
		for i := range rapid.IntRange(0, 4).Draw(t, "holidays") {
			name := rapid.SampledFrom([]string{"", "Christmas Day", "Tag der Einheit", "1 May", "9-5 day off"}).Draw(t, "name")
			h := casework.Holiday{Day: fmt.Sprintf("2026-12-%02d", i+1), Name: name, Hours: shifts()}
			if strings.HasPrefix(name, "9-5") {
				h.Name = "day off" // A name cannot begin with hours.
			}
			c.Holidays = append(c.Holidays, h)
		}
		calendar, err := typedCalendar(calendarFields(c))
		if err != nil || !same(calendar.Hours, c.Hours) || !same(calendar.Holidays, c.Holidays) || calendar.Zone != c.Zone {
			t.Fatalf("%+v became %+v, %v", c, calendar, err)
		}

		var p casework.PolicyVersion
		p.Name, p.Calendar, p.RunOn, p.Warn = "gold", "bremen", rapid.Bool().Draw(t, "run on"), rapid.IntRange(0, 100).Draw(t, "warn")
		p.Match.Severities = rapid.SliceOfNDistinct(rapid.IntRange(1, 4), 0, 4, rapid.ID[int]).Draw(t, "severities")
		p.Match.Accounts = rapid.SampledFrom([][]string{nil, {"acme"}, {"acme", "Beta Ltd"}}).Draw(t, "accounts")
		p.PauseOn = rapid.SampledFrom([][]casework.PauseCause{nil, {casework.PauseSnoozed}}).Draw(t, "pause")
		for severity := range 5 {
			if rapid.Bool().Draw(t, "severity") {
				x := casework.Targets{Severity: severity}
				if rapid.Bool().Draw(t, "nothing") {
					p.Targets = append(p.Targets, x)
					continue
				}
				for _, target := range targetsOf(&x) {
					if target.Minutes = rapid.SampledFrom([]int{0, 1, 59, 60, 61, 90, 1440, 366 * 1440}).Draw(t, "target"); target.Minutes > 0 {
						target.Wall = rapid.Bool().Draw(t, "wall")
					}
				}
				p.Targets = append(p.Targets, x)
			}
		}
		policy, err := typedPolicy(policyFields(p), casework.Policy{})
		if err != nil || !same(policy.Policy, p.Policy) {
			t.Fatalf("%+v became %+v, %v", p.Policy, policy.Policy, err)
		}
	})
}

// same reports whether two things are written alike.
func same(a, b any) bool {
	x, err := json.Marshal(a)
	y, also := json.Marshal(b)
	return err == nil && also == nil && string(x) == string(y)
}
