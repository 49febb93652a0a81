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

// anyPorts are settings that leave the choice of ports to the system, and ask nobody outside.
var anyPorts = []string{"POLYTRACE_EVIDENCE_CHECK=false", "POLYTRACE_SMTP_LISTEN=127.0.0.1:0", "POLYTRACE_HTTP_LISTEN=127.0.0.1:0", "POLYTRACE_OPS_LISTEN=127.0.0.1:0"}
