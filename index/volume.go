package index

import (
	"context"
	"math"
	"math/bits"
	"time"
)

const dayMillis = 24 * 60 * 60 * 1000

// Volume counts records received by UTC day, oldest first, without gaps.
func (x *Index) Volume(_ context.Context, since time.Time) ([]Bucket, error) {
	s, release, err := x.begin()
	if err != nil {
		return nil, err
	}
	defer release()
	first, last := int32(math.MaxInt32), int32(math.MinInt32)
	from := int32(floorDay(since.UnixMilli()))
	for day := range s.days {
		if day >= from {
			first, last = min(first, day), max(last, day)
		}
	}
	if !since.IsZero() && first <= last {
		first = from
	}
	var out []Bucket
	for day := first; day <= last; day++ {
		start := time.UnixMilli(int64(day) * dayMillis).UTC()
		out = append(out, Bucket{start, start.AddDate(0, 0, 1), int(s.days[day])})
	}
	return out, nil
}

// floorDay is the UTC day since 1970 of a time in milliseconds.
func floorDay(ms int64) int64 {
	day := ms / dayMillis
	if ms%dayMillis < 0 {
		day--
	}
	return day
}

// volume counts hits by spans of time, days to years so that there are not too many of them.
func (v *view) volume(hits docSet) []Bucket {
	if len(v.order) == 0 || hits.empty() {
		return nil
	}
	last := v.order[len(v.order)-1]
	base := floorDay(v.date[v.order[0][0]])
	days := make([]int, floorDay(v.date[last[len(last)-1]])-base+1)
	for i, w := range hits {
		for ; w != 0; w &= w - 1 {
			days[floorDay(v.date[i*64+bits.TrailingZeros64(w)])-base]++
		}
	}
	first := 0
	for days[first] == 0 {
		first++
	}
	end := len(days)
	for days[end-1] == 0 {
		end--
	}
	return buckets(time.UnixMilli((base+int64(first))*dayMillis).UTC(), days[first:end])
}

const maxBuckets = 60

// buckets adds up days, the first of which is given, by the shortest span that keeps them few.
func buckets(day time.Time, days []int) []Bucket {
	span := spanOf(len(days))
	var out []Bucket
	for _, n := range days {
		if len(out) == 0 || !day.Before(out[len(out)-1].End) {
			start, end := span(day)
			out = append(out, Bucket{Start: start, End: end})
		}
		out[len(out)-1].Count += n
		day = day.AddDate(0, 0, 1)
	}
	return out
}

// spanOf returns what finds the span that a day is in.
func spanOf(days int) func(time.Time) (start, end time.Time) {
	switch {
	case days <= maxBuckets:
		return func(t time.Time) (time.Time, time.Time) { return t, t.AddDate(0, 0, 1) }
	case days <= 7*maxBuckets:
		return func(t time.Time) (time.Time, time.Time) {
			monday := t.AddDate(0, 0, -(int(t.Weekday())+6)%7)
			return monday, monday.AddDate(0, 0, 7)
		}
	case days <= 30*maxBuckets:
		return func(t time.Time) (time.Time, time.Time) {
			start := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
			return start, start.AddDate(0, 1, 0)
		}
	}
	return func(t time.Time) (time.Time, time.Time) {
		start := time.Date(t.Year(), 1, 1, 0, 0, 0, 0, time.UTC)
		return start, start.AddDate(1, 0, 0)
	}
}
