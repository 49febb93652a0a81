package casework

import (
	"cmp"
	"iter"
	"maps"
	"slices"

	"polytrace/archive"
)

// recordSet is a set of records. It takes 16 bytes for each run of positions,
// so that a hold on a million single messages fits in 16 MB.
type recordSet map[archive.Stream][]span

// span is a run of positions. The spans of a stream are in order and do not touch each other.
type span struct{ first, end archive.Position }

// last is behind every position that a Range may name; it leaves room for sums.
const last = archive.Position(1) << 62

// validRanges reports whether a list can have been written by this program.
func validRanges(list []Range) bool {
	return !slices.ContainsFunc(list, func(r Range) bool {
		return !r.Stream.Valid() || r.Records < 1 || r.First >= last || archive.Position(r.Records) > last-r.First
	})
}

func spanOf(r Range) span { return span{r.First, r.First + archive.Position(r.Records)} }

// setOf makes a set of a list in any order.
func setOf(list []Range) recordSet {
	set := make(recordSet)
	set.add(list)
	return set
}

// add puts records into the set. What comes behind the others, as new mail
// does, costs nothing but itself.
func (set recordSet) add(list []Range) {
	more := make(map[archive.Stream][]span)
	for _, r := range list {
		more[r.Stream] = append(more[r.Stream], spanOf(r))
	}
	for stream, spans := range more {
		slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.first, b.first) })
		if old := set[stream]; len(old) > 0 && old[len(old)-1].first > spans[0].first {
			spans = append(slices.Clone(old), spans...)
			slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.first, b.first) })
			set[stream] = nil
		}
		for _, s := range spans {
			set[stream] = extend(set[stream], s)
		}
	}
}

// extend adds a span that does not begin before the last one.
func extend(spans []span, s span) []span {
	if n := len(spans); n > 0 && s.first <= spans[n-1].end {
		spans[n-1].end = max(spans[n-1].end, s.end)
		return spans
	}
	return append(spans, s)
}

// within returns the spans of the set that have positions in common with one.
func (set recordSet) within(stream archive.Stream, in span) []span {
	spans := set[stream]
	from, _ := slices.BinarySearchFunc(spans, in.first, func(s span, p archive.Position) int {
		if s.end <= p {
			return -1
		}
		return 1
	})
	to := from
	for to < len(spans) && spans[to].first < in.end {
		to++
	}
	return spans[from:to]
}

// touches reports whether one of the records of a run is in the set.
func (set recordSet) touches(r Range) bool { return len(set.within(r.Stream, spanOf(r))) > 0 }

// overlap returns the first record of a list that is in the set.
func (set recordSet) overlap(list []Range) (archive.Address, bool) {
	for _, r := range list {
		if in := set.within(r.Stream, spanOf(r)); len(in) > 0 {
			return archive.Address{Stream: r.Stream, Position: max(in[0].first, r.First)}, true
		}
	}
	return archive.Address{}, false
}

// missing returns the records of a list that are not in the set.
func (set recordSet) missing(list []Range) []Range {
	out := make(recordSet)
	for stream, spans := range setOf(list) {
		for _, s := range spans {
			for _, have := range set.within(stream, s) {
				if have.first > s.first {
					out[stream] = append(out[stream], span{s.first, have.first})
				}
				s.first = max(s.first, have.end)
			}
			if s.first < s.end {
				out[stream] = append(out[stream], s)
			}
		}
	}
	return out.ranges()
}

// ranges lists the set in order of streams and positions.
func (set recordSet) ranges() []Range {
	var list []Range
	for _, stream := range slices.Sorted(maps.Keys(set)) {
		for _, s := range set[stream] {
			list = append(list, Range{Stream: stream, First: s.first, Records: int(s.end - s.first)})
		}
	}
	return list
}

func (set recordSet) count() (n int) {
	for _, spans := range set {
		for _, s := range spans {
			n += int(s.end - s.first)
		}
	}
	return n
}

// RangesOf lists records in the shape of events, each once.
func RangesOf(records iter.Seq[archive.Address]) []Range {
	positions := make(map[archive.Stream][]archive.Position)
	for at := range records {
		positions[at.Stream] = append(positions[at.Stream], at.Position)
	}
	set := make(recordSet)
	for stream, list := range positions {
		slices.Sort(list)
		for _, p := range list {
			set[stream] = extend(set[stream], span{p, p + 1})
		}
	}
	return set.ranges()
}

// CountRecords counts the records of a list without overlaps.
func CountRecords(list []Range) (n int) {
	for _, r := range list {
		n += r.Records
	}
	return n
}

// Records yields the records of a list one by one.
func Records(list []Range) iter.Seq[archive.Address] {
	return func(yield func(archive.Address) bool) {
		for _, r := range list {
			for i := range archive.Position(r.Records) {
				if !yield(archive.Address{Stream: r.Stream, Position: r.First + i}) {
					return
				}
			}
		}
	}
}
