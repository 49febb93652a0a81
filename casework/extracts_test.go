package casework

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"polytrace/archive"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// goldenExtracts holds the first ledger about extracts and references, and what it folded to. These files never change.
const goldenExtracts = "testdata/golden-extracts"

func shownExtracts(s *State) map[string]any {
	x, before, _ := s.Extract("contract")
	return map[string]any{"cases": s.Cases(), "references": s.References(), "extracts": s.Extracts(), "contract": x, "before": before,
		"decisions": s.ExtractDecisionsOf("contract"), "versions": s.ExtractDecisionsOf("detail.version"), "unknown": s.Unknown()}
}

func TestFirstExtractsStayReadable(t *testing.T) {
	checkGolden(t, goldenExtracts, shownExtracts, ReferencesSet, ReferenceGiven, ExtractSet, ExtractRemoved, ExtractJudged)
}

func TestExtractsAreWrittenAsAtFirst(t *testing.T) {
	checkWritten(t, goldenExtracts, goldenExtractsScript)
}

func goldenExtractsScript(o *office) {
	step := func(actor string, c Command) { o.t.Helper(); o.as(actor, c); o.clock = o.clock.Add(time.Hour) }
	step(System, AddUser{Name: "kim", FullName: "Kim Osei", Roles: []Role{Specialist}})
	step(System, AddUser{Name: "marta", FullName: "Marta Lindqvist", Roles: []Role{Manager}})
	step(System, AddQueue{Name: "support", Local: "support-7f3k2"})
	step("marta", OpenAccount{ID: "acme", Name: "Acme GmbH"})
	step("kim", OpenCase{Title: "Gateways offline", Account: "acme", Owner: "kim"})
	step("marta", SetReferences{Rules: ReferenceRules{Systems: []ReferenceSystem{{Name: "Zendesk", Pattern: `ZD-(?P<id>\d+)`, URL: "https://help.contoso.example/tickets/{id}"}, {Name: "CRM", Pattern: `CRM\d{6}`}}}, Reason: "first"})
	step("kim", GiveReference{Case: 101, System: "zendesk", ID: "4711", Reason: "she said so on the phone"})
	step("kim", GiveReference{Case: 101, System: "CRM", ID: "CRM000001", Aside: true})
	step("marta", SetExtract{Extract: Extract{Label: "Contract", Kind: TextExtract, Pattern: `CT-\d+`, Where: []Where{InText}}})
	step("marta", SetExtract{Extract: Extract{Name: "contract", Version: 1, Label: "Contract", Kind: TextExtract, Pattern: `CT-?\d+`, Where: []Where{InSubject, InText, InFiles}, Account: "Acme GmbH", Queue: "support"}, Reason: "some leave the dash out"})
	step("kim", JudgeExtract{Hit: hitAt("contract", 1, 7, 40, "CT-12"), Status: ExtractConfirmed, Case: 101})
	step("kim", JudgeExtract{Hit: hitAt("contract", 2, 8, 10, "CT13"), Status: ExtractCorrected, Value: "CT-13", Account: "acme", Reason: "with a dash"})
	step("kim", JudgeExtract{Hit: hitAt("detail.version", 2, 7, 60, "4.2"), Status: ExtractRejected, Case: 101, Reason: "of another product"})
	step("kim", JudgeExtract{Hit: hitAt("contract", 2, 9, 10, "CT-14"), Status: ExtractConfirmed, Case: 101})
	step("kim", JudgeExtract{Hit: hitAt("contract", 2, 9, 10, "CT-14"), Status: ExtractPending, Case: 101})
	step("marta", SetExtract{Extract: Extract{Label: "Site", Kind: TextExtract, Pattern: `site (\w+)`, Where: []Where{InText}}})
	step("marta", RemoveExtract{Name: "site", Reason: "nobody needs it"})
}

// hitAt is a hit in the text of a message.
func hitAt(extract string, version int, at archive.Position, from int, words string) Hit {
	m := named(at)
	return Hit{Extract: extract, Version: version, Value: words, Place: Place{Record: m.Record, SHA256: m.SHA256, Where: InText, Start: from, End: from + len(words), Quote: words, Said: start.Add(time.Duration(at) * time.Hour)}}
}

// saying is a message whose author wrote a text under a subject.
func saying(at archive.Position, subject, text string) Said {
	m := named(at)
	return Said{Record: m.Record, SHA256: m.SHA256, At: start.Add(time.Duration(at) * time.Hour), Inbound: true, Human: true, From: "Jane Doe",
		Pieces: []Piece{{Where: InText, Text: text, Spans: [][2]int{{0, len(text)}}}, {Where: InSubject, Part: -1, Text: subject, Spans: [][2]int{{0, len(subject)}}}}}
}

// An identifier in a subject, or in what somebody wrote, becomes a link; in a quote it does not.
func TestREC11_IdentifiersBecomeLinks(t *testing.T) {
	o := withCase(t)
	o.as("marta", SetReferences{Rules: ReferenceRules{Systems: []ReferenceSystem{
		{Name: "Zendesk", Pattern: `(?i)ZD-(?P<id>\d+)`, URL: "https://help.contoso.example/tickets/{id}?from={id}"}, {Name: "CRM", Pattern: `CRM [A-Z/&]+`, URL: "http://crm.contoso.example/?q={id}#{id}"}, {Name: "Paper", Pattern: `P-\d+`}}}})
	o.as("kim", GiveReference{Case: 101, System: "paper", ID: "P-9"}, GiveReference{Case: 101, System: "Zendesk", ID: "99", Aside: true})
	quoting := saying(3, "Re: P-9", "As in ZD-5, and zd-99.\n> ZD-6")
	quoting.Pieces[0].Spans = [][2]int{{0, 22}}
	mail := []Said{saying(1, "[ZD-4711] Offline", "See ZD-5 and CRM A/B&C."), quoting}
	var rules ReferenceRules
	o.desk.Read(func(s *State) { rules = s.References() })
	var got []string
	for _, r := range ReferencesOf([]Case{o.theCase(101)}, mail, rules) {
		var from []string
		for _, x := range r.Sources {
			if x.Record != nil {
				from = append(from, x.Record.String())
			} else {
				from = append(from, fmt.Sprintf("C-%d by hand", x.Case))
			}
		}
		got = append(got, strings.Join([]string{r.System + " #" + r.ID, r.URL, r.Quote, strings.Join(from, " ")}, " | "))
	}
	want := []string{
		"Zendesk #5 | https://help.contoso.example/tickets/5?from=5 | ZD-5 | mail/1 mail/3",
		"Zendesk #4711 | https://help.contoso.example/tickets/4711?from=4711 | ZD-4711 | mail/1",
		"CRM #CRM A/B&C | http://crm.contoso.example/?q=CRM%20A%2FB%26C#CRM%20A%2FB%26C | CRM A/B&C | mail/1",
		"Paper #P-9 |  | P-9 | C-101 by hand mail/3",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got := o.lastLine(101); got != "Kim Osei said that the case is not about Zendesk #99" {
		t.Errorf("the log says %q", got)
	}
}

// What could lead elsewhere, run in a page or never end is refused, and what is wrong with a pattern is said with its place.
func TestREC11_SystemsThatCannotBe(t *testing.T) {
	o := withCase(t)
	o.refusedTo("kim", SetReferences{}, Forbidden, "Systems")
	for _, x := range []struct{ pattern, url, field, says string }{
		{`ZD-(\d+`, "", "Pattern", "missing closing )"}, {`a[z-a]`, "", "Pattern", "at character 3"}, {`(?=x)`, "", "Pattern", "at character 1"}, {`\d*`, "", "Pattern", "at least one"}, {"", "", "Pattern", "Write"},
		{strings.Repeat("a", 501), "", "Pattern", "500"}, {`x{1001}`, "", "Pattern", "repeat"},
		{`x`, "javascript:alert({id})", "URL", "address of a page"}, {`x`, "data:text/html,{id}", "URL", "address"}, {`x`, "https://contoso.example/", "URL", "{id}"}, {`x`, "https://{id}.contoso.example/", "URL", "behind the host"},
		{`x`, "https://a:b@contoso.example/{id}", "URL", "user name"}, {`x`, "//contoso.example/{id}", "URL", "address"}, {`x`, "https://contoso.example:{id}/{id}", "URL", "behind the host"},
	} {
		o.refusedTo("marta", SetReferences{Rules: ReferenceRules{Systems: []ReferenceSystem{{Name: "Zendesk", Pattern: x.pattern, URL: x.url}}}}, Invalid, x.field, x.says)
	}
	o.as("marta", SetReferences{Rules: ReferenceRules{Systems: []ReferenceSystem{{Name: "Zendesk", Pattern: "ZD"}}}})
	o.refusedTo("marta", SetReferences{}, Conflict, "Version", "version 1 now")
	o.refusedTo("marta", SetReferences{Rules: ReferenceRules{Version: 1, Systems: []ReferenceSystem{{Name: "Zendesk", Pattern: "ZD"}, {Name: " zendesk", Pattern: "X"}}}}, Invalid, "Name", "Two systems")
	o.refused(GiveReference{Case: 101, System: "Jira", ID: "1"}, Invalid, "System")
	o.refused(GiveReference{Case: 101, System: "Zendesk", ID: " "}, Invalid, "ID")
}

// What an extract finds has its value and stands exactly where it says.
func TestEX2_HitsAreValuesInTheirPlaces(t *testing.T) {
	m := saying(1, "Order AB-17", "Total: 1.234,50 € by 3. März 2026, not $20. Firmware v4.2.1 and 3/4/2026.\n> AB-99")
	m.Queue = "support"
	m.Pieces[0].Spans = [][2]int{{0, strings.Index(m.Pieces[0].Text, "\n>")}}
	m.Pieces = append(m.Pieces, Piece{Where: InFiles, Part: 2, File: "plan.xlsx: sheet Costs", Text: "AB-18", Spans: [][2]int{{0, 5}}})
	try := func(kind ExtractKind, pattern string, where ...Where) (values []string) {
		t.Helper()
		x, err := Extract{Name: "x", Kind: kind, Pattern: pattern, Where: where, Queue: "support"}.Try()
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range HitsIn(&m, []Extract{x}) {
			for _, p := range m.Pieces {
				if p.Where == h.Where && p.Text[h.Start:h.End] != h.Quote {
					t.Errorf("%q does not stand at %d", h.Quote, h.Start)
				}
			}
			values = append(values, h.Value)
		}
		return values
	}
	for _, x := range []struct{ got, want []string }{
		{try(TextExtract, `AB-\d+`, InText, InSubject, InFiles), []string{"AB-17", "AB-18"}},
		{try(AmountExtract, `[\d.,]+ €|\$\d+`, InText), []string{"1234.50 EUR", "20 USD"}},
		{try(DateExtract, `\d+\. \S+ \d{4}|\d/\d/\d{4}`, InText), []string{"2026-03-03", ""}},
		{try(VersionExtract, `(?i)firmware (?P<value>\S+)`, InText), []string{"4.2.1"}},
		{try(NumberExtract, `AB-(?P<n>\d+)`, InFiles), []string{"18"}},
		{try(TextExtract, `AB-99`, InText), nil},
	} {
		if !slices.Equal(x.got, x.want) {
			t.Errorf("%q, want %q", x.got, x.want)
		}
	}
	m.Queue = "sales"
	if got := try(TextExtract, `AB-\d+`, InSubject); got != nil {
		t.Errorf("of another queue it finds %q", got)
	}
}

func TestEX2_ValuesCompare(t *testing.T) {
	for _, x := range []struct {
		kind        ExtractKind
		words, want string
	}{
		{NumberExtract, "1,234.5", "1234.5"}, {NumberExtract, "1.234,5", "1234.5"}, {NumberExtract, "1 234 567", "1234567"}, {NumberExtract, "1'234", "1234"}, {NumberExtract, "-12", "-12"}, {NumberExtract, "0.125", "0.125"}, {NumberExtract, "1,234", ""}, {NumberExtract, "1.234", ""}, {NumberExtract, "12,5", "12.5"}, {NumberExtract, "1.234.567", "1234567"}, {NumberExtract, "twelve", ""}, {NumberExtract, "", ""},
		{AmountExtract, "€ 20", "20 EUR"}, {AmountExtract, "USD 1,000.00", "1000.00 USD"}, {AmountExtract, "20.-", "20"}, {AmountExtract, "-5 EUR", "-5 EUR"}, {AmountExtract, "20 apples", ""}, {AmountExtract, "$ 20 EUR", ""},
		{DateExtract, "2026-11-03", "2026-11-03"}, {DateExtract, "03.11.26", "2026-11-03"}, {DateExtract, "3rd of November 2026", "2026-11-03"}, {DateExtract, "Nov. 3, 2026", "2026-11-03"}, {DateExtract, "3. Dezember 2026", "2026-12-03"}, {DateExtract, "13/11/2026", "2026-11-13"}, {DateExtract, "11/13/2026", "2026-11-13"}, {DateExtract, "3/3/2026", "2026-03-03"}, {DateExtract, "30.2.2026", ""}, {DateExtract, "11/12/2026", ""}, {DateExtract, "Friday", ""}, {DateExtract, "1 Foo 2026", ""},
		{VersionExtract, "V4.2-rc1", "4.2-rc1"}, {VersionExtract, "latest", ""}, {TextExtract, " two \n words ", "two words"},
	} {
		if got := x.kind.value(x.words); got != x.want {
			t.Errorf("%s %q is %q, want %q", x.kind, x.words, got, x.want)
		}
	}
}

// A pattern that takes others for ever is done at once, and one that finds without end is cut short.
func TestEX2_NoPatternRunsForEver(t *testing.T) {
	long := strings.Repeat("a", 200_000)
	m := saying(1, "", long+"!")
	for _, pattern := range []string{`(a+)+$`, `(a|aa)+$`, `(.*)*b`, `([a-z]+)*=`} {
		x, err := Extract{Name: "x", Kind: TextExtract, Pattern: pattern, Where: []Where{InText}}.Try()
		if err != nil {
			continue // What can match nothing is refused.
		}
		if hits := HitsIn(&m, []Extract{x}); len(hits) != 0 {
			t.Errorf("%s finds %d", pattern, len(hits))
		}
	}
	x, err := Extract{Name: "x", Kind: TextExtract, Pattern: `a`, Where: []Where{InText}}.Try()
	if hits := HitsIn(&m, []Extract{x}); err != nil || len(hits) != maxHits {
		t.Errorf("%d hits, %v", len(hits), err)
	}
}

// What people said of words holds when another version of the extract finds more of them, less, or nothing there.
func TestEX2_AVersionKeepsWhatPeopleSaid(t *testing.T) {
	o := withCase(t)
	set := func(version int, pattern string) {
		o.as("marta", SetExtract{Extract: Extract{Name: "contract", Version: version, Label: "Contract", Kind: TextExtract, Pattern: pattern, Where: []Where{InText}}})
	}
	mail := []Said{saying(1, "", "Contract CT-12, not CT-13, CT-14 and CT-15.")}
	found := func() (list []string, all []Found) {
		o.desk.Read(func(s *State) { all = FoundIn(mail, s.Extracts(), s.ExtractDecisions(mail[0].SHA256)) })
		for _, f := range all {
			list = append(list, fmt.Sprintf("%s %s %s v%d", f.Value, f.Quote, f.Status, f.Version))
		}
		return list, all
	}
	set(0, `CT-\d+`)
	_, all := found()
	judge := func(i int, status ExtractStatus, value string) {
		o.as("kim", JudgeExtract{Hit: all[i].Hit, Status: status, Value: value, Case: 101})
	}
	judge(0, ExtractConfirmed, "")
	judge(1, ExtractRejected, "")
	judge(2, ExtractCorrected, "CT-41")
	for version, x := range []struct {
		pattern string
		want    []string
	}{
		{`CT-\d+`, []string{"CT-12 CT-12 confirmed v1", "CT-13 CT-13 rejected v1", "CT-41 CT-14 corrected v1", "CT-15 CT-15 pending v1"}},
		{`(?:Contract )?CT-\d+`, []string{"CT-12 CT-12 confirmed v1", "CT-13 CT-13 rejected v1", "CT-41 CT-14 corrected v1", "CT-15 CT-15 pending v2"}},
		{`CT-15`, []string{"CT-15 CT-15 pending v3", "CT-12 CT-12 confirmed v1", "CT-13 CT-13 rejected v1", "CT-41 CT-14 corrected v1"}},
	} {
		if version > 0 {
			set(version, x.pattern)
		}
		if got, _ := found(); !slices.Equal(got, x.want) {
			t.Errorf("version %d: %q, want %q", version+1, got, x.want)
		}
	}
	before := o.theCase(101).Revision
	judge(0, ExtractConfirmed, "")
	if o.theCase(101).Revision != before {
		t.Error("what was said already is noted again")
	}
	judge(0, ExtractPending, "")
	if got := o.lastLine(101); got != "Kim Osei took back what was said of a detail of a message: Contract" {
		t.Errorf("the log says %q", got)
	}
	mail[0].SHA256 = archive.Digest{99} // Other bytes: nobody has said anything of them.
	if got, _ := found(); !slices.Equal(got, []string{"CT-15 CT-15 pending v3"}) {
		t.Errorf("of another message: %q", got)
	}
}

func TestEX2_WhatCannotBeSaid(t *testing.T) {
	o := withCase(t)
	good := Extract{Name: "contract", Label: "Contract", Kind: TextExtract, Pattern: "CT", Where: []Where{InText}}
	bad := func(code, field, says string, change func(*Extract)) {
		t.Helper()
		x := good
		change(&x)
		o.refusedTo("marta", SetExtract{Extract: x}, code, field, says)
	}
	o.refusedTo("kim", SetExtract{Extract: good}, Forbidden, "Name")
	bad(Invalid, "Pattern", "at character 3", func(x *Extract) { x.Pattern = "CT**" })
	bad(Invalid, "Label", "label", func(x *Extract) { x.Label = " " })
	bad(Invalid, "Kind", "no kind", func(x *Extract) { x.Kind = "colour" })
	bad(Invalid, "Where", "Choose", func(x *Extract) { x.Where = nil })
	bad(Invalid, "Where", "no place", func(x *Extract) { x.Where = []Where{"elsewhere"} })
	bad(Invalid, "Account", "nobody", func(x *Extract) { x.Account = "nobody" })
	bad(Invalid, "Queue", "none", func(x *Extract) { x.Queue = "none" })
	bad(Invalid, "Name", "came with the program", func(x *Extract) { x.Name = "detail.serial" })
	o.as("marta", SetExtract{Extract: good})
	bad(Conflict, "Name", "already", func(*Extract) {})
	bad(Conflict, "Version", "version 1 now", func(x *Extract) { x.Version = 7 })
	o.refusedTo("kim", RemoveExtract{Name: "contract"}, Forbidden, "Name")
	o.refusedTo("marta", RemoveExtract{Name: "detail.serial"}, NotFound, "Name")

	hit := hitAt("contract", 1, 7, 40, "CT-12")
	o.refused(JudgeExtract{Hit: hit, Status: "perhaps"}, Invalid, "Status")
	o.refused(JudgeExtract{Hit: hit, Status: ExtractCorrected, Value: " "}, Invalid, "Value")
	o.refused(JudgeExtract{Hit: hitAt("detail.amount", 2, 7, 0, "€"), Status: ExtractCorrected, Value: "much"}, Invalid, "Value", "1234.50 EUR")
	o.refused(JudgeExtract{Hit: hitAt("gone", 1, 7, 40, "CT-12"), Status: ExtractRejected}, NotFound, "Extract")
	o.refused(JudgeExtract{Hit: hit, Status: ExtractRejected, Case: 999}, NotFound, "Case")
	odd := hit
	odd.Value = ""
	o.refused(JudgeExtract{Hit: odd, Status: ExtractConfirmed}, Invalid, "Status", "Correct it")
	odd = hit
	odd.End++
	o.refused(JudgeExtract{Hit: odd, Status: ExtractRejected}, Invalid, "Quote")
	odd = hit
	odd.Record.Stream = archive.Ledger
	o.refused(JudgeExtract{Hit: odd, Status: ExtractRejected}, Invalid, "Record")
}

// The row of an item is what a fold over all decisions, one after the other, leaves: of what was said last, and decided
// last, the value; nothing pending and nothing rejected has part in it.
func TestEX3_TheLatestRowIsTheFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, want := new(State), map[string]ExtractDecision{}
		s.prepare()
		kept := map[string]ExtractDecision{}
		for i := range rapid.IntRange(0, 40).Draw(t, "decisions") {
			hit := hitAt("contract", 1, archive.Position(rapid.IntRange(1, 6).Draw(t, "message")), 5*rapid.IntRange(0, 2).Draw(t, "place"), "CT-12")
			data := ExtractJudgedData{Extract: "contract", Status: rapid.SampledFrom([]ExtractStatus{ExtractConfirmed, ExtractCorrected, ExtractRejected, ExtractPending}).Draw(t, "status"),
				Value: fmt.Sprint(i), Account: rapid.SampledFrom([]string{"", "acme", "globex"}).Draw(t, "account"), Place: hit.Place}
			if err := s.extractJudged(decision{Event{Actor: "kim"}, archive.Position(i)}, data); err != nil {
				t.Fatal(err)
			}
			kept[fmt.Sprint(hit.Record, hit.Start)] = ExtractDecision{Status: data.Status, Value: data.Value, Account: data.Account, Place: data.Place, Event: archive.Position(i)}
		}
		for _, d := range kept {
			had, any := want[d.Account]
			if d.counts() && d.Account != "" && (!any || d.Said.After(had.Said) || d.Said.Equal(had.Said) && d.Event > had.Event) {
				want[d.Account] = d
			}
		}
		rows := ExtractRows(s.ExtractDecisionsOf("contract"), ByAccount)
		if len(rows) != len(want) {
			t.Fatalf("%d rows, want %d", len(rows), len(want))
		}
		for _, r := range rows {
			if r.Latest.Value != want[r.Item].Value || r.History[0].Event != r.Latest.Event {
				t.Errorf("%s has %s, want %s", r.Item, r.Latest.Value, want[r.Item].Value)
			}
		}
	})
}
