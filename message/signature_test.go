package message

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// zoneFixture is a mail as a program composes it: each line with the first
// letter of the kind of zone that it is of, as marked has them.
type zoneFixture struct{ name, from, want, body string }

// zoneFixtures reads testdata/zones, a file for each program. "=== " begins a
// mail and names its sender.
func zoneFixtures(t *testing.T) (all []zoneFixture) {
	t.Helper()
	for _, file := range files(t, "testdata/zones") {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(raw)) {
			if from, ok := strings.CutPrefix(line, "=== "); ok {
				all = append(all, zoneFixture{name: filepath.Base(file), from: strings.TrimSpace(from)})
				continue
			}
			f := &all[len(all)-1]
			f.want += line[:1]
			f.body += line[2:]
		}
	}
	return all
}

// Of the lines that have words, those of the author are told from all others in
// mail of six programs: with signatures that no mark stands above, with words
// that close a mail and are none, and with what is below a signature.
func TestZonerAuthorF1(t *testing.T) {
	type tally struct{ right, wrong, missed int }
	programs := map[string]*tally{}
	total := &tally{}
	for _, f := range zoneFixtures(t) {
		if programs[f.name] == nil {
			programs[f.name] = &tally{}
		}
		m := Parse([]byte("From: " + f.from + "\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n" + f.body))
		x := m.Text()
		if x.Body != f.body {
			t.Fatalf("%s: the text is %q", f.name, x.Body)
		}
		got, lines := letters(x.Body, x.Zones), strings.Split(f.body, "\n")
		for i := range f.want {
			if strings.TrimSpace(lines[i]) == "" {
				continue
			}
			for _, y := range []*tally{total, programs[f.name]} {
				switch found, there := got[i] == 'a', f.want[i] == 'a'; {
				case found && there:
					y.right++
				case found:
					y.wrong++
				case there:
					y.missed++
				}
			}
			if (got[i] == 'a') != (f.want[i] == 'a') {
				t.Logf("%s, %s: %q is %c, not %c", f.name, f.from, lines[i], got[i], f.want[i])
			}
		}
	}
	f1 := func(y *tally) float64 { return float64(2*y.right) / float64(2*y.right+y.wrong+y.missed) }
	for name, y := range programs {
		t.Logf("%-16s F1 %.3f  %+v", name, f1(y), *y)
	}
	t.Logf("%-16s F1 %.3f  %+v", "all", f1(total), *total)
	if len(programs) != 6 || f1(total) < .97 || total.missed > 0 {
		t.Errorf("of %d programs, F1 %.3f, %d lines of authors hidden", len(programs), f1(total), total.missed)
	}
}

// A signature that no mark stands above is known by the sender's name. What
// could be the author's words stays his.
func TestSignaturesWithoutMark(t *testing.T) {
	from := Mailbox{Name: "Kim Berg", Address: "kim@northwind.example"}
	for _, c := range []struct{ name, want, body string }{
		{"closing and name", "aass", "Text\n\nRegards,\nKim Berg\n"},
		{"closing, gap and name", "aasssss", "Text\n\nRegards\n\nKim\nSales\nT +31 10 555 0142\n"},
		{"name of another", "aaaa", "Text\n\nRegards,\nJane Doe\n"},
		{"no name", "aaaa", "Text\n\nRegards,\nthe machine stopped\n"},
		{"full name alone", "aass", "Text\n\nKim Berg\nSales\n"},
		{"full name above words", "aaaa", "Text\n\nKim Berg\nis ill today.\n"},
		{"first name alone", "aas", "Text\n\nKim\n"},
		{"first name above words", "aaaa", "Text\n\nKim\nis ill today.\n"},
		{"first name above a title", "aaaa", "Text\n\nKim\nSales\n"},
		{"first name above more", "aaaaa", "Text\n\nKim\n\nMore text.\n"},
		{"first name above a quote", "aassqq", "Text\n\nKim\n\n> one\n> two\n"},
		{"full name in an agenda", "aaaaaa", "Agenda:\n\nKim Berg\nJane Doe\n\nTen minutes for each of us, please.\n"},
		{"full name in a list", "aaaa", "Present:\nJane Doe\nKim Berg\nBob\n"},
		{"postscript", "aasssa", "Text\n\nRegards\nKim\n\nPS: one more thing\n"},
		{"postscript in the block", "aaaaa", "Text\n\nRegards\nKim\nPS: one more thing\n"},
		{"too long", "aaaaaaaaaaa", "Text\n\nRegards\nKim\nA1\nB2\nC3\nD4\nE5\nF6\nG7\n"},
		{"sentences below", "aasssa", "Text\n\nThanks\nKim\n\nAs to the boxes, send them to Cork today.\n"},
		{"thanks to somebody", "aaaa", "Text\n\nThanks\nKim will call you then.\n"},
		{"quote below", "aassqq", "Text\n\nRegards\nKim\n> one\n> two\n"},
		{"block below", "aasssqqqq", "Text\n\nRegards\nKim\n\nFrom: Jane\nSent: Monday\nTo: Kim\nWhen?\n"},
		{"answer below a quote", "qssqa", "> one\nRegards\nKim\n> two\nBottom, by Kim.\n"},
		{"disclaimer below", "aassd", "Text\n\nRegards\nKim\nThis e-mail is confidential.\n"},
		{"mark below", "aasssss", "Text\n\nRegards\nKim\n\n-- \nKim Berg\n"},
		{"list below", "aasssaa", "Text\n\nRegards\nKim\n\n- one\n- two\n"},
	} {
		if got := letters(c.body, zones(c.body, from)); got != c.want {
			t.Errorf("%s: %s, want %s\n%s", c.name, got, c.want, c.body)
		}
	}
	if got := marked("Text\n\nRegards\nKim\n"); got != "aaaa" {
		t.Errorf("without a sender: %s", got)
	}
}
