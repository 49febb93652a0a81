package message

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each file of testdata/automatic is mail as programs and people send it. The
// first word of its name is the kind that it is of; mail of a person is of none.
func TestTR14_AutomaticMailIsRecognised(t *testing.T) {
	counts := map[string]int{}
	for _, name := range files(t, "testdata/automatic") {
		want, _, _ := strings.Cut(filepath.Base(name), "-")
		counts[want]++
		if want == "person" {
			want = ""
		}
		m := Parse(automaticFile(t, name))
		if got := m.AutomaticKind(); string(got) != want {
			t.Errorf("%s is of kind %q", name, got)
		}
		if m.Automatic() != (want != "") {
			t.Errorf("%s: Automatic and its kind differ", name)
		}
		for _, z := range m.Text().Zones {
			if want != "" && z.Kind == zoneAuthor || want == "" && z.Kind == zoneAutomatic {
				t.Errorf("%s has a zone of kind %s", name, z.Kind)
			}
		}
	}
	if people := counts["person"]; people < 15 || sum(counts)-people < 40 {
		t.Errorf("too few files: %v", counts)
	}
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

func automaticFile(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// A bounce names those whom mail did not reach, and why; one that says that mail
// is late, or has arrived, names nobody, and neither does a mail that has a
// bounce attached.
func TestTR14_BouncesNameWhomMailDidNotReach(t *testing.T) {
	for name, want := range map[string]string{
		"bounce-postfix":          "rolf.okonjo-beck@acme.example 5.1.1",
		"bounce-exchange":         "rolf.okonjo-beck@acme.example 5.1.10",
		"bounce-exim-report":      "eirik@halvorsen-marine.example 5.2.1", // Status says 5.0.0, the server's words more.
		"bounce-google":           "suport@northwind.example 5.1.1",
		"bounce-sendmail-delayed": "",
		"receipt-delivered":       "",
		"person-forwards-bounce":  "",
	} {
		var got []string
		for _, d := range Parse(automaticFile(t, "testdata/automatic/"+name+".eml")).Bounced() {
			got = append(got, d.Address+" "+d.Status)
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestStatusCodes(t *testing.T) {
	for s, want := range map[string]string{
		"5.1.1": "5.1.1", "5.1.1 (unknown)": "5.1.1", "smtp; 550-5.1.1 no": "5.1.1", "smtp; 550 no such user": "", "5.1": "", "3.1.1": "", "192.0.2.25 said 550 5.7.1": "5.7.1", "5.1.1000": "", "v5.1.1.2": "",
	} {
		if got := statusCode(s); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}

// That somebody left is read from the answer of his mailbox, with the words that
// say so.
func TestESC11_WhoLeftIsRead(t *testing.T) {
	body := Parse(automaticFile(t, "testdata/automatic/absence-left-company.eml")).Text().Body
	start, end := Left(body)
	if start < 0 || body[start:end] != "no longer with the company" {
		t.Errorf("%d to %d of %q", start, end, body)
	}
	for text, want := range map[string]string{
		"Frau Berg hat das Unternehmen verlassen.":                  "hat das Unternehmen verlassen",
		"İ Madame Vautrinel ne fait plus partie de la maison.":      "ne fait plus partie",
		"I am no longer with Contoso. Write to bob@contoso.example": "am no longer with",
		"I am out of the office until Monday.":                      "",
		"The line is no longer with the pump.":                      "",
	} {
		got := ""
		if start, end := Left(text); start >= 0 {
			got = text[start:end]
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := fmt.Sprint(Left("")); got != "-1 -1" {
		t.Error(got)
	}
}
