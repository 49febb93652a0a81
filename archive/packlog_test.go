package archive

import (
	"strings"
	"testing"
)

func emptyLog(t *testing.T) (*memDisk, *packLog) {
	t.Helper()
	d := newMemDisk()
	if err := d.MkdirAll("streams/mail"); err != nil {
		t.Fatal(err)
	}
	log, _, _, err := openPackLog(d, "streams/mail")
	if err != nil {
		t.Fatal(err)
	}
	return d, log
}

// A line that could not be written leaves nothing behind the one that is
// written in its place.
func TestFailedLineLeavesNothingBehind(t *testing.T) {
	d, log := emptyLog(t)
	line := packLine{First: 0, Records: 1, Size: 1}
	long := line
	long.Stored, long.Stated, long.Lock = true, true, Lock{Compliance, received(1), true}
	d.setFail(func(_ int, what, _ string) error {
		if what == "sync" {
			return errDisk
		}
		return nil
	})
	if err := log.add(long); err == nil || !strings.Contains(err.Error(), "list pack") {
		t.Fatalf("a line that is not durable: %v", err)
	}
	d.setFail(nil)
	if err := log.add(line); err != nil {
		t.Fatal(err)
	}
	if err := log.f.Close(); err != nil {
		t.Fatal(err)
	}
	_, lines, unreadable, err := openPackLog(d, "streams/mail")
	if err != nil || unreadable > 0 || len(lines) != 1 || lines[0] != line {
		t.Errorf("%+v, %d unreadable, %v", lines, unreadable, err)
	}
}

// What a start has found in the list stays, also when an earlier sync failed
// and the line was in memory only: the sealed pack of a line may be the only
// place of its records.
func TestWhatTheListShowsIsDurable(t *testing.T) {
	d, log := emptyLog(t)
	d.setFail(func(_ int, what, _ string) error {
		if what == "sync" {
			return errDisk
		}
		return nil
	})
	if err := log.add(packLine{First: 0, Records: 1, Size: 1}); err == nil {
		t.Fatal("nothing failed")
	}
	d.setFail(nil)
	_, shown, _, err := openPackLog(d, "streams/mail")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _, err := openPackLog(d.powerCut(nil), "streams/mail")
	if err != nil || len(shown) != len(after) {
		t.Errorf("%d lines were there, %d are after a power cut (%v)", len(shown), len(after), err)
	}
}
