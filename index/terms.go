package index

import (
	"hash/fnv"
	"slices"
	"strings"

	"polytrace/message"
)

// docTerms lists the terms of a document, each once, with the places where it
// stands encoded as in a positions chunk.
type docTerms struct {
	of    *vocabulary
	names []string // of.names as it was.
	ids   []uint32 // in names: field and term
	ends  []uint32 // behind the places of each in data; no places: a value as a whole
	data  []byte
}

// key is field and term of the i-th.
func (d *docTerms) key(i int) string { return d.names[d.ids[i]] }

// oneTerm is a value as a whole.
func oneTerm(f field, term string) *docTerms {
	v := &vocabulary{[]string{string(rune(f)) + term}}
	return &docTerms{of: v, names: v.names, ids: []uint32{0}, ends: []uint32{0}}
}

// vocabulary numbers fields and terms. What was given a number keeps it.
type vocabulary struct{ names []string }

// termWriter gathers the terms of one document after another. It keeps the
// words it has seen, so that a common word is allocated once; it is not for concurrent use.
type termWriter struct {
	cutter    *wordCutter
	known     *vocabulary
	ids       map[string]uint32 // in known
	slots     []uint32          // by id: place in present, plus one; 0 when not in this document
	people    map[person][]personHit
	pairs     map[[2]uint32]uint32 // ids of pairs of frequent words, by those of the words
	common    []bool               // by id: a frequent word of a body
	headers   map[string]headerKind
	places    map[uint32]uint32 // Behind the last word of each field of a header, by its id.
	buf, term []byte

	present []uint32 // ids in this document, in order of appearance
	hits    []hit
}

type hit struct{ slot, place uint32 }

// person is somebody in a field, and personHit what that adds to a document:
// the same few write most of the mail.
type person struct {
	field         field
	name, address string
}

type personHit struct{ id, place uint32 }

const (
	// placeGap keeps phrases from reaching from one value of a field into the next.
	placeGap = 1 << 4
	// maxVocabulary and maxPeople bound the memory for what is known.
	maxVocabulary = 100_000
	maxPeople     = 10_000
	noPlace       = ^uint32(0)
)

func newTermWriter() *termWriter {
	w := &termWriter{cutter: newWordCutter(), places: map[uint32]uint32{}}
	w.forget()
	return w
}

// forget begins a new vocabulary.
func (w *termWriter) forget() {
	w.known, w.ids, w.slots, w.people = &vocabulary{}, map[string]uint32{}, nil, map[person][]personHit{}
	w.pairs, w.common, w.headers = map[[2]uint32]uint32{}, nil, map[string]headerKind{}
}

func (w *termWriter) add(f field, term []byte, place uint32) { w.hit(w.id(f, term), place) }

// id is the number of a field and term.
func (w *termWriter) id(f field, term []byte) uint32 {
	w.buf = append(append(w.buf[:0], byte(f)), term...)
	id, ok := w.ids[string(w.buf)]
	if !ok {
		id = uint32(len(w.known.names))
		name := string(w.buf)
		w.ids[name] = id
		w.known.names = append(w.known.names, name)
		w.slots = append(w.slots, 0)
		w.common = append(w.common, f == fieldBody && frequentWords[name[1:]])
	}
	return id
}

func (w *termWriter) hit(id, place uint32) {
	if w.slots[id] == 0 {
		w.present = append(w.present, id)
		w.slots[id] = uint32(len(w.present))
	}
	w.hits = append(w.hits, hit{w.slots[id] - 1, place})
}

// whole adds a value as one term.
func (w *termWriter) whole(f field, value string) {
	if term := exactTerm(value); term != "" {
		w.add(f, []byte(term), noPlace)
	}
}

// words adds the words of a text from a place on and returns the place behind them.
func (w *termWriter) words(f field, text string, place uint32) uint32 {
	w.cutter.cut(text, func(word word) bool {
		w.add(f, word.Term, place)
		place++
		return true
	})
	return place
}

// body adds the text of a message and returns how many words it has.
func (w *termWriter) body(text string) uint32 {
	place, last, lastCommon := uint32(0), uint32(0), false
	w.cutter.cut(text, func(word word) bool {
		id := w.id(fieldBody, word.Term)
		w.hit(id, place)
		common := w.common[id]
		if common && lastCommon {
			w.hit(w.pair(last, id), noPlace)
		}
		last, lastCommon = id, common
		place++
		return true
	})
	return place
}

// pair is the number of the term of two frequent words.
func (w *termWriter) pair(a, b uint32) uint32 {
	id, ok := w.pairs[[2]uint32{a, b}]
	if !ok {
		id = w.id(fieldPair, []byte(pairTerm(w.known.names[a][1:], w.known.names[b][1:])))
		w.pairs[[2]uint32{a, b}] = id
	}
	return id
}

// person adds an address and the name that goes with it to fields.
func (w *termWriter) person(name, address string, fields ...field) {
	name, address = strings.TrimSpace(name), strings.TrimSpace(address)
	if name == "" && address == "" {
		return
	}
	for _, f := range fields {
		p := person{f, name, address}
		hits, ok := w.people[p]
		if !ok {
			if len(w.people) >= maxPeople {
				clear(w.people)
			}
			hits = w.personHits(p)
			p.name, p.address = strings.Clone(name), strings.Clone(address) // Else the message stays in memory.
			w.people[p] = hits
		}
		for _, h := range hits {
			w.hit(h.id, h.place)
		}
	}
}

// personHits are the words of name and address, and the address and its parts as a whole.
func (w *termWriter) personHits(p person) (hits []personHit) {
	place := personPlace(p.name, p.address)
	words := func(text string) {
		w.cutter.cut(text, func(word word) bool {
			hits = append(hits, personHit{w.id(p.field, word.Term), place})
			place++
			return true
		})
		place++
	}
	whole := func(value string) {
		if term := exactTerm(value); term != "" {
			hits = append(hits, personHit{w.id(p.field, []byte(term)), noPlace})
		}
	}
	if p.name != "" && !strings.EqualFold(p.name, p.address) {
		words(p.name)
	}
	words(p.address)
	local, domain := splitAddress(p.address)
	if local == "" {
		whole(p.address)
		return hits
	}
	if p.field == fieldParticipant {
		if term := exactTerm(domainFirst(local, domain)); term != "" {
			hits = append(hits, personHit{w.id(fieldPerson, []byte(term)), noPlace})
		}
	}
	whole(local + "@" + domain)
	whole(local + "@")
	for d := domain; d != ""; {
		whole("@" + d)
		_, d, _ = strings.Cut(d, ".")
	}
	return hits
}

// splitAddress cuts an address at its last @; of what has none both parts are empty.
func splitAddress(address string) (local, domain string) {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return "", ""
	}
	return address[:at], strings.Trim(address[at+1:], ".")
}

// addressTermOf is the term that person adds for an address as a whole.
func addressTermOf(address string) string {
	address = strings.TrimSpace(address)
	if local, domain := splitAddress(address); local != "" {
		address = local + "@" + domain
	}
	return exactTerm(address)
}

// personPlace is where the words of a person begin. It depends on nothing else, so that
// the same recipient of a later sighting falls on the same place, and another on another.
func personPlace(name, address string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(name))
	h.Write([]byte{0})
	h.Write([]byte(address))
	return h.Sum32() >> 10 << 6
}

func (w *termWriter) mailboxes(list []message.Mailbox, fields ...field) {
	for _, m := range list {
		w.person(m.Name, m.Address, fields...)
	}
}

// finish returns the terms of the document and begins the next.
func (w *termWriter) finish() docTerms {
	n := len(w.present)
	t := docTerms{of: w.known, names: w.known.names, ids: slices.Clone(w.present),
		ends: make([]uint32, n), data: make([]byte, 0, 2*len(w.hits))}
	starts := make([]uint32, n+1)
	for _, h := range w.hits {
		if h.place != noPlace {
			starts[h.slot+1]++
		}
	}
	for i := range n {
		starts[i+1] += starts[i]
	}
	places := make([]uint32, starts[n])
	fill := slices.Clone(starts)
	for _, h := range w.hits {
		if h.place != noPlace {
			places[fill[h.slot]] = h.place
			fill[h.slot]++
		}
	}
	for i, id := range w.present {
		w.slots[id] = 0
		at := places[starts[i]:starts[i+1]]
		if !slices.IsSorted(at) {
			slices.Sort(at)
		}
		t.data = encodePlaces(t.data, slices.Compact(at))
		t.ends[i] = uint32(len(t.data))
	}
	w.present, w.hits = w.present[:0], w.hits[:0]
	if len(w.known.names) > maxVocabulary {
		w.forget()
	}
	return t
}
