package casework

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"polytrace/archive"
)

// Brief is what there is to know about a case on one screen: at most BriefLines lines, of which each says what it
// rests on.
type Brief struct {
	Sections []BriefSection `json:"sections"`
}

// BriefLines is how many lines a brief has at most.
const BriefLines = 60

// BriefSection is a part of a brief; one without lines is left out.
type BriefSection struct {
	Name  string      `json:"name"` // One of the Brief… constants.
	Lines []BriefLine `json:"lines"`
	More  int         `json:"more,omitempty"` // Lines that did not fit.
}

// The sections of a brief, in their order.
const (
	BriefNow       = "now"
	BriefCustomer  = "latest customer update"
	BriefAnswer    = "our last answer"
	BriefPromises  = "open promises"
	BriefDates     = "dates ahead"
	BriefDecisions = "decisions"
	BriefIssues    = "open issues"
	BriefFacts     = "facts"
	BriefNotes     = "notes"
	BriefElsewhere = "elsewhere"
	BriefEvidence  = "evidence"
	BriefGaps      = "gaps"
)

// briefMost is how many lines a section has at most. They are BriefLines together.
var briefMost = map[string]int{
	BriefNow: 5, BriefCustomer: 2, BriefAnswer: 1, BriefPromises: 10, BriefDates: 6, BriefDecisions: 6,
	BriefIssues: 6, BriefFacts: 8, BriefNotes: 3, BriefElsewhere: 3, BriefEvidence: 4, BriefGaps: 6,
}

// BriefLine is one statement.
type BriefLine struct {
	State   string   `json:"state,omitempty"` // What it is about stands so: overdue, proposed.
	Who     string   `json:"who,omitempty"`   // Who said it, of words of mail.
	When    *When    `json:"when,omitempty"`  // A date that matters, or until when something is due.
	Text    string   `json:"text"`
	Link    string   `json:"link,omitempty"` // Where it leads, outside.
	Sources []Source `json:"sources"`
}

// Source is what a line rests on: a citation of a case, a message, or a decision.
type Source struct {
	Case     int              `json:"case,omitempty"`
	Citation int              `json:"citation,omitempty"` // ID within the case.
	Record   *archive.Address `json:"record,omitempty"`   // A message.
	Event    archive.Position `json:"event,omitempty"`    // Of a decision in the ledger; with Case, and no Citation.
	At       time.Time        `json:"at,omitzero"`        // When that was said.
}

// BriefInput is what a brief is made of.
type BriefInput struct {
	Cases     []Case      // The case, and those that were merged into it.
	Mail      []Mail      // Of all of them. Text of the latest is as long as it is to be shown.
	Missing   []Lost      // What the mail answers and is not here.
	Elsewhere []Reference // What they are about in other systems.
	Now       time.Time
	Name      func(actor string) string // How people know somebody.
}

// Lost is a message that is not here.
type Lost struct {
	MessageID string          `json:"message_id"`
	By        archive.Address `json:"by"` // A message that answers it.
}

// BriefOf makes the brief of a case: a pure function of what it is given.
func BriefOf(in BriefInput) Brief {
	b := briefing{BriefInput: in}
	b.now()
	b.mail()
	b.promises()
	b.dates()
	b.decisions()
	b.issues()
	b.facts()
	b.notes()
	b.elsewhere()
	b.evidence()
	b.gaps()
	return b.brief
}

// StandingOf is what is open between a customer and us, in all of some cases: promises, dates, issues, decisions. It
// has the lines of a brief, those of all cases in one order.
func StandingOf(in BriefInput) Brief {
	b := briefing{BriefInput: in}
	b.promises()
	b.dates()
	b.issues()
	b.decisions()
	return b.brief
}

type briefing struct {
	BriefInput
	brief Brief
}

// section adds what fits.
func (b *briefing) section(name string, lines []BriefLine) {
	if len(lines) == 0 {
		return
	}
	fits := min(len(lines), briefMost[name])
	b.brief.Sections = append(b.brief.Sections, BriefSection{name, lines[:fits], len(lines) - fits})
}

// now says how the case stands.
func (b *briefing) now() {
	c := &b.Cases[0]
	lines := []BriefLine{
		{Text: fmt.Sprintf("%s, severity %d", sentenceCase(c.Status.words()), c.Severity), Sources: c.decided(CaseOpened, CaseChanged, ReviewDecided)},
		{Text: "Owner " + or(b.Name(c.Owner), "nobody"), Sources: c.decided(CaseOpened, CaseOwned, CaseChanged, HandoffAnswered, HandoffReturned, ReviewDecided, UserDisabled, UserChanged)},
	}
	if c.Owner == "" {
		lines[1].Text = "Nobody owns the case"
	}
	if c.Into != 0 {
		lines = append(lines, BriefLine{Text: fmt.Sprintf("Part of C-%d", c.Into), Sources: c.decided(CaseMerged)})
	}
	if len(c.Parts) > 0 {
		var parts []string
		for _, n := range c.Parts {
			parts = append(parts, fmt.Sprintf("C-%d", n))
		}
		lines = append(lines, BriefLine{Text: "With " + enumerate(parts), Sources: c.decided(CaseMerged)})
	}
	if level := c.RiskAt(b.Now); level != RiskLow {
		line := BriefLine{State: string(level), Text: "Risk", Sources: c.decided(RiskChanged, RiskOverridden)}
		if o := c.Override; o != nil && b.Now.Before(o.Until) {
			line.Text = "Risk, as " + b.Name(o.By) + " set it: " + o.Reason
		} else {
			for i, x := range c.Risk.Why {
				line.Text += []string{": ", "; "}[min(i, 1)] + x.Text
				line.Sources = append(line.Sources, x.Sources...)
			}
		}
		lines = append(lines[:1], append([]BriefLine{line}, lines[1:]...)...)
	}
	b.section(BriefNow, lines)
}

// decided is the last decision of some types.
func (c *Case) decided(types ...EventType) []Source {
	for i := len(c.Log) - 1; i >= 0; i-- {
		if e := &c.Log[i]; slices.Contains(types, e.Type) {
			return []Source{{Case: c.Number, Event: e.Position, At: e.At}}
		}
	}
	return nil
}

// mail says what was written last.
func (b *briefing) mail() {
	customer, answer := Latest(b.Mail)
	if customer != nil {
		lines := []BriefLine{words(customer)}
		switch waiting := Unanswered(b.Mail); {
		case len(waiting) == 1:
			lines = append(lines, BriefLine{State: "waiting", Text: "Not answered yet", Sources: []Source{letter(waiting[0])}})
		case len(waiting) > 1:
			lines = append(lines, BriefLine{State: "waiting", Text: fmt.Sprintf("%d messages in a row are not answered; the first of", len(waiting)), Sources: []Source{letter(waiting[0])}})
		}
		b.section(BriefCustomer, lines)
	}
	if answer != nil {
		b.section(BriefAnswer, []BriefLine{words(answer)})
	}
}

func words(m *Mail) BriefLine {
	return BriefLine{Who: or(m.From.Name, m.From.Address), Text: or(m.Text, or(m.Subject, "(no text)")), Sources: []Source{letter(m)}}
}

func letter(m *Mail) Source { return Source{Record: &m.Record, At: m.When()} }

// cited are citations of a case as sources; without one it is the decision that said so.
func (c *Case) cited(ids []int, ref string) (all []Source) {
	for _, id := range ids {
		if x := c.citation(id); x != nil {
			all = append(all, Source{Case: c.Number, Citation: id, At: x.At})
		}
	}
	if all != nil {
		return all
	}
	kind, id := item(ref)
	for i := len(c.Log) - 1; i >= 0; i-- {
		if e := &c.Log[i]; e.Item == ref || kind == "note" && e.Note == id {
			return []Source{{Case: c.Number, Event: e.Position, At: e.At}}
		}
	}
	return nil
}

// promises lists the open ones: what is overdue first, then by when it is due.
func (b *briefing) promises() {
	type promise struct {
		Commitment
		of *Case
	}
	var open []promise
	for i := range b.Cases {
		for _, c := range b.Cases[i].Commitments {
			if c.End == nil {
				open = append(open, promise{c, &b.Cases[i]})
			}
		}
	}
	slices.SortStableFunc(open, func(x, y promise) int { return x.order(y.Commitment) })
	var lines []BriefLine
	for _, p := range open {
		text := fmt.Sprintf("%s, %s to %s", p.What, b.party(p.Debtor), b.party(p.Creditor))
		lines = append(lines, BriefLine{State: string(p.State(b.Now)), When: p.Due, Text: text, Sources: p.of.cited(p.Cites, "promise-"+itoa(p.ID))})
	}
	b.section(BriefPromises, lines)
}

func (b *briefing) party(p Party) string {
	if p.User != "" {
		return b.Name(p.User)
	}
	return or(p.Name, or(p.Address, "somebody"))
}

// dates lists those that have not passed, the next one first.
func (b *briefing) dates() {
	var lines []BriefLine
	for i := range b.Cases {
		c := &b.Cases[i]
		for _, k := range c.KeyDates {
			if k.Removed.IsZero() && b.Now.Before(k.When.To) {
				lines = append(lines, BriefLine{When: &k.When, Text: k.Label, Sources: c.cited(k.Cites, "date-"+itoa(k.ID))})
			}
		}
	}
	slices.SortStableFunc(lines, func(x, y BriefLine) int { return x.When.From.Compare(y.When.From) })
	b.section(BriefDates, lines)
}

// decisions lists those that hold, the last one first.
func (b *briefing) decisions() {
	var lines []BriefLine
	for i := range b.Cases {
		c := &b.Cases[i]
		for _, d := range slices.Backward(c.Decisions) {
			if d.Superseded == 0 {
				lines = append(lines, BriefLine{Text: strings.TrimSuffix(d.Text, ".") + ", because: " + d.Why, Sources: c.cited(d.Cites, "decision-"+itoa(d.ID))})
			}
		}
	}
	b.section(BriefDecisions, lines)
}

func (b *briefing) issues() {
	var lines []BriefLine
	for i := range b.Cases {
		c := &b.Cases[i]
		for _, x := range c.Issues {
			if x.State != IssueOpen {
				continue
			}
			var cites []int
			for _, f := range c.Facts {
				if f.Issue == x.ID && f.Status == FactAccepted {
					cites = append(cites, f.Cites...)
				}
			}
			lines = append(lines, BriefLine{Text: x.Title, Sources: c.cited(unique(cites), "issue-"+itoa(x.ID))})
		}
	}
	b.section(BriefIssues, lines)
}

func unique(ids []int) []int {
	slices.Sort(ids)
	return slices.Compact(ids)
}

// facts lists what was accepted, the last one first.
func (b *briefing) facts() {
	var lines []BriefLine
	for i := range b.Cases {
		c := &b.Cases[i]
		for _, f := range slices.Backward(c.Facts) {
			if f.Status == FactAccepted {
				lines = append(lines, BriefLine{When: f.When, Text: f.Text, Sources: c.cited(f.Cites, "fact-"+itoa(f.ID))})
			}
		}
	}
	b.section(BriefFacts, lines)
}

// notes lists the last ones; those without a source say so.
func (b *briefing) notes() {
	var lines []BriefLine
	for i := range b.Cases {
		c := &b.Cases[i]
		for _, n := range slices.Backward(c.Notes) {
			line := BriefLine{Text: n.Text, Sources: c.cited(n.Cites, "note-"+itoa(n.ID))}
			if !c.sourced(&n, 0) {
				line.State = "no source yet"
			}
			lines = append(lines, line)
		}
	}
	b.section(BriefNotes, lines)
}

// elsewhere lists what the case is about in other systems.
func (b *briefing) elsewhere() {
	var lines []BriefLine
	for _, r := range b.Elsewhere {
		lines = append(lines, BriefLine{Text: r.System + " #" + r.ID, Link: r.URL, Sources: r.Sources})
	}
	b.section(BriefElsewhere, lines)
}

// evidence lists the words that were cited last.
func (b *briefing) evidence() {
	var lines []BriefLine
	for i := range b.Cases {
		c := &b.Cases[i]
		for _, x := range slices.Backward(c.Citations) {
			lines = append(lines, BriefLine{Who: x.Author, Text: or(x.Quote, or(x.Comment, "the whole message")), Sources: []Source{{Case: c.Number, Citation: x.ID, At: x.At}}})
		}
	}
	b.section(BriefEvidence, lines)
}

// gaps says what is not known: each line names where that shows.
func (b *briefing) gaps() {
	var lines []BriefLine
	gap := func(n int, text string, at ...Source) {
		if n > 0 {
			lines = append(lines, BriefLine{Text: fmt.Sprintf(text, n), Sources: at})
		}
	}
	if n := len(b.Missing); n > 0 {
		gap(n, plural(n, "%d message that is answered here never came here", "%d messages that are answered here never came here"), Source{Record: &b.Missing[0].By})
	}
	var unread, forged []Source
	for i := range b.Mail {
		m := &b.Mail[i]
		if m.Unsearchable != "" {
			unread = append(unread, letter(m))
		}
		if m.Forged {
			forged = append(forged, letter(m))
		}
	}
	gap(len(unread), plural(len(unread), "%d message could not be read whole", "%d messages could not be read whole"), unread...)
	gap(len(forged), plural(len(forged), "%d message was not sent when it says", "%d messages were not sent when they say"), forged...)
	var proposed, undue []Source
	for i := range b.Cases {
		c := &b.Cases[i]
		for _, f := range c.Facts {
			if f.Status == FactProposed {
				proposed = append(proposed, c.cited(nil, "fact-"+itoa(f.ID))...)
			}
		}
		for _, p := range c.Commitments {
			if p.End == nil && p.Due == nil {
				undue = append(undue, c.cited(p.Cites, "promise-"+itoa(p.ID))...)
			}
		}
	}
	gap(len(proposed), plural(len(proposed), "%d fact is only proposed", "%d facts are only proposed"), proposed...)
	gap(len(undue), plural(len(undue), "%d promise has no time", "%d promises have no time"), undue...)
	b.section(BriefGaps, lines)
}

func plural(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

// sentenceCase is a text with a capital letter.
func sentenceCase(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// Count is how many lines a brief has.
func (b Brief) Count() (n int) {
	for _, s := range b.Sections {
		n += len(s.Lines)
	}
	return n
}
