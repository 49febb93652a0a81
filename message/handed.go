package message

import (
	"strings"
	"time"
)

// Handed is when the last server on the way took the message, as the first of the Received
// fields says (RFC 5321 section 4.4); zero when it does not. What stands below that field, the
// sender may have written.
func (m *Message) Handed() time.Time {
	value := rawValue(m.Header, "Received")
	return parseDate(value[strings.LastIndexByte(value, ';')+1:])
}
