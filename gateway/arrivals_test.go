package gateway

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

// week is the arrivals of mail on working days from eight to six, for some weeks.
func week(weeks int) (a Arrivals, end time.Time) {
	at := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC) // A Monday.
	for range weeks * 7 * 24 {
		if wd := at.Weekday(); wd != time.Saturday && wd != time.Sunday && at.Hour() >= 8 && at.Hour() < 18 {
			a.note(at.Add(10 * time.Minute))
		}
		at = at.Add(time.Hour)
	}
	return a, at
}

// Nights and weekends are no alarm; a Monday on which nothing comes is.
func TestSilenceIsAnAlarmWhenItIsUnusual(t *testing.T) {
	a, monday := week(3)
	usual, known := a.Usual()
	if want := 63 * time.Hour; !known || usual != want { // Friday 17 to Monday 8.
		t.Fatalf("usual %s, %v, want %s", usual, known, want)
	}
	last := a.Last
	for _, test := range []struct {
		after  time.Duration
		limit  time.Duration
		silent bool
	}{
		{usual, 0, false}, {usual + usual/2, 0, false}, {usual + usual/2 + time.Second, 0, true},
		{5 * time.Hour, 4 * time.Hour, true}, {4 * time.Hour, 4 * time.Hour, false}, {1000 * time.Hour, -1, false},
	} {
		if got := a.Silent(last.Add(test.after), test.limit); got != test.silent {
			t.Errorf("%s after the last message, limit %s: silent %v", test.after, test.limit, got)
		}
	}
	if a.Silent(monday, 0) {
		t.Error("the begin of the week is silent")
	}
}

// While too little is known, and where no mail has ever come, nothing is
// unusual; a limit that somebody set holds all the same.
func TestSilenceIsLearnedFirst(t *testing.T) {
	young, _ := week(1)
	var rare Arrivals
	for i := range 10 {
		rare.note(time.Unix(int64(i)*48*3600, 0))
	}
	for name, a := range map[string]Arrivals{"young": young, "rare": rare, "none": {}} {
		if a.Silent(a.Last.AddDate(1, 0, 0), 0) {
			t.Errorf("%s: silence is known to be unusual", name)
		}
		if got := a.Silent(a.Last.AddDate(1, 0, 0), time.Hour); got == a.Last.IsZero() {
			t.Errorf("%s: silent %v in spite of the limit", name, got)
		}
	}
}

// What is older than four weeks is forgotten, and time that goes back adds
// nothing twice.
func TestArrivalsAreOfTheLastFourWeeks(t *testing.T) {
	a, _ := week(10)
	if n := len(a.Hours); n > 200 || n < 190 {
		t.Errorf("%d hours are kept", n)
	}
	n, last := len(a.Hours), a.Last
	a.note(last.Add(-5 * time.Hour))
	a.note(last)
	if len(a.Hours) != n || !a.Last.Equal(last) {
		t.Errorf("%d hours, last %s after the clock went back", len(a.Hours), a.Last)
	}
}

func TestArrivalsOutliveARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "arrivals.json")
	if all, err := readArrivals(file); err != nil || len(all) != 0 {
		t.Fatal(all, err)
	}
	a, _ := week(2)
	want := map[string]*Arrivals{"support": &a}
	raw, err := json.Marshal(want)
	if err == nil {
		err = writeArrivals(file, raw)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got, err := readArrivals(file); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if err := os.WriteFile(file, []byte(`{"support":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if all, err := readArrivals(file); err == nil || all == nil {
		t.Errorf("a torn file is %v, %v", all, err)
	}
}

// The server writes down when mail came, and knows it after the next start.
func TestServerKeepsWhenMailComes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "arrivals.json")
	remembering := func(c *Config) { c.Arrivals = file }
	for run := range 2 {
		s := configured(t, &memory{}, remembering)
		if got := s.Status().Queues; len(got) != run || run == 1 && (got[0].Queue != "support" || got[0].Arrivals.Last.IsZero()) {
			t.Fatalf("start %d: %+v", run+1, got)
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Serve(ctx, Listener{Listener: l}) }()
		c := dial(t, l.Addr().String())
		c.hello(false)
		c.envelope()
		c.transfer("DATA", bodies["plain"])
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}
