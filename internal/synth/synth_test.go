package synth

import (
	"bytes"
	"slices"
	"testing"

	"polytrace/message"
)

// A message is the same each time, and reads as it was meant.
func TestMessageIsAFunctionOfItsNumber(t *testing.T) {
	a, b := New(1), New(1)
	seen := map[string]bool{}
	for n := range 300 {
		raw := a.Message(n)
		if !bytes.Equal(raw, b.Message(n)) {
			t.Fatalf("message %d differs", n)
		}
		m := message.Read(raw, message.Delivery{}).Original
		if m.MessageID != a.ID(n) || m.Subject != a.Subject(n) || !m.Date.Equal(a.Sent(n)) || len(m.Defects) > 0 {
			t.Fatalf("message %d reads as %q %q %s %v", n, m.MessageID, m.Subject, m.Date, m.Defects)
		}
		if before := a.Answered(n); before >= 0 && !slices.Contains(m.References, a.ID(before)) {
			t.Fatalf("message %d does not name %d", n, before)
		}
		seen[m.MessageID] = true
	}
	if len(seen) != 300 {
		t.Errorf("300 messages have %d Message-IDs", len(seen))
	}
	if bytes.Equal(a.Message(5), New(2).Message(5)) {
		t.Error("two seeds write the same")
	}
}

// No two ranks share a word.
func TestWordsDiffer(t *testing.T) {
	m, seen := New(1), map[string]int{}
	for rank := range Words {
		w := m.Word(rank)
		if other, ok := seen[w]; ok {
			t.Fatalf("ranks %d and %d are both %q", other, rank, w)
		}
		seen[w] = rank
	}
}
