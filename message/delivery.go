package message

import "strings"

// Delivered is what a delivery status notification says of one recipient.
type Delivered struct {
	Address    string // As the sender wrote it where that is told, else as it was tried.
	Action     string // failed, delayed, delivered, relayed or expanded.
	Status     string // RFC 3463, e.g. "5.1.1"; "" when it is not told.
	Diagnostic string // What the other server said, e.g. "smtp; 550 no such user".
}

// Bounced lists the recipients to whom the message says that another could not
// be delivered; none when it is no delivery status notification (RFC 3464).
func (m *Message) Bounced() (all []Delivered) {
	for _, d := range m.deliveries() {
		if d.Action == "failed" {
			all = append(all, d)
		}
	}
	return all
}

// deliveries reads the parts of a notification that are for programs: a block
// about the message, then one for each recipient (RFC 3464 section 2.1, and RFC
// 6533 for addresses that are not ASCII).
func (m *Message) deliveries() (all []Delivered) {
	for i := range m.Parts {
		if !oneOf(m.Parts[i].Type, "message/delivery-status", "message/global-delivery-status") {
			continue
		}
		content := m.Content(i)
		for at := 0; at < len(content); {
			fields, next, _ := scanHeader(content, at, len(content))
			if next <= at {
				break
			}
			at = next
			decodeFields(fields)
			if d, ok := delivered(fields); ok {
				all = append(all, d)
			}
		}
	}
	return all
}

func delivered(fields []Field) (d Delivered, ok bool) {
	for _, name := range []string{"Original-Recipient", "Final-Recipient"} {
		kind, address, typed := strings.Cut(rawValue(fields, name), ";")
		kind = strings.ToLower(strings.TrimSpace(kind))
		if !typed || !oneOf(kind, "rfc822", "utf-8") {
			continue
		}
		if d.Address = cleanAddress(address); d.Address != "" {
			break
		}
	}
	d.Action = strings.ToLower(rawValue(fields, "Action"))
	d.Action, _ = cutComments(d.Action)
	d.Action = strings.TrimSpace(d.Action)
	d.Diagnostic = strings.TrimSpace(decodeText(rawValue(fields, "Diagnostic-Code")))
	d.Status = statusCode(rawValue(fields, "Status"))
	// QUIRK: Exim and qmail's kin write 5.0.0, which says nothing (RFC 3463
	// section 3.1), where the other server's answer has the code.
	if told := statusCode(d.Diagnostic); told != "" && (d.Status == "" || strings.HasSuffix(d.Status, ".0.0")) {
		d.Status = told
	}
	return d, d.Address != ""
}

// statusCode finds the first code as RFC 3463 section 2 has it; "" when there is none.
func statusCode(s string) string {
	for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') }) {
		class, rest, _ := strings.Cut(word, ".")
		subject, detail, ok := strings.Cut(rest, ".")
		if ok && oneOf(class, "2", "4", "5") && isShortNumber(subject) && isShortNumber(detail) {
			return word
		}
	}
	return ""
}

func isShortNumber(s string) bool {
	return len(s) >= 1 && len(s) <= 3 && strings.Trim(s, "0123456789") == ""
}
