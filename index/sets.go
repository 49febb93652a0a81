package index

import "sync"

// A question needs a set for each of its parts, and at a million documents each is 125 kB: left to the
// garbage collector they were most of what it had to do. So they are lent, and taken back when the question is answered.

// spare is what no question uses now.
type spare struct {
	sets    sync.Pool // of *docSet
	rankers sync.Pool // of *ranker
}

// lender lends the sets of one question.
type lender struct {
	pool *spare
	all  []*docSet
	free []docSet // Of all, those that were taken back already; not empty.
}

// maxLent is how many sets are taken back; a question that needs more leaves them to the garbage collector.
const maxLent = 64

// set is an empty set with room for n documents.
func (l *lender) set(n docID) docSet {
	size := int((n + 63) / 64)
	if last := len(l.free) - 1; last >= 0 && cap(l.free[last]) >= size {
		s := l.free[last][:size]
		l.free = l.free[:last]
		clear(s)
		return s
	}
	if len(l.all) == maxLent {
		return make(docSet, size)
	}
	kept, ok := l.pool.sets.Get().(*docSet)
	if ok && cap(*kept) >= size {
		*kept = (*kept)[:size]
		clear(*kept)
	} else {
		s := make(docSet, size, size+size/8) // While mail comes in, the sets of later questions are a little larger.
		kept = &s
	}
	l.all = append(l.all, kept)
	return *kept
}

// end takes all sets back; none may be used any more.
func (l *lender) end() {
	for _, s := range l.all {
		l.pool.sets.Put(s)
	}
	l.free, l.all = nil, nil
}

func (l *lender) ranker() *ranker {
	if r, ok := l.pool.rankers.Get().(*ranker); ok {
		return r
	}
	return new(ranker)
}

// none is an empty set, which is not to be used once the question is answered.
func (f *finder) none() docSet {
	if f.lender == nil {
		return make(docSet, (f.v.n+63)/64)
	}
	return f.lender.set(f.v.n)
}

// drop takes a set back that none had made and nobody else has.
func (f *finder) drop(s docSet) {
	if f.lender != nil {
		f.lender.free = append(f.lender.free, s)
	}
}
