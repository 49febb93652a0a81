package message

import (
	"crypto/sha256"
	"encoding/hex"
	"mime"
	"slices"
	"strings"
)

// Attachments lists the parts of the message, embedded messages included as
// one file each, that people see as files. What only holds others, as a
// winmail.dat, is left out where all in it was found.
func (m *Message) Attachments() []Attachment {
	var files []Attachment
	body := m.bodyParts()
	for i := range m.Parts {
		p := &m.Parts[i]
		if strings.HasPrefix(p.Type, "multipart/") && m.hasChildren(i) || slices.Contains(body, i) || p.opened || p.spare || p.isPlumbing() {
			continue
		}
		content := m.Content(i)
		sum := sha256.Sum256(content)
		files = append(files, Attachment{
			N: i, Filename: p.fileName(), Type: p.Type, Size: len(content), SHA256: hex.EncodeToString(sum[:]),
			Form:   p.Form,
			Inline: p.Disposition != "attachment" && p.ContentID != "" && strings.HasPrefix(p.Type, "image/"),
		})
	}
	return files
}

func (m *Message) hasChildren(i int) bool {
	return i+1 < len(m.Parts) && m.Parts[i+1].Parent == i
}

// isPlumbing reports whether a part is there for machines.
func (p *Part) isPlumbing() bool {
	switch p.Type {
	case "application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature", "text/x-amp-html":
		return true
	}
	return false
}

// fileName is the name to show and to save under.
func (p *Part) fileName() string {
	if p.Filename != "" {
		return p.Filename
	}
	if p.Embedded != nil {
		if name := baseName(strings.NewReplacer("/", "-", `\`, "-").Replace(p.Embedded.Subject)); name != "" {
			return truncate(name, 100) + ".eml"
		}
		return "message.eml"
	}
	base := "part-" + p.Path
	if p.Path == "" {
		base = "body"
	}
	return base + extension(p.Type)
}

// extension is the usual one of a type, so that the same comes out on every
// machine.
func extension(mediaType string) string {
	known := map[string]string{
		"text/plain": ".txt", "text/html": ".html", "text/calendar": ".ics", "text/csv": ".csv", "text/vcard": ".vcf", "message/delivery-status": ".txt",
		"message/rfc822": ".eml", "text/rfc822-headers": ".txt", "image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "application/pdf": ".pdf",
		"application/zip": ".zip", "application/ms-tnef": ".dat", "application/pkcs7-mime": ".p7m", "application/x-pkcs7-mime": ".p7m",
	}
	if e, ok := known[mediaType]; ok {
		return e
	}
	return ".bin"
}

// MediaType cleans a declared type for use in a header of HTTP.
func (p *Part) MediaType() string {
	t, _, err := mime.ParseMediaType(p.Type)
	if err != nil || !strings.Contains(t, "/") {
		return "application/octet-stream"
	}
	return t
}
