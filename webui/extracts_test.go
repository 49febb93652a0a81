package webui

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/document"

	"pgregory.net/rapid"
)

// contracted are three messages that name contracts, the last one through a queue that compliance alone reads, and a case
// with the first two.
func contracted(f *fixture) (all []archive.Address) {
	f.users()
	f.do(casework.SetCompany{Own: []string{"northwind.example"}})
	f.do(casework.AddQueue{Name: "support", Local: "support-1"})
	f.do(casework.AddQueue{Name: "board", Local: "board-1", QueueTerms: casework.QueueTerms{Readers: []string{"role:compliance"}}})
	f.do(casework.OpenAccount{ID: "acme", Name: "Acme GmbH"})
	f.do(casework.MapIdentifier{Account: "acme", Identifier: "acme.example"})
	for i, x := range []struct{ queue, text string }{{"support", "Contract CT-12 ends on 3 December 2026, says firmware 4.2."}, {"support", "Sorry, it is CT-13. It ends on 3/4/2027.\n\nOn Mon, Kim wrote:\n> CT-99"}, {"board", "CT-14 is secret."}} {
		answers := ""
		if i > 0 {
			answers = fmt.Sprintf("In-Reply-To: <ct-%d@acme.example>\n", i-1)
		}
		raw := fmt.Sprintf("From: Jane Doe <jane@acme.example>\nTo: support@northwind.example\nSubject: Contract\nDate: Mon, 2 Nov 2026 0%d:00:00 +0000\nMessage-ID: <ct-%d@acme.example>\n%s\n%s\n", i+1, i, answers, x.text)
		all = append(all, f.store([]byte(strings.ReplaceAll(raw, "\n", "\r\n")), archive.Source{Queue: x.queue}).Address())
	}
	f.do(casework.OpenCase{Title: "Contract", Account: "acme", Owner: "manager", Messages: []casework.Named{{Record: all[0], SHA256: f.digest(all[0])}}})
	return all
}

// A pattern is tried before it is saved: it shows hits within what the caller may read, says how much it read, and keeps nothing.
func TestEX2_ATrialShowsHitsAndKeepsNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	contracted(f)
	b := f.as("manager")
	before := f.archive.Next(archive.Ledger)
	form := url.Values{"label": {"Contract"}, "kind": {"text"}, "pattern": {`CT-(?P<number>\d+)`}, "where": {"text"}, "most": {"50"}, "do": {"try"}}
	r := b.post("/extracts", form)
	if text := tells(r.body); r.code != http.StatusOK || !strings.Contains(text, "2 hits in 2 messages. Read 2 of 2") || strings.Contains(text, "secret") {
		t.Errorf("a trial: %d %s", r.code, text)
	}
	if !strings.Contains(r.body, "Contract CT-<mark>12</mark> ends on") || !strings.Contains(r.body, `value="CT-(?P&lt;number&gt;\d&#43;)"`) {
		t.Errorf("the page lacks the hit or what was typed: %s", r.body)
	}
	form.Set("pattern", `CT-(\d+`)
	if r := b.post("/extracts", form); r.code != http.StatusUnprocessableEntity || !strings.Contains(tells(r.body), "missing closing )") {
		t.Errorf("what cannot be read: %d", r.code)
	}
	if f.archive.Next(archive.Ledger) != before {
		t.Error("a trial is in the ledger")
	}
	form.Set("pattern", `CT-\d+`)
	form.Set("do", "set")
	if r := f.as("agent").post("/extracts", form); r.code != http.StatusForbidden {
		t.Errorf("an agent: %d", r.code)
	}
	if r := b.post("/extracts", form); r.code != http.StatusSeeOther {
		t.Errorf("%d %s", r.code, r.body)
	}
	b.wants("/extracts", "Contract text CT-\\d+", "Serial number")
	b.wants("/extracts/contract?pending=1", "Nothing of it was confirmed yet", "2 hits in 2 messages", "unconfirmed")
	got := tell[trial](f.program(casework.Agent), http.StatusCreated, "POST", "/extracts/try", map[string]any{"label": "x", "kind": "text", "pattern": "secret", "where": []string{"text"}})
	if got.Read != 2 || got.Total != 2 || len(got.Hits) != 0 {
		t.Errorf("over the API: %+v", got)
	}
}

// Details of a case and of an account are proposals with their places; what is said of them stays, with its status, when
// the extract says something else.
func TestEX4_DetailsAreConfirmedCorrectedAndRejected(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	at := contracted(f)
	program, b := f.program(casework.Manager), f.as("manager")
	set := func(version int, pattern string) {
		tell[extractOut](program, http.StatusOK, "PUT", "/extracts/contract", map[string]any{"label": "Contract", "kind": "text", "pattern": pattern, "where": []string{"text", "subject"}, "version": version})
	}
	set(0, `CT-\d+`)
	details := func(path string) (list []string, found []casework.FoundLine) {
		out := tell[detailsOut](program, http.StatusOK, "GET", path+"/details", nil)
		for _, d := range out.Details {
			if d.Extract == "contract" || d.Extract == "detail.version" {
				list = append(list, fmt.Sprintf("%s %s %s", d.Label, d.Value, d.Status))
			}
		}
		return list, out.Details
	}
	wants := func(path string, want ...string) {
		t.Helper()
		if got, _ := details(path); !slices.Equal(got, want) {
			t.Errorf("%s has %q, want %q", path, got, want)
		}
	}
	wants("/cases/101", "Contract CT-13 pending", "Contract CT-12 pending", "Version 4.2 pending")
	wants("/accounts/acme", "Contract CT-13 pending", "Contract CT-12 pending", "Version 4.2 pending")
	_, found := details("/cases/101")
	if found[1].Record != at[0] || found[1].SHA256 != f.digest(at[0]) || found[1].Quote != "CT-12" || found[1].End-found[1].Start != 5 {
		t.Errorf("it stands at %+v", found[1].Place)
	}
	page := b.get("/cases/101").body
	id := func(n int) string {
		all := regexp.MustCompile(`name="id" value="(contract:[^"]*)"`).FindAllStringSubmatch(page, -1)
		return all[2*n][1] // Each stands in two forms.
	}
	if r := b.post("/cases/101/details", url.Values{"id": {id(1)}, "status": {"confirmed"}}); r.code != http.StatusSeeOther {
		t.Fatalf("confirm: %d %s", r.code, r.body)
	}
	if r := b.post("/accounts/acme/details", url.Values{"id": {id(0)}, "status": {"corrected"}, "value": {" "}}); r.code != http.StatusUnprocessableEntity || !strings.Contains(tells(r.body), `"" is no text`) {
		t.Errorf("corrected to nothing: %d", r.code)
	}
	if r := b.post("/accounts/acme/details", url.Values{"id": {id(0)}, "status": {"corrected"}, "value": {"CT-31"}}); r.code != http.StatusSeeOther {
		t.Errorf("correct: %d %s", r.code, r.body)
	}
	if r := b.post("/cases/101/details", url.Values{"id": {strings.Replace(id(0), at[1].String(), at[2].String(), 1)}, "status": {"confirmed"}}); r.code != http.StatusNotFound {
		t.Errorf("of a message that the manager may not read: %d", r.code)
	}
	if r := b.post("/cases/101/details", url.Values{"id": {"contract:mail/0:text:0:00000000:1"}, "status": {"confirmed"}}); r.code != http.StatusNotFound {
		t.Errorf("of words that nothing finds: %d", r.code)
	}
	wants("/cases/101", "Contract CT-31 corrected", "Contract CT-12 confirmed", "Version 4.2 pending")
	set(1, `Contract( CT-\d+)?`)
	wants("/cases/101", "Contract CT-31 corrected", "Contract CT-12 confirmed", "Contract Contract pending", "Version 4.2 pending")
	b.wants("/cases/101", "CT-12 confirmed", "Contract unconfirmed")
	b.wants("/cases/101/timeline", "The manager confirmed a detail of a message: Contract")
	b.wants("/accounts/acme", "CT-31 corrected", "4.2 unconfirmed")
	b.wants("/extracts/contract", "acme Acme GmbH CT-31 corrected", "Version Pattern Kind Said 2")
	b.wants("/extracts/contract?by=case", "C-101 Contract CT-12 confirmed")
}

// What is handed out reads back as what the rows say, and nothing of it is a formula.
func TestEX3_ExportsReadBackEqual(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	at := contracted(f)
	f.do(casework.SetExtract{Extract: casework.Extract{Name: "ends", Label: "Contract ends; see [1]", Kind: casework.DateExtract, Pattern: `\d+ \w+ 2026|\d/\d/\d+`, Where: []casework.Where{casework.InText}}})
	program := f.program(casework.Manager)
	say := func(path string, record archive.Address, status, value string) {
		t.Helper()
		for _, d := range tell[detailsOut](program, http.StatusOK, "GET", path+"/details", nil).Details {
			if d.Extract == "ends" && d.Record == record {
				tell[detailsOut](program, http.StatusCreated, "POST", path+"/details", map[string]any{"extract": "ends", "status": status, "value": value, "place": map[string]any{"record": d.Record, "where": d.Where, "part": d.Part, "start": d.Start}})
				return
			}
		}
		t.Errorf("nothing is found in %s", record)
	}
	say("/cases/101", at[0], "confirmed", "")
	say("/accounts/acme", at[1], "corrected", "3 April 2027")
	for by, want := range map[string][][]string{
		"account": {{"acme", "Acme GmbH", "2027-04-03", "corrected", "2026-11-02T02:00:00Z", at[1].String(), "3/4/2027", "system", "", "true"}, {"acme", "Acme GmbH", "2026-12-03", "confirmed", "2026-11-02T01:00:00Z", at[0].String(), "3 December 2026", "system", "", "false"}},
		"case":    {{"C-101", "Contract", "2026-12-03", "confirmed", "2026-11-02T01:00:00Z", at[0].String(), "3 December 2026", "system", "", "true"}},
	} {
		rows := tell[extractRowsOut](program, http.StatusOK, "GET", "/extracts/ends/rows?by="+by, nil)
		for i := range want {
			want[i][7], want[i][8] = casework.TokenActor(program.name), "2026-11-03T12:00:00Z"
		}
		if got := tableOf(rows.Rows, true)[1:]; !slices.EqualFunc(got, want, slices.Equal[[]string]) {
			t.Errorf("by %s the rows are %q, want %q", by, got, want)
		}
		table := append([][]string{rowHeader}, want...)
		path := "/extracts/ends/export?history=1&by=" + by + "&format="
		if got := readCSV(t, program.ask("GET", path+"csv", nil).body); !slices.EqualFunc(got, table, slices.Equal[[]string]) {
			t.Errorf("as CSV they are %q", got)
		}
		if got := readXLSX(program.ask("GET", path+"xlsx", nil).body); !slices.EqualFunc(got, table, slices.Equal[[]string]) {
			t.Errorf("as a workbook they are %q", got)
		}
	}
	ics := program.ask("GET", "/extracts/ends/export?format=ics", nil)
	if ics.head.Get("Content-Type") != "text/calendar; charset=utf-8" || !strings.Contains(ics.body, "DTSTART;VALUE=DATE:20270403\r\nDTEND;VALUE=DATE:20270404\r\n") || !strings.Contains(ics.body, `SUMMARY:Contract ends\; see [1]: acme Acme GmbH`) || strings.Count(ics.body, "BEGIN:VEVENT") != 1 {
		t.Errorf("the calendar is %s", ics.body)
	}
	if r := program.ask("GET", "/extracts/detail.version/export?format=ics", nil); r.code != http.StatusUnprocessableEntity {
		t.Errorf("a calendar of versions: %d", r.code)
	}
	if r := program.ask("GET", "/extracts/ends/export?format=pdf", nil); r.code != http.StatusUnprocessableEntity {
		t.Errorf("another format: %d", r.code)
	}
}

// Whatever stands in a cell comes back, and no spreadsheet carries it out.
func TestEX3_CellsAreNeutralAndComeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cell := rapid.OneOf(rapid.StringMatching(`['=+@\t -]{0,3}[a-zA-Z0-9(),;"<&ä]{0,12}`), rapid.SampledFrom([]string{"=1+1", "'=1", "''", "\t=1", "-5", "@sum", "＝1"})).Draw(t, "cell")
		table := [][]string{{"a", cell}, {cell, "b"}}
		var out bytes.Buffer
		if err := writeCSV(&out, table); err != nil {
			t.Fatal(err)
		}
		raw, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(out.String(), byteOrderMark))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(raw[1][0][:min(1, len(raw[1][0]))], "=+-@\t\r") {
			t.Errorf("%q begins a formula", raw[1][0])
		}
		if got := readCSV(t, out.String()); !slices.EqualFunc(got, table, slices.Equal[[]string]) {
			t.Errorf("%q came back as %q", table, got)
		}
	})
	var out bytes.Buffer
	if err := writeXLSX(&out, "a/b:c", [][]string{{"=1+1", "<&>"}}); err != nil {
		t.Fatal(err)
	}
	if got := readXLSX(out.String()); len(got) != 1 || got[0][0] != "=1+1" || got[0][1] != "<&>" {
		t.Errorf("a workbook came back as %q", got)
	}
	for _, x := range []struct{ line, want string }{{strings.Repeat("a", 75), strings.Repeat("a", 75) + "\r\n"}, {strings.Repeat("ä", 40), strings.Repeat("ä", 37) + "\r\n " + strings.Repeat("ä", 3) + "\r\n"}} {
		if got := foldICS(x.line); got != x.want {
			t.Errorf("%q is folded as %q", x.line, got)
		}
	}
}

// readCSV reads a table back as who knows its rule does.
func readCSV(t interface{ Fatal(...any) }, body string) [][]string {
	table, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(body, byteOrderMark))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range table {
		for i, cell := range row {
			row[i] = strings.TrimPrefix(cell, "'")
		}
	}
	return table
}

// readXLSX reads a table back as attached workbooks are read.
func readXLSX(body string) (table [][]string) {
	for _, p := range document.Read("rows.xlsx", "", []byte(body), document.Limits{}).Parts {
		for line := range strings.Lines(p.Text) {
			table = append(table, strings.Split(strings.TrimRight(line, "\n"), "\t"))
		}
	}
	return table
}

// An extract looks into attached files when somebody can read them.
func TestEX2_AttachedFilesAreRead(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.users()
	f.web.config.ReadFile = func(_ context.Context, name, _ string, content []byte) ([]FileText, error) {
		return []FileText{{"sheet Costs", string(content)}}, nil
	}
	at := f.mail("From: jane@acme.example\nTo: support@northwind.example\nSubject: Costs\nDate: Mon, 2 Nov 2026 09:00:00 +0000\nMessage-ID: <f@acme.example>\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=B\n\n--B\nContent-Type: text/plain\n\nSee the plan.\n--B\nContent-Type: text/plain\nContent-Disposition: attachment; filename=plan.txt\n\nTotal 1.234,50 EUR\n--B--\n")
	got := tell[trial](f.program(casework.Agent), http.StatusCreated, "POST", "/extracts/try", map[string]any{"label": "x", "kind": "amount", "pattern": `[\d.,]+ EUR`, "where": []string{"files"}})
	if len(got.Hits) != 1 || got.Hits[0].Value != "1234.50 EUR" || got.Hits[0].File != "plan.txt: sheet Costs" || got.Hits[0].Part != 2 || got.Hits[0].Record != at {
		t.Errorf("%+v", got)
	}
}
