package index

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// What cannot be understood is an error that points at the place and says what to write instead.
func TestSyntaxErrorsPointAtThePlace(t *testing.T) {
	for _, c := range []struct{ query, at, says string }{
		{"form:jane", "form:jane", "from:"},
		{"disk form:jane", "form:jane", "from:"},
		{"subjct:disk", "subjct:disk", "subject:"},
		{"attachmnt:x", "attachmnt:x", "Known are"},
		{"zzzzzzzz:x", "zzzzzzzz:x", "from:, to:, subject:, filename:, has:, before:, after:, kind:, case:"},
		{"sub:disk", "sub:disk", "subject:"},
		{"(disk", "(disk", "never closed"},
		{"disk (full OR (array)", "(full OR (array)", "never closed"},
		{"disk)", ")", "closes nothing"},
		{"disk ) full", ") full", "closes nothing"},
		{"()", "()", "nothing between"},
		{"disk ( )", "( )", "nothing between"},
		{"\"disk full", "\"disk full", "never closed"},
		{"subject:\"disk", "\"disk", "never closed"},
		{"Übergröße \"disk", "\"disk", "never closed"},
		{"„disk", "„disk", "never closed"},
		{"from:", "from:", "from:jane@contoso.example"},
		{"disk subject: ", "subject: ", "subject:invoice"},
		{"from:\"\"", "from:\"\"", "needs a value"},
		{"(from:)", "from:)", "needs a value"},
		{"thread:{disk", "{disk", "Put } behind"},
		{"thread:{disk)", "{disk)", "Put } behind"},
		{"thread:{disk (full} array)", "(full} array)", "Put ) behind"},
		{"thread:{}", "{}", "nothing between"},
		{"thread:{disk OR}", "OR}", "behind OR"},
		{"has:attachmnt", "attachmnt", "has:attachment"},
		{"has:wings", "wings", "has:attachment, has:calendar, has:link"},
		{"is:imported", "imported", "is:import"},
		{"kind:mesage", "mesage", "kind:message"},
		{"before:tomorow", "tomorow", "before:2026-11-03"},
		{"after:2026-13", "2026-13", "after:2026-11-03"},
		{"disk on:2026-02-30", "2026-02-30", "on:2026-11-03"},
		{"date:..", "..", "date:2026-10..2026-11"},
		{"date:2026-10..x", "x", "date:2026-11-03"},
		{"case:abc", "abc", "case:C-104"},
		{"larger:big", "big", "larger:100k"},
		{"smaller:-1", "-1", "smaller:100k"},
		{"sha256:12", "12", "64"},
		{"sha256:xyzw*", "xyzw*", "hexadecimal"},
		{"thread:17", "17", "thread:mail-17"},
		{"id:<>", "<>", "id:1042@mail.contoso.example"},
		{"subject:---", "---", "subject:invoice"},
		{"from:<>", "<>", "from:jane@contoso.example"},
		{"di*sk", "*sk", "end of a word"},
		{"subject:*sk", "*sk", "from:*contoso*"},
		{"queue:s*t", "*t", "end of a word"},
		{"from:*", "*", "from:jane@contoso.example"},
		{"from:**", "**", "end of a word"},
		{"disk OR", "OR", "behind OR"},
		{"OR disk", "OR disk", "before OR"},
		{"disk AND", "AND", "behind AND"},
		{"AND disk", "AND disk", "before AND"},
		{"(disk AND) full", "AND) full", "behind AND"},
		{"disk NOT", "NOT", "behind NOT"},
		{"disk NEAR/0 full", "NEAR/0 full", "1 to 1000"},
		{"disk NEAR/5", "NEAR/5", "between two words"},
		{"disk NEAR subject:full", "NEAR subject:full", "between two words"},
		{"&&&", "&&&", "no letter or digit"},
		{strings.Repeat("(", 101) + "a", "(a", "inside each other"},
		{strings.Repeat("-", 101) + "a", "-a", "inside each other"},
		{strings.Repeat("a", maxQuery+1), "a", "longer than"},
	} {
		_, err := Parse(c.query, testNow, Names{})
		var s *SyntaxError
		if !errors.As(err, &s) {
			t.Errorf("%.60s: got %v, want a syntax error", c.query, err)
			continue
		}
		if got := s.Query[s.Offset:]; got != c.at || s.Query != c.query {
			t.Errorf("%.60s: points at %q, want %q (%s)", c.query, got, c.at, s.Text)
		}
		if !strings.Contains(s.Text, c.says) {
			t.Errorf("%.60s: says %q, want something with %q", c.query, s.Text, c.says)
		}
	}
}

// What only looks like an operator or a mark is searched as the words it has.
func TestWordsThatLookLikeSyntax(t *testing.T) {
	for query, want := range map[string]string{
		"https://contoso.example/a":         "https contoso example a",
		"C:\\temp\\x":                       "c temp x",
		"10:30":                             "10 30",
		"disk - full":                       "(disk full)",
		"e-mail":                            "e mail",
		"disk & full":                       "(disk full)",
		"and or not near":                   "(and or not near)",
		"“disk full”":                       "disk full",
		"\"OR\"":                            "or",
		"-\"disk full\"":                    "-disk full",
		"--disk":                            "--disk",
		"disk OR full array":                "[disk (full array)]",
		"Disk NEAR/3 \"is full\"":           "disk ~3 is full",
		"DISK*":                             "disk*",
		"東京2020":                            "東京 京 2020",
		"*":                                 "all",
		"thread:{disk full} array":          "({(disk full)} array)",
		"thread:(disk OR -full)":            "{[disk -full]}",
		"thread:{thread:(disk) NOT {full}}": "{({disk} -full)}",
		"{disk} -}full":                     "(disk -full)",
		" \t\n":                             "all",
	} {
		n, err := Parse(query, testNow, Names{})
		if err != nil {
			t.Errorf("%q: %v", query, err)
		} else if got := drawn(n); got != want {
			t.Errorf("%q: got %s, want %s", query, got, want)
		}
	}
}

// drawn is a query as text, "and" in round and "or" in square brackets.
func drawn(n Node) string {
	list := func(kids []Node) string {
		var parts []string
		for _, k := range kids {
			parts = append(parts, drawn(k))
		}
		return strings.Join(parts, " ")
	}
	switch n := n.(type) {
	case *And:
		return "(" + list(n.Kids) + ")"
	case *Or:
		return "[" + list(n.Kids) + "]"
	case *Not:
		return "-" + drawn(n.Kid)
	case *All:
		return "all"
	case *Text:
		var words []string
		for _, s := range n.Slots {
			words = append(words, s.Text+map[bool]string{true: "*"}[s.Prefix])
		}
		return strings.Join(words, " ")
	case *InThread:
		return "{" + drawn(n.Kid) + "}"
	case *Near:
		return fmt.Sprintf("%s ~%d %s", drawn(n.A), n.Distance, drawn(n.B))
	}
	return fmt.Sprintf("%+v", n)
}

// Any bytes are a query or an error that points into them.
func FuzzParse(f *testing.F) {
	for _, q := range []string{
		"", "disk -full", "from:jane (subject:\"a b\" OR has:link)", "date:2026-10..7d", "a NEAR/5 b", "overfl*", "日本語*", "from:(a OR b)",
		"((a)", "\"", "larger:1.5G sha256:abcd*", "case:C-1 thread:mail-1 id:<x@y>", "-(-(-a))", "\xff\xfe:\x00", "to:@", "is:s", "from:*a*@*", "to:**", "list:*x", "on:0d", "before:-1d", "date:0..9999-12-31",
		"thread:{disk (a}", "thread:{from:(a} b)}", "thread:(a } b)", "thread:{thread:{a} NOT \"}\"}",
	} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, query string) {
		n, err := Parse(query, testNow, Names{})
		var s *SyntaxError
		switch {
		case err == nil:
			if n == nil {
				t.Fatal("neither query nor error")
			}
			soundNode(t, n)
		case !errors.As(err, &s):
			t.Fatalf("not a syntax error: %v", err)
		case s.Offset < 0 || s.Offset > len(query) || s.Text == "" || !utf8.ValidString(s.Text):
			t.Fatalf("error %q points at %d of %d", s.Text, s.Offset, len(query))
		}
	})
}

// soundNode checks what the search relies on.
func soundNode(t *testing.T, n Node) {
	switch n := n.(type) {
	case *And:
		soundKids(t, n.Kids)
	case *Or:
		soundKids(t, n.Kids)
	case *Not:
		soundNode(t, n.Kid)
	case *Text:
		if len(n.Slots) == 0 || len(n.Fields) == 0 {
			t.Fatal("text without words or fields")
		}
		for _, s := range n.Slots {
			soundSlot(t, s)
		}
	case *InThread:
		soundNode(t, n.Kid)
	case *Near:
		soundNode(t, n.A)
		soundNode(t, n.B)
	case *Term:
		soundSlot(t, n.Slot)
	case *Pattern:
		if strings.Trim(n.Glob, "*") == "" || strings.ContainsAny(n.Glob, "\x00") || strings.Contains(n.Glob, "**") {
			t.Fatalf("pattern %+v", n)
		}
	case nil:
		t.Fatal("a part is missing")
	}
}

func soundKids(t *testing.T, kids []Node) {
	if len(kids) < 2 {
		t.Fatalf("%d parts joined", len(kids))
	}
	for _, k := range kids {
		soundNode(t, k)
	}
}

func soundSlot(t *testing.T, s Slot) {
	if s.Text == "" && !s.Prefix || len(s.Text) > maxTerm || strings.Contains(s.Text, "\x00") {
		t.Fatalf("slot %+v", s)
	}
}

// A saved search stands where it is named, as if in brackets, and what is wrong in it is told at
// that place and names it.
func TestSavedSearchesStandWhereTheyAreNamed(t *testing.T) {
	names := Names{Saved: map[string]string{
		"words": "disk full", "either": "disk OR array", "week": "after:7d", "outer": "saved:either -jane", "all": "",
		"bad": "disk (full", "in-bad": "x saved:bad", "a": "saved:b", "b": "y saved:a", "lost": "saved:gone", "many": strings.Repeat("saved:more ", 200), "more": strings.Repeat("saved:words ", 200),
	}}
	for query, same := range map[string]string{
		"saved:words": "disk full", "-saved:either full": "-(disk OR array) full", "saved:OUTER x": "((disk OR array) -jane) x", "saved:all": "", "x OR saved:words": "x OR (disk full)",
		"saved:week": "after:7d", "saved:(either words)": "(disk OR array) (disk full)",
	} {
		got, err := Parse(query, testNow, names)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		want, err := Parse(same, testNow, Names{})
		if err != nil || drawn(got) != drawn(want) {
			t.Errorf("%s: got %s, want %s; %v", query, drawn(got), drawn(want), err)
		}
	}
	later := testNow.AddDate(0, 0, 1)
	if n, err := Parse("saved:week", later, names); err != nil || !n.(*Span).From.Equal(later.AddDate(0, 0, -7)) {
		t.Errorf("a day later it is %v, %v", n, err)
	}
	for _, c := range []struct{ query, at, says string }{
		{"disk saved:bad", "bad", `In the saved search bad, at "(full": This bracket is never closed.`},
		{"saved:in-bad", "in-bad", "In the saved search bad, at"},
		{"x saved:a", "a", "The saved search a uses itself: a → b → a."},
		{"saved:lost", "lost", `In the saved search lost, at "gone": There is no saved search "gone".`},
		{"saved:eithr", "eithr", "Did you mean either?"},
		{"saved:many", "many", "longer than"},
		{"saved:", "saved:", "needs a value"},
	} {
		_, err := Parse(c.query, testNow, names)
		var s *SyntaxError
		if !errors.As(err, &s) || s.Query != c.query || s.Query[s.Offset:] != c.at || !strings.Contains(s.Text, c.says) {
			t.Errorf("%s: got %+v, want %q at %q", c.query, err, c.says, c.at)
		}
	}
}
