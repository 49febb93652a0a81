package casework

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"polytrace/archive"
	"polytrace/message"
)

// goldenRules holds the first ledger about rules and intake, and what it folded to. These files never change.
const goldenRules = "testdata/golden-rules"

func shownRules(s *State) map[string]any {
	first, _ := s.Routed(named(4).SHA256)
	return map[string]any{"cases": s.Cases(), "rules": s.RuleVersions(), "intake": s.Intake(), "routed": first, "upto": s.RoutedUpto(archive.Mail), "unknown": s.Unknown()}
}

func TestFirstRulesStayReadable(t *testing.T) {
	checkGolden(t, goldenRules, shownRules, RulesSet, IntakeSet, MailRouted, CaseOpened)
}

func TestRulesAreWrittenAsAtFirst(t *testing.T) {
	checkWritten(t, goldenRules, goldenRulesScript)
}

func goldenRulesScript(o *office) {
	step := func(actor string, c Command) { o.t.Helper(); o.as(actor, c); o.clock = o.clock.Add(time.Hour) }
	step(System, AddUser{Name: "marta", FullName: "Marta Lindqvist", Roles: []Role{Manager}})
	step(System, AddUser{Name: "kim", FullName: "Kim Osei", Roles: []Role{Specialist}})
	step(System, AddQueue{Name: "support", Local: "support-7f3k2"})
	step("marta", SetTeam{Team: Team{Name: "legal", Title: "Legal", ReturnMinutes: 60}})
	first := RuleSet{Zone: "Europe/Berlin", Largest: 10, Rules: []Rule{
		{ID: "urgent", Name: "Urgent", Conditions: []Condition{{FieldSubject, false, []string{"urgent", "down"}}, {FieldIs, true, []string{"automatic"}}}, Actions: RuleActions{Severity: 1, Tags: []string{"Urgent"}}, GoOn: true},
		{ID: "contract", Name: "Contract PDF", Conditions: []Condition{{FieldFiletype, false, []string{"pdf"}}}, Actions: RuleActions{Team: "legal", Owner: "kim", Note: "Look at the dates.", Due: &RuleDue{Label: "Answer", Hours: 8}, Notify: []string{"kim", "team:legal"}, Mute: true}},
		{ID: "off", Name: "Not yet", Off: true, Actions: RuleActions{Case: 101, Exception: "have a look"}},
	}}
	first.Rules[2].Actions.Case = 0
	step("marta", SetRules{Rules: first, Reason: "first ones"})
	step("marta", SetIntake{Queues: []string{"support"}, From: Positions{archive.Mail: 3}, Reason: "from now on"})
	m := contract()
	m.Message, m.DMARC = named(4), "pass"
	o.routeAs(m, 0)
	again := contract()
	again.Message, again.Subject, again.DKIM, again.DMARC = named(5), "[C-101] production is down", "none", "none"
	step("kim", ChangeCase{Case: 101, Status: new(Resolved)})
	o.routeAs(again, 0)
	step("marta", SetIntake{Reason: "enough"})
}

// routeAs routes a message by the rules that hold, as one of a conversation of a case.
func (o *office) routeAs(m *MailFacts, conversation int) (number int) {
	o.t.Helper()
	var c RouteMail
	o.desk.Read(func(s *State) {
		a := Arrival{Facts: m, Direction: Inbound, Conversation: conversation, Named: s.NamedCases(m.Subject), Similar: s.Similar(m.Account, m.Subject, m.Received)}
		for _, n := range a.Named {
			if s.file(n).Account == m.Account {
				a.Known = append(a.Known, n)
			}
		}
		r, err := NewRouter(s.Rules(), s.Calendars())
		if err != nil {
			o.t.Fatal(err)
		}
		c = RouteMail{Arrival: a, Outcome: r.Route(m, s.Tags(a.Place().Case)), Rules: s.Rules().Version, Title: m.Subject, Number: &number}
	})
	o.as(System, c)
	return number
}

// Which case a message is of, by what is known of it. What can be guessed counts from those whom the case knows alone.
func TestTR6_PlacementTable(t *testing.T) {
	t.Parallel()
	plain := func(change ...func(*Arrival)) Arrival {
		m := contract()
		m.DKIM, m.DMARC = "", ""
		a := Arrival{Facts: m, Direction: Inbound}
		for _, f := range change {
			f(&a)
		}
		return a
	}
	conversation := func(a *Arrival) { a.Conversation = 104 }
	stranger := func(a *Arrival) { a.Stranger = true }
	token := func(a *Arrival) { a.Token = 105 }
	names := func(a *Arrival) { a.Named = []int{104} }
	known := func(a *Arrival) { a.Known = []int{104} }
	similar := func(a *Arrival) { a.Similar = 106 }
	automatic := func(a *Arrival) { a.Facts.Automatic = true }
	list := func(a *Arrival) { a.Facts.List = true }
	ours := func(a *Arrival) { a.Direction = Outbound }
	forged := func(a *Arrival) { a.Facts.DMARC = "fail" }
	lost := func(a *Arrival) { a.Facts.Unreadable = "it was erased" }
	for name, c := range map[string]struct {
		a     Arrival
		kase  int
		open  bool
		claim int
	}{
		"new":                                {plain(), 0, true, 0},
		"conversation":                       {plain(conversation), 104, false, 0},
		"conversation before token":          {plain(conversation, token), 104, false, 0},
		"stranger in a conversation":         {plain(conversation, stranger), 104, false, 0},
		"reply line of anybody":              {plain(token, stranger), 105, false, 0},
		"reply line though forged":           {plain(token, forged), 105, false, 0},
		"subject of somebody known":          {plain(names, known), 104, false, 0},
		"subject of a stranger":              {plain(names), 0, true, 104},
		"subject of a stranger, and similar": {plain(names, similar), 0, true, 104},
		"subject of somebody known, forged":  {plain(names, known, forged), 0, true, 104},
		"similar":                            {plain(similar), 106, false, 0},
		"similar, forged":                    {plain(similar, forged), 0, true, 0},
		"automatic":                          {plain(automatic), 0, false, 0},
		"automatic that answers":             {plain(automatic, conversation), 104, false, 0},
		"automatic with everything else":     {plain(automatic, token, names, known, similar), 0, false, 0},
		"list":                               {plain(list), 0, false, 0},
		"ours":                               {plain(ours, conversation, token), 0, false, 0},
		"unreadable":                         {plain(lost), 0, true, 0},
	} {
		if p := c.a.Place(); p.Case != c.kase || p.Open != c.open || p.Claims != c.claim || (p.Case != 0 || p.Open) == (p.Link == "") {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// A reply line cannot be made up, is found in whatever a mail program makes of it, and is of one case of one instance.
func TestTR6_ReplyLines(t *testing.T) {
	t.Parallel()
	key := []byte("a key of an instance")
	line := ReplyLine(key, 104)
	for _, text := range []string{line, "> " + line + "\r\n", "see " + strings.ToUpper(line) + ".", "support" + ReplyPart(key, 104) + "@northwind.example", "ref:_C104.aaaaaaaaaa_ and " + line} {
		if ReplyTo(key, "", text) != 104 {
			t.Errorf("not found in %q", text)
		}
	}
	for _, text := range []string{"", "ref:_C104.aaaaaaaaaa_", strings.Replace(line, "104", "105", 1), line[:len(line)-2] + "_", strings.Replace(line, "ref:", "", 1)} {
		if n := ReplyTo(key, text); n != 0 {
			t.Errorf("%q is taken for case %d", text, n)
		}
	}
	if ReplyTo([]byte("another one"), line) != 0 {
		t.Error("the line of another instance is taken")
	}
}

// Each reason for which somebody has to look is found, and one counts before the other.
func TestTR13_EachExceptionIsFound(t *testing.T) {
	t.Parallel()
	fine := func() Arrival {
		m := contract()
		m.DKIM, m.DMARC, m.First = "pass", "pass", false
		return Arrival{Facts: m, Direction: Inbound}
	}
	set := RuleSet{Largest: 5, Rules: []Rule{rule("sales", "sales", subject("offer"))}}
	r, err := NewRouter(set, nil)
	if err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Arrival){
		"":                  func(a *Arrival) { a.Facts.Subject = "Offer" },
		ExceptionUnreadable: func(a *Arrival) { a.Facts.Unreadable = "damaged" },
		ExceptionDefective:  func(a *Arrival) { a.Facts.Defects = []message.Defect{{Code: "boundary-missing"}} },
		ExceptionClaims:     func(a *Arrival) { a.Named = []int{104} },
		ExceptionForged:     func(a *Arrival) { a.Facts.DMARC = "fail" },
		ExceptionEncrypted:  func(a *Arrival) { a.Facts.Encrypted = true },
		ExceptionOversized:  func(a *Arrival) { a.Facts.Size = 6 << 20 },
		ExceptionStranger:   func(a *Arrival) { a.Conversation, a.Stranger = 104, true },
		ExceptionUnknown:    func(a *Arrival) { a.Facts.Account, a.Facts.First = "", true },
		ExceptionNoRule:     func(a *Arrival) {},
	} {
		a := fine()
		change(&a)
		if got := a.exception(set, a.Place(), r.Route(a.Facts, nil)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if want != "" && !slices.Contains(Exceptions(), want) {
			t.Errorf("%q is not listed", want)
		}
	}
	for code, bad := range map[string]bool{"bare-cr": false, "tnef-unreadable": true} {
		if m := (&MailFacts{Defects: []message.Defect{{Code: code}}}); m.Defective() != bad {
			t.Errorf("%s: %v", code, m.Defective())
		}
	}
	if a := fine(); a.exception(RuleSet{}, a.Place(), Outcome{}) != "" {
		t.Error("without rules all mail is an exception")
	}
}

// state is what the desk has folded; nothing is decided meanwhile.
func (o *office) state() (state *State) {
	o.desk.Read(func(s *State) { state = s })
	return state
}

// ruled is an office with a team and rules.
func ruled(t *testing.T, rules ...Rule) *office {
	o := staffed(t)
	o.as("marta", SetTeam{Team: Team{Name: "legal", Title: "Legal"}}, SetTeam{Team: Team{Name: "sales", Title: "Sales"}}, SetRules{Rules: RuleSet{Rules: rules}})
	return o
}

// Each message is routed, also the second of a conversation (elsewhere it was not: FreeScout 3107), and each once: after a
// restart, and when it is routed again, nothing happens.
func TestTR4_EveryMessageIsRoutedAndOnce(t *testing.T) {
	t.Parallel()
	o := ruled(t, rule("contract", "legal", subject("contract")), Rule{ID: "cancel", Name: "Cancel", Conditions: []Condition{{FieldBody, false, []string{"cancel"}}}, Actions: RuleActions{Severity: 1, Tags: []string{"leaving"}, Notify: []string{"marta"}}})
	first, second := contract(), contract()
	second.Message, second.Subject, second.Text = named(8), "Re: it", "We cancel."
	if o.routeAs(first, 0) != 101 || o.routeAs(second, 101) != 101 {
		t.Fatal("two messages of a conversation are of two cases")
	}
	c := o.theCase(101)
	if c.Kind != Request || c.Team != "legal" || c.Severity != 1 || !slices.Equal(c.Tags, []string{"leaving"}) || c.Account != "contoso" || len(c.Links) != 1 {
		t.Errorf("%+v", c)
	}
	events := len(o.ledger.records)
	o.routeAs(first, 0)
	o.desk = o.reopen()
	if o.routeAs(second, 101); len(o.ledger.records) != events {
		t.Error("a message was routed twice")
	}
	o.desk.Read(func(s *State) {
		if r, ok := s.Routed(second.Message.SHA256); !ok || r.Case != 101 || r.Rule != "cancel" || s.RoutedUpto(archive.Mail) != 9 {
			t.Errorf("%+v", r)
		}
	})
	bounce := contract()
	bounce.Message, bounce.Automatic, bounce.Subject, bounce.Text = named(9), true, "Undelivered", "cancel"
	o.routeAs(bounce, 101)
	var e MailRoutedData
	if last, err := DecodeEvent(o.ledger.records[len(o.ledger.records)-1].Body); err != nil || json.Unmarshal(last.Data, &e) != nil {
		t.Fatal(err)
	}
	if e.Rule != "cancel" || e.Effects != nil || e.Status != nil {
		t.Errorf("what a machine wrote tells somebody: %+v", e)
	}
	bounce.Message = named(10)
	if events := len(o.ledger.records); o.routeAs(bounce, 0) != 0 || len(o.ledger.records) != events {
		t.Error("what a machine wrote opened a case")
	}
}

// Rules take from nobody what somebody gave, and what was done is open again when the customer writes.
func TestTR4_PeopleComeBeforeRules(t *testing.T) {
	t.Parallel()
	r := rule("contract", "legal", subject("contract"))
	r.Actions.Owner, r.Actions.Severity = "kim", 3
	o := ruled(t, r)
	o.routeAs(contract(), 0)
	o.as("marta", AssignCase{Case: 101, Owner: "marta", Team: new("sales"), Reason: "hers"}, ChangeCase{Case: 101, Severity: new(2), Status: new(Closed)})
	second := contract()
	second.Message = named(8)
	o.routeAs(second, 101)
	if c := o.theCase(101); c.Owner != "marta" || c.Team != "sales" || c.Severity != 2 || c.Status != Open {
		t.Errorf("%+v", c)
	}
	if line := o.lastLine(101); line != "The message mail/8 came in by rule 1 “The contract”, version 1; the case is open again" {
		t.Error(line)
	}
	o.do(DisableUser{"kim", "left"})
	third := contract()
	third.Message, third.Account = named(9), "acme"
	if n := o.routeAs(third, 0); o.theCase(n).Owner != "" || o.theCase(n).Team != "legal" {
		t.Errorf("somebody who left owns a case: %+v", o.theCase(n))
	}
}

// Rules name what is not there, and are changed by those who lead alone; nobody overwrites what somebody else changed.
func TestTR1_RulesAreSetByThoseWhoLead(t *testing.T) {
	t.Parallel()
	o := ruled(t, rule("contract", "legal"))
	for _, x := range []struct {
		rule        Rule
		field, text string
	}{
		{rule("a", "nobody"), "Rules[0].Team", "no team"},
		{Rule{ID: "a", Name: "A", Actions: RuleActions{Owner: "root"}}, "Rules[0].Owner", "cannot own"},
		{Rule{ID: "a", Name: "A", Actions: RuleActions{Case: 101}}, "Rules[0].Case", "no case"},
		{Rule{ID: "a", Name: "A", Actions: RuleActions{Notify: []string{"root"}}}, "Rules[0].Notify", "root"},
		{Rule{ID: "a", Name: "A", Actions: RuleActions{Due: &RuleDue{Hours: 1, Calendar: "x"}}}, "Rules[0].Due", "calendar"},
		{rule("a", "legal", Condition{FieldAccount, false, []string{"x"}}), "Rules[0].Conditions[0]", "account"},
		{rule("a", "legal", subject("x"), Condition{FieldHours, false, []string{"x"}}), "Rules[0].Conditions[1]", "calendar"},
		{rule("a", "legal", Condition{FieldQueue, false, []string{"x"}}), "Rules[0].Conditions[0]", "queue"},
	} {
		_, err := As("marta", SetRules{Rules: RuleSet{Version: 1, Rules: []Rule{x.rule}}}).Check(o.state(), start)
		refusal, ok := err.(*Refusal)
		if !ok || !strings.HasPrefix(refusal.Field, x.field) && x.field != "Rules[0].Owner" || !strings.Contains(refusal.Text, x.text) {
			t.Errorf("%s: %#v", x.field, err)
		}
	}
	o.refusedTo("kim", SetRules{Rules: RuleSet{Version: 1}}, Forbidden, "", "manager")
	o.refusedTo("kim", SetIntake{}, Forbidden, "", "manager")
	o.refusedTo("marta", SetRules{}, Conflict, "Version", "version 1 now")
	o.refusedTo("marta", SetIntake{Queues: []string{"x"}}, Invalid, "Queues", "no queue")
}

// What a trial says of messages is what becomes of them.
func TestTR3_TheRehearsalIsWhatHappens(t *testing.T) {
	t.Parallel()
	r := rule("contract", "legal", subject("contract"))
	r.Actions.Tags = []string{"contract"}
	tagged := rule("tagged", "sales", Condition{FieldTag, false, []string{"contract"}}, subject("second"))
	tagged.Actions.Severity = 2
	r.GoOn = true
	o := ruled(t, r, tagged)
	o.as("kim", OpenCase{Title: "By hand", Account: "contoso"})
	var mail []Arrival
	for i, subject := range []string{"Contract", "Re: Contract", "the second one", "Another contract of ours", "another contract of ours!", "Hello"} {
		m := contract()
		m.Message, m.Subject, m.Received, m.DMARC = named(archive.Position(20+i)), subject, start.Add(time.Duration(i)*time.Minute), "pass"
		mail = append(mail, Arrival{Facts: m, Direction: Inbound, Thread: map[bool]string{true: "mail-20", false: subject}[i < 3]})
	}
	var said []Rehearsed
	router := func() *Router {
		x, err := NewRouter(o.state().Rules(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	said = o.state().Rehearse(router(), mail)
	for i, a := range mail {
		conversation := 0
		if i == 1 || i == 2 {
			conversation = 102
		}
		n := o.routeAs(a.Facts, conversation)
		if want := said[i]; want.Opens != (o.theCase(n).Routed.Message == a.Facts.Message) {
			t.Errorf("message %d: %+v, and it is of C-%d", i, want, n)
		}
		if d := cmp.Diff(said[i].After, new(o.theCase(n)).standing()); d != "" {
			t.Errorf("message %d (-said +is):\n%s", i, d)
		}
	}
	if d := cmp.Diff(said, o.state().Rehearse(router(), mail)); d != "" {
		t.Errorf("a trial after it says something else (-before +after):\n%s", d)
	}
}
