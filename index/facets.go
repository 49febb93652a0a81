package index

import (
	"cmp"
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

// Facet tells the hits apart by one thing, the most frequent values first; months by time.
type Facet struct {
	Name   string       `json:"name"`
	Values []FacetValue `json:"values"`
	More   int          `json:"more,omitempty"` // How many values are not listed.
}

// FacetValue is what some of the hits have in common.
type FacetValue struct {
	Value string `json:"value"`
	Name  string `json:"name,omitempty"` // Of a person, as the newest of the hits has it.
	Count int    `json:"count"`          // What is found with Query added, exactly.
	Query string `json:"query"`          // See Reader.Narrow.
}

// Names of facets.
const (
	FacetPerson  = "person" // Who wrote it.
	FacetMonth   = "month"
	FacetQueue   = "queue"
	FacetMailbox = "mailbox"
	FacetType    = "type" // What a message has, and what files.
)

const (
	maxFacet  = 12
	maxMonths = 36
	maxNamed  = 1 << 16 // Hits that are looked through for names.
	// maxFacetTerms bounds what is read for one facet, in bytes; where there is more, as with
	// a mailbox for each of very many people, the facet is left out.
	maxFacetTerms = 16 << 20
)

// facets tells hits apart. Those that no hit has a value of are left out.
func (f *finder) facets(hits docSet, days daily) (all []Facet, err error) {
	for _, make := range []func() (Facet, error){
		func() (Facet, error) { return f.people(hits) },
		func() (Facet, error) { return months(days), nil },
		func() (Facet, error) { return f.queues(hits) },
		func() (Facet, error) {
			return f.valued(FacetMailbox, fieldMailbox, hits, func(string) bool { return true })
		},
		func() (Facet, error) { return f.types(hits) },
	} {
		facet, err := make()
		if err != nil {
			return nil, err
		}
		if len(facet.Values) > 0 {
			all = append(all, facet)
		}
	}
	return all, nil
}

// people finds who wrote most of the hits, and counts for each what from: finds, which is also mail with
// several authors.
func (f *finder) people(hits docSet) (Facet, error) {
	counts := make([]int32, len(f.v.authors))
	for i, w := range hits {
		for ; w != 0; w &= w - 1 {
			counts[f.v.author[i*64+bits.TrailingZeros64(w)]]++
		}
	}
	facet := Facet{Name: FacetPerson}
	var most []uint32
	before := func(a, b uint32) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(f.v.authors[a], f.v.authors[b]))
	}
	for n := uint32(1); int(n) < len(counts); n++ {
		if counts[n] == 0 {
			continue
		}
		facet.More++
		if at, _ := slices.BinarySearchFunc(most, n, before); at < maxFacet {
			most = slices.Insert(most, at, n)
			most = most[:min(len(most), maxFacet)]
		}
	}
	names, err := f.names(most, hits)
	if err != nil {
		return facet, err
	}
	for _, n := range most {
		query := condition("from", f.v.authors[n])
		if query == "" {
			continue
		}
		count := 0
		err := f.chunks(famPostings, fieldFrom, Slot{f.v.authors[n], false}, hits, func(chunk int, value []byte) error {
			n, err := countPostings(hits.chunk(chunk), value)
			count += n
			return err
		})
		if err != nil {
			return facet, err
		}
		facet.Values = append(facet.Values, FacetValue{f.v.authors[n], names[n], count, query})
	}
	facet.More -= len(facet.Values)
	facet.sort()
	return facet, nil
}

// names finds what the newest hit of each author calls him; of those who wrote none of the latest ones there is no name.
func (f *finder) names(of []uint32, hits docSet) (map[uint32]string, error) {
	names, left := make(map[uint32]string, len(of)), maxNamed
	for i := len(f.v.order) - 1; i >= 0; i-- {
		for _, doc := range slices.Backward(f.v.order[i]) {
			if len(names) == len(of) || left == 0 {
				return names, nil
			}
			if !hits.has(doc) {
				continue
			}
			left--
			n := f.v.author[doc]
			if _, known := names[n]; known || !slices.Contains(of, n) {
				continue
			}
			d, err := f.stored(doc)
			if err != nil {
				return nil, err
			}
			names[n] = d.from.Name
		}
	}
	return names, nil
}

// months are those that have hits, the last one first.
func months(days daily) Facet {
	facet := Facet{Name: FacetMonth}
	all := days.by(monthOf)
	slices.Reverse(all)
	for _, b := range all {
		switch {
		case b.Count == 0:
		case len(facet.Values) == maxMonths:
			facet.More++
		default:
			facet.Values = append(facet.Values, FacetValue{b.Start.Format("2006-01"), "", b.Count, b.Query()})
		}
	}
	return facet
}

// queues tells of those alone whose mail may be read.
func (f *finder) queues(hits docSet) (Facet, error) {
	open := map[string]bool{}
	for _, q := range f.limits.Open {
		open[exactTerm(q)] = true
	}
	return f.valued(FacetQueue, fieldQueue, hits, func(term string) bool { return f.within == nil || open[term] })
}

// types tells what messages have, and the endings of their files.
func (f *finder) types(hits docSet) (Facet, error) {
	facet, err := f.valued(FacetType, fieldType, hits, ofFile)
	has, err2 := f.valued("has", fieldHas, hits, func(string) bool { return true })
	facet.Values = slices.Concat(has.Values, facet.Values)
	return facet, errors.Join(err, err2)
}

// ofFile reports whether a type is the ending of a file name, not a media type or the first half of one.
func ofFile(term string) bool {
	switch term {
	case "application", "audio", "font", "image", "message", "model", "multipart", "text", "video":
		return false
	}
	return !strings.Contains(term, "/")
}

// valued counts the values of a field that has few.
func (f *finder) valued(name string, fd field, hits docSet, keep func(term string) bool) (Facet, error) {
	facet := Facet{Name: name}
	if fd == fieldType {
		name = "filetype"
	}
	scan := termScan{of: hits, budget: maxFacetTerms}
	var all []weighed
	err := f.scan(fd, "", &scan, func(term string, count int) {
		if keep(term) {
			all = append(all, weighed{term, count})
		}
	})
	if err != nil || scan.budget < 0 {
		return Facet{}, err
	}
	for _, w := range heaviest(all) {
		if query := condition(name, w.term); query != "" && len(facet.Values) < maxFacet {
			facet.Values = append(facet.Values, FacetValue{w.term, "", w.weight, query})
		}
	}
	facet.More = len(all) - len(facet.Values)
	return facet, nil
}

func (f *Facet) sort() {
	slices.SortFunc(f.Values, func(a, b FacetValue) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Value, b.Value))
	})
}

// termScan is what a walk through terms is about.
type termScan struct {
	of     docSet // The documents that are counted.
	rough  bool   // Counts need not be exact where there are many.
	budget int    // Bytes that may still be read; negative when it ended early.
	into   docSet // Unless nil, what was seen of the documents that have one of the terms.
}

// denseChunk is from how many bytes on a rough count takes the other chunks of a term to be like this one.
const denseChunk = 1 << 10

// scan calls take with each term of a field that begins with prefix and that some document has, in order,
// and with how many have it.
func (f *finder) scan(fd field, prefix string, s *termScan, take func(term string, count int)) error {
	begin := termPrefix(famPostings, fd, prefix)
	begin = begin[:len(begin)-1]
	it, err := f.snap.NewIter(&pebble.IterOptions{LowerBound: begin, UpperBound: after(begin)})
	if err != nil {
		return err
	}
	var term []byte
	count := 0
	done := func() {
		if count > 0 {
			take(string(term), count)
		}
		count = 0
	}
	for ok := it.First(); ok && err == nil; {
		key := it.Key()
		if len(key) < 5 {
			err = errCorrupt
			break
		}
		if name := key[2 : len(key)-3]; string(name) != string(term) {
			done()
			if s.budget < 0 || f.ctx.Err() != nil {
				break
			}
			term = append(term[:0], name...)
		}
		var value []byte
		if value, err = it.ValueAndErr(); err != nil {
			break
		}
		s.budget -= 32 + len(key) + len(value)
		n, cerr := countPostings(s.of.chunk(keyChunk(key)), value)
		count, err = count+n, cerr
		if s.into != nil && err == nil {
			err = addPostings(s.into.chunk(keyChunk(key)), value)
		}
		if s.rough && n > 0 && len(value) >= denseChunk {
			count += n * max(0, f.v.chunks()-keyChunk(key)-1)
			ok = it.SeekGE(append(termPrefix(famPostings, fd, string(term)), 0xff, 0xff, 0xff))
			continue
		}
		ok = it.Next()
	}
	if err == nil {
		done()
	}
	return errors.Join(err, it.Close(), f.ctx.Err())
}

// countPostings counts which documents of a posting chunk are in a set.
func countPostings(of docSet, value []byte) (n int, err error) {
	if len(value) == 0 {
		return 0, errCorrupt
	}
	kind, value := value[0], value[1:]
	if kind == postingBitmap {
		if len(value) != chunkDocs/8 {
			return 0, errCorrupt
		}
		for i, w := range of {
			n += bits.OnesCount64(w & binary.LittleEndian.Uint64(value[8*i:]))
		}
		return n, nil
	}
	limit, low := uint64(len(of))*64, uint64(0)
	for len(value) > 0 {
		d, size := binary.Uvarint(value)
		if size <= 0 {
			return 0, errCorrupt
		}
		if low += d; low >= limit {
			break
		}
		n += int(of[low/64] >> (low % 64) & 1)
		value = value[size:]
	}
	return n, nil
}
