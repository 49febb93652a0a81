package extract

import (
	"slices"
	"strings"
	"testing"
)

func alarmsIn(text string) (all []string) {
	for _, f := range Alarms(text, []Span{{0, len(text)}}) {
		if text[f.Start:f.End] != f.Quote {
			all = append(all, "wrong span")
		}
		all = append(all, string(f.Value.Kind)+": "+f.Quote)
	}
	return all
}

// Wording that tells of trouble is found where it stands, and not where it is denied or said of something else.
func TestAlarms(t *testing.T) {
	for text, want := range map[string][]string{
		"This is unacceptable, and for the third time.":        {"escalation: unacceptable", "escalation: third time"},
		"If this slips again we will cancel the whole order.":  {"escalation: If this slips", "leaving: we will cancel"},
		"Please cancel the rest of order 7741.":                {"leaving: cancel the rest of order"},
		"Our lawyers will look at this breach of contract.":    {"legal: lawyers", "legal: breach of"},
		"Production is DOWN since Monday.":                     {"urgency: Production is DOWN"},
		"This is not urgent.":                                  nil,
		"No urgent need. We cancelled nothing.":                nil,
		"The pump works again, thank you.":                     nil,
		"We hereby give notice of termination.":                {"notice: hereby give notice"},
		"I request access under Art. 15 of the GDPR.":          {"notice: Art. 15"},
		"Das ist nicht akzeptabel, zum dritten Mal!":           {"escalation: nicht akzeptabel", "escalation: zum dritten Mal"},
		"Wir kündigen den Vertrag und fordern Schadensersatz.": {"leaving: kündigen", "legal: Schadensersatz"},
		"Jane Doe is no longer with the company.":              {"left: no longer with the company"},
		"Ms Roy hat unser Unternehmen im Mai verlassen.":       nil, // More than three words between.
		"Cancel. The order stands.":                            nil,
		"I will escalate this to your management":              {"escalation: escalate", "escalation: your management"},
	} {
		if got := alarmsIn(text); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestTone(t *testing.T) {
	tone := func(text string) float64 { return Tone(text, []Span{{0, len(text)}}) }
	if good, bad, none := tone("Thanks, that works perfectly."), tone("This is a disaster, and I am angry."), tone("The gateway has 14 ports."); good < .5 || bad > -.5 || none != 0 {
		t.Errorf("%.2f, %.2f and %.2f", good, bad, none)
	}
	if tone("not good") >= 0 || tone(strings.Repeat("unacceptable ", 10_000)) < -1 {
		t.Error("a denial counts for nothing, or the scale ends nowhere")
	}
}

func TestExecutive(t *testing.T) {
	for title, want := range map[string]bool{"Chief Financial Officer": true, "CFO, Acme": true, "Head of Purchasing": true, "Support engineer": false, "": false, "Geschäftsführer": true} {
		if Executive(title) != want {
			t.Errorf("%q: %v", title, !want)
		}
	}
}

// What others write breaks nothing, and each span lies in what was asked for.
func FuzzAlarms(f *testing.F) {
	for _, seed := range []string{"This is unacceptable.", "cancel … order", "art. 15", "not\nurgent", "\xff zum dritten mal"} {
		f.Add(seed, 2, 30)
	}
	f.Fuzz(func(t *testing.T, text string, start, end int) {
		within := []Span{{start, end}}
		last := 0
		for _, found := range Alarms(text, within) {
			if found.Start < last || found.Start < start || found.End > end || found.End <= found.Start || text[found.Start:found.End] != found.Quote {
				t.Fatalf("%+v in %q", found, text)
			}
			last = found.End
		}
		if tone := Tone(text, within); tone < -1 || tone > 1 {
			t.Fatalf("tone %f", tone)
		}
	})
}
