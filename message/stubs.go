package message

// Parse reads a message. It never fails: what it could not understand is in
// Defects and everything else is there.
func Parse(raw []byte) *Message { panic("not built") }

// Read unwraps what a mail server put around a message.
func Read(raw []byte, d Delivery) *Reading { panic("not built") }

// Text returns the readable body of the message.
func (m *Message) Text() Text { panic("not built") }

// Attachments lists the parts of the message, embedded messages included as
// one file each, that people see as files.
func (m *Message) Attachments() []Attachment { panic("not built") }

// Content decodes the transfer encoding of a part: the exact bytes of a file.
func (m *Message) Content(part int) []byte { panic("not built") }

// Automatic reports whether a machine wrote the message (RFC 3834, lists, bounces).
func (m *Message) Automatic() bool { panic("not built") }

// BaseSubject is the subject without reply and forward prefixes (RFC 5256 section 2.1, in the languages met).
func BaseSubject(subject string) string { panic("not built") }
