package casework

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// talk is what we asked, what the customer wrote then, and what somebody is about to ask.
type talk struct{ asked, answered, asks string }

// repeated are questions that the customer has answered before.
var repeated = []talk{
	{"Which firmware do the gateways run?", "They run 4.2 since March.", "Could you tell us the firmware version of your gateways?"},
	{"Hi Jane,\ncould you please send us the serial number of the pump?", "Sure, it is KX-20933-B.", "What is the serial number of the pump?"},
	{"How many gateways are affected?", "14 of them, all in hall two.", "How many of your gateways are affected by this?"},
	{"When did the outage begin?", "It began on Monday at 6 in the morning.", "When exactly did the outage begin?"},
	{"Since when are the devices offline?", "Since Sunday night.", "When did the devices go offline?"},
	{"Where are the sensors installed?", "In our plant in Bremen, hall 3.", "At which site are the sensors installed?"},
	{"Who is your contact person for the network?", "That would be Maria Olsen.", "Who is the contact for your network?"},
	{"Which operating system is on the server?", "Debian 12.", "What operating system does the server have?"},
	{"What is your order number?", "PO 4500123.", "Please send us the order number again."},
	{"Thanks for your message. Which error does the display show? Also, did you restart it?", "The display shows E-417. We restarted it twice.", "What error is shown on the display?"},
	{"Did you restart the controller after the update?", "Yes, we restarted the controller twice.", "Have you restarted the controller since the update?"},
	{"Is the firewall between the two networks?", "No, the firewall is behind both of them.", "Is there a firewall between the networks?"},
	{"Why did you roll back the update?", "Because the login page was empty after the update.", "Why was the update rolled back?"},
	{"Which browser do your colleagues use?", "Firefox, all of them.", "Which browser do you use?"},
	{"What is the maximum temperature in the cabinet?", "About 58 degrees in the cabinet.", "What temperature does the cabinet reach at most?"},
	{"How long does the backup take?", "Four hours each night.", "How long does your backup take?"},
	{"Please let us know the invoice number.", "Invoice 2026-117.", "Which invoice number is it?"},
	{"Could you tell me which cable is connected to port 2?", "A shielded one, Cat 6.", "Which cable is connected to port 2?"},
	{"Welche Firmware läuft auf den Gateways?", "Auf allen läuft 4.2.", "Welcher Firmwarestand ist auf den Gateways?"},
	{"Bitte nennen Sie uns die Seriennummer.", "Die lautet 7731-AC.", "Wie lautet die Seriennummer?"},
	{"Wie viele Geräte sind betroffen?", "Es sind elf, also 11 Geräte.", "Wie viele Geräte sind davon betroffen?"},
	{"Seit wann besteht das Problem?", "Seit gestern Abend.", "Wann ist das Problem aufgetreten?"},
	{"Wer ist bei Ihnen der Ansprechpartner für die Netzwerktechnik?", "Das ist Frau Petersen.", "Wer ist der Ansprechpartner für Netzwerktechnik?"},
	{"An welchem Standort steht die Anlage?", "Sie steht in Kiel.", "Wo steht die Anlage?"},
	{"Können Sie uns bitte die Bestellnummer schicken?", "Die Bestellnummer ist 88123.", "Welche Bestellnummer hat der Auftrag?"},
	{"Haben Sie den Router neu gestartet?", "Ja, den Router haben wir gestern neu gestartet.", "Wurde der Router schon neu gestartet?"},
	{"Which license do you have?", "The enterprise license with 50 seats.", "What license do you have, please?"},
	{"Hello,\n\nwhich interface does the scanner use? Kind regards, Kim", "Hello Kim,\n\nit uses the serial interface on the back, RS-232.\n\nRegards\nJane", "Which interface is used by the scanner?"},
	{"What is the telephone number of your site office?", "You reach them at +49 421 555 0123.", "What is the phone number of the site office?"},
	{"Warum wurde der Dienst angehalten?", "Der Dienst wurde angehalten, weil die Platte voll war.", "Warum haben Sie den Dienst angehalten?"},
}

// decoys are questions that nobody has answered, however alike something looks.
var decoys = []talk{
	{"Which firmware do the gateways run?", "I will check and get back to you.", "Which firmware do the gateways run?"},
	{"Could you send us the serial number?", "I don't know where it stands, sorry.", "What is the serial number?"},
	{"When did the outage begin?", "It began on Monday.", "Why did the outage begin?"},
	{"Which firmware do the gateways run?", "They run 4.2.", "When did you install the firmware on the gateways?"},
	{"How many gateways are affected?", "14 of them.", "Which gateways are affected?"},
	{"Where are the sensors installed?", "In Bremen.", "Who installed the sensors?"},
	{"Who is your contact person for the network?", "Maria Olsen.", "Who signed the purchase order?"},
	{"Which error does the display show?", "E-417.", "Which firmware does the display have?"},
	{"Did you restart the controller?", "Yes, twice.", "Did you replace the battery?"},
	{"What is your order number?", "PO 4500123.", "What is your invoice number?"},
	{"Which browser do you use?", "Firefox.", "Which antivirus do you use?"},
	{"How long does the backup take?", "Four hours.", "How long was the line down?"},
	{"Is there a firewall?", "No.", "Is the switch managed?"},
	{"What is the temperature in the cabinet?", "58 degrees.", "What is the humidity in the hall?"},
	{"When can our engineer visit?", "Friday at ten.", "When was the pump replaced?"},
	{"Please let us know the invoice number.", "We have to ask our accounting.", "Please let us know the invoice number."},
	{"Which cable is connected to port 2?", "Cat 6.", "Which device is connected to port 7 of the other switch?"},
	{"What does the log say?", "Nothing special.", "What is the name of the database?"},
	{"Welche Firmware läuft auf den Gateways?", "Das muss ich nachsehen.", "Welche Firmware läuft auf den Gateways?"},
	{"Wie viele Geräte sind betroffen?", "Elf Geräte.", "Welche Geräte wurden getauscht?"},
	{"Seit wann besteht das Problem?", "Seit gestern.", "Warum besteht das Problem?"},
	{"Wer ist der Ansprechpartner?", "Frau Petersen.", "Wer hat das Netzteil bestellt?"},
	{"An welchem Standort steht die Anlage?", "In Kiel.", "Wie alt ist die Anlage?"},
	{"Haben Sie den Router neu gestartet?", "Ja.", "Haben Sie das Kabel geprüft?"},
	{"Wie lautet die Seriennummer?", "Ich melde mich morgen dazu.", "Wie lautet die Seriennummer?"},
	{"Which license do you have?", "The enterprise license.", "When does the contract end?"},
	{"Can we call you tomorrow?", "Yes, at nine.", "Can you upload the log files?"},
	{"Which port is blocked? And which proxy do you use?", "The proxy is squid 5.", "Which port is blocked?"},
	{"Why did you roll back?", "Because the page was empty.", "Which version did you roll back to?"},
	{"The new release is out. Shall we send it?", "Yes, please do.", "Which release notes should we translate?"},
}

// said is a talk as mail.
func (x talk) said() []Said {
	ours, theirs := saying(1, "", x.asked), saying(2, "Re:", x.answered)
	ours.Inbound, ours.Outbound = false, true
	return []Said{ours, theirs}
}

// Of planted questions those that were answered before are found, with the message that answered them, and hardly another.
func TestAC11_WhatWasAnsweredIsFound(t *testing.T) {
	if len(repeated) < 30 || len(decoys) < 30 {
		t.Fatalf("%d questions and %d decoys", len(repeated), len(decoys))
	}
	hit, wrong := 0, 0
	for _, x := range repeated {
		said := x.said()
		told := AlreadyTold(ToldInput{Question: x.asks, Said: said})
		if len(told) > 0 && *told[0].Sources[0].Record == said[1].Record && strings.Contains(strings.Join(strings.Fields(x.answered), " "), strings.TrimSuffix(told[0].Text, "…")) {
			hit++
		} else {
			t.Logf("missed: %q after %q", x.asks, x.asked)
		}
	}
	for _, x := range decoys {
		if told := AlreadyTold(ToldInput{Question: x.asks, Said: x.said()}); len(told) > 0 {
			wrong++
			t.Logf("wrong: %q for %q", told[0].Text, x.asks)
		}
	}
	precision, recall := float64(hit)/float64(hit+wrong), float64(hit)/float64(len(repeated))
	t.Logf("precision %.2f, recall %.2f", precision, recall)
	if precision < .9 || recall < .85 {
		t.Errorf("precision %.2f, recall %.2f", precision, recall)
	}
}

// Details and facts that are known are told with where they stand; those of another kind, that we wrote ourselves, or that
// somebody rejected, are not.
func TestAC11_KnownFactsAreTold(t *testing.T) {
	o := withCase(t)
	o.as("kim", StateFact{Case: 101, Text: "The gateways stand in Bremen, hall 3.", Cites: []int{1}, Accepted: true}, StateFact{Case: 101, Text: "The gateways stand in Kiel."})
	theirs, ours := saying(1, "", "We run firmware 4.2 on S/N 1234-AB, contract CT-12 until 3 March 2027."), saying(2, "", "Is it 5.0?")
	ours.Inbound, ours.Outbound = false, true
	found := func(m Said, extract, label, name, value string, kind ExtractKind, status ExtractStatus) Found {
		return Found{Hit: Hit{Extract: extract, Name: name, Value: value, Place: Place{Record: m.Record, SHA256: m.SHA256, Said: m.At}}, Label: label, Kind: kind, Status: status}
	}
	in := ToldInput{Cases: []Case{o.theCase(101)}, Said: []Said{theirs, ours}, Found: []Found{
		found(theirs, "detail.version", "Version", "firmware", "4.2", VersionExtract, ExtractPending), found(ours, "detail.version", "Version", "version", "5.0", VersionExtract, ExtractPending),
		found(theirs, "detail.version", "Version", "version", "4.3", VersionExtract, ExtractRejected), found(theirs, "detail.serial", "Serial number", "serial", "1234-AB", TextExtract, ExtractConfirmed),
		found(theirs, "contract", "Contract", "", "CT-12", TextExtract, ExtractConfirmed), found(theirs, "ends", "Contract end", "", "2027-03-03", DateExtract, ExtractConfirmed),
	}}
	for question, want := range map[string][]string{
		"Which firmware do you run?":                         {"Version: firmware 4.2 (pending) mail/1"},
		"Please send us the serial number and your version.": {"Serial number: serial 1234-AB (confirmed) mail/1", "Version: firmware 4.2 (pending) mail/1"},
		"What is your contract number?":                      {"Contract: CT-12 (confirmed) mail/1"},
		"When does the contract end?":                        {"Contract end: 2027-03-03 (confirmed) mail/1"},
		"Where do the gateways stand?":                       {"A fact: The gateways stand in Bremen, hall 3. () C-101:1"},
		"Why does the firmware fail?":                        nil,
		"Who is your contact?":                               nil,
		"":                                                   nil,
		"Hello?":                                             nil,
	} {
		in.Question = question
		var got []string
		for _, x := range AlreadyTold(in) {
			at := ""
			if s := x.Sources[0]; s.Record != nil {
				at = s.Record.String()
			} else {
				at = fmt.Sprintf("C-%d:%d", s.Case, s.Citation)
			}
			got = append(got, fmt.Sprintf("%s: %s (%s) %s", x.What, x.Text, x.Status, at))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", question, got, want)
		}
	}
}

// What an automatic answer says, what stands in another conversation, and what came before we asked, is no answer.
func TestAC11_OnlyAPersonsReplyIsAnAnswer(t *testing.T) {
	x := repeated[0]
	for what, change := range map[string]func([]Said) []Said{
		"automatic": func(s []Said) []Said { s[1].Human = false; return s },
		"another":   func(s []Said) []Said { s[1].Thread = "mail-9"; return s },
		"before":    func(s []Said) []Said { slices.Reverse(s); return s },
		"ours":      func(s []Said) []Said { s[1].Inbound, s[1].Outbound = false, true; return s },
		"not asked": func(s []Said) []Said { s[0].Human = false; return s },
	} {
		if told := AlreadyTold(ToldInput{Question: x.asks, Said: change(x.said())}); len(told) != 0 {
			t.Errorf("%s: %+v", what, told)
		}
	}
	long := x.said()
	for range 300 {
		long = append(long, x.said()...)
	}
	if told := AlreadyTold(ToldInput{Question: strings.Repeat(x.asks+" ", 50), Said: long}); len(told) == 0 || len(told) > maxTold || told[0].At.Before(start.Add(time.Hour)) {
		t.Errorf("%d things of 300 talks", len(told))
	}
}
