package extract

import (
	"fmt"
	"strings"
	"testing"

	"polytrace/message"
)

func TestEX1_Details(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"Ticket [4711] is open", "reference ticket 4711"},
		{"see ticket #[INC-20441].", "reference ticket INC-20441"},
		{"Order no. [2026-11-0042] is late", "reference order 2026-11-0042"},
		{"invoice number: [RE-88123]", "reference invoice RE-88123"},
		{"RMA [88-1203]", "reference rma 88-1203"},
		{"PO [4500012345]", "reference po 4500012345"},
		{"Rechnung Nr. [20261124] ist offen", "reference invoice 20261124"},
		{"Ihre Bestellung [B-10442]", "reference order B-10442"},
		{"It costs [$1,234.50] a year", "amount 1234.50 USD"},
		{"Es kostet [1.234,50 €].", "amount 1234.50 EUR"},
		{"We pay [EUR 20] for it", "amount 20 EUR"},
		{"We pay [20k USD] for it", "amount 20000 USD"},
		{"We pay [$1.5 million].", "amount 1500000 USD"},
		{"Wir zahlen [2,5 Mio. EUR] im Jahr", "amount 2500000 EUR"},
		{"call [+49 (0)30 1234-567] now", "phone +49301234567"},
		{"Tel.: [030 1234567]", "phone 0301234567"},
		{"Phone: [(555) 010-0123].", "phone 5550100123"},
		{"see [https://contoso.example/a/b?c=1#d].", "link https://contoso.example/a/b?c=1#d"},
		{"(see [https://contoso.example/a_(b)])", "link https://contoso.example/a_(b)"},
		{"<[http://fabrikam.example/]>", "link http://fabrikam.example/"},
		{"at [www.fabrikam.example], please", "link www.fabrikam.example"},
		{"it says error [E-1042] again", "error error E-1042"},
		{"Error code: [0x80070005]", "error error 0x80070005"},
		{"it fails with [0x80070005].", "error error 0x80070005"},
		{"net::[ERR_CONNECTION_RESET]", "error error ERR_CONNECTION_RESET"},
		{"Fehler [504] beim Senden", "error error 504"},
		{"firmware [4.2.1] is bad", "version firmware 4.2.1"},
		{"since [v4.2-rc1] it works", "version version 4.2-rc1"},
		{"Version [10.04]", "version version 10.04"},
		{"Serial number: [PX-4410-7781]", "serial serial PX-4410-7781"},
		{"S/N [SN0042773]", "serial serial SN0042773"},
		{"Seriennummer [770042773]", "serial serial 770042773"},

		{"In order to pay 20 people", ""},
		{"the case is closed", ""},
		{"10:30 is fine", ""},
		{"the order of 24 pumps", ""},
		{"a quote from Jane Doe", ""},
		{"order 2026 will be good", ""},
		{"12-34-56", ""},
		{"status report 2026", ""},
	} {
		text := strings.NewReplacer("[", "", "]", "").Replace(c.text)
		found := Details(text, []Span{{0, len(text)}})
		if c.want == "" {
			if len(found) > 0 {
				t.Errorf("%q: found %q (%s)", text, found[0].Quote, found[0].Rule)
			}
			continue
		}
		if len(found) != 1 {
			t.Errorf("%q: found %d details: %+v", text, len(found), found)
			continue
		}
		d := found[0].Value
		got := strings.Join(strings.Fields(fmt.Sprint(d.Kind, " ", d.Name, " ", d.Value, " ", d.Currency)), " ")
		if start, end := strings.Index(c.text, "["), strings.Index(c.text, "]")-1; got != c.want || found[0].Start != start || found[0].End != end {
			t.Errorf("%q: %q is %s, want %s", text, found[0].Quote, got, c.want)
		}
	}
}

func TestEX1_Signatory(t *testing.T) {
	jane := message.Mailbox{Name: "Jane Doe", Address: "jane.doe@contoso.example"}
	for _, c := range []struct {
		text string
		want Person
	}{
		{"-- \nJane Doe\nHead of Purchasing\nContoso Ltd.\nTel.: +49 30 1234567\n", Person{"Jane Doe", jane.Address, "Head of Purchasing", "Contoso Ltd.", "+49301234567"}},
		{"Best regards,\n\nJane Doe | Chief Financial Officer | Contoso\n", Person{"Jane Doe", jane.Address, "Chief Financial Officer", "Contoso", ""}},
		{"Mit freundlichen Grüßen\nDr. Jane Doe\nGeschäftsführerin\nContoso GmbH\nTelefon 030 1234567", Person{"Dr. Jane Doe", jane.Address, "Geschäftsführerin", "Contoso GmbH", "0301234567"}},
		{"-- \nThe contents are confidential.\n", Person{}},
		{"", Person{}},
	} {
		got, ok := Signatory(c.text, Span{0, len(c.text)}, jane)
		if got != c.want || ok != (c.want.Name != "") {
			t.Errorf("%q is signed by %+v", c.text, got)
		}
	}
}
