package index

import (
	"testing"
	"time"

	"polytrace/message"
)

// A Date is called forged where servers that took the message say that it cannot be.
func TestForgedDate(t *testing.T) {
	received := day(2026, 11, 20)
	for _, c := range []struct {
		what, header string
		forged       bool
	}{
		{"an hour before", dated(received.Add(-time.Hour)), false},
		{"no Date", "Subject: x", true},
		{"unreadable", "Date: gestern", true},
		{"a clock never set", "Date: Tue, 1 Jan 1970 00:00:00 +0000", true},
		{"a day ahead of the receipt", dated(received.Add(24 * time.Hour)), false},
		{"three days ahead of the receipt", dated(received.Add(72 * time.Hour)), true},
		{"years old, imported", dated(day(2019, 1, 1)), false},
		{"years old, handed over then", dated(day(2019, 1, 1)) + "\nReceived: by mx.example; " + day(2019, 1, 2).Format(time.RFC1123Z), false},
		{"years old, handed over now", dated(day(2019, 1, 1)) + "\nReceived: by mx.example; " + received.Format(time.RFC1123Z), true},
		{"on its way for six days", dated(received.Add(-6*24*time.Hour)) + "\nReceived: by mx.example; " + received.Format(time.RFC1123Z), false},
		{"old, but newer than it was handed over", dated(day(2019, 1, 9)) + "\nReceived: by mx.example; " + day(2019, 1, 2).Format(time.RFC1123Z), true},
		{"a server ahead of the receipt", dated(day(2019, 1, 1)) + "\nReceived: by mx.example; " + received.Add(72*time.Hour).Format(time.RFC1123Z), false},
		{"the sender's server is not asked", dated(day(2026, 11, 19)) + "\nReceived: by mx.example; " + received.Format(time.RFC1123Z) + "\nReceived: by x; " + day(2019, 1, 1).Format(time.RFC1123Z), false},
	} {
		if got := forgedDate(message.Parse([]byte(c.header+"\n\nx\n")), received); got != c.forged {
			t.Errorf("%s: forged is %v", c.what, got)
		}
	}
}
