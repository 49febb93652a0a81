package extract

import (
	"strings"
	"testing"

	"polytrace/message"
)

func TestREC8_TheSentenceThatSpeaksOfAFileIsQuoted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, file, files, quote, rule string }{
		{"Hello Kim. The measured values are in values.xlsx, see sheet 2. Regards", "values.xlsx", "", "The measured values are in values.xlsx, see sheet 2.", "file-name"},
		{"It failed again. Please see sheet 2.\nThank you", "values.xlsx", "", "Please see sheet 2.", "attached"},
		{"Attached is the report.\n\nMore tomorrow.", "scan0001.pdf", "", "Attached is the report.", "attached"},
		{"Anbei der Vertrag. Bitte um Prüfung.", "v.docx", "", "Anbei der Vertrag.", "attached"},
		{"Die Werte finden Sie im Anhang!", "v.docx", "", "Die Werte finden Sie im Anhang!", "attached"},
		{"I send you the test report of\nMonday.", "Test_Report-2026.pdf", "", "I send you the test report of\nMonday.", "file-words"},
		{"plan.pdf is attached. The rest is enclosed.", "other.pdf", "plan.pdf", "The rest is enclosed.", "attached"},
		{"plan.pdf is attached.", "other.pdf", "plan.pdf", "", ""},
		{"No file is spoken of here.", "values.xlsx", "", "", ""},
		{"", "values.xlsx", "", "", ""},
		{"An update came.", "update.bin", "", "", ""}, // A short word says nothing.
	} {
		files := []string{c.file}
		if c.files != "" {
			files = append(files, c.files)
		}
		var got Found[string]
		for _, f := range Mentions(c.text, []Span{{0, len(c.text)}}, files) {
			if f.Value == c.file {
				got = f
			}
		}
		if got.Quote != c.quote || got.Rule != c.rule || c.text[got.Start:got.End] != got.Quote {
			t.Errorf("%q of %s: got %q by %q", c.text, c.file, got.Quote, got.Rule)
		}
	}
}

func TestREC8_OnlyWhatTheAuthorWroteIsQuoted(t *testing.T) {
	t.Parallel()
	m := message.Parse([]byte(strings.ReplaceAll("From: jane@contoso.example\nContent-Type: text/plain\n\nThank you for that.\n\nOn Mon, 2 Nov 2026, Kim wrote:\n> Attached is values.xlsx, see sheet 2.\n", "\n", "\r\n")))
	text := m.Text()
	if found := Mentions(text.Body, Author(text), []string{"values.xlsx"}); found != nil {
		t.Errorf("quoted words of others: %+v", found)
	}
}

func FuzzMentions(f *testing.F) {
	f.Add("The plan is attached. See sheet 2", "plan.pdf", 0, 20)
	f.Fuzz(func(t *testing.T, text, name string, start, end int) {
		for _, m := range Mentions(text, []Span{{start, end}}, []string{name}) {
			if text[m.Start:m.End] != m.Quote || m.Quote == "" {
				t.Fatalf("%+v", m)
			}
		}
	})
}
