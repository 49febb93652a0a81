package gateway

import (
	"bytes"
	"strings"

	"polytrace/archive"
)

const (
	maxLoopHeader = 64 << 10 // So much of a header is looked at.
	maxPasses     = 3        // Received fields of ours that are no accident.
)

// loops reports whether a message goes round in a circle that we are in: it
// came by this host several times (RFC 5321 section 6.3). Such a message is
// taken like any other.
func loops(body archive.Body, hostname string) bool {
	head := make([]byte, min(maxLoopHeader, body.Size()))
	n, _ := body.ReadAt(head, 0) // Evidence is elsewhere: what cannot be read is no loop.
	passes := 0
	for name, value := range fields(head[:n]) {
		if strings.EqualFold(name, "Received") && byHost(value, hostname) {
			passes++
		}
	}
	return passes >= maxPasses
}

// fields yields the header fields of a message, with their folds.
func fields(head []byte) func(yield func(name, value string) bool) {
	return func(yield func(name, value string) bool) {
		var field []byte
		for l := range bytes.Lines(head) {
			folded := l[0] == ' ' || l[0] == '\t'
			if !folded {
				name, value, ok := strings.Cut(string(field), ":")
				if ok && !yield(strings.TrimSpace(name), value) {
					return
				}
				field = field[:0]
			}
			if len(bytes.TrimRight(l, "\r\n")) == 0 {
				return
			}
			field = append(field, l...)
		}
	}
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
