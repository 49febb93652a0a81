package casework

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"polytrace/archive"
)

// Extract is something that is looked for in messages, by a pattern that people wrote or by rules that came with the
// program. What it finds is a proposal until a person says what it is.
type Extract struct {
	Name    string      `json:"name"`  // Never changed.
	Label   string      `json:"label"` // As people call it.
	Kind    ExtractKind `json:"kind"`
	Pattern string      `json:"pattern,omitempty"` // RE2; the value is its first named group, else the whole.
	Where   []Where     `json:"where"`
	Account string      `json:"account,omitempty"` // ID of the account whose mail is read; "" of all.
	Queue   string      `json:"queue,omitempty"`   // Through which the mail came; "" through any.
	Version int         `json:"version"`
	By      string      `json:"by,omitempty"` // Who said so; "" of a built-in one.
	At      time.Time   `json:"at,omitzero"`

	re *regexp.Regexp // Nil of a built-in one.
}

// BuiltIn reports whether it came with the program.
func (x *Extract) BuiltIn() bool { return strings.HasPrefix(x.Name, builtIn) }

// builtIn begins the names of what came with the program.
const builtIn = "detail."

// BuiltInExtract is the name of the extract of what the program finds by itself of a topic: "serial".
func BuiltInExtract(topic string) string { return builtIn + topic }

// BuiltInExtracts are those that came with the program.
func BuiltInExtracts() []Extract {
	all := []Extract{
		{Name: builtIn + "version", Label: "Version", Kind: VersionExtract},
		{Name: builtIn + "serial", Label: "Serial number", Kind: TextExtract},
		{Name: builtIn + "reference", Label: "Reference", Kind: TextExtract},
		{Name: builtIn + "amount", Label: "Amount", Kind: AmountExtract},
		{Name: builtIn + "error", Label: "Error", Kind: TextExtract},
		{Name: builtIn + "phone", Label: "Phone", Kind: TextExtract},
		{Name: builtIn + "link", Label: "Link", Kind: TextExtract},
	}
	for i := range all {
		all[i].Where = []Where{InText}
	}
	return all
}

// ExtractKind is what the values of an extract are.
type ExtractKind string

// The kinds of extracts.
const (
	TextExtract    ExtractKind = "text"
	NumberExtract  ExtractKind = "number"  // "1234.5"
	AmountExtract  ExtractKind = "amount"  // "1234.50 EUR"
	DateExtract    ExtractKind = "date"    // "2026-11-03"
	VersionExtract ExtractKind = "version" // "4.2"
)

// ExtractKinds lists all kinds.
func ExtractKinds() []ExtractKind {
	return []ExtractKind{TextExtract, NumberExtract, AmountExtract, DateExtract, VersionExtract}
}

// Hit is what an extract finds in a message.
type Hit struct {
	Extract string `json:"extract"`
	Version int    `json:"version"` // Of the extract, or of the rules that came with the program.
	Name    string `json:"name,omitempty"`
	Value   string `json:"value"` // In a form that compares; "" when it is none of the kind.
	Place
}

// ExtractStatus is what people think of what was found.
type ExtractStatus string

// The statuses of what was found.
const (
	ExtractPending   ExtractStatus = "pending" // Nobody has said anything.
	ExtractConfirmed ExtractStatus = "confirmed"
	ExtractCorrected ExtractStatus = "corrected" // The value is what somebody says it is.
	ExtractRejected  ExtractStatus = "rejected"
)

// ExtractDecision is what somebody said of what was found. It is about words of a message, whatever finds them later.
type ExtractDecision struct {
	Extract string        `json:"extract"`
	Version int           `json:"version"` // By which it was found.
	Name    string        `json:"name,omitempty"`
	Status  ExtractStatus `json:"status"`
	Value   string        `json:"value,omitempty"`
	Found   string        `json:"found,omitempty"` // The value as it was found.
	Case    int           `json:"case,omitempty"`  // Where it was said.
	Account string        `json:"account,omitempty"`
	Place
	By     string           `json:"by"`
	At     time.Time        `json:"at"`
	Reason string           `json:"reason,omitempty"`
	Event  archive.Position `json:"event"`
}

// counts reports whether the value holds.
func (d *ExtractDecision) counts() bool {
	return d.Status == ExtractConfirmed || d.Status == ExtractCorrected
}

// Found is what was found in a message, and what people say of it.
type Found struct {
	Hit
	Label  string        `json:"label"`
	Kind   ExtractKind   `json:"kind"`
	Status ExtractStatus `json:"status"`
	By     string        `json:"by,omitempty"`
	At     time.Time     `json:"at,omitzero"`
	Reason string        `json:"reason,omitempty"`
}

// reads reports whether an extract looks into a message; accounts are those whose mail it is.
func (x *Extract) reads(queue string, accounts []string) bool {
	return (x.Queue == "" || x.Queue == queue) && (x.Account == "" || slices.Contains(accounts, x.Account))
}

// Try is a pattern that nobody has saved, ready to be tried.
func (x Extract) Try() (Extract, error) {
	var err error
	x.re, err = compile("Pattern", x.Pattern)
	return x, err
}

// HitsIn finds in a message what extracts look for, in the order of the extracts. It is a pure function.
func HitsIn(m *Said, extracts []Extract) (hits []Hit) {
	for i := range extracts {
		x := &extracts[i]
		if x.BuiltIn() {
			for _, h := range m.Details {
				if h.Extract == x.Name {
					h.Record, h.SHA256, h.Said = m.Record, m.SHA256, m.At
					hits = append(hits, h)
				}
			}
			continue
		}
		if x.re == nil || !x.reads(m.Queue, m.Accounts) {
			continue
		}
		for j := range m.Pieces {
			if p := &m.Pieces[j]; slices.Contains(x.Where, p.Where) {
				p.each(x.re, func(_, at [2]int) {
					h := Hit{Extract: x.Name, Version: x.Version, Place: m.at(p, at[0], at[1])}
					h.Value = x.Kind.value(h.Quote)
					hits = append(hits, h)
				})
			}
		}
	}
	return hits
}

// FoundIn finds in messages what extracts look for, with what people said of it: that holds for the same words of the
// same bytes whatever version finds them, and for words that no version finds any more. It is a pure function.
func FoundIn(mail []Said, extracts []Extract, decisions []ExtractDecision) (all []Found) {
	of := map[archive.Digest][]ExtractDecision{}
	for _, d := range decisions {
		of[d.SHA256] = append(of[d.SHA256], d)
	}
	by := map[string]*Extract{}
	for i := range extracts {
		by[extracts[i].Name] = &extracts[i]
	}
	for i := range mail {
		m := &mail[i]
		said := of[m.SHA256]
		told := make([]bool, len(said))
		for _, h := range HitsIn(m, extracts) {
			x := by[h.Extract]
			f := Found{Hit: h, Label: x.Label, Kind: x.Kind, Status: ExtractPending}
			if k := slices.IndexFunc(said, func(d ExtractDecision) bool { return d.Extract == h.Extract && d.same(&h.Place) }); k >= 0 {
				if told[k] {
					continue // Two finds of what was one.
				}
				told[k], f = true, x.decided(&said[k], m)
			}
			all = append(all, f)
		}
		for k := range said {
			if x := by[said[k].Extract]; x != nil && !told[k] {
				all = append(all, x.decided(&said[k], m))
			}
		}
	}
	return all
}

// decided is what people say of words of a message.
func (x *Extract) decided(d *ExtractDecision, m *Said) Found {
	f := Found{Hit: Hit{d.Extract, d.Version, d.Name, d.Value, d.Place}, Label: x.Label, Kind: x.Kind, Status: d.Status, By: d.By, At: d.At, Reason: d.Reason}
	f.Record = m.Record // Of the copy that is here.
	if d.Status == ExtractRejected {
		f.Value = cmp.Or(d.Value, d.Found)
	}
	return f
}

// FoundLine is a value with all places at which it stands.
type FoundLine struct {
	Found           // One that somebody decided, else the last one.
	Sources []Place // The last one first, without that of Found.
}

// FoundLines brings what was found together by extract and value: in the order of the extracts, what is decided before
// what is pending, and behind that what was rejected; of each the last one first.
func FoundLines(found []Found, extracts []Extract) (lines []FoundLine) {
	type key struct{ extract, value string }
	at := map[key]int{}
	rank := func(s ExtractStatus) int {
		return slices.Index([]ExtractStatus{ExtractCorrected, ExtractConfirmed, ExtractPending, ExtractRejected}, s)
	}
	sorted := slices.SortedStableFunc(slices.Values(found), func(a, b Found) int {
		return cmp.Or(cmp.Compare(rank(a.Status), rank(b.Status)), b.Said.Compare(a.Said))
	})
	for _, f := range sorted {
		k := key{f.Extract, strings.ToLower(cmp.Or(f.Value, "?"+f.Quote))}
		if i, had := at[k]; had {
			lines[i].Sources = append(lines[i].Sources, f.Place)
			continue
		}
		at[k] = len(lines)
		lines = append(lines, FoundLine{Found: f})
	}
	order := map[string]int{}
	for i, x := range extracts {
		order[x.Name] = i
	}
	slices.SortStableFunc(lines, func(a, b FoundLine) int { return cmp.Compare(order[a.Extract], order[b.Extract]) })
	return lines
}

// ExtractRow is what an extract says of a case or of an account: the value that was said last, and those before.
type ExtractRow struct {
	Item    string            `json:"item"` // "C-104", or the ID of an account.
	Latest  ExtractDecision   `json:"latest"`
	History []ExtractDecision `json:"history"` // All, the last one first.
}

// Items of rows.
const (
	ByCase    = "case"
	ByAccount = "account"
)

// ExtractRows folds decisions about an extract: one row for each case, or account, of which something was confirmed or
// corrected. It is a pure function; the value that was said last counts, and of those said at once the one decided last.
func ExtractRows(decisions []ExtractDecision, by string) []ExtractRow {
	of := map[string][]ExtractDecision{}
	for _, d := range decisions {
		item := d.Account
		if by == ByCase && d.Case == 0 || by != ByCase && d.Account == "" || !d.counts() {
			continue
		}
		if by == ByCase {
			item = "C-" + itoa(d.Case)
		}
		of[item] = append(of[item], d)
	}
	rows := make([]ExtractRow, 0, len(of))
	for item, all := range of {
		slices.SortFunc(all, func(a, b ExtractDecision) int {
			return cmp.Or(b.Said.Compare(a.Said), cmp.Compare(b.Event, a.Event))
		})
		rows = append(rows, ExtractRow{item, all[0], all})
	}
	slices.SortFunc(rows, func(a, b ExtractRow) int {
		return cmp.Or(cmp.Compare(len(a.Item), len(b.Item))*boolInt(by == ByCase), cmp.Compare(a.Item, b.Item))
	})
	return rows
}

// value is what words say in a form that compares; "" when they say nothing of the kind.
func (k ExtractKind) value(words string) string {
	words = strings.Join(strings.Fields(words), " ")
	switch k {
	case NumberExtract:
		return numberIn(words)
	case AmountExtract:
		return amountIn(words)
	case DateExtract:
		return dateIn(words)
	case VersionExtract:
		words = strings.TrimLeft(words, "vV")
		if !strings.ContainsFunc(words, unicode.IsDigit) {
			return ""
		}
	}
	return words
}

var (
	numberForm    = regexp.MustCompile(`^[-+]?\d{1,15}(\.\d{1,9})?$`)
	thousandsForm = regexp.MustCompile(`^[-+]?[1-9]\d{0,2}[.,]\d{3}$`)
)

// numberIn reads a number as people write it: "1,234.5", "1.234,5", "1 234", "1'234". "1,234" is none: somebody
// has to say whether that is more than a thousand.
func numberIn(words string) string {
	words = strings.NewReplacer(" ", "", "\u00a0", "", "\u202f", "", "'", "", "’", "").Replace(words)
	point, comma := strings.LastIndexByte(words, '.'), strings.LastIndexByte(words, ',')
	switch {
	case point >= 0 && comma > point:
		words = strings.Replace(strings.ReplaceAll(words, ".", ""), ",", ".", 1)
	case point >= 0 && comma >= 0:
		words = strings.ReplaceAll(words, ",", "")
	case strings.Count(words, ",") > 1:
		words = strings.ReplaceAll(words, ",", "")
	case strings.Count(words, ".") > 1:
		words = strings.ReplaceAll(words, ".", "")
	case thousandsForm.MatchString(words):
		return "" // "1,234" is one thing in English and another in German.
	case comma >= 0:
		words = strings.Replace(words, ",", ".", 1)
	}
	if !numberForm.MatchString(words) {
		return ""
	}
	return strings.TrimPrefix(words, "+")
}

var currencyForms = map[string]string{"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "EURO": "EUR"}

// amountIn reads an amount of money, with its currency where one stands there.
func amountIn(words string) string {
	digits := strings.IndexFunc(words, unicode.IsDigit)
	last := strings.LastIndexFunc(words, unicode.IsDigit)
	if digits < 0 {
		return ""
	}
	sign := ""
	before, behind := strings.TrimSpace(words[:digits]), strings.TrimSpace(strings.Trim(words[last+1:], ".,-–"))
	if strings.HasSuffix(before, "-") {
		sign, before = "-", strings.TrimSpace(strings.TrimSuffix(before, "-"))
	}
	n := numberIn(words[digits : last+1])
	currency := strings.ToUpper(cmp.Or(before, behind))
	if c := currencyForms[currency]; c != "" {
		currency = c
	}
	switch {
	case n == "" || before != "" && behind != "" && !strings.EqualFold(before, behind):
		return ""
	case currency == "":
		return sign + n
	case len(currency) != 3 || strings.ContainsFunc(currency, func(r rune) bool { return r < 'A' || r > 'Z' }):
		return ""
	}
	return sign + n + " " + currency
}

var (
	dayForm     = regexp.MustCompile(`^(\d{4})-(\d{1,2})-(\d{1,2})$`)
	germanForm  = regexp.MustCompile(`^(\d{1,2})\. ?(\d{1,2})\. ?(\d{4}|\d{2})$`)
	slashForm   = regexp.MustCompile(`^(\d{1,2})/(\d{1,2})/(\d{4})$`)
	writtenForm = regexp.MustCompile(`^(\d{1,2})(?:st|nd|rd|th|\.)? ?(?:of )?([\p{L}]{3,9})\.?,? (\d{4})$`)
	monthForm   = regexp.MustCompile(`^([\p{L}]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})$`)
)

var months = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
var monate = []string{"jan", "feb", "mär", "apr", "mai", "jun", "jul", "aug", "sep", "okt", "nov", "dez"}

// dateIn reads a day. One that can be read in two ways, as 3/4/2026, is none: somebody has to say which.
func dateIn(words string) string {
	month := func(name string) int {
		runes := []rune(strings.ToLower(name))
		if string(runes) == "mrz" || string(runes) == "maerz" {
			return 3
		}
		return max(slices.Index(months, string(runes[:3])), slices.Index(monate, string(runes[:3]))) + 1
	}
	var y, m, d int
	if g := dayForm.FindStringSubmatch(words); g != nil {
		y, m, d = atoi(g[1]), atoi(g[2]), atoi(g[3])
	} else if g := germanForm.FindStringSubmatch(words); g != nil {
		if y, m, d = atoi(g[3]), atoi(g[2]), atoi(g[1]); y < 100 {
			y += 2000
		}
	} else if g := slashForm.FindStringSubmatch(words); g != nil {
		switch a, b := atoi(g[1]), atoi(g[2]); {
		case a > 12 || a == b:
			m, d = b, a
		case b > 12:
			m, d = a, b
		}
		y = atoi(g[3])
	} else if g := writtenForm.FindStringSubmatch(words); g != nil {
		y, m, d = atoi(g[3]), month(g[2]), atoi(g[1])
	} else if g := monthForm.FindStringSubmatch(words); g != nil {
		y, m, d = atoi(g[3]), month(g[1]), atoi(g[2])
	}
	t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	if m == 0 || t.Day() != d || int(t.Month()) != m {
		return ""
	}
	return t.Format(time.DateOnly)
}

// atoi is a number of a few digits.
func atoi(digits string) int {
	n, _ := strconv.Atoi(digits) // Patterns let nothing else through.
	return n
}
