package message

import (
	"slices"
	"strings"
)

// maxLevels is how many reports around a message are unwrapped: a hybrid
// organisation with a second archive makes two.
const maxLevels = 5

// Read unwraps what a mail server put around a message.
//
// Only a queue that expects journal reports has them unwrapped: in other mail
// the marker may be forged by anybody (see Delivery.Format). A report inside a
// report is unwrapped only when the inner one was sent by Exchange itself and
// its envelope names an address of ours, because an outsider can mail a forged
// report to a user, and that is journaled truly.
func Read(raw []byte, d Delivery) *Reading {
	m := Parse(raw)
	r := &Reading{Original: m, Format: FormatPlain}
	switch {
	case d.Format == FormatExchange || d.Format == FormatAuto:
		r.unwrap(m, d)
	case d.Format == FormatZimbra:
		r.uncover(m)
	}
	if d.Format != "" && d.Format != FormatExchange && d.Format != FormatAuto && isReport(m) {
		r.defect("report-untrusted", "it looks like a journal report, which this queue does not expect: anybody could have sent it")
	}
	if r.Levels == 0 {
		r.copied(d)
	}
	r.fromHeader()
	if r.MessageID == "" || r.Levels > 0 {
		r.MessageID = r.Original.MessageID
	}
	if r.Subject == "" {
		r.Subject = r.Original.Subject
	}
	if r.Sender == "" && len(r.Original.From) > 0 {
		r.Sender = r.Original.From[0].Address
	}
	return r
}

func (r *Reading) defect(code, detail string) {
	r.Defects = append(r.Defects, Defect{Code: code, Detail: detail})
}

// unwrap goes through the levels from the outside in.
func (r *Reading) unwrap(m *Message, d Delivery) {
	if inner := bounced(m); inner != nil {
		r.defect("report-returned", "a report that could not be delivered came back in a bounce")
		r.Report = m
		r.Levels++
		r.follow(m, inner)
		m = inner
	}
	for outermost := true; r.Levels < maxLevels && isReport(m); outermost = false {
		if !outermost && !(genuine(m) && r.namesUs(d)) {
			r.defect("inner-report-untrusted", "a report inside a report is kept as it is, as anybody could have sent it")
			return
		}
		report := readReport(m)
		r.Defects = append(r.Defects, report.defects...)
		if report.original == nil {
			r.defect("report-without-original", "")
			r.adopt(m, report)
			return
		}
		r.adopt(m, report)
		r.Levels++
		r.Format = FormatExchange
		r.follow(m, report.original)
		m = report.original
	}
}

// adopt takes over what the envelope part of a report says.
func (r *Reading) adopt(m *Message, report report) {
	if r.Report == nil {
		r.Report = m
	}
	if report.sender != "" {
		r.Sender = report.sender
	}
	r.MessageID, r.Subject = report.messageID, report.subject
	if t := tenant(m); t != "" {
		r.Tenant = t
	}
	if report.mailbox != "" {
		r.Mailbox = report.mailbox
	}
	if len(report.recipients) > 0 {
		r.Recipients = report.recipients // The innermost knows the people.
	}
}

// follow makes inner the original and keeps track of where its bytes are.
func (r *Reading) follow(m, inner *Message) {
	r.Original = inner
	at := within(m.Raw, inner.Raw)
	if at < 0 || r.Offset < 0 {
		r.Offset = -1
		return
	}
	r.Offset += at
}

// within returns the offset of a slice in the one that it was cut from, -1
// when it was made of other bytes.
func within(whole, part []byte) int {
	if cap(part) == 0 || cap(whole) < cap(part) {
		return -1
	}
	at := cap(whole) - cap(part)
	if at+len(part) > len(whole) || len(part) > 0 && &whole[at] != &part[0] {
		return -1
	}
	return at
}

// namesUs reports whether the level that was read last was sent to one of the
// journal addresses that this delivery went to.
func (r *Reading) namesUs(d Delivery) bool {
	for _, ours := range d.To {
		for _, to := range r.Recipients {
			if strings.EqualFold(to.Address, ours) {
				return true
			}
		}
	}
	return false
}

// isReport reports whether a message carries one of the markers of a journal
// report. The field is empty as a rule.
// QUIRK: Exchange 2003 writes "Content-Identifer".
func isReport(m *Message) bool {
	if m.Has("X-MS-Journal-Report") || m.Has("X-MS-Exchange-Organization-Journal-Report") || strings.EqualFold(m.Get("X-WM-Journal-Report"), "journal") {
		return true
	}
	for _, name := range []string{"Content-Identifer", "Content-Identifier"} {
		if v := m.Get(name); strings.EqualFold(v, "ExJournalReport") {
			return true
		}
	}
	return false
}

// genuine reports whether Exchange itself sent a report.
func genuine(m *Message) bool {
	return len(m.Sender) > 0 && strings.HasPrefix(strings.ToLower(m.Sender[0].Address), "microsoftexchange329e71ec88ae4615bbc36ab6ce41109e@")
}

// bounced finds a report inside a delivery status notification (RFC 3464).
func bounced(m *Message) *Message {
	if m.Parts[0].Type != "multipart/report" {
		return nil
	}
	for i := range m.Parts {
		if e := m.Parts[i].Embedded; e != nil && m.Parts[i].Parent == 0 && isReport(e) {
			return e
		}
	}
	return nil
}

// report is what a journal report says and holds.
type report struct {
	sender     string
	messageID  string
	subject    string
	mailbox    string
	recipients []Recipient
	original   *Message
	defects    []Defect
}

func readReport(m *Message) report {
	var r report
	envelope := -1
	var originals []*Message
	for i := range m.Parts {
		p := &m.Parts[i]
		switch {
		case p.Parent > 0 || i == 0 && m.hasChildren(0):
		case p.Embedded != nil:
			originals = append(originals, p.Embedded)
		case p.Type == "text/plain" && envelope < 0:
			envelope = i
		case strings.HasSuffix(strings.ToLower(p.Filename), ".eml"):
			originals = append(originals, Parse(m.Content(i)))
		}
	}
	if envelope < 0 {
		r.defects = append(r.defects, Defect{Code: "report-without-envelope"})
	} else {
		r.readEnvelope(normalise(m.decodeText(envelope)))
	}
	r.original = clearest(originals)
	if len(originals) > 1 {
		r.defects = append(r.defects, Defect{Code: "report-with-clear-copy", Detail: "the report holds a protected message and its decrypted copy; the copy is read"})
	}
	return r
}

// clearest prefers the copy that was decrypted to the protected one.
func clearest(all []*Message) *Message {
	for _, m := range all {
		if !protected(m) {
			return m
		}
	}
	if len(all) > 0 {
		return all[0]
	}
	return nil
}

func protected(m *Message) bool {
	for i := range m.Parts {
		if p := &m.Parts[i]; strings.EqualFold(p.Filename, "message.rpmsg") || p.Type == "application/x-microsoft-rpmsg-message" {
			return true
		}
	}
	return false
}

// readEnvelope reads the envelope part ([MS-XJRNL] section 2.1). Keywords are
// never localised; unknown ones are passed over.
func (r *report) readEnvelope(text string) {
	seenID, list := false, false
	for line := range strings.SplitSeq(text, "\n") {
		key, value, ok := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if list && !ok && strings.Contains(line, "@") { // Exchange 2003: one a line under "Recipients:".
			r.addRecipient("recipient", line, seenID)
			continue
		}
		list = ok && value == "" && strings.EqualFold(strings.TrimSpace(key), "recipients") || list && strings.TrimSpace(line) == ""
		if !ok {
			continue
		}
		switch key = strings.ToLower(strings.TrimSpace(key)); key {
		case "sender":
			r.sender = journalAddress(value)
		case "subject":
			r.subject = value
		case "mailbox":
			r.mailbox = journalAddress(value)
		case "message-id":
			seenID = true
			if ids := parseIDs(value); len(ids) > 0 {
				r.messageID = ids[0]
			}
		case "to", "cc", "bcc", "recipient", "recipients":
			r.addRecipient(strings.TrimSuffix(key, "s"), value, seenID)
		}
	}
}

// addRecipient reads the value of a recipient line. A line before the
// Message-ID may have come out of an encoded line end in the Subject above:
// it is kept, and proves nothing.
func (r *report) addRecipient(role, value string, seenID bool) {
	address, via, kind := splitRedirection(value)
	if address = journalAddress(address); address == "" {
		return
	}
	provenance := "proven:journal"
	if !seenID {
		provenance = "claimed:journal"
		r.defects = append(r.defects, Defect{Code: "report-recipient-before-message-id", Detail: address})
	}
	r.recipients = append(r.recipients, Recipient{Address: address, Role: role, Provenance: provenance, Via: via, ViaKind: kind})
}

// splitRedirection takes ", Expanded: list" or ", Forwarded: mailbox" off the
// end. It looks from the right, so that an address may hold the keyword.
func splitRedirection(value string) (address, via, kind string) {
	for at := len(value); ; {
		at = strings.LastIndexByte(value[:at], ',')
		if at < 0 {
			return value, "", ""
		}
		word, rest, ok := strings.Cut(strings.TrimSpace(value[at+1:]), ":")
		kind = strings.ToLower(strings.TrimSpace(word))
		if ok && (kind == "expanded" || kind == "forwarded") {
			return strings.TrimSpace(value[:at]), journalAddress(rest), kind
		}
	}
}

// journalAddress drops the brackets and what follows the address.
func journalAddress(s string) string {
	s = strings.TrimSpace(s)
	if open := strings.IndexByte(s, '<'); open >= 0 {
		inside, _, _ := strings.Cut(s[open+1:], ">")
		return strings.TrimSpace(inside)
	}
	if strings.HasPrefix(s, `"`) { // A quoted local part may hold blanks.
		if at := strings.LastIndexByte(s, '"'); at > 0 {
			host, _, _ := strings.Cut(s[at+1:], " ")
			return s[:at+1] + host
		}
	}
	s, _, _ = strings.Cut(s, " ")
	return strings.Trim(s, ",;")
}

// tenant reads the GUID of the Microsoft 365 tenant that a report names.
func tenant(m *Message) string {
	id, _, _ := strings.Cut(m.Get("X-LD-Processed"), ",")
	if len(id) == 36 && strings.Count(id, "-") == 4 {
		return strings.ToLower(id)
	}
	return ""
}

// Tenants are the Microsoft 365 organisations that a message says it comes
// from: their domains and GUIDs, in small letters. Microsoft writes these
// fields when mail leaves it; from anywhere else they mean nothing.
func (m *Message) Tenants() (all []string) {
	for _, name := range []string{"X-OriginatorOrg", "X-MS-Exchange-CrossTenant-Id"} {
		if t := strings.ToLower(strings.TrimSpace(m.Get(name))); t != "" {
			all = append(all, t)
		}
	}
	if t := tenant(m); t != "" {
		all = append(all, t)
	}
	return all
}

// Token reads an address to which the maps of Postfix or a router of Exim have
// added whom the message was for, queue+to=local=domain@host, or who sent it, queue+from=local=domain@host.
// kind is "to", "from" or what else stands there; "" when the address is no such.
func Token(to string) (kind, address string) {
	at := strings.LastIndexByte(to, '@')
	if at < 0 {
		at = len(to)
	}
	_, detail, ok := strings.Cut(strings.Trim(to[:at], `"`), "+")
	kind, rest, ok2 := strings.Cut(detail, "=")
	split := strings.LastIndexByte(rest, '=')
	if !ok || !ok2 || split <= 0 || split == len(rest)-1 {
		return "", ""
	}
	return strings.ToLower(kind), rest[:split] + "@" + rest[split+1:]
}

// token notes what a recipient of the envelope tells about those of the message.
func (r *Reading) token(to string) {
	kind, address := Token(to)
	switch kind {
	case "to":
		r.Format = FormatPostfix
		r.addRecipient(Recipient{Address: address, Role: "recipient", Provenance: "proven:token"})
	case "from":
		r.Format = FormatPostfix
		r.Sender = address
	}
}

// addRecipient adds one, or makes better what is known of the same address.
func (r *Reading) addRecipient(n Recipient) {
	for i := range r.Recipients {
		if r.Recipients[i].absorb(n) {
			return
		}
	}
	r.Recipients = append(r.Recipients, n)
}

// MergeRecipients makes one list of what several copies of a message tell of its
// recipients: each address once, in the role and with the provenance that are
// known best. Who got it by way of two lists is there for each of them.
func MergeRecipients(copies ...[]Recipient) (all []Recipient) {
	known := map[string][]int{} // By address: indexes in all.
copies:
	for _, n := range slices.Concat(copies...) {
		address := strings.ToLower(n.Address)
		for _, i := range known[address] {
			if all[i].absorb(n) {
				continue copies
			}
		}
		known[address] = append(known[address], len(all))
		all = append(all, n)
	}
	return all
}

// absorb takes over what n tells better; false when it is of somebody else, or
// came another way.
func (k *Recipient) absorb(n Recipient) bool {
	if !strings.EqualFold(k.Address, n.Address) || k.Via != "" && n.Via != "" && !strings.EqualFold(k.Via, n.Via) {
		return false
	}
	if k.Name == "" {
		k.Name = n.Name
	}
	better := rank(n.Provenance) < rank(k.Provenance)
	if n.Role != "" && n.Role != "recipient" && (better || k.Role == "recipient") {
		k.Role = n.Role
	}
	if better {
		k.Provenance = n.Provenance
	}
	if k.Via == "" && n.Via != "" {
		k.Via, k.ViaKind = n.Via, n.ViaKind
	}
	return true
}

// rank orders provenances, the strongest first.
func rank(provenance string) int {
	switch {
	case strings.HasPrefix(provenance, "proven:"):
		return 0
	case strings.HasPrefix(provenance, "claimed:"):
		return 1
	case strings.HasPrefix(provenance, "inferred:"):
		return 2
	}
	return 3
}

// fromHeader adds those whom the original's own header names. A report is
// complete: the header then only tells names.
func (r *Reading) fromHeader() {
	lists := []struct {
		role string
		all  []Mailbox
	}{{"to", r.Original.To}, {"cc", r.Original.Cc}, {"bcc", r.Original.Bcc}}
	for _, l := range lists {
		for _, m := range l.all {
			if m.Address == "" || !strings.Contains(m.Address, "@") {
				continue
			}
			if r.Format == FormatExchange {
				r.name(m)
				continue
			}
			r.addRecipient(Recipient{Address: m.Address, Name: m.Name, Role: l.role, Provenance: "header"})
		}
	}
}

// name gives a known recipient the name that the header has for it.
func (r *Reading) name(m Mailbox) {
	for i := range r.Recipients {
		if k := &r.Recipients[i]; strings.EqualFold(k.Address, m.Address) && k.Name == "" {
			k.Name = m.Name
		}
	}
}
