package index

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

// A pattern is asked of the terms that there are, not of the documents. Each term has a key for every
// 65,536 documents, so that going through those of all people would take too long. They have a
// list of their own, without documents, which is kept in memory (people.go): once through it, and then to the postings of what fits.
//
//	'R' term -> nothing   each term of fieldParticipant but those of local parts, "jane@"
//
// What stands in fieldFrom, fieldTo and their like stands in fieldParticipant too. Other fields
// have few terms.

// glob is a folded text with stars between its parts, each of which stands for any characters or none.
type glob [][]byte

func newGlob(text string) glob { return bytes.Split([]byte(text), []byte{'*'}) }

// fits reports whether all of a term is as the glob says.
func (g glob) fits(term []byte) bool {
	first, last := g[0], g[len(g)-1]
	if len(term) < len(first)+len(last) || !bytes.HasPrefix(term, first) || !bytes.HasSuffix(term, last) {
		return false
	}
	term = term[len(first) : len(term)-len(last)]
	for _, part := range g[1 : len(g)-1] {
		i := bytes.Index(term, part)
		if i < 0 {
			return false
		}
		term = term[i+len(part):]
	}
	return true
}

// ofPeople reports whether the terms of a field are listed.
func ofPeople(f field) bool {
	switch f {
	case fieldFrom, fieldTo, fieldCc, fieldBcc, fieldRcpt, fieldReplyTo, fieldParticipant:
		return true
	}
	return false
}

// inList reports whether a term of fieldParticipant is in the list.
func inList(term string) bool { return !strings.HasSuffix(term, "@") }

// evalPattern finds the documents that have a term that fits.
func (f *finder) evalPattern(n *Pattern) (docSet, error) {
	w, err := walkPostings(f.snap, n.Field)
	if err != nil {
		return nil, err
	}
	g, out := newGlob(n.Glob), f.none()
	if ofPeople(n.Field) {
		err = f.fitPeople(w, g, out)
	} else {
		err = w.fit(f.ctx, g, out)
	}
	return out, errors.Join(err, w.it.Close())
}

// fitPeople adds the documents of all terms of people that fit. Domains go first: of those who are in one
// of them nobody need be looked up.
func (f *finder) fitPeople(w *postingsWalk, g glob, out docSet) error {
	domains := map[string]bool{}
	err := f.listed([]byte{'@'}, g, func(term []byte) error {
		domains[string(term)] = true
		return w.add(term, out)
	})
	if err != nil || bytes.HasPrefix(g[0], []byte{'@'}) {
		return err
	}
	return f.listed(g[0], g, func(term []byte) error {
		if at := bytes.LastIndexByte(term, '@'); at >= 0 && domains[string(term[at:])] {
			return nil
		}
		return w.add(term, out)
	})
}

// listed calls do with the terms of people that begin with prefix and fit, nearly in order; it may name one twice.
func (f *finder) listed(prefix []byte, g glob, do func(term []byte) error) error {
	if base := f.v.people.base; base != nil {
		small, err := base.load(f.ctx, f.snap)
		if err != nil {
			return err
		}
		if small {
			terms := base.terms
			if bytes.HasPrefix(prefix, []byte{'@'}) {
				terms = base.domains
			}
			if err := fitting(f.ctx, terms, prefix, g, do); err != nil {
				return err
			}
			return fitting(f.ctx, f.v.people.tail, prefix, g, do)
		}
	}
	return f.listedRows(prefix, g, do)
}

// listedRows is listed without what is in memory.
func (f *finder) listedRows(prefix []byte, g glob, do func(term []byte) error) error {
	from := append([]byte{famTerm}, prefix...)
	it, err := f.snap.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: after(from)})
	if err != nil {
		return err
	}
	n := 0
	for ok := it.First(); ok && err == nil; ok = it.Next() {
		if term := it.Key()[1:]; g.fits(term) {
			err = do(term)
		}
		if n++; n%termsBetweenLooks == 0 && f.ctx.Err() != nil {
			err = context.Cause(f.ctx)
		}
	}
	return errors.Join(err, it.Close())
}

// termsBetweenLooks is after how many terms it is asked whether anybody waits for the answer.
const termsBetweenLooks = 10_000

// postingsWalk reads the postings of many terms of a field. It is fastest when they come in order.
type postingsWalk struct {
	it   *pebble.Iterator
	from []byte // Family and field.
	key  []byte
}

func walkPostings(r pebble.Reader, fd field) (*postingsWalk, error) {
	from := []byte{famPostings, byte(fd)}
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: after(from)})
	return &postingsWalk{it: it, from: from}, err
}

// shortWalk is how many keys are passed one by one before the next is looked for.
const shortWalk = 8

// seek goes to a key, or to the first behind it.
func (w *postingsWalk) seek(key []byte) bool {
	if !w.it.Valid() || bytes.Compare(w.it.Key(), key) > 0 {
		return w.it.SeekGE(key)
	}
	for range shortWalk {
		if bytes.Compare(w.it.Key(), key) >= 0 {
			return true
		}
		if !w.it.Next() {
			return false
		}
	}
	return bytes.Compare(w.it.Key(), key) >= 0 || w.it.SeekGE(key)
}

// find goes to the first chunk of a term, false when there is none.
func (w *postingsWalk) find(term []byte) bool {
	w.key = append(append(append(w.key[:0], w.from...), term...), 0)
	return w.seek(w.key) && w.there()
}

// there reports whether it is at a chunk of the term that was looked for.
func (w *postingsWalk) there() bool {
	return len(w.it.Key()) == len(w.key)+2 && bytes.HasPrefix(w.it.Key(), w.key)
}

// add adds the documents of a term to out.
func (w *postingsWalk) add(term []byte, out docSet) error {
	for ok := w.find(term); ok; ok = w.it.Next() && w.there() {
		value, err := w.it.ValueAndErr()
		if err == nil {
			err = addPostings(out.chunk(keyChunk(w.it.Key())), value)
		}
		if err != nil {
			return err
		}
	}
	return w.it.Error()
}

// fit adds the documents of all terms of the field that fit.
func (w *postingsWalk) fit(ctx context.Context, g glob, out docSet) error {
	n := 0
	for ok := w.it.First(); ok; {
		if n++; n%termsBetweenLooks == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		key := w.it.Key()
		term := bytes.Clone(key[len(w.from) : len(key)-3]) // Behind it are 0x00 and the chunk.
		if g.fits(term) {
			if err := w.add(term, out); err != nil {
				return err
			}
		}
		ok = w.seek(append(append(bytes.Clone(w.from), term...), 1))
	}
	return w.it.Error()
}
