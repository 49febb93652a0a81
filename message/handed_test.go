package message

import (
	"testing"
	"time"
)

// The first Received field tells when a message was handed over, and no other.
func TestHandedIsOfTheLastServer(t *testing.T) {
	at := time.Date(2026, 11, 3, 9, 5, 0, 0, time.UTC)
	for header, want := range map[string]time.Time{
		"Received: from a.example by mx.example\n (8.17/8.17) with ESMTP id x; Tue, 3 Nov 2026 10:05:00 +0100 (CET)\nReceived: by a.example; Mon, 2 Nov 2026 10:05:00 +0100\n": at,
		"Received: by mx.example; gestern\nReceived: by a.example; Tue, 3 Nov 2026 09:05:00 +0000\n":                                                                           {},
		"Received:\n":           {},
		"Subject: no servers\n": {},
		"X-Received: by a; Tue, 3 Nov 2026 09:05:00 +0000\n": {},
	} {
		if got := Parse([]byte(header + "\nx\n")).Handed(); !got.Equal(want) {
			t.Errorf("%q: got %v, want %v", header, got, want)
		}
	}
}
