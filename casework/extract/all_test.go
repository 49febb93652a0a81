package extract

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"polytrace/message"
)

// mail is a message of Jane Doe with a body.
func mail(body string) *message.Message {
	return message.Parse([]byte("From: Jane Doe <jane.doe@contoso.example>\r\nTo: kim@fabrikam.example\r\nDate: Wed, 18 Nov 2026 10:30:00 +0100\r\nSubject: Pump\r\n" +
		"Content-Type: text/plain; charset=utf-8\r\n\r\n" + strings.ReplaceAll(body, "\n", "\r\n")))
}

// all is what a message says when its dates are counted from its Date.
func all(m *message.Message) []Proposal { return All(m.Text(), m.From, Reference{Sent: m.Date}) }

func TestEX1_AllIsProposedWithItsQuote(t *testing.T) {
	m := mail("Hello Kim,\n\nI'll send the report for ticket #4711 by Friday.\nCould you confirm the amount of 20,50 EUR?\nThe pump is fixed.\n\nBest regards,\nJane Doe\nHead of Purchasing\nContoso Ltd.\n")
	body := m.Text().Body
	var got []string
	for _, p := range all(m) {
		if _, err := json.Marshal(p); err != nil || p.Quote != body[p.Start:p.End] || p.Version != Version || p.Part != m.Text().Part || p.Score <= 0 || p.Score > 1 {
			t.Errorf("%+v", p)
		}
		got = append(got, fmt.Sprintf("%s %s", p.Kind, strings.Split(p.Quote, "\n")[0]))
	}
	want := []string{"promise I'll send the report for ticket #4711 by Friday.", "detail 4711", "date by Friday", "request Could you confirm the amount of 20,50 EUR?", "detail 20,50 EUR", "discharge The pump is fixed.", "person Best regards,"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for _, p := range all(m) {
		if w, ok := p.Value.(When); p.Kind == DateKind && (!ok || !w.Due().Equal(time.Date(2026, 11, 20, 23, 0, 0, 0, time.UTC))) {
			t.Errorf("%+v", p.Value)
		}
	}
}

// Without any time, only dates that need none are told.
func TestEX1_WithoutATimeNothingIsCountedFromOne(t *testing.T) {
	m := message.Parse([]byte("From: jane.doe@contoso.example\r\n\r\nWe meet tomorrow, on 24 November or on 24 November 2026.\r\n"))
	var got []string
	for _, p := range all(m) {
		got = append(got, p.Quote)
	}
	if !slices.Equal(got, []string{"24 November 2026"}) {
		t.Errorf("got %q", got)
	}
}

// What is quoted, forwarded or signed adds nothing to what the author says,
// and takes nothing from it.
func TestInvariant12_OnlyAuthorZones(t *testing.T) {
	says := []string{
		"I'll send the report by Friday.", "Could you call me on 24 November?", "The invoice is RE-88123, invoice no. 4711.", "Attached is the log.", "We will refund 20 EUR within two business days.",
		"Thank you for the call.", "Wir melden uns bis morgen.", "See https://contoso.example/x for more.", "It is 03/04/2026 or so.",
	}
	quotes := []string{
		"> I'll pay 99 USD by 01/13/2027.\n> Please confirm tomorrow.", "> Anbei die Rechnung Nr. 99887.\n>> Done.", "On 1 Dec 2026, Kim wrote:\n> We will ship it on Monday.",
	}
	ends := []string{
		"-- \nJane Doe\nI'll be back on Monday, tel. +49 30 1234567\n", "Best regards,\nJane Doe\nPlease call +49 30 1234567 by Friday\n", "Mit freundlichen Grüßen\n\nJane Doe\nBitte rufen Sie morgen an\n",
		"-----Original Message-----\nFrom: Kim\nSent: Monday\nTo: Jane\nSubject: Pump\n\nI will send 300 EUR by Friday. Done.\n", "---------- Forwarded message ---------\nFrom: Kim\n\nPlease send it by 24.11.2026.\n",
	}
	rapid.Check(t, func(t *rapid.T) {
		paragraphs := rapid.SliceOfN(rapid.SampledFrom(says), 1, 5).Draw(t, "paragraphs")
		plain := strings.Join(paragraphs, "\n\n") + "\n"
		var mixed strings.Builder
		for _, p := range paragraphs {
			if rapid.Bool().Draw(t, "quote") {
				mixed.WriteString(rapid.SampledFrom(quotes).Draw(t, "quoted") + "\n\n")
			}
			mixed.WriteString(p + "\n\n")
		}
		if rapid.Bool().Draw(t, "end") {
			mixed.WriteString(rapid.SampledFrom(ends).Draw(t, "ended"))
		}
		if got, want := said(mixed.String()), said(plain); !slices.Equal(got, want) {
			t.Fatalf("%s\ngot  %q\nwant %q", mixed.String(), got, want)
		}
	})
}

// said lists what is proposed of a body, but for who signed it.
func said(body string) (words []string) {
	for _, p := range all(mail(body)) {
		if p.Kind != PersonKind {
			words = append(words, fmt.Sprintln(p.Kind, p.Quote, p.Rule, p.Score))
		}
	}
	return words
}

// Each text is one that would take a time that grows faster than its length,
// if a rule looked farther than it may.
func TestHostileTextIsReadInLinearTime(t *testing.T) {
	const n = 128 << 10
	for _, s := range []string{
		"the ", "in ", "by ", "end of ", "(", "24.", "24 ", "1,", "https://(", "+1 ", "next ", "monday, ", "a.b.", "i will ", "please ", "\n", "\n\n", "x", "ticket ", "24-", "late ", "1:11 ", "tomorrow by friday ",
		"thanks\n", "ß", "\xff", "serial # is ", "regards\na\n", "ich werde ", "> a\nb\n", "I'll hope i might promise by friday ", "day after ", "week of ", "wird ", "once every ", ", but will ",
	} {
		text := strings.Repeat(s, n/len(s))
		for _, p := range all(mail(text)) {
			if len(p.Quote) > 2*maxBlock && p.Kind != PersonKind {
				t.Errorf("%q: a %s of %d bytes", s, p.Kind, len(p.Quote))
			}
		}
	}
}

func TestAuthorEndsWhereTheSignatureBegins(t *testing.T) {
	for body, want := range map[string]string{
		"Hello.\n\nBest regards\nJane Doe\n":                   "Hello.\n\n",
		"Hello.\n\nThanks,\nJane":                              "Hello.\n\n",
		"Thanks!\n\nI'll send it by Friday.\n":                 "Thanks!\n\nI'll send it by Friday.\n",
		"Hello.\n\nThanks,\njane\n":                            "Hello.\n\n",
		"Thanks\n":                                             "Thanks\n",
		"Thanks.\n" + strings.Repeat("It works.\n", 12):        "Thanks.\n" + strings.Repeat("It works.\n", 12),
		"Thanks\n" + strings.Repeat("It works well. ", 10):     "Thanks\n" + strings.Repeat("It works well. ", 10),
		"Hello.\n> quoted\nYes.\n-- \nJane Doe\n":              "Hello.\n|Yes.\n",
		"Hello.\n\nVG\n\nJane Doe\nContoso GmbH\n> quoted\n\n": "Hello.\n\n",
	} {
		text := mail(body).Text()
		var got []string
		for _, s := range Author(text) {
			got = append(got, text.Body[s.Start:s.End])
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%q: the author wrote %q, want %q", body, got, want)
		}
	}
}
