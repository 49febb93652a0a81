// Package message reads mail as it comes and never refuses it.
//
// Parse understands what it can of any bytes and lists as defects what it
// could not. Nothing here takes a clock, the network or randomness, so that
// reading the same bytes in ten years gives the same answer.
package message

import "time"

// Message is what was understood of a message's bytes (RFC 5322, MIME).
type Message struct {
	Raw     []byte  // The bytes it was read from.
	Header  []Field // Of the message itself, all fields in order.
	Subject string  // Decoded (RFC 2047), unfolded; "" when absent.
	From    []Mailbox
	Sender  []Mailbox
	ReplyTo []Mailbox
	To      []Mailbox
	Cc      []Mailbox
	Bcc     []Mailbox
	Date    time.Time // With the zone that was written; zero when absent or unreadable.

	MessageID   string   // Without angle brackets; "" when absent.
	InReplyTo   []string // Without angle brackets.
	References  []string // Without angle brackets, in order.
	ThreadIndex string   // Exchange's Thread-Index, as written.

	Class string // Message class that TNEF tells (MS-OXCMSG section 2.2.1.3), e.g. "IPM.Note"; "" as a rule.

	// Parts are the MIME parts, depth first in order of the bytes; Parts[0] is
	// the message itself. Behind them are those that were found inside of them
	// in other forms (see Part.Form).
	Parts   []Part
	Defects []Defect

	lines        []byte // Raw, or a copy of the same length in which LF ends the lines.
	innerSubject string // That TNEF tells.
}

// Field is a header field.
type Field struct {
	Name  string // As written.
	Value string // Unfolded and decoded to UTF-8 (RFC 2047), white space trimmed.
	Raw   []byte // Name, colon, value and line end, exactly; with junk lines that follow it.
	junk  int    // Bytes at the end of Raw that are junk lines.
}

// Mailbox is an address with the name people know it by (RFC 5322 section 3.4).
type Mailbox struct {
	Name    string `json:"name,omitempty"`
	Address string `json:"address"` // local@domain, as written; may be odd.
}

// Part is a node of the MIME tree.
type Part struct {
	N           int    // Its index in Message.Parts.
	Path        string // As IMAP numbers parts (RFC 9051 section 6.4.5.1): "1", "2.1"; "" is the message itself.
	Parent      int    // Index of the part that holds it; -1 for the message itself.
	Header      []Field
	Type        string // Lower case, e.g. "text/plain"; the default when absent or broken.
	Params      map[string]string
	Disposition string    // "inline", "attachment" or "".
	Filename    string    // Decoded (RFC 2231, RFC 2047 in the wild), no path; "" when absent.
	Charset     string    // As declared, lower case.
	Encoding    string    // Content-Transfer-Encoding as declared, lower case.
	ContentID   string    // Without angle brackets.
	Start       int       // Offset in Message.Raw of the part's header.
	Body        int       // Offset of the first byte behind the header.
	End         int       // Offset behind the last byte of the body.
	Embedded    *Message  // Of a message/rfc822 part.
	Partial     *Fragment // Of a message/partial part; see Join.

	// Form is how the file was encoded inside the part that holds it, where it
	// is no MIME part of its own: "tnef", "uuencode", "yenc", "smime"
	// (all parts of what an opaque signature holds); "" as a rule. Then Start, Body and End
	// are those of what it was decoded out of: the body of the part that holds
	// it, or in a text that is not encoded the lines of the file.
	Form string

	held     []byte // With a Form: the body, its transfer encoding not undone.
	depth    int    // Parts around it, those of messages around this one included.
	revealed int    // Parts that were found in it in other forms.
	opened   bool   // All that it holds was found.
	spare    bool   // A body that is read where there is no other.
	files    []span // Of its content, that are other parts and no text.
}

// Defect is one thing that was not as the standards ask.
type Defect struct {
	Code   string `json:"code"`           // Stable, e.g. "boundary-missing".
	Part   string `json:"part,omitempty"` // Path of the part it was found in.
	Detail string `json:"detail,omitempty"`
}
