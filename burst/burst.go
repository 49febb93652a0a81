// Package burst lets work that can wait give way to mail that comes in fast:
// of a machine that does both at once, mail servers get the most.
package burst

import (
	"sync"
	"time"
)

// A burst is more mail in a second than is indexed and sealed beside it.
const (
	most  = 700                    // Messages, and
	large = 32 << 10               // so many bytes count as one.
	over  = 100 * time.Millisecond // Looked at for so long.
)

// Meter tells how fast mail comes in. The zero value has seen none; it is for
// concurrent use.
type Meter struct {
	mu     sync.Mutex
	taken  float64   // Messages, large ones counted several times; guarded by mu.
	at     time.Time // Of the last look; guarded by mu.
	before float64   // Of taken, until then; guarded by mu.
	high   bool      // guarded by mu
}

// Took notes a message of size bytes.
func (m *Meter) Took(size int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.taken += 1 + float64(size)/large
}

// High reports whether there is a burst, by what came in the last tenth of a
// second, or since it was asked last.
func (m *Meter) High(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if took := now.Sub(m.at); took >= over {
		m.high = m.taken-m.before > most*took.Seconds()
		m.at, m.before = now, m.taken
	}
	return m.high
}

// Pause is for how long one gives way before one looks again.
const Pause = 20 * time.Millisecond

// Way is how a kind of work gives way to bursts: it waits for For at the most,
// and then insists for Then, whatever comes. It is not for concurrent use.
type Way struct {
	To        func(now time.Time) bool // Whether there is a burst: High of a Meter. Nil: never.
	For, Then time.Duration

	since   time.Time // When it began to wait; zero when it does not.
	insists time.Time // Until then it does not wait.
}

// Give reports whether to wait.
func (w *Way) Give(now time.Time) bool {
	if w.To == nil || now.Before(w.insists) || !w.To(now) {
		w.since = time.Time{}
		return false
	}
	if w.since.IsZero() {
		w.since = now
	}
	if now.Sub(w.since) < w.For {
		return true
	}
	w.since, w.insists = time.Time{}, now.Add(w.Then)
	return false
}
