package archive

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// The examples in FORMAT.md are what this code writes, but for line breaks.
func TestExamplesInFormatAreTrue(t *testing.T) {
	text, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```json\n")[1:]
	if len(blocks) != 3 {
		t.Fatalf("there are %d examples, want 3", len(blocks))
	}
	for _, block := range blocks {
		raw, _, _ := strings.Cut(block, "```")
		var want bytes.Buffer
		if err := json.Compact(&want, []byte(raw)); err != nil {
			t.Fatal(err)
		}
		var got []byte
		if m, err := parseMeta([]byte(raw)); err == nil {
			got, err = json.Marshal(&m)
			if err != nil {
				t.Fatal(err)
			}
		} else if m, err := parseManifest([]byte(raw)); err == nil {
			got, err = json.Marshal(&m)
			if err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(got, want.Bytes()) {
			t.Errorf("the example\n%s\nis written as\n%s", want.Bytes(), got)
		}
	}
}
