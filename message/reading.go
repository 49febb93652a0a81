package message

// Formats of a queue: what mail server sends the copies, and how.
const (
	FormatAuto     = "auto"     // Exchange reports where the marker is found, else a plain copy.
	FormatExchange = "exchange" // Exchange, Microsoft 365 and Amazon WorkMail envelope journal reports.
	FormatGoogle   = "google"   // Google Workspace: "Also deliver to" and third-party archiving.
	FormatPostfix  = "postfix"  // Postfix BCC copies, with or without the original recipient in the address.
	FormatExim     = "exim"     // Exim: unseen router that adds the original recipient to the address, or a transport that adds the envelope.
	FormatZimbra   = "zimbra"   // Zimbra: archiving by amavis, and the cover mails of legal intercept.
	FormatSieve    = "sieve"    // redirect :copy of Dovecot and other Sieve servers.
	FormatDomino   = "domino"   // HCL Domino journaling over SMTP.
	FormatKerio    = "kerio"    // Kerio Connect archiving.
	FormatMDaemon  = "mdaemon"  // MDaemon archive copies.
	FormatPlain    = "plain"    // A copy as it is.
)

// Formats lists them all, in the order to offer them.
func Formats() []string {
	return []string{FormatAuto, FormatExchange, FormatGoogle, FormatPostfix, FormatExim, FormatZimbra, FormatSieve, FormatDomino, FormatKerio, FormatMDaemon, FormatPlain}
}

// Delivery says how a message reached the archive, as far as it matters for
// reading it. All of it comes from the record's metadata.
type Delivery struct {
	Format string   // Of the queue; "" for an import.
	From   string   // Reverse-path of the SMTP envelope.
	To     []string // Forward-paths of the SMTP envelope.
}

// Reading is a record understood as the mail that people sent.
type Reading struct {
	Original   *Message    // The message as sent; the whole record when nothing wraps it.
	Report     *Message    // The outermost journal report around it, else nil.
	Offset     int         // Of the original in the record's bytes; -1 when it had to be decoded out of a transfer encoding.
	Format     string      // What it turned out to be: exchange, postfix (the address says whom it was for), zimbra or plain.
	Levels     int         // Reports and cover mails that were unwrapped.
	MessageID  string      // Of the original, also when only the report around it tells.
	Subject    string      // As the report says, which knows what the original's field may have lost, else the original's.
	Sender     string      // As proven by report or token, else the header's.
	Recipients []Recipient // All that are known, proven before claimed.
	Tenant     string      // Microsoft 365 tenant GUID; "" when not named.
	Mailbox    string      // Of whom the copy was taken, where the mail server says so, else "".
	Operation  string      // What was done in Mailbox, e.g. "add message" (Zimbra legal intercept), else "".
	Defects    []Defect    // Of the wrapping; the original's own are in it.
}

// Recipient is one receiver of a message and how we know.
type Recipient struct {
	Address    string `json:"address"` // As written; an X.500 name where Domino tells no other.
	Name       string `json:"name,omitempty"`
	Role       string `json:"role"`       // to, cc, bcc, recipient.
	Provenance string `json:"provenance"` // proven:journal, proven:token, claimed:<field>, inferred:received-for, header.
	Via        string `json:"via,omitempty"`
	ViaKind    string `json:"via_kind,omitempty"` // expanded or forwarded.
}

// Text is what can be read of a message, in the form that is shown, searched
// and cited. Offsets into it are bytes.
type Text struct {
	Part  int    // Index of the part it was taken from; -1 when there is none.
	Body  string // UTF-8, LF line ends, of the text part or made of the HTML part.
	HTML  string // UTF-8 source of the HTML alternative, unsanitised; "" when there is none.
	Zones []Zone // Cover Body without gaps, in order.
}

// Zone is a run of a text by who wrote it.
type Zone struct {
	Start, End int    // Byte offsets into Text.Body.
	Kind       string // author, quote, forward, signature, disclaimer, automatic.
}

// Attachment is a part that people see as a file.
type Attachment struct {
	N        int    `json:"n"` // Index of the part.
	Filename string `json:"filename"`
	Type     string `json:"type"`
	Size     int    `json:"size"` // Decoded bytes.
	SHA256   string `json:"sha256"`
	Inline   bool   `json:"inline,omitempty"`
	Form     string `json:"form,omitempty"` // How it was encoded inside another part, see Part.Form; "" as a rule.
}
