package index

import (
	"context"
	"math"
	"math/bits"
)

// Relevance is BM25F (Robertson, Zaragoza, Taylor: Simple BM25 extension to multiple weighted fields, 2004): a word weighs more the rarer it is, more in a subject
// than in a body, and each further time it stands there less. It depends on nothing
// but the documents below view.n, so that pages fit each other while mail comes in.
const (
	bm25K1     = 1.2
	bm25B      = 0.4
	meanLength = 250 // words of a body; near enough for weighing, and the same for every page
)

func weight(f field) float32 {
	switch f {
	case fieldSubject:
		return 3
	case fieldFilename, fieldParticipant, fieldFrom, fieldTo:
		return 2
	}
	return 1
}

// ranker reckons scores a chunk at a time, so that what it adds up stays in the caches of the processor.
type ranker struct {
	frequency, scores [chunkDocs]float32
}

// rankedSlot is a word to be weighed.
type rankedSlot struct {
	Slot
	fields []field
	idf    float32
	whole  []float32 // Of a prefix: its frequency by document, of all chunks.
}

// lengthWeights is what the length of a body does to its score, of all but the longest.
var lengthWeights = func() (all [4096]float32) {
	for n := range all {
		all[n] = weighLength(uint32(n))
	}
	return all
}()

func weighLength(words uint32) float32 {
	return bm25K1 * (1 - bm25B + bm25B*float32(words)/meanLength)
}

// rank calls take with the hits of a query and their scores, in order of documents; take returns the score below which
// it wants nothing more.
func (f *finder) rank(n Node, hits docSet, take func(ranked) float32) error {
	slots, err := f.rankedSlots(n, hits)
	if err != nil {
		return err
	}
	r := f.lender.ranker()
	defer f.lender.pool.rankers.Put(r)
	wanted := float32(0)
	for chunk := range f.v.chunks() {
		part := hits.chunk(chunk)
		if part.empty() {
			continue
		}
		if err := f.ctx.Err(); err != nil {
			return context.Cause(f.ctx)
		}
		clear(r.scores[:])
		for i := range slots {
			if err := f.score(r, &slots[i], chunk, part); err != nil {
				return err
			}
		}
		base := docID(chunk) << chunkBits
		for i, word := range part {
			for ; word != 0; word &= word - 1 {
				low := (i*64 + bits.TrailingZeros64(word)) % chunkDocs
				if score := r.scores[low]; score >= wanted {
					wanted = take(ranked{base | docID(low), score})
				}
			}
		}
	}
	return nil
}

// rankedSlots lists the words of a query with how rare they are.
func (f *finder) rankedSlots(n Node, hits docSet) (slots []rankedSlot, err error) {
	all := f.all()
	count := all.count()
	err = leaves(n, func(t *Text) error {
		for _, slot := range t.Slots {
			having, err := f.evalText(&Text{Fields: t.Fields, Slots: []Slot{slot}}, nil)
			if err != nil {
				return err
			}
			having.and(all) // The words of the dead stay for a while.
			found := having.count()
			f.drop(having)
			s := rankedSlot{Slot: slot, fields: t.Fields, idf: float32(math.Log(1 + (float64(count)-float64(found)+0.5)/(float64(found)+0.5)))}
			if slot.Prefix {
				if s.whole, err = f.frequencies(t.Fields, slot, hits); err != nil {
					return err
				}
			}
			slots = append(slots, s)
		}
		return nil
	})
	return slots, err
}

// frequencies adds up how often the words stand in each document that begin as a slot says.
func (f *finder) frequencies(fields []field, slot Slot, hits docSet) ([]float32, error) {
	all := make([]float32, f.v.chunks()*chunkDocs)
	for _, fd := range fields {
		err := f.chunks(famPositions, fd, slot, hits, func(chunk int, value []byte) error {
			if chunk >= f.v.chunks() {
				return nil // Of records applied since.
			}
			return addCounts(value, (*[chunkDocs]float32)(all[chunk*chunkDocs:]), hits.chunk(chunk), weight(fd))
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// addCounts adds to the sum of each of some documents how often a term stands in it, each time worth w.
func addCounts(value []byte, sums *[chunkDocs]float32, some docSet, w float32) error {
	r, err := readPositions(value)
	if err != nil {
		return err
	}
	r.addCounts(sums, some, w)
	return r.failure()
}

// score adds to the scores of a chunk what a word is worth.
func (f *finder) score(r *ranker, s *rankedSlot, chunk int, part docSet) error {
	frequency := &r.frequency
	if s.Prefix {
		frequency = (*[chunkDocs]float32)(s.whole[chunk*chunkDocs:])
	} else {
		clear(frequency[:])
		for _, fd := range s.fields {
			err := f.chunk(famPositions, fd, s.Text, chunk, func(_ int, value []byte) error {
				return addCounts(value, frequency, part, weight(fd))
			})
			if err != nil {
				return err
			}
		}
	}
	base := docID(chunk) << chunkBits
	length := f.v.length[base:]
	for i, word := range part {
		for ; word != 0; word &= word - 1 {
			low := (i*64 + bits.TrailingZeros64(word)) % chunkDocs
			tf := frequency[low]
			if tf == 0 {
				continue
			}
			var by float32
			if n := length[low]; n < uint32(len(lengthWeights)) {
				by = lengthWeights[n]
			} else {
				by = weighLength(n)
			}
			r.scores[low] += s.idf * tf * (bm25K1 + 1) / (tf + by)
		}
	}
	return nil
}

// leaves calls do with the texts that a hit has, those below a Not left out.
func leaves(n Node, do func(*Text) error) error {
	var kids []Node
	switch n := n.(type) {
	case *Text:
		return do(n)
	case *And:
		kids = n.Kids
	case *Or:
		kids = n.Kids
	case *Near:
		kids = []Node{n.A, n.B}
	case *InThread:
		kids = []Node{n.Kid}
	}
	for _, kid := range kids {
		if err := leaves(kid, do); err != nil {
			return err
		}
	}
	return nil
}
