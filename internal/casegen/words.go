package casegen

// What people write. Words in {} are filled in: due, ahead, past and ago are
// dates, thing is a product, number a serial number. In [[]]
// is a sentence that promises, in <<>> one that asks. What only looks like one
// stands bare.

var things = map[string][]string{
	"en": {"gateway", "probe", "display unit", "power supply", "humidity sensor", "antenna", "dashboard", "alarm relay"},
	"de": {"Gateway", "Fühler", "Netzteil", "Display"},
}

// openings are how customers begin.
var openings = map[string][]string{
	"en": {
		"The {thing} {number} has been losing its connection since the update. It comes back after a restart, and an hour later it is gone again.\n\n<<Could you have a look at the log?>> It is on the share.",
		"we ordered forty of the {thing} and the packing list says thirty-eight. The delivery came {past}.\n\n<<Please check what happened to the other two.>>",
		"our {thing} shows values two degrees too high. We compared it with the reference in the lab {past}.\n\n<<Can you send us the correction table?>>\n\nThe auditors are here {ahead}, so this one has a date.",
		"I am looking for the calibration certificate of {thing} {number}. It is not in the portal.\n\n<<Please send it to me {due}.>>",
		"The invoice for the {thing} has the wrong purchase order on it. Accounts will not pay it like that.\n\n<<Could you send a corrected one?>>",
		"since the line was moved the {thing} in hall 2 restarts on its own. It did so four times {past}.\n\nWhat can we do?",
		"we are planning the second site and would like to know whether the {thing} works at minus thirty. The data sheet stops at minus twenty.\n\n<<We need an answer {due}>>, because the order goes out with it.",
		"Two of the {thing} units arrived with cracked housings. Pictures are attached to the claim of the carrier.\n\n<<Can you tell me how to return them?>>",
		"the password reset for the portal does not reach me. I tried it three times.\n\n<<Please reset it by hand.>>",
		"The {thing} {number} is dead. No light, nothing. We run without it, but not for long: the night shift starts {ahead}.\n\n<<Please call me.>>",
		"I get an alarm from the {thing} every time somebody opens the door of the chamber. The delay seems to be ignored.\n\nIs that a known problem?",
		"we would like to extend the maintenance contract. The present one ends {ahead}.\n\n<<Could you make us an offer for two years?>>",
		"after the power cut {past} the {thing} has the wrong time. The readings of the whole night are filed under 1970.\n\n<<Please tell us how to correct them.>>",
		"You asked for the firmware version: it is 4.2.1 on all units but {number}, which says 4.1.9.\n\nDoes that explain it? If you need the full list I will have to ask our IT.",
	},
	"de": {
		"das {thing} {number} meldet sich nicht mehr. Ein Neustart hat nicht geholfen.\n\n<<Bitte prüfen Sie, ob es in Ihrem Portal noch zu sehen ist.>>",
		"wir haben {past} vierzig Stück erhalten, bestellt waren fünfzig.\n\n<<Können Sie uns sagen, wann der Rest kommt?>>",
		"für das Audit fehlt uns noch das Zertifikat zu {thing} {number}.\n\n<<Bitte senden Sie es uns {due}.>>",
		"die Anzeige am {thing} weicht um zwei Grad ab. Der Prüfer kommt {ahead}.\n\nWoran kann das liegen?",
	},
}

// answers are the first that a person of the company writes; each promises once.
var answers = map[string][]string{
	"en": {
		"Thank you for the details. [[I will look at the log and get back to you {due}.]]\n\nThe unit may stay connected in the meantime.",
		"I have passed this on to our firmware people. [[You will hear from me {due}.]]",
		"Sorry for the trouble. [[We'll send you a replacement {due}.]]\n\nThe return label is in the box; put the old one in and hand it to the driver.",
		"I found the cause: a wrong entry in the order. [[I'll correct it {due}.]] The number of the invoice stays the same.",
		"I have taken over your request. [[I'll send you the certificate {due}.]]",
		"That should not happen. [[Ines will check the settings {due}.]] Nothing is needed from your side.",
		"I could see the restarts in our data as well. [[We are going to replace the power supply {due}.]]\n\nShall I book the technician for the morning or the afternoon?",
		"Understood. [[Our logistics will book the truck {due}.]] The papers travel with the goods.",
		"I do not have the answer myself. [[I'll ask the lab and let you know {due}.]]",
		"[[We will have the build ready {due}.]] It has run on our bench without a fault.",
		"I see why this is urgent. [[I will call you {due}.]] Meanwhile, leave the unit as it is.",
		"Thank you, that helps. [[I'm going to prepare the offer {due}.]]",
		"[[Let me check with accounts and come back to you {due}.]]",
		"The manual is wrong there, sorry. [[We will publish a corrected page {due}.]]",
		"[[As soon as the lab has the figures, I'll forward them to you.]] We'll see what they say.",
		"[[I'll try to get you a loan unit {due}.]] I can not say yet which one it is. I will need the delivery address.",
	},
	"de": {
		"vielen Dank für die Angaben. [[Ich melde mich {due} bei Ihnen.]]",
		"das tut mir leid. [[Wir schicken Ihnen {due} ein Ersatzgerät.]]",
		"ich habe die Ursache gefunden. [[Wir werden den Fehler {due} beheben.]]",
		"[[Ich sende Ihnen das Zertifikat {due}.]] Haben Sie noch einen Augenblick Geduld.",
	},
}

// extras are paragraphs that stand below others in mail of either side.
var extras = map[string][]string{
	"en": {
		"By the way, the last order was delivered {past}, in case you wonder about the number.",
		"Our offices are closed {ahead}.",
		"There is a review with the whole team {ahead}. [[We'll put this on the agenda.]]",
		"The first report came in {past}, from another site.",
		"The next maintenance window is {ahead}.",
		"[[I will also send you the minutes of our call {due}.]]",
		"I am at the plant {ahead} and can be reached by phone.",
		"The price list changes {ahead}; orders placed earlier are not affected.",
		"The unit was last calibrated {past}.",
	},
	"de": {
		"Unser Büro ist {ahead} geschlossen.",
		"Das Gerät wurde {past} zuletzt geprüft.",
		"Die nächste Wartung ist {ahead}.",
	},
}

// deeds tell that what was promised is done.
var deeds = map[string][]string{
	"en": {
		"it is done: I have sent you everything {ago}. <<Please tell me whether it opens.>>",
		"as promised, the file is attached.",
		"this is fixed now. The reason was a setting that the update had changed.",
		"the replacement left our house with the carrier. The tracking number is {number}.",
		"we have corrected it, and the new document is in the portal.",
		"the lab confirms the figures. They are in the table below.\n\n-20  0.4\n-10  0.2\n  0  0.1",
	},
	"de": {
		"das ist erledigt, die Unterlagen habe ich Ihnen soeben geschickt.",
		"der Fehler ist behoben. Ursache war eine Einstellung.",
		"das Ersatzgerät ist unterwegs.",
	},
}

// delays tell that it will be later; each promises anew.
var delays = map[string][]string{
	"en": {
		"I am afraid this takes longer than I thought. [[I will send it {due} instead.]]",
		"the part did not arrive at our warehouse. [[We'll have it with you {due}.]]",
		"I have to ask for more time: the test stand was taken. [[You'll get the result {due}.]]",
	},
	"de": {
		"leider dauert es länger als gedacht. [[Wir liefern {due}.]]",
	},
}

// reminders are what customers write who wait.
var reminders = map[string][]string{
	"en": {
		"I have not heard from you. <<Please give me an update.>>",
		"is there any news on this?",
		"we are still waiting for an answer. The night shift asks me every day.",
		"any progress? I do not want to be a nuisance, but the line stands still without it.",
		"<<Could you tell me where we are with this?>>\n\nI will be asked in the meeting and have nothing to say.",
	},
	"de": {
		"gibt es hierzu schon etwas Neues?",
		"wir warten noch auf Ihre Rückmeldung. <<Bitte geben Sie uns kurz Bescheid.>>",
	},
}

// thanks are how customers end. Some promise something themselves.
var thanks = map[string][]string{
	"en": {
		"that works, thank you.",
		"perfect. [[I'll test it on the line and tell you {due}.]]",
		"received. [[We will return the old unit {due}.]]",
		"Great, it connects again. Somebody here had pulled the wrong cable, I am told.",
		"thanks, our accounts have it now. [[They will pay it {due}.]]",
		"good to know. We start the second line {ahead} and will see how it behaves.",
		"[[I'll let you know if it comes back.]]",
	},
	"de": {
		"vielen Dank, jetzt läuft es wieder.",
		"danke. [[Wir testen das {due} und geben Ihnen Bescheid.]]",
	},
}

// asides are what colleagues write each other about a case.
var asides = []string{
	"this is the third one from the same batch. Do we still have units of it on the shelf?",
	"the customer is right, the table in the manual is from the old version. <<Can you look at it?>>",
	"who has the key to the test stand? The lab asks.",
	"I have put the log on the share. It shows a restart each time the relay closes.",
}

// private is nobody's business.
var private = []string{
	"shall we have lunch at the harbour {ahead}? Joost knows a place.",
	"I have sent the doctor's note to HR. It was the knee again.",
	"<<can you swap the car with me {ahead}?>> The kids have a match.",
	"about my pay: I would like to talk about it in person, not in writing.",
	"the choir rehearses in the old school, room 4. Everybody brings a chair.",
	"happy birthday! There is cake in the kitchen.",
}

// escalating are steps of a case that goes wrong, one after the other.
var escalating = []struct {
	from    string // customer, again (the customer once more), staff, executive or colleague
	text    string
	signals []string
}{
	{"customer", "line 3 stands still because the {thing} {number} does not come up. <<Please help us.>>", nil},
	{"staff", "I have your request. [[I will send you the root cause {due}.]]", nil},
	{"customer", "that is three shifts without the line. Where is the root cause?", nil},
	{"again", "nobody has answered me. This is the second time I ask.", []string{"R1", "R3"}},
	{"again", "This is unacceptable. If it is not solved I will escalate it to your management.", []string{"R5"}},
	{"executive", "I am taking this over on our side. We are considering to cancel the contract.\n\n<<Please have your manager call me.>>", []string{"R4"}},
	{"colleague", "<<can you take this one?>> It is with us, logistics and firmware by now.", []string{"R7"}},
	{"staff", "I am sorry for how this went. The root cause is a faulty capacitor, the report is attached.", nil},
}

var points = map[string]int{"R1": 2, "R3": 3, "R4": 2, "R5": 3, "R7": 2}
