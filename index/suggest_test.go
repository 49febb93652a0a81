package index

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"polytrace/archive"
)

// suggestCorpus is mail of a few people, some of it through a queue that not all may read.
func suggestCorpus(t *testing.T) *Index {
	a := newMemArchive()
	open, secret := archive.Meta{Source: archive.Source{Queue: "support"}}, archive.Meta{Source: archive.Source{Queue: "board"}}
	for i := range 3 {
		a.append(open, mail(fmt.Sprintf("The firmware has not come, nr %d. https://contoso.example/x", i), "From: Jane Döe <jane@contoso.example>", "To: help@northwind.example",
			"Subject: Second batch", dated(day(2026, 11, i+1))))
	}
	a.append(open, mail("The firm is closed.", "From: Bob <bob@mail.contoso.example>", "To: Jane Döe <jane@contoso.example>", "Subject: Firmness"))
	a.append(archive.Meta{Source: archive.Source{Mailbox: "jane@contoso.example", Import: "x.mbox"}}, mail(strings.Join([]string{"--B", "Content-Type: text/plain", "", "see here", "--B",
		"Content-Type: application/pdf", "Content-Disposition: attachment; filename=\"plan.pdf\"", "Content-Transfer-Encoding: base64", "", "JVBERi0xLjQK", "--B--", ""}, "\n"),
		"From: \"J. Frost (ops)\" <frost@fabrikam.example>", "To: help@northwind.example", "Subject: Plan", "Content-Type: multipart/mixed; boundary=B"))
	a.append(secret, mail("A firmament of takeovers, see https://x.example", "From: Frank Chair <frank@board.example>", "To: jane@contoso.example", "Subject: Takeover"))
	x := follow(t, a)
	caughtUp(t, x, a)
	return x
}

func suggested(all []Suggestion) string {
	var out []string
	for _, s := range all {
		text := s.Kind + " " + s.Text
		if s.Count > 0 {
			text += fmt.Sprintf(" %d", s.Count)
		}
		if s.Kind == "person" && s.Help != "" {
			text += " (" + s.Help + ")"
		}
		out = append(out, text)
	}
	return strings.Join(out, " | ")
}

// Wherever somebody writes, what may follow is suggested, with how many messages have it.
func TestSuggest(t *testing.T) {
	x := suggestCorpus(t)
	for _, c := range []struct{ query, want string }{
		{"fro", "operator from: | person participant:frost@fabrikam.example 1 (J. Frost (ops))"},
		{"from:", "person jane@contoso.example 3 (Jane Döe) | person bob@mail.contoso.example 1 (Bob) | person frank@board.example 1 (Frank Chair) | person frost@fabrikam.example 1 (J. Frost (ops))"},
		{"from:ja", "person jane@contoso.example 3 (Jane Döe)"},
		{"from:DÖ", "person jane@contoso.example 3 (Jane Döe)"},
		{"from:jane@c", "person jane@contoso.example 3 (Jane Döe)"},
		{"from:cont", "domain @contoso.example 4"},
		{"from:@mail", "domain @mail.contoso.example 1"},
		{"disk -from:fra", "person frank@board.example 1 (Frank Chair)"},
		{"from:(bob OR fra", "person frank@board.example 1 (Frank Chair)"},
		{"(subject:x) fil", "operator filename: | operator filetype: | operator file:"},
		{"to:help", "person help@northwind.example 4"},
		{"to:doe", "person jane@contoso.example 2 (Jane Döe)"},
		{"firm", "word firmware 3 | word firmament 1 | word firmness 1"},
		{"the firmw", "word firmware 3"},
		{"\"the firmw", "word firmware 3"},
		{"subject:fir", "word firmness 1"},
		{"subject:\"second ba", "word batch 3"},
		{"firmwear", "word firmware 3"},
		{"contos", "domain participant:@contoso.example 5 | word contoso 5"},
		{"has:", "value link 4 | value attachment 1"},
		{"has:att", "value attachment 1"},
		{"has:atachment", "value attachment 1"},
		{"is:en", ""},
		{"is:imp", "value import 1"},
		{"form:jane", "operator from:"},
		{"queue:", "queue support 4 | queue board 1"},
		{"mailbox:j", "mailbox jane@contoso.example 1"},
		{"filetype:p", "filetype pdf 1"},
		{"filename:pl", "word plan 1"},
		{"larger:1", ""},
		{"nothinglikethis", ""},
		{"", "operator from: | operator to: | operator subject: | operator filename: | operator has: | operator before: | operator after: | operator kind:"},
	} {
		got, err := x.Within(Within{}).Suggest(context.Background(), c.query, len(c.query), 8)
		if err != nil || suggested(got) != c.want {
			t.Errorf("%s: %s %v\nwant %s", c.query, suggested(got), err, c.want)
		}
	}
}

// What is taken comes into the place of the word, and the cursor behind it.
func TestSuggestionsComeInPlace(t *testing.T) {
	x := suggestCorpus(t)
	for _, c := range []struct{ query, want string }{ // | is the cursor.
		{"fro|", "from:|"},
		{"from:ja|", "from:jane@contoso.example |"},
		{"from:ja| firmware", "from:jane@contoso.example| firmware"},
		{"firmw|ament x", "firmware| x"},
		{"-from:ja|", "-from:jane@contoso.example |"},
		{"form:|jane", "from:jane|"},
		{"form:jane| x", "from:jane| x"},
		{"subject:\"second ba|\" x", "subject:\"second batch|\" x"},
		{"(jan|)", "(participant:jane@contoso.example|)"},
	} {
		before, after, _ := strings.Cut(c.query, "|")
		got, err := x.Within(Within{}).Suggest(context.Background(), before+after, len(before), 8)
		if err != nil || len(got) == 0 {
			t.Errorf("%s: nothing, %v", c.query, err)
			continue
		}
		if s := got[0].Query[:got[0].At] + "|" + got[0].Query[got[0].At:]; s != c.want {
			t.Errorf("%s becomes %s, want %s", c.query, s, c.want)
		}
	}
}

// What is outside of somebody's limits is in no suggestion, and in no count of one.
func TestSuggestionsStayWithinLimits(t *testing.T) {
	r := suggestCorpus(t).Within(Within{Withheld: []string{"board"}, Open: []string{"support"}})
	for query, want := range map[string]string{
		"firm":    "word firmware 3 | word firmness 1",
		"from:fr": "person frost@fabrikam.example 1 (J. Frost (ops))",
		"takeo":   "",
		"takeovr": "",
		"queue:":  "queue support 4",
		"queue:b": "",
		"has:l":   "value link 3",
		"board":   "",
		"to:jan":  "person jane@contoso.example 1 (Jane Döe)",
	} {
		got, err := r.Suggest(context.Background(), query, len(query), 8)
		if err != nil || suggested(got) != want {
			t.Errorf("%s: %s %v\nwant %s", query, suggested(got), err, want)
		}
	}
	got, err := r.Instead(context.Background(), "takeover firmware", testNow, 5)
	if err != nil || suggested(got) != "query firmware 3" {
		t.Errorf("instead: %s %v", suggested(got), err)
	}
}

// Instead of a query that cannot be read or finds nothing, others are told that find something.
func TestInstead(t *testing.T) {
	x := suggestCorpus(t)
	for query, want := range map[string]string{
		"form:jane":               "query from: from:jane 3",
		"has:atachment":           "query attachment has:attachment 1",
		"has:atachment plan":      "query attachment has:attachment plan 1",
		"(firmware":               "query (firmware) (firmware) 3",
		"firmware)":               "query firmware firmware 3",
		"\"second batch":          "query \"second batch\" \"second batch\" 3",
		"firmwear":                "word firmware firmware 3",
		"firmwear jane":           "word firmware firmware jane 3 | query jane jane 5",
		"from:bob firmware":       "query firmware firmware 3 | query from:bob from:bob 1",
		"\"second bacth\"":        "word batch \"second batch\" 3",
		"nothing likethis at all": "",
		"nothinglikethis":         "",
	} {
		var got []string
		all, err := x.Within(Within{}).Instead(context.Background(), query, testNow, 4)
		for _, s := range all {
			got = append(got, fmt.Sprintf("%s %s %s %d", s.Kind, s.Text, s.Query, s.Count))
		}
		if err != nil || strings.Join(got, " | ") != want {
			t.Errorf("%s: %s %v\nwant %s", query, strings.Join(got, " | "), err, want)
		}
	}
}

// Each operator is told in one line.
func TestOperatorsHaveHelp(t *testing.T) {
	for _, op := range operators() {
		if op.help == "" {
			t.Errorf("%s: has no help", op.name)
		}
	}
}

// Whatever somebody writes, each suggestion finds as many as it says of what he may read, and
// nothing else is suggested.
func TestSuggestionsFindWhatTheySay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, docs := refCorpus(t)
		x, stop := followOn(t, vfs.NewMem(), a)
		defer stop()
		caughtUp(t, x, a)
		settled(t, x, a)
		for range 20 {
			w, _ := refWithin(t)
			r := x.Within(w)
			query := refTree(t, docs, rapid.IntRange(0, 2).Draw(t, "depth")).text + " "
			last := pick(t, []string{"", "-", "("}) + pick(t, []string{"", "from:", "to:", "cc:", "rcpt:", "participant:", "subject:", "body:", "filename:", "queue:", "mailbox:", "filetype:", "has:", "kind:"})
			word := pick(t, []string{"", "d", "di", "ja", "jan", "jane.", "co", "@c", "日", "mü", "re", "s", "o", "p", "overflw", "\"ar"})
			text := query + last + word
			all, err := r.Suggest(context.Background(), text, len(text), rapid.IntRange(1, 12).Draw(t, "limit"))
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range all {
				alone := strings.TrimPrefix(strings.TrimPrefix(s.Query[len(query):], "-"), "(")
				if strings.Contains(last+word, "\"") {
					alone += "\""
				}
				if s.Kind == "operator" {
					continue
				}
				if n := search(t, r, Request{Query: alone}).Total; n != s.Count || n == 0 {
					t.Fatalf("within %+v: %s suggests %s of %d messages, %s finds %d", w, text, s.Text, s.Count, alone, n)
				}
			}
		}
	})
}

// No text and no cursor is too strange.
func FuzzSuggest(f *testing.F) {
	f.Add("from:(a \"b", 7)
	f.Add("\xff(:\"“x", 2)
	f.Fuzz(func(t *testing.T, query string, at int) {
		s := spotAt(query, at)
		if s.start < 0 || s.start > s.end || s.end > len(query) || query[s.start:s.start+len(s.word)] != s.word {
			t.Errorf("%q at %d: %+v", query, at, s)
		}
		one := s.with("word", "x", s.start)
		if utf8.ValidString(query) && !utf8.ValidString(one.Query) {
			t.Errorf("%q at %d becomes %q", query, at, one.Query)
		}
		for _, r := range repairs(query, testNow, Names{}) {
			if r.At > len(r.Query) {
				t.Errorf("%q: cursor %d in %q", query, r.At, r.Query)
			}
		}
		r := Reader{}
		var syntax *SyntaxError
		_, err := Parse(query, testNow, Names{})
		if err != nil && !errors.As(err, &syntax) {
			t.Error(err)
		}
		if narrow := r.Narrow(query, "has:link", testNow); err == nil {
			if _, err := Parse(narrow, testNow, Names{}); err != nil {
				t.Errorf("%q becomes %q: %v", query, narrow, err)
			}
		}
		for _, l := range r.Filters(query, testNow) {
			if _, err := Parse(l.Without, testNow, Names{}); err != nil {
				t.Errorf("%q without %q is %q: %v", query, l.Text, l.Without, err)
			}
		}
	})
}

// How long a suggestion takes at 100,000 messages.
func BenchmarkSuggest(b *testing.B) {
	a, _ := corpus(b, benchSuggest)
	x, stop := followIn(b, vfs.Default, b.TempDir(), a)
	b.Cleanup(stop)
	caughtUp(b, x, a)
	for _, query := range []string{"e", "ea", "eat", "from:", "from:e", "to:ea", "subject:ta", "has:", "filetype:", "eatnn"} {
		b.Run(query, func(b *testing.B) {
			most := time.Duration(0)
			for b.Loop() {
				start := time.Now()
				if _, err := x.Within(Within{}).Suggest(context.Background(), query, len(query), 8); err != nil {
					b.Fatal(err)
				}
				most = max(most, time.Since(start))
			}
			b.ReportMetric(float64(most.Microseconds())/1000, "most-ms")
		})
	}
	for _, facets := range []bool{false, true} {
		b.Run(fmt.Sprintf("everything, facets %t", facets), func(b *testing.B) {
			for b.Loop() {
				search(b, x, Request{Facets: facets})
			}
		})
	}
}

const benchSuggest = 100_000
