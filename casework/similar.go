package casework

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"
	"unicode"

	"polytrace/archive"
)

// Likeness is what a case is compared by with others: what its mail carries, names and says first, as somebody may
// read it. Of mail that is not for him there is nothing in it.
type Likeness struct {
	Number     int
	Into       int // The case that it is part of; 0 as a rule.
	Title      string
	Account    string // As the case says; cases of one account say the same.
	Status     Status
	Owner      string
	Files      []archive.Digest // Attached to its mail, each once.
	References []string         // Numbers that its mail names, each once.
	Text       Sketch           // Of the first message of the customer.
}

// Similar is a case that is like another one, and why.
type Similar struct {
	Number  int      `json:"number"`
	Title   string   `json:"title"`
	Account string   `json:"account"`
	Status  Status   `json:"status"`
	Owner   string   `json:"owner"`
	Score   int      `json:"score"` // The more the more alike; to compare with others of the same list.
	Why     []string `json:"why"`
}

// Done reports whether somebody has handled it.
func (s Similar) Done() bool { return s.Status == Resolved || s.Status == Closed }

// How much counts what cases have in common. The account alone makes no two cases alike.
const (
	alikeFrom = 0.25 // As much of a text as two that say the same in other words have in common.

	textPoints      = 100
	filePoints      = 40 // The first; each other one a quarter of it.
	referencePoints = 50
	accountPoints   = 15
	mostShared      = 4  // Files or references that count.
	commonFrom      = 5  // What so many cases have, and one in twenty, says nothing: logos, the number of a product.
	commonShare     = 20 // One in so many.
)

// SimilarTo lists the cases that are like one of them, the most alike first; of equal ones the newest. It is a function of
// what it is given alone: cases and mail that are not in it neither appear nor count.
func SimilarTo(of Likeness, all []Likeness) (list []Similar) {
	files, references := map[archive.Digest]int{}, map[string]int{}
	for i := range all {
		for _, f := range all[i].Files {
			files[f]++
		}
		for _, r := range all[i].References {
			references[r]++
		}
	}
	most := max(commonFrom, len(all)/commonShare)
	for i := range all {
		other := &all[i]
		if other.Number == of.Number || other.Into != 0 || of.Into == other.Number {
			continue
		}
		s := Similar{Number: other.Number, Title: other.Title, Account: other.Account, Status: other.Status, Owner: other.Owner}
		if like := of.Text.Like(other.Text); like >= alikeFrom {
			s.add(int(math.Round(like*textPoints)), fmt.Sprintf("the first message of the customer says nearly the same (%.0f %%)", like*100))
		}
		if n := inCommon(of.Files, other.Files, func(f archive.Digest) bool { return files[f] <= most }); len(n) > 0 {
			s.add(inAll(filePoints, len(n)), "the same "+or(map[bool]string{true: "file"}[len(n) == 1], fmt.Sprintf("%d files", len(n))))
		}
		if n := inCommon(of.References, other.References, func(r string) bool { return references[r] <= most }); len(n) > 0 {
			s.add(inAll(referencePoints, len(n)), "names "+enumerate(n[:min(len(n), mostShared)])+" too")
		}
		if s.Score == 0 {
			continue
		}
		if of.Account != "" && of.Account == other.Account {
			s.add(accountPoints, "the same account")
		}
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b Similar) int { return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(b.Number, a.Number)) })
	return list
}

func (s *Similar) add(points int, why string) {
	s.Score += points
	s.Why = append(s.Why, why)
}

// inAll are the points for things in common.
func inAll(points, n int) int { return points + (min(n, mostShared)-1)*points/4 }

// inCommon lists what is in both, and counts.
func inCommon[T comparable](a, b []T, counts func(T) bool) (both []T) {
	for _, x := range a {
		if slices.Contains(b, x) && counts(x) {
			both = append(both, x)
		}
	}
	return both
}

// SaySimilar is in a few words what similar cases there are: "3 similar, 2 resolved by Kim". It is "" where there are none.
func SaySimilar(list []Similar, name func(actor string) string) string {
	if len(list) == 0 {
		return ""
	}
	by, done, first := map[string]int{}, 0, ""
	for _, s := range list {
		if !s.Done() {
			continue
		}
		done++
		if by[s.Owner]++; s.Owner != "" && (first == "" || by[s.Owner] > by[first]) {
			first = s.Owner
		}
	}
	text := fmt.Sprintf("%d similar", len(list))
	switch {
	case done == 0:
		return text
	case first == "":
		return text + fmt.Sprintf(", %d resolved", done)
	case by[first] == done:
		return text + fmt.Sprintf(", %d resolved by %s", done, name(first))
	}
	return text + fmt.Sprintf(", %d resolved, %d by %s", done, by[first], name(first))
}

// Sketch stands for the runs of words of a text: two have about as many numbers in common at the same places as the texts
// have runs in common (Broder 1997, min-wise hashing). Nil is of a text with too few words to say anything.
type Sketch []uint32

const (
	sketchSize = 64 // So that it is off by about 6 in a hundred.
	shingle    = 3  // Words of a run.
	minWords   = 8
)

// SketchOf makes the sketch of a text. Case, marks and numbers do not count: those that matter are references.
func SketchOf(text string) Sketch {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for i, w := range words {
		if strings.ContainsFunc(w, unicode.IsDigit) {
			words[i] = "0"
		}
	}
	if len(words) < minWords {
		return nil
	}
	s := make(Sketch, sketchSize)
	for i := range s {
		s[i] = math.MaxUint32
	}
	for i := 0; i+shingle <= len(words); i++ {
		h := fnv.New64a()
		for _, w := range words[i : i+shingle] {
			h.Write([]byte(w))
			h.Write([]byte{0})
		}
		x := h.Sum64()
		for k := range s {
			x = mixed(x + 0x9e3779b97f4a7c15)
			s[k] = min(s[k], uint32(x))
		}
	}
	return s
}

// mixed spreads a number (Steele, Lea and Flood 2014, SplitMix).
func mixed(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Like is how much of two texts is the same, about, from 0 to 1.
func (s Sketch) Like(o Sketch) float64 {
	if s == nil || o == nil {
		return 0
	}
	same := 0
	for i := range s {
		if s[i] == o[i] {
			same++
		}
	}
	return float64(same) / sketchSize
}

// Footing is a case and which mail is of it and of the cases that were merged into it.
type Footing struct {
	Likeness                     // Without what mail says.
	Stand    archive.Position    // Changes when anything of these cases does.
	Cited    [][]archive.Address // Of each of the cases: what it cites,
	Links    [][]Link            // and which conversations are of it.
}

// Footings lists all cases, also those that are part of others, by number.
func (s *State) Footings() []Footing {
	list := make([]Footing, len(s.cases))
	for i, c := range s.cases {
		f := Footing{Likeness: Likeness{Number: c.Number, Into: c.Into, Title: c.Title, Account: c.Account, Status: c.Status, Owner: c.Owner}}
		all := []*caseFile{c}
		for k := 0; k < len(all); k++ {
			for _, part := range all[k].Parts {
				all = append(all, s.file(part))
			}
			f.Stand += all[k].Revision
			var cited []archive.Address
			for _, x := range all[k].Citations {
				cited = append(cited, x.Record)
			}
			f.Cited, f.Links = append(f.Cited, cited), append(f.Links, slices.Clone(all[k].Links))
		}
		list[i] = f
	}
	return list
}
