package casework

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"polytrace/archive"
	"polytrace/message"
)

// goldenRisk holds the first ledger about risk, and what it folded to. These files never change.
const goldenRisk = "testdata/golden-risk"

func shownRisk(s *State) map[string]any {
	return map[string]any{"cases": s.Cases(), "rules": s.riskRules, "unknown": s.Unknown()}
}

func TestFirstRiskStaysReadable(t *testing.T) {
	checkGolden(t, goldenRisk, shownRisk, RiskChanged, SignalJudged, RiskOverridden, RiskCleared, RiskRulesSet)
}

func TestRiskIsWrittenAsAtFirst(t *testing.T) {
	checkWritten(t, goldenRisk, goldenRiskScript)
}

func goldenRiskScript(o *office) {
	step := func(actor string, c Command) { o.t.Helper(); o.as(actor, c); o.clock = o.clock.Add(time.Hour) }
	step(System, AddUser{Name: "kim", FullName: "Kim Osei", Roles: []Role{Specialist}})
	step("kim", OpenCase{Title: "Gateways offline", Owner: "kim"})
	at := named(4).Record
	words := Signal{Rule: RiskWords, Text: "The customer writes of leaving", Points: 3, Evidence: archive.Digest{9}, Sources: []Source{{Record: &at, At: start}}}
	missed := Signal{Rule: RiskMissed, Text: "Promised “root cause”, and it is past its time", Points: 3, Evidence: archive.Digest{8}, Sources: []Source{{Case: 101, Citation: 1, At: start}, {Case: 101, Event: 1}}}
	step(System, NoteRisk{Case: 101, Change: RiskChange{At: start, To: RiskElevated, Points: 3, Because: []Signal{words}}})
	step(System, NoteRisk{Case: 101, Change: RiskChange{At: start, To: RiskHigh, Points: 6, Because: []Signal{words, missed}}, Rules: 1})
	step("kim", JudgeSignal{Case: 101, Evidence: archive.Digest{9}, Rule: RiskWords, Say: "disagree", Reason: "they say that each week"})
	step("kim", JudgeSignal{Case: 101, Evidence: archive.Digest{8}, Rule: RiskMissed, Say: "snooze", Until: start.AddDate(0, 0, 3)})
	step("kim", OverrideRisk{Case: 101, Level: RiskCritical, Until: start.AddDate(0, 0, 7), Reason: "their board meets"})
	step("kim", ClearRisk{Case: 101, Reason: "it has met"})
	step("kim", SetRiskRules{Rules: RiskRules{Points: map[RiskRule]int{RiskTone: 0}, Levels: [3]int{2, 5, 8}, Hysteresis: 1, HalfLife: 14, People: []string{"boss@acme.example"}}, Reason: "calmer"})
	step(System, NoteRisk{Case: 101, Change: RiskChange{At: start, To: RiskLow}, Rules: 1})
}

// worry is mail of a case with the traits of each message, one hour apart unless it is said.
type worry struct{ RiskInput }

func newWorry() *worry {
	return &worry{RiskInput{Cases: []Case{{Number: 101}}, Traits: map[archive.Digest]Traits{}, Us: Company{[]string{"contoso.example"}}, Now: start.AddDate(0, 0, 30)}}
}

func (w *worry) says(hours int, d MailDirection, t Traits, change ...func(*Mail)) *worry {
	m := letterAt(archive.Position(len(w.Mail)+1), time.Duration(hours)*time.Hour, d)
	m.To = []message.Mailbox{person("support@contoso.example")}
	if d != Inbound {
		m.From, m.To = person("kim@contoso.example"), []message.Mailbox{person("jane@acme.example")}
	}
	for _, f := range change {
		f(&m)
	}
	w.Mail, w.Traits[m.SHA256] = append(w.Mail, m), t
	return w
}

func automatic(m *Mail) { m.Automatic = true }

// levels is how the level went, and with how many points.
func (w *worry) levels() (all []string) {
	_, changes := RiskOf(w.RiskInput)
	for _, c := range changes {
		all = append(all, fmt.Sprintf("%s %s %d", c.At.Sub(start), c.To, c.Points))
	}
	return all
}

func (w *worry) rules() (all []string) {
	now, _ := RiskOf(w.RiskInput)
	for _, s := range now.Signals {
		all = append(all, fmt.Sprintf("%s %d", s.Rule, s.Points))
	}
	return all
}

func expect(t *testing.T, what string, got, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

var angry = Traits{Alarms: []Wording{{Kind: "escalation", Weight: 2, Quote: "unacceptable"}}}

// Message by message the level is what the points say, each change says why, and what is not so any more fades.
func TestESC2_LevelSequence(t *testing.T) {
	w := newWorry().says(0, Inbound, Traits{}).says(1, Inbound, Traits{}).says(2, Inbound, angry)
	expect(t, "three messages", w.levels(), []string{"2h0m0s elevated 5"})
	w.says(3, Inbound, Traits{Alarms: []Wording{{Kind: "leaving", Weight: 3, Quote: "we will cancel"}}})
	expect(t, "they want to leave", w.levels(), []string{"2h0m0s elevated 5", "3h0m0s high 8", "338h0m0s elevated 4"})
	w.says(4, Outbound, Traits{})
	expect(t, "our answer, and a month", w.levels(), []string{"2h0m0s elevated 5", "3h0m0s high 8", "172h0m0s elevated 3", "339h0m0s low 1"})
}

// A message that is taken out of the case takes its points with it, and what was noted before stays noted.
func TestESC2_ReversalIsANewEvent(t *testing.T) {
	o := withCase(t)
	note := func(w *worry, wants bool) {
		t.Helper()
		now, changes := RiskOf(w.RiskInput)
		before := len(o.ledger.records)
		o.as(System, NoteRisk{Case: 101, Change: now.Noted(changes, w.Now)})
		if (len(o.ledger.records) > before) != wants {
			t.Errorf("level %s noted: %v", now.Level, !wants)
		}
	}
	w := newWorry().says(0, Inbound, Traits{}).says(1, Inbound, Traits{}).says(2, Inbound, angry)
	w.Now = start.Add(3 * time.Hour)
	note(w, true)
	note(w, false)
	w.says(3, Inbound, Traits{})
	note(w, true) // One more message in a row without an answer.
	w.Mail = w.Mail[:1]
	note(w, true)
	log := o.theCase(101).Log
	up, still, down := log[len(log)-3].Text, log[len(log)-2].Text, log[len(log)-1].Text
	if !strings.HasPrefix(still, "The risk is still elevated, 5 points: ") {
		t.Errorf("the log says %q", still)
	}
	if !strings.HasPrefix(up, "The risk rose from low to elevated, 5 points: ") || !strings.Contains(up, "The customer writes of escalation") || strings.Contains(up, "unacceptable") || !strings.HasPrefix(down, "The risk fell from elevated to low") {
		t.Errorf("the log says %q and %q", up, down)
	}
	if c := o.theCase(101); c.Risk.Level != RiskLow {
		t.Errorf("noted is %+v", c.Risk)
	}
}

// However much there is to say, an event stays small, and what is noted is not noted again.
func TestNotedRiskIsBounded(t *testing.T) {
	o := withCase(t)
	w := newWorry()
	for i := range 50 {
		w.says(i, Outbound, Traits{}).says(i, Inbound, angry)
	}
	w.Now = start.Add(60 * time.Hour)
	note := func() {
		now, changes := RiskOf(w.RiskInput)
		o.as(System, NoteRisk{Case: 101, Change: now.Noted(changes, w.Now)})
	}
	note()
	before := len(o.ledger.records)
	w.Now = start.Add(61 * time.Hour)
	note()
	if n := len(o.theCase(101).Risk.Why); n != maxNoted || len(o.ledger.records) != before {
		t.Errorf("%d signals are noted, in %d events more", n, len(o.ledger.records)-before)
	}
}

// Automatic mail, of either side, neither counts as a follow-up nor as an answer.
func TestESC3_FollowUpsWithoutReply(t *testing.T) {
	w := newWorry().says(0, Inbound, Traits{}).says(1, Outbound, Traits{}, automatic).says(2, Inbound, Traits{}, automatic)
	expect(t, "one message", w.rules(), nil)
	w.says(3, Inbound, Traits{})
	expect(t, "two", w.rules(), []string{"follow-ups 2"})
	w.says(4, Inbound, Traits{})
	expect(t, "three", w.rules(), []string{"follow-ups 2", "follow-ups 1"})
	w.says(5, Internal, Traits{})
	expect(t, "and we talk among ourselves", w.rules(), []string{"follow-ups 2", "follow-ups 1"})
	w.says(29*24, Outbound, Traits{})
	now, _ := RiskOf(w.RiskInput)
	if now.Signals[0].Until.IsZero() || now.Points != 3 {
		t.Errorf("answered, it is %+v", now)
	}
}

// That it is urgent counts once until somebody answers, however often it is said.
func TestESC7_UrgencyUntilTheAnswer(t *testing.T) {
	urgent := Traits{Alarms: []Wording{{Kind: "urgency", Weight: 1, Quote: "asap"}}}
	w := newWorry().says(0, Inbound, urgent)
	w.Now = start.Add(10 * time.Hour)
	expect(t, "said once", w.rules(), []string{"urgency 1"})
	w.says(1, Inbound, urgent)
	expect(t, "and again", w.rules(), []string{"follow-ups 2", "urgency 1"})
	w.says(2, Outbound, Traits{})
	w.Now = start.Add(10*time.Hour + week)
	expect(t, "a week after the answer", w.rules(), []string{"follow-ups 1"})
}

// Somebody who decides counts once, when new; not who was there at the beginning, and not one of ours.
func TestESC4_ExecutiveOncePerPerson(t *testing.T) {
	cfo := Traits{Title: "Chief Financial Officer", Executive: true}
	from := func(a string) func(*Mail) {
		return func(m *Mail) { m.From = message.Mailbox{Name: "Dana", Address: a} }
	}
	w := newWorry().says(0, Inbound, cfo, from("first@acme.example"))
	expect(t, "who began it", w.rules(), nil)
	w.says(1, Inbound, cfo, from("dana@acme.example")).says(2, Inbound, cfo, from("Dana@acme.example")).says(3, Outbound, cfo)
	w.Now = start.Add(4 * time.Hour)
	now, _ := RiskOf(w.RiskInput)
	var found []Signal
	for _, s := range now.Signals {
		if s.Rule == RiskExecutive {
			found = append(found, s)
		}
	}
	if len(found) != 1 || found[0].Quote != "Dana, Chief Financial Officer" {
		t.Errorf("signals are %+v", found)
	}
	w = newWorry().says(0, Inbound, Traits{}, from("first@acme.example")).says(1, Inbound, Traits{}, from("dana@acme.example")).says(30, Inbound, cfo, from("dana@acme.example")).says(31, Outbound, Traits{})
	w.Now = start.Add(32 * time.Hour)
	expect(t, "whose title is told a day after", w.rules(), []string{"follow-ups 2", "executive 2", "follow-ups 1"})
	w.Mail[0].Sent, w.Mail[1].Sent = w.Mail[0].Sent.Add(-3*week), w.Mail[1].Sent.Add(-2*week)
	expect(t, "who was there for weeks", w.rules(), []string{"follow-ups 2", "follow-ups 1"})
	w = newWorry().says(0, Inbound, Traits{}).says(1, Outbound, Traits{}, func(m *Mail) { m.To = append(m.To, person("boss@acme.example")) })
	w.Rules = DefaultRiskRules()
	w.Rules.People = []string{"boss@acme.example"}
	w.Now = start.Add(2 * time.Hour)
	expect(t, "who is named in the rules", w.rules(), []string{"executive 2"})
}

// A response time counts from when it is nearly used up, and more when it is breached, until somebody answers.
func TestRiskOfClocks(t *testing.T) {
	w := newWorry().says(0, Inbound, Traits{})
	at := Moment{Record: w.Mail[0].Record, Mail: w.Mail[0].SHA256, At: start}
	w.Clocks = []Clock{{Kind: FirstReply, State: ClockRunning, Started: &at, Since: start, Warn: start.Add(3 * time.Hour), Due: start.Add(4 * time.Hour)}, {Kind: NextReply, State: ClockVoid, Started: &at}}
	w.Now = start.Add(2 * time.Hour)
	expect(t, "in time", w.rules(), nil)
	w.Now = start.Add(3 * time.Hour)
	expect(t, "nearly used up", w.rules(), []string{"clock 1"})
	w.Now = start.Add(5 * time.Hour)
	expect(t, "breached", w.rules(), []string{"breach 2", "clock 1"})
	w.Clocks[0].Until, w.Clocks[0].State = start.Add(6*time.Hour), ClockMetLate
	w.Now = start.Add(6*time.Hour + week)
	expect(t, "a week after the answer", w.rules(), []string{"breach 1"})
	w.Clocks[0].Until = start.Add(2 * time.Hour)
	expect(t, "answered in time", w.rules(), nil)
}

// Owners that change and a case that is reopened count, each from the change that is one too many.
func TestRiskOfMoves(t *testing.T) {
	o := withCase(t)
	w := newWorry()
	look := func() []string { w.Cases[0], w.Now = o.theCase(101), o.clock; return w.rules() }
	o.as("marta", AssignCase{Case: 101, Owner: "marta", Reason: "x"}, AssignCase{Case: 101, Owner: "kim", Reason: "x"}, ChangeCase{Case: 101, Status: new(Resolved)}, ChangeCase{Case: 101, Status: new(Open)})
	expect(t, "not yet", look(), nil)
	o.as("marta", AssignCase{Case: 101, Reason: "x"}, ChangeCase{Case: 101, Status: new(Closed)}, ChangeCase{Case: 101, Status: new(WaitingUs)})
	expect(t, "too often", look(), []string{"owners 1", "reopened 1"})
}

// A promise of ours that is past its time counts until it is kept; kept late, it fades.
func TestESC5_MissedPromise(t *testing.T) {
	w := newWorry()
	w.Cases[0].Citations = []Citation{{ID: 1, At: start}}
	w.Cases[0].Commitments = []Commitment{{ID: 1, Direction: Ours, What: "root cause", Due: onDay(2), Cites: []int{1}}, {ID: 2, Direction: Theirs, What: "logs", Due: onDay(2), Cites: []int{1}}}
	w.Now = onDay(2).From
	expect(t, "before", w.rules(), nil)
	w.Now = onDay(4).From
	expect(t, "past", w.rules(), []string{"missed-promise 3"})
	w.Cases[0].Commitments[0].End = &End{How: Met, When: onDay(4).From}
	w.Now = onDay(13).From
	expect(t, "kept late", w.rules(), []string{"missed-promise 1"})
	w.Cases[0].Commitments[0].End.When = onDay(1).From
	expect(t, "kept in time", w.rules(), nil)
	w.Cases[0].Commitments[0] = Commitment{ID: 1, Direction: Ours, What: "root cause", Due: onDay(20), Cites: []int{1}, Moves: []Move{{What: "cause", Due: onDay(2), At: onDay(4).From, Cites: []int{1}}}}
	w.Now = onDay(4).From.Add(week)
	expect(t, "moved when its time was past", w.rules(), []string{"missed-promise 1"})
	w.Cases[0].Commitments[0].Moves[0].At = onDay(1).From
	expect(t, "moved before", w.rules(), nil)
	w.Cases[0].Commitments[0].End = &End{How: Missed, When: onDay(5).From}
	w.Now = onDay(21).From
	expect(t, "given up before its time", w.rules(), []string{"missed-promise 3"})
}

// Who of us is written to for the first time counts when there are many in a week.
func TestESC6_Spread(t *testing.T) {
	to := func(a string) func(*Mail) {
		return func(m *Mail) { m.To = []message.Mailbox{person(a + "@contoso.example")} }
	}
	w := newWorry().says(0, Inbound, Traits{}, to("support")).says(1, Outbound, Traits{}).says(30, Internal, Traits{}, to("alice")).says(60, Internal, Traits{}, to("bob"))
	w.Now = start.Add(100 * time.Hour)
	expect(t, "two more", w.rules(), nil)
	w.says(90, Internal, Traits{}, to("carol"))
	expect(t, "three more", w.rules(), []string{"spread 2"})
}

// Lost is a contact who is gone, also when a machine says it.
func TestESC11_ContactLost(t *testing.T) {
	w := newWorry().says(0, Inbound, Traits{Alarms: []Wording{{Kind: "left", Weight: 2, Quote: "no longer with the company"}}}, automatic)
	w.Now = start.Add(time.Hour)
	expect(t, "an automatic reply", w.rules(), []string{"contact-lost 2"})
	w = newWorry().says(0, Internal, Traits{Bounced: []string{"jane@acme.example", "kim@contoso.example"}}, automatic)
	w.Now = start.Add(time.Hour)
	expect(t, "a bounce of a customer's address, and of ours", w.rules(), []string{"contact-lost 2"})
}

// Who disagrees with a signal takes its points away, until something new happens; a level that somebody set ends by itself.
func TestESC13_DisagreeSnoozeOverride(t *testing.T) {
	o := withCase(t)
	w := newWorry().says(0, Inbound, Traits{}).says(1, Inbound, Traits{})
	w.Now = start.Add(3 * time.Hour)
	look := func() Risk {
		w.Cases[0] = o.theCase(101)
		now, _ := RiskOf(w.RiskInput)
		return now
	}
	signal := look().Signals[0]
	o.refused(JudgeSignal{Case: 101, Evidence: signal.Evidence, Say: "disagree"}, Invalid, "Reason")
	o.refused(JudgeSignal{Case: 101, Evidence: signal.Evidence, Say: "perhaps"}, Invalid, "Say", "acknowledge")
	o.refused(JudgeSignal{Case: 101, Say: "acknowledge"}, Invalid, "Evidence")
	o.refused(JudgeSignal{Case: 101, Evidence: signal.Evidence, Say: "snooze", Until: start.Add(-time.Hour)}, Invalid, "Until")
	o.refused(JudgeSignal{Case: 101, Evidence: signal.Evidence, Say: "acknowledge", Until: start.Add(time.Hour)}, Invalid, "Until")
	o.refused(OverrideRisk{Case: 101, Level: "lost", Until: start.Add(time.Hour), Reason: "x"}, Invalid, "Level")
	o.refused(OverrideRisk{Case: 101, Level: RiskHigh, Until: start.AddDate(1, 0, 0), Reason: "x"}, Invalid, "Until")
	o.refused(OverrideRisk{Case: 101, Level: RiskHigh, Until: start.Add(time.Hour)}, Invalid, "Reason")
	o.refused(ClearRisk{Case: 101}, Conflict, "Case")
	o.as("kim", JudgeSignal{Case: 101, Evidence: signal.Evidence, Rule: signal.Rule, Say: "disagree", Reason: "they only sent the logs"})
	if now := look(); now.Points != 0 || len(now.Signals) != 1 || now.Signals[0].Judgement == nil || now.Signals[0].Judgement.By != "kim" {
		t.Errorf("disagreed, it is %+v", now)
	}
	w.says(2, Inbound, Traits{})
	if now := look(); now.Points != 1 { // The third message is new evidence.
		t.Errorf("with a third message it is %+v", now)
	}
	o.as("kim", OverrideRisk{Case: 101, Level: RiskCritical, Until: start.Add(10 * time.Hour), Reason: "their board meets"})
	if now := look(); now.Level != RiskCritical || now.Set == nil {
		t.Errorf("set, it is %+v", now)
	}
	w.Now = start.Add(10 * time.Hour)
	if now := look(); now.Level != RiskLow || now.Set != nil {
		t.Errorf("after its time it is %+v", now)
	}
	o.as("kim", ClearRisk{Case: 101, Reason: "over"})
	if o.theCase(101).Override != nil {
		t.Error("it is set still")
	}
}

// Rules are changed as a whole, from the version that somebody looked at.
func TestRiskRulesAreChecked(t *testing.T) {
	o := staffed(t)
	rules := func(change func(*RiskRules)) SetRiskRules {
		var c SetRiskRules
		o.desk.Read(func(s *State) { c.Rules = s.RiskRules() })
		change(&c.Rules)
		return c
	}
	o.refused(rules(func(r *RiskRules) { r.Version = 7 }), Conflict, "Version")
	o.refused(rules(func(r *RiskRules) { r.Points["luck"] = 1 }), Invalid, "Points", "luck")
	o.refused(rules(func(r *RiskRules) { r.Points[RiskTone] = -1 }), Invalid, "Points")
	o.refused(rules(func(r *RiskRules) { r.Levels = [3]int{3, 3, 9} }), Invalid, "Levels")
	o.refused(rules(func(r *RiskRules) { r.Hysteresis = 3 }), Invalid, "Hysteresis")
	o.refused(rules(func(r *RiskRules) { r.HalfLife = -1 }), Invalid, "HalfLife")
	o.refused(rules(func(r *RiskRules) { r.People = []string{"acme.example"} }), Invalid, "People")
	o.do(rules(func(r *RiskRules) { r.Points[RiskWords], r.People = 0, []string{"Boss@acme.example"} }))
	w := newWorry().says(0, Inbound, angry)
	o.desk.Read(func(s *State) { w.Rules = s.RiskRules() })
	expect(t, "words that give nothing", w.rules(), nil)
	if w.Rules.Version != 1 || !slices.Equal(w.Rules.People, []string{"boss@acme.example"}) || w.Rules.Points[RiskMissed] != 3 {
		t.Errorf("rules are %+v", w.Rules)
	}
}

func drawWorry(t *rapid.T) *worry {
	w := newWorry()
	for i := range rapid.IntRange(0, 12).Draw(t, "messages") {
		traits := Traits{Tone: rapid.Float64Range(-1, 1).Draw(t, "tone"), Executive: rapid.IntRange(0, 5).Draw(t, "executive") == 0}
		if rapid.IntRange(0, 3).Draw(t, "alarm") == 0 {
			traits.Alarms = []Wording{{Kind: rapid.SampledFrom([]string{"urgency", "escalation", "leaving", "legal", "notice", "left"}).Draw(t, "kind"), Weight: rapid.IntRange(1, 3).Draw(t, "weight"), Quote: "q"}}
		}
		who := rapid.SampledFrom([]string{"jane@acme.example", "dana@acme.example", "roy@acme.example"}).Draw(t, "who")
		w.says(24*i+rapid.IntRange(0, 23).Draw(t, "hour"), rapid.SampledFrom([]MailDirection{Inbound, Inbound, Outbound, Internal}).Draw(t, "direction"), traits, func(m *Mail) {
			if m.Direction == Inbound {
				m.From.Address = who
			}
			m.Automatic = rapid.IntRange(0, 5).Draw(t, "automatic") == 0
		})
	}
	w.Now = start.Add(time.Duration(rapid.IntRange(0, 24*60).Draw(t, "now")) * time.Hour)
	w.Mail = slices.DeleteFunc(w.Mail, func(m Mail) bool { return m.When().After(w.Now) })
	return w
}

// A level is explained by its signals: their points are its points, each rests on something, and the last change of the
// level is the level. What is said about a time does not change with what comes after it, and no automatic mail counts.
func TestInvariant13_SumCheck(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorry(t)
		now, changes := RiskOf(w.RiskInput)
		sum := 0
		for _, s := range now.Signals {
			sum += s.Points
			if len(s.Sources) == 0 || s.Points > s.Full || s.Evidence.IsZero() {
				t.Fatalf("signal %+v", s)
			}
		}
		if sum != now.Points {
			t.Fatalf("%d points, and signals of %d", now.Points, sum)
		}
		level := RiskLow
		for _, c := range changes {
			sum := 0
			for _, s := range c.Because {
				sum += s.Points
			}
			if c.From != level || c.To == level || sum != c.Points {
				t.Fatalf("change %+v from %s, signals of %d", c, level, sum)
			}
			level = c.To
		}
		if level != now.Level {
			t.Fatalf("level %s, and the last change is to %s", now.Level, level)
		}
		earlier := *w
		earlier.Now = start.Add(time.Duration(rapid.IntRange(0, int(w.Now.Sub(start)/time.Hour)).Draw(t, "earlier")) * time.Hour)
		earlier.Mail = slices.DeleteFunc(slices.Clone(w.Mail), func(m Mail) bool { return m.When().After(earlier.Now) })
		_, before := RiskOf(earlier.RiskInput)
		for i, c := range before {
			if i >= len(changes) || !changes[i].At.Equal(c.At) || changes[i].To != c.To || changes[i].Points != c.Points {
				t.Fatalf("at %s the changes were %+v, and are %+v", earlier.Now, before, changes)
			}
		}
		silent := *w
		silent.Mail = slices.DeleteFunc(slices.Clone(w.Mail), func(m Mail) bool { return m.Automatic && len(w.Traits[m.SHA256].Alarms) == 0 })
		if quiet, _ := RiskOf(silent.RiskInput); quiet.Points != now.Points {
			t.Fatalf("automatic mail changes %d points to %d", quiet.Points, now.Points)
		}
	})
}

// How long the risk of a case with 2,000 messages takes, every second of which says something.
func BenchmarkRisk(b *testing.B) {
	w := newWorry()
	for i := range 2000 {
		d, traits := Inbound, Traits{}
		if i%3 == 2 {
			d = Outbound
		} else if i%2 == 0 {
			traits = angry
		}
		w.says(i, d, traits, func(m *Mail) {
			m.Record.Position, m.SHA256 = archive.Position(i), archive.Digest{byte(i), byte(i >> 8)}
			w.Traits[m.SHA256] = traits
		})
	}
	w.Now = start.Add(2000 * time.Hour)
	for b.Loop() {
		RiskOf(w.RiskInput)
	}
}
