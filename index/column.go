package index

import "slices"

// column is the number of the thread of each document, in blocks, so that one
// that changes is copied with few others. What readers see of it never changes.
type column []*[columnBlock]uint32

const columnBlock = 4096

const (
	noThread = ^uint32(0)
	// splitOff marks the number of a thread that people split off from others: that of its document with the lowest address.
	splitOff = 1 << 31
)

func (c column) of(doc docID) uint32 { return c[doc/columnBlock][doc%columnBlock] }

// with makes room for the next document.
func (c column) with(doc docID) column {
	if doc%columnBlock == 0 {
		c = append(slices.Clip(c), new([columnBlock]uint32))
	}
	c[doc/columnBlock][doc%columnBlock] = noThread
	return c
}

// setThread says which thread a document is in.
func (a *applier) setThread(doc docID, thread uint32) {
	b := int(doc / columnBlock)
	if doc < a.published && !a.ownBlocks[b] {
		if a.ownBlocks == nil {
			a.ownBlocks = map[int]bool{}
			a.thread = slices.Clone(a.thread)
		}
		block := *a.thread[b]
		a.thread[b] = &block
		a.ownBlocks[b] = true
	}
	a.thread[b][doc%columnBlock] = thread
}

// allOf adds the documents that are in a thread with any of some.
func (v *view) allOf(docs, out docSet) {
	roots := [2]docSet{make(docSet, len(docs)), make(docSet, len(docs))} // Of threads as they are, and split off.
	docs.each(func(doc docID) {
		if t := v.thread.of(doc); t != noThread {
			roots[t/splitOff].add(t % splitOff)
		}
	})
	for b, block := range v.thread {
		first := docID(b * columnBlock)
		for i, t := range block[:min(columnBlock, v.n-first)] {
			if t != noThread && roots[t/splitOff].has(t%splitOff) {
				out.add(first + docID(i))
			}
		}
	}
}
