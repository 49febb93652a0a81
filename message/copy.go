package message

import "strings"

// What a plain copy says of its envelope stands in fields that the mail server
// has added. Anybody can write them too, so they claim and do not prove, and of
// each format those alone are read that its mail server adds.
var claims = map[string][]string{
	FormatGoogle:  {"X-Gm-Original-To"},
	FormatPostfix: {"X-Envelope-To", "X-Original-To", "Delivered-To"},
	FormatExim:    {"X-Envelope-To", "Envelope-To", "Delivered-To"},
	FormatZimbra:  {"X-Envelope-To", "X-Envelope-To-Blocked"},
	FormatSieve:   {"X-Sieve-Redirected-From", "X-Original-To", "Delivered-To"},
	FormatKerio:   {"X-Envelope-To"},
	FormatMDaemon: {"X-Rcpt-To"},
	FormatPlain:   {"X-Envelope-To", "X-Gm-Original-To", "X-Original-To", "Delivered-To", "Envelope-To", "X-Rcpt-To"},
}

func claimsOf(format string) []string {
	if format == FormatAuto || format == "" {
		format = FormatPlain
	}
	return claims[format]
}

// copied reads what a copy without a wrapper tells of its recipients.
func (r *Reading) copied(d Delivery) {
	if d.Format == FormatPostfix || d.Format == FormatExim || d.Format == FormatAuto {
		for _, to := range d.To {
			r.token(to)
		}
	}
	header := r.Original.Header
	for _, name := range claimsOf(d.Format) {
		for i := range header {
			f := &header[i]
			if !strings.EqualFold(f.Name, name) {
				continue
			}
			for _, m := range parseMailboxes(f.unfolded()) {
				r.addRecipient(Recipient{Address: m.Address, Role: "recipient", Provenance: "claimed:" + strings.ToLower(name)})
			}
		}
	}
	if d.Format == FormatDomino {
		r.notesItems(header)
	}
	if d.Format == FormatSieve {
		r.Mailbox = r.Original.Get("X-Sieve-Redirected-From")
	}
	if len(r.Recipients) == 0 && d.Format != "" {
		r.receivedFor(d)
	}
}

// receivedFor infers a recipient from the trace (RFC 5321 section 4.4): a mail
// server that has one recipient for a message names it behind "for". The
// address of the archive itself is none.
func (r *Reading) receivedFor(d Delivery) {
	for i := range r.Original.Header {
		f := &r.Original.Header[i]
		if !strings.EqualFold(f.Name, "Received") {
			continue
		}
		text, _, _ := strings.Cut(f.unfolded(), ";")
		words := strings.Fields(text)
		for j, word := range words[:max(len(words)-1, 0)] {
			address := strings.Trim(words[j+1], "<>")
			if !strings.EqualFold(word, "for") || !strings.Contains(address, "@") || isOneOf(address, d.To) {
				continue
			}
			r.addRecipient(Recipient{Address: address, Role: "recipient", Provenance: "inferred:received-for"})
			return
		}
	}
}

func isOneOf(address string, all []string) bool {
	for _, a := range all {
		if strings.EqualFold(a, address) {
			return true
		}
	}
	return false
}

// notesItems reads the items of a Domino document that its SMTP task exports:
// "X-Notes-Item: CN=Bob/O=X; type=501; name=$JournalRecipients", and
// $JournalRecipientsExpanded_n for those whom a group stands for.
func (r *Reading) notesItems(header []Field) {
	for i := range header {
		f := &header[i]
		value, rest, ok := strings.Cut(f.Value, ";")
		if !ok || !strings.EqualFold(f.Name, "X-Notes-Item") {
			continue
		}
		_, item, _ := strings.Cut(rest, "name=")
		item, _, _ = strings.Cut(strings.TrimSpace(item), ";")
		if !strings.HasPrefix(item, "$JournalRecipients") {
			continue
		}
		kind := ""
		if strings.HasPrefix(item, "$JournalRecipientsExpanded") {
			kind = "expanded"
		}
		for name := range strings.SplitSeq(value, ",") {
			if name = strings.TrimSpace(name); name != "" {
				r.addRecipient(Recipient{Address: name, Role: "recipient", Provenance: "claimed:x-notes-item", ViaKind: kind})
			}
		}
	}
}

// uncover reads the cover mail of Zimbra's legal intercept: the first text
// says of whom the copy is and what was done, the message is attached. The
// texts are templates, so that either of the two is enough.
func (r *Reading) uncover(m *Message) {
	for i := range m.Parts {
		p := &m.Parts[i]
		switch {
		case p.Parent != 0:
		case p.Embedded != nil:
			if r.Mailbox == "" && r.Operation == "" {
				return // A forwarded message, and no cover.
			}
			r.Report, r.Format = m, FormatZimbra
			r.Levels++
			r.follow(m, p.Embedded)
			return
		case p.Type == "text/plain" && r.Operation == "":
			r.readCover(m.Subject, normalise(m.decodeText(i)))
		}
	}
	if r.Mailbox != "" || r.Operation != "" {
		r.defect("report-without-original", "")
	}
}

func (r *Reading) readCover(subject, text string) {
	if rest, ok := strings.CutPrefix(subject, "Intercept message for "); ok {
		r.Mailbox, _, _ = strings.Cut(rest, " ")
	}
	for line := range strings.SplitSeq(text, "\n") {
		if rest, ok := strings.CutPrefix(line, "Intercepted message for "); ok {
			r.Mailbox = strings.TrimRight(strings.TrimSpace(rest), ".")
		}
		if rest, ok := strings.CutPrefix(line, "Operation="); ok {
			operation, _, _ := strings.Cut(rest, ",")
			r.Operation = strings.TrimSpace(operation)
		}
	}
}
