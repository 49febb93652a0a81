package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/archive/dirstore"
	"polytrace/casework"
	"polytrace/message"
)

// sampleOffice is the desk of the sample company without its servers.
type sampleOffice struct {
	*testing.T
	desk *casework.Desk
}

// newSampleOffice sets the sample company up, as the demo does.
func newSampleOffice(t *testing.T) sampleOffice {
	t.Helper()
	dir := t.TempDir()
	store, err := dirstore.Open(filepath.Join(dir, "bucket"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := archive.Open(t.Context(), filepath.Join(dir, "archive"), archive.Config{Store: store, Reserve: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	desk, err := casework.OpenDesk(t.Context(), a, func() time.Time { return sampleNow })
	if err != nil {
		t.Fatal(err)
	}
	o := sampleOffice{t, desk}
	o.do(samplePeople()...)
	for _, q := range sampleQueues {
		o.do(sampleStep{casework.System, casework.AddQueue{Name: q.Name, Local: q.Name, Format: q.Format}})
	}
	for _, c := range sampleAccounts(sampleNow) {
		o.do(sampleStep{"kim", c})
	}
	o.do(sampleDesk(sampleNow.Truncate(24 * time.Hour))...)
	return o
}

func (o sampleOffice) do(steps ...sampleStep) {
	o.Helper()
	for _, s := range steps {
		if _, err := o.desk.Do(o.Context(), s.Actor, s.Do); err != nil {
			o.Fatalf("%T of %s: %v", s.Do, s.Actor, err)
		}
	}
}

// open opens the cases as they are told, without their mail.
func (o sampleOffice) open() map[string]int {
	o.Helper()
	numbers := map[string]int{}
	for _, c := range sampleCases() {
		var n int
		o.do(sampleStep{c.Owner, casework.OpenCase{Title: c.Title, Account: c.Account, Severity: c.Severity, Owner: c.Owner, Team: c.Team, Number: &n}},
			sampleStep{casework.System, casework.RaiseAlerts{}})
		if c.Steps != nil {
			o.do(c.Steps(n)...)
		}
		numbers[c.Title] = n
	}
	return numbers
}

// receive routes the mail of the support mailbox as the intake does, but for what is found by looking at other mail.
func (o sampleOffice) receive() {
	o.Helper()
	for i, m := range without(sampleMail(sampleNow), "exchange", "postfix") {
		r := readSampleMessage(m)
		f := &casework.MailFacts{Message: casework.Named{Record: archive.Address{Stream: archive.Mail, Position: archive.Position(i)}, SHA256: archive.Digest{byte(i + 1)}}, From: r.Original.From[0].Address,
			Received: sampleNow, Subject: r.Original.Subject, First: strings.HasSuffix(r.Original.From[0].Address, "@quaymarket.example")}
		text := r.Original.Text()
		for _, z := range text.Zones {
			if z.Kind == "author" {
				f.Text += text.Body[z.Start:z.End]
			}
		}
		if f.Language = "other"; strings.Contains(f.Text, " wir ") || strings.Contains(f.Text, " Wir ") {
			f.Language = "de"
		}
		var out casework.Outcome
		o.desk.Read(func(s *casework.State) {
			f.Account, _, _ = s.AccountOf(f.From, sampleNow)
			router, err := casework.NewRouter(s.Rules(), s.Calendars())
			if err != nil {
				o.Fatal(err)
			}
			out = router.Route(f, nil)
		})
		o.do(sampleStep{casework.System, casework.RouteMail{Arrival: casework.Arrival{Facts: f, Direction: casework.Inbound}, Outcome: out, Rules: 1, Title: f.Subject}})
	}
}

// What comes to the support mailbox becomes requests where they are told to be; one waits for somebody to look at how it
// came, one is claimed, one sleeps, and the others wait in their teams. Who opens the demo has alerts that nobody has seen.
func TestSampleWorkWaits(t *testing.T) {
	o := newSampleOffice(t)
	numbers := o.open()
	o.receive()
	var requests []casework.Case
	var firmware, helpdesk, key bool
	o.desk.Read(func(s *casework.State) {
		requests = slices.DeleteFunc(s.Overview(), func(c casework.Case) bool { return c.Kind != casework.Request })
		firmware = slices.ContainsFunc(s.Extracts(), func(x casework.Extract) bool { return x.Name == sampleFirmware })
		helpdesk = slices.ContainsFunc(s.References().Systems, func(x casework.ReferenceSystem) bool { return x.Name == "Helpdesk" })
		acme, _ := s.Account("acme")
		key = slices.ContainsFunc(acme.Contacts, func(c casework.Contact) bool { return c.Key })
	})
	if !firmware || !helpdesk || !key {
		t.Errorf("firmware is extracted: %v, references of the helpdesk: %v, Acme has a key contact: %v", firmware, helpdesk, key)
	}
	want := sampleRequests(sampleNow)
	if len(requests) != len(want) {
		t.Errorf("%d requests, want %d", len(requests), len(want))
	}
	for _, w := range want {
		i := slices.IndexFunc(requests, func(c casework.Case) bool { return c.Title == w.Title })
		if i < 0 {
			t.Errorf("no request %q", w.Title)
			continue
		}
		c := requests[i]
		if c.Team != w.Team || c.Severity != w.Severity || c.Routed.Exception != w.Exception || !slices.Equal(c.Tags, w.Tags) {
			t.Errorf("%q is in %q with severity %d, tags %q and exception %q, want %+v", c.Title, c.Team, c.Severity, c.Tags, c.Routed.Exception, w)
		}
		if w.Steps != nil {
			o.do(w.Steps(c.Number)...)
		}
	}
	o.checkWaiting()
	o.checkAlerts(numbers["Alarms of the Cork cold store come forty minutes late"])
}

// checkWaiting looks at who has the requests.
func (o sampleOffice) checkWaiting() {
	o.Helper()
	waiting, claimed, asleep, exceptions := map[string]int{}, 0, 0, 0
	o.desk.Read(func(s *casework.State) {
		for _, c := range s.Overview() {
			switch {
			case c.Kind != casework.Request:
			case c.Routed.Exception != "":
				exceptions++
			case !c.SnoozedUntil.IsZero():
				asleep++
			case c.Owner != "":
				claimed++
			default:
				waiting[c.Team]++
			}
		}
	})
	if waiting["support"] < 2 || waiting["billing"] < 1 || claimed != 1 || asleep != 1 || exceptions != 1 {
		o.Errorf("waiting in teams: %v, claimed %d, asleep %d, exceptions %d", waiting, claimed, asleep, exceptions)
	}
}

// checkAlerts looks at what Marta is told.
func (o sampleOffice) checkAlerts(depot int) {
	o.Helper()
	o.desk.Read(func(s *casework.State) {
		drafts, _ := s.DueAlerts(sampleNow)
		rules := map[string]int{}
		for _, d := range drafts {
			if d.To == "marta" {
				rules[d.Rule]++
			}
		}
		if rules["review-asked"] != 1 || rules["mention"] != 1 || len(rules) < 3 {
			o.Errorf("Marta is told of %v, want a review, a mention and what a rule says", rules)
		}
		if c, _ := s.Case(depot); !slices.Contains(c.Followers, "marta") {
			o.Errorf("Marta does not follow C-%d: %v", depot, c.Followers)
		}
	})
}

// Whatever the day, one case is at high risk, one response time is over, and one ends soon.
func TestSampleIsAtRiskToday(t *testing.T) {
	for day := range 7 {
		now := sampleNow.AddDate(0, 0, day)
		library, err := loadSample(sampleFiles, now)
		if err != nil {
			t.Fatal(err)
		}
		of, depot := sampleDepot(), casework.Case{Number: 101}
		for _, x := range of.Statements {
			if x.Kind == "commitments" {
				due := sampleFriday(now).AddDate(0, 0, *x.Due)
				depot.Commitments = append(depot.Commitments, casework.Commitment{ID: 1, What: fmt.Sprint(x.In["what"]), Direction: casework.Ours, Due: &casework.When{From: due, To: due.AddDate(0, 0, 1), Grain: "day"}, Cites: []int{1}})
			}
		}
		depot.Citations = []casework.Citation{{ID: 1}}
		in := casework.RiskInput{Cases: []casework.Case{depot}, Us: casework.Company{Own: []string{sampleDomain}}, Now: now}
		for _, l := range library.letters {
			if strings.HasPrefix(l.id, "depot-") {
				m := casework.Mail{SHA256: archive.Digest(sampleHash(l.id)), Sent: l.date, Received: l.date, From: message.Mailbox{Address: l.from.address}}
				for _, p := range l.to {
					m.To = append(m.To, message.Mailbox{Address: p.address})
				}
				m.Direction = in.Us.DirectionOf(m.From, m.To)
				in.Mail = append(in.Mail, m)
			}
		}
		if risk, _ := casework.RiskOf(in); risk.Level != casework.RiskHigh && risk.Level != casework.RiskCritical {
			t.Errorf("on %s the risk is %s with %d points without the words of the mail: %+v", now.Weekday(), risk.Level, risk.Points, risk.Signals)
		}
		office, err := casework.NewCalendar("Europe/Amsterdam", sampleHours(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if open := office.Between(library.byID["request-01"].date, now); open < 10*time.Hour {
			t.Errorf("on %s the request of Dumont waits for only %v", now.Weekday(), open)
		}
		if left := 4*time.Hour - now.Sub(library.byID["request-04"].date); left <= 0 || left > 2*time.Hour {
			t.Errorf("on %s the request of Acme is due in %v", now.Weekday(), left)
		}
	}
}

// What is pinned is attached to the mail that it is pinned of, one file came in two versions of which one was sent twice,
// and a request says nearly what a case says that was resolved, and names a ticket.
func TestSampleFilesAndWords(t *testing.T) {
	sent, texts := map[string]int{}, map[string]string{}
	for _, m := range sampleMail(sampleNow) {
		r := readSampleMessage(m)
		texts[r.Original.Subject] += r.Original.Text().Body
		for _, a := range r.Original.Attachments() {
			sent[a.Filename]++
		}
	}
	var pins []samplePin
	for _, c := range sampleCases() {
		pins = append(pins, c.Pins...)
	}
	for _, r := range sampleRequests(sampleNow) {
		pins = append(pins, r.Pins...)
	}
	for _, p := range pins {
		if sent[p.File] == 0 || p.Reason == "" {
			t.Errorf("%s is pinned because %q, and came %d times", p.File, p.Reason, sent[p.File])
		}
	}
	one, two := "Service agreement Plant 2 v1.docx", "Service agreement Plant 2 v2.docx"
	if len(pins) == 0 || sent[one] == 0 || sent[two] < 2 || casework.FamilyName(one) != casework.FamilyName(two) {
		t.Errorf("%d pins; the agreement came %d and %d times", len(pins), sent[one], sent[two])
	}
	if like := casework.SketchOf(texts["door 14 again"]).Like(casework.SketchOf(texts["door 9 this time"])); like == 0 {
		t.Error("door 9 is not like door 14")
	}
	if !strings.Contains(texts["Line 3 has stopped: gateway does not come back"], "HD-20417") {
		t.Error("the mail about line 3 names no ticket")
	}
}
