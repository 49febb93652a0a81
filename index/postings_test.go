package index

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"polytrace/archive"
)

// lowIDs draws ascending ids, few or so many that a bitmap is shorter.
func lowIDs(t *rapid.T) []uint16 {
	most, step := 20, 4000
	if rapid.Bool().Draw(t, "many") {
		most, step = 20_000, 3
	}
	var ids []uint16
	id := rapid.IntRange(0, 1000).Draw(t, "first")
	gap := rapid.IntRange(1, step).Draw(t, "gap")
	for range rapid.IntRange(0, most).Draw(t, "ids") {
		if id >= chunkDocs {
			break
		}
		ids = append(ids, uint16(id))
		id += gap
	}
	return ids
}

func decodedPostings(t tester, value []byte) (ids []uint16) {
	var set chunkSet
	if err := addPostings(set[:], value); err != nil {
		t.Fatal(err)
	}
	docSet(set[:]).each(func(doc docID) { ids = append(ids, uint16(doc)) })
	return ids
}

// Fragments joined in any order and grouping are the set of all that is in them, in the same bytes.
func TestPostingsJoinInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []uint16
		var fragments [][]byte
		for range rapid.IntRange(2, 6).Draw(t, "fragments") {
			ids := lowIDs(t)
			all = append(all, ids...)
			fragments = append(fragments, appendPostings(nil, ids))
			if got := decodedPostings(t, fragments[len(fragments)-1]); !slices.Equal(got, ids) {
				t.Fatalf("encoded %v, decoded %v", ids, got)
			}
		}
		slices.Sort(all)
		all = slices.Compact(all)
		joined, err := joinPostings(slices.Clone(fragments))
		if err != nil {
			t.Fatal(err)
		}
		if got := decodedPostings(t, joined); !slices.Equal(got, all) {
			t.Fatalf("joined %d ids, want %d", len(got), len(all))
		}
		first, err := joinPostings(fragments[1:])
		if err != nil {
			t.Fatal(err)
		}
		again, err := joinPostings([][]byte{first, fragments[0]})
		if err != nil || !slices.Equal(decodedPostings(t, again), all) {
			t.Fatalf("joined in two steps differs: %v", err)
		}
	})
}

// The same holds for positions: the places of a document that is in several fragments are put together.
func TestPositionsJoinInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := map[uint16][]uint32{}
		var fragments [][]byte
		for range rapid.IntRange(1, 5).Draw(t, "fragments") {
			ids := rapid.SliceOfNDistinct(rapid.Uint16(), 1, 10, rapid.ID[uint16]).Draw(t, "ids")
			slices.Sort(ids)
			var entries []posEntry
			for _, id := range ids {
				places := rapid.SliceOfNDistinct(rapid.Uint32Range(0, 5000), 1, 6, rapid.ID[uint32]).Draw(t, "places")
				slices.Sort(places)
				want[id] = append(want[id], places...)
				entries = append(entries, posEntry{id, encodePlaces(nil, places)})
			}
			fragments = append(fragments, new(posWriter).write(nil, entries))
		}
		joined, err := joinPositions(fragments)
		if err != nil {
			t.Fatal(err)
		}
		r, err := readPositions(joined)
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		for e := range r.all {
			w := want[e.low]
			slices.Sort(w)
			if w = slices.Compact(w); !slices.Equal(e.places(nil), w) || e.count() != len(w) {
				t.Fatalf("document %d has %v, want %v", e.low, e.places(nil), w)
			}
			seen++
		}
		_, last := r.ends()
		if r.failure() != nil || seen != len(want) || int(slices.Max(slices.Collect(maps.Keys(want)))) != last {
			t.Fatalf("%d documents of %d, last %d, %v", seen, len(want), last, r.failure())
		}
	})
}

// Whoever passes over documents finds in those behind what is there, however the chunk was put together: of few documents
// or of most, and of words that stand there once or hundreds of times.
func TestPositionsAreSkipped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := map[int][]uint32{}
		var fragments [][]byte
		low, most := 0, rapid.SampledFrom([]int{10, 400, 4_000}).Draw(t, "most")
		for range rapid.IntRange(1, 6).Draw(t, "fragments") {
			var entries []posEntry
			for range rapid.IntRange(1, most).Draw(t, "documents") {
				low += 1 + low*7%5
				places := []uint32{uint32(low % 7)}
				further := low % 11
				if low%997 == 0 {
					further = rapid.IntRange(250, 600).Draw(t, "long")
				}
				for range further {
					places = append(places, places[len(places)-1]+uint32(1+low%300))
				}
				entries = append(entries, posEntry{uint16(low), encodePlaces(nil, places)})
				want[low] = places
			}
			fragments = append(fragments, new(posWriter).write(nil, entries))
		}
		joined, err := joinPositions(fragments)
		if err != nil {
			t.Fatal(err)
		}
		if whole, err := joinPositions([][]byte{joined}); err != nil || !slices.Equal(whole, joined) {
			t.Fatalf("joined alone it is another: %v", err)
		}
		r, err := readPositions(joined)
		if err != nil {
			t.Fatal(err)
		}
		p := slotPlaces{reader: r}
		for at := 0; at <= low; at += rapid.IntRange(1, 900).Draw(t, "step") {
			if got := p.starts(at, nil); !slices.Equal(got, want[at]) {
				t.Fatalf("document %d has %v, want %v", at, got, want[at])
			}
			if w := want[at]; len(w) > 0 {
				if n := p.reader.count(); n != len(w) {
					t.Fatalf("document %d counts %d, want %d", at, n, len(w))
				}
				starts := []uint32{w[0], w[0] + 1, w[len(w)-1]}
				if got, want := followedBy(slices.Clone(starts), p.reader.entry(), 3), followed(starts, w, 3); !slices.Equal(got, want) {
					t.Fatalf("document %d: followed %v, want %v", at, got, want)
				}
			}
		}
		if err := p.reader.failure(); err != nil {
			t.Fatal(err)
		}
	})
}

// Damaged values are errors, whatever is in them.
func FuzzDamagedValues(f *testing.F) {
	f.Add([]byte{postingList, 1, 2, 3}, []byte{3, 0, 2, 1})
	f.Add([]byte{postingList, 9}, []byte{9, 0, 1, 2, 0, 2, 0, 0, 0, 2, 1, 3, 1})
	f.Add([]byte{postingBitmap, 1}, []byte{0, 0, 0, 3, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Add((&stored{subject: "x"}).encode(), threadRow{count: 1}.encode())
	f.Add(fragment{Number: 1}.key(7), piece{at: archive.Address{Stream: archive.Mail}}.encode())
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if len(a) == 0 || len(b) == 0 {
			return
		}
		var set chunkSet
		v := newState()
		for what, err := range map[string]error{
			"postings":  addPostings(set[:], a),
			"join":      second(joinPostings([][]byte{a, b})),
			"positions": second(joinPositions([][]byte{a, b})),
			"summary":   second(decodeStored(a)),
			"thread":    second(decodeThread(a)),
			"numbers":   v.loadNumbers(a, map[string]uint32{}),
			"piece":     second(decodePiece(a, b)),
		} {
			if err != nil && !errors.Is(err, errCorrupt) {
				t.Errorf("%s: %v", what, err)
			}
		}
		reader := func() posReader {
			if r, err := readPositions(b); err == nil {
				return r
			}
			return &posList{}
		}
		for e := range reader().all {
			if n := len(e.places(nil)); n > e.count() {
				t.Errorf("%d places, counted %d", n, e.count())
			}
		}
		r := reader()
		for low := 0; low < chunkDocs && r.failure() == nil; low += 1 + len(a) {
			if r.seek(low) {
				followedBy(decodePlaces(nil, r.entry()), r.entry(), 1)
			}
		}
		reader().addCounts(new([chunkDocs]float32), docSet(set[:]), 1)
	})
}

func second[T any](_ T, err error) error { return err }
