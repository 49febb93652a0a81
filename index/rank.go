package index

import "math"

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

// scores rates the hits of a query; the slice is by document.
func (f *finder) scores(n Node, hits docSet) ([]float32, error) {
	scores := make([]float32, f.v.n)
	all := f.all()
	count := all.count()
	err := leaves(n, func(t *Text) error {
		for _, slot := range t.Slots {
			if err := f.score(scores, t.Fields, slot, hits, all, count); err != nil {
				return err
			}
		}
		return nil
	})
	return scores, err
}

func (f *finder) score(scores []float32, fields []field, slot Slot, hits, all docSet, count int) error {
	having, err := f.evalText(&Text{Fields: fields, Slots: []Slot{slot}}, nil)
	if err != nil {
		return err
	}
	having.and(all) // The words of the dead stay for a while.
	found := having.count()
	frequency := make([]float32, f.v.n)
	for _, fd := range fields {
		w := weight(fd)
		err := f.chunks(famPositions, fd, slot, hits, func(chunk int, value []byte) error {
			r, part, base := readPositions(value), hits.chunk(chunk), docID(chunk)<<chunkBits
			for e, ok := r.next(); ok; e, ok = r.next() {
				if low := docID(e.low); int(low/64) < len(part) && part.has(low) {
					frequency[base|low] += w * float32(e.count())
				}
			}
			return r.err
		})
		if err != nil {
			return err
		}
	}
	idf := float32(math.Log(1 + (float64(count)-float64(found)+0.5)/(float64(found)+0.5)))
	hits.each(func(doc docID) {
		if tf := frequency[doc]; tf > 0 {
			norm := 1 - bm25B + bm25B*float32(f.v.length[doc])/meanLength
			scores[doc] += idf * tf * (bm25K1 + 1) / (tf + bm25K1*norm)
		}
	})
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
