package webui

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"polytrace/archive"
	"polytrace/casework"
)

// answered is a case of an account whose people were asked before, in the mail of the case and in other mail.
func answered(f *fixture) (at []archive.Address) {
	f.users()
	f.do(casework.SetCompany{Own: []string{"northwind.example"}})
	f.do(casework.OpenAccount{ID: "acme", Name: "Acme GmbH"})
	f.do(casework.MapIdentifier{Account: "acme", Identifier: "acme.example"})
	for _, x := range [][3]string{
		{"kim@northwind.example", "jane@acme.example", "Subject: Gateways\nDate: Tue, 3 Mar 2026 08:00:00 +0000\nMessage-ID: <a1@northwind.example>\n\nWhich cable is connected to port 2?"},
		{"Jane Doe <jane@acme.example>", "kim@northwind.example", "Subject: Re: Gateways\nDate: Tue, 3 Mar 2026 09:00:00 +0000\nMessage-ID: <a2@acme.example>\nIn-Reply-To: <a1@northwind.example>\n\nA shielded one. The gateways run firmware 4.2.\n\nOn Tue, Kim wrote:\n> Which cable is connected to port 2? Firmware 9.9?"},
		{"Jane Doe <jane@acme.example>", "support@northwind.example", "Subject: Offline\nDate: Mon, 2 Nov 2026 09:00:00 +0000\nMessage-ID: <b1@acme.example>\n\nThey are offline again."},
	} {
		at = append(at, f.mail("From: "+x[0]+"\nTo: "+x[1]+"\n"+x[2]+"\n"))
	}
	f.do(casework.OpenCase{Title: "Offline", Account: "acme", Owner: "manager", Messages: []casework.Named{{Record: at[2], SHA256: f.digest(at[2])}}})
	return at
}

// Before somebody asks the customer again, the page says what they told us, when, and in which message; nothing is kept.
func TestAC11_TheSuggestionCitesTheEarlierMessage(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	at := answered(f)
	b := f.as("agent")
	before := f.archive.Next(archive.Ledger)
	r := b.post("/cases/101/told", url.Values{"text": {"Hi Jane, which firmware version do the gateways run?"}})
	if text := tells(r.body); r.code != http.StatusOK || !strings.Contains(text, "They already told us: firmware 4.2 Version unconfirmed (3 Mar) 3 Mar · Jane Doe") || strings.Contains(text, "9.9") {
		t.Errorf("%d: %s", r.code, text)
	}
	if !strings.Contains(r.body, `>Hi Jane, which firmware version do the gateways run?</textarea>`) || !strings.Contains(r.body, `href="`+recordPath(at[1])+`"`) {
		t.Error("the page lacks what was typed, or where it stands")
	}
	ask := url.Values{"text": {"What cable is connected to port 2?"}, "to": {"manager"}, "revision": {"1"}}
	if text := tells(b.post("/cases/101/told", ask).body); !strings.Contains(text, "A shielded one. when we asked “Which cable is connected to port 2?” (3 Mar)") {
		t.Errorf("of a question: %s", text)
	}
	if text := tells(b.post("/cases/101/told", url.Values{"text": {"When can we call you?"}}).body); !strings.Contains(text, "Nothing like it was found. 3 messages were looked through") {
		t.Errorf("of what nobody said: %s", text)
	}
	got := tell[toldOut](f.program(casework.Agent), http.StatusCreated, "POST", "/cases/101/told", map[string]any{"question": "Which firmware do you run?"})
	if len(got.Told) != 1 || got.Told[0].Text != "firmware 4.2" || *got.Told[0].Sources[0].Record != at[1] || got.Read != 3 {
		t.Errorf("over the API: %+v", got)
	}
	if n := f.archive.Next(archive.Ledger); n != before+1 { // The token.
		t.Errorf("%d decisions were made", n-before)
	}
}
