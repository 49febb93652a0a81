package index

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"polytrace/archive"
)

// refFacets checks that the facets of a query are those that reading all hits gives, and that
// each value, added to the query, finds as many as it says.
func refFacets(t tester, x Reader, q refQuery, docs []*refDoc, hit func(*refDoc) bool, w Within, sees func(*refDoc) bool) {
	counts := map[string]map[string]int{FacetPerson: {}, FacetMonth: {}, FacetQueue: {}, FacetMailbox: {}, FacetType: {}}
	for _, d := range docs {
		if !hit(d) {
			continue
		}
		counts[FacetPerson][d.address["from"][0]]++
		counts[FacetMonth][d.date.Format("2006-01")]++
		for whole, has := range d.told(w, docs, sees).wholes {
			name, value, _ := strings.Cut(whole, ":")
			if name == "has" || name == "filetype" {
				name = FacetType
			}
			if counts[name] != nil && has {
				counts[name][value]++
			}
		}
	}
	found := search(t, x, Request{Query: q.text, Facets: true})
	for _, f := range found.Facets {
		got := map[string]int{}
		for _, v := range f.Values {
			got[v.Value] = v.Count
			if n := search(t, x, Request{Query: x.Narrow(q.text, v.Query, testNow)}).Total; n != v.Count {
				t.Fatalf("%s with %s finds %d, the facet says %d", q.text, v.Query, n, v.Count)
			}
		}
		if diff := gocmp.Diff(counts[f.Name], got); diff != "" || f.More != 0 {
			t.Fatalf("%s within %+v by %s (-want +got):\n%s", q.text, w, f.Name, diff)
		}
		delete(counts, f.Name)
	}
	for name, left := range counts {
		if len(left) > 0 {
			t.Fatalf("%s within %+v: no facet %s, want %v", q.text, w, name, left)
		}
	}
	for _, b := range found.Volume {
		if n := search(t, x, Request{Query: x.Narrow(q.text, b.Query(), testNow)}).Total; n != b.Count {
			t.Fatalf("%s with %s finds %d, the bar says %d", q.text, b.Query(), n, b.Count)
		}
	}
}

// Bars and months count as days begin where somebody is, also where clocks are changed,
// so that each leads to as many as it says.
func TestBarsCountWhatTheyLeadTo(t *testing.T) {
	a := newMemArchive()
	for i := range 400 {
		at := day(2026, 3, 1).Add(time.Duration(i*i) * 9 * time.Minute)
		a.append(archive.Meta{Received: day(2030, 1, 1)}, mail(fmt.Sprintf("disk nr%d", i), dated(at)))
	}
	x := follow(t, a)
	caughtUp(t, x, a)
	for _, zone := range []string{"UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Apia"} {
		where, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Date(2031, 1, 1, 12, 0, 0, 0, where)
		for _, query := range []string{"disk", "date:2026-03", "date:2026-03..2026-10", "date:2026-03-20..2027", "nr1*", "date:2026-03-02"} {
			r := search(t, x, Request{Query: query, Now: now, Facets: true})
			bars, months := 0, 0
			for _, b := range r.Volume {
				bars += b.Count
				narrow := x.Within(Within{}).Narrow(query, b.Query(), now)
				if n := search(t, x, Request{Query: narrow, Now: now}).Total; n != b.Count {
					t.Errorf("%s: %s finds %d, the bar says %d", zone, narrow, n, b.Count)
				}
			}
			at := slices.IndexFunc(r.Facets, func(f Facet) bool { return f.Name == FacetMonth })
			for _, v := range r.Facets[at].Values {
				months += v.Count
			}
			if bars != r.Total || months != r.Total || r.Total == 0 {
				t.Errorf("%s, %s: %d in bars, %d in months, of %d", zone, query, bars, months, r.Total)
			}
		}
	}
}

// A condition is added to what was asked: alternatives stay together, the same is not
// said twice, and a shorter time takes the place of the longer one it is in.
func TestNarrow(t *testing.T) {
	r := Reader{}
	for _, c := range []struct{ query, condition, want string }{
		{"", "from:jane@contoso.example", "from:jane@contoso.example"},
		{" disk ", "has:link", "disk has:link"},
		{"disk OR array", "has:link", "(disk OR array) has:link"},
		{"(disk OR array) full", "has:link", "(disk OR array) full has:link"},
		{"disk has:link", "has:link", "disk has:link"},
		{"disk AND has:link", "has:attachment", "disk has:link has:attachment"},
		{"date:2026-03 disk", "date:2026-03-05", "disk date:2026-03-05"},
		{"disk date:2026", "date:2026-03-02..2026-03-08", "disk date:2026-03-02..2026-03-08"},
		{"disk date:2026-03", "date:2026-03-30..2026-04-05", "disk date:2026-03 date:2026-03-30..2026-04-05"},
		{"after:30d", "date:2026-11-05", "after:30d date:2026-11-05"},
		{"disk NEAR/5 full \"a OR b\"", "has:link", "disk NEAR/5 full \"a OR b\" has:link"},
		{"-(a OR b)", "has:link", "-(a OR b) has:link"},
		{"from:(jane OR bob)", "has:link", "from:(jane OR bob) has:link"},
		{"NOT disk", "has:link", "NOT disk has:link"},
	} {
		got := r.Narrow(c.query, c.condition, testNow)
		if got != c.want {
			t.Errorf("%q with %s is %q, want %q", c.query, c.condition, got, c.want)
		}
	}
}

// What limits a query can be taken out of it one by one.
func TestFilters(t *testing.T) {
	for query, want := range map[string]string{
		"":     "",
		"disk": "",
		"disk from:jane AND -has:link (a OR b) date:2026-03": "from:jane → disk -has:link (a OR b) date:2026-03 | -has:link → disk from:jane (a OR b) date:2026-03 | date:2026-03 → disk from:jane -has:link (a OR b)",
		"from:jane":               "from:jane → ",
		"from:jane OR from:bob":   "",
		"https://x.example/ 9:30": "",
		`subject:"a b" c`:         `subject:"a b" → c`,
		"from:(a OR b) c":         "from:(a OR b) → c",
	} {
		var got []string
		for _, f := range (Reader{}).Filters(query, testNow) {
			got = append(got, f.Text+" → "+f.Without)
		}
		if s := strings.Join(got, " | "); s != want {
			t.Errorf("%s: %s, want %s", query, s, want)
		}
	}
}

// People with the most mail come first, with how many more there are, and a message of
// several authors counts for each that is listed.
func TestPeopleWhoWroteMost(t *testing.T) {
	a := newMemArchive()
	for i := range 20 {
		for n := range i + 1 {
			a.append(archive.Meta{}, mail(fmt.Sprintf("disk %d %d", i, n), fmt.Sprintf("From: P%d <p%d@contoso.example>", i, i)))
		}
	}
	a.append(archive.Meta{}, mail("both", "From: p3@contoso.example, P19 <P19@CONTOSO.example.>"))
	x := follow(t, a)
	caughtUp(t, x, a)
	people := search(t, x, Request{Facets: true}).Facets[0]
	if v := people.Values; len(v) != maxFacet || people.More != 20-maxFacet || v[0] != (FacetValue{"p19@contoso.example", "P19", 21, "from:p19@contoso.example"}) || v[11].Value != "p8@contoso.example" {
		t.Errorf("%+v", people)
	}
	if r := search(t, x, Request{}); r.Facets != nil {
		t.Errorf("nobody asked for %v", r.Facets)
	}
	first := search(t, x, Request{Limit: 1})
	if next, err := x.Search(context.Background(), Request{Limit: 1, Cursor: first.Next, Facets: true, Now: testNow}); err != nil || next.Facets != nil {
		t.Errorf("on the second page: %v %v", next, err)
	}
}
