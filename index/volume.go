package index

import (
	"context"
	"math"
	"math/bits"
	"slices"
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

// daily counts hits by day, as days begin in a zone.
type daily struct {
	starts []time.Time // Beginnings of the days from the first with a hit on, and of the day behind the last one.
	counts []int
}

func (v *view) daily(hits docSet, zone *time.Location) daily {
	first, last := v.ends(hits)
	if first > last {
		return daily{}
	}
	var d daily
	var limits []int64 // The same as starts.
	year, month, day := time.UnixMilli(first).In(zone).Date()
	for n := 0; n == 0 || limits[n-1] <= last; n++ {
		start := time.Date(year, month, day+n, 0, 0, 0, 0, zone)
		if start.Hour() > 12 { // Clocks were put on at midnight, which was not.
			start = start.Add(time.Hour)
		}
		d.starts, limits = append(d.starts, start), append(limits, start.UnixMilli())
	}
	d.counts = make([]int, len(limits)-1)
	at := 0
	for i, w := range hits {
		for ; w != 0; w &= w - 1 {
			ms := v.date[i*64+bits.TrailingZeros64(w)]
			if ms < limits[at] || ms >= limits[at+1] { // Most come on the day of the one before.
				at = min(int((ms-limits[0])/dayMillis), len(d.counts)-1)
				for ms < limits[at] { // Where clocks were changed, some days are longer.
					at--
				}
				for ms >= limits[at+1] {
					at++
				}
			}
			d.counts[at]++
		}
	}
	return d
}

// ends are the first and the last date of hits; the first is later where there are none.
func (v *view) ends(hits docSet) (first, last int64) {
	first, last = math.MaxInt64, math.MinInt64
	if hits.count() < int(v.n)/64 {
		hits.each(func(doc docID) { first, last = min(first, v.date[doc]), max(last, v.date[doc]) })
		return first, last
	}
	front := func() int64 {
		for _, block := range v.order {
			if i := slices.IndexFunc(block, hits.has); i >= 0 {
				return v.date[block[i]]
			}
		}
		return math.MaxInt64
	}
	back := func() int64 {
		for _, block := range slices.Backward(v.order) {
			for _, doc := range slices.Backward(block) {
				if hits.has(doc) {
					return v.date[doc]
				}
			}
		}
		return math.MinInt64
	}
	return front(), back()
}

const maxBuckets = 60

// buckets adds up days by the shortest span that keeps them few.
func (d daily) buckets() []Bucket {
	return d.by(spanOf(len(d.counts)))
}

func (d daily) by(span func(time.Time) (start, end time.Time)) []Bucket {
	var out []Bucket
	for i, n := range d.counts {
		if len(out) == 0 || !d.starts[i].Before(out[len(out)-1].End) {
			start, end := span(d.starts[i])
			out = append(out, Bucket{Start: start, End: end})
		}
		out[len(out)-1].Count += n
	}
	return out
}

// spanOf returns what finds the span that a day is in.
func spanOf(days int) func(time.Time) (start, end time.Time) {
	switch {
	case days <= maxBuckets:
		return func(t time.Time) (time.Time, time.Time) { return t, dayOf(t).end }
	case days <= 7*maxBuckets:
		return func(t time.Time) (time.Time, time.Time) {
			monday := t.AddDate(0, 0, -(int(t.Weekday())+6)%7)
			return monday, monday.AddDate(0, 0, 7)
		}
	case days <= 30*maxBuckets:
		return monthOf
	}
	return func(t time.Time) (time.Time, time.Time) {
		start := time.Date(t.Year(), 1, 1, 0, 0, 0, 0, t.Location())
		return start, start.AddDate(1, 0, 0)
	}
}

func monthOf(t time.Time) (time.Time, time.Time) {
	start := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, t.Location())
	return start, start.AddDate(0, 1, 0)
}

// Query limits a query to what the bucket counts.
func (b Bucket) Query() string {
	switch {
	case b.End.Equal(b.Start.AddDate(0, 0, 1)):
		return "date:" + b.Start.Format(time.DateOnly)
	case b.End.Equal(b.Start.AddDate(0, 1, 0)):
		return "date:" + b.Start.Format("2006-01")
	case b.End.Equal(b.Start.AddDate(1, 0, 0)):
		return "date:" + b.Start.Format("2006")
	}
	return "date:" + b.Start.Format(time.DateOnly) + ".." + b.End.AddDate(0, 0, -1).Format(time.DateOnly)
}
