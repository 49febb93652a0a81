package index

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"polytrace/archive"
)

// marked shows a snippet with its marks in square brackets.
func marked(s Summary) string {
	var b strings.Builder
	last := 0
	for _, m := range s.Marks {
		b.WriteString(s.Snippet[last:m[0]] + "[" + s.Snippet[m[0]:m[1]] + "]")
		last = m[1]
	}
	return b.String() + s.Snippet[last:]
}

// A snippet shows where the query was hit, or else how the author begins.
func TestSnippets(t *testing.T) {
	a := newMemArchive()
	filler := strings.Repeat("Nothing to see in this sentence. ", 20)
	a.append(archive.Meta{}, mail("Hello,\n\n  the  pump\tstopped.\nThe Pümp again.\n\n> earlier words\n", "Subject: Valve"))
	a.append(archive.Meta{}, mail(filler+"\nHere the impeller broke, the impeller of pump seven.\n"+filler, "Subject: other"))
	a.append(archive.Meta{}, mail("pump "+filler+" the pump and the impeller together "+filler, "Subject: third"))
	a.append(archive.Meta{}, mail("昨日、日本語の本文を交換しました。", "Subject: 4"))
	x := follow(t, a)
	caughtUp(t, x, a)
	for _, c := range []struct{ query, snippet string }{
		{"pump valve", "Hello, the [pump] stopped. The [Pümp] again. > earlier words"},
		{"subject:valve", "Hello, the pump stopped. The Pümp again. > earlier words"},
		{"\"the pump\" subject:valve", "Hello, [the pump] stopped. [The Pümp] again. > earlier words"},
		{"sto* subject:valve", "Hello, the pump [stopped]. The Pümp again. > earlier words"},
		{"-nothing stopped", "Hello, the pump [stopped]. The Pümp again. > earlier words"},
		{"impeller seven", "…to see in this sentence. Here the [impeller] broke, the [impeller] of pump [seven]. Nothing to see in this sentence."},
		{"impeller together", "…the pump and the [impeller] [together] Nothing"},
		{"日本語", "昨日、[日本語]の本文を交換しました。"},
		{"本文", "昨日、日本語の[本文]を交換しました。"},
	} {
		items := search(t, x, Request{Query: c.query}).Items
		if len(items) != 1 {
			t.Errorf("%s: %d hits", c.query, len(items))
			continue
		}
		got := marked(items[0])
		for i, part := range strings.Split(c.snippet, "…") {
			if !strings.Contains(got, part) || i == 1 && !strings.HasPrefix(got, "…") {
				t.Errorf("%s: got %q, want %q", c.query, got, c.snippet)
			}
		}
		if len(items[0].Snippet) > snippetLength+50 {
			t.Errorf("%s: snippet of %d bytes", c.query, len(items[0].Snippet))
		}
	}
}

// Marks stand at the borders of characters, in order, inside the snippet, and what
// they enclose is what was asked for, whatever the text is.
func TestMarksAreWhole(t *testing.T) {
	pieces := []string{"disk", "Dısk", "dísk", "日本語", "本", "full", " ", "  ", "\n", "\t", "\u0301", "\x00", "\ufffd", "é", "👩‍👩‍👧", ".", "-", "ﾃﾞ", "\u00ad", "x", "ß"}
	rapid.Check(t, func(t *rapid.T) {
		length := rapid.IntRange(0, 400).Draw(t, "length")
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), length, length).Draw(t, "text"), "")
		query := pick(t, []string{"disk", "\"disk full\"", "d*", "日本", "本", "disk 日本語", "full OR デ", "x disk full"})
		n, err := Parse(query, testNow, Names{})
		if err != nil {
			t.Fatal(err)
		}
		h := newHighlighter(newWordCutter(), n)
		s, marks := h.snippet(text, rapid.IntRange(0, len(text)).Filter(func(i int) bool { return i == len(text) || utf8.RuneStart(text[i]) }).Draw(t, "author"))
		if !utf8.ValidString(s) || strings.ContainsAny(s, "\n\t\x00") || strings.Contains(s, "  ") {
			t.Fatalf("snippet %q", s)
		}
		last := 0
		for _, m := range marks {
			if m[0] < last || m[1] <= m[0] || m[1] > len(s) || !utf8.ValidString(s[m[0]:m[1]]) || !utf8.ValidString(s[:m[0]]) {
				t.Fatalf("marks %v of %q", marks, s)
			}
			if len(newHighlighter(newWordCutter(), n).hits(s[m[0]:m[1]])) == 0 && !strings.Contains(query, "\"") {
				t.Fatalf("%q is marked in %q for %s", s[m[0]:m[1]], s, query)
			}
			last = m[1]
		}
		if found := h.hits(text); len(found) > 0 && len(marks) == 0 {
			t.Fatalf("%q hits %q at %v, but nothing is marked in %q", query, text, found, s)
		}
	})
}

// Words that are passed over by how they begin are none of those that are looked for.
func TestWordsPassedOverAreNone(t *testing.T) {
	pieces := []string{"disk", "DIsk", "di", "d", "D", "dismal", "a", "array", "ab", "Dísk", "dísk", "日本語", "full", " ", " ", " ", "\n", "é", ".", "-", "\u00ad", "x", "ß", "7", "7z", "42"}
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 200).Draw(t, "text"), "")
		query := pick(t, []string{"disk", "\"disk full\"", "d*", "d", "di* OR a", "a 7", "\"a disk\"", "4* OR ab", "dísk x", "disk full 日本"})
		n, err := Parse(query, testNow, Names{})
		if err != nil {
			t.Fatal(err)
		}
		some, every := newHighlighter(newWordCutter(), n), newHighlighter(newWordCutter(), n)
		for a := range every.filter.first {
			every.filter.first[a], every.filter.alone[a], every.filter.pairs[a] = true, true, [2]uint64{^uint64(0), ^uint64(0)}
		}
		if got, want := some.hits(text), every.hits(text); !slices.Equal(got, want) {
			t.Fatalf("%s in %q: got %v, want %v", query, text, got, want)
		}
	})
}

// Of a long text only the first part is kept for snippets; all of it is
// searched, and a hit behind that part shows how the text begins.
func TestLongTextIsSearchedBehindWhatIsKept(t *testing.T) {
	a := newMemArchive()
	x := follow(t, a)
	a.append(archive.Meta{}, mail("It begins here.\n"+strings.Repeat("filling words of no interest\n", 3*maxSnippetText/28)+"quercus\n"))
	caughtUp(t, x, a)
	res := search(t, x, Request{Query: "quercus"})
	if res.Total != 1 || !strings.HasPrefix(res.Items[0].Snippet, "It begins here.") {
		t.Fatalf("%d hits, %+v", res.Total, res.Items)
	}
	kept, closer, err := x.db.Get(docKey(famText, 0))
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	if len(kept) > maxSnippetText+16 {
		t.Errorf("%d bytes are kept", len(kept))
	}
}
