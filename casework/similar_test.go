package casework

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"polytrace/archive"
)

var pieceWords = strings.Fields("the a we our your gateway firmware update plant line invoice delivery please need lost link again since morning contract number serial unit office network port cable switch reboot error screen report data export missing late wrong order customer support help team root cause week production stopped password login certificate expired backup restore slow printer scanner warehouse batch second first pallet label barcode")

// request is a made-up request of some words.
func request(r *rand.Rand, words int) string {
	var text []string
	for range words {
		text = append(text, pieceWords[r.IntN(len(pieceWords))])
	}
	return strings.Join(text, " ")
}

// reworded is a text of which some words are others.
func reworded(r *rand.Rand, text string, share float64) string {
	words := strings.Fields(text)
	for i := range words {
		if r.Float64() < share {
			words[i] = pieceWords[r.IntN(len(pieceWords))]
		}
	}
	return "Hello, " + strings.Join(words, " ") + ". Best regards"
}

// sixty are sixty cases of six accounts, the last six of which say nearly what the first six do.
func sixty() (all []Likeness) {
	r := rand.New(rand.NewPCG(8, 60))
	var texts []string
	for i := range 60 {
		text := request(r, 40+r.IntN(40))
		if i >= 54 {
			text = reworded(r, texts[i-54], 0.08)
		}
		texts = append(texts, text)
		l := Likeness{Number: FirstCase + i, Title: fmt.Sprintf("Case %d", i), Account: fmt.Sprintf("account-%d", i%6), Status: Resolved, Owner: "kim", Text: SketchOf(text), Files: []archive.Digest{{0xff}}}
		if i%10 == 0 {
			l.Files = append(l.Files, archive.Digest{byte(i)})
		}
		all = append(all, l)
	}
	return all
}

func TestTR8_TheTwinIsAmongTheFirstThree(t *testing.T) {
	t.Parallel()
	all := sixty()
	for i := 54; i < 60; i++ {
		list := SimilarTo(all[i], all)
		at := slices.IndexFunc(list, func(s Similar) bool { return s.Number == all[i-54].Number })
		if at < 0 || at > 2 {
			t.Errorf("the twin of case %d is at %d of %+v", all[i].Number, at, list)
		}
	}
	if list := SimilarTo(all[30], all); len(list) != 0 {
		t.Errorf("a case without a twin has %+v", list)
	}
}

func TestTR8_WhatIsNotGivenChangesNothing(t *testing.T) {
	t.Parallel()
	all := sixty()
	with := SimilarTo(all[54], all)
	blind := slices.Clone(all)
	blind[0].Text, blind[0].Files = nil, nil // As of a case whose mail is for others.
	for _, s := range SimilarTo(all[54], blind) {
		if s.Number == all[0].Number {
			t.Errorf("%+v is told of", s)
		}
	}
	if len(with) == 0 || with[0].Number != all[0].Number {
		t.Errorf("it was first before: %+v", with)
	}
}

func TestTR8_FilesAndNumbersInCommonCountUnlessMostHaveThem(t *testing.T) {
	t.Parallel()
	of := Likeness{Number: 1, Account: "acme", Files: []archive.Digest{{1}, {9}}, References: []string{"PO-4711", "X100"}}
	all := []Likeness{of,
		{Number: 2, Account: "acme", Files: []archive.Digest{{1}}, Status: Closed, Owner: "kim"},
		{Number: 3, References: []string{"PO-4711"}, Status: Resolved, Owner: "kim"},
		{Number: 4, Account: "acme"}, // The account alone says nothing.
		{Number: 5, Files: []archive.Digest{{1}}, Into: 2},
	}
	for i := range 10 { // A logo, and the name of a product.
		all = append(all, Likeness{Number: 10 + i, Files: []archive.Digest{{9}}, References: []string{"X100"}})
	}
	list := SimilarTo(of, all)
	if len(list) != 2 || list[0].Number != 2 || list[1].Number != 3 {
		t.Fatalf("%+v", list)
	}
	if why := strings.Join(list[0].Why, "; "); why != "the same file; the same account" {
		t.Errorf("%q", why)
	}
	if why := strings.Join(list[1].Why, "; "); why != "names PO-4711 too" {
		t.Errorf("%q", why)
	}
	name := func(actor string) string { return strings.ToUpper(actor[:1]) + actor[1:] }
	if got := SaySimilar(list, name); got != "2 similar, 2 resolved by Kim" {
		t.Errorf("%q", got)
	}
	list = append(list, Similar{Number: 9, Status: Open}, Similar{Number: 8, Status: Closed, Owner: "lee"})
	if got := SaySimilar(list, name); got != "4 similar, 3 resolved, 2 by Kim" {
		t.Errorf("%q", got)
	}
	if SaySimilar(nil, name) != "" {
		t.Error("none are told of")
	}
}

// A sketch says about as much as comparing the runs of words does.
func TestSketchesAreNearTheTruth(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(uint64(rapid.IntRange(0, 1<<30).Draw(t, "seed")), 1))
		a := request(r, 60)
		b := reworded(r, a, rapid.SampledFrom([]float64{0, 0.02, 0.1, 0.5, 1}).Draw(t, "share"))
		runs := func(text string) map[string]bool {
			words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r == ' ' || r == ',' || r == '.' })
			all := map[string]bool{}
			for i := 0; i+shingle <= len(words); i++ {
				all[strings.Join(words[i:i+shingle], " ")] = true
			}
			return all
		}
		x, y := runs(a), runs(b)
		both := 0
		for run := range x {
			if y[run] {
				both++
			}
		}
		want := float64(both) / float64(len(x)+len(y)-both)
		if got := SketchOf(a).Like(SketchOf(b)); got < want-0.3 || got > want+0.3 {
			t.Fatalf("%.2f of the runs are the same, the sketches say %.2f", want, got)
		}
	})
}

func BenchmarkSimilarTo2000(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	var all []Likeness
	for i := range 2000 {
		all = append(all, Likeness{Number: i, Text: SketchOf(request(r, 60)), Files: []archive.Digest{{byte(i), byte(i >> 8)}}, References: []string{fmt.Sprint("PO-", i/2)}})
	}
	b.ReportAllocs()
	for b.Loop() {
		SimilarTo(all[7], all)
	}
}
