package index

import (
	"time"

	"polytrace/message"
)

// How far the Date of a message may be from when servers say that they took it. Clocks and zones are
// wrong by a day or two; servers try for up to five days (RFC 5321 section 4.5.4.1), and drafts wait.
const (
	maxAhead  = 48 * time.Hour
	maxBehind = 7 * 24 * time.Hour
)

// forgedDate reports whether a message cannot have been sent when its Date says: there is none, it is
// of before there was mail, or far from when the last server took the message. Where that
// is not known, it is only compared with the receipt here, and not how far it lies before:
// what is imported is old. A server that says it took what came here before is not believed.
func forgedDate(m *message.Message, received time.Time) bool {
	if m.Date.IsZero() || m.Date.Before(earliest) || m.Date.After(received.Add(maxAhead)) {
		return true
	}
	handed := m.Handed()
	if handed.Before(earliest) || handed.After(received.Add(maxAhead)) {
		return false
	}
	return m.Date.After(handed.Add(maxAhead)) || m.Date.Before(handed.Add(-maxBehind))
}
