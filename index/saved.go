package index

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// parseSaved puts a saved search in the place where it is named. What is wrong
// in it is told at that place: who asks sees nothing else of it.
func parseSaved(p *parser, op *operator, v value) (Node, error) {
	name := foldLine(strings.TrimSpace(v.text))
	query, known := p.names.Saved[name]
	switch {
	case !known:
		return nil, p.errorf(v.start, "There is no saved search %s.%s", shown(name), p.didYouMean(name))
	case slices.Contains(p.inside, name):
		return nil, p.errorf(v.start, "The saved search %s uses itself: %s.", name, strings.Join(append(slices.Clone(p.inside), name), " → "))
	}
	if *p.expanded += len(query) + 1; *p.expanded > maxQuery {
		return nil, p.errorf(v.start, "With the saved searches in it the query is longer than %d bytes. Ask for less at once.", maxQuery)
	}
	if err := p.enter(v.start); err != nil {
		return nil, err
	}
	defer p.leave()
	inner := *p
	inner.query, inner.at, inner.inside = query, 0, append(slices.Clip(p.inside), name)
	inner.braces, inner.parts, inner.spans = 0, nil, nil // Of the query around it.
	n, err := inner.all()
	p.relative = p.relative || inner.relative
	var wrong *SyntaxError
	if errors.As(err, &wrong) {
		text := wrong.Text
		if !strings.HasPrefix(text, inSaved) && !strings.HasPrefix(text, "The saved search ") {
			text = fmt.Sprintf("%s%s, at %s: %s", inSaved, name, shown(query[wrong.Offset:]), text)
		}
		return nil, p.errorf(v.start, "%s", text)
	}
	return n, err
}

const inSaved = "In the saved search "

func (p *parser) didYouMean(name string) string {
	near := nearest(name, slices.Sorted(maps.Keys(p.names.Saved)))
	if len(near) == 0 {
		return " The page Searches lists those that there are."
	}
	return " Did you mean " + strings.Join(near, " or ") + "?"
}
