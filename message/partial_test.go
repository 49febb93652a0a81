package message

import (
	"fmt"
	"os"
	"slices"
	"testing"
)

// The example of RFC 2046 section 5.2.2.2 in its shape: what comes out of the
// fragments is the message that was cut.
func TestFragmentsJoinToTheWhole(t *testing.T) {
	piece := func(n, total int, body string) []byte {
		said := ""
		if total > 0 {
			said = fmt.Sprintf("; total=%d", total)
		}
		return fmt.Appendf(nil, "X-Weird: %d\r\nFrom: a@b.example\r\nSubject: audio (%d)\r\nMessage-ID: <p%d@b.example>\r\nMIME-Version: 1.0\r\nContent-Type: message/partial; id=\"abc@b.example\"; number=%d%s\r\n\r\n%s", n, n, n, n, said, body)
	}
	first := piece(1, 0, "X-Weird: inner\r\nMessage-ID: <whole@b.example>\r\nSubject: audio\r\nMIME-Version: 1.0\r\nContent-Type: text/plain;\r\n charset=utf-8\r\n\r\none\r\n")
	second, third := piece(2, 3, "two\r\n"), piece(3, 3, "three\r\n")
	want := "X-Weird: 1\r\nFrom: a@b.example\r\nMessage-ID: <whole@b.example>\r\nSubject: audio\r\nMIME-Version: 1.0\r\nContent-Type: text/plain;\r\n charset=utf-8\r\n\r\none\r\ntwo\r\nthree\r\n"
	got, ok := Join([][]byte{third, first, second, piece(2, 3, "again")})
	if !ok || string(got) != want {
		t.Errorf("%v %q\nwant %q", ok, got, want)
	}
	for name, fragments := range map[string][][]byte{
		"none":           nil,
		"one missing":    {first, third},
		"the first gone": {second, third},
		"total unknown":  {first},
		"another":        {first, second, []byte("Content-Type: message/partial; id=x; number=3; total=3\r\n\r\n")},
		"no fragment":    {first, second, third, []byte("Subject: x\r\n\r\n")},
		"absurd total":   {piece(1, 1<<40, "")},
	} {
		if raw, ok := Join(fragments); ok || raw != nil {
			t.Errorf("%s: %q", name, raw)
		}
	}
}

func TestFragmentsAreTold(t *testing.T) {
	raw, err := os.ReadFile("testdata/fixtures/55-message-partial-1of2.eml")
	if err != nil {
		t.Fatal(err)
	}
	m := Parse(raw)
	check(t, "fixture", m)
	if f := m.Parts[0].Partial; f == nil || *f != (Fragment{"abc@vendor.example", 1, 2}) || !slices.Contains(m.Defects, Defect{"partial", "", "1 of 2"}) {
		t.Errorf("%+v, defects %v", f, m.Defects)
	}
	for _, odd := range []string{"", "; number=1", "; id=x; number=0", "; id=x; number=99999999999999999999", "; id=x"} {
		if m := Parse([]byte("Content-Type: message/partial" + odd + "\n\nx")); m.Parts[0].Partial != nil || !hasDefect(m, "partial-unreadable") {
			t.Errorf("%s: %+v", odd, m.Parts[0].Partial)
		}
	}
}
