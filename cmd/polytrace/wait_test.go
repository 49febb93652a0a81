package main

import "time"

// waitUntil looks again and again until something is so.
func waitUntil(fatal func(string, ...any), what string, so func() bool) {
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-deadline:
			fatal("waited half a minute for %s", what)
			return
		}
	}
}
