package casework

import "strings"

// DiffPart is a run of words that both texts have, or only one of them.
type DiffPart struct {
	Is   string `json:"is"` // same, removed or added.
	Text string `json:"text"`
}

// What a run of words is.
const (
	Same    = "same"
	Removed = "removed"
	Added   = "added"
)

// Bounds of a comparison: words of each text, and words that differ, of which the memory grows with the square.
const (
	maxDiffWords = 20_000
	maxDiffers   = 1_500
)

// WordDiff compares two texts word by word, with as few words that differ as there can be (Myers 1986). It is false
// where there are more than is shown.
func WordDiff(before, after string) (parts []DiffPart, ok bool) {
	a, b := strings.Fields(before), strings.Fields(after)
	head := 0
	for head < min(len(a), len(b)) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < min(len(a), len(b))-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	d := differ{}
	d.add(Same, a[:head]...)
	if !d.compare(a[head:len(a)-tail], b[head:len(b)-tail]) {
		return nil, false
	}
	d.add(Same, a[len(a)-tail:]...)
	return d.joined(), true
}

// differ puts the parts together.
type differ struct {
	is    []string
	words []string
}

func (d *differ) add(is string, words ...string) {
	for _, w := range words {
		d.is, d.words = append(d.is, is), append(d.words, w)
	}
}

func (d *differ) joined() (parts []DiffPart) {
	for i := 0; i < len(d.is); {
		j := i
		for j < len(d.is) && d.is[j] == d.is[i] {
			j++
		}
		parts = append(parts, DiffPart{d.is[i], strings.Join(d.words[i:j], " ")})
		i = j
	}
	return parts
}

// compare follows on each diagonal k = x−y the path that has come furthest with n words that differ, for growing n, and
// then goes the way back.
func (d *differ) compare(a, b []string) bool {
	if len(a) > maxDiffWords || len(b) > maxDiffWords {
		return false
	}
	most := min(len(a)+len(b), maxDiffers)
	furthest := make([]int, 2*most+3) // x on diagonal k at k+most+1.
	var trace [][]int
	for n := 0; n <= most; n++ {
		trace = append(trace, append([]int(nil), furthest[most+1-n:most+2+n]...))
		for k := -n; k <= n; k += 2 {
			at := k + most + 1
			x := furthest[at-1] + 1 // A word of a is removed.
			if k == -n || k != n && furthest[at-1] < furthest[at+1] {
				x = furthest[at+1] // A word of b is added.
			}
			for x < len(a) && x-k < len(b) && a[x] == b[x-k] {
				x++
			}
			if furthest[at] = x; x >= len(a) && x-k >= len(b) {
				d.walk(a, b, trace)
				return true
			}
		}
	}
	return false
}

// walk goes back from the end along the furthest paths, and adds the words on the way forwards.
func (d *differ) walk(a, b []string, trace [][]int) {
	type step struct {
		is   string
		word string
	}
	var steps []step
	x, y := len(a), len(b)
	for n := len(trace) - 1; n >= 0; n-- {
		k := x - y
		before := func(k int) int { // Before the n-th word; trace[n] has diagonals from -n to n.
			if k < -n || k > n {
				return -1
			}
			return trace[n][k+n]
		}
		from := k - 1
		if k == -n || k != n && before(k-1) < before(k+1) {
			from = k + 1
		}
		px := before(from)
		py := px - from
		if n == 0 {
			px, py = 0, 0
		}
		for x > px && y > py {
			x, y = x-1, y-1
			steps = append(steps, step{Same, a[x]})
		}
		switch {
		case n == 0:
		case from == k+1:
			y--
			steps = append(steps, step{Added, b[y]})
		default:
			x--
			steps = append(steps, step{Removed, a[x]})
		}
	}
	for i := len(steps) - 1; i >= 0; i-- {
		d.add(steps[i].is, steps[i].word)
	}
}
