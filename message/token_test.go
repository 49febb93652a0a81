package message

import "testing"

// The address of a copy proves whom it was for where Postfix or Exim write it,
// and in no other queue: there anybody may have.
func TestAddressesProveInTheirFormats(t *testing.T) {
	raw := []byte("From: jane@acme.example\r\nTo: undisclosed-recipients:;\r\n\r\nx\r\n")
	to := []string{"support-7f3k2+to=bob=contoso.example@journal.example", `"support-7f3k2+to=b b=contoso.example"@journal.example`}
	for _, format := range Formats() {
		r := Read(raw, Delivery{Format: format, To: to})
		proves := format == FormatPostfix || format == FormatExim || format == FormatAuto
		if !proves {
			if len(r.Recipients) != 0 {
				t.Errorf("%s: %+v", format, r.Recipients)
			}
			continue
		}
		if len(r.Recipients) != 2 || r.Recipients[0].Address != "bob@contoso.example" || r.Recipients[1].Address != "b b@contoso.example" || r.Recipients[0].Provenance != "proven:token" {
			t.Errorf("%s: %+v", format, r.Recipients)
		}
	}
}
