package main

import "polytrace/casework"

// sampleCases are what the people of the sample company work on. Quotes are
// words of the blocks named, in sample/*.txt; a test finds each of them.
func sampleCases() []sampleCase {
	return []sampleCase{sampleAcme(), sampleHalvorsen(), sampleKitano(), sampleDoor(), sampleDepot()}
}

// sampleID is the Message-ID of a block written in Outlook.
func sampleID(block string) string { return sampleMessageID(block, "outlook", "") }

func sampleAcme() sampleCase {
	return sampleCase{
		Title: "Second batch of PO-7741 late, root cause promised and missed", Account: "acme", Owner: "marta", Team: "support",
		Severity: 1, Status: casework.Open,
		Citations: []sampleCitation{
			{sampleID("acme-01"), "Our purchase order PO-7741 has a second batch of 120 NW-G40 gateways due at Plant 2", "What was ordered, and where it all began."},
			{sampleID("acme-10"), "You will have the root cause from us by Friday, and with it a firm date for the second batch.", "The promise. It was given before firmware was asked."},
			{sampleMessageID("acme-12", "apple", sampleDomain), "Friday is your date, not mine: I would not have promised it.", "Internal: known the day before that it would not hold."},
			{sampleID("acme-13"), "Friday came and went without a word from you.", "The customer notices before we do."},
			{sampleID("acme-15"), "I want one person who owns this, a date that holds, and an answer to whether the 80 units we run are safe.", "The escalation, and what would end it."},
			{sampleID("acme-20"), "If the second batch slips again we will cancel the remainder of PO-7741 and look for another supplier.", "The CFO joins. 18,400 dollars a day."},
			{sampleID("acme-22"), "Firmware 4.2.1 can hold the lock of the flash memory for longer than the watchdog allows when the uplink has been down for more than 90 seconds.", "The root cause, a week late."},
			{sampleMessageID("acme-25", "gmail", "acme.example"), "six gateways, two nights of switch patching, zero restarts.", "The fix holds at the customer's plant."},
			{sampleID("acme-29"), "Agreed on all three points.", "Credit note, air freight, longer warranty."},
			{sampleID("acme-33"), "Please keep the file open until the audit is through, then we can close it.", "What is still open."},
		},
		Notes: []sampleNote{
			{"We promised the root cause by Friday without asking firmware, and then nobody kept it: Kim was away and had handed nothing over. Dana had to ask.", []int{1, 2, 3}},
			{"Dana wants three things: one owner, a date that holds, and an answer about the 80 units in production.", []int{4}},
			{"The order is at risk. The CFO names the condition, one more slip, and a figure.", []int{5}},
			{"Cause found and fixed in 4.2.3. Rolf confirmed it with six gateways before we shipped the batch.", []int{6, 7}},
			{"I hear that a competitor visited Plant 2 last month. Ask Theo.", nil},
			{"Compensation is agreed. The case stays open until their audit is through.", []int{8, 9}},
		},
		Statements: []sampleStatement{
			{Kind: "issues", In: map[string]any{"title": "Gateways restart when the uplink is down"}},
			{Kind: "issues", In: map[string]any{"title": "The second batch of PO-7741 is late"}},
			{Kind: "facts", In: map[string]any{"text": "Firmware 4.2.1 can hold the lock of the flash memory longer than the watchdog allows.", "issue": 1, "accepted": true}, Cites: []int{6}},
			{Kind: "facts", In: map[string]any{"text": "With 4.2.3 six gateways ran for two nights without a restart.", "issue": 1, "accepted": true}, Cites: []int{7}},
			{Kind: "facts", In: map[string]any{"text": "One more slip and Acme cancels the rest of the order.", "issue": 2, "accepted": true}, Cites: []int{5}},
			{Kind: "facts", In: map[string]any{"text": "A competitor visited Plant 2.", "issue": 2}},
			{Kind: "issues/1", In: map[string]any{"state": "solved", "reason": "firmware 4.2.3"}},
			{Kind: "commitments", In: map[string]any{"what": "Root cause of the restarts, and a firm date", "debtor": map[string]any{"user": "kim"}}, Cites: []int{1}, Due: new(-56)},
			{Kind: "commitments/1/end", In: map[string]any{"how": "met"}, Cites: []int{6}, Ended: new(-49)},
			{Kind: "commitments", In: map[string]any{"what": "Tell when the audit is through", "direction": "theirs"}, Cites: []int{9}, Due: new(14)},
			{Kind: "decisions", In: map[string]any{"text": "Credit note, air freight and a longer warranty", "why": "The CFO named the condition under which they stay; it costs less than the rest of the order.", "alternatives": []string{"a discount on the next order"}}, Cites: []int{5, 8}},
			{Kind: "keydates", In: map[string]any{"label": "Audit at Plant 2", "kind": "meeting"}, Cites: []int{9}, Due: new(13)},
		},
		Pins:      []samplePin{{"marta", "8D-report-2231.pdf", "The root cause in writing: their auditor will ask for it."}},
		NoAnswer:  []string{sampleID("acme-33")},
		Confirmed: "4.2.1",
		Share:     &sampleShare{Title: "PO-7741: what happened and what was done", Citations: []int{0, 6, 7, 8}, Notes: []int{3}, Days: 30},
	}
}

func sampleHalvorsen() sampleCase {
	return sampleCase{
		Title: "NW-T12 reads too high in cold water (RMA-6120)", Account: "halvorsen", Owner: "kim", Team: "support",
		Severity: 2, Status: casework.WaitingCustomer,
		Citations: []sampleCitation{
			{sampleMessageID("halvorsen-01", "apple", "halvorsen-marine.example"), "about 0.3 degrees at 4 °C and up to 0.8 degrees close to zero", "What they see."},
			{sampleMessageID("halvorsen-09", "apple", sampleDomain), "Both sensors from batch 24 drift by 0.7 K at 0.5 °C", "Confirmed in the cold chamber."},
			{sampleID("halvorsen-12"), "We pay the diver hours, up to 2,400 euros, against the invoice of the diving company.", "Marta's word on the costs."},
			{sampleMessageID("halvorsen-16", "iphone", "halvorsen-marine.example"), "The last two sit on MS Havbris", "Ten of twelve are exchanged."},
			{sampleMessageID("halvorsen-18", "apple", "halvorsen-marine.example"), "You will have both from us as soon as we have them.", "We wait for serial numbers and the diver's invoice."},
		},
		Notes: []sampleNote{
			{"Batch 24 is off below 6 °C: the potting compound shrinks. Not firmware.", []int{0, 1}},
			{"When the invoice comes: it goes to Marta, up to 2,400 euros.", []int{2}},
			{"Two sensors left, both on MS Havbris.", []int{3, 4}},
		},
		NoAnswer: []string{sampleMessageID("halvorsen-18", "apple", "halvorsen-marine.example")},
		Statements: []sampleStatement{
			{Kind: "facts", In: map[string]any{"text": "Sensors of batch 24 read up to 0.8 degrees too high close to zero.", "accepted": true}, Cites: []int{0, 1}},
			{Kind: "commitments", In: map[string]any{"what": "Serial numbers and the invoice of the diver", "direction": "theirs"}, Cites: []int{4}, Due: new(-2)},
			{Kind: "commitments", In: map[string]any{"what": "Pay the diver, up to 2,400 euros", "debtor": map[string]any{"user": "marta"}}, Cites: []int{2}},
			{Kind: "handoffs", In: map[string]any{"kind": "permanent", "to": "marta", "pins": []string{"fact-1", "promise-2", "cite-4"}, "fields": map[string]string{
				"situation": "Ten of twelve sensors are exchanged. The last two sit on MS Havbris.", "next-step": "Pay the diver when the invoice comes, and book the last two.", "customer-expects": "unknown"}}},
			{Kind: "questions", In: map[string]any{"to": "marta", "text": "Are the 2,400 euros with VAT or without?"}},
		},
	}
}

func sampleKitano() sampleCase {
	return sampleCase{
		Title: "Calibration certificates with traceability for 24 NW-P30", Account: "kitano", Owner: "kim", Team: "support",
		Severity: 3, Status: casework.Resolved,
		Citations: []sampleCitation{
			{sampleMessageID("kitano-01", "becky", "kitano.example"), "当社の顧客から、国家標準へのトレーサビリティが明記された証明書を求められておりますが、添付の証明書にはその記載がございません。", "Their customer asks for traceability to a national standard in writing."},
			{sampleID("kitano-06"), "トレーサビリティを明記した証明書を24台分", "Haruka promises 24 certificates."},
			{sampleMessageID("kitano-11", "becky", "kitano.example"), "P30-0918 の証明書の校正日が納入日より後の日付になっております。", "One certificate had a wrong date."},
			{sampleMessageID("kitano-13", "becky", "kitano.example"), "受入検査に無事合格いたしました。", "Incoming inspection passed."},
		},
		Notes: []sampleNote{
			{"No sensor has to come back: the lab has all 24 records, they only have to be printed.", []int{1}},
			{"Corrected within one working day.", []int{2}},
			{"Done. From now on every delivery to Kitano gets the long certificate.", []int{0, 3}},
		},
	}
}

// sampleDoor was resolved: the request about door 9 is like it.
func sampleDoor() sampleCase {
	return sampleCase{
		Title: "Door 14 shows minus 40", Account: "obrien", Owner: "kim", Team: "support",
		Severity: 3, Status: casework.Resolved,
		Citations: []sampleCitation{
			{sampleMessageID("recent-07", "iphone", "obrien-logistics.example"), "Door 14 shows minus 40 since this morning, the others are fine.", "What they see."},
			{sampleMessageID("recent-09", "iphone", "obrien-logistics.example"), "It was the plug, a forklift had a chat with it.", "What it was."},
		},
		Notes: []sampleNote{{"Exactly minus 40 is no temperature but no signal: look at the plug first.", []int{0, 1}}},
	}
}

// sampleDepot is at risk today: a promise was missed, and nobody answers.
func sampleDepot() sampleCase {
	return sampleCase{
		Title: "Alarms of the Cork cold store come forty minutes late", Account: "obrien", Owner: "kim", Team: "support",
		Severity: 2, Status: casework.Open,
		Citations: []sampleCitation{
			{sampleMessageID("depot-01", "gmail", "obrien-logistics.example"), "the alarms of doors 20 to 34 reach our night shift up to forty minutes late", "What they see."},
			{sampleID("depot-02"), "You will have a corrected one from us by", "The promise."},
			{sampleMessageID("depot-05", "gmail", "obrien-logistics.example"), "We lost a pallet of fish on Sunday night because of a late alarm.", "The damage."},
			{sampleMessageID("depot-06", "gmail", "obrien-logistics.example"), "If I do not hear from you this week I will escalate this to your management.", "Announced, and nobody has answered since."},
		},
		Notes: []sampleNote{{"The draft of the profile waits for a test by firmware. I have asked twice.", []int{1}}},
		Statements: []sampleStatement{
			{Kind: "facts", In: map[string]any{"text": "Firmware 4.2.3 holds back alarms that are not marked as urgent.", "accepted": true}, Cites: []int{1}},
			{Kind: "commitments", In: map[string]any{"what": "A corrected alarm profile", "debtor": map[string]any{"user": "kim"}}, Cites: []int{1}, Due: new(-17)},
		},
		Pins: []samplePin{{"kim", "Alarm profile Cork v2.xlsx", "The draft that was not tested. They may have loaded it."}},
		Steps: func(n int) []sampleStep {
			return []sampleStep{
				{"marta", casework.FollowCase{Case: n}},
				{"kim", casework.AskReview{Case: n, To: "marta", Reason: "May I send the profile without the test of firmware, and who calls Fionn?"}},
				{"pilar", casework.AddNote{Case: n, Text: "@marta the firmware people say that they can test on their next free day, if you ask."}},
			}
		},
	}
}
