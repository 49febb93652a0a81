//go:build real

package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"testing"

	"polytrace/archive"
)

// lines reads and writes the lines of a connection with their ends.
type lines struct {
	r *bufio.Reader
	w io.Writer
}

func newLines(c net.Conn) *lines { return &lines{bufio.NewReader(c), c} }

func (l *lines) read() (string, error) { return l.r.ReadString('\n') }

func (l *lines) write(s string) error {
	_, err := io.WriteString(l.w, s)
	return err
}

// inBucket reads from the status how far the mail is in the bucket.
func inBucket(t *testing.T, status string) archive.Position {
	t.Helper()
	var s struct {
		Archive archive.Status `json:"archive"`
	}
	if err := json.Unmarshal([]byte(status), &s); err != nil {
		t.Fatalf("status: %v\n%s", err, status)
	}
	for _, stream := range s.Archive.Streams {
		if stream.Stream == archive.Mail {
			return stream.InBucket
		}
	}
	return 0
}
