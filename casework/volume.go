package casework

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Anomaly is more mail than is usual.
type Anomaly struct {
	Count     int       `json:"count"`      // Messages in the day up to Until.
	UsualLow  int       `json:"usual_low"`  // The same day of the week up to the same hour has as many as a rule,
	UsualHigh int       `json:"usual_high"` // and no more.
	Until     time.Time `json:"until"`
}

// String is the anomaly in words.
func (a Anomaly) String() string {
	if a.UsualLow == a.UsualHigh {
		return fmt.Sprintf("%d messages in a day, usual %d", a.Count, a.UsualLow)
	}
	return fmt.Sprintf("%d messages in a day, usual %d to %d", a.Count, a.UsualLow, a.UsualHigh)
}

// What counts as more mail than is usual.
const (
	volumeWeeks = 12 // That are compared with.
	volumeLeast = 4  // Weeks that have to be known.
	volumeMany  = 10 // Messages; fewer are never many.
	volumeAway  = 4  // Median deviations above the median.
	oneDay      = 24 * time.Hour
)

// VolumeAnomaly compares how many messages came in the day up to a time with the same day of the week, up to the same
// hour, in the weeks before: more than the median and four times the median deviation from it is not usual. History are
// the times of messages, oldest first; what comes before the first of them is not known. It is a pure function.
func VolumeAnomaly(history []time.Time, now time.Time) (Anomaly, bool) {
	a := Anomaly{Count: within(history, now), Until: now}
	if a.Count < volumeMany {
		return a, false
	}
	var usual []float64
	for week := 1; week <= volumeWeeks; week++ {
		until := now.Add(-time.Duration(week) * 7 * oneDay)
		if until.Add(-oneDay).Before(history[0]) {
			break
		}
		usual = append(usual, float64(within(history, until)))
	}
	if len(usual) < volumeLeast {
		return a, false
	}
	middle := median(usual)
	away := make([]float64, len(usual))
	for i, n := range usual {
		away[i] = math.Abs(n - middle)
	}
	deviation := max(median(away), 1)
	slices.Sort(usual)
	a.UsualLow, a.UsualHigh = int(usual[len(usual)/10]), int(usual[len(usual)-1-len(usual)/10])
	return a, float64(a.Count) > middle+volumeAway*deviation
}

// within counts the messages of the day up to a time.
func within(history []time.Time, until time.Time) int {
	behind := func(t time.Time) int {
		i, _ := slices.BinarySearchFunc(history, t, func(x, t time.Time) int {
			if x.After(t) {
				return 1
			}
			return -1
		})
		return i
	}
	return behind(until) - behind(until.Add(-oneDay))
}

func median(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// volume finds the days on which an account wrote more than is usual, while the case has mail of that day.
func (r *risking) volume() {
	history := r.Arrivals
	i, _ := slices.BinarySearchFunc(history, r.Now.Add(-volumeBack), time.Time.Compare)
	for i < len(history) && !history[i].After(r.Now) {
		a, unusual := VolumeAnomaly(history, history[i])
		if !unusual {
			i++
			continue
		}
		until := a.Until.Add(oneDay)
		for i++; i < len(history) && !history[i].After(until) && !history[i].After(r.Now); i++ {
			if _, still := VolumeAnomaly(history, history[i]); still {
				until = history[i].Add(oneDay)
			}
		}
		var sources []Source
		for j := range r.Mail {
			if m := &r.Mail[j]; m.human(Inbound) && !m.When().After(a.Until) && m.When().After(a.Until.Add(-oneDay)) {
				sources = append(sources, letter(m))
			}
		}
		r.add(RiskVolume, a.Until, until, "", a.String(), sources...)
	}
}

// volumeBack is how far back days are looked for on which there was more mail than is usual.
const volumeBack = 30 * oneDay

// old finds that the case is open for longer than nine of ten were before it, each time that it is.
func (r *risking) old() {
	c := &r.Cases[0]
	if r.OldAfter <= 0 {
		return
	}
	from := c.Opened.Add(r.OldAfter)
	for i := 0; i < len(c.standings); i++ {
		if c.standings[i].over() {
			continue
		}
		begin, until := c.Log[c.standings[i].entry].At, time.Time{}
		for i++; i < len(c.standings) && until.IsZero(); i++ {
			if c.standings[i].over() {
				until = c.Log[c.standings[i].entry].At
			}
		}
		i--
		if begin.Before(from) {
			begin = from
		}
		if until.IsZero() || begin.Before(until) {
			r.add(RiskOld, begin, until, "", "Open for longer than nine of ten cases before it", c.decidedAt(begin))
		}
	}
}

// over reports whether nobody works on the case any more.
func (t *standing) over() bool { return t.status == Resolved || t.status == Closed || t.into != 0 }

// How many cases have to be known before one is old, and from how far back.
const (
	oldLeast = 10
	oldBack  = 180 * oneDay
)

// OldAfter is how long nine of ten cases were open that were done in the half year before a case was opened; false when
// they are too few to tell. It does not change any more with what comes later.
func (s *State) OldAfter(number int) (time.Duration, bool) {
	c := s.file(number)
	if c == nil {
		return 0, false
	}
	var ages []time.Duration
	for _, o := range s.cases {
		for _, t := range o.standings {
			at := o.Log[t.entry].At
			if t.into != 0 || !at.Before(c.Opened) {
				break
			}
			if t.status != Resolved && t.status != Closed {
				continue
			}
			if c.Opened.Sub(at) <= oldBack {
				ages = append(ages, at.Sub(o.Opened))
			}
			break // When it was done first.
		}
	}
	if len(ages) < oldLeast {
		return 0, false
	}
	slices.Sort(ages)
	return ages[(len(ages)*9+9)/10-1], true
}
