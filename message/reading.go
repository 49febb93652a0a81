package message

// Formats of a queue: how the copies that a mail server sends are wrapped.
const (
	FormatAuto     = "auto"     // Exchange reports where the marker is found, else a plain copy.
	FormatExchange = "exchange" // Exchange and Microsoft 365 envelope journal reports.
	FormatPostfix  = "postfix"  // BCC copies, with or without the original recipient in the address.
	FormatPlain    = "plain"    // A copy as it is.
)

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
	Format     string      // What it turned out to be: exchange, postfix or plain.
	Levels     int         // Journal reports that were unwrapped.
	MessageID  string      // Of the original, also when only the report around it tells.
	Sender     string      // As proven by report or token, else the header's.
	Recipients []Recipient // All that are known, proven before claimed.
	Tenant     string      // Microsoft 365 tenant GUID; "" when not named.
	Defects    []Defect    // Of the wrapping; the original's own are in it.
}

// Recipient is one receiver of a message and how we know.
type Recipient struct {
	Address    string `json:"address"`
	Name       string `json:"name,omitempty"`
	Role       string `json:"role"`       // to, cc, bcc, recipient.
	Provenance string `json:"provenance"` // proven:journal, proven:token, proven:rcpt, claimed:…, header.
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
}
