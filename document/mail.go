package document

import (
	"strings"

	"polytrace/message"
)

// readMail reads a mail: who wrote what to whom, then its attachments.
func (r *reader) readMail(content []byte) {
	if r.tooDeep() {
		return
	}
	m := message.Parse(content)
	p := r.page("")
	p.field("Subject", m.Subject)
	p.field("From", names(m.From))
	p.field("To", names(m.To))
	p.field("Cc", names(m.Cc))
	p.field("Bcc", names(m.Bcc))
	p.writeString(m.Text().Body)
	p.end()
	for _, a := range m.Attachments() {
		if r.full() || !r.take() {
			r.note(Limit)
			return
		}
		if a.N == 0 && a.Type != "application/octet-stream" && strings.HasPrefix(a.Type, "multipart/") {
			continue
		}
		file := m.Content(a.N)
		if r.inflatable -= int64(len(file)); r.inflatable < 0 {
			r.note(Limit)
			return
		}
		mediaType := a.Type
		if charset := m.Parts[a.N].Charset; charset != "" {
			mediaType += `; charset="` + strings.ReplaceAll(charset, `"`, "") + `"`
		}
		r.nested(a.Filename, mediaType, file)
	}
}

// field adds a line of a header, where there is something to say.
func (p *page) field(name, value string) {
	if value = strings.TrimSpace(value); value != "" {
		p.writeString(name + ": " + unbroken(value))
		p.newline()
	}
}

func names(mailboxes []message.Mailbox) string {
	var all []string
	for _, m := range mailboxes {
		all = append(all, strings.TrimSpace(m.Name+" <"+m.Address+">"))
	}
	return strings.Join(all, ", ")
}
