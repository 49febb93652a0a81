package gateway

import (
	"strings"
	"testing"
)

// A message that goes round is taken and counted, never refused; others are
// not counted.
func TestLoopsAreTakenAndCounted(t *testing.T) {
	a := &memory{}
	address, s := serve(t, a, nil)
	by := "Received: from a.example\r\n\tBY Journal.example.NET; Mon, 1 Jan 2024 00:00:00 +0000\r\n"
	for i, c := range []struct {
		body string
		want int64
	}{
		{strings.Repeat(by, 2) + "\r\n" + strings.Repeat(by, 3), 0},
		{strings.Repeat(by, 3) + "\r\n", 1},
		{strings.Repeat("Received: by journal.example.net.example\r\n", 5) + "\r\n", 1},
		{bodies["larger than RAM"], 1},
	} {
		client := dial(t, address)
		client.hello(false)
		client.envelope()
		client.transfer("DATA", c.body)
		if got := s.Status(); got.Loops != c.want || got.Accepted != int64(i+1) {
			t.Errorf("message %d: status %+v, want %d loops", i, got, c.want)
		}
	}
}

func FuzzLoops(f *testing.F) {
	for _, body := range bodies {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		loops(raw, "journal.example.net")
	})
}
