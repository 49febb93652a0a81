package main

import (
	"bytes"
	"strings"
	"testing"

	"polytrace/index"
)

// The status in words says why text could not be read, the most frequent reason first.
func TestStatusSaysWhyTextCouldNotBeRead(t *testing.T) {
	s := statusAnswer{Unsearchable: 1205, Index: index.Status{Reasons: map[string]int{"image only": 3, "encrypted": 1202}}}
	var out bytes.Buffer
	if err := s.print(&out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	for i, want := range []string{"unreadable 1,205", "1,202: encrypted", "3: image only", "bucket"} {
		if got := strings.Join(strings.Fields(lines[3+i]), " "); !strings.HasPrefix(got, want) {
			t.Errorf("line %d is %q, want %q", 3+i, got, want)
		}
	}
	out.Reset()
	if err := (statusAnswer{}).print(&out); err != nil || !strings.Contains(strings.Split(out.String(), "\n")[4], "bucket") {
		t.Errorf("without reasons: %s, %v", out.String(), err)
	}
}
