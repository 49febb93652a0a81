package extract

import (
	"strings"
	"testing"
)

// promisedCase is a sentence with what is promised in brackets; without brackets
// nothing is.
type promisedCase struct {
	text, want string // Who, then the marks: conditional, unsure; then due.
}

func (c promisedCase) check(t *testing.T) {
	t.Helper()
	text := strings.NewReplacer("[", "", "]", "").Replace(c.text)
	found := Promises(text, []Span{{0, len(text)}}, berlin(t))
	if !strings.Contains(c.text, "[") {
		if len(found) != 0 {
			t.Errorf("%q: found %q (%s)", text, found[0].Quote, found[0].Rule)
		}
		return
	}
	if len(found) != 1 {
		t.Errorf("%q: found %d promises", text, len(found))
		return
	}
	p := found[0].Value
	got := string(p.Who)
	if p.Conditional {
		got += " conditional"
	}
	if p.Unsure {
		got += " unsure"
	}
	if p.Due != nil {
		got += " " + say(*p.Due)
	}
	if got != c.want {
		t.Errorf("%q: %s: got %q, want %q", text, found[0].Rule, got, c.want)
	}
	start, end := strings.Index(c.text, "["), strings.Index(c.text, "]")-1
	if p.What.Start != start || p.What.End != end {
		t.Errorf("%q: %q is promised, want %q", text, text[p.What.Start:p.What.End], text[start:end])
	}
}

func TestAC3_PromisesAreFound(t *testing.T) {
	for _, c := range []promisedCase{
		{"I'll [send you the report] by Friday.", "i by 2026-11-20 day"},
		{"I’ll [send you the report] tomorrow.", "i 2026-11-19 day"},
		{"We will [ship the spare part] on 24 November.", "we 2026-11-24 day"},
		{"We will [have the firmware ready] by Friday.", "we by 2026-11-20 day"},
		{"We are going to [refund the invoice].", "we"},
		{"I'm going to [call Jane Doe] on Monday.", "i 2026-11-23 day"},
		{"You'll [get a new unit] by Tuesday.", "we by 2026-11-24 day"},
		{"You will [hear from us] by the end of the week.", "we by 2026-11-20 day"},
		{"We promise to [replace the pump].", "we"},
		{"I plan to [review the contract] next week.", "i unsure 2026-11-23..2026-11-30 week"},
		{"I'll try to [fix it] today.", "i unsure 2026-11-18 day"},
		{"Hopefully we'll [send it] tomorrow.", "we unsure 2026-11-19 day"},
		{"Once I hear back, I'll [update the ticket].", "i conditional"},
		{"I will [send it] if the customer agrees.", "i conditional"},
		{"I'll [let you know] when it arrives.", "i conditional"},
		{"I'll [check if the part is in stock].", "i"},
		{"I'll [get back to you] in two days.", "i 2026-11-20 day"},
		{"Let me [check the logs and get back to you].", "i"},
		{"[Leave it with me].", "i"},
		{"Will [send the quote] tomorrow.", "i 2026-11-19 day"},
		{"Kim will [send the invoice] by Monday.", "third unsure by 2026-11-23 day"},
		{"The part will [be shipped] by Monday.", "third by 2026-11-23 day"},
		{"I will be [sending the form] on Thursday.", "i 2026-11-19 day"},
		{"Otherwise we will [return the order].", "we conditional"},
		{"Sure, will [fix it].", "i"},
		{"I have not tested it yet, but will [do so] tomorrow.", "i 2026-11-19 day"},
		{"I'll [add it to the list], so if you have more, tell me.", "i"},
		{"Your order will [ship] on Monday.", "third 2026-11-23 day"},
		{"[Die Lieferung erfolgt] am 24.11.2026.", "third 2026-11-24 day"},
		{"[Die Pumpe wird] bis Freitag repariert.", "third by 2026-11-20 day"},
		{"Otherwise we will [have to look elsewhere].", "we conditional"},
		{"You should [receive it] within 3 business days.", "we unsure by 2026-11-18..2026-11-24 day"},
		{"As soon as I have the number, I'll [pass it on].", "i conditional"},
		{"Wir haben den Fehler gefunden und werden [ihn] bis Freitag beheben.", "we by 2026-11-20 day"},
		{"Der Techniker [kommt] am Montag.", "third unsure 2026-11-23 day"},
		{"Wir [melden uns] bis Freitag bei Ihnen.", "we by 2026-11-20 day"},
		{"Ich [schicke Ihnen das Angebot] morgen.", "i 2026-11-19 day"},
		{"Ich werde [die Rechnung] bis Montag prüfen.", "i by 2026-11-23 day"},
		{"Morgen senden wir [Ihnen das Ersatzteil].", "we 2026-11-19 day"},
		{"Sie [erhalten die Lieferung] bis Ende des Monats.", "we by 2026-11-30 day"},
		{"Sobald das Teil da ist, melde ich [mich].", "i conditional"},

		{"I sent the report on Friday.", ""},
		{"Will you send the report?", ""},
		{"I will never send that.", ""},
		{"I won't send that.", ""},
		{"I don't think I will send that.", ""},
		{"I do not know whether I will send that.", ""},
		{"This part turns the valve and will send the signal.", ""},
		{"I will not send that.", ""},
		{"We'll see.", ""},
		{"I'll be honest, it is late.", ""},
		{"The pump will stop when the tank is empty.", ""},
		{"Shall I send it tomorrow?", ""},
		{"If you do that we will get an error.", ""},
		{"I will need the serial number.", ""},
		{"Ich werde das nicht schicken.", ""},
		{"Können wir das morgen senden?", ""},
	} {
		c.check(t)
	}
}

func TestAC3_RequestsAreFound(t *testing.T) {
	for _, c := range []struct{ text, what, due string }{
		{"Could you send us the invoice by Friday?", "send us the invoice", "by 2026-11-20 day"},
		{"Can you please check the pump?", "check the pump", ""},
		{"Please confirm by tomorrow.", "confirm", "by 2026-11-19 day"},
		{"Please let me know if it works.", "let me know", ""},
		{"If it fails, please send the log.", "send the log", ""},
		{"Let us know what you need.", "let us know what you need", ""},
		{"We need the part by 24.11.2026.", "the part", "by 2026-11-24 day"},
		{"I would appreciate it if you could call me.", "call me", ""},
		{"Send me the form.", "send me the form", ""},
		{"Bitte schicken Sie uns die Rechnung bis Freitag.", "schicken sie uns die rechnung", "by 2026-11-20 day"},
		{"Könnten Sie das bitte prüfen?", "das bitte prüfen", ""},
		{"Wir bitten um Rückmeldung bis Montag.", "um rückmeldung", "by 2026-11-23 day"},
		{"Please find the form below.", "", ""},
		{"Please do not hesitate to call.", "", ""},
		{"As you can see, it works.", "", ""},
		{"We are pleased to help.", "", ""},
		{"Do whatever you please.", "", ""},
		{"Bitte schön!", "", ""},
	} {
		found := Requests(c.text, []Span{{0, len(c.text)}}, berlin(t))
		if c.what == "" {
			if len(found) != 0 {
				t.Errorf("%q: found %s", c.text, found[0].Rule)
			}
			continue
		}
		if len(found) != 1 {
			t.Errorf("%q: found %d requests", c.text, len(found))
			continue
		}
		r, due := found[0].Value, ""
		if r.Due != nil {
			due = say(*r.Due)
		}
		if what := strings.ToLower(c.text[r.What.Start:r.What.End]); what != c.what || due != c.due {
			t.Errorf("%q: asks for %q, %q", c.text, what, due)
		}
	}
}

func TestAC6_DischargeIsSuggested(t *testing.T) {
	for _, c := range []struct{ text, kind string }{
		{"Attached is the report.", "attached"},
		{"Please find attached the invoice.", "attached"},
		{"I have attached the log.", "attached"},
		{"Here is the report you asked for.", "attached"},
		{"Done.", "done"},
		{"This is fixed in 4.2.", "fixed"},
		{"Fixed in version 4.2.", "fixed"},
		{"The pump has been shipped today.", "sent"},
		{"I just sent the form.", "sent"},
		{"We have refunded the amount.", "sent"},
		{"Anbei die Rechnung.", "attached"},
		{"Im Anhang finden Sie das Angebot.", "attached"},
		{"Der Fehler ist behoben.", "fixed"},
		{"Wir haben das Ersatzteil heute verschickt.", "sent"},
		{"It is not fixed.", ""},
		{"It should be fixed by Friday.", ""},
		{"Is it done?", ""},
		{"Das ist noch nicht erledigt.", ""},
		{"Once it is done, call us.", ""},
	} {
		found := Discharges(c.text, []Span{{0, len(c.text)}}, "", berlin(t))
		got := ""
		if len(found) > 0 {
			got = found[0].Value.Kind
		}
		if got != c.kind {
			t.Errorf("%q: %q, want %q", c.text, got, c.kind)
		}
	}
	// The sentence with the words of the promise is the better suggestion.
	text := "Attached is the test report for the pump. Attached is a picture of my cat."
	found := Discharges(text, []Span{{0, len(text)}}, "send the test report", berlin(t))
	if len(found) != 2 || found[0].Value.Match != 1 || found[0].Score <= found[1].Score {
		t.Errorf("got %+v", found)
	}
}
