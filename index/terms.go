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
	keys []string // field and term
	ends []uint32 // behind the places of each key in data; no places: a value as a whole
	many []bool   // more than one place
	data []byte
}

// termWriter gathers the terms of one document after another. It keeps the
// words it has seen, so that a common word is allocated once; it is not for concurrent use.
type termWriter struct {
	cutter *wordCutter
	ids    map[string]uint32 // known keys
	names  []string          // by id
	slots  []uint32          // by id: place in present, plus one; 0 when not in this document
	buf    []byte

	present []uint32 // ids in this document, in order of appearance
	hits    []hit
}

type hit struct{ slot, place uint32 }

const (
	// placeGap keeps phrases from reaching from one value of a field into the next.
	placeGap = 1 << 4
	// maxVocabulary bounds the memory for known words.
	maxVocabulary = 100_000
	noPlace       = ^uint32(0)
)

func newTermWriter() *termWriter {
	return &termWriter{cutter: newWordCutter(), ids: map[string]uint32{}}
}

func (w *termWriter) add(f field, term []byte, place uint32) {
	w.buf = append(append(w.buf[:0], byte(f)), term...)
	id, ok := w.ids[string(w.buf)]
	if !ok {
		id = uint32(len(w.names))
		name := string(w.buf)
		w.ids[name] = id
		w.names = append(w.names, name)
		w.slots = append(w.slots, 0)
	}
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

// person adds an address and the name that goes with it to fields.
func (w *termWriter) person(name, address string, fields ...field) {
	name, address = strings.TrimSpace(name), strings.TrimSpace(address)
	if name == "" && address == "" {
		return
	}
	local, domain := "", ""
	if at := strings.LastIndexByte(address, '@'); at >= 0 {
		local, domain = address[:at], strings.Trim(address[at+1:], ".")
	}
	for _, f := range fields {
		place := personPlace(name, address)
		if name != "" && !strings.EqualFold(name, address) {
			place = w.words(f, name, place) + 1
		}
		w.words(f, address, place)
		if local == "" {
			w.whole(f, address)
			continue
		}
		w.whole(f, local+"@"+domain)
		w.whole(f, local+"@")
		for d := domain; d != ""; {
			w.whole(f, "@"+d)
			_, d, _ = strings.Cut(d, ".")
		}
	}
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
	t := docTerms{keys: make([]string, n), ends: make([]uint32, n), many: make([]bool, n), data: make([]byte, 0, 2*len(w.hits))}
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
		t.keys[i] = w.names[id]
		w.slots[id] = 0
		at := places[starts[i]:starts[i+1]]
		if !slices.IsSorted(at) {
			slices.Sort(at)
		}
		if at = slices.Compact(at); len(at) > 0 {
			t.data, t.many[i] = encodePlaces(t.data, at)
		}
		t.ends[i] = uint32(len(t.data))
	}
	w.present, w.hits = w.present[:0], w.hits[:0]
	if len(w.names) > maxVocabulary {
		w.ids, w.names, w.slots = map[string]uint32{}, nil, nil
	}
	return t
}
