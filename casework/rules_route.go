package casework

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Trace says what became of each rule of a RuleSet, in their order: TraceMatched, the number of the first condition that
// did not hold, from 1, or why the rule was not looked at. With the rules of that version it tells all that was decided.
type Trace []int8

// What a Trace says besides the number of a condition.
const (
	TraceMatched int8 = 0
	TraceOff     int8 = -1
	TraceBehind  int8 = -2 // A rule before it has decided.
)

// RuleTrace is what became of a rule, for people.
type RuleTrace struct {
	Rule    string `json:"rule"` // ID.
	Name    string `json:"name"`
	Matched bool   `json:"matched,omitempty"`
	Failed  string `json:"failed,omitempty"` // The first condition that did not hold, or why the rule was not looked at.
}

// Explain says a trace of these rules in words.
func (set RuleSet) Explain(trace Trace) []RuleTrace {
	list := make([]RuleTrace, 0, len(trace))
	for i, code := range trace {
		if i >= len(set.Rules) {
			break
		}
		r := set.Rules[i]
		line := RuleTrace{Rule: r.ID, Name: r.Name, Matched: code == TraceMatched}
		switch {
		case code == TraceOff:
			line.Failed = "the rule is off"
		case code == TraceBehind:
			line.Failed = "a rule before it has decided"
		case code > 0 && int(code) <= len(r.Conditions):
			line.Failed = "not so: " + r.Conditions[code-1].String()
		}
		list = append(list, line)
	}
	return list
}

// Outcome is what rules say about a message.
type Outcome struct {
	Rule  string // ID of the last one that matched; "" when none did.
	Name  string // Of that.
	Place int    // Of that, from 1.
	Trace Trace
	RuleActions
	Dues  []RuleDue // Instead of Due: of all rules that matched.
	Notes []string  // Instead of Note.
}

// Follow says what follows from a trace of these rules: the actions of those that matched, in order. Of what can be said
// once, the last one holds.
func (set RuleSet) Follow(trace Trace) Outcome {
	o := Outcome{Trace: trace}
	for i, r := range set.Rules {
		if i >= len(trace) || trace[i] != TraceMatched {
			continue
		}
		o.Rule, o.Name, o.Place = r.ID, r.Name, i+1
		o.take(r)
	}
	slices.Sort(o.Tags)
	if o.Tags = slices.Compact(o.Tags); len(o.Tags) > maxTags {
		o.Tags = o.Tags[:maxTags]
	}
	return o
}

// take adds what a rule does.
func (o *Outcome) take(r Rule) {
	a := r.Actions
	o.Team, o.Owner, o.Exception = or(a.Team, o.Team), or(a.Owner, o.Owner), or(a.Exception, o.Exception)
	if a.Severity != 0 {
		o.Severity = a.Severity
	}
	if a.Case != 0 {
		o.Case = a.Case
	}
	o.Mute = o.Mute || a.Mute
	o.Tags = append(o.Tags, a.Tags...)
	for _, who := range a.Notify {
		if !slices.Contains(o.Notify, who) {
			o.Notify = append(o.Notify, who)
		}
	}
	if a.Note != "" {
		o.Notes = append(o.Notes, a.Note)
	}
	if a.Due != nil {
		due := *a.Due
		due.Label = or(due.Label, r.Name)
		o.Dues = append(o.Dues, due)
	}
}

// Router looks through rules. It changes nothing, and several goroutines may use it at once.
type Router struct {
	set   RuleSet
	tests [][]test // Of the conditions of each rule.
}

// NewRouter reads rules, a *Refusal when they cannot be read. Calendars are those that conditions name; one that is not
// there is never open.
func NewRouter(set RuleSet, calendars []CalendarVersion) (*Router, error) {
	if err := checkRules(set); err != nil {
		return nil, err
	}
	set = set.clone()
	set.tidy()
	zone, err := zoneOf(or(set.Zone, "UTC"))
	if err != nil {
		return nil, err
	}
	named := make(map[string]Calendar, len(calendars))
	for _, c := range calendars {
		named[c.Name] = c.Calendar
	}
	r := &Router{set: set, tests: make([][]test, len(set.Rules))}
	for i, rule := range set.Rules {
		for _, c := range rule.Conditions {
			t, err := c.compile(zone, named)
			if err != nil {
				return nil, inRule(i, rule, err)
			}
			r.tests[i] = append(r.tests[i], t)
		}
	}
	return r, nil
}

// Rules are those that it looks through.
func (r *Router) Rules() RuleSet { return r.set }

// Route says what the rules say about a message of a case that has some tags already.
func (r *Router) Route(m *MailFacts, tags []string) Outcome {
	read := &reading{MailFacts: m, tags: slices.Clone(tags)}
	trace := make(Trace, len(r.set.Rules))
	decided := false
	for i := range r.set.Rules {
		rule := &r.set.Rules[i]
		switch {
		case decided:
			trace[i] = TraceBehind
		case rule.Off:
			trace[i] = TraceOff
		default:
			trace[i] = int8(1 + slices.IndexFunc(r.tests[i], func(t test) bool { return !t(read) }))
		}
		if trace[i] == TraceMatched {
			read.tags = append(read.tags, rule.Actions.Tags...)
			decided = !rule.GoOn
		}
	}
	return r.set.Follow(trace)
}

func (set RuleSet) clone() RuleSet {
	set.Rules = slices.Clone(set.Rules)
	for i := range set.Rules {
		r := &set.Rules[i]
		r.Conditions = slices.Clone(r.Conditions)
		for j := range r.Conditions {
			r.Conditions[j].Values = slices.Clone(r.Conditions[j].Values)
		}
		r.Actions.Tags, r.Actions.Notify, r.Actions.Due = slices.Clone(r.Actions.Tags), slices.Clone(r.Actions.Notify), clonePointer(r.Actions.Due)
	}
	return set
}

// reading is a message while rules look at it. Its texts are folded when the first rule asks for them.
type reading struct {
	*MailFacts
	tags  []string
	texts [3]string // Folded: subject, body, attached files; "" while nobody has asked.
}

func (m *reading) subject() string { return m.folded(0, func() string { return m.Subject }) }
func (m *reading) body() string    { return m.folded(1, func() string { return m.Text }) }
func (m *reading) attached() string {
	return m.folded(2, func() string {
		var b strings.Builder
		for _, x := range m.Files {
			b.WriteString(x.Text)
			b.WriteString(" \x00 ") // No phrase goes from one file into the next.
		}
		return b.String()
	})
}

func (m *reading) folded(i int, text func() string) string {
	if m.texts[i] == "" {
		m.texts[i] = foldWords(text())
	}
	return m.texts[i]
}

// foldWords is a text as phrases are looked for in it: its words in small letters without accents, each between
// two blanks; a NUL stays, as a border.
func foldWords(text string) string {
	ascii := true
	for i := 0; i < len(text) && ascii; i++ {
		ascii = text[i] < utf8.RuneSelf
	}
	if !ascii {
		text = norm.NFKD.String(text)
	}
	b := make([]byte, 1, len(text)+2)
	b[0] = ' '
	blank := func() {
		if b[len(b)-1] != ' ' {
			b = append(b, ' ')
		}
	}
	for _, r := range text {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			b = append(b, byte(r))
		case 'A' <= r && r <= 'Z':
			b = append(b, byte(r)+'a'-'A')
		case r == 0:
			blank()
			b = append(b, 0, ' ')
		case r < utf8.RuneSelf:
			blank()
		case r == 'ß' || r == 'ẞ':
			b = append(b, "ss"...)
		case unicode.Is(unicode.Mn, r):
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			b = utf8.AppendRune(b, unicode.ToLower(r))
		default:
			blank()
		}
	}
	blank()
	return string(b)
}

// phraseOf is what is looked for in a folded text; "" when there is no word in it. A star at its end stands for any ending.
// Writing that does not part words with blanks is looked for anywhere.
func phraseOf(text string) string {
	folded := foldWords(strings.ReplaceAll(text, "\x00", " "))
	words := strings.TrimSpace(folded)
	switch {
	case words == "":
		return ""
	case strings.ContainsFunc(words, func(r rune) bool {
		return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai)
	}):
		return words
	case strings.HasSuffix(strings.TrimSpace(text), "*"):
		return " " + words
	}
	return folded
}
