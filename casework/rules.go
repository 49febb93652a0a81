package casework

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"polytrace/message"
)

// RuleSet says where new mail goes: its rules are looked through in order for each message. The first one that
// matches decides, unless it says that others are to go on; these see what it did.
type RuleSet struct {
	Version int    `json:"version"`           // 0: nobody has said anything.
	Zone    string `json:"zone,omitempty"`    // Of the days of the week, "Europe/Berlin"; "" is UTC.
	Largest int    `json:"largest,omitempty"` // Megabytes from which on a message is an exception; 0 is 25.
	Rules   []Rule `json:"rules"`
}

// Rule is one of a RuleSet: when all of its conditions hold, its actions are taken.
type Rule struct {
	ID         string      `json:"id"` // Stays with the rule when it is moved or renamed.
	Name       string      `json:"name"`
	Off        bool        `json:"off,omitempty"` // It is not looked at.
	Conditions []Condition `json:"conditions"`    // None: it matches all.
	Actions    RuleActions `json:"actions"`
	GoOn       bool        `json:"go_on,omitempty"` // Rules behind it are looked at although it matched.
}

// Condition holds when one of its values fits, or with Not when none does.
type Condition struct {
	Field  RuleField `json:"field"`
	Not    bool      `json:"not,omitempty"`
	Values []string  `json:"values"` // One or more; what they may be depends on Field.
}

// RuleField is what a condition looks at. Where a query looks at the same, it has the same name there.
type RuleField string

// What conditions look at, and what their values are.
const (
	FieldFrom       RuleField = "from"       // the sender: "jane@contoso.example", or "contoso.example" with all below it
	FieldAccount    RuleField = "account"    // the ID of an account, or "none"
	FieldRegion     RuleField = "region"     // the end of the sender's domain, "de", or the zone that the message says, "+01:00"
	FieldQueue      RuleField = "queue"      // the name of a queue that it came through
	FieldRcpt       RuleField = "rcpt"       // somebody who got it, as proven: address or domain
	FieldTo         RuleField = "to"         // To and Cc: address or domain
	FieldSubject    RuleField = "subject"    // words; a star at the end stands for any ending
	FieldBody       RuleField = "body"       // words that the author wrote himself
	FieldAttachment RuleField = "attachment" // words in an attached file
	FieldFilename   RuleField = "filename"   // "*.pdf", "invoice*"
	FieldFiletype   RuleField = "filetype"   // "pdf", "image/png", "image"
	FieldDue        RuleField = "due"        // "any": it names a deadline; "3": within three days
	FieldLanguage   RuleField = "language"   // "en", "de" or "other"
	FieldLarger     RuleField = "larger"     // megabytes
	FieldDKIM       RuleField = "dkim"       // pass, fail, none
	FieldDMARC      RuleField = "dmarc"      // pass, fail, none
	FieldHours      RuleField = "hours"      // it came within the working hours of a calendar
	FieldWeekday    RuleField = "weekday"    // it came on a day: mon, tue …
	FieldRisk       RuleField = "risk"       // the highest risk of the account's open cases
	FieldIs         RuleField = "is"         // automatic, list, reply, encrypted, defective, first-contact
	FieldTag        RuleField = "tag"        // of the case, or given by a rule before
)

// RuleFieldInfo is what a form says of a field.
type RuleFieldInfo struct {
	Field   RuleField `json:"field"`
	Says    string    `json:"says"`     // "the sender is"
	SaysNot string    `json:"says_not"` // "the sender is not"
	Values  []string  `json:"values,omitempty"`
	Example string    `json:"example"`
}

// ruleFields are what conditions can look at, in the order in which forms offer it.
var ruleFields = []RuleFieldInfo{
	{FieldFrom, "the sender is", "the sender is not", nil, "contoso.example"},
	{FieldAccount, "the account is", "the account is not", nil, "contoso"},
	{FieldRegion, "the region is", "the region is not", nil, "de, +01:00"},
	{FieldQueue, "it came through the queue", "it did not come through the queue", nil, "support"},
	{FieldRcpt, "it was delivered to", "it was not delivered to", nil, "sales@northwind.example"},
	{FieldTo, "it is addressed to", "it is not addressed to", nil, "sales@northwind.example"},
	{FieldSubject, "the subject has", "the subject does not have", nil, "contract, renew*"},
	{FieldBody, "the author writes", "the author does not write", nil, "cancel, terminat*"},
	{FieldAttachment, "an attached file has", "no attached file has", nil, "purchase order"},
	{FieldFilename, "a file is named", "no file is named", nil, "*.pdf"},
	{FieldFiletype, "a file is of type", "no file is of type", nil, "pdf"},
	{FieldDue, "it names a deadline", "it does not name a deadline", nil, "any, or 3 for within three days"},
	{FieldLanguage, "the language is", "the language is not", []string{"en", "de", "other"}, "de"},
	{FieldLarger, "it is larger in megabytes than", "it is not larger in megabytes than", nil, "10"},
	{FieldDKIM, "DKIM is", "DKIM is not", []string{"pass", "fail", "none"}, "pass"},
	{FieldDMARC, "DMARC is", "DMARC is not", []string{"pass", "fail", "none"}, "fail"},
	{FieldHours, "it came in the hours of", "it came outside of the hours of", nil, "office-hours"},
	{FieldWeekday, "it came on", "it did not come on", []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}, "sat, sun"},
	{FieldRisk, "the highest risk of the account is", "the highest risk of the account is not", []string{"low", "elevated", "high", "critical"}, "high, critical"},
	{FieldIs, "it is", "it is not", []string{"automatic", "list", "reply", "encrypted", "defective", "first-contact"}, "reply"},
	{FieldTag, "it has the tag", "it does not have the tag", nil, "contract"},
}

// RuleFields lists what conditions can look at.
func RuleFields() []RuleFieldInfo {
	all := slices.Clone(ruleFields)
	for i := range all {
		all[i].Values = slices.Clone(all[i].Values)
	}
	return all
}

// String is the condition as it stands behind "when": "the subject has “contract” or “renew*”".
func (c Condition) String() string {
	said := string(c.Field)
	for _, f := range ruleFields {
		if f.Field == c.Field {
			said = f.Says
			if c.Not {
				said = f.SaysNot
			}
		}
	}
	if c.Field == FieldDue && slices.Equal(c.Values, []string{anyDue}) {
		return said
	}
	values := make([]string, len(c.Values))
	for i, v := range c.Values {
		switch c.Field {
		case FieldDue:
			values[i] = "within " + v + " days"
			if v == anyDue {
				values[i] = "at any time"
			}
		case FieldSubject, FieldBody, FieldAttachment, FieldFilename:
			values[i] = "“" + v + "”"
		default:
			values[i] = v
		}
	}
	return said + " " + strings.Join(values, " or ")
}

const anyDue = "any"

// RuleActions are what a rule does; what is not said stays as it is. On a case that is there already a rule never takes
// an owner or a team away that somebody gave, and severity only gets worse.
type RuleActions struct {
	Team      string   `json:"team,omitempty"`
	Owner     string   `json:"owner,omitempty"`
	Severity  int      `json:"severity,omitempty"` // 1 (worst) to 4.
	Tags      []string `json:"tags,omitempty"`
	Due       *RuleDue `json:"due,omitempty"`  // A key date.
	Case      int      `json:"case,omitempty"` // It is of this case, if its conversation is of none.
	Note      string   `json:"note,omitempty"`
	Notify    []string `json:"notify,omitempty"` // Users, or "team:NAME".
	Mute      bool     `json:"mute,omitempty"`
	Exception string   `json:"exception,omitempty"` // Why somebody has to look at it.
}

// RuleDue is a deadline so many working hours behind the receipt.
type RuleDue struct {
	Label    string `json:"label,omitempty"` // "" is the name of the rule.
	Hours    int    `json:"hours"`
	Calendar string `json:"calendar,omitempty"` // "" counts every hour.
}

// none reports whether nothing would be done.
func (a RuleActions) none() bool {
	return a.Team == "" && a.Owner == "" && a.Severity == 0 && len(a.Tags) == 0 && a.Due == nil && a.Case == 0 && a.Note == "" && len(a.Notify) == 0 && !a.Mute && a.Exception == ""
}

// Limits of rules.
const (
	maxRules      = 200
	maxConditions = 20
	maxValues     = 100
	maxValue      = 200 // code points
	maxRuleName   = 100 // code points
	maxHours      = 10_000
	largestUsual  = 25 // megabytes
)

// checkRules refuses rules that cannot be read, and names the rule and the condition.
func checkRules(set RuleSet) error {
	if len(set.Rules) > maxRules {
		return refuse(Invalid, "Rules", "There are %d rules; at most %d fit.", len(set.Rules), maxRules)
	}
	if _, err := zoneOf(or(set.Zone, "UTC")); err != nil {
		return err
	}
	if set.Largest < 0 || set.Largest > 10_000 {
		return refuse(Invalid, "Largest", "A message can be an exception from 1 to 10000 megabytes on, not from %d.", set.Largest)
	}
	ids := map[string]bool{}
	for i, r := range set.Rules {
		if err := r.check(); err != nil {
			return inRule(i, r, err)
		}
		if ids[r.ID] {
			return inRule(i, r, refuse(Invalid, "ID", "Another rule has the ID %q too.", r.ID))
		}
		ids[r.ID] = true
	}
	return nil
}

// inRule says which rule a refusal is about.
func inRule(i int, r Rule, err error) error {
	refusal, ok := err.(*Refusal)
	if !ok {
		return err
	}
	field := fmt.Sprintf("Rules[%d]", i)
	if refusal.Field != "" {
		field += "." + refusal.Field
	}
	return &Refusal{refusal.Code, field, fmt.Sprintf("Rule %d, “%s”: %s", i+1, or(r.Name, r.ID), refusal.Text)}
}

func (r Rule) check() error {
	name := strings.TrimSpace(r.Name)
	if !nameForm.MatchString(r.ID) {
		return refuse(Invalid, "ID", "%q cannot be the ID of a rule: use 1 to 64 small letters, digits, dots, dashes and underscores.", r.ID)
	}
	if name == "" {
		return refuse(Invalid, "Name", "The rule needs a name. It stands beside each message that it decides about.")
	}
	if err := checkLine("Name", "name", name, maxRuleName); err != nil {
		return err
	}
	if len(r.Conditions) > maxConditions {
		return refuse(Invalid, "Conditions", "The rule has %d conditions; at most %d fit.", len(r.Conditions), maxConditions)
	}
	for i, c := range r.Conditions {
		if _, err := c.compile(time.UTC, nil); err != nil {
			refusal := err.(*Refusal)
			return &Refusal{refusal.Code, fmt.Sprintf("Conditions[%d]", i), fmt.Sprintf("Condition %d: %s", i+1, refusal.Text)}
		}
	}
	return r.Actions.check()
}

func (a RuleActions) check() error {
	if a.none() {
		return refuse(Invalid, "Actions", "The rule does nothing. Say where the message goes, or what is noted about it.")
	}
	if a.Severity != 0 {
		if err := checkSeverity(a.Severity); err != nil {
			return err
		}
	}
	if _, err := tagsOf(a.Tags); err != nil {
		return err
	}
	if d := a.Due; d != nil {
		if d.Hours < 1 || d.Hours > maxHours {
			return refuse(Invalid, "Due", "A deadline is 1 to %d hours behind the receipt, not %d.", maxHours, d.Hours)
		}
		if err := checkLine("Due", "name of the deadline", d.Label, maxTitle); err != nil {
			return err
		}
	}
	if len(a.Notify) > maxValues {
		return refuse(Invalid, "Notify", "At most %d can be told at once. Name a team.", maxValues)
	}
	if err := checkText("Note", "note", a.Note, maxReason); err != nil {
		return err
	}
	return checkLine("Exception", "reason", a.Exception, maxTitle)
}

// test finds out whether a value of a condition fits a message.
type test func(*reading) bool

// compile reads a condition. A calendar that calendars do not have is never open.
func (c Condition) compile(zone *time.Location, calendars map[string]Calendar) (test, error) {
	i := slices.IndexFunc(ruleFields, func(f RuleFieldInfo) bool { return f.Field == c.Field })
	switch {
	case i < 0:
		return nil, refuse(Invalid, "Field", "Nothing called %q can be looked at.", c.Field)
	case len(c.Values) == 0:
		return nil, refuse(Invalid, "Values", "Write what “%s …” is compared with.", ruleFields[i].Says)
	case len(c.Values) > maxValues:
		return nil, refuse(Invalid, "Values", "There are %d values; at most %d fit.", len(c.Values), maxValues)
	}
	var tests []test
	for _, v := range c.Values {
		if err := checkLine("Values", "value", v, maxValue); err != nil {
			return nil, err
		}
		if fixed := ruleFields[i].Values; fixed != nil && !slices.Contains(fixed, v) {
			return nil, refuse(Invalid, "Values", "%q cannot follow “%s”: choose from %s.", v, ruleFields[i].Says, enumerate(fixed))
		}
		t, err := c.Field.compile(v, zone, calendars)
		if err != nil {
			return nil, err
		}
		tests = append(tests, t)
	}
	return func(m *reading) bool {
		return slices.ContainsFunc(tests, func(t test) bool { return t(m) }) != c.Not
	}, nil
}

// compile reads one value of a field.
func (f RuleField) compile(v string, zone *time.Location, calendars map[string]Calendar) (test, error) {
	switch f {
	case FieldFrom, FieldRcpt, FieldTo:
		who, err := Identifier(strings.TrimPrefix(strings.TrimSpace(v), "@"))
		if err != nil {
			return nil, refuse(Invalid, "Values", "%q is neither an address nor a domain: write for example jane@contoso.example or contoso.example.", v)
		}
		return f.people(who), nil
	case FieldSubject, FieldBody, FieldAttachment:
		p := phraseOf(v)
		if p == "" {
			return nil, refuse(Invalid, "Values", "%q has no word in it.", v)
		}
		return f.words(p), nil
	case FieldFilename:
		pattern := strings.ToLower(strings.ReplaceAll(v, "/", "_"))
		if _, err := path.Match(pattern, ""); err != nil || strings.TrimSpace(v) == "" {
			return nil, refuse(Invalid, "Values", "%q is not the name of a file: a star stands for any characters, as in *.pdf.", v)
		}
		return func(m *reading) bool {
			return slices.ContainsFunc(m.Files, func(x MailFile) bool {
				fits, _ := path.Match(pattern, strings.ToLower(strings.ReplaceAll(x.Name, "/", "_")))
				return fits
			})
		}, nil
	case FieldFiletype:
		kind := strings.ToLower(strings.TrimPrefix(strings.TrimSpace(v), "."))
		if kind == "" {
			return nil, refuse(Invalid, "Values", "The type of a file is missing: write for example pdf.")
		}
		return func(m *reading) bool {
			return slices.ContainsFunc(m.Files, func(x MailFile) bool { return x.is(kind) })
		}, nil
	case FieldRegion:
		return regionTest(v)
	case FieldDue:
		return dueTest(v)
	case FieldLarger:
		size, err := strconv.ParseFloat(v, 64)
		if err != nil || !(size >= 0 && size <= 10_000) {
			return nil, refuse(Invalid, "Values", "%q is not a size in megabytes.", v)
		}
		return func(m *reading) bool { return float64(m.Size) > size*(1<<20) }, nil
	case FieldHours:
		calendar := calendars[v]
		return func(m *reading) bool { return calendar.Open(m.Received) }, nil
	case FieldWeekday:
		return func(m *reading) bool { return strings.ToLower(m.Received.In(zone).Format("Mon")) == v }, nil
	case FieldTag:
		tags, err := tagsOf([]string{v})
		if err != nil {
			return nil, err
		}
		return func(m *reading) bool {
			return slices.ContainsFunc(tags, func(tag string) bool { return slices.Contains(m.tags, tag) })
		}, nil
	}
	return func(m *reading) bool { return m.says(f, v) }, nil
}

// people compares with everybody of a field.
func (f RuleField) people(who string) test {
	domain := !strings.Contains(who, "@")
	fits := func(address string) bool {
		if !domain {
			return address == who
		}
		_, of, _ := strings.Cut(address, "@")
		return of == who || strings.HasSuffix(of, who) && of[len(of)-len(who)-1] == '.'
	}
	switch f {
	case FieldFrom:
		return func(m *reading) bool { return fits(m.From) }
	case FieldRcpt:
		return func(m *reading) bool { return slices.ContainsFunc(m.Recipients, fits) }
	}
	return func(m *reading) bool { return slices.ContainsFunc(m.To, fits) }
}

// words looks for a phrase in a text.
func (f RuleField) words(phrase string) test {
	switch f {
	case FieldSubject:
		return func(m *reading) bool { return strings.Contains(m.subject(), phrase) }
	case FieldBody:
		return func(m *reading) bool { return strings.Contains(m.body(), phrase) }
	}
	return func(m *reading) bool { return strings.Contains(m.attached(), phrase) }
}

func regionTest(v string) (test, error) {
	v = strings.ToLower(strings.TrimSpace(v))
	if strings.HasPrefix(v, "+") || strings.HasPrefix(v, "-") {
		t, err := time.Parse("-07:00", v)
		if err != nil {
			return nil, refuse(Invalid, "Values", "%q is not a distance to UTC: write it like +01:00.", v)
		}
		_, offset := t.Zone()
		return func(m *reading) bool { return m.Zoned && m.Offset == offset }, nil
	}
	end := strings.TrimPrefix(v, ".")
	if _, err := Identifier("x." + end); err != nil || end == "" {
		return nil, refuse(Invalid, "Values", "%q is neither the end of a domain, like de or co.uk, nor a distance to UTC, like +01:00.", v)
	}
	end = "." + end
	return func(m *reading) bool { return strings.HasSuffix(m.From, end) }, nil
}

func dueTest(v string) (test, error) {
	if v == anyDue {
		return func(m *reading) bool { return !m.Due.IsZero() }, nil
	}
	days, err := strconv.Atoi(v)
	if err != nil || days < 0 || days > 3660 {
		return nil, refuse(Invalid, "Values", "%q is not a number of days: write for example 3, or any.", v)
	}
	within := time.Duration(days) * 24 * time.Hour
	return func(m *reading) bool { return !m.Due.IsZero() && m.Due.Sub(m.Received) <= within }, nil
}

// MailFacts are what rules may know of a message, as plain values: nothing here reads a message or asks an index.
type MailFacts struct {
	Message    Named
	From       string // Address, lower case.
	Account    string // ID; "" when it is of none.
	Zoned      bool   // Its date says a zone.
	Offset     int    // Seconds east of UTC, as its date says.
	Received   time.Time
	Queues     []string // That it came through.
	Recipients []string // Addresses of all who are known to have got it, lower case.
	To         []string // Addresses in To and Cc, lower case.
	Subject    string
	Text       string // What its author wrote himself.
	Files      []MailFile
	Due        time.Time // When something is due at the latest, as it says; zero when it says nothing of that.
	Language   string    // en, de or other.
	Size       int64     // Bytes.
	DKIM       string    // pass, fail or none; "" while that is not known.
	DMARC      string
	Risk       RiskLevel // The highest of the open cases of the account.
	Automatic  bool      // No person wrote it.
	List       bool      // It came through a mailing list.
	Reply      bool      // It answers something.
	Encrypted  bool
	Cut        bool // Some of it could not be searched because there is too much of it.
	First      bool // Nothing came from this address before.
	Defects    []message.Defect
	Unreadable string // Why nothing is known of it but where it came in; "" as a rule.
}

// MailFile is a file of a message.
type MailFile struct {
	Name string
	Type string // Media type.
	Text string // As far as it could be read.
}

// is reports whether a file is of a type: by its ending, its media type or the first part of that.
func (x MailFile) is(kind string) bool {
	major, _, _ := strings.Cut(x.Type, "/")
	return strings.EqualFold(strings.TrimPrefix(path.Ext(x.Name), "."), kind) || strings.EqualFold(x.Type, kind) || strings.EqualFold(major, kind)
}

// broken are the defects after which words of a message may be missing.
var broken = []string{"boundary-absent", "boundary-missing", "decoded-limit", "depth-limit", "part-limit", "parts-limit", "partial-unreadable", "tnef-unreadable", "tnef-truncated", "report-without-original", "content-type-broken"}

// Defective reports whether words of it may be missing because it could not be read as it should.
func (m *MailFacts) Defective() bool {
	return m.Unreadable != "" || slices.ContainsFunc(m.Defects, func(d message.Defect) bool { return slices.Contains(broken, d.Code) })
}

// says reports whether a value of a field with fixed values fits.
func (m *MailFacts) says(f RuleField, v string) bool {
	switch f {
	case FieldAccount:
		return or(m.Account, NoAccount) == v
	case FieldQueue:
		return slices.Contains(m.Queues, v)
	case FieldLanguage:
		return m.Language == v
	case FieldDKIM:
		return m.DKIM == v
	case FieldDMARC:
		return m.DMARC == v
	case FieldRisk:
		return m.Risk == RiskLevel(v)
	case FieldIs:
		switch v {
		case "automatic":
			return m.Automatic
		case "list":
			return m.List
		case "reply":
			return m.Reply
		case "encrypted":
			return m.Encrypted
		case "defective":
			return m.Defective()
		case "first-contact":
			return m.First
		}
	}
	return false
}
