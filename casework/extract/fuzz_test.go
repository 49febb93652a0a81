package extract

import (
	"testing"
	"time"
	"unicode/utf8"

	"polytrace/message"
)

// inside fails when a span is not inside a text, cuts a rune, is empty, or
// begins before the one it follows ends.
func inside(t *testing.T, text string, s Span, last int, quote string) int {
	t.Helper()
	if s.Start < last || s.End <= s.Start || s.End > len(text) {
		t.Fatalf("%+v after %d in %d bytes", s, last, len(text))
	}
	if text[s.Start:s.End] != quote {
		t.Fatalf("%+v quotes %q, not %q", s, text[s.Start:s.End], quote)
	}
	if utf8.ValidString(text) && !utf8.ValidString(quote) {
		t.Fatalf("%+v cuts a rune: %q", s, quote)
	}
	return s.End
}

// cut makes two spans of a text with a gap between them.
func cut(text string, at int) []Span {
	at = border(text, max(0, min(at, len(text))))
	return []Span{{0, at}, {min(len(text), border(text, at+1)), len(text)}}
}

var fuzzSent = Reference{Sent: time.Date(2026, 11, 18, 10, 30, 0, 0, time.FixedZone("", 3600))}

func FuzzDates(f *testing.F) {
	for _, s := range []string{
		"by EOD Friday, 24.11.2026 or 11/24", "bis zum 24. um 15 Uhr", "tomorrow 3pm CET (UTC+2)", "in 99999 weeks or 5000 years ago", "2026-11-24T15:04:05Z", "3-5 December ’26\n\nmid-Q3 2027",
		"Feb 29", "the 31st", "KW 53/2026", "end of the end of next week", "\xffmorgen\xe2\x80", "nächsten März’s",
	} {
		f.Add(s, 7)
	}
	f.Fuzz(func(t *testing.T, text string, at int) {
		last := 0
		for _, d := range Dates(text, cut(text, at), fuzzSent) {
			last = inside(t, text, d.Span, last, d.Quote)
			if w := d.Value; !w.From.Before(w.To) || w.Other != nil && !w.Other.From.Before(w.Other.To) {
				t.Errorf("%q is %+v", d.Quote, w)
			}
		}
	})
}

func FuzzPromises(f *testing.F) {
	for _, s := range []string{
		"I'll send it by Friday and we will call you, please confirm.", "Let me", "Will", "you will get", "ich werde", "Otherwise we'll", "please\n\n- could you?", "Attached is done. Fixed in", "I’ll be\nback to you", "werden wir", "We need by 24.11.2026", "We promise",
	} {
		f.Add(s, 9)
	}
	f.Fuzz(func(t *testing.T, text string, at int) {
		within := cut(text, at)
		last := 0
		for _, p := range Promises(text, within, fuzzSent) {
			last = inside(t, text, p.Span, last, p.Quote)
			part(t, p.Span, p.Value.What)
		}
		last = 0
		for _, r := range Requests(text, within, fuzzSent) {
			last = inside(t, text, r.Span, last, r.Quote)
			part(t, r.Span, r.Value.What)
		}
		last = 0
		for _, d := range Discharges(text, within, "send the report", fuzzSent) {
			last = inside(t, text, d.Span, last, d.Quote)
			part(t, d.Span, d.Value.What)
		}
	})
}

// part fails when a span is not inside another.
func part(t *testing.T, whole, s Span) {
	t.Helper()
	if s.Start < whole.Start || s.End > whole.End || s.Start >= s.End {
		t.Fatalf("%+v is not inside %+v", s, whole)
	}
}

func FuzzDetails(f *testing.F) {
	for _, s := range []string{"Ticket #4711, $1,234.50 (20k USD)", "https://contoso.example/(a).", "+49 (0)30/12", "S/N: PX-1", "v4.2-rc1", "ERR_A_B 0x80070005", "-- \nJane Doe | CTO, Contoso Inc."} {
		f.Add(s, 5)
	}
	f.Fuzz(func(t *testing.T, text string, at int) {
		last := 0
		for _, d := range Details(text, cut(text, at)) {
			last = inside(t, text, d.Span, last, d.Quote)
			if d.Value.Value == "" {
				t.Errorf("%q has no value", d.Quote)
			}
		}
		for _, s := range cut(text, at) {
			Signatory(text, s, message.Mailbox{Name: "Jane Doe", Address: "jane.doe@contoso.example"})
		}
	})
}
