package index

import (
	"fmt"
	"slices"
	"testing"

	"polytrace/archive"
)

// The mail of a case is its conversations and what it cites, in the order in which it was said which are of it, and within
// the limits of who asks.
func TestMailOfACase(t *testing.T) {
	a := newMemArchive()
	letter := func(n, answers int, queue string) archive.Address {
		return a.append(archive.Meta{Received: day(2026, 11, n+1), Source: archive.Source{Queue: queue}}, mail(fmt.Sprintf("pump %d\n", n), "From: jane@contoso.example", "Subject: Pump", fmt.Sprintf("Message-ID: <%d@contoso.example>", n),
			fmt.Sprintf("In-Reply-To: <%d@contoso.example>", answers), fmt.Sprintf("Date: Mon, %d Nov 2026 10:00:00 +0000", n+1)))
	}
	first, second, hidden := letter(0, 90, "sales"), letter(1, 0, "sales"), letter(2, 1, "legal")
	alone, other, reply := letter(3, 91, "sales"), letter(4, 92, "sales"), letter(5, 4, "sales")
	x := follow(t, a)
	settled(t, x, a)
	link, aside := func(at archive.Address) CaseLink { return CaseLink{At: at} }, func(at archive.Address) CaseLink { return CaseLink{At: at, Aside: true} }
	for _, c := range []struct {
		name string
		of   []CaseMail
		want []archive.Address
	}{
		{"nothing", nil, nil},
		{"linked", []CaseMail{{Links: []CaseLink{link(second)}}}, []archive.Address{first, second, hidden}},
		{"cited", []CaseMail{{Cited: []archive.Address{reply}}}, []archive.Address{other, reply}},
		{"put aside by another message", []CaseMail{{Links: []CaseLink{link(second), aside(first)}}}, nil},
		{"and brought back", []CaseMail{{Links: []CaseLink{link(second), aside(first), link(hidden)}}}, []archive.Address{first, second, hidden}},
		{"put aside but for what is cited", []CaseMail{{Cited: []archive.Address{second}, Links: []CaseLink{aside(first)}}}, []archive.Address{second}},
		{"merged, where one put it aside", []CaseMail{{Links: []CaseLink{aside(other), link(alone)}}, {Links: []CaseLink{link(other)}}}, []archive.Address{alone, other, reply}},
		{"what is not here", []CaseMail{{Cited: []archive.Address{{Stream: archive.Mail, Position: 99}}, Links: []CaseLink{link(archive.Address{Stream: "nowhere"})}}}, nil},
	} {
		for _, w := range []Within{{}, {Withheld: []string{"legal"}}} {
			want := slices.DeleteFunc(slices.Clone(c.want), func(at archive.Address) bool { return len(w.Withheld) > 0 && at == hidden })
			letters, _, err := x.Within(w).CaseMail(t.Context(), c.of, true)
			if err != nil {
				t.Fatal(err)
			}
			var got []archive.Address
			for _, l := range letters {
				got = append(got, l.Address)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s within %v: got %v, want %v", c.name, w.Withheld, got, want)
			}
			found, err := x.Within(w).Naming(Names{Cases: func(int) []CaseMail { return c.of }}).Search(t.Context(), Request{Query: "case:7", Sort: Oldest})
			if err != nil || found.Total != len(want) && c.of != nil {
				t.Errorf("%s within %v: case: finds %d (%v), want %d", c.name, w.Withheld, found.Total, err, len(want))
			}
		}
	}
	marked := func(w Within, of ...CaseMail) uint64 {
		mark, err := x.Within(w).CaseMailMark(t.Context(), of)
		if err != nil {
			t.Fatal(err)
		}
		return mark
	}
	whole := CaseMail{Links: []CaseLink{link(second)}}
	if marked(Within{}, whole) != marked(Within{}, CaseMail{Cited: []archive.Address{first}}) || marked(Within{}, whole) == marked(Within{}, CaseMail{Links: []CaseLink{link(reply)}}) || marked(Within{}, whole) == marked(Within{Withheld: []string{"legal"}}, whole) {
		t.Error("the mark of mail is not that of other mail")
	}
	_, missing, err := x.Within(Within{}).CaseMail(t.Context(), []CaseMail{{Cited: []archive.Address{reply, first}}}, false)
	if err != nil || len(missing) != 2 || missing[0].MessageID != "90@contoso.example" || missing[0].By != first || missing[1].By != other {
		t.Errorf("missing are %+v (%v)", missing, err)
	}
}
