package casework

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestAnchor(t *testing.T) {
	for _, c := range []struct {
		name, text, quote, prefix, suffix string
		start                             int
		want                              string // The words found, with | around in their surroundings.
	}{
		{"where it was", "We promise it by Friday.", "by Friday", "it ", ".", 14, "We promise it |by Friday|."},
		{"moved", "Hello,\n\nWe promise it by Friday.", "by Friday", "it ", ".", 14, "Hello,\n\nWe promise it |by Friday|."},
		{"nearest of equals", "yes no yes no yes", "yes", "", "", 9, "yes no |yes| no yes"},
		{"surroundings before distance", "they said yes. we said yes!", "yes", "we said ", "!", 10, "they said yes. we said |yes|!"},
		{"coincidence at the old place", "xx yes yy, I say yes to it", "yes", "say ", " to it", 3, "xx yes yy, I say |yes| to it"},
		{"wrapped anew", "root cause\r\n  by Friday at the latest", "root cause by Friday", "", " at", 0, "|root cause\r\n  by Friday| at the latest"},
		{"no-break space", "14\u00a0gateways offline", "14 gateways", "", "", 0, "|14\u00a0gateways| offline"},
		{"white space around the quote", "a root cause b", "\nroot cause ", "", "", 0, "a |root cause| b"},
		{"other letters", "根本原因は金曜日までに報告します。", "金曜日まで", "", "", 0, "根本原因は|金曜日まで|に報告します。"},
		{"start behind the end", "by Friday", "by Friday", "", "", 1000, "|by Friday|"},
		{"overlapping", "aaaa", "aa", "", "", 1, "a|aa|a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			start, end, ok := Anchor(c.text, c.quote, c.prefix, c.suffix, c.start)
			if !ok {
				t.Fatal("not found")
			}
			if got := c.text[:start] + "|" + c.text[start:end] + "|" + c.text[end:]; got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
	for _, quote := range []string{"Saturday", " ", "by  friday"} {
		if _, _, ok := Anchor("We promise it by Friday.", quote, "", "", 0); ok {
			t.Errorf("%q was found", quote)
		}
	}
}

// Whatever words of a text are cited, they are found again at the same place,
// after the text was wrapped anew or got a head at the place they moved to; where
// they are gone, they are not found anywhere else, and the citation stays.
func TestInvariant3_ReextractionInvalidatesNoCitation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.SampledFrom([]string{"yes", "no", "Freitag", "größer", "金曜日", "a", "gateway"}), 1, 40).Draw(t, "words")
		text := strings.Join(words, " ")
		i := rapid.IntRange(0, len(words)-1).Draw(t, "first")
		j := rapid.IntRange(i, len(words)-1).Draw(t, "last")
		start := len(strings.Join(words[:i], " "))
		if i > 0 {
			start++
		}
		end := len(strings.Join(words[:j+1], " "))
		prefix, suffix := Context(text, start, end)
		if len(prefix) > 32 || len(suffix) > 32 || !utf8.ValidString(prefix+suffix) {
			t.Fatalf("context %q, %q", prefix, suffix)
		}
		a, b, ok := Anchor(text, text[start:end], prefix, suffix, start)
		if !ok || a != start || b != end {
			t.Fatalf("%q at %d:%d of %q found at %d:%d, %v", text[start:end], start, end, text, a, b, ok)
		}
		wrapped := strings.ReplaceAll(text, " ", "\r\n")
		a, b, ok = Anchor(wrapped, text[start:end], prefix, suffix, start)
		if !ok || strings.Join(strings.Fields(wrapped[a:b]), " ") != text[start:end] {
			t.Fatalf("%q not found again in %q", text[start:end], wrapped)
		}
		head := rapid.SampledFrom([]string{"Subject: x\n\n", "größer, ", "\u00a0"}).Draw(t, "head")
		a, b, ok = Anchor(head+text, text[start:end], prefix, suffix, start)
		if !ok || (head + text)[a:b] != text[start:end] {
			t.Fatalf("%q at %d of %q with a head found at %d, %v", text[start:end], start, text, a, ok)
		}
		if a, b, ok = Anchor("something else", text[start:end], prefix, suffix, start); ok && !strings.Contains("something else", text[start:end]) {
			t.Fatalf("%q found at %d:%d of a text without it", text[start:end], a, b)
		}
	})
}

func FuzzAnchor(f *testing.F) {
	f.Add("We promise it by Friday.", "by Friday", "it ", ".", 14)
	f.Add("\xff \xff", "\xff", " ", "", -5)
	f.Fuzz(func(t *testing.T, text, quote, prefix, suffix string, start int) {
		a, b, ok := Anchor(text, quote, prefix, suffix, start)
		if !ok {
			return
		}
		if a < 0 || b < a || b > len(text) {
			t.Fatalf("span %d:%d of %d bytes", a, b, len(text))
		}
		if strings.Join(strings.Fields(text[a:b]), " ") != strings.Join(strings.Fields(quote), " ") {
			t.Fatalf("found %q for %q", text[a:b], quote)
		}
	})
}
