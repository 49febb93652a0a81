package gateway

import (
	"bytes"
	"strings"
)

const (
	maxLoopHeader = 64 << 10 // So much of a header is looked at.
	maxPasses     = 3        // Received fields of ours that are no accident.
)

// loops reports whether a message goes round in a circle that we are in: it
// came by this host several times (RFC 5321 section 6.3). Such a message is
// taken like any other. It reads the beginning of the message.
func loops(head []byte, hostname string) bool {
	passes, trace := 0, []byte(nil) // trace is the Received field that is being read.
	for l := range bytes.Lines(head[:min(maxLoopHeader, len(head))]) {
		if l[0] == ' ' || l[0] == '\t' {
			if len(trace) > 0 {
				trace = append(trace, l...)
			}
			continue
		}
		if len(trace) > 0 && byHost(string(trace), hostname) {
			passes++
		}
		name, value, _ := bytes.Cut(l, []byte(":"))
		if trace = trace[:0]; bytes.EqualFold(bytes.TrimSpace(name), []byte("Received")) {
			trace = append(trace, value...)
		}
		if len(bytes.TrimRight(l, "\r\n")) == 0 {
			break
		}
	}
	return passes >= maxPasses
}

// byHost reports whether a Received field says "by" and the host (RFC 5321
// section 4.4).
func byHost(value, hostname string) bool {
	words := strings.Fields(value)
	for i := range len(words) - 1 {
		if strings.EqualFold(words[i], "by") && strings.EqualFold(strings.TrimRight(words[i+1], ".;"), hostname) {
			return true
		}
	}
	return false
}
