package archive

import (
	"fmt"
	"sync"
	"time"
)

// space knows how much room the disk has, from samples.
type space struct {
	disk    disk
	reserve int64

	mu      sync.Mutex
	free    int64     // At the last sample; guarded by mu.
	sampled time.Time // Guarded by mu.
}

// check returns ErrFull when there is less room than the reserve.
func (s *space) check() error {
	if free, ok := s.sample(); ok && free < s.reserve {
		return fmt.Errorf("%w: %d MiB are free, %d MiB are kept in reserve; make room on the disk of the data directory", ErrFull, free>>20, s.reserve>>20)
	}
	return nil
}

// sample asks the file system a few times a second at most. It is false when
// the file system does not say; then a write will tell.
func (s *space) sample() (free int64, ok bool) {
	const every = 200 * time.Millisecond
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); s.sampled.IsZero() || now.Sub(s.sampled) >= every {
		free, err := s.disk.Free()
		if err != nil {
			return 0, false
		}
		s.free, s.sampled = free, now
	}
	return s.free, true
}

// forget makes the next check ask again.
func (s *space) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sampled = time.Time{}
}
