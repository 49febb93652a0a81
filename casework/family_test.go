package casework

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"polytrace/archive"
)

func TestREC9_NamesOfVersionsAreOne(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"contract.docx": "contract.docx", "Contract_v2.DOCX": "contract.docx", "contract (1).docx": "contract.docx", "Contract-final 2026-11-03.docx": "contract.docx",
		"Kopie von Contract V3.docx": "contract.docx", "contract rev4.docx": "contract.docx", "contract.pdf": "contract.pdf", "supply contract.docx": "supply contract.docx",
		"v2.docx": "", "2026-11-03.pdf": "", "": "", "revenue.xlsx": "revenue.xlsx",
	} {
		if got := FamilyName(name); got != want {
			t.Errorf("%q is of %q, want %q", name, got, want)
		}
	}
}

func TestREC9_VersionsAreInOrderWithHowOftenEachWasSent(t *testing.T) {
	t.Parallel()
	sent := func(n, day int, name, text string) FileSent {
		return FileSent{Record: archive.Address{Stream: archive.Mail, Position: archive.Position(day)}, Part: 2, Name: name, SHA256: archive.Digest{byte(n)}, Date: start.Add(time.Duration(day) * 24 * time.Hour), Text: SketchOf(text)}
	}
	long := strings.Repeat("this supply contract is between two companies and says who delivers what to whom by when ", 3)
	all := []FileSent{sent(3, 3, "contract_v3.docx", long+"third"), sent(1, 1, "contract.docx", long), sent(3, 5, "contract_v3.docx", long+"third"), sent(3, 6, "to sign.docx", long+"third"),
		sent(2, 2, "Scan0001.docx", long+"second"), sent(9, 4, "invoice.docx", "an invoice over some things that were bought in the month of october")}
	list := FileFamily(all[0], all)
	if len(list) != 3 || list[0].SHA256 != (archive.Digest{1}) || list[1].SHA256 != (archive.Digest{2}) || list[2].N != 3 || len(list[2].Sent) != 3 {
		t.Fatalf("%+v", list)
	}
}

// Without what was added a comparison is the one text, without what was removed the other.
func TestREC9_ADiffHasBothTexts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.SampledFrom(strings.Fields("a b c d")), 0, 40)
		a, b := words.Draw(t, "before"), words.Draw(t, "after")
		parts, ok := WordDiff(strings.Join(a, " "), strings.Join(b, "\n"))
		if !ok {
			t.Fatal("it is too long")
		}
		side := func(without string) (all []string) {
			for _, p := range parts {
				if p.Is != without {
					all = append(all, strings.Fields(p.Text)...)
				}
			}
			return all
		}
		if got := strings.Join(side(Added), " "); got != strings.Join(a, " ") {
			t.Fatalf("before is %q, want %q: %+v", got, a, parts)
		}
		if got := strings.Join(side(Removed), " "); got != strings.Join(b, " ") {
			t.Fatalf("after is %q, want %q: %+v", got, b, parts)
		}
		differ := 0
		for _, p := range parts {
			if p.Is != Same {
				differ += len(strings.Fields(p.Text))
			}
		}
		if want := len(a) + len(b) - 2*longestCommon(a, b); differ != want {
			t.Fatalf("%d words differ, %d are enough: %+v", differ, want, parts)
		}
	})
}

// longestCommon is how many words two lists have in common in order.
func longestCommon(a, b []string) int {
	best := make([][]int, len(a)+1)
	for i := range best {
		best[i] = make([]int, len(b)+1)
	}
	for i := range a {
		for j := range b {
			if best[i+1][j+1] = max(best[i][j+1], best[i+1][j]); a[i] == b[j] {
				best[i+1][j+1] = best[i][j] + 1
			}
		}
	}
	return best[len(a)][len(b)]
}

func TestREC9_TooMuchThatDiffersIsNotShown(t *testing.T) {
	t.Parallel()
	if _, ok := WordDiff(strings.Repeat("a ", 2000), strings.Repeat("b ", 2000)); ok {
		t.Error("it is")
	}
	parts, ok := WordDiff(strings.Repeat("a ", 30_000)+"x y", strings.Repeat("a ", 30_000)+"x z")
	if !ok || len(parts) != 3 {
		t.Error("long texts with a small difference are not compared")
	}
}
