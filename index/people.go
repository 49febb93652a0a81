package index

import (
	"bytes"
	"context"
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// The terms of people are also kept in memory once somebody asked for a pattern: to look through some megabytes takes
// a millisecond, to walk as many rows a hundred times that. What is kept may be more than what there is, never
// less: terms whose documents were removed find nothing.

const (
	maxPeopleKept = 32 << 20 // Bytes of terms that are kept; of an index that has more the rows are walked.
	maxPeopleTail = 2 << 20  // Bytes of terms that came since; when there are more all are read anew.
)

// peopleList is the terms of people as of a view. Like the view it never changes.
type peopleList struct {
	base *peopleBase
	tail []byte // What was written since base was begun, each behind 0x00; many of it base has too.
}

// with is the list with the terms of a batch.
func (p peopleList) with(terms []byte) peopleList {
	if len(p.tail)+len(terms) > maxPeopleTail {
		return peopleList{base: new(peopleBase)}
	}
	return peopleList{p.base, append(p.tail, terms...)}
}

// peopleBase is the terms that there were at some time, read when they are first asked for: of
// whichever snapshot, since none from which it is asked lacks a term that is not in the tail.
type peopleBase struct {
	mu      sync.Mutex // Guards what follows until it is read.
	read    bool
	large   bool   // There are too many.
	terms   []byte // Each behind 0x00, in order.
	domains []byte // Of terms, those that begin with @.
}

// load reads the terms unless that was done; false when there are too many.
func (b *peopleBase) load(ctx context.Context, r pebble.Reader) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.read {
		return !b.large, nil
	}
	var all []byte
	n, from, to := 0, 0, 0
	err := eachIn(r, []byte{famTerm}, func(key, _ []byte) error {
		if n++; n%termsBetweenLooks == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if len(all) > maxPeopleKept {
			return nil
		}
		term := key[1:]
		if at := bytes.HasPrefix(term, []byte{'@'}); at && to == 0 {
			from = len(all)
		}
		all = append(append(all, 0), term...)
		if bytes.HasPrefix(term, []byte{'@'}) {
			to = len(all)
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	if b.read, b.large = true, len(all) > maxPeopleKept; !b.large {
		b.terms = bytes.Clone(all) // As long as it is, not as it grew.
		b.domains = b.terms[from:to]
	}
	return !b.large, nil
}

// fitting calls do with those of terms that begin with prefix and fit.
func fitting(ctx context.Context, terms, prefix []byte, g glob, do func(term []byte) error) error {
	literal := g.longest()
	for n, at := 1, 0; ; n++ {
		i := bytes.Index(terms[at:], literal)
		if i < 0 {
			return nil
		}
		start := bytes.LastIndexByte(terms[:at+i], 0) + 1
		end := len(terms)
		if n := bytes.IndexByte(terms[at+i:], 0); n >= 0 {
			end = at + i + n
		}
		if term := terms[start:end]; bytes.HasPrefix(term, prefix) && g.fits(term) {
			if err := do(term); err != nil {
				return err
			}
		}
		if at = end; n%termsBetweenLooks == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// longest is the longest part without a star.
func (g glob) longest() (part []byte) {
	for _, p := range g {
		if len(p) > len(part) {
			part = p
		}
	}
	return part
}
