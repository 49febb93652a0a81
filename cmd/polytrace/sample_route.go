package main

import (
	"fmt"
	"strings"
	"time"
)

// The sample company has its mailboxes at Microsoft 365, which journals, and a
// Postfix server in front of it, which sends BCC copies. So some mail is seen
// once and some twice. Copies of the support mailbox come through a queue of
// their own, whose mail becomes requests. "via" in a story says which:
//
//	exchange         one journal report
//	exchange-each    a report for each of our recipients, as Exchange makes them when it splits a message
//	postfix          one BCC copy; its address names every recipient
//	postfix-each     the same bytes again for each of our recipients
//	postfix-plain    a BCC copy that names nobody (always_bcc)
//	support          a BCC copy of what the support mailbox gets
//
// Two of them with a plus between are two copies.
const (
	sampleDomain = "northwind.example"
	sampleTenant = "northwindsupport.onmicrosoft.example"
	sampleNDR    = "journal-ndr@northwind.example" // Microsoft 365 sends reports from here.
)

// sampleRecipient is one line of a journal report.
type sampleRecipient struct {
	role    string // To, Cc or Bcc
	address string
	list    string // that it was expanded from, or ""
}

func (r sampleRecipient) ours() bool { return strings.HasSuffix(r.address, "@"+sampleDomain) }

// deliveries are the copies of a message that reach the archive.
func (s *sampleLibrary) deliveries(l *sampleLetter) ([]sampleMessage, error) {
	var all []sampleMessage
	for _, via := range strings.Split(l.fields["via"][0], "+") {
		queue, how, _ := strings.Cut(via, "-")
		for i, group := range s.groups(l, how == "each") {
			m := sampleMessage{Queue: queue, Sent: l.date}
			var err error
			if queue == "exchange" {
				m.From, m.To = sampleNDR, []string{queue}
				m.Raw, err = s.journalReport(l, group, i)
			} else {
				m.From, m.To = l.reversePath(), l.copyAddresses(queue, group, how)
				m.Raw, err = s.original(l, l.postfixTrace())
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", l.id, err)
			}
			all = append(all, m)
		}
	}
	return all, nil
}

// recipients are those of the envelope, lists expanded, each once.
func (s *sampleLibrary) recipients(l *sampleLetter) (all []sampleRecipient) {
	seen := map[string]bool{}
	add := func(role string, p *samplePerson, list string) {
		if !seen[p.address] {
			all = append(all, sampleRecipient{role, p.address, list})
		}
		seen[p.address] = true
	}
	for _, field := range []struct {
		role   string
		people []*samplePerson
	}{{"To", l.to}, {"Cc", l.cc}, {"Bcc", l.bcc}} {
		for _, p := range field.people {
			if len(p.members) == 0 {
				add(field.role, p, "")
			}
			for _, alias := range p.members {
				add(field.role, s.people[alias], p.address)
			}
		}
	}
	return all
}

// groups are the recipients of each copy: all in one, or each of ours alone.
func (s *sampleLibrary) groups(l *sampleLetter, each bool) [][]sampleRecipient {
	all := s.recipients(l)
	if !each {
		return [][]sampleRecipient{all}
	}
	var groups [][]sampleRecipient
	for _, r := range all {
		if r.ours() {
			groups = append(groups, []sampleRecipient{r})
		}
	}
	return groups
}

// outgoing reports whether somebody of the sample company wrote the message.
func (l *sampleLetter) outgoing() bool { return strings.HasSuffix(l.from.address, "@"+sampleDomain) }

// reversePath is the envelope sender; machines that answer send from nobody.
func (l *sampleLetter) reversePath() string {
	if e := l.fields["envelope"]; len(e) > 0 {
		return strings.Trim(e[0], "<>")
	}
	return l.from.address
}

// copyAddresses are where Postfix sends its BCC copies: recipient_bcc_maps put
// the recipient into the address and sender_bcc_maps our sender. It sees
// strangers' recipients only when they are ours.
func (l *sampleLetter) copyAddresses(queue string, group []sampleRecipient, how string) []string {
	if how == "plain" {
		return []string{queue}
	}
	detail := func(kind, address string) string {
		at := strings.LastIndexByte(address, '@')
		return queue + "+" + kind + "=" + address[:at] + "=" + address[at+1:]
	}
	var all []string
	for _, r := range group {
		if l.outgoing() || r.ours() {
			all = append(all, detail("to", r.address))
		}
	}
	if l.outgoing() {
		all = append(all, detail("from", l.from.address))
	}
	return all
}

// journalReport wraps a message as Microsoft 365 does: the envelope as text,
// then the message with what its servers have put on top.
func (s *sampleLibrary) journalReport(l *sampleLetter, group []sampleRecipient, n int) ([]byte, error) {
	original, err := s.original(l, l.exchangeTrace())
	if err != nil {
		return nil, err
	}
	id := ""
	if l.messageID() != "" {
		id = "<" + l.messageID() + ">"
	}
	lines := []string{"Sender: " + l.reversePath(), "Subject: " + l.subject, "Message-Id: " + id}
	for _, r := range group {
		line := r.role + ": " + r.address
		if r.list != "" {
			line += ", Expanded: " + r.list
		}
		lines = append(lines, line)
	}
	seed := fmt.Sprint(l.id, " report ", n)
	report := sampleMultipart("mixed", seed,
		sampleText("text/plain", "", strings.Join(lines, "\n")),
		samplePart{[]string{"Content-Type: message/rfc822"}, original},
	)
	report.header = append(l.reportHeader(seed, id), report.header...)
	return report.bytes(), nil
}

// reportHeader is the header of a journal report. From, To, Cc and Subject are
// copied from the message.
func (l *sampleLetter) reportHeader(seed, id string) []string {
	server := "AM9PR04MB" + strings.ToUpper(sampleGUID(l.id)[:4])
	sent := l.date.Add(4 * time.Second)
	h := []string{
		"Received: from EUR04-VI1-obe.outbound.protection.outlook.example\r\n (mail-vi1eur04on2061.outbound.protection.outlook.example [192.0.2.61]) by\r\n journal.northwind.example with ESMTPS; " + sampleStamp(sent),
		"From: " + sampleAddresses([]*samplePerson{l.from}),
	}
	if len(l.to) > 0 {
		h = append(h, "To: "+sampleAddresses(l.to))
	}
	if len(l.cc) > 0 {
		h = append(h, "CC: "+sampleAddresses(l.cc))
	}
	h = append(h,
		"Subject: "+l.encodedSubject(),
		"Sender: <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@"+sampleTenant+">",
		"Message-ID: <"+sampleGUID(seed)+"@journal.report.generator>",
		"Date: "+sampleStamp(sent),
		"X-MS-PublicTrafficType: Email",
		"X-MS-Journal-Report:",
	)
	if id != "" {
		h = append(h, "X-MS-Exchange-Parent-Message-Id: "+id)
	}
	return append(h,
		"Auto-Submitted: auto-generated",
		"X-MS-Exchange-Generated-Message-Source: Journal Agent",
		"X-MS-TrafficTypeDiagnostic: "+server+":JournalingReport",
		"X-LD-Processed: "+sampleGUID(sampleTenant)+",ExtAddr",
		"X-OriginatorOrg: "+sampleTenant,
		"X-MS-Exchange-CrossTenant-Network-Message-Id: "+sampleGUID("network", l.id),
		"MIME-Version: 1.0",
	)
}

// sampleStamp writes a time as servers do, in UTC.
func sampleStamp(t time.Time) string { return t.UTC().Format("Mon, 2 Jan 2006 15:04:05 +0000") }

// peer is the host that handed a message to us, and its address (RFC 5737).
func (l *sampleLetter) peer() (host, ip string) {
	_, domain, _ := strings.Cut(l.from.address, "@")
	return "mail." + domain, fmt.Sprintf("203.0.113.%d", 10+int(sampleHash(domain)[0])%200)
}

// exchangeTrace is what Microsoft 365 writes on top of a message.
func (l *sampleLetter) exchangeTrace() []string {
	tag := strings.ToUpper(sampleGUID("server", l.id)[:4])
	mailbox := "VI1PR04MB" + tag + ".eurprd04.prod.outlook.example"
	sent := l.date.Add(2 * time.Second)
	if l.outgoing() {
		return []string{
			"Received: from " + mailbox + " ([fe80::" + strings.ToLower(tag) + ":1]) by " + mailbox + "\r\n ([fe80::" + strings.ToLower(tag) + ":1%5]) with mapi id 15.20.8158.013; " + sampleStamp(sent),
			"X-MS-Exchange-Organization-AuthAs: Internal",
			"X-MS-Exchange-Organization-AuthMechanism: 04",
		}
	}
	host, ip := l.peer()
	_, domain, _ := strings.Cut(l.from.address, "@")
	return []string{
		"Received: from AM0EUR04FT" + tag + ".eop-eur04.prod.protection.outlook.example by " + mailbox + "\r\n with HTTPS; " + sampleStamp(sent),
		"Received: from " + host + " (" + ip + ") by AM0EUR04FT" + tag + ".mail.protection.outlook.example\r\n with Microsoft SMTP Server; " + sampleStamp(l.date.Add(time.Second)),
		"Authentication-Results: spf=pass (sender IP is " + ip + ")\r\n smtp.mailfrom=" + domain + "; dkim=none (message not signed);\r\n dmarc=pass action=none header.from=" + domain,
		"X-MS-Exchange-Organization-AuthAs: Anonymous",
	}
}

// postfixTrace is what our Postfix writes on top of a message.
func (l *sampleLetter) postfixTrace() []string {
	host, ip := l.peer()
	if l.outgoing() {
		host, ip = "office.northwind.example", "198.51.100.20"
	}
	return []string{
		"Received: from " + host + " (" + host + " [" + ip + "])\r\n\tby mx.northwind.example (Postfix) with ESMTPS id 4Z" + strings.ToUpper(sampleGUID("queue", l.id)[:8]) + ";\r\n\t" + sampleStamp(l.date.Add(3*time.Second)),
	}
}
