package casework

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// DigestLine is a line of what goes out: an alert, or several that say the same.
type DigestLine struct {
	Text     string
	Critical bool
	Case     int    // Where it leads; 0: nowhere but to Sources.
	Search   string // "kim/acme-open", of one search alone.
	Sources  []Source
	Alerts   []int
}

// Digest is what a group says: what is critical first, then in order of raising. A message that several searches found stands
// there once, and what one search found is one line.
func Digest(alerts []Alert) (lines []DigestLine) {
	names, sources := map[string][]string{}, map[string]Source{} // Of the searches that found a message.
	for _, a := range alerts {
		if a.Kind == AlertSearch && len(a.Sources) == 1 {
			ref := a.Sources[0].ref()
			names[ref], sources[ref] = append(names[ref], a.Search), a.Sources[0]
		}
	}
	at := map[string]int{} // Place of a line by the searches.
	for _, a := range alerts {
		if a.Kind != AlertSearch || len(a.Sources) != 1 {
			lines = append(lines, DigestLine{a.Text, a.Critical, a.Case, a.Search, a.Sources, []int{a.ID}})
			continue
		}
		ref := a.Sources[0].ref()
		all := slices.Clone(names[ref])
		slices.Sort(all)
		all = slices.Compact(all)
		key := strings.Join(all, " ")
		i, ok := at[key]
		if !ok {
			i = len(lines)
			at[key] = i
			lines = append(lines, DigestLine{Search: a.Search})
		}
		line := &lines[i]
		line.Alerts = append(line.Alerts, a.ID)
		if !slices.ContainsFunc(line.Sources, func(x Source) bool { return x.ref() == ref }) {
			line.Sources = append(line.Sources, sources[ref])
		}
		line.Text = foundBy(len(line.Sources), all)
	}
	slices.SortStableFunc(lines, func(a, b DigestLine) int { return cmp.Compare(urgency(a), urgency(b)) })
	return lines
}

func urgency(l DigestLine) int {
	if l.Critical {
		return 0
	}
	return 1
}

// foundBy words how many messages match which searches.
func foundBy(n int, searches []string) string {
	for i, x := range searches {
		_, searches[i], _ = strings.Cut(x, "/")
	}
	what := "the search " + enumerate(searches)
	if len(searches) > 1 {
		what = "the searches " + enumerate(searches)
	}
	if n == 1 {
		return "A new message matches " + what
	}
	return fmt.Sprintf("%d new messages match %s", n, what)
}
