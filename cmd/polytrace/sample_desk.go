package main

import (
	"time"

	"polytrace/casework"
	"polytrace/message"
)

// sampleQueues are the queues that the sample company's mail comes through, with their formats. Mail of the last one
// becomes requests.
var sampleQueues = []struct{ Name, Format string }{
	{"exchange", message.FormatExchange},
	{"postfix", message.FormatPostfix},
	{sampleIntake, message.FormatPostfix},
}

const sampleIntake = "support"

// sampleStep is something that somebody of the sample company decides.
type sampleStep struct {
	Actor string
	Do    casework.Command
}

// samplePeople are those who work with the demo. Who opens it is Marta.
func samplePeople() (all []sampleStep) {
	for _, u := range []casework.AddUser{
		{Name: "kim", FullName: "Kim Berg", Roles: []casework.Role{casework.Specialist}},
		{Name: "marta", FullName: "Marta Olsen", Roles: []casework.Role{casework.Manager, casework.Admin}},
		{Name: "pilar", FullName: "Pilar Montesverdes", Roles: []casework.Role{casework.Specialist}},
		{Name: "theo", FullName: "Theo Brandlight", Roles: []casework.Role{casework.Specialist}},
	} {
		all = append(all, sampleStep{casework.System, u})
	}
	return all
}

// sampleDesk is how the work is set up, before any mail comes: day is today.
func sampleDesk(day time.Time) (all []sampleStep) {
	for _, c := range []casework.Command{
		casework.SetCompany{Own: []string{sampleDomain}},
		casework.SetCalendar{Name: "office", Zone: "Europe/Amsterdam", Hours: sampleHours()},
		casework.SetPolicy{Name: "standard", Policy: casework.Policy{
			Calendar: "office", PauseOn: []casework.PauseCause{casework.PauseWaiting, casework.PauseSnoozed},
			Targets: []casework.Targets{
				{Severity: 1, First: casework.Target{Minutes: 60, Wall: true}, Next: casework.Target{Minutes: 4 * 60, Wall: true}},
				{Severity: 2, First: casework.Target{Minutes: 4 * 60, Wall: true}, Next: casework.Target{Minutes: 10 * 60}},
				{First: casework.Target{Minutes: 10 * 60}, Next: casework.Target{Minutes: 20 * 60}},
			},
		}, From: day.AddDate(0, 0, -30), Reason: "What our contracts promise."},
		casework.SetTeam{Team: casework.Team{Name: "support", Title: "Support", Members: []string{"kim", "pilar"}, ReturnMinutes: 8 * 60}},
		casework.SetTeam{Team: casework.Team{Name: "billing", Title: "Billing & contracts", Members: []string{"marta", "theo"}, ReturnMinutes: 20 * 60}},
		casework.SetRules{Rules: casework.RuleSet{Zone: "Europe/Amsterdam", Rules: sampleRules()}},
		casework.SetIntake{Queues: []string{sampleIntake}},
		casework.SetReferences{Rules: casework.ReferenceRules{Systems: []casework.ReferenceSystem{
			{Name: "Helpdesk", Pattern: `\bHD-(?P<id>[0-9]+)\b`, URL: "https://helpdesk.contoso.example/{id}"},
			{Name: "RMA", Pattern: `\bRMA-(?P<id>[0-9]{4})\b`},
		}}},
		casework.SetExtract{Extract: casework.Extract{Name: sampleFirmware, Label: "Firmware version", Kind: casework.VersionExtract,
			Pattern: `(?i)\bfirmware (?P<version>[0-9]+\.[0-9]+(?:\.[0-9]+)?)`, Where: []casework.Where{casework.InText, casework.InFiles}}},
		casework.SetContact{Account: "acme", Address: "imelda.castellan@acme.example", Name: "Imelda Castellan", Title: "Chief Financial Officer", Role: "decides about the contract", Key: true},
		casework.SetContact{Account: "acme", Address: "dana.whitlock@acme.example", Name: "Dana Whitlock", Title: "Director of Operations", Role: "runs Plant 2", Key: true},
		casework.SetContact{Account: "acme", Address: "rolf.okonjo-beck@acme.example", Name: "Rolf Okonjo-Beck", Title: "Controls & Maintenance", Role: "tests our firmware"},
		casework.SetContact{Account: "obrien", Address: "fionn@obrien-logistics.example", Name: "Fionn O'Brien-Tully", Role: "buys, and has the say in Cork", Key: true},
	} {
		all = append(all, sampleStep{"marta", c})
	}
	return all
}

const sampleFirmware = "firmware"

func sampleHours() casework.Hours {
	day := []casework.Shift{{"08:00", "18:00"}}
	return casework.Hours{Mon: day, Tue: day, Wed: day, Thu: day, Fri: day}
}

// sampleRules say where new mail of the support mailbox goes.
func sampleRules() []casework.Rule {
	return []casework.Rule{
		{ID: "german", Name: "German", GoOn: true,
			Conditions: []casework.Condition{{Field: casework.FieldLanguage, Values: []string{"de"}}},
			Actions:    casework.RuleActions{Tags: []string{"german"}}},
		{ID: "outage", Name: "A line stands still",
			Conditions: []casework.Condition{
				{Field: casework.FieldAccount, Not: true, Values: []string{casework.NoAccount}},
				{Field: casework.FieldBody, Values: []string{"stopped", "stands still", "outage"}}},
			Actions: casework.RuleActions{Team: "support", Severity: 2, Tags: []string{"outage"}, Notify: []string{"marta", "team:support"}, Note: "A line stands still: call back first, write later."}},
		{ID: "contracts", Name: "Contracts and invoices",
			Conditions: []casework.Condition{{Field: casework.FieldSubject, Values: []string{"agreement", "contract", "invoice", "Vertrag", "facture"}}},
			Actions:    casework.RuleActions{Team: "billing", Tags: []string{"contract"}, Due: &casework.RuleDue{Label: "Answer about the contract", Hours: 20, Calendar: "office"}}},
		{ID: "customers", Name: "Everything else of a customer",
			Conditions: []casework.Condition{{Field: casework.FieldAccount, Not: true, Values: []string{casework.NoAccount}}},
			Actions:    casework.RuleActions{Team: "support"}},
	}
}

// sampleRequest is what became of a message of the support mailbox: the subject that its request has as its title, where
// the rules put it, and what people decide about it then.
type sampleRequest struct {
	Title, Team, Exception string
	Severity               int
	Tags                   []string
	Steps                  func(number int) []sampleStep // nil: it waits.
	Pins                   []samplePin
}

// sampleRequests are what comes in while the demo is set up, in the order of sample/requests.txt.
func sampleRequests(now time.Time) []sampleRequest {
	tags := func(tags ...string) *[]string { return &tags }
	return []sampleRequest{
		{Title: "Certificat d'étalonnage pour la sonde de la cuve 6", Team: "support", Severity: 3},
		{Title: "RE: Service agreement for Plant 2: renewal", Team: "billing", Severity: 3, Tags: []string{"contract"},
			Steps: func(n int) []sampleStep {
				return []sampleStep{
					{"theo", casework.ClaimCase{Case: n}},
					{"theo", casework.SnoozeCase{Case: n, Until: now.AddDate(0, 0, 5).Truncate(time.Hour), Reason: "Their purchasing department meets next week."}},
				}
			},
			Pins: []samplePin{{"theo", "Service agreement Plant 2 v2.docx", "The version that both sides mean: two hours for an outage."}}},
		{Title: "Vertrag zur Auftragsverarbeitung: Liste der Unterauftragsverarbeiter", Team: "billing", Severity: 3, Tags: []string{"contract", "german"}},
		{Title: "Line 3 has stopped: gateway does not come back", Team: "support", Severity: 2, Tags: []string{"outage"}},
		{Title: "door 9 this time", Team: "support", Severity: 3,
			Steps: func(n int) []sampleStep {
				return []sampleStep{
					{"kim", casework.ClaimCase{Case: n}},
					{"kim", casework.ChangeCase{Case: n, Tags: tags("cold store", "plug")}},
				}
			}},
		{Title: "Sensors for a fish market", Severity: 3, Exception: casework.ExceptionUnknown},
		{Title: "New sensors for MS Nordlys II", Team: "support", Severity: 3},
	}
}
