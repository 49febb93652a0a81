package webui

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"polytrace/archive"
	"polytrace/index"
	"polytrace/message"
)

// The load file of the format edrm is a CSV (RFC 4180, UTF-8 with a byte order
// mark) with a line for each message, as review programs take it in.
//
// Nobody owns the names of its fields. These follow the Meta-Data Name
// Specification of the EDRM Search Guide, appendix 1
// (www.edrm.net/resources/project-guides/edrm-search-guide/appendix-1; BCC, CC, Custodian,
// DateReceived, DateSent, Filename, FileSize, From, MD5Hash, ParentID, TO), and
// where it has none, what load files of Concordance and Relativity have
// (DocID, BegDoc, EndDoc, ConversationIndex, AttachmentCount, AttachmentNames,
// MessageID, NativeFile, SHA256Hash). Programs ask which column is which
// anyway; the mark, the header line and one line for each document are what
// they insist on (Relativity, "Import/Export load file specifications").
//
// DocID, BegDoc and EndDoc are one name without a page count. Attachments stay
// in their message, so that its bytes are the archived ones; review programs
// take them out of the native, and ParentID is theirs to fill. Times are UTC.
// Several values in a cell have "; " between them.
//
// A spreadsheet takes a cell that begins with =, +, -, @, a tab or a line
// break for a formula and carries it out, and subjects are written by strangers.
// Such cells begin with a ' here and in manifest.csv, as OWASP advises ("CSV
// Injection"). The native has the subject as it came.
var loadFields = []string{"DocID", "BegDoc", "EndDoc", "ParentID", "Custodian", "From", "To", "CC", "BCC", "OtherRecipients", "Subject", "DateSent", "DateReceived",
	"FileName", "FileSize", "MD5Hash", "SHA256Hash", "MessageID", "ConversationIndex", "ThreadID", "AttachmentCount", "AttachmentNames", "NativeFile"}

const byteOrderMark = "\ufeff"

// cells protects a row against spreadsheets. The four signs are dangerous in
// their full width too.
func cells(row ...string) []string {
	for i, cell := range row {
		if strings.IndexAny(cell, "=+-@\t\r\n＝＋－＠") == 0 {
			row[i] = "'" + cell
		}
	}
	return row
}

// loadRow is the line of a message.
func (e *exporter) loadRow(ctx context.Context, item index.Summary, c *copied) ([]string, error) {
	doc, err := e.s.within(ctx).Document(ctx, item.Address)
	if errors.Is(err, archive.ErrGone) || errors.Is(err, archive.ErrNotFound) {
		doc, err = &index.Document{Summary: item}, nil // Removed in this moment.
	}
	if err != nil {
		return nil, err
	}
	var files []string
	for _, a := range doc.Attachments {
		files = append(files, a.Filename)
	}
	id := strings.ReplaceAll(item.Address.String(), "/", "-")
	sent := item.Date.UTC().Format(time.RFC3339)
	return cells(id, id, id, "", cmp.Or(item.Mailbox, item.Queue), mailboxCell(item.From.Name, item.From.Address),
		receivers(doc, "to"), receivers(doc, "cc"), receivers(doc, "bcc"), receivers(doc, "recipient"), item.Subject, sent, item.Received.UTC().Format(time.RFC3339),
		id+".eml", strconv.FormatInt(c.file.Size, 10), c.md5, c.file.SHA256.String(), doc.MessageID, conversation(c), item.Thread,
		strconv.Itoa(len(files)), joined(files), c.file.Name), nil
}

// receivers lists the recipients of a role, each once.
func receivers(doc *index.Document, role string) string {
	var all []string
	known := map[string]bool{}
	for _, r := range doc.Recipients {
		if key := strings.ToLower(r.Address); r.Role == role && !known[key] {
			known[key] = true
			all = append(all, mailboxCell(r.Name, r.Address))
		}
	}
	return joined(all)
}

func mailboxCell(name, address string) string {
	if name == "" || name == address {
		return address
	}
	return name + " <" + address + ">"
}

// joined puts values into one cell.
func joined(all []string) string {
	for i := range all {
		all[i] = strings.ReplaceAll(all[i], ";", ",")
	}
	return strings.Join(all, "; ")
}

// conversation is what Outlook knows a conversation by, when the beginning of
// a message has it.
func conversation(c *copied) string {
	return message.Read(c.head, delivery(c.meta)).Original.ThreadIndex
}
