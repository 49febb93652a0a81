package casework

import (
	"encoding/json"
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

// contract is a message of a customer with a file.
func contract() *MailFacts {
	return &MailFacts{
		Message: named(7), From: "jane@mail.contoso.example", Account: "contoso", Zoned: true, Offset: 3600,
		Received: time.Date(2026, 11, 3, 9, 0, 0, 0, time.UTC), Queues: []string{"support"},
		Recipients: []string{"sales@northwind.example", "kim@northwind.example"}, To: []string{"sales@northwind.example"},
		Subject: "Re: Renewal of the Contract", Text: "We would like to extend; the façade in Größe XL.\nPlease answer by Friday.",
		Files: []MailFile{{Name: "Offer 12.PDF", Type: "application/pdf", Text: "Purchase order 4711"}, {Name: "photo.jpg", Type: "image/jpeg"}},
		Due:   time.Date(2026, 11, 6, 0, 0, 0, 0, time.UTC), Language: "en", Size: 3 << 20, DKIM: "pass", DMARC: "pass", Risk: RiskHigh, Reply: true, First: true,
	}
}

// berlinHours are the office hours those of Berlin.
func berlinHours() []CalendarVersion {
	day := []Shift{{"09:00", "17:00"}}
	c, err := NewCalendar("Europe/Berlin", Hours{Mon: day, Tue: day, Wed: day, Thu: day, Fri: day}, nil)
	if err != nil {
		panic(err)
	}
	return []CalendarVersion{{Version: Version{Name: "office-hours", Number: 1}, Calendar: c}}
}

// Each thing that a condition can look at, with what fits the message and what does not.
func TestTR1_ConditionsHoldWhereTheyShould(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		field   RuleField
		fit, no []string
	}{
		{FieldFrom, []string{"jane@mail.contoso.example", "contoso.example", "@mail.contoso.example", "Contoso.Example"}, []string{"toso.example", "roy@contoso.example", "example.net"}},
		{FieldAccount, []string{"contoso"}, []string{"none", "acme"}},
		{FieldRegion, []string{"example", ".contoso.example", "+01:00"}, []string{"de", "+02:00", "-01:00"}},
		{FieldQueue, []string{"support"}, []string{"sales"}},
		{FieldRcpt, []string{"kim@northwind.example", "northwind.example"}, []string{"marta@northwind.example"}},
		{FieldTo, []string{"sales@northwind.example"}, []string{"kim@northwind.example"}},
		{FieldSubject, []string{"contract", "RENEWAL of the", "renew*"}, []string{"contractor", "the of", "renew"}},
		{FieldBody, []string{"facade", "façade", "grösse xl", "groß*", "extend; the"}, []string{"renewal", "gross"}},
		{FieldAttachment, []string{"purchase order", "4711"}, []string{"order photo", "contract"}},
		{FieldFilename, []string{"*.pdf", "offer*", "photo.jpg"}, []string{"offer", "*.docx"}},
		{FieldFiletype, []string{"pdf", ".PDF", "image", "application/pdf", "jpg"}, []string{"docx", "video"}},
		{FieldDue, []string{"any", "3"}, []string{"2"}},
		{FieldLanguage, []string{"en"}, []string{"de", "other"}},
		{FieldLarger, []string{"2", "2.9"}, []string{"3", "10"}},
		{FieldDKIM, []string{"pass"}, []string{"fail", "none"}},
		{FieldDMARC, []string{"pass"}, []string{"fail"}},
		{FieldHours, []string{"office-hours"}, []string{"never-made"}},
		{FieldWeekday, []string{"tue"}, []string{"mon", "sun"}},
		{FieldRisk, []string{"high"}, []string{"low", "critical"}},
		{FieldIs, []string{"reply", "first-contact"}, []string{"automatic", "list", "encrypted", "defective"}},
		{FieldTag, []string{"vip"}, []string{"contract"}},
	} {
		for i, v := range slices.Concat(c.fit, c.no) {
			want := i < len(c.fit)
			for _, not := range []bool{false, true} {
				r, err := NewRouter(RuleSet{Rules: []Rule{{ID: "r", Name: "R", Conditions: []Condition{{c.field, not, []string{v}}}, Actions: RuleActions{Mute: true}}}}, berlinHours())
				if err != nil {
					t.Errorf("%s %q: %v", c.field, v, err)
					continue
				}
				if got := r.Route(contract(), []string{"vip"}).Mute; got != (want != not) {
					t.Errorf("%s %q, not %v: %v", c.field, v, not, got)
				}
			}
		}
	}
	for _, f := range RuleFields() {
		if f.Says == "" || f.SaysNot == "" || f.Example == "" {
			t.Errorf("a form cannot say what %s is", f.Field)
		}
	}
}

// rule is one that gives a team.
func rule(id, team string, conditions ...Condition) Rule {
	return Rule{ID: id, Name: "The " + id, Conditions: conditions, Actions: RuleActions{Team: team}}
}

func subject(words ...string) Condition { return Condition{FieldSubject, false, words} }

func route(t testing.TB, m *MailFacts, rules ...Rule) Outcome {
	t.Helper()
	r, err := NewRouter(RuleSet{Rules: rules}, berlinHours())
	if err != nil {
		t.Fatal(err)
	}
	return r.Route(m, nil)
}

// The first rule that matches decides: the same rules in another order decide otherwise.
func TestTR1_OrderMatters(t *testing.T) {
	t.Parallel()
	a, b := rule("a", "contracts", subject("contract")), rule("b", "renewals", subject("renewal"))
	if got := route(t, contract(), a, b); got.Team != "contracts" || got.Rule != "a" || got.Place != 1 || !slices.Equal(got.Trace, Trace{TraceMatched, TraceBehind}) {
		t.Errorf("%+v", got)
	}
	if got := route(t, contract(), b, a); got.Team != "renewals" || got.Rule != "b" {
		t.Errorf("%+v", got)
	}
	a.Off = true
	if got := route(t, contract(), a, b); got.Team != "renewals" || !slices.Equal(got.Trace, Trace{TraceOff, TraceMatched}) {
		t.Errorf("%+v", got)
	}
}

// A rule that lets others go on gives a tag, and a rule behind it that asks for the tag still runs: elsewhere it
// did not (FreeScout 436).
func TestTR4_ATagOfOneRuleIsSeenByTheNext(t *testing.T) {
	t.Parallel()
	first := Rule{ID: "tagging", Name: "Tagging", Conditions: []Condition{subject("contract")}, Actions: RuleActions{Tags: []string{"contract"}, Note: "one", Notify: []string{"kim"}}, GoOn: true}
	second := rule("sending", "legal", Condition{FieldTag, false, []string{"contract"}})
	second.Actions.Note, second.Actions.Notify = "two", []string{"kim", "team:legal"}
	got := route(t, contract(), first, second)
	if got.Team != "legal" || !slices.Equal(got.Tags, []string{"contract"}) || !slices.Equal(got.Notes, []string{"one", "two"}) || !slices.Equal(got.Notify, []string{"kim", "team:legal"}) {
		t.Errorf("%+v", got)
	}
	if got := route(t, contract(), second, first); got.Team != "" {
		t.Errorf("a tag that is given later was seen: %+v", got)
	}
}

// All that was not so is told: of each rule the first condition that failed, in words.
func TestTR2_TheTraceNamesTheFirstConditionThatFailed(t *testing.T) {
	t.Parallel()
	rules := RuleSet{Rules: []Rule{
		rule("off", "x"),
		rule("invoices", "x", subject("contract"), Condition{FieldFiletype, true, []string{"pdf", "docx"}}, Condition{FieldLanguage, false, []string{"de"}}),
		rule("weekend", "x", Condition{FieldWeekday, false, []string{"sat", "sun"}}),
	}}
	rules.Rules[0].Off = true
	r, err := NewRouter(rules, nil)
	if err != nil {
		t.Fatal(err)
	}
	o := r.Route(contract(), nil)
	want := []RuleTrace{
		{"off", "The off", false, "the rule is off"},
		{"invoices", "The invoices", false, "not so: no file is of type pdf or docx"},
		{"weekend", "The weekend", false, "not so: it came on sat or sun"},
	}
	if d := cmp.Diff(want, rules.Explain(o.Trace)); d != "" || o.Rule != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// Rules that cannot be read are refused with the rule and the condition.
func TestTR1_WhatCannotBeReadIsNamed(t *testing.T) {
	t.Parallel()
	good := rule("good", "x")
	for _, c := range []struct {
		bad         Rule
		field, text string
	}{
		{Rule{ID: "Bad ID", Name: "B", Actions: good.Actions}, "Rules[1].ID", "Rule 2, “B”: "},
		{Rule{ID: "b", Actions: good.Actions}, "Rules[1].Name", "Rule 2, “b”: "},
		{Rule{ID: "good", Name: "B", Actions: good.Actions}, "Rules[1].ID", "Another rule"},
		{Rule{ID: "b", Name: "B"}, "Rules[1].Actions", "does nothing"},
		{rule("b", "x", subject("x"), subject()), "Rules[1].Conditions[1]", "Condition 2: "},
		{rule("b", "x", subject("—")), "Rules[1].Conditions[0]", "no word"},
		{rule("b", "x", Condition{"smell", false, []string{"x"}}), "Rules[1].Conditions[0]", "smell"},
		{rule("b", "x", Condition{FieldFrom, false, []string{"not an address"}}), "Rules[1].Conditions[0]", "neither an address"},
		{rule("b", "x", Condition{FieldFilename, false, []string{"[a"}}), "Rules[1].Conditions[0]", "not the name of a file"},
		{rule("b", "x", Condition{FieldRegion, false, []string{"+1"}}), "Rules[1].Conditions[0]", "+01:00"},
		{rule("b", "x", Condition{FieldWeekday, false, []string{"friday"}}), "Rules[1].Conditions[0]", "mon, tue"},
		{rule("b", "x", Condition{FieldLarger, false, []string{"NaN"}}), "Rules[1].Conditions[0]", "megabytes"},
		{rule("b", "x", Condition{FieldDue, false, []string{"soon"}}), "Rules[1].Conditions[0]", "days"},
		{Rule{ID: "b", Name: "B", Actions: RuleActions{Severity: 5}}, "Rules[1].Severity", "Severity 5"},
		{Rule{ID: "b", Name: "B", Actions: RuleActions{Tags: []string{"a,b"}}}, "Rules[1].Tags", "comma"},
		{Rule{ID: "b", Name: "B", Actions: RuleActions{Due: &RuleDue{}}}, "Rules[1].Due", "hours"},
	} {
		_, err := NewRouter(RuleSet{Rules: []Rule{good, c.bad}}, nil)
		refusal, ok := err.(*Refusal)
		if !ok || refusal.Field != c.field || !strings.Contains(refusal.Text, c.text) {
			t.Errorf("%s: %#v", c.field, err)
		}
	}
}

// manyRules are rules of all sorts, as a company may have them.
func manyRules(n int) (set RuleSet) {
	kinds := []func(i int) []Condition{
		func(i int) []Condition {
			return []Condition{{FieldFrom, false, []string{fmt.Sprintf("customer%d.example", i), fmt.Sprintf("jane@other%d.example", i)}}}
		},
		func(i int) []Condition {
			return []Condition{subject(fmt.Sprint("ticket ", i), "invoice*"), {FieldBody, false, []string{fmt.Sprint("number ", i), "refund"}}}
		},
		func(i int) []Condition {
			return []Condition{{FieldBody, false, []string{"cancel", "terminat*", fmt.Sprint("word", i)}}, {FieldLanguage, false, []string{"de"}}}
		},
		func(i int) []Condition {
			return []Condition{{FieldFiletype, false, []string{"pdf"}}, {FieldAttachment, false, []string{fmt.Sprint("order ", i)}}}
		},
		func(i int) []Condition {
			return []Condition{{FieldTag, true, []string{"spam"}}, {FieldHours, true, []string{"office-hours"}}, {FieldRisk, false, []string{"critical"}}}
		},
	}
	for i := range n {
		r := rule(fmt.Sprint("rule-", i), fmt.Sprint("team-", i%7), kinds[i%len(kinds)](i)...)
		r.GoOn = i%3 == 0
		r.Actions.Tags = []string{fmt.Sprint("tag-", i%4)}
		set.Rules = append(set.Rules, r)
	}
	return set
}

// manyLetters are messages of all sorts.
func manyLetters(n int) []*MailFacts {
	list := make([]*MailFacts, n)
	text := strings.Repeat("We wrote about the gateway last week and nobody has answered since. ", 20)
	for i := range list {
		m := contract()
		m.Message = named(archive.Position(i))
		m.From, m.Subject = fmt.Sprintf("jane@customer%d.example", i%97), fmt.Sprintf("Re: ticket %d", i%61)
		m.Text = fmt.Sprintf("%s number %d, word%d.", text, i%53, i%41)
		if i%5 == 0 {
			m.Language, m.Text = "de", m.Text+" Wir möchten den Vertrag kündigen, cancel it."
		}
		m.Received = m.Received.Add(time.Duration(i) * 37 * time.Minute)
		m.Files[0].Text = fmt.Sprintf("Purchase order %d", i%50)
		m.Risk = RiskLevels()[i%4]
		list[i] = m
	}
	return list
}

// Ten thousand messages through fifty rules come out the same twice, in whatever order they come, and the trace of each
// tells all.
func TestTR1_TenThousandMessagesAreRoutedAlikeTwice(t *testing.T) {
	t.Parallel()
	set := manyRules(50)
	one, err := NewRouter(set, berlinHours())
	if err != nil {
		t.Fatal(err)
	}
	two, _ := NewRouter(set.clone(), berlinHours())
	letters, matched := manyLetters(10_000), map[string]int{}
	first := make([]Outcome, len(letters))
	for i, m := range letters {
		first[i] = one.Route(m, nil)
		matched[first[i].Rule]++
	}
	for i, m := range slices.Backward(letters) {
		again := two.Route(m, nil)
		if again.Team != first[i].Team || again.Rule != first[i].Rule || !slices.Equal(again.Tags, first[i].Tags) || !slices.Equal(again.Trace, first[i].Trace) || len(again.Trace) != 50 {
			t.Fatalf("message %d: %+v, then %+v", i, first[i], again)
		}
	}
	if len(matched) < 20 || matched[""] == 0 {
		t.Errorf("the rules do not tell the messages apart: %v", matched)
	}
}

// Whatever the rules and the message are: looked at twice the same is decided, the trace has a word for each rule, and from the trace
// alone follows what was decided.
func TestTR2_TheTraceExplainsTheOutcome(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		set, m := drawRules(t), drawLetter(t)
		r, err := NewRouter(set, berlinHours())
		if err != nil {
			t.Fatal(err)
		}
		got := r.Route(m, []string{"vip"})
		if d := cmp.Diff(got, r.Route(m, []string{"vip"})); d != "" {
			t.Fatalf("looked at again:\n%s", d)
		}
		if d := cmp.Diff(got, set.Follow(got.Trace)); d != "" {
			t.Fatalf("by the trace:\n%s", d)
		}
		said := set.Explain(got.Trace)
		if len(said) != len(set.Rules) {
			t.Fatalf("%d lines for %d rules", len(said), len(set.Rules))
		}
		tags := []string{"vip"}
		for i, line := range said { // As somebody would go through them by hand.
			rule := set.Rules[i]
			if line.Matched == (line.Failed != "") || line.Matched && rule.Off {
				t.Fatalf("rule %d: %+v", i, line)
			}
			for j, c := range rule.Conditions {
				alone, err := NewRouter(RuleSet{Rules: []Rule{{ID: "x", Name: "X", Conditions: []Condition{c}, Actions: RuleActions{Mute: true}}}}, berlinHours())
				if err != nil {
					t.Fatal(err)
				}
				holds := alone.Route(m, tags).Mute
				if code := got.Trace[i]; code == TraceMatched && !holds || int(code) == j+1 && holds || int(code) > j+1 && !holds {
					t.Fatalf("rule %d says %d of its conditions, and condition %d holds: %v", i, code, j+1, holds)
				}
			}
			if line.Matched {
				tags = append(tags, rule.Actions.Tags...)
			}
		}
	})
}

func drawCondition(t *rapid.T) Condition {
	c := rapid.SampledFrom([]Condition{
		subject("contract"), subject("invoice", "renew*"), {FieldBody, false, []string{"cancel"}}, {FieldFrom, false, []string{"contoso.example"}}, {FieldFiletype, false, []string{"pdf"}},
		{FieldTag, false, []string{"a"}}, {FieldTag, false, []string{"b", "vip"}}, {FieldLanguage, false, []string{"de"}}, {FieldHours, false, []string{"office-hours"}}, {FieldIs, false, []string{"reply"}}, {FieldDue, false, []string{"2"}},
	}).Draw(t, "condition")
	c.Not = rapid.Bool().Draw(t, "not")
	return c
}

func drawRules(t *rapid.T) (set RuleSet) {
	for i := range rapid.IntRange(0, 8).Draw(t, "rules") {
		r := Rule{ID: fmt.Sprint("r", i), Name: fmt.Sprint("Rule ", i), Off: rapid.IntRange(0, 5).Draw(t, "off") == 0, GoOn: rapid.Bool().Draw(t, "goes on")}
		for range rapid.IntRange(0, 3).Draw(t, "conditions") {
			r.Conditions = append(r.Conditions, drawCondition(t))
		}
		r.Actions = rapid.SampledFrom([]RuleActions{{Team: "legal"}, {Tags: []string{"a"}}, {Tags: []string{"b"}, Severity: 2}, {Owner: "kim", Note: "n"}, {Due: &RuleDue{Hours: 4}}, {Exception: "look"}}).Draw(t, "actions")
		set.Rules = append(set.Rules, r)
	}
	return set
}

func drawLetter(t *rapid.T) *MailFacts {
	m := contract()
	m.Subject = rapid.SampledFrom([]string{"", "Contract", "Renewal of the contract", "Invoice"}).Draw(t, "subject")
	m.Text = rapid.SampledFrom([]string{"", "Please cancel.", "Hallo"}).Draw(t, "text")
	m.From = rapid.SampledFrom([]string{"", "jane@contoso.example", "roy@acme.example"}).Draw(t, "from")
	m.Language = rapid.SampledFrom([]string{"de", "en"}).Draw(t, "language")
	m.Reply = rapid.Bool().Draw(t, "reply")
	m.Received = m.Received.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "hours")) * time.Hour)
	return m
}

// FuzzRules reads any rules: those that can be read route any message, and are written as they were read.
func FuzzRules(f *testing.F) {
	for _, seed := range []string{`{"rules":[{"id":"a","name":"A","conditions":[{"field":"filename","values":["*[a-b]?.pdf"]}],"actions":{"team":"x"}}]}`, `{"zone":"Europe/Berlin","rules":[{"id":"b","name":"B","conditions":[{"field":"region","not":true,"values":["+05:30","de"]},{"field":"body","values":["ﬁn*","合同"]}],"actions":{"tags":["x"],"due":{"hours":3}},"go_on":true}]}`} {
		f.Add([]byte(seed), "Größe 合同 final")
	}
	f.Fuzz(func(t *testing.T, raw []byte, text string) {
		var set RuleSet
		if json.Unmarshal(raw, &set) != nil {
			return
		}
		r, err := NewRouter(set, berlinHours())
		if err != nil {
			if refusal, ok := err.(*Refusal); !ok || refusal.Text == "" || refusal.Field == "" {
				t.Fatalf("%#v", err)
			}
			return
		}
		m := contract()
		m.Subject, m.Text, m.From = text, text, text
		m.Files[0].Name, m.Files[0].Text = text, text
		m.Defects = []message.Defect{{Code: text}}
		o := r.Route(m, nil)
		if d := cmp.Diff(o, set.Follow(o.Trace)); d != "" {
			t.Fatal(d)
		}
		set.Explain(o.Trace)
	})
}

// Mail is routed at two thousand messages a second or more by one core.
func BenchmarkRouting(b *testing.B) {
	r, err := NewRouter(manyRules(50), berlinHours())
	if err != nil {
		b.Fatal(err)
	}
	letters := manyLetters(10_000)
	for b.Loop() {
		for _, m := range letters {
			r.Route(m, nil)
		}
	}
	b.ReportMetric(float64(len(letters)*b.N)/b.Elapsed().Seconds(), "msg/s")
}

// Rules that are tried do as they would when they are kept: tags are in small letters.
func TestTR3_RulesThatAreTriedAreTidied(t *testing.T) {
	t.Parallel()
	first := rule("first", "x")
	first.Actions.Tags, first.GoOn = []string{"Urgent"}, true
	set := RuleSet{Rules: []Rule{first, rule("second", "y", Condition{FieldTag, false, []string{"Urgent"}})}}
	r, err := NewRouter(set, nil)
	if err != nil {
		t.Fatal(err)
	}
	if o := r.Route(contract(), nil); o.Rule != "second" || !slices.Equal(o.Tags, []string{"urgent"}) || set.Rules[0].Actions.Tags[0] != "Urgent" {
		t.Errorf("%+v of %+v", o, set)
	}
}
