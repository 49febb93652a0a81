package casework

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"polytrace/archive"
)

// goldenAlerts holds the first ledger with alerts, followers, mentions and feeds, and what it folded to. These files
// never change.
const goldenAlerts = "testdata/golden-alerts"

func shownAlerts(s *State) map[string]any {
	all := map[string]any{"cases": s.Cases(), "groups": s.OpenGroups(), "subscriptions": s.Subscriptions(), "began": s.AlertsBegan(), "unknown": s.Unknown()}
	for _, name := range []string{"kim", "lee", "marta"} {
		list, seen := s.Alerts(name)
		all[name] = map[string]any{"alerts": list, "seen": seen, "unseen": s.UnseenAlerts(name), "settings": s.AlertSettings(name), "feeds": s.Feeds(name)}
	}
	return all
}

func TestFirstAlertsStayReadable(t *testing.T) {
	checkGolden(t, goldenAlerts, shownAlerts, AlertRaised, AlertSeen, AlertsSet, AlertGrouped, AlertSent, SearchAlert, CaseFollowed, CaseUnfollowed, FeedMade, FeedRevoked, NoteAdded)
}

func TestAlertsAreWrittenAsAtFirst(t *testing.T) {
	checkWritten(t, goldenAlerts, goldenAlertsScript)
}

func goldenAlertsScript(o *office) {
	step := func(actor string, c Command) { o.t.Helper(); o.as(actor, c); o.clock = o.clock.Add(time.Hour) }
	step(System, AddUser{Name: "kim", FullName: "Kim Osei", Roles: []Role{Specialist}})
	step(System, AddUser{Name: "lee", FullName: "Lee Park", Roles: []Role{Agent}})
	step(System, AddUser{Name: "marta", FullName: "Marta Lindqvist", Roles: []Role{Manager}})
	step(System, SetCalendar{Name: "bremen", Zone: "Europe/Berlin", Hours: officeHours()})
	step("kim", OpenCase{Title: "Gateways offline", Owner: "kim"})
	step("kim", Cite{101, cited("Die Ursache bis Freitag", 120)})
	step("kim", MakeCommitment{Case: 101, What: "root cause", Due: &When{start.AddDate(0, 0, 3), start.AddDate(0, 0, 4), "day", "by Friday"}, Cites: []int{1}})
	step(System, OpenAccount{ID: "acme", Name: "Acme"})
	step("lee", SaveSearch{Name: "acme-open", Query: "participant:acme.example", Shared: true, Watch: true})
	step(System, RaiseAlerts{}) // Begins the watch.
	step("lee", FollowCase{Case: 101})
	step("marta", FollowCase{Case: 101})
	step("marta", UnfollowCase{Case: 101})
	step("kim", AlertOnSearch{Owner: "lee", Name: "acme-open", Pace: AlertHourly, Upto: Positions{archive.Mail: 3}})
	step("kim", SetAlerts{Settings: AlertSettings{Address: "kim@contoso.example", Calendar: "bremen", Mail: map[AlertKind]AlertPace{AlertRisk: AlertInstant, AlertPromise: AlertDaily, AlertSearch: AlertInstant}}})
	step("lee", AddNote{101, "@kim, look at this with @marta.", nil})
	at := named(4).Record
	step(System, NoteRisk{Case: 101, Change: RiskChange{At: start, To: RiskCritical, Points: 9, Because: []Signal{{Rule: RiskWords, Text: "The customer writes of leaving", Points: 9, Evidence: archive.Digest{9}, Sources: []Source{{Record: &at, At: start}}}}}})
	o.look()
	o.clock = start.AddDate(0, 0, 5)
	var subs []Subscription
	o.desk.Read(func(s *State) { subs = s.Subscriptions() })
	step(System, RaiseAlerts{Drafts: subs[0].Drafts([]archive.Address{at}), Searches: []SearchLooked{{"lee", "acme-open", "kim", Positions{archive.Mail: 5}}}})
	o.look()
	step("kim", SeeAlerts{Upto: 1})
	step(System, GroupAlerts{"kim", AlertMail, []int{3, 6}})
	step(System, EndGroup{1, AlertDelivered, ""})
	step(System, GroupAlerts{"kim", AlertHook, []int{1}})
	step("kim", AlertOnSearch{Owner: "lee", Name: "acme-open", Pace: AlertDaily})
	step("kim", MakeFeed{Hash: SecretHash("one")})
	step("lee", MakeFeed{Hash: SecretHash("two"), Account: "Acme"})
	step("lee", RevokeFeed{ID: 1})
}

// look raises what is to be told now; it reports how many alerts that were.
func (o *office) look() int {
	o.t.Helper()
	var drafts []Draft
	var upto archive.Position
	before := 0
	o.desk.Read(func(s *State) { drafts, upto = s.DueAlerts(o.clock); before = s.alerts.last })
	o.as(System, RaiseAlerts{Drafts: drafts, Upto: upto})
	o.desk.Read(func(s *State) { before = s.alerts.last - before })
	return before
}

// told are the sentences of the alerts of somebody, the first one first.
func (o *office) told(user string) (all []string) {
	o.desk.Read(func(s *State) {
		list, _ := s.Alerts(user)
		for _, x := range slices.Backward(list) {
			all = append(all, x.Text)
		}
	})
	return all
}

// watched is withCase with lee, who reads, and the watch begun.
func watched(t testing.TB) *office {
	o := withCase(t)
	o.do(AddUser{Name: "lee", FullName: "Lee Park", Roles: []Role{Observer}})
	o.look()
	return o
}

func worse(points int, to RiskLevel) Command {
	at := named(4).Record
	return NoteRisk{Case: 101, Change: RiskChange{At: start, To: to, Points: points, Because: []Signal{{Rule: RiskWords, Text: "Promised “the pump”", Points: points, Evidence: archive.Digest{byte(points)}, Sources: []Source{{Record: &at, At: start}}}}}}
}

// The owner, who follows, and for what is critical the managers are told, in one sentence without words of others; who did
// it is not, nor is who may not read.
func TestESC12_WhoIsToldOfWhat(t *testing.T) {
	o := watched(t)
	o.do(AddUser{Name: "gone", FullName: "Gone", Roles: []Role{Agent}})
	o.as("gone", FollowCase{Case: 101})
	o.do(DisableUser{"gone", ""})
	o.as("lee", FollowCase{Case: 101})
	expect(t, "the log", []string{o.lastLine(101)}, []string{"Lee Park follows the case"})
	o.as(System, worse(3, RiskElevated))
	o.as("kim", OverrideRisk{Case: 101, Level: RiskCritical, Until: o.clock.Add(time.Hour), Reason: "their board meets"})
	o.as("marta", AssignCase{Case: 101, Owner: "marta", Reason: "secret words"})
	o.as("marta", AskQuestion{Case: 101, To: "kim", Text: "Who signed it?"})
	o.as("kim", AnswerQuestion{Case: 101, ID: 1, Text: "Jane"})
	o.as("marta", OfferHandoff{Case: 101, To: "kim", Fields: said()})
	o.look()
	risk, set := "The risk of C-101 rose from low to elevated, 3 points", "Kim Osei set the risk of C-101 to critical"
	expect(t, "kim", o.told("kim"), []string{risk, "Marta Lindqvist took C-101 from you", "Marta Lindqvist asks you something in C-101", "Marta Lindqvist offers you C-101"})
	expect(t, "lee, who follows", o.told("lee"), []string{risk, set, "C-101 belongs to Marta Lindqvist now"})
	expect(t, "marta, a manager", o.told("marta"), []string{set, "Kim Osei answered your question in C-101"})
	expect(t, "who is gone", o.told("gone"), nil)
	expect(t, "root, who reads nothing", o.told("root"), nil)
	o.desk.Read(func(s *State) {
		list, _ := s.Alerts("lee")
		if left, _ := s.DueAlerts(o.clock); len(left) != 0 {
			t.Errorf("what was told waits still: %+v", left)
		}
		if !list[1].Critical || list[2].Critical || len(list[2].Sources) != 2 || *list[2].Sources[1].Record != named(4).Record {
			t.Errorf("%+v", list)
		}
	})
	o.as("lee", UnfollowCase{Case: 101})
	o.as(System, worse(6, RiskHigh))
	o.look()
	if n := len(o.told("lee")); n != 3 {
		t.Errorf("who follows no more has %d alerts", n)
	}
	o.refused(FollowCase{Case: 101}, Forbidden, "")
	o.refused(FollowCase{Case: 150}, NotFound, "Case")
	equalStates(t, o.reopen().state, o.desk.state)
}

// Rules tell those whom they name, and the members of teams; a review is told to whom it is asked of; who has a case after
// a change of many is told as if it were one; and of a case that is muted nobody hears but what is critical.
func TestESC12_RulesReviewsAndBulksAreTold(t *testing.T) {
	o := watched(t)
	o.do(AddUser{Name: "ana", FullName: "Ana Sousa", Roles: []Role{Agent}})
	o.as("marta", SetTeam{Team: Team{Name: "legal", Title: "Legal", Members: []string{"ana"}}})
	o.as("marta", SetRules{Rules: RuleSet{Rules: []Rule{{ID: "cancel", Name: "Cancel", Conditions: []Condition{{FieldBody, false, []string{"cancel"}}}, Actions: RuleActions{Notify: []string{"kim", "team:legal"}}}}}})
	first := contract()
	first.Text = "We cancel."
	o.routeAs(first, 0)
	o.as("kim", AskReview{Case: 101, Reason: "it grows"})
	o.as("marta", ChangeCases{Cases: those(101), Action: BulkAction{Owner: new("ana")}, Reason: "leave"})
	o.as("ana", ChangeCase{Case: 101, Muted: new(true)})
	o.as(System, worse(3, RiskElevated))
	o.as(System, worse(9, RiskCritical))
	o.look()
	rule, critical := "By a rule you are told of C-102, which is new", "The risk of C-101 rose from elevated to critical, 9 points"
	expect(t, "kim", o.told("kim"), []string{rule, "Marta Lindqvist took C-101 from you"})
	expect(t, "ana", o.told("ana"), []string{rule, "Marta Lindqvist gave you C-101", critical})
	expect(t, "marta", o.told("marta"), []string{"Kim Osei asks you to review C-101", critical})
}

// A promise that has passed its time is told once, whatever the log says of it later.
func TestInvariant23_APassedTimeIsToldOnce(t *testing.T) {
	o := watched(t)
	o.as("kim", MakeCommitment{Case: 101, What: "root cause", Due: &When{start.AddDate(0, 0, 2), start.AddDate(0, 0, 3), "day", ""}, Cites: []int{1}})
	o.clock = start.AddDate(0, 0, 4)
	o.look()
	told := len(o.told("kim"))
	var first, again Draft
	o.desk.Read(func(s *State) { list, _ := s.Alerts("kim"); first = list[len(list)-1].Draft })
	again, again.Sources = first, []Source{{Case: 101, Event: 99}}
	first.Once, again.Once = true, true
	if first.Key() != again.Key() || told == 0 {
		t.Errorf("another source makes another alert of %q", first.Text)
	}
	if again.Once = false; first.Key() == again.Key() {
		t.Error("what rests on something new is not told")
	}
}

// What was decided before the watch began, and promises that had passed then, are told to nobody.
func TestESC12_TheWatchBeginsWithNothing(t *testing.T) {
	o := staffed(t)
	before := len(o.ledger.records)
	if o.look(); len(o.ledger.records) != before {
		t.Error("a watch begins without a case")
	}
	o = withCase(t)
	o.as("kim", MakeCommitment{Case: 101, What: "a call", Due: &When{start.AddDate(0, 0, -3), start.AddDate(0, 0, -2), "day", ""}, Cites: []int{1}})
	o.as(System, worse(9, RiskCritical))
	if n := o.look() + o.look(); n != 0 || len(o.told("kim")) != 0 {
		t.Errorf("%d alerts", n)
	}
}

// A promise is told a day before its time and when that has passed, once each, and again when it was moved.
func TestESC12_PromisesAndCoversAreTold(t *testing.T) {
	o := watched(t)
	due := When{start.AddDate(0, 0, 3), start.AddDate(0, 0, 4), "day", ""}
	o.as("kim", MakeCommitment{Case: 101, What: "root cause", Due: &due, Cites: []int{1}})
	o.as("kim", OfferHandoff{Case: 101, To: "marta", Kind: Cover, Until: start.AddDate(0, 0, 6), Fields: said()})
	o.as("marta", AnswerHandoff{Case: 101, ID: 1, Accept: true, Takes: []Take{{Commitment: 1, Do: GiveBack}}})
	day := func(n int) { o.clock = start.AddDate(0, 0, n); o.look(); o.look() }
	for n := range 9 {
		day(n)
	}
	dues := due.To.Add(-time.Nanosecond).Format("2 January 2006")
	expect(t, "kim", o.told("kim"), []string{"Marta Lindqvist accepted your offer of C-101", "Promise 1 of C-101 is due soon, " + dues, "Promise 1 of C-101 is past its time, " + dues, "The cover of C-101 ends on " + start.AddDate(0, 0, 6).Format("2 January 2006 15:04 UTC")})
	expect(t, "marta", o.told("marta")[:1], []string{"Kim Osei asks you to cover C-101"})
	o.as(System, ReturnHandoff{Case: 101, ID: 1})
	later := When{start.AddDate(0, 0, 20), start.AddDate(0, 0, 21), "day", ""}
	o.as("kim", MoveCommitment{Case: 101, ID: 1, Due: &later, Cites: []int{1}})
	day(20)
	told := o.told("kim")
	expect(t, "after the move", told[4:], []string{"The cover of C-101 has ended: Kim Osei owns it again", "Promise 1 of C-101 is due soon, " + start.AddDate(0, 0, 21).Add(-time.Nanosecond).Format("2 January 2006")})
	o.as("kim", MakeCommitment{Case: 101, What: "a call", Due: &When{o.clock, o.clock.Add(12 * time.Hour), "day", ""}, Cites: []int{1}})
	if n := o.look(); n != 0 {
		t.Errorf("who has just written a promise down is told that it is due soon")
	}
}

// A clock is told when it is nearly used up and when it is over, once each; an over one is critical.
func TestESC12_ClocksAreTold(t *testing.T) {
	o := watched(t)
	look := func(k Clock) {
		var drafts []Draft
		o.desk.Read(func(s *State) { drafts = s.ClockAlerts(101, []Clock{k}, o.clock) })
		o.as(System, RaiseAlerts{Drafts: drafts})
	}
	k := Clock{Kind: NextReply, State: ClockRunning, Started: &Moment{Record: named(4).Record}, Since: start, Due: o.clock.Add(10 * time.Hour), Warn: o.clock.Add(8 * time.Hour), Remind: o.clock.Add(8 * time.Hour)}
	look(k)
	o.clock = o.clock.Add(8 * time.Hour)
	look(k)
	look(k)
	k.State = ClockBreached
	o.clock = o.clock.Add(8 * time.Hour)
	look(k)
	look(k)
	kim, marta := o.told("kim"), o.told("marta")
	if len(kim) != 2 || len(marta) != 1 || !strings.HasPrefix(kim[0], "The time for the next reply of C-101 is nearly used up") || !strings.HasPrefix(marta[0], "The time for the next reply of C-101 is over") {
		t.Errorf("kim %q, marta %q", kim, marta)
	}
}

// Raising again, also after a restart, and from drafts in another order, raises nothing: an alert is named by its rule,
// what it is about, its recipient and the set of what it rests on. Every alert rests on something.
func TestInvariant23_AlertsAreIdempotent(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := watched(t)
		var drafts []Draft
		for n := range rapid.IntRange(1, 8).Draw(rt, "drafts") {
			d := Draft{Kind: AlertKinds[n%9], Rule: rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "rule"), Subject: rapid.SampledFrom([]string{"C-101", "C-1011"}).Draw(rt, "subject"), To: rapid.SampledFrom([]string{"kim", "lee"}).Draw(rt, "to"), Text: "x"}
			for _, e := range rapid.SliceOfN(rapid.IntRange(1, 3), 1, 3).Draw(rt, "evidence") {
				d.Sources = append(d.Sources, Source{Case: 101, Event: archive.Position(e)})
			}
			drafts = append(drafts, d)
		}
		want := map[string]bool{}
		for _, d := range drafts {
			var set []int
			for _, x := range d.Sources {
				set = append(set, int(x.Event))
			}
			slices.Sort(set)
			want[fmt.Sprint(d.Rule, " ", d.Subject, " ", d.To, " ", slices.Compact(set))] = true
		}
		for range 3 {
			shuffled := rapid.Permutation(drafts).Draw(rt, "order")
			for i := range shuffled {
				shuffled[i].Sources = rapid.Permutation(shuffled[i].Sources).Draw(rt, "set")
			}
			o.as(System, RaiseAlerts{Drafts: shuffled})
			o.desk = o.reopen()
		}
		if got := len(o.told("kim")) + len(o.told("lee")); got != len(want) {
			rt.Fatalf("%d alerts, want %d", got, len(want))
		}
		o.desk.Read(func(s *State) {
			list, _ := s.Alerts("kim")
			for _, x := range list {
				if len(x.Sources) == 0 || x.Key != x.Draft.Key() {
					rt.Errorf("alert %d rests on nothing, or has another key", x.ID)
				}
			}
		})
	})
	o := watched(t)
	o.refused(RaiseAlerts{Drafts: []Draft{{Kind: AlertRisk, To: "kim", Text: "x"}}}, Invalid, "Drafts")
	many := make([]Draft, 450)
	for i := range many {
		many[i] = Draft{Kind: AlertSearch, Rule: "search", To: "kim", Text: "x", Sources: []Source{{Case: 101, Event: archive.Position(i)}}}
	}
	before := len(o.ledger.records)
	for range 4 {
		o.as(System, RaiseAlerts{Drafts: many, Upto: 1000})
	}
	if n := len(o.told("kim")); n != 450 || len(o.ledger.records) != before+3 {
		t.Errorf("of many %d were raised, by %d events", n, len(o.ledger.records)-before)
	}
}

// A person's settings: what cannot be sent by is refused, and what is the same is not noted again.
func TestESC12_SettingsOfAlerts(t *testing.T) {
	o := watched(t)
	o.do(SetCalendar{Name: "bremen", Zone: "Europe/Berlin", Hours: officeHours()})
	on := map[AlertKind]AlertPace{AlertRisk: AlertInstant}
	for _, c := range []struct {
		settings AlertSettings
		code     string
		field    string
	}{
		{AlertSettings{Calendar: "mars"}, NotFound, "Calendar"},
		{AlertSettings{Mail: on}, Invalid, "Address"},
		{AlertSettings{Address: "kim@contoso.example\r\nBcc: x@y.example", Mail: on}, Invalid, "Address"},
		{AlertSettings{Address: "kim"}, Invalid, "Address"},
		{AlertSettings{Address: "a@b@c"}, Invalid, "Address"},
		{AlertSettings{Mail: map[AlertKind]AlertPace{"mood": AlertInstant}}, Invalid, "Mail"},
		{AlertSettings{Mail: map[AlertKind]AlertPace{AlertRisk: "now"}}, Invalid, "Mail"},
	} {
		o.refused(SetAlerts{Settings: c.settings}, c.code, c.field)
	}
	good := SetAlerts{Settings: AlertSettings{Address: " kim@contoso.example ", Calendar: "bremen", Mail: map[AlertKind]AlertPace{AlertRisk: AlertInstant, AlertCover: AlertOff}}}
	before := len(o.ledger.records)
	o.as("kim", good, good)
	if len(o.ledger.records) != before+1 {
		t.Error("the same is noted twice")
	}
	o.desk.Read(func(s *State) {
		got := s.AlertSettings("kim")
		if !got.Any() || got.Address != "kim@contoso.example" || len(got.Mail) != 1 || s.AlertSettings("marta").Any() {
			t.Errorf("%+v", got)
		}
		got.Mail[AlertRisk] = AlertOff
		if s.AlertSettings("kim").Mail[AlertRisk] != AlertInstant {
			t.Error("a copy changes the state")
		}
	})
}

// @name in a note names a colleague when it begins a word and there is such a user; he is told who and where, and nothing of
// what the note says. Who may not read is told nothing.
func TestTR16_MentionsAreTold(t *testing.T) {
	o := watched(t)
	o.do(AddUser{Name: "a.b", FullName: "A B", Roles: []Role{Agent}})
	o.as("kim", AddNote{101, "Secret for @lee, @marta. @kim @root @nobody x@kim2 (@a.b) lee@marta.example @leeward @marta", nil})
	expect(t, "the names", o.theCase(101).Notes[0].Mentions, []string{"a.b", "kim", "lee", "marta", "root"})
	for text, want := range map[string]int{"@lee": 1, "@lee.": 1, "(@lee)": 1, "@lee's": 1, "@@lee": 0, "a@lee": 0, "@leeward": 0, "@lee@contoso.example": 0, "é@lee": 0, "@lee-": 1, "@Lee": 0, "x.@lee": 0} {
		if got := Mentions(text, func(name string) bool { return name == "lee" }); len(got) != want || want == 1 && got[0].Name != "lee" {
			t.Errorf("%q names %+v", text, got)
		}
	}
	o.look()
	for _, name := range []string{"lee", "marta", "a.b"} {
		expect(t, name, o.told(name), []string{"Kim Osei mentioned you in a note of C-101"})
	}
	if o.told("kim") != nil || o.told("root") != nil {
		t.Error("who wrote it, or reads nothing, is told")
	}
	o.desk.Read(func(s *State) {
		expect(t, "who is not told", s.Unreached([]string{"lee", "root"}), []string{"root"})
	})
	for _, r := range o.ledger.records {
		if e, _ := DecodeEvent(r.Body); e.Type == AlertRaised && strings.Contains(string(r.Body), "Secret") {
			t.Error("an alert has words of the note")
		}
	}
	o.as("kim", AddNote{101, "Nobody.", nil})
	if o.theCase(101).Notes[1].Mentions != nil {
		t.Error("a note without a name names somebody")
	}
}

// Who wants to be told of a search is told of each message once, and how far was looked is kept; a search that he may not use
// any more tells nothing.
func TestTR15_EachMessageIsToldOnce(t *testing.T) {
	o := watched(t)
	o.as("kim", SaveSearch{Name: "acme", Query: "acme", Shared: true, Watch: true}, SaveSearch{Name: "quiet", Query: "x", Shared: true})
	o.as("lee", AlertOnSearch{Owner: "kim", Name: "acme", Pace: AlertDaily, Upto: Positions{archive.Mail: 2}})
	sub := func() (all []Subscription) {
		o.desk.Read(func(s *State) { all = s.Subscriptions() })
		return all
	}
	find := func(at ...archive.Position) {
		var found []archive.Address
		for _, p := range at {
			found = append(found, archive.Address{Stream: archive.Mail, Position: p})
		}
		o.as(System, RaiseAlerts{Drafts: sub()[0].Drafts(found), Searches: []SearchLooked{{"kim", "acme", "lee", Positions{archive.Mail: 9}}}})
	}
	find(3, 4)
	find(4, 3, 5)
	o.desk = o.reopen()
	find(3, 4, 5)
	list, pace := o.told("lee"), AlertPace("")
	o.desk.Read(func(s *State) { all, _ := s.Alerts("lee"); pace = all[0].Pace })
	if len(list) != 3 || list[0] != "A new message matches the search acme" || pace != AlertDaily || sub()[0].Upto[archive.Mail] != 9 {
		t.Errorf("%q, %s, %v", list, pace, sub())
	}
	o.as("lee", AlertOnSearch{Owner: "kim", Name: "acme", Pace: AlertInstant, Upto: Positions{archive.Mail: 1}})
	if got := sub(); got[0].Pace != AlertInstant || got[0].Upto[archive.Mail] != 9 {
		t.Errorf("after a change of the pace: %+v", got)
	}
	o.refused(AlertOnSearch{Owner: "kim", Name: "none", Pace: AlertInstant}, NotFound, "Name")
	o.refused(AlertOnSearch{Owner: "kim", Name: "acme", Pace: "now"}, Invalid, "Pace")
	o.refused(AlertOnSearch{Owner: "kim", Name: "quiet", Pace: AlertInstant}, Conflict, "Name")
	o.as("kim", SaveSearch{Name: "acme", Query: "acme", Watch: true})
	if len(sub()) != 0 {
		t.Error("a search that is not shared any more is asked for others")
	}
	o.as("kim", RemoveSearch{Name: "acme"})
	o.desk.Read(func(s *State) {
		if len(s.alerts.subs) != 0 {
			t.Error("a search that is gone leaves a wish behind")
		}
	})
	equalStates(t, o.reopen().state, o.desk.state)
}

// withAlerts gives kim one of each thing about alerts.
func withAlerts(o *office) {
	at := named(4).Record
	o.as(System, RaiseAlerts{})
	o.as(System, RaiseAlerts{Drafts: []Draft{{Kind: AlertSearch, To: "kim", Text: "x", Sources: []Source{{Record: &at}}}, {Kind: AlertRisk, To: "kim", Text: "x", Sources: []Source{{Case: 101, Event: 1}}}}})
	o.as("kim", FollowCase{Case: 101}, SaveSearch{Name: "mine", Query: "x", Watch: true}, AlertOnSearch{Owner: "kim", Name: "mine", Pace: AlertHourly, Upto: Positions{archive.Mail: 1}}, MakeFeed{Hash: SecretHash("feed")},
		SetAlerts{Settings: AlertSettings{Address: "kim@contoso.example", Mail: map[AlertKind]AlertPace{AlertRisk: AlertInstant}}})
	o.as(System, GroupAlerts{"kim", AlertMail, []int{1}})
	o.as(System, worse(3, RiskElevated))
	o.as("marta", worse(6, RiskHigh))
}

// spoilAlerts changes what the methods about alerts return.
func spoilAlerts(s *State) {
	spoil := func(list []Alert) {
		for _, x := range list {
			x.Sources[0].Case = 99
			if x.Sources[0].Record != nil {
				x.Sources[0].Record.Position = 99
			}
			clear(x.Groups)
		}
	}
	list, _ := s.Alerts("kim")
	spoil(list)
	g := s.OpenGroups()[0]
	spoil(s.GroupAlerts(g))
	g.Alerts[0] = 99
	spoil(s.Waiting("kim", AlertHook, list[0].At).Alerts)
	clear(s.AlertSettings("kim").Mail)
	clear(s.Subscriptions()[0].Upto)
	s.Feeds("kim")[0].Account = "spoilt"
	drafts, _ := s.DueAlerts(start)
	for _, d := range drafts {
		d.Sources[0].Case = 99
	}
}
