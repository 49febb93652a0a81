package main

import (
	"strings"
	"testing"
	"time"

	"polytrace/index"
)

// The queries in the examples of --help are ones that the index understands.
func TestExamplesAskWhatCanBeAsked(t *testing.T) {
	for _, verb := range []string{"search", "export"} {
		for line := range strings.Lines(examples["polytrace "+verb]) {
			query := strings.TrimSpace(strings.TrimPrefix(line, "polytrace "+verb))
			if quoted, ok := strings.CutPrefix(query, "'"); ok {
				query, _, _ = strings.Cut(quoted, "'")
			} else {
				query, _, _ = strings.Cut(query, " ")
			}
			if _, err := index.Parse(query, time.Now(), index.Names{}); query == "" || err != nil {
				t.Errorf("%s: %q: %v", strings.TrimSpace(line), query, err)
			}
		}
	}
}
