package index

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
	"unsafe"

	"github.com/cockroachdb/pebble/v2"

	"polytrace/archive"
)

// pageReader reads what a page shows of documents. It takes the rows of a family in the order of their keys, with
// one iterator for all: for a page of neighbours that costs a fraction of looking each row up, and for others not more.
type pageReader struct {
	*finder
	it, citing *pebble.Iterator
	h          *highlighter // Nil without snippets.
	docs       []docID
	order      []int // Of docs, as their rows stand.
	rows       []*stored
	out        []Summary
}

// summaries reads what a page shows of documents.
func (f *finder) summaries(docs []docID, h *highlighter) (_ []Summary, err error) {
	r := &pageReader{finder: f, h: h, docs: docs, order: make([]int, len(docs)), rows: make([]*stored, len(docs)), out: make([]Summary, len(docs))}
	if len(docs) == 0 {
		return r.out, nil
	}
	for i := range docs {
		r.order[i] = i
	}
	slices.SortFunc(r.order, func(a, b int) int { return cmp.Compare(docs[a], docs[b]) })
	if r.it, err = f.snap.NewIter(&pebble.IterOptions{LowerBound: []byte{famText}, UpperBound: []byte{famThread + 1}}); err != nil {
		return nil, err
	}
	r.citing, err = f.snap.NewIter(&pebble.IterOptions{LowerBound: []byte{famCiting}, UpperBound: []byte{famCiting + 1}})
	if err != nil {
		return nil, errors.Join(err, r.it.Close())
	}
	for _, read := range []func() error{r.summaries, r.snippets, r.threads} {
		if err = read(); err != nil {
			break
		}
	}
	return r.out, errors.Join(err, r.it.Close(), r.citing.Close())
}

// row is the value of a key, nil when there is none. It is valid until the next.
func (r *pageReader) row(key []byte) ([]byte, error) {
	if !r.it.SeekGE(key) || !bytes.Equal(r.it.Key(), key) {
		return nil, r.it.Error()
	}
	return r.it.ValueAndErr()
}

func (r *pageReader) summaries() error {
	for _, i := range r.order {
		value, err := r.row(docKey(famSummary, r.docs[i]))
		if err != nil {
			return err
		}
		if r.rows[i], err = decodeStored(value); err != nil {
			return err
		}
		out := &r.out[i]
		*out = r.rows[i].summary()
		if slices.Contains(r.limits.Withheld, out.Queue) {
			out.Queue = ""
		}
		if out.Cases, err = r.cases(r.docs[i], r.rows[i], r.citing); err != nil {
			return err
		}
	}
	return nil
}

func (r *pageReader) snippets() error {
	if r.h == nil {
		return nil
	}
	for _, i := range r.order {
		value, err := r.row(docKey(famText, r.docs[i]))
		if err != nil {
			return err
		}
		if value == nil {
			continue
		}
		author, n := binary.Uvarint(value)
		if n <= 0 {
			return errCorrupt
		}
		// Texts are long and of them little is shown, so that none is copied: nothing keeps this string, and the row
		// stays as it is until the next is read.
		text := unsafe.String(unsafe.SliceData(value[n:]), len(value)-n)
		out := &r.out[i]
		out.Snippet, out.Marks = r.h.snippet(text, int(author))
		if len(out.Marks) > 0 {
			continue
		}
		if err := r.attachedSnippet(r.docs[i], r.h, out); err != nil {
			return err
		}
	}
	return nil
}

// threads tells which conversations they are of; neighbours often are of the same.
func (r *pageReader) threads() error {
	slices.SortFunc(r.order, func(a, b int) int { return cmp.Compare(r.rows[a].thread, r.rows[b].thread) })
	var lowest archive.Address
	last := noThread
	for _, i := range r.order {
		if thread := r.v.thread.of(r.docs[i]); thread != noThread && thread >= splitOff {
			r.out[i].Thread = threadID(r.v.address(thread % splitOff))
			continue
		}
		if thread := r.rows[i].thread; thread != last {
			_, row, err := findThread(r.row, thread)
			if err != nil {
				return err
			}
			lowest, last = row.lowest, thread
		}
		r.out[i].Thread = threadID(lowest)
	}
	return nil
}
