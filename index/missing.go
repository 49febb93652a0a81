package index

import (
	"slices"

	"polytrace/archive"
	"polytrace/casework"
)

// missing lists the messages that documents of a conversation answer and that are not here, in the
// order in which they are named, each with the first that answers it. Within limits a message that may not be told of is
// missing like one that never came: nobody can tell which of the two it is.
func (f *finder) missing(c conversation, docs []docID) (lost []casework.Lost, err error) {
	of := map[docID][]correction{}
	if c.split {
		if of, err = f.corrections(); err != nil {
			return nil, err
		}
	}
	// Whoever has a Message-ID is in the same thread as all that name it, before anything is split off.
	all, err := membersOf(f.get, f.v, c.whole, of)
	if err != nil {
		return nil, err
	}
	keeps := func(*member, string) bool { return true }
	if c.split {
		keeps = newDivision(all).keeps
	}
	shown, known := f.none(), map[string]bool{}
	defer f.drop(shown)
	for _, doc := range docs {
		shown.add(doc)
	}
	for i := range all {
		if f.sees(all[i].doc) {
			known[all[i].id] = true
		}
	}
	slices.SortFunc(all, func(a, b member) int { return f.v.compare(a.doc, b.doc) })
	for i := range all {
		m := &all[i]
		if !shown.has(m.doc) {
			continue
		}
		for _, id := range m.names {
			if !known[id] && keeps(m, id) {
				known[id] = true
				lost = append(lost, casework.Lost{MessageID: id, By: f.v.address(m.doc)})
			}
		}
	}
	return lost, nil
}

// corrections are those of all documents.
func (f *finder) corrections() (map[docID][]correction, error) {
	by := map[archive.Digest][]correction{}
	err := eachIn(f.snap, []byte{famCorrection}, func(key, value []byte) error {
		d, c, err := decodeCorrection(key, value)
		by[d] = append(by[d], c)
		return err
	})
	if err != nil {
		return nil, err
	}
	return correctionsOf(f.get, by)
}
