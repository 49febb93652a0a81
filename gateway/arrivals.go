package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// The hours of the last four weeks: long enough to have seen nights, weekends
// and most holidays.
const (
	rememberedHours = 28 * 24
	learningHours   = 8 * 24 // What is usual is not known before.
	fewestHours     = 24     // With mail, of a queue whose silence says anything.
)

// Arrivals are the hours in which mail came through a queue, from which follows
// how long it is silent at times. The zero value knows nothing.
type Arrivals struct {
	First time.Time `json:"first"` // The first message that was noted.
	Last  time.Time `json:"last"`
	Hours []int64   `json:"hours"` // With mail, since 1970, oldest first; of the last four weeks.
}

// note adds a message.
func (a *Arrivals) note(at time.Time) {
	if a.First.IsZero() {
		a.First = at
	}
	if at.After(a.Last) {
		a.Last = at
	}
	hour := at.Unix() / 3600
	if n := len(a.Hours); n > 0 && a.Hours[n-1] >= hour {
		return // The clock may go back; the hour it was is noted.
	}
	a.Hours = append(a.Hours, hour)
	for len(a.Hours) > 0 && a.Hours[0] <= hour-rememberedHours {
		a.Hours = a.Hours[1:]
	}
}

// Usual is the longest silence of the last four weeks, counted in whole hours
// without mail and one more. It is false while too little is known.
func (a Arrivals) Usual() (time.Duration, bool) {
	n := len(a.Hours)
	if n < fewestHours || a.Hours[n-1]-a.First.Unix()/3600 < learningHours {
		return 0, false
	}
	var longest int64
	for i := 1; i < n; i++ {
		longest = max(longest, a.Hours[i]-a.Hours[i-1])
	}
	return time.Duration(longest) * time.Hour, true
}

// Silent reports whether no mail has come for longer than somebody said, or
// when nobody did (0) for half as long again as ever in the last four weeks.
// With a negative limit it never is.
func (a Arrivals) Silent(now time.Time, limit time.Duration) bool {
	if a.Last.IsZero() || limit < 0 {
		return false
	}
	if limit == 0 {
		usual, known := a.Usual()
		if !known {
			return false
		}
		limit = usual + usual/2
	}
	return now.Sub(a.Last) > limit
}

// readArrivals reads what writeArrivals has written. What cannot be read is
// learned anew: nothing depends on it but an alarm.
func readArrivals(file string) (map[string]*Arrivals, error) {
	all := map[string]*Arrivals{}
	if file == "" {
		return all, nil
	}
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &all)
	}
	if err != nil {
		return map[string]*Arrivals{}, fmt.Errorf("read when mail comes: %w", err)
	}
	for name, a := range all {
		if a == nil {
			delete(all, name)
		}
	}
	return all, nil
}

func writeArrivals(file string, raw []byte) error {
	temporary := filepath.Join(filepath.Dir(file), "."+filepath.Base(file))
	if err := os.WriteFile(temporary, raw, 0o600); err != nil {
		return fmt.Errorf("note when mail comes: %w", err)
	}
	return os.Rename(temporary, file)
}
